//! Machine code that can be replaced and freed while threads run it.

mod error;
mod ledger;
mod object;

pub use error::Error;
pub use ledger::{Found, Ledger, Tally};
pub use object::{CodeId, CodeSize, Object, Table};
