//! Items of arrays of numbers, bytes and bytearrays: raw, behind one test of their bounds.

use super::{Builder, Flow, Result};
use crate::build::frame::Item;
use crate::bytecode::Instr;
use crate::hir::{Cond, HelperId, Kind, Op, Value};

/// How the items of a kind stand in memory: the code that the helpers take, and the least and the largest int.
struct Layout {
    code: u8,
    /// None: floats.
    range: Option<(i64, i64)>,
}

fn layout(kind: Kind) -> Layout {
    let (code, range) = match kind {
        Kind::FLOAT_ARRAY => (b'd', None),
        Kind::SINGLE_ARRAY => (b'f', None),
        Kind::LONG_ARRAY => (b'q', Some((i64::MIN, i64::MAX))),
        Kind::INT_ARRAY => (b'i', Some((i32::MIN.into(), i32::MAX.into()))),
        Kind::SHORT_ARRAY => (b'h', Some((i16::MIN.into(), i16::MAX.into()))),
        Kind::USHORT_ARRAY => (b'H', Some((0, u16::MAX.into()))),
        Kind::BYTE_ARRAY => (b'b', Some((i8::MIN.into(), i8::MAX.into()))),
        Kind::UBYTE_ARRAY => (b'B', Some((0, u8::MAX.into()))),
        Kind::BYTES => (b'y', Some((0, u8::MAX.into()))),
        _ => (b'Y', Some((0, u8::MAX.into()))),
    };
    Layout { code, range }
}

impl Builder<'_> {
    /// `container[index]`; operands are off the stack.
    pub(super) fn buffer_item(&mut self, container: &Item, kind: Kind, index: &Item) -> Result {
        let layout = layout(kind);
        let (object, index) = self.place_in_buffer(container, kind, index)?;
        self.release(object);
        let code = self.number(layout.code.into());
        let helper = match layout.range {
            Some(_) => HelperId::BufferInt,
            None => HelperId::BufferFloat,
        };
        let item = self.helper(helper, vec![object, code, index]);
        self.push_value(item);
        Ok(Flow::Next)
    }

    /// `container[index] = value`; exits where the value does not fit, for the interpreter to complain.
    pub(super) fn store_buffer_item(
        &mut self,
        instr: &Instr,
        [container, index, value]: [&Item; 3],
        kind: Kind,
    ) -> Result {
        let layout = layout(kind);
        let wanted = if layout.range.is_some() {
            Kind::INT
        } else {
            Kind::FLOAT
        };
        let found = self.number_kind(value, Some(wanted));
        let fits = match wanted {
            Kind::INT => matches!(found, Kind::INT | Kind::BOOL),
            _ => matches!(found, Kind::INT | Kind::BOOL | Kind::FLOAT),
        };
        let (Item::Val(number), true) = (value, fits) else {
            let items = [value.clone(), container.clone(), index.clone()];
            return self.generic_of(instr, &items, HelperId::SetItem);
        };
        let (object, index) = self.place_in_buffer(container, kind, index)?;
        let code = self.number(layout.code.into());
        let (helper, raw) = match layout.range {
            Some((least, most)) => {
                let raw = self.raw_int(*number, found);
                if least != i64::MIN {
                    self.guard_int(raw, Cond::Ge, least);
                    self.guard_int(raw, Cond::Le, most);
                }
                (HelperId::BufferStoreInt, raw)
            }
            None => {
                let raw = self.raw_float(*number, found);
                (HelperId::BufferStoreFloat, raw)
            }
        };
        self.release(object);
        let op = Op::Call { helper, outputs: 0 };
        self.emit_unit(op, vec![object, code, index, raw]);
        Ok(Flow::Next)
    }

    /// The container, guarded, and the index, in range.
    fn place_in_buffer(
        &mut self,
        container: &Item,
        kind: Kind,
        index: &Item,
    ) -> std::result::Result<(Value, Value), crate::build::Refusal> {
        let (object, index) = (self.value(container)?, self.value(index)?);
        let object = self.guard_kind(object, kind);
        let index = self.unboxed(index, Kind::INT);
        let index = self.index_in_range(object, kind, index, true);
        Ok((object, index))
    }
}
