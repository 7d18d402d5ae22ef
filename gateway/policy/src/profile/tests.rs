//! Tests of profiles: what a route is, and what is wrong with a profile.

use super::*;
use crate::{diagnostic::Diagnostic, in_band::Naming};

fn parse(text: &str) -> Result<(Profile, Vec<Diagnostic>), Vec<Diagnostic>> {
    let bundled = |name: &str| (name == "base").then_some("app: base\nassets: [\"GET /assets/**\"]\n");
    Profile::parse("profiles/x.yaml", text.as_bytes(), &bundled)
}

fn codes(text: &str) -> Vec<(&'static str, u32)> {
    let problems = match parse(text) {
        Ok((_, warnings)) => warnings,
        Err(errors) => errors,
    };
    problems.iter().map(|problem| (problem.code, problem.line)).collect()
}

const APP: &str = r#"
app: x
extends: base
public: ["* /widget/**"]
sign_in: ["POST /login"]
sign_out: ["* /logout"]
files: { send: ["POST /widget/upload"], receive: ["GET /files/**"] }
downloads: [ { route: "POST /conversations/{id}/download", email: [ { json: $.email } ] } ]
webhooks_panel: ["* /settings/webhooks/**"]
actions:
  - { type: operator.delete, route: "POST /api/operators/{id}/delete", target: { path: id }, note: { json: $.reason } }
contact_fields:
  phone: ["$..phone", { path: $..number, routes: ["GET /api/users/**"] }]
  name: [{ path: $..title, routes: ["GET /api/users/**"] }, { path: $..label, routes: ["GET /api/leads/**"] }]
who_am_i: ["GET /api/me"]
areas: { card: ["GET /clients/{id}"] }
"#;

fn path(text: &str) -> CanonicalPath {
    CanonicalPath::parse(text).unwrap()
}

#[test]
fn routes_that_grant_match_exactly_and_routes_that_restrict_match_loosely() {
    let (profile, warnings) = parse(APP).unwrap();
    assert_eq!(warnings.iter().map(|warning| warning.code).collect::<Vec<_>>(), ["route-overlap"]);
    let classify = |method, text| profile.classify(method, &path(text));
    assert!(classify("GET", "/widget/a").public);
    assert!(!classify("GET", "/WIDGET/a").public);
    assert!(classify("POST", "/login").sign_in && !classify("POST", "/login/").sign_in);
    assert!(classify("GET", "/FILES//a.pdf;x=1/").file_receive);
    assert!(classify("GET", "/Settings/Webhooks.json").webhooks_panel);
    assert!(classify("GET", "/assets/app.js").asset, "the base profile's lists append");
    assert_eq!(classify("GET", "/clients/7").area, Some("card"));
    assert!(classify("POST", "/conversations/7/download").download.is_some());
}

#[test]
fn events_that_send_files_append() {
    let (profile, _) = parse("app: x\nevents: { file: [\"upload:auth\", ufsCreate] }\n").unwrap();
    assert_eq!(*profile.file_events(), ["upload:auth", "ufsCreate"]);
    assert!(parse("app: x\n").unwrap().0.file_events().is_empty());
}

#[test]
fn a_setting_beats_public() {
    let (profile, _) = parse(APP).unwrap();
    let classified = profile.classify("POST", &path("/widget/upload"));
    assert!(classified.file_send && !classified.public);
}

#[test]
fn scoped_fields_hold_on_their_routes_only() {
    let (profile, _) = parse(APP).unwrap();
    let fields = |text| {
        let scope = profile.classify("GET", &path(text)).scope;
        profile.scopes()[scope]
            .fields
            .iter()
            .map(|field| field.selector.as_str())
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(profile.scopes().len(), 4);
    assert_eq!(fields("/api/other"), "$..phone");
    assert_eq!(fields("/api/users/1"), "$..phone $..number $..title");
    assert_eq!(fields("/api/leads/1"), "$..phone $..label");
}

#[test]
fn an_action_names_its_parameters() {
    let (profile, _) = parse(APP).unwrap();
    let path = path("/api/operators/a%40b/delete");
    let classified = profile.classify("POST", &path);
    let action = classified.action.unwrap();
    assert_eq!(action.action_type, "operator.delete");
    assert!(action.reads_body());
    assert_eq!(classified.parameters, [("id".to_owned(), "a@b".to_owned())]);
}

#[test]
fn every_problem_is_reported_at_its_line() {
    let text = r#"app: x
extends: nothing
public: ["get /x"]
contact_fields:
  phone: ["$..[?(@.a)]"]
  fone: ["$..x"]
"#;
    assert_eq!(codes(text), [("unknown-profile", 2), ("unknown-key", 6)]);
    let text = r#"app: x
public: ["get /x"]
contact_fields:
  phone: ["$..[?(@.a)]"]
actions:
  - { type: Operator.create, route: "POST /a" }
  - { type: operator.delete, route: "POST /a", target: { path: id } }
"#;
    assert_eq!(
        codes(text),
        [("malformed-route", 2), ("malformed-jsonpath", 4), ("malformed-type", 6), ("unknown-parameter", 7)]
    );
    assert_eq!(codes("app: x\nvisitor_credentials: []\n"), [("not-supported-yet", 2)]);
}

#[test]
fn a_condition_names_a_member_and_its_values() {
    let when = |when: &str| {
        codes(&format!("app: x\ncontact_fields:\n  phone:\n    - {{ path: $..p, when: {{ {when} }} }}\n"))
    };
    for fine in ["role: default", "../type: [contact, 3, true]", "../../type: \"no\""] {
        assert_eq!(when(fine), [], "{fine}");
    }
    for slip in ["$.role: a", "user.role: a", "role: []", "../: a", "a/b: c", "\"role[0]\": a", "..: a"] {
        assert_eq!(when(slip), [("malformed-condition", 4)], "{slip}");
    }
    assert_eq!(when("role: { a: b }"), [("wrong-type", 4)]);
    assert_eq!(when("role: 1.5"), [("wrong-type", 4)]);
}

#[test]
fn a_channel_is_a_member_at_any_depth() {
    let channel = |path: &str, values: &str| {
        codes(&format!("app: x\nchannel:\n  path: {path}\n  values: {{ {values} }}\n"))
    };
    assert_eq!(channel("$..application", "tg: telegram"), []);
    for path in ["$.application", "$.data..application", "$..*", "\"$..['a','b']\"", "$"] {
        assert_eq!(channel(path, "tg: telegram"), [("malformed-channel", 3)], "{path}");
    }
    assert_eq!(channel("$..application", ""), [("malformed-channel", 3)]);
    assert_eq!(channel("$..[?@.a]", "tg: telegram"), [("malformed-jsonpath", 3)]);
}

#[test]
fn an_element_is_selected_by_css() {
    let html = |rule: &str| codes(&format!("app: x\nhtml:\n  - {{ {rule} }}\n"));
    assert_eq!(html("select: .client-phone, field: phone"), []);
    assert_eq!(html("select: img.client-avatar, attribute: src, field: avatar"), []);
    assert_eq!(html("select: \"a::before\", field: phone"), [("malformed-css", 3)]);
    assert_eq!(html("select: \"..x\", field: phone"), [("malformed-css", 3)]);
    assert_eq!(html("select: .x, field: fone"), [("unknown-value", 3)]);
}

#[test]
fn a_column_has_a_class() {
    let (profile, _) = parse("app: x\ncsv: { Phone: phone, E-mail: email }\n").unwrap();
    let expected = [("Phone".to_owned(), Class::Phone), ("E-mail".to_owned(), Class::Email)];
    assert_eq!(profile.columns(), expected);
    assert_eq!(codes("app: x\ncsv: { Phone: fone }\n"), [("unknown-value", 2)]);
}

#[test]
fn what_is_kept_holds_on_exactly_its_routes() {
    let text = "app: x\nkeep: [{ path: $..a, routes: [\"GET /a\"] }]\nfile_urls: [{ path: $..b, routes: [\"GET /a\"] }]\n";
    let (profile, _) = parse(text).unwrap();
    let scope = |text| &profile.scopes()[profile.classify("GET", &path(text)).scope];
    assert_eq!((scope("/a").keep.len(), scope("/a").file_urls.len()), (1, 1));
    assert_eq!((scope("/A/").keep.len(), scope("/A/").file_urls.len()), (0, 1));
    assert_eq!((scope("/b").keep.len(), scope("/b").file_urls.len()), (0, 0));
}

#[test]
fn a_route_that_restores_matches_exactly_and_never_where_it_would_tell() {
    let text = format!(
        "{APP}restore: [\"PUT /clients/{{id}}/{{phone}}\", \"PUT /clients/{{id}}/**\", \"POST /api/search\"]\n\
         merge: [\"PUT /clients/**\"]\n"
    );
    let (profile, _) = parse(&text).unwrap();
    let classify = |method, text| profile.classify(method, &path(text));
    assert_eq!(classify("PUT", "/clients/7/x").restore.unwrap(), [(1, "id"), (2, "phone")]);
    assert_eq!(classify("PUT", "/clients/7/x/y").restore.unwrap(), [(1, "id")]);
    assert!(classify("PUT", "/clients/7/x").restores() && classify("PUT", "/clients/7/x").merge);
    for (method, text) in [("PUT", "/Clients/7/x"), ("POST", "/clients/7/x"), ("POST", "/api/search/")] {
        let classified = classify(method, text);
        assert!(!classified.restores() && !classified.merge, "{method} {text}");
    }
    // A base profile may restore where this one shows the caller's own account.
    let mut classified = classify("POST", "/api/search");
    assert!(classified.restores());
    classified.who_am_i = true;
    assert!(!classified.restores());
}

#[test]
fn queries_match_loosely_and_know_their_terms() {
    let text = format!(
        "{APP}restore: [\"GET /search/{{q}}\"]\n\
         queries: [ {{ route: \"GET /search/{{q}}\", search: [q], sort: [order], filter: {{ phone: [tel, \"f[tel]\"] }} }} ]\n"
    );
    let (profile, warnings) = parse(&text).unwrap();
    assert!(!warnings.iter().any(|warning| warning.code == "query-without-restore"));
    let path = path("/Search//Anna/");
    let classified = profile.classify("GET", &path);
    let [queried] = classified.queries.as_slice() else { panic!("{classified:?}") };
    assert_eq!(queried.parameters, [("q".to_owned(), "Anna".to_owned())]);
    for (name, expected) in [
        ("q", Some((Term::Search, ""))),
        ("Q", Some((Term::Search, ""))),
        ("q[]", Some((Term::Search, "[]"))),
        ("q.x", Some((Term::Search, ".x"))),
        ("q__in", Some((Term::Search, "__in"))),
        ("q_in", None),
        ("query", None),
        ("tel", Some((Term::Filter(Class::Phone), ""))),
        ("f[TEL]", Some((Term::Filter(Class::Phone), ""))),
        ("order[phone]", Some((Term::Sort, "[phone]"))),
        ("", None),
    ] {
        assert_eq!(queried.query.term(name), expected, "{name}");
    }
}

#[test]
fn a_way_back_that_would_tell_or_do_nothing_is_reported() {
    for (text, expected) in [
        ("restore: [\"* /api/**\"]", Some("restore-tells")),
        ("restore: [\"POST /conversations/{id}/download\"]", Some("restore-tells")),
        ("restore: [\"PUT /settings/webhooks/{id}\"]", Some("restore-tells")),
        ("restore: [\"POST /api/operators/{id}/delete\"]", Some("restore-tells")),
        ("restore: [\"POST /login\"]", Some("restore-tells")),
        ("restore: [\"POST /widget/messages\"]", Some("restore-tells")),
        ("restore: [\"POST /api/save\"]", None),
        ("queries: [ { route: \"GET /a\", search: [q] } ]", Some("query-without-restore")),
        ("queries: [ { route: \"GET /a\", sort: [q] } ]", None),
        ("queries: [ { route: \"GET /a\" } ]", Some("empty-query")),
        ("queries: [ { route: \"GET /a\", filter: {} } ]", Some("empty-query")),
        ("queries: [ { route: \"GET /a\", sort: [$.q] } ]", Some("malformed-query")),
        ("queries: [ { search: [q] } ]", Some("missing-key")),
        ("queries: [ { route: \"GET /a\", filter: { fone: [q] } } ]", Some("unknown-key")),
    ] {
        let told = codes(&format!("{APP}{text}\n"));
        let told: Vec<&str> =
            told.iter().map(|(code, _)| *code).filter(|code| *code != "route-overlap").collect();
        assert_eq!(expected.is_some_and(|code| told.contains(&code)), !told.is_empty(), "{text}: {told:?}");
    }
}

#[test]
fn streams_and_their_messages_are_read() {
    let text = r#"
app: x
events:
  sign_in: [ { name: "auth:perform", account: "$[1].user", confirmed: "auth:success" } ]
  file: ["upload:auth"]
streams: [ { route: "* /socket.io/**", session: sid } ]
tickets: [ { event: "upload:auth", token: "$[1]", spend: "POST /uploads/new/{token}" } ]
"#;
    let (profile, warnings) = parse(text).unwrap();
    assert!(warnings.is_empty());
    assert!(profile.streams().sign_in());
    assert_eq!(*profile.file_events(), ["upload:auth"]);
    assert_eq!(profile.streams().sign_ins[0].confirmed, "auth:success");
    assert_eq!(profile.streams().tickets[0].event, "upload:auth");
    let classified = profile.classify("POST", &path("/Socket.io/"));
    assert_eq!((classified.stream, classified.ticket), (Some("sid"), None));
    let classified = profile.classify("POST", &path("/uploads/new/a-b"));
    assert_eq!((classified.stream, classified.ticket.as_deref()), (None, Some("a-b")));

    let wrong = text.replace("{token}", "{ticket}").replace("$[1].user", "$[");
    assert_eq!(codes(&wrong), [("malformed-jsonpath", 4), ("unknown-parameter", 7)]);
    assert_eq!(codes(&text.replace("name: \"auth:perform\", ", "")), [("missing-key", 4)]);
    let sign_in = |text: &str| format!("app: x\nevents: {{ sign_in: [ {text} ] }}\n");
    let answered = r#"{ name: login, answered_account: "$.id" }"#;
    assert_eq!(codes(&sign_in(answered)), [("missing-key", 2)]);
    let twice = r#"{ name: login, account: "$.u", answered_account: "$.id", id: "$.id" }"#;
    assert_eq!(codes(&sign_in(twice)), [("not-one-key", 2)]);

    for (short, confirmed, refused) in
        [("auth:perform", "auth:success", "auth:failed"), ("login", "login:success", "login:failed")]
    {
        let (profile, _) = parse(&sign_in(&format!("\"{short}\""))).unwrap();
        let sign_in = &profile.streams().sign_ins[0];
        assert_eq!((sign_in.confirmed.as_str(), sign_in.refused.as_str()), (confirmed, refused));
        assert!(
            matches!(&sign_in.account, Naming::Client(path) if *path == Selector::parse("$..user").unwrap())
        );
    }
}
