//! "Did you mean": the known word nearest to a mistyped one.
//!
//! Near is a matter of edits (a letter too many, too few, wrong, or two swapped), without case and with `-` equal
//! to `_`, and at most one edit in three letters: a far guess is worse than none.

/// The candidate that `word` was probably meant to be.
pub fn nearest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    if word.chars().nth(LONGEST).is_some() {
        return None;
    }
    let folded = fold(word);
    let edits = |candidate: &'c str| (strsim::damerau_levenshtein(&folded, &fold(candidate)), candidate);
    let (edits, candidate) = candidates.into_iter().map(edits).min_by_key(|(edits, _)| *edits)?;
    let longer = folded.chars().count().max(candidate.chars().count());
    (edits <= (longer / 3).max(1) && edits < longer).then_some(candidate)
}

fn fold(word: &str) -> String {
    word.to_lowercase().replace('-', "_")
}

/// Words are short; comparing costs the product of both lengths.
const LONGEST: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_its_word_and_a_far_word_finds_none() {
        let keys = ["enabled", "addresses", "lists", "exempt_super_admin"];
        for (word, expected) in [
            ("adresses", Some("addresses")),
            ("enabeld", Some("enabled")),
            ("Lists", Some("lists")),
            ("exempt-super-admin", Some("exempt_super_admin")),
            ("networks", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, keys), expected, "{word}");
        }
        assert_eq!(nearest(&"a".repeat(100_000), keys), None);
    }
}
