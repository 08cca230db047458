//! What happened to one version, from the request to the end, and why.
//!
//! A record is made when a version is asked for, long before there is machine code, and may be
//! looked at long after the machine code is gone. It pins nothing.
//!
//! ```text
//!  Queued -> Compiling -> Compiled -> Published -> Retired -> Freed
//!     \          \            \  \__________________/ (broken while it was linked)
//!      `----------`------------`-> Refused
//! ```

use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use crate::sync::lock;
use crate::{EntryPoint, Reason, Tier, VersionId};

/// How far a version has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum State {
    /// Waits for a compile thread.
    Queued,
    /// The compiler is at work on it.
    Compiling,
    /// The compiler has answered; waits in the mailbox for the embedder.
    Compiled,
    /// Its entry leads to it.
    Published,
    /// No entry leads to it any more; there may be activations inside.
    Retired,
    /// Its machine code is gone.
    Freed,
    /// It never came to machine code.
    Refused,
}

const STATES: [State; 7] = [
    State::Queued,
    State::Compiling,
    State::Compiled,
    State::Published,
    State::Retired,
    State::Freed,
    State::Refused,
];

impl State {
    /// Whether a translation is on its way and has not been answered with code or a refusal.
    pub fn is_under_way(self) -> bool {
        matches!(self, State::Queued | State::Compiling | State::Compiled)
    }

    fn may_become(self, next: State) -> bool {
        use State::*;
        matches!(
            (self, next),
            (Queued, Compiling)
                | (Compiling, Compiled)
                | (Compiled, Published | Retired)
                | (Published, Retired)
                | (Retired, Freed)
                | (Queued | Compiling | Compiled, Refused)
        )
    }
}

/// One step in the life of a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transition {
    /// What it became.
    pub state: State,
    /// Why.
    pub reason: Reason,
    /// When, counted from the making of the engine.
    pub at: Duration,
}

/// The life of one version.
pub struct Record {
    id: VersionId,
    point: EntryPoint,
    tier: Tier,
    state: AtomicU8,
    history: Mutex<Vec<Transition>>,
}

impl Record {
    pub(crate) fn new(id: VersionId, point: EntryPoint, tier: Tier, first: Transition) -> Self {
        Record {
            id,
            point,
            tier,
            state: AtomicU8::new(first.state as u8),
            history: Mutex::new(vec![first]),
        }
    }

    /// Which version this is.
    pub fn id(&self) -> VersionId {
        self.id
    }

    /// The door of the function that it was made for.
    pub fn point(&self) -> EntryPoint {
        self.point
    }

    /// How much work was spent.
    pub fn tier(&self) -> Tier {
        self.tier
    }

    /// How far it has come. Another thread may move it on at any time.
    pub fn state(&self) -> State {
        // Acquire, paired with the Release in `advance`: who reads `Published` also sees what was
        // stored before publishing. Of the history, the lock takes care.
        STATES[usize::from(self.state.load(Ordering::Acquire))]
    }

    /// Every step so far, with its reason; oldest first. At most seven.
    pub fn history(&self) -> Vec<Transition> {
        lock(&self.history).clone()
    }

    /// Moves on. A step that the picture above does not have is a bug of this crate.
    pub(crate) fn advance(&self, step: Transition) {
        let mut history = lock(&self.history);
        let state = self.state();
        assert!(
            state.may_become(step.state),
            "{} cannot go from {state:?} to {:?} ({})",
            self.id,
            step.state,
            step.reason,
        );
        self.state.store(step.state as u8, Ordering::Release);
        history.push(step);
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{} {:?}", self.id, self.point, self.state())
    }
}
