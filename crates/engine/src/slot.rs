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
//! of one slot exclude one another by the `writer` lock; readers take no lock.

use std::sync::{Arc, Mutex};

use arc_swap::ArcSwapOption;
use martlet_machine_code::Entry;

use crate::order;
use crate::sync::lock;
use crate::{Version, VersionId};

pub(crate) struct Slot<M> {
    entry: Entry,
    current: ArcSwapOption<Version<M>>,
    /// Held over both stores of a change.
    writer: Mutex<()>,
}

impl<M> Slot<M> {
    pub(crate) fn new(entry: Entry) -> Self {
        Slot {
            entry,
            current: ArcSwapOption::const_empty(),
            writer: Mutex::new(()),
        }
    }

    pub(crate) fn entry(&self) -> &Entry {
        &self.entry
    }

    pub(crate) fn current(&self) -> Option<Arc<Version<M>>> {
        self.current.load_full()
    }

    /// Makes `version` the current one; answers the one before.
    pub(crate) fn publish(&self, version: &Arc<Version<M>>) -> Option<Arc<Version<M>>> {
        let _writer = lock(&self.writer);
        order::publish(
            || self.current.swap(Some(version.clone())),
            || {
                // A Release store of the word (or stronger), which machine code pairs with by the
                // address it loads.
                let relinked = version.with_code(|code| self.entry.relink(code));
                assert!(
                    matches!(relinked, Some(Ok(()))),
                    "{version:?} does not fit its own entry: {relinked:?}"
                );
            },
        )
    }

    /// Leads callers to the default target again, if `id` is what they are led to now.
    pub(crate) fn retract(&self, id: VersionId) -> bool {
        let _writer = lock(&self.writer);
        // If a newer version was published first, `id` is not current any more and stays away from
        // the word; if it is published after us, it finds the slot empty.
        if self.current.load().as_ref().is_none_or(|it| it.id() != id) {
            return false;
        }
        order::retract(|| self.entry.reset(), || self.current.store(None));
        true
    }
}
