//! Routes: which requests a profile means.
//!
//! A route is `METHOD[|METHOD] /path`; `ANY` or `*` is any method, `{x}` one segment, `*` anything within a segment,
//! `**` any rest. Tables are built once and answer without allocating. They answer two questions: `exact`, for routes
//! that grant something, and `loose`, for routes that restrict, which also meets the spellings that lenient routers
//! accept. Whatever matches exactly also matches loosely.

mod glob;
mod pattern;
mod table;

#[cfg(test)]
mod tests;

pub use self::{
    pattern::{Pattern, PatternError},
    table::{Match, RouteTable},
};

/// Body of the fuzz target: a line of a pattern, then a line of a path.
#[doc(hidden)]
pub fn fuzz_route(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let Some((pattern, path)) = text.split_once('\n') else { return };
    let pattern = match Pattern::parse(pattern) {
        Ok(pattern) => pattern,
        Err(error) => {
            assert!(pattern.is_char_boundary(error.offset), "an offset is a place in the text");
            return;
        }
    };
    assert!(pattern.overlaps(&pattern));
    let Ok(path) = crate::path::CanonicalPath::parse(path) else { return };
    let table = RouteTable::build([(pattern, ())]);
    for method in ["GET", "HEAD", "POST"] {
        let exact = table.exact(method, &path);
        let loose = table.loose(method, &path);
        assert!(exact.is_none() || loose.is_some(), "what matches exactly matches loosely");
        for found in exact.iter().chain(&loose) {
            assert!(found.params().all(|(_, value)| !value.is_empty() && !value.contains('/')));
        }
    }
}
