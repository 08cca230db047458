//! Contexts, and the libraries that are resident in them.

use crate::counters::{CONTEXTS, Counted};
use crate::error::Error;
use crate::library::BitcodeLibrary;
use crate::raw::{RawContext, Resident, versions};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::sync::Arc;

/// An LLVM context (`llvm/IR/LLVMContext.h`) of one module, with the libraries that were opened in it.
///
/// A module owns its context; [`Module::into_context`](crate::Module::into_context) gives it back
/// for the next module, so that libraries are opened once a thread and not once a function.
/// Contexts grow (types, constants, metadata): retire one when it has read some megabytes
/// ([`Context::bytes_read`]), or has served some hundreds of modules.
///
/// ```
/// use martlet_ir::{Context, Module};
///
/// let mut context = Context::new();
/// for name in ["first", "second"] {
///     let module = Module::in_context(name, context);
///     assert_eq!(module.name(), name);
///     context = module.into_context();
/// }
/// assert_eq!((context.modules_served(), context.open_libraries()), (2, 0));
/// ```
#[derive(Debug)]
pub struct Context {
    /// Dropped before the context.
    libraries: RefCell<HashMap<u64, OpenLibrary>>,
    raw: RawContext,
    served: Cell<u64>,
    bytes_read: Cell<u64>,
    _counted: Counted,
}

/// One library, open in one context.
#[derive(Debug)]
pub(crate) struct OpenLibrary {
    pub(crate) resident: Resident,
    /// The canonical texts of original functions as imports have them, by name.
    pub(crate) pristine: RefCell<HashMap<String, Option<Arc<str>>>>,
}

impl Context {
    /// A new context.
    ///
    /// ```
    /// use martlet_ir::{Context, Module};
    ///
    /// let module = Module::in_context("example", Context::new());
    /// assert_eq!(module.context().modules_served(), 1);
    /// ```
    ///
    /// # Panics
    /// If the LLVM that was loaded is not the one this program was built for: see [`check_version`].
    pub fn new() -> Self {
        Context {
            libraries: RefCell::default(),
            raw: RawContext::new(),
            served: Cell::new(0),
            bytes_read: Cell::new(0),
            _counted: CONTEXTS.count(),
        }
    }

    /// How many modules have been made in it.
    ///
    /// ```
    /// use martlet_ir::{Context, Module};
    ///
    /// let mut context = Context::new();
    /// while context.modules_served() < 3 {
    ///     context = Module::in_context("unit", context).into_context();
    /// }
    /// assert_eq!(context.modules_served(), 3);
    /// ```
    pub fn modules_served(&self) -> u64 {
        self.served.get()
    }

    /// How much was read into it, in bytes: bitcode, of units and of definitions that were pinned, at
    /// its length, and units that came without at about what that would be. LLVM has no count of what a
    /// context holds; this is the measure of it, since what stays of a module when that is gone is in
    /// proportion.
    ///
    /// ```
    /// use martlet_ir::{Context, Module};
    ///
    /// const ENOUGH: u64 = 8 << 20;
    ///
    /// let bitcode = Module::new("example").to_bitcode();
    /// let context = Module::from_bitcode("copy", &bitcode, Context::new()).unwrap().into_context();
    /// assert_eq!(context.bytes_read(), bitcode.len() as u64);
    /// let next = if context.bytes_read() < ENOUGH { context } else { Context::new() };
    /// # drop(next);
    /// ```
    pub fn bytes_read(&self) -> u64 {
        self.bytes_read.get()
    }

    /// How many libraries are open in it.
    ///
    /// ```
    /// # use martlet_ir::{BitcodeLibrary, Module};
    /// # let bitcode = {
    /// #     let mut module = Module::new("helpers");
    /// #     let _held = module.edit(|e| {
    /// #         let f = e.module().add_function("f", e.context().void_type().fn_type(&[], false), None);
    /// #         let builder = e.context().create_builder();
    /// #         builder.position_at_end(e.context().append_basic_block(f, "entry"));
    /// #         builder.build_return(None).unwrap();
    /// #         e.own(f)
    /// #     });
    /// #     module.to_bitcode()
    /// # };
    /// # let library = BitcodeLibrary::open("helpers", bitcode).unwrap();
    /// # let mut module = Module::new("unit");
    /// # module.edit(|e| {
    /// #     e.module().add_function("f", e.context().void_type().fn_type(&[], false), None);
    /// # });
    /// library.import(&mut module).unwrap();
    /// // It stays open for the next module.
    /// assert_eq!(module.into_context().open_libraries(), 1);
    /// ```
    pub fn open_libraries(&self) -> usize {
        self.libraries.borrow().len()
    }

    /// Works with a library, opened now if it is not yet.
    pub(crate) fn with_library<R>(
        &self,
        library: &BitcodeLibrary,
        work: impl FnOnce(&OpenLibrary) -> R,
    ) -> Result<R, Error> {
        if !self.libraries.borrow().contains_key(&library.id()) {
            let open = OpenLibrary {
                resident: library.resident(&self.raw)?,
                pristine: RefCell::default(),
            };
            self.libraries.borrow_mut().insert(library.id(), open);
        }
        Ok(work(&self.libraries.borrow()[&library.id()]))
    }

    pub(crate) fn has_read(&self, bytes: usize) {
        self.bytes_read.set(self.bytes_read.get() + bytes as u64);
    }

    /// A module was copied in that consists of so many things.
    pub(crate) fn has_copied(&self, things: usize) {
        /// What one takes in bitcode, with its name.
        const BYTES: usize = 16;
        self.has_read(things * BYTES);
    }

    pub(crate) fn serve(&self) {
        self.served.set(self.served.get() + 1);
    }

    pub(crate) fn raw(&self) -> &RawContext {
        &self.raw
    }
}

/// Compares the full version of the LLVM headers that this crate was built with to that of the library
/// that was loaded (`llvm-c/Core.h`, `LLVMGetVersion`): C++ objects of one must not meet code of the
/// other.
///
/// ```
/// assert_eq!(martlet_ir::check_version(), Ok(()));
/// ```
///
/// # Errors
/// [`Error::Version`].
pub fn check_version() -> Result<(), Error> {
    let [headers, library] =
        versions().map(|[major, minor, patch]| format!("{major}.{minor}.{patch}"));
    if headers == library {
        Ok(())
    } else {
        Err(Error::Version { headers, library })
    }
}

impl Default for Context {
    fn default() -> Self {
        Self::new()
    }
}
