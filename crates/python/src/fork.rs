//! Fork: no thread of ours is alive across it, and none comes back before the interpreter has counted them.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use martlet_engine::ForkReadiness;

use crate::compiler::Remote;
use crate::raw::{Gil, dl, frames};
use crate::state::with;
use crate::{budget, hotness};

/// Threads come back after this time, even if the thread that forked is not seen to go on.
const AT_LATEST: Duration = Duration::from_millis(20);

/// When the fork was, until threads may come back.
static FORKED: Mutex<Option<Instant>> = Mutex::new(None);
static UNDER_WAY: AtomicBool = AtomicBool::new(false);
/// A thread other than the process's first one has forked: in the child it is the first one, and may just return.
static BY_A_THREAD: AtomicBool = AtomicBool::new(false);

/// A compile is left to the parent.
static LEFT_ONE: AtomicBool = AtomicBool::new(false);

/// Before the fork: our threads end.
pub(crate) fn before(gil: Gil<'_>) {
    UNDER_WAY.store(true, Ordering::Release);
    if !is_first_thread() {
        // Relaxed: our threads are started after this, and only they read it.
        BY_A_THREAD.store(true, Ordering::Relaxed);
    }
    frames::remember_fork(gil);
    hotness::stop_sampler(false);
    with(gil, |state| {
        // Compiles that do not end in time are left to the parent; the child then compiles nothing.
        let is_left = state.engine.before_fork() != ForkReadiness::Ready;
        // Relaxed: read by the same thread, after the fork.
        LEFT_ONE.store(is_left, Ordering::Relaxed);
    });
}

/// In the parent.
pub(crate) fn after_in_parent(gil: Gil<'_>) {
    with(gil, |state| state.engine.after_fork_parent());
    wait_for_its_end(gil);
}

/// In the child.
pub(crate) fn after_in_child(gil: Gil<'_>) {
    if LEFT_ONE.load(Ordering::Relaxed) {
        Remote::abandon();
    }
    with(gil, |state| {
        if let Err(error) = state.engine.after_fork_child()
            && state.options.log
        {
            eprintln!("martlet: after fork: {error}");
        }
        state.samples = (0, 0);
        state.gained = 0;
        budget::begin_child();
    });
    wait_for_its_end(gil);
}

fn wait_for_its_end(gil: Gil<'_>) {
    *FORKED.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    if let Some(interpreter) = with(gil, |state| state.interpreter) {
        hotness::wake(interpreter);
    }
}

fn is_first_thread() -> bool {
    std::fs::read_link("/proc/thread-self")
        .ok()
        .and_then(|path| path.file_name()?.to_str()?.parse().ok())
        .is_none_or(|thread: u32| thread == std::process::id())
}

/// The child of a thread that forked ends with its last thread, which calls `exit(0)`. Threads of ours do not count:
/// when no other is left, this does not return.
pub(crate) fn end_if_deserted() {
    if BY_A_THREAD.load(Ordering::Relaxed) && main_thread_is_gone() && only_ours_are_left() {
        dl::end_process();
    }
}

fn main_thread_is_gone() -> bool {
    std::fs::read_to_string("/proc/self/stat").is_ok_and(|stat| {
        let state = stat
            .rsplit_once(')')
            .and_then(|(_, rest)| rest.split_whitespace().next());
        matches!(state, Some("Z" | "X"))
    })
}

fn only_ours_are_left() -> bool {
    let main = std::process::id().to_string();
    std::fs::read_dir("/proc/self/task").is_ok_and(|tasks| {
        tasks.flatten().all(|task| {
            task.file_name().to_str() == Some(&main)
                || std::fs::read_to_string(task.path().join("comm"))
                    .is_ok_and(|name| name.starts_with("martlet-"))
        })
    })
}

/// Whether threads must stay away.
pub(crate) fn is_under_way() -> bool {
    UNDER_WAY.load(Ordering::Acquire)
}

/// Called with every sample: whether the program has come out of the fork. If not, the sample is asked for again.
pub(crate) fn may_go_on(gil: Gil<'_>) -> bool {
    if !is_under_way() {
        return true;
    }
    let mut forked = FORKED.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(at) = *forked else {
        // Between the hooks: the call comes again after the fork.
        return false;
    };
    if frames::fork_is_over(gil) || at.elapsed() > AT_LATEST {
        *forked = None;
        UNDER_WAY.store(false, Ordering::Release);
        return true;
    }
    drop(forked);
    if let Some(interpreter) = with(gil, |state| state.interpreter) {
        hotness::wake(interpreter);
    }
    false
}
