//! Tables in CSV: drawn ones against a reader and writer of another kind, and the corpus.

use std::sync::Arc;

use chatwarden_redact::{AliasKey, Class, Display, Format, Limits, Plan, Redactor, fuzz_csv, mask};
use proptest::{collection::vec, prelude::*, sample::select};

use crate::corpus;

#[test]
fn the_corpus_of_tables_and_its_mutations_hold_what_must_hold() {
    corpus::holds("csv", 4_000, fuzz_csv);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn a_table_is_the_same_but_for_the_cells_of_declared_columns(
        columns in vec(select(vec!["Phone", " e-MAIL ", "id", "Client", "note", "phone"]), 1..6),
        rows in vec(vec(cell(), 6), 0..8),
        delimiter in select(vec![',', ';', '\t']),
        end in select(vec!["\n", "\r\n", "\r"]),
        quotes: u64,
        display in select(vec![Display::Alias, Display::Partial, Display::Hidden]),
        cuts in vec(1_usize..30, 1..10),
    ) {
        prop_assume!(columns.iter().any(|name| class(name).is_some()));
        // A header of one column does not say what would separate others.
        let delimiter = if columns.len() == 1 { ',' } else { delimiter };
        let key = AliasKey::new(&[7; 32]).unwrap();
        let plan = Plan::builder().column("phone", Class::Phone).column("E-mail", Class::Email);
        let plan = plan.column("client", Class::Name);
        let plan = Class::ALL.into_iter().fold(plan, |plan, class| plan.display(class, display));
        let plan = Arc::new(plan.build(&key).unwrap());

        let rows: Vec<Vec<String>> = rows.into_iter().map(|row| row[..columns.len()].to_vec()).collect();
        let header = columns.iter().map(|name| (*name).to_owned()).collect();
        let table = spell(&[&[header][..], &rows].concat(), delimiter, end, quotes);
        let shown = |(name, cell): (&&str, &String)| match class(name) {
            Some(class) => mask(class, display, cell, &key),
            None => cell.clone(),
        };
        let expected: Vec<Vec<String>> =
            rows.iter().map(|row| columns.iter().zip(row).map(shown).collect()).collect();

        let out = redact(&plan, table.as_bytes(), &cuts);
        prop_assert_eq!(&redact(&plan, table.as_bytes(), &[1]), &out, "byte by byte");
        prop_assert_eq!(&redact(&plan, table.as_bytes(), &[table.len()]), &out, "whole");
        let out = String::from_utf8(out)?;
        prop_assert_eq!(&read(&out, delimiter)[1..], &expected, "{:?}", out);
        if expected == rows {
            prop_assert_eq!(out, table);
        }
    }
}

fn class(name: &str) -> Option<Class> {
    match name.trim().to_lowercase().as_str() {
        "phone" => Some(Class::Phone),
        "e-mail" => Some(Class::Email),
        "client" => Some(Class::Name),
        _ => None,
    }
}

/// Anything but what begins as JSON does.
fn cell() -> impl Strategy<Value = String> {
    let letters = vec(select("aZ7+-@. ,;\t\"\r\n'=é😀".chars().collect::<Vec<_>>()), 0..12);
    letters
        .prop_map(|letters| letters.into_iter().collect::<String>())
        .prop_filter("JSON", |cell| !cell.trim_start().starts_with('"'))
}

/// Writes as everybody does: quotes where they have to be, and now and then elsewhere.
fn spell(rows: &[Vec<String>], delimiter: char, end: &str, mut quotes: u64) -> String {
    let mut table = String::new();
    for row in rows {
        for (place, cell) in row.iter().enumerate() {
            if place > 0 {
                table.push(delimiter);
            }
            quotes = quotes.rotate_left(7);
            let is_alone = row.len() == 1 && cell.is_empty();
            if quotes.is_multiple_of(3) || is_alone || cell.contains([delimiter, '"', '\r', '\n']) {
                table.push('"');
                table.push_str(&cell.replace('"', "\"\""));
                table.push('"');
            } else {
                table.push_str(cell);
            }
        }
        table.push_str(end);
    }
    table
}

/// Reads character by character, into cells.
fn read(table: &str, delimiter: char) -> Vec<Vec<String>> {
    let mut rows = vec![];
    let mut row = vec![];
    let mut cell = String::new();
    let mut is_quoted = false;
    let mut characters = table.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' if is_quoted && characters.peek() == Some(&'"') => {
                characters.next();
                cell.push('"');
            }
            '"' => is_quoted = !is_quoted,
            _ if is_quoted => cell.push(character),
            '\r' | '\n' => {
                if character == '\r' && characters.peek() == Some(&'\n') {
                    characters.next();
                }
                row.push(std::mem::take(&mut cell));
                rows.push(std::mem::take(&mut row));
            }
            _ if character == delimiter => row.push(std::mem::take(&mut cell)),
            _ => cell.push(character),
        }
    }
    rows
}

/// Redacts in chunks of these lengths, over and over.
fn redact(plan: &Arc<Plan>, table: &[u8], cuts: &[usize]) -> Vec<u8> {
    let mut redactor = Redactor::new(Arc::clone(plan), Format::Csv, Limits::default());
    let mut out = Vec::new();
    let mut rest = table;
    for &cut in cuts.iter().cycle() {
        let (chunk, later) = rest.split_at(cut.min(rest.len()));
        redactor.write(chunk, &mut out).unwrap();
        rest = later;
        if rest.is_empty() {
            break;
        }
    }
    redactor.finish(&mut out).unwrap();
    out
}
