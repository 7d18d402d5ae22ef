//! Any bytes as a coded body, and as one to code.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| chatwarden_redact::fuzz_codings(data));
