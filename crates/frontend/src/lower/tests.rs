//! Functions of every operation are lowered, and LLVM's verifier is content.

use super::*;
use crate::hir::{
    Arg, Block, Cond, Field, FloatOp, HelperId, IntOp, Kind, Op, Raised, Rep, Slot, State, StateId,
    Target, Term, Type, Value,
};
use martlet_snapshot::{CodeSnapshot, Desc, Mode, ObjId, Object, Returned};

/// Builds a function block by block.
struct Build {
    func: Func,
    block: Block,
    state: StateId,
}

fn to(block: Block) -> Target {
    Target {
        block,
        args: Vec::new(),
    }
}

impl Build {
    fn new() -> Self {
        let mut func = Func::new("f", EntryPoint::Start);
        let state = func.states.push(state(&[]));
        let block = func.entry;
        Self { func, block, state }
    }

    fn op(&mut self, op: Op, args: &[Value]) -> Option<Value> {
        self.typed(op, args, Type::ANY)
    }

    fn typed(&mut self, op: Op, args: &[Value], ty: Type) -> Option<Value> {
        let state = Some(self.state);
        let inst = self.func.make_inst(op, args.to_vec(), state, ty, 0);
        self.func.blocks[self.block].insts.push(inst);
        if op.effects().may_raise {
            self.check();
        }
        self.func.insts[inst].result
    }

    fn value(&mut self, op: Op, args: &[Value]) -> Value {
        self.op(op, args).expect("an operation with a result")
    }

    fn check(&mut self) {
        let [ok, raised] = [0; 2].map(|offset| self.func.add_block(offset));
        self.func.blocks[self.block].term = Term::Checked {
            ok: to(ok),
            raised: to(raised),
        };
        self.func.blocks[raised].term = Term::Raise {
            state: self.state,
            raised: Raised::Here,
        };
        self.block = ok;
    }

    fn end(&mut self, term: Term) {
        self.func.blocks[self.block].term = term;
    }

    fn lower(&self) -> (String, Lowered) {
        let request = request();
        let mut module = Module::new("test");
        let lowered = lower(&self.func, &request, &mut module).expect("it can be lowered");
        module.verify().expect("the module is valid");
        let text = module.read(|edit| edit.module().print_to_string().to_string());
        (text, lowered)
    }
}

fn state(stack: &[Slot]) -> State {
    State {
        code: 0,
        function: None,
        offset: 7,
        return_to: 0,
        returned: Returned::Pushed,
        locals: Vec::new(),
        stack: stack.to_vec(),
        parent: None,
    }
}

fn request() -> Request {
    Request {
        function: 1,
        entry: EntryPoint::Start,
        mode: Mode::default(),
        codes: vec![CodeSnapshot {
            qualname: "f".into(),
            ..CodeSnapshot::default()
        }],
        objects: vec![Object::None, Object::Code(Some(0))],
        avoid: Vec::new(),
    }
}

#[test]
fn every_plain_operation_is_lowered() {
    let mut build = Build::new();
    build.op(Op::SetIp(3), &[]);
    build.value(Op::Int(5), &[]);
    build.value(Op::Float(1.5f64.to_bits()), &[]);
    build.value(Op::Bool(true), &[]);
    let [int, float, bit] = [Op::UnboxInt, Op::UnboxFloat, Op::UnboxBool].map(|op| {
        let object = build.value(Op::LoadLocal(0), &[]);
        build.value(op, &[object])
    });
    let object = build.value(Op::Const(ObjId(0)), &[]);
    let local = build.value(Op::LoadLocal(2), &[]);
    build.value(Op::Null, &[]);
    let taken = build.value(Op::TakeStack(1), &[]);
    let boxes = [(Op::BoxInt, int), (Op::BoxFloat, float), (Op::BoxBool, bit)];
    let boxes = boxes.map(|(op, arg)| build.value(op, &[arg]));
    for (op, boxed) in [Op::UnboxInt, Op::UnboxFloat, Op::UnboxBool]
        .into_iter()
        .zip(boxes)
    {
        build.value(op, &[boxed]);
    }
    build.value(Op::IntToFloat, &[int]);
    build.value(Op::BitToInt, &[bit]);
    for op in [
        IntOp::Add,
        IntOp::Sub,
        IntOp::Mul,
        IntOp::And,
        IntOp::Or,
        IntOp::Xor,
    ] {
        build.value(Op::IntBin(op), &[int, int]);
    }
    build.value(Op::IntNeg, &[int]);
    build.value(Op::IntAddWrapping, &[int, int]);
    for cond in [Cond::Lt, Cond::Le, Cond::Eq, Cond::Ne, Cond::Gt, Cond::Ge] {
        build.value(Op::IntCmp(cond), &[int, int]);
        build.value(Op::FloatCmp(cond), &[float, float]);
    }
    for op in [FloatOp::Add, FloatOp::Sub, FloatOp::Mul, FloatOp::Div] {
        build.value(Op::FloatBin(op), &[float, float]);
    }
    build.value(Op::FloatNeg, &[float]);
    build.value(Op::Not, &[bit]);
    build.value(Op::Same, &[object, local]);
    build.value(Op::IsNull, &[local]);
    build.value(Op::IsUnique, &[local]);
    build.value(Op::ReleaseQuiet, &[local]);
    build.value(Op::ReleaseQuiet, &[local, object]);
    build.value(Op::Outlives, &[local]);
    build.value(Op::DropQuiet(1), &[]);
    for kind in Kind::ANY.difference(Kind::OBJECT).iter() {
        build.value(Op::IsKind(kind), &[local]);
        build.value(Op::GuardKind(kind), &[local]);
    }
    build.value(Op::GuardNotNull, &[local]);
    build.value(Op::GuardSame(ObjId(0)), &[local]);
    build.value(Op::GuardCode(ObjId(1)), &[local]);
    build.op(Op::Guard(true), &[bit]);
    build.op(Op::Guard(false), &[bit]);
    build.op(Op::CheckValid, &[]);
    build.op(Op::Poll, &[]);
    for field in [
        Field::ListLen,
        Field::TupleLen,
        Field::RangeIterStart,
        Field::RangeIterStep,
        Field::RangeIterLen,
        Field::ListIterIndex,
        Field::TupleIterIndex,
    ] {
        build.value(Op::Load(field), &[local]);
    }
    build.value(Op::ListItem, &[local, int]);
    build.value(Op::TupleItem, &[local, int]);
    build.value(Op::ItemQuiet, &[local, int]);
    build.op(Op::ListStore, &[local, int, taken]);
    build.op(Op::ListStoreFloat, &[local, int, float]);
    build.op(Op::ListStoreInt, &[local, int, int]);
    build.value(Op::ListIterList, &[local]);
    build.value(Op::TupleIterTuple, &[local]);
    let quiet = Type::of(Kind::INT | Kind::NULL);
    build.op(
        Op::StoreLocal {
            local: 0,
            old: quiet,
        },
        &[boxes[0]],
    );
    build.op(
        Op::StoreLocal {
            local: 1,
            old: Type::ANY,
        },
        &[boxes[1]],
    );
    build.op(
        Op::ClearLocal {
            local: 1,
            old: quiet,
        },
        &[],
    );
    let call = Op::CallDirect {
        code: ObjId(1),
        n_locals: 2,
        frame_size: 9,
    };
    let result = build.value(call, &[local, object, taken]);
    build.op(Op::Drop, &[result]);
    for kinds in [Kind::INT, Kind::FLOAT, Kind::LIST, Kind::all()] {
        let value = build
            .typed(Op::LoadLocal(1), &[], Type::of(kinds))
            .expect("a value");
        build.op(Op::IncRef, &[value]);
        build.op(Op::DecRef, &[value]);
    }
    build.end(Term::Return(result));
    let (text, lowered) = build.lower();
    assert_eq!(lowered.symbol, "py.f");
    assert!(
        text.contains("call void @martlet_enter(ptr %1, ptr"),
        "{text}"
    );
    assert!(
        text.contains("declare zeroext i1 @martlet_is_int(ptr)"),
        "{text}"
    );
    assert!(text.contains("fcmp une double"), "{text}");
    assert!(text.contains("= fadd double"), "{text}");
    assert_eq!(lowered.slots[0], SlotValue::Unit);
    assert!(lowered.slots.contains(&SlotValue::Cell(ObjId(1))));
}

#[test]
fn every_helper_is_called() {
    let mut build = Build::new();
    let int = build.value(Op::Int(3), &[]);
    let float = build.value(Op::Float(0), &[]);
    let object = build.value(Op::LoadLocal(0), &[]);
    for helper in HelperId::ALL {
        let mut args = Vec::new();
        for arg in helper.row().args {
            match arg {
                Arg::Obj | Arg::Steal => args.push(object),
                Arg::I64 | Arg::Const32 => args.push(int),
                Arg::F64 => args.push(float),
                Arg::ArraySteal => args.extend([object, object]),
            }
        }
        let rep = helper.row().rep();
        let outputs = 2 * u32::from(helper.row().ret == crate::hir::Ret::Array);
        let call = Op::Call {
            helper: *helper,
            outputs,
        };
        let result = build.op(call, &args);
        assert_eq!(result.is_none(), rep == Rep::Unit, "{helper:?}");
        let Some(result) = result.filter(|_| rep == Rep::Multi) else {
            continue;
        };
        if outputs > 0 {
            build.value(Op::Extract(1), &[result]);
        } else {
            build.value(Op::First, &[result]);
            build.value(Op::Second, &[result]);
        }
    }
    build.end(Term::Return(object));
    let (text, _) = build.lower();
    for helper in HelperId::ALL {
        assert!(
            text.contains(&format!("@{}(", helper.row().name)),
            "{helper:?}"
        );
    }
    // One pair of a dict, two arguments of a call.
    assert!(text.contains("@martlet_build_map(ptr %"), "{text}");
    assert!(
        text.contains("declare { ptr, ptr } @martlet_load_method(ptr, ptr, ptr)"),
        "{text}"
    );
}

#[test]
fn an_exit_describes_what_it_passes() {
    let mut build = Build::new();
    let float = build.value(Op::LoadLocal(1), &[]);
    let raw = build.value(Op::UnboxFloat, &[float]);
    let three = build.value(Op::Int(3), &[]);
    let none = build.value(Op::Const(ObjId(0)), &[]);
    let object = build.value(Op::LoadLocal(0), &[]);
    let not_null = build.value(Op::GuardNotNull, &[object]);
    let names = [raw, three, none, not_null, object].map(Slot::Value);
    build.state = build.func.states.push(state(&names));
    build.value(Op::GuardKind(Kind::INT), &[not_null]);
    build.value(Op::GuardKind(Kind::INT), &[object]);
    build.end(Term::Return(object));
    let (text, lowered) = build.lower();
    let [unbound, ty] = &lowered.exits[..] else {
        panic!("{:?}", lowered.exits);
    };
    assert_eq!(
        (unbound.reason.as_str(), ty.reason.as_str()),
        ("unbound", "type")
    );
    assert_eq!(ty.doubles, [true, false]);
    let slot = lowered
        .slots
        .iter()
        .position(|slot| *slot == SlotValue::Object(ObjId(0)));
    let slot = slot.expect("a slot for the constant") as u32;
    let expected = [
        Desc::Float(0),
        Desc::SmallInt(3),
        Desc::Slot(slot),
        Desc::Borrowed(1),
        Desc::Borrowed(1),
    ];
    assert_eq!(ty.frames[0].stack, expected);
    assert_eq!(ty.frames[0].offset, 7);
    assert_eq!(
        text.matches("call ptr (ptr, ptr, ptr, i32, ptr, ...) @martlet_exit")
            .count(),
        2,
        "{text}"
    );
}

/// A loop whose parameter is local 0 in the states of `n` guards; the next iteration's is another value.
fn loop_of_guards(n: usize, is_large: bool) -> (Build, Value) {
    let mut build = Build::new();
    let start = build.value(Op::LoadLocal(1), &[]);
    let start = build.value(Op::UnboxInt, &[start]);
    let header = build.func.add_block(0);
    let param = build.func.add_param(header, Rep::I64, Type::of(Kind::INT));
    build.end(Term::Jump(Target {
        block: header,
        args: vec![start],
    }));
    build.block = header;
    let mut named = state(&[]);
    named.locals = vec![Slot::Value(param)];
    build.state = build.func.states.push(named);
    for _ in 0..n {
        let object = build.value(Op::LoadLocal(2), &[]);
        build.value(Op::GuardNotNull, &[object]);
    }
    if is_large {
        for _ in 0..200 {
            build.value(Op::LoadLocal(2), &[]);
        }
    }
    let next = build.value(Op::IntAddWrapping, &[param, param]);
    build.end(Term::Jump(Target {
        block: header,
        args: vec![next],
    }));
    (build, param)
}

#[test]
fn what_many_exits_name_is_stored_once_and_not_passed() {
    let (build, _) = loop_of_guards(20, true);
    let (text, lowered) = build.lower();
    // In front of the loop and at its end; nothing in between.
    assert_eq!(text.matches("store i64").count(), 2, "{text}");
    let exits = &lowered.exits[1..];
    assert!(exits.iter().all(|exit| exit.homes == [0]), "{exits:?}");
    assert!(exits.iter().all(|exit| exit.doubles.is_empty()));
    assert_eq!(exits[0].frames[0].locals, [Desc::Int(0)]);
}

#[test]
fn what_few_exits_name_or_a_small_loop_changes_is_passed() {
    for (n, is_large) in [(3, true), (20, false)] {
        let (build, _) = loop_of_guards(n, is_large);
        let (text, lowered) = build.lower();
        assert_eq!(text.matches("store i64").count(), 0, "{text}");
        assert!(lowered.exits.iter().all(|exit| exit.homes.is_empty()));
        assert_eq!(lowered.exits[1].doubles, [false]);
    }
}

#[test]
fn an_exit_passes_what_its_home_does_not_hold() {
    // On a cold path the local is another value. (Equal exits of the loop are one.)
    let (mut build, param) = loop_of_guards(40, true);
    let next = build.value(Op::IntAddWrapping, &[param, param]);
    let Term::Jump(back) = build.func.blocks[build.block].term.clone() else {
        panic!("the loop goes round");
    };
    let [cold, hot] = [0; 2].map(|offset| build.func.add_block(offset));
    build.func.blocks[cold].cold = true;
    let bit = build.value(Op::IntCmp(Cond::Lt), &[param, next]);
    build.end(Term::Branch {
        cond: bit,
        then: to(cold),
        other: to(hot),
        likely: None,
    });
    build.func.blocks[hot].term = Term::Jump(back);
    let mut named = state(&[]);
    named.locals = vec![Slot::Value(next)];
    let state = build.func.states.push(named);
    build.func.blocks[cold].term = Term::Exit {
        state,
        reason: "never_ran",
    };
    let (_, lowered) = build.lower();
    let (by_home, passed): (Vec<_>, Vec<_>) = lowered.exits[1..]
        .iter()
        .partition(|exit| exit.doubles.is_empty());
    assert_eq!((by_home.len(), passed.len()), (1, 1));
    assert!(passed[0].homes.is_empty());
}
