//! The protocol on real threads, with memory in the place of code: a sanitizer sees who reads what is freed.

use std::sync::atomic::{AtomicBool, AtomicU64};

use super::*;

const ROUNDS: usize = 20_000;

/// What stands in for a body. Freeing it is a plain write.
struct Body(std::cell::UnsafeCell<u64>);

// SAFETY: it is what is being tested.
unsafe impl Sync for Body {}

const LIVE: u64 = 1;
const FREED: u64 = 2;

fn read_freed_bodies(barriers: Barriers, barrier: &dyn Fn()) {
    let bodies: Vec<_> = (0..ROUNDS).map(|_| Body(LIVE.into())).collect();
    let address = |no: usize| (&raw const bodies[no]).addr() as u64;
    let word = AtomicU64::new(address(0));
    let records = [(); 3].map(|()| Slots::new());
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let mut readers = Vec::new();
        for slots in &records {
            let (word, bodies, stop) = (&word, &bodies, &stop);
            readers.push(scope.spawn(move || {
                let mut depth = 0;
                while !stop.load(Ordering::Relaxed) {
                    depth = (depth + 1) % Slots::LEN;
                    let address = slots.protect(depth, word, barriers);
                    let no = (address - bodies.as_ptr().addr()) / size_of::<Body>();
                    // SAFETY: it is protected, so nobody writes to it.
                    assert_eq!(unsafe { *bodies[no].0.get() }, LIVE);
                    slots.clear(depth);
                }
            }));
        }
        let mut retired = Vec::new();
        let mut n_freed = 0;
        for no in 1..ROUNDS {
            word.store(address(no), Ordering::Release);
            retired.push(no - 1);
            barrier();
            let protected: Vec<_> = records.iter().flat_map(Slots::protected).collect();
            retired.retain(|&it| {
                let stays = protected.contains(&(address(it) as usize));
                if !stays {
                    // SAFETY: no word leads to it, and nobody protects it.
                    unsafe { *bodies[it].0.get() = FREED };
                    n_freed += 1;
                }
                stays
            });
        }
        stop.store(true, Ordering::Relaxed);
        // The end of a scope would do, but not for a sanitizer.
        for reader in readers {
            reader.join().expect("its assertions hold");
        }
        assert!(n_freed + 3 * Slots::LEN >= ROUNDS - 1, "{n_freed}");
    });
}

#[test]
fn nobody_reads_a_freed_body() {
    read_freed_bodies(Barriers::Symmetric, &|| fence(Ordering::SeqCst));
}

#[test]
fn nobody_reads_a_freed_body_by_the_systems_barrier() {
    let Ok(os) = crate::os::native() else {
        return;
    };
    if os.has_barrier() {
        read_freed_bodies(Barriers::Asymmetric, &|| os.barrier());
    }
}
