//! What can be wrong with HIR.

use crate::hir::{Block, Inst, Kind, Rep, StateId, Value};
use std::fmt;

/// Every violation that was found in a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violations {
    /// Name of the function.
    pub function: String,
    /// What is wrong, in the order of the blocks.
    pub all: Vec<Violation>,
}

impl fmt::Display for Violations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HIR of {} is wrong:", self.function)?;
        for violation in &self.all {
            write!(f, "\n  {violation}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Violations {}

/// One violation: where, and of which rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Where.
    pub place: Place,
    /// Which rule.
    pub rule: Rule,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.rule)
    }
}

/// Where a violation was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// At a block.
    Block(Block),
    /// At an instruction of a block; its text.
    Inst(Block, Inst, String),
    /// At the end of a block.
    Term(Block),
    /// At a frame state.
    State(StateId),
    /// At virtual object n.
    Virtual(u32),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Block(block) => write!(f, "{block}"),
            Self::Inst(block, _, text) => write!(f, "{block}: `{text}`"),
            Self::Term(block) => write!(f, "end of {block}"),
            Self::State(state) => write!(f, "{state}"),
            Self::Virtual(index) => write!(f, "x{index}"),
        }
    }
}

/// The rules.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Rule {
    /// The entry block has no parameters.
    #[error("the entry block has parameters")]
    EntryParams,
    /// Nothing jumps to the entry block.
    #[error("the entry block is jumped to")]
    EntryTarget,
    /// Every reachable block is ended.
    #[error("the block does not end")]
    NoTerm,
    /// An instruction stands in one place.
    #[error("the instruction stands in more than one place")]
    Shared,
    /// What raises ends its block.
    #[error("raises, but is not the last of its block")]
    RaisesInside,
    /// What raises is followed by `checked`.
    #[error("raises, but the block does not end with `checked`")]
    NotChecked,
    /// What is followed by `checked` raises.
    #[error("`checked`, but the last instruction cannot raise")]
    CheckedNothing,
    /// The block for exceptions has no parameters.
    #[error("the block for exceptions, {0}, has parameters")]
    RaisedParams(Block),
    /// As many arguments as parameters.
    #[error("{block} has {params} parameters, but gets {args} arguments")]
    TargetCount {
        /// The target.
        block: Block,
        /// How many parameters it has.
        params: usize,
        /// How many arguments are there.
        args: usize,
    },
    /// Arguments are represented as the parameters are.
    #[error("parameter {param} of {block} is {wanted}, but {arg} is {found}")]
    TargetRep {
        /// The target.
        block: Block,
        /// Its parameter.
        param: Value,
        /// The parameter's representation.
        wanted: Rep,
        /// The argument.
        arg: Value,
        /// The argument's representation.
        found: Rep,
    },
    /// Objects passed are of the parameter's kinds.
    #[error("parameter {param} of {block} is {wanted}, but {arg} may be {found}")]
    TargetKind {
        /// The target.
        block: Block,
        /// Its parameter.
        param: Value,
        /// The parameter's kinds.
        wanted: Kind,
        /// The argument.
        arg: Value,
        /// The argument's kinds.
        found: Kind,
    },
    /// Every use is dominated by the definition; the result of what raises exists only where it did not raise.
    #[error("uses {0}, which need not be defined here")]
    NotDominated(Value),
    /// A use of a value that stands in no reachable block.
    #[error("uses {0}, which is defined nowhere")]
    Undefined(Value),
    /// A result's definition is the instruction, a parameter's the block.
    #[error("{0} says that it is defined elsewhere")]
    WrongDef(Value),
    /// An operation has a result exactly if it has a representation, and that one.
    #[error("result should be {wanted}, but is {found}")]
    ResultRep {
        /// The operation's.
        wanted: Rep,
        /// The value's; unit: there is none.
        found: Rep,
    },
    /// As many operands as the operation has.
    #[error("takes {wanted} operands, but has {found}")]
    OperandCount {
        /// How many, or at least how many.
        wanted: usize,
        /// How many there are.
        found: usize,
    },
    /// Operands are represented as the operation needs them.
    #[error("operand {value} should be {wanted}, but is {found}")]
    OperandRep {
        /// The operand.
        value: Value,
        /// The operation's.
        wanted: Rep,
        /// The value's.
        found: Rep,
    },
    /// Operands are of the exact kind that the operation reads.
    #[error("operand {value} should be {wanted}, but may be {found}")]
    OperandKind {
        /// The operand.
        value: Value,
        /// The operation's.
        wanted: Kind,
        /// The value's.
        found: Kind,
    },
    /// Constants of a helper are constants, of 32 bits.
    #[error("operand {0} should be a constant of 32 bits")]
    NotConst(Value),
    /// `first`, `second` and `extract` take a helper's results apart that has so many.
    #[error("{0} has no such result")]
    NoSuchResult(Value),
    /// A raw value is of the kind that is represented so.
    #[error("{value} is {rep}, but may be {kinds}")]
    RepKind {
        /// The value.
        value: Value,
        /// How it is held.
        rep: Rep,
        /// What it may be.
        kinds: Kind,
    },
    /// What may exit or raise has a frame state.
    #[error("may leave, but has no frame state")]
    NoState,
    /// A code that the request has.
    #[error("code {0} does not exist")]
    NoSuchCode(u32),
    /// All locals, or (of a root) none.
    #[error("{found} locals, but the code has {wanted}")]
    LocalCount {
        /// How many the code has.
        wanted: u32,
        /// How many the state has.
        found: usize,
    },
    /// Parents form no circle.
    #[error("is its own parent")]
    ParentCycle,
    /// A root frame is of code 0 and has no function; an inlined one has a function.
    #[error("a root frame is of code 0 and has no function, an inlined frame has one")]
    FrameKind,
    /// `memory` stands for locals of the root frame.
    #[error("`memory` stands elsewhere than in a root frame's locals")]
    MemorySlot,
    /// Raw integers stand in virtual objects, and are integers.
    #[error("`raw {0}` stands elsewhere than in a virtual object")]
    RawSlot(Value),
    /// A value with a single representation.
    #[error("{value} is {rep}: it cannot stand in a frame")]
    SlotRep {
        /// The value.
        value: Value,
        /// How it is held.
        rep: Rep,
    },
    /// Virtual objects name ones of lower index.
    #[error("names x{0}, which is not before it")]
    VirtualOrder(u32),
    /// A virtual object has the fields of its kind.
    #[error("fields are not those of its kind")]
    VirtualFields,
    /// References are counted by the refcount pass only.
    #[error("counts references before the refcount pass")]
    EarlyRefcount,
    /// A loop version does not return.
    #[error("returns from a version that is entered at a loop")]
    ReturnFromLoop,
    /// The interpreter's stack is taken over at the entry of a loop version, or where a suspended frame goes on.
    #[error("takes from the stack elsewhere than at the entry of a loop version")]
    TakeStack,
    /// Only what is suspended leaves its stack behind.
    #[error("leaves something on the stack of a frame that is never suspended")]
    PutStack,
    /// Only what is resumed may find that it has no code for that.
    #[error("leaves a frame as it was found that is not entered where it was suspended")]
    Stay,
}
