//! `${NAME}` and `${NAME:-default}` in the scalars of config.yaml.
//!
//! A value is put in place as text of the scalar it stands in, so that no value can become structure. Comments are
//! not looked at. Rules never expand.

use chatwarden_policy::{
    diagnostic::Diagnostic,
    source::Span,
    yaml::{Document, Node},
};

/// Rewrites the text of a document with its variables in place.
///
/// # Errors
/// Every variable that is not set and has no default, and every malformed reference.
pub(super) fn expand(
    document: &Document,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<String, Vec<Diagnostic>> {
    let mut scalars = Vec::new();
    collect(document.root(), &mut scalars);
    scalars.sort_by_key(|span| span.start);
    let text = document.source().text();
    let (mut expanded, mut done, mut problems) = (String::with_capacity(text.len()), 0, Vec::new());
    for span in scalars {
        // A span may take the blanks after its scalar along.
        let written = document.source().slice(span).trim_end();
        match substitute(written, variable) {
            Ok(value) => {
                expanded.push_str(text.get(done..span.start).unwrap_or_default());
                expanded.push_str(&as_scalar(written, &value));
                done = span.start + written.len();
            }
            Err(message) => problems.push(
                document
                    .error("undefined-variable", span, message)
                    .help("set it in the environment, or write `${NAME:-default}`"),
            ),
        }
    }
    expanded.push_str(text.get(done..).unwrap_or_default());
    if problems.is_empty() { Ok(expanded) } else { Err(problems) }
}

fn collect(node: Node<'_>, scalars: &mut Vec<Span>) {
    if node.is_list() {
        node.items().for_each(|item| collect(item, scalars));
    } else if node.is_mapping() {
        node.entries().for_each(|entry| collect(entry.value, scalars));
    } else if node.written().contains("${") {
        scalars.push(node.span());
    }
}

fn substitute(written: &str, variable: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
    let (mut value, mut rest) = (String::new(), written);
    while let Some(start) = rest.find("${") {
        value.push_str(&rest[..start]);
        let inner = &rest[start + 2..];
        let end = inner.find('}').ok_or("`${` is not closed by `}`")?;
        let (name, default) = match inner[..end].split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (&inner[..end], None),
        };
        let sound = !name.is_empty() && name.bytes().all(|byte| byte == b'_' || byte.is_ascii_alphanumeric());
        if !sound {
            return Err(format!("`{name}` is not a variable's name"));
        }
        let found = variable(name).filter(|found| !found.is_empty() || default.is_none());
        let found = found.or_else(|| default.map(str::to_owned));
        value.push_str(&found.ok_or_else(|| format!("the variable `{name}` is not set"))?);
        rest = &inner[end + 1..];
    }
    value.push_str(rest);
    Ok(value)
}

/// Writes a value so that it stays the scalar it is: plain where that is safe, else in the double quotes of JSON.
fn as_scalar(written: &str, value: &str) -> String {
    if written.starts_with(['"', '\'']) {
        let quote = &written[..1];
        let inner = value.strip_prefix(quote).and_then(|value| value.strip_suffix(quote)).unwrap_or(value);
        return serde_json::Value::from(inner).to_string();
    }
    let plain = !value.is_empty()
        && value.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '/')
        && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._:/@-[]".contains(&byte))
        && !value.contains("[")
        && !value.ends_with(':');
    if plain { value.to_owned() } else { serde_json::Value::from(value).to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(text: &str) -> Result<String, Vec<Diagnostic>> {
        let document = Document::parse("config.yaml", text.as_bytes()).unwrap();
        expand(&document, &|name| match name {
            "PORT" => Some("8080".to_owned()),
            "EVIL" => Some("x\nadmin: y # \"".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        })
    }

    #[test]
    fn variables_and_defaults_take_their_place() {
        assert_eq!(run("a: 127.0.0.1:${PORT}\n# ${NOT}\n").unwrap(), "a: 127.0.0.1:8080\n# ${NOT}\n");
        assert_eq!(run("a: ${NOT:-state}/x\n").unwrap(), "a: state/x\n");
        assert_eq!(run("a: ${EMPTY:-state}\n").unwrap(), "a: state\n");
        assert_eq!(run("a: \"${PORT}\"\n").unwrap(), "a: \"8080\"\n");
        assert_eq!(run("a: { b: \"${PORT}\" , c: 1 }\n").unwrap(), "a: { b: \"8080\" , c: 1 }\n");
    }

    #[test]
    fn a_value_never_becomes_structure() {
        let expanded = run("a: ${EVIL}\nb: '${EVIL}'\n").unwrap();
        let document = Document::parse("config.yaml", expanded.as_bytes()).unwrap();
        assert_eq!(document.root().entries().count(), 2);
        assert_eq!(document.get("a").unwrap().as_str(), Some("x\nadmin: y # \""));
    }

    #[test]
    fn an_undefined_variable_is_an_error_at_its_place() {
        let problems = run("a: ok\nb: [x, \"${NOT}\"]\n").unwrap_err();
        assert_eq!((problems[0].line, problems[0].code), (2, "undefined-variable"));
        assert!(run("a: \"${\"\n").is_err() && run("a: \"${ }\"\n").is_err());
    }
}
