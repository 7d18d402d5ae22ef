//! A line as a content type, the rest as a body, against the multipart reader.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| chatwarden_policy::multipart::fuzz_multipart(data));
