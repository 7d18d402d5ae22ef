//! The decision about an answer: what may pass, what is rewritten, what is refused.
//!
//! Judged on the header alone, before a byte of the body leaves. For a masked caller everything is refused that is
//! neither rewritten here nor of a kind that carries no text; what claims to be of such a kind is glanced at.

use chatwarden_redact::codings::{Coding, parse_content_encoding};

use crate::{
    carrier::{Carrier, Guess},
    disposition::is_attachment,
    glance::{self, Glance},
    media_type::{self, MediaClass},
    reason::{Denial, Reason},
    verdict::{Area, Monitored, Orders},
};

/// What the header of an answer says.
#[derive(Clone, Copy, Debug)]
pub struct AnswerFacts<'a> {
    /// The status code.
    pub status: u16,
    /// The `Content-Type`.
    pub content_type: Option<&'a str>,
    /// The values of `Content-Encoding`, joined; empty where there is none.
    pub content_encoding: &'a str,
    /// The values of `Content-Disposition`.
    pub dispositions: &'a [String],
    /// Whether a body can follow: not for HEAD, 1xx, 204, 304 and `Content-Length: 0`.
    pub body: bool,
    /// The request's query.
    pub query: Option<&'a str>,
}

/// What happens to the body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It passes as it came.
    Pass,
    /// It passes as it came if it is no text, by its first bytes.
    Glance(Glance),
    /// It is rewritten.
    Rewrite(Rewrite),
    /// It cannot be checked and says nothing that a redirect or an error needs: left out.
    Drop,
    /// The answer is refused.
    Refuse(Denial),
}

/// How a body is rewritten.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rewrite {
    /// By which grammar it is read.
    pub carrier: Carrier,
    /// The codings to undo, in the order in which they were applied.
    pub codings: Vec<Coding>,
    /// What becomes of a body that none of the carrier's grammars fits.
    pub unknown: Unknown,
}

/// What becomes of a body whose first bytes fit no grammar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// It passes: links to files are all that is hidden, and they stand in what has a grammar.
    Passes,
    /// It is left out: the status says enough.
    IsDropped,
    /// The connection is cut.
    IsCut,
}

/// Judges an answer under the orders of its request.
///
/// What `mode: monitor` would refuse goes to `monitored`.
pub fn judge(orders: &Orders, facts: &AnswerFacts<'_>, monitored: &mut Monitored) -> Answer {
    match orders.area {
        Area::Public | Area::Assets => return Answer::Pass,
        Area::SignIn | Area::Operator => {}
    }
    let class = media_type::classify(facts.content_type);
    if let Some(block) = orders.receive_block.filter(|_| is_file(facts, class)) {
        let denial = Denial::by(Reason::FileReceiveBlocked, block.rule);
        if block.enforced {
            return Answer::Refuse(denial);
        }
        monitored.push(denial);
    }
    if !facts.body || orders.masking.hide.is_none() && !orders.masking.contacts {
        return Answer::Pass;
    }
    match (rewrite(orders, facts), orders.masking.contacts) {
        // A part of the original is no part of what is shown (RFC 9110 §14).
        (Ok(Some(_)), _) if facts.status == 206 => unscannable(orders),
        // Nor has it first bytes, and nobody asked for one.
        (Ok(None) | Err(UnknownCoding), true)
            if facts.status == 206 && orders.masking.hide.is_some() && glance::Kind::of(class).is_some() =>
        {
            unscannable(orders)
        }
        (Ok(Some(rewrite)), _) => Answer::Rewrite(rewrite),
        (Ok(None), true) => judge_unreadable(orders, facts, class),
        (Ok(None), false) => Answer::Pass,
        // Clients that do not know a coding take the body for what it is without.
        (Err(UnknownCoding), true) => match glance::Kind::of(class).filter(|_| class != MediaClass::Script) {
            Some(kind) => Answer::Glance(Glance { kind, codings: Vec::new() }),
            None => unscannable(orders),
        },
        (Err(UnknownCoding), false) if Carrier::of(facts.content_type, facts.query).is_some() => {
            unscannable(orders)
        }
        (Err(UnknownCoding), false) => Answer::Pass,
    }
}

/// How the body would be rewritten for counting alone (`mode: monitor`); none where it cannot be read.
pub fn count(facts: &AnswerFacts<'_>) -> Option<Rewrite> {
    let carrier =
        Carrier::of(facts.content_type, facts.query).filter(|_| facts.body && facts.status != 206)?;
    let codings = parse_content_encoding(facts.content_encoding).ok()?;
    Some(Rewrite { carrier, codings, unknown: Unknown::Passes })
}

/// What travels as a file whatever its route: attachments, documents, archives and recordings.
fn is_file(facts: &AnswerFacts<'_>, class: MediaClass) -> bool {
    is_attachment(facts.dispositions)
        || match class {
            MediaClass::Document | MediaClass::Audio | MediaClass::Video => facts.body,
            MediaClass::Json
            | MediaClass::Html
            | MediaClass::Text
            | MediaClass::Events
            | MediaClass::Style
            | MediaClass::Script
            | MediaClass::Font
            | MediaClass::Picture
            | MediaClass::Form
            | MediaClass::Multipart
            | MediaClass::Other
            | MediaClass::Missing => false,
        }
}

/// A coding that nobody can undo.
struct UnknownCoding;

/// How the body is rewritten; none where its type is not.
fn rewrite(orders: &Orders, facts: &AnswerFacts<'_>) -> Result<Option<Rewrite>, UnknownCoding> {
    let codings = parse_content_encoding(facts.content_encoding).map_err(|_| UnknownCoding)?;
    let Some(carrier) = Carrier::of(facts.content_type, facts.query) else { return Ok(None) };
    let is_text = carrier == Carrier::Sniffed(Guess::Anything);
    let unknown = if !orders.masking.contacts || (is_text && orders.receive_route) {
        Unknown::Passes
    } else if facts.status >= 300 {
        Unknown::IsDropped
    } else {
        Unknown::IsCut
    };
    Ok(Some(Rewrite { carrier, codings, unknown }))
}

/// What is not rewritten, for a masked caller.
fn judge_unreadable(orders: &Orders, facts: &AnswerFacts<'_>, class: MediaClass) -> Answer {
    // What calls itself a maskable type and cannot be read is never passed, a file route or not.
    let is_maskable =
        matches!(class, MediaClass::Json | MediaClass::Html | MediaClass::Events | MediaClass::Form);
    if let Some(kind) = glance::Kind::of(class) {
        let codings = parse_content_encoding(facts.content_encoding).unwrap_or_default();
        Answer::Glance(Glance { kind, codings })
    } else if orders.receive_route && !is_maskable {
        Answer::Pass
    } else if (300..600).contains(&facts.status) && !is_maskable {
        Answer::Drop
    } else {
        unscannable(orders)
    }
}

fn unscannable(orders: &Orders) -> Answer {
    Answer::Refuse(Denial { reason: Reason::UnscannableAnswer, rule: orders.masking.rule })
}
