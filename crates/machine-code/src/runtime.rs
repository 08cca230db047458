//! The runtime: what everything else is made by.

use std::fmt::{self, Write as _};
use std::sync::Arc;

use crate::arena::{Arena, Part};
use crate::perf::PerfMap;
use crate::shared::{FREED, LIVE, RETIRED, Shared};
use crate::{
    Code, CodeId, Collected, DefaultTarget, Entry, EntryKey, Error, Found, Ledger, Object,
    Strategy, Thread, code, entry, fork, os, reclaim,
};

/// Memory for machine code, and everything that is known about it. Clones are the same runtime.
///
/// The memory goes when the last handle of any kind does: a runtime, [`Code`], [`Entry`], [`Thread`]. If versions are
/// retired by then that nobody has collected, it stays, for somebody may be inside.
#[derive(Clone)]
pub struct Runtime(Arc<Shared>);

/// Options of a [`Runtime`].
#[derive(Debug, Clone)]
pub struct Builder {
    reserve: usize,
    limit: usize,
    perf_map: bool,
    atfork: bool,
}

impl Builder {
    /// How many bytes of addresses to reserve, at most 1 GB. Three parts in four are for code. The default is 256 MB;
    /// reserved addresses cost no memory.
    pub fn reserve(mut self, bytes: usize) -> Self {
        self.reserve = bytes;
        self
    }

    /// How many bytes may be backed by memory. The default is what is reserved.
    pub fn limit(mut self, bytes: usize) -> Self {
        self.limit = bytes;
        self
    }

    /// Whether to write `/tmp/perf-PID.map`, by which `perf report` names samples in generated code. Default: no.
    pub fn perf_map(mut self, on: bool) -> Self {
        self.perf_map = on;
        self
    }

    /// Whether to register handlers with `pthread_atfork`, so that a fork while other threads publish leaves the child
    /// a usable runtime, and patched stubs work there. Default: no; then see [`Runtime::after_fork_in_child`].
    pub fn atfork(mut self, on: bool) -> Self {
        self.atfork = on;
        self
    }

    /// Reserves the memory.
    ///
    /// # Errors
    /// [`Error::NoExecMemory`] or [`Error::ExecMemoryDenied`] if the system refuses, which is tried here;
    /// [`Error::Observer`] if the map file cannot be opened; [`Error::Unsupported`] on other platforms.
    pub fn build(self) -> Result<Runtime, Error> {
        let os = Arc::from(os::native()?);
        self.build_on(os)
    }

    /// [`Self::build`], on a given system.
    fn build_on(self, os: Arc<dyn os::Os>) -> Result<Runtime, Error> {
        let perf = if self.perf_map {
            Some(PerfMap::open()?)
        } else {
            None
        };
        let mut arena = Arena::new(Arc::clone(&os), self.reserve, self.limit)?;
        // A refusal of executable memory shows now, not at the first publication.
        let probe = arena.take(Part::Code, 1, 16)?;
        arena.give_code(&[probe])?;
        let shared = Arc::new(Shared::new(os, arena, perf));
        if self.atfork {
            fork::register(&shared)?;
        }
        Ok(Runtime(shared))
    }
}

impl Runtime {
    /// Options, to be followed by [`Builder::build`].
    pub fn builder() -> Builder {
        Builder {
            reserve: 256 << 20,
            limit: usize::MAX,
            perf_map: false,
            atfork: false,
        }
    }

    /// Links an object into executable memory.
    ///
    /// Nothing leads to the code yet: see [`Entry::relink`]. Fill its tables before.
    ///
    /// # Errors
    /// Whatever is wrong with the object, or a lack of memory. Nothing has changed then.
    pub fn publish(&self, object: &Object<'_>) -> Result<Code, Error> {
        code::publish(&self.0, object)
    }

    /// The entry of this key: the existing one, or a new one that leads to `default`.
    ///
    /// # Errors
    /// [`Error::EntryMismatch`] if it exists with another strategy or default; a lack of memory;
    /// [`Error::Unsupported`] for a patched stub where the kernel lacks `membarrier` with core serialisation.
    pub fn entry(
        &self,
        key: EntryKey,
        strategy: Strategy,
        default: DefaultTarget,
    ) -> Result<Entry, Error> {
        entry::entry(&self.0, key, strategy, default)
    }

    /// Lets the calling thread enter code by [`Thread::enter`].
    pub fn attach(&self) -> Thread {
        Thread::attach(&self.0)
    }

    /// Frees the retired versions that nobody is inside.
    ///
    /// `is_inside` is asked once for every retired version that no [`Thread`] is in, without any lock held: is anybody
    /// inside, by what the embedder knows? From the time it is asked on, nobody who is not inside may get inside by
    /// having read an entry before the version was retired. An embedder with a global lock, under which entries are
    /// read and activations are made visible, holds that lock here. One that enters by [`Thread`] alone answers
    /// `false`.
    pub fn collect(&self, is_inside: &dyn Fn(CodeId) -> bool) -> Collected {
        reclaim::collect(&self.0, is_inside)
    }

    /// The version that owns the bytes at an address. Takes a lock: not for signal handlers.
    pub fn find(&self, pc: usize) -> Option<Found> {
        let state = self.0.lock();
        let (_, &unit_no) = state.by_start.range(..=pc).next_back()?;
        let unit = &state.units[unit_no];
        (pc < unit.code.end()).then(|| Found {
            id: unit.id,
            offset: pc - unit.code.start,
            retired: unit.is_retired,
        })
    }

    /// Counts of everything.
    pub fn ledger(&self) -> Ledger {
        let state = self.0.lock();
        let (committed, peak) = state.arena.committed();
        Ledger {
            live: state.tallies[LIVE],
            retired: state.tallies[RETIRED],
            freed: state.tallies[FREED],
            entries: state.lines.len() as u64,
            stubs: state.lines.len() as u64,
            pins: state.pins,
            relinks: state.relinks,
            code_bytes: state.arena.used(Part::Code) as u64,
            data_bytes: state.arena.used(Part::Data) as u64,
            committed_bytes: committed as u64,
            committed_peak: peak as u64,
        }
    }

    /// The ledger and a line for each unit, as text for people.
    pub fn report(&self) -> String {
        let mut report = self.ledger().to_string();
        let state = self.0.lock();
        for &unit_no in state.by_start.values() {
            let unit = &state.units[unit_no];
            let (start, size) = (unit.code.start, unit.size());
            let word = if unit.is_retired { "retired" } else { "live" };
            let (id, entries, name) = (unit.id, unit.incoming.len(), &unit.name);
            // Writing to a string does not fail.
            let _ = writeln!(
                report,
                "{start:#014x} {:>7}+{:<6} {word:<7} {id} {entries} entries {name}",
                size.text, size.data
            );
        }
        report
    }

    /// Repairs the runtime in a child of a fork, on the thread that forked, before it or anything made from it is used
    /// or dropped there: until then patched stubs lead where the parent relinks them. Cells and code need no repair.
    ///
    /// With [`Builder::atfork`] this happens by itself. Without it, no other thread may be inside a function of this
    /// crate while the process forks.
    ///
    /// # Errors
    /// If the stubs cannot be mapped. Those are inaccessible: calling one is a segmentation fault.
    pub fn after_fork_in_child(&self) -> Result<(), Error> {
        fork::repair(&mut self.0.lock(), &*self.0.os)
    }
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Runtime").field(&self.ledger()).finish()
    }
}

#[cfg(test)]
mod tests;
