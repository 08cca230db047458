//! Attributes stored in place: guarded to stand where the inline cache says, then written, without a call.
//!
//! What stood there is released last. Where that may run code, the whole is left to the interpreter's own way.

use super::{Builder, Flow, Result};
use crate::build::Refusal;
use crate::build::frame::Item;
use crate::bytecode::{Instr, Special};
use crate::hir::{HelperId, Kind, Op, Rep, Type, Value};
use martlet_snapshot::SeenClass;

/// Where in an object an attribute stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::build) struct Place {
    kind: PlaceKind,
    index: u16,
}

/// `enum place_kind` of the helpers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum PlaceKind {
    Value,
    Slot,
    Entry,
}

impl Place {
    /// Where a store finds its attribute, and in objects of which version of a class.
    pub(super) fn of_store(instr: &Instr) -> Option<(Self, u32)> {
        let (kind, index, version) = match instr.special? {
            Special::StoreAttrInstanceValue {
                type_version,
                index,
            } => (PlaceKind::Value, index, type_version),
            Special::StoreAttrSlot {
                type_version,
                offset,
            } => (PlaceKind::Slot, offset, type_version),
            Special::StoreAttrWithHint { type_version, hint } => {
                (PlaceKind::Entry, hint, type_version)
            }
            _ => return None,
        };
        Some((Self { kind, index }, version))
    }

    /// The same for a class that exits have seen.
    pub(super) fn of_class(class: &SeenClass) -> Option<(Self, u32)> {
        let (kind, index) = match class.place {
            _ if class.by_name.is_some() => return None,
            martlet_snapshot::Place::InstanceValue { index } => (PlaceKind::Value, index),
            martlet_snapshot::Place::Slot { offset } => (PlaceKind::Slot, offset),
            _ => return None,
        };
        Some((Self { kind, index }, class.type_version))
    }

    fn of_load(instr: &Instr) -> Option<Self> {
        let (kind, index) = match instr.special? {
            Special::LoadAttrInstanceValue { index, .. } => (PlaceKind::Value, index),
            Special::LoadAttrSlot { offset, .. } => (PlaceKind::Slot, offset),
            _ => return None,
        };
        Some(Self { kind, index })
    }
}

impl Builder<'_> {
    /// Stores where the inline cache says; operands are off the stack.
    pub(super) fn store_to_place(
        &mut self,
        instr: &Instr,
        place: Place,
        version: u32,
        owner: &Item,
        item: &Item,
    ) -> Result {
        let object = self.obj(owner)?;
        let value = self.value(item)?;
        let name = self.name(instr.arg)?;
        let mut args = self.place_args(object, place);
        args.push(self.number(version));
        let helper = if place.kind == PlaceKind::Entry {
            args.push(name);
            HelperId::HasEntry
        } else {
            HelperId::HasPlace
        };
        let holds = self.helper(helper, args);
        self.guard(holds, true);
        self.note_class(object, Some(version));
        let test = Op::Call {
            helper: HelperId::PlaceQuiet,
            outputs: 0,
        };
        let args = self.place_args(object, place);
        // Where a number is stored, a number stood; and in an inlined frame no code may run.
        if self.func.rep(value) != Rep::Obj || self.is_inlined() {
            let quiet = self.emit(test, args, Type::of(Kind::BOOL));
            self.guard(quiet, true);
            self.release_giving(object, &[value]);
            self.put(place, object, value)?;
            return Ok(Flow::Next);
        }
        self.release_giving(object, &[value]);
        let mut done = Ok(());
        self.rarely_run(test, args, |b, runs| {
            if runs {
                b.sync_frame();
                b.call_helper(HelperId::SetAttr, vec![value, object, name]);
                b.after_run(instr.end);
            } else {
                done = b.put(place, object, value);
            }
        });
        done?;
        Ok(Flow::Next)
    }

    /// Writes a value to a place that is there, and whose old content is quiet.
    fn put(
        &mut self,
        place: Place,
        object: Value,
        value: Value,
    ) -> std::result::Result<(), Refusal> {
        self.stored.retain(|(_, other), _| *other != place);
        let mut args = self.place_args(object, place);
        let helper = match self.func.rep(value) {
            _ if place.kind == PlaceKind::Entry || !self.is_unshared(value) => {
                args.push(self.boxed(value));
                let store = if place.kind == PlaceKind::Entry {
                    HelperId::EntryStore
                } else {
                    HelperId::PlaceStore
                };
                self.call_helper(store, args);
                return Ok(());
            }
            Rep::F64 => HelperId::PlaceStoreFloat,
            _ => HelperId::PlaceStoreInt,
        };
        args.push(value);
        self.call_helper(helper, args);
        self.stored.insert((self.func.root(object), place), value);
        Ok(())
    }

    /// Whether a raw number has no object that the program may know of, nor goes anywhere else from here.
    pub(super) fn is_unshared(&self, value: Value) -> bool {
        let holds = |item: &Item| *item == Item::Val(value);
        let is_number = matches!(self.func.rep(value), Rep::F64 | Rep::I64);
        let is_constant = matches!(self.func.def_op(value), Some(Op::Int(_) | Op::Float(_)));
        is_number
            && !is_constant
            && self.keeping_local(value).is_none()
            && (self.func.rep(value) == Rep::I64
                || !self.boxes.contains_key(&value) && !self.frame().stack.iter().any(holds))
    }

    /// The object at the place that a load finds, where a raw number was stored just now.
    pub(super) fn stored_number(&mut self, instr: &Instr, object: Value) -> Option<Value> {
        let place = Place::of_load(instr)?;
        let raw = *self.stored.get(&(self.func.root(object), place))?;
        let args = self.place_args(object, place);
        let op = Op::Call {
            helper: HelperId::PlaceValue,
            outputs: 0,
        };
        let value = self.emit(op, args, self.func.ty(raw));
        self.payloads.insert(value, raw);
        Some(value)
    }

    fn place_args(&mut self, object: Value, place: Place) -> Vec<Value> {
        vec![
            object,
            self.number(place.kind as u32),
            self.number(place.index.into()),
        ]
    }
}
