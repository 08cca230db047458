//! HIR to LLVM IR.
//!
//! One HIR value becomes one LLVM value, a block's parameters become phis, and everything that knows an object's insides
//! is a call of a C helper, inlined later. The body is `ptr (ptr ts, ptr frame)`. Exits are cold blocks with one call;
//! what they write back is data (see [`martlet_snapshot::ExitRecord`]). Object addresses are loads from the unit's slot
//! table, the external symbol [`SLOTS_SYMBOL`]. No fast-math, ever.

mod calls;
mod emit;
mod exits;
mod homes;
mod lines;
mod ops;
mod slots;
mod terms;
#[cfg(test)]
mod tests;

pub use lines::site_number;
pub use slots::SLOTS_SYMBOL;

use crate::hir::{Cfg, ExitSite, Func};
use calls::Arrays;
use emit::Emitter;
use homes::Homes;
use martlet_ir::inkwell::builder::BuilderError;
use martlet_ir::inkwell::module::Module as InkModule;
use martlet_ir::inkwell::values::{AnyValue, FunctionValue};
use martlet_ir::{Module, OwnedFunction};
use martlet_snapshot::{EntryPoint, ExitRecord, Request, SlotValue};

/// A function as LLVM IR, and what must stand beside it. `F` is how the function is held.
#[derive(Debug)]
pub struct Lowered<F = OwnedFunction> {
    /// The body.
    pub function: F,
    /// Its name in the module, and the symbol of the unit made from it.
    pub symbol: String,
    /// What the unit's slots hold, slot 0 first.
    pub slots: Vec<SlotValue>,
    /// Its exits, by the index that code passes.
    pub exits: Vec<ExitRecord>,
    /// LLVM instructions.
    pub ir_instructions: u32,
}

/// Why a function was not lowered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The code names more objects than a slot table is declared for.
    #[error("more than {0} objects are named")]
    TooManySlots(u32),
    /// A test for a kind that has none.
    #[error("no test for the kind {0}")]
    Kind(String),
    /// The module has a function of this name and another signature.
    #[error("`{0}` is declared with another signature")]
    Signature(String),
    /// An instruction that may exit has no frame state.
    #[error("{0} may exit, and has no frame state")]
    NoState(String),
    /// A reference is to be handed over that the state does not name.
    #[error("{0} is handed over to an exit that does not name it")]
    Handover(String),
    /// LLVM's builder or verifier did not like it.
    #[error("invalid IR: {0}")]
    Invalid(String),
    /// The HIR is not as it should be.
    #[error("malformed HIR: {0}")]
    Internal(&'static str),
}

impl From<BuilderError> for Refusal {
    fn from(error: BuilderError) -> Self {
        Self::Invalid(error.to_string())
    }
}

impl Refusal {
    /// The field of the statistics.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::TooManySlots(_) => "too_many_objects",
            _ => "lowering",
        }
    }
}

/// Lowers a function into a module, as a definition that is owned by the result.
///
/// # Errors
/// When the function names too much, or is malformed; the module is then left without it.
pub fn lower(func: &Func, request: &Request, module: &mut Module) -> Result<Lowered, Refusal> {
    lower_as(func, request, module, false)
}

/// As [`lower`], for reading alone: each machine instruction will be marked, as by a line number, with the
/// [`site_number`] of what it comes from.
///
/// # Errors
/// As there.
pub fn lower_marked(
    func: &Func,
    request: &Request,
    module: &mut Module,
) -> Result<Lowered, Refusal> {
    lower_as(func, request, module, true)
}

fn lower_as(
    func: &Func,
    request: &Request,
    module: &mut Module,
    marked: bool,
) -> Result<Lowered, Refusal> {
    module.edit(|edit| {
        let lowered = lower_into(func, request, edit.module(), marked)?;
        Ok(Lowered {
            function: edit.own(lowered.function),
            symbol: lowered.symbol,
            slots: lowered.slots,
            exits: lowered.exits,
            ir_instructions: lowered.ir_instructions,
        })
    })
}

fn lower_into<'ctx>(
    func: &Func,
    request: &Request,
    module: &InkModule<'ctx>,
    marked: bool,
) -> Result<Lowered<FunctionValue<'ctx>>, Refusal> {
    let mut emitter = Emitter::new(func, request, module, &symbol(request));
    if marked {
        emitter.use_marks();
    }
    emit_body(&mut emitter)?;
    let verify = request.mode.verify || cfg!(debug_assertions);
    if verify && !emitter.body.verify(false) {
        return Err(Refusal::Invalid(emitter.body.print_to_string().to_string()));
    }
    Ok(emitter.finish())
}

fn emit_body(emitter: &mut Emitter<'_, '_>) -> Result<(), Refusal> {
    let func = emitter.func;
    let cfg = Cfg::new(func);
    emitter.homes = Homes::find(func, &cfg);
    for &block in &cfg.order {
        emitter.starts[block] = Some(emitter.new_block(&block.to_string()));
    }
    let mut phis = Vec::new();
    for &block in &cfg.order {
        let Some(start) = emitter.starts[block] else {
            continue;
        };
        emitter.builder.position_at_end(start);
        if block == func.entry {
            let insts = cfg
                .order
                .iter()
                .flat_map(|block| &func.blocks[*block].insts);
            emitter.reserve(Arrays::of(func, insts.copied()))?;
            emitter.reserve_homes()?;
            emitter.enter()?;
        }
        phis.push(emitter.phis(block)?);
        for &inst in &func.blocks[block].insts {
            emitter.mark(ExitSite::Inst(inst));
            emitter.store_homes(ExitSite::Inst(inst))?;
            emitter.instruction(inst)?;
        }
        emitter.mark(ExitSite::Term(block));
        emitter.store_homes(ExitSite::Term(block))?;
        emitter.ends[block] = emitter.builder.get_insert_block();
        emitter.terminator(block)?;
    }
    for &block in &cfg.order {
        for (index, target) in func.blocks[block].term.targets().enumerate() {
            let from = emitter.edge_from(block, index)?;
            emitter.incoming(from, target, &phis[cfg.position(target.block)])?;
        }
    }
    emitter.emit_exits()
}

/// A readable name; LLVM makes it unique.
fn symbol(request: &Request) -> String {
    let code = request.codes.first();
    let name = code.map_or("", |code| code.qualname.as_str());
    match request.entry {
        EntryPoint::Start => format!("py.{name}"),
        EntryPoint::Loop(offset) => format!("py.{name}@{offset}"),
        EntryPoint::Resume => format!("py.{name}.resume"),
    }
}
