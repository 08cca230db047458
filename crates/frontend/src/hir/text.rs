//! The words of HIR's text form: one row an operation, read by the printer and by the parser.
//!
//! An operation is written `name.symbol(immediates) operands`: `int_bin.add v1, v2`, `load_local(3)`,
//! `call.martlet_contains v1, v2`. The rows give name, symbol and immediates; operands are alike for all.

use super::helpers::HelperId;
use super::op::{Cond, Field, FloatOp, IntOp, Op};
use super::types::{Kind, Rep, Type};
use martlet_snapshot::{ObjId, VirtualKind};
use std::cell::Cell;
use std::fmt::{self, Write};

/// What remains of a line that is being read. Spaces between tokens do not matter.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'a> {
    /// The text not yet read.
    pub(super) rest: &'a str,
}

impl<'a> Cursor<'a> {
    /// Takes this text, if it comes next.
    pub(super) fn eat(&mut self, token: &str) -> bool {
        let rest = self.rest.trim_start();
        match rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// Takes this whole word, if it comes next.
    pub(super) fn eat_word(&mut self, word: &str) -> bool {
        let mut ahead = *self;
        let found = ahead.word() == Some(word);
        if found {
            *self = ahead;
        }
        found
    }

    /// Takes letters, digits and underscores.
    pub(super) fn word(&mut self) -> Option<&'a str> {
        let rest = self.rest.trim_start();
        let end = rest
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .unwrap_or(rest.len());
        let (word, rest) = rest.split_at(end);
        self.rest = rest;
        (!word.is_empty()).then_some(word)
    }

    /// Takes an id with this prefix, or nothing.
    pub(super) fn id(&mut self, prefix: &str) -> Option<u32> {
        let mut ahead = *self;
        let id = ahead.word()?.strip_prefix(prefix)?.parse().ok()?;
        *self = ahead;
        Some(id)
    }

    /// Whether nothing remains.
    pub(super) fn is_done(&self) -> bool {
        self.rest.trim().is_empty()
    }
}

/// An immediate operand of an operation.
pub(super) trait Immediate: Sized {
    /// Its text.
    fn print(&self, out: &mut String) -> fmt::Result;
    /// Reads what [`Immediate::print`] wrote.
    fn parse(cursor: &mut Cursor<'_>) -> Option<Self>;
}

macro_rules! symbols {
    ($($ty:ident { $($variant:ident = $name:literal),* $(,)? })*) => { $(
        impl Immediate for $ty {
            fn print(&self, out: &mut String) -> fmt::Result {
                out.write_str(match self { $(Self::$variant => $name),* })
            }

            fn parse(cursor: &mut Cursor<'_>) -> Option<Self> {
                Some(match cursor.word()? {
                    $($name => Self::$variant,)*
                    _ => return None,
                })
            }
        }
    )* };
}

symbols! {
    Cond { Lt = "lt", Le = "le", Eq = "eq", Ne = "ne", Gt = "gt", Ge = "ge" }
    IntOp { Add = "add", Sub = "sub", Mul = "mul", And = "and", Or = "or", Xor = "xor" }
    FloatOp { Add = "add", Sub = "sub", Mul = "mul", Div = "div" }
    Field {
        ListLen = "list_len",
        TupleLen = "tuple_len",
        RangeIterStart = "range_iter_start",
        RangeIterStep = "range_iter_step",
        RangeIterLen = "range_iter_len",
        ListIterIndex = "list_iter_index",
        TupleIterIndex = "tuple_iter_index",
    }
    Rep { Obj = "obj", I64 = "i64", F64 = "f64", I1 = "i1", Multi = "multi", Unit = "unit" }
}

/// Virtual kinds and their words. (The enum belongs to another crate, which may add to it.)
const VIRTUAL_KINDS: [(VirtualKind, &str); 8] = [
    (VirtualKind::Tuple, "tuple"),
    (VirtualKind::RangeIter, "range_iter"),
    (VirtualKind::ListIter, "list_iter"),
    (VirtualKind::TupleIter, "tuple_iter"),
    (VirtualKind::Enumerate, "enumerate"),
    (VirtualKind::Range, "range"),
    (VirtualKind::Method, "method"),
    (VirtualKind::Function, "function"),
];

impl Immediate for VirtualKind {
    fn print(&self, out: &mut String) -> fmt::Result {
        let word = VIRTUAL_KINDS.iter().find(|(kind, _)| kind == self);
        out.write_str(word.map_or("unknown", |(_, word)| word))
    }

    fn parse(cursor: &mut Cursor<'_>) -> Option<Self> {
        let found = cursor.word()?;
        let (kind, _) = VIRTUAL_KINDS.iter().find(|(_, word)| *word == found)?;
        Some(*kind)
    }
}

impl Immediate for HelperId {
    fn print(&self, out: &mut String) -> fmt::Result {
        out.write_str(self.row().name)
    }

    fn parse(cursor: &mut Cursor<'_>) -> Option<Self> {
        Self::from_name(cursor.word()?)
    }
}

impl Immediate for u32 {
    fn print(&self, out: &mut String) -> fmt::Result {
        write!(out, "{self}")
    }

    fn parse(cursor: &mut Cursor<'_>) -> Option<Self> {
        cursor.word()?.parse().ok()
    }
}

impl Immediate for i64 {
    fn print(&self, out: &mut String) -> fmt::Result {
        write!(out, "{self}")
    }

    fn parse(cursor: &mut Cursor<'_>) -> Option<Self> {
        // The sign goes with the digits: the smallest integer has no positive counterpart.
        let rest = cursor.rest.trim_start();
        let end = rest.find([',', ')']).unwrap_or(rest.len());
        let value = rest[..end].trim().parse().ok()?;
        cursor.rest = &rest[end..];
        Some(value)
    }
}

/// The bits of a double: its value where that says all, else in hexadecimal.
impl Immediate for u64 {
    fn print(&self, out: &mut String) -> fmt::Result {
        let value = f64::from_bits(*self);
        if value.is_nan() {
            write!(out, "{self:#x}")
        } else {
            write!(out, "{value:?}")
        }
    }

    fn parse(cursor: &mut Cursor<'_>) -> Option<Self> {
        let rest = cursor.rest.trim_start();
        let end = rest.find([',', ')']).unwrap_or(rest.len());
        let text = rest[..end].trim();
        let bits = match text.strip_prefix("0x") {
            Some(digits) => Self::from_str_radix(digits, 16).ok()?,
            None => text.parse::<f64>().ok()?.to_bits(),
        };
        cursor.rest = &rest[end..];
        Some(bits)
    }
}

impl Immediate for bool {
    fn print(&self, out: &mut String) -> fmt::Result {
        write!(out, "{self}")
    }

    fn parse(cursor: &mut Cursor<'_>) -> Option<Self> {
        cursor.word()?.parse().ok()
    }
}

impl Immediate for ObjId {
    fn print(&self, out: &mut String) -> fmt::Result {
        write!(out, "o{}", self.0)
    }

    fn parse(cursor: &mut Cursor<'_>) -> Option<Self> {
        cursor.id("o").map(Self)
    }
}

impl Immediate for Kind {
    fn print(&self, out: &mut String) -> fmt::Result {
        write!(out, "{self}")
    }

    fn parse(cursor: &mut Cursor<'_>) -> Option<Self> {
        let mut kinds = Self::empty();
        loop {
            kinds |= match cursor.word()? {
                "any" => Self::ANY,
                "never" => Self::empty(),
                word => Self::from_name(&word.to_uppercase())?,
            };
            if !cursor.eat("|") {
                return Some(kinds);
            }
        }
    }
}

impl Immediate for Type {
    fn print(&self, out: &mut String) -> fmt::Result {
        write!(out, "{self}")
    }

    fn parse(cursor: &mut Cursor<'_>) -> Option<Self> {
        let kinds = Kind::parse(cursor)?;
        if !cursor.eat("[") {
            return Some(Self::of(kinds));
        }
        let object = ObjId::parse(cursor)?;
        cursor.eat("]").then_some(Self {
            kinds,
            object: Some(object),
        })
    }
}

macro_rules! ops {
    (
        symbolic { $($s:ident { $sf:tt: $sty:ty } = $sname:literal;)* }
        plain { $($p:ident { $($f:tt $b:ident: $ty:ty),* } = $pname:literal;)* }
    ) => {
        /// Writes an operation without its operands.
        pub(super) fn print_op(op: &Op, out: &mut String) -> fmt::Result {
            match op {
                Op::Call { helper, outputs } => {
                    out.write_str("call.")?;
                    helper.print(out)?;
                    if *outputs != 0 {
                        write!(out, "({outputs})")?;
                    }
                }
                $(Op::$s { $sf: symbol } => {
                    out.write_str(concat!($sname, "."))?;
                    symbol.print(out)?;
                })*
                $(Op::$p { $($f: $b),* } => {
                    out.write_str($pname)?;
                    let immediates: &[&dyn Fn(&mut String) -> fmt::Result] =
                        &[$(&|out: &mut String| $b.print(out)),*];
                    print_immediates(immediates, out)?;
                })*
            }
            Ok(())
        }

        /// Reads what [`print_op`] wrote.
        pub(super) fn parse_op(cursor: &mut Cursor<'_>) -> Option<Op> {
            match cursor.word()? {
                "call" => {
                    let helper = cursor.eat(".").then(|| HelperId::parse(cursor))??;
                    let mut outputs = 0;
                    if cursor.eat("(") {
                        outputs = u32::parse(cursor)?;
                        cursor.eat(")").then_some(())?;
                    }
                    Some(Op::Call { helper, outputs })
                }
                $($sname => {
                    let symbol = cursor.eat(".").then(|| <$sty>::parse(cursor))??;
                    Some(Op::$s { $sf: symbol })
                })*
                $($pname => {
                    let immediates = Immediates::default();
                    $(let $b = immediates.next::<$ty>(cursor)?;)*
                    immediates.end(cursor)?;
                    Some(Op::$p { $($f: $b),* })
                })*
                _ => None,
            }
        }
    };
}

ops! {
    symbolic {
        IntBin { 0: IntOp } = "int_bin";
        IntCmp { 0: Cond } = "int_cmp";
        FloatBin { 0: FloatOp } = "float_bin";
        FloatCmp { 0: Cond } = "float_cmp";
        Load { 0: Field } = "load";
    }
    plain {
        Int { 0 value: i64 } = "int";
        Float { 0 bits: u64 } = "float";
        Bool { 0 value: bool } = "bool";
        Const { 0 object: ObjId } = "const";
        Null {} = "null";
        LoadLocal { 0 local: u32 } = "load_local";
        StoreLocal { local local: u32, old old: Type } = "store_local";
        SyncLocal { 0 local: u32 } = "sync_local";
        SyncFrame {} = "sync_frame";
        ClearLocal { local local: u32, old old: Type } = "clear_local";
        TakeStack { 0 item: u32 } = "take_stack";
        PutStack { 0 item: u32 } = "put_stack";
        SetIp { 0 offset: u32 } = "set_ip";
        Note { 0 index: u32 } = "note";
        BoxInt {} = "box_int";
        BoxFloat {} = "box_float";
        BoxBool {} = "box_bool";
        UnboxInt {} = "unbox_int";
        UnboxFloat {} = "unbox_float";
        UnboxBool {} = "unbox_bool";
        IntToFloat {} = "int_to_float";
        BitToInt {} = "bit_to_int";
        IntNeg {} = "int_neg";
        IntAddWrapping {} = "int_add_wrapping";
        FloatNeg {} = "float_neg";
        Not {} = "not";
        Same {} = "same";
        IsNull {} = "is_null";
        GuardKind { 0 kind: Kind } = "guard_kind";
        IsKind { 0 kind: Kind } = "is_kind";
        GuardNotNull {} = "guard_not_null";
        GuardSame { 0 object: ObjId } = "guard_same";
        GuardCode { 0 code: ObjId } = "guard_code";
        Guard { 0 bit: bool } = "guard";
        CheckValid {} = "check_valid";
        CheckUnit {} = "check_unit";
        Poll {} = "poll";
        ListItem {} = "list_item";
        TupleItem {} = "tuple_item";
        ItemQuiet {} = "item_quiet";
        DropQuiet { 0 local: u32 } = "drop_quiet";
        ReleaseQuiet {} = "release_quiet";
        Outlives {} = "outlives";
        IsUnique {} = "is_unique";
        ListStore {} = "list_store";
        ListStoreFloat {} = "list_store_float";
        ListStoreInt {} = "list_store_int";
        ListIterList {} = "list_iter_list";
        TupleIterTuple {} = "tuple_iter_tuple";
        CallDirect { code code: ObjId, n_locals n_locals: u32, frame_size frame_size: u32 } = "call_direct";
        First {} = "first";
        Second {} = "second";
        Extract { 0 index: u32 } = "extract";
        Drop {} = "drop";
        IncRef {} = "inc_ref";
        DecRef {} = "dec_ref";
    }
}

fn print_immediates(
    immediates: &[&dyn Fn(&mut String) -> fmt::Result],
    out: &mut String,
) -> fmt::Result {
    for (index, print) in immediates.iter().enumerate() {
        out.write_str(if index == 0 { "(" } else { ", " })?;
        print(out)?;
    }
    if !immediates.is_empty() {
        out.write_char(')')?;
    }
    Ok(())
}

/// Reads a list of immediates in parentheses.
#[derive(Default)]
struct Immediates {
    started: Cell<bool>,
}

impl Immediates {
    fn next<T: Immediate>(&self, cursor: &mut Cursor<'_>) -> Option<T> {
        let separator = if self.started.replace(true) { "," } else { "(" };
        cursor.eat(separator).then(|| T::parse(cursor))?
    }

    fn end(self, cursor: &mut Cursor<'_>) -> Option<()> {
        (!self.started.get() || cursor.eat(")")).then_some(())
    }
}
