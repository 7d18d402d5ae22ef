//! Any bytes as what either side of a WebSocket sends, and as a header of extensions.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| chatwarden_redact::fuzz_websocket(data));
