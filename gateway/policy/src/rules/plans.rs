//! What is hidden, compiled at load for every combination that a request can need.
//!
//! A request has one of the profile's scopes, and a caller from whom contact data, links to files or both are hidden;
//! so each scope has three plans, and none is made while a request waits.

use std::sync::Arc;

use chatwarden_redact::{Class, Plan};

use super::{Context, PersonalData};
use crate::{
    diagnostic::{Diagnostic, Diagnostics},
    profile::Scope,
};

/// The compiled plans.
#[derive(Debug, Default)]
pub struct Plans {
    scopes: Vec<ScopePlans>,
}

/// The plans of one scope; none where there is nothing to hide.
#[derive(Debug, Default)]
struct ScopePlans {
    contacts: Option<Arc<Plan>>,
    links: Option<Arc<Plan>>,
    both: Option<Arc<Plan>>,
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
        });
        Plans { scopes: scopes.collect() }
    }
}

fn compile_plan(
    context: &Context<'_>,
    rule: Option<&PersonalData>,
    scope: &Scope,
    links: bool,
) -> Result<Option<Arc<Plan>>, Diagnostic> {
    let mut builder = Plan::builder();
    // A value that is both a contact field and a link is hidden as the contact field.
    if let Some(rule) = rule {
        for class in Class::ALL {
            builder = builder.display(class, rule.display(class));
        }
        for (class, selector) in scope.fields.iter().filter(|(class, _)| rule.hides(*class)) {
            builder = builder.field(*class, selector);
        }
    }
    for selector in context.profile.file_urls().iter().filter(|_| links) {
        builder = builder.field(Class::FileUrl, selector);
    }
    let plan = builder.build(context.alias_key).map_err(|error| {
        let name = format!("{}/{}", context.dir, super::Kind::PersonalData.file_name());
        let problem = Diagnostic::about("plan-too-large", name, error.to_string());
        problem.help("let the profile name fewer contact fields, or shorter ones")
    })?;
    Ok(Some(plan).filter(|plan| !plan.is_empty()).map(Arc::new))
}
