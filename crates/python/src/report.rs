//! What the report on why a program is slow is made of. The Python side of the package makes a text or a page of it.

use martlet_engine::Refusal;
use martlet_snapshot::{Effort, EntryPoint, Request, Stage};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use serde_json::{Value, json};

use crate::calls::{avoided, mode};
use crate::inspect::{busy, function_behind, text_of};
use crate::raw::code::Code;
use crate::raw::objects::{Kind, describe};
use crate::raw::{Addr, Gil, functions};
use crate::snapshot::{self, Scene};
use crate::state::{State, header_of, point_of, with};
use crate::{profile, stats};

/// From now on it is noted where time is spent, and what was compiled.
#[pyfunction]
pub(crate) fn start_profile(gil: Python<'_>) -> PyResult<()> {
    crate::state::initialise(gil)?;
    profile::start_remembering();
    with(gil, |state| {
        state.profile.get_or_insert_default();
    });
    Ok(())
}

/// The code objects of which something was noted.
#[pyfunction]
pub(crate) fn profiled(gil: Python<'_>) -> Vec<Py<PyAny>> {
    let codes = with(gil, |state| {
        let profile = state.profile.as_ref();
        profile.map_or_else(Vec::new, |it| it.codes(gil))
    });
    codes.unwrap_or_default()
}

/// What is known of a function or code object, as JSON: what became of it, its exits, and where its time was spent.
#[pyfunction]
pub(crate) fn account(gil: Python<'_>, object: &Bound<'_, PyAny>) -> PyResult<String> {
    crate::state::initialise(gil)?;
    let addr = code_behind(object)?;
    let account = with(gil, |state| gather(gil, state, addr));
    Ok(account.ok_or_else(busy)?.to_string())
}

/// Bytecode, HIR, assembly and what is slow of the version that is entered at a function's start, or at a loop's header;
/// as JSON, by line.
#[pyfunction]
#[pyo3(signature = (object, header = None))]
pub(crate) fn lines(
    gil: Python<'_>,
    object: &Bound<'_, PyAny>,
    header: Option<u32>,
) -> PyResult<String> {
    crate::state::initialise(gil)?;
    let addr = code_behind(object)?;
    let request = with(gil, |state| {
        let function = state.codes.get(&addr).and_then(|it| it.function.as_ref());
        let known = function.and_then(|it| profile::remembered(it.id().0, header));
        match known {
            Some(request) => Ok(request),
            None => request_now(gil, state, object, header),
        }
    });
    text_of(gil, request.ok_or_else(busy)??, Stage::Lines)
}

fn code_behind(object: &Bound<'_, PyAny>) -> PyResult<Addr> {
    let gil = object.py();
    if describe(gil, Addr::of(object)) == Kind::Code {
        return Ok(Addr::of(object));
    }
    let function = function_behind(object)?;
    Ok(functions::code_of(gil, Addr::of(&function)))
}

fn gather(gil: Gil<'_>, state: &mut State, addr: Addr) -> Value {
    crate::install::drain(gil, state);
    let code = Code::new(gil, addr);
    let entry = state.codes.get(&addr);
    let function = entry.and_then(|it| it.function.clone());
    let refusal = entry.and_then(|it| it.refusal.as_ref().map(Refusal::to_string));
    let mut versions = Vec::new();
    let mut exits = Vec::new();
    if let Some(function) = function {
        exits = stats::exits_of_function(state, function.id().0);
        for record in function.records() {
            let point = record.point();
            let current = function.current_at(point).map(|it| it.id());
            versions.push(json!({
                "loop": header_of(point),
                "state": format!("{:?}", record.state()),
                "current": current == Some(record.id()),
            }));
        }
    }
    json!({
        "name": code.qualname(gil),
        "resumable": code.is_resumable(),
        "refusal": refusal,
        "versions": versions,
        "exits": exits,
        "time": state.profile.as_ref().map(|it| it.of(addr)),
    })
}

/// A request as it would be made now, from what was seen when the version at hand was made.
fn request_now(
    gil: Gil<'_>,
    state: &mut State,
    object: &Bound<'_, PyAny>,
    header: Option<u32>,
) -> PyResult<Request> {
    let Ok(function) = function_behind(object) else {
        let reason = "what was compiled was not remembered";
        return Err(PyRuntimeError::new_err(reason));
    };
    let func = Addr::of(&function);
    let addr = functions::code_of(gil, func);
    let point = header.map_or(martlet_engine::EntryPoint::GENERIC, point_of);
    let function = state.codes.get(&addr).and_then(|it| it.function.as_ref());
    let version = function.and_then(|it| it.current_at(point));
    let (effort, (seen_locals, seen_stack)) = match &version {
        Some(version) => (version.meta().effort, version.meta().seen.clone()),
        None => (Effort::Best, Default::default()),
    };
    let qualname = Code::new(gil, addr).qualname(gil);
    let scene = Scene {
        entry: header.map_or(EntryPoint::Start, EntryPoint::Loop),
        mode: mode(state, &qualname, version.is_none(), effort),
        globals: functions::globals_of(gil, func),
        builtins: functions::builtins_of(gil, func),
        seen_locals,
        seen_stack,
        avoid: avoided(state, addr),
    };
    Ok(snapshot::take(gil, state, addr, 0, scene)?.request.clone())
}
