//! What does the decision about one request cost, with the shipped rules and profile?
//!
//! `classify` finds the route, `evaluate` judges; both run for every request, so their sum is the figure to watch.
#![expect(clippy::unwrap_used, reason = "the inputs are fixed")]

use std::{collections::BTreeMap, hint::black_box, sync::Arc};

use chatwarden_policy::{
    account::{Account, ClientIp, Identity},
    path::CanonicalPath,
    policy::Policy,
    profile::Profile,
    rules::{Context, RuleSources, compile},
    verdict::Facts,
};
use chatwarden_redact::{AliasKey, KeyRing, MemoryVault, Vault};
use criterion::{Criterion, criterion_group, criterion_main};
use jiff::civil::date;

fn decisions(criterion: &mut Criterion) {
    let policy = policy();
    let operator = |groups: &[&str]| {
        Identity::Verified(Arc::new(Account {
            id: "1003".to_owned(),
            email: Some("anna@example.com".to_owned()),
            roles: vec!["operator".to_owned()],
            groups: groups.iter().map(|group| (*group).to_owned()).collect(),
            ..Account::default()
        }))
    };
    let requests = [
        ("inbox of a trainee", operator(&["Trainees"]), "GET", "/api/conversations"),
        ("card for a supervisor", operator(&["Supervisors", "Support"]), "GET", "/api/users/501"),
        ("file for a trainee", operator(&["Trainees"]), "GET", "/files/invoice.pdf"),
        ("script for nobody", Identity::Nobody, "GET", "/assets/app.js"),
        ("widget of a client", Identity::Nobody, "POST", "/widget/messages"),
    ];
    let mut group = criterion.benchmark_group("decision");
    for (name, identity, method, path) in &requests {
        let path = CanonicalPath::parse(path).unwrap();
        let facts = Facts {
            client_ip: ClientIp::new([203, 0, 113, 9].into()),
            identity,
            method,
            path: &path,
            content_type: None,
            body: false,
            today: date(2026, 11, 22),
        };
        group.bench_function(*name, |bencher| {
            bencher.iter(|| {
                let classified = policy.profile.classify(black_box(method), black_box(&path));
                policy.evaluate(black_box(&facts), &classified)
            });
        });
    }
}

/// The rules and the profile that the repository ships.
fn policy() -> Policy {
    let files = [
        ("action-log.yaml", &include_bytes!("../rules/action-log.yaml")[..]),
        ("downloads.yaml", include_bytes!("../rules/downloads.yaml")),
        ("files.yaml", include_bytes!("../rules/files.yaml")),
        ("groups.yaml", include_bytes!("../rules/groups.yaml")),
        ("iframe.yaml", include_bytes!("../rules/iframe.yaml")),
        ("ip-whitelist.yaml", include_bytes!("../rules/ip-whitelist.yaml")),
        ("personal-data.yaml", include_bytes!("../rules/personal-data.yaml")),
        ("webhooks.yaml", include_bytes!("../rules/webhooks.yaml")),
    ];
    let files: BTreeMap<String, Vec<u8>> =
        files.into_iter().map(|(name, bytes)| (name.to_owned(), bytes.to_vec())).collect();
    let profile = include_bytes!("../profiles/blinger.yaml");
    let (profile, _) = Profile::parse("blinger.yaml", profile, &|_| None).unwrap();
    let lists = |_: &str| Ok(include_bytes!("../rules/lists/partners.txt").to_vec());
    let keys = Arc::new(KeyRing::from(AliasKey::new(&[7; 32]).unwrap()));
    let vault: Arc<dyn Vault> = Arc::new(MemoryVault::new(1 << 20));
    let context = Context {
        proxies: &[],
        profile: &profile,
        keys: &keys,
        vault: &vault,
        super_admin_roles: &["super_admin".to_owned()],
        settings: None,
        today: date(2026, 11, 22),
        in_force: &[],
        dir: "rules",
    };
    let (rules, _) = compile(&RuleSources { files, lists: &lists }, &context);
    Policy { rules: rules.unwrap(), profile: Arc::new(profile) }
}

criterion_group!(benches, decisions);
criterion_main!(benches);
