//! `serve`: the HTTP server until Ctrl-C or SIGTERM.

use python_executor::server::{self, ServerOptions};
use tokio::signal::unix::{SignalKind, signal};

use super::{Failure, args::ServeArgs, exit, with_executor};

pub(crate) fn serve(args: &ServeArgs) -> Result<u8, Failure> {
    let address = args.listen();
    let listener = std::net::TcpListener::bind(address)
        .map_err(|error| format!("failed to listen on {address}: {error}; choose another with --listen"))?;
    listener.set_nonblocking(true)?;
    with_executor(&args.runtime, async |executor| -> Result<u8, Failure> {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let shutdown = async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            tracing::info!("draining: open requests are answered, new ones are not accepted");
        };
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let url = format!("http://{}", listener.local_addr()?);
        tracing::info!("serving on {url} (Swagger UI: {url}/docs)");
        server::serve(listener, executor, ServerOptions::default(), shutdown).await?;
        Ok(exit::OK)
    })?
}
