//! Copies: values of declared fields, wherever else they stand.
//!
//! What a field shows as an alias is told again by message texts, file names, links and fields that nobody declared.
//! [`Learnt`] is a bounded, keyed set of the values that declared fields had; a [`Sweep`] looks up what stands in a
//! text, at the borders of its tokens, so that its cost does not grow with the set. [`Trail`] sweeps JSON that a rewriter
//! has written, a window of it behind; other formats are read twice, the first time to learn ([`Ahead`]).
//!
//! What is learnt: phones and ids of six digits on, mail addresses and the digests that services of pictures know them
//! by, names and handles of two words of two letters or of eight letters on, links to pictures as they are. What a field that is kept has is never a copy. Values are
//! kept as they came, under a bound in bytes, because a copy shows the alias of the field's own spelling.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    hash::{BuildHasherDefault, Hasher},
    sync::{Arc, PoisonError, RwLock},
};

use md5::{Digest as _, Md5};
use sha2::Sha256;

use crate::{
    alias::{AliasKey, Digest},
    class::Class,
    mask,
    patterns::{glyph, glyph::Kind},
};

pub(crate) use ahead::Ahead;
use number::Forms;
pub(crate) use sweep::{Copy, Whole, spelled_as};
pub(crate) use swept::Swept;
pub(crate) use trail::{ALIAS, END, KEPT, NESTED, Trail, WRITTEN, is_mark};

mod ahead;
pub(crate) mod fuzz;
mod number;
mod repeated;
mod signs;
mod sweep;
mod swept;
#[cfg(test)]
mod tests;
mod trail;
mod words;

/// The values that declared fields had, shared by the bodies of one account.
///
/// It forgets what was not seen for long: there are two generations, and when the younger is full the older one is
/// let go. What is seen in the older one is young again.
pub struct Learnt {
    generations: RwLock<[Generation; 2]>,
    bound: usize,
}

impl Learnt {
    /// How many values a generation of the default set has at most.
    pub const VALUES: usize = 4096;

    /// How many bytes of values a generation has at most, by the number of values it may have.
    const BYTES: usize = 64;

    /// An empty set that keeps so many values at least, and no more than twice as many.
    pub fn new(values: usize) -> Learnt {
        Learnt { generations: RwLock::default(), bound: values.max(1) }
    }

    /// How many values there are. Names and numbers count once for each form that they are looked up by.
    pub fn len(&self) -> usize {
        let generations = self.generations.read().unwrap_or_else(PoisonError::into_inner);
        generations.iter().map(|generation| generation.values.len()).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes the value of a declared field, if it is of a kind that copies are known by. The key is that of the plans
    /// which look copies up.
    pub fn learn(&self, key: &AliasKey, class: Class, value: &[u8]) {
        self.learn_digested(key, class, value, key.digest(class, value));
    }

    /// The same of a value whose digest is known.
    pub(crate) fn learn_digested(&self, key: &AliasKey, class: Class, value: &[u8], digest: Digest) {
        // The same clients stand in most answers, and forms cost more than a look at what was taken as it is.
        let Digest(taken) = digest;
        if self.generations.read().unwrap_or_else(PoisonError::into_inner)[0].taken.contains(&taken) {
            return;
        }
        let Ok(value) = std::str::from_utf8(value) else { return };
        let lookups = Lookups::of(class, value);
        let digests = lookups.as_ref().map(|lookups| lookups.digests(key));
        let mut generations = self.generations.write().unwrap_or_else(PoisonError::into_inner);
        let [young, _] = &mut *generations;
        // What is of no kind that is learnt is taken, too; to forget it costs time and no value.
        if young.taken.len() >= self.bound {
            young.taken.clear();
        }
        young.taken.insert(taken);
        let (Some(lookups), Some(digests)) = (lookups, digests) else { return };
        let known =
            |digest: &u128| young.values.get(digest).is_some_and(|known| known.class <= lookups.class);
        if digests.iter().all(|(digest, _)| known(digest)) {
            return;
        }
        let original = Arc::new(Original { class: lookups.class, value: value.into(), is_id: false });
        for (digest, sieve) in digests {
            young.insert(digest, sieve, &original);
        }
        let picture = Arc::new(Original { class: Class::Avatar, value: value.into(), is_id: false });
        for digest in lookups.picture_digests(key) {
            young.insert(digest, Sieved::Mail, &picture);
        }
        self.turn(&mut generations);
    }

    /// Takes the value of a field that is kept: it is no copy of anything.
    pub(crate) fn learn_kept(&self, key: &AliasKey, value: &str) {
        // What it is, is told by its form: a number and an address are no names.
        if let Some(lookups) = Lookups::of(Class::Name, value) {
            let mut generations = self.generations.write().unwrap_or_else(PoisonError::into_inner);
            generations[0].never.extend(lookups.digests(key).iter().map(|(digest, _)| *digest));
            generations[0].never.extend(lookups.picture_digests(key));
            generations[0].never.extend(id_form(value).map(|form| key.digest(ID_CLASS, &form).0));
            self.turn(&mut generations);
        }
    }

    /// Takes an id, which is hidden as an id where it stands whole.
    pub(crate) fn learn_id(&self, key: &AliasKey, class: Class, value: &str) {
        self.learn(key, class, value.as_bytes());
        let Some(form) = id_form(value).filter(|_| Lookups::of(class, value).is_some()) else { return };
        let digest = key.digest(ID_CLASS, &form).0;
        let mut generations = self.generations.write().unwrap_or_else(PoisonError::into_inner);
        let [young, _] = &mut *generations;
        if !young.values.contains_key(&digest) {
            let original = Arc::new(Original { class, value: value.into(), is_id: true });
            young.insert(digest, Sieved::Id, &original);
            self.turn(&mut generations);
        }
    }

    fn turn(&self, generations: &mut [Generation; 2]) {
        let [young, old] = generations;
        let is_full = young.values.len() >= self.bound
            || young.never.len() >= self.bound
            || young.bytes >= self.bound * Self::BYTES;
        if is_full {
            *old = std::mem::take(young);
        }
    }
}

impl Default for Learnt {
    fn default() -> Learnt {
        Learnt::new(Self::VALUES)
    }
}

impl fmt::Debug for Learnt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Learnt").field("len", &self.len()).finish_non_exhaustive()
    }
}

/// A value as its field had it.
pub(crate) struct Original {
    pub(crate) class: Class,
    pub(crate) value: Box<str>,
    /// Whether it is an id, all of it.
    pub(crate) is_id: bool,
}

#[derive(Default)]
struct Generation {
    values: HashMap<u128, Arc<Original>, BuildHasherDefault<Digested>>,
    never: HashSet<u128, BuildHasherDefault<Digested>>,
    /// What was learnt, as its fields had it.
    taken: HashSet<u128, BuildHasherDefault<Digested>>,
    bytes: usize,
    /// What numbers end with, and names begin with and are, as far as a sieve tells them apart.
    tails: Sieve,
    heads: Sieve,
    phrases: Sieve,
    /// What links end with.
    ends: Sieve,
    has_mails: bool,
    has_ids: bool,
}

impl Generation {
    fn insert(&mut self, digest: u128, sieve: Sieved, original: &Arc<Original>) {
        match sieve {
            Sieved::Tail(hash) => self.tails.add(hash),
            Sieved::Words { head, phrase } => {
                self.heads.add(head);
                self.phrases.add(phrase);
            }
            Sieved::Mail => self.has_mails = true,
            Sieved::End(hash) => self.ends.add(hash),
            Sieved::Id => self.has_ids = true,
        }
        match self.values.get_mut(&digest) {
            // A phone says more of a number than a handle that has its digits.
            Some(known) if known.class <= original.class => {}
            Some(known) => *known = Arc::clone(original),
            None => {
                self.bytes += original.value.len();
                self.values.insert(digest, Arc::clone(original));
            }
        }
    }
}

/// What a value is looked up by.
struct Lookups {
    class: Class,
    keys: Vec<(Class, Vec<u8>, Sieved)>,
}

/// Where a look-up is seen before it is made.
#[derive(Clone, Copy, Debug)]
enum Sieved {
    Tail(u64),
    /// The hash of the first word, and of all.
    Words {
        head: u64,
        phrase: u64,
    },
    Mail,
    End(u64),
    Id,
}

impl Lookups {
    /// The look-ups of a field's value; `None` if it is of no kind that copies are known by.
    fn of(class: Class, value: &str) -> Option<Lookups> {
        let value = value.trim();
        if value.is_empty() || value.len() > MAX_VALUE {
            return None;
        }
        let class = mask::judged_class(class, value.as_bytes());
        let keys = match class {
            Class::Phone => number_keys(value)?,
            Class::Email => vec![(Class::Email, mail_form(value)?.into_bytes(), Sieved::Mail)],
            Class::Name => phrase_keys(value)?,
            Class::Handle => handle_keys(value)?,
            Class::Avatar | Class::FileUrl => {
                let is_link = value.len() >= MIN_LINK && value.contains('/');
                is_link
                    .then(|| vec![(Class::Avatar, value.as_bytes().to_vec(), Sieved::End(ending(value)))])?
            }
        };
        Some(Lookups { class, keys })
    }

    fn digests(&self, key: &AliasKey) -> Vec<(u128, Sieved)> {
        self.keys.iter().map(|(class, form, sieved)| (key.digest(*class, form).0, *sieved)).collect()
    }
}

impl Lookups {
    /// What a link to the picture of a mail address is looked up by: the address's MD5 or SHA-256 is in it, as Gravatar
    /// has it.
    fn picture_digests(&self, key: &AliasKey) -> Vec<u128> {
        let mails = self.keys.iter().filter(|(class, _, _)| *class == Class::Email);
        mails
            .flat_map(|(_, form, _)| [hex(&Md5::digest(form)), hex(&Sha256::digest(form))])
            .map(|form| key.digest(Class::Avatar, form.as_bytes()).0)
            .collect()
    }
}

fn hex(digest: &[u8]) -> String {
    digest.iter().fold(String::new(), |mut hex, byte| {
        hex.extend(
            [byte >> 4, byte & 15].map(|digit| char::from_digit(digit.into(), 16).unwrap_or_default()),
        );
        hex
    })
}

/// What an id is looked up by, if it is long enough to be equal to another text by no chance.
fn id_form(value: &str) -> Option<Vec<u8>> {
    let is_number = value.bytes().all(|byte| byte.is_ascii_digit());
    let shortest = if is_number { sweep::SURE_DIGITS } else { MIN_LETTERS };
    (shortest..=MAX_ID).contains(&value.len()).then(|| [b"#", value.as_bytes()].concat())
}

/// The digits of a value that is a number and what separates it.
fn number_keys(value: &str) -> Option<Vec<(Class, Vec<u8>, Sieved)>> {
    let mut digits = Vec::new();
    let mut at = 0;
    while let Some(glyph) = glyph::next(value, at) {
        digits.extend(glyph.kind().digit());
        if glyph.kind() == Kind::At {
            break;
        }
        at += glyph.len;
    }
    let forms = Forms::of(&digits)?;
    let mut keys = vec![(Class::Phone, whole_form(&forms), Sieved::Tail(tail(&forms.whole)))];
    if let Some(national) = forms.national() {
        keys.push((Class::Phone, national_form(national), Sieved::Tail(tail(national))));
    }
    Some(keys)
}

/// A handle is a number (`[tg] 807892411`, `crm-79001234567`), an address, a link or words (`@petr_vip`).
fn handle_keys(value: &str) -> Option<Vec<(Class, Vec<u8>, Sieved)>> {
    let longest = value.split(|char: char| !char.is_ascii_digit()).max_by_key(|digits| digits.len())?;
    if longest.len() >= number::MIN_DIGITS {
        return number_keys(longest);
    }
    if let Some(form) = mail_form(value) {
        return Some(vec![(Class::Email, form.into_bytes(), Sieved::Mail)]);
    }
    phrase_keys(value)
}

fn phrase_keys(value: &str) -> Option<Vec<(Class, Vec<u8>, Sieved)>> {
    let mut forms: Vec<(String, words::Word)> = Vec::new();
    let mut at = Some(0).filter(|_| !value.is_empty());
    while let Some(place) = at
        && forms.len() < MAX_WORDS
    {
        let mut form = String::new();
        match words::read(value, place, &mut form) {
            Some(word) => {
                forms.push((form, word));
                at = Some(word.end);
            }
            None => at = glyph::next(value, place).map(|glyph| place + glyph.len),
        }
    }
    let letters = |form: &str| form.chars().filter(|letter| !letter.is_ascii_digit()).count();
    let words = forms.iter().filter(|(form, _)| letters(form) >= 2).count();
    let letters: usize = forms.iter().map(|(form, _)| letters(form)).sum();
    if words < 2 && letters < MIN_LETTERS {
        return None;
    }
    let phrase = |forms: &[&(String, words::Word)]| {
        let form: Vec<&str> = forms.iter().map(|(form, _)| form.as_str()).collect();
        let phrase = forms.iter().fold(0, |phrase, (_, word)| words::joined(phrase, word));
        let head = forms.first().map(|(_, first)| first.hash)?;
        Some((Class::Name, form.join(" ").into_bytes(), Sieved::Words { head, phrase }))
    };
    let all: Vec<_> = forms.iter().collect();
    let mut keys: Vec<_> = phrase(&all).into_iter().collect();
    if let [first, second] = *all {
        // The surname goes first as often.
        keys.extend(phrase(&[second, first]));
    }
    Some(keys)
}

/// An address in lower case, as it is without encoding.
fn mail_form(value: &str) -> Option<String> {
    let is_plain =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'@' | b'.' | b'_' | b'+' | b'-');
    let form = if value.bytes().all(is_plain) { value.to_ascii_lowercase() } else { spelled_out(value) };
    let is_mail =
        form.split_once('@').is_some_and(|(local, domain)| !local.is_empty() && domain.contains('.'));
    is_mail.then_some(form)
}

/// An address in lower case, glyph by glyph.
fn spelled_out(value: &str) -> String {
    let mut form = String::new();
    let mut at = 0;
    while let Some(glyph) = glyph::next(value, at) {
        match glyph.kind() {
            Kind::Invisible => {}
            Kind::At => form.push('@'),
            Kind::Dot => form.push('.'),
            Kind::Digit(_)
            | Kind::Plus
            | Kind::Space
            | Kind::Dash
            | Kind::Slash
            | Kind::Open
            | Kind::Close
            | Kind::Letter
            | Kind::Other => form.extend(glyph.char.to_lowercase()),
        }
        at += glyph.len;
    }
    form
}

fn whole_form(forms: &Forms) -> Vec<u8> {
    [b"=", &*forms.whole].concat()
}

fn national_form(national: &[u8]) -> Vec<u8> {
    [b"~", national].concat()
}

/// The last six digits, which all forms of a number share.
fn tail(digits: &[u8]) -> u64 {
    let last = digits.len().saturating_sub(number::MIN_DIGITS);
    digits[last..].iter().fold(0, |tail, digit| tail * 10 + u64::from(*digit))
}

/// The last eight bytes of a link, however its slashes are escaped.
fn ending(link: &str) -> u64 {
    let bytes = link.bytes().rev().filter(|byte| *byte != b'\\');
    bytes.take(8).fold(0, |ending, byte| ending << 8 | u64::from(byte))
}

/// One bit for each of 2^16 hashes; while there are few, one for 64 of them.
#[derive(Clone, Default)]
struct Sieve {
    added: usize,
    coarse: [u64; 16],
    fine: Option<Box<[u64; 1024]>>,
}

impl Sieve {
    /// How many hashes are told apart coarsely. Most callers have an open socket and no page of many clients.
    const FEW: usize = 32;

    fn add(&mut self, hash: u64) {
        self.added += 1;
        if self.added > Self::FEW {
            let coarse = &self.coarse;
            let fine = self.fine.get_or_insert_with(|| {
                Box::new(std::array::from_fn(|word| if has_bit(coarse, word) { u64::MAX } else { 0 }))
            });
            let (word, bit) = Sieve::place(hash);
            if let Some(word) = fine.get_mut(word) {
                *word |= 1 << bit;
            }
        } else {
            let (word, _) = Sieve::place(hash);
            if let Some(bits) = self.coarse.get_mut(word / 64) {
                *bits |= 1 << (word % 64);
            }
        }
    }

    #[inline]
    fn may_have(&self, hash: u64) -> bool {
        let (word, bit) = Sieve::place(hash);
        match &self.fine {
            Some(fine) => has_bit(&**fine, word * 64 + bit),
            None => has_bit(&self.coarse, word),
        }
    }

    fn is_empty(&self) -> bool {
        self.added == 0
    }

    /// A word of the fine sieve, and a bit of it.
    #[inline]
    fn place(hash: u64) -> (usize, usize) {
        let mixed = hash.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 48;
        (usize::from((mixed >> 6) as u16), usize::from(mixed as u8 & 63))
    }
}

#[inline]
fn has_bit(words: &[u64], bit: usize) -> bool {
    words.get(bit / 64).is_some_and(|word| word >> (bit % 64) & 1 != 0)
}

/// Hashes what is a keyed digest already.
#[derive(Default)]
struct Digested(u64);

impl Hasher for Digested {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        if let Some(low) = bytes.first_chunk::<8>() {
            self.0 = u64::from_ne_bytes(*low);
        }
    }
}

/// The class of what ids are looked up by, whatever their own.
const ID_CLASS: Class = Class::Handle;

/// The longest id that is looked for, in bytes.
const MAX_ID: usize = 256;

/// The longest value that is learnt, in bytes.
const MAX_VALUE: usize = 1024;

/// The shortest link that is learnt, in bytes.
const MIN_LINK: usize = 12;

/// The most words that a phrase is compared by; of a longer one its first.
const MAX_WORDS: usize = 4;

/// The letters from which on one word is learnt.
const MIN_LETTERS: usize = 8;
