//! `tokens:` — API tokens that ops list by their SHA-256.
//!
//! The file never holds a token, and a presented one is compared with every listed digest in constant time. A token that
//! is not listed is left to the next source. The list is reloaded in two steps: read and checked first, swapped when
//! everything else that changes with it is good too.

use std::{
    collections::HashSet,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use arc_swap::ArcSwap;
use async_trait::async_trait;
use chatwarden_policy::account::{Account, Identity};
use http::header;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::{
    Area, SettingError, Source, TwoAccounts,
    credentials::{Credentials, Place},
    merge,
    settings::{OneOrMany, Problems, TokensSettings},
};

/// Knows the listed tokens.
pub(super) struct Tokens {
    /// The place in config.yaml, for problems found at reload.
    path: String,
    /// As ops wrote it, and where it is.
    shown: PathBuf,
    file: PathBuf,
    from: Vec<Place>,
    list: ArcSwap<List>,
}

impl Tokens {
    pub(super) fn new(settings: &TokensSettings, problems: &mut Problems<'_>) -> Option<Self> {
        let errors = problems.errors.len();
        let from = match &settings.from {
            Some(from) => Place::list(from, problems),
            None => vec![Place::Header { name: header::AUTHORIZATION, scheme: Some("Bearer".to_owned()) }],
        };
        if from.contains(&Place::AllCookies) {
            let help = "name the cookie that holds the token";
            problems.under("from", |problems| problems.error("`*` does not say which cookie", Some(help)));
        }
        let file = problems.file(&settings.file);
        let (path, list) = problems.under("file", |problems| {
            let list = read(&file, &settings.file);
            let list =
                list.map_err(|found| found.into_iter().for_each(|found| problems.error(found, None))).ok();
            (problems.path().to_owned(), list)
        });
        if problems.errors.len() > errors {
            return None;
        }
        Some(Self { path, shown: settings.file.clone(), file, from, list: ArcSwap::from_pointee(list?) })
    }

    pub(super) fn file(&self) -> &Path {
        &self.file
    }

    /// Takes every place where a listed token stands.
    fn find(&self, credentials: &mut Credentials<'_>) -> Result<Vec<Arc<Account>>, TwoAccounts> {
        let list = self.list.load();
        let mut found = Vec::new();
        for place in &self.from {
            let Some(credential) = credentials.at(place)? else { continue };
            if let Some(account) = credential.text().and_then(|text| list.account(&text)) {
                found.push(account);
                credentials.take(place);
            }
        }
        Ok(found)
    }
}

#[async_trait]
impl Source for Tokens {
    fn name(&self) -> &'static str {
        "tokens"
    }

    async fn identify(
        &self,
        credentials: &mut Credentials<'_>,
        _area: Area,
    ) -> Result<Option<Identity>, TwoAccounts> {
        let mut answer = None;
        for account in self.find(credentials)? {
            answer = merge(answer, Some(Identity::Verified(account)))?;
        }
        Ok(answer)
    }

    fn believed_for(&self, credentials: &mut Credentials<'_>, _: Area) -> Option<Duration> {
        // Until the list is read anew, and then everything is looked at.
        let _ = self.find(credentials);
        None
    }

    async fn forget(&self, credentials: &mut Credentials<'_>) {
        // Nothing is remembered. What is ambiguous is nobody's anyway.
        let _ = self.find(credentials);
    }
}

/// Token lists that are read and good, and not yet in force.
#[derive(Debug)]
#[must_use = "the lists are in force once `apply` is called"]
pub struct TokensReload {
    lists: Vec<(Arc<Tokens>, List)>,
}

impl TokensReload {
    pub(super) fn read(sources: &[Arc<Tokens>]) -> Result<Self, Vec<SettingError>> {
        let mut lists = Vec::new();
        let mut errors = Vec::new();
        for source in sources {
            match read(&source.file, &source.shown) {
                Ok(list) => lists.push((Arc::clone(source), list)),
                Err(found) => errors.extend(found.into_iter().map(|message| SettingError {
                    path: source.path.clone(),
                    message,
                    help: None,
                })),
            }
        }
        if errors.is_empty() { Ok(Self { lists }) } else { Err(errors) }
    }

    /// Puts the lists in force.
    pub fn apply(self) {
        for (source, list) in self.lists {
            source.list.store(Arc::new(list));
        }
    }
}

/// The tokens of one file.
struct List {
    tokens: Vec<([u8; 32], Arc<Account>)>,
}

impl List {
    /// The account of a token, after a comparison with every digest however many match.
    fn account(&self, token: &str) -> Option<Arc<Account>> {
        let digest: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        let mut found = None;
        for (listed, account) in &self.tokens {
            if bool::from(listed.ct_eq(&digest)) {
                found = Some(account);
            }
        }
        found.cloned()
    }
}

impl std::fmt::Debug for List {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} tokens", self.tokens.len())
    }
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens").field("file", &self.shown).finish_non_exhaustive()
    }
}

/// Reads and checks a file of tokens; errors begin with the file's name as ops wrote it, and the line where it is known.
fn read(file: &Path, shown: &Path) -> Result<List, Vec<String>> {
    let shown = shown.display();
    let text = read_text(file).map_err(|error| vec![format!("{shown} cannot be read: {error}")])?;
    parse(&text).map_err(|found| {
        let place = |line: Option<usize>| line.map(|line| format!(":{line}")).unwrap_or_default();
        found.into_iter().map(|(line, message)| format!("{shown}{}: {message}", place(line))).collect()
    })
}

fn read_text(file: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(file)?.take(MAX_FILE + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_FILE { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(text) }
}

type Problem = (Option<usize>, String);

fn parse(text: &str) -> Result<List, Vec<Problem>> {
    let entries: Vec<Entry> = serde_yaml::from_str(text)
        .map_err(|error| vec![(error.location().map(|place| place.line()), describe(&error))])?;
    if entries.is_empty() {
        return Err(vec![(None, "the list is empty".to_owned())]);
    }
    if entries.len() > MAX_TOKENS {
        return Err(vec![(None, format!("the list has {} tokens, at most {MAX_TOKENS}", entries.len()))]);
    }
    let mut problems = Vec::new();
    let mut listed = HashSet::new();
    let mut tokens = Vec::new();
    for (index, entry) in entries.into_iter().enumerate() {
        let number = index + 1;
        let line = || last_line_with(text, &entry.sha256);
        let digest = digest(&entry.sha256);
        match digest {
            None => {
                problems.push((line(), format!("`sha256` of entry {number} is not 64 hexadecimal digits")))
            }
            Some(digest) if !listed.insert(digest) => {
                problems.push((line(), format!("the token of entry {number} is listed twice")));
            }
            Some(_) => {}
        }
        let id = entry.account.text();
        if id.trim().is_empty() {
            problems.push((line(), format!("`account` of entry {number} is empty")));
        }
        let roles = entry.role.as_slice().iter().flat_map(|role| role.split_ascii_whitespace());
        let account = Account {
            id,
            roles: roles.map(str::to_owned).collect(),
            groups: entry.groups.as_slice().to_vec(),
            name: entry.name,
            email: entry.email,
        };
        tokens.extend(digest.map(|digest| (digest, Arc::new(account))));
    }
    if problems.is_empty() { Ok(List { tokens }) } else { Err(problems) }
}

/// One listed token.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    sha256: String,
    account: Id,
    name: Option<String>,
    email: Option<String>,
    #[serde(default)]
    role: OneOrMany,
    #[serde(default)]
    groups: OneOrMany,
    /// For the people who keep the list.
    #[serde(rename = "note")]
    _note: Option<String>,
}

/// An account's id: numbers are as good as texts.
#[derive(Deserialize)]
#[serde(untagged)]
enum Id {
    Number(u64),
    Text(String),
}

impl Id {
    fn text(&self) -> String {
        match self {
            Id::Number(number) => number.to_string(),
            Id::Text(text) => text.clone(),
        }
    }
}

fn digest(text: &str) -> Option<[u8; 32]> {
    let text: &[u8; 64] = text.as_bytes().try_into().ok()?;
    let mut digest = [0; 32];
    for (byte, [high, low]) in digest.iter_mut().zip(text.as_chunks().0) {
        let digit = |digit: u8| char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(digest)
}

/// The line, from 1, of the last place where a value stands: of two equal entries, the second is the one too many.
fn last_line_with(text: &str, value: &str) -> Option<usize> {
    let with = text.lines().enumerate().filter(|(_, line)| !value.is_empty() && line.contains(value));
    with.last().map(|(index, _)| index + 1)
}

/// The parser's words without the place, and without any value that it quotes.
fn describe(error: &serde_yaml::Error) -> String {
    let text = error.to_string();
    let text = text.split_once(" at line ").map_or(text.as_str(), |(message, _)| message);
    match (text.find('"'), text.rfind('"')) {
        (Some(first), Some(last)) if first < last => {
            format!("{}\"…{}", &text[..=first].trim_end_matches('"'), &text[last..])
        }
        _ => text.to_owned(),
    }
}

const MAX_TOKENS: usize = 10_000;
const MAX_FILE: u64 = 16 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use std::fs;

    use http::HeaderMap;

    use super::*;

    #[test]
    fn a_listed_token_is_its_account() {
        let list = parse(&file(&[("bot-token", "1043")])).unwrap();
        let account = list.account("bot-token").unwrap();
        assert_eq!((account.id.as_str(), account.roles.as_slice()), ("1043", &["admin".to_owned()][..]));
        assert_eq!(account.groups, ["bots"]);
        assert!(list.account("bot-token ").is_none() && list.account("").is_none());
    }

    #[test]
    fn every_problem_is_told_with_its_line_and_no_value() {
        let text = file(&[("a", "one"), ("b", "\"\""), ("a", "two")]) + "- { sha256: short, account: x }\n";
        let problems = parse(&text).unwrap_err();
        let expected = [
            (Some(2), "`account` of entry 2 is empty".to_owned()),
            (Some(3), "the token of entry 3 is listed twice".to_owned()),
            (Some(4), "`sha256` of entry 4 is not 64 hexadecimal digits".to_owned()),
        ];
        assert_eq!(problems, expected);
    }

    #[test]
    fn what_is_no_list_of_tokens_is_refused_without_quoting_it() {
        assert_eq!(parse("[]").unwrap_err(), [(None, "the list is empty".to_owned())]);
        let problems = parse("- { sha256: a, account: b }\n- { sha265: a, account: b }\n").unwrap_err();
        assert_eq!(problems[0].0, Some(2));
        assert!(problems[0].1.contains("sha265"), "{problems:?}");
        let problems = parse("my-secret-token").unwrap_err();
        assert!(!problems[0].1.contains("my-secret"), "{problems:?}");
        assert!(
            parse("- { sha256: \"x\", account: [hunter2] }")
                .is_err_and(|found| !found[0].1.contains("hunter2"))
        );
    }

    #[test]
    fn a_reload_changes_nothing_until_it_is_applied() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tokens.yaml");
        fs::write(&path, file(&[("old", "a")])).unwrap();
        let settings = TokensSettings { file: "tokens.yaml".into(), from: None };
        let source = Arc::new(Tokens::new(&settings, &mut Problems::new(dir.path())).unwrap());
        let known = |token: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("authorization", format!("Bearer {token}").parse().unwrap());
            !source.find(&mut Credentials::new(&headers, None)).unwrap().is_empty()
        };
        fs::write(&path, file(&[("new", "a")])).unwrap();
        let reload = TokensReload::read(std::slice::from_ref(&source)).unwrap();
        assert!(known("old") && !known("new"));
        reload.apply();
        assert!(!known("old") && known("new"));
        fs::write(&path, "- {}").unwrap();
        let errors = TokensReload::read(std::slice::from_ref(&source)).unwrap_err();
        assert!(errors[0].message == "tokens.yaml:1: .[0]: missing field `sha256`", "{errors:?}");
        assert!(known("new"));
    }

    fn file(tokens: &[(&str, &str)]) -> String {
        let entry = |(token, account): &(&str, &str)| {
            let digest: String = Sha256::digest(token).iter().map(|byte| format!("{byte:02x}")).collect();
            format!("- {{ sha256: {digest}, account: {account}, role: admin, groups: [bots], note: n }}\n")
        };
        tokens.iter().map(entry).collect()
    }
}
