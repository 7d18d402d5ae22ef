//! Case files of what `check` says, and the behaviour of compiled rules.

mod behaviour;
mod cases;
mod plans;

use std::collections::BTreeMap;

use chatwarden_redact::{AliasKey, KeyRing, MemoryVault, Vault};
use jiff::civil::{Date, date};

use super::*;
use crate::{diagnostic::Severity, profile::Profile};

const TODAY: Date = date(2026, 11, 22);

const PROFILE: &str = r#"
app: sample
contact_fields:
  phone: ["$..phone", { path: $..number, routes: ["GET /api/users/**"] }]
  name: ["$..client_name"]
  avatar: ["$..avatar"]
file_urls: ["$..file_url"]
actions:
  - { type: note.create, route: "POST /api/notes" }
areas: { client_card: ["GET /clients/{id}"] }
"#;

/// A set of rule files, and what it is compiled against.
struct Fixture {
    files: BTreeMap<String, Vec<u8>>,
    lists: BTreeMap<String, Vec<u8>>,
    profile: Profile,
    in_force: Vec<Kind>,
    settings: Option<Vec<Kind>>,
    today: Date,
    vault: Arc<dyn Vault>,
}

impl Fixture {
    fn new<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Fixture {
        Fixture {
            files: files.into_iter().map(|(name, text)| (name.to_owned(), text.into())).collect(),
            lists: BTreeMap::new(),
            profile: profile(PROFILE),
            in_force: Vec::new(),
            settings: None,
            today: TODAY,
            vault: Arc::new(MemoryVault::new(1 << 20)),
        }
    }

    fn compile(&self) -> (Option<Rules>, Vec<Diagnostic>) {
        let lists = |path: &str| self.lists.get(path).cloned().ok_or_else(|| "no such file".to_owned());
        let sources = RuleSources { files: self.files.clone(), lists: &lists };
        let keys = Arc::new(KeyRing::from(AliasKey::new(&[7; 32]).unwrap()));
        let context = Context {
            proxies: &["fd00:77::/64".parse().unwrap()],
            profile: &self.profile,
            keys: &keys,
            vault: &self.vault,
            super_admin_roles: &["super_admin".to_owned()],
            settings: self.settings.as_deref(),
            today: self.today,
            in_force: &self.in_force,
            dir: "rules",
        };
        compile(&sources, &context)
    }

    /// The rules, which must be right.
    fn rules(&self) -> Rules {
        let (rules, found) = self.compile();
        let shown: String = found.iter().map(ToString::to_string).collect();
        rules.unwrap_or_else(|| panic!("{shown}"))
    }
}

fn profile(text: &str) -> Profile {
    let parsed = Profile::parse("profiles/sample.yaml", text.as_bytes(), &|_| None);
    parsed.unwrap_or_else(|errors| panic!("{errors:?}")).0
}
