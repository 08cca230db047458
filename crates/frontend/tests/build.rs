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
    request.avoid.push((0, multiply));
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
