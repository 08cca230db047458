//! Reclamation: freeing what is retired, when nobody is inside.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::CodeId;
use crate::arena::Block;
use crate::shared::{RETIRED, Shared, UnitNo};

/// What a collection did. See [`Runtime::collect`](crate::Runtime::collect).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Collected {
    /// The versions that were freed: their bytes and tables are gone.
    pub freed: Vec<CodeId>,
    /// How many retired versions remain.
    pub still_inside: usize,
}

/// Retired units that are being examined, so that two collections never look at the same one. What is left goes back
/// when this is dropped, even if the embedder's answer panics. What is not listed in the state any more is not ours: in
/// a child of a fork, which the embedder's answer may have made, it has gone back already.
struct Examined<'s> {
    shared: &'s Shared,
    unit_nos: BTreeSet<UnitNo>,
}

impl Drop for Examined<'_> {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        for unit_no in &self.unit_nos {
            if state.examined.remove(unit_no) {
                state.retired.insert(*unit_no);
            }
        }
    }
}

/// See [`Runtime::collect`](crate::Runtime::collect).
pub(crate) fn collect(shared: &Shared, is_inside: &dyn Fn(CodeId) -> bool) -> Collected {
    let mut state = shared.lock();
    let examined = Examined {
        shared,
        unit_nos: std::mem::take(&mut state.retired),
    };
    state.examined.extend(&examined.unit_nos);
    let candidates: Vec<_> = examined
        .unit_nos
        .iter()
        .map(|&unit_no| {
            let unit = &state.units[unit_no];
            let ids: Vec<_> = unit.bodies.iter().map(|body| body.version.id).collect();
            (unit_no, unit.code, ids)
        })
        .collect();
    // A thread that attaches after this finds no entry that leads to one of them: they were unlinked under this lock.
    let records: Vec<_> = state.records.iter().map(Arc::clone).collect();
    let has_patched = state.arena.stubs_in_use() > 0;
    drop(state);
    if candidates.is_empty() {
        return Collected::default();
    }

    shared.barrier();
    if has_patched {
        // Whoever patched the jump to one of them may not have come to its own barrier yet.
        shared.sync_core();
    }
    let mut protected: Vec<usize> = records
        .iter()
        .flat_map(|record| record.protected())
        .collect();
    protected.sort_unstable();
    let is_protected = |code: Block| {
        let first = protected.partition_point(|&body| body < code.start);
        protected.get(first).is_some_and(|&body| body < code.end())
    };
    let mut quiescent: Vec<UnitNo> = candidates
        .into_iter()
        .filter(|(_, code, ids)| !is_protected(*code) && !ids.iter().any(|&id| is_inside(id)))
        .map(|(unit_no, ..)| unit_no)
        .collect();

    let mut state = shared.lock();
    quiescent.retain(|unit_no| state.examined.contains(unit_no));
    // Where the system does not let us fill them with traps, all of them wait for the next collection.
    let units = state.free(&quiescent).unwrap_or_default();
    if !units.is_empty() {
        for unit_no in &quiescent {
            state.examined.remove(unit_no);
        }
    }
    let still_inside = usize::try_from(state.tallies[RETIRED].units).unwrap_or(usize::MAX);
    drop(state);
    drop(examined);
    // The units' entries are dropped here, without the lock.
    Collected {
        freed: units
            .iter()
            .flat_map(|unit| unit.bodies.iter().map(|body| body.version.id))
            .collect(),
        still_inside,
    }
}
