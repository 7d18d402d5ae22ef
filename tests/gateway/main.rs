//! The gateway over real sockets, in front of the demo's chat app: one module a feature.
//!
//! Every test starts a gateway and an app of its own, on ports of their own, from the shipped rules and profile; what
//! it changes in them is written in the test. The harness drains the gateway when the test is over.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
#![allow(clippy::print_stderr, reason = "a test that is skipped says so")]

#[macro_use]
mod harness;
mod action_log;
mod basics;
mod browser;
mod cases;
mod chatwoot;
mod client_address;
mod contact_ids;
mod downloads;
mod files;
mod hygiene;
mod identity;
mod iframe;
mod in_band;
mod invariants;
mod ip_whitelist;
mod leaks;
mod limits;
mod listeners;
mod live;
mod mask;
mod personal_data;
mod reload;
mod tls;
mod tree;
mod vault;
mod way_back;
mod webhooks;
mod websocket;
