//! A case file as it is written, and what its rules and profile make.

use std::{
    collections::BTreeMap,
    fs,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
};

use chatwarden::profiles;
use chatwarden_policy::{
    policy::Policy,
    profile::Profile,
    rules::{self, Context, Kind, RuleSources},
};
use chatwarden_redact::{AliasKey, KeyRing, MemoryVault, Vault};
use jiff::civil::Date;
use serde::Deserialize;
use serde_json::json;

use super::Told;
use crate::harness::Gateway;

/// The files of a kind, by name.
pub(super) fn read(kind: &str) -> Vec<(String, Vec<Set>)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases").join(kind);
    let mut files: Vec<_> = fs::read_dir(&directory).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    let read = |path: &PathBuf| {
        let text = fs::read_to_string(path).unwrap();
        let sets = serde_yaml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        (path.file_name().unwrap().to_str().unwrap().to_owned(), sets)
    };
    files.iter().map(read).collect()
}

/// A directory of rules, and cases under them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Set {
    pub(super) rules: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) lists: BTreeMap<String, String>,
    /// Added to the blinger profile, or a profile of its own where it says `app:`.
    pub(super) profile: Option<String>,
    pub(super) today: Option<String>,
    pub(super) cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Case {
    pub(super) case: String,
    /// The client's address; 127.0.0.1 where nothing is said.
    pub(super) from: Option<IpAddr>,
    /// Nobody where nothing is said; `unavailable` where the app does not tell.
    pub(super) account: Option<Caller>,
    /// `GET /path?query`.
    pub(super) request: String,
    #[serde(default)]
    pub(super) headers: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) body: String,
    #[serde(default)]
    pub(super) answer: Scripted,
    pub(super) expect: Expect,
    pub(super) reason: Option<String>,
    pub(super) rule: Option<String>,
    /// The body that comes back; as scripted where nothing is said.
    pub(super) shown: Option<String>,
    /// `Content-Security-Policy` of the answer; as scripted where nothing is said.
    pub(super) csp: Option<String>,
    /// `X-Frame-Options`, likewise.
    pub(super) xfo: Option<String>,
    /// The rules that would have refused, in order, did they not only monitor.
    #[serde(default)]
    pub(super) monitored: Vec<String>,
    /// The entry of the action log: its type, or `nothing`.
    pub(super) logged: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Caller {
    Word(String),
    Account(Person),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Person {
    #[serde(default = "somebody")]
    pub(super) id: String,
    pub(super) name: Option<String>,
    pub(super) email: Option<String>,
    #[serde(default = "operator")]
    pub(super) role: String,
    #[serde(default)]
    pub(super) groups: Vec<String>,
    /// Carried in `Authorization` and not in a cookie.
    #[serde(default)]
    pub(super) token: bool,
}

fn somebody() -> String {
    "7".to_owned()
}

fn operator() -> String {
    "operator".to_owned()
}

/// What the origin answers.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Scripted {
    pub(super) status: u16,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: String,
}

impl Default for Scripted {
    fn default() -> Self {
        let headers = BTreeMap::from([("content-type".to_owned(), "application/json".to_owned())]);
        Self { status: 200, headers, body: "{}".to_owned() }
    }
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Expect {
    Allowed,
    /// The origin sees nothing of the request.
    Refused,
    /// The origin answers, and its answer is refused.
    AnswerRefused,
}

impl Case {
    pub(super) fn from(&self) -> IpAddr {
        self.from.unwrap_or([127, 0, 0, 1].into())
    }

    /// Whether a socket of any machine can have the address.
    pub(super) fn is_wired(&self) -> bool {
        matches!(self.from(), IpAddr::V4(address) if address.is_loopback())
    }

    pub(super) fn target(&self) -> (&str, &str, Option<&str>) {
        let (method, target) = self.request.split_once(' ').expect("METHOD /path");
        let (path, query) =
            target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
        (method, path, query)
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    pub(super) fn expected(&self) -> Told {
        let shown = (self.expect == Expect::Allowed)
            .then(|| self.shown.clone().unwrap_or_else(|| self.answer.body.clone()));
        let scripted = |name: &str| self.answer.headers.get(name).cloned();
        let passed = self.expect == Expect::Allowed;
        Told {
            verdict: self.expect,
            reason: self.reason.clone(),
            rule: self.rule.clone(),
            shown,
            csp: self.csp.clone().or_else(|| scripted("content-security-policy").filter(|_| passed)),
            xfo: self
                .xfo
                .clone()
                .or_else(|| scripted("x-frame-options").filter(|_| passed && self.csp.is_none())),
            monitored: self.monitored.clone(),
        }
    }
}

impl Set {
    fn profile_text(&self) -> String {
        match &self.profile {
            Some(text) if text.lines().any(|line| line.starts_with("app:")) => text.clone(),
            Some(text) => format!("extends: blinger\napp: case\n{text}"),
            None => profiles::bundled("blinger").unwrap().to_owned(),
        }
    }

    pub(super) fn today(&self) -> Date {
        self.today.as_deref().unwrap_or("2026-11-22").parse().unwrap()
    }

    pub(super) fn policy(&self) -> Policy {
        let parsed = Profile::parse("case.yaml", self.profile_text().as_bytes(), &profiles::bundled);
        let (profile, _) = parsed.unwrap_or_else(|problems| panic!("{problems:?}"));
        let files = self.rules.iter().map(|(name, text)| (name.clone(), text.clone().into_bytes())).collect();
        let list =
            |name: &str| self.lists.get(name).map(|text| text.clone().into()).ok_or("missing".to_owned());
        let keys = Arc::new(KeyRing::from(AliasKey::new(KEY).unwrap()));
        let vault: Arc<dyn Vault> = Arc::new(MemoryVault::new(1 << 20));
        let context = Context {
            proxies: &["fd00:77::/64".parse().unwrap()],
            profile: &profile,
            keys: &keys,
            vault: &vault,
            super_admin_roles: &["super_admin".to_owned()],
            settings: None,
            today: self.today(),
            in_force: &[],
            dir: "rules",
        };
        let (rules, told) = rules::compile(&RuleSources { files, lists: &list }, &context);
        let told: String = told.iter().map(ToString::to_string).collect();
        let rules = rules.unwrap_or_else(|| panic!("{told}"));
        Policy { profile: Arc::new(profile), rules }
    }

    pub(super) async fn gateway(&self, origin: SocketAddr) -> Gateway {
        let mut builder = Gateway::builder().upstream(origin).today(&self.today().to_string());
        for kind in Kind::ALL {
            builder = match self.rules.get(kind.file_name()) {
                Some(text) => builder.rule(kind.name(), text),
                None => builder.without_rule(kind.name()),
            };
        }
        for (name, text) in &self.lists {
            builder = builder.file(&format!("rules/{name}"), text);
        }
        let known = |name: &String| Kind::ALL.iter().any(|kind| kind.file_name() == name);
        assert!(self.rules.keys().all(known), "a rule file of no kind");
        let builder = builder.file("profiles/case.yaml", &self.profile_text());
        let builder = builder.file("state/keys/alias.key", std::str::from_utf8(KEY).unwrap());
        builder.config("profile", json!("profiles/case.yaml")).start().await
    }
}

/// Aliases in case files are made with it.
const KEY: &[u8] = b"case files are read with this key";
