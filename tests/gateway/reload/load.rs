//! Requests that come in all the time, over connections that are kept.
//!
//! Whatever rules are saved meanwhile: no answer is an error, none is a mixture, and no connection is lost.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::task::JoinHandle;

use crate::harness::{Client, Gateway, Persona, Raw, Response};

/// Requests until they are stopped.
pub(super) struct Load {
    stop: Arc<AtomicBool>,
    tasks: Vec<JoinHandle<usize>>,
}

impl Load {
    /// Starts a trainee who opens a file, an operator who looks at a client, and a visitor.
    pub(super) async fn start(gateway: &Gateway) -> Load {
        let trainee = gateway.client().sign_in(Persona::Trainee).await;
        let operator = gateway.client().sign_in(Persona::Operator).await;
        let masked = operator.get(CARD).await.assert_passed(200).bytes().to_vec();
        let clear = operator.behind().get(CARD).await.bytes().to_vec();
        assert_ne!(masked, clear);
        let mut load = Load { stop: Arc::default(), tasks: Vec::new() };
        load.add(gateway, &trainee, "/files/invoice.pdf", |answer| {
            match (answer.status().as_u16(), answer.header("x-chatwarden-reason")) {
                (403, Some("file-receive-blocked")) => true,
                (200, None) => answer.bytes().starts_with(b"%PDF"),
                (_, _) => false,
            }
        })
        .await;
        load.add(gateway, &operator, CARD, move |answer| {
            answer.status() == 200 && (answer.bytes() == masked || answer.bytes() == clear)
        })
        .await;
        load.add(gateway, &gateway.client().with("cookie", "visitor=1"), "/widget/messages", |answer| {
            answer.status() == 200
        })
        .await;
        load
    }

    /// Stops the requests; each of them was answered as it may be.
    pub(super) async fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        for task in self.tasks {
            let answered = task.await.unwrap();
            assert!(answered > 5, "only {answered} requests meanwhile");
        }
    }

    async fn add(
        &mut self,
        gateway: &Gateway,
        client: &Client,
        target: &'static str,
        is_right: impl Fn(&Response) -> bool + Send + 'static,
    ) {
        let mut connection: Raw = client.raw().await;
        let (host, cookie) = (gateway.address(), client.cookie().to_owned());
        let request = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\n\r\n");
        let stop = Arc::clone(&self.stop);
        self.tasks.push(tokio::spawn(async move {
            let mut answered = 0;
            while !stop.load(Ordering::Relaxed) {
                connection.write(&request).await;
                let answer = connection.response().await;
                let answer = answer.unwrap_or_else(|| panic!("{target}: the connection ended"));
                assert!(is_right(&answer), "{target}: {} {}", answer.status(), answer.text());
                answered += 1;
                // Two processors are shared with what is measured.
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            answered
        }));
    }
}

/// The card of a client.
pub(super) const CARD: &str = "/api/users/501";
