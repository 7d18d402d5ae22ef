//! Tests of the redaction crate through its public face.
//!
//! Whatever needs a generator, a second implementation or a file lies here; tables stand beside the code.
#![expect(clippy::disallowed_methods, reason = "tests read their fixtures")]
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
#![expect(clippy::print_stdout, reason = "a failed test shows the input it failed on")]

mod acceptance;
mod conditions;
mod copied;
mod copies;
mod corpus;
mod cuts;
mod differential;
mod documents;
mod event_stream;
mod forms;
mod framed;
mod html;
mod ids;
mod judge;
mod leaks;
mod mutations;
mod nested;
mod odd;
mod oracle;
mod payloads;
mod properties;
mod random;
mod reference;
mod selectors;
mod spelled;
mod tables;
mod way_back;
mod websocket;
