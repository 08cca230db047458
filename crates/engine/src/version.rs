//! One translation of a function, with its machine code.

use std::any::Any;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, Weak};

use martlet_machine_code::Code;

use crate::function::WeakFunction;
use crate::slot::Slot;
use crate::sync::lock;
use crate::{AssumptionKey, EntryPoint, Function, FunctionId, Record, State, Tier, VersionId};

/// A symbol that every object may leave undefined: one byte of the version's own, which is 1 as long as what it
/// relies on holds. The engine clears it when that breaks or comes into doubt, and sets it again when a doubt passes;
/// so those inside, and whatever contains the code, can look. Bodies that were taken in name the same symbol and so
/// look at the byte of the version that contains them, which falls with whatever they rely on.
///
/// Embedders that keep such a byte themselves name it as they like, and are told by
/// [`Engine::on_invalidate`](crate::Engine::on_invalidate) and [`Engine::on_revive`](crate::Engine::on_revive).
pub const VALID_SYMBOL: &str = "martlet.valid";

/// A version that has (or had) machine code. Its meaning never changes: other assumptions make
/// another version.
///
/// Holding one keeps its [`Version::meta`], not its machine code: that goes when the version is
/// retired and nobody is inside.
pub struct Version<M> {
    pub(crate) record: Arc<Record>,
    /// `None` once it is retired. The slot relinks through it; `Arc` so that nobody is kept out by a
    /// look at it.
    pub(crate) code: Mutex<Option<Arc<Code>>>,
    pub(crate) meta: M,
    pub(crate) function: WeakFunction<M>,
    /// Weak, for the slot owns the version.
    pub(crate) slot: Weak<Slot<M>>,
    pub(crate) assumptions: Vec<AssumptionKey>,
    pub(crate) inlined: Vec<(FunctionId, u32)>,
    pub(crate) held: Mutex<Vec<Box<dyn Any + Send>>>,
    /// A hash of the object and of what it relies on.
    pub(crate) translation: u64,
    /// Bytes of machine code and tables.
    pub(crate) bytes: u64,
    /// What [`VALID_SYMBOL`] is the address of, if the code names it.
    pub(crate) valid: Option<Box<AtomicU8>>,
    /// Open doubts about what it relies on.
    pub(crate) doubts: AtomicU32,
    /// It was current when the first of them came.
    pub(crate) is_to_return: AtomicBool,
    /// Its intermediate code was released.
    pub(crate) is_released: AtomicBool,
}

impl<M> Version<M> {
    /// Which version this is.
    pub fn id(&self) -> VersionId {
        self.record.id()
    }

    /// The door of the function that it serves.
    pub fn point(&self) -> EntryPoint {
        self.record.point()
    }

    /// How much work was spent on it.
    pub fn tier(&self) -> Tier {
        self.record.tier()
    }

    /// How far it has come.
    pub fn state(&self) -> State {
        self.record.state()
    }

    /// Its life so far, which may be kept for longer than the version.
    pub fn record(&self) -> &Arc<Record> {
        &self.record
    }

    /// Looks at its machine code and tables; `None` once it is retired. The code is not retired
    /// while `f` looks.
    pub fn with_code<R>(&self, f: impl FnOnce(&Code) -> R) -> Option<R> {
        let code = lock(&self.code).clone()?;
        Some(f(&code))
    }

    /// What the compiler gave the embedder to keep.
    pub fn meta(&self) -> &M {
        &self.meta
    }

    /// What it relies on.
    pub fn assumptions(&self) -> &[AssumptionKey] {
        &self.assumptions
    }

    /// Whose bodies are inside it: function, and number of the translation that was taken.
    pub fn inlined(&self) -> &[(FunctionId, u32)] {
        &self.inlined
    }

    /// A hash of the translation: the object, what it relies on and contains. Two versions of a function
    /// with the same hash are one and the same code.
    pub fn translation(&self) -> u64 {
        self.translation
    }

    /// Bytes of its machine code and tables.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The function, if somebody holds it.
    pub fn function(&self) -> Option<Function<M>> {
        self.function.upgrade()
    }

    /// Notes that it was used; see [`Record::heat`].
    pub fn warm(&self, amount: u64) {
        self.record.warm(amount);
    }

    /// Keeps `thing` until the machine code is gone: what the code names by address, such as the
    /// entries of the functions that it calls.
    pub fn hold(&self, thing: impl Any + Send) {
        lock(&self.held).push(Box::new(thing));
    }

    /// Says to those inside whether it may be relied on.
    pub(crate) fn set_valid(&self, is_valid: bool) {
        if let Some(byte) = &self.valid {
            // Relaxed: its door is closed before it is cleared, and opened, by a stronger store, after it is set;
            // those inside see it at one of their next looks, and who is ordered after us at the next.
            byte.store(is_valid.into(), Ordering::Relaxed);
        }
    }

    /// Takes this out of its slot for good; false if it is not there (any more).
    pub(crate) fn retract(&self) -> bool {
        self.slot.upgrade().is_some_and(|it| it.retract(self.id()))
    }

    /// Whether its intermediate code has yet to be released; afterwards it has not.
    pub(crate) fn take_release(&self) -> bool {
        // Relaxed: only one may see the change, and nothing else is ordered by it.
        !self.is_released.swap(true, Ordering::Relaxed)
    }

    pub(crate) fn is_doubted(&self) -> bool {
        // Relaxed: changed under the graph's lock.
        self.doubts.load(Ordering::Relaxed) > 0
    }

    /// Hands the machine code to reclamation.
    pub(crate) fn give_up_code(&self) {
        let code = lock(&self.code).take();
        drop(code);
    }

    /// Drops what was held for the machine code's sake.
    pub(crate) fn let_go(&self) {
        let held = std::mem::take(&mut *lock(&self.held));
        drop(held);
    }
}

impl<M> Drop for Version<M> {
    fn drop(&mut self) {
        // The machine code may outlast this where the engine went first, and somebody inside looks at the byte.
        if self.state() != State::Freed {
            std::mem::forget(self.valid.take());
        }
    }
}

impl<M> fmt::Debug for Version<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.record.fmt(f)
    }
}
