//! Tests of pages: what rules select, JSON wherever pages carry it, and every cut in between.

use super::*;
use crate::{AliasKey, Class, Display, Format, HtmlRule, HtmlTarget, Redactor, Selector};

fn rule(select: &str, attribute: &str, class: Class) -> HtmlRule {
    let target = match attribute {
        "" => HtmlTarget::Text,
        name => HtmlTarget::Attribute(name.to_owned()),
    };
    HtmlRule { select: select.to_owned(), target, class }
}

fn plan(rules: &[(&str, &str, Class)], fields: &[&str], display: Display) -> Arc<Plan> {
    let mut builder = Plan::builder().html_state("__STATE__");
    for &(select, attribute, class) in rules {
        builder = builder.html(rule(select, attribute, class));
    }
    for field in fields {
        builder = builder.field(Class::Phone, &Selector::parse(field).unwrap());
    }
    for class in Class::ALL {
        builder = builder.display(class, display);
    }
    Arc::new(builder.build(&AliasKey::new(&[7; 32]).unwrap()).unwrap())
}

fn usual() -> Arc<Plan> {
    let rules = [
        (".phone", "", Class::Phone),
        (".name", "", Class::Name),
        ("a.call", "href", Class::Phone),
        ("img.avatar", "src", Class::Handle),
        ("img.avatar", "SrcSet", Class::Handle),
        ("input[name=phone]", "value", Class::Phone),
    ];
    plan(&rules, &["$..phone"], Display::Hidden)
}

fn small() -> Limits {
    Limits { value_bytes: 120, markup: 2_000, ..Limits::default() }
}

type Outcome = (String, Result<Summary, RedactError>);

fn redact(plan: &Arc<Plan>, page: &[u8], cuts: &[usize]) -> Outcome {
    let mut redactor = Redactor::new(Arc::clone(plan), Format::Html, small());
    let mut out = Vec::new();
    let mut from = 0;
    let mut written = Ok(());
    for &cut in cuts.iter().chain([&page.len()]) {
        written = redactor.write(&page[from..cut], &mut out);
        if written.is_err() {
            break;
        }
        from = cut;
    }
    let result = written.and_then(|()| redactor.finish(&mut out));
    (String::from_utf8_lossy(&out).into_owned(), result)
}

/// The outcome, whole, cut in two at every place, and byte by byte.
#[track_caller]
fn outcome(plan: &Arc<Plan>, page: &[u8]) -> Outcome {
    let whole = redact(plan, page, &[]);
    let agree = |other: Outcome, how: &str| match whole.1 {
        Ok(_) => assert_eq!(other, whole, "{how}"),
        Err(_) => {
            assert_eq!(other.1, whole.1, "{how}");
            assert!(other.0.starts_with(&whole.0) || whole.0.starts_with(&other.0), "{how}");
        }
    };
    for cut in 0..=page.len() {
        agree(redact(plan, page, &[cut]), &format!("cut at {cut}"));
    }
    let every: Vec<_> = (0..page.len()).collect();
    agree(redact(plan, page, &every), "byte by byte");
    whole
}

#[track_caller]
fn check(page: &str, expected: &str) {
    let (out, result) = outcome(&usual(), page.as_bytes());
    assert!(result.is_ok(), "{result:?} after {out}");
    assert_eq!(out, expected);
}

#[track_caller]
fn passes(page: &str) {
    check(page, page);
}

#[track_caller]
fn refuses(page: &str, error: RedactError) {
    let (out, result) = outcome(&usual(), page.as_bytes());
    assert_eq!(result, Err(error), "{out}");
    assert!(page.starts_with(&out), "{out}");
}

#[test]
fn a_stream_of_a_page_may_move_between_threads() {
    fn assert_send_and_sync<T: Send + Sync>() {}
    assert_send_and_sync::<Redactor>();
    assert_send_and_sync::<Plan>();
}

#[test]
fn text_of_selected_elements_is_hidden_and_white_space_around_it_stays() {
    check("<p class=phone>\n  +370 612 34567\t</p> +1", "<p class=phone>\n  hidden\t</p> +1");
    check(
        "<P CLASS='a phone b'>1</P><p class=phone></p>",
        "<P CLASS='a phone b'>hidden</P><p class=phone></p>",
    );
    check(
        "<td class=phone>&nbsp;</td><td class=phone> &#32; </td>",
        "<td class=phone>&nbsp;</td><td class=phone> &#32; </td>",
    );
}

#[test]
fn text_is_one_value_however_it_is_marked_up() {
    let plan = plan(&[(".phone", "", Class::Phone)], &[], Display::Alias);
    let alias = |text: &str| {
        let mut shown = String::new();
        plan.write_text(Class::Phone, text.as_bytes(), &mut shown);
        shown
    };
    let page = "<i class=phone> <b id='>'>+370 </b> <u>612<!-- -->3</u>4567</i>";
    let expected = format!("<i class=phone> <b id='>'>{} </b> <u><!-- --></u></i>", alias("+370  61234567"));
    assert_eq!(outcome(&plan, page.as_bytes()).0, expected);
    let page = "<i class=phone>&#43;370&nbsp;&plus;</i>";
    assert_eq!(outcome(&plan, page.as_bytes()).0, format!("<i class=phone>{}</i>", alias("+370\u{a0}+")));
}

#[test]
fn elements_within_selected_elements_hide_by_the_rule_declared_first() {
    check(
        "<div class=name>Anna <b class=phone>+370</b> K.</div>",
        "<div class=name>hidden <b class=phone>hidden</b> hidden</div>",
    );
    check(
        "<i class=phone>1<i class=phone>2</i>3</i>4",
        "<i class=phone>hidden<i class=phone>hidden</i>hidden</i>4",
    );
}

#[test]
fn words_of_comments_in_selected_elements_vanish_and_markers_stay() {
    check(
        "<p class=phone><!--$--><!-- -->+1<!-- +370 --><!--/$--></p><!-- +370 -->",
        "<p class=phone><!--$--><!-- -->hidden<!----><!--/$--></p><!-- +370 -->",
    );
}

#[test]
fn code_in_selected_elements_is_not_shown() {
    check(
        "<div class=phone>1<script>'+370'</script><style>a{}</style></div><style>a{}</style>",
        "<div class=phone>hidden<script></script><style></style></div><style>a{}</style>",
    );
}

#[test]
fn text_of_every_kind_is_reached() {
    check("<textarea class=phone>+1&amp;</textarea>", "<textarea class=phone>hidden</textarea>");
    check("<title class=name>Anna</title>", "<title class=name>hidden</title>");
    check("<template><b class=phone>1</b></template>", "<template><b class=phone>hidden</b></template>");
    check("<noscript><b class=phone>1</b></noscript>", "<noscript><b class=phone>hidden</b></noscript>");
    check("<svg><text class=phone>1</text></svg>", "<svg><text class=phone>hidden</text></svg>");
    check(
        "<svg><text class=phone><![CDATA[1]]></text></svg>",
        "<svg><text class=phone><![CDATA[hidden]]></text></svg>",
    );
    check("<!-- <b class=phone>1</b> -->", "<!-- <b class=phone>hidden</b> -->");
    check(
        "<!--[if IE]><b class=phone>1</b><![endif]-->",
        "<!--[if IE]><b class=phone>hidden</b><![endif]-->",
    );
    check("<!-- {\"phone\": \"1\"} -->", "<!-- {\"phone\": \"hidden\"} -->");
    check("<!-- <select><xmp> <b class=phone>1 -->", "<!---->");
    check(
        "<iframe srcdoc=\"<b class=&quot;phone&quot;>1</b>\"></iframe>",
        "<iframe srcdoc=\"&lt;b class=&quot;phone&quot;>hidden&lt;/b>\"></iframe>",
    );
}

#[test]
fn selected_attributes_are_masked_and_their_tags_stay_as_they_are() {
    check("<a  href = 'tel:+37061234567'\n class=call >x</a>", "<a  href = 'tel:hidden'\n class=call >x</a>");
    check("<IMG CLASS=avatar SRC=/a.png />", "<IMG CLASS=avatar SRC=\"hidden\" />");
    check(
        "<img class=avatar src=/a src='/b' srcset=\"/c 1x, /d 2x\"/>",
        "<img class=avatar src=\"hidden\" src='hidden' srcset=\"hidden 1x, hidden 2x\"/>",
    );
    check(
        "<input value='&#43;1' name=phone><input value=>",
        "<input value='hidden' name=phone><input value=>",
    );
    passes("<a class=call href>x</a><a class=call href=''>x</a><a href='tel:+1'>");
}

#[test]
fn json_of_scripts_is_redacted() {
    check(
        "<script type='application/json' id=x> {\"phone\": \"1\", \"a\": \"<b>\"} </script>",
        "<script type='application/json' id=x> {\"phone\": \"hidden\", \"a\": \"<b>\"} </script>",
    );
    check(
        "<script type='application/LD+json; charset=utf-8'>[{\"phone\":1}]</script>",
        "<script type='application/LD+json; charset=utf-8'>[{\"phone\":0}]</script>",
    );
    passes("<script type=application/json> </script><script type=application/json></script>");
    let page = "<script type=application/json>{\"phone\": \"1\", }</script>";
    let (out, result) = outcome(&usual(), page.as_bytes());
    assert_eq!(result, Err(RedactError::TrailingComma));
    assert!(!out.contains("\"1\""));
    refuses("<script type=application/json>{\"a\": </script>", RedactError::Truncated);
}

#[test]
fn json_in_code_is_redacted_and_code_passes() {
    check(
        "<script>window.x = {\"phone\": \"1\"};if(a[\"phone\"]=='1'){f([{\"phone\":2}])}</script>",
        "<script>window.x = {\"phone\": \"hidden\"};if(a[\"phone\"]=='1'){f([{\"phone\":0}])}</script>",
    );
    check(
        "<script>var a = JSON.parse('{\"phone\": \"\\u002b1\", \"b\": \"it\\'s\"}') // {</script>",
        "<script>var a = JSON.parse('{\\x22phone\\x22: \\x22hidden\\x22, \\x22b\\x22: \\x22it\\x27s\\x22}') // {</script>",
    );
    check(
        "<script>a(\"\\x7b\\\"phone\\\":1}\",\"[1]\")</script>",
        "<script>a(\"{\\x22phone\\x22:0}\",\"[1]\")</script>",
    );
    passes(
        "<script>var o = {phone: \"1\"}, r = /[{\"]/, t = `{\"phone\": ${x}}`; o[\"a\"] = [] + {}</script>",
    );
    passes("<script type=module>x = {\"a\": [1, 2, {\"b\": \"it's </b>\"}]} + '{\"a\":\\'1\\'}'</script>");
}

#[test]
fn rows_of_react_are_redacted_though_they_are_cut_anywhere() {
    check(
        "<script>(self.__next_f=self.__next_f||[]).push([0])</script>\
         <script>self.__next_f.push([1,\"0:I[7,[]]\\n2:{\\\"phone\\\":\\\"+3\"])</script>\
         <script>self.__next_f.push([1,\"70\\\",\\\"a\\\":1}\\nb:T6,{}\\n:{}:HL[\\\"/a\\\"]\\nf:\"])</script>\
         <script>self.__next_f.push( [1, '[{\"phone\":1}]\\n'])</script>",
        "<script>(self.__next_f=self.__next_f||[]).push([0])</script>\
         <script>self.__next_f.push([1,\"0:I[7,[]]\\n2:{\\x22phone\\x22:\"])</script>\
         <script>self.__next_f.push([1,\"\\x22hidden\\x22,\\x22a\\x22:1}\\nb:T6,{}\\n:{}:HL[\\x22/a\\x22]\\nf:\"])</script>\
         <script>self.__next_f.push( [1, '[{\\x22phone\\x22:0}]\\n'])</script>",
    );
    refuses("<script>self.__next_f.push([1,\"0:{\"])</script>", RedactError::Truncated);
    refuses("<script>self.__next_f.push([1,\"0:{a\"])</script>", RedactError::InvalidKey);
    passes("<script>self.__next_f.push([1,\"0:\\\"$undefined\\\"\\n1:{}\"])</script>");
}

#[test]
fn state_that_is_declared_must_be_json() {
    check("<script>__STATE__={\"phone\":1}</script>", "<script>__STATE__={\"phone\":0}</script>");
    check(
        "<script>window['__STATE__'] = JSON.parse(\"{\\\"phone\\\":\\\"1\\\"}\")</script>",
        "<script>window['__STATE__'] = JSON.parse(\"{\\x22phone\\x22:\\x22hidden\\x22}\")</script>",
    );
    for code in ["__STATE__ = {phone: 1}", "a.__STATE__=[{\"a\":1},]", "__STATE__ = JSON.parse('{\"a\":}')"] {
        refuses(&format!("<script>{code}</script>"), RedactError::InvalidState);
    }
    passes("<script>if (__STATE__ == {}) x__STATE__ = {a: 1}; y = __STATE__ || {}</script>");
}

#[test]
fn what_is_new_in_code_can_end_nothing_around_it() {
    let plan = plan(&[], &["$..phone"], Display::Partial);
    let name = Plan::builder()
        .field(Class::Name, &Selector::parse("$..name").unwrap())
        .display(Class::Name, Display::Partial)
        .build(&AliasKey::new(&[7; 32]).unwrap())
        .unwrap();
    let page = "<script>f('{\"name\": \"O\\u0027Neil Smith\"} ')</script>";
    let (out, _) = outcome(&Arc::new(name), page.as_bytes());
    assert_eq!(out, "<script>f('{\\x22name\\x22: \\x22O\\x27Neil S\u{2060}.\\x22} ')</script>");
    let (out, _) =
        outcome(&plan, "<script>a={\"phone\":\"+37061234507\",\"b\":\"'<b>`\"}</script>".as_bytes());
    assert_eq!(out, "<script>a={\"phone\":\"+•••••••07\",\"b\":\"'<b>`\"}</script>");
}

#[test]
fn json_of_attributes_is_redacted_and_only_that_is_encoded_anew() {
    check(
        "<div data-a='{\"phone\":\"1\"}' data-b=\"{&quot;phone&quot;:&#34;1&#34;}\" data-c={&quot;phone&quot;:1}>",
        "<div data-a='{\"phone\":\"hidden\"}' data-b=\"{&quot;phone&quot;:&quot;hidden&quot;}\" data-c=\"{&quot;phone&quot;:0}\">",
    );
    passes(
        "<div data-a='{\"a\" :&#34;1&#34;}' x-data='{ phone: 1 }' :class='[a]' data-b='[1' data-c='&amp;{'>",
    );
    check("<a onclick='f({\"phone\":1})'>", "<a onclick='f({\"phone\":0})'>");
    check("<input value=' [{\"phone\":\"&lt;1\"}]'>", "<input value=' [{\"phone\":\"hidden\"}]'>");
}

#[test]
fn pages_in_other_encodings_are_refused() {
    refuses("<meta charset=windows-1251>", RedactError::WrongCharset);
    refuses(
        "<meta content='text/html; charset=\"iso-8859-1\"' http-equiv=Content-Type>",
        RedactError::WrongCharset,
    );
    passes(
        "<meta charset=\" UTF-8\"><meta http-equiv=content-type content='text/html;charset=utf8'><meta content='x'>",
    );
    for page in [&b"<p>\xff"[..], b"<p>\xd0</p>", b"\xfe\xff\0<"] {
        let (_, result) = outcome(&usual(), page);
        assert_eq!(result, Err(RedactError::InvalidUtf8));
    }
    let (_, result) = outcome(&usual(), b"<p>\xd0");
    assert_eq!(result, Err(RedactError::InvalidUtf8));
    check("\u{feff}<p class=phone>Пётр 😀</p>", "\u{feff}<p class=phone>hidden</p>");
}

#[test]
fn markup_that_browsers_may_read_otherwise_is_refused() {
    refuses("<select><xmp><script>", RedactError::AmbiguousMarkup);
}

#[test]
fn pieces_over_the_limit_are_refused() {
    let long = "x".repeat(2_000);
    refuses(&format!("<a title='{long}'>"), RedactError::MarkupTooLarge);
    refuses(&format!("<!--{long}-->"), RedactError::MarkupTooLarge);
    let (_, result) = redact(&usual(), format!("<script>{long}x</script>").as_bytes(), &[]);
    assert_eq!(result, Err(RedactError::MarkupTooLarge));
    passes(&format!("<script type=application/json>\"{long}\"</script><p>{long}</p>"));
}

#[test]
fn a_value_too_long_to_hold_is_hidden_without_an_alias() {
    let long = "x".repeat(121);
    check(&format!("<p class=name>{long}</p>"), "<p class=name>hidden</p>");
    let page = format!("<p class=name>a<b id={long}>b</b>c</p>");
    check(&page, &format!("<p class=name>hidden<b id={long}></b></p>"));
}

#[test]
fn pages_that_end_anywhere_leak_nothing() {
    check("<p class=phone>+1", "<p class=phone>hidden");
    check("<p class=phone>+1<b", "<p class=phone>hidden<b");
    check("<script>a={\"phone\":1}", "<script>a={\"phone\":0}");
    check("<!-- <b class=phone>1", "<!-- <b class=phone>hidden");
    passes("<a class=call href='tel:+1");
    refuses("<script type=application/json>{\"a\":1", RedactError::Truncated);
}

#[test]
fn elements_without_end_tags_hide_up_to_the_end_of_their_parent() {
    check(
        "<ul><li class=phone>1<li class=phone>2<li>3</ul>4",
        "<ul><li class=phone>hidden<li class=phone>hidden<li></ul>4",
    );
}

#[test]
fn what_was_hidden_is_counted() {
    let page = "<p class=phone>1</p><p class=phone> </p><a class=call href='tel:1' data-x='{\"phone\":1}'>\
        <script>a={\"phone\":[1,2]}</script><!-- <p class=name>1</p> --><noscript><p class=name>1</p></noscript>";
    let (_, result) = outcome(&usual(), page.as_bytes());
    let summary = result.unwrap();
    assert_eq!(summary.hidden[Class::Phone.index()], 5);
    assert_eq!(summary.hidden[Class::Name.index()], 2);
}

#[test]
fn a_selector_that_does_not_parse_is_named() {
    let key = AliasKey::new(&[7; 32]).unwrap();
    let builder = Plan::builder().html(rule("p", "", Class::Name)).html(rule("p >", "", Class::Name));
    let error = builder.build(&key).unwrap_err();
    assert_eq!(error.to_string(), "the selector of HTML rule 1: Dangling combinator in selector.");
}
