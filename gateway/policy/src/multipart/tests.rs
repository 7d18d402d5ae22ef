//! Tests of the multipart reader: what it reads to the letter, and what it refuses.

use super::*;

const TYPE: &str = "multipart/form-data; boundary=XX";

/// A body of one part with these headers, lines between `|`.
fn one(headers: &str, body: &str) -> Vec<u8> {
    format!("--XX\r\n{}\r\n\r\n{body}\r\n--XX--\r\n", headers.replace('|', "\r\n")).into_bytes()
}

fn read(body: &[u8]) -> Result<Vec<Part<'_>>, MultipartError> {
    parts(TYPE, body)
}

#[test]
fn a_form_as_browsers_send_it_is_read() {
    let body = b"--XX\r\nContent-Disposition: form-data; name=\"text\"\r\n\r\nHello\r\n--X \r\n\r\n--XX\r\n\
        Content-Disposition: form-data; name=\"file\"; filename=\"a b.png\"\r\nContent-Type: image/png\r\n\r\n\
        \x89PNG\r\n\x00\r\n--XX--\r\n";
    let parts = read(body).unwrap();
    assert_eq!(parts.len(), 2);
    assert_eq!(
        (&*parts[0].name, parts[0].file_name, parts[0].body),
        ("text", false, &b"Hello\r\n--X \r\n"[..])
    );
    assert_eq!((&*parts[1].name, parts[1].file_name, parts[1].body), ("file", true, &b"\x89PNG\r\n\x00"[..]));
    assert_eq!(parts[1].content_type.as_deref(), Some("image/png"));
    assert!(has_file(&parts) && !has_file(&parts[..1]));
    assert_eq!(read(b"--XX--\r\n"), Ok(vec![]));
}

#[test]
fn files_are_told_by_name_type_and_bytes() {
    for (headers, body, expected) in [
        ("Content-Disposition: form-data; name=\"a\"", "text", false),
        ("content-disposition:form-data;name=a", "text", false),
        ("Content-Disposition: form-data; name=\"a\"|Content-Type: text/plain; charset=UTF-8", "text", false),
        (
            "Content-Disposition: form-data; name=\"a\"|Content-Transfer-Encoding: 8bit|Content-Length: 4",
            "text",
            false,
        ),
        (
            "Content-Disposition: form-data; name=\"a\"; filename=\"\"|Content-Type: application/octet-stream",
            "",
            false,
        ),
        ("Content-Disposition: form-data; name=\"a\"; filename=\"\"", "text", true),
        ("Content-Disposition: form-data; name=\"a\"; filename=\"x.txt\"", "", true),
        ("Content-Disposition: form-data; name=\"a\"; FileName=x.txt|Content-Type: text/plain", "text", true),
        ("Content-Disposition: form-data; name=\"a\"|Content-Type: application/json", "{}", true),
        ("Content-Disposition: form-data; name=\"a\"|Content-Type: image/png", "", true),
        ("Content-Disposition: form-data; name=\"a\"", "a\0b", true),
    ] {
        let body = one(headers, body);
        assert_eq!(read(&body).map(|parts| has_file(&parts)), Ok(expected), "{headers}");
    }
    let mut body = one("Content-Disposition: form-data; name=\"a\"", "#");
    let at = body.iter().position(|byte| *byte == b'#').unwrap();
    body[at] = 0xff;
    assert!(has_file(&read(&body).unwrap()));
}

#[test]
fn headers_that_servers_read_differently_are_refused() {
    use MultipartError::{Disposition, Header, PartType, TransferEncoding};
    for (headers, expected) in [
        ("Content-Type: text/plain", Disposition),
        ("Content-Disposition: form-data", Disposition),
        ("Content-Disposition: form-data; filename=\"a\"", Disposition),
        ("Content-Disposition: attachment; name=\"a\"", Disposition),
        ("Content-Disposition: form-data; name=\"a\"; filename*=utf-8''x.exe", Disposition),
        ("Content-Disposition: form-data; name=\"a\"; filename*=x", Disposition),
        ("Content-Disposition: form-data; name='a'", Disposition),
        ("Content-Disposition: form-data; name=\"a\"; filename='x\";y'", Disposition),
        ("Content-Disposition: form-data; name=\"a\"; name=\"b\"", Disposition),
        ("Content-Disposition: form-data; name=\"a\"; filename=\"b\"; FILENAME=\"c\"", Disposition),
        ("Content-Disposition: form-data; name=\"a\\\"; filename=\\\"x\"", Disposition),
        ("Content-Disposition: form-data; name=\"a\"; size=1", Disposition),
        ("Content-Disposition: form-data; name = \"a\"", Disposition),
        ("Content-Disposition: form-data; name=\"a", Disposition),
        ("Content-Disposition: form-data; name=\"a\" filename=\"x\"", Disposition),
        ("Content-Disposition: form-data; name=\"a\"; filename", Disposition),
        ("Content-Disposition: form-data; name=\"a\";\u{a0}filename=\"x\"", Disposition),
        ("Content-Disposition: form-data, form-data; name=\"a\"", Disposition),
        ("Content-Disposition: form-data; name=\"a\"|Content-Disposition: form-data; name=\"b\"", Header),
        ("Content-Disposition: form-data;| name=\"a\"", Header),
        ("Content-Disposition: form-data; name=\"a\"|\tfilename=\"x\"", Header),
        ("Content-Disposition: form-data; name=\"a\";\x0b filename=\"x\"", Header),
        ("Content-Disposition: form-data; name=\"a\n\"", Header),
        ("Content-Disposition : form-data; name=\"a\"", Header),
        (" Content-Disposition: form-data; name=\"a\"", Header),
        ("xContent-Disposition: form-data; name=\"a\"", Header),
        ("\u{feff}Content-Disposition: form-data; name=\"a\"", Header),
        ("Content-Disposition form-data; name=\"a\"", Header),
        ("X-Other: 1|Content-Disposition: form-data; name=\"a\"", Header),
        (
            "Content-Disposition: form-data; name=\"a\"|Content-Type: text/plain|Content-Type: image/png",
            Header,
        ),
        ("Content-Disposition: form-data; name=\"a\"|Content-Type: text/plain; charset=utf-7", PartType),
        ("Content-Disposition: form-data; name=\"a\"|Content-Type: text/plain; charset=ibm037", PartType),
        (
            "Content-Disposition: form-data; name=\"a\"|Content-Type: text/plain; charset=utf-8; charset=utf-7",
            PartType,
        ),
        ("Content-Disposition: form-data; name=\"a\"|Content-Type: text", PartType),
        ("Content-Disposition: form-data; name=\"a\"|Content-Type: multipart/mixed; boundary=YY", PartType),
        ("Content-Disposition: form-data; name=\"a\"|Content-Transfer-Encoding: base64", TransferEncoding),
        (
            "Content-Disposition: form-data; name=\"a\"|Content-Transfer-Encoding: quoted-printable",
            TransferEncoding,
        ),
    ] {
        let body = one(headers, "text");
        assert_eq!(read(&body), Err(expected), "{headers}");
    }
    assert_eq!(read(b"--XX\r\n\r\ntext\r\n--XX--"), Err(Header));
}

#[test]
fn boundaries_that_servers_read_differently_are_refused() {
    use MultipartError::{BoundaryLine, Epilogue, Header, Preamble, Unfinished};
    let head = "Content-Disposition: form-data; name=\"a\"\r\n\r\n";
    for (body, expected) in [
        (String::new(), Preamble),
        (format!("\r\n--XX\r\n{head}b\r\n--XX--"), Preamble),
        (format!("text\r\n--XX\r\n{head}b\r\n--XX--"), Preamble),
        (format!("--YY\r\n{head}b\r\n--YY--"), Preamble),
        (format!("--XX\r\n{head}b\r\n--XX--\r\nmore"), Epilogue),
        (format!("--XX\r\n{head}b\r\n--XX--\r\n--XX\r\n{head}b\r\n--XX--"), Epilogue),
        (format!("--XX\r\n{head}b\r\n--XX-- "), Epilogue),
        (format!("--XX\r\n{head}b\r\n"), Unfinished),
        (format!("--XX\r\n{head}b\r\n--XX\r\n"), Unfinished),
        (format!("--XX\r\n{head}b"), Unfinished),
        (format!("--XX\r\n{head}b\r\n--XX-"), BoundaryLine),
        (format!("--XX\r\n{head}b\r\n--XX"), BoundaryLine),
        (format!("--XX \r\n{head}b\r\n--XX--"), BoundaryLine),
        (format!("--XX\n{head}b\r\n--XX--"), BoundaryLine),
        (format!("--XX\r\n{head}b\n--XX--"), BoundaryLine),
        (format!("--XX\r\n{head}b\n--XX\r\n{head}c\r\n--XX--"), BoundaryLine),
        (format!("--XX\r\n{head}b--XXc\r\n--XX--"), BoundaryLine),
        (format!("--XX\r\n{head}b\r\n--XXY\r\n{head}c\r\n--XX--"), BoundaryLine),
        (format!("--XX\r\n{}b\r\n--XX--", head.replace("\r\n", "\n")), Header),
        ("--XX\r\nContent-Disposition: form-data; name=\"a\"\r\n--XX--".to_owned(), Header),
    ] {
        assert_eq!(read(body.as_bytes()), Err(expected), "{body:?}");
    }
    let many = format!("--XX\r\n{head}b\r\n").repeat(MAX_PARTS + 1) + "--XX--";
    assert_eq!(read(many.as_bytes()), Err(MultipartError::TooMany));
}

#[test]
fn one_plain_boundary_is_wanted() {
    let body = one("Content-Disposition: form-data; name=\"a\"", "text");
    for (content_type, expected) in [
        ("multipart/form-data; boundary=XX", true),
        ("Multipart/Form-Data;BOUNDARY=\"XX\"", true),
        ("multipart/form-data; charset=utf-8; boundary=XX", true),
        ("multipart/form-data", false),
        ("multipart/form-data; boundary=", false),
        ("multipart/form-data; boundary=\"\"", false),
        ("multipart/form-data; boundary=XX; boundary=XX", false),
        ("multipart/form-data; boundary=XX; boundary=YY", false),
        ("multipart/form-data; boundary='XX'", false),
        ("multipart/form-data; boundary=\"X\\X\"", false),
        ("multipart/form-data; boundary*=utf-8''XX", false),
        ("multipart/form-data; boundary=XX, multipart/form-data; boundary=YY", false),
        ("multipart/form-data; boundary=XX; charset=utf-7", false),
        ("multipart/form-data; x=y; boundary=XX", false),
        ("multipart/mixed; boundary=XX", false),
        ("multipart/related; boundary=XX", false),
        ("text/plain; boundary=XX", false),
    ] {
        assert_eq!(parts(content_type, &body).is_ok(), expected, "{content_type}");
    }
    assert!(!is_boundary(&"x".repeat(71)) && is_boundary(&"x".repeat(70)));
}

#[test]
fn seeded_noise_keeps_the_promises() {
    let alphabet: [&[u8]; 14] = [
        b"--XX",
        b"\r\n",
        b"--",
        b"\n",
        b"Content-Disposition: form-data; name=\"a\"",
        b"; filename=\"b\"",
        b"\r\n\r\n",
        b"Content-Type: text/plain",
        b"'",
        b"\\",
        b"\"",
        b"text",
        b"\xff",
        b"--XX--",
    ];
    let mut seed: u64 = 0x5eed;
    for _ in 0..20_000 {
        let mut data = b"multipart/form-data; boundary=XX\n--XX\r\n".to_vec();
        for _ in 0..8 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            data.extend_from_slice(alphabet[(seed >> 33) as usize % alphabet.len()]);
        }
        fuzz_multipart(&data);
    }
}
