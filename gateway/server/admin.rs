//! The admin listener: `/status` and `/reload`.
//!
//! It is for ops on the machine itself. A browser on the same machine must not become a way in: every request needs
//! the token, names the listener as its host (a page behind a rebound DNS name does not), and comes from no other
//! origin. Nothing is ever cached, and no CORS header is ever sent.

use std::fmt::{self, Debug, Formatter};
use std::fs;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use subtle::ConstantTimeEq;
use tracing::{error, info, warn};

use crate::durable;

/// Fewer bytes than this are no token.
const TOKEN_BYTES: usize = 32;

/// What the listener asks of its callers and passes on.
#[derive(Clone)]
pub struct Admin {
    token: Arc<Token>,
    hosts: Arc<Hosts>,
    status: Arc<dyn Fn() -> Value + Send + Sync>,
    reload: Arc<dyn Fn() -> Reloaded + Send + Sync>,
}

/// What came of `POST /reload`.
#[derive(Clone, Debug)]
pub struct Reloaded {
    /// Whether the files are in force now: 200, else 422.
    pub in_force: bool,
    /// The answer's body.
    pub body: Value,
}

impl Admin {
    /// Describes a listener; `reload` may block, `status` may not.
    pub fn new(
        token: Token,
        hosts: Hosts,
        status: impl Fn() -> Value + Send + Sync + 'static,
        reload: impl Fn() -> Reloaded + Send + Sync + 'static,
    ) -> Admin {
        Admin {
            token: Arc::new(token),
            hosts: Arc::new(hosts),
            status: Arc::new(status),
            reload: Arc::new(reload),
        }
    }

    /// The listener's routes.
    pub fn router(self) -> Router {
        Router::new()
            .route("/status", get(status))
            .route("/reload", post(reload))
            .fallback(async || refusal(StatusCode::NOT_FOUND, "not-found", "there is no such page"))
            .layer(middleware::from_fn_with_state(self.clone(), guard))
            .with_state(self)
    }

    /// The refusal of a request that may not come in.
    fn refusal(&self, request: &Request) -> Option<Response> {
        let headers = request.headers();
        if !self.hosts.admit(request.uri(), headers) {
            let message = "the Host header is not the address of this listener";
            return Some(refusal(StatusCode::MISDIRECTED_REQUEST, "host-not-admin", message));
        }
        if !headers.get_all(header::ORIGIN).iter().all(|origin| self.hosts.is_origin(origin)) {
            let message = "pages of other origins may not use this listener";
            return Some(refusal(StatusCode::FORBIDDEN, "cross-site-request", message));
        }
        if !self.token.admits(headers) {
            let message = "send the token: `Authorization: Bearer …`";
            let mut response = refusal(StatusCode::UNAUTHORIZED, "token-missing", message);
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            return Some(response);
        }
        None
    }
}

async fn guard(State(admin): State<Admin>, request: Request, next: Next) -> Response {
    let mut response = match admin.refusal(&request) {
        None => next.run(request).await,
        Some(refusal) => refusal,
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

async fn status(State(admin): State<Admin>) -> Json<Value> {
    Json((admin.status)())
}

async fn reload(State(admin): State<Admin>) -> Response {
    match tokio::task::spawn_blocking(move || (admin.reload)()).await {
        Ok(Reloaded { in_force, body }) => {
            let status = if in_force { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
            (status, Json(body)).into_response()
        }
        Err(error) => {
            error!(%error, "A reload asked for on the admin listener did not end");
            refusal(StatusCode::INTERNAL_SERVER_ERROR, "internal-error", "the reload failed; see the log")
        }
    }
}

fn refusal(status: StatusCode, code: &str, message: &str) -> Response {
    (status, Json(json!({ "error": { "code": code, "message": message } }))).into_response()
}

/// The names under which the listener may be addressed.
#[derive(Clone, Debug)]
pub struct Hosts {
    names: Vec<String>,
    any_address: Option<u16>, // the port, where the listener is on every address of the machine
}

impl Hosts {
    /// The names of a listener: loopback, its own address, and the address as it was configured.
    ///
    /// A listener on every address (`0.0.0.0`) may be addressed by any of them, as long as it is an address:
    /// rebinding needs a name.
    pub fn new(listener: SocketAddr, configured: Option<&str>) -> Hosts {
        let port = listener.port();
        let loopback = [
            SocketAddr::from((Ipv4Addr::LOCALHOST, port)).to_string(),
            SocketAddr::from((Ipv6Addr::LOCALHOST, port)).to_string(),
            format!("localhost:{port}"),
        ];
        let mut names = Vec::from(loopback);
        names.push(listener.to_string());
        names.extend(configured.map(str::to_ascii_lowercase));
        if port == 80 {
            let bare: Vec<_> =
                names.iter().filter_map(|name| name.strip_suffix(":80").map(str::to_owned)).collect();
            names.extend(bare);
        }
        Hosts { names, any_address: listener.ip().is_unspecified().then_some(port) }
    }

    /// Whether the request is for this listener: by its one Host header and, in the absolute form, by its target.
    fn admit(&self, target: &Uri, headers: &HeaderMap) -> bool {
        let mut hosts = headers.get_all(header::HOST).iter();
        let (Some(host), None) = (hosts.next(), hosts.next()) else { return false };
        let target = target.authority().is_none_or(|authority| self.is_ours(authority.as_str()));
        target && host.to_str().is_ok_and(|host| self.is_ours(host))
    }

    fn is_origin(&self, origin: &HeaderValue) -> bool {
        let host = origin.to_str().ok().and_then(|origin| origin.strip_prefix("http://"));
        host.is_some_and(|host| self.is_ours(host))
    }

    fn is_ours(&self, host: &str) -> bool {
        let named = self.names.iter().any(|name| name.eq_ignore_ascii_case(host));
        named || self.any_address.is_some_and(|port| is_address(host, port))
    }
}

fn is_address(host: &str, port: u16) -> bool {
    if port == 80 {
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        if bare.parse::<IpAddr>().is_ok() {
            return true;
        }
    }
    host.parse::<SocketAddr>().is_ok_and(|address| address.port() == port)
}

/// The token of the admin listener.
pub struct Token(String);

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// The file cannot be read.
    #[error("the admin token `{}` cannot be read: {error}", file.display())]
    Unreadable {
        /// The token's file.
        file: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The file cannot be made.
    #[error("the admin token `{}` cannot be made: {error}", file.display())]
    Unwritable {
        /// The token's file.
        file: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// What the file holds is too easily guessed.
    #[error("the admin token `{}` is shorter than 32 characters", file.display())]
    Short {
        /// The token's file.
        file: PathBuf,
    },
    /// What the file holds cannot be sent as a bearer token (RFC 6750 §2.1).
    #[error("the admin token `{}` holds other characters than letters, digits and `-._~+/=`", file.display())]
    Unsendable {
        /// The token's file.
        file: PathBuf,
    },
}

impl Token {
    /// Reads the token from the state directory, and makes it first if there is none.
    pub fn in_state(state: &Path) -> Result<Token, TokenError> {
        let file = state.join("admin.token");
        match fs::symlink_metadata(&file) {
            Err(error) if error.kind() == ErrorKind::NotFound => make(state, &file)?,
            Ok(_) | Err(_) => {}
        }
        Token::in_file(&file)
    }

    /// Reads the token from a file of ops' own.
    pub fn in_file(file: &Path) -> Result<Token, TokenError> {
        let unreadable = |error| TokenError::Unreadable { file: file.to_owned(), error };
        let metadata = fs::metadata(file).map_err(unreadable)?;
        if !metadata.is_file() || metadata.len() > 64 << 10 {
            return Err(unreadable(ErrorKind::InvalidInput.into()));
        }
        let text = fs::read_to_string(file).map_err(unreadable)?;
        let token = text.strip_suffix('\n').unwrap_or(&text);
        if token.len() < TOKEN_BYTES {
            return Err(TokenError::Short { file: file.to_owned() });
        }
        if !token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte)) {
            return Err(TokenError::Unsendable { file: file.to_owned() });
        }
        if metadata.permissions().mode() & 0o077 != 0 {
            warn!(file = %file.display(), "Others may read the admin token; make its mode 0600");
        }
        Ok(Token(token.to_owned()))
    }

    /// Whether the request carries this token, once.
    fn admits(&self, headers: &HeaderMap) -> bool {
        let mut values = headers.get_all(header::AUTHORIZATION).iter();
        let (Some(value), None) = (values.next(), values.next()) else { return false };
        let Some((scheme, token)) = value.to_str().ok().and_then(|value| value.split_once(' ')) else {
            return false;
        };
        scheme.eq_ignore_ascii_case("bearer") && bool::from(token.as_bytes().ct_eq(self.0.as_bytes()))
    }
}

impl Debug for Token {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("Token(***)")
    }
}

fn make(state: &Path, file: &Path) -> Result<(), TokenError> {
    let unwritable = |error| TokenError::Unwritable { file: file.to_owned(), error };
    let mut random = [0; TOKEN_BYTES];
    getrandom::fill(&mut random).map_err(|error| unwritable(io::Error::other(error.to_string())))?;
    let token = BASE64_URL_SAFE_NO_PAD.encode(random) + "\n";
    durable::make_directory(state).map_err(unwritable)?;
    match durable::create_whole(file, token.as_bytes()) {
        Ok(()) => info!(file = %file.display(), "Made a token for the admin listener"),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {} // by a gateway that starts at the same time
        Err(error) => return Err(unwritable(error)),
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests;
