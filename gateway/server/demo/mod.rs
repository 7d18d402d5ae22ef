//! The sample chat app of `chatwarden demo`, and the origin of the integration tests.
//!
//! It speaks like the product whose "Advanced" tab the gateway re-creates: the same routes, field names and answers,
//! with people and numbers that are all invented. It keeps everything in memory and enforces nothing beyond sign-in:
//! who may see, send, download or open what is the gateway's part. Every request is recorded, so that a test can ask
//! what reached the app and what did not.

mod answer;
mod app;
mod caller;
mod coding;
mod conversations;
mod embedder;
mod files;
mod live;
mod odd;
mod pages;
mod people;
mod pictures;
mod recorder;
mod seed;
mod serve;
mod settings;
mod state;
mod tries;
mod visitors;

pub use app::App;
pub use embedder::Embedder;
pub use recorder::Seen;
pub use state::Mail;
pub use tries::{Try, things_to_try};

#[cfg(test)]
mod tests;
