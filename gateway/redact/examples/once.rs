//! One way of redaction, so often and nothing else: what benches/instructions.sh counts the instructions of.
//!
//!     once <way> <document> <repeats>
//!
//! Ways: constants, aliases, no-such-key, nothing, serde, scan, memcpy; for a `page`, as the gateway has it, fields (aliases
//! that a vault keeps), copies (these, and copies of values that are known), copies-anew (of ones that are not). A document is one of benches/documents.rs or the
//! path of a file.
#![expect(clippy::disallowed_methods, reason = "the document may be a file")]
#![expect(clippy::print_stdout, reason = "prints the size of the document")]

use std::{env, error::Error, fs, hint::black_box, sync::Arc};

use chatwarden_redact::{AliasKey, Class, Display, Learnt, MemoryVault, Plan, Redactor, Selector};
use serde_json::Value;

#[path = "../../../benches/documents.rs"]
mod documents;
#[path = "../../../benches/scan.rs"]
mod scan;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [way, document, repeats] = arguments.as_slice() else {
        return Err("usage: once way document repeats".into());
    };
    let body = match documents::document(document) {
        Some(body) => body,
        None => fs::read(document)?,
    };
    let mut run: Run = match way.as_str() {
        "constants" => ours(&documents::KEYS, Display::Hidden)?,
        "aliases" => ours(&documents::KEYS, Display::Alias)?,
        "no-such-key" => ours(&["absent"], Display::Hidden)?,
        "nothing" => ours(&[], Display::Hidden)?,
        "fields" => page(Copies::Stay)?,
        "copies" => page(Copies::Known)?,
        "copies-anew" => page(Copies::Anew)?,
        "serde" => Box::new(serde),
        "scan" => Box::new(|body, out| out.push(scan::scan(body) as u8)),
        "memcpy" => Box::new(|body, out| out.extend_from_slice(body)),
        _ => return Err("no such way".into()),
    };
    let mut out = Vec::with_capacity(body.len() * 2 + 1024);
    for _ in 0..repeats.parse()? {
        out.clear();
        run(black_box(&body), &mut out);
        black_box(&out);
    }
    println!("{}", body.len());
    Ok(())
}

type Run = Box<dyn FnMut(&[u8], &mut Vec<u8>)>;

/// As a proxy does: chunks of 16 KB.
fn ours(keys: &[&str], display: Display) -> Result<Run, Box<dyn Error>> {
    let mut builder = Plan::builder();
    for key in keys {
        let class = match *key {
            "phone" => Class::Phone,
            "email" => Class::Email,
            "name" => Class::Name,
            "avatar" | "profile_image_url" => Class::Avatar,
            _ => Class::Handle,
        };
        builder = builder.field(class, &Selector::parse(&format!("$..{key}"))?).display(class, display);
    }
    let plan = Arc::new(builder.build(&AliasKey::new(&[7; 32])?)?);
    Ok(Box::new(move |body, out| {
        let mut redactor = Redactor::json(Arc::clone(&plan));
        for chunk in body.chunks(16 * 1024) {
            redactor.write(chunk, out).expect("the document is JSON");
        }
        redactor.finish(out).expect("the document is JSON");
    }))
}

#[derive(Clone, Copy)]
enum Copies {
    Stay,
    Known,
    Anew,
}

/// A page as the gateway masks it: aliases that a vault keeps, and the copies of one account.
fn page(copies: Copies) -> Result<Run, Box<dyn Error>> {
    let fields = [
        (Class::Name, "$..client_name"),
        (Class::Name, "$..from_user.title"),
        (Class::Phone, "$..client_phone"),
        (Class::Email, "$..client_email"),
        (Class::Handle, "$..from_user.service_user_id"),
        (Class::Avatar, "$..from_user.avatar"),
    ];
    let mut builder = Plan::builder().vault(Arc::new(MemoryVault::new(usize::MAX)));
    for (class, path) in fields {
        builder = builder.field(class, &Selector::parse(path)?);
    }
    let is_hiding = !matches!(copies, Copies::Stay);
    let plan = Arc::new(builder.copies(is_hiding).build(&AliasKey::new(&[7; 32])?)?);
    let known = Arc::new(Learnt::default());
    Ok(Box::new(move |body, out| {
        let learnt = if matches!(copies, Copies::Anew) { Arc::default() } else { Arc::clone(&known) };
        let mut redactor = Redactor::json(Arc::clone(&plan)).with_copies(learnt);
        for chunk in body.chunks(16 * 1024) {
            redactor.write(chunk, out).expect("the document is JSON");
        }
        redactor.finish(out).expect("the document is JSON");
    }))
}

fn serde(body: &[u8], out: &mut Vec<u8>) {
    let mut document = serde_json::from_slice(body).expect("the document is JSON");
    hide(&mut document);
    serde_json::to_writer(out, &document).expect("writing to memory");
}

fn hide(value: &mut Value) {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        Value::Array(items) => items.iter_mut().for_each(hide),
        Value::Object(members) => {
            for (name, member) in members {
                if documents::KEYS.contains(&name.as_str()) && !member.is_null() {
                    *member = Value::String("***".to_owned());
                } else {
                    hide(member);
                }
            }
        }
    }
}
