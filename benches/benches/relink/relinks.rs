//! What a relink costs while so many threads call, at the median and at the 99th percentile.

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion};
use martlet_machine_code::{Code, Entry};

use crate::code::{Body, STRATEGIES, entry, publish, runtime};
use crate::elf;

pub(crate) fn bench(c: &mut Criterion) {
    for (name, strategy) in STRATEGIES {
        let runtime = runtime();
        let entry = entry(&runtime, 1, strategy);
        let codes = [(); 2].map(|()| publish(&runtime, 1, &elf::body(), None));
        entry.relink(&codes[0]).expect("the same identity");
        for callers in [0, 1, 2, 8] {
            under_callers(&entry, callers, || {
                for (percentile, n_of_100) in [("p50", 50), ("p99", 99)] {
                    let mut group = c.benchmark_group(format!("relink {percentile}"));
                    let id = BenchmarkId::new(name, format!("{callers} callers"));
                    group.bench_function(id, |b| {
                        b.iter_custom(|n| {
                            percentile_of(&entry, &codes, n, n_of_100).mul_f64(n as f64)
                        });
                    });
                    group.finish();
                }
            });
        }
    }
}

/// Runs `work` while so many threads call the entry.
fn under_callers(entry: &Entry, callers: usize, work: impl FnOnce()) {
    let stop = AtomicBool::new(false);
    let started = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..callers {
            scope.spawn(|| {
                started.fetch_add(1, Ordering::Relaxed);
                // SAFETY: it leads to bodies, which are not freed before the scope ends.
                let body = unsafe { entry.as_fn::<Body>() };
                while !stop.load(Ordering::Relaxed) {
                    black_box(body(1));
                }
            });
        }
        while started.load(Ordering::Relaxed) < callers {
            std::thread::yield_now();
        }
        work();
        stop.store(true, Ordering::Relaxed);
    });
}

/// Of some thousand relinks, each timed by itself, less what it takes to read the clock.
fn percentile_of(entry: &Entry, codes: &[Code; 2], n: u64, n_of_100: usize) -> Duration {
    let n = n.clamp(1_000, 20_000) as usize;
    let percentile = |mut times: Vec<Duration>, of_100: usize| {
        times.sort_unstable();
        times[times.len() * of_100 / 100]
    };
    let clock = (0..1_000).map(|_| Instant::now().elapsed()).collect();
    let times = (0..n).map(|round| {
        let start = Instant::now();
        entry.relink(&codes[round % 2]).expect("the same identity");
        start.elapsed()
    });
    percentile(times.collect(), n_of_100).saturating_sub(percentile(clock, 50))
}
