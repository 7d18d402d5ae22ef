//! What compiled rules answer.

use std::sync::Arc;

use chatwarden_redact::Redactor;

use super::*;
use crate::account::{Account, ClientIp, GroupSet, Identity, Standing};

const GROUPS: &str = "groups:
  trainees: { members: [Anna@example.com, \"1043\"] }
  supervisors: {}
super_admins: [owner@example.com]
";

fn account(id: &str, email: &str, groups: &[&str]) -> Identity {
    Identity::Verified(Arc::new(Account {
        id: id.to_owned(),
        name: Some("owner@example.com".to_owned()),
        email: Some(email.to_owned()),
        groups: groups.iter().map(|name| (*name).to_owned()).collect(),
        ..Account::default()
    }))
}

fn ip(text: &str) -> ClientIp {
    ClientIp::new(text.parse().unwrap())
}

fn in_groups(rules: &Rules, names: &[&str]) -> GroupSet {
    let mut set = GroupSet::EMPTY;
    names.iter().for_each(|name| set.insert(rules.groups.index(name).unwrap()));
    set
}

fn operator(rules: &Rules, names: &[&str]) -> Standing {
    Standing { super_admin: false, groups: in_groups(rules, names), strict: false, undeclared: false }
}

const SUPER_ADMIN: Standing = Standing { super_admin: true, ..Standing::UNKNOWN };

#[test]
fn an_account_is_in_the_groups_that_the_application_and_the_file_name() {
    let rules = Fixture::new([("groups.yaml", GROUPS)]).rules();
    let standing = |identity: &Identity| rules.groups.standing(identity);
    let both = standing(&account("7", "ANNA@Example.com", &["  Supervisors "]));
    assert_eq!(both.groups, in_groups(&rules, &["trainees", "supervisors"]));
    assert!(!both.strict && !both.undeclared && !both.super_admin);
    assert_eq!(standing(&account("1043", "", &[])).groups, in_groups(&rules, &["trainees"]));
    assert!(standing(&account("7", "Owner@example.com", &[])).super_admin);
    let named = account("7", "eve@example.com", &[]);
    assert!(!standing(&named).super_admin, "the name that people see counts for nothing");
    assert!(standing(&account("7", "", &[])).groups.is_empty());
}

#[test]
fn super_admins_are_known_by_role_also_without_a_file() {
    let rules = Fixture::new([("webhooks.yaml", "panel: super-admin")]).rules();
    let with_role = |role: &str| {
        let account = Account { roles: vec!["default".into(), role.into()], ..Account::default() };
        rules.groups.standing(&Identity::Verified(Arc::new(account))).super_admin
    };
    assert!(with_role("super_admin"));
    assert!(!with_role("Super_Admin") && !with_role("default"));
}

#[test]
fn unknown_callers_are_judged_by_the_strictest_plan() {
    let rules = Fixture::new([("groups.yaml", GROUPS)]).rules();
    for identity in [Identity::Nobody, Identity::Unavailable] {
        assert_eq!(rules.groups.standing(&identity), Standing::UNKNOWN);
    }
}

#[test]
fn a_group_that_is_not_declared_makes_strict_unless_the_file_says_otherwise() {
    let ignoring = format!("{GROUPS}undeclared_groups: ignore\n");
    for (text, strict) in [(GROUPS, true), (ignoring.as_str(), false)] {
        let rules = Fixture::new([("groups.yaml", text)]).rules();
        let standing = rules.groups.standing(&account("7", "", &["supervisors", "night shift"]));
        assert_eq!((standing.strict, standing.undeclared), (strict, true));
        assert_eq!(standing.groups, in_groups(&rules, &["supervisors"]));
    }
    let without_file = Fixture::new([("webhooks.yaml", "panel: super-admin")]).rules();
    let standing = without_file.groups.standing(&account("7", "", &["night shift"]));
    assert!(!standing.strict && !standing.undeclared);
}

#[test]
fn more_groups_than_can_be_told_apart_are_refused() {
    let groups: String = (0..=1024).map(|n| format!("  g{n}: {{}}\n")).collect();
    let (rules, found) = Fixture::new([("groups.yaml", format!("groups:\n{groups}").as_str())]).compile();
    assert!(rules.is_none());
    assert_eq!(
        found.iter().map(|problem| (problem.code, problem.line)).collect::<Vec<_>>(),
        [("too-many-groups", 1026)]
    );
}

#[test]
fn an_entry_admits_by_address_group_and_day() {
    let rules = Fixture::new([
        ("groups.yaml", GROUPS),
        (
            "ip-whitelist.yaml",
            "addresses:
  - 203.0.113.0/24
  - { address: 198.51.100.0/24, groups: [supervisors] }
  - { address: 2001:db8:40::/48, expires: 2027-01-31 }
  - { address: 2001:db8:40::7, groups: [trainees], expires: 2027-02-28 }
",
        ),
    ])
    .rules();
    let whitelist = rules.ip_whitelist.as_ref().unwrap();
    assert_eq!(whitelist.rule.to_string(), "ip-whitelist.yaml:1");
    let admits =
        |address, names: &[&str], today| whitelist.admits(ip(address), &in_groups(&rules, names), today);
    for address in ["203.0.113.9", "::ffff:203.0.113.9", "64:ff9b::cb00:7109"] {
        assert!(admits(address, &[], TODAY) && whitelist.covers(ip(address), TODAY), "{address}");
    }
    assert!(!admits("203.0.114.9", &["supervisors"], TODAY) && !whitelist.covers(ip("203.0.114.9"), TODAY));

    assert!(whitelist.covers(ip("198.51.100.1"), TODAY), "the sign-in page opens before the caller is known");
    assert!(admits("198.51.100.1", &["trainees", "supervisors"], TODAY));
    assert!(!admits("198.51.100.1", &["trainees"], TODAY) && !admits("198.51.100.1", &[], TODAY));

    let (last, after) = (date(2027, 1, 31), date(2027, 2, 1));
    assert!(admits("2001:db8:40::1", &[], last) && !admits("2001:db8:40::1", &[], after));
    assert!(!whitelist.covers(ip("2001:db8:40::1"), after));
    assert!(admits("2001:db8:40::7", &["trainees"], after) && !admits("2001:db8:40::7", &[], after));
}

#[test]
fn a_million_networks_load_with_the_place_of_every_slip() {
    let lines = 1_000_000_u32;
    let mut list: String =
        (0..lines).map(|n| format!("10.{}.{}.{}\n", n >> 16, n >> 8 & 255, n & 255)).collect();
    let mut fixture = Fixture::new([("ip-whitelist.yaml", "lists: [lists/partners.txt]")]);
    fixture.lists.insert("lists/partners.txt".into(), list.clone().into());
    let rules = fixture.rules();
    let whitelist = rules.ip_whitelist.as_ref().unwrap();
    assert!(whitelist.covers(ip("10.0.0.0"), TODAY) && whitelist.covers(ip("10.15.66.63"), TODAY));
    assert!(!whitelist.covers(ip("10.15.66.64"), TODAY));

    list.push_str("10.0.0.1/8\n");
    fixture.lists.insert("lists/partners.txt".into(), list.into());
    let (rules, found) = fixture.compile();
    assert!(rules.is_none(), "a list with one bad line is refused whole");
    assert_eq!((&*found[0].file, found[0].line, found.len()), ("rules/lists/partners.txt", 1_000_001, 1));
}

#[test]
fn a_list_that_is_all_wrong_is_told_in_part() {
    let mut fixture = Fixture::new([("ip-whitelist.yaml", "lists: [lists/a.txt, lists/b.txt]")]);
    fixture.lists.insert("lists/a.txt".into(), "x\n".repeat(1000).into());
    fixture.lists.insert("lists/b.txt".into(), b"10.0.0.1\n\xff\xfe\n".to_vec());
    let (rules, found) = fixture.compile();
    assert!(rules.is_none());
    assert!(found.iter().any(|problem| problem.message == "900 more lines of the list are no networks"));
    assert!(found.iter().any(|problem| (problem.code, problem.line) == ("not-utf8", 2)));
}

#[test]
fn blocks_add_up_and_unknown_callers_get_all_of_them() {
    let text = "groups:
  - { group: trainees, block: [receive] }
  - { group: supervisors, block: [send] }
";
    let rules = Fixture::new([("groups.yaml", GROUPS), ("files.yaml", text)]).rules();
    let files = rules.files.as_ref().unwrap();
    let blocks = |who: &Standing, direction| files.blocks(who, direction).map(|rule| rule.line);
    let both = |who: &Standing| (blocks(who, Direction::Send), blocks(who, Direction::Receive));
    assert_eq!(both(&operator(&rules, &["trainees"])), (None, Some(2)));
    assert_eq!(both(&operator(&rules, &["trainees", "supervisors"])), (Some(3), Some(2)));
    assert_eq!(both(&operator(&rules, &[])), (None, None));
    assert_eq!(both(&Standing::UNKNOWN), (Some(3), Some(2)));
    assert_eq!(both(&SUPER_ADMIN), (None, None));
}

#[test]
fn the_star_is_every_operator() {
    let rules = Fixture::new([("files.yml", "groups:\n  - { group: \"*\", block: [send] }\n")]).rules();
    let files = rules.files.as_ref().unwrap();
    let rule = files.blocks(&operator(&rules, &[]), Direction::Send).unwrap();
    assert_eq!(rule.to_string(), "files.yml:2");
    assert_eq!(files.blocks(&SUPER_ADMIN, Direction::Send), None);
}

#[test]
fn downloads_name_the_line_that_decides() {
    let rules =
        Fixture::new([("downloads.yaml", "enabled: true\nemails: [archive@example.com]\ndirect: allow\n")])
            .rules();
    let downloads = rules.downloads.as_ref().unwrap();
    assert!(downloads.direct_allowed);
    assert_eq!((downloads.rule.line, downloads.direct_rule.line), (2, 3));
    let rules = Fixture::new([("downloads.yaml", "emails: [archive@example.com]\n")]).rules();
    let downloads = rules.downloads.as_ref().unwrap();
    assert!(!downloads.direct_allowed);
    assert_eq!((downloads.rule.line, downloads.direct_rule.line), (1, 1));
}

#[test]
fn contact_data_is_hidden_from_all_but_exempt_groups_and_super_admins() {
    let rules =
        Fixture::new([("groups.yaml", GROUPS), ("personal-data.yaml", "exempt_groups: [supervisors]")])
            .rules();
    let rule = rules.personal_data.as_ref().unwrap();
    assert!(rule.hides_from(&operator(&rules, &[])) && rule.hides_from(&operator(&rules, &["trainees"])));
    assert!(!rule.hides_from(&operator(&rules, &["trainees", "supervisors"])), "one exempt group suffices");
    assert!(rule.hides_from(&Standing { strict: true, ..operator(&rules, &["supervisors"]) }));
    assert!(rule.hides_from(&Standing::UNKNOWN) && !rule.hides_from(&SUPER_ADMIN));
}

const ANSWER: &str =
    r#"{"phone": "+37061234507", "number": "+37069876507", "avatar": "a.png", "file_url": "f.pdf"}"#;

/// The answer under a plan, which must be there.
fn masked(rules: &Rules, scope: usize, contacts: bool, links: bool) -> String {
    let plan = rules.plans.plan(scope, contacts, links).unwrap();
    let (mut redactor, mut out) = (Redactor::json(Arc::clone(plan)), Vec::new());
    redactor.write(ANSWER.as_bytes(), &mut out).unwrap();
    redactor.finish(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn every_scope_has_its_plans() {
    let text = "hide_avatars: false\ndisplay: { phone: partial }";
    let rules = Fixture::new([("personal-data.yaml", text)]).rules();
    let phone = r#""phone": "+•••••••07""#;
    assert_eq!(masked(&rules, 0, true, false), ANSWER.replacen(r#""phone": "+37061234507""#, phone, 1));
    let scoped = ANSWER.replace("+37061234507", "+•••••••07").replace("+37069876507", "+•••••••07");
    assert_eq!(masked(&rules, 1, true, false), scoped);
    assert_eq!(masked(&rules, 1, true, true), scoped.replace("f.pdf", ""));
    assert_eq!(masked(&rules, 1, false, true), ANSWER.replace("f.pdf", ""));
    assert!(rules.plans.plan(0, false, false).is_none() && rules.plans.plan(9, true, true).is_none());
}

#[test]
fn pictures_are_hidden_unless_the_file_says_otherwise() {
    let rules = Fixture::new([("personal-data.yaml", "enabled: true")]).rules();
    assert!(masked(&rules, 0, true, false).contains("/.chatwarden/avatar/"));
}

#[test]
fn where_contact_data_is_not_governed_only_links_have_plans() {
    let rules = Fixture::new([("personal-data.yaml", "enabled: false")]).rules();
    assert!(rules.personal_data.is_none() && rules.plans.plan(0, true, false).is_none());
    assert_eq!(masked(&rules, 0, true, true), ANSWER.replace("f.pdf", ""));
}

#[test]
fn a_plan_that_is_too_large_is_refused() {
    let fields: Vec<String> = (0..3000).map(|n| format!("\"$..a.b{n}\"")).collect();
    let mut fixture = Fixture::new([("personal-data.yaml", "enabled: true")]);
    fixture.profile = profile(&format!("app: x\ncontact_fields:\n  phone: [{}]\n", fields.join(", ")));
    let (rules, found) = fixture.compile();
    assert!(rules.is_none());
    assert_eq!(found.iter().map(|problem| problem.code).collect::<Vec<_>>(), ["plan-too-large"]);
}

#[test]
fn hosts_embed_the_named_areas_alone() {
    let text = "hosts: [https://crm.example.com, \"https://*.Creatio.com\", \"http://localhost:8081\"]\nareas: [client_card]";
    let rules = Fixture::new([("iframe.yaml", text)]).rules();
    let iframe = rules.iframe.as_ref().unwrap();
    let open = "'self' https://crm.example.com https://*.creatio.com http://localhost:8081";
    assert_eq!(&**iframe.ancestors(Some("client_card")), open);
    assert_eq!(&**iframe.ancestors(Some("settings")), "'self'");
    assert_eq!(&**iframe.ancestors(None), "'self'");
    assert!(iframe.allows_hosts(Some("client_card")) && !iframe.allows_hosts(None));

    let rules = Fixture::new([("iframe.yaml", "hosts: [https://crm.example.com]")]).rules();
    assert!(rules.iframe.as_ref().unwrap().allows_hosts(None));
    let rules = Fixture::new([("iframe.yaml", "hosts: []")]).rules();
    let iframe = rules.iframe.as_ref().unwrap();
    assert_eq!(&**iframe.ancestors(None), "'self'");
    assert!(!iframe.allows_hosts(None));
}

#[test]
fn the_log_records_types_patterns_and_views() {
    let records = |text: &str, action_type: &str| {
        let rules = Fixture::new([("action-log.yaml", text)]).rules();
        rules.action_log.unwrap().records(action_type)
    };
    for (text, action_type, expected) in [
        ("enabled: true", "operator.create", true),
        ("enabled: true", "client.view", false),
        ("enabled: true", "client.view.denied", false),
        ("views: true", "client.view", true),
        ("types: [sign_in]", "sign_in", true),
        ("types: [sign_in]", "sign_in.denied", false),
        ("types: [operator.*]", "operator.create.denied", true),
        ("types: [operator.*]", "operators", false),
        ("types: [\"*.denied\"]", "file.send.denied", true),
        ("types: [\"*.denied\"]", "file.send", false),
    ] {
        assert_eq!(records(text, action_type), expected, "{text} {action_type}");
    }
    let rules = Fixture::new([("action-log.yaml", "keep: 72h")]).rules();
    assert_eq!(rules.action_log.unwrap().keep_days, 3);
}

#[test]
fn what_became_of_each_kind_is_told() {
    let rules = Fixture::new([
        ("files.yaml", "enabled: false"),
        ("webhooks.yaml", "mode: monitor"),
        ("action-log.yaml", "types: all"),
    ])
    .rules();
    let told: Vec<String> = rules.states.iter().map(|(kind, state)| format!("{kind} {state}")).collect();
    let expected = "groups off (no file), ip-whitelist off (no file), files off, downloads off (no file), \
                    personal-data off (no file), iframe off (no file), webhooks monitor, action-log on";
    assert_eq!(told.join(", "), expected);
    assert_eq!(rules.in_force(), [Kind::Webhooks, Kind::ActionLog]);
    assert_eq!(rules.webhooks.unwrap().mode, Mode::Monitor);
}

#[test]
fn what_is_turned_off_may_not_disappear_silently_again() {
    let mut fixture = Fixture::new([("webhooks.yaml", "enabled: false")]);
    fixture.in_force = vec![Kind::Webhooks];
    assert!(fixture.rules().webhooks.is_none(), "a file that says so turns a setting in force off");
}

#[test]
fn editors_get_a_schema_of_every_kind() {
    for kind in Kind::ALL {
        let schema = kind.schema();
        assert_eq!(schema["$id"], format!("{kind}.schema.json"));
        assert_eq!(schema["additionalProperties"], false);
        let properties = schema["properties"].as_object().unwrap();
        assert!(properties.values().all(|property| property["description"].is_string()), "{kind}");
        assert_eq!(properties.contains_key("enabled"), kind != Kind::Groups, "{kind}");
        assert!(!properties.contains_key("deliver") && !properties.contains_key("strict"), "{kind}");
        assert_eq!(Kind::from_name(kind.name()), Some(kind));
        assert_eq!(kind.file_name(), format!("{kind}.yaml"));
        assert_eq!(kind.short_file_name(), format!("{kind}.yml"));
    }
}

#[test]
fn codes_are_kebab_case_and_stand_once() {
    let mut seen = std::collections::BTreeSet::new();
    for (code, meaning) in CODES {
        assert!(code.bytes().all(|byte| byte == b'-' || byte.is_ascii_alphanumeric()), "{code}");
        assert!(seen.insert(code) && !meaning.is_empty(), "{code}");
    }
}

#[test]
fn a_slip_anywhere_is_told_or_harmless() {
    let texts = [
        ("groups.yaml", GROUPS),
        (
            "ip-whitelist.yaml",
            "addresses: [203.0.113.0/24, { address: 2001:db8::/48, groups: [trainees], expires: 2027-01-31 }]
lists: [a.txt]
examples: [{ from: 203.0.113.9, group: trainees, expect: allowed }]
",
        ),
        (
            "files.yaml",
            "groups: [{ group: trainees, block: [send] }]
examples: [{ group: trainees, does: send, expect: refused }]
",
        ),
        (
            "downloads.yaml",
            "emails: [\"*@legal.example.com\"]
direct: block
examples: [{ to: [\"Ann <ann@legal.example.com>\"], expect: allowed }]
",
        ),
        (
            "personal-data.yaml",
            "exempt_groups: [supervisors]
display: { name: partial }
examples: [{ group: trainees, phone: \"+37061234567\", expect: hidden }]
",
        ),
        (
            "iframe.yaml",
            "hosts: [\"https://*.example.com:8443\"]
areas: [client_card]
examples: [{ page: \"https://a.example.com:8443\", area: client_card, expect: allowed }]
",
        ),
        ("webhooks.yaml", "mode: monitor\npanel: super-admin\n"),
        ("action-log.yaml", "keep: 365d\ntypes: [operator.*, \"*.denied\"]\nviews: true\n"),
    ];
    for (name, text) in texts {
        let mut fixture = Fixture::new([("groups.yaml", GROUPS), (name, text)]);
        fixture.lists.insert("a.txt".into(), b"198.51.100.0/24 # partners\n".to_vec());
        fixture.rules();
        for at in 0..text.len() {
            for slip in ["", "*"] {
                let slipped = format!("{}{slip}{}", &text[..at], &text[at + 1..]);
                fixture.files.insert(name.to_owned(), slipped.into());
                let (rules, found) = fixture.compile();
                let is_refused = found.iter().any(|problem| problem.severity == Severity::Error);
                assert_eq!(rules.is_none(), is_refused, "{name} {at} {slip:?}");
                for problem in &found {
                    assert!(CODES.iter().any(|(code, _)| *code == problem.code), "{}", problem.code);
                }
            }
        }
    }
}

#[test]
fn the_shipped_rules_are_right_without_a_word() {
    let mut fixture = Fixture::new([
        ("groups.yaml", include_str!("../../../../../rules/groups.yaml")),
        ("ip-whitelist.yaml", include_str!("../../../../../rules/ip-whitelist.yaml")),
        ("files.yaml", include_str!("../../../../../rules/files.yaml")),
        ("downloads.yaml", include_str!("../../../../../rules/downloads.yaml")),
        ("personal-data.yaml", include_str!("../../../../../rules/personal-data.yaml")),
        ("iframe.yaml", include_str!("../../../../../rules/iframe.yaml")),
        ("webhooks.yaml", include_str!("../../../../../rules/webhooks.yaml")),
        ("action-log.yaml", include_str!("../../../../../rules/action-log.yaml")),
    ]);
    let partners = include_str!("../../../../../rules/lists/partners.txt");
    fixture.lists.insert("lists/partners.txt".into(), partners.into());
    for text in [
        include_str!("../../../../../profiles/blinger.yaml"),
        include_str!("../../../../../profiles/generic.yaml"),
    ] {
        fixture.profile = profile(text);
        let (rules, found) = fixture.compile();
        let told: String = found.iter().map(ToString::to_string).collect();
        assert_eq!(told, "");
        assert!(rules.is_some_and(|rules| rules.states.iter().all(|(_, state)| *state == State::On)));
    }
}
