//! Fork: neither process sees what the other does to code, cells or stubs.

mod support;

use std::cell::Cell;
use std::time::{Duration, Instant};

use martlet_machine_code::{Runtime, Strategy};
use support::process::{fill_gaps_above, fork, wait};
use support::*;

fn forking_runtime() -> Runtime {
    Runtime::builder()
        .reserve(16 << 20)
        .atfork(true)
        .build()
        .expect("executable memory")
}

#[test]
fn a_child_publishes_and_the_parent_does_not_notice() {
    for strategy in STRATEGIES {
        let runtime = forking_runtime();
        let entry = entry(&runtime, 1, strategy);
        let code = publish(&runtime, id(1, 1), &returns(1));
        entry.relink(&code).expect("the same identity");
        let child = || {
            if call(&entry) != 1 {
                return false;
            }
            // The same bytes of the arena become something else here.
            drop(code);
            runtime.collect(&|_| false);
            let next = publish(&runtime, id(1, 2), &returns(2));
            let was_reset = call(&entry) == 0;
            entry.relink(&next).expect("the same identity");
            was_reset && call(&entry) == 2
        };
        // Only the child drops its copy of the handle.
        assert!(fork(child, || ()), "{strategy:?}");
        assert_eq!(call(&entry), 1);
    }
}

#[test]
fn a_parent_frees_and_the_child_does_not_notice() {
    for strategy in STRATEGIES {
        let runtime = forking_runtime();
        let entry = entry(&runtime, 1, strategy);
        let code = publish(&runtime, id(1, 1), &returns(1));
        entry.relink(&code).expect("the same identity");
        let child = || {
            let until = Instant::now() + Duration::from_millis(200);
            while Instant::now() < until {
                if call(&entry) != 1 {
                    return false;
                }
            }
            true
        };
        let parent = || {
            for n in 2..2_000 {
                let next = publish(&runtime, id(1, n), &returns(n));
                entry.relink(&next).expect("the same identity");
                assert_eq!(call(&entry), u64::from(n));
                drop(next);
                runtime.collect(&|_| false);
            }
        };
        assert!(fork(child, parent), "{strategy:?}");
    }
}

#[test]
fn a_fork_while_others_publish_leaves_no_lock_behind() {
    let runtime = forking_runtime();
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                drop(publish(&runtime, id(1, 1), &returns(1)));
            }
        });
        for _ in 0..20 {
            let child = || {
                let entry = entry(&runtime, 2, Strategy::PatchedStub);
                let code = publish(&runtime, id(2, 1), &returns(5));
                entry.relink(&code).expect("the same identity");
                call(&entry) == 5
            };
            let done = fork(child, || ());
            if !done {
                stop.store(true, std::sync::atomic::Ordering::Relaxed);
            }
            assert!(done);
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}

/// The child knows nobody who examines it. What it frees itself, the answer being given, nobody else frees.
#[test]
fn a_fork_while_the_embedder_answers() {
    let runtime = forking_runtime();
    let entry = entry(&runtime, 1, Strategy::IndirectCell);
    let code = publish(&runtime, id(1, 1), &returns(1));
    entry.relink(&code).expect("the same identity");
    drop(code);
    let child = Cell::new(-1);
    let is_inside = |_| {
        // SAFETY: the child ends below, without running destructors.
        child.set(unsafe { libc::fork() });
        if child.get() != 0 {
            return true;
        }
        let freed = runtime.collect(&|_| false).freed;
        let next = publish(&runtime, id(1, 2), &returns(2));
        entry.relink(&next).expect("the same identity");
        std::mem::forget(next);
        freed != [id(1, 1)]
    };
    let collected = runtime.collect(&is_inside);
    if child.get() == 0 {
        let is_right = collected.freed.is_empty()
            && collected.still_inside == 0
            && call(&entry) == 2
            && runtime.collect(&|_| false).freed.is_empty();
        // SAFETY: it ends this process.
        unsafe { libc::_exit(i32::from(!is_right)) };
    }
    assert_eq!(collected.still_inside, 1);
    assert_eq!(wait(child.get()), 0, "what the child saw");
    assert_eq!(runtime.collect(&|_| false).freed, [id(1, 1)]);
}

#[test]
fn without_handlers_the_child_repairs_its_stubs() {
    let runtime = runtime();
    let entry = entry(&runtime, 1, Strategy::PatchedStub);
    let code = publish(&runtime, id(1, 1), &returns(1));
    entry.relink(&code).expect("the same identity");
    assert!(fork(
        || runtime.after_fork_in_child().is_ok() && call(&entry) == 1,
        || ()
    ));
    assert_eq!(call(&entry), 1);
}

/// What is mapped first in a child must not come to stand where the stubs are.
#[test]
fn the_addresses_of_stubs_stay_taken_in_a_child() {
    let runtime = forking_runtime();
    let inside = entry(&runtime, 2, Strategy::IndirectCell).pin();
    // The highest gap that is large enough is chosen: so from now on one below the runtime's memory.
    fill_gaps_above(inside.as_ptr().addr());
    let entry = entry(&runtime, 1, Strategy::PatchedStub);
    let code = publish(&runtime, id(1, 1), &returns(1));
    entry.relink(&code).expect("the same identity");
    assert!(fork(|| call(&entry) == 1, || ()));
}

/// Threads that do not exist in a child are inside of nothing there.
#[test]
fn a_child_frees_what_others_were_in() {
    let runtime = forking_runtime();
    let entry = entry(&runtime, 1, Strategy::IndirectCell);
    let code = publish(&runtime, id(1, 1), &returns(1));
    entry.relink(&code).expect("the same identity");
    let barrier = std::sync::Barrier::new(2);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let thread = runtime.attach();
            let _inside = thread.enter(&entry);
            barrier.wait();
            barrier.wait();
        });
        barrier.wait();
        let own = runtime.attach();
        let own_entry = support::entry(&runtime, 2, Strategy::IndirectCell);
        let own_code = publish(&runtime, id(2, 1), &returns(2));
        own_entry.relink(&own_code).expect("the same identity");
        let inside = own.enter(&own_entry);
        let child = || {
            drop((code, own_code));
            let collected = runtime.collect(&|_| false);
            (collected.freed, collected.still_inside) == (vec![id(1, 1)], 1) && {
                drop(inside);
                runtime.collect(&|_| false).freed == [id(2, 1)]
            }
        };
        assert!(fork(child, || ()));
        barrier.wait();
    });
}
