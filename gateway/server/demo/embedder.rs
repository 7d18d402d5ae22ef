//! A second origin: a plain CRM page that embeds the app, and says in words whether the browser let it.

use std::io;
use std::net::SocketAddr;

use axum::Router;
use axum::response::IntoResponse;
use axum::routing::get;
use http::header;

use super::serve::Server;

/// A running page that embeds the app; it stops when dropped.
pub struct Embedder {
    server: Server,
}

impl Embedder {
    /// Starts the page under `label`; it embeds `app_url`. Open it as `http://localhost:PORT/` while the app is
    /// reached by address, so that the two are different sites for the browser.
    pub async fn start(addr: SocketAddr, app_url: &str, label: &str) -> io::Result<Embedder> {
        let page = include_str!("pages/embedder.html")
            .replace("{{label}}", &escaped(label))
            .replace("{{app_url}}", &escaped(app_url));
        let policy = format!("default-src 'self'; frame-src {}", source(app_url));
        let router = Router::new()
            .route(
                "/",
                get(async move || {
                    let headers = [
                        (header::CONTENT_TYPE, "text/html; charset=utf-8".to_owned()),
                        (header::CONTENT_SECURITY_POLICY, policy),
                    ];
                    (headers, page).into_response()
                }),
            )
            .route(
                "/embedder.css",
                get(|| text("text/css; charset=utf-8", include_str!("pages/embedder.css"))),
            )
            .route(
                "/embedder.js",
                get(|| text("text/javascript; charset=utf-8", include_str!("pages/embedder.js"))),
            )
            .route("/favicon.ico", get(|| text("image/svg+xml", include_str!("pages/icon.svg"))));
        Ok(Embedder { server: Server::start(addr, |_| router).await? })
    }

    /// The address the page listens on.
    pub fn addr(&self) -> SocketAddr {
        self.server.addr()
    }
}

async fn text(content_type: &'static str, text: &'static str) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, content_type)], text)
}

/// The app's origin as a source of a policy: nothing that could begin another directive.
fn source(url: &str) -> &str {
    let end =
        url.find(|character: char| character.is_whitespace() || matches!(character, ';' | ',' | '\'' | '"'));
    url.get(..end.unwrap_or(url.len())).unwrap_or_default()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
