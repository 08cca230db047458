//! Random functions: whatever the passes do to them, the references are counted right and HIR keeps its rules.

use super::{blocks, dce, gvn, ownership, refcount};
use crate::hir::{
    self, Block, Cond, Func, HelperId, Kind, Op, Raised, Rep, Rules, Slot, State, StateId, Target,
    Term, Type, Value,
};
use martlet_snapshot::{EntryPoint, ObjId, Returned, VirtualKind};
use proptest::prelude::*;

/// A source of small numbers.
struct Dice<'a>(&'a [u8], usize);

impl Dice<'_> {
    fn roll(&mut self, n: usize) -> usize {
        let byte = self.0[self.1 % self.0.len()] as usize + self.1 / self.0.len() * 7;
        self.1 += 1;
        byte % n
    }
}

struct Maker<'a> {
    func: Func,
    block: Block,
    dice: Dice<'a>,
    objects: Vec<Value>,
    ints: Vec<Value>,
}

impl Maker<'_> {
    fn object(&mut self) -> Value {
        let n = self.objects.len();
        self.objects[self.dice.roll(n)]
    }

    fn int(&mut self) -> Value {
        let n = self.ints.len();
        self.ints[self.dice.roll(n)]
    }

    fn state(&mut self) -> StateId {
        let mut stack = Vec::new();
        for _ in 0..self.dice.roll(4) {
            stack.push(match self.dice.roll(3) {
                0 => Slot::Value(self.int()),
                1 => {
                    let items = vec![Slot::Value(self.object()), Slot::Raw(self.int())];
                    let kind = VirtualKind::ListIter;
                    self.func.virtuals.push(hir::Virtual { kind, items });
                    Slot::Virtual(self.func.virtuals.len() as u32 - 1)
                }
                _ => Slot::Value(self.object()),
            });
        }
        self.func.states.push(State {
            code: 0,
            function: None,
            offset: 0,
            return_to: 0,
            returned: Returned::Pushed,
            locals: Vec::new(),
            stack,
            parent: None,
        })
    }

    fn emit(&mut self, op: Op, args: Vec<Value>, ty: Kind) -> Option<Value> {
        let effects = op.effects();
        let state = (effects.may_exit || effects.may_raise).then(|| self.state());
        let inst = self.func.make_inst(op, args, state, Type::of(ty), 0);
        self.func.blocks[self.block].insts.push(inst);
        if effects.may_raise
            && !matches!(
                op,
                Op::Call {
                    helper: HelperId::IterNext,
                    ..
                }
            )
        {
            let [ok, raised] = [(); 2].map(|()| self.func.add_block(0));
            let state = self.state();
            self.func.blocks[raised].term = Term::Raise {
                state,
                raised: Raised::Here,
            };
            self.end(Term::Checked {
                ok: to(ok),
                raised: to(raised),
            });
            self.block = ok;
        }
        self.func.insts[inst].result
    }

    fn end(&mut self, term: Term) {
        self.func.blocks[self.block].term = term;
    }

    fn operation(&mut self) {
        let call = |helper| Op::Call { helper, outputs: 0 };
        let local = self.dice.roll(3) as u32;
        let any = Kind::ANY;
        let object = match self.dice.roll(20) {
            0 | 1 => self.emit(Op::LoadLocal(local), vec![], any),
            2 => {
                let loaded = self.emit(Op::LoadLocal(local), vec![], Kind::all());
                let loaded = loaded.expect("a result");
                if self.dice.roll(2) == 0 {
                    self.objects.push(loaded);
                }
                self.emit(Op::GuardNotNull, vec![loaded], any)
            }
            3 => {
                let value = self.object();
                let old = Type::of([Kind::all(), Kind::INT | Kind::NULL][self.dice.roll(2)]);
                self.emit(Op::StoreLocal { local, old }, vec![value], any)
            }
            4 => self.emit(
                Op::ClearLocal {
                    local,
                    old: Type::of(Kind::all()),
                },
                vec![],
                any,
            ),
            5 => {
                let kind = [Kind::NONE, Kind::STR, any][self.dice.roll(3)];
                self.emit(Op::Const(ObjId(local)), vec![], kind)
            }
            6 | 7 => {
                let args = vec![self.object(), self.object()];
                self.emit(call(HelperId::GetItem), args, any)
            }
            8 => {
                let args = vec![self.object(), self.object(), self.object()];
                self.emit(call(HelperId::BuildTuple), args, Kind::TUPLE)
            }
            9 => {
                let list = self.object();
                let list = self.emit(Op::GuardKind(Kind::LIST), vec![list], Kind::LIST);
                let args = vec![list.expect("a result"), self.int()];
                self.emit(Op::ListItem, args, any)
            }
            10 => {
                let tuple = self.object();
                let tuple = self.emit(Op::GuardKind(Kind::TUPLE), vec![tuple], Kind::TUPLE);
                let args = vec![tuple.expect("a result"), self.int()];
                self.emit(Op::TupleItem, args, any)
            }
            11 => {
                let list = self.object();
                let list = self.emit(Op::GuardKind(Kind::LIST), vec![list], Kind::LIST);
                let args = vec![list.expect("a result"), self.int(), self.object()];
                self.emit(Op::ListStore, args, any)
            }
            12 => {
                let raw = self.int();
                self.emit(Op::BoxInt, vec![raw], Kind::INT)
            }
            13 => {
                let value = self.object();
                let int = self.emit(Op::GuardKind(Kind::INT), vec![value], Kind::INT);
                let raw = self.emit(Op::UnboxInt, vec![int.expect("a result")], Kind::INT);
                self.ints.extend(raw);
                int
            }
            14 => {
                let value = self.object();
                self.emit(Op::Drop, vec![value], any)
            }
            15 => self.emit(Op::CheckValid, vec![], any),
            16 => {
                let args = vec![self.object(), self.object()];
                let pair = self
                    .emit(call(HelperId::LoadMethod), args, any)
                    .expect("a result");
                let first = self.emit(Op::First, vec![pair], any);
                let second = self.emit(Op::Second, vec![pair], Kind::all());
                self.objects.extend(second);
                first
            }
            17 => {
                let iterator = self.object();
                let list = self.emit(
                    Op::GuardKind(Kind::LIST_ITER),
                    vec![iterator],
                    Kind::LIST_ITER,
                );
                let list = self.emit(
                    Op::ListIterList,
                    vec![list.expect("a result")],
                    Kind::LIST | Kind::NULL,
                );
                self.emit(Op::GuardNotNull, vec![list.expect("a result")], Kind::LIST)
            }
            18 => {
                let args = vec![self.object(), self.object()];
                let code = Op::CallDirect {
                    code: ObjId(0),
                    n_locals: 1,
                    frame_size: 9,
                };
                self.emit(code, args, any)
            }
            _ => self.emit(Op::Poll, vec![], any),
        };
        self.objects.extend(object);
    }

    /// Some operations, then an end: jumps lead to blocks of the list, or the function ends.
    fn fill(&mut self, joins: &[(Block, usize)]) {
        for _ in 0..self.dice.roll(9) {
            self.operation();
        }
        let jump = |maker: &mut Self| {
            let (block, n) = joins[maker.dice.roll(joins.len())];
            let args = (0..n).map(|_| maker.object()).collect();
            Target { block, args }
        };
        match self.dice.roll(6) {
            0 => {
                let value = self.object();
                self.end(Term::Return(value));
            }
            1 => {
                let state = self.state();
                self.end(Term::Exit {
                    state,
                    reason: "never_ran",
                });
            }
            2 | 3 => {
                let target = jump(self);
                self.end(Term::Jump(target));
            }
            4 => {
                let args = vec![self.int(), self.int()];
                let cond = self
                    .emit(Op::IntCmp(Cond::Lt), args, Kind::BOOL)
                    .expect("a result");
                let (then, other) = (jump(self), jump(self));
                self.end(Term::Branch {
                    cond,
                    then,
                    other,
                    likely: None,
                });
            }
            _ => {
                let iterator = self.object();
                let next = Op::Call {
                    helper: HelperId::IterNext,
                    outputs: 0,
                };
                let item = self
                    .emit(next, vec![iterator], Kind::all())
                    .expect("a result");
                let cond = self
                    .emit(Op::IsNull, vec![item], Kind::BOOL)
                    .expect("a result");
                self.objects.push(item);
                let (then, other) = (jump(self), jump(self));
                self.end(Term::Branch {
                    cond,
                    then,
                    other,
                    likely: None,
                });
            }
        }
    }
}

fn to(block: Block) -> Target {
    Target {
        block,
        args: Vec::new(),
    }
}

fn make(bytes: &[u8]) -> Func {
    let func = Func::new("f", EntryPoint::Start);
    let block = func.entry;
    let mut maker = Maker {
        func,
        block,
        dice: Dice(bytes, 0),
        objects: Vec::new(),
        ints: Vec::new(),
    };
    for number in 0..3 {
        let int = maker.emit(Op::Int(number), vec![], Kind::INT);
        maker.ints.extend(int);
        let object = maker.emit(Op::LoadLocal(number as u32), vec![], Kind::ANY);
        maker.objects.extend(object);
    }
    let n = 1 + maker.dice.roll(5);
    let joins: Vec<(Block, usize)> = (0..n)
        .map(|_| {
            let block = maker.func.add_block(0);
            let n = maker.dice.roll(3);
            for _ in 0..n {
                maker.func.add_param(block, Rep::Obj, Type::of(Kind::all()));
            }
            (block, n)
        })
        .collect();
    let (objects, ints) = (maker.objects.clone(), maker.ints.clone());
    maker.fill(&joins);
    for &(block, _) in &joins {
        // What the entry block defines first dominates everything.
        maker.objects.clone_from(&objects);
        maker.ints.clone_from(&ints);
        maker
            .objects
            .extend(maker.func.blocks[block].params.clone());
        maker.block = block;
        maker.fill(&joins);
    }
    maker.func
}

fn verify(func: &Func, refcounted: bool, stage: &str) {
    let rules = Rules {
        n_locals: &[3],
        refcounted,
    };
    if let Err(violations) = hir::verify(func, &rules) {
        panic!("{stage}: {violations}\n{func}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn references_of_random_functions_are_counted_right(
        bytes in prop::collection::vec(any::<u8>(), 20..150)
    ) {
        let made = make(&bytes);
        verify(&made, false, "made");
        let mut func = made.clone();
        refcount::run(&mut func);
        verify(&func, true, "refcount alone");
        if let Err(miscount) = ownership::check(&func) {
            panic!("{miscount}\n{made}\n{func}");
        }
        let mut func = made.clone();
        blocks::run(&mut func);
        verify(&func, false, "blocks");
        refcount::mark_deaths(&mut func);
        verify(&func, false, "marked");
        gvn::run(&mut func);
        verify(&func, false, "gvn");
        dce::run(&mut func);
        verify(&func, false, "dce");
        blocks::run(&mut func);
        verify(&func, false, "blocks again");
        let before = func.clone();
        refcount::run(&mut func);
        verify(&func, true, "refcount");
        if let Err(miscount) = ownership::check(&func) {
            panic!("{miscount}\n{made}\n{before}\n{func}");
        }
    }
}
