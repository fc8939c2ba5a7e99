//! Examples for the document: requests that work when sent as they are, and answers made of the wire types.

use poem::http::Method;
use poem_openapi::types::Any;
use serde::Serialize;
use serde_json::{Value, json, value::RawValue};

use super::{
    errors::Refusal,
    options::ServerOptions,
    wire::{ErrorKind, ErrorResponse, ExecuteResponse, RuntimeBody, UsageBody},
};
use crate::{Fault, MAX_SCRIPT_BYTES};

/// A named example of a body.
pub(crate) struct Example {
    pub(crate) name: &'static str,
    pub(crate) summary: &'static str,
    pub(crate) value: Value,
}

const HELLO: &str = "def main():\n    return {\"message\": \"Hello\"}\n";

const NUMPY: &str = "\
import numpy as np

def main():
    data = np.array([1, 2, 3, 4, 5])
    return {\"mean\": data.mean(), \"std\": data.std(), \"doubled\": (data * 2).tolist()}
";

const PANDAS: &str = "\
import pandas as pd

def main():
    frame = pd.DataFrame({\"name\": [\"Ada\", \"Grace\"], \"born\": [1815, 1906]})
    print(frame)
    return frame.to_dict(orient=\"records\")
";

const ARGS: &str = "def main(name, times=1):\n    return [f\"Hello {name}\"] * times\n";

const STDIN: &str = "def main():\n    name = input()\n    print(\"read\", name)\n    return name.upper()\n";

const ASYNC: &str =
    "import asyncio\n\nasync def main():\n    await asyncio.sleep(0.1)\n    return \"done\"\n";

const FAILING: &str = "def main():\n    print(\"so far\")\n    return 1 / 0\n";

const SLOW: &str = "import time\n\ndef main():\n    print(\"waiting\", flush=True)\n    time.sleep(10)\n";

/// What `POST /execute` can be sent.
pub(crate) fn requests() -> Vec<Example> {
    let example = |name, summary, value| Example { name, summary, value };
    vec![
        example("hello", "Return a value", json!({ "script": HELLO })),
        example("numpy", "Compute with numpy", json!({ "script": NUMPY })),
        example("pandas", "Print and return a DataFrame", json!({ "script": PANDAS })),
        example(
            "args",
            "Pass arguments to main",
            json!({ "script": ARGS, "args": { "name": "Ada", "times": 2 } }),
        ),
        example("stdin", "Give it something to read", json!({ "script": STDIN, "stdin": "Ada\n" })),
        example("async", "Await in an async main", json!({ "script": ASYNC })),
        example(
            "limits",
            "Run into a limit (422)",
            json!({
                "script": SLOW, "limits": { "timeout_ms": 1000, "memory_mib": 256 }
            }),
        ),
        example("failing", "Raise an exception (422)", json!({ "script": FAILING })),
    ]
}

/// What `POST /execute` answers, by status.
pub(crate) fn answers() -> Vec<(u16, Vec<Example>)> {
    let refused = |name, refusal: Refusal| error(name, refusal.body("8f0c2a7d1e5b9364-17"));
    let bad_request = |name, message: &str| refused(name, Refusal::BadRequest(message.into()));
    let reserved = |name, kind, message| vec![error(name, message_only(kind, message))];
    let unknown_field =
        "unknown field \"scirpt\": did you mean \"script\"? fields are script, args, stdin, limits";
    vec![
        (200, vec![returned()]),
        (
            400,
            vec![
                bad_request("unknown_field", unknown_field),
                bad_request("wrong_type", "script must be a string, got a number"),
                bad_request("above_the_ceiling", "limits.timeout_ms is 600000, allowed are 1 to 60000"),
            ],
        ),
        (401, reserved("unauthorized", ErrorKind::Unauthorized, "credentials are missing")),
        (404, vec![refused("not_found", Refusal::NotFound("/run".into()))]),
        (
            405,
            vec![refused(
                "method_not_allowed",
                Refusal::MethodNotAllowed { method: Method::GET, path: "/execute".into(), allow: "POST" },
            )],
        ),
        (
            413,
            vec![refused(
                "payload_too_large",
                Refusal::PayloadTooLarge { what: "script", max_bytes: MAX_SCRIPT_BYTES },
            )],
        ),
        (
            415,
            vec![refused(
                "unsupported_media_type",
                Refusal::UnsupportedMediaType("Content-Type is \"text/plain\": send application/json".into()),
            )],
        ),
        (422, failures()),
        (429, reserved("rate_limited", ErrorKind::RateLimited, "too many requests")),
        (500, vec![refused("internal", Refusal::Internal(String::new()))]),
        (503, vec![refused("shutting_down", Refusal::ShuttingDown)]),
    ]
}

/// What `GET /health` answers.
pub(crate) fn health() -> Example {
    let packages = [("numpy", "2.4.0"), ("pandas", "3.0.0")];
    let runtime = RuntimeBody {
        python: "3.13.1".into(),
        packages: packages.map(|(name, version)| (name.into(), version.into())).into(),
    };
    let health = ServerOptions::default().health(runtime);
    Example { name: "ok", summary: "The server runs scripts", value: to_value(&health) }
}

fn returned() -> Example {
    let result: Box<RawValue> = serde_json::from_str(r#"{"message": "Hello"}"#).unwrap_or_default();
    let body = ExecuteResponse {
        result: Any(result),
        stdout: String::new(),
        stderr: String::new(),
        stdout_truncated: false,
        stderr_truncated: false,
        usage: UsageBody { wall_ms: 42, cpu_ms: 38, memory_bytes: 10_485_760 },
    };
    Example { name: "returned", summary: "main() returned a value", value: to_value(&body) }
}

fn failures() -> Vec<Example> {
    let mut raised = ErrorResponse::before_running(
        ErrorKind::Exception,
        Fault {
            message: "ZeroDivisionError: division by zero".into(),
            line: Some(3),
            column: Some(12),
            traceback: Some(
                "Traceback (most recent call last):\n  File \"script.py\", line 3, in main\n    return 1 / 0\n           \
                 ~~^~~\nZeroDivisionError: division by zero\n"
                    .into(),
            ),
        },
    );
    raised.stdout = "so far\n".into();
    raised.usage = Some(UsageBody { wall_ms: 40, cpu_ms: 37, memory_bytes: 10_485_760 });
    let mut stopped = message_only(
        ErrorKind::Timeout,
        "the script was still running after 1000 ms and was stopped: make it do less, or raise limits.timeout_ms",
    );
    stopped.stdout = "waiting\n".into();
    stopped.usage = Some(UsageBody { wall_ms: 1003, cpu_ms: 31, memory_bytes: 10_485_760 });
    vec![error("exception", raised), error("timeout", stopped)]
}

fn message_only(kind: ErrorKind, message: &str) -> ErrorResponse {
    ErrorResponse::before_running(kind, Fault { message: message.into(), ..Fault::default() })
}

fn error(name: &'static str, body: ErrorResponse) -> Example {
    Example { name, summary: name, value: to_value(&body) }
}

fn to_value(body: &impl Serialize) -> Value {
    serde_json::to_value(body).unwrap_or_default()
}
