//! Connections: accepted, served, and let go.
//!
//! hyper is driven here and not by poem's own server: that one awaits a connection again after it has failed, so that
//! the execution of a client who went away would run to its end; it also has no deadline for a request's head, and
//! spins when `accept` fails.

use std::{convert::Infallible, future::Future, io, net::SocketAddr, sync::Arc, time::Duration};

use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use poem::{
    Endpoint, Request, Response,
    http::uri::Scheme,
    web::{LocalAddr, RemoteAddr},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};

/// How long a client may take to send a request's head, and to stay connected without sending one.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// The most of a connection that is read ahead; it bounds a request's head too.
const READ_BUFFER_BYTES: usize = 64 << 10;

/// How long to wait after a failed accept: out of descriptors is over when a connection closes, not at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves `endpoint` on `listener` until `shutdown` completes. Requests that are open then have `drain_timeout` to
/// finish; what is left is dropped.
///
/// # Errors
/// When the listener's address can't be read.
pub(crate) async fn serve<E>(
    listener: TcpListener,
    endpoint: E,
    shutdown: impl Future<Output = ()>,
    drain_timeout: Duration,
) -> io::Result<()>
where
    E: Endpoint<Output = Response> + 'static,
{
    let address = listener.local_addr()?;
    let endpoint = Arc::new(endpoint);
    let (stop, stopping) = watch::channel(());
    let mut connections = JoinSet::new();
    tokio::pin!(shutdown);
    tracing::info!(%address, "listening");
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    connections.spawn(converse(stream, address, peer, endpoint.clone(), stopping.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection can't be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
    drop(listener);
    // Receivers see the sender go.
    drop(stop);
    tracing::info!(connections = connections.len(), "draining");
    let drained = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(drain_timeout, drained).await.is_err() {
        tracing::warn!(connections = connections.len(), "requests are still open: ending them");
        connections.shutdown().await;
    }
    Ok(())
}

/// Serves one connection. When the client goes away, hyper says so at once and this returns, which drops the request
/// that is being answered and with it the execution.
async fn converse<E>(
    stream: TcpStream,
    local: SocketAddr,
    peer: SocketAddr,
    endpoint: Arc<E>,
    mut stopping: watch::Receiver<()>,
) where
    E: Endpoint<Output = Response> + 'static,
{
    // Answers are written whole: nothing to gather.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let endpoint = endpoint.clone();
        let (local, peer) = (LocalAddr(local.into()), RemoteAddr(peer.into()));
        let request = Request::from((request, local, peer, Scheme::HTTP));
        async move { Ok::<_, Infallible>(hyper::Response::from(endpoint.get_response(request).await)) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(READ_BUFFER_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = &mut connection => ended,
        _ = stopping.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, %error, "a connection broke");
    }
}
