//! A module and its context, owned by one thread at a time.

use crate::context::Context;
use crate::counters::{Counted, MODULES};
use crate::edit::Edit;
use crate::error::Error;
use crate::handle;
use crate::home::Home;
use crate::operation::Operation;
use crate::owned::OwnedFunction;
use crate::raw::{RawModule, Value};
use core::fmt;

/// An LLVM module (`llvm/IR/Module.h`) that owns its [`Context`].
///
/// It is `Send` and not `Sync`: it moves between threads as a whole and is never shared. Values are
/// lent by handles ([`Weak`](crate::Weak), [`OwnedFunction`]) as long as the module is borrowed, or
/// inside [`Module::edit`]; everything that may delete values takes `&mut Module`.
///
/// inkwell's values are `Copy`, and some of inkwell's safe functions erase what others still hold.
/// Keep no inkwell value outside a borrow: keep a handle.
///
/// A module is not shared, and what it lends does not leave:
///
/// ```compile_fail,E0277
/// fn shared<T: Sync>() {}
/// shared::<martlet_ir::Module>();
/// ```
/// ```compile_fail
/// let mut module = martlet_ir::Module::new("example");
/// let kept = module.edit(|e| e.module().get_first_function());
/// ```
/// ```compile_fail,E0502
/// # let mut module = martlet_ir::Module::new("example");
/// # let owned = module.own("f").unwrap();
/// let lent = owned.get(&module).unwrap();
/// module.collect();
/// println!("{lent:?}");
/// ```
#[derive(Debug)]
pub struct Module {
    // The order of these fields is the order of their end: the module's values die and mark their
    // handles, the handles' nodes go, and the context is last.
    raw: RawModule,
    home: Home,
    context: Context,
    _counted: Counted,
}

/// How much a module holds: [`Module::memory_report`].
///
/// ```
/// # let mut module = martlet_ir::Module::new("example");
/// let function = module.edit(|e| {
///     let fn_type = e.context().void_type().fn_type(&[], false);
///     e.own(e.module().add_function("f", fn_type, None))
/// });
/// let report = module.memory_report();
/// assert_eq!((report.declarations, report.owned, report.definitions), (1, 1, 0));
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct MemoryReport {
    /// Functions with bodies.
    pub definitions: usize,
    /// Functions without.
    pub declarations: usize,
    /// Global variables.
    pub variables: usize,
    /// Instructions in all bodies.
    pub instructions: u64,
    /// Value handles of the shim, those of dropped handles included until the next collection.
    pub nodes: usize,
    /// Functions that somebody owns.
    pub owned: usize,
    /// Functions that nobody owns any more and that were refused erasure.
    pub dying: usize,
    /// Functions whose definitions were taken out of the module ([`Module::pin`]), those included whose
    /// declarations were deleted, as long as somebody holds them.
    pub pinned: usize,
    /// The size of their bitcode, in bytes.
    pub pinned_bytes: usize,
    /// Functions erased since the module was made.
    pub erased: u64,
    /// Libraries open in the context.
    pub libraries: usize,
}

impl Module {
    /// A new, empty module in a context of its own.
    ///
    /// ```
    /// let module = martlet_ir::Module::new("example");
    /// assert_eq!(module.function_count(), 0);
    /// ```
    pub fn new(name: &str) -> Self {
        Self::in_context(name, Context::new())
    }

    /// A new, empty module in a context that has served others before.
    ///
    /// ```
    /// use martlet_ir::{Context, Module};
    ///
    /// let first = Module::in_context("first", Context::new());
    /// let second = Module::in_context("second", first.into_context());
    /// assert_eq!(second.context().modules_served(), 2);
    /// ```
    pub fn in_context(name: &str, context: Context) -> Self {
        let raw = RawModule::new(name, context.raw());
        Self::from_raw(raw, context)
    }

    /// Reads bitcode (`llvm-c/BitReader.h`) into a context, which may be on another thread than the one
    /// that wrote it.
    ///
    /// ```
    /// use martlet_ir::{Context, Error, Module};
    ///
    /// let bitcode = Module::new("example").to_bitcode();
    /// let copy = Module::from_bitcode("copy", &bitcode, Context::new()).unwrap();
    /// assert_eq!(copy.name(), "copy");
    /// let refused = Module::from_bitcode("text", b"; ModuleID", Context::new());
    /// assert!(matches!(refused, Err(Error::Bitcode { .. })));
    /// ```
    ///
    /// # Errors
    /// [`Error::Bitcode`] or [`Error::NewerBitcode`], with LLVM's words.
    pub fn from_bitcode(name: &str, bytes: &[u8], context: Context) -> Result<Self, Error> {
        let raw = parse_other(name, bytes, &context)?;
        Ok(Self::from_raw(raw, context))
    }

    pub(crate) fn from_raw(raw: RawModule, context: Context) -> Self {
        context.serve();
        Module {
            raw,
            home: Home::default(),
            context,
            _counted: MODULES.count(),
        }
    }

    /// The module as bitcode (`llvm-c/BitWriter.h`). What was [pinned](Module::pin) is declared in it.
    ///
    /// ```
    /// use martlet_ir::{Context, Module};
    ///
    /// let bitcode = Module::new("example").to_bitcode();
    /// let elsewhere = std::thread::spawn(move || {
    ///     Module::from_bitcode("copy", &bitcode, Context::new()).unwrap().function_count()
    /// });
    /// assert_eq!(elsewhere.join().unwrap(), 0);
    /// ```
    pub fn to_bitcode(&self) -> Vec<u8> {
        self.raw.bitcode()
    }

    /// Gives the context back. The module and all its values end here (`llvm-c/Core.h`,
    /// `LLVMDisposeModule`).
    ///
    /// ```
    /// # use martlet_ir::{Module, Weak, kind::Function};
    /// # let mut module = Module::new("example");
    /// # let f = module.edit(|e| {
    /// #     let fn_type = e.context().void_type().fn_type(&[], false);
    /// #     e.own(e.module().add_function("f", fn_type, None))
    /// # });
    /// let handle: Weak<Function> = module.edit(|e| e.weak(f.get_in(e).unwrap()));
    /// let next = Module::in_context("next", module.into_context());
    /// assert!(handle.get(&next).is_err());
    /// ```
    pub fn into_context(self) -> Context {
        let Module {
            raw,
            home,
            context,
            _counted,
        } = self;
        drop(raw);
        drop(home);
        // What nobody asked for is not the next module's.
        let _ = context.raw().take_errors();
        context
    }

    /// Lends inkwell's view of the module, to build or change IR with.
    ///
    /// Nothing lent can leave the closure except through handles. Functions that were dropped since
    /// are collected first. What asserting handles lose meanwhile is returned by [`Module::check`].
    ///
    /// ```
    /// use martlet_ir::Module;
    ///
    /// let mut module = Module::new("example");
    /// let answer = module.edit(|e| {
    ///     let i64_type = e.context().i64_type();
    ///     let function = e.module().add_function("answer", i64_type.fn_type(&[], false), None);
    ///     let builder = e.context().create_builder();
    ///     builder.position_at_end(e.context().append_basic_block(function, "entry"));
    ///     builder.build_return(Some(&i64_type.const_int(42, false))).unwrap();
    ///     e.own(function)
    /// });
    /// module.verify().unwrap();
    /// assert_eq!(answer.get(&module).unwrap().count_basic_blocks(), 1);
    /// ```
    pub fn edit<R>(&mut self, work: impl for<'ctx> FnOnce(Edit<'ctx>) -> R) -> R {
        self.edit_as("edit", "", work)
    }

    /// [`Module::edit`] under another name, which stale handles and fatal errors will give, with a
    /// detail, as in ``emit `f` ``.
    ///
    /// ```
    /// # use martlet_ir::{Module, Weak, kind::Function};
    /// # let mut module = Module::new("example");
    /// # let f: Weak<Function> = module.edit(|e| {
    /// #     let fn_type = e.context().void_type().fn_type(&[], false);
    /// #     e.weak(e.module().add_function("f", fn_type, None))
    /// # });
    /// // SAFETY: nothing uses it, and nobody keeps it.
    /// module.edit_as("prune", "f", |e| unsafe { f.get_in(e).unwrap().delete() });
    /// assert_eq!(f.last_event().unwrap().operation, "prune `f`");
    /// ```
    pub fn edit_as<R>(
        &mut self,
        operation: &'static str,
        detail: &str,
        work: impl for<'ctx> FnOnce(Edit<'ctx>) -> R,
    ) -> R {
        self.collect_if_due();
        let result = {
            let _operation = Operation::enter(operation, detail);
            self.lend(work)
        };
        self.home.stir();
        self.home.settle(&self.raw);
        result
    }

    /// Lends the same for looking. Whoever deletes through this view kills handles as anywhere else.
    ///
    /// ```
    /// let module = martlet_ir::Module::new("example");
    /// let names: Vec<_> = module.read(|e| {
    ///     let functions = e.module().get_functions();
    ///     functions.map(|f| f.get_name().to_string_lossy().into_owned()).collect()
    /// });
    /// assert!(names.is_empty());
    /// ```
    pub fn read<R>(&self, work: impl for<'ctx> FnOnce(Edit<'ctx>) -> R) -> R {
        let _operation = Operation::enter("read", "");
        let result = self.lend(work);
        self.home.stir();
        self.home.settle(&self.raw);
        result
    }

    fn lend<R>(&self, work: impl for<'ctx> FnOnce(Edit<'ctx>) -> R) -> R {
        let ink = self.raw.ink();
        work(Edit::new(
            &ink,
            self.context.raw().ink(),
            &self.raw,
            &self.home,
        ))
    }

    /// The name it was made under.
    ///
    /// ```
    /// let module = martlet_ir::Module::new("example");
    /// assert_eq!(module.name(), "example");
    /// ```
    pub fn name(&self) -> String {
        self.raw.name()
    }

    /// Owns a function by its present name. One that was dropped and is still there can be owned again
    /// as long as no pass has run.
    ///
    /// ```
    /// # use martlet_ir::{Error, Module};
    /// let mut module = Module::new("example");
    /// assert_eq!(module.own("f").map(|_| ()), Err(Error::NoFunction("f".into())));
    /// module.edit(|e| {
    ///     e.module().add_function("f", e.context().void_type().fn_type(&[], false), None);
    /// });
    /// let function = module.own("f").unwrap();
    /// assert_eq!(module.own("f").unwrap().id(), function.id());
    /// ```
    ///
    /// # Errors
    /// [`Error::NoFunction`], [`Error::Narrowed`].
    #[track_caller]
    pub fn own(&mut self, name: &str) -> Result<OwnedFunction, Error> {
        let function = self
            .raw
            .function(name)
            .ok_or_else(|| Error::NoFunction(name.to_owned()))?;
        self.home.own(function, &self.raw)
    }

    /// Runs LLVM's verifier (`llvm/IR/Verifier.h`).
    ///
    /// ```
    /// # use martlet_ir::{Error, Module};
    /// let mut module = Module::new("example");
    /// module.verify().unwrap();
    /// module.edit(|e| {
    ///     let function = e.module().add_function("f", e.context().void_type().fn_type(&[], false), None);
    ///     e.context().append_basic_block(function, "without an end");
    /// });
    /// assert!(matches!(module.verify(), Err(Error::Verifier(text)) if text.contains("terminator")));
    /// ```
    ///
    /// # Errors
    /// [`Error::Verifier`] with its text.
    pub fn verify(&self) -> Result<(), Error> {
        self.raw.verify().map_err(Error::Verifier)
    }

    /// Functions in the module, declarations included.
    ///
    /// ```
    /// # use martlet_ir::Module;
    /// # let mut module = Module::new("example");
    /// # let f = module.edit(|e| {
    /// #     let fn_type = e.context().void_type().fn_type(&[], false);
    /// #     e.own(e.module().add_function("f", fn_type, None))
    /// # });
    /// assert_eq!(module.function_count(), 1);
    /// drop(f);
    /// module.collect();
    /// assert_eq!(module.function_count(), 0);
    /// ```
    pub fn function_count(&self) -> usize {
        self.raw.functions().len()
    }

    /// How much the module holds now.
    ///
    /// ```
    /// # use martlet_ir::Module;
    /// # let mut module = Module::new("example");
    /// # let f = module.edit(|e| {
    /// #     let f = e.module().add_function("f", e.context().void_type().fn_type(&[], false), None);
    /// #     let builder = e.context().create_builder();
    /// #     builder.position_at_end(e.context().append_basic_block(f, "entry"));
    /// #     builder.build_return(None).unwrap();
    /// #     e.own(f)
    /// # });
    /// let before = module.memory_report();
    /// assert_eq!((before.definitions, before.instructions, before.pinned_bytes), (1, 1, 0));
    /// module.pin(&f).unwrap();
    /// let after = module.memory_report();
    /// assert_eq!((after.definitions, after.declarations, after.instructions), (0, 1, 0));
    /// assert!(after.pinned_bytes > 0);
    /// ```
    pub fn memory_report(&self) -> MemoryReport {
        let functions = self.raw.functions();
        let declarations = functions
            .iter()
            .filter(|function| function.is_declaration())
            .count();
        let owned = self.home.owned.borrow();
        let dying = owned.dying.len();
        let n_uses: usize = owned.entries.values().map(|e| e.uses().count()).sum();
        let pinned = owned.entries.values().filter_map(|e| e.pinned.as_ref());
        let (n_pinned, pinned_bytes) = pinned.fold((0, 0), |(count, bytes), pinned| {
            (count + 1, bytes + pinned.bitcode.len())
        });
        MemoryReport {
            definitions: functions.len() - declarations,
            declarations,
            variables: self.raw.variables().len(),
            instructions: self.raw.count_instructions(),
            nodes: self.home.count_nodes() + owned.entries.len() + n_uses,
            owned: owned.held().count(),
            dying,
            pinned: n_pinned,
            pinned_bytes,
            erased: self.home.erased.get(),
            libraries: self.context.open_libraries(),
        }
    }

    /// The context, to look at.
    ///
    /// ```
    /// let module = martlet_ir::Module::new("example");
    /// assert_eq!(module.context().bytes_read(), 0);
    /// ```
    pub fn context(&self) -> &Context {
        &self.context
    }

    #[inline]
    pub(crate) fn raw(&self) -> &RawModule {
        &self.raw
    }

    pub(crate) fn home(&self) -> &Home {
        &self.home
    }

    pub(crate) fn parts_mut(&mut self) -> (&mut RawModule, &Home) {
        (&mut self.raw, &self.home)
    }

    pub(crate) fn parts_and_context(&mut self) -> (&mut RawModule, &Home, &Context) {
        (&mut self.raw, &self.home, &self.context)
    }

    /// What went wrong without being returned: errors that LLVM reported while the module was lent
    /// (to code generation, say), and asserting handles that lost their values then. Operations that
    /// can fail call this themselves (`llvm/IR/DiagnosticHandler.h`).
    ///
    /// ```
    /// # use martlet_ir::{Asserting, Error, Module, kind::Function};
    /// let mut module = Module::new("example");
    /// let held: Asserting<Function> = module.edit(|e| {
    ///     let fn_type = e.context().void_type().fn_type(&[], false);
    ///     e.asserting(e.module().add_function("f", fn_type, None))
    /// });
    /// module.edit(|e| {
    ///     // SAFETY: nothing uses it, and nobody keeps it.
    ///     unsafe { e.module().get_function("f").unwrap().delete() };
    /// });
    /// assert!(matches!(module.check(), Err(Error::Asserted { falls, .. }) if falls.len() == 1));
    /// assert_eq!(module.check(), Ok(()));
    /// assert!(!held.is_alive());
    /// ```
    ///
    /// # Errors
    /// [`Error::Diagnostic`] and [`Error::Asserted`]; each is reported once.
    pub fn check(&self) -> Result<(), Error> {
        if let Some(message) = self.context.raw().take_errors() {
            return Err(Error::Diagnostic {
                message,
                report: None,
            });
        }
        match self.home.mailbox.take_fallen() {
            falls if falls.is_empty() => Ok(()),
            falls => Err(Error::Asserted {
                falls,
                report: None,
            }),
        }
    }

    pub(crate) fn owned_value(&self, function: &OwnedFunction) -> Result<Value<'_>, Error> {
        Ok(handle::value(function.mark(), &self.raw)?)
    }
}

/// Reads a module of its own making back into a context.
pub(crate) fn parse(name: &str, bytes: &[u8], context: &Context) -> Result<RawModule, Error> {
    context.has_read(bytes.len());
    RawModule::parse(name, bytes, context.raw())
        .ok_or_else(|| Error::bitcode(name, context.raw().take_errors().unwrap_or_default()))
}

/// Reads a module that was another's into a context: what was dropped there is plain here.
pub(crate) fn parse_other(name: &str, bytes: &[u8], context: &Context) -> Result<RawModule, Error> {
    let mut raw = parse(name, bytes, context)?;
    raw.forget_dropped();
    Ok(raw)
}

impl fmt::Display for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.raw.text())
    }
}
