//! `iframe.yaml`: who may embed the application.
//!
//! What is compiled is the source list of `frame-ancestors` (CSP3 §6.4.2), so a host is accepted only in a form in
//! which every browser means the same by it: an origin, in ASCII, with at most its first label open.

use std::{
    collections::HashSet,
    fmt, iter,
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

use super::{
    Kind, Mode,
    load::{ENABLED, EXPECT, Example, Loading, MODE, RuleFile, Seen, Setting, examples},
};
use crate::{
    diagnostic::{Diagnostic, quote},
    reason::RuleRef,
    shape::{Field, Shape},
    suggest::nearest,
    yaml::Node,
};

/// The compiled rule.
#[derive(Debug)]
pub struct Iframe {
    /// Whether it is carried out.
    pub mode: Mode,
    /// The line of `hosts`.
    pub rule: RuleRef,
    hosts: Vec<(Origin, RuleRef)>,
    areas: Areas,
    open: Arc<str>,
    own: Arc<str>,
}

#[derive(Debug)]
enum Areas {
    All,
    Named(HashSet<String>),
}

impl Iframe {
    /// The source list of `frame-ancestors` for a page of the area; `None` is a page that is in no named area.
    pub fn ancestors(&self, area: Option<&str>) -> &Arc<str> {
        if self.is_open(area) { &self.open } else { &self.own }
    }

    /// Whether a page of the area may be embedded by anyone but the application itself.
    pub fn allows_hosts(&self, area: Option<&str>) -> bool {
        self.is_open(area) && !self.hosts.is_empty()
    }

    fn is_open(&self, area: Option<&str>) -> bool {
        match &self.areas {
            Areas::All => true,
            Areas::Named(names) => area.is_some_and(|area| names.contains(area)),
        }
    }
}

/// An origin as a host-source: the scheme, the host, the port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Origin {
    secure: bool,
    /// Whether any first labels may stand before the host.
    wildcard: bool,
    /// In A-labels, lower case.
    host: String,
    port: u16,
}

impl Origin {
    /// Reads an origin; the admin may write it in any case and alphabet.
    fn parse(text: &str) -> Result<Origin, Fault> {
        let fault = |code, message: &str, help: String| Err(Fault { code, message: message.into(), help });
        let malformed = |message: &str| fault("malformed-host", message, EXAMPLE_HELP.into());
        if matches!(text, "'self'" | "self" | "'none'" | "none") {
            let help = "leave it out: the app itself may always embed itself, and `hosts: []` is nobody else";
            return fault("malformed-host", "this is a word of the header, not a host", help.into());
        }
        if matches!(text, "*" | "https:" | "http:" | "https://*" | "http://*") {
            let help = "name the hosts; to let the app's own headers decide write `enabled: false`";
            return fault("wildcard-host", "this is every host there is", help.into());
        }
        if text.contains([' ', '\t', ';', ',', '\'', '"']) {
            return malformed("this is not one host");
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            let host = text.trim_start_matches('/');
            return fault(
                "host-without-scheme",
                "a host begins with its scheme",
                format!("write {}", quote(&format!("https://{host}"))),
            );
        };
        let secure = match scheme.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            _ => return malformed("pages that embed the app come by `https`"),
        };
        if let Some((authority, path)) = rest.split_once(['/', '?', '#']) {
            let message = if path.is_empty() {
                "a host ends without a slash"
            } else {
                "a host has no path: browsers judge the whole site"
            };
            return fault(
                "host-with-path",
                message,
                format!("write {}", quote(&format!("{scheme}://{authority}"))),
            );
        }
        if rest.contains('@') {
            return malformed("a host has no user name");
        }
        if rest.starts_with('[') {
            return malformed("browsers match no IPv6 address here (CSP3 §6.7.2.8)");
        }
        let (host, port) = match rest.split_once(':') {
            None => (rest, if secure { 443 } else { 80 }),
            Some((host, port)) => match parse_port(port) {
                Some(port) => (host, port),
                None => return malformed("the port is not a number from 1 to 65535"),
            },
        };
        let (wildcard, host) = match host.strip_prefix("*.") {
            Some(host) => (true, host),
            None => (false, host),
        };
        if host.contains('*') {
            let help = "write `https://*.example.com` for every host below `example.com`";
            return fault("wildcard-host", "`*` stands for whole first labels only", help.into());
        }
        if wildcard && host.trim_matches('.').split('.').count() < 2 {
            let help = "leave at least two labels after it, such as `https://*.example.com`";
            return fault("wildcard-host", "the wildcard takes in a whole top-level domain", help.into());
        }
        let Some(host) = to_ascii(host) else { return malformed("this is not a host name") };
        let is_local = host == "localhost" || host.ends_with(".localhost") || host == LOOPBACK.to_string();
        match host.parse::<IpAddr>() {
            Ok(_) if wildcard => return malformed("a wildcard stands before names only"),
            Ok(address) if address != LOOPBACK => {
                return malformed("browsers match no IP address here but `127.0.0.1` (CSP3 §6.7.2.8)");
            }
            Ok(_) | Err(_) => {}
        }
        if !secure && !is_local {
            let name = if wildcard { format!("*.{host}") } else { host };
            let help = format!("write {}", quote(&format!("https://{name}")));
            return fault(
                "insecure-host",
                "`http` is for this machine only: anybody on the way could embed the app",
                help,
            );
        }
        Ok(Origin { secure, wildcard, host, port })
    }

    /// Whether a page of that origin may embed (CSP3 §6.7.2.8): a host that is listed with `http` counts for `https`.
    fn admits(&self, page: &Origin) -> bool {
        let upgraded = !self.secure && page.secure;
        let scheme = self.secure == page.secure || upgraded;
        let port = self.port == page.port || (upgraded && self.port == 80 && page.port == 443);
        let host = if self.wildcard {
            page.host.strip_suffix(&self.host).is_some_and(|labels| labels.len() > 1 && labels.ends_with('.'))
        } else {
            self.host == page.host
        };
        scheme && port && host
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, default) = if self.secure { ("https", 443) } else { ("http", 80) };
        write!(f, "{scheme}://{}{}", if self.wildcard { "*." } else { "" }, self.host)?;
        if self.port == default { Ok(()) } else { write!(f, ":{}", self.port) }
    }
}

/// What is wrong with a host.
struct Fault {
    code: &'static str,
    message: String,
    help: String,
}

impl Setting for Iframe {
    const KIND: Kind = Kind::Iframe;

    fn compile(file: &RuleFile<'_>, loading: &mut Loading<'_>) -> Self {
        let mut hosts = Vec::new();
        let mut seen = Seen::default();
        for node in file.items("hosts") {
            let Some(text) = node.as_str().filter(|text| !text.trim().is_empty()) else { continue };
            match Origin::parse(text.trim()) {
                Err(fault) => loading.report(node.error(fault.code, fault.message).help(fault.help)),
                Ok(origin) => match seen.again(origin.clone(), node.line()) {
                    Some(line) => {
                        let message = format!("{} stands in line {line} already", quote(text));
                        loading.report(node.warning("repeated-host", message));
                    }
                    None => hosts.push((origin, file.rule(node))),
                },
            }
        }
        let open = hosts.iter().fold("'self'".to_owned(), |list, (origin, _)| format!("{list} {origin}"));
        Self {
            mode: file.mode(),
            rule: file.rule_of(&["hosts", "enabled"]),
            hosts,
            areas: read_areas(file, loading),
            open: open.into(),
            own: "'self'".into(),
        }
    }

    fn judge_example(&self, example: Example<'_>, loading: &mut Loading<'_>) {
        let Some(node) = example.get("page").filter(|node| node.as_str().is_some()) else { return };
        let origin = match page_origin(node.written()) {
            Some(origin) => origin,
            None => {
                let error = node.error("malformed-page", "this is not the address of a page");
                return loading.report(error.help("write it whole, such as `https://crm.example.com/deals`"));
            }
        };
        let area = example.get("area").and_then(Node::as_str);
        if let Some(area) = area {
            let node = example.get("area").unwrap_or(node);
            if !loading.context.profile.areas().any(|known| known == area) {
                return loading.report(unknown_area(node, loading));
            }
        }
        let open = self.is_open(area);
        let host = self.hosts.iter().filter(|_| open).find(|(host, _)| host.admits(&origin));
        let outcome = if host.is_some() { "allowed" } else { "refused" };
        let why = |_: &Loading<'_>| match host {
            Some((host, rule)) => format!("`{origin}` is allowed: {rule} names {}", quote(&host.to_string())),
            None if open => format!("`{origin}` is refused: {} does not name it", self.rule),
            None => {
                let rule = example.file.rule_of(&["areas"]);
                format!("`{origin}` is refused: {rule} leaves this part of the app out")
            }
        };
        example.expect(outcome, why, loading);
    }
}

fn read_areas(file: &RuleFile<'_>, loading: &mut Loading<'_>) -> Areas {
    let Some(list) = file.get("areas").filter(|areas| areas.is_list()) else { return Areas::All };
    if list.items().next().is_none() {
        let help = "write `areas: [all]`, or the names of parts of the app";
        loading.refuse_empty(file, list, "the hosts are for no part of the app", help);
    }
    let mut names = HashSet::new();
    let mut all = false;
    for node in list.items() {
        let Some(name) = node.as_str().filter(|name| !name.trim().is_empty()) else { continue };
        if name == ALL {
            all = true;
        } else if loading.context.profile.areas().any(|known| known == name) {
            if !names.insert(name.to_owned()) {
                loading.report(node.warning("repeated-area", format!("{} stands here twice", quote(name))));
            }
        } else {
            loading.report(unknown_area(node, loading));
        }
    }
    if all && !names.is_empty() {
        let warning = list.warning("areas-beside-all", "`all` takes in every other name");
        loading.report(warning.help("write `[all]`, or the names alone"));
    }
    if all { Areas::All } else { Areas::Named(names) }
}

fn unknown_area(node: Node<'_>, loading: &Loading<'_>) -> Diagnostic {
    let known = || iter::once(ALL).chain(loading.context.profile.areas());
    let guess = nearest(node.written(), known()).map(|name| format!("did you mean {}? ", quote(name)));
    let names = known().map(quote).collect::<Vec<_>>().join(", ");
    let message = format!("the profile has no area {}", quote(node.written()));
    node.error("unknown-area", message).help(format!("{}known here: {names}", guess.unwrap_or_default()))
}

/// The origin of the page that embeds.
fn page_origin(address: &str) -> Option<Origin> {
    let (scheme, rest) = address.trim().split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let secure = match scheme.to_ascii_lowercase().as_str() {
        "https" => true,
        // Whoever tries a page by plain http learns that it is refused, not that it is malformed.
        "http" => false,
        _ => return None,
    };
    let origin = Origin::parse(&format!("https://{authority}")).ok().filter(|origin| !origin.wildcard)?;
    let port = if secure || authority.contains(':') { origin.port } else { 80 };
    Some(Origin { secure, port, ..origin })
}

/// The host in A-labels (UTS 46), if it is one that can stand in the header.
fn to_ascii(host: &str) -> Option<String> {
    let ascii = idna::domain_to_ascii_strict(host).ok()?;
    let label = |label: &str| !label.is_empty() && label.len() <= 63;
    let known = |byte: u8| byte == b'.' || byte == b'-' || byte.is_ascii_alphanumeric();
    (ascii.len() <= 253 && ascii.bytes().all(known) && ascii.split('.').all(label)).then_some(ascii)
}

fn parse_port(text: &str) -> Option<u16> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|port| digits && *port > 0)
}

/// The only address that browsers match.
const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Every area.
const ALL: &str = "all";

const EXAMPLE_HELP: &str = "write `https://crm.example.com`, or `https://*.example.com`";

pub(super) const SHAPE: Shape = Shape::Object(&[
    ENABLED,
    MODE,
    Field::new(
        "hosts",
        "The sites that may embed the app, each as `https://host`; `https://*.example.com` is every host below \
         `example.com`. `[]` is nobody but the app itself.",
        Shape::List(&Shape::Text("a site such as `https://crm.example.com`")),
    )
    .required(),
    Field::new(
        "areas",
        "Which parts of the app the hosts may embed: `all`, or names of the profile's `areas`. The rest is closed.",
        Shape::List(&Shape::Text("`all` or an area's name")),
    )
    .default("[all]"),
    Field::new("keep_signed_in", "Whether operators stay signed in inside the frame.", Shape::Bool).only("false"),
    examples(&Shape::Object(&[
        Field::new("page", "The page that embeds.", Shape::Text("an address such as `https://crm.example.com/deals`"))
            .required(),
        Field::new("area", "The part of the app that it embeds; without, a page of no named part.", Shape::Text("an area's name")),
        EXPECT,
    ])),
]);

#[cfg(test)]
mod tests {
    use super::*;

    fn compiled(text: &str) -> String {
        match Origin::parse(text) {
            Ok(origin) => origin.to_string(),
            Err(fault) => fault.code.to_owned(),
        }
    }

    #[test]
    fn a_host_has_one_form() {
        for (text, expected) in [
            ("https://crm.example.com", "https://crm.example.com"),
            ("HTTPS://CRM.Example.COM:443", "https://crm.example.com"),
            ("https://crm.example.com:8443", "https://crm.example.com:8443"),
            ("https://*.creatio.com", "https://*.creatio.com"),
            ("https://кино.example", "https://xn--h1adke.example"),
            ("http://localhost:8081", "http://localhost:8081"),
            ("http://app.localhost", "http://app.localhost"),
            ("http://127.0.0.1:8081", "http://127.0.0.1:8081"),
            ("*", "wildcard-host"),
            ("https://*", "wildcard-host"),
            ("https://*.com", "wildcard-host"),
            ("https://*com", "wildcard-host"),
            ("https://crm.*.com", "wildcard-host"),
            ("https://*.*.com", "wildcard-host"),
            ("crm.example.com", "host-without-scheme"),
            ("//crm.example.com", "host-without-scheme"),
            ("https://crm.example.com/", "host-with-path"),
            ("https://crm.example.com/deals", "host-with-path"),
            ("https://crm.example.com?x", "host-with-path"),
            ("http://crm.example.com", "insecure-host"),
            ("http://*.example.com", "insecure-host"),
            ("https://user@crm.example.com", "malformed-host"),
            ("https://crm.example.com; script-src *", "malformed-host"),
            ("https://a.example, https://b.example", "malformed-host"),
            ("https://crm.example.com:", "malformed-host"),
            ("https://crm.example.com:0", "malformed-host"),
            ("https://crm.example.com:*", "malformed-host"),
            ("https://crm_1.example.com", "malformed-host"),
            ("https://", "malformed-host"),
            ("https://.example.com", "malformed-host"),
            ("https://10.0.0.1", "malformed-host"),
            ("https://[::1]", "malformed-host"),
            ("wss://crm.example.com", "malformed-host"),
            ("'self'", "malformed-host"),
        ] {
            assert_eq!(compiled(text), expected, "{text}");
        }
    }

    #[test]
    fn a_host_admits_what_a_browser_would() {
        for (host, page, expected) in [
            ("https://crm.example.com", "https://crm.example.com/deals?id=1", true),
            ("https://crm.example.com", "https://CRM.example.com:443", true),
            ("https://crm.example.com", "https://crm.example.com:8443", false),
            ("https://crm.example.com", "http://crm.example.com", false),
            ("https://crm.example.com", "https://evil-crm.example.com", false),
            ("https://*.creatio.com", "https://acme.creatio.com", true),
            ("https://*.creatio.com", "https://a.b.creatio.com", true),
            ("https://*.creatio.com", "https://creatio.com", false),
            ("https://*.creatio.com", "https://evilcreatio.com", false),
            ("https://*.creatio.com", "https://acme.creatio.com.evil.example", false),
            ("http://localhost:8081", "http://localhost:8081/embed", true),
            ("http://localhost:8081", "http://localhost:8082", false),
            ("http://localhost", "https://localhost", true),
        ] {
            let host = Origin::parse(host).unwrap_or_else(|fault| panic!("{host}: {}", fault.message));
            assert_eq!(host.admits(&page_origin(page).unwrap()), expected, "{host} {page}");
        }
    }
}
