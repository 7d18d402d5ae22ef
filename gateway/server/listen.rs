//! Where connections come in: the gateway's own accept loop around pingora's proxy.
//!
//! Bound before anything else starts, so that a taken port is one clear error; counted, so that the bound on open
//! connections holds; stopped first when the gateway stops.

use std::{io, net::SocketAddr, os::fd::AsRawFd, sync::Arc, time::Duration};

use pingora::{
    apps::ServerApp,
    protocols::{GetSocketDigest, IO, SocketDigest, l4::stream::Stream},
    proxy::HttpProxy,
};
use prometheus_client::metrics::counter::Counter;
use rustls::ServerConfig;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    task::JoinSet,
    time::timeout,
};
use tokio_rustls::TlsAcceptor;
use tracing::{debug, info, warn};

use crate::{
    connection::{self, Connection, Installed, Switches},
    metrics::Metrics,
    proxy::Proxy,
};

/// How long the loop waits after an error that a moment may cure, such as too many open files.
const PAUSE: Duration = Duration::from_millis(100);

/// Binds an address.
///
/// # Errors
/// The address, with the system's reason: taken, not ours, not allowed.
pub(crate) fn bind(address: SocketAddr) -> Result<TcpListener, BindError> {
    let bound = std::net::TcpListener::bind(address).and_then(|listener| {
        listener.set_nonblocking(true)?;
        TcpListener::from_std(listener)
    });
    bound.map_err(|error| BindError { address, error })
}

/// An address that the gateway cannot listen on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {error}")]
pub struct BindError {
    /// The address.
    pub address: SocketAddr,
    /// The system's reason.
    pub error: io::Error,
}

/// How a listener does TLS.
#[derive(Clone)]
pub(crate) struct Tls {
    acceptor: TlsAcceptor,
    /// For a handshake.
    timeout: Duration,
}

impl Tls {
    pub(crate) fn new(config: ServerConfig, timeout: Duration) -> Self {
        Self { acceptor: TlsAcceptor::from(Arc::new(config)), timeout }
    }

    /// Does the handshake. None: it failed, or took too long.
    async fn handshake(&self, stream: Stream, metrics: &Metrics) -> Option<connection::Tls> {
        match timeout(self.timeout, self.acceptor.accept(stream)).await {
            Ok(Ok(stream)) => return Some(connection::Tls::new(stream)),
            Ok(Err(error)) => debug!(%error, "TLS handshake failed"),
            Err(_) => debug!("TLS handshake took too long"),
        }
        metrics.tls_failures.inc();
        None
    }
}

/// Accepts connections until `stop` turns true, then returns the ones that are still open.
pub(crate) async fn accept(
    listener: TcpListener,
    tls: Option<Tls>,
    proxy: Arc<HttpProxy<Proxy>>,
    permits: Arc<Semaphore>,
    metrics: Arc<Metrics>,
    switches: Arc<Switches>,
    mut stop: watch::Receiver<bool>,
) -> JoinSet<()> {
    let mut open = JoinSet::new();
    if let Ok(address) = listener.local_addr() {
        info!(%address, "Listening");
    }
    loop {
        let accepted = tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return open,
            accepted = listener.accept() => accepted,
        };
        while open.try_join_next().is_some() {}
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                warn!(%error, "A connection could not be accepted");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        // Over the bound the connection is closed at once: waiting would only hide it.
        let Ok(permit) = Arc::clone(&permits).try_acquire_owned() else {
            metrics.connections_refused.inc();
            continue;
        };
        let (proxy, metrics, stop) = (Arc::clone(&proxy), Arc::clone(&metrics), stop.clone());
        let (switches, tls) = (Arc::clone(&switches), tls.clone());
        open.spawn(async move {
            metrics.connections.inc();
            begin(proxy, stream, tls, stop, &metrics, &switches).await;
            metrics.connections.dec();
            drop(permit);
        });
    }
}

async fn begin(
    proxy: Arc<HttpProxy<Proxy>>,
    stream: TcpStream,
    tls: Option<Tls>,
    stop: watch::Receiver<bool>,
    metrics: &Metrics,
    switches: &Arc<Switches>,
) {
    if stream.set_nodelay(true).is_err() {
        return; // the peer has gone
    }
    let digest = SocketDigest::from_raw_fd(stream.as_raw_fd());
    let mut stream = Stream::from(stream);
    let installed = switches.install(&digest);
    stream.set_socket_digest(digest);
    let refused_by_parser = metrics.parser_rejections.clone();
    match tls {
        None => serve(proxy, stream, refused_by_parser, installed, stop).await,
        Some(tls) => {
            // Nobody waits for a handshake when the gateway stops.
            let mut stopping = stop.clone();
            let stream = tokio::select! {
                _ = stopping.wait_for(|stop| *stop) => None,
                stream = tls.handshake(stream, metrics) => stream,
            };
            let Some(stream) = stream else { return };
            serve(proxy, stream, refused_by_parser, installed, stop).await;
        }
    }
}

async fn serve(
    proxy: Arc<HttpProxy<Proxy>>,
    stream: impl IO + 'static,
    refused_by_parser: Counter,
    installed: Installed,
    stop: watch::Receiver<bool>,
) {
    let mut next: Option<pingora::protocols::Stream> =
        Some(Box::new(Connection::new(stream, refused_by_parser, installed)));
    while let Some(stream) = next {
        next = proxy.process_new(stream, &stop).await;
    }
}
