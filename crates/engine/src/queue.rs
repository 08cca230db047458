//! The order of what waits for a compile thread: by priority, then by age; one request a door.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::function::WeakFunction;
use crate::graph::Ticket;
use crate::{EntryPoint, FunctionId, Record};

/// A request on its way to the compiler.
pub(crate) struct Job<S, M> {
    pub(crate) function: WeakFunction<M>,
    pub(crate) name: Arc<str>,
    pub(crate) record: Arc<Record>,
    pub(crate) ticket: Ticket,
    pub(crate) source: S,
}

type Key = (FunctionId, EntryPoint);

/// Higher priority first, and among equals the older one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Rank(Reverse<u32>, u64);

pub(crate) struct Queue<S, M> {
    waiting: BTreeMap<Rank, Job<S, M>>,
    ranks: HashMap<Key, Rank>,
    n_pushed: u64,
}

impl<S, M> Queue<S, M> {
    pub(crate) fn new() -> Self {
        Queue {
            waiting: BTreeMap::new(),
            ranks: HashMap::new(),
            n_pushed: 0,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(crate) fn push(&mut self, job: Job<S, M>, priority: u32) {
        let rank = Rank(Reverse(priority), self.n_pushed);
        self.n_pushed += 1;
        let before = self.ranks.insert(key(&job), rank);
        assert!(before.is_none(), "{:?} waits twice", job.record);
        self.waiting.insert(rank, job);
    }

    /// Gives a waiting request a newer source, and the higher of the two priorities. Answers the
    /// source that is not needed; if nothing waits under `key`, that is `source` itself.
    pub(crate) fn merge(
        &mut self,
        key: Key,
        source: S,
        ticket: Ticket,
        priority: u32,
    ) -> Result<S, S> {
        let Some(rank) = self.ranks.get_mut(&key) else {
            return Err(source);
        };
        let old = *rank;
        rank.0 = rank.0.min(Reverse(priority));
        let new = *rank;
        let Some(mut job) = self.waiting.remove(&old) else {
            unreachable!("a rank without a job");
        };
        let unneeded = std::mem::replace(&mut job.source, source);
        job.ticket = ticket;
        self.waiting.insert(new, job);
        Ok(unneeded)
    }

    pub(crate) fn pop(&mut self) -> Option<Job<S, M>> {
        let (_, job) = self.waiting.pop_first()?;
        self.ranks.remove(&key(&job));
        Some(job)
    }

    pub(crate) fn remove(&mut self, key: Key) -> Option<Job<S, M>> {
        let rank = self.ranks.remove(&key)?;
        self.waiting.remove(&rank)
    }

    /// Takes out the requests whose function nobody holds any more.
    pub(crate) fn take_dead(&mut self) -> Vec<Job<S, M>> {
        let dead: Vec<_> = self
            .waiting
            .extract_if(.., |_, job| job.function.is_dead())
            .map(|(_, job)| job)
            .collect();
        for job in &dead {
            self.ranks.remove(&key(job));
        }
        dead
    }

    pub(crate) fn take_all(&mut self) -> Vec<Job<S, M>> {
        self.ranks.clear();
        std::mem::take(&mut self.waiting).into_values().collect()
    }
}

fn key<S, M>(job: &Job<S, M>) -> Key {
    (job.record.id().function, job.record.point())
}
