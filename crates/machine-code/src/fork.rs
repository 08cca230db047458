//! Forking.
//!
//! Code, data and cells are private memory: after a fork each process has its own, and what one publishes, frees or
//! relinks the other never sees. Only patched stubs stand in shared memory. There a child maps new ones at the same
//! addresses, before it calls any, and writes them from the entries' words, which it did inherit. Nothing is agreed
//! upon between the two processes, so a child that is slow, or is replaced by another program, delays nobody.
//!
//! What remains is the lock: a thread that holds it while another one forks does not exist in the child, and would hold
//! it there for ever. The handlers registered here take it before the fork and give it back after, on both sides.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::os::Os;
use crate::shared::{Shared, State};
use crate::unit::Stub;
use crate::{Error, raw, trap};

/// In a child, whose only thread this is: forgets the other threads, and maps the patched stubs and points them where their entries lead.
pub(crate) fn repair(state: &mut State, os: &dyn Os) -> Result<(), Error> {
    state.index.forget_readers();
    trap::forget_readers();
    // Who was inside on another thread, or looking whether somebody is, does not exist here.
    state.records.retain(|record| record.is_own());
    let State {
        retired, examined, ..
    } = state;
    retired.append(examined);
    let remapped = state.arena.remap_stubs();
    for (_, line) in state.lines.iter() {
        if let Stub::Patched(stub) = line.stub {
            // SAFETY: the cell is committed data of the arena as long as the line exists.
            let cell = unsafe { raw::word(line.cell.start) };
            // Relaxed: it is read under the lock under which it is written.
            let target = cell.load(Ordering::Relaxed) as usize;
            state.arena.point_stub(stub, target);
        }
    }
    remapped.and(os.sync_core())
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

/// The handlers that hold the locks across a fork, and repair the child.
#[cfg(unix)]
mod handlers {
    use std::cell::RefCell;
    use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError, Weak};

    use super::repair;
    use crate::Error;
    use crate::shared::{Shared, State};

    /// The runtimes that asked for handlers.
    static RUNTIMES: Mutex<Runtimes> = Mutex::new(Vec::new());

    type Runtimes = Vec<Weak<Shared>>;

    /// A lock that is held across a fork. The guard is dropped before what it borrows from.
    struct Held {
        guard: MutexGuard<'static, State>,
        shared: Arc<Shared>,
    }

    thread_local! {
        /// What the forking thread holds. The handlers of one fork run on one thread, in the child too.
        static HELD: RefCell<Option<(Vec<Held>, MutexGuard<'static, Runtimes>)>> = const { RefCell::new(None) };
    }

    /// Has the handlers see to a runtime.
    pub(super) fn register(shared: &Arc<Shared>) -> Result<(), Error> {
        static ONCE: Once = Once::new();
        let mut result = 0;
        ONCE.call_once(|| {
            // SAFETY: the handlers are functions that take nothing, and the library stays loaded or, if it is unloaded,
            // the C library removes them.
            result = unsafe { libc::pthread_atfork(Some(before), Some(in_parent), Some(in_child)) };
        });
        if result != 0 {
            return Err(Error::NoExecMemory {
                step: "register fork handlers",
                errno: result,
            });
        }
        let mut runtimes = RUNTIMES.lock().unwrap_or_else(PoisonError::into_inner);
        runtimes.retain(|it| it.strong_count() > 0);
        runtimes.push(Arc::downgrade(shared));
        Ok(())
    }

    extern "C" fn before() {
        let runtimes = RUNTIMES.lock().unwrap_or_else(PoisonError::into_inner);
        let held = runtimes.iter().filter_map(Weak::upgrade).map(|shared| {
            let guard: MutexGuard<'_, State> = shared.lock();
            // SAFETY: `Held` drops the guard before its share of what the guard borrows from.
            let guard = unsafe {
                std::mem::transmute::<MutexGuard<'_, State>, MutexGuard<'static, State>>(guard)
            };
            Held { guard, shared }
        });
        let held = held.collect();
        HELD.set(Some((held, runtimes)));
    }

    extern "C" fn in_parent() {
        drop(HELD.take());
    }

    extern "C" fn in_child() {
        let Some((held, _runtimes)) = HELD.take() else {
            return;
        };
        for mut held in held {
            // There is nobody to tell. Stubs that could not be mapped are inaccessible, and using one is a fault.
            let _ = repair(&mut held.guard, &*held.shared.os);
        }
    }
}
