//! The registry of action types.
//!
//! The gateway's own types are a closed set; a profile adds the types of its application (`operator.create`,
//! `group.rename`, `tag.delete`). How an action ended is told by the end of its name: `.denied` for a refused one,
//! `.failed` for one that the application or the gateway could not do, nothing for one that was done.

use std::{borrow::Cow, fmt};

/// An action that the gateway itself recognises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// An account signed in.
    SignIn,
    /// An account signed out.
    SignOut,
    /// A file was sent to a client.
    FileSend,
    /// A client's file was opened.
    FileReceive,
    /// A conversation was downloaded to e-mail addresses.
    DownloadSend,
    /// A conversation was downloaded to the browser.
    DownloadDirect,
    /// The webhooks panel was opened.
    WebhooksPanelOpen,
    /// An operator's account was made.
    OperatorCreate,
    /// An operator's account was changed.
    OperatorUpdate,
    /// An operator's account was removed.
    OperatorDelete,
    /// A client's card was opened.
    ClientView,
    /// A changed set of rules took effect.
    RulesApplied,
    /// A changed set of rules had errors; the one before stays.
    RulesRejected,
    /// The last good set of rules was taken at start.
    RulesRestored,
    /// An open stream was ended by a change of rules or of identity.
    StreamClosed,
    /// A limit of the gateway was reached.
    LimitReached,
}

impl Action {
    /// Every action, in the order of the manual.
    pub const ALL: [Action; 16] = [
        Action::SignIn,
        Action::SignOut,
        Action::FileSend,
        Action::FileReceive,
        Action::DownloadSend,
        Action::DownloadDirect,
        Action::WebhooksPanelOpen,
        Action::OperatorCreate,
        Action::OperatorUpdate,
        Action::OperatorDelete,
        Action::ClientView,
        Action::RulesApplied,
        Action::RulesRejected,
        Action::RulesRestored,
        Action::StreamClosed,
        Action::LimitReached,
    ];

    /// The name in rules, log and events.
    pub fn name(self) -> &'static str {
        match self {
            Action::SignIn => "sign_in",
            Action::SignOut => "sign_out",
            Action::FileSend => "file.send",
            Action::FileReceive => "file.receive",
            Action::DownloadSend => "download.send",
            Action::DownloadDirect => "download.direct",
            Action::WebhooksPanelOpen => "webhooks_panel.open",
            Action::OperatorCreate => "operator.create",
            Action::OperatorUpdate => "operator.update",
            Action::OperatorDelete => "operator.delete",
            Action::ClientView => "client.view",
            Action::RulesApplied => "rules.applied",
            Action::RulesRejected => "rules.rejected",
            Action::RulesRestored => "rules.restored",
            Action::StreamClosed => "stream.closed",
            Action::LimitReached => "limit.reached",
        }
    }
}

/// How an action ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was done.
    Done,
    /// The gateway or the application refused it.
    Denied,
    /// It was allowed and did not succeed.
    Failed,
}

impl Outcome {
    fn suffix(self) -> &'static str {
        match self {
            Outcome::Done => "",
            Outcome::Denied => ".denied",
            Outcome::Failed => ".failed",
        }
    }
}

/// The name of an action without its outcome: one of the gateway's, or one that a profile declares.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ActionType(Cow<'static, str>);

impl ActionType {
    /// Reads a name that a profile declares: words of `a-z`, `0-9` and `_`, joined by dots, without an outcome.
    pub fn parse(name: &str) -> Result<ActionType, TypeError> {
        let word = |word: &str| {
            word.starts_with(|first: char| first.is_ascii_lowercase())
                && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        };
        if name.len() > MAX_NAME {
            return Err(TypeError::TooLong);
        }
        if !name.split('.').all(word) {
            return Err(TypeError::NotAName);
        }
        if [Outcome::Denied, Outcome::Failed].iter().any(|outcome| name.ends_with(outcome.suffix())) {
            return Err(TypeError::Outcome);
        }
        Ok(ActionType(Cow::Owned(name.to_owned())))
    }

    /// The name, without an outcome.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name as it is recorded: with the outcome at its end.
    pub fn with(&self, outcome: Outcome) -> String {
        format!("{}{}", self.0, outcome.suffix())
    }

    /// Whether an entry of this type may carry a target.
    ///
    /// A target is an account of the application that the profile's `target:` names. The families of which the other
    /// side is a client never carry one, whatever the profile says: the log must not become a list of contacts.
    pub fn may_have_target(&self) -> bool {
        may_have_target(&self.0)
    }
}

impl From<Action> for ActionType {
    fn from(action: Action) -> ActionType {
        ActionType(Cow::Borrowed(action.name()))
    }
}

impl fmt::Display for ActionType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a name is no action type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TypeError {
    /// It has other characters, or an empty word.
    #[error("an action type is made of words of `a-z`, `0-9` and `_`, joined by dots")]
    NotAName,
    /// It ends in an outcome, which the gateway adds itself.
    #[error("an action type does not end in `.denied` or `.failed`: the gateway adds the outcome")]
    Outcome,
    /// It is longer than 64 bytes.
    #[error("an action type has at most 64 characters")]
    TooLong,
}

/// [`ActionType::may_have_target`] for a name that carries its outcome already.
pub(super) fn may_have_target(name: &str) -> bool {
    let family = name.split('.').next().unwrap_or_default();
    !CLIENT_FAMILIES.contains(&family)
}

const MAX_NAME: usize = 64;
const CLIENT_FAMILIES: [&str; 5] = ["client", "contact", "download", "file", "message"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_own_action_has_a_name_that_a_profile_could_write() {
        for action in Action::ALL {
            assert_eq!(ActionType::parse(action.name()).unwrap(), ActionType::from(action));
        }
    }

    #[test]
    fn the_outcome_ends_the_recorded_name() {
        let action = ActionType::from(Action::OperatorCreate);
        assert_eq!(action.with(Outcome::Done), "operator.create");
        assert_eq!(action.with(Outcome::Denied), "operator.create.denied");
        assert_eq!(action.with(Outcome::Failed), "operator.create.failed");
    }

    #[test]
    fn a_profile_can_neither_declare_an_outcome_nor_a_strange_name() {
        assert_eq!(ActionType::parse("operator.denied"), Err(TypeError::Outcome));
        for name in
            ["", ".", "a..b", "Operator.create", "operator.*", "operator create", "1st", "a.\u{1b}[2J"]
        {
            assert_eq!(ActionType::parse(name), Err(TypeError::NotAName), "{name:?}");
        }
        assert_eq!(ActionType::parse(&"a".repeat(65)), Err(TypeError::TooLong));
    }

    #[test]
    fn actions_on_clients_carry_no_target() {
        for action in [Action::ClientView, Action::FileSend, Action::DownloadSend] {
            assert!(!ActionType::from(action).may_have_target(), "{action:?}");
        }
        assert!(!ActionType::parse("contact.rename").unwrap().may_have_target());
        assert!(ActionType::from(Action::OperatorDelete).may_have_target());
        assert!(ActionType::parse("group.rename").unwrap().may_have_target());
    }
}
