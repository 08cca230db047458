//! What must not compile, and what the compiler says about it.
//!
//! `TRYBUILD=overwrite cargo test -p martlet-ir --test misuse` writes what it says anew.

#[test]
fn misuse_does_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/misuse/*.rs");
}
