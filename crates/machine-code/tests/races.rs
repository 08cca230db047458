//! What threads and processes do to each other, each race by its name.

mod support;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Barrier, mpsc};

use martlet_machine_code::{Bytes, CodeId, Member, Object, Runtime, Source, Strategy, Symbol};
use support::process::{fork, pipe};
use support::*;

fn nobody(_: CodeId) -> bool {
    false
}

/// Sits in a version, calls another one, and waits there; both are retired meanwhile.
#[test]
fn retire_while_blocked_in_a_callee() {
    for strategy in STRATEGIES {
        let runtime = runtime();
        let (outer, inner) = (entry(&runtime, 1, strategy), entry(&runtime, 2, strategy));
        // Calls its second argument with its first.
        type CallsBack = extern "C" fn(*const Stage<'_>, extern "C" fn(*const Stage<'_>)) -> u64;
        struct Stage<'a>(&'a dyn Fn());
        extern "C" fn act(stage: *const Stage<'_>) {
            // SAFETY: the stage outlives the call.
            (unsafe { &*stage }.0)();
        }
        let codes = [1, 2].map(|n| publish(&runtime, id(n, 1), &calls_back(n as u32)));
        outer.relink(&codes[0]).expect("the same identity");
        inner.relink(&codes[1]).expect("the same identity");
        let (arrived, leave) = (Barrier::new(2), Barrier::new(2));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let thread = runtime.attach();
                let enter = |entry, inside: &dyn Fn()| {
                    let activation = thread.enter(entry);
                    // SAFETY: all versions are `CallsBack`.
                    let function = unsafe { activation.as_fn::<CallsBack>() };
                    function(&Stage(inside), act)
                };
                let blocked = || {
                    arrived.wait();
                    leave.wait();
                };
                let result = enter(&outer, &|| assert_eq!(enter(&inner, &blocked), 2));
                assert_eq!(result, 1);
            });
            arrived.wait();
            drop(codes);
            let collected = runtime.collect(&nobody);
            assert_eq!((collected.freed, collected.still_inside), (vec![], 2));
            leave.wait();
        });
        let mut freed = runtime.collect(&nobody).freed;
        freed.sort_unstable();
        assert_eq!(freed, [id(1, 1), id(2, 1)]);
    }
}

/// A thread that ends without leaving keeps what it was in, and nothing else.
#[test]
fn thread_exit_without_leaving() {
    let runtime = runtime();
    let entry = entry(&runtime, 1, Strategy::IndirectCell);
    let first = publish(&runtime, id(1, 1), &returns(1));
    entry.relink(&first).expect("the same identity");
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let thread = runtime.attach();
            std::mem::forget(thread.enter(&entry));
        });
    });
    drop(first);
    for n in 2..20 {
        let code = publish(&runtime, id(1, n), &returns(n));
        entry.relink(&code).expect("the same identity");
        drop(code);
        let collected = runtime.collect(&nobody);
        assert_eq!(
            (collected.freed, collected.still_inside),
            (vec![id(1, n)], 1)
        );
    }
}

/// The cell of an entry is not used again while retired code, in which somebody sits, still names it.
#[test]
fn aba_of_recycled_cells() {
    let runtime = thrifty_runtime();
    let cell_of = |entry: &martlet_machine_code::Entry| entry.cell_address().expect("a cell").get();
    let caller = entry(&runtime, 1, Strategy::IndirectCell);
    let callee = entry(&runtime, 2, Strategy::IndirectCell);
    let cell = cell_of(&callee);
    let code = publish(&runtime, id(1, 1), &returns(1));
    code.hold(&callee);
    caller.relink(&code).expect("the same identity");
    let thread = runtime.attach();
    let activation = thread.enter(&caller);
    drop((callee, code));
    assert_eq!(runtime.collect(&nobody).still_inside, 1);
    let others: Vec<_> = (10..200)
        .map(|identity| entry(&runtime, identity, Strategy::IndirectCell))
        .collect();
    assert!(others.iter().all(|it| cell_of(it) != cell));
    drop(activation);
    assert_eq!(runtime.collect(&nobody).freed, [id(1, 1)]);
    // From now on it may be, and it is.
    let next = entry(&runtime, 3, Strategy::IndirectCell);
    assert_eq!(cell_of(&next), cell);
    assert_eq!(call(&next), 0, "and leads to its own default");
}

/// Versions of changing length stand at the same addresses one after the other, under callers.
#[test]
fn reuse_of_freed_memory() {
    for strategy in STRATEGIES {
        let runtime = thrifty_runtime();
        let entry = entry(&runtime, 1, strategy);
        let body = |n: u32| {
            let mut code = vec![0x90; n as usize % 64];
            code.push(0xb8);
            code.extend(n.to_le_bytes());
            code.push(0xc3);
            Elf::new(&code).bytes()
        };
        let (stop, newest) = (AtomicBool::new(false), AtomicU64::new(1));
        let mut current = publish(&runtime, id(1, 1), &body(1));
        entry.relink(&current).expect("the same identity");
        std::thread::scope(|scope| {
            let _stop = StopOnDrop(&stop);
            for _ in 0..2 {
                scope.spawn(|| {
                    let thread = runtime.attach();
                    while !stop.load(Ordering::Relaxed) {
                        let oldest = newest.load(Ordering::Acquire) - 1;
                        let activation = thread.enter(&entry);
                        // SAFETY: all versions are functions without arguments.
                        let seen = unsafe { activation.as_fn::<Returns>() }();
                        assert!(seen >= oldest, "{seen}, but {oldest} was old already");
                    }
                });
            }
            let mut committed = 0;
            for n in 2..8_000u32 {
                let next = publish(&runtime, id(1, n), &body(n));
                entry.relink(&next).expect("the same identity");
                newest.store(u64::from(n), Ordering::Release);
                drop(std::mem::replace(&mut current, next));
                runtime.collect(&nobody);
                committed = committed.max(runtime.ledger().committed_peak);
            }
            // Less than what 8 000 versions take that are not used again.
            assert!(committed <= 128 << 10, "{committed} bytes");
        });
    }
}

/// Forks while other threads call, relink, publish and free.
#[test]
fn fork_while_others_run() {
    for strategy in STRATEGIES {
        let runtime = Runtime::builder()
            .reserve(16 << 20)
            .quarantine(16 << 10)
            .atfork(true)
            .build()
            .expect("executable memory");
        let entry = entry(&runtime, 1, strategy);
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let _stop = StopOnDrop(&stop);
            scope.spawn(|| {
                for n in 1.. {
                    let code = publish(&runtime, id(1, n), &returns(n));
                    entry.relink(&code).expect("the same identity");
                    drop(code);
                    runtime.collect(&nobody);
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                }
            });
            scope.spawn(|| {
                let thread = runtime.attach();
                while !stop.load(Ordering::Relaxed) {
                    let activation = thread.enter(&entry);
                    // SAFETY: all versions are functions without arguments.
                    let function = unsafe { activation.as_fn::<Returns>() };
                    function();
                }
            });
            for _ in 0..20 {
                let child = || {
                    let n = 1_000_000;
                    let code = publish(&runtime, id(1, n), &returns(n));
                    entry.relink(&code).expect("the same identity");
                    let is_right = (0..1_000).all(|_| call(&entry) == u64::from(n));
                    drop(code);
                    let is_freed = runtime.collect(&nobody).freed.contains(&id(1, n));
                    is_right && is_freed && call(&entry) == 0
                };
                assert!(fork(child, || ()), "{strategy:?}");
            }
        });
    }
}

/// A child that has not written anything yet runs what its parent frees.
#[test]
fn parent_frees_100_000_versions_while_a_child_runs_them() {
    const ENTRIES: u32 = 50;
    for strategy in STRATEGIES {
        let runtime = Runtime::builder()
            .reserve(16 << 20)
            .atfork(true)
            .build()
            .expect("executable memory");
        let entries: Vec<_> = (0..ENTRIES)
            .map(|it| entry(&runtime, u64::from(it), strategy))
            .collect();
        let publish_all = |version: u32| {
            let codes = (0..ENTRIES).map(|it| {
                let code =
                    publish_returning(&runtime, id(u64::from(it), version), version * ENTRIES + it);
                entries[it as usize]
                    .relink(&code)
                    .expect("the same identity");
                code
            });
            codes.collect::<Vec<_>>()
        };
        let mut codes = publish_all(0);
        let (done, is_done) = pipe();
        let child = || {
            let mut rounds = 0u64;
            while !is_done.has_something() || rounds < 10 {
                rounds += 1;
                if !(0..ENTRIES).all(|it| call(&entries[it as usize]) == u64::from(it)) {
                    return false;
                }
            }
            true
        };
        let parent = || {
            // Half of them with each strategy.
            for version in 1..=50_000 / ENTRIES {
                codes = publish_all(version);
                runtime.collect(&nobody);
            }
            let freed = runtime.ledger().freed.units;
            assert_eq!(freed, 50_000);
            done.write();
        };
        assert!(fork(child, parent), "{strategy:?}");
    }
}

/// `find` is asked by one thread about what others publish and free.
#[test]
fn find_while_others_publish_and_free() {
    let runtime = thrifty_runtime();
    let entry = entry(&runtime, 1, Strategy::IndirectCell);
    let (tell, told) = mpsc::channel::<usize>();
    let stop = &AtomicBool::new(false);
    let runtime = &runtime;
    std::thread::scope(|scope| {
        let _stop = StopOnDrop(stop);
        let seen = scope.spawn(move || {
            let mut seen = 0u64;
            let address = told.recv().expect("an address");
            while !stop.load(Ordering::Relaxed) {
                if let Some(found) = runtime.find(address) {
                    assert_eq!((found.id.identity, found.offset), (1, 0));
                    seen += 1;
                }
            }
            seen
        });
        for n in 1..20_000 {
            let code = publish(runtime, id(1, n), &where_am_i());
            entry.relink(&code).expect("the same identity");
            let address = usize::try_from(call(&entry)).expect("an address");
            assert_eq!(runtime.find(address).map(|it| it.id), Some(id(1, n)));
            if n == 1 {
                tell.send(address).expect("it waits for it");
            }
            drop(code);
            runtime.collect(&nobody);
        }
        stop.store(true, Ordering::Relaxed);
        assert!(seen.join().expect("its assertions hold") > 0);
    });
}

/// Two functions that are always made together, under callers: whoever is in the new first one never reaches the old
/// second one, nor the other way round, whatever the entries lead to meanwhile.
#[test]
fn a_new_member_never_reaches_an_old_one() {
    for strategy in STRATEGIES {
        let runtime = runtime();
        let entries = [1, 2].map(|it| entry(&runtime, it, strategy));
        // The first answers its own number, which is in its upper half, and what the second answers.
        let code = |version: u8| {
            let mut code = vec![
                0x48, 0x83, 0xec, 8, 0xe8, 11, 0, 0, 0, 0x48, 0x83, 0xc4, 8, 0x0d, 0, 0, version,
                0, 0xc3, 0xcc,
            ];
            code.extend([0xb8, version, 0, 0, 0, 0xc3]);
            code
        };
        let publish = |version: u8| {
            let code = code(version);
            let symbols = [Symbol {
                name: "second",
                offset: 20,
            }];
            let bytes = Bytes {
                code: &code,
                symbols: &symbols,
                ..Bytes::default()
            };
            let second = Member {
                id: id(2, version.into()),
                entry_symbol: "second",
            };
            let object = Object {
                members: &[second],
                ..Object::new(id(1, version.into()), Source::Bytes(bytes), ENTRY)
            };
            let code = runtime.publish(&object).expect("good bytes");
            runtime
                .relink(&[(&entries[0], &code), (&entries[1], &code)])
                .expect("the same identities");
            code
        };
        let stop = AtomicBool::new(false);
        let mut current = publish(0);
        std::thread::scope(|scope| {
            let _stop = StopOnDrop(&stop);
            for _ in 0..2 {
                scope.spawn(|| {
                    let thread = runtime.attach();
                    while !stop.load(Ordering::Relaxed) {
                        let activation = thread.enter(&entries[0]);
                        // SAFETY: all versions are functions without arguments.
                        let seen = unsafe { activation.as_fn::<Returns>() }();
                        assert_eq!(seen >> 16, seen & 0xffff, "{seen:#x}");
                    }
                });
            }
            for n in 0..3_000u32 {
                current = publish((n % 250) as u8);
                runtime.collect(&nobody);
            }
        });
        drop(current);
    }
}

/// A signal handler asks who owns the interrupted instruction, and whatever else, while its own thread publishes and
/// frees: it would wait for itself if that took a lock.
#[test]
fn find_in_a_signal_handler() {
    static RUNTIME: std::sync::OnceLock<Runtime> = std::sync::OnceLock::new();
    static ASKED: AtomicU64 = AtomicU64::new(0);
    static FOUND: AtomicU64 = AtomicU64::new(0);
    static BODY: AtomicU64 = AtomicU64::new(0);
    extern "C" fn on_alarm(_: libc::c_int) {
        let body = usize::try_from(BODY.load(Ordering::Relaxed)).expect("an address");
        if let Some(found) = RUNTIME.get().and_then(|it| it.find(body)) {
            assert_eq!(found.id.identity, 1);
            FOUND.fetch_add(1, Ordering::Relaxed);
        }
        ASKED.fetch_add(1, Ordering::Relaxed);
    }
    let runtime = RUNTIME.get_or_init(thrifty_runtime);
    let entry = entry(runtime, 1, Strategy::IndirectCell);
    let (stop, pthread) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // SAFETY: it takes nothing.
            pthread.store(unsafe { libc::pthread_self() }, Ordering::Relaxed);
            // SAFETY: the handler is async-signal-safe, and nobody else here uses the signal.
            unsafe { libc::signal(libc::SIGUSR1, on_alarm as *const () as usize) };
            for n in 1.. {
                let code = publish(runtime, id(1, n), &where_am_i());
                entry.relink(&code).expect("the same identity");
                BODY.store(call(&entry), Ordering::Relaxed);
                drop(code);
                runtime.collect(&nobody);
                if stop.load(Ordering::Relaxed) {
                    break;
                }
            }
        });
        let _stop = StopOnDrop(&stop);
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
        while FOUND.load(Ordering::Relaxed) < 200 {
            assert!(std::time::Instant::now() < deadline, "{ASKED:?} asked");
            if BODY.load(Ordering::Relaxed) != 0 {
                // SAFETY: the thread runs until it is told to stop.
                unsafe { libc::pthread_kill(pthread.load(Ordering::Relaxed), libc::SIGUSR1) };
            }
            std::thread::yield_now();
        }
    });
}
