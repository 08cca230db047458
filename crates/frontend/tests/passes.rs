//! What the passes leave of real functions counts its references right, and can be lowered.

use martlet_frontend::passes::ownership;
use martlet_frontend::translate;
use martlet_snapshot::Request;

/// Every request under `tests/snapshots`, by name.
fn requests() -> Vec<(String, Request)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/snapshots");
    let mut requests = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("a readable folder").path();
        if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            let text = std::fs::read_to_string(&path).expect("a readable file");
            let request = serde_json::from_str(&text).expect("a request");
            requests.push((path.display().to_string(), request));
        }
    }
    requests.sort_by(|(a, _), (b, _)| a.cmp(b));
    assert!(requests.len() > 5);
    requests
}

#[test]
fn references_are_counted_right() {
    for (name, request) in requests() {
        let func = translate(&request).unwrap_or_else(|refusal| panic!("{name}: {refusal}"));
        if let Err(miscount) = ownership::check(&func) {
            panic!("{name}: {miscount}\n{func}");
        }
    }
}

#[cfg(feature = "lower")]
#[test]
fn every_function_can_be_lowered() {
    for (name, request) in requests() {
        let func = translate(&request).unwrap_or_else(|refusal| panic!("{name}: {refusal}"));
        let mut module = martlet_ir::Module::new("test");
        let lowered = martlet_frontend::lower::lower(&func, &request, &mut module)
            .unwrap_or_else(|refusal| panic!("{name}: {refusal}\n{func}"));
        module
            .verify()
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(lowered.ir_instructions > 0);
    }
}
