//! One door of a function: the machine word that callers go through, and the version that it means.
//!
//! Two things say what is current: the **word** (the entry, read by machine code) and the **arc**
//! (read by the embedder). They cannot change in one instant, so they change in a fixed order:
//!
//! - *publish v2 over v1*: arc := v2, then word := v2;
//! - *retract v1*: word := default, then arc := none.
//!
//! So whoever comes out of a word that led to `v` finds in the arc `v`, or what took its place
//! since: while the word leads to a version, that version or its successor is in the arc and owned
//! by it. Seen from the arc the word is late by at most the one change that is being made. Changes
//! of one slot exclude one another by the `aside` lock; readers take no lock.
//!
//! Versions that may come back stand *aside*: the slot owns them, and nothing leads to them.

use std::sync::{Arc, Mutex};

use arc_swap::ArcSwapOption;
use martlet_machine_code::Entry;

use crate::order;
use crate::sync::lock;
use crate::{Version, VersionId};

pub(crate) struct Slot<M> {
    entry: Entry,
    current: ArcSwapOption<Version<M>>,
    /// The lock is held over both stores of a change. Oldest first.
    aside: Mutex<Vec<Arc<Version<M>>>>,
}

impl<M> Slot<M> {
    pub(crate) fn new(entry: Entry) -> Self {
        Slot {
            entry,
            current: ArcSwapOption::const_empty(),
            aside: Mutex::default(),
        }
    }

    pub(crate) fn entry(&self) -> &Entry {
        &self.entry
    }

    pub(crate) fn current(&self) -> Option<Arc<Version<M>>> {
        self.current.load_full()
    }

    /// Makes `version` the current one; answers the one before, which stands aside now if it is to
    /// be kept.
    pub(crate) fn publish(
        &self,
        version: &Arc<Version<M>>,
        keeps_old: bool,
    ) -> Option<Arc<Version<M>>> {
        let mut aside = lock(&self.aside);
        let old = self.change(version);
        if keeps_old {
            aside.extend(old.clone());
        }
        old
    }

    /// Leads callers to the default target again, if `id` is what they are led to now, or forgets it
    /// if it stands aside; false if it is neither.
    pub(crate) fn retract(&self, id: VersionId) -> bool {
        let mut aside = lock(&self.aside);
        take(&mut aside, id).is_some() || self.reset(id)
    }

    /// Leads callers to the default target again, if `id` is what they are led to now; it stands
    /// aside then.
    pub(crate) fn set_aside(&self, id: VersionId) -> bool {
        let mut aside = lock(&self.aside);
        let current = self.current().filter(|it| it.id() == id);
        aside.extend(current);
        self.reset(id)
    }

    /// Makes a version that stands aside the current one, if there is none.
    pub(crate) fn put_back(&self, id: VersionId) -> bool {
        let mut aside = lock(&self.aside);
        if self.current.load().is_some() {
            return false;
        }
        let Some(version) = take(&mut aside, id) else {
            return false;
        };
        self.change(&version);
        true
    }

    /// Makes a version that stands aside the current one, whatever there is; answers whether it did,
    /// and the one before.
    pub(crate) fn exchange(&self, id: VersionId) -> (bool, Option<Arc<Version<M>>>) {
        let mut aside = lock(&self.aside);
        match take(&mut aside, id) {
            Some(version) => (true, self.change(&version)),
            None => (false, None),
        }
    }

    /// Leads callers to the default target for a moment.
    pub(crate) fn flicker(&self) {
        let _aside = lock(&self.aside);
        if let Some(version) = self.current() {
            self.entry.reset();
            self.relink(&version);
        }
    }

    /// Lets go of what stands aside beyond the latest so many.
    pub(crate) fn take_surplus(&self, n_kept: usize) -> Vec<Arc<Version<M>>> {
        let mut aside = lock(&self.aside);
        let n_surplus = aside.len().saturating_sub(n_kept);
        aside.drain(..n_surplus).collect()
    }

    /// What stands aside, oldest first.
    pub(crate) fn aside(&self) -> Vec<Arc<Version<M>>> {
        lock(&self.aside).clone()
    }

    /// Under the lock.
    fn change(&self, version: &Arc<Version<M>>) -> Option<Arc<Version<M>>> {
        order::publish(
            || self.current.swap(Some(version.clone())),
            || self.relink(version),
        )
    }

    /// Under the lock.
    fn reset(&self, id: VersionId) -> bool {
        // If a newer version was published first, `id` is not current any more and stays away from
        // the word; if it is published after us, it finds the slot empty.
        if self.current.load().as_ref().is_none_or(|it| it.id() != id) {
            return false;
        }
        order::retract(|| self.entry.reset(), || self.current.store(None));
        true
    }

    /// A Release store of the word (or stronger), which machine code pairs with by the address it
    /// loads.
    fn relink(&self, version: &Version<M>) {
        let relinked = version.with_code(|code| self.entry.relink(code));
        assert!(
            matches!(relinked, Some(Ok(()))),
            "{version:?} does not fit its own entry: {relinked:?}"
        );
    }
}

fn take<M>(aside: &mut Vec<Arc<Version<M>>>, id: VersionId) -> Option<Arc<Version<M>>> {
    let at = aside.iter().position(|it| it.id() == id)?;
    Some(aside.remove(at))
}
