//! What profilers and debuggers are told.

mod support;

use martlet_machine_code::{Object, Runtime, Strategy};
use support::*;

#[test]
fn perf_map_has_a_line_for_each_unit() {
    let runtime = Runtime::builder()
        .perf_map(true)
        .build()
        .expect("executable memory");
    let entry = entry(&runtime, 1, Strategy::IndirectCell);
    let bytes = where_am_i();
    let object = Object {
        name: "odd\nname",
        ..object(id(1, 1), &bytes, &[], &|_| None)
    };
    let code = runtime.publish(&object).expect("a good object");
    entry.relink(&code).expect("the same identity");
    let path = format!("/tmp/perf-{}.map", std::process::id());
    let map = std::fs::read_to_string(&path).expect("the map");
    std::fs::remove_file(&path).expect("it is ours");
    assert_eq!(map, format!("{:x} 8 odd?name\n", call(&entry)));
}

/// The file, read as the format's specification has it.
#[test]
fn jitdump_has_a_record_for_each_unit() {
    let folder = std::env::temp_dir();
    let pid = std::process::id();
    let path = folder.join(format!("jit-{pid}.dump"));
    let runtime = Runtime::builder()
        .jitdump(&folder)
        .build()
        .expect("executable memory");
    let entry = entry(&runtime, 1, Strategy::IndirectCell);
    let bodies = [where_am_i(), returns(5)];
    let mut codes = Vec::new();
    for (version, bytes) in (1..).zip(&bodies) {
        let code = publish(&runtime, id(1, version), bytes);
        entry.relink(&code).expect("the same identity");
        codes.push(code);
        if version == 1 {
            assert!(
                std::fs::read_to_string("/proc/self/maps")
                    .expect("Linux")
                    .contains(&path.display().to_string())
            );
        }
    }
    entry.relink(&codes[0]).expect("the same identity");
    let start = call(&entry);
    drop((codes, entry));
    runtime.collect(&|_| false);
    drop(runtime);
    let dump = std::fs::read(&path).expect("the dump");
    std::fs::remove_file(&path).expect("it is ours");
    let word = |at: usize| u32::from_ne_bytes(dump[at..at + 4].try_into().expect("4 bytes"));
    let long = |at: usize| u64::from_ne_bytes(dump[at..at + 8].try_into().expect("8 bytes"));
    assert_eq!(&dump[..4], &0x4A69_5444u32.to_ne_bytes());
    assert_eq!((word(4), word(8), word(12), word(20)), (1, 40, 62, pid));
    let mut at = 40;
    let mut last = long(24);
    for (no, len) in [8, 6].into_iter().enumerate() {
        assert_eq!(word(at), 0, "a load of code");
        assert!(long(at + 8) >= last, "the clock goes forward");
        last = long(at + 8);
        assert_eq!(word(at + 16), pid);
        assert_eq!((long(at + 40), long(at + 48)), (len, no as u64));
        assert_eq!(&dump[at + 56..at + 61], b"test\0");
        let code = &dump[at + 61..at + word(at + 4) as usize];
        assert_eq!(code.len() as u64, len);
        if no == 0 {
            assert_eq!((long(at + 24), long(at + 32)), (start, start));
            assert_eq!(code, [0x48, 0x8d, 0x05, 0xf9, 0xff, 0xff, 0xff, 0xc3]);
        }
        at += word(at + 4) as usize;
    }
    assert_eq!(
        (word(at), word(at + 4) as usize),
        (3, dump.len() - at),
        "the end"
    );
}

/// A debugger that stops in a function called by generated code shows the caller by its name, and the line of its
/// source; of code that is freed it knows nothing any more.
#[cfg(feature = "gdb")]
#[test]
fn gdb_knows_functions_and_lines() {
    use martlet_machine_code::{Bytes, DefaultTarget, EntryKey, Source};
    use std::path::PathBuf;
    use std::process::Command;

    type CallsBack = extern "C" fn(extern "C" fn()) -> u64;
    #[unsafe(no_mangle)]
    extern "C" fn martlet_debugger_stops_here() {
        std::hint::black_box(());
    }
    extern "C" fn not_compiled(_: extern "C" fn()) -> u64 {
        0
    }

    let Some(source) = std::env::var_os("MARTLET_DEBUGGED").map(PathBuf::from) else {
        let file = format!("martlet_lines_{}.c", std::process::id());
        let source = std::env::temp_dir().join(&file);
        let text =
            "int body(void (*stop)(void)) {\n    int x = 1;\n    stop();\n    return x;\n}\n";
        std::fs::write(&source, text).expect("a temporary file");
        let debugger = Command::new("gdb")
            .args(["-batch", "-nx", "-ex", "set breakpoint pending on"])
            .args(["-ex", "break martlet_debugger_stops_here", "-ex", "run"])
            .args(["-ex", "bt 3", "-ex", "continue", "-ex", "bt 3"])
            .args([
                "-ex",
                "continue",
                "-ex",
                "info function plain_bytes",
                "--args",
            ])
            .arg(std::env::current_exe().expect("this program"))
            .args([
                "--exact",
                "gdb_knows_functions_and_lines",
                "--test-threads=1",
            ])
            .env("MARTLET_DEBUGGED", &source)
            .output();
        let Ok(output) = debugger else {
            eprintln!("not tested: there is no gdb");
            return;
        };
        for made in [&source, &source.with_extension("o")] {
            // The object is there only if the debugged program came so far.
            let _ = std::fs::remove_file(made);
        }
        let text = String::from_utf8_lossy(&output.stdout);
        let refused = ["ptrace", "trace the inferior"];
        let errors = String::from_utf8_lossy(&output.stderr);
        if !text.contains("Breakpoint 1, ") && refused.iter().any(|it| errors.contains(it)) {
            eprintln!("not tested: this system lets nobody debug: {errors}");
            return;
        }
        assert!(text.contains("in plain_bytes ()"), "{text}");
        assert!(text.contains(&format!("{file}:3")), "{text}");
        let (_, after) = text
            .split_once("matching regular expression \"plain_bytes\":")
            .expect("the last command's answer");
        assert!(!after.contains("plain_bytes"), "{text}");
        return;
    };

    let runtime = Runtime::builder()
        .gdb(true)
        .build()
        .expect("executable memory");
    // SAFETY: a function of this test, called as `CallsBack`.
    let default = unsafe { DefaultTarget::new(not_compiled as *const ()) };
    let key = EntryKey {
        identity: 1,
        signature: 0,
    };
    let entry = runtime
        .entry(key, Strategy::IndirectCell, default)
        .expect("a new entry");
    // push rbp; mov rbp, rsp; call rdi; pop rbp; ret
    let code = [0x55, 0x48, 0x89, 0xe5, 0xff, 0xd7, 0x5d, 0xc3];
    let bytes = Bytes {
        code: &code,
        ..Bytes::default()
    };
    let object = source.with_extension("o");
    let compiled = Command::new("cc")
        .args(["-g", "-O0", "-fPIC", "-fno-omit-frame-pointer", "-c"])
        .arg(&source)
        .arg("-o")
        .arg(&object)
        .status();
    assert!(compiled.expect("a C compiler").success());
    let elf = std::fs::read(&object).expect("the object");
    for (version, (source, name)) in (0..).zip([
        (Source::Bytes(bytes), "plain_bytes"),
        (Source::Elf(&elf), "body"),
    ]) {
        let object = Object {
            name,
            ..Object::new(id(1, version), source, ENTRY)
        };
        let code = runtime.publish(&object).expect("a good object");
        entry.relink(&code).expect("the same identity");
        // SAFETY: all versions are `CallsBack`, and none is freed during the call.
        let function = unsafe { entry.as_fn::<CallsBack>() };
        function(martlet_debugger_stops_here);
        drop(code);
        runtime.collect(&|_| false);
    }
    martlet_debugger_stops_here();
}

/// A profile in which three versions that stood at one address, one after the other, have their own samples.
#[test]
fn perf_tells_versions_apart() {
    use martlet_machine_code::{Bytes, Source};
    use std::path::PathBuf;
    use std::process::Command;

    const VARIABLE: &str = "MARTLET_PROFILED";
    let Some(folder) = std::env::var_os(VARIABLE).map(PathBuf::from) else {
        let folder = std::env::temp_dir().join(format!("martlet-perf-{}", std::process::id()));
        std::fs::create_dir(&folder).expect("a temporary folder");
        let perf = |arguments: &[&str]| {
            let mut command = Command::new("perf");
            command.current_dir(&folder).args(arguments);
            command
        };
        let recorded = perf(&[
            "record",
            "-q",
            "-k",
            "mono",
            "-e",
            "cpu-clock",
            "-o",
            "samples",
        ])
        .arg(std::env::current_exe().expect("this program"))
        .args(["--exact", "perf_tells_versions_apart", "--test-threads=1"])
        .env(VARIABLE, &folder)
        .output();
        if !recorded.is_ok_and(|it| it.status.success()) {
            eprintln!("not tested: there is no perf, or nobody may use it");
        } else {
            let injected = perf(&["inject", "--jit", "-i", "samples", "-o", "all"]).status();
            assert!(injected.expect("it was there").success());
            let report = perf(&["report", "-i", "all", "--stdio"]).output();
            let report = report.expect("it was there").stdout;
            let text = String::from_utf8_lossy(&report);
            for version in 0..3 {
                let name = format!("spin_v{version}");
                let line = text.lines().find(|line| line.ends_with(&name));
                let share =
                    line.and_then(|line| line.trim().split_once('%')?.0.parse::<f64>().ok());
                assert!(share.is_some_and(|it| it > 10.0), "{text}");
            }
        }
        std::fs::remove_dir_all(&folder).expect("it is ours");
        return;
    };
    let runtime = Runtime::builder()
        .jitdump(folder)
        .build()
        .expect("executable memory");
    let entry = entry(&runtime, 1, Strategy::IndirectCell);
    // mov eax, 100_000_000; dec rax; jnz; ret
    let code = [
        0xb8, 0, 0xe1, 0xf5, 0x05, 0x48, 0xff, 0xc8, 0x75, 0xfb, 0xc3,
    ];
    for version in 0..3 {
        let bytes = Bytes {
            code: &code,
            ..Bytes::default()
        };
        let name = format!("spin_v{version}");
        let object = Object {
            name: &name,
            ..Object::new(id(1, version), Source::Bytes(bytes), ENTRY)
        };
        let code = runtime.publish(&object).expect("good bytes");
        entry.relink(&code).expect("the same identity");
        assert_eq!(call(&entry), 0);
        drop(code);
        runtime.collect(&|_| false);
    }
}
