//! The documents that benches read: made here, the same in every run and on every machine.
//!
//! Dense ones hold a contact value in every hundred bytes or so, as pages of messages and clients do; sparse ones
//! have the shape and the density of two documents known from other benches, a timeline and a catalogue, indented
//! as these are. Every string that a masker would touch is non-empty, and no container is masked, so that all
//! contestants count alike.
#![allow(dead_code, reason = "no bench reads all of them")]

use std::fmt::Write as _;

/// The names whose values are hidden, at any depth.
pub(crate) const KEYS: [&str; 7] =
    ["phone", "email", "name", "username", "screen_name", "avatar", "profile_image_url"];

/// A document by its name.
pub(crate) fn document(name: &str) -> Option<Vec<u8>> {
    let text = match name {
        "messages" => messages(100_500),
        "clients" => clients(1_500),
        "timeline" => timeline(100),
        "catalogue" => catalogue(184),
        "small" => messages(1_500),
        "frame" => frame(),
        "page" => page(297, 1),
        "page-texts" => page(297, 297),
        _ => return None,
    };
    Some(text.into_bytes())
}

/// Every document's name, and what it is.
pub(crate) const DOCUMENTS: [(&str, &str); 6] = [
    ("messages", "a page of messages, 100 KB"),
    ("clients", "a list of clients, 1 MB"),
    ("timeline", "indented, few contacts, 400 KB (as twitter.json)"),
    ("catalogue", "indented, hardly any contacts, 1.6 MB (as citm_catalog.json)"),
    ("small", "an answer of 2 KB"),
    ("frame", "a WebSocket message of 200 B"),
];

/// A page of messages: compact, some Cyrillic, some escapes.
pub(crate) fn messages(bytes: usize) -> String {
    let mut draw = Draw(1);
    let mut out = String::from("{\"messages\":[");
    let mut number = 0;
    while out.len() < bytes {
        if number > 0 {
            out.push(',');
        }
        let (first, last) = (draw.pick(&FIRST), draw.pick(&LAST));
        let text = draw.pick(&TEXTS);
        let time = 1_700_000_000 + number * 61;
        let phone = draw.below(10_000_000);
        let _ = write!(
            out,
            r#"{{"id":{},"type":"in","created":{time},"text":"{text} №{number}","status":"delivered","sender":{{"id":{},"name":"{first} {last}","phone":"+7900{phone:07}","email":"client{number}@example.com","avatar":"https:\/\/cdn.example.com\/avatars\/{number}.jpg","username":null}},"transport":"whatsapp","channel_id":17404,"dialog_id":{},"operator_id":null,"request_id":{},"extra_data":null,"is_deleted":false,"unread":{},"attachments":[]}}"#,
            900_000_000 + number,
            17_340_000 + draw.below(50_000),
            700_000 + draw.below(9_000),
            5_000_000 + number,
            number % 2 == 0,
        );
        number += 1;
    }
    out.push_str("]}");
    out
}

/// A page as benches/proxy.sh has it, of so many rows, which have so many different texts.
pub(crate) fn page(rows: usize, texts: usize) -> String {
    let mut draw = Draw(3);
    let texts: Vec<String> = (0..texts)
        .map(|_| match texts {
            1 => r"Hello, where is my order?\nThank you \u2014 \u2764".to_owned(),
            _ => format!("{} {} {}", draw.pick(&TEXTS), draw.pick(&FIRST), draw.below(100_000)),
        })
        .collect();
    let mut out = String::from(r#"{"status": 200, "data": ["#);
    for (number, text) in (0..rows).zip(texts.iter().cycle()) {
        let separator = if number == 0 { "" } else { ", " };
        let _ = write!(
            out,
            r#"{separator}{{"id": {number}, "conversation_id": {}, "client_name": "Anna Kowalska {number}", "client_phone": "+3706{number:07}", "client_email": "anna{number}@example.com", "from_user": {{"title": "Anna {number}", "service_user_id": "@anna{number}", "avatar": "https://cdn.example.com/{number}.jpg"}}, "text": "{text}", "date": {}}}"#,
            number % 97,
            1_795_300_000_000_u64 + number as u64,
        );
    }
    out.push_str("]}");
    out
}

/// A list of clients: twenty fields each, five of them contacts.
pub(crate) fn clients(count: usize) -> String {
    let mut draw = Draw(2);
    let mut out = String::from("{\"data\":[");
    for number in 0..count {
        if number > 0 {
            out.push(',');
        }
        let (first, last) = (draw.pick(&FIRST), draw.pick(&LAST));
        let phone = draw.below(10_000_000);
        let _ = write!(
            out,
            r#"{{"id":{},"name":"{first} {last}","phone":"+3706{phone:07}","email":"{number}.client@mail.example","username":"user_{phone}","avatar":"https://cdn.example.com/a/{number}.png","created":"2026-03-{:02}T10:{:02}:00Z","first_message":"2026-03-01T09:59:00Z","external_service":"shop","custom_fields":{{"1":"gold","7":null}},"region_id":{},"country_id":7,"score":{}.25,"tags":["vip","{}"],"comment":"{}","note":"{}\n\"{}\"","assigned":null,"is_blocked":false,"channel_id":{},"transport":"whatsapp","unread":{},"last_message":"{}","external":null}}"#,
            17_000_000 + number,
            1 + number % 28,
            number % 60,
            draw.below(90),
            draw.below(1_000),
            draw.pick(&["late", "new", "опт", "returns"]),
            draw.pick(&TEXTS),
            draw.pick(&TEXTS),
            draw.pick(&TEXTS),
            17_400 + draw.below(9),
            draw.below(20),
            draw.pick(&TEXTS),
        );
    }
    out.push_str("]}");
    out
}

/// A timeline of posts: indented by two, wide characters, long runs of links, hashtags and numbers.
pub(crate) fn timeline(count: usize) -> String {
    let mut draw = Draw(3);
    let mut out = String::from("{\n  \"statuses\": [");
    for number in 0..count {
        let between = if number > 0 { "," } else { "" };
        let id = 505_874_000_000_000_000 + number * 48_611;
        let _ = write!(
            out,
            "{between}\n    {{\n      \"metadata\": {{\n        \"result_type\": \"recent\",\n        \"iso_language_code\": \"ja\"\n      }},\n      \"created_at\": \"Sun Aug 31 00:29:{:02} +0000 2014\",\n      \"id\": {id},\n      \"id_str\": \"{id}\",\n      \"text\": \"@aym0566x \\n\\n{}\\n{}\",\n      \"source\": \"<a href=\\\"https://mobile.example.com\\\" rel=\\\"nofollow\\\">Mobile Web</a>\",\n      \"truncated\": false,\n      \"in_reply_to_status_id\": null,\n      \"in_reply_to_user_id\": {},\n      \"in_reply_to_user_id_str\": \"{}\",",
            number % 60,
            draw.pick(&POSTS),
            draw.pick(&POSTS),
            draw.below(900_000_000),
            draw.below(900_000_000),
        );
        user(&mut out, &mut draw, number);
        let _ = write!(
            out,
            "\n      \"geo\": null,\n      \"coordinates\": null,\n      \"place\": null,\n      \"contributors\": null,\n      \"retweet_count\": {},\n      \"favorite_count\": {},\n      \"entities\": {{\n        \"hashtags\": [],\n        \"symbols\": [],",
            draw.below(90),
            draw.below(90),
        );
        if number % 4 != 0 {
            let _ = write!(
                out,
                "\n        \"user_mentions\": [\n          {{\n            \"screen_name\": \"mention{number}\",\n            \"name\": \"{}\",\n            \"id\": {id},\n            \"id_str\": \"{id}\",\n            \"indices\": [\n              0,\n              9\n            ]\n          }}\n        ],",
                draw.pick(&POSTS),
            );
        }
        for kind in ["thumb", "small", "medium", "large"] {
            let _ = write!(
                out,
                "\n        \"{kind}\": {{\n          \"media_url_https\": \"https://pbs.example.com/media/{:016x}.jpg\",\n          \"url\": \"http://t.example.co/{:010x}\",\n          \"w\": {},\n          \"h\": 340,\n          \"resize\": \"fit\",\n          \"indices\": [\n            {},\n            {}\n          ]\n        }},",
                draw.bits(),
                draw.bits() >> 24,
                draw.below(1_200),
                draw.below(70),
                draw.below(140),
            );
        }
        let _ = write!(
            out,
            "\n        \"urls\": []\n      }},\n      \"favorited\": false,\n      \"retweeted\": false,\n      \"lang\": \"ja\"\n    }}"
        );
    }
    out.push_str(
        "\n  ],\n  \"search_metadata\": {\n    \"completed_in\": 0.087,\n    \"count\": 100\n  }\n}\n",
    );
    out
}

fn user(out: &mut String, draw: &mut Draw, number: usize) {
    let id = 1_186_275_104 + number * 31;
    let _ = write!(
        out,
        "\n      \"user\": {{\n        \"id\": {id},\n        \"id_str\": \"{id}\",\n        \"name\": \"{}\",\n        \"screen_name\": \"ayuu{id}\",\n        \"location\": \"{}\",\n        \"description\": \"{}\\n{}{}\",\n        \"url\": null,\n        \"entities\": {{\n          \"description\": {{\n            \"urls\": []\n          }}\n        }},",
        draw.pick(&POSTS),
        draw.pick(&LAST),
        draw.pick(&POSTS),
        draw.pick(&POSTS),
        draw.pick(&POSTS),
    );
    for field in ["followers", "friends", "listed", "favourites", "statuses"] {
        let _ = write!(out, "\n        \"{field}_count\": {},", draw.below(30_000));
    }
    let flags = [
        "protected",
        "geo_enabled",
        "verified",
        "contributors_enabled",
        "is_translator",
        "is_translation_enabled",
        "profile_background_tile",
        "profile_use_background_image",
        "default_profile",
        "default_profile_image",
        "following",
        "follow_request_sent",
        "notifications",
    ];
    for flag in flags {
        let _ = write!(out, "\n        \"{flag}\": {},", draw.below(3) == 0);
    }
    for colour in ["background", "link", "sidebar_border", "sidebar_fill", "text"] {
        let _ = write!(out, "\n        \"profile_{colour}_color\": \"{:06X}\",", draw.below(1 << 24));
    }
    let _ = write!(
        out,
        "\n        \"created_at\": \"Sat Feb 16 13:46:25 +0000 2013\",\n        \"utc_offset\": null,\n        \"time_zone\": \"Irkutsk\",\n        \"lang\": \"en\",\n        \"profile_background_image_url\": \"http://abs.example.com/images/themes/theme1/bg.png\",\n        \"profile_image_url\": \"http://pbs.example.com/profile_images/{id}/photo_normal.jpeg\",\n        \"profile_banner_url\": \"https://pbs.example.com/profile_banners/{id}/1409318784\"\n      }},"
    );
}

/// A catalogue of events and performances: indented by four, mostly blanks, brackets and numbers.
pub(crate) fn catalogue(events: usize) -> String {
    let mut draw = Draw(4);
    let mut out = String::from("{\n    \"areaNames\": {");
    for area in 0..17 {
        let comma = if area > 0 { "," } else { "" };
        let _ = write!(out, "{comma}\n        \"2057059{area:02}\": \"{}\"", draw.pick(&LAST));
    }
    out.push_str("\n    },\n    \"audienceSubCategoryNames\": {\n        \"337100890\": \"Abonné\"\n    },\n    \"blockNames\": {},\n    \"events\": {");
    for event in 0..events {
        let comma = if event > 0 { "," } else { "" };
        let id = 138_586_341 + event * 13;
        let _ = write!(
            out,
            "{comma}\n        \"{id}\": {{\n            \"description\": null,\n            \"id\": {id},\n            \"logo\": \"/images/UE0AAAAACEKo6QAAAAZDSVRN\",\n            \"name\": \"{}\",\n            \"subTopicIds\": [\n                337184269,\n                337184283\n            ],\n            \"subjectCode\": null,\n            \"subtitle\": null,\n            \"topicIds\": [\n                324846099,\n                107888604\n            ]\n        }}",
            draw.pick(&TEXTS[..2]),
        );
    }
    out.push_str("\n    },\n    \"performances\": [");
    for performance in 0..events * 4 / 3 {
        let comma = if performance > 0 { "," } else { "" };
        let id = 339_887_544 + performance * 7;
        let _ = write!(
            out,
            "{comma}\n        {{\n            \"eventId\": {},\n            \"id\": {id},\n            \"logo\": null,\n            \"name\": null,\n            \"prices\": [",
            138_586_341 + performance * 3,
        );
        for price in 0..4 {
            let comma = if price > 0 { "," } else { "" };
            let _ = write!(
                out,
                "{comma}\n                {{\n                    \"amount\": {},\n                    \"audienceSubCategoryId\": 337100890,\n                    \"seatCategoryId\": {}\n                }}",
                draw.below(90) * 1_250,
                338_937_235 + price,
            );
        }
        out.push_str("\n            ],\n            \"seatCategories\": [");
        for category in 0..4 {
            let comma = if category > 0 { "," } else { "" };
            let _ = write!(out, "{comma}\n                {{\n                    \"areas\": [");
            for area in 0..7 + draw.below(3) {
                let comma = if area > 0 { "," } else { "" };
                let _ = write!(
                    out,
                    "{comma}\n                        {{\n                            \"areaId\": 2057059{area:02},\n                            \"blockIds\": []\n                        }}"
                );
            }
            let _ = write!(
                out,
                "\n                    ],\n                    \"seatCategoryId\": {}\n                }}",
                338_937_235 + category
            );
        }
        let _ = write!(
            out,
            "\n            ],\n            \"seatMapImage\": null,\n            \"start\": {},\n            \"venueCode\": \"PLEYEL_PLEYEL\"\n        }}",
            1_372_701_600_000_usize + performance * 86_400,
        );
    }
    out.push_str("\n    ],\n    \"venueNames\": {\n        \"PLEYEL_PLEYEL\": \"Salle Pleyel\"\n    }\n}\n");
    out
}

/// One event as a socket brings it.
pub(crate) fn frame() -> String {
    concat!(
        r#"{"event":"message.created","data":{"id":900000042,"text":"Добрый день, заказ уже едет","#,
        r#""sender":{"id":17340089,"name":"Пётр Иванов","phone":"+79001234567"},"unread":true},"seq":1841}"#
    )
    .to_owned()
}

/// A generator of its own: xorshift.
struct Draw(u64);

impl Draw {
    fn bits(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.bits() >> 33) as usize % bound
    }

    fn pick(&mut self, from: &[&'static str]) -> &'static str {
        from[self.below(from.len())]
    }
}

const FIRST: [&str; 8] = ["Пётр", "Анна", "José", "Maria", "Zoë", "Ольга", "Jonas", "Svetlana"];
const LAST: [&str; 8] = ["Иванов", "Коваленко", "Ñandú", "Petrova", "Müller", "Ким", "Kazlauskas", "O'Neill"];
const TEXTS: [&str; 6] = [
    "Good evening",
    "Your parcel is on its way",
    "Здравствуйте! Заказ отправлен",
    "Спасибо за ожидание,\\nскоро ответим",
    "Is it \\\"in stock\\\" already?",
    "https:\\/\\/example.com\\/order?id=7",
];
const POSTS: [&str; 6] = [
    "名前:前田あゆみ 第一印象:なんか怖っ!",
    "今の印象:とりあえずキモい。噛み合わない",
    "好きなところ:ぶすでキモいとこ😋✨✨",
    "Thanks for the follow, see you at the show tonight",
    "思い出:んーーー、ありすぎ😊❤️ LINE交換できる?:あぁ……ごめん✋",
    "トプ画をみて:照れますがな😘✨ 一言:お前は一生もんのダチ💖",
];
