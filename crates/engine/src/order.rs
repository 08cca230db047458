//! The order in which a slot's two halves change; see `slot`.
//!
//! It stands alone so that the model checker and the slot run the same lines.

/// *arc := new*, then *word := new*. Answers what the arc held.
pub(crate) fn publish<R>(arc: impl FnOnce() -> R, word: impl FnOnce()) -> R {
    let old = arc();
    word();
    old
}

/// *word := default*, then *arc := none*.
pub(crate) fn retract(word: impl FnOnce(), arc: impl FnOnce()) {
    word();
    arc();
}

#[cfg(test)]
mod tests {
    //! All interleavings of a writer and readers, under the memory model. Versions are numbers, 0 is
    //! the default target or the empty arc. Stores are Release and loads Acquire, which is what the
    //! entry's word has; the arc has more.

    use loom::sync::Arc;
    use loom::sync::atomic::{AtomicUsize, Ordering::Acquire, Ordering::Release};
    use loom::thread;

    use super::*;

    #[derive(Default)]
    struct Halves {
        arc: AtomicUsize,
        word: AtomicUsize,
    }

    impl Halves {
        fn publish(&self, version: usize) {
            publish(
                || self.arc.store(version, Release),
                || self.word.store(version, Release),
            );
        }

        fn retract(&self) {
            retract(
                || self.word.store(0, Release),
                || self.arc.store(0, Release),
            );
        }
    }

    fn explore(write: fn(&Halves), read: fn(&Halves)) {
        loom::model(move || {
            let halves = Arc::new(Halves::default());
            halves.publish(1);
            let reader = {
                let halves = halves.clone();
                thread::spawn(move || read(&halves))
            };
            write(&halves);
            reader.join().expect("the reader's assertions hold");
        });
    }

    #[test]
    fn cell_and_arc_agree() {
        explore(
            |it| {
                it.publish(2);
                it.publish(3);
            },
            |it| {
                let word = it.word.load(Acquire);
                let arc = it.arc.load(Acquire);
                assert!(arc >= word, "led to {word}, found {arc}");
            },
        );
    }

    #[test]
    fn the_word_is_late_by_one_change() {
        explore(
            |it| {
                it.publish(2);
                it.publish(3);
            },
            |it| {
                let arc = it.arc.load(Acquire);
                let word = it.word.load(Acquire);
                assert!(word + 1 >= arc, "found {arc}, led to {word}");
            },
        );
    }

    #[test]
    fn while_the_word_leads_there_the_arc_owns_it() {
        explore(
            |it| {
                it.retract();
                it.publish(2);
            },
            |it| {
                let before = it.word.load(Acquire);
                let arc = it.arc.load(Acquire);
                let after = it.word.load(Acquire);
                if before == after && after != 0 {
                    assert!(arc >= after, "led to {after}, owned was {arc}");
                }
            },
        );
    }
}
