//! Tests of the shapes that files are checked by.

use super::*;

const ENTRY: &[Field] = &[
    Field::new("group", "The group.", Shape::Text("a group's name")).required(),
    Field::new("block", "What its members may not do.", Shape::List(&Shape::Words(BLOCK))).required(),
];
const BLOCK: &[Word] = &[
    Word::new("send", "Sending files."),
    Word::new("receive", "Opening files."),
    Word::new("preview", "Looking at pictures.").later(),
];
const KEYS: &[Field] = &[
    Field::new("secret_file", "A file with the secret.", Shape::Text("a file name")),
    Field::new("jwks_url", "Where the keys are fetched.", Shape::Text("an address")).later(),
];
const FILE: Shape = Shape::Object(&[
    Field::new("enabled", "Whether the setting is on.", Shape::Bool).default("true"),
    Field::new("groups", "Who may not do what.", Shape::List(&Shape::Object(ENTRY))),
    Field::new(
        "addresses",
        "Networks.",
        Shape::List(&Shape::Union(&[
            Shape::NETWORK,
            Shape::Object(&[
                Field::new("address", "A network.", Shape::NETWORK).required(),
                Field::new("expires", "Its last day.", Shape::Date),
            ]),
        ])),
    ),
    Field::new(
        "members",
        "By group.",
        Shape::Map { key: "a group's name", of: &Shape::List(&Shape::Text("an account")) },
    ),
    Field::new(
        "types",
        "Which actions.",
        Shape::Union(&[Shape::Words(&[Word::new("all", "")]), Shape::List(&Shape::Text("a type"))]),
    ),
    Field::new("keys", "How tokens are checked.", Shape::Tagged(KEYS)),
    Field::new("tls", "Encryption.", Shape::Union(&[Shape::Bool, Shape::Later(&Shape::Object(KEYS))])),
    Field::new(
        "keep",
        "How long.",
        Shape::Duration { min: Duration::from_secs(60), max: Duration::from_secs(3600) },
    ),
    Field::new("body", "How much.", Shape::Size { min: 1, max: 4 << 20 }),
    Field::new("connections", "How many.", Shape::Integer { min: 1, max: 100 }),
    Field::new("keep_signed_in", "Cookies.", Shape::Bool).later(),
    Field::new("proxy_protocol", "PROXY.", Shape::Bool).only("false"),
    Field::new("trusted_proxies", "Proxies.", Shape::List(&Shape::NETWORK)).only("[]"),
]);

#[test]
fn every_difference_is_reported_at_its_place() {
    let cases: &[(&str, &str)] = &[
        (
            "adresses: []\nenabeld: true\nnetworks: []\n",
            "error[unknown-key]: unknown key `adresses`
  --> rules/files.yaml:1:1
   |
 1 | adresses: []
   | ^^^^^^^^
   = help: did you mean `addresses`? known here: `enabled`, `groups`, `addresses`, `members`, `types`, `keys`, `tls`, `keep`, `body`, `connections`, `proxy_protocol`, `trusted_proxies`
error[unknown-key]: unknown key `enabeld`
  --> rules/files.yaml:2:1
   |
 2 | enabeld: true
   | ^^^^^^^
   = help: did you mean `enabled`? known here: `enabled`, `groups`, `addresses`, `members`, `types`, `keys`, `tls`, `keep`, `body`, `connections`, `proxy_protocol`, `trusted_proxies`
error[unknown-key]: unknown key `networks`
  --> rules/files.yaml:3:1
   |
 3 | networks: []
   | ^^^^^^^^
   = help: known here: `enabled`, `groups`, `addresses`, `members`, `types`, `keys`, `tls`, `keep`, `body`, `connections`, `proxy_protocol`, `trusted_proxies`
",
        ),
        (
            "enabled: yes\ntypes: 5\n",
            "error[wrong-type]: expected `true` or `false`, found the text `yes`
  --> rules/files.yaml:1:10
   |
 1 | enabled: yes
   |          ^^^
   = help: write `true` or `false`, without quotes; `yes`, `no`, `on` and `off` are text
error[wrong-type]: expected `all` or a list, found the number `5`
  --> rules/files.yaml:2:8
   |
 2 | types: 5
   |        ^
   = help: write a list, also of one: `[ … ]`
",
        ),
        (
            "groups:\n  - { group: 1043, block: [send] }\n  - { block: [recieve, preview] }\n",
            "error[wrong-type]: expected a group's name, found the number `1043`
  --> rules/files.yaml:2:14
   |
 2 |   - { group: 1043, block: [send] }
   |              ^^^^
   = help: write it in quotes: `\"1043\"`
error[missing-key]: `group` is missing
  --> rules/files.yaml:3:5
   |
 3 |   - { block: [recieve, preview] }
   |     ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
   = help: add `group`: The group.
error[unknown-value]: unknown value `recieve`
  --> rules/files.yaml:3:15
   |
 3 |   - { block: [recieve, preview] }
   |               ^^^^^^^
   = help: did you mean `receive`? known here: `send` or `receive`
error[not-supported-yet]: `preview` is not supported yet
  --> rules/files.yaml:3:24
   |
 3 |   - { block: [recieve, preview] }
   |                        ^^^^^^^
   = help: use `send` or `receive`
",
        ),
        (
            "addresses:\n  - 10\n  - { address: 203.0.113.0/24, expires: 2027-02-30 }\n  - { adress: 203.0.113.0/24 }\n",
            "error[wrong-type]: expected a network such as `203.0.113.0/24` or a mapping, found the number `10`
  --> rules/files.yaml:2:5
   |
 2 |   - 10
   |     ^^
   = help: write it in quotes: `\"10\"`
error[malformed-value]: expected a date such as `2027-01-31`, found the text `2027-02-30`
  --> rules/files.yaml:3:41
   |
 3 |   - { address: 203.0.113.0/24, expires: 2027-02-30 }
   |                                         ^^^^^^^^^^
   = help: the calendar has no such day
error[unknown-key]: unknown key `adress`
  --> rules/files.yaml:4:7
   |
 4 |   - { adress: 203.0.113.0/24 }
   |       ^^^^^^
   = help: did you mean `address`? known here: `address`, `expires`
",
        ),
        (
            "groups:\nmembers: { trainees: anna }\n",
            "error[wrong-type]: expected a list, found nothing
  --> rules/files.yaml:1:1
   |
 1 | groups:
   | ^^^^^^
   = help: write a value, or remove the key
error[wrong-type]: expected a list, found the text `anna`
  --> rules/files.yaml:2:22
   |
 2 | members: { trainees: anna }
   |                      ^^^^
   = help: write a list, also of one: `[ … ]`
",
        ),
        (
            "keep: 30\nbody: 64K\nconnections: \"5\"\n",
            "error[wrong-type]: expected a duration such as `30s`, found the number `30`
  --> rules/files.yaml:1:7
   |
 1 | keep: 30
   |       ^^
   = help: write a duration as a whole number and its unit: `500ms`, `30s`, `15m`, `12h`, `365d`
error[malformed-value]: expected a size such as `64KiB`, found the text `64K`
  --> rules/files.yaml:2:7
   |
 2 | body: 64K
   |       ^^^
   = help: write a size as a whole number and its unit: `512B`, `64KiB`, `4MiB`, `1GiB`, `64KB`, `4MB`
error[wrong-type]: expected a whole number, found the text `5`
  --> rules/files.yaml:3:14
   |
 3 | connections: \"5\"
   |              ^^^
   = help: write it without quotes
",
        ),
        (
            "keep: 1s\nbody: 1GiB\nconnections: 1.5\n",
            "error[out-of-range]: `1s` is less than `1m`
  --> rules/files.yaml:1:7
   |
 1 | keep: 1s
   |       ^^
error[out-of-range]: `1GiB` is more than `4MiB`
  --> rules/files.yaml:2:7
   |
 2 | body: 1GiB
   |       ^^^^
error[wrong-type]: expected a whole number, found the number `1.5`
  --> rules/files.yaml:3:14
   |
 3 | connections: 1.5
   |              ^^^
",
        ),
        (
            "keep_signed_in: true\nproxy_protocol: true\ntrusted_proxies: [10.0.0.0/8]\ntls: { secret_file: x }\n",
            "error[not-supported-yet]: `keep_signed_in` is not supported yet
  --> rules/files.yaml:1:1
   |
 1 | keep_signed_in: true
   | ^^^^^^^^^^^^^^
   = help: remove the key
error[not-supported-yet]: `proxy_protocol: true` is not supported yet
  --> rules/files.yaml:2:17
   |
 2 | proxy_protocol: true
   |                 ^^^^
   = help: remove the key, or write `proxy_protocol: false`
error[not-supported-yet]: `trusted_proxies` is not supported yet
  --> rules/files.yaml:3:18
   |
 3 | trusted_proxies: [10.0.0.0/8]
   |                  ^^^^^^^^^^^^
   = help: remove the key, or write `trusted_proxies: []`
error[not-supported-yet]: this form of `tls` is not supported yet
  --> rules/files.yaml:4:6
   |
 4 | tls: { secret_file: x }
   |      ^^^^^^^^^^^^^^^^^^
",
        ),
        (
            "keys: { jwks_url: x }\n",
            "error[not-supported-yet]: `jwks_url` is not supported yet
  --> rules/files.yaml:1:9
   |
 1 | keys: { jwks_url: x }
   |         ^^^^^^^^
   = help: remove the key
",
        ),
        (
            "keys: {}\nmembers: { \"\": [\" \"] }\n",
            "error[not-one-key]: expected exactly one key here, found none
  --> rules/files.yaml:1:7
   |
 1 | keys: {}
   |       ^^
   = help: it is one of `secret_file`
error[empty-value]: expected a group's name as the key, found empty text
  --> rules/files.yaml:2:12
   |
 2 | members: { \"\": [\" \"] }
   |            ^^
error[empty-value]: expected an account, found empty text
  --> rules/files.yaml:2:17
   |
 2 | members: { \"\": [\" \"] }
   |                 ^^^
",
        ),
        (
            "- enabled\n",
            "error[wrong-type]: expected a mapping, found a list
  --> rules/files.yaml:1:1
   |
 1 | - enabled
   | ^^^^^^^^^
",
        ),
        (
            "types: al\n",
            "error[unknown-value]: unknown value `al`
  --> rules/files.yaml:1:8
   |
 1 | types: al
   |        ^^
   = help: did you mean `all`? known here: `all`
",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(render(text), *expected, "{text}");
    }
}

#[test]
fn what_fits_is_accepted() {
    for text in [
        "enabled: false",
        "{}",
        "addresses: [203.0.113.0/24, { address: 2001:db8::/32, expires: 2027-01-31 }]",
        "groups:\n  - { group: \"*\", block: [send, receive] }",
        "members: { trainees: [anna, \"1043\"], \"42\": [] }",
        "types: all",
        "types: [all, file.send]",
        "keys: { secret_file: jwt.secret }",
        "proxy_protocol: false\ntrusted_proxies: []\ntls: true\nkeep: 1h\nbody: 4MiB\nconnections: 100",
    ] {
        assert_eq!(render(text), "", "{text}");
    }
}

fn render(text: &str) -> String {
    let document = Document::parse("rules/files.yaml", text.as_bytes()).unwrap();
    check(&document, &FILE).iter().map(ToString::to_string).collect()
}
