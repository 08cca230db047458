//! A hand on the wheel: a version is pinned, the one before put back, a function not compiled at all.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::lifecycle::Lifecycle;
use crate::slot::Slot;
use crate::sync::lock;
use crate::{EntryPoint, Function, Reason, Record, Refusal, State, Version, reasons};

/// What was decided for a function.
#[derive(Default)]
pub(crate) struct Controls {
    forbidden: Option<Reason>,
    /// Versions that are to stay.
    pinned: BTreeMap<EntryPoint, Arc<Record>>,
}

impl<M: Send + Sync + 'static> Function<M> {
    /// Keeps the version behind a door: until [`Function::unpin`], requests for the door are refused as
    /// [`reasons::PINNED`], and so is what is under way; it is not evicted. It falls with what it relies
    /// on all the same, and is no longer pinned then. Answers the version, if there is one.
    pub fn pin(&self, point: EntryPoint) -> Option<Arc<Version<M>>> {
        let lifecycle = self.lifecycle();
        // Nothing is published meanwhile.
        let _graph = lock(&lifecycle.graph);
        let version = self.current_at(point)?;
        let mut controls = lock(&self.body().controls);
        controls.pinned.insert(point, version.record().clone());
        Some(version)
    }

    /// Lets the version behind a door be replaced again.
    pub fn unpin(&self, point: EntryPoint) {
        lock(&self.body().controls).pinned.remove(&point);
    }

    /// Puts back the latest version that was replaced, if
    /// [`Options::keep_replaced`](crate::Options::keep_replaced) kept it and all that it relies on still
    /// holds. The one that is current now is retired.
    pub fn roll_back(&self, point: EntryPoint) -> Option<Arc<Version<M>>> {
        let slot = self.body().existing_slot(point)?;
        self.lifecycle().roll_back(&slot)
    }

    /// Has the function not compiled any more: its versions fall, requests are refused as
    /// [`reasons::FORBIDDEN`], and so is what is under way. Answers how many fell.
    pub fn forbid(&self, reason: impl Into<Reason>) -> usize {
        let reason = reason.into();
        // First, so that nothing is published behind the fall.
        lock(&self.body().controls).forbidden = Some(reason.clone());
        self.invalidate(reason)
    }

    /// Lets the function be compiled again.
    pub fn allow(&self) {
        lock(&self.body().controls).forbidden = None;
    }
}

impl<M> crate::function::Body<M> {
    /// Why no version may come behind a door, if so.
    pub(crate) fn is_closed_at(&self, point: EntryPoint) -> Option<Refusal> {
        let controls = lock(&self.controls);
        if let Some(why) = &controls.forbidden {
            return Some(Refusal::new(reasons::FORBIDDEN, why.clone()));
        }
        let pinned = controls.pinned.get(&point)?;
        is_there(pinned).then(|| Refusal::new(reasons::PINNED, pinned.id().to_string()))
    }

    /// Whether this very version is to stay.
    pub(crate) fn is_pinned(&self, record: &Record) -> bool {
        let controls = lock(&self.controls);
        let pinned = controls.pinned.get(&record.point());
        pinned.is_some_and(|it| it.id() == record.id())
    }
}

/// A pin ends with its version.
fn is_there(record: &Record) -> bool {
    matches!(record.state(), State::Published | State::Suspended)
}

impl<M: Send + Sync + 'static> Lifecycle<M> {
    fn roll_back(&self, slot: &Slot<M>) -> Option<Arc<Version<M>>> {
        let reason = Reason::from(reasons::ROLLED_BACK);
        let mut graph = lock(&self.graph);
        let version = slot
            .aside()
            .into_iter()
            .rev()
            .find(|it| !it.is_doubted() && graph.holds(it.id()))?;
        let (was_aside, old) = slot.exchange(version.id());
        if !was_aside {
            return None;
        }
        self.resume(&version, &reason);
        if let Some(old) = &old {
            self.close(&mut graph, old, &reason);
        }
        drop(graph);
        self.note(version.record(), State::Published, &reason);
        if let Some(old) = &old {
            self.lay_down(old, &reason);
        }
        Some(version)
    }
}
