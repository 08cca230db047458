//! Relocations and sections, by running what they make.

mod support;

use std::sync::atomic::Ordering;

use martlet_machine_code::{
    Bytes, CodeSize, Error, Fixup, FixupKind, Member, Object, PcValue, Source, Strategy, Symbol,
    Table,
};
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

/// Publishes plain bytes, enters and calls.
fn run_bytes(bytes: Bytes<'_>, resolve: &dyn Fn(&str) -> Option<usize>) -> u64 {
    let runtime = runtime();
    let entry = entry(&runtime, 1, Strategy::IndirectCell);
    let object = Object {
        resolve,
        ..Object::new(id(1, 1), Source::Bytes(bytes), ENTRY)
    };
    let code = runtime.publish(&object).expect("good bytes");
    entry.relink(&code).expect("the same identity");
    call(&entry)
}

fn fixup(offset: usize, kind: FixupKind, symbol: &str, addend: i64) -> Fixup<'_> {
    Fixup {
        offset,
        kind,
        symbol,
        addend,
    }
}

#[test]
fn bytes_with_fixups() {
    let resolve = |name: &str| match name {
        "callee" => Some(forty_two as *const () as usize),
        "far" => Some(&raw const SEVENTEEN as usize),
        _ => None,
    };
    let run = |code: &[u8], symbols: &[Symbol<'_>], fixups: &[Fixup<'_>]| {
        let align = 64;
        let bytes = Bytes {
            code,
            align,
            symbols,
            fixups,
        };
        run_bytes(bytes, &resolve)
    };
    let rel = FixupKind::Relative32;
    assert_eq!(
        run(&CALL, &[], &[fixup(5, FixupKind::Call, "callee", -4)]),
        42
    );
    assert_eq!(
        run(
            &CALL_THROUGH,
            &[],
            &[fixup(6, FixupKind::Slot, "callee", -4)]
        ),
        42
    );
    assert_eq!(
        run(&LOAD_THROUGH, &[], &[fixup(3, FixupKind::Slot, "far", -4)]),
        17
    );
    // A constant behind the code, by its name; it is the address of something, or a distance.
    let mut code = LOAD.to_vec();
    code.extend([0; 8]);
    let constant = [Symbol {
        name: "constant",
        offset: 8,
    }];
    let load = fixup(3, rel, "constant", -4);
    let address = fixup(8, FixupKind::Absolute64, "callee", 3);
    let expected = forty_two as *const () as u64 + 3;
    assert_eq!(run(&code, &constant, &[load, address]), expected);
    let distance = fixup(8, FixupKind::Relative64, ENTRY, 0);
    assert_eq!(
        run(&code, &constant, &[load, distance]),
        (-8i64).cast_unsigned()
    );
    // Entered in the middle.
    let code = [&[0xcc; 8][..], &[0xb8, 5, 0, 0, 0, 0xc3]].concat();
    let entry = [Symbol {
        name: ENTRY,
        offset: 8,
    }];
    assert_eq!(run(&code, &entry, &[]), 5);
}

#[test]
fn what_is_wrong_with_bytes_is_named() {
    let refused = |symbols: &[Symbol<'_>], fixups: &[Fixup<'_>], align| {
        let runtime = runtime();
        let before = runtime.ledger();
        let code = &LOAD;
        let bytes = Bytes {
            code,
            align,
            symbols,
            fixups,
        };
        let object = Object {
            resolve: &|name| (name == "far").then_some(&raw const SEVENTEEN as usize),
            ..Object::new(id(1, 1), Source::Bytes(bytes), ENTRY)
        };
        let error = runtime.publish(&object).expect_err("it is refused");
        assert_eq!(runtime.ledger(), before);
        error
    };
    let rel = FixupKind::Relative32;
    assert_eq!(
        refused(&[], &[fixup(3, rel, "nowhere", 0)], 1),
        Error::UnresolvedSymbol("nowhere".into())
    );
    assert_eq!(
        refused(&[], &[fixup(3, rel, "far", 0)], 1),
        Error::OutOfRange {
            kind: "Relative32",
            symbol: "far".into()
        }
    );
    let outside = Symbol {
        name: ENTRY,
        offset: 8,
    };
    let bad: [(&[Symbol<'_>], &[Fixup<'_>], usize); 4] = [
        (&[outside], &[], 1),
        (&[], &[fixup(5, rel, ENTRY, 0)], 1),
        (&[], &[fixup(usize::MAX, rel, ENTRY, 0)], 1),
        (&[], &[], 24),
    ];
    for (symbols, fixups, align) in bad {
        let error = refused(symbols, fixups, align);
        assert!(matches!(error, Error::BadObject(_)), "{error}");
    }
}

#[test]
fn alignment_is_kept() {
    let runtime = runtime();
    let entry = entry(&runtime, 1, Strategy::IndirectCell);
    // lea rax, [rip - 7]; ret
    let code = [0x48, 0x8d, 0x05, 0xf9, 0xff, 0xff, 0xff, 0xc3];
    let mut codes = Vec::new();
    for (version, align) in (0..).zip([1, 16, 64, 4096, 32, 128].repeat(3)) {
        let bytes = Bytes {
            code: &code,
            align,
            ..Bytes::default()
        };
        let code = runtime.publish(&Object::new(id(1, version), Source::Bytes(bytes), ENTRY));
        let code = code.expect("good bytes");
        entry.relink(&code).expect("the same identity");
        assert_eq!(call(&entry) % align.max(16) as u64, 0, "{align}");
        codes.push(code);
    }
}

/// Two functions that call each other, as one object: the second's result and one more.
fn group(version: u32) -> Vec<u8> {
    let mut code = vec![
        0x48, 0x83, 0xec, 8, 0xe8, 7, 0, 0, 0, 0x48, 0x83, 0xc4, 8, 0xff, 0xc0, 0xc3,
    ];
    code.push(0xb8);
    code.extend(version.to_le_bytes());
    code.push(0xc3);
    code
}

#[test]
fn members_are_found_and_freed_together() {
    let runtime = runtime();
    let entries = [1, 2].map(|identity| entry(&runtime, identity, Strategy::IndirectCell));
    let code = group(10);
    let symbols = [Symbol {
        name: "second",
        offset: 16,
    }];
    let bytes = Bytes {
        code: &code,
        symbols: &symbols,
        ..Bytes::default()
    };
    let second = Member {
        id: id(2, 7),
        entry_symbol: "second",
    };
    let values = [(0, 100), (9, 101), (16, 102)].map(|(offset, value)| PcValue { offset, value });
    let object = Object {
        members: &[second],
        pc_values: &values,
        ..Object::new(id(1, 5), Source::Bytes(bytes), ENTRY)
    };
    let code = runtime.publish(&object).expect("good bytes");
    assert_eq!(code.ids(), [id(1, 5), id(2, 7)]);
    runtime
        .relink(&[(&entries[0], &code), (&entries[1], &code)])
        .expect("the same identities");
    assert_eq!(entries.each_ref().map(call), [11, 10]);
    let third = entry(&runtime, 3, Strategy::IndirectCell);
    let wrong = runtime.relink(&[(&entries[0], &code), (&third, &code)]);
    assert_eq!(wrong, Err(Error::WrongIdentity { code: 1, entry: 3 }));

    let start = runtime
        .report()
        .blocks
        .iter()
        .find(|it| it.owner.to_string().contains("f1v5 f2v7"))
        .expect("it is listed")
        .start;
    let found = |offset: usize| {
        let found = runtime.find(start + offset).expect("it has an owner");
        (found.id, found.offset, found.value)
    };
    assert_eq!(found(0), (id(1, 5), 0, Some(100)));
    assert_eq!(found(8), (id(1, 5), 8, Some(100)));
    assert_eq!(found(15), (id(1, 5), 15, Some(101)));
    assert_eq!(found(16), (id(2, 7), 16, Some(102)));
    drop(code);
    assert_eq!(entries.each_ref().map(call), [0, 0]);
    // Somebody is inside of one of them.
    assert_eq!(runtime.collect(&|it| it == id(2, 7)).still_inside, 1);
    assert_eq!(runtime.collect(&|_| false).freed, [id(1, 5), id(2, 7)]);
}

#[test]
fn members_and_values_that_are_wrong() {
    let runtime = runtime();
    let code = group(1);
    let bytes = Bytes {
        code: &code,
        ..Bytes::default()
    };
    let object = Object::new(id(1, 1), Source::Bytes(bytes), ENTRY);
    let member = |identity, entry_symbol| Member {
        id: id(identity, 1),
        entry_symbol,
    };
    let value = |offset| PcValue { offset, value: 0 };
    for (members, pc_values) in [
        (vec![member(2, "nowhere")], vec![]),
        (vec![member(1, ENTRY)], vec![]),
        (vec![], vec![value(3), value(3)]),
    ] {
        let object = Object {
            members: &members,
            pc_values: &pc_values,
            ..object
        };
        let error = runtime.publish(&object).expect_err("it is refused");
        assert!(matches!(error, Error::BadObject(_)), "{error}");
    }
}
