//! What a replaceable call costs, what replacing costs, and what making and freeing a function costs.
//!
//! In every row of `call` the same body is called with the same argument, by a call that is not inlined. The rows
//! whose name begins with `code:` are called from a loop of machine code, the way compiled code calls; the others from
//! a loop of Rust. Times are of one iteration of the loop: compare rows with `code: direct` or with
//! `rust: function pointer`.

mod elf;

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use elf::Call;
use martlet_machine_code::{
    Code, CodeId, DefaultTarget, Entry, EntryKey, Object, Runtime, Source, Strategy,
};

/// The body: `x + 1`.
type Body = extern "C" fn(u64) -> u64;
/// A loop that calls the body so many times.
type Loop = extern "C" fn(u64) -> u64;

const STRATEGIES: [(&str, Strategy); 2] = [
    ("cell", Strategy::IndirectCell),
    ("patched stub", Strategy::PatchedStub),
];

extern "C" fn default_body(x: u64) -> u64 {
    x + 1
}

fn runtime() -> Runtime {
    Runtime::builder().build().expect("executable memory")
}

fn entry(runtime: &Runtime, identity: u64, strategy: Strategy) -> Entry {
    // SAFETY: all entries of this benchmark have functions of one integer, and this one is never unloaded.
    let default = unsafe { DefaultTarget::new(default_body as *const ()) };
    let key = EntryKey {
        identity,
        signature: 0,
    };
    runtime.entry(key, strategy, default).expect("a new entry")
}

fn publish(runtime: &Runtime, identity: u64, bytes: &[u8], callee: Option<usize>) -> Code {
    let object = Object {
        resolve: &|_| callee,
        ..Object::new(
            CodeId {
                identity,
                version: 0,
            },
            Source::Elf(bytes),
            elf::ENTRY,
        )
    };
    runtime.publish(&object).expect("a good object")
}

/// Times so many calls of a compiled loop.
fn run(entry: &Entry, iterations: u64) -> Duration {
    // SAFETY: the entries passed here lead to loops or bodies, and nothing is freed while they run.
    let function = unsafe { entry.as_fn::<Loop>() };
    let start = Instant::now();
    black_box(function(iterations));
    start.elapsed()
}

fn calls(c: &mut Criterion) {
    let mut group = c.benchmark_group("call");
    let runtime = runtime();
    let body = publish(&runtime, 1, &elf::body(), None);
    let cell = entry(&runtime, 1, Strategy::IndirectCell);
    cell.relink(&body).expect("the same identity");
    let same_body = publish(&runtime, 2, &elf::body(), None);
    let patched = entry(&runtime, 2, Strategy::PatchedStub);
    patched.relink(&same_body).expect("the same identity");
    let (cell_stub, patched_stub) = (cell.pin(), patched.pin());
    let word = cell.cell_address().expect("it has a cell").get();

    let rows = [
        ("code: direct", Call::Direct, None),
        ("code: cell", Call::Indirect, Some(word)),
        (
            "code: stub through cell",
            Call::Direct,
            Some(cell_stub.as_ptr() as usize),
        ),
        (
            "code: patched stub",
            Call::Direct,
            Some(patched_stub.as_ptr() as usize),
        ),
    ];
    for (identity, (name, call, callee)) in (10..).zip(rows) {
        let code = publish(
            &runtime,
            identity,
            &elf::calls(call, callee.is_none()),
            callee,
        );
        let caller = entry(&runtime, identity, Strategy::IndirectCell);
        caller.relink(&code).expect("the same identity");
        group.bench_function(name, |b| b.iter_custom(|n| run(&caller, n)));
    }

    // SAFETY: both lead to bodies, which are not freed before the benchmark ends.
    let pointer: Body = unsafe { *patched.as_fn::<Body>() };
    let local: Body = black_box(default_body);
    group.bench_function("rust: function pointer", |b| b.iter(|| black_box(local)(1)));
    group.bench_function("rust: patched stub", |b| b.iter(|| black_box(pointer)(1)));
    let swap = ArcSwap::from_pointee(local);
    group.bench_function("rust: ArcSwap load", |b| {
        b.iter(|| (**black_box(&swap).load())(1))
    });
    group.bench_function("rust: ArcSwap load_full", |b| {
        b.iter(|| (*black_box(&swap).load_full())(1));
    });
    let mut cache = arc_swap::Cache::new(Arc::new(swap));
    group.bench_function("rust: ArcSwap Cache", |b| {
        b.iter(|| (**black_box(&mut cache).load())(1))
    });
    let thread = runtime.attach();
    group.bench_function("rust: activation", |b| {
        b.iter(|| {
            let activation = thread.enter(black_box(&cell));
            // SAFETY: it leads to a body.
            let body = unsafe { activation.as_fn::<Body>() };
            body(1)
        });
    });
    group.bench_function("rust: activation, enter and leave alone", |b| {
        b.iter(|| drop(black_box(thread.enter(black_box(&cell)))));
    });
    group.finish();
}

fn relinks(c: &mut Criterion) {
    let mut group = c.benchmark_group("relink");
    for (name, strategy) in STRATEGIES {
        let runtime = runtime();
        let entry = entry(&runtime, 1, strategy);
        let codes = [(); 2].map(|()| publish(&runtime, 1, &elf::body(), None));
        entry.relink(&codes[0]).expect("the same identity");
        for callers in [0, 1, 2] {
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
                let mut round = 0;
                group.bench_function(BenchmarkId::new(name, format!("{callers} callers")), |b| {
                    b.iter(|| {
                        round ^= 1;
                        entry.relink(&codes[round]).expect("the same identity");
                    });
                });
                stop.store(true, Ordering::Relaxed);
            });
        }
    }
    group.finish();
}

fn lives(c: &mut Criterion) {
    let mut group = c.benchmark_group("life");
    let runtime = runtime();
    let function = elf::body_of_200_bytes();
    group.bench_function("publish 200 bytes", |b| {
        b.iter_custom(|n| {
            let mut spent = Duration::ZERO;
            for _ in 0..n {
                let start = Instant::now();
                let code = publish(&runtime, 1, &function, None);
                spent += start.elapsed();
                drop(code);
            }
            spent
        });
    });
    let entry = entry(&runtime, 1, Strategy::IndirectCell);
    group.bench_function("retire and free 200 bytes", |b| {
        b.iter_custom(|n| {
            let mut spent = Duration::ZERO;
            for _ in 0..n {
                let code = publish(&runtime, 1, &function, None);
                entry.relink(&code).expect("the same identity");
                let start = Instant::now();
                drop(code);
                black_box(runtime.collect(&|_| false));
                spent += start.elapsed();
            }
            spent
        });
    });
    group.finish();
}

fn settings() -> Criterion {
    Criterion::default()
        .sample_size(30)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
}

criterion_group! { name = relink; config = settings(); targets = calls, relinks, lives }
criterion_main!(relink);
