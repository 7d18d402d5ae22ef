//! config.yaml: what ops decide.
//!
//! `RawConfig` is what the file says, `Config` what it means: every path resolved, every address parsed, every limit
//! a number. All problems of the file are reported at once.

mod codes;
mod expand;
mod raw;
mod shape;
#[cfg(test)]
mod tests;

use std::{
    net::{SocketAddr, ToSocketAddrs},
    path::{Path, PathBuf},
    time::Duration,
};

use chatwarden_policy::{
    client_address::{ForwardingHeader, Proxies},
    diagnostic::{Diagnostic, Diagnostics, quote},
    networks::parse_network,
    rules::Kind,
    shape::check,
    units::Rate,
    yaml::{Document, Node},
};

use http::{HeaderName, header};
use ipnet::IpNet;

use self::raw::{RawConfig, RawSettings};
pub use self::{codes::CODES, shape::CONFIG};
use crate::identity::{SettingError, SourceSettings};

/// What ops decided.
#[derive(Debug)]
pub struct Config {
    /// The file.
    pub file: PathBuf,
    /// Where the gateway accepts connections.
    pub listeners: Vec<Listener>,
    /// The networks of proxies whose word about the client is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Who the client of a request is, by the word of these proxies.
    pub proxies: Proxies,
    /// The application.
    pub upstream: Upstream,
    /// How the application spells things.
    pub profile: ProfileSource,
    /// The directory of the rule files.
    pub rules: PathBuf,
    /// The directory for stores, keys and the last good rules.
    pub state: PathBuf,
    /// The identity sources in order; none: the profile's own.
    pub identity: Vec<SourceSettings>,
    /// Roles with full access.
    pub super_admin_roles: Vec<String>,
    /// The settings that admins may use; none: all of them.
    pub settings: Option<Vec<Kind>>,
    /// The files of the alias keys, the first of which makes aliases; none: the gateway's own in the state directory.
    pub alias_keys: Vec<PathBuf>,
    /// The SQLite file of the action log.
    pub action_log: PathBuf,
    /// The listener for ops.
    pub admin: Option<Admin>,
    /// The listener for health checks and metrics.
    pub metrics: Option<SocketAddr>,
    /// Whom a refused caller may ask.
    pub refusal_contact: Option<String>,
    /// Bounds.
    pub limits: Limits,
    /// The parsed file, for problems that only show later.
    document: Document,
}

/// Where the gateway accepts connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Address and port.
    pub address: SocketAddr,
    /// The certificates; none, and it speaks plain HTTP.
    pub tls: Option<Vec<CertificateFiles>>,
    /// Whether every connection begins with a header of the PROXY protocol.
    pub proxy_protocol: bool,
}

impl Listener {
    /// What takes a restart to change.
    fn fixed(&self) -> (SocketAddr, bool, bool) {
        (self.address, self.tls.is_some(), self.proxy_protocol)
    }
}

/// A certificate and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    /// The chain in PEM, the end-entity certificate first.
    pub cert: PathBuf,
    /// The private key in PEM.
    pub key: PathBuf,
}

/// The application behind the gateway.
#[derive(Debug)]
pub struct Upstream {
    /// Its address.
    pub address: SocketAddr,
    /// Headers by which it knows the gateway, and the files of their values.
    pub headers: Vec<(HeaderName, PathBuf)>,
    /// The Host that it is told.
    pub host_header: HostHeader,
}

/// The Host that goes upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostHeader {
    /// What the client named.
    Preserve,
    /// Always this.
    Fixed(String),
}

/// Where the profile comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProfileSource {
    /// The binary.
    Bundled(String),
    /// A file.
    File(PathBuf),
}

/// The listener for ops.
#[derive(Debug)]
pub struct Admin {
    /// Its address.
    pub address: SocketAddr,
    /// A token of ops' own choosing.
    pub token_file: Option<PathBuf>,
}

/// Bounds, in bytes, time and connections.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of a request's header.
    pub request_header: usize,
    /// For a TLS handshake.
    pub handshake_timeout: Duration,
    /// For the head of a request, from its first byte on.
    pub header_timeout: Duration,
    /// The least bytes a second of a request's body.
    pub body_rate: u64,
    /// Connections of one client at once.
    pub connections_per_client: usize,
    /// Requests of one client.
    pub requests_per_client: Rate,
    /// Requests of one account.
    pub requests_per_account: Rate,
    /// Attempts of one client to sign in.
    pub sign_ins_per_client: Rate,
    /// Bytes held of one request body under inspection.
    pub inspected_body: usize,
    /// For a request body under inspection to arrive.
    pub inspected_body_timeout: Duration,
    /// Bytes of one message of a WebSocket client, of a compressed one when it is inflated, and of one event.
    pub message: usize,
    /// Between the requests of a connection.
    pub idle_timeout: Duration,
    /// Silence of a live stream or long poll.
    pub stream_idle_timeout: Duration,
    /// Time for open requests to end at a stop.
    pub drain_timeout: Duration,
    /// Connections at once.
    pub connections: usize,
    /// Values that aliases are kept for.
    pub vault_values: usize,
    /// Bytes of an object that waits for the member that decides over it.
    pub held_object: usize,
    /// Bytes held of the start of an answer, so that copies before their field are hidden.
    pub copies_window: usize,
    /// Requests of one account with contact data of its own making, where it is hidden from the account.
    pub contact_writes: Rate,
    /// Questions to the application at once about who callers are.
    pub introspections: usize,
    /// Directions of WebSockets that keep a compression context.
    pub deflate_contexts: usize,
}

impl Limits {
    /// The bounds of rewriting.
    pub fn redaction(&self) -> chatwarden_redact::Limits {
        let Limits { message, held_object, copies_window, .. } = *self;
        chatwarden_redact::Limits {
            message,
            held_object,
            copies_window,
            ..chatwarden_redact::Limits::default()
        }
    }
}

impl Config {
    /// Reads and checks the file.
    ///
    /// # Errors
    /// Every problem of the file, by place.
    pub fn load(file: &Path) -> Result<Config, Vec<Diagnostic>> {
        let name = file.display().to_string();
        let bytes = std::fs::read(file).map_err(|error| {
            let problem = Diagnostic::about("unreadable-file", &name, format!("cannot read it: {error}"));
            vec![problem.help("name the file by `--config`, or go to the directory that holds config.yaml")]
        })?;
        Config::parse(file, &bytes, &|variable| std::env::var(variable).ok())
    }

    fn parse(
        file: &Path,
        bytes: &[u8],
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Config, Vec<Diagnostic>> {
        let name = file.display().to_string();
        let written = Document::parse(&name, bytes)?;
        let expanded = expand::expand(&written, variable)?;
        let document = Document::parse(&name, expanded.as_bytes())?;
        let problems = check(&document, &CONFIG);
        if !problems.is_empty() {
            return Err(problems);
        }
        let raw: RawConfig = document.read().map_err(|problem| vec![problem])?;
        Meaning {
            base: file.parent().unwrap_or(Path::new("")),
            found: Diagnostics::new(),
            variable,
            proxies: Vec::new(),
        }
        .config(file, document, raw)
    }

    /// The directory that relative paths start from.
    pub fn base(&self) -> &Path {
        self.file.parent().unwrap_or(Path::new(""))
    }

    /// The keys that a running gateway cannot change, and that `other` gives another value.
    pub fn fixed_keys_that_differ(&self, other: &Config) -> Vec<&'static str> {
        let admin =
            |config: &Config| config.admin.as_ref().map(|admin| (admin.address, admin.token_file.clone()));
        let profile_file = |config: &Config| match &config.profile {
            ProfileSource::File(path) => Some(path.clone()),
            ProfileSource::Bundled(_) => None,
        };
        let differ = [
            (
                "listeners",
                !self.listeners.iter().map(Listener::fixed).eq(other.listeners.iter().map(Listener::fixed)),
            ),
            ("profile", profile_file(self) != profile_file(other)),
            ("rules", self.rules != other.rules),
            ("state", self.state != other.state),
            ("keys", self.alias_keys != other.alias_keys),
            ("action_log", self.action_log != other.action_log),
            ("admin", admin(self) != admin(other)),
            ("metrics", self.metrics != other.metrics),
            ("limits.connections", self.limits.connections != other.limits.connections),
            ("limits.vault_values", self.limits.vault_values != other.limits.vault_values),
            ("limits.deflate_contexts", self.limits.deflate_contexts != other.limits.deflate_contexts),
        ];
        differ.into_iter().filter(|(_, differs)| *differs).map(|(key, _)| key).collect()
    }

    /// A problem that showed when what the file describes was built, at its place in the file.
    pub fn problem(&self, code: &'static str, error: &SettingError) -> Diagnostic {
        let place = locate(self.document.root(), &error.path).unwrap_or(self.document.root());
        let diagnostic = place.error(code, &error.message);
        match &error.help {
            Some(help) => diagnostic.help(help),
            None => diagnostic,
        }
    }
}

/// What describes a message, and is no place for a secret.
const OF_HTTP: [HeaderName; 8] = [
    header::HOST,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::TRANSFER_ENCODING,
    header::CONNECTION,
    header::UPGRADE,
    header::COOKIE,
    header::TE,
];

/// The field that trusted proxies write.
fn forwarding_header(root: Node<'_>) -> ForwardingHeader {
    let header = root.get("client_address").and_then(|node| node.get("header"));
    header.map_or_else(ForwardingHeader::default, |node| ForwardingHeader::named(node.written()))
}

/// Finds `identity[0].jwt.keys`, or the nearest that is written.
fn locate<'d>(root: Node<'d>, path: &str) -> Option<Node<'d>> {
    let mut node = root;
    for step in path.split(['.', '[']) {
        let next = match step.strip_suffix(']') {
            Some(index) => node.items().nth(index.parse().ok()?),
            None => node.get(step),
        };
        match next {
            Some(next) => node = next,
            None => break,
        }
    }
    Some(node)
}

/// From what the file says to what it means.
struct Meaning<'a> {
    base: &'a Path,
    found: Diagnostics,
    variable: &'a dyn Fn(&str) -> Option<String>,
    /// The networks of trusted proxies, once they are read.
    proxies: Vec<IpNet>,
}

impl Meaning<'_> {
    fn config(mut self, file: &Path, document: Document, raw: RawConfig) -> Result<Config, Vec<Diagnostic>> {
        let root = document.root();
        self.trusted_proxies(root);
        let nodes = root.get("listeners").into_iter().flat_map(Node::items);
        let listeners: Vec<Option<Listener>> = nodes.map(|node| self.listener(node)).collect();
        if let (true, Some(node)) = (listeners.is_empty(), root.get("listeners")) {
            let error = node.error("no-listener", "there is no listener, so nobody could come in");
            self.found.push(error.help("write `- address: 127.0.0.1:8080`"));
        }
        self.some_key(root);
        let headers = self.upstream_headers(root);
        let upstream = root.get("upstream").and_then(|node| node.get("address"));
        let upstream = self.resolved(upstream);
        let admin =
            raw.admin.is_some().then(|| self.address(root.get("admin").and_then(|node| node.get("address"))));
        let metrics = raw
            .metrics
            .is_some()
            .then(|| self.address(root.get("metrics").and_then(|node| node.get("address"))));
        self.token_off_loopback(
            root,
            admin.flatten(),
            raw.admin.as_ref().and_then(|admin| admin.token_file.as_ref()),
        );
        let state = match raw.state {
            Some(state) => self.base.join(state),
            None => self.base.join((self.variable)("STATE_DIRECTORY").unwrap_or_else(|| "state".to_owned())),
        };
        let store = raw.action_log.and_then(|log| log.store);
        let action_log = match store.as_deref().map(|store| store.strip_prefix("sqlite:")) {
            None => state.join("actions.db"),
            Some(Some(path)) => self.base.join(path),
            Some(None) => {
                let node = root.get("action_log").and_then(|log| log.get("store")).unwrap_or(root);
                let error = node.error("unknown-store", format!("{} is not a store", quote(node.written())));
                self.found.push(error.help("write `sqlite:` and a path, such as `sqlite:state/actions.db`"));
                PathBuf::new()
            }
        };
        let listeners: Option<Vec<Listener>> = listeners.into_iter().collect();
        let (Some(listeners), Some(address), false) = (listeners, upstream, self.found.has_errors()) else {
            return Err(self.found.into_vec());
        };
        Ok(Config {
            file: file.to_owned(),
            listeners,
            proxies: Proxies::new(self.proxies.iter().copied(), forwarding_header(root)),
            trusted_proxies: self.proxies,
            upstream: Upstream { address, headers, host_header: host_header(raw.upstream.host_header) },
            profile: profile(self.base, &raw.profile),
            rules: self.base.join(raw.rules.unwrap_or_else(|| "rules".into())),
            state,
            identity: raw.identity,
            super_admin_roles: raw.super_admin_roles.unwrap_or_else(|| vec!["super_admin".to_owned()]),
            settings: settings(raw.settings),
            alias_keys: raw.keys.alias.into_iter().map(|key| self.base.join(key.file)).collect(),
            action_log,
            admin: admin.flatten().map(|address| Admin {
                address,
                token_file: raw.admin.and_then(|admin| admin.token_file).map(|path| self.base.join(path)),
            }),
            metrics: metrics.flatten(),
            refusal_contact: raw.refusals.and_then(|refusals| refusals.contact),
            limits: raw.limits.into(),
            document,
        })
    }

    /// An address that the gateway binds: numbers only, so that it means one thing.
    fn upstream_headers(&mut self, root: Node<'_>) -> Vec<(HeaderName, PathBuf)> {
        let mut headers = Vec::new();
        let entries = root.get("upstream").and_then(|upstream| upstream.get("headers"));
        for entry in entries.into_iter().flat_map(Node::entries) {
            let Some(file) = entry.value.get("file") else { continue };
            match HeaderName::try_from(entry.key) {
                Ok(name) if !OF_HTTP.contains(&name) => headers.push((name, self.base.join(file.written()))),
                Ok(_) => self.found.push(entry.error("malformed-header", "the field is HTTP's own")),
                Err(_) => {
                    let message = format!("{} is not the name of a header field", quote(entry.key));
                    self.found.push(entry.error("malformed-header", message));
                }
            }
        }
        headers
    }

    fn trusted_proxies(&mut self, root: Node<'_>) {
        let client_address = root.get("client_address");
        let networks = client_address.and_then(|node| node.get("trusted_proxies"));
        for node in networks.into_iter().flat_map(Node::items) {
            match parse_network(node.written()) {
                Ok(network) if network.prefix_len() == 0 => {
                    let message = "everybody would be believed about the client";
                    self.found
                        .push(node.error("whole-internet", message).help("name the proxies' own networks"));
                }
                Ok(network) => self.proxies.push(network),
                Err(error) => {
                    let problem = node.error("malformed-network", &error.message);
                    self.found.push(match &error.help {
                        Some(help) => problem.help(help),
                        None => problem,
                    });
                }
            }
        }
        let header = client_address.and_then(|node| node.get("header"));
        if let Some(node) = header.filter(|node| HeaderName::try_from(node.written()).is_err()) {
            let message = format!("{} is not the name of a header field", quote(node.written()));
            self.found.push(node.error("malformed-header", message));
        }
    }

    fn listener(&mut self, node: Node<'_>) -> Option<Listener> {
        let address = self.address(node.get("address"))?;
        let file = |node: Node<'_>, key| node.get(key).map(|file| self.base.join(file.written()));
        let tls = node.get("tls").map(|tls| {
            let files = tls.items().filter_map(|node| {
                Some(CertificateFiles { cert: file(node, "cert")?, key: file(node, "key")? })
            });
            files.collect::<Vec<_>>()
        });
        if let (Some([]), Some(node)) = (tls.as_deref(), node.get("tls")) {
            let error = node.error("setting-empty", "TLS without a certificate lets nobody in");
            self.found
                .push(error.help("write `- { cert: fullchain.pem, key: key.pem }`, or leave `tls` out"));
        }
        let proxy_protocol = node.get("proxy_protocol").filter(|node| node.as_bool() == Some(true));
        if let (Some(node), true) = (proxy_protocol, self.proxies.is_empty()) {
            let message = "nobody may speak the PROXY protocol: there are no trusted proxies";
            let help = "write the balancers' networks under `client_address: { trusted_proxies: [ … ] }`";
            self.found.push(node.error("setting-empty", message).help(help));
        }
        Some(Listener { address, tls, proxy_protocol: proxy_protocol.is_some() })
    }

    fn address(&mut self, node: Option<Node<'_>>) -> Option<SocketAddr> {
        let node = node?;
        let parsed = node.written().parse().ok();
        if parsed.is_none() {
            let error = node.error(
                "malformed-address",
                format!("{} is not an address and a port", quote(node.written())),
            );
            self.found.push(error.help("write `127.0.0.1:8080`, `0.0.0.0:8443` or `[::1]:8080`"));
        }
        parsed
    }

    /// An address that the gateway connects to: a host name is looked up once.
    fn resolved(&mut self, node: Option<Node<'_>>) -> Option<SocketAddr> {
        let node = node?;
        if node.written().starts_with("unix:") {
            self.found.push(node.error("not-supported-yet", "a unix socket upstream is not supported yet"));
            return None;
        }
        let found = node.written().to_socket_addrs().ok().and_then(|mut addresses| addresses.next());
        if found.is_none() {
            let error =
                node.error("malformed-address", format!("{} cannot be resolved", quote(node.written())));
            self.found.push(error.help("write host and port, such as `127.0.0.1:3000`"));
        }
        found
    }

    /// A list of keys has one, and none of them twice.
    fn some_key(&mut self, root: Node<'_>) {
        let Some(list) = root.get("keys").and_then(|keys| keys.get("alias")) else { return };
        let files: Vec<Node<'_>> = list.items().filter_map(|key| key.get("file")).collect();
        if files.is_empty() {
            let error = list.error("no-alias-key", "no key is listed, so no alias could be made");
            self.found.push(error.help("list a key that `chatwarden keys new` made, or leave `keys` out"));
        }
        for (number, file) in files.iter().enumerate() {
            if files.iter().take(number).any(|before| before.written() == file.written()) {
                let message = format!("{} stands in this list already", quote(file.written()));
                self.found.push(file.error("repeated-alias-key", message));
            }
        }
    }

    fn token_off_loopback(
        &mut self,
        root: Node<'_>,
        address: Option<SocketAddr>,
        token_file: Option<&PathBuf>,
    ) {
        let exposed = address.is_some_and(|address| !address.ip().is_loopback());
        if let (true, None, Some(node)) = (exposed, token_file, root.get("admin")) {
            let error = node.error("missing-token", "the admin listener is reachable from other machines");
            self.found.push(error.help("name a `token_file`, or bind it to 127.0.0.1"));
        }
    }
}

fn host_header(written: Option<String>) -> HostHeader {
    match written {
        Some(host) if host != "preserve" => HostHeader::Fixed(host),
        Some(_) | None => HostHeader::Preserve,
    }
}

/// A name without a slash or an ending is a bundled profile.
fn profile(base: &Path, written: &str) -> ProfileSource {
    if written.contains(['/', '.']) {
        ProfileSource::File(base.join(written))
    } else {
        ProfileSource::Bundled(written.to_owned())
    }
}

fn settings(raw: Option<RawSettings>) -> Option<Vec<Kind>> {
    match raw? {
        RawSettings::All(_) => None,
        RawSettings::Some(names) => Some(
            Kind::ALL.iter().copied().filter(|kind| names.iter().any(|name| name == kind.name())).collect(),
        ),
    }
}
