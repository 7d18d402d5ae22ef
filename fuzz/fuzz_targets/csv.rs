//! Any bytes as a table and its cuts, against the CSV redactor.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| chatwarden_redact::fuzz_csv(data));
