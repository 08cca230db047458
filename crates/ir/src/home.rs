//! A module's registry: its nodes, and the functions that are owned.

use crate::counters::OWNED;
use crate::owned::{FunctionId, Mailbox, OwnedFunction, Ticket};
use crate::raw::{Inlining, Mark, Mode, Node, RawModule, Value};
use core::panic::Location;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Weak};

/// What a module keeps about those who hold parts of it.
///
/// Behind `RefCell`s, because handles are also made while inkwell values of the module are lent; no
/// borrow of theirs is held across a call into LLVM that may delete a value.
#[derive(Debug, Default)]
pub(crate) struct Home {
    nodes: RefCell<Vec<Node>>,
    released_guess: Cell<usize>,
    pub(crate) owned: RefCell<Owned>,
    pub(crate) mailbox: Arc<Mailbox>,
    /// Call sites of tagged functions that were inlined.
    pub(crate) inlinings: RefCell<Vec<Inlining>>,
    /// Whether the module has tagged functions.
    pub(crate) is_tagged: Cell<bool>,
    /// Whether passes may have made new functions of dropped ones since the last look.
    pub(crate) may_have_orphans: Cell<bool>,
    pub(crate) erased: Cell<u64>,
}

/// The functions that are or were owned and are still there.
#[derive(Debug, Default)]
pub(crate) struct Owned {
    /// Ordered, so that reports are.
    pub(crate) entries: BTreeMap<FunctionId, Entry>,
    /// From the address of a function to its id: a hint, checked against the entry.
    by_value: HashMap<usize, FunctionId>,
}

#[derive(Debug)]
pub(crate) struct Entry {
    /// Its mark is shared with the ticket. Dropped with the entry.
    pub(crate) node: Node,
    pub(crate) ticket: Weak<Ticket>,
    /// Nobody holds it any more.
    pub(crate) is_dying: bool,
    /// A pass made it of a dropped function; nobody has ever known its id.
    pub(crate) is_orphan: bool,
}

/// A function that nobody owns.
#[derive(Debug)]
pub(crate) struct Dying {
    pub(crate) id: FunctionId,
    pub(crate) mark: Arc<Mark>,
    pub(crate) is_orphan: bool,
}

impl Home {
    /// Watches a value for somebody.
    #[track_caller]
    pub(crate) fn watch(&self, value: Value<'_>, module: &RawModule, mode: Mode) -> Arc<Mark> {
        assert!(
            value.is_in(module),
            "the value `{}` is of another module",
            value.name()
        );
        let node = Node::new(value, module.id(), mode, Location::caller());
        let mark = Arc::clone(node.mark());
        let mut nodes = self.nodes.borrow_mut();
        // Clear up when the list has doubled since the last time, so the cost is constant per node.
        if nodes.len() >= self.released_guess.get().max(32) {
            nodes.retain(|node| !node.mark().is_released());
            self.released_guess.set(nodes.len() * 2);
        }
        nodes.push(node);
        mark
    }

    /// Frees the nodes of handles that were dropped. Returns how many are left.
    pub(crate) fn sweep_nodes(&self) -> usize {
        let mut nodes = self.nodes.borrow_mut();
        nodes.retain(|node| !node.mark().is_released());
        nodes.len()
    }

    pub(crate) fn count_nodes(&self) -> usize {
        self.nodes.borrow().len()
    }

    /// Owns a function. One that is owned already, or dying, keeps its id.
    #[track_caller]
    pub(crate) fn own(&self, function: Value<'_>, module: &RawModule) -> OwnedFunction {
        assert!(
            function.is_in(module),
            "the function `{}` is of another module",
            function.name()
        );
        let mut owned = self.owned.borrow_mut();
        let address = function.address();
        if let Some(&id) = owned.by_value.get(&address)
            && let Some(entry) = owned.entries.get_mut(&id)
            && Value::of_mark(entry.node.mark(), module) == Some(function)
        {
            if let Some(ticket) = entry.ticket.upgrade() {
                return OwnedFunction::from_ticket(ticket);
            }
            let ticket = self.ticket(id, entry.node.mark());
            entry.ticket = Arc::downgrade(&ticket);
            entry.is_dying = false;
            function.set_held(true);
            return OwnedFunction::from_ticket(ticket);
        }
        let id = FunctionId::next();
        let node = Node::new(function, module.id(), Mode::Tracking, Location::caller());
        let ticket = self.ticket(id, node.mark());
        function.set_held(true);
        owned.by_value.insert(address, id);
        let entry = Entry {
            node,
            ticket: Arc::downgrade(&ticket),
            is_dying: false,
            is_orphan: false,
        };
        owned.entries.insert(id, entry);
        OwnedFunction::from_ticket(ticket)
    }

    /// Takes charge of what passes made of dropped functions: some give a function a new value and
    /// a new signature and tell nobody (deadargelim, argpromotion), or clone it.
    pub(crate) fn adopt_orphans(&self, module: &RawModule) {
        if !self.may_have_orphans.replace(false) {
            return;
        }
        let mut owned = self.owned.borrow_mut();
        let known: HashSet<Value<'_>> = owned
            .entries
            .values()
            .filter_map(|entry| Value::of_mark(entry.node.mark(), module))
            .collect();
        for function in module.functions() {
            if !function.is_dropped() || known.contains(&function) {
                continue;
            }
            let node = Node::new(function, module.id(), Mode::Tracking, Location::caller());
            let entry = Entry {
                node,
                ticket: Weak::new(),
                is_dying: true,
                is_orphan: true,
            };
            owned.entries.insert(FunctionId::next(), entry);
        }
    }

    fn ticket(&self, id: FunctionId, mark: &Arc<Mark>) -> Arc<Ticket> {
        Arc::new(Ticket::new(
            id,
            Arc::clone(mark),
            Arc::clone(&self.mailbox),
            OWNED.count(),
        ))
    }
}

impl Owned {
    /// Those that somebody owns, in order of id.
    pub(crate) fn marks(&self) -> Vec<(FunctionId, Arc<Mark>)> {
        let held = self.entries.iter().filter(|(_, entry)| !entry.is_dying);
        held.map(|(id, entry)| (*id, Arc::clone(entry.node.mark())))
            .collect()
    }

    /// Those that nobody owns, in order of id.
    pub(crate) fn dying(&self) -> Vec<Dying> {
        let dying = self.entries.iter().filter(|(_, entry)| entry.is_dying);
        let dying = dying.map(|(id, entry)| Dying {
            id: *id,
            mark: Arc::clone(entry.node.mark()),
            is_orphan: entry.is_orphan,
        });
        dying.collect()
    }

    /// Whether any is held by nobody.
    pub(crate) fn has_dying(&self) -> bool {
        self.entries.values().any(|entry| entry.is_dying)
    }

    /// Forgets a function that is gone.
    pub(crate) fn forget(&mut self, id: FunctionId) {
        self.entries.remove(&id);
        // Addresses are used again: drop hints that lead to nothing once they outnumber the rest.
        if self.by_value.len() > 64 + 2 * self.entries.len() {
            let entries = &self.entries;
            self.by_value.retain(|_, id| entries.contains_key(id));
        }
    }
}
