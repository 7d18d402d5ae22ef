//! The listeners for ops, and the command as people run it: signals, exit codes, and what is said when it fails.

use std::{collections::BTreeSet, fs, sync::Arc, time::Duration};

use chatwarden::demo::App;
use serde_json::{Value, json};

use crate::harness::{Gateway, Persona, Place, ask, free, get};

async fn app() -> Arc<App> {
    Arc::new(App::start("127.0.0.1:0".parse().unwrap()).await.unwrap())
}

// The metrics listener.

#[tokio::test]
async fn health_and_readiness_are_told_without_a_token() {
    let gateway = Gateway::start().await;
    let metrics = gateway.product().metrics_address().unwrap();
    for (target, status, body) in
        [("/healthz", 200, "ok\n"), ("/readyz", 200, "ok\n"), ("/status", 404, ""), ("/", 404, "")]
    {
        let told = get(metrics, target, &[]).await;
        assert_eq!((told.0, told.2.as_str()), (status, body), "{target}");
    }
}

#[tokio::test]
async fn metrics_count_verdicts_and_hidden_values_and_name_nobody() {
    let gateway = Gateway::start().await;
    let trainee = gateway.client().sign_in(Persona::Trainee).await;
    trainee.get("/files/invoice.pdf").await.assert_refused(403, "file-receive-blocked");
    trainee.get("/odd/spellings").await.assert_passed(200);
    trainee.get("/a%2Fb").await.assert_refused(400, "path-ambiguous");
    let metrics = gateway.product().metrics_address().unwrap();
    let value = |text: &str, series: &str| -> f64 {
        let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {series} in {text}")).parse().unwrap()
    };
    let refused = "chatwarden_requests_total{verdict=\"refused\",reason=\"file-receive-blocked\"}";
    // Counted when the request is over, which the client may know first.
    assert_eventually!(
        value(
            &get(metrics, "/metrics", &[]).await.2,
            "chatwarden_requests_total{verdict=\"allowed\",reason=\"none\"}"
        ) >= 2.0
    );
    assert_eventually!(value(&get(metrics, "/metrics", &[]).await.2, refused) == 1.0);
    let (status, head, text) = get(metrics, "/metrics", &[]).await;
    assert_eq!(status, 200);
    assert!(head.contains("content-type: application/openmetrics-text; version=1.0.0"), "{head}");
    assert!(text.ends_with("# EOF\n"));
    assert_eq!(value(&text, "chatwarden_requests_total{verdict=\"refused\",reason=\"path-ambiguous\"}"), 1.0);
    assert_eq!(value(&text, "chatwarden_rules_generation"), 1.0);
    assert_eq!(value(&text, "chatwarden_rules_last_reload_successful"), 1.0);
    assert!(value(&text, "chatwarden_masked_values_total{class=\"phone\"}") > 0.0);
    assert!(value(&text, "chatwarden_request_duration_seconds_count") >= 4.0);
    let mut labels = BTreeSet::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let Some((_, rest)) = line.split_once('{') else { continue };
        for label in rest.split_once('}').unwrap().0.split(',') {
            let (name, value) = label.split_once('=').unwrap();
            labels.insert(name);
            let plain = value
                .trim_matches('"')
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_.+".contains(&byte));
            assert!(plain, "{line}");
        }
    }
    assert_eq!(labels, BTreeSet::from(["class", "le", "reason", "result", "verdict"]));
    for private in ["anna@", "1003", "trainees", "invoice", "127.0.0"] {
        assert!(!text.contains(private), "{private} in {text}");
    }
}

// The admin listener.

#[tokio::test]
async fn status_wants_the_token_the_host_and_no_foreign_origin() {
    let gateway = Gateway::start().await;
    let admin = gateway.product().admin_address().unwrap();
    let token = fs::read_to_string(gateway.path("state/admin.token")).unwrap();
    let bearer = format!("Bearer {}", token.trim());
    let right = ("authorization", bearer.as_str());
    let (status, _, body) = get(admin, "/status", &[right]).await;
    assert_eq!(status, 200);
    let told: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((&told["generation"], &told["degraded"]), (&json!(1), &json!(false)));
    assert_eq!(told["settings"].as_array().unwrap().len(), 8);
    assert!(!body.contains(token.trim()));
    let cases: [(&[(&str, &str)], u16); 6] = [
        (&[], 401),
        (&[("authorization", "Bearer wrong")], 401),
        (&[right, ("host", "evil.example")], 421),
        (&[right, ("host", "127.0.0.1")], 421),
        (&[right, ("origin", "http://evil.example")], 403),
        (&[right, ("origin", "null")], 403),
    ];
    for (headers, wanted) in cases {
        let (status, _, body) = get(admin, "/status", headers).await;
        assert_eq!(status, wanted, "{headers:?}");
        assert!(!body.contains("generation"), "{body}");
    }
    assert_eq!(ask(admin, "POST /reload HTTP/1.1", &[]).await.0, 401);
    assert_eq!(ask(admin, "POST /reload HTTP/1.1", &[right]).await.0, 200);
    assert_eq!(get(admin, "/metrics", &[right]).await.0, 404);
}

#[tokio::test]
async fn the_front_door_tells_nothing_of_the_ops_listeners() {
    let gateway = Gateway::start().await;
    let owner = gateway.client().sign_in(Persona::SuperAdmin).await;
    for target in ["/healthz", "/readyz", "/metrics", "/status"] {
        assert!(owner.get(target).await.seen().is_some(), "{target} is the app's");
    }
}

// Signals.

#[tokio::test]
async fn sigterm_ends_an_idle_gateway_within_two_seconds() {
    let app = app().await;
    let place = Place::write(Gateway::builder(), app.addr());
    let mut process = place.run(None).await;
    // An idle connection does not hold it.
    let mut idle = process.client(app).raw().await;
    idle.write("GET /login HTTP/1.1\r\nHost: a\r\n\r\n").await;
    idle.response().await.unwrap().assert_passed(200);
    process.signal("TERM");
    let (status, took) = process.ended().await;
    assert_eq!(status.code(), Some(0), "{}", process.log());
    assert!(took < Duration::from_secs(2), "{took:?}");
    let messages: Vec<Value> = process.events().into_iter().map(|event| event["message"].clone()).collect();
    assert_eq!(messages.last(), Some(&json!("Stopped")), "{}", process.log());
    assert!(!process.events().iter().any(|event| event["level"] == "ERROR"), "{}", process.log());
}

#[tokio::test]
async fn sigterm_lets_an_open_request_end_and_takes_no_new_one() {
    let app = app().await;
    let place =
        Place::write(Gateway::builder().config("limits", json!({ "drain_timeout": "20s" })), app.addr());
    let mut process = place.run(None).await;
    let operator = process.client(app).sign_in(Persona::Operator).await;
    let mut open = operator.get("/odd/slow?bytes=20&ms=60").open().await;
    let first = open.next().await.unwrap().unwrap();
    process.signal("TERM");
    assert_eventually!(tokio::net::TcpStream::connect(process.address).await.is_err());
    let rest = open.read().await;
    assert!(
        serde_json::from_slice::<Value>(&[&first, rest.bytes()].concat()).is_ok(),
        "the answer is not whole"
    );
    let (status, _) = process.ended().await;
    assert_eq!(status.code(), Some(0));
}

#[tokio::test]
async fn sigterm_cuts_what_is_open_after_the_drain_timeout() {
    let app = app().await;
    let place =
        Place::write(Gateway::builder().config("limits", json!({ "drain_timeout": "1s" })), app.addr());
    let mut process = place.run(None).await;
    let owner = process.client(app).sign_in(Persona::SuperAdmin).await;
    let mut open = owner.get("/events").open().await;
    assert_eq!(open.status(), 200);
    process.signal("TERM");
    let (status, took) = process.ended().await;
    assert_eq!(status.code(), Some(0), "{}", process.log());
    assert!((Duration::from_millis(900)..Duration::from_secs(5)).contains(&took), "{took:?}");
    while let Ok(Some(_)) = open.next().await {}
    assert!(process.log().contains("still open after the drain timeout"));
}

#[tokio::test]
async fn nothing_of_the_action_log_is_lost_at_sigterm() {
    let app = app().await;
    let place = Place::write(Gateway::builder(), app.addr());
    let mut process = place.run(None).await;
    let operator = process.client(app).sign_in(Persona::Operator).await;
    for _ in 0..20 {
        operator.get("/api/webhooks").await.assert_refused(403, "webhooks-panel-restricted");
    }
    process.signal("TERM");
    process.ended().await;
    let log = place.chatwarden(&["log", "--type", "webhooks_panel.*", "--format", "json"]);
    assert_eq!(log.out.lines().count(), 20, "{}{}", log.out, log.err);
}

#[tokio::test]
async fn sighup_takes_a_changed_config_and_keeps_the_old_one_when_it_is_bad() {
    let app = app().await;
    let place = Place::write(Gateway::builder(), app.addr());
    let process = place.run(None).await;
    let client = process.client(Arc::clone(&app));
    let told = async || client.get("/a%2Fb").await.json()["error"]["message"].as_str().unwrap().to_owned();
    assert!(told().await.contains("your administrator"));
    let config = place.read("config.yaml").replace("your administrator", "Security, ext. 12");
    place.write_file("config.yaml", &config);
    process.signal("HUP");
    assert_eventually!(told().await.contains("Security, ext. 12"), "{}", process.log());
    place.write_file("config.yaml", &config.replace("\"refusals\"", "\"refusal\""));
    process.signal("HUP");
    assert_eventually!(process.log().contains("config.yaml rejected"), "{}", process.log());
    assert!(told().await.contains("Security, ext. 12"));
    assert_eventually!(process.log().contains("did you mean"), "{}", process.log());
}

// What keeps it from starting, and how that is told.

/// The one message of a start that failed.
fn fails(place: &Place, arguments: &[&str], code: i32) -> String {
    let done = place.chatwarden(arguments);
    assert_eq!(done.code, code, "{}", done.err);
    assert_eq!(done.out, "");
    assert!(!done.err.contains("panicked") && !done.err.contains("RUST_BACKTRACE"), "{}", done.err);
    // What the log says of the files that a first start makes stands before it, and is not the message.
    done.err.lines().filter(|line| !line.starts_with('{')).map(|line| format!("{line}\n")).collect()
}

#[tokio::test]
async fn a_taken_port_is_one_clear_message() {
    for taken in ["listeners", "admin", "metrics"] {
        let place = Place::write(Gateway::builder(), free());
        let address = match taken {
            "listeners" => place.address,
            "admin" => place.admin,
            _ => place.metrics,
        };
        let _taken = std::net::TcpListener::bind(address).unwrap();
        let told = fails(&place, &["run"], 69).replace(&address.to_string(), "ADDRESS");
        assert_eq!(
            told,
            "error: cannot listen on ADDRESS: Address already in use (os error 98)\n  \
             = help: another process may use the address: stop it, or change the address in config.yaml\n"
        );
    }
}

#[tokio::test]
async fn bad_rules_without_last_good_ones_are_all_told_at_their_places() {
    let rules = Gateway::builder()
        .rule("files", "enabled: true\ngroups:\n  - { group: traines, block: [recieve] }\n")
        .rule("ip-whitelist", "enabled: true\naddresses: [203.0.113.9/24]\n");
    let place = Place::write(rules, free());
    let told = fails(&place, &["run", "--config", "config.yaml"], 78);
    assert_eq!(told, BAD_RULES, "{told}");
    // `check` says the same, and finds it a finding.
    let checked = place.chatwarden(&["check"]);
    assert_eq!((checked.code, checked.err.as_str()), (1, ""));
    for problem in ["files.yaml:3:", "ip-whitelist.yaml:2:"] {
        assert!(checked.out.contains(problem), "{}", checked.out);
    }
}

const BAD_RULES: &str = "\
error[unknown-group]: the group `traines` is not declared in groups.yaml
  --> rules/files.yaml:3:14
   |
 3 |   - { group: traines, block: [recieve] }
   |              ^^^^^^^
   = help: did you mean `trainees`?

error[unknown-value]: unknown value `recieve`
  --> rules/files.yaml:3:31
   |
 3 |   - { group: traines, block: [recieve] }
   |                               ^^^^^^^
   = help: did you mean `receive`? known here: `send` or `receive`

error[malformed-network]: the address has bits set after the first 24
  --> rules/ip-whitelist.yaml:2:13
   |
 2 | addresses: [203.0.113.9/24]
   |             ^^^^^^^^^^^^^^
   = help: write `203.0.113.0/24` for the network, or `203.0.113.9` for the one address

";

#[tokio::test]
async fn a_config_with_a_missing_or_unknown_key_is_told_with_its_line() {
    let place = Place::write(Gateway::builder(), free());
    place.write_file("config.yaml", "listeners: [ { address: 127.0.0.1:0 } ]\nprofil: blinger\n");
    let told = fails(&place, &["run"], 78);
    assert_eq!(told, BAD_CONFIG, "{told}");
    place.write_file(
        "config.yaml",
        "listeners: [ { address: 127.0.0.1:0, health_path: /up } ]\nupstream: { address: 127.0.0.1:1 }\nprofile: blinger\n",
    );
    let told = fails(&place, &["run"], 78);
    assert!(told.contains("not supported yet") && told.contains("config.yaml:1:"), "{told}");
    let told = fails(&place, &["run", "--config", "nowhere.yaml"], 78);
    assert!(told.contains("nowhere.yaml") && told.contains("--config"), "{told}");
    fs::remove_dir_all(place.path("rules")).unwrap();
    place.write_file(
        "config.yaml",
        "listeners: [ { address: 127.0.0.1:0 } ]\nupstream: { address: 127.0.0.1:1 }\nprofile: blinger\n",
    );
    let told = fails(&place, &["run"], 78);
    assert!(told.contains("rules"), "{told}");
}

const BAD_CONFIG: &str = "\
error[missing-key]: `upstream` is missing
  --> config.yaml:1:1
   |
 1 | listeners: [ { address: 127.0.0.1:0 } ]
   | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
   = help: add `upstream`: The chat application behind the gateway.

error[unknown-key]: unknown key `profil`
  --> config.yaml:2:1
   |
 2 | profil: blinger
   | ^^^^^^
   = help: did you mean `profile`? known here: `listeners`, `upstream`, `profile`, `rules`, `state`, `client_address`, `identity`, `super_admin_roles`, `settings`, `keys`, `action_log`, `admin`, `metrics`, `refusals`, `limits`

";

#[tokio::test]
async fn a_wrong_call_is_a_usage_error() {
    let place = Place::write(Gateway::builder(), free());
    for arguments in [
        &["runn"][..],
        &[],
        &["run", "--confg", "x"],
        &["check", "--format", "xml"],
        &["schema"],
        &["schema", "x"],
        &["log", "--since", "yesterday"],
    ] {
        let told = fails(&place, arguments, 64);
        assert!(told.contains("Usage") || told.contains("error:"), "{told}");
    }
    for arguments in [&["--help"][..], &["--version"], &["run", "--help"]] {
        let done = place.chatwarden(arguments);
        assert_eq!((done.code, done.err.as_str()), (0, ""), "{arguments:?}");
    }
}

#[tokio::test]
async fn the_last_good_rules_are_booted_loudly_when_the_files_are_bad() {
    let app = app().await;
    let place = Place::write(Gateway::builder(), app.addr());
    let mut process = place.run(None).await;
    process.signal("TERM");
    process.ended().await;
    let good = place.read("rules/files.yaml");
    place.write_file("rules/files.yaml", "enabled: yes please\n");
    let process = place.run(None).await;
    assert_eq!(get(process.metrics, "/readyz", &[]).await.2, "ok degraded\n");
    assert!(
        get(process.metrics, "/metrics", &[]).await.2.contains("chatwarden_rules_last_reload_successful 0")
    );
    let loud = process.events().into_iter().any(|event| {
        event["level"] == "ERROR"
            && event["message"] == "The rule files are bad; started on the last good rules"
    });
    assert!(loud, "{}", process.log());
    let trainee = process.client(Arc::clone(&app)).sign_in(Persona::Trainee).await;
    trainee.get("/files/invoice.pdf").await.assert_refused(403, "file-receive-blocked");
    place.write_file("rules/files.yaml", &good);
    assert_eventually!(get(process.metrics, "/readyz", &[]).await.2 == "ok\n", "{}", process.log());
}

// The other commands.

#[tokio::test]
async fn check_tells_people_and_programs() {
    let place = Place::write(Gateway::builder(), free());
    let fine = place.chatwarden(&["check"]);
    assert_eq!((fine.code, fine.err.as_str()), (0, ""));
    assert_eq!(fine.out, CHECKED, "{}", fine.out);
    assert!(!place.path("state").exists(), "check leaves something behind");
    let told: Value = serde_json::from_str(&place.chatwarden(&["check", "--format", "json"]).out).unwrap();
    assert_eq!((&told["ok"], &told["diagnostics"]), (&json!(true), &json!([])));
    assert_eq!(told["settings"][0], json!({ "name": "groups", "state": "on" }));
    place.write_file("rules/iframe.yaml", "enabled: true\nhost: []\n");
    let bad = place.chatwarden(&["check", "--format", "json"]);
    assert_eq!(bad.code, 1);
    let told: Value = serde_json::from_str(&bad.out).unwrap();
    assert_eq!(told["ok"], false);
    let problem = &told["diagnostics"][0];
    assert_eq!((&problem["file"], &problem["line"]), (&json!("rules/iframe.yaml"), &json!(2)), "{told:#}");
}

const CHECKED: &str = "\
groups         on
ip-whitelist   on
files          on
downloads      on
personal-data  on
iframe         on
webhooks       on
action-log     on
everything is fine
";

#[tokio::test]
async fn the_log_tells_who_did_what_from_where() {
    let app = app().await;
    let place = Place::write(Gateway::builder(), app.addr());
    let early = place.chatwarden(&["log"]);
    assert_ne!(early.code, 0);
    assert!(
        early.out.is_empty() && early.err.contains("there is no action log at `state/actions.db` yet"),
        "{}",
        early.err
    );
    let mut process = place.run(None).await;
    let trainee = process.client(app).sign_in(Persona::Trainee).await;
    trainee.get("/files/invoice.pdf").await.assert_refused(403, "file-receive-blocked");
    process.signal("TERM");
    process.ended().await;
    let log = place.chatwarden(&["log", "--account", "1003", "--type", "file.*", "--format", "json"]);
    assert_eq!(log.code, 0, "{}", log.err);
    let entry: Value = serde_json::from_str(&log.out).unwrap();
    let text = entry.to_string();
    for part in ["1003", "file.receive.denied", "127.0.0.1", "file-receive-blocked", "files.yaml:"] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    assert!(place.chatwarden(&["log"]).out.contains("file.receive.denied"));
}

#[tokio::test]
async fn schemas_are_printed_and_written() {
    let place = Place::write(Gateway::builder(), free());
    for name in ["config", "profile", "files", "ip-whitelist"] {
        let done = place.chatwarden(&["schema", name]);
        assert_eq!(done.code, 0, "{}", done.err);
        let schema: Value = serde_json::from_str(&done.out).unwrap();
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema", "{name}");
    }
    assert_eq!(place.chatwarden(&["schema", "--dir", "rules/.schema"]).code, 0);
    assert_eq!(fs::read_dir(place.path("rules/.schema")).unwrap().count(), 10);
    assert_eq!(place.chatwarden(&["check"]).code, 0, "the schemas beside the rules are no rules");
}
