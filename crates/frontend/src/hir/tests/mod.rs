//! Tests on text.

mod round_trip;
mod verify;

use super::{HelperId, Op, helpers::Ret};

/// Else a value that was lent would be taken for the same again, though what lends it has changed.
#[test]
fn what_lends_is_memory() {
    for &helper in HelperId::ALL {
        let effects = Op::Call { helper, outputs: 0 }.effects();
        let lends = helper.row().ret == Ret::BorrowedOrNull;
        assert!(!lends || !effects.reads.is_empty(), "{}", helper.row().name);
    }
}
