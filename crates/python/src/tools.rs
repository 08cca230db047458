//! Tracers, profilers, monitors: while they are at work, everything runs in the interpreter.

use pyo3::prelude::*;

use crate::raw::{Gil, frames, functions};
use crate::state::{State, with};
use crate::{hotness, monitoring};

use std::sync::atomic::{AtomicBool, Ordering};

static LISTENING: AtomicBool = AtomicBool::new(false);
static ARRIVED: AtomicBool = AtomicBool::new(false);
/// An audit event is being heard: the tool that it tells of is not there yet.
static HEARING: AtomicBool = AtomicBool::new(false);

/// Installs the audit hook, with the first request: it makes every audited event of the process a little slower.
pub(crate) fn listen(gil: Gil<'_>, state: &mut State) {
    if !LISTENING.swap(true, Ordering::AcqRel) && functions::hear_of_tools(gil).is_err() {
        state.tools = true;
    }
}

/// Whether tools are at work, also those that came before anybody listened: then everything is left as when they come.
pub(crate) fn are_at_work(gil: Gil<'_>, state: &mut State) -> bool {
    if !state.tools && frames::tools_are_on(gil) {
        ARRIVED.store(true, Ordering::Release);
        state.tools = true;
        leave(gil, state, "tools");
    }
    state.tools
}

/// An audit event says that a tool comes (or goes): at once every version falls, and entries are taken back.
pub(crate) fn arrived(gil: Gil<'_>) {
    if monitoring::is_busy(gil) {
        return;
    }
    ARRIVED.store(true, Ordering::Release);
    // What is released, and events that are switched off, may run Python code, where a sample is taken: it must not
    // conclude that there is no tool.
    HEARING.store(true, Ordering::Release);
    with(gil, |state| {
        if state.tools {
            return;
        }
        state.tools = true;
        leave(gil, state, "tools");
    });
    HEARING.store(false, Ordering::Release);
    hotness::sampler_may_run(gil);
}

/// Takes every entry back, and lets every version fall.
pub(crate) fn leave(gil: Gil<'_>, state: &mut State, reason: &'static str) {
    functions::switch(gil, false, state.options.always > 0);
    for entry in state.codes.values_mut() {
        if let Some(function) = &entry.function {
            function.invalidate(reason);
        }
        entry.raw.clear_loops();
        entry.raw.set(|it| it.entered = 0);
    }
    functions::leave_functions(gil);
    for (addr, entry) in &state.codes {
        let version = entry.raw.get().saved_version;
        if version != 0 {
            functions::restore_version(gil, *addr, version);
        }
    }
}

/// With every sample: have the tools gone?
pub(crate) fn look(gil: Gil<'_>) {
    if !ARRIVED.load(Ordering::Acquire)
        || HEARING.load(Ordering::Acquire)
        || frames::tools_are_on(gil)
    {
        return;
    }
    ARRIVED.store(false, Ordering::Release);
    with(gil, |state| {
        state.tools = false;
        if state.enabled {
            enter(gil, state);
        }
    });
    monitoring::hear_all(gil);
}

/// Lets compiled code be entered again.
pub(crate) fn enter(gil: Gil<'_>, state: &mut State) {
    functions::switch(gil, true, state.options.always > 0);
    functions::enter_all_loops(gil, state.options.loops);
    for entry in state.codes.values_mut() {
        entry.raw.set(|it| it.asked = 0);
    }
    if state.options.always > 0 {
        functions::enter_generators(gil);
        functions::enter_functions(gil);
    }
}

/// Everything back to the interpreter, by the program's wish.
pub(crate) fn disable(gil: Gil<'_>) -> PyResult<()> {
    let codes = with(gil, |state| {
        state.enabled = false;
        leave(gil, state, "disabled");
        state.codes.keys().copied().collect::<Vec<_>>()
    });
    monitoring::release(gil, &codes.unwrap_or_default());
    Ok(())
}
