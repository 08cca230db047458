//! Bytecode to HIR.
//!
//! The builder interprets bytecode over abstract frames, typed from the start: feedback becomes guards, guarded numbers
//! become raw values, and a basic block is built once for every *shape* of frame that reaches it (lazy basic block
//! versioning; Chevalier-Boisvert and Feeley, ECOOP 2015). So a loop whose accumulator starts as an int and goes on as a
//! float is peeled once, and joins keep types. After a few versions of a block, shapes are joined.
//!
//! Calls of small leaf functions are inlined by pushing another abstract frame; the shape covers all frames. Of functions
//! that may return early the head is inlined, and where it does not return the call is made after all.
//! `frame` has the abstract state, `emit` makes instructions and frame states, `versions` decides which block a jump
//! goes to, `ops` has a file a family of bytecodes.

mod emit;
mod frame;
mod identity;
mod info;
mod ops;
mod refusal;
mod versions;

pub use refusal::Refusal;

use crate::bytecode::{Code, Instr, Opcode};
use crate::hir::{Block, Func, Kind, StateId, Type, Value};
use frame::{Frame, Item, Local};
use info::CodeInfo;
use martlet_snapshot::{CodeSnapshot, EntryPoint, ObjId, Object, Request};
use ops::{FusedSite, Place, Resumption};
use std::collections::{HashMap, HashSet};
use versions::Versions;

/// `CO_GENERATOR | CO_COROUTINE | CO_ITERABLE_COROUTINE | CO_ASYNC_GENERATOR`.
const RESUMABLE: u32 = 0x20 | 0x80 | 0x100 | 0x200;
/// Code units of a function that is translated, unless the request says otherwise.
const DEFAULT_MAX_UNITS: u32 = 8_000;
/// HIR instructions a bytecode instruction may become on average before the function is refused.
const MAX_EXPANSION: usize = 60;

/// Builds HIR for a request.
///
/// # Errors
/// A reason when this function is not compiled: malformed bytecode, size.
pub fn build(request: &Request) -> Result<Func, Refusal> {
    let snapshot = request
        .codes
        .first()
        .ok_or_else(|| Refusal::new("request", "no code to compile"))?;
    let is_resumed = request.entry == EntryPoint::Resume;
    if request.entry == EntryPoint::Start && snapshot.flags & RESUMABLE != 0 {
        return Err(Refusal::new(
            "entry",
            "a generator's code is entered where it goes on",
        ));
    }
    if is_resumed && snapshot.flags & RESUMABLE == 0 {
        return Err(Refusal::new("entry", "a function that is never suspended"));
    }
    let limit = if request.mode.max_units == 0 {
        DEFAULT_MAX_UNITS
    } else {
        request.mode.max_units
    };
    if snapshot.code.len() as u32 / 2 > limit {
        return Err(Refusal::new(
            "too_large",
            format!(
                "{} code units, the limit is {limit}",
                snapshot.code.len() / 2
            ),
        ));
    }
    let infos = request
        .codes
        .iter()
        .map(decode)
        .collect::<Result<Vec<_>, _>>()?;
    let mut builder = Builder::new(request, infos, snapshot);
    builder.run()?;
    Ok(builder.func)
}

fn decode(snapshot: &CodeSnapshot) -> Result<CodeInfo, Refusal> {
    let code =
        Code::decode(snapshot).map_err(|error| Refusal::new("bytecode", error.to_string()))?;
    code.check_locals(snapshot.n_locals)
        .map_err(|error| Refusal::new("bytecode", error.to_string()))?;
    Ok(CodeInfo::new(code, snapshot))
}

/// A block to fill: the frames with which it is entered, and the bytecode it starts at.
struct Work {
    block: Block,
    frames: Vec<Frame>,
    offset: u32,
    /// The classes of objects on the one way that leads there.
    classes: HashMap<Value, u32>,
    /// The bytecode that it begins with is done in the general way.
    plain: bool,
    /// The bytecode has raised an exception that this frame handles.
    caught: bool,
    /// The block only goes there.
    goes_there: bool,
}

struct Builder<'a> {
    request: &'a Request,
    infos: std::rc::Rc<Vec<CodeInfo>>,
    func: Func,
    versions: Versions,
    work: Vec<Work>,
    /// The same that waits until all else is done: blocks in which exceptions are caught.
    catching: Vec<Work>,
    /// The block being filled.
    block: Block,
    /// Abstract frames, root first; the last is the one being interpreted.
    frames: Vec<Frame>,
    /// The frames as the current bytecode found them.
    before: Vec<Frame>,
    before_state: Option<StateId>,
    /// Offset of the current bytecode's opcode.
    offset: u32,
    /// Offset at which the current bytecode starts, prefixes included.
    start: u32,
    /// A box for each raw value that has one, valid in the current run of blocks.
    boxes: HashMap<Value, Value>,
    /// The raw numbers of objects that were not unboxed: what was stored to an attribute and is loaded from there.
    payloads: HashMap<Value, Value>,
    /// The raw numbers that were stored to places, valid while nothing runs in the current run of blocks.
    stored: HashMap<(Value, Place), Value>,
    /// The versions of the classes of objects that were found out, valid while nothing runs on the way at hand.
    classes: HashMap<Value, u32>,
    /// What a value probably is.
    hints: HashMap<Value, Kind>,
    /// Bytecodes translated before versions get scarce: about twice what there is.
    affordable: u32,
    /// How often guesses failed at a site: at one place of number arithmetic operands are then told apart, elsewhere
    /// and after that nothing is guessed.
    avoid: HashMap<(u32, u32), u32>,
    /// The site that is done in the general way, in the block at hand.
    plain: Option<(u32, u32)>,
    /// Codes with more than one such site that computes with numbers.
    wary: HashSet<u32>,
    /// Codes with a site that is done in the general way are not inlined.
    avoid_codes: HashSet<u32>,
    /// Code and offset behind calls whose callee's head was inlined: joins that the code itself does not tell of.
    returns: HashSet<(usize, u32)>,
    /// What each local of the root held where exceptions were caught, and what was stored to it while the frame was observed.
    expected: Vec<Kind>,
    /// Callables that are one of several that an instruction may have read: behind their calls the ways meet again.
    told_apart: HashSet<Value>,
    /// In code that is resumed: where it may go on.
    resumption: Option<Resumption>,
    /// The generator expressions that are fused.
    fused: Vec<FusedSite>,
}

impl<'a> Builder<'a> {
    fn new(request: &'a Request, infos: Vec<CodeInfo>, snapshot: &CodeSnapshot) -> Self {
        let mut func = Func::new(&*snapshot.qualname, request.entry);
        func.kept = infos[0].kept.clone();
        let block = func.entry;
        let avoided: HashSet<_> = request.avoid.iter().copied().collect();
        let n_wary = |code: &u32| {
            let info = infos.get(*code as usize);
            let is_wary = |at: &u32| {
                let instr = info.and_then(|it| it.code.at(*at));
                instr.is_some_and(|it| guesses_kinds(it.opcode))
            };
            let here = avoided.iter().filter(|it| it.0 == *code);
            here.filter(|it| is_wary(&it.1)).count()
        };
        let wary = (0..infos.len() as u32)
            .filter(|it| n_wary(it) > 1)
            .collect();
        let is_general = |(code, at): &&(u32, u32)| {
            let info = infos.get(*code as usize);
            let times = request.avoid.iter().filter(|it| *it == &(*code, *at));
            let instr = info.and_then(|it| it.code.at(*at));
            times.count() > 1 || !instr.is_some_and(|it| has_two_guesses(it.opcode))
        };
        let avoid_codes = request.avoid.iter().filter(is_general).map(|it| it.0);
        let avoid_codes = avoid_codes.collect();
        Self {
            request,
            infos: std::rc::Rc::new(infos),
            func,
            versions: Versions::default(),
            work: Vec::new(),
            catching: Vec::new(),
            block,
            frames: Vec::new(),
            before: Vec::new(),
            before_state: None,
            offset: 0,
            start: 0,
            boxes: HashMap::new(),
            payloads: HashMap::new(),
            stored: HashMap::new(),
            classes: HashMap::new(),
            hints: HashMap::new(),
            affordable: 40 + request.codes[0].code.len() as u32 / 2,
            avoid: request.avoid.iter().fold(HashMap::new(), |mut failed, it| {
                *failed.entry(*it).or_default() += 1;
                failed
            }),
            plain: None,
            wary,
            avoid_codes,
            returns: HashSet::new(),
            expected: vec![Kind::empty(); snapshot.n_locals as usize],
            told_apart: HashSet::new(),
            resumption: None,
            fused: Vec::new(),
        }
    }

    fn run(&mut self) -> Result<(), Refusal> {
        if self.request.entry == EntryPoint::Resume {
            self.enter_anywhere()?;
        } else {
            let offset = self.enter()?;
            self.jump(offset)?;
        }
        while let Some(work) = self.work.pop().or_else(|| self.catching.pop()) {
            self.block = work.block;
            self.frames = work.frames;
            self.boxes.clear();
            self.stored.clear();
            self.classes = work.classes;
            self.plain = work.plain.then(|| (self.frame().code as u32, work.offset));
            if work.goes_there {
                self.jump(work.offset)?;
            } else if work.caught {
                self.catch_at(work.offset)?;
            } else {
                self.fill(work.offset)?;
            }
        }
        self.end_resumption();
        Ok(())
    }

    /// Sets up the entry block; returns the offset it goes on at.
    fn enter(&mut self) -> Result<u32, Refusal> {
        let snapshot = &self.request.codes[0];
        let arguments = info::n_arguments(snapshot);
        let in_loop = matches!(self.request.entry, EntryPoint::Loop(_));
        let locals = (0..snapshot.n_locals)
            .map(|local| {
                let kinds = if in_loop {
                    Kind::all()
                } else if local < arguments {
                    Kind::ANY
                } else {
                    Kind::NULL
                };
                Local::Memory {
                    ty: Type::of(kinds),
                    cached: None,
                }
            })
            .collect();
        self.frames.push(Frame::root(locals));
        let EntryPoint::Loop(header) = self.request.entry else {
            return Ok(0);
        };
        if !self.infos[0].loop_headers.contains(&header) {
            return Err(Refusal::new(
                "entry",
                format!("no loop starts at offset {header}"),
            ));
        }
        self.take_stack(header);
        Ok(header)
    }

    /// A loop version owns the value stack: it takes the items, and turns iterators that nobody shares into raw state.
    fn take_stack(&mut self, header: u32) {
        self.start = header;
        self.offset = header;
        let seen = self.request.codes[0].seen_stack.clone();
        for (index, seen) in seen.iter().enumerate() {
            let value = self.emit(
                crate::hir::Op::TakeStack(index as u32),
                vec![],
                Type::of(Kind::all()),
            );
            self.hints.insert(value, Kind::from_seen(*seen));
            self.frame_mut().stack.push(Item::Val(value));
        }
        self.begin(header, header);
        for index in 0..seen.len() {
            self.open_iterator(index);
        }
    }

    /// Interprets bytecode from `offset` until the block, and what follows it directly, has ended.
    fn fill(&mut self, mut offset: u32) -> Result<(), Refusal> {
        let infos = self.infos.clone();
        loop {
            let code = &infos[self.frame().code].code;
            let instr = code
                .index_at(offset)
                .map(|index| &code.insts[index])
                .ok_or_else(|| {
                    Refusal::new("bytecode", format!("no instruction at offset {offset}"))
                })?;
            self.check_size()?;
            if self.leaves_handlers(instr.offset) {
                self.begin(instr.start, instr.offset);
                self.exit("handlers");
                return Ok(());
            }
            if self.ends_head(instr) {
                return self.leave_head();
            }
            match self.instruction(instr)? {
                Flow::Next => offset = instr.end,
                Flow::Goto(next) => offset = next,
                Flow::Ended => return Ok(()),
            }
            if self.is_join(offset) {
                return self.jump(offset);
            }
        }
    }

    /// Whether a loop version would go where exceptions have no handler, though its loop's header has one. There the
    /// interpreter, which called us at the header, would look up the wrong one.
    fn leaves_handlers(&self, offset: u32) -> bool {
        let EntryPoint::Loop(header) = self.request.entry else {
            return false;
        };
        let code = &self.infos[0].code;
        !self.is_inlined() && code.handler(header).is_some() && code.handler(offset).is_none()
    }

    fn check_size(&self) -> Result<(), Refusal> {
        let bytecodes: usize = self.infos.iter().map(|info| info.code.insts.len()).sum();
        let limit = (bytecodes + 20) * MAX_EXPANSION;
        if self.func.insts.len() > limit {
            return Err(Refusal::new(
                "too_large",
                format!("more than {limit} HIR instructions"),
            ));
        }
        Ok(())
    }

    fn instruction(&mut self, instr: &Instr) -> Result<Flow, Refusal> {
        self.func.bytecodes += 1;
        self.begin(instr.start, instr.offset);
        ops::instruction(self, instr)
    }

    /// Notes the state in front of a bytecode.
    fn begin(&mut self, start: u32, offset: u32) {
        self.forget_observed();
        self.start = start;
        self.offset = offset;
        self.before.clone_from(&self.frames);
        self.before_state = None;
    }

    fn frame(&self) -> &Frame {
        self.frames.last().expect("there is always the root frame")
    }

    fn frame_mut(&mut self) -> &mut Frame {
        self.frames
            .last_mut()
            .expect("there is always the root frame")
    }

    /// Whether more than one way leads to an offset in the frame at hand.
    fn is_join(&self, offset: u32) -> bool {
        let code = self.frame().code;
        self.infos[code].joins.contains(&offset) || self.returns.contains(&(code, offset))
    }

    fn is_inlined(&self) -> bool {
        self.frames.len() > 1
    }

    fn snapshot(&self) -> &'a CodeSnapshot {
        &self.request.codes[self.frame().code]
    }

    fn object(&self, id: ObjId) -> Option<&'a Object> {
        self.request.objects.get(id.0 as usize)
    }

    /// Whether speculation is welcome at the current bytecode.
    fn may_speculate(&self) -> bool {
        match self.failures() {
            _ if self.plain == Some((self.frame().code as u32, self.start)) => false,
            0 => true,
            1 => self.is_mixed() || self.unpacks() || self.subscribes(),
            _ => false,
        }
    }

    /// How often guesses failed at the current bytecode. Where they failed at several, none is made of a number's kind.
    fn failures(&self) -> u32 {
        let code = self.frame().code as u32;
        match self.avoid.get(&(code, self.start)) {
            Some(times) => *times,
            None => u32::from(
                (self.wary.contains(&code) && self.guesses_kinds()) || self.is_noted_as_mixed(),
            ),
        }
    }

    /// Whether an operand of the arithmetic or comparison at hand was noted to be an int now and a float then: as if a
    /// guess had failed there.
    fn is_noted_as_mixed(&self) -> bool {
        let noted = self.noted_at(self.offset);
        noted.is_some_and(|it| it.contains(&martlet_snapshot::Seen::Number))
            && self.opcode_is(|it| matches!(it, Opcode::BinaryOp | Opcode::CompareOp))
    }

    fn opcode_is(&self, test: impl Fn(Opcode) -> bool) -> bool {
        let code = &self.infos[self.frame().code].code;
        code.at(self.start).is_some_and(|instr| test(instr.opcode))
    }

    /// Whether the current bytecode is one that computes with numbers or hands them on.
    fn guesses_kinds(&self) -> bool {
        self.opcode_is(guesses_kinds)
    }

    fn push(&mut self, item: Item) {
        self.frame_mut().stack.push(item);
    }

    fn push_value(&mut self, value: Value) {
        self.push(Item::Val(value));
    }

    fn pop(&mut self) -> Result<Item, Refusal> {
        self.frame_mut()
            .stack
            .pop()
            .ok_or_else(|| Refusal::new("bytecode", "value stack underflow"))
    }

    fn pop_n(&mut self, n: u32) -> Result<Vec<Item>, Refusal> {
        let depth = self.frame().stack.len();
        let rest = depth
            .checked_sub(n as usize)
            .ok_or_else(|| Refusal::new("bytecode", "value stack underflow"))?;
        Ok(self.frame_mut().stack.split_off(rest))
    }
}

/// Whether an instruction is done in another way where a guess failed once, in an inlined function, too.
fn has_two_guesses(opcode: Opcode) -> bool {
    guesses_kinds(opcode)
        || matches!(
            opcode,
            Opcode::LoadAttr | Opcode::StoreAttr | Opcode::BinarySubscr | Opcode::StoreSubscr
        )
}

/// Whether an instruction computes with numbers or hands them on.
fn guesses_kinds(opcode: Opcode) -> bool {
    matches!(
        opcode,
        Opcode::BinaryOp
            | Opcode::CompareOp
            | Opcode::UnpackSequence
            | Opcode::StoreFast
            | Opcode::StoreFastLoadFast
            | Opcode::StoreFastStoreFast
    )
}

/// Where interpretation goes on after a bytecode.
enum Flow {
    /// At the next one.
    Next,
    /// There, in the same block.
    Goto(u32),
    /// Nowhere: the block has ended.
    Ended,
}
