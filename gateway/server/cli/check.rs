//! `chatwarden check`: everything that is wrong with config.yaml, profile and rules, before the gateway says it.
//!
//! It calls the functions that the running gateway calls, reads files and nothing else, and leaves nothing behind.

use std::{
    collections::BTreeSet,
    io::{self, Write},
    sync::{Arc, Mutex, PoisonError, mpsc},
};

use chatwarden_policy::diagnostic::{Diagnostic, Severity};
use chatwarden_redact::AliasKey;
use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::{ConfigArgs, Failure, config_of, exit};
use crate::{
    clock::Clock,
    generation::{self, PolicyCompiler},
    keys::Aliases,
    reload::{LastGood, Timing, Watched, Watcher, examine},
};

/// Arguments of `chatwarden check`.
#[derive(Args, Clone, Debug)]
pub struct CheckArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// How findings are written
    #[arg(long, value_enum, default_value_t)]
    format: CheckFormat,
    /// Check again after every save, until interrupted
    #[arg(long)]
    watch: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum CheckFormat {
    /// For people
    #[default]
    Text,
    /// One JSON object
    Json,
}

/// Checks the files.
pub fn run(args: &CheckArgs) -> Result<u8, Failure> {
    if args.watch {
        return watch(args);
    }
    let (findings, _) = examine_all(args);
    findings.print(args.format)?;
    Ok(findings.code())
}

/// What a check found.
struct Findings {
    diagnostics: Vec<Diagnostic>,
    settings: Vec<(&'static str, &'static str)>,
}

impl Findings {
    fn errors(&self) -> usize {
        self.diagnostics.iter().filter(|problem| problem.severity == Severity::Error).count()
    }

    fn code(&self) -> u8 {
        if self.errors() > 0 { exit::FINDINGS } else { exit::OK }
    }

    fn print(&self, format: CheckFormat) -> io::Result<()> {
        let mut out = io::stdout().lock();
        match format {
            CheckFormat::Json => {
                let settings: Vec<Value> = self
                    .settings
                    .iter()
                    .map(|(name, state)| json!({ "name": name, "state": state }))
                    .collect();
                let found = json!({ "ok": self.errors() == 0, "diagnostics": self.diagnostics, "settings": settings });
                writeln!(out, "{found:#}")
            }
            CheckFormat::Text => {
                for problem in &self.diagnostics {
                    writeln!(out, "{problem}")?;
                }
                for (name, state) in &self.settings {
                    writeln!(out, "{name:<14} {state}")?;
                }
                match (self.errors(), self.diagnostics.len()) {
                    (0, 0) => writeln!(out, "everything is fine"),
                    (0, warnings) => writeln!(out, "fine, with {}", counted(warnings, "warning")),
                    (errors, _) => writeln!(out, "{}; the files would be rejected", counted(errors, "error")),
                }
            }
        }
    }
}

fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// Checks config.yaml, then what it names.
fn examine_all(args: &CheckArgs) -> (Findings, Option<Watched>) {
    let config = match config_of(args.config.config.as_deref()) {
        Ok(config) => config,
        Err(diagnostics) => return (Findings { diagnostics, settings: Vec::new() }, None),
    };
    let sources = generation::sources(&config);
    let kept = LastGood::new(&config.state).read().ok().flatten();
    let in_force = kept.map(|(_, kept)| kept.in_force).unwrap_or_default();
    // Which key makes the aliases does not matter to a check, so none is made or read.
    let Ok(key) = AliasKey::new(&[0; AliasKey::MIN_BYTES]) else {
        return (Findings { diagnostics: Vec::new(), settings: Vec::new() }, None);
    };
    let compiler = PolicyCompiler::new(Arc::new(config), Aliases::unkept(key), Clock::default());
    match examine(&compiler, &sources, &in_force) {
        Ok((generation, diagnostics, lists)) => {
            let states = generation.policy.rules.states.iter();
            let settings = states.map(|(kind, state)| (kind.name(), state.words())).collect();
            (Findings { diagnostics, settings }, Some(Watched { sources, lists }))
        }
        Err(diagnostics) => (
            Findings { diagnostics, settings: Vec::new() },
            Some(Watched { sources, lists: BTreeSet::new() }),
        ),
    }
}

/// Prints anew after every save.
fn watch(args: &CheckArgs) -> Result<u8, Failure> {
    let (findings, watched) = examine_all(args);
    findings.print(args.format)?;
    let Some(watched) = watched else { return Ok(findings.code()) };
    let watched = Arc::new(Mutex::new(watched));
    let (changes, changed) = mpsc::channel();
    let asked = Arc::clone(&watched);
    let _watcher = Watcher::start(
        Timing::default(),
        move || asked.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        // The receiver lives as long as the command.
        move |_| {
            let _ = changes.send(());
        },
    )?;
    let mut first = true;
    while changed.recv().is_ok() {
        // The watcher looks once at its start, which has been printed already.
        if std::mem::take(&mut first) {
            continue;
        }
        let (findings, now) = examine_all(args);
        if args.format == CheckFormat::Text {
            writeln!(io::stdout().lock(), "\n{}", jiff::Timestamp::now())?;
        }
        findings.print(args.format)?;
        if let Some(now) = now {
            *watched.lock().unwrap_or_else(PoisonError::into_inner) = now;
        }
    }
    Ok(exit::OK)
}
