//! What happened, in order: a ring buffer of events.

use std::collections::VecDeque;
use std::fmt;
use std::time::{Duration, Instant};

use crate::{CodeId, EntryKey};

/// Something that happened to a version or to an entry. See [`Runtime::take_events`](crate::Runtime::take_events).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Event {
    /// Counts from 0. Where numbers are missing, events were overwritten before they were taken.
    pub number: u64,
    /// When it happened, from the time on when the runtime was built.
    pub at: Duration,
    /// What happened.
    pub kind: EventKind,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub enum EventKind {
    /// The version is in executable memory. Nothing leads to it yet.
    Published(CodeId),
    /// An entry leads to another version, or to its default target (`None`).
    Relinked {
        /// The entry.
        entry: EntryKey,
        /// Where it led.
        from: Option<CodeId>,
        /// Where it leads now.
        to: Option<CodeId>,
    },
    /// No entry leads to the version any more, and none will again.
    Retired(CodeId),
    /// The version's bytes are gone.
    Freed(CodeId),
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>12.6} ", self.at.as_secs_f64())?;
        match self.kind {
            EventKind::Published(id) => write!(f, "published {id}"),
            EventKind::Relinked { entry, from, to } => {
                write!(
                    f,
                    "relinked  {entry} from {} to {}",
                    Target(from),
                    Target(to)
                )
            }
            EventKind::Retired(id) => write!(f, "retired   {id}"),
            EventKind::Freed(id) => write!(f, "freed     {id}"),
        }
    }
}

/// A version, or the default target.
pub(crate) struct Target(pub(crate) Option<CodeId>);

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(id) => id.fmt(f),
            None => f.write_str("its default"),
        }
    }
}

/// The last so many events.
pub(crate) struct Events {
    start: Instant,
    capacity: usize,
    next: u64,
    ring: VecDeque<Event>,
}

impl Events {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            start: Instant::now(),
            capacity,
            next: 0,
            ring: VecDeque::new(),
        }
    }

    pub(crate) fn push(&mut self, kind: EventKind) {
        if self.capacity == 0 {
            return;
        }
        if self.ring.len() == self.capacity {
            self.ring.pop_front();
        }
        self.ring.push_back(Event {
            number: self.next,
            at: self.start.elapsed(),
            kind,
        });
        self.next += 1;
    }

    pub(crate) fn take(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.ring).into()
    }
}
