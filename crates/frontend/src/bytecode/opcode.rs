//! The base opcodes of CPython 3.13: one row an opcode.
//!
//! Numbers are those of `Lib/_opcode_metadata.py`, cache sizes those of `opcode._inline_cache_entries`, stack effects
//! those of `Include/internal/pycore_opcode_metadata.h`. Specialised and instrumented forms are not opcodes of their
//! own: [`Opcode::from_raw`] maps them to the base, and what a specialised form knows is a
//! [`Special`](super::Special).

macro_rules! opcodes {
    ($n:ident; $($id:ident = $number:literal $name:literal $caches:literal: $popped:expr => $pushed:expr;)*) => {
        /// A base opcode; named and numbered as in CPython.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        #[expect(missing_docs, reason = "documented in CPython's Doc/library/dis.rst")]
        pub enum Opcode { $($id = $number),* }

        impl Opcode {
            /// Every base opcode, by number.
            pub const ALL: &'static [Self] = &[$(Self::$id),*];

            /// The base opcode with this number.
            pub fn from_number(number: u8) -> Option<Self> {
                Some(match number {
                    $($number => Self::$id,)*
                    _ => return None,
                })
            }

            /// Its name in `dis`: `LOAD_FAST`.
            pub fn name(self) -> &'static str {
                match self { $(Self::$id => $name),* }
            }

            /// Code units of inline cache behind it.
            pub fn caches(self) -> u32 {
                match self { $(Self::$id => $caches),* }
            }

            /// How many stack items it takes, with this argument.
            pub fn popped(self, arg: u32) -> usize {
                let $n = arg as usize;
                match self { $(Self::$id => { let _ = $n; $popped })* }
            }

            /// How many stack items it leaves in their place. For [`Opcode::ForIter`] and [`Opcode::Send`] this holds
            /// on both ways out: an exhausted iterator stands, with a second item, until the `END_FOR` at the target,
            /// though the interpreter removes it already and goes on behind `END_FOR` and `POP_TOP`.
            pub fn pushed(self, arg: u32) -> usize {
                let $n = arg as usize;
                match self { $(Self::$id => { let _ = $n; $pushed })* }
            }
        }
    };
}

opcodes! { n;
    BeforeAsyncWith = 1 "BEFORE_ASYNC_WITH" 0: 1 => 2;
    BeforeWith = 2 "BEFORE_WITH" 0: 1 => 2;
    BinarySlice = 4 "BINARY_SLICE" 0: 3 => 1;
    BinarySubscr = 5 "BINARY_SUBSCR" 1: 2 => 1;
    CheckEgMatch = 6 "CHECK_EG_MATCH" 0: 2 => 2;
    CheckExcMatch = 7 "CHECK_EXC_MATCH" 0: 2 => 2;
    CleanupThrow = 8 "CLEANUP_THROW" 0: 3 => 2;
    DeleteSubscr = 9 "DELETE_SUBSCR" 0: 2 => 0;
    EndAsyncFor = 10 "END_ASYNC_FOR" 0: 2 => 0;
    EndFor = 11 "END_FOR" 0: 1 => 0;
    EndSend = 12 "END_SEND" 0: 2 => 1;
    ExitInitCheck = 13 "EXIT_INIT_CHECK" 0: 1 => 0;
    FormatSimple = 14 "FORMAT_SIMPLE" 0: 1 => 1;
    FormatWithSpec = 15 "FORMAT_WITH_SPEC" 0: 2 => 1;
    GetAiter = 16 "GET_AITER" 0: 1 => 1;
    GetAnext = 18 "GET_ANEXT" 0: 1 => 2;
    GetIter = 19 "GET_ITER" 0: 1 => 1;
    GetLen = 20 "GET_LEN" 0: 1 => 2;
    GetYieldFromIter = 21 "GET_YIELD_FROM_ITER" 0: 1 => 1;
    InterpreterExit = 22 "INTERPRETER_EXIT" 0: 1 => 0;
    LoadAssertionError = 23 "LOAD_ASSERTION_ERROR" 0: 0 => 1;
    LoadBuildClass = 24 "LOAD_BUILD_CLASS" 0: 0 => 1;
    LoadLocals = 25 "LOAD_LOCALS" 0: 0 => 1;
    MakeFunction = 26 "MAKE_FUNCTION" 0: 1 => 1;
    MatchKeys = 27 "MATCH_KEYS" 0: 2 => 3;
    MatchMapping = 28 "MATCH_MAPPING" 0: 1 => 2;
    MatchSequence = 29 "MATCH_SEQUENCE" 0: 1 => 2;
    Nop = 30 "NOP" 0: 0 => 0;
    PopExcept = 31 "POP_EXCEPT" 0: 1 => 0;
    PopTop = 32 "POP_TOP" 0: 1 => 0;
    PushExcInfo = 33 "PUSH_EXC_INFO" 0: 1 => 2;
    PushNull = 34 "PUSH_NULL" 0: 0 => 1;
    ReturnGenerator = 35 "RETURN_GENERATOR" 0: 0 => 1;
    ReturnValue = 36 "RETURN_VALUE" 0: 1 => 0;
    SetupAnnotations = 37 "SETUP_ANNOTATIONS" 0: 0 => 0;
    StoreSlice = 38 "STORE_SLICE" 0: 4 => 0;
    StoreSubscr = 39 "STORE_SUBSCR" 1: 3 => 0;
    ToBool = 40 "TO_BOOL" 3: 1 => 1;
    UnaryInvert = 41 "UNARY_INVERT" 0: 1 => 1;
    UnaryNegative = 42 "UNARY_NEGATIVE" 0: 1 => 1;
    UnaryNot = 43 "UNARY_NOT" 0: 1 => 1;
    WithExceptStart = 44 "WITH_EXCEPT_START" 0: 4 => 5;
    BinaryOp = 45 "BINARY_OP" 1: 2 => 1;
    BuildConstKeyMap = 46 "BUILD_CONST_KEY_MAP" 0: 1 + n => 1;
    BuildList = 47 "BUILD_LIST" 0: n => 1;
    BuildMap = 48 "BUILD_MAP" 0: 2 * n => 1;
    BuildSet = 49 "BUILD_SET" 0: n => 1;
    BuildSlice = 50 "BUILD_SLICE" 0: 2 + usize::from(n == 3) => 1;
    BuildString = 51 "BUILD_STRING" 0: n => 1;
    BuildTuple = 52 "BUILD_TUPLE" 0: n => 1;
    Call = 53 "CALL" 3: 2 + n => 1;
    CallFunctionEx = 54 "CALL_FUNCTION_EX" 0: 3 + (n & 1) => 1;
    CallIntrinsic1 = 55 "CALL_INTRINSIC_1" 0: 1 => 1;
    CallIntrinsic2 = 56 "CALL_INTRINSIC_2" 0: 2 => 1;
    CallKw = 57 "CALL_KW" 0: 3 + n => 1;
    CompareOp = 58 "COMPARE_OP" 1: 2 => 1;
    ContainsOp = 59 "CONTAINS_OP" 1: 2 => 1;
    ConvertValue = 60 "CONVERT_VALUE" 0: 1 => 1;
    Copy = 61 "COPY" 0: n => 1 + n;
    CopyFreeVars = 62 "COPY_FREE_VARS" 0: 0 => 0;
    DeleteAttr = 63 "DELETE_ATTR" 0: 1 => 0;
    DeleteDeref = 64 "DELETE_DEREF" 0: 0 => 0;
    DeleteFast = 65 "DELETE_FAST" 0: 0 => 0;
    DeleteGlobal = 66 "DELETE_GLOBAL" 0: 0 => 0;
    DeleteName = 67 "DELETE_NAME" 0: 0 => 0;
    DictMerge = 68 "DICT_MERGE" 0: 4 + n => 3 + n;
    DictUpdate = 69 "DICT_UPDATE" 0: 1 + n => n;
    ExtendedArg = 71 "EXTENDED_ARG" 0: 0 => 0;
    ForIter = 72 "FOR_ITER" 1: 1 => 2;
    GetAwaitable = 73 "GET_AWAITABLE" 0: 1 => 1;
    ImportFrom = 74 "IMPORT_FROM" 0: 1 => 2;
    ImportName = 75 "IMPORT_NAME" 0: 2 => 1;
    IsOp = 76 "IS_OP" 0: 2 => 1;
    JumpBackward = 77 "JUMP_BACKWARD" 1: 0 => 0;
    JumpBackwardNoInterrupt = 78 "JUMP_BACKWARD_NO_INTERRUPT" 0: 0 => 0;
    JumpForward = 79 "JUMP_FORWARD" 0: 0 => 0;
    ListAppend = 80 "LIST_APPEND" 0: 1 + n => n;
    ListExtend = 81 "LIST_EXTEND" 0: 1 + n => n;
    LoadAttr = 82 "LOAD_ATTR" 9: 1 => 1 + (n & 1);
    LoadConst = 83 "LOAD_CONST" 0: 0 => 1;
    LoadDeref = 84 "LOAD_DEREF" 0: 0 => 1;
    LoadFast = 85 "LOAD_FAST" 0: 0 => 1;
    LoadFastAndClear = 86 "LOAD_FAST_AND_CLEAR" 0: 0 => 1;
    LoadFastCheck = 87 "LOAD_FAST_CHECK" 0: 0 => 1;
    LoadFastLoadFast = 88 "LOAD_FAST_LOAD_FAST" 0: 0 => 2;
    LoadFromDictOrDeref = 89 "LOAD_FROM_DICT_OR_DEREF" 0: 1 => 1;
    LoadFromDictOrGlobals = 90 "LOAD_FROM_DICT_OR_GLOBALS" 0: 1 => 1;
    LoadGlobal = 91 "LOAD_GLOBAL" 4: 0 => 1 + (n & 1);
    LoadName = 92 "LOAD_NAME" 0: 0 => 1;
    LoadSuperAttr = 93 "LOAD_SUPER_ATTR" 1: 3 => 1 + (n & 1);
    MakeCell = 94 "MAKE_CELL" 0: 0 => 0;
    MapAdd = 95 "MAP_ADD" 0: 2 + n => n;
    MatchClass = 96 "MATCH_CLASS" 0: 3 => 1;
    PopJumpIfFalse = 97 "POP_JUMP_IF_FALSE" 1: 1 => 0;
    PopJumpIfNone = 98 "POP_JUMP_IF_NONE" 1: 1 => 0;
    PopJumpIfNotNone = 99 "POP_JUMP_IF_NOT_NONE" 1: 1 => 0;
    PopJumpIfTrue = 100 "POP_JUMP_IF_TRUE" 1: 1 => 0;
    RaiseVarargs = 101 "RAISE_VARARGS" 0: n => 0;
    Reraise = 102 "RERAISE" 0: 1 + n => n;
    ReturnConst = 103 "RETURN_CONST" 0: 0 => 0;
    Send = 104 "SEND" 1: 2 => 2;
    SetAdd = 105 "SET_ADD" 0: 1 + n => n;
    SetFunctionAttribute = 106 "SET_FUNCTION_ATTRIBUTE" 0: 2 => 1;
    SetUpdate = 107 "SET_UPDATE" 0: 1 + n => n;
    StoreAttr = 108 "STORE_ATTR" 4: 2 => 0;
    StoreDeref = 109 "STORE_DEREF" 0: 1 => 0;
    StoreFast = 110 "STORE_FAST" 0: 1 => 0;
    StoreFastLoadFast = 111 "STORE_FAST_LOAD_FAST" 0: 1 => 1;
    StoreFastStoreFast = 112 "STORE_FAST_STORE_FAST" 0: 2 => 0;
    StoreGlobal = 113 "STORE_GLOBAL" 0: 1 => 0;
    StoreName = 114 "STORE_NAME" 0: 1 => 0;
    Swap = 115 "SWAP" 0: n => n;
    UnpackEx = 116 "UNPACK_EX" 0: 1 => 1 + (n >> 8) + (n & 255);
    UnpackSequence = 117 "UNPACK_SEQUENCE" 1: 1 => n;
    YieldValue = 118 "YIELD_VALUE" 0: 1 => 1;
    Resume = 149 "RESUME" 0: 0 => 0;
}

impl Opcode {
    /// The base opcode of any opcode byte of CPython 3.13: base, specialised or instrumented. `None` for those that
    /// stand for nothing by themselves: caches, pseudo-instructions, `ENTER_EXECUTOR`, and the instrumented forms that
    /// hide which opcode they replace.
    pub fn from_raw(raw: u8) -> Option<Self> {
        Some(match raw {
            3 | 150..=156 => Self::BinaryOp,
            157..=161 => Self::BinarySubscr,
            162..=181 => Self::Call,
            182..=184 => Self::CompareOp,
            185 | 186 => Self::ContainsOp,
            187..=190 => Self::ForIter,
            191..=202 => Self::LoadAttr,
            203 | 204 => Self::LoadGlobal,
            205 | 206 => Self::LoadSuperAttr,
            207 => Self::Resume,
            208 => Self::Send,
            209..=211 => Self::StoreAttr,
            212 | 213 => Self::StoreSubscr,
            214..=219 => Self::ToBool,
            220..=222 => Self::UnpackSequence,
            236 => Self::Resume,
            237 => Self::EndFor,
            238 => Self::EndSend,
            239 => Self::ReturnValue,
            240 => Self::ReturnConst,
            241 => Self::YieldValue,
            242 => Self::LoadSuperAttr,
            243 => Self::ForIter,
            244 => Self::Call,
            245 => Self::CallKw,
            246 => Self::CallFunctionEx,
            248 => Self::JumpForward,
            249 => Self::JumpBackward,
            250 => Self::PopJumpIfTrue,
            251 => Self::PopJumpIfFalse,
            252 => Self::PopJumpIfNone,
            253 => Self::PopJumpIfNotNone,
            _ => return Self::from_number(raw),
        })
    }

    /// Whether the interpreter specialises it: the first word of its cache is an adaptive counter.
    pub fn is_specialisable(self) -> bool {
        self.caches() > 0 && !self.is_conditional_jump() && self != Self::JumpBackward
    }

    /// Whether it is one of the four `POP_JUMP_IF_*`: its cache holds the last sixteen outcomes.
    pub fn is_conditional_jump(self) -> bool {
        matches!(
            self,
            Self::PopJumpIfFalse
                | Self::PopJumpIfTrue
                | Self::PopJumpIfNone
                | Self::PopJumpIfNotNone
        )
    }

    /// Whether the instruction behind it is never reached from it.
    pub fn ends_flow(self) -> bool {
        matches!(
            self,
            Self::ReturnValue
                | Self::ReturnConst
                | Self::RaiseVarargs
                | Self::Reraise
                | Self::JumpForward
                | Self::JumpBackward
                | Self::JumpBackwardNoInterrupt
                | Self::InterpreterExit
        )
    }
}

/// Change of the stack's depth by an opcode with this argument, as `dis.stack_effect(opcode, arg, jump=jump)`. It is the
/// same on both ways out for every base opcode of 3.13; see [`Opcode::pushed`] for what `FOR_ITER` and `SEND` leave.
pub fn stack_effect(opcode: Opcode, arg: u32, _jump: bool) -> i32 {
    let change = opcode.pushed(arg) as i64 - opcode.popped(arg) as i64;
    i32::try_from(change).unwrap_or(if change < 0 { i32::MIN } else { i32::MAX })
}
