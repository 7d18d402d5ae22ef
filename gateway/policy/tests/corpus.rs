//! The bodies of the fuzz targets over the committed corpus, and over what is left of it when it is cut or damaged.
//!
//! A body asserts what must hold of any bytes; a panic is a finding. What cargo-fuzz finds is committed to the corpus.
#![expect(clippy::disallowed_methods, reason = "tests read their fixtures")]
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
#![expect(clippy::print_stdout, reason = "a failed test shows the input it failed on")]

use std::{fs, path::Path};

use chatwarden_policy::{
    csp::fuzz_csp, multipart::fuzz_multipart, path::fuzz_path, recipients::fuzz_recipients,
    route::fuzz_route, yaml::fuzz_yaml,
};

#[test]
fn the_corpus_of_paths_holds_what_must_hold() {
    check("path", fuzz_path);
}

#[test]
fn the_corpus_of_routes_holds_what_must_hold() {
    check("route", fuzz_route);
}

#[test]
fn the_corpus_of_multipart_bodies_holds_what_must_hold() {
    check("multipart", fuzz_multipart);
}

#[test]
fn the_corpus_of_recipients_holds_what_must_hold() {
    check("recipients", fuzz_recipients);
}

#[test]
fn the_corpus_of_content_security_policies_holds_what_must_hold() {
    check("csp", fuzz_csp);
}

#[test]
fn the_corpus_of_yaml_holds_what_must_hold() {
    check("yaml", fuzz_yaml);
}

/// Runs a body over each file as it is, cut after every byte, and with every byte replaced by one that has a meaning.
fn check(name: &str, body: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus").join(name);
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() > 5, "the corpus is in the tree");
    for file in files {
        println!("{}", file.display());
        let whole = fs::read(file).unwrap();
        for end in 0..=whole.len() {
            body(&whole[..end]);
        }
        for at in 0..whole.len() {
            for byte in *b"\0\n \"%&;@\xff" {
                let mut damaged = whole.clone();
                damaged[at] = byte;
                body(&damaged);
            }
        }
    }
}
