//! HIR: the typed middle form.
//!
//! Static single assignment over basic blocks with parameters. Values have a [`Type`] (what they are to the program)
//! and a [`Rep`] (how they are held). Boxed locals of the root frame are always in sync with the frame's memory
//! ([`Op::StoreLocal`] writes through, and its slot owns the object); raw ones live in values only, and are boxed and
//! stored before anything that may look at the frame. So a frame state names only raw locals, and exits stay small.

mod cfg;
mod func;
mod helpers;
mod op;
mod parse;
mod print;
mod text;
mod types;
mod verify;

pub use cfg::Cfg;
pub use func::{
    Block, BlockData, Def, ExitSite, Func, Handover, Inlined, Inst, InstData, Origin, Raised, Slot,
    State, StateId, Target, Term, Value, ValueData,
};
pub use helpers::{Arg, Helper, HelperId, Ret};
pub use op::{Cond, Effects, Field, FloatOp, IntOp, Keeper, Memory, Op, Virtual, operand_count};
pub use parse::ParseError;
pub use types::{Kind, Rep, Type};
pub use verify::{Place, Rule, Rules, Violation, Violations, verify};

#[cfg(test)]
mod tests;
