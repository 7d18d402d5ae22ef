//! Any bytes as the path of a request target.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| chatwarden_policy::path::fuzz_path(data));
