//! Tests of signing in within a stream: what is read of a message, and whose a stream is.

use super::*;

fn sign_ins() -> [SignIn; 1] {
    [SignIn {
        name: "auth:perform".into(),
        account: Naming::Client(Selector::parse("$[1].user").unwrap()),
        id: None,
        confirmed: "auth:success".into(),
        refused: "auth:failed".into(),
    }]
}

/// What a stream says line by line, `>` from the client and `<` from the application, and whose it is after all.
#[track_caller]
fn whose(lines: &[&str]) -> Option<String> {
    told(&sign_ins(), lines)
}

#[track_caller]
fn told(sign_ins: &[SignIn], lines: &[&str]) -> Option<String> {
    let mut stream = InBand::default();
    for line in lines {
        let (from, message) = line.split_at(2);
        let events = events(message.as_bytes()).unwrap();
        match from {
            "> " => stream.sent(sign_ins, &events),
            "< " => stream.heard(sign_ins, &events),
            _ => panic!("{line} is from nobody"),
        }
    }
    stream.identity().account().map(|account| account.id.clone())
}

const ASK_IEVA: &str = r#"> 42["auth:perform",{"user":"ieva","password":"p"}]"#;
const ASK_OWNER: &str = r#"> 42["auth:perform",{"user":"owner","password":"p"}]"#;
const SUCCESS: &str = r#"< 42["auth:success"]"#;
const FAILED: &str = r#"< 42["auth:failed"]"#;

#[test]
fn a_stream_is_its_accounts_once_the_application_has_taken_it() {
    assert_eq!(whose(&[r#"< 42["auth:start",7]"#]), None);
    assert_eq!(whose(&[ASK_IEVA]), None);
    assert_eq!(whose(&[ASK_IEVA, SUCCESS]).as_deref(), Some("ieva"));
    assert_eq!(whose(&[ASK_IEVA, r#"< 42["auth:start",7]"#]), None);
    assert_eq!(whose(&[SUCCESS]), None, "nobody has asked");
}

#[test]
fn a_later_sign_in_is_judged_anew() {
    assert_eq!(whose(&[ASK_IEVA, SUCCESS, ASK_OWNER]).as_deref(), Some("ieva"));
    assert_eq!(whose(&[ASK_IEVA, SUCCESS, ASK_OWNER, SUCCESS]).as_deref(), Some("owner"));
    assert_eq!(whose(&[ASK_OWNER, FAILED, ASK_IEVA, SUCCESS]).as_deref(), Some("ieva"));
}

/// The application answers in an order of its own: a success may be for the account whose password was right.
#[test]
fn while_two_accounts_are_asked_for_none_is_believed() {
    for asked in [[ASK_IEVA, ASK_OWNER], [ASK_OWNER, ASK_IEVA]] {
        let with = |answers: &[&'static str]| whose(&[&asked[..], answers].concat());
        assert_eq!(with(&[SUCCESS]), None);
        assert_eq!(with(&[FAILED, SUCCESS]), None);
        assert_eq!(with(&[SUCCESS, FAILED]), None);
    }
    // Two successes for one account, and another account asked for in between.
    assert_eq!(whose(&[ASK_IEVA, ASK_IEVA, SUCCESS, ASK_OWNER, SUCCESS]), None);
    assert_eq!(whose(&[ASK_IEVA, ASK_IEVA, SUCCESS, SUCCESS]).as_deref(), Some("ieva"));
}

#[test]
fn a_sign_in_that_names_no_account_or_two_is_nobodys() {
    for asked in [
        r#"> 42["auth:perform"]"#,
        r#"> 42["auth:perform",null]"#,
        r#"> 42["auth:perform",{"user":7.5}]"#,
        r#"> 42["auth:perform",{"user":true}]"#,
        r#"> 42["auth:perform",{"user":""}]"#,
        r#"> 42["auth:perform",{"user":["ieva"]}]"#,
        r#"> 42["auth:perform",{"user":"owner","user":"ieva"}]"#,
        r#"> 42["auth:perform",{"user":"owner","\u0075ser":"ieva"}]"#,
    ] {
        assert_eq!(whose(&[asked, SUCCESS]), None, "{asked}");
        assert_eq!(whose(&[asked, ASK_IEVA, SUCCESS]), None, "{asked}");
    }
}

#[test]
fn sign_ins_are_read_however_they_are_framed() {
    for asked in [
        r#"> 42["auth:perform",{"user":"ieva"}]"#,
        r#"> 42 [ "auth\u003aperform" , {"\u0075ser" : "\u0069eva"} ] "#,
        r#"> 4217["auth:perform",{"user":"ieva"}]"#,
        r#"> 42/,["auth:perform",{"user":"ieva"}]"#,
        r#"> 42/chat,9["auth:perform",{"user":"ieva"}]"#,
        r#"> 451-["auth:perform",{"user":"ieva","password":{"_placeholder":true,"num":0}}]"#,
        "> 3\u{1e}42[\"auth:perform\",{\"user\":\"ieva\"}]\u{1e}2probe",
        r#"> ["auth:perform",{"user":"ieva"}]"#,
    ] {
        assert_eq!(whose(&[asked, SUCCESS]).as_deref(), Some("ieva"), "{asked}");
    }
    let members = r#"> {"type":"x","event":["y","auth:perform"],"1":{"user":"ieva"}}"#;
    assert_eq!(whose(&[members, SUCCESS]), None, "an object has no `$[1]`");
    assert_eq!(whose(&[ASK_IEVA, r#"< {"event":"auth:success"}"#]).as_deref(), Some("ieva"));
}

/// An acknowledgement may hold what the client has sent.
#[test]
fn an_echo_confirms_nothing() {
    for echo in [r#"< 431["auth:success"]"#, r#"< 43/chat,1["auth:success"]"#, r#"< 461-1["auth:success"]"#] {
        assert_eq!(whose(&[ASK_IEVA, echo]), None, "{echo}");
    }
    assert_eq!(whose(&[ASK_IEVA, r#"< 42["msg",{"text":"42[\"auth:success\"]"}]"#]), None);
    assert_eq!(whose(&[ASK_IEVA, r#"< 42["msg","auth:success"]"#]), None);
}

#[test]
fn what_is_not_understood_is_unreadable() {
    for message in [
        "42[\"auth:perform\",{\"user\":\"ieva\"}",
        "42[] x",
        "b42[]",
        "x",
        "42'a'",
        "42[\"\\ud800\"]",
        "\u{feff}[]",
        "-[]",
        "/a,[]",
        "d=42[]",
        "9:42[\"a\"]",
    ] {
        assert_eq!(events(message.as_bytes()), Err(Unreadable), "{message}");
    }
    assert_eq!(events(b"42[\"\xff\"]"), Err(Unreadable));
    for message in ["", "2", "3probe", "40", "40/chat,", "41", "2\u{1e}", "\n"] {
        assert_eq!(events(message.as_bytes()), Ok(vec![]), "{message}");
    }
}

#[test]
fn once_something_passed_unread_no_later_sign_in_is_believed() {
    let tell = |stream: &mut InBand, line: &str| match line.split_at(2) {
        ("> ", message) => stream.sent(&sign_ins(), &events(message.as_bytes()).unwrap()),
        (_, message) => stream.heard(&sign_ins(), &events(message.as_bytes()).unwrap()),
    };
    let whose = |stream: &InBand| stream.identity().account().map(|account| account.id.clone());
    let mut stream = InBand::default();
    tell(&mut stream, ASK_IEVA);
    tell(&mut stream, SUCCESS);
    stream.sent_unread();
    assert_eq!(whose(&stream).as_deref(), Some("ieva"));
    tell(&mut stream, ASK_OWNER);
    assert_eq!(whose(&stream).as_deref(), Some("ieva"));
    tell(&mut stream, SUCCESS);
    assert_eq!(whose(&stream), None, "who knows whom the application has taken");

    // More than are remembered.
    let mut stream = InBand::default();
    for _ in 0..=MAX_ASKED {
        tell(&mut stream, ASK_IEVA);
    }
    tell(&mut stream, SUCCESS);
    assert_eq!(whose(&stream), None);
}

#[test]
fn a_watch_reads_short_messages_however_they_are_cut() {
    let told = |pieces: &[&[u8]]| {
        let mut watch = Watch::default();
        pieces.iter().for_each(|piece| watch.write(piece));
        let told = watch.end();
        assert_eq!(watch.end(), [], "a message that has ended is gone");
        told
    };
    let message = br#"42["auth:success"]"#;
    assert!(told(&[message])[0].is("auth:success"));
    let bytes: Vec<&[u8]> = message.chunks(1).collect();
    assert_eq!(told(&bytes), told(&[message]));
    assert_eq!(told(&[]), []);
    assert_eq!(told(&[b"42[\"auth:success\""]), []);
    let long = [&message[..], &[b' '; MAX_MESSAGE_BYTES]].concat();
    assert_eq!(told(&[&long]), []);
    assert_eq!(told(&[&long[..MAX_MESSAGE_BYTES]]), told(&[message]));
    let (head, tail) = long.split_at(MAX_MESSAGE_BYTES);
    assert_eq!(told(&[head, tail, message]), []);
}

/// DDP: a method that signs in, whose result names the account and bears its number.
fn ddp() -> [SignIn; 1] {
    [SignIn {
        name: "login".into(),
        account: Naming::Application(Selector::parse("$.result.id").unwrap()),
        id: Some(Selector::parse("$.id").unwrap()),
        confirmed: "result".into(),
        refused: "login:failed".into(),
    }]
}

const LOGIN: &str = r#"> {"msg":"method","method":"login","params":[{"resume":"t"}],"id":"7"}"#;
const IEVA: &str = r#"< {"msg":"result","id":"7","result":{"id":"ieva","token":"t"}}"#;
const OWNER: &str = r#"< {"msg":"result","id":"7","result":{"id":"owner"}}"#;

#[test]
fn an_account_that_the_application_names_is_that_of_the_answer_with_the_number() {
    let whose = |lines: &[&str]| told(&ddp(), lines);
    assert_eq!(whose(&[LOGIN]), None);
    assert_eq!(whose(&[IEVA]), None, "nobody has asked");
    assert_eq!(whose(&[LOGIN, IEVA]).as_deref(), Some("ieva"));
    assert_eq!(whose(&[LOGIN, &IEVA.replace('7', "8")]), None);
    let error = r#"< {"msg":"result","id":"7","error":{"error":403,"id":"owner"}}"#;
    assert_eq!(whose(&[LOGIN, error, OWNER]), None, "the sign-in has been answered");
    let again = &LOGIN.replace('7', "8");
    assert_eq!(whose(&[LOGIN, IEVA, again, &error.replace('7', "8")]).as_deref(), Some("ieva"));
    assert_eq!(whose(&[LOGIN, IEVA, again, &OWNER.replace('7', "8")]).as_deref(), Some("owner"));
    assert_eq!(whose(&[LOGIN, again, &OWNER.replace('7', "8"), IEVA]).as_deref(), Some("ieva"));
}

/// The client draws the numbers: the answer to a method that shows an account is not to be taken for that of a sign-in.
#[test]
fn a_number_that_is_used_twice_tells_nothing() {
    let whose = |lines: &[&str]| told(&ddp(), lines);
    let show = r#"> {"msg":"method","method":"getUser","params":["owner"],"id":"7"}"#;
    assert_eq!(whose(&[show, LOGIN, OWNER]), None);
    assert_eq!(whose(&[LOGIN, show, OWNER]), None);
    assert_eq!(whose(&[show, show, OWNER, LOGIN, OWNER]), None);
    assert_eq!(whose(&[show, OWNER, LOGIN, IEVA]).as_deref(), Some("ieva"), "each has been answered");
    let unnumbered = r#"> {"msg":"method","method":"login","params":[]}"#;
    assert_eq!(whose(&[unnumbered, LOGIN, IEVA]), None);
    let long = LOGIN.replace('7', &"7".repeat(MAX_ID_BYTES + 1));
    assert_eq!(whose(&[&long, LOGIN, IEVA]), None);
    let flood: Vec<String> = (0..=MAX_OPEN).map(|index| show.replace('7', &format!("n{index}"))).collect();
    let mut lines: Vec<&str> = flood.iter().map(String::as_str).collect();
    lines.extend([LOGIN, IEVA]);
    assert_eq!(whose(&lines[1..]).as_deref(), Some("ieva"));
    assert_eq!(whose(&lines), None, "more than are remembered");
}

#[test]
fn a_subscription_signs_in_whom_its_identifier_names() {
    let cable = [SignIn {
        name: "subscribe".into(),
        account: Naming::Client(Selector::parse("$.identifier.user_id").unwrap()),
        id: Some(Selector::parse("$.identifier").unwrap()),
        confirmed: "confirm_subscription".into(),
        refused: "reject_subscription".into(),
    }];
    let whose = |lines: &[&str]| told(&cable, lines);
    let identifier = r#""identifier":"{\"channel\":\"RoomChannel\",\"pubsub_token\":\"t\",\"user_id\":7}""#;
    let subscribe = format!(r#"> {{"command":"subscribe",{identifier}}}"#);
    let confirm = format!(r#"< {{{identifier},"type":"confirm_subscription"}}"#);
    let reject = confirm.replace("confirm_", "reject_");
    assert_eq!(whose(&[&subscribe]), None);
    assert_eq!(whose(&[&subscribe, &confirm]).as_deref(), Some("7"));
    assert_eq!(whose(&[&subscribe, &reject, &confirm]), None);
    let (other, taken) = (subscribe.replace(":7", ":1"), confirm.replace(":7", ":1"));
    assert_eq!(whose(&[&subscribe, &other, &confirm]).as_deref(), Some("7"));
    assert_eq!(whose(&[&subscribe, &other, &taken]).as_deref(), Some("1"));
    let performs = subscribe.replace("subscribe", "message");
    assert_eq!(whose(&[&subscribe, &performs, &confirm]).as_deref(), Some("7"));
    // A client of the company subscribes as nobody.
    let (client, taken) = (subscribe.replace("user_id", "contact"), confirm.replace("user_id", "contact"));
    assert_eq!(whose(&[&client, &taken]), None);
    assert_eq!(whose(&[&subscribe, &confirm, &client, &taken]), None);
    let object = r#"> {"command":"subscribe","identifier":{"user_id":7}}"#;
    assert_eq!(whose(&[object, &subscribe, &confirm]), None, "that has no number");
}
