//! Where the way back begins: routes on which aliases become values, updates, and requests that search.
//!
//! A route that restores answers with what its caller may see; one that shows the caller's own account, or writes the
//! value where operators read it, would tell what an alias stands for.

use std::sync::Arc;

use chatwarden_redact::Class;

use super::{Grant, Restriction, fields::CLASSES, read::Reader};
use crate::{
    diagnostic::quote,
    route::Pattern,
    yaml::{Document, Node},
};

/// What a request searches, sorts and filters by.
///
/// A name is that of a parameter of the query or of the route, of a form field, or of a JSON member at any depth;
/// names are compared without case, and `name[…]`, `name.…` and `name__…` are of the name, too.
#[derive(Debug, Default)]
pub struct Query {
    /// What is looked for in all fields.
    pub search: Vec<String>,
    /// What names a field to sort by.
    pub sort: Vec<String>,
    /// What one field is compared with.
    pub filter: Vec<(Class, Vec<String>)>,
}

/// What a name is in a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Term {
    /// A text that is looked for in all fields.
    Search,
    /// A value that a field of the class is compared with.
    Filter(Class),
    /// The name of a field.
    Sort,
}

impl Query {
    /// What a name is, and what stands behind it in brackets and the like.
    pub fn term<'n>(&self, name: &'n str) -> Option<(Term, &'n str)> {
        let find = |names: &[String]| names.iter().find_map(|known| behind(known, name));
        let searches = find(&self.search).map(|rest| (Term::Search, rest));
        let filters = || {
            let mut filters = self.filter.iter();
            filters.find_map(|(class, names)| Some((Term::Filter(*class), find(names)?)))
        };
        searches.or_else(filters).or_else(|| find(&self.sort).map(|rest| (Term::Sort, rest)))
    }
}

/// What follows the known name, where the name is that one.
fn behind<'n>(known: &str, name: &'n str) -> Option<&'n str> {
    let (start, rest) = name.split_at_checked(known.len())?;
    let is_way = rest.is_empty() || rest.starts_with(['[', '.']) || rest.starts_with("__");
    (is_way && start.to_lowercase() == known.to_lowercase()).then_some(rest)
}

impl Reader {
    pub(super) fn way_back(&mut self, document: &Document) {
        let list = |key: &str| document.get(key).into_iter().flat_map(Node::items);
        for (key, grant) in [("restore", Grant::Restore), ("merge", Grant::Merge)] {
            for node in list(key) {
                if let Some(pattern) = self.pattern(node) {
                    self.granting.push((pattern, grant));
                }
            }
        }
        list("queries").for_each(|node| self.query(node));
    }

    fn query(&mut self, node: Node<'_>) {
        let query = Query {
            search: self.terms(node.get("search")),
            sort: self.terms(node.get("sort")),
            filter: {
                let classes = CLASSES.into_iter();
                let filter = |class: Class| node.get("filter").and_then(|filter| filter.get(class.name()));
                classes.map(|class| (class, self.terms(filter(class)))).collect()
            },
        };
        let names = query.filter.iter().map(|(_, names)| names).chain([&query.search, &query.sort]);
        if names.into_iter().all(Vec::is_empty) {
            let error = node.error("empty-query", "a query that names nothing refuses nothing");
            self.found.push(error.help("name what the request searches, sorts or filters by"));
            return;
        }
        if let Some(route) = node.get("route") {
            self.restrict(route, Restriction::Query(Arc::new(query)));
        }
    }

    fn terms(&mut self, list: Option<Node<'_>>) -> Vec<String> {
        let mut names = Vec::new();
        for node in list.into_iter().flat_map(Node::items) {
            let name = node.written();
            // A path would be taken for a name that no request has, and nothing would be refused.
            if name.trim().is_empty() || name.starts_with('$') {
                let error = node.error("malformed-query", format!("{} is not a name", quote(name)));
                self.found
                    .push(error.help("write the name of the parameter; a JSON member is found at any depth"));
            } else {
                names.push(name.to_owned());
            }
        }
        names
    }

    /// Restoring must not tell what an alias stands for, and a search by alias needs it.
    pub(super) fn judge_way_back(&mut self, document: &Document) {
        for node in document.get("restore").into_iter().flat_map(Node::items) {
            let Ok(route) = Pattern::parse(node.written()) else { continue };
            let granted = self.granting.iter().filter_map(|(pattern, grant)| Some((pattern, shows(*grant)?)));
            let restricted = self.restricting.iter();
            let restricted =
                restricted.filter_map(|(pattern, restriction)| Some((pattern, tells(restriction)?)));
            let found = granted.chain(restricted).find(|(pattern, _)| route.overlaps(pattern));
            if let Some((pattern, key)) = found {
                let message = format!("{} of `{key}` is inside this route", quote(pattern.as_str()));
                let error = node.error("restore-tells", message);
                self.found.push(error.help(
                    "there a restored value would tell what its alias stands for: name narrower routes",
                ));
            }
        }
        for node in document.get("queries").into_iter().flat_map(Node::items) {
            let Some(route) = node.get("route") else { continue };
            let Ok(pattern) = Pattern::parse(route.written()) else { continue };
            let mut restoring = self.granting.iter().filter(|(_, grant)| *grant == Grant::Restore);
            let sorts_only = node.get("search").is_none() && node.get("filter").is_none();
            if !sorts_only && !restoring.any(|(restores, _)| restores.overlaps(&pattern)) {
                let warning =
                    route.warning("query-without-restore", "no route of `restore` covers this query");
                self.found
                    .push(warning.help("add the route to `restore`, else even a search by alias is refused"));
            }
        }
    }
}

fn shows(grant: Grant) -> Option<&'static str> {
    match grant {
        Grant::Public => Some("public"),
        Grant::SignIn => Some("sign_in"),
        Grant::WhoAmI => Some("who_am_i"),
        Grant::Asset | Grant::Keep(_) | Grant::Restore | Grant::Merge => None,
    }
}

fn tells(restriction: &Restriction) -> Option<&'static str> {
    match restriction {
        Restriction::Download(_) => Some("downloads"),
        Restriction::WebhooksPanel => Some("webhooks_panel"),
        Restriction::Action(action) if action.is_about_operators() => Some("actions"),
        Restriction::Action(_)
        | Restriction::Avatar
        | Restriction::FileSend
        | Restriction::FileReceive
        | Restriction::SignOut
        | Restriction::Area(_)
        | Restriction::Fields(_)
        | Restriction::Query(_)
        | Restriction::Stream(_)
        | Restriction::Spend => None,
    }
}
