//! Runs checked scripts, each in a jail of its own.

use std::sync::Arc;

use serde_json::value::RawValue;
use tokio::sync::mpsc;

use crate::{
    Limits, Outcome, Report, Script, Usage,
    admission::Admission,
    args::{self, InvalidArgs},
    check::{CheckError, CheckedScript, Verdict},
    jail::{self, Environment, JailError, Job, Op},
    outcome::Captured,
    runtime::Runtime,
};

/// Output that waits for its reader, in chunks of at most 64 KiB: a slow reader holds back its own script.
const EVENTS_WAITING: usize = 4;

/// One request to run a checked script.
#[derive(Clone, Debug)]
pub struct Execution {
    script: CheckedScript,
    args: Option<Args>,
    stdin: String,
    limits: Limits,
}

#[derive(Clone, Debug)]
struct Args {
    names: Vec<String>,
    json: Box<RawValue>,
}

impl Execution {
    /// Runs `script` without arguments, with empty stdin, under the default limits.
    pub fn new(script: CheckedScript) -> Self {
        Self { script, args: None, stdin: String::new(), limits: Limits::default() }
    }

    /// Keyword arguments for `main`: anything that serialises to a JSON object. A [`RawValue`] is handed over digit
    /// for digit.
    ///
    /// # Errors
    /// [`InvalidArgs`] if it isn't an object, is nested deeper than 128 levels, holds a key twice, half a surrogate pair
    /// or a number beyond the range of a float, or doesn't serialise at all.
    pub fn args(mut self, args: &(impl serde::Serialize + ?Sized)) -> Result<Self, InvalidArgs> {
        let json = serde_json::value::to_raw_value(args).map_err(InvalidArgs::unserialisable)?;
        self.args = Some(Args { names: args::keyword_names(&json)?, json });
        Ok(self)
    }

    /// What `input()` reads.
    #[must_use]
    pub fn stdin(mut self, text: impl Into<String>) -> Self {
        self.stdin = text.into();
        self
    }

    /// What it may use.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }
}

/// Our failure, never the script's.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExecuteError {
    /// The jail didn't start, or broke. The text is for the log, not for the caller.
    #[error("failed to run the jail: {0}")]
    Jail(#[from] JailError),
    /// The task that ran the execution is gone: its async runtime was shut down.
    #[error("the execution was given up because its async runtime ended")]
    Abandoned,
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
pub struct Running {
    events: mpsc::Receiver<Event>,
    report: Option<tokio::task::JoinHandle<Result<Report, JailError>>>,
}

impl Running {
    /// The next event; `None` after the report.
    ///
    /// # Errors
    /// [`ExecuteError`] when the jail failed; nothing follows it.
    pub async fn next(&mut self) -> Option<Result<Event, ExecuteError>> {
        if let Some(event) = self.events.recv().await {
            return Some(Ok(event));
        }
        let report = self.report.as_mut()?.await;
        self.report = None;
        Some(match report {
            Ok(Ok(report)) => Ok(Event::Report(Box::new(report))),
            Ok(Err(error)) => Err(error.into()),
            Err(_) => Err(ExecuteError::Abandoned),
        })
    }
}

/// Runs checked scripts, each in a jail of its own. Cheap to clone; clones share their bound on running executions.
#[derive(Clone, Debug)]
pub struct Executor {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    runtime: Runtime,
    environment: Environment,
    admission: Admission,
}

impl Executor {
    /// An executor that runs as many executions at once as twice the processors of this machine; more wait their
    /// turn.
    pub fn new(runtime: Runtime) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self::with_concurrency(runtime, processors * 2)
    }

    /// An executor that runs `at_once` executions at one time; more wait their turn.
    pub fn with_concurrency(runtime: Runtime, at_once: usize) -> Self {
        let environment = Environment::probe();
        Self { shared: Arc::new(Shared { runtime, environment, admission: Admission::new(at_once) }) }
    }

    /// The interpreter, packages and nsjail in use.
    pub fn runtime(&self) -> &Runtime {
        &self.shared.runtime
    }

    /// Starts an execution. Must be called within a tokio runtime with its I/O and time drivers enabled.
    pub fn start(&self, execution: Execution) -> Running {
        let Execution { script, args, stdin, limits } = execution;
        let names = args.iter().flat_map(|args| &args.names).map(String::as_str);
        let early = script.bind(names).err().map(Outcome::BadArguments);
        let op = match script.verdict() {
            Verdict::Accepted(_) => Op::Run,
            Verdict::Undecided(_) => Op::RunUndecided,
        };
        let args = args.map_or_else(String::new, |args| args.json.get().to_owned());
        self.spawn(Job { op, script: script.script().clone(), args, stdin, limits }, early)
    }

    /// Runs an execution to its end.
    ///
    /// # Errors
    /// [`ExecuteError`] when the jail failed. A script's failure is an [`Outcome`].
    pub async fn execute(&self, execution: Execution) -> Result<Report, ExecuteError> {
        fold(self.start(execution)).await
    }

    /// Asks the CPython in the jail about a script, without running it: the failure it would start with, if any.
    ///
    /// # Errors
    /// [`ExecuteError`] when the jail failed.
    pub async fn compile(&self, script: Script) -> Result<Option<Outcome>, ExecuteError> {
        let job = Job {
            op: Op::Compile,
            script,
            args: String::new(),
            stdin: String::new(),
            limits: Limits::default(),
        };
        let report = fold(self.spawn(job, None)).await?;
        Ok(Some(report.outcome).filter(|outcome| outcome.result().is_none()))
    }

    /// How a script that failed the check is answered: with CPython's syntax error if it has one, since syntax comes
    /// before what the check looks for, else with what the check found.
    ///
    /// # Errors
    /// [`ExecuteError`] when the jail failed.
    pub async fn last_word(&self, script: Script, error: CheckError) -> Result<Report, ExecuteError> {
        let compiled = self.compile(script).await?;
        let CheckError::MissingMain(fault) = error;
        let syntax = compiled.filter(|outcome| matches!(outcome, Outcome::SyntaxError(_)));
        Ok(Report::not_started(syntax.unwrap_or(Outcome::MissingMain(fault))))
    }

    fn spawn(&self, job: Job, early: Option<Outcome>) -> Running {
        let (events, receiver) = mpsc::channel(EVENTS_WAITING);
        let shared = Arc::clone(&self.shared);
        let report = tokio::spawn(async move {
            if let Some(outcome) = early {
                return Ok(Report::not_started(outcome));
            }
            let permit = tokio::select! {
                permit = shared.admission.admit() => permit,
                () = events.closed() => None,
            };
            // The permit is held to the end: until nothing of the jail is left.
            let Some(_permit) = permit else {
                return Err(JailError::Cancelled);
            };
            jail::run(&shared.environment, &shared.runtime, &job, &events).await
        });
        Running { events: receiver, report: Some(report) }
    }
}

async fn fold(mut running: Running) -> Result<Report, ExecuteError> {
    while let Some(event) = running.next().await {
        if let Event::Report(report) = event? {
            return Ok(*report);
        }
    }
    Err(ExecuteError::Abandoned)
}

impl Report {
    /// The report on a script that wasn't started, because it was clear how it would end: nothing was written or used.
    pub fn not_started(outcome: Outcome) -> Self {
        Self { outcome, stdout: Captured::default(), stderr: Captured::default(), usage: Usage::default() }
    }
}
