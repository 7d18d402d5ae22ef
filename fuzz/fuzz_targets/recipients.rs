//! A line as a content type, a line as a query, the rest as a body: the recipients of a download.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| chatwarden_policy::recipients::fuzz_recipients(data));
