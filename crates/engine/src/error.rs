//! What can go wrong besides not compiling.

/// Why a function or a door could not be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The entry was refused.
    #[error("no entry: {0}")]
    MachineCode(#[from] martlet_machine_code::Error),
}
