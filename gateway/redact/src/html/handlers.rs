//! What is looked for in a page: the handlers by which lol_html reports to the scene.

use std::{
    borrow::Cow,
    ops::Range,
    sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError},
};

use lol_html::{
    HandlerResult, MemorySettings, Selector,
    html_content::{Comment, EndTag, TextChunk, TextType},
    send,
};
use memchr::memchr3;

use super::{
    Context, attribute, copies,
    entity::{self, Quote},
    flight::Flight,
    redact_fragment,
    rule::HtmlTarget,
    scene::{Action, Scene, ScriptKind, Spelling},
    script,
};
use crate::{class::Class, error::RedactError, redactor::Summary};

/// The scene, shared by the handlers of one page; they run one after the other.
pub(super) type Shared = Arc<Mutex<Scene>>;

type Handlers = send::ElementContentHandlers<'static>;
type Element<'r, 't> = send::Element<'r, 't>;

pub(super) fn lock(scene: &Mutex<Scene>) -> MutexGuard<'_, Scene> {
    scene.lock().unwrap_or_else(PoisonError::into_inner)
}

/// All handlers of a page under a plan.
pub(super) fn settings(context: &Arc<Context>, scene: &Shared) -> send::Settings<'static, 'static> {
    // Tags and comments over the limit are refused by their length, wherever the cuts are; lol_html's own limit
    // is wide enough for all others and bounds what else it keeps.
    let memory = context.limits.markup.saturating_mul(2).saturating_add(1 << 20);
    let mut settings = send::Settings::new_send()
        .with_strict(true)
        .with_memory_settings(MemorySettings::new().with_max_allowed_memory_usage(memory));

    for (number, rule) in context.plan.html().rules.iter().enumerate() {
        let handlers = match &rule.target {
            HtmlTarget::Attribute(name) => {
                let (context, scene) = (Arc::clone(context), Arc::clone(scene));
                let (name, class) = (name.to_ascii_lowercase(), rule.class);
                Handlers::default().element(move |element: &mut Element<'_, '_>| {
                    show_attribute(&context, &scene, &name, class, element)
                })
            }
            HtmlTarget::Text => text_of_field(number, scene),
        };
        settings = settings.append_element_content_handler((Cow::Owned(rule.selector.clone()), handlers));
    }

    let shared = Arc::clone(scene);
    let meta =
        Handlers::default().element(move |element: &mut Element<'_, '_>| check_charset(&shared, element));
    settings = settings.append_element_content_handler((Cow::Borrowed(&SELECTORS.meta), meta));
    let reaches_json = context.plan.reaches_json();
    let sweeps = context.plan.learnt().is_some();
    if !reaches_json && !sweeps && context.plan.html().is_empty() {
        return settings;
    }

    let (reporter, shared) = (Arc::clone(context), Arc::clone(scene));
    let attributes = Handlers::default()
        .element(move |element: &mut Element<'_, '_>| any_element(&reporter, &shared, element));
    let carriers = if reaches_json || sweeps { &SELECTORS.any } else { &SELECTORS.iframe };
    settings = settings.append_element_content_handler((Cow::Borrowed(carriers), attributes));
    if reaches_json {
        settings = settings
            .append_element_content_handler((Cow::Borrowed(&SELECTORS.script), text_of_script(scene)));
    }

    let shared = Arc::clone(scene);
    let fragments = Handlers::default()
        .text(move |text: &mut TextChunk<'_>| text_edit(&shared, text, |_| Action::Fragment));
    settings = settings.append_element_content_handler((Cow::Borrowed(&SELECTORS.unscripted), fragments));

    let (context, shared) = (Arc::clone(context), Arc::clone(scene));
    let mut rest = send::DocumentContentHandlers::default()
        .comments(move |comment: &mut Comment<'_>| any_comment(&context, &shared, comment));
    if sweeps {
        let (shared, listing) = (Arc::clone(scene), Arc::clone(scene));
        let shown =
            Handlers::default().text(move |text: &mut TextChunk<'_>| text_edit(&listing, text, Action::Text));
        settings = settings.append_element_content_handler((Cow::Borrowed(&SELECTORS.raw), shown));
        rest = rest.text(move |text: &mut TextChunk<'_>| match text.text_type() {
            TextType::Data | TextType::RCData | TextType::PlainText | TextType::CDataSection => {
                text_edit(&shared, text, Action::Text)
            }
            // Code, styles, and what is not shown.
            TextType::RawText | TextType::ScriptData => Ok(()),
        });
    }
    settings.append_document_content_handler(rest)
}

fn text_of_field(rule: usize, scene: &Shared) -> Handlers {
    let (boundaries, texts, comments) = (Arc::clone(scene), Arc::clone(scene), Arc::clone(scene));
    Handlers::default()
        .element(move |element: &mut Element<'_, '_>| {
            let start = element.source_location().bytes().start;
            lock(&boundaries).edit(start..start, Action::Boundary)?;
            if let Some(handlers) = element.end_tag_handlers() {
                let scene = Arc::clone(&boundaries);
                handlers.push(Box::new(move |tag: &mut EndTag<'_>| {
                    let start = tag.source_location().bytes().start;
                    Ok(lock(&scene).edit(start..start, Action::Boundary)?)
                }));
            }
            Ok(())
        })
        .text(move |text: &mut TextChunk<'_>| {
            text_edit(&texts, text, |spelling| Action::Field { rule, spelling })
        })
        .comments(move |comment: &mut Comment<'_>| comment_in_field(&comments, comment))
}

fn text_of_script(scene: &Shared) -> Handlers {
    let (kinds, texts) = (Arc::clone(scene), Arc::clone(scene));
    Handlers::default()
        .element(move |element: &mut Element<'_, '_>| {
            let media_type = element.get_attribute("type").unwrap_or_default();
            lock(&kinds).script = ScriptKind::of(&entity::decode_attribute(&media_type));
            Ok(())
        })
        .text(move |text: &mut TextChunk<'_>| {
            let kind = lock(&texts).script;
            text_edit(&texts, text, |spelling| Action::Script { kind, spelling })
        })
}

fn text_edit(
    scene: &Mutex<Scene>,
    text: &TextChunk<'_>,
    action: impl Fn(Spelling) -> Action,
) -> HandlerResult {
    let place = text.source_location().bytes();
    let mut scene = lock(scene);
    if place.is_empty() || scene.is_edited(&place) {
        return Ok(());
    }
    let spelling = match text.text_type() {
        TextType::Data | TextType::RCData => Spelling::References,
        TextType::PlainText | TextType::CDataSection => Spelling::Plain,
        TextType::RawText | TextType::ScriptData => Spelling::Raw,
    };
    Ok(scene.edit(place, action(spelling))?)
}

/// An attribute that a rule names.
fn show_attribute(
    context: &Context,
    scene: &Mutex<Scene>,
    name: &str,
    class: Class,
    element: &Element<'_, '_>,
) -> HandlerResult {
    let is_it = |attribute: &[u8], _: &[u8]| attribute.eq_ignore_ascii_case(name.as_bytes());
    edit_attributes(scene, element, is_it, |_, value| {
        let mut shown = String::new();
        let hidden = attribute::show(&context.plan, class, name, value, &mut shown);
        let mut summary = Summary::default();
        summary.hidden[class.index()] = hidden;
        Ok(Some((shown, summary)))
    })
}

/// Attributes that hold JSON, code, markup or copies, whatever the element.
fn any_element(context: &Arc<Context>, scene: &Mutex<Scene>, element: &Element<'_, '_>) -> HandlerResult {
    let place = element.source_location().bytes();
    let sweeps = context.plan.learnt().is_some();
    {
        let mut scene = lock(scene);
        if place.len() > context.limits.markup {
            return Err(scene.fail(RedactError::MarkupTooLarge).into());
        }
        let Some(tag) = scene.bytes(&place) else {
            return Err(scene.fail(RedactError::UnscannableMarkup).into());
        };
        let is_iframe = tag.get(1..7).is_some_and(|name| name.eq_ignore_ascii_case(b"iframe"));
        if memchr3(b'{', b'[', b'&', tag).is_none() && !is_iframe && !sweeps {
            return Ok(());
        }
    }
    let reaches_json = context.plan.reaches_json();
    let tag_name = if sweeps { element.tag_name() } else { String::new() };
    let could_hold = |name: &[u8], raw: &[u8]| {
        sweeps || memchr3(b'{', b'[', b'&', raw).is_some() || name.eq_ignore_ascii_case(b"srcdoc")
    };
    edit_attributes(scene, element, could_hold, |name, value| {
        if name.eq_ignore_ascii_case(b"srcdoc") {
            let (shown, summary) = redact_fragment(context, value.as_bytes())?;
            return Ok(String::from_utf8(shown).ok().map(|shown| (shown, summary)));
        }
        let of_value = |value: &str| copies::of_attribute(context, &tag_name, name, value);
        if !reaches_json || !value.contains(['{', '[']) {
            return Ok(of_value(value));
        }
        if value.trim_start().starts_with(['{', '['])
            && let Some((shown, summary)) = script::json(context, value.as_bytes())
        {
            return Ok(String::from_utf8(shown).ok().map(|shown| (shown, summary)));
        }
        if !name.get(..2).is_some_and(|start| start.eq_ignore_ascii_case(b"on")) {
            return Ok(of_value(value));
        }
        let (mut shown, mut summary) = (Vec::new(), Summary::default());
        script::redact(context, value.as_bytes(), &mut Flight::default(), &mut summary, &mut shown)?;
        let Ok(mut shown) = String::from_utf8(shown) else { return Ok(None) };
        if let Some((swept, more)) = of_value(&shown) {
            summary.add(&more);
            shown = swept;
        }
        Ok(Some((shown, summary)))
    })
}

/// Replaces the values of attributes: `is_meant` sees each name and raw value, `show` gets the decoded value.
fn edit_attributes(
    scene: &Mutex<Scene>,
    element: &Element<'_, '_>,
    is_meant: impl Fn(&[u8], &[u8]) -> bool,
    mut show: impl FnMut(&[u8], &str) -> Result<Option<(String, Summary)>, RedactError>,
) -> HandlerResult {
    let mut scene = lock(scene);
    for attribute in element.attributes() {
        let (Some(name), Some(place)) = (attribute.name_source_location(), attribute.value_source_location())
        else {
            continue;
        };
        let (name, place) = (name.bytes(), place.bytes());
        if place.is_empty() {
            continue;
        }
        let (Some(name), Some(raw)) = (scene.bytes(&name), scene.bytes(&place)) else {
            return Err(scene.fail(RedactError::UnscannableMarkup).into());
        };
        if !is_meant(name, raw) || scene.is_edited(&place) {
            continue;
        }
        let Ok(raw) = std::str::from_utf8(raw) else {
            return Err(scene.fail(RedactError::InvalidUtf8).into());
        };
        let value = entity::decode_attribute(raw);
        let shown = show(name, &value);
        let is_same = matches!(&shown, Ok(Some((shown, _))) if *shown == value);
        match shown {
            Ok(Some((shown, summary))) if !is_same => {
                let before = scene.bytes(&(place.start - 1..place.start)).and_then(|before| before.first());
                let quote = Quote::before(before.copied());
                let mut bytes = Vec::with_capacity(shown.len() + 16);
                entity::push_attribute(&shown, quote, &mut bytes);
                scene.summary.add(&summary);
                scene.edit(place, Action::Replace(bytes))?;
            }
            Ok(Some((_, summary))) => scene.summary.add(&summary),
            Ok(None) => {}
            Err(error) => return Err(scene.fail(error).into()),
        }
    }
    Ok(())
}

/// A comment within a selected element: its markers stay, words vanish.
fn comment_in_field(scene: &Mutex<Scene>, comment: &Comment<'_>) -> HandlerResult {
    let place = comment.source_location().bytes();
    let mut scene = lock(scene);
    let inside = inside_of_comment(&scene, &place)?;
    scene.take_back(&place);
    if scene.text(&inside).is_some_and(|text| text.contains(char::is_alphanumeric)) {
        return empty_comment(&mut scene, place, inside);
    }
    // The place counts as edited, so that the handler of all comments leaves it alone.
    let kept = scene.bytes(&place).map(<[u8]>::to_vec).unwrap_or_default();
    Ok(scene.edit(place, Action::Replace(kept))?)
}

/// Any comment: JSON in it is redacted, and markup as markup. What cannot be read is emptied.
fn any_comment(context: &Arc<Context>, scene: &Mutex<Scene>, comment: &Comment<'_>) -> HandlerResult {
    let place = comment.source_location().bytes();
    let mut scene = lock(scene);
    if place.len() > context.limits.markup {
        return Err(scene.fail(RedactError::MarkupTooLarge).into());
    }
    let inside = inside_of_comment(&scene, &place)?;
    if scene.is_edited(&inside) || scene.is_edited(&place) {
        return Ok(());
    }
    let Some(text) = scene.bytes(&inside) else { return Ok(()) };
    let is_json = matches!(text.trim_ascii_start().first(), Some(b'{' | b'['));
    let shown = if is_json && let Some(shown) = script::json(context, text) {
        Some(shown)
    } else if text.contains(&b'<') {
        redact_fragment(context, text).ok()
    } else {
        let swept = std::str::from_utf8(text).ok().and_then(|text| copies::of_comment(context, text));
        let Some((shown, summary)) = swept else { return Ok(()) };
        Some((shown.into_bytes(), summary))
    };
    let ends_early = |shown: &[u8]| shown.windows(3).any(|end| end == b"-->" || end == b"--!");
    match shown {
        Some((shown, _)) if shown == text => Ok(()),
        Some((shown, summary)) if !ends_early(&shown) => {
            scene.summary.add(&summary);
            Ok(scene.edit(inside, Action::Replace(shown))?)
        }
        Some(_) | None => empty_comment(&mut scene, place, inside),
    }
}

/// Leaves nothing of a comment but its delimiters, or nothing at all where these would be something else alone.
fn empty_comment(scene: &mut Scene, place: Range<usize>, inside: Range<usize>) -> HandlerResult {
    let is_comment = scene.bytes(&place).is_some_and(|raw| raw.starts_with(b"<!--"));
    Ok(scene.edit(if is_comment { inside } else { place }, Action::Replace(Vec::new()))?)
}

/// What a comment says, between its delimiters (WHATWG HTML §13.2.5.41–52).
fn inside_of_comment(scene: &Scene, place: &Range<usize>) -> Result<Range<usize>, RedactError> {
    let raw = scene.bytes(place).ok_or(RedactError::UnscannableMarkup)?;
    let (opener, closers): (usize, &[&[u8]]) = match raw.starts_with(b"<!--") {
        true if raw.len() <= b"<!--->".len() => (4, &[b"-->", b"->", b">"]),
        true => (4, &[b"-->", b"--!>"]),
        false => (2, &[b">"]),
    };
    let closer = closers.iter().find(|closer| raw.ends_with(closer)).map_or(0, |closer| closer.len());
    let start = place.start + opener.min(raw.len());
    Ok(start..start.max(place.end - closer))
}

/// A page that calls itself anything else than UTF-8 is read as something else than it is here.
fn check_charset(scene: &Mutex<Scene>, element: &Element<'_, '_>) -> HandlerResult {
    let is_content_type =
        element.get_attribute("http-equiv").is_some_and(|name| name.eq_ignore_ascii_case("content-type"));
    let declared = element.get_attribute("charset").or_else(|| {
        let content = element.get_attribute("content").filter(|_| is_content_type)?.to_ascii_lowercase();
        let (_, charset) = content.split_once("charset")?;
        let charset = charset.trim_start().strip_prefix('=')?;
        Some(charset.split(';').next().unwrap_or_default().trim().trim_matches(['"', '\'']).to_owned())
    });
    let is_utf_8 = |label: &str| {
        ["utf-8", "utf8", "unicode-1-1-utf-8", "unicode11utf8", "unicode20utf8", "x-unicode20utf8"]
            .iter()
            .any(|known| label.trim().eq_ignore_ascii_case(known))
    };
    match declared {
        Some(label) if !is_utf_8(&label) => Err(lock(scene).fail(RedactError::WrongCharset).into()),
        Some(_) | None => Ok(()),
    }
}

/// The selectors that no plan names.
struct Selectors {
    any: Selector,
    iframe: Selector,
    script: Selector,
    raw: Selector,
    unscripted: Selector,
    meta: Selector,
}

static SELECTORS: LazyLock<Selectors> = LazyLock::new(|| {
    let parse = |text: &str| text.parse().expect("the selectors of this file parse");
    Selectors {
        any: parse("*"),
        iframe: parse("iframe"),
        script: parse("script"),
        raw: parse("xmp"),
        unscripted: parse("noscript, noframes, noembed"),
        meta: parse("meta"),
    }
});
