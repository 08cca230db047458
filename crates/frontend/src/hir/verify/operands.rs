//! What operations take: how many operands, how represented, of which kind.

use super::error::Rule;
use crate::hir::{Arg, Field, Func, HelperId, InstData, Kind, Op, Rep, Ret, Value, operand_count};

/// Checks an instruction's operands and result.
pub(super) fn check(func: &Func, inst: &InstData, found: &mut Vec<Rule>) {
    if let Some(rule) = wrong_count(inst) {
        found.push(rule);
        return;
    }
    for (k, &value) in inst.args.iter().enumerate() {
        let rep = func.rep(value);
        let mut wanted = operand_rep(&inst.op, k);
        if matches!(inst.op, Op::SyncLocal(_)) && matches!(rep, Rep::I64 | Rep::F64 | Rep::I1) {
            wanted = rep; // whichever
        }
        if rep != wanted {
            let rule = Rule::OperandRep {
                value,
                wanted,
                found: rep,
            };
            found.push(rule);
            continue;
        }
        let kinds = func.ty(value).kinds;
        let wanted = operand_kind(&inst.op, k);
        if !wanted.contains(kinds) {
            found.push(Rule::OperandKind {
                value,
                wanted,
                found: kinds,
            });
        }
        if is_const32(&inst.op, k) && !holds_const32(func, value) {
            found.push(Rule::NotConst(value));
        }
    }
    check_result(func, inst, found);
}

fn check_result(func: &Func, inst: &InstData, found: &mut Vec<Rule>) {
    let mut multi = None;
    if matches!(inst.op, Op::First | Op::Second | Op::Extract(_)) {
        let source = inst.args[0];
        multi = match func.def_op(source) {
            Some(&Op::Call { helper, outputs }) if has_result(&inst.op, helper, outputs) => {
                Some(helper)
            }
            _ => {
                found.push(Rule::NoSuchResult(source));
                return;
            }
        };
    }
    let wanted = inst.op.rep(multi);
    let rep = inst.result.map_or(Rep::Unit, |result| func.rep(result));
    if rep != wanted {
        found.push(Rule::ResultRep { wanted, found: rep });
    }
}

fn wrong_count(inst: &InstData) -> Option<Rule> {
    let found = inst.args.len();
    let wanted = match operand_count(&inst.op, &inst.args) {
        Some(wanted) => wanted,
        // The function itself, then any number of arguments.
        None if matches!(inst.op, Op::CallDirect { .. }) => found.max(1),
        None => least_operands(&inst.op),
    };
    (found != wanted).then_some(Rule::OperandCount { wanted, found })
}

/// Operands of a helper in front of its array.
fn least_operands(op: &Op) -> usize {
    match op {
        Op::Call { helper, .. } => helper.row().args.len() - 1,
        _ => 0,
    }
}

fn has_result(op: &Op, helper: HelperId, outputs: u32) -> bool {
    match helper.row().ret {
        Ret::IntOk | Ret::FloatOk | Ret::Pair => matches!(op, Op::First | Op::Second),
        Ret::Array => matches!(op, Op::Extract(k) if *k < outputs),
        _ => false,
    }
}

/// The parameter of a helper that operand k goes to.
fn helper_arg(helper: HelperId, k: usize) -> Arg {
    let args = helper.row().args;
    args.get(k).or(args.last()).copied().unwrap_or(Arg::Obj)
}

fn operand_rep(op: &Op, k: usize) -> Rep {
    match op {
        Op::IntBin(_)
        | Op::IntNeg
        | Op::IntAddWrapping
        | Op::IntCmp(_)
        | Op::IntToFloat
        | Op::BoxInt => Rep::I64,
        Op::FloatBin(_) | Op::FloatNeg | Op::FloatCmp(_) | Op::BoxFloat => Rep::F64,
        Op::BoxBool | Op::Not | Op::BitToInt | Op::Guard(_) => Rep::I1,
        Op::ListItem | Op::TupleItem | Op::ItemQuiet if k == 1 => Rep::I64,
        Op::ListStore | Op::ListStoreFloat | Op::ListStoreInt if k == 1 => Rep::I64,
        Op::ListStoreFloat if k == 2 => Rep::F64,
        Op::ListStoreInt if k == 2 => Rep::I64,
        Op::First | Op::Second | Op::Extract(_) => Rep::Multi,
        Op::Call { helper, .. } => match helper_arg(*helper, k) {
            Arg::I64 | Arg::Const32 => Rep::I64,
            Arg::F64 => Rep::F64,
            Arg::Obj | Arg::Steal | Arg::ArraySteal => Rep::Obj,
        },
        _ => Rep::Obj,
    }
}

/// The kinds that operand k may be of: what the operation reads without looking.
fn operand_kind(op: &Op, k: usize) -> Kind {
    match op {
        Op::UnboxInt => Kind::INT,
        Op::UnboxFloat => Kind::FLOAT,
        Op::UnboxBool => Kind::BOOL,
        Op::Load(field) => match field {
            Field::ListLen => Kind::LIST,
            Field::TupleLen => Kind::TUPLE,
            Field::RangeIterStart | Field::RangeIterStep | Field::RangeIterLen => Kind::RANGE_ITER,
            Field::ListIterIndex => Kind::LIST_ITER,
            Field::TupleIterIndex => Kind::TUPLE_ITER,
        },
        Op::ListItem | Op::ItemQuiet | Op::ListStore | Op::ListStoreFloat | Op::ListStoreInt
            if k == 0 =>
        {
            Kind::LIST
        }
        Op::TupleItem if k == 0 => Kind::TUPLE,
        Op::ListIterList => Kind::LIST_ITER,
        Op::TupleIterTuple => Kind::TUPLE_ITER,
        _ => Kind::all(),
    }
}

fn is_const32(op: &Op, k: usize) -> bool {
    matches!(op, Op::Call { helper, .. } if helper_arg(*helper, k) == Arg::Const32)
}

fn holds_const32(func: &Func, value: Value) -> bool {
    let range = i64::from(i32::MIN)..=i64::from(u32::MAX);
    matches!(func.def_op(value), Some(Op::Int(constant)) if range.contains(constant))
}

/// The kinds that a representation can hold.
pub(super) fn rep_kinds(rep: Rep) -> Kind {
    match rep {
        Rep::I64 => Kind::INT,
        Rep::F64 => Kind::FLOAT,
        Rep::I1 => Kind::BOOL,
        Rep::Obj | Rep::Multi | Rep::Unit => Kind::all(),
    }
}
