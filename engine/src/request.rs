//! What is asked of the engine.
//!
//! Any thread. Plain data: checked by [`GenerateRequest::check`], read by the worker.

use std::fmt;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::EngineError;
use crate::fit;
use crate::model::Size;
use crate::prompt;

/// Where a model's files come from.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum ModelSource {
    /// The model compiled into the binary.
    #[default]
    Starter,
    /// A folder in the Hugging Face layout.
    Folder(PathBuf),
    /// A model that nobody trained, for measuring. No project names one.
    #[serde(skip)]
    Random(Size),
}

impl ModelSource {
    /// What it is called: "Barline Starter", or its folder's name.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Starter => "Barline Starter".into(),
            Self::Folder(folder) => crate::shelf::folder_title(folder),
            Self::Random(size) => format!("random {size}"),
        }
    }
}

/// How the weights of the language model are held. Fewer bits are faster and take less memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// As they are in the files, computed by the tensor library: the reference.
    Exact,
    /// 32 bits, in packed form.
    F32,
    /// The upper 16 bits of 32.
    Bf16,
    /// 8 bits, and a scale for every 32.
    Q8,
    /// 4 bits, and a scale for every 32.
    Q4,
}

/// How long the clip is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Length {
    /// A time in seconds, without a grid.
    Seconds(f64),
    /// Whole bars at a tempo.
    Bars {
        /// Number of bars.
        bars: u32,
        /// Quarter-note beats in a bar.
        beats_per_bar: u32,
        /// Beats a minute.
        tempo_bpm: f64,
    },
}

/// Fewer than any published model has.
const SMALL_WEIGHTS: usize = 100_000_000;

impl Precision {
    /// All of them, the finest first.
    pub const ALL: [Self; 5] = [Self::Exact, Self::F32, Self::Bf16, Self::Q8, Self::Q4];

    /// What a model is best held in. One with fewer weights in a step than the smallest published
    /// model is fast enough as it is, and loses most by rounding: the starter's likeliest tokens
    /// are the exact ones 99.9 % of the time with 32 bits, 88 % with 8, 63 % with 4
    /// (`barline bench quality`). A larger one takes several times as long with 16 bits as with 8.
    #[must_use]
    pub fn for_weights(weights: usize) -> Self {
        if weights < SMALL_WEIGHTS {
            Self::F32
        } else {
            Self::Q8
        }
    }

    /// The precision of clips from before it could be chosen.
    pub(crate) fn before_there_was_a_choice() -> Self {
        Self::Exact
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Exact => "exact",
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
            Self::Q8 => "q8",
            Self::Q4 => "q4",
        })
    }
}

impl FromStr for Precision {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let named = Self::ALL
            .into_iter()
            .find(|precision| precision.to_string() == text);
        named.ok_or_else(|| format!("{text} is none of exact, f32, bf16, q8, q4"))
    }
}

impl Length {
    /// The length in seconds.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        match *self {
            Self::Seconds(seconds) => seconds,
            Self::Bars {
                bars,
                beats_per_bar,
                tempo_bpm,
            } => f64::from(bars) * f64::from(beats_per_bar) * 60.0 / tempo_bpm,
        }
    }

    /// Beats a minute, of bars.
    #[must_use]
    pub fn tempo_bpm(&self) -> Option<f64> {
        match *self {
            Self::Seconds(_) => None,
            Self::Bars { tempo_bpm, .. } => Some(tempo_bpm),
        }
    }

    /// The length in frames at `rate_hz`, to the nearest frame.
    #[must_use]
    pub fn frames(&self, rate_hz: u32) -> u64 {
        (self.seconds() * f64::from(rate_hz)).round() as u64
    }
}

/// How a token is drawn from the model's distribution.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Sampling {
    /// Divides the logits; 1 leaves them as they are.
    pub temperature: f32,
    /// Only the `top_k` likeliest tokens are drawn from; 0 is all of them.
    pub top_k: u32,
    /// Only the likeliest tokens whose probabilities reach `top_p`; 1 is all.
    pub top_p: f32,
    /// Classifier-free guidance scale; 1 is none (and runs one row instead of two).
    pub guidance: f32,
    /// Take the likeliest token every time; the seed has no effect.
    pub greedy: bool,
}

impl Default for Sampling {
    /// The published generation settings of MusicGen.
    fn default() -> Self {
        Self {
            temperature: 1.0,
            top_k: 250,
            top_p: 1.0,
            guidance: 3.0,
            greedy: false,
        }
    }
}

impl Sampling {
    /// Whether it needs a row without the prompt. At a scale of 1 that would cancel out.
    #[must_use]
    pub fn is_guided(&self) -> bool {
        self.guidance != 1.0
    }
}

/// What becomes of a raw clip of whole bars (see [`crate::fit::into_bars`]).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Fit {
    /// Loudness of the loop, as far as a true peak of -1 dB allows.
    pub loudness_lufs: f64,
    /// Tempo that the loop is played at, when it is another than the one that the model is asked
    /// for: the same take, brought there with its pitch kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub play_at_bpm: Option<f64>,
    /// Another try with the next seed for loops that come out badly.
    pub reroll: Option<Reroll>,
}

/// When a loop is made again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reroll {
    /// Loops with a score under this are.
    pub below_score: u8,
    /// At most this many times; the best is kept.
    pub at_most: u32,
}

impl Default for Fit {
    /// What streaming services play at, and one try.
    fn default() -> Self {
        Self {
            loudness_lufs: -14.0,
            play_at_bpm: None,
            reroll: None,
        }
    }
}

/// One clip to be made.
#[derive(Debug, Clone, PartialEq)]
pub struct GenerateRequest {
    /// Which model.
    pub model: ModelSource,
    /// SHA-256 of the weights that it must have, in hexadecimal; `None` takes any.
    pub model_sha256: Option<String>,
    /// The text, exactly as the tokenizer reads it (see [`crate::prompt::compose`]), but for
    /// weights of its parts (see [`crate::prompt::parts`]).
    pub prompt: String,
    /// What the clip should not sound like: guidance leads away from it instead of away from
    /// nothing. `None`, and a text of blanks, is nothing.
    pub negative: Option<String>,
    /// Clip length.
    pub length: Length,
    /// How clips of whole bars are fitted to them; `None` leaves every clip as the codec made it.
    pub fit: Option<Fit>,
    /// Sampling settings.
    pub sampling: Sampling,
    /// Seed of the generator.
    pub seed: u64,
    /// How the weights of the language model are held; `None` is [`Precision::for_weights`].
    pub precision: Option<Precision>,
    /// Number of threads; `None` is [`crate::worker::default_threads`].
    pub threads: Option<NonZeroUsize>,
    /// The key that the prompt asks for, for the facts of the clip.
    pub key: Option<String>,
}

impl GenerateRequest {
    /// The negative prompt, if it says anything.
    #[must_use]
    pub fn negative(&self) -> Option<&str> {
        let negative = self.negative.as_deref();
        negative.filter(|text| !text.trim().is_empty())
    }

    /// Rows of the decoder for a take: one for each part of the prompt, and one that guidance
    /// leads away from.
    #[must_use]
    pub fn rows(&self) -> usize {
        let parts = prompt::parts(&self.prompt).map_or(1, |parts| parts.len());
        parts + usize::from(self.sampling.is_guided())
    }

    /// Refuses settings that no model can serve.
    ///
    /// # Errors
    /// [`EngineError::EmptyPrompt`] or [`EngineError::Setting`].
    pub fn check(&self) -> Result<(), EngineError> {
        if self.prompt.trim().is_empty() {
            return Err(EngineError::EmptyPrompt);
        }
        prompt::parts(&self.prompt)?;
        match self.length {
            Length::Seconds(seconds) => range("the length in seconds", seconds, 0.1, 3600.0)?,
            Length::Bars {
                bars,
                beats_per_bar,
                tempo_bpm,
            } => {
                range("the number of bars", f64::from(bars), 1.0, 1024.0)?;
                range(
                    "the number of beats a bar",
                    f64::from(beats_per_bar),
                    1.0,
                    16.0,
                )?;
                range("the tempo in BPM", tempo_bpm, 20.0, 400.0)?;
            }
        }
        if let Some(fit) = self.fit {
            range("the loudness in LUFS", fit.loudness_lufs, -60.0, 0.0)?;
            if let Some(play_at_bpm) = fit.play_at_bpm {
                self.check_play_at(play_at_bpm)?;
            }
            if let Some(reroll) = fit.reroll {
                range(
                    "the number of re-rolls",
                    f64::from(reroll.at_most),
                    0.0,
                    100.0,
                )?;
            }
        }
        let Sampling {
            temperature,
            top_p,
            guidance,
            ..
        } = self.sampling;
        range("the temperature", f64::from(temperature), 0.01, 10.0)?;
        range("top-p", f64::from(top_p), 0.0, 1.0)?;
        range("the guidance scale", f64::from(guidance), 1.0, 20.0)?;
        if self.negative().is_some() && !self.sampling.is_guided() {
            return Err(EngineError::Setting {
                name: "the guidance scale",
                value: guidance.to_string(),
                allowed: "over 1 for a negative prompt to have an effect".into(),
            });
        }
        Ok(())
    }

    /// Only bars have a tempo, and a stretch that goes too far is no loop any more.
    fn check_play_at(&self, play_at_bpm: f64) -> Result<(), EngineError> {
        let made_bpm = self.length.tempo_bpm();
        if made_bpm.is_some_and(|made_bpm| fit::can_follow(made_bpm, play_at_bpm)) {
            return Ok(());
        }
        Err(EngineError::Setting {
            name: "the tempo to play at in BPM",
            value: play_at_bpm.to_string(),
            allowed: "between two thirds and one and a half times the tempo of its bars".into(),
        })
    }
}

fn range(name: &'static str, value: f64, low: f64, high: f64) -> Result<(), EngineError> {
    if (low..=high).contains(&value) {
        return Ok(());
    }
    Err(EngineError::Setting {
        name,
        value: value.to_string(),
        allowed: format!("between {low} and {high}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(length: Length) -> GenerateRequest {
        GenerateRequest {
            model: ModelSource::Starter,
            model_sha256: None,
            prompt: "drums".into(),
            negative: None,
            length,
            fit: None,
            sampling: Sampling::default(),
            seed: 0,
            precision: None,
            threads: None,
            key: None,
        }
    }

    #[test]
    fn precisions_are_written_as_they_are_read() {
        for precision in Precision::ALL {
            let text = precision.to_string();
            assert_eq!(text.parse(), Ok(precision));
            assert_eq!(
                serde_json::to_string(&precision).unwrap(),
                format!("\"{text}\"")
            );
        }
        assert!("int8".parse::<Precision>().is_err());
    }

    #[test]
    fn bars_have_an_exact_length() {
        let length = Length::Bars {
            bars: 4,
            beats_per_bar: 4,
            tempo_bpm: 84.0,
        };
        assert_eq!(length.frames(48_000), 548_571);
        assert_eq!(
            Length::Bars {
                bars: 2,
                beats_per_bar: 3,
                tempo_bpm: 120.0
            }
            .frames(44_100),
            132_300
        );
    }

    #[test]
    fn impossible_requests_are_refused() {
        let bars = |bars, tempo_bpm| {
            request(Length::Bars {
                bars,
                beats_per_bar: 4,
                tempo_bpm,
            })
        };
        assert!(bars(4, 120.0).check().is_ok());
        assert!(bars(0, 120.0).check().is_err());
        assert!(bars(4, f64::NAN).check().is_err());
        assert!(request(Length::Seconds(-1.0)).check().is_err());
        let blank = GenerateRequest {
            prompt: " \n".into(),
            ..bars(1, 90.0)
        };
        assert_eq!(blank.check(), Err(EngineError::EmptyPrompt));
        let played_at = |length, play_at_bpm| GenerateRequest {
            fit: Some(Fit {
                play_at_bpm: Some(play_at_bpm),
                ..Fit::default()
            }),
            ..request(length)
        };
        let at_90 = bars(1, 90.0).length;
        assert!(played_at(at_90, 100.0).check().is_ok());
        assert!(played_at(at_90, 200.0).check().is_err());
        assert!(played_at(at_90, f64::NAN).check().is_err());
        assert!(played_at(Length::Seconds(2.0), 90.0).check().is_err());
        let mut unheard = bars(1, 90.0);
        unheard.negative = Some("vocals".into());
        assert!(unheard.check().is_ok());
        unheard.sampling.guidance = 1.0;
        assert!(unheard.check().is_err());
        unheard.negative = Some(" ".into());
        assert!(unheard.check().is_ok());
        let mut hot = bars(1, 90.0);
        hot.sampling.temperature = 0.0;
        assert!(matches!(
            hot.check(),
            Err(EngineError::Setting {
                name: "the temperature",
                ..
            })
        ));
    }
}
