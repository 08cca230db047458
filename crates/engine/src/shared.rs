//! The part of the engine that compile threads share with its callers: the way from a request to
//! the mailbox.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use arc_swap::ArcSwap;
use martlet_machine_code::Runtime;

use crate::chaos::Trouble;
use crate::engine::{ForkReadiness, Requested, Work};
use crate::graph::Dependency;
use crate::lifecycle::Lifecycle;
use crate::mailbox::Finished;
use crate::pool::{Next, Pool};
use crate::queue::Job;
use crate::sync::lock;
use crate::worker;
use crate::{
    Compiled, Compiler, EntryPoint, Function, Options, Reason, Refusal, Released, Request, State,
    Stats, Version, VersionId, reasons,
};

type MakeCompiler<C> = Box<dyn Fn() -> Result<Arc<C>, Refusal> + Send + Sync>;
/// What to compile anew for a version that has fallen, if anything.
pub(crate) type RefreshHook<C> = Box<
    dyn Fn(&Version<<C as Compiler>::Meta>, &Reason) -> Option<Work<<C as Compiler>::Source>>
        + Send
        + Sync,
>;
type PoolOf<C> = Pool<<C as Compiler>::Source, <C as Compiler>::Meta>;
type JobOf<C> = Job<<C as Compiler>::Source, <C as Compiler>::Meta>;

pub(crate) struct Shared<C: Compiler> {
    pub(crate) lifecycle: Arc<Lifecycle<C::Meta>>,
    pub(crate) options: Options,
    pub(crate) on_finished: OnceLock<Box<dyn Fn() + Send + Sync>>,
    pub(crate) on_refresh: OnceLock<RefreshHook<C>>,
    make_compiler: MakeCompiler<C>,
    compiler: OnceLock<Result<Arc<C>, Refusal>>,
    /// Why nothing will be compiled any more, if so.
    off: OnceLock<Refusal>,
    n_compiles: AtomicU64,
    /// Held while the compiler is told what was released.
    telling: Mutex<()>,
    /// Above zero when the embedder should look into the mailbox.
    pub(crate) waiting: Arc<AtomicUsize>,
    /// Swapped only in the child of a fork that left threads behind in the parent.
    pool: ArcSwap<PoolOf<C>>,
}

impl<C: Compiler> Shared<C> {
    pub(crate) fn new(runtime: Runtime, options: Options, make_compiler: MakeCompiler<C>) -> Self {
        let waiting = Arc::new(AtomicUsize::new(0));
        Shared {
            lifecycle: Arc::new(Lifecycle::new(runtime, options.clone())),
            options,
            on_finished: OnceLock::new(),
            on_refresh: OnceLock::new(),
            make_compiler,
            compiler: OnceLock::new(),
            off: OnceLock::new(),
            n_compiles: AtomicU64::new(0),
            telling: Mutex::new(()),
            pool: ArcSwap::from_pointee(Pool::new(waiting.clone())),
            waiting,
        }
    }

    pub(crate) fn pool(&self) -> arc_swap::Guard<Arc<PoolOf<C>>> {
        self.pool.load()
    }

    // ---- from the request to the queue

    pub(crate) fn request(
        self: &Arc<Self>,
        function: &Function<C::Meta>,
        work: Work<C::Source>,
    ) -> Result<Requested, Refusal> {
        self.may_compile(function, work.point)?;
        let pool = self.pool.load_full();
        let priority = work.priority;
        let body = function.body();
        // Held to the push: two requests for one door must not both find nothing under way.
        let mut asked = lock(&body.asked);
        if let Some(before) = asked.get(&work.point)
            && before.state().is_under_way()
            && !before.is_unwanted()
        {
            let key = (function.id(), work.point);
            let ticket = lock(&self.lifecycle.graph).ticket();
            let merged = pool.with(|it| it.queue.merge(key, work.source, ticket, work.priority));
            before.raise_priority(work.priority);
            drop(asked);
            // Either way a source is dropped here, with no lock held.
            return Ok(match merged {
                Ok(_unneeded) => {
                    self.lifecycle.counters.request_merged();
                    Requested::Merged
                }
                Err(_unneeded) => Requested::UnderWay,
            });
        }
        let job = self.number_job(function, work);
        let record = job.record.clone();
        asked.insert(record.point(), record.clone());
        let limit = self.options.queue_limit;
        let n_finished = pool.mailbox.len();
        let pushed = pool.with(
            |it| match it.queue.len() + n_finished < limit && !it.closed {
                true => {
                    it.queue.push(job, priority);
                    Ok(())
                }
                false => Err((job, it.closed)),
            },
        );
        drop(asked);
        if let Err((job, closed)) = pushed {
            let reason = if closed {
                reasons::SHUT_DOWN
            } else {
                reasons::QUEUE_FULL
            };
            return Err(self.refuse_job(job, Refusal::new(reason, "")));
        }
        self.staff()?;
        Ok(Requested::Queued)
    }

    /// A request that does not wait: for the caller's own thread.
    pub(crate) fn open_job(
        &self,
        function: &Function<C::Meta>,
        work: Work<C::Source>,
    ) -> Result<JobOf<C>, Refusal> {
        self.may_compile(function, work.point)?;
        let body = function.body();
        let mut asked = lock(&body.asked);
        let key = (function.id(), work.point);
        let overtaken = self.pool().with(|it| it.queue.remove(key));
        let job = self.number_job(function, work);
        asked.insert(job.record.point(), job.record.clone());
        drop(asked);
        if let Some(overtaken) = overtaken {
            self.refuse_job(overtaken, Refusal::new(reasons::OVERTAKEN, ""));
        }
        Ok(job)
    }

    fn number_job(&self, function: &Function<C::Meta>, work: Work<C::Source>) -> JobOf<C> {
        assert!(
            function.belongs_to(&self.lifecycle),
            "{function:?} was made by another engine"
        );
        let body = function.body();
        let id = VersionId {
            function: function.id(),
            number: body.next_number(),
        };
        let record = self
            .lifecycle
            .open_record(id, function.name(), work.point, work.tier);
        record.raise_priority(work.priority);
        body.remember(record.clone());
        Job {
            function: function.downgrade(),
            name: function.name().clone(),
            record,
            ticket: lock(&self.lifecycle.graph).ticket(),
            source: work.source,
        }
    }

    /// Refuses what cannot come to a compiler, before anything is queued.
    fn may_compile(&self, function: &Function<C::Meta>, point: EntryPoint) -> Result<(), Refusal> {
        let refusal = if let Some(off) = self.off.get() {
            off.clone()
        } else if let Some(Err(refusal)) = self.compiler.get() {
            refusal.clone()
        } else if self.fuel_is_used_up() {
            out_of_fuel(&self.options)
        } else if let Some(closed) = function.body().is_closed_at(point) {
            closed
        } else if let Some(rests) = self.rest_at(function, point) {
            rests
        } else if let Some(quiet) = self.storm_at(function, point) {
            Refusal::new(reasons::STORM, format!("for {quiet:?} more"))
        } else {
            return Ok(());
        };
        self.lifecycle.counters.refused(&refusal.reason);
        function.body().set_refusal(Some(refusal.clone()));
        Err(refusal)
    }

    fn rest_at(&self, function: &Function<C::Meta>, point: EntryPoint) -> Option<Refusal> {
        let now = self.lifecycle.log.now();
        let evictions = lock(&function.body().evictions);
        evictions.get(&point)?.refusal(now)
    }

    fn storm_at(&self, function: &Function<C::Meta>, point: EntryPoint) -> Option<Duration> {
        let now = self.lifecycle.log.now();
        function.body().known_exits(point, |it| it.quiet(now))?
    }

    /// Takes back what was asked for.
    pub(crate) fn cancel(&self, function: &Function<C::Meta>, point: EntryPoint) -> bool {
        let asked = lock(&function.body().asked);
        let Some(record) = asked.get(&point).filter(|it| it.state().is_under_way()) else {
            return false;
        };
        record.unwant();
        let job = self
            .pool()
            .with(|it| it.queue.remove((function.id(), point)));
        drop(asked);
        if let Some(job) = job {
            self.refuse_job(job, Refusal::new(reasons::CANCELLED, ""));
        }
        true
    }

    fn refuse_job(&self, job: JobOf<C>, refusal: Refusal) -> Refusal {
        self.lifecycle.refuse(&job.record, &refusal);
        refusal
    }

    // ---- from the queue to the mailbox

    /// Sees to it that a thread works, if there is work for one.
    fn staff(self: &Arc<Self>) -> Result<(), Refusal> {
        let pool = self.pool.load_full();
        let (shared, of) = (self.clone(), pool.clone());
        let staffed = pool.staff(&self.options, move || shared.work(&of));
        let Err(error) = staffed else { return Ok(()) };
        let refusal = Refusal::new(reasons::NO_THREAD, error.to_string());
        for job in pool.with(|it| it.queue.take_all()) {
            self.refuse_job(job, refusal.clone());
        }
        Err(refusal)
    }

    /// The life of a compile thread.
    fn work(&self, pool: &PoolOf<C>) {
        while let Some(next) = pool.next(self.options.idle) {
            match next {
                Next::Translate(job) if job.function.is_dead() => {
                    self.refuse_job(job, Refusal::new(reasons::FUNCTION_DIED, ""));
                }
                Next::Translate(job) => {
                    let finished = match self.has_changed(&job) {
                        Some(refusal) => self.finish(job, Err(refusal)),
                        None => self.translate(job, Some(pool)),
                    };
                    pool.mailbox.put(finished);
                    if let Some(hook) = self.on_finished.get() {
                        // A hook that panics costs nothing but its own effect.
                        let _ = catch_unwind(AssertUnwindSafe(hook));
                    }
                }
                Next::Errand => {
                    pool.away(|| self.drain_released());
                }
            }
        }
    }

    /// Whether a job's function was redefined after its source was taken: nobody can use what would be
    /// made of it.
    fn has_changed(&self, job: &JobOf<C>) -> Option<Refusal> {
        let definition = [Dependency::Function(job.record.id().function)];
        let broken = lock(&self.lifecycle.graph).broken_since(&job.ticket, &definition);
        broken.map(|(_, why)| Refusal::new(reasons::CHANGED, why))
    }

    pub(crate) fn translate_on_large_stack(&self, job: JobOf<C>) -> Finished<C::Meta> {
        // If no thread is to be had, the job is still here to be refused.
        let mut job = Some(job);
        let taken = &mut job;
        let translated = worker::run(&self.options, || {
            taken.take().map(|job| self.translate(job, None))
        });
        match (translated, job) {
            (Ok(Some(Some(finished))), _) => finished,
            (Err(error), Some(job)) => {
                let refusal = Refusal::new(reasons::NO_THREAD, error.to_string());
                self.finish(job, Err(refusal))
            }
            _ => unreachable!("translating neither panics nor loses a job"),
        }
    }

    /// Asks the compiler. Whatever it does, there is an answer. `pool` is the one whose thread this is, if any.
    fn translate(&self, job: JobOf<C>, pool: Option<&PoolOf<C>>) -> Finished<C::Meta> {
        let taken = Reason::from(reasons::TAKEN);
        self.lifecycle
            .advance(&job.record, State::Compiling, &taken);
        let compiler = match away(pool, || self.compiler()) {
            Ok(compiler) => compiler,
            Err(refusal) => return self.finish(job, Err(refusal)),
        };
        if !self.burn_fuel() {
            return self.finish(job, Err(out_of_fuel(&self.options)));
        }
        self.lifecycle.counters.compile_started();
        away(pool, || self.tell_released(&compiler));
        let version = job.record.id();
        let chaos = self.options.chaos;
        let delay = chaos.map_or(Duration::ZERO, |it| it.delay_of(version));
        away(pool, || std::thread::sleep(delay));
        let request = Request {
            version,
            record: job.record.clone(),
            name: job.name,
            point: job.record.point(),
            tier: job.record.tier(),
            source: job.source,
        };
        let outcome = match self.lifecycle.chaos_strikes(Trouble::Failure, version) {
            true => Ok(Err(Refusal::new(reasons::CHAOS, "not compiled"))),
            false => away(pool, || {
                catch_unwind(AssertUnwindSafe(|| compiler.compile(&request)))
            }),
        };
        // Dropping the source is the embedder's code as well.
        let dropped = catch_unwind(AssertUnwindSafe(|| drop(request)));
        let outcome = outcome
            .and_then(|it| dropped.map(|()| it))
            .unwrap_or_else(|panic| Err(Refusal::new(reasons::PANIC, panic_text(&*panic))));
        if outcome.is_err() {
            self.lifecycle.release(Released::Version(job.record.id()));
        }
        self.bound_library(&compiler, pool);
        let finished = Finished {
            lifecycle: self.lifecycle.clone(),
            function: job.function,
            record: job.record,
            ticket: job.ticket,
            translation: 0,
            outcome: None,
        };
        self.answer(finished, outcome)
    }

    /// Releases intermediate code of the coldest until the compiler's library is small enough, or there
    /// is none left that can go.
    fn bound_library(&self, compiler: &Arc<C>, pool: Option<&PoolOf<C>>) {
        let limit = self.options.library_limit.unwrap_or(u64::MAX);
        // Asked only where it matters: it may take the compiler's lock.
        while limit < u64::MAX && away(pool, || library_bytes(&**compiler)) > limit {
            if !self.lifecycle.release_coldest() {
                return;
            }
            away(pool, || self.tell_released(compiler));
        }
    }

    fn finish(&self, job: JobOf<C>, outcome: Outcome<C>) -> Finished<C::Meta> {
        let finished = Finished {
            lifecycle: self.lifecycle.clone(),
            function: job.function,
            record: job.record,
            ticket: job.ticket,
            translation: 0,
            outcome: None,
        };
        self.answer(finished, outcome)
    }

    fn answer(&self, mut finished: Finished<C::Meta>, outcome: Outcome<C>) -> Finished<C::Meta> {
        match &outcome {
            Ok(compiled) => {
                finished.translation = hash(compiled);
                let reason = Reason::from(reasons::TRANSLATED);
                self.lifecycle
                    .advance(&finished.record, State::Compiled, &reason);
            }
            Err(refusal) => self.lifecycle.refuse(&finished.record, refusal),
        }
        finished.outcome = Some(outcome);
        finished
    }

    /// Makes the compiler if there is none. It is tried once.
    fn compiler(&self) -> Result<Arc<C>, Refusal> {
        self.compiler
            .get_or_init(|| {
                catch_unwind(AssertUnwindSafe(|| (self.make_compiler)()))
                    .unwrap_or_else(|it| Err(Refusal::new(reasons::NO_COMPILER, panic_text(&*it))))
            })
            .clone()
    }

    fn fuel_is_used_up(&self) -> bool {
        // Relaxed: a count that orders nothing else.
        let n_compiles = self.n_compiles.load(Ordering::Relaxed);
        self.options.fuel.is_some_and(|fuel| n_compiles >= fuel)
    }

    fn burn_fuel(&self) -> bool {
        let fuel = self.options.fuel.unwrap_or(u64::MAX);
        // Relaxed: a count that orders nothing else.
        self.n_compiles
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |it| {
                (it < fuel).then_some(it + 1)
            })
            .is_ok()
    }

    pub(crate) fn take_finished(self: &Arc<Self>) -> Option<Finished<C::Meta>> {
        let pool = self.pool.load_full();
        if pool.mailbox.take_nudge() {
            // A failure is counted with the jobs that it cost.
            let _ = self.staff();
        }
        let finished = pool.mailbox.take()?;
        if let (Some(function), Some(refusal)) = (finished.function(), finished.refusal()) {
            function.body().set_refusal(Some(refusal.clone()));
        }
        Some(finished)
    }

    // ---- what the compiler may forget

    /// Whoever comes out of here knows that everything released before is told: a compile must not
    /// find the body of a version that fell before its source was taken. So the lock is held over
    /// the telling, which is the compiler's code; it has no way to call back.
    fn tell_released(&self, compiler: &Arc<C>) -> usize {
        let _telling = lock(&self.telling);
        let released = self.lifecycle.take_released();
        if !released.is_empty() {
            // A compiler that panics over its own clean-up keeps what it has; nobody else is harmed.
            let _ = catch_unwind(AssertUnwindSafe(|| compiler.release(&released)));
        }
        released.len()
    }

    pub(crate) fn drain_released(&self) -> usize {
        match self.compiler.get() {
            Some(Ok(compiler)) if self.off.get().is_none() => self.tell_released(compiler),
            // There is no intermediate code: nobody ever made any, or nothing is made any more.
            _ => {
                self.forget_released();
                0
            }
        }
    }

    /// Not in a child that was forked over a compile: a thread that does not exist there may have been
    /// taking something out. Nothing is compiled there, so what piles up is bounded.
    fn forget_released(&self) {
        let off = self.off.get();
        if off.is_none_or(|it| it.reason != reasons::FORKED_WHILE_COMPILING) {
            self.lifecycle.take_released();
        }
    }

    /// Has a thread tell the compiler; or, where there is none, forgets.
    pub(crate) fn send_released(self: &Arc<Self>) {
        let pool = self.pool.load_full();
        if self.lifecycle.has_released() {
            match self.compiler.get() {
                Some(Ok(_)) if self.off.get().is_none() => pool.run_errand(),
                Some(_) => self.forget_released(),
                None => (),
            }
        }
        // A failure is counted with the jobs that it cost.
        let _ = self.staff();
    }

    pub(crate) fn drop_dead_jobs(&self) {
        for job in self.pool().with(|it| it.queue.take_dead()) {
            self.refuse_job(job, Refusal::new(reasons::FUNCTION_DIED, ""));
        }
    }

    // ---- fork and end

    pub(crate) fn before_fork(&self) -> ForkReadiness {
        match self.pool().pause(self.options.join_bound, false) {
            0 => ForkReadiness::Ready,
            n_left => ForkReadiness::ThreadsLeft(n_left),
        }
    }

    pub(crate) fn after_fork(&self, in_child: bool) {
        let pool = self.pool.load_full();
        if in_child && pool.n_left() > 0 {
            // Those threads do not exist here, and what they held stays held: never touch it again.
            let _ = self
                .off
                .set(Refusal::new(reasons::FORKED_WHILE_COMPILING, ""));
            self.pool.store(Arc::new(Pool::new(self.waiting.clone())));
            std::mem::forget(pool);
            return;
        }
        pool.resume();
    }

    pub(crate) fn shut_down(&self, bound: Duration) -> usize {
        let _ = self.off.set(Refusal::new(reasons::SHUT_DOWN, ""));
        let pool = self.pool.load_full();
        let n_left = pool.pause(bound, true);
        for job in pool.with(|it| it.queue.take_all()) {
            self.refuse_job(job, Refusal::new(reasons::SHUT_DOWN, ""));
        }
        n_left
    }

    pub(crate) fn stats(&self) -> Stats {
        let pool = self.pool();
        let ledger = self.lifecycle.runtime.ledger();
        Stats {
            dependencies: lock(&self.lifecycle.graph).size(),
            queued: pool.with(|it| it.queue.len()),
            threads: pool.n_threads(),
            finished: pool.mailbox.len(),
            ..self.lifecycle.counters.snapshot(ledger)
        }
    }
}

/// Does what may take long or is the compiler's: a thread of the pool holds nothing of the engine's there.
fn away<S: Send + 'static, M: Send + Sync + 'static, R>(
    pool: Option<&Pool<S, M>>,
    work: impl FnOnce() -> R,
) -> R {
    match pool {
        Some(pool) => pool.away(work),
        None => work(),
    }
}

type Outcome<C> = Result<Compiled<<C as Compiler>::Meta>, Refusal>;

/// A hash of the object and of what it relies on.
fn hash<M>(compiled: &Compiled<M>) -> u64 {
    let mut hasher = DefaultHasher::new();
    (&compiled.object, &compiled.assumptions, &compiled.inlined).hash(&mut hasher);
    hasher.finish()
}

/// A compiler that panics over its own accounts is taken to hold nothing.
fn library_bytes<C: Compiler>(compiler: &C) -> u64 {
    catch_unwind(AssertUnwindSafe(|| compiler.library_bytes())).unwrap_or(0)
}

fn out_of_fuel(options: &Options) -> Refusal {
    let fuel = options.fuel.unwrap_or(0);
    Refusal::new(reasons::OUT_OF_FUEL, format!("after {fuel} compiles"))
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    if let Some(text) = panic.downcast_ref::<&str>() {
        (*text).to_owned()
    } else if let Some(text) = panic.downcast_ref::<String>() {
        text.clone()
    } else {
        "a panic without text".to_owned()
    }
}
