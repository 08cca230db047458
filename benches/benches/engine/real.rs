//! Functions of the example language, compiled by LLVM.

use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion};
use martlet_calc::World;
use martlet_engine::{Options, Tier};

/// `n` terms, about five instructions each.
fn function(name: &str, n: usize) -> String {
    let terms: Vec<String> = (0..n)
        .map(|no| format!("(if x < {no} then x * {no} else y - {no})"))
        .collect();
    format!("fn {name}(x, y) = {}", terms.join(" + "))
}

fn world(max_threads: usize) -> std::sync::Arc<World> {
    let mut options = Options::default();
    options.max_threads = max_threads;
    World::new(options, 1).expect("LLVM knows this machine")
}

pub(crate) fn bench(c: &mut Criterion) {
    let mut group = c.benchmark_group("request to running, by LLVM");
    for (size, terms) in [("small", 2), ("middle", 20), ("large", 200)] {
        for tier in [Tier::Quick, Tier::Best] {
            let world = world(1);
            world
                .run(&function("f", terms))
                .expect("it is of the language");
            let row = BenchmarkId::new(size, format!("{tier:?}"));
            group.bench_function(row, |b| {
                b.iter(|| world.compile("f", tier).expect("it is compiled"));
            });
        }
    }
    group.finish();
}

/// Functions a second with one and with two compile threads, and what part of the work is done by one at a time: as it
/// comes out (the serial fraction of Amdahl's law, to which everybody else on the machine adds), and by the clocks of
/// the stages, of which the first is under the library's lock and the last under the embedder's.
pub(crate) fn throughput() {
    const FUNCTIONS: usize = 200;
    let mut serial = Vec::new();
    let mut once = |max_threads| -> Duration {
        let world = world(max_threads);
        for no in 0..FUNCTIONS {
            let line = function(&format!("f{no}"), 20);
            world.run(&line).expect("it is of the language");
        }
        let start = Instant::now();
        // The first call of each asks for it.
        for no in 0..FUNCTIONS {
            world
                .run(&format!("f{no}(1, 2)"))
                .expect("it is of the language");
        }
        while world.engine().stats().versions.live < FUNCTIONS as u64 {
            world.poll();
            std::thread::sleep(Duration::from_micros(100));
        }
        let (elapsed, spent) = (start.elapsed(), world.engine().stats().timings);
        let locked = spent.frontend_ns + spent.link_ns;
        serial.push(locked as f64 / (locked + spent.optimise_ns + spent.emit_ns) as f64);
        elapsed
    };
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..7 {
        for (at, of_threads) in times.iter_mut().enumerate() {
            of_threads.push(once(at + 1).as_secs_f64());
        }
    }
    let median = |mut it: Vec<f64>| {
        it.sort_by(f64::total_cmp);
        it[it.len() / 2]
    };
    let [one, two] = times.map(median);
    let a_second = |time: f64| FUNCTIONS as f64 / time;
    println!(
        "throughput/functions a second: {:.0} with one thread, {:.0} with two; serial fraction {:.2}, by the stages' clocks {:.2}",
        a_second(one),
        a_second(two),
        (2.0 * two / one - 1.0).max(0.0),
        median(serial)
    );
}
