//! Relinks, publications and frees without pause, under callers: no wrong result, and nothing grows.
//!
//! `cargo test` does this for ten seconds; `cargo xtask stress machine-code` does ten million relinks of each kind, by
//! setting the variable below.

mod support;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use martlet_machine_code::{Code, Entry, Runtime, Strategy};
use support::*;

/// How many relinks of each kind to make, instead of working for a while.
const RELINKS: &str = "MARTLET_STRESS_RELINKS";
/// How long each kind takes without that.
const PER_KIND: Duration = Duration::from_millis(1_600);
const CALLERS: [usize; 3] = [1, 2, 8];
const IDENTITIES: u64 = 16;
/// So many versions of an identity are there at a time, between which its entry goes back and forth.
const VERSIONS: usize = 4;
/// A new version is published, and the oldest one freed, once in so many relinks.
const RELINKS_A_VERSION: u64 = 16;
/// From here on nothing may grow.
const SETTLED: u64 = 10_000;

/// One identity under stress. Its versions answer their numbers.
struct Target {
    entry: Entry,
    /// No version below this one is led to any more.
    oldest: AtomicU64,
    /// No version above this one is led to yet.
    newest: AtomicU64,
}

/// The relinker's side of it.
struct Versions {
    codes: VecDeque<Code>,
    next: u32,
}

#[test]
fn relinks_and_frees_under_callers() {
    let relinks = std::env::var(RELINKS).ok();
    let relinks: Option<u64> = relinks.map(|it| it.parse().expect("a number of relinks"));
    for strategy in STRATEGIES {
        for callers in CALLERS {
            stress(strategy, callers, relinks);
        }
    }
}

fn stress(strategy: Strategy, callers: usize, wanted: Option<u64>) {
    let runtime = thrifty_runtime();
    let targets: Vec<_> = (0..IDENTITIES)
        .map(|identity| Target {
            entry: entry(&runtime, identity, strategy),
            oldest: AtomicU64::new(1),
            newest: AtomicU64::new(0),
        })
        .collect();
    let mut versions: Vec<_> = (0..IDENTITIES)
        .map(|_| Versions {
            codes: VecDeque::new(),
            next: 1,
        })
        .collect();
    for (target, versions) in targets.iter().zip(&mut versions) {
        for _ in 0..VERSIONS {
            renew(&runtime, target, versions);
        }
    }
    let stop = AtomicBool::new(false);
    let start = Instant::now();
    let (relinks, calls) = std::thread::scope(|scope| {
        let _stop = StopOnDrop(&stop);
        let callers: Vec<_> = (0..callers)
            .map(|first| {
                let (runtime, targets, stop) = (&runtime, &targets, &stop);
                scope.spawn(move || call_all(runtime, targets, first, stop))
            })
            .collect();
        let relinks = relink_all(&runtime, &targets, &mut versions, wanted);
        stop.store(true, Ordering::Relaxed);
        let calls: u64 = callers
            .into_iter()
            .map(|it| it.join().expect("its assertions hold"))
            .sum();
        (relinks, calls)
    });
    assert!(calls > 0);
    eprintln!(
        "{strategy:?}, {} callers: {relinks} relinks, {} frees, {calls} calls, {:.1} s",
        callers,
        runtime.ledger().freed.units,
        start.elapsed().as_secs_f64()
    );
}

/// Publishes one more version, and leads the entry to it.
fn renew(runtime: &Runtime, target: &Target, versions: &mut Versions) {
    let number = versions.next;
    versions.next += 1;
    let code = publish_returning(runtime, id(target.entry.key().identity, number), number);
    target.newest.store(number.into(), Ordering::SeqCst);
    target.entry.relink(&code).expect("the same identity");
    versions.codes.push_back(code);
}

/// Relinks and frees until there was enough of it; in between, the ledger and the resident memory must stay.
fn relink_all(
    runtime: &Runtime,
    targets: &[Target],
    versions: &mut [Versions],
    wanted: Option<u64>,
) -> u64 {
    let start = Instant::now();
    let mut settled = None;
    let mut n = 0;
    loop {
        let at = (n / RELINKS_A_VERSION % IDENTITIES) as usize;
        let (target, versions) = (&targets[at], &mut versions[at]);
        if n % RELINKS_A_VERSION == 0 {
            renew(runtime, target, versions);
            let old = versions.codes.pop_front().expect("there are some");
            target
                .oldest
                .store(u64::from(versions.next) - VERSIONS as u64, Ordering::SeqCst);
            drop(old);
            runtime.collect(&|_| false);
        } else {
            let code = &versions.codes[n as usize % VERSIONS];
            target.entry.relink(code).expect("the same identity");
        }
        n += 1;
        if n == SETTLED {
            settled = Some((runtime.ledger(), resident_pages()));
        }
        let is_enough = match wanted {
            Some(wanted) => n >= wanted,
            None => n % 1_024 == 0 && start.elapsed() > PER_KIND,
        };
        if is_enough && n > SETTLED {
            break;
        }
    }
    let (before, pages) = settled.expect("it goes on for longer");
    runtime.collect(&|_| false);
    let after = runtime.ledger();
    assert_eq!(
        (after.entries, after.stubs),
        (IDENTITIES, IDENTITIES),
        "as many as identities"
    );
    assert_eq!(after.live, before.live);
    // What callers are inside of is not freed yet.
    assert!(
        after.retired.units <= 8,
        "{} are retired",
        after.retired.units
    );
    let slack = (before.retired.text_bytes + after.retired.text_bytes) as i64;
    let grown = after.code_bytes as i64 - before.code_bytes as i64;
    assert!(grown.abs() <= slack, "{grown} bytes of code");
    assert_eq!(after.data_bytes, before.data_bytes);
    // A chunk may be begun because somebody sat in a version for a while.
    assert!(after.committed_peak <= before.committed_peak + (64 << 10));
    assert!(
        resident_pages() <= pages + 512,
        "{pages} pages, then {}",
        resident_pages()
    );
    n
}

/// Calls one target after the other. What it answers was current at some time during the call.
fn call_all(runtime: &Runtime, targets: &[Target], first: usize, stop: &AtomicBool) -> u64 {
    let thread = runtime.attach();
    let mut calls = 0;
    while !stop.load(Ordering::Relaxed) {
        let target = &targets[(first + calls as usize) % targets.len()];
        let oldest = target.oldest.load(Ordering::SeqCst);
        let activation = thread.enter(&target.entry);
        // SAFETY: all versions are functions without arguments.
        let seen = unsafe { activation.as_fn::<Returns>() }();
        drop(activation);
        let newest = target.newest.load(Ordering::SeqCst);
        assert!(
            (oldest..=newest).contains(&seen),
            "{seen} is not among {oldest}..={newest}"
        );
        calls += 1;
    }
    calls
}
