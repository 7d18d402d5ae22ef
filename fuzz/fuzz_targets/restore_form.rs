//! Any bytes as options and a form, query, path or multipart body, against the way back.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| chatwarden_redact::fuzz_restore_form(data));
