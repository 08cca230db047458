//! Freed code that somebody enters all the same: it is caught, and told whose it was.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

mod support;

use martlet_machine_code::{
    BlockOwner, Bytes, Entry, Error, Member, Object, Runtime, Source, Strategy, Symbol,
};
use support::process::{fork_status, pipe};
use support::*;

/// Runs something in a child, and returns its wait status and what it wrote to standard error.
fn in_child(child: impl FnOnce()) -> (i32, String) {
    let (writer, reader) = pipe();
    let status = fork_status(
        || {
            writer.becomes_stderr();
            child();
            true
        },
        || (),
    );
    drop(writer);
    (status, reader.text())
}

fn died_of_a_trap(status: i32) -> bool {
    libc::WIFSIGNALED(status) && libc::WTERMSIG(status) == libc::SIGTRAP
}

/// Calls an address at which there may be nothing any more.
fn call_stale(address: usize) -> u64 {
    // SAFETY: only traps and functions without arguments stand at the addresses that the tests pass.
    let stale: Returns = unsafe { std::mem::transmute::<usize, Returns>(address) };
    stale()
}

/// The address of a version that is freed, and was replaced by the next one.
fn freed_body(runtime: &Runtime, entry: &Entry) -> usize {
    let old = publish(runtime, id(1, 1), &where_am_i());
    entry.relink(&old).expect("the same identity");
    let body = usize::try_from(call(entry)).expect("an address");
    let new = publish(runtime, id(1, 2), &returns(2));
    entry.relink(&new).expect("the same identity");
    drop(old);
    assert_eq!(runtime.collect(&|_| false).freed, [id(1, 1)]);
    std::mem::forget(new);
    body
}

#[test]
fn a_stray_entry_is_reported() {
    let runtime = runtime();
    let entry = entry(&runtime, 1, Strategy::IndirectCell);
    let body = freed_body(&runtime, &entry);
    let (status, text) = in_child(|| {
        call_stale(body);
    });
    assert!(died_of_a_trap(status), "{status:#x}");
    let (thread, rest) = text
        .strip_prefix("machine-code: thread ")
        .and_then(|it| it.split_once(' '))
        .expect("a line of the handler's");
    assert!(
        thread
            .parse::<u32>()
            .is_ok_and(|it| it != std::process::id()),
        "{text}"
    );
    let ago = rest
        .strip_prefix("entered f1v1 `test` at offset 0, replaced by f1v2 and freed ")
        .and_then(|it| it.strip_suffix(" us ago\n"));
    assert!(ago.is_some_and(|it| it.parse::<u64>().is_ok()), "{text}");
}

#[test]
fn a_stray_call_of_a_stub_is_reported() {
    for strategy in STRATEGIES {
        let runtime = Runtime::builder()
            .reserve(16 << 20)
            .quarantine(64 << 10)
            .trap_handler(true)
            .atfork(true)
            .build()
            .expect("executable memory");
        let entry = entry(&runtime, 9, strategy);
        let stub = entry.pin().as_ptr().addr();
        drop(entry);
        let (status, text) = in_child(|| {
            call_stale(stub);
        });
        assert!(died_of_a_trap(status), "{status:#x}");
        assert!(
            text.contains(" entered the stub of entry f9(0), dropped "),
            "{text}"
        );
    }
}

#[test]
fn the_member_that_was_entered_is_named() {
    let runtime = runtime();
    let code = [where_code(), where_code()].concat();
    let symbols = [Symbol {
        name: "second",
        offset: 8,
    }];
    let bytes = Bytes {
        code: &code,
        symbols: &symbols,
        ..Bytes::default()
    };
    let second = Member {
        id: id(2, 5),
        entry_symbol: "second",
    };
    let object = Object {
        members: &[second],
        ..Object::new(id(1, 5), Source::Bytes(bytes), ENTRY)
    };
    let code = runtime.publish(&object).expect("good bytes");
    let entry = entry(&runtime, 2, Strategy::IndirectCell);
    entry.relink(&code).expect("a member's identity");
    let body = usize::try_from(call(&entry)).expect("an address");
    drop(code);
    runtime.collect(&|_| false);
    let (_, text) = in_child(|| {
        call_stale(body);
    });
    assert!(
        text.contains("entered f2v5 `body` at offset 0, replaced by its default"),
        "{text}"
    );
}

/// lea rax, [rip - 7]; ret
fn where_code() -> [u8; 8] {
    [0x48, 0x8d, 0x05, 0xf9, 0xff, 0xff, 0xff, 0xc3]
}

/// What handled the signal before goes on doing so.
#[test]
fn earlier_handlers_are_chained() {
    extern "C" fn earlier(_: libc::c_int, _: *mut libc::siginfo_t, _: *mut libc::c_void) {
        // SAFETY: it ends the process.
        unsafe { libc::_exit(77) }
    }
    // The handler is installed once in a process, so a process is needed in which that has not happened.
    let path = std::env::current_exe().expect("this program");
    if std::env::var_os("MARTLET_CHAIN").is_none() {
        let run = std::process::Command::new(path)
            .args(["--exact", "earlier_handlers_are_chained", "--nocapture"])
            .env("MARTLET_CHAIN", "1")
            .output()
            .expect("it starts");
        let text = String::from_utf8_lossy(&run.stderr);
        assert_eq!(run.status.code(), Some(77), "{text}");
        assert!(text.contains("machine-code: thread "), "{text}");
        return;
    }
    // SAFETY: all zeroes is a valid sigaction, and the handler is async-signal-safe.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = earlier as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO;
        libc::sigaction(libc::SIGTRAP, &raw const action, std::ptr::null_mut());
    }
    let runtime = runtime();
    let entry = entry(&runtime, 1, Strategy::IndirectCell);
    call_stale(freed_body(&runtime, &entry));
}

/// A trap that is none of ours ends the process, as it would without a handler.
#[test]
fn other_traps_are_not_swallowed() {
    let runtime = runtime();
    let (status, text) = in_child(|| {
        // SAFETY: the process dies of it.
        unsafe { std::arch::asm!("int3") };
    });
    assert!(died_of_a_trap(status), "{status:#x}");
    assert_eq!(text, "");
    drop(runtime);
}

#[test]
fn quarantine_is_bounded_and_gives_way() {
    const LIMIT: usize = 4096;
    let runtime = Runtime::builder()
        .reserve(16 << 20)
        .limit(64 << 10)
        .quarantine(LIMIT)
        .build()
        .expect("executable memory");
    let bytes = Elf::new(&[0xc3; 1_000]).bytes();
    for version in 0..100 {
        drop(publish(&runtime, id(1, version), &bytes));
        let ledger = runtime.ledger();
        assert!(ledger.quarantined_bytes <= LIMIT as u64);
        assert_eq!(ledger.code_bytes, 0);
    }
    assert_eq!(runtime.ledger().quarantined_bytes, 4 * 1008);
    let oldest = runtime
        .report()
        .blocks
        .into_iter()
        .filter_map(|it| match it.owner {
            BlockOwner::QuarantinedCode { ids } => Some(ids[0].version),
            _ => None,
        });
    assert_eq!(oldest.min(), Some(96));
    // All memory that there may be.
    let mut codes = Vec::new();
    let error = loop {
        match runtime.publish(&object(id(1, 1), &bytes, &[], &|_| None)) {
            Ok(code) => codes.push(code),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, Error::ArenaFull { .. }), "{error}");
    assert_eq!((codes.len(), runtime.ledger().quarantined_bytes), (65, 0));
}
