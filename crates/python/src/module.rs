//! The module `martlet._martlet`: what the Python files of the package call.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::compiler::Remote;
use crate::inspect::{Inspection, function_behind};
use crate::raw::{Addr, functions, launch};
use crate::state::{self, with};
use crate::{calls, fork, hotness, install, made, monitoring, report, stats, tools};

/// Lets functions be compiled from now on. Nothing happens twice, and nothing under `MARTLET_OFF=1`.
#[pyfunction]
fn enable(gil: Python<'_>) -> PyResult<()> {
    state::initialise(gil)?;
    tools::look(gil);
    with(gil, |state| {
        if state.enabled || state.options.off {
            return;
        }
        state.enabled = true;
        if !state.tools {
            tools::enter(gil, state);
        }
    });
    monitoring::hear_all(gil);
    hotness::sampler_may_run(gil);
    Ok(())
}

/// Back to the interpreter: every version falls, every function has its own entry again.
#[pyfunction]
fn disable(gil: Python<'_>) -> PyResult<()> {
    state::initialise(gil)?;
    hotness::stop_sampler(false);
    tools::disable(gil)
}

/// Whether functions are compiled.
#[pyfunction]
fn is_enabled(gil: Python<'_>) -> bool {
    with(gil, |state| state.enabled).unwrap_or(false)
}

/// Compiles a function now. True if calls enter machine code from here on; else `inspect(f).reason()` says why not.
#[pyfunction]
fn compile(gil: Python<'_>, function: &Bound<'_, PyAny>) -> PyResult<bool> {
    let function = function_behind(function)?;
    enable(gil)?;
    let func = Addr::of(&function);
    with(gil, |state| {
        let _ = calls::ask_for_function(gil, state, func, Vec::new(), true);
        state.entries_changed = true;
    });
    Ok(with(gil, |state| {
        state
            .codes
            .get(&functions::code_of(gil, func))
            .is_some_and(|it| it.raw.get().live > 0)
    })
    .unwrap_or(false))
}

/// A decorator: the function is compiled in the background when it is called for the first time.
#[pyfunction]
fn jit<'py>(gil: Python<'py>, function: Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let inner = function_behind(&function)?;
    enable(gil)?;
    let func = Addr::of(&inner);
    with(gil, |state| {
        let code = functions::code_of(gil, func);
        if state.tools || state.options.off {
            return;
        }
        if let Ok(entry) = state.entry(gil, code) {
            entry.raw.set(|it| it.eager = 1);
            if entry.raw.get().resumable > 0 {
                return functions::enter_generators(gil);
            }
            entry.raw.set(|it| it.entered = 1);
            functions::forget_version(gil, code);
            functions::enter_function(gil, func);
        }
    });
    Ok(function)
}

/// The statistics, as JSON.
#[pyfunction]
fn stats_json(gil: Python<'_>) -> String {
    stats::collect(gil).to_string()
}

/// The statistics, as a table.
#[pyfunction]
fn stats_table(gil: Python<'_>) -> String {
    stats::table(&stats::collect(gil))
}

/// Waits until nothing is being compiled, at most `seconds`, and installs what came. True if nothing is left.
#[pyfunction]
#[pyo3(signature = (seconds = 10.0))]
fn wait(gil: Python<'_>, seconds: f64) -> PyResult<bool> {
    let end = Instant::now() + Duration::from_secs_f64(seconds.clamp(0.0, 3600.0));
    loop {
        let left = with(gil, |state| {
            install::drain(gil, state);
            state.collect(gil);
            let stats = state.engine.stats();
            stats.queued + stats.finished + stats.threads
        });
        if left.unwrap_or(0) == 0 {
            return Ok(true);
        }
        if Instant::now() > end {
            return Ok(false);
        }
        gil.check_signals()?;
        gil.detach(|| std::thread::sleep(Duration::from_millis(1)));
    }
}

/// Sets where the statistics go at the end: "1" or a path.
#[pyfunction]
fn report_to(gil: Python<'_>, target: String) -> PyResult<()> {
    state::initialise(gil)?;
    stats::report_to(target);
    Ok(())
}

/// Runs passes over all intermediate code that is kept, on a thread with a large stack, and says what they did: the
/// tests of the library.
#[pyfunction]
fn maintain(gil: Python<'_>) -> PyResult<BTreeMap<&'static str, u64>> {
    let work = || {
        std::thread::Builder::new()
            .name("martlet-maintain".to_owned())
            .stack_size(64 << 20)
            .spawn(Remote::maintain)
            .map_err(|it| it.to_string())?
            .join()
            .unwrap_or_else(|_| Err("a panic".to_owned()))
    };
    gil.detach(work).map_err(PyRuntimeError::new_err)
}

/// The end of the program, by `atexit`.
#[pyfunction]
fn finish(gil: Python<'_>) {
    hotness::stop_sampler(true);
    let engine = with(gil, |state| state.engine.clone());
    if let Some(engine) = engine {
        // A compile that does not end in time is left behind; it never touches the interpreter.
        let _ = gil.detach(|| engine.shut_down());
    }
    stats::report(gil);
}

#[pyfunction]
fn before_fork(gil: Python<'_>) {
    fork::before(gil);
}

#[pyfunction]
fn after_fork_in_parent(gil: Python<'_>) {
    fork::after_in_parent(gil);
}

#[pyfunction]
fn after_fork_in_child(gil: Python<'_>) {
    fork::after_in_child(gil);
}

/// Runs a script, open as `descriptor`, as `python` does. How the process is to end: 0, 1, or -1 = by SIGINT.
#[pyfunction]
fn run_file(gil: Python<'_>, path: PathBuf, descriptor: i32) -> PyResult<i32> {
    Ok(launch::run_file(gil, &path, descriptor)?)
}

/// Calls something with no frame below it; the result as of `run_file`.
#[pyfunction]
fn run_call(callable: &Bound<'_, PyAny>, args: &Bound<'_, PyTuple>) -> i32 {
    launch::run_call(callable, args)
}

/// Runs a program given as text; the result as of `run_file`.
#[pyfunction]
fn run_command(gil: Python<'_>, source: &[u8]) -> PyResult<i32> {
    Ok(launch::run_command(gil, &CString::new(source)?))
}

/// Runs the program that stands on stdin; the result as of `run_file`.
#[pyfunction]
fn run_stdin(gil: Python<'_>) -> i32 {
    launch::run_stdin(gil)
}

#[pymodule]
fn _martlet(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Inspection>()?;
    module.add_function(wrap_pyfunction!(enable, module)?)?;
    module.add_function(wrap_pyfunction!(disable, module)?)?;
    module.add_function(wrap_pyfunction!(is_enabled, module)?)?;
    module.add_function(wrap_pyfunction!(compile, module)?)?;
    module.add_function(wrap_pyfunction!(jit, module)?)?;
    module.add_function(wrap_pyfunction!(stats_json, module)?)?;
    module.add_function(wrap_pyfunction!(stats_table, module)?)?;
    module.add_function(wrap_pyfunction!(wait, module)?)?;
    module.add_function(wrap_pyfunction!(report_to, module)?)?;
    module.add_function(wrap_pyfunction!(finish, module)?)?;
    module.add_function(wrap_pyfunction!(before_fork, module)?)?;
    module.add_function(wrap_pyfunction!(after_fork_in_parent, module)?)?;
    module.add_function(wrap_pyfunction!(after_fork_in_child, module)?)?;
    module.add_function(wrap_pyfunction!(report::start_profile, module)?)?;
    module.add_function(wrap_pyfunction!(report::profiled, module)?)?;
    module.add_function(wrap_pyfunction!(report::account, module)?)?;
    module.add_function(wrap_pyfunction!(report::lines, module)?)?;
    module.add_function(wrap_pyfunction!(made::install_made, module)?)?;
    module.add_function(wrap_pyfunction!(maintain, module)?)?;
    module.add_function(wrap_pyfunction!(run_file, module)?)?;
    module.add_function(wrap_pyfunction!(run_call, module)?)?;
    module.add_function(wrap_pyfunction!(run_command, module)?)?;
    module.add_function(wrap_pyfunction!(run_stdin, module)?)?;
    Ok(())
}
