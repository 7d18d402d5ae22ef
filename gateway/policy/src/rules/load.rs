//! The compilation of a set of rule files, and what every kind of file has in common.
//!
//! Files are found, read, checked against their shape and handed to their setting; the problems of all of them come
//! together here. A setting reads what it can of a file that is not right, so that one save shows every slip.
//! Messages never repeat names, e-mail addresses or numbers of people: they also go to the log.

use std::{
    collections::{HashMap, hash_map::Entry},
    hash::Hash,
};

use super::{Context, Groups, Kind, Mode, Plans, RuleSources, Rules, State, is_rule_file};
use crate::{
    account::{GroupSet, Standing},
    diagnostic::{Diagnostic, Diagnostics, quote},
    reason::RuleRef,
    shape::{self, Field, Shape, Word},
    suggest::nearest,
    yaml::{Document, Node},
};

pub(super) fn compile(sources: &RuleSources<'_>, context: &Context<'_>) -> (Option<Rules>, Vec<Diagnostic>) {
    let mut set = Set { sources, context, found: Diagnostics::new(), states: Vec::new() };
    set.judge_names();
    let groups = set.groups();
    let ip_whitelist = set.setting(&groups);
    let files = set.setting(&groups);
    let downloads = set.setting(&groups);
    let personal_data = set.setting(&groups);
    let iframe = set.setting(&groups);
    let webhooks = set.setting(&groups);
    let action_log = set.setting(&groups);
    let plans = Plans::compile(context, personal_data.as_ref(), &mut set.found);
    let Set { found, states, .. } = set;
    let rules = Rules {
        groups,
        ip_whitelist,
        files,
        downloads,
        personal_data,
        iframe,
        webhooks,
        action_log,
        plans,
        states,
    };
    (Some(rules).filter(|_| !found.has_errors()), found.into_vec())
}

/// A setting that a rule file describes.
pub(super) trait Setting: Sized {
    /// The kind of its file.
    const KIND: Kind;

    /// Compiles the file as far as it can be read. What is wrong goes to `loading`; with an error nothing is used.
    fn compile(file: &RuleFile<'_>, loading: &mut Loading<'_>) -> Self;

    /// Judges an entry of `examples:` with the rule that serves.
    fn judge_example(&self, example: Example<'_>, loading: &mut Loading<'_>);
}

/// A rule file, read and compared with its shape.
#[derive(Debug)]
pub(super) struct RuleFile<'d> {
    name: &'static str,
    document: &'d Document,
    /// Whether its keys are as they should be, so that what is absent is meant to be absent.
    pub(super) clean: bool,
}

impl<'d> RuleFile<'d> {
    pub(super) fn get(&self, key: &str) -> Option<Node<'d>> {
        self.document.get(key)
    }

    /// The items of a list; none where it is absent.
    pub(super) fn items(&self, key: &str) -> impl Iterator<Item = Node<'d>> + use<'d> {
        self.document.get(key).into_iter().flat_map(Node::items)
    }

    /// The whole file.
    pub(super) fn root(&self) -> Node<'d> {
        self.document.root()
    }

    pub(super) fn is_enabled(&self) -> bool {
        self.flag("enabled", true)
    }

    pub(super) fn mode(&self) -> Mode {
        match self.get("mode").and_then(Node::as_str) {
            Some("monitor") => Mode::Monitor,
            Some(_) | None => Mode::Enforce,
        }
    }

    pub(super) fn flag(&self, key: &str, default: bool) -> bool {
        self.get(key).and_then(Node::as_bool).unwrap_or(default)
    }

    /// The line of a value.
    pub(super) fn rule(&self, node: Node<'_>) -> RuleRef {
        RuleRef { file: self.name, line: node.line() }
    }

    /// The line of the first of the keys that the file has, else the line where the file begins to speak.
    pub(super) fn rule_of(&self, keys: &[&str]) -> RuleRef {
        let entry = keys.iter().find_map(|key| self.root().entry(key));
        let line = entry.map_or_else(|| self.root().line(), |entry| entry.line());
        RuleRef { file: self.name, line }
    }

    /// The value of the first of the keys, else the whole file: where to point at what is absent.
    pub(super) fn node_of(&self, keys: &[&str]) -> Node<'d> {
        keys.iter().find_map(|key| self.get(key)).unwrap_or_else(|| self.root())
    }
}

/// What a setting may look at besides its file, and where its problems go.
pub(super) struct Loading<'a> {
    pub(super) context: &'a Context<'a>,
    pub(super) lists: &'a dyn Fn(&str) -> Result<Vec<u8>, String>,
    pub(super) groups: &'a Groups,
    /// The problems of the file at hand.
    pub(super) found: Diagnostics,
}

impl Loading<'_> {
    pub(super) fn report(&mut self, diagnostic: Diagnostic) {
        self.found.push(diagnostic);
    }

    /// The index of a group that a rule names, which must be declared.
    pub(super) fn group(&mut self, node: Node<'_>) -> Option<usize> {
        let name = node.as_str().filter(|name| !name.trim().is_empty())?;
        let found = self.groups.index(name);
        if found.is_none() && self.groups.is_readable() {
            self.report(self.groups.unknown(node, name));
        }
        found
    }

    /// The set of the groups that a list names.
    pub(super) fn group_set<'n>(&mut self, nodes: impl Iterator<Item = Node<'n>>) -> GroupSet {
        let mut set = GroupSet::EMPTY;
        let mut seen = Seen::default();
        for node in nodes {
            let Some(index) = self.group(node) else { continue };
            if let Some(line) = seen.again(index, node.line()) {
                let message =
                    format!("{} stands in this list already, in line {line}", quote(node.written()));
                self.report(node.warning("repeated-group", message));
            }
            set.insert(index);
        }
        set
    }

    /// Whether the enabled file has something in it; reports it where it has not.
    pub(super) fn refuse_empty(&mut self, file: &RuleFile<'_>, node: Node<'_>, message: &str, help: &str) {
        if file.clean && file.is_enabled() {
            self.report(node.error("setting-empty", message).help(help));
        }
    }
}

/// What stood where before, by line.
#[derive(Debug)]
pub(super) struct Seen<K>(HashMap<K, u32>);

impl<K> Default for Seen<K> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<K: Hash + Eq> Seen<K> {
    /// The line of the first that was equal; notes this one if there was none.
    pub(super) fn again(&mut self, key: K, line: u32) -> Option<u32> {
        match self.0.entry(key) {
            Entry::Occupied(first) => Some(*first.get()),
            Entry::Vacant(place) => {
                place.insert(line);
                None
            }
        }
    }
}

/// An entry of `examples:`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Example<'d> {
    pub(super) file: &'d RuleFile<'d>,
    pub(super) node: Node<'d>,
    /// Whether the file is right so far: only then can what it says be held against it.
    sound: bool,
}

impl<'d> Example<'d> {
    pub(super) fn get(self, key: &str) -> Option<Node<'d>> {
        self.node.get(key)
    }

    /// Compares the outcome with `expect`; `why` names the rule that decided.
    pub(super) fn expect(
        self,
        outcome: &str,
        why: impl FnOnce(&Loading<'_>) -> String,
        loading: &mut Loading<'_>,
    ) {
        let Some(expected) = self.get("expect").and_then(Node::as_str) else { return };
        if expected != outcome && self.sound {
            let message = format!("expected {expected}, but {}", why(loading));
            loading.report(self.node.error("example-failed", message));
        }
    }

    /// The standing of an operator who is in the example's group, or in none.
    ///
    /// `None` where the group is not declared, which is reported.
    pub(super) fn standing(self, loading: &mut Loading<'_>) -> Option<Standing> {
        let mut groups = GroupSet::EMPTY;
        if let Some(node) = self.get("group").filter(|node| node.as_str() != Some(EVERYONE)) {
            groups.insert(loading.group(node)?);
        }
        Some(Standing { super_admin: false, groups, strict: false, undeclared: false })
    }

    /// The example's operator in words.
    pub(super) fn operator(self) -> String {
        match self.get("group").and_then(Node::as_str).filter(|name| *name != EVERYONE) {
            Some(name) => format!("an operator of {}", quote(name)),
            None => "an operator without a group".to_owned(),
        }
    }
}

/// The name that stands for every operator.
pub(super) const EVERYONE: &str = "*";

/// Whether a setting is on.
pub(super) const ENABLED: Field =
    Field::new("enabled", "Whether the setting is on. This alone turns it off.", Shape::Bool).default("true");

/// Whether a setting is carried out.
pub(super) const MODE: Field = Field::new(
    "mode",
    "Whether the rule is carried out, or watched: judged and logged, so that one sees what it would do.",
    Shape::Words(&[
        Word::new("enforce", "The rule is carried out."),
        Word::new("monitor", "The rule is judged and logged, and nobody notices."),
    ]),
)
.default("enforce");

/// What an example expects of a rule that allows or refuses.
pub(super) const EXPECT: Field = Field::new(
    "expect",
    "What should happen.",
    Shape::Words(&[Word::new("allowed", "It passes."), Word::new("refused", "The person sees a refusal.")]),
)
.required();

/// The group that a caller of an example is in.
pub(super) const EXAMPLE_GROUP: Field =
    Field::new("group", "The operator group of the caller.", Shape::Text("a group's name"));

/// The key `examples`; what one looks like differs from kind to kind.
pub(super) const fn examples(of: &'static Shape) -> Field {
    Field::new(
        "examples",
        "Cases with their expected outcome. They are tried at every save, whether the setting is on or not, and a \
         file with a failing one is refused.",
        Shape::List(of),
    )
}

/// A set of files under compilation.
struct Set<'a> {
    sources: &'a RuleSources<'a>,
    context: &'a Context<'a>,
    found: Diagnostics,
    states: Vec<(Kind, State)>,
}

impl<'a> Set<'a> {
    /// What can be said of the directory by its names alone.
    fn judge_names(&mut self) {
        let names: Vec<&str> =
            self.sources.files.keys().map(String::as_str).filter(|name| is_rule_file(name)).collect();
        if names.is_empty() {
            let error = Diagnostic::about("no-rule-files", self.context.dir, "there is no rule file here");
            self.found.push(error.help("a setting is turned off by `enabled: false` in its file"));
        }
        for name in names {
            if !Kind::ALL.iter().any(|kind| kind.file_name() == name || kind.short_file_name() == name) {
                self.found.push(self.unknown_file(name));
            }
        }
        for kind in Kind::ALL {
            let present = |name| self.sources.files.contains_key(name);
            let (long, short) = (kind.file_name(), kind.short_file_name());
            if present(long) && present(short) {
                let message = format!("{} stands beside {}", quote(short), quote(long));
                let error = Diagnostic::about("two-files", self.path(short), message);
                self.found.push(error.help("keep one of them"));
            }
            let is_offered =
                kind == Kind::Groups || self.context.settings.is_none_or(|settings| settings.contains(&kind));
            // What config.yaml takes away is meant to go.
            if is_offered && !present(long) && !present(short) && self.context.in_force.contains(&kind) {
                self.found.push(Diagnostic::about("rule-file-missing", self.path(long), missing(kind)));
            }
            for name in [long, short] {
                if present(name) && !is_offered {
                    let message =
                        format!("{} is not among the `settings` of config.yaml", quote(kind.name()));
                    let error = Diagnostic::about("setting-not-available", self.path(name), message);
                    self.found.push(error.help("remove the file, or ask whoever runs the gateway"));
                }
            }
        }
    }

    fn unknown_file(&self, name: &str) -> Diagnostic {
        let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
        let guess = nearest(stem, Kind::ALL.into_iter().map(Kind::name)).and_then(Kind::from_name);
        let guess =
            guess.map(|kind| format!("did you mean {}? ", quote(kind.file_name()))).unwrap_or_default();
        let known = Kind::ALL.map(|kind| quote(kind.file_name())).join(", ");
        let message = format!("{} is not the name of a rule file", quote(name));
        Diagnostic::about("unknown-rule-file", self.path(name), message)
            .help(format!("{guess}known here: {known}"))
    }

    fn groups(&mut self) -> Groups {
        let roles = self.context.super_admin_roles;
        let Some((name, bytes)) = self.bytes(Kind::Groups) else {
            self.states.push((Kind::Groups, State::NoFile));
            return Groups::absent(roles);
        };
        self.states.push((Kind::Groups, State::On));
        let Some(document) = self.read(name, bytes) else { return Groups::unreadable() };
        let clean = self.check(Kind::Groups, &document);
        Groups::compile(&RuleFile { name, document: &document, clean }, roles, &mut self.found)
    }

    /// One setting: `None` where it is off or its file is beyond reading.
    fn setting<T: Setting>(&mut self, groups: &Groups) -> Option<T> {
        let Some((name, bytes)) = self.bytes(T::KIND) else {
            self.states.push((T::KIND, State::NoFile));
            return None;
        };
        let document = self.read(name, bytes)?;
        let clean = self.check(T::KIND, &document);
        let file = RuleFile { name, document: &document, clean };
        let mut loading =
            Loading { context: self.context, lists: self.sources.lists, groups, found: Diagnostics::new() };
        let setting = T::compile(&file, &mut loading);
        let sound = clean && groups.is_readable() && !loading.found.has_errors();
        for node in file.items("examples").filter(|node| node.is_mapping()) {
            setting.judge_example(Example { file: &file, node, sound }, &mut loading);
        }
        self.found.extend(loading.found.into_vec());
        let state = match (file.is_enabled(), file.mode()) {
            (false, _) => State::Off,
            (true, Mode::Monitor) => State::Monitor,
            (true, Mode::Enforce) => State::On,
        };
        self.states.push((T::KIND, state));
        Some(setting).filter(|_| file.is_enabled())
    }

    fn bytes(&self, kind: Kind) -> Option<(&'static str, &'a [u8])> {
        let sources = self.sources;
        let names = [kind.file_name(), kind.short_file_name()];
        names.into_iter().find_map(|name| Some((name, sources.files.get(name)?.as_slice())))
    }

    fn read(&mut self, name: &str, bytes: &[u8]) -> Option<Document> {
        Document::parse(&self.path(name), bytes).map_err(|problems| self.found.extend(problems)).ok()
    }

    /// Whether the file has the shape of its kind; reports every difference.
    fn check(&mut self, kind: Kind, document: &Document) -> bool {
        let problems = shape::check(document, kind.shape());
        let clean = problems.is_empty();
        self.found.extend(problems);
        clean
    }

    fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.context.dir)
    }
}

/// What is said when the file of a setting in force is gone.
fn missing(kind: Kind) -> &'static str {
    match kind {
        Kind::Groups => {
            "groups.yaml is gone; groups and super-admins stay as they are. To declare none write groups: {}"
        }
        Kind::IpWhitelist => {
            "ip-whitelist.yaml is gone; the whitelist stays in force. To turn it off write enabled: false"
        }
        Kind::Files => "files.yaml is gone; files stay blocked. To turn it off write enabled: false",
        Kind::Downloads => {
            "downloads.yaml is gone; downloads stay restricted. To turn it off write enabled: false"
        }
        Kind::PersonalData => {
            "personal-data.yaml is gone; contact data stays hidden. To turn it off write enabled: false"
        }
        Kind::Iframe => {
            "iframe.yaml is gone; embedding stays restricted. To turn it off write enabled: false"
        }
        Kind::Webhooks => {
            "webhooks.yaml is gone; the webhooks panel stays closed to operators. To turn it off write enabled: false"
        }
        Kind::ActionLog => {
            "action-log.yaml is gone; actions are still recorded. To turn it off write enabled: false"
        }
    }
}
