//! Tests on code that the real interpreter compiled and ran (`tests/data/make.py`), and on damaged bytes.

use super::{Code, DecodeError, Opcode, Special, stack_effect};
use expect_test::{Expect, expect};
use martlet_snapshot::{CodeSnapshot, ObjId};
use proptest::prelude::*;

const LOOP: &str = include_str!("../../tests/data/loop.code");
const ATTRIBUTES: &str = include_str!("../../tests/data/attributes.code");
const PROTECTED: &str = include_str!("../../tests/data/protected.code");
const LONG: &str = include_str!("../../tests/data/long.code");
/// Arguments of the stack effects in `opcodes.txt`.
const ARGS: [u32; 9] = [0, 1, 2, 3, 4, 7, 255, 256, 258];

fn snapshot(text: &str) -> CodeSnapshot {
    let mut snapshot = CodeSnapshot::default();
    for line in text.lines() {
        let (key, value) = line.split_once(' ').unwrap_or((line, ""));
        let words = || value.split_whitespace().map(String::from);
        match key {
            "qualname" => snapshot.qualname = value.into(),
            "first_line" => snapshot.first_line = value.parse().unwrap(),
            "arg_count" => snapshot.arg_count = value.parse().unwrap(),
            "n_locals" => snapshot.n_locals = value.parse().unwrap(),
            "stack_size" => snapshot.stack_size = value.parse().unwrap(),
            "code" => snapshot.code = hex(value),
            "adaptive" => snapshot.adaptive = hex(value),
            "exception_table" => snapshot.exception_table = hex(value),
            "line_table" => snapshot.line_table = hex(value),
            "names" => snapshot.names = words().map(|name| (name, ObjId(0))).collect(),
            "local_names" => snapshot.local_names = words().collect(),
            other => panic!("unknown field {other}"),
        }
    }
    snapshot
}

fn hex(text: &str) -> Vec<u8> {
    text.as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

fn plain(code: &[u8]) -> CodeSnapshot {
    CodeSnapshot {
        code: code.to_vec(),
        adaptive: code.to_vec(),
        ..CodeSnapshot::default()
    }
}

fn check(text: &str, expect: Expect) {
    let snapshot = snapshot(text);
    expect.assert_eq(&Code::decode(&snapshot).unwrap().dump(&snapshot));
}

fn check_error(snapshot: &CodeSnapshot, expect: Expect) {
    expect.assert_eq(&Code::decode(snapshot).unwrap_err().to_string());
}

#[test]
fn opcodes_are_those_of_the_interpreter() {
    let mut n_base = 0;
    for line in include_str!("../../tests/data/opcodes.txt").lines() {
        let mut words = line.split(' ');
        let raw: u8 = words.next().unwrap().parse().unwrap();
        let name = words.next().unwrap();
        let base = words.next().unwrap();
        let opcode = Opcode::from_raw(raw).unwrap_or_else(|| panic!("{name} is unknown"));
        assert_eq!(opcode.name(), base, "base of {name}");
        assert_eq!(opcode.caches(), words.next().unwrap().parse().unwrap());
        if name == base {
            n_base += 1;
            assert_eq!(opcode as u8, raw);
            let effects: Vec<i32> = words.map(|word| word.parse().unwrap()).collect();
            assert_eq!(
                effects,
                ARGS.map(|arg| stack_effect(opcode, arg, true)),
                "{name}"
            );
        } else {
            assert_eq!(Opcode::from_number(raw), None);
        }
        let is_special = name != base && raw < 236 && name != "RESUME_CHECK";
        let special = Special::decode(raw, super::special::Cache(&[]));
        assert_eq!(special.is_some(), is_special, "{name}");
    }
    assert_eq!(n_base, Opcode::ALL.len());
}

#[test]
fn a_loop() {
    check(
        LOOP,
        expect![[r#"
        code loop
            1 L    0 RESUME 0
            2      1 LOAD_CONST 1
                   2 STORE_FAST 1 (total)
            3      3 LOAD_GLOBAL 1 (range) { LoadGlobalBuiltin { index: 70, module_version: 68, builtin_version: 42 } }
                   8 LOAD_FAST 0 (n)
                   9 CALL 1 { CallBuiltinClass }
                  13 GET_ITER
              L   14 FOR_ITER 57 -> 73 { ForIterRange }
              L   16 STORE_FAST 2 (i)
            4     17 LOAD_FAST 2 (i)
                  18 LOAD_CONST 2
                  19 BINARY_OP 6
                  21 LOAD_CONST 1
                  22 COMPARE_OP 88 { CompareInt }
                  24 POP_JUMP_IF_FALSE 9 -> 35 { history: 0110110110110110 }
            5 L   26 LOAD_FAST_LOAD_FAST 18 (total, i)
                  27 LOAD_CONST 3
                  28 BINARY_OP 5 { BinaryOpInt }
                  30 BINARY_OP 13 { BinaryOpInt }
                  32 STORE_FAST 1 (total)
                  33 JUMP_BACKWARD 21 -> 14
            6 L   35 LOAD_FAST 2 (i)
                  36 LOAD_CONST 4
                  37 COMPARE_OP 148 { CompareInt }
                  39 POP_JUMP_IF_TRUE 2 -> 43 { history: 0000000000000000 }
              L   41 JUMP_BACKWARD 29 -> 14
            7 L   43 LOAD_FAST 0 (n)
                  44 LOAD_ATTR 3 (bit_length) !
                  54 CALL 0 !
                  58 LOAD_GLOBAL 5 (abs) !
                  63 LOAD_FAST 1 (total)
                  64 CALL 1 !
                  68 BINARY_OP 0 !
                  70 STORE_FAST 1 (total)
                  71 JUMP_BACKWARD 59 -> 14
            3 L   73 END_FOR
                  74 POP_TOP
            8 L   75 LOAD_FAST 1 (total)
                  76 RETURN_VALUE
    "#]],
    );
}

#[test]
fn attributes_and_calls() {
    check(
        ATTRIBUTES,
        expect![[r#"
        code attributes
            1 L    0 RESUME 0
            2      1 LOAD_CONST 1
                   2 STORE_FAST 1 (total)
            3      3 LOAD_GLOBAL 1 (range) { LoadGlobalBuiltin { index: 70, module_version: 68, builtin_version: 42 } }
                   8 LOAD_GLOBAL 3 (len) { LoadGlobalBuiltin { index: 33, module_version: 68, builtin_version: 42 } }
                  13 LOAD_FAST 0 (points)
                  14 CALL 1 { CallLen }
                  18 CALL 1 { CallBuiltinClass }
                  22 GET_ITER
              L   23 FOR_ITER 45 -> 70 { ForIterRange }
              L   25 STORE_FAST 2 (k)
            4     26 LOAD_FAST_LOAD_FAST 2 (points, k)
                  27 BINARY_SUBSCR { SubscrListInt }
                  29 STORE_FAST 3 (p)
            5     30 LOAD_FAST_LOAD_FAST 19 (total, p)
                  31 LOAD_ATTR 5 (twice) { LoadAttrMethodWithValues { type_version: 131279, keys_version: 73 } }
                  41 CALL 0 { CallPyExactArgs { func_version: 745 } }
                  45 LOAD_FAST 3 (p)
                  46 LOAD_ATTR 6 (x) { LoadAttrInstanceValue { type_version: 131279, index: 0 } }
                  56 BINARY_OP 0 { BinaryOpFloat }
                  58 BINARY_OP 13 { BinaryOpFloat }
                  60 STORE_FAST 1 (total)
            6     61 LOAD_CONST 2
                  62 LOAD_FAST 3 (p)
                  63 STORE_ATTR 3 (x) { StoreAttrInstanceValue { type_version: 131279, index: 0 } }
                  68 JUMP_BACKWARD 47 -> 23
            3 L   70 END_FOR
                  71 POP_TOP
            7 L   72 LOAD_FAST 1 (total)
                  73 RETURN_VALUE
    "#]],
    );
}

#[test]
fn exception_handlers() {
    check(
        PROTECTED,
        expect![[r#"
        code protected
            1 L    0 RESUME 0
            2      1 NOP
            3      2 LOAD_FAST_LOAD_FAST 1 (table, key)
                   3 BINARY_SUBSCR { SubscrDict }
            8      5 LOAD_FAST 0 (table)
                   6 LOAD_ATTR 1 (clear) { LoadAttrMethodNoDict { type_version: 30 } }
                  16 CALL 0 { CallMethodDescriptorNoargs }
                  20 POP_TOP
                  21 RETURN_VALUE
              L   22 PUSH_EXC_INFO
            4     23 LOAD_GLOBAL 2 (KeyError) !
                  28 CHECK_EXC_MATCH
                  29 POP_JUMP_IF_FALSE 17 -> 48
              L   31 STORE_FAST 2 (error)
            5     32 LOAD_GLOBAL 5 (print) !
                  37 LOAD_FAST 2 (error)
                  38 CALL 1 !
                  42 POP_TOP
            6     43 RAISE_VARARGS 0
              L   44 LOAD_CONST 0
                  45 STORE_FAST 2 (error)
                  46 DELETE_FAST 2 (error)
                  47 RERAISE 1
            4 L   48 RERAISE 0
              L   49 COPY 3
                  50 POP_EXCEPT
                  51 RERAISE 1
              L   52 PUSH_EXC_INFO
            8     53 LOAD_FAST 0 (table)
                  54 LOAD_ATTR 1 (clear) !
                  64 CALL 0 !
                  68 POP_TOP
                  69 RERAISE 0
              L   70 COPY 3
                  71 POP_EXCEPT
                  72 RERAISE 1
          2..5 -> 22 depth 0
          22..32 -> 49 depth 1 lasti
          32..44 -> 44 depth 1 lasti
          44..49 -> 49 depth 1 lasti
          49..52 -> 52 depth 0
          52..70 -> 70 depth 1 lasti
    "#]],
    );
}

#[test]
fn prefixes_are_folded() {
    let code = Code::decode(&snapshot(LONG)).unwrap();
    let wide: Vec<_> = code.insts.iter().filter(|inst| inst.arg > 255).collect();
    let [forward, backward] = wide[..] else {
        panic!("two long jumps, but {wide:?}");
    };
    assert_eq!(forward.opcode, Opcode::PopJumpIfFalse);
    assert_eq!(backward.opcode, Opcode::JumpBackward);
    assert_eq!(forward.offset, forward.start + 1);
    assert_eq!(code.index_at(forward.offset), code.index_at(forward.start));
}

#[test]
fn lookups() {
    let code = Code::decode(&snapshot(PROTECTED)).unwrap();
    let handler = code.handler(code.exceptions[0].start).unwrap();
    assert_eq!(handler, &code.exceptions[0]);
    assert_eq!(code.at(handler.target).unwrap().opcode, Opcode::PushExcInfo);
    assert_eq!(code.handler(0), None);
    assert_eq!(code.index_at(u32::MAX), None);
    let code = Code::decode(&snapshot(LOOP)).unwrap();
    let [header] = code.loop_headers()[..] else {
        panic!("one loop");
    };
    let for_iter = code.at(header).unwrap();
    assert_eq!(for_iter.opcode, Opcode::ForIter);
    let behind = code.behind_loop(for_iter.jump_target().unwrap()).unwrap();
    assert_eq!(code.at(behind).unwrap().opcode, Opcode::LoadFast);
}

#[test]
fn what_precedes_something_that_ran_did_not_never_run() {
    // LOAD_FAST 0, TO_BOOL (counter as at first), LOAD_FAST 0, TO_BOOL (specialised), RETURN_VALUE.
    let code = [
        85, 0, 40, 0, 0, 0, 0, 0, 0, 0, 85, 0, 40, 0, 0, 0, 0, 0, 0, 0, 36, 0,
    ];
    let mut snapshot = plain(&code);
    snapshot.adaptive[4] = 0x11;
    snapshot.adaptive[14] = 0x11;
    let never = |snapshot: &CodeSnapshot| {
        let insts = Code::decode(snapshot).unwrap().insts;
        [insts[1].never_ran, insts[3].never_ran]
    };
    assert_eq!(never(&snapshot), [true, true]);
    snapshot.adaptive[12] = 215;
    assert_eq!(never(&snapshot), [false, false]);
    snapshot.adaptive[12] = 40;
    snapshot.adaptive[14] = 0x31;
    assert_eq!(never(&snapshot), [false, false]);
}

#[test]
fn errors() {
    check_error(&plain(&[]), expect!["no code"]);
    check_error(
        &plain(&[36]),
        expect!["code of 1 bytes is not a whole number of code units"],
    );
    check_error(&plain(&[0, 0]), expect!["unknown opcode 0 at 0"]);
    check_error(&plain(&[254, 0]), expect!["unknown opcode 254 at 0"]);
    check_error(&plain(&[71, 1]), expect!["instruction at 0 is cut off"]);
    check_error(
        &plain(&[91, 1, 0, 0]),
        expect!["instruction at 0 is cut off"],
    );
    let many = [71, 1, 71, 1, 71, 1, 71, 1, 85, 0, 36, 0];
    check_error(
        &plain(&many),
        expect!["instruction at 0 has more than three prefixes"],
    );
    check_error(
        &plain(&[79, 1, 36, 0]),
        expect!["jump at 0 leads to 2, where no instruction starts"],
    );
    check_error(
        &plain(&[78, 9, 36, 0]),
        expect!["jump at 0 leads to -8, where no instruction starts"],
    );
    check_error(&plain(&[30, 0]), expect!["control runs off the end"]);
    let mut snapshot = plain(&[36, 0]);
    snapshot.exception_table = vec![0x80, 1];
    check_error(
        &snapshot,
        expect!["entry 0 of the exception table is malformed"],
    );
    snapshot.exception_table = vec![0x80, 1, 5, 0];
    check_error(
        &snapshot,
        expect!["entry 0 of the exception table leads to 5, where no instruction starts"],
    );
    snapshot.exception_table = vec![];
    snapshot.line_table = vec![0x80 | 14 << 3, 2];
    check_error(
        &snapshot,
        expect!["location table is malformed at code unit 0"],
    );
    snapshot.adaptive.clear();
    check_error(&snapshot, expect!["adaptive code has 0 bytes, code has 2"]);
}

#[test]
fn a_local_that_there_is_not_is_refused() {
    let code = Code::decode(&plain(&[149, 0, 88, 0x12, 103, 0])).unwrap();
    assert_eq!(code.insts[1].opcode, Opcode::LoadFastLoadFast);
    assert!(code.check_locals(3).is_ok());
    expect!["instruction at 1 names local 2"]
        .assert_eq(&code.check_locals(2).unwrap_err().to_string());
}

/// Code that decodes can be walked and printed whatever it holds.
fn survives(snapshot: &CodeSnapshot) -> Result<(), DecodeError> {
    let code = Code::decode(snapshot)?;
    code.dump(snapshot);
    for leader in code.leaders() {
        assert!(code.at(leader).is_some_and(|inst| inst.start == leader));
    }
    for inst in &code.insts {
        inst.stack_effect();
        code.handler(inst.offset);
    }
    Ok(())
}

proptest! {
    #[test]
    fn random_bytes_do_not_panic(
        code in proptest::collection::vec(any::<u8>(), 0..60),
        exception_table in proptest::collection::vec(any::<u8>(), 0..12),
        line_table in proptest::collection::vec(any::<u8>(), 0..12),
        first_line in any::<i32>(),
    ) {
        let snapshot = CodeSnapshot { exception_table, line_table, first_line, ..plain(&code) };
        let _ = survives(&snapshot);
    }

    #[test]
    fn mutated_code_does_not_panic(
        which in 0usize..4,
        mutations in proptest::collection::vec((0usize..4, any::<usize>(), any::<u8>()), 1..4),
    ) {
        let mut snapshot = snapshot([LOOP, ATTRIBUTES, PROTECTED, LONG][which]);
        for (part, position, byte) in mutations {
            let bytes = match part {
                0 => &mut snapshot.code,
                1 => &mut snapshot.adaptive,
                2 => &mut snapshot.exception_table,
                _ => &mut snapshot.line_table,
            };
            if !bytes.is_empty() {
                let position = position % bytes.len();
                bytes[position] = byte;
            }
        }
        let _ = survives(&snapshot);
    }
}
