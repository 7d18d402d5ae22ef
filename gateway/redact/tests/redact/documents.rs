//! Documents and selectors of every shape, for property tests.
//!
//! A tree is generated first and spelled afterwards, with white space and escapes drawn from a seed: two
//! spellings of one tree are one document. Every string value is unique, so that a leak can be told from chance.

use proptest::{collection::vec, prelude::*};

/// A document before it is spelled.
#[derive(Clone, Debug)]
pub(crate) enum Tree {
    Null,
    Bool(bool),
    /// A number, as spelled.
    Number(String),
    Text(String),
    Array(Vec<Tree>),
    /// Members in order; names may repeat.
    Object(Vec<(String, Tree)>),
}

pub(crate) fn tree() -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![
        1 => Just(Tree::Null),
        1 => any::<bool>().prop_map(Tree::Bool),
        1 => any::<i64>().prop_map(|number| Tree::Number(number.to_string())),
        1 => (-1000_i32..1000).prop_map(|quarters| Tree::Number((f64::from(quarters) / 4.0).to_string())),
        1 => Just(Tree::Text(String::new())),
        6 => text().prop_map(Tree::Text),
    ];
    tree_of(leaf, name)
}

/// Trees of these leaves and names.
pub(crate) fn tree_of<N: Strategy<Value = String> + 'static>(
    leaf: impl Strategy<Value = Tree> + 'static,
    name: impl Fn() -> N,
) -> impl Strategy<Value = Tree> {
    leaf.prop_recursive(6, 60, 6, move |inner| {
        prop_oneof![
            1 => vec(inner.clone(), 0..5).prop_map(Tree::Array),
            2 => vec((name(), inner), 0..6).prop_map(Tree::Object),
        ]
    })
    .prop_map(|mut tree| {
        tree.number(&mut 0);
        tree
    })
}

/// Names of members: few, so that selectors meet them, and some that need escapes.
pub(crate) fn name() -> impl Strategy<Value = String> {
    let names =
        ["phone", "name", "a", "b", "contact", "e/m", "é😀", "\"\\", "", "a longer name, of two words"];
    proptest::sample::select(names.map(str::to_owned).to_vec())
}

/// Selectors over these names.
pub(crate) fn selector() -> impl Strategy<Value = String> {
    let quoted = || name().prop_map(|name| format!("'{}'", name.replace('\\', "\\\\")));
    let pick = prop_oneof![4 => quoted(), 1 => (0..4_u32).prop_map(|index| index.to_string()), 1 => Just("*".into())];
    let segment = (prop_oneof![2 => Just(""), 1 => Just("..")], vec(pick, 1..3))
        .prop_map(|(dots, picks)| format!("{dots}[{}]", picks.join(",")));
    prop_oneof![40 => vec(segment, 1..4), 1 => Just(Vec::new())]
        .prop_map(|segments| format!("${}", segments.concat()))
}

impl Tree {
    /// Spells the tree as JSON.
    pub(crate) fn spell(&self, seed: u64) -> Vec<u8> {
        let mut spelling = Spelling::new(seed);
        spelling.tree(self);
        spelling.out.into_bytes()
    }

    /// Makes every text unique.
    fn number(&mut self, count: &mut u32) {
        match self {
            Tree::Null | Tree::Bool(_) | Tree::Number(_) => {}
            Tree::Text(text) if text.is_empty() => {}
            Tree::Text(text) => {
                *count += 1;
                *text = text.replace("####", &format!("{:04}", *count));
            }
            Tree::Array(items) => items.iter_mut().for_each(|item| item.number(count)),
            Tree::Object(members) => members.iter_mut().for_each(|(_, member)| member.number(count)),
        }
    }
}

/// Values of fields, with a place for their number.
pub(crate) fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("+370612####".to_owned()),
        Just("8 (612) 3####".to_owned()),
        Just("maria.####@example.com".to_owned()),
        Just("Мария-#### Коваленко".to_owned()),
        Just("José \"####\" Ñandú\\\n".to_owned()),
        Just("https://example.com/a/####.jpg?b=\u{7f}".to_owned()),
        "\\PC{0,12}".prop_map(|any| format!("{any}<####>")),
    ]
}

/// Spells a tree with drawn freedom.
pub(crate) struct Spelling {
    random: u64,
    pub(crate) out: String,
}

impl Spelling {
    pub(crate) fn new(seed: u64) -> Spelling {
        Spelling { random: seed | 1, out: String::new() }
    }

    fn tree(&mut self, tree: &Tree) {
        self.blanks();
        match tree {
            Tree::Null => self.out.push_str("null"),
            Tree::Bool(bool) => self.out.push_str(&bool.to_string()),
            Tree::Number(spelling) => self.out.push_str(spelling),
            Tree::Text(text) => self.text(text),
            Tree::Array(items) => {
                self.out.push('[');
                for (place, item) in items.iter().enumerate() {
                    self.comma(place);
                    self.tree(item);
                }
                self.blanks();
                self.out.push(']');
            }
            Tree::Object(members) => {
                self.out.push('{');
                for (place, (name, member)) in members.iter().enumerate() {
                    self.comma(place);
                    self.blanks();
                    self.text(name);
                    self.blanks();
                    self.out.push(':');
                    self.tree(member);
                }
                self.blanks();
                self.out.push('}');
            }
        }
        self.blanks();
    }

    fn comma(&mut self, place: usize) {
        if place > 0 {
            self.out.push(',');
        }
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.out.push('"');
        for character in text.chars() {
            let must = character < ' ' || matches!(character, '"' | '\\');
            match (must, self.draw(8)) {
                (true, 0..4) if matches!(character, '"' | '\\') => {
                    self.out.push('\\');
                    self.out.push(character);
                }
                (false, 0) if character == '/' => self.out.push_str("\\/"),
                (true, _) | (false, 1) => {
                    for unit in character.encode_utf16(&mut [0; 2]) {
                        let escape =
                            if self.draw(2) == 0 { format!("{unit:04x}") } else { format!("{unit:04X}") };
                        self.out.push_str("\\u");
                        self.out.push_str(&escape);
                    }
                }
                (false, _) => self.out.push(character),
            }
        }
        self.out.push('"');
    }

    pub(crate) fn blanks(&mut self) {
        for _ in 0..self.draw(12).saturating_sub(8) {
            let blank = [' ', '\n', '\t', '\r'][self.draw(4) as usize];
            self.out.push(blank);
        }
    }

    fn draw(&mut self, bound: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 16) % bound
    }
}
