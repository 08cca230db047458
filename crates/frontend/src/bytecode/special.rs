//! What the interpreter's specialised opcodes know, with the fields of their inline caches.
//!
//! Field names follow the cache layouts of `Python/bytecodes.c`. Objects that caches point at are not here: they come
//! as the snapshot's sites.

use std::fmt;

/// A specialised instruction and what its inline cache says.
///
/// Type versions are `tp_version_tag`, function versions `func_version`, keys versions `dk_version` of a dictionary's
/// keys. Offsets are in bytes from the start of the object, indices count entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Special {
    /// Both operands exact `int`; the operator is the instruction's argument: add, subtract or multiply.
    BinaryOpInt,
    /// Both operands exact `float`.
    BinaryOpFloat,
    /// Both operands exact `str`: concatenation.
    BinaryOpStr,
    /// As [`Special::BinaryOpStr`], and the next instruction stores to the local that is the left operand.
    BinaryOpStrInplace,
    /// Exact `dict`.
    SubscrDict,
    /// A class whose `__getitem__` is a Python function (kept with the class).
    SubscrGetitem,
    /// Exact `list` and a compact, non-negative `int`.
    SubscrListInt,
    /// Exact `str`, a compact, non-negative `int`, and an ASCII character as result.
    SubscrStrInt,
    /// Exact `tuple` and a compact, non-negative `int`.
    SubscrTupleInt,
    /// Exact `dict`.
    StoreSubscrDict,
    /// Exact `list` and a compact, non-negative `int`.
    StoreSubscrListInt,
    /// A call.
    Call {
        /// What is called.
        kind: CallKind,
        /// Version of the function (or of `__init__`); 0 where the kind does not use it.
        func_version: u32,
    },
    /// Both operands exact `float`.
    CompareFloat,
    /// Both operands compact exact `int`.
    CompareInt,
    /// Both operands exact `str`; `==` or `!=`.
    CompareStr,
    /// Exact `dict` on the right.
    ContainsDict,
    /// Exact `set` or `frozenset` on the right.
    ContainsSet,
    /// A generator.
    ForIterGen,
    /// `list_iterator`.
    ForIterList,
    /// `range_iterator`.
    ForIterRange,
    /// `tuple_iterator`.
    ForIterTuple,
    /// An attribute of a class object.
    LoadAttrClass {
        /// Version of the class itself, not of its metaclass.
        type_version: u32,
    },
    /// The class has a Python `__getattribute__`.
    LoadAttrGetattributeOverridden {
        /// Version of the object's class.
        type_version: u32,
        /// Version of `__getattribute__`.
        func_version: u32,
    },
    /// An inline value of the instance.
    LoadAttrInstanceValue {
        /// Version of the object's class.
        type_version: u32,
        /// Which of the inline values.
        index: u16,
    },
    /// A method; the instance's dictionary, if it has one, is still unmade.
    LoadAttrMethodLazyDict {
        /// Version of the object's class.
        type_version: u32,
        /// `tp_dictoffset`.
        dict_offset: u16,
    },
    /// A method of a class whose instances have no dictionary.
    LoadAttrMethodNoDict {
        /// Version of the object's class.
        type_version: u32,
    },
    /// A method; the instance has inline values whose shared keys do not have the name.
    LoadAttrMethodWithValues {
        /// Version of the object's class.
        type_version: u32,
        /// Version of the shared keys.
        keys_version: u32,
    },
    /// A name of a module.
    LoadAttrModule {
        /// Version of the keys of the module's dictionary.
        keys_version: u32,
        /// Entry in that dictionary.
        index: u16,
    },
    /// A class attribute, not a descriptor, of an instance without a dictionary.
    LoadAttrNondescriptorNoDict {
        /// Version of the object's class.
        type_version: u32,
    },
    /// A class attribute, not a descriptor, of an instance whose shared keys do not have the name.
    LoadAttrNondescriptorWithValues {
        /// Version of the object's class.
        type_version: u32,
        /// Version of the shared keys.
        keys_version: u32,
    },
    /// A property whose getter is a Python function.
    LoadAttrProperty {
        /// Version of the object's class.
        type_version: u32,
        /// Version of the getter.
        func_version: u32,
    },
    /// A member of `__slots__`.
    LoadAttrSlot {
        /// Version of the object's class.
        type_version: u32,
        /// Byte offset of the slot.
        offset: u16,
    },
    /// An entry of the instance's dictionary.
    LoadAttrWithHint {
        /// Version of the object's class.
        type_version: u32,
        /// Entry where it was last found.
        hint: u16,
    },
    /// A name found in `builtins`.
    LoadGlobalBuiltin {
        /// Entry in the builtins dictionary.
        index: u16,
        /// Version of the keys of the module's dictionary, which does not have the name.
        module_version: u16,
        /// Version of the keys of the builtins dictionary.
        builtin_version: u16,
    },
    /// A name found in the module.
    LoadGlobalModule {
        /// Entry in the module's dictionary.
        index: u16,
        /// Version of its keys.
        keys_version: u16,
    },
    /// `super().name` as an attribute.
    SuperAttr,
    /// `super().name(...)` as a method.
    SuperMethod,
    /// A generator.
    SendGen,
    /// An inline value of the instance.
    StoreAttrInstanceValue {
        /// Version of the object's class.
        type_version: u32,
        /// Which of the inline values.
        index: u16,
    },
    /// A member of `__slots__`.
    StoreAttrSlot {
        /// Version of the object's class.
        type_version: u32,
        /// Byte offset of the slot.
        offset: u16,
    },
    /// An entry of the instance's dictionary.
    StoreAttrWithHint {
        /// Version of the object's class.
        type_version: u32,
        /// Entry where it was last found.
        hint: u16,
    },
    /// A class whose instances are all true.
    ToBoolAlwaysTrue {
        /// Version of the object's class.
        type_version: u32,
    },
    /// Exact `bool`.
    ToBoolBool,
    /// Exact `int`.
    ToBoolInt,
    /// Exact `list`.
    ToBoolList,
    /// `None`.
    ToBoolNone,
    /// Exact `str`.
    ToBoolStr,
    /// Exact `list` of the right length.
    UnpackList,
    /// Exact `tuple` of the right length.
    UnpackTuple,
    /// Exact `tuple` of two items.
    UnpackTwoTuple,
}

/// What a specialised `CALL` calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CallKind {
    /// A class with a Python `__init__`.
    AllocAndEnterInit,
    /// A bound method of a Python function with just its positional arguments.
    BoundMethodExactArgs,
    /// A bound method of a Python function, arguments to be matched.
    BoundMethodGeneral,
    /// A builtin class.
    BuiltinClass,
    /// A C function, `METH_FASTCALL`.
    BuiltinFast,
    /// A C function, `METH_FASTCALL | METH_KEYWORDS`.
    BuiltinFastWithKeywords,
    /// A C function, `METH_O`.
    BuiltinO,
    /// `isinstance`.
    Isinstance,
    /// `len`.
    Len,
    /// `list.append`, its result unused: the `POP_TOP` behind it is skipped.
    ListAppend,
    /// A method descriptor, `METH_FASTCALL`.
    MethodDescriptorFast,
    /// A method descriptor, `METH_FASTCALL | METH_KEYWORDS`.
    MethodDescriptorFastWithKeywords,
    /// A method descriptor, `METH_NOARGS`.
    MethodDescriptorNoargs,
    /// A method descriptor, `METH_O`.
    MethodDescriptorO,
    /// Neither a Python function nor a bound method of one.
    NonPyGeneral,
    /// A Python function with just its positional arguments.
    PyExactArgs,
    /// A Python function, arguments to be matched.
    PyGeneral,
    /// `str(x)`.
    Str1,
    /// `tuple(x)`.
    Tuple1,
    /// `type(x)`.
    Type1,
}

impl Special {
    /// What the opcode byte `raw` with this inline cache says; `None` if it is not a specialised form.
    pub(super) fn decode(raw: u8, cache: Cache<'_>) -> Option<Self> {
        let call = |kind| Self::Call {
            kind,
            func_version: match kind {
                CallKind::AllocAndEnterInit
                | CallKind::BoundMethodExactArgs
                | CallKind::BoundMethodGeneral
                | CallKind::PyExactArgs
                | CallKind::PyGeneral => cache.u32(1),
                _ => 0,
            },
        };
        Some(match raw {
            3 => Self::BinaryOpStrInplace,
            150 | 153 | 155 => Self::BinaryOpFloat,
            151 | 154 | 156 => Self::BinaryOpInt,
            152 => Self::BinaryOpStr,
            157 => Self::SubscrDict,
            158 => Self::SubscrGetitem,
            159 => Self::SubscrListInt,
            160 => Self::SubscrStrInt,
            161 => Self::SubscrTupleInt,
            162 => call(CallKind::AllocAndEnterInit),
            163 => call(CallKind::BoundMethodExactArgs),
            164 => call(CallKind::BoundMethodGeneral),
            165 => call(CallKind::BuiltinClass),
            166 => call(CallKind::BuiltinFast),
            167 => call(CallKind::BuiltinFastWithKeywords),
            168 => call(CallKind::BuiltinO),
            169 => call(CallKind::Isinstance),
            170 => call(CallKind::Len),
            171 => call(CallKind::ListAppend),
            172 => call(CallKind::MethodDescriptorFast),
            173 => call(CallKind::MethodDescriptorFastWithKeywords),
            174 => call(CallKind::MethodDescriptorNoargs),
            175 => call(CallKind::MethodDescriptorO),
            176 => call(CallKind::NonPyGeneral),
            177 => call(CallKind::PyExactArgs),
            178 => call(CallKind::PyGeneral),
            179 => call(CallKind::Str1),
            180 => call(CallKind::Tuple1),
            181 => call(CallKind::Type1),
            182 => Self::CompareFloat,
            183 => Self::CompareInt,
            184 => Self::CompareStr,
            185 => Self::ContainsDict,
            186 => Self::ContainsSet,
            187 => Self::ForIterGen,
            188 => Self::ForIterList,
            189 => Self::ForIterRange,
            190 => Self::ForIterTuple,
            191..=202 => Self::decode_load_attr(raw, cache)?,
            203 => Self::LoadGlobalBuiltin {
                index: cache.u16(3),
                module_version: cache.u16(1),
                builtin_version: cache.u16(2),
            },
            204 => Self::LoadGlobalModule {
                index: cache.u16(3),
                keys_version: cache.u16(1),
            },
            205 => Self::SuperAttr,
            206 => Self::SuperMethod,
            208 => Self::SendGen,
            209 => Self::StoreAttrInstanceValue {
                type_version: cache.u32(1),
                index: cache.u16(3),
            },
            210 => Self::StoreAttrSlot {
                type_version: cache.u32(1),
                offset: cache.u16(3),
            },
            211 => Self::StoreAttrWithHint {
                type_version: cache.u32(1),
                hint: cache.u16(3),
            },
            212 => Self::StoreSubscrDict,
            213 => Self::StoreSubscrListInt,
            214 => Self::ToBoolAlwaysTrue {
                type_version: cache.u32(1),
            },
            215 => Self::ToBoolBool,
            216 => Self::ToBoolInt,
            217 => Self::ToBoolList,
            218 => Self::ToBoolNone,
            219 => Self::ToBoolStr,
            220 => Self::UnpackList,
            221 => Self::UnpackTuple,
            222 => Self::UnpackTwoTuple,
            _ => return None,
        })
    }

    fn decode_load_attr(raw: u8, cache: Cache<'_>) -> Option<Self> {
        let type_version = cache.u32(1);
        Some(match raw {
            191 => Self::LoadAttrClass { type_version },
            192 => Self::LoadAttrGetattributeOverridden {
                type_version,
                func_version: cache.u32(3),
            },
            193 => Self::LoadAttrInstanceValue {
                type_version,
                index: cache.u16(3),
            },
            194 => Self::LoadAttrMethodLazyDict {
                type_version,
                dict_offset: cache.u16(3),
            },
            195 => Self::LoadAttrMethodNoDict { type_version },
            196 => Self::LoadAttrMethodWithValues {
                type_version,
                keys_version: cache.u32(3),
            },
            197 => Self::LoadAttrModule {
                keys_version: type_version,
                index: cache.u16(3),
            },
            198 => Self::LoadAttrNondescriptorNoDict { type_version },
            199 => Self::LoadAttrNondescriptorWithValues {
                type_version,
                keys_version: cache.u32(3),
            },
            200 => Self::LoadAttrProperty {
                type_version,
                func_version: cache.u32(3),
            },
            201 => Self::LoadAttrSlot {
                type_version,
                offset: cache.u16(3),
            },
            202 => Self::LoadAttrWithHint {
                type_version,
                hint: cache.u16(3),
            },
            _ => return None,
        })
    }
}

impl fmt::Display for Special {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call {
                kind,
                func_version: 0,
            } => write!(f, "Call{kind:?}"),
            Self::Call { kind, func_version } => {
                write!(f, "Call{kind:?} {{ func_version: {func_version} }}")
            }
            other => write!(f, "{other:?}"),
        }
    }
}

/// The inline cache of one instruction, in little-endian code units; what lies outside reads as 0.
#[derive(Clone, Copy)]
pub(super) struct Cache<'a>(pub(super) &'a [u8]);

impl Cache<'_> {
    /// Code unit k.
    pub(super) fn u16(self, k: usize) -> u16 {
        let byte = |i: usize| self.0.get(i).copied().unwrap_or(0);
        u16::from_le_bytes([byte(2 * k), byte(2 * k + 1)])
    }

    /// Code units k and k + 1.
    fn u32(self, k: usize) -> u32 {
        u32::from(self.u16(k)) | u32::from(self.u16(k + 1)) << 16
    }
}
