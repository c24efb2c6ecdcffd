//! What a host can automate. The ids are part of every saved project: they never change.
//!
//! Values are atomics: the audio thread reads them, the panel and the session too.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use nice_plug::formatters;
use nice_plug::prelude::*;
use nice_plug::util;

use crate::state::{ProjectStore, SLOTS};

/// The most bars a clip can be asked for.
pub const MAX_BARS: i32 = 8;

/// How the clip follows another tempo.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum TempoFollow {
    /// Repitched while the tempo moves, and stretched when it rests.
    #[id = "keep_pitch"]
    #[name = "Keep pitch"]
    KeepPitch,
    /// Faster is higher, as on a record player.
    #[id = "repitch"]
    Repitch,
}

/// What a launch waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum Quantise {
    /// Nothing.
    #[id = "off"]
    #[name = "Off"]
    Off,
    /// The next beat.
    #[id = "beat"]
    #[name = "Beat"]
    Beat,
    /// The next bar.
    #[id = "bar"]
    #[name = "Bar"]
    Bar,
    /// The next two bars.
    #[id = "two_bars"]
    #[name = "2 bars"]
    TwoBars,
    /// The next four bars.
    #[id = "four_bars"]
    #[name = "4 bars"]
    FourBars,
}

/// When a loop is heard that is still being made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum Hear {
    /// From the next bar on, as soon as a bar is there.
    #[id = "next_bar"]
    #[name = "Next bar"]
    NextBar,
    /// From the next beat on, as soon as a beat is there.
    #[id = "next_beat"]
    #[name = "Next beat"]
    NextBeat,
    /// As soon as a beat is there.
    #[id = "at_once"]
    #[name = "At once"]
    AtOnce,
    /// When it is finished.
    #[id = "finished"]
    #[name = "When finished"]
    Finished,
}

/// Parameters, and the state that is none (see [`crate::state`]).
#[derive(Params)]
pub struct BarlineParams {
    /// Text and choices that no host can automate.
    #[persist = "project"]
    pub project: ProjectStore,

    /// Output level.
    #[id = "gain"]
    pub gain: FloatParam,
    /// Whether the clip sounds at all.
    #[id = "play"]
    pub play: BoolParam,
    /// Whether the clip follows the host's beats, and is made at the host's tempo.
    #[id = "sync"]
    pub sync: BoolParam,
    /// Length of the next clip.
    #[id = "bars"]
    pub bars: IntParam,
    /// Sampling temperature of the next clip.
    #[id = "temperature"]
    pub temperature: FloatParam,
    /// Guidance scale of the next clip.
    #[id = "guidance"]
    pub guidance: FloatParam,
    /// Top-k of the next clip; 0 draws from all tokens.
    #[id = "top_k"]
    pub top_k: IntParam,
    /// Top-p of the next clip.
    #[id = "top_p"]
    pub top_p: FloatParam,
    /// Loops with a score under this are made again with another seed; 0 keeps every loop.
    #[id = "reroll_below"]
    pub reroll_below: IntParam,
    /// A momentary button: switching it on asks for a clip.
    #[id = "generate"]
    pub generate: BoolParam,
    /// What becomes of the clip's pitch when the host's tempo is another than the clip's. From here on
    /// in the order in which they came, since some hosts count parameters.
    #[id = "tempo_follow"]
    pub tempo_follow: EnumParam<TempoFollow>,
    /// The slot that plays with the host, from 1; 0 is none.
    #[id = "slot"]
    pub slot: IntParam,
    /// What a launch waits for.
    #[id = "quantise"]
    pub quantise: EnumParam<Quantise>,
    /// When a loop is heard that is still being made.
    #[id = "hear"]
    pub hear: EnumParam<Hear>,
    /// Each slot to its own output instead of all to the main one.
    #[id = "separate"]
    pub separate: BoolParam,

    /// How often `generate` was switched on; the session compares.
    pub generate_presses: Arc<AtomicU32>,
}

impl Default for BarlineParams {
    fn default() -> Self {
        let generate_presses = Arc::new(AtomicU32::new(0));
        let presses = generate_presses.clone();
        Self {
            project: ProjectStore::default(),
            gain: FloatParam::new(
                "Gain",
                1.0,
                FloatRange::Skewed {
                    min: util::db_to_gain(-60.0),
                    max: util::db_to_gain(6.0),
                    factor: FloatRange::gain_skew_factor(-60.0, 6.0),
                },
            )
            .with_unit(" dB")
            .with_value_to_string(formatters::v2s_f32_gain_to_db(1))
            .with_string_to_value(formatters::s2v_f32_gain_to_db()),
            play: BoolParam::new("Play", true),
            sync: BoolParam::new("Sync to host", true),
            bars: IntParam::new(
                "Bars",
                4,
                IntRange::Linear {
                    min: 1,
                    max: MAX_BARS,
                },
            )
            .with_unit(" bars"),
            temperature: FloatParam::new(
                "Temperature",
                1.0,
                FloatRange::Linear { min: 0.1, max: 2.0 },
            )
            .with_step_size(0.01),
            guidance: FloatParam::new(
                "Guidance",
                3.0,
                FloatRange::Linear {
                    min: 1.0,
                    max: 10.0,
                },
            )
            .with_step_size(0.1),
            top_k: IntParam::new("Top-k", 250, IntRange::Linear { min: 0, max: 2048 })
                .with_unit(" tokens"),
            top_p: FloatParam::new(
                "Top-p",
                1.0,
                FloatRange::Linear {
                    min: 0.05,
                    max: 1.0,
                },
            )
            .with_step_size(0.01)
            .with_unit(" %")
            .with_value_to_string(formatters::v2s_f32_percentage(0))
            .with_string_to_value(formatters::s2v_f32_percentage()),
            reroll_below: IntParam::new("Re-roll below", 0, IntRange::Linear { min: 0, max: 100 })
                .with_unit(" points"),
            // May run on the audio thread: an atomic and nothing else. Loading a state that was
            // saved with the button down is no press: the session sees to that.
            generate: BoolParam::new("Generate", false).with_callback(Arc::new(move |on| {
                if on {
                    presses.fetch_add(1, Ordering::Release);
                }
            })),
            tempo_follow: EnumParam::new("Tempo follow", TempoFollow::KeepPitch),
            slot: IntParam::new(
                "Slot",
                1,
                IntRange::Linear {
                    min: 0,
                    max: SLOTS as i32,
                },
            ),
            quantise: EnumParam::new("Launch", Quantise::Bar),
            hear: EnumParam::new("Hear", Hear::NextBar),
            separate: BoolParam::new("Separate outputs", false),
            generate_presses,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A project saved by any release refers to these.
    #[test]
    fn ids_never_change() {
        let ids: Vec<String> = BarlineParams::default()
            .param_map()
            .into_iter()
            .map(|(id, _, _)| id)
            .collect();
        assert_eq!(
            ids,
            [
                "gain",
                "play",
                "sync",
                "bars",
                "temperature",
                "guidance",
                "top_k",
                "top_p",
                "reroll_below",
                "generate",
                "tempo_follow",
                "slot",
                "quantise",
                "hear",
                "separate"
            ]
        );
        let fields: Vec<String> = BarlineParams::default()
            .serialize_fields()
            .into_keys()
            .collect();
        assert_eq!(fields, ["project"]);
    }
}
