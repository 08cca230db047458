//! The ledger, the report and the events: who owns which bytes, and what happened.

mod support;

use martlet_machine_code::{BlockOwner, EventKind, Strategy, Table};
use support::*;

/// The report lists all executable memory in use: as much as the ledger counts, and nothing twice.
#[test]
fn every_byte_has_an_owner() {
    let runtime = runtime();
    let check = || {
        let report = runtime.report();
        let is_patched =
            |owner: &BlockOwner| matches!(owner, BlockOwner::Stub { patched: true, .. });
        let listed: usize = report
            .blocks
            .iter()
            .filter(|it| !is_patched(&it.owner))
            .map(|it| it.len)
            .sum();
        let ledger = report.ledger;
        assert_eq!(listed as u64, ledger.code_bytes + ledger.quarantined_bytes);
        let apart = report
            .blocks
            .is_sorted_by(|one, next| one.start + one.len <= next.start);
        assert!(apart, "{report}");
        report
    };
    check();
    let entries = [(1, Strategy::IndirectCell), (2, Strategy::PatchedStub)]
        .map(|(identity, strategy)| entry(&runtime, identity, strategy));
    let pin = entries[0].pin();
    let codes: Vec<_> = (1..20)
        .map(|n| publish(&runtime, id(1 + u64::from(n % 2), n), &returns(n)))
        .collect();
    entries[0].relink(&codes[1]).expect("the same identity");
    entries[1].relink(&codes[2]).expect("the same identity");
    let report = check();
    let stub = report
        .blocks
        .iter()
        .find(|it| it.start == pin.as_ptr().addr());
    let expected = BlockOwner::Stub {
        entry: entries[0].key(),
        current: Some(id(1, 2)),
        pins: 1,
        patched: false,
    };
    assert_eq!(stub.map(|it| &it.owner), Some(&expected));
    drop(codes);
    check();
    // Quarantine takes a part of it.
    drop((pin, entries));
    runtime.collect(&|_| false);
    let report = check();
    assert_eq!(
        report.ledger.code_bytes, 16,
        "the jump to the default: {report}"
    );
}

#[test]
fn events_tell_the_life_of_a_version() {
    let runtime = runtime();
    let entry = entry(&runtime, 1, Strategy::IndirectCell);
    let key = entry.key();
    runtime.take_events();
    let first = publish(&runtime, id(1, 1), &returns(1));
    entry.relink(&first).expect("the same identity");
    let second = publish(&runtime, id(1, 2), &returns(2));
    entry.relink(&second).expect("the same identity");
    drop(first);
    runtime.collect(&|_| false);
    drop(second);
    let events = runtime.take_events();
    let (one, two) = (Some(id(1, 1)), Some(id(1, 2)));
    let relinked = |from, to| EventKind::Relinked {
        entry: key,
        from,
        to,
    };
    let expected = [
        EventKind::Published(id(1, 1)),
        relinked(None, one),
        EventKind::Published(id(1, 2)),
        relinked(one, two),
        EventKind::Retired(id(1, 1)),
        EventKind::Freed(id(1, 1)),
        relinked(two, None),
        EventKind::Retired(id(1, 2)),
    ];
    assert_eq!(
        events.iter().map(|it| it.kind).collect::<Vec<_>>(),
        expected
    );
    assert!(events.is_sorted_by_key(|it| it.at));
    assert!(events.is_sorted_by(|one, next| one.number + 1 == next.number));
    assert!(
        events[3]
            .to_string()
            .ends_with("relinked  f1(0) from f1v1 to f1v2"),
        "{}",
        events[3]
    );
    assert_eq!(runtime.take_events(), []);
}

#[test]
fn old_events_are_overwritten() {
    let runtime = martlet_machine_code::Runtime::builder()
        .events(10)
        .build()
        .expect("executable memory");
    let entry = entry(&runtime, 1, Strategy::IndirectCell);
    for _ in 0..100 {
        entry.reset();
    }
    let numbers: Vec<_> = runtime.take_events().iter().map(|it| it.number).collect();
    assert_eq!(numbers, (90..100).collect::<Vec<_>>());
}

/// What a function costs beside its text, in the arena.
#[test]
fn memory_beside_the_text() {
    let runtime = thrifty_runtime();
    let before = runtime.ledger();
    let tables = [Table {
        symbol: "table",
        words: 3,
    }];
    let code = publish_with(
        &runtime,
        id(1, 1),
        &Elf::new(&[0xc3; 200]).bytes(),
        &tables,
        &|_| None,
    );
    assert_eq!((code.size().text, code.size().data), (208, 32));
    let _entry = entry(&runtime, 1, Strategy::IndirectCell);
    let after = runtime.ledger();
    // A stub and a cell.
    assert_eq!(after.code_bytes - before.code_bytes, 208 + 16);
    assert_eq!(after.data_bytes - before.data_bytes, 32 + 16);
}

#[cfg(feature = "serde")]
#[test]
fn the_report_is_data() {
    let runtime = runtime();
    let _entry = entry(&runtime, 4, Strategy::IndirectCell);
    let code = publish(&runtime, id(4, 1), &returns(1));
    let report = serde_json::to_value(runtime.report()).expect("plain data");
    assert_eq!(report["ledger"]["live"]["units"], 1);
    let blocks = report["blocks"].as_array().expect("a list");
    let owner = |at: usize| &blocks[at]["owner"];
    assert_eq!(owner(0)["Stub"]["entry"]["identity"], 4);
    assert_eq!(owner(1)["Code"]["ids"][0]["version"], 1);
    let event = serde_json::to_value(runtime.take_events()).expect("plain data");
    assert_eq!(event[0]["kind"]["Published"]["identity"], 4);
    drop(code);
}

#[test]
fn empty_pages_go_back_to_the_system() {
    const LEN: usize = 16 << 10;
    const UNITS: u32 = 400;
    let runtime = thrifty_runtime();
    let bytes = Elf::new(&[0xc3; LEN]).bytes();
    let before = resident_pages();
    let codes: Vec<_> = (0..UNITS)
        .map(|n| publish(&runtime, id(1, n), &bytes))
        .collect();
    let all = (UNITS as usize * LEN) as u64;
    assert!(runtime.ledger().committed_bytes >= all);
    assert!(resident_pages() >= before + all / 4096 * 9 / 10);
    drop(codes);
    // Some are kept for the next unit.
    assert!(runtime.ledger().committed_bytes <= 10 * LEN as u64);
    assert!(runtime.ledger().committed_peak >= all);
    assert!(resident_pages() <= before + all / 4096 / 4);
}
