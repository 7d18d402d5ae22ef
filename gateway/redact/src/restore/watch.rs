//! `multipart/form-data` that is too large to be held: watched as it passes.
//!
//! Nothing is restored in it, and nothing left out: what must not be written is an error. The error comes before the
//! boundary behind its part has passed, so that whoever stops there has sent no whole body. Of files nothing is held,
//! of a text part as much as [`MultipartWatch::TEXT_BYTES`].

use memchr::memmem;

use super::{
    OnMasked, Place, RestoreError, RestoreOptions, Restorer,
    findings::{Findings, Refusal},
    multipart,
};

/// Watches one body, however it is cut.
#[derive(Clone, Debug)]
pub struct MultipartWatch {
    restorer: Restorer,
    delimiter: Vec<u8>,
    state: State,
    /// What has come and is not judged.
    held: Vec<u8>,
    /// How much of it holds no boundary: `searched <= held.len()`.
    searched: usize,
    findings: Findings,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    /// Before the first boundary.
    Start,
    /// Behind a boundary.
    Boundary,
    /// In the headers of a part.
    Head,
    /// In the text of the field of this name.
    Text(String),
    File,
    /// Behind the last boundary.
    End,
}

/// Why a body must not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WatchError {
    /// It holds what must not be written.
    #[error("the body holds a masked value")]
    Refused(Refusal),
    /// It cannot be read.
    #[error("{0}")]
    Unreadable(#[from] RestoreError),
    /// A text part or its headers are longer than may be held.
    #[error("a part is too long")]
    TooLong,
}

impl MultipartWatch {
    /// The most that is held of one text part.
    pub const TEXT_BYTES: usize = 1 << 20;

    const HEAD_BYTES: usize = 8 << 10;

    /// Begins a body with this boundary.
    pub fn new(restorer: &Restorer, boundary: &str) -> Result<MultipartWatch, RestoreError> {
        let options =
            RestoreOptions { restores: false, opens: false, on_masked: OnMasked::Refuse, ..restorer.options };
        Ok(MultipartWatch {
            restorer: restorer.with_options(options),
            delimiter: multipart::delimiter(boundary)?,
            state: State::Start,
            held: Vec::new(),
            searched: 0,
            findings: Findings::default(),
        })
    }

    /// Takes what comes next, which may pass if this is no error.
    pub fn write(&mut self, chunk: &[u8]) -> Result<(), WatchError> {
        self.held.extend_from_slice(chunk);
        while self.step()? {}
        Ok(())
    }

    /// Ends the body.
    pub fn finish(self) -> Result<(), WatchError> {
        match self.state {
            State::End if matches!(&*self.held, b"" | b"\r\n") => Ok(()),
            State::End | State::Start | State::Boundary | State::Head | State::Text(_) | State::File => {
                Err(RestoreError::Multipart.into())
            }
        }
    }

    /// Whether something was done, so that there may be more to do.
    fn step(&mut self) -> Result<bool, WatchError> {
        let malformed = Err(RestoreError::Multipart.into());
        match &self.state {
            State::Start => {
                let length = self.held.len().min(self.delimiter.len());
                if self.held[..length] != self.delimiter[..length] {
                    return malformed;
                }
                if length < self.delimiter.len() {
                    return Ok(false);
                }
                self.go_on(length, State::Boundary)
            }
            State::Boundary => match &*self.held {
                [] | [b'-' | b'\r'] => Ok(false),
                [b'-', b'-', ..] => self.go_on(2, State::End),
                [b'\r', b'\n', ..] => self.go_on(2, State::Head),
                _ => malformed,
            },
            State::Head => {
                // A boundary within the headers is one to whoever looks for it.
                let end = memmem::find(&self.held, b"\r\n\r\n");
                let head = &self.held[..end.unwrap_or(self.held.len()).min(Self::HEAD_BYTES + 1)];
                if memmem::find(head, &self.delimiter).is_some() {
                    return malformed;
                }
                if head.len() > Self::HEAD_BYTES {
                    return Err(WatchError::TooLong);
                }
                let Some(end) = end else { return Ok(false) };
                let state = match multipart::text_part(head)? {
                    Some(name) => State::Text(name),
                    None => State::File,
                };
                self.go_on(end + 4, state)
            }
            State::Text(name) => {
                let found = memmem::find(&self.held[self.searched..], &self.delimiter);
                let Some(end) = found.map(|place| self.searched + place) else {
                    self.searched = self.held.len().saturating_sub(self.delimiter.len() - 1);
                    let is_long = self.held.len() > Self::TEXT_BYTES + self.delimiter.len();
                    return if is_long { Err(WatchError::TooLong) } else { Ok(false) };
                };
                let content = self.held[..end].strip_suffix(b"\r\n").ok_or(RestoreError::Multipart)?;
                let place = Place { wanted: None, opens: false, may_drop: false, at: 0 };
                let text = String::from_utf8_lossy(content);
                self.restorer.named(name, &text, place, &|_| None, &mut self.findings)?;
                if let Some(refusal) = self.findings.refusal() {
                    return Err(WatchError::Refused(refusal));
                }
                self.go_on(end + self.delimiter.len(), State::Boundary)
            }
            State::File => match memmem::find(&self.held, &self.delimiter) {
                Some(end) if self.held[..end].ends_with(b"\r\n") => {
                    self.go_on(end + self.delimiter.len(), State::Boundary)
                }
                Some(_) => malformed,
                None => {
                    // A line break and the beginning of a boundary may stand at the end.
                    let length = self.held.len().saturating_sub(self.delimiter.len() + 1);
                    self.held.drain(..length);
                    Ok(false)
                }
            },
            State::End if self.held.len() > 2 => malformed,
            State::End => Ok(false),
        }
    }

    fn go_on(&mut self, judged: usize, state: State) -> Result<bool, WatchError> {
        self.held.drain(..judged);
        self.searched = 0;
        self.state = state;
        Ok(true)
    }
}
