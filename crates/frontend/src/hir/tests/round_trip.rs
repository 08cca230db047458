//! What is printed can be read, and prints the same again.

use crate::hir::{
    Block, Cond, ExitSite, Field, Func, Handover, HelperId, IntOp, Kind, Op, Slot, State, Target,
    Term, Type, Virtual,
};
use expect_test::{Expect, expect};
use martlet_snapshot::{EntryPoint, ObjId, Returned, VirtualKind};

fn check(func: &Func, expect: Expect) {
    let text = func.to_string();
    expect.assert_eq(&text);
    check_text(&text);
}

fn check_text(text: &str) {
    let read: Func = text
        .parse()
        .unwrap_or_else(|error| panic!("{error} in\n{text}"));
    assert_eq!(read.to_string(), text);
}

fn check_error(text: &str, expect: Expect) {
    expect.assert_eq(&text.parse::<Func>().unwrap_err().to_string());
}

fn to(block: Block, args: &[crate::hir::Value]) -> Target {
    Target {
        block,
        args: args.to_vec(),
    }
}

#[test]
fn everything_a_function_has() {
    let mut func = Func::new("C.<locals>.f \"quoted\"", EntryPoint::Loop(7));
    func.inlined = vec![ObjId(4), ObjId(5)];
    func.bytecodes = 3;
    let entry = func.entry;
    let body = func.add_block(9);
    let raised = func.add_block(9);
    func.blocks[raised].cold = true;
    let param = func.add_param(body, crate::hir::Rep::I64, Type::of(Kind::INT));
    let local = func.make_inst(Op::LoadLocal(0), vec![], None, Type::of(Kind::all()), 0);
    let local_value = func.insts[local].result.unwrap();
    func.virtuals.push(Virtual {
        kind: VirtualKind::ListIter,
        items: vec![Slot::Value(local_value), Slot::Raw(param)],
    });
    func.virtuals.push(Virtual {
        kind: VirtualKind::Tuple,
        items: vec![Slot::Virtual(0), Slot::Null],
    });
    let outer = func.states.push(State {
        code: 0,
        function: None,
        offset: 2,
        return_to: 6,
        returned: Returned::Initialised,
        locals: vec![Slot::Memory, Slot::Null],
        stack: vec![Slot::Virtual(1)],
        parent: None,
    });
    let inner = func.states.push(State {
        code: 1,
        function: Some(local_value),
        offset: 0,
        return_to: 0,
        returned: Returned::Pushed,
        locals: vec![],
        stack: vec![],
        parent: Some(outer),
    });
    let known = Type {
        kinds: Kind::INT | Kind::FLOAT,
        object: Some(ObjId(2)),
    };
    let guard = func.make_inst(
        Op::GuardKind(Kind::INT),
        vec![local_value],
        Some(inner),
        known,
        2,
    );
    let value = func.insts[guard].result.unwrap();
    func.handovers.insert(
        ExitSite::Inst(guard),
        Handover {
            owned: vec![local_value],
            drops: vec![local_value],
        },
    );
    let one = func.make_inst(Op::Int(i64::MIN), vec![], None, Type::of(Kind::INT), 2);
    let one_value = func.insts[one].result.unwrap();
    func.blocks[entry].insts = vec![local, guard, one];
    func.blocks[entry].term = Term::Jump(to(body, &[one_value]));
    let call = func.make_inst(
        Op::Call {
            helper: HelperId::UnpackSequence,
            outputs: 2,
        },
        vec![value, param],
        Some(outer),
        Type::ANY,
        9,
    );
    func.blocks[body].insts = vec![call];
    func.blocks[body].term = Term::Checked {
        ok: to(body, &[param]),
        raised: to(raised, &[]),
    };
    func.blocks[raised].term = Term::Exit {
        state: outer,
        reason: "never_ran",
    };
    check(
        &func,
        expect![[r#"
            func "C.<locals>.f \"quoted\"" loop 7 entry bb0 bytecodes 3 inlined o4, o5
            bb0 @0:
              v1: obj any|null = load_local(0)
              v2: obj int|float[o2] = guard_kind(int) v1 [fs1 owned v1 drops v1] @2
              v3: i64 int = int(-9223372036854775808)
              jump bb1(v3)
            bb1(v0: i64 int) @9:
              v4: multi any = call.martlet_unpack_sequence(2) v2, v0 [fs0]
              checked bb1(v0), bb2
            bb2 @9 cold:
              exit "never_ran" fs0
            states:
              fs0: code 0 at 2 locals [memory, null] stack [x1] init 6
              fs1: code 1 function v1 at 0 locals [] stack [] parent fs0
            virtuals:
              x0: list_iter [v1, raw v0]
              x1: tuple [x0, null]
        "#]],
    );
}

#[test]
fn every_operation() {
    let old = Type::of(Kind::INT | Kind::NULL);
    let ops = [
        Op::Int(-3),
        Op::Float(1.5f64.to_bits()),
        Op::Float((-0.0f64).to_bits()),
        Op::Float(f64::INFINITY.to_bits()),
        Op::Float(0x7ff8_0000_0000_0001),
        Op::Bool(true),
        Op::Const(ObjId(3)),
        Op::StoreLocal { local: 1, old },
        Op::ClearLocal { local: 1, old },
        Op::TakeStack(2),
        Op::PutStack(2),
        Op::IntBin(IntOp::Xor),
        Op::IntCmp(Cond::Le),
        Op::Load(Field::RangeIterLen),
        Op::GuardSame(ObjId(1)),
        Op::CallDirect {
            code: ObjId(1),
            n_locals: 2,
            frame_size: 12,
        },
        Op::Extract(1),
    ];
    let mut func = Func::new("ops", EntryPoint::Start);
    let entry = func.entry;
    for op in ops {
        let inst = func.make_inst(op, vec![], None, Type::ANY, 0);
        func.blocks[entry].insts.push(inst);
    }
    check(
        &func,
        expect![[r#"
            func "ops" start entry bb0 bytecodes 0
            bb0 @0:
              v0: i64 any = int(-3)
              v1: f64 any = float(1.5)
              v2: f64 any = float(-0.0)
              v3: f64 any = float(inf)
              v4: f64 any = float(0x7ff8000000000001)
              v5: i1 any = bool(true)
              v6: obj any = const(o3)
              store_local(1, null|int)
              clear_local(1, null|int)
              v7: obj any = take_stack(2)
              put_stack(2)
              v8: i64 any = int_bin.xor
              v9: i1 any = int_cmp.le
              v10: i64 any = load.range_iter_len
              v11: obj any = guard_same(o1)
              v12: obj any = call_direct(o1, 2, 12)
              v13: obj any = extract(1)
              none
        "#]],
    );
}

#[test]
fn every_helper() {
    for &helper in HelperId::ALL {
        let mut func = Func::new("calls", EntryPoint::Start);
        let call = Op::Call { helper, outputs: 0 };
        let inst = func.make_inst(call, vec![], None, Type::ANY, 0);
        let entry = func.entry;
        func.blocks[entry].insts.push(inst);
        check_text(&func.to_string());
    }
}

#[test]
fn comments_and_gaps() {
    let read: Func = "func \"a;b\" start entry bb3 ; a comment\n\nbb3 @0:\n  v7: i64 int = int(1) ; one\n  return v7"
        .parse()
        .unwrap();
    let text =
        "func \"a;b\" start entry bb3 bytecodes 0\nbb3 @0:\n  v7: i64 int = int(1)\n  return v7\n";
    assert_eq!(read.to_string(), text);
}

#[test]
fn errors_say_where() {
    check_error("", expect![[r#"line 0: expected a function at """#]]);
    check_error(
        "func f",
        expect![[r#"line 1: expected a string in quotes at "f""#]],
    );
    check_error(
        "func \"f\" start\n  v0: obj any = null",
        expect![[r#"line 2: expected a block at "v0: obj any = null""#]],
    );
    check_error(
        "func \"f\" start\nbb0:\n  v0: obj any = nil",
        expect![[r#"line 3: expected an operation at """#]],
    );
    check_error(
        "func \"f\" start\nbb0:\n  v0: obj any = null v1",
        expect![[r#"line 3: expected a definition of everything named at "v1""#]],
    );
    check_error(
        "func \"f\" start\nbb0:\n  jump bb1",
        expect![[r#"line 3: expected a definition of everything named at "bb1""#]],
    );
    check_error(
        "func \"f\" start\nbb0:\n  check_valid [fs0]",
        expect![[r#"line 3: expected a definition of everything named at "fs0""#]],
    );
    check_error(
        "func \"f\" start\nbb0:\n  v0: obj any = null\n  v0: obj any = null",
        expect![[r#"line 4: expected a value that was not yet defined at "= null""#]],
    );
    check_error(
        "func \"f\" start\nbb0:\n  v0: obj thing = null",
        expect![[r#"line 3: expected a type at "= null""#]],
    );
    check_error(
        "func \"f\" start\nbb0:\n  set_ip(1) and more",
        expect![[r#"line 3: expected the end of the line at "and more""#]],
    );
    check_error(
        "func \"f\" start\nbb0:\n  set_ip(1",
        expect![[r#"line 3: expected an operation at """#]],
    );
    check_error(
        "func \"f\" start\nbb0:\n  none\nbb0:",
        expect![[r#"line 4: expected a block that was not yet defined at ":""#]],
    );
    check_error(
        "func \"f\" start\nbb99999999:",
        expect![[r#"line 2: expected a block at ":""#]],
    );
}
