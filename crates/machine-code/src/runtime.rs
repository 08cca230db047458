//! The runtime: what everything else is made by.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use crate::arena::{Arena, Part};
use crate::index::Owner;
use crate::observe::{JitDump, Observers, PerfMap};
use crate::shared::{Options, Shared};
use crate::sync::Ordering;
use crate::{
    Code, CodeId, Collected, DefaultTarget, Entry, EntryKey, Error, Event, Found, Ledger, Object,
    Report, Strategy, Thread, code, entry, fork, os, reclaim, trap, unwind,
};

/// Memory for machine code, and everything that is known about it. Clones are the same runtime.
///
/// The memory goes when the last handle of any kind does: a runtime, [`Code`], [`Entry`], [`Thread`]. If versions are
/// retired by then that nobody has collected, it stays, for somebody may be inside.
#[derive(Clone)]
pub struct Runtime(Arc<Shared>);

/// Options of a [`Runtime`]. Whatever changes the process as a whole is off unless it is asked for here.
#[derive(Debug, Clone)]
pub struct Builder {
    reserve: usize,
    limit: usize,
    quarantine: usize,
    events: usize,
    perf_map: bool,
    jitdump: Option<PathBuf>,
    #[cfg(feature = "gdb")]
    gdb: bool,
    atfork: bool,
    unwind_tables: bool,
    trap_handler: bool,
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

    /// How many bytes of freed code and freed stubs stay traps before they are used again, the oldest being used first.
    /// Default: 0. Where the memory is needed otherwise, they give way.
    pub fn quarantine(mut self, bytes: usize) -> Self {
        self.quarantine = bytes;
        self
    }

    /// How many events are kept for [`Runtime::take_events`]. Default: 0.
    pub fn events(mut self, capacity: usize) -> Self {
        self.events = capacity;
        self
    }

    /// Whether to write `/tmp/perf-PID.map`, by which `perf report` names samples in generated code. Default: no.
    pub fn perf_map(mut self, on: bool) -> Self {
        self.perf_map = on;
        self
    }

    /// A folder in which to write `jit-PID.dump`, by which `perf inject --jit` names samples in generated code and shows
    /// its instructions, whatever stood at the same address before and after. Default: none.
    pub fn jitdump(mut self, folder: impl Into<PathBuf>) -> Self {
        self.jitdump = Some(folder.into());
        self
    }

    /// Whether to tell GDB of functions and of their line tables, by its JIT interface. A process that is not debugged
    /// pays a copy of each object. Default: no.
    #[cfg(feature = "gdb")]
    pub fn gdb(mut self, on: bool) -> Self {
        self.gdb = on;
        self
    }

    /// Whether to register handlers with `pthread_atfork`, so that a fork while other threads publish leaves the child
    /// a usable runtime, and patched stubs work there. Default: no; then see [`Runtime::after_fork_in_child`].
    pub fn atfork(mut self, on: bool) -> Self {
        self.atfork = on;
        self
    }

    /// Whether to keep the `.eh_frame` sections of objects and register them with the unwinder, so that panics and
    /// exceptions may pass through generated code. Default: no; then code is compiled with frame pointers, for
    /// whoever wants to walk the stack.
    ///
    /// # Safety
    /// The unwinder believes what the tables say. All objects that will be published have such as a compiler makes,
    /// true of their code.
    pub unsafe fn unwind_tables(mut self, on: bool) -> Self {
        self.unwind_tables = on;
        self
    }

    /// Whether to install a handler of `SIGTRAP` that tells, on standard error, who has entered freed code: which
    /// version of what (as long as it is in quarantine), when it was freed, what replaced it, and which thread it was.
    /// Then the signal goes to the handler that was there before, or ends the process. Default: no.
    ///
    /// The handler stays for the life of the process.
    pub fn trap_handler(mut self, on: bool) -> Self {
        self.trap_handler = on;
        self
    }

    /// Reserves the memory.
    ///
    /// # Errors
    /// [`Error::NoExecMemory`] or [`Error::ExecMemoryDenied`] if the system refuses, which is tried here;
    /// [`Error::Observer`] if a file for a profiler cannot be written; [`Error::Unsupported`] on other platforms.
    pub fn build(self) -> Result<Runtime, Error> {
        let os = Arc::from(os::native()?);
        self.build_on(os)
    }

    /// [`Self::build`], on a given system.
    fn build_on(self, os: Arc<dyn os::Os>) -> Result<Runtime, Error> {
        if self.unwind_tables {
            unwind::check()?;
        }
        let mut observers = Observers::new();
        if self.perf_map {
            observers.push(Box::new(PerfMap::open()?));
        }
        if let Some(folder) = &self.jitdump {
            observers.push(Box::new(JitDump::open(folder)?));
        }
        #[cfg(feature = "gdb")]
        if self.gdb {
            #[cfg(target_os = "linux")]
            observers.push(Box::new(crate::observe::Gdb::new()));
            #[cfg(not(target_os = "linux"))]
            return Err(Error::Unsupported("GDB's interface needs ELF"));
        }
        let mut arena = Arena::new(Arc::clone(&os), self.reserve, self.limit)?;
        // A refusal of executable memory shows now, not at the first publication.
        let probe = arena.take(Part::Code, 1, 16)?;
        arena.trap(&[probe])?;
        arena.give_code(probe);
        let options = Options {
            unwind: self.unwind_tables,
            quarantine: self.quarantine,
            events: self.events,
            observers,
        };
        let shared = Arc::new(Shared::new(os, arena, options));
        if self.trap_handler {
            trap::watch(&shared.index)?;
        }
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
            quarantine: 0,
            events: 0,
            perf_map: false,
            jitdump: None,
            #[cfg(feature = "gdb")]
            gdb: false,
            atfork: false,
            unwind_tables: false,
            trap_handler: false,
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

    /// Relinks several entries in one step, as [`Entry::relink`] does with one: for a group of functions that were made
    /// together, and for the members of one [`Object`]. Other threads may see some of them relinked before the others;
    /// but whoever has entered a member of an object reaches only the members beside it when it calls them.
    ///
    /// # Errors
    /// [`Error::WrongIdentity`] if an entry and its code are of different identities or of another runtime. Nothing has
    /// changed then.
    pub fn relink(&self, links: &[(&Entry, &Code)]) -> Result<(), Error> {
        entry::relink(&self.0, links)
    }

    /// Lets the calling thread enter code by [`Thread::enter`].
    pub fn attach(&self) -> Thread {
        Thread::attach(&self.0)
    }

    /// Frees the retired versions that nobody is inside.
    ///
    /// `is_inside` is asked at most once for every retired version that no [`Thread`] is in, without any lock held: is anybody
    /// inside, by what the embedder knows? From the time it is asked on, nobody who is not inside may get inside by
    /// having read an entry before the version was retired. (Where the system has `membarrier`, every running thread has
    /// executed one by then, so a call instruction that had read an entry has arrived; what remains are callers that
    /// read the entry by one instruction and call by another.) An embedder with a global lock, under which entries are
    /// read and activations are made visible, holds that lock here. One that enters by [`Thread`] alone answers
    /// `false`.
    pub fn collect(&self, is_inside: &dyn Fn(CodeId) -> bool) -> Collected {
        reclaim::collect(&self.0, is_inside)
    }

    /// The version that owns the bytes at an address. Takes no lock and allocates nothing: it may be called in signal
    /// handlers, and for any address.
    pub fn find(&self, pc: usize) -> Option<Found> {
        let found = self.0.index.look(pc, |span| {
            let Owner::Version(version) = &span.owner else {
                return None;
            };
            let offset = pc - version.unit;
            let values = version.pc_values.as_deref().unwrap_or_default();
            let after = values.partition_point(|it| it.offset as usize <= offset);
            Some(Found {
                id: version.id,
                offset,
                // Relaxed: it may be retired in the next moment as well.
                retired: version.is_retired.load(Ordering::Relaxed),
                value: after.checked_sub(1).map(|it| values[it].value),
            })
        });
        found.flatten()
    }

    /// Counts of everything.
    pub fn ledger(&self) -> Ledger {
        self.0.lock().ledger()
    }

    /// The ledger and the owner of every byte of executable memory in use, to be printed.
    pub fn report(&self) -> Report {
        Report::new(&self.0.lock())
    }

    /// The events since this was called the last time, if [`Builder::events`] asked for them and as far as they were
    /// kept.
    pub fn take_events(&self) -> Vec<Event> {
        self.0.lock().events.take()
    }

    /// Repairs the runtime in a child of a fork, on the thread that forked, before it or anything made from it is used
    /// or dropped there: until then patched stubs lead where the parent relinks them, and what other threads were in
    /// counts as entered. Cells and code need no repair.
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
