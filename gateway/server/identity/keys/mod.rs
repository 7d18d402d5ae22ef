//! Keys that tokens are verified with: shared secret, PEM public key, JSON Web Key Set in a file or behind a URL.
//!
//! A key fits exactly one algorithm, fixed here by what the key is and never by what a token says, so that a public key
//! can not be taken for a shared secret. Private keys are refused: the gateway has no use for them.

mod remote;

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
    time::Duration,
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{
    Algorithm, AlgorithmFamily, DecodingKey, crypto,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk},
};
use serde_json::{Map, Value};

pub(super) use self::remote::KeysUnavailable;
use self::remote::{KeyList, Remote};
use super::settings::{JwtAlgorithm, KeySettings, Problems};
use crate::secret::{MIN_SECRET, read_secret};

/// A key and the one algorithm it verifies.
pub(super) struct VerificationKey {
    /// The key's name in its set (RFC 7517 §4.5).
    pub(super) id: Option<String>,
    pub(super) algorithm: Algorithm,
    pub(super) key: DecodingKey,
}

/// The keys of a source.
pub(super) enum Keys {
    /// Those of a file.
    Here(KeyList),
    /// Those behind a URL.
    Remote(Remote),
}

impl Keys {
    /// Those that hold now; `wanted` says whether one is among them that a token needs.
    pub(super) async fn get(
        &self,
        wanted: impl Fn(&[VerificationKey]) -> bool,
    ) -> Result<KeyList, KeysUnavailable> {
        match self {
            Keys::Here(keys) => Ok(KeyList::clone(keys)),
            Keys::Remote(remote) => remote.keys(wanted).await,
        }
    }

    /// How long a key is believed, where that ends.
    pub(super) fn believed_for(&self) -> Option<Duration> {
        match self {
            Keys::Here(_) => None,
            Keys::Remote(remote) => Some(remote.ttl()),
        }
    }
}

/// Loads the keys of a source, or reports why there are none.
pub(super) fn load(settings: &KeySettings, problems: &mut Problems<'_>) -> Option<Keys> {
    let KeySettings { secret_file, public_key_file, jwks_file, jwks_url } = settings;
    problems.under("keys", |problems| {
        let keys = match (secret_file, public_key_file, jwks_file, jwks_url) {
            (Some(path), None, None, None) => {
                problems.under("secret_file", |problems| secret(path, problems))
            }
            (None, Some(path), None, None) => {
                problems.under("public_key_file", |problems| public_key(path, problems))
            }
            (None, None, Some(path), None) => problems.under("jwks_file", |problems| key_set(path, problems)),
            (None, None, None, Some(url)) => {
                return problems.under("jwks_url", |problems| Remote::new(url, problems)).map(Keys::Remote);
            }
            (_, _, _, _) => {
                let message = "is one of `secret_file`, `public_key_file`, `jwks_file`, `jwks_url`";
                problems.error(message, None);
                Vec::new()
            }
        };
        // An empty list means that a problem was reported.
        (!keys.is_empty()).then(|| Keys::Here(keys.into()))
    })
}

/// Reports every algorithm that no key fits.
pub(super) fn check_algorithms(
    algorithms: &[JwtAlgorithm],
    keys: Option<&Keys>,
    problems: &mut Problems<'_>,
) {
    problems.under("algorithms", |problems| {
        if algorithms.is_empty() {
            let help = "name what the application signs with: `[HS256]`";
            problems.error("an empty list verifies nothing", Some(help));
        }
        for algorithm in algorithms.iter().copied() {
            let fits = match keys {
                // What a server hands to everybody is no secret.
                Some(Keys::Remote(_)) => algorithm != JwtAlgorithm::HS256,
                Some(Keys::Here(keys)) => keys.iter().any(|key| key.algorithm == Algorithm::from(algorithm)),
                None => true,
            };
            if !fits {
                let needs = match algorithm {
                    JwtAlgorithm::HS256 => "a shared secret",
                    JwtAlgorithm::RS256 => "an RSA public key",
                    JwtAlgorithm::ES256 => "a P-256 public key",
                    JwtAlgorithm::EdDSA => "an Ed25519 public key",
                };
                problems.error(format!("`{algorithm:?}` needs {needs}, and `keys` holds none"), None);
            }
        }
    });
}

impl From<JwtAlgorithm> for Algorithm {
    fn from(algorithm: JwtAlgorithm) -> Self {
        match algorithm {
            JwtAlgorithm::HS256 => Algorithm::HS256,
            JwtAlgorithm::RS256 => Algorithm::RS256,
            JwtAlgorithm::ES256 => Algorithm::ES256,
            JwtAlgorithm::EdDSA => Algorithm::EdDSA,
        }
    }
}

fn secret(path: &Path, problems: &mut Problems<'_>) -> Vec<VerificationKey> {
    let shown = path.display();
    match read_secret(&problems.file(path)) {
        Ok(file) => {
            if file.readable_by_others {
                let help = "who can read it can sign in as anyone; run `chmod o-r` on it";
                problems.warning(format!("{shown} is readable by others"), help);
            }
            let key = DecodingKey::from_secret(file.secret.expose());
            vec![VerificationKey { id: None, algorithm: Algorithm::HS256, key }]
        }
        Err(error) => {
            problems.error(format!("{shown} {error}"), None);
            Vec::new()
        }
    }
}

fn read_file(path: &Path, problems: &mut Problems<'_>) -> Option<Vec<u8>> {
    let read = read(&problems.file(path));
    read.map_err(|error| problems.error(format!("{} cannot be read: {error}", path.display()), None)).ok()
}

fn public_key(path: &Path, problems: &mut Problems<'_>) -> Vec<VerificationKey> {
    let shown = path.display();
    let Some(bytes) = read_file(path, problems) else { return Vec::new() };
    match parse_pem(&bytes) {
        Ok((algorithm, key)) => vec![VerificationKey { id: None, algorithm, key }],
        Err(error) => {
            problems.error(format!("{shown} {error}"), error.help());
            Vec::new()
        }
    }
}

fn key_set(path: &Path, problems: &mut Problems<'_>) -> Vec<VerificationKey> {
    let shown = path.display();
    let Some(bytes) = read_file(path, problems) else { return Vec::new() };
    let members = match parse_set(&bytes) {
        Ok(members) => members,
        Err(error) => {
            problems.error(format!("{shown} {error}"), None);
            return Vec::new();
        }
    };
    let errors = problems.errors.len();
    let mut keys = Vec::new();
    for (index, member) in members.into_iter().enumerate() {
        match member {
            Ok(key) => keys.extend(key),
            Err(error) => problems.error(format!("{shown}: key {} {error}", index + 1), error.help()),
        }
    }
    if keys.is_empty() && problems.errors.len() == errors {
        let help = "supported are RSA, P-256, Ed25519 and `oct` keys whose `use` is not `enc`";
        problems.error(format!("{shown} holds no key that verifies signatures"), Some(help));
    }
    keys
}

/// Reads the members of a set, each by itself.
fn parse_set(bytes: &[u8]) -> Result<Vec<Result<Option<VerificationKey>, KeyError>>, SetError> {
    let KeySet { keys } = serde_json::from_slice(bytes).map_err(|_| SetError::NoSet)?;
    if keys.len() > MAX_KEYS {
        return Err(SetError::TooMany(keys.len()));
    }
    Ok(keys.iter().map(parse_jwk).collect())
}

/// Why there are no members; the texts continue the set's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum SetError {
    #[error("is not a key set, a JSON object with a list `keys` (RFC 7517 §5)")]
    NoSet,
    #[error("holds {0} keys, at most {MAX_KEYS} are read")]
    TooMany(usize),
}

#[derive(serde::Deserialize)]
struct KeySet {
    keys: Vec<Map<String, Value>>,
}

/// Why a key cannot be used; the texts continue the file's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum KeyError {
    #[error("is not a public key in PEM")]
    NotPem,
    #[error("holds a private key")]
    Private,
    #[error("holds a certificate")]
    Certificate,
    #[error("holds more than one PEM block")]
    Several,
    #[error("is an RSA key of {0} bits; 2048 to 4096 are accepted (RFC 7518 §3.3)")]
    RsaLength(usize),
    #[error("is not an RSA, P-256 or Ed25519 public key")]
    Unsupported,
    #[error("has a shared secret of fewer than {MIN_SECRET} bytes")]
    ShortSecret,
    #[error("has a member that is missing or malformed")]
    Malformed,
}

impl KeyError {
    fn help(self) -> Option<&'static str> {
        match self {
            KeyError::Private => {
                Some("give the gateway the public part only: `openssl pkey -in key.pem -pubout`")
            }
            KeyError::Certificate => {
                Some("take the public key out: `openssl x509 -in cert.pem -noout -pubkey`")
            }
            KeyError::Several => Some("several keys go into a `jwks_file`"),
            KeyError::NotPem
            | KeyError::RsaLength(_)
            | KeyError::Unsupported
            | KeyError::ShortSecret
            | KeyError::Malformed => None,
        }
    }
}

fn parse_pem(bytes: &[u8]) -> Result<(Algorithm, DecodingKey), KeyError> {
    let text = std::str::from_utf8(bytes).map_err(|_| KeyError::NotPem)?;
    let mut labels =
        text.lines().filter_map(|line| line.trim().strip_prefix("-----BEGIN ")?.strip_suffix("-----"));
    let label = labels.next().ok_or(KeyError::NotPem)?;
    if labels.next().is_some() {
        return Err(KeyError::Several);
    }
    match label {
        "PUBLIC KEY" | "RSA PUBLIC KEY" => {}
        "CERTIFICATE" => return Err(KeyError::Certificate),
        label if label.ends_with("PRIVATE KEY") => return Err(KeyError::Private),
        _ => return Err(KeyError::NotPem),
    }
    let parsers = [DecodingKey::from_rsa_pem, DecodingKey::from_ec_pem, DecodingKey::from_ed_pem];
    let key = parsers.iter().find_map(|parse| parse(bytes).ok()).ok_or(KeyError::Unsupported)?;
    Ok((check(&key)?, key))
}

/// Reads one key of a set. Keys for other purposes or of other kinds are no error (RFC 7517 §5): `None`.
fn parse_jwk(jwk: &Map<String, Value>) -> Result<Option<VerificationKey>, KeyError> {
    let member = |name: &str| jwk.get(name).and_then(Value::as_str);
    let usable = member("use").is_none_or(|purpose| purpose == "sig")
        && jwk.get("key_ops").and_then(Value::as_array).is_none_or(|ops| ops.iter().any(|op| op == "verify"));
    let kind = member("kty").ok_or(KeyError::Malformed)?;
    let algorithm = match (kind, member("crv")) {
        ("oct", _) => Algorithm::HS256,
        ("RSA", _) => Algorithm::RS256,
        ("EC", Some("P-256")) => Algorithm::ES256,
        ("OKP", Some("Ed25519")) => Algorithm::EdDSA,
        _ => return Ok(None),
    };
    let intended = member("alg").is_none_or(|alg| alg == format!("{algorithm:?}"));
    if !usable || !intended {
        return Ok(None);
    }
    if kind != "oct" && jwk.contains_key("d") {
        return Err(KeyError::Private);
    }
    let part = |name: &str| member(name).ok_or(KeyError::Malformed);
    let key = match algorithm.family() {
        AlgorithmFamily::Hmac => {
            let secret = URL_SAFE_NO_PAD.decode(part("k")?).map_err(|_| KeyError::Malformed)?;
            if secret.len() < MIN_SECRET {
                return Err(KeyError::ShortSecret);
            }
            DecodingKey::from_secret(&secret)
        }
        AlgorithmFamily::Rsa => {
            DecodingKey::from_rsa_components(part("n")?, part("e")?).map_err(|_| KeyError::Malformed)?
        }
        AlgorithmFamily::Ec => {
            DecodingKey::from_ec_components(part("x")?, part("y")?).map_err(|_| KeyError::Malformed)?
        }
        AlgorithmFamily::Ed => {
            DecodingKey::from_ed_components(part("x")?).map_err(|_| KeyError::Malformed)?
        }
    };
    if algorithm != Algorithm::HS256 && check(&key).map_err(in_set)? != algorithm {
        return Err(KeyError::Malformed);
    }
    let id = match jwk.get("kid") {
        None => None,
        Some(Value::String(id)) => Some(id.clone()),
        Some(_) => return Err(KeyError::Malformed),
    };
    Ok(Some(VerificationKey { id, algorithm, key }))
}

/// The algorithm that a public key fits, once its size and form are known to be good.
fn check(key: &DecodingKey) -> Result<Algorithm, KeyError> {
    // Size first: the library's Ed25519 verifier takes 32 bytes for granted.
    let jwk = Jwk::from_decoding_key(key, None).map_err(|_| KeyError::Unsupported)?;
    let algorithm = if let AlgorithmParameters::RSA(rsa) = &jwk.algorithm {
        let bits = bits(&URL_SAFE_NO_PAD.decode(&rsa.n).map_err(|_| KeyError::Malformed)?);
        if !RSA_BITS.contains(&bits) {
            return Err(KeyError::RsaLength(bits));
        }
        Algorithm::RS256
    } else if let AlgorithmParameters::EllipticCurve(ec) = &jwk.algorithm
        && ec.curve == EllipticCurve::P256
    {
        Algorithm::ES256
    } else if let AlgorithmParameters::OctetKeyPair(pair) = &jwk.algorithm
        && pair.curve == EllipticCurve::Ed25519
    {
        Algorithm::EdDSA
    } else {
        return Err(KeyError::Unsupported);
    };
    // A verification shows whether the key is a point of its curve; that the signature is none does not matter.
    crypto::verify("", b"", key, algorithm).map_err(|_| KeyError::Unsupported)?;
    Ok(algorithm)
}

/// The same finding about a member of a set, where the kind is known from `kty`.
fn in_set(error: KeyError) -> KeyError {
    match error {
        KeyError::Unsupported => KeyError::Malformed,
        KeyError::NotPem
        | KeyError::Private
        | KeyError::Certificate
        | KeyError::Several
        | KeyError::RsaLength(_)
        | KeyError::ShortSecret
        | KeyError::Malformed => error,
    }
}

fn bits(number: &[u8]) -> usize {
    let mut bytes = number.iter().skip_while(|byte| **byte == 0);
    let top = bytes.next().map_or(0, |byte| 8 - byte.leading_zeros() as usize);
    top + 8 * bytes.count()
}

/// Reads a key file of sane size.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_FILE + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_FILE { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(bytes) }
}

const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=4096;
const MAX_KEYS: usize = 32;
const MAX_FILE: u64 = 256 * 1024;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_public_key_fits_the_algorithm_of_its_kind() {
        let pem = |bytes| parse_pem(bytes).map(|(algorithm, _)| algorithm);
        assert_eq!(pem(include_bytes!("../../../../tests/keys/rsa.pub.pem")), Ok(Algorithm::RS256));
        assert_eq!(pem(include_bytes!("../../../../tests/keys/p256.pub.pem")), Ok(Algorithm::ES256));
        assert_eq!(pem(include_bytes!("../../../../tests/keys/ed25519.pub.pem")), Ok(Algorithm::EdDSA));
    }

    #[test]
    fn keys_that_are_private_weak_or_of_another_kind_are_refused() {
        let pem = |bytes: &[u8]| parse_pem(bytes).map(|(algorithm, _)| algorithm).unwrap_err();
        assert_eq!(pem(include_bytes!("../../../../tests/keys/rsa.pem")), KeyError::Private);
        assert_eq!(pem(include_bytes!("../../../../tests/keys/ed25519.pem")), KeyError::Private);
        assert_eq!(pem(include_bytes!("../../../../tests/keys/rsa1024.pub.pem")), KeyError::RsaLength(1024));
        assert_eq!(pem(include_bytes!("../../../../tests/keys/p384.pub.pem")), KeyError::Unsupported);
        assert_eq!(pem(b"0123456789012345678901234567890123456789"), KeyError::NotPem);
        let two = include_str!("../../../../tests/keys/p256.pub.pem").repeat(2);
        assert_eq!(pem(two.as_bytes()), KeyError::Several);
        assert_eq!(pem(b"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----"), KeyError::Certificate);
        assert_eq!(pem(b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"), KeyError::Unsupported);
    }

    #[test]
    fn keys_of_a_set_are_used_ignored_or_refused() {
        let jwk = |value: Value| {
            parse_jwk(value.as_object().unwrap()).map(|key| key.map(|key| (key.id, key.algorithm)))
        };
        let secret = URL_SAFE_NO_PAD.encode([7; 32]);
        let used = Some((Some("a".to_owned()), Algorithm::HS256));
        assert_eq!(jwk(json!({"kty": "oct", "k": secret, "kid": "a"})), Ok(used));
        assert_eq!(jwk(json!({"kty": "oct", "k": secret, "use": "enc"})), Ok(None));
        assert_eq!(jwk(json!({"kty": "oct", "k": secret, "alg": "HS512"})), Ok(None));
        assert_eq!(jwk(json!({"kty": "oct", "k": secret, "key_ops": ["sign"]})), Ok(None));
        assert_eq!(jwk(json!({"kty": "EC", "crv": "secp256k1", "x": "", "y": ""})), Ok(None));
        assert_eq!(jwk(json!({"kty": "oct", "k": "AAAA"})), Err(KeyError::ShortSecret));
        assert_eq!(jwk(json!({"kty": "OKP", "crv": "Ed25519", "x": "AAAA"})), Err(KeyError::Malformed));
        assert_eq!(
            jwk(json!({"kty": "OKP", "crv": "Ed25519", "x": secret, "d": ""})),
            Err(KeyError::Private)
        );
        assert_eq!(
            jwk(json!({"kty": "EC", "crv": "P-256", "x": secret, "y": secret})),
            Err(KeyError::Malformed)
        );
        assert_eq!(jwk(json!({"kty": "RSA", "n": secret, "e": "AQAB"})), Err(KeyError::RsaLength(251)));
        assert_eq!(jwk(json!({"k": secret})), Err(KeyError::Malformed));
    }
}
