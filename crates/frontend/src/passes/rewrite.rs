//! Replacing values by others, everywhere at once.

use crate::hir::{Func, Slot, Term, Value};
use cranelift_entity::SecondaryMap;

/// Which value stands for which.
#[derive(Debug, Clone, Default)]
pub(super) struct Replacements {
    map: SecondaryMap<Value, Option<Value>>,
    any: bool,
}

impl Replacements {
    /// Notes that `value` is to be replaced.
    pub(super) fn add(&mut self, value: Value, by: Value) {
        let by = self.get(by);
        debug_assert_ne!(value, by, "a value cannot stand for itself");
        self.map[value] = Some(by);
        self.any = true;
    }

    /// What stands for a value now: mostly itself.
    pub(super) fn get(&self, mut value: Value) -> Value {
        while let Some(by) = self.map[value] {
            value = by;
        }
        value
    }

    /// Replaces all uses.
    pub(super) fn apply(&self, func: &mut Func) {
        if !self.any {
            return;
        }
        for data in func.insts.values_mut() {
            for arg in &mut data.args {
                *arg = self.get(*arg);
            }
        }
        for block in func.blocks.values_mut() {
            match &mut block.term {
                Term::Branch { cond, .. } => *cond = self.get(*cond),
                Term::Return(value) => *value = self.get(*value),
                _ => {}
            }
            for arg in block.term.targets_mut().flat_map(|target| &mut target.args) {
                *arg = self.get(*arg);
            }
        }
        map_slots(func, &mut |slot| match slot {
            Slot::Value(value) => Slot::Value(self.get(value)),
            Slot::Raw(value) => Slot::Raw(self.get(value)),
            other => other,
        });
        for state in func.states.values_mut() {
            state.function = state.function.map(|function| self.get(function));
        }
    }
}

/// Changes every slot of every frame state and virtual object.
pub(super) fn map_slots(func: &mut Func, change: &mut dyn FnMut(Slot) -> Slot) {
    let states = func.states.values_mut();
    let slots = states.flat_map(|state| state.locals.iter_mut().chain(&mut state.stack));
    let items = func
        .virtuals
        .iter_mut()
        .flat_map(|object| &mut object.items);
    for slot in slots.chain(items) {
        *slot = change(*slot);
    }
}
