//! Who owns an executable address, answered without a lock, in signal handlers too.
//!
//! The executable range is divided into pages. Each has a table of the spans that touch it, sorted, which never
//! changes: a writer, who holds the runtime's lock, makes a new table and puts its address in the place of the old one.
//!
//! A reader announces itself in a counter, reads the table's address, looks, and goes. A writer that has replaced a
//! table frees it, and all those that were left over before, when it finds the counter at zero:
//!
//! - If the reader's announcement comes first, the writer sees it and keeps the table for later.
//! - If the writer's look at the counter comes first, so did its replacement, and the reader finds the new table.
//!
//! A full barrier stands between the two steps of either, so there is no third case. A reader does nothing else: it takes no lock, allocates
//! nothing, and is done after a few dozen instructions, which is why one counter for everybody is enough.

use std::sync::Arc;
use std::time::Instant;

use crate::sync::{AtomicBool, AtomicPtr, AtomicUsize, Ordering, fence};
use crate::{CodeId, EntryKey, PcValue};

/// Bytes of the range that one table is for.
const PAGE: usize = 4096;

/// A piece of executable memory and whose it is.
#[derive(Clone)]
pub(crate) struct Span {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) owner: Owner,
}

#[derive(Clone)]
pub(crate) enum Owner {
    Version(Arc<Version>),
    /// Trapped, and not used again yet.
    Quarantine(Arc<Grave>),
}

/// A version that is live or retired, as readers see it.
pub(crate) struct Version {
    pub(crate) id: CodeId,
    /// The start of the unit, from which offsets count.
    pub(crate) unit: usize,
    pub(crate) is_retired: AtomicBool,
    /// `None`: there are no values.
    pub(crate) pc_values: Option<Arc<[PcValue]>>,
}

/// What stood where there are traps now.
#[derive(Debug)]
pub(crate) struct Grave {
    pub(crate) what: Buried,
    pub(crate) freed_at: Instant,
}

#[derive(Debug)]
pub(crate) enum Buried {
    Unit {
        name: Arc<str>,
        /// By rising address.
        versions: Box<[BuriedVersion]>,
    },
    Stub(EntryKey),
}

#[derive(Debug)]
pub(crate) struct BuriedVersion {
    pub(crate) start: usize,
    pub(crate) id: CodeId,
    /// The version that the entry led to next. `None`: its default target.
    pub(crate) replaced_by: Option<CodeId>,
}

/// The spans that touch a page, by rising start.
type Table = Vec<Span>;

/// See the module.
pub(crate) struct Index {
    start: usize,
    pages: Box<[AtomicPtr<Table>]>,
    readers: Readers,
}

/// What the writer keeps between its steps: tables that were replaced while somebody was reading. It is dropped when
/// nobody reads any more.
#[derive(Default)]
pub(crate) struct Replaced(
    #[expect(clippy::vec_box, reason = "readers hold their addresses")] Vec<Box<Table>>,
);

impl Index {
    /// For the `len` bytes from `start` on.
    pub(crate) fn new(start: usize, len: usize) -> Self {
        let pages = Box::<[AtomicPtr<Table>]>::new_zeroed_slice(len.div_ceil(PAGE));
        Self {
            start,
            // SAFETY: all zeroes is the null pointer.
            pages: unsafe { pages.assume_init() },
            readers: Readers::new(),
        }
    }

    /// Shows the span that holds `pc`, if there is one. Async-signal-safe if `look` is.
    pub(crate) fn look<R>(&self, pc: usize, look: impl FnOnce(&Span) -> R) -> Option<R> {
        let page = self.pages.get(pc.checked_sub(self.start)? / PAGE)?;
        self.readers.read(page, |table| {
            let after = table.partition_point(|span| span.start <= pc);
            let span = table.get(after.checked_sub(1)?)?;
            (pc < span.end).then(|| look(span))
        })?
    }

    /// Adds a span that overlaps no other. The caller holds the runtime's lock.
    pub(crate) fn insert(&self, span: &Span, replaced: &mut Replaced) {
        self.change(span.start, span.end, replaced, |table| {
            let at = table.partition_point(|it| it.start < span.start);
            table.insert(at, span.clone());
        });
    }

    /// Removes the span that begins and ends there. The caller holds the runtime's lock.
    pub(crate) fn remove(&self, start: usize, end: usize, replaced: &mut Replaced) {
        self.change(start, end, replaced, |table| {
            table.retain(|it| it.start != start);
        });
    }

    /// In a child of a fork, where the threads that were reading do not exist.
    pub(crate) fn forget_readers(&self) {
        self.readers.forget();
    }

    fn change(
        &self,
        start: usize,
        end: usize,
        replaced: &mut Replaced,
        change: impl Fn(&mut Table),
    ) {
        let first = (start - self.start) / PAGE;
        for page in &self.pages[first..(end - self.start).div_ceil(PAGE)] {
            let old = page.load(Ordering::Relaxed);
            // SAFETY: tables live until they are replaced, and only the holder of the lock replaces them.
            let old = unsafe { old.as_ref() };
            let mut table = Vec::with_capacity(old.map_or(0, Vec::len) + 1);
            table.extend(old.into_iter().flatten().cloned());
            change(&mut table);
            let table = (!table.is_empty()).then(|| Box::new(table));
            replaced.0.extend(self.readers.replace(page, table));
        }
        if self.readers.are_gone() {
            replaced.0.clear();
        }
    }
}

impl Drop for Index {
    fn drop(&mut self) {
        for page in &self.pages {
            drop(self.readers.replace(page, None));
        }
    }
}

/// How many are reading.
pub(crate) struct Readers(AtomicUsize);

impl Readers {
    #[cfg(not(loom))]
    pub(crate) const fn new() -> Self {
        Self(AtomicUsize::new(0))
    }

    #[cfg(loom)]
    pub(crate) fn new() -> Self {
        Self(AtomicUsize::new(0))
    }

    /// Shows what `place` points at.
    pub(crate) fn read<T, R>(&self, place: &AtomicPtr<T>, look: impl FnOnce(&T) -> R) -> Option<R> {
        self.0.fetch_add(1, Ordering::Relaxed);
        // Pairs with the fence of `replace`: see the two cases in the module.
        fence(Ordering::SeqCst);
        // Acquire: the table was written before it was put there.
        let pointer = place.load(Ordering::Acquire);
        // SAFETY: it came out of a box, and is freed only after the counter was seen at zero since it was replaced.
        let result = unsafe { pointer.as_ref() }.map(look);
        // Release: what was read here was read before a writer that sees the counter at zero frees it.
        self.0.fetch_sub(1, Ordering::Release);
        result
    }

    /// Puts something else there. What stood there may be freed when the readers are gone.
    pub(crate) fn replace<T>(&self, place: &AtomicPtr<T>, new: Option<Box<T>>) -> Option<Box<T>> {
        let new = new.map_or(std::ptr::null_mut(), Box::into_raw);
        let old = place.swap(new, Ordering::AcqRel);
        // Pairs with the fence of `read`, and stands before every look at the counter.
        fence(Ordering::SeqCst);
        // SAFETY: it came out of a box, and is in no place any more.
        (!old.is_null()).then(|| unsafe { Box::from_raw(old) })
    }

    /// In a child of a fork, where the threads that were reading do not exist.
    pub(crate) fn forget(&self) {
        // Relaxed: there is no other thread.
        self.0.store(0, Ordering::Relaxed);
    }

    /// Whether nobody reads what was replaced before this call.
    pub(crate) fn are_gone(&self) -> bool {
        // Acquire: pairs with the end of `read`.
        self.0.load(Ordering::Acquire) == 0
    }
}

#[cfg(all(test, loom))]
mod model {
    //! All interleavings of readers and a writer that frees what it replaces.

    use loom::sync::Arc;
    use loom::thread;

    use super::*;

    #[test]
    fn nobody_reads_what_is_freed() {
        let mut model = loom::model::Builder::new();
        model.preemption_bound = Some(3);
        model.check(|| {
            let freed = Arc::new([AtomicBool::new(false), AtomicBool::new(false)]);
            let shared = Arc::new((Readers::new(), AtomicPtr::new(Box::into_raw(Box::new(0)))));
            let readers: Vec<_> = (0..2)
                .map(|_| {
                    let (shared, freed) = (shared.clone(), freed.clone());
                    thread::spawn(move || {
                        let (readers, place) = &*shared;
                        readers.read(place, |&number: &usize| {
                            assert!(!freed[number].load(Ordering::Relaxed));
                        });
                    })
                })
                .collect();
            let (counter, place) = &*shared;
            let old = counter.replace(place, Some(Box::new(1)));
            if counter.are_gone() {
                freed[0].store(true, Ordering::Relaxed);
                drop(old);
            } else {
                // Kept for later; here, for ever.
                std::mem::forget(old);
            }
            for reader in readers {
                reader.join().expect("the reader's assertion holds");
            }
            drop(counter.replace(place, None));
        });
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn span(start: usize, len: usize, version: u32) -> Span {
        let id = CodeId {
            identity: 1,
            version,
        };
        let owner = Owner::Version(Arc::new(Version {
            id,
            unit: start,
            is_retired: AtomicBool::new(false),
            pc_values: None,
        }));
        Span {
            start,
            end: start + len,
            owner,
        }
    }

    fn owner_of(index: &Index, pc: usize) -> Option<u32> {
        index.look(pc, |span| match &span.owner {
            Owner::Version(version) => version.id.version,
            Owner::Quarantine(_) => unreachable!("none was inserted"),
        })
    }

    #[test]
    fn spans_are_found_from_their_first_to_their_last_byte() {
        let index = Index::new(0x10_000, 16 * PAGE);
        let mut replaced = Replaced::default();
        // The second begins on the page where the first ends, three pages on.
        let spans = [span(0x10_010, 3 * PAGE, 1), span(0x13_010, 16, 2)];
        for span in &spans {
            index.insert(span, &mut replaced);
        }
        let expected = [
            (0, None),
            (0x1_000, None),
            (0x10_00f, None),
            (0x10_010, Some(1)),
            (0x12_000, Some(1)),
            (0x13_00f, Some(1)),
            (0x13_010, Some(2)),
            (0x13_01f, Some(2)),
            (0x13_020, None),
            (0x90_000, None),
        ];
        for (pc, version) in expected {
            assert_eq!(owner_of(&index, pc), version, "{pc:#x}");
        }
        index.remove(0x10_010, 0x13_010, &mut replaced);
        assert_eq!(owner_of(&index, 0x12_000), None);
        assert_eq!(owner_of(&index, 0x13_010), Some(2));
        assert!(replaced.0.is_empty(), "nobody is reading");
    }

    #[test]
    fn tables_are_kept_while_somebody_reads() {
        let index = Index::new(0, PAGE);
        let mut replaced = Replaced::default();
        index.insert(&span(0, 16, 1), &mut replaced);
        index.look(0, |_| {
            index.remove(0, 16, &mut replaced);
            assert_eq!(replaced.0.len(), 1);
        });
        index.insert(&span(16, 16, 2), &mut replaced);
        assert!(replaced.0.is_empty());
    }
    /// On real threads: a sanitizer sees who reads a table that is freed.
    #[test]
    fn readers_under_a_writer() {
        let index = Index::new(0, 2 * PAGE);
        let stop = AtomicBool::new(false);
        // It outlives the readers.
        let mut replaced = Replaced::default();
        std::thread::scope(|scope| {
            let readers = [(); 2].map(|()| {
                scope.spawn(|| {
                    let mut last = 0;
                    while !stop.load(Ordering::Relaxed) {
                        for pc in [PAGE - 8, PAGE + 8] {
                            if let Some(version) = owner_of(&index, pc) {
                                assert!(version >= last, "{version} after {last}");
                                last = version;
                            }
                        }
                    }
                })
            });
            for version in 0..10_000 {
                let span = span(PAGE - 16, 32, version);
                index.insert(&span, &mut replaced);
                index.remove(span.start, span.end, &mut replaced);
            }
            stop.store(true, Ordering::Relaxed);
            // The end of a scope would do, but not for a sanitizer.
            for reader in readers {
                reader.join().expect("its assertions hold");
            }
        });
    }
}
