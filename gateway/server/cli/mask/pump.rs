//! From input to output, 64 KiB at a time, in constant memory.
//!
//! What the engine gives away before an error is written, as it depends on nothing that comes later; after the error
//! nothing more is. Of a hidden value nothing leaves in either case.

use std::{
    fs::File,
    io::{self, ErrorKind, Read, Write},
    os::fd::AsFd,
    path::Path,
    sync::Arc,
};

use chatwarden_redact::{Format, Plan, codings::Coding};

use super::{
    filter::{Fault, Filter},
    report::Report,
};
use crate::cli::Failure;

/// What is read.
pub(super) struct Input {
    name: String,
    file: File,
    /// The length, where it is known.
    pub(super) length: Option<u64>,
}

impl Input {
    pub(super) fn stdin() -> io::Result<Input> {
        Input::new("stdin".to_owned(), File::from(io::stdin().as_fd().try_clone_to_owned()?))
    }

    pub(super) fn open(path: &Path) -> io::Result<Input> {
        let file = File::open(path)?;
        if file.metadata()?.is_dir() {
            return Err(ErrorKind::IsADirectory.into());
        }
        Input::new(path.display().to_string(), file)
    }

    fn new(name: String, file: File) -> io::Result<Input> {
        let metadata = file.metadata()?;
        Ok(Input { name, file, length: metadata.is_file().then_some(metadata.len()) })
    }
}

/// What is done to it.
pub(super) enum Treatment {
    /// Nothing.
    Pass,
    /// It is masked, within codings that stay.
    Mask(Arc<Plan>, Format, Vec<Coding>),
}

/// Why it stopped.
#[derive(Debug)]
pub(super) enum Error {
    /// Nobody reads the output any more.
    Closed,
    /// The input is not what it should be.
    Malformed { name: String, fault: Fault },
    /// It cannot be read.
    Read { name: String, error: io::Error },
    /// The output cannot be written.
    Write(io::Error),
}

/// Reads all of the input, treats it and writes what comes of it.
pub(super) fn run(
    mut input: Input,
    treatment: Treatment,
    out: &mut impl Write,
    report: &mut Report,
) -> Result<(), Error> {
    report.begin(input.length);
    let mut filter = match treatment {
        Treatment::Pass => None,
        Treatment::Mask(plan, format, codings) => Some(Filter::new(plan, format, &codings)),
    };
    let mut chunk = vec![0; CHUNK];
    let mut masked = Vec::with_capacity(CHUNK);
    loop {
        let read = match input.file.read(&mut chunk) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(Error::Read { name: input.name, error }),
        };
        let bytes = chunk.get(..read).unwrap_or_default();
        let result = match &mut filter {
            Some(filter) => filter.write(bytes, &mut masked),
            None => {
                masked.extend_from_slice(bytes);
                Ok(())
            }
        };
        write(out, &masked, report)?;
        masked.clear();
        result.map_err(|fault| Error::Malformed { name: input.name.clone(), fault })?;
        report.read(read);
    }
    if let Some(filter) = filter {
        let result = filter.finish(&mut masked);
        write(out, &masked, report)?;
        report.add(&result.map_err(|fault| Error::Malformed { name: input.name, fault })?);
    }
    Ok(())
}

fn write(out: &mut impl Write, bytes: &[u8], report: &mut Report) -> Result<(), Error> {
    report.written(bytes.len());
    out.write_all(bytes).map_err(|error| match error.kind() == ErrorKind::BrokenPipe {
        true => Error::Closed,
        false => Error::Write(error),
    })
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        match error {
            Error::Malformed { name, fault } => {
                let help = "the output ends there, and nothing of a hidden value is in it; \
                            correct the input, or say with --type and --encoding what it is";
                Failure::Input(format!("{name}: {fault}\n  = help: {help}"))
            }
            Error::Read { name, error } => Failure::Other(anyhow::anyhow!("{name} cannot be read: {error}")),
            Error::Write(error) => Failure::Other(anyhow::anyhow!("stdout cannot be written: {error}")),
            Error::Closed => Failure::Other(anyhow::anyhow!("stdout is closed")),
        }
    }
}

const CHUNK: usize = 64 * 1024;
