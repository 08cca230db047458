//! Bytecode of CPython 3.13, decoded: the only part that knows its numbers and layouts.
//!
//! [`Code::decode`] turns a snapshot's bytes into instructions with their arguments folded, their inline caches read
//! ([`Special`]), their lines, and the table of exception handlers. Offsets are in code units of two bytes. Whatever the
//! bytes are, the answer is code that can be walked without care (jumps and handlers lead to instructions, control does
//! not run off the end) or a [`DecodeError`].
//!
//! ```
//! use martlet_frontend::bytecode::{Code, Opcode};
//! use martlet_snapshot::CodeSnapshot;
//! let code = vec![149, 0, 103, 0]; // RESUME, RETURN_CONST 0
//! let snapshot = CodeSnapshot { adaptive: code.clone(), code, ..CodeSnapshot::default() };
//! let code = Code::decode(&snapshot).unwrap();
//! assert_eq!(code.insts[1].opcode, Opcode::ReturnConst);
//! ```

mod code;
mod dump;
mod exceptions;
mod lines;
mod opcode;
mod special;
#[cfg(test)]
mod tests;

pub use code::{Code, DecodeError, Instr};
pub use exceptions::ExceptionEntry;
pub use opcode::{Opcode, stack_effect};
pub use special::{CallKind, Special};
