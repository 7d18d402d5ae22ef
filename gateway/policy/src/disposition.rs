//! `Content-Disposition`: whether a response is to be saved as a file (RFC 6266).

/// Whether the values of a response's `Content-Disposition` headers name an attachment.
///
/// Anything but `inline` does (RFC 6266 §4.2: an unknown type is handled as `attachment`); so do values that nobody
/// can read, and a single one among several is enough.
pub fn is_attachment<V: AsRef<[u8]>>(values: impl IntoIterator<Item = V>) -> bool {
    values.into_iter().any(|value| {
        let kind = value.as_ref().split(|byte| *byte == b';').next().unwrap_or_default();
        !kind.trim_ascii().eq_ignore_ascii_case(b"inline")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anything_but_inline_is_an_attachment() {
        for (values, expected) in [
            (&[][..], false),
            (&["inline"], false),
            (&["Inline ; filename=\"a.png\""], false),
            (&["attachment"], true),
            (&["ATTACHMENT; filename=a.pdf"], true),
            (&["form-data; name=x"], true),
            (&["filename=a.pdf"], true),
            (&["inline, attachment"], true),
            (&["\"inline\""], true),
            (&[""], true),
            (&["inline", "attachment"], true),
        ] {
            assert_eq!(is_attachment(values), expected, "{values:?}");
        }
        assert!(is_attachment([b"inl\xefne".as_slice()]));
    }
}
