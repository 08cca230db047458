//! Entries: what a relink changes, and what it leaves behind.

mod support;

use std::sync::atomic::{AtomicBool, Ordering};

use martlet_machine_code::{DefaultTarget, EntryKey, Error, Runtime, Strategy};
use support::*;

#[test]
fn stub_instruction_changes() {
    let runtime = runtime();
    let entry = entry(&runtime, 1, Strategy::PatchedStub);
    let pin = entry.pin();
    let address = pin.as_ptr().expose_provenance();
    assert_eq!(
        address % 8,
        0,
        "the instruction is rewritten by one aligned store"
    );
    let codes = [1, 2].map(|n| publish(&runtime, id(1, n), &returns(n)));
    let mut seen = vec![peek(address, 8)];
    for (code, n) in codes.iter().zip(1..) {
        entry.relink(code).expect("the same identity");
        assert_eq!(call(&entry), n);
        seen.push(peek(address, 8));
    }
    entry.reset();
    assert_eq!(call(&entry), 0);
    assert!(
        seen.iter().all(|stub| stub[0] == 0xe9),
        "each is a direct jump: {seen:x?}"
    );
    assert!(
        seen[0] != seen[1] && seen[1] != seen[2] && seen[0] != seen[2],
        "{seen:x?}"
    );
    assert_eq!(pin.as_ptr().expose_provenance(), address);
}

#[test]
fn cell_stub_never_changes() {
    let runtime = runtime();
    let entry = entry(&runtime, 1, Strategy::IndirectCell);
    let (pin, code) = (entry.pin(), publish(&runtime, id(1, 1), &returns(1)));
    let stub = || peek(pin.as_ptr().expose_provenance(), 8);
    let before = stub();
    assert_eq!(call(&entry), 0);
    entry.relink(&code).expect("the same identity");
    assert_eq!((call(&entry), stub()), (1, before));
}

/// Two versions, a million relinks, callers on other threads: right results only, and nothing is left.
#[test]
fn million_relinks_leave_nothing() {
    for strategy in STRATEGIES {
        let runtime = thrifty_runtime();
        let entry = entry(&runtime, 1, strategy);
        let codes = [1, 2].map(|n| publish(&runtime, id(1, n), &returns(n)));
        entry.relink(&codes[0]).expect("the same identity");
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let _stop = StopOnDrop(&stop);
            let callers: Vec<_> = (0..1)
                .map(|_| {
                    scope.spawn(|| {
                        let mut counts = [0u64; 3];
                        while !stop.load(Ordering::Relaxed) {
                            counts[usize::try_from(call(&entry)).expect("a version")] += 1;
                        }
                        counts
                    })
                })
                .collect();
            let relink = |n: usize| {
                for round in 0..n {
                    entry.relink(&codes[round % 2]).expect("the same identity");
                }
            };
            relink(10_000);
            let (before, rss) = (runtime.ledger(), resident_pages());
            relink(990_000);
            stop.store(true, Ordering::Relaxed);
            let mut after = runtime.ledger();
            assert_eq!(after.relinks, before.relinks + 990_000);
            after.relinks = before.relinks;
            assert_eq!(after, before);
            assert_eq!((after.stubs, after.entries), (1, 1));
            assert!(
                resident_pages() <= rss + 1_000,
                "{rss} pages, then {}",
                resident_pages()
            );
            for caller in callers {
                let [defaults, first, second] = caller.join().expect("the caller returns");
                assert_eq!(defaults, 0);
                assert!(first + second > 0);
            }
        });
    }
}

/// Versions are published, entered and freed while other threads call: no wrong result, and the ledger is flat.
#[test]
fn relink_storm() {
    for strategy in STRATEGIES {
        let runtime = thrifty_runtime();
        let entry = entry(&runtime, 1, strategy);
        let stop = AtomicBool::new(false);
        let cycle = |n: u32| {
            let code = publish(&runtime, id(1, n), &returns(n));
            entry.relink(&code).expect("the same identity");
            code
        };
        let mut current = cycle(1);
        std::thread::scope(|scope| {
            let _stop = StopOnDrop(&stop);
            for _ in 0..2 {
                scope.spawn(|| {
                    let thread = runtime.attach();
                    let mut last = 1;
                    while !stop.load(Ordering::Relaxed) {
                        let activation = thread.enter(&entry);
                        // SAFETY: all versions are functions without arguments.
                        let seen = unsafe { activation.as_fn::<Returns>() }();
                        assert!(seen >= last, "{seen} after {last}");
                        last = seen;
                    }
                });
            }
            let mut flat = None;
            for n in 2..5_000 {
                // The new version is current before the old one goes.
                drop(std::mem::replace(&mut current, cycle(n)));
                runtime.collect(&|_| false);
                let ledger = runtime.ledger();
                if n == 500 {
                    flat = Some(ledger.committed_peak);
                }
                assert!(
                    ledger.retired.units <= 3,
                    "at most one for each thread and one in between"
                );
            }
            stop.store(true, Ordering::Relaxed);
            assert_eq!(Some(runtime.ledger().committed_peak), flat);
        });
        runtime.collect(&|_| false);
        let ledger = runtime.ledger();
        assert_eq!(
            (ledger.live.units, ledger.retired.units, ledger.freed.units),
            (1, 0, 4_998)
        );
    }
}

/// Cells and stubs of entries that went are used again.
#[test]
fn entries_are_recycled() {
    for strategy in STRATEGIES {
        let runtime = runtime();
        drop(entry(&runtime, 0, strategy));
        let before = runtime.ledger();
        let code = publish(&runtime, id(7, 1), &returns(1));
        drop(code);
        for identity in 1..200 {
            let entry = entry(&runtime, identity, strategy);
            let code = publish(&runtime, id(identity, 1), &returns(1));
            entry.relink(&code).expect("the same identity");
            assert_eq!(call(&entry), 1);
            drop(entry);
            drop(code);
            runtime.collect(&|_| false);
        }
        let after = runtime.ledger();
        assert_eq!((after.entries, after.stubs, after.pins), (0, 0, 0));
        assert_eq!(
            (after.code_bytes, after.data_bytes),
            (before.code_bytes, before.data_bytes)
        );
        assert_eq!(after.committed_bytes, before.committed_bytes);
    }
}

#[test]
fn one_entry_for_a_key() {
    let runtime = runtime();
    let first = entry(&runtime, 1, Strategy::IndirectCell);
    let again = entry(&runtime, 1, Strategy::IndirectCell);
    assert_eq!(first.cell_address(), again.cell_address());
    // SAFETY: `nothing` takes no arguments and is never unloaded.
    let default = unsafe { DefaultTarget::new(nothing as *const ()) };
    let other = runtime.entry(
        EntryKey {
            identity: 1,
            signature: 0,
        },
        Strategy::PatchedStub,
        default,
    );
    assert_eq!(
        other.unwrap_err(),
        Error::EntryMismatch {
            identity: 1,
            signature: 0
        }
    );
    let pin = first.pin();
    drop((first, again));
    assert_eq!((runtime.ledger().entries, runtime.ledger().pins), (1, 1));
    drop(pin);
    assert_eq!((runtime.ledger().entries, runtime.ledger().pins), (0, 0));
}

#[test]
fn code_of_another_identity_is_refused() {
    let runtime = runtime();
    let entry = entry(&runtime, 1, Strategy::IndirectCell);
    let code = publish(&runtime, id(2, 1), &returns(1));
    assert_eq!(
        entry.relink(&code),
        Err(Error::WrongIdentity { code: 2, entry: 1 })
    );
    let stranger = publish(&support::runtime(), id(1, 1), &returns(1));
    assert!(matches!(
        entry.relink(&stranger),
        Err(Error::WrongIdentity { .. })
    ));
}

/// The pin's address as a plain number is what foreign code keeps.
#[test]
fn report_names_the_living() {
    let runtime: Runtime = runtime();
    let entry = entry(&runtime, 3, Strategy::IndirectCell);
    let code = publish(&runtime, id(3, 9), &returns(1));
    entry.relink(&code).expect("the same identity");
    let report = runtime.report();
    let text = report.to_string();
    assert!(
        text.contains("live f3v9 `test`, 0 data bytes, 1 entries"),
        "{text}"
    );
}
