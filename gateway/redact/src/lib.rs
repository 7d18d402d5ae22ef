//! Streaming redaction of contact data.
//!
//! Bytes in, the same bytes out but for the hidden values. A [`Plan`] is compiled once from [`Selector`]s, each
//! with the [`Class`] of contact data that it finds, and shared; a [`Redactor`] carries one body through it.
//!
//! What this crate promises:
//!
//! - **Any cut.** The output does not depend on how the input was cut into chunks, down to single bytes.
//! - **Verbatim.** Everything outside of hidden values leaves as it came: white space, escapes, the spelling of
//!   numbers, the order of keys, duplicates.
//! - **Bounded.** A stream holds the current key, the current value if it is hidden or looked into, and a state per
//!   open container, each under a limit with a name; and where a condition waits for a member, output up to another.
//! - **Closed on failure.** What is not well-formed is an error; after it nothing more is emitted, and of a hidden
//!   value nothing ever was.
//! - **Shapes stay.** A masked string is a string, a masked number a number, null is null; of a hidden object or
//!   array every leaf is hidden.
//!
//! It knows no files, sockets or clocks: keys and bytes arrive as arguments.
//!
//! ```
//! use std::sync::Arc;
//!
//! use chatwarden_redact::{AliasKey, Class, Display, Plan, Redactor, Selector};
//!
//! let plan = Plan::builder()
//!     .field(Class::Phone, &Selector::parse("$..phone")?)
//!     .field(Class::Name, &Selector::parse("$.clients[*].name")?)
//!     .display(Class::Name, Display::Hidden)
//!     .display(Class::Phone, Display::Partial)
//!     .build(&AliasKey::new(&[7; 32])?)?;
//!
//! let mut redactor = Redactor::json(Arc::new(plan));
//! let mut out = Vec::new();
//! for chunk in [r#"{"clients": [{"name": "Anna Kova"#, r#"lenko", "\u0070hone": "+37061234507", "id": 1.0}]}"#] {
//!     redactor.write(chunk.as_bytes(), &mut out)?;
//! }
//! let summary = redactor.finish(&mut out)?;
//!
//! let expected = r#"{"clients": [{"name": "hidden", "\u0070hone": "+•••••••07", "id": 1.0}]}"#;
//! assert_eq!(String::from_utf8(out)?, expected);
//! assert_eq!(summary.hidden[Class::Phone.index()], 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![deny(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test"))]

pub use alias::{AliasKey, Code, Digest, KeyError, KeyId};
pub use class::Class;
#[doc(hidden)]
pub use codings::fuzz::fuzz_codings;
pub use copies::Learnt;
#[doc(hidden)]
pub use copies::fuzz::fuzz_text;
#[doc(hidden)]
pub use csv::fuzz::fuzz_csv;
pub use display::Display;
pub use error::RedactError;
#[doc(hidden)]
pub use event_stream::fuzz::fuzz_event_stream;
#[doc(hidden)]
pub use form::fuzz::fuzz_form;
#[doc(hidden)]
pub use framed::fuzz::fuzz_framed;
#[doc(hidden)]
pub use html::fuzz::fuzz_html;
pub use html::rule::{HtmlRule, HtmlSelectorError, HtmlTarget};
#[doc(hidden)]
pub use json::fuzz::fuzz_json;
#[doc(hidden)]
pub use json::nested::fuzz::fuzz_nested;
pub use marks::{Mark, Opened, find_marks, judge};
pub use mask::mask;
pub use patterns::{Detector, Found as Match};
pub use plan::{Condition, Plan, PlanBuilder, PlanError, Test};
pub use redactor::{Format, Limits, Redactor, Summary};
pub use restore::{
    Declared, Finding, Findings, Found, MultipartWatch, OnMasked, Refusal, RestoreError, RestoreOptions,
    Restored, Restorer, Wanted, WatchError,
};
#[doc(hidden)]
pub use restore::{fuzz_restore, fuzz_restore_form};
pub use selector::{Pick, Segment, Selector, SelectorError};
pub use token::KeyRing;
pub use vault::{MemoryVault, Vault, VaultError};
#[doc(hidden)]
pub use websocket::fuzz::fuzz_websocket;

mod alias;
mod class;
pub mod codings;
mod copies;
mod csv;
mod display;
mod error;
mod event_stream;
mod form;
mod fragment;
mod framed;
mod html;
mod inner;
mod json;
mod link;
mod marks;
mod mask;
mod patterns;
mod percent;
mod plain;
mod plan;
mod redactor;
mod restore;
mod rewriter;
mod scan;
mod selector;
mod text;
mod token;
pub mod vault;
pub mod websocket;
