//! What surrounds every request, whatever its path: an id, the one error shape, and no panic that escapes.

use std::{
    any::Any,
    collections::hash_map::RandomState,
    hash::{BuildHasher as _, Hasher as _},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use poem::{
    Endpoint, EndpointExt as _, Request, Response,
    http::{HeaderName, HeaderValue, Method, header},
    middleware::CatchPanic,
};

use super::{encoded::Broken, errors::Refusal};

/// The header that carries a request's id.
pub(crate) const REQUEST_ID: &str = "X-Request-Id";

/// Set once the server is told to stop.
#[derive(Clone, Debug, Default)]
pub(crate) struct Draining(Arc<AtomicBool>);

impl Draining {
    pub(crate) fn begin(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn has_begun(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Puts `inner` into its envelope.
pub(crate) fn envelope(
    inner: impl Endpoint<Output = Response> + 'static,
    draining: Draining,
) -> impl Endpoint<Output = Response> {
    let inner = inner.with(CatchPanic::new().with_handler(panicked)).map_to_response();
    // Ids need to be unlike those of other servers and runs, not secret.
    let server = RandomState::new().build_hasher().finish();
    Envelope { inner, draining, server, requests: AtomicU64::new(0) }
}

struct Envelope<E> {
    inner: E,
    draining: Draining,
    server: u64,
    requests: AtomicU64,
}

impl<E: Endpoint<Output = Response>> Endpoint for Envelope<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let id = format!("{:016x}-{}", self.server, self.requests.fetch_add(1, Ordering::Relaxed) + 1);
        let method = request.method().clone();
        let path = request.uri().path().to_owned();
        let result = if method == Method::POST && self.draining.has_begun() {
            Err(Refusal::ShuttingDown)
        } else {
            match self.inner.call(request).await {
                Ok(response) => match response.data::<Broken>() {
                    Some(Broken(detail)) => Err(Refusal::Internal(detail.clone())),
                    None => Ok(response),
                },
                Err(error) => Err(Refusal::from_error(&error, &method, &path)),
            }
        };
        let mut response = result.unwrap_or_else(|refusal| {
            if let Refusal::Internal(detail) = &refusal {
                tracing::error!(request_id = id, %method, ?path, detail, "internal error");
            }
            refusal.into_response(&id)
        });
        tracing::debug!(request_id = id, %method, ?path, status = response.status().as_u16(), "answered");
        let headers = response.headers_mut();
        if let Ok(id) = HeaderValue::from_str(&id) {
            headers.insert(HeaderName::from_static("x-request-id"), id);
        }
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        Ok(response)
    }
}

/// A panic is ours; its text goes to the log.
fn panicked(payload: Box<dyn Any + Send>) -> Response {
    let text = payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_default();
    let mut response = Response::default();
    response.set_data(Broken(format!("a handler panicked: {text}")));
    response
}
