//! What config.yaml may say.
//!
//! The table feeds the check at start, `chatwarden schema config` and the editors; its words are for ops. What later
//! releases add is known and refused, never read and ignored.

use std::time::Duration;

use chatwarden_policy::{
    profile::{INTROSPECTION, PLACE},
    shape::{Field, Shape, Word},
};

/// config.yaml.
pub const CONFIG: Shape = Shape::Object(&[
    Field::new("listeners", "Where operators and clients come in.", Shape::List(&LISTENER)).required(),
    Field::new("upstream", "The chat application behind the gateway.", UPSTREAM).required(),
    Field::new(
        "profile",
        "How the application spells things: a bundled name (`blinger`, `chatwoot`, `generic`, `thelounge`) or a path.",
        Shape::Text("a profile's name or path"),
    )
    .required(),
    Field::new(
        "rules",
        "The directory of the rule files, relative to this file.",
        Shape::Text("a directory"),
    )
    .default("rules"),
    Field::new(
        "state",
        "The directory for the action log, keys, what aliases stand for and the last good rules.",
        Shape::Text("a directory"),
    )
    .default("${STATE_DIRECTORY:-state}"),
    Field::new("client_address", "Whose word about the client's address is believed.", CLIENT_ADDRESS),
    Field::new("identity", "Who is calling: the sources, asked in order.", Shape::List(&SOURCE)),
    Field::new("super_admin_roles", "Roles with full access.", Shape::List(&Shape::Text("a role")))
        .default("[super_admin]"),
    Field::new("settings", "The settings that admins may use: `all`, or a list of rule files.", SETTINGS)
        .default("all"),
    Field::new("keys", "Keys other than the one that the gateway makes itself in `state/keys`.", KEYS),
    Field::new("action_log", "Where the action log is kept.", ACTION_LOG),
    Field::new("webhook_secrets", "The secrets that webhook deliveries are signed with.", Shape::Any).later(),
    Field::new("admin", "The listener for ops: status and reload.", ADMIN),
    Field::new("metrics", "The listener for health checks and metrics. It tells nothing private.", METRICS),
    Field::new("refusals", "What is told to whoever is refused.", REFUSALS),
    Field::new("limits", "Bounds, each with a safe default.", LIMITS),
]);

const LISTENER: Shape = Shape::Object(&[
    Field::new("address", "Address and port.", ADDRESS).required(),
    Field::new(
        "tls",
        "Certificates, chosen by the name that a client asks for; the first is shown for any other name. Without, plain HTTP. The files are read anew when they change.",
        Shape::List(&CERTIFICATE),
    ),
    Field::new(
        "proxy_protocol",
        "Whether every connection begins with a header of the PROXY protocol, version 1 or 2. Only trusted proxies may connect then.",
        Shape::Bool,
    )
    .default("false"),
    Field::new("health_path", "A path that answers load balancers.", Shape::Any).later(),
]);

const SECRET: Shape = Shape::Object(&[Field::new(
    "file",
    "The secret, of 32 bytes at least and visible characters alone.",
    Shape::Text("a file"),
)
.required()]);

const CERTIFICATE: Shape = Shape::Object(&[
    Field::new("cert", "The certificate and those that lead to its root, in PEM.", Shape::Text("a file"))
        .required(),
    Field::new("key", "Its private key, in PEM.", Shape::Text("a file")).required(),
]);

const UPSTREAM: Shape = Shape::Object(&[
    Field::new(
        "address",
        "Host and port of the application.",
        Shape::Text("an address such as `127.0.0.1:3000`"),
    )
    .required(),
    Field::new("addresses", "Several addresses.", Shape::Any).later(),
    Field::new("tls", "TLS towards the application.", Shape::Any).only("false"),
    Field::new(
        "host_header",
        "`preserve` sends the Host that the client named; anything else is sent instead.",
        Shape::Text("`preserve` or a host name"),
    )
    .default("preserve"),
    Field::new(
        "headers",
        "Headers with a secret of a file, by which the application knows the gateway; a caller's own are removed.",
        Shape::Map { key: "a header's name", of: &SECRET },
    ),
    Field::new("public_names", "The application's own host names.", Shape::List(&Shape::Text("a host name")))
        .only("[]"),
]);

const CLIENT_ADDRESS: Shape = Shape::Object(&[
    Field::new(
        "trusted_proxies",
        "Networks whose word about the client is believed. Empty: nobody's.",
        Shape::List(&Shape::NETWORK),
    )
    .default("[]"),
    Field::new(
        "header",
        "The header that trusted proxies write: `X-Forwarded-For`, `Forwarded` (RFC 7239), or one that holds a single address, such as `CF-Connecting-IP`.",
        Shape::Text("a header's name"),
    )
    .default("X-Forwarded-For"),
]);

const SOURCE: Shape = Shape::Tagged(&[
    Field::new("jwt", "Signed tokens that the gateway verifies itself (RFC 7519).", JWT),
    Field::new("introspection", "The application is asked who the caller is.", INTROSPECTION),
    Field::new("trusted_header", "A proxy in front says who the caller is.", TRUSTED_HEADER),
    Field::new("tokens", "API tokens from a file, by their SHA-256.", TOKENS),
]);

const JWT: Shape = Shape::Object(&[
    Field::new("from", "Where the token stands.", Shape::List(&PLACE)).required(),
    Field::new(
        "keys",
        "The key that signatures are checked with.",
        Shape::Tagged(&[
            Field::new("secret_file", "A shared secret of 32 bytes or more, for HS256.", PATH),
            Field::new("public_key_file", "A public key in PEM.", PATH),
            Field::new("jwks_file", "A JSON Web Key Set (RFC 7517).", PATH),
            Field::new(
                "jwks_url",
                "The same behind a URL; never for HS256.",
                Shape::Text("an `https://` URL"),
            ),
        ]),
    )
    .required(),
    Field::new(
        "algorithms",
        "The signature algorithms that are accepted; each must fit the key.",
        Shape::List(&ALGORITHM),
    )
    .required(),
    Field::new(
        "claims",
        "Which claims say what; dotted paths.",
        Shape::Object(&[
            Field::new("account", "The account's id.", CLAIM).default("sub"),
            Field::new("name", "The name that people see.", CLAIM),
            Field::new("email", "The verified e-mail address.", CLAIM),
            Field::new("role", "The role, or the roles.", CLAIM),
            Field::new("groups", "The titles of the operator groups.", CLAIM),
        ]),
    ),
    Field::new("issuer", "The issuer that a token must name, or a list.", ONE_OR_MANY),
    Field::new("audience", "The audience that a token must name, or a list.", ONE_OR_MANY),
]);

const ALGORITHM: Shape = Shape::Words(&[
    Word::new("HS256", "HMAC with SHA-256"),
    Word::new("RS256", "RSASSA-PKCS1-v1_5 with SHA-256"),
    Word::new("ES256", "ECDSA with P-256 and SHA-256"),
    Word::new("EdDSA", "Ed25519"),
]);

const TRUSTED_HEADER: Shape = Shape::Object(&[
    Field::new("account", "The header of the account's id.", HEADER).required(),
    Field::new("name", "The header of the name that people see.", HEADER),
    Field::new("email", "The header of the verified e-mail address.", HEADER),
    Field::new("role", "The header of the role, or of several, separated by commas or spaces.", HEADER),
    Field::new("groups", "The header of the titles of the operator groups, separated by commas.", HEADER),
    Field::new(
        "peers",
        "The networks that the proxy connects from. From all others the headers are removed.",
        Shape::List(&Shape::NETWORK),
    )
    .required(),
]);

const TOKENS: Shape = Shape::Object(&[
    Field::new("file", "The list of tokens.", PATH).required(),
    Field::new("from", "Where the token stands.", Shape::List(&PLACE)),
]);

const SETTINGS: Shape = Shape::Union(&[
    Shape::Words(&[Word::new("all", "every setting")]),
    Shape::List(&Shape::Words(&[
        Word::new("groups", "groups.yaml"),
        Word::new("ip-whitelist", "ip-whitelist.yaml"),
        Word::new("files", "files.yaml"),
        Word::new("downloads", "downloads.yaml"),
        Word::new("personal-data", "personal-data.yaml"),
        Word::new("iframe", "iframe.yaml"),
        Word::new("webhooks", "webhooks.yaml"),
        Word::new("action-log", "action-log.yaml"),
    ])),
]);

const KEYS: Shape = Shape::Object(&[Field::new(
    "alias",
    "The keys of aliases: the first makes them, all of them restore theirs.",
    Shape::List(&Shape::Object(&[
        Field::new("file", "A file with 32 secret bytes or more.", PATH).required()
    ])),
)
.required()]);

const ACTION_LOG: Shape = Shape::Object(&[Field::new(
    "store",
    "`sqlite:` and a path, relative to this file.",
    Shape::Union(&[
        Shape::Text("`sqlite:` and a path"),
        Shape::Later(&Shape::Map { key: "a store", of: &Shape::Any }),
    ]),
)
.default("sqlite:state/actions.db")]);

const ADMIN: Shape = Shape::Object(&[
    Field::new("address", "Address and port; off loopback it needs `token_file`.", ADDRESS).required(),
    Field::new(
        "token_file",
        "The token that callers must show; without, one is made in `state/admin.token`.",
        PATH,
    ),
]);

const METRICS: Shape = Shape::Object(&[Field::new("address", "Address and port.", ADDRESS).required()]);

const REFUSALS: Shape =
    Shape::Object(&[Field::new("contact", "Whom to ask, in a few words.", Shape::Text("a few words"))]);

const LIMITS: Shape = Shape::Object(&[
    Field::new(
        "request_header",
        "The most bytes of a request's header.",
        Shape::Size { min: 1 << 10, max: 512 << 10 },
    )
    .default("64KiB"),
    Field::new(
        "inspected_body",
        "The most that is held in memory of one request body under inspection.",
        Shape::Size { min: 64 << 10, max: 1 << 30 },
    )
    .default("4MiB"),
    Field::new(
        "inspected_body_timeout",
        "How long a request body under inspection may take to arrive.",
        seconds(1, 3600),
    )
    .default("30s"),
    Field::new(
        "message",
        "The most bytes of one WebSocket message that a client sends, of a compressed one when it is inflated, and of one event of a stream.",
        Shape::Size { min: 1 << 10, max: 1 << 30 },
    )
    .default("16MiB"),
    Field::new("handshake_timeout", "How long a TLS handshake may take, with the PROXY header before it.", seconds(1, 600)).default("10s"),
    Field::new(
        "header_timeout",
        "How long the head of a request of HTTP/1.1 may take, from its first byte on.",
        seconds(1, 600),
    )
    .default("15s"),
    Field::new(
        "body_rate",
        "The least bytes a second of a request's body, on average and after 30 seconds.",
        Shape::Size { min: 1, max: 1 << 20 },
    )
    .default("256B"),
    Field::new("idle_timeout", "How long a connection may wait for its next request.", seconds(1, 3600))
        .default("75s"),
    Field::new(
        "stream_idle_timeout",
        "How long a live stream or long poll may be silent.",
        seconds(1, 86_400),
    )
    .default("1h"),
    Field::new(
        "drain_timeout",
        "How long open requests may take to end when the gateway stops.",
        seconds(0, 3600),
    )
    .default("10s"),
    Field::new("connections", "The most connections at once.", Shape::Integer { min: 1, max: 10_000_000 })
        .default("100000"),
    Field::new(
        "connections_per_client",
        "The most connections at once of one client: an address of IPv4, a network of 64 bits of IPv6. Trusted proxies are not counted.",
        Shape::Integer { min: 1, max: 10_000_000 },
    )
    .default("1000"),
    Field::new(
        "requests_per_client",
        "How many requests may come from one client's address; of IPv6, from its network of 64 bits.",
        Shape::Rate,
    )
    .default("12000/m"),
    Field::new("requests_per_account", "How many requests an account may send.", Shape::Rate)
        .default("6000/m"),
    Field::new(
        "sign_ins_per_client",
        "How many requests to `sign_in` routes of the profile that are not mere reads may come from one client.",
        Shape::Rate,
    )
    .default("60/m"),
    Field::new(
        "held_object",
        "The most bytes of an object that waits for its discriminator; what is undecided then is hidden.",
        Shape::Size { min: 1 << 10, max: 16 << 20 },
    )
    .default("64KiB"),
    Field::new(
        "vault_values",
        "The most values that aliases are kept for; more are shown hidden.",
        Shape::Integer { min: 1, max: 100_000_000 },
    )
    .default("1000000"),
    Field::new(
        "copies_window",
        "How much of the start of a body is held, so that copies before their field are hidden.",
        Shape::Size { min: 16 << 10, max: 64 << 20 },
    )
    .default("256KiB"),
    Field::new(
        "contact_writes",
        "How many requests with contact data of their own making an account may send from which it is hidden.",
        Shape::Rate,
    )
    .default("60/h"),
    Field::new(
        "introspections",
        "The most questions to the application at once about who callers are. Who waits for a turn longer than the source's `timeout` is unavailable.",
        Shape::Integer { min: 1, max: 100_000 },
    )
    .default("64"),
    Field::new(
        "deflate_contexts",
        "How many directions of WebSockets may keep a compression context, of some 420 KiB, between messages. Two are reserved while a handshake is under way; where there are none, compression is not offered.",
        Shape::Integer { min: 0, max: 1_000_000 },
    )
    .default("256"),
]);

const fn seconds(min: u64, max: u64) -> Shape {
    Shape::Duration { min: Duration::from_secs(min), max: Duration::from_secs(max) }
}

const ADDRESS: Shape = Shape::Text("an address such as `127.0.0.1:8080`");
const PATH: Shape = Shape::Text("a path");
const HEADER: Shape = Shape::Text("a header's name");
const CLAIM: Shape = Shape::Text("a claim");
const ONE_OR_MANY: Shape = Shape::Union(&[Shape::Text("a name"), Shape::List(&Shape::Text("a name"))]);
