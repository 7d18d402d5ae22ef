//! What a profile says of contact data, read: fields with their routes and conditions, channels, what is kept.
//!
//! Routes that hide match loosely, routes that keep exactly: a looser spelling must not show more.

use chatwarden_redact::{Class, Condition, HtmlRule, HtmlTarget, Pick, Segment, Selector, Test};

use super::{
    Channels, ContactField, Grant, Restriction,
    read::{MAX_SCOPES, Reader},
    scope::Declared,
};
use crate::{
    diagnostic::quote,
    yaml::{Document, Entry, Node},
};

/// The classes that a profile may name.
pub(super) const CLASSES: [Class; 5] =
    [Class::Phone, Class::Email, Class::Name, Class::Handle, Class::Avatar];

/// How far around a field a member may be asked for.
const MAX_LEVELS: usize = 16;

impl Reader {
    pub(super) fn contact_data(&mut self, document: &Document) {
        let list = |key: &str| document.get(key).into_iter().flat_map(Node::items);
        let of_class = |key: &str, class: Class| {
            document.get(key).and_then(|fields| fields.get(class.name())).into_iter().flat_map(Node::items)
        };
        list("keep").for_each(|node| self.declare(node, Declared::Keep));
        for class in CLASSES {
            for node in of_class("contact_fields", class) {
                let when = node.get("when").into_iter().flat_map(Node::entries);
                let when = when.filter_map(|entry| self.condition(entry)).collect();
                self.declare(node, |selector| Declared::Field(ContactField { class, selector, when }));
            }
        }
        for class in CLASSES {
            of_class("contact_ids", class)
                .for_each(|node| self.declare(node, |selector| Declared::ContactId(class, selector)));
        }
        for class in CLASSES {
            of_class("contact_keys", class)
                .for_each(|node| self.declare(node, |selector| Declared::ContactKeys(class, selector)));
        }
        list("file_urls").for_each(|node| self.declare(node, Declared::FileUrl));
        list("json_in_string").for_each(|node| self.declare(node, Declared::Json));
        list("message_text").for_each(|node| self.declare(node, Declared::Text));
        for entry in document.get("csv").into_iter().flat_map(Node::entries) {
            self.columns.extend(class(entry.value).map(|class| (entry.key.to_owned(), class)));
        }
        list("html").for_each(|node| self.html(node));
        list("html_state").for_each(|node| self.html_states.push(node.written().to_owned()));
        if let Some(node) = document.get("channel") {
            self.channels = self.channel(node).or(self.channels.take());
        }
    }

    /// A path, or a path with the routes whose answers it is about.
    fn declare(&mut self, node: Node<'_>, declared: impl FnOnce(Selector) -> Declared) {
        let Some(selector) = self.selector(node.get("path").unwrap_or(node)) else { return };
        let declared = declared(selector);
        let exact = matches!(declared, Declared::Keep(_));
        let scope = node.get("routes").and_then(|routes| self.scope(routes, exact));
        self.declared.push((declared, scope));
    }

    /// The bit of a list of routes; lists that read the same and match alike share one.
    fn scope(&mut self, routes: Node<'_>, exact: bool) -> Option<usize> {
        let written: Vec<String> = routes.items().map(|route| route.written().to_owned()).collect();
        let scope = (exact, written);
        if let Some(bit) = self.scopes.iter().position(|known| *known == scope) {
            return Some(bit);
        }
        if self.scopes.len() == MAX_SCOPES {
            let message = format!("more than {MAX_SCOPES} different lists of `routes`");
            self.found.push(routes.error("too-many-scopes", message).help("let fields share a list"));
            return None;
        }
        let bit = self.scopes.len();
        self.scopes.push(scope);
        for route in routes.items() {
            if !exact {
                self.restrict(route, Restriction::Fields(bit));
            } else if let Some(pattern) = self.pattern(route) {
                self.granting.push((pattern, Grant::Keep(bit)));
            }
        }
        Some(bit)
    }

    /// `role: default`, `../type: [contact, visitor]`.
    fn condition(&mut self, entry: Entry<'_>) -> Option<Condition> {
        let mut member = entry.key;
        let mut level = 0;
        while let Some(rest) = member.strip_prefix("../") {
            (member, level) = (rest, level + 1);
        }
        // A path would be taken for a name that no object has, and its field would show.
        let is_path = member.starts_with(['$', '@']) || member.contains(['/', '[', '.']);
        if member.trim().is_empty() || is_path || level > MAX_LEVELS {
            let message = format!("{} is not the name of a member", quote(entry.key));
            self.found.push(entry.error("malformed-condition", message).help(
                "write `role` for a member of the object that holds the field, `../role` for one of the object around it",
            ));
            return None;
        }
        let single = (!entry.value.is_list()).then_some(entry.value);
        let values: Vec<String> = single.into_iter().chain(entry.value.items()).map(value).collect();
        if values.is_empty() {
            let error = entry.value.error("malformed-condition", "a condition without values is never met");
            self.found.push(error.help("name the values, or remove the condition"));
            return None;
        }
        let level = u8::try_from(level).ok()?;
        Some(Condition { member: member.to_owned(), levels: level..=level, test: Test::OneOf(values) })
    }

    fn html(&mut self, node: Node<'_>) {
        let (Some(select), Some(class)) = (node.get("select"), node.get("field").and_then(class)) else {
            return;
        };
        let attribute = node.get("attribute").map(|name| HtmlTarget::Attribute(name.written().to_owned()));
        let target = attribute.unwrap_or(HtmlTarget::Text);
        let rule = HtmlRule { select: select.written().to_owned(), target, class };
        match rule.check() {
            Ok(()) => self.html.push(rule),
            Err(problem) => {
                let message = format!("{} cannot be used: {problem}", quote(select.written()));
                self.found.push(select.error("malformed-css", message));
            }
        }
    }

    fn channel(&mut self, node: Node<'_>) -> Option<Channels> {
        let path = node.get("path")?;
        let selector = self.selector(path)?;
        let member = match selector.segments() {
            [Segment::Descendant(picks)] => match picks.as_slice() {
                [Pick::Name(name)] => Some(name.clone()),
                _ => None,
            },
            _ => None,
        };
        let Some(member) = member else {
            let message = format!("{} is not a member at any depth", quote(path.written()));
            let error = path.error("malformed-channel", message);
            self.found.push(error.help(
                "a contact's channel is a member beside it or up to two objects around it: write `$..` and its name",
            ));
            return None;
        };
        let values = node.get("values").into_iter().flat_map(Node::entries);
        let values: Vec<_> =
            values.map(|entry| (entry.key.to_owned(), entry.value.written().to_owned())).collect();
        if values.is_empty() {
            let error = node.error("malformed-channel", "no value is given a channel's name");
            self.found.push(error.help("add `values: { telegrambot: telegram }`"));
            return None;
        }
        Some(Channels { member, values })
    }
}

fn class(node: Node<'_>) -> Option<Class> {
    CLASSES.into_iter().find(|class| class.name() == node.written())
}

/// A value as payloads spell it: truth values and numbers as JSON does.
fn value(node: Node<'_>) -> String {
    match (node.as_bool(), node.as_i64()) {
        (Some(truth), _) => truth.to_string(),
        (None, Some(number)) => number.to_string(),
        (None, None) => node.written().to_owned(),
    }
}
