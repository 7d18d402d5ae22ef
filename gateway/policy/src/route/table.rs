//! Routes compiled for look-up: two tries of segments, one as written and one folded.
//!
//! A look-up walks each node at most once, so that its cost is bounded by the table and never by the caller.

use std::ops::ControlFlow;

use super::{
    glob::Glob,
    pattern::{Pattern, Segment},
};
use crate::path::{CanonicalPath, Form};

/// Values by route.
#[derive(Clone, Debug)]
pub struct RouteTable<T> {
    /// The most specific first; the tries name an entry by its place here.
    entries: Vec<Entry<T>>,
    exact: Trie,
    loose: Trie,
}

impl<T> RouteTable<T> {
    /// Compiles the routes. Where two are equally specific, the earlier one wins.
    pub fn build(routes: impl IntoIterator<Item = (Pattern, T)>) -> Self {
        let entry = |(pattern, value)| Entry { pattern, value };
        let mut entries: Vec<Entry<T>> = routes.into_iter().map(entry).collect();
        entries.sort_by(|a, b| a.pattern.by_specificity(&b.pattern));
        let exact = Trie::build(entries.iter().map(|entry| &*entry.pattern.exact));
        let loose = Trie::build(entries.iter().map(|entry| &*entry.pattern.loose));
        Self { entries, exact, loose }
    }

    /// Whether there are no routes.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Every route, the most specific first.
    pub fn iter(&self) -> impl Iterator<Item = (&Pattern, &T)> {
        self.entries.iter().map(|entry| (&entry.pattern, &entry.value))
    }

    /// The most specific route that matches the canonical path; for what a route grants.
    pub fn exact<'t, 'p>(&'t self, method: &str, path: &'p CanonicalPath) -> Option<Match<'t, 'p, T>> {
        let mut first = None;
        let _ = self.visit_exact(method, path, &mut |found| {
            first = Some(found);
            ControlFlow::Break(())
        });
        first
    }

    /// Every route that matches the canonical path, the most specific first.
    pub fn exact_all<'t, 'p>(&'t self, method: &str, path: &'p CanonicalPath) -> Vec<Match<'t, 'p, T>> {
        let mut all = Vec::new();
        let _ = self.visit_exact(method, path, &mut |found| {
            all.push(found);
            ControlFlow::Continue(())
        });
        all
    }

    /// The most specific route that matches any loose form of the path; for what a route restricts.
    pub fn loose<'t, 'p>(&'t self, method: &str, path: &'p CanonicalPath) -> Option<Match<'t, 'p, T>> {
        let mut best: Option<Match<'t, 'p, T>> = None;
        self.visit_loose(method, path, &mut |found| {
            if best.as_ref().is_none_or(|best| found.rank < best.rank) {
                best = Some(found);
            }
            // The first of one form is the best of that form.
            ControlFlow::Break(())
        });
        best
    }

    /// Every route that matches any loose form of the path, the most specific first.
    pub fn loose_all<'t, 'p>(&'t self, method: &str, path: &'p CanonicalPath) -> Vec<Match<'t, 'p, T>> {
        let mut all = Vec::new();
        self.visit_loose(method, path, &mut |found| {
            all.push(found);
            ControlFlow::Continue(())
        });
        all.sort_by_key(|found| found.rank);
        all.dedup_by_key(|found| found.rank);
        all
    }

    /// Pairs of routes that some request matches both of, the more specific first.
    pub fn overlaps(&self) -> impl Iterator<Item = ((&Pattern, &T), (&Pattern, &T))> {
        self.iter().enumerate().flat_map(move |(at, first)| {
            let later = self.iter().skip(at + 1);
            later.filter(move |second| first.0.overlaps(second.0)).map(move |second| (first, second))
        })
    }

    fn visit_exact<'t, 'p>(
        &'t self,
        method: &str,
        path: &'p CanonicalPath,
        visit: &mut impl FnMut(Match<'t, 'p, T>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        self.exact.walk(path.as_str().strip_prefix('/'), &mut |rank| match self.entries.get(rank) {
            Some(entry) if entry.pattern.names(method) => {
                visit(Match { entry, path, form: Form::Exact, rank })
            }
            _ => ControlFlow::Continue(()),
        })
    }

    fn visit_loose<'t, 'p>(
        &'t self,
        method: &str,
        path: &'p CanonicalPath,
        visit: &mut impl FnMut(Match<'t, 'p, T>) -> ControlFlow<()>,
    ) {
        for (text, form) in path.loose_forms() {
            let rest = text.strip_prefix('/').filter(|rest| !rest.is_empty());
            let _ = self.loose.walk(rest, &mut |rank| match self.entries.get(rank) {
                Some(entry) if entry.pattern.names_loosely(method) => {
                    visit(Match { entry, path, form, rank })
                }
                _ => ControlFlow::Continue(()),
            });
        }
    }
}

/// A route that matches, with what stood in its places.
#[derive(Debug)]
pub struct Match<'t, 'p, T> {
    entry: &'t Entry<T>,
    path: &'p CanonicalPath,
    form: Form,
    rank: usize,
}

impl<'t, 'p, T> Match<'t, 'p, T> {
    /// What the table holds under the route.
    pub fn value(&self) -> &'t T {
        &self.entry.value
    }

    /// The route.
    pub fn pattern(&self) -> &'t Pattern {
        &self.entry.pattern
    }

    /// The names of its `{x}` and the decoded segments that stood there.
    pub fn params(&self) -> impl Iterator<Item = (&'t str, &'p str)> {
        let (path, form) = (self.path, self.form);
        let names = self.entry.pattern.params(form == Form::Exact);
        names.filter_map(move |(name, at)| Some((name, segment(path, form, at)?)))
    }

    /// The decoded segment that stood at `{name}`.
    pub fn param(&self, name: &str) -> Option<&'p str> {
        self.params().find(|(other, _)| *other == name).map(|(_, value)| value)
    }
}

#[derive(Clone, Debug)]
struct Entry<T> {
    pattern: Pattern,
    value: T,
}

#[derive(Clone, Debug, Default)]
struct Trie {
    /// The first is the root; never empty once built.
    nodes: Vec<Node>,
}

/// Children are named by their place in the trie, entries by their rank.
#[derive(Clone, Debug, Default)]
struct Node {
    /// Sorted by text.
    literals: Vec<(Box<str>, usize)>,
    /// The most specific first.
    partials: Vec<(Glob, usize)>,
    param: Option<usize>,
    /// Routes that end here.
    ends: Vec<usize>,
    /// Routes that go on with `**`.
    rests: Vec<usize>,
}

impl Trie {
    fn build<'s>(paths: impl Iterator<Item = &'s [Segment]>) -> Self {
        let mut trie = Self { nodes: vec![Node::default()] };
        for (rank, segments) in paths.enumerate() {
            trie.insert(rank, segments);
        }
        trie
    }

    fn insert(&mut self, rank: usize, segments: &[Segment]) {
        let mut at = 0;
        for segment in segments {
            let fresh = self.nodes.len();
            let Some(node) = self.nodes.get_mut(at) else { return };
            let child = match segment {
                Segment::Rest => return node.rests.push(rank),
                Segment::Param(_) => *node.param.get_or_insert(fresh),
                Segment::Partial(glob) => match node.partials.iter().find(|(other, _)| other == glob) {
                    Some((_, child)) => *child,
                    None => {
                        node.partials.push((glob.clone(), fresh));
                        fresh
                    }
                },
                Segment::Literal(text) => {
                    match node.literals.binary_search_by(|(other, _)| (**other).cmp(text)) {
                        Ok(found) => node.literals.get(found).map_or(fresh, |(_, child)| *child),
                        Err(place) => {
                            node.literals.insert(place, (text.as_str().into(), fresh));
                            fresh
                        }
                    }
                }
            };
            if child == fresh {
                self.nodes.push(Node::default());
            }
            at = child;
        }
        if let Some(node) = self.nodes.get_mut(at) {
            node.ends.push(rank);
        }
    }

    /// Visits the ranks of all routes that match, the most specific first. `rest` is what follows the first slash.
    fn walk(&self, rest: Option<&str>, visit: &mut impl FnMut(usize) -> ControlFlow<()>) -> ControlFlow<()> {
        match self.nodes.first() {
            Some(root) => self.walk_from(root, rest, visit),
            None => ControlFlow::Continue(()),
        }
    }

    /// Recursion is as deep as the deepest route, not as the path.
    fn walk_from(
        &self,
        node: &Node,
        rest: Option<&str>,
        visit: &mut impl FnMut(usize) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let Some(rest) = rest else {
            return node.ends.iter().chain(&node.rests).try_for_each(|rank| visit(*rank));
        };
        let (segment, rest) = match memchr::memchr(b'/', rest.as_bytes()) {
            Some(slash) => (rest.get(..slash).unwrap_or_default(), rest.get(slash + 1..)),
            None => (rest, None),
        };
        let literal = node.literals.binary_search_by(|(text, _)| (**text).cmp(segment)).ok();
        let literal = literal.and_then(|found| node.literals.get(found)).map(|(_, child)| *child);
        let partials =
            node.partials.iter().filter(|(glob, _)| glob.matches(segment)).map(|(_, child)| *child);
        let param = node.param.filter(|_| !segment.is_empty());
        for child in literal.into_iter().chain(partials).chain(param) {
            if let Some(child) = self.nodes.get(child) {
                self.walk_from(child, rest, visit)?;
            }
        }
        node.rests.iter().try_for_each(|rank| visit(*rank))
    }
}

/// The decoded segment at a place, as the form counts segments.
fn segment(path: &CanonicalPath, form: Form, at: usize) -> Option<&str> {
    let mut segments = path.decoded().split('/').skip(1);
    match form {
        Form::Exact => segments.nth(at),
        Form::Folded => segments.filter(|segment| !segment.is_empty()).nth(at),
        Form::Bare => {
            let bare = segments.filter_map(|segment| segment.split(';').next());
            bare.filter(|segment| !segment.is_empty()).nth(at)
        }
    }
}
