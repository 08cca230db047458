//! Systems that refuse executable memory, or a part of what it takes. Each test spoils a child process.

mod support;

use martlet_machine_code::{DefaultTarget, EntryKey, Error, Runtime, Strategy};
use support::process::{fork, fork_status};
use support::*;

/// Makes every further `openat` of this process fail with this error number.
fn refuse_open(errno: u32) {
    refuse(libc::SYS_openat, errno);
}

/// Makes every further call of this number fail with this error number, in this process.
fn refuse(call: libc::c_long, errno: u32) {
    const LOAD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
    const EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
    const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;
    let step = |code, jt, jf, k| libc::sock_filter { code, jt, jf, k };
    let call = u32::try_from(call).expect("a small number");
    // The number of the call is the first word of `struct seccomp_data`.
    let mut filter = [
        step(LOAD, 0, 0, 0),
        step(EQUAL, 0, 1, call),
        step(RETURN, 0, 0, libc::SECCOMP_RET_ERRNO | errno),
        step(RETURN, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog {
        len: 4,
        filter: filter.as_mut_ptr(),
    };
    // SAFETY: it gives up a right of this process.
    let promised = unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
    assert_eq!(promised, 0);
    // SAFETY: the program outlives the call, which copies it.
    let set = unsafe {
        libc::prctl(
            libc::PR_SET_SECCOMP,
            libc::SECCOMP_MODE_FILTER,
            &raw const program,
        )
    };
    assert_eq!(set, 0);
}

#[test]
fn refused_memory_is_a_typed_error() {
    let child = || {
        refuse_open(libc::EACCES as u32);
        let error = Runtime::builder().build().expect_err("it is refused");
        error
            == Error::ExecMemoryDenied {
                step: "open /proc/self/mem",
                errno: libc::EACCES,
            }
    };
    assert!(fork(child, || ()));
}

#[test]
fn a_refusal_later_changes_nothing() {
    let runtime = runtime();
    let entry = entry(&runtime, 1, Strategy::IndirectCell);
    let code = publish(&runtime, id(1, 1), &returns(1));
    entry.relink(&code).expect("the same identity");
    let bytes = returns(2);
    let child = || {
        let before = runtime.ledger();
        refuse_open(libc::EMFILE as u32);
        let error = runtime
            .publish(&object(id(1, 2), &bytes, &[], &|_| None))
            .expect_err("no descriptor");
        // The block that could not be written could not be filled with traps either, and stays taken until it can.
        let mut after = runtime.ledger();
        after.code_bytes = before.code_bytes;
        error
            == Error::NoExecMemory {
                step: "open /proc/self/mem",
                errno: libc::EMFILE,
            }
            && after == before
            && call(&entry) == 1
    };
    assert!(fork(child, || ()));
}

/// Memory that may never become executable after it was writable: code is content with that, patched stubs are not.
#[test]
fn memory_deny_write_execute() {
    const PR_SET_MDWE: libc::c_int = 65;
    const PR_MDWE_REFUSE_EXEC_GAIN: libc::c_ulong = 1;
    let child = || {
        // SAFETY: it gives up a right of this process. Kernels before 6.3 do not know it.
        if unsafe { libc::prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0) } != 0 {
            return true;
        }
        let runtime = runtime();
        let entry = entry(&runtime, 1, Strategy::IndirectCell);
        let code = publish(&runtime, id(1, 1), &returns(1));
        entry.relink(&code).expect("the same identity");
        // SAFETY: `nothing` takes no arguments and is never unloaded.
        let default = unsafe { DefaultTarget::new(nothing as *const ()) };
        let before = runtime.ledger();
        let key = EntryKey {
            identity: 2,
            signature: 0,
        };
        let patched = runtime.entry(key, Strategy::PatchedStub, default);
        let mut after = runtime.ledger();
        // The jump to the default target is kept.
        after.code_bytes -= 16;
        matches!(
            patched,
            Err(Error::ExecMemoryDenied {
                step: "make stubs executable",
                ..
            })
        ) && after == before
            && call(&entry) == 1
    };
    assert!(fork(child, || ()));
}

/// Entering freed code ends in a trap, not in whatever stands there now.
#[test]
fn a_freed_body_is_a_trap() {
    let runtime = runtime();
    let entry = entry(&runtime, 1, Strategy::IndirectCell);
    let code = publish(&runtime, id(1, 1), &where_am_i());
    entry.relink(&code).expect("the same identity");
    let body = usize::try_from(call(&entry)).expect("an address");
    drop(code);
    runtime.collect(&|_| false);
    let child = || {
        // SAFETY: nothing of the process is touched: it dies of the trap.
        let stale: Returns = unsafe { std::mem::transmute::<usize, Returns>(body) };
        stale();
        true
    };
    let status = fork_status(child, || ());
    assert!(
        libc::WIFSIGNALED(status) && libc::WTERMSIG(status) == libc::SIGTRAP,
        "{status:#x}"
    );
}

/// Without `membarrier`, readers execute barriers of their own, and patched stubs are refused: all else works.
#[test]
fn without_membarrier_readers_pay() {
    let child = || {
        refuse(libc::SYS_membarrier, libc::EPERM as u32);
        let runtime = runtime();
        // SAFETY: `nothing` takes no arguments and is never unloaded.
        let default = unsafe { DefaultTarget::new(nothing as *const ()) };
        let key = EntryKey {
            identity: 2,
            signature: 0,
        };
        let patched = runtime.entry(key, Strategy::PatchedStub, default);
        let entry = entry(&runtime, 1, Strategy::IndirectCell);
        let stop = std::sync::atomic::AtomicBool::new(false);
        let mut current = publish(&runtime, id(1, 1), &returns(1));
        entry.relink(&current).expect("the same identity");
        std::thread::scope(|scope| {
            let _stop = StopOnDrop(&stop);
            scope.spawn(|| {
                let thread = runtime.attach();
                let mut last = 1;
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    let activation = thread.enter(&entry);
                    // SAFETY: all versions are functions without arguments.
                    let seen = unsafe { activation.as_fn::<Returns>() }();
                    assert!(seen >= last, "{seen} after {last}");
                    last = seen;
                }
            });
            for n in 2..2_000 {
                let next = publish(&runtime, id(1, n), &returns(n));
                entry.relink(&next).expect("the same identity");
                drop(std::mem::replace(&mut current, next));
                runtime.collect(&|_| false);
            }
        });
        runtime.collect(&|_| false);
        matches!(patched, Err(Error::Unsupported(_))) && runtime.ledger().freed.units == 1_998
    };
    assert!(fork(child, || ()));
}
