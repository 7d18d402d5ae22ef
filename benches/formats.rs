//! What do the formats around JSON cost?
//!
//! Event streams next to the same JSON without framing; pages next to lol_html alone, with the same selectors and
//! handlers that do nothing. The bodies are generated here and the same in every run.
//! `cargo bench -p chatwarden-redact --bench formats`

use std::{hint::black_box, sync::Arc};

use chatwarden_redact::{
    AliasKey, Class, Display, Format, HtmlRule, HtmlTarget, Limits, Plan, Redactor, Selector,
};
use criterion::{
    BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main, measurement::WallTime,
};
use lol_html::{HtmlRewriter, Settings, comments, doc_comments, element, end_tag, text};

criterion_group!(benches, event_streams, pages);
criterion_main!(benches);

fn event_streams(criterion: &mut Criterion) {
    for (name, each) in [("events of 200 B", 200), ("events of 4 KB", 4_000)] {
        let (texts, stream) = events(each);
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Bytes(stream.len() as u64));
        let plan = plan(&["$..phone", "$..email"], &[]);
        let absent = self::plan(&["$..absent"], &[]);
        bench(&mut group, "event stream", &plan, Format::EventStream, &stream);
        bench(&mut group, "event stream, nothing to hide", &absent, Format::EventStream, &stream);
        for (way, plan) in [("JSON of the events", &plan), ("JSON of the events, nothing to hide", &absent)] {
            let mut out = Vec::with_capacity(stream.len() * 2);
            group.bench_function(way, |bencher| {
                bencher.iter(|| {
                    out.clear();
                    for text in &texts {
                        let mut redactor = Redactor::json(Arc::clone(plan));
                        redactor.write(text.as_bytes(), &mut out).expect("the text is JSON");
                        redactor.finish(&mut out).expect("the text is JSON");
                    }
                    black_box(out.len())
                });
            });
        }
    }
}

fn pages(criterion: &mut Criterion) {
    let page = page(100_000);
    let mut group = criterion.benchmark_group("page of 100 KB");
    group.throughput(Throughput::Bytes(page.len() as u64));
    let rules = [(".client-phone", ""), (".client-name", ""), ("a.call", "href"), ("img.avatar", "src")];
    bench(&mut group, "rules and JSON", &plan(&["$..phone", "$..email"], &rules), Format::Html, &page);
    bench(&mut group, "rules", &plan(&[], &rules), Format::Html, &page);
    for (way, reaches_json) in [("lol_html as for rules and JSON", true), ("lol_html as for rules", false)] {
        let mut out = Vec::with_capacity(page.len() * 2);
        group.bench_function(way, |bencher| {
            bencher.iter(|| {
                out.clear();
                idle(&page, reaches_json, &mut out);
                black_box(out.len())
            });
        });
    }
}

fn bench(group: &mut BenchmarkGroup<'_, WallTime>, way: &str, plan: &Arc<Plan>, format: Format, body: &[u8]) {
    let mut out = Vec::with_capacity(body.len() * 2);
    group.bench_function(way, |bencher| {
        bencher.iter(|| {
            out.clear();
            let mut redactor = Redactor::new(Arc::clone(plan), format, Limits::default());
            for chunk in body.chunks(16 * 1024) {
                redactor.write(chunk, &mut out).expect("the body is well-formed");
            }
            redactor.finish(&mut out).expect("the body is well-formed");
            black_box(out.len())
        });
    });
}

/// lol_html with the handlers of a redactor, none of which does anything.
fn idle(page: &[u8], reaches_json: bool, out: &mut Vec<u8>) {
    let mut settings = Settings::new()
        .append_element_content_handler(element!("meta", |_| Ok(())))
        .append_element_content_handler(text!("noscript, noframes, noembed", |_| Ok(())))
        .append_element_content_handler(element!("a.call", |_| Ok(())))
        .append_element_content_handler(element!("img.avatar", |_| Ok(())))
        .append_document_content_handler(doc_comments!(|_| Ok(())));
    for select in [".client-phone", ".client-name"] {
        settings = settings
            .append_element_content_handler(element!(select, |element| {
                element.on_end_tag(end_tag!(|_| Ok(())))
            }))
            .append_element_content_handler(text!(select, |_| Ok(())))
            .append_element_content_handler(comments!(select, |_| Ok(())));
    }
    settings = match reaches_json {
        true => settings
            .append_element_content_handler(element!("*", |_| Ok(())))
            .append_element_content_handler(element!("script", |_| Ok(())))
            .append_element_content_handler(text!("script", |_| Ok(()))),
        false => settings.append_element_content_handler(element!("iframe", |_| Ok(()))),
    };
    let mut rewriter = HtmlRewriter::new(settings, |chunk: &[u8]| out.extend_from_slice(chunk));
    for chunk in page.chunks(16 * 1024) {
        rewriter.write(chunk).expect("the page is unambiguous");
    }
    rewriter.end().expect("the page is unambiguous");
}

fn plan(fields: &[&str], rules: &[(&str, &str)]) -> Arc<Plan> {
    let mut builder = Plan::builder();
    for field in fields {
        builder = builder.field(Class::Phone, &Selector::parse(field).expect("the selector parses"));
    }
    for &(select, attribute) in rules {
        let target = match attribute {
            "" => HtmlTarget::Text,
            name => HtmlTarget::Attribute(name.to_owned()),
        };
        builder = builder.html(HtmlRule { select: select.to_owned(), target, class: Class::Phone });
    }
    let key = AliasKey::new(&[7; 32]).expect("the key is long enough");
    let builder = builder.display(Class::Phone, Display::Hidden);
    Arc::new(builder.build(&key).expect("the plan compiles"))
}

/// Events of about so many bytes, 200 KB together: their data, and the stream.
fn events(each: usize) -> (Vec<String>, Vec<u8>) {
    let mut texts = Vec::new();
    let mut stream = String::new();
    let mut number = 0;
    while stream.len() < 200_000 {
        let mut text = format!(r#"{{"type":"message","id":{number},"phone":"+7900{number:07}","text":""#);
        while text.len() + 60 < each {
            text += "Здравствуйте! Заказ отправлен. ";
        }
        text += r#"","status":"delivered"}"#;
        stream += &format!("id: {number}\ndata: {text}\n\n");
        texts.push(text);
        number += 1;
    }
    (texts, stream.into_bytes())
}

/// An inbox as a server renders it: rows of clients, inline state, attributes with JSON.
fn page(bytes: usize) -> Vec<u8> {
    let mut out = String::from(
        "<!DOCTYPE html>\n<html><head><meta charset=\"utf-8\"><title>Inbox</title></head>\n<body>\n<table>\n",
    );
    let mut number = 0;
    while out.len() < bytes {
        out += &format!(
            r#"<tr class="row {}" id="client-{number}" data-order='{{"id": {number}, "phone": "+7900{number:07}"}}'>
  <td class="cell"><img class="avatar" src="/avatars/{number}.jpg" alt="" width="32" height="32"></td>
  <td class="cell"><a class="link" href="/clients/{number}"><span class="client-name">Пётр Иванов</span></a></td>
  <td class="cell"><a class="call" href="tel:+7900{number:07}"><b class="client-phone">+7 900 {number:07}</b></a></td>
  <td class="cell text">Здравствуйте! Заказ №{number} отправлен, спасибо за ожидание &mdash; до встречи.</td>
  <td class="cell"><!-- status --><span class="badge badge-green">delivered</span></td>
</tr>
"#,
            if number % 2 == 0 { "even" } else { "odd" },
        );
        if number % 20 == 0 {
            out += &format!(
                "<script>window.rows = window.rows || []; if (window.rows.length < 9) {{ window.rows.push({{\"id\": {number}, \"phone\": \"+7900{number:07}\"}}); }}</script>\n",
            );
        }
        number += 1;
    }
    out += "</table>\n</body></html>\n";
    out.into_bytes()
}
