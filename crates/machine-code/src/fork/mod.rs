//! Forking.
//!
//! Code, data and cells are private memory: after a fork each process has its own, and what one publishes, frees or
//! relinks the other never sees. Only patched stubs stand in shared memory, which a child therefore does not inherit.
//! It maps new ones at the same addresses and writes them from the entries' words, which it did inherit. Nothing is
//! agreed upon between the two processes, so a child that is slow, or is replaced by another program, delays nobody.
//!
//! What remains is the lock: a thread that holds it while another one forks does not exist in the child, and would hold
//! it there for ever. The handlers registered here take it before the fork and give it back after, on both sides.

#[cfg(unix)]
mod handlers;

use std::sync::Arc;

use crate::Error;
use crate::os::Os;
use crate::shared::{Shared, State, Stub};

/// In a child: maps the patched stubs and points them where their entries lead.
pub(crate) fn repair(state: &mut State, os: &dyn Os) -> Result<(), Error> {
    state.arena.remap_stubs()?;
    for (_, line) in state.lines.iter() {
        if let Stub::Patched(stub) = line.stub {
            let target = line
                .current
                .map_or(line.default, |unit_no| state.units[unit_no].body);
            state.arena.point_stub(stub, target);
        }
    }
    os.sync_core()
}

/// Has the handlers see to a runtime.
#[cfg(unix)]
pub(crate) fn register(shared: &Arc<Shared>) -> Result<(), Error> {
    handlers::register(shared)
}

/// There is no fork here.
#[cfg(not(unix))]
pub(crate) fn register(_: &Arc<Shared>) -> Result<(), Error> {
    Err(Error::Unsupported("fork handlers"))
}
