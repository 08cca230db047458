//! Exits: how often code is left at which place, when that is too often, and when making it anew
//! does not help.
//!
//! The embedder reports exits by [`Engine::exited`](crate::Engine::exited), under places of its own
//! numbering that mean the same in every version of a function. A place that was left
//! [`Options::exit_limit`](crate::Options::exit_limit) times is a *strike*: the version falls, and the embedder
//! is to ask for another, made with what was learned ([`Function::learned`](crate::Function::learned)). Two
//! things show that this does not help, and either is a *storm*: one place has
//! [`Options::exit_strikes`](crate::Options::exit_strikes) strikes; or a translation comes that fell for its
//! exits before, by its hash, so that versions go round in a cycle. In a storm the door is left to
//! the default target for [`Options::exit_backoff`](crate::Options::exit_backoff), twice as long each time.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Where code is left, in a numbering of the embedder's that all versions of a function share: the
/// offset of a bytecode, say.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place(pub u32);

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "p{}", self.0)
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What an exit amounts to; see [`Engine::exited`](crate::Engine::exited).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Verdict {
    /// Nothing changes.
    Tolerated,
    /// The version has fallen: ask for another, with what was learned.
    Recompile,
    /// The version has fallen, and requests for its door are refused for so long.
    Storm(Duration),
}

/// How much is too much; from the options.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) exits: u64,
    pub(crate) strikes: u32,
    pub(crate) backoff: Duration,
}

#[derive(Default)]
struct Count {
    total: u64,
    since_strike: u64,
    strikes: u32,
}

/// The exits of one door, over all its versions.
#[derive(Default)]
pub(crate) struct Exits {
    places: BTreeMap<Place, Count>,
    /// Hashes of the translations that fell.
    fallen: HashSet<u64>,
    storms: u32,
    quiet_until: Option<Duration>,
}

impl Exits {
    /// Counts, and says whether the version of this translation must fall.
    pub(crate) fn count(
        &mut self,
        limits: Limits,
        now: Duration,
        translation: u64,
        place: Place,
        times: u64,
    ) -> Verdict {
        let count = self.places.entry(place).or_default();
        count.total += times;
        count.since_strike += times;
        if count.since_strike < limits.exits {
            return Verdict::Tolerated;
        }
        count.since_strike = 0;
        count.strikes += 1;
        self.fallen.insert(translation);
        if count.strikes < limits.strikes {
            return Verdict::Recompile;
        }
        Verdict::Storm(self.storm(limits, now))
    }

    /// Backs off. Afterwards each place has one more try.
    fn storm(&mut self, limits: Limits, now: Duration) -> Duration {
        let backoff = limits.backoff.saturating_mul(1 << self.storms.min(20));
        self.storms += 1;
        self.quiet_until = Some(now.saturating_add(backoff));
        for count in self.places.values_mut() {
            count.strikes = count.strikes.min(limits.strikes.saturating_sub(1));
        }
        backoff
    }

    /// A translation comes. If it fell before, it goes round in a cycle: backs off, and answers the
    /// place that is left most, and for how long it is quiet.
    pub(crate) fn came_again(
        &mut self,
        limits: Limits,
        now: Duration,
        translation: u64,
    ) -> Option<(Place, Duration)> {
        if !self.fallen.contains(&translation) {
            return None;
        }
        let most = self.places.iter().max_by_key(|it| it.1.total);
        let place = most.map_or(Place(0), |it| *it.0);
        Some((place, self.storm(limits, now)))
    }

    /// For how long requests are still to be refused.
    pub(crate) fn quiet(&self, now: Duration) -> Option<Duration> {
        self.quiet_until?
            .checked_sub(now)
            .filter(|it| !it.is_zero())
    }

    /// Places, and how often code was left there.
    pub(crate) fn learned(&self) -> Vec<(Place, u64)> {
        let totals = self.places.iter().map(|(place, it)| (*place, it.total));
        totals.collect()
    }

    /// A new definition: what was learned of the old one is worth nothing.
    pub(crate) fn forget(&mut self) {
        *self = Exits::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        exits: 10,
        strikes: 3,
        backoff: Duration::from_secs(1),
    };

    #[test]
    fn a_place_that_strikes_too_often_is_a_storm_and_each_lasts_twice_as_long() {
        let mut exits = Exits::default();
        let at = Duration::from_secs;
        let mut left = |now, translation| exits.count(LIMITS, at(now), translation, Place(4), 10);
        assert_eq!(left(0, 1), Verdict::Recompile);
        assert_eq!(left(1, 2), Verdict::Recompile);
        assert_eq!(left(2, 3), Verdict::Storm(at(1)));
        assert_eq!(left(9, 4), Verdict::Storm(at(2)));
        assert_eq!(exits.quiet(at(10)), Some(at(1)));
        assert_eq!(exits.quiet(at(11)), None);
        assert_eq!(exits.learned(), [(Place(4), 40)]);
    }

    #[test]
    fn few_exits_are_tolerated_and_places_are_counted_apart() {
        let mut exits = Exits::default();
        for place in 0..100 {
            let verdict = exits.count(LIMITS, Duration::ZERO, 1, Place(place), 9);
            assert_eq!(verdict, Verdict::Tolerated);
        }
    }

    #[test]
    fn a_translation_that_fell_before_is_a_cycle() {
        let mut exits = Exits::default();
        let now = Duration::ZERO;
        assert_eq!(exits.came_again(LIMITS, now, 7), None);
        assert_eq!(
            exits.count(LIMITS, now, 7, Place(1), 10),
            Verdict::Recompile
        );
        assert_eq!(exits.came_again(LIMITS, now, 8), None);
        let again = exits.came_again(LIMITS, now, 7);
        assert_eq!(again, Some((Place(1), Duration::from_secs(1))));
        exits.forget();
        assert_eq!(exits.came_again(LIMITS, now, 7), None);
    }
}
