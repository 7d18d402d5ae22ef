//! Pages through the body of their fuzz target.

use chatwarden_redact::fuzz_html;

use crate::mutations;

#[test]
fn the_corpus_of_pages_and_its_mutations_hold_what_must_hold() {
    mutations::run("html", TOKENS, 3_000, fuzz_html);
}

const TOKENS: &[&[u8]] = &[
    b"<p class=p>",
    b"</p>",
    b"<b>",
    b"</b>",
    b"<li>",
    b"<!--",
    b"-->",
    b"<script>",
    b"</script>",
    b"<svg>",
    b"</svg>",
    b"<noscript>",
    b"</noscript>",
    b"<template>",
    b"<textarea>",
    b"</textarea>",
    b"<![CDATA[",
    b"]]>",
    b"<plaintext>",
    b"<select>",
    b"</select>",
    b"<a href=",
    b" srcset='",
    b" data-x='",
    b" style=\"",
    b"tel:",
    b"url(",
    b"\"",
    b"'",
    b"`",
    b"=",
    b"&quot;",
    b"&#43;",
    b"&nbsp;",
    b"&amp",
    b"{\"phone\":",
    b"[",
    b"}",
    b"1",
    b"\\x7b",
    b"\\u0022",
    b"__STATE__=",
    b"/>",
    b"<",
    b">",
    b" ",
    b"\n",
    b"\0",
    b"\xd0",
    b"\xf0\x9f\x98\x80",
    b"<script type=application/json>",
    b"<meta charset=utf-8>",
    b"<iframe srcdoc='",
];
