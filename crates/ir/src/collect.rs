//! The erasing of functions that nobody owns.
//!
//! A dying function may go when all that uses it are functions that go too. So: each dying function
//! is blocked if something else uses it; whatever a blocked function uses is blocked with it; the
//! rest, cycles and all, are erased together. A function that uses itself is its own cycle of one.

use crate::home::{Dying, Home};
use crate::module::Module;
use crate::operation::Operation;
use crate::owned::FunctionId;
use crate::raw::{RawModule, User, Value};
use crate::stale::Fall;
use std::collections::HashMap;

/// Why a function that nobody owns is still there. It is tried again at every later collection, and
/// at the first operation after one that may have deleted what is in its way. Users are found by
/// `llvm/IR/Use.h`.
///
/// ```
/// use martlet_ir::Refusal;
/// # use martlet_ir::Module;
/// # let mut module = Module::new("example");
/// # let f = module.edit(|e| {
/// #     let fn_type = e.context().void_type().fn_type(&[], false);
/// #     e.own(e.module().add_function("f", fn_type, None))
/// # });
/// module.edit(|e| {
///     let f = f.get_in(e).unwrap().as_global_value().as_pointer_value();
///     let table = e.module().add_global(f.get_type(), None, "table");
///     table.set_initializer(&f);
/// });
/// let id = f.id();
/// drop(f);
/// assert_eq!(module.collect().refused, [(id, Refusal::Variable("table".into()))]);
/// module.edit(|e| {
///     // SAFETY: nothing uses it, and nobody keeps it.
///     unsafe { e.module().get_global("table").unwrap().delete() };
/// });
/// // Without the table, it may go.
/// assert_eq!(module.collect().erased, [id]);
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Refusal {
    /// A function that lives on uses it.
    LiveUser(String),
    /// A global variable's initializer uses it.
    Variable(String),
    /// It stands in `llvm.used` or `llvm.compiler.used` (`llvm/Transforms/Utils/ModuleUtils.h`).
    UsedList,
    /// An alias or ifunc stands for it (`llvm/IR/GlobalAlias.h`, `llvm/IR/GlobalIFunc.h`).
    Alias(String),
    /// The address of one of its blocks is held outside (`llvm/IR/Constants.h`, `BlockAddress`).
    BlockAddress,
    /// Its comdat group is named after it and holds something else too, which would lose its leader
    /// (`llvm/IR/Comdat.h`). It stays external until then.
    ComdatLeader(String),
    /// Something else uses it.
    Other,
}

/// What a collection did: see the example of [`Module::collect`].
///
/// ```
/// # use martlet_ir::{CollectReport, Module};
/// # let mut module = Module::new("example");
/// # let f = module.edit(|e| {
/// #     let fn_type = e.context().void_type().fn_type(&[], false);
/// #     e.own(e.module().add_function("f", fn_type, None))
/// # });
/// let id = f.id();
/// assert_eq!(module.collect(), CollectReport::default());
/// drop(f);
/// let report = module.collect();
/// assert_eq!((report.erased, report.refused.len()), (vec![id], 0));
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct CollectReport {
    /// Erased now.
    pub erased: Vec<FunctionId>,
    /// Already deleted by a pass, once their linkage was internal, or replaced by a function that has
    /// an identity of its own. What a pass made of them, if it made something, is erased in its turn.
    pub vanished: Vec<FunctionId>,
    /// Still there, and why.
    pub refused: Vec<(FunctionId, Refusal)>,
    /// How many static functions, variables and constants went with the erased, because only they used
    /// them.
    pub statics: usize,
    /// Asserting handles that have lost their values, in this collection or in an operation before it
    /// that could not return them.
    pub asserted: Vec<Fall>,
}

impl Module {
    /// Makes functions that nobody owns any more internal, erases those that nothing uses
    /// (`llvm/IR/Function.h`, `eraseFromParent`), and frees what belonged to dropped handles.
    ///
    /// ```
    /// use martlet_ir::{Module, Refusal};
    ///
    /// let mut module = Module::new("example");
    /// let (callee, caller) = module.edit(|e| {
    ///     let fn_type = e.context().void_type().fn_type(&[], false);
    ///     let callee = e.module().add_function("callee", fn_type, None);
    ///     let caller = e.module().add_function("caller", fn_type, None);
    ///     for function in [callee, caller] {
    ///         let builder = e.context().create_builder();
    ///         builder.position_at_end(e.context().append_basic_block(function, "entry"));
    ///         builder.build_call(callee, &[], "").unwrap();
    ///         builder.build_return(None).unwrap();
    ///     }
    ///     (e.own(callee), e.own(caller))
    /// });
    /// let id = callee.id();
    /// drop(callee);
    /// let report = module.collect();
    /// assert_eq!(report.refused, [(id, Refusal::LiveUser("caller".into()))]);
    /// drop(caller);
    /// assert_eq!(module.collect().erased.len(), 2);
    /// ```
    pub fn collect(&mut self) -> CollectReport {
        self.home().sweep_nodes();
        let mut report = self.collect_functions();
        report.asserted = self.home().mailbox.take_fallen();
        report
    }

    /// Collects if anything was dropped since the last time, or what was refused may go now.
    pub(crate) fn collect_if_due(&mut self) {
        let home = self.home();
        let may_retry = home.is_stirred.get() && !home.owned.borrow().dying.is_empty();
        if may_retry || home.mailbox.has_dropped() {
            self.collect_functions();
        }
    }

    fn collect_functions(&mut self) -> CollectReport {
        let _operation = Operation::enter("collect", "");
        let (raw, home) = self.parts_mut();
        home.settle(raw);
        for id in home.mailbox.take_dropped() {
            home.owned.borrow_mut().release(id, raw);
        }
        home.adopt_orphans(raw);
        home.is_stirred.set(false);
        let mut report = CollectReport {
            vanished: core::mem::take(&mut home.owned.borrow_mut().merged),
            ..CollectReport::default()
        };
        // Statics that go with the erased may have been in the way of others.
        while home.erase_dying(raw, &mut report) > 0 {}
        report
    }
}

impl Home {
    /// Erases what can be erased. Returns the number of statics that went with it.
    fn erase_dying(&self, raw: &mut RawModule, report: &mut CollectReport) -> usize {
        let dying = self.owned.borrow().dying();
        report.refused.clear();
        if dying.is_empty() {
            return 0;
        }
        let mut doomed = Vec::new();
        let mut forgotten = Vec::new();
        for (dying, fate) in dying.iter().zip(judge(&dying, self, raw)) {
            let ids = match fate {
                Fate::Keep(refusal) => {
                    if !dying.is_orphan {
                        report.refused.push((dying.id, refusal));
                    }
                    continue;
                }
                Fate::Erase => {
                    doomed.push(&*dying.mark);
                    &mut report.erased
                }
                Fate::Gone => &mut report.vanished,
            };
            forgotten.push(dying.id);
            if !dying.is_orphan {
                ids.push(dying.id);
            }
        }
        let statics = raw.erase(&doomed);
        report.statics += statics;
        self.erased.set(self.erased.get() + doomed.len() as u64);
        let mut owned = self.owned.borrow_mut();
        forgotten.into_iter().for_each(|id| owned.forget(id));
        statics
    }
}

enum Fate {
    Erase,
    Gone,
    Keep(Refusal),
}

fn judge(dying: &[Dying], home: &Home, raw: &RawModule) -> Vec<Fate> {
    let values: Vec<_> = dying
        .iter()
        .map(|dying| Value::of_mark(&dying.mark, raw))
        .collect();
    let index: HashMap<Value<'_>, usize> = values
        .iter()
        .enumerate()
        .filter_map(|(i, value)| Some(((*value)?, i)))
        .collect();
    let mut refusals: Vec<Option<Refusal>> = vec![None; dying.len()];
    // uses[i]: the dying functions that dying function i uses.
    let mut uses: Vec<Vec<usize>> = vec![Vec::new(); dying.len()];
    for (i, value) in values.iter().enumerate() {
        for user in value.map(Value::users).unwrap_or_default() {
            match user {
                User::Function(by) if index.contains_key(&by) => uses[index[&by]].push(i),
                other => refusals[i] = Some(refusal(other)),
            }
        }
    }
    // Pinned functions use what their bitcode names.
    for (id, entry) in &home.owned.borrow().entries {
        let by = Value::of_mark(entry.node.mark(), raw);
        let used = entry
            .uses()
            .filter_map(|node| index.get(&Value::of_mark(node.mark(), raw)?));
        for &used in used {
            match dying.binary_search_by_key(id, |dying| dying.id) {
                Ok(by) => uses[by].push(used),
                Err(_) => {
                    let name = by.map(Value::name).unwrap_or_default();
                    refusals[used] = Some(Refusal::LiveUser(name));
                }
            }
        }
    }
    spread(&mut refusals, &uses, |i| {
        values[i].map(Value::name).unwrap_or_default()
    });
    let fate = |(value, refusal): (&Option<Value<'_>>, Option<Refusal>)| match (value, refusal) {
        (None, _) => Fate::Gone,
        (Some(_), Some(refusal)) => Fate::Keep(refusal),
        (Some(_), None) => Fate::Erase,
    };
    values.iter().zip(refusals).map(fate).collect()
}

/// Refuses whatever refused functions use, directly or not. `uses[i]` are those that `i` uses.
fn spread(refusals: &mut [Option<Refusal>], uses: &[Vec<usize>], name: impl Fn(usize) -> String) {
    let refused = (0..refusals.len()).filter(|&i| refusals[i].is_some());
    let mut work: Vec<usize> = refused.collect();
    while let Some(user) = work.pop() {
        for &used in &uses[user] {
            if refusals[used].is_none() {
                refusals[used] = Some(Refusal::LiveUser(name(user)));
                work.push(used);
            }
        }
    }
}

fn refusal(user: User<'_>) -> Refusal {
    match user {
        User::Function(by) => Refusal::LiveUser(by.name()),
        User::Variable(by) => Refusal::Variable(by.name()),
        User::UsedList => Refusal::UsedList,
        User::Alias(by) => Refusal::Alias(by.name()),
        User::BlockAddress => Refusal::BlockAddress,
        User::Comdat(by) => Refusal::ComdatLeader(by.name()),
        User::Other => Refusal::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(blocked: &[usize], uses: &[Vec<usize>]) -> Vec<usize> {
        let mut refusals = vec![None; uses.len()];
        for &i in blocked {
            refusals[i] = Some(Refusal::UsedList);
        }
        spread(&mut refusals, uses, |i| format!("f{i}"));
        (0..uses.len()).filter(|&i| refusals[i].is_some()).collect()
    }

    #[test]
    fn what_a_refused_function_uses_is_refused() {
        let chain = [vec![1], vec![2], vec![]];
        assert_eq!(refused(&[0], &chain), [0, 1, 2]);
        assert_eq!(refused(&[1], &chain), [1, 2]);
        let ring = [vec![1], vec![2], vec![0]];
        assert_eq!(refused(&[2], &ring), [0, 1, 2]);
        assert_eq!(refused(&[], &ring), [0; 0]);
        let two_rings = [vec![1], vec![0], vec![3, 0], vec![2]];
        assert_eq!(refused(&[0], &two_rings), [0, 1]);
    }
}
