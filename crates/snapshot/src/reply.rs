//! What comes back from the compiler.

use crate::code::{ObjId, Stage};
use crate::exits::ExitRecord;
use serde::{Deserialize, Serialize};

/// What one word of a unit's slot table (the external symbol `martlet.slots`) must hold before the unit runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum SlotValue {
    /// Address of the version's `struct martlet_unit`. Always slot 0, and only there.
    Unit,
    /// Address of the object.
    Object(ObjId),
    /// Address of the cell of the code object (generic signature).
    Cell(ObjId),
}

/// Of so many general calls in a hundred bytecodes on, machine code is no faster than the interpreter. (Measured: programs
/// of objects have 3 to 9, applications on the C library 17 to 21, and these get slower.)
pub const NO_GAIN: u32 = 16;

/// What compiling cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Costs {
    /// Bytecode instructions translated (inlined ones included).
    pub bytecodes: u32,
    /// HIR instructions handed to the lowering.
    pub hir_instructions: u32,
    /// Of these, off cold paths, the calls of helpers that do in the general way what the interpreter does as well.
    pub general_calls: u32,
    /// Of these, operators.
    pub general_operators: u32,
    /// LLVM instructions before the pipeline (helpers not yet inlined).
    pub ir_instructions: u32,
    /// LLVM instructions after the pipeline.
    pub ir_instructions_optimised: u32,
    /// Nanoseconds from snapshot to LLVM IR.
    pub frontend_ns: u64,
    /// Nanoseconds of extraction, import of helpers and LLVM's pipeline.
    pub optimise_ns: u64,
    /// Nanoseconds of code generation.
    pub emit_ns: u64,
}

/// What one note of a version is about: an operand in an instruction that is done in the general way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Noted {
    /// Index of its code in [`Request::codes`](crate::Request::codes).
    pub code: u32,
    /// Code-unit offset of its opcode.
    pub offset: u32,
    /// Which operand: 0 is the top of the stack.
    pub operand: u32,
}

/// A text that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dump {
    /// Which stage.
    pub stage: Stage,
    /// The text.
    pub text: String,
}

/// A compiled version, not yet linked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Unit {
    /// Relocatable x86-64 ELF object.
    pub object: Vec<u8>,
    /// The symbol of its body.
    pub symbol: String,
    /// What its slots hold, slot 0 first.
    pub slots: Vec<SlotValue>,
    /// Its exits; the index is what machine code passes to the exit routine.
    pub exits: Vec<ExitRecord>,
    /// Its notes; the index is what machine code passes to `martlet_note`.
    pub notes: Vec<Noted>,
    /// Code objects whose bodies were inlined.
    pub inlined: Vec<ObjId>,
    /// What it cost.
    pub costs: Costs,
}

/// What comes back for a request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reply {
    /// The unit, or why there is none: a short reason to count by, and a detail.
    pub outcome: Result<Unit, (String, String)>,
    /// The texts that were asked for, as far as compilation came.
    pub dumps: Vec<Dump>,
}
