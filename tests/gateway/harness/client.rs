//! An HTTP/1.1 client: a connection for every request, from an address of its choice.

use std::{
    convert::Infallible,
    future::{Future, IntoFuture},
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::Arc,
};

use bytes::Bytes;
use chatwarden::demo::App;
use futures_util::stream;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full, StreamBody, combinators::BoxBody};
use hyper::body::{Frame, Incoming};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::{net::TcpSocket, net::TcpStream, time::timeout};
use tokio_tungstenite::{WebSocketStream, tungstenite::protocol::Role};

use super::{PATIENCE, Raw, Response, response};

/// The people of the demo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Persona {
    /// Full access.
    SuperAdmin,
    /// In an exempt group; may do all with files.
    Supervisor,
    /// May neither send nor receive files.
    Trainee,
    /// May not send files.
    Partner,
    /// In no group that a rule names.
    Operator,
}

impl Persona {
    pub(crate) const ALL: [Persona; 5] =
        [Persona::SuperAdmin, Persona::Supervisor, Persona::Trainee, Persona::Partner, Persona::Operator];
    /// Those from whom contact data is hidden.
    pub(crate) const MASKED: [Persona; 3] = [Persona::Trainee, Persona::Partner, Persona::Operator];

    /// The account's e-mail address.
    pub(crate) fn email(self) -> &'static str {
        match self {
            Persona::SuperAdmin => "owner@example.com",
            Persona::Supervisor => "simon@example.com",
            Persona::Trainee => "anna@example.com",
            Persona::Partner => "paul@partner.example.net",
            Persona::Operator => "ieva@example.com",
        }
    }

    /// The account's id.
    pub(crate) fn id(self) -> &'static str {
        match self {
            Persona::SuperAdmin => "1001",
            Persona::Supervisor => "1002",
            Persona::Trainee => "1003",
            Persona::Partner => "1004",
            Persona::Operator => "1005",
        }
    }
}

/// Somebody with an address and, once signed in, a session.
#[derive(Clone)]
pub(crate) struct Client {
    gateway: SocketAddr,
    from: IpAddr,
    app: Arc<App>,
    /// Sent with every request.
    headers: HeaderMap,
}

impl Client {
    pub(super) fn new(gateway: SocketAddr, from: IpAddr, app: Arc<App>) -> Client {
        let host = HeaderValue::from_str(&gateway.to_string()).unwrap();
        Client { gateway, from, app, headers: HeaderMap::from_iter([(header::HOST, host)]) }
    }

    /// The same client, signed in through the gateway.
    pub(crate) async fn sign_in(&self, persona: Persona) -> Client {
        let body = json!({ "email": persona.email(), "password": "demo" });
        let answer = self.post("/login").json(&body).await;
        assert_eq!(answer.status(), StatusCode::OK, "{persona:?} does not get in: {}", answer.text());
        let cookie = answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
        self.with("cookie", &cookie)
    }

    /// The same client, signed in to the app without the gateway, where the gateway would not let it in.
    pub(crate) async fn sign_in_behind(&self, persona: Persona) -> Client {
        let behind = Client { gateway: self.app.addr(), from: self.app.addr().ip(), ..self.clone() };
        let cookie = behind.sign_in(persona).await.headers[header::COOKIE].clone();
        self.with("cookie", cookie.to_str().unwrap())
    }

    /// The same client with a header field on every request.
    pub(crate) fn with(&self, name: &str, value: &str) -> Client {
        let mut client = self.clone();
        client.headers.insert(HeaderName::try_from(name).unwrap(), value.parse().unwrap());
        client
    }

    /// The same client straight at the app, for what the origin's own answer is.
    pub(crate) fn behind(&self) -> Client {
        Client { gateway: self.app.addr(), ..self.clone() }
    }

    /// The session, as the `Cookie` field has it.
    pub(crate) fn cookie(&self) -> &str {
        self.headers[header::COOKIE].to_str().unwrap()
    }

    pub(crate) fn get(&self, target: &str) -> Call {
        self.call(Method::GET, target)
    }

    pub(crate) fn post(&self, target: &str) -> Call {
        self.call(Method::POST, target)
    }

    pub(crate) fn call(&self, method: Method, target: &str) -> Call {
        let mut head = Request::new(());
        *head.method_mut() = method;
        *head.uri_mut() = target.parse().unwrap();
        *head.headers_mut() = self.headers.clone();
        Call { client: self.clone(), head, body: Full::default().boxed() }
    }

    /// A connection for bytes as they are.
    pub(crate) async fn raw(&self) -> Raw {
        Raw::new(self.connect().await, Arc::clone(&self.app))
    }

    /// Opens a WebSocket.
    ///
    /// # Errors
    /// The answer, where it is not 101.
    pub(crate) async fn websocket(&self, target: &str) -> Result<WebSocketStream<TcpStream>, Response> {
        let (_, raw) = self.raw_websocket(target).await?;
        let (stream, read) = raw.into_parts();
        Ok(WebSocketStream::from_partially_read(stream, read, Role::Client, None).await)
    }

    /// Opens a WebSocket for bytes as they are; the answer tells what was agreed upon.
    ///
    /// # Errors
    /// The answer, where it is not 101.
    pub(crate) async fn raw_websocket(&self, target: &str) -> Result<(Response, Raw), Response> {
        let mut head = format!("GET {target} HTTP/1.1\r\n").into_bytes();
        let mut headers = self.headers.clone();
        for (name, value) in HANDSHAKE {
            headers.insert(name, HeaderValue::from_static(value));
        }
        for (name, value) in &headers {
            head.extend_from_slice(&[name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
        }
        let mut raw = self.raw().await;
        raw.write([&head[..], b"\r\n"].concat()).await;
        let answer = raw.response().await.expect("no answer to the handshake");
        if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
            return Err(answer);
        }
        // RFC 6455 §1.3: the answer to this very key.
        assert_eq!(answer.header("sec-websocket-accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
        Ok((answer, raw))
    }

    pub(super) async fn connect(&self) -> TcpStream {
        let socket = match self.gateway {
            SocketAddr::V4(_) => TcpSocket::new_v4(),
            SocketAddr::V6(_) => TcpSocket::new_v6(),
        }
        .unwrap();
        socket.bind((self.from, 0).into()).unwrap();
        timeout(PATIENCE, socket.connect(self.gateway)).await.expect("no connection").unwrap()
    }
}

const HANDSHAKE: [(&str, &str); 4] = [
    ("connection", "Upgrade"),
    ("upgrade", "websocket"),
    ("sec-websocket-version", "13"),
    ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
];

type Body = BoxBody<Bytes, Infallible>;

/// A request on its way; awaiting it sends it and reads the whole answer.
pub(crate) struct Call {
    client: Client,
    head: Request<()>,
    body: Body,
}

impl Call {
    /// Adds a header field, beside those of the same name.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Call {
        self.head.headers_mut().append(HeaderName::try_from(name).unwrap(), value.parse().unwrap());
        self
    }

    /// A JSON body.
    pub(crate) fn json(self, value: &Value) -> Call {
        self.body("application/json", value.to_string())
    }

    /// A form body.
    pub(crate) fn form(self, pairs: &str) -> Call {
        self.body("application/x-www-form-urlencoded", pairs.to_owned())
    }

    /// A body with its length; an empty type sends none.
    pub(crate) fn body(mut self, content_type: &str, body: impl Into<Bytes>) -> Call {
        self.body = Full::new(body.into()).boxed();
        self.typed(content_type)
    }

    /// A body in chunks, as they are given.
    pub(crate) fn chunks(mut self, content_type: &str, chunks: Vec<Bytes>) -> Call {
        let frames = chunks.into_iter().map(|chunk| Ok(Frame::data(chunk)));
        self.body = BodyExt::boxed(StreamBody::new(stream::iter(frames)));
        self.typed(content_type)
    }

    /// Sends the request and reads the head of the answer.
    pub(crate) async fn open(self) -> Stream {
        let io = TokioIo::new(self.client.connect().await);
        let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
        let connection = tokio::spawn(async move {
            // An answer that is cut is told by its body.
            let _ = connection.await;
        });
        let request = self.head.map(|()| self.body);
        let answer = timeout(PATIENCE, sender.send_request(request)).await.expect("no answer");
        let answer = answer.unwrap_or_else(|error| panic!("no answer: {error}"));
        response::check_fields(answer.status(), answer.headers());
        let (head, body) = answer.into_parts();
        Stream { head, body, app: self.client.app, _sender: sender, connection }
    }

    fn typed(mut self, content_type: &str) -> Call {
        if !content_type.is_empty() {
            self.head.headers_mut().insert(header::CONTENT_TYPE, content_type.parse().unwrap());
        }
        self
    }
}

impl IntoFuture for Call {
    type Output = Response;
    type IntoFuture = Pin<Box<dyn Future<Output = Response> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async { self.open().await.read().await })
    }
}

/// An answer whose body is still coming.
pub(crate) struct Stream {
    head: http::response::Parts,
    body: Incoming,
    app: Arc<App>,
    _sender: hyper::client::conn::http1::SendRequest<Body>,
    connection: tokio::task::JoinHandle<()>,
}

impl Stream {
    pub(crate) fn status(&self) -> StatusCode {
        self.head.status
    }

    pub(crate) fn headers(&self) -> &HeaderMap {
        &self.head.headers
    }

    /// The next bytes; none at the end.
    ///
    /// # Errors
    /// The body was cut.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, hyper::Error> {
        loop {
            match timeout(PATIENCE, self.body.frame()).await.expect("no more of the answer") {
                None => return Ok(None),
                Some(Err(error)) => return Err(error),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        return Ok(Some(data));
                    }
                }
            }
        }
    }

    /// Reads the rest, and closes the connection.
    pub(crate) async fn read(mut self) -> Response {
        let mut body = Vec::new();
        let complete = loop {
            match self.next().await {
                Ok(Some(data)) => body.extend_from_slice(&data),
                Ok(None) => break true,
                Err(_) => break false,
            }
        };
        let Stream { head, body: rest, app, _sender: sender, connection } = self;
        drop((rest, sender));
        // Closed before the test goes on: a gateway that is stopped next has no connection to wait for.
        let _ = timeout(PATIENCE, connection).await;
        Response::new(head, body, complete, app)
    }
}
