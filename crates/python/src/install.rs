//! Finished units become versions: slots filled, entries led there.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use martlet_engine::machine_code::Code;
use martlet_engine::{InstallHooks, Refusal, Version, reasons};
use martlet_snapshot::SlotValue;

use crate::beside::RESTS;
use crate::calls::{close_loop, give_up, note_refusal};
use crate::compiler::{Meta, SLOTS};
use crate::raw::{Gil, dl, unit};
use crate::state::{State, cell_of, header_of};
use crate::tools;

/// Installs whatever compile threads have finished.
pub(crate) fn drain(gil: Gil<'_>, state: &mut State) {
    let engine = state.engine.clone();
    while let Some(finished) = engine.take_finished() {
        let id = finished.id();
        let point = finished.record().point();
        let result = engine.install(
            finished,
            &mut InstallHooks {
                resolve: &dl::address_of,
                fill: &mut |version, code| fill(gil, state, version, code),
            },
        );
        match result {
            Ok(version) => installed(gil, state, &version),
            Err(refusal) => refused(gil, state, id.function, point, refusal),
        }
    }
}

fn refused(
    gil: Gil<'_>,
    state: &mut State,
    function: martlet_engine::FunctionId,
    point: martlet_engine::EntryPoint,
    refusal: Refusal,
) {
    let Some(addr) = state.by_id.get(&function).copied() else {
        return;
    };
    if state.options.log {
        eprintln!("martlet: {function} not compiled: {refusal}");
    }
    if refusal.reason == NOT_WORTH_IT {
        return give_back(gil, state, addr, point);
    }
    if let Some(entry) = state.codes.get_mut(&addr) {
        let of_the_moment = is_of_the_moment(&refusal.reason);
        entry.refusal = Some(refusal);
        let function = entry.function.as_ref();
        if function.is_some_and(|it| it.current_at(point).is_some()) {
            // Only a better one was refused.
            return;
        }
        match header_of(point) {
            // It may be asked for again, as often as anything is.
            None if of_the_moment => entry.raw.set(|it| it.asked = 0),
            Some(header) if of_the_moment => entry.raw.forget_loop(header),
            None => entry.raw.set(|it| it.refused = 1),
            Some(header) => close_loop(state, addr, header),
        }
    }
}

/// The compiler's reason where machine code is no faster than the interpreter.
const NOT_WORTH_IT: &str = "general";

/// What machine code there is falls, and the interpreter has the code for good.
pub(crate) fn give_back(
    gil: Gil<'_>,
    state: &mut State,
    addr: crate::raw::Addr,
    point: martlet_engine::EntryPoint,
) {
    let function = state.codes.get(&addr).and_then(|it| it.function.as_ref());
    if let Some(version) = function.and_then(|it| it.current_at(point)) {
        let key = martlet_engine::AssumptionKey(version.meta().token.number());
        state.engine.break_assumption(key, NOT_WORTH_IT);
    }
    match header_of(point) {
        Some(header) => {
            close_loop(state, addr, header);
            note_refusal(state, addr, NOT_WORTH_IT);
        }
        None => give_up(state, addr, NOT_WORTH_IT),
    }
    state.refresh(gil, addr);
}

/// Whether a refusal speaks of what happened meanwhile, not of the code.
fn is_of_the_moment(reason: &str) -> bool {
    matches!(
        reason,
        reasons::BROKEN_WHILE_COMPILING
            | reasons::NO_ROOM
            | reasons::CHAOS
            | "tools"
            | DIED
            | RESTS
    )
}

/// What a version names has died before it was published.
const DIED: &str = "object died or cannot be named";

/// Fills the slots of a version and completes its header.
///
/// # Errors
/// What it names is dead, or may not be named; tools are at work.
pub(crate) fn fill(
    gil: Gil<'_>,
    state: &mut State,
    version: &Arc<Version<Meta>>,
    code: &Code,
) -> Result<(), Refusal> {
    if tools::are_at_work(gil, state) {
        return Err(Refusal::new("tools", ""));
    }
    let id = version.id();
    let meta = version.meta();
    let addr = state
        .by_id
        .get(&id.function)
        .copied()
        .ok_or_else(|| Refusal::new("function dropped", ""))?;
    let slots = code
        .table(SLOTS)
        .ok_or_else(|| Refusal::new("malformed unit", "no slot table"))?;
    for (i, value) in meta.slots.iter().enumerate() {
        let word = match *value {
            SlotValue::Unit => meta.header.address(),
            SlotValue::Object(object) => named(state, meta, object)?.0 as u64,
            SlotValue::Cell(object) => {
                let callee = named(state, meta, object)?;
                let function = state
                    .function(gil, callee)
                    .map_err(|it| Refusal::new("no entry", it.to_string()))?;
                version.hold(function.entry().clone());
                cell_of(function.entry()) as u64
            }
            other => {
                return Err(Refusal::new("malformed unit", format!("slot {other:?}")));
            }
        };
        // Relaxed: the version is not published yet.
        slots[i].store(word, Ordering::Relaxed);
    }
    let is_loop = header_of(version.point()).is_some();
    meta.header
        .complete(is_loop, unit::mark_of(id.number), slots, addr);
    if let Some(table) = state.tables.get_mut(&meta.token) {
        table.serve(version);
    }
    Ok(())
}

fn named(
    state: &mut State,
    meta: &Meta,
    object: martlet_snapshot::ObjId,
) -> Result<crate::raw::Addr, Refusal> {
    state
        .tables
        .get_mut(&meta.token)
        .and_then(|it| it.nameable(object))
        .ok_or_else(|| Refusal::new(DIED, format!("{object:?}")))
}

/// A version was published: the entries of functions follow.
pub(crate) fn installed(gil: Gil<'_>, state: &mut State, version: &Arc<Version<Meta>>) {
    let id = version.id().function;
    let Some(addr) = state.by_id.get(&id).copied() else {
        return;
    };
    if state.options.log {
        let (name, meta) = (version.record().id(), version.meta());
        let qualname = state.codes.get(&addr).map(|it| it.qualname.clone());
        let qualname = qualname.unwrap_or_default();
        let place = header_of(version.point()).map_or(String::new(), |at| format!(" at loop {at}"));
        let (effort, costs) = (meta.effort, meta.costs);
        eprintln!("martlet: compiled {qualname} as {name}{place}, {effort:?}: {costs:?}");
    }
    // Who is inside a loop that is better now goes on in the better one. What was left too often falls.
    let is_loop = header_of(version.point()).is_some();
    let before: Vec<u64> = state
        .tables
        .numbered_versions()
        .filter(|(_, it)| {
            it.id().function == id && it.point() == version.point() && it.id() != version.id()
        })
        .filter(|(_, it)| is_loop || it.meta().succeeded.load(Ordering::Relaxed))
        .map(|(table, _)| table)
        .collect();
    for table in before {
        let key = martlet_engine::AssumptionKey(table);
        state.engine.break_assumption(key, "replaced");
    }
    if let Some(entry) = state.codes.get_mut(&addr) {
        entry.refusal = None;
        if header_of(version.point()).is_none() && !std::mem::replace(&mut entry.tally.1, true) {
            state.tally.1 += 1;
        }
        entry.heat.was_installed(header_of(version.point()));
    }
    state.refresh(gil, addr);
}
