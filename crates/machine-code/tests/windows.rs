//! The windows in which a version could be freed under somebody who is on the way in or out, instruction by
//! instruction: the processor is stepped through a call, and at each step in turn the version is retired and collected.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

mod support;

use std::arch::asm;
use std::cell::{Cell, RefCell};
use std::ops::Range;

use martlet_machine_code::{Code, CodeId, Collected, Entry, Runtime, Strategy};
use support::*;

thread_local! {
    /// What the handler does at a step, given its number and the program counter. Answers whether to go on stepping.
    static AT_STEP: Cell<Option<*const dyn Fn(usize, usize) -> bool>> = const { Cell::new(None) };
    static STEP: Cell<usize> = const { Cell::new(0) };
}

const TRAP_FLAG: i64 = 0x100;

extern "C" fn on_trap(_: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: the system passes the interrupted thread's registers.
    let registers = unsafe { &mut (*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs };
    let pc = registers[libc::REG_RIP as usize] as usize;
    // SAFETY: the system passes it.
    if unsafe { (*info).si_code } != libc::TRAP_TRACE {
        eprintln!("entered freed code at {:#x}", pc - 1);
        std::process::abort();
    }
    let step = STEP.get();
    STEP.set(step + 1);
    // SAFETY: `stepping` keeps it alive while steps are made.
    let goes_on = AT_STEP.get().is_none_or(|it| unsafe { (*it)(step, pc) });
    if !goes_on {
        registers[libc::REG_EFL as usize] &= !TRAP_FLAG;
    }
}

/// Runs `work` step by step. The handler interrupts code that holds no lock, so `at_step` may do what it likes.
fn stepping<R>(at_step: &dyn Fn(usize, usize) -> bool, work: impl FnOnce() -> R) -> R {
    // SAFETY: all zeroes is a valid sigaction.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = on_trap as *const () as usize;
    action.sa_flags = libc::SA_SIGINFO;
    // SAFETY: nobody else in this test binary handles the signal.
    let set = unsafe { libc::sigaction(libc::SIGTRAP, &raw const action, std::ptr::null_mut()) };
    assert_eq!(set, 0);
    STEP.set(0);
    // SAFETY: only the lifetime changes, and the pointer is withdrawn below.
    let at_step = unsafe {
        std::mem::transmute::<
            *const (dyn Fn(usize, usize) -> bool + '_),
            *const (dyn Fn(usize, usize) -> bool + 'static),
        >(at_step)
    };
    AT_STEP.set(Some(at_step));
    // SAFETY: the flag makes the processor trap after each instruction, which the handler expects.
    unsafe { asm!("pushfq", "or qword ptr [rsp], 0x100", "popfq") };
    let result = work();
    // SAFETY: as it was.
    unsafe { asm!("pushfq", "and qword ptr [rsp], -0x101", "popfq") };
    AT_STEP.set(None);
    result
}

/// push rbp; mov rbp, rsp; mov eax, n; pop rbp; ret
fn framed(n: u8) -> Vec<u8> {
    Elf::new(&[0x55, 0x48, 0x89, 0xe5, 0xb8, n, 0, 0, 0, 0x5d, 0xc3]).bytes()
}
/// Offsets of instructions before the frame stands, and of those that take it down.
const PROLOGUE: Range<usize> = 0..4;
const EPILOGUE: Range<usize> = 9..11;

fn nobody(_: CodeId) -> bool {
    false
}

/// One call, in the middle of which version 1 is retired and collected.
struct Outcome {
    result: u64,
    /// Where the program counter was.
    pc: usize,
    collected: Collected,
}

/// Steps through `call`, and at step `n` drops `code` and collects. `None` if the call has fewer steps.
fn retire_at(
    n: usize,
    runtime: &Runtime,
    code: Code,
    is_inside: &dyn Fn(usize, CodeId) -> bool,
    call: &dyn Fn() -> u64,
) -> Option<Outcome> {
    let code = RefCell::new(Some(code));
    let seen = RefCell::new(None);
    let at_step = |step: usize, pc: usize| {
        if step < n {
            return true;
        }
        code.take();
        *seen.borrow_mut() = Some((pc, runtime.collect(&|id| is_inside(pc, id))));
        false
    };
    let result = stepping(&at_step, call);
    let (pc, collected) = seen.take()?;
    Some(Outcome {
        result,
        pc,
        collected,
    })
}

/// All of a call that enters with an activation, from before the entry's word is read until after the record is clear.
/// Answers how many retirements came while somebody was inside.
fn activation_windows(strategy: Strategy, of_interest: &dyn Fn(usize) -> bool) -> usize {
    let runtime = thrifty_runtime();
    let entry = entry(&runtime, 1, strategy);
    let thread = runtime.attach();
    let mut inside = 0;
    for n in 0.. {
        let version = u32::try_from(n).expect("few steps");
        let code = publish(&runtime, id(1, version), &framed(1));
        entry.relink(&code).expect("the same identity");
        let body = body_of(&runtime, &entry);
        let call = || {
            let activation = thread.enter(&entry);
            // SAFETY: all versions are functions without arguments.
            let result = unsafe { activation.as_fn::<Returns>() }();
            drop(activation);
            result
        };
        let Some(outcome) = retire_at(n, &runtime, code, &|_, _| false, &call) else {
            break;
        };
        let protected = outcome.collected.still_inside == 1;
        let entered_old = outcome.result == 1;
        if (body..body + 11).contains(&outcome.pc) {
            assert!(protected, "freed at offset {} of it", outcome.pc - body);
            inside += usize::from(of_interest(outcome.pc - body));
        }
        // Who was protected finished there; who came too late reached the default. Who had left by then is neither.
        assert!(
            entered_old || outcome.result == 0,
            "step {n}: {}",
            outcome.result
        );
        if !entered_old {
            assert!(!protected || outcome.collected.freed.is_empty(), "step {n}");
        }
        runtime.collect(&nobody);
        let ledger = runtime.ledger();
        assert_eq!(
            (ledger.live.units, ledger.retired.units),
            (0, 0),
            "step {n}"
        );
    }
    inside
}

/// The body's address, by where its bytes are found.
fn body_of(runtime: &Runtime, entry: &Entry) -> usize {
    let pin = entry.pin();
    let found = RefCell::new(None);
    let at_step = |_: usize, pc: usize| {
        if found.borrow().is_none() && runtime.find(pc).is_some() {
            *found.borrow_mut() = Some(pc);
        }
        found.borrow().is_none()
    };
    // SAFETY: all versions are functions without arguments, and none is freed meanwhile.
    let function = unsafe { entry.as_fn::<Returns>() };
    stepping(&at_step, || function());
    drop(pin);
    found.take().expect("the call arrives at the body")
}

#[test]
fn prologue_window() {
    for strategy in STRATEGIES {
        let inside = activation_windows(strategy, &|offset| PROLOGUE.contains(&offset));
        assert_eq!(inside, 2, "one retirement at each of two instructions");
    }
}

#[test]
fn epilogue_window() {
    for strategy in STRATEGIES {
        let inside = activation_windows(strategy, &|offset| EPILOGUE.contains(&offset));
        assert_eq!(inside, 2, "one retirement at each of two instructions");
    }
}

/// Calls through the stub, by the word of an embedder that looks at program counters: from the stub on, whoever is
/// ahead of the old version finishes there or never gets there.
#[test]
fn stub_window() {
    for strategy in STRATEGIES {
        let runtime = thrifty_runtime();
        let entry = entry(&runtime, 1, strategy);
        let pin = entry.pin();
        let stub = pin.as_ptr().addr();
        let (mut in_stub, mut in_body) = (0, 0);
        for n in 0.. {
            let version = u32::try_from(n).expect("few steps");
            let code = publish(&runtime, id(1, version), &framed(1));
            entry.relink(&code).expect("the same identity");
            let call = || call(&entry);
            let is_inside = |pc, id| runtime.find(pc).is_some_and(|it| it.id == id);
            let Some(outcome) = retire_at(n, &runtime, code, &is_inside, &call) else {
                break;
            };
            if outcome.pc == stub {
                // The jump was not made yet, so it leads to the default.
                assert_eq!((outcome.result, outcome.collected.freed.len()), (0, 1));
                in_stub += 1;
            }
            if outcome.collected.still_inside == 1 {
                assert_eq!(outcome.result, 1, "it finishes where it is");
                in_body += 1;
            }
            runtime.collect(&nobody);
        }
        assert_eq!((in_stub, in_body), (1, 5), "each instruction once");
    }
}

/// Between a reader's two looks at the entry its version is freed, and another is published at the same address.
#[test]
fn aba_of_recycled_code() {
    for strategy in STRATEGIES {
        let runtime = thrifty_runtime();
        let entry = entry(&runtime, 1, strategy);
        let thread = runtime.attach();
        let mut recycled = 0;
        for n in 0.. {
            let version = 2 * u32::try_from(n).expect("few steps");
            let old = RefCell::new(Some(publish(&runtime, id(1, version), &framed(1))));
            let new = RefCell::new(None);
            entry
                .relink(old.borrow().as_ref().expect("the old version"))
                .expect("the same identity");
            let body = body_of(&runtime, &entry);
            let at_step = |step: usize, _: usize| {
                if step < n {
                    return true;
                }
                old.take();
                runtime.collect(&nobody);
                let code = publish(&runtime, id(1, version + 1), &framed(2));
                entry.relink(&code).expect("the same identity");
                *new.borrow_mut() = Some(code);
                false
            };
            let activation = stepping(&at_step, || thread.enter(&entry));
            let Some(new) = new.take() else {
                break;
            };
            let is_recycled = runtime.find(body).is_some_and(|it| it.id == new.id());
            // SAFETY: all versions are functions without arguments.
            let result = unsafe { activation.as_fn::<Returns>() }();
            if is_recycled {
                assert_eq!(result, 2, "what it protects is what stands there now");
                drop(new);
                assert_eq!(runtime.collect(&nobody).still_inside, 1);
                recycled += 1;
            }
            drop(activation);
            runtime.collect(&nobody);
        }
        assert!(recycled > 2, "{recycled} times at the same address");
    }
}
