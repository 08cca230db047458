//! What one look over a code object tells before it is built: joins, loop headers, hints.

use super::identity;
use crate::bytecode::{Code, ExceptionEntry, Instr, Opcode, Special};
use crate::hir::Kind;
use martlet_snapshot::{CodeSnapshot, Seen};
use std::collections::{HashMap, HashSet};

/// Facts of one code object.
pub(super) struct CodeInfo {
    /// Its instructions.
    pub(super) code: Code,
    /// Offsets that more than one instruction leads to.
    pub(super) joins: HashSet<u32>,
    /// Targets of backward jumps.
    pub(super) loop_headers: HashSet<u32>,
    /// What each local probably holds: from a frame that was looked at, else from what its uses specialised to.
    pub(super) hints: Vec<Kind>,
    /// Which locals are stored to.
    assigned: Vec<bool>,
    /// Loops, inner ones first: header, end, and which locals are stored to inside.
    loops: Vec<(u32, u32, Vec<bool>)>,
    /// By loop header, the locals whose value there is used, which the compiler guarantees to be bound.
    used: HashMap<u32, Vec<bool>>,
    /// Whether the program compares identities of values that may be numbers: boxes then stay boxes.
    pub(super) identity_matters: bool,
    /// Which locals keep the objects of the floats in them: see `identity`.
    pub(super) kept: Vec<bool>,
}

impl CodeInfo {
    pub(super) fn new(code: Code, snapshot: &CodeSnapshot) -> Self {
        let (joins, loop_headers) = joins(&code);
        let hints = hints(&code, snapshot);
        let assigned = assigned(&code, snapshot, 0..u32::MAX);
        let loops = loops(&code, snapshot);
        let used = used(&code, snapshot, &loop_headers);
        let identity_matters = identity_matters(&code);
        let mut info = Self {
            code,
            joins,
            loop_headers,
            hints,
            assigned,
            loops,
            used,
            identity_matters,
            kept: Vec::new(),
        };
        let counts = (snapshot.n_locals as usize, n_arguments(snapshot) as usize);
        let ways = |instr: &Instr| ways_from(&info.code, instr);
        info.kept = identity::kept(&info.code, &info.joins, counts, &ways);
        info
    }
}

/// How many locals are bound when a function starts.
pub(super) fn n_arguments(snapshot: &CodeSnapshot) -> u32 {
    snapshot.arg_count
        + snapshot.kw_only_arg_count
        + u32::from(snapshot.flags & 0x04 != 0) // CO_VARARGS
        + u32::from(snapshot.flags & 0x08 != 0) // CO_VARKEYWORDS
}

fn joins(code: &Code) -> (HashSet<u32>, HashSet<u32>) {
    let mut sources: HashMap<u32, u32> = HashMap::new();
    let mut loop_headers = HashSet::new();
    *sources.entry(0).or_default() += 1;
    for instr in &code.insts {
        if let Some(target) = target_of(code, instr) {
            *sources.entry(target).or_default() += 1;
            if target <= instr.start {
                loop_headers.insert(target);
                // A header is always a join: loop versions enter at it, too.
                *sources.entry(target).or_default() += 1;
            }
        }
        if !instr.opcode.ends_flow() {
            *sources.entry(instr.end).or_default() += 1;
        }
    }
    for entry in &code.exceptions {
        *sources.entry(entry.target).or_default() += 2;
    }
    let joins = sources
        .into_iter()
        .filter(|(_, count)| *count > 1)
        .map(|(offset, _)| offset)
        .collect();
    (joins, loop_headers)
}

fn loops(code: &Code, snapshot: &CodeSnapshot) -> Vec<(u32, u32, Vec<bool>)> {
    let mut ends: HashMap<u32, u32> = HashMap::new();
    for instr in &code.insts {
        if let Some(header) = instr.jump_target().filter(|target| *target <= instr.start) {
            let end = ends.entry(header).or_default();
            *end = instr.end.max(*end);
        }
    }
    let mut loops: Vec<_> = ends
        .into_iter()
        .map(|(header, end)| (header, end, assigned(code, snapshot, header..end)))
        .collect();
    loops.sort_by_key(|(header, end, _)| (end - header, *header));
    loops
}

fn assigned(code: &Code, snapshot: &CodeSnapshot, range: std::ops::Range<u32>) -> Vec<bool> {
    let mut assigned = vec![false; snapshot.n_locals as usize];
    for instr in code
        .insts
        .iter()
        .filter(|instr| range.contains(&instr.start))
    {
        for local in assigned_by(instr).into_iter().flatten() {
            if let Some(assigned) = assigned.get_mut(local as usize) {
                *assigned = true;
            }
        }
    }
    assigned
}

/// The locals that an instruction stores to.
pub(super) fn assigned_by(instr: &Instr) -> [Option<u32>; 2] {
    match instr.opcode {
        Opcode::StoreFast | Opcode::DeleteFast | Opcode::LoadFastAndClear => {
            [Some(instr.arg), None]
        }
        Opcode::StoreFastLoadFast => [Some(instr.arg >> 4), None],
        Opcode::StoreFastStoreFast => [Some(instr.arg >> 4), Some(instr.arg & 15)],
        _ => [None, None],
    }
}

/// Where it may go on behind an instruction, its exception handler included.
fn ways_from(code: &Code, instr: &Instr) -> [Option<u32>; 3] {
    let next = (!instr.opcode.ends_flow()).then_some(instr.end);
    let handler = code.handler(instr.offset).map(|entry| entry.target);
    [next, target_of(code, instr), handler]
}

impl CodeInfo {
    /// The handler that an exception raised at `offset` goes to, if what begins there is translated.
    pub(super) fn handler(&self, offset: u32) -> Option<&ExceptionEntry> {
        let is_known = |entry: &&ExceptionEntry| {
            let mut block = self.basic_block(entry.target);
            block.all(|it| it.opcode != Opcode::CheckEgMatch)
        };
        self.code.handler(offset).filter(is_known)
    }

    /// Whether the handler at `target` is one that the program has, not one that tidies up behind another.
    pub(super) fn is_written(&self, target: u32) -> bool {
        let first = self.code.at(target);
        first.is_some_and(|it| it.opcode == Opcode::PushExcInfo)
    }

    /// Whether the basic block that starts at `offset` has run, for all that is known.
    pub(super) fn has_run(&self, offset: u32) -> bool {
        self.basic_block(offset).all(|instr| !instr.never_ran)
    }

    fn basic_block(&self, offset: u32) -> impl Iterator<Item = &Instr> {
        let index = self.code.index_at(offset).unwrap_or(self.code.insts.len());
        let mut ended = false;
        self.code.insts[index..].iter().take_while(move |instr| {
            let is_behind = ended;
            ended = instr.opcode.ends_flow() || instr.jump_target().is_some();
            !is_behind
        })
    }

    /// Whether a local's value at a loop's header is used by what follows: then it is bound there.
    pub(super) fn is_used_from(&self, header: u32, local: usize) -> bool {
        self.used.get(&header).is_some_and(|it| it[local])
    }

    /// Whether an instruction at `offset` or behind it reads a local: in code without loops, whether it is read again.
    pub(super) fn is_read_from(&self, offset: u32, local: u32) -> bool {
        let mut instrs = self.code.insts.iter().filter(|it| it.start >= offset);
        instrs.any(|instr| match instr.opcode {
            Opcode::LoadFastLoadFast => instr.arg >> 4 == local || instr.arg & 15 == local,
            Opcode::StoreFastLoadFast => instr.arg & 15 == local,
            Opcode::LoadFast | Opcode::LoadFastCheck | Opcode::LoadFastAndClear => {
                instr.arg == local
            }
            _ => false,
        })
    }

    /// Which locals are stored to around a bytecode: in the innermost loop that it is in, or anywhere.
    pub(super) fn assigned_around(&self, offset: u32) -> &[bool] {
        let around = self
            .loops
            .iter()
            .find(|(header, end, _)| (*header..*end).contains(&offset));
        around.map_or(&self.assigned, |(_, _, assigned)| assigned)
    }
}

/// Which locals are read before they are written, from each loop header on. A read that is not checked says that the
/// local is bound wherever that read may come from; a checked one says nothing, and what is read behind it neither.
/// Exceptional edges are left out: that misses uses, and invents none.
fn used(code: &Code, snapshot: &CodeSnapshot, headers: &HashSet<u32>) -> HashMap<u32, Vec<bool>> {
    let n = snapshot.n_locals as usize;
    let mut at_header: HashMap<u32, Vec<bool>> =
        headers.iter().map(|it| (*it, vec![false; n])).collect();
    // What forward jumps lead to is known when the jump is met.
    let mut at_target: HashMap<u32, Vec<bool>> = targets(code).map(|it| (it, vec![])).collect();
    // Backwards, until no header learns anything new.
    let mut changed = !headers.is_empty();
    while changed {
        changed = false;
        let mut live = vec![false; n];
        for instr in code.insts.iter().rev() {
            if instr.opcode.ends_flow() {
                live.fill(false);
            }
            let target = target_of(code, instr);
            if let Some(known) = target.and_then(|it| at_header.get(&it).or(at_target.get(&it))) {
                for (live, known) in live.iter_mut().zip(known) {
                    *live |= known;
                }
            }
            step_back(instr, &mut live);
            match at_header.get_mut(&instr.start) {
                Some(known) if *known != live => {
                    changed = true;
                    known.clone_from(&live);
                }
                Some(_) => {}
                None => {
                    if let Some(known) = at_target.get_mut(&instr.start) {
                        known.clone_from(&live);
                    }
                }
            }
        }
    }
    at_header
}

/// Where an instruction may jump to; behind the loop, for the one that ends it.
fn target_of(code: &Code, instr: &Instr) -> Option<u32> {
    let target = instr.jump_target()?;
    Some(match instr.opcode {
        Opcode::ForIter => behind_loop(code, target),
        _ => target,
    })
}

fn targets(code: &Code) -> impl Iterator<Item = u32> + '_ {
    code.insts.iter().filter_map(|instr| target_of(code, instr))
}

/// What is used in front of an instruction, from what is used behind it.
fn step_back(instr: &Instr, live: &mut [bool]) {
    let mut set = |local: u32, used: bool| {
        if let Some(it) = live.get_mut(local as usize) {
            *it = used;
        }
    };
    match instr.opcode {
        Opcode::LoadFast => set(instr.arg, true),
        Opcode::LoadFastLoadFast => {
            set(instr.arg >> 4, true);
            set(instr.arg & 15, true);
        }
        Opcode::StoreFastLoadFast => {
            set(instr.arg & 15, true);
            set(instr.arg >> 4, false);
        }
        Opcode::StoreFastStoreFast => {
            set(instr.arg >> 4, false);
            set(instr.arg & 15, false);
        }
        Opcode::StoreFast
        | Opcode::DeleteFast
        | Opcode::LoadFastCheck
        | Opcode::LoadFastAndClear => set(instr.arg, false),
        _ => {}
    }
}

/// Where an exhausted loop goes on: behind END_FOR and POP_TOP, which FOR_ITER skips.
pub(super) fn behind_loop(code: &Code, target: u32) -> u32 {
    code.behind_loop(target).unwrap_or(target)
}

/// `CO_FAST_CELL` and `CO_FAST_FREE` of `pycore_code.h`.
const CELL: u8 = 0x40;
const FREE: u8 = 0x80;

fn hints(code: &Code, snapshot: &CodeSnapshot) -> Vec<Kind> {
    let mut hints = vec![Kind::ANY; snapshot.n_locals as usize];
    // Which local each stack item was loaded from, within straight-line code.
    let mut origins: Vec<Option<u32>> = Vec::new();
    let mut note = |local: Option<&Option<u32>>, kind: Kind| {
        if let Some(Some(local)) = local
            && let Some(hint) = hints.get_mut(*local as usize)
        {
            *hint = if *hint == Kind::ANY {
                kind
            } else {
                *hint | kind
            };
        }
    };
    for instr in &code.insts {
        let depth = origins.len();
        match instr.special {
            Some(Special::BinaryOpInt | Special::CompareInt) => {
                note(depth.checked_sub(1).and_then(|k| origins.get(k)), Kind::INT);
                note(depth.checked_sub(2).and_then(|k| origins.get(k)), Kind::INT);
            }
            Some(Special::BinaryOpFloat | Special::CompareFloat) => {
                note(
                    depth.checked_sub(1).and_then(|k| origins.get(k)),
                    Kind::FLOAT,
                );
                note(
                    depth.checked_sub(2).and_then(|k| origins.get(k)),
                    Kind::FLOAT,
                );
            }
            Some(Special::SubscrListInt) => {
                note(depth.checked_sub(1).and_then(|k| origins.get(k)), Kind::INT);
                note(
                    depth.checked_sub(2).and_then(|k| origins.get(k)),
                    Kind::LIST,
                );
            }
            Some(Special::SubscrTupleInt) => {
                note(depth.checked_sub(1).and_then(|k| origins.get(k)), Kind::INT);
                note(
                    depth.checked_sub(2).and_then(|k| origins.get(k)),
                    Kind::TUPLE,
                );
            }
            Some(Special::StoreSubscrListInt) => {
                note(depth.checked_sub(1).and_then(|k| origins.get(k)), Kind::INT);
                note(
                    depth.checked_sub(2).and_then(|k| origins.get(k)),
                    Kind::LIST,
                );
            }
            _ => {}
        }
        track_origins(instr, &mut origins);
    }
    for (hint, seen) in hints.iter_mut().zip(&snapshot.seen_locals) {
        if *seen != Seen::Nothing {
            *hint = Kind::from_seen(*seen);
        }
    }
    // What stands in the slot of a variable that closures share is a cell, whatever was seen there before it was made.
    for (hint, kind) in hints.iter_mut().zip(&snapshot.local_kinds) {
        if kind & (CELL | FREE) != 0 {
            *hint = Kind::ANY;
        }
    }
    hints
        .iter()
        .map(|hint| if hint.is_single() { *hint } else { Kind::ANY })
        .collect()
}

fn track_origins(instr: &Instr, origins: &mut Vec<Option<u32>>) {
    match instr.opcode {
        Opcode::LoadFast | Opcode::LoadFastCheck => origins.push(Some(instr.arg)),
        Opcode::LoadFastLoadFast => origins.extend([Some(instr.arg >> 4), Some(instr.arg & 15)]),
        Opcode::StoreFastLoadFast => {
            origins.pop();
            origins.push(Some(instr.arg & 15));
        }
        Opcode::Copy => {
            let copied = origins
                .len()
                .checked_sub(instr.arg as usize)
                .and_then(|k| origins[k]);
            origins.push(copied);
        }
        Opcode::Swap => {
            let depth = origins.len();
            if let Some(other) = depth.checked_sub(instr.arg as usize)
                && other < depth
            {
                origins.swap(other, depth - 1);
            }
        }
        _ if instr.opcode.ends_flow() || instr.jump_target().is_some() => origins.clear(),
        _ => {
            let depth = origins.len().saturating_sub(instr.opcode.popped(instr.arg));
            origins.truncate(depth);
            origins.resize(depth + instr.opcode.pushed(instr.arg), None);
        }
    }
}

/// Whether an `is` compares anything but a constant.
fn identity_matters(code: &Code) -> bool {
    code.insts
        .windows(2)
        .any(|pair| pair[1].opcode == Opcode::IsOp && pair[0].opcode != Opcode::LoadConst)
}
