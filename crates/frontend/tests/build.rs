//! Requests made by the real interpreter (`snapshots/make.py`) are built, improved, verified; and each shows what it
//! is there for.

use martlet_frontend::bytecode::Code;
use martlet_frontend::hir::{self, Func, Raised, Rules, Term};
use martlet_frontend::{build, translate};
use martlet_snapshot::Request;

const NAMES: [&str; 10] = [
    "int_loop",
    "while_loop",
    "part",
    "fib",
    "item_sum",
    "attributes",
    "unpack",
    "text",
    "caught",
    "resumed",
];

fn request(name: &str) -> Request {
    let path = format!("{}/tests/snapshots/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn verified(name: &str, request: &Request, func: &Func, refcounted: bool) {
    let n_locals: Vec<u32> = request.codes.iter().map(|code| code.n_locals).collect();
    if let Err(violations) = hir::verify(
        func,
        &Rules {
            n_locals: &n_locals,
            refcounted,
        },
    ) {
        panic!("{name}:\n{violations}\n{func}");
    }
}

#[test]
fn what_is_built_is_valid() {
    for name in NAMES {
        let request = request(name);
        let func = build(&request).unwrap_or_else(|refusal| panic!("{name}: {refusal}"));
        verified(name, &request, &func, false);
    }
}

#[test]
fn what_passes_leave_is_valid() {
    for name in NAMES {
        let request = request(name);
        let func = translate(&request).unwrap_or_else(|refusal| panic!("{name}: {refusal}"));
        verified(name, &request, &func, true);
    }
}

#[test]
fn avoided_sites_are_generic() {
    let mut request = request("int_loop");
    let multiply = 19;
    request.avoid = vec![(0, multiply); 2];
    let text = build(&request).expect("still compiled").to_string();
    assert!(text.contains("call.martlet_binary_op"), "{text}");
}

#[test]
fn early_returns_of_callees_need_no_call() {
    let text = build(&request("fib")).expect("compiled").to_string();
    let tests = text.matches("int_cmp.lt").count();
    assert!(
        tests > 2,
        "the test of the callee stands in its caller:\n{text}"
    );
}

#[test]
fn operands_of_sites_where_a_guess_failed_once_are_told_apart() {
    let mut mixed = request("part");
    let (unpack, store, multiply) = (20, 22, 35);
    mixed.avoid = vec![(0, unpack), (0, store), (0, multiply)];
    let text = build(&mixed).expect("compiled").to_string();
    for wanted in ["is_kind(float)", "guard_kind(int)", "int_to_float"] {
        assert!(text.contains(wanted), "{wanted}:\n{text}");
    }
    assert!(!text.contains("call.martlet_binary_op"), "{text}");
    use martlet_snapshot::Seen::{Nothing, Other};
    mixed.codes[0].noted = vec![(multiply, vec![Nothing, Other])];
    let text = build(&mixed).expect("compiled").to_string();
    for wanted in [
        "is_kind(float)",
        "is_kind(int)",
        "int_to_float",
        "call.martlet_binary_op",
    ] {
        assert!(text.contains(wanted), "{wanted}:\n{text}");
    }
    for name in NAMES {
        let mut request = request(name);
        let units = request.codes[0].code.len() as u32 / 2;
        request.avoid = (0..units).map(|offset| (0, offset)).collect();
        let func = build(&request).unwrap_or_else(|refusal| panic!("{name}: {refusal}"));
        verified(name, &request, &func, false);
        let func = translate(&request).unwrap_or_else(|refusal| panic!("{name}: {refusal}"));
        verified(name, &request, &func, true);
    }
}

#[test]
fn a_loop_guesses_at_what_it_uses() {
    // At the header of `while n > 0` both variables are used; what `for i in range(n)` assigns is not.
    let text = build(&request("while_loop")).expect("compiled").to_string();
    assert!(text.contains("guard_kind(int)"), "{text}");
    let mut request = request("int_loop");
    let header = 14;
    request.entry = martlet_snapshot::EntryPoint::Loop(header);
    request.codes[0].seen_stack = vec![martlet_snapshot::Seen::RangeIter];
    let guards = |request: &Request| {
        let func = build(request).unwrap_or_else(|refusal| panic!("{refusal}"));
        func.to_string()
    };
    use martlet_snapshot::Seen::{Int, Nothing};
    request.codes[0].seen_locals = vec![Int, Int, Int];
    let seen = guards(&request);
    assert!(seen.contains("load_local(2)"), "{seen}");
    request.codes[0].seen_locals = vec![Int, Int, Nothing];
    let unbound = guards(&request);
    assert!(!unbound.contains("load_local(2)"), "{unbound}");
    assert!(unbound.contains("load_local(1)"), "{unbound}");
}

#[test]
fn what_is_suspended_goes_on_wherever_it_was() {
    let mut request = request("resumed");
    let func = build(&request).unwrap_or_else(|refusal| panic!("{refusal}"));
    let text = func.to_string();
    let count = |part: &str| text.matches(part).count();
    // The start, two yields, and where what is delegated to has ended.
    assert_eq!(count("call.martlet_resume_offset"), 1, "{text}");
    let places = ["take_stack(0)", "take_stack(1)", "stay"].map(count);
    assert_eq!(places, [4, 3, 1], "{text}");
    assert_eq!(
        count("call.martlet_suspend"),
        count("put_stack(0)"),
        "{text}"
    );
    // The iterator outlives the suspension, so it is made.
    assert!(!text.contains("list_iter"), "{text}");
    // Whatever is returned is either yielded or the end.
    let returns = |it: &Term| matches!(it, Term::Return(_));
    let n_returns = func.blocks.values().filter(|it| returns(&it.term)).count();
    assert!(n_returns > count("call.martlet_suspend"), "{text}");

    let refusal = |request: &Request| build(request).unwrap_err().to_string();
    request.entry = martlet_snapshot::EntryPoint::Start;
    assert!(refusal(&request).contains("entered where it goes on"));
    // A coroutine's flag, or an asynchronous generator's, instead of a generator's.
    let flags = request.codes[0].flags & !0x20;
    for flag in [0x80, 0x200] {
        request.codes[0].flags = flags | flag;
        request.entry = martlet_snapshot::EntryPoint::Start;
        assert!(refusal(&request).contains("entered where it goes on"));
        request.entry = martlet_snapshot::EntryPoint::Resume;
        assert!(build(&request).is_ok());
    }
    let mut plain = self::request("fib");
    plain.entry = martlet_snapshot::EntryPoint::Resume;
    assert!(refusal(&plain).contains("never suspended"));
}

#[test]
fn what_has_a_handler_that_ran_is_caught() {
    let mut request = request("caught");
    let build = |request: &Request| build(request).unwrap_or_else(|refusal| panic!("{refusal}"));
    let left = |func: &Func, how| {
        let is_it = |it: &Term| matches!(it, Term::Raise { raised, .. } if *raised == how);
        func.blocks.values().filter(|it| is_it(&it.term)).count()
    };
    let caught = build(&request);
    let text = caught.to_string();
    for wanted in [
        "call.martlet_catch",
        "call.martlet_push_exc_info",
        "call.martlet_exc_match",
        "call.martlet_pop_except",
        "check_unit",
        "call.martlet_frame_forget",
        // The other handler has not run.
        "exit \"never_ran\"",
    ] {
        assert!(text.contains(wanted), "{wanted}:\n{text}");
    }
    assert_eq!(left(&caught, Raised::Uncaught), 0, "{text}");

    let snapshot = &mut request.codes[0];
    let code = Code::decode(snapshot).expect("valid");
    let handler = code.exceptions[0].target;
    for instr in code.insts.iter().filter(|it| it.offset >= handler) {
        // As the compiler has made it: counters and histories of what has never run.
        let new: u16 = match instr.jump_target() {
            Some(_) => 0x5555,
            None => 17,
        };
        let at = 2 * instr.offset as usize;
        snapshot.adaptive[at] = snapshot.code[at];
        if instr.opcode.caches() > 0 {
            snapshot.adaptive[at + 2..at + 4].copy_from_slice(&new.to_le_bytes());
        }
    }
    let uncaught = build(&request);
    assert!(left(&uncaught, Raised::Uncaught) > 0, "{uncaught}");
    assert!(!uncaught.to_string().contains("martlet_push_exc_info"));
}
