//! A profile's files read: shape, routes and selectors checked, every problem at its place.

use std::sync::Arc;

use chatwarden_redact::{Class, HtmlRule, Selector};

use super::{
    Action, Channels, Download, Grant, Place, Profile, Restriction, Scope, StreamRules, scope::Declared,
    shape::PROFILE,
};
use crate::{
    diagnostic::{Diagnostic, Diagnostics, quote},
    media_type,
    route::{Pattern, RouteTable},
    shape,
    yaml::{Document, Entry, Node},
};

/// Each list of `routes:` that scopes a field doubles the plans that are compiled.
pub(super) const MAX_SCOPES: usize = 6;

impl Profile {
    /// Reads a profile; `bundled` finds the one that it extends.
    ///
    /// # Errors
    /// Every problem of the file, by place. Warnings come along with a profile that loads.
    pub fn parse(
        name: &str,
        bytes: &[u8],
        bundled: &dyn Fn(&str) -> Option<&'static str>,
    ) -> Result<(Profile, Vec<Diagnostic>), Vec<Diagnostic>> {
        let document = Document::parse(name, bytes)?;
        let mut reader = Reader::default();
        if let Some(base) = document.get("extends") {
            match bundled(base.written()) {
                Some(text) => {
                    reader.add(&Document::parse(&format!("{}.yaml", base.written()), text.as_bytes())?)
                }
                None => reader.found.push(
                    base.error(
                        "unknown-profile",
                        format!("there is no bundled profile {}", quote(base.written())),
                    )
                    .help("bundled are `blinger`, `chatwoot`, `generic` and `thelounge`"),
                ),
            }
        }
        reader.add(&document);
        reader.finish(&document)
    }
}

/// What was read so far, of the base profile and then of the profile itself.
#[derive(Default)]
pub(super) struct Reader {
    pub(super) found: Diagnostics,
    app: String,
    identity: Option<serde_json::Value>,
    pub(super) granting: Vec<(Pattern, Grant)>,
    pub(super) restricting: Vec<(Pattern, Restriction)>,
    /// What is declared of contact data, and the bit of its scope where it has `routes:`.
    pub(super) declared: Vec<(Declared, Option<usize>)>,
    /// The lists of `routes:`, as written, and whether they match exactly; the place of one is its bit.
    pub(super) scopes: Vec<(bool, Vec<String>)>,
    pub(super) channels: Option<Channels>,
    /// Columns of tables.
    pub(super) columns: Vec<(String, Class)>,
    pub(super) html: Vec<HtmlRule>,
    pub(super) html_states: Vec<String>,
    /// Response header fields, in lower case.
    headers: Vec<(String, Class)>,
    file_events: Vec<String>,
    pub(super) streams: StreamRules,
    areas: Vec<String>,
    action_types: Vec<String>,
}

impl Reader {
    fn add(&mut self, document: &Document) {
        let problems = shape::check(document, &PROFILE);
        if !problems.is_empty() {
            self.found.extend(problems);
            return;
        }
        let list = |key: &str| document.get(key).into_iter().flat_map(Node::items);
        if let Some(app) = document.get("app") {
            app.written().clone_into(&mut self.app);
        }
        for (key, grant) in [
            ("public", Grant::Public),
            ("assets", Grant::Asset),
            ("sign_in", Grant::SignIn),
            ("who_am_i", Grant::WhoAmI),
        ] {
            for node in list(key) {
                if let Some(pattern) = self.pattern(node) {
                    self.granting.push((pattern, grant));
                }
            }
        }
        list("sign_out").for_each(|node| self.restrict(node, Restriction::SignOut));
        list("avatars").for_each(|node| self.restrict(node, Restriction::Avatar));
        list("webhooks_panel").for_each(|node| self.restrict(node, Restriction::WebhooksPanel));
        if let Some(files) = document.get("files") {
            let routes = |key: &str| files.get(key).into_iter().flat_map(Node::items);
            routes("send").for_each(|node| self.restrict(node, Restriction::FileSend));
            routes("receive").for_each(|node| self.restrict(node, Restriction::FileReceive));
        }
        if let Some(events) = document.get("events") {
            let files = events.get("file").into_iter().flat_map(Node::items);
            self.file_events.extend(files.map(|node| node.written().to_owned()));
        }
        list("downloads").for_each(|node| self.download(node));
        list("actions").for_each(|node| self.action(node));
        for entry in document.get("areas").into_iter().flat_map(Node::entries) {
            let name: Arc<str> = entry.key.into();
            self.areas.push(entry.key.to_owned());
            entry.value.items().for_each(|node| self.restrict(node, Restriction::Area(Arc::clone(&name))));
        }
        document.get("headers").into_iter().flat_map(Node::entries).for_each(|entry| self.header(&entry));
        self.contact_data(document);
        self.way_back(document);
        self.streams(document);
        if let Some(source) = document.get("identity").and_then(|identity| identity.get("introspection")) {
            match source.read() {
                Ok(value) => self.identity = Some(value),
                Err(problem) => self.found.push(problem),
            }
        }
    }

    pub(super) fn restrict(&mut self, node: Node<'_>, restriction: Restriction) {
        if let Some(pattern) = self.pattern(node) {
            self.restricting.push((pattern, restriction));
        }
    }

    fn header(&mut self, entry: &Entry<'_>) {
        let class = Class::ALL.into_iter().find(|class| class.name() == entry.value.written());
        if !media_type::is_token(entry.key) {
            let message = format!("{} is not the name of a header field", quote(entry.key));
            return self.found.push(entry.value.error("malformed-header", message));
        }
        self.headers.extend(class.map(|class| (entry.key.to_ascii_lowercase(), class)));
    }

    fn download(&mut self, node: Node<'_>) {
        let places = node.get("email").into_iter().flat_map(Node::items);
        let email = places.filter_map(|place| self.place(place, None)).collect();
        if let Some(route) = node.get("route") {
            self.restrict(route, Restriction::Download(Arc::new(Download { email })));
        }
    }

    fn action(&mut self, node: Node<'_>) {
        let (Some(route), Some(action_type)) = (node.get("route"), node.get("type")) else { return };
        let target = node.get("target").and_then(|place| self.place(place, Some(route)));
        let note = node.get("note").and_then(|place| self.place(place, Some(route)));
        let named = action_type.written();
        let well_formed = named.split('.').all(|part| {
            !part.is_empty() && part.bytes().all(|byte| byte == b'_' || byte.is_ascii_lowercase())
        });
        let ends_as_outcome = [".denied", ".failed"].iter().any(|outcome| named.ends_with(outcome));
        if !well_formed || ends_as_outcome {
            let error =
                action_type.error("malformed-type", format!("{} is not an action type", quote(named)));
            self.found.push(error.help(
                "write it as `operator.create`: lower case, with dots; the gateway adds `.denied` and `.failed`",
            ));
            return;
        }
        self.action_types.push(named.to_owned());
        let action =
            Action { action_type: named.to_owned(), route: route.written().to_owned(), target, note };
        self.restrict(route, Restriction::Action(Arc::new(action)));
    }

    fn place(&mut self, node: Node<'_>, route: Option<Node<'_>>) -> Option<Place> {
        let entry = node.entries().next()?;
        let written = entry.value.written().to_owned();
        match entry.key {
            "json" => self.selector(entry.value).map(Place::Json),
            "form" => Some(Place::Form(written)),
            "query" => Some(Place::Query(written)),
            _ if route.is_some_and(|route| route.written().contains(&format!("{{{written}}}"))) => {
                Some(Place::Path(written))
            }
            _ => {
                let message = format!("the route has no parameter {}", quote(&format!("{{{written}}}")));
                self.found.push(entry.value.error("unknown-parameter", message));
                None
            }
        }
    }

    pub(super) fn pattern(&mut self, node: Node<'_>) -> Option<Pattern> {
        match Pattern::parse(node.written()) {
            Ok(pattern) => Some(pattern),
            Err(error) => {
                let diagnostic = node.error_at("malformed-route", error.offset, 1, &error.message);
                self.found.push(match &error.help {
                    Some(help) => diagnostic.help(help),
                    None => diagnostic,
                });
                None
            }
        }
    }

    pub(super) fn selector(&mut self, node: Node<'_>) -> Option<Selector> {
        match Selector::parse(node.written()) {
            Ok(selector) => Some(selector),
            Err(error) => {
                let diagnostic = node.error_at("malformed-jsonpath", error.offset, 1, &error.message);
                self.found
                    .push(diagnostic.help("known are names, wildcards, descendants and indexes (RFC 9535)"));
                None
            }
        }
    }

    fn finish(mut self, document: &Document) -> Result<(Profile, Vec<Diagnostic>), Vec<Diagnostic>> {
        self.name_overlaps(document);
        self.judge_way_back(document);
        if self.found.has_errors() {
            return Err(self.found.into_vec());
        }
        let declared = &self.declared;
        let holds = |bit: Option<usize>, mask: usize| bit.is_none_or(|bit| mask & (1 << bit) != 0);
        let scope = |mask: usize| {
            Scope::of(declared.iter().filter(|(_, bit)| holds(*bit, mask)).map(|(declared, _)| declared))
        };
        let scopes = (0..1_usize << self.scopes.len()).map(scope).collect();
        let profile = Profile {
            app: self.app,
            identity: self.identity,
            granting: RouteTable::build(self.granting),
            restricting: RouteTable::build(self.restricting),
            scopes,
            channels: self.channels,
            columns: self.columns,
            html: self.html,
            html_states: self.html_states,
            headers: self.headers,
            file_events: self.file_events.into(),
            streams: self.streams,
            areas: self.areas,
            action_types: self.action_types,
        };
        Ok((profile, self.found.into_vec()))
    }

    /// A public route that a setting's route cuts into is judged by the setting there: worth knowing.
    fn name_overlaps(&mut self, document: &Document) {
        let setting = |restriction: &Restriction| match restriction {
            Restriction::FileSend => Some("files.send"),
            Restriction::FileReceive => Some("files.receive"),
            Restriction::Download(_) => Some("downloads"),
            Restriction::WebhooksPanel => Some("webhooks_panel"),
            Restriction::SignOut
            | Restriction::Avatar
            | Restriction::Action(_)
            | Restriction::Area(_)
            | Restriction::Fields(_)
            | Restriction::Query(_)
            | Restriction::Stream(_)
            | Restriction::Spend => None,
        };
        for node in document.get("public").into_iter().flat_map(Node::items) {
            let Ok(public) = Pattern::parse(node.written()) else { continue };
            for (pattern, restriction) in &self.restricting {
                if let Some(key) = setting(restriction).filter(|_| public.overlaps(pattern)) {
                    let message =
                        format!("{} of `{key}` is inside this public route", quote(pattern.as_str()));
                    let warning = node.warning("route-overlap", message);
                    self.found.push(warning.help("where both match, the request is judged by the setting"));
                }
            }
        }
    }
}
