//! personal-data.yaml: clients' contact data is hidden from operators, whatever carries it.

use chatwarden_redact::codings::{self, Coding, CodingLimits, Decoder, Encoder, Progress};
use futures_util::{SinkExt, StreamExt};
use http::Method;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::harness::{Client, Gateway, Origin, Persona, Response, lines_with};

const UNSCANNABLE: &str = "unscannable-body";
/// Reads of the app that carry contact data.
const READS: [&str; 10] = [
    "/api/conversations",
    "/api/conversations/901/messages",
    "/api/conversations/904/messages",
    "/api/users/501",
    "/api/users/502",
    "/api/users/503",
    "/api/users/504",
    "/api/users/505",
    "/api/users/506",
    "/odd/status/200",
];

#[tokio::test]
async fn operators_see_no_contact_data_and_all_the_rest() {
    let gateway = Gateway::start().await;
    for persona in Persona::MASKED {
        let client = gateway.client().sign_in(persona).await;
        for path in READS {
            let (shown, real) = (client.get(path).await, client.behind().get(path).await.json());
            shown.assert_passed(200);
            assert_clean(&shown);
            assert_same_shape(&real, &shown.json(), path);
        }
        let card = client.get("/api/users/501").await.json()["data"].clone();
        assert_eq!((card["user_id"].as_u64(), card["language"].as_str()), (Some(501), Some("lt")));
        assert_eq!(card["orders"][0]["number"], "A-20981");
        assert_eq!(card["contacts"]["emails"][0]["verified"], true);
    }
}

#[tokio::test]
async fn answers_to_writes_are_masked_too() {
    let gateway = Gateway::start().await;
    let client = gateway.client().sign_in(Persona::Operator).await;
    for (path, body) in [
        ("/api/conversations/start", json!({ "user_id": 503, "text": "Good morning" })),
        ("/api/conversations/send-message", json!({ "conversation_id": 901, "text": "Good morning" })),
        ("/api/users/update", json!({ "user_id": 501, "language": "lt" })),
    ] {
        let answer = client.post(path).json(&body).await;
        answer.assert_passed(200);
        assert_clean(&answer);
    }
}

#[tokio::test]
async fn colleagues_and_the_company_stay_as_they_are() {
    let gateway = Gateway::start().await;
    let client = gateway.client().sign_in(Persona::Operator).await;
    for path in ["/api/operators/all", "/api/operators/groups", "/api/settings"] {
        assert_eq!(client.get(path).await.assert_passed(200).json(), client.behind().get(path).await.json());
    }
    let messages = client.get("/api/conversations/901/messages").await;
    assert!(messages.text().contains("+37060000105") && messages.text().contains("/avatars/operator-1005"));
}

#[tokio::test]
async fn one_client_has_one_alias_everywhere() {
    let gateway = Gateway::start().await;
    let one = gateway.client().sign_in(Persona::Operator).await;
    let other = gateway.client().sign_in(Persona::Partner).await;
    let card = one.get("/api/users/501").await.json()["data"].clone();
    assert_eq!(card, other.get("/api/users/501").await.json()["data"]);
    assert_eq!(card["client_phone"], card["contacts"]["phones"][0]);
    assert_eq!(card["avatar"], card["from_user"]["avatar"]);
    let list = one.get("/api/conversations").await.json();
    let find = |id: u64| list["data"].as_array().unwrap().iter().find(|one| one["id"] == id).unwrap().clone();
    assert_eq!(find(901)["from_user"]["title"], card["from_user"]["title"]);
    assert_ne!(find(902)["from_user"]["title"], card["from_user"]["title"]);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    assert!(text(&card["client_name"]).starts_with("Client "), "{card}");
    assert!(text(&card["client_phone"]).starts_with("+999"), "{card}");
    assert!(text(&card["client_email"]).ends_with("@client.invalid"), "{card}");
    // A number stays a number.
    let card = one.get("/api/users/503").await.json()["data"].clone();
    assert!(card["client_phone"].as_u64().is_some_and(|phone| phone < 1 << 53), "{card}");
    assert!(card["client_email"].is_null(), "{card}");
}

#[tokio::test]
async fn the_display_is_what_the_rules_say() {
    let rules =
        "display: { name: partial, phone: hidden, email: hidden, handle: hidden }\nhide_avatars: false\n";
    let gateway = Gateway::builder().rule("personal-data", rules).start().await;
    // Nobody is exempt here but the super-admin.
    let client = gateway.client().sign_in(Persona::Supervisor).await;
    let card = client.get("/api/users/501").await.json()["data"].clone();
    // A partial name carries an invisible mark (U+2060), by which the gateway knows it again.
    assert_eq!(card["client_name"], "Jūratė K\u{2060}.");
    assert_eq!(
        (&card["client_phone"], &card["client_email"]),
        (&json!("hidden"), &json!("hidden@client.invalid"))
    );
    assert_eq!(card["from_user"]["service_user_id"], "hidden");
    assert_eq!(card["avatar"], "/avatars/501");
    assert_eq!(client.get("/api/users/503").await.json()["data"]["client_phone"], 0);
}

#[tokio::test]
async fn a_hidden_picture_is_a_drawing_of_the_gateways_own() {
    let gateway = Gateway::start().await;
    let client = gateway.client().sign_in(Persona::Trainee).await;
    let mut drawings = Vec::new();
    for id in [501, 502] {
        let card = client.get(&format!("/api/users/{id}")).await.json();
        let address = card["data"]["avatar"].as_str().unwrap().to_owned();
        assert!(address.starts_with("/.chatwarden/avatar/") && address.ends_with(".svg"), "{address}");
        let drawing = client.get(&address).await;
        assert_eq!((drawing.status().as_u16(), drawing.header("content-type")), (200, Some("image/svg+xml")));
        assert!(drawing.seen().is_none(), "the app is not asked");
        assert_eq!(drawing.text(), client.get(&address).await.text());
        let head = client.call(Method::HEAD, &address).await;
        assert_eq!(head.header("content-length").unwrap(), drawing.bytes().len().to_string());
        drawings.push(drawing.text().to_owned());
    }
    assert_ne!(drawings[0], drawings[1]);
    assert_eq!(client.get("/.chatwarden/avatar/x/../../../api/me").await.status(), 200);
    assert_eq!(client.get("/.chatwarden/secrets").await.status(), 404);
}

#[tokio::test]
async fn the_exempt_get_the_apps_bytes_with_their_coding() {
    let gateway = Gateway::start().await;
    for persona in [Persona::Supervisor, Persona::SuperAdmin] {
        let client = gateway.client().sign_in(persona).await;
        for path in
            READS.into_iter().chain(["/odd/gzip", "/odd/csv", "/odd/ndjson", "/odd/latin1", "/odd/spellings"])
        {
            for coding in ["identity", "gzip, br;q=0.5"] {
                let shown = client.get(path).header("accept-encoding", coding).await;
                let real = client.behind().get(path).header("accept-encoding", coding).await;
                shown.assert_passed(200);
                assert_eq!(shown.bytes(), real.bytes(), "{path}");
                for name in ["content-type", "content-encoding", "content-length", "vary"] {
                    assert_eq!(shown.header(name), real.header(name), "{path} {name}");
                }
                assert_eq!(shown.seen().unwrap().headers["accept-encoding"], coding);
            }
        }
    }
}

#[tokio::test]
async fn everybody_sees_their_own_account() {
    let gateway = Gateway::start().await;
    for persona in Persona::ALL {
        let client = gateway.client().sign_in(persona).await;
        let me = client.get("/api/me").header("accept-encoding", "gzip").await;
        me.assert_passed(200);
        assert_eq!(
            me.bytes(),
            client.behind().get("/api/me").header("accept-encoding", "gzip").await.bytes()
        );
    }
}

#[tokio::test]
async fn a_visitor_sees_their_own_data() {
    let gateway = Gateway::start().await;
    let seen = gateway.client().get("/widget/messages").await;
    assert_eq!(seen.assert_passed(200).json()["data"]["visitor"]["client_name"], "Мария Иванова");
}

#[tokio::test]
async fn bodies_of_errors_are_masked() {
    let gateway = Gateway::start().await;
    let client = gateway.client().sign_in(Persona::Operator).await;
    for status in [201, 203, 299, 300, 400, 401, 404, 418, 422, 500, 503, 599] {
        let answer = client.get(&format!("/odd/status/{status}")).await;
        answer.assert_passed(status);
        assert_clean(&answer);
        assert_eq!(answer.json()["operator"]["email"], "ieva@example.com");
    }
}

#[tokio::test]
async fn the_cut_of_the_body_makes_no_difference() {
    let gateway = Gateway::start().await;
    let client = gateway.client().sign_in(Persona::Operator).await;
    let whole = client.get("/odd/status/200").await;
    for bytes in [1, 2, 7, 64] {
        let slow = client.get(&format!("/odd/slow?bytes={bytes}&ms=0")).await;
        assert_eq!(slow.assert_passed(200).text(), whole.text(), "{bytes} bytes a chunk");
    }
    let spellings = client.get("/odd/spellings").await;
    assert_eq!(spellings.status(), 200);
    for contact in ["+370", "3706123457", "Kazlausk", "\\u004b", "zoe", "Zo\\u00eb", "\\/avatars"] {
        assert!(!spellings.text().contains(contact), "{contact}: {}", spellings.text());
    }
    assert!(spellings.text().contains("\"order\":1.0e2, \"zero\":-0, \"big\":12345678901234567890123 }\n"));
}

#[tokio::test]
async fn a_large_answer_streams() {
    let gateway = Gateway::start().await;
    let client = gateway.client().sign_in(Persona::Operator).await;
    let answer = client.get("/odd/large?mb=8").await;
    assert_eq!(answer.status(), 200);
    assert!(answer.bytes().len() > 7_000_000 && answer.text().ends_with("null]}"));
    assert_clean(&answer);
}

#[tokio::test]
async fn what_cannot_be_scanned_is_refused() {
    let gateway = Gateway::start().await;
    for persona in Persona::MASKED {
        let client = gateway.client().sign_in(persona).await;
        for path in ["/odd/latin1", "/odd/broken", "/odd/status/206"] {
            client.get(path).await.assert_answer_refused(502, UNSCANNABLE);
        }
    }
    let partner = gateway.client().sign_in(Persona::Partner).await;
    for path in ["/odd/octets", "/odd/archive"] {
        partner.get(path).await.assert_answer_refused(502, UNSCANNABLE);
    }
    // A file route is files.yaml's to judge.
    partner.get("/files/invoice.pdf").await.assert_passed(200);
}

#[tokio::test]
async fn broken_json_never_reaches_a_masked_caller() {
    let gateway = Gateway::start().await;
    let client = gateway.client().sign_in(Persona::Operator).await;
    for path in ["/odd/broken", "/odd/cut"] {
        let answer = client.get(path).await;
        let shown = match answer.status().as_u16() {
            502 => answer.text().as_bytes().to_vec(),
            _ => answer.assert_cut().to_vec(),
        };
        let shown = String::from_utf8(shown).unwrap();
        assert!(!shown.contains("+370"), "{path}: {shown}");
    }
}

#[tokio::test]
async fn a_masked_caller_is_never_given_a_range_or_304_to_what_others_hold() {
    let gateway = Gateway::start().await;
    let client = gateway.client().sign_in(Persona::Operator).await;
    let exempt = gateway.client().sign_in(Persona::Supervisor).await;
    let of_the_app = client.behind().get("/api/users/501").await.header("etag").unwrap().to_owned();
    let of_the_exempt = exempt.get("/api/users/501").await.header("etag").unwrap().to_owned();
    for (name, value) in [
        ("range", "bytes=0-20"),
        ("if-none-match", of_the_app.as_str()),
        ("if-none-match", of_the_exempt.as_str()),
        ("if-none-match", "*"),
        ("if-modified-since", "Mon, 05 Jan 2099 08:00:00 GMT"),
    ] {
        let answer = client.get("/api/users/501").header(name, value).await;
        answer.assert_passed(200);
        assert_clean(&answer);
        let seen = answer.seen().unwrap().headers;
        assert!(
            ["range", "if-range", "if-none-match", "if-modified-since"]
                .iter()
                .all(|name| !seen.contains_key(*name))
        );
    }
}

#[tokio::test]
async fn what_a_masked_caller_holds_is_answered_304_until_it_changes() {
    let gateway = Gateway::start().await;
    let client = gateway.client().sign_in(Persona::Operator).await;
    let first = client.get("/api/users/501").await;
    let tag = first.header("etag").unwrap().to_owned();
    assert_ne!(Some(tag.as_str()), client.behind().get("/api/users/501").await.header("etag"));
    let again = client.get("/api/users/501").header("if-none-match", &tag).await;
    again.assert_passed(304);
    assert_eq!((again.header("etag"), again.bytes()), (Some(tag.as_str()), &b""[..]));
    let update = json!({ "user_id": 501, "client_name": "Ona Kazlauskienė" });
    client.post("/api/users/update").json(&update).await.assert_passed(200);
    let changed = client.get("/api/users/501").header("if-none-match", &tag).await;
    changed.assert_passed(200);
    assert_clean(&changed);
    // A write on condition of what others are shown does not go through.
    let exempt = gateway.client().sign_in(Persona::Supervisor).await;
    let other = exempt.get("/api/users/501").await.header("etag").unwrap().to_owned();
    let refused = client.post("/api/users/update").header("if-match", &other).json(&update).await;
    refused.assert_refused(412, "precondition-failed");
}

#[tokio::test]
async fn what_the_app_compresses_is_read_and_leaves_as_the_client_accepts() {
    let gateway = Gateway::start().await;
    let client = gateway.client().sign_in(Persona::Operator).await;
    let plain = client.get("/api/users/501").await;
    assert_eq!(plain.header("content-encoding"), None);
    for (accepted, shown, asked) in [
        ("gzip", "gzip", "gzip"),
        ("gzip, deflate, br, zstd", "zstd", "gzip"),
        ("br", "br", "gzip"),
        ("deflate;q=0.5", "deflate", "gzip"),
        ("compress", "", "identity"),
    ] {
        let answer = client.get("/api/users/501").header("accept-encoding", accepted).await;
        answer.assert_passed(200);
        assert_eq!(answer.seen().unwrap().headers["accept-encoding"], asked);
        assert_eq!(answer.header("content-encoding").unwrap_or_default(), shown, "{accepted}");
        let codings = codings::parse_content_encoding(shown).unwrap();
        let (mut decoder, mut text) = (Decoder::new(&codings, CodingLimits::default()), Vec::new());
        let mut input = answer.bytes();
        while decoder.decode(&mut input, &mut text, 1 << 16).unwrap() == Progress::NeedsRoom {}
        decoder.finish().unwrap();
        assert_eq!(text, plain.bytes(), "{accepted}");
        let head = client.call(Method::HEAD, "/api/users/501").header("accept-encoding", accepted).await;
        assert_eq!(head.header("content-encoding").unwrap_or_default(), shown, "{accepted}");
    }
    // An app that compresses unasked is read all the same.
    let unasked = client.get("/odd/gzip").header("accept-encoding", "identity").await;
    assert_clean(unasked.assert_passed(200));
    assert!(unasked.text().contains("+999"), "{}", unasked.text());
}

#[tokio::test]
async fn tables_and_lines_of_json_are_masked_and_what_has_no_grammar_is_refused() {
    let gateway = Gateway::start().await;
    let client = gateway.client().sign_in(Persona::Operator).await;
    for path in ["/odd/csv", "/odd/ndjson", "/odd/untyped", "/odd/text-json", "/odd/gzip"] {
        let answer = client.get(path).await;
        let text = answer.assert_passed(200).text();
        assert!(
            text.contains("+999") && !text.contains("1234567") && !text.contains("Kazl"),
            "{path}: {text}"
        );
    }
    for path in ["/odd/octets", "/odd/archive", "/odd/latin1", "/odd/broken"] {
        client.get(path).await.assert_answer_refused(502, UNSCANNABLE);
    }
}

#[tokio::test]
async fn a_clients_picture_asked_for_itself_is_the_drawing_of_the_card() {
    let gateway = Gateway::start().await;
    let client = gateway.client().sign_in(Persona::Operator).await;
    let drawing = client.get("/avatars/501").await;
    assert_eq!((drawing.status().as_u16(), drawing.header("content-type")), (200, Some("image/svg+xml")));
    assert_eq!(drawing.header("cache-control"), Some("private, no-cache"));
    assert!(drawing.seen().is_none(), "the app is not asked");
    let card = client.get("/api/users/501").await.json();
    let shown = client.get(card["data"]["avatar"].as_str().unwrap()).await;
    assert_eq!(drawing.bytes(), shown.bytes());
    for spelling in ["/AVATARS/501", "/avatars/501/", "/avatars//501"] {
        assert_eq!(client.get(spelling).await.header("content-type"), Some("image/svg+xml"), "{spelling}");
    }
    let exempt = gateway.client().sign_in(Persona::Supervisor).await;
    assert!(exempt.get("/avatars/501").await.seen().is_some());
    assert!(client.get("/avatars/operator-1005").await.seen().is_some());
}

#[tokio::test]
async fn nothing_of_the_original_is_told_in_the_head() {
    let gateway = Gateway::start().await;
    let client = gateway.client().sign_in(Persona::Operator).await;
    for path in ["/api/users/501", "/api/conversations"] {
        let answer = client.get(path).await;
        assert_eq!(answer.header("content-length"), None);
        assert_eq!(answer.header("cache-control"), Some("private, no-cache"));
        let head = client.call(Method::HEAD, path).await;
        head.assert_passed(200);
        assert_eq!(head.header("content-length"), None);
        assert_eq!(head.bytes(), b"");
    }
}

#[tokio::test]
async fn answers_of_the_operator_area_stay_out_of_shared_caches_for_everybody() {
    let gateway = Gateway::start().await;
    for persona in Persona::ALL {
        let client = gateway.client().sign_in(persona).await;
        for path in ["/", "/api/users/501", "/api/settings", "/login"] {
            let answer = client.get(path).await;
            assert_eq!(answer.header("cache-control"), Some("private, no-cache"), "{persona:?} {path}");
            assert_eq!(answer.header("last-modified"), None);
        }
        assert_eq!(client.get("/assets/app.js").await.header("cache-control"), Some("no-cache"));
    }
}

#[tokio::test]
async fn a_rule_that_hides_more_is_never_answered_with_older_data() {
    let gateway = Gateway::start().await;
    let client = gateway.client().sign_in(Persona::Supervisor).await;
    let before = client.get("/api/users/501").await;
    let tag = before.header("etag").unwrap();
    client.get("/api/users/501").header("if-none-match", tag).await.assert_passed(304);
    let rule = gateway.read_rule("personal-data");
    let rule = rule.replace("exempt_groups: [supervisors]", "exempt_groups: []");
    let generation = gateway.generation();
    gateway.write_rule(
        "personal-data",
        &rule.replace(
            "group: supervisors, phone: \"+37061234567\", expect: shown",
            "group: supervisors, phone: \"+37061234567\", expect: hidden",
        ),
    );
    assert_eventually!(gateway.generation() > generation, "{}", gateway.status());
    let after = client.get("/api/users/501").header("if-none-match", tag).await;
    after.assert_passed(200);
    assert_clean(&after);
}

#[tokio::test]
async fn live_events_reach_masked_callers_one_by_one_without_contact_data() {
    let gateway = Gateway::start().await;
    for persona in Persona::MASKED {
        let client = gateway.client().sign_in(persona).await;
        let mut events = client.get("/events").open().await;
        assert_eq!(events.headers()["content-type"], "text/event-stream");
        let first = String::from_utf8(events.next().await.unwrap().unwrap().to_vec()).unwrap();
        assert!(first.starts_with("data: ") && first.contains("Client "), "{first}");
        assert!(!first.contains("Мария"), "{first}");
        let text = json!({ "text": "Is anybody there?" });
        gateway.client().post("/widget/messages").json(&text).await.assert_passed(200);
        let event = String::from_utf8(events.next().await.unwrap().unwrap().to_vec()).unwrap();
        assert!(event.contains("Is anybody there?") && !event.contains("Мария"), "{event}");
    }
}

#[tokio::test]
async fn events_reach_who_is_blocked_from_files_alone() {
    let rules = "exempt_groups: [supervisors, trainees, partners]\n";
    let gateway = Gateway::builder().rule("personal-data", rules).start().await;
    for persona in [Persona::Trainee, Persona::Partner] {
        let client = gateway.client().sign_in(persona).await;
        assert!(client.get("/api/users/501").await.text().contains("+37061234567"));
        assert_eq!(client.get("/events").open().await.status(), 200);
    }
}

#[tokio::test]
async fn live_streams_pass_to_those_from_whom_nothing_is_kept() {
    let gateway = Gateway::start().await;
    for persona in [Persona::SuperAdmin, Persona::Supervisor] {
        let client = gateway.client().sign_in(persona).await;
        let mut socket = client.websocket("/live").await.unwrap_or_else(|answer| panic!("{}", answer.text()));
        let hello = socket.next().await.unwrap().unwrap().into_text().unwrap();
        assert!(hello.contains("Мария Иванова"), "{hello}");
        socket.send(Message::text(r#"{"type":"echo","n":1}"#)).await.unwrap();
        assert_eq!(socket.next().await.unwrap().unwrap().into_text().unwrap(), r#"{"type":"echo","n":1}"#);
        let mut events = client.get("/events").open().await;
        assert_eq!(events.headers()["content-type"], "text/event-stream");
        let first = events.next().await.unwrap().unwrap();
        assert!(first.starts_with(b"data: "), "{first:?}");
        // An event that happens while both are open reaches both.
        let text = json!({ "text": "Is anybody there?" });
        gateway.client().post("/widget/messages").json(&text).await.assert_passed(200);
        let event = socket.next().await.unwrap().unwrap().into_text().unwrap();
        assert!(event.contains("Is anybody there?"), "{event}");
        let event = events.next().await.unwrap().unwrap();
        assert!(String::from_utf8_lossy(&event).contains("Is anybody there?"));
        socket.close(None).await.unwrap();
    }
}

#[tokio::test]
async fn an_unknown_caller_sees_what_the_strictest_plan_leaves() {
    let gateway = Gateway::start().await;
    for stranger in [gateway.client(), gateway.client().with("cookie", "session=unknown")] {
        assert_clean(stranger.get("/odd/status/200").await.assert_passed(200));
        stranger.get("/odd/broken").await.assert_answer_refused(502, UNSCANNABLE);
        stranger.get("/events").await.assert_passed(401);
        assert_eq!(stranger.get("/avatars/operator-1005").await.status(), 200);
    }
}

#[tokio::test]
async fn json_under_another_name_is_rewritten_or_refused() {
    let card = r#"{"client_phone":"+37061234567"}"#;
    let answer = |head: &str, body: &str| {
        format!("HTTP/1.1 200 OK\r\n{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
    };
    let html = answer("Content-Type: text/html", card);
    let blank = answer("Content-Type: text/html; charset=utf-8", &format!("{}{card}", " \r\n\t".repeat(50)));
    let page = answer("Content-Type: text/html", "<!doctype html><p>Hello</p>");
    let coded = answer("Content-Type: text/html\r\nContent-Encoding: br", "\u{1}coded");
    let two = answer("Content-Type: application/json\r\nContent-Type: text/css", card);
    let style_then_json = answer("Content-Type: text/css\r\nContent-Type: application/json", card);
    let xml = answer("Content-Type: application/xml", "<phone>+37061234567</phone>");
    let digest = answer(
        "Content-Type: application/problem+json\r\nETag: \"a\"\r\nAccept-Ranges: bytes\r\nLast-Modified: Mon, 05 Jan 2026 08:00:00 GMT\r\n\
         Content-MD5: x\r\nDigest: sha-256=x\r\nContent-Digest: sha-256=:x:\r\nRepr-Digest: sha-256=:x:",
        card,
    );
    let until_close =
        format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n{card}");
    let answers = [
        ("/html", html),
        ("/blank", blank),
        ("/page", page),
        ("/coded", coded),
        ("/two", two),
        ("/style", style_then_json),
        ("/xml", xml),
        ("/digest", digest),
        ("/until-close", until_close.into_bytes()),
    ];
    let origin = Origin::start(move |mut exchange| {
        let answer = answers.iter().find(|(path, _)| *path == exchange.target()).unwrap().1.clone();
        async move {
            exchange.send(answer).await;
            None
        }
    })
    .await;
    let gateway = Gateway::builder().upstream(origin.address()).start().await;
    let client = gateway.client().with("cookie", Persona::Trainee.at_origin());
    for path in ["/html", "/blank", "/digest", "/until-close"] {
        let answer = client.get(path).await;
        assert_eq!(answer.status(), 200, "{path}: {}", answer.text());
        assert!(
            answer.text().contains("\"+999") && !answer.text().contains("+370"),
            "{path}: {}",
            answer.text()
        );
        for name in ["accept-ranges", "last-modified", "content-length", "content-md5", "repr-digest"] {
            assert_eq!(answer.header(name), None, "{path}");
        }
    }
    assert_eq!(client.get("/page").await.text(), "<!doctype html><p>Hello</p>");
    for path in ["/coded", "/two", "/style", "/xml"] {
        let answer = client.get(path).await;
        assert_eq!(
            (answer.status().as_u16(), answer.header("x-chatwarden-reason")),
            (502, Some(UNSCANNABLE)),
            "{path}"
        );
        assert!(!answer.text().contains("+370"));
    }
}

#[tokio::test]
async fn a_text_that_calls_itself_a_picture_or_a_style_does_not_pass() {
    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01";
    const SVG: &[u8] = b"<?xml version=\"1.0\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\"><rect/></svg>";
    const CSS: &[u8] = b"[data-x]{color:red}\n[type=\"a\"]{}";
    let card: &[u8] = br#" {"client_phone":"+37061234567"}"#;
    let list: &[u8] = b"\xef\xbb\xbf[{\"client_phone\":\"+37061234567\"}]";
    let guarded: &[u8] = b")]}',\n{\"client_phone\":\"+37061234567\"}";
    let gzip = |body: &[u8]| {
        let (mut encoder, mut out) = (Encoder::new(Coding::Gzip), Vec::new());
        encoder.write(body, &mut out).unwrap();
        encoder.finish(&mut out).unwrap();
        out
    };
    let types = ["image/png", "image/svg+xml", "text/css", "text/css; charset=windows-1251", "font/woff2"];
    let types = types.into_iter().chain(["audio/mpeg", "video/mp4", "application/wasm"]);
    let texts: Vec<(&str, &str, Vec<u8>)> = types
        .flat_map(|kind| {
            let bodies = [card, list, guarded].map(|body| (kind, "", body.to_vec()));
            let coded = [(kind, "gzip", gzip(card)), (kind, "x-none", card.to_vec())];
            bodies.into_iter().chain(coded.into_iter().filter(move |_| kind != "application/wasm"))
        })
        .collect();
    let files: Vec<(&str, &str, Vec<u8>)> = vec![
        ("image/png", "", PNG.to_vec()),
        ("image/png", "x-none", PNG.to_vec()),
        ("image/svg+xml", "", SVG.to_vec()),
        ("text/css", "", CSS.to_vec()),
        ("text/css; charset=utf-8", "gzip", gzip(CSS)),
        ("text/css", "", Vec::new()),
        ("font/woff2", "", b"wOF2\0\x01\0\0".to_vec()),
        ("video/mp4", "", b"\0\0\0 ftypisom".to_vec()),
        ("application/wasm", "", b"\0asm\x01\0\0\0".to_vec()),
    ];
    let scripts = ["application/javascript", "text/javascript", "application/ecmascript"];
    let scripts = scripts.map(|kind| (kind, "", card.to_vec()));
    let answers: Vec<_> = texts.iter().chain(&files).chain(&scripts).cloned().collect();
    let origin = Origin::start(move |mut exchange| {
        let at: usize = exchange.target().trim_start_matches('/').parse().unwrap();
        let (kind, coding, body) = answers[at].clone();
        let coding =
            if coding.is_empty() { String::new() } else { format!("Content-Encoding: {coding}\r\n") };
        let length = body.len();
        let head =
            format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\n{coding}Content-Length: {length}\r\n\r\n");
        async move {
            // The first bytes come alone, so that nothing can be judged by a length.
            let (first, rest) = body.split_at(length.min(1));
            exchange.send([head.as_bytes(), first].concat()).await;
            tokio::task::yield_now().await;
            exchange.send(rest).await;
            Some(exchange)
        }
    })
    .await;
    let gateway = Gateway::builder().without_rule("files").upstream(origin.address()).start().await;
    let operator = gateway.client().with("cookie", Persona::Trainee.at_origin());
    for (at, (kind, coding, _)) in texts.iter().enumerate() {
        let answer = operator.get(&format!("/{at}")).header("accept-encoding", "gzip").await;
        let is_cut = answer.status() == 200 && !answer.is_complete() && answer.assert_cut().is_empty();
        let is_refused = answer.status() == 502 && answer.header("x-chatwarden-reason") == Some(UNSCANNABLE);
        assert!(is_cut || is_refused, "{at} {kind} {coding}: {} {}", answer.status(), answer.text());
    }
    for (at, (kind, coding, body)) in files.iter().enumerate() {
        let target = format!("/{}", texts.len() + at);
        let answer = operator.get(&target).header("accept-encoding", "gzip").await;
        assert!(answer.is_complete() && answer.bytes() == body, "{kind} {coding}");
        let length = body.len().to_string();
        assert_eq!(answer.header("content-length"), Some(&*length), "{kind} {coding}");
        assert_eq!(answer.header("cache-control"), None, "{kind} {coding}");
    }
    for (at, (kind, _, _)) in scripts.iter().enumerate() {
        let answer = operator.get(&format!("/{}", texts.len() + files.len() + at)).await;
        assert!(
            answer.text().contains("\"+999") && !answer.text().contains("+370"),
            "{kind}: {}",
            answer.text()
        );
    }
}

#[tokio::test]
async fn the_apps_own_words_about_refusals_do_not_pass_for_the_gateways() {
    let body = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Chatwarden-Reason: internal-error\r\nX-Request-Id: forged\r\nContent-Length: 2\r\n\r\n{}";
    let origin = Origin::answering(body).await;
    let gateway = Gateway::builder().upstream(origin.address()).start().await;
    let answer = gateway.client().get("/forged").await;
    assert_eq!(answer.header("x-chatwarden-reason"), None);
    assert_ne!(answer.request_id(), "forged");
}

#[tokio::test]
async fn monitoring_counts_and_hides_nothing() {
    let gateway = Gateway::builder().monitor("personal-data").start().await;
    let client = gateway.client().sign_in(Persona::Operator).await;
    let (shown, real) = (client.get("/api/users/501").await, client.behind().get("/api/users/501").await);
    assert_eq!(shown.assert_passed(200).bytes(), real.bytes());
    let id = shown.request_id().to_owned();
    assert_eventually!(
        lines_with(&id).iter().any(|line| line.contains("Would be hidden")),
        "{:?}",
        lines_with(&id)
    );
    let line = lines_with(&id).into_iter().find(|line| line.contains("Would be hidden")).unwrap();
    let line: Value = serde_json::from_str(&line).unwrap();
    assert!(line["hidden"].as_u64().is_some_and(|hidden| hidden >= 8), "{line}");
    for path in ["/odd/csv", "/odd/gzip", "/odd/broken", "/odd/text-json"] {
        client.get(path).await.assert_passed(200);
    }
    client.websocket("/live").await.map(drop).unwrap_or_else(|answer| panic!("{}", answer.text()));
    assert_eq!(client.get("/events").open().await.status(), 200);
}

#[tokio::test]
async fn off_leaves_contact_data_to_the_app() {
    let gateway = Gateway::builder().rule("personal-data", "enabled: false\n").start().await;
    let client = gateway.client().sign_in(Persona::Operator).await;
    let (shown, real) = (client.get("/api/users/501").await, client.behind().get("/api/users/501").await);
    assert_eq!(shown.bytes(), real.bytes());
    assert_eq!(shown.header("cache-control"), real.header("cache-control"));
    client.get("/odd/csv").await.assert_passed(200);
    // What files.yaml hides it hides by itself.
    let trainee: Client = gateway.client().sign_in(Persona::Trainee).await;
    let messages = trainee.get("/api/conversations/901/messages").await;
    let text = messages.text();
    assert!(text.contains("Jūratė Kazlauskienė") && !text.contains("/files/"), "{text}");
}

/// Nothing of a client's contact data is in the answer, in any spelling of JSON.
#[track_caller]
fn assert_clean(answer: &Response) {
    let respelled = answer.json().to_string();
    for contact in CONTACTS {
        assert!(!respelled.contains(contact) && !answer.text().contains(contact), "{contact}: {respelled}");
    }
}

/// Only strings and numbers differ, and what was null stays null.
#[track_caller]
fn assert_same_shape(real: &Value, shown: &Value, place: &str) {
    match (real, shown) {
        (Value::Object(real), Value::Object(shown)) => {
            assert!(real.keys().eq(shown.keys()), "{place}");
            real.iter()
                .for_each(|(key, value)| assert_same_shape(value, &shown[key], &format!("{place} {key}")));
        }
        (Value::Array(real), Value::Array(shown)) => {
            assert_eq!(real.len(), shown.len(), "{place}");
            real.iter().zip(shown).for_each(|(real, shown)| assert_same_shape(real, shown, place));
        }
        (Value::String(_), Value::String(_)) | (Value::Number(_), Value::Number(_)) => {}
        (real, shown) => assert_eq!(real, shown, "{place}"),
    }
}

const CONTACTS: [&str; 26] = [
    "Kazlauskienė",
    "Jūratė",
    "Łukasz Wójcik",
    "Zoë O’Connor",
    "Мария Иванова",
    "王小明",
    "Müller & Söhne",
    "Grete Müller",
    "37061234567",
    "37061234570",
    "612 34 571",
    "30 5550123",
    "jurate.k@example.com",
    "lukasz.wojcik@example.org",
    "maria.ivanova@example.com",
    "xiaoming@example.net",
    "einkauf@mueller-soehne.example",
    "@lukasz_w",
    "visitor-88213",
    "xiaoming.wang.77",
    "/avatars/501",
    "/avatars/502",
    "/avatars/503",
    "/avatars/504",
    "/avatars/505",
    "/avatars/506",
];
