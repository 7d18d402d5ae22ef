//! An application that answers with bytes as they are: what the sample app never sends.

use std::{net::SocketAddr, sync::Arc};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// A running origin; it stops when dropped. A connection carries one answer.
pub(crate) struct Origin {
    address: SocketAddr,
    accepting: JoinHandle<()>,
}

impl Origin {
    /// Answers `/api/me` with the trainee of the demo, and each path with its bytes; an unknown one with nothing.
    pub(crate) async fn start(answers: &[(&str, &[u8])]) -> Origin {
        let mut all: Vec<(String, Vec<u8>)> =
            answers.iter().map(|(path, answer)| ((*path).to_owned(), answer.to_vec())).collect();
        let me = r#"{"id":1003,"name":"Anna Nowak","role":"operator","groups":[{"title":"Trainees"}]}"#;
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length";
        all.push(("/api/me".to_owned(), format!("{head}: {}\r\n\r\n{me}", me.len()).into_bytes()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let all = Arc::new(all);
        let accepting = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(answer(stream, Arc::clone(&all)));
            }
        });
        Origin { address, accepting }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Reads a head, writes the answer, and closes.
async fn answer(mut stream: TcpStream, answers: Arc<Vec<(String, Vec<u8>)>>) {
    let mut head = Vec::new();
    while !head.windows(4).any(|window| window == b"\r\n\r\n") {
        match stream.read_buf(&mut head).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
    }
    let text = String::from_utf8_lossy(&head);
    let target = text.split(' ').nth(1).unwrap_or_default();
    if let Some((_, answer)) = answers.iter().find(|(path, _)| path == target) {
        // A gateway that has seen enough may have hung up.
        let _ = stream.write_all(answer).await;
        let _ = stream.shutdown().await;
    }
}
