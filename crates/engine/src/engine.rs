//! The engine: what the embedder calls.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use martlet_machine_code::{CodeId, DefaultTarget, Runtime, Strategy};

use crate::graph::Dependency;
use crate::lifecycle::Collected;
use crate::mailbox::Finished;
use crate::shared::Shared;
use crate::{
    AssumptionKey, Compiler, Doubt, EntryPoint, Error, Event, Function, FunctionId, Options, Place,
    Reason, Refusal, State, Stats, Tier, Verdict, Version, reasons,
};

/// What is to be compiled, for which door, and how urgently.
#[derive(Clone, Debug)]
pub struct Work<S> {
    /// What the compiler will see.
    pub source: S,
    /// Which door of the function the code is for.
    pub point: EntryPoint,
    /// How much work to spend.
    pub tier: Tier,
    /// Higher comes first.
    pub priority: u32,
}

impl<S> Work<S> {
    /// Work for the general door, at the quick tier, with priority 0.
    pub fn new(source: S) -> Self {
        Work {
            source,
            point: EntryPoint::GENERIC,
            tier: Tier::default(),
            priority: 0,
        }
    }

    /// The same for another door.
    pub fn at(mut self, point: EntryPoint) -> Self {
        self.point = point;
        self
    }

    /// The same at another tier.
    pub fn tier(mut self, tier: Tier) -> Self {
        self.tier = tier;
        self
    }

    /// The same with another priority.
    pub fn priority(mut self, priority: u32) -> Self {
        self.priority = priority;
        self
    }
}

/// What versions rely on, and may break.
pub enum Cause<'a, M: Send + Sync + 'static> {
    /// What this key stands for.
    Key(AssumptionKey),
    /// The definition of this function.
    Definition(&'a Function<M>),
}

impl<M: Send + Sync + 'static> Cause<'_, M> {
    fn dependency(&self) -> Dependency {
        match self {
            Cause::Key(key) => Dependency::Key(*key),
            Cause::Definition(function) => Dependency::Function(function.id()),
        }
    }
}

impl<M: Send + Sync + 'static> From<AssumptionKey> for Cause<'_, M> {
    fn from(key: AssumptionKey) -> Self {
        Cause::Key(key)
    }
}

impl<'a, M: Send + Sync + 'static> From<&'a Function<M>> for Cause<'a, M> {
    fn from(function: &'a Function<M>) -> Self {
        Cause::Definition(function)
    }
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Requested {
    /// It waits for a compile thread.
    Queued,
    /// One for the same door waited already: that one has the newer source now, and the higher
    /// priority of the two. It keeps its tier.
    Merged,
    /// One for the same door is being compiled or waits to be installed; this one was dropped.
    UnderWay,
}

/// Whether it is safe to fork.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum ForkReadiness {
    /// No compile thread exists.
    Ready,
    /// So many compiles did not end within [`Options::join_bound`]. The child of a fork will run
    /// what is compiled, and compile nothing.
    ThreadsLeft(usize),
}

/// The life of functions: see the crate's documentation.
///
/// Every method may be called from every thread. Those that publish or break things
/// ([`install`](Engine::install), [`break_assumption`](Engine::break_assumption),
/// [`Function::invalidate`], [`collect`](Engine::collect), [`request`](Engine::request) with a
/// source just taken) are meant to be called under one lock of the embedder's, which it holds while
/// the facts change that its sources and assumptions are about.
pub struct Engine<C: Compiler> {
    pub(crate) shared: Arc<Shared<C>>,
    latest_function: AtomicU64,
}

impl<C: Compiler> Engine<C> {
    /// An engine whose code lives in `runtime`, which no other engine uses: identities are numbered
    /// by the engine.
    ///
    /// `make_compiler` is called on a compile thread, at the first compile; once: if it refuses,
    /// every request is refused for that reason.
    pub fn new(
        runtime: Runtime,
        options: Options,
        make_compiler: impl Fn() -> Result<Arc<C>, Refusal> + Send + Sync + 'static,
    ) -> Self {
        Engine {
            shared: Arc::new(Shared::new(runtime, options, Box::new(make_compiler))),
            latest_function: AtomicU64::new(0),
        }
    }

    /// `hook` is called for every version that must not be relied on any more, so that it clears the
    /// version's `valid` byte; also for retired ones, for somebody may be inside. By then no entry
    /// leads to it. Answers false if there is a hook already: the first one stays.
    pub fn on_invalidate(&self, hook: impl Fn(&Version<C::Meta>) + Send + Sync + 'static) -> bool {
        self.shared
            .lifecycle
            .on_invalidate
            .set(Box::new(hook))
            .is_ok()
    }

    /// `hook` is called for every version that was in doubt and may be relied on again, so that it sets
    /// the version's `valid` byte; before any entry leads there. Answers false if there is a hook
    /// already: the first one stays.
    pub fn on_revive(&self, hook: impl Fn(&Version<C::Meta>) + Send + Sync + 'static) -> bool {
        self.shared.lifecycle.on_revive.set(Box::new(hook)).is_ok()
    }

    /// `hook` is called for every version that left its door with nothing in its place though it is not
    /// wrong: it was evicted, or left too often. Answers false if there is a hook already: the first one
    /// stays.
    pub fn on_evict(&self, hook: impl Fn(&Version<C::Meta>) + Send + Sync + 'static) -> bool {
        self.shared.lifecycle.on_evict.set(Box::new(hook)).is_ok()
    }

    /// `hook` is asked by [`Engine::refresh`] for what to compile in the place of a version that has
    /// fallen: for its function and, whatever the work says, its door. Answers false if there is a hook
    /// already: the first one stays.
    pub fn on_refresh(
        &self,
        hook: impl Fn(&Version<C::Meta>, &Reason) -> Option<Work<C::Source>> + Send + Sync + 'static,
    ) -> bool {
        self.shared.on_refresh.set(Box::new(hook)).is_ok()
    }

    /// `hook` is called on the compile thread after a unit was put into the mailbox. It must not
    /// wait for the embedder's lock. Answers false if there is a hook already: the first one stays.
    pub fn on_finished(&self, hook: impl Fn() + Send + Sync + 'static) -> bool {
        self.shared.on_finished.set(Box::new(hook)).is_ok()
    }

    /// A new function, whose callers are led to `default` until a version is installed. What
    /// `default` points at must never go away.
    ///
    /// # Errors
    /// Where no memory for the entry can be had.
    pub fn function(
        &self,
        name: impl Into<Arc<str>>,
        default: DefaultTarget,
    ) -> Result<Function<C::Meta>, Error> {
        self.function_with(name, default, self.shared.options.strategy)
    }

    /// The same, with a strategy of its own for all its entries.
    ///
    /// # Errors
    /// Where no memory for the entry can be had, or the system lacks what the strategy needs.
    pub fn function_with(
        &self,
        name: impl Into<Arc<str>>,
        default: DefaultTarget,
        strategy: Strategy,
    ) -> Result<Function<C::Meta>, Error> {
        // Relaxed: only uniqueness matters.
        let id = FunctionId(self.latest_function.fetch_add(1, Ordering::Relaxed) + 1);
        let function = Function::new(&self.shared.lifecycle, id, name.into(), default, strategy)?;
        self.shared.lifecycle.counters.function_made();
        Ok(function)
    }

    /// Asks for a version, in the background. Never waits for a compile.
    ///
    /// # Errors
    /// The reason why it will not be compiled. It is counted.
    pub fn request(
        &self,
        function: &Function<C::Meta>,
        work: Work<C::Source>,
    ) -> Result<Requested, Refusal> {
        self.shared.request(function, work)
    }

    /// Takes back what was requested for a door: a request that waits is gone; what is being compiled
    /// or waits to be installed is refused by the install. Answers whether there was anything.
    pub fn cancel(&self, function: &Function<C::Meta>, point: EntryPoint) -> bool {
        self.shared.cancel(function, point)
    }

    /// Whether [`Engine::take_finished`] should be called: one load, for loops to poll. May say yes
    /// a moment too early.
    #[inline]
    pub fn has_finished(&self) -> bool {
        // Relaxed: the units are synchronised by their channel; a late answer is asked for again.
        self.poll_word().load(Ordering::Relaxed) != 0
    }

    /// The word that [`Engine::has_finished`] reads, above zero when there is something to take. Its
    /// address is the same for as long as the engine lives, so that machine code can poll it.
    pub fn poll_word(&self) -> &AtomicUsize {
        &self.shared.waiting
    }

    /// Takes one finished unit out of the mailbox.
    pub fn take_finished(&self) -> Option<Finished<C::Meta>> {
        self.shared.take_finished()
    }

    /// Declares that what `key` stands for is no longer so. Every version that relies on it falls,
    /// also through bodies that it contains; those under way will be refused. Answers how many fell.
    ///
    /// It is an event and no state: later versions may rely on `key` again.
    pub fn break_assumption(&self, key: AssumptionKey, reason: impl Into<Reason>) -> usize {
        self.shared
            .lifecycle
            .break_dependency(Dependency::Key(key), &reason.into())
            .len()
    }

    /// Like [`Engine::break_assumption`] or [`Function::invalidate`]; and for everything that falls
    /// from behind a door, the hook of [`Engine::on_refresh`] is asked for a source, which is compiled
    /// in the background. Answers how many fell.
    pub fn refresh<'a>(
        &self,
        cause: impl Into<Cause<'a, C::Meta>>,
        reason: impl Into<Reason>,
    ) -> usize {
        self.refresh_after(cause, reason, || ())
    }

    /// The same, with what is to change: `change` is called when nothing that relied on `cause` is behind a door or
    /// valid any more, and before anything is made of what is new. So a thread that comes upon the new (in an
    /// interpreter, say) does not meet the old again in machine code, as it might if the change came first.
    pub fn refresh_after<'a>(
        &self,
        cause: impl Into<Cause<'a, C::Meta>>,
        reason: impl Into<Reason>,
        change: impl FnOnce(),
    ) -> usize {
        let (cause, reason) = (cause.into(), reason.into());
        if let Cause::Definition(function) = &cause {
            function.redefined();
        }
        let lifecycle = &self.shared.lifecycle;
        let fallen = lifecycle.break_dependency(cause.dependency(), &reason);
        change();
        let Some(hook) = self.shared.on_refresh.get() else {
            return fallen.len();
        };
        for (version, _) in fallen.iter().filter(|it| it.1) {
            if let Some(function) = version.function()
                && let Some(work) = hook(version, &reason)
            {
                // A refusal is counted, and stays with the function.
                let _ = self.request(&function, work.at(version.point()));
            }
        }
        fallen.len()
    }

    /// Takes everything that relies on `cause` out of use until it is known whether it still holds; see
    /// [`Doubt`]. What is under way is refused as if it broke.
    pub fn doubt<'a>(
        &self,
        cause: impl Into<Cause<'a, C::Meta>>,
        reason: impl Into<Reason>,
    ) -> Doubt<C::Meta> {
        let dependency = cause.into().dependency();
        self.shared.lifecycle.doubt(dependency, &reason.into())
    }

    /// Counts that the code of `version` was left `times` times at `place`, and says what comes of it.
    /// A version that is left too often falls: its `valid` byte stays as it is, for it is not wrong.
    pub fn exited(&self, version: &Arc<Version<C::Meta>>, place: Place, times: u64) -> Verdict {
        let lifecycle = &self.shared.lifecycle;
        self.count_exits(version, place, times);
        let Some(function) = version.function() else {
            return Verdict::Tolerated;
        };
        if version.state() != State::Published {
            // Those inside one that was replaced will be gone soon.
            return Verdict::Tolerated;
        }
        let (limits, now) = (self.shared.options.exit_limits(), lifecycle.log.now());
        let verdict = function.body().exits_at(version.point(), |exits| {
            exits.count(limits, now, version.translation(), place, times)
        });
        let reason = match verdict {
            Verdict::Tolerated => return verdict,
            Verdict::Recompile => Reason::from(reasons::EXITS),
            Verdict::Storm(_) => {
                lifecycle.storm(version.record(), place);
                Reason::from(reasons::STORM)
            }
        };
        lifecycle.counters.fell_for_exits(version.record(), place);
        lifecycle.evict(version, &reason);
        verdict
    }

    /// Counts exits, for embedders that decide themselves when a version is left too often.
    pub fn count_exits(&self, version: &Version<C::Meta>, place: Place, times: u64) {
        let counters = &self.shared.lifecycle.counters;
        counters.exited(version.record(), place, times);
    }

    /// Counts a storm that the embedder has found by rules of its own, and tells of it among the events. Nothing falls.
    pub fn count_storm(&self, version: &Version<C::Meta>, place: Place) {
        self.shared.lifecycle.storm(version.record(), place);
    }

    /// Buries the functions that nobody holds any more, and frees the machine code of retired
    /// versions that nobody is inside of. `inside` answers that for each; when in doubt it says yes,
    /// and is asked again by the next call.
    pub fn collect(&self, inside: &dyn Fn(CodeId) -> bool) -> Collected {
        let collected = self.shared.lifecycle.collect(inside);
        self.shared.drop_dead_jobs();
        self.shared.send_released();
        collected
    }

    /// Tells the compiler at once, on this thread, what it may forget. Answers how much that was.
    pub fn drain_released(&self) -> usize {
        self.shared.drain_released()
    }

    /// To be called before `fork`, under the embedder's lock: ends the compile threads, waiting for
    /// running compiles up to [`Options::join_bound`]. Requests are kept.
    pub fn before_fork(&self) -> ForkReadiness {
        self.shared.before_fork()
    }

    /// To be called after `fork` in the parent. Compile threads come back with the next call of
    /// [`Engine::request`], [`Engine::take_finished`] or [`Engine::collect`], not at once: some
    /// runtimes count threads just after their fork hooks.
    pub fn after_fork_parent(&self) {
        self.shared.after_fork(false);
    }

    /// To be called after `fork` in the child. If a compile was left running in the parent, the
    /// child compiles nothing: locks that the compiler held then stay held.
    ///
    /// # Errors
    /// If the stubs of patched entries cannot be mapped again. Entries made with cells work.
    pub fn after_fork_child(&self) -> Result<(), Error> {
        self.shared.after_fork(true);
        Ok(self.runtime().after_fork_in_child()?)
    }

    /// Ends compiling for good, waiting for running compiles up to [`Options::join_bound`]; for the
    /// end of the process. Published versions stay. Answers how many threads are left.
    pub fn shut_down(&self) -> usize {
        self.shared.shut_down(self.shared.options.join_bound)
    }

    /// What was done so far, and what there is.
    pub fn stats(&self) -> Stats {
        self.shared.stats()
    }

    /// What of a function is among the latest events, oldest first; also of one that is gone. What
    /// happened to its versions [`Function::records`] tells for longer.
    pub fn history(&self, function: FunctionId) -> Vec<Event> {
        self.shared.lifecycle.log.of(function)
    }

    /// Has every event from now on written to `file`, too, at once and as one line of JSON: what
    /// `serde_json` makes of an [`Event`]. The file before, if any, is dropped.
    pub fn write_events_to(&self, file: impl std::io::Write + Send + 'static) {
        self.shared.lifecycle.log.write_to(Box::new(file));
    }

    /// The latest events, oldest first.
    pub fn events(&self) -> Vec<Event> {
        self.shared.lifecycle.log.latest()
    }

    /// Where the machine code lives.
    pub fn runtime(&self) -> &Runtime {
        &self.shared.lifecycle.runtime
    }

    /// The switches it was made with.
    pub fn options(&self) -> &Options {
        &self.shared.options
    }
}

impl<C: Compiler> Drop for Engine<C> {
    /// Compile threads end after what they are at; they are not waited for. Functions and their
    /// published versions live on for as long as they are held.
    fn drop(&mut self) {
        self.shared.shut_down(std::time::Duration::ZERO);
    }
}
