//! Connections come in here.

use std::{io, time::Duration};

use poem::{
    http::uri::Scheme,
    listener::{Acceptor, TcpAcceptor},
    web::{LocalAddr, RemoteAddr},
};
use tokio::net::{TcpListener, TcpStream};

/// How long to wait after a failed accept: out of descriptors is over when a connection closes, not at once.
const PAUSE: Duration = Duration::from_millis(50);

/// Accepts connections; poem's own loop would spin for as long as `accept` fails.
pub(crate) struct PatientAcceptor(TcpAcceptor);

impl PatientAcceptor {
    /// # Errors
    /// When the listener's address can't be read.
    pub(crate) fn new(listener: TcpListener) -> io::Result<Self> {
        TcpAcceptor::from_tokio(listener).map(Self)
    }
}

impl Acceptor for PatientAcceptor {
    type Io = TcpStream;

    fn local_addr(&self) -> Vec<LocalAddr> {
        self.0.local_addr()
    }

    async fn accept(&mut self) -> io::Result<(TcpStream, LocalAddr, RemoteAddr, Scheme)> {
        loop {
            match self.0.accept().await {
                Ok(connection) => {
                    // Answers are small and written at once: nothing to gather.
                    let _ = connection.0.set_nodelay(true);
                    return Ok(connection);
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection can't be accepted");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }
}
