//! The profiles that the binary brings along.

/// The text of a bundled profile.
pub fn bundled(name: &str) -> Option<&'static str> {
    BUNDLED.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}

/// The names, for messages.
pub fn names() -> String {
    let names = BUNDLED.map(|(name, _)| format!("`{name}`"));
    let (last, others) = names.split_last().expect("there are bundled profiles");
    format!("{} and {last}", others.join(", "))
}

const BUNDLED: [(&str, &str); 4] = [
    ("blinger", include_str!("../../profiles/blinger.yaml")),
    ("chatwoot", include_str!("../../profiles/chatwoot.yaml")),
    ("generic", include_str!("../../profiles/generic.yaml")),
    ("thelounge", include_str!("../../profiles/thelounge.yaml")),
];
