//! The last things that happened, kept in a bounded ring and sent to `tracing`.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::sync::lock;
use crate::{EntryPoint, FunctionId, Reason, State, VersionId};

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When, counted from the making of the engine.
    pub at: Duration,
    /// What.
    pub what: What,
    /// Why.
    pub reason: Reason,
}

/// What an [`Event`] tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum What {
    /// A version came into a state.
    Version(VersionId, EntryPoint, State),
    /// Something that a version relies on broke, and its embedder was told.
    Invalidated(VersionId),
    /// The last handle of a function is gone.
    FunctionDropped(FunctionId),
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>12.6} ", self.at.as_secs_f64())?;
        match self.what {
            What::Version(id, point, state) => write!(f, "{id}{point} {state:?}")?,
            What::Invalidated(id) => write!(f, "{id} Invalidated")?,
            What::FunctionDropped(id) => write!(f, "{id} Dropped")?,
        }
        write!(f, " ({})", self.reason)
    }
}

pub(crate) struct EventLog {
    start: Instant,
    limit: usize,
    ring: Mutex<VecDeque<Event>>,
}

impl EventLog {
    pub(crate) fn new(limit: usize) -> Self {
        EventLog {
            start: Instant::now(),
            limit,
            ring: Mutex::new(VecDeque::new()),
        }
    }

    pub(crate) fn now(&self) -> Duration {
        self.start.elapsed()
    }

    pub(crate) fn push(&self, what: What, reason: &Reason) {
        tracing::debug!(target: "martlet::engine", ?what, %reason);
        if self.limit == 0 {
            return;
        }
        let event = Event {
            at: self.now(),
            what,
            reason: reason.clone(),
        };
        let mut ring = lock(&self.ring);
        if ring.len() == self.limit {
            ring.pop_front();
        }
        ring.push_back(event);
    }

    pub(crate) fn latest(&self) -> Vec<Event> {
        lock(&self.ring).iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ring_keeps_the_latest() {
        let log = EventLog::new(2);
        for id in 1..=3 {
            log.push(What::FunctionDropped(FunctionId(id)), &"test".into());
        }
        let ids: Vec<_> = log.latest().into_iter().map(|it| it.what).collect();
        assert_eq!(
            ids,
            [
                What::FunctionDropped(FunctionId(2)),
                What::FunctionDropped(FunctionId(3))
            ]
        );
    }
}
