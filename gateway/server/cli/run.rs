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
        until_stopped(gateway).await?;
        Ok(exit::OK)
    })
}

impl LogsArgs {
    /// Starts the log; `RUST_LOG` says more or less than `level`.
    pub(super) fn start(self, level: &str) {
        let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| {
            EnvFilter::new(format!("{level},pingora=error,pingora_core=error,pingora_proxy=error"))
        });
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

/// The runtime that gateway and demo run on.
pub(super) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().thread_name("chatwarden").build()?)
}

/// Serves until SIGTERM or SIGINT; SIGHUP has the files looked at.
pub(super) async fn until_stopped(gateway: Gateway) -> Result<(), Failure> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = hangup.recv() => {
                info!("SIGHUP: looking at the files");
                gateway.reload().await;
            }
        }
    }
    gateway.stop().await;
    Ok(())
}
