//! Local JUMP events: how a running loop is entered.
//!
//! A tool id of `sys.monitoring` is claimed while at least one code object has its events switched on, which is as long
//! as one of its loops can be entered. (Where it died, the next sample sees to it.) What is changed here raises audit events and may run Python code, so nobody is at
//! the state meanwhile.
//!
//! Where every loop is entered (`MARTLET_LOOPS`), the events of all code with loops are switched on while machine code may
//! run.

use pyo3::prelude::*;

use crate::raw::code::Code;
use crate::raw::guarded::Guarded;
use crate::raw::objects::of_sys;
use crate::raw::{Addr, Gil, functions};
use crate::state::{State, with};

/// The name under which the id is claimed; known to `frames.c` too.
const NAME: &str = "martlet";

#[derive(Default)]
struct Claim {
    tool: Option<u8>,
    /// We are the ones who register a callback.
    busy: bool,
}

static CLAIM: Guarded<Claim> = Guarded::new(Claim {
    tool: None,
    busy: false,
});

/// Whether the audit event that is just raised is our own.
pub(crate) fn is_busy(gil: Gil<'_>) -> bool {
    CLAIM.try_with(gil, |it| it.busy).unwrap_or(true)
}

/// Switches the events of a live code object on or off. Where that fails, the loop goes on in the interpreter.
pub(crate) fn switch(gil: Gil<'_>, code: Addr, on: bool) {
    let code = code.object(gil);
    CLAIM.try_with(gil, |it| it.busy = true);
    let result = if on {
        arm(gil, &code)
    } else {
        disarm(gil, &code)
    };
    CLAIM.try_with(gil, |it| it.busy = false);
    drop(result);
    if !on {
        release_unused(gil);
    }
}

/// Gives the id back, if it is claimed and no loop can be entered any more: what could be is closed, or its code died.
pub(crate) fn release_unused(gil: Gil<'_>) {
    if CLAIM.try_with(gil, |it| it.tool.is_some() && !it.busy) != Some(true) {
        return;
    }
    let unused = with(gil, |state| {
        let is_used = hears_all(state) || state.codes.values().any(|it| it.raw.get().n_loops > 0);
        (!is_used).then(|| state.codes.keys().copied().collect::<Vec<_>>())
    });
    if let Some(Some(codes)) = unused {
        release(gil, &codes);
    }
}

/// Whether every loop is to be entered.
fn hears_all(state: &State) -> bool {
    state.options.loops && state.enabled && !state.tools
}

/// Where every loop is to be entered: switches the events of code of which a function was made on, if it has loops.
pub(crate) fn hear(gil: Gil<'_>, code: Addr) {
    let is_wanted = with(gil, |state| {
        let view = Code::new(gil, code);
        hears_all(state)
            && !view.is_resumable()
            && state
                .entry(gil, code)
                .is_ok_and(|it| it.heat.has_loops(gil, &view))
    });
    if is_wanted == Some(true) && !is_busy(gil) {
        switch(gil, code, true);
    }
}

/// The same of all code that is known.
pub(crate) fn hear_all(gil: Gil<'_>) {
    let codes = with(gil, |state| match hears_all(state) {
        true => state.codes.keys().map(|it| it.object(gil)).collect(),
        false => Vec::new(),
    });
    for code in codes.unwrap_or_default() {
        hear(gil, Addr::of(&code));
    }
}

fn arm(gil: Gil<'_>, code: &Bound<'_, PyAny>) -> PyResult<()> {
    let monitoring = of_sys(gil, c"monitoring")?;
    let events = monitoring.getattr("events")?.getattr("JUMP")?;
    if let Some(tool) = claim(gil, &monitoring, &events)? {
        monitoring.call_method1("set_local_events", (tool, code, events))?;
    }
    Ok(())
}

/// Our tool's id, which hears these events; none if no id is free.
fn claim(
    gil: Gil<'_>,
    monitoring: &Bound<'_, PyAny>,
    events: &Bound<'_, PyAny>,
) -> PyResult<Option<u8>> {
    if let Some(tool) = CLAIM.try_with(gil, |it| it.tool).flatten() {
        return Ok(Some(tool));
    }
    // The optimiser's id is 5; the others below it are for whoever comes.
    let free = [5, 4, 3].into_iter().find(|id| {
        monitoring
            .call_method1("get_tool", (id,))
            .is_ok_and(|it| it.is_none())
    });
    let Some(tool) = free else { return Ok(None) };
    monitoring.call_method1("use_tool_id", (tool, NAME))?;
    monitoring.call_method1(
        "register_callback",
        (tool, events, functions::jump_callback(gil)?),
    )?;
    CLAIM.try_with(gil, |it| it.tool = Some(tool));
    Ok(Some(tool))
}

fn disarm(gil: Gil<'_>, code: &Bound<'_, PyAny>) -> PyResult<()> {
    if let Some(Some(tool)) = CLAIM.try_with(gil, |it| it.tool) {
        let monitoring = of_sys(gil, c"monitoring")?;
        monitoring.call_method1("set_local_events", (tool, code, 0))?;
    }
    Ok(())
}

/// Gives the id back, with all events.
pub(crate) fn release(gil: Gil<'_>, codes: &[Addr]) {
    let Some(Some(tool)) = CLAIM.try_with(gil, |it| it.tool.take()) else {
        return;
    };
    CLAIM.try_with(gil, |it| it.busy = true);
    let result = (|| -> PyResult<()> {
        let monitoring = of_sys(gil, c"monitoring")?;
        for code in codes {
            monitoring.call_method1("set_local_events", (tool, code.object(gil), 0))?;
        }
        let events = monitoring.getattr("events")?.getattr("JUMP")?;
        monitoring.call_method1("register_callback", (tool, events, gil.None()))?;
        monitoring.call_method1("free_tool_id", (tool,))?;
        Ok(())
    })();
    CLAIM.try_with(gil, |it| it.busy = false);
    drop(result);
}
