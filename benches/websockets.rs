//! What does an open WebSocket cost: in memory while nobody speaks, and in time when somebody does?
//!
//!     cargo bench --bench websockets [-- SOCKETS]      # CHATWARDEN names another binary
//!
//! `cargo test --bench websockets` opens a few, to see that it still runs.
//!
//! Memory is the growth of the gateway's resident set (of a process of its own, just started) over so many open
//! WebSockets that have each carried one message in either direction and are silent, divided by their number. Each is of
//! another operator. A socket takes two of the gateway's file descriptors: raise `ulimit -n` for 10,000, else as many
//! are opened as it lets. Time is of a round trip over one WebSocket, 1 KiB there and 1 KiB back, the message in turn
//! sent directly, through the gateway for a caller who sees everything, and for one from whom contacts are hidden.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench that cannot go on prints why and stops"
)]

use std::{
    fs, io,
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use futures_util::{StreamExt, stream};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::sleep,
};

fn main() {
    let extent = if std::env::args().any(|argument| argument == "--bench") { BENCH } else { SMOKE };
    let wanted =
        std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(extent.sockets);
    let count = wanted.min(allowed_sockets());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let app = listener.local_addr().unwrap();
        tokio::spawn(serve(listener));
        println!("{count} idle WebSockets, memory of the gateway for each");
        println!("| caller | compression | message | resident | proportional |\n|---|---|---|---|---|");
        for caller in [Caller::SuperAdmin, Caller::Trainee] {
            for is_compressed in [false, true] {
                for size in [1024, 60 * 1024] {
                    idle(app, count, caller, is_compressed, size, extent.settle).await;
                }
            }
        }
        println!();
        round_trips(app, extent.rounds).await;
    });
}

/// How much is done.
struct Extent {
    sockets: usize,
    rounds: usize,
    /// What is freed is given back to the system after a moment.
    settle: Duration,
}

const BENCH: Extent = Extent { sockets: 10_000, rounds: 20_000, settle: Duration::from_secs(3) };
const SMOKE: Extent = Extent { sockets: 10, rounds: 100, settle: Duration::ZERO };

/// Both ends of each socket are in this process, and the gateway has two as well.
fn allowed_sockets() -> usize {
    let limits = fs::read_to_string("/proc/self/limits").unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let soft: usize = line.split_whitespace().nth(3).unwrap().parse().unwrap();
    (soft - 200) / 2
}

/// Who opens a WebSocket.
#[derive(Clone, Copy)]
enum Caller {
    /// From whom nothing is hidden.
    SuperAdmin,
    /// From whom contacts are hidden.
    Trainee,
}

impl Caller {
    fn name(self) -> &'static str {
        match self {
            Caller::SuperAdmin => "exempt",
            Caller::Trainee => "masked",
        }
    }

    fn role(self) -> &'static str {
        match self {
            Caller::SuperAdmin => "super_admin",
            Caller::Trainee => "operator",
        }
    }
}

async fn idle(
    app: SocketAddr,
    count: usize,
    caller: Caller,
    is_compressed: bool,
    size: usize,
    settle: Duration,
) {
    let gateway = Gateway::start(app).await;
    let open = |number| async move {
        let mut socket = Socket::open(gateway.address, caller, number, is_compressed).await;
        let message = message(number, size);
        socket.say(&message).await.unwrap();
        let answer = socket.receive().await.unwrap();
        // A figure of what was passed wrongly is no figure. What is compressed is so anew.
        let is_as_sent = is_compressed || answer == message;
        let is_right = is_as_sent == (is_compressed || matches!(caller, Caller::SuperAdmin));
        assert!(is_right && !answer.is_empty(), "{}", String::from_utf8_lossy(&answer));
        socket
    };
    drop(open(count).await);
    sleep(settle).await;
    let before = gateway.memory();
    let sockets: Vec<Socket> = stream::iter(0..count).map(open).buffer_unordered(64).collect().await;
    sleep(settle).await;
    let after = gateway.memory();
    let each = |which: usize| (after[which] as f64 - before[which] as f64) / count as f64;
    let compression = if is_compressed { "no context takeover" } else { "none" };
    let (name, kib) = (caller.name(), size / 1024);
    println!("| {name} | {compression} | {kib} KiB | {:.1} KiB | {:.1} KiB |", each(0), each(1));
    drop(sockets);
}

async fn round_trips(app: SocketAddr, rounds: usize) {
    let warm = rounds / 10;
    let gateway = Gateway::start(app).await;
    let mut ways = [
        ("direct", Socket::open(app, Caller::SuperAdmin, 0, false).await, Vec::new()),
        ("exempt", Socket::open(gateway.address, Caller::SuperAdmin, 1, false).await, Vec::new()),
        ("masked", Socket::open(gateway.address, Caller::Trainee, 2, false).await, Vec::new()),
    ];
    let message = message(1, 1024);
    for round in 0..warm + rounds {
        for (_, socket, times) in &mut ways {
            let start = Instant::now();
            socket.say(&message).await.unwrap();
            socket.receive().await.unwrap();
            if round >= warm {
                times.push(start.elapsed());
            }
        }
    }
    println!("Round trip of a message of 1 KiB, {rounds} in turn");
    println!("| way | p50 | p99 | added p50 | added p99 |\n|---|---|---|---|---|");
    let mut direct = None;
    for (name, _, times) in &mut ways {
        times.sort_unstable();
        let at = |percent: usize| times[times.len() * percent / 100].as_secs_f64() * 1e6;
        let (p50, p99) = (at(50), at(99));
        let (base50, base99) = *direct.get_or_insert((p50, p99));
        println!("| {name} | {p50:.0} us | {p99:.0} us | {:.0} us | {:.0} us |", p50 - base50, p99 - base99);
    }
}

/// An event of the app.
fn message(number: usize, size: usize) -> Vec<u8> {
    let head = format!(r#"{{"client_phone":"+3706{number:07}","text":""#);
    let text = "Where is my order? ".bytes().cycle().take(size - head.len() - 2);
    head.bytes().chain(text).chain(*b"\"}").collect()
}

/// A message compressed into stored blocks (RFC 1951 §3.2.4).
fn stored(message: &[u8]) -> Vec<u8> {
    let length = u16::try_from(message.len()).unwrap();
    [&[0][..], &length.to_le_bytes(), &(!length).to_le_bytes(), message, &[0]].concat()
}

/// The gateway in a process of its own.
struct Gateway {
    process: Child,
    address: SocketAddr,
    _place: TempDir,
}

impl Gateway {
    async fn start(app: SocketAddr) -> Gateway {
        let place = TempDir::new().unwrap();
        for folder in ["rules", "profiles"] {
            copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &place.path().join(folder));
        }
        let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let config = format!(
            r#"
listeners: [ {{ address: "{address}" }} ]
upstream: {{ address: "{app}" }}
profile: profiles/blinger.yaml
limits: {{ connections_per_client: 100000, requests_per_client: 100000000/m, contact_writes: 100000000/m }}
identity: [ {{ introspection: {{ path: /api/me, from: [ {{ cookie: session }} ], account: $.id, role: $.role, groups: "$.groups[*].title" }} }} ]
"#
        );
        let file = place.path().join("config.yaml");
        fs::write(&file, config).unwrap();
        let binary =
            std::env::var("CHATWARDEN").unwrap_or_else(|_| env!("CARGO_BIN_EXE_chatwarden").to_owned());
        let process = Command::new(binary)
            .args(["run", "--config"])
            .arg(&file)
            .current_dir(place.path())
            .env("RUST_LOG", "error")
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let gateway = Gateway { process, address, _place: place };
        while TcpStream::connect(address).await.is_err() {
            sleep(Duration::from_millis(20)).await;
        }
        gateway
    }

    /// Resident and proportional set, in KiB.
    fn memory(&self) -> [usize; 2] {
        let rollup = fs::read_to_string(format!("/proc/{}/smaps_rollup", self.process.id())).unwrap();
        ["Rss:", "Pss:"].map(|name| {
            let line = rollup.lines().find(|line| line.starts_with(name)).unwrap();
            line.split_whitespace().nth(1).unwrap().parse().unwrap()
        })
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).unwrap()),
        }
    }
}

/// One end of a WebSocket, as far as it takes for messages in one frame.
struct Socket {
    stream: TcpStream,
    read: Vec<u8>,
    is_compressed: bool,
}

impl Socket {
    async fn open(address: SocketAddr, caller: Caller, number: usize, is_compressed: bool) -> Socket {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let extensions =
            if is_compressed { format!("Sec-WebSocket-Extensions: {EXTENSION}\r\n") } else { String::new() };
        let head = format!(
            "GET /live HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n{extensions}Cookie: session={}-{number}\r\n\r\n",
            caller.role(),
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut read = Vec::new();
        let answer = head_of(&mut stream, &mut read).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 101"), "{answer}");
        let agreed = answer.to_ascii_lowercase().contains("permessage-deflate");
        assert_eq!(agreed, is_compressed, "{answer}");
        Socket { stream, read, is_compressed }
    }

    /// Sends a message as a client does.
    async fn say(&mut self, message: &[u8]) -> io::Result<()> {
        match self.is_compressed {
            true => self.send(&stored(message), Some(MASK)).await,
            false => self.send(message, Some(MASK)).await,
        }
    }

    async fn send(&mut self, payload: &[u8], key: Option<[u8; 4]>) -> io::Result<()> {
        let mut frame = vec![if self.is_compressed { 0xc1 } else { 0x81 }];
        let masked = if key.is_some() { 0x80 } else { 0 };
        match payload.len() {
            length @ 0..126 => frame.push(masked | length as u8),
            length => {
                frame.push(masked | 126);
                frame.extend(u16::try_from(length).unwrap().to_be_bytes());
            }
        }
        frame.extend(key.unwrap_or_default().iter().filter(|_| key.is_some()));
        let key = key.unwrap_or_default();
        frame.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
        self.stream.write_all(&frame).await
    }

    /// The payload of the next message, as it came.
    async fn receive(&mut self) -> io::Result<Vec<u8>> {
        let mut message = Vec::new();
        loop {
            let head = self.take(2).await?;
            let length = match head[1] & 0x7f {
                126 => {
                    let wide = self.take(2).await?;
                    usize::from(u16::from_be_bytes([wide[0], wide[1]]))
                }
                127 => panic!("longer than any message here"),
                short => usize::from(short),
            };
            let key = if head[1] & 0x80 == 0 { vec![0; 4] } else { self.take(4).await? };
            let payload = self.take(length).await?;
            message.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
            if head[0] & 0x80 != 0 {
                return Ok(message);
            }
        }
    }

    async fn take(&mut self, length: usize) -> io::Result<Vec<u8>> {
        while self.read.len() < length {
            if self.stream.read_buf(&mut self.read).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        let rest = self.read.split_off(length);
        let taken = std::mem::replace(&mut self.read, rest);
        // As many ends as there are, each with no more than it needs.
        self.read.shrink_to_fit();
        Ok(taken)
    }
}

/// The app: tells who calls, and gives every message of a WebSocket back.
async fn serve(listener: TcpListener) {
    while let Ok((stream, _)) = listener.accept().await {
        stream.set_nodelay(true).unwrap();
        // Whoever ends a connection has said all there was to say.
        tokio::spawn(async move { answer(stream).await });
    }
}

async fn answer(mut stream: TcpStream) -> io::Result<()> {
    let mut read = Vec::new();
    loop {
        let head = head_of(&mut stream, &mut read).await?;
        if !head.starts_with("GET /api/me ") {
            let is_compressed = head.to_ascii_lowercase().contains("permessage-deflate");
            let extensions = if is_compressed {
                format!("Sec-WebSocket-Extensions: {EXTENSION}\r\n")
            } else {
                String::new()
            };
            let answer = format!(
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                 Sec-WebSocket-Accept: {ACCEPT}\r\n{extensions}\r\n"
            );
            stream.write_all(answer.as_bytes()).await?;
            let mut socket = Socket { stream, read, is_compressed };
            loop {
                let payload = socket.receive().await?;
                socket.send(&payload, None).await?;
            }
        }
        let (_, cookie) = head.split_once("session=").unwrap();
        let (role, number) = cookie.split_once('-').unwrap();
        let number: String = number.chars().take_while(char::is_ascii_digit).collect();
        let body = format!(r#"{{"id":"{number}","role":"{role}","groups":[{{"title":"Trainees"}}]}}"#);
        let length = body.len();
        let answer = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        stream.write_all(answer.as_bytes()).await?;
    }
}

async fn head_of(stream: &mut TcpStream, read: &mut Vec<u8>) -> io::Result<String> {
    loop {
        if let Some(at) = read.windows(4).position(|end| end == b"\r\n\r\n") {
            let rest = read.split_off(at + 4);
            return Ok(String::from_utf8_lossy(&std::mem::replace(read, rest)).into_owned());
        }
        if stream.read_buf(read).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

const EXTENSION: &str = "permessage-deflate; client_no_context_takeover; server_no_context_takeover";
/// The example of RFC 6455 §1.3, and the answer to it.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
/// Nobody is to be kept from foretelling what a bench sends.
const MASK: [u8; 4] = [7, 1, 9, 3];
