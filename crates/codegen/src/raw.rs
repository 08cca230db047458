//! A target machine that may change its thread.

use martlet_ir::inkwell::targets::TargetMachine;
use std::ops::Deref;

/// Whoever has it is alone with it: it can be sent, and is not shared.
#[derive(Debug)]
pub(crate) struct Machine(TargetMachine);

// SAFETY: LLVM's target machines belong to no thread. What they change while they work (the cache of subtargets) is
// their own, and works without locks: so this type is not `Sync`, and hands out nothing that is `Send`.
unsafe impl Send for Machine {}

impl From<TargetMachine> for Machine {
    fn from(machine: TargetMachine) -> Self {
        Machine(machine)
    }
}

impl Deref for Machine {
    type Target = TargetMachine;

    fn deref(&self) -> &TargetMachine {
        &self.0
    }
}
