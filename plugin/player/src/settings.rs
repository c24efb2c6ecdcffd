//! The settings of the player for a block, and those of one slot.
//!
//! Plain values: the host's parameters and the session's orders, taken on the audio thread and
//! never trusted: what can't be meant is clamped or leaves things as they were.

use crate::SLOTS;

/// The loudest linear gain that the player applies (+24 dB); more is taken as this.
pub const MAX_GAIN: f32 = 16.0;

/// On which lines of the host's bars launches take place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Quantise {
    /// At once, at the frame.
    #[default]
    Off,
    /// On the next beat.
    Beat,
    /// On the next bar line.
    Bar,
    /// On the next line of every second bar.
    TwoBars,
    /// On the next line of every fourth bar.
    FourBars,
}

/// When a clip that is still generated takes over from what its slot had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Hear {
    /// On the next bar line, when a bar of it is ready.
    #[default]
    NextBar,
    /// On the next beat, when a beat of it is ready.
    NextBeat,
    /// As soon as a beat of it is ready.
    AtOnce,
    /// On the next beat after it is finished.
    Finished,
}

/// The player's settings for a block.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// Linear gain, 0 to [`MAX_GAIN`]; changes are smoothed. NaN leaves it as it was.
    pub gain: f32,
    /// Sound at all. Off is silence, also for an audition and for notes.
    pub play: bool,
    /// Follow the host's beats. Off: an own clock at the clip's tempo, from the clip's start.
    pub sync: bool,
    /// The base slot; `None`, or a number that is no slot's, for none.
    pub slot: Option<usize>,
    /// Where changes of the base slot, layers and notes take place.
    pub quantise: Quantise,
    /// When clips that grow are heard.
    pub hear: Hear,
    /// Each slot goes to its own output, where there is one, and not to the main one.
    pub separate: bool,
}

impl Settings {
    /// The base slot, if there is one of that number.
    pub(crate) fn base(&self) -> Option<usize> {
        self.slot.filter(|slot| *slot < SLOTS)
    }
}

impl Default for Settings {
    /// Slot 0, in step with the host, at unity.
    fn default() -> Self {
        Self {
            gain: 1.0,
            play: true,
            sync: true,
            slot: Some(0),
            quantise: Quantise::Off,
            hear: Hear::NextBar,
            separate: false,
        }
    }
}

/// What a slot's note does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum NoteMode {
    /// The slot sounds while the key is held.
    #[default]
    Gate,
    /// Each key press turns it on or off.
    Toggle,
}

/// How a slot sounds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SlotSettings {
    /// Linear gain, 0 to [`MAX_GAIN`]; changes are smoothed. NaN leaves it as it was.
    pub gain: f32,
    /// Balance, −1 left to 1 right: the side that it leans away from gets quieter in a straight
    /// line, the other stays. In the centre both sides are the clip's own. NaN leaves it.
    pub pan: f32,
    /// Where the clip starts, in quarter notes from its own start.
    pub start_beats: f64,
    /// Where it ends; `None` is its own end. An end that is not after the start is none.
    pub end_beats: Option<f64>,
    /// From its end to its start. A clip that still grows is heard when it is finished.
    pub reverse: bool,
    /// Seconds from silence when it starts; of a one-shot from its first frame, at its own tempo. 0 is
    /// as short as is free of clicks.
    pub fade_in_seconds: f64,
    /// Seconds into silence when it stops; of a one-shot before its last frame, too, at its own
    /// tempo. 0 is as short as is free of clicks.
    pub fade_out_seconds: f64,
    /// Plays once from its launch. A clip that still grows is heard when it is finished.
    pub one_shot: bool,
    /// What its note does.
    pub note: NoteMode,
}

impl Default for SlotSettings {
    /// The whole clip as it is, in a loop.
    fn default() -> Self {
        Self {
            gain: 1.0,
            pan: 0.0,
            start_beats: 0.0,
            end_beats: None,
            reverse: false,
            fade_in_seconds: 0.0,
            fade_out_seconds: 0.0,
            one_shot: false,
            note: NoteMode::Gate,
        }
    }
}
