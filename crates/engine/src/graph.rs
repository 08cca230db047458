//! Who relies on what, so that a broken assumption reaches exactly those that made it.
//!
//! Nodes are versions; edges lead from what is relied on ([`Dependency`]) to the versions that rely
//! on it. Breaking walks the edges, so it takes time proportional to the number of dependents,
//! however many versions there are. A version that contains the body of another relies on that
//! other *version* (and falls with whatever that one relied on) and on the other *function* (and
//! falls with a redefinition of it).
//!
//! **Translations under way** have told nobody yet what they rely on. So every request takes a
//! [`Ticket`] with the time of the graph's clock, and as long as a ticket from before is alive, the
//! graph remembers what broke and when. What broke after the ticket refuses the finished version.
//!
//! A node stays when its version is retired, because activations may be inside, and when it is
//! freed, as long as others contain its body; [`Graph::sweep`] takes it away after that.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Weak};

use crate::{AssumptionKey, FunctionId, Reason, State, Version, VersionId};

/// Something a version may rely on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Dependency {
    Key(AssumptionKey),
    /// The definition of a function.
    Function(FunctionId),
    /// One translation of a function, whose body was taken in.
    Version(VersionId),
}

/// The moment at which a source was taken; alive for as long as its translation is under way.
#[derive(Clone, Debug)]
pub(crate) struct Ticket(Arc<u64>);

struct Node<M> {
    version: Weak<Version<M>>,
    relies_on: Vec<Dependency>,
    /// The clock when the version was retired.
    retired: Option<u64>,
}

pub(crate) struct Graph<M> {
    nodes: HashMap<VersionId, Node<M>>,
    dependents: HashMap<Dependency, BTreeSet<VersionId>>,
    versions_of: HashMap<FunctionId, BTreeSet<VersionId>>,
    /// Nodes whose version is retired: candidates of `sweep`.
    retired: BTreeSet<VersionId>,
    /// Counts breaks.
    clock: u64,
    /// Oldest first.
    tickets: VecDeque<Weak<u64>>,
    /// Where `tickets` is next looked through for dead ones in its middle.
    tickets_limit: usize,
    /// The latest break of each dependency, since the oldest live ticket.
    broken: HashMap<Dependency, (u64, Reason)>,
}

impl<M> Graph<M> {
    pub(crate) fn new() -> Self {
        Graph {
            nodes: HashMap::new(),
            dependents: HashMap::new(),
            versions_of: HashMap::new(),
            retired: BTreeSet::new(),
            clock: 0,
            tickets: VecDeque::new(),
            tickets_limit: 64,
            broken: HashMap::new(),
        }
    }

    /// Notes that a source was taken now.
    pub(crate) fn ticket(&mut self) -> Ticket {
        if self.tickets.len() >= self.tickets_limit {
            self.tickets.retain(|it| it.strong_count() > 0);
            self.tickets_limit = 64 + 2 * self.tickets.len();
        }
        let ticket = Arc::new(self.clock);
        self.tickets.push_back(Arc::downgrade(&ticket));
        Ticket(ticket)
    }

    /// What among `relies_on` broke after `ticket` was taken, and why.
    pub(crate) fn broken_since(
        &self,
        ticket: &Ticket,
        relies_on: &[Dependency],
    ) -> Option<(Dependency, Reason)> {
        relies_on.iter().find_map(|it| match self.broken.get(it) {
            Some((when, reason)) if *when > *ticket.0 => Some((*it, reason.clone())),
            _ => None,
        })
    }

    /// Adds a version that is being published.
    pub(crate) fn insert(&mut self, version: &Arc<Version<M>>, relies_on: Vec<Dependency>) {
        let id = version.id();
        for dependency in &relies_on {
            self.dependents.entry(*dependency).or_default().insert(id);
        }
        self.versions_of.entry(id.function).or_default().insert(id);
        let node = Node {
            version: Arc::downgrade(version),
            relies_on,
            retired: None,
        };
        let before = self.nodes.insert(id, node);
        assert!(before.is_none(), "{id} was published twice");
    }

    /// Breaks `cause`: takes all that relied on it out of the graph, and answers those that still
    /// have machine code, each after what it relied on.
    pub(crate) fn break_dependency(
        &mut self,
        cause: Dependency,
        reason: &Reason,
    ) -> Vec<Arc<Version<M>>> {
        self.tick();
        let mut fallen = Vec::new();
        self.spread(vec![cause], reason, &mut fallen);
        fallen
    }

    /// Breaks these versions themselves, and what contains them; answers like
    /// [`Graph::break_dependency`].
    pub(crate) fn break_versions(
        &mut self,
        ids: impl IntoIterator<Item = VersionId>,
        reason: &Reason,
    ) -> Vec<Arc<Version<M>>> {
        self.tick();
        let mut fallen = Vec::new();
        for id in ids {
            let work = self.fell(id, &mut fallen);
            self.spread(work.into_iter().collect(), reason, &mut fallen);
        }
        fallen
    }

    fn tick(&mut self) {
        self.clock += 1;
        self.forget_breaks_nobody_asks_for();
    }

    fn spread(
        &mut self,
        mut work: Vec<Dependency>,
        reason: &Reason,
        fallen: &mut Vec<Arc<Version<M>>>,
    ) {
        while let Some(dependency) = work.pop() {
            self.remember_break(dependency, reason);
            let mut hit = self.dependents.remove(&dependency).unwrap_or_default();
            if let Dependency::Function(function) = dependency {
                hit.extend(self.versions_of.get(&function).into_iter().flatten());
            }
            work.extend(hit.into_iter().filter_map(|id| self.fell(id, fallen)));
        }
    }

    /// A version may be reached over two edges; the first one takes it.
    fn fell(&mut self, id: VersionId, fallen: &mut Vec<Arc<Version<M>>>) -> Option<Dependency> {
        let node = self.remove(id)?;
        self.retired.remove(&id);
        fallen.extend(node.version.upgrade());
        Some(Dependency::Version(id))
    }

    /// All that rely on `cause` now, each after what it relied on; they stay in the graph. For those
    /// under way it is a break.
    pub(crate) fn doubt(&mut self, cause: Dependency, reason: &Reason) -> Vec<Arc<Version<M>>> {
        self.tick();
        let mut seen = BTreeSet::new();
        let mut found = Vec::new();
        let mut work = vec![cause];
        while let Some(dependency) = work.pop() {
            self.remember_break(dependency, reason);
            let direct = self.dependents.get(&dependency).into_iter();
            let own = match dependency {
                Dependency::Function(function) => self.versions_of.get(&function),
                _ => None,
            };
            for &id in direct.chain(own).flatten() {
                if !seen.insert(id) {
                    continue;
                }
                let version = self.nodes.get(&id).and_then(|it| it.version.upgrade());
                found.extend(version);
                work.push(Dependency::Version(id));
            }
        }
        found
    }

    /// Whether nothing that this version relies on has broken since it was published.
    pub(crate) fn holds(&self, id: VersionId) -> bool {
        self.nodes.contains_key(&id)
    }

    /// Every version that entries lead to or may lead to again.
    pub(crate) fn living(&self) -> Vec<Arc<Version<M>>> {
        let living = self.nodes.values().filter(|it| it.retired.is_none());
        living.filter_map(|it| it.version.upgrade()).collect()
    }

    /// Notes that no entry leads to `id` any more.
    pub(crate) fn retire(&mut self, id: VersionId) {
        let clock = self.clock;
        if let Some(node) = self.nodes.get_mut(&id) {
            node.retired = Some(clock);
            self.retired.insert(id);
        }
    }

    /// Takes away the nodes of freed versions that nobody contains, nor can come to contain: no
    /// translation is under way that was begun before they were retired.
    pub(crate) fn sweep(&mut self) {
        let oldest = self.oldest_ticket();
        let mut work: Vec<_> = self.retired.iter().copied().collect();
        while let Some(id) = work.pop() {
            if self.is_needed(id, oldest) {
                continue;
            }
            self.retired.remove(&id);
            let Some(node) = self.remove(id) else {
                continue;
            };
            // What only this one contained may go now as well.
            work.extend(node.relies_on.iter().filter_map(|it| match it {
                Dependency::Version(inner) if self.retired.contains(inner) => Some(*inner),
                _ => None,
            }));
        }
    }

    fn is_needed(&self, id: VersionId, oldest_ticket: Option<u64>) -> bool {
        let Some(node) = self.nodes.get(&id) else {
            return false;
        };
        let version = node.version.upgrade();
        let is_freed = version.is_none_or(|it| it.state() == State::Freed);
        // Those begun at the same tick may have seen it, too.
        let may_be_taken_in = oldest_ticket
            .zip(node.retired)
            .is_some_and(|(ticket, retired)| ticket <= retired);
        let is_contained = self.dependents.contains_key(&Dependency::Version(id));
        !is_freed || may_be_taken_in || is_contained
    }

    /// Nodes and edges.
    pub(crate) fn size(&self) -> (usize, usize) {
        let n_edges = self.dependents.values().map(BTreeSet::len).sum();
        (self.nodes.len(), n_edges)
    }

    fn remove(&mut self, id: VersionId) -> Option<Node<M>> {
        let node = self.nodes.remove(&id)?;
        for dependency in &node.relies_on {
            remove_from(&mut self.dependents, dependency, id);
        }
        remove_from(&mut self.versions_of, &id.function, id);
        Some(node)
    }

    fn remember_break(&mut self, dependency: Dependency, reason: &Reason) {
        if !self.tickets.is_empty() {
            self.broken.insert(dependency, (self.clock, reason.clone()));
        }
    }

    fn forget_breaks_nobody_asks_for(&mut self) {
        if self.oldest_ticket().is_none() {
            self.broken.clear();
        }
    }

    fn oldest_ticket(&mut self) -> Option<u64> {
        while let Some(first) = self.tickets.front() {
            match first.upgrade() {
                Some(ticket) => return Some(*ticket),
                None => self.tickets.pop_front(),
            };
        }
        None
    }
}

fn remove_from<K: std::hash::Hash + Eq>(
    map: &mut HashMap<K, BTreeSet<VersionId>>,
    key: &K,
    id: VersionId,
) {
    if let Some(set) = map.get_mut(key) {
        set.remove(&id);
        if set.is_empty() {
            map.remove(key);
        }
    }
}
