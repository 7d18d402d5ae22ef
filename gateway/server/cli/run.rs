//! `chatwarden run`: the gateway until it is told to stop.

use std::io::IsTerminal;

use clap::{Args, ValueEnum};
use tokio::signal::unix::{SignalKind, signal};
use tracing::info;
use tracing_subscriber::{EnvFilter, fmt};

use super::{ConfigArgs, Failure, config_of, exit};
use crate::gateway::Gateway;

/// Arguments of `chatwarden run`.
#[derive(Args, Clone, Debug)]
pub struct RunArgs {
    #[command(flatten)]
    config: ConfigArgs,
    #[command(flatten)]
    logs: LogsArgs,
}

/// How the gateway's own log looks.
#[derive(Args, Clone, Copy, Debug, Default)]
pub(super) struct LogsArgs {
    /// How log lines look [default: pretty on a terminal, else json]
    #[arg(long, value_enum)]
    log_format: Option<LogFormat>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    /// For people
    Pretty,
    /// One JSON object a line
    Json,
}

/// Runs the gateway.
pub fn run(args: &RunArgs) -> Result<u8, Failure> {
    args.logs.start("info");
    let config = config_of(args.config.config.as_deref()).map_err(Failure::Files)?;
    runtime()?.block_on(async {
        let gateway = Gateway::start(config).await?;
        wait_for_stop(&gateway).await?;
        gateway.stop().await;
        Ok(exit::OK)
    })
}

impl LogsArgs {
    /// Starts the log; `RUST_LOG` says more or less than `level`.
    pub(super) fn start(self, level: &str) {
        let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
        let quiet = TALKATIVE.iter().filter_map(|target| format!("{target}=error").parse().ok());
        let filter = quiet.fold(filter, EnvFilter::add_directive);
        let terminal = std::io::stderr().is_terminal();
        let format = self.log_format.unwrap_or(if terminal { LogFormat::Pretty } else { LogFormat::Json });
        let builder = fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(terminal);
        // A second start in one process keeps the first.
        let _ = match format {
            LogFormat::Pretty => builder.with_target(false).try_init(),
            LogFormat::Json => builder.json().flatten_event(true).try_init(),
        };
    }
}

/// Libraries that write requests into their log, cookies and all: of these no more than errors, whatever is asked for.
const TALKATIVE: [&str; 8] = [
    "h2",
    "hyper",
    "hyper_util",
    "pingora_cache",
    "pingora_core",
    "pingora_pool",
    "pingora_proxy",
    "tungstenite",
];

/// The runtime that gateway and demo run on.
pub(super) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    keep_pages_small();
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().thread_name("chatwarden").build()?)
}

/// Has the kernel back memory by pages of 4 KiB.
///
/// Huge ones make all of a buffer resident with its first byte, and idle connections are mostly buffers that are not
/// filled: docs/performance.md. Where the kernel does not know the call, they stay.
fn keep_pages_small() {
    let _ = nix::sys::prctl::set_thp_disable(true);
}

/// Waits for SIGTERM or SIGINT; SIGHUP has the files read anew.
pub(super) async fn wait_for_stop(gateway: &Gateway) -> Result<(), Failure> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    loop {
        tokio::select! {
            _ = terminate.recv() => return Ok(()),
            _ = interrupt.recv() => return Ok(()),
            _ = hangup.recv() => {
                info!("SIGHUP: reading the files anew");
                gateway.reload().await;
            }
        }
    }
}
