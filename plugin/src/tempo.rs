//! When the host's tempo has come to rest, and what the clip is then to do about it.
//!
//! [`Rest`] runs on the audio thread: arithmetic, never allocates or waits. [`Wish`] goes from there
//! to the session in one atomic.
//!
//! Rest is measured in the host's frames and not by a clock, so that it comes at the same place of the
//! song however fast the host renders, and a bounce is the same file every time.

/// So long a tempo stays before the clip is brought to it: longer than a drag of the tempo pauses,
/// shorter than one waits.
const REST_SECONDS: f64 = 0.3;
/// Tempi that are nearer than this are the same: some hosts say 132.99999978 for 133.
const SAME_BPM: f64 = 0.000_6;
/// Tempi that clips are brought to, in thousandths of a BPM.
const MILLI_BPM: std::ops::RangeInclusive<f64> = 1_000.0..=2_000_000.0;

const KEEP_PITCH: u64 = 1 << 32;
const SYNC: u64 = 1 << 33;

/// What the settings and the host's tempo, at rest, ask of the clip.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wish(u64);

impl Wish {
    /// Of a tempo at rest; `None` while it moves or is not known.
    #[must_use]
    pub fn new(rested: Option<Tempo>, sync: bool, keep_pitch: bool) -> Self {
        let flag = |on: bool, bit: u64| if on { bit } else { 0 };
        let settings = flag(sync, SYNC) | flag(keep_pitch, KEEP_PITCH);
        Self(rested.map_or(0, |tempo| u64::from(tempo.0)) | settings)
    }

    /// As one number.
    #[must_use]
    pub fn bits(self) -> u64 {
        self.0
    }

    /// From [`Wish::bits`].
    #[must_use]
    pub fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// The host's tempo, at rest.
    #[must_use]
    pub fn rested(self) -> Option<Tempo> {
        let milli = (self.0 & u64::from(u32::MAX)) as u32;
        (milli > 0).then_some(Tempo(milli))
    }

    /// The clip follows the host's beats.
    #[must_use]
    pub fn sync(self) -> bool {
        self.0 & SYNC != 0
    }

    /// It keeps its pitch when it does.
    #[must_use]
    pub fn keep_pitch(self) -> bool {
        self.0 & KEEP_PITCH != 0
    }
}

/// A tempo to the thousandth of a BPM, as generation takes it, so that equal tempi are equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tempo(u32);

impl Tempo {
    /// `None` for what no host can mean.
    #[must_use]
    pub fn new(bpm: f64) -> Option<Self> {
        let milli = (bpm * 1_000.0).round();
        MILLI_BPM.contains(&milli).then_some(Self(milli as u32))
    }

    /// Beats a minute.
    #[must_use]
    pub fn bpm(self) -> f64 {
        f64::from(self.0) / 1_000.0
    }
}

/// Watches the host's tempo.
#[derive(Debug, Clone, Default)]
pub struct Rest {
    held_bpm: f64,
    still_frames: f64,
    /// Frames of the block before, which `held_bpm` was the tempo of.
    last_frames: usize,
    playing: bool,
    rested: bool,
}

impl Rest {
    /// Realtime-safe. Forgets what it saw.
    pub fn reset(&mut self) {
        *self = Self::default();
    }

    /// Realtime-safe. Takes a block's tempo in and says which tempo is at rest. An offline render
    /// takes the tempo that it begins with as it is: what was heard before must not change it.
    pub fn hear(
        &mut self,
        tempo_bpm: Option<f64>,
        frames: usize,
        rate_hz: f32,
        playing: bool,
        offline: bool,
    ) -> Option<Tempo> {
        let begins = offline && playing && !self.playing;
        self.playing = playing;
        let tempo_bpm = tempo_bpm.filter(|bpm| bpm.is_finite())?;
        if (tempo_bpm - self.held_bpm).abs() > SAME_BPM {
            self.held_bpm = tempo_bpm;
            self.still_frames = 0.0;
            self.rested = false;
        } else {
            self.still_frames += self.last_frames as f64;
        }
        self.last_frames = frames;
        self.rested |= begins || self.still_frames >= REST_SECONDS * f64::from(rate_hz);
        Tempo::new(self.held_bpm).filter(|_| self.rested)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wish_is_what_was_put_in() {
        for (rested, sync, keep) in [
            (None, true, false),
            (Tempo::new(97.5), false, true),
            (Tempo::new(2_000.0), true, true),
        ] {
            let wish = Wish::from_bits(Wish::new(rested, sync, keep).bits());
            assert_eq!(
                (wish.rested(), wish.sync(), wish.keep_pitch()),
                (rested, sync, keep)
            );
        }
        assert_eq!(Tempo::new(132.999_999_78), Tempo::new(133.0));
        for no in [0.0, -120.0, f64::NAN, 1e9] {
            assert_eq!(Tempo::new(no), None);
        }
    }

    #[test]
    fn a_tempo_rests_after_a_third_of_a_second_at_any_block_size() {
        for frames in [1, 37, 512, 4_096] {
            let mut rest = Rest::default();
            let mut at = 0;
            let mut hear = |bpm, rest: &mut Rest| {
                at += frames;
                (at, rest.hear(Some(bpm), frames, 48_000.0, true, false))
            };
            // A ramp never rests.
            for step in 0..200 {
                assert_eq!(hear(120.0 + f64::from(step) * 0.01, &mut rest).1, None);
            }
            let (begin, _) = hear(124.0, &mut rest);
            let end = loop {
                let jitter = if frames % 2 == 0 { 1e-7 } else { -1e-7 };
                let (at, rested) = hear(124.0 + jitter, &mut rest);
                if rested.is_some() {
                    assert_eq!(rested, Tempo::new(124.0));
                    break at;
                }
            };
            let waited = end - begin;
            assert!(
                (14_400..14_400 + 2 * frames).contains(&waited),
                "{frames}: {waited}"
            );
            assert_eq!(hear(124.0, &mut rest).1, Tempo::new(124.0));
            assert_eq!(hear(125.0, &mut rest).1, None);
        }
    }

    #[test]
    fn a_bounce_begins_at_rest() {
        let mut rest = Rest::default();
        let mut hear = |bpm, playing| rest.hear(Some(bpm), 512, 48_000.0, playing, true);
        assert_eq!(hear(124.0, false), None);
        assert_eq!(hear(124.0, true), Tempo::new(124.0));
        assert_eq!(hear(126.0, true), None);
        assert_eq!(hear(126.0, false), None);
        assert_eq!(hear(126.0, true), Tempo::new(126.0));
    }
}
