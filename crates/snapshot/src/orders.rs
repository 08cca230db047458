//! What a compiler that is a process of its own is asked, and what it answers.

use serde::{Deserialize, Serialize};

/// One order to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Functions of which the intermediate code may go, by the numbers of their requests. Told first.
    pub released: Vec<u64>,
    /// What is asked.
    pub ask: Ask,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ask {
    /// The reply to an encoded [`Request`](crate::Request).
    Compile(Vec<u8>),
    /// How many functions of this process it holds intermediate code of.
    LiveFunctions,
    /// To run passes over all that it holds.
    Maintain,
    /// Nothing.
    Nothing,
}

/// What it answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// An encoded [`Reply`](crate::Reply).
    Compiled {
        /// Its bytes.
        reply: Vec<u8>,
        /// Nanoseconds of processor time that it took.
        spent_ns: u64,
    },
    /// A number of functions.
    LiveFunctions(u64),
    /// What the passes did, number by number as the C interface of the compiler writes them; or what failed.
    Maintained(Result<[u64; 7], String>),
    /// It is done.
    Done,
    /// That was no order, or no request, of this version.
    Malformed,
}
