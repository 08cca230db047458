//! What a runtime's handles share: the state under its lock, and the steps that change it.
//!
//! A unit goes through these states; the numbers are in the ledger.
//!
//! ```text
//! reserved -> written -> published (live) -> retired -> freed
//!     \__________\________________\______________________/     an error, or no entry ever led to it
//! ```
//!
//! Lock order: this lock is a leaf. Nothing that it protects is dropped or called under it that takes it again.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

use crate::activation::Record;
use crate::arena::{Arena, Block, Part};
use crate::entry::{EntryInner, EntryKey};
use crate::events::{EventKind, Events};
use crate::hazard::Barriers;
use crate::index::{Buried, Grave, Index, Owner, Replaced, Span};
use crate::ledger::{Ledger, Tally};
use crate::observe::{Observers, Published};
use crate::os::Os;
use crate::quarantine::{Quarantine, Resting};
use crate::slab::Slab;
use crate::sync::Ordering;
use crate::unit::{Line, Stub, Unit};
use crate::{CodeId, Error, raw, trap};

/// The runtime behind its handles.
pub(crate) struct Shared {
    pub(crate) os: Arc<dyn Os>,
    pub(crate) barriers: Barriers,
    /// The arena's addresses, which never change.
    pub(crate) whole: Block,
    /// Whether objects' unwind tables are kept and registered.
    pub(crate) unwind: bool,
    /// Read without the lock, written with it.
    pub(crate) index: Arc<Index>,
    state: Mutex<State>,
}

/// What the lock protects.
pub(crate) struct State {
    // Before the arena, for what is dropped with a unit refers to its bytes.
    pub(crate) units: Slab<Unit>,
    pub(crate) arena: Arena,
    pub(crate) index: Arc<Index>,
    pub(crate) replaced: Replaced,
    pub(crate) quarantine: Quarantine,
    /// Units that are to be freed as soon as nobody is inside.
    pub(crate) retired: BTreeSet<UnitNo>,
    /// Those of them that a collection is looking at now.
    pub(crate) examined: BTreeSet<UnitNo>,
    pub(crate) entries: HashMap<EntryKey, Weak<EntryInner>>,
    pub(crate) lines: Slab<Line>,
    /// How many stubs of cells there are. The patched ones are counted where they are taken.
    pub(crate) fixed_stubs: usize,
    /// Jumps to default targets, which may be far away.
    pub(crate) defaults: HashMap<usize, Block>,
    pub(crate) records: Vec<Arc<Record>>,
    pub(crate) observers: Observers,
    pub(crate) events: Events,
    /// Code that is nobody's any more, but that the system did not let us fill with traps yet, and what it was.
    pub(crate) untrapped: Vec<(Block, Option<Buried>)>,
    pub(crate) tallies: [Tally; 3],
    /// Pins of all entries.
    pub(crate) pins: u64,
    pub(crate) relinks: u64,
}

/// Indices into [`State::tallies`].
pub(crate) const LIVE: usize = 0;
pub(crate) const RETIRED: usize = 1;
pub(crate) const FREED: usize = 2;

/// A place in a slab.
pub(crate) type UnitNo = usize;
/// A place in a slab.
pub(crate) type LineNo = usize;

/// What a runtime is made with.
pub(crate) struct Options {
    pub(crate) unwind: bool,
    /// Bytes of freed code that stay traps.
    pub(crate) quarantine: usize,
    /// How many events are kept.
    pub(crate) events: usize,
    pub(crate) observers: Observers,
}

impl Shared {
    pub(crate) fn new(os: Arc<dyn Os>, arena: Arena, options: Options) -> Self {
        let barriers = if os.has_barrier() {
            Barriers::Asymmetric
        } else {
            Barriers::Symmetric
        };
        let executable = arena.executable();
        let index = Arc::new(Index::new(executable.start, executable.len));
        let whole = arena.whole();
        let state = State {
            units: Slab::default(),
            arena,
            index: Arc::clone(&index),
            replaced: Replaced::default(),
            quarantine: Quarantine::new(options.quarantine),
            retired: BTreeSet::new(),
            examined: BTreeSet::new(),
            entries: HashMap::new(),
            lines: Slab::default(),
            fixed_stubs: 0,
            defaults: HashMap::new(),
            records: Vec::new(),
            observers: options.observers,
            events: Events::new(options.events),
            untrapped: Vec::new(),
            tallies: [Tally::default(); 3],
            pins: 0,
            relinks: 0,
        };
        Self {
            os,
            barriers,
            whole,
            unwind: options.unwind,
            index,
            state: Mutex::new(state),
        }
    }

    /// The state. A panic under the lock is a bug of ours that has been reported; the others go on.
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A full barrier on all threads, or on this one where readers execute their own.
    pub(crate) fn barrier(&self) {
        match self.barriers {
            Barriers::Asymmetric => self.os.barrier(),
            Barriers::Symmetric => std::sync::atomic::fence(std::sync::atomic::Ordering::SeqCst),
        }
    }

    /// Points entries at units, or at their defaults, in one step.
    pub(crate) fn relink(&self, links: impl IntoIterator<Item = (LineNo, Option<UnitNo>)>) {
        let mut state = self.lock();
        let mut was_patched = false;
        for (line_no, to) in links {
            state.relink(line_no, to);
            was_patched |= matches!(state.lines[line_no].stub, Stub::Patched(_));
        }
        drop(state);
        if was_patched {
            self.sync_core();
        }
    }

    /// After patching: no thread goes on executing an old jump.
    pub(crate) fn sync_core(&self) {
        // An entry is patched only where the barrier worked before.
        self.os
            .sync_core()
            .expect("a barrier that worked is not withdrawn");
    }

    /// The owner of a unit lets go of it.
    pub(crate) fn release(&self, unit_no: UnitNo) {
        let mut state = self.lock();
        let mut was_patched = false;
        while let Some(&line_no) = state.units[unit_no].incoming.last() {
            was_patched |= matches!(state.lines[line_no].stub, Stub::Patched(_));
            state.relink(line_no, None);
        }
        state.retire(unit_no);
        // What nobody could ever enter needs no collecting. Should it fail now, a later collection succeeds.
        let at_once = !state.units[unit_no].was_linked;
        let freed = if at_once {
            state.free(&[unit_no])
        } else {
            Ok(Vec::new())
        };
        if !at_once || freed.is_err() {
            state.retired.insert(unit_no);
        }
        drop(state);
        if was_patched {
            self.sync_core();
        }
        // The units' entries are dropped here, without the lock.
        drop(freed);
    }
}

impl State {
    pub(crate) fn relink(&mut self, line_no: LineNo, to: Option<UnitNo>) {
        let line = &mut self.lines[line_no];
        let key = line.key;
        let mut body = to.and_then(|unit_no| self.units[unit_no].body_of(key.identity));
        let target = body.as_ref().map_or(line.default, |body| body.address);
        let to_id = body.as_mut().map(|body| {
            body.replaced_by = None;
            body.version.id
        });
        let from = std::mem::replace(&mut line.current, to);
        // SAFETY: the cell is committed data of the arena as long as the line exists.
        let cell = unsafe { raw::word(line.cell.start) };
        // Release: a caller that reads the new target sees its bytes and its tables. Pairs with `Word::load`,
        // and in generated code with the loads of its calls, which depend on nothing but the address.
        cell.store(target as u64, std::sync::atomic::Ordering::Release);
        if let Stub::Patched(stub) = line.stub {
            self.arena.point_stub(stub, target);
        }
        let mut from_id = None;
        if let Some(unit) = from.and_then(|from| self.units.get_mut(from)) {
            unit.incoming.retain(|&it| it != line_no);
            if let Some(body) = unit.body_of(key.identity) {
                from_id = Some(body.version.id);
                body.replaced_by = to_id;
            }
        }
        if let Some(unit_no) = to {
            let unit = &mut self.units[unit_no];
            unit.incoming.push(line_no);
            unit.was_linked = true;
        }
        self.relinks += 1;
        self.events.push(EventKind::Relinked {
            entry: key,
            from: from_id,
            to: to_id,
        });
    }

    /// The version that an entry leads to.
    pub(crate) fn current(&self, line: &Line) -> Option<CodeId> {
        let unit = &self.units[line.current?];
        let mut ids = unit.bodies.iter().map(|body| body.version.id);
        ids.find(|id| id.identity == line.key.identity)
    }

    pub(crate) fn add_unit(&mut self, unit: Unit, published: &Published<'_>) -> UnitNo {
        let size = unit.size();
        self.tallies[LIVE].add(size.text, size.data);
        for (body, piece) in unit.pieces() {
            let span = Span {
                start: piece.start,
                end: piece.end(),
                owner: Owner::Version(Arc::clone(&body.version)),
            };
            self.index.insert(&span, &mut self.replaced);
            self.events.push(EventKind::Published(body.version.id));
        }
        for observer in &mut self.observers {
            observer.published(published);
        }
        self.units.insert(unit)
    }

    fn retire(&mut self, unit_no: UnitNo) {
        let unit = &mut self.units[unit_no];
        unit.is_retired = true;
        let size = unit.size();
        self.tallies[LIVE].sub(size.text, size.data);
        self.tallies[RETIRED].add(size.text, size.data);
        for body in &unit.bodies {
            // Relaxed: a reader of the index may see it a little later.
            body.version.is_retired.store(true, Ordering::Relaxed);
            self.events.push(EventKind::Retired(body.version.id));
        }
    }

    /// Frees retired units, which the caller took from the list, and returns them, for what they hold to be dropped
    /// without the lock. On an error none of them is freed.
    pub(crate) fn free(&mut self, unit_nos: &[UnitNo]) -> Result<Vec<Unit>, Error> {
        if unit_nos.is_empty() {
            return Ok(Vec::new());
        }
        for &unit_no in unit_nos {
            // Before its bytes change.
            self.units[unit_no].frames = None;
        }
        let blocks: Vec<_> = unit_nos.iter().map(|&it| self.units[it].code).collect();
        self.arena.trap(&blocks)?;
        let freed_at = Instant::now();
        let units = unit_nos.iter().map(|&unit_no| {
            let unit = self.units.remove(unit_no);
            for (body, piece) in unit.pieces() {
                self.index
                    .remove(piece.start, piece.end(), &mut self.replaced);
                self.events.push(EventKind::Freed(body.version.id));
            }
            for observer in &mut self.observers {
                observer.freed(unit.code.start);
            }
            self.rest(Resting::Code(unit.code), || Grave {
                what: unit.buried(),
                freed_at,
            });
            if let Some(data) = unit.data {
                self.arena.give_data(data);
            }
            let size = unit.size();
            self.tallies[RETIRED].sub(size.text, size.data);
            self.tallies[FREED].add(size.text, size.data);
            unit
        });
        Ok(units.collect())
    }

    /// Frees a piece that is full of traps, at once or after a while.
    fn rest(&mut self, resting: Resting, grave: impl FnOnce() -> Grave) {
        self.quarantine.add(
            resting,
            grave,
            &mut self.arena,
            &self.index,
            &mut self.replaced,
        );
    }

    /// Frees a block of code that belongs to no unit. Should the system refuse it, a later call tries again.
    pub(crate) fn discard(&mut self, block: Block, was: Option<Buried>) {
        self.untrapped.push((block, was));
        let blocks: Vec<_> = self.untrapped.iter().map(|&(block, _)| block).collect();
        if self.arena.trap(&blocks).is_err() {
            return;
        }
        for (block, was) in std::mem::take(&mut self.untrapped) {
            match was {
                Some(what) => self.rest(Resting::Code(block), || stub_grave(what)),
                None => self.arena.give_code(block),
            }
        }
    }

    /// Frees the stub of an entry that is gone.
    pub(crate) fn discard_stub(&mut self, stub: Stub, key: EntryKey) {
        match stub {
            Stub::Fixed(block) => {
                self.fixed_stubs -= 1;
                self.discard(block, Some(Buried::Stub(key)));
            }
            Stub::Patched(stub) => {
                self.arena.trap_stub(stub);
                self.rest(Resting::Stub(stub), || stub_grave(Buried::Stub(key)));
            }
        }
    }

    /// Takes a block. What is in quarantine makes room for it if need be.
    pub(crate) fn take(&mut self, part: Part, len: usize, align: usize) -> Result<Block, Error> {
        match self.arena.take(part, len, align) {
            Err(Error::ArenaFull { .. }) if self.end_quarantine() => {
                self.arena.take(part, len, align)
            }
            other => other,
        }
    }

    /// Takes a patched stub. What is in quarantine makes room for it if need be.
    pub(crate) fn take_stub(&mut self) -> Result<usize, Error> {
        match self.arena.take_stub() {
            Err(Error::ArenaFull { .. }) if self.end_quarantine() => self.arena.take_stub(),
            other => other,
        }
    }

    fn end_quarantine(&mut self) -> bool {
        self.quarantine
            .shrink(0, &mut self.arena, &self.index, &mut self.replaced)
    }

    /// Takes a block and writes to it the bytes that `write` makes for its address.
    pub(crate) fn write_block(
        &mut self,
        os: &dyn Os,
        write: impl Fn(usize) -> [u8; 16],
    ) -> Result<Block, Error> {
        let block = self.take(Part::Code, 16, 16)?;
        let bytes = write(block.start);
        match os.write_code(&[(block.start, &bytes)]) {
            Ok(()) => Ok(block),
            Err(error) => {
                self.discard(block, None);
                Err(error)
            }
        }
    }

    /// Counts an address that is handed to foreign code.
    pub(crate) fn pin(&mut self, line_no: LineNo) {
        self.lines[line_no].pins += 1;
        self.pins += 1;
    }

    /// Counts one that is given back.
    pub(crate) fn unpin(&mut self, line_no: LineNo) {
        self.lines[line_no].pins -= 1;
        self.pins -= 1;
    }

    pub(crate) fn ledger(&self) -> Ledger {
        let (committed, peak) = self.arena.committed();
        let patched_stubs = self.arena.stubs_in_use() - self.quarantine.patched_stubs();
        Ledger {
            live: self.tallies[LIVE],
            retired: self.tallies[RETIRED],
            freed: self.tallies[FREED],
            entries: self.lines.len() as u64,
            stubs: (self.fixed_stubs + patched_stubs) as u64,
            pins: self.pins,
            relinks: self.relinks,
            code_bytes: (self.arena.used(Part::Code) - self.quarantine.code_bytes()) as u64,
            quarantined_bytes: self.quarantine.bytes() as u64,
            data_bytes: self.arena.used(Part::Data) as u64,
            committed_bytes: committed as u64,
            committed_peak: peak as u64,
        }
    }
}

fn stub_grave(what: Buried) -> Grave {
    Grave {
        what,
        freed_at: Instant::now(),
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        trap::forget(&self.index);
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        if !state.retired.is_empty() {
            // No handle is left, but somebody may still be inside: the memory must outlive them, with what an
            // unwinder knows of it.
            state.arena.leak();
            for unit_no in std::mem::take(&mut state.retired) {
                std::mem::forget(state.units[unit_no].frames.take());
            }
        }
    }
}
