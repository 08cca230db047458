//! What may be done besides falling back: refreshing, doubting, rolling back, pinning, forbidding,
//! evicting, and giving up on what is left too often.

mod support;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use support::*;

use martlet_engine::*;

const GENERIC: EntryPoint = EntryPoint::GENERIC;

fn valid(version: &Version<Meta>) -> bool {
    version.meta().valid.load(Ordering::Relaxed)
}

fn house_with_revival(change: impl FnOnce(&mut Options)) -> House {
    let (engine, _) = house_with(change);
    engine.on_revive(|version| version.meta().valid.store(true, Ordering::Relaxed));
    engine
}

#[test]
fn functions_of_either_strategy_live_in_one_engine() {
    let (engine, _) = house();
    for strategy in strategies() {
        let f = engine
            .function_with("f", default_target(), strategy)
            .unwrap();
        assert_eq!(f.entry().strategy(), strategy);
        let door = f.door(EntryPoint(3)).unwrap();
        assert_eq!(door.entry().strategy(), strategy);
        now(&engine, &f, answer(1)).unwrap();
        assert_eq!(call(f.entry()), 1);
    }
}

#[test]
fn refresh_falls_back_at_once_and_asks_anew() {
    by_both(|| {
        let engine = house_with_revival(|_| ());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = asked.clone();
        engine.on_refresh(move |version, reason| {
            log.lock().unwrap().push((version.id(), reason.to_string()));
            // The one that answers 2 is not worth another.
            (version.meta().answer != 2).then(|| Work::new(answer(version.meta().answer + 10)))
        });
        let [f, g, h] = ["f", "g", "h"].map(|it| function(&engine, it));
        let f1 = now(&engine, &f, answer(1).relying_on(5)).unwrap();
        let header = EntryPoint(7);
        let work = Work::new(answer(3).containing(f1.id())).at(header);
        let door = g.door(header).unwrap();
        now_at(&engine, &g, work).unwrap();
        now(&engine, &h, answer(2).relying_on(5)).unwrap();

        assert_eq!(engine.refresh(AssumptionKey(5), "five"), 3);
        assert_eq!([f.entry(), h.entry(), door.entry()].map(call), [0, 0, 0]);
        assert!(asked.lock().unwrap().iter().all(|it| it.1 == "five"));
        assert_eq!(asked.lock().unwrap().len(), 3);
        for _ in 0..2 {
            install(&engine, await_finished(&engine)).unwrap();
        }
        assert_eq!([f.entry(), h.entry(), door.entry()].map(call), [11, 0, 13]);

        assert_eq!(engine.refresh(&f, "redefined"), 1);
        install(&engine, await_finished(&engine)).unwrap();
        assert_eq!(call(f.entry()), 21);

        // What is to change changes when nothing old can be met any more, and before anything is asked anew.
        let (old, n_asked) = (f.current().unwrap(), asked.lock().unwrap().len());
        let mut has_changed = false;
        engine.refresh_after(&f, "redefined", || {
            assert_eq!(call(f.entry()), 0);
            assert!(f.current().is_none() && !valid(&old));
            assert_eq!(asked.lock().unwrap().len(), n_asked);
            has_changed = true;
        });
        assert!(has_changed);
        assert_eq!(asked.lock().unwrap().len(), n_asked + 1);
    });
}

#[test]
fn the_valid_byte_of_a_version_follows_what_it_relies_on() {
    by_both(|| {
        let (engine, _) = house();
        let f = function(&engine, "f");
        let mut source = answer(0).relying_on(3);
        source.how = How::Valid;
        let version = now(&engine, &f, source).unwrap();
        // Whoever is inside looks again and again.
        let thread = engine.runtime().attach();
        let activation = thread.enter(f.entry());
        // SAFETY: the unit answers a u64 and takes nothing.
        let is_valid = unsafe { activation.as_fn::<extern "C" fn() -> u64>() };
        assert_eq!(is_valid(), 1);
        let doubt = engine.doubt(AssumptionKey(3), "perhaps");
        assert_eq!(is_valid(), 0);
        assert_eq!(doubt.unchanged(), 1);
        assert_eq!(is_valid(), 1);
        assert_eq!(engine.break_assumption(AssumptionKey(3), "three"), 1);
        engine.collect(&|_| false);
        assert_eq!((is_valid(), version.state()), (0, State::Retired));
        drop(activation);
        engine.collect(&|_| false);
        assert_eq!(version.state(), State::Freed);
    });
}

#[test]
fn doubt_that_passes_brings_the_same_code_back_without_a_compile() {
    by_both(|| {
        let engine = house_with_revival(|_| ());
        let [f, g, other] = ["f", "g", "other"].map(|it| function(&engine, it));
        let f1 = now(&engine, &f, answer(1).relying_on(5)).unwrap();
        let g1 = now(&engine, &g, answer(2).containing(f1.id())).unwrap();
        now(&engine, &other, answer(3).relying_on(6)).unwrap();
        let compiles = engine.stats().compiles;

        let doubt = engine.doubt(AssumptionKey(5), "perhaps");
        assert_eq!(doubt.n_versions(), 2);
        let entries = [f.entry(), g.entry(), other.entry()];
        assert_eq!(entries.map(call), [0, 0, 3]);
        assert_eq!(
            [&f1, &g1].map(|it| (it.state(), valid(it))),
            [(State::Suspended, false); 2]
        );
        assert_eq!(engine.stats().versions.suspended, 2);
        // Nothing of it is freed.
        assert!(engine.collect(&nobody).freed.is_empty());

        assert_eq!(doubt.unchanged(), 2);
        assert_eq!(entries.map(call), [1, 2, 3]);
        assert_eq!(
            [&f1, &g1].map(|it| (it.state(), valid(it))),
            [(State::Published, true); 2]
        );
        assert_eq!(engine.stats().compiles, compiles);
        let last = f1.record().history().pop().unwrap();
        assert_eq!(last.reason, reasons::UNCHANGED);
        // It is as breakable as before.
        assert_eq!(engine.break_assumption(AssumptionKey(5), "five"), 2);
        assert_eq!(entries.map(call), [0, 0, 3]);
    });
}

#[test]
fn doubt_that_proves_right_is_a_break() {
    for is_dropped in [false, true] {
        let engine = house_with_revival(|_| ());
        let [f, g] = ["f", "g"].map(|it| function(&engine, it));
        let f1 = now(&engine, &f, answer(1)).unwrap();
        let g1 = now(&engine, &g, answer(2).containing(f1.id())).unwrap();
        let doubt = engine.doubt(&f, "perhaps");
        if is_dropped {
            drop(doubt);
        } else {
            assert_eq!(doubt.changed(), 2);
        }
        assert_eq!([&f1, &g1].map(|it| it.state()), [State::Retired; 2]);
        assert_eq!(engine.collect(&nobody).freed.len(), 2);
        assert_eq!(engine.stats().dependencies, (0, 0));
        assert_eq!(engine.stats().versions.suspended, 0);
    }
}

#[test]
fn what_breaks_or_is_replaced_while_in_doubt_does_not_come_back() {
    by_both(|| {
        let engine = house_with_revival(|_| ());
        let [f, g, h] = ["f", "g", "h"].map(|it| function(&engine, it));
        let f1 = now(&engine, &f, answer(1).relying_on(5).relying_on(6)).unwrap();
        let g1 = now(&engine, &g, answer(2).relying_on(5)).unwrap();
        let h1 = now(&engine, &h, answer(3).relying_on(5).relying_on(7)).unwrap();
        let five = engine.doubt(AssumptionKey(5), "five");
        let seven = engine.doubt(AssumptionKey(7), "seven");
        engine.break_assumption(AssumptionKey(6), "six");
        now(&engine, &g, answer(4)).unwrap();
        // h is in doubt for another reason still.
        assert_eq!(five.unchanged(), 0);
        assert_eq!([f.entry(), g.entry(), h.entry()].map(call), [0, 4, 0]);
        assert_eq!([&f1, &g1].map(|it| it.state()), [State::Retired; 2]);
        assert!(!valid(&f1));
        // Nobody has taken it out but the first doubt; the last one to pass brings it back.
        assert_eq!(h1.state(), State::Suspended);
        assert_eq!(seven.unchanged(), 1);
        assert_eq!((call(h.entry()), valid(&h1)), (3, true));
    });
}

#[test]
fn what_is_under_way_when_doubt_comes_is_never_published() {
    let (engine, _) = house();
    let f = function(&engine, "f");
    let gate = Gate::new();
    let source = answer(1).relying_on(5).behind(&gate);
    engine.request(&f, Work::new(source)).unwrap();
    gate.await_arrivals(1);
    let doubt = engine.doubt(AssumptionKey(5), "five");
    gate.open();
    let refusal = install(&engine, await_finished(&engine)).unwrap_err();
    assert_eq!(refusal.reason, reasons::BROKEN_WHILE_COMPILING);
    assert_eq!(doubt.unchanged(), 0);
}

#[test]
fn suspended_versions_of_a_dead_function_go_with_it() {
    let engine = house_with_revival(|it| it.keep_replaced = 2);
    let f = function(&engine, "f");
    for i in 1..=3 {
        now(&engine, &f, answer(i).relying_on(5)).unwrap();
    }
    let doubt = engine.doubt(AssumptionKey(5), "five");
    drop(f);
    assert_eq!(engine.collect(&nobody).freed.len(), 3);
    assert_eq!(doubt.unchanged(), 0);
    engine.collect(&nobody);
    assert_eq!(engine.stats().dependencies, (0, 0));
}

#[test]
fn roll_back_takes_the_latest_that_still_holds() {
    by_both(|| {
        let engine = house_with_revival(|it| it.keep_replaced = 2);
        let f = function(&engine, "f");
        let versions: Vec<_> = (1..=4)
            .map(|i| now(&engine, &f, answer(i).relying_on(i)).unwrap())
            .collect();
        let states = || -> Vec<State> { versions.iter().map(|it| it.state()).collect() };
        use State::*;
        assert_eq!(states(), [Retired, Suspended, Suspended, Published]);
        engine.break_assumption(AssumptionKey(3), "three");
        assert_eq!(f.roll_back(GENERIC).unwrap().id(), versions[1].id());
        assert_eq!(call(f.entry()), 2);
        assert_eq!(states(), [Retired, Published, Retired, Retired]);
        assert!(f.roll_back(GENERIC).is_none());
        assert_eq!(engine.collect(&nobody).freed.len(), 3);
        assert_eq!(call(f.entry()), 2);
    });
}

#[test]
fn a_pinned_version_stays_until_it_falls() {
    let engine = house_with_revival(|_| ());
    let f = function(&engine, "f");
    assert!(f.pin(GENERIC).is_none());
    let gate = Gate::new();
    let version = now(&engine, &f, answer(1).relying_on(5)).unwrap();
    let under_way = Work::new(answer(2).behind(&gate));
    engine.request(&f, under_way).unwrap();
    gate.await_arrivals(1);
    assert_eq!(f.pin(GENERIC).unwrap().id(), version.id());
    gate.open();
    let refusal = install(&engine, await_finished(&engine)).unwrap_err();
    assert_eq!(refusal.reason, reasons::PINNED);
    assert_eq!(
        now(&engine, &f, answer(3)).unwrap_err().reason,
        reasons::PINNED
    );
    assert_eq!(call(f.entry()), 1);
    // Another door is another matter.
    now_at(&engine, &f, Work::new(answer(4)).at(EntryPoint(2))).unwrap();
    // What is wrong goes all the same, and takes its pin with it.
    engine.break_assumption(AssumptionKey(5), "five");
    assert_eq!(call(f.entry()), UNCOMPILED);
    now(&engine, &f, answer(5)).unwrap();
    f.pin(GENERIC);
    f.unpin(GENERIC);
    now(&engine, &f, answer(6)).unwrap();
    assert_eq!(call(f.entry()), 6);
}

#[test]
fn a_forbidden_function_is_not_compiled() {
    let engine = house_with_revival(|_| ());
    let f = function(&engine, "f");
    now(&engine, &f, answer(1)).unwrap();
    let gate = Gate::new();
    engine
        .request(&f, Work::new(answer(2).behind(&gate)))
        .unwrap();
    gate.await_arrivals(1);
    assert_eq!(f.forbid("it misbehaves"), 1);
    assert_eq!(call(f.entry()), UNCOMPILED);
    gate.open();
    assert!(install(&engine, await_finished(&engine)).is_err());
    let refusal = now(&engine, &f, answer(3)).unwrap_err();
    assert_eq!(refusal.reason, reasons::FORBIDDEN);
    assert_eq!(refusal.detail, "it misbehaves");
    f.allow();
    now(&engine, &f, answer(4)).unwrap();
    assert_eq!(call(f.entry()), 4);
}

#[test]
fn what_waits_or_runs_can_be_cancelled() {
    let (engine, fake) = house_with(|it| it.max_threads = 1);
    let [f, g] = ["f", "g"].map(|it| function(&engine, it));
    let gate = Gate::new();
    engine
        .request(&f, Work::new(answer(1).behind(&gate)))
        .unwrap();
    engine.request(&g, Work::new(answer(2))).unwrap();
    gate.await_arrivals(1);
    assert!(engine.cancel(&g, GENERIC));
    assert!(!engine.cancel(&g, GENERIC));
    assert!(engine.cancel(&f, GENERIC));
    // It may be asked for again while the compiler is still at the old one.
    let again = engine.request(&f, Work::new(answer(5))).unwrap();
    assert_eq!(again, Requested::Queued);
    gate.open();
    let refusal = install(&engine, await_finished(&engine)).unwrap_err();
    assert_eq!(refusal.reason, reasons::CANCELLED);
    assert_eq!(engine.stats().refused[reasons::CANCELLED], 2);
    install(&engine, await_finished(&engine)).unwrap();
    assert_eq!(call(f.entry()), 5);
    assert_eq!(fake.order.lock().unwrap().len(), 2);
    // A compiler that looks may stop at once; also when the function is gone.
    for is_dropped in [false, true] {
        let endless = function(&engine, "endless");
        let order = fake.order.lock().unwrap().len();
        engine
            .request(&endless, Work::new(answer(1).how(How::Endless)))
            .unwrap();
        await_true(|| fake.order.lock().unwrap().len() > order);
        if is_dropped {
            drop(endless);
            engine.collect(&nobody);
        } else {
            engine.cancel(&endless, GENERIC);
        }
        assert_eq!(await_finished(&engine).refusal().unwrap().reason, "gave up");
    }
    // They may be asked for again.
    for it in [&f, &g] {
        engine.request(it, Work::new(answer(3))).unwrap();
        install(&engine, await_finished(&engine)).unwrap();
        assert_eq!(call(it.entry()), 3);
    }
}

#[test]
fn a_request_whose_function_is_redefined_while_it_waits_is_dropped() {
    let (engine, fake) = house_with(|it| it.max_threads = 1);
    let [blocker, f, g] = ["blocker", "f", "g"].map(|it| function(&engine, it));
    let gate = Gate::new();
    engine
        .request(&blocker, Work::new(answer(1).behind(&gate)))
        .unwrap();
    gate.await_arrivals(1);
    engine.request(&f, Work::new(answer(2))).unwrap();
    engine.request(&g, Work::new(answer(3))).unwrap();
    f.invalidate("redefined");
    g.invalidate("redefined");
    // This one has a newer source.
    assert_eq!(
        engine.request(&g, Work::new(answer(4))).unwrap(),
        Requested::Merged
    );
    gate.open();
    for _ in 0..3 {
        let finished = await_finished(&engine);
        let is_f = finished.id().function == f.id();
        let refused = install(&engine, finished).err().map(|it| it.reason);
        assert_eq!(refused, is_f.then(|| reasons::CHANGED.into()));
    }
    assert_eq!(fake.order.lock().unwrap().len(), 2);
    assert_eq!([f.entry(), g.entry()].map(call), [UNCOMPILED, 4]);
}

#[test]
fn a_mailbox_that_nobody_empties_stops_the_requests() {
    let (engine, _) = house_with(|it| it.queue_limit = 4);
    let functions: Vec<_> = (0..8).map(|_| function(&engine, "f")).collect();
    let mut n_refused = 0;
    for f in &functions {
        if let Err(refusal) = engine.request(f, Work::new(answer(1))) {
            assert_eq!(refusal.reason, reasons::QUEUE_FULL);
            n_refused += 1;
        }
        await_true(|| engine.stats().queued == 0 && engine.stats().threads == 0);
    }
    assert_eq!((n_refused, engine.stats().finished), (4, 4));
    engine.take_finished();
    engine.request(&functions[7], Work::new(answer(1))).unwrap();
}

/// The bytes of one unit of the fake compiler.
fn unit_bytes() -> u64 {
    let (engine, _) = house();
    let f = function(&engine, "f");
    now(&engine, &f, answer(1)).unwrap().bytes()
}

#[test]
fn the_coldest_is_evicted_and_may_come_back() {
    by_both(|| {
        let limit = 8 * unit_bytes();
        let engine = house_with_revival(|it| it.code_limit = Some(limit));
        let functions: Vec<_> = (0..8).map(|_| function(&engine, "f")).collect();
        let source = |i: usize| answer(i as u64 + 1);
        for (i, f) in functions.iter().enumerate() {
            let version = now(&engine, f, source(i)).unwrap();
            version.warm(if i == 3 { 0 } else { 10 });
        }
        let evicted = |f: &Fun| {
            let last = f.records().pop().unwrap().history().pop().unwrap();
            last.reason == reasons::EVICTED
        };
        let hot = |answer: Source| Work::new(answer).priority(20);
        let told = Arc::new(AtomicU64::new(0));
        let n_told = told.clone();
        engine.on_evict(move |_| {
            n_told.fetch_add(1, Ordering::Relaxed);
        });
        let newcomer = function(&engine, "g");
        now_at(&engine, &newcomer, hot(answer(100))).unwrap();
        // An eighth is made free besides.
        let gone: Vec<bool> = functions.iter().map(evicted).collect();
        assert!(
            gone[3] && gone.iter().filter(|it| **it).count() == 2,
            "{gone:?}"
        );
        assert_eq!(call(functions[3].entry()), UNCOMPILED);
        assert_eq!(
            (engine.stats().evicted, told.load(Ordering::Relaxed)),
            (2, 2)
        );
        engine.collect(&nobody);
        assert!(engine.stats().ledger.live.units <= 8);

        now_at(&engine, &functions[3], hot(answer(4))).unwrap();
        assert_eq!(call(functions[3].entry()), 4);
    });
}

#[test]
fn doors_that_evict_each_other_again_and_again_come_to_rest() {
    let bytes = unit_bytes();
    let backoff = Duration::from_millis(200);
    let engine = house_with_revival(|it| {
        it.code_limit = Some(bytes);
        it.exit_backoff = backoff;
    });
    let [f, g] = ["f", "g"].map(|it| function(&engine, it));
    let mut n_compiled = 0;
    for _ in 0..20 {
        for it in [&f, &g] {
            match now(&engine, it, answer(1)) {
                Ok(_) => n_compiled += 1,
                Err(refusal) => assert_eq!(refusal.reason, reasons::NO_ROOM),
            }
        }
    }
    // Each comes back once, and is then at rest when it was evicted again.
    assert!((3..=5).contains(&n_compiled), "{n_compiled}");
    assert!([&f, &g].iter().any(|it| call(it.entry()) == 1));
    std::thread::sleep(backoff);
    let resting = [&f, &g].into_iter().find(|it| it.current().is_none());
    now(&engine, resting.unwrap(), answer(2)).unwrap();
}

#[test]
fn what_is_colder_than_all_others_or_larger_than_everything_stays_out() {
    let bytes = unit_bytes();
    let engine = house_with_revival(|it| it.code_limit = Some(2 * bytes));
    let [f, g, h] = ["f", "g", "h"].map(|it| function(&engine, it));
    for it in [&f, &g] {
        now(&engine, it, answer(1)).unwrap().warm(5);
    }
    let refusal = now(&engine, &h, answer(2)).unwrap_err();
    assert_eq!(refusal.reason, reasons::NO_ROOM);
    assert_eq!([&f, &g, &h].map(|it| call(it.entry())), [1, 1, 0]);
    assert_eq!(h.refusal().unwrap().reason, reasons::NO_ROOM);
    // Pinned, they would not even go for something hotter.
    f.pin(GENERIC);
    g.pin(GENERIC);
    let hot = Work::new(answer(3)).priority(100);
    assert_eq!(
        now_at(&engine, &h, hot).unwrap_err().reason,
        reasons::NO_ROOM
    );
    assert_eq!(engine.stats().evicted, 0);

    let tiny = house_with_revival(|it| it.code_limit = Some(bytes - 1));
    let f = function(&tiny, "f");
    assert_eq!(
        now(&tiny, &f, answer(1)).unwrap_err().reason,
        reasons::NO_ROOM
    );
    assert_eq!(tiny.stats().ledger.live.units, 0);
}

#[test]
fn a_full_arena_is_a_reason_too() {
    let runtime = machine_code::Runtime::builder();
    let runtime = runtime.limit(256 << 10).build().unwrap();
    let engine = Engine::new(runtime, Options::default(), || {
        Ok(Arc::new(Fake::default()))
    });
    let mut functions = Vec::new();
    let refusal = loop {
        let f = match engine.function("f", default_target()) {
            Ok(f) => f,
            Err(Error::MachineCode(machine_code::Error::ArenaFull { .. })) => return,
            Err(error) => panic!("{error}"),
        };
        let compiled = now(&engine, &f, answer(1));
        functions.push(f);
        if let Err(refusal) = compiled {
            break refusal;
        }
        assert!(functions.len() < 100_000);
    };
    assert_eq!(refusal.reason, reasons::NO_ROOM);
    // Those that are there still run, and what goes makes room.
    assert_eq!(call(functions[0].entry()), 1);
    functions.drain(..functions.len() / 2);
    engine.collect(&nobody);
    let f = functions.pop().unwrap();
    now(&engine, &f, answer(2)).unwrap();
    assert_eq!(call(f.entry()), 2);
}

#[test]
fn a_library_that_grows_too_large_forgets_the_coldest() {
    let (engine, fake) = house_with(|it| it.library_limit = Some(10 * IR_BYTES));
    let functions: Vec<_> = (0..30).map(|_| function(&engine, "f")).collect();
    for (i, f) in (1..).zip(&functions) {
        let version = now(&engine, f, answer(i)).unwrap();
        if i == 1 {
            version.warm(1_000);
        }
        assert!(fake.ir.lock().unwrap().len() <= 10);
    }
    // The hottest keeps its intermediate code; all keep their machine code.
    assert!(
        fake.ir
            .lock()
            .unwrap()
            .contains(&functions[0].current().unwrap().id())
    );
    for (i, f) in (1..).zip(&functions) {
        assert_eq!(call(f.entry()), i);
    }
    // What was released early is not released again: the fake would panic.
    drop(functions);
    engine.collect(&nobody);
    engine.drain_released();
    assert!(fake.ir.lock().unwrap().is_empty());
}

#[test]
fn too_many_exits_bring_another_version_and_a_storm_backs_off() {
    let backoff = Duration::from_millis(300);
    let engine = house_with_revival(|it| {
        it.exit_limit = 10;
        it.exit_strikes = 3;
        it.exit_backoff = backoff;
    });
    let f = function(&engine, "f");
    let place = Place(4);
    for strike in 1..=3 {
        // Relying on other things makes another translation.
        let source = answer(strike).relying_on(100 + strike);
        let version = now(&engine, &f, source).unwrap();
        assert_eq!(engine.exited(&version, Place(9), 2), Verdict::Tolerated);
        assert_eq!(engine.exited(&version, place, 9), Verdict::Tolerated);
        let verdict = engine.exited(&version, place, 1);
        let expected = if strike < 3 {
            Verdict::Recompile
        } else {
            Verdict::Storm(backoff)
        };
        assert_eq!(verdict, expected);
        assert_eq!(
            (version.state(), call(f.entry())),
            (State::Retired, UNCOMPILED)
        );
        // It is not wrong: those inside may stay.
        assert!(valid(&version));
        // Exits of those inside are no news.
        assert_eq!(engine.exited(&version, place, 1_000), Verdict::Tolerated);
    }
    assert_eq!(f.learned(GENERIC), [(place, 30), (Place(9), 6)]);
    let stats = engine.stats();
    let counts: Vec<_> = stats.exit_sites.iter().collect();
    let counts = counts.iter().map(|(site, it)| {
        assert_eq!(
            (site.function, site.point, &*it.name),
            (f.id(), GENERIC, "f")
        );
        (site.place, it.exits, it.falls, it.storms)
    });
    let expected = [(place, stats.exits - 6, 3, 1), (Place(9), 6, 0, 0)];
    assert_eq!(counts.collect::<Vec<_>>(), expected);
    let refusal = now(&engine, &f, answer(4)).unwrap_err();
    assert_eq!(refusal.reason, reasons::STORM);
    let told = engine.events();
    assert!(
        told.iter()
            .any(|it| matches!(it.what, What::Storm(_, at) if at == place))
    );
    assert_eq!(engine.stats().storms, 1);
    std::thread::sleep(backoff);
    now(&engine, &f, answer(4)).unwrap();
    // A redefinition begins anew.
    f.invalidate("redefined");
    assert!(f.learned(GENERIC).is_empty());
}

#[test]
fn versions_that_go_round_in_a_cycle_are_a_storm() {
    let engine = house_with_revival(|it| it.exit_limit = 10);
    let f = function(&engine, "f");
    // Two translations that each fall for a place of their own, by turns: no place has struck thrice.
    for (key, place) in [(1, 1), (2, 2)] {
        let version = now(&engine, &f, answer(1).relying_on(key)).unwrap();
        let verdict = engine.exited(&version, Place(place), 10);
        assert_eq!(verdict, Verdict::Recompile);
    }
    let refusal = now(&engine, &f, answer(1).relying_on(1)).unwrap_err();
    assert_eq!(refusal.reason, reasons::STORM);
    assert!(refusal.detail.contains("fell before"), "{refusal}");
    assert_eq!(engine.stats().storms, 1);
    let refusal = engine
        .request(&f, Work::new(answer(1).relying_on(3)))
        .unwrap_err();
    assert_eq!(refusal.reason, reasons::STORM);
}

#[test]
fn own_frame_inside() {
    by_both(|| {
        let (engine, _) = house();
        let f = function(&engine, "f");
        let mut table = None;
        let first = engine
            .compile_now(
                &f,
                Work::new(answer(1)),
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
        let (table, inside) = (table.unwrap(), AtomicBool::new(false));
        let (made, inside) = (AtomicU64::new(0), &inside);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                inside.store(true, Ordering::Relaxed);
                // This frame is in the first version all the time.
                assert_eq!(call(f.entry()), 1);
                inside.store(false, Ordering::Relaxed);
            });
            table.await_inside(1);
            for i in 2..=12 {
                now(&engine, &f, answer(i)).unwrap();
                assert_eq!(call(f.entry()), i);
                made.fetch_add(1, Ordering::Relaxed);
                engine.collect(&|code| code == first.id().code_id());
                assert_eq!(first.state(), State::Retired);
            }
            assert!(inside.load(Ordering::Relaxed));
            table.open();
        });
        assert_eq!(engine.collect(&nobody).freed, [first.id()]);
    });
}

#[test]
fn sync_mode_is_deterministic_under_chaos() {
    let run = |seed| {
        let (engine, _) = house_with(|it| {
            it.events = 100_000;
            it.chaos = Some(Chaos {
                delay: Duration::from_micros(50),
                ..Chaos::new(seed)
            });
        });
        let functions: Vec<_> = (0..20).map(|_| function(&engine, "f")).collect();
        for i in 1..=100 {
            let f = &functions[i % functions.len()];
            let wanted = answer(i as u64).relying_on(i as u64 % 3);
            let made = now(&engine, f, wanted);
            let current = f.current().map(|it| it.meta().answer);
            assert_eq!(call(f.entry()), current.unwrap_or(UNCOMPILED));
            assert!(made.is_ok() || current != Some(i as u64));
            if i % 10 == 0 {
                engine.break_assumption(AssumptionKey(1), "one");
                engine.collect(&nobody);
            }
        }
        let stats = engine.stats();
        assert!(stats.refused[reasons::CHAOS] > 0 && stats.invalidated[reasons::CHAOS] > 0);
        assert!(stats.evicted > 0);
        let events = engine.events().into_iter();
        events
            .map(|it| (it.what, it.reason, it.bytes))
            .collect::<Vec<_>>()
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}

#[test]
fn events_are_kept_by_function_and_written_as_lines_that_make_a_page() {
    #[derive(Clone, Default)]
    struct File(Arc<Mutex<Vec<u8>>>);
    impl std::io::Write for File {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let engine = house_with_revival(|_| ());
    let file = File::default();
    engine.write_events_to(file.clone());
    let [f, g] = ["f", "<g>"].map(|it| function(&engine, it));
    let f1 = now(&engine, &f, answer(1).relying_on(5)).unwrap();
    now(&engine, &g, answer(2).containing(f1.id())).unwrap();
    engine.break_assumption(AssumptionKey(5), "five");
    engine.collect(&nobody);
    let (gone, bytes) = (f.id(), f1.bytes());
    drop(f);
    engine.collect(&nobody);

    let written = String::from_utf8(file.0.lock().unwrap().clone()).unwrap();
    let read: Vec<Event> = written
        .lines()
        .map(|it| serde_json::from_str(it).unwrap())
        .collect();
    assert_eq!(read, engine.events());
    let history = engine.history(gone);
    let what: Vec<_> = history.iter().map(|it| it.what).collect();
    let step = |state| What::Version(f1.id(), GENERIC, Tier::Quick, state);
    assert_eq!(
        what,
        [
            step(State::Queued),
            step(State::Compiling),
            step(State::Compiled),
            step(State::Published),
            What::Invalidated(f1.id()),
            step(State::Retired),
            step(State::Freed),
            What::FunctionDropped(gone),
        ]
    );
    assert_eq!(history[3].bytes, bytes);
    assert_eq!(history.last().unwrap().bytes, 0);
    let page = timeline(&read);
    for expected in ["f1v1", "&lt;g&gt;", "five", "class=\"retired\"", "</html>"] {
        assert!(page.contains(expected), "no {expected} in {page}");
    }
}

#[test]
fn a_log_that_cannot_be_written_stops_nothing() {
    struct Full;
    impl std::io::Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let (engine, _) = house();
    engine.write_events_to(Full);
    let f = function(&engine, "f");
    now(&engine, &f, answer(1)).unwrap();
    assert_eq!(call(f.entry()), 1);
}
