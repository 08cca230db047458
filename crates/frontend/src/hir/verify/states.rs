//! Frame states and virtual objects.

use super::Rules;
use super::error::{Place, Rule, Violation};
use crate::hir::{Func, Rep, Slot, StateId, Value, Virtual};
use martlet_snapshot::VirtualKind;
use std::collections::BTreeSet;

/// States that were checked already, and the verdict.
pub(super) struct States<'a> {
    func: &'a Func,
    rules: &'a Rules<'a>,
    seen: BTreeSet<StateId>,
    seen_virtuals: BTreeSet<u32>,
    /// States whose parents or virtual objects cannot be walked.
    broken: BTreeSet<StateId>,
}

impl<'a> States<'a> {
    pub(super) fn new(func: &'a Func, rules: &'a Rules<'a>) -> Self {
        Self {
            func,
            rules,
            seen: BTreeSet::new(),
            seen_virtuals: BTreeSet::new(),
            broken: BTreeSet::new(),
        }
    }

    /// Checks a state and its parents, once; calls `each` with every value it names, each time.
    pub(super) fn check(
        &mut self,
        state: StateId,
        found: &mut Vec<Violation>,
        each: &mut dyn FnMut(Value),
    ) {
        if self.is_cyclic(state) {
            if self.seen.insert(state) {
                found.push(violation(state, Rule::ParentCycle));
            }
            return;
        }
        let n_found = found.len();
        let mut next = Some(state);
        while let Some(id) = next {
            if self.seen.insert(id) {
                self.check_one(id, found);
            } else if self.broken.contains(&id) {
                self.broken.insert(state);
            }
            next = self.func.states[id].parent;
        }
        let bad_virtual = |violation: &Violation| matches!(violation.rule, Rule::VirtualOrder(_));
        if found[n_found..].iter().any(bad_virtual) {
            self.broken.insert(state);
        }
        if !self.broken.contains(&state) {
            self.func.state_values(state, each);
        }
    }

    fn is_cyclic(&self, state: StateId) -> bool {
        let mut seen = BTreeSet::new();
        let mut next = Some(state);
        while let Some(id) = next {
            if !seen.insert(id) {
                return true;
            }
            next = self.func.states[id].parent;
        }
        false
    }

    fn check_one(&mut self, id: StateId, found: &mut Vec<Violation>) {
        let state = &self.func.states[id];
        let is_root = state.parent.is_none();
        if is_root != state.function.is_none() || (is_root && state.code != 0) {
            found.push(violation(id, Rule::FrameKind));
        }
        match self.rules.n_locals.get(state.code as usize) {
            None => found.push(violation(id, Rule::NoSuchCode(state.code))),
            Some(&wanted) => {
                let n_locals = state.locals.len();
                if n_locals != wanted as usize && !(is_root && n_locals == 0) {
                    let rule = Rule::LocalCount {
                        wanted,
                        found: n_locals,
                    };
                    found.push(violation(id, rule));
                }
            }
        }
        for &slot in &state.locals {
            if slot == Slot::Memory && !is_root {
                found.push(violation(id, Rule::MemorySlot));
            }
            self.frame_slot(id, slot, found);
        }
        for &slot in &state.stack {
            if slot == Slot::Memory {
                found.push(violation(id, Rule::MemorySlot));
            }
            self.frame_slot(id, slot, found);
        }
    }

    fn frame_slot(&mut self, id: StateId, slot: Slot, found: &mut Vec<Violation>) {
        match slot {
            Slot::Memory | Slot::Null => {}
            Slot::Raw(value) => found.push(violation(id, Rule::RawSlot(value))),
            Slot::Value(value) => {
                found.extend(self.single_rep(value).map(|rule| violation(id, rule)));
            }
            Slot::Virtual(index) => self.virtual_object(Place::State(id), index, u32::MAX, found),
        }
    }

    /// Checks virtual object `index`, which must be below `limit`.
    fn virtual_object(&mut self, place: Place, index: u32, limit: u32, found: &mut Vec<Violation>) {
        let object = self.func.virtuals.get(index as usize);
        let Some(object) = object.filter(|_| index < limit) else {
            let rule = Rule::VirtualOrder(index);
            found.push(Violation { place, rule });
            return;
        };
        if !self.seen_virtuals.insert(index) {
            return;
        }
        let mut report = |rule| {
            let place = Place::Virtual(index);
            found.push(Violation { place, rule });
        };
        if !has_fields(object) {
            report(Rule::VirtualFields);
        }
        for &item in &object.items {
            match item {
                Slot::Memory => report(Rule::MemorySlot),
                Slot::Null | Slot::Virtual(_) => {}
                Slot::Raw(value) if self.func.rep(value) == Rep::I64 => {}
                Slot::Raw(value) => report(Rule::OperandRep {
                    value,
                    wanted: Rep::I64,
                    found: self.func.rep(value),
                }),
                Slot::Value(value) => {
                    if let Some(rule) = self.single_rep(value) {
                        report(rule);
                    }
                }
            }
        }
        for &item in &object.items {
            if let Slot::Virtual(inner) = item {
                self.virtual_object(Place::Virtual(index), inner, index, found);
            }
        }
    }

    fn single_rep(&self, value: Value) -> Option<Rule> {
        let rep = self.func.rep(value);
        matches!(rep, Rep::Multi | Rep::Unit).then_some(Rule::SlotRep { value, rep })
    }
}

fn violation(state: StateId, rule: Rule) -> Violation {
    Violation {
        place: Place::State(state),
        rule,
    }
}

/// Whether raw integers and objects stand where its kind has them.
fn has_fields(object: &Virtual) -> bool {
    let raw: &[bool] = match object.kind {
        VirtualKind::Tuple => return object.items.iter().all(|item| !is_raw(item)),
        VirtualKind::RangeIter => &[true, true, true],
        VirtualKind::ListIter | VirtualKind::TupleIter => &[false, true],
        VirtualKind::Enumerate => &[true, false],
        VirtualKind::Range => &[false, false, false],
        VirtualKind::Method | VirtualKind::Function => &[false, false],
        _ => return true,
    };
    raw.len() == object.items.len()
        && object
            .items
            .iter()
            .zip(raw)
            .all(|(item, raw)| is_raw(item) == *raw)
}

fn is_raw(slot: &Slot) -> bool {
    matches!(slot, Slot::Raw(_))
}
