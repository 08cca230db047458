//! The life of versions: published under callers, broken, retired, freed.

mod support;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, RwLock};
use std::thread;

use support::*;

use martlet_engine::*;

#[test]
fn one_way_through_the_house() {
    by_both(|| {
        let (engine, _) = house();
        let f = function(&engine, "f");
        assert_eq!(call(f.entry()), UNCOMPILED);
        let version = now(&engine, &f, answer(7)).unwrap();
        assert_eq!(call(f.entry()), 7);
        assert_eq!(f.current().unwrap().id(), version.id());
        let states: Vec<_> = version
            .record()
            .history()
            .iter()
            .map(|it| it.state)
            .collect();
        use State::*;
        assert_eq!(states, [Queued, Compiling, Compiled, Published]);
        let stats = engine.stats();
        assert_eq!(stats.compiled, ["f".into()]);
        assert_eq!(
            stats.versions,
            VersionCounts {
                live: 1,
                ..VersionCounts::default()
            }
        );
        assert!(stats.timings.link_ns > 0);
        assert!(engine.events().iter().any(|it| {
            it.what == What::Version(version.id(), EntryPoint::GENERIC, Tier::Quick, Published)
        }));
    });
}

#[test]
fn rejit_ten_times_under_callers() {
    by_both(|| {
        let (engine, _) = house();
        let f = function(&engine, "f");
        // Callers hold it for reading around each call, and the collector for writing: so nobody is
        // inside when it collects. This is what a global interpreter lock amounts to.
        let world = RwLock::new(());
        let stop = AtomicBool::new(false);
        let seen = [const { AtomicU64::new(0) }; 3];
        thread::scope(|scope| {
            for latest in &seen {
                let (f, world, stop) = (&f, &world, &stop);
                scope.spawn(move || {
                    let mut before = 0;
                    while !stop.load(Ordering::Relaxed) {
                        let _inside = world.read().unwrap();
                        let now = call(f.entry());
                        assert!(
                            now >= before,
                            "an old version came back: {now} after {before}"
                        );
                        before = now;
                        latest.store(now, Ordering::Relaxed);
                    }
                });
            }
            for version in 1..=10 {
                now(&engine, &f, answer(version)).unwrap();
                // Everybody comes to run it, while older versions are freed under them.
                await_true(|| seen.iter().all(|it| it.load(Ordering::Relaxed) >= version));
                let _nobody_inside = world.write().unwrap();
                engine.collect(&nobody);
            }
            stop.store(true, Ordering::Relaxed);
        });
        let stats = engine.stats();
        assert_eq!(
            stats.versions,
            VersionCounts {
                live: 1,
                freed: 9,
                ..VersionCounts::default()
            }
        );
        assert_eq!(stats.ledger.live.units, 1);
    });
}

#[test]
fn cell_and_arc_agree() {
    by_both(|| {
        let (engine, _) = house();
        let f = function(&engine, "f");
        now(&engine, &f, answer(1)).unwrap();
        let last = 300;
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while !stop.load(Ordering::Relaxed) {
                        // Out of the word: the arc has it, or what took its place.
                        let word = call(f.entry());
                        let arc = f.current().expect("published and never retracted");
                        assert!(arc.meta().answer >= word, "{arc:?} behind word {word}");
                        // Out of the arc: the word is late by the one change being made, at most.
                        let arc = f.current().expect("published and never retracted");
                        let word = call(f.entry());
                        assert!(
                            word + 1 >= arc.meta().answer,
                            "{arc:?} ahead of word {word}"
                        );
                    }
                });
            }
            // Nothing is collected meanwhile: the callers say nobody where they are.
            for version in 2..=last {
                now(&engine, &f, answer(version)).unwrap();
            }
            stop.store(true, Ordering::Relaxed);
        });
        assert_eq!(call(f.entry()), last);
        assert_eq!(engine.collect(&nobody).freed.len() as u64, last - 1);
    });
}

#[test]
fn ir_dies_before_code() {
    by_both(|| {
        let (engine, fake) = house();
        let f = function(&engine, "f");
        let mut table = None;
        let version = engine
            .compile_now(
                &f,
                Work::new(answer(42)),
                &mut InstallHooks {
                    resolve: &|_| None,
                    fill: &mut |version, code| {
                        fill(version, code)?;
                        table = Some(close(code));
                        Ok(())
                    },
                },
            )
            .unwrap();
        let (id, table) = (version.id(), table.unwrap());
        let entry = f.entry().clone();
        let inside = thread::spawn(move || call(&entry));
        table.await_inside(1);

        let function_id = f.id();
        drop(f);
        let collected = engine.collect(&|code| code == id.code_id());
        assert_eq!(collected.buried, [function_id]);
        assert_eq!((collected.freed, collected.still_inside), (vec![], 1));
        // The intermediate code goes first, on purpose ...
        engine.drain_released();
        await_true(|| fake.ir.lock().unwrap().is_empty());
        assert!(
            fake.released_functions
                .lock()
                .unwrap()
                .contains(&function_id)
        );
        assert_eq!(version.state(), State::Retired);
        // ... and the machine code does not miss it.
        table.open();
        assert_eq!(inside.join().unwrap(), 42);
        assert_eq!(engine.collect(&nobody).freed, [id]);
        assert_eq!(version.state(), State::Freed);
        assert_eq!(engine.stats().ledger.live.units, 0);
    });
}

#[test]
fn inlined_callee_redefined() {
    by_both(|| {
        let (engine, _) = house();
        let [g, h, f, other] = ["g", "h", "f", "other"].map(|it| function(&engine, it));
        let g1 = now(&engine, &g, answer(1)).unwrap();
        let h1 = now(&engine, &h, answer(2).containing(g1.id())).unwrap();
        let f1 = now(&engine, &f, answer(3).containing(h1.id())).unwrap();
        let other1 = now(&engine, &other, answer(4)).unwrap();

        // A better version of the same definition harms nobody.
        now(&engine, &g, answer(1)).unwrap();
        assert!(f1.meta().valid.load(Ordering::Relaxed));

        // A redefinition reaches those that contain it, also through others, and nobody else.
        g.invalidate("g redefined");
        for version in [&h1, &f1] {
            assert!(!version.meta().valid.load(Ordering::Relaxed));
            assert_eq!(version.state(), State::Retired);
        }
        assert_eq!(
            [&g, &h, &f, &other].map(|it| call(it.entry())),
            [0, 0, 0, 4]
        );
        assert!(other1.meta().valid.load(Ordering::Relaxed));
        // f, h, and both versions of g: somebody may be inside of the older one.
        assert_eq!(engine.stats().invalidated["g redefined"], 4);
        // The callers are free to be compiled again.
        now(&engine, &f, answer(5)).unwrap();
        assert_eq!(call(f.entry()), 5);
    });
}

#[test]
fn a_body_taken_from_a_replaced_version_still_counts() {
    by_both(|| {
        let (engine, _) = house();
        let [g, f] = ["g", "f"].map(|it| function(&engine, it));
        let g1 = now(&engine, &g, answer(1).relying_on(10)).unwrap();
        let f1 = now(&engine, &f, answer(2).containing(g1.id())).unwrap();
        now(&engine, &g, answer(1)).unwrap();
        engine.collect(&nobody);
        assert_eq!(g1.state(), State::Freed);
        // f contains what g1 assumed, although g1 is gone.
        engine.break_assumption(AssumptionKey(10), "key 10");
        assert_eq!(f1.state(), State::Retired);
        assert_eq!((call(g.entry()), call(f.entry())), (1, UNCOMPILED));
    });
}

#[test]
fn a_body_that_is_being_taken_in_counts_after_its_version_is_freed() {
    by_both(|| {
        let (engine, _) = house();
        let [g, f] = ["g", "f"].map(|it| function(&engine, it));
        let g1 = now(&engine, &g, answer(1).relying_on(10)).unwrap();
        let gate = Gate::new();
        let source = answer(2).containing(g1.id()).behind(&gate);
        engine.request(&f, Work::new(source)).unwrap();
        gate.await_arrivals(1);
        now(&engine, &g, answer(1)).unwrap();
        engine.collect(&nobody);
        assert_eq!(g1.state(), State::Freed);
        // g1 is gone and f is not there yet; still the one leads from the key to the other.
        engine.break_assumption(AssumptionKey(10), "key 10");
        gate.open();
        let refusal = install(&engine, await_finished(&engine)).unwrap_err();
        assert_eq!(refusal.reason, reasons::BROKEN_WHILE_COMPILING);
        engine.collect(&nobody);
        assert_eq!(engine.stats().dependencies, (1, 0));
    });
}

#[test]
fn broken_assumption_hits_its_dependents_only() {
    by_both(|| {
        let (engine, _) = house();
        let functions: Vec<_> = (0..20)
            .map(|it| function(&engine, &format!("f{it}")))
            .collect();
        for (i, f) in (1..).zip(&functions) {
            now(&engine, f, answer(i).relying_on(i % 2).relying_on(100)).unwrap();
        }
        assert_eq!(engine.break_assumption(AssumptionKey(1), "odd"), 10);
        assert_eq!(engine.break_assumption(AssumptionKey(1), "odd"), 0);
        for (i, f) in (1..).zip(&functions) {
            assert_eq!(call(f.entry()), if i % 2 == 1 { UNCOMPILED } else { i });
        }
        assert_eq!(engine.break_assumption(AssumptionKey(100), "all"), 10);
        assert_eq!(engine.stats().versions.live, 0);
    });
}

#[test]
fn assumption_broken_during_compile() {
    by_both(|| {
        let (engine, fake) = house();
        let f = function(&engine, "f");
        let gate = Gate::new();
        engine
            .request(&f, Work::new(answer(1).relying_on(5).behind(&gate)))
            .unwrap();
        gate.await_arrivals(1);
        assert_eq!(engine.break_assumption(AssumptionKey(5), "five"), 0);
        gate.open();
        let finished = await_finished(&engine);
        let refusal = install(&engine, finished).unwrap_err();
        assert_eq!(refusal.reason, reasons::BROKEN_WHILE_COMPILING);
        assert!(refusal.detail.contains("five"), "{refusal}");
        assert_eq!(call(f.entry()), UNCOMPILED);
        assert_eq!(f.refusal().unwrap().reason, reasons::BROKEN_WHILE_COMPILING);
        engine.drain_released();
        assert!(fake.ir.lock().unwrap().is_empty());
        // A source taken after the break may rely on the key as it is now.
        now(&engine, &f, answer(2).relying_on(5)).unwrap();
        assert_eq!(call(f.entry()), 2);
        assert_eq!(f.refusal(), None);
    });
}

#[test]
fn assumption_broken_while_it_is_linked() {
    by_both(|| {
        let (engine, _) = house();
        let f = function(&engine, "f");
        let mut seen = None;
        let refused = engine.compile_now(
            &f,
            Work::new(answer(1).relying_on(5)),
            &mut InstallHooks {
                resolve: &|_| None,
                fill: &mut |version, code| {
                    engine.break_assumption(AssumptionKey(5), "five");
                    seen = Some(version.clone());
                    fill(version, code)
                },
            },
        );
        assert_eq!(refused.unwrap_err().reason, reasons::BROKEN_WHILE_COMPILING);
        let version = seen.unwrap();
        assert!(!version.meta().valid.load(Ordering::Relaxed));
        assert_eq!(version.state(), State::Freed);
        assert_eq!(engine.stats().ledger.live.units, 0);
        assert_eq!(call(f.entry()), UNCOMPILED);
    });
}

#[test]
fn redefined_while_it_is_compiled() {
    by_both(|| {
        let (engine, _) = house();
        let [g, f] = ["g", "f"].map(|it| function(&engine, it));
        let g1 = now(&engine, &g, answer(1)).unwrap();
        let gate = Gate::new();
        engine
            .request(&f, Work::new(answer(2).containing(g1.id()).behind(&gate)))
            .unwrap();
        engine
            .request(&g, Work::new(answer(3).behind(&gate)))
            .unwrap();
        gate.await_arrivals(2);
        g.invalidate("redefined");
        // The new definition does not wait for what becomes of the old one.
        let newer = engine.request(&g, Work::new(answer(4))).unwrap();
        assert_eq!(newer, Requested::Queued);
        gate.open();
        for _ in 0..3 {
            let finished = await_finished(&engine);
            let is_newer = finished.id().function == g.id() && finished.id().number == 3;
            let refused = install(&engine, finished).err().map(|it| it.reason);
            let broken = (!is_newer).then(|| reasons::BROKEN_WHILE_COMPILING.into());
            assert_eq!(refused, broken);
        }
        assert_eq!(call(g.entry()), 4);
    });
}

#[test]
fn replaced_versions_hear_of_breaks_too() {
    by_both(|| {
        let (engine, _) = house();
        let f = function(&engine, "f");
        let old = now(&engine, &f, answer(1).relying_on(1)).unwrap();
        now(&engine, &f, answer(2)).unwrap();
        engine.collect(&|code| code == old.id().code_id());
        assert_eq!(old.state(), State::Retired);
        // Somebody is inside of the old one: it must learn of it; the new one does not care.
        assert_eq!(engine.break_assumption(AssumptionKey(1), "one"), 1);
        assert!(!old.meta().valid.load(Ordering::Relaxed));
        assert_eq!(call(f.entry()), 2);
        assert_eq!(engine.collect(&nobody).freed, [old.id()]);
    });
}

#[test]
fn versions_in_the_middle_have_doors_of_their_own() {
    by_both(|| {
        let (engine, _) = house();
        let f = function(&engine, "f");
        let header = EntryPoint(12);
        let door = f.door(header).unwrap();
        assert_eq!(call(door.entry()), UNCOMPILED);
        let whole = now(&engine, &f, answer(1)).unwrap();
        let middle = now_at(&engine, &f, Work::new(answer(2)).at(header)).unwrap();
        assert_eq!((call(f.entry()), call(door.entry())), (1, 2));
        assert_eq!(f.current_at(header).unwrap().id(), middle.id());
        assert_eq!(f.current().unwrap().id(), whole.id());
        // A definition falls as a whole.
        assert_eq!(f.invalidate("redefined"), 2);
        assert_eq!((call(f.entry()), call(door.entry())), (0, 0));
    });
}

#[test]
fn an_embedder_may_refuse_to_fill() {
    by_both(|| {
        let (engine, fake) = house();
        let f = function(&engine, "f");
        let refused = engine.compile_now(
            &f,
            Work::new(answer(1)),
            &mut InstallHooks {
                resolve: &|_| None,
                fill: &mut |_, _| Err(Refusal::new("object died", "o7")),
            },
        );
        assert_eq!(refused.unwrap_err().reason, "object died");
        assert_eq!(f.refusal().unwrap().detail, "o7");
        assert_eq!(engine.stats().refused["object died"], 1);
        assert_eq!(engine.stats().ledger.live.units, 0);
        engine.drain_released();
        assert!(fake.ir.lock().unwrap().is_empty());
    });
}

#[test]
fn what_a_version_holds_goes_with_its_code() {
    by_both(|| {
        let (engine, _) = house();
        let f = function(&engine, "f");
        let header = Arc::new(());
        let version = now(&engine, &f, answer(1)).unwrap();
        version.hold(header.clone());
        f.invalidate("redefined");
        engine.collect(&|_| true);
        assert_eq!(Arc::strong_count(&header), 2);
        engine.collect(&nobody);
        assert_eq!(Arc::strong_count(&header), 1);
    });
}
