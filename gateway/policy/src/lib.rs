//! Rules and decisions.
//!
//! Files become rules, rules and facts become a verdict; nothing here reads a file, opens a socket or looks at a
//! clock. What a rule file may say, what is wrong with it and where, and what a request's facts amount to, are
//! answered here and nowhere else.
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test"))]

pub mod account;
pub mod address;
pub mod answer;
pub mod body;
pub mod carrier;
pub mod client_address;
pub mod csp;
pub mod diagnostic;
pub mod disposition;
pub mod evaluate;
pub mod extract;
pub mod format;
pub mod glance;
pub mod in_band;
pub mod media_type;
pub mod message;
pub mod multipart;
pub mod networks;
pub mod path;
pub mod policy;
pub mod profile;
pub mod reason;
pub mod recipients;
pub mod route;
pub mod rules;
pub mod schema;
pub mod shape;
pub mod source;
pub mod suggest;
pub mod units;
pub mod verdict;
pub mod way_back;
pub mod yaml;
