//! Worlds for tests.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file uses a part of it"
)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use martlet_calc::World;
use martlet_engine::Options;
use martlet_engine::machine_code::Strategy;

pub fn by_both(test: impl Fn(Strategy)) {
    [Strategy::IndirectCell, Strategy::PatchedStub]
        .into_iter()
        .for_each(test);
}

pub fn world(strategy: Strategy, hot: u64) -> Arc<World> {
    let mut options = Options::default();
    options.strategy = strategy;
    World::new(options, hot).unwrap()
}

pub fn define(world: &World, line: &str) {
    assert!(matches!(world.run(line), Ok(None)), "{line}");
}

pub fn value(world: &World, line: &str) -> f64 {
    match world.run(line) {
        Ok(Some(value)) => value,
        other => panic!("{line}: {other:?}"),
    }
}

pub fn await_true(mut f: impl FnMut() -> bool) {
    let start = Instant::now();
    while !f() {
        assert!(start.elapsed() < Duration::from_secs(30), "it never came");
        std::thread::sleep(Duration::from_micros(200));
    }
}
