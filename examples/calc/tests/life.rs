//! What a program sees: redefinitions under running loops, bodies that are inlined and refreshed,
//! deletions, tiers; and what the library module sees meanwhile.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use martlet_calc::World;
use martlet_engine::{EntryPoint, State, Tier, reasons};
use support::*;

#[test]
fn the_prompt_in_the_documentation() {
    by_both(|strategy| {
        let world = world(strategy, 8);
        define(&world, "fn square(x) = x * x");
        define(
            &world,
            "fn sum(n) = s = 0; while n > 0 do (s = s + square(n); n = n - 1); s",
        );
        assert_eq!(value(&world, "sum(10)"), 385.0);
        define(&world, "fn square(x) = x");
        assert_eq!(value(&world, "sum(10)"), 55.0);
        assert!(value(&world, "sum(1, 2)").is_nan() && value(&world, "nobody(1)").is_nan());
        assert!(world.run("fn (").is_err() && world.run("1 +").is_err());
    });
}

#[test]
fn a_running_loop_sees_a_redefinition_at_its_next_call() {
    by_both(|strategy| {
        let world = world(strategy, 0);
        define(&world, "fn limit(x) = x + 1");
        define(
            &world,
            "fn wait() = n = 0; while limit(0) < 100 do n = n + 1; n",
        );
        world.compile("limit", Tier::Best).unwrap();
        let waiting = world.compile("wait", Tier::Best).unwrap();
        // The loop contains `limit`: nothing but the version's `valid` byte could tell it.
        assert_eq!(waiting.inlined().len(), 1);
        let (is_done, before) = (AtomicBool::new(false), world.engine().stats().compiles);
        std::thread::scope(|scope| {
            let (is_begun, begun) = std::sync::mpsc::channel();
            let (world, is_done) = (&world, &is_done);
            scope.spawn(move || {
                is_begun.send(()).unwrap();
                assert!(value(world, "wait()") > 0.0);
                is_done.store(true, Ordering::Relaxed);
            });
            begun.recv().unwrap();
            // Long enough to parse a line and enter.
            std::thread::sleep(Duration::from_millis(300));
            for step in 2..=99 {
                define(world, &format!("fn limit(x) = x + {step}"));
                world.poll();
                // Somebody is inside, all the time.
                assert_eq!(waiting.state(), State::Retired);
                assert!(!is_done.load(Ordering::Relaxed));
            }
            define(world, "fn limit(x) = x + 100");
        });
        assert!(is_done.load(Ordering::Relaxed));
        // It was asked for anew in the background.
        await_true(|| {
            world.poll();
            world.function("wait").unwrap().current().is_some()
        });
        assert!(world.engine().stats().compiles > before);
        assert_eq!(waiting.state(), State::Freed);
        assert_eq!(value(&world, "wait()"), 0.0);
    });
}

#[test]
fn inlined_bodies_are_refreshed_also_through_others() {
    by_both(|strategy| {
        let world = world(strategy, 0);
        define(&world, "fn a(x) = x + 1");
        define(&world, "fn b(x) = a(x) * 2");
        define(&world, "fn c(x) = b(x) - a(x)");
        for name in ["a", "b", "c"] {
            world.compile(name, Tier::Best).unwrap();
        }
        let versions = ["a", "b", "c"].map(|it| world.function(it).unwrap().current().unwrap());
        assert_eq!(versions.each_ref().map(|it| it.inlined().len()), [0, 1, 2]);
        assert_eq!(value(&world, "c(3)"), 4.0);
        define(&world, "fn a(x) = x + 10");
        assert!(versions.iter().all(|it| it.state() >= State::Retired));
        // Right at once, and compiled soon.
        assert_eq!(value(&world, "c(3)"), 13.0);
        await_true(|| {
            world.poll();
            let current = |it: &&str| world.function(it).unwrap().current().is_some();
            ["a", "b", "c"].iter().all(current)
        });
        assert_eq!(value(&world, "c(3)"), 13.0);
    });
}

#[test]
fn bodies_bring_what_they_contain_themselves() {
    by_both(|strategy| {
        let world = world(strategy, 0);
        define(&world, "fn a(x) = x + 1");
        define(&world, "fn b(x) = a(x) * 2");
        define(&world, "fn c(x) = b(x) + 100");
        for name in ["a", "b", "c"] {
            world.compile(name, Tier::Best).unwrap();
        }
        // It names `b` alone, and contains `a` through it.
        let c = world.function("c").unwrap().current().unwrap();
        assert_eq!(c.inlined().len(), 1);
        assert_eq!(value(&world, "c(3)"), 108.0);
        define(&world, "fn a(x) = x + 10");
        assert!(c.state() >= State::Retired);
        assert_eq!(value(&world, "c(3)"), 126.0);
    });
}

#[test]
fn what_is_deleted_is_gone_and_its_name_can_be_taken_again() {
    by_both(|strategy| {
        let world = world(strategy, 0);
        define(&world, "fn g(x) = x + 1");
        define(&world, "fn f(x) = g(x)");
        world.compile("g", Tier::Quick).unwrap();
        world.compile("f", Tier::Quick).unwrap();
        let functions = world.engine().stats().functions;
        world.delete("g").unwrap();
        assert!(world.delete("g").is_err());
        assert!(value(&world, "f(1)").is_nan());
        assert_eq!(world.engine().stats().functions, functions - 1);
        define(&world, "fn g(x) = x + 2");
        assert_eq!(value(&world, "f(1)"), 3.0);
        world.compile("f", Tier::Quick).unwrap();
        assert_eq!(value(&world, "f(1)"), 3.0);
    });
}

const PROGRAMS: [&str; 3] = [
    "fn f(n) = if n < 2 then n else f(n - 1) + f(n - 2)",
    "fn f(n) = s = 0; k = 0; while k < n do (k = k + 1; s = s + (if k == 5 then 100 else k / 3)); s",
    "fn f(n) = (n == n) - n * -n / (n - 4)",
];

#[test]
fn tiers_agree() {
    by_both(|strategy| {
        for program in PROGRAMS {
            let world = world(strategy, 0);
            define(&world, program);
            let results = || -> Vec<u64> {
                let args = (0..12).map(|it| value(&world, &format!("f({it})")));
                args.map(f64::to_bits).collect()
            };
            let interpreted = results();
            for tier in [Tier::Quick, Tier::Best] {
                let version = world.compile("f", tier).unwrap();
                let published = version.translation();
                assert_eq!(results(), interpreted, "{tier:?} of {program}");
                // A version's meaning never changes, whatever comes after it.
                assert_eq!(version.translation(), published);
            }
            let [quick, best]: [_; 2] = world.function("f").unwrap().records().try_into().unwrap();
            assert_eq!((quick.tier(), best.tier()), (Tier::Quick, Tier::Best));
            assert_eq!(quick.history().last().unwrap().reason, reasons::REPLACED);
        }
    });
}

#[test]
fn module_is_stable_in_a_phase() {
    let world = &world(martlet_engine::machine_code::Strategy::IndirectCell, 0);
    for no in 0..40 {
        define(world, &format!("fn f{no}(x) = x * {no} + 1"));
    }
    let (n_changes, is_done) = (AtomicUsize::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // Compiles come and go while phases look.
            let start = Instant::now();
            let mut before = String::new();
            while !is_done.load(Ordering::Relaxed) && start.elapsed() < Duration::from_secs(30) {
                world.compiler().library.phase(|library| {
                    let text = library.to_string();
                    n_changes.fetch_add(usize::from(text != before), Ordering::Relaxed);
                    std::thread::sleep(Duration::from_millis(2));
                    assert_eq!(library.to_string(), text, "somebody else has changed it");
                    before = text;
                });
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        for round in 0..3 {
            for no in 0..40 {
                define(world, &format!("fn f{no}(x) = x * {no} + {round}"));
                world.compile(&format!("f{no}"), Tier::Quick).unwrap();
            }
        }
        is_done.store(true, Ordering::Relaxed);
    });
    // Between the phases it has changed.
    assert!(n_changes.load(Ordering::Relaxed) > 5, "{n_changes:?}");
}

#[test]
fn any_pass_over_the_library() {
    const FUNCTIONS: u32 = 40;
    by_both(|strategy| {
        let world = world(strategy, 0);
        let library = &world.compiler().library;
        for no in 0..FUNCTIONS {
            // Every other one contains the one before, and some are the same but for their names.
            let body = match no % 2 {
                0 => format!("x * 3 + {}", no % 8),
                _ => format!("f{}(x) - 1", no - 1),
            };
            define(&world, &format!("fn f{no}(x) = {body}"));
            world.compile(&format!("f{no}"), Tier::Quick).unwrap();
        }
        assert_eq!(library.memory_report().definitions, FUNCTIONS as usize);
        // Half of them go, and with them what was only there for them.
        for no in (1..FUNCTIONS).step_by(2) {
            world.delete(&format!("f{no}")).unwrap();
        }
        world.engine().drain_released();
        assert_eq!(library.len(), FUNCTIONS as usize / 2);
        let mut n_changed = 0;
        for pipeline in [
            "globaldce",
            "mergefunc",
            "deadargelim",
            "cgscc(argpromotion)",
            "default<O2>",
        ] {
            let text = || library.phase(|module| module.to_string());
            let before = text();
            library.maintain(pipeline).unwrap();
            n_changed += usize::from(text() != before);
            for no in (0..FUNCTIONS).step_by(2) {
                // The code that there is, and what is made of the translation now.
                let expected = f64::from(7 * 3 + no % 8);
                assert_eq!(value(&world, &format!("f{no}(7)")), expected, "{pipeline}");
                define(&world, &format!("fn again(x) = f{no}(x) + 0"));
                world.compile("again", Tier::Best).unwrap();
                assert_eq!(value(&world, "again(7)"), expected, "{pipeline}");
            }
            library.phase(|module| module.verify()).unwrap();
        }
        assert!(n_changed >= 2, "{n_changed}");
    });
}

#[test]
fn hot_functions_are_compiled_and_hotter_ones_better() {
    let world = world(martlet_engine::machine_code::Strategy::IndirectCell, 8);
    define(&world, "fn id(x) = x");
    define(
        &world,
        "fn f(n) = if n < 2 then id(n) else f(n - 1) + f(n - 2)",
    );
    let f = world.function("f").unwrap();
    await_true(|| {
        assert_eq!(value(&world, "f(15)"), 610.0);
        let current = f.current_at(EntryPoint::GENERIC);
        current.is_some_and(|it| it.tier() == Tier::Best)
    });
    let tiers: Vec<Tier> = f.records().iter().map(|it| it.tier()).collect();
    assert!(tiers.contains(&Tier::Quick));
}

#[test]
fn two_threads_compile_units_of_one_library() {
    let mut options = martlet_engine::Options::default();
    options.max_threads = 2;
    let world = Arc::new(World::new(options, 1).unwrap());
    for no in 0..30 {
        define(&world, &format!("fn f{no}(x) = x + {no}"));
        assert_eq!(value(&world, &format!("f{no}(1)")), f64::from(no) + 1.0);
    }
    await_true(|| {
        world.poll();
        world.engine().stats().versions.live == 30
    });
    for no in 0..30 {
        assert_eq!(value(&world, &format!("f{no}(1)")), f64::from(no) + 1.0);
    }
}
