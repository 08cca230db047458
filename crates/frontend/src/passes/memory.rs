//! Versions of memory: two reads of the same version see the same.
//!
//! Memory is a few kinds ([`Memory`]), each local of the frame by itself, and what only running code changes (the
//! validity of the version). A write makes a new version; where versions meet, a new one. Loops are solved from the
//! optimistic side, so that what a loop does not write keeps its version in there.

use super::refcount::local_replaced;
use crate::hir::{Block, Cfg, Func, HelperId, Inst, Memory, Op};
use cranelift_entity::{EntityRef, SecondaryMap};

/// A version of one location.
type Version = u32;

/// The version of each location at a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Versions(Vec<Version>);

/// Index of the pseudo location that changes when code runs.
const RUN: usize = 0;
const N_MEMORY: usize = Memory::all().bits().count_ones() as usize;
const FIRST_LOCAL: usize = 1 + N_MEMORY;

impl Versions {
    /// The versions at the start of each block.
    pub(super) fn at_starts(func: &Func, cfg: &Cfg) -> SecondaryMap<Block, Option<Self>> {
        let n = FIRST_LOCAL + n_locals(func, cfg);
        let mut starts: SecondaryMap<Block, Option<Self>> = SecondaryMap::new();
        let mut ends: SecondaryMap<Block, Option<Self>> = SecondaryMap::new();
        starts[func.entry] = Some(Self(vec![0; n]));
        let mut changed = true;
        while changed {
            changed = false;
            for &block in &cfg.order {
                let mut versions = match starts[block].clone() {
                    Some(versions) if block == func.entry => versions,
                    before => Self::meet(cfg, block, before, &ends, n),
                };
                starts[block] = Some(versions.clone());
                for &inst in &func.blocks[block].insts {
                    versions.pass(func, inst);
                }
                if ends[block].as_ref() != Some(&versions) {
                    ends[block] = Some(versions);
                    changed = true;
                }
            }
        }
        starts
    }

    fn meet(
        cfg: &Cfg,
        block: Block,
        before: Option<Self>,
        ends: &SecondaryMap<Block, Option<Self>>,
        n: usize,
    ) -> Self {
        // Versions are numbered by what makes them: instructions even, meeting blocks odd.
        let here = block.index() as u32 * 2 + 1;
        let known: Vec<&Self> = cfg
            .preds(block)
            .iter()
            .filter_map(|pred| ends[*pred].as_ref())
            .collect();
        Self(
            (0..n)
                .map(|place| {
                    let stays = before
                        .as_ref()
                        .is_some_and(|before| before.0[place] == here);
                    let first = known.first().map_or(0, |versions| versions.0[place]);
                    let agree = known.iter().all(|versions| versions.0[place] == first);
                    if stays || !agree { here } else { first }
                })
                .collect(),
        )
    }

    /// Goes over an instruction.
    pub(super) fn pass(&mut self, func: &Func, inst: Inst) {
        let op = func.insts[inst].op;
        let new = (inst.index() as u32 + 1) * 2;
        let effects = op.effects();
        let is_quiet_drop = op == Op::Drop && func.ty(func.insts[inst].args[0]).is_quiet();
        if effects.may_run && !is_quiet_drop {
            self.0.fill(new);
            return;
        }
        for (place, memory) in Memory::all().iter().enumerate() {
            if memory != Memory::FRAME && effects.writes.contains(memory) {
                self.0[1 + place] = new;
            }
        }
        if let Some(local) = local_replaced(func, inst) {
            self.0[FIRST_LOCAL + local as usize] = new;
        }
        if matches!(
            op,
            Op::Call {
                helper: HelperId::CopyFreeVars,
                ..
            }
        ) {
            self.0[FIRST_LOCAL..].fill(new);
        }
    }

    /// The versions that an operation's result depends on.
    pub(super) fn read_by(&self, op: &Op) -> Vec<Version> {
        match op {
            Op::LoadLocal(local) => vec![self.0[FIRST_LOCAL + *local as usize]],
            Op::CheckValid | Op::CheckUnit => vec![self.0[RUN]],
            _ => {
                let reads = op.effects().reads;
                let places = Memory::all().iter().enumerate();
                places
                    .filter(|(_, memory)| reads.contains(*memory))
                    .map(|(place, _)| self.0[1 + place])
                    .collect()
            }
        }
    }
}

fn n_locals(func: &Func, cfg: &Cfg) -> usize {
    let insts = cfg
        .order
        .iter()
        .flat_map(|block| &func.blocks[*block].insts);
    let last = insts.filter_map(|&inst| match func.insts[inst].op {
        Op::LoadLocal(local) => Some(local),
        _ => local_replaced(func, inst),
    });
    last.max().map_or(0, |local| local as usize + 1)
}
