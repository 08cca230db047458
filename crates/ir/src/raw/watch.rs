//! Values that are watched while a pipeline runs, to tell which pass changed them.
//!
//! After each pass that says it changed something, the values it may have changed are hashed again.
//! A pass over one function costs one hash of that function; a pass over the module one of each.

use super::bindings::{martlet_ir_function_of, martlet_ir_hash_body, martlet_ir_hash_interface};
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
    mark: Arc<Mark>,
    value: LLVMValueRef,
    before: Hashes,
    now: Hashes,
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
            watch.by_address.entry(value.addr()).or_insert_with(|| {
                // SAFETY: the mark's value is alive.
                let function = unsafe { martlet_ir_function_of(value) };
                let place = watch.values.len();
                let places = watch.by_function.entry(function.addr()).or_default();
                places.push(place);
                // SAFETY: as above.
                let hashes = unsafe { Hashes::of(value) };
                watch.values.push(Watched {
                    mark: Arc::clone(mark),
                    value,
                    before: hashes,
                    now: hashes,
                    by: Vec::new(),
                });
                place
            });
        }
        watch
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// A pass is over that may have changed the function at this address, or anything if it is 0.
    pub(super) fn touched(&mut self, function: usize) {
        let values = &mut self.values;
        if function == 0 {
            values.iter_mut().for_each(Watched::look);
            return;
        }
        for &place in self.by_function.get(&function).into_iter().flatten() {
            values[place].look();
        }
    }

    /// The pipeline is over: looks at everything for the last time.
    pub(crate) fn finish(&mut self) {
        for value in &mut self.values {
            if value.mark.value() == value.value {
                // SAFETY: the mark's value is alive.
                value.now = unsafe { Hashes::of(value.value) };
            }
        }
    }

    /// What became of the value that a mark had at the beginning, after [`Watch::finish`]; `None` if
    /// it had none.
    pub(crate) fn change(&self, mark: &Mark, address: usize) -> Option<Change> {
        let watched = &self.values[*self.by_address.get(&address)?];
        let value = mark.value();
        Some(if value.is_null() {
            Change::Deleted
        } else if value != watched.value {
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
    /// Notes the pass that has just ended if the value has changed.
    fn look(&mut self) {
        if self.mark.value() != self.value {
            return;
        }
        // SAFETY: the mark's value is alive.
        let hashes = unsafe { Hashes::of(self.value) };
        if hashes == self.now {
            return;
        }
        self.now = hashes;
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
