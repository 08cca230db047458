//! The linking of one module into another.

use crate::error::Error;
use crate::module::{self, Module};
use crate::operation::Operation;

impl Module {
    /// Links a copy of another module into this one (`llvm/Linker/Linker.h`). The other stays as it
    /// is. Where it defines what this one declares, the declaration is replaced by the definition:
    /// owned functions and tracking handles go over to that.
    ///
    /// ```
    /// use martlet_ir::Module;
    ///
    /// let function = |module: &mut Module, defined: bool| {
    ///     module.edit(|e| {
    ///         let fn_type = e.context().void_type().fn_type(&[], false);
    ///         let function = e.module().add_function("f", fn_type, None);
    ///         if defined {
    ///             let builder = e.context().create_builder();
    ///             builder.position_at_end(e.context().append_basic_block(function, "entry"));
    ///             builder.build_return(None).unwrap();
    ///         }
    ///         e.own(function)
    ///     })
    /// };
    /// let (mut here, mut there) = (Module::new("here"), Module::new("there"));
    /// let declared = function(&mut here, false);
    /// let _defined = function(&mut there, true);
    /// here.link(&there).unwrap();
    /// assert_eq!(declared.get(&here).unwrap().count_basic_blocks(), 1);
    /// assert!(here.link(&there).is_err(), "`f` would be defined twice");
    /// here.verify().unwrap();
    /// ```
    ///
    /// # Errors
    /// [`Error::Link`] if LLVM refuses, for example because both define a symbol: nothing is linked
    /// then. [`Error::Asserted`] if asserting handles lost their values.
    pub fn link(&mut self, other: &Module) -> Result<(), Error> {
        self.collect_if_due();
        let _operation = Operation::enter("link", &other.name());
        let bitcode = other.to_bitcode();
        let (raw, home, context) = self.parts_and_context();
        // LLVM finds some conflicts only after it has moved things over: a copy is tried first.
        let parse = || module::parse_other(&other.name(), &bitcode, context);
        let mut trial = raw.copy();
        let tried = match trial.link(parse()?) {
            true => trial.verify(),
            false => Err(context.raw().take_errors().unwrap_or_default()),
        };
        tried.map_err(|message| Error::Link {
            into: raw.name(),
            other: other.name(),
            message,
        })?;
        drop(trial);
        let is_linked = raw.link(parse()?);
        assert!(is_linked, "what was linked into a copy links");
        home.stir();
        home.settle(raw);
        self.check()
    }

    /// Adds functions and variables that are written in LLVM's language (`llvm/IRReader/IRReader.h`). What they declare
    /// and this module has is that.
    ///
    /// ```
    /// let mut module = martlet_ir::Module::new("example");
    /// module.add("define i64 @one() { ret i64 1 }").unwrap();
    /// module
    ///     .add("declare i64 @one() define i64 @two() { %1 = call i64 @one() %2 = add i64 %1, %1 ret i64 %2 }")
    ///     .unwrap();
    /// let two = module.own("two").unwrap();
    /// assert_eq!(two.get(&module).unwrap().count_basic_blocks(), 1);
    /// assert!(module.add("define i64 @two() { ret i64 2 }").is_err(), "`two` would be defined twice");
    /// assert!(module.add("define i64 @three()").is_err());
    /// module.verify().unwrap();
    /// ```
    ///
    /// # Errors
    /// [`Error::Text`] if LLVM cannot read it, or it has more in it than functions and variables (metadata and assembly of
    /// a module, `llvm.used` and its like); [`Error::Link`] if it defines what is defined here; nothing is added then.
    /// [`Error::Asserted`] if asserting handles lost their values.
    pub fn add(&mut self, text: &str) -> Result<(), Error> {
        self.collect_if_due();
        let _operation = Operation::enter("add", "");
        let (raw, home, context) = self.parts_and_context();
        let other = raw.parse_text(text, context.raw()).map_err(Error::Text)?;
        // LLVM finds that these cannot be linked after it has moved the rest over; that a symbol is defined twice, before.
        if let Some(oddity) = other.oddity() {
            return Err(Error::Text(format!("{oddity} in what is added to one")));
        }
        if let Err(message) = other.verify() {
            return Err(Error::Text(message));
        }
        let is_linked = raw.link(other);
        home.stir();
        home.settle(raw);
        if !is_linked {
            return Err(Error::Link {
                into: raw.name(),
                other: "text".into(),
                message: context.raw().take_errors().unwrap_or_default(),
            });
        }
        self.check()
    }
}
