//! The contact data of the sample app's clients, and whether any of it stands in a text.

use http::StatusCode;
use serde_json::Value;

use crate::harness::{Gateway, Persona};

/// Everything by which a client of the sample app can be reached or recognised, in the usual spellings.
pub(super) struct Contacts {
    values: Vec<String>,
}

impl Contacts {
    /// Asks the gateway for them, as super-admin.
    pub(super) async fn of_all_clients(gateway: &Gateway) -> Contacts {
        let admin = gateway.client().sign_in(Persona::SuperAdmin).await;
        let conversations = admin.get("/api/conversations").await.json();
        let mut values = Vec::new();
        for conversation in conversations["data"].as_array().unwrap() {
            let answer = admin.get(&format!("/api/users/{}", conversation["from_user"]["user_id"])).await;
            assert_eq!(answer.status(), StatusCode::OK);
            let card = answer.json()["data"].take();
            let sender = &card["from_user"];
            for name in [&card["client_name"], &sender["title"]] {
                let name = written(name).unwrap();
                values.extend(
                    name.split_whitespace().filter(|word| word.chars().count() > 3).map(str::to_owned),
                );
                values.push(name);
            }
            for reached in
                [&card["client_phone"], &card["client_email"], &sender["service_user_id"], &card["avatar"]]
            {
                values.extend(written(reached).into_iter().flat_map(spellings));
            }
        }
        for value in &mut values {
            *value = value.to_lowercase();
        }
        values.sort();
        values.dedup();
        assert!(values.len() > 30, "{values:?}");
        Contacts { values }
    }

    /// Those that stand in a text.
    pub(super) fn within(&self, text: &str) -> Vec<&str> {
        let text = text.to_lowercase();
        self.values.iter().map(String::as_str).filter(|value| text.contains(value)).collect()
    }

    /// Those that stand in an answer: in its bytes, and in JSON without escapes.
    pub(super) fn within_body(&self, body: &[u8]) -> Vec<&str> {
        let mut found = self.within(&String::from_utf8_lossy(body));
        if let Ok(value) = serde_json::from_slice::<Value>(body) {
            found.extend(self.within(&value.to_string()));
        }
        found
    }
}

fn written(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn spellings(value: String) -> Vec<String> {
    let digits: String = value.chars().filter(char::is_ascii_digit).collect();
    let before_at = value.split_once('@').map(|(local, _)| local.to_owned());
    let others = [(digits.len() > 6).then_some(digits), before_at.filter(|local| local.len() > 5)];
    others.into_iter().flatten().chain([value]).collect()
}
