//! LLVM IR that can be held safely: weak handles, owned functions, units.
