//! Globals, names of modules and class bodies, imports.

use super::{Builder, Flow, Result};
use crate::build::Refusal;
use crate::build::emit::object_kind;
use crate::bytecode::{Instr, Opcode, Special};
use crate::hir::{HelperId, Kind, Op, Type, Value};
use martlet_snapshot::{ObjId, Object, Site};

impl Builder<'_> {
    pub(super) fn name_access(&mut self, instr: &Instr) -> Result {
        match instr.opcode {
            Opcode::LoadGlobal => self.load_global(instr),
            Opcode::LoadLocals => self.generic(instr, HelperId::LoadLocals, vec![]),
            Opcode::LoadBuildClass => self.generic(instr, HelperId::LoadBuildClass, vec![]),
            Opcode::LoadAssertionError => self.generic(instr, HelperId::LoadAssertionError, vec![]),
            Opcode::ImportName => {
                let items = self.pop_n(2)?; // level, names
                let (level, names) = (self.obj(&items[0])?, self.obj(&items[1])?);
                let name = self.name(instr.arg)?;
                self.generic(instr, HelperId::ImportName, vec![name, names, level])
            }
            Opcode::ImportFrom => {
                let index = self.frame().stack.len().checked_sub(1);
                let index =
                    index.ok_or_else(|| Refusal::new("bytecode", "value stack underflow"))?;
                let module = self.frame().stack[index].clone();
                let module = self.obj(&module)?;
                let name = self.name(instr.arg)?;
                self.generic(instr, HelperId::ImportFrom, vec![module, name])
            }
            Opcode::LoadName => {
                let name = self.name(instr.arg)?;
                self.generic(instr, HelperId::LoadName, vec![name])
            }
            Opcode::LoadFromDictOrGlobals => {
                let item = self.pop()?;
                let mapping = self.obj(&item)?;
                let name = self.name(instr.arg)?;
                self.generic(instr, HelperId::LoadOfMapping, vec![mapping, name])
            }
            Opcode::LoadFromDictOrDeref => {
                let item = self.pop()?;
                let mapping = self.obj(&item)?;
                let cell = self.load_memory(instr.arg);
                let index = self.number(instr.arg);
                let args = vec![mapping, cell, index];
                self.generic(instr, HelperId::LoadOfMappingOrDeref, args)
            }
            Opcode::DeleteName => {
                let name = self.name(instr.arg)?;
                self.generic(instr, HelperId::DeleteName, vec![name])
            }
            Opcode::DeleteGlobal => {
                let name = self.name(instr.arg)?;
                self.generic(instr, HelperId::DeleteGlobal, vec![name])
            }
            _ => {
                let item = self.pop()?;
                let value = self.obj(&item)?;
                let name = self.name(instr.arg)?;
                let helper = if instr.opcode == Opcode::StoreName {
                    HelperId::StoreName
                } else {
                    HelperId::StoreGlobal
                };
                self.generic(instr, helper, vec![name, value])
            }
        }
    }

    /// `co_names[index]` as an object.
    pub(super) fn name(&mut self, index: u32) -> std::result::Result<Value, Refusal> {
        let (_, id) = self
            .snapshot()
            .names
            .get(index as usize)
            .ok_or_else(|| Refusal::new("bytecode", format!("no name {index}")))?;
        Ok(self.constant(*id))
    }

    /// What the feedback of the current bytecode resolved to.
    pub(super) fn site(&self, instr: &Instr) -> Option<&Site> {
        let sites = &self.snapshot().sites;
        let index = sites
            .binary_search_by_key(&instr.offset, |(offset, _)| *offset)
            .ok()?;
        Some(&sites[index].1)
    }

    fn load_global(&mut self, instr: &Instr) -> Result {
        let special = instr.special;
        if self.may_speculate()
            && let Some(value) = self.probe_global(instr)?
        {
            let object = match self.site(instr) {
                Some(Site::Global { object, .. }) => Some(*object),
                _ => None,
            };
            let value = self.known_global(value, object);
            self.push_value(value);
            if instr.arg & 1 != 0 {
                self.push(crate::build::frame::Item::Null);
            }
            return Ok(Flow::Next);
        }
        let name = self.name(instr.arg >> 1)?;
        let (helper, args) = match special {
            Some(Special::LoadGlobalModule {
                index,
                keys_version,
            }) => {
                let (version, index) =
                    (self.number(keys_version.into()), self.number(index.into()));
                (HelperId::LoadGlobalModule, vec![name, version, index])
            }
            Some(Special::LoadGlobalBuiltin {
                index,
                module_version,
                builtin_version,
            }) => {
                let module = self.number(module_version.into());
                let builtin = self.number(builtin_version.into());
                let index = self.number(index.into());
                (
                    HelperId::LoadGlobalBuiltin,
                    vec![name, module, builtin, index],
                )
            }
            _ => (HelperId::LoadGlobal, vec![name]),
        };
        if !self.may_call_out()? {
            return Ok(Flow::Ended);
        }
        let value = self.call_helper(helper, args).expect("a value");
        self.push_value(value);
        if instr.arg & 1 != 0 {
            self.push(crate::build::frame::Item::Null);
        }
        self.after_run(instr.end);
        if let Some(Site::Global { object, .. }) = self.site(instr) {
            // Not specialised yet, but bound: what is guarded exits behind this bytecode.
            let object = *object;
            self.begin(instr.end, instr.end);
            if !self.may_speculate() {
                return Ok(Flow::Next);
            }
            let known = self.known_global(value, Some(object));
            self.replace_on_stack(value, known);
        }
        Ok(Flow::Next)
    }

    fn replace_on_stack(&mut self, from: Value, to: Value) {
        for item in &mut self.frame_mut().stack {
            if *item == crate::build::frame::Item::Val(from) {
                *item = crate::build::frame::Item::Val(to);
            }
        }
    }

    /// The value by its inline cache, or by its name; exits where it has none.
    fn probe_global(&mut self, instr: &Instr) -> std::result::Result<Option<Value>, Refusal> {
        // An inlined function may have globals of its own.
        if !self.frame().sees_globals {
            return Ok(None);
        }
        let (helper, numbers) = match instr.special {
            Some(Special::LoadGlobalModule {
                index,
                keys_version,
            }) => (HelperId::ProbeGlobalModule, vec![keys_version, index]),
            Some(Special::LoadGlobalBuiltin {
                index,
                module_version,
                builtin_version,
            }) => (
                HelperId::ProbeGlobalBuiltin,
                vec![module_version, builtin_version, index],
            ),
            _ => return Ok(None),
        };
        let mut args = vec![self.name(instr.arg >> 1)?];
        for number in numbers {
            args.push(self.number(u32::from(number)));
        }
        let op = Op::Call { helper, outputs: 0 };
        let value = self.emit(op, args, Type::of(Kind::all()));
        Ok(self.emit_exiting(Op::GuardNotNull, vec![value], Type::ANY))
    }

    /// A global whose object was known when the snapshot was taken: functions and builtins are guarded to be what they
    /// were, of anything else the kind is likely.
    pub(super) fn known_global(&mut self, value: Value, object: Option<ObjId>) -> Value {
        let Some((id, object)) = object.and_then(|id| Some((id, self.object(id)?))) else {
            return value;
        };
        let kinds = object_kind(object);
        let ty = Type {
            kinds,
            object: Some(id),
        };
        match object {
            Object::Function(info) if info.simple => {
                let code = info.code;
                self.emit_exiting(Op::GuardCode(code), vec![value], ty)
                    .expect("the same reference")
            }
            Object::Builtin { .. } | Object::Type { builtin: true, .. } => self
                .emit_exiting(Op::GuardSame(id), vec![value], ty)
                .expect("the same reference"),
            _ => {
                self.hint(value, kinds);
                value
            }
        }
    }
}
