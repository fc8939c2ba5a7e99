//! The HTTP server: a thin layer over [`Executor`].
//!
//! ```text
//! connection → listener → envelope (id, one error shape) → api (body → request → check) → Executor → wire
//! ```
//!
//! It needs no set-up of its own and installs no signal handlers: who calls [`serve`] decides when it ends.

mod api;
mod body;
mod connections;
mod docs;
mod document;
mod encoded;
mod envelope;
mod errors;
mod examples;
mod options;
mod request;
mod statuses;
#[cfg(test)]
mod tests;
mod wire;
mod yaml;

use std::{future::Future, io};

use poem::{
    Endpoint, IntoEndpoint as _, Response, Route, endpoint::make_sync, get, http::header, web::Redirect,
};
use poem_openapi::OpenApiService;
use tokio::net::TcpListener;

use self::{
    api::{Api, Execute},
    envelope::{Draining, envelope},
};
use crate::{Executor, Report};

pub use document::{openapi_json, openapi_yaml};
pub use options::ServerOptions;

/// A report as the body that `POST /execute` answers with.
pub fn report_json(report: Report) -> String {
    let body = match wire::answer(report) {
        Ok(body) => serde_json::to_string(&body),
        Err(body) => serde_json::to_string(&body),
    };
    // Strings, numbers and a RawValue that was parsed: none can fail to serialise.
    body.unwrap_or_default()
}

/// The server had to stop.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The listener can't be used.
    #[error("the listener failed: {0}")]
    Listener(#[from] io::Error),
}

/// Serves `executor` on `listener` until `shutdown` completes; then accepts nothing more, lets open requests finish for
/// at most [`ServerOptions::drain_timeout`], and returns. An execution whose client goes away is ended, and so is one
/// that is still running when the time to drain is over.
///
/// Bind to port 0 and ask `listener.local_addr()` for a free port.
///
/// # Errors
/// [`ServeError`] when the listener can't be used.
pub async fn serve(
    listener: TcpListener,
    executor: Executor,
    options: ServerOptions,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    serve_with(listener, executor, options, shutdown).await
}

async fn serve_with(
    listener: TcpListener,
    executor: impl Execute,
    options: ServerOptions,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let draining = Draining::default();
    let drain_timeout = options.drain_timeout;
    let endpoint = endpoint(executor, options, draining.clone());
    let shutdown = async {
        shutdown.await;
        draining.begin();
    };
    connections::serve(listener, endpoint, shutdown, drain_timeout).await?;
    Ok(())
}

/// Everything that is served, by path.
fn endpoint(
    executor: impl Execute,
    options: ServerOptions,
    draining: Draining,
) -> impl Endpoint<Output = Response> + 'static {
    let api = std::sync::Arc::new(
        OpenApiService::new(Api::new(executor, options), "python-executor", env!("CARGO_PKG_VERSION"))
            .into_endpoint(),
    );
    let json = openapi_json();
    let yaml = openapi_yaml();
    let page = docs::page(&json);
    let routes = Route::new()
        .at("/execute", api.clone())
        .at("/health", api)
        .at("/", get(make_sync(|_| Redirect::temporary("/docs"))))
        .at("/docs", get(make_sync(move |_| docs::response(&page))))
        .at("/openapi.json", get(make_sync(move |_| text("application/json", &json))))
        .at("/openapi.yaml", get(make_sync(move |_| text("application/yaml", &yaml))));
    envelope(routes, draining)
}

fn text(content_type: &str, body: &str) -> Response {
    Response::builder().header(header::CONTENT_TYPE, content_type).body(body.to_owned())
}
