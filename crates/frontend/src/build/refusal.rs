//! Why a function is not compiled.

use std::fmt;

/// A reason, to count by, and a detail, to read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Refusal {
    /// Short and stable: `too_large`, `bytecode`, ...
    pub reason: &'static str,
    /// What exactly.
    pub detail: String,
}

impl Refusal {
    /// A refusal for `reason`.
    pub fn new(reason: &'static str, detail: impl Into<String>) -> Self {
        Self {
            reason,
            detail: detail.into(),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not compiled ({}): {}", self.reason, self.detail)
    }
}
