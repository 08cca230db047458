//! Values that are watched while a pipeline runs, to tell which pass changed them.
//!
//! A pass over one function is believed when it says that it changed that. Of a pass over several it
//! takes hashes to tell which it changed: before it, of those that were changed since the last ones,
//! and after it.

use super::bindings::{
    MARTLET_IR_BEFORE, MARTLET_IR_CHANGED, martlet_ir_function_of, martlet_ir_hash_body,
    martlet_ir_hash_interface, martlet_ir_touch,
};
use super::module::{RawModule, current_pass};
use super::node::Mark;
use llvm_sys::prelude::LLVMValueRef;
use std::collections::HashMap;
use std::sync::Arc;

/// The watched values. Several marks may be of one value.
#[derive(Debug)]
pub(crate) struct Watch {
    values: Vec<Watched>,
    /// The values that are, or lie in, the function at this address.
    by_function: HashMap<usize, Vec<usize>>,
    by_address: HashMap<usize, usize>,
}

#[derive(Debug)]
struct Watched {
    /// One of its marks, and how often that had gone over to another value: as long as it is where it was,
    /// the value is alive. It is one that stays, if there is one: those that follow leave together when
    /// the value is replaced, and then nobody asks for what becomes of that.
    mark: Arc<Mark>,
    moves: u32,
    value: LLVMValueRef,
    before: Hashes,
    now: Hashes,
    /// Whether it was changed since `now` was taken.
    is_dirty: bool,
    by: Vec<String>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Hashes {
    body: u64,
    interface: u64,
}

/// What became of a value.
#[derive(Debug)]
pub(crate) enum Change {
    None,
    Body(Vec<String>),
    Interface(Vec<String>),
    Replaced,
    Deleted,
}

impl Watch {
    /// Watches the values of marks; dead ones, and those of other modules, are passed over.
    pub(crate) fn new<'a>(marks: impl Iterator<Item = &'a Arc<Mark>>, module: &RawModule) -> Self {
        let mut watch = Watch {
            values: Vec::new(),
            by_function: HashMap::new(),
            by_address: HashMap::new(),
        };
        for mark in marks {
            let value = mark.value();
            if value.is_null() || mark.home() != module.id() {
                continue;
            }
            let place = *watch.by_address.entry(value.addr()).or_insert_with(|| {
                // SAFETY: the mark's value is alive.
                let function = unsafe { martlet_ir_function_of(value) };
                let place = watch.values.len();
                let places = watch.by_function.entry(function.addr()).or_default();
                places.push(place);
                // SAFETY: as above.
                let hashes = unsafe { Hashes::of(value) };
                watch.values.push(Watched {
                    mark: Arc::clone(mark),
                    moves: mark.moves(),
                    value,
                    before: hashes,
                    now: hashes,
                    is_dirty: false,
                    by: Vec::new(),
                });
                place
            });
            let watched = &mut watch.values[place];
            if watched.mark.follows() && !mark.follows() {
                watched.mark = Arc::clone(mark);
                watched.moves = mark.moves();
            }
        }
        watch
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Something happens to the function at this address, or to the module if it is 0.
    pub(super) fn touched(&mut self, function: usize, touch: martlet_ir_touch) {
        let values = &mut self.values;
        if function == 0 {
            values.iter_mut().for_each(|value| value.touched(touch));
            return;
        }
        for &place in self.by_function.get(&function).into_iter().flatten() {
            values[place].touched(touch);
        }
    }

    /// The pipeline is over: looks at everything for the last time.
    pub(crate) fn finish(&mut self) {
        for value in &mut self.values {
            if value.is_alive() {
                // SAFETY: the mark's value is alive.
                value.now = unsafe { Hashes::of(value.value) };
            }
        }
    }

    /// What became of the value that a mark had at the beginning, when it had moved so often, after
    /// [`Watch::finish`]; `None` if it had none.
    pub(crate) fn change(&self, mark: &Mark, address: usize, moves: u32) -> Option<Change> {
        let watched = &self.values[*self.by_address.get(&address)?];
        Some(if !mark.is_alive() {
            Change::Deleted
        } else if mark.moves() != moves {
            Change::Replaced
        } else if watched.now.interface != watched.before.interface {
            Change::Interface(watched.by.clone())
        } else if watched.now.body != watched.before.body {
            Change::Body(watched.by.clone())
        } else {
            Change::None
        })
    }
}

impl Watched {
    fn is_alive(&self) -> bool {
        self.mark.value() == self.value && self.mark.moves() == self.moves
    }

    fn touched(&mut self, touch: martlet_ir_touch) {
        if !self.is_alive() || (touch == MARTLET_IR_BEFORE && !self.is_dirty) {
            return;
        }
        if touch == MARTLET_IR_CHANGED {
            self.is_dirty = true;
            return self.note_pass();
        }
        // SAFETY: the mark's value is alive.
        let hashes = unsafe { Hashes::of(self.value) };
        if touch != MARTLET_IR_BEFORE && hashes != self.now {
            self.note_pass();
        }
        self.now = hashes;
        self.is_dirty = false;
    }

    fn note_pass(&mut self) {
        if let Some(pass) = current_pass()
            && !self.by.contains(&pass)
        {
            self.by.push(pass);
        }
    }
}

impl Hashes {
    /// # Safety
    /// The value is alive.
    unsafe fn of(value: LLVMValueRef) -> Self {
        // SAFETY: by the caller's promise.
        unsafe {
            Hashes {
                body: martlet_ir_hash_body(value),
                interface: martlet_ir_hash_interface(value),
            }
        }
    }
}
