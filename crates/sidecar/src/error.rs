//! Why there is no answer.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Nobody listens, and nobody was to be started.
    #[error("there is no such process")]
    Absent,
    /// The system lacks what is needed, or forbids it.
    #[error("a process beside this one cannot be had: {0}")]
    Impossible(#[source] io::Error),
    /// The program cannot be executed.
    #[error("{} cannot be executed: {error}", .program.display())]
    NotExecuted {
        /// Its path.
        program: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// It was started, and ended before it said anything.
    #[error("{} ends before it says anything", .0.display())]
    Mute(PathBuf),
    /// It is of another version than the one that is wanted.
    #[error("{} is of another version: {found:#x} instead of {wanted:#x}", .program.display())]
    WrongVersion {
        /// Its path.
        program: PathBuf,
        /// The version that it has.
        found: u64,
        /// The version that is wanted.
        wanted: u64,
    },
    /// Another user's process has the name.
    #[error("a process of user {0} answers under this name")]
    Stranger(u32),
    /// It was given the order, and ended before it answered.
    #[error("it ended over this order")]
    Ended,
    /// It failed often, and is not yet started again.
    #[error("it failed {failures} times in a row, and rests for another {} ms", .left.as_millis())]
    Resting {
        /// Failures in a row.
        failures: u32,
        /// How long it still rests.
        left: Duration,
    },
}
