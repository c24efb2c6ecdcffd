//! When things happen, from the parameters' words to the player's.
//!
//! Audio thread: copies only.

use crate::params::{Hear, Quantise};

impl From<Quantise> for barline_player::Quantise {
    fn from(quantise: Quantise) -> Self {
        match quantise {
            Quantise::Off => Self::Off,
            Quantise::Beat => Self::Beat,
            Quantise::Bar => Self::Bar,
            Quantise::TwoBars => Self::TwoBars,
            Quantise::FourBars => Self::FourBars,
        }
    }
}

impl From<Hear> for barline_player::Hear {
    fn from(hear: Hear) -> Self {
        match hear {
            Hear::NextBar => Self::NextBar,
            Hear::NextBeat => Self::NextBeat,
            Hear::AtOnce => Self::AtOnce,
            Hear::Finished => Self::Finished,
        }
    }
}
