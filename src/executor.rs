//! Runs checked scripts. (Interface first; being filled in.)

use serde_json::value::RawValue;

use crate::{Fault, Limits, Report, Script, check::CheckedScript};

/// One request to run a checked script.
#[derive(Clone, Debug)]
pub struct Execution {
    script: CheckedScript,
    args: Option<Box<RawValue>>,
    stdin: String,
    limits: Limits,
}

impl Execution {
    /// Runs `script` without arguments, with empty stdin, under the default limits.
    pub fn new(script: CheckedScript) -> Self {
        Self { script, args: None, stdin: String::new(), limits: Limits::default() }
    }

    /// Keyword arguments for `main`: the text of a JSON object, handed over digit for digit.
    ///
    /// # Errors
    /// [`BadArgs`](ExecuteError) text when it isn't an object, is nested deeper than 128 levels, or holds a number
    /// that no Python float can.
    pub fn args(mut self, json: Box<RawValue>) -> Result<Self, InvalidArgs> {
        self.args = Some(json);
        Ok(self)
    }

    /// What `input()` reads.
    pub fn stdin(mut self, text: impl Into<String>) -> Self {
        self.stdin = text.into();
        self
    }

    /// What it may use.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }
}

/// Arguments that no script could be given.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("args {0}")]
pub struct InvalidArgs(pub String);

/// Our failure, never the script's.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExecuteError {
    /// The jail didn't start, or broke. The text is for the log, not for the caller.
    #[error("the jail failed: {0}")]
    Jail(String),
}

/// Which stream was written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Descriptor 1.
    Stdout,
    /// Descriptor 2.
    Stderr,
}

/// What happens during an execution, in order; the report comes last.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// Bytes were written; what goes beyond the stream's bound isn't told.
    Output(Stream, Vec<u8>),
    /// It ended.
    Report(Box<Report>),
}

/// A running execution. Dropping it ends the execution.
#[derive(Debug)]
pub struct Running {}

impl Running {
    /// The next event; `None` after the report.
    ///
    /// # Errors
    /// [`ExecuteError`] when the jail failed.
    pub async fn next(&mut self) -> Option<Result<Event, ExecuteError>> {
        None
    }
}

/// Runs checked scripts, each in a jail of its own.
#[derive(Clone, Debug)]
pub struct Executor {}

impl Executor {
    /// Starts an execution.
    pub fn start(&self, execution: Execution) -> Running {
        let _ = (&execution.script, &execution.args, &execution.stdin, &execution.limits);
        Running {}
    }

    /// Runs an execution to its end.
    ///
    /// # Errors
    /// [`ExecuteError`] when the jail failed.
    pub async fn execute(&self, execution: Execution) -> Result<Report, ExecuteError> {
        let mut running = self.start(execution);
        while let Some(event) = running.next().await {
            if let Event::Report(report) = event? {
                return Ok(*report);
            }
        }
        Err(ExecuteError::Jail("it ended without a report".into()))
    }

    /// CPython's last word on a script, without running it: `None` when it would run.
    ///
    /// # Errors
    /// [`ExecuteError`] when the jail failed.
    pub async fn compile(&self, script: Script) -> Result<Option<crate::Outcome>, ExecuteError> {
        let _ = (script, Fault::default());
        Ok(None)
    }
}
