//! From the server to the client: text is rewritten as it streams past.

use std::sync::Arc;

use super::{
    Contexts, Deflate, Kind, Limits, Refusal, Side, WebSocketError, close,
    deflate::{Coding, Deflater},
    frame::{self, Control, Event, Frames, Opcode, Shape},
    utf8::Utf8,
};
use crate::{
    copies::Learnt,
    plan::Plan,
    redactor::{Format, Redactor, Summary},
};

/// What becomes of binary messages of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binary {
    /// They pass as they came.
    Pass,
    /// The first one ends the direction.
    Refuse(Refusal),
}

/// Rewrites what a server sends.
///
/// Under a plan, text is redacted as [`Format::Framed`] and leaves in frames of 16 KiB; of a close frame the reason is
/// left out where it is more than a plain word. Without one, frames leave as they came. Pings and pongs always do.
#[derive(Debug)]
pub struct ServerMessages {
    frames: Frames,
    plan: Option<Arc<Plan>>,
    copies: Option<Arc<Learnt>>,
    binary: Binary,
    limits: Limits,
    coding: Option<Coding>,
    /// Whether a message was deflated anew under context takeover: what the client remembers is not what the server does
    /// then, and no compressed message can pass as it came any more.
    is_apart: bool,
    /// The longest text that is told.
    told: usize,
    message: Option<Message>,
    summary: Summary,
    failure: Option<WebSocketError>,
}

impl ServerMessages {
    /// Begins behind a handshake in which `deflate` was agreed upon. Frames pass, until there is a plan.
    pub fn new(deflate: Option<Deflate>, contexts: &Arc<Contexts>, limits: Limits) -> ServerMessages {
        let coding = deflate.map(|deflate| Coding::new(Side::Server, &deflate, contexts, &limits));
        ServerMessages {
            frames: Frames::new(Side::Server, coding.is_some()),
            plan: None,
            copies: None,
            binary: Binary::Pass,
            limits,
            coding,
            is_apart: false,
            told: 0,
            message: None,
            summary: Summary::default(),
            failure: None,
        }
    }

    /// Rewrites by this plan from the next message on. Under one that hides copies they are looked for in `copies`, if
    /// there is such a set, else within a message.
    pub fn set_plan(&mut self, plan: Option<Arc<Plan>>, copies: Option<Arc<Learnt>>) {
        self.plan = plan;
        self.copies = copies;
    }

    /// Does this with binary messages from the next one on.
    pub fn set_binary(&mut self, binary: Binary) {
        self.binary = binary;
    }

    /// Has [`ServerMessages::write_message`] tell texts of so many bytes, from the next message on.
    pub fn tell(&mut self, longest: usize) {
        self.told = longest;
    }

    /// Takes the next bytes of the server and appends to `out` what may go to the client.
    pub fn write(&mut self, mut chunk: &[u8], out: &mut Vec<u8>) -> Result<(), WebSocketError> {
        while self.write_message(&mut chunk, out)?.is_some() {}
        Ok(())
    }

    /// Takes the next bytes of the server up to the end of a message, and appends to `out` what may go to the client.
    ///
    /// Where a message has ended, this is its text as the server sent it; it is empty for a binary message, and for one
    /// that is longer than is told. None: all of the chunk is taken.
    pub fn write_message(
        &mut self,
        chunk: &mut &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Option<Vec<u8>>, WebSocketError> {
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        let result = self.run(chunk, out);
        result.inspect_err(|failure| self.failure = Some(*failure))
    }

    /// Ends the direction.
    pub fn finish(&self) -> Result<(), WebSocketError> {
        match self.failure {
            Some(failure) => Err(failure),
            None => self.frames.finish(),
        }
    }

    /// Whether the server has sent a close frame. What it sends behind one is left out.
    pub fn is_closed(&self) -> bool {
        self.frames.is_closed()
    }

    /// Whether what has left ends with a whole frame, so that another one may follow, after an error too.
    pub fn is_between_frames(&self) -> bool {
        let passes = self.message.as_ref().is_some_and(|message| message.rewriting.is_none());
        !(passes && self.frames.is_within_data())
    }

    /// Whether no message is under way.
    pub fn is_between_messages(&self) -> bool {
        self.message.is_none()
    }

    /// What was hidden since this was asked last.
    pub fn take_summary(&mut self) -> Summary {
        std::mem::take(&mut self.summary)
    }

    fn run(&mut self, chunk: &mut &[u8], out: &mut Vec<u8>) -> Result<Option<Vec<u8>>, WebSocketError> {
        while let Some(event) = self.frames.next(chunk)? {
            match event {
                Event::Control(control) => self.control(&control, out),
                Event::Frame(head) => {
                    if let Some(kind) = head.shape.opcode.kind() {
                        self.message = Some(self.begin(kind, head.shape.is_compressed)?);
                    }
                    let Some(message) = &self.message else { continue };
                    if message.rewriting.is_none() {
                        out.extend_from_slice(head.bytes());
                    }
                }
                Event::Payload(piece, _) => {
                    if let Some(message) = &mut self.message {
                        message.take(piece, self.coding.as_mut(), out)?;
                    }
                }
                Event::End { is_last: false } => {}
                Event::End { is_last: true } => {
                    if let Some(message) = self.message.take() {
                        let (summary, text) = message.finish(self.coding.as_mut(), out)?;
                        self.summary.add(&summary);
                        return Ok(Some(text));
                    }
                }
            }
        }
        Ok(None)
    }

    fn begin(&mut self, kind: Kind, is_compressed: bool) -> Result<Message, WebSocketError> {
        if let (Kind::Binary, Binary::Refuse(refusal)) = (kind, self.binary) {
            return Err(WebSocketError::Refused(refusal));
        }
        let plan = self.plan.as_ref().filter(|_| kind == Kind::Text);
        let redactor = plan.map(|plan| {
            let redactor = Redactor::new(Arc::clone(plan), Format::Framed, self.limits.redact);
            match &self.copies {
                Some(copies) => redactor.with_copies(Arc::clone(copies)),
                None => redactor,
            }
        });
        let coding = self.coding.as_ref().filter(|_| is_compressed);
        let is_rewritten = redactor.is_some() || (self.is_apart && coding.is_some());
        self.is_apart |= is_rewritten && coding.is_some_and(|coding| coding.has_takeover);
        Ok(Message {
            is_compressed,
            utf8: (kind == Kind::Text).then(Utf8::default),
            text: (kind == Kind::Text && self.told > 0).then(Vec::new),
            told: self.told,
            rewriting: is_rewritten.then(|| Rewriting {
                redactor: redactor.map(Box::new),
                opcode: kind.into(),
                is_compressed,
                plain: Vec::new(),
                coded: Vec::new(),
            }),
        })
    }

    fn control(&self, control: &Control, out: &mut Vec<u8>) {
        // The reason is free text, and apps have little use for it.
        if let (Opcode::Close, Some(_), Ok(Some((code, reason)))) =
            (control.opcode(), &self.plan, close::read(control.payload()))
            && !close::is_plain(reason)
        {
            close::write(code, "", None, out);
        } else {
            control.write(out);
        }
    }
}

/// A message under way.
#[derive(Debug)]
struct Message {
    is_compressed: bool,
    /// Of text.
    utf8: Option<Utf8>,
    /// As it came, as long as it is no longer than is told.
    text: Option<Vec<u8>>,
    told: usize,
    /// None: it passes as it came.
    rewriting: Option<Rewriting>,
}

impl Message {
    /// Takes a piece of payload.
    fn take(
        &mut self,
        piece: &[u8],
        coding: Option<&mut Coding>,
        out: &mut Vec<u8>,
    ) -> Result<(), WebSocketError> {
        match coding.filter(|_| self.is_compressed) {
            Some(Coding { inflater, deflater, .. }) => {
                inflater.write(piece, |plain| self.take_plain(plain, Some(&mut *deflater), out))?;
            }
            None => self.take_plain(piece, None, out)?,
        }
        if self.rewriting.is_none() {
            out.extend_from_slice(piece);
        }
        Ok(())
    }

    fn take_plain(
        &mut self,
        plain: &[u8],
        deflater: Option<&mut Deflater>,
        out: &mut Vec<u8>,
    ) -> Result<(), WebSocketError> {
        let fault = self.utf8.as_mut().and_then(|utf8| utf8.write(plain).err());
        let plain = plain.get(..fault.unwrap_or(plain.len())).unwrap_or_default();
        self.text = self.text.take().filter(|text| text.len() + plain.len() <= self.told);
        if let Some(text) = &mut self.text {
            text.extend_from_slice(plain);
        }
        if let Some(rewriting) = &mut self.rewriting {
            rewriting.take(plain, deflater, out)?;
        }
        fault.map_or(Ok(()), |_| Err(WebSocketError::InvalidUtf8))
    }

    fn finish(
        mut self,
        coding: Option<&mut Coding>,
        out: &mut Vec<u8>,
    ) -> Result<(Summary, Vec<u8>), WebSocketError> {
        let mut deflater = None;
        if let Some(coding) = coding.filter(|_| self.is_compressed) {
            let Coding { inflater, deflater: own, .. } = coding;
            inflater.finish(|plain| self.take_plain(plain, Some(&mut *own), out))?;
            deflater = Some(own);
        }
        if let Some(utf8) = self.utf8 {
            utf8.finish()?;
        }
        let summary = match self.rewriting {
            Some(rewriting) => rewriting.finish(deflater, out)?,
            None => Summary::default(),
        };
        Ok((summary, self.text.unwrap_or_default()))
    }
}

/// A message that leaves in frames of its own.
#[derive(Debug)]
struct Rewriting {
    redactor: Option<Box<Redactor>>,
    /// Of the next frame.
    opcode: Opcode,
    is_compressed: bool,
    /// What has not been put into a frame, or deflated.
    plain: Vec<u8>,
    /// What has been deflated and not been put into a frame.
    coded: Vec<u8>,
}

impl Rewriting {
    fn take(
        &mut self,
        plain: &[u8],
        mut deflater: Option<&mut Deflater>,
        out: &mut Vec<u8>,
    ) -> Result<(), WebSocketError> {
        match &mut self.redactor {
            Some(redactor) => redactor.write(plain, &mut self.plain)?,
            None => self.plain.extend_from_slice(plain),
        }
        // The last frame takes what is left, so something must be.
        if self.plain.len() <= FRAGMENT {
            return Ok(());
        }
        let plain = std::mem::take(&mut self.plain);
        let mut rest = plain.as_slice();
        while rest.len() > FRAGMENT {
            let (fragment, later) = rest.split_at(FRAGMENT);
            rest = later;
            match deflater.as_deref_mut() {
                Some(deflater) => {
                    deflater.write(fragment, &mut self.coded)?;
                    if self.coded.len() >= FRAGMENT {
                        let coded = std::mem::take(&mut self.coded);
                        self.frame(&coded, false, out);
                    }
                }
                None => self.frame(fragment, false, out),
            }
        }
        self.plain = rest.to_vec();
        Ok(())
    }

    fn finish(
        mut self,
        deflater: Option<&mut Deflater>,
        out: &mut Vec<u8>,
    ) -> Result<Summary, WebSocketError> {
        let mut plain = std::mem::take(&mut self.plain);
        let summary = match self.redactor.take() {
            Some(redactor) => redactor.finish(&mut plain)?,
            None => Summary::default(),
        };
        match deflater {
            Some(deflater) => {
                let mut coded = std::mem::take(&mut self.coded);
                deflater.write(&plain, &mut coded)?;
                deflater.finish(&mut coded)?;
                self.frame(&coded, true, out);
            }
            None => self.frame(&plain, true, out),
        }
        Ok(summary)
    }

    fn frame(&mut self, payload: &[u8], is_last: bool, out: &mut Vec<u8>) {
        let is_first = self.opcode != Opcode::Continuation;
        let shape = Shape { opcode: self.opcode, is_last, is_compressed: self.is_compressed && is_first };
        frame::write(shape, payload, None, out);
        self.opcode = Opcode::Continuation;
    }
}

/// How much of a rewritten message leaves at a time.
const FRAGMENT: usize = 16 * 1024;
