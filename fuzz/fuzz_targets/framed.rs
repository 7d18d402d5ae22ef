//! Any bytes as a body of framed JSON and its cuts, against the redactors of framings.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| chatwarden_redact::fuzz_framed(data));
