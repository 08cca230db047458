//! Critical edges: from a block with several successors to one with several predecessors. Split, each edge has a block
//! where something can be placed that happens on this edge only.

use crate::hir::{Block, Cfg, Func, Rep, Target, Term};

/// Splits every critical edge, and every edge from a block with several successors that passes objects: what is passed
/// is handed over, by a plain jump. A target that only leaves is copied instead of being jumped to.
pub(super) fn split_critical(func: &mut Func) {
    let cfg = Cfg::new(func);
    for &block in &cfg.order {
        let targets: Vec<Target> = func.blocks[block].term.targets().cloned().collect();
        if targets.len() < 2 {
            continue;
        }
        let mut new_targets = Vec::new();
        for target in targets {
            let shared = cfg.preds(target.block).len() > 1;
            let passes_object = target.args.iter().any(|arg| func.rep(*arg) == Rep::Obj);
            if !passes_object && !shared {
                new_targets.push(target);
            } else {
                new_targets.push(split(func, target));
            }
        }
        let term = &mut func.blocks[block].term;
        for (place, new) in term.targets_mut().zip(new_targets) {
            *place = new;
        }
    }
}

/// Whether a block does nothing but leave.
pub(super) fn is_leaf(func: &Func, block: Block) -> bool {
    let data = &func.blocks[block];
    data.params.is_empty()
        && data.insts.is_empty()
        && matches!(data.term, Term::Exit { .. } | Term::Raise { .. })
}

fn split(func: &mut Func, target: Target) -> Target {
    let (offset, cold) = {
        let data = &func.blocks[target.block];
        (data.offset, data.cold)
    };
    let edge = func.add_block(offset);
    func.blocks[edge].cold = cold;
    func.blocks[edge].term = if is_leaf(func, target.block) {
        func.blocks[target.block].term.clone()
    } else {
        Term::Jump(target)
    };
    Target {
        block: edge,
        args: Vec::new(),
    }
}
