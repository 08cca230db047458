//! Random programs against a plain model: every call sees the definition that is current when it is made,
//! whatever was compiled, inlined, invalidated, doubted, evicted, deleted, or changed by passes over the
//! library in between; a loop on another thread sees redefinitions at its next call; nothing is left.
//!
//! A minute by default; `MARTLET_STRESS_SECONDS` says how many.

mod support;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use martlet_calc::{Definition, Expr, World, parse};
use martlet_engine::machine_code::Strategy;
use martlet_engine::{AssumptionKey, Chaos, EntryPoint, Options, Tier, reasons};
use support::*;

const FUNCTIONS: u64 = 8;
const STEPS: u64 = 120;
const PIPELINES: [&str; 6] = [
    "globaldce",
    "mergefunc",
    "deadargelim",
    "cgscc(argpromotion)",
    "default<O1>",
    "default<O2>",
];

/// splitmix64
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len() as u64) as usize]
    }

    /// An expression that calls only functions of lower numbers, so that all programs end.
    fn expr(&mut self, below: u64, depth: u32) -> String {
        match self.below(if depth == 0 { 3 } else { 9 }) {
            0 => self.below(5).to_string(),
            1 | 2 => self.one(&["x", "y"]).to_owned(),
            3 | 4 if below > 0 => {
                let callee = self.below(below);
                // Now and then with the wrong number of arguments, which gives no number.
                match self.below(30) {
                    0 => format!("f{callee}({})", self.expr(below, depth - 1)),
                    _ => {
                        let args = [0; 2].map(|_| self.expr(below, depth - 1));
                        format!("f{callee}({}, {})", args[0], args[1])
                    }
                }
            }
            5 => {
                let [a, b, c] = [0; 3].map(|_| self.expr(below, depth - 1));
                format!("(if {a} then {b} else {c})")
            }
            6 => {
                let (turns, body) = (self.below(4), self.expr(below, depth - 1));
                format!("(k = {turns}; s = 0; while k > 0 do (s = s + {body}; k = k - 1); s)")
            }
            7 => format!("(y = {}; y)", self.expr(below, depth - 1)),
            _ => {
                let operator = self.one(&["+", "-", "*", "/", "<", "=="]);
                let [a, b] = [0; 2].map(|_| self.expr(below, depth - 1));
                format!("({a} {operator} {b})")
            }
        }
    }

    fn definition(&mut self, no: u64) -> String {
        let body = match self.below(5) {
            // Not deeper than a few calls, whatever it is given.
            0 => {
                let more = self.expr(no, 1);
                format!("if x > 0 then (if x < 6 then f{no}(x - 1, y) + {more} else y) else y")
            }
            1 | 2 => self.expr(no, 1),
            _ => self.expr(no, 3),
        };
        format!("fn f{no}(x, y) = {body}")
    }
}

/// The plain model: trees by name.
type Model = BTreeMap<Arc<str>, Definition>;

fn call(model: &Model, name: &str, args: &[f64]) -> f64 {
    let Some(it) = model.get(name).filter(|it| it.params.len() == args.len()) else {
        return f64::NAN;
    };
    let params = it.params.iter().cloned();
    let mut locals = params.zip(args.iter().copied()).collect();
    eval(model, &it.body, &mut locals)
}

fn eval(model: &Model, expr: &Expr, locals: &mut BTreeMap<Arc<str>, f64>) -> f64 {
    match expr {
        Expr::Number(number) => *number,
        Expr::Local(name) => locals.get(name).copied().unwrap_or(0.0),
        Expr::Set(name, value) => {
            let value = eval(model, value, locals);
            locals.insert(name.clone(), value);
            value
        }
        Expr::Binary((operator, _), a, b) => {
            let (a, b) = (eval(model, a, locals), eval(model, b, locals));
            match *operator {
                "fadd" => a + b,
                "fsub" => a - b,
                "fmul" => a * b,
                "fdiv" => a / b,
                "fcmp olt" => f64::from(a < b),
                "fcmp ogt" => f64::from(a > b),
                "fcmp oeq" => f64::from(a == b),
                other => panic!("{other} is new"),
            }
        }
        Expr::Call(name, args) => {
            let args: Vec<f64> = args.iter().map(|it| eval(model, it, locals)).collect();
            call(model, name, &args)
        }
        Expr::If(parts) => {
            let no = if eval(model, &parts[0], locals) != 0.0 {
                1
            } else {
                2
            };
            eval(model, &parts[no], locals)
        }
        Expr::While(parts) => {
            while eval(model, &parts[0], locals) != 0.0 {
                eval(model, &parts[1], locals);
            }
            0.0
        }
        Expr::Block(parts) => parts.iter().fold(0.0, |_, it| eval(model, it, locals)),
    }
}

/// About how many steps a call takes at most. Functions call lower numbers, or themselves six times deep.
fn cost(model: &Model, name: &str) -> f64 {
    fn of(model: &Model, own: &str, expr: &Expr) -> f64 {
        let all = |parts: &[Expr]| -> f64 { parts.iter().map(|it| of(model, own, it)).sum() };
        1.0 + match expr {
            Expr::Number(_) | Expr::Local(_) => 0.0,
            Expr::Set(_, value) => of(model, own, value),
            Expr::Binary(_, a, b) => of(model, own, a) + of(model, own, b),
            Expr::Call(name, args) if **name == *own => all(args),
            Expr::Call(name, args) => all(args) + cost(model, name),
            Expr::If(parts) => all(&**parts),
            Expr::While(parts) => 4.0 * all(&**parts),
            Expr::Block(parts) => all(parts),
        }
    }
    let definition = model.get(name);
    definition.map_or(1.0, |it| 7.0 * of(model, name, &it.body))
}

fn same(a: f64, b: f64) -> bool {
    a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan()
}

struct AtEnd<'a>(&'a AtomicBool);

impl Drop for AtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// What a run did, so that it can be seen that it did something.
#[derive(Default)]
struct Done {
    published: u64,
    inlined: u64,
    evicted: u64,
    invalidated: u64,
    turns: u64,
}

fn run(seed: u64) -> Done {
    let mut random = Random(seed);
    let strategy = [Strategy::IndirectCell, Strategy::PatchedStub][seed as usize % 2];
    let mut options = Options::default();
    options.strategy = strategy;
    options.max_threads = 2;
    if random.below(2) == 0 {
        options.code_limit = Some(1_500);
    }
    if random.below(2) == 0 {
        options.library_limit = Some(20_000);
    }
    if random.below(3) == 0 {
        options.chaos = Some(Chaos::new(seed));
    }
    let world = World::new(options, 1 + random.below(4)).unwrap();
    let mut model = Model::new();
    let mut done = Done::default();

    // A loop that runs all the time, over a function that only ever becomes more.
    define(&world, "fn more() = 0");
    define(
        &world,
        "fn watch() = last = 0; back = 0; turns = 0; \
         while turns < 100 do (now = more(); back = back + (now < last); last = now; turns = turns + 1); back",
    );
    let (latest, n_turns) = (AtomicU32::new(0), AtomicU32::new(0));
    let is_done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_done.load(Ordering::Relaxed) {
                let at_least = latest.load(Ordering::Acquire);
                assert_eq!(value(&world, "watch()"), 0.0, "it went back, seed {seed}");
                assert!(value(&world, "more()") >= f64::from(at_least));
                n_turns.fetch_add(1, Ordering::Relaxed);
            }
        });
        // Also if an assertion fails: the scope waits for the loop.
        let _end = AtEnd(&is_done);
        let mut doubt = None;
        for step in 0..STEPS {
            let no = random.below(FUNCTIONS);
            let name = format!("f{no}");
            let what = format!("seed {seed}, step {step}");
            match random.below(14) {
                0..4 => {
                    let line = random.definition(no);
                    let Ok((Some(_), definition)) = parse(&line) else {
                        panic!("{line}")
                    };
                    let before = model.insert(name.as_str().into(), definition);
                    let names = (0..FUNCTIONS).map(|it| format!("f{it}"));
                    if names.map(|it| cost(&model, &it)).sum::<f64>() < 1e5 {
                        define(&world, &line);
                    } else if let Some(before) = before {
                        model.insert(name.as_str().into(), before);
                    } else {
                        model.remove(name.as_str());
                    }
                }
                4 => {
                    let was_there = world.delete(&name).is_ok();
                    assert!(was_there || !model.contains_key(name.as_str()), "{what}");
                    model.remove(name.as_str());
                }
                5 | 6 => {
                    let tier = [Tier::Quick, Tier::Best][random.below(2) as usize];
                    if let Ok(version) = world.compile(&name, tier) {
                        done.inlined += version.inlined().len() as u64;
                    }
                }
                7 => {
                    if let Ok(function) = world.function(&name) {
                        function.invalidate("for no reason");
                    }
                }
                8 => {
                    if let Ok(function) = world.function(&name) {
                        let key = AssumptionKey(function.id().0);
                        doubt = Some(world.engine().doubt(key, "perhaps"));
                    }
                }
                9 => {
                    let n = doubt
                        .take()
                        .map_or(0, |it: martlet_engine::Doubt<_>| it.unchanged());
                    assert!(n <= FUNCTIONS as usize + 3);
                }
                10 => {
                    // Whatever comes of it, functions mean what they meant.
                    let pipeline = random.one(&PIPELINES);
                    world.compiler().library.maintain(pipeline).unwrap();
                }
                11 => {
                    if let Ok(function) = world.function(&name)
                        && function.pin(EntryPoint::GENERIC).is_some()
                    {
                        function.unpin(EntryPoint::GENERIC);
                    }
                    world.poll();
                }
                _ => {
                    let more = latest.load(Ordering::Relaxed) + 1;
                    define(&world, &format!("fn more() = {more}"));
                    latest.store(more, Ordering::Release);
                }
            }
            for no in 0..FUNCTIONS {
                let name = format!("f{no}");
                let (x, y) = (random.below(4) as f64, random.below(4) as f64);
                let (expected, found) = (
                    call(&model, &name, &[x, y]),
                    value(&world, &format!("{name}({x}, {y})")),
                );
                assert!(
                    same(expected, found),
                    "{what}: {name}({x}, {y}) is {expected}, not {found}"
                );
            }
        }
    });
    let stats = world.engine().stats();
    done.evicted = stats.evicted;
    done.invalidated = stats.invalidated.values().sum();
    done.turns = n_turns.load(Ordering::Relaxed).into();
    done.published = stats.timings.bytecodes;
    nothing_is_left(&world, seed);
    done
}

fn nothing_is_left(world: &World, seed: u64) {
    let refused = world.engine().stats().refused;
    for reason in ["LLVM failed", reasons::NOT_LINKED, reasons::PANIC] {
        assert!(!refused.contains_key(reason), "seed {seed}: {refused:?}");
    }
    let names = (0..FUNCTIONS).map(|no| format!("f{no}"));
    for name in names.chain(["more", "watch"].map(str::to_owned)) {
        let _ = world.delete(&name);
    }
    await_true(|| {
        world.poll();
        world.engine().drain_released();
        let stats = world.engine().stats();
        let is_idle = stats.queued + stats.threads + stats.finished == 0;
        is_idle && stats.ledger.entries == 0
    });
    let stats = world.engine().stats();
    assert_eq!(
        (stats.functions, stats.dependencies),
        (0, (0, 0)),
        "seed {seed}"
    );
    assert_eq!(
        (
            stats.versions.live,
            stats.versions.suspended,
            stats.versions.retired
        ),
        (0, 0, 0)
    );
    assert_eq!(
        (stats.ledger.live.units, stats.ledger.retired.units),
        (0, 0)
    );
    assert_eq!(world.compiler().library.len(), 0, "seed {seed}");
    world.compiler().library.phase(|library| {
        library.collect();
        let report = library.memory_report();
        assert_eq!(report.definitions, 0, "seed {seed}: {library}");
    });
}

#[test]
fn random_programs_agree_with_a_plain_model() {
    let seconds = std::env::var("MARTLET_STRESS_SECONDS").ok();
    let seconds = seconds.and_then(|it| it.parse().ok()).unwrap_or(60);
    let (start, mut seed, mut all) = (Instant::now(), 0, Done::default());
    while start.elapsed() < Duration::from_secs(seconds) || seed < 4 {
        let done = run(seed);
        all.published += done.published;
        all.inlined += done.inlined;
        all.evicted += done.evicted;
        all.invalidated += done.invalidated;
        all.turns += done.turns;
        seed += 1;
    }
    println!(
        "{seed} programs: {} versions, {} bodies inlined, {} evicted, {} invalidated, {} loops watched",
        all.published, all.inlined, all.evicted, all.invalidated, all.turns
    );
    for (what, n) in [
        ("published", all.published),
        ("inlined", all.inlined),
        ("evicted", all.evicted),
        ("invalidated", all.invalidated),
        ("watched", all.turns),
    ] {
        assert!(n > 0, "nothing was {what}");
    }
}
