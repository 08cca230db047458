//! Finding what is hot, at no cost to what is not: a thread that wakes up now and then asks the interpreter for a call,
//! and the call looks at the frames that run.
//!
//! The thread never touches Python. It slows down where nothing new gets hot, and where no call comes back the process
//! idles, so it sleeps longer. It is gone during a fork.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use martlet_engine::{AssumptionKey, Function, Version};
use martlet_snapshot::{Effort, EntryPoint, Mode, Seen};

use crate::budget;
use crate::calls::{self, MAX_ATTEMPTS, ask, avoid_what_failed, avoided, can_pay, mode};
use crate::compiler::Meta;
use crate::raw::code::{Code, instructions_with_args};
use crate::raw::frames::{Interpreter, Sight};
use crate::raw::unit::mark_of;
use crate::raw::{Gil, c, dl, frames, functions};
use crate::snapshot::Scene;
use crate::state::{State, header_of, with};
use crate::storms::Place;
use crate::{fork, install, monitoring, tools};

/// Time between samples while things get hot: at first,
const FAST: Duration = Duration::from_millis(2);
/// and when so many were taken, for each costs both threads some twenty microseconds.
const BRISK: Duration = Duration::from_millis(3);
const FAST_SAMPLES: u32 = 200;
/// Time between samples when nothing new was found for long.
const SLOW: Duration = Duration::from_millis(8);
/// Time between looks at a process that does not run Python code.
const IDLE: Duration = Duration::from_millis(50);
/// So many samples in a row without anything new make the sampler slow.
const BORING: u32 = 300;
/// The first sample comes after this time, so that very short programs see none.
const FIRST: Duration = Duration::from_millis(2);

/// Heat is time that the interpreter has been seen to spend: microseconds of its thread, so that neither waiting nor
/// other processes make anything hot. This is the least at which a version of a function is asked for.
const FUNCTION_HEAT: u32 = 5_000;
/// Least heat of one activation in one loop at which the loop is entered.
const LOOP_HEAT: u32 = 4_000;
/// Compiling has to pay: so much heat is asked for each code unit, of which each costs somewhat more to compile quickly
/// (`QUICK_UNIT` of the budget): what is hot for so long will be for longer.
const UNIT_HEAT: u32 = 150;
/// Least heat of a version that was compiled quickly, in its machine code, at which a better one is asked for.
const BETTER_HEAT: u32 = 25_000;
/// And so many times what it will probably cost.
const BETTER_TIMES: u64 = 2;
/// General calls, one in so many bytecodes, of which a version that knew nothing of them is made anew before it is made
/// better.
const BLIND: u32 = 25;
/// It knew nothing if so many times the operands that it has noted first are more than its general calls.
const NEWS: u32 = 8;
/// Heat of code that runs in the interpreter although there is a version, at which another one is asked for.
const AGAIN_HEAT: u32 = 8_000;
/// A sample that comes later than this after it was asked for was not asked for in Python code, which looks up within
/// microseconds, but in a C function that ran at that time: whoever looks up first behind it has not spent the time.
const PROMPT: Duration = Duration::from_micros(50);
/// So many frames of a stack are looked at: the innermost, and its caller.
const DEPTH: usize = 2;

/// `JUMP_BACKWARD` of 3.13 (`opcode_ids.h`).
const JUMP_BACKWARD: u8 = 77;

/// How hot a code object is.
#[derive(Default)]
pub(crate) struct Heat {
    function: u32,
    /// A version is wanted that could not be paid.
    is_wanted: bool,
    attempts: u32,
    /// The activation that was looked at last, and how often the function's version had been left then.
    activation: (usize, u64),
    loops: Option<Vec<LoopHeat>>,
}

struct LoopHeat {
    header: u32,
    /// Offset of the back edge.
    end: u32,
    heat: u32,
    activation: usize,
    attempts: u32,
    refused: bool,
}

impl Heat {
    /// A version came: heat starts again, for the next one if that proves necessary.
    pub(crate) fn was_installed(&mut self, header: Option<u32>) {
        match header {
            None => self.function_was_asked_for(),
            Some(header) => {
                for it in self
                    .loops
                    .iter_mut()
                    .flatten()
                    .filter(|it| it.header == header)
                {
                    it.heat = 0;
                }
            }
        }
    }

    fn function_was_asked_for(&mut self) {
        self.function = 0;
        self.is_wanted = false;
    }

    /// The time that was spent in the interpreter since a version came or was asked for, in microseconds.
    pub(crate) fn spent(&self) -> u64 {
        self.function.into()
    }

    /// The loop will not be asked for again.
    pub(crate) fn refuse_loop(&mut self, header: u32) {
        for it in self
            .loops
            .iter_mut()
            .flatten()
            .filter(|it| it.header == header)
        {
            it.refused = true;
        }
    }

    /// A version is wanted that cannot be paid yet: it is asked for as soon as it can be, which is no attempt of its own.
    pub(crate) fn wants_more(&mut self, header: Option<u32>) {
        match header {
            None => {
                self.is_wanted = true;
                self.attempts = self.attempts.saturating_sub(1);
            }
            Some(header) => {
                for it in self
                    .loops
                    .iter_mut()
                    .flatten()
                    .filter(|it| it.header == header)
                {
                    it.heat = u32::MAX;
                    it.attempts = it.attempts.saturating_sub(1);
                }
            }
        }
    }

    /// Whether a loop begins there.
    pub(crate) fn is_header(&mut self, gil: Gil<'_>, code: &Code, offset: u32) -> bool {
        self.loops(gil, code).iter().any(|it| it.header == offset)
    }

    /// Whether a loop begins there that was not given up.
    pub(crate) fn may_enter(&mut self, gil: Gil<'_>, code: &Code, header: u32) -> bool {
        let mut loops = self.loops(gil, code).iter();
        loops.any(|it| it.header == header && !it.refused)
    }

    /// Whether there are loops at all.
    pub(crate) fn has_loops(&mut self, gil: Gil<'_>, code: &Code) -> bool {
        !self.loops(gil, code).is_empty()
    }

    fn loops(&mut self, gil: Gil<'_>, code: &Code) -> &mut Vec<LoopHeat> {
        self.loops
            .get_or_insert_with(|| code.base(gil).map(|it| find_loops(&it)).unwrap_or_default())
    }
}

/// The back edges of a function, from its base code.
fn find_loops(base: &[u8]) -> Vec<LoopHeat> {
    let mut loops = Vec::new();
    for (at, oparg) in instructions_with_args(base) {
        if base[2 * at] == JUMP_BACKWARD {
            // The jump is relative to the instruction behind its one cache entry.
            let end = at as u32;
            loops.push(LoopHeat {
                header: (end + 2).saturating_sub(oparg),
                end,
                heat: 0,
                activation: 0,
                attempts: 0,
                refused: false,
            });
        }
    }
    loops
}

/// The sample hook: the interpreter calls it on a thread that runs Python code.
pub(crate) fn sampled(gil: Gil<'_>) {
    let prompt = came_after().is_some_and(|it| it <= PROMPT);
    if !fork::may_go_on(gil) {
        return;
    }
    tools::look(gil);
    with(gil, |state| {
        if !state.enabled || state.tools {
            install::drain(gil, state);
            return;
        }
        // Samples are taken where the interpreter looks up: at back edges, and where functions start. There the time
        // was spent in the caller just as well. Callers that only wait have spent none.
        let sights = frames::look_at_responsible::<DEPTH>(gil);
        let at_start = sights.first().is_some_and(Sight::at_start);
        let spent = match at_start {
            true => spent() / 2,
            false => spent(),
        };
        if let Some(profile) = &mut state.profile {
            let shared = if at_start { sights.len().max(1) } else { 1 };
            profile.sampled(spent.saturating_mul(shared as u32), prompt);
        }
        if prompt {
            note_where(gil, state, &sights, spent);
            let n_charged = if at_start { DEPTH } else { 1 };
            for (depth, sight) in sights.iter().take(n_charged).enumerate() {
                look_at(gil, state, sight, depth == 0, spent);
            }
        }
        install::drain(gil, state);
        for sight in &sights {
            sight.enter_function(gil);
        }
        functions::resume_functions(gil);
        state.collect(gil);
    });
    monitoring::release_unused(gil);
    sampler_may_run(gil);
}

/// What this thread has spent since its last sample, in microseconds. What exceeds the time between samples was spent in
/// one C function.
fn spent() -> u32 {
    thread_local! {
        static LAST: Cell<Duration> = const { Cell::new(Duration::ZERO) };
    }
    let now = dl::thread_time();
    let spent = now.saturating_sub(LAST.replace(now)).as_micros();
    // Any value that the sampler stored will do.
    let most = INTERVAL.load(Ordering::Relaxed);
    u32::try_from(spent).unwrap_or(most).min(most)
}

/// Counts whether the innermost frame is one of machine code, and why it is not.
fn note_where(gil: Gil<'_>, state: &mut State, sights: &[Sight], spent: u32) {
    let inside = sights.first().and_then(|it| version_in(state, it));
    state.samples.0 += u64::from(inside.is_some());
    state.samples.1 += 1;
    if let Some(version) = inside {
        state.gained += budget::gained(&version.meta().costs, spent.into());
    } else if let Some(sight) = sights.first() {
        let reason = why_outside(gil, state, sight).to_owned();
        *state.outside.entry(reason).or_default() += 1;
    }
}

/// Why a frame is the interpreter's.
fn why_outside<'a>(gil: Gil<'_>, state: &'a State, sight: &Sight) -> &'a str {
    let Some(entry) = state.codes.get(&sight.code()) else {
        return match Code::new(gil, sight.code()).is_function() {
            true => "not asked for",
            false => "not a function",
        };
    };
    let record = entry.raw.get();
    if sight.is_resumed_in_place() {
        "resumed in place by the interpreter"
    } else if record.live > 0 {
        "left, or entered before its version came"
    } else if let Some(refusal) = &entry.refusal {
        &refusal.reason
    } else if !Code::new(gil, sight.code()).is_function() {
        "not a function"
    } else if record.asked > 0 {
        "waits for its version"
    } else {
        "not asked for"
    }
}

/// The version whose machine code runs in the frame, or is about to: who comes from the interpreter looks up in front of
/// it.
pub(crate) fn version_in(state: &State, sight: &Sight) -> Option<Arc<Version<Meta>>> {
    let entry = state.codes.get(&sight.code())?;
    let function = entry.function.as_ref()?;
    if !sight.in_machine_code() {
        return sight.at_start().then(|| function.current()).flatten();
    }
    let is_meant = |it: &Arc<Version<Meta>>| {
        it.id().function == function.id() && mark_of(it.id().number) == sight.mark()
    };
    let doors = entry.doors.iter().filter_map(|(_, door)| door.current());
    let current = function.current().into_iter().chain(doors).find(is_meant);
    current.or_else(|| state.tables.versions().find(is_meant))
}

fn look_at(gil: Gil<'_>, state: &mut State, sight: &Sight, innermost: bool, spent: u32) {
    let addr = sight.code();
    if let Some(profile) = &mut state.profile {
        profile.note(gil, sight, spent);
    }
    let code = Code::new(gil, addr);
    if sight.is_resumed_in_place() {
        return;
    }
    let inside = version_in(state, sight);
    let in_machine_code = inside.is_some() || sight.in_machine_code();
    if let Some(version) = inside {
        heat_version(gil, state, sight, &version, spent);
    }
    let function = state.codes.get(&addr).and_then(|it| it.function.as_ref());
    let current = function.and_then(Function::current);
    let (effort, n_exits) = current.map_or((Effort::Quick, 0), |it| {
        (it.meta().effort, it.meta().header.counts().sum())
    });
    let price = calls::estimate(gil, state, addr, EntryPoint::Start, effort);
    let can_pay_whole = can_pay(gil, state, addr, EntryPoint::Start, effort);
    let can_pay_loop = can_pay(gil, state, addr, EntryPoint::Start, Effort::Quick);
    let Ok(entry) = state.entry(gil, addr) else {
        return;
    };
    let heat = &mut entry.heat;
    // A version that was left is no good only where it is left again and again.
    let has_version = entry.raw.get().live > 0;
    if in_machine_code && has_version {
        return;
    }
    let activation = (sight.activation(), n_exits);
    if !has_version || heat.activation != activation {
        heat.function = heat.function.saturating_add(spent);
    }
    heat.activation = activation;
    // A loop that is entered in the middle stands in for the function; if it does so often, the function is worth it.
    let limit = if has_version || in_machine_code {
        AGAIN_HEAT
    } else {
        FUNCTION_HEAT
    }
    .max(code.view().n_units.saturating_mul(UNIT_HEAT));
    // What was lost by leaving a version would have paid for another one.
    let is_due = has_version && u64::from(heat.function) > price;
    let is_wanted = code.is_function()
        && (heat.function >= limit || heat.is_wanted)
        && entry.raw.get().refused == 0
        && (has_version || entry.raw.get().asked == 0)
        && heat.attempts < MAX_ATTEMPTS;
    let spent_in_all = u64::from(heat.function);
    let wants_function = is_wanted
        && state
            .waiting
            .may(addr, spent_in_all, price, can_pay_whole || is_due);
    let Some(entry) = state.codes.get_mut(&addr) else {
        return;
    };
    if wants_function {
        entry.heat.attempts += 1;
        entry.heat.function_was_asked_for();
    }
    let wants_loop = (!in_machine_code)
        .then(|| heat_loop(gil, &mut entry.heat, &code, sight, spent, can_pay_loop))
        .flatten();
    if let Some(header) = wants_loop {
        entry.raw.set_loop(c::Loop {
            header,
            depth: 0,
            cell: std::ptr::null(),
        });
        state.to_arm.push((addr, true));
        BORED.store(0, Ordering::Relaxed);
    }
    if let Some(entry) = state.codes.get_mut(&addr) {
        for (local, type_version) in sight.local_classes(code.view().n_locals) {
            entry.classes.note(Place::Local(local), type_version);
        }
    }
    if innermost && !sight.at_start() {
        let seen = sight.seen_locals(code.view().n_locals);
        if let Some(entry) = state.codes.get_mut(&addr) {
            entry.memory.note(&seen, entry.storms.are_many());
        }
    }
    if wants_function {
        BORED.store(0, Ordering::Relaxed);
        if has_version {
            avoid_what_failed(state, addr);
        }
        let scene = Scene {
            entry: EntryPoint::Start,
            mode: mode(
                state,
                &code.qualname(gil),
                state.options.always == 1,
                effort,
            ),
            globals: sight.globals(),
            builtins: sight.builtins(),
            seen_locals: seen_at_start(gil, state, &code, sight),
            seen_stack: Vec::new(),
            avoid: avoided(state, addr),
        };
        let _ = ask(gil, state, addr, scene, false);
    }
}

/// Time was spent in machine code. What was compiled quickly and stays hot is compiled once more; who stays in a version
/// that another one has replaced is sent out of it.
fn heat_version(
    gil: Gil<'_>,
    state: &mut State,
    sight: &Sight,
    version: &Arc<Version<Meta>>,
    spent: u32,
) {
    let addr = sight.code();
    let meta = version.meta();
    // Relaxed: only threads that hold the GIL write them.
    let all = meta.machine_time.load(Ordering::Relaxed);
    meta.machine_time
        .store(all.saturating_add(spent), Ordering::Relaxed);
    let heat = meta.heat.load(Ordering::Relaxed).saturating_add(spent);
    meta.heat.store(heat, Ordering::Relaxed);
    version.warm(spent.into());
    let point = version.point();
    let entry = header_of(point).map_or(EntryPoint::Start, EntryPoint::Loop);
    // What does much in the general way is first made as quickly again, with what it has noted.
    let notes = meta.header.notes().zip(&meta.informed);
    let n_new = notes.filter(|(note, known)| *note != 0 && !*known).count() as u32;
    let is_blind = n_new * NEWS > meta.costs.general_calls
        && meta.costs.general_calls * BLIND > meta.costs.bytecodes;
    let (effort, pays) = if is_blind {
        let price = calls::estimate(gil, state, addr, entry, Effort::Quick);
        (Effort::Quick, price)
    } else {
        let price = budget::estimate(Effort::Best, meta.costs.bytecodes);
        (
            Effort::Best,
            u64::from(BETTER_HEAT).max(price * BETTER_TIMES),
        )
    };
    // What is done in the general way for all that was noted, the interpreter does as well.
    if !is_blind
        && heat >= BETTER_HEAT
        && meta.effort == Effort::Quick
        && state.options.always == 0
        && budget::is_no_gain(&meta.costs)
    {
        return install::give_back(gil, state, addr, point);
    }
    if u64::from(heat) < pays {
        return;
    }
    let function = state.codes.get(&addr).and_then(|it| it.function.as_ref());
    let current = function.and_then(|it| it.current_at(point));
    if current.is_none_or(|it| it.id() != version.id()) {
        meta.heat.store(0, Ordering::Relaxed);
        let key = AssumptionKey(meta.token.number());
        state.engine.break_assumption(key, "replaced");
        return;
    }
    if meta.effort != Effort::Quick
        || state.options.effort.is_some()
        || meta.promoted.load(Ordering::Relaxed)
        || !can_pay(gil, state, addr, entry, effort)
    {
        return;
    }
    meta.promoted.store(true, Ordering::Relaxed);
    BORED.store(0, Ordering::Relaxed);
    avoid_what_failed(state, addr);
    let code = Code::new(gil, addr);
    let (seen_locals, seen_stack) = meta.seen.clone();
    let scene = Scene {
        entry,
        // It has shown how it does; if that is in the general way, the interpreter does it as well.
        mode: Mode {
            must_pay: state.options.always == 0,
            ..mode(
                state,
                &code.qualname(gil),
                state.options.always == 1,
                effort,
            )
        },
        globals: sight.globals(),
        builtins: sight.builtins(),
        seen_locals,
        seen_stack,
        avoid: avoided(state, addr),
    };
    let _ = ask(gil, state, addr, scene, false);
}

/// The innermost loop around where the frame stands, if it is time to enter it.
fn heat_loop(
    gil: Gil<'_>,
    heat: &mut Heat,
    code: &Code,
    sight: &Sight,
    spent: u32,
    can_pay: bool,
) -> Option<u32> {
    if !sight.is_enterable() || code.is_resumable() {
        return None;
    }
    let offset = sight.offset();
    let limit = LOOP_HEAT.max(code.view().n_units.saturating_mul(UNIT_HEAT));
    let found = heat
        .loops(gil, code)
        .iter_mut()
        .filter(|it| it.header <= offset && offset <= it.end)
        .min_by_key(|it| it.end - it.header)?;
    if found.activation != sight.activation() {
        found.activation = sight.activation();
        found.heat = 0;
    }
    found.heat = found.heat.saturating_add(spent);
    if found.heat < limit || found.refused || found.attempts >= MAX_ATTEMPTS || !can_pay {
        return None;
    }
    found.heat = 0;
    found.attempts += 1;
    Some(found.header)
}

/// The classes of the arguments, where the frame still shows what the function was called with: what it has stored to
/// says nothing of that. Of other locals, what they hold now, or held when a frame was looked at before.
pub(crate) fn seen_at_start(
    gil: Gil<'_>,
    state: &mut State,
    code: &Code,
    sight: &Sight,
) -> Vec<Seen> {
    let view = code.view();
    let mut seen = sight.seen_locals(view.n_locals);
    let Ok(base) = code.base(gil) else {
        return Vec::new();
    };
    let n_args = view.arg_count + view.kw_only;
    let Some(entry) = state.codes.get_mut(&code.addr()) else {
        return seen;
    };
    entry.memory.note(&seen, entry.storms.are_many());
    for (at, oparg) in instructions_with_args(&base) {
        for local in stored_locals(base[2 * at], oparg).into_iter().flatten() {
            if let Some(it) = seen.get_mut(local as usize)
                && local < n_args
            {
                *it = Seen::Nothing;
            }
        }
    }
    entry.memory.apply(&mut seen, n_args as usize);
    seen
}

/// The locals that an instruction changes: DELETE_FAST and the STORE_FAST family of 3.13 (`opcode_ids.h`).
fn stored_locals(opcode: u8, oparg: u32) -> [Option<u32>; 2] {
    match opcode {
        65 | 110 => [Some(oparg), None],
        111 => [Some(oparg >> 4), None],
        112 => [Some(oparg >> 4), Some(oparg & 15)],
        _ => [None, None],
    }
}

/// When a sample was asked for that has not come, in nanoseconds of the process's clock; 0 for never. No lock: a thread
/// may fork while another asks.
static PENDING: AtomicU64 = AtomicU64::new(0);
/// Microseconds between samples, as the sampler has it at the moment.
static INTERVAL: AtomicU32 = AtomicU32::new(0);
/// Samples in a row without anything new.
static BORED: AtomicU32 = AtomicU32::new(0);
static SAMPLER: Mutex<Option<Sampler>> = Mutex::new(None);
/// Told to end, and by whom it is woken for that.
static STOP: (Mutex<bool>, Condvar) = (Mutex::new(false), Condvar::new());
/// Sampling has ended for good.
static OVER: AtomicBool = AtomicBool::new(false);

struct Sampler {
    thread: JoinHandle<()>,
}

/// Asks for a sample now: a compile thread has finished something. Needs no GIL.
pub(crate) fn wake(interpreter: Interpreter) {
    if !OVER.load(Ordering::Acquire) && PENDING.load(Ordering::Relaxed) == 0 {
        ask_for_sample(interpreter);
    }
}

/// A queue that is full is tried again at the next tick.
fn ask_for_sample(interpreter: Interpreter) {
    // Relaxed, here and below: the word says nothing of other memory, and a sample that is asked for twice does no harm.
    PENDING.store(dl::clock().as_nanos() as u64, Ordering::Relaxed);
    if !interpreter.ask_for_sample() {
        PENDING.store(0, Ordering::Relaxed);
    }
}

/// How long ago the sample was asked for that has not come.
fn waits_for() -> Option<Duration> {
    since(PENDING.load(Ordering::Relaxed))
}

/// The sample has come: how long it took.
fn came_after() -> Option<Duration> {
    since(PENDING.swap(0, Ordering::Relaxed))
}

fn since(asked: u64) -> Option<Duration> {
    (asked != 0).then(|| dl::clock().saturating_sub(Duration::from_nanos(asked)))
}

/// Starts the sampler, unless it runs.
pub(crate) fn sampler_may_run(gil: Gil<'_>) {
    let wanted = with(gil, |state| {
        (state.enabled && !state.options.off).then_some(state.interpreter)
    });
    let Some(Some(interpreter)) = wanted else {
        return;
    };
    let mut sampler = SAMPLER.lock().unwrap_or_else(PoisonError::into_inner);
    if sampler.is_some() || OVER.load(Ordering::Acquire) || fork::is_under_way() {
        return;
    }
    *STOP.0.lock().unwrap_or_else(PoisonError::into_inner) = false;
    let spawned = std::thread::Builder::new()
        .name("martlet-sampler".to_owned())
        .stack_size(64 << 10)
        .spawn(move || run(interpreter));
    // Without a thread nothing gets hot: the program runs on in the interpreter.
    *sampler = spawned.ok().map(|thread| Sampler { thread });
}

/// Ends the sampler and waits for that, which takes microseconds.
pub(crate) fn stop_sampler(for_good: bool) {
    if for_good {
        OVER.store(true, Ordering::Release);
    }
    let sampler = SAMPLER
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take();
    if let Some(sampler) = sampler {
        *STOP.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        STOP.1.notify_all();
        let _ = sampler.thread.join();
    }
}

/// The life of the sampler.
fn run(interpreter: Interpreter) {
    dl::block_signals();
    let mut pause = FIRST;
    let mut taken = 0;
    loop {
        let stop = STOP.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (stop, _) = STOP
            .1
            .wait_timeout_while(stop, pause, |stop| !*stop)
            .unwrap_or_else(PoisonError::into_inner);
        if *stop {
            return;
        }
        drop(stop);
        if let Some(waited) = waits_for() {
            // The last call has not come back: no Python code runs, or it is inside of some C function.
            if waited > IDLE {
                pause = IDLE;
                fork::end_if_deserted();
            }
            continue;
        }
        INTERVAL.store(pause.min(SLOW).as_micros() as u32, Ordering::Relaxed);
        ask_for_sample(interpreter);
        taken += 1;
        let bored = BORED.fetch_add(1, Ordering::Relaxed);
        pause = match bored > BORING {
            true => SLOW,
            false if taken > FAST_SAMPLES => BRISK,
            false => FAST,
        };
    }
}
