//! Whether a module's copies of library functions still mean what they meant, and their repair.
//!
//! A copy is compared with what a fresh import gives, both printed alone so that nothing around
//! them counts.

use crate::context::OpenLibrary;
use crate::error::Error;
use crate::library::BitcodeLibrary;
use crate::module::Module;
use crate::operation::Operation;
use crate::raw::{Mode, Value};
use std::sync::Arc;

/// How a module's copy of a library function differs from the original.
///
/// ```
/// use martlet_ir::{BitcodeLibrary, Difference, DifferenceKind};
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
/// # let library = BitcodeLibrary::open("helpers", bitcode).unwrap();
/// # let mut module = Module::new("unit");
/// # module.edit(|e| {
/// #     e.module().add_function("f", e.context().void_type().fn_type(&[], false), None);
/// # });
///
/// // The module names `f`, and nothing was imported yet.
/// let missing = Difference { function: "f".into(), kind: DifferenceKind::Dropped };
/// assert_eq!(library.audit(&module).unwrap(), [missing]);
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Difference {
    /// The function's name in the module.
    pub function: String,
    /// What differs.
    pub kind: DifferenceKind,
}

/// What differs.
///
/// ```
/// use martlet_ir::DifferenceKind;
///
/// let describe = |kind: &DifferenceKind| match kind {
///     DifferenceKind::Dropped => "only declared".to_owned(),
///     DifferenceKind::Changed { line } => format!("has `{line}`"),
///     _ => "differs".to_owned(),
/// };
/// assert_eq!(describe(&DifferenceKind::Dropped), "only declared");
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum DifferenceKind {
    /// It is only declared: the body was dropped, or never imported.
    Dropped,
    /// The text differs, first in this line of the copy.
    Changed {
        /// The line; empty if the copy is shorter.
        line: String,
    },
}

impl BitcodeLibrary {
    /// Compares every function of `module` that this library defines with the original: each printed
    /// alone (`llvm/IR/Module.h`), as an import would have it.
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
    /// assert_eq!(library.audit(&module).unwrap(), []);
    /// module.edit(|e| {
    ///     let f = e.module().get_function("f").unwrap();
    ///     let builder = e.context().create_builder();
    ///     builder.position_before(&f.get_first_basic_block().unwrap().get_terminator().unwrap());
    ///     builder.build_alloca(e.context().i64_type(), "").unwrap();
    /// });
    /// assert_eq!(library.audit(&module).unwrap()[0].function, "f");
    /// ```
    ///
    /// # Errors
    /// [`Error::Bitcode`] if the library cannot be opened in the module's context.
    pub fn audit(&self, module: &Module) -> Result<Vec<Difference>, Error> {
        let context = module.context();
        context.with_library(self, |open| {
            let mut differences = Vec::new();
            for function in module.raw().functions() {
                let name = function.name();
                if let Some(kind) = self.compare(function, &name, open) {
                    differences.push(Difference {
                        function: name,
                        kind,
                    });
                }
            }
            differences
        })
    }

    /// Puts the original bodies back where [`BitcodeLibrary::audit`] finds a difference. The
    /// functions themselves stay: handles and callers remain valid (`llvm/IR/Function.h`, `deleteBody`;
    /// `llvm/Transforms/Utils/Cloning.h`). [`BitcodeLibrary::audit`] beforehand says the same.
    ///
    /// ```
    /// # use martlet_ir::{BitcodeLibrary, Module, Weak, kind::Function};
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
    /// let f: Weak<Function> = module.edit(|e| e.weak(e.module().get_function("f").unwrap()));
    /// assert_eq!(library.heal(&mut module).unwrap().len(), 1);
    /// assert_eq!(f.get(&module).unwrap().count_basic_blocks(), 1);
    /// assert_eq!(library.heal(&mut module).unwrap(), []);
    /// ```
    ///
    /// # Errors
    /// [`Error::OtherSignature`] if a function of the library's name has another type;
    /// [`Error::Library`] if the original cannot be brought in; [`Error::Asserted`] if asserting handles
    /// were of values in the bodies that were replaced.
    pub fn heal(&self, module: &mut Module) -> Result<Vec<Difference>, Error> {
        module.collect_if_due();
        let differences = self.audit(module)?;
        let _operation = Operation::enter("heal", self.name());
        let (raw, home, context) = module.parts_and_context();
        for difference in &differences {
            let Some(function) = raw.function(&difference.function) else {
                continue;
            };
            let mark = home.watch(function, raw, Mode::Weak);
            mark.release();
            context
                .with_library(self, |open| {
                    open.resident.restore(raw, self.prefix(), &mark)
                })?
                .map_err(|message| self.error(message))?;
        }
        module.check()?;
        Ok(differences)
    }

    fn compare(
        &self,
        function: Value<'_>,
        name: &str,
        open: &OpenLibrary,
    ) -> Option<DifferenceKind> {
        let original = match function.is_local() {
            true => name.strip_prefix(self.prefix())?,
            false => name,
        };
        let pristine = self.imported_text(original, name, open)?;
        if function.is_declaration() {
            return Some(DifferenceKind::Dropped);
        }
        let text = function.canonical_text();
        if *text == *pristine {
            return None;
        }
        let same = text
            .lines()
            .zip(pristine.lines())
            .take_while(|(a, b)| a == b)
            .count();
        let line = text.lines().nth(same).unwrap_or_default().to_owned();
        Some(DifferenceKind::Changed { line })
    }

    /// The text of a function as a fresh import has it; `None` if imports do not bring its body.
    fn imported_text(&self, original: &str, name: &str, open: &OpenLibrary) -> Option<Arc<str>> {
        if let Some(known) = open.pristine.borrow().get(name) {
            return known.clone();
        }
        let text = open
            .resident
            .imported_text(original, self.prefix(), original != name);
        let text: Option<Arc<str>> = text.map(Arc::from);
        open.pristine
            .borrow_mut()
            .insert(name.to_owned(), text.clone());
        text
    }
}
