//! The control flow graph of a function: order, predecessors, dominators.
//!
//! Dominators by the iterative method of Cooper, Harvey and Kennedy ("A Simple, Fast Dominance Algorithm", 2001).
//! Blocks that cannot be reached from the entry are in no list.

use super::func::{Block, Func};
use cranelift_entity::SecondaryMap;

/// Order, predecessors and dominators of the reachable blocks, as they were when it was made.
#[derive(Debug, Clone)]
pub struct Cfg {
    /// Reachable blocks in reverse postorder, the entry first.
    pub order: Vec<Block>,
    position: SecondaryMap<Block, u32>,
    preds: SecondaryMap<Block, Vec<Block>>,
    idom: SecondaryMap<Block, Option<Block>>,
}

const UNREACHED: u32 = u32::MAX;

impl Cfg {
    /// The graph of a function.
    pub fn new(func: &Func) -> Self {
        let order = reverse_postorder(func);
        let mut position = SecondaryMap::with_default(UNREACHED);
        let mut preds: SecondaryMap<Block, Vec<Block>> = SecondaryMap::new();
        for (index, &block) in order.iter().enumerate() {
            position[block] = index as u32;
        }
        for &block in &order {
            for target in func.blocks[block].term.targets() {
                preds[target.block].push(block);
            }
        }
        let mut cfg = Self {
            order,
            position,
            preds,
            idom: SecondaryMap::new(),
        };
        cfg.find_dominators();
        cfg
    }

    /// Whether the block can be reached from the entry.
    pub fn is_reachable(&self, block: Block) -> bool {
        self.position[block] != UNREACHED
    }

    /// Place of a reachable block in [`Cfg::order`].
    pub fn position(&self, block: Block) -> usize {
        self.position[block] as usize
    }

    /// The reachable predecessors, one entry an edge.
    pub fn preds(&self, block: Block) -> &[Block] {
        &self.preds[block]
    }

    /// The immediate dominator; `None` for the entry.
    pub fn idom(&self, block: Block) -> Option<Block> {
        self.idom[block]
    }

    /// Whether every path from the entry to `block` passes `by` (a block dominates itself).
    pub fn dominates(&self, by: Block, block: Block) -> bool {
        let mut next = Some(block);
        while let Some(block) = next {
            if block == by {
                return true;
            }
            if self.position[block] < self.position[by] {
                return false;
            }
            next = self.idom[block];
        }
        false
    }

    fn find_dominators(&mut self) {
        let mut changed = true;
        while changed {
            changed = false;
            for index in 1..self.order.len() {
                let block = self.order[index];
                let known = |pred: &&Block| **pred == self.order[0] || self.idom[**pred].is_some();
                let common = self.preds[block]
                    .iter()
                    .filter(known)
                    .copied()
                    .reduce(|a, b| self.common_dominator(a, b));
                if self.idom[block] != common {
                    self.idom[block] = common;
                    changed = true;
                }
            }
        }
    }

    fn common_dominator(&self, mut a: Block, mut b: Block) -> Block {
        while a != b {
            if self.position[a] > self.position[b] {
                a = self.idom[a].unwrap_or(self.order[0]);
            } else {
                b = self.idom[b].unwrap_or(self.order[0]);
            }
        }
        a
    }
}

fn reverse_postorder(func: &Func) -> Vec<Block> {
    let mut order = Vec::new();
    let mut seen: SecondaryMap<Block, bool> = SecondaryMap::new();
    // The usual walk with an explicit stack: a block is finished when its last successor is.
    let mut stack = vec![(func.entry, 0)];
    seen[func.entry] = true;
    while let Some((block, index)) = stack.pop() {
        match func.blocks[block].term.targets().nth(index) {
            Some(target) => {
                stack.push((block, index + 1));
                if !seen[target.block] {
                    seen[target.block] = true;
                    stack.push((target.block, 0));
                }
            }
            None => order.push(block),
        }
    }
    order.reverse();
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hir::{Op, Target, Term, Type};
    use martlet_snapshot::EntryPoint;

    #[test]
    fn a_loop_with_a_branch() {
        let mut func = Func::new("f", EntryPoint::Start);
        let entry = func.entry;
        let [head, left, right, latch, dead] = [0; 5].map(|offset| func.add_block(offset));
        let to = |block| Target {
            block,
            args: Vec::new(),
        };
        let bit = func.make_inst(Op::Bool(true), vec![], None, Type::ANY, 0);
        func.blocks[entry].insts.push(bit);
        let cond = func.insts[bit].result.expect("a bit has a result");
        func.blocks[entry].term = Term::Jump(to(head));
        func.blocks[head].term = Term::Branch {
            cond,
            then: to(left),
            other: to(right),
            likely: None,
        };
        func.blocks[left].term = Term::Jump(to(latch));
        func.blocks[right].term = Term::Jump(to(latch));
        func.blocks[latch].term = Term::Jump(to(head));
        func.blocks[dead].term = Term::Jump(to(head));
        let cfg = Cfg::new(&func);
        assert_eq!(cfg.order.len(), 5);
        assert!(!cfg.is_reachable(dead));
        assert_eq!(cfg.idom(latch), Some(head));
        assert_eq!(cfg.idom(entry), None);
        assert_eq!(cfg.preds(head), [entry, latch]);
        assert!(cfg.dominates(head, latch) && !cfg.dominates(left, latch));
    }
}
