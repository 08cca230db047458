//! Code for AArch64, linked here and run by an emulator: what clang writes at every level, and all stubs.
//!
//! The linked unit becomes a program of its own: an executable file with the unit's blocks, the stubs and a far
//! function at fixed addresses, and a start that calls a given address and writes the result to standard output.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::*;

/// Where everything lies. The far function is farther away than a branch reaches.
const START: usize = 0x1000_0000;
const CODE: usize = 0x4000_0000;
const CELLS: usize = 0x4100_0000;
const STUBS: usize = 0x4200_0000;
const DATA: usize = 0x4300_0000;
const ARENA: Range<usize> = CODE..CODE + (1 << 26);
const FAR_CODE: usize = 0x9000_0000;
const FAR_DATA: usize = 0xa000_0000;

const SOURCE: &str = r#"
    typedef unsigned long u64;
    extern u64 far_data;
    extern u64 far_function(u64);
    extern u64 maybe(void) __attribute__((weak));

    static int counter;
    static u64 seeds[] = {3, 5, 7};
    static const char *const names[] = {"zero", "one", "two", "three", "four"};
    static unsigned char bytes[] = {1, 2, 3};
    static unsigned short halves[] = {4, 5, 6};

    static int add(int a, int b) { return a + b; }
    static int mul(int a, int b) { return a * b; }
    typedef int (*operation)(int, int);
    static const operation operations[] = {add, mul};

    __attribute__((weak, noinline)) int weak_twice(int x) { return 2 * x; }

    __attribute__((noinline)) static int jump_table(unsigned x) {
        switch (x) {
        case 0: return 11;
        case 1: return 7 + counter;
        case 2: return 3;
        case 3: return 100;
        case 4: return (int)seeds[1];
        case 5: return 2 * counter + 1;
        case 6: return 77;
        default: return 0;
        }
    }

    __attribute__((noinline)) static double constants(double x) { return x * 1.7 + 0.3; }

    typedef float four __attribute__((vector_size(16)));
    __attribute__((noinline)) static four vector(four x) { return x * (four){1, 2, 3, 4.5f}; }

    __attribute__((noinline)) static u64 length(const char *text) {
        u64 n = 0;
        while (text[n]) n++;
        return n;
    }

    u64 body(void) {
        u64 sum = 0;
        counter += 1;
        for (unsigned i = 0; i < 8; i++) sum = sum * 31 + (u64)jump_table(i);
        for (unsigned i = 0; i < 5; i++) sum = sum * 31 + length(names[i]);
        sum = sum * 31 + (u64)operations[sum & 1](6, 7);
        sum = sum * 31 + (u64)weak_twice(counter);
        sum = sum * 31 + (u64)(constants(10) * 100);
        sum = sum * 31 + (u64)(vector((four){2, 2, 2, 2})[3] * 10);
        sum = sum * 31 + bytes[counter] + halves[counter];
        sum = sum * 31 + far_function(5);
        sum = sum * 31 + far_data;
        sum = sum * 31 + (maybe ? maybe() : 9);
        bytes[1] += 1;
        return sum;
    }
"#;

/// What the source answers at its first call.
fn expected() -> u64 {
    let mut sum = 0u64;
    let mut add = |it: u64| {
        sum = sum.wrapping_mul(31).wrapping_add(it);
        sum
    };
    let mut last = 0;
    for it in [11, 8, 3, 100, 5, 3, 77, 0, 4, 3, 3, 5, 4] {
        last = add(it);
    }
    add(if last & 1 == 0 { 13 } else { 42 });
    for it in [2, 1730, 90, 2 + 5, 5 + 1000, 12345, 9] {
        add(it);
    }
    sum
}

/// `add x0, x0, #1000; ret`
const FAR_FUNCTION: [u32; 2] = [0x910f_a000, 0xd65f_03c0];

fn resolve(name: &str) -> Option<usize> {
    match name {
        "far_function" => Some(FAR_CODE),
        "far_data" => Some(FAR_DATA),
        _ => None,
    }
}

/// Calls the address behind it, writes what comes back, and exits.
const STARTUP: [u32; 12] = [
    0x5800_0190, // ldr x16, .+48
    0xd63f_0200, // blr x16
    0xf81f_0fe0, // str x0, [sp, #-16]!
    0xd280_0020, // mov x0, #1
    0x9100_03e1, // mov x1, sp
    0xd280_0102, // mov x2, #8
    0xd280_0808, // mov x8, #64: write
    0xd400_0001, // svc #0
    0xd280_0000, // mov x0, #0
    0xd280_0ba8, // mov x8, #93: exit
    0xd400_0001, // svc #0
    0xd420_0000, // brk #0
];

const READ_EXECUTE: u32 = 5;
const READ_WRITE: u32 = 6;

/// A piece of the program: where, what, and with which rights.
type Segment = (usize, Vec<u8>, u32);

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|it| it.to_le_bytes()).collect()
}

/// An executable file of these segments.
fn executable(segments: &[Segment]) -> Vec<u8> {
    const PAGE: usize = 0x1_0000;
    const HEADER: usize = 64;
    const PROGRAM_HEADER: usize = 56;
    let mut file = vec![0x7f, b'E', b'L', b'F', 2, 1, 1, 0];
    file.resize(16, 0);
    // An executable, for AArch64 (183), of version 1.
    for half in [2u16, 183, 1, 0] {
        file.extend(half.to_le_bytes());
    }
    for long in [START as u64, HEADER as u64, 0] {
        file.extend(long.to_le_bytes());
    }
    file.extend([0; 4]);
    let n_segments = u16::try_from(segments.len()).expect("few");
    for half in [HEADER as u16, PROGRAM_HEADER as u16, n_segments, 64, 0, 0] {
        file.extend(half.to_le_bytes());
    }
    assert_eq!(file.len(), HEADER);
    for (at, (start, bytes, rights)) in segments.iter().enumerate() {
        let offset = PAGE * (at + 1);
        file.extend(1u32.to_le_bytes());
        file.extend(rights.to_le_bytes());
        for long in [offset, *start, *start, bytes.len(), bytes.len(), PAGE] {
            file.extend((long as u64).to_le_bytes());
        }
    }
    for (at, (_, bytes, _)) in segments.iter().enumerate() {
        file.resize(PAGE * (at + 1), 0);
        file.extend(bytes);
    }
    file
}

/// Runs a program that calls `callee`. Answers what comes back.
fn run(emulator: &Path, callee: usize, mut segments: Vec<Segment>) -> u64 {
    let mut startup = words(&STARTUP);
    startup.extend((callee as u64).to_le_bytes());
    segments.push((START, startup, READ_EXECUTE));
    let path = temporary(&format!("{callee:x}"));
    std::fs::write(&path, executable(&segments)).expect("a temporary file");
    std::fs::set_permissions(&path, Permissions::from_mode(0o700)).expect("it is ours");
    let output = Command::new(emulator)
        .arg(&path)
        .output()
        .expect("the emulator starts");
    std::fs::remove_file(&path).expect("it is ours");
    assert!(output.status.success(), "{callee:#x}: {output:?}");
    u64::from_le_bytes(output.stdout.try_into().expect("eight bytes"))
}

fn temporary(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("martlet-aarch64-{}-{name}", std::process::id()))
}

fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let mut files = std::env::split_paths(&path).map(|folder| folder.join(name));
    files.find(|file| file.is_file())
}

/// What clang makes of the source.
fn compile(clang: &Path, level: &str) -> Vec<u8> {
    let (input, output) = (
        temporary(&format!("{level}.c")),
        temporary(&format!("{level}.o")),
    );
    std::fs::write(&input, SOURCE).expect("a temporary file");
    let status = Command::new(clang)
        .args([
            "--target=aarch64-linux-gnu",
            "-ffreestanding",
            "-fPIC",
            level,
            "-c",
        ])
        .arg(&input)
        .arg("-o")
        .arg(&output)
        .status()
        .expect("clang starts");
    assert!(status.success(), "{status}");
    let object = std::fs::read(&output).expect("the object");
    for file in [input, output] {
        std::fs::remove_file(file).expect("it is ours");
    }
    object
}

#[test]
fn aarch64_code_runs_under_an_emulator() {
    let emulator = on_path("qemu-aarch64").or_else(|| on_path("qemu-aarch64-static"));
    let clang = on_path("clang-22").or_else(|| on_path("clang"));
    let (Some(emulator), Some(clang)) = (emulator, clang) else {
        eprintln!("not tested: this needs qemu-aarch64 (Debian's qemu-user) and a clang");
        return;
    };
    for level in ["-O0", "-O1", "-O2", "-O3", "-Os"] {
        let bytes = compile(&clang, level);
        let id = CodeId {
            identity: 1,
            version: 1,
        };
        let object = Object {
            resolve: &resolve,
            ..Object::new(id, Source::Elf(&bytes), "body")
        };
        let plan = Plan::new(&object, Isa::Aarch64, &ARENA, false)
            .unwrap_or_else(|error| panic!("{level}: {error}"));
        let image = plan.link(CODE, DATA);
        let body = CODE + plan.members[0].1;
        let isa = Isa::Aarch64;
        let mut stubs = isa.cell_stub(STUBS, CELLS + 8).to_vec();
        stubs.extend(isa.patched_stub(STUBS + 16, body).to_le_bytes());
        stubs.resize(32, 0);
        stubs.extend(isa.jump_to(FAR_CODE));
        let segments = || {
            let cells = [0, body as u64].map(u64::to_le_bytes).concat();
            let far_data = 12345u64.to_le_bytes().to_vec();
            vec![
                (CODE, image.code.clone(), READ_EXECUTE),
                (DATA, image.data.clone(), READ_WRITE),
                (CELLS, cells, READ_WRITE),
                (STUBS, stubs.clone(), READ_EXECUTE),
                (FAR_CODE, words(&FAR_FUNCTION), READ_EXECUTE),
                (FAR_DATA, far_data, READ_WRITE),
            ]
        };
        for callee in [body, STUBS, STUBS + 16] {
            assert_eq!(
                run(&emulator, callee, segments()),
                expected(),
                "{level}, {callee:#x}"
            );
        }
        // The start leaves no argument, so the far function adds to whatever is there: its address is in x16.
        assert!(run(&emulator, STUBS + 32, segments()) >= 1000, "{level}");
    }
}
