//! One entry of the action log.
//!
//! The six columns that people read are account, target account, type, IP address, date and time, note. The rest says
//! why and where: reason and rule of a refusal, request id, route pattern and generation. Every text is bounded and
//! cleaned as it enters; there is no other way to make an entry.

use std::borrow::Cow;

use chatwarden_policy::account::Account;
use jiff::Timestamp;
use uuid::Uuid;

use super::{
    registry::{ActionType, Outcome, may_have_target},
    text::clean,
};

/// Who did it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// The application's id of the account.
    pub id: String,
    /// The name that people know it by.
    pub name: Option<String>,
}

/// Something that an account did, tried to do, or that happened to the gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Tells the entry from every other; a repeated write of the same entry is recognised by it.
    pub(super) id: Uuid,
    pub(super) account: Option<Actor>,
    pub(super) target: Option<String>,
    pub(super) action: String,
    pub(super) ip: Option<String>,
    pub(super) at: Timestamp,
    pub(super) note: Option<String>,
    pub(super) reason: Option<Cow<'static, str>>,
    pub(super) rule: Option<String>,
    pub(super) request_id: Option<String>,
    pub(super) method: Option<String>,
    pub(super) route: Option<String>,
    pub(super) generation: u64,
}

impl Entry {
    /// An entry of `action` that ended as `outcome` at `at`, under rules of `generation`.
    pub fn new(at: Timestamp, action: &ActionType, outcome: Outcome, generation: u64) -> Entry {
        Entry {
            id: Uuid::now_v7(),
            account: None,
            target: None,
            action: action.with(outcome),
            ip: None,
            at,
            note: None,
            reason: None,
            rule: None,
            request_id: None,
            method: None,
            route: None,
            generation,
        }
    }

    /// The account that did it. Without, the caller was unknown, or the gateway itself acted.
    pub fn by(mut self, account: &Account) -> Entry {
        let name = account.name.as_deref().or(account.email.as_deref());
        self.account = Some(Actor {
            id: clean(&account.id, MAX_NAME),
            name: name.and_then(|name| text(name, MAX_NAME)),
        });
        self
    }

    /// The account that it was done to, as the profile's `target:` finds it in the request. Where the type is one of
    /// those whose other side is a client, only the short number of a record stays: the log is no list of contacts.
    pub fn target(mut self, target: &str) -> Entry {
        self.target =
            text(target, MAX_NAME).filter(|target| may_have_target(&self.action) || is_record_number(target));
        self
    }

    /// The client address that was judged.
    pub fn from_ip(mut self, ip: impl ToString) -> Entry {
        self.ip = text(&ip.to_string(), MAX_IP);
        self
    }

    /// The note, as the profile's `note:` finds it in the request.
    pub fn note(mut self, note: &str) -> Entry {
        self.note = text(note, MAX_NOTE);
        self
    }

    /// The reason code of the refusal and, where a rule decided, its place (`files.yaml:4`).
    pub fn because(mut self, reason: &'static str, rule: Option<impl ToString>) -> Entry {
        self.reason = Some(Cow::Borrowed(reason));
        self.rule = rule.and_then(|rule| text(&rule.to_string(), MAX_RULE));
        self
    }

    /// The request: its id, its method, and the pattern of its route. Never its path, which may hold a contact.
    pub fn request(mut self, id: &str, method: &str, route: Option<&str>) -> Entry {
        self.request_id = text(id, MAX_REQUEST_ID);
        self.method = text(method, MAX_METHOD);
        self.route = route.and_then(|route| text(route, MAX_NAME));
        self
    }

    /// The recorded type, with its outcome.
    pub fn action(&self) -> &str {
        &self.action
    }
}

/// A number too short to reach anybody by: the application's own id of a record.
fn is_record_number(target: &str) -> bool {
    (1..=MAX_RECORD_NUMBER).contains(&target.len()) && target.bytes().all(|byte| byte.is_ascii_digit())
}

/// Digits of an id that is not taken for a phone number, which has more with its country code (ITU-T E.164).
const MAX_RECORD_NUMBER: usize = 9;

/// Cleaned text; `None` where nothing is left.
fn text(value: &str, most: usize) -> Option<String> {
    Some(clean(value, most)).filter(|text| !text.is_empty())
}

pub(super) const MAX_NAME: usize = 256;
pub(super) const MAX_NOTE: usize = 512;
const MAX_IP: usize = 64;
const MAX_RULE: usize = 128;
const MAX_REQUEST_ID: usize = 64;
const MAX_METHOD: usize = 32;

#[cfg(test)]
mod tests {
    use super::{super::registry::Action, *};

    #[test]
    fn fields_are_bounded_and_cleaned() {
        let account =
            Account { id: "7".into(), name: Some("Eve\nsign_in admin".into()), ..Account::default() };
        let entry = Entry::new(Timestamp::UNIX_EPOCH, &Action::OperatorDelete.into(), Outcome::Denied, 3)
            .by(&account)
            .target(&"t".repeat(1000))
            .note(&"n".repeat(1000))
            .because("operator-not-allowed", Some("groups.yaml:2"))
            .request("r-1", "POST", Some("/api/operators/{id}"));
        assert_eq!(entry.account, Some(Actor { id: "7".into(), name: Some("Eve sign_in admin".into()) }));
        assert_eq!(entry.target.unwrap().chars().count(), MAX_NAME);
        assert_eq!(entry.note.unwrap().chars().count(), MAX_NOTE);
        assert_eq!(entry.action, "operator.delete.denied");
        assert_eq!(entry.rule.as_deref(), Some("groups.yaml:2"));
    }

    #[test]
    fn a_contact_is_not_stored_as_the_target_of_an_action_on_a_client() {
        let entry = Entry::new(Timestamp::UNIX_EPOCH, &Action::DownloadSend.into(), Outcome::Done, 1);
        assert_eq!(entry.target("client@example.com").target, None);
        let own = ActionType::parse("contact.update").unwrap();
        let entry = Entry::new(Timestamp::UNIX_EPOCH, &own, Outcome::Done, 1);
        assert_eq!(entry.target("+37061234567").target, None);
        let viewed = || Entry::new(Timestamp::UNIX_EPOCH, &Action::ClientView.into(), Outcome::Done, 1);
        assert_eq!(viewed().target("37061234567").target, None);
        assert_eq!(viewed().target("501").target.as_deref(), Some("501"));
    }

    #[test]
    fn an_account_without_a_name_is_known_by_its_address() {
        let account =
            Account { id: "7".into(), email: Some("anna@example.com".into()), ..Account::default() };
        let entry = Entry::new(Timestamp::UNIX_EPOCH, &Action::SignIn.into(), Outcome::Done, 1).by(&account);
        assert_eq!(entry.account.unwrap().name.as_deref(), Some("anna@example.com"));
    }
}
