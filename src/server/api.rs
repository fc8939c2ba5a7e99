//! The operations: from a request to an execution, from a report to an answer.

use std::{future::Future, sync::Arc};

use poem::{IntoResponse, Response};
use poem_openapi::{
    ApiResponse, OpenApi, Tags,
    payload::Payload as _,
    registry::{MetaResponses, Registry},
};

use super::{
    ServerOptions,
    body::JsonBody,
    encoded::Encoded,
    errors::Refusal,
    request, statuses,
    wire::{
        self, ErrorResponse, ExecuteRequest, ExecuteResponse, HealthResponse, LimitsRequest, RuntimeBody,
    },
};
use crate::{
    ExecuteError, Execution, Executor, Limits, Report, Script,
    check::{self, CheckError},
};

/// What the server asks of an executor: the seam at which its own tests put one that needs no jail.
pub(crate) trait Execute: Send + Sync + 'static {
    /// Runs `execution` to its end. Dropping the future ends it.
    fn execute(&self, execution: Execution) -> impl Future<Output = Result<Report, ExecuteError>> + Send;

    /// The answer for a script that failed the check.
    fn last_word(
        &self,
        script: Script,
        error: CheckError,
    ) -> impl Future<Output = Result<Report, ExecuteError>> + Send;

    /// What scripts run in.
    fn runtime(&self) -> RuntimeBody;
}

impl Execute for Executor {
    fn execute(&self, execution: Execution) -> impl Future<Output = Result<Report, ExecuteError>> + Send {
        Executor::execute(self, execution)
    }

    fn last_word(
        &self,
        script: Script,
        error: CheckError,
    ) -> impl Future<Output = Result<Report, ExecuteError>> + Send {
        Executor::last_word(self, script, error)
    }

    fn runtime(&self) -> RuntimeBody {
        let runtime = Executor::runtime(self);
        let (major, minor, patch) = runtime.python_version();
        RuntimeBody {
            python: format!("{major}.{minor}.{patch}"),
            packages: runtime.packages().iter().cloned().collect(),
        }
    }
}

#[derive(Tags)]
enum Tag {
    /// Run Python.
    Scripts,
    /// Look after the server.
    Server,
}

/// The API of one executor.
pub(crate) struct Api<E> {
    executor: E,
    options: Arc<ServerOptions>,
}

impl<E> Api<E> {
    pub(crate) fn new(executor: E, options: ServerOptions) -> Self {
        Self { executor, options: Arc::new(options) }
    }
}

#[OpenApi]
impl<E: Execute> Api<E> {
    /// Run a script
    ///
    /// Calls the script's top-level `main()` in a jail of its own and answers with the JSON value that it returned, and
    /// with what was written to stdout and stderr. 200 only when `main()` returned a JSON value; 422 when the script is
    /// at fault; other 4xx when the request is; 5xx when the server is. Closing the connection ends the script.
    #[oai(path = "/execute", method = "post", operation_id = "execute", tag = "Tag::Scripts")]
    async fn execute(&self, body: JsonBody) -> poem::Result<ExecuteAnswer> {
        let body = body.read(self.options.max_body_bytes).await?;
        let request = request::parse(&body).map_err(Refusal::BadRequest)?;
        drop(body);
        Ok(self.run(request).await?)
    }

    /// Ask how the server is
    ///
    /// Its version, what scripts run in, and the bounds that requests are held to.
    #[oai(path = "/health", method = "get", operation_id = "health", tag = "Tag::Server")]
    async fn health(&self) -> poem::Result<HealthAnswer> {
        Ok(HealthAnswer(self.options.health(self.executor.runtime())))
    }
}

impl<E: Execute> Api<E> {
    /// Everything here lives in the handler's future: when the client goes away, it is dropped, and
    /// the execution ends.
    async fn run(&self, request: ExecuteRequest) -> Result<ExecuteAnswer, Refusal> {
        let ExecuteRequest { script, args, stdin, limits } = request;
        let limits = self.limits(limits)?;
        let script = Script::with_max_bytes(script, self.options.max_script_bytes)
            .map_err(|error| Refusal::PayloadTooLarge { what: "script", max_bytes: error.max_bytes })?;
        // Parsing a large source takes longer than a task may hold its thread.
        let source = script.clone();
        let checked = tokio::task::spawn_blocking(move || check::check(source))
            .await
            .map_err(|error| Refusal::Internal(format!("the check failed: {error}")))?;
        let report = match checked {
            Ok(checked) => {
                let mut execution = Execution::new(checked).stdin(stdin.unwrap_or_default()).limits(limits);
                if let Some(args) = args {
                    execution =
                        execution.args(&args.0).map_err(|error| Refusal::BadRequest(error.to_string()))?;
                }
                self.executor.execute(execution).await
            }
            Err(error) => self.executor.last_word(script, error).await,
        };
        let report = report.map_err(|error| Refusal::Internal(error.to_string()))?;
        Ok(ExecuteAnswer(wire::answer(report)))
    }

    fn limits(&self, asked: Option<LimitsRequest>) -> Result<Limits, Refusal> {
        let (timeout_ms, memory_mib) =
            asked.map_or((None, None), |asked| (asked.timeout_ms, asked.memory_mib));
        self.options
            .ceiling
            .apply(&self.options.limits, timeout_ms, memory_mib)
            .map_err(|error| Refusal::BadRequest(error.to_string()))
    }
}

/// What a script gave, or why it gave nothing.
pub(crate) struct ExecuteAnswer(Result<ExecuteResponse, Box<ErrorResponse>>);

impl IntoResponse for ExecuteAnswer {
    fn into_response(self) -> Response {
        match self.0 {
            Ok(body) => Encoded(body).into_response(),
            Err(body) => {
                let status = body.error.kind.status();
                let mut response = Encoded(*body).into_response();
                response.set_status(status);
                response
            }
        }
    }
}

impl ApiResponse for ExecuteAnswer {
    fn meta() -> MetaResponses {
        statuses::responses::<Encoded<ExecuteResponse>>("`main()` returned a JSON value.", statuses::EXECUTE)
    }

    fn register(registry: &mut Registry) {
        Encoded::<ExecuteResponse>::register(registry);
        Encoded::<ErrorResponse>::register(registry);
    }
}

/// The server's health.
pub(crate) struct HealthAnswer(HealthResponse);

impl IntoResponse for HealthAnswer {
    fn into_response(self) -> Response {
        Encoded(self.0).into_response()
    }
}

impl ApiResponse for HealthAnswer {
    fn meta() -> MetaResponses {
        statuses::responses::<Encoded<HealthResponse>>("The server runs scripts.", statuses::HEALTH)
    }

    fn register(registry: &mut Registry) {
        Encoded::<HealthResponse>::register(registry);
        Encoded::<ErrorResponse>::register(registry);
    }
}
