//! What is hidden, compiled at load for every combination that a request can need.
//!
//! A request has one of the profile's scopes, and a caller from whom contact data, links to files or both are hidden;
//! so each scope has three plans, and none is made while a request waits.

use std::sync::Arc;

use chatwarden_redact::{Class, Condition, Plan, PlanBuilder, PlanError};

use super::{Context, PersonalData};
use crate::{
    diagnostic::{Diagnostic, Diagnostics},
    profile::Scope,
    way_back::{Fields, Names},
};

/// The compiled plans.
#[derive(Debug, Default)]
pub struct Plans {
    scopes: Vec<ScopePlans>,
    text: Option<Arc<Plan>>,
    /// The way back where no field is declared.
    bare: Option<Arc<Fields>>,
}

/// The plans of one scope; none where there is nothing to hide.
#[derive(Debug, Default)]
struct ScopePlans {
    contacts: Option<Arc<Plan>>,
    links: Option<Arc<Plan>>,
    both: Option<Arc<Plan>>,
    /// Whose aliases come back; none where contact data is not governed.
    back: Option<Arc<Fields>>,
}

impl Plans {
    /// The plan that hides contact data, links to files or both; `None` where there is nothing to hide.
    pub fn plan(&self, scope: usize, contacts: bool, links: bool) -> Option<&Arc<Plan>> {
        let plans = self.scopes.get(scope)?;
        match (contacts, links) {
            (true, true) => plans.both.as_ref(),
            (true, false) => plans.contacts.as_ref(),
            (false, true) => plans.links.as_ref(),
            (false, false) => None,
        }
    }

    /// The plan that finds contact data in plain text by its shape; `None` where contact data is not governed.
    pub fn text(&self) -> Option<&Arc<Plan>> {
        self.text.as_ref()
    }

    /// The way back of a scope, or the one on which no field is declared; `None` where contact data is not governed.
    pub(crate) fn back(&self, scope: Option<usize>) -> Option<&Arc<Fields>> {
        let fields = scope.and_then(|scope| self.scopes.get(scope)).and_then(|scope| scope.back.as_ref());
        fields.or(self.bare.as_ref())
    }

    /// Compiles the plans of every scope; `rule` is `None` where contact data is not governed.
    pub(super) fn compile(
        context: &Context<'_>,
        rule: Option<&PersonalData>,
        found: &mut Diagnostics,
    ) -> Plans {
        let mut plan = |scope: &Scope, contacts: bool, links: bool| {
            compile_plan(context, rule.filter(|_| contacts), scope, links).unwrap_or_else(|problem| {
                found.push(problem);
                None
            })
        };
        let scopes = context.profile.scopes().iter().map(|scope| ScopePlans {
            contacts: plan(scope, true, false),
            links: plan(scope, false, true),
            both: plan(scope, true, true),
            back: None,
        });
        let scopes = scopes.collect();
        let text = rule.and_then(|rule| {
            let builder = displays(Plan::builder().vault(Arc::clone(context.vault)), rule);
            let built = builder.patterns(true).copies(true).build(context.keys.first());
            built.map_err(|error| found.push(too_large(context, &error))).ok()
        });
        let mut plans = Plans { scopes, text: text.map(Arc::new), bare: None };
        if let Some(rule) = rule
            && let Err(error) = plans.compile_way_back(context, rule)
        {
            found.push(too_large(context, &error));
        }
        plans
    }

    fn compile_way_back(&mut self, context: &Context<'_>, rule: &PersonalData) -> Result<(), PlanError> {
        let hidden = Class::ALL.map(|class| rule.hides(class));
        let bare = Plan::builder().vault(Arc::clone(context.vault)).build(context.keys.first())?;
        self.bare = Some(Arc::new(Fields::new(Arc::new(bare), context.keys, Names::default(), hidden)?));
        for (scope, plans) in context.profile.scopes().iter().zip(&mut self.scopes) {
            let Some(plan) = &plans.contacts else { continue };
            let fields = scope.fields.iter().filter(|field| rule.hides(field.class));
            let ids = scope.contact_ids.iter().filter(|(class, _)| rule.hides(*class));
            let ids = ids.map(|(class, selector)| (*class, selector));
            let names = Names::of(fields.map(|field| (field.class, &field.selector)).chain(ids));
            plans.back = Some(Arc::new(Fields::new(Arc::clone(plan), context.keys, names, hidden)?));
        }
        Ok(())
    }
}

fn compile_plan(
    context: &Context<'_>,
    rule: Option<&PersonalData>,
    scope: &Scope,
    links: bool,
) -> Result<Option<Arc<Plan>>, Diagnostic> {
    let mut builder = Plan::builder().vault(Arc::clone(context.vault));
    // What is kept stays in spite of every field; a value that is both a contact field and a link is hidden as the
    // contact field.
    for selector in &scope.keep {
        builder = builder.keep(selector);
    }
    if let Some(rule) = rule {
        builder = hide_contacts(context, builder, rule, scope);
        for (name, class) in context.profile.columns().iter().filter(|(_, class)| rule.hides(*class)) {
            builder = builder.column(name, *class);
        }
        for element in context.profile.html().iter().filter(|element| rule.hides(element.class)) {
            builder = builder.html(element.clone());
        }
    }
    for selector in scope.file_urls.iter().filter(|_| links) {
        builder = builder.field(Class::FileUrl, selector);
    }
    for selector in &scope.json_in_string {
        builder = builder.json_in_string(selector);
    }
    for name in context.profile.html_states() {
        builder = builder.html_state(name);
    }
    let plan = builder.build(context.keys.first()).map_err(|error| too_large(context, &error))?;
    Ok(Some(plan).filter(|plan| !plan.is_empty()).map(Arc::new))
}

fn too_large(context: &Context<'_>, error: &PlanError) -> Diagnostic {
    let name = format!("{}/{}", context.dir, super::Kind::PersonalData.file_name());
    let problem = Diagnostic::about("plan-too-large", name, error.to_string());
    problem.help("let the profile name fewer contact fields, or shorter ones")
}

fn displays(builder: PlanBuilder, rule: &PersonalData) -> PlanBuilder {
    Class::ALL.into_iter().fold(builder, |builder, class| builder.display(class, rule.display(class)))
}

fn hide_contacts(
    context: &Context<'_>,
    mut builder: PlanBuilder,
    rule: &PersonalData,
    scope: &Scope,
) -> PlanBuilder {
    builder = displays(builder, rule);
    // An id is one whatever else a field says of it, else the application does not find what it names.
    for (class, selector) in scope.contact_ids.iter().filter(|(class, _)| rule.hides(*class)) {
        builder = builder.contact_id(*class, selector);
    }
    for field in scope.fields.iter().filter(|field| rule.hides(field.class)) {
        let conditions: Vec<Condition> = field.when.iter().chain(rule.channel()).cloned().collect();
        builder = builder.field_when(field.class, &field.selector, &conditions);
    }
    // A map by ids has the keys that ids elsewhere have.
    let every = context.profile.scopes().last();
    for (class, _) in every.into_iter().flat_map(|scope| &scope.contact_ids) {
        builder = builder.seal_keys(*class);
    }
    for (class, selector) in scope.contact_keys.iter().filter(|(class, _)| rule.hides(*class)) {
        builder = builder.contact_keys(*class, selector);
    }
    for selector in scope.message_text.iter().filter(|_| rule.hides_in_text()) {
        builder = builder.text(selector);
    }
    // Whoever could have copies hidden in what operators write would learn values by writing guesses, and who wrote a
    // message is not known here: so messages have no copies, and are read by shape where the rule says so.
    for selector in &scope.message_text {
        builder = builder.operator_text(selector);
    }
    builder.patterns(rule.hides_in_text()).copies(true)
}
