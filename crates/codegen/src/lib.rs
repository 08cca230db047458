//! Turns LLVM modules into relocatable objects.
