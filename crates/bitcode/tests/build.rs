//! Builds of small C files, good and bad.

use martlet_bitcode::{Build, Error};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

const GOOD: &str = "
/* What is twice v. */
long twice(long v);
long twice(long v) { return v + v; }
extern long counter;
/* Slow. */
__attribute__((noinline, cold)) long slow(long v) { return v / counter; }
long mixed(long v) { return v > 3 ? twice(v) : slow(v); }
";

struct Case {
    dir: tempfile::TempDir,
}

impl Case {
    fn new() -> Self {
        Case {
            dir: tempfile::tempdir().expect("a temporary directory"),
        }
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        fs::write(&path, text).expect("the directory can be written");
        path
    }

    fn build(&self) -> Build {
        Build::new("t")
            .out_dir(self.dir.path())
            .cargo_metadata(false)
    }

    /// A program that prints a text, as a clang does when asked for its version.
    fn fake(&self, name: &str, says: &str) -> PathBuf {
        let path = self.file(name, &format!("#!/bin/sh\necho '{says}'\n"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("mode");
        path
    }
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).expect("the build wrote it")
}

#[test]
fn good_file_gives_bitcode_loader_and_archive() {
    let case = Case::new();
    let built = case
        .build()
        .file(case.file("good.c", GOOD))
        .native_file(case.file("state.c", "long counter = 1;\n"))
        .native(true)
        .compile()
        .expect("good C");
    let names: Vec<_> = built
        .helpers
        .iter()
        .map(|h| (h.name.as_str(), h.inline))
        .collect();
    assert_eq!(names, [("twice", true), ("slow", false), ("mixed", true)]);
    assert_eq!(built.helpers[0].ir_signature, "i64 (i64)");
    assert_eq!(
        built.helpers[1].signature,
        "__attribute__((noinline, cold)) long slow(long v)"
    );
    assert_eq!(built.helpers[1].doc, "Slow.");
    assert_eq!(built.variables, ["counter"]);
    assert!(built.externals.is_empty(), "{:?}", built.externals);
    assert_eq!(built.seal.llvm_major, 22);
    assert!(
        fs::read(&built.bitcode)
            .expect("bitcode")
            .starts_with(b"BC\xc0\xde")
    );
    assert!(built.archive.expect("a native build").is_file());
    let loader = read(&built.loader);
    assert!(
        loader.contains("fn twice();") && loader.contains("static counter: u8;"),
        "{loader}"
    );
}

#[test]
fn the_loader_compiles_and_finds_the_native_code() {
    let case = Case::new();
    let built = case
        .build()
        .file(case.file("good.c", GOOD))
        .native_file(case.file("state.c", "long counter = 1;\n"))
        .native(true)
        .compile()
        .expect("good C");
    let main = format!(
        "include!({:?});\nfn main() {{\n    assert_eq!(HELPERS.len(), 3);\n    \
         let (_, twice) = native_symbols().iter().find(|(name, _)| *name == \"twice\").unwrap();\n    \
         let twice: extern \"C\" fn(i64) -> i64 = unsafe {{ std::mem::transmute(*twice) }};\n    \
         println!(\"{{}} {{}}\", twice(21), SEAL.llvm_major);\n}}\n",
        built.loader
    );
    let program = case.dir.path().join("main");
    let rustc = std::process::Command::new("rustc")
        .arg("--edition=2024")
        .arg(case.file("main.rs", &main))
        .arg("-L")
        .arg(case.dir.path())
        .args(["-l", "static=t", "-o"])
        .arg(&program)
        .output()
        .expect("rustc runs");
    let errors = String::from_utf8_lossy(&rustc.stderr);
    assert!(
        rustc.status.success() && !errors.contains("warning: `extern`"),
        "{errors}"
    );
    let output = std::process::Command::new(program)
        .output()
        .expect("it runs");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "42 22\n");
}

#[test]
fn headers_are_dependencies() {
    let case = Case::new();
    let header = case.file("shared.h", "#define TWO 2\n");
    let source = case.file(
        "a.c",
        "#include <shared.h>\nint two(void) { return TWO; }\n",
    );
    let built = case
        .build()
        .file(&source)
        .include(case.dir.path())
        .compile()
        .expect("good C");
    assert!(
        built.dependencies.contains(&header),
        "{:?}",
        built.dependencies
    );
    assert!(built.dependencies.contains(&source));
    assert_eq!(built.archive, None);
}

#[test]
fn what_is_taken_from_elsewhere_is_listed() {
    let case = Case::new();
    let source = "extern int table[3]; int there(int); int f(void) { return there(table[0]); }";
    let built = case
        .build()
        .file(case.file("a.c", source))
        .symbol("memset")
        .compile();
    let built = built.expect("good C");
    let names: Vec<_> = built.externals.iter().map(|e| e.name.as_str()).collect();
    assert_eq!(names, ["memset", "table", "there"]);
}

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
