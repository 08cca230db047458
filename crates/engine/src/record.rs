//! What happened to one version, from the request to the end, and why.
//!
//! A record is made when a version is asked for, long before there is machine code, and may be
//! looked at long after the machine code is gone. It pins nothing.
//!
//! ```text
//!  Queued -> Compiling -> Compiled -> Published -> Retired -> Freed
//!     \          \            \  \     ^      \____^
//!      \          \            \  \    v           | (broken while it was linked)
//!       \          \            \  Suspended ------'
//!        `----------`------------`-> Refused
//! ```

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::sync::lock;
use crate::{EntryPoint, Reason, Tier, VersionId};

/// A version that is suspended and put back again and again keeps its request and so many later steps.
const MAX_STEPS: usize = 64;

/// How far a version has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
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
    /// No entry leads to it, but it may be published again: what it relies on is in doubt, or it is
    /// kept so that its function can be rolled back. There may be activations inside.
    Suspended,
    /// No entry leads to it any more; there may be activations inside.
    Retired,
    /// Its machine code is gone.
    Freed,
    /// It never came to machine code.
    Refused,
}

const STATES: [State; 8] = [
    State::Queued,
    State::Compiling,
    State::Compiled,
    State::Published,
    State::Suspended,
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
                | (Published, Suspended | Retired)
                | (Suspended, Published | Retired)
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
    name: Arc<str>,
    point: EntryPoint,
    tier: Tier,
    state: AtomicU8,
    history: Mutex<Vec<Transition>>,
    heat: AtomicU64,
    priority: AtomicU32,
    unwanted: AtomicBool,
}

impl Record {
    pub(crate) fn new(
        id: VersionId,
        name: Arc<str>,
        point: EntryPoint,
        tier: Tier,
        first: Transition,
    ) -> Self {
        Record {
            id,
            name,
            point,
            tier,
            state: AtomicU8::new(first.state as u8),
            history: Mutex::new(vec![first]),
            heat: AtomicU64::new(0),
            priority: AtomicU32::new(0),
            unwanted: AtomicBool::new(false),
        }
    }

    /// Which version this is.
    pub fn id(&self) -> VersionId {
        self.id
    }

    /// The name of its function: for people, never a key.
    pub fn name(&self) -> &Arc<str> {
        &self.name
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

    /// The steps so far, each with its reason; oldest first. Of many the first and the latest.
    pub fn history(&self) -> Vec<Transition> {
        lock(&self.history).clone()
    }

    /// How much it is used, in the embedder's own measure: what [`Version::warm`](crate::Version::warm)
    /// has added. The coldest go first where a budget is used up; then all heat is halved.
    pub fn heat(&self) -> u64 {
        // Relaxed, here and below: an estimate that orders nothing.
        self.heat.load(Ordering::Relaxed)
    }

    /// How urgent the request was: the highest of those that were merged.
    pub fn priority(&self) -> u32 {
        self.priority.load(Ordering::Relaxed)
    }

    pub(crate) fn raise_priority(&self, priority: u32) {
        self.priority.fetch_max(priority, Ordering::Relaxed);
    }

    pub(crate) fn warm(&self, amount: u64) {
        self.heat.fetch_add(amount, Ordering::Relaxed);
    }

    pub(crate) fn cool(&self) {
        self.heat.store(self.heat() / 2, Ordering::Relaxed);
    }

    /// Whether nobody waits for it any more, so that a compiler may as well stop.
    pub(crate) fn is_unwanted(&self) -> bool {
        // Relaxed: who misses it does work that is thrown away later.
        self.unwanted.load(Ordering::Relaxed)
    }

    pub(crate) fn unwant(&self) {
        self.unwanted.store(true, Ordering::Relaxed);
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
        if history.len() == MAX_STEPS {
            history.remove(1);
        }
        history.push(step);
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{} {:?}", self.id, self.point, self.state())
    }
}
