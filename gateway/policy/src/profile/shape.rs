//! What a profile may say.
//!
//! The table is what `schema profile` prints and what editors show, so its words are for whoever teaches the gateway a
//! new application. Keys whose behaviour comes later are known and refused, never ignored.

use crate::shape::{Field, Shape, Word};

/// A profile.
pub const PROFILE: Shape = Shape::Object(&[
    Field::new("app", "The name of the application, for logs and pages.", Shape::Text("a name")).required(),
    Field::new(
        "extends",
        "A bundled profile that this one adds to; lists append.",
        Shape::Text("a profile's name"),
    ),
    Field::new(
        "public",
        "End-user traffic: widgets, inbound messenger callbacks. Never whitelisted, masked or reframed.",
        ROUTES,
    ),
    Field::new("shared", "Endpoints that clients and operators both use.", ROUTES).later(),
    Field::new(
        "assets",
        "The application's own scripts, styles, fonts and pictures: never judged as files, never rewritten.",
        ROUTES,
    ),
    Field::new(
        "sign_in",
        "The sign-in page and where it is sent to: open to every address of the whitelist.",
        ROUTES,
    ),
    Field::new("sign_out", "Where an account signs out.", ROUTES),
    Field::new("files", "Where files travel.", FILES),
    Field::new("downloads", "Where conversations are downloaded.", Shape::List(&DOWNLOAD)),
    Field::new("webhooks_panel", "The webhooks panel, page and API, every verb of it.", ROUTES),
    Field::new(
        "actions",
        "What the action log records, besides what the gateway knows by itself.",
        Shape::List(&ACTION),
    ),
    Field::new(
        "contact_fields",
        "Where contact data stands in JSON, by class. RFC 9535 JSONPath: names, wildcards, descendants, indexes.",
        CONTACT_FIELDS,
    ),
    Field::new(
        "file_urls",
        "Where JSON links to files: hidden from groups that may not receive them.",
        PLACES,
    ),
    Field::new(
        "message_text",
        "Free text that may quote contact data; looked into with `message_text: hide` of personal-data.yaml.",
        PLACES,
    ),
    Field::new(
        "channel",
        "Where a payload says by which channel a contact came. An unknown channel is hidden like any that is.",
        CHANNEL,
    ),
    Field::new(
        "json_in_string",
        "Strings whose content is itself JSON, with the same fields from its root.",
        PLACES,
    ),
    Field::new(
        "html",
        "Where contact data stands in pages, besides JSON in scripts and links that dial or mail.",
        Shape::List(&HTML),
    ),
    Field::new(
        "html_state",
        "Variables of pages that hold JSON, with the same fields from its root. A page where one holds something else is refused.",
        Shape::List(&Shape::Text("a variable such as `__STATE__`")),
    ),
    Field::new(
        "csv",
        "The columns of tables that hold contact data, by the name in their header.",
        Shape::Map { key: "a column's name", of: &CLASS },
    ),
    Field::new(
        "who_am_i",
        "Routes that answer with the caller's own account: its fields stay clear.",
        ROUTES,
    ),
    Field::new("visitor_credentials", "What a client's own credentials look like.", Shape::Any).later(),
    Field::new(
        "restore",
        "Where an alias becomes the real value again: what saves, starts and finds clients. These routes match exactly.",
        ROUTES,
    ),
    Field::new(
        "merge",
        "Updates in which a missing member means unchanged: a masked value is left out instead of refused. They match exactly.",
        ROUTES,
    ),
    Field::new(
        "queries",
        "What requests search, sort and filter by: refused on hidden fields, but for exact aliases.",
        Shape::List(&QUERY),
    ),
    Field::new(
        "tickets",
        "Upload tickets: spending one is judged as the account that it was handed to.",
        Shape::List(&TICKET),
    ),
    Field::new(
        "headers",
        "Response header fields that hold contact data, by their names.",
        Shape::Map { key: "a header's name", of: &CLASS },
    ),
    Field::new(
        "avatars",
        "Routes that answer with a client's picture: whoever may not see it gets a drawing instead.",
        ROUTES,
    ),
    Field::new(
        "contact_ids",
        "Ids that are contacts, by class: a string there is shown as a token, which comes back as the id in a path, a query or a declared field. Goes before `contact_fields`.",
        CONTACT_IDS,
    ),
    Field::new(
        "contact_keys",
        "Objects whose keys are contacts, by class. Keys are shown as aliases whatever `display` says; of a class that has `contact_ids`, as tokens.",
        CONTACT_KEYS,
    ),
    Field::new("events", "Names inside real-time messages.", EVENTS),
    Field::new(
        "streams",
        "Requests that are one stream, besides WebSockets: long polls and what is sent beside them.",
        Shape::List(&STREAM),
    ),
    Field::new(
        "keep",
        "What is never masked, with everything in it: colleagues, the company's own numbers. `routes` match exactly.",
        PLACES,
    ),
    Field::new("session_cookies", "Cookies that keep an account signed in.", Shape::Any).later(),
    Field::new("method_override", "Whether the application acts on method overrides.", Shape::Bool)
        .only("false"),
    Field::new(
        "areas",
        "Parts of the web interface, by a name that iframe.yaml may use.",
        Shape::Map { key: "a name", of: &ROUTES },
    ),
    Field::new(
        "identity",
        "How the application tells who is calling; used where config.yaml has no `identity`.",
        IDENTITY,
    ),
]);

/// The introspection source, as profile and config.yaml spell it.
pub const INTROSPECTION: Shape = Shape::Object(&[
    Field::new(
        "path",
        "Where the application says who the caller is: a GET with the caller's own credentials.",
        Shape::Text("a path such as `/api/me`"),
    )
    .required(),
    Field::new(
        "from",
        "Where the caller's credentials stand. `cookie: \"*\"` sends all cookies.",
        Shape::List(&PLACE),
    ),
    Field::new("account", "Where the answer holds the account's id.", Shape::JSON_PATH).required(),
    Field::new("name", "Where it holds the name that people see.", Shape::JSON_PATH),
    Field::new("email", "Where it holds the verified e-mail address.", Shape::JSON_PATH),
    Field::new("role", "Where it holds the role, or the roles.", Shape::JSON_PATH),
    Field::new("groups", "Where it holds the titles of the operator groups.", Shape::JSON_PATH),
    Field::new("cache_ttl", "How long an answer is believed.", Shape::DURATION).default("30s"),
    Field::new("timeout", "How long the application may take to answer.", Shape::DURATION).default("2s"),
]);

/// Where credentials stand.
pub const PLACE: Shape = Shape::Object(&[
    Field::new("cookie", "A cookie's name; `\"*\"` for all of them.", Shape::Text("a cookie's name")),
    Field::new("header", "A header's name.", Shape::Text("a header's name")),
    Field::new(
        "scheme",
        "The word before the credentials in that header, such as `Bearer`.",
        Shape::Text("a scheme"),
    ),
]);

const IDENTITY: Shape = Shape::Object(&[Field::new(
    "introspection",
    "The application is asked who the caller is.",
    INTROSPECTION,
)
.required()]);

const ROUTES: Shape = Shape::List(&Shape::ROUTE);

const FILES: Shape = Shape::Object(&[
    Field::new("send", "Where files are sent.", ROUTES),
    Field::new("receive", "Where files are received.", ROUTES),
]);

const FIELD: Shape = Shape::Union(&[
    Shape::JSON_PATH,
    Shape::Object(&[
        Field::new("path", "The JSONPath of the field.", Shape::JSON_PATH).required(),
        Field::new("routes", "The routes whose answers hold it; without, all of them.", ROUTES),
        Field::new(
            "when",
            "Members beside the field, or around it (`../type`), and what each must be for the field to be contact data.",
            Shape::Map { key: "a member's name", of: &MEMBER_VALUES },
        ),
    ]),
]);

const FIELDS: Shape = Shape::List(&FIELD);

const MEMBER_VALUES: Shape = Shape::Union(&[MEMBER_VALUE, Shape::List(&MEMBER_VALUE)]);

const MEMBER_VALUE: Shape =
    Shape::Union(&[Shape::Text("a value"), Shape::Bool, Shape::Integer { min: i64::MIN, max: i64::MAX }]);

const PLACES: Shape = Shape::List(&Shape::Union(&[
    Shape::JSON_PATH,
    Shape::Object(&[
        Field::new("path", "The JSONPath.", Shape::JSON_PATH).required(),
        Field::new("routes", "The routes whose answers are meant; without, all of them.", ROUTES),
    ]),
]));

const HTML: Shape = Shape::Object(&[
    Field::new(
        "select",
        "The elements, by a CSS selector.",
        Shape::Text("a CSS selector such as `.client-phone`"),
    )
    .required(),
    Field::new(
        "attribute",
        "The attribute that holds the value; without, it is the text of the element.",
        Shape::Text("an attribute's name"),
    ),
    Field::new("field", "What the value is.", CLASS).required(),
]);

const CLASS: Shape = Shape::Words(&[
    Word::new("phone", "A phone number."),
    Word::new("email", "An e-mail address."),
    Word::new("name", "A name."),
    Word::new("handle", "A messenger or social network id."),
    Word::new("avatar", "A link to a picture."),
]);

const CHANNEL: Shape = Shape::Object(&[
    Field::new(
        "path",
        "The member that says it, beside the contact or up to two objects around it, such as `$..application`.",
        Shape::JSON_PATH,
    )
    .required(),
    Field::new(
        "values",
        "What the payload calls a channel, and the channel's name in personal-data.yaml.",
        Shape::Map { key: "a value of the payload", of: &Shape::Text("a channel's name") },
    )
    .required(),
]);

const CONTACT_KEYS: Shape = Shape::Object(&[
    Field::new("phone", "Objects whose keys are phone numbers.", PLACES),
    Field::new("email", "Objects whose keys are e-mail addresses.", PLACES),
    Field::new("name", "Objects whose keys are names.", PLACES),
    Field::new("handle", "Objects whose keys are messenger or social network ids.", PLACES),
    Field::new("avatar", "Objects whose keys are links to pictures.", PLACES),
]);

const CONTACT_IDS: Shape = Shape::Object(&[
    Field::new("phone", "Ids that are, or hold, phone numbers.", PLACES),
    Field::new("email", "Ids that are, or hold, e-mail addresses.", PLACES),
    Field::new("name", "Ids that are names.", PLACES),
    Field::new("handle", "Ids that are, or hold, messenger or social network ids.", PLACES),
]);

const CONTACT_FIELDS: Shape = Shape::Object(&[
    Field::new("phone", "Phone numbers.", FIELDS),
    Field::new("email", "E-mail addresses.", FIELDS),
    Field::new("name", "Names, as the channel gives them.", FIELDS),
    Field::new("handle", "Messenger and social network ids.", FIELDS),
    Field::new("avatar", "Links to pictures of clients.", FIELDS),
]);

const VALUE: Shape = Shape::Tagged(&[
    Field::new("json", "A JSONPath in the JSON body.", Shape::JSON_PATH),
    Field::new("form", "A field of the form.", Shape::Text("a field's name")),
    Field::new("query", "A parameter of the query.", Shape::Text("a parameter's name")),
    Field::new("path", "A `{parameter}` of the route.", Shape::Text("a parameter's name")),
]);

const QUERY: Shape = Shape::Object(&[
    Field::new("route", "The route.", Shape::ROUTE).required(),
    Field::new("search", "What is looked for in all fields.", NAMES),
    Field::new("sort", "What names a field to sort by.", NAMES),
    Field::new("filter", "What one field is compared with, by the class of the field.", FILTER),
]);

const FILTER: Shape = Shape::Object(&[
    Field::new("phone", "Compared with phone numbers.", NAMES),
    Field::new("email", "Compared with e-mail addresses.", NAMES),
    Field::new("name", "Compared with names.", NAMES),
    Field::new("handle", "Compared with messenger and social network ids.", NAMES),
    Field::new("avatar", "Compared with links to pictures.", NAMES),
]);

/// Parameters of the query or the route, form fields, or JSON members at any depth.
const NAMES: Shape = Shape::List(&Shape::Text("a parameter's name"));

const EVENTS: Shape = Shape::Object(&[
    Field::new(
        "sign_in",
        "How an account signs in by messages. Until it has, the strictest rules hold for the stream.",
        Shape::List(&SIGN_IN),
    ),
    Field::new(
        "file",
        "Events that send a file, or ask for leave to. They are refused to groups that may not send files: Socket.IO and Phoenix events, and values of the members `event`, `type`, `action`, `msg`, `method`, `command` and `target`.",
        Shape::List(&EVENT),
    ),
]);

const EVENT: Shape = Shape::Text("an event's name");

/// The text alone is a name whose other keys are the usual ones.
const SIGN_IN: Shape = Shape::Union(&[
    EVENT,
    Shape::Object(&[
        Field::new("name", "The client's event.", EVENT).required(),
        Field::new(
            "account",
            "Where it names the account, such as `$[1].user`, also within strings that hold JSON; `$..user` unless said.",
            Shape::JSON_PATH,
        ),
        Field::new(
            "answered_account",
            "Where the application's event names the account, instead of `account`. Needs `id`.",
            Shape::JSON_PATH,
        ),
        Field::new(
            "id",
            "Where both events bear the same number or text, by which an answer is known for that of a sign-in, such as `$.id`.",
            Shape::JSON_PATH,
        ),
        Field::new(
            "confirmed",
            "The application's event that takes the account; `auth:success` for `auth:perform` unless said.",
            EVENT,
        ),
        Field::new(
            "refused",
            "The application's event that does not; `auth:failed` for `auth:perform` unless said. Where none comes, a stream in which a sign-in failed stays unknown.",
            EVENT,
        ),
    ]),
]);

const STREAM: Shape = Shape::Object(&[
    Field::new("route", "The route.", Shape::ROUTE).required(),
    Field::new(
        "session",
        "The query parameter whose value the requests of one stream share, such as `sid`.",
        Shape::Text("a parameter's name"),
    )
    .required(),
]);

const TICKET: Shape = Shape::Object(&[
    Field::new("event", "The application's event that hands a ticket out.", EVENT).required(),
    Field::new("token", "Where it holds the ticket, such as `$[1]`.", Shape::JSON_PATH).required(),
    Field::new("spend", "Where it is spent: a route with `{token}`.", Shape::ROUTE).required(),
]);

const DOWNLOAD: Shape = Shape::Object(&[
    Field::new("route", "The route.", Shape::ROUTE).required(),
    Field::new(
        "email",
        "Where the recipients stand. Every other address in the request is a recipient too.",
        Shape::List(&VALUE),
    ),
]);

const ACTION: Shape = Shape::Object(&[
    Field::new("type", "The type of the action, such as `operator.create`.", Shape::Text("an action type"))
        .required(),
    Field::new("route", "The route.", Shape::ROUTE).required(),
    Field::new(
        "target",
        "Where the request names the account that the action is about. Never a client's contact.",
        VALUE,
    ),
    Field::new("note", "Where the request holds the note.", VALUE),
]);
