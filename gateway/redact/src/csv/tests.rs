//! Tests of tables: declared columns in each dialect, shifted records, every cut.

use super::*;
use crate::{AliasKey, Class, Display, Format, PlanBuilder, Redactor, Selector};

fn contacts() -> PlanBuilder {
    let columns = Plan::builder().column("Phone", Class::Phone).column(" E-mail ", Class::Email);
    let columns = columns.column("Телефон", Class::Phone).column("a;b", Class::Name);
    let plan = columns.field(Class::Phone, &Selector::parse("$..phone").unwrap());
    Class::ALL.into_iter().fold(plan, |plan, class| plan.display(class, Display::Hidden))
}

/// Redacts whole and in pieces of several sizes.
fn redact_under(plan: PlanBuilder, limits: Limits, table: &[u8]) -> Result<(String, u64), RedactError> {
    let plan = Arc::new(plan.build(&AliasKey::new(&[7; 32]).unwrap()).unwrap());
    let mut outcomes = [table.len().max(1), 1, 2, 3, 7].map(|size| {
        let mut redactor = Redactor::new(Arc::clone(&plan), Format::Csv, limits);
        let mut out = Vec::new();
        let written = table.chunks(size).try_for_each(|chunk| redactor.write(chunk, &mut out));
        let offset = redactor.offset();
        let result = written.and_then(|()| redactor.finish(&mut out));
        (String::from_utf8(out).unwrap(), offset, result)
    });
    let whole = std::mem::take(&mut outcomes[0].0);
    let (offset, result) = (outcomes[0].1, outcomes[0].2);
    for (out, other_offset, other_result) in &outcomes[1..] {
        assert_eq!((out, *other_offset, *other_result), (&whole, offset, result), "{}", table.escape_ascii());
    }
    result.map(|summary| (whole, summary.total()))
}

fn redact(table: &str) -> Result<String, RedactError> {
    redact_under(contacts(), Limits::default(), table.as_bytes()).map(|(out, _)| out)
}

#[test]
fn declared_columns_are_hidden_and_the_rest_leaves_as_it_came() {
    let cases = [
        // What separates fields, by the header.
        ("id,phone\n1,+37061234567\n", "id,phone\n1,hidden\n"),
        ("id;phone\n1;+37061234567\n", "id;phone\n1;hidden\n"),
        ("id\tphone\n1\t+37061234567\n", "id\tphone\n1\thidden\n"),
        ("name, first;phone\nKovalenko, Anna;1\n", "name, first;phone\nKovalenko, Anna;hidden\n"),
        ("\"a;b\",phone\n1,2\n", "\"a;b\",phone\nhidden,hidden\n"),
        ("phone\n1,2\n", "phone\nhidden,hidden\n"),
        ("sep=|\nid|phone\n1|2\n", "sep=|\nid|phone\n1|hidden\n"),
        ("\"sep=;\"\r\nid,x;phone\r\n1;2\r\n", "\"sep=;\"\r\nid,x;phone\r\n1;hidden\r\n"),
        // Names of columns.
        ("PHONE , e-Mail\n1,2\n", "PHONE , e-Mail\nhidden,hidden@client.invalid\n"),
        ("\"Phone\",\"id\"\n1,2\n", "\"Phone\",\"id\"\nhidden,2\n"),
        ("id,ТЕЛЕФОН\n1,2\n", "id,ТЕЛЕФОН\n1,hidden\n"),
        ("phone,id,phone\n1,2,3\n", "phone,id,phone\nhidden,2,hidden\n"),
        ("\u{feff}phone,id\n1,2\n", "\u{feff}phone,id\nhidden,2\n"),
        ("\u{feff}sep=,\nphone,id\n1,2\n", "\u{feff}sep=,\nphone,id\nhidden,2\n"),
        ("\n\r\nphone,id\n1,2\n", "\n\r\nphone,id\nhidden,2\n"),
        ("\"pho\nne\",phone\n1,2\n", "\"pho\nne\",phone\n1,hidden\n"),
        // Ends of lines.
        ("id,phone\r\n1,2\r\n3,4", "id,phone\r\n1,hidden\r\n3,hidden"),
        ("id,phone\r1,2\r3,4\r", "id,phone\r1,hidden\r3,hidden\r"),
        ("id,phone\n1,2\r\n3,4\n", "id,phone\n1,hidden\r\n3,hidden\n"),
        ("id,phone\n1,2\r", "id,phone\n1,hidden\r"),
        ("id,phone\n\n1,2\n\r\n\n", "id,phone\n\n1,hidden\n\r\n\n"),
        ("id,phone", "id,phone"),
        ("id,phone\r\n", "id,phone\r\n"),
        // Quotes.
        ("id,phone\n1,\"2\"\n", "id,phone\n1,\"hidden\"\n"),
        ("id,phone\n\"1,\"\"x\",\"2\n,\"\"3\"\n4,5\n", "id,phone\n\"1,\"\"x\",\"hidden\"\n4,hidden\n"),
        ("id,phone\n\"\",\"\"\n,\n", "id,phone\n\"\",\"\"\n,\n"),
        ("id,phone\n1, 2 \n", "id,phone\n1,hidden\n"),
        ("phone,x\n=1+2,\" y\"\n", "phone,x\nhidden,\" y\"\n"),
        // JSON in fields that are not declared.
        (
            "id,phone,data\n1,2,\"{\"\"phone\"\": \"\"3\"\", \"\"x\"\": 4}\"\n",
            "id,phone,data\n1,hidden,\"{\"\"phone\"\": \"\"hidden\"\", \"\"x\"\": 4}\"\n",
        ),
        ("phone;data\n1;[{\"x\":2}]", "malformed"),
        ("phone;data\n1;[photo]", "phone;data\nhidden;[photo]"),
        ("phone;data\n1;{phone:2}", "phone;data\nhidden;hidden"),
        ("phone,data\n1,\"{\"\"x\"\":2}\"", "phone,data\nhidden,\"{\"\"x\"\":2}\""),
        ("", ""),
        ("\n", "\n"),
    ];
    for (table, expected) in cases {
        match expected {
            "malformed" => assert_eq!(redact(table), Err(RedactError::MalformedTable), "{table}"),
            _ => assert_eq!(redact(table).as_deref(), Ok(expected), "{table}"),
        }
    }
}

#[test]
fn a_masked_value_is_quoted_if_it_has_to_be() {
    let plan = || Plan::builder().column("name", Class::Name).display(Class::Name, Display::Alias);
    let (out, hidden) = redact_under(plan(), Limits::default(), b"name,x\nAnna,1\n\"Anna\",2\n").unwrap();
    let cells: Vec<_> = out.lines().skip(1).map(|line| line.rsplit_once(',').unwrap().0).collect();
    assert_eq!(hidden, 2);
    assert_eq!(format!("\"{}\"", cells[0]), cells[1]);
    // An alias holds a `-`, and here that separates.
    let (out, _) = redact_under(plan(), Limits::default(), b"sep=-\nname-x\nAnna-1\n").unwrap();
    assert_eq!(out, format!("sep=-\nname-x\n\"{}\"-1\n", cells[0]));
}

#[test]
fn a_record_of_another_shape_than_the_header_shows_nothing() {
    let cases = [
        ("id,name,phone\n1,Smith, John,+370\n", "id,name,phone\nhidden,hidden,hidden,hidden\n"),
        ("id,name,phone\n1,Jo\nhn,+370\n", "id,name,phone\nhidden,hidden\nhidden,hidden\n"),
        ("id,name,phone\n1,Jo\rhn,+370\n2,x,3\n", "id,name,phone\nhidden,hidden,hidden\n2,x,hidden\n"),
        ("id,name,phone\r1,Jo\nhn,+370\r2,x,3\r", "id,name,phone\rhidden,hidden,hidden\r2,x,hidden\r"),
        ("id,phone\n1,,\"\",x\n", "id,phone\nhidden,,,hidden\n"),
        ("id,phone\n1\n", "id,phone\nhidden\n"),
        ("id,phone\n1,\"a\"\r\n2,\"b\"\rc,\n", "id,phone\n1,\"hidden\"\r\nhidden,hidden,\n"),
        ("id,phone\n\"1,\"\"x\",2,\"3\n\"\n", "id,phone\nhidden,hidden,hidden\n"),
    ];
    for (table, expected) in cases {
        assert_eq!(redact(table).as_deref(), Ok(expected), "{table}");
    }
}

#[test]
fn a_record_that_is_too_long_shows_nothing() {
    let limits = Limits { held_object: 20, ..Limits::default() };
    let cases = [
        ("id,phone\n1,345678901234567890\n", "id,phone\n1,hidden\n"),
        ("id,phone\n1,345678901234567890\r\n", "id,phone\n1,hidden\r\n"),
        ("id,phone\n1,3456789012345678901\n2,3\n", "id,phone\nhidden,hidden\n2,hidden\n"),
        ("id,phone\n1,3456789012345678901\r\n2,3\n", "id,phone\nhidden,hidden\r\n2,hidden\n"),
        ("id,phone\n1,\"a,\n\"\"aaaaaaaaaaaaaaaaaaaaaaaaa\",,\r\n", "id,phone\nhidden,hidden,,\r\n"),
        ("id,phone\n1,aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "id,phone\nhidden,hidden"),
        ("id,phone\n,,,,,,,,,,,,,,,,,,,,,,,,,x,,\r\n", "id,phone\n,,,,,,,,,,,,,,,,,,,,,,,,,hidden,,\r\n"),
    ];
    for (table, expected) in cases {
        let out = redact_under(contacts(), limits, table.as_bytes()).map(|(out, _)| out);
        assert_eq!(out.as_deref(), Ok(expected), "{table}");
    }
    let limits = Limits { value_bytes: 4, ..Limits::default() };
    let plan = || Plan::builder().column("name", Class::Name);
    let (out, _) = redact_under(plan(), limits, b"name,x\nAnnaa,1\n").unwrap();
    assert_eq!(out, "name,x\nhidden,1\n");
}

#[test]
fn what_cannot_be_read_is_refused() {
    use RedactError::{MalformedTable, NoDeclaredColumn, TableHeadTooLong, Truncated, WrongCharset};
    let long = format!("phone,{}\n", "x".repeat(70_000));
    let cases: [(&[u8], RedactError); 17] = [
        (b"id,phone\n1,2\"3\n", MalformedTable),
        (b"id,phone\n1, \"2\"\n", MalformedTable),
        (b"id,phone\n1,\"2\"3\n", MalformedTable),
        (b"id,phone\n1,\"2\" \n", MalformedTable),
        (b"id,phone\n1\n\r\"2\"\n", MalformedTable),
        (b"id,pho\"ne\"\n", MalformedTable),
        (b"id,\"phone\"x\n", MalformedTable),
        (b"\"a\" \"b\",phone\n", MalformedTable),
        (b"id,phone\n1,\"2", Truncated),
        (b"id,\"phone", Truncated),
        (b"id,name\n1,2\n", NoDeclaredColumn),
        (b"id", NoDeclaredColumn),
        (b"\xff\xfei\0d\0", WrongCharset),
        (b"\xfe\xff\0i\0d", WrongCharset),
        (b"i\0d\0\n\0", WrongCharset),
        (b"\xd2\xe5\xeb,phone\n1,2\n", WrongCharset),
        (long.as_bytes(), TableHeadTooLong),
    ];
    for (table, expected) in cases {
        let result = redact_under(contacts(), Limits::default(), table);
        assert_eq!(result, Err(expected), "{}", table.escape_ascii());
    }
}

#[test]
fn a_table_in_an_older_charset_is_redacted_all_the_same() {
    let plan = Arc::new(contacts().build(&AliasKey::new(&[7; 32]).unwrap()).unwrap());
    let mut redactor = Redactor::new(plan, Format::Csv, Limits::default());
    let mut out = Vec::new();
    redactor.write(b"phone,city\n\xcf\xb8,\xcc\xee\xf1\n", &mut out).unwrap();
    redactor.finish(&mut out).unwrap();
    assert_eq!(out, b"phone,city\nhidden,\xcc\xee\xf1\n");
}

#[test]
fn without_a_declared_column_every_cell_is_free_text() {
    let table = "who,said,id\nAnna,call +370 612 34507 today,20240131\n\"a@example.com\",\"no, \"\"x\"\"\"\n";
    let (out, hidden) = redact_under(contacts().patterns(true), Limits::default(), table.as_bytes()).unwrap();
    assert_eq!(
        out,
        "who,said,id\nAnna,call hidden today,20240131\n\"hidden@client.invalid\",\"no, \"\"x\"\"\"\n"
    );
    assert_eq!(hidden, 2);
    // It may be a table without a header.
    let table = "Anna,+37061234507\n";
    let (out, _) = redact_under(contacts().patterns(true), Limits::default(), table.as_bytes()).unwrap();
    assert_eq!(out, "Anna,hidden\n");
    // A plan that hides nothing refuses nothing.
    let (out, _) = redact_under(Plan::builder(), Limits::default(), table.as_bytes()).unwrap();
    assert_eq!(out, table);
}

#[test]
fn copies_of_a_hidden_value_are_hidden_in_the_other_columns() {
    let table = "note,phone\n\"Anna, 370 61 234 507\",+37061234507\ncall +37061234507,\n";
    let (out, _) = redact_under(contacts().copies(true), Limits::default(), table.as_bytes()).unwrap();
    assert!(!out.contains("234"), "{out}");
}

#[test]
fn a_long_table_is_not_held() {
    let plan = Arc::new(contacts().build(&AliasKey::new(&[7; 32]).unwrap()).unwrap());
    let mut rewriter = Rewriter::new(plan, Limits::default());
    let mut out = Vec::new();
    rewriter.write(b"id,phone\n", &mut out).unwrap();
    for piece in ["1,2\n", "\"", "x,\n", "1,", "\"y", "\"\""] {
        for _ in 0..100 {
            rewriter.write(piece.repeat(500).as_bytes(), &mut out).ok();
            assert!(rewriter.held.capacity() <= 3 * rewriter.limits.held_object);
        }
    }
}
