//! Where machine code is called, and calls back. All unsafe code is here.
//!
//! Every function has the same type: the thread's frame, the callee as the caller knows it, how many
//! numbers are given, and where they lie.

use std::cell::Cell;
use std::slice;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use martlet_engine::machine_code::{DefaultTarget, Entry, Thread};

use martlet_ir::inkwell::builder::{Builder, BuilderError};
use martlet_ir::inkwell::types::FloatType;
use martlet_ir::inkwell::values::{IntValue, PointerValue};

use crate::world::World;

type Body = extern "C" fn(*const Frame<'static>, *const Callee, u64, *const f64) -> f64;

/// Calls inside of calls, at most; deeper ones give NaN.
const MAX_DEPTH: u32 = 1_000;

/// What compiled code knows of a function that it calls. It outlives the function.
#[derive(Debug)]
pub struct Callee {
    pub(crate) name: Arc<str>,
    pub(crate) entry: Entry,
    /// How often it was called, but where it is inlined.
    pub(crate) n_calls: AtomicU64,
}

/// A thread that runs programs of a world.
pub struct Frame<'w> {
    pub(crate) world: &'w World,
    thread: Thread,
    depth: Cell<u32>,
}

impl<'w> Frame<'w> {
    pub(crate) fn new(world: &'w World) -> Self {
        Frame {
            world,
            thread: world.engine().runtime().attach(),
            depth: Cell::new(0),
        }
    }

    /// Whether all loops are to end.
    pub(crate) fn is_stopped(&self) -> bool {
        // Relaxed: it will be seen at one of the next turns.
        self.world.stop.load(Ordering::Relaxed) != 0
    }

    /// Goes through the entry of the callee, to machine code or to [`interpreted`].
    pub(crate) fn call(&self, callee: &Callee, args: &[f64]) -> f64 {
        let depth = self.depth.get();
        if depth == MAX_DEPTH {
            return f64::NAN;
        }
        self.depth.set(depth + 1);
        let activation = self.thread.enter(&callee.entry);
        // SAFETY: all entries of a world lead to functions of this type.
        let body = unsafe { activation.as_fn::<Body>() };
        let frame = (&raw const *self).cast();
        let result = body(frame, callee, args.len() as u64, args.as_ptr());
        self.depth.set(depth);
        result
    }
}

/// What a caller has passed.
///
/// # Safety
/// The frame and the callee live as long as the call, and there are `n_args` numbers.
unsafe fn passed<'a>(
    frame: *const Frame<'static>,
    callee: *const Callee,
    n_args: u64,
    args: *const f64,
) -> (&'a Frame<'static>, &'a Callee, &'a [f64]) {
    // SAFETY: what this function asks for.
    unsafe {
        let args = slice::from_raw_parts(args, n_args as usize);
        (&*frame, &*callee, args)
    }
}

/// Where calls are led that no machine code is there for.
extern "C" fn interpreted(
    frame: *const Frame<'static>,
    callee: *const Callee,
    n_args: u64,
    args: *const f64,
) -> f64 {
    // SAFETY: callers pass their frame, a callee that they hold, and so many numbers.
    let (frame, callee, args) = unsafe { passed(frame, callee, n_args, args) };
    frame.world.interpret(frame, callee, args)
}

/// What machine code calls where nothing is inlined.
extern "C" fn call(
    frame: *const Frame<'static>,
    callee: *const Callee,
    n_args: u64,
    args: *const f64,
) -> f64 {
    // SAFETY: callers pass their frame, a callee that they hold, and so many numbers.
    let (frame, callee, args) = unsafe { passed(frame, callee, n_args, args) };
    frame.world.warm(callee);
    frame.call(callee, args)
}

/// Where the entries of all functions lead at first.
pub(crate) fn default_target() -> DefaultTarget {
    // SAFETY: a function of this program, of the type that all entries have.
    unsafe { DefaultTarget::new(interpreted as *const ()) }
}

/// The address of what machine code calls by `name`, but for callees.
pub(crate) fn address_of(name: &str, stop: &AtomicU8) -> Option<usize> {
    match name {
        "calc.call" => Some(call as *const () as usize),
        "calc.stop" => Some(stop.as_ptr() as usize),
        _ => None,
    }
}

/// The place of the number `no` of an array.
pub(crate) fn element<'ctx>(
    builder: &Builder<'ctx>,
    of: FloatType<'ctx>,
    array: PointerValue<'ctx>,
    no: IntValue<'ctx>,
) -> Result<PointerValue<'ctx>, BuilderError> {
    // SAFETY: callers pass as many numbers as they say, and callees look at no others.
    unsafe { builder.build_in_bounds_gep(of, array, &[no], "") }
}
