//! `chatwarden schema`: JSON Schemas for editors, made of the tables that the gateway itself checks by.

use std::{io::Write, path::PathBuf};

use chatwarden_policy::{profile::PROFILE, rules::Kind, schema::json_schema, shape::Shape};
use clap::Args;

use super::{Failure, exit};
use crate::config::CONFIG;

/// Arguments of `chatwarden schema`.
#[derive(Args, Clone, Debug)]
#[group(required = true, multiple = false)]
pub struct SchemaArgs {
    /// `config`, `profile`, or a rule file's name: ip-whitelist, files, …
    #[arg(value_parser = names())]
    name: Option<String>,
    /// Write the schemas of all rule files into this directory
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// Prints one schema, or writes them all.
pub fn run(args: &SchemaArgs) -> Result<u8, Failure> {
    if let Some(dir) = &args.dir {
        std::fs::create_dir_all(dir)?;
        for (name, schema) in all() {
            std::fs::write(dir.join(format!("{name}.schema.json")), text(name, schema)?)?;
        }
    }
    let wanted = args.name.as_deref();
    if let Some((name, schema)) = all().find(|(name, _)| Some(*name) == wanted) {
        std::io::stdout().lock().write_all(text(name, schema)?.as_bytes())?;
    }
    Ok(exit::OK)
}

/// Every file kind that has a schema.
pub fn all() -> impl Iterator<Item = (&'static str, &'static Shape)> {
    let own = [("config", &CONFIG), ("profile", &PROFILE)];
    own.into_iter().chain(Kind::ALL.iter().map(|kind| (kind.name(), kind.shape())))
}

/// The schema as the file holds it.
pub fn text(name: &str, shape: &Shape) -> Result<String, Failure> {
    let schema = json_schema(shape, &format!("chatwarden {name}.yaml"), &format!("{name}.schema.json"));
    let mut text = serde_json::to_string_pretty(&schema).map_err(anyhow::Error::from)?;
    text.push('\n');
    Ok(text)
}

fn names() -> clap::builder::PossibleValuesParser {
    all().map(|(name, _)| name).collect::<Vec<_>>().into()
}
