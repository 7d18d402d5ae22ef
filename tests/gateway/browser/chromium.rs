//! Debian's chromium without a window, and the connection that drives it: the DevTools protocol.
//!
//! One browser serves all tests of the module, one test at a time; the last test that waits for it ends it.

use std::{
    collections::VecDeque,
    fs,
    io::{ErrorKind, Write, stderr},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, PoisonError, Weak},
    thread,
    time::{Duration, Instant},
};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{net::TcpStream, sync::MutexGuard, time::timeout};
use tokio_tungstenite::{WebSocketStream, client_async, tungstenite::Message};

use super::page::Page;
use crate::harness::PATIENCE;

/// A test's turn with the browser.
pub(super) struct Browser {
    chromium: Arc<Chromium>,
    _turn: MutexGuard<'static, ()>,
}

impl Browser {
    /// Waits for the browser. None, with a word on it: it is not installed.
    pub(super) async fn take() -> Option<Browser> {
        let Some(chromium) = Chromium::shared() else {
            // Past the test runner, which keeps the words of tests that pass to itself.
            let _ = writeln!(stderr(), "skipped: chromium is not installed");
            return None;
        };
        Some(Browser { chromium, _turn: TURN.lock().await })
    }

    /// Opens an empty page with cookies and a cache of its own.
    pub(super) async fn page(&self) -> Page {
        Page::open(DevTools::connect(&self.chromium).await).await
    }
}

static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// The process; it ends when dropped.
struct Chromium {
    process: Child,
    /// `127.0.0.1:PORT` and the path of its WebSocket.
    address: (String, String),
    profile: TempDir,
}

impl Chromium {
    fn shared() -> Option<Arc<Chromium>> {
        static RUNNING: Mutex<Weak<Chromium>> = Mutex::new(Weak::new());
        let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(chromium) = running.upgrade() {
            return Some(chromium);
        }
        let chromium = Arc::new(Chromium::start()?);
        *running = Arc::downgrade(&chromium);
        Some(chromium)
    }

    fn start() -> Option<Chromium> {
        let profile = tempfile::Builder::new().prefix("chatwarden-chromium-").tempdir().unwrap();
        let process = Command::new("chromium")
            .args(ARGUMENTS)
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let process = match process {
            Ok(process) => process,
            Err(error) if error.kind() == ErrorKind::NotFound => return None,
            Err(error) => panic!("chromium does not start: {error}"),
        };
        let mut chromium = Chromium { process, address: Default::default(), profile };
        chromium.address = chromium.listening();
        Some(chromium)
    }

    /// Waits until it tells where it listens.
    fn listening(&mut self) -> (String, String) {
        let file = self.profile.path().join("DevToolsActivePort");
        let deadline = Instant::now() + PATIENCE;
        loop {
            let text = fs::read_to_string(&file).unwrap_or_default();
            if let Some((port, path)) = text.split_once('\n').filter(|(_, path)| !path.is_empty()) {
                return (format!("127.0.0.1:{port}"), path.trim().to_owned());
            }
            let ended = self.process.try_wait().unwrap();
            assert!(ended.is_none() && Instant::now() < deadline, "chromium does not listen: {ended:?}");
            thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        // Its own children end a moment later, and write until then.
        let deadline = Instant::now() + PATIENCE;
        while self.profile.path().exists() && Instant::now() < deadline {
            let _ = fs::remove_dir_all(self.profile.path());
        }
    }
}

const ARGUMENTS: [&str; 11] = [
    "--headless=new",
    "--remote-debugging-port=0",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "about:blank",
];

/// A connection to the browser. One call at a time; what the browser tells in between is kept.
pub(super) struct DevTools {
    socket: WebSocketStream<TcpStream>,
    calls: u64,
    events: VecDeque<Event>,
}

/// What the browser told without being asked.
pub(super) struct Event {
    pub(super) method: String,
    pub(super) params: Value,
}

impl DevTools {
    async fn connect(chromium: &Chromium) -> DevTools {
        let (host, path) = &chromium.address;
        let stream = TcpStream::connect(host).await.unwrap();
        let (socket, _) = client_async(format!("ws://{host}{path}"), stream).await.unwrap();
        DevTools { socket, calls: 0, events: VecDeque::new() }
    }

    /// Calls a method of the browser, or of a page by its session.
    ///
    /// # Errors
    /// The browser's words on why not.
    pub(super) async fn call(
        &mut self,
        session: Option<&str>,
        method: &str,
        params: Value,
    ) -> Result<Value, String> {
        self.calls += 1;
        let mut call = json!({ "id": self.calls, "method": method, "params": params });
        if let Some(session) = session {
            call["sessionId"] = session.into();
        }
        self.socket.send(Message::text(call.to_string())).await.unwrap();
        loop {
            let mut told = self.read(method).await;
            if told["id"] == self.calls {
                let error = &told["error"]["message"];
                return match error.as_str() {
                    Some(error) => Err(format!("{method}: {error}")),
                    None => Ok(told["result"].take()),
                };
            }
            if let Some(method) = told["method"].as_str().map(str::to_owned) {
                self.events.push_back(Event { method, params: told["params"].take() });
            }
        }
    }

    /// What the browser told so far, oldest first; it is told once.
    pub(super) fn take_events(&mut self) -> VecDeque<Event> {
        std::mem::take(&mut self.events)
    }

    async fn read(&mut self, method: &str) -> Value {
        loop {
            let message = timeout(PATIENCE, self.socket.next()).await;
            let message = message.unwrap_or_else(|_| panic!("chromium does not answer {method}"));
            match message.expect("chromium hung up").unwrap() {
                Message::Text(text) => return serde_json::from_str(&text).unwrap(),
                Message::Close(_) => panic!("chromium hung up"),
                Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
            }
        }
    }
}
