//! From requests to the mailbox: order, merging, threads, and everything that may be refused.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use support::*;

use martlet_engine::*;

#[test]
fn requests_for_one_door_merge() {
    let (engine, fake) = house_with(|it| it.max_threads = 1);
    let [blocker, f] = ["blocker", "f"].map(|it| function(&engine, it));
    let gate = Gate::new();
    let ask = |work| engine.request(&f, work).unwrap();
    engine
        .request(&blocker, Work::new(answer(1).behind(&gate)))
        .unwrap();
    gate.await_arrivals(1);
    assert_eq!(ask(Work::new(answer(2))), Requested::Queued);
    assert_eq!(ask(Work::new(answer(3))), Requested::Merged);
    // Another door is another request.
    assert_eq!(
        ask(Work::new(answer(4)).at(EntryPoint(9))),
        Requested::Queued
    );
    // What is being compiled already is not compiled twice.
    assert_eq!(
        engine.request(&blocker, Work::new(answer(5))).unwrap(),
        Requested::UnderWay
    );
    gate.open();
    for _ in 0..3 {
        install(&engine, await_finished(&engine)).unwrap();
    }
    assert_eq!(call(f.entry()), 3);
    assert_eq!(call(blocker.entry()), 1);
    assert_eq!(fake.order.lock().unwrap().len(), 3);
    assert_eq!(engine.stats().merged, 1);
    // Once installed, the same door may be asked for again.
    assert_eq!(ask(Work::new(answer(6))), Requested::Queued);
}

#[test]
fn hot_ones_come_first() {
    let (engine, fake) = house_with(|it| it.max_threads = 1);
    let gate = Gate::new();
    let blocker = function(&engine, "blocker");
    engine
        .request(&blocker, Work::new(answer(1).behind(&gate)))
        .unwrap();
    gate.await_arrivals(1);
    let functions: Vec<_> = [5, 1, 9, 5]
        .iter()
        .map(|&priority| {
            let f = function(&engine, "f");
            engine
                .request(&f, Work::new(answer(1)).priority(priority))
                .unwrap();
            f
        })
        .collect();
    // Merging raises the priority: the second becomes the first.
    engine
        .request(&functions[1], Work::new(answer(1)).priority(10))
        .unwrap();
    gate.open();
    await_true(|| engine.stats().finished == 5);
    let order: Vec<_> = fake.order.lock().unwrap()[1..]
        .iter()
        .map(|it| it.function)
        .collect();
    assert_eq!(order, [1, 2, 0, 3].map(|it| functions[it].id()));
}

#[test]
fn units_compile_in_parallel() {
    let (engine, _) = house_with(|it| it.max_threads = 3);
    let gate = Gate::new();
    let functions: Vec<_> = (1..=3)
        .map(|it| function(&engine, &it.to_string()))
        .collect();
    for (i, f) in (1..).zip(&functions) {
        engine
            .request(f, Work::new(answer(i).behind(&gate)))
            .unwrap();
    }
    // The gate opens only when all three stand before it at once.
    gate.await_arrivals(3);
    gate.open();
    for _ in 0..3 {
        install(&engine, await_finished(&engine)).unwrap();
    }
    for (i, f) in (1..).zip(&functions) {
        assert_eq!(call(f.entry()), i);
    }
}

#[test]
fn threads_are_few_and_short_lived() {
    let (engine, _) = house();
    let gate = Gate::new();
    let functions: Vec<_> = (0..10).map(|_| function(&engine, "f")).collect();
    for f in &functions {
        engine
            .request(f, Work::new(answer(1).behind(&gate)))
            .unwrap();
    }
    gate.await_arrivals(2);
    assert_eq!(engine.stats().threads, 2);
    assert_eq!(engine.stats().queued, 8);
    gate.open();
    await_true(|| engine.stats().finished == 10);
    await_true(|| engine.stats().threads == 0);
    assert!(engine.has_finished());
    while engine.take_finished().is_some() {}
    assert!(!engine.has_finished());
    assert_eq!(engine.stats().refused[reasons::NOT_INSTALLED], 10);
}

#[test]
fn dead_functions_are_not_compiled() {
    let (engine, fake) = house_with(|it| it.max_threads = 1);
    let gate = Gate::new();
    let [blocker, f, g] = ["blocker", "f", "g"].map(|it| function(&engine, it));
    engine
        .request(&blocker, Work::new(answer(1).behind(&gate)))
        .unwrap();
    gate.await_arrivals(1);
    engine.request(&f, Work::new(answer(2))).unwrap();
    engine.request(&g, Work::new(answer(3))).unwrap();
    // One is found dead by `collect`, the others by the thread and by the install.
    drop(f);
    engine.collect(&nobody);
    assert_eq!(engine.stats().queued, 1);
    drop((g, blocker));
    gate.open();
    let finished = await_finished(&engine);
    assert_eq!(
        install(&engine, finished).unwrap_err().reason,
        reasons::FUNCTION_DIED
    );
    await_true(|| engine.stats().refused[reasons::FUNCTION_DIED] == 3);
    assert_eq!(fake.order.lock().unwrap().len(), 1);
    assert!(!engine.has_finished());
}

#[test]
fn panic_costs_one_function() {
    let (engine, fake) = house();
    let [bad, good] = ["bad", "good"].map(|it| function(&engine, it));
    engine
        .request(&bad, Work::new(answer(1).how(How::Panic)))
        .unwrap();
    let finished = await_finished(&engine);
    assert!(finished.refusal().unwrap().detail.contains("over bad"));
    let refusal = install(&engine, finished).unwrap_err();
    assert_eq!(refusal.reason, reasons::PANIC);
    assert_eq!(*bad.refusal().unwrap(), refusal);
    assert_eq!(call(bad.entry()), UNCOMPILED);
    let refusal = now(&engine, &bad, answer(1).how(How::Panic)).unwrap_err();
    assert_eq!(refusal.reason, reasons::PANIC);
    now(&engine, &good, answer(2)).unwrap();
    assert_eq!(call(good.entry()), 2);
    assert_eq!(engine.stats().refused[reasons::PANIC], 2);
    engine.drain_released();
    assert_eq!(fake.ir.lock().unwrap().len(), 1);
}

#[test]
fn refusals_are_counted_by_reason() {
    let (engine, _) = house();
    let f = function(&engine, "f");
    for how in [How::Refuse, How::Refuse, How::Garbage] {
        now(&engine, &f, answer(1).how(how)).unwrap_err();
    }
    let stats = engine.stats();
    assert_eq!(stats.refused["too odd"], 2);
    assert_eq!(stats.refused[reasons::NOT_LINKED], 1);
    assert_eq!(stats.compiles, 3);
    assert!(stats.compiled.is_empty());
    let records = f.records();
    assert!(records.iter().all(|it| it.state() == State::Refused));
    assert_eq!(records.len(), 3);
}

#[test]
fn a_compiler_that_cannot_be_made_is_tried_once() {
    for panics in [false, true] {
        let tried = Arc::new(AtomicUsize::new(0));
        let n = tried.clone();
        let engine = engine_with(
            |_| (),
            move || {
                n.fetch_add(1, Ordering::Relaxed);
                assert!(!panics, "no library");
                Err(Refusal::new(reasons::NO_COMPILER, "no library"))
            },
        );
        let f = function(&engine, "f");
        engine.request(&f, Work::new(answer(1))).unwrap();
        let finished = await_finished(&engine);
        assert_eq!(finished.refusal().unwrap().reason, reasons::NO_COMPILER);
        for _ in 0..5 {
            let refusal = engine.request(&f, Work::new(answer(1))).unwrap_err();
            assert!(refusal.detail.contains("no library"), "{refusal}");
        }
        assert_eq!(tried.load(Ordering::Relaxed), 1);
        assert_eq!(engine.stats().refused[reasons::NO_COMPILER], 6);
    }
}

#[test]
fn the_compiler_is_made_on_a_compile_thread() {
    let caller = std::thread::current().id();
    let engine = engine_with(
        |_| (),
        move || {
            assert_ne!(std::thread::current().id(), caller);
            Ok(Arc::new(Fake::default()))
        },
    );
    let f = function(&engine, "f");
    now(&engine, &f, answer(1)).unwrap();
}

#[test]
fn fuel_stops_compiling() {
    let (engine, _) = house_with(|it| it.fuel = Some(2));
    let f = function(&engine, "f");
    for i in 1..=2 {
        now(&engine, &f, answer(i)).unwrap();
    }
    let refusal = now(&engine, &f, answer(3)).unwrap_err();
    assert_eq!(refusal.reason, reasons::OUT_OF_FUEL);
    let refusal = engine.request(&f, Work::new(answer(3))).unwrap_err();
    assert_eq!(refusal.reason, reasons::OUT_OF_FUEL);
    assert_eq!(call(f.entry()), 2);
}

#[test]
fn a_full_queue_refuses() {
    let (engine, _) = house_with(|it| {
        it.max_threads = 1;
        it.queue_limit = 1;
    });
    let gate = Gate::new();
    let [blocker, f, g] = ["blocker", "f", "g"].map(|it| function(&engine, it));
    engine
        .request(&blocker, Work::new(answer(1).behind(&gate)))
        .unwrap();
    gate.await_arrivals(1);
    engine.request(&f, Work::new(answer(2))).unwrap();
    let refusal = engine.request(&g, Work::new(answer(3))).unwrap_err();
    assert_eq!(refusal.reason, reasons::QUEUE_FULL);
    gate.open();
}

#[test]
fn the_callers_thread_overtakes_the_queue() {
    let (engine, fake) = house_with(|it| it.max_threads = 1);
    let gate = Gate::new();
    let [blocker, f] = ["blocker", "f"].map(|it| function(&engine, it));
    engine
        .request(&blocker, Work::new(answer(1).behind(&gate)))
        .unwrap();
    gate.await_arrivals(1);
    engine.request(&f, Work::new(answer(2))).unwrap();
    now(&engine, &f, answer(3)).unwrap();
    gate.open();
    await_true(|| engine.stats().threads == 0);
    assert_eq!(fake.order.lock().unwrap().len(), 2);
    assert_eq!(call(f.entry()), 3);
}

#[test]
fn embedders_are_told_of_finished_units() {
    let (engine, _) = house();
    let told = Arc::new(AtomicUsize::new(0));
    let n = told.clone();
    assert!(engine.on_finished(move || {
        n.fetch_add(1, Ordering::Release);
    }));
    assert!(!engine.on_finished(|| unreachable!()));
    let f = function(&engine, "f");
    engine.request(&f, Work::new(answer(1))).unwrap();
    await_true(|| told.load(Ordering::Acquire) == 1);
    assert!(engine.take_finished().is_some());
}

#[test]
fn released_code_is_forgotten_without_a_new_compile() {
    let (engine, fake) = house();
    let f = function(&engine, "f");
    now(&engine, &f, answer(1)).unwrap();
    drop(f);
    engine.collect(&nobody);
    // Nobody drains by hand: a compile thread comes for it.
    await_true(|| fake.ir.lock().unwrap().is_empty());
    await_true(|| fake.released_functions.lock().unwrap().len() == 1);
}

#[test]
fn compile_threads_have_large_stacks() {
    struct Deep;
    impl Compiler for Deep {
        type Source = u64;
        type Meta = ();
        fn compile(&self, request: &Request<u64>) -> Result<Compiled<()>, Refusal> {
            Err(Refusal::new("depth", dive(request.source).to_string()))
        }
    }
    // A kilobyte or more a step.
    fn dive(n: u64) -> u64 {
        let ballast = std::hint::black_box([n; 128]);
        if n == 0 {
            0
        } else {
            dive(n - 1) + ballast[0] - (n - 1)
        }
    }
    let engine = Engine::new(runtime(), Options::default(), || Ok(Arc::new(Deep)));
    let f = engine.function("f", default_target()).unwrap();
    let mut hooks = InstallHooks {
        resolve: &|_| None,
        fill: &mut |_, _| Ok(()),
    };
    let depth = 20_000;
    let refusal = engine
        .compile_now(&f, Work::new(depth), &mut hooks)
        .unwrap_err();
    assert_eq!(refusal.detail, depth.to_string());
}

#[test]
fn nothing_is_compiled_after_shut_down() {
    let (engine, _) = house();
    let f = function(&engine, "f");
    now(&engine, &f, answer(1)).unwrap();
    assert_eq!(engine.shut_down(), 0);
    let refusal = engine.request(&f, Work::new(answer(2))).unwrap_err();
    assert_eq!(refusal.reason, reasons::SHUT_DOWN);
    assert_eq!(call(f.entry()), 1);
}

#[test]
fn an_engine_may_go_while_it_compiles() {
    let (engine, fake) = house();
    let f = function(&engine, "f");
    let gate = Gate::new();
    engine
        .request(&f, Work::new(answer(1).behind(&gate)))
        .unwrap();
    gate.await_arrivals(1);
    drop(engine);
    gate.open();
    // The thread ends and takes its unit, and the compiler, with it.
    await_true(|| Arc::strong_count(&fake) == 1);
    assert_eq!(call(f.entry()), UNCOMPILED);
    std::thread::sleep(Duration::from_millis(1));
    assert_eq!(f.invalidate("late"), 0);
}
