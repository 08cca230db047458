//! Checks that HIR keeps its rules, and lists every place where it does not.
//!
//! What must hold stands at the variants of [`Rule`]. Blocks that are not reached from the entry are not looked at:
//! passes may leave them behind. The verifier knows nothing of how HIR was made, and shares with the passes only the
//! control flow graph and what operations declare of themselves.
//!
//! # Where a value may be used
//! In the block that defines it, behind its definition, and in the blocks which that block dominates. The result of an
//! instruction that may raise exists only on the way to its `ok` successor: as an argument of that target, and in what
//! that block dominates, if the block has no other predecessor. A frame state uses its values where the instruction
//! stands that has it, so it cannot name that instruction's own result.

mod error;
mod operands;
mod states;

pub use error::{Place, Rule, Violation, Violations};

use super::cfg::Cfg;
use super::func::{Block, Def, ExitSite, Func, Inst, StateId, Target, Term, Value};
use super::op::Op;
use super::print::inst_text;
use super::types::{Kind, Rep};
use martlet_snapshot::EntryPoint;
use states::States;
use std::collections::BTreeMap;

/// What the verifier must know besides the function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules<'a> {
    /// `co_nlocalsplus` of each code of the request.
    pub n_locals: &'a [u32],
    /// Whether the refcount pass has run.
    pub refcounted: bool,
}

/// Checks a function against the rules.
///
/// # Errors
/// All violations.
pub fn verify(func: &Func, rules: &Rules<'_>) -> Result<(), Violations> {
    let cfg = Cfg::new(func);
    let mut verifier = Verifier {
        func,
        rules,
        cfg: &cfg,
        defs: BTreeMap::new(),
        states: States::new(func, rules),
        found: Vec::new(),
    };
    verifier.definitions();
    verifier.entry();
    for &block in &cfg.order {
        verifier.block(block);
    }
    let mut all = verifier.found;
    if all.is_empty() {
        return Ok(());
    }
    for violation in &mut all {
        if let Place::Inst(_, inst, text) = &mut violation.place {
            *text = inst_text(func, *inst);
        }
    }
    let function = func.name.clone();
    Err(Violations { function, all })
}

/// A place in a block: parameters are defined at 0, instruction k stands at k + 1, the terminator behind all.
type Position = usize;

/// Where a value exists.
#[derive(Debug, Clone, Copy)]
enum Scope {
    /// Behind this position of the block, and in what the block dominates.
    Behind(Block, Position),
    /// As an argument on the way to `ok`, and, if `inside`, in `ok` and what it dominates.
    Ok {
        from: Block,
        ok: Block,
        inside: bool,
    },
}

struct Verifier<'a> {
    func: &'a Func,
    rules: &'a Rules<'a>,
    cfg: &'a Cfg,
    defs: BTreeMap<Value, Scope>,
    states: States<'a>,
    found: Vec<Violation>,
}

impl Verifier<'_> {
    fn report(&mut self, place: Place, rule: Rule) {
        self.found.push(Violation { place, rule });
    }

    /// Finds where each value exists; each must be what its own entry says.
    fn definitions(&mut self) {
        let mut placed = BTreeMap::new();
        for &block in &self.cfg.order {
            let data = &self.func.blocks[block];
            for (index, &param) in data.params.iter().enumerate() {
                self.define(Place::Block(block), param, Def::Param(block, index as u32));
                self.defs.insert(param, Scope::Behind(block, 0));
            }
            for (index, &inst) in data.insts.iter().enumerate() {
                let place = Place::Inst(block, inst, String::new());
                if placed.insert(inst, block).is_some() {
                    self.report(place, Rule::Shared);
                    continue;
                }
                if let Some(result) = self.func.insts[inst].result {
                    self.define(place, result, Def::Inst(inst));
                    let scope = self.result_scope(block, inst, index + 1);
                    self.defs.insert(result, scope);
                }
            }
        }
    }

    fn define(&mut self, place: Place, value: Value, def: Def) {
        let data = &self.func.values[value];
        if data.def != def {
            self.report(place.clone(), Rule::WrongDef(value));
        }
        if !operands::rep_kinds(data.rep).contains(data.ty.kinds) {
            let rule = Rule::RepKind {
                value,
                rep: data.rep,
                kinds: data.ty.kinds,
            };
            self.report(place, rule);
        }
    }

    fn result_scope(&self, block: Block, inst: Inst, position: Position) -> Scope {
        match &self.func.blocks[block].term {
            Term::Checked { ok, raised } if self.func.insts[inst].op.effects().may_raise => {
                Scope::Ok {
                    from: block,
                    ok: ok.block,
                    inside: self.cfg.preds(ok.block) == [block] && ok.block != raised.block,
                }
            }
            _ => Scope::Behind(block, position),
        }
    }

    fn entry(&mut self) {
        let entry = self.func.entry;
        if !self.func.blocks[entry].params.is_empty() {
            self.report(Place::Block(entry), Rule::EntryParams);
        }
        for &pred in self.cfg.preds(entry) {
            self.report(Place::Term(pred), Rule::EntryTarget);
        }
    }

    fn block(&mut self, block: Block) {
        let data = &self.func.blocks[block];
        for (index, &inst) in data.insts.iter().enumerate() {
            let is_last = index + 1 == data.insts.len();
            self.inst(block, inst, index + 1, is_last);
        }
        self.term(block, data.insts.len() + 1);
    }

    fn inst(&mut self, block: Block, inst: Inst, position: Position, is_last: bool) {
        let data = &self.func.insts[inst];
        let place = Place::Inst(block, inst, String::new());
        let mut rules = Vec::new();
        operands::check(self.func, data, &mut rules);
        let effects = data.op.effects();
        if effects.may_raise && !is_last {
            rules.push(Rule::RaisesInside);
        } else if effects.may_raise && !matches!(self.func.blocks[block].term, Term::Checked { .. })
        {
            rules.push(Rule::NotChecked);
        }
        if (effects.may_exit || effects.may_raise) && data.state.is_none() {
            rules.push(Rule::NoState);
        }
        match data.op {
            Op::IncRef | Op::DecRef if !self.rules.refcounted => rules.push(Rule::EarlyRefcount),
            Op::TakeStack(_) if !self.takes_stack(block) => rules.push(Rule::TakeStack),
            Op::PutStack(_) if self.func.entry_point != EntryPoint::Resume => {
                rules.push(Rule::PutStack);
            }
            _ => {}
        }
        for rule in rules {
            self.report(place.clone(), rule);
        }
        for &arg in &data.args {
            self.used(&place, arg, block, position);
        }
        if let Some(state) = data.state {
            self.state(&place, state, ExitSite::Inst(inst), block, position);
        }
    }

    /// Whether the interpreter's stack may be taken over in a block.
    fn takes_stack(&self, block: Block) -> bool {
        match self.func.entry_point {
            EntryPoint::Start => false,
            EntryPoint::Loop(_) => block == self.func.entry,
            EntryPoint::Resume => true,
        }
    }

    fn term(&mut self, block: Block, position: Position) {
        let place = Place::Term(block);
        let term = &self.func.blocks[block].term;
        for target in term.targets() {
            self.target(&place, target, block, position);
        }
        match term {
            Term::None => self.report(place, Rule::NoTerm),
            Term::Jump(_) => {}
            Term::Branch { cond, .. } => {
                self.operand(&place, *cond, Rep::I1);
                self.used(&place, *cond, block, position);
            }
            Term::Checked { raised, .. } => {
                let last = self.func.blocks[block].insts.last();
                let raises = last.is_some_and(|&inst| self.func.insts[inst].op.effects().may_raise);
                if !raises {
                    self.report(place.clone(), Rule::CheckedNothing);
                }
                if !self.func.blocks[raised.block].params.is_empty() {
                    self.report(place, Rule::RaisedParams(raised.block));
                }
            }
            Term::Return(value) => {
                if matches!(self.func.entry_point, EntryPoint::Loop(_)) {
                    self.report(place.clone(), Rule::ReturnFromLoop);
                }
                self.operand(&place, *value, Rep::Obj);
                self.used(&place, *value, block, position);
            }
            Term::Stay => {
                if self.func.entry_point != EntryPoint::Resume {
                    self.report(place, Rule::Stay);
                }
            }
            Term::Exit { state, .. } | Term::Raise { state, .. } => {
                self.state(&place, *state, ExitSite::Term(block), block, position);
            }
        }
    }

    fn operand(&mut self, place: &Place, value: Value, wanted: Rep) {
        let found = self.func.rep(value);
        if found != wanted {
            let rule = Rule::OperandRep {
                value,
                wanted,
                found,
            };
            self.report(place.clone(), rule);
        }
    }

    fn target(&mut self, place: &Place, target: &Target, from: Block, position: Position) {
        let block = target.block;
        let params = &self.func.blocks[block].params;
        if params.len() != target.args.len() {
            let rule = Rule::TargetCount {
                block,
                params: params.len(),
                args: target.args.len(),
            };
            self.report(place.clone(), rule);
        }
        for (&param, &arg) in params.iter().zip(&target.args) {
            if let Some(rule) = self.wrong_argument(block, param, arg) {
                self.report(place.clone(), rule);
            }
        }
        for &arg in &target.args {
            let is_result = matches!(
                self.defs.get(&arg),
                Some(&Scope::Ok { from: definer, ok, .. }) if definer == from && ok == block
            );
            if !is_result {
                self.used(place, arg, from, position);
            }
        }
    }

    fn wrong_argument(&self, block: Block, param: Value, arg: Value) -> Option<Rule> {
        let (wanted, found) = (self.func.rep(param), self.func.rep(arg));
        if wanted != found {
            return Some(Rule::TargetRep {
                block,
                param,
                wanted,
                arg,
                found,
            });
        }
        let (wanted, found): (Kind, Kind) = (self.func.ty(param).kinds, self.func.ty(arg).kinds);
        (!wanted.contains(found)).then_some(Rule::TargetKind {
            block,
            param,
            wanted,
            arg,
            found,
        })
    }

    fn state(
        &mut self,
        place: &Place,
        state: StateId,
        site: ExitSite,
        block: Block,
        position: Position,
    ) {
        let mut used = Vec::new();
        self.states
            .check(state, &mut self.found, &mut |value| used.push(value));
        if let Some(handover) = self.func.handovers.get(&site) {
            used.extend(handover.owned.iter().chain(&handover.drops));
            if !self.rules.refcounted {
                self.report(place.clone(), Rule::EarlyRefcount);
            }
        }
        used.sort_unstable();
        used.dedup();
        for value in used {
            self.used(place, value, block, position);
        }
    }

    /// A use at this position must be in the value's scope.
    fn used(&mut self, place: &Place, value: Value, block: Block, position: Position) {
        let Some(scope) = self.defs.get(&value) else {
            self.report(place.clone(), Rule::Undefined(value));
            return;
        };
        let is_defined = match *scope {
            Scope::Behind(definer, at) if definer == block => at < position,
            Scope::Behind(definer, _) => self.cfg.dominates(definer, block),
            Scope::Ok { ok, inside, .. } => inside && self.cfg.dominates(ok, block),
        };
        if !is_defined {
            self.report(place.clone(), Rule::NotDominated(value));
        }
    }
}
