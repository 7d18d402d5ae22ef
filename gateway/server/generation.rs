//! From the bytes of config.yaml, profile and rules to what requests are judged by.
//!
//! The reload room knows bytes and generations, the policy room knows rules; this file is where they meet. A generation
//! is whole: rules, profile, settings and identity sources change together or not at all.

use std::{net::SocketAddr, sync::Arc};

use arc_swap::ArcSwap;
use chatwarden_policy::{
    diagnostic::Diagnostic,
    policy::Policy,
    profile::Profile,
    rules::{self, Context, Kind, RuleSources},
};
use http::{HeaderMap, HeaderValue};
use tokio::sync::Semaphore;
use tracing::warn;

use crate::{
    certificates::Certificates,
    clock::Clock,
    config::{Config, ProfileSource},
    identity::{Resolver, SettingError, SourceSettings, Upstream},
    keys::Aliases,
    profiles,
    reload::{self, Before, CompileResult, Compiler, Digest, ReadProblem, Snapshot, Sources},
    secret::read_secret,
};

/// A generation with its number, as requests hold it from start to end.
pub type Running = reload::Running<PolicyCompiler>;

/// All that a request is judged by, swapped whole.
pub struct Generation {
    /// The rules, and the profile that they govern.
    pub policy: Policy,
    /// What ops decided.
    pub config: Arc<Config>,
    /// Who tells who is calling.
    pub identity: Arc<Resolver>,
    /// The certificates of listeners, by the address that config.yaml gives them.
    pub certificates: Vec<(SocketAddr, Arc<Certificates>)>,
    /// Headers by which the application knows the gateway.
    pub upstream_headers: HeaderMap,
    /// What aliases are made with, and where they find their values again.
    pub aliases: Aliases,
    /// The digest of all that decides what of an answer somebody is shown.
    pub shown: Digest,
}

/// Compiles rule files and profile under the settings of config.yaml.
pub struct PolicyCompiler {
    config: ArcSwap<Config>,
    aliases: Aliases,
    clock: Clock,
}

impl PolicyCompiler {
    /// A compiler for the rules that `config` names.
    pub fn new(config: Arc<Config>, aliases: Aliases, clock: Clock) -> Self {
        Self { config: ArcSwap::new(config), aliases, clock }
    }

    /// Has the next generation compiled under another config.yaml, and returns the one before.
    pub fn configure(&self, config: Arc<Config>) -> Arc<Config> {
        self.config.swap(config)
    }

    fn profile(
        &self,
        config: &Config,
        snapshot: &Snapshot,
    ) -> Result<(Profile, Vec<Diagnostic>), Vec<Diagnostic>> {
        let printed = match &config.profile {
            ProfileSource::Bundled(name) => format!("{name}.yaml (bundled)"),
            ProfileSource::File(path) => path.display().to_string(),
        };
        let bytes = match &config.profile {
            ProfileSource::Bundled(name) => profiles::bundled(name).map(str::as_bytes).ok_or_else(|| {
                let problem =
                    Diagnostic::about("unknown-profile", &printed, "there is no such bundled profile");
                problem.help(format!("bundled are {}; a path needs a `/`", profiles::names()))
            }),
            ProfileSource::File(_) => snapshot.profile().ok_or_else(|| {
                let message = "it was not the profile at start, and is read after the next one";
                Diagnostic::about("profile-needs-restart", &printed, message)
            }),
        };
        Profile::parse(&printed, bytes.map_err(|problem| vec![problem])?, &profiles::bundled)
    }
}

impl Compiler for PolicyCompiler {
    type Generation = Generation;
    type Diagnostic = Diagnostic;

    fn compile(&self, snapshot: &Snapshot, before: Before<'_, Generation>) -> CompileResult<Self> {
        let config = self.config.load_full();
        // Rules are checked against the profile; without one its problems are all that can be told.
        let (profile, mut told) = self.profile(&config, snapshot)?;
        let in_force: Vec<Kind> = before.in_force.iter().filter_map(|name| kind(name)).collect();
        let sources =
            RuleSources { files: snapshot.rules().clone(), lists: &|name| snapshot.read_list(name) };
        let printed_rules = config.rules.display().to_string();
        let context = Context {
            profile: &profile,
            proxies: &config.trusted_proxies,
            keys: &self.aliases.keys,
            vault: &self.aliases.vault,
            super_admin_roles: &config.super_admin_roles,
            settings: config.settings.as_deref(),
            today: self.clock.today(),
            in_force: &in_force,
            dir: &printed_rules,
        };
        let (rules, diagnostics) = rules::compile(&sources, &context);
        told.extend(diagnostics);
        let upstream_headers = upstream_headers(&config, before.generation);
        let known = upstream_headers.as_ref().cloned().unwrap_or_default();
        let identity = resolver(&config, &profile, known, before.generation);
        let certificates = certificates(&config, before.generation);
        match (rules, identity, certificates, upstream_headers) {
            (Some(rules), Ok(identity), Ok(certificates), Ok(upstream_headers)) => {
                let policy = Policy { profile: Arc::new(profile), rules };
                let shown = shown(&config, snapshot);
                let aliases = self.aliases.clone();
                let generation =
                    Generation { policy, config, identity, certificates, upstream_headers, aliases, shown };
                Ok((generation, told))
            }
            (_, identity, certificates, headers) => {
                let errors = [identity.err(), certificates.err(), headers.err()];
                told.extend(errors.into_iter().flatten().flatten());
                Err(told)
            }
        }
    }

    fn diagnostic(&self, problem: ReadProblem) -> Diagnostic {
        let diagnostic = Diagnostic::about(problem.code, problem.file, problem.message);
        match problem.help {
            Some(help) => diagnostic.help(help),
            None => diagnostic,
        }
    }

    fn brief(&self, diagnostic: &Diagnostic) -> String {
        diagnostic.brief()
    }

    fn in_force(&self, generation: &Generation) -> Vec<String> {
        generation.policy.rules.in_force().into_iter().map(|kind| kind.name().to_owned()).collect()
    }
}

/// The digest of what plans and groups are compiled from, and of what an app's accounts are taken for.
fn shown(config: &Config, snapshot: &Snapshot) -> Digest {
    let shows = |name: &str| matches!(kind(name), Some(Kind::Groups | Kind::Files | Kind::PersonalData));
    let stem = |name: &str| name.rsplit_once('.').is_some_and(|(stem, _)| shows(stem));
    let profile = match &config.profile {
        // A bundled profile changes with the binary.
        ProfileSource::Bundled(name) => name.as_bytes(),
        ProfileSource::File(_) => snapshot.profile().unwrap_or_default(),
    };
    let roles = config.super_admin_roles.join("\0");
    let limits = format!("{:?}", config.limits.redaction());
    let own = [env!("CARGO_PKG_VERSION").as_bytes(), roles.as_bytes(), limits.as_bytes(), profile];
    let rules = snapshot
        .rules()
        .iter()
        .filter(|(name, _)| stem(name))
        .flat_map(|(name, bytes)| [name.as_bytes(), bytes.as_slice()]);
    let mut all = Vec::new();
    for part in own.into_iter().chain(rules) {
        all.extend_from_slice(&(part.len() as u64).to_le_bytes());
        all.extend_from_slice(part);
    }
    Digest::of(&all)
}

fn kind(name: &str) -> Option<Kind> {
    Kind::ALL.iter().copied().find(|kind| kind.name() == name)
}

/// The identity sources of config.yaml, else of the profile. Where neither changed, those that run go on, with what they
/// remember.
/// The application is told a secret that only the gateway has, so that it can turn everybody else away.
fn upstream_headers(
    config: &Arc<Config>,
    running: Option<&Generation>,
) -> Result<HeaderMap, Vec<Diagnostic>> {
    if let Some(running) = running.filter(|running| Arc::ptr_eq(&running.config, config)) {
        return Ok(running.upstream_headers.clone());
    }
    let (mut headers, mut errors) = (HeaderMap::new(), Vec::new());
    for (name, file) in &config.upstream.headers {
        let read = read_secret(file).map_err(|error| error.to_string()).and_then(|read| {
            if read.readable_by_others {
                warn!(file = %file.display(), "Others on this machine can read the file of a secret");
            }
            HeaderValue::from_bytes(read.secret.expose())
                .map_err(|_| "the secret has characters that no header may hold".to_owned())
        });
        match read {
            Ok(mut value) => {
                value.set_sensitive(true);
                headers.insert(name.clone(), value);
            }
            Err(message) => {
                let message = format!("{}: {message}", file.display());
                let path = format!("upstream.headers.{name}");
                errors.push(config.problem("upstream-header", &SettingError { path, message, help: None }));
            }
        }
    }
    if errors.is_empty() { Ok(headers) } else { Err(errors) }
}

fn certificates(
    config: &Arc<Config>,
    running: Option<&Generation>,
) -> Result<Vec<(SocketAddr, Arc<Certificates>)>, Vec<Diagnostic>> {
    if let Some(running) = running.filter(|running| Arc::ptr_eq(&running.config, config)) {
        return Ok(running.certificates.clone());
    }
    let (mut all, mut errors) = (Vec::new(), Vec::new());
    for (index, listener) in config.listeners.iter().enumerate() {
        let Some(files) = &listener.tls else { continue };
        match Certificates::load(format!("listeners[{index}].tls"), files) {
            Ok(certificates) => all.push((listener.address, Arc::new(certificates))),
            Err(found) => errors.extend(found.iter().map(|error| config.problem("certificate", error))),
        }
    }
    if errors.is_empty() { Ok(all) } else { Err(errors) }
}

fn resolver(
    config: &Arc<Config>,
    profile: &Profile,
    headers: HeaderMap,
    running: Option<&Generation>,
) -> Result<Arc<Resolver>, Vec<Diagnostic>> {
    let same = running.filter(|running| {
        Arc::ptr_eq(&running.config, config) && running.policy.profile.identity == profile.identity
    });
    if let Some(running) = same {
        return Ok(Arc::clone(&running.identity));
    }
    let sources: Vec<SourceSettings> = match (&profile.identity, config.identity.is_empty()) {
        (Some(introspection), true) => {
            let misfit = |error: serde_json::Error| {
                let message = format!("its `identity` cannot be used: {error}");
                vec![Diagnostic::about("identity-source", "profile", message)]
            };
            let introspection = serde_json::from_value(introspection.clone()).map_err(misfit)?;
            vec![SourceSettings { introspection: Some(introspection), ..SourceSettings::default() }]
        }
        (_, _) => config.identity.clone(),
    };
    let upstream = Upstream {
        address: config.upstream.address.to_string(),
        headers,
        calls: Arc::new(Semaphore::new(config.limits.introspections)),
    };
    let resolver = Resolver::new(&sources, config.base(), &upstream).map_err(|errors| {
        errors.iter().map(|error| config.problem("identity-source", error)).collect::<Vec<_>>()
    })?;
    for warning in resolver.warnings() {
        warn!(setting = %warning.path, "{}", warning.message);
    }
    Ok(Arc::new(resolver))
}

/// Where the reload room reads from.
pub fn sources(config: &Config) -> Sources {
    let profile = match &config.profile {
        ProfileSource::Bundled(_) => None,
        ProfileSource::File(path) => Some(path.clone()),
    };
    Sources { rules: config.rules.clone(), profile }
}
