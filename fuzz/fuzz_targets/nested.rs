//! Any bytes as a document with strings to look into, against the JSON redactor.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| chatwarden_redact::fuzz_nested(data));
