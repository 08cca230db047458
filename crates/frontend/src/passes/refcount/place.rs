//! Placing of `IncRef` and `DecRef`, and of what exits hand over.

use super::live::Live;
use super::promote::{Owned, checked_inst};
use super::roots::{Bits, Roots, Uses, exit_of_block};
use crate::hir::{
    Block, Cfg, ExitSite, Func, Handover, Inlined, Inst, Kind, Op, StateId, Target, Term, Type,
    Value,
};
use crate::passes::edges::is_leaf;

/// What is placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// Counting, and what exits hand over.
    Count,
    /// Only marks where references die whose release may run code.
    Mark,
}

/// Places everything. Critical edges are split already.
pub(super) fn place(
    func: &mut Func,
    cfg: &Cfg,
    roots: &Roots,
    live: &Live,
    owned: &Owned,
    mode: Mode,
) {
    let mut changes = Vec::new();
    {
        let placer = Placer {
            func,
            cfg,
            roots,
            live,
            owned,
        };
        for &block in &cfg.order {
            changes.push(placer.block(block));
        }
    }
    for (&block, changes) in cfg.order.iter().zip(changes) {
        for (inst, held) in changes.asked.into_iter().filter(|_| mode == Mode::Count) {
            if held.is_empty() {
                func.insts[inst].op = Op::Bool(true);
            }
            func.insts[inst].args = held;
        }
        let offset = func.blocks[block].offset;
        let mut insts = Vec::new();
        let mut here = (offset, None);
        for step in changes.steps {
            match step {
                Step::Keep(inst) => {
                    here = (func.insts[inst].offset, func.inlined_from[inst]);
                    insts.push(inst);
                }
                Step::Count(Op::DecRef, value) if mode == Mode::Mark => {
                    if !func.ty(value).is_quiet() {
                        insts.push(make(func, Op::Drop, value, here));
                    }
                }
                Step::Count(..) if mode == Mode::Mark => {}
                Step::Count(op, value) => {
                    insts.push(make(func, op, value, here));
                }
            }
        }
        func.blocks[block].insts = insts;
        for (site, handover) in changes.handovers {
            if mode == Mode::Count && handover != Handover::default() {
                func.handovers.insert(site, handover);
            }
        }
    }
}

/// Makes an instruction that belongs to the bytecode of the one before it.
fn make(func: &mut Func, op: Op, value: Value, (offset, from): (u32, Option<Inlined>)) -> Inst {
    let inst = func.make_inst(op, vec![value], None, Type::ANY, offset);
    func.inlined_from[inst] = from;
    inst
}

enum Step {
    Keep(Inst),
    Count(Op, Value),
}

#[derive(Default)]
struct Changes {
    steps: Vec<Step>,
    handovers: Vec<(ExitSite, Handover)>,
    /// Questions about a release, and the references that are released there: those that are lent are not.
    asked: Vec<(Inst, Vec<Value>)>,
}

struct Placer<'a> {
    func: &'a Func,
    cfg: &'a Cfg,
    roots: &'a Roots,
    live: &'a Live,
    owned: &'a Owned,
}

impl Placer<'_> {
    fn block(&self, block: Block) -> Changes {
        let func = self.func;
        let mut changes = Changes::default();
        let drops = self.start(block, &mut changes);
        let behind = self.live.behind_each(func, self.roots, block);
        let mut before = self.live.at_start(block).clone();
        for (place, &inst) in func.blocks[block].insts.iter().enumerate() {
            self.instruction(block, place, inst, &before, &behind[place], &mut changes);
            before.clone_from(&behind[place]);
        }
        self.end(block, drops, &mut changes);
        changes
    }

    /// What happens on the way into a block: returned are references that its exit drops.
    fn start(&self, block: Block, changes: &mut Changes) -> Vec<Value> {
        let func = self.func;
        let start = self.live.at_start(block);
        let mut dying = Vec::new();
        if let &[pred] = self.cfg.preds(block)
            && func.blocks[pred].term.targets().count() > 1
        {
            let held = self.held_at_end(pred, block);
            dying.extend(held.into_iter().filter(|root| !start.has(*root)));
        }
        let params = func.blocks[block].params.iter();
        dying.extend(
            params
                .filter_map(|param| self.roots.of(*param))
                .filter(|root| !start.has(*root)),
        );
        if is_leaf(func, block) {
            return dying
                .into_iter()
                .map(|root| self.roots.list[root].value)
                .collect();
        }
        for root in dying {
            changes
                .steps
                .push(Step::Count(Op::DecRef, self.name(root, block, 0)));
        }
        Vec::new()
    }

    /// References held when a block with several successors goes to this one.
    fn held_at_end(&self, pred: Block, to: Block) -> Vec<usize> {
        let func = self.func;
        let end = self.live.at_end(func, self.roots, pred);
        let last = func.blocks[pred].insts.len();
        let mut held: Vec<usize> = Vec::new();
        if let Some(inst) = checked_inst(func, pred) {
            let uses = self.roots.uses(func, inst);
            let raised = matches!(&func.blocks[pred].term, Term::Checked { raised, .. } if raised.block == to);
            held.extend(uses.lent.iter().copied().filter(|root| !end.has(*root)));
            held.extend(uses.result.filter(|root| !end.has(*root)));
            held.extend(end.iter());
            if raised {
                held.retain(|root| Some(*root) != uses.result);
            }
            held.retain(|root| !self.is_consumed(*root, &uses, &end));
        } else {
            held.extend(end.iter());
        }
        held.retain(|root| self.owned.held_at(*root, pred, last));
        let mut seen = Bits::new(self.roots.list.len());
        held.retain(|root| seen.add(*root));
        held
    }

    fn instruction(
        &self,
        block: Block,
        place: usize,
        inst: Inst,
        before: &Bits,
        behind: &Bits,
        changes: &mut Changes,
    ) {
        let func = self.func;
        let data = &func.insts[inst];
        let uses = self.roots.uses(func, inst);
        let mut given = Vec::new();
        for &(operand, _) in &uses.stolen {
            let mut may_give = |root| {
                let free =
                    !behind.has(root) && !uses.lent.contains(&root) && !given.contains(&root);
                let gives = free && self.owned.held_at(root, block, place);
                if gives {
                    given.push(root);
                }
                gives
            };
            let arg = data.args[operand];
            if self.needs_reference(arg, &mut may_give) {
                changes.steps.push(Step::Count(Op::IncRef, arg));
            }
        }
        if let (true, Some(state)) = (data.op.effects().may_exit, data.state) {
            let held = before
                .iter()
                .filter(|root| self.owned.held_at(*root, block, place));
            let handover = self.handover(held, state);
            changes.handovers.push((ExitSite::Inst(inst), handover));
        }
        if matches!(data.op, Op::ReleaseQuiet | Op::Outlives) {
            let mut once = Bits::new(self.roots.list.len());
            let mut is_held = |arg: &Value| {
                let root = self.roots.of(*arg);
                root.is_some_and(|root| self.owned.held_at(root, block, place) && once.add(root))
            };
            let held = data.args.iter().copied().filter(&mut is_held).collect();
            changes.asked.push((inst, held));
        }
        if data.op != Op::Drop {
            changes.steps.push(Step::Keep(inst));
        }
        if let Some(root) = self.owned.starts_behind(inst) {
            let value = data.result.unwrap_or(self.roots.list[root].value);
            changes.steps.push(Step::Count(Op::IncRef, value));
        }
        if checked_inst(func, block) == Some(inst) {
            // Whether it raised or not is seen first: releases stand in the successors.
            return;
        }
        let mut seen = Bits::new(self.roots.list.len());
        for &root in uses.all.iter().chain(&uses.result) {
            let dies = self.owned.held_at(root, block, place + 1)
                && !behind.has(root)
                && !given.contains(&root);
            if dies && seen.add(root) {
                changes
                    .steps
                    .push(Step::Count(Op::DecRef, self.name(root, block, place + 1)));
            }
        }
    }

    /// Whether an instruction takes the root's own reference.
    fn is_consumed(&self, root: usize, uses: &Uses, behind: &Bits) -> bool {
        !behind.has(root)
            && !uses.lent.contains(&root)
            && uses.stolen.iter().any(|(_, stolen)| *stolen == Some(root))
    }

    fn end(&self, block: Block, drops: Vec<Value>, changes: &mut Changes) {
        let func = self.func;
        let place = func.blocks[block].insts.len();
        let mut given: Vec<usize> = Vec::new();
        let mut give = |root: usize, alive: &Bits| {
            let gives = self.owned.held_at(root, block, place)
                && !alive.has(root)
                && !given.contains(&root);
            if gives {
                given.push(root);
            }
            gives
        };
        match &func.blocks[block].term {
            Term::Jump(Target { block: next, args }) => {
                let alive = self.live.entering(func, self.roots, *next);
                for &arg in args {
                    if self.needs_reference(arg, &mut |root| give(root, &alive)) {
                        changes.steps.push(Step::Count(Op::IncRef, arg));
                    }
                }
            }
            Term::Return(value) => {
                let alive = Bits::new(self.roots.list.len());
                if self.needs_reference(*value, &mut |root| give(root, &alive)) {
                    changes.steps.push(Step::Count(Op::IncRef, *value));
                }
            }
            Term::Exit { state, .. } | Term::Raise { state, .. } => {
                let end = self.live.at_end(func, self.roots, block);
                let held = end
                    .iter()
                    .filter(|root| self.owned.held_at(*root, block, place));
                let mut handover = self.handover(held, *state);
                handover.drops.extend(drops);
                changes
                    .handovers
                    .extend(exit_of_block(func, block).map(|site| (site, handover)));
            }
            Term::None | Term::Branch { .. } | Term::Checked { .. } | Term::Stay => {}
        }
    }

    /// Whether a value that is handed over needs a reference of its own; `may_give` says whether its root gives its.
    fn needs_reference(&self, value: Value, may_give: &mut dyn FnMut(usize) -> bool) -> bool {
        let func = self.func;
        if func.rep(value) != crate::hir::Rep::Obj {
            return false;
        }
        match self.roots.of(value) {
            Some(root) => !may_give(root),
            // Constants: the immortal ones need nothing, nor does NULL.
            None => !func.ty(value).is(Kind::NONE | Kind::BOOL | Kind::NULL),
        }
    }

    fn handover(&self, held: impl Iterator<Item = usize>, state: StateId) -> Handover {
        let mut named = Vec::new();
        self.func
            .state_values(state, &mut |value| named.extend(self.roots.of(value)));
        let (owned, drops) = held.partition::<Vec<_>, _>(|root| named.contains(root));
        let values = |list: Vec<usize>| {
            list.into_iter()
                .map(|root| self.roots.list[root].value)
                .collect()
        };
        Handover {
            owned: values(owned),
            drops: values(drops),
        }
    }

    fn name(&self, root: usize, block: Block, at: usize) -> Value {
        self.roots.best_name(self.func, self.cfg, root, block, at)
    }
}
