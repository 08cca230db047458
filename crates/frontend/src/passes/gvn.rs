//! Common subexpressions: an operation that a dominating one has computed already is not computed again.
//!
//! What counts as the same follows from [`Op::effects`] alone: the same operation on the same operands (a guard's result
//! is the value it guards) and, if it reads memory, the same versions of it. A guard that holds already goes; being of
//! an exact builtin class is permanent. Boxes of one int are one object.

use super::memory::Versions;
use super::rewrite::Replacements;
use crate::hir::{Block, Cfg, Def, Func, HelperId, Inst, Kind, Op, Rep, Ret, Term, Value};
use cranelift_entity::SecondaryMap;
use std::collections::HashMap;

/// Runs the pass.
pub fn run(func: &mut Func) {
    let cfg = Cfg::new(func);
    let starts = Versions::at_starts(func, &cfg);
    let mut numbering = Numbering {
        cfg: &cfg,
        known: HashMap::new(),
        names: SecondaryMap::new(),
        decided: HashMap::new(),
        replacements: Replacements::default(),
    };
    for &block in &cfg.order {
        let Some(mut versions) = starts[block].clone() else {
            continue;
        };
        let mut insts = std::mem::take(&mut func.blocks[block].insts);
        insts.retain(|&inst| {
            let keep = numbering.visit(func, &versions, block, inst);
            if keep {
                versions.pass(func, inst);
            }
            keep
        });
        func.blocks[block].insts = insts;
        numbering.decide(func, block);
    }
    numbering.replacements.apply(func);
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    op: Op,
    args: Vec<Value>,
    versions: Vec<u32>,
}

struct Numbering<'a> {
    cfg: &'a Cfg,
    /// Where each key was computed, with the result if there is one.
    known: HashMap<Key, Vec<(Block, Option<Value>)>>,
    /// Of a root: the guards' results that name it, and where.
    names: SecondaryMap<Value, Vec<(Block, Value)>>,
    /// Which way branches on a bit have gone where these blocks are reached.
    decided: HashMap<Value, Vec<(Block, bool)>>,
    replacements: Replacements,
}

impl Numbering<'_> {
    /// Whether the instruction stays.
    fn visit(&mut self, func: &mut Func, versions: &Versions, block: Block, inst: Inst) -> bool {
        for index in 0..func.insts[inst].args.len() {
            let arg = func.insts[inst].args[index];
            func.insts[inst].args[index] = self.replacements.get(arg);
        }
        fold(func, inst);
        if holds_already(func, inst) {
            return false;
        }
        let known = match self.simpler(func, block, inst) {
            Some(value) => Some(Some(value)),
            None if is_numbered(func, inst) => self.computed(func, versions, block, inst),
            None => None,
        };
        match known {
            Some(value) => {
                self.replace(func, block, inst, value);
                false
            }
            None => {
                self.note_name(func, block, inst);
                true
            }
        }
    }

    /// A branch on a bit that a dominating branch has decided becomes a jump; of others, notes how they decide.
    fn decide(&mut self, func: &mut Func, block: Block) {
        let Term::Branch {
            cond, then, other, ..
        } = &func.blocks[block].term
        else {
            return;
        };
        let bit = self.replacements.get(*cond);
        let known = self.decided.entry(bit).or_default();
        let before = known
            .iter()
            .find(|(home, _)| self.cfg.dominates(*home, block));
        if let Some((_, way)) = before {
            let target = if *way { then } else { other };
            func.blocks[block].term = Term::Jump(target.clone());
            return;
        }
        for (target, way) in [(then, true), (other, false)] {
            if self.cfg.preds(target.block).len() == 1 {
                known.push((target.block, way));
            }
        }
    }

    /// A value that the instruction's operands give without it.
    fn simpler(&self, func: &Func, block: Block, inst: Inst) -> Option<Value> {
        let data = &func.insts[inst];
        let &arg = data.args.first()?;
        let boxed = |op: Op| match func.values[func.root(arg)].def {
            Def::Inst(inst) if func.insts[inst].op == op => Some(func.insts[inst].args[0]),
            _ => None,
        };
        match data.op {
            Op::UnboxInt => boxed(Op::BoxInt),
            Op::UnboxFloat => boxed(Op::BoxFloat),
            Op::UnboxBool => boxed(Op::BoxBool),
            Op::GuardKind(kind) if kind != Kind::OBJECT => {
                self.name_such(func, block, arg, &|value| {
                    func.ty(value).is(kind) && !func.may_be_null(value)
                })
            }
            Op::GuardNotNull => self.name_such(func, block, arg, &|value| !func.may_be_null(value)),
            Op::GuardSame(object) => self.name_such(func, block, arg, &|value| {
                func.ty(value).object == Some(object) && !func.may_be_null(value)
            }),
            _ => None,
        }
    }

    /// The value itself, or another name of it that is known here, if it is as wanted.
    fn name_such(
        &self,
        func: &Func,
        block: Block,
        value: Value,
        wanted: &dyn Fn(Value) -> bool,
    ) -> Option<Value> {
        if wanted(value) {
            return Some(value);
        }
        let names = self.names[func.root(value)].iter();
        let mut here = names.filter(|(home, _)| self.cfg.dominates(*home, block));
        here.find(|(_, name)| wanted(*name)).map(|(_, name)| *name)
    }

    /// The result of a dominating computation of the same; `Some(None)` if that has no result.
    fn computed(
        &mut self,
        func: &Func,
        versions: &Versions,
        block: Block,
        inst: Inst,
    ) -> Option<Option<Value>> {
        let data = &func.insts[inst];
        let key = Key {
            op: data.op,
            args: data.args.iter().map(|&arg| func.root(arg)).collect(),
            versions: versions.read_by(&data.op),
        };
        let known = self.known.get(&key).map_or(&[][..], Vec::as_slice);
        for &(home, value) in known {
            if !self.cfg.dominates(home, block) {
                continue;
            }
            let (Some(value), Some(result)) = (value, data.result) else {
                return Some(None);
            };
            // Later operations rely on what the builder knew of this result.
            let ty = func.ty(result);
            let as_precise = |name| func.rep(name) != Rep::Obj || func.ty(name).is(ty.kinds);
            if let Some(name) = self.name_such(func, block, value, &as_precise) {
                return Some(Some(name));
            }
        }
        // What may raise has its result only where it did not.
        let home = match &func.blocks[block].term {
            Term::Checked { ok, .. } if data.op.effects().may_raise => ok.block,
            _ => block,
        };
        if home == block || self.cfg.preds(home).len() == 1 {
            self.known.entry(key).or_default().push((home, data.result));
        }
        None
    }

    /// Uses another value for the result.
    fn replace(&mut self, func: &mut Func, block: Block, inst: Inst, value: Option<Value>) {
        let data = &func.insts[inst];
        if let (Some(result), Some(value)) = (data.result, value) {
            self.replacements.add(result, value);
        }
        if data.op.effects().may_raise {
            never_raises(func, block);
        }
    }

    fn note_name(&mut self, func: &Func, block: Block, inst: Inst) {
        if let Some(result) = func.insts[inst].result {
            let root = func.root(result);
            if root != result {
                self.names[root].push((block, result));
            }
        }
    }
}

/// The instruction that could raise at the end of a block is gone.
pub(super) fn never_raises(func: &mut Func, block: Block) {
    if let Term::Checked { ok, .. } = &func.blocks[block].term {
        func.blocks[block].term = Term::Jump(ok.clone());
    }
}

/// Questions whose answer follows from a type become constants.
fn fold(func: &mut Func, inst: Inst) {
    let data = &func.insts[inst];
    let Some(&arg) = data.args.first() else {
        return;
    };
    let kinds = func.ty(arg).kinds;
    let answer = match data.op {
        Op::IsKind(kind) if func.may_be_null(arg) || kind == Kind::OBJECT => None,
        Op::IsKind(kind) if kind.contains(kinds) => Some(true),
        Op::IsKind(kind) if !kind.intersects(kinds) => Some(false),
        Op::IsNull if kinds == Kind::NULL => Some(true),
        Op::IsNull if !func.may_be_null(arg) => Some(false),
        _ => None,
    };
    if let Some(answer) = answer {
        func.insts[inst].op = Op::Bool(answer);
        func.insts[inst].args.clear();
    }
}

/// Whether it is a guard of a bit that is known.
fn holds_already(func: &Func, inst: Inst) -> bool {
    let data = &func.insts[inst];
    match data.op {
        Op::Guard(wanted) => func.def_op(data.args[0]) == Some(&Op::Bool(wanted)),
        _ => false,
    }
}

/// Whether an operation gives the same again, as long as the memory that it reads is the same.
fn is_numbered(func: &Func, inst: Inst) -> bool {
    let data = &func.insts[inst];
    match data.op {
        // They have effects, or depend on reference counts, which are not memory here.
        Op::TakeStack(_)
        | Op::IsUnique
        | Op::ReleaseQuiet
        | Op::Outlives
        | Op::DropQuiet(_)
        | Op::ItemQuiet
        | Op::Note(_)
        | Op::IncRef
        | Op::DecRef
        | Op::Drop => false,
        Op::Extract(_) => false,
        Op::First | Op::Second => data
            .result
            .is_some_and(|result| func.rep(result) != Rep::Obj),
        Op::BoxInt => true,
        // The program can tell two equal floats apart: a NaN is found by identity.
        Op::BoxFloat => false,
        Op::Call { helper, .. } => is_function(helper),
        op => {
            let effects = op.effects();
            !effects.may_run && !effects.may_raise && effects.writes.is_empty()
        }
    }
}

/// Whether a helper only computes.
pub(super) fn is_function(helper: HelperId) -> bool {
    let row = helper.row();
    let computes = matches!(
        row.ret,
        Ret::I64
            | Ret::F64
            | Ret::Bool
            | Ret::IntOk
            | Ret::FloatOk
            | Ret::BorrowedOrNull
            | Ret::Immortal
    );
    // They take an exception away, set one, or depend on reference counts.
    let is_other = matches!(
        helper,
        HelperId::IterStopped | HelperId::Reraise | HelperId::PlaceQuiet
    );
    computes && !row.may_run && !is_other
}
