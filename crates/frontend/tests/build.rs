//! Builds the committed requests, and says what came out.

use martlet_frontend::{build, hir};
use martlet_snapshot::Request;

fn request(name: &str) -> Request {
    let path = format!("{}/tests/snapshots/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn text(name: &str) -> String {
    let func = build(&request(name)).unwrap_or_else(|refusal| panic!("{name}: {refusal}"));
    func.to_string()
}

#[test]
fn prints() {
    for name in [
        "int_loop",
        "while_loop",
        "part",
        "fib",
        "item_sum",
        "attributes",
        "unpack",
        "text",
    ] {
        println!("==== {name}\n{}", text(name));
    }
    let _ = hir::Kind::ANY;
}
