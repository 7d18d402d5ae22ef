//! `personal-data.yaml`: from whom clients' contact data is hidden, and what stands in its place.

use chatwarden_redact::{Class, Condition, Display, mask};

use super::{
    Kind, Mode,
    load::{ENABLED, Example, Loading, MODE, RuleFile, Setting, examples},
};
use crate::{
    account::{GroupSet, Standing},
    diagnostic::quote,
    profile::Channels,
    reason::RuleRef,
    shape::{Field, Shape, Word},
    suggest::nearest,
    yaml::Node,
};

/// The compiled rule.
#[derive(Debug)]
pub struct PersonalData {
    /// Whether it is carried out.
    pub mode: Mode,
    /// The line where the setting is turned on.
    pub rule: RuleRef,
    exempt: GroupSet,
    hide_avatars: bool,
    displays: [Display; Class::ALL.len()],
    /// The channels whose contacts are hidden; `None` for all.
    channels: Option<HiddenChannels>,
    message_text: bool,
}

/// The channels whose contacts are hidden, by their names, and how a payload tells that a contact is of one.
#[derive(Debug)]
struct HiddenChannels {
    names: Vec<String>,
    condition: Condition,
}

impl PersonalData {
    /// Whether contact data is hidden from the caller.
    pub fn hides_from(&self, who: &Standing) -> bool {
        !who.super_admin && (who.strict || !self.exempt.intersects(&who.groups))
    }

    /// Whether values of the class are hidden from those from whom anything is.
    pub fn hides(&self, class: Class) -> bool {
        match class {
            Class::Phone | Class::Email | Class::Name | Class::Handle => true,
            Class::Avatar => self.hide_avatars,
            // Links to files are the business of files.yaml.
            Class::FileUrl => false,
        }
    }

    /// What a contact must meet to be hidden; `None` where all are.
    pub fn channel(&self) -> Option<&Condition> {
        self.channels.as_ref().map(|channels| &channels.condition)
    }

    /// Whether contacts that are quoted in messages are hidden too.
    pub fn hides_in_text(&self) -> bool {
        self.message_text
    }

    /// How values of the class are shown in their place.
    pub fn display(&self, class: Class) -> Display {
        self.displays.get(class.index()).copied().unwrap_or(Display::Hidden)
    }
}

impl Setting for PersonalData {
    const KIND: Kind = Kind::PersonalData;

    fn compile(file: &RuleFile<'_>, loading: &mut Loading<'_>) -> Self {
        let exempt = loading.group_set(file.items("exempt_groups"));
        let mut displays = [Display::Alias; Class::ALL.len()];
        for entry in file.get("display").into_iter().flat_map(Node::entries) {
            let class = Class::ALL.into_iter().find(|class| class.name() == entry.key);
            let slot = class.and_then(|class| displays.get_mut(class.index()));
            if let (Some(slot), Some(display)) = (slot, display_of(entry.value.written())) {
                *slot = display;
            }
        }
        let fields = || loading.context.profile.scopes().iter().flat_map(|scope| &scope.fields);
        if file.is_enabled() && fields().next().is_none() {
            let message = "the profile names no contact fields, so nothing could be hidden";
            let error = file.node_of(&["enabled"]).error("nothing-to-hide", message);
            loading.report(error.help("add `contact_fields` to the profile, or write `enabled: false`"));
        }
        Self {
            mode: file.mode(),
            rule: file.rule_of(&["enabled"]),
            exempt,
            hide_avatars: file.flag("hide_avatars", true),
            displays,
            channels: channels(file, loading),
            message_text: message_text(file, loading),
        }
    }

    fn judge_example(&self, example: Example<'_>, loading: &mut Loading<'_>) {
        let Some(standing) = example.standing(loading) else { return };
        let values = CLASSES.into_iter().filter_map(|class| Some((class, example.get(class.name())?)));
        let values: Vec<(Class, Node<'_>)> = values.collect();
        let [(class, node)] = values.as_slice() else {
            let message = format!("expected one value to look at, found {}", values.len());
            let error = example.node.error("not-one-value", message);
            return loading.report(error.help("write one of `phone`, `email`, `name`, `handle`, `avatar`"));
        };
        let Some(value) = node.as_str() else { return };
        let channel = example.get("channel");
        if let Some(node) = channel {
            known_channel(node, loading);
        }
        let open = self
            .channels
            .as_ref()
            .zip(channel)
            .is_some_and(|(hidden, node)| !hidden.names.iter().any(|name| name == node.written()));
        let hides = self.hides_from(&standing);
        let shown = mask(*class, self.display(*class), value, loading.context.keys.first());
        let hidden = hides && !open && self.hides(*class) && shown != value;
        let why = |_: &Loading<'_>| {
            let operator = example.operator();
            let exempting = example.file.rule_of(&["exempt_groups", "enabled"]);
            if !hides {
                format!("{operator} sees it: {exempting} exempts the group")
            } else if !self.hides(*class) {
                let rule = example.file.rule_of(&["hide_avatars"]);
                format!("{operator} sees it: {rule} leaves pictures as they are")
            } else if open {
                let rule = example.file.rule_of(&["channels"]);
                format!("{operator} sees it: {rule} does not list the channel")
            } else if hidden {
                format!("it is hidden from {operator}: {exempting} does not exempt them")
            } else {
                format!("{operator} sees it: there is nothing in it to hide")
            }
        };
        example.expect(if hidden { "hidden" } else { "shown" }, why, loading);
    }
}

/// The channels that are listed, each of which the profile must know.
fn channels(file: &RuleFile<'_>, loading: &mut Loading<'_>) -> Option<HiddenChannels> {
    let listed = file.get("channels").filter(|node| node.is_list())?;
    let message = "no channel is listed, so nothing could be hidden";
    let help = "list channels, write `channels: all`, or turn the setting off with `enabled: false`";
    if listed.items().next().is_none() {
        loading.refuse_empty(file, listed, message, help);
    }
    let mut names: Vec<String> = Vec::new();
    for node in listed.items() {
        known_channel(node, loading);
        if names.iter().any(|name| name == node.written()) {
            let message = format!("{} stands in this list already", quote(node.written()));
            loading.report(node.warning("repeated-channel", message));
        }
        names.push(node.written().to_owned());
    }
    let channels = loading.context.profile.channels()?;
    let condition = channels.condition(|channel| names.iter().any(|name| name == channel));
    Some(HiddenChannels { names, condition })
}

/// Reports a channel that the profile does not know.
fn known_channel(node: Node<'_>, loading: &mut Loading<'_>) {
    let name = node.written();
    let channels = loading.context.profile.channels();
    let known: Vec<&str> = channels.into_iter().flat_map(Channels::names).collect();
    if known.contains(&name) || name.is_empty() {
        return;
    }
    let (message, help) = if known.is_empty() {
        let message = "the profile does not say by which channel a contact came";
        (message.to_owned(), "add `channel` to the profile, or write `channels: all`".to_owned())
    } else {
        let guess = nearest(name, known.iter().copied());
        let guess = guess.map(|name| format!("did you mean {}? ", quote(name))).unwrap_or_default();
        let known = known.into_iter().map(quote).collect::<Vec<_>>().join(", ");
        let message = format!("the profile knows no channel {}", quote(name));
        (message, format!("{guess}known here: {known}"))
    };
    loading.report(node.error("unknown-channel", message).help(help));
}

/// Whether messages are looked into, for which the profile must say where they stand.
fn message_text(file: &RuleFile<'_>, loading: &mut Loading<'_>) -> bool {
    let hides = |node: &Node<'_>| node.as_str() == Some("hide");
    let Some(node) = file.get("message_text").filter(hides) else { return false };
    let mut texts = loading.context.profile.scopes().iter().flat_map(|scope| &scope.message_text);
    if file.is_enabled() && texts.next().is_none() {
        let error = node.error("nothing-to-hide", "the profile names no texts of messages");
        loading.report(error.help("add `message_text` to the profile, or write `message_text: keep`"));
    }
    true
}

fn display_of(word: &str) -> Option<Display> {
    [Display::Alias, Display::Partial, Display::Hidden].into_iter().find(|display| display.name() == word)
}

/// The classes of contact data.
const CLASSES: [Class; 5] = [Class::Phone, Class::Email, Class::Name, Class::Handle, Class::Avatar];

pub(super) const SHAPE: Shape = Shape::Object(&[
    ENABLED,
    MODE,
    Field::new("hide_avatars", "Whether clients' pictures are hidden too: a drawing stands in their place.", Shape::Bool)
        .default("true"),
    Field::new(
        "exempt_groups",
        "The operator groups that see contact data. One of an operator's groups suffices. Super-admins always see it.",
        Shape::List(&Shape::Text("a group's name")),
    )
    .default("[]"),
    Field::new(
        "channels",
        "The channels whose clients' contact data is hidden.",
        Shape::Union(&[
            Shape::Words(&[Word::new("all", "Every channel.")]),
            Shape::List(&Shape::Text("a channel's name")),
        ]),
    )
    .default("all"),
    Field::new(
        "display",
        "What stands in the place of a hidden value, by kind of contact data.",
        Shape::Object(&[
            Field::new("name", "Names: `Client 7F3KQ-2MX9T`, `Anna K.` or `hidden`.", DISPLAY).default("alias"),
            Field::new("phone", "Phone numbers: `+999` and twelve digits, `+•••••••07` or `hidden`.", DISPLAY)
                .default("alias"),
            Field::new(
                "email",
                "E-mail addresses: `c-7f3kq2mx9t@client.invalid`, `m•••@•••.com` or `hidden@client.invalid`.",
                DISPLAY,
            )
            .default("alias"),
            Field::new("handle", "Messenger and social ids: `c_7f3kq2mx9t`, `@a•••` or `hidden`.", DISPLAY)
                .default("alias"),
        ]),
    ),
    Field::new(
        "message_text",
        "Whether phone numbers and e-mail addresses that messages quote are hidden too.",
        Shape::Words(&[
            Word::new("keep", "Messages stay as they were written."),
            Word::new("hide", "Numbers and addresses in messages are hidden."),
        ]),
    )
    .default("keep"),
    examples(&Shape::Object(&[
        Field::new(
            "group",
            "The operator group of the viewer; `\"*\"` is an operator without a group.",
            Shape::Text("a group's name"),
        )
        .required(),
        Field::new("phone", "A phone number.", Shape::Text("a phone number")),
        Field::new("email", "An e-mail address.", Shape::Text("an e-mail address")),
        Field::new("name", "A name.", Shape::Text("a name")),
        Field::new("handle", "A messenger or social id.", Shape::Text("a handle")),
        Field::new("avatar", "The address of a picture.", Shape::Text("an address")),
        Field::new(
            "channel",
            "The channel by which the contact came; without, one that is not known.",
            Shape::Text("a channel's name"),
        ),
        Field::new(
            "expect",
            "What the viewer gets.",
            Shape::Words(&[
                Word::new("hidden", "Something else stands in its place."),
                Word::new("shown", "The viewer sees it."),
            ]),
        )
        .required(),
    ])),
]);

const DISPLAY: Shape = Shape::Words(&[
    Word::new("alias", "A stand-in that is the same wherever the value occurs."),
    Word::new("partial", "A little of the value."),
    Word::new("hidden", "Nothing of the value."),
]);
