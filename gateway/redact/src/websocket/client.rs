//! From the client to the server: a message is judged when it is whole.

use std::sync::Arc;

use super::{
    Contexts, Deflate, Kind, Limits, Refusal, Side, WebSocketError,
    deflate::Coding,
    frame::{self, Event, Frames, Head, Opcode, Shape},
    utf8::Utf8,
};

/// Says what becomes of the messages of a client.
pub trait Judge {
    /// Whether a message of this kind is to be held and judged, asked when it begins.
    fn admit(&mut self, kind: Kind) -> Admission;

    /// Judges a whole message.
    fn judge(&mut self, kind: Kind, payload: &[u8]) -> Verdict;
}

/// Whether a message may come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It may, and is judged when it is whole.
    Hold,
    /// It ends the direction.
    Refuse(Refusal),
}

/// What becomes of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It goes to the server as it came.
    Pass,
    /// This goes instead.
    Replace(Vec<u8>),
    /// It ends the direction.
    Refuse(Refusal),
}

/// Holds what a client sends until a judge has seen it.
///
/// A message in one frame that passes leaves as it came, masking key included. One in fragments, a replaced one and a
/// compressed one leave under new keys, in frames no longer than those that they came in, or than 4 KiB. What was
/// compressed is compressed anew, as another reader might make something else of it: of blocks that are cut short, or
/// go on behind the last one.
#[derive(Debug)]
pub struct ClientMessages {
    frames: Frames,
    limits: Limits,
    coding: Option<Coding>,
    message: Option<Message>,
    failure: Option<WebSocketError>,
}

impl ClientMessages {
    /// Begins behind a handshake in which `deflate` was agreed upon.
    pub fn new(deflate: Option<Deflate>, contexts: &Arc<Contexts>, limits: Limits) -> ClientMessages {
        let coding = deflate.map(|deflate| Coding::new(Side::Client, &deflate, contexts, &limits));
        let frames = Frames::new(Side::Client, coding.is_some());
        ClientMessages { frames, limits, coding, message: None, failure: None }
    }

    /// Takes the next bytes of the client and appends to `out` what may go to the server. `keys` draws a masking key,
    /// which nobody may foretell (RFC 6455 §5.3). After an error what comes is read for the close frame alone.
    pub fn write(
        &mut self,
        mut chunk: &[u8],
        judge: &mut dyn Judge,
        keys: &mut dyn FnMut() -> [u8; 4],
        out: &mut Vec<u8>,
    ) -> Result<(), WebSocketError> {
        if self.failure.is_none() {
            self.failure = self.run(&mut chunk, judge, keys, out).err();
        }
        let Some(failure) = self.failure else { return Ok(()) };
        self.drain(chunk);
        Err(failure)
    }

    /// Takes the next bytes of a client whom nobody listens to any more, and looks for the close frame alone.
    pub fn drain(&mut self, mut chunk: &[u8]) {
        self.message = None;
        while let Ok(Some(_)) = self.frames.next(&mut chunk) {}
    }

    /// Ends the direction.
    pub fn finish(&self) -> Result<(), WebSocketError> {
        match self.failure {
            Some(failure) => Err(failure),
            None => self.frames.finish(),
        }
    }

    /// Whether the client has sent a close frame, after an error too. What it sends behind one is left out.
    pub fn is_closed(&self) -> bool {
        self.frames.is_closed()
    }

    fn run(
        &mut self,
        chunk: &mut &[u8],
        judge: &mut dyn Judge,
        keys: &mut dyn FnMut() -> [u8; 4],
        out: &mut Vec<u8>,
    ) -> Result<(), WebSocketError> {
        while let Some(event) = self.frames.next(chunk)? {
            match event {
                Event::Control(control) => control.write(out),
                Event::Frame(head) => {
                    if let Some(kind) = head.shape.opcode.kind() {
                        if let Admission::Refuse(refusal) = judge.admit(kind) {
                            return Err(WebSocketError::Refused(refusal));
                        }
                        self.message = Some(Message::new(kind, head));
                    }
                    if let Some(message) = &mut self.message {
                        message.begin_frame(head, self.limits.message)?;
                    }
                }
                Event::Payload(piece, at) => {
                    if let Some(message) = &mut self.message {
                        message.take(piece, at)?;
                    }
                }
                Event::End { is_last: false } => {}
                Event::End { is_last: true } => {
                    if let Some(message) = self.message.take() {
                        message.finish(self.coding.as_mut(), judge, keys, out)?;
                    }
                }
            }
        }
        Ok(())
    }
}

/// A message under way.
#[derive(Debug)]
struct Message {
    kind: Kind,
    first: Head,
    /// Of the frame under way.
    key: [u8; 4],
    longest: usize,
    is_fragmented: bool,
    /// Unmasked, and compressed if it came so.
    payload: Vec<u8>,
    /// Of text that is not compressed.
    utf8: Option<Utf8>,
}

impl Message {
    fn new(kind: Kind, first: Head) -> Message {
        let is_plain_text = kind == Kind::Text && !first.shape.is_compressed;
        Message {
            kind,
            first,
            key: [0; 4],
            longest: 0,
            is_fragmented: !first.shape.is_last,
            payload: Vec::new(),
            utf8: is_plain_text.then(Utf8::default),
        }
    }

    fn begin_frame(&mut self, head: Head, limit: usize) -> Result<(), WebSocketError> {
        let fits = |length: &usize| self.payload.len().checked_add(*length).is_some_and(|all| all <= limit);
        let length = usize::try_from(head.length).ok().filter(fits).ok_or(WebSocketError::TooLong)?;
        self.longest = self.longest.max(length);
        self.key = head.key.unwrap_or_default();
        self.payload.reserve(length.min(MAX_RESERVED));
        Ok(())
    }

    fn take(&mut self, piece: &[u8], at: u64) -> Result<(), WebSocketError> {
        let start = self.payload.len();
        self.payload.extend_from_slice(piece);
        let piece = self.payload.get_mut(start..).unwrap_or_default();
        frame::mask(self.key, at, piece);
        match &mut self.utf8 {
            Some(utf8) => utf8.write(piece).map_err(|_| WebSocketError::InvalidUtf8),
            None => Ok(()),
        }
    }

    fn finish(
        self,
        coding: Option<&mut Coding>,
        judge: &mut dyn Judge,
        keys: &mut dyn FnMut() -> [u8; 4],
        out: &mut Vec<u8>,
    ) -> Result<(), WebSocketError> {
        let Some(coding) = coding.filter(|_| self.first.shape.is_compressed) else {
            if let Some(utf8) = self.utf8 {
                utf8.finish()?;
            }
            match judge.judge(self.kind, &self.payload) {
                Verdict::Pass => self.pass(keys, out),
                Verdict::Replace(payload) => self.send(&payload, keys, out),
                Verdict::Refuse(refusal) => return Err(WebSocketError::Refused(refusal)),
            }
            return Ok(());
        };
        let mut plain = Vec::new();
        let mut utf8 = (self.kind == Kind::Text).then(Utf8::default);
        let mut take = |piece: &[u8]| {
            plain.extend_from_slice(piece);
            let written = utf8.as_mut().map_or(Ok(()), |utf8| utf8.write(piece));
            written.map_err(|_| WebSocketError::InvalidUtf8)
        };
        coding.inflater.write(&self.payload, &mut take)?;
        coding.inflater.finish(&mut take)?;
        if let Some(utf8) = utf8 {
            utf8.finish()?;
        }
        let payload = match judge.judge(self.kind, &plain) {
            Verdict::Pass => plain,
            Verdict::Replace(payload) => payload,
            Verdict::Refuse(refusal) => return Err(WebSocketError::Refused(refusal)),
        };
        let mut coded = Vec::new();
        coding.deflater.write(&payload, &mut coded)?;
        coding.deflater.finish(&mut coded)?;
        self.send(&coded, keys, out);
        Ok(())
    }

    /// Appends the message as it is.
    fn pass(&self, keys: &mut dyn FnMut() -> [u8; 4], out: &mut Vec<u8>) {
        if self.is_fragmented {
            self.send(&self.payload, keys, out);
        } else {
            out.extend_from_slice(self.first.bytes());
            frame::append(&self.payload, self.first.key, out);
        }
    }

    /// Appends the message with a payload in frames of its own.
    fn send(&self, payload: &[u8], keys: &mut dyn FnMut() -> [u8; 4], out: &mut Vec<u8>) {
        let longest = self.longest.max(MIN_LONGEST);
        let mut shape = self.first.shape;
        let mut rest = payload;
        while rest.len() > longest {
            let (fragment, later) = rest.split_at(longest);
            frame::write(Shape { is_last: false, ..shape }, fragment, Some(keys()), out);
            shape = Shape { opcode: Opcode::Continuation, is_compressed: false, is_last: true };
            rest = later;
        }
        frame::write(Shape { is_last: true, ..shape }, rest, Some(keys()), out);
    }
}

/// What is set aside for a frame before any of it has come.
const MAX_RESERVED: usize = 16 * 1024;
/// What any server takes in one frame.
const MIN_LONGEST: usize = 4 * 1024;
