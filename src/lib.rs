//! Runs Python that nobody has reviewed. (Work in progress: the crate's front page is written last.)

mod executor;
mod limits;
mod outcome;
mod script;

pub use check::{CheckedScript, check};
pub use executor::{Event, Execution, Executor, ExecuteError, Running, Stream};
pub use limits::{Ceiling, LimitOutOfRange, Limits, MIN_MEMORY_BYTES};
pub use outcome::{Captured, FailureKind, Fault, Outcome, Report, Usage};
pub use script::{MAX_SCRIPT_BYTES, Script, ScriptTooLarge};

pub mod check;
pub mod runtime;
#[cfg(feature = "server")]
pub mod server;
