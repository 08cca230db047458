//! The C helpers of Martlet: bitcode, declarations and native twins.
