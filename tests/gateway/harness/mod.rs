//! What the tests stand on: a gateway with its app, clients at addresses of their own, answers that are checked.
//!
//! `Gateway::start()` is the shipped configuration; `Gateway::builder()` changes parts of it. A `Client` speaks HTTP
//! and WebSocket, a `Raw` connection sends bytes as they are. A `Response` cannot be read without its header fields
//! having passed the list of those that may be there, so that a leak fails every test.
#![allow(dead_code, reason = "what one module does not need another does")]

mod binary;
mod builder;
mod client;
mod gateway;
mod log;
mod origin;
mod raw;
mod response;

pub(crate) use binary::{Place, ask, free, get};
pub(crate) use builder::Builder;
pub(crate) use client::{Call, Client, Persona, Stream};
pub(crate) use gateway::Gateway;
pub(crate) use log::{lines_with, would_be_refused};
pub(crate) use origin::{Arrival, Exchange, Origin};
pub(crate) use raw::Raw;
pub(crate) use response::Response;

/// Waits for a condition, which may await, and fails with its text when ten seconds pass without it.
macro_rules! assert_eventually {
    ($condition:expr $(, $($message:tt)+)?) => {{
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
        loop {
            if $condition {
                break;
            }
            if std::time::Instant::now() > deadline {
                panic!("not within ten seconds: {}{}", stringify!($condition), $crate::harness::told!($($($message)+)?));
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }};
}

macro_rules! told {
    () => { "" };
    ($($message:tt)+) => { format!(": {}", format!($($message)+)) };
}
pub(crate) use told;

/// The bound on every wait of the harness: long past what a loaded machine needs.
pub(crate) const PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);

/// Looks every few milliseconds until there is something, and panics with what was there instead when so much time
/// passes without it.
pub(crate) async fn until<T>(
    within: std::time::Duration,
    mut look: impl AsyncFnMut() -> Result<T, String>,
) -> T {
    let start = std::time::Instant::now();
    let mut pace = tokio::time::interval(std::time::Duration::from_millis(5));
    loop {
        pace.tick().await;
        match look().await {
            Ok(found) => return found,
            Err(instead) => assert!(start.elapsed() < within, "not within {within:?}: {instead}"),
        }
    }
}
