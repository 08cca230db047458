//! Relocations and sections, by running what they make.

mod support;

use std::sync::atomic::Ordering;

use martlet_machine_code::{CodeSize, Error, Strategy, Table};
use object::elf::{
    R_X86_64_32, R_X86_64_64, R_X86_64_GOTPCREL, R_X86_64_GOTPCRELX, R_X86_64_PC32, R_X86_64_PC64,
    R_X86_64_PLT32, R_X86_64_REX_GOTPCRELX, R_X86_64_TLSGD,
};
use object::write::StandardSection;
use support::*;

/// Publishes, enters and calls.
fn run(bytes: &[u8], tables: &[Table<'_>], resolve: &dyn Fn(&str) -> Option<usize>) -> u64 {
    let runtime = runtime();
    let entry = entry(&runtime, 1, Strategy::IndirectCell);
    let code = publish_with(&runtime, id(1, 1), bytes, tables, resolve);
    entry.relink(&code).expect("the same identity");
    call(&entry)
}

fn refused(bytes: &[u8], resolve: &dyn Fn(&str) -> Option<usize>) -> Error {
    let runtime = runtime();
    let before = runtime.ledger();
    let error = runtime
        .publish(&object(id(1, 1), bytes, &[], resolve))
        .expect_err("it is refused");
    assert_eq!(
        runtime.ledger(),
        before,
        "an error leaves everything as it was"
    );
    error
}

fn nothing_known(_: &str) -> Option<usize> {
    None
}

extern "C" fn forty_two() -> u64 {
    42
}

static SEVENTEEN: u64 = 17;

// mov rax, [rip + ...]; ret
const LOAD: [u8; 8] = [0x48, 0x8b, 0x05, 0, 0, 0, 0, 0xc3];
// mov rax, [rip + ...]; mov rax, [rax]; ret
const LOAD_THROUGH: [u8; 11] = [0x48, 0x8b, 0x05, 0, 0, 0, 0, 0x48, 0x8b, 0x00, 0xc3];
// sub rsp, 8; call ...; add rsp, 8; ret
const CALL: [u8; 14] = [
    0x48, 0x83, 0xec, 8, 0xe8, 0, 0, 0, 0, 0x48, 0x83, 0xc4, 8, 0xc3,
];
// sub rsp, 8; call [rip + ...]; add rsp, 8; ret
const CALL_THROUGH: [u8; 15] = [
    0x48, 0x83, 0xec, 8, 0xff, 0x15, 0, 0, 0, 0, 0x48, 0x83, 0xc4, 8, 0xc3,
];

#[test]
fn constants_and_variables() {
    for section in [
        StandardSection::ReadOnlyData,
        StandardSection::Data,
        StandardSection::ReadOnlyDataWithRel,
    ] {
        let mut elf = Elf::new(&LOAD);
        elf.define(section, "before", &[1; 3]);
        elf.define(section, "constant", &77u64.to_le_bytes());
        let bytes = elf.fix(3, "constant", R_X86_64_PC32, -4).bytes();
        assert_eq!(run(&bytes, &[], &nothing_known), 77, "{section:?}");
    }
}

#[test]
fn zero_filled_memory_is_zero_even_when_used_again() {
    let runtime = runtime();
    let entry = entry(&runtime, 1, Strategy::IndirectCell);
    // inc qword [rip + ...]; mov rax, [rip + ...]; ret
    let mut elf = Elf::new(&[
        0x48, 0xff, 0x05, 0, 0, 0, 0, 0x48, 0x8b, 0x05, 0, 0, 0, 0, 0xc3,
    ]);
    elf.define(StandardSection::UninitializedData, "counter", &[0; 8]);
    let bytes = elf
        .fix(3, "counter", R_X86_64_PC32, -4)
        .fix(10, "counter", R_X86_64_PC32, -4)
        .bytes();
    for version in 0..3 {
        let code = publish(&runtime, id(1, version), &bytes);
        entry.relink(&code).expect("the same identity");
        assert_eq!((call(&entry), call(&entry)), (1, 2));
        drop(code);
        runtime.collect(&|_| false);
    }
}

#[test]
fn far_calls() {
    let resolve = |name: &str| (name == "callee").then_some(forty_two as *const () as usize);
    let direct = Elf::new(&CALL).fix(5, "callee", R_X86_64_PLT32, -4);
    assert_eq!(run(&direct.bytes(), &[], &resolve), 42);
    for r_type in [R_X86_64_GOTPCREL, R_X86_64_GOTPCRELX] {
        let through = Elf::new(&CALL_THROUGH).fix(6, "callee", r_type, -4);
        assert_eq!(run(&through.bytes(), &[], &resolve), 42);
    }
}

#[test]
fn far_data_goes_by_a_slot_of_the_unit() {
    let resolve = |name: &str| (name == "far").then_some(&raw const SEVENTEEN as usize);
    for r_type in [R_X86_64_GOTPCREL, R_X86_64_REX_GOTPCRELX] {
        let bytes = Elf::new(&LOAD_THROUGH).fix(3, "far", r_type, -4).bytes();
        assert_eq!(run(&bytes, &[], &resolve), 17);
    }
    let direct = Elf::new(&LOAD).fix(3, "far", R_X86_64_PC32, -4).bytes();
    let error = refused(&direct, &resolve);
    assert_eq!(
        error,
        Error::OutOfRange {
            kind: "R_X86_64_PC32",
            symbol: "far".into()
        }
    );
}

#[test]
fn near_data_needs_no_slot() {
    for (r_type, slots) in [(R_X86_64_GOTPCREL, 1), (R_X86_64_REX_GOTPCRELX, 0)] {
        let mut elf = Elf::new(&LOAD_THROUGH);
        elf.define(StandardSection::Data, "near", &99u64.to_le_bytes());
        let bytes = elf.fix(3, "near", r_type, -4).bytes();
        assert_eq!(run(&bytes, &[], &nothing_known), 99);
        // 11 bytes of instructions, and a slot if there is one.
        let runtime = runtime();
        let size = publish(&runtime, id(1, 1), &bytes).size();
        assert_eq!(
            size,
            CodeSize {
                text: if slots == 0 { 16 } else { 32 },
                data: 16
            }
        );
    }
}

#[test]
fn tables_of_pointers_and_distances() {
    let answer = forty_two as *const () as usize;
    let resolve = |name: &str| (name == "callee").then_some(answer);
    // A pointer in read-only data: load it.
    let mut elf = Elf::new(&LOAD);
    let section = elf.define(StandardSection::ReadOnlyDataWithRel, "pointer", &[0; 8]);
    elf.fix_in(section, 0, "callee", R_X86_64_64, 3);
    let bytes = elf.fix(3, "pointer", R_X86_64_PC32, -4).bytes();
    assert_eq!(run(&bytes, &[], &resolve), answer as u64 + 3);
    // A jump table: lea rax, [rip + table]; add rax, [rax]; jmp rax; trap; mov eax, 5; ret
    let code = [
        0x48, 0x8d, 0x05, 0, 0, 0, 0, 0x48, 0x03, 0x00, 0xff, 0xe0, 0xcc, 0xb8, 5, 0, 0, 0, 0xc3,
    ];
    let mut elf = Elf::new(&code);
    let section = elf.define(StandardSection::ReadOnlyData, "table", &[0; 8]);
    elf.fix_in(section, 0, ENTRY, R_X86_64_PC64, 13);
    let bytes = elf.fix(3, "table", R_X86_64_PC32, -4).bytes();
    assert_eq!(run(&bytes, &[], &nothing_known), 5);
}

#[test]
fn tables_are_shared_with_the_code() {
    const SLOTS: &str = "martlet.slots";
    let tables = [
        Table {
            symbol: SLOTS,
            words: 4,
        },
        Table {
            symbol: "other",
            words: 1,
        },
    ];
    for (code, offset, r_type) in [
        (&LOAD[..], 3, R_X86_64_PC32),
        (&LOAD_THROUGH[..], 3, R_X86_64_REX_GOTPCRELX),
    ] {
        let runtime = runtime();
        let entry = entry(&runtime, 1, Strategy::IndirectCell);
        // The direct form reads word 2, the one through a slot word 0.
        let (word, addend) = if r_type == R_X86_64_PC32 {
            (2, 16 - 4)
        } else {
            (0, -4)
        };
        let bytes = Elf::new(code).fix(offset, SLOTS, r_type, addend).bytes();
        let code = publish_with(&runtime, id(1, 1), &bytes, &tables, &nothing_known);
        entry.relink(&code).expect("the same identity");
        assert_eq!(call(&entry), 0);
        let slots = code.table(SLOTS).expect("the table");
        assert_eq!(slots.len(), 4);
        slots[word].store(1234, Ordering::Release);
        assert_eq!(call(&entry), 1234);
        assert!(code.table("none").is_none());
    }
}

#[test]
fn cells_are_called_by_code() {
    let runtime = runtime();
    let (caller, callee) = (
        entry(&runtime, 1, Strategy::IndirectCell),
        entry(&runtime, 2, Strategy::IndirectCell),
    );
    let cell = callee.cell_address().expect("it has a cell").get();
    let bytes = Elf::new(&CALL_THROUGH)
        .fix(6, "cell", R_X86_64_PC32, -4)
        .bytes();
    let code = publish_with(&runtime, id(1, 1), &bytes, &[], &|name| {
        (name == "cell").then_some(cell)
    });
    code.hold(&callee);
    caller.relink(&code).expect("the same identity");
    assert_eq!(call(&caller), 0);
    for n in 1..5 {
        let body = publish(&runtime, id(2, n), &returns(n));
        callee.relink(&body).expect("the same identity");
        assert_eq!(call(&caller), u64::from(n));
    }
    assert_eq!(call(&caller), 0, "the last body is gone");
}

#[test]
fn what_is_wrong_is_named() {
    let unresolved = Elf::new(&CALL)
        .fix(5, "nowhere", R_X86_64_PLT32, -4)
        .bytes();
    assert_eq!(
        refused(&unresolved, &nothing_known),
        Error::UnresolvedSymbol("nowhere".into())
    );
    for (r_type, kind) in [
        (R_X86_64_TLSGD, "R_X86_64_TLSGD"),
        (R_X86_64_32, "R_X86_64_32"),
    ] {
        let bytes = Elf::new(&CALL).fix(5, "odd", r_type, 0).bytes();
        let symbol = "odd".to_owned();
        let expected = Error::UnsupportedRelocation {
            kind,
            number: r_type.0,
            symbol,
        };
        assert_eq!(refused(&bytes, &|_| Some(8)), expected);
    }
    let outside = Elf::new(&CALL)
        .fix(11, "callee", R_X86_64_PLT32, -4)
        .bytes();
    assert!(matches!(
        refused(&outside, &|_| Some(8)),
        Error::BadObject(_)
    ));
    assert!(matches!(
        refused(b"not an object", &nothing_known),
        Error::BadObject(_)
    ));
    let mut renamed = Elf::new(&CALL);
    let symbol = renamed.0.symbol_id(ENTRY.as_bytes()).expect("it has one");
    renamed.0.symbol_mut(symbol).name = b"other".to_vec();
    assert!(matches!(
        refused(&renamed.bytes(), &nothing_known),
        Error::BadObject(_)
    ));
}

/// No damage to an object makes the linker panic, or leaves anything behind.
#[test]
fn damaged_objects_are_refused_or_linked() {
    let mut elf = Elf::new(&LOAD);
    elf.define(StandardSection::Data, "near", &99u64.to_le_bytes());
    let good = elf.fix(3, "near", R_X86_64_REX_GOTPCRELX, -4).bytes();
    let runtime = runtime();
    drop(publish(&runtime, id(1, 0), &good));
    let before = runtime.ledger();
    for at in 0..good.len() {
        for value in [0x00, 0x01, 0x7f, 0x80, 0xff] {
            let mut bytes = good.clone();
            bytes[at] ^= value;
            drop(runtime.publish(&object(id(1, 1), &bytes, &[], &|_| Some(0x1000))));
        }
        drop(runtime.publish(&object(id(1, 1), &good[..at], &[], &|_| None)));
    }
    let after = runtime.ledger();
    assert_eq!((after.live, after.retired), (before.live, before.retired));
    assert_eq!(
        (after.code_bytes, after.data_bytes),
        (before.code_bytes, before.data_bytes)
    );
}

#[test]
fn a_full_arena_says_so_and_goes_on() {
    let runtime = martlet_machine_code::Runtime::builder()
        .limit(128 << 10)
        .build()
        .expect("executable memory");
    let bytes = Elf::new(&[0xc3; 5_000]).bytes();
    let mut codes = Vec::new();
    let error = loop {
        match runtime.publish(&object(id(1, 1), &bytes, &[], &nothing_known)) {
            Ok(code) => codes.push(code),
            Err(error) => break error,
        }
    };
    assert!(
        matches!(error, Error::ArenaFull { limit, .. } if limit == 128 << 10),
        "{error}"
    );
    assert!(codes.len() > 20, "{}", codes.len());
    codes.pop();
    publish(&runtime, id(1, 2), &bytes);
}
