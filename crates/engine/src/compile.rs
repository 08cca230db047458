//! One function's way through the house. Read this first.
//!
//! [`Engine::compile_now`] goes the whole way on the caller's thread. In the background it is the
//! same way in three pieces: stage 1 is [`Engine::request`], stage 2 runs on a compile thread, the
//! embedder finds the unit in the mailbox (stage 3) and goes on with [`Engine::install`].

use std::borrow::Cow;
use std::cell::OnceCell;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use martlet_machine_code::{Code, Object, Source, Table};

use crate::chaos::Trouble;
use crate::graph::{Dependency, Graph};
use crate::lifecycle::Lifecycle;
use crate::mailbox::Finished;
use crate::sync::lock;
use crate::{
    Compiled, Compiler, Engine, Function, Refusal, Released, State, Timings, VALID_SYMBOL, Version,
    Work, reasons,
};

/// Fills a version's tables; see [`InstallHooks::fill`].
pub type Fill<'a, M> = dyn FnMut(&Arc<Version<M>>, &Code) -> Result<(), Refusal> + 'a;

/// What the embedder contributes to an install.
pub struct InstallHooks<'a, M> {
    /// The address of a symbol that the object does not define; not asked for
    /// [`VALID_SYMBOL`](crate::VALID_SYMBOL).
    pub resolve: &'a dyn Fn(&str) -> Option<usize>,
    /// Fills the version's tables, before any entry leads to it, and sets its `valid` byte. May
    /// refuse, for example because an object that the code names has died.
    pub fill: &'a mut Fill<'a, M>,
}

impl<'a, M> InstallHooks<'a, M> {
    /// For code without tables that resolves symbols so.
    pub fn resolving(resolve: &'a dyn Fn(&str) -> Option<usize>) -> Self {
        // It has no size, so nothing is leaked.
        let fill = Box::leak(Box::new(|_: &Arc<Version<M>>, _: &Code| Ok(())));
        InstallHooks { resolve, fill }
    }
}

impl<C: Compiler> Engine<C> {
    /// Compiles and installs, all on the caller's thread (the compiler itself on a helper thread
    /// with a large stack, which is joined).
    ///
    /// The embedder holds the lock under which its assumptions break.
    ///
    /// # Errors
    /// The reason why there is no new version. It is counted.
    pub fn compile_now(
        &self,
        function: &Function<C::Meta>,
        work: Work<C::Source>,
        hooks: &mut InstallHooks<'_, C::Meta>,
    ) -> Result<Arc<Version<C::Meta>>, Refusal> {
        // 1. Asked for. The version has a number and a record from here on, and a ticket that says
        //    when the source was taken. The source is frozen.
        let job = self.shared.open_job(function, work)?;

        // 2. Translated, by a compiler that is made when it is first needed. What comes out is an
        //    object, with a list of what it relies on and of the bodies it contains. Both are frozen.
        let finished = self.shared.translate_on_large_stack(job);

        // 3. In the mailbox, if this was a compile thread: it takes no lock of the embedder's.
        self.install(finished, hooks)
    }

    /// Installs all that waits in the mailbox, and answers how many versions were published. A refusal is counted,
    /// and stays with its function.
    ///
    /// The embedder holds the lock under which its assumptions break.
    pub fn install_finished(&self, hooks: &mut InstallHooks<'_, C::Meta>) -> usize {
        let finished = std::iter::from_fn(|| self.take_finished());
        finished
            .filter_map(|it| self.install(it, hooks).ok())
            .count()
    }

    /// Makes a finished unit the current version of its function.
    ///
    /// The embedder holds the lock under which its assumptions break.
    ///
    /// # Errors
    /// The reason why there is no new version: the compiler's own, or something broke meanwhile, or
    /// the code could not be linked. It is counted, and the function is as it was.
    pub fn install(
        &self,
        finished: Finished<C::Meta>,
        hooks: &mut InstallHooks<'_, C::Meta>,
    ) -> Result<Arc<Version<C::Meta>>, Refusal> {
        let lifecycle = &*self.shared.lifecycle;

        // 4. Still wanted? A dead function or a broken assumption is cheaper to find before linking.
        let mut unit = lifecycle.open(finished)?;
        lifecycle.still_holds(&unit)?;
        lifecycle.is_no_storm(&unit)?;

        // 5. Linked: the bytes are in executable memory, and no entry leads there. The machine code
        //    is frozen; the object may go. Others are evicted for it if need be.
        let start = Instant::now();
        let version = lifecycle.link(&mut unit, hooks.resolve)?;
        lifecycle.find_room(&unit, &version)?;

        // 6. Filled: addresses of objects and cells go into the tables. The embedder may change the
        //    tables later; the engine never looks at them.
        lifecycle.fill(&unit, &version, hooks)?;
        unit.timings.link_ns = start.elapsed().as_nanos() as u64;

        // 7. Published, unless something broke since stage 4. From here on callers come in.
        let retired = lifecycle.publish(&unit, &version)?;

        // 8. The version before is retired (or stands aside, if it may be rolled back to); whoever is
        //    inside of it finishes there. When nobody is, `Engine::collect` frees it.
        for old in retired {
            lifecycle.lay_down(&old, &Cow::Borrowed(reasons::REPLACED));
        }
        lifecycle.unsettle(&version);
        Ok(version)
    }
}

type Versions<M> = Vec<Arc<Version<M>>>;

/// A unit between the mailbox and its entry.
struct Unit<M: Send + Sync + 'static> {
    function: Function<M>,
    /// Emptied; keeps the ticket until the unit is published.
    finished: Finished<M>,
    /// Everything it relies on, its own function included.
    relies_on: Vec<Dependency>,
    timings: Timings,
    /// Taken by `link`.
    compiled: Option<Compiled<M>>,
}

impl<M: Send + Sync + 'static> Lifecycle<M> {
    fn open(&self, mut finished: Finished<M>) -> Result<Unit<M>, Refusal> {
        let function = finished.function();
        let compiled = match finished.outcome.take() {
            Some(Ok(compiled)) => compiled,
            // The compile thread has counted it.
            Some(Err(refusal)) => {
                if let Some(function) = function {
                    function.body().set_refusal(Some(refusal.clone()));
                }
                return Err(refusal);
            }
            None => unreachable!("{finished:?} was opened before"),
        };
        let Some(function) = function else {
            return Err(self.give_up(&finished, None, Refusal::new(reasons::FUNCTION_DIED, "")));
        };
        let mut relies_on = vec![Dependency::Function(function.id())];
        relies_on.extend(compiled.assumptions.iter().copied().map(Dependency::Key));
        for &(callee, number) in &compiled.inlined {
            relies_on.push(Dependency::Function(callee));
            relies_on.push(Dependency::Version(crate::VersionId {
                function: callee,
                number,
            }));
        }
        Ok(Unit {
            function,
            relies_on,
            timings: compiled.timings,
            compiled: Some(compiled),
            finished,
        })
    }

    /// A translation that fell for its exits before would fall for them again.
    fn is_no_storm(&self, unit: &Unit<M>) -> Result<(), Refusal> {
        let record = &unit.finished.record;
        let body = unit.function.body();
        let storm = body.known_exits(record.point(), |exits| {
            let limits = self.options.exit_limits();
            exits.came_again(limits, self.log.now(), unit.finished.translation)
        });
        let Some((place, backoff)) = storm.flatten() else {
            return Ok(());
        };
        self.storm(record, place);
        let detail = format!("the same translation fell before; quiet for {backoff:?}");
        let refusal = Refusal::new(reasons::STORM, detail);
        Err(self.give_up(&unit.finished, Some(&unit.function), refusal))
    }

    fn find_room(&self, unit: &Unit<M>, version: &Arc<Version<M>>) -> Result<(), Refusal> {
        self.make_room_for(version)
            .map_err(|refusal| self.give_up_linked(unit, version, refusal))
    }

    fn still_holds(&self, unit: &Unit<M>) -> Result<(), Refusal> {
        let broken = lock(&self.graph).broken_since(&unit.finished.ticket, &unit.relies_on);
        let refusal = match broken {
            Some(broken) => broke(&broken),
            None if unit.finished.record.is_unwanted() => Refusal::new(reasons::CANCELLED, ""),
            None => return Ok(()),
        };
        Err(self.give_up(&unit.finished, Some(&unit.function), refusal))
    }

    fn link(
        &self,
        unit: &mut Unit<M>,
        resolve: &dyn Fn(&str) -> Option<usize>,
    ) -> Result<Arc<Version<M>>, Refusal> {
        let record = &unit.finished.record;
        let Some(compiled) = unit.compiled.take() else {
            unreachable!("{record:?} was linked before");
        };
        let tables: Vec<Table<'_>> = compiled
            .tables
            .iter()
            .map(|it| Table {
                symbol: &it.symbol,
                words: it.words,
            })
            .collect();
        let slot = unit.function.door(record.point());
        let valid = OnceCell::new();
        let resolve = |symbol: &str| match symbol {
            VALID_SYMBOL => {
                let byte = valid.get_or_init(|| Box::new(AtomicU8::new(1)));
                Some(byte.as_ptr().expose_provenance())
            }
            _ => resolve(symbol),
        };
        let code = self.runtime.publish(&Object {
            name: unit.function.name(),
            tables: &tables,
            resolve: &resolve,
            ..Object::new(
                record.id().code_id(),
                Source::Elf(&compiled.object),
                &compiled.entry_symbol,
            )
        });
        let (code, slot) = match (code, slot) {
            (Ok(code), Ok(slot)) => (code, slot),
            (Err(error), _) | (_, Err(crate::Error::MachineCode(error))) => {
                use martlet_machine_code::Error::{ArenaFull, NoExecMemory};
                let reason = match error {
                    ArenaFull { .. } | NoExecMemory { .. } => reasons::NO_ROOM,
                    _ => reasons::NOT_LINKED,
                };
                let refusal = Refusal::new(reason, error.to_string());
                return Err(self.give_up(&unit.finished, Some(&unit.function), refusal));
            }
        };
        let size = code.size();
        let bytes = (size.text + size.data) as u64;
        self.log.add_bytes(bytes);
        Ok(Arc::new(Version {
            record: record.clone(),
            code: Mutex::new(Some(Arc::new(code))),
            meta: compiled.meta,
            function: unit.finished.function.clone(),
            translation: unit.finished.translation,
            bytes,
            valid: valid.into_inner(),
            doubts: AtomicU32::new(0),
            is_to_return: AtomicBool::new(false),
            is_released: AtomicBool::new(false),
            slot: Arc::downgrade(slot.slot()),
            assumptions: compiled.assumptions,
            inlined: compiled.inlined,
            held: Mutex::default(),
        }))
    }

    fn fill(
        &self,
        unit: &Unit<M>,
        version: &Arc<Version<M>>,
        hooks: &mut InstallHooks<'_, M>,
    ) -> Result<(), Refusal> {
        let filled = version.with_code(|code| (hooks.fill)(version, code));
        let refusal = match filled {
            Some(Err(refusal)) => refusal,
            _ if self.chaos_strikes(Trouble::Refusal, version.id()) => {
                Refusal::new(reasons::CHAOS, "not published")
            }
            _ => return Ok(()),
        };
        Err(self.give_up_linked(unit, version, refusal))
    }

    /// The one moment that decides: under the graph's lock, so that a break comes either before, and
    /// is seen here, or after, and finds the version in the graph.
    fn publish(&self, unit: &Unit<M>, version: &Arc<Version<M>>) -> Result<Versions<M>, Refusal> {
        let installed = Cow::Borrowed(reasons::INSTALLED);
        let mut graph = lock(&self.graph);
        if let Some(broken) = graph.broken_since(&unit.finished.ticket, &unit.relies_on) {
            drop(graph);
            let refusal = broke(&broken);
            self.tell_invalid(version, &broken.1);
            return Err(self.give_up_linked(unit, version, refusal));
        }
        if let Some(refusal) = unit.function.body().is_closed_at(version.point()) {
            drop(graph);
            return Err(self.give_up_linked(unit, version, refusal));
        }
        // It relies on its own function by being a version of it: an edge would be one too many.
        graph.insert(version, unit.relies_on[1..].to_vec());
        self.counters.published(unit.function.name(), &unit.timings);
        version
            .record
            .advance(self.step(State::Published, &installed));
        self.count_published(version);
        let (suspended, retired) = self.take_place(&mut graph, version);
        drop(graph);
        let replaced = Cow::Borrowed(reasons::REPLACED);
        for old in suspended {
            self.note(&old.record, State::Suspended, &replaced);
        }
        self.note(&version.record, State::Published, &installed);
        unit.function.body().set_refusal(None);
        Ok(retired)
    }

    /// Puts it into its slot, over the version before, which stands aside if such are kept. Answers
    /// what stands aside now and what is retired.
    fn take_place(
        &self,
        graph: &mut Graph<M>,
        version: &Arc<Version<M>>,
    ) -> (Versions<M>, Versions<M>) {
        let Some(slot) = version.slot.upgrade() else {
            unreachable!("{version:?} is published while its function is held");
        };
        let replaced = Cow::Borrowed(reasons::REPLACED);
        let n_kept = self.options.keep_replaced;
        let old = slot.publish(version, n_kept > 0);
        if n_kept == 0 {
            if let Some(old) = &old {
                self.close(graph, old, &replaced);
            }
            return (Vec::new(), old.into_iter().collect());
        }
        if let Some(old) = &old {
            self.suspend(old, &replaced);
        }
        let surplus = slot.take_surplus(n_kept);
        for it in &surplus {
            self.close(graph, it, &replaced);
        }
        (old.into_iter().collect(), surplus)
    }

    /// Refuses a unit that is linked, and that no entry has led to.
    fn give_up_linked(
        &self,
        unit: &Unit<M>,
        version: &Arc<Version<M>>,
        refusal: Refusal,
    ) -> Refusal {
        self.counters.refused(&refusal.reason);
        self.discard(version, &refusal.reason);
        unit.function.body().set_refusal(Some(refusal.clone()));
        refusal
    }

    /// Refuses a unit that is not linked.
    fn give_up(
        &self,
        finished: &Finished<M>,
        function: Option<&Function<M>>,
        refusal: Refusal,
    ) -> Refusal {
        self.refuse(&finished.record, &refusal);
        self.release(Released::Version(finished.id()));
        if let Some(function) = function {
            function.body().set_refusal(Some(refusal.clone()));
        }
        refusal
    }
}

fn broke((dependency, reason): &(Dependency, crate::Reason)) -> Refusal {
    let what = match dependency {
        Dependency::Key(key) => key.to_string(),
        Dependency::Function(id) => id.to_string(),
        Dependency::Version(id) => id.to_string(),
    };
    Refusal::new(reasons::BROKEN_WHILE_COMPILING, format!("{what}: {reason}"))
}
