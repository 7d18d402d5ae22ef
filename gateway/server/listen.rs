//! Where connections come in: the gateway's own accept loop around pingora's proxy.
//!
//! Bound before anything else starts, so that a taken port is one clear error; counted, so that the bound on open
//! connections holds; stopped first when the gateway stops.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    os::fd::AsRawFd,
    sync::Arc,
    time::Duration,
};

use chatwarden_policy::{account::ClientIp, client_address::proxy_protocol::Announced};
use pingora::{
    apps::ServerApp,
    protocols::{GetSocketDigest, IO, SocketDigest, l4::stream::Stream},
    proxy::HttpProxy,
};
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
    connection::{self, Connection, Installed, announcement},
    gateway::Shared,
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

/// How a listener takes its connections.
#[derive(Clone)]
pub(crate) struct Entrance {
    /// Without, plain HTTP.
    pub(crate) tls: Option<Tls>,
    /// Whether a header of the PROXY protocol comes first.
    pub(crate) announces: bool,
    pub(crate) proxy: Arc<HttpProxy<Proxy>>,
    pub(crate) shared: Arc<Shared>,
    /// One for each connection that may be open.
    pub(crate) permits: Arc<Semaphore>,
}

/// Accepts connections until `stop` turns true, then returns the ones that are still open.
pub(crate) async fn accept(
    listener: TcpListener,
    entrance: Entrance,
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
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                warn!(%error, "A connection could not be accepted");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let metrics = &entrance.shared.metrics;
        // Over the bound the connection is closed at once: waiting would only hide it.
        let Ok(permit) = Arc::clone(&entrance.permits).try_acquire_owned() else {
            metrics.connections_refused.inc();
            continue;
        };
        if entrance.announces && !entrance.shared.running().generation.config.proxies.trust(peer.ip()) {
            metrics.proxy_headers_refused.inc();
            continue;
        }
        let (entrance, stop) = (entrance.clone(), stop.clone());
        open.spawn(async move {
            entrance.shared.metrics.connections.inc();
            entrance.admit(stream, peer.ip(), stop).await;
            entrance.shared.metrics.connections.dec();
            drop(permit);
        });
    }
}

impl Entrance {
    async fn admit(&self, mut stream: TcpStream, peer: IpAddr, stop: watch::Receiver<bool>) {
        if stream.set_nodelay(true).is_err() {
            return; // the peer has gone
        }
        let metrics = &self.shared.metrics;
        let config = Arc::clone(&self.shared.running().generation.config);
        let limits = config.limits;
        let mut announced = None;
        if self.announces {
            let patience = limits.handshake_timeout;
            match timeout(patience, announcement::read(&mut stream)).await {
                Ok(Ok(Announced::Client(client))) => announced = Some(client),
                Ok(Ok(Announced::Own)) => {}
                Ok(Err(_)) | Err(_) => {
                    metrics.proxy_headers_refused.inc();
                    return;
                }
            }
        }
        let client = announced.unwrap_or(peer);
        // Whoever speaks for many is not one of them.
        let counted = (!config.proxies.trust(client))
            .then(|| self.shared.crowd.enter(ClientIp::new(client), limits.connections_per_client));
        if matches!(counted, Some(None)) {
            metrics.connections_refused.inc();
            return;
        }
        let digest = SocketDigest::from_raw_fd(stream.as_raw_fd());
        let mut stream = Stream::from(stream);
        let installed = self.shared.switches.install(&digest, announced);
        stream.set_socket_digest(digest);
        let Some(tls) = &self.tls else { return self.serve(stream, installed, stop).await };
        // Nobody waits for a handshake when the gateway stops.
        let mut stopping = stop.clone();
        let stream = tokio::select! {
            _ = stopping.wait_for(|stop| *stop) => None,
            stream = tls.handshake(stream, metrics) => stream,
        };
        if let Some(stream) = stream {
            self.serve(stream, installed, stop).await;
        }
    }

    async fn serve(&self, stream: impl IO + 'static, installed: Installed, stop: watch::Receiver<bool>) {
        let refused_by_parser = self.shared.metrics.parser_rejections.clone();
        let head_timeout = self.shared.running().generation.config.limits.header_timeout;
        let mut next: Option<pingora::protocols::Stream> =
            Some(Box::new(Connection::new(stream, refused_by_parser, installed, head_timeout)));
        while let Some(stream) = next {
            next = self.proxy.process_new(stream, &stop).await;
        }
    }
}
