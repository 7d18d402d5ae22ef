//! Any bytes as a form and its cuts, against the form redactor.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| chatwarden_redact::fuzz_form(data));
