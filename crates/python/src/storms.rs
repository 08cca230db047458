//! Exits that come in storms: machine code that is left again and again at one place was compiled on a wrong guess, and
//! costs more than it saves. Such a version falls, and another one is asked for.
//!
//! The first storm at a place asks for the same with what is seen now: a program has entered another phase. The next one
//! there makes the place generic for good (`Request::avoid`). Each code object has so many storms in its life, so that
//! nothing oscillates. An exit that is rare in time is no storm, however often it was taken.
//!
//! What is seen is the frame at hand, and what a code object's [`Memory`] holds of earlier looks.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use martlet_snapshot::{Effort, EntryPoint, Seen};

use crate::calls::{self, ask, can_pay, close_loop, mode};
use crate::compiler::Meta;
use crate::hotness::seen_at_start;
use crate::raw::code::Code;
use crate::raw::{Addr, Gil, c, frames};
use crate::snapshot::Scene;
use crate::state::{State, header_of, with};

/// The C side tells of so many exits at once.
const REPORTED: u32 = 64;
/// An exit costs about a microsecond, with the way back into machine code. One in so much time is two per cent.
const TOLERABLE: Duration = Duration::from_micros(50);
/// The same for a function with loops that is entered at its start: what is left of them is interpreted for a while.
const TOLERABLE_WITH_LOOPS: Duration = Duration::from_millis(1);
/// A version that storms less than so is better than none until its successor comes.
const BEARABLE: Duration = Duration::from_micros(5);
/// What an exit costs, in microseconds, with what is interpreted that machine code would have done.
const EXIT_COST: u64 = 2;
/// What a version's exits must have cost, in microseconds, before it is asked whether it is of any use.
const TRIAL: u64 = 20_000;
/// Another version is asked for when exits at one place have cost one part in so many of what that will cost: who waits for
/// longer may lose more than it costs, who asks sooner may ask in vain, and does not know yet where else guesses fail.
const SHARE_OF_PRICE: u64 = 2;
/// However slowly they come, exits of a loop at one place that have cost so many times what another version will cost are
/// as many as a storm's.
const ADDS_UP: u64 = 2;
/// A loop that was left at its function's end so often stands in for the function, however slowly.
const OFTEN_LEFT: u64 = 256;
/// Storms in the life of a code object after which each makes its place generic at once.
const PATIENCE: u32 = 3;
/// Storms in the life of a code object. What storms after the last is left to the interpreter.
const MAX_STORMS: u32 = 12;

/// Storms at such places after which machine code does more harm than good.
const MANY_LEFT: u32 = 8;

/// Places where guesses of kinds failed from which on a code object is warned of all.
const MANY_PLACES: usize = 2;

/// Classes that are remembered of one instruction.
const MAX_CLASSES: usize = 16;

/// What a code object has learned from its storms.
#[derive(Default)]
pub(crate) struct Storms {
    places: Vec<Storm>,
    total: u32,
    /// A version that is entered at the start was asked for because its loops are left by returning.
    whole: bool,
    /// Storms at places where every version must be left.
    left: u32,
}

/// The storms at one place.
struct Storm {
    place: (Addr, u32),
    times: u32,
    last: Instant,
    /// The first came from a guess of an operand's kind.
    is_of_kinds: bool,
}

impl Storms {
    /// Whether a version that was asked for then knew of the last storm at this place.
    fn was_known(&self, place: (Addr, u32), asked_at: Instant) -> bool {
        let known = self.places.iter().find(|it| it.place == place);
        known.is_none_or(|it| it.last <= asked_at)
    }

    /// Notes a storm; answers how many there were at this place.
    fn note(&mut self, place: (Addr, u32), reason: &str) -> u32 {
        self.total += 1;
        self.note_besides(place, reason)
    }

    /// The same for a place that another version is not asked for alone.
    fn note_besides(&mut self, place: (Addr, u32), reason: &str) -> u32 {
        let last = Instant::now();
        match self.places.iter_mut().find(|it| it.place == place) {
            Some(known) => {
                known.times += 1;
                known.last = last;
                known.times
            }
            None => {
                self.places.push(Storm {
                    place,
                    times: 1,
                    last,
                    is_of_kinds: reason == "type",
                });
                1
            }
        }
    }

    /// The places of a code object where guesses of kinds failed, if they are many: its numbers are now of this kind,
    /// now of that, and it is no use to learn that place by place.
    fn wary_places(&self, code: Addr) -> Vec<(Addr, u32)> {
        let of_kinds = self
            .places
            .iter()
            .filter(|it| it.is_of_kinds && it.place.0 == code);
        let places: Vec<_> = of_kinds.map(|it| it.place).collect();
        if places.len() >= MANY_PLACES {
            places
        } else {
            Vec::new()
        }
    }

    /// Whether kinds of values that differ are taken for a mixture and no longer for a new phase.
    pub(crate) fn are_many(&self) -> bool {
        self.total >= 2
    }
}

/// The kinds of values that a code object's locals had when they were looked at.
#[derive(Default)]
pub(crate) struct Memory {
    seen: Vec<Seen>,
    mixed: Vec<bool>,
}

impl Memory {
    /// Notes what locals hold. A local that holds containers, texts or other objects of several kinds is mixed at once; of
    /// numbers and None, which come in phases, it is with `mixes`.
    pub(crate) fn note(&mut self, seen: &[Seen], mixes: bool) {
        self.seen.resize(seen.len(), Seen::Nothing);
        self.mixed.resize(seen.len(), false);
        for ((known, mixed), new) in self.seen.iter_mut().zip(&mut self.mixed).zip(seen) {
            if *new == Seen::Nothing {
                continue;
            }
            let differs = *known != Seen::Nothing && known != new;
            *mixed |= differs && (mixes || !comes_in_phases(*known) && !comes_in_phases(*new));
            *known = *new;
        }
    }

    /// What is known of all locals; of those that hold now this, now that, that they do.
    pub(crate) fn all(&self) -> Vec<Seen> {
        let mut all = vec![Seen::Nothing; self.seen.len()];
        self.apply(&mut all, 0);
        all
    }

    /// Adds to what is seen now: what locals behind the first `n_args` held, and that some hold now this, now that.
    pub(crate) fn apply(&self, seen: &mut [Seen], n_args: usize) {
        let known = self.seen.iter().zip(&self.mixed);
        for (i, (now, (before, mixed))) in seen.iter_mut().zip(known).enumerate() {
            if *mixed {
                *now = Seen::Other;
            } else if i >= n_args && *now == Seen::Nothing {
                *now = *before;
            }
        }
    }
}

/// Whether a variable of this kind is likely to be of another kind for a while before it has this one, or afterwards.
fn comes_in_phases(seen: Seen) -> bool {
    matches!(
        seen,
        Seen::None | Seen::Bool | Seen::Int | Seen::BigInt | Seen::Float | Seen::Number
    )
}

/// Where in a code object the class of an object was seen.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// By the interpreter's cache, or at an exit, in front of the instruction at this offset, which reads or writes an
    /// attribute.
    Instr(u32),
    /// In this local, when a frame was looked at.
    Local(u32),
}

/// The versions of the classes that were seen at one place.
struct SeenAt {
    place: Place,
    classes: Vec<u32>,
    /// How many of them the last version knows.
    known: usize,
}

/// The versions of the classes that were seen. A version that nobody has any more says nothing; it is never another
/// class's.
#[derive(Default)]
pub(crate) struct Classes {
    seen: Vec<SeenAt>,
    /// Those of which objects were seen that have a dictionary of their own.
    with_dictionaries: Vec<u32>,
    /// A version was left often for an object of another class than it knew at one place: so it will be at others.
    others_come: bool,
}

impl Classes {
    /// Those of an instruction, the one that the interpreter expects first. Places that share a class share all: they
    /// look at one object.
    pub(crate) fn seen_at(&self, offset: u32, expected: Option<u32>) -> Vec<u32> {
        let mut all: Vec<u32> = expected.into_iter().collect();
        all.extend_from_slice(self.at(Place::Instr(offset)));
        let known = all.len();
        for SeenAt { classes, .. } in &self.seen {
            if classes.iter().any(|it| all[..known].contains(it)) {
                all.extend_from_slice(classes);
            }
        }
        let mut once = std::collections::HashSet::new();
        all.retain(|it| once.insert(*it));
        all
    }

    /// Notes that objects of a class have dictionaries of their own.
    pub(crate) fn note_dictionary(&mut self, type_version: u32) {
        if !self.have_dictionaries(type_version) && self.with_dictionaries.len() < MAX_CLASSES {
            self.with_dictionaries.push(type_version);
        }
    }

    /// A version is made that knows all that were seen.
    pub(crate) fn are_known(&mut self) {
        for it in &mut self.seen {
            it.known = it.classes.len();
        }
    }

    /// Notes that versions were left often in front of an instruction, if that was for classes that they did not know.
    fn note_storm(&mut self, offset: u32) {
        let found = self.find(Place::Instr(offset));
        self.others_come |= found.is_some_and(|it| it.known < it.classes.len());
    }

    /// Whether objects of other classes than are known must be expected.
    pub(crate) fn are_open(&self) -> bool {
        self.others_come
    }

    /// Whether that is known of a class.
    pub(crate) fn have_dictionaries(&self, type_version: u32) -> bool {
        self.with_dictionaries.contains(&type_version)
    }

    fn find(&self, place: Place) -> Option<&SeenAt> {
        self.seen.iter().find(|it| it.place == place)
    }

    fn at(&self, place: Place) -> &[u32] {
        self.find(place).map_or(&[], |it| &it.classes)
    }

    /// Notes a class.
    pub(crate) fn note(&mut self, place: Place, type_version: u32) {
        let index = self.seen.iter().position(|it| it.place == place);
        let index = index.unwrap_or_else(|| {
            self.seen.push(SeenAt {
                place,
                classes: Vec::new(),
                known: 0,
            });
            self.seen.len() - 1
        });
        let seen = &mut self.seen[index].classes;
        if seen.len() < MAX_CLASSES && !seen.contains(&type_version) {
            seen.push(type_version);
        }
    }
}

/// An exit in front of an instruction that reads or writes an attribute.
pub(crate) fn class_seen(gil: Gil<'_>, code: Addr, offset: u32, type_version: u32, has_dict: bool) {
    with(gil, |state| {
        if let Some(entry) = state.codes.get_mut(&code) {
            entry.classes.note(Place::Instr(offset), type_version);
            if has_dict {
                entry.classes.note_dictionary(type_version);
            }
        }
    });
}

/// What can be done about exits for a reason.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cure {
    /// Nothing: they are right.
    None,
    /// A version that is entered at the function's start.
    Whole,
    /// The same with what is known now.
    Anew,
    /// A version that is generic at the place, tried twice with a guess.
    Generic,
    /// A version that is generic at the place.
    GenericAtOnce,
    /// Not to enter: the place is never translated, or machine code is always left there.
    Stay,
}

fn cure_of(reason: &str) -> Cure {
    match reason {
        "raised" | "raised_again" | "poll" => Cure::None,
        // A frame that somebody has looked at goes on in the interpreter, where all of it can be seen.
        "invalid" => Cure::Stay,
        "return" | "handlers" => Cure::Whole,
        "never_ran" | "never_caught" => Cure::Anew,
        "overflow" | "inlined" | "empty_loop" => Cure::GenericAtOnce,
        _ if reason.starts_with(|it: char| it.is_ascii_uppercase()) => Cure::Stay,
        _ => Cure::Generic,
    }
}

/// Whether an exit for this reason is a guess that failed.
pub(crate) fn is_guess(reason: &str) -> bool {
    matches!(cure_of(reason), Cure::Generic | Cure::GenericAtOnce)
}

/// An exit of the version with this header was taken [`REPORTED`] times more. The current frame is where it left to.
pub(crate) fn exits_often(gil: Gil<'_>, header: u64, index: usize) {
    with(gil, |state| {
        if !state.enabled || state.tools || state.options.exit_every != 0 {
            return;
        }
        let found = state
            .tables
            .numbered_versions()
            .find(|(_, it)| it.meta().header.address() == header);
        let Some((table, version)) = found else {
            return;
        };
        let meta = version.meta();
        let left_at = martlet_engine::Place(meta.exit_roots[index]);
        state.engine.count_exits(&version, left_at, REPORTED.into());
        let Some(addr) = state.by_id.get(&version.id().function).copied() else {
            return;
        };
        if state.options.always == 0 && is_of_no_use(meta, header_of(version.point()).is_some()) {
            let key = martlet_engine::AssumptionKey(table);
            state.engine.break_assumption(key, "exits cost too much");
            match header_of(version.point()) {
                Some(header) => close_loop(state, addr, header),
                None => calls::give_up(state, addr, "exits cost too much"),
            }
            state.refresh(gil, addr);
            return;
        }
        let reason = meta.exit_reasons[index].as_str();
        let has_loops = state
            .codes
            .get_mut(&addr)
            .is_some_and(|it| it.heat.has_loops(gil, &Code::new(gil, addr)));
        let tolerable = match has_loops && header_of(version.point()).is_none() {
            true => TOLERABLE_WITH_LOOPS,
            false => TOLERABLE,
        };
        let lasted = since_report(meta, index);
        let is_storm = lasted < tolerable * REPORTED || reason == "empty_loop";
        let is_bearable = lasted >= BEARABLE * REPORTED;
        // Its successor is on its way.
        if is_bearable && meta.succeeded.load(Ordering::Relaxed) {
            return;
        }
        let door = header_of(version.point());
        let entry = door.map_or(EntryPoint::Start, EntryPoint::Loop);
        let price = calls::estimate(gil, state, addr, entry, Effort::Quick);
        let count = meta.header.counts().nth(index).unwrap_or(0);
        // A function that is left slowly gets hot in the interpreter; a loop is entered again at once.
        let adds_up =
            door.is_some() && cure_of(reason) != Cure::Stay && count * EXIT_COST > ADDS_UP * price;
        if meta.costs.bytecodes == 0 || !(is_storm || adds_up || is_worth_a_whole(meta, index)) {
            return;
        }
        let lost = lost_at(state, addr, meta, count);
        if state.options.always == 0 && lost * SHARE_OF_PRICE < price {
            return;
        }
        // What was lost here would have paid for it.
        let is_due = lost > price;
        let place = match meta.exit_sites[index] {
            (None, offset) => (addr, offset),
            (Some(code), offset) => match state.tables.nameable(table, code) {
                Some(code) => (code, offset),
                None => return,
            },
        };
        let reaction = react(gil, state, addr, door, place, meta, reason);
        if reaction == Reaction::Stays {
            return;
        }
        state.engine.count_storm(&version, left_at);
        learn_of_others(state, addr, table, meta, index, count / 4);
        if is_bearable && reaction == Reaction::IsMadeAnew {
            let asked = succeed(gil, state, addr, door, is_due);
            meta.succeeded.store(asked, Ordering::Relaxed);
            return;
        }
        let key = martlet_engine::AssumptionKey(table);
        state
            .engine
            .break_assumption(key, format!("exits: {reason}"));
        state.refresh(gil, addr);
        if reaction == Reaction::IsMadeAnew {
            ask_again(gil, state, addr, door, is_due);
        }
    });
}

/// What exits of a version at one place have cost, in microseconds: their share of the time that the function was seen in the
/// interpreter since, and no less than the ways out and back.
fn lost_at(state: &State, addr: Addr, meta: &Meta, count: u64) -> u64 {
    let interpreted = state.codes.get(&addr).map_or(0, |it| it.heat.spent());
    let all: u64 = meta.header.counts().sum();
    (count * EXIT_COST).max(interpreted * count / all.max(1))
}

/// Whether exits that no other version would do without have cost more than the time that was seen to be spent in a
/// version: the interpreter does it better. A loop that is left at its function's end is such where that could help it.
fn is_of_no_use(meta: &Meta, is_loop: bool) -> bool {
    let stays = |reason: &str| match cure_of(reason) {
        Cure::None | Cure::Stay => true,
        Cure::Whole => is_loop,
        _ => false,
    };
    let exits = meta.exit_reasons.iter().zip(meta.header.counts());
    let n_exits: u64 = exits
        .filter(|(reason, _)| stays(reason))
        .map(|(_, count)| count)
        .sum();
    let cost = n_exits * EXIT_COST;
    // Relaxed: the GIL is held.
    cost > TRIAL + 2 * u64::from(meta.machine_time.load(Ordering::Relaxed))
}

/// Learns of the other places where guesses of a version that is made anew failed at least so often.
fn learn_of_others(
    state: &mut State,
    addr: Addr,
    table: u64,
    meta: &Meta,
    index: usize,
    least: u64,
) {
    let exits = meta.exit_reasons.iter().zip(&meta.exit_sites);
    let often =
        exits
            .zip(meta.header.counts())
            .enumerate()
            .filter(|(other, ((reason, _), count))| {
                *other != index && *count >= least.max(u64::from(REPORTED)) && is_guess(reason)
            });
    for (_, ((reason, (code, offset)), _)) in often {
        let code = match code {
            None => Some(addr),
            Some(code) => state.tables.nameable(table, *code),
        };
        let (Some(code), Some(entry)) = (code, state.codes.get_mut(&addr)) else {
            continue;
        };
        let place = (code, *offset);
        if entry.storms.was_known(place, meta.asked_at)
            && entry.storms.note_besides(place, reason) > 1
        {
            avoid(&mut entry.avoid, &meta.avoided, place, reason);
        }
    }
}

/// How long ago the exit was reported before, or the version made.
fn since_report(meta: &Meta, index: usize) -> Duration {
    let now = Instant::now();
    let last = meta.reports.lock().map_or(meta.made_at, |mut reports| {
        reports.insert(index, now).unwrap_or(meta.made_at)
    });
    now.duration_since(last)
}

/// Whether a loop was left at its function's end so often that the function should be entered at its start.
fn is_worth_a_whole(meta: &Meta, index: usize) -> bool {
    cure_of(&meta.exit_reasons[index]) == Cure::Whole
        && meta.header.counts().nth(index) >= Some(OFTEN_LEFT)
}

/// What becomes of a version that a storm came from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reaction {
    Stays,
    /// It falls, and another one is asked for.
    IsMadeAnew,
    /// It falls, and the interpreter has the code for good.
    IsGivenUp,
}

/// Learns from a storm.
fn react(
    gil: Gil<'_>,
    state: &mut State,
    addr: Addr,
    door: Option<u32>,
    place: (Addr, u32),
    meta: &Meta,
    reason: &str,
) -> Reaction {
    let Some(entry) = state.codes.get_mut(&addr) else {
        return Reaction::Stays;
    };
    let cure = cure_of(reason);
    match (cure, door) {
        (Cure::None, _) | (Cure::Whole, None) => return Reaction::Stays,
        (Cure::Stay, None) => {
            entry.storms.left += 1;
            if entry.storms.left < MANY_LEFT {
                return Reaction::Stays;
            }
            calls::give_up(state, addr, "left too often");
            return Reaction::IsGivenUp;
        }
        (Cure::Whole, Some(_)) => {
            let raw = entry.raw.get();
            if raw.live == 0 && raw.refused == 0 && !entry.storms.whole {
                let asked = ask_for_whole(gil, state, addr, false);
                if let Some(entry) = state.codes.get_mut(&addr) {
                    entry.storms.whole = asked;
                }
            }
            return Reaction::Stays;
        }
        (Cure::Stay, Some(header)) => {
            close_loop(state, addr, header);
            return Reaction::Stays;
        }
        _ => {}
    }
    if entry.storms.total >= MAX_STORMS {
        match door {
            Some(header) => close_loop(state, addr, header),
            None => calls::give_up(state, addr, "exits too often"),
        }
        return Reaction::IsGivenUp;
    }
    if let Some(entry) = state.codes.get_mut(&place.0) {
        entry.classes.note_storm(place.1);
    }
    let Some(entry) = state.codes.get_mut(&addr) else {
        return Reaction::Stays;
    };
    // Versions of other doors, or made meanwhile, are not what the last storm has taught.
    if !entry.storms.was_known(place, meta.asked_at) {
        return Reaction::IsMadeAnew;
    }
    let times = entry.storms.note(place, reason);
    for wary in entry.storms.wary_places(place.0) {
        if !entry.avoid.contains(&wary) {
            entry.avoid.push(wary);
        }
    }
    let patience = match cure {
        // The operands of what could not be inlined are noted when it is left.
        Cure::GenericAtOnce if reason != "inlined" => 0,
        _ if entry.storms.total > PATIENCE => 0,
        // That numbers are told apart costs next to nothing, and what the usual iterators give is not much slower either.
        _ if reason == "type" && (hands_on_numbers(gil, place) || iterates(gil, place)) => 0,
        // At a loop's header stand the guesses of all locals: that one of them is mixed does not make all generic.
        _ if place.0 == addr && entry.heat.is_header(gil, &Code::new(gil, addr), place.1) => 2,
        _ => 1,
    };
    if cure != Cure::Anew && times > patience {
        avoid(&mut entry.avoid, &meta.avoided, place, reason);
    }
    Reaction::IsMadeAnew
}

/// Whether the instruction at a place computes with numbers, or hands them on.
fn hands_on_numbers(gil: Gil<'_>, place: (Addr, u32)) -> bool {
    // BINARY_OP, COMPARE_OP, UNPACK_SEQUENCE and the STORE_FAST family of 3.13 (`opcode_ids.h`).
    matches!(opcode_at(gil, place), Some(45 | 58 | 117 | 110..=112))
}

/// Whether the instruction at a place makes an iterator.
fn iterates(gil: Gil<'_>, place: (Addr, u32)) -> bool {
    // GET_ITER of 3.13.
    opcode_at(gil, place) == Some(19)
}

/// The opcode of the instruction at a place, behind EXTENDED_ARG.
fn opcode_at(gil: Gil<'_>, (code, offset): (Addr, u32)) -> Option<u8> {
    let base = Code::new(gil, code).base(gil).ok()?;
    let mut opcodes = base.iter().step_by(2).skip(offset as usize);
    opcodes.find(|it| **it != 71).copied()
}

/// Adds a place where guesses fail for this reason, in a version that was made with what was `known`. Named once, operands
/// that are numbers are told apart there; named twice, nothing is guessed at all. What failed while less was known than
/// now teaches nothing.
pub(crate) fn avoid(
    places: &mut Vec<(Addr, u32)>,
    known: &[(Addr, u32)],
    place: (Addr, u32),
    reason: &str,
) {
    let times = |places: &[(Addr, u32)]| places.iter().filter(|it| **it == place).count();
    let named = times(places);
    let wanted = if cure_of(reason) == Cure::GenericAtOnce {
        2
    } else {
        (times(known) + 1).min(2)
    };
    places.extend((named..wanted).map(|_| place));
}

/// Asks for a version in place of one that runs until then, if it is due or can be paid. A loop is looked at when the
/// interpreter is at its back edge the next time.
fn succeed(gil: Gil<'_>, state: &mut State, addr: Addr, door: Option<u32>, is_due: bool) -> bool {
    let entry = door.map_or(EntryPoint::Start, EntryPoint::Loop);
    let may_ask = is_due || can_pay(gil, state, addr, entry, Effort::Quick);
    if may_ask {
        ask_again(gil, state, addr, door, is_due);
    }
    may_ask
}

/// Asks for a version in place of one that fell. A loop is looked at when it runs the next time.
fn ask_again(gil: Gil<'_>, state: &mut State, addr: Addr, door: Option<u32>, is_due: bool) {
    let Some(header) = door else {
        ask_for_whole(gil, state, addr, is_due);
        return;
    };
    if !is_due && !can_pay(gil, state, addr, EntryPoint::Loop(header), Effort::Quick) {
        return calls::postpone_loop(state, addr, header);
    }
    if let Some(entry) = state.codes.get_mut(&addr) {
        entry.raw.set_loop(c::Loop {
            header,
            depth: 0,
            cell: std::ptr::null(),
        });
    }
}

/// Asks for a version that is entered at the function's start. The current frame is one of the function.
/// Answers whether it did.
fn ask_for_whole(gil: Gil<'_>, state: &mut State, addr: Addr, is_due: bool) -> bool {
    let Some(sight) = frames::look::<1>(gil).first().copied() else {
        return false;
    };
    let code = Code::new(gil, addr);
    if sight.code() != addr || !code.is_function() {
        return false;
    }
    if !is_due && !can_pay(gil, state, addr, EntryPoint::Start, Effort::Quick) {
        if let Some(entry) = state.codes.get_mut(&addr) {
            entry.heat.wants_more(None);
        }
        return false;
    }
    let scene = Scene {
        entry: EntryPoint::Start,
        mode: mode(
            state,
            &code.qualname(gil),
            state.options.always == 1,
            Effort::Quick,
        ),
        globals: sight.globals(),
        builtins: sight.builtins(),
        seen_locals: seen_at_start(gil, state, &code, &sight),
        seen_stack: Vec::new(),
        avoid: calls::avoided(state, addr),
    };
    ask(gil, state, addr, scene, false).is_ok()
}
