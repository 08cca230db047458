//! What a call costs: by each kind of entry, by what others use, and with each way to know who is inside.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use criterion::Criterion;
use martlet_machine_code::{Entry, Strategy};

use crate::code::{Body, default_body, entry, publish, runtime};
use crate::elf::{self, Call};
use crate::peers;

/// Times so many calls of a compiled loop.
fn run(function: Body, iterations: u64) -> Duration {
    let start = Instant::now();
    black_box(function(iterations));
    start.elapsed()
}

/// The function that an entry leads to; nothing is freed while this benchmark runs.
fn function(entry: &Entry) -> Body {
    // SAFETY: the entries passed here lead to loops or bodies, and live as long as the benchmark.
    unsafe { *entry.as_fn::<Body>() }
}

pub(crate) fn bench(c: &mut Criterion) {
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
        let own = callee.is_none();
        let code = publish(&runtime, identity, &elf::calls(call, own), callee);
        let caller = entry(&runtime, identity, Strategy::IndirectCell);
        caller.relink(&code).expect("the same identity");
        let function = function(&caller);
        group.bench_function(name, |b| b.iter_custom(|n| run(function, n)));
    }

    let pointer = function(&patched);
    let local: Body = black_box(default_body);
    group.bench_function("rust: function pointer", |b| b.iter(|| black_box(local)(1)));
    group.bench_function("rust: stub through cell", |b| {
        let pointer = function(&cell);
        b.iter(|| black_box(pointer)(1));
    });
    group.bench_function("rust: patched stub", |b| b.iter(|| black_box(pointer)(1)));
    let swap = ArcSwap::from_pointee(local);
    group.bench_function("rust: ArcSwap load", |b| {
        b.iter(|| (**black_box(&swap).load())(1));
    });
    group.bench_function("rust: ArcSwap load_full", |b| {
        b.iter(|| (*black_box(&swap).load_full())(1));
    });
    let mut cache = arc_swap::Cache::new(Arc::new(swap));
    group.bench_function("rust: ArcSwap Cache", |b| {
        b.iter(|| (**black_box(&mut cache).load())(1));
    });
    let thread = runtime.attach();
    group.bench_function("rust: activation record", |b| {
        b.iter(|| {
            let activation = thread.enter(black_box(&cell));
            // SAFETY: it leads to a body.
            let body = unsafe { activation.as_fn::<Body>() };
            body(1)
        });
    });
    for (name, address) in peers::bodies(&elf::body()) {
        // SAFETY: the peer linked the same body, and keeps it.
        let body = unsafe { std::mem::transmute::<usize, Body>(address) };
        group.bench_function(format!("rust: {name}"), |b| b.iter(|| black_box(body)(1)));
    }
    group.finish();

    let mut group = c.benchmark_group("enter and leave");
    group.bench_function("activation record", |b| {
        b.iter(|| drop(black_box(thread.enter(black_box(&cell)))));
    });
    group.bench_function("external", |b| b.iter(|| black_box(&cell)));
    group.bench_function("epoch (crossbeam)", |b| {
        b.iter(|| drop(black_box(crossbeam_epoch::pin())));
    });
    let count = AtomicUsize::new(0);
    group.bench_function("count", |b| {
        b.iter(|| {
            black_box(&count).fetch_add(1, Ordering::Acquire);
            black_box(&count).fetch_sub(1, Ordering::Release);
        });
    });
    let arc = Arc::new(());
    group.bench_function("Arc", |b| {
        b.iter(|| drop(black_box(Arc::clone(black_box(&arc)))));
    });
    group.finish();
}
