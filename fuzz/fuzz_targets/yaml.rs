//! Any bytes as a rule file.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| chatwarden_policy::yaml::fuzz_yaml(data));
