//! Terminators, and the phis that block parameters become.

use super::Refusal;
use super::emit::{Emitter, Failure};
use crate::hir::{Block, ExitSite, Rep, Target, Term};
use martlet_ir::inkwell::basic_block::BasicBlock;
use martlet_ir::inkwell::types::BasicTypeEnum;
use martlet_ir::inkwell::values::PhiValue;

impl<'ctx> Emitter<'_, 'ctx> {
    /// Makes a phi of each parameter, at the block's start; incoming values are added when all blocks are emitted.
    pub(super) fn phis(&mut self, block: Block) -> Result<Vec<PhiValue<'ctx>>, Refusal> {
        let func = self.func;
        let mut phis = Vec::new();
        for &param in &func.blocks[block].params {
            let ty: BasicTypeEnum = match func.rep(param) {
                Rep::Obj => self.ptr().into(),
                Rep::I64 => self.int().into(),
                Rep::F64 => self.double().into(),
                Rep::I1 => self.bit().into(),
                Rep::Multi | Rep::Unit => {
                    return Err(Refusal::Internal("a parameter holds no value"));
                }
            };
            let phi = self.builder.build_phi(ty, "")?;
            self.set(param, phi.as_basic_value());
            phis.push(phi);
        }
        Ok(phis)
    }

    /// Adds what an edge brings to the phis of its target.
    pub(super) fn incoming(
        &self,
        from: BasicBlock<'ctx>,
        target: &Target,
        phis: &[PhiValue<'ctx>],
    ) -> Result<(), Refusal> {
        for (phi, arg) in phis.iter().zip(&target.args) {
            phi.add_incoming(&[(&self.get(*arg)?, from)]);
        }
        Ok(())
    }

    /// Emits a block's terminator.
    pub(super) fn terminator(&mut self, block: Block) -> Result<(), Refusal> {
        let func = self.func;
        let site = ExitSite::Term(block);
        match &func.blocks[block].term {
            Term::None => return Err(Refusal::Internal("a block does not end")),
            Term::Jump(target) => {
                let target = self.start(target.block)?;
                self.builder.build_unconditional_branch(target)?;
            }
            Term::Branch {
                cond,
                then,
                other,
                likely,
            } => {
                let cond = self.integer(*cond)?;
                let then_start = self.start(then.block)?;
                let other_start = match then.block == other.block {
                    true => self.second_edge(block, other)?,
                    false => self.start(other.block)?,
                };
                let branch =
                    self.builder
                        .build_conditional_branch(cond, then_start, other_start)?;
                let cold = |target: &Target| func.blocks[target.block].cold;
                let guess = (cold(then) != cold(other)).then(|| cold(other));
                self.weigh(branch, likely.or(guess))?;
            }
            Term::Checked { ok, raised } => {
                let failed = self.failed.take();
                let failed =
                    failed.ok_or(Refusal::Internal("nothing to check for an exception"))?;
                self.check(failed, ok, raised)?;
            }
            Term::Return(value) => {
                let value = self.object(*value)?;
                self.builder.build_return(Some(&value))?;
            }
            Term::Stay => {
                // `MARTLET_SENTINEL`.
                let sentinel = self.int().const_int(1, false).const_to_pointer(self.ptr());
                self.builder.build_return(Some(&sentinel))?;
            }
            Term::Exit { state, reason } => {
                let exit = self.exit_block(*state, site, reason, None)?;
                self.builder.build_unconditional_branch(exit)?;
            }
            Term::Raise { state, raised } => {
                let exit = self.exit_block(*state, site, raised.reason(), Some(*raised))?;
                self.builder.build_unconditional_branch(exit)?;
            }
        }
        Ok(())
    }

    fn check(
        &mut self,
        failed: Failure<'ctx>,
        ok: &Target,
        raised: &Target,
    ) -> Result<(), Refusal> {
        let [ok, raised] = [self.start(ok.block)?, self.start(raised.block)?];
        let bit = match failed {
            Failure::Null(pointer) => self.is_null(pointer)?,
            Failure::Negative(status) => self.is_negative(status)?,
            // The normal successor is not reached, but its phis count on this edge.
            Failure::Always => self.bit().const_int(1, false),
        };
        let branch = self.builder.build_conditional_branch(bit, raised, ok)?;
        self.weigh(branch, Some(false))
    }

    /// A phi knows one value a predecessor: of two edges to one block, the second gets a block of its own.
    fn second_edge(&mut self, block: Block, target: &Target) -> Result<BasicBlock<'ctx>, Refusal> {
        let start = self.start(target.block)?;
        let edge = self.new_block("edge");
        let here = self.builder.get_insert_block();
        self.builder.position_at_end(edge);
        self.builder.build_unconditional_branch(start)?;
        if let Some(here) = here {
            self.builder.position_at_end(here);
        }
        self.second_edges.push((block, edge));
        Ok(edge)
    }

    /// The LLVM block that an edge comes from.
    pub(super) fn edge_from(
        &self,
        block: Block,
        index: usize,
    ) -> Result<BasicBlock<'ctx>, Refusal> {
        let second = self.second_edges.iter().find(|(from, _)| *from == block);
        match second {
            Some((_, edge)) if index == 1 => Ok(*edge),
            _ => self.ends[block].ok_or(Refusal::Internal("a block was not emitted")),
        }
    }

    fn start(&self, block: Block) -> Result<BasicBlock<'ctx>, Refusal> {
        self.starts[block].ok_or(Refusal::Internal("a jump to nowhere"))
    }
}
