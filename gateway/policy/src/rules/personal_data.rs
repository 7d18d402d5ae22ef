//! `personal-data.yaml`: from whom clients' contact data is hidden, and what stands in its place.

use chatwarden_redact::{Class, Display, mask};

use super::{
    Kind, Mode,
    load::{ENABLED, Example, Loading, MODE, RuleFile, Setting, examples},
};
use crate::{
    account::{GroupSet, Standing},
    reason::RuleRef,
    shape::{Field, Shape, Word},
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
        let hides = self.hides_from(&standing);
        let shown = mask(*class, self.display(*class), value, loading.context.alias_key);
        let hidden = hides && self.hides(*class) && shown != value;
        let why = |_: &Loading<'_>| {
            let operator = example.operator();
            let exempting = example.file.rule_of(&["exempt_groups", "enabled"]);
            if !hides {
                format!("{operator} sees it: {exempting} exempts the group")
            } else if !self.hides(*class) {
                let rule = example.file.rule_of(&["hide_avatars"]);
                format!("{operator} sees it: {rule} leaves pictures as they are")
            } else if hidden {
                format!("it is hidden from {operator}: {exempting} does not exempt them")
            } else {
                format!("{operator} sees it: there is nothing in it to hide")
            }
        };
        example.expect(if hidden { "hidden" } else { "shown" }, why, loading);
    }
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
    .only("all"),
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
    .only("keep"),
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
