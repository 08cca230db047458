//! The part of the engine that knows no compiler: versions come, are broken, retire and are freed.
//!
//! Lock order: a slot's writer is taken inside the graph's lock; every other lock is taken alone.
//! No code of the embedder (hooks, `Drop` of its data) runs under a lock.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock};

use crossbeam_channel::{Receiver, Sender, unbounded};
use martlet_machine_code::{CodeId, DefaultTarget, EntryKey, Runtime, Strategy};

use crate::events::{EventLog, What};
use crate::function::Body;
use crate::graph::{Dependency, Graph};
use crate::record::Transition;
use crate::slot::Slot;
use crate::stats::Counters;
use crate::sync::lock;
use crate::{
    EntryPoint, Error, FunctionId, Reason, Record, Refusal, Released, State, Version, VersionId,
    reasons,
};

/// Tells the embedder that a version must not be relied on any more.
pub(crate) type InvalidateHook<M> = Box<dyn Fn(&Version<M>) + Send + Sync>;

/// Both ends of a channel.
type Line<T> = (Sender<T>, Receiver<T>);

pub(crate) struct Lifecycle<M> {
    pub(crate) runtime: Runtime,
    pub(crate) counters: Counters,
    pub(crate) log: EventLog,
    pub(crate) graph: Mutex<Graph<M>>,
    pub(crate) on_invalidate: OnceLock<InvalidateHook<M>>,
    strategy: Strategy,
    /// Bodies whose last handle was dropped. Channels because pushing must not block.
    graveyard: Line<Arc<Body<M>>>,
    /// What the compiler has yet to hear of.
    released: Line<Released>,
    retired: Mutex<Retired<M>>,
}

struct Retired<M> {
    /// Versions whose machine code is not freed yet.
    versions: BTreeMap<VersionId, Arc<Version<M>>>,
    /// Buried functions: their entries stay until their last version is freed.
    bodies: BTreeMap<FunctionId, Arc<Body<M>>>,
}

/// What [`Engine::collect`](crate::Engine::collect) did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Collected {
    /// Functions of which no handle was left.
    pub buried: Vec<FunctionId>,
    /// Versions whose machine code is gone now.
    pub freed: Vec<VersionId>,
    /// Retired versions that somebody is inside of, or may be.
    pub still_inside: usize,
}

impl<M> Lifecycle<M> {
    /// Hands a body to the next `collect`. Never blocks.
    pub(crate) fn bury_later(&self, body: Arc<Body<M>>) {
        // It fails only when the receiver is gone, and that lies beside the sender.
        let _ = self.graveyard.0.send(body);
    }
}

impl<M: Send + Sync + 'static> Lifecycle<M> {
    pub(crate) fn new(runtime: Runtime, strategy: Strategy, n_events: usize) -> Self {
        Lifecycle {
            runtime,
            counters: Counters::default(),
            log: EventLog::new(n_events),
            graph: Mutex::new(Graph::new()),
            on_invalidate: OnceLock::new(),
            strategy,
            graveyard: unbounded(),
            released: unbounded(),
            retired: Mutex::new(Retired {
                versions: BTreeMap::new(),
                bodies: BTreeMap::new(),
            }),
        }
    }

    pub(crate) fn slot(
        &self,
        function: FunctionId,
        point: EntryPoint,
        default: DefaultTarget,
    ) -> Result<Arc<Slot<M>>, Error> {
        let key = EntryKey {
            identity: function.0,
            signature: point.0,
        };
        let entry = self.runtime.entry(key, self.strategy, default)?;
        Ok(Arc::new(Slot::new(entry)))
    }

    /// The first record of a version.
    pub(crate) fn open_record(
        &self,
        id: VersionId,
        point: EntryPoint,
        tier: crate::Tier,
    ) -> Arc<Record> {
        let first = self.step(State::Queued, &reasons::REQUESTED.into());
        let record = Arc::new(Record::new(id, point, tier, first));
        self.note(&record, State::Queued, &reasons::REQUESTED.into());
        record
    }

    /// Moves a version on, and tells so.
    pub(crate) fn advance(&self, record: &Record, state: State, reason: &Reason) {
        record.advance(self.step(state, reason));
        self.note(record, state, reason);
    }

    /// Ends a version that has no machine code; counted.
    pub(crate) fn refuse(&self, record: &Record, refusal: &Refusal) {
        self.counters.refused(&refusal.reason);
        if !refusal.detail.is_empty() {
            tracing::debug!(target: "martlet::engine", version = %record.id(), %refusal, "not compiled");
        }
        self.advance(record, State::Refused, &refusal.reason);
    }

    /// Tells the compiler, at the next occasion, that it may forget.
    pub(crate) fn release(&self, released: Released) {
        // It fails only when the receiver is gone, and that lies beside the sender.
        let _ = self.released.0.send(released);
    }

    /// What is to be told to the compiler now.
    pub(crate) fn take_released(&self) -> Vec<Released> {
        self.released.1.try_iter().collect()
    }

    pub(crate) fn has_released(&self) -> bool {
        !self.released.1.is_empty()
    }

    /// All that relied on `cause` falls: its entry leads to the default target, the embedder is
    /// told, it is retired. Answers how many fell.
    pub(crate) fn break_dependency(&self, cause: Dependency, reason: &Reason) -> usize {
        let fallen = lock(&self.graph).break_dependency(cause, reason);
        // First the doors, so that no new activation relies on what those inside are about to lose.
        let taken_out: Vec<bool> = fallen.iter().map(|it| it.retract()).collect();
        for version in &fallen {
            self.tell_invalid(version, reason);
        }
        for (version, taken_out) in fallen.iter().zip(taken_out) {
            // Otherwise it had been replaced before, and was retired then.
            if taken_out {
                self.retire(version, reason);
            }
        }
        fallen.len()
    }

    /// Clears `valid`, by the embedder's hook; counted.
    pub(crate) fn tell_invalid(&self, version: &Version<M>, reason: &Reason) {
        if version.state() == State::Freed {
            return;
        }
        self.counters.invalidated(reason);
        self.log.push(What::Invalidated(version.id()), reason);
        if let Some(hook) = self.on_invalidate.get() {
            hook(version);
        }
    }

    /// No entry leads to `version` any more (and none ever will again): who took it out of its slot
    /// calls this, once.
    pub(crate) fn retire(&self, version: &Arc<Version<M>>, reason: &Reason) {
        let id = version.id();
        let was_published = version.state() == State::Published;
        self.counters.retired(was_published);
        self.advance(&version.record, State::Retired, reason);
        self.release(Released::Version(id));
        if was_published {
            lock(&self.graph).retire(id);
            lock(&self.retired).versions.insert(id, version.clone());
            version.give_up_code();
        } else {
            // Nobody could ever come in, so `machine-code` frees it at once.
            version.give_up_code();
            self.note_freed(version);
            version.let_go();
        }
    }

    fn note_freed(&self, version: &Version<M>) {
        self.counters.freed();
        self.advance(&version.record, State::Freed, &reasons::QUIESCENT.into());
    }

    /// Buries dead functions and frees what nobody is inside of.
    pub(crate) fn collect(&self, inside: &dyn Fn(CodeId) -> bool) -> Collected {
        let buried = self.bury();
        let swept = self.runtime.collect(inside);
        let freed: Vec<VersionId> = swept.freed.into_iter().map(VersionId::from_code).collect();
        let mut dropped = Vec::new();
        for id in &freed {
            // An id that is not ours was published on the same runtime by somebody else.
            let version = lock(&self.retired).versions.remove(id);
            if let Some(version) = version {
                self.note_freed(&version);
                dropped.push(version);
            }
        }
        let emptied = self.empty_graves();
        lock(&self.graph).sweep();
        for version in &dropped {
            version.let_go();
        }
        // Embedder's data is dropped here, with no lock held.
        drop((dropped, emptied));
        Collected {
            buried,
            freed,
            still_inside: lock(&self.retired).versions.len(),
        }
    }

    fn bury(&self) -> Vec<FunctionId> {
        let mut buried = Vec::new();
        let reason = Reason::from(reasons::FUNCTION_DIED);
        for body in self.graveyard.1.try_iter() {
            self.log.push(What::FunctionDropped(body.id), &reason);
            self.counters.function_buried();
            for slot in body.slots() {
                if let Some(version) = slot.current()
                    && slot.retract(version.id())
                {
                    self.retire(&version, &reason);
                }
            }
            if body.was_requested() {
                self.release(Released::Function(body.id));
            }
            buried.push(body.id);
            lock(&self.retired).bodies.insert(body.id, body);
        }
        buried
    }

    /// Takes out buried functions of which no machine code is left.
    fn empty_graves(&self) -> Vec<Arc<Body<M>>> {
        let mut retired = lock(&self.retired);
        let Retired { versions, bodies } = &mut *retired;
        bodies
            .extract_if(.., |id, _| {
                let first = VersionId {
                    function: *id,
                    number: 0,
                };
                let last = VersionId {
                    function: *id,
                    number: u32::MAX,
                };
                versions.range(first..=last).next().is_none()
            })
            .map(|(_, body)| body)
            .collect()
    }

    pub(crate) fn step(&self, state: State, reason: &Reason) -> Transition {
        Transition {
            state,
            reason: reason.clone(),
            at: self.log.now(),
        }
    }

    pub(crate) fn note(&self, record: &Record, state: State, reason: &Reason) {
        self.log
            .push(What::Version(record.id(), record.point(), state), reason);
    }
}
