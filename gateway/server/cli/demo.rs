//! `chatwarden demo`: a sample chat app, the gateway in front of it, and things to try.
//!
//! Everything runs in this process, on loopback. The files of the demo are copies of the repository's own, to be
//! edited with any editor; what is there already stays.

use std::{
    fs,
    io::{self, ErrorKind, Write},
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use clap::Args;

use super::{Failure, exit, run, schema};
use crate::{
    config::Config,
    demo::{App, Embedder, Try, things_to_try},
    gateway::{Gateway, StartError},
    listen::BindError,
};

/// Arguments of `chatwarden demo`.
#[derive(Args, Clone, Debug)]
pub struct DemoArgs {
    /// Where the demo's config.yaml, rules and profiles are written; what is there stays
    #[arg(default_value = "chatwarden-demo")]
    dir: PathBuf,
}

/// The approved embedder's port, as rules/iframe.yaml names it, and the other's.
const EMBEDDERS: [u16; 2] = [8091, 8092];

/// Starts the demo.
pub fn run(args: &DemoArgs) -> Result<u8, Failure> {
    run::LogsArgs::default().start("error");
    write_files(&args.dir)?;
    let config = Config::load(&args.dir.join("config.yaml")).map_err(Failure::Files)?;
    run::runtime()?.block_on(async {
        let demo = Demo::start(config).await?;
        demo.introduce(&args.dir)?;
        let gateway = Arc::new(demo.gateway);
        let told = tokio::spawn(tell_reloads(Arc::clone(&gateway)));
        run::wait_for_stop(&gateway).await?;
        told.abort();
        // The task that tells is the only other owner, and it is gone or going.
        let _ = told.await;
        if let Some(gateway) = Arc::into_inner(gateway) {
            gateway.stop().await;
        }
        Ok(exit::OK)
    })
}

struct Demo {
    gateway: Gateway,
    url: String,
    embedders: [String; 2],
    /// Stopped when dropped.
    _apps: (App, Vec<Embedder>),
}

impl Demo {
    async fn start(config: Config) -> Result<Demo, Failure> {
        let upstream = config.upstream.address;
        let app = App::start(upstream).await.map_err(|error| cannot_bind(upstream, error))?;
        let gateway = Gateway::start(config).await?;
        let address = gateway.addresses().first().copied().unwrap_or(upstream);
        let url = format!("http://{address}");
        let mut embedders = Vec::new();
        for (port, label) in EMBEDDERS.into_iter().zip(["Approved CRM", "Unknown site"]) {
            let v4 = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            embedders.push(Embedder::start(v4, &url, label).await.map_err(|error| cannot_bind(v4, error))?);
            // A browser may take `localhost` for either address; a machine without IPv6 has only one.
            embedders.extend(Embedder::start((Ipv6Addr::LOCALHOST, port).into(), &url, label).await.ok());
        }
        let embedder_urls = EMBEDDERS.map(|port| format!("http://localhost:{port}"));
        Ok(Demo { gateway, url, embedders: embedder_urls, _apps: (app, embedders) })
    }

    fn introduce(&self, dir: &Path) -> io::Result<()> {
        let mut out = io::stdout().lock();
        let url = &self.url;
        writeln!(out, "\nChatwarden guards a sample chat app.\n")?;
        writeln!(out, "  the app, through the gateway   {url}")?;
        writeln!(out, "  embedded on an approved site   {}", self.embedders[0])?;
        writeln!(out, "  embedded on an unknown site    {}", self.embedders[1])?;
        writeln!(out, "  the rules, yours to edit       {}", dir.join("rules").display())?;
        writeln!(
            out,
            "\nSign in as super-admin, supervisor, trainee or partner: the page has a button for each."
        )?;
        writeln!(
            out,
            "A saved rule file takes effect within a second; a mistake is told here, and the old rules stay.\n"
        )?;
        writeln!(out, "Things to try:")?;
        for attempt in things_to_try(url, &self.embedders[0], &self.embedders[1]) {
            let persona =
                if attempt.persona.is_empty() { String::new() } else { format!("as {} ", attempt.persona) };
            writeln!(out, "  {persona}{} → {}", attempt.what, place(dir, &attempt))?;
        }
        if let Some(metrics) = self.gateway.metrics_address() {
            writeln!(out, "\nCounts: http://{metrics}/metrics")?;
        }
        let config = dir.join("config.yaml");
        let command = std::env::args().next().unwrap_or_else(|| "chatwarden".to_owned());
        writeln!(out, "The action log: {command} log --config {}", config.display())?;
        writeln!(out, "\nCtrl-C stops the demo.")?;
        out.flush()
    }
}

/// Tells what becomes of each save.
async fn tell_reloads(gateway: Arc<Gateway>) {
    let (mut generation, mut rejection) = (gateway.generation(), gateway.last_rejection());
    let mut tick = tokio::time::interval(Duration::from_millis(100));
    loop {
        tick.tick().await;
        let mut out = io::stdout().lock();
        let latest = gateway.last_rejection();
        let known = latest.as_ref().zip(rejection.as_ref()).is_some_and(|(new, old)| Arc::ptr_eq(new, old));
        if let Some(rejected) = latest.as_ref().filter(|_| !known) {
            for problem in &rejected.diagnostics {
                let _ = writeln!(out, "\n{problem}");
            }
            let _ = writeln!(out, "Not applied: the rules before this save stay in force.");
        }
        rejection = latest;
        let now = gateway.generation();
        if now != generation {
            let _ = writeln!(out, "Applied: the rules as saved are in force (generation {now}).");
        }
        generation = now;
    }
}

/// `files.yaml:4`, as the file stands now.
fn place(dir: &Path, attempt: &Try) -> String {
    let text = fs::read_to_string(dir.join("rules").join(attempt.rule_file)).unwrap_or_default();
    match text.lines().position(|line| line.trim_start().starts_with(attempt.needle)) {
        Some(index) => format!("{}:{}", attempt.rule_file, index + 1),
        None => attempt.rule_file.to_owned(),
    }
}

fn cannot_bind(address: SocketAddr, error: io::Error) -> Failure {
    StartError::Bind(BindError { address, error }).into()
}

/// Writes the demo's files, but for those that are there.
fn write_files(dir: &Path) -> Result<(), Failure> {
    for (name, text) in FILES {
        write_new(&dir.join(name), text)?;
    }
    for (name, shape) in schema::all() {
        write_new(&dir.join(format!("rules/.schema/{name}.schema.json")), &schema::text(name, shape)?)?;
    }
    Ok(())
}

fn write_new(path: &Path, text: &str) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    match fs::OpenOptions::new().write(true).create_new(true).open(path) {
        Ok(mut file) => file.write_all(text.as_bytes()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

macro_rules! files {
    ($($name:literal),+ $(,)?) => { [ $( ($name, include_str!(concat!("../../../", $name))), )+ ] };
}

/// Copies of the repository's own files.
const FILES: [(&str, &str); 12] = files![
    "config.yaml",
    "profiles/blinger.yaml",
    "profiles/generic.yaml",
    "rules/groups.yaml",
    "rules/ip-whitelist.yaml",
    "rules/lists/partners.txt",
    "rules/files.yaml",
    "rules/downloads.yaml",
    "rules/personal-data.yaml",
    "rules/iframe.yaml",
    "rules/webhooks.yaml",
    "rules/action-log.yaml",
];
