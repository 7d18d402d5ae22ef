//! The sample people and conversations. All invented: `example.*` domains and made-up numbers.
//!
//! Message texts quote no contact data: what is hidden stands in fields, so that a masked page shows none of it.

use std::collections::VecDeque;

use serde_json::{Value, json};

use super::caller::Sessions;
use super::state::{Client, Conversation, Group, Kind, Message, Operator, State, Webhook, time_ago};

pub(super) fn state() -> State {
    let operators = operators();
    let mut state = State {
        sessions: Sessions::default(),
        groups: groups(),
        clients: clients(),
        conversations: Vec::new(),
        uploads: VecDeque::new(),
        webhooks: vec![Webhook {
            id: 1,
            url: "https://crm.example.com/hooks/chat".to_owned(),
            events: vec!["on_conversation_assigned".to_owned(), "on_conversation_closed".to_owned()],
        }],
        outbox: VecDeque::new(),
        next_id: 7000,
        operators,
    };
    for (id, client, operator, lines) in conversations() {
        let operator =
            operator.and_then(|id: u64| state.operators.iter().find(|other| other.id == id).cloned());
        state.conversations.push(Conversation {
            id,
            client,
            operator: operator.clone(),
            status: "open",
            messages: VecDeque::new(),
        });
        for (minutes, line) in lines {
            let mut message = match line {
                Line::Client(text) => Message::text(Kind::Text, None, text),
                Line::Operator(text) => Message::text(Kind::Text, operator.clone(), text),
                Line::Note(text) => Message::text(Kind::Note, operator.clone(), text),
                Line::File(url) => Message::file(None, url),
            };
            message.date_created = time_ago(minutes);
            state.add_message(id, message);
        }
    }
    state
}

fn operators() -> Vec<Operator> {
    let operator = |id, name: &str, email: &str, phone: &str, role: &str, groups: &[&str]| Operator {
        id,
        name: name.to_owned(),
        email: email.to_owned(),
        phone: phone.to_owned(),
        role: role.to_owned(),
        groups: groups.iter().map(|&group| group.to_owned()).collect(),
    };
    vec![
        operator(1001, "Ona Petraitė", "owner@example.com", "+37060000101", "super_admin", &[]),
        operator(
            1002,
            "Simon Berg",
            "simon@example.com",
            "+37060000102",
            "operator",
            &["Supervisors", "Support"],
        ),
        operator(1003, "Anna Nowak", "anna@example.com", "+37060000103", "operator", &["Trainees"]),
        operator(1004, "Paul Rossi", "paul@partner.example.net", "+37060000104", "operator", &["Partners"]),
        operator(1005, "Ieva Žukė", "ieva@example.com", "+37060000105", "operator", &["Support"]),
    ]
}

fn groups() -> Vec<Group> {
    let group = |id, title: &str, priority, color: &str, is_default| Group {
        id,
        user_id: 1001,
        title: title.to_owned(),
        priority,
        color: color.to_owned(),
        is_default,
    };
    vec![
        group(11, "Support", 1, "#2563eb", true),
        group(12, "Supervisors", 2, "#7c3aed", false),
        group(13, "Trainees", 3, "#d97706", false),
        group(14, "Partners", 4, "#0d9488", false),
    ]
}

fn clients() -> Vec<Client> {
    let client =
        |id, application: &str, title: &str, name: &str, phone: Value, email: Option<&str>, handle: Value| {
            Client {
                id,
                application: application.to_owned(),
                title: title.to_owned(),
                name: name.to_owned(),
                phone,
                email: email.map(str::to_owned),
                handle,
                language: "en".to_owned(),
                page: None,
                tags: vec!["retail".to_owned()],
                orders: vec![(format!("A-{}", 20_480 + id), "64.90 EUR".to_owned())],
                since: time_ago(60 * 24 * 30),
            }
        };
    let lukasz_page =
        ("Returns and exchanges".to_owned(), "https://shop.example.com/help/returns".to_owned());
    let maria_page = ("Checkout".to_owned(), "https://shop.example.com/checkout?step=2".to_owned());
    vec![
        Client {
            language: "lt".to_owned(),
            tags: vec!["VIP".to_owned(), "invoice".to_owned()],
            orders: vec![
                ("A-20981".to_owned(), "128.40 EUR".to_owned()),
                ("A-20644".to_owned(), "39.00 EUR".to_owned()),
            ],
            ..client(
                501,
                "whatsapp",
                "Jūratė Kazlauskienė",
                "Jūratė Kazlauskienė",
                json!("+37061234567"),
                Some("jurate.k@example.com"),
                json!("37061234567"),
            )
        },
        Client {
            language: "pl".to_owned(),
            page: Some(lukasz_page),
            ..client(
                502,
                "telegrambot",
                "Łukasz Wójcik",
                "Łukasz Wójcik",
                Value::Null,
                Some("lukasz.wojcik@example.org"),
                json!("@lukasz_w"),
            )
        },
        client(
            503,
            "viber",
            "Zoë O’Connor",
            "Zoë O’Connor",
            json!(37_061_234_570_u64),
            None,
            json!(37_061_234_570_u64),
        ),
        Client {
            language: "ru".to_owned(),
            page: Some(maria_page),
            ..client(
                504,
                "livechat",
                "Мария Иванова",
                "Мария Иванова",
                json!("+370 612 34 571"),
                Some("maria.ivanova@example.com"),
                json!("visitor-88213"),
            )
        },
        client(
            505,
            "facebook",
            "王小明",
            "王小明",
            Value::Null,
            Some("xiaoming@example.net"),
            json!("xiaoming.wang.77"),
        ),
        client(
            506,
            "email",
            "Müller & Söhne GmbH",
            "Grete Müller",
            json!("+49 30 5550123"),
            Some("einkauf@mueller-soehne.example"),
            json!("einkauf@mueller-soehne.example"),
        ),
    ]
}

enum Line {
    Client(&'static str),
    Operator(&'static str),
    Note(&'static str),
    File(&'static str),
}

/// Number, client, operator, and the lines with their age in minutes.
#[expect(clippy::type_complexity, reason = "a table, read only above")]
fn conversations() -> Vec<(u64, u64, Option<u64>, Vec<(i64, Line)>)> {
    use Line::{Client, File, Note, Operator};
    vec![
        (
            901,
            501,
            Some(1005),
            vec![
                (46, Client("Good morning! My parcel arrived, but the box is crushed on one side.")),
                (45, File("/files/parcel.png")),
                (43, Operator("Good morning, and thank you for the picture. Is anything inside broken?")),
                (41, Client("One of the two cups. Here is the invoice, so that you find the order faster.")),
                (40, File("/files/invoice.pdf")),
                (38, Note("Offer a replacement; the carrier has been told.")),
                (36, Operator("A new cup leaves our warehouse today, free of charge.")),
                (34, Client("Wonderful, thank you! 🙏")),
            ],
        ),
        (
            902,
            502,
            Some(1002),
            vec![
                (95, Client("Hi, can I still return shoes I bought five weeks ago?")),
                (90, Operator("Hi! Returns are open for 60 days if they have not been worn outside.")),
                (88, Client("Great. Which carrier should I use?")),
            ],
        ),
        (
            903,
            503,
            Some(1005),
            vec![
                (130, Client("Is the “Baltic blue” kettle coming back in stock?")),
                (126, Operator("Yes, on Thursday. Shall I keep one for you?")),
                (124, Client("Please do – I’ll collect it at the shop.")),
            ],
        ),
        (904, 504, None, vec![(12, Client("Здравствуйте! Карта не проходит на шаге оплаты."))]),
        (
            905,
            505,
            Some(1003),
            vec![
                (240, Client("你好，我可以修改送货地址吗？")),
                (236, Operator("Hello! Yes, as long as the parcel has not left. Which order is it?")),
            ],
        ),
        (
            906,
            506,
            None,
            vec![(
                300,
                Client("We would like 40 gift boxes for our team in December. Do you offer company prices?"),
            )],
        ),
    ]
}
