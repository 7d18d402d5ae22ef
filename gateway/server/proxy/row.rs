//! The messages of a stream in the body of an answer: one after another, U+001E between them (Engine.IO protocol 4).
//!
//! Each is heard when it has passed, and what is heard may change how the next one is rewritten: with the message that
//! signs an account in, the stream becomes that account's. None is held, and the cut of the chunks does not matter.

use std::{mem, sync::Arc};

use chatwarden_policy::{
    in_band::{Event, Watch},
    reason::Denial,
};
use chatwarden_redact::{Format, Learnt, Limits, Plan, Redactor, Summary};

use super::answer_body::AnswerError;

/// Hears the events of messages as an answer carries them.
pub(crate) trait Listener {
    /// Hears the events of one message, and says by what the next ones are rewritten, where that changes.
    ///
    /// # Errors
    /// The caller may not see what follows.
    fn hear(&mut self, events: &[Event]) -> Result<Option<Heard>, Denial>;
}

/// By what messages are rewritten.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    /// What is hidden; without, they pass.
    pub(crate) plan: Option<Arc<Plan>>,
    pub(crate) learnt: Option<Arc<Learnt>>,
}

impl Heard {
    /// What rewrites a text by it.
    pub(super) fn redactor(&self, format: Format, limits: Limits) -> Option<Redactor> {
        let redactor = Redactor::new(Arc::clone(self.plan.as_ref()?), format, limits);
        Some(match &self.learnt {
            Some(learnt) => redactor.with_copies(Arc::clone(learnt)),
            None => redactor,
        })
    }
}

/// A row of messages that is being rewritten.
#[derive(Debug)]
pub(super) struct Row {
    heard: Heard,
    limits: Limits,
    watch: Watch,
    message: Message,
    summary: Summary,
    turns: bool,
}

/// The message under way.
#[derive(Debug)]
enum Message {
    /// Nothing of it has come.
    Fresh,
    Clear,
    Redact(Box<Redactor>),
}

const SEPARATOR: u8 = 0x1e;

impl Row {
    pub(super) fn new(heard: Heard, limits: Limits) -> Self {
        Self {
            heard,
            limits,
            watch: Watch::default(),
            message: Message::Fresh,
            summary: Summary::default(),
            turns: false,
        }
    }

    /// Whether something has to be hidden since a message was heard.
    pub(super) fn turns(&self) -> bool {
        self.turns
    }

    pub(super) fn write(
        &mut self,
        text: &[u8],
        listener: &mut dyn Listener,
        out: &mut Vec<u8>,
    ) -> Result<(), AnswerError> {
        for (index, piece) in text.split(|byte| *byte == SEPARATOR).enumerate() {
            if index > 0 {
                self.end(listener, out)?;
                out.push(SEPARATOR);
            }
            self.pass(piece, out)?;
        }
        Ok(())
    }

    pub(super) fn finish(
        &mut self,
        listener: &mut dyn Listener,
        out: &mut Vec<u8>,
    ) -> Result<Summary, AnswerError> {
        self.end(listener, out)?;
        Ok(mem::take(&mut self.summary))
    }

    fn pass(&mut self, piece: &[u8], out: &mut Vec<u8>) -> Result<(), AnswerError> {
        if piece.is_empty() {
            return Ok(());
        }
        self.watch.write(piece);
        if let Message::Fresh = self.message {
            self.message = match self.heard.redactor(Format::Framed, self.limits) {
                Some(redactor) => Message::Redact(Box::new(redactor)),
                None => Message::Clear,
            };
        }
        match &mut self.message {
            Message::Redact(redactor) => redactor.write(piece, out)?,
            Message::Fresh | Message::Clear => out.extend_from_slice(piece),
        }
        Ok(())
    }

    fn end(&mut self, listener: &mut dyn Listener, out: &mut Vec<u8>) -> Result<(), AnswerError> {
        if let Message::Redact(redactor) = mem::replace(&mut self.message, Message::Fresh) {
            self.summary.add(&redactor.finish(out)?);
        }
        if let Some(heard) = listener.hear(&self.watch.end())? {
            self.turns |= heard.plan.is_some();
            self.heard = heard;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use chatwarden_policy::reason::Reason;
    use chatwarden_redact::{AliasKey, Class, Selector};

    use super::*;

    /// Hides or shows what follows, by events of that name.
    struct Switch(Arc<Plan>);

    impl Listener for Switch {
        fn hear(&mut self, events: &[Event]) -> Result<Option<Heard>, Denial> {
            let says = |name| events.iter().any(|event| event.is(name));
            match () {
                () if says("show") => Ok(Some(Heard { plan: None, learnt: None })),
                () if says("hide") => Ok(Some(Heard { plan: Some(Arc::clone(&self.0)), learnt: None })),
                () if says("end") => Err(Reason::IpNotWhitelisted.into()),
                () => Ok(None),
            }
        }
    }

    fn plan() -> Arc<Plan> {
        let phone = Selector::parse("$..phone").unwrap();
        let plan = Plan::builder().field(Class::Phone, &phone).build(&AliasKey::new(&[7; 32]).unwrap());
        Arc::new(plan.unwrap())
    }

    fn rewrite(pieces: &[&[u8]]) -> (Vec<u8>, Result<bool, AnswerError>) {
        let mut row = Row::new(Heard { plan: Some(plan()), learnt: None }, Limits::default());
        let (mut out, mut switch) = (Vec::new(), Switch(plan()));
        let written = pieces.iter().try_for_each(|piece| row.write(piece, &mut switch, &mut out));
        let finished = written.and_then(|()| row.finish(&mut switch, &mut out));
        (out, finished.map(|_| row.turns()))
    }

    const ROW: &str = concat!(
        r#"42["msg",{"phone":"+37061234501"}]"#,
        "\u{1e}",
        r#"42["show",{"phone":"+37061234502"}]"#,
        "\u{1e}",
        r#"42["msg",{"phone":"+37061234503"}]"#,
        "\u{1e}\u{1e}2\u{1e}",
        r#"42["hide",{"phone":"+37061234504"}]"#,
        "\u{1e}",
        r#"42["msg",{"phone":"+37061234505"}]"#,
    );

    #[test]
    fn what_is_heard_holds_from_the_next_message_on() {
        let (out, turns) = rewrite(&[ROW.as_bytes()]);
        let out = String::from_utf8(out).unwrap();
        let shown: Vec<bool> = (1..=5).map(|last| out.contains(&format!("+3706123450{last}"))).collect();
        assert_eq!(shown, [false, false, true, true, false]);
        assert_eq!(out.matches('\u{1e}').count(), ROW.matches('\u{1e}').count());
        assert_eq!(turns, Ok(true));
    }

    #[test]
    fn the_cut_of_the_chunks_does_not_matter() {
        let whole = rewrite(&[ROW.as_bytes()]).0;
        let bytes: Vec<&[u8]> = ROW.as_bytes().chunks(1).collect();
        assert_eq!(rewrite(&bytes).0, whole);
        for at in 0..ROW.len() {
            let (head, tail) = ROW.as_bytes().split_at(at);
            assert_eq!(rewrite(&[head, tail]).0, whole, "{at}");
        }
    }

    #[test]
    fn behind_a_message_that_ends_the_stream_nothing_leaves() {
        let row = b"42[\"end\"]\x1e42[\"msg\",{\"a\":\"secret\"}]";
        let (out, ended) = rewrite(&[row]);
        assert_eq!(out, b"42[\"end\"]");
        assert_eq!(ended, Err(AnswerError::Denied(Reason::IpNotWhitelisted.into())));
    }
}
