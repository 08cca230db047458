//! What is said about values that are gone.

use core::fmt;
use core::panic::Location;

/// What happened to a value (`llvm/IR/ValueHandle.h`, `CallbackVH`).
///
/// ```
/// use martlet_ir::What;
/// # use martlet_ir::{Callback, Module, kind::Function};
/// # let mut module = Module::new("example");
/// # let f = module.edit(|e| {
/// #     let fn_type = e.context().void_type().fn_type(&[], false);
/// #     e.own(e.module().add_function("f", fn_type, None))
/// # });
/// let callback: Callback<Function> = module.edit(|e| e.callback(f.get_in(e).unwrap()));
/// module.edit(|e| {
///     // Another type: who follows does not follow there.
///     let fn_type = e.context().i64_type().fn_type(&[], false);
///     let other = e.module().add_function("other", fn_type, None);
///     f.get_in(e).unwrap().replace_all_uses_with(other);
/// });
/// assert_eq!(callback.take_events()[0].what, What::ReplacedByOtherType);
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum What {
    /// It was deleted.
    Deleted,
    /// All its uses were replaced by a value of the same type and kind.
    Replaced,
    /// All its uses were replaced by a value of another type or kind.
    ReplacedByOtherType,
}

/// Something that happened to a value that a handle watches.
///
/// ```
/// # use martlet_ir::{Module, Weak, What, kind::Function};
/// # let mut module = Module::new("example");
/// # let f = module.edit(|e| {
/// #     let fn_type = e.context().void_type().fn_type(&[], false);
/// #     e.own(e.module().add_function("f", fn_type, None))
/// # });
/// let weak: Weak<Function> = module.edit(|e| e.weak(f.get_in(e).unwrap()));
/// assert_eq!(weak.last_event(), None);
/// drop(f);
/// module.collect();
/// let event = weak.last_event().unwrap();
/// assert_eq!((event.what, event.by.clone(), event.pass.clone()), (What::Deleted, None, None));
/// assert_eq!(event.to_string(), "deleted during collect");
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Event {
    /// What happened.
    pub what: What,
    /// The label of the value that took over, where one did and it has a name. Of a value that was
    /// deleted: of what had taken over before.
    pub by: Option<String>,
    /// What was being done to the module, as ``run_passes `globaldce` ``.
    pub operation: String,
    /// The pass that did it, by LLVM's class name, where a pass did.
    pub pass: Option<String>,
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.what {
            What::Deleted => f.write_str("deleted")?,
            What::Replaced => f.write_str("replaced")?,
            What::ReplacedByOtherType => f.write_str("replaced by a value of another type")?,
        }
        if let Some(by) = self.by.as_deref().filter(|by| !by.is_empty()) {
            match self.what {
                What::Deleted => write!(f, ", after it was replaced by `{by}`,")?,
                _ => write!(f, " by `{by}`")?,
            }
        }
        write!(f, " during {}", self.operation)?;
        match &self.pass {
            Some(pass) => write!(f, ", in {pass}"),
            None => Ok(()),
        }
    }
}

/// Why a handle has no value to lend.
///
/// ```
/// # use martlet_ir::{Module, Stale, Weak, What, kind::Function};
/// let mut module = Module::new("example");
/// let weak: Weak<Function> = module.edit(|e| {
///     let fn_type = e.context().void_type().fn_type(&[], false);
///     e.weak(e.module().add_function("f", fn_type, None))
/// });
/// let other = Module::new("other");
/// assert!(matches!(weak.get(&other), Err(Stale::OtherModule { .. })));
/// module.edit(|e| {
///     // SAFETY: nothing uses it, and nobody keeps it.
///     unsafe { e.module().get_function("f").unwrap().delete() };
/// });
/// let Err(Stale::Gone { event, made_at }) = weak.get(&module) else { panic!() };
/// assert_eq!((event.what, event.operation.as_str()), (What::Deleted, "edit"));
/// assert!(made_at.line() > 0);
/// ```
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Stale {
    /// The value is gone.
    #[error("the value was {event}; its handle was made at {made_at}")]
    Gone {
        /// What ended it.
        event: Event,
        /// Where the handle was made.
        made_at: &'static Location<'static>,
    },
    /// The handle belongs to another module. Its value may well be alive there.
    #[error("the value is of another module; its handle was made at {made_at}")]
    OtherModule {
        /// Where the handle was made.
        made_at: &'static Location<'static>,
    },
}

/// An asserting handle whose value died.
///
/// ```
/// use martlet_ir::Fall;
/// # use martlet_ir::{Asserting, Module, kind::Function};
/// # let mut module = Module::new("example");
/// # let f = module.edit(|e| {
/// #     let fn_type = e.context().void_type().fn_type(&[], false);
/// #     e.own(e.module().add_function("f", fn_type, None))
/// # });
/// let held: Asserting<Function> = module.edit(|e| e.asserting(f.get_in(e).unwrap()));
/// drop(f);
/// let falls: Vec<Fall> = module.collect().asserted;
/// assert!(falls[0].to_string().contains("was deleted during collect"));
/// # drop(held);
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fall {
    /// Where the handle was made.
    pub made_at: &'static Location<'static>,
    /// What ended its value.
    pub event: Event,
}

impl fmt::Display for Fall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the value asserted at {} was {}",
            self.made_at, self.event
        )
    }
}
