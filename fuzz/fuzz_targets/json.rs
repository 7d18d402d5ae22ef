//! Any bytes as a document and its cuts, against the JSON redactor.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| chatwarden_redact::fuzz_json(data));
