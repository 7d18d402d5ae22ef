//! From bytes to a generation.
//!
//! The one place where a rule set is compiled: at start, at every reload and from the last good set. It reads once
//! more where a list turned up that nobody expected, and it takes a panic for a rejection.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::Serialize;

use super::snapshot::{TRIES, unsteady};
use super::{Digest, ReadProblem, Snapshot, Sources};

/// Makes a generation of the bytes of a rule set.
pub trait Compiler: Send + Sync + 'static {
    /// What requests are judged by.
    type Generation: Send + Sync + 'static;
    /// What is said about the files.
    type Diagnostic: Display + Serialize + Send + Sync + 'static;

    /// Compiles a set whole, or gives all that is wrong with it.
    fn compile(&self, snapshot: &Snapshot, before: Before<'_, Self::Generation>) -> CompileResult<Self>;

    /// Words a problem with reading the files like any other.
    fn diagnostic(&self, problem: ReadProblem) -> Self::Diagnostic;

    /// A problem in one line, without what the files say: for the log.
    fn brief(&self, diagnostic: &Self::Diagnostic) -> String;

    /// The names of the settings in force, whose files may not disappear.
    fn in_force(&self, generation: &Self::Generation) -> Vec<String>;
}

/// A generation and its warnings, or errors (and warnings among them).
pub type CompileResult<C> =
    Result<(<C as Compiler>::Generation, Vec<<C as Compiler>::Diagnostic>), Vec<<C as Compiler>::Diagnostic>>;

/// What was in force before the set that is compiled.
#[derive(Debug)]
pub struct Before<'b, G> {
    /// The running generation; none at start.
    pub generation: Option<&'b G>,
    /// The settings that it had in force, or that the last good set had.
    pub in_force: &'b [String],
}

impl<G> Clone for Before<'_, G> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<G> Copy for Before<'_, G> {}

/// Recognises a rejected set, so that it is not rejected once a second.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Refused {
    Unreadable(Vec<ReadProblem>),
    Set { digest: Digest, lists: BTreeSet<String> },
}

/// A rule set that was read and compiled.
pub(super) struct Fresh<C: Compiler> {
    pub(super) snapshot: Snapshot,
    pub(super) lists: BTreeSet<String>,
    pub(super) digest: Digest,
    pub(super) generation: C::Generation,
    pub(super) warnings: Vec<C::Diagnostic>,
}

/// What kept a rule set from being one, and how to know it again.
pub(super) struct Bad<D> {
    pub(super) refused: Refused,
    pub(super) diagnostics: Vec<D>,
}

impl<D> Bad<D> {
    pub(super) fn unreadable<C: Compiler<Diagnostic = D>>(
        compiler: &C,
        problems: Vec<ReadProblem>,
    ) -> Bad<D> {
        let diagnostics = problems.iter().cloned().map(|problem| compiler.diagnostic(problem)).collect();
        Bad { refused: Refused::Unreadable(problems), diagnostics }
    }

    pub(super) fn without(self, last_good: String) -> super::BootError<D> {
        super::BootError { diagnostics: self.diagnostics, last_good }
    }
}

/// Compiles what was read, and reads once more where a list that nobody expected was not of the same moment.
pub(super) fn load<C: Compiler>(
    compiler: &C,
    sources: &Sources,
    before: Before<'_, C::Generation>,
    mut snapshot: Snapshot,
    mut wanted: BTreeSet<String>,
) -> Result<Fresh<C>, Bad<C::Diagnostic>> {
    for _ in 0..TRIES {
        let compiled = compile(compiler, &snapshot, before);
        let lists = snapshot.asked();
        if snapshot.is_torn() {
            wanted.extend(lists);
            snapshot =
                Snapshot::read(sources, &wanted).map_err(|problems| Bad::unreadable(compiler, problems))?;
            continue;
        }
        let digest = snapshot.digest(&lists);
        return match compiled {
            Ok((generation, warnings)) => Ok(Fresh { snapshot, lists, digest, generation, warnings }),
            Err(diagnostics) => Err(Bad { refused: Refused::Set { digest, lists }, diagnostics }),
        };
    }
    Err(Bad::unreadable(compiler, vec![unsteady(sources)]))
}

/// Compiles, and takes a panic for a rejection: a bug in it must cost one edit, not every later one.
pub(super) fn compile<C: Compiler>(
    compiler: &C,
    snapshot: &Snapshot,
    before: Before<'_, C::Generation>,
) -> CompileResult<C> {
    catch_unwind(AssertUnwindSafe(|| compiler.compile(snapshot, before))).unwrap_or_else(|_| {
        Err(vec![compiler.diagnostic(ReadProblem {
            code: "internal-error",
            file: String::new(),
            message: "the rules could not be compiled, because of a bug in the gateway".to_owned(),
            help: Some("please report it; the log has its place in the code"),
        })])
    })
}

/// Reads and compiles what the files hold now, and keeps nothing of it: what `check` does.
///
/// # Errors
/// Everything that is wrong with the files.
pub fn examine<C: Compiler>(compiler: &C, sources: &Sources, in_force: &[String]) -> Examined<C> {
    let before = Before { generation: None, in_force };
    let snapshot = Snapshot::read(sources, &BTreeSet::new())
        .map_err(|problems| Bad::unreadable(compiler, problems).diagnostics)?;
    let fresh = load(compiler, sources, before, snapshot, BTreeSet::new()).map_err(|bad| bad.diagnostics)?;
    Ok((fresh.generation, fresh.warnings, fresh.lists))
}

/// A generation, its warnings and the lists that it read; or everything that is wrong.
pub type Examined<C> = Result<
    (<C as Compiler>::Generation, Vec<<C as Compiler>::Diagnostic>, BTreeSet<String>),
    Vec<<C as Compiler>::Diagnostic>,
>;
