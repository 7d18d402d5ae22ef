//! The picture in place of a hidden avatar: drawn from the alias in its own address, the same for everybody.
//!
//! Five by five cells, mirrored, in one of sixteen colours. Nothing of the client is in it but the alias.

use bytes::Bytes;
use http::header;
use pingora::{http::ResponseHeader, proxy::Session};

use super::{context::Context, refusal};

/// Where the gateway serves what is its own.
const RESERVED: &str = "/.chatwarden/";
const AVATARS: &str = "/.chatwarden/avatar/";

/// Whether a path belongs to the gateway itself.
pub(crate) fn is_reserved(path: &str) -> bool {
    path.starts_with(RESERVED)
}

/// Answers with the drawing at an address of the gateway's own, which may stand in for a picture of the application's:
/// what the caller gets there depends on the rules, and is not kept.
pub(crate) async fn write(
    session: &mut Session,
    ctx: &Context,
    address: &str,
    stands_in: bool,
) -> pingora::Result<()> {
    let drawn = alias(address).map(draw);
    let caching = if stands_in { "private, no-cache" } else { "public, max-age=86400" };
    let (status, kind, body) = match drawn {
        Some(svg) => (200, "image/svg+xml", svg),
        None => (404, "text/plain; charset=utf-8", "There is nothing here.\n".to_owned()),
    };
    let mut answer = ResponseHeader::build(status, Some(6))?;
    answer.insert_header(header::CONTENT_TYPE, kind)?;
    answer.insert_header(header::CONTENT_LENGTH, body.len())?;
    answer.insert_header(header::CACHE_CONTROL, caching)?;
    answer.insert_header(header::CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'")?;
    answer.insert_header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")?;
    answer.insert_header(refusal::REQUEST_ID_HEADER, ctx.request_id.as_str())?;
    refusal::write_last(session, answer, Bytes::from(body)).await
}

fn alias(path: &str) -> Option<&str> {
    let alias = path.strip_prefix(AVATARS)?.strip_suffix(".svg")?;
    let sound = (1..=32).contains(&alias.len()) && alias.bytes().all(|byte| byte.is_ascii_alphanumeric());
    sound.then_some(alias)
}

fn draw(alias: &str) -> String {
    // FNV-1a: the picture needs spread, not secrecy.
    let hash = alias.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let hue = (hash >> 60) * 360 / 16;
    let cells: String = (0..15)
        .filter(|cell| hash >> cell & 1 == 1)
        .flat_map(|cell| {
            let (column, row) = (cell / 5, cell % 5);
            [(column, row), (4 - column, row)]
        })
        .map(|(column, row)| format!("M{column} {row}h1v1h-1z"))
        .collect();
    format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="-1 -1 7 7" shape-rendering="crispEdges"><path fill="hsl({hue} 40% 92%)" d="M-1 -1h7v7h-7z"/><path fill="hsl({hue} 45% 45%)" d="{cells}"/></svg>"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_alias_is_drawn() {
        assert_eq!(alias("/.chatwarden/avatar/7f3kq2mx9t.svg"), Some("7f3kq2mx9t"));
        for other in [
            "/.chatwarden/avatar/.svg",
            "/.chatwarden/avatar/a<b.svg",
            "/.chatwarden/avatar/a",
            "/.chatwarden/",
        ] {
            assert_eq!(alias(other), None, "{other}");
        }
    }

    #[test]
    fn one_alias_has_one_picture() {
        assert_eq!(draw("7f3kq2mx9t"), draw("7f3kq2mx9t"));
        assert_ne!(draw("7f3kq2mx9t"), draw("7f3kq2mx9v"));
    }
}
