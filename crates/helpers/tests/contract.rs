//! What the compiler may rely on: which helpers there are, with which LLVM types, and what their bitcode looks like.

use expect_test::expect_file;
use martlet_helpers::{BITCODE, HELPERS, SEAL, find};
use martlet_ir::BitcodeLibrary;

/// Largest number of LLVM instructions of a helper that is inlined: the time that compiling takes grows with them.
const MOST_INSTRUCTIONS: u32 = 70;

/// A change here is a change of the contract with the frontend. After one that is meant: `UPDATE_EXPECT=1`.
#[test]
fn names_and_types() {
    let mut lines: Vec<String> = HELPERS
        .iter()
        .map(|helper| format!("{}: {}\n", helper.name, helper.ir_signature))
        .collect();
    lines.sort();
    expect_file!["contract.txt"].assert_eq(&lines.concat());
}

#[test]
fn every_helper_is_documented() {
    let silent: Vec<_> = HELPERS
        .iter()
        .filter(|helper| helper.doc.is_empty())
        .map(|helper| helper.name)
        .collect();
    assert!(silent.is_empty(), "without a comment: {silent:?}");
    let hidden: Vec<_> = HELPERS
        .iter()
        .filter(|h| h.signature.is_empty())
        .map(|h| h.name)
        .collect();
    assert!(
        hidden.is_empty(),
        "not in plain sight in their files: {hidden:?}"
    );
}

#[test]
fn what_is_inlined_is_small() {
    let large: Vec<_> = HELPERS
        .iter()
        .filter(|helper| helper.inline && helper.instructions > MOST_INSTRUCTIONS)
        .map(|helper| (helper.name, helper.instructions))
        .collect();
    assert!(large.is_empty(), "{large:?}");
}

#[test]
fn slow_paths_stay_out() {
    for name in ["martlet_int_box_slow", "martlet_call", "martlet_frame_pop"] {
        assert!(find(name).is_some_and(|helper| !helper.inline), "{name}");
    }
    for name in [
        "martlet_int_box",
        "martlet_float_box",
        "martlet_int_unbox",
        "martlet_frame_push",
    ] {
        assert!(find(name).is_some_and(|helper| helper.inline), "{name}");
    }
}

/// What C declares by macros of `martlet_bitcode.h` reaches who imports the helpers.
#[test]
fn declared_attributes_are_there() {
    let pow = find("martlet_int_pow").expect("it is there");
    assert!(pow.attributes.contains(&"willreturn"), "{pow:?}");
    let library = BitcodeLibrary::open("helpers", BITCODE).expect("this LLVM reads it");
    for name in ["martlet_compare_bool", "martlet_is_true_owned"] {
        let text = library.pristine(name).expect("it is there");
        assert!(text.contains("range(i32 -1, 2) i32"), "{text}");
    }
}

/// Inside of it everything moves from one 3.13.x to the next, strings included.
#[test]
fn nothing_inside_the_runtime_is_reached() {
    let library = BitcodeLibrary::open("helpers", BITCODE).expect("this LLVM reads it");
    let bodies: Vec<_> = HELPERS
        .iter()
        .map(|it| (it.name, library.pristine(it.name).expect("it is there")))
        .collect();
    let names = |symbol: &str| {
        let users = bodies.iter().filter(|(_, text)| text.contains(symbol));
        users.map(|(name, _)| *name).collect::<Vec<_>>()
    };
    assert!(names("@PyFloat_Type").contains(&"martlet_is_float"));
    assert_eq!(names("@_PyRuntime"), [""; 0]);
}

#[test]
fn the_seal_names_its_origin() {
    assert_eq!(SEAL.llvm_major, 22);
    assert!(SEAL.clang.starts_with("22."));
    assert!(SEAL.files.iter().any(|(name, _)| *name == "ints.c"));
    assert!(BITCODE.starts_with(b"BC\xc0\xde"));
}
