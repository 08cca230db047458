//! The second shared object: everything that needs LLVM, behind a small C interface.
