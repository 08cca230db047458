//! Units: one function, cloned into a module of its own to be compiled.
//!
//! LLVM clones within one context only. From there a unit is copied into its own, by bitcode if it holds
//! what the copier does not know. One that waits for another thread is bitcode in any case.

use crate::context::Context;
use crate::error::Error;
use crate::module::Module;
use crate::operation::Operation;
use crate::owned::OwnedFunction;
use crate::pin::Body;
use crate::raw::{ExtractRequest, RawModule, Value};
use std::collections::{BTreeMap, BTreeSet};

/// A function whose body comes along into a unit, to be inlined there. Of two that bring the same
/// function, the first counts; the unit's own function is there already.
///
/// ```
/// # use martlet_ir::{Bring, Module};
/// # let mut module = Module::new("example");
/// # let f = module.edit(|e| {
/// #     let f = e.module().add_function("f", e.context().void_type().fn_type(&[], false), None);
/// #     let builder = e.context().create_builder();
/// #     builder.position_at_end(e.context().append_basic_block(f, "entry"));
/// #     builder.build_return(None).unwrap();
/// #     e.own(f)
/// # });
/// # let g = module.edit(|e| {
/// #     let g = e.module().add_function("g", e.context().void_type().fn_type(&[], false), None);
/// #     let builder = e.context().create_builder();
/// #     builder.position_at_end(e.context().append_basic_block(g, "entry"));
/// #     builder.build_call(f.get_in(e).unwrap(), &[], "").unwrap();
/// #     builder.build_return(None).unwrap();
/// #     e.own(g)
/// # });
/// let bring = [Bring { function: &f, tag: f.id().as_u64() }];
/// let unit = module.extract(&g, &bring).unwrap().module;
/// assert!(unit.to_string().contains("define available_externally void @f"));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Bring<'a> {
    /// The function.
    pub function: &'a OwnedFunction,
    /// What [`Module::provenance`] calls it; the caller's business.
    pub tag: u64,
}

/// A unit on its way to another thread: what [`Module::extract_bitcode`] made
/// (`llvm/Bitcode/BitcodeWriter.h`).
///
/// ```
/// # use martlet_ir::{Context, Module, UnitBitcode};
/// # let mut library = Module::new("library");
/// # let function = library.edit(|e| {
/// #     let function = e.module().add_function("f", e.context().void_type().fn_type(&[], false), None);
/// #     let builder = e.context().create_builder();
/// #     builder.position_at_end(e.context().append_basic_block(function, "entry"));
/// #     builder.build_return(None).unwrap();
/// #     e.own(function)
/// # });
/// let bitcode: UnitBitcode = library.extract_bitcode(&function, &[]).unwrap();
/// let compiled = std::thread::spawn(move || {
///     let unit = bitcode.open(Context::new()).unwrap();
///     unit.module.verify().is_ok()
/// });
/// assert!(compiled.join().unwrap());
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct UnitBitcode {
    /// The function's name in it.
    function: String,
    bytes: Vec<u8>,
    /// Whether bodies were brought along.
    is_tagged: bool,
}

impl UnitBitcode {
    /// Reads the unit into a context, which may have served before.
    ///
    /// ```
    /// # use martlet_ir::{Context, Module};
    /// # let mut module = Module::new("example");
    /// # let f = module.edit(|e| {
    /// #     let f = e.module().add_function("f", e.context().void_type().fn_type(&[], false), None);
    /// #     let builder = e.context().create_builder();
    /// #     builder.position_at_end(e.context().append_basic_block(f, "entry"));
    /// #     builder.build_return(None).unwrap();
    /// #     e.own(f)
    /// # });
    /// let bitcode = module.extract_bitcode(&f, &[]).unwrap();
    /// let unit = bitcode.open(Context::new()).unwrap();
    /// assert_eq!(unit.module.name(), "f");
    /// // As often as it is wanted, in a context that has served before.
    /// let again = bitcode.open(unit.module.into_context()).unwrap();
    /// assert_ne!(again.function.id(), f.id());
    /// ```
    ///
    /// # Errors
    /// [`Error::Bitcode`], which would be a fault of LLVM's: it has written the bytes itself.
    pub fn open(&self, context: Context) -> Result<Unit, Error> {
        let mut module = Module::from_bitcode(&self.function, &self.bytes, context)?;
        module.home().is_tagged.set(self.is_tagged);
        let function = module.own(&self.function)?;
        Ok(Unit { module, function })
    }

    /// The bitcode. Which functions were brought along stands in it, but [`Module::provenance`] tells
    /// only of a unit that was [opened](Self::open).
    ///
    /// ```
    /// # use martlet_ir::{Context, Module};
    /// # let mut module = Module::new("example");
    /// # let f = module.edit(|e| {
    /// #     let f = e.module().add_function("f", e.context().void_type().fn_type(&[], false), None);
    /// #     let builder = e.context().create_builder();
    /// #     builder.position_at_end(e.context().append_basic_block(f, "entry"));
    /// #     builder.build_return(None).unwrap();
    /// #     e.own(f)
    /// # });
    /// let bitcode = module.extract_bitcode(&f, &[]).unwrap();
    /// let read = Module::from_bitcode("read", bitcode.as_bytes(), Context::new()).unwrap();
    /// assert_eq!(read.function_count(), 1);
    /// ```
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// What [`Module::extract`] made.
///
/// ```
/// use martlet_ir::Unit;
/// # use martlet_ir::Module;
/// # let mut module = Module::new("example");
/// # let f = module.edit(|e| {
/// #     let f = e.module().add_function("f", e.context().void_type().fn_type(&[], false), None);
/// #     let builder = e.context().create_builder();
/// #     builder.position_at_end(e.context().append_basic_block(f, "entry"));
/// #     builder.build_return(None).unwrap();
/// #     e.own(f)
/// # });
/// let Unit { module: unit, function } = module.extract(&f, &[]).unwrap();
/// assert_eq!(function.get(&unit).unwrap().count_basic_blocks(), 1);
/// assert!(function.get(&module).is_err(), "it is the unit's");
/// ```
#[derive(Debug)]
pub struct Unit {
    /// A module in a context of its own.
    pub module: Module,
    /// The function in that module. Hold it as long as the unit is worked on: once it is dropped,
    /// the function is no longer anybody's, and is erased.
    pub function: OwnedFunction,
}

/// A unit that is still in the context it was cloned in, or bitcode already.
enum Cloned {
    Module(RawModule),
    Bitcode(UnitBitcode),
}

impl Module {
    /// Clones one function into a module of its own, in a context of its own, so that it can be
    /// compiled on another thread. What it calls is declared only, because what an optimiser sees
    /// the body of, it folds; but static functions and constants come along, and so do the bodies
    /// in `bring`, as `available_externally` (`llvm/Transforms/Utils/Cloning.h`, `CloneFunctionInto`).
    ///
    /// ```
    /// use martlet_ir::{Bring, Module};
    /// # use martlet_ir::inkwell::{OptimizationLevel, targets::*};
    /// # Target::initialize_x86(&InitializationConfig::default());
    /// # let triple = TargetTriple::create("x86_64-unknown-linux-gnu");
    /// # let machine = Target::from_triple(&triple).unwrap().create_target_machine(
    /// #     &triple, "x86-64", "", OptimizationLevel::Default, RelocMode::PIC, CodeModel::Small,
    /// # ).unwrap();
    ///
    /// let mut library = Module::new("library");
    /// let [callee, caller] = library.edit(|e| {
    ///     let fn_type = e.context().void_type().fn_type(&[], false);
    ///     ["callee", "caller"].map(|name| {
    ///         let callee = e.module().get_function("callee");
    ///         let function = e.module().add_function(name, fn_type, None);
    ///         let builder = e.context().create_builder();
    ///         builder.position_at_end(e.context().append_basic_block(function, "entry"));
    ///         if let Some(callee) = callee {
    ///             builder.build_call(callee, &[], "").unwrap();
    ///         }
    ///         builder.build_return(None).unwrap();
    ///         e.own(function)
    ///     })
    /// });
    /// let bring = [Bring { function: &callee, tag: 7 }];
    /// let mut unit = library.extract(&caller, &bring).unwrap();
    /// unit.module.run_passes("cgscc(inline)", &machine).unwrap();
    /// assert_eq!(unit.module.provenance(), [7]);
    /// assert!(!unit.module.to_string().contains("call void"));
    /// ```
    ///
    /// # Errors
    /// [`Error::Stale`], [`Error::NotDefined`], or [`Error::Extract`] if the function names
    /// something that cannot be in two modules, like a static variable, or that has no name, or has none
    /// itself.
    pub fn extract(
        &mut self,
        function: &OwnedFunction,
        bring: &[Bring<'_>],
    ) -> Result<Unit, Error> {
        self.extract_into(function, bring, Context::new())
    }

    /// [`Module::extract`] into a context that has served before.
    ///
    /// ```
    /// # use martlet_ir::{Context, Module};
    /// # let mut module = Module::new("example");
    /// # let f = module.edit(|e| {
    /// #     let f = e.module().add_function("f", e.context().void_type().fn_type(&[], false), None);
    /// #     let builder = e.context().create_builder();
    /// #     builder.position_at_end(e.context().append_basic_block(f, "entry"));
    /// #     builder.build_return(None).unwrap();
    /// #     e.own(f)
    /// # });
    /// let mut context = Context::new();
    /// for _ in 0..3 {
    ///     let unit = module.extract_into(&f, &[], context).unwrap();
    ///     context = unit.module.into_context();
    /// }
    /// assert_eq!(context.modules_served(), 3);
    /// ```
    ///
    /// # Errors
    /// As there.
    pub fn extract_into(
        &mut self,
        function: &OwnedFunction,
        bring: &[Bring<'_>],
        context: Context,
    ) -> Result<Unit, Error> {
        self.collect_if_due();
        let _operation = Operation::enter("extract", "");
        let clone = match self.clone_out(function, bring)? {
            Cloned::Module(clone) => clone,
            Cloned::Bitcode(bitcode) => return bitcode.open(context),
        };
        let name = clone.name();
        let mut module = match clone.copy_to(context.raw()) {
            Some((mut raw, size)) => {
                raw.forget_dropped();
                context.has_copied(size);
                Self::from_raw(raw, context)
            }
            None => Self::from_bitcode(&name, &clone.bitcode(), context)?,
        };
        module.home().is_tagged.set(!bring.is_empty());
        let function = module.own(&name)?;
        Ok(Unit { module, function })
    }

    /// [`Module::extract`] up to where another thread can go on, which opens the unit in a context of
    /// its own: see [`UnitBitcode`].
    ///
    /// ```
    /// # use martlet_ir::{Error, Module};
    /// # let mut module = Module::new("example");
    /// # let f = module.edit(|e| {
    /// #     let fn_type = e.context().void_type().fn_type(&[], false);
    /// #     e.own(e.module().add_function("f", fn_type, None))
    /// # });
    /// // There is nothing to clone yet.
    /// let refused = module.extract_bitcode(&f, &[]);
    /// assert_eq!(refused, Err(Error::NotDefined("f".into())));
    /// ```
    ///
    /// # Errors
    /// As there.
    pub fn extract_bitcode(
        &mut self,
        function: &OwnedFunction,
        bring: &[Bring<'_>],
    ) -> Result<UnitBitcode, Error> {
        self.collect_if_due();
        let _operation = Operation::enter("extract", "");
        Ok(match self.clone_out(function, bring)? {
            Cloned::Bitcode(bitcode) => bitcode,
            Cloned::Module(clone) => UnitBitcode {
                function: clone.name(),
                bytes: clone.bitcode(),
                is_tagged: !bring.is_empty(),
            },
        })
    }

    /// Clones a function and what is brought along into a module of this context, which has the
    /// function's name.
    fn clone_out(&self, function: &OwnedFunction, bring: &[Bring<'_>]) -> Result<Cloned, Error> {
        let (value, name) = self.named_value(function)?;
        if bring.is_empty()
            && let Some(bytes) = self.pinned_bitcode(function, &name)
        {
            return Ok(Cloned::Bitcode(UnitBitcode {
                function: name,
                bytes,
                is_tagged: false,
            }));
        }
        // One function comes once, whatever it is held as.
        let mut seen = BTreeSet::from([value.address()]);
        let mut brought: Vec<&Bring<'_>> = Vec::new();
        for bring in bring {
            let (value, _) = self.named_value(bring.function)?;
            if seen.insert(value.address()) {
                brought.push(bring);
            }
        }
        // Pinned functions are read back for as long as this takes.
        let root_body = self.pinned_body(function)?;
        let bodies: Vec<Option<Body>> = brought
            .iter()
            .map(|bring| self.pinned_body(bring.function))
            .collect::<Result<_, _>>()?;
        let mut request = ExtractRequest {
            name: name.clone(),
            function: self.value_or(function, root_body.as_ref())?,
            brought: Vec::new(),
        };
        for (bring, body) in brought.iter().zip(&bodies) {
            let value = self.value_or(bring.function, body.as_ref())?;
            request.brought.push((value, bring.tag));
        }
        let defined = request
            .brought
            .iter()
            .map(|(value, _)| value)
            .chain([&request.function]);
        if let Some(value) = defined.into_iter().find(|value| value.is_declaration()) {
            return Err(Error::NotDefined(value.name()));
        }
        match self.raw().extract(&request) {
            Ok(clone) => Ok(Cloned::Module(clone)),
            Err(message) => Err(Error::Extract {
                function: name,
                message,
            }),
        }
    }

    /// A function and its name, by which it is found in another module.
    pub(crate) fn named_value(
        &self,
        function: &OwnedFunction,
    ) -> Result<(Value<'_>, String), Error> {
        let value = self.owned_value(function)?;
        let name = value.name();
        if name.is_empty() {
            return Err(Error::Extract {
                function: name,
                message: "it has no name".into(),
            });
        }
        Ok((value, name))
    }

    /// A function where it has its body: here, or where it was read to.
    fn value_or<'v>(
        &'v self,
        function: &OwnedFunction,
        body: Option<&'v Body>,
    ) -> Result<Value<'v>, Error> {
        let value = self.owned_value(function)?;
        Ok(body.map_or(value, Body::function))
    }

    /// The tags of the functions whose bodies were really inlined into what this unit defines,
    /// directly or through one another, by the pipelines that ran over it so far. The inliners say so
    /// (`llvm/IR/DiagnosticInfo.h`, `OptimizationRemark`).
    ///
    /// ```
    /// # use martlet_ir::{Bring, Module};
    /// # let mut module = Module::new("example");
    /// # let f = module.edit(|e| {
    /// #     let f = e.module().add_function("f", e.context().void_type().fn_type(&[], false), None);
    /// #     let builder = e.context().create_builder();
    /// #     builder.position_at_end(e.context().append_basic_block(f, "entry"));
    /// #     builder.build_return(None).unwrap();
    /// #     e.own(f)
    /// # });
    /// let bring = [Bring { function: &f, tag: 1 }];
    /// let unit = module.extract(&f, &bring).unwrap().module;
    /// assert_eq!(unit.provenance(), [0; 0], "nothing has run yet");
    /// ```
    pub fn provenance(&self) -> Vec<u64> {
        let mut into: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
        let mut work = Vec::new();
        for inlining in self.home().inlinings.borrow().iter() {
            match inlining.rooted {
                0 => into.entry(inlining.into).or_default().push(inlining.tag),
                _ => work.push(inlining.tag),
            }
        }
        let mut inlined = BTreeSet::new();
        while let Some(tag) = work.pop() {
            if inlined.insert(tag) {
                work.extend(into.get(&tag).into_iter().flatten());
            }
        }
        inlined.into_iter().collect()
    }
}
