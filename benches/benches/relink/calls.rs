//! What a call costs: by each kind of entry, by what others use, and with each way to know who is inside.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use criterion::Criterion;
use martlet_machine_code::{Code, Entry, EntryPtr, Runtime, Strategy, Thread};

use crate::code::{Body, default_body, entry, publish, runtime};
use crate::elf::{self, CALLS_A_TURN, Call};
use crate::peers;

/// The entries of two bodies that are the same.
struct Stage {
    cell: Entry,
    patched: Entry,
    pins: [EntryPtr; 2],
    thread: Thread,
    runtime: Runtime,
    kept: Vec<(Code, Entry)>,
    _stubs_in_front: Vec<Entry>,
}

/// One way to call, so many times.
struct Row<'a> {
    name: String,
    run: Box<dyn FnMut(u64) -> Duration + 'a>,
}

/// A row is compared with the one of its kind that comes first.
const KINDS: [&str; 2] = ["code: ", "rust: "];

impl Stage {
    /// Each place has other things in front of the loops, the bodies and the stubs, for times depend on where they lie.
    fn new(place: usize) -> Self {
        let runtime = runtime();
        let filler = publish(&runtime, 0, &elf::body_of(64 + 208 * place), None);
        let filler = (filler, entry(&runtime, 0, Strategy::IndirectCell));
        let stubs_in_front: Vec<_> = (100..)
            .take(5 * place)
            .map(|identity| entry(&runtime, identity, Strategy::PatchedStub))
            .collect();
        let make = |identity, strategy| {
            let code = publish(&runtime, identity, &elf::body(), None);
            let entry = entry(&runtime, identity, strategy);
            entry.relink(&code).expect("the same identity");
            (code, entry)
        };
        let kept = vec![
            filler,
            make(1, Strategy::IndirectCell),
            make(2, Strategy::PatchedStub),
        ];
        let (cell, patched) = (kept[1].1.clone(), kept[2].1.clone());
        Self {
            pins: [cell.pin(), patched.pin()],
            cell,
            patched,
            thread: runtime.attach(),
            runtime,
            kept,
            _stubs_in_front: stubs_in_front,
        }
    }

    /// The function that an entry leads to; nothing is freed while this benchmark runs.
    fn function(entry: &Entry) -> Body {
        // SAFETY: the entries passed here lead to loops or bodies, and live as long as the stage.
        unsafe { *entry.as_fn::<Body>() }
    }

    /// Loops of machine code that call.
    fn code_rows(&mut self) -> Vec<Row<'static>> {
        let word = self.cell.cell_address().expect("it has a cell").get();
        let [stub, patched] = self.pins.each_ref().map(|it| it.as_ptr() as usize);
        let rows = [
            ("code: direct", Call::Direct, None),
            ("code: cell", Call::Indirect, Some(word)),
            ("code: stub through cell", Call::Direct, Some(stub)),
            ("code: patched stub", Call::Direct, Some(patched)),
        ];
        let rows = (10..).zip(rows).map(|(identity, (name, call, callee))| {
            let loops = elf::calls(call, callee.is_none());
            let code = publish(&self.runtime, identity, &loops, callee);
            let caller = entry(&self.runtime, identity, Strategy::IndirectCell);
            caller.relink(&code).expect("the same identity");
            let function = Self::function(&caller);
            self.kept.push((code, caller));
            row(name, move |n| {
                black_box(function(n.div_ceil(CALLS_A_TURN)));
            })
        });
        rows.collect()
    }

    /// Loops of Rust that call.
    fn rust_rows(&self) -> Vec<Row<'_>> {
        let local: Body = black_box(default_body);
        let (cell, patched) = (Self::function(&self.cell), Self::function(&self.patched));
        let swap = Arc::new(ArcSwap::from_pointee(local));
        let (load, load_full) = (Arc::clone(&swap), Arc::clone(&swap));
        let mut cache = arc_swap::Cache::new(swap);
        let mut rows = vec![
            call_row("rust: function pointer", move || black_box(local)(1)),
            call_row("rust: stub through cell", move || black_box(cell)(1)),
            call_row("rust: patched stub", move || black_box(patched)(1)),
            call_row("rust: activation record", || {
                let activation = self.thread.enter(black_box(&self.cell));
                // SAFETY: it leads to a body.
                let body = unsafe { activation.as_fn::<Body>() };
                body(1)
            }),
            call_row("rust: ArcSwap load", move || (**black_box(&load).load())(1)),
            call_row("rust: ArcSwap load_full", move || {
                (*black_box(&load_full).load_full())(1)
            }),
            call_row("rust: ArcSwap Cache", move || {
                (**black_box(&mut cache).load())(1)
            }),
        ];
        for (name, address) in peers::bodies(&elf::body()) {
            // SAFETY: the peer linked the same body, and keeps it.
            let body = unsafe { std::mem::transmute::<usize, Body>(address) };
            rows.push(call_row(&format!("rust: {name}"), move || {
                black_box(body)(1)
            }));
        }
        rows
    }
}

fn row<'a>(name: &str, mut run: impl FnMut(u64) + 'a) -> Row<'a> {
    let timed = move |n| {
        let start = Instant::now();
        run(n);
        start.elapsed()
    };
    Row {
        name: name.to_owned(),
        run: Box::new(timed),
    }
}

/// A row whose loop is one of Rust.
fn call_row<'a>(name: &str, mut call: impl FnMut() -> u64 + 'a) -> Row<'a> {
    row(name, move |n| {
        for _ in 0..n.div_ceil(CALLS_A_TURN) {
            for _ in 0..CALLS_A_TURN {
                black_box(call());
            }
        }
    })
}

pub(crate) fn bench(c: &mut Criterion) {
    let mut stage = Stage::new(0);
    let mut group = c.benchmark_group("call");
    let code_rows = stage.code_rows();
    for mut row in code_rows.into_iter().chain(stage.rust_rows()) {
        group.bench_function(&row.name, |b| b.iter_custom(|n| (row.run)(n)));
    }
    group.finish();

    let mut group = c.benchmark_group("enter and leave");
    group.bench_function("activation record", |b| {
        b.iter(|| drop(black_box(stage.thread.enter(black_box(&stage.cell)))));
    });
    group.bench_function("external", |b| b.iter(|| black_box(&stage.cell)));
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

/// What each row takes in terms of the first of its kind: the median of what that is for code at several places.
pub(crate) fn ratios() -> Vec<(String, f64)> {
    const PLACES: usize = 9;
    let places: Vec<_> = (0..PLACES)
        .map(|place| ratios_of(Stage::new(place)))
        .collect();
    let rows = places[0].iter().enumerate().map(|(row, (name, _))| {
        let mut ratios: Vec<_> = places.iter().map(|place| place[row].1).collect();
        (name.clone(), median(&mut ratios))
    });
    rows.collect()
}

/// All rows in turn, again and again, so that what disturbs the machine for a while disturbs them alike; then the median
/// of the quotients.
fn ratios_of(mut stage: Stage) -> Vec<(String, f64)> {
    const ROUNDS: usize = 500;
    const CALLS: u64 = 10_000;
    let code_rows = stage.code_rows();
    let mut rows: Vec<_> = code_rows.into_iter().chain(stage.rust_rows()).collect();
    let mut quotients = vec![Vec::with_capacity(ROUNDS); rows.len()];
    for _ in 0..ROUNDS {
        let mut first = [None; KINDS.len()];
        for (row, quotients) in rows.iter_mut().zip(&mut quotients) {
            let time = (row.run)(CALLS).as_secs_f64();
            let kind = KINDS.iter().position(|kind| row.name.starts_with(kind));
            let first = first[kind.expect("of a kind")].get_or_insert(time);
            quotients.push(time / *first);
        }
    }
    let ratios = rows.iter().zip(&mut quotients);
    ratios
        .map(|(row, quotients)| (row.name.clone(), median(quotients)))
        .collect()
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
