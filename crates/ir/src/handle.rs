//! Handles: what a user keeps instead of an LLVM value.
//!
//! A handle never lends a dead value. It may outlive its value, its module and its context, in any
//! order, and may be dropped on any thread: dropping only marks, and the module clears up later.

use crate::counters::{Counted, HANDLES};
use crate::edit::Edit;
use crate::kind::Kind;
use crate::module::Module;
use crate::passes::{Fate, PassReport};
use crate::raw::{Mark, RawModule, Value};
use crate::stale::{Event, Stale, What};
use core::marker::PhantomData;
use std::sync::Arc;

/// The common half of all handles.
#[derive(Debug)]
struct Handle<K> {
    mark: Arc<Mark>,
    kind: PhantomData<fn() -> K>,
    _counted: Counted,
}

impl<K: Kind> Handle<K> {
    fn new(mark: Arc<Mark>) -> Self {
        Handle {
            mark,
            kind: PhantomData,
            _counted: HANDLES.count(),
        }
    }

    #[inline]
    fn get<'m>(&self, module: &'m RawModule) -> Result<K::Lent<'m>, Stale> {
        Ok(K::lend(value(&self.mark, module)?))
    }
}

impl<K> Drop for Handle<K> {
    fn drop(&mut self) {
        self.mark.release();
    }
}

macro_rules! handle {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name<K>(Handle<K>);

        impl<K: Kind> $name<K> {
            pub(crate) fn new(mark: Arc<Mark>) -> Self {
                $name(Handle::new(mark))
            }

            /// The value, lent for as long as the module is borrowed.
            ///
            /// ```
            /// # use martlet_ir::{Module, Weak, kind::Function};
            /// # let mut module = Module::new("example");
            /// # let f = module.edit(|e| {
            /// #     let fn_type = e.context().void_type().fn_type(&[], false);
            /// #     e.own(e.module().add_function("f", fn_type, None))
            /// # });
            /// let handle: Weak<Function> = module.edit(|e| e.weak(f.get_in(e).unwrap()));
            /// assert_eq!(handle.get(&module).unwrap().get_name().to_str(), Ok("f"));
            /// drop(f);
            /// module.collect();
            /// assert!(handle.get(&module).is_err());
            /// ```
            ///
            /// # Errors
            /// [`Stale`] if the value is gone, with what ended it, or if it is of another module.
            #[inline]
            pub fn get<'m>(&self, module: &'m Module) -> Result<K::Lent<'m>, Stale> {
                self.0.get(module.raw())
            }

            /// The value, lent inside of a [`Module::edit`] or [`Module::read`], to work on.
            ///
            /// ```
            /// # use martlet_ir::{Module, Weak, kind::Function};
            /// # let mut module = Module::new("example");
            /// # let f = module.edit(|e| {
            /// #     let fn_type = e.context().void_type().fn_type(&[], false);
            /// #     e.own(e.module().add_function("f", fn_type, None))
            /// # });
            /// let handle: Weak<Function> = module.edit(|e| e.weak(f.get_in(e).unwrap()));
            /// module.edit(|e| handle.get_in(e).unwrap().as_global_value().set_name("renamed"));
            /// assert_eq!(f.get(&module).unwrap().get_name().to_str(), Ok("renamed"));
            /// ```
            ///
            /// # Errors
            /// As [`get`](Self::get).
            #[inline]
            pub fn get_in<'ctx>(&self, edit: Edit<'ctx>) -> Result<K::Lent<'ctx>, Stale> {
                self.0.get(edit.raw())
            }

            /// Whether the value is still there. A dead handle stays dead.
            ///
            /// ```
            /// # use martlet_ir::{Module, Weak, kind::Function};
            /// # let mut module = Module::new("example");
            /// # let f = module.edit(|e| {
            /// #     let fn_type = e.context().void_type().fn_type(&[], false);
            /// #     e.own(e.module().add_function("f", fn_type, None))
            /// # });
            /// let handle: Weak<Function> = module.edit(|e| e.weak(f.get_in(e).unwrap()));
            /// assert!(handle.is_alive());
            /// drop(module);
            /// assert!(!handle.is_alive());
            /// ```
            pub fn is_alive(&self) -> bool {
                self.0.mark.is_alive()
            }

            /// What a pipeline did to the value; `None` if the handle was not there when it ran.
            ///
            /// ```
            /// # use martlet_ir::{Fate, Module, Weak, kind::Function};
            /// # use martlet_ir::inkwell::{OptimizationLevel, targets::*};
            /// # Target::initialize_x86(&InitializationConfig::default());
            /// # let triple = TargetTriple::create("x86_64-unknown-linux-gnu");
            /// # let machine = Target::from_triple(&triple).unwrap().create_target_machine(
            /// #     &triple, "x86-64", "", OptimizationLevel::Default, RelocMode::PIC, CodeModel::Small,
            /// # ).unwrap();
            /// # let mut module = Module::new("example");
            /// # let f = module.edit(|e| {
            /// #     let fn_type = e.context().void_type().fn_type(&[], false);
            /// #     e.own(e.module().add_function("f", fn_type, None))
            /// # });
            /// let handle: Weak<Function> = module.edit(|e| e.weak(f.get_in(e).unwrap()));
            /// let report = module.run_passes("globaldce", &machine).unwrap();
            /// assert_eq!(handle.fate(&report), Some(&Fate::Kept));
            /// let later: Weak<Function> = module.edit(|e| e.weak(f.get_in(e).unwrap()));
            /// assert_eq!(later.fate(&report), None);
            /// ```
            pub fn fate<'r>(&self, report: &'r PassReport) -> Option<&'r Fate> {
                report.fate_of(&self.0.mark)
            }

            /// What happened to the value last, if anything did.
            ///
            /// ```
            /// # use martlet_ir::{Module, Weak, What, kind::Function};
            /// # let mut module = Module::new("example");
            /// # let f = module.edit(|e| {
            /// #     let fn_type = e.context().void_type().fn_type(&[], false);
            /// #     e.own(e.module().add_function("f", fn_type, None))
            /// # });
            /// let handle: Weak<Function> = module.edit(|e| e.weak(f.get_in(e).unwrap()));
            /// assert_eq!(handle.last_event(), None);
            /// drop(module);
            /// assert_eq!(handle.last_event().unwrap().what, What::Deleted);
            /// ```
            pub fn last_event(&self) -> Option<Event> {
                self.0.mark.last_event()
            }
        }
    };
}

handle!(
    /// Dead once its value is deleted; stays on its value when that is replaced everywhere
    /// (`llvm/IR/ValueHandle.h`, `WeakVH`).
    ///
    /// ```
    /// use martlet_ir::{Module, Weak, kind::Function};
    ///
    /// let mut module = Module::new("example");
    /// let weak: Weak<Function> = module.edit(|e| {
    ///     let fn_type = e.context().void_type().fn_type(&[], false);
    ///     e.weak(e.module().add_function("f", fn_type, None))
    /// });
    /// assert_eq!(weak.get(&module).unwrap().count_params(), 0);
    /// drop(module);
    /// let other = Module::new("other");
    /// let stale = weak.get(&other).unwrap_err();
    /// assert!(stale.to_string().contains("deleted during drop of the module"));
    /// ```
    Weak
);

handle!(
    /// Dead once its value is deleted; goes over to the replacing value if it is of the same type
    /// and kind, and is dead if it is not (`llvm/IR/ValueHandle.h`, `WeakTrackingVH`, which does not ask
    /// for the type).
    ///
    /// ```
    /// # use martlet_ir::{Module, Tracking, What, kind::Function};
    /// let mut module = Module::new("example");
    /// let tracking: Tracking<Function> = module.edit(|e| {
    ///     let fn_type = e.context().void_type().fn_type(&[], false);
    ///     let old = e.module().add_function("old", fn_type, None);
    ///     let tracking = e.tracking(old);
    ///     old.replace_all_uses_with(e.module().add_function("new", fn_type, None));
    ///     tracking
    /// });
    /// assert_eq!(tracking.get(&module).unwrap().get_name().to_str(), Ok("new"));
    /// assert_eq!(tracking.last_event().unwrap().what, What::Replaced);
    /// ```
    Tracking
);

handle!(
    /// Says that its value lives for as long as the handle does. The operation during which the
    /// value dies all the same returns [`Error::Asserted`](crate::Error::Asserted); `edit`, which
    /// returns what the user does, leaves it to [`Module::check`] or the next operation that can, and
    /// `collect` puts it into its report. (`AssertingVH` of `llvm/IR/ValueHandle.h` checks nothing in the
    /// usual builds of LLVM.)
    ///
    /// ```
    /// # use martlet_ir::{Asserting, Module, kind::Function};
    /// # let mut module = Module::new("example");
    /// let (owned, held): (_, Asserting<Function>) = module.edit(|e| {
    ///     let fn_type = e.context().void_type().fn_type(&[], false);
    ///     let function = e.module().add_function("f", fn_type, None);
    ///     (e.own(function), e.asserting(function))
    /// });
    /// drop(owned);
    /// let report = module.collect();
    /// assert_eq!(report.asserted[0].event.operation, "collect");
    /// assert!(held.get(&module).is_err());
    /// ```
    Asserting
);

handle!(
    /// Collects what happens to its value (`llvm/IR/ValueHandle.h`, `CallbackVH`). Nothing of the user's runs inside LLVM, where
    /// a value is half gone: events are asked for afterwards.
    ///
    /// ```
    /// # use martlet_ir::{Callback, Module, What, kind::Function};
    /// # let mut module = Module::new("example");
    /// let callback: Callback<Function> = module.edit(|e| {
    ///     let fn_type = e.context().void_type().fn_type(&[], false);
    ///     let old = e.module().add_function("old", fn_type, None);
    ///     let callback = e.callback(old);
    ///     old.replace_all_uses_with(e.module().add_function("new", fn_type, None));
    ///     // SAFETY: nothing uses it any more.
    ///     unsafe { old.delete() };
    ///     callback
    /// });
    /// let events: Vec<What> = callback.take_events().iter().map(|event| event.what).collect();
    /// assert_eq!(events, [What::Replaced, What::Deleted]);
    /// ```
    Callback
);

impl<K: Kind> Callback<K> {
    /// What has happened since the last call, oldest first.
    ///
    /// ```
    /// # use martlet_ir::{Callback, Module, What, kind::Function};
    /// # let mut module = Module::new("example");
    /// # let f = module.edit(|e| {
    /// #     let fn_type = e.context().void_type().fn_type(&[], false);
    /// #     e.own(e.module().add_function("f", fn_type, None))
    /// # });
    /// let handle: Callback<Function> = module.edit(|e| e.callback(f.get_in(e).unwrap()));
    /// drop(f);
    /// module.collect();
    /// assert_eq!(handle.take_events()[0].what, What::Deleted);
    /// assert_eq!(handle.take_events(), []);
    /// ```
    pub fn take_events(&self) -> Vec<Event> {
        self.0.mark.take_events()
    }
}

/// The value behind a mark.
#[inline]
pub(crate) fn value<'m>(mark: &Mark, module: &'m RawModule) -> Result<Value<'m>, Stale> {
    match Value::of_mark(mark, module) {
        Some(value) => Ok(value),
        None => Err(stale(mark)),
    }
}

#[cold]
fn stale(mark: &Mark) -> Stale {
    let made_at = mark.made_at();
    if mark.is_alive() {
        return Stale::OtherModule { made_at };
    }
    let event = mark.last_event().unwrap_or(Event {
        what: What::Deleted,
        by: None,
        operation: "an unknown operation".to_owned(),
        pass: None,
    });
    Stale::Gone { event, made_at }
}
