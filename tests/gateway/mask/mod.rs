//! `chatwarden mask`: what an operator of a group sees, of files and of what is piped in.

mod formats;

use std::{
    io::{ErrorKind, Read, Write},
    path::Path,
    process::{Command, Stdio},
    thread,
};

use serde_json::Value;
use tempfile::TempDir;

use crate::harness::{Gateway, Persona};

/// A command that ended, with what it wrote.
struct Done {
    code: i32,
    out: Vec<u8>,
    err: String,
}

impl Done {
    fn text(&self) -> &str {
        std::str::from_utf8(&self.out).unwrap()
    }

    #[track_caller]
    fn fine(self) -> Done {
        assert_eq!(self.code, 0, "{}", self.err);
        self
    }

    #[track_caller]
    fn refused(&self, code: i32, told: &[&str]) {
        assert_eq!(self.code, code, "{}", self.err);
        assert!(!self.err.contains("panicked"), "{}", self.err);
        for told in told {
            assert!(self.err.contains(told), "{told:?} is not said: {}", self.err);
        }
    }
}

fn command(dir: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chatwarden"));
    command.current_dir(dir).arg("mask").args(arguments);
    for variable in ["RUST_LOG", "CHATWARDEN_CONFIG", "STATE_DIRECTORY"] {
        command.env_remove(variable);
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs `chatwarden mask` in a directory, on some input.
fn mask(dir: &Path, arguments: &[&str], input: &[u8]) -> Done {
    let mut child = command(dir, arguments).spawn().unwrap();
    let (mut stdin, input) = (child.stdin.take().unwrap(), input.to_owned());
    // A command that refuses its arguments reads nothing.
    let writer = thread::spawn(move || match stdin.write_all(&input) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => panic!("{error}"),
        Ok(()) | Err(_) => {}
    });
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    Done { code: output.status.code().unwrap(), out: output.stdout, err }
}

/// The shipped files in a directory of their own.
fn place() -> TempDir {
    Gateway::builder().write()
}

const CARD: &str =
    r#"{ "client_phone" : "+37061234567", "from_user":{"title":"Anna Kovalenko"}, "id": 1.0e2 }"#;

#[tokio::test]
async fn what_it_writes_is_what_the_gateway_serves() {
    let gateway = Gateway::start().await;
    let client = gateway.client().sign_in(Persona::Trainee).await;
    let dir = gateway.path("");
    for path in ["/api/conversations", "/api/conversations/901/messages", "/api/users/501"] {
        let (served, real) = (client.get(path).await, client.behind().get(path).await);
        let route = format!("GET {path}");
        let masked = mask(&dir, &["--group", "trainees", "--route", &route], real.text().as_bytes()).fine();
        assert_eq!(masked.text(), served.text(), "{path}");
        assert_ne!(masked.text(), real.text(), "{path}");
        assert_eq!(masked.err, "");
    }
    let me = client.behind().get("/api/me").await;
    let masked = mask(&dir, &["--group", "trainees", "--route", "GET /api/me"], me.text().as_bytes()).fine();
    assert_eq!(masked.text(), me.text(), "who-am-I stays clear");
}

#[test]
fn fields_of_some_routes_need_the_route() {
    let place = place();
    let card = r#"{"data":{"contacts":{"phones":["+37061234567"]}}}"#;
    let masked = mask(place.path(), &["--group", "support"], card.as_bytes()).fine();
    assert_eq!(masked.text(), card);
    let arguments = ["--group", "support", "--route", "GET /api/users/501"];
    let masked = mask(place.path(), &arguments, card.as_bytes()).fine();
    assert!(masked.text().contains(r#"["+999"#), "{}", masked.text());
}

#[test]
fn an_exempt_group_gets_the_bytes_as_they_are() {
    let place = place();
    let broken = [CARD.as_bytes(), b"\xff\x00 {,"].concat();
    let passed = mask(place.path(), &["--group", " Supervisors ", "--stats"], &broken).fine();
    assert_eq!(passed.out, broken);
    assert!(passed.err.contains("the bytes pass as they are"), "{}", passed.err);
    assert!(
        passed.err.contains(&format!("bytes out  {}\nhidden     nothing\n", broken.len())),
        "{}",
        passed.err
    );
    assert_eq!(mask(place.path(), &["--group", "supervisors"], &broken).fine().err, "");
}

#[test]
fn files_are_masked_one_after_another() {
    let place = place();
    std::fs::write(place.path().join("a.json"), CARD).unwrap();
    std::fs::write(place.path().join("b.ndjson"), format!("{CARD}\n{CARD}\n")).unwrap();
    std::fs::write(place.path().join("c"), CARD).unwrap();
    let masked = mask(place.path(), &["--group", "*", "--stats", "a.json", "b.ndjson", "c"], b"").fine();
    let one = mask(place.path(), &["--group", "*"], CARD.as_bytes()).fine();
    let one = one.text();
    assert!(!one.contains("Anna") && one.ends_with(r#""}, "id": 1.0e2 }"#), "{one}");
    assert_eq!(masked.text(), format!("{one}{one}\n{one}\n{one}"));
    let read = 4 * CARD.len() + 2;
    assert!(
        masked.err.contains(&format!("bytes in   {read}\nbytes out  {}\n", masked.out.len())),
        "{}",
        masked.err
    );
    assert!(masked.err.contains("hidden     phone 4, name 4\nseconds    "), "{}", masked.err);
    assert!(masked.err.contains("\nMB/s       "), "{}", masked.err);
}

#[test]
fn input_that_is_not_what_it_should_be_ends_the_output() {
    let place = place();
    for (input, told) in [
        (&CARD[..CARD.len() - 2], "truncated"),
        (&CARD[..25], "truncated"),
        ("", "empty-body"),
        (r#"{"client_phone":"+37061234567",}"#, "trailing-comma"),
    ] {
        let cut = mask(place.path(), &["--group", "support"], input.as_bytes());
        cut.refused(1, &["error: stdin: offset ", told, "= help: "]);
        assert!(!cut.text().contains("+37061") && !cut.text().contains("Anna"), "{}", cut.text());
    }
    std::fs::write(place.path().join("bad.json"), r#"{"a": 1, "client_phone": "+37061234567", /* no */ }"#)
        .unwrap();
    std::fs::write(place.path().join("good.json"), CARD).unwrap();
    let cut = mask(place.path(), &["--group", "support", "--stats", "bad.json", "good.json"], b"");
    cut.refused(1, &["error: bad.json: offset 41: a comment in JSON (comment)", "bytes in "]);
    // What is not read to its end is held for copies, and never leaves.
    assert_eq!(cut.text(), "");
}

#[test]
fn a_slip_in_the_call_is_told_before_anything_is_read() {
    let place = place();
    let call = |arguments: &[&str]| mask(place.path(), arguments, CARD.as_bytes());
    call(&["--group", "trainee"])
        .refused(64, &["`trainee` is not declared", "did you mean `trainees`?", "`support`"]);
    call(&[]).refused(64, &["--group"]);
    call(&["--group", "support", "--type", "application/jsom"])
        .refused(64, &["did you mean `application/json`?"]);
    call(&["--group", "support", "--type", "application/pdf"]).refused(64, &["are not rewritten"]);
    call(&["--group", "support", "--route", "/api/users"]).refused(64, &["`/api/users` is not a request"]);
    call(&["--group", "support", "--route", "GET /a%2fb"]).refused(64, &["--route: "]);
    call(&["--group", "support", "none.json"]).refused(64, &["`none.json` cannot be read"]);
    call(&["--group", "support", "rules"]).refused(64, &["`rules` cannot be read"]);
    call(&["--group", "support", "--type", "text/plain"]).refused(64, &["`message_text: hide`"]);
    call(&["--group", "support", "--config", "none.yaml"]).refused(78, &["none.yaml"]);
    std::fs::write(place.path().join("rules/files.yaml"), "enabeld: true\n").unwrap();
    call(&["--group", "support"]).refused(78, &["error[unknown-key]", "files.yaml:1:1"]);
    assert!(call(&["--help"]).fine().text().contains("--stats"));
}

#[test]
fn what_only_monitors_or_is_off_is_said() {
    let place = place();
    let rule = place.path().join("rules/personal-data.yaml");
    std::fs::write(&rule, "mode: monitor\n").unwrap();
    let masked = mask(place.path(), &["--group", "support"], CARD.as_bytes()).fine();
    assert!(!masked.text().contains("Anna") && masked.err.contains("only monitors"), "{}", masked.err);
    std::fs::write(&rule, "enabled: false\n").unwrap();
    let passed = mask(place.path(), &["--group", "support"], CARD.as_bytes()).fine();
    assert_eq!(passed.text(), CARD);
    assert!(passed.err.contains("warning: personal-data.yaml is off"), "{}", passed.err);
}

#[test]
fn a_fresh_place_makes_its_key_and_keeps_it() {
    let place = place();
    let first = mask(place.path(), &["--group", "support"], CARD.as_bytes()).fine();
    assert!(first.err.contains("Made a new alias key"), "{}", first.err);
    let second = mask(place.path(), &["--group", "support"], CARD.as_bytes()).fine();
    assert_eq!((second.text(), &*second.err), (first.text(), ""));
}

#[test]
fn a_reader_that_has_seen_enough_ends_it_quietly() {
    let place = place();
    let mut child =
        command(place.path(), &["--group", "support", "--type", "application/x-ndjson"]).spawn().unwrap();
    let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let writer = thread::spawn(move || {
        let lines = format!("{CARD}\n").repeat(10_000);
        while stdin.write_all(lines.as_bytes()).is_ok() {}
    });
    stdout.read_exact(&mut [0; 100]).unwrap();
    drop(stdout);
    writer.join().unwrap();
    let output = child.wait_with_output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && !err.contains("panicked") && !err.contains("error"), "{err}");
}

#[test]
fn memory_does_not_grow_with_the_input() {
    let place = place();
    let mut child = command(place.path(), &["--group", "support", "--stats"]).spawn().unwrap();
    let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let reader = thread::spawn(move || std::io::copy(&mut stdout, &mut std::io::sink()).unwrap());
    let cards = format!("{CARD},").repeat(10_000);
    let peak = |id: u32| {
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap()
    };
    stdin.write_all(b"[").unwrap();
    let mut peaks = Vec::new();
    for _ in 0..2 {
        for _ in 0..20 {
            stdin.write_all(cards.as_bytes()).unwrap();
        }
        peaks.push(peak(child.id()));
    }
    stdin.write_all(b"0]").unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(reader.join().unwrap() > 20 << 20);
    assert!(peaks[1] <= peaks[0] + 4096, "{peaks:?} KiB");
}

#[test]
fn masked_documents_stay_documents() {
    let place = place();
    let masked = mask(place.path(), &["--group", "support"], CARD.as_bytes()).fine();
    let (before, after): (Value, Value) =
        (serde_json::from_str(CARD).unwrap(), serde_json::from_str(masked.text()).unwrap());
    assert_eq!(before["id"], after["id"]);
    assert!(after["from_user"]["title"].as_str().unwrap().starts_with("Client "));
}
