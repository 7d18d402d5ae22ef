//! The command line.
//!
//! Every command calls what the running gateway calls; here are arguments, words and exit codes.

pub mod check;
pub mod demo;
pub mod keys;
pub mod log;
pub mod mask;
pub mod run;
pub mod schema;

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::ExitCode,
};

use chatwarden_policy::diagnostic::Diagnostic;
use clap::{Args, Parser, Subcommand};

use crate::{config::Config, gateway::StartError};

/// A security gateway for customer-chat applications.
#[derive(Debug, Parser)]
#[command(name = "chatwarden", version, about)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the gateway
    Run(run::RunArgs),
    /// Check config.yaml, profile and rules, and run their examples
    Check(check::CheckArgs),
    /// Start a sample chat app with the gateway in front of it
    Demo(demo::DemoArgs),
    /// Make keys for aliases
    Keys(keys::KeysArgs),
    /// Read the action log
    Log(log::LogArgs),
    /// Hide contact data in files or in stdin, as the gateway does for an operator
    Mask(mask::MaskArgs),
    /// Print the JSON Schema of a file, for editors
    Schema(schema::SchemaArgs),
}

/// Which configuration.
#[derive(Args, Clone, Debug)]
pub struct ConfigArgs {
    /// The gateway's configuration [default: $CHATWARDEN_CONFIG, ./config.yaml, /etc/chatwarden/config.yaml]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// Exit codes; `USAGE` is what argument errors end with.
pub mod exit {
    /// Fine.
    pub const OK: u8 = 0;
    /// There are findings.
    pub const FINDINGS: u8 = 1;
    /// The command was not called right.
    pub const USAGE: u8 = 64;
    /// An address is in use.
    pub const ADDRESS: u8 = 69;
    /// A fault of the gateway.
    pub const INTERNAL: u8 = 70;
    /// Configuration or rules have errors.
    pub const CONFIGURATION: u8 = 78;
}

/// Runs the command that the process was called with.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are answers, not errors.
            let code = if error.use_stderr() { exit::USAGE } else { exit::OK };
            let _ = error.print();
            return code.into();
        }
    };
    let done = match cli.command {
        Command::Run(args) => run::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Demo(args) => demo::run(&args),
        Command::Keys(args) => keys::run(&args),
        Command::Log(args) => config_of(args.config.as_deref())
            .map_err(Failure::Files)
            .and_then(|config| read_log(&args, &config.action_log)),
        Command::Mask(args) => mask::run(&args),
        Command::Schema(args) => schema::run(&args),
    };
    match done {
        Ok(code) => code.into(),
        Err(failure) => failure.tell().into(),
    }
}

fn read_log(args: &log::LogArgs, store: &Path) -> Result<u8, Failure> {
    if !store.exists() {
        let message = format!("there is no action log at `{}` yet", store.display());
        return Err(Failure::Files(vec![Diagnostic::about(
            "no-action-log",
            store.display().to_string(),
            message,
        )]));
    }
    Ok(log::run(args, store)?)
}

/// Why a command ended without its result.
#[derive(Debug)]
pub enum Failure {
    /// Files with errors.
    Files(Vec<Diagnostic>),
    /// The gateway did not start.
    Start(StartError),
    /// The command was called for something that is not there.
    Usage(String),
    /// What the command reads is not right.
    Input(String),
    /// Anything else.
    Other(anyhow::Error),
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        Self::Start(error)
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Other(error)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Other(error.into())
    }
}

impl Failure {
    /// Says what happened, and returns the exit code.
    fn tell(&self) -> u8 {
        let mut err = std::io::stderr().lock();
        let (code, told) = match self {
            Self::Files(problems) | Self::Start(StartError::Files(problems)) => {
                let errors = problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
                (exit::CONFIGURATION, errors)
            }
            Self::Start(error @ StartError::Bind(_)) => {
                let help =
                    "another process may use the address: stop it, or change the address in config.yaml";
                (exit::ADDRESS, format!("error: {error}\n  = help: {help}"))
            }
            Self::Start(error @ StartError::State(_)) => (exit::CONFIGURATION, format!("error: {error}")),
            Self::Start(error @ StartError::Internal(_)) => (exit::INTERNAL, format!("error: {error}")),
            Self::Usage(told) => (exit::USAGE, format!("error: {told}")),
            Self::Input(told) => (exit::FINDINGS, format!("error: {told}")),
            Self::Other(error) => (exit::INTERNAL, format!("error: {error:#}")),
        };
        // There is nowhere left to say that stderr is closed.
        let _ = writeln!(err, "{told}");
        code
    }
}

/// Finds and reads the configuration.
fn config_of(named: Option<&Path>) -> Result<Config, Vec<Diagnostic>> {
    Config::load(&find_config(named))
}

fn find_config(named: Option<&Path>) -> PathBuf {
    if let Some(named) = named {
        return named.to_owned();
    }
    if let Some(named) = std::env::var_os("CHATWARDEN_CONFIG") {
        return named.into();
    }
    let system = Path::new("/etc/chatwarden/config.yaml");
    let here = Path::new("config.yaml");
    if !here.exists() && system.exists() { system.to_owned() } else { here.to_owned() }
}
