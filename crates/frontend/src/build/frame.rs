//! The abstract frame: what is known of locals and stack at one point of the bytecode, and its shape.
//!
//! The builder interprets bytecode over [`Frame`]s. A *shape* is what of a frame decides how code behind it looks:
//! representations, kinds, virtual objects; never a constant. Blocks are versioned by shape (see `versions`).

use super::emit::virtual_kind;
use crate::hir::{Func, Kind, Op, Rep, Type, Value};
use martlet_snapshot::{Returned, VirtualKind};

/// A stack item, or a local of an inlined frame.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Item {
    /// NULL.
    Null,
    /// A value, boxed or raw.
    Val(Value),
    /// An object that was not made.
    Virtual(VirtualKind, Vec<Field>),
}

/// A field of a virtual object.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Field {
    /// A raw integer that belongs to the object's state.
    Raw(Value),
    /// An object in it.
    Item(Item),
}

/// A local variable.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Local {
    /// The root frame's slot holds it. `cached` is the value last loaded or stored, while nothing may have changed it.
    Memory {
        /// What the slot holds.
        ty: Type,
        /// The content, if at hand.
        cached: Option<Value>,
    },
    /// A raw value of the root frame. The slot holds the same (`synced`) or something stale whose death is quiet; that of
    /// a local that keeps its float's object holds that or NULL.
    Raw {
        /// The value.
        value: Value,
        /// Whether memory agrees.
        synced: bool,
    },
    /// A local of an inlined frame, which has no memory.
    Inlined(Item),
}

/// One abstract frame.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Frame {
    /// Index of its code.
    pub(super) code: usize,
    /// The function object, for an inlined frame.
    pub(super) function: Option<Value>,
    /// Locals.
    pub(super) locals: Vec<Local>,
    /// Stack, bottom first.
    pub(super) stack: Vec<Item>,
    /// While a callee is inlined: its call.
    pub(super) call: Option<Pending>,
    /// Whether its globals are those of the root.
    pub(super) sees_globals: bool,
    /// For an inlined frame of which only the head stands here.
    pub(super) head: Option<Head>,
    /// For a generator expression's: what takes the items that it yields.
    pub(super) fused: Option<Fused>,
    /// For the root: its exceptions.
    pub(super) exceptions: Exceptions,
}

/// The exceptions that a frame has to do with.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Exceptions {
    /// A traceback may have the frame: whatever runs may write to its locals.
    pub(super) observed: bool,
    /// Where on the stack those stand that are being handled.
    pub(super) handled: Vec<u32>,
}

/// A call whose callee is inlined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Pending {
    /// Offset of its opcode.
    pub(super) offset: u32,
    /// Where the caller goes on.
    pub(super) return_to: u32,
    /// What becomes of the callee's result.
    pub(super) returned: Returned,
}

/// How the head of a function is left: by the call that it stands for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Head {
    /// The call.
    pub(super) call: Op,
    /// Its arguments, one for each parameter.
    pub(super) args: Vec<Item>,
    /// What stood on the caller's stack for it.
    pub(super) operands: Vec<Item>,
}

/// What stands on the stack below a fused generator expression: the consumer and NULL, the function and its iterator.
pub(super) const FUSED_OPERANDS: usize = 4;

/// A builtin that is given a generator expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Consumer {
    Any,
    All,
    Sum,
    Min,
    Max,
    Set,
    Tuple,
}

/// A generator expression that is consumed where it is made. While its body is built, the frames outside of it stay as
/// they were: they are no part of what a block is versioned for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Fused {
    pub(super) consumer: Consumer,
    /// Which it is, in the builder's table of them.
    pub(super) site: usize,
}

/// Shape of an item.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum ItemShape {
    Null,
    Obj(Kind),
    Raw(Rep),
    Virtual(VirtualKind, Vec<FieldShape>),
}

/// Shape of a virtual object's field.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum FieldShape {
    Raw,
    Item(ItemShape),
}

/// Shape of a local.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum LocalShape {
    Memory(Kind),
    Raw(Rep, bool),
    Inlined(ItemShape),
}

/// Shape of a frame.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct FrameShape {
    pub(super) code: usize,
    pub(super) inlined: bool,
    pub(super) sees_globals: bool,
    pub(super) call: Option<Pending>,
    pub(super) locals: Vec<LocalShape>,
    pub(super) stack: Vec<ItemShape>,
    pub(super) fused: Option<Fused>,
    pub(super) exceptions: Exceptions,
}

/// Shape of all frames, root first.
pub(super) type Shape = Vec<FrameShape>;

impl Item {
    pub(super) fn shape(&self, func: &Func) -> ItemShape {
        match self {
            Self::Null => ItemShape::Null,
            Self::Val(value) => match func.rep(*value) {
                Rep::Obj => ItemShape::Obj(coarse(func.ty(*value).kinds)),
                rep => ItemShape::Raw(rep),
            },
            Self::Virtual(kind, fields) => ItemShape::Virtual(
                *kind,
                fields.iter().map(|field| field.shape(func)).collect(),
            ),
        }
    }
}

impl Field {
    fn shape(&self, func: &Func) -> FieldShape {
        match self {
            Self::Raw(_) => FieldShape::Raw,
            Self::Item(item) => FieldShape::Item(item.shape(func)),
        }
    }
}

impl Local {
    fn shape(&self, func: &Func) -> LocalShape {
        match self {
            Self::Memory { ty, .. } => LocalShape::Memory(coarse(ty.kinds)),
            Self::Raw { value, synced } => LocalShape::Raw(func.rep(*value), *synced),
            Self::Inlined(item) => LocalShape::Inlined(item.shape(func)),
        }
    }
}

impl Frame {
    /// The frame that the version is entered with, its value stack empty.
    pub(super) fn root(locals: Vec<Local>) -> Self {
        Self {
            code: 0,
            function: None,
            locals,
            stack: Vec::new(),
            sees_globals: true,
            call: None,
            head: None,
            fused: None,
            exceptions: Exceptions::default(),
        }
    }

    pub(super) fn shape(&self, func: &Func) -> FrameShape {
        FrameShape {
            code: self.code,
            inlined: self.function.is_some(),
            sees_globals: self.sees_globals,
            call: self.call,
            locals: self.locals.iter().map(|local| local.shape(func)).collect(),
            stack: self.stack.iter().map(|item| item.shape(func)).collect(),
            fused: self.fused,
            exceptions: self.exceptions.clone(),
        }
    }
}

/// The kinds that are worth a version of a block: the rest is the same to it.
pub(super) fn coarse(kinds: Kind) -> Kind {
    const WORTH: Kind = Kind::NULL
        .union(Kind::INT)
        .union(Kind::FLOAT)
        .union(Kind::LIST)
        .union(Kind::TUPLE);
    // That a number takes the place of such a thing can be seen by nobody.
    const NUMBERS: Kind = Kind::INT.union(Kind::FLOAT);
    if kinds.is_single() && WORTH.contains(kinds) {
        kinds
    } else if NUMBERS.union(Kind::NULL).contains(kinds) {
        NUMBERS.union(kinds & Kind::NULL)
    } else if kinds.contains(Kind::NULL) {
        Kind::all()
    } else {
        Kind::ANY
    }
}

/// The kind of object that a raw representation stands for.
pub(super) fn raw_kind(rep: Rep) -> Kind {
    match rep {
        Rep::I64 => Kind::INT,
        Rep::F64 => Kind::FLOAT,
        _ => Kind::BOOL,
    }
}

/// The smallest shape that frames of both shapes can be converted to; none when their stacks differ in kind of things.
pub(super) fn join(a: &Shape, b: &Shape) -> Option<Shape> {
    a.iter().zip(b).map(|(a, b)| join_frame(a, b)).collect()
}

fn join_frame(a: &FrameShape, b: &FrameShape) -> Option<FrameShape> {
    if a.stack.len() != b.stack.len()
        || a.code != b.code
        || a.call != b.call
        || a.fused != b.fused
        || a.exceptions != b.exceptions
    {
        return None;
    }
    let locals = a
        .locals
        .iter()
        .zip(&b.locals)
        .map(|(a, b)| join_local(a, b))
        .collect::<Option<_>>()?;
    let stack = a
        .stack
        .iter()
        .zip(&b.stack)
        .map(|(a, b)| join_item(a, b))
        .collect::<Option<_>>()?;
    Some(FrameShape {
        code: a.code,
        inlined: a.inlined,
        sees_globals: a.sees_globals && b.sees_globals,
        call: a.call,
        locals,
        stack,
        fused: a.fused,
        exceptions: a.exceptions.clone(),
    })
}

fn join_local(a: &LocalShape, b: &LocalShape) -> Option<LocalShape> {
    Some(match (a, b) {
        (LocalShape::Raw(a, x), LocalShape::Raw(b, y)) if a == b => LocalShape::Raw(*a, *x && *y),
        (LocalShape::Inlined(a), LocalShape::Inlined(b)) => LocalShape::Inlined(join_item(a, b)?),
        (LocalShape::Inlined(_), _) | (_, LocalShape::Inlined(_)) => return None,
        (a, b) => LocalShape::Memory(coarse(local_kind(a) | local_kind(b))),
    })
}

fn local_kind(shape: &LocalShape) -> Kind {
    match shape {
        LocalShape::Memory(kind) => *kind,
        LocalShape::Raw(rep, _) => raw_kind(*rep),
        LocalShape::Inlined(_) => Kind::all(),
    }
}

fn join_item(a: &ItemShape, b: &ItemShape) -> Option<ItemShape> {
    if a == b {
        return Some(a.clone());
    }
    if let (ItemShape::Virtual(kind, xs), ItemShape::Virtual(other, ys)) = (a, b)
        && kind == other
        && xs.len() == ys.len()
        && let Some(fields) = join_fields(xs, ys)
        && (*kind != VirtualKind::Enumerate || has_virtual_field(&fields))
    {
        return Some(ItemShape::Virtual(*kind, fields));
    }
    Some(ItemShape::Obj(coarse(item_kind(a) | item_kind(b))))
}

fn join_fields(xs: &[FieldShape], ys: &[FieldShape]) -> Option<Vec<FieldShape>> {
    xs.iter().zip(ys).map(|(x, y)| join_field(x, y)).collect()
}

/// What an `enumerate` that was not made goes over was not made either.
fn has_virtual_field(fields: &[FieldShape]) -> bool {
    let is_virtual = |field: &_| matches!(field, FieldShape::Item(ItemShape::Virtual(..)));
    fields.iter().any(is_virtual)
}

fn join_field(a: &FieldShape, b: &FieldShape) -> Option<FieldShape> {
    match (a, b) {
        (FieldShape::Raw, FieldShape::Raw) => Some(FieldShape::Raw),
        (FieldShape::Item(a), FieldShape::Item(b)) => Some(FieldShape::Item(join_item(a, b)?)),
        _ => None,
    }
}

/// What kinds of object an item is when it is made.
fn item_kind(shape: &ItemShape) -> Kind {
    match shape {
        ItemShape::Null => Kind::NULL,
        ItemShape::Obj(kind) => *kind,
        ItemShape::Raw(rep) => raw_kind(*rep),
        ItemShape::Virtual(kind, _) => virtual_kind(*kind),
    }
}

/// Whether frames of shape `from` can be turned into shape `to` by boxing and storing alone.
pub(super) fn convertible(from: &Shape, to: &Shape) -> bool {
    join(from, to).is_some_and(|joined| joined == *to)
}
