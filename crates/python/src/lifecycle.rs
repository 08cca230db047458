//! News of deaths, from the interpreter.

use crate::raw::{Addr, Gil};
use crate::state::{News, tell, with};

/// A function that versions may name dies or is about to get other code, or a watched object dies.
pub(crate) fn died(gil: Gil<'_>, object: Addr) {
    if with(gil, |state| state.tables.is_watched(object)) != Some(false) {
        tell(gil, News::Died(object));
    }
}

/// A code object with a record dies.
pub(crate) fn code_died(gil: Gil<'_>, code: Addr) {
    tell(gil, News::CodeDied(code));
}
