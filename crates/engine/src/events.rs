//! What happened: the latest in a bounded ring, everything to `tracing`, and to a file if asked.

use std::collections::VecDeque;
use std::fmt;
use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::sync::lock;
use crate::{EntryPoint, FunctionId, Place, Reason, State, Tier, VersionId};

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Event {
    /// When, counted from the making of the engine.
    pub at: Duration,
    /// What.
    pub what: What,
    /// The function's name: for people, never a key.
    pub name: Arc<str>,
    /// Why.
    pub reason: Reason,
    /// Bytes of machine code and its tables that were not freed then.
    pub bytes: u64,
}

/// What an [`Event`] tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum What {
    /// A version came into a state.
    Version(VersionId, EntryPoint, Tier, State),
    /// Something that a version relies on broke, and its embedder was told.
    Invalidated(VersionId),
    /// What a version relies on is in doubt, and its embedder was told.
    Doubted(VersionId),
    /// The doubt is over, and the version may be relied on as before.
    Revived(VersionId),
    /// A version is left too often at this place, whatever is made of it: compiling it anew stops
    /// for a while.
    Storm(VersionId, Place),
    /// The last handle of a function is gone.
    FunctionDropped(FunctionId),
}

impl What {
    /// The function that it is about.
    pub fn function(self) -> FunctionId {
        match self {
            What::FunctionDropped(id) => id,
            What::Version(id, ..)
            | What::Invalidated(id)
            | What::Doubted(id)
            | What::Revived(id)
            | What::Storm(id, _) => id.function,
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>12.6} `{}` ", self.at.as_secs_f64(), self.name)?;
        match self.what {
            What::Version(id, point, _, state) => write!(f, "{id}{point} {state:?}")?,
            What::Invalidated(id) => write!(f, "{id} Invalidated")?,
            What::Doubted(id) => write!(f, "{id} Doubted")?,
            What::Revived(id) => write!(f, "{id} Revived")?,
            What::Storm(id, place) => write!(f, "{id} Storm at {place}")?,
            What::FunctionDropped(id) => write!(f, "{id} Dropped")?,
        }
        write!(f, " ({})", self.reason)
    }
}

pub(crate) struct EventLog {
    start: Instant,
    limit: usize,
    bytes: AtomicU64,
    ring: Mutex<VecDeque<Event>>,
    file: Mutex<Option<Box<dyn Write + Send>>>,
}

impl EventLog {
    pub(crate) fn new(limit: usize) -> Self {
        EventLog {
            start: Instant::now(),
            limit,
            bytes: AtomicU64::new(0),
            ring: Mutex::new(VecDeque::new()),
            file: Mutex::new(None),
        }
    }

    pub(crate) fn now(&self) -> Duration {
        self.start.elapsed()
    }

    /// Machine code came.
    pub(crate) fn add_bytes(&self, bytes: u64) {
        // Relaxed, here and below: a number that people read.
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Machine code went.
    pub(crate) fn remove_bytes(&self, bytes: u64) {
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Every event from now on goes there, too, as one line of JSON, written at once.
    pub(crate) fn write_to(&self, file: Box<dyn Write + Send>) {
        *lock(&self.file) = Some(file);
    }

    pub(crate) fn push(&self, what: What, name: &Arc<str>, reason: &Reason) {
        tracing::debug!(target: "martlet::engine", ?what, %name, %reason);
        let event = Event {
            at: self.now(),
            what,
            name: name.clone(),
            reason: reason.clone(),
            bytes: self.bytes.load(Ordering::Relaxed),
        };
        self.write(&event);
        if self.limit == 0 {
            return;
        }
        let mut ring = lock(&self.ring);
        if ring.len() == self.limit {
            ring.pop_front();
        }
        ring.push_back(event);
    }

    /// A file that cannot be written to is given up: nothing stops for want of a log.
    fn write(&self, event: &Event) {
        let mut file = lock(&self.file);
        let Some(out) = &mut *file else { return };
        let written = serde_json::to_string(event)
            .map_err(std::io::Error::from)
            .and_then(|line| out.write_all(format!("{line}\n").as_bytes()));
        if let Err(error) = written {
            tracing::warn!(target: "martlet::engine", %error, "the event log ends here");
            *file = None;
        }
    }

    pub(crate) fn latest(&self) -> Vec<Event> {
        lock(&self.ring).iter().cloned().collect()
    }

    pub(crate) fn of(&self, function: FunctionId) -> Vec<Event> {
        let ring = lock(&self.ring);
        let its = ring.iter().filter(|it| it.what.function() == function);
        its.cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ring_keeps_the_latest() {
        let log = EventLog::new(2);
        for id in 1..=3 {
            log.push(
                What::FunctionDropped(FunctionId(id)),
                &"f".into(),
                &"test".into(),
            );
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
