//! `chatwarden keys`: keys for aliases, made by hand.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};

use super::{ConfigArgs, Failure, config_of, exit, find_config};
use crate::{
    config::Config,
    keys::{self, KeyFileError},
};

/// Arguments of `chatwarden keys`.
#[derive(Args, Clone, Debug)]
pub struct KeysArgs {
    #[command(subcommand)]
    command: KeysCommand,
}

#[derive(Clone, Debug, Subcommand)]
enum KeysCommand {
    /// Make a new alias key in a file of its own, and print what to do with it
    New(NewArgs),
}

#[derive(Args, Clone, Debug)]
struct NewArgs {
    /// The file to make; one that is there is never overwritten [default: keys/alias.key beside config.yaml]
    file: Option<PathBuf>,
    #[command(flatten)]
    config: ConfigArgs,
}

/// Runs the command.
pub fn run(args: &KeysArgs) -> Result<u8, Failure> {
    match &args.command {
        KeysCommand::New(args) => new(args),
    }
}

fn new(args: &NewArgs) -> Result<u8, Failure> {
    let config_file = find_config(args.config.config.as_deref());
    let base = config_file.parent().unwrap_or(Path::new(""));
    let file = args.file.clone().unwrap_or_else(|| base.join("keys").join("alias.key"));
    keys::make(&file).map_err(|error| {
        if matches!(error, KeyFileError::Exists { .. }) {
            Failure::Usage(format!("{error}\n  = help: name another file: `chatwarden keys new FILE`"))
        } else {
            Failure::Other(error.into())
        }
    })?;
    // A key may be made before there is a configuration.
    let before = config_of(args.config.config.as_deref()).map(|config| listed(&config)).unwrap_or_default();
    let mut lines = vec![entry(base, &file)];
    lines.extend(before.iter().map(|file| entry(base, file)));
    let (name, lines) = (file.display(), lines.join("\n"));
    let effect = if before.is_empty() {
        "aliases are made with it"
    } else {
        "every client gets a new alias; the aliases known so far still come back, and their keys must stay"
    };
    let told = format!(
        "made {name}, readable by its owner alone\n\nWhat to do now:\n\
         1. Back it up, apart from the state directory.\n\
         2. Let the account that the gateway runs as own it.\n\
         3. Write into {}, the new key first:\n\n\
         keys:\n  alias:\n{lines}\n\n\
         4. Restart the gateway: {effect}.\n",
        config_file.display(),
    );
    std::io::stdout().lock().write_all(told.as_bytes())?;
    Ok(exit::OK)
}

/// The keys that are in use.
fn listed(config: &Config) -> Vec<PathBuf> {
    let own = keys::own_key_file(&config.state);
    match config.alias_keys.as_slice() {
        [] if own.exists() => vec![own],
        listed => listed.to_vec(),
    }
}

/// A line of the list, relative to config.yaml where that is possible.
fn entry(base: &Path, file: &Path) -> String {
    let here = if base.as_os_str().is_empty() { Path::new(".") } else { base };
    let absolute = fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
    let base = fs::canonicalize(here).unwrap_or_else(|_| here.to_owned());
    let written = absolute.strip_prefix(&base).unwrap_or(&absolute).display().to_string();
    let is_plain = written.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-'));
    let written = if is_plain { written } else { serde_json::Value::from(written).to_string() };
    format!("    - {{ file: {written} }}")
}
