//! Asking for versions: what is asked, and what is refused before anybody is asked.

use std::sync::atomic::Ordering;

use martlet_engine::{InstallHooks, Refusal, Tier, Work};
use martlet_snapshot::{Effort, EntryPoint, Mode, Seen};
use pyo3::prelude::*;

use crate::budget::{self, Funds};
use crate::install;
use crate::raw::code::Code;
use crate::raw::frames::Sight;
use crate::raw::{Addr, Gil, c, dl, frames, functions};
use crate::snapshot::{self, Scene};
use crate::state::{State, cell_of, point_of, with};
use crate::{storms, tools};

/// So many times a version of one entry is asked for; after that it is left to the interpreter.
pub(crate) const MAX_ATTEMPTS: u32 = 5;

/// A function that nobody asked a version of is called, in a mode in which calls alone make it hot. `args` are the
/// classes of its arguments, as far as they are positional.
pub(crate) fn called(gil: Gil<'_>, func: Addr, args: Vec<Seen>) {
    with(gil, |state| {
        if is_due(gil, state, func) {
            let _ = ask_for_function(gil, state, func, args, false);
        }
    });
}

/// Whether this call is the one at which the function is to be compiled. Until then its calls are counted.
fn is_due(gil: Gil<'_>, state: &mut State, func: Addr) -> bool {
    let wanted = state.options.always;
    if wanted <= 1 {
        return true;
    }
    let Ok(entry) = state.entry(gil, functions::code_of(gil, func)) else {
        return true;
    };
    if entry.raw.get().refused != 0 {
        return false;
    }
    entry.calls += 1;
    // The next call shall come by here, too: that of a generator's code is where it goes on.
    entry.raw.set(|it| it.entered = u8::from(it.resumable == 0));
    entry.raw.get().eager > 0 || entry.calls >= wanted
}

/// Asks for a version of a function that is at hand; with `now`, on this thread, whatever the options say.
///
/// # Errors
/// Why there will be none, as far as it is known.
pub(crate) fn ask_for_function(
    gil: Gil<'_>,
    state: &mut State,
    func: Addr,
    args: Vec<Seen>,
    now: bool,
) -> Result<(), Refusal> {
    let addr = functions::code_of(gil, func);
    let code = Code::new(gil, addr);
    let n_locals = code.view().n_locals as usize;
    let seen_locals = if code.is_simple() && args.len() == code.view().arg_count as usize {
        let mut seen = args;
        seen.resize(n_locals, Seen::Nothing);
        seen
    } else {
        Vec::new()
    };
    let scene = Scene {
        entry: EntryPoint::Start,
        mode: mode(
            state,
            &code.qualname(gil),
            state.options.always <= 1,
            Effort::Best,
        ),
        globals: functions::globals_of(gil, func),
        builtins: functions::builtins_of(gil, func),
        seen_locals,
        seen_stack: Vec::new(),
        avoid: avoided(state, addr),
    };
    ask(gil, state, addr, scene, now)
}

/// A loop of interest runs in the current frame, at a back edge.
pub(crate) fn loop_seen(gil: Gil<'_>, addr: Addr, header: u32) {
    with(gil, |state| {
        let Some(sight) = frames::look::<1>(gil).first().copied() else {
            return;
        };
        if sight.code() != addr {
            return;
        }
        let code = Code::new(gil, addr);
        let every = state.options.loops;
        if every && !state.may_enter(gil, &code, header) {
            return;
        }
        if refused_early(
            gil,
            state,
            &code,
            &code.qualname(gil),
            EntryPoint::Loop(header),
        )
        .is_some()
        {
            close_loop(state, addr, header);
            return;
        }
        // What takes the place of a version that was made well is made well.
        let function = state.codes.get(&addr).and_then(|it| it.function.as_ref());
        let current = function.and_then(|it| it.current_at(point_of(header)));
        let effort = current.map_or(Effort::Quick, |it| it.meta().effort);
        if !every && !can_pay(gil, state, addr, EntryPoint::Loop(header), effort) {
            return wait_for_funds(gil, state, &sight, header);
        }
        let view = code.view();
        let seen_stack = sight.seen_stack(view.n_locals, view.stack_size);
        let depth = seen_stack.len() as u32;
        let mut seen_locals = sight.seen_locals(view.n_locals);
        if let Some(entry) = state.codes.get_mut(&addr) {
            entry.memory.note(&seen_locals, entry.storms.are_many());
            entry.memory.apply(&mut seen_locals, usize::MAX);
        }
        let scene = Scene {
            entry: EntryPoint::Loop(header),
            mode: mode(
                state,
                &code.qualname(gil),
                state.options.always == 1,
                effort,
            ),
            globals: sight.globals(),
            builtins: sight.builtins(),
            seen_locals,
            seen_stack,
            avoid: avoided(state, addr),
        };
        let asked = open_door(gil, state, addr, header, depth)
            .and_then(|()| ask(gil, state, addr, scene, false));
        if asked.is_err() {
            close_loop(state, addr, header);
        }
    });
}

/// Nothing is asked for now: the loop goes on in the version that there is, or in the interpreter.
fn wait_for_funds(gil: Gil<'_>, state: &mut State, sight: &Sight, header: u32) {
    let addr = sight.code();
    let function = state.codes.get(&addr).and_then(|it| it.function.as_ref());
    let current = function.and_then(|it| it.current_at(point_of(header)));
    let view = Code::new(gil, addr);
    let depth = sight.seen_stack(view.view().n_locals, view.view().stack_size);
    let is_open = current.is_some_and(|it| {
        // It is left too often, and may be asked for again.
        it.meta().succeeded.store(false, Ordering::Relaxed);
        open_door(gil, state, addr, header, depth.len() as u32).is_ok()
    });
    if !is_open {
        postpone_loop(state, addr, header);
    }
}

/// The loop is left to the interpreter.
pub(crate) fn close_loop(state: &mut State, addr: Addr, header: u32) {
    if let Some(entry) = state.codes.get_mut(&addr) {
        entry.heat.refuse_loop(header);
    }
    leave_loop(state, addr, header);
}

/// The loop is left to the interpreter until it can be paid for.
pub(crate) fn postpone_loop(state: &mut State, addr: Addr, header: u32) {
    if let Some(entry) = state.codes.get_mut(&addr) {
        entry.heat.wants_more(Some(header));
    }
    leave_loop(state, addr, header);
}

fn leave_loop(state: &mut State, addr: Addr, header: u32) {
    if let Some(entry) = state.codes.get_mut(&addr) {
        entry.raw.forget_loop(header);
        if entry.raw.get().n_loops == 0 && !state.options.loops {
            state.to_arm.push((addr, false));
        }
    }
}

pub(crate) fn open_door(
    gil: Gil<'_>,
    state: &mut State,
    addr: Addr,
    header: u32,
    depth: u32,
) -> Result<(), Refusal> {
    let failed = |detail: String| Refusal::new("no entry", detail);
    let function = state
        .function(gil, addr)
        .map_err(|it| failed(it.to_string()))?;
    let door = function
        .door_with_default(point_of(header), dl::default_resume_target())
        .map_err(|it| failed(it.to_string()))?;
    let cell = cell_of(door.entry());
    let entry = state
        .entry(gil, addr)
        .map_err(|it| failed(it.to_string()))?;
    entry.raw.set_loop(c::Loop {
        header,
        depth,
        cell: cell as *const _,
    });
    entry.doors.retain(|it| it.0 != header);
    entry.doors.push((header, door));
    Ok(())
}

/// A guard that failed so often is not tried again.
const FAILED_OFTEN: u64 = 20;

/// Where the guards of earlier versions of this code failed too often.
pub(crate) fn avoided(state: &State, addr: Addr) -> Vec<(Addr, u32)> {
    state
        .codes
        .get(&addr)
        .map_or_else(Vec::new, |it| it.avoid.clone())
}

/// The interpreter is hot in code that has a version: where its guards failed often is to be avoided. What never ran
/// before is no guard that failed.
pub(crate) fn avoid_what_failed(state: &mut State, addr: Addr) {
    let Some(function) = state.codes.get(&addr).and_then(|it| it.function.clone()) else {
        return;
    };
    let Some(mut places) = state.codes.get(&addr).map(|it| it.avoid.clone()) else {
        return;
    };
    for (number, version) in state.tables.numbered_versions() {
        if version.id().function != function.id() {
            continue;
        }
        let meta = version.meta();
        let exits = meta.exit_reasons.iter().zip(&meta.exit_sites);
        for ((reason, (code, offset)), count) in exits.zip(meta.header.counts()) {
            let code = match code {
                None => Some(addr),
                Some(id) => state.tables.nameable(number, *id),
            };
            if let Some(code) = code
                && storms::is_guess(reason)
                && count >= FAILED_OFTEN
            {
                storms::avoid(&mut places, &meta.avoided, (code, *offset), reason);
            }
        }
    }
    if let Some(entry) = state.codes.get_mut(&addr) {
        entry.avoid = places;
    }
}

/// What a version will probably cost, in microseconds. How much there is to make well, the quick version knows.
pub(crate) fn estimate(
    gil: Gil<'_>,
    state: &State,
    addr: Addr,
    entry: EntryPoint,
    effort: Effort,
) -> u64 {
    let function = state.codes.get(&addr).and_then(|it| it.function.as_ref());
    let bytecodes = function
        .filter(|_| effort == Effort::Best)
        .and_then(|it| it.current_at(point_at(entry)))
        .map(|it| it.meta().costs.bytecodes);
    let size = bytecodes.unwrap_or_else(|| Code::new(gil, addr).view().n_units);
    budget::estimate(effort, size)
}

/// Whether the program can pay for a version.
pub(crate) fn can_pay(
    gil: Gil<'_>,
    state: &State,
    addr: Addr,
    entry: EntryPoint,
    effort: Effort,
) -> bool {
    Funds::of(state).suffice(estimate(gil, state, addr, entry, effort))
}

fn point_at(entry: EntryPoint) -> martlet_engine::EntryPoint {
    match entry {
        EntryPoint::Start | EntryPoint::Resume => martlet_engine::EntryPoint::GENERIC,
        EntryPoint::Loop(header) => point_of(header),
    }
}

/// How to compile a function of this name; `effort` is what it is worth, unless the options say otherwise.
pub(crate) fn mode(state: &State, qualname: &str, generic_unknown: bool, effort: Effort) -> Mode {
    Mode {
        generic_unknown,
        exit_every: state.options.exit_every,
        verify: state.options.verify,
        effort: state.options.effort.unwrap_or(effort),
        must_pay: false,
        dump: state.options.dumps_of(qualname),
        max_units: state.options.max_units,
    }
}

/// Asks for a version.
///
/// # Errors
/// Why there will be none, as far as it is known.
pub(crate) fn ask(
    gil: Gil<'_>,
    state: &mut State,
    addr: Addr,
    scene: Scene,
    now: bool,
) -> Result<(), Refusal> {
    let entry_point = scene.entry;
    if entry_point == EntryPoint::Start
        && let Ok(entry) = state.entry(gil, addr)
        && !std::mem::replace(&mut entry.tally.0, true)
    {
        state.tally.0 += 1;
    }
    let result = try_ask(gil, state, addr, scene, now);
    if let Ok(entry) = state.entry(gil, addr) {
        if entry_point == EntryPoint::Start {
            entry.raw.set(|it| it.asked = 1);
        }
        if let Err(refusal) = &result {
            if entry_point == EntryPoint::Start && entry.raw.get().live == 0 {
                entry.raw.set(|it| it.refused = 1);
            }
            entry.refusal = Some(refusal.clone());
            let qualname = entry.qualname.clone();
            if state.options.log {
                eprintln!("martlet: {qualname} not compiled: {refusal}");
            }
        }
    }
    result
}

/// The function is left to the interpreter for good.
pub(crate) fn give_up(state: &mut State, addr: Addr, reason: &'static str) {
    if let Some(entry) = state.codes.get_mut(&addr) {
        entry.raw.set(|it| it.refused = 1);
    }
    note_refusal(state, addr, reason);
}

/// Tells why there is no machine code of a function, or none of one of its loops.
pub(crate) fn note_refusal(state: &mut State, addr: Addr, reason: &'static str) {
    if let Some(entry) = state.codes.get_mut(&addr) {
        entry.refusal = Some(Refusal::new(reason, entry.qualname.to_string()));
        *state.refused.entry(reason).or_default() += 1;
    }
}

/// What is known to be refused before anybody is asked.
fn refused_early(
    gil: Gil<'_>,
    state: &mut State,
    code: &Code,
    qualname: &str,
    entry: EntryPoint,
) -> Option<&'static str> {
    if state.options.off {
        Some("switched off")
    } else if tools::are_at_work(gil, state) {
        Some("tools")
    } else if code.is_resumable() && entry != EntryPoint::Start {
        Some("loop of a generator")
    } else if entry == EntryPoint::Start && !code.is_function() {
        Some("not a function")
    } else if !state.options.allows(qualname) {
        Some("not in MARTLET_ONLY")
    } else {
        None
    }
}

fn try_ask(
    gil: Gil<'_>,
    state: &mut State,
    addr: Addr,
    scene: Scene,
    now: bool,
) -> Result<(), Refusal> {
    let code = Code::new(gil, addr);
    let qualname = code.qualname(gil);
    let refused = refused_early(gil, state, &code, &qualname, scene.entry);
    if let Some(reason) = refused {
        *state.refused.entry(reason).or_default() += 1;
        return Err(Refusal::new(reason, qualname));
    }
    let internal = |error: PyErr| Refusal::new("snapshot failed", error.to_string());
    let function = state.function(gil, addr).map_err(internal)?;
    let point = point_at(scene.entry);
    // What is small comes first: a large function would keep many small ones waiting. What runs in machine code already
    // comes last.
    let (most, tier) = match scene.mode.effort {
        Effort::Best => (u32::MAX / 2, Tier::Best),
        _ => (u32::MAX, Tier::Quick),
    };
    let priority = most - code.view().n_units;
    let source = snapshot::take(gil, state, addr, function.id().0, scene).map_err(internal)?;
    tools::listen(gil, state);
    let work = Work::new(source).at(point).tier(tier).priority(priority);
    let engine = state.engine.clone();
    if now || state.options.sync {
        let version = engine.compile_now(
            &function,
            work,
            &mut InstallHooks {
                resolve: &dl::address_of,
                fill: &mut |version, code| install::fill(gil, state, version, code),
            },
        )?;
        install::installed(gil, state, &version);
    } else {
        engine.request(&function, work)?;
    }
    Ok(())
}
