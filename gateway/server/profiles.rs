//! The profiles that the binary brings along.

/// The text of a bundled profile.
pub fn bundled(name: &str) -> Option<&'static str> {
    BUNDLED.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}

/// The names, for messages.
pub fn names() -> String {
    BUNDLED.map(|(name, _)| format!("`{name}`")).join(" and ")
}

const BUNDLED: [(&str, &str); 2] = [
    ("blinger", include_str!("../../profiles/blinger.yaml")),
    ("generic", include_str!("../../profiles/generic.yaml")),
];
