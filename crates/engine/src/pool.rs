//! Compile threads: started when there is work, gone soon after it, joined before a fork.
//!
//! The pool counts its threads itself, under the lock under which they decide to end; so whoever
//! holds the lock knows whether a request that is pushed will be seen.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::Options;
use crate::mailbox::Mailbox;
use crate::queue::{Job, Queue};
use crate::sync::lock;
use crate::worker::Worker;

pub(crate) struct Pool<S, M: Send + Sync + 'static> {
    state: Mutex<PoolState<S, M>>,
    /// Work came, or threads shall end, or a thread ended.
    changed: Condvar,
    pub(crate) mailbox: Mailbox<M>,
    /// Threads that the last `pause` did not see end. Beside the lock, because after a fork the lock
    /// may be held for ever by one of them.
    n_left: AtomicUsize,
}

pub(crate) struct PoolState<S, M> {
    pub(crate) queue: Queue<S, M>,
    n_threads: usize,
    n_idle: usize,
    /// Threads that are in the compiler, where they hold nothing that callers of the engine want.
    n_away: usize,
    /// Whoever comes back from there waits: a fork is under way that does not wait for them.
    held: bool,
    /// No thread goes on to another job, and none is started.
    paused: bool,
    /// Paused for good; nothing is taken in any more.
    pub(crate) closed: bool,
    /// Released intermediate code waits for a thread, though there may be no job.
    errand: bool,
    workers: Vec<Worker>,
}

/// What a compile thread does next.
pub(crate) enum Next<S, M> {
    Translate(Job<S, M>),
    /// Only tell the compiler what was released.
    Errand,
}

impl<S: Send + 'static, M: Send + Sync + 'static> Pool<S, M> {
    pub(crate) fn new(waiting: Arc<AtomicUsize>) -> Self {
        Pool {
            state: Mutex::new(PoolState {
                queue: Queue::new(),
                n_threads: 0,
                n_idle: 0,
                n_away: 0,
                held: false,
                paused: false,
                closed: false,
                errand: false,
                workers: Vec::new(),
            }),
            changed: Condvar::new(),
            mailbox: Mailbox::new(waiting),
            n_left: AtomicUsize::new(0),
        }
    }

    pub(crate) fn with<R>(&self, f: impl FnOnce(&mut PoolState<S, M>) -> R) -> R {
        f(&mut lock(&self.state))
    }

    pub(crate) fn n_threads(&self) -> usize {
        lock(&self.state).n_threads
    }

    /// Asks for a thread that tells the compiler what was released.
    pub(crate) fn run_errand(&self) {
        lock(&self.state).errand = true;
    }

    /// Sees to it that somebody works, if there is work. `body` is what a new thread runs.
    ///
    /// # Errors
    /// The system's, when no thread could be had and there is none.
    pub(crate) fn staff(
        &self,
        options: &Options,
        body: impl FnOnce() + Send + 'static,
    ) -> std::io::Result<()> {
        {
            let mut state = lock(&self.state);
            let n_jobs = state.queue.len().max(usize::from(state.errand));
            if state.paused || n_jobs == 0 {
                return Ok(());
            }
            if n_jobs <= state.n_idle || state.n_threads >= options.max_threads.max(1) {
                self.changed.notify_one();
                return Ok(());
            }
            state.n_threads += 1;
        }
        let worker = Worker::spawn(options, body);
        let mut state = lock(&self.state);
        match worker {
            Ok(worker) => {
                let ended: Vec<_> = state.workers.extract_if(.., |it| it.has_ended()).collect();
                state.workers.push(worker);
                drop(state);
                // Not dropped but joined: a thread that has ended may exist for a moment longer, and
                // `pause` promises that none does.
                ended.into_iter().for_each(Worker::join);
                Ok(())
            }
            Err(error) => {
                state.n_threads -= 1;
                self.changed.notify_all();
                if state.n_threads == 0 {
                    Err(error)
                } else {
                    Ok(())
                }
            }
        }
    }

    /// The next work for a compile thread; `None` tells it to end, and has taken it off the count.
    pub(crate) fn next(&self, idle: Duration) -> Option<Next<S, M>> {
        let mut state = lock(&self.state);
        let until = Instant::now() + idle;
        loop {
            if state.paused {
                break;
            }
            if let Some(job) = state.queue.pop() {
                state.errand = false;
                return Some(Next::Translate(job));
            }
            if std::mem::take(&mut state.errand) {
                return Some(Next::Errand);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            state.n_idle += 1;
            (state, _) = self
                .changed
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner);
            state.n_idle -= 1;
        }
        state.n_threads -= 1;
        self.changed.notify_all();
        None
    }

    /// Runs `work`, which does not panic, on a compile thread that holds nothing of the engine's
    /// meanwhile. It does not come back while a fork is under way: what it took then would stay taken
    /// in the child.
    pub(crate) fn away<R>(&self, work: impl FnOnce() -> R) -> R {
        lock(&self.state).n_away += 1;
        self.changed.notify_all();
        let result = work();
        let mut state = lock(&self.state);
        while state.held {
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        state.n_away -= 1;
        result
    }

    /// Lets no thread go on, and waits for them to be gone, but not longer than `bound`. Before a fork
    /// those that are left are then kept in the compiler, which may take as long again. Answers how many
    /// are left.
    pub(crate) fn pause(&self, bound: Duration, for_good: bool) -> usize {
        let mut until = Instant::now() + bound;
        let mut state = lock(&self.state);
        state.paused = true;
        state.closed |= for_good;
        state.held = false;
        self.changed.notify_all();
        while state.n_threads > 0 {
            let left = until.saturating_duration_since(Instant::now());
            let is_settled = state.held && state.n_away == state.n_threads;
            if left.is_zero() && !state.held && !for_good {
                // What the others hold they give back soon.
                state.held = true;
                until = Instant::now() + bound;
                continue;
            }
            if left.is_zero() || is_settled {
                // Relaxed: read by the same thread, before or after a fork.
                self.n_left.store(state.n_threads, Ordering::Relaxed);
                return state.n_threads;
            }
            (state, _) = self
                .changed
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner);
        }
        state.held = false;
        self.n_left.store(0, Ordering::Relaxed);
        let workers = std::mem::take(&mut state.workers);
        drop(state);
        // They have left `next` for good and are about to end.
        workers.into_iter().for_each(Worker::join);
        0
    }

    /// How many threads the last `pause` left. Takes no lock.
    pub(crate) fn n_left(&self) -> usize {
        self.n_left.load(Ordering::Relaxed)
    }

    /// Lets threads be started again, at the embedder's next call.
    pub(crate) fn resume(&self) {
        let mut state = lock(&self.state);
        state.held = false;
        self.changed.notify_all();
        if state.closed {
            return;
        }
        state.paused = false;
        if state.queue.len() > 0 || state.errand {
            drop(state);
            self.mailbox.nudge();
        }
    }
}
