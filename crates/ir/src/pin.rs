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
    /// variable, if it or something outside that it names has no name, or if the address of one of its
    /// blocks is held outside. [`Error::Asserted`] if asserting handles were of values in it.
    pub fn pin(&mut self, function: &OwnedFunction) -> Result<(), Error> {
        self.collect_if_due();
        let _operation = Operation::enter("pin", "");
        if self.is_pinned(function) {
            return Ok(());
        }
        let (value, name) = self.named_value(function)?;
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
            .filter(|theirs| !theirs.is_local() && !theirs.is_intrinsic())
            .filter_map(|theirs| {
                let name = theirs.name();
                let ours = self.raw().global(&name).filter(|ours| *ours != value)?;
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
        let Some(body) = self.read_pinned(function)? else {
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

    /// The bitcode of a pinned function, which is its unit as long as all have the names they had.
    pub(crate) fn pinned_bitcode(&self, function: &OwnedFunction, name: &str) -> Option<Vec<u8>> {
        let owned = self.home().owned.borrow();
        let pinned = owned.entries[&owned.pinned(function.id())?]
            .pinned
            .as_ref()?;
        let mut names = pinned.names(name.to_owned(), self.raw());
        let is_same = names.all(|(there, here)| *there == *here);
        is_same.then(|| pinned.bitcode.clone())
    }

    /// A pinned function's definition, read into this module's context, under the names of then.
    fn read_pinned(&self, function: &OwnedFunction) -> Result<Option<Body>, Error> {
        let owned = self.home().owned.borrow();
        let entry = owned.pinned(function.id()).map(|id| &owned.entries[&id]);
        let Some(pinned) = entry.and_then(|entry| entry.pinned.as_ref()) else {
            return Ok(None);
        };
        let raw = module::parse(&pinned.name, &pinned.bitcode, self.context())?;
        let name = pinned.name.clone();
        Ok(Some(Body { raw, name }))
    }

    /// That, under the names of now.
    pub(crate) fn pinned_body(&self, function: &OwnedFunction) -> Result<Option<Body>, Error> {
        let Some(mut body) = self.read_pinned(function)? else {
            return Ok(None);
        };
        body.name = self.owned_value(function)?.name();
        let owned = self.home().owned.borrow();
        let entry = owned.pinned(function.id()).map(|id| &owned.entries[&id]);
        if let Some(pinned) = entry.and_then(|entry| entry.pinned.as_ref()) {
            let names: Vec<_> = pinned.names(body.name.clone(), self.raw()).collect();
            body.raw.rename(&names);
        }
        Ok(Some(body))
    }
}

impl Pinned {
    /// The names in the bitcode of what is outside of it, itself first, and the names here: `name` for
    /// itself. What is gone keeps its name.
    fn names<'a>(
        &'a self,
        name: String,
        module: &'a RawModule,
    ) -> impl Iterator<Item = (&'a str, String)> {
        let uses = self.uses.iter().map(|(there, node)| {
            let here = Value::of_mark(node.mark(), module).map(Value::name);
            (there.as_str(), here.unwrap_or_else(|| there.clone()))
        });
        [(self.name.as_str(), name)].into_iter().chain(uses)
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
