//! Each rule of the verifier has an example that breaks it.

use crate::hir::{Func, Inst, Op, Rules, Type, verify};
use cranelift_entity::EntityRef;
use expect_test::{Expect, expect};
use martlet_snapshot::EntryPoint;

/// The root code has two locals, code 1 has one.
const RULES: Rules<'_> = Rules {
    n_locals: &[2, 1],
    refcounted: false,
};

fn parse(blocks: &str) -> Func {
    let text = format!("func \"f\" start\n{blocks}");
    text.parse()
        .unwrap_or_else(|error| panic!("{error} in\n{text}"))
}

fn verdict(func: &Func, rules: &Rules<'_>) -> String {
    let violations = match verify(func, rules) {
        Ok(()) => return "fine".into(),
        Err(violations) => violations,
    };
    let lines: Vec<_> = violations.all.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

fn check(blocks: &str, expect: Expect) {
    expect.assert_eq(&verdict(&parse(blocks), &RULES));
}

/// Checks what stands before `return`, with v0 an object, v1 an int, v2 its value, v3 a bit, v4 a float's value.
fn check_insts(insts: &str, expect: Expect) {
    let text = format!(
        "bb0 @0:
           v0: obj any|null = load_local(0)
           v1: obj int = guard_kind(int) v0 [fs0]
           v2: i64 int = unbox_int v1 [fs0]
           v3: i1 bool = bool(true)
           v4: f64 float = float(1.5)
           {insts}
           return v1
         states:
           fs0: code 0 at 0 locals [] stack []"
    );
    check(&text, expect);
}

/// Checks the frame states of an exit, with v0 an object, v1 an integer, v2 several results.
fn check_states(states: &str, expect: Expect) {
    let text = format!(
        "bb0 @0:
           v0: obj any|null = load_local(0)
           v1: i64 int = int(1)
           v2: multi any = call.martlet_int_pow v1, v1
           exit \"test\" fs0
         {states}"
    );
    check(&text, expect);
}

const STATE: &str = "states:\n fs0: code 0 at 0 locals [] stack []";

#[test]
fn a_good_function() {
    check_insts("", expect!["fine"]);
    check(
        "bb0 @0:
           v0: obj any = const(o0)
           v1: obj any = call.martlet_get_iter v0 [fs0]
           checked bb1(v1), bb2
         bb1(v2: obj any) @2:
           v3: i1 bool = same v1, v2
           branch v3, bb3, bb1(v2)
         bb2 @2 cold:
           raise fs0
         bb3 @3:
           return v2
         states:
           fs0: code 0 at 0 locals [] stack []",
        // v1 exists on the edge to bb1, but bb1 is also reached from itself.
        expect!["bb1: `v3: i1 bool = same v1, v2`: uses v1, which need not be defined here"],
    );
    check(
        "bb0 @0:
           v0: obj any = const(o0)
           v1: obj any = call.martlet_get_iter v0 [fs0]
           checked bb1, bb2
         bb1 @2:
           return v1
         bb2 @2 cold:
           raise fs0
         states:
           fs0: code 0 at 0 locals [] stack []",
        expect!["fine"],
    );
}

#[test]
fn entry() {
    check(
        "bb0(v0: obj any) @0:\n jump bb0(v0)",
        expect![[r#"
        bb0: the entry block has parameters
        end of bb0: the entry block is jumped to"#]],
    );
}

#[test]
fn ends() {
    check(
        "bb0 @0:\n none",
        expect!["end of bb0: the block does not end"],
    );
}

#[test]
fn shared_instruction() {
    let mut func = parse("bb0 @0:\n v0: obj any = const(o0)\n return v0");
    let entry = func.entry;
    func.blocks[entry].insts.push(Inst::new(0));
    expect!["bb0: `v0: obj any = const(o0)`: the instruction stands in more than one place"]
        .assert_eq(&verdict(&func, &RULES));
}

#[test]
fn raising() {
    check_insts(
        "call.martlet_list_append v1, v1 [fs0]",
        expect![
            "bb0: `call.martlet_list_append v1, v1 [fs0]`: raises, but the block does not end with `checked`"
        ],
    );
    check(
        &format!(
            "bb0 @0:
               v0: obj any = const(o0)
               call.martlet_list_append v0, v0 [fs0]
               v1: i64 int = int(1)
               checked bb1, bb1
             bb1 @0:
               raise fs0
             {STATE}"
        ),
        expect![[r#"
            bb0: `call.martlet_list_append v0, v0 [fs0]`: raises, but is not the last of its block
            end of bb0: `checked`, but the last instruction cannot raise"#]],
    );
    check(
        &format!(
            "bb0 @0:
               v0: obj any = const(o0)
               v1: obj any = call.martlet_get_iter v0 [fs0]
               checked bb1, bb2(v0)
             bb1 @0:
               raise fs0
             bb2(v2: obj any) @0:
               return v1
             {STATE}"
        ),
        expect![[r#"
            end of bb0: the block for exceptions, bb2, has parameters
            end of bb2: uses v1, which need not be defined here"#]],
    );
    check_insts(
        "v5: obj any = call.martlet_get_iter v1",
        expect![[r#"
        bb0: `v5: obj any = call.martlet_get_iter v1`: raises, but the block does not end with `checked`
        bb0: `v5: obj any = call.martlet_get_iter v1`: may leave, but has no frame state"#]],
    );
}

#[test]
fn targets() {
    check(
        "bb0 @0:\n jump bb1\nbb1(v0: obj any) @0:\n return v0",
        expect!["end of bb0: bb1 has 1 parameters, but gets 0 arguments"],
    );
    check(
        "bb0 @0:\n v0: i64 int = int(1)\n jump bb1(v0)\nbb1(v1: obj any) @0:\n return v1",
        expect!["end of bb0: parameter v1 of bb1 is obj, but v0 is i64"],
    );
    check(
        "bb0 @0:\n v0: obj any|null = load_local(0)\n jump bb1(v0)\nbb1(v1: obj any) @0:\n return v1",
        expect!["end of bb0: parameter v1 of bb1 is any, but v0 may be any|null"],
    );
}

#[test]
fn dominance() {
    check(
        "bb0 @0:\n set_ip(1)\n drop v0\n v0: obj any = const(o0)\n return v0",
        expect!["bb0: `drop v0`: uses v0, which need not be defined here"],
    );
    check(
        "bb0 @0:
           v0: i1 bool = bool(true)
           branch v0, bb1, bb2
         bb1 @0:
           v1: obj any = const(o0)
           jump bb2
         bb2 @0:
           return v1",
        expect!["end of bb2: uses v1, which need not be defined here"],
    );
    check(
        "bb0 @0:\n v0: obj any = const(o0)\n return v1\nbb1 @0:\n v1: obj any = const(o0)\n return v1",
        expect!["end of bb0: uses v1, which is defined nowhere"],
    );
    // A state is used before the instruction has its result.
    check(
        "bb0 @0:
           v0: obj any|null = load_local(0)
           v1: obj any = guard_not_null v0 [fs0]
           return v1
         states:
           fs0: code 0 at 0 locals [] stack [v1]",
        expect![
            "bb0: `v1: obj any = guard_not_null v0 [fs0]`: uses v1, which need not be defined here"
        ],
    );
}

#[test]
fn definitions() {
    let mut func = parse("bb0 @0:\n v0: obj any = const(o0)\n v1: obj any = const(o1)\n return v0");
    func.insts[Inst::new(1)].result = func.insts[Inst::new(0)].result;
    expect!["bb0: `v0: obj any = const(o1)`: v0 says that it is defined elsewhere"]
        .assert_eq(&verdict(&func, &RULES));
    check(
        "bb0 @0:\n v0: i64 any = int(1)\n exit \"x\" fs0\nstates:\n fs0: code 0 at 0 locals [] stack []",
        expect!["bb0: `v0: i64 any = int(1)`: v0 is i64, but may be any"],
    );
}

#[test]
fn results() {
    check_insts(
        "v5: f64 float = int_add_wrapping v2, v2",
        expect!["bb0: `v5: f64 float = int_add_wrapping v2, v2`: result should be i64, but is f64"],
    );
    check_insts(
        "v5: obj any = drop v1",
        expect!["bb0: `v5: obj any = drop v1`: result should be unit, but is obj"],
    );
    check_insts(
        "int(3)",
        expect!["bb0: `int(3)`: result should be i64, but is unit"],
    );
    check_insts(
        "v5: obj any = first v1",
        expect![[r#"
        bb0: `v5: obj any = first v1`: operand v1 should be multi, but is obj
        bb0: `v5: obj any = first v1`: v1 has no such result"#]],
    );
    check_insts(
        "v5: multi any = call.martlet_int_pow v2, v2\n v6: obj any = extract(0) v5",
        expect!["bb0: `v6: obj any = extract(0) v5`: v5 has no such result"],
    );
    check_insts(
        "v5: multi any = call.martlet_int_pow v2, v2\n v6: f64 float = first v5\n v7: i1 bool = second v5",
        expect!["bb0: `v6: f64 float = first v5`: result should be i64, but is f64"],
    );
}

#[test]
fn operands() {
    check_insts(
        "v5: i64 int = int_add_wrapping v2",
        expect!["bb0: `v5: i64 int = int_add_wrapping v2`: takes 2 operands, but has 1"],
    );
    check_insts(
        "v5: i64 int = int_add_wrapping v2, v1",
        expect![
            "bb0: `v5: i64 int = int_add_wrapping v2, v1`: operand v1 should be i64, but is obj"
        ],
    );
    check_insts(
        "v5: f64 float = unbox_float v0",
        expect![
            "bb0: `v5: f64 float = unbox_float v0`: operand v0 should be float, but may be any|null"
        ],
    );
    check_insts(
        "v5: obj any = list_item v1, v2",
        expect!["bb0: `v5: obj any = list_item v1, v2`: operand v1 should be list, but may be int"],
    );
    check_insts(
        "v5: obj any = call.martlet_call v1 [fs0]",
        expect![[r#"
        bb0: `v5: obj any = call.martlet_call v1 [fs0]`: takes 2 operands, but has 1
        bb0: `v5: obj any = call.martlet_call v1 [fs0]`: raises, but the block does not end with `checked`"#]],
    );
    check_insts(
        "v5: obj any = call_direct(o1, 2, 12) [fs0]",
        expect![[r#"
        bb0: `v5: obj any = call_direct(o1, 2, 12) [fs0]`: takes 1 operands, but has 0
        bb0: `v5: obj any = call_direct(o1, 2, 12) [fs0]`: raises, but the block does not end with `checked`"#]],
    );
    check_insts(
        "v5: obj any = call.martlet_binary_op v1, v1, v2 [fs0]",
        expect![[r#"
            bb0: `v5: obj any = call.martlet_binary_op v1, v1, v2 [fs0]`: operand v2 should be a constant of 32 bits
            bb0: `v5: obj any = call.martlet_binary_op v1, v1, v2 [fs0]`: raises, but the block does not end with `checked`"#]],
    );
    check_insts(
        "guard(true) v2 [fs0]",
        expect!["bb0: `guard(true) v2 [fs0]`: operand v2 should be i1, but is i64"],
    );
    check(
        "bb0 @0:\n v0: obj any = const(o0)\n branch v0, bb1, bb1\nbb1 @0:\n return v0",
        expect!["end of bb0: operand v0 should be i1, but is obj"],
    );
    check(
        "bb0 @0:\n v0: i64 int = int(1)\n return v0",
        expect!["end of bb0: operand v0 should be obj, but is i64"],
    );
}

#[test]
fn missing_state() {
    check_insts(
        "v5: obj any = guard_not_null v0",
        expect!["bb0: `v5: obj any = guard_not_null v0`: may leave, but has no frame state"],
    );
}

#[test]
fn states() {
    check_states(STATE, expect!["fine"]);
    check_states(
        "states:\n fs0: code 3 at 0 locals [] stack []",
        expect![[r#"
        fs0: a root frame is of code 0 and has no function, an inlined frame has one
        fs0: code 3 does not exist"#]],
    );
    check_states(
        "states:\n fs0: code 0 at 0 locals [null] stack []",
        expect!["fs0: 1 locals, but the code has 2"],
    );
    check_states(
        "states:\n fs0: code 0 function v0 at 0 locals [] stack []",
        expect!["fs0: a root frame is of code 0 and has no function, an inlined frame has one"],
    );
    check_states(
        "states:\n fs0: code 1 at 0 locals [] stack [] parent fs1\n fs1: code 0 at 0 locals [] stack []",
        expect![[r#"
            fs0: a root frame is of code 0 and has no function, an inlined frame has one
            fs0: 0 locals, but the code has 1"#]],
    );
    check_states(
        "states:\n fs0: code 0 function v0 at 0 locals [null, null] stack [] parent fs0",
        expect!["fs0: is its own parent"],
    );
    check_states(
        "states:\n fs0: code 0 at 0 locals [memory, v0] stack [memory]",
        expect!["fs0: `memory` stands elsewhere than in a root frame's locals"],
    );
    check_states(
        "states:\n fs0: code 1 function v0 at 0 locals [memory] stack [] parent fs1\n fs1: code 0 at 0 locals [] stack []",
        expect!["fs0: `memory` stands elsewhere than in a root frame's locals"],
    );
    check_states(
        "states:\n fs0: code 0 at 0 locals [] stack [raw v1, v2]",
        expect![[r#"
            fs0: `raw v1` stands elsewhere than in a virtual object
            fs0: v2 is multi: it cannot stand in a frame"#]],
    );
}

#[test]
fn virtual_objects() {
    let state =
        "states:\n fs0: code 0 at 0 locals [] stack [x1]\nvirtuals:\n x0: tuple [v0, null]\n";
    check_states(
        &format!("{state} x1: enumerate [raw v1, x0]"),
        expect!["fine"],
    );
    check_states(
        &format!("{state} x1: enumerate [x0, raw v1]"),
        expect!["x1: fields are not those of its kind"],
    );
    check_states(
        &format!("{state} x1: tuple [x0, raw v1]"),
        expect!["x1: fields are not those of its kind"],
    );
    check_states(
        &format!("{state} x1: tuple [x1]"),
        expect!["x1: names x1, which is not before it"],
    );
    check_states(
        &format!("{state} x1: list_iter [memory, raw v0]"),
        expect![[r#"
            x1: `memory` stands elsewhere than in a root frame's locals
            x1: operand v0 should be i64, but is obj"#]],
    );
}

#[test]
fn refcounts() {
    check_insts(
        "inc_ref v0",
        expect!["bb0: `inc_ref v0`: counts references before the refcount pass"],
    );
    let text = "bb0 @0:
           v0: obj any = const(o0)
           dec_ref v0
           exit \"x\" fs0 owned v0
         states:
           fs0: code 0 at 0 locals [] stack []";
    check(
        text,
        expect![[r#"
        bb0: `dec_ref v0`: counts references before the refcount pass
        end of bb0: counts references before the refcount pass"#]],
    );
    let rules = Rules {
        refcounted: true,
        ..RULES
    };
    assert_eq!(verdict(&parse(text), &rules), "fine");
}

#[test]
fn loop_versions_and_resumption() {
    check_insts(
        "v5: obj any = take_stack(0)",
        expect![
            "bb0: `v5: obj any = take_stack(0)`: takes from the stack elsewhere than at the entry of a loop version"
        ],
    );
    check_insts(
        "v5: obj any = null\n  put_stack(0) v5",
        expect![
            "bb0: `put_stack(0) v5`: leaves something on the stack of a frame that is never suspended"
        ],
    );
    let mut func = parse("bb0 @0:\n stay");
    expect![
        "end of bb0: leaves a frame as it was found that is not entered where it was suspended"
    ]
    .assert_eq(&verdict(&func, &RULES));
    func.entry_point = EntryPoint::Resume;
    expect!["fine"].assert_eq(&verdict(&func, &RULES));
    let text = "bb0 @0:\n v0: obj any = take_stack(0)\n return v0";
    let mut func = parse(text);
    func.entry_point = EntryPoint::Loop(2);
    expect!["end of bb0: returns from a version that is entered at a loop"]
        .assert_eq(&verdict(&func, &RULES));
}

#[test]
fn violations_name_the_function() {
    let mut func = Func::new("C.f", EntryPoint::Start);
    let inst = func.make_inst(Op::Null, vec![], None, Type::ANY, 0);
    let entry = func.entry;
    func.blocks[entry].insts.push(inst);
    let error = verify(&func, &RULES).unwrap_err();
    expect![[r#"
        HIR of C.f is wrong:
          end of bb0: the block does not end"#]]
    .assert_eq(&error.to_string());
}
