//! Others that make machine code run, as far as they were asked for: features `llvm` and `cranelift`.

#[cfg(feature = "cranelift")]
mod cranelift;
#[cfg(feature = "llvm")]
mod llvm;

use criterion::BenchmarkGroup;
use criterion::measurement::WallTime;

/// How many functions of a peer's live one after the other, each of which takes longer.
#[cfg(any(feature = "llvm", feature = "cranelift"))]
const LIVES: u64 = 20_000;

/// The body as each peer linked it.
pub(crate) fn bodies(function: &[u8]) -> Vec<(&'static str, usize)> {
    let _ = function;
    Vec::from([
        #[cfg(feature = "llvm")]
        ("LLJIT function", llvm::Jit::leak_body(function)),
        #[cfg(feature = "cranelift")]
        ("cranelift-jit function", cranelift::leak_body()),
    ])
}

/// Rows beside `publish 200 bytes`.
pub(crate) fn publish(group: &mut BenchmarkGroup<'_, WallTime>, function: &[u8]) {
    #[cfg(feature = "llvm")]
    llvm::publish(group, function);
    #[cfg(feature = "cranelift")]
    cranelift::publish(group);
    let _ = (group, function);
}

/// Name, bytes a function over its text, KB that lives leave behind.
pub(crate) fn memory(
    function: &[u8],
    functions: usize,
    text: usize,
) -> Vec<(&'static str, f64, f64)> {
    let _ = (function, functions, text);
    Vec::from([
        #[cfg(feature = "llvm")]
        llvm::memory(function, functions, text),
        #[cfg(feature = "cranelift")]
        cranelift::memory(functions, text),
    ])
}
