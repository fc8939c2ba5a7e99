//! The wire types, and the pure step from a report to them. Fields that are absent are left out, never null.

use std::{borrow::Cow, collections::BTreeMap, time::Duration};

use poem_openapi::{
    Enum, Object,
    registry::{MetaSchema, MetaSchemaRef},
    types::{Any, ParseError, ParseFromJSON, ParseResult, ToJSON, Type},
};
use serde::Serialize;
use serde_json::{Value, value::RawValue};

use crate::{Captured, FailureKind, Fault, Outcome, Report, Usage};

/// A script to run.
#[derive(Debug, Object)]
pub(crate) struct ExecuteRequest {
    /// Python source with a top-level `def main` or `async def main`. At most 1 MiB of UTF-8 by default.
    pub(crate) script: String,
    /// Keyword arguments for `main`. At most 128 levels deep, no key twice; integers keep every digit.
    pub(crate) args: Option<JsonObject>,
    /// What `input()` and `sys.stdin` read. Empty by default.
    pub(crate) stdin: Option<String>,
    /// What the script may use, in place of the server's defaults.
    pub(crate) limits: Option<LimitsRequest>,
}

/// What a script may use; each at most the server's ceiling, which `GET /health` tells.
#[derive(Debug, Object)]
pub(crate) struct LimitsRequest {
    /// Wall time in milliseconds. Default 30,000; ceiling 60,000, unless the server is set up otherwise.
    #[oai(validator(minimum(value = "1")))]
    pub(crate) timeout_ms: Option<u64>,
    /// Memory in MiB, of all processes and files that the script makes, together. Default 512; ceiling 1,024, unless
    /// the server is set up otherwise.
    #[oai(validator(minimum(value = "64")))]
    pub(crate) memory_mib: Option<u64>,
}

/// What a script gave.
#[derive(Debug, Serialize, Object)]
pub(crate) struct ExecuteResponse {
    /// The JSON value that `main()` returned: any type, null included; integers keep every digit.
    pub(crate) result: Any<Box<RawValue>>,
    /// What was written to descriptor 1, as UTF-8 with U+FFFD for what isn't. At most 1 MiB by default.
    pub(crate) stdout: String,
    /// What was written to descriptor 2, as UTF-8 with U+FFFD for what isn't. At most 1 MiB by default.
    pub(crate) stderr: String,
    /// Whether more was written to stdout than is kept.
    pub(crate) stdout_truncated: bool,
    /// Whether more was written to stderr than is kept.
    pub(crate) stderr_truncated: bool,
    /// What the execution used.
    pub(crate) usage: UsageBody,
}

/// What an execution used, measured from outside it.
#[derive(Debug, Serialize, Object)]
#[oai(rename = "Usage")]
pub(crate) struct UsageBody {
    /// Wall time in milliseconds, rounded half up.
    pub(crate) wall_ms: u64,
    /// Processor time of all its processes, in milliseconds, rounded half up.
    pub(crate) cpu_ms: u64,
    /// The most memory held at one time, in bytes.
    pub(crate) memory_bytes: u64,
}

/// Why there is no result. Every answer but 200 has this shape.
#[derive(Debug, Serialize, Object)]
pub(crate) struct ErrorResponse {
    /// What went wrong.
    pub(crate) error: ErrorDetail,
    /// What was written to descriptor 1 until then; empty when the script didn't run.
    pub(crate) stdout: String,
    /// What was written to descriptor 2 until then; empty when the script didn't run.
    pub(crate) stderr: String,
    /// Whether more was written to stdout than is kept.
    pub(crate) stdout_truncated: bool,
    /// Whether more was written to stderr than is kept.
    pub(crate) stderr_truncated: bool,
    /// What the execution used; absent when the script didn't run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) usage: Option<UsageBody>,
}

/// What went wrong.
#[derive(Debug, Serialize, Object)]
pub(crate) struct ErrorDetail {
    /// The kind, for programs.
    pub(crate) kind: ErrorKind,
    /// What happened and what to do about it, for people.
    pub(crate) message: String,
    /// The script's line, from 1, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) line: Option<u32>,
    /// The column in that line, in characters from 1, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) column: Option<u32>,
    /// Python's traceback with the script's own frames; for a syntax error the offending line and a caret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) traceback: Option<String>,
    /// For `internal`: what to look up in the server's log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) request_id: Option<String>,
}

/// The kind of an error. The status groups them: 4xx is the caller's, 422 the script's, 5xx the server's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Enum)]
#[serde(rename_all = "snake_case")]
#[oai(rename_all = "snake_case")]
pub(crate) enum ErrorKind {
    BadRequest,
    Unauthorized,
    NotFound,
    MethodNotAllowed,
    PayloadTooLarge,
    UnsupportedMediaType,
    SyntaxError,
    MissingMain,
    BadArguments,
    Exception,
    NotJson,
    ResultTooLarge,
    Timeout,
    MemoryLimit,
    Exited,
    Killed,
    RateLimited,
    Overloaded,
    ShuttingDown,
    Internal,
}

/// Whether the server can run scripts, and how.
#[derive(Clone, Debug, Serialize, Object)]
pub(crate) struct HealthResponse {
    /// `ok`.
    pub(crate) status: HealthStatus,
    /// The server's version.
    pub(crate) version: String,
    /// What scripts run in.
    pub(crate) runtime: RuntimeBody,
    /// The bounds that requests are held to.
    pub(crate) limits: Bounds,
}

/// The server's state.
#[derive(Clone, Copy, Debug, Serialize, Enum)]
#[serde(rename_all = "snake_case")]
#[oai(rename_all = "snake_case")]
pub(crate) enum HealthStatus {
    Ok,
}

/// What scripts run in.
#[derive(Clone, Debug, Serialize, Object)]
#[oai(rename = "Runtime")]
pub(crate) struct RuntimeBody {
    /// Python's version.
    pub(crate) python: String,
    /// The packages that scripts can import, and their versions.
    pub(crate) packages: BTreeMap<String, String>,
}

/// The bounds that requests are held to.
#[derive(Clone, Debug, Serialize, Object)]
pub(crate) struct Bounds {
    /// Wall time in milliseconds.
    pub(crate) timeout_ms: Bound,
    /// Memory in MiB.
    pub(crate) memory_mib: Bound,
    /// The longest script, in bytes of UTF-8.
    pub(crate) script_bytes: u64,
    /// The largest request body, in bytes.
    pub(crate) body_bytes: u64,
}

/// A limit that a request may set.
#[derive(Clone, Copy, Debug, Serialize, Object)]
pub(crate) struct Bound {
    /// What a request gets that asks for nothing.
    pub(crate) default: u64,
    /// The most that a request may ask for.
    pub(crate) ceiling: u64,
}

/// The text of a JSON object, kept as it was sent.
#[derive(Debug)]
pub(crate) struct JsonObject(pub(crate) Box<RawValue>);

impl Type for JsonObject {
    const IS_REQUIRED: bool = true;
    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        "object".into()
    }

    fn schema_ref() -> MetaSchemaRef {
        let any = MetaSchemaRef::Inline(Box::new(MetaSchema::ANY));
        let schema = MetaSchema { additional_properties: Some(Box::new(any)), ..MetaSchema::new("object") };
        MetaSchemaRef::Inline(Box::new(schema))
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(std::iter::once(self))
    }
}

// `Object` asks for these two; requests are read by `request` and answers written by serde, which keep every digit.
impl ParseFromJSON for JsonObject {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        serde_json::value::to_raw_value(&value).map(Self).map_err(ParseError::custom)
    }
}

impl ToJSON for JsonObject {
    fn to_json(&self) -> Option<Value> {
        serde_json::from_str(self.0.get()).ok()
    }
}

/// A report as its answer: a result, or why there is none.
pub(crate) fn answer(report: Report) -> Result<ExecuteResponse, Box<ErrorResponse>> {
    let failure = report.outcome.failure();
    let Report { outcome, stdout, stderr, usage, .. } = report;
    // What wasn't started has used nothing, which isn't the same as next to nothing.
    let started = usage != Usage::default();
    let usage = UsageBody::from(usage);
    match (outcome, failure) {
        (Outcome::Returned(json), _) => Ok(ExecuteResponse {
            result: Any(json),
            stdout: stdout.text,
            stderr: stderr.text,
            stdout_truncated: stdout.truncated,
            stderr_truncated: stderr.truncated,
            usage,
        }),
        (_, failure) => {
            let (kind, fault) = failure.map_or_else(
                || (ErrorKind::Internal, Fault::default()),
                |(kind, fault)| (kind.into(), fault),
            );
            Err(Box::new(ErrorResponse::new(kind, fault, stdout, stderr, started.then_some(usage))))
        }
    }
}

impl ErrorResponse {
    fn new(
        kind: ErrorKind,
        fault: Fault,
        stdout: Captured,
        stderr: Captured,
        usage: Option<UsageBody>,
    ) -> Self {
        let Fault { message, line, column, traceback } = fault;
        Self {
            error: ErrorDetail { kind, message, line, column, traceback, request_id: None },
            stdout: stdout.text,
            stderr: stderr.text,
            stdout_truncated: stdout.truncated,
            stderr_truncated: stderr.truncated,
            usage,
        }
    }

    /// For a request that ran nothing.
    pub(crate) fn before_running(kind: ErrorKind, fault: Fault) -> Self {
        Self::new(kind, fault, Captured::default(), Captured::default(), None)
    }
}

impl From<Usage> for UsageBody {
    fn from(usage: Usage) -> Self {
        Self {
            wall_ms: milliseconds(usage.wall),
            cpu_ms: milliseconds(usage.cpu),
            memory_bytes: usage.memory_bytes,
        }
    }
}

/// Whole milliseconds, rounded half up.
fn milliseconds(time: Duration) -> u64 {
    u64::try_from((time.as_micros() + 500) / 1000).unwrap_or(u64::MAX)
}

impl From<FailureKind> for ErrorKind {
    fn from(kind: FailureKind) -> Self {
        match kind {
            FailureKind::SyntaxError => Self::SyntaxError,
            FailureKind::MissingMain => Self::MissingMain,
            FailureKind::BadArguments => Self::BadArguments,
            FailureKind::Exception => Self::Exception,
            FailureKind::NotJson => Self::NotJson,
            FailureKind::ResultTooLarge => Self::ResultTooLarge,
            FailureKind::Timeout => Self::Timeout,
            FailureKind::MemoryLimit => Self::MemoryLimit,
            FailureKind::Exited => Self::Exited,
            FailureKind::Killed => Self::Killed,
        }
    }
}
