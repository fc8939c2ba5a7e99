//! Runs Python that nobody has reviewed. (Work in progress: the crate's front page is written last.)

mod admission;
mod args;
mod config;
mod executor;
mod jail;
mod limits;
mod outcome;
mod script;

pub use args::InvalidArgs;
pub use config::{NoCacheDir, cache_dir};
pub use executor::{Event, ExecuteError, Execution, Executor, Running, Stream};
pub use jail::JailError;
pub use limits::{Ceiling, LimitOutOfRange, Limits, MIN_MEMORY_BYTES};
pub use outcome::{Captured, FailureKind, Fault, Outcome, Report, Usage};
pub use script::{MAX_SCRIPT_BYTES, Script, ScriptTooLarge};

pub mod check;
pub mod runtime;
#[cfg(feature = "server")]
pub mod server;
