//! Room for code: the coldest goes when there is too much, and what is not worth its room stays out.

use std::cmp::Reverse;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::lifecycle::Lifecycle;
use crate::sync::lock;
use crate::{Reason, Refusal, State, Version, reasons};

/// When something must go, this part of the limit is made free, so that not every install looks for the
/// coldest.
const SLACK: u64 = 8;

/// How often versions of a door were evicted. What comes back once is welcome; two that evict each other
/// for ever would do nothing but compile.
#[derive(Default)]
pub(crate) struct Evictions {
    times: u32,
    rests_until: Duration,
}

impl Evictions {
    /// From the second time on the door rests, each time twice as long.
    fn count(&mut self, now: Duration, backoff: Duration) {
        self.times += 1;
        if let Some(doublings) = self.times.checked_sub(2) {
            let rest = backoff.saturating_mul(1 << doublings.min(20));
            self.rests_until = now.saturating_add(rest);
        }
    }

    /// Why a request is refused, if the door rests.
    pub(crate) fn refusal(&self, now: Duration) -> Option<Refusal> {
        let left = self
            .rests_until
            .checked_sub(now)
            .filter(|it| !it.is_zero())?;
        let detail = format!("evicted {} times: for {left:?} more", self.times);
        Some(Refusal::new(reasons::NO_ROOM, detail))
    }
}

impl<M: Send + Sync + 'static> Lifecycle<M> {
    /// Evicts what is no hotter than the newcomer is urgent, the coldest first, until that fits.
    ///
    /// # Errors
    /// [`reasons::NO_ROOM`] where that would not be enough; then nothing is evicted.
    pub(crate) fn make_room_for(&self, newcomer: &Version<M>) -> Result<(), Refusal> {
        let limit = self.options.code_limit.unwrap_or(u64::MAX);
        let wanted = self.living_bytes().saturating_add(newcomer.bytes);
        if wanted <= limit {
            return Ok(());
        }
        // What it would replace makes room by itself, but only later.
        let urgency = u64::from(newcomer.record.priority());
        let mut coldest = self.coldest_first();
        coldest.retain(|it| it.record.heat() <= urgency && !is_pinned(it));
        let all: u64 = coldest.iter().map(|it| it.bytes).sum();
        if wanted - all.min(wanted) > limit {
            let detail = format!("{wanted} of {limit} bytes, {all} of them colder");
            return Err(Refusal::new(reasons::NO_ROOM, detail));
        }
        let enough = wanted - (limit - limit / SLACK).min(wanted);
        let mut made = 0;
        for version in coldest {
            if made >= enough {
                break;
            }
            if self.evict(&version, &Reason::from(reasons::EVICTED)) {
                self.let_rest(&version);
                self.counters.evicted();
                made += version.bytes;
            }
        }
        for version in lock(&self.graph).living() {
            version.record.cool();
        }
        Ok(())
    }

    fn let_rest(&self, version: &Version<M>) {
        if let Some(function) = version.function() {
            let (now, backoff) = (self.log.now(), self.options.exit_backoff);
            let mut evictions = lock(&function.body().evictions);
            let its = evictions.entry(version.point()).or_default();
            its.count(now, backoff);
        }
    }

    /// Versions whose intermediate code is kept though they can do without, a part of them: the
    /// coldest.
    pub(crate) fn release_coldest(&self) -> bool {
        let mut held = self.coldest_first();
        // Relaxed: who comes late releases nothing twice.
        held.retain(|it| !it.is_released.load(Ordering::Relaxed));
        let n = held.len().div_ceil(SLACK as usize);
        for version in &held[..n] {
            self.release_version(version);
        }
        n > 0
    }

    /// What stands aside before what is current.
    pub(crate) fn coldest_first(&self) -> Vec<Arc<Version<M>>> {
        let mut living = lock(&self.graph).living();
        living.sort_by_cached_key(|it| {
            let is_aside = it.state() == State::Suspended;
            (Reverse(is_aside), it.record.heat(), it.id())
        });
        living
    }
}

/// Whether it is to stay where it is.
pub(crate) fn is_pinned<M: Send + Sync + 'static>(version: &Version<M>) -> bool {
    let function = version.function();
    function.is_some_and(|it| it.body().is_pinned(&version.record))
}
