//! Rules about the tree itself: what imports what, what must stand beside what, what is generated and committed.
//!
//! A failure here says which file breaks which habit, and where a page is made by a command, which one.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use chatwarden::{
    cli::schema,
    clock::Clock,
    config::{self, Config},
    generation::{self, PolicyCompiler},
    keys::Aliases,
    profiles,
    reload::examine,
};
use chatwarden_policy::{profile, reason::Reason, rules};
use chatwarden_redact::AliasKey;
use jiff::civil::date;
use rules::Kind;

#[test]
fn imports_point_one_way() {
    let pure = ["pingora", "tokio", "hyper", "axum", "std::fs", "std::net::Tcp", "std::net::Udp", "std::env"];
    for (room, above) in
        [("redact", ["chatwarden_policy", "chatwarden::"].as_slice()), ("policy", &["chatwarden::"])]
    {
        let sources = rust_files(&root().join("gateway").join(room).join("src"));
        assert!(sources.len() > 10, "{room} was not found");
        for file in sources.iter().filter(|file| !is_test(file)) {
            for (number, line) in code_lines(file) {
                let found = pure.iter().chain(above).find(|word| line.contains(**word));
                assert!(found.is_none(), "{}:{number} names {found:?}", shown(file));
            }
        }
        let manifest = read(&root().join("gateway").join(room).join("Cargo.toml"));
        let dependencies =
            manifest.split("[dependencies]").nth(1).and_then(|rest| rest.split("\n[").next()).unwrap();
        let names: Vec<&str> =
            dependencies.lines().filter_map(|line| line.split(['.', ' ']).next()).collect();
        for name in ["pingora", "tokio", "hyper", "axum", "rusqlite", "chatwarden"] {
            assert!(!names.contains(&name), "{room} depends on {name}");
        }
        assert!(room == "policy" || !names.contains(&"chatwarden-policy"), "redact depends on policy");
    }
}

#[test]
fn every_source_file_says_what_it_is_for() {
    for file in all_rust_files() {
        let opens = read(&file).lines().find(|line| !line.trim().is_empty()).map(str::to_owned);
        let opens = opens.unwrap_or_default();
        assert!(opens.starts_with("//! ") && opens.len() > 12, "{} does not open with `//!`", shown(&file));
    }
}

#[test]
fn no_source_file_outgrows_its_reader() {
    for file in all_rust_files() {
        let lines = read(&file).lines().count();
        assert!(lines <= 800, "{} has {lines} lines: split it", shown(&file));
    }
}

#[test]
fn a_folders_root_is_mod_rs() {
    for file in all_rust_files().into_iter().filter(|file| !file.ends_with("tests.rs")) {
        let folder = file.with_extension("");
        let inner = fs::read_dir(&folder).into_iter().flatten().filter_map(Result::ok);
        let others =
            inner.filter(|entry| entry.path().extension().is_some_and(|extension| extension == "rs"));
        let others: Vec<_> =
            others.map(|entry| entry.file_name()).filter(|name| name != "tests.rs").collect();
        assert!(
            others.is_empty(),
            "{} has modules in a folder: it is {}/mod.rs",
            shown(&file),
            shown(&folder)
        );
    }
}

/// STYLE: a rule kind has one noun, and that noun names everything that belongs to it.
#[test]
fn a_rule_kind_has_its_module_file_cases_and_page() {
    let page = read(&root().join("docs/rules.md"));
    for kind in Kind::ALL {
        let exists = |path: String| assert!(root().join(&path).exists(), "{kind}: there is no {path}");
        exists(format!("gateway/policy/src/rules/{}.rs", kind.name().replace('-', "_")));
        exists(format!("rules/{}", kind.file_name()));
        exists(format!("rules/.schema/{kind}.schema.json"));
        exists(format!("tests/cases/{kind}"));
        exists(format!("tests/cases/check/{kind}"));
        let section = page.lines().any(|line| line.starts_with("## ") && line.contains(kind.file_name()));
        assert!(section, "docs/rules.md has no section `## {}`", kind.file_name());
    }
    let shipped: BTreeSet<String> =
        names(&root().join("rules")).filter(|name| rules::is_rule_file(name)).collect();
    let known: BTreeSet<String> = Kind::ALL.iter().map(|kind| kind.file_name().to_owned()).collect();
    assert_eq!(shipped, known, "rules/ ships a file of no kind");
}

#[test]
fn every_bundled_profile_stands_in_profiles() {
    let shipped: Vec<String> = names(&root().join("profiles")).collect();
    assert!(!shipped.is_empty());
    for name in shipped {
        let text = read(&root().join("profiles").join(&name));
        let bundled = name.strip_suffix(".yaml").and_then(profiles::bundled);
        assert_eq!(bundled, Some(text.as_str()), "profiles/{name} is not what the binary brings along");
    }
}

#[test]
fn rule_files_name_their_schema_and_carry_examples() {
    for kind in Kind::ALL {
        let text = read(&root().join("rules").join(kind.file_name()));
        let first = format!("# yaml-language-server: $schema=.schema/{kind}.schema.json");
        assert_eq!(text.lines().next(), Some(&*first), "{}", kind.file_name());
        let takes_examples = kind.schema().pointer("/properties/examples").is_some();
        let has_examples = text.lines().any(|line| line.starts_with("examples:"));
        assert_eq!(has_examples, takes_examples, "{}: `examples:`", kind.file_name());
    }
}

#[test]
fn committed_schemas_are_those_that_the_gateway_makes() {
    let directory = root().join("rules/.schema");
    let mut made = BTreeSet::new();
    for (name, shape) in schema::all() {
        let file = format!("{name}.schema.json");
        let text = schema::text(name, shape).unwrap_or_else(|_| panic!("{name} has no schema"));
        let committed = fs::read_to_string(directory.join(&file)).unwrap_or_default();
        assert!(
            committed == text,
            "rules/.schema/{file} is stale: run `cargo run -- schema --dir rules/.schema`"
        );
        made.insert(file);
    }
    assert_eq!(
        names(&directory).collect::<BTreeSet<_>>(),
        made,
        "rules/.schema holds a file that nothing makes"
    );
}

#[test]
fn every_reason_stands_in_its_page() {
    let mut page = String::from(
        "# Reasons of refusals\n\n\
         Every refusal names its reason: the code stands in the response header `x-chatwarden-reason`, in the log, in\n\
         the action log and in the metrics. Which rule decided, with file and line, is told to the log and the action\n\
         log alone. Codes are never renamed and never used for something else.\n\n\
         | Code | Status | What whoever is refused reads |\n|---|---|---|\n",
    );
    for reason in Reason::ALL {
        page.push_str(&format!("| `{}` | {} | {} |\n", reason.code(), reason.status(), reason.words()));
    }
    same_page("docs/reasons.md", &page);
}

#[test]
fn every_diagnostic_stands_in_its_page() {
    let mut page = String::from(
        "# Diagnostics\n\n\
         What `chatwarden check`, the log and `/status` say of files that are not right. A diagnostic has a code, the\n\
         place as file:line:column, one sentence, the line of the file, and help. The codes are never renamed and never\n\
         used for something else.\n",
    );
    let mut known = BTreeSet::new();
    for (title, codes) in
        [("Rule files", rules::CODES), ("Profiles", profile::CODES), ("config.yaml", config::CODES)]
    {
        page.push_str(&format!("\n## {title}\n\n| Code | What was found |\n|---|---|\n"));
        for (code, meaning) in codes {
            assert!(
                code.bytes().all(|b| b == b'-' || b.is_ascii_lowercase() || b.is_ascii_digit()),
                "{code}"
            );
            assert!(known.insert(*code), "{code} stands in two registries");
            page.push_str(&format!("| `{code}` | {meaning} |\n"));
        }
    }
    same_page("docs/diagnostics.md", &page);
    for (code, file) in told_codes() {
        assert!(known.contains(&*code), "{file} tells `{code}`, which no registry names");
    }
}

#[test]
fn shipped_files_pass_check_without_a_word() {
    let place = tempfile::tempdir().unwrap();
    copy_tree(&root().join("rules"), &place.path().join("rules"));
    copy_tree(&root().join("profiles"), &place.path().join("profiles"));
    fs::copy(root().join("config.yaml"), place.path().join("config.yaml")).unwrap();
    let config =
        Config::load(&place.path().join("config.yaml")).unwrap_or_else(|problems| panic!("{problems:?}"));
    let key = AliasKey::new(&[7; AliasKey::MIN_BYTES]).unwrap();
    let sources = generation::sources(&config);
    let compiler =
        PolicyCompiler::new(Arc::new(config), Aliases::unkept(key), Clock::fixed(date(2026, 11, 22)));
    match examine(&compiler, &sources, &[]) {
        Ok((_, told, _)) => assert!(told.is_empty(), "{told:?}"),
        Err(told) => panic!("{told:?}"),
    }
}

#[test]
fn nothing_names_a_place_on_the_machine_it_was_made_on() {
    let here = root().display().to_string();
    // Put together here, or this file would name them.
    let places = ["home", "Users", "root", "work"].map(|top| format!("/{top}/"));
    for file in all_files() {
        let Ok(text) = String::from_utf8(fs::read(&file).unwrap()) else { continue };
        for (number, line) in text.lines().enumerate() {
            let words = || line.split(|c: char| c.is_whitespace() || "\"'`()=<>[],;".contains(c));
            let found = words().find(|word| places.iter().any(|place| word.starts_with(place.as_str())));
            assert!(found.is_none() && !line.contains(&here), "{}:{}: {line}", shown(&file), number + 1);
        }
    }
}

/// Compares a page with what it must say; with `UPDATE=1` in the environment it is written instead.
fn same_page(path: &str, page: &str) {
    if std::env::var_os("UPDATE").is_some() {
        fs::create_dir_all(root().join("docs")).unwrap();
        fs::write(root().join(path), page).unwrap();
    }
    let committed = fs::read_to_string(root().join(path)).unwrap_or_default();
    assert!(committed == page, "{path} is stale: run `UPDATE=1 cargo test --test gateway tree::`");
}

/// The codes of the diagnostics that sources make: first arguments that are literals.
fn told_codes() -> Vec<(String, String)> {
    let mut told = Vec::new();
    for file in rust_files(&root().join("gateway")).into_iter().filter(|file| !is_test(file)) {
        let text: String = code_lines(&file).into_iter().map(|(_, line)| line + "\n").collect();
        for call in
            ["node.error(", ".error_at(", ".warning(", "Diagnostic::about(", "value.error(", "file.error("]
        {
            for argument in text.split(call).skip(1) {
                let literal = argument.trim_start().strip_prefix('"').and_then(|rest| rest.split_once('"'));
                if let Some((code, _)) = literal
                    .filter(|(code, rest)| rest.starts_with(',') && code.contains('-') && !code.contains(' '))
                {
                    told.push((code.to_owned(), shown(&file)));
                }
            }
        }
    }
    assert!(told.len() > 40, "codes are told in another way now: {told:?}");
    told
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn shown(file: &Path) -> String {
    file.strip_prefix(root()).unwrap_or(file).display().to_string()
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", shown(file)))
}

fn names(directory: &Path) -> impl Iterator<Item = String> {
    let entries = fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", shown(directory)));
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap())
}

/// Files of the tree; not what is built or run in it.
fn all_files() -> Vec<PathBuf> {
    let mut files = Vec::new();
    for name in names(&root()).filter(|name| !NOT_OURS.contains(&name.as_str())) {
        walk(&root().join(name), &mut files);
    }
    files
}

const NOT_OURS: [&str; 4] = [".git", "target", "state", "chatwarden-demo"];

fn all_rust_files() -> Vec<PathBuf> {
    let files: Vec<PathBuf> = all_files().into_iter().filter(|file| is_rust(file)).collect();
    assert!(files.len() > 100, "the tree was not found");
    files
}

fn rust_files(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    walk(directory, &mut files);
    files.retain(|file| is_rust(file));
    files
}

fn is_rust(file: &Path) -> bool {
    file.extension().is_some_and(|extension| extension == "rs")
}

/// Tests read files, and quote what they forbid.
fn is_test(file: &Path) -> bool {
    file.file_stem().is_some_and(|stem| stem == "tests")
        || file.components().any(|part| part.as_os_str() == "tests")
}

/// The lines before a file's own tests, without comments.
fn code_lines(file: &Path) -> Vec<(usize, String)> {
    let text = read(file);
    let code = text.lines().enumerate().take_while(|(_, line)| line.trim() != "mod tests {");
    code.filter(|(_, line)| !line.trim_start().starts_with("//"))
        .map(|(at, line)| (at + 1, line.to_owned()))
        .collect()
}

fn walk(path: &Path, files: &mut Vec<PathBuf>) {
    if path.is_dir() && !path.ends_with("fuzz/target") {
        for name in names(path) {
            walk(&path.join(name), files);
        }
    } else if path.is_file() {
        files.push(path.to_owned());
    }
}

fn copy_tree(from: &Path, to: &Path) {
    let mut files = Vec::new();
    walk(from, &mut files);
    for file in files {
        let copy = to.join(file.strip_prefix(from).unwrap());
        fs::create_dir_all(copy.parent().unwrap()).unwrap();
        fs::copy(&file, copy).unwrap();
    }
}
