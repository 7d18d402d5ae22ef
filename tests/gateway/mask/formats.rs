//! What `mask` reads besides JSON: other grammars, by type or ending, and codings around them.

use chatwarden_redact::codings::{
    Coding, CodingError, CodingLimits, Decoder, Encoder, Progress, parse_content_encoding,
};

use super::{CARD, mask, place};

#[test]
fn other_formats_are_named_by_type_or_ending() {
    let place = place();
    let call = |media_type: &str, input: &str| {
        let masked =
            mask(place.path(), &["--group", "support", "--type", media_type], input.as_bytes()).fine();
        assert!(!masked.text().contains("37061234567"), "{media_type}: {}", masked.text());
        masked.text().to_owned()
    };
    let phone = r#"{"client_phone":"+37061234567"}"#;
    assert!(call("application/json-seq", &format!("\x1e{phone}\n\x1e{phone}\n")).starts_with("\x1e{"));
    assert!(call("text/event-stream", &format!("id: 7\ndata: {phone}\n\n")).starts_with("id: 7\ndata: {"));
    assert!(call("application/javascript", &format!("cb({phone});")).ends_with("});"));
    assert!(call("framed", &format!(r#"42["msg",{phone}]"#)).starts_with(r#"42["msg",{"#));
    assert!(
        call("application/x-www-form-urlencoded", "id=1&client_phone=%2B37061234567").starts_with("id=1&")
    );
    let page = format!(r#"<p>1</p><script type="application/json">{phone}</script>"#);
    assert!(call("text/html; charset=utf-8", &page).starts_with("<p>1</p>"));
}

#[test]
fn columns_of_tables_are_those_of_the_profile() {
    let place = place();
    let profile = place.path().join("profiles/blinger.yaml");
    let text = std::fs::read_to_string(&profile).unwrap();
    let without = text.lines().filter(|line| !line.starts_with("csv:")).collect::<Vec<_>>().join("\n");
    assert_ne!(text.trim_end(), without);
    std::fs::write(&profile, without).unwrap();
    mask(place.path(), &["--group", "support", "--type", "text/csv"], b"a,b\r\n")
        .refused(64, &["no columns"]);
    std::fs::write(&profile, text).unwrap();
    std::fs::write(place.path().join("a.csv"), "Id;Phone;Client\r\n7;+37061234567;\"Anna K\"\r\n").unwrap();
    let masked = mask(place.path(), &["--group", "support", "a.csv"], b"").fine();
    assert!(masked.text().starts_with("Id;Phone;Client\r\n7;+999"), "{}", masked.text());
    assert!(!masked.text().contains("Anna"), "{}", masked.text());
}

#[test]
fn what_is_coded_stays_coded_alike() {
    let place = place();
    let cards = format!("[{}0]", format!("{CARD},").repeat(5000));
    let plain = mask(place.path(), &["--group", "support"], cards.as_bytes()).fine();
    for encoding in ["gzip", "deflate", "br", "zstd", "gzip, br", "identity"] {
        let codings = parse_content_encoding(encoding).unwrap();
        let coded = codings.iter().fold(cards.as_bytes().to_vec(), |body, coding| code(*coding, &body));
        let masked = mask(place.path(), &["--group", "support", "--encoding", encoding], &coded).fine();
        assert_eq!(decoded(&codings, &masked.out), Ok(plain.out.clone()), "{encoding}");
        let passed = mask(place.path(), &["--group", "supervisors", "--encoding", encoding], &coded).fine();
        assert_eq!(passed.out, coded, "{encoding}");
        if encoding == "identity" {
            continue;
        }
        let cut =
            mask(place.path(), &["--group", "support", "--encoding", encoding], &coded[..coded.len() - 9]);
        cut.refused(1, &["error: stdin: offset ", "= help: "]);
        assert!(
            decoded(&codings, &cut.out).is_err() || cut.out.is_empty(),
            "{encoding}: a cut output has an end"
        );
    }
    let broken = code(Coding::Gzip, b"{\"a\": }");
    let refused = mask(place.path(), &["--group", "support", "--encoding", "gzip"], &broken);
    refused.refused(1, &["offset 6 when decoded: something that is not a value (invalid-value)"]);
    assert!(decoded(&[Coding::Gzip], &refused.out).is_err() || refused.out.is_empty());
    mask(place.path(), &["--group", "support", "--encoding", "gzip"], b"{}")
        .refused(1, &["(malformed-coding)"]);
    mask(place.path(), &["--group", "support", "--encoding", "lzma"], b"{}")
        .refused(64, &["known are `gzip`"]);
}

fn code(coding: Coding, body: &[u8]) -> Vec<u8> {
    let (mut encoder, mut coded) = (Encoder::new(coding), Vec::new());
    encoder.write(body, &mut coded).unwrap();
    encoder.finish(&mut coded).unwrap();
    coded
}

fn decoded(codings: &[Coding], mut body: &[u8]) -> Result<Vec<u8>, CodingError> {
    let (mut decoder, mut plain) = (Decoder::new(codings, CodingLimits::default()), Vec::new());
    while decoder.decode(&mut body, &mut plain, 1 << 20)? == Progress::NeedsRoom {}
    decoder.finish().map(|()| plain)
}
