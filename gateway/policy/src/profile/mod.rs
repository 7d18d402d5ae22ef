//! How a given application spells things: routes, fields, action types.
//!
//! Rules speak of business; a profile is where they meet the application's paths and payloads. Routes that grant
//! (public, assets, sign-in, who-am-I) match exactly; routes that restrict match loosely.

mod codes;
mod fields;
mod queries;
mod read;
mod scope;
mod shape;
mod streams;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use chatwarden_redact::{Class, HtmlRule, Selector};

pub use self::{
    codes::CODES,
    queries::{Query, Term},
    scope::{Channels, ContactField, Scope},
    shape::{INTROSPECTION, PLACE, PROFILE},
    streams::{Mint, StreamRules},
};
use crate::{
    path::CanonicalPath,
    route::{Match, RouteTable},
};

/// What the gateway knows of an application.
#[derive(Debug)]
pub struct Profile {
    /// The application's name.
    pub app: String,
    /// How the application tells who is calling, as `introspection:` of config.yaml spells it.
    pub identity: Option<serde_json::Value>,
    granting: RouteTable<Grant>,
    restricting: RouteTable<Restriction>,
    scopes: Vec<Scope>,
    channels: Option<Channels>,
    columns: Vec<(String, Class)>,
    html: Vec<HtmlRule>,
    html_states: Vec<String>,
    headers: Vec<(String, Class)>,
    file_events: Arc<[String]>,
    streams: StreamRules,
    areas: Vec<String>,
    action_types: Vec<String>,
}

/// What a route grants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Grant {
    Public,
    Asset,
    SignIn,
    WhoAmI,
    /// The scope bit of what is kept.
    Keep(usize),
    /// Aliases become values here.
    Restore,
    /// A missing member means unchanged.
    Merge,
}

/// What a route restricts or marks.
#[derive(Clone, Debug)]
enum Restriction {
    FileSend,
    FileReceive,
    Avatar,
    Download(Arc<Download>),
    WebhooksPanel,
    SignOut,
    Action(Arc<Action>),
    Area(Arc<str>),
    /// The scope bit of contact fields.
    Fields(usize),
    Query(Arc<Query>),
    /// Requests with one value of this query parameter are one stream.
    Stream(streams::Session),
    /// A ticket is spent here.
    Spend,
}

/// Where a request holds a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the JSON body.
    Json(Selector),
    /// In a form field.
    Form(String),
    /// In a query parameter.
    Query(String),
    /// In a `{parameter}` of the route.
    Path(String),
}

/// A route on which conversations are downloaded.
#[derive(Debug)]
pub struct Download {
    /// Where the recipients stand: what is found there must be addresses.
    pub email: Vec<Place>,
}

/// A route whose use is an action.
#[derive(Debug)]
pub struct Action {
    /// The type, such as `operator.create`.
    pub action_type: String,
    /// The route as the profile spells it.
    pub route: String,
    /// Where the request names the account that the action is about.
    pub target: Option<Place>,
    /// Where it holds the note.
    pub note: Option<Place>,
}

impl Action {
    /// Whether target or note stand in the body.
    pub fn reads_body(&self) -> bool {
        [&self.target, &self.note]
            .into_iter()
            .flatten()
            .any(|place| matches!(place, Place::Json(_) | Place::Form(_)))
    }

    /// Whether operators' accounts are what it is about.
    fn is_about_operators(&self) -> bool {
        self.action_type.split('.').next() == Some("operator")
    }
}

/// What the profile says of a request's route.
#[derive(Clone, Debug, Default)]
pub struct Classified<'p> {
    /// End-user traffic; never true where a setting has a route of its own.
    pub public: bool,
    /// The application's own script, style, font or picture.
    pub asset: bool,
    /// Signing in.
    pub sign_in: bool,
    /// Signing out.
    pub sign_out: bool,
    /// Answers with the caller's own account.
    pub who_am_i: bool,
    /// A file is sent here.
    pub file_send: bool,
    /// A file is received here.
    pub file_receive: bool,
    /// A client's picture is received here.
    pub avatar: bool,
    /// A conversation is downloaded here.
    pub download: Option<&'p Arc<Download>>,
    /// The webhooks panel.
    pub webhooks_panel: bool,
    /// The action that the use of this route is.
    pub action: Option<&'p Arc<Action>>,
    /// The values of the action route's `{parameters}`.
    pub parameters: Vec<(String, String)>,
    /// The part of the web interface.
    pub area: Option<&'p str>,
    /// Which of the profile's scopes holds.
    pub scope: usize,
    /// The query parameter whose value makes requests one stream.
    pub stream: Option<&'p str>,
    /// The ticket that is spent.
    pub ticket: Option<String>,
    /// A missing member of the body means unchanged.
    pub merge: bool,
    /// The segments of the path that a `{parameter}` of the route that restores names, from 0; none where nothing is
    /// restored.
    pub restore: Option<Vec<(usize, &'p str)>>,
    /// What the request searches, sorts and filters by.
    pub queries: Vec<Queried<'p>>,
}

/// A query's route that matches.
#[derive(Clone, Debug)]
pub struct Queried<'p> {
    /// What it searches, sorts and filters by.
    pub query: &'p Arc<Query>,
    /// The values of its `{parameters}`.
    pub parameters: Vec<(String, String)>,
}

impl Profile {
    /// Where contact data stands, by scope; `Classified::scope` is an index.
    pub fn scopes(&self) -> &[Scope] {
        &self.scopes
    }

    /// How payloads say by which channel a contact came.
    pub fn channels(&self) -> Option<&Channels> {
        self.channels.as_ref()
    }

    /// The columns of tables that hold contact data.
    pub fn columns(&self) -> &[(String, Class)] {
        &self.columns
    }

    /// Where pages hold contact data.
    pub fn html(&self) -> &[HtmlRule] {
        &self.html
    }

    /// The variables that scripts of pages assign JSON to.
    pub fn html_states(&self) -> impl Iterator<Item = &str> {
        self.html_states.iter().map(String::as_str)
    }

    /// The response header fields that hold contact data, in lower case.
    pub fn headers(&self) -> &[(String, Class)] {
        &self.headers
    }

    /// The names of events that send files.
    pub fn file_events(&self) -> Arc<[String]> {
        Arc::clone(&self.file_events)
    }

    /// The messages of streams that are known by name.
    pub fn streams(&self) -> &StreamRules {
        &self.streams
    }

    /// The names of the parts of the web interface.
    pub fn areas(&self) -> impl Iterator<Item = &str> {
        self.areas.iter().map(String::as_str)
    }

    /// The action types that the profile's routes are.
    pub fn action_types(&self) -> impl Iterator<Item = &str> {
        self.action_types.iter().map(String::as_str)
    }

    /// What the profile says of a request.
    pub fn classify(&self, method: &str, path: &CanonicalPath) -> Classified<'_> {
        let mut classified = Classified::default();
        for found in self.restricting.loose_all(method, path) {
            classified.restrict(&found);
        }
        for found in self.granting.exact_all(method, path) {
            match found.value() {
                Grant::Public => classified.public = !classified.governed(),
                // What a setting governs is judged as such, whatever else the route is.
                Grant::Asset => classified.asset = !classified.governed(),
                Grant::SignIn => classified.sign_in = true,
                Grant::WhoAmI => classified.who_am_i = true,
                Grant::Keep(bit) => classified.scope |= 1 << bit,
                Grant::Merge => classified.merge = true,
                // The most specific comes first.
                Grant::Restore if classified.restore.is_none() => {
                    classified.restore = Some(found.pattern().parameters().collect());
                }
                Grant::Restore => {}
            }
        }
        classified
    }
}

impl<'p> Classified<'p> {
    /// Routes come most specific first, so the first of a kind stays.
    fn restrict(&mut self, found: &Match<'p, '_, Restriction>) {
        match found.value() {
            Restriction::FileSend => self.file_send = true,
            Restriction::FileReceive => self.file_receive = true,
            Restriction::Avatar => self.avatar = true,
            Restriction::Download(download) => {
                self.download.get_or_insert(download);
            }
            Restriction::WebhooksPanel => self.webhooks_panel = true,
            Restriction::SignOut => self.sign_out = true,
            Restriction::Action(action) if self.action.is_none() => {
                self.action = Some(action);
                self.parameters =
                    found.params().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
            }
            Restriction::Action(_) => {}
            Restriction::Area(name) => {
                self.area.get_or_insert(name);
            }
            Restriction::Fields(bit) => self.scope |= 1 << bit,
            Restriction::Query(query) => {
                let parameters = found.params().map(|(name, value)| (name.to_owned(), value.to_owned()));
                self.queries.push(Queried { query, parameters: parameters.collect() });
            }
            Restriction::Stream(session) => {
                self.stream.get_or_insert(session);
            }
            Restriction::Spend if self.ticket.is_none() => {
                let token = found.params().find(|(name, _)| *name == "token");
                self.ticket = token.map(|(_, value)| value.to_owned());
            }
            Restriction::Spend => {}
        }
    }

    /// Whether an alias becomes its value here, and nobody is told by it what it stands for.
    pub fn restores(&self) -> bool {
        self.restore.is_some() && !self.tells()
    }

    /// Whether what a mark stands for would be told to whoever sends it here.
    pub fn tells(&self) -> bool {
        self.who_am_i
            || self.sign_in
            || self.public
            || self.download.is_some()
            || self.webhooks_panel
            || self.action.is_some_and(|action| action.is_about_operators())
    }

    /// Whether a setting has a route of its own here, which beats `public`.
    fn governed(&self) -> bool {
        self.file_send || self.file_receive || self.download.is_some() || self.webhooks_panel
    }
}
