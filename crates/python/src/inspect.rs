//! `martlet.inspect(f)`: what became of a function.

use martlet_engine::Refusal;
use martlet_snapshot::{Effort, EntryPoint, Request, Stage};
use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::prelude::*;

use crate::calls::mode;
use crate::compiler::Remote;
use crate::options::Options;
use crate::raw::objects::{Kind, describe};
use crate::raw::{Addr, Gil, code, functions};
use crate::snapshot::{self, Scene};
use crate::state::{unavailable, with};

/// A function under the glass. The texts are made anew from what the interpreter knows now.
#[pyclass(module = "martlet", frozen)]
pub(crate) struct Inspection {
    function: Py<PyAny>,
}

/// The Python function behind `object`: itself, or what a method is bound to.
pub(crate) fn function_behind<'py>(object: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let mut function = object.clone();
    if let Ok(inner) = function.getattr("__func__") {
        function = inner;
    }
    if describe(function.py(), Addr::of(&function)) != Kind::Function {
        return Err(PyTypeError::new_err(format!(
            "martlet: a Python function is wanted, not {}",
            object.get_type().name()?
        )));
    }
    Ok(function)
}

#[pymethods]
impl Inspection {
    #[new]
    fn new(object: &Bound<'_, PyAny>) -> PyResult<Self> {
        crate::state::initialise(object.py())?;
        Ok(Inspection {
            function: function_behind(object)?.unbind(),
        })
    }

    /// The decoded bytecode with its feedback.
    fn bytecode(&self, gil: Python<'_>) -> PyResult<String> {
        self.text(gil, Stage::Bytecode)
    }

    /// The typed middle form after all passes.
    fn hir(&self, gil: Python<'_>) -> PyResult<String> {
        self.text(gil, Stage::Hir)
    }

    /// LLVM IR: as lowered, or after the pipeline.
    #[pyo3(signature = (optimised = false))]
    fn ir(&self, gil: Python<'_>, optimised: bool) -> PyResult<String> {
        self.text(gil, if optimised { Stage::IrOpt } else { Stage::Ir })
    }

    /// Assembly.
    fn asm(&self, gil: Python<'_>) -> PyResult<String> {
        self.text(gil, Stage::Asm)
    }

    /// The latest versions, oldest first, each with its tier, what it is now, and every step to there with its reason;
    /// those that have machine code with its size, what it relies on, and how often it was left.
    fn versions(&self, gil: Python<'_>) -> Vec<String> {
        let code = self.code(gil);
        with(gil, |state| {
            let function = state.codes.get(&code).and_then(|it| it.function.as_ref());
            function.map_or_else(Vec::new, |it| {
                it.records()
                    .iter()
                    .map(|record| {
                        let point = match crate::state::header_of(record.point()) {
                            None => String::from("start"),
                            Some(header) => format!("loop at {header}"),
                        };
                        let steps: Vec<_> = record
                            .history()
                            .iter()
                            .map(|it| {
                                let at = it.at.as_secs_f64();
                                format!("{:?} at {at:.6} s ({})", it.state, it.reason)
                            })
                            .collect();
                        let version = state.tables.versions().find(|it| it.id() == record.id());
                        let code = version.map_or_else(String::new, |it| {
                            let (meta, bytes) = (it.meta(), it.bytes());
                            let n_exits: u64 = meta.header.counts().sum();
                            let n_slots = meta.slots.len();
                            format!("; {bytes} bytes, {n_slots} objects, left {n_exits} times")
                        });
                        format!(
                            "{} ({point}), {:?}: {:?}; {}{code}",
                            record.id(),
                            record.tier(),
                            record.state(),
                            steps.join(", ")
                        )
                    })
                    .collect()
            })
        })
        .unwrap_or_default()
    }

    /// Whether calls enter machine code now.
    fn compiled(&self, gil: Python<'_>) -> bool {
        let code = self.code(gil);
        with(gil, |state| {
            state.codes.get(&code).is_some_and(|it| {
                let record = it.raw.get();
                record.live > 0 && (record.entered > 0 || record.resumable > 0)
            })
        })
        .unwrap_or(false)
    }

    /// What is slow, by line: prints as text, and makes a page.
    fn report<'py>(&self, gil: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let reports = gil.import("martlet._report")?;
        reports.call_method1("of", (self.function.bind(gil),))
    }

    /// Why the latest attempt to compile it failed; None if it did not.
    fn reason(&self, gil: Python<'_>) -> Option<String> {
        let code = self.code(gil);
        let reason = with(gil, |state| {
            let entry = state.codes.get(&code)?;
            entry.refusal.as_ref().map(Refusal::to_string)
        });
        reason.unwrap_or_else(unavailable)
    }
}

impl Inspection {
    fn code(&self, gil: Python<'_>) -> Addr {
        functions::code_of(gil, Addr::of(self.function.bind(gil)))
    }

    fn text(&self, gil: Python<'_>, stage: Stage) -> PyResult<String> {
        let func = Addr::of(self.function.bind(gil));
        let addr = functions::code_of(gil, func);
        let taken = with(gil, |state| {
            let qualname = code::Code::new(gil, addr).qualname(gil);
            let scene = Scene {
                entry: EntryPoint::Start,
                mode: mode(state, &qualname, true, Effort::Best),
                globals: functions::globals_of(gil, func),
                builtins: functions::builtins_of(gil, func),
                seen_locals: Vec::new(),
                seen_stack: Vec::new(),
                avoid: Vec::new(),
            };
            snapshot::take(gil, state, addr, 0, scene)
        });
        let source = taken.ok_or_else(busy)??;
        text_of(gil, source.request.clone(), stage)
    }
}

/// Somebody is at the state further up on this stack, or there is none.
pub(crate) fn busy() -> PyErr {
    PyRuntimeError::new_err(unavailable().unwrap_or_else(|| "martlet is busy".to_owned()))
}

/// One text of what a request is compiled to.
pub(crate) fn text_of(gil: Gil<'_>, mut request: Request, stage: Stage) -> PyResult<String> {
    request.mode.dump = vec![stage];
    let options = with(gil, |state| state.options.clone()).ok_or_else(busy)?;
    let answer = ask(options, request);
    let dumps = answer.map_err(|it| PyRuntimeError::new_err(it.to_string()))?;
    dumps
        .into_iter()
        .find(|it| it.stage == stage)
        .map(|it| it.text)
        .ok_or_else(|| PyRuntimeError::new_err("not compiled: see reason()"))
}

/// Compiling wants a large stack.
fn ask(options: Options, request: Request) -> Result<Vec<martlet_snapshot::Dump>, Refusal> {
    let spawned = std::thread::Builder::new()
        .name("martlet-inspect".to_owned())
        .stack_size(64 << 20)
        .spawn(move || Remote::dumps(&options, request));
    spawned
        .map_err(|it| Refusal::new("no compile thread", it.to_string()))?
        .join()
        .unwrap_or_else(|_| Err(Refusal::new("the compiler panicked", "")))
}
