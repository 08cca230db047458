//! What the life of a function costs: from the request to the call, redefining, invalidating, dropping; and memory.
//!
//! Rows that end in `ready` have a compiler that answers an object of 200 bytes which it has: they measure the engine
//! alone, and LLJIT and cranelift-jit (features `llvm` and `cranelift`) are given the same bytes. With the feature
//! `llvm` functions of the example language are compiled for real as well, in three sizes and both tiers.

#[path = "../relink/elf.rs"]
#[allow(dead_code, reason = "another benchmark uses the rest")]
mod elf;
mod peers;
mod ready;
#[cfg(feature = "llvm")]
mod real;

use std::time::Duration;

use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group};

use ready::{House, key};

fn settings() -> Criterion {
    Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
}

fn life(c: &mut Criterion) {
    let mut group = c.benchmark_group("define, call, drop");
    let house = House::new(1);
    group.bench_function("engine, in the background", |b| {
        b.iter(|| {
            let function = house.function();
            house.compile_behind(&function);
            assert_eq!(House::call(&function), 2);
            drop(function);
            house.engine.collect(&|_| false);
        });
    });
    group.bench_function("engine, on the caller's thread", |b| {
        b.iter(|| {
            let function = house.function();
            house.compile(&function, &[]);
            assert_eq!(House::call(&function), 2);
            drop(function);
            house.engine.collect(&|_| false);
        });
    });
    peers::define_call_drop(&mut group);
    group.finish();

    let mut group = c.benchmark_group("engine, ready");
    let function = house.function();
    group.bench_function("request to running", |b| {
        b.iter(|| {
            house.compile_behind(&function);
            House::call(&function)
        });
    });
    group.bench_function("redefine", |b| {
        b.iter(|| {
            function.invalidate("redefined");
            house.compile_behind(&function);
            house.engine.collect(&|_| false);
        });
    });
    group.bench_function("relink by a doubt that passes", |b| {
        b.iter(|| house.engine.doubt(&function, "perhaps").unchanged());
    });
    group.finish();

    let mut group = c.benchmark_group("invalidate");
    for n in [1, 100, 10_000] {
        let house = House::new(2);
        let functions: Vec<_> = (0..n).map(|_| house.function()).collect();
        // As many again that have nothing to do with it.
        let others: Vec<_> = (0..n).map(|_| house.function()).collect();
        others.iter().for_each(|it| house.compile(it, &[key(2)]));
        group.bench_function(BenchmarkId::new("dependents", n), |b| {
            b.iter_batched(
                || {
                    house.engine.collect(&|_| false);
                    functions.iter().for_each(|it| house.compile(it, &[key(1)]));
                },
                |()| assert_eq!(house.engine.break_assumption(key(1), "broken"), n),
                BatchSize::PerIteration,
            );
        });
        assert_eq!(house.engine.stats().versions.live, n as u64);
    }
    group.finish();
}

criterion_group! {
    name = times;
    config = settings();
    targets = life
}

#[cfg(feature = "llvm")]
criterion_group! {
    name = real_times;
    config = settings();
    targets = real::bench
}

fn main() {
    times();
    #[cfg(feature = "llvm")]
    real_times();
    // Filters are for criterion's own rows, and a smoke run wants none of this.
    if std::env::args().skip(1).eq(["--bench"]) {
        memory();
        #[cfg(feature = "llvm")]
        real::throughput();
    }
    Criterion::default().configure_from_args().final_summary();
}

/// What a live function takes: handle, entry, version, records, and its 200 bytes.
fn memory() {
    const FUNCTIONS: usize = 20_000;
    let house = House::new(1);
    let make = |_| {
        let function = house.function();
        house.compile(&function, &[key(1)]);
        function
    };
    let mut kept: Vec<_> = (0..100).map(make).collect();
    let before = resident_bytes();
    kept.extend((100..FUNCTIONS).map(make));
    let grown = (resident_bytes() - before) / (FUNCTIONS - 100) as f64;
    println!("memory/bytes a live function, its 200 bytes of text included: {grown:.0}");
}

/// Memory that this process has, less what the allocator keeps for later.
fn resident_bytes() -> f64 {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: it only gives back what is free.
    unsafe {
        libc::malloc_trim(0);
    }
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split(' ').nth(1);
    let pages = pages.and_then(|it| it.parse::<f64>().ok());
    pages.unwrap_or_default() * 4096.0
}
