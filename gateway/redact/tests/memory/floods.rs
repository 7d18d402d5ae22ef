//! Bodies without an end: a beginning, something over and over, and an end, never held as a whole.
//!
//! Each floods another part of the state: strings, names, numbers, blanks, containers, values that wait. What
//! comes out is known of each and checked as it leaves, so that a flood of gigabytes is a test as well.

use std::sync::Arc;

use chatwarden_redact::{
    AliasKey, Class, Condition, Display, Format, Limits, Plan, RedactError, Redactor, Selector, Test,
};

/// A body of any length.
pub(crate) struct Flood {
    pub(crate) name: &'static str,
    plan: Arc<Plan>,
    before: Vec<u8>,
    /// What comes over and over.
    filling: Vec<u8>,
    after: Vec<u8>,
    comes: Comes,
    /// The most bytes of heap the stream may take.
    pub(crate) heap: usize,
}

/// What comes out of a flood.
enum Comes {
    /// The body as it is, at once.
    Verbatim,
    /// These bytes, however long the flood was.
    To(&'static str),
    /// Something as long as the body or so, with as many values hidden by each filling and besides.
    Hiding { each: u64, besides: u64 },
    /// An error, and nothing more behind it.
    Refused(RedactError),
}

/// What a flood came to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Passage {
    pub(crate) bytes: u64,
    pub(crate) hidden: u64,
}

impl Flood {
    /// Runs some bytes of the flood through a redactor in chunks of 64 KiB, asserts what comes out, and calls
    /// `watch` behind every chunk.
    pub(crate) fn run(&self, bytes: u64, mut watch: impl FnMut()) -> Passage {
        let fillings = (CHUNK / self.filling.len()).max(1);
        let chunk = self.filling.repeat(fillings);
        let times = bytes / chunk.len() as u64 + 1;
        let mut out = Vec::with_capacity(4 * CHUNK + 8 * chunk.len());
        let mut shown = Vec::with_capacity(1024);
        watch();

        let limits = Limits { inner_bytes: 64 * 1024, ..Limits::default() };
        let mut redactor = Redactor::new(Arc::clone(&self.plan), Format::Json, limits);
        let mut passage = Passage::default();
        let mut failure = None;
        let chunks = (0..times).map(|_| chunk.as_slice());
        for chunk in [self.before.as_slice()].into_iter().chain(chunks).chain([self.after.as_slice()]) {
            out.clear();
            let written = redactor.write(chunk, &mut out);
            passage.bytes += chunk.len() as u64;
            if failure.is_some() {
                assert!(
                    written == failure.map_or(Ok(()), Err) && out.is_empty(),
                    "{}: more behind an error",
                    self.name
                );
            }
            failure = failure.or(written.err());
            match self.comes {
                Comes::Verbatim => assert!(out == chunk, "{}: changed or late", self.name),
                Comes::To(_) => shown.extend_from_slice(&out),
                Comes::Hiding { .. } | Comes::Refused(_) => {}
            }
            assert!(shown.len() < 1024, "{}: it goes on and on", self.name);
            watch();
        }
        out.clear();
        let result = redactor.finish(&mut out);
        watch();

        passage.hidden = result.map_or(0, |summary| summary.total());
        match self.comes {
            Comes::Verbatim => assert_eq!(result.map(|summary| summary.total()), Ok(0), "{}", self.name),
            Comes::To(expected) => {
                shown.extend_from_slice(&out);
                assert_eq!(shown.escape_ascii().to_string(), expected, "{}", self.name);
            }
            Comes::Hiding { each, besides } => {
                let expected = each * fillings as u64 * times + besides;
                assert_eq!(result.map(|summary| summary.total()), Ok(expected), "{}", self.name);
            }
            Comes::Refused(error) => assert_eq!(result, Err(error), "{}", self.name),
        }
        passage
    }
}

/// Every flood there is.
pub(crate) fn floods() -> Vec<Flood> {
    use Comes::{Hiding, Refused, To, Verbatim};
    let flood = |name, [before, filling, after]: [&str; 3], comes, heap| Flood {
        name,
        plan: plan(heap >= INNER || before.contains("seen")),
        before: before.into(),
        filling: filling.into(),
        after: after.into(),
        comes,
        heap,
    };
    vec![
        flood("messages", ["[", MESSAGE, "null]"], Hiding { each: 4, besides: 0 }, SMALL),
        flood("a string", ["[\"", "some text, ", "\"]"], Verbatim, SMALL),
        flood("a string of escapes", ["{\"a\":\"", r"\n\u00e9\\\ud83d\ude00\/", "\"}"], Verbatim, SMALL),
        flood("a string of wide characters", ["[\"", "漢字😀", "\"]"], Verbatim, SMALL),
        flood("a name", ["{\"", "a name ", "\":1}"], Verbatim, SMALL),
        flood("a name of escapes", ["{\"", r"\u0070", "\":1}"], Verbatim, SMALL),
        flood("a number", ["[", "1234567890", "]"], Verbatim, SMALL),
        flood("blanks before the value", ["", " \n\t\r", "1"], Verbatim, SMALL),
        flood("blanks behind the value", ["1 ", " \n\t\r", " "], Verbatim, SMALL),
        flood("blanks behind a name", ["{\"phone\"", "    ", ":null}"], Verbatim, SMALL),
        flood(
            "blanks behind a name of the plan",
            ["{\"phone\"", "    ", ":1}"],
            Hiding { each: 0, besides: 1 },
            SMALL,
        ),
        flood(
            "blanks behind a colon",
            ["{\"phone\":", " \n", "\"1\"}"],
            Hiding { each: 0, besides: 1 },
            SMALL,
        ),
        flood("items", ["[", "1,[],{},\"a\",null,", "0]"], Verbatim, SMALL),
        flood("members", ["{", "\"a\":1,\"b\":{},", "\"c\":[]}"], Verbatim, SMALL),
        flood(
            "hidden members",
            ["{", "\"phone\":\"1\",\"a\":2,", "\"b\":3}"],
            Hiding { each: 1, besides: 0 },
            SMALL,
        ),
        flood(
            "hidden items",
            ["{\"phone\":[", "\"1\",{\"a\":2},", "[3]]}"],
            Hiding { each: 2, besides: 1 },
            SMALL,
        ),
        flood(
            "a hidden string",
            ["{\"phone\":\"", "1234567890", "\"}"],
            To(r#"{\"phone\":\"hidden\"}"#),
            HELD,
        ),
        flood(
            "a hidden string of escapes",
            ["{\"phone\":\"", r"\u0031\n", "\"}"],
            To(r#"{\"phone\":\"hidden\"}"#),
            HELD,
        ),
        flood("a hidden number", ["{\"phone\":", "1234567890", "}"], To(r#"{\"phone\":0}"#), HELD),
        flood(
            "a contact as a name",
            ["{\"seen\":{\"", "1234567890", "\":1}}"],
            Hiding { each: 0, besides: 1 },
            HELD,
        ),
        flood(
            "JSON in a string",
            ["{\"inner\":\"[", r#"\"some text\","#, "1]\"}"],
            To(r#"{\"inner\":\"hidden\"}"#),
            INNER,
        ),
        flood("a string that is never closed", ["[\"", "text", ""], Refused(RedactError::Truncated), SMALL),
        flood(
            "a hidden string that is never closed",
            ["{\"phone\":\"", "1", ""],
            Refused(RedactError::Truncated),
            HELD,
        ),
        flood("nothing but blanks", ["", "\r\n", ""], Refused(RedactError::EmptyBody), SMALL),
        flood("brackets", ["", "[", ""], Refused(RedactError::TooDeep), DEEP),
        flood("members within members", ["", "{\"phone\":", ""], Refused(RedactError::TooDeep), DEEP),
        flood(
            "a string before a condition is decided",
            ["{\"a\":{\"id\":\"1\",\"text\":\"", "some text, ", "\",\"type\":\"client\"}}"],
            Hiding { each: 0, besides: 1 },
            WAITING,
        ),
        flood(
            "values that wait for a condition",
            ["{\"a\":{\"id\":\"1\",", "\"id\":2,\"x\":{\"id\":3},", "\"type\":\"client\"}}"],
            Hiding { each: 1, besides: 1 },
            WAITING,
        ),
    ]
}

/// Four fields at any depth; and, if asked for, one on a condition, names that are contacts and a string to look into.
fn plan(is_long: bool) -> Arc<Plan> {
    let parse = |text| Selector::parse(text).expect("the selector parses");
    let is_client =
        Condition { member: "type".into(), levels: 0..=0, test: Test::OneOf(vec!["client".into()]) };
    let mut builder = Plan::builder()
        .field(Class::Phone, &parse("$..phone"))
        .field(Class::Email, &parse("$..email"))
        .field(Class::Name, &parse("$..name"))
        .field(Class::Avatar, &parse("$..avatar"));
    if is_long {
        builder = builder
            .field_when(Class::Handle, &parse("$.a.id"), &[is_client])
            .contact_keys(Class::Phone, &parse("$.seen"))
            .json_in_string(&parse("$.inner"));
    }
    for class in Class::ALL {
        builder = builder.display(class, Display::Hidden);
    }
    let key = AliasKey::new(&[7; 32]).expect("the key is long enough");
    Arc::new(builder.build(&key).expect("the plan is small"))
}

/// A message as a list has them, with four contacts.
const MESSAGE: &str = concat!(
    r#"{"id":900000042,"type":"in","created":1700000000,"text":"Здравствуйте! Заказ №42 отправлен,\nспасибо","#,
    r#""status":"delivered","sender":{"id":17340089,"name":"Пётр Иванов","phone":"+79001234567","#,
    r#""email":"client42@example.com","avatar":"https:\/\/cdn.example.com\/avatars\/42.jpg","username":null},"#,
    r#""transport":"whatsapp","channel_id":17404,"operator_id":null,"unread":true,"attachments":[]},"#,
);

const CHUNK: usize = 64 * 1024;

/// State alone.
const SMALL: usize = 2 * 1024;
/// A value, up to its limit and in the memory a growing vector takes for it.
const HELD: usize = 128 * 1024;
/// A state for each of 128 containers.
const DEEP: usize = 16 * 1024;
/// A string that is looked into, up to its limit.
const INNER: usize = 128 * 1024;
/// An object, up to its limit, with the chunk that goes beyond it.
const WAITING: usize = 192 * 1024;
