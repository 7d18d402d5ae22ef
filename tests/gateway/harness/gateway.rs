//! A running gateway and the app behind it.
//!
//! Both live on one runtime of the harness, which outlives every test: a test may end on a runtime of its own, of any
//! kind, and the gateway is drained all the same.

use std::{
    fs,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::{Arc, LazyLock, mpsc},
};

use chatwarden::{
    actions::{Format, Query, print},
    config::Config,
    demo::{App, Seen},
    gateway::{Gateway as Product, StartError},
};
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::{Builder, Client, PATIENCE, log};

/// A gateway under test.
pub(crate) struct Gateway {
    /// None once stopped.
    product: Option<Product>,
    app: Arc<App>,
    address: SocketAddr,
    dir: TempDir,
}

impl Gateway {
    /// Starts the shipped configuration.
    pub(crate) async fn start() -> Gateway {
        Gateway::builder().start().await
    }

    /// Starts something else.
    pub(crate) fn builder() -> Builder {
        Builder::new()
    }

    /// A client at 127.0.0.1 that is not signed in.
    pub(crate) fn client(&self) -> Client {
        self.client_at(Ipv4Addr::LOCALHOST)
    }

    /// A client at another address of the loopback network.
    pub(crate) fn client_at(&self, address: impl Into<IpAddr>) -> Client {
        Client::new(self.address, address.into(), Arc::clone(&self.app))
    }

    /// A client at an address, that comes in by another address of the gateway.
    pub(crate) fn client_by(&self, gateway: SocketAddr, address: impl Into<IpAddr>) -> Client {
        Client::new(gateway, address.into(), Arc::clone(&self.app))
    }

    /// Where clients come in.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The gateway itself.
    pub(crate) fn product(&self) -> &Product {
        self.product.as_ref().expect("not stopped")
    }

    /// The app behind the gateway.
    pub(crate) fn app(&self) -> &App {
        &self.app
    }

    /// What reached the app, without the gateway's own questions who the caller is.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.app.seen().into_iter().filter(|seen| seen.headers.contains_key("x-request-id")).collect()
    }

    /// A file of the gateway's directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a rule file in place, and waits for nothing.
    pub(crate) fn write_rule(&self, kind: &str, text: &str) {
        fs::write(self.path(&format!("rules/{kind}.yaml")), text).unwrap();
    }

    /// The rule file as it stands.
    pub(crate) fn read_rule(&self, kind: &str) -> String {
        fs::read_to_string(self.path(&format!("rules/{kind}.yaml"))).unwrap()
    }

    /// What `/status` tells.
    pub(crate) fn status(&self) -> Value {
        self.product().status()
    }

    /// The number of the rules in force.
    pub(crate) fn generation(&self) -> u64 {
        self.status()["generation"].as_u64().unwrap()
    }

    /// The action log so far, oldest first, as `chatwarden log --format json` prints it.
    pub(crate) async fn actions(&self) -> Vec<Value> {
        assert!(self.product().flush_actions().await, "the action log is not flushed");
        read_actions(&self.path("state/actions.db"))
    }

    /// Stops the gateway and returns once it is drained; the app and the directory stay.
    pub(crate) async fn stop(&mut self) {
        if let Some(product) = self.product.take() {
            RUNTIME.spawn(product.stop()).await.unwrap();
        }
    }

    /// The action log of a gateway that is stopped.
    pub(crate) fn actions_on_disk(&self) -> Vec<Value> {
        read_actions(&self.path("state/actions.db"))
    }

    pub(super) async fn launch(builder: Builder) -> Result<Gateway, StartError> {
        log::capture();
        RUNTIME.spawn(launch(builder)).await.unwrap()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let Some(product) = self.product.take() else { return };
        let (done, wait) = mpsc::channel();
        RUNTIME.spawn(async move {
            product.stop().await;
            let _ = done.send(());
        });
        if wait.recv_timeout(PATIENCE).is_err() && !std::thread::panicking() {
            panic!("the gateway does not stop");
        }
    }
}

async fn launch(mut builder: Builder) -> Result<Gateway, StartError> {
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let app = if builder.open_app { App::start_open(any).await } else { App::start(any).await }.unwrap();
    let upstream = builder.upstream.unwrap_or(app.addr());
    builder = builder.config("upstream", serde_json::json!({ "address": upstream.to_string() }));
    let dir = builder.write();
    let config = Config::load(&dir.path().join("config.yaml")).map_err(StartError::Files)?;
    let product = Product::start_at(config, builder.clock).await?;
    let address = product.addresses()[0];
    Ok(Gateway { product: Some(product), app: Arc::new(app), address, dir })
}

fn read_actions(store: &Path) -> Vec<Value> {
    let mut out = Vec::new();
    print(store, &Query::default(), Format::Json, &mut out).unwrap();
    serde_json::Deserializer::from_slice(&out).into_iter().map(Result::unwrap).collect()
}

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("gateway")
        .enable_all()
        .build()
        .unwrap()
});
