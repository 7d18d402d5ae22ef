//! The grammar of one address and of a list (RFC 5322 §3.4, RFC 6531 §3.3), in its strict part.

use unicode_normalization::char::decompose_compatible;

use super::{Address, AddressError};

/// Reads one address and nothing else: no display name, no brackets.
///
/// # Errors
///
/// Where it is anything else.
pub fn parse_address(text: &str) -> Result<Address, AddressError> {
    check_characters(text)?;
    let mut cursor = Cursor { rest: text };
    let address = cursor.address()?;
    if cursor.rest.is_empty() { Ok(address) } else { Err(AddressError::Syntax) }
}

/// Reads a list: addresses, with or without display names, and groups, between commas or semicolons.
///
/// An address in a display name counts too: some programs take the first thing that looks like one.
///
/// # Errors
///
/// Where any of it is not an address: half a list is no list.
pub fn parse_recipients(text: &str) -> Result<Vec<Address>, AddressError> {
    check_characters(text)?;
    let mut cursor = Cursor { rest: text };
    let mut found = Vec::new();
    cursor.list(&mut found, None)?;
    if found.is_empty() { Err(AddressError::Empty) } else { Ok(found) }
}

/// Whether the character is an at sign, or becomes one where text is normalised (U+FE6B, U+FF20).
pub(crate) fn is_at(character: char) -> bool {
    matches!(character, '@' | '\u{fe6b}' | '\u{ff20}')
}

/// Refuses, before anything is read, what programs read differently.
fn check_characters(text: &str) -> Result<(), AddressError> {
    if text.chars().any(char::is_control) {
        return Err(AddressError::Control);
    }
    if text.contains("=?") {
        return Err(AddressError::Comment);
    }
    // An escape that somebody may still decode, or mail that is routed on (RFC 5321 §F.2).
    if text.contains('%') {
        return Err(AddressError::Percent);
    }
    if text.chars().any(stands_for_another) { Err(AddressError::LookAlike) } else { Ok(()) }
}

/// Full-width punctuation becomes separators where text is normalised to NFKC; invisible characters vanish.
fn stands_for_another(character: char) -> bool {
    if character.is_ascii() {
        return false;
    }
    let mut becomes_punctuation = false;
    decompose_compatible(character, |part| {
        becomes_punctuation |= part.is_ascii() && !part.is_ascii_alphanumeric();
    });
    let full_stop = character == '\u{3002}';
    let invisible = matches!(character,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffd}' | '\u{e0000}'..='\u{e0fff}');
    becomes_punctuation || full_stop || invisible || character.is_whitespace()
}

/// What is still to be read.
struct Cursor<'t> {
    rest: &'t str,
}

impl<'t> Cursor<'t> {
    /// Entries up to the end of the text, or of the group that `end` closes.
    fn list(&mut self, found: &mut Vec<Address>, end: Option<char>) -> Result<(), AddressError> {
        loop {
            self.skip_blanks();
            if end.is_some_and(|end| self.take(end)) {
                return Ok(());
            }
            let Some(next) = self.rest.chars().next() else {
                return if end.is_some() { Err(AddressError::Unclosed) } else { Ok(()) };
            };
            if matches!(next, ',' | ';') {
                self.take(next);
                continue;
            }
            let was_group = self.entry(found, end.is_some())?;
            self.skip_blanks();
            if !was_group && !self.rest.is_empty() && !self.rest.starts_with([',', ';']) {
                return Err(AddressError::Syntax);
            }
        }
    }

    /// One mailbox or group; whether it was a group, which needs no separator after it.
    fn entry(&mut self, found: &mut Vec<Address>, in_group: bool) -> Result<bool, AddressError> {
        let mut named = false;
        loop {
            self.skip_blanks();
            let before = self.rest;
            match self.rest.chars().next() {
                Some('<') => {
                    self.take('<');
                    found.push(self.address()?);
                    return if self.take('>') { Ok(false) } else { Err(AddressError::Unclosed) };
                }
                Some(':') if named && !in_group => {
                    self.take(':');
                    self.list(found, Some(';'))?;
                    return Ok(true);
                }
                Some('"') => {
                    let quoted = self.quoted()?;
                    if !self.rest.starts_with('@') && quoted.contains('@') {
                        let inside = parse_address(quoted.trim_matches(' '));
                        found.push(inside.map_err(|_| AddressError::DisplayName)?);
                    }
                }
                Some('(') => return Err(AddressError::Comment),
                Some(character) if is_atom(character) || character == '.' => {
                    self.take_while(|character| is_atom(character) || character == '.');
                }
                Some(_) | None => return Err(AddressError::Syntax),
            }
            if self.rest.starts_with('@') {
                if named {
                    return Err(AddressError::Syntax);
                }
                self.rest = before;
                found.push(self.address()?);
                return Ok(false);
            }
            named = true;
        }
    }

    fn address(&mut self) -> Result<Address, AddressError> {
        let quoted;
        let local = if self.rest.starts_with('"') {
            quoted = self.quoted()?;
            // What other programs would take for the end of the address, or of the quote, stays out.
            if !quoted.chars().all(|character| is_local(character) || matches!(character, '.' | ' ')) {
                return Err(AddressError::LocalPart);
            }
            &quoted
        } else {
            let local = self.take_while(|character| is_atom(character) || character == '.');
            if !local.split('.').all(|atom| !atom.is_empty() && atom.chars().all(is_local)) {
                return Err(AddressError::LocalPart);
            }
            local
        };
        if !self.take('@') {
            return Err(AddressError::Syntax);
        }
        let domain = self.take_while(|character| is_atom(character) || character == '.');
        Address::new(local, domain)
    }

    /// A quoted string, without its quotes and escapes.
    fn quoted(&mut self) -> Result<String, AddressError> {
        let mut text = String::new();
        let mut characters = self.rest.chars();
        characters.next();
        loop {
            match characters.next().ok_or(AddressError::Unclosed)? {
                '"' => break,
                '\\' => text.push(characters.next().ok_or(AddressError::Unclosed)?),
                other => text.push(other),
            }
        }
        self.rest = characters.as_str();
        Ok(text)
    }

    fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_start_matches(' ');
    }

    fn take(&mut self, wanted: char) -> bool {
        let rest = self.rest.strip_prefix(wanted);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'t str {
        let rest = self.rest.trim_start_matches(wanted);
        let (taken, _) = self.rest.split_at(self.rest.len() - rest.len());
        self.rest = rest;
        taken
    }
}

/// `atext` of RFC 5322 §3.2.3 and RFC 6531 §3.3.
fn is_atom(character: char) -> bool {
    !character.is_ascii() || character.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(character)
}

/// Without `!`, by which mail was once routed on (RFC 5321 §F.2).
fn is_local(character: char) -> bool {
    is_atom(character) && character != '!'
}
