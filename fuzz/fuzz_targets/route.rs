//! A line as a route pattern, the next as a path, against the route table.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| chatwarden_policy::route::fuzz_route(data));
