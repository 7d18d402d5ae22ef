//! From the bytes of a rule set to the policy that requests are judged by.
//!
//! The reload room knows bytes and generations, the policy room knows rules; this file is where they meet.

use std::sync::Arc;

use chatwarden_policy::{
    diagnostic::{Diagnostic, Severity},
    policy::Policy,
    profile::Profile,
    rules::{self, Context, Kind, RuleSources},
};
use chatwarden_redact::AliasKey;

use crate::{
    clock::Clock,
    config::{Config, ProfileSource},
    profiles,
    reload::{Before, CompileResult, Compiler, ReadProblem, Running, Snapshot, Sources},
};

/// The generation of rules that a request is judged by.
pub type Generation = Running<PolicyCompiler>;

/// Compiles rule files and profile under the settings of config.yaml.
pub struct PolicyCompiler {
    profile: ProfileSource,
    printed_profile: String,
    printed_rules: String,
    alias_key: AliasKey,
    super_admin_roles: Vec<String>,
    settings: Option<Vec<Kind>>,
    clock: Clock,
}

impl PolicyCompiler {
    /// A compiler for the rules that `config` names.
    pub fn new(config: &Config, alias_key: AliasKey, clock: Clock) -> Self {
        let printed_profile = match &config.profile {
            ProfileSource::Bundled(name) => format!("{name}.yaml (bundled)"),
            ProfileSource::File(path) => path.display().to_string(),
        };
        Self {
            profile: config.profile.clone(),
            printed_profile,
            printed_rules: config.rules.display().to_string(),
            alias_key,
            super_admin_roles: config.super_admin_roles.clone(),
            settings: config.settings.clone(),
            clock,
        }
    }

    fn profile(&self, snapshot: &Snapshot) -> Result<(Profile, Vec<Diagnostic>), Vec<Diagnostic>> {
        let bytes = match &self.profile {
            ProfileSource::Bundled(name) => profiles::bundled(name).map(str::as_bytes),
            ProfileSource::File(_) => snapshot.profile(),
        };
        match bytes {
            Some(bytes) => Profile::parse(&self.printed_profile, bytes, &profiles::bundled),
            None => {
                let message = format!("there is no bundled profile `{}`", self.printed_profile);
                let problem = Diagnostic::about("unknown-profile", &self.printed_profile, message);
                Err(vec![problem.help(format!("bundled are {}; a path needs a `/`", profiles::names()))])
            }
        }
    }
}

impl Compiler for PolicyCompiler {
    type Generation = Policy;
    type Diagnostic = Diagnostic;

    fn compile(&self, snapshot: &Snapshot, before: Before<'_, Policy>) -> CompileResult<Self> {
        let (profile, mut told) = match self.profile(snapshot) {
            Ok((profile, warnings)) => (Ok(profile), warnings),
            Err(problems) => (Err(()), problems),
        };
        // Rules are checked against the profile; without one its problems are all that can be told.
        let Ok(profile) = profile else { return Err(told) };
        let in_force: Vec<Kind> = before.in_force.iter().filter_map(|name| kind(name)).collect();
        let sources =
            RuleSources { files: snapshot.rules().clone(), lists: &|name| snapshot.read_list(name) };
        let context = Context {
            profile: &profile,
            alias_key: &self.alias_key,
            super_admin_roles: &self.super_admin_roles,
            settings: self.settings.as_deref(),
            today: self.clock.today(),
            in_force: &in_force,
            dir: &self.printed_rules,
        };
        let (rules, diagnostics) = rules::compile(&sources, &context);
        told.extend(diagnostics);
        match rules {
            Some(rules) if told.iter().all(|problem| problem.severity != Severity::Error) => {
                Ok((Policy { profile: Arc::new(profile), rules }, told))
            }
            Some(_) | None => Err(told),
        }
    }

    fn diagnostic(&self, problem: ReadProblem) -> Diagnostic {
        Diagnostic::about("unreadable-file", problem.file, problem.message)
    }

    fn in_force(&self, policy: &Policy) -> Vec<String> {
        policy.rules.in_force().into_iter().map(|kind| kind.name().to_owned()).collect()
    }
}

fn kind(name: &str) -> Option<Kind> {
    Kind::ALL.iter().copied().find(|kind| kind.name() == name)
}

/// Where the reload room reads from.
pub fn sources(config: &Config) -> Sources {
    let profile = match &config.profile {
        ProfileSource::Bundled(_) => None,
        ProfileSource::File(path) => Some(path.clone()),
    };
    Sources { rules: config.rules.clone(), profile }
}
