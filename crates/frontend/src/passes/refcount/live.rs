//! Which roots are alive where: those that are used later on some path. A use of an alias is a use of its root.

use super::roots::{Bits, Roots};
use crate::hir::{Block, Cfg, Func};
use cranelift_entity::SecondaryMap;

/// Liveness at the ends of blocks.
pub(crate) struct Live {
    /// At the start of a block, its parameters included.
    starts: SecondaryMap<Block, Bits>,
    n: usize,
}

impl Live {
    pub(crate) fn new(func: &Func, cfg: &Cfg, roots: &Roots) -> Self {
        let n = roots.list.len();
        let mut live = Self {
            starts: SecondaryMap::with_default(Bits::new(n)),
            n,
        };
        let mut changed = true;
        while changed {
            changed = false;
            for &block in cfg.order.iter().rev() {
                let mut set = live.at_end(func, roots, block);
                for &inst in func.blocks[block].insts.iter().rev() {
                    let uses = roots.uses(func, inst);
                    if let Some(result) = uses.result {
                        set.remove(result);
                    }
                    for root in uses.all {
                        set.add(root);
                    }
                }
                if live.starts[block] != set {
                    live.starts[block] = set;
                    changed = true;
                }
            }
        }
        live
    }

    /// Alive at the start of a block, its parameters included.
    pub(crate) fn at_start(&self, block: Block) -> &Bits {
        &self.starts[block]
    }

    /// Alive on the way into a block: its parameters excluded.
    pub(crate) fn entering(&self, func: &Func, roots: &Roots, block: Block) -> Bits {
        let mut set = self.starts[block].clone();
        for &param in &func.blocks[block].params {
            if let Some(root) = roots.of(param) {
                set.remove(root);
            }
        }
        set
    }

    /// Alive behind the last instruction of a block: what its terminator uses included.
    pub(crate) fn at_end(&self, func: &Func, roots: &Roots, block: Block) -> Bits {
        let mut set = Bits::new(self.n);
        for root in roots.term_uses(func, block) {
            set.add(root);
        }
        for target in func.blocks[block].term.targets() {
            set.add_all(&self.entering(func, roots, target.block));
            for root in target.args.iter().filter_map(|arg| roots.of(*arg)) {
                set.add(root);
            }
        }
        set
    }

    /// Alive behind each instruction of a block.
    pub(crate) fn behind_each(&self, func: &Func, roots: &Roots, block: Block) -> Vec<Bits> {
        let insts = &func.blocks[block].insts;
        let mut sets = vec![Bits::default(); insts.len()];
        let mut set = self.at_end(func, roots, block);
        for (place, &inst) in insts.iter().enumerate().rev() {
            sets[place] = set.clone();
            let uses = roots.uses(func, inst);
            if let Some(result) = uses.result {
                set.remove(result);
            }
            for root in uses.all {
                set.add(root);
            }
        }
        sets
    }
}
