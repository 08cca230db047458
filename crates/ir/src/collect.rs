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
use std::collections::HashMap;

/// Why a function that nobody owns is still there. It is tried again at every later collection.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Refusal {
    /// A function that lives on uses it.
    LiveUser(String),
    /// A global variable's initializer uses it.
    Variable(String),
    /// It stands in `llvm.used` or `llvm.compiler.used`.
    UsedList,
    /// An alias or ifunc stands for it.
    Alias(String),
    /// The address of one of its blocks is held outside.
    BlockAddress,
    /// Something else uses it.
    Other,
}

/// What a collection did.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct CollectReport {
    /// Erased now.
    pub erased: Vec<FunctionId>,
    /// Already deleted by a pass, once their linkage was internal. What the pass made of them, if it
    /// made something, is erased in its turn.
    pub vanished: Vec<FunctionId>,
    /// Still there, and why.
    pub refused: Vec<(FunctionId, Refusal)>,
}

impl Module {
    /// Makes functions that nobody owns any more internal, erases those that nothing uses, and frees
    /// what belonged to dropped handles.
    pub fn collect(&mut self) -> CollectReport {
        self.home().sweep_nodes();
        self.collect_functions()
    }

    /// Collects if anything was dropped since the last time.
    pub(crate) fn collect_if_dropped(&mut self) {
        if self.home().mailbox.is_full() {
            self.collect_functions();
        }
    }

    fn collect_functions(&mut self) -> CollectReport {
        let _operation = Operation::enter("collect", "");
        let (raw, home) = self.parts_mut();
        take_notes(home, raw);
        home.adopt_orphans(raw);
        let dying = home.owned.borrow().dying();
        let mut report = CollectReport::default();
        if dying.is_empty() {
            return report;
        }
        let mut doomed = Vec::new();
        let mut forgotten = Vec::new();
        for (dying, fate) in dying.iter().zip(judge(&dying, raw)) {
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
        raw.erase(&doomed);
        home.erased.set(home.erased.get() + doomed.len() as u64);
        let mut owned = home.owned.borrow_mut();
        forgotten.into_iter().for_each(|id| owned.forget(id));
        report
    }
}

/// Marks as dying what the mailbox says, unless somebody owns it again.
fn take_notes(home: &Home, raw: &RawModule) {
    let mut owned = home.owned.borrow_mut();
    for id in home.mailbox.take() {
        let Some(entry) = owned.entries.get_mut(&id) else {
            continue;
        };
        if entry.ticket.strong_count() > 0 {
            continue;
        }
        entry.is_dying = true;
        if let Some(function) = Value::of_mark(entry.node.mark(), raw) {
            function.set_held(false);
        }
    }
}

enum Fate {
    Erase,
    Gone,
    Keep(Refusal),
}

fn judge(dying: &[Dying], raw: &RawModule) -> Vec<Fate> {
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
    let mut work: Vec<usize> = (0..dying.len())
        .filter(|&i| refusals[i].is_some())
        .collect();
    while let Some(user) = work.pop() {
        let name = values[user].map(Value::name).unwrap_or_default();
        for &used in &uses[user] {
            if refusals[used].is_none() {
                refusals[used] = Some(Refusal::LiveUser(name.clone()));
                work.push(used);
            }
        }
    }
    let fate = |(value, refusal): (&Option<Value<'_>>, Option<Refusal>)| match (value, refusal) {
        (None, _) => Fate::Gone,
        (Some(_), Some(refusal)) => Fate::Keep(refusal),
        (Some(_), None) => Fate::Erase,
    };
    values.iter().zip(refusals).map(fate).collect()
}

fn refusal(user: User<'_>) -> Refusal {
    match user {
        User::Function(by) => Refusal::LiveUser(by.name()),
        User::Variable(by) => Refusal::Variable(by.name()),
        User::UsedList => Refusal::UsedList,
        User::Alias(by) => Refusal::Alias(by.name()),
        User::BlockAddress => Refusal::BlockAddress,
        User::Other => Refusal::Other,
    }
}
