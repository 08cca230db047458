//! The map file for perf.

mod support;

use martlet_machine_code::{Object, Runtime, Strategy};
use support::*;

#[test]
fn a_line_for_each_unit() {
    let runtime = Runtime::builder()
        .perf_map(true)
        .build()
        .expect("executable memory");
    let entry = entry(&runtime, 1, Strategy::IndirectCell);
    let bytes = where_am_i();
    let object = Object {
        name: "odd\nname",
        ..object(id(1, 1), &bytes, &[], &|_| None)
    };
    let code = runtime.publish(&object).expect("a good object");
    entry.relink(&code).expect("the same identity");
    let path = format!("/tmp/perf-{}.map", std::process::id());
    let map = std::fs::read_to_string(&path).expect("the map");
    std::fs::remove_file(&path).expect("it is ours");
    assert_eq!(map, format!("{:x} 8 odd?name\n", call(&entry)));
}
