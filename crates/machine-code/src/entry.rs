//! Entries: the stable addresses of what keeps being replaced.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use crate::arena::Part;
use crate::os::Os;
use crate::shared::{LineNo, Shared, State, UnitNo};
use crate::unit::{Line, Stub};
use crate::{Code, Error, isa, raw};

/// What an entry is the address of: one identity, called in one way.
///
/// Code of another signature gets an entry of its own, so a caller never arrives at code that expects other arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct EntryKey {
    /// The function, in the embedder's numbering.
    pub identity: u64,
    /// How it is called, in the embedder's numbering.
    pub signature: u32,
}

impl fmt::Display for EntryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "f{}({})", self.identity, self.signature)
    }
}

/// How an entry leads to the current version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Strategy {
    /// A word in memory holds the target. Compiled callers call through the word; everybody else calls a stub that jumps
    /// through it and never changes. A relink is one store.
    IndirectCell,
    /// The stub is a direct jump, and a relink rewrites the instruction. There is no load on the path. A relink makes
    /// every running thread execute a barrier, and needs `membarrier` with core serialisation.
    PatchedStub,
}

/// Where an entry leads while it has no current version: a function that is never freed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DefaultTarget(usize);

impl DefaultTarget {
    /// The function at this address.
    ///
    /// # Safety
    /// It is a function that can be called as every caller of the entry does, and it is never unloaded or freed.
    pub unsafe fn new(function: *const ()) -> Self {
        Self(function.expose_provenance())
    }
}

/// The address of an entry's cell, for generated code to call or jump through (`call *address`).
///
/// It is valid as long as the entry lives: code that contains it keeps the entry by [`Code::hold`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CellAddress(usize);

impl CellAddress {
    /// The address, to be put into a table of the code or to be a symbol's value.
    pub fn get(self) -> usize {
        self.0
    }
}

/// The stable address of an identity. Clones are the same entry; it goes when the last of them does.
#[derive(Clone)]
pub struct Entry(Arc<EntryInner>);

pub(crate) struct EntryInner {
    shared: Arc<Shared>,
    key: EntryKey,
    strategy: Strategy,
    default: DefaultTarget,
    line_no: LineNo,
    cell: usize,
    stub: usize,
}

impl Entry {
    /// What it is the address of.
    pub fn key(&self) -> EntryKey {
        self.0.key
    }

    /// How it leads to the current version.
    pub fn strategy(&self) -> Strategy {
        self.0.strategy
    }

    /// Makes `code` the current version. When this returns, every call through the entry that starts from now on, on
    /// any thread that is ordered after this one, enters `code`. Calls in progress go on in the version they entered.
    ///
    /// The entry does not keep `code`; dropping it resets the entry.
    ///
    /// # Errors
    /// [`Error::WrongIdentity`] if `code` is of another identity or of another runtime.
    pub fn relink(&self, code: &Code) -> Result<(), Error> {
        let link = self.link_to(code)?;
        self.0.shared.relink([link]);
        Ok(())
    }

    /// Goes back to the default target.
    pub fn reset(&self) {
        self.0.shared.relink([(self.0.line_no, None)]);
    }

    /// What a relink to `code` changes, if it may.
    fn link_to(&self, code: &Code) -> Result<(LineNo, Option<UnitNo>), Error> {
        let same_runtime = Arc::ptr_eq(&self.0.shared, code.shared());
        let identity = self.0.key.identity;
        if !same_runtime || code.ids().iter().all(|id| id.identity != identity) {
            return Err(Error::WrongIdentity {
                code: code.id().identity,
                entry: identity,
            });
        }
        Ok((self.0.line_no, Some(code.unit_no())))
    }

    /// The cell for compiled callers. `None` for a patched stub: its callers, compiled ones too, call the stub.
    pub fn cell_address(&self) -> Option<CellAddress> {
        match self.0.strategy {
            Strategy::IndirectCell => Some(CellAddress(self.0.cell)),
            Strategy::PatchedStub => None,
        }
    }

    /// An address that foreign code may keep and call for as long as the pin lives. The ledger lists it.
    pub fn pin(&self) -> EntryPtr {
        self.0.shared.lock().pin(self.0.line_no);
        EntryPtr(self.clone())
    }

    /// The entry as a function pointer, borrowed.
    ///
    /// # Safety
    /// - `F` is a function pointer type, and the default target and every version this entry is ever relinked to can
    ///   be called as such.
    /// - A copy of the pointer is not called when the entry is gone.
    /// - A caller inside a version is known to whoever collects: during a call, `is_inside` of every
    ///   [`collect`](crate::Runtime::collect) answers `true` for the version that was entered. (Calls through
    ///   [`Thread::enter`](crate::Thread::enter) need no such care.)
    #[inline]
    pub unsafe fn as_fn<F: Copy>(&self) -> Callable<'_, F> {
        // SAFETY: the stub is executable as long as the entry lives; `F` is the caller's promise.
        unsafe { Callable::new(self.0.stub) }
    }

    #[inline]
    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.0.shared
    }

    /// The word that holds the address of the current body, or of the way to the default.
    #[inline]
    pub(crate) fn word(&self) -> &AtomicU64 {
        // SAFETY: the cell is committed data of the arena as long as the entry lives.
        unsafe { raw::word(self.0.cell) }
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("key", &self.0.key)
            .field("strategy", &self.0.strategy)
            .finish_non_exhaustive()
    }
}

/// An entry's address in the hands of foreign code. See [`Entry::pin`].
#[derive(Debug)]
pub struct EntryPtr(Entry);

impl EntryPtr {
    /// The address: of the unchanging stub of a cell, or of the patched stub.
    pub fn as_ptr(&self) -> *const () {
        std::ptr::with_exposed_provenance(self.0.0.stub)
    }

    /// The entry.
    pub fn entry(&self) -> &Entry {
        &self.0
    }
}

impl Drop for EntryPtr {
    fn drop(&mut self) {
        self.0.0.shared.lock().unpin(self.0.0.line_no);
    }
}

/// A function pointer that is good as long as what it was borrowed from. Dereference it to call.
#[derive(Clone, Copy)]
pub struct Callable<'a, F> {
    function: F,
    borrowed: PhantomData<&'a ()>,
}

impl<F: Copy> Callable<'_, F> {
    /// # Safety
    /// `F` is a function pointer type, and `address` can be called as such while the lifetime lasts.
    #[inline]
    pub(crate) unsafe fn new(address: usize) -> Self {
        const {
            assert!(
                size_of::<F>() == size_of::<usize>(),
                "not a function pointer"
            )
        };
        let pointer = std::ptr::with_exposed_provenance::<()>(address);
        // SAFETY: both are pointers of the same size, and the caller's promise.
        let function = unsafe { std::mem::transmute_copy::<*const (), F>(&pointer) };
        Self {
            function,
            borrowed: PhantomData,
        }
    }
}

impl<F> Deref for Callable<'_, F> {
    type Target = F;

    #[inline]
    fn deref(&self) -> &F {
        &self.function
    }
}

/// Relinks several entries in one step. See [`Runtime::relink`](crate::Runtime::relink).
pub(crate) fn relink(shared: &Arc<Shared>, links: &[(&Entry, &Code)]) -> Result<(), Error> {
    let steps = links.iter().map(|(entry, code)| {
        if !Arc::ptr_eq(shared, &entry.0.shared) {
            return Err(Error::WrongIdentity {
                code: code.id().identity,
                entry: entry.0.key.identity,
            });
        }
        entry.link_to(code)
    });
    let steps: Vec<_> = steps.collect::<Result<_, _>>()?;
    shared.relink(steps);
    Ok(())
}

/// Finds or makes an entry. See [`Runtime::entry`](crate::Runtime::entry).
pub(crate) fn entry(
    shared: &Arc<Shared>,
    key: EntryKey,
    strategy: Strategy,
    default: DefaultTarget,
) -> Result<Entry, Error> {
    let mut state = shared.lock();
    if let Some(existing) = state.entries.get(&key).and_then(Weak::upgrade) {
        // Dropping the last handle takes the lock, and this may be it by now.
        drop(state);
        if existing.strategy == strategy && existing.default == default {
            return Ok(Entry(existing));
        }
        return Err(Error::EntryMismatch {
            identity: key.identity,
            signature: key.signature,
        });
    }
    let line = state.make_line(&*shared.os, key, strategy, default)?;
    let (cell, stub) = (line.cell.start, line.stub.address());
    let line_no = state.lines.insert(line);
    let shared = Arc::clone(shared);
    let inner = Arc::new(EntryInner {
        shared,
        key,
        strategy,
        default,
        line_no,
        cell,
        stub,
    });
    state.entries.insert(key, Arc::downgrade(&inner));
    Ok(Entry(inner))
}

impl Drop for EntryInner {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        // Another entry of this key may have been made since the last handle went.
        if state
            .entries
            .get(&self.key)
            .is_some_and(|it| it.strong_count() == 0)
        {
            state.entries.remove(&self.key);
        }
        let line = state.lines.remove(self.line_no);
        if let Some(unit_no) = line.current {
            state.units[unit_no]
                .incoming
                .retain(|&it| it != self.line_no);
        }
        state.arena.give_data(line.cell);
        state.discard_stub(line.stub, self.key);
    }
}

impl State {
    /// A cell and a stub that lead to the default.
    fn make_line(
        &mut self,
        os: &dyn Os,
        key: EntryKey,
        strategy: Strategy,
        default: DefaultTarget,
    ) -> Result<Line, Error> {
        let cell = self.take(Part::Data, 8, 8)?;
        let made = match strategy {
            Strategy::IndirectCell => self
                .fixed_stub(os, cell.start)
                .map(|stub| (stub, default.0)),
            Strategy::PatchedStub => self.patched_stub(os, default.0),
        };
        let (stub, target) = made.inspect_err(|_| self.arena.give_data(cell))?;
        // SAFETY: the block was taken just now, and nobody else knows it.
        let word = unsafe { raw::word(cell.start) };
        // Release: the memory may have been another entry's cell, and this starts its new life.
        word.store(target as u64, Ordering::Release);
        Ok(Line {
            key,
            cell,
            stub,
            default: target,
            current: None,
            pins: 0,
        })
    }

    /// A jump through the cell.
    fn fixed_stub(&mut self, os: &dyn Os, cell: usize) -> Result<Stub, Error> {
        let block = self.write_block(os, |here| isa::NATIVE.cell_stub(here, cell))?;
        self.fixed_stubs += 1;
        Ok(Stub::Fixed(block))
    }

    /// A patched stub that leads to the default, and the jump by which it does, for the default may be far away.
    fn patched_stub(&mut self, os: &dyn Os, default: usize) -> Result<(Stub, usize), Error> {
        let target = self.default_jump(os, default)?;
        let stub = self.take_stub()?;
        self.arena.point_stub(stub, target);
        // The place may have been another entry's stub. And where this fails, relinking would.
        if let Err(error) = os.sync_core() {
            self.arena.trap_stub(stub);
            self.arena.give_stub(stub);
            return Err(error);
        }
        Ok((Stub::Patched(stub), target))
    }

    /// The jump to a default target. It is kept: there are as many as there are different targets.
    fn default_jump(&mut self, os: &dyn Os, default: usize) -> Result<usize, Error> {
        if let Some(block) = self.defaults.get(&default) {
            return Ok(block.start);
        }
        let block = self.write_block(os, |_| isa::NATIVE.jump_to(default))?;
        self.defaults.insert(default, block);
        Ok(block.start)
    }
}
