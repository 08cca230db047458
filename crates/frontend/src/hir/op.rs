//! Operations, and what each of them may do.
//!
//! Passes decide what may move from [`Op::effects`] and nothing else. Ownership before the refcount pass is what the
//! program means; [`Op::keeper`] and [`Op::steals`] say what the pass must respect.

use super::func::{Slot, Value};
use super::helpers::{Arg, HelperId, Ret};
use super::types::{Kind, Rep, Type};
use martlet_snapshot::{ObjId, VirtualKind};

/// A comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(
    missing_docs,
    reason = "the six comparisons, in the order of Py_LT..Py_GE"
)]
pub enum Cond {
    Lt,
    Le,
    Eq,
    Ne,
    Gt,
    Ge,
}

/// Integer arithmetic on two 64-bit values. [`IntOp::Add`], [`IntOp::Sub`] and [`IntOp::Mul`] exit on overflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the usual ones")]
pub enum IntOp {
    Add,
    Sub,
    Mul,
    And,
    Or,
    Xor,
}

/// Double arithmetic. [`FloatOp::Div`] needs a divisor that is not zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the usual ones")]
pub enum FloatOp {
    Add,
    Sub,
    Mul,
    Div,
}

/// A raw field of a builtin object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Field {
    /// Length of a list. Changes with the list.
    ListLen,
    /// Length of a tuple.
    TupleLen,
    /// Next value of a range iterator.
    RangeIterStart,
    /// Step of a range iterator.
    RangeIterStep,
    /// How many items a range iterator still has.
    RangeIterLen,
    /// Next index of a list iterator.
    ListIterIndex,
    /// Next index of a tuple iterator.
    TupleIterIndex,
}

/// An object that is not made unless an exit needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Virtual {
    /// What it is; the items are documented there.
    pub kind: VirtualKind,
    /// Its fields; a virtual named here has a lower index.
    pub items: Vec<Slot>,
}

/// An operation. Operands are written `name: rep`, in order; "exits" means: leaves in the instruction's state, which is
/// the state *before* the bytecode unless said otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Op {
    /// `-> i64`.
    Int(i64),
    /// `-> f64` (bits, so that operations compare).
    Float(u64),
    /// `-> i1`.
    Bool(bool),
    /// `-> obj`, borrowed for ever (from the slot table).
    Const(ObjId),
    /// `-> obj`: NULL.
    Null,
    /// `-> obj`: content of local n, lent by its slot. May be NULL unless the type says otherwise.
    LoadLocal(u32),
    /// `value: obj ->`: steals the value into local n, then releases the old content, whose type was `old`.
    StoreLocal {
        /// The local.
        local: u32,
        /// What the slot may hold before.
        old: Type,
    },
    /// `value: raw ->`: boxes the value into local n, whose old content is quiet; writes into that where only the slot
    /// refers to it. Raises without memory.
    SyncLocal(u32),
    /// `->`: boxes every raw local that its state names into the frame's memory, by one call, out of line. The state's
    /// stack is empty: it is not an exit. Raises without memory.
    SyncFrame,
    /// `->`: sets local n to NULL and releases the old content.
    ClearLocal {
        /// The local.
        local: u32,
        /// What the slot may hold before.
        old: Type,
    },
    /// `-> obj`: takes item n of the frame's value stack, with its reference (where a loop version is entered, or a
    /// suspended frame goes on).
    TakeStack(u32),
    /// `value: obj ->`: steals the value into item n of the frame's value stack, which was taken (in front of a
    /// suspension).
    PutStack(u32),
    /// `->`: the instruction at this code-unit offset is being executed, for whoever looks at the frame.
    SetIp(u32),

    /// `value: i64 -> obj`: a new int. Fails only without memory (then raises).
    BoxInt,
    /// `value: f64 -> obj`: a new float.
    BoxFloat,
    /// `value: i1 -> obj`: `True` or `False`.
    BoxBool,
    /// `value: obj (exact int) -> i64`: exits if it does not fit.
    UnboxInt,
    /// `value: obj (exact float) -> f64`.
    UnboxFloat,
    /// `value: obj (exact bool) -> i1`.
    UnboxBool,
    /// `value: i64 -> f64`, rounded to nearest even.
    IntToFloat,
    /// `value: i1 -> i64`.
    BitToInt,

    /// `a: i64, b: i64 -> i64`: Add, Sub, Mul exit on overflow.
    IntBin(IntOp),
    /// `a: i64 -> i64`: exits on overflow.
    IntNeg,
    /// `a: i64, b: i64 -> i64` without a check: both known to be small (indices, lengths).
    IntAddWrapping,
    /// `a: i64, b: i64 -> i1`.
    IntCmp(Cond),
    /// `a: f64, b: f64 -> f64`.
    FloatBin(FloatOp),
    /// `a: f64 -> f64`.
    FloatNeg,
    /// `a: f64, b: f64 -> i1`, as Python compares (NaN is unequal to all).
    FloatCmp(Cond),
    /// `a: i1 -> i1`.
    Not,
    /// `a: obj, b: obj -> i1`: the same object.
    Same,
    /// `a: obj -> i1`: NULL.
    IsNull,

    /// `value: obj -> obj`: exits unless the value's exact class is this one kind. The result is the same reference.
    GuardKind(Kind),
    /// `value: obj -> i1`: whether the exact class is this one kind.
    IsKind(Kind),
    /// `value: obj -> obj`: exits if NULL. The result is the same reference.
    GuardNotNull,
    /// `value: obj -> obj`: exits unless it is this object. The result is the same reference.
    GuardSame(ObjId),
    /// `value: obj -> obj`: exits unless it is a Python function with this code object. Same reference.
    GuardCode(ObjId),
    /// `bit: i1 ->`: exits unless the bit is this.
    Guard(bool),
    /// `->`: exits, with the state *after* the bytecode, if the version is no longer valid or the frame was looked at.
    CheckValid,
    /// `->`: exits, with the state *after* the bytecode, if the version is no longer valid.
    CheckUnit,
    /// `->`: if the eval breaker asks for something, brings the frame's memory up to date and handles it: signals, other
    /// threads, pending calls. Exits, with the state in front of the polling bytecode, if that fails (the exception set)
    /// or the version may not go on.
    Poll,

    /// `object: obj -> i64`.
    Load(Field),
    /// `list: obj, index: i64 (in range) -> obj`, lent by the list.
    ListItem,
    /// `tuple: obj, index: i64 (in range) -> obj`, lent by the tuple.
    TupleItem,
    /// `list: obj, index: i64 (in range) -> i1`: whether replacing that item can run no code: it is an exact int, float,
    /// str, bool or None, not the last reference, or dies silently.
    ItemQuiet,
    /// `-> i1`: whether releasing the content of local n can run no code: NULL, of such a kind, not the last reference, or
    /// it dies silently.
    DropQuiet(u32),
    /// `values: obj... -> i1`: whether letting go of all these values here can run no code: their references are lent, or
    /// not the last ones, or they die silently.
    ReleaseQuiet,
    /// `value: obj -> i1`: whether the value outlives letting go of it here: its reference is lent, or not the last one.
    Outlives,
    /// `object: obj -> i1`: whether this is the only reference to it (not for immortal objects).
    IsUnique,
    /// `list: obj, index: i64 (in range, its item quiet), value: obj (stolen) ->`: releases the old item.
    ListStore,
    /// `list: obj, index: i64 (in range, its item quiet), value: f64 ->`: writes into the old item where the list alone
    /// owns it. Raises without memory.
    ListStoreFloat,
    /// `list: obj, index: i64 (in range), value: i64 ->` likewise.
    ListStoreInt,
    /// `iterator: obj (exact list_iterator) -> obj`: its list, or NULL; lent by the iterator.
    ListIterList,
    /// `iterator: obj (exact tuple_iterator) -> obj`: its tuple, or NULL; lent by the iterator.
    TupleIterTuple,

    /// The helper's operands. `outputs`: how many results a [`Ret::Array`] helper writes.
    Call {
        /// Which.
        helper: HelperId,
        /// Results of [`Ret::Array`] helpers; else 0.
        outputs: u32,
    },
    /// `function: obj, arguments: obj.. -> obj`: calls a Python function with exactly its positional arguments, through
    /// the cell of its code object. The arguments are stolen. Raises; runs Python code.
    CallDirect {
        /// Its code object.
        code: ObjId,
        /// `co_nlocalsplus`.
        n_locals: u32,
        /// `co_framesize`.
        frame_size: u32,
    },
    /// `multi -> first result`: of an IntOk, FloatOk or Pair helper.
    First,
    /// `multi -> second result`.
    Second,
    /// `multi -> obj`: result k of an Array helper, owned.
    Extract(u32),

    /// `value: obj ->`: the program drops this temporary here (`POP_TOP`).
    Drop,
    /// `value: obj ->`: notes its class, as number n of the function's notes. NULL is not noted.
    Note(u32),
    /// `value: obj ->`: takes a reference. Placed by the refcount pass only.
    IncRef,
    /// `value: obj ->`: releases a reference. Placed by the refcount pass only.
    DecRef,
}

/// Who keeps a borrowed result alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Keeper {
    /// Nobody has to: constants, immortals, NULL.
    Forever,
    /// Local n of the root frame, until it is stored to, or Python code runs.
    Local(u32),
    /// The first operand, as long as it lives.
    Operand,
    /// The items of the first operand (a list), until an item of some list is stored, or Python code runs.
    ListItems,
    /// A namespace dictionary, until Python code runs or a global is stored.
    Globals,
    /// An attribute of some object, until an attribute is stored, or Python code runs.
    Attributes,
    /// It is the first operand itself: the same reference, the same owner.
    Alias,
}

/// What an operation may do besides computing its result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Effects {
    /// May set an exception: it ends its block.
    pub may_raise: bool,
    /// May leave in its state.
    pub may_exit: bool,
    /// May run Python code (and so release the GIL, rebind names, change types, free what is only lent).
    pub may_run: bool,
    /// Reads memory that other operations write.
    pub reads: Memory,
    /// Writes memory.
    pub writes: Memory,
}

bitflags::bitflags! {
    /// Memory that operations read and write.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
    pub struct Memory: u32 {
        /// Locals of the frame and its instruction pointer.
        const FRAME = 1;
        /// Items of lists.
        const LIST_ITEMS = 1 << 1;
        /// Lengths of lists.
        const LIST_LEN = 1 << 2;
        /// State of iterators.
        const ITERATORS = 1 << 3;
        /// Globals and builtins.
        const GLOBALS = 1 << 4;
        /// Attributes of objects: inline values, slots, entries of their dictionaries.
        const ATTRIBUTES = 1 << 5;
        /// Items of arrays and bytearrays.
        const BUFFERS = 1 << 6;
        /// Anything else that Python code can see.
        const OTHER = 1 << 7;
    }
}

impl Op {
    /// Whether it calls a helper that [allocates](super::Helper::allocates).
    pub fn allocates(&self) -> bool {
        matches!(self, Self::Call { helper, .. } if helper.row().allocates())
    }

    /// Representation of the result; `multi` is the helper whose results [`Op::First`] and [`Op::Second`] take apart.
    pub fn rep(&self, multi: Option<HelperId>) -> Rep {
        match self {
            Self::Int(_)
            | Self::UnboxInt
            | Self::BitToInt
            | Self::IntBin(_)
            | Self::IntNeg
            | Self::IntAddWrapping
            | Self::Load(_) => Rep::I64,
            Self::Float(_)
            | Self::UnboxFloat
            | Self::IntToFloat
            | Self::FloatBin(_)
            | Self::FloatNeg => Rep::F64,
            Self::Bool(_)
            | Self::UnboxBool
            | Self::IntCmp(_)
            | Self::FloatCmp(_)
            | Self::Not
            | Self::Same
            | Self::IsNull
            | Self::IsKind(_)
            | Self::ItemQuiet
            | Self::DropQuiet(_)
            | Self::ReleaseQuiet
            | Self::Outlives
            | Self::IsUnique => Rep::I1,
            Self::Const(_)
            | Self::Null
            | Self::LoadLocal(_)
            | Self::TakeStack(_)
            | Self::BoxInt
            | Self::BoxFloat
            | Self::BoxBool
            | Self::GuardKind(_)
            | Self::GuardNotNull
            | Self::GuardSame(_)
            | Self::GuardCode(_)
            | Self::ListItem
            | Self::TupleItem
            | Self::ListIterList
            | Self::TupleIterTuple
            | Self::CallDirect { .. }
            | Self::Extract(_) => Rep::Obj,
            Self::StoreLocal { .. }
            | Self::SyncLocal(_)
            | Self::SyncFrame
            | Self::ClearLocal { .. }
            | Self::PutStack(_)
            | Self::SetIp(_)
            | Self::Guard(_)
            | Self::CheckValid
            | Self::CheckUnit
            | Self::Poll
            | Self::ListStore
            | Self::ListStoreFloat
            | Self::ListStoreInt
            | Self::Drop
            | Self::Note(_)
            | Self::IncRef
            | Self::DecRef => Rep::Unit,
            Self::Call { helper, .. } => helper.row().rep(),
            Self::First => multi.map_or(Rep::Obj, |helper| match helper.row().ret {
                Ret::IntOk => Rep::I64,
                Ret::FloatOk => Rep::F64,
                _ => Rep::Obj,
            }),
            Self::Second => multi.map_or(Rep::Obj, |helper| match helper.row().ret {
                Ret::IntOk | Ret::FloatOk => Rep::I1,
                _ => Rep::Obj,
            }),
        }
    }

    /// What it may do besides computing its result.
    pub fn effects(&self) -> Effects {
        let none = Effects::default();
        let exit = Effects {
            may_exit: true,
            ..none
        };
        match self {
            Self::LoadLocal(_) => Effects {
                reads: Memory::FRAME,
                ..none
            },
            // Whatever was lent by any local is lent no more.
            Self::SyncFrame => Effects {
                reads: Memory::all(),
                writes: Memory::all(),
                may_raise: true,
                may_run: true,
                ..none
            },
            Self::SyncLocal(_) => Effects {
                writes: Memory::FRAME,
                may_raise: true,
                ..none
            },
            Self::StoreLocal { old, .. } | Self::ClearLocal { old, .. } => Effects {
                writes: Memory::FRAME,
                may_run: !old.is_quiet(),
                ..none
            },
            Self::TakeStack(_) | Self::PutStack(_) | Self::SetIp(_) => Effects {
                writes: Memory::FRAME,
                ..none
            },
            Self::BoxInt | Self::BoxFloat => Effects {
                may_raise: true,
                ..none
            },
            Self::UnboxInt
            | Self::IntBin(IntOp::Add | IntOp::Sub | IntOp::Mul)
            | Self::IntNeg
            | Self::GuardKind(_)
            | Self::GuardNotNull
            | Self::GuardSame(_)
            | Self::Guard(_) => exit,
            Self::GuardCode(_) => Effects {
                reads: Memory::OTHER,
                ..exit
            },
            Self::CheckValid | Self::CheckUnit => Effects {
                reads: Memory::all(),
                ..exit
            },
            Self::Poll => Effects {
                may_exit: true,
                may_run: true,
                reads: Memory::all(),
                writes: Memory::all(),
                ..none
            },
            Self::Load(field) => Effects {
                reads: field.memory(),
                ..none
            },
            Self::ListItem => Effects {
                reads: Memory::LIST_ITEMS,
                ..none
            },
            Self::ListIterList | Self::TupleIterTuple => Effects {
                reads: Memory::ITERATORS,
                ..none
            },
            Self::ItemQuiet => Effects {
                reads: Memory::LIST_ITEMS | Memory::OTHER,
                ..none
            },
            Self::DropQuiet(_) => Effects {
                reads: Memory::FRAME | Memory::OTHER,
                ..none
            },
            Self::IsUnique | Self::ReleaseQuiet | Self::Outlives => Effects {
                reads: Memory::OTHER,
                ..none
            },
            // The old item is quiet: its release runs no code.
            Self::ListStore => Effects {
                writes: Memory::LIST_ITEMS,
                ..none
            },
            Self::ListStoreFloat | Self::ListStoreInt => Effects {
                writes: Memory::LIST_ITEMS,
                may_raise: true,
                ..none
            },
            Self::Call { helper, .. } => helper_effects(*helper),
            Self::CallDirect { .. } => Effects {
                may_raise: true,
                may_run: true,
                reads: Memory::all(),
                writes: Memory::all(),
                ..none
            },
            Self::Drop | Self::DecRef => Effects {
                may_run: true,
                ..none
            },
            _ => none,
        }
    }

    /// Who owns the result, when it is an object: `None`: the result is a new reference.
    pub fn keeper(&self) -> Option<Keeper> {
        match self {
            Self::Const(_) | Self::Null | Self::BoxBool => Some(Keeper::Forever),
            Self::LoadLocal(local) => Some(Keeper::Local(*local)),
            Self::GuardKind(_) | Self::GuardNotNull | Self::GuardSame(_) | Self::GuardCode(_) => {
                Some(Keeper::Alias)
            }
            Self::ListItem => Some(Keeper::ListItems),
            Self::TupleItem => Some(Keeper::Operand),
            // An exhausted iterator drops its sequence: only until it is advanced, which is a call that may run.
            Self::ListIterList | Self::TupleIterTuple => Some(Keeper::Operand),
            Self::Call { helper, .. } => match helper.row().ret {
                Ret::BorrowedOrNull if reads_attribute(*helper) => Some(Keeper::Attributes),
                Ret::BorrowedOrNull => Some(Keeper::Globals),
                Ret::Immortal => Some(Keeper::Forever),
                _ => None,
            },
            _ => None,
        }
    }

    /// Whether operand k is handed over: the operation consumes its reference.
    pub fn steals(&self, k: usize) -> bool {
        match self {
            Self::StoreLocal { .. } | Self::PutStack(_) => true,
            Self::ListStore => k == 2,
            Self::CallDirect { .. } => k > 0,
            Self::Call { helper, .. } => {
                let args = helper.row().args;
                matches!(
                    args.get(k).or(args.last()),
                    Some(Arg::Steal | Arg::ArraySteal)
                )
            }
            _ => false,
        }
    }

    /// Whether it only computes: the same operands give the same result, whenever it is executed.
    pub fn is_pure(&self) -> bool {
        let effects = self.effects();
        !effects.may_raise
            && !effects.may_exit
            && !effects.may_run
            && effects.reads.is_empty()
            && effects.writes.is_empty()
            && !matches!(self, Self::TakeStack(_) | Self::Note(_) | Self::IncRef)
    }
}

impl Field {
    /// The memory that it stands in; empty for what never changes.
    pub fn memory(self) -> Memory {
        match self {
            Self::ListLen => Memory::LIST_LEN,
            Self::TupleLen => Memory::empty(),
            Self::RangeIterStart
            | Self::RangeIterStep
            | Self::RangeIterLen
            | Self::ListIterIndex
            | Self::TupleIterIndex => Memory::ITERATORS,
        }
    }
}

impl Cond {
    /// The comparison with this number (`Py_LT` is 0).
    pub fn from_number(number: u32) -> Option<Self> {
        [Self::Lt, Self::Le, Self::Eq, Self::Ne, Self::Gt, Self::Ge]
            .get(number as usize)
            .copied()
    }

    /// The C number (`Py_LT` is 0).
    pub fn number(self) -> u32 {
        self as u32
    }
}

fn helper_effects(helper: HelperId) -> Effects {
    let row = helper.row();
    if row.may_run {
        return Effects {
            may_raise: row.may_raise(),
            may_run: true,
            may_exit: false,
            reads: Memory::all(),
            writes: Memory::all(),
        };
    }
    let mut effects = Effects {
        may_raise: row.may_raise(),
        ..Effects::default()
    };
    match helper {
        HelperId::ProbeGlobalModule | HelperId::ProbeGlobalBuiltin => {
            effects.reads = Memory::GLOBALS
        }
        HelperId::ListAppend | HelperId::ListPop | HelperId::TupleOfList => {
            effects.writes = Memory::LIST_ITEMS | Memory::LIST_LEN
        }
        HelperId::QuickNext => {
            effects.reads = Memory::LIST_ITEMS | Memory::LIST_LEN | Memory::ITERATORS;
            effects.writes = Memory::ITERATORS;
        }
        HelperId::ListCanPop => effects.reads = Memory::LIST_LEN | Memory::OTHER,
        // A dictionary may be that of an object.
        HelperId::DictLen => effects.reads = Memory::ATTRIBUTES | Memory::OTHER,
        HelperId::QuickLen | HelperId::QuickTruth => {
            effects.reads = Memory::LIST_LEN | Memory::ATTRIBUTES | Memory::OTHER
        }
        HelperId::QuickContains => {
            effects.reads =
                Memory::LIST_ITEMS | Memory::LIST_LEN | Memory::ATTRIBUTES | Memory::OTHER
        }
        HelperId::QuickSetAdd => effects.writes = Memory::OTHER,
        helper if reads_attribute(helper) => effects.reads = Memory::ATTRIBUTES | Memory::OTHER,
        HelperId::BufferFloat | HelperId::BufferInt => effects.reads = Memory::BUFFERS,
        HelperId::BufferLen => effects.reads = Memory::OTHER,
        HelperId::BufferStoreFloat | HelperId::BufferStoreInt => effects.writes = Memory::BUFFERS,
        HelperId::ListSlice | HelperId::ListSliceBy => {
            effects.reads = Memory::LIST_ITEMS | Memory::LIST_LEN
        }
        HelperId::PlaceQuiet => effects.reads = Memory::ATTRIBUTES | Memory::OTHER,
        HelperId::PlaceStore | HelperId::PlaceStoreFloat | HelperId::PlaceStoreInt => {
            effects.writes = Memory::ATTRIBUTES
        }
        // The dictionary of an object may be that of a module.
        HelperId::EntryStore => effects.writes = Memory::ATTRIBUTES | Memory::GLOBALS,
        HelperId::HasPlace
        | HelperId::HasEntry
        | HelperId::ClassAttr
        | HelperId::ProbeMethodWithValues
        | HelperId::ProbeMethodNoDict
        | HelperId::HasClass
        | HelperId::SameGlobals
        | HelperId::ProbeDefault
        | HelperId::CanAwaitCall
        | HelperId::CanAwaitNext
        | HelperId::ProbeMethodLazyDict
        | HelperId::QuickDictGet
        | HelperId::QuickDictItem
        | HelperId::QuickEqual
        | HelperId::QuickIsInstance
        | HelperId::FunctionHasCode
        | HelperId::MethodHasCode
        | HelperId::MethodFunction
        | HelperId::MethodSelf
        | HelperId::TypeOf
        | HelperId::IsClass => effects.reads = Memory::OTHER,
        HelperId::ProbeCell
        | HelperId::LoadDeref
        | HelperId::LoadLocals
        | HelperId::ExceptionsWatched => effects.reads = Memory::OTHER,
        HelperId::CopyFreeVars | HelperId::Suspend => effects.writes = Memory::FRAME,
        HelperId::ResumeOffset => effects.reads = Memory::FRAME,
        HelperId::PushExcInfo | HelperId::TakeRaised => effects.writes = Memory::OTHER,
        _ => {}
    }
    effects
}

/// Whether a helper gives what an attribute of an object holds.
fn reads_attribute(helper: HelperId) -> bool {
    matches!(
        helper,
        HelperId::ProbeInstanceValue
            | HelperId::ProbeSlot
            | HelperId::ProbeOwn
            | HelperId::ProbeNotOwn
            | HelperId::ProbeClassValue
            | HelperId::ProbeWrapped
            | HelperId::ProbeModuleValue
            | HelperId::PlaceValue
    )
}

/// Values that an operation's documentation calls the operands, for verifiers: how many, if that is fixed.
pub fn operand_count(op: &Op, args: &[Value]) -> Option<usize> {
    Some(match op {
        Op::Int(_)
        | Op::Float(_)
        | Op::Bool(_)
        | Op::Const(_)
        | Op::Null
        | Op::LoadLocal(_)
        | Op::ClearLocal { .. }
        | Op::SyncFrame
        | Op::TakeStack(_)
        | Op::SetIp(_)
        | Op::CheckValid
        | Op::CheckUnit
        | Op::DropQuiet(_)
        | Op::Poll => 0,
        Op::IntBin(_)
        | Op::IntAddWrapping
        | Op::IntCmp(_)
        | Op::FloatBin(_)
        | Op::FloatCmp(_)
        | Op::Same
        | Op::ListItem
        | Op::ItemQuiet
        | Op::TupleItem => 2,
        Op::ListStore | Op::ListStoreFloat | Op::ListStoreInt => 3,
        Op::Call { helper, .. } => {
            let row = helper.row();
            if row.args.iter().any(|arg| matches!(arg, Arg::ArraySteal)) {
                return (args.len() + 1 >= row.args.len()).then_some(args.len());
            }
            row.args.len()
        }
        Op::CallDirect { .. } => return None,
        Op::ReleaseQuiet => args.len().max(1),
        _ => 1,
    })
}
