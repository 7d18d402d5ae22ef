//! The `chatwarden` command as people run it: a process with arguments, output and an exit code.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU16, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use chatwarden::demo::App;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::{Builder, Client, PATIENCE, until};

/// A command that ended.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Runs `chatwarden` with arguments in a directory, to its end.
pub(crate) fn chatwarden(dir: &Path, arguments: &[&str]) -> Done {
    let output = command(dir).args(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().replace(&format!("{}/", dir.display()), "");
    Done { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
}

fn command(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chatwarden"));
    command
        .current_dir(dir)
        .env_remove("RUST_LOG")
        .env_remove("CHATWARDEN_CONFIG")
        .env_remove("STATE_DIRECTORY");
    command.stdin(Stdio::null());
    command
}

/// `chatwarden run` in a process of its own; killed when dropped.
pub(crate) struct Process {
    child: Child,
    reader: Option<JoinHandle<()>>,
    log: Arc<Mutex<String>>,
    pub(crate) address: SocketAddr,
    pub(crate) admin: SocketAddr,
    pub(crate) metrics: SocketAddr,
}

/// A directory with a configuration on addresses that nobody else uses.
pub(crate) struct Place {
    dir: TempDir,
    pub(crate) address: SocketAddr,
    pub(crate) admin: SocketAddr,
    pub(crate) metrics: SocketAddr,
}

impl Place {
    /// Writes the directory of a builder, in front of an upstream.
    pub(crate) fn write(builder: Builder, upstream: SocketAddr) -> Place {
        let (address, admin, metrics) = (free(), free(), free());
        let at = |address: SocketAddr| json!({ "address": address.to_string() });
        let builder = builder
            .config("upstream", at(upstream))
            .config("listeners", json!([at(address)]))
            .config("admin", at(admin))
            .config("metrics", at(metrics));
        Place { dir: builder.write(), address, admin, metrics }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    pub(crate) fn write_file(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    /// Runs a command here, to its end.
    pub(crate) fn chatwarden(&self, arguments: &[&str]) -> Done {
        chatwarden(self.dir.path(), arguments)
    }

    /// Starts the gateway and waits until it is ready.
    pub(crate) async fn run(&self, rust_log: Option<&str>) -> Process {
        let mut command = command(self.dir.path());
        command.args(["run"]).stdout(Stdio::null()).stderr(Stdio::piped());
        if let Some(filter) = rust_log {
            command.env("RUST_LOG", filter);
        }
        let mut child = command.spawn().unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let (stderr, kept) = (child.stderr.take().unwrap(), Arc::clone(&log));
        let reader = thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let mut log = kept.lock().unwrap_or_else(PoisonError::into_inner);
                log.push_str(&line);
                log.push('\n');
            }
        });
        let (address, admin, metrics) = (self.address, self.admin, self.metrics);
        let mut process = Process { child, reader: Some(reader), log, address, admin, metrics };
        until(PATIENCE, async || {
            if process.is_ready().await {
                return Ok(());
            }
            let ended = process.child.try_wait().unwrap();
            assert!(ended.is_none(), "the gateway does not start: {}", process.log());
            Err(format!("the gateway does not start: {}", process.log()))
        })
        .await;
        process
    }
}

impl Process {
    /// What it wrote to stderr so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Its log lines, which must all be JSON.
    pub(crate) fn events(&self) -> Vec<Value> {
        let log = self.log();
        log.lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}")))
            .collect()
    }

    /// A client of it; `app` is what stands behind.
    pub(crate) fn client(&self, app: Arc<App>) -> Client {
        Client::new(self.address, [127, 0, 0, 1].into(), app)
    }

    /// Sends a signal, by its name.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Waits for the end.
    pub(crate) async fn ended(&mut self) -> (ExitStatus, Duration) {
        let start = Instant::now();
        let status = until(PATIENCE, async || {
            let ended = self.child.try_wait().unwrap();
            ended.ok_or_else(|| format!("the gateway does not end: {}", self.log()))
        })
        .await;
        let took = start.elapsed();
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap();
        }
        (status, took)
    }

    /// The most memory it ever used, in bytes (proc(5), `VmHWM`).
    pub(crate) fn peak_memory(&self) -> usize {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
    }

    async fn is_ready(&self) -> bool {
        match TcpStream::connect(self.metrics).await {
            Ok(_) => get(self.metrics, "/readyz", &[]).await.0 == 200,
            Err(_) => false,
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It has ended already, or a test has failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Status, head and body of a page of an ops listener.
pub(crate) async fn get(
    address: SocketAddr,
    target: &str,
    headers: &[(&str, &str)],
) -> (u16, String, String) {
    ask(address, &format!("GET {target} HTTP/1.1"), headers).await
}

/// The same for another request line. Without a `host` among the headers the listener's own is sent.
pub(crate) async fn ask(address: SocketAddr, line: &str, headers: &[(&str, &str)]) -> (u16, String, String) {
    let mut request = format!("{line}\r\nConnection: close\r\n");
    if !headers.iter().any(|(name, _)| *name == "host") {
        request.push_str(&format!("host: {address}\r\n"));
    }
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(format!("{request}\r\n").as_bytes()).await.unwrap();
    let mut answer = String::new();
    timeout(PATIENCE, stream.read_to_string(&mut answer)).await.expect("no answer").unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), head.to_ascii_lowercase(), body.to_owned())
}

/// An address of the loopback network that no other test of this process gets.
pub(crate) fn free() -> SocketAddr {
    static LAST: AtomicU16 = AtomicU16::new(1);
    let [high, low] = LAST.fetch_add(1, Ordering::Relaxed).to_be_bytes();
    // The kernel names a free port; the address is ours alone, so it stays free.
    TcpListener::bind((Ipv4Addr::from([127, 99, high, low]), 0)).unwrap().local_addr().unwrap()
}
