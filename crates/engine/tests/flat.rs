//! Functions that come and go leave nothing behind. Alone in its process: it looks at its memory.
//!
//! Some hundred by default; `MARTLET_STRESS_CYCLES` says how many.

mod support;

use support::*;

/// Resident kilobytes of this process.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|it| it.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn define_compile_call_drop_is_flat() {
    let (engine, fake) = house();
    let cycles = |n: u64| {
        for i in 1..=n {
            let f = function(&engine, "f");
            let g = function(&engine, "g");
            let inner = now(&engine, &g, answer(i).relying_on(i)).unwrap();
            now(&engine, &f, answer(i).containing(inner.id())).unwrap();
            assert_eq!(call(f.entry()), i);
            drop((g, f));
            engine.collect(&nobody);
            if i % 100 == 0 {
                engine.drain_released();
                fake.released_functions.lock().unwrap().clear();
                fake.order.lock().unwrap().clear();
            }
        }
        engine.drain_released();
        // The fake's own notes.
        fake.released_functions.lock().unwrap().clear();
        fake.order.lock().unwrap().clear();
        let ledger = engine.stats().ledger;
        (resident(), ledger.committed_bytes, ledger.code_bytes)
    };
    let (resident_before, committed_before, code_before) = cycles(400);
    let n = std::env::var("MARTLET_STRESS_CYCLES").ok();
    let n = n.and_then(|it| it.parse().ok()).unwrap_or(1_200);
    let (resident_after, committed_after, code_after) = cycles(n);
    assert_eq!(code_after, code_before);
    assert_eq!(committed_after, committed_before);
    let grown = resident_after.saturating_sub(resident_before);
    println!("{grown} kB more after {n} cycles");
    // Two functions a cycle: half a kilobyte left by each would show, or a byte in the long run.
    assert!(grown < 1_200, "{grown} kB more than after the warm-up");
    assert_eq!(engine.stats().dependencies, (0, 0));
}
