//! action-log.yaml: what each account did or tried, from where, when, and how it ended.

use std::fs;

use chatwarden::actions::{Format, Query, print};
use futures_util::future::join_all;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::harness::{Gateway, Origin, Persona, lines_with};

#[tokio::test]
async fn an_entry_has_the_six_columns() {
    let gateway = Gateway::start().await;
    let before = Timestamp::now();
    let client = gateway.client_at([127, 0, 0, 5]).sign_in(Persona::SuperAdmin).await;
    let made =
        client.post("/api/operators/create").json(&json!({ "operator_email": "new@example.com" })).await;
    let body = json!({ "operator_id": made.json()["data"]["id"], "reason": "Left the company" });
    let deleted = client.post("/api/operators/delete").json(&body).await;
    deleted.assert_passed(200);
    let entry = entry(&gateway, "operator.delete").await;
    assert_eq!(entry["account"], "Ona Petraitė");
    assert_eq!(entry["target"], made.json()["data"]["id"].to_string());
    assert_eq!(entry["type"], "operator.delete");
    assert_eq!(entry["ip"], "127.0.0.5");
    let at: Timestamp = entry["time"].as_str().unwrap().parse().unwrap();
    assert!(before.as_second() <= at.as_second() && at <= Timestamp::now(), "{at}");
    assert_eq!(entry["note"], "Left the company");
    // Besides what people read: who exactly, and which request.
    assert_eq!((&entry["account_id"], &entry["method"]), (&json!("1001"), &json!("POST")));
    assert_eq!(entry["request_id"], deleted.request_id());
    assert_eq!(entry["route"], "POST /api/operators/delete");
    assert_eq!(entry["generation"], gateway.generation());
    let created = self::entry(&gateway, "operator.create").await;
    assert_eq!((&created["target"], &created["note"]), (&json!("new@example.com"), &Value::Null));
}

#[tokio::test]
async fn people_read_the_six_columns_in_their_order() {
    let gateway = Gateway::start().await;
    let client = gateway.client().sign_in(Persona::SuperAdmin).await;
    client.post("/api/operators/create").json(&json!({ "operator_email": "new@example.com" })).await;
    entry(&gateway, "operator.create").await;
    let printed = |format| {
        let mut out = Vec::new();
        print(&gateway.path("state/actions.db"), &Query::default(), format, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    };
    let table = printed(Format::Table);
    let columns: Vec<&str> = table.lines().next().unwrap().split_whitespace().collect();
    assert_eq!(columns[..6], ["ACCOUNT", "TARGET", "TYPE", "IP", "TIME", "NOTE"]);
    let line = table.lines().find(|line| line.contains("operator.create")).unwrap();
    let places = ["Ona Petraitė", "new@example.com", "operator.create", "127.0.0.1"]
        .map(|cell| line.find(cell).unwrap());
    assert!(places.is_sorted(), "{line}");
    assert!(printed(Format::Csv).starts_with("account,target,type,ip,time,note,"));
}

#[tokio::test]
async fn every_kind_of_action_is_recorded_with_how_it_ended() {
    let gateway = Gateway::start().await;
    let admin = gateway.client().sign_in(Persona::SuperAdmin).await;
    let trainee = gateway.client().sign_in(Persona::Trainee).await;
    let wrong = json!({ "email": "owner@example.com", "password": "wrong" });
    gateway.client().post("/login").json(&wrong).await.assert_passed(401);
    let listed = json!({ "email": "archive@example.com" });
    let unlisted = json!({ "email": "boss@evil.example" });
    admin.get("/files/invoice.pdf").await;
    trainee.get("/files/invoice.pdf").await;
    admin.get("/files/missing.pdf").await.assert_passed(404);
    trainee.post("/upload").await;
    trainee.post("/odd/echo").body("image/png", "x").await;
    admin.post("/conversations/901/download").json(&listed).await.assert_passed(200);
    admin.post("/conversations/901/download").await.assert_passed(200);
    trainee.post("/conversations/901/download").json(&unlisted).await;
    trainee.post("/conversations/901/download").await;
    admin.get("/settings/webhooks").await.assert_passed(200);
    trainee.get("/settings/webhooks").await;
    trainee.post("/api/conversations/send-note").json(&json!({ "conversation_id": 901, "text": "Hm" })).await;
    admin.post("/api/operators/delete").json(&json!({ "operator_id": 4242 })).await.assert_passed(404);
    trainee.get("/logout").await.assert_passed(200);
    let expected = [
        ("sign_in", Some("1001")),
        ("sign_in", Some("1003")),
        ("sign_in.failed", None),
        ("file.receive", Some("1001")),
        ("file.receive.denied", Some("1003")),
        ("file.receive.failed", Some("1001")),
        ("file.send.denied", Some("1003")),
        ("file.send.denied", Some("1003")),
        ("download.send", Some("1001")),
        ("download.direct", Some("1001")),
        ("download.send.denied", Some("1003")),
        ("download.direct.denied", Some("1003")),
        ("webhooks_panel.open", Some("1001")),
        ("webhooks_panel.open.denied", Some("1003")),
        ("note.add", Some("1003")),
        ("operator.delete.failed", Some("1001")),
        ("sign_out", Some("1003")),
    ];
    assert_eventually!(
        gateway.actions().await.len() >= expected.len(),
        "{:#?}",
        kinds(&gateway.actions().await)
    );
    let mut found = kinds(&gateway.actions().await);
    for (kind, account) in expected {
        let one = (kind.to_owned(), account.map(str::to_owned));
        let at = found.iter().position(|found| *found == one);
        found.remove(at.unwrap_or_else(|| panic!("no {one:?} in {found:#?}")));
    }
    assert!(found.is_empty(), "{found:?}");
}

#[tokio::test]
async fn a_refused_action_names_reason_and_rule() {
    let gateway = Gateway::builder()
        .rule("ip-whitelist", "addresses:\n  - 127.0.0.0/24\n")
        .rule("files", "enabled: true\ngroups:\n  - { group: partners, block: [send] }\n  - { group: trainees, block: [receive] }\n")
        .start()
        .await;
    let trainee = gateway.client().sign_in(Persona::Trainee).await;
    trainee.get("/files/invoice.pdf").await.assert_refused(403, "file-receive-blocked");
    let denied = entry(&gateway, "file.receive.denied").await;
    assert_eq!(
        (&denied["reason"], &denied["rule"]),
        (&json!("file-receive-blocked"), &json!("files.yaml:4"))
    );
    let elsewhere = gateway.client_at([127, 9, 9, 9]).with("cookie", trainee.cookie());
    let body = json!({ "operator_id": 1004 });
    elsewhere.post("/api/operators/delete").json(&body).await.assert_refused(403, "ip-not-whitelisted");
    let denied = entry(&gateway, "operator.delete.denied").await;
    assert_eq!((&denied["reason"], &denied["ip"]), (&json!("ip-not-whitelisted"), &json!("127.9.9.9")));
    assert!(denied["rule"].as_str().unwrap().starts_with("ip-whitelist.yaml:"), "{denied}");
}

#[tokio::test]
async fn an_action_that_the_app_does_not_answer_has_failed() {
    let origin = Origin::start(|_| async { None }).await;
    let gateway = Gateway::builder().upstream(origin.address()).start().await;
    let client = gateway.client().with("cookie", Persona::SuperAdmin.at_origin());
    let answer = client.post("/api/operators/delete").json(&json!({ "operator_id": 1004 })).await;
    assert_eq!(answer.header("x-chatwarden-reason"), Some("upstream-unavailable"));
    let failed = entry(&gateway, "operator.delete.failed").await;
    assert_eq!((&failed["reason"], &failed["rule"]), (&json!("upstream-unavailable"), &Value::Null));
}

#[tokio::test]
async fn what_a_rule_only_monitors_was_done() {
    let gateway = Gateway::builder().monitor("files").start().await;
    let trainee = gateway.client().sign_in(Persona::Trainee).await;
    trainee.get("/files/invoice.pdf").await.assert_passed(200);
    let done = entry(&gateway, "file.receive").await;
    assert_eq!((&done["account_id"], &done["reason"]), (&json!("1003"), &Value::Null));
}

#[tokio::test]
async fn what_visitors_do_is_not_recorded() {
    let gateway = Gateway::start().await;
    let text = json!({ "text": "Hello?" });
    gateway.client().post("/widget/messages").json(&text).await.assert_passed(200);
    gateway.client().sign_in(Persona::Operator).await;
    entry(&gateway, "sign_in").await;
    assert_eq!(gateway.actions().await.len(), 1);
}

#[tokio::test]
async fn nothing_is_lost_when_the_gateway_stops() {
    let mut gateway = Gateway::start().await;
    let client = gateway.client().sign_in(Persona::Operator).await;
    let note = |number: usize| {
        let client = client.clone();
        async move {
            let body = json!({ "conversation_id": 901, "text": format!("Note {number}") });
            client.post("/api/conversations/send-note").json(&body).await.request_id().to_owned()
        }
    };
    let mut ids = join_all((0..200).map(note)).await;
    gateway.stop().await;
    let mut recorded: Vec<String> = gateway
        .actions_on_disk()
        .iter()
        .filter(|entry| entry["type"] == "note.add")
        .map(|entry| entry["request_id"].as_str().unwrap().to_owned())
        .collect();
    ids.sort();
    recorded.sort();
    assert_eq!(recorded, ids);
}

#[tokio::test]
async fn only_the_named_types_are_recorded() {
    let gateway = Gateway::builder().rule("action-log", "types: [operator.*, \"*.denied\"]\n").start().await;
    let trainee = gateway.client().sign_in(Persona::Trainee).await;
    let admin = gateway.client().sign_in(Persona::SuperAdmin).await;
    trainee.get("/files/invoice.pdf").await;
    admin.get("/files/invoice.pdf").await;
    admin.post("/api/operators/create").json(&json!({ "operator_email": "new@example.com" })).await;
    entry(&gateway, "operator.create").await;
    let kinds: Vec<String> = kinds(&gateway.actions().await).into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(kinds, ["file.receive.denied", "operator.create"]);
}

#[tokio::test]
async fn off_records_nothing() {
    let mut gateway = Gateway::builder().rule("action-log", "enabled: false\n").start().await;
    let client = gateway.client().sign_in(Persona::Trainee).await;
    client.get("/files/invoice.pdf").await.assert_refused(403, "file-receive-blocked");
    gateway.stop().await;
    assert_eq!(gateway.actions_on_disk(), Vec::<Value>::new());
}

#[tokio::test]
async fn changes_of_the_rules_are_recorded() {
    let gateway = Gateway::start().await;
    let rule = gateway.read_rule("files");
    gateway.write_rule("files", &format!("{rule}\n# a word\n"));
    let applied = entry(&gateway, "rules.applied").await;
    assert!(applied["note"].as_str().unwrap().starts_with("generation 2 in force, digest "), "{applied}");
    assert_eq!((&applied["account"], &applied["ip"]), (&Value::Null, &Value::Null));
    gateway.write_rule("files", "enabeld: true\n");
    let rejected = entry(&gateway, "rules.rejected").await;
    assert!(rejected["note"].as_str().unwrap().starts_with("generation 2 in force, digest "), "{rejected}");
    assert_ne!(rejected["note"], applied["note"], "the digest is of the files that were rejected");
}

#[tokio::test]
async fn who_opened_which_card_is_recorded_where_the_rule_wants_it() {
    for views in [true, false] {
        let gateway = Gateway::builder().rule("action-log", &format!("views: {views}\n")).start().await;
        let client = gateway.client().sign_in(Persona::Trainee).await;
        client.get("/api/users/501").await.assert_passed(200);
        client.get("/logout").await;
        entry(&gateway, "sign_out").await;
        let viewed = gateway.actions().await.into_iter().find(|entry| entry["type"] == "client.view");
        assert_eq!(viewed.is_some(), views);
        if let Some(viewed) = viewed {
            assert_eq!((&viewed["account"], &viewed["target"]), (&json!("Anna Nowak"), &json!("501")));
        }
    }
}

#[tokio::test]
async fn neither_the_action_log_nor_the_log_holds_contact_data_or_credentials() {
    const NAME: &str = "Ugnė Nepakartojamaitė";
    const PHONE: &str = "+37069911223";
    const EMAIL: &str = "ugne.only@clients.example";
    const SECRETS: [&str; 4] = ["only-password-77", "only-bearer-77", "only-token-77", "only-path-77"];
    let mut gateway = Gateway::start().await;
    let admin = gateway.client().sign_in(Persona::SuperAdmin).await;
    let card = json!({ "user_id": 501, "client_name": NAME, "client_phone": PHONE, "client_email": EMAIL });
    admin.post("/api/users/update").json(&card).await.assert_passed(200);
    let start = json!({ "client_phone": PHONE, "text": "Good morning" });
    admin.post("/api/conversations/start").json(&start).await.assert_passed(200);
    let mut sessions = vec![admin.cookie().to_owned()];
    for persona in Persona::ALL {
        let client = gateway.client().sign_in(persona).await;
        sessions.push(client.cookie().to_owned());
        client.get(&format!("/api/users/501?phone={PHONE}&email={EMAIL}")).await;
        client.get(&format!("/files/{EMAIL}.pdf")).await;
        client.get("/odd/csv").await;
        client.post("/conversations/901/download").json(&json!({ "email": EMAIL })).await;
        client.post("/conversations/901/download").body("text/plain", EMAIL).await;
        client.post("/upload").body("image/png", EMAIL).await;
    }
    let wrong = json!({ "email": EMAIL, "password": SECRETS[0] });
    gateway.client().post("/login").json(&wrong).await.assert_passed(401);
    gateway.client().get("/api/me").header("authorization", &format!("Bearer {}", SECRETS[1])).await;
    gateway.client().get(&format!("/api/me?token={}", SECRETS[2])).await;
    gateway.client().get(&format!("/{}%2F", SECRETS[3])).await.assert_refused(400, "path-ambiguous");
    gateway.stop().await;
    let entries = gateway.actions_on_disk();
    assert!(entries.len() > 20, "{entries:#?}");
    let kept = |name: &str| fs::read(gateway.path(name)).unwrap_or_default();
    let store = [kept("state/actions.db"), kept("state/actions.db-wal")].concat();
    let store = String::from_utf8_lossy(&store).into_owned();
    let sessions = sessions.iter().map(|cookie| cookie.split_once('=').unwrap().1);
    let escaped = NAME.escape_unicode().to_string();
    for secret in [NAME, &escaped, PHONE, &PHONE[1..], EMAIL].into_iter().chain(SECRETS).chain(sessions) {
        assert!(!store.contains(secret), "the action log holds {secret}");
        assert_eq!(lines_with(secret), Vec::<String>::new(), "the log holds {secret}");
    }
    assert!(!lines_with("Request refused").is_empty(), "the log is read");
}

/// The entry of a type, as soon as there is one.
async fn entry(gateway: &Gateway, kind: &str) -> Value {
    let find = async || gateway.actions().await.into_iter().find(|entry| entry["type"] == kind);
    assert_eventually!(find().await.is_some(), "{kind} in {:#?}", kinds(&gateway.actions().await));
    find().await.unwrap()
}

fn kinds(entries: &[Value]) -> Vec<(String, Option<String>)> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    entries.iter().map(|entry| (text(&entry["type"]).unwrap(), text(&entry["account_id"]))).collect()
}
