//! Why a request got no answer from a script, and the status that says whose fault it was.

use poem::{
    IntoResponse as _, Response,
    error::{MethodNotAllowedError, NotFoundError, ResponseError},
    http::{HeaderValue, Method, StatusCode, header},
};

use super::{
    encoded::Encoded,
    wire::{ErrorKind, ErrorResponse},
};
use crate::{Fault, args::cut};

/// Where requests may go, told to those who went elsewhere.
const PATHS: &str = "POST /execute, GET /health, GET /docs, GET /openapi.json, GET /openapi.yaml";

/// Seconds after which to ask again, once this server is gone and another has taken its place.
const RETRY_AFTER_SECONDS: &str = "5";

/// A request that the server refuses, or that failed through no fault of the script.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// The text says what is wrong and how to repair it.
    #[error("{0}")]
    BadRequest(String),
    #[error("no such path: {0}; there are {PATHS}")]
    NotFound(String),
    #[error("{method} is not allowed on {path}: use {allow}")]
    MethodNotAllowed { method: Method, path: String, allow: &'static str },
    #[error("{what} may be at most {max_bytes} bytes long")]
    PayloadTooLarge { what: &'static str, max_bytes: usize },
    #[error("{0}")]
    UnsupportedMediaType(String),
    #[error("the server is shutting down: send the request again")]
    ShuttingDown,
    /// Our failure. The text is for the log, never for the caller.
    #[error("{0}")]
    Internal(String),
}

impl ResponseError for Refusal {
    fn status(&self) -> StatusCode {
        self.kind().status()
    }
}

impl Refusal {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::BadRequest(_) => ErrorKind::BadRequest,
            Self::NotFound(_) => ErrorKind::NotFound,
            Self::MethodNotAllowed { .. } => ErrorKind::MethodNotAllowed,
            Self::PayloadTooLarge { .. } => ErrorKind::PayloadTooLarge,
            Self::UnsupportedMediaType(_) => ErrorKind::UnsupportedMediaType,
            Self::ShuttingDown => ErrorKind::ShuttingDown,
            Self::Internal(_) => ErrorKind::Internal,
        }
    }

    /// What `error`, ours or poem's own, means for a request of `method` to `path`.
    pub(crate) fn from_error(error: &poem::Error, method: &Method, path: &str) -> Self {
        if let Some(refusal) = error.downcast_ref::<Self>() {
            return refusal.clone();
        }
        if error.is::<NotFoundError>() {
            return Self::NotFound(cut(path));
        }
        if error.is::<MethodNotAllowedError>() {
            return Self::MethodNotAllowed { method: method.clone(), path: cut(path), allow: allowed(path) };
        }
        match error.status() {
            status if status.is_client_error() => Self::BadRequest(error.to_string()),
            status => Self::Internal(format!("{status}: {error}")),
        }
    }

    /// The body, in the one error shape. An internal error gets `request_id` and nothing else.
    pub(crate) fn body(&self, request_id: &str) -> ErrorResponse {
        let kind = self.kind();
        let internal = kind == ErrorKind::Internal;
        let message = if internal {
            format!("internal error: look up request {request_id} in the server's log")
        } else {
            self.to_string()
        };
        let mut body = ErrorResponse::before_running(kind, Fault { message, ..Fault::default() });
        body.error.request_id = internal.then(|| request_id.to_owned());
        body
    }

    /// The answer: body, status, and the headers that go with it.
    pub(crate) fn into_response(self, request_id: &str) -> Response {
        let mut response = Encoded(self.body(request_id)).into_response();
        response.set_status(self.status());
        match self {
            Self::MethodNotAllowed { allow, .. } => {
                response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allow));
            }
            Self::ShuttingDown => {
                response
                    .headers_mut()
                    .insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_SECONDS));
            }
            _ => {}
        }
        response
    }
}

/// The methods of a path that exists.
fn allowed(path: &str) -> &'static str {
    if path == "/execute" { "POST" } else { "GET, HEAD" }
}

impl ErrorKind {
    /// The status that goes with this kind.
    pub(crate) fn status(self) -> StatusCode {
        match self {
            Self::BadRequest => StatusCode::BAD_REQUEST,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::PayloadTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::SyntaxError
            | Self::MissingMain
            | Self::BadArguments
            | Self::Exception
            | Self::NotJson
            | Self::ResultTooLarge
            | Self::Timeout
            | Self::MemoryLimit
            | Self::Exited
            | Self::Killed => StatusCode::UNPROCESSABLE_ENTITY,
            Self::RateLimited => StatusCode::TOO_MANY_REQUESTS,
            Self::Overloaded | Self::ShuttingDown => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}
