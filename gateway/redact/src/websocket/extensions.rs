//! `Sec-WebSocket-Extensions` (RFC 6455 §9.1): permessage-deflate (RFC 7692 §7), offered and accepted.
//!
//! One set of parameters holds on both legs of a tunnel, for the answer of the app goes to the client as it is. So of a
//! client's offers everything but permessage-deflate is left out, and each asks for no context takeover besides, which
//! an answer may grant whether the client has asked or not (RFC 7692 §7.1.1). Behind them they stand as the client made
//! them, for an app that declines what asks for that. An answer that grants what was not offered is an error: nothing can
//! be declined any more once the app has accepted.

use std::str;

/// What a client offers of permessage-deflate, most wanted first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offers {
    list: Vec<Parameters>,
}

/// What was agreed upon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deflate {
    /// Whether the server's messages build on one another.
    pub server_takeover: bool,
    /// Whether the client's messages do.
    pub client_takeover: bool,
    /// The window of the server's compressor, as a power of two; 8 to 15.
    pub server_window_bits: u8,
    /// The window of the client's.
    pub client_window_bits: u8,
}

/// Why the answer to a handshake cannot be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExtensionError {
    /// The header cannot be read.
    #[error("a malformed list of extensions")]
    Malformed,
    /// An extension, or a parameter of it, that was not offered.
    #[error("an extension was accepted that was not offered")]
    NotOffered,
}

impl Offers {
    /// Reads what a client offers, and leaves out what is not permessage-deflate or cannot be read.
    pub fn parse<'v>(values: impl IntoIterator<Item = &'v [u8]>) -> Offers {
        let Ok(extensions) = parse(values) else { return Offers::default() };
        let offers = extensions.into_iter().filter(|extension| extension.name == NAME);
        let list = offers.filter_map(|offer| Parameters::of(&offer.parameters, true).ok());
        Offers { list: list.take(MAX_OFFERS).collect() }
    }

    /// Whether nothing is offered.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Spells the offers for the app: each with no context takeover asked for, then without.
    pub fn to_header(&self) -> String {
        let asking = self.list.iter().map(|offer| Parameters {
            server_no_takeover: true,
            client_no_takeover: true,
            ..*offer
        });
        let mut header: Vec<String> = Vec::new();
        for offer in asking.chain(self.list.iter().copied()) {
            let offer = offer.to_string();
            if header.len() < MAX_OFFERS && !header.contains(&offer) {
                header.push(offer);
            }
        }
        header.join(", ")
    }

    /// Reads what the app has accepted of these offers. None: nothing.
    pub fn accept<'v>(
        &self,
        values: impl IntoIterator<Item = &'v [u8]>,
    ) -> Result<Option<Deflate>, ExtensionError> {
        let extensions = parse(values)?;
        let accepted = match extensions.as_slice() {
            [] => return Ok(None),
            [one] if one.name == NAME => Parameters::of(&one.parameters, false)?,
            [..] => return Err(ExtensionError::NotOffered),
        };
        if !self.list.iter().any(|offer| accepted.answers(offer)) {
            return Err(ExtensionError::NotOffered);
        }
        Ok(Some(Deflate {
            server_takeover: !accepted.server_no_takeover,
            client_takeover: !accepted.client_no_takeover,
            server_window_bits: accepted.server_bits.unwrap_or(MAX_BITS),
            client_window_bits: accepted.client_bits.flatten().unwrap_or(MAX_BITS),
        }))
    }
}

/// The parameters of permessage-deflate (RFC 7692 §7.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Parameters {
    server_no_takeover: bool,
    client_no_takeover: bool,
    server_bits: Option<u8>,
    /// In an offer it may stand without a value.
    client_bits: Option<Option<u8>>,
}

impl Parameters {
    fn of(list: &[(String, Option<String>)], is_offer: bool) -> Result<Parameters, ExtensionError> {
        let mut parameters = Parameters::default();
        for (name, value) in list {
            let value = value.as_deref();
            let is_new = match (name.as_str(), value) {
                ("server_no_context_takeover", None) => {
                    !std::mem::replace(&mut parameters.server_no_takeover, true)
                }
                ("client_no_context_takeover", None) => {
                    !std::mem::replace(&mut parameters.client_no_takeover, true)
                }
                ("server_max_window_bits", Some(bits)) => {
                    parameters.server_bits.replace(window_bits(bits)?).is_none()
                }
                ("client_max_window_bits", None) if is_offer => {
                    parameters.client_bits.replace(None).is_none()
                }
                ("client_max_window_bits", Some(bits)) => {
                    parameters.client_bits.replace(Some(window_bits(bits)?)).is_none()
                }
                (_, _) => false,
            };
            if !is_new {
                return Err(ExtensionError::Malformed);
            }
        }
        Ok(parameters)
    }

    /// Whether this answer may be given to an offer. That the app does not grant what the gateway has added to the offer
    /// is taken; what the client itself has asked for must be granted.
    fn answers(&self, offer: &Parameters) -> bool {
        let server_bits = match (offer.server_bits, self.server_bits) {
            (Some(offered), Some(accepted)) => accepted <= offered,
            // There are apps that do not repeat the largest one, which holds where nothing is said.
            (Some(offered), None) => offered == MAX_BITS,
            (None, _) => true,
        };
        let client_bits = match (offer.client_bits, self.client_bits.flatten()) {
            (_, None) | (Some(None), Some(_)) => true,
            (Some(Some(offered)), Some(accepted)) => accepted <= offered,
            (None, Some(_)) => false,
        };
        server_bits && client_bits && (self.server_no_takeover || !offer.server_no_takeover)
    }
}

impl std::fmt::Display for Parameters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(NAME)?;
        if self.server_no_takeover {
            f.write_str("; server_no_context_takeover")?;
        }
        if self.client_no_takeover {
            f.write_str("; client_no_context_takeover")?;
        }
        if let Some(bits) = self.server_bits {
            write!(f, "; server_max_window_bits={bits}")?;
        }
        match self.client_bits {
            None => Ok(()),
            Some(None) => f.write_str("; client_max_window_bits"),
            Some(Some(bits)) => write!(f, "; client_max_window_bits={bits}"),
        }
    }
}

/// RFC 7692 §7.1.2: 8 to 15, in decimal, without leading zeros.
fn window_bits(text: &str) -> Result<u8, ExtensionError> {
    match text {
        "8" => Ok(8),
        "9" => Ok(9),
        "10" => Ok(10),
        "11" => Ok(11),
        "12" => Ok(12),
        "13" => Ok(13),
        "14" => Ok(14),
        "15" => Ok(MAX_BITS),
        _ => Err(ExtensionError::Malformed),
    }
}

/// An extension as the header has it. Names are compared as they stand; RFC 6455 §9.1 gives them no case to ignore.
struct Extension {
    name: String,
    parameters: Vec<(String, Option<String>)>,
}

fn parse<'v>(values: impl IntoIterator<Item = &'v [u8]>) -> Result<Vec<Extension>, ExtensionError> {
    let mut extensions = Vec::new();
    for value in values {
        let mut reader = Reader { rest: value };
        loop {
            reader.skip_blanks();
            // RFC 9110 §5.6.1.2: elements may be empty.
            if !reader.rest.is_empty() && !reader.is_at(b',') {
                extensions.push(reader.extension()?);
            }
            match reader.take() {
                None => break,
                Some(b',') => {}
                Some(_) => return Err(ExtensionError::Malformed),
            }
        }
    }
    Ok(extensions)
}

struct Reader<'v> {
    rest: &'v [u8],
}

impl Reader<'_> {
    fn extension(&mut self) -> Result<Extension, ExtensionError> {
        let name = self.token()?;
        let mut parameters = Vec::new();
        self.skip_blanks();
        while self.is_at(b';') {
            self.take();
            self.skip_blanks();
            let parameter = self.token()?;
            self.skip_blanks();
            let mut value = None;
            if self.is_at(b'=') {
                self.take();
                self.skip_blanks();
                value = Some(if self.is_at(b'"') { self.quoted()? } else { self.token()? });
                self.skip_blanks();
            }
            parameters.push((parameter, value));
        }
        Ok(Extension { name, parameters })
    }

    fn token(&mut self) -> Result<String, ExtensionError> {
        let length = self.rest.iter().take_while(|byte| is_token(**byte)).count();
        let (token, rest) = self.rest.split_at(length);
        self.rest = rest;
        match str::from_utf8(token) {
            Ok(token) if !token.is_empty() => Ok(token.to_owned()),
            Ok(_) | Err(_) => Err(ExtensionError::Malformed),
        }
    }

    /// RFC 6455 §9.1: what is quoted must be a token when unescaped.
    fn quoted(&mut self) -> Result<String, ExtensionError> {
        self.take();
        let mut text = String::new();
        loop {
            let byte = match self.take() {
                Some(b'"') if text.is_empty() => return Err(ExtensionError::Malformed),
                Some(b'"') => return Ok(text),
                Some(b'\\') => self.take(),
                other => other,
            };
            match byte {
                Some(byte) if is_token(byte) => text.push(char::from(byte)),
                Some(_) | None => return Err(ExtensionError::Malformed),
            }
        }
    }

    fn take(&mut self) -> Option<u8> {
        let (&byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(byte)
    }

    fn is_at(&self, byte: u8) -> bool {
        self.rest.first() == Some(&byte)
    }

    fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_ascii_start();
    }
}

/// RFC 9110 §5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

const NAME: &str = "permessage-deflate";
/// 32 KiB, where nothing is said (RFC 7692 §7.1.2).
const MAX_BITS: u8 = 15;
/// Browsers make one.
const MAX_OFFERS: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    fn offers(header: &str) -> Offers {
        Offers::parse([header.as_bytes()])
    }

    #[test]
    fn everything_but_permessage_deflate_is_left_out_of_an_offer() {
        const BOTH: &str = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
        let table = [
            ("permessage-deflate", format!("{BOTH}, permessage-deflate")),
            (
                "permessage-deflate; client_max_window_bits",
                format!("{BOTH}; client_max_window_bits, permessage-deflate; client_max_window_bits"),
            ),
            (
                "x-webkit-deflate-frame, permessage-deflate;server_max_window_bits = \"1\\0\" ,permessage-bzip2",
                format!("{BOTH}; server_max_window_bits=10, permessage-deflate; server_max_window_bits=10"),
            ),
            (
                "permessage-deflate; client_max_window_bits=12, permessage-deflate",
                format!(
                    "{BOTH}; client_max_window_bits=12, {BOTH}, \
                     permessage-deflate; client_max_window_bits=12, permessage-deflate"
                ),
            ),
            (
                "permessage-deflate; client_max_window_bits=12, permessage-deflate; server_max_window_bits=9, \
                 permessage-deflate",
                format!(
                    "{BOTH}; client_max_window_bits=12, {BOTH}; server_max_window_bits=9, {BOTH}, \
                     permessage-deflate; client_max_window_bits=12"
                ),
            ),
            (
                ", permessage-deflate;server_no_context_takeover,",
                format!("{BOTH}, permessage-deflate; server_no_context_takeover"),
            ),
            (BOTH, BOTH.to_owned()),
            ("permessage-bzip2", String::new()),
            ("permessage-deflate; mystery", String::new()),
            ("permessage-deflate; server_max_window_bits", String::new()),
            ("permessage-deflate; server_max_window_bits=7", String::new()),
            ("permessage-deflate; server_max_window_bits=16", String::new()),
            ("permessage-deflate; server_max_window_bits=010", String::new()),
            ("permessage-deflate; server_no_context_takeover=1", String::new()),
            ("permessage-deflate; client_no_context_takeover; client_no_context_takeover", String::new()),
            ("permessage-deflate; client_max_window_bits; client_max_window_bits=10", String::new()),
            ("permessage-deflate; client_max_window_bits=\"\"", String::new()),
            ("permessage-deflate; client_max_window_bits=\"12", String::new()),
            ("permessage-deflate client_max_window_bits", String::new()),
            ("Permessage-Deflate", String::new()),
            ("", String::new()),
        ];
        for (header, expected) in table {
            assert_eq!(offers(header).to_header(), expected, "{header}");
            assert_eq!(offers(header).is_empty(), expected.is_empty(), "{header}");
            assert_eq!(offers(&offers(header).to_header()).to_header(), expected, "{header}");
        }
    }

    #[test]
    fn the_lines_of_a_header_are_one_list() {
        let lines: [&[u8]; 2] = [b"permessage-deflate", b"permessage-deflate; client_max_window_bits"];
        assert_eq!(Offers::parse(lines).list.len(), 2);
        assert_eq!(offers(&"permessage-deflate,".repeat(9)).list.len(), MAX_OFFERS);
    }

    #[test]
    fn an_answer_grants_what_was_offered_and_nothing_else() {
        let no_takeover = Deflate {
            server_takeover: false,
            client_takeover: false,
            server_window_bits: 15,
            client_window_bits: 15,
        };
        let takeover = Deflate { server_takeover: true, client_takeover: true, ..no_takeover };
        let both = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
        let bits = "permessage-deflate; client_max_window_bits; server_max_window_bits=12";
        let client_bits = "permessage-deflate; client_max_window_bits=10";
        let table = [
            ("permessage-deflate", "", Ok(None)),
            ("permessage-deflate", both, Ok(Some(no_takeover))),
            ("permessage-deflate", "permessage-deflate", Ok(Some(takeover))),
            (
                "permessage-deflate",
                "permessage-deflate; server_max_window_bits=9",
                Ok(Some(Deflate { server_window_bits: 9, ..takeover })),
            ),
            (
                "permessage-deflate",
                "permessage-deflate; client_max_window_bits=9",
                Err(ExtensionError::NotOffered),
            ),
            (
                bits,
                "permessage-deflate; client_max_window_bits=9; server_max_window_bits=12",
                Ok(Some(Deflate { client_window_bits: 9, server_window_bits: 12, ..takeover })),
            ),
            (bits, "permessage-deflate; server_max_window_bits=13", Err(ExtensionError::NotOffered)),
            (bits, "permessage-deflate", Err(ExtensionError::NotOffered)),
            ("permessage-deflate; server_max_window_bits=15", "permessage-deflate", Ok(Some(takeover))),
            (bits, "permessage-deflate; client_max_window_bits", Err(ExtensionError::Malformed)),
            (client_bits, "permessage-deflate; client_max_window_bits=11", Err(ExtensionError::NotOffered)),
            (both, "permessage-deflate", Err(ExtensionError::NotOffered)),
            ("permessage-deflate", "permessage-bzip2", Err(ExtensionError::NotOffered)),
            ("", "permessage-deflate", Err(ExtensionError::NotOffered)),
            (
                "permessage-deflate, permessage-deflate",
                "permessage-deflate, permessage-deflate",
                Err(ExtensionError::NotOffered),
            ),
            ("permessage-deflate", "permessage-deflate;", Err(ExtensionError::Malformed)),
            ("permessage-deflate", "permessage-deflate; mystery", Err(ExtensionError::Malformed)),
        ];
        for (offer, answer, expected) in table {
            assert_eq!(offers(offer).accept([answer.as_bytes()]), expected, "{offer} | {answer}");
        }
        assert_eq!(offers("permessage-deflate").accept([]), Ok(None));
    }
}
