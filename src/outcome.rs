//! How an execution ended, and what is told of it.

use std::time::Duration;

use serde_json::value::RawValue;

/// How an execution ended. A script's failure is an outcome, never an `Err`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Outcome {
    /// `main()` returned this JSON text.
    Returned(Box<RawValue>),
    /// CPython refuses the source.
    SyntaxError(Fault),
    /// The source has no top-level `def main` or `async def main`.
    MissingMain(Fault),
    /// The arguments don't fit `main`'s parameters.
    BadArguments(Fault),
    /// An exception left the script.
    Raised(Fault),
    /// `main()` returned something that JSON can't hold.
    NotJson(Fault),
    /// `main()` returned more JSON than [`Limits::result_bytes`](crate::Limits::result_bytes).
    ResultTooLarge(Fault),
    /// It was stopped at its deadline, [`Limits::timeout`](crate::Limits::timeout).
    TimedOut {
        /// The time it had.
        limit: Duration,
    },
    /// It needed more than [`Limits::memory_bytes`](crate::Limits::memory_bytes).
    OutOfMemory {
        /// The memory it had, in bytes.
        limit: u64,
    },
    /// It ended its own process before `main()` returned.
    Exited {
        /// The exit status, 0 to 255.
        code: i32,
    },
    /// A signal ended its process.
    Killed {
        /// The signal's number.
        signal: i32,
    },
}

/// What is wrong with a script, and where.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Fault {
    /// What happened, for a person: `ZeroDivisionError: division by zero`.
    pub message: String,
    /// The line of the script, from 1.
    pub line: Option<u32>,
    /// The column in that line, in characters from 1.
    pub column: Option<u32>,
    /// Python's traceback with the script's own frames only; for a syntax error the offending line and a caret.
    pub traceback: Option<String>,
}

/// The kind of a failure, as it is spelled in every interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FailureKind {
    /// See [`Outcome::SyntaxError`].
    SyntaxError,
    /// See [`Outcome::MissingMain`].
    MissingMain,
    /// See [`Outcome::BadArguments`].
    BadArguments,
    /// See [`Outcome::Raised`].
    Exception,
    /// See [`Outcome::NotJson`].
    NotJson,
    /// See [`Outcome::ResultTooLarge`].
    ResultTooLarge,
    /// See [`Outcome::TimedOut`].
    Timeout,
    /// See [`Outcome::OutOfMemory`].
    MemoryLimit,
    /// See [`Outcome::Exited`].
    Exited,
    /// See [`Outcome::Killed`].
    Killed,
}

impl FailureKind {
    /// The name used in answers, logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SyntaxError => "syntax_error",
            Self::MissingMain => "missing_main",
            Self::BadArguments => "bad_arguments",
            Self::Exception => "exception",
            Self::NotJson => "not_json",
            Self::ResultTooLarge => "result_too_large",
            Self::Timeout => "timeout",
            Self::MemoryLimit => "memory_limit",
            Self::Exited => "exited",
            Self::Killed => "killed",
        }
    }
}

impl Outcome {
    /// The JSON that `main()` returned, if it did.
    pub fn result(&self) -> Option<&RawValue> {
        match self {
            Self::Returned(json) => Some(json),
            _ => None,
        }
    }

    /// The failure's kind and what to tell of it; `None` when `main()` returned.
    pub fn failure(&self) -> Option<(FailureKind, Fault)> {
        let plain = |kind, message| Some((kind, Fault { message, ..Fault::default() }));
        match self {
            Self::Returned(_) => None,
            Self::SyntaxError(fault) => Some((FailureKind::SyntaxError, fault.clone())),
            Self::MissingMain(fault) => Some((FailureKind::MissingMain, fault.clone())),
            Self::BadArguments(fault) => Some((FailureKind::BadArguments, fault.clone())),
            Self::Raised(fault) => Some((FailureKind::Exception, fault.clone())),
            Self::NotJson(fault) => Some((FailureKind::NotJson, fault.clone())),
            Self::ResultTooLarge(fault) => Some((FailureKind::ResultTooLarge, fault.clone())),
            Self::TimedOut { limit } => plain(
                FailureKind::Timeout,
                format!(
                    "the script was still running after {} ms and was stopped: make it do less, or raise limits.timeout_ms",
                    limit.as_millis()
                ),
            ),
            Self::OutOfMemory { limit } => plain(
                FailureKind::MemoryLimit,
                format!(
                    "the script needed more than {} MiB of memory: make it hold less at once, or raise limits.memory_mib",
                    limit >> 20
                ),
            ),
            Self::Exited { code } => plain(
                FailureKind::Exited,
                format!(
                    "the script ended its process with exit status {code} before main() returned: let main() return instead"
                ),
            ),
            Self::Killed { signal } => plain(
                FailureKind::Killed,
                format!("the script's process was ended by signal {signal}{}", signal_hint(*signal)),
            ),
        }
    }
}

/// The signal's usual name and meaning here, for the most common ones (signal(7)).
fn signal_hint(signal: i32) -> &'static str {
    match signal {
        4 => " (SIGILL: an illegal instruction)",
        6 => " (SIGABRT: native code gave up)",
        7 => " (SIGBUS: a bad memory access)",
        8 => " (SIGFPE: an arithmetic fault in native code)",
        9 => " (SIGKILL)",
        11 => " (SIGSEGV: a bad memory access in native code, or recursion without end)",
        15 => " (SIGTERM)",
        31 => " (SIGSYS: a system call that the jail refuses)",
        _ => "",
    }
}

/// Output kept of one stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Captured {
    /// What was written, decoded as UTF-8 with U+FFFD for what isn't.
    pub text: String,
    /// Whether more was written than is kept.
    pub truncated: bool,
}

/// What an execution used, measured from outside it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// From handing the script over to its end.
    pub wall: Duration,
    /// Processor time of all its processes; cold, this includes the interpreter's start.
    pub cpu: Duration,
    /// The most memory held at one time, in bytes: of all processes and scratch where a cgroup counts it,
    /// else of its largest process.
    pub memory_bytes: u64,
}

/// What an execution gives: how it ended, what it wrote, what it used.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Report {
    /// How it ended.
    pub outcome: Outcome,
    /// What its processes wrote to descriptor 1.
    pub stdout: Captured,
    /// What its processes wrote to descriptor 2.
    pub stderr: Captured,
    /// What it used.
    pub usage: Usage,
}
