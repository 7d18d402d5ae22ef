//! The gateway: all input and output.
//!
//! Connections come in through `listen`, pass the phases of `proxy`, are judged by `chatwarden_policy` and rewritten by
//! `chatwarden_redact`. The rooms around it: `config` (what ops decide), `reload` (rule files become generations),
//! `identity` (who is calling), `certificates` (of TLS), `in_band` (whose a stream of messages is), `actions` (the action log), `vault` (what aliases
//! stand for), `admin` and `metrics` (for ops), `demo` (a chat application to try it on) and `cli`.
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test"))]

pub mod actions;
pub mod admin;
pub mod certificates;
pub mod cli;
pub mod clock;
pub mod config;
mod connection;
pub mod demo;
mod durable;
mod forwarders;
pub mod gateway;
pub mod generation;
pub mod identity;
mod in_band;
pub mod keys;
mod learnt;
pub mod listen;
mod live;
pub mod metrics;
pub mod peer;
pub mod profiles;
mod proxy;
pub mod reload;
pub mod secret;
pub mod vault;
