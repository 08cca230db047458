//! Builds C helpers to LLVM bitcode that embeds, inlines and keeps its meaning.
