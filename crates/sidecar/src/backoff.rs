//! How long a process that fails is left alone.

use std::time::{Duration, Instant};

use crate::Error;

/// How long the second failure in a row is waited out. Each further one doubles it.
const FIRST_REST: Duration = Duration::from_millis(200);
const LONGEST_REST: Duration = Duration::from_secs(60);

/// Failures in a row, and until when nothing is tried.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
    until: Option<Instant>,
}

impl Backoff {
    /// # Errors
    /// [`Error::Resting`], until the time is over.
    pub(crate) fn check(&self, now: Instant) -> Result<(), Error> {
        let left = self.until.and_then(|it| it.checked_duration_since(now));
        match left {
            Some(left) if !left.is_zero() => Err(Error::Resting {
                failures: self.failures,
                left,
            }),
            _ => Ok(()),
        }
    }

    pub(crate) fn succeeded(&mut self) {
        *self = Self::default();
    }

    pub(crate) fn failed(&mut self, now: Instant) {
        self.failures = self.failures.saturating_add(1);
        self.until = self.failures.checked_sub(2).map(|doublings| {
            let factor = 1_u32.checked_shl(doublings).unwrap_or(u32::MAX);
            now + FIRST_REST.saturating_mul(factor).min(LONGEST_REST)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_failure_costs_no_time_and_each_further_one_twice_as_much() {
        let (now, mut backoff) = (Instant::now(), Backoff::default());
        backoff.failed(now);
        assert!(backoff.check(now).is_ok());
        for (failures, rest) in [(2, 200), (3, 400), (4, 800)] {
            backoff.failed(now);
            let Err(Error::Resting { failures: n, left }) = backoff.check(now) else {
                panic!("it does not rest");
            };
            assert_eq!((n, left), (failures, Duration::from_millis(rest)));
            assert!(backoff.check(now + Duration::from_millis(rest)).is_ok());
        }
        for _ in 0..100 {
            backoff.failed(now);
        }
        assert!(backoff.check(now + LONGEST_REST).is_ok());
        assert!(backoff.check(now + LONGEST_REST / 2).is_err());
        backoff.succeeded();
        assert!(backoff.check(now).is_ok());
        backoff.failed(now);
        assert!(backoff.check(now).is_ok());
    }
}
