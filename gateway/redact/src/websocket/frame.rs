//! Frames (RFC 6455 §5): read as they come, and written.
//!
//! [`Frames`] knows the grammar of one direction: which bits, opcodes and lengths may stand where, and which frame may
//! follow which. Control frames are short and come whole; of data frames the payload comes as it arrives.

use super::{Kind, Side, WebSocketError, close};

/// Reads the frames of one side.
#[derive(Debug)]
pub(super) struct Frames {
    side: Side,
    /// Whether permessage-deflate gives RSV1 a meaning.
    has_deflate: bool,
    state: State,
    /// Whether a message has begun and not ended.
    is_open: bool,
}

#[derive(Debug)]
enum State {
    /// The first `read` bytes of a head; 0 <= read < 14.
    Head { bytes: [u8; MAX_HEAD], read: usize },
    /// Within a data frame; 0 <= at <= head.length.
    Data { head: Head, at: u64 },
    /// Within a control frame; 0 <= at <= head.length <= 125.
    Control { head: Head, bytes: [u8; MAX_CONTROL], at: usize },
    /// Behind a close frame, after which nothing has a meaning (RFC 6455 §5.5.1).
    Closed,
    /// Behind what was no frame: nobody knows where the next one begins.
    Lost,
}

/// What was read.
#[derive(Debug)]
pub(super) enum Event<'c> {
    /// A data frame begins.
    Frame(Head),
    /// A piece of its payload, as it came, and where in the payload it begins.
    Payload(&'c [u8], u64),
    /// It ends, and the message with it if it is the last.
    End { is_last: bool },
    /// A whole control frame.
    Control(Control),
}

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opcode {
    Continuation,
    Text,
    Binary,
    Close,
    Ping,
    Pong,
}

impl Opcode {
    const fn number(self) -> u8 {
        match self {
            Opcode::Continuation => 0x0,
            Opcode::Text => 0x1,
            Opcode::Binary => 0x2,
            Opcode::Close => 0x8,
            Opcode::Ping => 0x9,
            Opcode::Pong => 0xa,
        }
    }

    fn numbered(number: u8) -> Option<Opcode> {
        let all =
            [Opcode::Continuation, Opcode::Text, Opcode::Binary, Opcode::Close, Opcode::Ping, Opcode::Pong];
        all.into_iter().find(|opcode| opcode.number() == number)
    }

    fn is_control(self) -> bool {
        self.number() >= Opcode::Close.number()
    }

    /// The kind of message that begins with it.
    pub(super) fn kind(self) -> Option<Kind> {
        match self {
            Opcode::Text => Some(Kind::Text),
            Opcode::Binary => Some(Kind::Binary),
            Opcode::Continuation | Opcode::Close | Opcode::Ping | Opcode::Pong => None,
        }
    }
}

impl From<Kind> for Opcode {
    fn from(kind: Kind) -> Opcode {
        match kind {
            Kind::Text => Opcode::Text,
            Kind::Binary => Opcode::Binary,
        }
    }
}

/// The first byte of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) opcode: Opcode,
    pub(super) is_last: bool,
    /// RSV1: the message is compressed (RFC 7692 §6).
    pub(super) is_compressed: bool,
}

impl Shape {
    /// Of a frame that is no fragment.
    pub(super) fn whole(opcode: Opcode, is_compressed: bool) -> Shape {
        Shape { opcode, is_last: true, is_compressed }
    }

    fn byte(self) -> u8 {
        u8::from(self.is_last) << 7 | u8::from(self.is_compressed) << 6 | self.opcode.number()
    }
}

/// The head of a frame.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    pub(super) shape: Shape,
    pub(super) length: u64,
    pub(super) key: Option<[u8; 4]>,
    bytes: [u8; MAX_HEAD],
    size: usize,
}

impl Head {
    /// As it came.
    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.size).unwrap_or_default()
    }
}

/// A control frame.
#[derive(Clone, Copy, Debug)]
pub(super) struct Control {
    head: Head,
    /// Unmasked; the first `head.length`.
    bytes: [u8; MAX_CONTROL],
}

impl Control {
    pub(super) fn opcode(&self) -> Opcode {
        self.head.shape.opcode
    }

    pub(super) fn payload(&self) -> &[u8] {
        let length = usize::try_from(self.head.length).unwrap_or(usize::MAX);
        self.bytes.get(..length).unwrap_or_default()
    }

    /// Appends the frame as it came.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.head.bytes());
        append(self.payload(), self.head.key, out);
    }
}

impl Frames {
    pub(super) fn new(side: Side, has_deflate: bool) -> Frames {
        Frames { side, has_deflate, state: State::START, is_open: false }
    }

    /// Reads on from the front of `chunk`. None: it is used up. After an error nothing is read any more.
    pub(super) fn next<'c>(&mut self, chunk: &mut &'c [u8]) -> Result<Option<Event<'c>>, WebSocketError> {
        let result = self.read(chunk);
        result.inspect_err(|_| self.state = State::Lost)
    }

    fn read<'c>(&mut self, chunk: &mut &'c [u8]) -> Result<Option<Event<'c>>, WebSocketError> {
        loop {
            match &mut self.state {
                State::Closed | State::Lost => {
                    *chunk = &[];
                    return Ok(None);
                }
                State::Head { bytes, read } => {
                    let Some((&byte, rest)) = chunk.split_first() else { return Ok(None) };
                    *chunk = rest;
                    if let Some(place) = bytes.get_mut(*read) {
                        *place = byte;
                    }
                    *read += 1;
                    let (bytes, read) = (*bytes, *read);
                    if let Some(head) = self.head(bytes, read)? {
                        if head.shape.opcode.is_control() {
                            self.state = State::Control { head, bytes: [0; MAX_CONTROL], at: 0 };
                        } else {
                            self.is_open = !head.shape.is_last;
                            self.state = State::Data { head, at: 0 };
                            return Ok(Some(Event::Frame(head)));
                        }
                    }
                }
                State::Data { head, at } => {
                    let left = head.length - *at;
                    if left == 0 {
                        let is_last = head.shape.is_last;
                        self.state = State::START;
                        return Ok(Some(Event::End { is_last }));
                    }
                    if chunk.is_empty() {
                        return Ok(None);
                    }
                    let length = usize::try_from(left).unwrap_or(usize::MAX).min(chunk.len());
                    let (piece, rest) = chunk.split_at(length);
                    let begins = *at;
                    *at += length as u64;
                    *chunk = rest;
                    return Ok(Some(Event::Payload(piece, begins)));
                }
                State::Control { head, bytes, at } => {
                    let length = usize::try_from(head.length).unwrap_or(usize::MAX);
                    let (piece, rest) = chunk.split_at(chunk.len().min(length - *at));
                    if let Some(places) = bytes.get_mut(*at..*at + piece.len()) {
                        places.copy_from_slice(piece);
                    }
                    *at += piece.len();
                    *chunk = rest;
                    if *at < length {
                        return Ok(None);
                    }
                    let mut control = Control { head: *head, bytes: *bytes };
                    if let (Some(key), Some(bytes)) = (head.key, control.bytes.get_mut(..length)) {
                        mask(key, 0, bytes);
                    }
                    self.state = State::START;
                    if control.opcode() == Opcode::Close {
                        close::read(control.payload())?;
                        self.state = State::Closed;
                    }
                    return Ok(Some(Event::Control(control)));
                }
            }
        }
    }

    /// Whether the payload of a data frame is under way, or its end has not been told.
    pub(super) fn is_within_data(&self) -> bool {
        matches!(self.state, State::Data { .. })
    }

    /// Whether a close frame was read.
    pub(super) fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed)
    }

    /// Ends the frames.
    pub(super) fn finish(&self) -> Result<(), WebSocketError> {
        match self.state {
            State::Closed => Ok(()),
            State::Head { read: 0, .. } if !self.is_open => Ok(()),
            State::Head { .. } | State::Data { .. } | State::Control { .. } | State::Lost => {
                Err(WebSocketError::Truncated)
            }
        }
    }

    /// Judges a head at each of its bytes, so that a fault is known as early as it can be. None: it is not whole yet.
    fn head(&self, bytes: [u8; MAX_HEAD], read: usize) -> Result<Option<Head>, WebSocketError> {
        let [first, second, ..] = bytes;
        let shape = self.shape(first)?;
        if read < 2 {
            return Ok(None);
        }
        // RFC 6455 §5.1.
        if (second & 0x80 != 0) != (self.side == Side::Client) {
            return Err(WebSocketError::WrongMasking);
        }
        let short = second & 0x7f;
        if shape.opcode.is_control() && usize::from(short) > MAX_CONTROL {
            return Err(WebSocketError::LongControl);
        }
        let length_ends = match short {
            126 => 4,
            127 => 10,
            _ => 2,
        };
        let size = length_ends + if self.side == Side::Client { 4 } else { 0 };
        if read < size {
            return Ok(None);
        }
        let long = bytes.get(2..length_ends).unwrap_or_default();
        let long = long.iter().fold(0, |length: u64, byte| length << 8 | u64::from(*byte));
        // RFC 6455 §5.2: the most significant bit is 0, and the minimal number of bytes is used.
        let length = match short {
            126 if long >= 126 => long,
            127 if long >> 16 != 0 && long >> 63 == 0 => long,
            126 | 127 => return Err(WebSocketError::MalformedLength),
            _ => u64::from(short),
        };
        let key = bytes.get(length_ends..size).and_then(|key| key.try_into().ok());
        Ok(Some(Head { shape, length, key, bytes, size }))
    }

    fn shape(&self, byte: u8) -> Result<Shape, WebSocketError> {
        let opcode = Opcode::numbered(byte & 0x0f).ok_or(WebSocketError::UnknownOpcode)?;
        let shape = Shape { opcode, is_last: byte & 0x80 != 0, is_compressed: byte & 0x40 != 0 };
        // RFC 7692 §6: the bit is on the first frame of a message, and on no control frame.
        let may_compress = self.has_deflate && opcode.kind().is_some();
        if byte & 0x30 != 0 || (shape.is_compressed && !may_compress) {
            return Err(WebSocketError::ReservedBit);
        }
        match opcode {
            Opcode::Close | Opcode::Ping | Opcode::Pong if !shape.is_last => {
                Err(WebSocketError::FragmentedControl)
            }
            Opcode::Continuation if !self.is_open => Err(WebSocketError::NothingToContinue),
            Opcode::Text | Opcode::Binary if self.is_open => Err(WebSocketError::UnfinishedMessage),
            Opcode::Continuation
            | Opcode::Text
            | Opcode::Binary
            | Opcode::Close
            | Opcode::Ping
            | Opcode::Pong => Ok(shape),
        }
    }
}

impl State {
    const START: State = State::Head { bytes: [0; MAX_HEAD], read: 0 };
}

/// Appends a frame.
pub(super) fn write(shape: Shape, payload: &[u8], key: Option<[u8; 4]>, out: &mut Vec<u8>) {
    let length = payload.len();
    let masked = if key.is_some() { 0x80 } else { 0 };
    out.push(shape.byte());
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short @ ..126), _) => out.push(masked | short),
        (_, Ok(long)) => {
            out.push(masked | 126);
            out.extend_from_slice(&long.to_be_bytes());
        }
        (_, Err(_)) => {
            out.push(masked | 127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    out.extend(key.into_iter().flatten());
    append(payload, key, out);
}

/// Appends a payload, masked where there is a key.
pub(super) fn append(payload: &[u8], key: Option<[u8; 4]>, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(payload);
    if let (Some(key), Some(bytes)) = (key, out.get_mut(start..)) {
        mask(key, 0, bytes);
    }
}

/// Masks or unmasks what begins at an offset of its payload (RFC 6455 §5.3).
pub(super) fn mask(mut key: [u8; 4], offset: u64, bytes: &mut [u8]) {
    key.rotate_left((offset % 4) as usize);
    let [a, b, c, d] = key;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (chunks, rest) = bytes.as_chunks_mut::<8>();
    for chunk in chunks {
        *chunk = (u64::from_ne_bytes(*chunk) ^ wide).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(key.iter().cycle()) {
        *byte ^= key;
    }
}

/// RFC 6455 §5.2: two bytes, eight of length, four of the masking key.
const MAX_HEAD: usize = 14;
/// RFC 6455 §5.5.
const MAX_CONTROL: usize = 125;
