//! One body, cut in every manner: what a redactor does may not depend on it.
//!
//! The run byte by byte is the yardstick, for no faster way through a chunk has anything to go by there.

use std::sync::Arc;

use chatwarden_redact::{
    AliasKey, Class, Display, Format, Limits, Plan, RedactError, Redactor, Selector, Summary,
};

use crate::random::Random;

/// What became of a body.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) out: Vec<u8>,
    /// How far the redactor came; on an error, to the byte that is wrong.
    pub(crate) offset: u64,
    pub(crate) result: Result<Summary, RedactError>,
}

impl Outcome {
    /// Whether both runs agree: in everything, or, on an error, in what and where it is and in what had left until
    /// then, of which one may have let go a little more than the other.
    pub(crate) fn agrees_with(&self, other: &Outcome) -> bool {
        let outs = match self.result {
            Ok(_) => self.out == other.out,
            Err(_) => self.out.starts_with(&other.out) || other.out.starts_with(&self.out),
        };
        self.result == other.result && self.offset == other.offset && outs
    }
}

/// How a body is cut.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cuts {
    /// Not at all.
    Whole,
    /// Into chunks of one size.
    Every(usize),
    /// Into chunks drawn from 0 to a length.
    Drawn { seed: u64, longest: usize },
    /// Into two.
    Once(usize),
}

impl Cuts {
    fn next(self, length: usize, at: usize, random: &mut Random) -> usize {
        match self {
            Cuts::Whole => length,
            Cuts::Every(size) => size,
            Cuts::Drawn { longest, .. } => random.below(longest + 1),
            Cuts::Once(place) if at < place => place,
            Cuts::Once(_) => length,
        }
    }
}

/// Redacts a JSON text under limits.
pub(crate) fn redact(plan: &Arc<Plan>, limits: Limits, body: &[u8], cuts: Cuts) -> Outcome {
    let mut redactor = Redactor::new(Arc::clone(plan), Format::Json, limits);
    let seed = if let Cuts::Drawn { seed, .. } = cuts { seed } else { 1 };
    let mut random = Random::new(seed);
    let mut out = Vec::new();
    let mut at = 0;
    let mut written = Ok(());
    while at < body.len() && written.is_ok() {
        let end = body.len().min(at + cuts.next(body.len(), at, &mut random));
        written = redactor.write(&body[at..end], &mut out);
        at = end;
    }
    let offset = redactor.offset();
    let result = written.and_then(|()| redactor.finish(&mut out));
    Outcome { out, offset, result }
}

/// Redacts byte by byte, asserts that each of the other cuts agrees, and returns what all came to.
pub(crate) fn redact_alike(plan: &Arc<Plan>, limits: Limits, body: &[u8], others: &[Cuts]) -> Outcome {
    let bytewise = redact(plan, limits, body, Cuts::Every(1));
    for &cuts in others {
        let other = redact(plan, limits, body, cuts);
        assert!(
            other.agrees_with(&bytewise),
            "{cuts:?} differs from the run byte by byte\nbody: {}\n{cuts:?}: {}\nbytes: {}",
            shown(body),
            described(&other),
            described(&bytewise),
        );
    }
    bytewise
}

/// A plan that shows all classes in one form.
pub(crate) fn plan(fields: &[(Class, &str)], display: Display) -> Arc<Plan> {
    let mut builder = Plan::builder();
    for (class, selector) in fields {
        builder = builder.field(*class, &Selector::parse(selector).unwrap());
    }
    for class in Class::ALL {
        builder = builder.display(class, display);
    }
    Arc::new(builder.build(&AliasKey::new(&[7; 32]).unwrap()).unwrap())
}

fn described(outcome: &Outcome) -> String {
    format!("{:?} at {}: {}", outcome.result, outcome.offset, shown(&outcome.out))
}

/// Bytes as text, the middle of long ones left out.
fn shown(bytes: &[u8]) -> String {
    match bytes.len() {
        0..6_000 => bytes.escape_ascii().to_string(),
        length => format!("{} … {}", bytes[..3_000].escape_ascii(), bytes[length - 3_000..].escape_ascii()),
    }
}
