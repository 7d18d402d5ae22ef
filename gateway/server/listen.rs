//! Where connections come in: the gateway's own accept loop around pingora's proxy.
//!
//! Bound before anything else starts, so that a taken port is one clear error; counted, so that the bound on open
//! connections holds; stopped first when the gateway stops.

use std::{io, net::SocketAddr, os::fd::AsRawFd, sync::Arc, time::Duration};

use pingora::{
    apps::ServerApp,
    protocols::{GetSocketDigest, SocketDigest, l4::stream::Stream},
    proxy::HttpProxy,
};
use prometheus_client::metrics::counter::Counter;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    task::JoinSet,
};
use tracing::{info, warn};

use crate::{
    connection::{Connection, Switches},
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

/// Accepts connections until `stop` turns true, then returns the ones that are still open.
pub(crate) async fn accept(
    listener: TcpListener,
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
        let switches = Arc::clone(&switches);
        open.spawn(async move {
            metrics.connections.inc();
            serve(proxy, stream, stop, metrics.parser_rejections.clone(), &switches).await;
            metrics.connections.dec();
            drop(permit);
        });
    }
}

async fn serve(
    proxy: Arc<HttpProxy<Proxy>>,
    stream: TcpStream,
    stop: watch::Receiver<bool>,
    refused_by_parser: Counter,
    switches: &Arc<Switches>,
) {
    if stream.set_nodelay(true).is_err() {
        return; // the peer has gone
    }
    let digest = SocketDigest::from_raw_fd(stream.as_raw_fd());
    let mut stream = Stream::from(stream);
    let installed = switches.install(&digest);
    stream.set_socket_digest(digest);
    let mut next: Option<pingora::protocols::Stream> =
        Some(Box::new(Connection::new(stream, refused_by_parser, installed)));
    while let Some(stream) = next {
        next = proxy.process_new(stream, &stop).await;
    }
}
