//! Libraries of bitcode that modules borrow bodies from.

use crate::error::Error;
use crate::module::Module;
use crate::operation::Operation;
use crate::raw::{RawContext, Resident};
use core::fmt;
use core::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

/// Bitcode of functions whose originals live elsewhere too, natively compiled.
///
/// The library itself is plain bytes: it may be cloned and used on any thread. Each context reads it
/// once, lazily (`llvm/Bitcode/BitcodeReader.h`), and keeps it; an import then clones only what a module
/// names (`llvm/Transforms/Utils/Cloning.h`).
///
/// ```
/// # use martlet_ir::{BitcodeLibrary, DifferenceKind, Module};
/// # fn bitcode() -> Vec<u8> {
/// #     let mut module = Module::new("helpers");
/// #     let _held = module.edit(|e| {
/// #         let i64_type = e.context().i64_type();
/// #         let function = e.module().add_function("answer", i64_type.fn_type(&[], false), None);
/// #         let builder = e.context().create_builder();
/// #         builder.position_at_end(e.context().append_basic_block(function, "entry"));
/// #         builder.build_return(Some(&i64_type.const_int(42, false))).unwrap();
/// #         e.own(function)
/// #     });
/// #     module.to_bitcode()
/// # }
/// // As clang makes it of C, embedded by `include_bytes!`.
/// let library = BitcodeLibrary::open("helpers", bitcode()).unwrap();
/// assert_eq!(library.functions(), ["answer"]);
///
/// let mut module = Module::new("unit");
/// module.edit(|e| {
///     let i64_type = e.context().i64_type();
///     e.module().add_function("answer", i64_type.fn_type(&[], false), None);
/// });
/// assert_eq!(library.import(&mut module).unwrap().functions, ["answer"]);
/// assert!(module.to_string().contains("define available_externally i64 @answer"));
///
/// // Whatever happens to the copy, the original can be had again.
/// module.edit(|e| {
///     let answer = e.module().get_function("answer").unwrap();
///     let end = answer.get_first_basic_block().unwrap().get_terminator().unwrap();
///     end.set_operand(0, e.context().i64_type().const_int(43, false));
/// });
/// assert_eq!(library.audit(&module).unwrap().len(), 1);
/// let healed = library.heal(&mut module).unwrap();
/// assert!(matches!(&healed[0].kind, DifferenceKind::Changed { line } if line.contains("43")));
/// assert!(library.audit(&module).unwrap().is_empty());
/// assert!(library.pristine("answer").unwrap().contains("ret i64 42"));
/// ```
#[derive(Clone)]
pub struct BitcodeLibrary(Arc<Inner>);

struct Inner {
    id: u64,
    name: String,
    /// What the library's static things are called in a module.
    prefix: String,
    bytes: Arc<[u8]>,
    functions: Vec<String>,
}

/// What an import gave bodies to.
///
/// ```
/// # use martlet_ir::{BitcodeLibrary, Imported, Module};
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
/// let imported: Imported = library.import(&mut module).unwrap();
/// assert_eq!(imported.functions, ["f"]);
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Imported {
    /// The names, those that other imported ones call included; statics not.
    pub functions: Vec<String>,
}

impl BitcodeLibrary {
    /// Opens bitcode, given whole, for example by `include_bytes!`.
    ///
    /// ```
    /// use martlet_ir::{BitcodeLibrary, Error};
    /// # use martlet_ir::Module;
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
    /// let library = BitcodeLibrary::open("helpers", bitcode).unwrap();
    /// assert_eq!(library.functions(), ["f"]);
    /// let refused = BitcodeLibrary::open("text", *b"int f(void);");
    /// assert!(matches!(refused, Err(Error::Bitcode { .. })));
    /// ```
    ///
    /// # Errors
    /// [`Error::Bitcode`] if this LLVM does not read it.
    pub fn open(name: &str, bytes: impl Into<Arc<[u8]>>) -> Result<Self, Error> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let mut inner = Inner {
            // Relaxed: only uniqueness counts.
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            name: name.to_owned(),
            prefix: format!("{name}."),
            bytes: bytes.into(),
            functions: Vec::new(),
        };
        let context = RawContext::new();
        inner.functions = inner.resident(&context)?.names();
        Ok(BitcodeLibrary(Arc::new(inner)))
    }

    /// Its name.
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
    /// let library = BitcodeLibrary::open("helpers", bitcode).unwrap();
    /// assert_eq!(library.name(), "helpers");
    /// ```
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The functions it defines and shows.
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
    /// assert!(library.functions().contains(&"f".to_owned()));
    /// ```
    pub fn functions(&self) -> &[String] {
        &self.0.functions
    }

    /// Gives bodies to the functions that `module` declares and this library defines, and to those
    /// that they call, as `available_externally`: the optimiser may inline them or drop them, and
    /// neither harms. The library's attributes replace the declaration's. Functions marked `noinline`
    /// stay declarations, and keep their attributes beside the library's. Constants come along, variables
    /// that can be written are declared. `target-cpu`, `target-features` and `tune-cpu` are taken
    /// off, since a body for a named CPU does not inline into one for another.
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
    /// assert!(module.to_string().contains("define available_externally void @f"));
    /// // What has a body needs none.
    /// assert!(library.import(&mut module).unwrap().functions.is_empty());
    /// ```
    ///
    /// # Errors
    /// [`Error::Library`] if a declared type differs, or a body uses a static variable that can be
    /// written (it would exist twice).
    pub fn import(&self, module: &mut Module) -> Result<Imported, Error> {
        module.collect_if_due();
        let _operation = Operation::enter("import", &self.0.name);
        let (raw, _, context) = module.parts_and_context();
        let functions = context
            .with_library(self, |open| open.resident.import(raw, &self.0.prefix))?
            .map_err(|message| self.error(message))?;
        Ok(Imported { functions })
    }

    /// The untouched text of one function.
    ///
    /// ```
    /// use martlet_ir::Error;
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
    /// assert!(library.pristine("f").unwrap().contains("ret void"));
    /// assert_eq!(library.pristine("g"), Err(Error::NoFunction("g".into())));
    /// ```
    ///
    /// # Errors
    /// [`Error::NoFunction`].
    pub fn pristine(&self, name: &str) -> Result<String, Error> {
        let context = RawContext::new();
        let resident = self.0.resident(&context)?;
        let function = resident
            .function(name)
            .ok_or_else(|| Error::NoFunction(name.to_owned()))?;
        Ok(function.canonical_text())
    }

    pub(crate) fn id(&self) -> u64 {
        self.0.id
    }

    pub(crate) fn prefix(&self) -> &str {
        &self.0.prefix
    }

    pub(crate) fn resident(&self, context: &RawContext) -> Result<Resident, Error> {
        self.0.resident(context)
    }

    pub(crate) fn error(&self, message: String) -> Error {
        Error::Library {
            library: self.0.name.clone(),
            message,
        }
    }
}

impl Inner {
    fn resident(&self, context: &RawContext) -> Result<Resident, Error> {
        Resident::open(&self.name, Arc::clone(&self.bytes), context)
            .map_err(|message| Error::bitcode(&self.name, message))
    }
}

impl fmt::Debug for BitcodeLibrary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BitcodeLibrary")
            .field("name", &self.0.name)
            .field("bytes", &self.0.bytes.len())
            .field("functions", &self.0.functions.len())
            .finish()
    }
}
