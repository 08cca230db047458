//! Random programs of operations on a module, against plain models.
//!
//! [`exact`] keeps bodies as they are, and predicts every handle, owner and report; [`wild`] lets any
//! pipeline do what it likes, and predicts what must hold all the same. After every step the verifier
//! must be content; at the end of each program nothing is left over.
//!
//! `MARTLET_FUZZ_OPERATIONS` and `MARTLET_FUZZ_SEED` (see `cargo xtask fuzz ir`) run more of them, or
//! others.

#[path = "../common/mod.rs"]
mod common;
mod exact;
mod random;
mod wild;

use martlet_ir::live;
use std::sync::Mutex;

/// Programs are counted by the process's live objects, so that one runs at a time.
static ALONE: Mutex<()> = Mutex::new(());

fn setting(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name} is a number, not `{text}`")),
    )
}

/// Runs programs, each of a seed of its own, until that many operations are done.
fn run(default: u64, share: u64, program: fn(u64) -> u64) {
    let _alone = ALONE
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    let operations = setting("MARTLET_FUZZ_OPERATIONS").map_or(default, |all| all / share);
    let mut seed = setting("MARTLET_FUZZ_SEED").unwrap_or(1);
    let mut done = 0;
    while done < operations {
        let start = live();
        let result = std::panic::catch_unwind(|| program(seed));
        let Ok(count) = result else {
            panic!("MARTLET_FUZZ_SEED={seed} fails")
        };
        assert_eq!(live(), start, "seed {seed} leaves something over");
        done += count;
        seed += 1;
    }
    println!("{done} operations");
}

#[test]
fn exact_programs_agree_with_the_model() {
    run(80_000, 2, exact::program);
}

#[test]
fn wild_programs_agree_with_the_model() {
    run(25_000, 2, wild::program);
}
