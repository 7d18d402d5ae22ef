//! Any bytes as a text or a document with copies, and their cuts.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| chatwarden_redact::fuzz_text(data));
