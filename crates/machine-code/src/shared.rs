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

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::activation::Record;
use crate::arena::{Arena, Block, Part};
use crate::entry::{EntryInner, EntryKey};
use crate::hazard::Barriers;
use crate::ledger::Tally;
use crate::os::Os;
use crate::perf::PerfMap;
use crate::{CodeId, CodeSize, Entry, Error, raw};

/// The runtime behind its handles.
pub(crate) struct Shared {
    pub(crate) os: Arc<dyn Os>,
    pub(crate) barriers: Barriers,
    /// The arena's addresses, which never change.
    pub(crate) whole: Block,
    state: Mutex<State>,
}

/// What the lock protects.
pub(crate) struct State {
    pub(crate) arena: Arena,
    pub(crate) units: Slab<Unit>,
    /// Units by the start of their code.
    pub(crate) by_start: BTreeMap<usize, UnitNo>,
    /// Units that are to be freed as soon as nobody is inside.
    pub(crate) retired: Vec<UnitNo>,
    pub(crate) entries: HashMap<EntryKey, Weak<EntryInner>>,
    pub(crate) lines: Slab<Line>,
    /// Jumps to default targets, which may be far away.
    pub(crate) defaults: HashMap<usize, Block>,
    pub(crate) records: Vec<Arc<Record>>,
    pub(crate) perf: Option<PerfMap>,
    /// Code that is nobody's any more, but that the system did not let us fill with traps yet.
    pub(crate) untrapped: Vec<Block>,
    pub(crate) tallies: [Tally; 3],
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

/// The bytes of one version.
pub(crate) struct Unit {
    pub(crate) id: CodeId,
    pub(crate) name: Box<str>,
    pub(crate) code: Block,
    pub(crate) data: Option<Block>,
    /// The address at which it is entered.
    pub(crate) body: usize,
    /// The entries that lead to it.
    pub(crate) incoming: Vec<LineNo>,
    pub(crate) was_linked: bool,
    pub(crate) is_retired: bool,
    /// Entries whose cells or stubs its code names.
    pub(crate) holds: Vec<Entry>,
}

impl Unit {
    pub(crate) fn size(&self) -> CodeSize {
        CodeSize {
            text: self.code.len,
            data: self.data.map_or(0, |block| block.len),
        }
    }
}

/// The state's side of an entry: where its line leads.
pub(crate) struct Line {
    /// The word that holds the current target. Callers of a patched stub do not read it, but readers that enter with
    /// an activation do, and so does a child that maps its stubs anew.
    pub(crate) cell: Block,
    pub(crate) stub: Stub,
    /// What callers reach when no version is current: within reach of a patched stub.
    pub(crate) default: usize,
    pub(crate) current: Option<UnitNo>,
}

/// What callers of an entry call, unless they call through the cell.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Stub {
    /// A jump through the cell, in a block of its own, which never changes.
    Fixed(Block),
    /// A jump that is rewritten, at this address.
    Patched(usize),
}

impl Stub {
    pub(crate) fn address(self) -> usize {
        match self {
            Self::Fixed(block) => block.start,
            Self::Patched(address) => address,
        }
    }
}

impl Shared {
    pub(crate) fn new(os: Arc<dyn Os>, arena: Arena, perf: Option<PerfMap>) -> Self {
        let barriers = if os.has_barrier() {
            Barriers::Asymmetric
        } else {
            Barriers::Symmetric
        };
        let state = State {
            units: Slab::default(),
            by_start: BTreeMap::new(),
            retired: Vec::new(),
            entries: HashMap::new(),
            lines: Slab::default(),
            defaults: HashMap::new(),
            records: Vec::new(),
            perf,
            untrapped: Vec::new(),
            tallies: [Tally::default(); 3],
            pins: 0,
            relinks: 0,
            arena,
        };
        let whole = state.arena.whole();
        Self {
            os,
            barriers,
            whole,
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

    /// Points an entry at a unit, or at its default.
    pub(crate) fn relink(&self, line_no: LineNo, to: Option<UnitNo>) {
        let mut state = self.lock();
        state.relink(line_no, to);
        let stub = state.lines[line_no].stub;
        drop(state);
        if matches!(stub, Stub::Patched(_)) {
            self.sync_core();
        }
    }

    /// After patching: no thread goes on executing the old jump.
    fn sync_core(&self) {
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
            state.retired.push(unit_no);
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
        let target = match to {
            Some(unit_no) => self.units[unit_no].body,
            None => line.default,
        };
        let from = std::mem::replace(&mut line.current, to);
        // SAFETY: the cell is committed data of the arena as long as the line exists.
        let cell = unsafe { raw::word(line.cell.start) };
        // Release: a caller that reads the new target sees its bytes and its tables. Pairs with `Word::load`,
        // and in generated code with x86's loads, which are all acquiring.
        cell.store(target as u64, std::sync::atomic::Ordering::Release);
        if let Stub::Patched(stub) = line.stub {
            self.arena.point_stub(stub, target);
        }
        if let Some(unit) = from.and_then(|from| self.units.get_mut(from)) {
            unit.incoming.retain(|&it| it != line_no);
        }
        if let Some(unit_no) = to {
            let unit = &mut self.units[unit_no];
            unit.incoming.push(line_no);
            unit.was_linked = true;
        }
        self.relinks += 1;
    }

    fn retire(&mut self, unit_no: UnitNo) {
        let unit = &mut self.units[unit_no];
        unit.is_retired = true;
        let size = unit.size();
        self.tallies[LIVE].sub(size.text, size.data);
        self.tallies[RETIRED].add(size.text, size.data);
    }

    /// Frees retired units, which the caller took from the list, and returns them, for what they hold to be dropped
    /// without the lock. On an error none of them is freed.
    pub(crate) fn free(&mut self, unit_nos: &[UnitNo]) -> Result<Vec<Unit>, Error> {
        if unit_nos.is_empty() {
            return Ok(Vec::new());
        }
        let blocks: Vec<_> = unit_nos.iter().map(|&it| self.units[it].code).collect();
        self.arena.give_code(&blocks)?;
        let units = unit_nos.iter().map(|&unit_no| {
            let unit = self.units.remove(unit_no);
            self.by_start.remove(&unit.code.start);
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

    /// Frees a block of code that belongs to no unit. Should the system refuse it, a later call tries again.
    pub(crate) fn discard(&mut self, block: Block) {
        self.untrapped.push(block);
        if self.arena.give_code(&self.untrapped).is_ok() {
            self.untrapped.clear();
        }
    }

    /// Takes a block and writes to it the bytes that `write` makes for its address.
    pub(crate) fn write_block<const N: usize>(
        &mut self,
        os: &dyn Os,
        write: impl Fn(usize) -> [u8; N],
    ) -> Result<Block, Error> {
        let block = self.arena.take(Part::Code, N, 16)?;
        let bytes = write(block.start);
        match os.write_code(&[(block.start, &bytes)]) {
            Ok(()) => Ok(block),
            Err(error) => {
                self.discard(block);
                Err(error)
            }
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        if !state.retired.is_empty() {
            // No handle is left, but somebody may still be inside: the memory must outlive them.
            state.arena.leak();
        }
    }
}

/// Values in numbered places that are used again.
pub(crate) struct Slab<T> {
    places: Vec<Option<T>>,
    vacant: Vec<usize>,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self {
            places: Vec::new(),
            vacant: Vec::new(),
        }
    }
}

impl<T> Slab<T> {
    pub(crate) fn insert(&mut self, value: T) -> usize {
        match self.vacant.pop() {
            Some(no) => {
                self.places[no] = Some(value);
                no
            }
            None => {
                self.places.push(Some(value));
                self.places.len() - 1
            }
        }
    }

    pub(crate) fn remove(&mut self, no: usize) -> T {
        let value = self.places[no].take();
        self.vacant.push(no);
        value.expect("the number is in use")
    }

    pub(crate) fn get_mut(&mut self, no: usize) -> Option<&mut T> {
        self.places.get_mut(no)?.as_mut()
    }

    pub(crate) fn len(&self) -> usize {
        self.places.len() - self.vacant.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, &T)> {
        self.places
            .iter()
            .enumerate()
            .filter_map(|(no, value)| Some((no, value.as_ref()?)))
    }
}

impl<T> std::ops::Index<usize> for Slab<T> {
    type Output = T;

    fn index(&self, no: usize) -> &T {
        self.places[no].as_ref().expect("the number is in use")
    }
}

impl<T> std::ops::IndexMut<usize> for Slab<T> {
    fn index_mut(&mut self, no: usize) -> &mut T {
        self.places[no].as_mut().expect("the number is in use")
    }
}
