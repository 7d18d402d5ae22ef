//! Frames as tests write and read them, by nothing of the code under test but the names of opcodes.

use super::{Kind, Opcode, Side};

/// A frame to be written, however wrong it is.
#[derive(Clone, Debug)]
pub(super) struct Wire {
    pub(super) is_last: bool,
    /// RSV1 to RSV3, from 0 to 7.
    pub(super) reserved: u8,
    pub(super) opcode: Opcode,
    /// Instead of that of `opcode`.
    pub(super) number: Option<u8>,
    pub(super) payload: Vec<u8>,
}

impl Wire {
    pub(super) fn whole(opcode: Opcode, payload: impl AsRef<[u8]>) -> Wire {
        Wire { is_last: true, reserved: 0, opcode, number: None, payload: payload.as_ref().to_vec() }
    }

    pub(super) fn part(opcode: Opcode, payload: impl AsRef<[u8]>) -> Wire {
        Wire { is_last: false, ..Wire::whole(opcode, payload) }
    }

    pub(super) fn compressed(self) -> Wire {
        Wire { reserved: 4, ..self }
    }
}

pub(super) fn server(frames: &[Wire]) -> Vec<u8> {
    write(frames, |_| None)
}

pub(super) fn client(frames: &[Wire]) -> Vec<u8> {
    write(frames, |index| {
        let bits = next(index as u64 + 1).to_be_bytes();
        Some([bits[0], bits[1], bits[2], bits[3]])
    })
}

fn write(frames: &[Wire], key: impl Fn(usize) -> Option<[u8; 4]>) -> Vec<u8> {
    let mut out = Vec::new();
    for (index, frame) in frames.iter().enumerate() {
        let number = frame.number.unwrap_or_else(|| opcodes(frame.opcode));
        out.push(u8::from(frame.is_last) << 7 | frame.reserved << 4 | number);
        let key = key(index);
        let masked = if key.is_some() { 0x80 } else { 0 };
        match frame.payload.len() {
            length @ 0..=125 => out.push(masked | length as u8),
            length @ 126..=65535 => {
                out.push(masked | 126);
                out.extend((length as u16).to_be_bytes());
            }
            length => {
                out.push(masked | 127);
                out.extend((length as u64).to_be_bytes());
            }
        }
        out.extend(key.into_iter().flatten());
        let key = key.unwrap_or_default();
        out.extend(frame.payload.iter().enumerate().map(|(at, byte)| byte ^ key[at % 4]));
    }
    out
}

/// What a peer makes of frames.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Item {
    Message(Kind, Vec<u8>),
    /// As it was compressed.
    Compressed(Kind, Vec<u8>),
    Control(Opcode, Vec<u8>),
}

/// Reads whole frames of a side, which must be well-formed.
pub(super) fn read(side: Side, mut bytes: &[u8]) -> Vec<Item> {
    let mut items = Vec::new();
    let mut open: Option<(Kind, bool, Vec<u8>)> = None;
    while let [first, second, rest @ ..] = bytes {
        assert_eq!(second & 0x80 != 0, side == Side::Client, "masking");
        let (length, rest) = match second & 0x7f {
            126 => (usize::from(u16::from_be_bytes([rest[0], rest[1]])), &rest[2..]),
            127 => (u64::from_be_bytes(rest[..8].try_into().unwrap()) as usize, &rest[8..]),
            short => (usize::from(short), rest),
        };
        let (key, rest) = if side == Side::Client { rest.split_at(4) } else { (&[0; 4][..], rest) };
        let (payload, rest) = rest.split_at(length);
        bytes = rest;
        let mut payload: Vec<u8> = payload.iter().enumerate().map(|(at, byte)| byte ^ key[at % 4]).collect();
        let is_last = first & 0x80 != 0;
        let is_compressed = first & 0x40 != 0;
        match first & 0x0f {
            0 => open.as_mut().expect("a message").2.append(&mut payload),
            1 | 2 => {
                assert!(open.is_none(), "a message within another");
                let kind = if first & 0x0f == 1 { Kind::Text } else { Kind::Binary };
                open = Some((kind, is_compressed, payload));
            }
            number => {
                assert!(is_last && !is_compressed && length <= 125);
                let all = [Opcode::Close, Opcode::Ping, Opcode::Pong];
                let opcode = all.into_iter().find(|opcode| opcodes(*opcode) == number);
                items.push(Item::Control(opcode.expect("an opcode"), payload));
                continue;
            }
        }
        if is_last {
            let (kind, is_compressed, payload) = open.take().expect("a message");
            items.push(match is_compressed {
                true => Item::Compressed(kind, payload),
                false => Item::Message(kind, payload),
            });
        }
    }
    assert!(bytes.is_empty() && open.is_none(), "a frame or message is cut short");
    items
}

fn opcodes(opcode: Opcode) -> u8 {
    match opcode {
        Opcode::Continuation => 0,
        Opcode::Text => 1,
        Opcode::Binary => 2,
        Opcode::Close => 8,
        Opcode::Ping => 9,
        Opcode::Pong => 10,
    }
}

/// The next of a row of numbers.
pub(super) fn next(state: u64) -> u64 {
    state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407)
}
