//! Rule files: what the admins want, read, checked and compiled whole.
//!
//! One file per setting, in business words. `compile` takes the bytes of the directory and gives rules or every
//! problem of every file at once; nothing of a set with an error is used. What a compiled rule answers is pure: no
//! clock, no files, no allocation in the way of a request. Routes and fields are the profile's business.

mod action_log;
mod codes;
mod downloads;
mod files;
mod groups;
mod iframe;
mod ip_whitelist;
mod load;
mod personal_data;
mod plans;
mod webhooks;

#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, fmt, sync::Arc};

use chatwarden_redact::{KeyRing, Vault};
use ipnet::IpNet;
use jiff::civil::Date;
use serde::{Serialize, Serializer};

pub use self::{
    action_log::ActionLog, codes::CODES, downloads::Downloads, files::Files, groups::Groups, iframe::Iframe,
    ip_whitelist::IpWhitelist, personal_data::PersonalData, plans::Plans, webhooks::Webhooks,
};
use crate::{diagnostic::Diagnostic, profile::Profile, schema::json_schema, shape::Shape};

/// Everything that the rule files of one directory say.
#[derive(Debug)]
pub struct Rules {
    /// The operator groups; there, if empty, also without a file.
    pub groups: Groups,
    /// Who may come in; `None` where the setting is off.
    pub ip_whitelist: Option<IpWhitelist>,
    /// Who may send and receive files.
    pub files: Option<Files>,
    /// Where conversations may be downloaded to.
    pub downloads: Option<Downloads>,
    /// From whom contact data is hidden.
    pub personal_data: Option<PersonalData>,
    /// Who may embed the application.
    pub iframe: Option<Iframe>,
    /// Who opens the webhooks panel.
    pub webhooks: Option<Webhooks>,
    /// What is recorded.
    pub action_log: Option<ActionLog>,
    /// What is hidden, compiled for every combination that a request can need.
    pub plans: Plans,
    /// What became of each kind of file, in the order of `Kind::ALL`.
    pub states: Vec<(Kind, State)>,
}

impl Rules {
    /// The kinds whose file may not disappear while these rules run.
    pub fn in_force(&self) -> Vec<Kind> {
        let governs = |state: &State| matches!(state, State::On | State::Monitor);
        self.states.iter().filter(|(_, state)| governs(state)).map(|(kind, _)| *kind).collect()
    }
}

/// Reads, checks and compiles a set of rule files.
///
/// There are rules unless a diagnostic is an error; warnings come along. Diagnostics are sorted by place.
pub fn compile(sources: &RuleSources<'_>, context: &Context<'_>) -> (Option<Rules>, Vec<Diagnostic>) {
    load::compile(sources, context)
}

/// Whether a file of the directory is read as a rule file: `*.yaml` or `*.yml`, and not hidden.
pub fn is_rule_file(name: &str) -> bool {
    !name.starts_with('.') && (name.ends_with(".yaml") || name.ends_with(".yml"))
}

/// The bytes of a directory of rules.
pub struct RuleSources<'a> {
    /// The files directly in the directory, by name; those that are no rule files by their name are left alone.
    pub files: BTreeMap<String, Vec<u8>>,
    /// Reads a list by its path relative to the directory, or says why that is impossible.
    pub lists: &'a dyn Fn(&str) -> Result<Vec<u8>, String>,
}

impl fmt::Debug for RuleSources<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RuleSources")
            .field("files", &self.files.keys().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

/// What rules are compiled against.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// How the application spells things.
    pub profile: &'a Profile,
    /// The networks of proxies whose word about the client is believed.
    pub proxies: &'a [IpNet],
    /// The keys that aliases are made with and known by.
    pub keys: &'a Arc<KeyRing>,
    /// Where what aliases stand for is kept.
    pub vault: &'a Arc<dyn Vault>,
    /// The roles that make a super-admin, by config.yaml.
    pub super_admin_roles: &'a [String],
    /// The settings that admins may use; `None` for all.
    pub settings: Option<&'a [Kind]>,
    /// Today, UTC.
    pub today: Date,
    /// The kinds that are in force now: their file may not disappear.
    pub in_force: &'a [Kind],
    /// The directory as diagnostics print it, such as `rules`.
    pub dir: &'a str,
}

/// The kinds of rule files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// `groups.yaml`.
    Groups,
    /// `ip-whitelist.yaml`.
    IpWhitelist,
    /// `files.yaml`.
    Files,
    /// `downloads.yaml`.
    Downloads,
    /// `personal-data.yaml`.
    PersonalData,
    /// `iframe.yaml`.
    Iframe,
    /// `webhooks.yaml`.
    Webhooks,
    /// `action-log.yaml`.
    ActionLog,
}

impl Kind {
    /// Every kind, in the order of the documentation.
    pub const ALL: [Kind; 8] = [
        Kind::Groups,
        Kind::IpWhitelist,
        Kind::Files,
        Kind::Downloads,
        Kind::PersonalData,
        Kind::Iframe,
        Kind::Webhooks,
        Kind::ActionLog,
    ];

    /// The name, as `settings:` of config.yaml and the command line spell it.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Groups => "groups",
            Kind::IpWhitelist => "ip-whitelist",
            Kind::Files => "files",
            Kind::Downloads => "downloads",
            Kind::PersonalData => "personal-data",
            Kind::Iframe => "iframe",
            Kind::Webhooks => "webhooks",
            Kind::ActionLog => "action-log",
        }
    }

    /// The kind of a name.
    pub fn from_name(name: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The file's name.
    pub const fn file_name(self) -> &'static str {
        match self {
            Kind::Groups => "groups.yaml",
            Kind::IpWhitelist => "ip-whitelist.yaml",
            Kind::Files => "files.yaml",
            Kind::Downloads => "downloads.yaml",
            Kind::PersonalData => "personal-data.yaml",
            Kind::Iframe => "iframe.yaml",
            Kind::Webhooks => "webhooks.yaml",
            Kind::ActionLog => "action-log.yaml",
        }
    }

    /// The file's other name, with the short ending.
    pub const fn short_file_name(self) -> &'static str {
        match self {
            Kind::Groups => "groups.yml",
            Kind::IpWhitelist => "ip-whitelist.yml",
            Kind::Files => "files.yml",
            Kind::Downloads => "downloads.yml",
            Kind::PersonalData => "personal-data.yml",
            Kind::Iframe => "iframe.yml",
            Kind::Webhooks => "webhooks.yml",
            Kind::ActionLog => "action-log.yml",
        }
    }

    /// What a file of this kind may say.
    pub const fn shape(self) -> &'static Shape {
        match self {
            Kind::Groups => &groups::SHAPE,
            Kind::IpWhitelist => &ip_whitelist::SHAPE,
            Kind::Files => &files::SHAPE,
            Kind::Downloads => &downloads::SHAPE,
            Kind::PersonalData => &personal_data::SHAPE,
            Kind::Iframe => &iframe::SHAPE,
            Kind::Webhooks => &webhooks::SHAPE,
            Kind::ActionLog => &action_log::SHAPE,
        }
    }

    /// One sentence about the setting, for people.
    pub const fn title(self) -> &'static str {
        match self {
            Kind::Groups => "Operator groups and super-admins",
            Kind::IpWhitelist => "The network addresses that operators come in from",
            Kind::Files => "The operator groups that may not send or receive files",
            Kind::Downloads => "The e-mail addresses that conversations may be downloaded to",
            Kind::PersonalData => "From whom clients' contact data is hidden",
            Kind::Iframe => "Who may embed the application",
            Kind::Webhooks => "Who may open the webhooks panel",
            Kind::ActionLog => "The log of what accounts did",
        }
    }

    /// The JSON Schema of the file, for editors.
    pub fn schema(self) -> serde_json::Value {
        json_schema(self.shape(), self.title(), &format!("{}.schema.json", self.name()))
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// Whether a rule is carried out or watched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// It is carried out.
    #[default]
    Enforce,
    /// It is judged and logged, not carried out.
    Monitor,
}

/// The way a file travels, seen from the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// To a client or into the application.
    Send,
    /// To the operator.
    Receive,
}

/// What became of a kind of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// In force.
    On,
    /// Judged and logged, not carried out.
    Monitor,
    /// Turned off in the file.
    Off,
    /// There is no file: the gateway does not govern the setting.
    NoFile,
}

impl State {
    /// The words that `check` and `/status` print.
    pub const fn words(self) -> &'static str {
        match self {
            State::On => "on",
            State::Monitor => "monitor",
            State::Off => "off",
            State::NoFile => "off (no file)",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())
    }
}

impl Serialize for State {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.words())
    }
}
