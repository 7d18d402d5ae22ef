//! Any bytes as a page and its cuts, against the redactor.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| chatwarden_redact::fuzz_html(data));
