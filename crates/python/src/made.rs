//! Installs machine code that was made elsewhere: the tests of entries, exits and lifecycle bring small hand-written
//! bodies, so that what lies behind the compiler is tested without one.

use std::sync::PoisonError;

use martlet_engine::{InstallHooks, Work};
use martlet_snapshot::{Object, SlotValue};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;

use crate::compiler::Made;
use crate::inspect::function_behind;
use crate::raw::{Addr, Gil, dl, functions};
use crate::snapshot::take_for_made;
use crate::state::{State, point_of, with};
use crate::{calls, install};

/// Installs `object` (an ELF file that defines `symbol`) as the version of a function, or with `loop_header` and
/// `depth` as that of one of its loops. `exit_words` is the encoded exit table, `reasons` names its exits. `slots` holds
/// what the slots behind slot 0 hold: an object, or `("cell", function)`.
#[pyfunction]
#[pyo3(signature = (function, object, symbol, exit_words, reasons, slots, loop_header = None, depth = 0))]
#[expect(
    clippy::too_many_arguments,
    reason = "keyword arguments of a Python function"
)]
pub(crate) fn install_made(
    gil: Python<'_>,
    function: &Bound<'_, PyAny>,
    object: Vec<u8>,
    symbol: String,
    exit_words: Vec<u32>,
    reasons: Vec<String>,
    slots: Vec<Bound<'_, PyAny>>,
    loop_header: Option<u32>,
    depth: u32,
) -> PyResult<()> {
    crate::state::initialise(gil)?;
    crate::tools::look(gil);
    let function = function_behind(function)?;
    let addr = functions::code_of(gil, Addr::of(&function));
    let mut named = Vec::new();
    for slot in &slots {
        match slot.extract::<(String, Bound<'_, PyAny>)>() {
            Ok((kind, callee)) if kind == "cell" => named.push((true, callee)),
            _ => named.push((false, slot.clone())),
        }
    }
    let made = Made {
        object,
        symbol,
        slots: Vec::new(),
        exit_words,
        exit_reasons: reasons,
    };
    with(gil, |state| {
        put(
            gil,
            state,
            addr,
            made,
            &named,
            loop_header.map(|it| (it, depth)),
        )
    })
    .unwrap_or_else(|| Err(PyRuntimeError::new_err("martlet is busy")))
}

fn put(
    gil: Gil<'_>,
    state: &mut State,
    addr: Addr,
    mut made: Made,
    named: &[(bool, Bound<'_, PyAny>)],
    door: Option<(u32, u32)>,
) -> PyResult<()> {
    let function = state.function(gil, addr)?;
    let addrs: Vec<Addr> = named.iter().map(|it| Addr::of(&it.1)).collect();
    let (source, ids) = take_for_made(gil, state, addr, function.id().0, &addrs)?;
    made.slots.push(SlotValue::Unit);
    for ((is_cell, _), id) in named.iter().zip(ids) {
        made.slots
            .push(match &source.request.objects[id.0 as usize] {
                Object::Function(info) if *is_cell => SlotValue::Cell(info.code),
                _ if *is_cell => return Err(PyValueError::new_err("a cell is a function's")),
                _ => SlotValue::Object(id),
            });
    }
    *source.made.lock().unwrap_or_else(PoisonError::into_inner) = Some(made);
    let refused = |it: martlet_engine::Refusal| PyRuntimeError::new_err(it.to_string());
    let mut work = Work::new(source);
    if let Some((header, depth)) = door {
        calls::open_door(gil, state, addr, header, depth).map_err(refused)?;
        state.to_arm.push((addr, true));
        work = work.at(point_of(header));
    }
    crate::tools::listen(gil, state);
    let engine = state.engine.clone();
    let version = engine
        .compile_now(
            &function,
            work,
            &mut InstallHooks {
                resolve: &dl::address_of,
                fill: &mut |version, code| install::fill(gil, state, version, code),
            },
        )
        .map_err(refused)?;
    install::installed(gil, state, &version);
    state.entries_changed = true;
    Ok(())
}
