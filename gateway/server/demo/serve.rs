//! One listening server: started at an address, stopped when dropped.
//!
//! Stopping closes the listener and idle connections at once; answers under way are finished, and endless ones (SSE,
//! WebSocket) end themselves through the stop signal that the router is built with.

use std::io;
use std::net::SocketAddr;

use axum::Router;
use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// Resolves once the server is dropped.
pub(super) type Stop = watch::Receiver<()>;

pub(super) struct Server {
    addr: SocketAddr,
    _running: watch::Sender<()>,
}

impl Server {
    pub(super) async fn start(addr: SocketAddr, router: impl FnOnce(Stop) -> Router) -> io::Result<Server> {
        let listener = TcpListener::bind(addr).await?;
        let addr = listener.local_addr()?;
        // Small frames (events, WebSocket messages) go out at once; a failure only costs latency.
        let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
        let (running, stop) = watch::channel(());
        let router = router(stop.clone());
        tokio::spawn(async move {
            // axum's server ends only by the signal: accept errors are retried inside it.
            let _ = axum::serve(listener, router).with_graceful_shutdown(stopped(stop)).await;
        });
        Ok(Server { addr, _running: running })
    }

    pub(super) fn addr(&self) -> SocketAddr {
        self.addr
    }
}

/// Waits until the server that owns the sending half is dropped.
pub(super) async fn stopped(mut stop: Stop) {
    while stop.changed().await.is_ok() {}
}
