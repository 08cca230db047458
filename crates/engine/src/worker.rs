//! A thread that compiles, and the certainty that it is gone.
//!
//! Joining is not quite enough: the system wakes the joiner a moment before it takes the thread off
//! the process's count, and runtimes look at that count when they fork. So a thread notes its own
//! entry under `/proc`, and who joined it waits for that to vanish too. Where there is no `/proc`,
//! joining has to do.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::thread::{Builder, JoinHandle, Scope, ScopedJoinHandle};
use std::time::{Duration, Instant};

use crate::Options;

/// The moment in question is some microseconds; after this long something else is the matter.
const PATIENCE: Duration = Duration::from_millis(20);

/// Where a thread notes its entry under `/proc`.
type Task = Arc<OnceLock<PathBuf>>;

/// A compile thread.
pub(crate) struct Worker {
    handle: JoinHandle<()>,
    task: Task,
}

impl Worker {
    /// Runs `body` on a new thread with a large stack.
    pub(crate) fn spawn(
        options: &Options,
        body: impl FnOnce() + Send + 'static,
    ) -> io::Result<Self> {
        let task = Task::default();
        let handle = builder(options).spawn(start(options, &task, body))?;
        Ok(Worker { handle, task })
    }

    /// Whether a join would not wait for long.
    pub(crate) fn has_ended(&self) -> bool {
        self.handle.is_finished()
    }

    /// Waits for its end.
    pub(crate) fn join(self) {
        // A panic at the very end of a thread harms nobody.
        let _ = self.handle.join();
        await_gone(&self.task);
    }
}

/// Runs `body` on a thread with a large stack, and waits for it; `None` if it panicked.
///
/// # Errors
/// The system's, if it gives no thread; `body` is dropped then.
pub(crate) fn run<T: Send>(
    options: &Options,
    body: impl FnOnce() -> T + Send,
) -> io::Result<Option<T>> {
    let task = Task::default();
    let result = std::thread::scope(|scope: &Scope<'_, '_>| {
        let handle = builder(options).spawn_scoped(scope, start(options, &task, body));
        handle.map(|it: ScopedJoinHandle<'_, T>| it.join().ok())
    });
    await_gone(&task);
    result
}

fn builder(options: &Options) -> Builder {
    Builder::new()
        .name("martlet-compile".to_owned())
        .stack_size(options.stack_bytes)
}

/// What a new thread does around `body`.
fn start<T, F: FnOnce() -> T + Send>(
    options: &Options,
    task: &Task,
    body: F,
) -> impl FnOnce() -> T + Send + use<T, F> {
    let (hook, task) = (options.on_thread_start.clone(), task.clone());
    move || {
        if let Ok(path) = std::fs::read_link("/proc/thread-self") {
            let _ = task.set(Path::new("/proc").join(path));
        }
        if let Some(hook) = hook {
            // A hook that panics costs nothing but its own effect.
            let _ = catch_unwind(AssertUnwindSafe(|| hook()));
        }
        body()
    }
}

/// Waits, after a join, until the system has forgotten the thread.
fn await_gone(task: &Task) {
    let Some(path) = task.get() else { return };
    let until = Instant::now() + PATIENCE;
    while path.exists() && Instant::now() < until {
        std::thread::yield_now();
    }
}
