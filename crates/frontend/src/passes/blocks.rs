//! Simplifies the graph: branches on known bits, parameters that are always the same value, jumps to jumps, blocks that
//! follow their only predecessor.

use super::rewrite::Replacements;
use crate::hir::{Block, Cfg, Def, Func, Op, Target, Term, Value};

/// Runs the pass.
pub fn run(func: &mut Func) {
    known_branches(func);
    same_arguments(func);
    thread_jumps(func);
    merge_blocks(func);
}

fn known_branches(func: &mut Func) {
    for block in Cfg::new(func).order {
        let Term::Branch {
            cond, then, other, ..
        } = &func.blocks[block].term
        else {
            continue;
        };
        let Some(Op::Bool(bit)) = func.def_op(*cond) else {
            continue;
        };
        let target = if *bit { then.clone() } else { other.clone() };
        func.blocks[block].term = Term::Jump(target);
    }
}

/// A parameter to which every edge brings the same value, or itself, is that value.
fn same_arguments(func: &mut Func) {
    let cfg = Cfg::new(func);
    let mut replacements = Replacements::default();
    let mut changed = true;
    while changed {
        changed = false;
        for &block in &cfg.order {
            for index in (0..func.blocks[block].params.len()).rev() {
                let param = func.blocks[block].params[index];
                let Some(value) = only_argument(func, &cfg, &replacements, block, index) else {
                    continue;
                };
                if !func.ty(value).is(func.ty(param).kinds) {
                    continue;
                }
                replacements.add(param, value);
                remove_param(func, &cfg, block, index);
                changed = true;
            }
        }
    }
    replacements.apply(func);
}

fn only_argument(
    func: &Func,
    cfg: &Cfg,
    replacements: &Replacements,
    block: Block,
    index: usize,
) -> Option<Value> {
    let param = func.blocks[block].params[index];
    let mut only = None;
    for &pred in cfg.preds(block) {
        for target in func.blocks[pred]
            .term
            .targets()
            .filter(|target| target.block == block)
        {
            let arg = replacements.get(target.args[index]);
            // The result of what may raise is known only on this edge.
            let checked = matches!(func.blocks[pred].term, Term::Checked { .. });
            let known_behind = cfg.preds(block).len() == 1 || !checked;
            match only {
                _ if arg == param => {}
                None if known_behind => only = Some(arg),
                Some(known) if known == arg => {}
                _ => return None,
            }
        }
    }
    only
}

fn remove_param(func: &mut Func, cfg: &Cfg, block: Block, index: usize) {
    let mut preds = cfg.preds(block).to_vec();
    preds.sort();
    preds.dedup();
    for pred in preds {
        let targets = func.blocks[pred].term.targets_mut();
        for target in targets.filter(|target| target.block == block) {
            target.args.remove(index);
        }
    }
    func.blocks[block].params.remove(index);
    for place in index..func.blocks[block].params.len() {
        let param = func.blocks[block].params[place];
        func.values[param].def = Def::Param(block, place as u32);
    }
}

/// A jump to a block that only jumps goes where that goes.
fn thread_jumps(func: &mut Func) {
    for block in Cfg::new(func).order {
        let mut term = std::mem::replace(&mut func.blocks[block].term, Term::None);
        let n = term.targets().count();
        // The result of what may raise is defined by the edge to `ok`: that block must stay its only successor.
        let first = usize::from(matches!(term, Term::Checked { .. }));
        for index in first..n {
            let targets: Vec<Target> = term.targets().cloned().collect();
            let Some(next) = behind_jumps(func, block, &targets[index]) else {
                continue;
            };
            // Two edges to one block must not bring different arguments.
            let clash = targets.iter().enumerate().any(|(other, target)| {
                other != index && target.block == next.block && !next.args.is_empty()
            });
            if !clash && let Some(place) = term.targets_mut().nth(index) {
                *place = next;
            }
        }
        func.blocks[block].term = term;
    }
}

/// Where a target leads through blocks that only jump.
fn behind_jumps(func: &Func, from: Block, target: &Target) -> Option<Target> {
    let mut found = None;
    let mut next = target.block;
    // A ring of jumps is left alone.
    for _ in 0..8 {
        let data = &func.blocks[next];
        if !data.params.is_empty() || !data.insts.is_empty() || next == from {
            break;
        }
        let Term::Jump(target) = &data.term else {
            break;
        };
        found = Some(target.clone());
        next = target.block;
    }
    found
}

/// A block that follows its only predecessor, which goes nowhere else, becomes part of it.
fn merge_blocks(func: &mut Func) {
    let cfg = Cfg::new(func);
    let mut replacements = Replacements::default();
    for &block in &cfg.order {
        while let Term::Jump(target) = &func.blocks[block].term {
            let next = target.block;
            if cfg.preds(next).len() != 1 || next == block || next == func.entry {
                break;
            }
            let args = target.args.clone();
            let data = &mut func.blocks[next];
            let params = std::mem::take(&mut data.params);
            let insts = std::mem::take(&mut data.insts);
            let term = std::mem::replace(&mut data.term, Term::None);
            let cold = data.cold;
            for (param, arg) in params.into_iter().zip(args) {
                replacements.add(param, arg);
            }
            let data = &mut func.blocks[block];
            data.insts.extend(insts);
            data.term = term;
            data.cold |= cold && block != func.entry;
        }
    }
    replacements.apply(func);
}
