//! A committed corpus and seeded mutations of it, for the bodies of fuzz targets.

use std::{fs, path::Path};

use crate::random::Random;

/// Runs a fuzz body over a corpus of `tests/corpus` and over mutations of it.
pub(crate) fn run(corpus: &str, tokens: &[&[u8]], rounds: usize, body: fn(&[u8])) {
    let corpus = read(corpus);
    for (name, data) in &corpus {
        println!("{name}");
        body(data);
    }
    let mut random = Random::new(0x5eed);
    for round in 0..rounds {
        let mut data = random.pick(&corpus).1.clone();
        for _ in 0..=random.below(4) {
            mutate(&mut data, &corpus, tokens, &mut random);
        }
        println!("round {round}: {}", data.escape_ascii());
        body(&data);
    }
}

fn read(corpus: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus").join(corpus);
    let mut corpus: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read(&path).unwrap())
        })
        .collect();
    corpus.sort();
    assert!(corpus.len() >= 10, "the corpus is in the tree");
    corpus
}

fn mutate(data: &mut Vec<u8>, corpus: &[(String, Vec<u8>)], tokens: &[&[u8]], random: &mut Random) {
    let at = random.below(data.len() + 1);
    match random.below(7) {
        0 => data.truncate(at),
        1 | 2 => {
            let token = *random.pick(tokens);
            data.splice(at..at, token.iter().copied());
        }
        3 => {
            let end = at + random.below(data.len() - at + 1).min(8);
            data.drain(at..end);
        }
        4 => {
            let other = &random.pick(corpus).1;
            let from = random.below(other.len());
            data.truncate(at);
            data.extend_from_slice(&other[from..]);
        }
        5 => {
            let end = at + random.below(data.len() - at + 1);
            let copy = data[at..end].to_vec();
            data.splice(at..at, copy);
        }
        _ => {
            if let Some(byte) = data.get_mut(at) {
                *byte ^= 1 << random.below(8);
            }
        }
    }
    data.truncate(2048);
}
