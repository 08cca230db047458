//! Types and representations, kept apart.
//!
//! A [`Type`] says what a value is to the program: a set of [`Kind`]s, refined by at most one fact. A [`Rep`] says how
//! it is held: a pointer, a 64-bit integer, a double, a bit. All kinds but [`Kind::Object`] mean the *exact* builtin
//! class, whose instances can never change their class, so such a fact is permanent.

use martlet_snapshot::{ObjId, Seen};
use std::fmt;

bitflags::bitflags! {
    /// A set of kinds.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
    pub struct Kind: u32 {
        /// No object at all: an unbound variable, a pushed NULL.
        const NULL = 1;
        /// `None`.
        const NONE = 1 << 1;
        /// Exact `bool`.
        const BOOL = 1 << 2;
        /// Exact `int`.
        const INT = 1 << 3;
        /// Exact `float`.
        const FLOAT = 1 << 4;
        /// Exact `complex`.
        const COMPLEX = 1 << 5;
        /// Exact `str`.
        const STR = 1 << 6;
        /// Exact `bytes`.
        const BYTES = 1 << 7;
        /// Exact `list`.
        const LIST = 1 << 8;
        /// Exact `tuple`.
        const TUPLE = 1 << 9;
        /// Exact `dict`.
        const DICT = 1 << 10;
        /// Exact `set`.
        const SET = 1 << 11;
        /// `slice`.
        const SLICE = 1 << 12;
        /// `range`.
        const RANGE = 1 << 13;
        /// `range_iterator`.
        const RANGE_ITER = 1 << 14;
        /// `list_iterator`.
        const LIST_ITER = 1 << 15;
        /// `tuple_iterator`.
        const TUPLE_ITER = 1 << 16;
        /// Exact `enumerate`.
        const ENUMERATE = 1 << 17;
        /// A Python function.
        const FUNCTION = 1 << 18;
        /// A class.
        const TYPE = 1 << 19;
        /// A module.
        const MODULE = 1 << 20;
        /// A cell.
        const CELL = 1 << 21;
        /// Anything else.
        const OBJECT = 1 << 22;
        /// Exact `array.array` of typecode `d`.
        const FLOAT_ARRAY = 1 << 23;
        /// Exact `array.array` of typecode `f`.
        const SINGLE_ARRAY = 1 << 24;
        /// Exact `array.array` of typecode `l` or `q`.
        const LONG_ARRAY = 1 << 25;
        /// Exact `array.array` of typecode `i`.
        const INT_ARRAY = 1 << 26;
        /// Exact `array.array` of typecode `h`.
        const SHORT_ARRAY = 1 << 27;
        /// Exact `array.array` of typecode `H`.
        const USHORT_ARRAY = 1 << 28;
        /// Exact `array.array` of typecode `b`.
        const BYTE_ARRAY = 1 << 29;
        /// Exact `array.array` of typecode `B`.
        const UBYTE_ARRAY = 1 << 30;
        /// Exact `bytearray`.
        const BYTEARRAY = 1 << 31;
    }
}

impl Kind {
    /// Every kind but [`Kind::NULL`].
    pub const ANY: Self = Self::all().difference(Self::NULL);
    /// Kinds whose death nobody can observe: no finaliser, no weak reference, nothing inside that has one.
    pub const QUIET: Self = Self::NULL
        .union(Self::NONE)
        .union(Self::BOOL)
        .union(Self::INT)
        .union(Self::FLOAT)
        .union(Self::COMPLEX)
        .union(Self::STR)
        .union(Self::BYTES)
        .union(Self::RANGE)
        .union(Self::RANGE_ITER);

    /// Whether the set has exactly one kind.
    pub fn is_single(self) -> bool {
        self.bits().count_ones() == 1
    }

    /// The exact kind that a class seen in a frame stands for; [`Kind::ANY`] when that says nothing.
    pub fn from_seen(seen: Seen) -> Self {
        match seen {
            Seen::None => Self::NONE,
            Seen::Bool => Self::BOOL,
            Seen::Int => Self::INT,
            Seen::Float => Self::FLOAT,
            Seen::Str => Self::STR,
            Seen::List => Self::LIST,
            Seen::Tuple => Self::TUPLE,
            Seen::Dict => Self::DICT,
            Seen::RangeIter => Self::RANGE_ITER,
            Seen::ListIter => Self::LIST_ITER,
            Seen::TupleIter => Self::TUPLE_ITER,
            Seen::Enumerate => Self::ENUMERATE,
            Seen::Bytes => Self::BYTES,
            Seen::Bytearray => Self::BYTEARRAY,
            Seen::Array(code) => Self::of_array(code),
            Seen::Class => Self::TYPE,
            Seen::Function => Self::FUNCTION,
            _ => Self::ANY,
        }
    }
}

impl Kind {
    /// Byte strings and arrays of numbers: their items are raw in memory.
    pub const BUFFER: Self = Self::BYTES
        .union(Self::FLOAT_ARRAY)
        .union(Self::SINGLE_ARRAY)
        .union(Self::LONG_ARRAY)
        .union(Self::INT_ARRAY)
        .union(Self::SHORT_ARRAY)
        .union(Self::USHORT_ARRAY)
        .union(Self::BYTE_ARRAY)
        .union(Self::UBYTE_ARRAY)
        .union(Self::BYTEARRAY);

    /// The kind of an exact `array.array` of this typecode; [`Kind::ANY`] if its items are not understood.
    fn of_array(code: u8) -> Self {
        match code {
            b'd' => Self::FLOAT_ARRAY,
            b'f' => Self::SINGLE_ARRAY,
            b'l' | b'q' => Self::LONG_ARRAY,
            b'i' => Self::INT_ARRAY,
            b'h' => Self::SHORT_ARRAY,
            b'H' => Self::USHORT_ARRAY,
            b'b' => Self::BYTE_ARRAY,
            b'B' => Self::UBYTE_ARRAY,
            _ => Self::ANY,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::ANY {
            return f.write_str("any");
        }
        if *self == Self::all() {
            return f.write_str("any|null");
        }
        if self.is_empty() {
            return f.write_str("never");
        }
        for (index, (name, _)) in self.iter_names().enumerate() {
            if index > 0 {
                f.write_str("|")?;
            }
            f.write_str(&name.to_lowercase())?;
        }
        Ok(())
    }
}

/// What a value is: kinds, and at most one known object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Type {
    /// What it may be.
    pub kinds: Kind,
    /// The very object, where it is known.
    pub object: Option<ObjId>,
}

impl Type {
    /// Any object, never NULL.
    pub const ANY: Self = Self::of(Kind::ANY);

    /// A type without refinement.
    pub const fn of(kinds: Kind) -> Self {
        Self {
            kinds,
            object: None,
        }
    }

    /// The smallest type that covers both.
    #[must_use]
    pub fn join(self, other: Self) -> Self {
        let object = if self.object == other.object {
            self.object
        } else {
            None
        };
        Self {
            kinds: self.kinds | other.kinds,
            object,
        }
    }

    /// The largest type that both cover.
    #[must_use]
    pub fn meet(self, other: Self) -> Self {
        Self {
            kinds: self.kinds & other.kinds,
            object: self.object.or(other.object),
        }
    }

    /// Whether every value is of one of these kinds.
    pub fn is(self, kinds: Kind) -> bool {
        kinds.contains(self.kinds)
    }

    /// Whether nobody can observe the death of such a value.
    pub fn is_quiet(self) -> bool {
        self.is(Kind::QUIET)
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.kinds)?;
        if let Some(object) = self.object {
            write!(f, "[o{}]", object.0)?;
        }
        Ok(())
    }
}

/// How a value is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rep {
    /// A `PyObject *`, owned or borrowed (the refcount pass decides).
    Obj,
    /// A 64-bit integer.
    I64,
    /// A double.
    F64,
    /// A bit.
    I1,
    /// Two pointers, results of a helper (see `Op::First`, `Op::Second`), or an array of results (`Op::Extract`).
    Multi,
    /// No value.
    Unit,
}

impl fmt::Display for Rep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Obj => "obj",
            Self::I64 => "i64",
            Self::F64 => "f64",
            Self::I1 => "i1",
            Self::Multi => "multi",
            Self::Unit => "unit",
        })
    }
}
