//! A function as the embedder holds it: an identity with doors, and versions behind them.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, Weak};

use arc_swap::ArcSwapOption;
use martlet_machine_code::{DefaultTarget, Entry, Strategy};

use crate::budget::Evictions;
use crate::controls::Controls;
use crate::exits::Exits;
use crate::graph::Dependency;
use crate::lifecycle::Lifecycle;
use crate::slot::Slot;
use crate::sync::lock;
use crate::{EntryPoint, Error, FunctionId, Place, Reason, Record, Refusal, State, Version};

/// So many of the latest records are kept with the function.
const MAX_RECORDS: usize = 32;

/// A function that can be compiled. Cloning copies the handle.
///
/// When the last handle is dropped (on any thread; this never blocks) the function is buried by the
/// next [`Engine::collect`](crate::Engine::collect): its entries lead to their default targets, its
/// versions retire, its intermediate code is released.
pub struct Function<M>(Arc<Handle<M>>);

struct Handle<M> {
    body: Arc<Body<M>>,
    lifecycle: Arc<Lifecycle<M>>,
}

/// A handle that does not keep the function.
pub(crate) struct WeakFunction<M>(Weak<Handle<M>>);

/// What is left in the graveyard when the handles are gone.
pub(crate) struct Body<M> {
    pub(crate) id: FunctionId,
    name: Arc<str>,
    default: DefaultTarget,
    strategy: Strategy,
    generic: Arc<Slot<M>>,
    others: Mutex<BTreeMap<EntryPoint, Arc<Slot<M>>>>,
    latest_number: AtomicU32,
    /// The latest request for each door; whether it is still under way its state tells.
    pub(crate) asked: Mutex<BTreeMap<EntryPoint, Arc<Record>>>,
    refusal: ArcSwapOption<Refusal>,
    records: Mutex<VecDeque<Arc<Record>>>,
    pub(crate) controls: Mutex<Controls>,
    exits: Mutex<BTreeMap<EntryPoint, Exits>>,
    pub(crate) evictions: Mutex<BTreeMap<EntryPoint, Evictions>>,
}

impl<M: Send + Sync + 'static> Function<M> {
    pub(crate) fn new(
        lifecycle: &Arc<Lifecycle<M>>,
        id: FunctionId,
        name: Arc<str>,
        default: DefaultTarget,
        strategy: Strategy,
    ) -> Result<Self, Error> {
        let generic = lifecycle.slot(id, EntryPoint::GENERIC, default, strategy)?;
        let body = Arc::new(Body {
            id,
            name,
            default,
            strategy,
            generic,
            others: Mutex::default(),
            latest_number: AtomicU32::new(0),
            asked: Mutex::default(),
            refusal: ArcSwapOption::const_empty(),
            records: Mutex::default(),
            controls: Mutex::default(),
            exits: Mutex::default(),
            evictions: Mutex::default(),
        });
        Ok(Function(Arc::new(Handle {
            body,
            lifecycle: lifecycle.clone(),
        })))
    }

    /// The identity; never used again for another function.
    pub fn id(&self) -> FunctionId {
        self.0.body.id
    }

    /// The name given when it was made: for people, never a key.
    pub fn name(&self) -> &Arc<str> {
        &self.0.body.name
    }

    /// The general door. Its address is the same for as long as the function lives.
    pub fn entry(&self) -> &Entry {
        self.0.body.generic.entry()
    }

    /// Another door, made when first asked for; it leads to the function's default target until a
    /// version is installed for `point`. Hold the answer in a variable and take the entry from it.
    ///
    /// # Errors
    /// Where no memory for the entry can be had.
    pub fn door(&self, point: EntryPoint) -> Result<Door<M>, Error> {
        self.door_with_default(point, self.0.body.default)
    }

    /// Like [`Function::door`], with a default target of its own: another calling convention needs
    /// an adapter.
    ///
    /// # Errors
    /// Where no memory for the entry can be had, or the door exists with another default target.
    pub fn door_with_default(
        &self,
        point: EntryPoint,
        default: DefaultTarget,
    ) -> Result<Door<M>, Error> {
        let body = &self.0.body;
        if point == EntryPoint::GENERIC {
            return Ok(Door(body.generic.clone()));
        }
        let mut others = lock(&body.others);
        if let Some(slot) = others.get(&point) {
            return Ok(Door(slot.clone()));
        }
        let slot = self
            .0
            .lifecycle
            .slot(body.id, point, default, body.strategy)?;
        others.insert(point, slot.clone());
        Ok(Door(slot))
    }

    /// The version behind the general door. What is published by the time of the call; who was led
    /// to a version by the entry finds that version here, or what took its place since.
    pub fn current(&self) -> Option<Arc<Version<M>>> {
        self.0.body.generic.current()
    }

    /// The version behind `point`.
    pub fn current_at(&self, point: EntryPoint) -> Option<Arc<Version<M>>> {
        self.0.body.existing_slot(point)?.current()
    }

    /// The latest requests and versions (at most 32), oldest first, whatever became of them.
    pub fn records(&self) -> Vec<Arc<Record>> {
        lock(&self.0.body.records).iter().cloned().collect()
    }

    /// Why the latest attempt to compile this function failed, if it did.
    pub fn refusal(&self) -> Option<Arc<Refusal>> {
        self.0.body.refusal.load_full()
    }

    /// Declares that this function is not any more what its versions were made from: all of them
    /// fall, and all that contain its body. Answers how many fell. Translations under way will be
    /// refused. The entries lead to their default targets when this returns.
    pub fn invalidate(&self, reason: impl Into<Reason>) -> usize {
        self.redefined();
        self.0
            .lifecycle
            .break_dependency(Dependency::Function(self.id()), &reason.into())
            .len()
    }

    /// Where code was left for this door, and how often, over all its versions since the function was
    /// last redefined: what the next translation should be ready for.
    pub fn learned(&self, point: EntryPoint) -> Vec<(Place, u64)> {
        let learned = self.0.body.known_exits(point, |exits| exits.learned());
        learned.unwrap_or_default()
    }

    /// What was learned is worth nothing now, and what is being compiled is of no use.
    pub(crate) fn redefined(&self) {
        let body = &self.0.body;
        lock(&body.exits).values_mut().for_each(Exits::forget);
        // What waits is left: a newer source may still be merged into it.
        let asked = lock(&body.asked);
        let compiled = asked.values().filter(|it| it.state() != State::Queued);
        compiled.for_each(|it| it.unwant());
    }

    pub(crate) fn downgrade(&self) -> WeakFunction<M> {
        WeakFunction(Arc::downgrade(&self.0))
    }

    pub(crate) fn body(&self) -> &Arc<Body<M>> {
        &self.0.body
    }

    pub(crate) fn lifecycle(&self) -> &Arc<Lifecycle<M>> {
        &self.0.lifecycle
    }

    pub(crate) fn belongs_to(&self, lifecycle: &Arc<Lifecycle<M>>) -> bool {
        Arc::ptr_eq(&self.0.lifecycle, lifecycle)
    }
}

impl<M> Body<M> {
    pub(crate) fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The exits of a door, made with the first.
    pub(crate) fn exits_at<R>(&self, point: EntryPoint, f: impl FnOnce(&mut Exits) -> R) -> R {
        f(lock(&self.exits).entry(point).or_default())
    }

    /// The exits of a door, if there were any.
    pub(crate) fn known_exits<R>(
        &self,
        point: EntryPoint,
        f: impl FnOnce(&mut Exits) -> R,
    ) -> Option<R> {
        lock(&self.exits).get_mut(&point).map(f)
    }

    /// Nobody waits for what is under way.
    pub(crate) fn unwant_requests(&self) {
        lock(&self.asked).values().for_each(|it| it.unwant());
    }

    /// The number of the next translation.
    pub(crate) fn next_number(&self) -> u32 {
        // Relaxed: only uniqueness matters.
        self.latest_number.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Whether a translation was ever asked for.
    pub(crate) fn was_requested(&self) -> bool {
        // Relaxed: read when the last handle is gone, which synchronises by its reference count.
        self.latest_number.load(Ordering::Relaxed) > 0
    }

    pub(crate) fn remember(&self, record: Arc<Record>) {
        let mut records = lock(&self.records);
        if records.len() == MAX_RECORDS {
            records.pop_front();
        }
        records.push_back(record);
    }

    pub(crate) fn set_refusal(&self, refusal: Option<Refusal>) {
        self.refusal.store(refusal.map(Arc::new));
    }

    pub(crate) fn existing_slot(&self, point: EntryPoint) -> Option<Arc<Slot<M>>> {
        if point == EntryPoint::GENERIC {
            return Some(self.generic.clone());
        }
        lock(&self.others).get(&point).cloned()
    }

    /// All doors.
    pub(crate) fn slots(&self) -> Vec<Arc<Slot<M>>> {
        let mut slots = vec![self.generic.clone()];
        slots.extend(lock(&self.others).values().cloned());
        slots
    }
}

impl<M> WeakFunction<M> {
    pub(crate) fn upgrade(&self) -> Option<Function<M>> {
        self.0.upgrade().map(Function)
    }

    /// Does not upgrade: a compile thread must never come to hold the last handle.
    pub(crate) fn is_dead(&self) -> bool {
        self.0.strong_count() == 0
    }
}

impl<M> Clone for WeakFunction<M> {
    fn clone(&self) -> Self {
        WeakFunction(self.0.clone())
    }
}

/// A further door of a function; see [`Function::door`].
pub struct Door<M>(Arc<Slot<M>>);

impl<M> Door<M> {
    /// Its entry, whose address is the same for as long as the function lives.
    pub fn entry(&self) -> &Entry {
        self.0.entry()
    }

    /// The version behind it.
    pub fn current(&self) -> Option<Arc<Version<M>>> {
        self.0.current()
    }

    pub(crate) fn slot(&self) -> &Arc<Slot<M>> {
        &self.0
    }
}

impl<M> Drop for Handle<M> {
    fn drop(&mut self) {
        // One push to a lock-free list: no lock, no work, no embedder's code.
        self.lifecycle.bury_later(self.body.clone());
    }
}

impl<M> Clone for Function<M> {
    fn clone(&self) -> Self {
        Function(self.0.clone())
    }
}

impl<M> fmt::Debug for Function<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} `{}`", self.0.body.id, self.0.body.name)
    }
}

impl<M> fmt::Debug for Door<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Door").field(&self.0.current()).finish()
    }
}
