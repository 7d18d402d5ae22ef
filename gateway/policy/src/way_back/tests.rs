//! Tests of the way back: which routes restore for whom, and what answers no guesses.

use std::sync::Arc;

use chatwarden_redact::{AliasKey, Display, MemoryVault, Redactor, Selector, Vault, mask};
use jiff::civil::date;

use super::*;
use crate::{
    account::{Account, ClientIp, Identity},
    path::CanonicalPath,
    policy::Policy,
    profile::Profile,
    rules::{self, Context, RuleSources},
    verdict::{Facts, Verdict},
};

const PROFILE: &str = r#"
app: x
who_am_i: ["GET|POST /api/me"]
sign_in: ["POST /login"]
public: ["* /widget/**"]
contact_fields: { phone: [$..phone], name: [$..client_name, "$..contacts[*].value"], email: ["$..['mail', 'e_mail']"] }
restore: ["POST /save", "PUT /clients/{phone}/{id}", "GET|POST /search"]
merge: ["POST /save"]
queries:
  - { route: "GET|POST /search", search: [q], sort: [order], filter: { phone: [tel], avatar: [picture] } }
  - { route: "GET /find/{what}", search: [what] }
"#;

/// A policy, and the caller that it judges.
struct Gateway {
    policy: Policy,
    phone: String,
}

impl Gateway {
    fn new(rule: &str) -> Gateway {
        let (profile, found) = Profile::parse("x.yaml", PROFILE.as_bytes(), &|_| None)
            .unwrap_or_else(|found| panic!("{found:?}"));
        assert_eq!(found.iter().map(|warning| warning.code).collect::<Vec<_>>(), ["query-without-restore"]);
        let keys = Arc::new(KeyRing::from(AliasKey::new(&[7; 32]).unwrap()));
        let vault: Arc<dyn Vault> = Arc::new(MemoryVault::new(1 << 20));
        let groups = "groups: { bosses: {} }\n";
        let files = [("personal-data.yaml", rule), ("groups.yaml", groups)];
        let files = files.map(|(name, text)| (name.to_owned(), text.into())).into();
        let sources = RuleSources { files, lists: &|_| Err(String::new()) };
        let context = Context {
            proxies: &[],
            profile: &profile,
            keys: &keys,
            vault: &vault,
            super_admin_roles: &[],
            settings: None,
            today: date(2026, 11, 28),
            in_force: &[],
            dir: "rules",
        };
        let (rules, found) = rules::compile(&sources, &context);
        let rules = rules.unwrap_or_else(|| panic!("{found:?}"));
        // Shown once, so that the vault knows what it stands for.
        let mut redactor = Redactor::json(Arc::clone(rules.plans.plan(0, true, false).unwrap()));
        let mut out = Vec::new();
        redactor.write(br#"{"phone":"+37061234567"}"#, &mut out).unwrap();
        redactor.finish(&mut out).unwrap();
        let phone = mask(Class::Phone, Display::Alias, "+37061234567", keys.first());
        Gateway { policy: Policy { profile: Arc::new(profile), rules }, phone }
    }

    fn way(&self, route: &str, groups: Option<&[&str]>, content_type: Option<&str>) -> Option<Arc<WayBack>> {
        let (method, path) = route.split_once(' ').unwrap();
        let path = CanonicalPath::parse(&self.put(path)).unwrap();
        let classified = self.policy.profile.classify(method, &path);
        let identity = match groups {
            None => Identity::Nobody,
            Some(groups) => Identity::Verified(Arc::new(Account {
                id: "7".to_owned(),
                groups: groups.iter().map(|name| (*name).to_owned()).collect(),
                ..Account::default()
            })),
        };
        let facts = Facts {
            client_ip: ClientIp::new([192, 0, 2, 1].into()),
            identity: &identity,
            method,
            path: &path,
            content_type,
            body: false,
            today: date(2026, 11, 28),
        };
        match self.policy.evaluate(&facts, &classified) {
            Verdict::Allow(orders) => orders.way_back,
            Verdict::Deny(denial) => panic!("{denial:?}"),
        }
    }

    fn put(&self, text: &str) -> String {
        text.replace("ALIAS", &self.phone)
    }
}

fn outcome(passage: Result<Passage<'_>, Denial>) -> String {
    match passage {
        Ok(passage) => String::from_utf8(passage.body.into_owned()).unwrap(),
        Err(denial) => {
            assert_eq!(denial.rule.map(|rule| rule.to_string()).as_deref(), Some("personal-data.yaml:1"));
            denial.reason.code().to_owned()
        }
    }
}

const OPERATOR: Option<&[&str]> = Some(&[]);
const BOSS: Option<&[&str]> = Some(&["bosses"]);
const RULE: &str = "enabled: true\nexempt_groups: [bosses]\n";

#[test]
fn aliases_are_restored_on_their_routes_and_for_whom_is_known() {
    let gateway = Gateway::new(RULE);
    let restored = r#"{"phone":"+37061234567"}"#;
    for (route, caller, expected) in [
        ("POST /save", OPERATOR, restored),
        ("POST /save", BOSS, restored),
        ("POST /search", OPERATOR, restored),
        // An update leaves out what it cannot restore; anything else is refused.
        ("POST /save", None, "{}"),
        ("PATCH /save", OPERATOR, "{}"),
        ("POST /save/", OPERATOR, "masked-value"),
        ("POST /SAVE", OPERATOR, "masked-value"),
        ("PUT /save", OPERATOR, "masked-value"),
        ("POST /other", BOSS, "masked-value"),
        ("POST /api/me", OPERATOR, "masked-value"),
    ] {
        let way = gateway.way(route, caller, None).unwrap();
        let body = gateway.put(r#"{"phone":"ALIAS"}"#);
        assert_eq!(outcome(way.body(Some("application/json"), body.as_bytes())), expected, "{route}");
    }
    for route in ["POST /login", "POST /widget/x"] {
        let caller = if route.starts_with("POST /w") { None } else { OPERATOR };
        assert!(gateway.way(route, caller, None).is_none(), "{route}");
    }
}

#[test]
fn ones_own_account_has_no_fields_of_clients() {
    let gateway = Gateway::new(RULE);
    let way = gateway.way("POST /api/me", OPERATOR, None).unwrap();
    let body = br#"{"phone":"0","client_name":"hidden"}"#;
    assert_eq!(outcome(way.body(Some("application/json"), body)).as_bytes(), body);
}

#[test]
fn a_merge_patch_leaves_out_what_is_masked() {
    let gateway = Gateway::new(RULE);
    let kind = Some("application/merge-patch+json; charset=utf-8");
    let way = gateway.way("POST /other", OPERATOR, kind).unwrap();
    assert_eq!(outcome(way.body(kind, br#"{"phone":"hidden","a":1}"#)), r#"{"a":1}"#);
}

#[test]
fn a_segment_is_restored_by_its_name() {
    let gateway = Gateway::new(RULE);
    for (path, expected) in [
        ("/clients/ALIAS/7", "/clients/%2B37061234567/7"),
        ("/clients/7/ALIAS", "masked-value"),
        ("/clients/hidden/7", "masked-value"),
        ("/clients/7/hidden", "/clients/7/hidden"),
        ("/else/ALIAS", "masked-value"),
        ("/else/Dear-ALIAS", "alias-in-message"),
    ] {
        let way = gateway.way(&format!("PUT {path}"), OPERATOR, None).unwrap();
        assert_eq!(outcome(way.path(&gateway.put(path))), expected, "{path}");
    }
}

#[test]
fn who_is_masked_searches_by_alias_alone() {
    let gateway = Gateway::new(RULE);
    let refused = "hidden-field-query";
    for (query, expected) in [
        ("q=Anna", refused),
        ("q=ALIAS", "q=%2B37061234567"),
        ("q=", "q="),
        ("tel=370", refused),
        ("tel=ALIAS", "tel=%2B37061234567"),
        ("tel[like]=370", refused),
        ("telephone=370", "telephone=370"),
        ("picture=a.png", refused),
        ("order=-date", "order=-date"),
        ("order=phone", refused),
        ("order=clientName:desc", refused),
        ("order=date;order=e_mail", refused),
        ("order[contacts][value]=1", refused),
        ("order=by_mail_date", refused),
        ("order=emails", "order=emails"),
        ("%zz", "unscannable-body"),
    ] {
        let way = gateway.way("GET /search", OPERATOR, None).unwrap();
        assert_eq!(outcome(way.query(&gateway.put(query))), expected, "{query}");
        let way = gateway.way("GET /search", BOSS, None).unwrap();
        let open = way.query(query);
        assert!(open.is_ok(), "{query}");
    }
    let way = |path: &str| gateway.way(&format!("GET {path}"), OPERATOR, None).unwrap();
    assert_eq!(outcome(way("/find/Anna").path("/find/Anna")), refused);
    assert_eq!(outcome(way("/FIND/Anna/").path("/FIND/Anna/")), refused);
    assert_eq!(outcome(way("/find/ALIAS").path(&gateway.put("/find/ALIAS"))), "masked-value");
}

#[test]
fn what_is_not_hidden_may_be_filtered_by() {
    let gateway = Gateway::new("enabled: true\nhide_avatars: false\n");
    let way = gateway.way("GET /search", OPERATOR, None).unwrap();
    assert_eq!(outcome(way.query("picture=a.png")), "picture=a.png");
}

#[test]
fn bodies_ask_as_queries_do() {
    let gateway = Gateway::new(RULE);
    let way = gateway.way("POST /search", OPERATOR, None).unwrap();
    let parts = |value: &str| {
        format!("--b\r\nContent-Disposition: form-data; name=\"q\"\r\n\r\n{value}\r\n--b--\r\n")
    };
    for (kind, body, expected) in [
        ("application/json", r#"{"q":"Anna"}"#.to_owned(), "hidden-field-query"),
        ("application/json", r#"{"a":[{"tel":{"in":["", null, 7]}}]}"#.to_owned(), "hidden-field-query"),
        (
            "application/json",
            r#"{"q":"ALIAS","tel":["ALIAS"]}"#.to_owned(),
            r#"{"q":"+37061234567","tel":["+37061234567"]}"#,
        ),
        ("application/json", r#"{"order":{"phone":-1}}"#.to_owned(), "hidden-field-query"),
        (
            "application/json",
            r#"{"order":{"date":-1},"q":null}"#.to_owned(),
            r#"{"order":{"date":-1},"q":null}"#,
        ),
        ("text/plain", r#"{"q":"Anna"}"#.to_owned(), "hidden-field-query"),
        ("application/x-www-form-urlencoded", "q=Anna".to_owned(), "hidden-field-query"),
        ("application/x-www-form-urlencoded", "q=ALIAS".to_owned(), "q=%2B37061234567"),
        ("multipart/form-data; boundary=b", parts("Anna"), "hidden-field-query"),
        ("multipart/form-data; boundary=b", parts("ALIAS"), &parts("+37061234567")),
        ("multipart/mixed; boundary=b", parts("x"), "unscannable-body"),
        ("image/png", "ALIAS".to_owned(), &gateway.phone),
    ] {
        let body = gateway.put(&body);
        assert_eq!(outcome(way.body(Some(kind), body.as_bytes())), expected, "{kind} {body}");
    }
    // Neither named nor a text.
    let passed = way.body(None, b"\xff\xfe").unwrap();
    assert_eq!(&*passed.body, b"\xff\xfe");
}

#[test]
fn what_cannot_be_read_passes_for_the_exempt() {
    let gateway = Gateway::new(RULE);
    for (caller, expected) in [(OPERATOR, "unscannable-body"), (BOSS, "{")] {
        let way = gateway.way("POST /other", caller, None).unwrap();
        assert_eq!(outcome(way.body(Some("application/json"), b"{")), expected);
        assert_eq!(way.watch(Some("multipart/mixed; boundary=b")).is_ok(), caller == BOSS);
        assert_eq!(way.undecodable().is_none(), caller == BOSS);
    }
}

#[test]
fn what_a_field_is_called_is_told_by_its_words() {
    let selector = |text| Selector::parse(text).unwrap();
    let fields = [selector("$..client_phone"), selector("$.contacts[*].Value"), selector("$..['a', 'b'][0]")];
    let names = Names::of(fields.iter().map(|field| (Class::Phone, field)));
    for text in
        ["client_phone", "clientPhone", "-CLIENT.PHONE", "x[client][phone]", "phone asc", "value", "a", "b,c"]
    {
        assert!(names.are_named_by(text), "{text}");
    }
    for text in ["", "client", "phones", "values", "date", "clientphones", "-id"] {
        assert!(!names.are_named_by(text), "{text}");
    }
}
