//! An origin that answers as it was told for each request: with which head, in which coding, cut where.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use chatwarden_redact::codings::{Coding, CodingLimits, Decoder, Encoder, Progress, parse_content_encoding};

use super::random::Random;
use crate::harness::Origin;

/// One answer.
#[derive(Clone)]
pub(super) struct Served {
    pub(super) head: String,
    /// The body, coded.
    pub(super) body: Vec<u8>,
    pub(super) cuts: Cuts,
    pub(super) framing: Framing,
}

/// Where a body is cut.
#[derive(Clone, Copy, Debug)]
pub(super) enum Cuts {
    None,
    EveryByte,
    /// At so many places.
    Random {
        seed: u64,
        count: usize,
    },
}

/// How the end of a body is told, and what a piece of it is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Framing {
    /// Chunks, all in one write: the gateway reads them one by one.
    Chunks,
    /// Chunks, each in a write of its own.
    ChunksApart,
    /// A length, and writes.
    Length,
    /// The end of the connection, and writes.
    Close,
    /// A WebSocket, whose frames are the body, and writes.
    Switch,
}

impl Framing {
    pub(super) const ALL: [Framing; 4] =
        [Framing::Chunks, Framing::ChunksApart, Framing::Length, Framing::Close];
}

/// The codings of the suite, as `Content-Encoding` names them.
pub(super) const CODINGS: [&str; 6] = ["", "gzip", "deflate", "br", "zstd", "gzip, br"];

/// The origin, and what it is told.
pub(super) struct Answers {
    pub(super) origin: Origin,
    told: Arc<Mutex<HashMap<usize, Arc<Served>>>>,
}

impl Answers {
    pub(super) async fn start() -> Answers {
        let told: Arc<Mutex<HashMap<usize, Arc<Served>>>> = Arc::default();
        let by_number = Arc::clone(&told);
        let origin = Origin::start(move |mut exchange| {
            let number = exchange.target().split_once("case=").and_then(|(_, rest)| rest.split('&').next());
            let number = number.and_then(|number| number.parse::<usize>().ok()).expect("a number of a case");
            let served = Arc::clone(by_number.lock().unwrap().get(&number).expect("a case that was told"));
            async move {
                if matches!(served.framing, Framing::Switch) {
                    exchange.switch(&served.head, b"").await;
                }
                for write in served.writes() {
                    exchange.send(write).await;
                    tokio::task::yield_now().await;
                }
                match served.framing {
                    Framing::Chunks | Framing::ChunksApart | Framing::Length => Some(exchange),
                    Framing::Close => None,
                    Framing::Switch => {
                        exchange.rest().await;
                        None
                    }
                }
            }
        })
        .await;
        Answers { origin, told }
    }

    /// Tells what to answer to requests of a number.
    pub(super) fn tell(&self, number: usize, served: Served) {
        self.told.lock().unwrap().insert(number, Arc::new(served));
    }
}

impl Served {
    fn writes(&self) -> Vec<Vec<u8>> {
        let length = self.body.len();
        let framing = match self.framing {
            Framing::Chunks | Framing::ChunksApart => "Transfer-Encoding: chunked\r\n".to_owned(),
            Framing::Length => format!("Content-Length: {length}\r\n"),
            Framing::Close => "Connection: close\r\n".to_owned(),
            Framing::Switch => return self.cuts.pieces(&self.body).into_iter().map(<[u8]>::to_vec).collect(),
        };
        let head = format!("HTTP/1.1 200 OK\r\n{framing}{}\r\n", self.head).into_bytes();
        let chunk = |piece: &[u8]| [format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat();
        let pieces = self.cuts.pieces(&self.body);
        let body: Vec<Vec<u8>> = match self.framing {
            Framing::Chunks => {
                let chunks: Vec<u8> = pieces.into_iter().flat_map(chunk).collect();
                return vec![[&head[..], &chunks, b"0\r\n\r\n"].concat()];
            }
            Framing::ChunksApart => pieces.into_iter().map(chunk).chain([b"0\r\n\r\n".to_vec()]).collect(),
            Framing::Length | Framing::Close | Framing::Switch => {
                pieces.into_iter().map(<[u8]>::to_vec).collect()
            }
        };
        [head].into_iter().chain(body).collect()
    }
}

impl Cuts {
    pub(super) fn pieces(self, body: &[u8]) -> Vec<&[u8]> {
        let mut places: Vec<usize> = match self {
            Cuts::None => vec![],
            Cuts::EveryByte => (1..body.len()).collect(),
            Cuts::Random { seed, count } => {
                let mut random = Random::new(seed);
                (0..count).map(|_| random.below(body.len())).collect()
            }
        };
        places.extend([0, body.len()]);
        places.sort_unstable();
        places.dedup();
        places.windows(2).map(|ends| &body[ends[0]..ends[1]]).collect()
    }
}

/// Codes a body as a `Content-Encoding` says.
pub(super) fn coded(coding: &str, body: &[u8]) -> Vec<u8> {
    let code = |body: Vec<u8>, coding: Coding| {
        let (mut encoder, mut out) = (Encoder::new(coding), Vec::new());
        encoder.write(&body, &mut out).unwrap();
        encoder.finish(&mut out).unwrap();
        out
    };
    parse_content_encoding(coding).unwrap().into_iter().fold(body.to_vec(), code)
}

/// Undoes what a `Content-Encoding` says.
pub(super) fn decoded(coding: &str, mut body: &[u8]) -> Vec<u8> {
    let codings = parse_content_encoding(coding).unwrap();
    let (mut decoder, mut out) = (Decoder::new(&codings, CodingLimits::default()), Vec::new());
    while decoder.decode(&mut body, &mut out, 1 << 16).unwrap() == Progress::NeedsRoom {}
    decoder.finish().unwrap();
    out
}
