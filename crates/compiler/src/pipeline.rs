//! From a request to a unit: every stage, in order.

use crate::compiler::Workshop;
use crate::dumps::{Dumps, bytecode};
use crate::lines;
use crate::refused::Refused;
use martlet_codegen::Tier;
use martlet_frontend::hir::{self, Cfg, Func};
use martlet_frontend::lower::lower;
use martlet_frontend::translate;
use martlet_ir::OwnedFunction;
use martlet_ir::inkwell::values::AnyValue;
use martlet_snapshot::{Costs, Effort, Request, Stage, Unit};
use std::time::{Duration, Instant};

/// Compiles one function; answers its translation, too.
pub(crate) fn compile(
    workshop: &mut Workshop,
    request: &Request,
    dumps: &mut Dumps,
) -> Result<(Unit, OwnedFunction), Refused> {
    let mode = &request.mode;
    let tier = match mode.effort {
        Effort::None => Tier::None,
        Effort::Quick => Tier::Quick,
        Effort::Best => Tier::Best,
    };
    let verifies = mode.verify || cfg!(debug_assertions);
    let start = Instant::now();

    // Bytecode to HIR: decoded, built over abstract frames, improved by every pass. The snapshot's code is not looked
    // at again; its objects still are.
    dumps.add(Stage::Bytecode, || bytecode(request));
    let func = translate(request)?;
    dumps.add(Stage::Hir, || func.to_string());
    if verifies {
        verify(&func, request)?;
    }

    let emitter = &mut workshop.emitter;
    dumps.add(Stage::Lines, || {
        let tier = (mode.effort, tier);
        let lines = lines::explain(&func, request, emitter, &workshop.helpers, tier);
        lines.map_or_else(|refused| refused.to_string(), |lines| lines.to_json())
    });

    // HIR to LLVM IR, into the library module, where the translation stays until it is released. What it means is
    // fixed from here on.
    let library = &mut workshop.library;
    emitter.prepare(library)?;
    let lowered = lower(&func, request, library)?;
    dumps.add(Stage::Ir, || {
        let function = lowered.function.get(library);
        function.map_or_else(
            |stale| stale.to_string(),
            |function| function.print_to_string().to_string(),
        )
    });
    let frontend = start.elapsed();

    // A unit of its own: one function, cloned; everything it calls is only declared.
    let mut unit = library.extract_into(&lowered.function, &[], workshop.contexts.take())?;
    // Bodies for the helpers that it names, to be inlined or dropped: the originals are in the extension.
    if mode.effort != Effort::None {
        workshop.helpers.import(&mut unit.module)?;
    }
    if verifies {
        unit.module.verify()?;
    }

    // LLVM's pipeline. From here on the unit has only to become code.
    emitter.optimise(&mut unit.module, tier)?;
    let optimise = start.elapsed() - frontend;
    dumps.add(Stage::IrOpt, || {
        unit.module
            .read(|edit| edit.module().print_to_string().to_string())
    });
    if verifies {
        unit.module.verify()?;
    }
    let ir_instructions_optimised = unit.module.memory_report().instructions;

    // Machine code. This spends the unit's IR, so that its text is made before.
    dumps.add(Stage::Asm, || {
        let assembly = emitter.assembly(&unit.module, tier.level());
        assembly.unwrap_or_else(|refused| refused.to_string())
    });
    let emitting = Instant::now();
    let object = emitter.emit(&mut unit.module, tier.level())?;
    let emit = emitting.elapsed();

    drop(unit.function);
    workshop.contexts.give_back(unit.module.into_context());
    let unit = Unit {
        object,
        symbol: lowered.symbol,
        slots: lowered.slots,
        exits: lowered.exits,
        notes: func.notes.clone(),
        inlined: func.inlined.clone(),
        costs: Costs {
            bytecodes: func.bytecodes,
            hir_instructions: count_instructions(&func),
            general_calls: martlet_frontend::general_calls(&func),
            general_operators: martlet_frontend::general_operators(&func),
            ir_instructions: lowered.ir_instructions,
            ir_instructions_optimised: u32::try_from(ir_instructions_optimised).unwrap_or(u32::MAX),
            frontend_ns: nanoseconds(frontend),
            optimise_ns: nanoseconds(optimise),
            emit_ns: nanoseconds(emit),
        },
    };
    Ok((unit, lowered.function))
}

fn verify(func: &Func, request: &Request) -> Result<(), Refused> {
    let n_locals: Vec<u32> = request.codes.iter().map(|code| code.n_locals).collect();
    let rules = hir::Rules {
        n_locals: &n_locals,
        refcounted: true,
    };
    Ok(hir::verify(func, &rules)?)
}

fn count_instructions(func: &Func) -> u32 {
    let blocks = Cfg::new(func).order;
    let counts = blocks.iter().map(|block| func.blocks[*block].insts.len());
    counts.sum::<usize>() as u32
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
