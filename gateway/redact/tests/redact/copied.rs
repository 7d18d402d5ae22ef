//! Copies in pages, forms and tables: before their field and behind it, in the spellings of each format, at any cut.

use std::sync::Arc;

use chatwarden_redact::{
    AliasKey, Class, Display, Format, HtmlRule, HtmlTarget, Learnt, Limits, Plan, PlanBuilder, Redactor,
    Selector, mask,
};

use crate::random::Random;

#[test]
fn copies_in_text_of_a_page_are_hidden_however_it_is_marked_up() {
    let field =
        "<i class=phone>+7 900 123-45-67</i><i class=name>Anna Kovalenko</i><i class=mail>zoë@example.ch</i>";
    let cases = [
        ("<p>call 8 (900) 123-45-67 now</p>", "<p>call {P} now</p>"),
        ("<p>&#43;7&nbsp;900&nbsp;123&#8209;45&#x2011;67 &lt;b&gt;</p>", "<p>{P} &lt;b&gt;</p>"),
        ("<p>8 900 <b>123-45</b>-67!</p>", "<p>{P}<b></b>!</p>"),
        ("<p>it is Anna <!-- --> Kova<mark>len</mark>ko.</p>", "<p>it is {N}<!-- --><mark></mark>.</p>"),
        ("<p><i>Anna</i><i>Kovalenko</i></p>", "<p><i>{N}</i><i></i></p>"),
        ("<p>Kovalenko, <a href=/x>Anna</a></p>", "<p>{N}<a href=/x></a></p>"),
        ("<p>mail ZOË@example.ch, or zo&euml;&#64;<wbr>example.ch</p>", "<p>mail {M}, or {M}<wbr></p>"),
        ("<title>Anna Kovalenko - chat</title>", "<title>{N} - chat</title>"),
        ("<textarea>anna kovalenko\n</textarea>", "<textarea>{N}\n</textarea>"),
        (
            "<svg><text>Anna <tspan>Kovalenko</tspan></text></svg>",
            "<svg><text>{N}<tspan></tspan></text></svg>",
        ),
        ("<svg><desc><![CDATA[Anna Kovalenko]]></desc></svg>", "<svg><desc><![CDATA[{N}]]></desc></svg>"),
        ("<xmp>Anna Kovalenko</xmp>", "<xmp>{N}</xmp>"),
        ("<noscript><b>Anna Kovalenko</b></noscript>", "<noscript><b>{N}</b></noscript>"),
        ("<template><b>Anna Kovalenko</b></template>", "<template><b>{N}</b></template>"),
        ("<!-- of Anna Kovalenko --><!-- <b>79001234567</b> -->", "<!-- of {N} --><!-- <b>{P}</b> -->"),
        ("Anna Kovalenko", "{N}"),
    ];
    for (page, expected) in cases {
        let expected = shown(expected);
        for around in ["@F", "F@", "<div>@</div>F<div>@</div>"] {
            let body = around.replace('@', page).replace('F', field);
            let expected = around.replace('@', &expected).replace('F', &masked_field());
            check(Format::Html, &body, &expected);
        }
    }
}

#[test]
fn copies_in_attributes_of_a_page_are_hidden() {
    let field = "<i class=phone>+7 900 123-45-67</i><i class=name>Anna Kovalenko</i><i class=mail>zoë@example.ch</i>\
        <img class=avatar src='https://cdn.example/u/1.jpg'>";
    let cases = [
        (
            "<a href='tel:+79001234567' title='Call Anna&#32;Kovalenko'>x</a>",
            "<a href='tel:{P}' title='Call {N}'>x</a>",
        ),
        ("<a href=\"https://wa.me/79001234567?text=hi\">", "<a href=\"https://wa.me/{P}?text=hi\">"),
        ("<a href=mailto:zo%C3%AB@example.ch>", "<a href=\"mailto:%{M}\">"),
        ("<a href='/s?q=%2B7%20900%20123-45-67&amp;x=1'>", "<a href='/s?q=%{P}&amp;x=1'>"),
        ("<img alt='Anna Kovalenko' src=https://cdn.example/u/1.jpg>", "<img alt='{N}' src=\"{A}\">"),
        (
            "<img srcset='https://cdn.example/u/1.jpg 1x, /b.jpg 2x' style=\"background:url(https://cdn.example/u/1.jpg)\">",
            "<img srcset='{A} 1x, /b.jpg 2x' style=\"background:url({A})\">",
        ),
        (
            "<div data-user='{\"name\":\"Anna Kovalenko\",\"id\":7}'>",
            "<div data-user='{\"name\":\"{N}\",\"id\":7}'>",
        ),
        ("<div onclick=\"call('8 900 123-45-67')\">", "<div onclick=\"call('{P}')\">"),
        ("<a onclick='Anna.Kovalenko()'>", "<a onclick='Anna.Kovalenko()'>"),
        (
            "<iframe srcdoc='&lt;b>Anna Kovalenko&lt;/b>'></iframe>",
            "<iframe srcdoc='&lt;b>{N}&lt;/b>'></iframe>",
        ),
        ("<div id=chat-79001234567>", "<div id=\"chat-{P}\">"),
        (
            "<script type='application/json'>[\"Anna Kovalenko\"]</script><script>f([\"8 900 1234567\"])</script>",
            "<script type='application/json'>[\"{N}\"]</script><script>f([\"{P}\"])</script>",
        ),
    ];
    let masked = format!("{}<img class=avatar src='{}'>", masked_field(), alias(Class::Avatar));
    for (page, expected) in cases {
        let expected = shown(expected);
        for around in ["@F", "F@"] {
            let body = around.replace('@', page).replace('F', field);
            check(Format::Html, &body, &around.replace('@', &expected).replace('F', &masked));
        }
    }
}

#[test]
fn a_page_keeps_ids_dates_and_what_makes_it_work() {
    let field = "<i class=name>Text Javascript</i><i class=name>Conversation</i><i class=handle>210700</i>";
    let page = "<script type='text/javascript' src='/text/javascript.js'>text = javascript</script>\
        <link rel=stylesheet href=/text/javascript.css><style>text, javascript {}</style>\
        <td>210700</td><td> 28.07.2026</td><td>41791234</td><p class='conversation text javascript' id=x210700>\
        <b>Channel:</b> <!-- -->210700<button name=conversation data-x=conversation value=210700>Conversation</button>\
        <div>Text</div><div>Javascript</div>Text<br>Javascript<p>1 234 567 RUB</p>";
    let plan = plan(Plan::builder());
    for body in [format!("{field}{page}"), format!("{page}{field}")] {
        let out = redact_alike(&plan, Format::Html, Limits::default(), None, body.as_bytes());
        let out = String::from_utf8(out).unwrap();
        assert!(out.contains(page), "{out}");
        assert!(!out.contains(">Text Javascript<") && !out.contains("handle>210700"), "{out}");
    }
}

#[test]
fn a_long_line_of_a_page_is_not_held_and_no_copy_in_it_is_missed() {
    let limits = Limits { copies_window: 1_000, ..Limits::default() };
    let plan = plan(Plan::builder());
    let mut body = "<i class=name>Anna Kovalenko</i><p>".to_owned();
    let mut random = Random::new(7);
    let mut copies = 0;
    while body.len() < 400_000 {
        let filler = " слово &amp; word <b>x</b> &nbsp;".repeat(1 + random.below(400));
        body.push_str(&filler);
        body.push_str(["Anna Kovalenko", "Anna&nbsp;<b>Kovalenko</b>", "x".repeat(900).as_str()][copies % 3]);
        copies += 1;
    }
    let out = String::from_utf8(redact_alike(&plan, Format::Html, limits, None, body.as_bytes())).unwrap();
    assert!(!out.contains("Kovalenko"));
    let name = alias_of(Class::Name, "Anna Kovalenko");
    assert_eq!(out.matches(&name).count(), 1 + body[30..].matches("Kovalenko").count());
    let without = |text: &str| {
        text.replace(&name, "").replace("Anna&nbsp;", "").replace("Kovalenko", "").replace("Anna ", "")
    };
    assert!(without(&out) == without(&body), "something else is changed");
}

#[test]
fn no_flood_of_a_page_is_held() {
    let plan = plan(Plan::builder());
    let limits = Limits { copies_window: 1_000, ..Limits::default() };
    let long = format!("a<b title='{}'></b>", "x".repeat(5_000));
    for filling in [
        "word ",
        "a<b></b>",
        "<b></b>",
        " ",
        "&amp;",
        "<!-- x -->y",
        "<p>x</p>",
        "8 900 ",
        "слово<i></i>",
        &long,
    ] {
        let chunk = filling.repeat(16 * 1024 / filling.len() + 1);
        let mut redactor = Redactor::new(Arc::clone(&plan), Format::Html, limits);
        let (mut taken, mut left, mut out) = (0, 0, Vec::new());
        for _ in 0..60 {
            redactor.write(chunk.as_bytes(), &mut out).unwrap();
            (taken, left) = (taken + chunk.len(), left + out.len());
            assert!(taken - left < 200_000, "{} bytes are held of {filling}", taken - left);
            out.clear();
        }
        redactor.finish(&mut out).unwrap();
        assert_eq!(left + out.len(), taken, "{filling}");
    }
}

#[test]
fn copies_in_other_pairs_of_a_form_are_hidden() {
    let cases = [
        ("note=call+8+900+123-45-67", "note=call+{P}"),
        ("note=call%208%20%28900%29%201234567%21", "note=call+{P}%21"),
        ("a=Anna%20Kovalenko", "a={N}"),
        ("u=https%3A%2F%2Fx.example%2F%3Fq%3D%252B79001234567", "u=https%3A%2F%2Fx.example%2F%3Fq%3D%{P}"),
        ("m=ZO%C3%8B%40example.ch", "m={M}"),
        (
            "j=%7B%22text%22%3A%22of+Anna+Kovalenko%22%2C%22n%22%3A79001234567%7D",
            "j=%7B%22text%22%3A%22of+{N}%22%2C%22n%22%3A{D}%7D",
        ),
        ("id=210700&n=1&d=28.07.2026", "id=210700&n=1&d=28.07.2026"),
        ("agent=Op+One&t=Op+One+and+Anna+Kovalenko", "agent=Op+One&t=Op+One+and+{N}"),
        ("note2=%ff+x", "note2=%ff+x"),
        (
            "wrote=Anna+Kovalenko%3F&wrote=%5B%22Anna+Kovalenko%3F%22%5D",
            "wrote=Anna+Kovalenko%3F&wrote=%5B%22Anna+Kovalenko%3F%22%5D",
        ),
    ];
    let field = "phone=%2B7+900+123-45-67&name=Anna+Kovalenko&mail=zo%C3%AB%40example.ch&handle=210700&other[name]=Op+One";
    let encoded = |text: &str| -> String { form_urlencoded(text) };
    let masked = format!(
        "phone={}&name={}&mail={}&handle={}&other[name]={}",
        encoded(&alias(Class::Phone)),
        encoded(&alias(Class::Name)),
        encoded(&alias(Class::Email)),
        alias_of(Class::Handle, "210700"),
        encoded(&alias_of(Class::Name, "Op One"))
    );
    for (form, expected) in cases {
        let expected = expected
            .replace("%{P}", &encoded(&percent(&alias(Class::Phone))))
            .replace("{P}", &encoded(&alias(Class::Phone)))
            .replace("{D}", &alias(Class::Phone)[1..])
            .replace("{N}", &encoded(&alias(Class::Name)))
            .replace("{M}", &encoded(&alias(Class::Email)));
        for around in ["@&FIELD", "FIELD&@", "@&FIELD&@"] {
            let body = around.replace('@', form).replace("FIELD", field);
            let expected = around.replace('@', &expected).replace("FIELD", &masked);
            check(Format::Form, &body, &expected);
        }
    }
}

#[test]
fn copies_in_other_records_of_a_table_are_hidden() {
    let head = "id,name,phone,mail,note\n";
    let field = "210700,Anna Kovalenko,+7 900 123-45-67,zoë@example.ch,\n";
    let masked = format!("210700,{},{},{},\n", alias(Class::Name), alias(Class::Phone), alias(Class::Email));
    let cases = [
        ("1,,,,call 8 900 123-45-67", "1,,,,call {P}"),
        ("1,,,,\"call \"\"Anna Kovalenko\"\", 8 (900) 1234567\"", "1,,,,\"call \"\"{N}\"\", {P}\""),
        ("79001234567,,,,210700", "{P},,,,210700"),
        ("1,,,,\"{\"\"text\"\":\"\"Kovalenko Anna\"\"}\"", "1,,,,\"{\"\"text\"\":\"\"{N}\"\"}\""),
        ("28.07.2026,,,,ZOË@EXAMPLE.CH.", "28.07.2026,,,,{M}."),
    ];
    for (record, expected) in cases {
        let expected = shown(expected);
        for around in ["@\nF", "F@\n", "@\nF@\n"] {
            let body = head.to_owned() + &around.replace('@', record).replace('F', field);
            let expected = head.to_owned() + &around.replace('@', &expected).replace('F', &masked);
            check(Format::Csv, &body, &expected);
        }
    }
}

#[test]
fn over_the_window_a_copy_is_hidden_behind_its_field_and_within_a_step_before_it() {
    let limits = Limits { copies_window: 100, ..Limits::default() };
    let plan = plan(Plan::builder());
    let near = "x".repeat(1_000);
    let far = "x".repeat(40_000);
    let copy = |number: usize| format!("8 900 000-00-0{number}");
    let bodies = [
        (
            Format::Html,
            format!(
                "<p>{far}<p>{}<p>{far}<p>{}<p>{near}<p><i class=phone>+79000000001</i><i class=phone>+79000000002</i><p>{far}<p>{}",
                copy(1),
                copy(2),
                copy(1)
            ),
        ),
        (
            Format::Form,
            format!(
                "a={far}&b={}&c={far}&d={}&e={near}&phone=79000000001&phone=79000000002&f={far}&g={}",
                copy(1),
                copy(2),
                copy(1)
            ),
        ),
        (
            Format::Csv,
            format!(
                "phone,note\n,{far}\n,{}\n,{far}\n,{}\n,{near}\n79000000001,\n79000000002,\n,{far}\n,{}\n",
                copy(1),
                copy(2),
                copy(1)
            ),
        ),
    ];
    for (format, body) in bodies {
        let out = redact_alike(&plan, format, limits, None, body.as_bytes());
        let out = String::from_utf8(out).unwrap();
        // The first stands more than a step before its field: that is the limit.
        assert_eq!(out.matches(&copy(1)).count(), 1, "{format:?}");
        assert_eq!(out.matches(&copy(2)).count(), 0, "{format:?}");
        let mut redactor = Redactor::new(Arc::clone(&plan), format, limits);
        let (mut held, mut shown) = (0, Vec::new());
        for (taken, byte) in body.as_bytes().chunks(1).enumerate() {
            redactor.write(byte, &mut shown).unwrap();
            held = held.max(taken.saturating_sub(shown.len()));
        }
        assert!(held < 70_000, "{format:?} holds {held} bytes");
    }
}

#[test]
fn what_bodies_of_an_account_learnt_is_hidden_in_pages_forms_and_tables() {
    let learnt = Arc::new(Learnt::default());
    let plan = plan(Plan::builder());
    let body = br#"{"phone": "+7 900 123-45-67", "name": "Anna Kovalenko"}"#;
    let mut teacher = Redactor::json(Arc::clone(&plan)).with_copies(Arc::clone(&learnt));
    teacher.write(body, &mut Vec::new()).unwrap();
    for (format, body) in [
        (Format::Html, "<p>Anna Kovalenko<a href=tel:89001234567>"),
        (Format::Form, "a=Anna+Kovalenko&b=8+900+1234567"),
        (Format::Csv, "name,note\n,Anna Kovalenko 8 900 1234567\n"),
    ] {
        let out = redact_alike(&plan, format, Limits::default(), Some(&learnt), body.as_bytes());
        let out = String::from_utf8(out).unwrap();
        assert!(!out.contains("Kovalenko") && !out.contains("1234567"), "{out}");
        let without = redact_alike(&plan, format, Limits::default(), None, body.as_bytes());
        assert_eq!(String::from_utf8(without).unwrap(), body, "a body alone has nothing to learn from");
    }
}

#[test]
fn what_cannot_be_read_is_an_error_as_it_is_without_copies() {
    let limits = Limits { copies_window: 10, markup: 100, ..Limits::default() };
    let with = plan(Plan::builder());
    let plain = Arc::new(fields(Plan::builder()).build(&key()).unwrap());
    for (format, body) in [
        (Format::Html, &b"<p>Anna</p><p>\xff</p>"[..]),
        (Format::Html, b"<p>Anna</p><script type='application/json'>{]</script>"),
        (Format::Html, b"<select><xmp><script>"),
        (Format::Csv, b"name,note\nx,\"y\"z\n"),
        (Format::Csv, b"name,note\nx,\"y"),
    ] {
        let run = |plan: &Arc<Plan>, size: usize| {
            let mut redactor = Redactor::new(Arc::clone(plan), format, limits);
            let mut out = Vec::new();
            let written = body.chunks(size).try_for_each(|chunk| redactor.write(chunk, &mut out));
            (written.and_then(|()| redactor.finish(&mut out)).unwrap_err(), out)
        };
        for size in [1, 7, body.len()] {
            let ((error, out), (expected, _)) = (run(&with, size), run(&plain, size));
            assert_eq!(error, expected, "{format:?}");
            assert!(!String::from_utf8_lossy(&out).contains("\"y"), "what is wrong is shown");
        }
    }
}

/// Asserts what becomes of a body at every cut.
#[track_caller]
fn check(format: Format, body: &str, expected: &str) {
    let out = redact_alike(&plan(Plan::builder()), format, Limits::default(), None, body.as_bytes());
    assert_eq!(String::from_utf8(out).unwrap(), expected, "of {body}");
}

/// Redacts whole, byte by byte and at drawn cuts, whose outputs are the same.
#[track_caller]
fn redact_alike(
    plan: &Arc<Plan>,
    format: Format,
    limits: Limits,
    learnt: Option<&Arc<Learnt>>,
    body: &[u8],
) -> Vec<u8> {
    let run = |mut cut: Box<dyn FnMut() -> usize>| {
        let mut redactor = Redactor::new(Arc::clone(plan), format, limits);
        if let Some(learnt) = learnt {
            redactor = redactor.with_copies(Arc::clone(learnt));
        }
        let mut out = Vec::new();
        let mut rest = body;
        while !rest.is_empty() {
            let (chunk, later) = rest.split_at(cut().min(rest.len()));
            redactor.write(chunk, &mut out).unwrap();
            rest = later;
        }
        let summary = redactor.finish(&mut out).unwrap();
        (out, summary)
    };
    let whole = run(Box::new(|| usize::MAX));
    assert!(run(Box::new(|| 1)) == whole, "byte by byte");
    for seed in 0..4 {
        let mut random = Random::new(seed);
        assert!(run(Box::new(move || random.below(body_cut(seed)))) == whole, "cuts of seed {seed}");
    }
    whole.0
}

/// How long a drawn chunk may be.
fn body_cut(seed: u64) -> usize {
    [3, 20, 500, 20_000][seed as usize % 4]
}

fn fields(builder: PlanBuilder) -> PlanBuilder {
    let parse = |text: &str| Selector::parse(text).unwrap();
    let mut builder = builder.keep(&parse("$.agent")).operator_text(&parse("$.wrote"));
    for (name, class) in [
        ("name", Class::Name),
        ("phone", Class::Phone),
        ("mail", Class::Email),
        ("handle", Class::Handle),
        ("avatar", Class::Avatar),
    ] {
        let target = match class {
            Class::Avatar => HtmlTarget::Attribute("src".to_owned()),
            Class::Phone | Class::Email | Class::Name | Class::Handle | Class::FileUrl => HtmlTarget::Text,
        };
        builder = builder.field(class, &parse(&format!("$..{name}"))).column(name, class).html(HtmlRule {
            select: format!(".{name}"),
            target,
            class,
        });
    }
    builder
}

fn plan(builder: PlanBuilder) -> Arc<Plan> {
    Arc::new(fields(builder).copies(true).build(&key()).unwrap())
}

/// The fields of the pages, masked.
fn masked_field() -> String {
    shown("<i class=phone>{P}</i><i class=name>{N}</i><i class=mail>{M}</i>")
}

/// A text with the aliases of the values in the place of `{P}`, `{N}`, `{M}` and `{A}`, behind a `%` encoded.
fn shown(text: &str) -> String {
    let classes =
        [("{P}", Class::Phone), ("{N}", Class::Name), ("{M}", Class::Email), ("{A}", Class::Avatar)];
    classes.into_iter().fold(text.to_owned(), |text, (letter, class)| {
        let alias = alias(class);
        text.replace(&format!("%{letter}"), &percent(&alias)).replace(letter, &alias)
    })
}

fn alias(class: Class) -> String {
    let value = match class {
        Class::Phone => "+7 900 123-45-67",
        Class::Email => "zoë@example.ch",
        Class::Avatar => "https://cdn.example/u/1.jpg",
        Class::Name | Class::Handle | Class::FileUrl => "Anna Kovalenko",
    };
    alias_of(class, value)
}

fn alias_of(class: Class, value: &str) -> String {
    mask(class, Display::Alias, value, &key())
}

fn percent(text: &str) -> String {
    text.replace('+', "%2B").replace('@', "%40").replace(' ', "%20")
}

fn form_urlencoded(text: &str) -> String {
    text.replace('%', "%25").replace('+', "%2B").replace('@', "%40").replace(' ', "+")
}

fn key() -> AliasKey {
    AliasKey::new(&[7; 32]).unwrap()
}
