//! Chaos: things that may happen at any time, made to happen often, for tests.
//!
//! Whether something happens to a version depends on the seed and the version's number alone, not on
//! threads or time. So a run that makes the same requests suffers the same again.

use std::time::Duration;

use crate::budget::is_pinned;
use crate::lifecycle::Lifecycle;
use crate::{Version, VersionId, reasons};

/// What goes wrong on purpose, and how often. See [`Options::chaos`](crate::Options::chaos).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chaos {
    /// Another seed is another run of bad luck.
    pub seed: u64,
    /// Each kind of trouble comes to one version in so many. 0: never.
    pub one_in: u32,
    /// A delayed compile takes up to so much longer.
    pub delay: Duration,
}

impl Chaos {
    /// One in eight, with delays of up to a millisecond.
    pub fn new(seed: u64) -> Self {
        Chaos {
            seed,
            one_in: 8,
            delay: Duration::from_millis(1),
        }
    }

    /// Whether `trouble` comes to `version`.
    pub(crate) fn strikes(&self, trouble: Trouble, version: VersionId) -> bool {
        self.one_in > 0
            && self
                .draw(trouble, version)
                .is_multiple_of(self.one_in.into())
    }

    /// How long a compile is delayed.
    pub(crate) fn delay_of(&self, version: VersionId) -> Duration {
        if !self.strikes(Trouble::Delay, version) {
            return Duration::ZERO;
        }
        let part = self.draw(Trouble::Length, version) % 256;
        self.delay.mul_f64(part as f64 / 256.0)
    }

    fn draw(&self, trouble: Trouble, version: VersionId) -> u64 {
        let parts = [
            self.seed,
            trouble as u64,
            version.function.0,
            version.number.into(),
        ];
        parts.into_iter().fold(0, |state, it| mix(state ^ it))
    }
}

/// What may happen.
#[derive(Clone, Copy)]
pub(crate) enum Trouble {
    /// Compiling it takes longer.
    Delay,
    /// How much longer.
    Length,
    /// The compiler fails.
    Failure,
    /// It cannot be published, though it is linked.
    Refusal,
    /// It is invalidated by a `collect`.
    Invalidation,
    /// Its entry leads to the default target for a moment.
    Relink,
    /// It is evicted by a `collect`.
    Eviction,
}

/// One step of splitmix64 (Steele, Lea and Flood, 2014).
fn mix(state: u64) -> u64 {
    let mut z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl<M: Send + Sync + 'static> Lifecycle<M> {
    pub(crate) fn chaos_strikes(&self, trouble: Trouble, version: VersionId) -> bool {
        let chaos = self.options.chaos;
        chaos.is_some_and(|it| it.strikes(trouble, version))
    }

    /// What may come over a version that was just published.
    pub(crate) fn unsettle(&self, version: &Version<M>) {
        if self.chaos_strikes(Trouble::Relink, version.id())
            && let Some(slot) = version.slot.upgrade()
        {
            slot.flicker();
        }
    }

    /// What may come over a version later.
    pub(crate) fn unsettle_all(&self) {
        if self.options.chaos.is_none() {
            return;
        }
        for version in self.coldest_first() {
            if self.chaos_strikes(Trouble::Invalidation, version.id()) {
                self.break_versions([version.id()], &reasons::CHAOS.into());
            }
            let strikes = self.chaos_strikes(Trouble::Eviction, version.id());
            if strikes && !is_pinned(&version) && self.evict(&version, &reasons::EVICTED.into()) {
                self.counters.evicted();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FunctionId;

    #[test]
    fn the_same_seed_brings_the_same_and_about_as_much_as_asked_for() {
        let versions = (1..=4_000).map(|it| VersionId {
            function: FunctionId(it),
            number: 1,
        });
        let struck = |seed| -> Vec<VersionId> {
            let chaos = Chaos::new(seed);
            let all = versions.clone();
            all.filter(|it| chaos.strikes(Trouble::Failure, *it))
                .collect()
        };
        assert_eq!(struck(1), struck(1));
        assert_ne!(struck(1), struck(2));
        assert!((400..600).contains(&struck(1).len()));
    }
}
