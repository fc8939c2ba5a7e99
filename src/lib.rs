//! Runs Python that nobody has reviewed, each script in an [nsjail](https://github.com/google/nsjail) of its own, and
//! gives the JSON that its `main()` returned, what it printed and what it used.
//!
//! ```text
//! Script → check → CheckedScript → Execution → Executor → Report
//! ```
//!
//! Check a script, execute it, match on the outcome:
//!
//! ```
//! use python_executor::{Execution, Executor, Outcome, Script, check, runtime::RuntimeOptions};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let runtime = RuntimeOptions::from_environment()?.provision(&mut |progress| eprintln!("{progress}"))?;
//! let tokio = tokio::runtime::Runtime::new()?;
//! let report = tokio.block_on(async {
//!     let script = check(Script::new("def main(name):\n    print('hi')\n    return {'hello': name}")?)?;
//!     let execution = Execution::new(script).args(&serde_json::json!({"name": "Ada"}))?;
//!     Ok::<_, Box<dyn std::error::Error>>(Executor::new(runtime).execute(execution).await?)
//! })?;
//! match &report.outcome {
//!     Outcome::Returned(json) => assert_eq!(json.get(), r#"{"hello":"Ada"}"#),
//!     failed => panic!("{:?}", failed.failure()),
//! }
//! assert_eq!(report.stdout.text, "hi\n");
//! # Ok(())
//! # }
//! ```
//!
//! A script's failure is an [`Outcome`], never an `Err`; an `Err` is ours.
//!
//! What this crate does *not* do: it gives no jail where the host grants no namespaces (the execution fails), and it
//! doesn't judge what a script is for. See SECURITY.md.

mod admission;
mod args;
mod config;
mod executor;
mod jail;
mod limits;
mod outcome;
mod script;

pub use args::InvalidArgs;
pub use check::{CheckedScript, check};
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
