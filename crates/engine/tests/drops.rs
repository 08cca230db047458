//! Everything may be dropped at any time, in any order; nothing is left.

mod support;

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use support::*;

use martlet_engine::*;

#[test]
fn drop_in_any_order() {
    let n = 6;
    let orders: usize = (1..=n).product();
    for mut order in 0..orders {
        let runtime = runtime();
        let mut things: Vec<Box<dyn Any + Send>> = {
            let engine = Engine::new(runtime.clone(), Options::default(), || {
                Ok(std::sync::Arc::new(Fake::default()))
            });
            let f = function(&engine, "f");
            let g = function(&engine, "g");
            let door = f.door(EntryPoint(3)).unwrap();
            let version = now(&engine, &f, answer(1)).unwrap();
            now_at(&engine, &f, Work::new(answer(2)).at(EntryPoint(3))).unwrap();
            engine.request(&g, Work::new(answer(3))).unwrap();
            let finished = await_finished(&engine);
            vec![
                Box::new(engine),
                Box::new(f),
                Box::new(g),
                Box::new(door),
                Box::new(version),
                Box::new(finished),
            ]
        };
        assert_eq!(things.len(), n);
        while !things.is_empty() {
            let len = things.len();
            drop(things.remove(order % len));
            order /= len;
        }
        // Compile threads may be at their end.
        await_true(|| {
            runtime.collect(&nobody);
            let ledger = runtime.ledger();
            (ledger.live.units, ledger.retired.units, ledger.entries) == (0, 0, 0)
        });
    }
}

#[test]
fn the_valid_byte_is_there_for_whoever_is_inside() {
    by_both(|| {
        let (engine, _) = house();
        let runtime = engine.runtime().clone();
        let f = function(&engine, "f");
        let mut source = answer(0);
        source.how = How::Valid;
        drop(now(&engine, &f, source).unwrap());
        let thread = runtime.attach();
        let activation = thread.enter(f.entry());
        // SAFETY: the unit answers a u64 and takes nothing.
        let is_valid = unsafe { activation.as_fn::<extern "C" fn() -> u64>() };
        assert_eq!(is_valid(), 1);
        drop(f);
        drop(engine);
        // What was freed is somebody else's now.
        let others: Vec<_> = (0..1_000).map(|_| Box::new(0xaa_u8)).collect();
        assert!(is_valid() <= 1, "{}", is_valid());
        drop(others);
        drop(activation);
        runtime.collect(&nobody);
        assert_eq!(runtime.ledger().retired.units, 0);
    });
}

/// What the plain model knows of a function.
#[derive(Default)]
struct Expected {
    answer: u64,
    /// Keys that make it fall, those of inlined bodies included.
    keys: Vec<u64>,
    /// Functions that make it fall.
    functions: Vec<FunctionId>,
}

#[test]
fn random_lives_agree_with_a_plain_model() {
    let strategies = strategies();
    for seed in 0..4 {
        let random = Random(AtomicU64::new(seed));
        let strategy = strategies[seed as usize % strategies.len()];
        let (engine, fake) = house_with(|it| it.strategy = strategy);
        let mut functions: BTreeMap<FunctionId, (Fun, Option<Expected>)> = BTreeMap::new();
        for step in 1..=600 {
            let ids: Vec<_> = functions.keys().copied().collect();
            let pick = |n: u64| {
                ids.get(random.below(n) as usize % ids.len().max(1))
                    .copied()
            };
            match (random.below(10), pick(64)) {
                (0..2, _) | (_, None) => {
                    let f = function(&engine, "f");
                    functions.insert(f.id(), (f, None));
                }
                (2..6, Some(id)) => {
                    let mut expected = Expected {
                        answer: step,
                        keys: vec![random.below(8)],
                        functions: vec![id],
                    };
                    let mut source = answer(step).relying_on(expected.keys[0]);
                    let callee = pick(64).filter(|it| *it != id);
                    let callee = callee.and_then(|it| functions[&it].1.as_ref().map(|e| (it, e)));
                    if let Some((callee, inner)) = callee {
                        let current = functions[&callee].0.current().unwrap();
                        source = source.containing(current.id());
                        expected.keys.extend(&inner.keys);
                        expected.functions.extend(&inner.functions);
                    }
                    now(&engine, &functions[&id].0, source).unwrap();
                    functions.get_mut(&id).unwrap().1 = Some(expected);
                }
                (6, Some(id)) => {
                    functions[&id].0.invalidate("redefined");
                    for (_, expected) in functions.values_mut() {
                        if expected
                            .as_ref()
                            .is_some_and(|it| it.functions.contains(&id))
                        {
                            *expected = None;
                        }
                    }
                }
                (7, _) => {
                    let key = random.below(8);
                    engine.break_assumption(AssumptionKey(key), "broken");
                    for (_, expected) in functions.values_mut() {
                        if expected.as_ref().is_some_and(|it| it.keys.contains(&key)) {
                            *expected = None;
                        }
                    }
                }
                (8, Some(id)) => drop(functions.remove(&id)),
                _ => {
                    let odd = random.below(2) as u32;
                    engine.collect(&|code| code.version % 2 == odd);
                }
            }
            for (f, expected) in functions.values() {
                let answer = expected.as_ref().map_or(UNCOMPILED, |it| it.answer);
                assert_eq!(call(f.entry()), answer, "{f:?}, seed {seed}, step {step}");
                if let (Some(version), Some(_)) = (f.current(), expected) {
                    assert!(version.meta().valid.load(Ordering::Relaxed));
                }
            }
        }
        let live = functions.values().filter(|it| it.1.is_some()).count() as u64;
        assert_eq!(engine.stats().versions.live, live);
        functions.clear();
        assert_everything_is_gone(&engine, &fake);
    }
}

#[test]
fn functions_come_and_go_on_many_threads() {
    let (engine, fake) = house();
    let done = AtomicBool::new(false);
    let n_left = AtomicU64::new(3);
    thread::scope(|scope| {
        for seed in 0..3 {
            let (engine, done, n_left) = (&engine, &done, &n_left);
            scope.spawn(move || {
                let random = Random(AtomicU64::new(seed));
                let mut kept = Vec::new();
                for i in 0..150 {
                    let f = function(engine, "f");
                    let source = answer(i + 1).relying_on(random.below(4));
                    let _ = engine.request(&f, Work::new(source));
                    match random.below(4) {
                        0 => drop(f),
                        1 => drop(kept.pop()),
                        2 => {
                            engine.break_assumption(AssumptionKey(random.below(4)), "broken");
                            kept.push(f);
                        }
                        _ => kept.push(f),
                    }
                }
                drop(kept);
                if n_left.fetch_sub(1, Ordering::AcqRel) == 1 {
                    done.store(true, Ordering::Release);
                }
            });
        }
        // The embedder: installs and collects; nobody ever calls.
        while !done.load(Ordering::Acquire) {
            if let Some(finished) = engine.take_finished() {
                let _ = install(&engine, finished);
            }
            engine.collect(&nobody);
        }
    });
    await_true(|| {
        while engine.take_finished().is_some() {}
        engine.collect(&nobody);
        engine.stats().queued == 0 && engine.stats().threads == 0 && !engine.has_finished()
    });
    assert_everything_is_gone(&engine, &fake);
}

#[track_caller]
fn assert_everything_is_gone(engine: &House, fake: &Fake) {
    engine.collect(&nobody);
    await_true(|| {
        engine.drain_released();
        fake.ir.lock().unwrap().is_empty()
    });
    let stats = engine.stats();
    assert_eq!(stats.functions, 0);
    assert_eq!(stats.dependencies, (0, 0));
    assert_eq!((stats.versions.live, stats.versions.retired), (0, 0));
    let ledger = stats.ledger;
    assert_eq!((ledger.live.units, ledger.retired.units), (0, 0));
    assert_eq!((ledger.entries, ledger.stubs), (0, 0));
    assert_eq!(ledger.freed.units, stats.versions.freed);
}
