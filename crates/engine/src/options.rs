//! The switches of an engine, each documented, in one struct.

use std::fmt;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use martlet_machine_code::Strategy;

/// How an engine behaves. `Options::default()` is right for most.
#[derive(Clone)]
#[non_exhaustive]
pub struct Options {
    /// At most so many compile threads. Default: one less than the processors this process may use,
    /// at least one and at most two: compiling must not take the program's own processors away.
    pub max_threads: usize,
    /// Stack of a compile thread, in bytes. Default 64 MiB, of which only what is used is paid for;
    /// instruction selection recurses deeply.
    pub stack_bytes: usize,
    /// A compile thread without work ends after this long. Default 10 ms.
    pub idle: Duration,
    /// How long [`Engine::before_fork`](crate::Engine::before_fork) and
    /// [`Engine::shut_down`](crate::Engine::shut_down) wait for running compiles. Default 1 s.
    pub join_bound: Duration,
    /// Stop compiling after so many compiles (to bisect a wrong result). `None`: no limit. Embedders
    /// read it from `MARTLET_FUEL`.
    pub fuel: Option<u64>,
    /// At most so many requests wait; more are refused. Default 10 000.
    pub queue_limit: usize,
    /// So many of the latest events are kept. Default 1 024.
    pub events: usize,
    /// How entries of new functions are relinked. Default: the indirect cell.
    pub strategy: Strategy,
    /// Called first on every compile thread, for example to block signals there.
    pub on_thread_start: Option<Arc<dyn Fn() + Send + Sync>>,
}

impl Default for Options {
    fn default() -> Self {
        let n_cpus = available_parallelism().map_or(1, usize::from);
        Options {
            max_threads: n_cpus.saturating_sub(1).clamp(1, 2),
            stack_bytes: 64 << 20,
            idle: Duration::from_millis(10),
            join_bound: Duration::from_secs(1),
            fuel: None,
            queue_limit: 10_000,
            events: 1_024,
            strategy: Strategy::IndirectCell,
            on_thread_start: None,
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("max_threads", &self.max_threads)
            .field("stack_bytes", &self.stack_bytes)
            .field("idle", &self.idle)
            .field("join_bound", &self.join_bound)
            .field("fuel", &self.fuel)
            .field("queue_limit", &self.queue_limit)
            .field("events", &self.events)
            .finish_non_exhaustive()
    }
}
