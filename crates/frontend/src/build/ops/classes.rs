//! Where an object has an attribute, by its class: as the inline cache says, and as exits of earlier versions have seen.
//!
//! With one class known, anything else exits, and the exit notes what it saw. With several, they are told apart: reads
//! meet again at once; methods stay apart until they are called, so that each call knows its callee. Where other classes
//! keep coming, they go the general way.

use super::{Builder, Flow};
use crate::build::Refusal;
use crate::build::emit::object_kind;
use crate::build::frame::Item;
use crate::bytecode::{Instr, Special};
use crate::hir::{Block, HelperId, Kind, Op, Rep, Target, Term, Type, Value};
use martlet_snapshot::{CodeSnapshot, ObjId, Object, Place, SeenClass, Site};

/// An attribute of the objects of one class, or of one module or class.
#[derive(Clone, Copy)]
enum Case {
    /// Of objects of a class.
    Class(SeenClass),
    /// Of objects of a class: an entry of their dictionaries.
    Hint { type_version: u32, hint: u16 },
    /// A method of objects of a class that have no dictionary yet.
    LazyDict { type_version: u32, object: ObjId },
    /// Of a module: an entry of its dictionary, and what stands there.
    Module {
        keys_version: u32,
        index: u16,
        object: Option<ObjId>,
    },
    /// Of a class itself.
    Type { type_version: u32, object: ObjId },
}

impl Case {
    /// The version of the objects' class.
    fn type_version(&self) -> Option<u32> {
        match self {
            Self::Class(SeenClass { type_version, .. })
            | Self::Hint { type_version, .. }
            | Self::LazyDict { type_version, .. } => Some(*type_version),
            Self::Module { .. } | Self::Type { .. } => None,
        }
    }
}

impl Builder<'_> {
    /// Reads an attribute from where it is known to stand; none where that is not known.
    pub(super) fn place_of_attr(
        &mut self,
        instr: &Instr,
        object: Value,
        name: Value,
    ) -> Result<Option<Flow>, Refusal> {
        let mut cases = self.cases(instr);
        cases.retain(|it| {
            !matches!(
                it,
                Case::Class(SeenClass {
                    place: Place::Method { .. },
                    ..
                })
            )
        });
        if cases.is_empty() || !self.may_tell_apart(&cases) {
            return Ok(None);
        }
        if let [case] = cases[..]
            && self.failures() == 0
        {
            let value = self.attr_of(case, object, name);
            self.release(object);
            self.push_value(value);
            return Ok(Some(Flow::Next));
        }
        let next = self.func.add_block(self.offset);
        let value = self.func.add_param(next, Rep::Obj, Type::ANY);
        self.each_class(&cases, object, |b, case| {
            let value = b.attr_of(case, object, name);
            b.end(Term::Jump(Target {
                block: next,
                args: vec![value],
            }));
            Ok(())
        })?;
        self.block = next;
        self.release(object);
        self.push_value(value);
        Ok(Some(Flow::Next))
    }

    /// Reads a method and what it is bound to; none where it is not known where it stands.
    pub(super) fn place_of_method(
        &mut self,
        instr: &Instr,
        object: Value,
        name: Value,
    ) -> Result<Option<Flow>, Refusal> {
        let cases = self.cases(instr);
        if cases.is_empty() || !self.may_tell_apart(&cases) {
            return Ok(None);
        }
        if let [case] = cases[..]
            && self.failures() == 0
        {
            self.push_method(case, object, name);
            return Ok(Some(Flow::Next));
        }
        self.each_class(&cases, object, |b, case| {
            let callable = b.push_method(case, object, name);
            b.told_apart.insert(callable);
            b.jump(instr.end)
        })?;
        Ok(Some(Flow::Ended))
    }

    /// What is known of an instruction's attribute: what the inline cache says first.
    fn cases(&mut self, instr: &Instr) -> Vec<Case> {
        let mut cases: Vec<Case> = self.cached_case(instr).into_iter().collect();
        let snapshot = self.snapshot();
        let seen = snapshot
            .classes
            .binary_search_by_key(&instr.offset, |(offset, _)| *offset)
            .map_or(&[][..], |index| &snapshot.classes[index].1);
        for class in seen {
            let is_known = |it: &Case| it.type_version() == Some(class.type_version);
            if cases.len() < CodeSnapshot::MAX_CLASSES && !cases.iter().any(is_known) {
                cases.push(Case::Class(*class));
            }
        }
        cases
    }

    fn cached_case(&self, instr: &Instr) -> Option<Case> {
        let object = match self.site(instr) {
            Some(Site::Descriptor(id)) => Some(*id),
            _ => None,
        };
        let class = |type_version, place| {
            Case::Class(SeenClass {
                type_version,
                place,
            })
        };
        Some(match instr.special? {
            Special::LoadAttrInstanceValue {
                type_version,
                index,
            } => class(type_version, Place::InstanceValue { index }),
            Special::LoadAttrSlot {
                type_version,
                offset,
            } => class(type_version, Place::Slot { offset }),
            Special::LoadAttrWithHint { type_version, hint } => Case::Hint { type_version, hint },
            Special::LoadAttrModule {
                keys_version,
                index,
            } => Case::Module {
                keys_version,
                index,
                object,
            },
            Special::LoadAttrMethodLazyDict { type_version, .. } => Case::LazyDict {
                type_version,
                object: object?,
            },
            Special::LoadAttrClass { type_version } => Case::Type {
                type_version,
                object: object?,
            },
            Special::LoadAttrMethodWithValues {
                type_version,
                keys_version,
            } => class(
                type_version,
                Place::Method {
                    keys_version,
                    object: object?,
                },
            ),
            Special::LoadAttrMethodNoDict { type_version } => class(
                type_version,
                Place::Method {
                    keys_version: 0,
                    object: object?,
                },
            ),
            Special::LoadAttrNondescriptorWithValues {
                type_version,
                keys_version,
            } => class(
                type_version,
                Place::ClassValue {
                    keys_version,
                    object: object?,
                },
            ),
            Special::LoadAttrNondescriptorNoDict { type_version } => class(
                type_version,
                Place::ClassValue {
                    keys_version: 0,
                    object: object?,
                },
            ),
            _ => return None,
        })
    }

    /// Whether the place may be taken from these: it has not failed, or failed once for a class that was not known.
    fn may_tell_apart(&self, cases: &[Case]) -> bool {
        let is_plain = self.plain == Some((self.frame().code as u32, self.start));
        let are_classes = || cases.iter().all(|it| it.type_version().is_some());
        match (self.failures(), cases.len()) {
            _ if is_plain => false,
            (0, 1) => true,
            (0 | 1, _) => are_classes() && self.func.bytecodes <= 2 * self.affordable,
            _ => false,
        }
    }

    /// Does something in a block for each class. Other classes exit, or, where that happened often, go the general way.
    fn each_class(
        &mut self,
        cases: &[Case],
        object: Value,
        mut then: impl FnMut(&mut Self, Case) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        let exits = self.failures() == 0;
        let (start, offset) = (self.start, self.offset);
        for (index, case) in cases.iter().enumerate() {
            let is_last = exits && index + 1 == cases.len();
            let other = (!is_last).then(|| self.branch_on_class(object, *case));
            let (frames, boxes) = (self.frames.clone(), self.boxes.clone());
            let before = self.before.clone();
            then(self, *case)?;
            (self.frames, self.boxes) = (frames, boxes);
            self.start = start;
            self.offset = offset;
            self.before = before;
            self.before_state = None;
            if let Some(other) = other {
                self.block = other;
            }
        }
        if !exits {
            let frames = std::mem::replace(&mut self.frames, self.before.clone());
            self.go_on(true);
            self.frames = frames;
        }
        Ok(())
    }

    /// Goes on in a block where the object is of this class; answers the block where it is not.
    fn branch_on_class(&mut self, object: Value, case: Case) -> Block {
        let version = self.number(case.type_version().unwrap_or(0));
        let bit = self.helper(HelperId::HasClass, vec![object, version]);
        self.branch_on(bit, None)
    }

    /// The attribute; exits where it is not there.
    fn attr_of(&mut self, case: Case, object: Value, name: Value) -> Value {
        match case {
            Case::Class(SeenClass {
                type_version,
                place,
            }) => {
                let version = self.number(type_version);
                match place {
                    Place::InstanceValue { index } => {
                        let index = self.number(index.into());
                        let args = vec![object, version, index];
                        self.probe(HelperId::ProbeInstanceValue, args, Type::ANY)
                    }
                    Place::Slot { offset } => {
                        let offset = self.number(offset.into());
                        let args = vec![object, version, offset];
                        self.probe(HelperId::ProbeSlot, args, Type::ANY)
                    }
                    Place::Method {
                        keys_version,
                        object: of_class,
                    }
                    | Place::ClassValue {
                        keys_version,
                        object: of_class,
                    } => self.of_class(object, version, keys_version, of_class),
                    _ => unreachable!("every place is known"),
                }
            }
            Case::Hint { type_version, hint } => {
                let (version, hint) = (self.number(type_version), self.number(hint.into()));
                let args = vec![object, name, version, hint];
                self.probe(HelperId::ProbeWithHint, args, Type::ANY)
            }
            Case::LazyDict {
                type_version,
                object: of_class,
            } => {
                let version = self.number(type_version);
                let method = self.constant(of_class);
                let ty = self.func.ty(method);
                let args = vec![object, version, method];
                self.probe(HelperId::ProbeMethodLazyDict, args, ty)
            }
            Case::Module {
                keys_version,
                index,
                object: of_module,
            } => {
                let (version, index) = (self.number(keys_version), self.number(index.into()));
                let args = vec![object, version, index];
                let value = self.probe(HelperId::ProbeModuleValue, args, Type::ANY);
                self.known_global(value, of_module)
            }
            Case::Type {
                type_version,
                object: of_class,
            } => {
                let version = self.number(type_version);
                let same = self.helper(HelperId::IsClass, vec![object, version]);
                self.guard(same, true);
                self.constant(of_class)
            }
        }
    }

    /// What an object's class has, where the object does not hide it.
    fn of_class(&mut self, object: Value, version: Value, keys_version: u32, id: ObjId) -> Value {
        let ty = Type {
            kinds: self.object(id).map_or(Kind::OBJECT, object_kind),
            object: Some(id),
        };
        let value = self.constant(id);
        if keys_version == 0 {
            let args = vec![object, version, value];
            return self.probe(HelperId::ProbeMethodNoDict, args, ty);
        }
        let keys = self.number(keys_version);
        let args = vec![object, version, keys, value];
        self.probe(HelperId::ProbeMethodWithValues, args, ty)
    }

    /// Pushes the callable, and the object it is bound to or NULL; answers the callable.
    fn push_method(&mut self, case: Case, object: Value, name: Value) -> Value {
        let mut callable = self.attr_of(case, object, name);
        let id = self.func.ty(callable).object;
        if let Some(Object::Function(info)) = id.and_then(|id| self.object(id))
            && info.simple
        {
            let ty = self.func.ty(callable);
            callable = self
                .emit_exiting(Op::GuardCode(info.code), vec![callable], ty)
                .expect("the same reference");
        }
        let is_method = matches!(
            case,
            Case::LazyDict { .. }
                | Case::Class(SeenClass {
                    place: Place::Method { .. },
                    ..
                })
        );
        if !is_method {
            self.release(object);
        }
        self.push_value(callable);
        self.push(if is_method {
            Item::Val(object)
        } else {
            Item::Null
        });
        callable
    }
}
