//! What is not a time, and so not criterion's: how calls compare, how much memory functions take, and how much is left
//! after many lives. The numbers go to standard output, and to `beside.json` beside criterion's estimates.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use martlet_machine_code::Strategy;

use crate::code::{entry, publish, runtime};
use crate::elf;
use crate::peers;

/// How many functions there are at a time.
const FUNCTIONS: usize = 20_000;
/// Bytes of the instructions of each.
const TEXT: usize = 200;
/// How many functions live one after the other.
const LIVES: u64 = 1_000_000;

/// Measures, prints, and writes the file.
pub(crate) fn measure() {
    let function = elf::body_of_200_bytes();
    let ratios = crate::calls::ratios().into_iter();
    let mut rows: Vec<_> = ratios.map(|(name, ratio)| ("call", name, ratio)).collect();
    let (over_text, of_the_arena) = over_text(&function);
    rows.extend([
        row("bytes a function over its text", "machine-code", over_text),
        row(
            "bytes a function over its text",
            "machine-code's arena alone",
            of_the_arena,
        ),
        row(
            "KB that lives leave behind",
            "machine-code",
            left_behind(&function),
        ),
    ]);
    for (peer, over_text, left_behind) in peers::memory(&function, FUNCTIONS, TEXT) {
        rows.push(row("bytes a function over its text", peer, over_text));
        rows.push(row("KB that lives leave behind", peer, left_behind));
    }
    let mut json = String::from("{");
    for (at, (what, who, value)) in rows.iter().enumerate() {
        println!("{what}/{who}: {value:.2}");
        let comma = if at == 0 { "" } else { "," };
        // Writing to a string does not fail.
        let _ = write!(json, "{comma}\n  \"{what}/{who}\": {value:.3}");
    }
    json.push_str("\n}\n");
    let path = target_folder().join("criterion").join("beside.json");
    if let Err(error) = std::fs::write(&path, json) {
        eprintln!("cannot write {}: {error}", path.display());
    }
}

fn row(what: &'static str, who: &str, value: f64) -> (&'static str, String, f64) {
    (what, who.to_owned(), value)
}

/// With an entry for each, as everybody needs who is to replace it: what the process has more of, and what of it the
/// arena has handed out. The rest is the heap's: handles, the ledger, the tables of `find`.
fn over_text(function: &[u8]) -> (f64, f64) {
    let runtime = runtime();
    let mut kept = Vec::with_capacity(FUNCTIONS);
    let make = |identity: usize| {
        let identity = identity as u64;
        let code = publish(&runtime, identity, function, None);
        let entry = entry(&runtime, identity, Strategy::IndirectCell);
        entry.relink(&code).expect("the same identity");
        (code, entry)
    };
    // The first ones pay for what is there once.
    kept.extend((0..100).map(make));
    let in_use = || {
        let ledger = runtime.ledger();
        (ledger.code_bytes + ledger.data_bytes) as f64
    };
    let before = [resident_bytes(), in_use()];
    kept.extend((100..FUNCTIONS).map(make));
    let grown = [resident_bytes() - before[0], in_use() - before[1]];
    let [resident, of_the_arena] = grown.map(|it| it / (FUNCTIONS - 100) as f64 - TEXT as f64);
    (resident, of_the_arena)
}

/// Each is published, entered, replaced by the next, and freed.
fn left_behind(function: &[u8]) -> f64 {
    let runtime = runtime();
    let entry = entry(&runtime, 1, Strategy::IndirectCell);
    let mut current = None;
    let mut live = || {
        let code = publish(&runtime, 1, function, None);
        entry.relink(&code).expect("the same identity");
        current = Some(code);
        runtime.collect(&|_| false);
    };
    (0..1_000).for_each(|_| live());
    let before = resident_bytes();
    (0..LIVES).for_each(|_| live());
    (resident_bytes() - before) / 1024.0
}

/// Memory that this process has, less what the allocator keeps for later: else what follows would find it there and
/// seem to take none.
pub(crate) fn resident_bytes() -> f64 {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: it only gives back what is free.
    unsafe {
        libc::malloc_trim(0);
    }
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm
        .split(' ')
        .nth(1)
        .and_then(|it| it.parse::<f64>().ok());
    pages.unwrap_or_default() * 4096.0
}

fn target_folder() -> PathBuf {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target");
    std::env::var_os("CARGO_TARGET_DIR").map_or(beside, PathBuf::from)
}
