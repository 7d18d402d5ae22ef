//! STUB
pub fn with_frame_ancestors(p: &str, s: &str) -> String { let _ = p; s.to_owned() }
