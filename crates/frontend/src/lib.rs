//! CPython 3.13 code snapshots to typed SSA to LLVM IR.
