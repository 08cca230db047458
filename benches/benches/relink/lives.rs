//! What making and freeing a function costs.

use std::hint::black_box;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use criterion::Criterion;
use martlet_machine_code::{Bytes, CodeId, Object, Runtime, Source, Strategy};

use crate::code::{entry, publish, runtime};
use crate::elf;
use crate::peers;

pub(crate) fn bench(c: &mut Criterion) {
    let mut group = c.benchmark_group("life");
    let runtime = runtime();
    let function = elf::body_of_200_bytes();
    group.bench_function("publish 200 bytes", |b| {
        b.iter_custom(|n| time(n, || publish(&runtime, 1, &function, None), drop));
    });
    let code = [0x90; 200];
    let bytes = Bytes {
        code: &code,
        ..Bytes::default()
    };
    let id = CodeId {
        identity: 1,
        version: 0,
    };
    let object = Object::new(id, Source::Bytes(bytes), elf::ENTRY);
    group.bench_function("publish 200 plain bytes", |b| {
        b.iter_custom(|n| time(n, || runtime.publish(&object), drop));
    });
    peers::publish(&mut group, &function);
    let entry = entry(&runtime, 1, Strategy::IndirectCell);
    group.bench_function("retire and free 200 bytes", |b| {
        b.iter_custom(|n| {
            let retired = || {
                let code = publish(&runtime, 1, &function, None);
                entry.relink(&code).expect("the same identity");
                code
            };
            (0..n)
                .map(|_| {
                    let code = retired();
                    let start = Instant::now();
                    drop(code);
                    black_box(runtime.collect(&|_| false));
                    start.elapsed()
                })
                .sum()
        });
    });
    group.bench_function("last exit to freed", |b| {
        b.iter_custom(|n| (0..n).map(|_| last_exit_to_freed(&runtime, &entry)).sum());
    });
    group.finish();
}

/// Times `n` runs of `make`, but not of `undo`, to which each result is given.
pub(crate) fn time<T>(n: u64, mut make: impl FnMut() -> T, mut undo: impl FnMut(T)) -> Duration {
    (0..n)
        .map(|_| {
            let start = Instant::now();
            let made = black_box(make());
            let spent = start.elapsed();
            undo(made);
            spent
        })
        .sum()
}

/// From the moment at which the last thread leaves a retired version until a thread that collects without pause has
/// freed it.
fn last_exit_to_freed(runtime: &Runtime, entry: &martlet_machine_code::Entry) -> Duration {
    let code = publish(runtime, 1, &elf::body(), None);
    entry.relink(&code).expect("the same identity");
    let (entered, is_entered) = mpsc::channel();
    let (leave, may_leave) = mpsc::channel();
    std::thread::scope(|scope| {
        let inside = scope.spawn(move || {
            let thread = runtime.attach();
            let activation = thread.enter(entry);
            entered.send(()).expect("it waits");
            may_leave.recv().expect("it is sent");
            let left = Instant::now();
            drop(activation);
            left
        });
        is_entered.recv().expect("it is sent");
        drop(code);
        assert_eq!(runtime.collect(&|_| false).still_inside, 1);
        leave.send(()).expect("it waits");
        while runtime.collect(&|_| false).freed.is_empty() {
            std::hint::spin_loop();
        }
        let freed = Instant::now();
        freed - inside.join().expect("it returns")
    })
}
