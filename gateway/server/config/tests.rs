//! Tests of config.yaml: what it means, and everything that can be wrong with it.

use super::*;

const MINIMAL: &str =
    "listeners: [ { address: 127.0.0.1:0 } ]\nupstream: { address: 127.0.0.1:3000 }\nprofile: blinger\n";

fn parse(text: &str) -> Result<Config, Vec<Diagnostic>> {
    Config::parse(Path::new("etc/config.yaml"), text.as_bytes(), &|name| {
        (name == "PORT").then(|| "8080".to_owned())
    })
}

fn codes(text: &str) -> Vec<(&'static str, u32)> {
    parse(text).err().unwrap_or_default().iter().map(|problem| (problem.code, problem.line)).collect()
}

#[test]
fn what_is_not_written_has_a_safe_default() {
    let config = parse(MINIMAL).unwrap();
    assert_eq!(config.rules, Path::new("etc/rules"));
    assert_eq!(config.state, Path::new("etc/state"));
    assert_eq!(config.action_log, Path::new("etc/state/actions.db"));
    assert_eq!(config.super_admin_roles, ["super_admin"]);
    assert_eq!(config.upstream.host_header, HostHeader::Preserve);
    assert!(config.admin.is_none() && config.metrics.is_none() && config.settings.is_none());
    assert_eq!(config.limits.inspected_body, 4 << 20);
    assert_eq!(config.limits.vault_values, 1_000_000);
    assert!(config.alias_keys.is_empty());
}

#[test]
fn variables_are_expanded_in_scalars() {
    let text = MINIMAL.replace("127.0.0.1:0", "\"127.0.0.1:${PORT}\"");
    assert_eq!(
        parse(&text).map(|config| config.listeners).map_err(|problems| problems[0].to_string()),
        Ok(vec![Listener { address: "127.0.0.1:8080".parse().unwrap(), tls: None, proxy_protocol: false }])
    );
    let text = format!("{MINIMAL}rules: ${{NOWHERE}}\n");
    assert_eq!(codes(&text), [("undefined-variable", 4)]);
}

#[test]
fn all_problems_are_told_at_once() {
    let text = "listeners: [ { address: localhost } ]\nupstream: { address: nowhere }\nprofile: blinger\naction_log: { store: mysql }\nadmin: { address: 0.0.0.0:9180 }\n";
    assert_eq!(
        codes(text),
        [("malformed-address", 1), ("malformed-address", 2), ("unknown-store", 4), ("missing-token", 5)]
    );
    assert_eq!(
        codes("listeners: []\nupstream: { address: 127.0.0.1:1 }\nprofile: x\n"),
        [("no-listener", 1)]
    );
}

#[test]
fn what_comes_later_is_refused_and_never_ignored() {
    for later in ["webhook_secrets: {}", "action_log: { store: { postgres: { url_file: pg.url } } }"] {
        assert_eq!(codes(&format!("{MINIMAL}{later}\n")), [("not-supported-yet", 4)], "{later}");
    }
    for (from, to) in [
        ("{ address: 127.0.0.1:3000 }", "{ address: 127.0.0.1:3000, tls: true }"),
        ("{ address: 127.0.0.1:3000 }", "{ address: 127.0.0.1:3000, public_names: [chat.example.com] }"),
    ] {
        let problems = codes(&MINIMAL.replace(from, to));
        assert!(matches!(problems[..], [("not-supported-yet", _)]), "{to}: {problems:?}");
    }
    assert!(
        parse(&MINIMAL.replace("{ address: 127.0.0.1:3000 }", "{ address: 127.0.0.1:3000, tls: false }"))
            .is_ok()
    );
}

#[test]
fn alias_keys_are_files_beside_the_configuration_and_at_least_one() {
    let keys = |text: &str| format!("{MINIMAL}keys: {{ alias: [ {text} ] }}\n");
    let config = parse(&keys("{ file: keys/new.key }, { file: /old.key }")).unwrap();
    assert_eq!(config.alias_keys, [Path::new("etc/keys/new.key"), Path::new("/old.key")]);
    assert_eq!(codes(&keys("")), [("no-alias-key", 4)]);
    assert_eq!(codes(&keys("{ file: a }, { file: b }, { file: a }")), [("repeated-alias-key", 4)]);
    assert_eq!(codes(&keys("{}")), [("missing-key", 4)]);
    assert_eq!(codes(&format!("{MINIMAL}keys: {{}}\n")), [("missing-key", 4)]);
}

#[test]
fn a_key_that_needs_a_restart_is_named() {
    let (old, new) = (
        parse(MINIMAL).unwrap(),
        parse(&format!("{MINIMAL}state: other\nsuper_admin_roles: [boss]\n")).unwrap(),
    );
    assert_eq!(old.fixed_keys_that_differ(&new), ["state", "action_log"]);
}

#[test]
fn a_problem_of_an_identity_source_stands_at_its_place() {
    let text = format!(
        "{MINIMAL}identity:\n  - jwt:\n      from: [ {{ cookie: session }} ]\n      keys: {{ secret_file: no.such }}\n      algorithms: [HS256]\n"
    );
    let config = parse(&text).unwrap();
    let error =
        SettingError { path: "identity[0].jwt.keys.secret_file".into(), message: "m".into(), help: None };
    assert_eq!(config.problem("identity-source", &error).line, 7);
}

#[test]
fn trusted_proxies_are_networks_and_not_everybody() {
    let with = |client_address: &str| format!("{MINIMAL}client_address: {{ {client_address} }}\n");
    let config = parse(&with("trusted_proxies: [10.0.0.0/8, 2001:db8::7], header: Forwarded")).unwrap();
    assert!(
        config.proxies.trust("10.1.2.3".parse().unwrap())
            && !config.proxies.trust("11.0.0.1".parse().unwrap())
    );
    assert_eq!(config.proxies.header().name(), "forwarded");
    assert!(parse(MINIMAL).unwrap().proxies.is_empty());
    assert_eq!(codes(&with("trusted_proxies: [0.0.0.0/0]")), [("whole-internet", 4)]);
    assert_eq!(codes(&with("header: \"X Forwarded\"")), [("malformed-header", 4)]);
    let announced =
        MINIMAL.replace("{ address: 127.0.0.1:0 }", "{ address: 127.0.0.1:0, proxy_protocol: true }");
    assert_eq!(codes(&announced), [("setting-empty", 1)]);
    let trusting = format!("{announced}client_address: {{ trusted_proxies: [10.0.0.1] }}\n");
    assert!(parse(&trusting).unwrap().listeners[0].proxy_protocol);
}
