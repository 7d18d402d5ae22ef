//! The contract that every source keeps, and sources together.

use std::{
    fs,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::{Router, http::StatusCode, response::IntoResponse};
use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::json;
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tokio::{net::TcpListener, sync::Semaphore};

use super::*;

/// What every source promises, on requests in which it has the words.
async fn contract(source: &dyn Source, good: &HeaderMap, bad: &HeaderMap, foreign: &HeaderMap) {
    let name = source.name();
    let ask = async |headers: &HeaderMap| {
        let mut credentials = Credentials::new(headers, None).sent_by(Some(proxy()));
        let first = source.identify(&mut credentials, Area::Operator).await.unwrap();
        let again = source.identify(&mut credentials, Area::Operator).await.unwrap();
        (first, again)
    };
    assert_eq!(ask(&HeaderMap::new()).await, (None, None), "{name}: no credentials, no answer");
    assert_eq!(ask(foreign).await, (None, None), "{name}: another source's credentials are left");

    let (first, again) = ask(good).await;
    assert_eq!(first.unwrap().account().unwrap().id, "1043", "{name}: good credentials are their account");
    assert_eq!(again, None, "{name}: what it decided on is taken");

    let (first, again) = ask(bad).await;
    assert!(
        first.is_none_or(|identity| identity == Identity::Nobody),
        "{name}: bad credentials are nobody's"
    );
    assert_eq!(again, None, "{name}: and they are taken or left, not decided twice");

    source.forget(&mut Credentials::new(good, None).sent_by(Some(proxy()))).await;
    assert_eq!(
        ask(good).await.0.unwrap().account().unwrap().id,
        "1043",
        "{name}: forgetting changes no answer"
    );
}

#[tokio::test]
async fn every_source_keeps_the_contract() {
    let world = World::start().await;
    let resolver = world.resolver(ALL).unwrap();
    let cookie = |value: &str| headers(&[("cookie", value)]);
    let bearer = |value: &str| headers(&[("authorization", &format!("Bearer {value}"))]);
    let api_key = |value: &str| headers(&[("x-api-key", value)]);
    let forged = token("1043", b"another secret of thirty-two byt");
    for source in &resolver.sources {
        let source = source.as_ref();
        match source.name() {
            "jwt" => {
                contract(
                    source,
                    &cookie(&format!("session={}", token("1043", SECRET))),
                    &bearer(&forged),
                    &api_key("t"),
                )
                .await
            }
            "introspection" => {
                contract(source, &cookie("sid=1043"), &cookie("sid=none"), &api_key("t")).await
            }
            "trusted_header" => {
                let user = |value: &str| headers(&[("x-auth-user", value)]);
                contract(source, &user("1043"), &user(" "), &api_key("t")).await
            }
            "tokens" => contract(source, &api_key("bot"), &api_key("unknown"), &cookie("sid=1043")).await,
            other => panic!("the source `{other}` has no part in the contract test"),
        }
    }
    assert_eq!(resolver.sources.len(), 4);
}

#[tokio::test]
async fn nobody_is_known_at_once_and_nothing_is_asked() {
    let world = World::start().await;
    let resolver = world.resolver(ALL).unwrap();
    for area in [Area::Public, Area::Operator] {
        assert_eq!(identify(&resolver, &[("accept", "*/*")], area).await, Ok(Identity::Nobody));
    }
    assert_eq!(world.calls(), 0);
    let none = world.resolver("[]").unwrap();
    assert_eq!(identify(&none, &[("cookie", "sid=1043")], Area::Operator).await, Ok(Identity::Nobody));
}

#[tokio::test]
async fn a_token_that_does_not_verify_is_not_vouched_for_elsewhere() {
    let world = World::start().await;
    let resolver = world.resolver(ALL).unwrap();
    let forged = token("1", b"another secret of thirty-two byt");
    let cookie = format!("session={forged}");
    assert_eq!(identify(&resolver, &[("cookie", &cookie)], Area::Operator).await, Ok(Identity::Nobody));
    assert_eq!(world.calls(), 0, "the application is not asked about it");
    let beside = format!("{cookie}; sid=1043");
    let identity = identify(&resolver, &[("cookie", &beside)], Area::Operator).await.unwrap();
    assert_eq!(identity.account().unwrap().id, "1043");
    assert_eq!(world.calls(), 1, "about the other cookie, it is");
}

#[tokio::test]
async fn what_one_source_leaves_the_next_one_finds() {
    let world = World::start().await;
    let resolver = world.resolver(ALL).unwrap();
    let opaque = identify(&resolver, &[("cookie", "session=opaque; sid=7")], Area::Operator).await.unwrap();
    assert_eq!(opaque.account().unwrap().id, "7");
    let listed = identify(&resolver, &[("x-api-key", "bot")], Area::Operator).await.unwrap();
    assert_eq!(listed.account().unwrap().id, "1043");
}

#[tokio::test]
async fn two_accounts_at_once_are_refused_and_one_account_twice_is_not() {
    let world = World::start().await;
    let resolver = world.resolver(ALL).unwrap();
    let jwt = format!("Bearer {}", token("1043", SECRET));
    let with = async |lines: &[(&'static str, &str)]| identify(&resolver, lines, Area::Operator).await;
    assert_eq!(with(&[("authorization", &jwt), ("cookie", "sid=7")]).await, Err(TwoAccounts));
    assert_eq!(with(&[("x-api-key", "bot"), ("cookie", "sid=7")]).await, Err(TwoAccounts));
    assert_eq!(with(&[("x-auth-user", "1"), ("cookie", "sid=7")]).await, Err(TwoAccounts));
    let same = with(&[("x-auth-user", "7"), ("cookie", "sid=7")]).await.unwrap();
    assert_eq!(same.account().unwrap().id, "7");
    let same = with(&[("authorization", &jwt), ("cookie", "sid=1043"), ("x-api-key", "bot")]).await.unwrap();
    assert_eq!(same.account().unwrap().id, "1043");
    let beside_nobody = with(&[("authorization", &jwt), ("cookie", "sid=none")]).await.unwrap();
    assert_eq!(beside_nobody.account().unwrap().id, "1043");
    let twice = format!("session={}; session={}", token("1", SECRET), token("2", SECRET));
    assert_eq!(with(&[("cookie", &twice)]).await, Err(TwoAccounts));
}

#[tokio::test]
async fn an_unavailable_source_hides_every_other_but_on_public_routes() {
    let world = World::start().await;
    let resolver = world.resolver(ALL).unwrap();
    let jwt = format!("Bearer {}", token("1043", SECRET));
    let lines = [("authorization", jwt.as_str()), ("cookie", "sid=broken")];
    assert_eq!(identify(&resolver, &lines, Area::Operator).await, Ok(Identity::Unavailable));
    assert_eq!(identify(&resolver, &lines[1..], Area::Operator).await, Ok(Identity::Unavailable));
    let public = identify(&resolver, &lines, Area::Public).await.unwrap();
    assert_eq!(public.account().unwrap().id, "1043");
    assert_eq!(identify(&resolver, &lines[1..], Area::Public).await, Ok(Identity::Nobody));
}

#[tokio::test]
async fn forgetting_reaches_the_answer_that_was_given() {
    let world = World::start().await;
    let resolver = world.resolver(ALL).unwrap();
    let headers = headers(&[("cookie", "session=e30.e30.; sid=none")]);
    let request =
        Request { headers: &headers, host: Some("chat.example.com"), peer: None, area: Area::Operator };
    resolver.identify(&request).await.unwrap();
    resolver.identify(&request).await.unwrap();
    assert_eq!(world.calls(), 1);
    resolver.forget(&request).await;
    resolver.identify(&request).await.unwrap();
    assert_eq!(world.calls(), 2);
}

#[tokio::test]
async fn all_problems_of_all_sources_are_told_at_once() {
    let world = World::start().await;
    let errors = world
        .resolver(
            r#"
            - jwt: { from: [ { cookie: s } ], keys: { secret_file: none.secret }, algorithms: [HS256] }
            - {}
            - introspection: { path: me, from: [ { cookie: "*" } ], account: $.id }
            - tokens: { file: none.yaml }
            "#,
        )
        .unwrap_err();
    let paths: Vec<_> = errors.iter().map(|error| error.path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "identity[0].jwt.keys.secret_file",
            "identity[1]",
            "identity[2].introspection.path",
            "identity[3].tokens.file"
        ]
    );
}

#[tokio::test]
async fn nothing_that_is_printed_names_a_person_or_a_secret() {
    let world = World::start().await;
    let resolver = world.resolver(ALL).unwrap();
    assert_eq!(format!("{resolver:?}"), r#"["jwt", "introspection", "trusted_header", "tokens"]"#);
    assert_eq!(resolver.warnings()[0].path, "identity[0].jwt.keys.secret_file");
    let headers = headers(&[("cookie", "session=hunter2")]);
    let cookies = Credentials::new(&headers, None).cookie_header(&[credentials::Place::AllCookies]).unwrap();
    assert!(cookies.is_sensitive());
    assert_eq!(resolver.files().collect::<Vec<_>>(), [world.dir.path().join("tokens.yaml")]);
}

#[tokio::test]
async fn logs_hold_no_credential_and_no_person() {
    let world = World::start().await;
    let resolver = world.resolver(ALL).unwrap();
    let log = Log::default();
    let subscriber =
        tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(log.clone()).finish();
    // While there is but one subscriber, an event that another test reaches first is judged by that test's thread,
    // which has none, and stays off.
    let _second = tracing::Dispatch::new(tracing_subscriber::registry());
    let guard = tracing::subscriber::set_default(subscriber);
    let (good, forged) = (token("anna@example.com", SECRET), token("1", b"another secret of thirty-two byt"));
    for lines in [
        [("authorization", format!("Bearer {good}")), ("cookie", "sid=anna@example.com".to_owned())],
        [("authorization", format!("Bearer {forged}")), ("cookie", "sid=broken".to_owned())],
        [("x-api-key", "bot".to_owned()), ("cookie", "sid=none; theme=hunter2".to_owned())],
    ] {
        let lines: Vec<_> = lines.iter().map(|(name, value)| (*name, value.as_str())).collect();
        identify(&resolver, &lines, Area::Operator).await.unwrap();
    }
    drop(guard);
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("Identity source decided") && log.contains("does not say who callers are"), "{log}");
    for private in ["anna", "hunter2", "sid=", "Bearer", &good, &forged, "eyJ"] {
        assert!(!log.contains(private), "{private}: {log}");
    }
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl tracing_subscriber::fmt::MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[test]
fn answers_merge_in_any_order() {
    let account = |id: &str| {
        let account = chatwarden_policy::account::Account { id: id.to_owned(), ..Default::default() };
        Identity::Verified(Arc::new(account))
    };
    let both = |one: &Identity, other: &Identity| {
        let forth = merge(Some(one.clone()), Some(other.clone()));
        assert_eq!(forth, merge(Some(other.clone()), Some(one.clone())));
        forth.map(Option::unwrap)
    };
    assert_eq!(both(&account("1"), &account("2")), Err(TwoAccounts));
    assert_eq!(both(&account("1"), &account("1")), Ok(account("1")));
    assert_eq!(both(&account("1"), &Identity::Nobody), Ok(account("1")));
    assert_eq!(both(&account("1"), &Identity::Unavailable), Ok(Identity::Unavailable));
    assert_eq!(both(&Identity::Nobody, &Identity::Unavailable), Ok(Identity::Unavailable));
    assert_eq!(merge(None, Some(Identity::Nobody)), Ok(Some(Identity::Nobody)));
    assert_eq!(merge(None, None), Ok(None));
}

/// A directory of files and an application that knows everyone by the cookie `sid`.
struct World {
    dir: TempDir,
    address: String,
    calls: Arc<AtomicUsize>,
}

impl World {
    async fn start() -> Self {
        let dir = TempDir::new().unwrap();
        write(dir.path(), "jwt.secret", SECRET);
        let digest: String = Sha256::digest("bot").iter().map(|byte| format!("{byte:02x}")).collect();
        write(dir.path(), "tokens.yaml", format!("- {{ sha256: {digest}, account: 1043 }}").as_bytes());
        let calls = Arc::new(AtomicUsize::new(0));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let counter = Arc::clone(&calls);
        let who = move |headers: HeaderMap| {
            counter.fetch_add(1, Ordering::SeqCst);
            let cookies = headers.get("cookie").unwrap().to_str().unwrap().to_owned();
            let sid = cookies.split("; ").find_map(|cookie| cookie.strip_prefix("sid=")).map(str::to_owned);
            async move {
                match sid.as_deref() {
                    None | Some("none") => StatusCode::UNAUTHORIZED.into_response(),
                    Some("broken") => StatusCode::BAD_GATEWAY.into_response(),
                    Some(id) => json!({"id": id}).to_string().into_response(),
                }
            }
        };
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(who)).await.unwrap() });
        Self { dir, address, calls }
    }

    fn resolver(&self, settings: &str) -> Result<Resolver, Vec<SettingError>> {
        let upstream = Upstream {
            address: self.address.clone(),
            headers: HeaderMap::new(),
            calls: Arc::new(Semaphore::new(64)),
        };
        Resolver::new(&serde_yaml::from_str::<Vec<_>>(settings).unwrap(), self.dir.path(), &upstream)
    }

    fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

async fn identify(
    resolver: &Resolver,
    lines: &[(&'static str, &str)],
    area: Area,
) -> Result<Identity, TwoAccounts> {
    let headers = headers(lines);
    let request = Request { headers: &headers, host: Some("chat.example.com"), peer: Some(proxy()), area };
    resolver.identify(&request).await
}

/// The proxy of `trusted_header`.
fn proxy() -> PeerIp {
    PeerIp::new("10.0.0.5".parse().unwrap())
}

fn token(account: &str, secret: &[u8]) -> String {
    let claims = json!({"sub": account, "exp": u32::MAX});
    encode(&Header::default(), &claims, &EncodingKey::from_secret(secret)).unwrap()
}

fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
    lines.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
}

fn write(dir: &Path, name: &str, bytes: &[u8]) {
    use std::os::unix::fs::PermissionsExt;
    fs::write(dir.join(name), bytes).unwrap();
    fs::set_permissions(dir.join(name), fs::Permissions::from_mode(0o644)).unwrap();
}

const SECRET: &[u8] = b"the secret of the application, 32+ bytes";

const ALL: &str = r#"
- jwt:
    from: [ { cookie: session }, { header: Authorization, scheme: Bearer } ]
    keys: { secret_file: jwt.secret }
    algorithms: [HS256]
- introspection: { path: /api/me, from: [ { cookie: "*" }, { cookie: sid } ], account: $.id }
- trusted_header: { account: X-Auth-User, peers: [10.0.0.5] }
- tokens: { file: tokens.yaml, from: [ { header: X-API-Key } ] }
"#;
