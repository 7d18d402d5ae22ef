//! Which markup parts lines of text: elements that readers see as apart, and none within words or sentences.

use memchr::{memchr, memmem};

/// Whether the text before some markup and that behind it are seen as apart.
pub(super) fn ends_line(markup: &[u8]) -> bool {
    let mut rest = markup;
    while let Some(start) = memchr(b'<', rest) {
        rest = &rest[start + 1..];
        if let Some(comment) = rest.strip_prefix(b"!--") {
            let is_short = comment.starts_with(b">") || comment.starts_with(b"->");
            let end = if is_short { b">".as_slice() } else { b"-->" };
            rest = memmem::find(comment, end).map_or(&[], |place| &comment[place + end.len()..]);
            continue;
        }
        let tag = rest.strip_prefix(b"/").unwrap_or(rest);
        let length = tag.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'-').count();
        let name = String::from_utf8_lossy(&tag[..length]).to_ascii_lowercase();
        if LINES.binary_search(&name.as_str()).is_ok() {
            return true;
        }
        rest = behind_tag(&tag[length..]);
    }
    false
}

/// What stands behind the end of a tag.
fn behind_tag(tag: &[u8]) -> &[u8] {
    let mut quote = None;
    for (place, byte) in tag.iter().enumerate() {
        match (quote, byte) {
            (Some(open), _) if open == byte => quote = None,
            (Some(_), _) => {}
            (None, b'"' | b'\'') => quote = Some(byte),
            (None, b'>') => return &tag[place + 1..],
            (None, _) => {}
        }
    }
    &[]
}

/// Elements that begin a line or a box of their own (WHATWG HTML §15.3), or hold no text that is seen; sorted.
const LINES: [&str; 86] = [
    "address",
    "article",
    "aside",
    "audio",
    "base",
    "blockquote",
    "body",
    "br",
    "button",
    "canvas",
    "caption",
    "center",
    "col",
    "colgroup",
    "dd",
    "desc",
    "details",
    "dialog",
    "dir",
    "div",
    "dl",
    "dt",
    "embed",
    "fieldset",
    "figcaption",
    "figure",
    "footer",
    "foreignobject",
    "form",
    "frame",
    "frameset",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "head",
    "header",
    "hgroup",
    "hr",
    "html",
    "iframe",
    "input",
    "legend",
    "li",
    "link",
    "listing",
    "main",
    "math",
    "menu",
    "meta",
    "meter",
    "nav",
    "noembed",
    "noframes",
    "noscript",
    "object",
    "ol",
    "optgroup",
    "option",
    "p",
    "plaintext",
    "pre",
    "progress",
    "script",
    "search",
    "section",
    "select",
    "style",
    "summary",
    "svg",
    "table",
    "tbody",
    "td",
    "template",
    "text",
    "textarea",
    "tfoot",
    "th",
    "thead",
    "title",
    "tr",
    "ul",
    "video",
    "xmp",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_with_lines_of_their_own_end_a_line_and_others_do_not() {
        assert!(LINES.is_sorted());
        for markup in
            ["<p>", "</B></TD >", "<br/>", "<b title='>'><td>", "<!-- > --><p>", "<!--><li>", "<script>a<b"]
        {
            assert!(ends_line(markup.as_bytes()), "{markup}");
        }
        for markup in
            ["", "<b>", "</a><x-user name='<p>'>", "<!-- <p> -->", "<!---><i>", "<b", "<![CDATA[", "]]>"]
        {
            assert!(!ends_line(markup.as_bytes()), "{markup}");
        }
    }
}
