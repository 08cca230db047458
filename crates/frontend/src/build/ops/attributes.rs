//! Attributes: by the inline cache that the interpreter filled, with the generic way behind it.

use super::{Builder, Flow, Refusal, Result};
use crate::build::frame::{Field, Item};
use crate::bytecode::{Instr, Opcode, Special};
use crate::hir::{HelperId, Kind, Op, Type, Value};
use martlet_snapshot::{Object, Site, VirtualKind};

impl Builder<'_> {
    pub(super) fn attribute(&mut self, instr: &Instr) -> Result {
        match instr.opcode {
            Opcode::LoadAttr if instr.arg & 1 != 0 => self.load_method(instr),
            Opcode::LoadAttr => self.load_attr(instr),
            Opcode::StoreAttr => self.store_attr(instr),
            Opcode::DeleteAttr => {
                let item = self.pop()?;
                let object = self.obj(&item)?;
                let name = self.name(instr.arg)?;
                self.generic(instr, HelperId::DelAttr, vec![object, name])
            }
            _ => self.load_super(instr),
        }
    }

    fn load_attr(&mut self, instr: &Instr) -> Result {
        let item = self.pop()?;
        let object = self.obj(&item)?;
        let name = self.name(instr.arg >> 1)?;
        if let Some(value) = self.stored_number(instr, object) {
            self.release(object);
            self.push_value(value);
            return Ok(Flow::Next);
        }
        if let Some(flow) = self.place_of_attr(instr, object, name)? {
            return Ok(flow);
        }
        if let Some(flow) = self.property(instr, object)? {
            return Ok(flow);
        }
        if self.is_class(instr, &item) {
            let op = Op::Call {
                helper: HelperId::ProbeClassValue,
                outputs: 0,
            };
            let found = self.emit(op, vec![object, name], Type::of(Kind::all()));
            self.attr_or(instr, object, name, found);
            return Ok(Flow::Next);
        }
        let (helper, args) = match instr.special {
            Some(Special::LoadAttrInstanceValue {
                type_version,
                index,
            }) => {
                let (version, index) = (self.number(type_version), self.number(index.into()));
                (
                    HelperId::GetAttrInstanceValue,
                    vec![object, name, version, index],
                )
            }
            Some(Special::LoadAttrWithHint { type_version, hint }) => {
                let (version, hint) = (self.number(type_version), self.number(hint.into()));
                (HelperId::GetAttrWithHint, vec![object, name, version, hint])
            }
            Some(Special::LoadAttrSlot {
                type_version,
                offset,
            }) => {
                let (version, offset) = (self.number(type_version), self.number(offset.into()));
                (HelperId::GetAttrSlot, vec![object, name, version, offset])
            }
            Some(Special::LoadAttrModule {
                keys_version,
                index,
            }) => {
                let (version, index) = (self.number(keys_version), self.number(index.into()));
                (HelperId::GetAttrModule, vec![object, name, version, index])
            }
            Some(Special::LoadAttrClass { type_version }) => match self.descriptor(instr) {
                Some(descriptor) => {
                    let version = self.number(type_version);
                    (
                        HelperId::GetAttrClass,
                        vec![object, name, version, descriptor],
                    )
                }
                None => (HelperId::GetAttr, vec![object, name]),
            },
            _ => (HelperId::GetAttr, vec![object, name]),
        };
        self.generic(instr, helper, args)
    }

    /// Calls the getter of a property; none where it is not known to be one.
    fn property(
        &mut self,
        instr: &Instr,
        object: Value,
    ) -> std::result::Result<Option<Flow>, Refusal> {
        let (Some(Special::LoadAttrProperty { type_version, .. }), Some(Site::Descriptor(id))) =
            (instr.special, self.site(instr))
        else {
            return Ok(None);
        };
        let id = *id;
        let info = match self.object(id) {
            Some(Object::Function(info)) if info.simple && info.arg_count == 1 => info.clone(),
            _ => return Ok(None),
        };
        if !self.may_speculate() {
            return Ok(None);
        }
        let version = self.number(type_version);
        let same = self.helper(HelperId::HasClass, vec![object, version]);
        self.guard(same, true);
        let getter = self.constant(id);
        let ty = self.func.ty(getter);
        let getter = self
            .emit_exiting(Op::GuardCode(info.code), vec![getter], ty)
            .expect("the same reference");
        self.python_function(instr, getter, &info, &[Item::Val(object)])
    }

    /// Calls a probe, and exits where it finds nothing.
    pub(super) fn probe(&mut self, helper: HelperId, args: Vec<Value>, ty: Type) -> Value {
        let op = Op::Call { helper, outputs: 0 };
        let found = self.emit(op, args, Type::of(Kind::all()));
        self.emit_exiting(Op::GuardNotNull, vec![found], ty)
            .expect("the same reference")
    }

    /// The object that the inline cache holds.
    pub(super) fn descriptor(&mut self, instr: &Instr) -> Option<Value> {
        let Some(Site::Descriptor(id)) = self.site(instr) else {
            return None;
        };
        let id = *id;
        Some(self.constant(id))
    }

    fn load_method(&mut self, instr: &Instr) -> Result {
        let item = self.pop()?;
        let object = self.obj(&item)?;
        let name = self.name(instr.arg >> 1)?;
        if let Some(flow) = self.place_of_method(instr, object, name)? {
            return Ok(flow);
        }
        if self.wrapped_function(instr, object, name) {
            return Ok(Flow::Next);
        }
        let descriptor = self.descriptor(instr);
        let (helper, args) = match (instr.special, descriptor) {
            (
                Some(Special::LoadAttrMethodWithValues {
                    type_version,
                    keys_version,
                }),
                Some(descriptor),
            ) => {
                let (version, keys) = (self.number(type_version), self.number(keys_version));
                (
                    HelperId::LoadMethodWithValues,
                    vec![object, name, version, keys, descriptor],
                )
            }
            (Some(Special::LoadAttrMethodNoDict { type_version }), Some(descriptor)) => {
                let version = self.number(type_version);
                (
                    HelperId::LoadMethodNoDict,
                    vec![object, name, version, descriptor],
                )
            }
            (Some(Special::LoadAttrMethodLazyDict { type_version, .. }), Some(descriptor)) => {
                let version = self.number(type_version);
                (
                    HelperId::LoadMethodLazyDict,
                    vec![object, name, version, descriptor],
                )
            }
            _ => (HelperId::LoadMethod, vec![object, name]),
        };
        self.push_pair(instr, helper, args)
    }

    /// Whether an object is probably a class, and nothing has failed here yet.
    fn is_class(&self, instr: &Instr, item: &Item) -> bool {
        let was_class = matches!(instr.special, Some(Special::LoadAttrClass { .. }));
        self.failures() == 0 && (was_class || self.likely_kinds(item) == Kind::TYPE)
    }

    /// Pushes the method that the function behind a class method makes of it and the class, which is not made; or the
    /// function of a static method. False where it is not known.
    fn wrapped_function(&mut self, instr: &Instr, class: Value, name: Value) -> bool {
        let Some(Site::Wrapped {
            function,
            is_static,
        }) = self.site(instr).cloned()
        else {
            return false;
        };
        if !self.may_speculate() || self.failures() > 0 {
            return false;
        }
        let function = self.constant(function);
        let ty = self.func.ty(function);
        let is_static_number = self.number(is_static.into());
        let args = vec![class, name, function, is_static_number];
        let found = self.probe(HelperId::ProbeWrapped, args, ty);
        let callable = self.with_code(found);
        if is_static {
            self.release(class);
            self.push_value(callable);
        } else {
            let fields = [callable, class].map(|it| Field::Item(Item::Val(it)));
            self.push(Item::Virtual(VirtualKind::Method, fields.to_vec()));
        }
        self.push(Item::Null);
        true
    }

    /// Calls a helper that gives a callable and the object it is bound to, or NULL.
    fn push_pair(&mut self, instr: &Instr, helper: HelperId, args: Vec<Value>) -> Result {
        if !self.may_call_out()? {
            return Ok(Flow::Ended);
        }
        self.note_operands(instr);
        let pair = self.call_helper(helper, args).expect("a pair");
        let callable = self.emit(Op::First, vec![pair], Type::ANY);
        let bound = self.emit(Op::Second, vec![pair], Type::of(Kind::all()));
        self.push_value(callable);
        self.push_value(bound);
        self.after_run(instr.end);
        Ok(Flow::Next)
    }

    fn store_attr(&mut self, instr: &Instr) -> Result {
        let owner = self.pop()?;
        let item = self.pop()?;
        if let Some(flow) = self.place_of_store(instr, &owner, &item)? {
            return Ok(flow);
        }
        let (object, value) = (self.obj(&owner)?, self.obj(&item)?);
        let name = self.name(instr.arg)?;
        let (helper, version, place) = match instr.special {
            Some(Special::StoreAttrInstanceValue {
                type_version,
                index,
            }) => (HelperId::SetAttrInstanceValue, type_version, index),
            Some(Special::StoreAttrSlot {
                type_version,
                offset,
            }) => (HelperId::SetAttrSlot, type_version, offset),
            Some(Special::StoreAttrWithHint { type_version, hint }) => {
                (HelperId::SetAttrWithHint, type_version, hint)
            }
            _ => return self.generic(instr, HelperId::SetAttr, vec![value, object, name]),
        };
        let (version, place) = (self.number(version), self.number(place.into()));
        self.generic(instr, helper, vec![value, object, name, version, place])
    }

    fn load_super(&mut self, instr: &Instr) -> Result {
        let items: Vec<Item> = self.pop_n(3)?;
        let mut args = Vec::new();
        for item in &items {
            args.push(self.obj(item)?);
        }
        let name = self.name(instr.arg >> 2)?;
        args.push(name);
        if instr.arg & 1 != 0 {
            return self.push_pair(instr, HelperId::LoadSuperMethod, args);
        }
        self.generic(instr, HelperId::LoadSuperAttr, args)
    }
}
