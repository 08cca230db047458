//! What nobody needs goes: operations without effects whose result is unused, boxes that only frame states name (the
//! states then name the raw value, and an exit makes the box), block parameters, notes of the instruction pointer that
//! nobody can read. Guards stay: they protect.

use super::gvn::{is_function, never_raises};
use super::rewrite::map_slots;
use crate::hir::{Block, Cfg, Def, Func, Inst, Op, Raised, Rep, Ret, Slot, StateId, Term, Value};
use cranelift_entity::SecondaryMap;

/// Runs the pass.
pub fn run(func: &mut Func) {
    quiet_drops(func);
    let cfg = Cfg::new(func);
    let live = Marks::of(func, &cfg).live;
    name_raw_values(func, &live);
    sweep(func, &cfg, &live);
    instruction_pointers(func, &cfg);
}

/// A drop marks where code may run; of a value whose death nobody sees it only keeps the value.
fn quiet_drops(func: &mut Func) {
    let quiet: Vec<Inst> = func
        .insts
        .iter()
        .filter(|(_, data)| data.op == Op::Drop && func.ty(data.args[0]).is_quiet())
        .map(|(inst, _)| inst)
        .collect();
    for block in func.blocks.values_mut() {
        block
            .insts
            .retain(|inst| quiet.binary_search(inst).is_err());
    }
}

struct Marks<'a> {
    func: &'a Func,
    cfg: &'a Cfg,
    live: SecondaryMap<Value, bool>,
    work: Vec<Value>,
}

impl<'a> Marks<'a> {
    fn of(func: &'a Func, cfg: &'a Cfg) -> Self {
        let mut marks = Self {
            func,
            cfg,
            live: SecondaryMap::new(),
            work: Vec::new(),
        };
        for &block in &cfg.order {
            for &inst in &func.blocks[block].insts {
                if is_needed(func, inst) {
                    marks.operands(inst);
                }
            }
            match &func.blocks[block].term {
                Term::Branch { cond: value, .. } | Term::Return(value) => marks.mark(*value),
                Term::Exit { state, .. } | Term::Raise { state, .. } => marks.state(*state),
                Term::None | Term::Jump(_) | Term::Checked { .. } | Term::Stay => {}
            }
        }
        while let Some(value) = marks.work.pop() {
            match func.values[value].def {
                Def::Inst(inst) => marks.operands(inst),
                Def::Param(block, index) => marks.incoming(block, index as usize),
            }
        }
        marks
    }

    fn mark(&mut self, value: Value) {
        if !self.live[value] {
            self.live[value] = true;
            self.work.push(value);
        }
    }

    fn operands(&mut self, inst: Inst) {
        let func = self.func;
        let data = &func.insts[inst];
        for &arg in &data.args {
            self.mark(arg);
        }
        if let Some(state) = data.state {
            self.state(state);
        }
    }

    fn incoming(&mut self, block: Block, index: usize) {
        let (func, cfg) = (self.func, self.cfg);
        for &pred in cfg.preds(block) {
            for target in func.blocks[pred].term.targets() {
                if target.block == block {
                    self.mark(target.args[index]);
                }
            }
        }
    }

    /// A state needs the raw value behind a box, not the box.
    fn state(&mut self, state: StateId) {
        let func = self.func;
        func.state_values(state, &mut |value| {
            self.mark(raw_behind(func, value).unwrap_or(value))
        });
    }
}

/// The raw value of which this is a box.
fn raw_behind(func: &Func, value: Value) -> Option<Value> {
    match func.values[value].def {
        Def::Inst(inst) => {
            let data = &func.insts[inst];
            let is_box = matches!(data.op, Op::BoxInt | Op::BoxFloat | Op::BoxBool);
            is_box.then(|| data.args[0])
        }
        Def::Param(..) => None,
    }
}

/// Whether an instruction stays although nobody uses its result.
fn is_needed(func: &Func, inst: Inst) -> bool {
    let data = &func.insts[inst];
    match data.op {
        // They exit only because their result would be wrong, and fail only without memory.
        Op::UnboxInt | Op::IntBin(_) | Op::IntNeg | Op::BoxInt | Op::BoxFloat => false,
        Op::TakeStack(_) | Op::Note(_) | Op::IncRef | Op::Extract(_) => true,
        Op::Call { helper, .. } => !is_function(helper),
        // Results that are owned must be taken out to be released.
        Op::First | Op::Second => {
            let multi = func.def_op(data.args[0]);
            matches!(multi, Some(Op::Call { helper, .. }) if helper.row().ret == Ret::Pair)
        }
        op => {
            let effects = op.effects();
            effects.may_exit || effects.may_run || effects.may_raise || !effects.writes.is_empty()
        }
    }
}

/// Boxes that are not made are named by their raw value.
fn name_raw_values(func: &mut Func, live: &SecondaryMap<Value, bool>) {
    let mut raw: SecondaryMap<Value, Option<Value>> = SecondaryMap::new();
    for value in func.values.keys() {
        if !live[value] && func.rep(value) == Rep::Obj {
            raw[value] = raw_behind(func, value);
        }
    }
    map_slots(func, &mut |slot| match slot {
        Slot::Value(value) => Slot::Value(raw[value].unwrap_or(value)),
        other => other,
    });
}

fn sweep(func: &mut Func, cfg: &Cfg, live: &SecondaryMap<Value, bool>) {
    for &block in &cfg.order {
        let mut insts = std::mem::take(&mut func.blocks[block].insts);
        insts.retain(|&inst| {
            let used = func.insts[inst].result.is_some_and(|result| live[result]);
            let keep = used || is_needed(func, inst);
            if !keep && func.insts[inst].op.effects().may_raise {
                never_raises(func, block);
            }
            keep
        });
        func.blocks[block].insts = insts;
    }
    // A parameter and its arguments go together: arguments first, while the parameters still say which.
    for &block in &cfg.order {
        let mut term = std::mem::replace(&mut func.blocks[block].term, Term::None);
        for target in term.targets_mut() {
            let params = &func.blocks[target.block].params;
            let mut used = params.iter().map(|param| live[*param]);
            target.args.retain(|_| used.next().unwrap_or(true));
        }
        func.blocks[block].term = term;
    }
    for &block in &cfg.order {
        let mut params = std::mem::take(&mut func.blocks[block].params);
        params.retain(|param| live[*param]);
        for (index, &param) in params.iter().enumerate() {
            func.values[param].def = Def::Param(block, index as u32);
        }
        func.blocks[block].params = params;
    }
}

/// Keeps of each run of `SetIp` the last one before code may run or an object is made.
fn instruction_pointers(func: &mut Func, cfg: &Cfg) {
    let mut needed: SecondaryMap<Block, bool> = SecondaryMap::new();
    let mut changed = true;
    while changed {
        changed = false;
        for &block in cfg.order.iter().rev() {
            let at_start = before_block(func, block, &needed, &mut |_| {});
            if at_start && !needed[block] {
                needed[block] = true;
                changed = true;
            }
        }
    }
    for &block in &cfg.order {
        let mut dead = Vec::new();
        before_block(func, block, &needed, &mut |inst| dead.push(inst));
        func.blocks[block].insts.retain(|inst| !dead.contains(inst));
    }
}

/// Whether somebody may read the instruction pointer that is in force at the block's start; reports dead notes.
fn before_block(
    func: &Func,
    block: Block,
    needed: &SecondaryMap<Block, bool>,
    dead: &mut dyn FnMut(Inst),
) -> bool {
    let data = &func.blocks[block];
    // An exception that is raised again leaves the frame where it says that it is.
    let is_again = matches!(&data.term, Term::Raise { raised, .. } if *raised == Raised::Again);
    let mut read = is_again || data.term.targets().any(|target| needed[target.block]);
    for &inst in data.insts.iter().rev() {
        let op = func.insts[inst].op;
        if matches!(op, Op::SetIp(_)) {
            if !read {
                dead(inst);
            }
            read = false;
        } else if op.effects().may_run || op.allocates() {
            read = true;
        }
    }
    read
}
