//! Real forks: no compile thread is alive across one, and both sides go on.

mod support;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use support::*;

use martlet_engine::*;

/// Tests that fork or count threads take turns.
fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Forks; runs `child` in the child, which ends; answers whether it came through.
fn comes_through(child: impl FnOnce()) -> bool {
    // SAFETY: the child uses only what the engine promises to work there, and then ends without
    // unwinding into the test harness.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0, "no fork");
    if pid == 0 {
        // SAFETY: it takes a number of seconds.
        unsafe { libc::alarm(30) };
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(child));
        // SAFETY: it ends the process.
        unsafe { libc::_exit(i32::from(result.is_err())) };
    }
    let mut status = 0;
    // SAFETY: our own child, and a place for its status.
    let waited = unsafe { libc::waitpid(pid, &mut status, 0) };
    assert_eq!(waited, pid);
    libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0
}

fn n_compile_threads() -> usize {
    std::fs::read_dir("/proc/self/task")
        .unwrap()
        .filter_map(|it| std::fs::read_to_string(it.ok()?.path().join("comm")).ok())
        .filter(|it| it.trim() == "martlet-compile")
        .count()
}

#[test]
fn no_thread_is_alive_across_a_fork() {
    let _turn = alone();
    let (engine, _) = house_with(|it| it.idle = Duration::from_secs(60));
    let f = function(&engine, "f");
    engine.request(&f, Work::new(answer(1))).unwrap();
    install(&engine, await_finished(&engine)).unwrap();
    // Those of an engine that was dropped by another test may be at their end.
    await_true(|| n_compile_threads() == 1);
    assert_eq!(engine.before_fork(), ForkReadiness::Ready);
    assert_eq!(n_compile_threads(), 0);
    let child_lives = comes_through(|| {
        engine.after_fork_child().unwrap();
        assert_eq!(call(f.entry()), 1);
        engine.request(&f, Work::new(answer(2))).unwrap();
        install(&engine, await_finished(&engine)).unwrap();
        assert_eq!(call(f.entry()), 2);
    });
    assert!(child_lives);
    engine.after_fork_parent();
    assert_eq!(call(f.entry()), 1);
    engine.request(&f, Work::new(answer(3))).unwrap();
    install(&engine, await_finished(&engine)).unwrap();
    assert_eq!(call(f.entry()), 3);
}

#[test]
fn threads_that_ended_are_gone_as_well() {
    let _turn = alone();
    let (engine, _) = house_with(|it| it.idle = Duration::ZERO);
    let f = function(&engine, "f");
    await_true(|| n_compile_threads() == 0);
    for i in 1..=200 {
        engine.request(&f, Work::new(answer(i))).unwrap();
        install(&engine, await_finished(&engine)).unwrap();
        if i % 2 == 0 {
            assert_eq!(engine.before_fork(), ForkReadiness::Ready);
            assert_eq!(n_compile_threads(), 0);
            engine.after_fork_parent();
        }
    }
}

#[test]
fn requests_outlive_a_fork_on_both_sides() {
    let _turn = alone();
    let (engine, _) = house_with(|it| it.max_threads = 1);
    let gate = Gate::new();
    let [blocker, f] = ["blocker", "f"].map(|it| function(&engine, it));
    engine
        .request(&blocker, Work::new(answer(1).behind(&gate)))
        .unwrap();
    gate.await_arrivals(1);
    engine.request(&f, Work::new(answer(2))).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(20));
            gate.open();
        });
        // Waits for the compile that runs, and does not begin the next.
        assert_eq!(engine.before_fork(), ForkReadiness::Ready);
    });
    assert_eq!(engine.stats().queued, 1);
    let go_on = || {
        for _ in 0..2 {
            install(&engine, await_finished(&engine)).unwrap();
        }
        assert_eq!((call(blocker.entry()), call(f.entry())), (1, 2));
    };
    assert!(comes_through(|| {
        engine.after_fork_child().unwrap();
        go_on();
    }));
    engine.after_fork_parent();
    // Not at once: the embedder's runtime may be counting threads now.
    assert_eq!(engine.stats().threads, 0);
    go_on();
}

#[test]
fn who_is_left_behind_does_not_come_back_before_the_fork() {
    let _turn = alone();
    let (engine, _) = house_with(|it| it.join_bound = Duration::from_millis(10));
    let slow = function(&engine, "slow");
    let gate = Gate::new();
    engine
        .request(&slow, Work::new(answer(2).behind(&gate)))
        .unwrap();
    gate.await_arrivals(1);
    assert_eq!(engine.before_fork(), ForkReadiness::ThreadsLeft(1));
    gate.open();
    // It would be done by now, and at the event log, the records or the mailbox.
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(slow.records()[0].state(), State::Compiling);
    assert!(comes_through(|| {
        engine.after_fork_child().unwrap();
        assert_eq!(slow.records()[0].state(), State::Compiling);
        slow.invalidate("redefined");
        engine.collect(&nobody);
        assert!(!engine.events().is_empty());
    }));
    engine.after_fork_parent();
    install(&engine, await_finished(&engine)).unwrap();
    assert_eq!(call(slow.entry()), 2);
}

#[test]
fn a_child_forked_over_a_running_compile_compiles_nothing() {
    let _turn = alone();
    let (engine, _) = house_with(|it| it.join_bound = Duration::from_millis(10));
    let [f, slow] = ["f", "slow"].map(|it| function(&engine, it));
    now(&engine, &f, answer(1)).unwrap();
    let gate = Gate::new();
    engine
        .request(&slow, Work::new(answer(2).behind(&gate)))
        .unwrap();
    gate.await_arrivals(1);
    assert_eq!(engine.before_fork(), ForkReadiness::ThreadsLeft(1));
    assert!(comes_through(|| {
        engine.after_fork_child().unwrap();
        assert_eq!(call(f.entry()), 1);
        let refusal = engine.request(&f, Work::new(answer(3))).unwrap_err();
        assert_eq!(refusal.reason, reasons::FORKED_WHILE_COMPILING);
        f.invalidate("redefined");
        assert_eq!(call(f.entry()), UNCOMPILED);
        assert_eq!(engine.collect(&nobody).freed.len(), 1);
        assert_eq!(engine.before_fork(), ForkReadiness::Ready);
    }));
    engine.after_fork_parent();
    gate.open();
    install(&engine, await_finished(&engine)).unwrap();
    assert_eq!(call(slow.entry()), 2);
}
