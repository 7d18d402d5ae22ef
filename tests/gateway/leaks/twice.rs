//! Two answers in a row: what the first one taught of an account is hidden in the second one.

use serde_json::json;

use super::{
    Place, Served, builder,
    served::{Answers, Cuts, Framing},
    token,
};
use crate::harness::{Client, Gateway, Persona};

const CARD: &str =
    r#"{"client":{"name":"Ona Petrauskienė","phone":"+37061234567","user":"ona_petrauskiene"}}"#;
/// Copies in fields that nobody declared, in names and numbers of every spelling, in a type of its own.
const LATER: &str = r#"{"title":"Chat with ONA PETRAUSKIEN\u0116","to":"370 612 34567","log":"by ona_petrauskiene","order":"A-20981"}"#;
const PROFILE: &str = "app: x\ncontact_fields: { name: [$..client.name], phone: [$..client.phone], handle: [$..client.user] }\nmessage_text: [$..text]\n";

#[tokio::test]
async fn a_second_answer_hides_what_the_first_one_taught() {
    let place = Place::start(PROFILE, ["super_admin", "operator"]).await;
    place.tell(1, "application/json", CARD);
    place.tell(2, "application/json", LATER);
    let (one, other) = (place.client(1, "operator"), place.client(2, "operator"));
    // Who has not been shown the card has nothing to find copies of: the control of this test.
    assert_eq!(other.get("/log?case=2").await.text(), LATER);
    assert_eq!(one.get("/log?case=2").await.text(), LATER);
    one.get("/card?case=1").await;
    assert_hidden(&one, "/log?case=2").await;
    assert_eq!(other.get("/log?case=2").await.text(), LATER, "accounts share what they learn");
    assert_eq!(place.client(3, "super_admin").get("/log?case=2").await.text(), LATER);
}

#[tokio::test]
async fn fields_of_a_header_hide_what_an_answer_taught() {
    let place = Place::start(PROFILE, ["super_admin", "operator"]).await;
    place.tell(1, "application/json", CARD);
    let location = "Location: /find?name=Ona%20Petrauskien%C4%97&user=ona_petrauskiene&page=2\r\n";
    let head = format!("Content-Type: application/json\r\n{location}");
    place.answers.tell(2, Served { head, body: b"{}".to_vec(), cuts: Cuts::None, framing: Framing::Length });
    let client = place.client(1, "operator");
    assert!(client.get("/x?case=2").await.header("location").unwrap().contains("name=Ona%20"));
    client.get("/card?case=1").await;
    let answer = client.get("/x?case=2").await;
    let location = answer.header("location").unwrap();
    assert!(
        !location.contains("Ona") && !location.contains("ona_") && location.ends_with("&page=2"),
        "{location}"
    );
}

#[tokio::test]
async fn an_account_that_the_app_tells_of_is_taught_the_same() {
    let answers = Answers::start().await;
    let source =
        json!({ "path": "/api/me", "from": [{ "cookie": "session" }], "account": "$.id", "role": "$.role" });
    let gateway: Gateway = builder(PROFILE, "super_admin")
        .config("identity", json!([{ "introspection": source }]))
        .upstream(answers.origin.address())
        .start()
        .await;
    let place = Place::of(gateway, answers, ["super_admin", "operator"]);
    place.tell(1, "application/json", CARD);
    place.tell(2, "application/json", LATER);
    let client = place.gateway.client().with("cookie", Persona::Operator.at_origin());
    assert_eq!(client.get("/log?case=2").await.text(), LATER);
    client.get("/card?case=1").await;
    assert_hidden(&client, "/log?case=2").await;
    // Nobody's answers teach nobody.
    let nobody =
        place.gateway.client().with("authorization", &format!("Bearer {}", token(&json!({ "sub": "1" }))));
    nobody.get("/card?case=1").await;
    assert_eq!(nobody.get("/log?case=2").await.text(), LATER);
}

async fn assert_hidden(client: &Client, target: &str) {
    let shown = client.get(target).await;
    let text = shown.text();
    for contact in ["PETRAUSK", "petrausk", "34567", "\\u0116"] {
        assert!(!text.contains(contact), "{contact}: {text}");
    }
    assert!(text.contains("Chat with ") && text.ends_with(r#","order":"A-20981"}"#), "{text}");
}

impl Place {
    fn tell(&self, number: usize, content_type: &str, body: &str) {
        let head = format!("Content-Type: {content_type}\r\n");
        let served = Served { head, body: body.into(), cuts: Cuts::None, framing: Framing::Length };
        self.answers.tell(number, served);
    }
}
