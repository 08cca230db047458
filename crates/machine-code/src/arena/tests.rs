//! The arena over the fake system: what it asks of it, and what a failure leaves behind.

use super::*;
use crate::os::fake::Fake;

const MB: usize = 1 << 20;

fn arena(limit: usize) -> (Arena, Fake) {
    let fake = Fake::default();
    let arena = Arena::new(Arc::new(fake.clone()), 2 * MB, limit).expect("the fake reserves");
    fake.take_calls();
    (arena, fake)
}

fn bytes(block: Block) -> Vec<u8> {
    let start = std::ptr::with_exposed_provenance::<u8>(block.start);
    // SAFETY: the tests pass blocks that they own in the fake's memory.
    unsafe { std::slice::from_raw_parts(start, block.len) }.to_vec()
}

#[test]
fn fresh_and_freed_code_is_traps() {
    let (mut arena, fake) = arena(MB);
    let block = arena.take(Part::Code, 100, 16).expect("there is room");
    assert_eq!(bytes(block), TRAP.repeat(block.len / 4));
    assert!(!arena.is_reused(block));
    fake.write_code(&[(block.start, &[1; 100])])
        .expect("the fake writes");
    arena.trap(&[block]).expect("the fake writes");
    arena.give_code(block);
    assert_eq!(bytes(block), TRAP.repeat(block.len / 4));
    let again = arena.take(Part::Code, 100, 16).expect("there is room");
    assert_eq!(again, block);
    assert!(arena.is_reused(again));
}

#[test]
fn empty_chunks_go_back_to_the_system() {
    let (mut arena, fake) = arena(MB);
    let big = arena
        .take(Part::Data, 20 * CHUNK, 16)
        .expect("there is room");
    assert_eq!(arena.committed().0, 20 * CHUNK);
    arena.give_data(big);
    assert_eq!(arena.committed(), (IDLE_CHUNKS * CHUNK, 20 * CHUNK));
    assert_eq!(
        fake.take_calls()
            .iter()
            .filter(|it| **it == "decommit")
            .count(),
        20 - IDLE_CHUNKS
    );
    assert_eq!(arena.used(Part::Data), 0);
}

#[test]
fn the_limit_holds_and_changes_nothing() {
    let (mut arena, _) = arena(4 * CHUNK);
    let error = arena
        .take(Part::Code, 5 * CHUNK, 16)
        .expect_err("over the limit");
    assert_eq!(
        error,
        Error::ArenaFull {
            wanted: 5 * CHUNK,
            used: 4 * CHUNK,
            limit: 4 * CHUNK
        }
    );
    assert_eq!((arena.used(Part::Code), arena.committed().0), (0, 0));
    arena.take(Part::Code, 4 * CHUNK, 16).expect("just fits");
}

/// Fails every call of a small life in turn; afterwards nothing may be in use.
#[test]
fn every_failure_leaves_the_arena_unchanged() {
    for n in 0.. {
        let (mut arena, fake) = arena(MB);
        fake.fail_at(Some(n));
        let code = arena.take(Part::Code, 3 * CHUNK, 64);
        let data = arena.take(Part::Data, 2 * CHUNK, 64);
        let stub = arena.take_stub();
        let failed = fake.has_failed();
        fake.fail_at(None);
        for (part, block) in [(Part::Code, code), (Part::Data, data)] {
            match (part, block) {
                (Part::Code, Ok(block)) => {
                    arena.trap(&[block]).expect("no more failures");
                    arena.give_code(block);
                }
                (Part::Data, Ok(block)) => arena.give_data(block),
                (_, Err(error)) => assert!(matches!(error, Error::NoExecMemory { .. }), "{error}"),
            }
        }
        if let Ok(stub) = stub {
            arena.trap_stub(stub);
            arena.give_stub(stub);
        }
        assert_eq!(
            (arena.used(Part::Code), arena.used(Part::Data)),
            (0, 0),
            "call {n}"
        );
        arena
            .take(Part::Code, 3 * CHUNK, 64)
            .expect("there is room again");
        if !failed {
            assert!(n > 5, "the script reached no failure at all");
            return;
        }
    }
}

#[test]
fn stubs_are_recycled_before_new_ones_are_mapped() {
    let (mut arena, fake) = arena(MB);
    let first = arena.take_stub().expect("there is room");
    for _ in 0..10_000 {
        arena.give_stub(first);
        assert_eq!(arena.take_stub().as_ref(), Ok(&first));
    }
    assert_eq!(fake.take_calls(), ["map_stubs"]);
}

#[test]
fn stubs_that_a_child_cannot_map_are_lost() {
    let (mut arena, fake) = arena(MB);
    let lost = arena.take_stub().expect("there is room");
    fake.fail_at(Some(0));
    arena.remap_stubs().expect_err("the mapping fails");
    fake.fail_at(None);
    arena.give_stub(lost);
    // There is room for one chunk.
    arena.take_stub().expect_err("it cannot be written");
}
