//! `groups.yaml`: the known operator groups, who is in them, and the super-admins.
//!
//! Names of groups compare trimmed, NFC and case-folded. Accounts match by id or verified e-mail address, never by
//! the name that people see, and no letter outside of ASCII is ever equal to one inside: `admın@` is not `admin@`.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
};

use unicode_normalization::UnicodeNormalization;

use super::load::{EVERYONE, RuleFile, Seen};
use crate::{
    account::{GroupSet, Identity, MAX_GROUPS, Standing},
    diagnostic::{Diagnostic, Diagnostics, quote},
    shape::{Field, Shape, Word},
    suggest::nearest,
    yaml::Node,
};

/// The declared groups and what is known of accounts.
#[derive(Debug)]
pub struct Groups {
    source: Source,
    /// The names as written; their place is the group's index.
    names: Vec<String>,
    by_name: HashMap<Box<str>, usize>,
    /// The groups of an account, by their index.
    members: HashMap<Box<str>, Vec<usize>>,
    super_admins: HashSet<Box<str>>,
    super_admin_roles: Vec<String>,
    ignore_undeclared: bool,
}

/// Where the groups come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    File,
    NoFile,
    /// A file that is no YAML: what it declares is unknown.
    Unreadable,
}

impl Groups {
    /// The standing of a caller.
    pub fn standing(&self, identity: &Identity) -> Standing {
        let Identity::Verified(account) = identity else { return Standing::UNKNOWN };
        let mut standing =
            Standing { super_admin: false, groups: GroupSet::EMPTY, strict: false, undeclared: false };
        standing.super_admin = account.roles.iter().any(|role| self.super_admin_roles.contains(role));
        for name in [Some(&account.id), account.email.as_ref()].into_iter().flatten() {
            let key = account_key(name);
            standing.super_admin |= self.super_admins.contains(&*key);
            for &index in self.members.get(&*key).into_iter().flatten() {
                standing.groups.insert(index);
            }
        }
        for name in &account.groups {
            match self.index(name) {
                Some(index) => standing.groups.insert(index),
                // Without the file there is nothing that a group could mean, so none is amiss.
                None => standing.undeclared |= self.source == Source::File,
            }
        }
        standing.strict = standing.undeclared && !self.ignore_undeclared;
        standing
    }

    /// The index of a declared group.
    pub fn index(&self, name: &str) -> Option<usize> {
        // Most names are spelled as declared; only others are folded.
        self.by_name.get(name).or_else(|| self.by_name.get(&*group_key(name))).copied()
    }

    /// The declared names, in the order of the file.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    pub(super) fn absent(super_admin_roles: &[String]) -> Groups {
        Groups {
            source: Source::NoFile,
            names: Vec::new(),
            by_name: HashMap::new(),
            members: HashMap::new(),
            super_admins: HashSet::new(),
            super_admin_roles: super_admin_roles.to_vec(),
            ignore_undeclared: false,
        }
    }

    pub(super) fn unreadable() -> Groups {
        Groups { source: Source::Unreadable, ..Groups::absent(&[]) }
    }

    /// Whether it can be said which groups are declared.
    pub(super) fn is_readable(&self) -> bool {
        self.source != Source::Unreadable
    }

    pub(super) fn compile(
        file: &RuleFile<'_>,
        super_admin_roles: &[String],
        found: &mut Diagnostics,
    ) -> Groups {
        let mut groups = Groups { source: Source::File, ..Groups::absent(super_admin_roles) };
        groups.ignore_undeclared = file.get("undeclared_groups").and_then(Node::as_str) == Some("ignore");
        groups.declare(file, found);
        groups.name_super_admins(file, found);
        groups
    }

    fn declare(&mut self, file: &RuleFile<'_>, found: &mut Diagnostics) {
        let mut seen = Seen::default();
        for entry in file.get("groups").into_iter().flat_map(Node::entries) {
            let key = group_key(entry.key);
            if key == EVERYONE {
                let error = entry.error("reserved-group", "`*` stands for every operator and is no group");
                found.push(error.help("give the group a name"));
                continue;
            }
            if let Some(line) = seen.again(key.clone(), entry.line()) {
                let message = format!("{} is the same group as the one in line {line}", quote(entry.key));
                let error = entry.error("duplicate-group", message);
                found.push(error.help("names compare without case and without spaces around them"));
                continue;
            }
            let index = self.names.len();
            if index == MAX_GROUPS {
                let message = format!("more than {MAX_GROUPS} groups");
                found.push(entry.error("too-many-groups", message));
                return;
            }
            self.names.push(entry.key.trim().to_owned());
            self.by_name.insert(entry.key.into(), index);
            self.by_name.insert(key.into(), index);
            let mut members = Seen::default();
            for node in entry.value.get("members").into_iter().flat_map(Node::items) {
                if let Some(key) = account(node, &mut members, found) {
                    self.members.entry(key).or_default().push(index);
                }
            }
        }
    }

    fn name_super_admins(&mut self, file: &RuleFile<'_>, found: &mut Diagnostics) {
        let mut seen = Seen::default();
        let accounts = file.items("super_admins").filter_map(|node| account(node, &mut seen, found));
        self.super_admins = accounts.collect();
    }

    /// What is said of a group that a rule names and nothing declares.
    pub(super) fn unknown(&self, node: Node<'_>, name: &str) -> Diagnostic {
        if name == EVERYONE {
            let error =
                node.error("unknown-group", "`*` is no group: only files.yaml takes it for every operator");
            return error.help("name the groups");
        }
        let declaration = quote(&format!("{}: {{}}", name.trim()));
        if self.source == Source::NoFile {
            let message = format!("the group {} is not declared: there is no groups.yaml", quote(name));
            let help = format!("make groups.yaml with {declaration} under `groups:`");
            return node.error("unknown-group", message).help(help);
        }
        let message = format!("the group {} is not declared in groups.yaml", quote(name));
        let help = match nearest(name, self.names()) {
            Some(known) => format!("did you mean {}?", quote(known)),
            None => format!("declare it there: {declaration} under `groups:`"),
        };
        node.error("unknown-group", message).help(help)
    }
}

/// An account as a file names it. A repeated one is worth a word; one that can match nobody is an error.
fn account(node: Node<'_>, seen: &mut Seen<Box<str>>, found: &mut Diagnostics) -> Option<Box<str>> {
    let text = node.as_str().filter(|text| !text.trim().is_empty())?;
    if text.contains('*') {
        let error = node.error("wildcard-account", "a pattern is no account");
        found.push(error.help("name each account by its id or e-mail address"));
        return None;
    }
    let key: Box<str> = account_key(text).into();
    if let Some(line) = seen.again(key.clone(), node.line()) {
        let message = format!("this account stands in the list already, in line {line}");
        found.push(node.warning("repeated-account", message));
    }
    Some(key)
}

/// What names of groups are compared by.
fn group_key(name: &str) -> String {
    // Upper and then lower case is the fold in which `ß` is `ss` and both sigmas are one.
    name.trim().nfc().flat_map(char::to_uppercase).flat_map(char::to_lowercase).nfc().collect()
}

/// What ids and e-mail addresses of accounts are compared by.
fn account_key(text: &str) -> Cow<'_, str> {
    let text = text.trim();
    if text.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase()) {
        return Cow::Borrowed(text);
    }
    if text.is_ascii() {
        return Cow::Owned(text.to_ascii_lowercase());
    }
    let lower = |c: char| {
        let mut letters = c.to_lowercase();
        match (letters.next(), letters.next()) {
            // The Kelvin sign is no `k`.
            (Some(lower), None) if c.is_ascii() || !lower.is_ascii() => lower,
            (Some(_) | None, _) => c,
        }
    };
    let folded = |text: &str| text.chars().map(lower).collect::<String>();
    let international = text.rsplit_once('@').and_then(|(local, domain)| {
        let domain = idna::domain_to_ascii(domain).ok()?;
        Some(format!("{}@{domain}", folded(local)))
    });
    Cow::Owned(international.unwrap_or_else(|| folded(text)))
}

pub(super) const SHAPE: Shape = Shape::Object(&[
    Field::new(
        "groups",
        "The operator groups by name. Every group that a rule names must be declared here.",
        Shape::Map {
            key: "a group's name",
            of: &Shape::Object(&[Field::new(
                "members",
                "Who is in the group besides those of whom the app says so: account ids or verified e-mail \
                 addresses, never names.",
                Shape::List(&ACCOUNT),
            )
            .default("[]")]),
        },
    )
    .default("{}"),
    Field::new(
        "super_admins",
        "Accounts with full access, by id or verified e-mail address, besides those whose role says so.",
        Shape::List(&ACCOUNT),
    )
    .default("[]"),
    Field::new(
        "undeclared_groups",
        "What an account is worth that carries a group which is not declared here.",
        Shape::Words(&[
            Word::new("strict", "It gets the blocks of all groups and no exemption."),
            Word::new("ignore", "The group counts for nothing."),
        ]),
    )
    .default("strict"),
]);

const ACCOUNT: Shape = Shape::Text("an account's id or e-mail address");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_groups_compare_trimmed_normal_and_folded() {
        for (one, other) in [
            ("Trainees", " trainees "),
            ("STRASSE", "straße"),
            ("ΟΔΟΣ", "οδος"),
            ("Vilnius\u{301}", "vilniu\u{15b}"),
        ] {
            assert_eq!(group_key(one), group_key(other), "{one}");
        }
        assert_ne!(group_key("a b"), group_key("ab"));
    }

    #[test]
    fn accounts_compare_without_case_and_without_look_alikes() {
        assert_eq!(account_key(" Anna@Example.COM "), "anna@example.com");
        assert_eq!(account_key("ÄNNA@MÜNCHEN.de"), "änna@xn--mnchen-3ya.de");
        assert_eq!(account_key("1043"), "1043");
        assert_ne!(account_key("\u{212a}im@example.com"), "kim@example.com");
        assert_ne!(account_key("adm\u{131}n@example.com"), "admin@example.com");
        assert_ne!(account_key("ADM\u{130}N@example.com"), "admin@example.com");
    }
}
