//! Criterion benchmarks of Martlet's crates.
