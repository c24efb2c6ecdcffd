//! What the engine tells the one who asked, in the order in which it happens.
//!
//! Made by the worker thread, read by any. `Queued`, and again whenever fewer are ahead; then
//! `Loading` and `Loaded` when the model is not in memory, `Reading`, `Started`, any number of
//! `Progress` and `Audio`, `Fitting` (these five once more for every re-roll), and last exactly
//! one of `Finished`, `Cancelled`, `Failed`. Nothing comes after that.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::error::EngineError;
use crate::fit::Fitted;
use crate::request::{Fit, Length, Precision, Sampling};
use crate::resample;

/// One piece of news about a job.
#[derive(Debug, Clone)]
pub enum EngineEvent {
    /// The job waits behind `ahead` others.
    Queued {
        /// Jobs before this one, the running one included.
        ahead: usize,
    },
    /// The model is being read.
    Loading,
    /// So much of it has been.
    Loaded {
        /// From 0 to 1.
        share: f32,
    },
    /// The text encoder reads the prompt.
    Reading,
    /// The first step begins.
    Started {
        /// Steps of the language model that the clip takes.
        steps: u32,
        /// Length of the clip in frames.
        frames: u64,
        /// Rate of the clip.
        rate_hz: u32,
        /// 1 or 2.
        channels: usize,
    },
    /// Step `step` of `steps` is done.
    Progress {
        /// Steps done.
        step: u32,
        /// Steps in all.
        steps: u32,
        /// Measured over the job so far.
        steps_per_second: f32,
        /// Until the clip is finished, as steps went lately and as long as what comes after them
        /// took the last time.
        seconds_left: f32,
        /// Until the first [`EngineEvent::Audio`]; `None` once there was one.
        first_sound_seconds: Option<f32>,
    },
    /// Audio as the model made it, which can be played at once.
    Audio(AudioChunk),
    /// All steps are done: the clip is being fitted to its bars.
    Fitting,
    /// The whole clip: what the chunks make when they are joined, or, for a clip that is fitted to
    /// its bars, the loop that came of them.
    Finished(Arc<Clip>),
    /// The job was cancelled.
    Cancelled,
    /// The job could not be done.
    Failed(EngineError),
}

/// A settled piece of a clip that is still being made.
#[derive(Debug, Clone, PartialEq)]
pub struct AudioChunk {
    /// Where in the clip it starts.
    pub start_frame: u64,
    /// Samples by channel, of equal lengths, ±1 full scale.
    pub channels: Vec<Vec<f32>>,
}

/// A finished clip at the model's own rate.
#[derive(Debug, Clone, PartialEq)]
pub struct Clip {
    /// Sample rate.
    pub rate_hz: u32,
    /// Samples by channel (1 or 2), of equal lengths, ±1 full scale.
    pub channels: Vec<Vec<f32>>,
    /// Tokens by codebook, un-delayed, one for each codec frame; of the raw clip, which for a
    /// loop that was fitted is longer.
    pub codes: Vec<Vec<u32>>,
    /// Codec frames a second.
    pub frame_rate_hz: f64,
    /// Of a loop that was fitted, all that the model made, as it was before (see
    /// [`crate::fit::raw`]): to fit it again.
    pub raw: Option<Vec<Vec<f32>>>,
    /// How it came about.
    pub facts: ClipFacts,
}

impl Clip {
    /// Length in frames.
    #[must_use]
    pub fn frames(&self) -> usize {
        self.channels.first().map_or(0, Vec::len)
    }

    /// Its samples at another rate, exactly as long as was asked for at that rate.
    #[must_use]
    pub fn at_rate(&self, rate_hz: u32) -> Vec<Vec<f32>> {
        self.facts.at_rate(&self.channels, self.rate_hz, rate_hz)
    }
}

/// How a clip came about: with these and the model it can be made again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClipFacts {
    /// The text as the tokenizer read it, but for weights of its parts.
    pub prompt: String,
    /// What it was not to sound like.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub negative: Option<String>,
    /// Name of the model.
    pub model: String,
    /// SHA-256 of the model's weights, in hexadecimal.
    pub model_sha256: String,
    /// What may be done with the clip, in plain words.
    pub rights: String,
    /// Seed of the generator.
    pub seed: u64,
    /// Sampling settings.
    pub sampling: Sampling,
    /// How the weights of the language model were held.
    #[serde(default = "Precision::before_there_was_a_choice")]
    pub precision: Precision,
    /// Length, and the tempo at which it is that long.
    pub length: Length,
    /// Tempo that the model was asked for, in a loop that was since brought to the tempo of its
    /// length. Everything that reads a file wants the tempo that it has; only who makes it again wants
    /// this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made_at_bpm: Option<f64>,
    /// What was done to it since it was made. Making it again gives what it was before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edited: Option<Edited>,
    /// Key asked for.
    pub key: Option<String>,
    /// How it was fitted to its bars, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fitted: Option<Fitted>,
    /// Steps of the language model.
    pub steps: u32,
    /// Seconds from the first step to the last sample; of takes that are made together, each
    /// one's share.
    pub generate_seconds: f64,
    /// Version of Barline.
    pub version: String,
}

/// A clip that is no longer as it was made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Edited {
    /// In words: a part of it, backwards, another pitch.
    pub how: String,
    /// Its length before.
    pub whole: Length,
}

impl ClipFacts {
    /// Length that the model was asked for.
    #[must_use]
    pub fn made_length(&self) -> Length {
        let whole = self.edited.as_ref().map(|edited| edited.whole);
        match (whole.unwrap_or(self.length), self.made_at_bpm) {
            (
                Length::Bars {
                    bars,
                    beats_per_bar,
                    ..
                },
                Some(tempo_bpm),
            ) => Length::Bars {
                bars,
                beats_per_bar,
                tempo_bpm,
            },
            (length, _) => length,
        }
    }

    /// How the loop was fitted, as it is asked for; `None` for other clips.
    #[must_use]
    pub fn fit(&self) -> Option<Fit> {
        let fitted = self.fitted.as_ref()?;
        let played_bpm = self.length.tempo_bpm();
        Some(Fit {
            loudness_lufs: fitted.target_lufs,
            play_at_bpm: played_bpm.filter(|_| self.made_at_bpm.is_some()),
            reroll: None,
        })
    }

    /// The facts of the same take when it is played at another tempo, before it is fitted to it.
    #[must_use]
    pub fn played_at(&self, played_bpm: f64) -> Self {
        // An edited clip stays as long as it is.
        let made_bpm = self.made_at_bpm.or(self.length.tempo_bpm());
        let made_bpm = made_bpm.filter(|bpm| *bpm != played_bpm);
        let length = match self.length {
            Length::Bars {
                bars,
                beats_per_bar,
                ..
            } => Length::Bars {
                bars,
                beats_per_bar,
                tempo_bpm: played_bpm,
            },
            seconds => seconds,
        };
        Self {
            length,
            made_at_bpm: made_bpm,
            ..self.clone()
        }
    }

    /// The samples of the clip that these are the facts of at another rate. A loop that was
    /// fitted is resampled around its join; the ends of any other clip are silent.
    #[must_use]
    pub fn at_rate(&self, channels: &[Vec<f32>], from_hz: u32, to_hz: u32) -> Vec<Vec<f32>> {
        let resample = if self.fitted.is_some() {
            resample::resample_loop
        } else {
            resample::resample
        };
        resample(channels, from_hz, to_hz, self.length.frames(to_hz))
    }
}
