//! The words of a text, as the index stores them and as a search looks for them.
//!
//! Any thread. Pure. Both sides go through here and SQLite splits at spaces only, so no text can
//! be an operator or an error of its query language.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// More words than this a search does not look for: no sentence needs them.
const MAX_SEARCHED: usize = 32;

/// Lower case, without accents: what two texts are compared by.
pub(crate) fn folded(text: &str) -> String {
    let plain = text.nfkd().filter(|&letter| !is_combining_mark(letter));
    plain.flat_map(char::to_lowercase).collect()
}

/// The words of a text, folded. A sharp belongs to its note; a letter of a script that is written
/// without spaces is a word of its own.
pub(crate) fn words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    for letter in folded(text).chars() {
        let letter = if letter == '\u{266f}' { '#' } else { letter };
        if is_unspaced(letter) {
            words.push(letter.into());
            words.push(String::new());
        } else if letter.is_alphanumeric() {
            if let Some(word) = words.last_mut() {
                word.push(letter);
            }
        } else if let Some(word) = words
            .last_mut()
            .filter(|word| letter == '#' && is_note(word))
        {
            word.push('#');
        } else {
            words.push(String::new());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// A query of SQLite's full text search that finds the rows in which every word of the text
/// begins a word; none when the text has no words.
pub(crate) fn matching(text: &str) -> Option<String> {
    let mut words = words(text);
    words.truncate(MAX_SEARCHED);
    let terms: Vec<String> = words.iter().map(|word| format!("\"{word}\"*")).collect();
    (!terms.is_empty()).then(|| terms.join(" "))
}

fn is_note(word: &str) -> bool {
    matches!(word.as_bytes(), [b'a'..=b'g'])
}

/// Chinese characters and Japanese syllables.
fn is_unspaced(letter: char) -> bool {
    matches!(letter, '\u{3041}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{20000}'..='\u{3ffff}')
        && letter.is_alphanumeric()
}

#[cfg(test)]
mod tests {
    use super::{matching, words};

    #[test]
    fn words_are_folded_and_split() {
        let check = |text: &str, expect: &[&str]| assert_eq!(words(text), expect, "{text}");
        check("Dark, TECHNO drums", &["dark", "techno", "drums"]);
        check("four-on-the-floor", &["four", "on", "the", "floor"]);
        check("Caf\u{e9} \u{dc}BER", &["cafe", "uber"]);
        check("F# minor", &["f#", "minor"]);
        check("F\u{266f} minor, #1 C#", &["f#", "minor", "1", "c#"]);
        check(
            "\u{30c6}\u{30af}\u{30ce}128bpm",
            &["\u{30c6}", "\u{30af}", "\u{30ce}", "128bpm"],
        );
        check("\" OR * NEAR(", &["or", "near"]);
        check("\u{0} \u{1f3b5} !", &[]);
    }

    #[test]
    fn a_query_has_every_word_once_and_quoted() {
        assert_eq!(matching("dark \"te"), Some("\"dark\"* \"te\"*".into()));
        assert_eq!(matching(" -- "), None);
    }
}
