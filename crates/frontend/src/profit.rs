//! Whether machine code of a function is worth what it costs to make: not if most of what it does is to call what the
//! interpreter calls.

use crate::build::Refusal;
use crate::hir::{Cfg, Func, HelperId, Op};
use martlet_snapshot::NO_GAIN;

/// How many general calls weigh as much as a loop over a generator, which is interpreted wherever the loop is.
const LOOP_OVER_GENERATOR: u32 = 4;

/// How many calls there are, off cold paths, of helpers that do in the general way what the interpreter does as well.
/// What lets a generator go on is none: that may be in machine code. A loop over one makes up for some of them.
pub fn general_calls(func: &Func) -> u32 {
    use HelperId::{CallAwaited, GeneratorNext, NextAwaited, Send};
    let resumes = |helper| matches!(helper, GeneratorNext | Send | CallAwaited | NextAwaited);
    let general = count(func, |helper| helper.row().may_run && !resumes(helper));
    let loops = count(func, |helper| helper == GeneratorNext);
    general.saturating_sub(LOOP_OVER_GENERATOR * loops)
}

/// How many of these are operators. The interpreter has its fast ways for operands of one kind only, too, and is not faster
/// where they are not: such code is never given back.
pub fn general_operators(func: &Func) -> u32 {
    count(func, |helper| helper == HelperId::BinaryOp)
}

/// How many calls there are, off cold paths, of some helpers.
fn count(func: &Func, is_meant: impl Fn(HelperId) -> bool) -> u32 {
    let blocks = Cfg::new(func).order.into_iter();
    let warm = blocks.filter(|block| !func.blocks[*block].cold);
    let insts = warm.flat_map(|block| &func.blocks[block].insts);
    let is_call = |op| matches!(op, Op::Call { helper, .. } if is_meant(helper));
    insts.filter(|inst| is_call(func.insts[**inst].op)).count() as u32
}

/// Refuses a function that does not get faster.
///
/// # Errors
/// The reason `general`.
pub(crate) fn check(func: &Func) -> Result<(), Refusal> {
    let (general, all) = (
        general_calls(func).saturating_sub(general_operators(func)),
        func.bytecodes,
    );
    if general * 100 < all * NO_GAIN {
        return Ok(());
    }
    let detail = format!("{general} of {all} bytecodes are done as the interpreter does them");
    Err(Refusal::new("general", detail))
}
