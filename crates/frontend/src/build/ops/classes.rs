//! Where an object has an attribute, by its class: as the inline cache says, and as exits of earlier versions have seen.
//!
//! With one class known, anything else exits, and the exit notes what it saw. With several, they are told apart: reads
//! meet again at once; methods stay apart until they are called, so that each call knows its callee. Where other classes
//! keep coming, they go the general way.

use super::{Builder, Flow};
use crate::build::Refusal;
use crate::build::frame::Item;
use crate::bytecode::{Instr, Special};
use crate::hir::{Block, HelperId, Kind, Op, Rep, Target, Term, Type, Value};
use martlet_snapshot::{CodeSnapshot, Effort, ObjId, Object, Place, SeenClass, Site};

/// An attribute of the objects of one class, or of one module or class.
#[derive(Clone, Copy)]
enum Case {
    /// Of objects of a class.
    Class(SeenClass),
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
            Self::Class(SeenClass { type_version, .. }) | Self::LazyDict { type_version, .. } => {
                Some(*type_version)
            }
            Self::Module { .. } | Self::Type { .. } => None,
        }
    }
}

/// `MARTLET_NO_INDEX` of the helpers: an attribute is no inline value.
const NO_INDEX: u32 = u32::MAX;

/// The versions of classes that are told apart.
fn versions_of(cases: &[Case]) -> Vec<u32> {
    cases.iter().filter_map(Case::type_version).collect()
}

impl Builder<'_> {
    /// Reads an attribute from where it is known to stand; none where that is not known.
    pub(super) fn place_of_attr(
        &mut self,
        instr: &Instr,
        object: Value,
        name: Value,
    ) -> Result<Option<Flow>, Refusal> {
        let mut cases = self.cases(instr, object);
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
        let exits = self.leaves_for_other_classes(&cases, object);
        if let [case] = cases[..]
            && exits
        {
            // What else comes is noted where code is compiled quickly, and does not leave it.
            if let Case::Class(class) = case
                && self.class_of(object).is_none()
                && let Some(found) = self.found_in_place(class, object, name)
            {
                self.attr_or(instr, object, name, found);
                return Ok(Some(Flow::Next));
            }
            let value = self.attr_of(case, object, name);
            self.note_class(object, case.type_version());
            self.release(object);
            self.push_value(value);
            return Ok(Some(Flow::Next));
        }
        let next = self.func.add_block(self.offset);
        let value = self.func.add_param(next, Rep::Obj, Type::ANY);
        let meet = |b: &mut Self, value| {
            let args = vec![value];
            b.end(Term::Jump(Target { block: next, args }));
        };
        self.each_class(&versions_of(&cases), exits, object, |b, index| {
            let value = b.attr_of(cases[index], object, name);
            b.release(object);
            meet(b, value);
            Ok(())
        })?;
        if !exits && self.is_inlined() {
            self.go_on_generally();
        } else if !exits {
            let block = self.block;
            self.func.blocks[block].cold = self.failures() == 0;
            if let Some(value) = self.attr_generally(instr, object, name) {
                meet(self, value);
            }
            self.forget_cached();
        }
        self.block = next;
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
        let cases = self.cases(instr, object);
        if cases.is_empty() || !self.may_tell_apart(&cases) {
            return Ok(None);
        }
        let exits = self.leaves_for_other_classes(&cases, object);
        if let [case] = cases[..]
            && exits
        {
            self.push_method(case, object, name);
            self.note_class(object, case.type_version());
            return Ok(Some(Flow::Next));
        }
        self.each_class(&versions_of(&cases), exits, object, |b, index| {
            let callable = b.push_method(cases[index], object, name);
            b.note_class(object, cases[index].type_version());
            b.told_apart.insert(callable);
            b.jump(instr.end)
        })?;
        if !exits {
            self.go_on_generally();
        }
        Ok(Some(Flow::Ended))
    }

    /// Stores an attribute where it is known to stand; none where that is not known.
    pub(super) fn place_of_store(
        &mut self,
        instr: &Instr,
        owner: &Item,
        item: &Item,
    ) -> Result<Option<Flow>, Refusal> {
        let mut places: Vec<(super::Place, u32)> =
            super::Place::of_store(instr).into_iter().collect();
        for (place, version) in self
            .seen_classes(instr)
            .iter()
            .filter_map(super::Place::of_class)
        {
            if places.len() < CodeSnapshot::MAX_CLASSES && !places.iter().any(|it| it.1 == version)
            {
                places.push((place, version));
            }
        }
        let failed = self.failures();
        let known = match owner {
            Item::Val(object) => self.class_of(*object),
            _ => None,
        };
        if places.iter().any(|it| Some(it.1) == known) {
            places.retain(|it| Some(it.1) == known);
        }
        let exits = failed == 0 && (known.is_some() || !self.meets_other_classes());
        if let [(place, version)] = places[..]
            && exits
            && !self.is_plain()
        {
            return self
                .store_to_place(instr, place, version, owner, item)
                .map(Some);
        }
        let Item::Val(object) = *owner else {
            return Ok(None);
        };
        if places.is_empty() || self.is_plain() || failed > 1 || !self.may_grow() {
            return Ok(None);
        }
        // The ways meet behind the instruction.
        self.returns.insert((self.frame().code, instr.end));
        let versions: Vec<u32> = places.iter().map(|it| it.1).collect();
        self.each_class(&versions, exits, object, |b, index| {
            let (place, version) = places[index];
            match b.store_to_place(instr, place, version, owner, item)? {
                Flow::Ended => Ok(()),
                _ => b.jump(instr.end),
            }
        })?;
        if !exits {
            self.go_on_generally();
        }
        Ok(Some(Flow::Ended))
    }

    /// What exits have seen of an instruction.
    fn seen_classes(&self, instr: &Instr) -> &[SeenClass] {
        let classes = &self.snapshot().classes;
        classes
            .binary_search_by_key(&instr.offset, |(offset, _)| *offset)
            .map_or(&[][..], |index| &classes[index].1)
    }

    /// Whether the bytecode at hand is to be done in the general way.
    pub(super) fn is_plain(&self) -> bool {
        self.plain == Some((self.frame().code as u32, self.start))
    }

    /// Whether the function has not grown too much for telling classes apart.
    fn may_grow(&self) -> bool {
        self.func.bytecodes <= 2 * self.affordable
    }

    /// The version of the class that an object was found to be of.
    fn class_of(&self, object: Value) -> Option<u32> {
        self.classes.get(&self.func.root(object)).copied()
    }

    /// From here on an object is of the class with this version.
    pub(super) fn note_class(&mut self, object: Value, version: Option<u32>) {
        if let Some(version) = version {
            self.classes.insert(self.func.root(object), version);
        }
    }

    /// What is known of an instruction's attribute: what the inline cache says first.
    fn cases(&mut self, instr: &Instr, object: Value) -> Vec<Case> {
        let mut cases = self.all_cases(instr);
        if let known @ Some(_) = self.class_of(object)
            && cases.iter().any(|it| it.type_version() == known)
        {
            cases.retain(|it| it.type_version() == known);
        }
        cases
    }

    fn all_cases(&mut self, instr: &Instr) -> Vec<Case> {
        let mut cases: Vec<Case> = self.cached_case(instr).into_iter().collect();
        let seen = self.seen_classes(instr).to_vec();
        // The cache may be of the time before objects of the class got another attribute.
        if let [Case::Class(cached)] = &mut cases[..]
            && let Some(now) = seen
                .iter()
                .find(|it| it.type_version == cached.type_version)
        {
            *cached = *now;
        }
        for class in seen {
            let is_known = |it: &Case| it.type_version() == Some(class.type_version);
            if cases.len() < CodeSnapshot::MAX_CLASSES && !cases.iter().any(is_known) {
                cases.push(Case::Class(class));
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
                by_name: None,
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
                    object,
                },
            ),
            Special::LoadAttrNondescriptorNoDict { type_version } => class(
                type_version,
                Place::ClassValue {
                    keys_version: 0,
                    object,
                },
            ),
            _ => return None,
        })
    }

    /// Whether the place may be taken from these: it has not failed, or failed once for a class that was not known.
    fn may_tell_apart(&self, cases: &[Case]) -> bool {
        let are_classes = || cases.iter().all(|it| it.type_version().is_some());
        match (self.failures(), cases.len()) {
            _ if self.is_plain() => false,
            (0, 1) => true,
            (0 | 1, _) => are_classes() && self.may_grow(),
            _ => false,
        }
    }

    /// Whether objects of other classes than are known at the bytecode at hand leave the code, or go the general way: where
    /// that has happened often, and in code that has been left for any such object.
    fn leaves_for_other_classes(&self, cases: &[Case], object: Value) -> bool {
        let are_classes = cases.iter().all(|it| it.type_version().is_some());
        let others_come = || self.class_of(object).is_none() && self.meets_other_classes();
        self.failures() == 0 && !(are_classes && others_come())
    }

    /// Whether objects of other classes than are known are to be expected. An inlined function is left for them: nothing
    /// may run in it.
    fn meets_other_classes(&self) -> bool {
        self.snapshot().meets_other_classes && !self.is_inlined()
    }

    /// The bytecode at hand is done in the general way, for the objects of other classes.
    fn go_on_generally(&mut self) {
        let frames = std::mem::replace(&mut self.frames, self.before.clone());
        self.go_on(true);
        self.frames = frames;
    }

    /// Does something in a block for each class. Other classes exit, or go on in the block that is at hand then.
    fn each_class(
        &mut self,
        versions: &[u32],
        exits: bool,
        object: Value,
        mut then: impl FnMut(&mut Self, usize) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        let (start, offset) = (self.start, self.offset);
        for (index, version) in versions.iter().enumerate() {
            let is_last = exits && index + 1 == versions.len();
            let other = (!is_last).then(|| self.branch_on_class(object, *version));
            let (frames, boxes) = (self.frames.clone(), self.boxes.clone());
            let (stored, classes) = (self.stored.clone(), self.classes.clone());
            let before = self.before.clone();
            if !is_last {
                self.note_class(object, Some(*version));
            }
            then(self, index)?;
            (self.frames, self.boxes) = (frames, boxes);
            (self.stored, self.classes) = (stored, classes);
            self.start = start;
            self.offset = offset;
            self.before = before;
            self.before_state = None;
            if let Some(other) = other {
                self.block = other;
            }
        }
        Ok(())
    }

    /// Goes on in a block where the object is of this class; answers the block where it is not.
    fn branch_on_class(&mut self, object: Value, version: u32) -> Block {
        let version = self.number(version);
        let bit = self.helper(HelperId::HasClass, vec![object, version]);
        self.branch_on(bit, None)
    }

    /// The attribute; exits where it is not there.
    fn attr_of(&mut self, case: Case, object: Value, name: Value) -> Value {
        match case {
            Case::Class(class) => {
                let SeenClass {
                    type_version,
                    place,
                    by_name,
                } = class;
                if let Some((helper, args)) = self.own_place(class, object, name) {
                    return self.probe(helper, args, Type::ANY);
                }
                let version = self.number(type_version);
                let (keys_version, id) = match place {
                    Place::Method {
                        keys_version,
                        object,
                    } => (keys_version, Some(object)),
                    Place::ClassValue {
                        keys_version,
                        object,
                    } => (keys_version, object),
                    _ => unreachable!("every place is known"),
                };
                let of_class = match id {
                    Some(id) => self.constant(id),
                    None => {
                        let args = vec![object, name, version];
                        self.probe(HelperId::ClassAttr, args, Type::ANY)
                    }
                };
                if by_name.is_some() {
                    let ty = self.func.ty(of_class);
                    let args = vec![object, name, version, of_class];
                    return self.probe(HelperId::ProbeNotOwn, args, ty);
                }
                self.of_class(object, version, keys_version, of_class)
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

    /// The attribute in an object of a class, or NULL; none where a miss is to leave the code.
    fn found_in_place(&mut self, class: SeenClass, object: Value, name: Value) -> Option<Value> {
        if self.request.mode.effort != Effort::Quick || self.is_inlined() {
            return None;
        }
        let (helper, args) = self.own_place(class, object, name)?;
        let op = Op::Call { helper, outputs: 0 };
        Some(self.emit(op, args, Type::of(Kind::all())))
    }

    /// The probe of an object's own attribute; none where that is the class's.
    fn own_place(
        &mut self,
        class: SeenClass,
        object: Value,
        name: Value,
    ) -> Option<(HelperId, Vec<Value>)> {
        let index = match (class.place, class.by_name) {
            (Place::InstanceValue { index }, _) => index.into(),
            (Place::Own, Some(_)) => NO_INDEX,
            (Place::Slot { offset }, _) => offset.into(),
            _ => return None,
        };
        let (version, index) = (self.number(class.type_version), self.number(index));
        Some(match (class.place, class.by_name) {
            (Place::Slot { .. }, _) => (HelperId::ProbeSlot, vec![object, version, index]),
            (_, None) => (HelperId::ProbeInstanceValue, vec![object, version, index]),
            (_, Some(hint)) => {
                let hint = self.number(hint.into());
                (HelperId::ProbeOwn, vec![object, name, version, index, hint])
            }
        })
    }

    /// What an object's class has, where the object does not hide it.
    fn of_class(
        &mut self,
        object: Value,
        version: Value,
        keys_version: u32,
        value: Value,
    ) -> Value {
        let ty = self.func.ty(value);
        if keys_version == 0 {
            let args = vec![object, version, value];
            return self.probe(HelperId::ProbeMethodNoDict, args, ty);
        }
        let keys = self.number(keys_version);
        let args = vec![object, version, keys, value];
        self.probe(HelperId::ProbeMethodWithValues, args, ty)
    }

    /// A callable, which has the code that it is known with, if it is a Python function that is called directly.
    pub(super) fn with_code(&mut self, callable: Value) -> Value {
        let ty = self.func.ty(callable);
        match ty.object.and_then(|id| self.object(id)) {
            Some(Object::Function(info)) if info.simple => self
                .emit_exiting(Op::GuardCode(info.code), vec![callable], ty)
                .expect("the same reference"),
            _ => callable,
        }
    }

    /// Pushes the callable, and the object it is bound to or NULL; answers the callable.
    fn push_method(&mut self, case: Case, object: Value, name: Value) -> Value {
        let callable = self.attr_of(case, object, name);
        let callable = self.with_code(callable);
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
