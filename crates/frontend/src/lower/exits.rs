//! Exits: a frame state becomes a record of the exit table and the list of values that machine code passes.
//!
//! Values are numbered in the order in which they are named; an alias (a guard's result) is the value it guards, so an
//! object that is named twice is passed once, and one that is handed over is handed over by its first mention.
//! Constants cost nothing: they are named by slot or by their small value. Values at home (see `homes`) come first and
//! are not passed.

use super::Refusal;
use super::homes::Homes;
use crate::hir::{Def, ExitSite, Func, HelperId, Op, Raised, Rep, Slot, State, StateId, Value};
use martlet_snapshot::{Desc, ExitFrame, ExitRecord, ObjId, SlotValue, VirtualDesc};

/// What the lowering offers for the making of records.
pub(super) trait SlotSource {
    /// The slot that holds this.
    fn slot(&mut self, value: SlotValue) -> Result<u32, Refusal>;
    /// The code object of `Request::codes[index]`.
    fn code_object(&self, index: u32) -> Result<ObjId, Refusal>;
}

/// A record and the values that go with it, in order.
pub(super) fn describe(
    func: &Func,
    slots: &mut dyn SlotSource,
    homes: &Homes,
    (site, state): (ExitSite, StateId),
    reason: &str,
    raised: Option<Raised>,
) -> Result<(ExitRecord, Vec<Value>), Refusal> {
    let handover = func.handovers.get(&site);
    let mut writer = Writer {
        func,
        slots,
        owned: handover.map_or_else(Vec::new, |handover| handover.owned.clone()),
        at_home: Vec::new(),
        values: Vec::new(),
        virtuals: Vec::new(),
        made: Vec::new(),
    };
    let mut words = Vec::new();
    func.state_values(state, &mut |value| {
        let value = func.root(value);
        if let (Some(word), false) = (homes.home(site, value), writer.at_home.contains(&value)) {
            writer.at_home.push(value);
            words.push(word);
        }
    });
    let mut frames = Vec::new();
    let mut next = Some(state);
    let mut chain = Vec::new();
    while let Some(id) = next {
        chain.push(id);
        next = func.states[id].parent;
    }
    for id in chain.into_iter().rev() {
        frames.push(writer.frame(&func.states[id])?);
    }
    let mut drops = Vec::new();
    for &value in handover.map_or(&[][..], |handover| &handover.drops) {
        let number = writer.number(value);
        drops.push(Desc::Owned(number));
    }
    if let Some(value) = writer.owned.first() {
        return Err(Refusal::Handover(value.to_string()));
    }
    let doubles = writer
        .values
        .iter()
        .map(|value| func.rep(*value) == Rep::F64)
        .collect();
    let record = ExitRecord {
        reason: reason.to_owned(),
        raised: raised.is_some(),
        again: raised == Some(Raised::Again),
        homes: words,
        doubles,
        virtuals: writer.virtuals,
        frames,
        drops,
    };
    Ok((record, writer.values))
}

struct Writer<'a> {
    func: &'a Func,
    slots: &'a mut dyn SlotSource,
    /// Roots to hand over that were not named yet.
    owned: Vec<Value>,
    /// Values that need not be passed.
    at_home: Vec<Value>,
    values: Vec<Value>,
    virtuals: Vec<VirtualDesc>,
    /// The function's virtual behind each of the record's.
    made: Vec<u32>,
}

impl Writer<'_> {
    fn frame(&mut self, state: &State) -> Result<ExitFrame, Refusal> {
        let is_root = state.parent.is_none();
        let code_slot = if is_root {
            0
        } else {
            let code = self.slots.code_object(state.code)?;
            self.slots.slot(SlotValue::Object(code))?
        };
        let function = match state.function {
            Some(function) if !is_root => self.value(function)?,
            _ => Desc::Memory,
        };
        let mut locals = self.all(&state.locals)?;
        if is_root {
            for (local, kept) in locals.iter_mut().zip(&self.func.kept) {
                if let (Desc::Float(value), true) = (*local, kept) {
                    *local = Desc::Kept(value);
                }
            }
        }
        Ok(ExitFrame {
            code_slot,
            function,
            offset: state.offset,
            return_to: state.return_to,
            returned: state.returned,
            locals,
            stack: self.all(&state.stack)?,
        })
    }

    fn all(&mut self, slots: &[Slot]) -> Result<Vec<Desc>, Refusal> {
        slots.iter().map(|slot| self.slot(*slot)).collect()
    }

    fn slot(&mut self, slot: Slot) -> Result<Desc, Refusal> {
        Ok(match slot {
            Slot::Memory => Desc::Memory,
            Slot::Null => Desc::Null,
            Slot::Value(value) => self.value(value)?,
            Slot::Raw(value) => match self.func.def_op(self.func.root(value)) {
                Some(Op::Int(small @ 0..0x100_0000)) => Desc::SmallInt(*small as u32),
                _ => Desc::Raw(self.number(value)),
            },
            Slot::Virtual(index) => self.virtual_object(index)?,
        })
    }

    fn virtual_object(&mut self, index: u32) -> Result<Desc, Refusal> {
        if let Some(made) = self.made.iter().position(|made| *made == index) {
            return Ok(Desc::Virtual(made as u32));
        }
        let object = &self.func.virtuals[index as usize];
        let items = self.all(&object.items)?;
        self.made.push(index);
        self.virtuals.push(VirtualDesc {
            kind: object.kind,
            items,
        });
        Ok(Desc::Virtual(self.made.len() as u32 - 1))
    }

    fn value(&mut self, value: Value) -> Result<Desc, Refusal> {
        let value = self.func.root(value);
        match self.func.def_op(value) {
            Some(Op::Const(object)) => {
                return Ok(Desc::Slot(self.slots.slot(SlotValue::Object(*object))?));
            }
            Some(Op::Null) => return Ok(Desc::Null),
            Some(Op::Int(small @ 0..0x100_0000)) => return Ok(Desc::SmallInt(*small as u32)),
            _ => {}
        }
        Ok(match self.func.rep(value) {
            Rep::Obj => {
                let number = self.number(value);
                match self.owned.iter().position(|owned| *owned == value) {
                    Some(place) => {
                        self.owned.remove(place);
                        Desc::Owned(number)
                    }
                    None => Desc::Borrowed(number),
                }
            }
            Rep::I64 => Desc::Int(self.number(value)),
            Rep::F64 => Desc::Float(self.number(value)),
            Rep::I1 => Desc::Bool(self.number(value)),
            Rep::Multi | Rep::Unit => return Err(Refusal::Internal("a state names no value")),
        })
    }

    fn number(&mut self, value: Value) -> u32 {
        let value = self.func.root(value);
        let all = self.at_home.iter().chain(&self.values);
        let place = all.into_iter().position(|known| *known == value);
        place.unwrap_or_else(|| {
            self.values.push(value);
            self.at_home.len() + self.values.len() - 1
        }) as u32
    }
}

/// The reason that is counted when the instruction that defines or is this operation exits.
pub(super) fn reason(func: &Func, op: &Op, operand: Option<Value>) -> &'static str {
    match op {
        Op::GuardKind(_) => "type",
        Op::GuardNotNull => match operand.map(|value| func.values[func.root(value)].def) {
            Some(Def::Inst(inst)) => match func.insts[inst].op {
                Op::LoadLocal(_) => "unbound",
                Op::Call {
                    helper: HelperId::ProbeGlobalModule | HelperId::ProbeGlobalBuiltin,
                    ..
                } => "global",
                Op::Call {
                    helper: HelperId::ProbeDefault,
                    ..
                } => "default",
                Op::Call {
                    helper: HelperId::MixedOp,
                    ..
                } => "type",
                Op::Call { .. } => "attribute",
                _ => "null",
            },
            _ => "null",
        },
        Op::GuardSame(_) => "identity",
        Op::GuardCode(_) => "callee",
        Op::UnboxInt | Op::IntBin(_) | Op::IntNeg => "overflow",
        Op::CheckValid | Op::CheckUnit => "invalid",
        _ => "guard",
    }
}
