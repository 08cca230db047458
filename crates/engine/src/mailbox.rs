//! Finished units on their way from compile threads to the embedder.
//!
//! Compile threads must not take the embedder's lock, so they leave their work here and end. The
//! embedder looks at one word whenever it is convenient, and takes out what there is.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crossbeam_channel::{Receiver, Sender, unbounded};

use crate::function::WeakFunction;
use crate::graph::Ticket;
use crate::lifecycle::Lifecycle;
use crate::{Compiled, Function, Record, Refusal, Released, VersionId, reasons};

/// What came of a request. Give it to [`Engine::install`](crate::Engine::install); dropped, its
/// version is refused as [`reasons::NOT_INSTALLED`].
pub struct Finished<M: Send + Sync + 'static> {
    pub(crate) lifecycle: Arc<Lifecycle<M>>,
    pub(crate) function: WeakFunction<M>,
    pub(crate) record: Arc<Record>,
    pub(crate) ticket: Ticket,
    /// A hash of what the compiler answered; 0 if that is no code.
    pub(crate) translation: u64,
    /// `None` once it was taken by the install.
    pub(crate) outcome: Option<Result<Compiled<M>, Refusal>>,
}

impl<M: Send + Sync + 'static> Finished<M> {
    /// Which version this is.
    pub fn id(&self) -> VersionId {
        self.record.id()
    }

    /// Its life so far.
    pub fn record(&self) -> &Arc<Record> {
        &self.record
    }

    /// The function it was made for, if somebody still holds that.
    pub fn function(&self) -> Option<Function<M>> {
        self.function.upgrade()
    }

    /// Why there is no code, if there is none.
    pub fn refusal(&self) -> Option<&Refusal> {
        self.outcome.as_ref()?.as_ref().err()
    }

    /// What the compiler made, if it made something.
    pub fn compiled(&self) -> Option<&Compiled<M>> {
        self.outcome.as_ref()?.as_ref().ok()
    }
}

impl<M: Send + Sync + 'static> Drop for Finished<M> {
    fn drop(&mut self) {
        if let Some(Ok(_)) = &self.outcome {
            let refusal = Refusal::new(reasons::NOT_INSTALLED, "");
            self.lifecycle.refuse(&self.record, &refusal);
            self.lifecycle.release(Released::Version(self.id()));
        }
    }
}

impl<M: Send + Sync + 'static> std::fmt::Debug for Finished<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.record.fmt(f)
    }
}

pub(crate) struct Mailbox<M: Send + Sync + 'static> {
    units: (Sender<Finished<M>>, Receiver<Finished<M>>),
    /// Units in the box, and one more while `nudged`. Shared with the engine, whose callers poll it.
    waiting: Arc<AtomicUsize>,
    /// The embedder is asked to come by, though there may be no unit.
    nudged: AtomicBool,
}

impl<M: Send + Sync + 'static> Mailbox<M> {
    /// An empty mailbox that counts in `waiting`.
    ///
    /// The count is raised before a unit is put in: so it may be above zero a moment too early, and
    /// never is zero when a unit lies there.
    pub(crate) fn new(waiting: Arc<AtomicUsize>) -> Self {
        // Relaxed, here and below: the units are synchronised by the channel; who reads the count
        // late reads it again.
        waiting.store(0, Ordering::Relaxed);
        Mailbox {
            units: unbounded(),
            waiting,
            nudged: AtomicBool::new(false),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.units.1.len()
    }

    pub(crate) fn put(&self, unit: Finished<M>) {
        // First, so that the subtraction in `take` cannot come before it.
        self.waiting.fetch_add(1, Ordering::Relaxed);
        // It fails only when the receiver is gone, and that lies beside the sender.
        let _ = self.units.0.send(unit);
    }

    pub(crate) fn take(&self) -> Option<Finished<M>> {
        let unit = self.units.1.try_recv().ok()?;
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        Some(unit)
    }

    /// Raises the count once, with or without a unit.
    pub(crate) fn nudge(&self) {
        if !self.nudged.swap(true, Ordering::AcqRel) {
            self.waiting.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Whether there was a nudge since the last call. Who sees it owes the subtraction, made here.
    pub(crate) fn take_nudge(&self) -> bool {
        let nudged = self.nudged.swap(false, Ordering::AcqRel);
        if nudged {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
        }
        nudged
    }
}
