//! What goes upstream: the canonical request, with only what the gateway answers for.

use std::time::Duration;

use chatwarden_policy::verdict::Area;
use chatwarden_redact::codings::Coding;
use http::{HeaderName, header};
use pingora::{http::RequestHeader, proxy::Session, upstreams::peer::HttpPeer};

use super::{
    context::Context, handshake, request, request_body::RequestBody, response, stop, tunnel, validators,
};
use crate::{
    config::{Config, HostHeader},
    gateway::Shared,
};

/// How long a connection to the application may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long an idle connection to the application is kept.
const POOL_TIMEOUT: Duration = Duration::from_secs(60);

pub(crate) fn peer(config: &Config, is_handshake: bool) -> HttpPeer {
    let mut peer = HttpPeer::new(config.upstream.address, false, String::new());
    peer.options.connection_timeout = Some(CONNECT_TIMEOUT);
    peer.options.total_connection_timeout = Some(CONNECT_TIMEOUT);
    peer.options.read_timeout = Some(config.limits.stream_idle_timeout);
    peer.options.idle_timeout = Some(POOL_TIMEOUT);
    if is_handshake {
        handshake::prepare(&mut peer);
    }
    peer
}

/// Tells the application who the client is, in every form that applications know.
fn forward(request: &mut RequestHeader, ctx: &Context) -> pingora::Result<()> {
    // A name of ops' own is not among those that are always removed.
    request.remove_header(ctx.config().proxies.header().name());
    let proto = if ctx.is_secure { "https" } else { "http" };
    let host =
        request.headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default().to_owned();
    if let Some(client) = ctx.client_ip {
        let address = client.to_string();
        // RFC 7239 §6: of IPv6 in brackets, and what has a colon in quotes. A quoted host holds no quote (RFC 9110 §7.2).
        let node = if client.ip().is_ipv6() { format!("\"[{address}]\"") } else { address.clone() };
        let quoted = host.replace(['"', '\\'], "");
        request.insert_header(header::FORWARDED, format!("for={node};host=\"{quoted}\";proto={proto}"))?;
        request.insert_header("x-forwarded-for", address.as_str())?;
        request.insert_header("x-real-ip", address.as_str())?;
    }
    request.insert_header("x-forwarded-host", host)?;
    request.insert_header("x-forwarded-proto", proto)?;
    if let HostHeader::Fixed(host) = &ctx.config().upstream.host_header {
        request.insert_header(header::HOST, host.as_str())?;
    }
    Ok(())
}

/// Lets the application know that it is the gateway who speaks; whatever a caller says of it is removed, in every spelling
/// that applications read alike.
fn introduce(request: &mut RequestHeader, ctx: &Context) -> pingora::Result<()> {
    for (name, value) in &ctx.running.generation.upstream_headers {
        let is_twin =
            |other: &&HeaderName| other.as_str().replace('_', "-") == name.as_str().replace('_', "-");
        let twins: Vec<HeaderName> = request.headers.keys().filter(is_twin).cloned().collect();
        for twin in twins {
            request.remove_header(&twin);
        }
        request.insert_header(name, value)?;
    }
    Ok(())
}

/// Rewrites the head that goes upstream.
pub(crate) fn filter(
    shared: &Shared,
    session: &Session,
    request: &mut RequestHeader,
    ctx: &mut Context,
) -> pingora::Result<()> {
    if request::asks_for_websocket(session.req_header()) {
        tunnel::offer(shared, request, ctx)?;
    }
    forward(request, ctx)?;
    introduce(request, ctx)?;
    request.insert_header(super::refusal::REQUEST_ID_HEADER, ctx.request_id.as_str())?;
    ctx.request_body.restart();
    describe_body(request, &ctx.request_body)?;
    if let Some(word) = ctx.word()
        && let Err(reason) = validators::restore(request, &word)
    {
        ctx.refuse(reason.into());
        return Err(stop(reason));
    }
    let Some(orders) = ctx.orders.as_deref() else { return Ok(()) };
    if !matches!(orders.area, Area::Operator | Area::SignIn) || orders.masking.hide.is_none() {
        return Ok(());
    }
    // A part of a rewritten answer cannot be cut out of the original (RFC 9110 §14).
    request.remove_header(&header::RANGE);
    request.remove_header(&header::IF_RANGE);
    // The application compresses where the client has it so; what it compresses with has to be undone here.
    let shown = response::coding(request);
    let asked = if shown == Coding::Identity { Coding::Identity } else { Coding::Gzip };
    request.insert_header(header::ACCEPT_ENCODING, asked.name())
}

/// What the head says of the body has to hold of the one that goes upstream.
fn describe_body(request: &mut RequestHeader, body: &RequestBody) -> pingora::Result<()> {
    let (length, changed, decoded) = match body {
        RequestBody::Open | RequestBody::Watched(_) => return Ok(()),
        RequestBody::Judged => (None, false, false),
        RequestBody::Whole(whole) => (Some(whole.bytes.len()), whole.changed, whole.decoded),
        // What becomes of it is not known yet; it is in chunks.
        RequestBody::Held(_) => (None, body.transforms(), body.transforms()),
    };
    // A body under inspection was asked for by the gateway itself; the application need not ask again.
    request.remove_header(&header::EXPECT);
    if let Some(length) = length.filter(|_| request.headers.contains_key(header::CONTENT_LENGTH)) {
        request.insert_header(header::CONTENT_LENGTH, length)?;
    }
    if decoded {
        request.remove_header(&header::CONTENT_ENCODING);
    }
    if changed {
        DIGESTS.iter().for_each(|name| {
            request.remove_header(*name);
        });
    }
    Ok(())
}

/// RFC 9530, RFC 3230 and RFC 1864: digests of what came.
const DIGESTS: [&str; 4] = ["content-digest", "repr-digest", "digest", "content-md5"];
