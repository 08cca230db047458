//! The part of the engine that knows no compiler: versions come, are broken, retire and are freed.
//!
//! Versions come to their doors and leave them, and say so in their records, under the graph's lock;
//! so whoever holds it knows where each stands.
//!
//! Lock order: a slot's lock and a function's controls are taken inside the graph's lock; every other
//! lock is taken alone. No code of the embedder (hooks, `Drop` of its data) runs under a lock.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
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
    EntryPoint, Error, FunctionId, Options, Place, Reason, Record, Refusal, Released, State, Tier,
    Version, VersionId, reasons,
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
    pub(crate) on_revive: OnceLock<InvalidateHook<M>>,
    pub(crate) on_evict: OnceLock<InvalidateHook<M>>,
    pub(crate) options: Options,
    /// Bytes of the versions that entries lead to or may lead to again.
    living_bytes: AtomicU64,
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
    pub(crate) fn new(runtime: Runtime, options: Options) -> Self {
        Lifecycle {
            runtime,
            counters: Counters::default(),
            log: EventLog::new(options.events),
            graph: Mutex::new(Graph::new()),
            on_invalidate: OnceLock::new(),
            on_revive: OnceLock::new(),
            on_evict: OnceLock::new(),
            options,
            living_bytes: AtomicU64::new(0),
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
        strategy: Strategy,
    ) -> Result<Arc<Slot<M>>, Error> {
        let key = EntryKey {
            identity: function.0,
            signature: point.0,
        };
        let entry = self.runtime.entry(key, strategy, default)?;
        Ok(Arc::new(Slot::new(entry)))
    }

    /// The first record of a version.
    pub(crate) fn open_record(
        &self,
        id: VersionId,
        name: &Arc<str>,
        point: EntryPoint,
        tier: Tier,
    ) -> Arc<Record> {
        let first = self.step(State::Queued, &reasons::REQUESTED.into());
        let record = Arc::new(Record::new(id, name.clone(), point, tier, first));
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
    /// told, it is retired. Answers what fell, and whether it was behind its door until now.
    pub(crate) fn break_dependency(
        &self,
        cause: Dependency,
        reason: &Reason,
    ) -> Vec<(Arc<Version<M>>, bool)> {
        let fallen = lock(&self.graph).break_dependency(cause, reason);
        self.fall(fallen, reason)
    }

    /// The same for versions that are wrong themselves, and what contains them.
    pub(crate) fn break_versions(
        &self,
        ids: impl IntoIterator<Item = VersionId>,
        reason: &Reason,
    ) -> Vec<(Arc<Version<M>>, bool)> {
        let fallen = lock(&self.graph).break_versions(ids, reason);
        self.fall(fallen, reason)
    }

    fn fall(&self, fallen: Vec<Arc<Version<M>>>, reason: &Reason) -> Vec<(Arc<Version<M>>, bool)> {
        // First the doors, so that no new activation relies on what those inside are about to lose.
        let with_doors = fallen.into_iter().map(|version| {
            let taken_out = self.take_out(&version, reason);
            (version, taken_out)
        });
        let fallen: Vec<_> = with_doors.collect();
        for (version, _) in &fallen {
            self.tell_invalid(version, reason);
        }
        for (version, taken_out) in &fallen {
            // Otherwise it had been replaced before, and was retired then.
            if *taken_out {
                self.lay_down(version, reason);
            }
        }
        fallen
    }

    /// Clears `valid`, by the embedder's hook; counted.
    pub(crate) fn tell_invalid(&self, version: &Version<M>, reason: &Reason) {
        if version.state() == State::Freed {
            return;
        }
        self.counters.invalidated(reason);
        self.log.push(
            What::Invalidated(version.id()),
            version.record.name(),
            reason,
        );
        self.clear_valid(version);
    }

    /// Tells those inside, by the version's own byte and by the embedder's hook.
    pub(crate) fn clear_valid(&self, version: &Version<M>) {
        version.set_valid(false);
        if let Some(hook) = self.on_invalidate.get() {
            hook(version);
        }
    }

    /// Whatever is made of a function is left too often at this place; counted.
    pub(crate) fn storm(&self, record: &Record, place: Place) {
        self.counters.storm(record, place);
        let what = What::Storm(record.id(), place);
        self.log.push(what, record.name(), &reasons::STORM.into());
    }

    /// A linked unit comes behind its door: the machine code counts from now on.
    pub(crate) fn count_published(&self, version: &Version<M>) {
        // Relaxed, here and below: changed under the graph's lock.
        self.living_bytes
            .fetch_add(version.bytes, Ordering::Relaxed);
    }

    /// Bytes of the versions that entries lead to or may lead to again.
    pub(crate) fn living_bytes(&self) -> u64 {
        self.living_bytes.load(Ordering::Relaxed)
    }

    /// Retires a version, if it is behind its door or stands aside; [`Lifecycle::lay_down`] is to
    /// follow then.
    fn take_out(&self, version: &Arc<Version<M>>, reason: &Reason) -> bool {
        let mut graph = lock(&self.graph);
        let taken_out = version.retract();
        if taken_out {
            self.close(&mut graph, version, reason);
        }
        taken_out
    }

    /// Retires a version that was just taken out of its slot.
    pub(crate) fn close(&self, graph: &mut Graph<M>, version: &Version<M>, reason: &Reason) {
        self.counters.retired(version.state());
        self.living_bytes
            .fetch_sub(version.bytes, Ordering::Relaxed);
        version.record.advance(self.step(State::Retired, reason));
        graph.retire(version.id());
    }

    /// The machine code of a version that was closed goes when nobody is inside.
    pub(crate) fn lay_down(&self, version: &Arc<Version<M>>, reason: &Reason) {
        self.note(&version.record, State::Retired, reason);
        self.release_version(version);
        lock(&self.retired)
            .versions
            .insert(version.id(), version.clone());
        version.give_up_code();
    }

    /// Takes a version that harms nobody out of its slot for good; false if it was not there.
    pub(crate) fn retire(&self, version: &Arc<Version<M>>, reason: &Reason) -> bool {
        let taken_out = self.take_out(version, reason);
        if taken_out {
            self.lay_down(version, reason);
        }
        taken_out
    }

    /// Takes a version that harms nobody out of its slot with nothing in its place, and tells the
    /// embedder.
    pub(crate) fn evict(&self, version: &Arc<Version<M>>, reason: &Reason) -> bool {
        let evicted = self.retire(version, reason);
        if evicted && let Some(hook) = self.on_evict.get() {
            hook(version);
        }
        evicted
    }

    /// Ends a version that no entry has led to. Nobody could ever come in, so `machine-code` frees it
    /// at once.
    pub(crate) fn discard(&self, version: &Version<M>, reason: &Reason) {
        self.counters.retired(version.state());
        self.advance(&version.record, State::Retired, reason);
        self.release_version(version);
        version.give_up_code();
        self.note_freed(version);
        version.let_go();
    }

    /// The intermediate code of a version may go.
    pub(crate) fn release_version(&self, version: &Version<M>) {
        if version.take_release() {
            self.release(Released::Version(version.id()));
        }
    }

    fn note_freed(&self, version: &Version<M>) {
        self.counters.freed();
        self.log.remove_bytes(version.bytes);
        self.advance(&version.record, State::Freed, &reasons::QUIESCENT.into());
    }

    /// Buries dead functions and frees what nobody is inside of.
    pub(crate) fn collect(&self, inside: &dyn Fn(CodeId) -> bool) -> Collected {
        let buried = self.bury();
        self.unsettle_all();
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
            self.log
                .push(What::FunctionDropped(body.id), body.name(), &reason);
            self.counters.function_buried();
            body.unwant_requests();
            for slot in body.slots() {
                // Nobody can publish any more: that takes a handle.
                for version in slot.current().into_iter().chain(slot.aside()) {
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
        let what = What::Version(record.id(), record.point(), record.tier(), state);
        self.log.push(what, record.name(), reason);
    }
}
