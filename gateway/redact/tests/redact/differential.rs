//! The redactor against itself and against serde_json, over documents made to cross every boundary.
//!
//! A chunk may be read by blocks of 64 bytes, by windows of some thousand, or byte by byte: output, error and
//! offset must be the same. Odd members are put at every offset from such boundaries, behind paddings of several
//! kinds; long documents are generated in odd spellings and cut at random, whole and with a fault put in.

use std::sync::{Arc, OnceLock};

use chatwarden_redact::{AliasKey, Class, Condition, Display, Limits, Plan, Selector, Test};
use serde_json::Value;

use crate::{
    cuts::{Cuts, plan, redact, redact_alike},
    odd,
    random::Random,
    reference::{Rules, hide},
};

#[test]
fn odd_members_at_every_offset_come_to_the_same_as_byte_by_byte() {
    // One combination of padding, plan and tail for each offset; the next test takes them all.
    let mut random = Random::new(1);
    for member in members() {
        for offset in 0..=130 {
            let body = document(*random.pick(&PADDINGS), offset, member, random.below(3));
            check(random.pick(plans()), &body, offset);
        }
    }
}

#[test]
#[ignore = "some minutes in release: `cargo test --release -p chatwarden-redact -- --ignored every_`"]
fn odd_members_at_every_offset_of_every_window_under_every_plan() {
    for member in members() {
        for offset in (0..=130).chain(1_980..=2_050).chain(4_090..=4_100) {
            for padding in PADDINGS {
                let body = document(padding, offset, member, offset % 3);
                plans().iter().for_each(|plan| check(plan, &body, offset));
            }
        }
    }
}

#[test]
fn odd_members_in_windows_of_some_thousand_bytes_come_to_the_same_as_byte_by_byte() {
    for (number, member) in members().enumerate() {
        for (round, window) in [512, 1_024, 2_048, 4_096, 16_384].into_iter().enumerate() {
            let offset = window - (number * 7 + round * 13) % 96;
            let padding = PADDINGS[(number + round) % PADDINGS.len()];
            check(&plans()[(number + round) % PLANS], &document(padding, offset, member, round % 3), offset);
        }
    }
}

/// A word that ended with a window was taken with a digit behind it, and a container that began with one was read as
/// if no key led to it: what is hidden below that key alone was not hidden.
#[test]
fn what_stands_over_the_end_of_a_window_comes_to_the_same_as_byte_by_byte() {
    let members: [&[u8]; 8] = [
        b"\"a\":null1",
        b"\"a\":true0",
        b"\"a\":false7",
        b"\"a\":1e12",
        br#""deep":{"x":1,"phone":"1","name":"2"}"#,
        b"\"deep\" : \n {\"phone\":\"1\"}",
        br#""a":[{"name":"1"},{"name":["2"]}],"name":"3""#,
        br#""phone":{"a":{"x":"1"},"b":[{"x":"2"}]}"#,
    ];
    for end in [1_024, 2_048] {
        for member in members {
            for offset in end - member.len() - 8..=end {
                let body = document(Padding::Text, offset, member, 2);
                plans().iter().for_each(|plan| check(plan, &body, end));
            }
        }
    }
}

/// Its end was looked for in the window before: a cut within a character or an escape, and the rest of it was not hidden;
/// any other, and there was a panic.
#[test]
fn a_value_behind_the_last_whole_block_of_a_chunk_is_hidden_to_its_end() {
    for length in (17 * 64..32 * 64).step_by(64) {
        let mut body = b"{".to_vec();
        body.extend_from_slice(&br#""":"","#.repeat(length / 6 - 2));
        body.resize(length - r#""phone":"#.len(), b' ');
        body.extend_from_slice(br#""phone":"#);
        for rest in [r"😀 and more", r"\u0041 and more", "and more"] {
            let value = format!("\"{}{rest}\",\"phone\":\"2\",\"end\":\"and no more\"}}", "0".repeat(62));
            let body = [&body, value.as_bytes()].concat();
            let cuts: Vec<Cuts> = (length..length + 72).map(Cuts::Once).collect();
            for plan in [&plans()[0], &plans()[3]] {
                let outcome = redact_alike(plan, Limits::default(), &body, &cuts);
                assert!(outcome.result.is_ok(), "{:?}", outcome.result);
                assert!(!outcome.out.windows(8).any(|bytes| bytes == b"and more"));
            }
        }
    }
}

/// Under a plan that keeps something, numbers behind keys were looked up as items of the array around them: containers
/// that are like the one around them are not on the stack of a leap.
#[test]
fn a_key_in_containers_below_an_array_is_hidden_under_every_plan() {
    for value in ["37061234567", "{\"c\":37061234567}"] {
        let text = "a text that is long enough for a leap, and more than a block of sixty-four bytes";
        let body = format!(r#"[1,[{{"text":"{text}","b":[],"phone":{value},"z":1}}]]"#);
        plans().iter().for_each(|plan| check(plan, body.as_bytes(), 150));
        let outcome = redact(&keeping(), Limits::default(), body.as_bytes(), Cuts::Whole);
        assert!(!outcome.out.windows(11).any(|bytes| bytes == b"37061234567"), "{body}");
    }
}

#[test]
fn the_lists_of_odd_members_say_what_they_are() {
    let nothing = plan(&[], Display::Hidden);
    for member in odd::LEGAL {
        let body = document(Padding::Blanks, 0, member.as_bytes(), 0);
        assert!(redact(&nothing, Limits::default(), &body, Cuts::Whole).result.is_ok(), "{member}");
    }
    for member in odd::WRONG {
        let body = document(Padding::Blanks, 0, member, 0);
        let outcome = redact(&nothing, Limits::default(), &body, Cuts::Whole);
        assert!(outcome.result.is_err(), "{}", member.escape_ascii());
    }
}

#[test]
fn two_odd_members_in_one_block_come_to_the_same_as_byte_by_byte() {
    let members: Vec<&[u8]> = members().collect();
    let mut random = Random::new(2);
    for round in 0..6_000 {
        let first = random.pick(&members);
        let second = random.pick(&members);
        let both = [*first, b",", *second].concat();
        let offset = random.below(131);
        let body = document(PADDINGS[round % PADDINGS.len()], offset, &both, round % 3);
        check(&plans()[round % PLANS], &body, offset + first.len());
    }
}

#[test]
fn long_documents_differ_from_serde_json_in_hidden_values_alone() {
    for (round, size) in [200, 1_000, 5_000, 20_000, 200_000].into_iter().cycle().take(40).enumerate() {
        let seed = round as u64;
        let body = Spelling::new(seed, size).document();
        let rules = rules(round);
        let outcome = redact_alike(&compile(&rules), Limits::default(), &body, &cuts(seed, body.len()));
        assert!(outcome.result.is_ok(), "seed {seed}: {:?} at {}", outcome.result, outcome.offset);
        let original: Value = serde_json::from_slice(&body).unwrap();
        let redacted: Value = serde_json::from_slice(&outcome.out).unwrap();
        assert!(redacted == hide(&rules, &original).0, "seed {seed}: the trees differ");
        let plain =
            redact_alike(&plan(&[], Display::Alias), Limits::default(), &body, &cuts(seed, body.len()));
        assert!(plain.out == body, "seed {seed}: changed with nothing to hide");
    }
}

#[test]
fn a_fault_anywhere_in_a_long_document_is_found_at_the_same_byte() {
    let mut random = Random::new(3);
    for round in 0..1_500 {
        let seed = 1_000 + round as u64;
        let size = if round % 100 == 0 { 60_000 } else { 100 + random.below(3_000) };
        let mut body = Spelling::new(seed, size).document();
        for _ in 0..=random.below(2) {
            damage(&mut body, &mut random);
        }
        let shallow = Limits { depth: 12, ..Limits::default() };
        let limits = Limits { value_bytes: 48, ..shallow };
        redact_alike(&plans()[round % PLANS], limits, &body, &cuts(seed, body.len()));
    }
}

#[test]
fn a_document_in_two_pieces_comes_to_the_same_wherever_it_is_cut() {
    let members: Vec<&str> = odd::LEGAL.to_vec();
    for group in members.chunks(6) {
        let body = document(Padding::Text, 61, group.join(",").as_bytes(), 1);
        for plan in &plans()[..2] {
            let whole = redact(plan, Limits::default(), &body, Cuts::Whole);
            assert!(whole.result.is_ok());
            for place in 1..body.len() {
                let pieces = redact(plan, Limits::default(), &body, Cuts::Once(place));
                assert!(pieces == whole, "cut at {place}: {}", body.escape_ascii());
            }
        }
    }
}

fn check(plan: &Arc<Plan>, body: &[u8], place: usize) {
    let limits = Limits { value_bytes: 96, ..Limits::default() };
    let others =
        [Cuts::Whole, Cuts::Every(64), Cuts::Once(place), Cuts::Drawn { seed: place as u64, longest: 150 }];
    redact_alike(plan, limits, body, &others);
}

fn cuts(seed: u64, length: usize) -> [Cuts; 6] {
    [
        Cuts::Whole,
        Cuts::Every(64),
        Cuts::Every(16 * 1024),
        Cuts::Drawn { seed, longest: 9 },
        Cuts::Drawn { seed, longest: 300 },
        Cuts::Drawn { seed, longest: length },
    ]
}

fn members() -> impl Iterator<Item = &'static [u8]> {
    odd::LEGAL.iter().map(|member| member.as_bytes()).chain(odd::WRONG)
}

/// What stands before an odd member, so that it begins at an offset.
#[derive(Clone, Copy, Debug)]
enum Padding {
    Blanks,
    Text,
    /// A string of escaped backslashes: whether a quote ends it depends on the whole run.
    Backslashes,
    /// A string of letters of two bytes.
    Letters,
    /// Numbers between commas.
    Tokens,
    /// Members that are hidden.
    Hidden,
}

const PADDINGS: [Padding; 6] = [
    Padding::Blanks,
    Padding::Text,
    Padding::Backslashes,
    Padding::Letters,
    Padding::Tokens,
    Padding::Hidden,
];

/// An object with a member `offset` bytes behind its start, more or less a few, and others behind it.
fn document(padding: Padding, offset: usize, member: &[u8], tail: usize) -> Vec<u8> {
    let quoted = |filling: &str, width: usize| {
        format!("\"p\":\"{}\",", filling.repeat(offset.saturating_sub(7) / width)).into_bytes()
    };
    let mut body = b"{".to_vec();
    match padding {
        Padding::Blanks => {}
        Padding::Text => body.extend(quoted("x", 1)),
        Padding::Backslashes => body.extend(quoted("\\\\", 2)),
        Padding::Letters => body.extend(quoted("ж", 2)),
        Padding::Tokens => {
            body.extend(format!("\"p\":[0{}],", ",1".repeat(offset.saturating_sub(9) / 2)).into_bytes());
        }
        Padding::Hidden => body.extend("\"phone\":\"1\",".repeat(offset / 12).into_bytes()),
    }
    body.resize(body.len().max(offset), b' ');
    body.extend_from_slice(member);
    body.extend_from_slice(TAILS[tail].as_bytes());
    body
}

const TAILS: [&str; 3] = [
    "}",
    r#","z":"zz","phone":"9"}"#,
    r#","text":"A tail of ordinary text, with \"quotes\" and \\ in it, longer than a block or two, so that whatever goes wrong before it shows.","phone":"+37069999999","items":[{"id":1,"name":"Z"},{"id":2,"name":"Y"}],"end":null} "#,
];

const PLANS: usize = 10;

/// Some fields at any depth; nothing; everything; aliases; exact ways; conditions and names that are contacts;
/// strings that are looked into; what is kept, and names that are contacts, without conditions; fields at any depth
/// below others; fields among which some are kept.
fn plans() -> &'static [Arc<Plan>; PLANS] {
    static ALL: OnceLock<[Arc<Plan>; PLANS]> = OnceLock::new();
    ALL.get_or_init(|| {
        [
            plan(
                &[
                    (Class::Phone, "$..phone"),
                    (Class::Name, "$..name"),
                    (Class::Handle, "$..['e/m', 'é😀', '\"\\\\']"),
                ],
                Display::Hidden,
            ),
            plan(&[], Display::Hidden),
            plan(&[(Class::Phone, "$..*")], Display::Hidden),
            plan(&[(Class::Phone, "$..phone"), (Class::Name, "$..['name', 'a']")], Display::Alias),
            plan(
                &[
                    (Class::Phone, "$.phone"),
                    (Class::Name, "$.deep.name"),
                    (Class::Handle, "$.list[1]"),
                    (Class::Email, "$.list[*].phone"),
                    (Class::Avatar, "$.items[1].name"),
                ],
                Display::Partial,
            ),
            conditional(),
            looking_into_strings(),
            naming(),
            plan(
                &[
                    (Class::Phone, "$..deep.phone"),
                    (Class::Name, "$..a[*].name"),
                    (Class::Email, "$..phone..x"),
                    (Class::Handle, "$..['x', 'z']"),
                ],
                Display::Hidden,
            ),
            keeping(),
        ]
    })
}

fn conditional() -> Arc<Plan> {
    let when = |member: &str, levels, test| [Condition { member: member.into(), levels, test }];
    let one = || vec!["1".to_owned(), "Z".to_owned()];
    let builder = Plan::builder()
        .keep(&parse("$.items"))
        .field_when(Class::Phone, &parse("$..phone"), &when("name", 0..=0, Test::OneOf(one())))
        .field_when(Class::Name, &parse("$..name"), &when("a", 0..=1, Test::NoneOf(one())))
        .field_when(
            Class::Handle,
            &parse("$..['x', 'e/m']"),
            &when("z", 0..=3, Test::OneOf(vec!["zz".into()])),
        )
        .contact_keys(Class::Phone, &parse("$..deep"));
    Arc::new(builder.build(&AliasKey::new(&[7; 32]).unwrap()).unwrap())
}

fn keeping() -> Arc<Plan> {
    let builder = Plan::builder()
        .keep(&parse("$..items"))
        .field(Class::Phone, &parse("$..phone"))
        .field(Class::Name, &parse("$..deep.name"));
    Arc::new(builder.build(&AliasKey::new(&[7; 32]).unwrap()).unwrap())
}

fn looking_into_strings() -> Arc<Plan> {
    let builder = Plan::builder()
        .field(Class::Phone, &parse("$..phone"))
        .json_in_string(&parse("$..a"))
        .html_in_string(&parse("$..name"))
        .text(&parse("$..['text', 'x', 'é😀']"));
    Arc::new(builder.build(&AliasKey::new(&[7; 32]).unwrap()).unwrap())
}

fn naming() -> Arc<Plan> {
    let builder = Plan::builder()
        .keep(&parse("$..items"))
        .field(Class::Phone, &parse("$..phone"))
        .field(Class::Name, &parse("$..['name', 'a', 'é😀']"))
        .contact_keys(Class::Handle, &parse("$..deep"));
    Arc::new(builder.build(&AliasKey::new(&[7; 32]).unwrap()).unwrap())
}

fn parse(selector: &str) -> Selector {
    Selector::parse(selector).unwrap()
}

/// Plans for the generated documents, as the simple redactor reads them.
fn rules(round: usize) -> Rules {
    let fields: &[(Class, &str)] = match round % 4 {
        0 => &[
            (Class::Phone, "$..phone"),
            (Class::Name, "$..['name', 'é😀']"),
            (Class::Email, "$..['e/m', '\"\\\\']"),
        ],
        1 => &[(Class::Name, "$[*].name"), (Class::Phone, "$[*].a..phone"), (Class::Handle, "$[3]")],
        2 => &[(Class::Name, "$..a[1]"), (Class::Handle, "$..b.*"), (Class::Avatar, "$[*][*]..phone")],
        _ => &[(Class::Phone, "$..phone")],
    };
    let parse = |&(class, text): &(Class, &str)| (class, Selector::parse(text).unwrap());
    Rules {
        fields: fields.iter().map(parse).collect(),
        display: [Display::Alias, Display::Partial, Display::Hidden][round % 3],
        key: AliasKey::new(&[7; 32]).unwrap(),
    }
}

fn compile(rules: &Rules) -> Arc<Plan> {
    let mut builder = Plan::builder();
    for (class, selector) in &rules.fields {
        builder = builder.field(*class, selector);
    }
    for class in Class::ALL {
        builder = builder.display(class, rules.display);
    }
    Arc::new(builder.build(&rules.key).unwrap())
}

/// Puts one fault into a document, or what looks like one.
fn damage(body: &mut Vec<u8>, random: &mut Random) {
    let at = random.below(body.len() + 1);
    match random.below(5) {
        0 => body.truncate(at),
        1 => drop(body.splice(at..at, random.pick(&TOKENS).iter().copied())),
        2 => drop(body.drain(at..(at + 1 + random.below(4)).min(body.len()).max(at))),
        3 => {
            if let Some(byte) = body.get_mut(at) {
                *byte ^= 1 << random.below(8);
            }
        }
        _ => {
            if let Some(byte) = body.get_mut(at) {
                *byte = *random.pick(b"\"\\{}[]:,\x00\x1f\x80\xc3\xe2\xf0\xff /tn0-.");
            }
        }
    }
}

const TOKENS: [&[u8]; 24] = [
    b"\"",
    b"\\",
    b"\\\"",
    b"\\\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b":",
    b",",
    b"\n",
    b"\x00",
    b"\xff",
    b"\xe2\x82",
    b"\xf0\x9f\x98\x80",
    b"\\ud83d",
    b"null",
    b"-",
    b"1e",
    b"/*",
    b"\"phone\":",
    b"\"phone\":{",
    b"[[[[[[[[[[[[[[",
    b"\xef\xbb\xbf",
];

/// Spells a long document in every legal way, from a seed.
struct Spelling {
    random: Random,
    out: Vec<u8>,
    size: usize,
}

impl Spelling {
    fn new(seed: u64, size: usize) -> Spelling {
        Spelling { random: Random::new(seed), out: Vec::new(), size }
    }

    fn document(mut self) -> Vec<u8> {
        self.blanks();
        self.out.push(b'[');
        while self.out.len() < self.size {
            self.value(0);
            self.blanks();
            self.out.push(b',');
        }
        self.value(3);
        self.blanks();
        self.out.push(b']');
        self.blanks();
        self.out
    }

    fn value(&mut self, depth: usize) {
        self.blanks();
        match self.random.below(if depth < 6 { 14 } else { 9 }) {
            0 => self.out.extend_from_slice(b"null"),
            1 => self.out.extend_from_slice(self.random.pick(&["true", "false"]).as_bytes()),
            2 => self.out.extend_from_slice(self.random.pick(&NUMBERS).as_bytes()),
            3 => {
                let number = (self.random.bits() >> self.random.below(60)).to_string();
                self.out.extend_from_slice(number.as_bytes());
            }
            4..9 => {
                let length = [3, 12, 40, 140, 700][self.random.below(16).saturating_sub(11)];
                let length = self.random.below(length);
                self.text(length);
            }
            9..11 => self.container(b'[', b']', |this| this.value(depth + 1)),
            _ => self.container(b'{', b'}', |this| {
                this.blanks();
                this.name();
                this.blanks();
                this.out.push(b':');
                this.value(depth + 1);
            }),
        }
    }

    fn container(&mut self, open: u8, close: u8, mut item: impl FnMut(&mut Self)) {
        self.out.push(open);
        for place in 0..self.random.below(7) {
            if place > 0 {
                self.out.push(b',');
            }
            item(self);
            self.blanks();
        }
        self.blanks();
        self.out.push(close);
    }

    fn name(&mut self) {
        match self.random.below(8) {
            0 => {
                let length = self.random.below(90);
                self.text(length);
            }
            _ => {
                let name = *self.random.pick(&NAMES);
                self.out.push(b'"');
                name.chars().for_each(|character| self.character(character));
                self.out.push(b'"');
            }
        }
    }

    /// A string of some characters, most of them in runs of one kind.
    fn text(&mut self, length: usize) {
        self.out.push(b'"');
        let mut kind = self.random.below(KINDS.len());
        for _ in 0..length {
            if self.random.below(12) == 0 {
                kind = self.random.below(KINDS.len());
            }
            let characters: Vec<char> = KINDS[kind].chars().collect();
            let character = *self.random.pick(&characters);
            self.character(character);
        }
        self.out.push(b'"');
    }

    fn character(&mut self, character: char) {
        let must = character < ' ' || matches!(character, '"' | '\\');
        let draw = self.random.below(24);
        match character {
            '"' | '\\' if draw > 2 => self.out.extend_from_slice(&[b'\\', character as u8]),
            '/' if draw > 16 => self.out.extend_from_slice(b"\\/"),
            '\n' if draw > 4 => self.out.extend_from_slice(b"\\n"),
            _ if must || draw == 0 => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    let escape = if draw < 12 { format!("\\u{unit:04x}") } else { format!("\\u{unit:04X}") };
                    self.out.extend_from_slice(escape.as_bytes());
                }
            }
            _ => self.out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }

    fn blanks(&mut self) {
        let count = match self.random.below(40) {
            0 => self.random.below(150),
            1..6 => self.random.below(4),
            _ => 0,
        };
        for _ in 0..count {
            self.out.push(*self.random.pick(b" \n\r\t  "));
        }
    }
}

const NAMES: [&str; 11] = [
    "phone",
    "name",
    "a",
    "b",
    "contact",
    "e/m",
    "é😀",
    "\"\\",
    "",
    "phones",
    "a longer name, of many words",
];

/// Spelled as serde_json would print them, for the simple redactor sees no other spelling.
const NUMBERS: [&str; 8] = ["0", "-1", "1.5", "-12.25", "0.1", "9007199254740993", "-37061234567", "1e+300"];

const KINDS: [&str; 8] = [
    "abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "0123456789+-() ",
    "абвгдежзийклмнопрстуфхцчшщъыьэюя ",
    "漢字€\u{2028}\u{ffff}",
    "😀\u{10000}\u{10ffff}",
    "\"\\",
    "/:,{}[]\"",
    "\n\t\u{1}\u{7f}\u{80}",
];
