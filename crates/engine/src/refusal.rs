//! "Not compiled" is an answer: a reason that is counted, and a detail that is printed.

use std::borrow::Cow;

/// Why something happened to a version: a short, stable text that is counted in
/// [`Stats`](crate::Stats). What varies (names, numbers) belongs in [`Refusal::detail`].
pub type Reason = Cow<'static, str>;

/// Why there is no new version. Never a failure of the process.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}: {detail}")]
pub struct Refusal {
    /// The kind, one of few: this is what is counted.
    pub reason: Reason,
    /// What exactly, for a person to read. May be empty.
    pub detail: String,
}

impl Refusal {
    /// A refusal of the kind `reason`.
    pub fn new(reason: impl Into<Reason>, detail: impl Into<String>) -> Self {
        Refusal {
            reason: reason.into(),
            detail: detail.into(),
        }
    }
}

/// The reasons that the engine itself gives. Compilers and embedders add their own.
pub mod reasons {
    /// The compiler panicked over this function.
    pub const PANIC: &str = "the compiler panicked";
    /// No compiler could be made; nothing will be compiled by this engine.
    pub const NO_COMPILER: &str = "no compiler";
    /// [`Options::fuel`](crate::Options::fuel) is used up.
    pub const OUT_OF_FUEL: &str = "out of fuel";
    /// [`Options::queue_limit`](crate::Options::queue_limit) requests wait already.
    pub const QUEUE_FULL: &str = "compile queue full";
    /// The system gave no thread to compile on.
    pub const NO_THREAD: &str = "no compile thread";
    /// The last handle of the function was dropped while it waited or was compiled.
    pub const FUNCTION_DIED: &str = "function dropped";
    /// Something the translation relies on broke before it was published.
    pub const BROKEN_WHILE_COMPILING: &str = "assumption broken while compiling";
    /// The machine code could not be linked or placed.
    pub const NOT_LINKED: &str = "not linked";
    /// A finished unit was thrown away without being installed.
    pub const NOT_INSTALLED: &str = "not installed";
    /// A compile was running in the parent when this process was forked off.
    pub const FORKED_WHILE_COMPILING: &str = "forked while compiling";
    /// The same was compiled on a caller's thread before its turn came.
    pub const OVERTAKEN: &str = "overtaken";
    /// Nobody wants it any more.
    pub const CANCELLED: &str = "cancelled";
    /// The function was redefined before the request's turn came.
    pub const CHANGED: &str = "redefined while it waited";
    /// The embedder does not want this function compiled.
    pub const FORBIDDEN: &str = "forbidden";
    /// The version of the door is to stay.
    pub const PINNED: &str = "pinned";
    /// There is no room for it within [`Options::code_limit`](crate::Options::code_limit) or in the arena.
    pub const NO_ROOM: &str = "no room for code";
    /// It was the coldest when room was needed.
    pub const EVICTED: &str = "evicted";
    /// It was left too often at one place.
    pub const EXITS: &str = "too many exits";
    /// Whatever is made of the function is left too often.
    pub const STORM: &str = "exit storm";
    /// The version before was put back.
    pub const ROLLED_BACK: &str = "rolled back";
    /// What it relies on turned out unchanged.
    pub const UNCHANGED: &str = "unchanged";
    /// What it relies on turned out changed.
    pub const DOUBT_CONFIRMED: &str = "changed";
    /// [`Options::chaos`](crate::Options::chaos) had it so.
    pub const CHAOS: &str = "chaos";
    /// The engine was shut down.
    pub const SHUT_DOWN: &str = "engine shut down";
    /// A newer version took the place of this one.
    pub const REPLACED: &str = "replaced";
    /// Nobody is inside any more: the machine code is gone.
    pub const QUIESCENT: &str = "quiescent";
    /// A version was published.
    pub const INSTALLED: &str = "installed";
    /// Someone asked for a version.
    pub const REQUESTED: &str = "requested";
    /// A compile thread took the request.
    pub const TAKEN: &str = "taken";
    /// The compiler answered.
    pub const TRANSLATED: &str = "translated";
}
