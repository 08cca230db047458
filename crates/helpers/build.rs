//! Builds `clang-helpers/` for the CPython that is asked for.
//!
//! Which one: `MARTLET_PYTHON`, otherwise `python3.13` on PATH. Its own headers are used, so what is built
//! fits that Python.

use martlet_bitcode::Build;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, exit};

/// Answers, a line each: version, whether debug or free-threaded, the directory of a shared libpython (or
/// nothing), and the directories of headers.
const QUESTIONS: &str = "
import sys, sysconfig
print('%d.%d.%d' % sys.version_info[:3])
print(bool(sysconfig.get_config_var('Py_DEBUG')), bool(sysconfig.get_config_var('Py_GIL_DISABLED')))
print(sysconfig.get_config_var('LIBDIR') if sysconfig.get_config_var('Py_ENABLE_SHARED') else '')
for path in dict.fromkeys([sysconfig.get_path('include'), sysconfig.get_path('platinclude')]): print(path)
";

/// CPython's structures that helpers look into.
const LAYOUTS: [&str; 14] = [
    "struct _ts",
    "struct _is",
    "struct _PyInterpreterFrame",
    "struct PyCodeObject",
    "struct _object",
    "struct _typeobject",
    "PyTupleObject",
    "PyListObject",
    "PyDictObject",
    "PyFloatObject",
    "struct _longobject",
    "PyASCIIObject",
    "PyFunctionObject",
    "PyCellObject",
];

/// Variables and what is set up before anything else: it has one home, which is native.
const STATE: &str = "state.c";

fn main() {
    println!("cargo::rerun-if-env-changed=MARTLET_PYTHON");
    let native = env::var_os("CARGO_FEATURE_NATIVE").is_some();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../clang-helpers");
    let folder = folder.canonicalize().unwrap_or(folder);
    // A new file in a folder is seen by watching the folder.
    println!("cargo::rerun-if-changed={}", folder.display());

    let mut build = Build::new("martlet_helpers")
        .native(native)
        .layouts(LAYOUTS)
        .include(&folder)
        .define("Py_BUILD_CORE_MODULE", None)
        .define("NDEBUG", None);
    let python = Python::ask();
    println!("cargo::rustc-env=MARTLET_HELPERS_PYTHON={}", python.version);
    if native && !python.lib_dir.is_empty() {
        // Tests have no Python around them that would bring the symbols.
        for arg in [
            format!("-L{0}", python.lib_dir),
            format!("-Wl,-rpath,{0}", python.lib_dir),
            "-lpython3.13".into(),
        ] {
            println!("cargo::rustc-link-arg-tests={arg}");
            println!("cargo::rustc-link-arg-benches={arg}");
        }
    }
    for dir in python.headers {
        build = build
            .system_include(&dir)
            .system_include(dir.join("internal"))
            .system_include(dir.join("internal/mimalloc"));
    }
    for flag in [
        "-std=gnu17",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-Wno-unused-parameter",
        "-fno-omit-frame-pointer",
        "-mno-omit-leaf-frame-pointer",
    ] {
        build = build.flag(flag);
    }
    // What code generation calls although no helper names it.
    for name in [
        "memcpy", "memmove", "memset", "memcmp", "fmod", "floor", "ceil", "trunc", "rint", "pow",
    ] {
        build = build.symbol(name);
    }
    for file in c_files(&folder) {
        build = if file.ends_with(STATE) {
            build.native_file(file)
        } else {
            build.file(file)
        };
    }
    for file in c_files(&folder.join("runtime")) {
        build = build.native_file(file);
    }
    let built = build.compile_or_exit();
    println!(
        "cargo::rustc-env=MARTLET_HELPERS_LOADER={}",
        built.loader.display()
    );
}

/// The C files of a folder, in the order of their names; none if there is no such folder.
fn c_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "c"));
    files.sort();
    files
}

/// What the build needs to know of the Python.
struct Python {
    version: String,
    lib_dir: String,
    headers: Vec<PathBuf>,
}

impl Python {
    /// Asks it; ends the build with a message if it is not a fitting one.
    fn ask() -> Self {
        let python = env::var_os("MARTLET_PYTHON").unwrap_or_else(|| "python3.13".into());
        let shown = python.to_string_lossy().into_owned();
        let output = match Command::new(&python).args(["-I", "-c", QUESTIONS]).output() {
            Ok(output) if output.status.success() => output,
            Ok(output) => fail(&format!(
                "`{shown}` failed: {}",
                String::from_utf8_lossy(&output.stderr).trim()
            )),
            Err(error) => fail(&format!("`{shown}` does not run: {error}")),
        };
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let mut lines = text.lines();
        let version = lines.next().unwrap_or_default().to_owned();
        if !version.starts_with("3.13.") {
            fail(&format!(
                "`{shown}` is Python {version}, but Martlet is for CPython 3.13"
            ));
        }
        if lines.next() != Some("False False") {
            fail(&format!(
                "`{shown}` is a debug or free-threaded build, which Martlet is not for"
            ));
        }
        let lib_dir = lines.next().unwrap_or_default().to_owned();
        let headers: Vec<PathBuf> = lines.map(PathBuf::from).collect();
        if !headers.iter().any(|dir| dir.join("Python.h").is_file()) {
            fail(&format!(
                "`{shown}` has no headers: there is no Python.h in {headers:?}"
            ));
        }
        Python {
            version,
            lib_dir,
            headers,
        }
    }
}

fn fail(message: &str) -> ! {
    eprintln!("{message}\nset MARTLET_PYTHON to a CPython 3.13 that has its headers");
    exit(1);
}
