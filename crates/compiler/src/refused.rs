//! Why there is no unit.

use martlet_frontend::{Refusal, hir, lower};

/// A reason to count by, and a detail to read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}: {detail}")]
pub(crate) struct Refused {
    /// Short and stable: the frontend's own reasons, or `hir`, `ir`, `codegen`, `panic`.
    pub(crate) reason: &'static str,
    /// What exactly.
    pub(crate) detail: String,
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self {
            reason: refusal.reason,
            detail: refusal.detail,
        }
    }
}

impl From<lower::Refusal> for Refused {
    fn from(refusal: lower::Refusal) -> Self {
        Self {
            reason: refusal.reason(),
            detail: refusal.to_string(),
        }
    }
}

impl From<hir::Violations> for Refused {
    fn from(violations: hir::Violations) -> Self {
        Self {
            reason: "hir",
            detail: violations.to_string(),
        }
    }
}

impl From<martlet_ir::Error> for Refused {
    fn from(error: martlet_ir::Error) -> Self {
        Self {
            reason: "ir",
            detail: error.to_string(),
        }
    }
}

impl From<martlet_codegen::Error> for Refused {
    fn from(error: martlet_codegen::Error) -> Self {
        Self {
            reason: "codegen",
            detail: error.to_string(),
        }
    }
}
