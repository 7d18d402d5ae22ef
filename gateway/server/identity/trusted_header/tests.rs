//! Tables: peers and headers to accounts, and to what has to be removed.

use std::path::Path;

use http::HeaderMap;

use super::*;

const NAMES: &str = "{ account: X-Auth-User, name: X-Auth-Name, email: X-Forwarded-Email, role: X-Auth-Role, \
                     groups: X_Auth_Groups, peers: [10.0.0.0/8, 2001:db8::7] }";

#[tokio::test]
async fn the_proxy_says_who_the_caller_is() {
    let all = [
        ("x-auth-user", "1043"),
        ("x-auth-name", "Anna Žemaitė"),
        ("x-forwarded-email", "anna@example.com"),
        ("x-auth-role", "agent, lead"),
        ("x_auth_groups", " Trainees,, Night shift ,"),
    ];
    for peer in ["10.0.0.1", "::ffff:10.255.0.1", "64:ff9b::a00:1", "2001:db8::7"] {
        let identity = ask(peer, &all).await.unwrap().unwrap();
        let account = identity.account().unwrap();
        assert_eq!((account.id.as_str(), account.name.as_deref()), ("1043", Some("Anna Žemaitė")), "{peer}");
        assert_eq!(account.email.as_deref(), Some("anna@example.com"));
        assert_eq!(account.roles, ["agent", "lead"]);
        assert_eq!(account.groups, ["Trainees", "Night shift"]);
    }
    let alone = ask("10.0.0.1", &[("x-auth-user", "1")]).await.unwrap().unwrap();
    assert_eq!(**alone.account().unwrap(), Account { id: "1".to_owned(), ..Account::default() });
}

#[tokio::test]
async fn nobody_else_says_anything() {
    let headers = headers(&[("x-auth-user", "1"), ("x-forwarded-for", "10.0.0.1")]);
    for peer in [Some("11.0.0.1"), Some("127.0.0.1"), Some("2001:db8::8"), Some("::a00:1"), None] {
        let peer = peer.map(|peer| PeerIp::new(peer.parse().unwrap()));
        let credentials = &mut Credentials::new(&headers, None).sent_by(peer);
        assert_eq!(source(NAMES).unwrap().identify(credentials, Area::Operator).await, Ok(None), "{peer:?}");
    }
    for silent in [&[][..], &[("x-auth-user", " ")], &[("x-auth-role", "admin")], &[("x_auth_user", "1")]] {
        assert_eq!(ask("10.0.0.1", silent).await, Ok(None), "{silent:?}");
    }
}

#[tokio::test]
async fn a_header_that_stands_twice_is_refused() {
    for name in ["x-auth-user", "x-auth-name", "x-forwarded-email", "x-auth-role", "x_auth_groups"] {
        for twice in [[(name, "a"), (name, "b")], [(name, "a"), (name, "a")], [(name, "a"), (name, "")]] {
            let lines = [&[("x-auth-user", "1")][..], &twice].concat();
            assert_eq!(ask("10.0.0.1", &lines).await, Err(TwoAccounts), "{lines:?}");
            assert_eq!(ask("11.0.0.1", &lines).await, Ok(None), "{lines:?}");
        }
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_nobodys() {
    let source = source(NAMES).unwrap();
    for name in ["x-auth-user", "x-auth-role", "x_auth_groups"] {
        let mut headers = headers(&[("x-auth-user", "1")]);
        headers.insert(name, http::HeaderValue::from_bytes(b"Ger\xe4t").unwrap());
        let peer = Some(PeerIp::new("10.0.0.1".parse().unwrap()));
        let credentials = &mut Credentials::new(&headers, None).sent_by(peer);
        let identity = source.identify(credentials, Area::Operator).await;
        assert_eq!(identity, Ok(Some(Identity::Nobody)), "{name}");
    }
}

#[test]
fn every_spelling_of_the_names_is_known_and_one_is_believed() {
    let source = source(NAMES).unwrap();
    let told = |peer: &str, name: &str| {
        source.told(PeerIp::new(peer.parse().unwrap()), &HeaderName::from_bytes(name.as_bytes()).unwrap())
    };
    for (name, by_the_proxy, by_others) in [
        ("X-AUTH-User", Told::Believed, Told::Disbelieved),
        ("x_auth_user", Told::Disbelieved, Told::Disbelieved),
        ("x-auth_user", Told::Disbelieved, Told::Disbelieved),
        ("x-forwarded-email", Told::Believed, Told::Disbelieved),
        ("x_auth_groups", Told::Believed, Told::Disbelieved),
        ("x-auth-groups", Told::Disbelieved, Told::Disbelieved),
        ("x-auth-users", Told::Nothing, Told::Nothing),
        ("authorization", Told::Nothing, Told::Nothing),
    ] {
        assert_eq!((told("10.1.2.3", name), told("11.1.2.3", name)), (by_the_proxy, by_others), "{name}");
    }
}

#[test]
fn every_problem_of_the_settings_is_told() {
    for (settings, expected) in [
        ("{ account: X-A, peers: [] }", &["peers: an empty list believes nobody"][..]),
        (
            "{ account: a b, role: Cookie, groups: content_length, peers: [10.0.0.1/8, \"::/0\", proxy] }",
            &[
                "peers[0]: `10.0.0.1/8`: the address has bits set after the first 8",
                "peers[1]: `::/0` would believe everybody",
                "peers[2]: `proxy`: ",
                "account: `a b` cannot be the name of a header",
                "role: `Cookie` means something else already",
                "groups: `content_length` means something else already",
            ],
        ),
        ("{ account: Host, peers: [10.0.0.1] }", &["account: `Host` means something else already"]),
        ("{ account: X-A, peers: [\"::ffff:0.0.0.0/96\"] }", &["peers[0]: "]),
    ] {
        let errors = source(settings).err().unwrap();
        assert_eq!(errors.len(), expected.len(), "{errors:?}");
        for (error, expected) in errors.iter().zip(expected) {
            assert!(error.starts_with(expected), "{error} {expected}");
        }
    }
}

fn source(settings: &str) -> Result<TrustedHeader, Vec<String>> {
    let mut problems = Problems::new(Path::new("."));
    let source = TrustedHeader::new(&serde_yaml::from_str(settings).unwrap(), &mut problems);
    source.ok_or_else(|| problems.errors.iter().map(ToString::to_string).collect())
}

async fn ask(peer: &str, lines: &[(&'static str, &str)]) -> Result<Option<Identity>, TwoAccounts> {
    let headers = headers(lines);
    let peer = Some(PeerIp::new(peer.parse().unwrap()));
    let credentials = &mut Credentials::new(&headers, None).sent_by(peer);
    source(NAMES).unwrap().identify(credentials, Area::Operator).await
}

fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(*name, http::HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    headers
}
