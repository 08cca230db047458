//! Requests made by the real interpreter (`snapshots/make.py`) are built, improved, verified; and each shows what it
//! is there for.

use martlet_frontend::hir::{self, Func, Rules};
use martlet_frontend::{build, translate};
use martlet_snapshot::Request;

const NAMES: [&str; 8] = [
    "int_loop",
    "while_loop",
    "part",
    "fib",
    "item_sum",
    "attributes",
    "unpack",
    "text",
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
