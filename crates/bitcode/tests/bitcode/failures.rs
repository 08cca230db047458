//! What is wrong is refused, and the error says what it is.

use crate::support::{Case, GOOD};
use martlet_bitcode::Error;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

#[test]
fn c_error_carries_command_and_message() {
    let case = Case::new();
    let error = case
        .build()
        .file(case.file("bad.c", "int f( { }\n"))
        .compile();
    let error = error.expect_err("that is not C");
    let text = error.to_string();
    assert!(matches!(error, Error::Tool { .. }), "{text}");
    assert!(
        text.contains("-emit-llvm") && text.contains("bad.c:1:"),
        "{text}"
    );
}

#[test]
fn c_warning_can_be_an_error() {
    let case = Case::new();
    let file = case.file("warn.c", "int f(void) { int unused; return 0; }\n");
    let error = case
        .build()
        .flag("-Wall")
        .flag("-Werror")
        .file(file)
        .compile();
    let text = error.expect_err("a variable is not used").to_string();
    assert!(text.contains("unused variable"), "{text}");
}

#[test]
fn wrong_major_names_both_versions() {
    let case = Case::new();
    let fake = case.fake("fake-clang", "Some clang version 15.0.7 (x)");
    let error = case
        .build()
        .clang(&fake)
        .file(case.file("good.c", GOOD))
        .compile();
    let error = error.expect_err("15 is not 22");
    assert!(
        matches!(&error, Error::WrongClang { wanted: 22, path, .. } if *path == fake),
        "{error}"
    );
    assert!(error.to_string().contains("15.0.7"), "{error}");
}

#[test]
fn wrong_major_on_path_is_passed_over() {
    let case = Case::new();
    case.fake("clang", "clang version 19.1.1");
    let error = case
        .build()
        .search([case.dir.path()])
        .file(case.file("good.c", GOOD))
        .compile();
    let text = error.expect_err("19 is not 22").to_string();
    assert!(
        text.contains("clang 19.1.1") && text.contains("no `clang-22`"),
        "{text}"
    );
}

#[test]
fn no_clang_says_where_it_looked() {
    let case = Case::new();
    let error = case
        .build()
        .search([case.dir.path()])
        .file(case.file("good.c", GOOD))
        .compile();
    let error = error.expect_err("there is none");
    assert!(
        matches!(error, Error::NoClang { wanted: 22, .. }),
        "{error}"
    );
}

#[test]
fn no_linker_says_where_it_looked() {
    let case = Case::new();
    let script = "#!/bin/sh\ncase \"$*\" in *--version*) echo 'clang version 22.1.8';; *) \
                  while [ $# -gt 0 ]; do case $1 in -MF) shift; echo 'x: x' > $1;; -o) shift; : > $1;; esac; shift; \
                  done;; esac\n";
    let fake = case.file("fake-clang", script);
    fs::set_permissions(&fake, fs::Permissions::from_mode(0o755)).expect("mode");
    let empty: [&Path; 0] = [];
    let error = case
        .build()
        .clang(&fake)
        .search(empty)
        .file(case.file("good.c", GOOD))
        .compile();
    let error = error.expect_err("there is no llvm-link");
    assert!(
        matches!(
            error,
            Error::NoTool {
                name: "llvm-link",
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn one_name_in_two_files() {
    let case = Case::new();
    let first = case.file("a.c", "int f(void) { return 1; }\n");
    let second = case.file(
        "b.c",
        "int g(void) { return 1; }\nint f(void) { return 2; }\n",
    );
    let error = case
        .build()
        .file(first)
        .file(second)
        .compile()
        .expect_err("f is there twice");
    // The linker of bitcode sees it first.
    assert!(error.to_string().contains('f'), "{error}");
}

#[test]
fn a_missing_file() {
    let case = Case::new();
    let error = case.build().file(case.dir.path().join("none.c")).compile();
    assert!(matches!(error, Err(Error::File { .. })));
}

#[test]
fn a_c_error_names_both_versions() {
    let case = Case::new();
    let error = case
        .build()
        .file(case.file("bad.c", "int f( { }\n"))
        .compile();
    let text = error.expect_err("that is not C").to_string();
    assert!(
        text.contains("clang 22.") && text.contains("for libLLVM 22"),
        "{text}"
    );
}

#[test]
fn declarations_have_to_agree_with_definitions() {
    let case = Case::new();
    for (declared, defined) in [
        ("long f(long);", "int f(long v) { return (int)v; }"),
        ("int f(int, int);", "int f(int v) { return v; }"),
        // The same type for LLVM, but the caller extends otherwise.
        ("int f(short);", "int f(unsigned short v) { return v; }"),
    ] {
        let user = case.file(
            "a.c",
            &format!(
                "{declared} int g(void) {{ return (int)f({}); }}",
                if declared.contains(", int") {
                    "1, 2"
                } else {
                    "1"
                }
            ),
        );
        let home = case.file("b.c", defined);
        let error = case.build().file(user).file(home).compile();
        let error = error.expect_err("they say two things");
        assert!(
            matches!(&error, Error::Disagree { name, .. } if name == "f"),
            "{error}"
        );
        let text = error.to_string();
        assert!(text.contains("a.c") && text.contains("b.c"), "{text}");
    }
}

#[test]
fn declarations_of_variables_have_to_agree_too() {
    let case = Case::new();
    let build = |declared: &str, defined: &str| {
        let user = case.file(
            "a.c",
            &format!("{declared} void *f(void) {{ return (void *)&v; }}"),
        );
        let home = case.file("b.c", defined);
        let build = case.build().file(user).native_file(home).native(true);
        build.compile()
    };
    for (declared, defined) in [
        ("extern long v;", "int v = 1;"),
        ("extern double v;", "long v;"),
        ("extern int *v;", "int v[4];"),
    ] {
        let error = build(declared, defined).expect_err("they say two things");
        assert!(
            matches!(&error, Error::Disagree { name, .. } if name == "v"),
            "{error}"
        );
    }
    for (declared, defined) in [
        ("extern unsigned v;", "int v = 1;"),
        ("extern int v[];", "int v[4] = {1};"),
        (
            "extern struct s v;",
            "struct s { char c; long n; } v = {1, 2};",
        ),
        (
            "extern const char *const v;",
            "const char *const v = \"a\";",
        ),
    ] {
        build(declared, defined).expect("they agree");
    }
}

#[test]
fn structures_that_no_file_uses_are_not_sealed() {
    let case = Case::new();
    let error = case
        .build()
        .file(case.file("a.c", GOOD))
        .layouts(["struct other"])
        .compile();
    assert!(matches!(error, Err(Error::NoStructure(_))), "{error:?}");
}

/// What runs has another layout than the header said: the answer names structure and member.
#[test]
fn a_doctored_header_is_found_out() {
    let case = Case::new();
    let source = "#include \"object.h\"\nlong f(struct object *o) { return o->count; }\n\
                  struct own { int x; }; int g(struct own *o) { return o->x; }\n";
    let program = |members: &str| {
        case.file("object.h", &format!("struct object {{ {members} }};\n"));
        let built = case
            .build()
            .file(case.file("a.c", source))
            .layouts(["struct object", "struct own"])
            .compile()
            .expect("good C");
        let main = format!(
            "include!({:?});\n
             struct Real;
             impl LayoutProbe for Real {{
                 fn size(&self, name: &str) -> Option<u64> {{ (name == \"struct object\").then_some(16) }}
                 fn offset(&self, name: &str, field: &str) -> Option<u64> {{
                     (name == \"struct object\" && field == \"count\").then_some(8)
                 }}
             }}
             fn main() {{
                 match SEAL.check_layout(&Real) {{
                     Ok(unchecked) => println!(\"unchecked: {{unchecked:?}}\"),
                     Err(error @ LayoutError::Offset {{ .. }}) => println!(\"offset: {{error}}\"),
                     Err(error) => println!(\"{{error}}\"),
                 }}
             }}\n",
            built.loader
        );
        case.program(&main, &[])
    };
    assert_eq!(
        program("void *type; long count;"),
        "unchecked: [\"struct own\"]\n"
    );
    assert_eq!(
        program("long count; void *type;"),
        "offset: `count` of `struct object` is at 8, but the bitcode was built for 0\n"
    );
    assert_eq!(
        program("void *type; long more; long count;"),
        "`struct object` has 16 bytes, but the bitcode was built for 24\n"
    );
}
