//! `identity:` of config.yaml as the file says it.
//!
//! The shape is checked before these structs are read; what a value means is checked where a source is built, and every
//! problem is reported there, all at once.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use chatwarden_policy::units::parse_duration;
use serde::Deserialize;

/// One identity source: exactly one of its members is set.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceSettings {
    /// The application's signed tokens (JWS), verified by the gateway itself.
    pub jwt: Option<JwtSettings>,
    /// The application is asked who the caller is.
    pub introspection: Option<IntrospectionSettings>,
    /// A proxy in front says who the caller is.
    pub trusted_header: Option<TrustedHeaderSettings>,
    /// API tokens that ops list in a file.
    pub tokens: Option<TokensSettings>,
}

/// `jwt:` — signed tokens that the gateway verifies with the application's key.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JwtSettings {
    /// Where a token may stand: `{ cookie: session }`, `{ header: Authorization, scheme: Bearer }`.
    pub from: Vec<PlaceSettings>,
    /// The key that tokens are verified with.
    pub keys: KeySettings,
    /// The signature algorithms that are accepted; each must fit the key.
    pub algorithms: Vec<JwtAlgorithm>,
    /// Which claim says what. Dotted paths reach into objects and, by number, into lists.
    #[serde(default)]
    pub claims: ClaimSettings,
    /// The accepted issuers. Set: the token must carry `iss`, and it must be one of these.
    #[serde(default)]
    pub issuer: OneOrMany,
    /// The accepted audiences. Set: the token must carry `aud` with one of these. Not set: `aud` is not looked at.
    #[serde(default)]
    pub audience: OneOrMany,
}

/// Where the key of a `jwt` source comes from: exactly one member is set. Paths are relative to config.yaml.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeySettings {
    /// A shared secret (HS256): raw bytes less one final newline, `base64:` decodes, at least 32 bytes.
    pub secret_file: Option<PathBuf>,
    /// A public key in PEM: RSA of 2048 to 4096 bits, P-256 or Ed25519.
    pub public_key_file: Option<PathBuf>,
    /// A JSON Web Key Set (RFC 7517); keys are chosen by `kid`, those without one by their type.
    pub jwks_file: Option<PathBuf>,
    /// The same behind an `https://` or `http://` URL, fetched when it is needed.
    pub jwks_url: Option<String>,
}

/// A signature algorithm of RFC 7518 §3.1 or RFC 8037.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum JwtAlgorithm {
    /// HMAC with SHA-256, by a shared secret.
    HS256,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    RS256,
    /// ECDSA on P-256 with SHA-256.
    ES256,
    /// EdDSA on Ed25519.
    EdDSA,
}

/// Claim paths of a `jwt` source.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClaimSettings {
    /// The account's id: text or number. A token without it is nobody's.
    pub account: String,
    /// The name that people see.
    pub name: Option<String>,
    /// The verified e-mail address.
    pub email: Option<String>,
    /// One role, several separated by spaces, or a list.
    pub role: Option<String>,
    /// A list of operator groups, or the title of one.
    pub groups: Option<String>,
}

impl Default for ClaimSettings {
    fn default() -> Self {
        Self { account: "sub".to_owned(), name: None, email: None, role: None, groups: None }
    }
}

/// `introspection:` — a GET on the upstream with the caller's own credentials.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IntrospectionSettings {
    /// The path that answers who is signed in, such as `/api/me`: 200 with JSON, or 401 or 403 for nobody.
    pub path: String,
    /// The credentials that are passed on: `{ cookie: session }`, `{ cookie: "*" }`, `{ header: Authorization }`.
    pub from: Vec<PlaceSettings>,
    /// JSONPath of the account's id: text or number.
    pub account: String,
    /// JSONPath of the name that people see.
    pub name: Option<String>,
    /// JSONPath of the verified e-mail address.
    pub email: Option<String>,
    /// JSONPath of one role, several separated by spaces, or a list.
    pub role: Option<String>,
    /// JSONPath of the titles of the account's operator groups.
    pub groups: Option<String>,
    /// How long an answer is believed (`30s`). A change of role in the application takes effect after it.
    pub cache_ttl: Option<String>,
    /// How long the application may take to answer (`2s`); later counts as unavailable.
    pub timeout: Option<String>,
}

/// `trusted_header:` — headers that a proxy in front of the gateway writes.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustedHeaderSettings {
    /// The header of the account's id. Without it a request of the proxy is nobody's.
    pub account: String,
    /// The header of the name that people see.
    pub name: Option<String>,
    /// The header of the verified e-mail address.
    pub email: Option<String>,
    /// The header of the role, or of several, separated by commas or spaces.
    pub role: Option<String>,
    /// The header of the titles of operator groups, separated by commas.
    pub groups: Option<String>,
    /// The proxy's networks, as the gateway's own sockets see it. From everybody else the headers are removed.
    pub peers: Vec<String>,
}

/// `tokens:` — API tokens by their SHA-256.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokensSettings {
    /// A YAML list of `{ sha256, account, name, email, role, groups, note }`, relative to config.yaml.
    pub file: PathBuf,
    /// Where a token may stand. Default: `{ header: Authorization, scheme: Bearer }`.
    pub from: Option<Vec<PlaceSettings>>,
}

/// A place of a request where credentials stand: a cookie or a header.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlaceSettings {
    /// The name of a cookie, or `*` for all of them.
    pub cookie: Option<String>,
    /// The name of a header.
    pub header: Option<String>,
    /// The word before the credentials in the header, such as `Bearer`.
    pub scheme: Option<String>,
}

/// One text or a list of texts.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum OneOrMany {
    /// One.
    One(String),
    /// Any number.
    Many(Vec<String>),
}

impl OneOrMany {
    /// The texts.
    pub fn as_slice(&self) -> &[String] {
        match self {
            OneOrMany::One(text) => std::slice::from_ref(text),
            OneOrMany::Many(texts) => texts,
        }
    }
}

impl Default for OneOrMany {
    fn default() -> Self {
        OneOrMany::Many(Vec::new())
    }
}

/// A problem of a setting.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {message}")]
pub struct SettingError {
    /// Where: `identity[0].jwt.keys`.
    pub path: String,
    /// What was found.
    pub message: String,
    /// What to do, where that is known.
    pub help: Option<String>,
}

/// The problems found while the sources are built, with the place that is being built.
#[derive(Debug)]
pub(super) struct Problems<'a> {
    base: &'a Path,
    path: String,
    pub(super) errors: Vec<SettingError>,
    pub(super) warnings: Vec<SettingError>,
}

impl<'a> Problems<'a> {
    pub(super) fn new(base: &'a Path) -> Self {
        Self { base, path: String::new(), errors: Vec::new(), warnings: Vec::new() }
    }

    /// Problems reported inside `build` stand under `path`.
    pub(super) fn under<T>(&mut self, path: &str, build: impl FnOnce(&mut Self) -> T) -> T {
        let length = self.path.len();
        if length > 0 && !path.starts_with('[') {
            self.path.push('.');
        }
        self.path.push_str(path);
        let built = build(self);
        self.path.truncate(length);
        built
    }

    pub(super) fn error(&mut self, message: impl Into<String>, help: Option<&str>) {
        let error = self.problem(message, help);
        self.errors.push(error);
    }

    pub(super) fn warning(&mut self, message: impl Into<String>, help: &str) {
        let warning = self.problem(message, Some(help));
        self.warnings.push(warning);
    }

    /// The place that is being built.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// A file named in config.yaml.
    pub(super) fn file(&self, path: &Path) -> PathBuf {
        self.base.join(path)
    }

    /// The duration written at `key`, or the default where nothing is written.
    pub(super) fn duration(
        &mut self,
        key: &str,
        text: Option<&str>,
        default: Duration,
        (least, most): (Duration, Duration),
    ) -> Duration {
        let Some(text) = text else { return default };
        self.under(key, |problems| match parse_duration(text) {
            Ok(duration) if (least..=most).contains(&duration) => duration,
            Ok(duration) if duration < least => {
                problems.error(format!("`{text}` is less than {least:?}"), None);
                default
            }
            Ok(_) => {
                problems.error(format!("`{text}` is more than {most:?}"), None);
                default
            }
            Err(error) => {
                problems.error(format!("`{text}`: {error}"), None);
                default
            }
        })
    }

    fn problem(&self, message: impl Into<String>, help: Option<&str>) -> SettingError {
        SettingError { path: self.path.clone(), message: message.into(), help: help.map(str::to_owned) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_contract_example_reads() {
        let sources: Vec<SourceSettings> = serde_yaml::from_str(
            r#"
            - jwt:
                from: [ { cookie: session }, { header: Authorization, scheme: Bearer } ]
                keys: { secret_file: jwt.secret }
                algorithms: [HS256]
                claims: { account: sub, name: name, email: email, role: role, groups: groups }
                audience: chat
            - introspection:
                path: /api/me
                from: [ { cookie: "*" }, { header: Authorization } ]
                account: $.id
                groups: $.groups[*].title
                cache_ttl: 30s
            - trusted_header: { account: X-Auth-User, groups: X-Auth-Groups, peers: [10.0.0.0/8] }
            - tokens: { file: tokens.yaml }
            "#,
        )
        .unwrap();
        assert!(sources[0].jwt.as_ref().is_some_and(|jwt| jwt.audience.as_slice() == ["chat"]));
        assert!(sources[1].introspection.is_some() && sources[3].tokens.is_some());
        assert!(sources[2].trusted_header.as_ref().is_some_and(|header| header.peers == ["10.0.0.0/8"]));
        assert!(serde_yaml::from_str::<SourceSettings>("trusted_header: {}").is_err());
    }

    #[test]
    fn problems_stand_under_the_path_of_what_is_built() {
        let mut problems = Problems::new(Path::new("/etc/chatwarden"));
        problems.under("identity", |problems| {
            problems.under("[1]", |problems| {
                problems.under("jwt", |problems| {
                    problems.duration(
                        "ttl",
                        Some("soon"),
                        Duration::ZERO,
                        (Duration::ZERO, Duration::from_secs(1)),
                    )
                })
            })
        });
        assert_eq!(problems.errors[0].path, "identity[1].jwt.ttl");
        assert!(problems.errors[0].to_string().starts_with("identity[1].jwt.ttl: `soon`: "));
    }
}
