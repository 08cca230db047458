//! The runtime and the functions that all measurements use.

use martlet_machine_code::{
    Code, CodeId, DefaultTarget, Entry, EntryKey, Object, Runtime, Source, Strategy,
};

use crate::elf;

/// The body: `x + 1`. A loop that calls it so many times has the same type.
pub(crate) type Body = extern "C" fn(u64) -> u64;

pub(crate) const STRATEGIES: [(&str, Strategy); 2] = [
    ("cell", Strategy::IndirectCell),
    ("patched stub", Strategy::PatchedStub),
];

pub(crate) extern "C" fn default_body(x: u64) -> u64 {
    x + 1
}

pub(crate) fn runtime() -> Runtime {
    Runtime::builder().build().expect("executable memory")
}

pub(crate) fn entry(runtime: &Runtime, identity: u64, strategy: Strategy) -> Entry {
    // SAFETY: all entries of this benchmark have functions of one integer, and this one is never unloaded.
    let default = unsafe { DefaultTarget::new(default_body as *const ()) };
    let key = EntryKey {
        identity,
        signature: 0,
    };
    runtime.entry(key, strategy, default).expect("a new entry")
}

pub(crate) fn publish(
    runtime: &Runtime,
    identity: u64,
    bytes: &[u8],
    callee: Option<usize>,
) -> Code {
    let id = CodeId {
        identity,
        version: 0,
    };
    let object = Object {
        resolve: &|_| callee,
        ..Object::new(id, Source::Elf(bytes), elf::ENTRY)
    };
    runtime.publish(&object).expect("a good object")
}
