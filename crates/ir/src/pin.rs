//! Definitions that wait outside of their module, as bitcode.
//!
//! A pass sees into every body that stands in the module, whatever its linkage: it may merge it with
//! another, or fold calls of it into their result. A pinned function is a declaration there, so no
//! pass can; and as bitcode it takes a fraction of the memory. What its body names is still used by it:
//! none of that is erased, and a body that is put back finds it under whatever name.

use crate::error::Error;
use crate::home::Pinned;
use crate::module::{self, Module};
use crate::operation::Operation;
use crate::owned::OwnedFunction;
use crate::raw::{ExtractRequest, Mode, RawModule, User, Value};
use core::panic::Location;

impl Module {
    /// Takes a function's definition out of the module and keeps it as bitcode; a declaration stays,
    /// which no pass deletes or changes (`llvm/IR/Function.h`, `deleteBody`). Static functions and constants that only it uses go with it.
    /// It can be extracted and brought along as before. Calls in it name their callees, as in any
    /// object file.
    ///
    /// ```
    /// # use martlet_ir::Module;
    /// # let mut module = Module::new("example");
    /// # let function = module.edit(|e| {
    /// #     let function = e.module().add_function("f", e.context().void_type().fn_type(&[], false), None);
    /// #     let builder = e.context().create_builder();
    /// #     builder.position_at_end(e.context().append_basic_block(function, "entry"));
    /// #     builder.build_return(None).unwrap();
    /// #     e.own(function)
    /// # });
    /// module.pin(&function).unwrap();
    /// assert_eq!(function.get(&module).unwrap().count_basic_blocks(), 0);
    /// assert!(module.memory_report().pinned_bytes > 0);
    /// let unit = module.extract(&function, &[]).unwrap();
    /// assert_eq!(unit.function.get(&unit.module).unwrap().count_basic_blocks(), 1);
    /// module.unpin(&function).unwrap();
    /// assert_eq!(function.get(&module).unwrap().count_basic_blocks(), 1);
    /// ```
    ///
    /// # Errors
    /// [`Error::Stale`], [`Error::NotDefined`], or [`Error::Extract`] if the function names a static
    /// variable, or the address of one of its blocks is held outside. [`Error::Asserted`] if
    /// asserting handles were of values in it.
    pub fn pin(&mut self, function: &OwnedFunction) -> Result<(), Error> {
        self.collect_if_due();
        let _operation = Operation::enter("pin", "");
        if self.is_pinned(function) {
            return Ok(());
        }
        let value = self.owned_value(function)?;
        let name = value.name();
        if value.is_declaration() {
            return Err(Error::NotDefined(name));
        }
        let refuse = |message: String| Error::Extract {
            function: name.clone(),
            message,
        };
        for user in value.users() {
            match user {
                User::BlockAddress => {
                    return Err(refuse("the address of one of its blocks is held".into()));
                }
                User::Alias(by) => {
                    let by = by.name();
                    return Err(refuse(format!("`{by}` stands for its definition")));
                }
                User::Comdat(by) => {
                    let by = by.name();
                    return Err(refuse(format!("it leads a comdat group, with `{by}`")));
                }
                _ => {}
            }
        }
        let request = ExtractRequest {
            name: name.clone(),
            function: value,
            brought: Vec::new(),
        };
        let clone = self.raw().extract(&request).map_err(refuse)?;
        let bitcode = clone.bitcode();
        let home = self.home();
        let declared = [clone.functions(), clone.variables()];
        let uses = declared
            .iter()
            .flatten()
            .filter(|theirs| theirs.is_declaration() && !theirs.is_intrinsic())
            .filter_map(|theirs| {
                let name = theirs.name();
                let ours = self.raw().global(&name)?;
                let node = home.node(ours, self.raw(), Mode::Tracking, Location::caller());
                Some((name, node))
            })
            .collect();
        drop(clone);
        let (raw, home) = self.parts_mut();
        raw.take_body(function.mark());
        if let Some(entry) = home.owned.borrow_mut().entries.get_mut(&function.id()) {
            entry.pinned = Some(Pinned {
                name,
                bitcode,
                uses,
            });
        }
        home.stir();
        self.check()
    }

    /// Puts a pinned function's definition back. It brings the statics it names as new ones; copies of
    /// functions that nobody owns any more are erased when it is.
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
    /// let before = module.to_string();
    /// module.pin(&f).unwrap();
    /// assert_ne!(module.to_string(), before);
    /// module.unpin(&f).unwrap();
    /// assert_eq!(module.to_string(), before);
    /// ```
    ///
    /// # Errors
    /// [`Error::Stale`]; [`Error::Extract`] if its body cannot be brought in.
    pub fn unpin(&mut self, function: &OwnedFunction) -> Result<(), Error> {
        self.collect_if_due();
        let _operation = Operation::enter("unpin", "");
        let name = self.owned_value(function)?.name();
        let Some(body) = self.pinned_body(function)? else {
            return Ok(());
        };
        let (raw, home) = self.parts_mut();
        let mut owned = home.owned.borrow_mut();
        let id = owned.pinned(function.id()).unwrap_or(function.id());
        let entry = owned.entries.get_mut(&id);
        let Some(pinned) = entry.map(|entry| &mut entry.pinned) else {
            return Ok(());
        };
        let uses = pinned.iter().flat_map(|pinned| &pinned.uses);
        raw.give_body(
            function.mark(),
            body.function(),
            &body.raw,
            uses.map(|(name, node)| (name.as_str(), &**node.mark())),
        )
        .map_err(|message| Error::Extract {
            function: name,
            message,
        })?;
        *pinned = None;
        drop(owned);
        // Copies of functions that were dropped came along, as statics.
        home.may_have_orphans.set(true);
        self.check()
    }

    /// Whether a function's definition was taken out of the module.
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
    /// assert!(!module.is_pinned(&f));
    /// module.pin(&f).unwrap();
    /// assert!(module.is_pinned(&f));
    /// ```
    pub fn is_pinned(&self, function: &OwnedFunction) -> bool {
        self.home().owned.borrow().pinned(function.id()).is_some()
    }

    /// The bitcode of a pinned function, which is its unit as long as it is called what it was.
    pub(crate) fn pinned_bitcode(&self, function: &OwnedFunction, name: &str) -> Option<Vec<u8>> {
        let owned = self.home().owned.borrow();
        let pinned = owned.entries[&owned.pinned(function.id())?].pinned.as_ref();
        Some(pinned.filter(|pinned| pinned.name == name)?.bitcode.clone())
    }

    /// A pinned function's definition, read into this module's context, under its present name.
    pub(crate) fn pinned_body(&self, function: &OwnedFunction) -> Result<Option<Body>, Error> {
        let owned = self.home().owned.borrow();
        let entry = owned.pinned(function.id()).map(|id| &owned.entries[&id]);
        let Some(pinned) = entry.and_then(|entry| entry.pinned.as_ref()) else {
            return Ok(None);
        };
        let mut raw = module::parse(&pinned.name, &pinned.bitcode, self.context())?;
        let name = self.owned_value(function)?.name();
        raw.rename(&pinned.name, &name);
        Ok(Some(Body { raw, name }))
    }
}

/// A function in a module of its own, in the context of the module that it was taken out of.
#[derive(Debug)]
pub(crate) struct Body {
    raw: RawModule,
    name: String,
}

impl Body {
    pub(crate) fn function(&self) -> Value<'_> {
        let function = self.raw.function(&self.name);
        function.expect("the module was made for this function")
    }
}
