//! The gateway put together: started, running, drained.
//!
//! `run`, `demo` and the integration tests start the same thing by the same call. Everything that can fail fails here,
//! before a connection is accepted; what fails later costs one request.

use std::{
    net::SocketAddr,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use chatwarden_policy::{diagnostic::Diagnostic, reason::Reason, rules::ActionLog as ActionRule};
use chatwarden_redact::{Class, websocket::Contexts};
use jiff::Timestamp;
use pingora::{
    apps::{HttpServerOptions, ServerApp},
    protocols::http::v2::server::default_h2_options,
    proxy::{HttpProxy, http_proxy},
    server::configuration::ServerConf,
};
use serde_json::{Value, json};
use tokio::{
    net::TcpListener,
    sync::{Semaphore, watch},
    task::{JoinHandle, JoinSet},
};
use tracing::{error, info, warn};

use crate::{
    actions::{self, Action, ActionLog, Entry, Outcome},
    admin::{Admin, Hosts, Reloaded, Token},
    certificates,
    clock::Clock,
    config::Config,
    connection::Switches,
    durable,
    forwarders::Forwarders,
    generation::{self, PolicyCompiler, Running},
    in_band::Known,
    keys::{self, Aliases},
    learnt::LearntSets,
    listen::{self, BindError},
    live::{self, Streams},
    metrics::{self, Metrics, Readiness},
    proxy::{Allowances, ClientKey, Crowd, Knocks, Proxy},
    reload::{self, Cause, Digest, LastGood, Rejection, Reloader, Timing, Watcher},
    vault::StoredVault,
};

/// What every request shares.
pub struct Shared {
    pub(crate) actions: ActionLog,
    vault: Arc<StoredVault>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) clock: Clock,
    pub(crate) knocks: Knocks,
    pub(crate) learnt: LearntSets,
    pub(crate) streams: Arc<Streams>,
    pub(crate) switches: Arc<Switches>,
    pub(crate) writes: Allowances<Box<str>>,
    pub(crate) requests: Allowances<ClientKey>,
    pub(crate) account_requests: Allowances<Box<str>>,
    pub(crate) sign_ins: Allowances<ClientKey>,
    /// Connections by client.
    pub(crate) crowd: Arc<Crowd>,
    /// Compression of WebSockets.
    pub(crate) contexts: Arc<Contexts>,
    pub(crate) in_band: Known,
    /// Who forwards for others and is not trusted.
    pub(crate) forwarders: Forwarders,
    reloader: Reloader<PolicyCompiler>,
    accepting: AtomicBool,
    started: Timestamp,
}

impl Shared {
    /// The rules in force.
    pub(crate) fn running(&self) -> Arc<Running> {
        Arc::clone(&self.reloader.current())
    }
}

/// A running gateway.
pub struct Gateway {
    shared: Arc<Shared>,
    proxy: Arc<HttpProxy<Proxy>>,
    addresses: Vec<SocketAddr>,
    admin: Option<SocketAddr>,
    metrics: Option<SocketAddr>,
    watcher: Option<Watcher>,
    stop: watch::Sender<bool>,
    loops: Vec<JoinHandle<JoinSet<()>>>,
    services: Vec<JoinHandle<()>>,
}

/// Why a gateway does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// Files with errors: config.yaml, rules, profile. Exit code 78.
    #[error("{}", rendered(.0))]
    Files(Vec<Diagnostic>),
    /// An address that is taken, or not ours. Exit code 69.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// A file of the state directory. Exit code 78.
    #[error("{0}")]
    State(String),
    /// A fault of the gateway itself. Exit code 70.
    #[error("{0}")]
    Internal(String),
}

fn rendered(diagnostics: &[Diagnostic]) -> String {
    diagnostics.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// How long the action log may take to write what it holds, at a stop.
const LAST_WRITE: Duration = Duration::from_secs(5);

impl Gateway {
    /// Starts a gateway: binds, loads, listens.
    ///
    /// # Errors
    /// The first thing that keeps it from starting, with all that is wrong with it.
    pub async fn start(config: Config) -> Result<Gateway, StartError> {
        Gateway::start_at(config, Clock::default()).await
    }

    /// Starts a gateway by a given clock.
    ///
    /// # Errors
    /// As `start`.
    pub async fn start_at(config: Config, clock: Clock) -> Result<Gateway, StartError> {
        let listeners: Vec<TcpListener> = config
            .listeners
            .iter()
            .map(|listener| listen::bind(listener.address))
            .collect::<Result<_, _>>()?;
        let admin_listener = config.admin.as_ref().map(|admin| listen::bind(admin.address)).transpose()?;
        let metrics_listener = config.metrics.map(listen::bind).transpose()?;
        durable::make_directory(&config.state).map_err(|error| state_error(&config.state, &error))?;
        let metrics = Arc::new(Metrics::new(verdicts(), Class::ALL.map(Class::name)));
        let (vault, aliases) = open_vault(&config, &metrics)?;
        let config = Arc::new(config);
        let reloader = boot(&config, aliases, clock, &metrics)?;
        let actions = open_actions(&config, &reloader.current())?;
        let token = config
            .admin
            .as_ref()
            .map(|admin| admin_token(&config, admin.token_file.as_deref()))
            .transpose()?;
        let shared = Arc::new(Shared {
            actions,
            vault,
            metrics,
            clock,
            knocks: Knocks::new(Instant::now()),
            learnt: LearntSets::new(),
            streams: Arc::default(),
            switches: Arc::default(),
            writes: Allowances::closed(),
            requests: Allowances::open(),
            account_requests: Allowances::closed(),
            sign_ins: Allowances::open(),
            crowd: Arc::default(),
            contexts: Arc::new(Contexts::new(config.limits.deflate_contexts)),
            in_band: Known::new(),
            forwarders: Forwarders::default(),
            reloader,
            accepting: AtomicBool::new(false),
            started: Timestamp::now(),
        });
        let running = shared.running();
        if let (true, Some(rule)) =
            (shared.reloader.is_degraded(), &running.generation.policy.rules.action_log)
        {
            record(&shared, rule, Action::RulesRestored, running.number, Some(running.digest));
        }
        let mut gateway = Gateway::assemble(shared);
        gateway.watch()?;
        gateway.services.push(tokio::spawn(live::watch(Arc::clone(&gateway.shared))));
        gateway.services.push(tokio::spawn(watch_files(Arc::clone(&gateway.shared))));
        gateway.serve(listeners)?;
        if let Some(listener) = metrics_listener {
            gateway.serve_metrics(listener)?;
        }
        if let (Some(listener), Some(token)) = (admin_listener, token) {
            gateway.serve_admin(listener, token)?;
        }
        gateway.shared.accepting.store(true, Ordering::Release);
        Ok(gateway)
    }

    /// The addresses on which clients come in.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The address of the admin listener.
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.admin
    }

    /// The address of the metrics listener.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics
    }

    /// What the gateway runs with.
    pub fn config(&self) -> Arc<Config> {
        Arc::clone(&self.shared.running().generation.config)
    }

    /// The latest change of the files that was not applied.
    pub fn last_rejection(&self) -> Option<Arc<Rejection<Diagnostic>>> {
        self.shared.reloader.last_rejection()
    }

    /// The number of the generation in force.
    pub fn generation(&self) -> u64 {
        self.shared.running().number
    }

    /// What `/status` tells.
    pub fn status(&self) -> Value {
        status(&self.shared)
    }

    /// Reads config.yaml, profile, rules and token files anew, as SIGHUP asks; all of it or nothing takes effect.
    pub async fn reload(&self) {
        let shared = Arc::clone(&self.shared);
        let done = tokio::task::spawn_blocking(move || reconfigure(&shared)).await;
        if done.is_err() {
            error!("The files could not be looked at, because of a bug in the gateway");
        }
    }

    /// Waits until everything that the action log accepted is on disk.
    pub async fn flush_actions(&self) -> bool {
        let shared = Arc::clone(&self.shared);
        tokio::task::spawn_blocking(move || shared.actions.flush(LAST_WRITE).is_ok()).await.unwrap_or(false)
    }

    /// Stops: no new connections, open requests may end, the action log is written out.
    pub async fn stop(mut self) {
        info!("Stopping");
        self.shared.accepting.store(false, Ordering::Release);
        self.watcher = None;
        self.stop.send_replace(true);
        self.proxy.cleanup().await;
        let patience = self.config().limits.drain_timeout;
        let loops = std::mem::take(&mut self.loops);
        let drained = tokio::time::timeout(patience, async {
            for accepting in loops {
                if let Ok(open) = accepting.await {
                    open.join_all().await;
                }
            }
        });
        if drained.await.is_err() {
            warn!("Requests were still open after the drain timeout and are cut");
        }
        for service in &self.services {
            service.abort();
        }
        let shared = Arc::clone(&self.shared);
        let closed = tokio::task::spawn_blocking(move || {
            shared.reloader.wait_until_kept();
            if shared.vault.close().is_err() {
                error!("Stopped; the newest values of the vault may not be on disk");
            }
            shared.actions.close(LAST_WRITE)
        });
        match closed.await {
            Ok(Ok(())) => info!("Stopped"),
            Ok(Err(unwritten)) => {
                error!(error = %unwritten, "Stopped; entries of the action log could not be written")
            }
            Err(_) => error!("Stopped; the action log could not be closed"),
        }
    }

    fn assemble(shared: Arc<Shared>) -> Gateway {
        let conf = ServerConf { upstream_keepalive_pool_size: POOL_SIZE, ..ServerConf::default() };
        let limits = shared.running().generation.config.limits;
        let mut proxy = http_proxy(&Arc::new(conf), Proxy::new(Arc::clone(&shared)));
        let mut options = HttpServerOptions::default();
        options.h2_idle_timeout = Some(limits.idle_timeout);
        proxy.server_options = Some(options);
        let mut h2 = default_h2_options();
        h2.max_header_list_size(u32::try_from(limits.request_header).unwrap_or(u32::MAX));
        proxy.h2_options = Some(h2);
        let proxy = Arc::new(proxy);
        Gateway {
            shared,
            proxy,
            addresses: Vec::new(),
            admin: None,
            metrics: None,
            watcher: None,
            stop: watch::Sender::new(false),
            loops: Vec::new(),
            services: Vec::new(),
        }
    }

    fn watch(&mut self) -> Result<(), StartError> {
        let (asked, told) = (Arc::clone(&self.shared), Arc::clone(&self.shared));
        let watcher = Watcher::start(
            Timing::default(),
            move || asked.reloader.watched(),
            move |cause| {
                look(&told, cause);
            },
        );
        self.watcher =
            Some(watcher.map_err(|error| StartError::Internal(format!("cannot watch the rules: {error}")))?);
        Ok(())
    }

    fn serve(&mut self, listeners: Vec<TcpListener>) -> Result<(), StartError> {
        let permits = Arc::new(Semaphore::new(self.config().limits.connections.min(Semaphore::MAX_PERMITS)));
        let config = self.config();
        for (index, listener) in listeners.into_iter().enumerate() {
            self.addresses.push(local(&listener)?);
            let Some(configured) = config.listeners.get(index) else { continue };
            let tls = if configured.tls.is_none() {
                None
            } else {
                let tls = certificates::server_config(Arc::clone(&self.shared), configured.address)
                    .map_err(|error| StartError::Internal(format!("TLS cannot be set up: {error}")))?;
                Some(listen::Tls::new(tls, config.limits.handshake_timeout))
            };
            let entrance = listen::Entrance {
                tls,
                announces: configured.proxy_protocol,
                proxy: Arc::clone(&self.proxy),
                shared: Arc::clone(&self.shared),
                permits: Arc::clone(&permits),
            };
            self.loops.push(tokio::spawn(listen::accept(listener, entrance, self.stop.subscribe())));
        }
        Ok(())
    }

    fn serve_metrics(&mut self, listener: TcpListener) -> Result<(), StartError> {
        self.metrics = Some(local(&listener)?);
        let shared = Arc::clone(&self.shared);
        let readiness =
            move || match (shared.accepting.load(Ordering::Acquire), shared.reloader.is_degraded()) {
                (false, _) => Readiness::NotReady,
                (true, false) => Readiness::Ready,
                (true, true) => Readiness::Degraded,
            };
        self.serve_pages(listener, metrics::router(Arc::clone(&self.shared.metrics), readiness));
        Ok(())
    }

    fn serve_admin(&mut self, listener: TcpListener, token: Token) -> Result<(), StartError> {
        let address = local(&listener)?;
        self.admin = Some(address);
        let (told, reloaded) = (Arc::clone(&self.shared), Arc::clone(&self.shared));
        let admin = Admin::new(
            token,
            Hosts::new(address, None),
            move || status(&told),
            move || {
                reload_tokens(&reloaded);
                look(&reloaded, Cause::Admin)
            },
        );
        self.serve_pages(listener, admin.router());
        Ok(())
    }

    fn serve_pages(&mut self, listener: TcpListener, router: axum::Router) {
        self.services.push(tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                error!(%error, "A listener for ops ended");
            }
        }));
    }
}

/// Connections to the application that are kept for the next request.
const POOL_SIZE: usize = 512;

fn local(listener: &TcpListener) -> Result<SocketAddr, StartError> {
    listener.local_addr().map_err(|error| StartError::Internal(error.to_string()))
}

fn boot(
    config: &Arc<Config>,
    aliases: Aliases,
    clock: Clock,
    metrics: &Arc<Metrics>,
) -> Result<Reloader<PolicyCompiler>, StartError> {
    let compiler = PolicyCompiler::new(Arc::clone(config), aliases, clock);
    let store = LastGood::new(&config.state);
    Reloader::boot(compiler, generation::sources(config), store, Arc::clone(metrics))
        .map_err(|error| StartError::Files(error.diagnostics))
}

/// The keys, and the vault that was made with them.
fn open_vault(config: &Config, metrics: &Metrics) -> Result<(Arc<StoredVault>, Aliases), StartError> {
    let keys = keys::key_ring(config).map_err(|error| StartError::State(error.to_string()))?;
    let limit = config.limits.vault_values;
    let vault = StoredVault::open(&config.state, &keys, limit, metrics.vault.clone())
        .map_err(|error| StartError::State(error.to_string()))?;
    Ok((Arc::clone(&vault), Aliases { keys: Arc::new(keys), vault }))
}

fn open_actions(config: &Config, running: &Running) -> Result<ActionLog, StartError> {
    let keep_days = running.generation.policy.rules.action_log.as_ref().map(|rule| rule.keep_days);
    let options = actions::Options { keep_days, ..actions::Options::default() };
    ActionLog::open(&config.action_log, options)
        .map_err(|error| StartError::State(format!("the action log cannot be opened: {error}")))
}

fn admin_token(config: &Config, file: Option<&Path>) -> Result<Token, StartError> {
    let token = match file {
        Some(file) => Token::in_file(file),
        None => Token::in_state(&config.state),
    };
    token.map_err(|error| StartError::State(error.to_string()))
}

fn state_error(state: &Path, error: &std::io::Error) -> StartError {
    StartError::State(format!("the state directory {} cannot be used: {error}", state.display()))
}

/// Reads config.yaml anew, and everything that it names. An error in any of it leaves all as it is.
fn reconfigure(shared: &Shared) {
    let running = Arc::clone(&shared.running().generation.config);
    let fresh = match Config::load(&running.file) {
        Ok(fresh) => fresh,
        Err(problems) => {
            warn!(problems = problems.len(), "config.yaml rejected; the running settings stay");
            for problem in problems {
                warn!(problem = problem.brief(), "Problem in config.yaml");
            }
            return;
        }
    };
    for key in running.fixed_keys_that_differ(&fresh) {
        warn!(key, "This change of config.yaml takes effect at the next start");
    }
    reload_tokens(shared);
    let fresh = Arc::new(fresh);
    told(shared, || {
        shared.reloader.recompile(
            |compiler| compiler.configure(fresh),
            |compiler, before| drop(compiler.configure(before)),
        )
    });
}

/// Looks at the rule files, and writes what came of it into the action log.
fn look(shared: &Shared, cause: Cause) -> Reloaded {
    told(shared, || shared.reloader.reload(cause))
}

fn told(shared: &Shared, reload: impl FnOnce() -> reload::Outcome<PolicyCompiler>) -> Reloaded {
    let before = shared.reloader.last_rejection();
    let outcome = reload();
    let running = shared.running();
    if matches!(outcome, reload::Outcome::Applied(_)) {
        shared.streams.judge_all();
    }
    let (action, in_force, diagnostics) = match &outcome {
        reload::Outcome::Applied(running) => (Some(Action::RulesApplied), true, json!(running.warnings)),
        reload::Outcome::Unchanged(running) => (None, true, json!(running.warnings)),
        reload::Outcome::Rejected(rejection) => {
            let known = before.is_some_and(|before| Arc::ptr_eq(&before, rejection));
            ((!known).then_some(Action::RulesRejected), false, json!(rejection.diagnostics))
        }
    };
    let rule = running.generation.policy.rules.action_log.as_ref();
    if let Some(rule) = rule {
        shared.actions.keep(Some(rule.keep_days));
    }
    if let (Some(action), Some(rule)) = (action, rule) {
        let digest = match &outcome {
            reload::Outcome::Rejected(rejection) => rejection.digest,
            reload::Outcome::Applied(_) | reload::Outcome::Unchanged(_) => Some(running.digest),
        };
        record(shared, rule, action, running.number, digest);
    }
    let body = json!({
        "in_force": in_force,
        "generation": running.number,
        "digest": running.digest,
        "diagnostics": diagnostics,
    });
    Reloaded { in_force, body }
}

/// Writes what became of the rules into the action log; `digest` is of the files, where they could be read.
fn record(shared: &Shared, rule: &ActionRule, action: Action, generation: u64, digest: Option<Digest>) {
    let files =
        digest.map_or_else(|| "unreadable files".to_owned(), |digest| format!("digest {}", digest.short()));
    let note = format!("generation {generation} in force, {files}");
    let entry = Entry::new(Timestamp::now(), &action.into(), Outcome::Done, generation).note(&note);
    if rule.records(entry.action()) && shared.actions.append(entry).is_err() {
        shared.metrics.action_log_dropped.inc();
    }
}

/// Reads tokens and certificates anew when their files change, for as long as the gateway runs.
async fn watch_files(shared: Arc<Shared>) {
    loop {
        tokio::time::sleep(FILES_PACE).await;
        let asked = Arc::clone(&shared);
        let read = tokio::task::spawn_blocking(move || {
            if asked
                .running()
                .generation
                .certificates
                .iter()
                .any(|(_, certificates)| certificates.have_changed())
            {
                reload_certificates(&asked);
            }
        });
        // A panic there is told by the runtime; the next look is as good as this one.
        let _ = read.await;
    }
}

/// How often it is looked at files that ops renew.
const FILES_PACE: Duration = Duration::from_secs(1);

fn reload_certificates(shared: &Shared) {
    let running = shared.running();
    for (_, certificates) in &running.generation.certificates {
        match certificates.reload() {
            Ok(fresh) => {
                fresh.apply();
                info!(files = ?certificates, "Certificates read anew");
            }
            Err(errors) => {
                for error in errors {
                    warn!(%error, "Certificate rejected; the ones before it stay");
                }
            }
        }
    }
}

fn reload_tokens(shared: &Shared) {
    match shared.running().generation.identity.reload() {
        Ok(tokens) => {
            tokens.apply();
            shared.streams.judge_all();
        }
        Err(errors) => {
            for error in errors {
                warn!(%error, "Token file rejected; the tokens before it stay");
            }
        }
    }
}

fn status(shared: &Shared) -> Value {
    let mut status = shared.reloader.status();
    let running = shared.running();
    let rules = &running.generation.policy.rules;
    let settings: Vec<Value> = rules
        .states
        .iter()
        .map(|(kind, state)| json!({ "name": kind.name(), "state": state.words() }))
        .collect();
    if let Some(status) = status.as_object_mut() {
        status.insert("version".to_owned(), json!(env!("CARGO_PKG_VERSION")));
        status.insert("app".to_owned(), json!(running.generation.policy.profile.app));
        status.insert("settings".to_owned(), json!(settings));
        status.insert("vault".to_owned(), json!(shared.vault.status()));
        status.insert("action_log".to_owned(), json!(shared.actions.status()));
        status.insert("open_streams".to_owned(), json!(shared.streams.count()));
        status.insert("untrusted_forwarders".to_owned(), json!(shared.forwarders.seen()));
        status.insert("undeclared_groups".to_owned(), json!(shared.metrics.undeclared_groups.get()));
        let uptime = Timestamp::now().duration_since(shared.started);
        status.insert("uptime_seconds".to_owned(), json!(uptime.as_secs()));
    }
    status
}

/// Every pair of labels that a request can end with.
fn verdicts() -> Vec<(&'static str, &'static str)> {
    let mut verdicts = vec![("allowed", "none"), ("aborted", "none")];
    for reason in Reason::ALL {
        let pair = ("refused", reason.code());
        if !verdicts.contains(&pair) {
            verdicts.push(pair);
        }
    }
    verdicts
}
