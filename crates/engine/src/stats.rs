//! Counts of everything that happened, cheap enough to be always on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use martlet_machine_code::Ledger;

use crate::sync::lock;
use crate::{EntryPoint, FunctionId, Place, Reason, Record, State, Timings};

/// At most so many names are remembered; further ones are only counted.
const MAX_NAMES: usize = 10_000;
/// At most so many places where code is left are told apart; further ones count in the sums alone.
const MAX_SITES: usize = 10_000;

/// What an engine has done so far, and what it holds. A copy.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Stats {
    /// Names of the functions of which a version was published, each once, sorted. After 10 000
    /// names no more are added.
    pub compiled: Vec<Arc<str>>,
    /// Requests, by compile threads or by callers, that came to the compiler.
    pub compiles: u64,
    /// Requests that were merged with one that waited already.
    pub merged: u64,
    /// Versions that did not come to be, by reason.
    pub refused: BTreeMap<Reason, u64>,
    /// Versions of which an assumption broke after they were published, by reason.
    pub invalidated: BTreeMap<Reason, u64>,
    /// Versions by what they are now.
    pub versions: VersionCounts,
    /// Sums over all versions that were published.
    pub timings: Timings,
    /// Nodes and edges of the dependency graph.
    pub dependencies: (usize, usize),
    /// Functions that somebody holds, or that are not buried yet.
    pub functions: u64,
    /// Requests that wait.
    pub queued: usize,
    /// Compile threads that exist.
    pub threads: usize,
    /// Units in the mailbox.
    pub finished: usize,
    /// Versions that were evicted for want of room, or by chaos.
    pub evicted: u64,
    /// Exits that the embedder reported.
    pub exits: u64,
    /// The same by place, over all versions and definitions of each function, also of those that are gone. After 10 000
    /// places no more are added.
    pub exit_sites: BTreeMap<ExitSite, ExitCounts>,
    /// Doors that were given up for a while because whatever was made for them was left too often.
    pub storms: u64,
    /// Code bytes and relinks, from `machine-code`.
    pub ledger: Ledger,
}

/// A place where code is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExitSite {
    /// The function.
    pub function: FunctionId,
    /// Its door.
    pub point: EntryPoint,
    /// Where in it.
    pub place: Place,
}

/// What came of the exits at one place.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExitCounts {
    /// The function's name: for people.
    pub name: Arc<str>,
    /// How often code was left.
    pub exits: u64,
    /// How many versions fell for it, where the engine decides that.
    pub falls: u64,
    /// How many storms came from here.
    pub storms: u64,
}

/// How many versions are in which state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VersionCounts {
    /// Published: an entry leads to them.
    pub live: u64,
    /// In doubt, or kept to be rolled back to: no entry leads to them, but one may again.
    pub suspended: u64,
    /// No entry leads to them; activations may be inside.
    pub retired: u64,
    /// Gone, since the engine was made.
    pub freed: u64,
}

#[derive(Default)]
struct Inner {
    compiled: BTreeSet<Arc<str>>,
    compiles: u64,
    merged: u64,
    refused: BTreeMap<Reason, u64>,
    invalidated: BTreeMap<Reason, u64>,
    versions: VersionCounts,
    timings: Timings,
    functions: u64,
    evicted: u64,
    exits: u64,
    storms: u64,
    exit_sites: BTreeMap<ExitSite, ExitCounts>,
}

impl Inner {
    /// The counts of a place, unless there are too many already.
    fn site(&mut self, record: &Record, place: Place) -> Option<&mut ExitCounts> {
        let site = ExitSite {
            function: record.id().function,
            point: record.point(),
            place,
        };
        if self.exit_sites.len() == MAX_SITES && !self.exit_sites.contains_key(&site) {
            return None;
        }
        Some(self.exit_sites.entry(site).or_insert_with(|| ExitCounts {
            name: record.name().clone(),
            exits: 0,
            falls: 0,
            storms: 0,
        }))
    }
}

/// The counters behind [`Stats`]. One lock: nothing here is counted on a hot path.
#[derive(Default)]
pub(crate) struct Counters(Mutex<Inner>);

impl Counters {
    pub(crate) fn function_made(&self) {
        lock(&self.0).functions += 1;
    }

    pub(crate) fn function_buried(&self) {
        lock(&self.0).functions -= 1;
    }

    pub(crate) fn compile_started(&self) {
        lock(&self.0).compiles += 1;
    }

    pub(crate) fn request_merged(&self) {
        lock(&self.0).merged += 1;
    }

    pub(crate) fn refused(&self, reason: &Reason) {
        *lock(&self.0).refused.entry(reason.clone()).or_default() += 1;
    }

    pub(crate) fn invalidated(&self, reason: &Reason) {
        *lock(&self.0).invalidated.entry(reason.clone()).or_default() += 1;
    }

    pub(crate) fn published(&self, name: &Arc<str>, timings: &Timings) {
        let mut inner = lock(&self.0);
        if inner.compiled.len() < MAX_NAMES {
            inner.compiled.insert(name.clone());
        }
        inner.timings.add(timings);
        inner.versions.live += 1;
    }

    /// A version retires that was `before`.
    pub(crate) fn retired(&self, before: State) {
        let mut inner = lock(&self.0);
        match before {
            State::Published => inner.versions.live -= 1,
            State::Suspended => inner.versions.suspended -= 1,
            _ => (),
        }
        inner.versions.retired += 1;
    }

    pub(crate) fn suspended(&self) {
        let mut inner = lock(&self.0);
        inner.versions.live -= 1;
        inner.versions.suspended += 1;
    }

    pub(crate) fn resumed(&self) {
        let mut inner = lock(&self.0);
        inner.versions.suspended -= 1;
        inner.versions.live += 1;
    }

    pub(crate) fn evicted(&self) {
        lock(&self.0).evicted += 1;
    }

    /// Code of this version was left.
    pub(crate) fn exited(&self, record: &Record, place: Place, times: u64) {
        let mut inner = lock(&self.0);
        inner.exits += times;
        if let Some(site) = inner.site(record, place) {
            site.exits += times;
        }
    }

    /// A version fell for its exits.
    pub(crate) fn fell_for_exits(&self, record: &Record, place: Place) {
        if let Some(site) = lock(&self.0).site(record, place) {
            site.falls += 1;
        }
    }

    pub(crate) fn storm(&self, record: &Record, place: Place) {
        let mut inner = lock(&self.0);
        inner.storms += 1;
        if let Some(site) = inner.site(record, place) {
            site.storms += 1;
        }
    }

    pub(crate) fn freed(&self) {
        let mut inner = lock(&self.0);
        inner.versions.retired -= 1;
        inner.versions.freed += 1;
    }

    pub(crate) fn snapshot(&self, ledger: Ledger) -> Stats {
        let inner = lock(&self.0);
        Stats {
            compiled: inner.compiled.iter().cloned().collect(),
            compiles: inner.compiles,
            merged: inner.merged,
            refused: inner.refused.clone(),
            invalidated: inner.invalidated.clone(),
            versions: inner.versions,
            timings: inner.timings,
            functions: inner.functions,
            evicted: inner.evicted,
            exits: inner.exits,
            storms: inner.storms,
            exit_sites: inner.exit_sites.clone(),
            ledger,
            ..Stats::default()
        }
    }
}
