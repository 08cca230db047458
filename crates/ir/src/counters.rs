//! How much is alive in this process, for leak tests.

use core::sync::atomic::{AtomicUsize, Ordering};

/// Live objects of this crate, in the whole process.
///
/// ```
/// # use martlet_ir::{Live, Module, live};
/// # let mut module = Module::new("example");
/// # let f = module.edit(|e| {
/// #     let fn_type = e.context().void_type().fn_type(&[], false);
/// #     e.own(e.module().add_function("f", fn_type, None))
/// # });
/// let alive: Live = live();
/// assert!(alive.contexts >= 1 && alive.modules >= 1 && alive.owned_functions >= 1);
/// # drop(f);
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Live {
    /// LLVM contexts.
    pub contexts: usize,
    /// Modules, units included, resident libraries not.
    pub modules: usize,
    /// Handles that users hold.
    pub handles: usize,
    /// Functions that somebody owns, each counted once.
    pub owned_functions: usize,
}

/// Counts what is alive now. Exact when no other thread is at work.
///
/// ```standalone_crate
/// let before = martlet_ir::live();
/// let module = martlet_ir::Module::new("example");
/// assert!(martlet_ir::live().modules > 0);
/// drop(module);
/// assert_eq!(martlet_ir::live(), before);
/// ```
pub fn live() -> Live {
    Live {
        contexts: CONTEXTS.get(),
        modules: MODULES.get(),
        handles: HANDLES.get(),
        owned_functions: OWNED.get(),
    }
}

/// A counter of live objects.
#[derive(Debug)]
pub(crate) struct Counter(AtomicUsize);

pub(crate) static CONTEXTS: Counter = Counter(AtomicUsize::new(0));
pub(crate) static MODULES: Counter = Counter(AtomicUsize::new(0));
pub(crate) static HANDLES: Counter = Counter(AtomicUsize::new(0));
pub(crate) static OWNED: Counter = Counter(AtomicUsize::new(0));

impl Counter {
    /// Relaxed throughout: a count orders nothing.
    fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn count(&'static self) -> Counted {
        self.0.fetch_add(1, Ordering::Relaxed);
        Counted(self)
    }
}

/// One live object, until dropped.
#[derive(Debug)]
pub(crate) struct Counted(&'static Counter);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}
