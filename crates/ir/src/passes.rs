//! Pass pipelines over a module, and what became of the functions that are owned.

use crate::error::Error;
use crate::module::Module;
use crate::operation::Operation;
use crate::owned::FunctionId;
use crate::raw::{Change, Mark, Observation, RawModule, Value, Watch};
use crate::stale::{Event, What};
use inkwell::targets::TargetMachine;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What a pipeline did to one owned function, or to the value of a handle. Passes have the names of
/// LLVM's classes (`llvm/lib/Passes/PassRegistry.def`).
///
/// ```
/// use martlet_ir::Fate;
/// # use martlet_ir::{Module, Weak, kind::Function};
/// # use martlet_ir::inkwell::{OptimizationLevel, targets::*};
/// # Target::initialize_x86(&InitializationConfig::default());
/// # let triple = TargetTriple::create("x86_64-unknown-linux-gnu");
/// # let machine = Target::from_triple(&triple).unwrap().create_target_machine(
/// #     &triple, "x86-64", "", OptimizationLevel::Default, RelocMode::PIC, CodeModel::Small,
/// # ).unwrap();
/// # let mut module = Module::new("example");
/// let unused: Weak<Function> = module.edit(|e| {
///     let fn_type = e.context().void_type().fn_type(&[], false);
///     e.weak(e.module().add_function("f", fn_type, None))
/// });
/// let report = module.run_passes("globaldce", &machine).unwrap();
/// let Some(Fate::Deleted(event)) = unused.fate(&report) else { panic!() };
/// assert_eq!(event.pass.as_deref(), Some("GlobalDCEPass"));
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Fate {
    /// Neither body nor interface changed.
    Kept,
    /// What it consists of changed: a function's body, a variable's initializer, an instruction's
    /// operands, a block's instructions.
    BodyChanged {
        /// The passes that changed it, in order; of those that work on one function at a time, those
        /// that say they did.
        by: Vec<String>,
    },
    /// Attributes, calling convention, linkage or type changed, and perhaps the body.
    InterfaceChanged {
        /// The passes that changed it, in order; of those that work on one function at a time, those
        /// that say they did.
        by: Vec<String>,
    },
    /// Another value of the same type took its place; who tracks or owns it has that one now.
    Replaced(Event),
    /// It is gone, or the handle is, since a value of another type took its place.
    Deleted(Event),
}

/// What a pipeline did: see the example of [`Module::run_passes`].
///
/// ```
/// use martlet_ir::{Fate, PassReport};
/// # use martlet_ir::Module;
/// # use martlet_ir::inkwell::{OptimizationLevel, targets::*};
/// # Target::initialize_x86(&InitializationConfig::default());
/// # let triple = TargetTriple::create("x86_64-unknown-linux-gnu");
/// # let machine = Target::from_triple(&triple).unwrap().create_target_machine(
/// #     &triple, "x86-64", "", OptimizationLevel::Default, RelocMode::PIC, CodeModel::Small,
/// # ).unwrap();
/// # let mut module = Module::new("example");
/// # let f = module.edit(|e| {
/// #     let f = e.module().add_function("f", e.context().void_type().fn_type(&[], false), None);
/// #     let builder = e.context().create_builder();
/// #     builder.position_at_end(e.context().append_basic_block(f, "entry"));
/// #     builder.build_return(None).unwrap();
/// #     e.own(f)
/// # });
/// let report: PassReport = module.run_passes("default<O2>", &machine).unwrap();
/// for (id, fate) in &report.functions {
///     if *fate != Fate::Kept {
///         println!("{id}: {fate:?}");
///     }
/// }
/// assert_eq!(report.functions.len(), 1);
/// assert!(!report.elapsed.is_zero());
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct PassReport {
    /// Every function that is owned, in order of id.
    pub functions: Vec<(FunctionId, Fate)>,
    /// The time that parsing and running the pipeline took.
    pub elapsed: Duration,
    /// Sorted by the marks' addresses.
    handles: Vec<(Arc<Mark>, Fate)>,
}

impl PassReport {
    /// What became of one owned function.
    ///
    /// ```
    /// # use martlet_ir::{Fate, Module};
    /// # use martlet_ir::inkwell::{OptimizationLevel, targets::*};
    /// # Target::initialize_x86(&InitializationConfig::default());
    /// # let triple = TargetTriple::create("x86_64-unknown-linux-gnu");
    /// # let machine = Target::from_triple(&triple).unwrap().create_target_machine(
    /// #     &triple, "x86-64", "", OptimizationLevel::Default, RelocMode::PIC, CodeModel::Small,
    /// # ).unwrap();
    /// # let mut module = Module::new("example");
    /// # let f = module.edit(|e| {
    /// #     let f = e.module().add_function("f", e.context().void_type().fn_type(&[], false), None);
    /// #     let builder = e.context().create_builder();
    /// #     builder.position_at_end(e.context().append_basic_block(f, "entry"));
    /// #     builder.build_return(None).unwrap();
    /// #     e.own(f)
    /// # });
    /// let report = module.run_passes("globaldce", &machine).unwrap();
    /// assert_eq!(report.fate(f.id()), Some(&Fate::Kept));
    /// ```
    pub fn fate(&self, id: FunctionId) -> Option<&Fate> {
        let place = self
            .functions
            .binary_search_by_key(&id, |(id, _)| *id)
            .ok()?;
        Some(&self.functions[place].1)
    }

    /// What became of the value of a handle, by its mark.
    pub(crate) fn fate_of(&self, mark: &Arc<Mark>) -> Option<&Fate> {
        let address = Arc::as_ptr(mark).addr();
        let place = self
            .handles
            .binary_search_by_key(&address, |(mark, _)| Arc::as_ptr(mark).addr())
            .ok()?;
        Some(&self.handles[place].1)
    }
}

impl Module {
    /// Runs a textual pipeline (`opt -passes=...`), parsed anew for this run, because a parsed
    /// `default<O1>` or above runs only once (`llvm/Passes/PassBuilder.h`; what passes say of themselves:
    /// `llvm/IR/PassInstrumentation.h`).
    ///
    /// ```
    /// use martlet_ir::{Fate, Module, Weak, kind::Function};
    /// # use martlet_ir::inkwell::targets::*;
    /// # use martlet_ir::inkwell::OptimizationLevel;
    /// # Target::initialize_x86(&InitializationConfig::default());
    /// # let triple = TargetTriple::create("x86_64-unknown-linux-gnu");
    /// # let machine = Target::from_triple(&triple).unwrap().create_target_machine(
    /// #     &triple, "generic", "", OptimizationLevel::Default, RelocMode::PIC, CodeModel::Small,
    /// # ).unwrap();
    /// let mut module = Module::new("example");
    /// let (doubles, weak): (_, Weak<Function>) = module.edit(|e| {
    ///     let i64_type = e.context().i64_type();
    ///     let fn_type = i64_type.fn_type(&[i64_type.into()], false);
    ///     let function = e.module().add_function("doubles", fn_type, None);
    ///     let builder = e.context().create_builder();
    ///     builder.position_at_end(e.context().append_basic_block(function, "entry"));
    ///     let n = function.get_nth_param(0).unwrap().into_int_value();
    ///     builder.build_return(Some(&builder.build_int_add(n, n, "").unwrap())).unwrap();
    ///     (e.own(function), e.weak(function))
    /// });
    /// let pipeline = "function(instcombine<no-verify-fixpoint>)";
    /// let report = module.run_passes(pipeline, &machine).unwrap();
    /// let changed = Fate::BodyChanged { by: vec!["InstCombinePass".into()] };
    /// assert_eq!(report.fate(doubles.id()), Some(&changed));
    /// assert_eq!(weak.fate(&report), Some(&changed));
    /// let again = module.run_passes(pipeline, &machine).unwrap();
    /// assert_eq!(weak.fate(&again), Some(&Fate::Kept));
    /// assert!(module.run_passes("no-such-pass", &machine).is_err());
    /// ```
    ///
    #[doc = include_str!("../PASSES.md")]
    ///
    /// # Errors
    /// [`Error::Pipeline`] if the text is not a pipeline. [`Error::Asserted`] if asserting handles lost
    /// their values, and [`Error::Diagnostic`] if a pass reported an error: both have the report, since
    /// the pipeline has run.
    pub fn run_passes(
        &mut self,
        pipeline: &str,
        machine: &TargetMachine,
    ) -> Result<PassReport, Error> {
        self.collect_if_due();
        let _operation = Operation::enter("run_passes", pipeline);
        let (raw, home) = self.parts_mut();
        home.settle(raw);
        let owned = home.owned.borrow().marks();
        let mut handles = home.handle_marks();
        handles.sort_unstable_by_key(|mark| Arc::as_ptr(mark).addr());
        let owned_marks = owned.iter().map(|(_, mark)| mark);
        let watch = Watch::new(owned_marks.chain(&handles), raw);
        let owned = with_places(owned, raw, |(_, mark)| mark);
        let handles = with_places(handles, raw, |mark| mark);
        let guarded = home.owned.borrow().guarded(raw);
        let guarded = raw.guard(guarded);
        let mut observation = Observation {
            inlinings: home.is_tagged.get().then(Vec::new),
            watch: (!watch.is_empty()).then_some(watch),
        };
        let start = Instant::now();
        let ran = raw.run_passes(pipeline, machine, &mut observation);
        let elapsed = start.elapsed();
        raw.unguard(&guarded);
        home.has_run_passes(raw);
        if let Some(watch) = &mut observation.watch {
            watch.finish();
        }
        let watch = observation.watch.as_ref();
        let functions = owned
            .into_iter()
            .map(|((id, mark), place)| (id, fate(watch, &mark, place)))
            .collect();
        let handles = handles
            .into_iter()
            .map(|(mark, place)| {
                let fate = fate(watch, &mark, place);
                (mark, fate)
            })
            .collect();
        home.inlinings
            .borrow_mut()
            .append(&mut observation.inlinings.unwrap_or_default());
        home.settle(raw);
        ran.map_err(|message| Error::Pipeline {
            pipeline: pipeline.to_owned(),
            message,
        })?;
        let done = PassReport {
            functions,
            elapsed,
            handles,
        };
        match self.check() {
            Ok(()) => Ok(done),
            Err(mut error) => {
                if let Error::Asserted { report, .. } | Error::Diagnostic { report, .. } =
                    &mut error
                {
                    *report = Some(Box::new(done));
                }
                Err(error)
            }
        }
    }
}

/// Where a mark's value was before the pipeline, or 0, and how often the mark had moved.
type Place = (usize, u32);

fn with_places<T>(
    marked: Vec<T>,
    raw: &RawModule,
    mark: impl Fn(&T) -> &Arc<Mark>,
) -> Vec<(T, Place)> {
    let place = |marked: &T| {
        let mark = mark(marked);
        let address = Value::of_mark(mark, raw).map_or(0, Value::address);
        (address, mark.moves())
    };
    marked
        .into_iter()
        .map(|marked| {
            let place = place(&marked);
            (marked, place)
        })
        .collect()
}

fn fate(watch: Option<&Watch>, mark: &Mark, (address, moves): Place) -> Fate {
    let event = || {
        mark.last_event().unwrap_or_else(|| Event {
            what: What::Deleted,
            by: None,
            operation: "an earlier operation".to_owned(),
            pass: None,
        })
    };
    match watch.and_then(|watch| watch.change(mark, address, moves)) {
        Some(Change::None) => Fate::Kept,
        Some(Change::Body(by)) => Fate::BodyChanged { by },
        Some(Change::Interface(by)) => Fate::InterfaceChanged { by },
        Some(Change::Replaced) => Fate::Replaced(event()),
        Some(Change::Deleted) | None => Fate::Deleted(event()),
    }
}
