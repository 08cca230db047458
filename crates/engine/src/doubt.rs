//! Doubt: what versions rely on may have changed, and it takes a while to find out.
//!
//! Nobody comes into such a version, and those inside are told as when it breaks; but its machine code
//! is kept. If the answer turns out unchanged, it is behind its door again by one relink, without a
//! compile.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::events::What;
use crate::graph::Dependency;
use crate::lifecycle::Lifecycle;
use crate::sync::lock;
use crate::{Reason, State, Version, reasons};

/// An open question about what versions rely on; see [`Engine::doubt`](crate::Engine::doubt). Dropped
/// without an answer it is taken for changed.
#[must_use = "dropped, everything in doubt falls"]
pub struct Doubt<M: Send + Sync + 'static> {
    lifecycle: Arc<Lifecycle<M>>,
    versions: Vec<Arc<Version<M>>>,
}

impl<M: Send + Sync + 'static> Doubt<M> {
    /// How many versions are in doubt.
    pub fn n_versions(&self) -> usize {
        self.versions.len()
    }

    /// Nothing has changed: versions that no other doubt concerns, nor broke meanwhile, come back
    /// behind their doors, unless newer ones stand there. The hook of
    /// [`Engine::on_revive`](crate::Engine::on_revive) is called for each before. Answers how many came
    /// back.
    ///
    /// The embedder holds the lock under which its assumptions break.
    pub fn unchanged(mut self) -> usize {
        let versions = std::mem::take(&mut self.versions);
        self.lifecycle.revive(versions)
    }

    /// It has changed: they fall, and what contains them. Answers how many fell.
    ///
    /// The embedder holds the lock under which its assumptions break.
    pub fn changed(mut self) -> usize {
        let versions = std::mem::take(&mut self.versions);
        self.lifecycle.confirm(versions)
    }
}

impl<M: Send + Sync + 'static> Drop for Doubt<M> {
    fn drop(&mut self) {
        let versions = std::mem::take(&mut self.versions);
        self.lifecycle.confirm(versions);
    }
}

impl<M: Send + Sync + 'static> fmt::Debug for Doubt<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.versions).finish()
    }
}

impl<M: Send + Sync + 'static> Lifecycle<M> {
    pub(crate) fn doubt(self: &Arc<Self>, cause: Dependency, reason: &Reason) -> Doubt<M> {
        let mut graph = lock(&self.graph);
        let (mut versions, mut suspended) = (Vec::new(), BTreeSet::new());
        for version in graph.doubt(cause, reason) {
            // Relaxed: under the graph's lock.
            version.doubts.fetch_add(1, Ordering::Relaxed);
            let slot = version.slot.upgrade();
            let is_suspended = slot.is_some_and(|it| it.set_aside(version.id()));
            if is_suspended {
                version.is_to_return.store(true, Ordering::Relaxed);
                self.suspend(&version, reason);
                suspended.insert(version.id());
            }
            versions.push(version);
        }
        drop(graph);
        for version in &versions {
            if version.state() == State::Freed {
                continue;
            }
            let what = What::Doubted(version.id());
            self.log.push(what, version.record.name(), reason);
            self.clear_valid(version);
            if suspended.contains(&version.id()) {
                self.note(&version.record, State::Suspended, reason);
            }
        }
        Doubt {
            lifecycle: self.clone(),
            versions,
        }
    }

    fn revive(&self, versions: Vec<Arc<Version<M>>>) -> usize {
        let reason = Reason::from(reasons::UNCHANGED);
        let graph = lock(&self.graph);
        let mut sound = Vec::new();
        for version in versions {
            let before = version.doubts.fetch_sub(1, Ordering::Relaxed);
            if before == 1 && graph.holds(version.id()) && version.state() != State::Freed {
                sound.push(version);
            }
        }
        drop(graph);
        // Before anybody comes in: who finds it invalid leaves.
        for version in &sound {
            let what = What::Revived(version.id());
            self.log.push(what, version.record.name(), &reason);
            version.set_valid(true);
            if let Some(hook) = self.on_revive.get() {
                hook(version);
            }
        }
        let mut n_revived = 0;
        for version in sound {
            let graph = lock(&self.graph);
            if !graph.holds(version.id()) || version.is_doubted() {
                // The embedder has not held its lock.
                drop(graph);
                self.clear_valid(&version);
                continue;
            }
            let was_current = version.is_to_return.swap(false, Ordering::Relaxed);
            let slot = version.slot.upgrade();
            if was_current && slot.is_some_and(|it| it.put_back(version.id())) {
                self.resume(&version, &reason);
                drop(graph);
                self.note(&version.record, State::Published, &reason);
                n_revived += 1;
            } else if was_current && self.options.keep_replaced == 0 {
                drop(graph);
                self.retire(&version, &reasons::REPLACED.into());
            }
        }
        n_revived
    }

    fn confirm(&self, versions: Vec<Arc<Version<M>>>) -> usize {
        if versions.is_empty() {
            return 0;
        }
        for version in &versions {
            version.doubts.fetch_sub(1, Ordering::Relaxed);
        }
        let ids = versions.iter().map(|it| it.id());
        let reason = Reason::from(reasons::DOUBT_CONFIRMED);
        self.break_versions(ids, &reason).len()
    }

    /// A version stands aside now. Under the graph's lock.
    pub(crate) fn suspend(&self, version: &Version<M>, reason: &Reason) {
        self.counters.suspended();
        version.record.advance(self.step(State::Suspended, reason));
    }

    /// A version that stood aside is behind its door again. Under the graph's lock.
    pub(crate) fn resume(&self, version: &Version<M>, reason: &Reason) {
        self.counters.resumed();
        version.record.advance(self.step(State::Published, reason));
    }
}
