//! Where machine code is called, and calls back. All unsafe code is here.

use std::cell::Cell;

use martlet_engine::machine_code::{DefaultTarget, Thread};

use crate::parse::MAX_PARAMS;
use crate::world::{Name, World};

/// What is passed: so many numbers, and behind them whatever.
type Args = [f64; MAX_PARAMS];

/// All functions: the thread's frame, the name that is called, and what is passed.
type Body = for<'a> extern "C" fn(&'a Frame<'a>, &'a Name, usize, &'a Args) -> f64;

/// Calls inside of calls, at most; deeper ones give NaN.
const MAX_DEPTH: u32 = 1_000;

/// A thread that runs programs of a world.
pub(crate) struct Frame<'w> {
    pub(crate) world: &'w World,
    thread: Thread,
    depth: Cell<u32>,
}

impl<'w> Frame<'w> {
    pub(crate) fn new(world: &'w World) -> Self {
        let thread = world.engine().runtime().attach();
        Frame {
            world,
            thread,
            depth: Cell::new(0),
        }
    }

    /// Goes through the entry of what has this name now, to machine code or to [`interpreted`].
    pub(crate) fn call(&self, name: &Name, args: &[f64]) -> f64 {
        let depth = self.depth.get();
        let Some(meaning) = name.meaning.load_full().filter(|_| depth < MAX_DEPTH) else {
            return f64::NAN;
        };
        let mut passed = Args::default();
        passed[..args.len()].copy_from_slice(args);
        let activation = self.thread.enter(meaning.function.entry());
        // SAFETY: all entries of a world lead to functions of this type.
        let body = unsafe { activation.as_fn::<Body>() };
        self.depth.set(depth + 1);
        let result = body(self, name, args.len(), &passed);
        self.depth.set(depth);
        result
    }
}

/// Where calls are led that no machine code is there for.
extern "C" fn interpreted(frame: &Frame<'_>, name: &Name, n_args: usize, args: &Args) -> f64 {
    frame.world.interpret(frame, name, &args[..n_args])
}

/// What machine code calls where nothing is inlined.
pub(crate) extern "C" fn call(frame: &Frame<'_>, name: &Name, n_args: usize, args: &Args) -> f64 {
    frame.world.warm(name);
    frame.call(name, &args[..n_args])
}

/// Where the entries of all functions lead at first.
pub(crate) fn default_target() -> DefaultTarget {
    // SAFETY: a function of this program, of the type that all entries have.
    unsafe { DefaultTarget::new(interpreted as *const ()) }
}
