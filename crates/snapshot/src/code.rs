//! What goes to the compiler: code objects, feedback and the objects they name, copied under the interpreter's lock.

use serde::{Deserialize, Serialize};

/// Index of an object in [`Request::objects`]. The side that made the request knows its address; nobody else does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ObjId(pub u32);

/// What is known of an object that code names: enough to specialise on, never an address.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Object {
    /// `None`.
    None,
    /// `True` or `False`.
    Bool(bool),
    /// `...`.
    Ellipsis,
    /// An exact `int`; its value where it fits 64 bits.
    Int(Option<i64>),
    /// An exact `float`.
    Float(f64),
    /// An exact `str`; the text where it is short (names, keys), for dumps and known methods.
    Str(Option<String>),
    /// An exact `bytes`.
    Bytes,
    /// An exact `tuple` whose items are known.
    Tuple(Vec<ObjId>),
    /// A code object: index in [`Request::codes`] where its snapshot was taken along.
    Code(Option<u32>),
    /// A Python function.
    Function(FunctionInfo),
    /// A class, by `tp_name`; `builtin` when it is a static type of the interpreter (`range`, `int`, `list`, ...).
    Type {
        /// `tp_name`.
        name: String,
        /// Whether it is one of the interpreter's own static types.
        builtin: bool,
    },
    /// A C function of a module: `builtins.len`, `math.sqrt`.
    Builtin {
        /// `__module__`, `"builtins"` for builtins.
        module: String,
        /// `__name__`.
        name: String,
    },
    /// A method descriptor of a builtin type: `list.append`.
    MethodDescriptor {
        /// `__objclass__.__name__`.
        class: String,
        /// `__name__`.
        name: String,
    },
    /// Anything else, by the name of its type.
    Other(String),
}

/// What is known of a Python function that is called or loaded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FunctionInfo {
    /// Its `__qualname__`, for dumps.
    pub qualname: String,
    /// Its code object (an [`Object::Code`]).
    pub code: ObjId,
    /// `co_argcount`: positional parameters, defaults included.
    pub arg_count: u32,
    /// `co_posonlyargcount`: so many of them cannot be named.
    #[serde(default)]
    pub pos_only_arg_count: u32,
    /// Their names.
    #[serde(default)]
    pub arg_names: Vec<String>,
    /// Length of `__defaults__` when it was looked at.
    #[serde(default)]
    pub n_defaults: u32,
    /// Number of words of its interpreter frame (`co_framesize`).
    pub frame_size: u32,
    /// `co_nlocalsplus`.
    pub n_locals: u32,
    /// Whether a call with exactly `arg_count` positional arguments needs nothing but storing them: no `*args`,
    /// `**kwargs`, keyword-only parameters, and it is an optimised function that is neither generator nor coroutine.
    pub simple: bool,
    /// Whether an entry (cell) exists or may be made for its code, so that compiled code may call it directly.
    pub direct: bool,
}

/// The class of a value that was seen in a frame when the snapshot was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Seen {
    /// Nothing is known: the variable was unbound, or no frame was looked at.
    Nothing,
    /// Exact `NoneType`.
    None,
    /// Exact `bool`.
    Bool,
    /// Exact `int` whose value fits 64 bits.
    Int,
    /// Exact `int` beyond 64 bits.
    BigInt,
    /// Exact `float`.
    Float,
    /// Exact `str`.
    Str,
    /// Exact `list`.
    List,
    /// Exact `tuple`.
    Tuple,
    /// Exact `dict`.
    Dict,
    /// `range_iterator`.
    RangeIter,
    /// `list_iterator`.
    ListIter,
    /// `tuple_iterator`.
    TupleIter,
    /// Exact `enumerate`.
    Enumerate,
    /// Exact `bytes`.
    Bytes,
    /// Exact `bytearray`.
    Bytearray,
    /// Exact `array.array` of this typecode.
    Array(u8),
    /// Anything else.
    Other,
    /// Exact `int` now and exact `float` then. Never of a value at hand.
    Number,
    /// A class itself.
    Class,
    /// A Python function.
    Function,
    /// A Python function that is bound to an object.
    Method,
}

/// Feedback of one bytecode that needed the interpreter to resolve: what its inline cache points at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Site {
    /// `LOAD_GLOBAL`, specialised: the object bound to the name now, and where.
    Global {
        /// The object.
        object: ObjId,
        /// Whether it comes from `builtins` (`LOAD_GLOBAL_BUILTIN`) or the module (`LOAD_GLOBAL_MODULE`).
        builtin: bool,
    },
    /// `LOAD_ATTR_METHOD_*` or `LOAD_ATTR_NONDESCRIPTOR_*`, `LOAD_ATTR_CLASS`: the object that the cache holds.
    Descriptor(ObjId),
    /// A call: the Python function that was called last; of a class, its `__init__`.
    Callee(ObjId),
    /// A call: the Python function that versions before have called, in all that is known of the object that was called.
    Called {
        /// The function, which cannot be named; its code can.
        function: ObjId,
        /// Whether it was bound to an object.
        is_bound: bool,
    },
    /// `LOAD_ATTR` of a class: the Python function behind the class method or static method that it has there.
    Wrapped {
        /// The function.
        function: ObjId,
        /// Whether the class is not passed.
        is_static: bool,
    },
    /// `BINARY_SUBSCR` or `STORE_SUBSCR`: the Python function that the container's class has for it.
    Method {
        /// `tp_version_tag` of the class.
        type_version: u32,
        /// `__getitem__` or `__setitem__`.
        function: ObjId,
    },
    /// `BINARY_OP`: the Python function that an operand's class has for it. That it is called first, and that nothing but
    /// the other operand's own method may come after it, was found out.
    Operator {
        /// `tp_version_tag` of the class.
        type_version: u32,
        /// `__add__`, or `__radd__` where that is the right operand's.
        function: ObjId,
        /// Whether it is the right operand's, which is called with the operands exchanged.
        reflected: bool,
        /// `tp_version_tag` of the other operand's class; 0: it is an exact number or None, of the kind that was noted.
        other: u32,
    },
}

/// A class that was seen, and where its objects have the attribute that the instruction names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenClass {
    /// `tp_version_tag`.
    pub type_version: u32,
    /// Where the attribute is.
    pub place: Place,
    /// Some of its objects have dictionaries of their own, where the attribute must be looked for by its name, first at this
    /// entry: an inline value is no more than where others have it.
    #[serde(default)]
    pub by_name: Option<u16>,
}

/// Where the objects of a class have an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Place {
    /// Of the object's own, known by its name alone.
    Own,
    /// An inline value.
    InstanceValue {
        /// Which.
        index: u16,
    },
    /// A member of `__slots__`.
    Slot {
        /// In bytes from the start of the object.
        offset: u16,
    },
    /// A method of the class.
    Method {
        /// Version of the shared keys, which do not have the name; 0 where objects have no dictionary.
        keys_version: u32,
        /// The method.
        object: ObjId,
    },
    /// An attribute of the class that is no descriptor.
    ClassValue {
        /// As for a method.
        keys_version: u32,
        /// The value; none where it cannot be named: the class is asked for it.
        object: Option<ObjId>,
    },
}

/// A copy of one code object with what the interpreter learned of it.
///
/// Field names follow CPython's `PyCodeObject` (`Include/cpython/code.h`); offsets are in code units (2 bytes).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct CodeSnapshot {
    /// `co_name`.
    pub name: String,
    /// `co_qualname`.
    pub qualname: String,
    /// `co_filename`.
    pub filename: String,
    /// `co_firstlineno`.
    pub first_line: i32,
    /// `co_flags`.
    pub flags: u32,
    /// `co_argcount`.
    pub arg_count: u32,
    /// `co_posonlyargcount`.
    pub pos_only_arg_count: u32,
    /// `co_kwonlyargcount`.
    pub kw_only_arg_count: u32,
    /// `co_nlocalsplus`: fast locals, cells and free variables.
    pub n_locals: u32,
    /// `co_stacksize`.
    pub stack_size: u32,
    /// `co_framesize`.
    pub frame_size: u32,
    /// `co_code`: base opcodes, inline caches zero (`_PyCode_GetCode`).
    pub code: Vec<u8>,
    /// `co_code_adaptive` as it stood: specialised opcodes and inline caches.
    pub adaptive: Vec<u8>,
    /// `co_exceptiontable`.
    pub exception_table: Vec<u8>,
    /// `co_linetable`.
    pub line_table: Vec<u8>,
    /// `co_consts`.
    pub consts: Vec<ObjId>,
    /// `co_names`; each is also an object, for generic accesses.
    pub names: Vec<(String, ObjId)>,
    /// Names of the locals, cells and free variables (`co_localsplusnames`).
    pub local_names: Vec<String>,
    /// `co_localspluskinds` (`CO_FAST_LOCAL` 0x20, `CO_FAST_CELL` 0x40, `CO_FAST_FREE` 0x80, `CO_FAST_HIDDEN` 0x10).
    pub local_kinds: Vec<u8>,
    /// Class of each local in the frame that was looked at; as long as `n_locals`, or empty.
    pub seen_locals: Vec<Seen>,
    /// Class of each stack item of that frame, bottom first (for on-stack replacement).
    pub seen_stack: Vec<Seen>,
    /// Resolved feedback by the code-unit offset of the instruction's opcode (behind its EXTENDED_ARGs), ascending.
    pub sites: Vec<(u32, Site)>,
    /// Further classes seen where attributes are read or written, by the same offsets, ascending: exits of earlier
    /// versions met them. At most [`CodeSnapshot::MAX_CLASSES`] an instruction.
    #[serde(default)]
    pub classes: Vec<(u32, Vec<SeenClass>)>,
    /// Whether earlier versions were left often for objects of classes that they did not know where they read or write
    /// attributes.
    #[serde(default)]
    pub meets_other_classes: bool,
    /// What earlier versions have noted of operands that nobody knew anything of, by the same offsets, ascending: the
    /// class of each operand, from the top of the stack down. [`Seen::Other`] where they were of several.
    #[serde(default)]
    pub noted: Vec<(u32, Vec<Seen>)>,
}

impl CodeSnapshot {
    /// Classes that are told apart at one instruction.
    pub const MAX_CLASSES: usize = 4;
}

/// Where a version is entered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum EntryPoint {
    /// At the function's start; arguments stand in the frame.
    Start,
    /// In the middle of a running interpreter frame, at the loop header with this code-unit offset
    /// (the target of a `JUMP_BACKWARD`); locals and stack are read from the frame.
    Loop(u32),
    /// Wherever a suspended generator or coroutine goes on, its start included: locals, stack and the instruction are
    /// read from its frame.
    Resume,
}

/// A stage of compilation whose text can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Stage {
    /// Decoded bytecode with feedback.
    Bytecode,
    /// HIR after all passes.
    Hir,
    /// LLVM IR as lowered.
    Ir,
    /// LLVM IR after the pipeline.
    IrOpt,
    /// Assembly.
    Asm,
    /// All of these by source line, and what is slow in it, as JSON.
    Lines,
}

/// How much time a translation is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Effort {
    /// Helpers are called instead of inlined, and code is generated in the fastest way: for tests of everything.
    None,
    /// The cheapest passes that pay, and code generated in the fastest way: the first version of what gets hot.
    Quick,
    /// All that pays: for what has run in a quick version for long.
    #[default]
    Best,
}

/// How to compile.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Mode {
    /// Sites that never ran are compiled generically instead of as exits (`MARTLET_ALWAYS`).
    pub generic_unknown: bool,
    /// Every k-th guard exits although it holds (0: none); a test mode (`MARTLET_EXIT_EVERY`).
    pub exit_every: u32,
    /// Run every verifier (`MARTLET_VERIFY`).
    pub verify: bool,
    /// How much to optimise (`MARTLET_EFFORT`).
    pub effort: Effort,
    /// Texts to send back.
    pub dump: Vec<Stage>,
    /// Refuse what does not get faster than the interpreter.
    #[serde(default)]
    pub must_pay: bool,
    /// Largest function to translate, in code units (0: the default).
    pub max_units: u32,
}

/// A function to compile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// Identity of the compiled function (the engine's `FunctionId`).
    pub function: u64,
    /// Where the version is entered.
    pub entry: EntryPoint,
    /// How to compile.
    pub mode: Mode,
    /// Code objects; the first is the one to compile, the others are those of functions it may inline.
    pub codes: Vec<CodeSnapshot>,
    /// Objects that the codes name.
    pub objects: Vec<Object>,
    /// Sites whose guards failed too often in earlier versions: index in `codes`, code-unit offset of the bytecode
    /// at which the exit resumed. They are compiled without speculation; at arithmetic and comparisons that are named
    /// once, operands that are numbers are told apart.
    pub avoid: Vec<(u32, u32)>,
}
