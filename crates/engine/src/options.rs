//! The switches of an engine, each documented, in one struct.

use std::fmt;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use martlet_machine_code::Strategy;

use crate::Chaos;
use crate::exits::Limits;

/// How an engine behaves. `Options::default()` is right for most.
#[derive(Clone)]
#[non_exhaustive]
pub struct Options {
    /// At most so many compile threads. Default: one less than the processors this process may use
    /// (by its affinity and its control group's share), at least one and at most two: compiling must not take the program's own processors away.
    pub max_threads: usize,
    /// Stack of a compile thread, in bytes. Default 64 MiB, of which only what is used is paid for;
    /// instruction selection recurses deeply.
    pub stack_bytes: usize,
    /// A compile thread without work ends after this long. Default 10 ms.
    pub idle: Duration,
    /// How long [`Engine::before_fork`](crate::Engine::before_fork) and
    /// [`Engine::shut_down`](crate::Engine::shut_down) wait for running compiles. Default 1 s.
    /// Before a fork as long again at most, until those that are left hold nothing of the engine's.
    pub join_bound: Duration,
    /// Stop compiling after so many compiles (to bisect a wrong result). `None`: no limit. Embedders
    /// read it from `MARTLET_FUEL`.
    pub fuel: Option<u64>,
    /// At most so many requests wait for a compile thread, or compiled in the mailbox; more are
    /// refused. Default 10 000.
    pub queue_limit: usize,
    /// So many of the latest events are kept. Default 1 024.
    pub events: usize,
    /// How entries of new functions are relinked, unless
    /// [`Engine::function_with`](crate::Engine::function_with) says otherwise. Default: the indirect cell.
    pub strategy: Strategy,
    /// At most so many bytes of machine code and tables that entries lead to or may lead to again.
    /// Where a new version does not fit, the coldest are evicted, as far as their
    /// [heat](crate::Record::heat) is not above its priority; if that is not enough, it is refused. Code that is retired does not count: give the
    /// arena a limit (`machine_code::Builder::limit`) that leaves room for it. `None`, the default: only
    /// the arena's limit.
    pub code_limit: Option<u64>,
    /// At most so many bytes of intermediate code, as [`Compiler::library_bytes`](crate::Compiler::library_bytes)
    /// counts. Beyond, that of the coldest versions is released; their machine code stays. `None`, the
    /// default: no limit.
    pub library_limit: Option<u64>,
    /// So many replaced versions of a door are kept, so that
    /// [`Function::roll_back`](crate::Function::roll_back) can put them back. Default 0.
    pub keep_replaced: usize,
    /// A version that was left so often at one place falls. Default 100.
    pub exit_limit: u64,
    /// So many versions may fall for one place; then it is a storm. Default 3.
    pub exit_strikes: u32,
    /// How long the first storm of a door is waited out, and how long a door rests whose version is
    /// evicted for the second time. Each further time doubles it. Default 1 s.
    pub exit_backoff: Duration,
    /// Things go wrong on purpose. Embedders read it from `MARTLET_CHAOS`. Default: no.
    pub chaos: Option<Chaos>,
    /// Called first on every compile thread, for example to block signals there.
    pub on_thread_start: Option<Arc<dyn Fn() + Send + Sync>>,
}

impl Options {
    pub(crate) fn exit_limits(&self) -> Limits {
        Limits {
            exits: self.exit_limit.max(1),
            strikes: self.exit_strikes.max(1),
            backoff: self.exit_backoff,
        }
    }
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
            code_limit: None,
            library_limit: None,
            keep_replaced: 0,
            exit_limit: 100,
            exit_strikes: 3,
            exit_backoff: Duration::from_secs(1),
            chaos: None,
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
            .field("strategy", &self.strategy)
            .field("code_limit", &self.code_limit)
            .field("library_limit", &self.library_limit)
            .field("keep_replaced", &self.keep_replaced)
            .field("exit_limit", &self.exit_limit)
            .field("exit_strikes", &self.exit_strikes)
            .field("exit_backoff", &self.exit_backoff)
            .field("chaos", &self.chaos)
            .finish_non_exhaustive()
    }
}
