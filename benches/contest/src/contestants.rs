//! The contestants. Each takes a document, appends it masked and returns how many values it masked.
//!
//! The rule for all: whatever stands under one of the keys, at any depth and but for null, becomes a string. What
//! a library can do without a tree is done without one. Set-up that does not depend on the document (a compiled
//! plan, compiled queries, buffers kept) is done once; all that belongs to one document is part of the run.

use std::{error::Error, fmt, io::Write, sync::Arc};

use chatwarden_redact::{AliasKey, Class, Display, Plan, Redactor, Selector};
use jiter::{Jiter, JiterResult, Peek};
use rsonpath::{
    engine::{Compiler, Engine, RsonpathEngine},
    input::BorrowedBytes,
    result::MatchSpan,
};
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use simd_json::prelude::*;
use sonic_rs::JsonValueMutTrait;
use struson::{
    reader::{JsonReader, JsonStreamReader, ValueType},
    writer::{JsonStreamWriter, JsonWriter},
};

use crate::{documents::KEYS, scan};

/// One way to do it.
pub struct Contestant {
    pub name: &'static str,
    /// Whether it masks; the others are bounds.
    pub masks: bool,
    ready: fn(&[u8]) -> Run,
}

type Run = Box<dyn FnMut(&[u8], &mut Vec<u8>) -> usize>;

impl Contestant {
    /// Does the set-up that is not part of a run.
    pub fn ready(&self, body: &[u8]) -> Run {
        (self.ready)(body)
    }
}

pub const CONTESTANTS: [Contestant; 15] = [
    Contestant { name: "memcpy", masks: false, ready: |_| Box::new(copy) },
    Contestant {
        name: "stage-one scan",
        masks: false,
        ready: |_| Box::new(|body, _| scan::scan(body) as usize),
    },
    Contestant { name: "ours, constants", masks: true, ready: |_| ours(&KEYS, Display::Hidden) },
    Contestant { name: "ours, aliases", masks: true, ready: |_| ours(&KEYS, Display::Alias) },
    Contestant { name: "ours, no such key", masks: false, ready: |_| ours(&["absent"], Display::Hidden) },
    Contestant { name: "ours, nothing to hide", masks: false, ready: |_| ours(&[], Display::Hidden) },
    Contestant { name: "jiter, splice", masks: true, ready: |_| Box::new(jiter) },
    Contestant { name: "rsonpath, 7 queries, splice", masks: true, ready: |_| rsonpath() },
    Contestant { name: "serde_json, transcode", masks: true, ready: |_| Box::new(transcode) },
    Contestant { name: "simd-json, tape only", masks: false, ready: |_| simd_json_tape() },
    Contestant { name: "simd-json, borrowed DOM", masks: true, ready: |_| simd_json_dom() },
    Contestant { name: "sonic-rs, lazy, splice", masks: true, ready: |_| Box::new(sonic_lazy) },
    Contestant { name: "sonic-rs, Value", masks: true, ready: |_| Box::new(sonic_value) },
    Contestant { name: "struson, reader to writer", masks: true, ready: |_| Box::new(struson) },
    Contestant { name: "serde_json Value", masks: true, ready: |_| Box::new(serde_value) },
];

fn copy(body: &[u8], out: &mut Vec<u8>) -> usize {
    out.extend_from_slice(body);
    0
}

/// As a proxy does: chunks of 16 KB.
fn ours(keys: &[&str], display: Display) -> Run {
    let mut builder = Plan::builder();
    for key in keys {
        let class = match *key {
            "phone" => Class::Phone,
            "email" => Class::Email,
            "name" => Class::Name,
            "avatar" | "profile_image_url" => Class::Avatar,
            _ => Class::Handle,
        };
        let selector = Selector::parse(&format!("$..{key}")).expect("the selector parses");
        builder = builder.field(class, &selector).display(class, display);
    }
    let key = AliasKey::new(&[7; 32]).expect("the key is long enough");
    let plan = Arc::new(builder.build(&key).expect("the plan is small"));
    Box::new(move |body, out| {
        let mut redactor = Redactor::json(Arc::clone(&plan));
        for chunk in body.chunks(16 * 1024) {
            redactor.write(chunk, out).expect("the document is JSON");
        }
        redactor.finish(out).expect("the document is JSON").total() as usize
    })
}

fn serde_value(body: &[u8], out: &mut Vec<u8>) -> usize {
    fn hide(value: &mut serde_json::Value) -> usize {
        match value {
            serde_json::Value::Array(items) => items.iter_mut().map(hide).sum(),
            serde_json::Value::Object(members) => {
                let mut count = 0;
                for (name, member) in members {
                    if is_key(name) && !member.is_null() {
                        *member = serde_json::Value::String(MASK.to_owned());
                        count += 1;
                    } else {
                        count += hide(member);
                    }
                }
                count
            }
            _ => 0,
        }
    }
    let mut value = serde_json::from_slice(body).expect("the document is JSON");
    let count = hide(&mut value);
    serde_json::to_writer(out, &value).expect("writing to memory");
    count
}

/// From deserializer to writer, value by value.
fn transcode(body: &[u8], out: &mut Vec<u8>) -> usize {
    let mut count = 0;
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    Transcoder { out, count: &mut count }.deserialize(&mut deserializer).expect("the document is JSON");
    deserializer.end().expect("the document is JSON");
    count
}

struct Transcoder<'o> {
    out: &'o mut Vec<u8>,
    count: &'o mut usize,
}

impl Transcoder<'_> {
    fn display<E>(self, value: impl fmt::Display) -> Result<(), E> {
        let _ = write!(self.out, "{value}");
        Ok(())
    }

    fn print<E: serde::de::Error>(self, value: &(impl serde::Serialize + ?Sized)) -> Result<(), E> {
        serde_json::to_writer(self.out, value).map_err(E::custom)
    }
}

impl<'de> DeserializeSeed<'de> for Transcoder<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Transcoder<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.out.extend_from_slice(b"null");
        Ok(())
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.display(value)
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<(), E> {
        self.print(&value)
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<(), E> {
        self.print(&value)
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<(), E> {
        self.print(&value)
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<(), E> {
        self.print(value)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        self.out.push(b'[');
        let start = self.out.len();
        // The comma is taken back behind the last item, since only the access knows which is the last.
        while items.next_element_seed(Transcoder { out: self.out, count: self.count })?.is_some() {
            self.out.push(b',');
        }
        if self.out.len() > start {
            self.out.pop();
        }
        self.out.push(b']');
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        self.out.push(b'{');
        let mut is_first = true;
        while let Some(is_masked) = members.next_key_seed(Name { out: self.out, is_first })? {
            is_first = false;
            self.out.push(b':');
            let start = self.out.len();
            let mut inner = 0;
            members.next_value_seed(Transcoder { out: self.out, count: &mut inner })?;
            if is_masked && &self.out[start..] != b"null" {
                self.out.truncate(start);
                self.out.extend_from_slice(QUOTED.as_bytes());
                inner = 1;
            }
            *self.count += inner;
        }
        self.out.push(b'}');
        Ok(())
    }
}

/// Prints a key and tells whether its value is masked.
struct Name<'o> {
    out: &'o mut Vec<u8>,
    is_first: bool,
}

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<bool, E> {
        if !self.is_first {
            self.out.push(b',');
        }
        serde_json::to_writer(self.out, name).map_err(E::custom)?;
        Ok(is_key(name))
    }
}

fn simd_json_tape() -> Run {
    let mut copy = Vec::new();
    let mut buffers = simd_json::Buffers::new(0);
    Box::new(move |body, _| {
        copy.clear();
        copy.extend_from_slice(body);
        simd_json::to_tape_with_buffers(&mut copy, &mut buffers).expect("the document is JSON").0.len()
    })
}

/// It parses in place, so the copy of the input is part of the run.
fn simd_json_dom() -> Run {
    fn hide(value: &mut simd_json::BorrowedValue<'_>) -> usize {
        if let Some(items) = value.as_array_mut() {
            return items.iter_mut().map(hide).sum();
        }
        let Some(members) = value.as_object_mut() else { return 0 };
        let mut count = 0;
        for (name, member) in members.iter_mut() {
            if is_key(name) && !member.is_null() {
                *member = simd_json::BorrowedValue::from(MASK);
                count += 1;
            } else {
                count += hide(member);
            }
        }
        count
    }
    let mut copy = Vec::new();
    let mut buffers = simd_json::Buffers::new(0);
    Box::new(move |body, out| {
        copy.clear();
        copy.extend_from_slice(body);
        let mut value =
            simd_json::to_borrowed_value_with_buffers(&mut copy, &mut buffers).expect("the document is JSON");
        let count = hide(&mut value);
        value.write(out).expect("writing to memory");
        count
    })
}

fn sonic_value(body: &[u8], out: &mut Vec<u8>) -> usize {
    fn hide(value: &mut sonic_rs::Value) -> usize {
        if let Some(items) = value.as_array_mut() {
            return items.iter_mut().map(hide).sum();
        }
        let Some(members) = value.as_object_mut() else { return 0 };
        let mut count = 0;
        for (name, member) in members.iter_mut() {
            if is_key(name) && !sonic_rs::JsonValueTrait::is_null(&*member) {
                *member = sonic_rs::Value::from(MASK);
                count += 1;
            } else {
                count += hide(member);
            }
        }
        count
    }
    let mut value: sonic_rs::Value = sonic_rs::from_slice(body).expect("the document is JSON");
    let count = hide(&mut value);
    sonic_rs::to_writer(out, &value).expect("writing to memory");
    count
}

/// Walks containers lazily and takes over whatever stands between masked values.
fn sonic_lazy(body: &[u8], out: &mut Vec<u8>) -> usize {
    fn walk(raw: &str, base: usize, splice: &mut Splice<'_>) {
        match raw.as_bytes().first() {
            Some(b'{') => {
                for member in sonic_rs::to_object_iter(raw) {
                    let (name, value) = member.expect("the document is JSON");
                    let inner = value.as_raw_str();
                    let start = base + (inner.as_ptr().addr() - raw.as_ptr().addr());
                    if is_key(&name) && inner != "null" {
                        splice.mask(start, start + inner.len());
                    } else {
                        walk(inner, start, splice);
                    }
                }
            }
            Some(b'[') => {
                for item in sonic_rs::to_array_iter(raw) {
                    let item = item.expect("the document is JSON");
                    let inner = item.as_raw_str();
                    walk(inner, base + (inner.as_ptr().addr() - raw.as_ptr().addr()), splice);
                }
            }
            _ => {}
        }
    }
    let text = str::from_utf8(body).expect("the document is UTF-8");
    let mut splice = Splice::new(body, out);
    walk(text, 0, &mut splice);
    splice.finish()
}

/// Tokenises and takes over whatever stands between masked values.
fn jiter(body: &[u8], out: &mut Vec<u8>) -> usize {
    fn walk(jiter: &mut Jiter<'_>, peek: Peek, splice: &mut Splice<'_>) -> JiterResult<()> {
        match peek {
            Peek::Array => {
                let mut next = jiter.known_array()?;
                while let Some(peek) = next {
                    walk(jiter, peek, splice)?;
                    next = jiter.array_step()?;
                }
                Ok(())
            }
            Peek::Object => {
                let mut next = jiter.known_object()?.map(is_key);
                while let Some(is_masked) = next {
                    let peek = jiter.peek()?;
                    if is_masked && peek != Peek::Null {
                        let start = jiter.current_index();
                        jiter.known_skip(peek)?;
                        splice.mask(start, jiter.current_index());
                    } else {
                        walk(jiter, peek, splice)?;
                    }
                    next = jiter.next_key()?.map(is_key);
                }
                Ok(())
            }
            _ => jiter.known_skip(peek),
        }
    }
    let mut splice = Splice::new(body, out);
    let mut jiter = Jiter::new(body);
    let peek = jiter.peek().expect("the document is JSON");
    walk(&mut jiter, peek, &mut splice).expect("the document is JSON");
    jiter.finish().expect("the document is JSON");
    splice.finish()
}

/// One query for each key; their spans are merged.
fn rsonpath() -> Run {
    let engines: Vec<RsonpathEngine> = KEYS
        .iter()
        .map(|key| {
            let query = rsonpath_syntax::parse(&format!("$..{key}")).expect("the query parses");
            RsonpathEngine::compile_query(&query).expect("the query compiles")
        })
        .collect();
    let mut spans: Vec<MatchSpan> = Vec::new();
    Box::new(move |body, out| {
        spans.clear();
        let input = BorrowedBytes::new(body);
        for engine in &engines {
            engine.approximate_spans(&input, &mut spans).expect("the document is JSON");
        }
        spans.sort_unstable_by_key(MatchSpan::start_idx);
        let mut splice = Splice::new(body, out);
        for span in &spans {
            let value = body[span.start_idx()..span.end_idx().min(body.len())].trim_ascii_end();
            // A value within a masked one is masked already.
            if value != b"null" && span.start_idx() >= splice.done {
                splice.mask(span.start_idx(), span.start_idx() + value.len());
            }
        }
        splice.finish()
    })
}

fn struson(body: &[u8], out: &mut Vec<u8>) -> usize {
    type Writer<'o> = JsonStreamWriter<&'o mut Vec<u8>>;
    fn walk(reader: &mut JsonStreamReader<&[u8]>, writer: &mut Writer<'_>) -> Result<usize, Box<dyn Error>> {
        let mut count = 0;
        match reader.peek()? {
            ValueType::Array => {
                reader.begin_array()?;
                writer.begin_array()?;
                while reader.has_next()? {
                    count += walk(reader, writer)?;
                }
                reader.end_array()?;
                writer.end_array()?;
            }
            ValueType::Object => {
                reader.begin_object()?;
                writer.begin_object()?;
                while reader.has_next()? {
                    let name = reader.next_name()?;
                    writer.name(name)?;
                    let is_masked = is_key(name);
                    if is_masked && reader.peek()? != ValueType::Null {
                        reader.skip_value()?;
                        writer.string_value(MASK)?;
                        count += 1;
                    } else {
                        count += walk(reader, writer)?;
                    }
                }
                reader.end_object()?;
                writer.end_object()?;
            }
            ValueType::String => writer.string_value(reader.next_str()?)?,
            ValueType::Number => {
                let number = reader.next_number_as_str()?;
                writer.number_value_from_string(number).expect("a number that was read can be written");
            }
            ValueType::Boolean => writer.bool_value(reader.next_bool()?)?,
            ValueType::Null => {
                reader.next_null()?;
                writer.null_value()?;
            }
        }
        Ok(count)
    }
    let mut reader = JsonStreamReader::new(body);
    let mut writer = JsonStreamWriter::new(out);
    let count = walk(&mut reader, &mut writer).expect("the document is JSON");
    reader.consume_trailing_whitespace().expect("the document is JSON");
    writer.finish_document().expect("writing to memory");
    count
}

/// Takes over what stands between masked values.
struct Splice<'s> {
    body: &'s [u8],
    out: &'s mut Vec<u8>,
    done: usize,
    count: usize,
}

impl<'s> Splice<'s> {
    fn new(body: &'s [u8], out: &'s mut Vec<u8>) -> Splice<'s> {
        Splice { body, out, done: 0, count: 0 }
    }

    fn mask(&mut self, start: usize, end: usize) {
        self.out.extend_from_slice(&self.body[self.done..start]);
        self.out.extend_from_slice(QUOTED.as_bytes());
        self.done = end;
        self.count += 1;
    }

    fn finish(self) -> usize {
        self.out.extend_from_slice(&self.body[self.done..]);
        self.count
    }
}

#[inline]
fn is_key(name: &str) -> bool {
    // A match on the length first is what the compiler makes of it; a set or a map is slower for seven.
    KEYS.contains(&name)
}

const MASK: &str = "***";
const QUOTED: &str = "\"***\"";
