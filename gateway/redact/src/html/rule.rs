//! What of a page is hidden, as profiles declare it, and the same compiled.
//!
//! Selectors are CSS as far as lol_html knows it; they are parsed here once and shared by every page under the plan.

use lol_html::{Selector, errors::SelectorError};

use crate::{class::Class, plan::PlanError};

/// Elements of a page, and what of them holds contact data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HtmlRule {
    /// A CSS selector.
    pub select: String,
    /// What of the elements holds the value.
    pub target: HtmlTarget,
    /// What the value is.
    pub class: Class,
}

impl HtmlRule {
    /// Looks whether the selector is one.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(&self) -> Result<(), HtmlSelectorError> {
        self.select.parse::<Selector>().map(drop).map_err(HtmlSelectorError)
    }
}

/// Where in an element a value is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HtmlTarget {
    /// In its text, with that of all elements within it.
    Text,
    /// In the attribute of this name.
    Attribute(String),
}

/// What is wrong with the selector of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(transparent)]
pub struct HtmlSelectorError(SelectorError);

/// The rules of a plan, as they are declared.
#[derive(Clone, Debug, Default)]
pub(crate) struct Declared {
    pub(crate) rules: Vec<HtmlRule>,
    /// The names of variables that hold state.
    pub(crate) states: Vec<String>,
}

impl Declared {
    /// Compiles the rules.
    pub(crate) fn compile(self) -> Result<Rules, PlanError> {
        let compile = |(number, rule): (usize, HtmlRule)| {
            let problem = |error| PlanError::HtmlSelector { rule: number, problem: HtmlSelectorError(error) };
            let selector = rule.select.parse().map_err(problem)?;
            Ok(Rule { selector, target: rule.target, class: rule.class })
        };
        let rules = self.rules.into_iter().enumerate().map(compile).collect::<Result<_, _>>()?;
        Ok(Rules { rules, states: self.states })
    }
}

/// The compiled rules of a plan.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    pub(super) rules: Vec<Rule>,
    /// The names of variables that hold state: what is assigned to them must be JSON.
    pub(super) states: Vec<String>,
}

#[derive(Debug)]
pub(super) struct Rule {
    pub(super) selector: Selector,
    pub(super) target: HtmlTarget,
    pub(super) class: Class,
}

impl Rules {
    /// Whether there is nothing to hide.
    pub(crate) fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }
}
