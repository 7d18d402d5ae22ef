//! What stored text may contain.
//!
//! Names, notes and targets come from people and from the application, and end on terminals, in spreadsheets and in
//! other people's log pipelines. Text is bounded and loses every character that could act there: controls, escape
//! sequences, line breaks, and the invisible characters that reorder or hide what is read.

/// Returns `text` with at most `most` characters, without characters that act on whoever shows it.
///
/// White space of any kind becomes a space, other acting characters become U+FFFD; a cut text ends in `…`.
pub(super) fn clean(text: &str, most: usize) -> String {
    let mut cleaned: String = text.trim().chars().take(most).map(neutral).collect();
    if text.trim().chars().nth(most).is_some() {
        cleaned.pop();
        cleaned.push('…');
    }
    cleaned
}

fn neutral(c: char) -> char {
    match c {
        '\t' | '\n' | '\r' | '\u{0b}' | '\u{0c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => ' ',
        c if c.is_control() || reorders_or_hides(c) => char::REPLACEMENT_CHARACTER,
        c => c,
    }
}

/// Bidirectional controls (UAX #9), invisible format characters and tags. The joiners U+200C and U+200D stay: names
/// in Persian and Indic scripts are spelled with them.
fn reorders_or_hides(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{feff}'
        | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_and_line_breaks_lose_their_power() {
        assert_eq!(clean("a\u{1b}[2Jb\u{9b}1mc\u{7}", 64), "a\u{fffd}[2Jb\u{fffd}1mc\u{fffd}");
        assert_eq!(clean("one\r\ntwo\u{2028}three\tfour", 64), "one  two three four");
        assert_eq!(clean("invoice\u{202e}fdp.exe", 64), "invoice\u{fffd}fdp.exe");
    }

    #[test]
    fn ordinary_names_of_any_script_stay() {
        for name in ["Žydrūnė O'Brien", "李小龍", "نرگس\u{200c}ها", "👩\u{200d}💻 Dev"] {
            assert_eq!(clean(name, 64), name);
        }
    }

    #[test]
    fn length_is_counted_in_characters_and_a_cut_is_shown() {
        assert_eq!(clean(&"ž".repeat(256), 256), "ž".repeat(256));
        assert_eq!(clean(&"ž".repeat(257), 256), "ž".repeat(255) + "…");
    }
}
