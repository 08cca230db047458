//! Pass pipelines over a module, and what became of the functions that are owned.

use crate::error::Error;
use crate::module::Module;
use crate::operation::Operation;
use crate::owned::FunctionId;
use crate::raw::{Mark, RawModule, Value};
use crate::stale::{Event, What};
use inkwell::targets::TargetMachine;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What a pipeline did to one owned function.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Fate {
    /// Neither body nor interface changed.
    Kept,
    /// The body changed.
    BodyChanged,
    /// Attributes, calling convention, linkage or type changed, and perhaps the body.
    InterfaceChanged,
    /// Another function of the same type took its place; the owner has that one now.
    Replaced(Event),
    /// It is gone.
    Deleted(Event),
}

/// What a pipeline did.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct PassReport {
    /// Every function that is owned, in order of id.
    pub functions: Vec<(FunctionId, Fate)>,
    /// The time that parsing and running the pipeline took.
    pub elapsed: Duration,
}

impl PassReport {
    /// What became of one function.
    pub fn fate(&self, id: FunctionId) -> Option<&Fate> {
        let place = self
            .functions
            .binary_search_by_key(&id, |(id, _)| *id)
            .ok()?;
        Some(&self.functions[place].1)
    }
}

impl Module {
    /// Runs a textual pipeline (`opt -passes=...`), parsed anew for this run, because a parsed
    /// `default<O1>` or above runs only once.
    ///
    /// ```
    /// # use martlet_ir::{Module, inkwell::targets::*};
    /// # use martlet_ir::inkwell::OptimizationLevel;
    /// # Target::initialize_x86(&InitializationConfig::default());
    /// # let triple = TargetTriple::create("x86_64-unknown-linux-gnu");
    /// # let machine = Target::from_triple(&triple).unwrap().create_target_machine(
    /// #     &triple, "generic", "", OptimizationLevel::Default, RelocMode::PIC, CodeModel::Small,
    /// # ).unwrap();
    /// let mut module = Module::new("example");
    /// let report = module.run_passes("default<O2>", &machine).unwrap();
    /// assert!(report.functions.is_empty());
    /// assert!(module.run_passes("no-such-pass", &machine).is_err());
    /// ```
    ///
    /// # Errors
    /// [`Error::Pipeline`] if the text is not a pipeline, [`Error::Asserted`] if asserting handles
    /// lost their values, [`Error::Diagnostic`] if a pass reported an error.
    pub fn run_passes(
        &mut self,
        pipeline: &str,
        machine: &TargetMachine,
    ) -> Result<PassReport, Error> {
        self.collect_if_dropped();
        let _operation = Operation::enter("run_passes", pipeline);
        let (raw, home) = self.parts_mut();
        let before = snapshot(home.owned.borrow().marks(), raw);
        let start = Instant::now();
        let mut inlinings = Vec::new();
        let wanted = home.is_tagged.get().then_some(&mut inlinings);
        raw.run_passes(pipeline, machine, wanted)
            .map_err(|message| Error::Pipeline {
                pipeline: pipeline.to_owned(),
                message,
            })?;
        let elapsed = start.elapsed();
        if home.owned.borrow().has_dying() {
            home.may_have_orphans.set(true);
        }
        home.inlinings.borrow_mut().append(&mut inlinings);
        let functions = before
            .into_iter()
            .map(|before| (before.id, before.fate(raw)))
            .collect();
        self.check()?;
        Ok(PassReport { functions, elapsed })
    }
}

/// An owned function before a pipeline.
struct Before {
    id: FunctionId,
    mark: Arc<Mark>,
    address: Option<usize>,
    body: u64,
    interface: u64,
}

fn snapshot(marks: Vec<(FunctionId, Arc<Mark>)>, raw: &RawModule) -> Vec<Before> {
    let before = |(id, mark): (FunctionId, Arc<Mark>)| {
        let value = Value::of_mark(&mark, raw);
        Before {
            id,
            address: value.map(Value::address),
            body: value.map_or(0, Value::hash_body),
            interface: value.map_or(0, Value::hash_interface),
            mark,
        }
    };
    marks.into_iter().map(before).collect()
}

impl Before {
    fn fate(&self, raw: &RawModule) -> Fate {
        let unknown = || Event {
            what: What::Deleted,
            by: None,
            operation: "an earlier operation".to_owned(),
            pass: None,
        };
        let event = || self.mark.last_event().unwrap_or_else(unknown);
        match Value::of_mark(&self.mark, raw) {
            None => Fate::Deleted(event()),
            Some(value) if Some(value.address()) != self.address => Fate::Replaced(event()),
            Some(value) if value.hash_interface() != self.interface => Fate::InterfaceChanged,
            Some(value) if value.hash_body() != self.body => Fate::BodyChanged,
            Some(_) => Fate::Kept,
        }
    }
}
