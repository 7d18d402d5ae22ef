//! A line of sources, the rest as a Content-Security-Policy to merge them into.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| chatwarden_policy::csp::fuzz_csp(data));
