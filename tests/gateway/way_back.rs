//! The way back: what a masked operator saves, searches and sends reaches the app with the real values, or not at all.

use bytes::Bytes;
use chatwarden_redact::codings::{Coding, Encoder};
use http::Method;
use serde_json::{Value, json};

use crate::harness::{Call, Client, Gateway, Persona, Response, would_be_refused};

const MASKED: &str = "masked-value";
const IN_MESSAGE: &str = "alias-in-message";
const QUERY: &str = "hidden-field-query";
const UPDATE: &str = "/api/users/update";
const START: &str = "/api/conversations/start";
const FORM: &str = "application/x-www-form-urlencoded";

/// The aliases of client 501 and what they stand for.
struct Aliases {
    phone: String,
    email: String,
    name: String,
    handle: String,
}

const PHONE: &str = "+37061234567";
const EMAIL: &str = "jurate.k@example.com";
const NAME: &str = "Jūratė Kazlauskienė";
const HANDLE: &str = "37061234567";

impl Aliases {
    async fn of(client: &Client) -> Aliases {
        let card = client.get("/api/users/501").await.json()["data"].clone();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        Aliases {
            phone: text(&card["client_phone"]),
            email: text(&card["client_email"]),
            name: text(&card["client_name"]),
            handle: text(&card["from_user"]["service_user_id"]),
        }
    }

    /// Puts aliases in the place of their words.
    fn put(&self, text: &str) -> String {
        let known =
            [("PHONE", &self.phone), ("EMAIL", &self.email), ("NAME", &self.name), ("HANDLE", &self.handle)];
        known.iter().fold(text.to_owned(), |text, (word, alias)| text.replace(word, alias))
    }
}

/// Puts real values in the place of the words.
fn real(text: &str) -> String {
    let known = [("PHONE", PHONE), ("EMAIL", EMAIL), ("NAME", NAME), ("HANDLE", HANDLE)];
    known.iter().fold(text.to_owned(), |text, (word, value)| text.replace(word, value))
}

fn escaped(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// The body as it reached the app.
#[track_caller]
fn arrived(answer: &Response) -> String {
    let seen = answer.seen().expect("the app did not see the request");
    assert_eq!(seen.body_len, seen.body.len(), "the recorder saw a part only");
    String::from_utf8(seen.body).unwrap()
}

/// A gateway whose app is spelled by this profile.
async fn with_profile(profile: &str) -> Gateway {
    let builder = Gateway::builder().file("profiles/ours.yaml", profile);
    builder.config("profile", json!("profiles/ours.yaml")).start().await
}

async fn operator(gateway: &Gateway) -> (Client, Aliases) {
    let client = gateway.client().sign_in(Persona::Operator).await;
    let aliases = Aliases::of(&client).await;
    (client, aliases)
}

#[tokio::test]
async fn a_masked_operator_works_a_whole_shift() {
    let gateway = Gateway::start().await;
    for persona in Persona::MASKED {
        let client = gateway.client().sign_in(persona).await;
        let behind = client.behind();
        let aliases = Aliases::of(&client).await;
        // Finds the client by what the card shows.
        for alias in [&aliases.phone, &aliases.email, &aliases.name] {
            let found = client.get(&format!("/api/search?q={}", escaped(alias))).await;
            assert_eq!(found.assert_passed(200).json()["data"][0]["user_id"], 501, "{persona:?}");
            assert!(found.text().contains(&aliases.phone) && !found.text().contains(PHONE));
        }
        // Opens the card, corrects the name and saves the whole of it.
        let mut card = client.get("/api/users/501").await.json()["data"].clone();
        card["client_name"] = json!(format!("Jurate ({})", persona.id()));
        client.post(UPDATE).json(&card).await.assert_passed(200);
        let saved = behind.get("/api/users/501").await.json()["data"].clone();
        assert_eq!(saved["client_name"], format!("Jurate ({})", persona.id()));
        assert_eq!((&saved["client_phone"], &saved["client_email"]), (&json!(PHONE), &json!(EMAIL)));
        assert_eq!(saved["contacts"]["phones"][0], PHONE);
        // Writes to the client first.
        let body = json!({ "client_phone": aliases.phone, "text": "Good morning!" });
        let started = client.post(START).json(&body).await;
        assert_eq!(started.assert_passed(200).json()["data"]["from_user"]["user_id"], 501);
        let id = started.json()["data"]["id"].as_u64().unwrap();
        let said = behind.get(&format!("/api/conversations/{id}/messages")).await.json();
        assert_eq!(said["data"][0]["text"], "Good morning!");
        // Looks at the card by the number in the path.
        let path = format!("/api/clients/{}", escaped(&aliases.phone));
        assert_eq!(client.get(&path).await.assert_passed(200).json()["data"]["user_id"], 501);
    }
}

#[tokio::test]
async fn what_is_saved_searched_and_started_arrives_with_the_real_values() {
    let gateway = Gateway::start().await;
    let (client, aliases) = operator(&gateway).await;
    let saved = [
        (UPDATE, r#"{"user_id":501,"client_phone":"PHONE","client_email":"EMAIL","client_name":"NAME"}"#),
        (
            UPDATE,
            r#"{ "user_id" : 501 , "from_user":{"title":"NAME","service_user_id":"HANDLE"}, "tags":["a\u0062"] }"#,
        ),
        (
            UPDATE,
            r#"{"user_id":501,"contacts":{"phones":["PHONE"],"emails":[{"value":"EMAIL","verified":true}]}}"#,
        ),
        (UPDATE, r#"{"user_id":501,"client_name":"somebody else"}"#),
        (START, r#"{"client_phone":"PHONE","text":"Call me at noon"}"#),
        ("/api/search", r#"{"q":"EMAIL","page":0}"#),
        ("/api/search", r#"{"phone":"PHONE","where":{"email":["EMAIL"]},"sort":"date_created"}"#),
    ];
    for (path, body) in saved {
        let answer = client.post(path).body("application/json", aliases.put(body)).await;
        answer.assert_passed(200);
        assert_eq!(arrived(&answer), real(body));
        let length = answer.seen().unwrap().headers["content-length"].to_str().unwrap().to_owned();
        assert_eq!(length, real(body).len().to_string());
    }
    for (path, pairs, status) in [
        (UPDATE, "user_id=501&client_phone=PHONE&tags=a+b", 200),
        (START, "client_phone=PHONE&text=Hello%21", 200),
        ("/api/search", "q=EMAIL&sort=-date_created", 200),
        ("/api/search", "phone=PHONE&q=", 200),
    ] {
        let sent =
            pairs.replace("PHONE", &escaped(&aliases.phone)).replace("EMAIL", &escaped(&aliases.email));
        let expected = pairs.replace("PHONE", "%2B37061234567").replace("EMAIL", "jurate.k%40example.com");
        let answer = client.post(path).form(&sent).await;
        answer.assert_passed(status);
        assert_eq!(arrived(&answer), expected);
        if path == "/api/search" {
            let answer = client.get(&format!("{path}?{sent}")).await;
            assert_eq!(answer.assert_passed(200).seen().unwrap().target, format!("{path}?{expected}"));
        }
    }
    let answer = client.get(&format!("/api/clients/{}?x=1", aliases.phone)).await;
    assert_eq!(answer.assert_passed(200).seen().unwrap().target, "/api/clients/%2B37061234567?x=1");
}

#[tokio::test]
async fn an_alias_is_known_however_the_app_spells_it() {
    let gateway = Gateway::start().await;
    let (client, aliases) = operator(&gateway).await;
    let escapes = |text: &str| text.chars().map(|c| format!("\\u{:04x}", u32::from(c))).collect::<String>();
    for spelled in [
        aliases.name.to_uppercase(),
        aliases.name.to_lowercase(),
        format!("  {} ", aliases.name),
        aliases.name.replace(' ', "\u{a0}"),
        escapes(&aliases.name),
    ] {
        let answer =
            client.post(UPDATE).body("application/json", format!(r#"{{"client_name":"{spelled}"}}"#)).await;
        assert_eq!(arrived(&answer), format!(r#"{{"client_name":"{NAME}"}}"#));
    }
    // A number comes back as the number that it was.
    let card = client.get("/api/users/503").await.json()["data"].clone();
    let answer = client.post(UPDATE).json(&json!({ "client_phone": card["client_phone"] })).await;
    assert_eq!(arrived(&answer), r#"{"client_phone":37061234570}"#);
}

#[tokio::test]
async fn a_mask_is_never_written() {
    let gateway = Gateway::start().await;
    let (client, aliases) = operator(&gateway).await;
    let supervisor = gateway.client().sign_in(Persona::Supervisor).await;
    let admin = gateway.client().sign_in(Persona::SuperAdmin).await;
    let refused = [
        // Where an alias is not restored: other routes, other fields, another class, no alias of anybody.
        ("/api/conversations/send-message", r#"{"conversation_id":901,"client_phone":"PHONE"}"#, MASKED),
        ("/api/conversations/close", r#"{"conversation_id":"HANDLE"}"#, MASKED),
        ("/api/operators/create", r#"{"operator_email":"EMAIL"}"#, MASKED),
        ("/api/webhooks/1", r#"{"url":"https://x.example/PHONE","events":[]}"#, IN_MESSAGE),
        ("/conversations/901/download", r#"{"email":"EMAIL"}"#, MASKED),
        (START, r#"{"client_phone":"EMAIL"}"#, MASKED),
        (START, r#"{"client_phone":"+999000000000000"}"#, MASKED),
        (START, r#"{"client_name":"Client 7F3KQ-2MX9U"}"#, MASKED),
        (START, r#"{"PHONE":1}"#, MASKED),
        (START, r#"{"client_phone":"PHONE","client_phone":"PHONE","tags":["EMAIL"]}"#, MASKED),
        // What stands for nothing.
        (START, r#"{"client_phone":"hidden"}"#, MASKED),
        (START, r#"{"client_phone":0}"#, MASKED),
        (START, r#"{"client_phone":"+•••••••07"}"#, MASKED),
        (START, r#"{"client_email":"hidden@client.invalid"}"#, MASKED),
        (START, r#"{"client_email":"m•••@•••.com"}"#, MASKED),
        // A client is not greeted by an alias.
        (
            "/api/conversations/send-message",
            r#"{"conversation_id":901,"text":"Dear NAME, hello"}"#,
            IN_MESSAGE,
        ),
        ("/api/conversations/send-note", r#"{"conversation_id":901,"text":"PHONE called"}"#, IN_MESSAGE),
        (START, r#"{"client_phone":"PHONE","text":"Dear NAME"}"#, IN_MESSAGE),
        (UPDATE, r#"{"user_id":501,"client_name":"NAME (old)"}"#, IN_MESSAGE),
    ];
    for (path, body, reason) in refused {
        let method = if path == "/api/webhooks/1" { Method::PUT } else { Method::POST };
        let panel = path.starts_with("/api/webhooks");
        // Marks are known in the writes of everybody.
        for caller in [&client, &supervisor, &admin] {
            if panel && !std::ptr::eq(caller, &admin) {
                continue;
            }
            let answer = caller.call(method.clone(), path).body("application/json", aliases.put(body)).await;
            answer.assert_refused(409, reason);
        }
    }
    for (target, reason) in [
        ("/api/conversations?client_phone=PHONE", MASKED),
        ("/api/conversations?client_phone=0", MASKED),
        ("/api/conversations?page=0&note=about+NAME", IN_MESSAGE),
        ("/api/users/HANDLE", MASKED),
        ("/api/conversations/EMAIL/messages", MASKED),
        ("/api/me?client_phone=PHONE", MASKED),
        ("/api/webhooks?client_phone=PHONE", MASKED),
        ("/api/clients/HANDLE", MASKED),
    ] {
        let target = ["PHONE", "EMAIL", "NAME", "HANDLE"]
            .iter()
            .fold(target.to_owned(), |target, word| target.replace(word, &escaped(&aliases.put(word))));
        for caller in [&client, &supervisor, &admin] {
            // The panel is for the super-admin alone, who is refused like the others.
            if target.starts_with("/api/webhooks") && !std::ptr::eq(caller, &admin) {
                continue;
            }
            let answer = caller.get(&target).await;
            answer.assert_refused(409, reason);
        }
    }
}

#[tokio::test]
async fn a_masked_member_of_an_update_is_left_out() {
    let gateway = Gateway::start().await;
    let (client, aliases) = operator(&gateway).await;
    let cases = [
        (
            UPDATE,
            "application/json",
            r#"{"user_id":501,"client_phone":"hidden","client_email":"EMAIL"}"#,
            r#"{"user_id":501,"client_email":"EMAIL"}"#,
        ),
        (UPDATE, "application/json", r#"{"client_phone":0,"user_id":501}"#, r#"{"user_id":501}"#),
        (UPDATE, "application/json", r#"{"user_id":501,"nick":"NAME"}"#, r#"{"user_id":501}"#),
        (UPDATE, FORM, "user_id=501&client_phone=hidden", "user_id=501"),
        (
            "/odd/echo",
            "application/merge-patch+json",
            r#"{"client_phone":"hidden","status":"open"}"#,
            r#"{"status":"open"}"#,
        ),
    ];
    for (path, kind, body, expected) in cases {
        let answer = client.post(path).body(kind, aliases.put(body)).await;
        assert_eq!(answer.header("x-chatwarden-reason"), None);
        assert_eq!(arrived(&answer), real(expected), "{body}");
    }
    let body = r#"{"client_email":"EMAIL","status":"open"}"#;
    let answer = client.call(Method::PATCH, "/odd/echo").body("application/json", aliases.put(body)).await;
    assert_eq!(arrived(&answer), r#"{"status":"open"}"#, "nothing is restored here");
    // An item of a list cannot be left out: the list would replace the one that is there.
    let body = json!({ "user_id": 501, "contacts": { "phones": ["hidden"] } });
    client.post(UPDATE).json(&body).await.assert_refused(409, MASKED);
}

#[tokio::test]
async fn partial_and_hidden_forms_do_not_come_back() {
    let rules = "display: { name: partial, phone: hidden, email: partial, handle: partial }\n";
    let gateway = Gateway::builder().rule("personal-data", rules).start().await;
    let client = gateway.client().sign_in(Persona::Operator).await;
    for id in 501..=506 {
        let card = client.get(&format!("/api/users/{id}")).await.json()["data"].clone();
        let real = client.behind().get(&format!("/api/users/{id}")).await.json()["data"].clone();
        let mut form = json!({ "user_id": id, "language": "en" });
        for field in ["client_name", "client_phone", "client_email"] {
            form[field] = card[field].clone();
        }
        client.post(UPDATE).json(&form).await.assert_passed(200);
        let saved = client.behind().get(&format!("/api/users/{id}")).await.json()["data"].clone();
        for field in ["client_name", "client_phone", "client_email"] {
            assert_eq!(saved[field], real[field], "{id} {field}");
        }
    }
}

#[tokio::test]
async fn hidden_fields_answer_no_guesses() {
    let gateway = Gateway::start().await;
    let (client, aliases) = operator(&gateway).await;
    let supervisor = gateway.client().sign_in(Persona::Supervisor).await;
    let queries = [
        "q=%2B370",
        "q=J",
        "Q=J",
        "q[]=J",
        "q%5Bcontains%5D=J",
        "q.like=J",
        "q__startswith=J",
        "x=1;q=J",
        "x=1&q=&q=J",
        "phone=%2B37061234567",
        "email=jurate",
        "name=J%C5%ABrat%C4%97",
        "handle[gte]=3",
        "phone=+999",
        "sort=phone",
        "sort=-client_phone",
        "sort=clientName%20desc",
        "sort[email]=asc",
        "sort=date_created,name",
        "SORT=from_user.title",
    ];
    for query in queries {
        client.get(&format!("/api/search?{query}")).await.assert_refused(403, QUERY);
        client.get(&format!("/api/Search/?{query}")).await.assert_refused(403, QUERY);
        client.post("/api/search").form(query).await.assert_refused(403, QUERY);
        supervisor.get(&format!("/api/search?{query}")).await.assert_passed(200);
    }
    for body in [
        json!({ "q": "J" }),
        json!({ "Q": ["", "J"] }),
        json!({ "where": { "phone": { "like": "+370%" } } }),
        json!({ "q": 370 }),
        json!({ "sort": ["date", "email"] }),
        json!({ "sort": { "client_phone": 1 } }),
        json!({ "sort": [{ "field": "phone" }] }),
    ] {
        client.post("/api/search").json(&body).await.assert_refused(403, QUERY);
        // By whatever type the app may read it.
        client.post("/api/search").body("text/plain", body.to_string()).await.assert_refused(403, QUERY);
        supervisor.post("/api/search").json(&body).await.assert_passed(200);
    }
    client.get("/api/clients/%2B37061234567").await.assert_refused(403, QUERY);
    supervisor.get("/api/clients/%2B37061234567").await.assert_passed(200);
    let parts = multipart(&[("q", "J")]);
    client.post("/api/search").body(BOUNDARY, parts).await.assert_refused(403, QUERY);
    // What tells nothing passes.
    for query in ["", "q=", "q=%20", "sort=date_created", "sort=-user_id", "page=2&limit=10", "qq=J"] {
        client.get(&format!("/api/search?{query}")).await.assert_passed(200);
    }
    let found = client.get(&format!("/api/search?phone={}", escaped(&aliases.phone))).await;
    assert_eq!(found.assert_passed(200).json()["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_search_that_only_monitors_is_told_and_not_refused() {
    let gateway = Gateway::builder().monitor("personal-data").start().await;
    let client = gateway.client().sign_in(Persona::Operator).await;
    let answer = client.get("/api/search?q=J").await;
    answer.assert_passed(200);
    let told = would_be_refused(answer.request_id());
    assert_eq!(told, [(QUERY.to_owned(), "personal-data.yaml:8".to_owned())]);
    let answer = client.post(UPDATE).json(&json!({ "user_id": 501, "client_phone": 0 })).await;
    assert_eq!(arrived(&answer), r#"{"client_phone":0,"user_id":501}"#);
}

#[tokio::test]
async fn nobody_is_given_real_values_without_an_account() {
    let gateway = Gateway::start().await;
    let (_, aliases) = operator(&gateway).await;
    let body = aliases.put(r#"{"client_phone":"PHONE"}"#);
    let answer = gateway.client().post(START).body("application/json", body).await;
    answer.assert_refused(409, MASKED);
}

#[tokio::test]
async fn a_body_is_restored_however_it_is_sent() {
    let gateway = Gateway::start().await;
    let (client, aliases) = operator(&gateway).await;
    for filling in [0, 70 * 1024, 300 * 1024] {
        let body = |phone: &str| {
            let filling = "x".repeat(filling);
            format!(r#"{{"user_id":501,"page":"{filling}","client_phone":"{phone}","client_name":"Jurate"}}"#)
        };
        let (sent, expected) = (body(&aliases.phone), body(PHONE));
        let whole = client.post(UPDATE).body("application/json", sent.clone()).await;
        let cuts = [sent.len(), 1000, 4096, 65_536, 65_537, 7919];
        let mut answers = vec![whole];
        for cut in cuts {
            let chunks = sent.as_bytes().chunks(cut).map(Bytes::copy_from_slice).collect();
            answers.push(client.post(UPDATE).chunks("application/json", chunks).await);
        }
        let waits = client.post(UPDATE).header("expect", "100-continue");
        answers.push(waits.body("application/json", sent.clone()).await);
        for answer in answers {
            answer.assert_passed(200);
            let seen = answer.seen().unwrap();
            assert_eq!(seen.body_len, expected.len());
            assert_eq!(seen.body, expected.as_bytes()[..seen.body.len()]);
        }
        let saved = client.behind().get("/api/users/501").await.json()["data"]["client_phone"].clone();
        assert_eq!(saved, PHONE);
    }
}

#[tokio::test]
async fn a_refused_body_never_completes_however_it_is_sent() {
    let gateway = Gateway::start().await;
    let (client, aliases) = operator(&gateway).await;
    for filling in [0, 70 * 1024, 300 * 1024] {
        let body = format!(r#"{{"page":"{}","text":"Dear {}"}}"#, "x".repeat(filling), aliases.name);
        let path = "/api/conversations/send-message";
        client.post(path).body("application/json", body.clone()).await.assert_refused(409, IN_MESSAGE);
        let chunks = body.as_bytes().chunks(9973).map(Bytes::copy_from_slice).collect();
        client
            .post(path)
            .chunks("application/json", chunks)
            .await
            .assert_refused_for_its_body(409, IN_MESSAGE);
    }
}

#[tokio::test]
async fn the_connection_serves_the_next_request() {
    let gateway = Gateway::start().await;
    let (client, aliases) = operator(&gateway).await;
    let mut raw = client.raw().await;
    let host = gateway.address();
    let post = |filling: usize| {
        let body =
            format!(r#"{{"user_id":501,"p":"{}","client_phone":"{}"}}"#, "x".repeat(filling), aliases.phone);
        format!(
            "POST {UPDATE} HTTP/1.1\r\nHost: {host}\r\nCookie: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            client.cookie(),
            body.len()
        )
    };
    for filling in [0, 70_000, 10, 300_000, 0] {
        raw.write(post(filling)).await;
        let answer = raw.response().await.expect("the connection ended");
        answer.assert_passed(200);
        assert_eq!(
            answer.seen().unwrap().body_len,
            post(filling).split("\r\n\r\n").nth(1).unwrap().len() - aliases.phone.len() + PHONE.len()
        );
    }
    for part in ["POST /api/users/update HTTP/1.1\r\nHost: h\r\nCookie: "] {
        // One byte at a time.
        let request = format!(
            "{part}{}\r\nContent-Type: application/json\r\nContent-Length: {{}}\r\n\r\n",
            client.cookie()
        );
        let body = aliases.put(r#"{"user_id":501,"client_phone":"PHONE"}"#);
        let request =
            request.replace("{}", &body.len().to_string()).replace("Host: h", &format!("Host: {host}"))
                + &body;
        for byte in request.bytes() {
            raw.write([byte]).await;
        }
        let answer = raw.response().await.expect("the connection ended");
        assert_eq!(arrived(answer.assert_passed(200)), real(r#"{"user_id":501,"client_phone":"PHONE"}"#));
    }
}

#[tokio::test]
async fn text_parts_of_a_form_are_restored_and_files_pass_as_they_are() {
    let gateway = Gateway::start().await;
    let (client, aliases) = operator(&gateway).await;
    let form = |phone: &str, file: &[u8]| {
        let mut body = multipart_fields(&[("user_id", "501"), ("contact[phone]", phone)]);
        body.extend_from_slice(b"--b7\r\nContent-Disposition: form-data; name=\"avatar\"; filename=\"a.png\"\r\nContent-Type: image/png\r\n\r\n");
        body.extend_from_slice(file);
        body.extend_from_slice(b"\r\n--b7--\r\n");
        body
    };
    for length in [10, 70_000, 200_000] {
        let file: Vec<u8> = (0..length).map(|n: u32| n.wrapping_mul(197) as u8).collect();
        let answer = client.post(UPDATE).body(BOUNDARY, form(&aliases.phone, &file)).await;
        let seen = answer.seen().unwrap();
        assert_eq!(seen.body, form(PHONE, &file));
    }
    client
        .post(UPDATE)
        .body(BOUNDARY, multipart(&[("text", &format!("Dear {}", aliases.name))]))
        .await
        .assert_refused(409, IN_MESSAGE);
    client
        .post(START)
        .body(BOUNDARY, multipart(&[("client_phone", "hidden")]))
        .await
        .assert_refused(409, MASKED);
    let answer =
        client.post(UPDATE).body(BOUNDARY, multipart(&[("user_id", "1"), ("client_phone", "hidden")])).await;
    assert_eq!(arrived(&answer).into_bytes(), multipart(&[("user_id", "1")]));
    // What two servers may read differently is refused to those from whom something is hidden, and nobody else.
    let odd = String::from_utf8(multipart(&[("a", "b")])).unwrap().replace("--b7--", "--b7\n");
    client.post(UPDATE).body(BOUNDARY, odd.clone()).await.assert_refused(415, "unscannable-body");
    let supervisor = gateway.client().sign_in(Persona::Supervisor).await;
    assert_eq!(arrived(&supervisor.post(UPDATE).body(BOUNDARY, odd.clone()).await), odd);
}

#[tokio::test]
async fn an_upload_of_any_length_passes_and_is_watched() {
    let gateway = Gateway::start().await;
    let (client, aliases) = operator(&gateway).await;
    let supervisor = gateway.client().sign_in(Persona::Supervisor).await;
    let upload = |length: usize, caption: &str| {
        let mut body =
            b"--b7\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.bin\"\r\n\r\n".to_vec();
        body.resize(body.len() + length, b'x');
        body.extend_from_slice(b"\r\n");
        body.extend(multipart(&[("caption", caption)]));
        body
    };
    for length in [1 << 10, 100 << 10, 6 << 20] {
        for caller in [&client, &supervisor] {
            let body = upload(length, "as discussed");
            let (whole, cut) = (body.len(), body.chunks(60_000).map(Bytes::copy_from_slice).collect());
            let answer = caller.post("/upload").body(BOUNDARY, body).await;
            assert_eq!(answer.assert_passed(200).json()["data"]["file_size"], length);
            assert_eq!(answer.seen().unwrap().headers["content-length"], whole.to_string().as_str());
            let answer = caller.post("/upload").chunks(BOUNDARY, cut).await;
            assert_eq!(answer.assert_passed(200).json()["data"]["file_size"], length);
            let waits = caller.post("/upload").header("expect", "100-continue");
            waits.body(BOUNDARY, upload(length, "")).await.assert_passed(200);
            let refused = caller.post("/upload").body(BOUNDARY, upload(length, &aliases.name)).await;
            assert_eq!(
                (refused.status().as_u16(), refused.header("x-chatwarden-reason")),
                (409, Some(MASKED))
            );
            // What the app has of it is no whole form.
            let seen = refused.seen().map_or(0, |seen| seen.body_len);
            assert!(seen < upload(length, &aliases.name).len(), "the app has all of it");
        }
    }
}

#[tokio::test]
async fn a_coded_body_is_judged_as_what_it_is() {
    let gateway = Gateway::start().await;
    let (client, aliases) = operator(&gateway).await;
    let supervisor = gateway.client().sign_in(Persona::Supervisor).await;
    let gzip = |text: &str| {
        let (mut encoder, mut coded) = (Encoder::new(Coding::Gzip), Vec::new());
        encoder.write(text.as_bytes(), &mut coded).unwrap();
        encoder.finish(&mut coded).unwrap();
        coded
    };
    let send = |caller: &Client, path: &str, body: Vec<u8>| -> Call {
        caller.post(path).header("content-encoding", "gzip").body("application/json", body)
    };
    for filling in [0, 200_000] {
        let text = format!(r#"{{"user_id":501,"p":"{}","client_phone":"PHONE"}}"#, "x".repeat(filling));
        for caller in [&client, &supervisor] {
            let answer = send(caller, UPDATE, gzip(&aliases.put(&text))).await;
            answer.assert_passed(200);
            let seen = answer.seen().unwrap();
            assert_eq!((seen.body_len, seen.headers.get("content-encoding")), (real(&text).len(), None));
            assert_eq!(seen.headers["content-length"], real(&text).len().to_string().as_str());
        }
    }
    let text = aliases.put(r#"{"conversation_id":901,"text":"Dear NAME"}"#);
    send(&client, "/api/conversations/send-message", gzip(&text)).await.assert_refused(409, IN_MESSAGE);
    send(&client, UPDATE, b"no gzip".to_vec()).await.assert_refused(415, "unscannable-body");
    let odd = client.post(UPDATE).header("content-encoding", "compress").body("application/json", "{}");
    odd.await.assert_refused(415, "unscannable-body");
    let odd =
        supervisor.post(UPDATE).header("content-encoding", "compress").body("application/json", "{}").await;
    assert_eq!(
        (arrived(&odd).as_str(), &odd.seen().unwrap().headers["content-encoding"]),
        ("{}", &"compress".parse().unwrap())
    );
    let bomb = gzip(&(0..900_000).map(|n| format!("{n:x} ")).collect::<String>());
    send(&client, UPDATE, bomb).await.assert_refused(413, "limit-reached");
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_to_who_is_masked() {
    let gateway = Gateway::start().await;
    let (client, aliases) = operator(&gateway).await;
    let supervisor = gateway.client().sign_in(Persona::Supervisor).await;
    for body in ["{", r#"{"a":1}x"#, "\u{feff}{}", r#"{"client_phone":"PHONE""#] {
        let body = aliases.put(body);
        client
            .post(UPDATE)
            .body("application/json", body.clone())
            .await
            .assert_refused(415, "unscannable-body");
        assert_eq!(arrived(&supervisor.post(UPDATE).body("application/json", body.clone()).await), body);
    }
    // Where members decide what is declared, two readers must read alike.
    let twice = aliases.put(r#"{"q":"PHONE","Q":"x"}"#);
    client.post("/api/search").body("application/json", twice).await.assert_refused(403, QUERY);
    // A text that is JSON is read as such, and any other for aliases.
    let text = aliases.put(r#"{"user_id":501,"client_phone":"PHONE"}"#);
    for kind in ["text/plain", "", "application/x-unknown", "text/plain;charset=UTF-8"] {
        let answer = client.post(UPDATE).body(kind, text.clone()).await;
        assert_eq!(arrived(&answer), real(r#"{"user_id":501,"client_phone":"PHONE"}"#), "{kind}");
        let answer = client.post("/odd/echo").body(kind, aliases.put("<a>NAME</a>")).await;
        answer.assert_refused(409, IN_MESSAGE);
    }
    // Files hold no fields.
    for kind in ["application/octet-stream", "image/png", "application/pdf"] {
        let answer = client.post("/odd/echo").body(kind, aliases.phone.clone()).await;
        assert_eq!(arrived(&answer), aliases.phone);
    }
}

#[tokio::test]
async fn long_bodies_are_refused_to_who_is_masked_and_pass_for_others() {
    let gateway = Gateway::builder().config("limits", json!({ "inspected_body": "100KiB" })).start().await;
    let client = gateway.client().sign_in(Persona::Operator).await;
    let supervisor = gateway.client().sign_in(Persona::Supervisor).await;
    let body = format!(r#"{{"p":"{}"}}"#, "x".repeat(200_000));
    let chunks = || body.as_bytes().chunks(30_000).map(Bytes::copy_from_slice).collect::<Vec<_>>();
    client
        .post("/odd/echo")
        .body("application/json", body.clone())
        .await
        .assert_refused(413, "limit-reached");
    client
        .post("/odd/echo")
        .chunks("application/json", chunks())
        .await
        .assert_refused_for_its_body(413, "limit-reached");
    assert_eq!(arrived(&supervisor.post("/odd/echo").body("application/json", body.clone()).await), body);
    assert_eq!(arrived(&supervisor.post("/odd/echo").chunks("application/json", chunks()).await), body);
    // A file that nobody named.
    assert_eq!(arrived(&client.post("/odd/echo").body("application/x-tar-like", body.clone()).await), body);
}

#[tokio::test]
async fn guesses_are_counted_by_account() {
    let gateway = Gateway::builder().config("limits", json!({ "contact_writes": "3/h" })).start().await;
    let (client, aliases) = operator(&gateway).await;
    let guess = |n: u32| json!({ "user_id": 501, "client_name": format!("Jurate {n}") });
    for n in 0..3 {
        client.post(UPDATE).json(&guess(n)).await.assert_passed(200);
    }
    client.post(UPDATE).json(&guess(3)).await.assert_refused(429, "limit-reached");
    client
        .post(UPDATE)
        .form("user_id=501&client_email=a%40b.example")
        .await
        .assert_refused(429, "limit-reached");
    // Aliases are no guesses, and colleagues have their own count.
    let body = aliases.put(r#"{"user_id":501,"client_phone":"PHONE"}"#);
    client.post(UPDATE).body("application/json", body).await.assert_passed(200);
    let partner = gateway.client().sign_in(Persona::Partner).await;
    partner.post(UPDATE).json(&guess(4)).await.assert_passed(200);
    let supervisor = gateway.client().sign_in(Persona::Supervisor).await;
    for n in 5..10 {
        supervisor.post(UPDATE).json(&guess(n)).await.assert_passed(200);
    }
}

#[tokio::test]
async fn a_route_that_would_tell_restores_nothing() {
    let profile = r#"app: ours
extends: blinger
restore: ["PUT /api/notes/{client_name}"]
queries: [ { route: "PUT /api/notes/{client_name}", sort: [by] } ]
"#;
    let gateway = with_profile(profile).await;
    let (client, aliases) = operator(&gateway).await;
    // A segment that is called like a field is one; what it becomes is judged anew.
    let target = format!("/api/notes/{}", escaped(&aliases.name));
    let answer = client.call(Method::PUT, &target).await;
    let spelled = "/api/notes/J%C5%ABrat%C4%97%20Kazlauskien%C4%97";
    assert_eq!(answer.seen().expect("the app did not see it").target, spelled);
    // Other spellings of the route are not the one that restores.
    client.call(Method::PUT, &target.replace("notes", "Notes")).await.assert_refused(409, MASKED);
    client.call(Method::PUT, &format!("{target}/")).await.assert_refused(409, MASKED);
}

#[tokio::test]
async fn what_the_app_repeats_of_a_restored_value_is_hidden_again() {
    let profile = "app: ours\nextends: blinger\nrestore: [\"GET /odd/echo\"]\nqueries: [ { route: \"GET /odd/echo\", search: [q] } ]\n";
    let gateway = with_profile(profile).await;
    let (_, aliases) = operator(&gateway).await;
    // Has not been shown the client.
    let client = gateway.client().sign_in(Persona::Partner).await;
    for alias in [&aliases.phone, &aliases.email, &aliases.name] {
        let answer = client.get(&format!("/odd/echo?q={}", escaped(alias))).await;
        let target = answer.assert_passed(200).seen().unwrap().target;
        assert!(!target.contains(&escaped(alias)), "{target}");
        let shown = answer.text();
        for value in ["37061234567", "jurate.k", "Kazlausk"] {
            assert!(!shown.contains(value), "{shown}");
        }
    }
}

#[tokio::test]
async fn lines_of_json_are_restored_one_by_one() {
    let profile = "app: ours\nextends: blinger\nrestore: [\"POST /odd/echo\"]\nqueries: [ { route: \"POST /odd/echo\", search: [q] } ]\n";
    let gateway = with_profile(profile).await;
    let (client, aliases) = operator(&gateway).await;
    let send = async |kind: &str, body: String| client.post("/odd/echo").body(kind, body).await;
    let phone = &aliases.phone;
    for kind in ["application/x-ndjson", "application/jsonl; charset=utf-8"] {
        let body =
            format!("{{\"index\":{{}}}}\n{{\"client_phone\":\"{phone}\"}}\r\n\n{{\"q\":\"{phone}\"}}\n");
        assert_eq!(arrived(&send(kind, body.clone()).await), body.replace(phone, PHONE));
        for (line, status, reason) in [
            (format!("{{\"text\":\"Dear {phone}\"}}"), 409, "alias-in-message"),
            (format!("{{\"title\":\"{phone}\"}}"), 409, "masked-value"),
            ("{\"client_phone\":0}".to_owned(), 409, "masked-value"),
            ("{\"q\":\"370\"}".to_owned(), 403, "hidden-field-query"),
        ] {
            let refused = send(kind, format!("{{\"a\":1}}\n{line}\n")).await;
            refused.assert_refused(status, reason);
        }
    }
}

#[tokio::test]
async fn the_action_log_is_told_no_real_value() {
    let profile = "app: ours\nextends: blinger\nrestore: [\"POST /odd/echo\"]\nactions: [ { type: call.start, route: \"POST /odd/echo\", target: { json: $.client_phone } } ]\n";
    let gateway = with_profile(profile).await;
    let (client, aliases) = operator(&gateway).await;
    let body = json!({ "client_phone": aliases.phone });
    assert_eq!(arrived(&client.post("/odd/echo").json(&body).await), real(r#"{"client_phone":"PHONE"}"#));
    let find = async || {
        gateway
            .actions()
            .await
            .into_iter()
            .find(|action| action["type"].as_str().is_some_and(|kind| kind.starts_with("call.start")))
    };
    assert_eventually!(find().await.is_some());
    assert_eq!(find().await.unwrap()["target"], aliases.phone.as_str());
    let log = gateway.actions().await;
    assert!(!log.iter().any(|action| action.to_string().contains("37061234567")), "{log:#?}");
}

const BOUNDARY: &str = "multipart/form-data; boundary=b7";

fn multipart_fields(fields: &[(&str, &str)]) -> Vec<u8> {
    let part = |(name, value): &(&str, &str)| {
        format!("--b7\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    fields.iter().map(part).collect::<String>().into_bytes()
}

fn multipart(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut body = multipart_fields(fields);
    body.extend_from_slice(b"--b7--\r\n");
    body
}
