//! Versions that are retired while somebody is inside: they are finished, and only then freed.

mod support;

use std::cell::{Cell, RefCell};
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};

use martlet_machine_code::{
    Code, CodeId, Collected, DefaultTarget, Entry, EntryKey, Runtime, Strategy, Thread,
};
use support::*;

/// Calls back with the context it is given.
type CallsBack = extern "C" fn(*const Stage<'_>, extern "C" fn(*const Stage<'_>)) -> u64;

/// What a body's callback finds.
struct Stage<'a> {
    act: &'a dyn Fn(),
}

extern "C" fn act(stage: *const Stage<'_>) {
    // SAFETY: `enter` passes a stage that outlives the call.
    let stage = unsafe { &*stage };
    (stage.act)();
}

extern "C" fn default_body(
    stage: *const Stage<'_>,
    callback: extern "C" fn(*const Stage<'_>),
) -> u64 {
    callback(stage);
    0
}

fn calling_entry(runtime: &Runtime, strategy: Strategy) -> Entry {
    // SAFETY: a function of this test, which takes what `CallsBack` says.
    let default = unsafe { DefaultTarget::new(default_body as *const ()) };
    runtime
        .entry(
            EntryKey {
                identity: 1,
                signature: 0,
            },
            strategy,
            default,
        )
        .expect("a new entry")
}

/// Enters with an activation; `inside` runs in the body.
fn enter(thread: &Thread, entry: &Entry, inside: &dyn Fn()) -> u64 {
    let activation = thread.enter(entry);
    // SAFETY: all versions of these entries are `CallsBack`.
    let function = unsafe { activation.as_fn::<CallsBack>() };
    function(&Stage { act: inside }, act)
}

fn version(runtime: &Runtime, entry: &Entry, version: u32) -> Code {
    let code = publish(runtime, id(1, version), &calls_back(version));
    entry.relink(&code).expect("the same identity");
    code
}

fn nobody(_: CodeId) -> bool {
    false
}

/// A fixed owner of a code handle, so that a body can retire itself.
type Owner = RefCell<Option<Code>>;

fn freed(collected: &Collected) -> &[CodeId] {
    &collected.freed
}

#[test]
fn own_frame_inside() {
    for strategy in STRATEGIES {
        let runtime = runtime();
        let (thread, entry) = (runtime.attach(), calling_entry(&runtime, strategy));
        let owner: Owner = RefCell::new(Some(version(&runtime, &entry, 1)));
        let result = enter(&thread, &entry, &|| {
            let next = version(&runtime, &entry, 2);
            *owner.borrow_mut() = Some(next);
            let collected = runtime.collect(&nobody);
            assert_eq!((freed(&collected), collected.still_inside), (&[][..], 1));
        });
        assert_eq!(
            result, 1,
            "the activation finishes in the version that it entered"
        );
        let collected = runtime.collect(&nobody);
        assert_eq!(
            (freed(&collected), collected.still_inside),
            (&[id(1, 1)][..], 0)
        );
        assert_eq!(enter(&thread, &entry, &|| ()), 2);
    }
}

#[test]
fn own_frame_inside_by_the_embedders_word() {
    let runtime = runtime();
    let entry = calling_entry(&runtime, Strategy::IndirectCell);
    let owner: Owner = RefCell::new(Some(version(&runtime, &entry, 1)));
    let inside = Cell::new(true);
    let is_inside = |asked| {
        assert_eq!(asked, id(1, 1));
        inside.get()
    };
    // SAFETY: `is_inside` says that somebody is inside as long as the call lasts.
    let function = unsafe { entry.as_fn::<CallsBack>() };
    let retire = || {
        owner.take();
        assert_eq!(runtime.collect(&is_inside).still_inside, 1);
    };
    assert_eq!(function(&Stage { act: &retire }, act), 1);
    inside.set(false);
    assert_eq!(freed(&runtime.collect(&is_inside)), [id(1, 1)]);
    assert_eq!(
        function(&Stage { act: &|| () }, act),
        0,
        "the entry went back to its default"
    );
}

#[test]
fn other_thread_inside() {
    for strategy in STRATEGIES {
        let runtime = runtime();
        let entry = calling_entry(&runtime, strategy);
        let old = version(&runtime, &entry, 1);
        let (arrived, leave) = (Barrier::new(2), Barrier::new(2));
        std::thread::scope(|scope| {
            let other = scope.spawn(|| {
                let thread = runtime.attach();
                enter(&thread, &entry, &|| {
                    arrived.wait();
                    leave.wait();
                })
            });
            arrived.wait();
            let _new = version(&runtime, &entry, 2);
            drop(old);
            for _ in 0..3 {
                assert_eq!(runtime.collect(&nobody).still_inside, 1);
            }
            leave.wait();
            assert_eq!(other.join().expect("the other thread returns"), 1);
            assert_eq!(freed(&runtime.collect(&nobody)), [id(1, 1)]);
        });
    }
}

#[test]
fn self_retire_at_depth_1000() {
    for strategy in STRATEGIES {
        let runtime = runtime();
        let (thread, entry) = (runtime.attach(), calling_entry(&runtime, strategy));
        let owner: Owner = RefCell::new(Some(version(&runtime, &entry, 1)));
        recurse(
            &Recursion {
                runtime: &runtime,
                thread: &thread,
                entry: &entry,
                owner: &owner,
            },
            1000,
        );
        assert_eq!(freed(&runtime.collect(&nobody)), [id(1, 1)]);
        assert_eq!(runtime.ledger().live.units, 1);
    }
}

struct Recursion<'a> {
    runtime: &'a Runtime,
    thread: &'a Thread,
    entry: &'a Entry,
    owner: &'a Owner,
}

fn recurse(on: &Recursion<'_>, depth: u32) {
    let result = enter(on.thread, on.entry, &|| {
        if depth > 1 {
            recurse(on, depth - 1);
        } else {
            let next = version(on.runtime, on.entry, 2);
            *on.owner.borrow_mut() = Some(next);
        }
        // On the way out, at every depth, the version is still there.
        if depth % 100 == 1 {
            assert_eq!(on.runtime.collect(&nobody).still_inside, 1);
        }
    });
    assert_eq!(result, 1);
}

#[test]
fn one_that_sits_inside_delays_its_own_version_only() {
    let runtime = runtime();
    let (thread, entry) = (
        runtime.attach(),
        calling_entry(&runtime, Strategy::IndirectCell),
    );
    let owner: Owner = RefCell::new(Some(version(&runtime, &entry, 1)));
    enter(&thread, &entry, &|| {
        for n in 2..50 {
            let next = version(&runtime, &entry, n);
            *owner.borrow_mut() = Some(next);
            let collected = runtime.collect(&nobody);
            let expected: &[_] = if n == 2 { &[] } else { &[id(1, n - 1)] };
            assert_eq!((freed(&collected), collected.still_inside), (expected, 1));
        }
    });
}

#[test]
fn thread_exit_inside() {
    let runtime = runtime();
    let entry = calling_entry(&runtime, Strategy::IndirectCell);
    let code = version(&runtime, &entry, 1);
    std::thread::scope(|scope| {
        // It panics between entering and calling, and the activation goes with the thread.
        let died = scope.spawn(|| {
            let thread = runtime.attach();
            let _activation = thread.enter(&entry);
            std::panic::resume_unwind(Box::new(()));
        });
        assert!(died.join().is_err());
    });
    drop(code);
    assert_eq!(freed(&runtime.collect(&nobody)), [id(1, 1)]);
}

#[test]
fn activations_end_in_any_order() {
    let runtime = runtime();
    let (thread, entry) = (
        runtime.attach(),
        calling_entry(&runtime, Strategy::IndirectCell),
    );
    let old = version(&runtime, &entry, 1);
    let (first, second) = (thread.enter(&entry), thread.enter(&entry));
    drop(old);
    drop(first);
    assert_eq!(runtime.collect(&nobody).still_inside, 1);
    let third = thread.enter(&entry);
    drop(second);
    assert_eq!(freed(&runtime.collect(&nobody)), [id(1, 1)]);
    drop(third);
}

#[test]
fn what_nobody_could_enter_is_freed_at_once() {
    let runtime = runtime();
    let before = runtime.ledger();
    drop(publish(&runtime, id(1, 1), &returns(1)));
    let after = runtime.ledger();
    assert_eq!(
        (after.live, after.retired, after.freed.units),
        (before.live, before.retired, 1)
    );
    assert_eq!(
        (after.code_bytes, after.data_bytes),
        (before.code_bytes, before.data_bytes)
    );
}

#[test]
fn freed_bytes_are_traps() {
    let runtime = runtime();
    let entry = entry(&runtime, 1, Strategy::IndirectCell);
    let code = publish(&runtime, id(1, 1), &where_am_i());
    entry.relink(&code).expect("the same identity");
    let body = usize::try_from(call(&entry)).expect("an address");
    assert_ne!(peek(body, 8), [0xcc; 8]);
    let found = runtime.find(body + 3).expect("the body's owner");
    assert_eq!(
        (found.id, found.offset, found.retired),
        (id(1, 1), 3, false)
    );
    drop(code);
    assert!(runtime.find(body).expect("still there").retired);
    runtime.collect(&nobody);
    assert_eq!(peek(body, 8), [0xcc; 8]);
    assert_eq!(runtime.find(body), None);
}

#[test]
fn an_answer_that_panics_loses_nothing() {
    let runtime = runtime();
    let entry = entry(&runtime, 1, Strategy::IndirectCell);
    let code = publish(&runtime, id(1, 1), &returns(1));
    entry.relink(&code).expect("the same identity");
    drop(code);
    let panics = AtomicBool::new(true);
    let collect = || {
        runtime.collect(&|_| {
            if panics.load(Ordering::Relaxed) {
                std::panic::resume_unwind(Box::new(()));
            }
            false
        })
    };
    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(collect)).is_err());
    panics.store(false, Ordering::Relaxed);
    assert_eq!(freed(&collect()), [id(1, 1)]);
}

#[test]
fn held_entries_go_with_the_code() {
    let runtime = runtime();
    let (caller, callee) = (
        entry(&runtime, 1, Strategy::IndirectCell),
        entry(&runtime, 2, Strategy::IndirectCell),
    );
    let code = publish(&runtime, id(1, 1), &returns(1));
    code.hold(&callee);
    caller.relink(&code).expect("the same identity");
    drop(callee);
    drop(code);
    assert_eq!(runtime.ledger().entries, 2);
    runtime.collect(&nobody);
    assert_eq!(runtime.ledger().entries, 1);
}
