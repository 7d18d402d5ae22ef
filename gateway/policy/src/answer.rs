//! The decision about an answer: what may pass, what is rewritten, what is refused.
//!
//! Judged on the header alone, before a byte of the body leaves. For a masked caller everything is refused that is
//! neither rewritten here nor of a kind that carries no text.

use crate::{
    disposition::is_attachment,
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
    /// Whether a `Content-Encoding` other than `identity` is named.
    pub coded: bool,
    /// The values of `Content-Disposition`.
    pub dispositions: &'a [&'a str],
    /// Whether a body can follow: not for HEAD, 1xx, 204, 304 and `Content-Length: 0`.
    pub body: bool,
}

/// What happens to the body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It passes as it came.
    Pass,
    /// It is JSON and is rewritten.
    Json,
    /// It calls itself HTML: passes if it looks like it, is rewritten if it is JSON after all.
    Html,
    /// It cannot be checked and says nothing that a redirect needs: left out.
    Drop,
    /// The answer is refused.
    Refuse(Denial),
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
    if !facts.body {
        return Answer::Pass;
    }
    let blocked =
        [orders.send_block, orders.receive_block].into_iter().flatten().find(|block| block.enforced);
    if class == MediaClass::Events && (orders.masking.hide.is_some() || blocked.is_some()) {
        let rule = blocked.map(|block| block.rule).or(orders.masking.rule);
        return Answer::Refuse(Denial { reason: Reason::UnscannableEvents, rule });
    }
    if orders.masking.contacts {
        return judge_masked(orders, facts, class);
    }
    match (&orders.masking.hide, class) {
        (Some(_), MediaClass::Json) if readable(facts) => Answer::Json,
        (Some(_), MediaClass::Json) => unscannable(orders),
        _ => Answer::Pass,
    }
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

fn judge_masked(orders: &Orders, facts: &AnswerFacts<'_>, class: MediaClass) -> Answer {
    if facts.coded {
        return unscannable(orders);
    }
    match class {
        MediaClass::Json if facts.status == 206 || !readable(facts) => unscannable(orders),
        MediaClass::Json => Answer::Json,
        MediaClass::Html if facts.status == 206 || !readable(facts) => unscannable(orders),
        MediaClass::Html => Answer::Html,
        MediaClass::Style
        | MediaClass::Script
        | MediaClass::Font
        | MediaClass::Picture
        | MediaClass::Audio
        | MediaClass::Video => Answer::Pass,
        MediaClass::Text
        | MediaClass::Events
        | MediaClass::Document
        | MediaClass::Form
        | MediaClass::Multipart
        | MediaClass::Other
        | MediaClass::Missing => {
            if orders.receive_route {
                Answer::Pass
            } else if (300..400).contains(&facts.status) {
                Answer::Drop
            } else {
                unscannable(orders)
            }
        }
    }
}

fn unscannable(orders: &Orders) -> Answer {
    Answer::Refuse(Denial { reason: Reason::UnscannableAnswer, rule: orders.masking.rule })
}

/// Rewriting reads UTF-8 (RFC 8259 §8.1) that carries no coding.
fn readable(facts: &AnswerFacts<'_>) -> bool {
    let charset = media_type::charset(facts.content_type);
    !facts.coded
        && charset.is_none_or(|name| {
            ["utf-8", "utf8", "us-ascii"].iter().any(|known| name.eq_ignore_ascii_case(known))
        })
}
