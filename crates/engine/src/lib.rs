#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod compile;
mod compiler;
mod engine;
mod error;
mod events;
mod function;
mod graph;
mod ids;
mod lifecycle;
mod mailbox;
mod options;
mod order;
mod pool;
mod queue;
mod record;
mod refusal;
mod shared;
mod slot;
mod stats;
mod sync;
mod version;
mod worker;

pub use compile::{Fill, InstallHooks};
pub use compiler::{Compiled, Compiler, Released, Request, TableSpec, Timings};
pub use engine::{Engine, ForkReadiness, Requested, Work};
pub use error::Error;
pub use events::{Event, What};
pub use function::{Door, Function};
pub use ids::{AssumptionKey, EntryPoint, FunctionId, Tier, VersionId};
pub use lifecycle::Collected;
pub use mailbox::Finished;
pub use martlet_machine_code as machine_code;
pub use options::Options;
pub use record::{Record, State, Transition};
pub use refusal::{Reason, Refusal, reasons};
pub use stats::{Stats, VersionCounts};
pub use version::Version;
