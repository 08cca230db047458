//! What is lent while a module is edited.

use crate::handle::{Asserting, Callback, Tracking, Weak};
use crate::home::Home;
use crate::kind::Kind;
use crate::owned::OwnedFunction;
use crate::raw::{Mode, RawModule, Value};
use inkwell::context::Context as InkContext;
use inkwell::module::Module as InkModule;
use inkwell::values::FunctionValue;

/// A module as inkwell sees it, for the time of one [`Module::edit`](crate::Module::edit), and the
/// way to take handles out of it.
///
/// ```
/// use martlet_ir::{Edit, Module, OwnedFunction};
///
/// fn declare(e: Edit<'_>, name: &str) -> OwnedFunction {
///     let fn_type = e.context().void_type().fn_type(&[], false);
///     e.own(e.module().add_function(name, fn_type, None))
/// }
///
/// let mut module = Module::new("example");
/// let [f, g] = module.edit(|e| ["f", "g"].map(|name| declare(e, name)));
/// assert_ne!(f.id(), g.id());
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Edit<'ctx> {
    ink: &'ctx InkModule<'ctx>,
    context: &'ctx InkContext,
    raw: &'ctx RawModule,
    home: &'ctx Home,
}

impl<'ctx> Edit<'ctx> {
    pub(crate) fn new(
        ink: &'ctx InkModule<'ctx>,
        context: &'ctx InkContext,
        raw: &'ctx RawModule,
        home: &'ctx Home,
    ) -> Self {
        Edit {
            ink,
            context,
            raw,
            home,
        }
    }

    /// inkwell's module (`llvm-c/Core.h`).
    ///
    /// ```
    /// let mut module = martlet_ir::Module::new("example");
    /// module.edit(|e| {
    ///     let global = e.module().add_global(e.context().i64_type(), None, "counter");
    ///     global.set_initializer(&e.context().i64_type().const_zero());
    /// });
    /// assert!(module.to_string().contains("@counter = global i64 0"));
    /// ```
    pub fn module(self) -> &'ctx InkModule<'ctx> {
        self.ink
    }

    /// inkwell's context (`llvm-c/Core.h`), to make types, constants, builders and blocks with.
    ///
    /// ```
    /// let mut module = martlet_ir::Module::new("example");
    /// module.edit(|e| {
    ///     let fn_type = e.context().bool_type().fn_type(&[], false);
    ///     let function = e.module().add_function("yes", fn_type, None);
    ///     let builder = e.context().create_builder();
    ///     builder.position_at_end(e.context().append_basic_block(function, "entry"));
    ///     builder.build_return(Some(&e.context().bool_type().const_all_ones())).unwrap();
    /// });
    /// module.verify().unwrap();
    /// ```
    pub fn context(self) -> &'ctx InkContext {
        self.context
    }

    pub(crate) fn raw(self) -> &'ctx RawModule {
        self.raw
    }

    /// Owns a function: external linkage (`llvm/IR/GlobalValue.h`) until the last share is dropped. A
    /// function that is owned already keeps its id.
    ///
    /// ```
    /// let mut module = martlet_ir::Module::new("example");
    /// let (f, same) = module.edit(|e| {
    ///     let fn_type = e.context().void_type().fn_type(&[], false);
    ///     let f = e.module().add_function("f", fn_type, None);
    ///     (e.own(f), e.own(f))
    /// });
    /// assert_eq!(f.id(), same.id());
    /// ```
    ///
    /// # Panics
    /// If the function is of another module, or was dropped before passes ran
    /// ([`Module::own`](crate::Module::own) returns that as an error).
    #[track_caller]
    pub fn own(self, function: FunctionValue<'ctx>) -> OwnedFunction {
        match self.home.own(Value::of_ink(&function), self.raw) {
            Ok(owned) => owned,
            Err(error) => panic!("{error}"),
        }
    }

    /// A weak handle (`llvm/IR/ValueHandle.h`).
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
    /// ```
    ///
    /// # Panics
    /// If the value is of another module, or in none, or not of the handle's kind.
    #[track_caller]
    pub fn weak<K: Kind>(self, value: K::Lent<'ctx>) -> Weak<K> {
        Weak::new(self.home.watch(K::value(&value), self.raw, Mode::Weak))
    }

    /// A tracking handle (`llvm/IR/ValueHandle.h`).
    ///
    /// ```
    /// # use martlet_ir::{Module, Tracking, kind::Function};
    /// # let mut module = Module::new("example");
    /// # let f = module.edit(|e| {
    /// #     let fn_type = e.context().void_type().fn_type(&[], false);
    /// #     e.own(e.module().add_function("f", fn_type, None))
    /// # });
    /// let handle: Tracking<Function> = module.edit(|e| e.tracking(f.get_in(e).unwrap()));
    /// assert_eq!(handle.get(&module), f.get(&module));
    /// ```
    ///
    /// # Panics
    /// If the value is of another module, or in none, or not of the handle's kind.
    #[track_caller]
    pub fn tracking<K: Kind>(self, value: K::Lent<'ctx>) -> Tracking<K> {
        Tracking::new(self.home.watch(K::value(&value), self.raw, Mode::Tracking))
    }

    /// An asserting handle (`llvm/IR/ValueHandle.h`).
    ///
    /// ```
    /// # use martlet_ir::{Module, Asserting, kind::Function};
    /// # let mut module = Module::new("example");
    /// # let f = module.edit(|e| {
    /// #     let fn_type = e.context().void_type().fn_type(&[], false);
    /// #     e.own(e.module().add_function("f", fn_type, None))
    /// # });
    /// let handle: Asserting<Function> = module.edit(|e| e.asserting(f.get_in(e).unwrap()));
    /// assert_eq!(module.check(), Ok(()));
    /// assert!(handle.is_alive());
    /// ```
    ///
    /// # Panics
    /// If the value is of another module, or in none, or not of the handle's kind.
    #[track_caller]
    pub fn asserting<K: Kind>(self, value: K::Lent<'ctx>) -> Asserting<K> {
        Asserting::new(self.home.watch(K::value(&value), self.raw, Mode::Asserting))
    }

    /// A handle that collects events (`llvm/IR/ValueHandle.h`).
    ///
    /// ```
    /// # use martlet_ir::{Module, Callback, kind::Function};
    /// # let mut module = Module::new("example");
    /// # let f = module.edit(|e| {
    /// #     let fn_type = e.context().void_type().fn_type(&[], false);
    /// #     e.own(e.module().add_function("f", fn_type, None))
    /// # });
    /// let handle: Callback<Function> = module.edit(|e| e.callback(f.get_in(e).unwrap()));
    /// drop(f);
    /// module.collect();
    /// assert_eq!(handle.take_events().len(), 1);
    /// ```
    ///
    /// # Panics
    /// If the value is of another module, or in none, or not of the handle's kind.
    #[track_caller]
    pub fn callback<K: Kind>(self, value: K::Lent<'ctx>) -> Callback<K> {
        Callback::new(self.home.watch(K::value(&value), self.raw, Mode::Callback))
    }
}
