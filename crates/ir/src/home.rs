//! A module's registry: its nodes, and the functions that are owned.

use crate::counters::OWNED;
use crate::error::Error;
use crate::mailbox::Mailbox;
use crate::nodes::Nodes;
use crate::owned::{FunctionId, OwnedFunction, Ticket};
use crate::raw::{Inlining, Mark, Mode, Node, RawModule, Value};
use core::panic::Location;
use std::cell::{Cell, RefCell};
use std::collections::btree_map::{BTreeMap, Entry as Place};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Weak};

/// What a module keeps about those who hold parts of it.
///
/// Behind `RefCell`s, because handles are also made while inkwell values of the module are lent; no
/// borrow of theirs is held across a call into LLVM that may delete a value.
#[derive(Debug, Default)]
pub(crate) struct Home {
    nodes: RefCell<Nodes>,
    pub(crate) owned: RefCell<Owned>,
    pub(crate) mailbox: Arc<Mailbox>,
    /// Call sites of tagged functions that were inlined.
    pub(crate) inlinings: RefCell<Vec<Inlining>>,
    /// Whether the module has tagged functions.
    pub(crate) is_tagged: Cell<bool>,
    /// Whether what refused functions are blocked by may have gone since the last look.
    pub(crate) is_stirred: Cell<bool>,
    /// Whether passes may have made new functions of dropped ones since the last look.
    pub(crate) may_have_orphans: Cell<bool>,
    pub(crate) erased: Cell<u64>,
}

/// The functions that are or were owned and are still there.
#[derive(Debug, Default)]
pub(crate) struct Owned {
    /// Ordered, so that reports are.
    pub(crate) entries: BTreeMap<FunctionId, Entry>,
    /// Those that nobody holds any more.
    pub(crate) dying: BTreeSet<FunctionId>,
    /// Those whose function another one has too, since it was replaced by that.
    pub(crate) merged: Vec<FunctionId>,
    /// From the address of a function to its id: a hint, checked against the entry.
    by_value: HashMap<usize, FunctionId>,
    /// Whether two that are held may have the same function.
    has_doubles: bool,
}

#[derive(Debug)]
pub(crate) struct Entry {
    /// Its mark is shared with the ticket. Dropped with the entry.
    pub(crate) node: Node,
    pub(crate) ticket: Weak<Ticket>,
    /// Where the function was when this was last looked at.
    address: usize,
    /// The definition, if it was taken out of the module.
    pub(crate) pinned: Option<Pinned>,
    /// A pass made it of a dropped function; nobody has ever known its id.
    pub(crate) is_orphan: bool,
    /// Passes have run since it was dropped: they may have fitted it to the callers that were left.
    pub(crate) is_narrowed: bool,
}

/// A definition that waits outside of its module.
#[derive(Debug)]
pub(crate) struct Pinned {
    /// Its name in the bitcode.
    pub(crate) name: String,
    pub(crate) bitcode: Vec<u8>,
    /// What it names outside of itself, by its name there.
    pub(crate) uses: Vec<(String, Node)>,
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
        let made_at = Location::caller();
        let mut nodes = self.nodes.borrow_mut();
        nodes.add(value, mode, made_at, || {
            self.node(value, module, mode, made_at)
        })
    }

    /// A node of the module's own.
    pub(crate) fn node(
        &self,
        value: Value<'_>,
        module: &RawModule,
        mode: Mode,
        made_at: &'static Location<'static>,
    ) -> Node {
        Node::new(value, module.id(), mode, made_at, &self.mailbox)
    }

    /// Frees the nodes of handles that were dropped.
    pub(crate) fn sweep_nodes(&self) {
        self.nodes.borrow_mut().shrink();
    }

    pub(crate) fn count_nodes(&self) -> usize {
        self.nodes.borrow().len()
    }

    /// The marks of the handles that somebody has.
    pub(crate) fn handle_marks(&self) -> Vec<Arc<Mark>> {
        let nodes = self.nodes.borrow();
        nodes.held().map(Arc::clone).collect()
    }

    /// Owns a function. One that is owned already, or dying, keeps its id. One that passes may have
    /// narrowed is refused.
    #[track_caller]
    pub(crate) fn own(
        &self,
        function: Value<'_>,
        module: &RawModule,
    ) -> Result<OwnedFunction, Error> {
        assert!(
            function.is_in(module),
            "the function `{}` is of another module",
            function.name()
        );
        self.settle(module);
        let mut owned = self.owned.borrow_mut();
        let owned = &mut *owned;
        let address = function.address();
        if let Some(&id) = owned.by_value.get(&address)
            && let Some(entry) = owned.entries.get_mut(&id)
            && Value::of_mark(entry.node.mark(), module) == Some(function)
        {
            if let Some(ticket) = entry.ticket.upgrade() {
                return Ok(OwnedFunction::from_ticket(ticket));
            }
            if entry.is_narrowed {
                return Err(Error::Narrowed(function.name()));
            }
            let ticket = self.ticket(id, entry.node.mark());
            entry.ticket = Arc::downgrade(&ticket);
            entry.node.set_follow(true);
            owned.dying.remove(&id);
            function.set_held(true);
            return Ok(OwnedFunction::from_ticket(ticket));
        }
        if function.is_dropped() {
            return Err(Error::Narrowed(function.name()));
        }
        let id = FunctionId::next();
        let node = self.node(function, module, Mode::Owned, Location::caller());
        let ticket = self.ticket(id, node.mark());
        function.set_held(true);
        owned.insert(id, Entry::new(node, Arc::downgrade(&ticket), address));
        Ok(OwnedFunction::from_ticket(ticket))
    }

    /// Brings the books up to date after owned functions were replaced by others: these are held
    /// from now on, and two that became one are told apart no longer than both are held.
    pub(crate) fn settle(&self, module: &RawModule) {
        if !self.mailbox.take_moved() {
            return;
        }
        let mut owned = self.owned.borrow_mut();
        let owned = &mut *owned;
        let mut by_value: HashMap<usize, FunctionId> = HashMap::new();
        owned.has_doubles = false;
        let held = owned.entries.keys().filter(|id| !owned.dying.contains(id));
        let order: Vec<FunctionId> = held.chain(&owned.dying).copied().collect();
        for id in order {
            let Place::Occupied(mut place) = owned.entries.entry(id) else {
                continue;
            };
            let entry = place.get_mut();
            let Some(function) = Value::of_mark(entry.node.mark(), module) else {
                continue;
            };
            let address = function.address();
            let is_dying = owned.dying.contains(&id);
            let has_moved = core::mem::replace(&mut entry.address, address) != address;
            if has_moved {
                function.set_held(!is_dying);
                // That was of the function it had before.
                entry.pinned = None;
            }
            match by_value.get(&address) {
                Some(first) if is_dying => {
                    let pinned = place.remove().pinned;
                    if let Some(first) = owned.entries.get_mut(first) {
                        first.pinned = first.pinned.take().or(pinned);
                    }
                    owned.dying.remove(&id);
                    owned.merged.push(id);
                }
                Some(_) => owned.has_doubles = true,
                None => {
                    by_value.insert(address, id);
                }
            }
        }
        owned.by_value = by_value;
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
            let node = self.node(function, module, Mode::Owned, Location::caller());
            node.set_follow(false);
            let id = FunctionId::next();
            let mut entry = Entry::new(node, Weak::new(), function.address());
            entry.is_orphan = true;
            entry.is_narrowed = true;
            owned.insert(id, entry);
            owned.dying.insert(id);
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

    /// An operation is over that may have deleted what refused functions are blocked by.
    pub(crate) fn stir(&self) {
        self.is_stirred.set(true);
    }

    /// Passes have run.
    pub(crate) fn has_run_passes(&self, module: &RawModule) {
        self.stir();
        let mut owned = self.owned.borrow_mut();
        let Owned { entries, dying, .. } = &mut *owned;
        for id in dying.iter() {
            if let Some(entry) = entries.get_mut(id) {
                let function = Value::of_mark(entry.node.mark(), module);
                entry.is_narrowed |= function.is_some_and(|function| !function.is_declaration());
            }
        }
        if !dying.is_empty() {
            self.may_have_orphans.set(true);
        }
    }
}

impl Entry {
    fn new(node: Node, ticket: Weak<Ticket>, address: usize) -> Self {
        Entry {
            node,
            ticket,
            address,
            pinned: None,
            is_orphan: false,
            is_narrowed: false,
        }
    }

    /// What it uses while it is pinned.
    pub(crate) fn uses(&self) -> impl Iterator<Item = &Node> {
        let pinned = self.pinned.iter().filter(|_| self.node.mark().is_alive());
        pinned.flat_map(|pinned| pinned.uses.iter().map(|(_, node)| node))
    }
}

impl Owned {
    fn insert(&mut self, id: FunctionId, entry: Entry) {
        self.by_value.insert(entry.address, id);
        self.entries.insert(id, entry);
    }

    /// The marks of those that somebody owns, in order of id.
    pub(crate) fn marks(&self) -> Vec<(FunctionId, Arc<Mark>)> {
        self.held()
            .map(|(id, entry)| (id, Arc::clone(entry.node.mark())))
            .collect()
    }

    /// Those that somebody owns, in order of id.
    pub(crate) fn held(&self) -> impl Iterator<Item = (FunctionId, &Entry)> {
        let all = self.entries.iter().map(|(id, entry)| (*id, entry));
        all.filter(|(id, _)| !self.dying.contains(id))
    }

    /// What passes must not delete although nothing in the module uses it: what is held and not
    /// defined here for others to see (declarations, what an import gave a body, what its user made
    /// internal), and what pinned functions use.
    pub(crate) fn guarded(&self, module: &RawModule) -> Vec<Arc<Mark>> {
        let held = self.held().map(|(_, entry)| &entry.node);
        let may_go = held
            .filter(|node| Value::of_mark(node.mark(), module).is_some_and(Value::is_discardable));
        let used = self.entries.values().flat_map(Entry::uses);
        may_go
            .chain(used)
            .map(|node| Arc::clone(node.mark()))
            .collect()
    }

    /// Those that nobody owns, in order of id.
    pub(crate) fn dying(&self) -> Vec<Dying> {
        let entries = self.dying.iter().map(|id| (*id, &self.entries[id]));
        let dying = entries.map(|(id, entry)| Dying {
            id,
            mark: Arc::clone(entry.node.mark()),
            is_orphan: entry.is_orphan,
        });
        dying.collect()
    }

    /// The entry that has the definition of a function, if that is pinned: its own, or that of
    /// another that is held and has the same function.
    pub(crate) fn pinned(&self, id: FunctionId) -> Option<FunctionId> {
        let entry = self.entries.get(&id)?;
        if !entry.node.mark().is_alive() {
            return None;
        }
        if entry.pinned.is_some() {
            return Some(id);
        }
        let mut same = self.held().filter(|_| self.has_doubles);
        let (id, _) = same.find(|(_, other)| {
            other.address == entry.address && other.pinned.is_some() && other.node.mark().is_alive()
        })?;
        Some(id)
    }

    /// The last share of a function is gone. Where another that is held has the same function, only
    /// the entry goes.
    pub(crate) fn release(&mut self, id: FunctionId, module: &RawModule) {
        let Some(entry) = self.entries.get(&id) else {
            return;
        };
        if entry.ticket.strong_count() > 0 || self.dying.contains(&id) {
            return;
        }
        let address = entry.address;
        // A dead function's address may be another's by now.
        let may_have_other = self.has_doubles && entry.node.mark().is_alive();
        let other = may_have_other.then(|| {
            self.held().find(|(other, entry)| {
                *other != id && entry.address == address && entry.node.mark().is_alive()
            })
        });
        if let Some(Some((other, _))) = other {
            self.by_value.insert(address, other);
            let pinned = self.entries.remove(&id).and_then(|entry| entry.pinned);
            if let Some(other) = self.entries.get_mut(&other) {
                other.pinned = other.pinned.take().or(pinned);
            }
            self.merged.push(id);
            return;
        }
        entry.node.set_follow(false);
        if let Some(function) = Value::of_mark(entry.node.mark(), module) {
            function.set_held(false);
        }
        self.dying.insert(id);
    }

    /// Forgets a function that is gone.
    pub(crate) fn forget(&mut self, id: FunctionId) {
        self.entries.remove(&id);
        self.dying.remove(&id);
        // Addresses are used again: drop hints that lead to nothing once they outnumber the rest.
        if self.by_value.len() > 64 + 2 * self.entries.len() {
            let entries = &self.entries;
            self.by_value.retain(|_, id| entries.contains_key(id));
        }
    }
}
