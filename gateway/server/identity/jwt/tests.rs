//! Good, bad and forged tokens of every algorithm.

use std::{fs, path::Path};

use futures_util::FutureExt;
use http::HeaderMap;
use jsonwebtoken::{EncodingKey, Header, encode, get_current_timestamp};
use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::identity::settings::SourceSettings;

#[test]
fn good_tokens_of_every_algorithm_are_their_account() {
    for signer in signers() {
        let account = signer.source("").verify_text(&signer.sign(&claims())).unwrap();
        assert_eq!(account.id, "1043", "{:?}", signer.algorithm);
        assert_eq!(account.name.as_deref(), Some("Anna"));
        assert_eq!(account.roles, ["admin", "agent"]);
        assert_eq!(account.groups, ["trainees", "Night shift"]);
    }
}

#[test]
fn forged_tokens_of_every_algorithm_are_nobody() {
    for signer in signers() {
        let source = signer.source("");
        let forged = encode(&Header::new(signer.algorithm), &claims(), &signer.other).unwrap();
        assert_eq!(source.verify_text(&forged), Err(Refusal::Invalid), "{:?}", signer.algorithm);

        let good = signer.sign(&claims());
        let (signed, signature) = good.rsplit_once('.').unwrap();
        let (header, _) = signed.split_once('.').unwrap();
        let admin = URL_SAFE_NO_PAD.encode(json!({"sub": "1", "exp": u32::MAX}).to_string());
        for text in [format!("{header}.{admin}.{signature}"), format!("{signed}."), format!("{signed}.AAAA")]
        {
            assert_eq!(source.verify_text(&text), Err(Refusal::Invalid), "{:?}", signer.algorithm);
        }
    }
}

#[test]
fn unsigned_tokens_are_nobody() {
    let payload = URL_SAFE_NO_PAD.encode(claims().to_string());
    for signer in signers() {
        let source = signer.source("");
        for alg in [json!("none"), json!("None"), json!("NONE"), json!(""), json!(null), json!(["HS256"])] {
            let header = URL_SAFE_NO_PAD.encode(json!({"alg": alg, "typ": "JWT"}).to_string());
            for signature in ["", "AAAA"] {
                let refusal = source.verify_text(&format!("{header}.{payload}.{signature}"));
                assert_eq!(refusal, Err(Refusal::Algorithm), "{alg}");
            }
        }
        let header = URL_SAFE_NO_PAD.encode("{}");
        assert_eq!(source.verify_text(&format!("{header}.{payload}.")), Err(Refusal::Algorithm));
    }
}

#[test]
fn a_public_key_is_never_a_shared_secret() {
    let signers = signers();
    for signer in &signers {
        let Some(public) = signer.public else { continue };
        for secret in [public.as_bytes(), public.trim_end().as_bytes()] {
            let confused = encode(&Header::default(), &claims(), &EncodingKey::from_secret(secret)).unwrap();
            assert_eq!(signer.source("").verify_text(&confused), Err(Refusal::Algorithm));
        }
        let mut jwks = json!({"keys": []});
        jwks["keys"].as_array_mut().unwrap().extend(signers.iter().map(|signer| signer.jwk("k")));
        let all =
            source("jwks_file", jwks.to_string().as_bytes(), "[HS256, RS256, ES256, EdDSA]", "").unwrap();
        let confused = encode(&Header::default(), &claims(), &EncodingKey::from_secret(public.as_bytes()));
        assert_eq!(all.verify_text(&confused.unwrap()), Err(Refusal::Invalid));
        let Keys::Here(keys) = &all.keys else { panic!("these are not remote") };
        for (key, algorithm) in candidates(keys, signer.algorithm, None).map(|key| (key, key.algorithm)) {
            assert_eq!((key.key.family(), algorithm), (signer.algorithm.family(), signer.algorithm));
        }
        assert_eq!(candidates(keys, signer.algorithm, None).count(), 1);
    }
    // And the algorithm of the header must be an accepted one, though a key of its kind is there.
    let hmac = &signers[0];
    let longer = encode(&Header::new(Algorithm::HS512), &claims(), &hmac.key).unwrap();
    assert_eq!(hmac.source("").verify_text(&longer), Err(Refusal::Algorithm));
}

#[test]
fn settings_that_would_confuse_algorithms_are_refused() {
    let pem = include_bytes!("../../../../tests/keys/rsa.pub.pem");
    let error = |key, bytes: &[u8], algorithms| source(key, bytes, algorithms, "").err().unwrap();
    assert_eq!(
        error("secret_file", pem, "[HS256]"),
        ["keys.secret_file: key holds a PEM block, which is a key file and no shared secret"]
    );
    assert_eq!(
        error("public_key_file", pem, "[RS256, HS256]"),
        ["algorithms: `HS256` needs a shared secret, and `keys` holds none"]
    );
    assert_eq!(
        error("secret_file", &[7; 32], "[RS256]"),
        ["algorithms: `RS256` needs an RSA public key, and `keys` holds none"]
    );
    assert_eq!(
        error("secret_file", &[7; 31], "[]"),
        [
            "keys.secret_file: key holds 31 bytes, a secret needs at least 32",
            "algorithms: an empty list verifies nothing"
        ]
    );
    assert_eq!(
        error("jwks_file", br#"{"keys": [{"kty": "RSA", "use": "enc"}]}"#, "[RS256]"),
        ["keys.jwks_file: key holds no key that verifies signatures"]
    );
    assert_eq!(
        error("jwks_file", br#"{"keys": [{}, {"kty": "RSA", "n": "AQAB"}]}"#, "[RS256]").len(),
        2,
        "every key is told"
    );
}

#[test]
fn times_are_judged_with_the_named_leeway() {
    let now = get_current_timestamp();
    let hmac = &signers()[0];
    let source = hmac.source("");
    let verdict = |claims: Value| source.verify_text(&hmac.sign(&claims)).map(|account| account.id);
    let good = Ok("1".to_owned());
    assert_eq!(verdict(json!({"sub": "1", "exp": now + 5})), good);
    assert_eq!(verdict(json!({"sub": "1", "exp": now - LEEWAY_SECONDS + 5})), good);
    assert_eq!(verdict(json!({"sub": "1", "exp": now - LEEWAY_SECONDS - 5})), Err(Refusal::Invalid));
    assert_eq!(verdict(json!({"sub": "1"})), Err(Refusal::Invalid), "exp is required");
    for exp in [json!(null), json!("soon"), json!(-1), json!([now + 5]), json!((now + 5).to_string())] {
        assert_eq!(verdict(json!({"sub": "1", "exp": exp})), Err(Refusal::Invalid), "{exp}");
    }
    let exp = now + 600;
    assert_eq!(verdict(json!({"sub": "1", "exp": exp, "nbf": now + LEEWAY_SECONDS - 5})), good);
    assert_eq!(
        verdict(json!({"sub": "1", "exp": exp, "nbf": now + LEEWAY_SECONDS + 5})),
        Err(Refusal::Invalid)
    );
    assert_eq!(verdict(json!({"sub": "1", "exp": exp, "nbf": "now"})), Err(Refusal::Invalid));
}

#[test]
fn issuer_and_audience_are_required_where_they_are_set() {
    let hmac = &signers()[0];
    let source = hmac.source("issuer: https://chat.example.com\naudience: [gateway, chat]");
    let verdict = |more: Value| {
        let mut claims = claims();
        claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        source.verify_text(&hmac.sign(&claims)).map(|account| account.id)
    };
    let issuer = "https://chat.example.com";
    let good = Ok("1043".to_owned());
    assert_eq!(verdict(json!({"iss": issuer, "aud": "chat"})), good);
    assert_eq!(verdict(json!({"iss": issuer, "aud": ["billing", "gateway"]})), good);
    for bad in [
        json!({"iss": issuer}),
        json!({"iss": issuer, "aud": "billing"}),
        json!({"iss": issuer, "aud": []}),
        json!({"iss": issuer, "aud": null}),
        json!({"aud": "chat"}),
        json!({"iss": "https://evil.example", "aud": "chat"}),
        json!({"iss": 1, "aud": "chat"}),
    ] {
        assert_eq!(verdict(bad.clone()), Err(Refusal::Invalid), "{bad}");
    }
    let unset = hmac.source("");
    let elsewhere = hmac.sign(&json!({"sub": "1", "exp": u32::MAX, "aud": "billing", "iss": "x"}));
    assert!(unset.verify_text(&elsewhere).is_ok());
}

#[test]
fn critical_extensions_and_oversized_tokens_are_refused() {
    let hmac = &signers()[0];
    let source = hmac.source("");
    let mut header = Header::new(Algorithm::HS256);
    header.crit = Some(vec!["b64".to_owned()]);
    let critical = encode(&header, &claims(), &hmac.key).unwrap();
    assert_eq!(source.verify_text(&critical), Err(Refusal::Critical));

    let mut claims = claims();
    claims["padding"] = json!("x".repeat(MAX_TOKEN));
    assert_eq!(source.verify_text(&hmac.sign(&claims)), Err(Refusal::TooLong));
}

#[test]
fn a_token_without_a_readable_account_is_nobody() {
    let hmac = &signers()[0];
    let verdict = |claims| hmac.source("").verify_text(&hmac.sign(&claims));
    assert_eq!(verdict(json!({"exp": u32::MAX})), Err(Refusal::Claims(FieldError::Missing)));
    assert_eq!(verdict(json!({"sub": {"id": 1}, "exp": u32::MAX})), Err(Refusal::Invalid));
    for sub in [json!(null), json!(""), json!(true)] {
        let claims = json!({"sub": sub, "exp": u32::MAX});
        assert_eq!(verdict(claims), Err(Refusal::Claims(FieldError::Missing)), "{sub}");
    }
    let objects = json!({"sub": "1", "exp": u32::MAX, "user": {"groups": [{"title": "trainees"}]}});
    assert_eq!(verdict(objects), Err(Refusal::Claims(FieldError::Unreadable("groups"))));
}

#[test]
fn claims_are_found_by_name_and_by_dotted_path() {
    let claims = json!({
        "https://chat.example.com/role": "admin",
        "realm": {"access": [{"role": "agent"}]},
        "a.b": 1, "a": {"b": 2}
    });
    let claim = |path| claim(claims.as_object().unwrap(), path).cloned();
    assert_eq!(claim("https://chat.example.com/role"), Some(json!("admin")));
    assert_eq!(claim("realm.access.0.role"), Some(json!("agent")));
    assert_eq!(claim("a.b"), Some(json!(1)));
    for path in ["realm.access.1.role", "realm.access.role", "realm.none", "b", "realm.access.0.role.x"] {
        assert_eq!(claim(path), None, "{path}");
    }
}

#[test]
fn keys_of_a_set_are_chosen_by_kid_and_else_by_type() {
    let signers = signers();
    let jwk = |index: usize, kid: &str| signers[index].jwk(kid);
    let mut unnamed = jwk(2, "");
    unnamed.as_object_mut().unwrap().remove("kid");
    let set = json!({"keys": [jwk(1, "rsa"), unnamed, jwk(3, "ed"), {"kty": "PQC", "kid": "new"}]});
    let source = source("jwks_file", set.to_string().as_bytes(), "[RS256, ES256, EdDSA]", "").unwrap();
    let verdict = |index: usize, kid: Option<&str>| {
        let header = Header { kid: kid.map(str::to_owned), ..Header::new(signers[index].algorithm) };
        source
            .verify_text(&encode(&header, &claims(), &signers[index].key).unwrap())
            .map(|account| account.id)
    };
    let good = Ok("1043".to_owned());
    for (index, kid) in [(1, Some("rsa")), (1, None), (2, Some("any")), (2, None), (3, Some("ed")), (3, None)]
    {
        assert_eq!(verdict(index, kid), good, "{index} {kid:?}");
    }
    assert_eq!(verdict(1, Some("other")), Err(Refusal::Invalid));
    assert_eq!(verdict(3, Some("rsa")), Err(Refusal::Invalid));
}

#[tokio::test]
async fn keys_behind_a_url_verify_and_without_them_nothing_is_told() {
    let ed = &signers()[3];
    let keys = json!({"keys": [ed.jwk("ed")]}).to_string();
    let served = axum::Router::new().route("/keys", axum::routing::get(|| async { keys }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, served).await.unwrap() });
    let source = |path: &str| {
        let text = format!(
            "{{ from: [ {{ header: T }} ], keys: {{ jwks_url: 'http://{address}{path}' }}, algorithms: [EdDSA, RS256] }}"
        );
        Jwt::new(&serde_yaml::from_str(&text).unwrap(), &mut Problems::new(Path::new("."))).unwrap()
    };
    let sign = |kid: &str, key: &EncodingKey| {
        let header = Header { kid: Some(kid.to_owned()), ..Header::new(Algorithm::EdDSA) };
        encode(&header, &claims(), key).unwrap()
    };
    let ask = async |source: &Jwt, token: &str| {
        let headers = headers(&[("t", token)]);
        source.identify(&mut Credentials::new(&headers, None), Area::Operator).await.unwrap().unwrap()
    };
    let (there, gone) = (source("/keys"), source("/none"));
    let good = sign("ed", &ed.key);
    assert_eq!(ask(&there, &good).await.account().unwrap().id, "1043");
    for (nobody, why) in [
        (sign("ed", &ed.other), "forged"),
        (sign("other", &ed.key), "of a key that is not there"),
        (signers()[1].sign(&claims()), "of a kind that is not there"),
        (signers()[0].sign(&claims()), "of an algorithm that is not accepted"),
    ] {
        assert_eq!(ask(&there, &nobody).await, Identity::Nobody, "{why}");
    }
    assert_eq!(ask(&gone, &good).await, Identity::Unavailable);
    // What no key could make good is told without any.
    assert_eq!(ask(&gone, &signers()[0].sign(&claims())).await, Identity::Nobody);
    let headers = headers(&[("t", &good)]);
    let believed = there.believed_for(&mut Credentials::new(&headers, None), Area::Operator);
    assert_eq!(believed, Some(Duration::from_secs(300)), "a key may be taken out before the token ends");
}

#[test]
fn a_shared_secret_is_not_fetched() {
    for (url, expected) in [
        (
            "https://id.example.com/keys",
            &["algorithms: `HS256` needs a shared secret, and `keys` holds none"][..],
        ),
        ("id.example.com/keys", &["keys.jwks_url: `id.example.com/keys` is not an https or http URL"]),
    ] {
        let text = format!(
            "{{ from: [ {{ header: T }} ], keys: {{ jwks_url: '{url}' }}, algorithms: [HS256, RS256] }}"
        );
        let mut problems = Problems::new(Path::new("."));
        assert!(Jwt::new(&serde_yaml::from_str(&text).unwrap(), &mut problems).is_none());
        let errors: Vec<String> = problems.errors.iter().map(ToString::to_string).collect();
        assert_eq!(errors, expected);
    }
}

#[test]
fn only_what_has_the_form_of_a_jws_is_taken() {
    let hmac = &signers()[0];
    let good = hmac.sign(&claims());
    for text in [&good, "e30.e30.", "e30.e30.AAAA", &format!("{good}==")] {
        assert!(Jws::parse(text).is_some(), "{text}");
    }
    let list = URL_SAFE_NO_PAD.encode("[]");
    for text in
        ["", ".", "..", "a.b.c", "opaque", "e30.e30", "e30.e30.e30.", "e30.e3+.e30", &format!("{list}.e30.")]
    {
        assert!(Jws::parse(text).is_none(), "{text}");
    }
    assert_eq!(hmac.source("").verify_text(&format!("{good}==")).unwrap().id, "1043");
}

#[tokio::test]
async fn two_tokens_of_two_accounts_are_refused_and_two_of_one_are_fine() {
    let hmac = &signers()[0];
    let source = hmac.source("");
    let token = |sub: &str| hmac.sign(&json!({"sub": sub, "exp": u32::MAX}));
    let ask = async |cookie: &str, bearer: &str| {
        let headers = headers(&[
            ("cookie", &format!("session={cookie}")),
            ("authorization", &format!("Bearer {bearer}")),
        ]);
        source.identify(&mut Credentials::new(&headers, None), Area::Operator).await
    };
    assert_eq!(ask(&token("1"), &token("2")).await, Err(TwoAccounts));
    let one = ask(&token("1"), &token("1")).await.unwrap().unwrap();
    assert_eq!(one.account().unwrap().id, "1");
    let beside_a_bad_one = ask("e30.e30.", &token("1")).await.unwrap().unwrap();
    assert_eq!(beside_a_bad_one.account().unwrap().id, "1");
    assert_eq!(ask("e30.e30.", "opaque").await, Ok(Some(Identity::Nobody)));
    assert_eq!(ask("opaque", "opaque").await, Ok(None));
}

#[test]
fn every_problem_of_the_settings_is_told() {
    let text = r#"
        from: [ { cookie: "*" }, { cookie: "a b" } ]
        keys: { secret_file: none, jwks_file: none }
        algorithms: []
        claims: { account: "", groups: a..b }
    "#;
    let mut problems = Problems::new(Path::new("/nonexistent"));
    assert!(Jwt::new(&serde_yaml::from_str(text).unwrap(), &mut problems).is_none());
    let paths: Vec<_> = problems.errors.iter().map(|error| error.path.as_str()).collect();
    assert_eq!(paths, ["from[1]", "from", "keys", "algorithms", "claims.groups", "claims.account"]);
}

impl Jwt {
    fn verify_text(&self, text: &str) -> Result<Account, Refusal> {
        // Keys of a file are there at once.
        self.verify(&Jws::parse(text).unwrap()).now_or_never().unwrap()
    }
}

/// One algorithm with the application's key, a stranger's key, and the setting that trusts the first.
struct Signer {
    algorithm: Algorithm,
    key: EncodingKey,
    other: EncodingKey,
    setting: &'static str,
    public: Option<&'static str>,
}

impl Signer {
    fn sign(&self, claims: &Value) -> String {
        encode(&Header::new(self.algorithm), claims, &self.key).unwrap()
    }

    fn source(&self, more: &str) -> Jwt {
        let bytes = self.public.map_or(SECRET, str::as_bytes);
        source(self.setting, bytes, &format!("[{:?}]", self.algorithm), more).unwrap()
    }

    /// The verifying key as a member of a set.
    fn jwk(&self, kid: &str) -> Value {
        let mut jwk = if self.public.is_some() {
            let jwk = jsonwebtoken::jwk::Jwk::from_encoding_key(&self.key, self.algorithm).unwrap();
            serde_json::to_value(jwk).unwrap()
        } else {
            json!({"kty": "oct", "k": URL_SAFE_NO_PAD.encode(SECRET)})
        };
        jwk["kid"] = json!(kid);
        jwk
    }
}

fn signers() -> [Signer; 4] {
    [
        Signer {
            algorithm: Algorithm::HS256,
            key: EncodingKey::from_secret(SECRET),
            other: EncodingKey::from_secret(b"another secret of thirty-two byt"),
            setting: "secret_file",
            public: None,
        },
        Signer {
            algorithm: Algorithm::RS256,
            key: EncodingKey::from_rsa_pem(include_bytes!("../../../../tests/keys/rsa.pem")).unwrap(),
            other: EncodingKey::from_rsa_pem(include_bytes!("../../../../tests/keys/other.rsa.pem")).unwrap(),
            setting: "public_key_file",
            public: Some(include_str!("../../../../tests/keys/rsa.pub.pem")),
        },
        Signer {
            algorithm: Algorithm::ES256,
            key: EncodingKey::from_ec_pem(include_bytes!("../../../../tests/keys/p256.pem")).unwrap(),
            other: EncodingKey::from_ec_pem(include_bytes!("../../../../tests/keys/other.p256.pem")).unwrap(),
            setting: "public_key_file",
            public: Some(include_str!("../../../../tests/keys/p256.pub.pem")),
        },
        Signer {
            algorithm: Algorithm::EdDSA,
            key: EncodingKey::from_ed_pem(include_bytes!("../../../../tests/keys/ed25519.pem")).unwrap(),
            other: EncodingKey::from_ed_pem(include_bytes!("../../../../tests/keys/other.ed25519.pem"))
                .unwrap(),
            setting: "public_key_file",
            public: Some(include_str!("../../../../tests/keys/ed25519.pub.pem")),
        },
    ]
}

fn claims() -> Value {
    json!({
        "sub": "1043", "name": "Anna", "role": "admin agent",
        "user": {"groups": ["trainees", "Night shift"]},
        "exp": get_current_timestamp() + 600
    })
}

/// A source whose key file holds `bytes`; else the texts of all errors.
fn source(setting: &str, bytes: &[u8], algorithms: &str, more: &str) -> Result<Jwt, Vec<String>> {
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("key"), bytes).unwrap();
    let more: String = more.lines().map(|line| format!("    {line}\n")).collect();
    let text = format!(
        "- jwt:\n    from: [ {{ cookie: session }}, {{ header: Authorization, scheme: Bearer }} ]\n    \
         keys: {{ {setting}: key }}\n    algorithms: {algorithms}\n    \
         claims: {{ name: name, role: role, groups: user.groups }}\n{more}"
    );
    let settings: Vec<SourceSettings> = serde_yaml::from_str(&text).unwrap();
    let mut problems = Problems::new(dir.path());
    let source = Jwt::new(settings[0].jwt.as_ref().unwrap(), &mut problems);
    source.ok_or_else(|| problems.errors.iter().map(ToString::to_string).collect())
}

fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
    lines.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
}

const SECRET: &[u8] = b"the secret of the application, 32+ bytes";
