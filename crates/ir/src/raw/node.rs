//! Marks and nodes: the two halves of a handle.
//!
//! A **node** is the shim's value handle. It belongs to the module's registry and is made and freed
//! only on the thread that owns the module, because it is linked into the context's tables. A
//! **mark** is plain memory shared by the node and the user's handle; the user's half may be dropped
//! on any thread, and only says so in the mark. LLVM calls [`event`] inside its destructors, which
//! writes into the mark and does nothing else.

use super::bindings::{
    MARTLET_IR_DELETED, MARTLET_IR_REPLACED, martlet_ir_node, martlet_ir_node_free,
    martlet_ir_node_new, martlet_ir_node_set_follow, martlet_ir_node_watch,
};
use super::value::Value;
use crate::mailbox::Mailbox;
use crate::operation;
use crate::stale::{Event, Fall, What};
use core::ffi::c_void;
use core::panic::Location;
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, Ordering};
use llvm_sys::LLVMValue;
use llvm_sys::prelude::LLVMValueRef;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What a handle does when its value is replaced or dies.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Mode {
    Weak,
    Tracking,
    Asserting,
    Callback,
    /// As `Tracking`, and the module hears when it has gone over.
    Owned,
}

impl Mode {
    fn follows(self) -> bool {
        matches!(self, Mode::Tracking | Mode::Owned)
    }
}

/// What the node and the user's handle share.
///
/// Every access but the two flags is by the thread that holds the module, so `Relaxed` is enough:
/// handing the module to another thread orders what came before.
#[derive(Debug)]
pub(crate) struct Mark {
    value: AtomicPtr<LLVMValue>,
    /// Set by the user's half when it goes. Pairs with nothing: the node is freed at some later
    /// sweep, and a sweep that misses the flag is followed by another.
    released: AtomicBool,
    /// How often it has gone over to another value.
    moves: AtomicU32,
    mode: Mode,
    home: u64,
    made_at: &'static Location<'static>,
    mailbox: Arc<Mailbox>,
    /// Nothing has happened to most.
    story: Mutex<Option<Box<Story>>>,
}

#[derive(Debug, Default)]
struct Story {
    last: Option<Event>,
    all: Vec<Event>,
}

/// A mark is equal to itself only.
impl PartialEq for Mark {
    fn eq(&self, other: &Self) -> bool {
        core::ptr::eq(self, other)
    }
}

impl Eq for Mark {}

impl Mark {
    fn new(
        value: LLVMValueRef,
        home: u64,
        mode: Mode,
        made_at: &'static Location<'static>,
        mailbox: Arc<Mailbox>,
    ) -> Self {
        Mark {
            value: AtomicPtr::new(value),
            released: AtomicBool::new(false),
            moves: AtomicU32::new(0),
            mode,
            home,
            made_at,
            mailbox,
            story: Mutex::default(),
        }
    }

    /// Begins anew, as another handle's. The value is set by the node.
    fn renew(&mut self, mode: Mode, made_at: &'static Location<'static>) {
        *self.released.get_mut() = false;
        *self.moves.get_mut() = 0;
        self.mode = mode;
        self.made_at = made_at;
        *self.story.get_mut().unwrap_or_else(PoisonError::into_inner) = None;
    }

    #[inline]
    pub(crate) fn home(&self) -> u64 {
        self.home
    }

    pub(crate) fn made_at(&self) -> &'static Location<'static> {
        self.made_at
    }

    pub(crate) fn is_alive(&self) -> bool {
        !self.value.load(Ordering::Relaxed).is_null()
    }

    /// The value, or null. Who looks at it has compared [`Mark::home`] with the module's id.
    #[inline]
    pub(super) fn value(&self) -> LLVMValueRef {
        self.value.load(Ordering::Relaxed)
    }

    pub(super) fn follows(&self) -> bool {
        self.mode.follows()
    }

    pub(crate) fn moves(&self) -> u32 {
        self.moves.load(Ordering::Relaxed)
    }

    pub(crate) fn last_event(&self) -> Option<Event> {
        self.story().as_ref()?.last.clone()
    }

    /// The events since the last call, oldest first; kept for callback handles only.
    pub(crate) fn take_events(&self) -> Vec<Event> {
        let mut story = self.story();
        let events = story.as_mut().map(|story| core::mem::take(&mut story.all));
        events.unwrap_or_default()
    }

    pub(crate) fn release(&self) {
        self.released.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_released(&self) -> bool {
        self.released.load(Ordering::Relaxed)
    }

    fn story(&self) -> MutexGuard<'_, Option<Box<Story>>> {
        self.story.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A value handle of the shim, freed on drop.
#[derive(Debug)]
pub(crate) struct Node {
    raw: *mut martlet_ir_node,
    mark: Arc<Mark>,
}

// SAFETY: a node is only touched by the thread that owns its module, and moves with it.
unsafe impl Send for Node {}

impl Node {
    pub(crate) fn new(
        value: Value<'_>,
        home: u64,
        mode: Mode,
        made_at: &'static Location<'static>,
        mailbox: &Arc<Mailbox>,
    ) -> Self {
        let mark = Mark::new(value.as_ptr(), home, mode, made_at, Arc::clone(mailbox));
        let mark = Arc::new(mark);
        let user = Arc::as_ptr(&mark).cast_mut().cast::<c_void>();
        // SAFETY: the value is alive, and the node keeps the mark it points to.
        let raw = unsafe {
            martlet_ir_node_new(value.as_ptr(), mode.follows().into(), Some(event), user)
        };
        Node { raw, mark }
    }

    /// Lets go of the value: nobody has the handle any more.
    pub(crate) fn rest(&mut self) {
        self.watch(core::ptr::null_mut(), Mode::Weak);
    }

    /// Watches another value for somebody else. `false` if the mark is still somebody's.
    pub(crate) fn renew(
        &mut self,
        value: Value<'_>,
        mode: Mode,
        made_at: &'static Location<'static>,
    ) -> bool {
        let Some(mark) = Arc::get_mut(&mut self.mark) else {
            return false;
        };
        mark.renew(mode, made_at);
        self.watch(value.as_ptr(), mode);
        true
    }

    fn watch(&mut self, value: LLVMValueRef, mode: Mode) {
        self.mark.value.store(value, Ordering::Relaxed);
        // SAFETY: the node is alive, and so is the value, if there is one.
        unsafe { martlet_ir_node_watch(self.raw, value, mode.follows().into()) };
    }

    pub(crate) fn mark(&self) -> &Arc<Mark> {
        &self.mark
    }

    /// Whether it goes over to a value that replaces its own, or stays.
    pub(crate) fn set_follow(&self, follow: bool) {
        // SAFETY: the node is alive.
        unsafe { martlet_ir_node_set_follow(self.raw, follow.into()) };
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // The node goes first: it holds a plain pointer to the mark.
        // SAFETY: made by `martlet_ir_node_new` and freed once. The context is still there: a
        // module drops its registry before its context.
        unsafe { martlet_ir_node_free(self.raw) };
        // An instruction that was taken out of its block outlives its module.
        self.mark
            .value
            .store(core::ptr::null_mut(), Ordering::Relaxed);
    }
}

/// Runs inside LLVM, where a value dies or is replaced.
unsafe extern "C" fn event(user: *mut c_void, kind: u32, by: LLVMValueRef, now: LLVMValueRef) {
    // SAFETY: `user` is the mark of a node that is alive, and keeps it.
    let mark = unsafe { &*user.cast_const().cast::<Mark>() };
    let what = match kind {
        MARTLET_IR_DELETED => What::Deleted,
        MARTLET_IR_REPLACED => What::Replaced,
        _ => What::ReplacedByOtherType,
    };
    if mark.value.swap(now, Ordering::Relaxed) != now && what == What::Replaced {
        mark.moves.fetch_add(1, Ordering::Relaxed);
    }
    if mark.mode == Mode::Owned && what == What::Replaced {
        mark.mailbox.post_moved();
    }
    if mark.is_released() {
        return;
    }
    let mut story = mark.story();
    let story = story.get_or_insert_default();
    let by = match what {
        // What had taken over before it was deleted.
        What::Deleted => story.last.take().and_then(|last| last.by),
        // SAFETY: LLVM has just handed out the replacing value.
        _ => Some(unsafe { Value::assume_alive(by) }.name()),
    };
    let event = operation::event(what, by);
    if mark.mode == Mode::Asserting && what == What::Deleted {
        mark.mailbox.post_fall(Fall {
            made_at: mark.made_at,
            event: event.clone(),
        });
    }
    if mark.mode == Mode::Callback {
        story.all.push(event.clone());
    }
    story.last = Some(event);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A value that is compared only.
    fn value(n: usize) -> LLVMValueRef {
        core::ptr::without_provenance_mut(n * 16)
    }

    /// What Miri can run of a handle's life: the node's pointer to its mark, across a drop on another
    /// thread and into the life after that.
    #[test]
    fn a_node_reaches_its_mark_through_all_lives_of_it() {
        let made_at = Location::caller();
        let mailbox = Arc::default();
        let mut mark = Arc::new(Mark::new(value(1), 1, Mode::Tracking, made_at, mailbox));
        let user = Arc::as_ptr(&mark).cast_mut().cast::<c_void>();
        for life in 1..4 {
            let handle = Arc::clone(&mark);
            assert!(Arc::get_mut(&mut mark).is_none(), "the handle has it");
            std::thread::spawn(move || handle.release()).join().unwrap();
            // Nobody is told any more, but the value must not be lent.
            // SAFETY: the mark that `user` points to is alive.
            unsafe { event(user, MARTLET_IR_REPLACED, value(life + 1), value(life + 1)) };
            assert_eq!((mark.value(), mark.moves()), (value(life + 1), 1));
            let gone = core::ptr::null_mut();
            // SAFETY: as above.
            unsafe { event(user, MARTLET_IR_DELETED, gone, gone) };
            assert!(!mark.is_alive() && mark.last_event().is_none());
            let free = Arc::get_mut(&mut mark).expect("the handle is gone");
            free.renew(Mode::Tracking, made_at);
            mark.value.store(value(life + 1), Ordering::Relaxed);
            assert!(!mark.is_released() && mark.moves() == 0);
        }
    }
}
