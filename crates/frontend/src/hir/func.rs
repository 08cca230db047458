//! Functions: blocks with parameters, values, instructions, frame states.
//!
//! Everything is in dense tables and named by small ids: `v7`, `bb3`, `i12`, `fs2`. A block is a list of instructions
//! and one terminator. An instruction that may raise is the last of its block: the block's terminator is then
//! [`Term::Checked`], with a normal and an exceptional successor.

use super::helpers::Ret;
use super::op::{Keeper, Op, Virtual};
use super::types::{Kind, Rep, Type};
use cranelift_entity::{PrimaryMap, SecondaryMap, entity_impl};
use martlet_snapshot::{EntryPoint, Noted, ObjId, Returned};
use std::collections::BTreeMap;

/// A value: the result of an instruction or a block parameter.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Value(u32);
entity_impl!(Value, "v");

/// A basic block.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Block(u32);
entity_impl!(Block, "bb");

/// An instruction.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Inst(u32);
entity_impl!(Inst, "i");

/// A frame state.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StateId(u32);
entity_impl!(StateId, "fs");

/// Where a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Def {
    /// The result of an instruction.
    Inst(Inst),
    /// Parameter n of a block.
    Param(Block, u32),
}

/// A value's facts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ValueData {
    /// What it is.
    pub ty: Type,
    /// How it is held.
    pub rep: Rep,
    /// Where it comes from.
    pub def: Def,
}

/// An instruction.
#[derive(Debug, Clone, PartialEq)]
pub struct InstData {
    /// What it does.
    pub op: Op,
    /// Its operands, in the order the operation documents.
    pub args: Vec<Value>,
    /// The frame state of its exit (operations that may exit) or of an exception (those that may raise).
    pub state: Option<StateId>,
    /// Its result; absent when the representation is [`Rep::Unit`].
    pub result: Option<Value>,
    /// Code-unit offset of the bytecode it belongs to, for line numbers.
    pub offset: u32,
}

/// The bytecode that something belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Origin {
    /// Which code: index into the request's codes.
    pub code: u32,
    /// Code-unit offset in it.
    pub offset: u32,
    /// The same in the root code: that of the call, where the code is inlined.
    pub root: u32,
}

/// The code that an instruction was inlined from, and the offset of the call in the root code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Inlined {
    /// Index into the request's codes.
    pub code: u32,
    /// Offset of the outermost call's opcode.
    pub call: u32,
}

/// A jump to a block with arguments for its parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The block.
    pub block: Block,
    /// One argument a parameter.
    pub args: Vec<Value>,
}

/// How a block ends.
#[derive(Debug, Clone, PartialEq)]
pub enum Term {
    /// Not yet ended; only while building.
    None,
    /// Goes on there.
    Jump(Target),
    /// Tests a bit.
    Branch {
        /// The bit ([`Rep::I1`]).
        cond: Value,
        /// Where a 1 goes.
        then: Target,
        /// Where a 0 goes.
        other: Target,
        /// Whether one side is rare: `Some(true)`: `then` is the usual one.
        likely: Option<bool>,
    },
    /// The last instruction may have raised: an exception goes to `raised`, anything else to `ok`.
    Checked {
        /// Where it goes on.
        ok: Target,
        /// Where an exception goes: a block without parameters.
        raised: Target,
    },
    /// Returns an object, handed over to the caller. In a loop version this does not occur: it exits before. Behind
    /// the helper that suspends the frame the object is what a generator yields.
    Return(Value),
    /// Leaves to the interpreter a suspended frame that was entered where there is no code for it, as it was found.
    Stay,
    /// Leaves for the interpreter in this state.
    Exit {
        /// The state.
        state: StateId,
        /// Field of the statistics: `never_ran`, `uncompiled`, ...
        reason: &'static str,
    },
    /// Leaves with an exception set; the state's offset is the faulting instruction.
    Raise {
        /// The state: the stack without what the instruction consumed.
        state: StateId,
        /// What there is to say of it.
        raised: Raised,
    },
}

/// Of an exception that leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Raised {
    /// It is raised here.
    Here,
    /// It is raised here, and has a handler here that has never run.
    Uncaught,
    /// It was raised here before: its traceback has the frame.
    Again,
}

impl Raised {
    /// The field of the statistics.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Here => "raised",
            Self::Uncaught => "never_caught",
            Self::Again => "raised_again",
        }
    }

    /// What has this field of the statistics.
    pub fn from_reason(reason: &str) -> Option<Self> {
        [Self::Here, Self::Uncaught, Self::Again]
            .into_iter()
            .find(|it| it.reason() == reason)
    }
}

/// A block.
#[derive(Debug, Clone, PartialEq)]
pub struct BlockData {
    /// Parameters.
    pub params: Vec<Value>,
    /// Instructions.
    pub insts: Vec<Inst>,
    /// How it ends.
    pub term: Term,
    /// Code-unit offset of the bytecode that it starts with.
    pub offset: u32,
    /// Whether it is rarely entered.
    pub cold: bool,
}

/// A local, a stack item, or a field of a virtual object, in a frame state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Slot {
    /// The frame's memory holds it already. Locals of the root frame only.
    Memory,
    /// NULL.
    Null,
    /// This value, boxed if it is raw.
    Value(Value),
    /// A raw integer that stays raw: fields of virtual objects only.
    Raw(Value),
    /// Virtual object n of the function's table.
    Virtual(u32),
}

/// What the interpreter needs to go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// Which code: index into the request's codes; 0 is the root.
    pub code: u32,
    /// The function object of an inlined frame.
    pub function: Option<Value>,
    /// Innermost frame: the code-unit offset at which the interpreter goes on (with EXTENDED_ARG prefixes), or of the
    /// faulting opcode. Outer frame: the offset of the call's opcode.
    pub offset: u32,
    /// Outer frames: where it goes on when the callee has returned.
    pub return_to: u32,
    /// Outer frames: what is done with the callee's result.
    pub returned: Returned,
    /// Locals. Empty for a root whose locals are all in memory.
    pub locals: Vec<Slot>,
    /// Stack, bottom first; of an outer frame without what the call consumed.
    pub stack: Vec<Slot>,
    /// The caller's state, for an inlined frame.
    pub parent: Option<StateId>,
}

/// A place that leaves for the interpreter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ExitSite {
    /// An instruction that may exit.
    Inst(Inst),
    /// The terminator ([`Term::Exit`], [`Term::Raise`]) of a block.
    Term(Block),
}

/// Which references go along when an exit is taken. Found by the refcount pass.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Handover {
    /// Roots (see [`Func::root`]) that the state names and whose reference is handed over; the others that it names
    /// are only lent.
    pub owned: Vec<Value>,
    /// Roots that are owned here and that the state does not name: to be released.
    pub drops: Vec<Value>,
}

/// A function in HIR.
#[derive(Debug, Clone)]
pub struct Func {
    /// Qualified name of the root code.
    pub name: String,
    /// Where it is entered.
    pub entry_point: EntryPoint,
    /// The block it is entered at: no parameters, no predecessors.
    pub entry: Block,
    /// Blocks.
    pub blocks: PrimaryMap<Block, BlockData>,
    /// Instructions.
    pub insts: PrimaryMap<Inst, InstData>,
    /// Values.
    pub values: PrimaryMap<Value, ValueData>,
    /// Frame states.
    pub states: PrimaryMap<StateId, State>,
    /// Objects that were not made.
    pub virtuals: Vec<Virtual>,
    /// Code objects whose bodies were inlined.
    pub inlined: Vec<ObjId>,
    /// Of instructions of inlined code: where that is from. For reports only; the text form has none of it.
    pub inlined_from: SecondaryMap<Inst, Option<Inlined>>,
    /// Which locals keep the object of a raw float in them: their memory holds it, or NULL.
    pub kept: Vec<bool>,
    /// What the notes are about, by the index that [`Op::Note`] names. The text form has none of it.
    pub notes: Vec<Noted>,
    /// Bytecode instructions translated.
    pub bytecodes: u32,
    /// What each exit hands over; an exit that is not listed hands over nothing. Empty before the refcount pass.
    pub handovers: BTreeMap<ExitSite, Handover>,
}

impl Func {
    /// An empty function with an entry block.
    pub fn new(name: impl Into<String>, entry_point: EntryPoint) -> Self {
        let mut blocks = PrimaryMap::new();
        let entry = blocks.push(BlockData::new(0));
        Self {
            name: name.into(),
            entry_point,
            entry,
            blocks,
            insts: PrimaryMap::new(),
            values: PrimaryMap::new(),
            states: PrimaryMap::new(),
            virtuals: Vec::new(),
            inlined: Vec::new(),
            inlined_from: SecondaryMap::new(),
            kept: Vec::new(),
            notes: Vec::new(),
            bytecodes: 0,
            handovers: BTreeMap::new(),
        }
    }

    /// Adds an empty block for the bytecode at `offset`.
    pub fn add_block(&mut self, offset: u32) -> Block {
        self.blocks.push(BlockData::new(offset))
    }

    /// Adds a parameter to a block.
    pub fn add_param(&mut self, block: Block, rep: Rep, ty: Type) -> Value {
        let index = self.blocks[block].params.len() as u32;
        let value = self.values.push(ValueData {
            ty,
            rep,
            def: Def::Param(block, index),
        });
        self.blocks[block].params.push(value);
        value
    }

    /// Makes an instruction without placing it; its result's type is `ty`, its representation the operation's.
    pub fn make_inst(
        &mut self,
        op: Op,
        args: Vec<Value>,
        state: Option<StateId>,
        ty: Type,
        offset: u32,
    ) -> Inst {
        let multi = match args.first().and_then(|arg| self.def_op(*arg)) {
            Some(Op::Call { helper, .. }) => Some(*helper),
            _ => None,
        };
        let rep = op.rep(multi);
        let inst = self.insts.push(InstData {
            op,
            args,
            state,
            result: None,
            offset,
        });
        if rep != Rep::Unit {
            let value = self.values.push(ValueData {
                ty,
                rep,
                def: Def::Inst(inst),
            });
            self.insts[inst].result = Some(value);
        }
        inst
    }

    /// Type of a value.
    pub fn ty(&self, value: Value) -> Type {
        self.values[value].ty
    }

    /// Representation of a value.
    pub fn rep(&self, value: Value) -> Rep {
        self.values[value].rep
    }

    /// Whether a value may be NULL: by its type, or as the result of an operation that answers with NULL.
    pub fn may_be_null(&self, value: Value) -> bool {
        let by_operation = match self.def_op(value) {
            Some(Op::Call { helper, .. }) => helper.row().ret == Ret::BorrowedOrNull,
            Some(Op::Second) => self.rep(value) == Rep::Obj,
            _ => false,
        };
        by_operation || self.ty(value).kinds.contains(Kind::NULL)
    }

    /// The bytecode of an instruction.
    pub fn origin(&self, inst: Inst) -> Origin {
        let offset = self.insts[inst].offset;
        match self.inlined_from[inst] {
            None => Origin {
                code: 0,
                offset,
                root: offset,
            },
            Some(Inlined { code, call }) => Origin {
                code,
                offset,
                root: call,
            },
        }
    }

    /// The bytecode of the innermost frame of a state.
    pub fn state_origin(&self, state: StateId) -> Origin {
        let State { code, offset, .. } = self.states[state];
        let mut root = state;
        while let Some(parent) = self.states[root].parent {
            root = parent;
        }
        Origin {
            code,
            offset,
            root: self.states[root].offset,
        }
    }

    /// The operation that defines a value, unless it is a block parameter.
    pub fn def_op(&self, value: Value) -> Option<&Op> {
        match self.values[value].def {
            Def::Inst(inst) => Some(&self.insts[inst].op),
            Def::Param(..) => None,
        }
    }

    /// The value that this one is another name of (see [`Keeper::Alias`]): it has the same owner. Mostly itself.
    pub fn root(&self, mut value: Value) -> Value {
        while let Def::Inst(inst) = self.values[value].def {
            let data = &self.insts[inst];
            match (data.op.keeper(), data.args.first()) {
                (Some(Keeper::Alias), Some(&operand)) => value = operand,
                _ => break,
            }
        }
        value
    }

    /// Every value that a frame state names, its parents and virtual objects included.
    pub fn state_values(&self, state: StateId, each: &mut dyn FnMut(Value)) {
        let mut next = Some(state);
        while let Some(id) = next {
            let state = &self.states[id];
            if let Some(function) = state.function {
                each(function);
            }
            for slot in state.locals.iter().chain(&state.stack) {
                self.slot_values(*slot, each);
            }
            next = state.parent;
        }
    }

    fn slot_values(&self, slot: Slot, each: &mut dyn FnMut(Value)) {
        match slot {
            Slot::Memory | Slot::Null => {}
            Slot::Value(value) | Slot::Raw(value) => each(value),
            Slot::Virtual(index) => {
                for item in &self.virtuals[index as usize].items {
                    self.slot_values(*item, each);
                }
            }
        }
    }
}

impl BlockData {
    fn new(offset: u32) -> Self {
        Self {
            params: Vec::new(),
            insts: Vec::new(),
            term: Term::None,
            offset,
            cold: false,
        }
    }
}

impl Term {
    /// The targets, in order.
    pub fn targets(&self) -> impl Iterator<Item = &Target> {
        let (first, second) = match self {
            Self::Jump(target) => (Some(target), None),
            Self::Branch { then, other, .. } => (Some(then), Some(other)),
            Self::Checked { ok, raised } => (Some(ok), Some(raised)),
            Self::None | Self::Return(_) | Self::Stay | Self::Exit { .. } | Self::Raise { .. } => {
                (None, None)
            }
        };
        first.into_iter().chain(second)
    }

    /// The targets, in order, to change.
    pub fn targets_mut(&mut self) -> impl Iterator<Item = &mut Target> {
        let (first, second) = match self {
            Self::Jump(target) => (Some(target), None),
            Self::Branch { then, other, .. } => (Some(then), Some(other)),
            Self::Checked { ok, raised } => (Some(ok), Some(raised)),
            Self::None | Self::Return(_) | Self::Stay | Self::Exit { .. } | Self::Raise { .. } => {
                (None, None)
            }
        };
        first.into_iter().chain(second)
    }
}
