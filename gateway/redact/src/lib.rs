//! Streaming redaction of contact data.
//!
//! Bytes in, the same bytes out but for the hidden values, whatever the cut. No files, sockets or clocks.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test"))]
