//! A prompt of several parts, each with a weight: `dusty drums::1.5, piano::0.5`.
//!
//! Any thread. Pure.
//!
//! A part ends at a comma, and `::` and a number give it a weight. What has none counts 1, and all
//! of that together is one part. Tempo and key, as [`super::compose`] adds them, belong to every
//! part: `drums, vinyl::0.3, 84 bpm` is `drums, 84 bpm` and three tenths of `vinyl, 84 bpm`.
//!
//! Every part is a row of its own in the decoder. With the logits lᵢ of the parts, the weights wᵢ
//! divided by their sum, and the logits b of no prompt (or of the negative one), guidance by g
//! makes b + g · Σ wᵢ (lᵢ − b): the directions that the parts pull in, weighed. So only the
//! proportion of the weights counts, and a single part is the prompt without them.

use crate::error::EngineError;
use crate::prompt::Key;

/// More rows than these would cost as much as takes of their own.
pub const MOST_PARTS: usize = 4;
/// A weight outside of this is a slip of the hand: what is to be left out is left out.
const LEAST_WEIGHT: f32 = 0.05;
const MOST_WEIGHT: f32 = 20.0;

/// Words that the model reads together.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// The text exactly as the tokenizer reads it.
    pub text: String,
    /// Its share of the whole, from 0 to 1; all of them sum to 1.
    pub share: f32,
}

/// The parts of a prompt. One without weights is a single part, exactly as it is written.
///
/// # Errors
/// [`EngineError::Setting`] for a weight that is no weight, and for too many parts.
pub fn parts(prompt: &str) -> Result<Vec<Part>, EngineError> {
    let segments: Vec<(&str, Option<f32>)> = prompt.split(',').map(weighted).collect();
    if segments.iter().all(|(_, weight)| weight.is_none()) {
        return Ok(vec![Part {
            text: prompt.to_owned(),
            share: 1.0,
        }]);
    }
    // In the order in which they begin.
    let mut parts: Vec<(Vec<&str>, f32)> = Vec::new();
    let (mut unweighted, mut everywhere) = (None, Vec::new());
    for (words, weight) in segments {
        let words = words.trim();
        match weight {
            Some(weight) => {
                check(words, weight)?;
                parts.push((vec![words], weight));
            }
            None if words.is_empty() => {}
            None if is_tempo_or_key(words) => everywhere.push(words),
            None => {
                let at = *unweighted.get_or_insert_with(|| {
                    parts.push((Vec::new(), 1.0));
                    parts.len() - 1
                });
                parts[at].0.push(words);
            }
        }
    }
    if parts.len() > MOST_PARTS {
        return Err(EngineError::Setting {
            name: "the number of parts of the prompt",
            value: parts.len().to_string(),
            allowed: format!("at most {MOST_PARTS}: join some, or take their weights away"),
        });
    }
    let sum: f32 = parts.iter().map(|(_, weight)| weight).sum();
    let part = |(words, weight): (Vec<&str>, f32)| Part {
        text: [words, everywhere.clone()].concat().join(", "),
        share: weight / sum,
    };
    Ok(parts.into_iter().map(part).collect())
}

/// A prompt as people read it: without weights.
#[must_use]
pub fn unweighted(prompt: &str) -> String {
    let words = prompt.split(',').map(|segment| weighted(segment).0);
    words.collect::<Vec<_>>().join(",")
}

/// Words and the weight behind them. `::` before anything but a number is text like any other.
fn weighted(segment: &str) -> (&str, Option<f32>) {
    let weight = |text: &str| text.trim().parse::<f32>().ok();
    match segment.rsplit_once("::") {
        Some((words, number)) => match weight(number) {
            Some(weight) => (words, Some(weight)),
            None => (segment, None),
        },
        None => (segment, None),
    }
}

fn check(words: &str, weight: f32) -> Result<(), EngineError> {
    let fail = |value: String, allowed: String| {
        Err(EngineError::Setting {
            name: "a weight in the prompt",
            value,
            allowed,
        })
    };
    if words.is_empty() {
        return fail(
            format!("::{weight} without words"),
            "behind words, as in `dusty drums::1.5, piano::0.5`".into(),
        );
    }
    if !(LEAST_WEIGHT..=MOST_WEIGHT).contains(&weight) {
        return fail(
            weight.to_string(),
            format!(
                "between {LEAST_WEIGHT} and {MOST_WEIGHT}; what should not be heard goes into the negative prompt"
            ),
        );
    }
    Ok(())
}

fn is_tempo_or_key(words: &str) -> bool {
    let tempo = words.strip_suffix("bpm").map(str::trim);
    let is_tempo = tempo.is_some_and(|tempo| tempo.parse::<f64>().is_ok());
    // A letter alone may be a word.
    is_tempo || (words.contains(' ') && words.parse::<Key>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(prompt: &str) -> Vec<(String, f32)> {
        let parts = parts(prompt).unwrap();
        parts
            .into_iter()
            .map(|part| (part.text, part.share))
            .collect()
    }

    #[test]
    fn a_prompt_without_weights_is_left_as_it_is() {
        for prompt in [" pad ", "a, b,, c", "std::vector", "x::y, 90 bpm", "", "::"] {
            assert_eq!(read(prompt), [(prompt.to_owned(), 1.0)]);
            assert_eq!(unweighted(prompt), prompt);
        }
    }

    #[test]
    fn parts_have_shares_and_all_have_tempo_and_key() {
        assert_eq!(
            read("dusty drums::1.5, piano::0.5, 84 bpm, A minor"),
            [
                ("dusty drums, 84 bpm, A minor".to_owned(), 0.75),
                ("piano, 84 bpm, A minor".to_owned(), 0.25)
            ]
        );
        assert_eq!(
            read("lo-fi, piano::3, dusty drums, 97.5 bpm"),
            [
                ("lo-fi, dusty drums, 97.5 bpm".to_owned(), 0.25),
                ("piano, 97.5 bpm".to_owned(), 0.75)
            ]
        );
        assert_eq!(
            read("drums::2, 84 bpm"),
            [("drums, 84 bpm".to_owned(), 1.0)]
        );
        assert_eq!(
            unweighted("dusty drums::1.5, piano::.5, x"),
            "dusty drums, piano, x"
        );
    }

    #[test]
    fn weights_that_are_none_are_refused() {
        for (prompt, what) in [
            ("drums::-1, piano", "negative prompt"),
            ("drums::0", "between"),
            ("drums::nan", "between"),
            ("drums::1e9", "between"),
            ("::2, piano", "behind words"),
            ("a::1, b::1, c::1, d::1, e::1", "at most 4"),
        ] {
            let error = parts(prompt).unwrap_err().to_string();
            assert!(error.contains(what), "{prompt}: {error}");
        }
    }
}
