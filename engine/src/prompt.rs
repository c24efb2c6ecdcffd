//! From what the user chose to the text that the model reads.
//!
//! Any thread. The starter model was trained on exactly this form, and the published
//! models read it as well: the user's words, then tempo and key.

mod parts;

use std::fmt;
use std::str::FromStr;

pub use parts::{MOST_PARTS, Part, parts, unweighted};

use serde::{Deserialize, Serialize};

/// A musical key: a tonic and a mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Key {
    /// Semitones of the tonic above C, 0 to 11.
    pub tonic: u8,
    /// Minor, else major.
    pub minor: bool,
}

/// The tonics in the spelling that the prompt uses.
pub const TONICS: [&str; 12] = [
    "C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B",
];

/// A text that names no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a key: write it as Am, C#m, Bb or \"F# minor\"")]
pub struct NotAKey(String);

impl fmt::Display for Key {
    /// As the prompt has it: `A minor`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tonic = TONICS[usize::from(self.tonic) % 12];
        write!(f, "{tonic} {}", if self.minor { "minor" } else { "major" })
    }
}

impl FromStr for Key {
    type Err = NotAKey;

    /// Reads `Am`, `a minor`, `C#m`, `Bb`, `E♭ maj`, `F# minor`.
    fn from_str(text: &str) -> Result<Self, NotAKey> {
        let fail = || NotAKey(text.to_owned());
        let mut rest = text.trim().chars();
        let letter = rest.next().ok_or_else(fail)?.to_ascii_uppercase();
        let natural: i8 = match letter {
            'C' => 0,
            'D' => 2,
            'E' => 4,
            'F' => 5,
            'G' => 7,
            'A' => 9,
            'B' => 11,
            _ => return Err(fail()),
        };
        let (shift, rest) = match rest.clone().next() {
            Some('#' | '♯') => (
                1,
                &rest.as_str()[rest.clone().next().map_or(0, char::len_utf8)..],
            ),
            Some('b' | '♭') => (
                -1,
                &rest.as_str()[rest.clone().next().map_or(0, char::len_utf8)..],
            ),
            _ => (0, rest.as_str()),
        };
        let minor = match rest.trim() {
            "m" => true,
            "M" | "" => false,
            word => match word.to_lowercase().as_str() {
                "min" | "minor" => true,
                "maj" | "major" => false,
                _ => return Err(fail()),
            },
        };
        Ok(Self {
            tonic: (natural + shift).rem_euclid(12) as u8,
            minor,
        })
    }
}

/// The text for the model: the user's words, the tempo and the key, those that are given.
///
/// A tempo is written as a whole number where it is one, else with one decimal. Without
/// tempo and key the words are left exactly as they are, so that another implementation
/// that is given the same text can be compared.
#[must_use]
pub fn compose(words: &str, tempo_bpm: Option<f64>, key: Option<Key>) -> String {
    if tempo_bpm.is_none() && key.is_none() {
        return words.to_owned();
    }
    let mut text = words.trim().to_owned();
    let mut add = |part: String| {
        if !text.is_empty() {
            text.push_str(", ");
        }
        text.push_str(&part);
    };
    if let Some(tempo) = tempo_bpm {
        let rounded = tempo.round();
        // Hosts report 132.99999978 for 133.
        if (tempo - rounded).abs() < 0.05 {
            add(format!("{rounded:.0} bpm"));
        } else {
            add(format!("{tempo:.1} bpm"));
        }
    }
    if let Some(key) = key {
        add(key.to_string());
    }
    text
}

/// A prompt without the tempo and the key that [`compose`] adds.
#[must_use]
pub fn words(prompt: &str) -> &str {
    let mut words = prompt;
    if let Some((before, last)) = words.rsplit_once(", ")
        && last.parse::<Key>().is_ok()
    {
        words = before;
    }
    match words.rsplit_once(", ") {
        Some((before, last)) if tempo(last) => before,
        _ => words,
    }
}

/// Whether this is a tempo as [`compose`] writes it.
fn tempo(part: &str) -> bool {
    let number = part.strip_suffix(" bpm");
    number.is_some_and(|number| number.parse::<f64>().is_ok())
}

/// The first words of a prompt, up to its tempo and key, as parts of a file's name.
#[must_use]
pub fn name_words(prompt: &str) -> Vec<String> {
    const WORDS: usize = 4;
    const LETTERS: usize = 24;
    let words = prompt.split(',').next().unwrap_or_default();
    unweighted(words)
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .take(WORDS)
        .map(|word| {
            word.chars()
                .take(LETTERS)
                .collect::<String>()
                .to_lowercase()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_in_every_common_spelling() {
        for (text, want) in [
            ("Am", "A minor"),
            ("a minor", "A minor"),
            ("C", "C major"),
            ("c#m", "C# minor"),
            ("Bb", "A# major"),
            ("Bbm", "A# minor"),
            ("bb minor", "A# minor"),
            ("B", "B major"),
            ("E♭ maj", "D# major"),
            ("Cb", "B major"),
            ("F# Minor", "F# minor"),
            (" G min ", "G minor"),
        ] {
            assert_eq!(
                text.parse::<Key>().map(|key| key.to_string()).as_deref(),
                Ok(want),
                "{text}"
            );
        }
        for text in ["", "H", "A dorian", "minor", "A##", "Am7", "♭"] {
            assert!(text.parse::<Key>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_prompt_has_words_tempo_and_key() {
        let key = "Am".parse().ok();
        assert_eq!(
            compose(" dusty lo-fi drums ", Some(84.0), key),
            "dusty lo-fi drums, 84 bpm, A minor"
        );
        assert_eq!(compose(" pad ", None, None), " pad ");
        assert_eq!(compose("", Some(132.999_999_78), None), "133 bpm");
        assert_eq!(compose("pad", Some(97.5), None), "pad, 97.5 bpm");
    }
}
