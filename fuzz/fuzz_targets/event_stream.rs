//! Any bytes as an event stream and its cuts, against the redactor.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| chatwarden_redact::fuzz_event_stream(data));
