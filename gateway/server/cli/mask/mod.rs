//! `chatwarden mask`: the engine as a filter, under the plans that the gateway serves by.
//!
//! What an operator of a group sees of an answer is what this writes of a file, with the same aliases, as they are made
//! with the deployment's own key. Reading and writing are in `pump`, words about them in `report`.

mod filter;
mod pump;
mod report;

use std::{
    fs::File,
    io::{self, IsTerminal},
    os::fd::AsFd,
    path::PathBuf,
    sync::Arc,
};

use chatwarden_policy::{
    account::{GroupSet, Standing},
    format,
    path::CanonicalPath,
    policy::{Hidden, Policy},
    rules::Groups,
    suggest::nearest,
};
use chatwarden_redact::{Format, Plan, codings::parse_content_encoding};
use clap::Args;

use self::{
    pump::{Input, Treatment},
    report::Report,
};
use super::{ConfigArgs, Failure, config_of, exit, run::LogsArgs};
use crate::{
    clock::Clock,
    config::Config,
    generation::{self, PolicyCompiler},
    keys::{self, Aliases},
    reload::{LastGood, examine},
};

/// Arguments of `chatwarden mask`.
#[derive(Args, Clone, Debug)]
pub struct MaskArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// The operator group of the viewer; `*` is an operator without a group
    #[arg(long)]
    group: String,
    /// What the input is, as its Content-Type; `framed` for real-time frames [default: by the file's ending, else
    /// application/json]
    #[arg(long = "type", value_name = "MEDIA_TYPE")]
    media_type: Option<String>,
    /// What the input is coded with, as its Content-Encoding: gzip, deflate, br, zstd. The output is coded alike
    #[arg(long, value_name = "CODINGS", default_value = "identity")]
    encoding: String,
    /// The request that the input answers, which decides over fields with `routes` [default: fields of every route]
    #[arg(long, value_name = "METHOD /PATH")]
    route: Option<String>,
    /// Tell on stderr what was read, written and hidden
    #[arg(long)]
    stats: bool,
    /// What is masked, one file after another, each a document of its own [default: stdin]
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
}

/// Masks the input.
pub fn run(args: &MaskArgs) -> Result<u8, Failure> {
    // A key that is made here must be said as loudly as by the gateway.
    LogsArgs::default().start("warn");
    let inputs = inputs(args)?;
    let codings = parse_content_encoding(&args.encoding).map_err(|error| {
        let known = "known are `gzip`, `deflate`, `br`, `zstd`, and `gzip, br` for one on top of the other";
        Failure::Usage(format!("--encoding `{}`: {error}\n  = help: {known}", args.encoding))
    })?;
    let config = config_of(args.config.config.as_deref()).map_err(Failure::Files)?;
    let policy = policy(config)?;
    let standing = standing(&policy.rules.groups, &args.group)?;
    let path = CanonicalPath::parse;
    let hidden = match args.route.as_deref() {
        None => policy.hidden_from(&standing, &Default::default()),
        Some(route) => {
            let (method, target) = route.split_once(' ').ok_or_else(|| no_route(route))?;
            let path = path(target.trim()).map_err(|error| Failure::Usage(format!("--route: {error}")))?;
            policy.hidden_from(&standing, &policy.profile.classify(method, &path))
        }
    };
    refuse_unseen(hidden.plan, &policy, &inputs)?;
    let mut report = Report::new(args.stats, io::stderr().is_terminal());
    tell(&hidden, &policy, args, &report);
    // Not through the buffer of stdout, which looks for line ends.
    let mut out = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    for (input, format) in inputs {
        let treatment = match hidden.plan {
            Some(plan) => Treatment::Mask(Arc::clone(plan), format, codings.clone()),
            None => Treatment::Pass,
        };
        match pump::run(input, treatment, &mut out, &mut report) {
            Ok(()) => {}
            // `chatwarden mask | head` has seen enough.
            Err(pump::Error::Closed) => break,
            Err(error) => {
                report.end();
                return Err(error.into());
            }
        }
    }
    report.end();
    Ok(exit::OK)
}

/// What has no field in it would be shown as it is, where the gateway refuses it whole: plain text without
/// `message_text: hide`, tables of which the profile names no columns.
fn refuse_unseen(
    plan: Option<&Arc<Plan>>,
    policy: &Policy,
    inputs: &[(Input, Format)],
) -> Result<(), Failure> {
    if plan.is_none_or(|plan| plan.patterns()) {
        return Ok(());
    }
    let is_there = |format: Format| inputs.iter().any(|(_, known)| *known == format);
    let (message, help) = if is_there(Format::Text) {
        let message = "plain text is not looked into, as personal-data.yaml keeps what messages quote";
        (message, "write `message_text: hide` there")
    } else if is_there(Format::Csv) && policy.profile.columns().is_empty() {
        (
            "the profile names no columns of tables, so nothing in one would be hidden",
            "add `csv` to the profile",
        )
    } else {
        return Ok(());
    };
    Err(Failure::Usage(format!("{message}\n  = help: {help}")))
}

/// What is read, opened before anything is written, and the grammar of each.
fn inputs(args: &MaskArgs) -> Result<Vec<(Input, Format)>, Failure> {
    let mut inputs = Vec::new();
    if args.files.is_empty() {
        inputs.push((Input::stdin()?, format_of(args, "")?));
    }
    for file in &args.files {
        let name = file.display().to_string();
        let format = format_of(args, &name)?;
        let input =
            Input::open(file).map_err(|error| Failure::Usage(format!("`{name}` cannot be read: {error}")))?;
        inputs.push((input, format));
    }
    Ok(inputs)
}

fn format_of(args: &MaskArgs, file_name: &str) -> Result<Format, Failure> {
    let guessed = || format::media_type_of(file_name).unwrap_or("application/json");
    let named = args.media_type.as_deref();
    if named == Some("framed") {
        return Ok(Format::Framed);
    }
    let media_type = named.unwrap_or_else(guessed);
    format::of(media_type).ok_or_else(|| {
        let guess = nearest(media_type, format::TYPES.iter().copied());
        let guess = guess.map(|guess| format!("did you mean `{guess}`? ")).unwrap_or_default();
        let known = format::TYPES.map(|known| format!("`{known}`")).join(", ");
        let help = format!("{guess}known are {known}, `framed`; in UTF-8");
        Failure::Usage(format!("bodies of the type `{media_type}` are not rewritten\n  = help: {help}"))
    })
}

/// The rules as the gateway would load them now.
fn policy(config: Config) -> Result<Policy, Failure> {
    let keys = keys::key_ring(&config)
        .map_err(|error| Failure::Start(crate::gateway::StartError::State(error.to_string())))?;
    let sources = generation::sources(&config);
    let kept = LastGood::new(&config.state).read().ok().flatten();
    let in_force = kept.map(|(_, kept)| kept.in_force).unwrap_or_default();
    let compiler = PolicyCompiler::new(Arc::new(config), Aliases::unkept(keys), Clock::default());
    let (generation, _, _) = examine(&compiler, &sources, &in_force).map_err(Failure::Files)?;
    Ok(generation.policy)
}

fn standing(groups: &Groups, name: &str) -> Result<Standing, Failure> {
    let mut set = GroupSet::EMPTY;
    if name != "*" {
        set.insert(groups.index(name).ok_or_else(|| unknown_group(groups, name))?);
    }
    Ok(Standing { super_admin: false, groups: set, strict: false, undeclared: false })
}

fn unknown_group(groups: &Groups, name: &str) -> Failure {
    let known: Vec<String> = groups.names().map(|known| format!("`{known}`")).collect();
    let guess = nearest(name, groups.names()).map(|guess| format!("did you mean `{guess}`? "));
    let known = match known.as_slice() {
        [] => "none is declared there".to_owned(),
        known => format!("declared are {}", known.join(", ")),
    };
    let help = format!("{}{known}; `*` is an operator without a group", guess.unwrap_or_default());
    Failure::Usage(format!("the group `{name}` is not declared in groups.yaml\n  = help: {help}"))
}

fn no_route(route: &str) -> Failure {
    Failure::Usage(format!(
        "`{route}` is not a request\n  = help: write it as `--route \"GET /api/clients/7\"`"
    ))
}

/// What the reader of the output should know of it.
fn tell(hidden: &Hidden<'_>, policy: &Policy, args: &MaskArgs, report: &Report) {
    if policy.rules.personal_data.is_none() {
        report.say("warning: personal-data.yaml is off, so contact data is not hidden from anybody");
    } else if hidden.monitored {
        report.say("note: a rule only monitors: the gateway itself would show what is hidden here");
    }
    if hidden.plan.is_none() && args.stats {
        let place = args.route.as_deref().map(|route| format!(" in the answers of {route}"));
        let group = &args.group;
        let place = place.unwrap_or_default();
        report.say(&format!("nothing is hidden from `{group}`{place}: the bytes pass as they are"));
    }
}
