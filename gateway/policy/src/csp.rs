//! `Content-Security-Policy`: who may embed a page, written into the policies that the application already sends.
//!
//! A header value holds policies between commas, and browsers enforce every one of them (CSP Level 3 §2.2.2): the
//! directive is replaced in each. All other directives stay as they are, byte for byte.

/// The header value with `frame-ancestors` set to `sources` in each of its policies.
///
/// Of several `frame-ancestors` in one policy a browser heeds the first (CSP3 §2.2.1); they become one. No sources
/// means nobody.
pub fn with_frame_ancestors(policy_header: &str, sources: &str) -> String {
    let sources = match sources.trim_matches(WHITE_SPACE) {
        "" => "'none'",
        sources => sources,
    };
    let policies = policy_header.split(',').filter(|policy| directives(policy).next().is_some());
    let merged: Vec<String> = policies.map(|policy| merge(policy, sources)).collect();
    if merged.is_empty() { format!("{DIRECTIVE} {sources}") } else { merged.join(",") }
}

/// Body of the fuzz target: a line of sources, then the header value.
#[doc(hidden)]
pub fn fuzz_csp(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let Some((sources, header)) = text.split_once('\n') else { return };
    if sources.contains([',', ';']) || sources.trim_matches(WHITE_SPACE).is_empty() {
        return;
    }
    let merged = with_frame_ancestors(header, sources);
    let others = |text: &str| -> Vec<String> {
        text.split(',').flat_map(directives).filter(|text| !is_ours(text)).map(str::to_owned).collect()
    };
    assert_eq!(others(header), others(&merged), "other directives stay");
    let wanted = format!("{DIRECTIVE} {}", sources.trim_matches(WHITE_SPACE));
    for policy in merged.split(',') {
        let ours: Vec<&str> = directives(policy).filter(|text| is_ours(text)).collect();
        assert_eq!(ours, [wanted.as_str()], "each policy has the directive once");
    }
}

const DIRECTIVE: &str = "frame-ancestors";
/// ASCII white space of the Infra standard.
const WHITE_SPACE: [char; 5] = [' ', '\t', '\n', '\u{c}', '\r'];

fn merge(policy: &str, sources: &str) -> String {
    let mut merged = String::with_capacity(policy.len() + DIRECTIVE.len() + sources.len() + 3);
    let mut written = false;
    for (at, text) in policy.split(';').enumerate() {
        let ours = is_ours(text.trim_matches(WHITE_SPACE));
        if ours && written {
            continue;
        }
        if at > 0 {
            merged.push(';');
        }
        if ours {
            let (blanks, _) = text.split_at(text.len() - text.trim_start_matches(WHITE_SPACE).len());
            merged.extend([blanks, DIRECTIVE, " ", sources]);
            written = true;
        } else {
            merged.push_str(text);
        }
    }
    if !written {
        let ended = merged.trim_end_matches(WHITE_SPACE).ends_with(';');
        merged.extend([if ended { " " } else { "; " }, DIRECTIVE, " ", sources]);
    }
    merged
}

/// The directives of one policy, without the white space around them.
fn directives(policy: &str) -> impl Iterator<Item = &str> {
    policy.split(';').map(|text| text.trim_matches(WHITE_SPACE)).filter(|text| !text.is_empty())
}

fn is_ours(directive: &str) -> bool {
    let name = directive.split(WHITE_SPACE).next().unwrap_or_default();
    name.eq_ignore_ascii_case(DIRECTIVE)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCES: &str = "'self' https://crm.example.com";

    #[test]
    fn each_policy_has_the_directive_once() {
        for (header, expected) in [
            ("", "frame-ancestors S"),
            (" , ;; ,", "frame-ancestors S"),
            ("default-src 'self'", "default-src 'self'; frame-ancestors S"),
            ("default-src 'self';", "default-src 'self'; frame-ancestors S"),
            ("default-src 'self' ; ", "default-src 'self' ;  frame-ancestors S"),
            ("frame-ancestors 'none'", "frame-ancestors S"),
            ("Frame-Ancestors 'none'; img-src *", "frame-ancestors S; img-src *"),
            ("img-src *; frame-ancestors\t'none' ;x", "img-src *; frame-ancestors S;x"),
            ("frame-ancestors", "frame-ancestors S"),
            ("img-src *;frame-ancestors a;FRAME-ANCESTORS b;x", "img-src *;frame-ancestors S;x"),
            (
                "img-src *,script-src 'none'",
                "img-src *; frame-ancestors S,script-src 'none'; frame-ancestors S",
            ),
            ("img-src *, frame-ancestors *", "img-src *; frame-ancestors S, frame-ancestors S"),
            ("img-src *,,frame-ancestors *", "img-src *; frame-ancestors S,frame-ancestors S"),
            ("frame-ancestorsx *", "frame-ancestorsx *; frame-ancestors S"),
            ("x-frame-ancestors *", "x-frame-ancestors *; frame-ancestors S"),
            ("script-src 'nonce-frame-ancestors'", "script-src 'nonce-frame-ancestors'; frame-ancestors S"),
            ("report-uri /a?b=frame-ancestors", "report-uri /a?b=frame-ancestors; frame-ancestors S"),
        ] {
            assert_eq!(with_frame_ancestors(header, SOURCES), expected.replace('S', SOURCES), "{header}");
        }
        assert_eq!(with_frame_ancestors("img-src *", " "), "img-src *; frame-ancestors 'none'");
    }

    #[test]
    fn seeded_noise_keeps_the_promises() {
        let alphabet = [
            ";",
            ",",
            " ",
            "\t",
            "frame-ancestors",
            "Frame-Ancestors",
            " 'none'",
            "img-src *",
            "x",
            "\u{a0}",
        ];
        let mut seed: u64 = 0x5eed;
        for _ in 0..20_000 {
            let mut text = format!("{SOURCES}\n");
            for _ in 0..9 {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                text.push_str(alphabet[(seed >> 33) as usize % alphabet.len()]);
            }
            fuzz_csp(text.as_bytes());
        }
    }
}
