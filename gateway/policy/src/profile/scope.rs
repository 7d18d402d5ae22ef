//! Where answers hold contact data, as far as a plan is made of it.
//!
//! A profile's fields hold everywhere or on some routes. A `Scope` is what holds for one combination of these; which
//! of it is hidden, and how it is shown, is the rules' business.

use chatwarden_redact::{Class, Condition, Selector, Test};

/// What holds for a request: what is of every route, and what is of the routes that it matches.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// What is never masked.
    pub keep: Vec<Selector>,
    /// The contact fields, in the order of the profile.
    pub fields: Vec<ContactField>,
    /// Ids that are contacts.
    pub contact_ids: Vec<(Class, Selector)>,
    /// Objects whose keys are contacts.
    pub contact_keys: Vec<(Class, Selector)>,
    /// Links to files.
    pub file_urls: Vec<Selector>,
    /// Strings whose content is JSON.
    pub json_in_string: Vec<Selector>,
    /// Free text that may quote contact data.
    pub message_text: Vec<Selector>,
}

/// Where contact data stands.
#[derive(Clone, Debug)]
pub struct ContactField {
    /// What it is.
    pub class: Class,
    /// Its path.
    pub selector: Selector,
    /// What members around it must be for it to be contact data.
    pub when: Vec<Condition>,
}

/// How a payload says by which channel a contact came.
#[derive(Clone, Debug)]
pub struct Channels {
    /// The member that says so, beside the contact or around it.
    pub(super) member: String,
    /// What the payload calls a channel, and its name in `personal-data.yaml`.
    pub(super) values: Vec<(String, String)>,
}

impl Channels {
    /// The names that rules may use, each once.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let named = self.values.iter().enumerate();
        let first = move |(at, (_, name)): (usize, &'_ (String, String))| {
            self.values.iter().take(at).all(|(_, earlier)| earlier != name)
        };
        named.filter(move |entry| first(*entry)).map(|(_, (_, name))| name.as_str())
    }

    /// What a contact must meet to be hidden where only those of some channels are; a channel that is not known is
    /// one of them.
    pub fn condition(&self, is_hidden: impl Fn(&str) -> bool) -> Condition {
        let shown = self.values.iter().filter(|(_, name)| !is_hidden(name));
        let shown = shown.map(|(value, _)| value.clone()).collect();
        Condition { member: self.member.clone(), levels: 0..=CHANNEL_LEVELS, test: Test::NoneOf(shown) }
    }
}

/// How far around a contact its channel is looked for: a sender in a message in a conversation.
const CHANNEL_LEVELS: u8 = 2;

/// What a profile declares, before it is sorted into scopes.
#[derive(Clone, Debug)]
pub(super) enum Declared {
    Keep(Selector),
    Field(ContactField),
    ContactId(Class, Selector),
    ContactKeys(Class, Selector),
    FileUrl(Selector),
    Json(Selector),
    Text(Selector),
}

impl Scope {
    pub(super) fn of<'d>(declared: impl Iterator<Item = &'d Declared>) -> Scope {
        let mut scope = Scope::default();
        for one in declared {
            match one.clone() {
                Declared::Keep(selector) => scope.keep.push(selector),
                Declared::Field(field) => scope.fields.push(field),
                Declared::ContactId(class, selector) => scope.contact_ids.push((class, selector)),
                Declared::ContactKeys(class, selector) => scope.contact_keys.push((class, selector)),
                Declared::FileUrl(selector) => scope.file_urls.push(selector),
                Declared::Json(selector) => scope.json_in_string.push(selector),
                Declared::Text(selector) => scope.message_text.push(selector),
            }
        }
        scope
    }
}
