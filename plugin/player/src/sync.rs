//! Host position → clip frame.
//!
//! Audio thread; pure arithmetic. Nothing here remembers anything, so nothing can drift.
//!
//! Two cases:
//! - **Exact**: at the host's tempo and rate the clip's loop takes as many frames as the clip
//!   has, give or take one (bars are seldom a whole number of frames). Then clip samples are
//!   played as they are: a round that begins half of what it lacks early ends half of it late, and
//!   all of it is at most a frame from the grid. Where the grid's loop has a frame more or less than
//!   the clip, the loop's last frame is held or left out.
//! - **Varispeed**: `ratio` clip frames go by in each of the host's frames, and samples are
//!   interpolated.

use crate::clip::ClipInfo;

/// Loops shorter than this are never worth being exact.
const SHORTEST_EXACT_FRAMES: f64 = 16.0;

/// How much further than half a frame from the grid a run of exact samples may be before it is set
/// anew, so that rounding errors in the host's beats can't make it flicker.
const SPARE_FRAMES: f64 = 1.0 / 16.0;

/// How a clip lies on the beats at a tempo and a rate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Grid {
    beats: f64,
    per_beat: f64,
    ratio: f64,
    loop_frames: f64,
    exact: bool,
    /// Frames that exact samples lie before the grid at the loop's start, and behind it at its end.
    lean_frames: f64,
    /// Positions go on before the start and after the end.
    once: bool,
}

impl Grid {
    /// For a clip, a tempo and a sample rate, each of which must be finite and above zero.
    #[must_use]
    pub fn new(info: &ClipInfo, tempo_bpm: f64, rate_hz: f64) -> Self {
        let frames = info.frames as f64;
        let host_per_beat = 60.0 * rate_hz / tempo_bpm;
        let host_loop = info.beats * host_per_beat;
        let more = host_loop - frames;
        let exact = frames >= SHORTEST_EXACT_FRAMES && more.abs() < 1.0;
        if exact {
            let per_beat = host_per_beat;
            Self {
                beats: info.beats,
                per_beat,
                ratio: 1.0,
                loop_frames: host_loop,
                exact,
                lean_frames: more / 2.0,
                once: false,
            }
        } else {
            let per_beat = frames / info.beats;
            let ratio = per_beat / host_per_beat;
            Self {
                beats: info.beats,
                per_beat,
                ratio,
                loop_frames: frames,
                exact,
                lean_frames: 0.0,
                once: false,
            }
        }
    }

    /// The same for a clip that plays once: positions go on before its start and after its end.
    #[must_use]
    pub(crate) fn once(self) -> Self {
        Self { once: true, ..self }
    }

    /// Where in the clip these beats are, in frames from 0 to below [`Self::loop_frames`].
    #[must_use]
    pub fn position(&self, beats: f64) -> f64 {
        if self.once {
            return beats * self.per_beat;
        }
        // The remainder of a tiny negative number rounds to the divisor itself.
        self.wrap(beats.rem_euclid(self.beats) * self.per_beat)
    }

    /// Beats from the clip's start at a position.
    #[must_use]
    pub fn beats_at(&self, position: f64) -> f64 {
        if self.once {
            position.max(0.0) / self.per_beat
        } else {
            (position / self.per_beat).rem_euclid(self.beats)
        }
    }

    /// Clip frames that go by in one of the host's.
    #[must_use]
    pub fn ratio(&self) -> f64 {
        self.ratio
    }

    /// Length of one round in positions: the clip's frames, or when exact the host's, which need
    /// not be whole.
    #[must_use]
    pub fn loop_frames(&self) -> f64 {
        self.loop_frames
    }

    /// Clip samples are played as they are.
    #[must_use]
    pub fn exact(&self) -> bool {
        self.exact
    }

    /// A position brought back into the loop.
    pub(crate) fn wrap(&self, position: f64) -> f64 {
        if self.once {
            return position;
        }
        let wrapped = position.rem_euclid(self.loop_frames);
        if wrapped < self.loop_frames {
            wrapped
        } else {
            0.0
        }
    }

    /// The way from one position to another, the shorter way round.
    pub(crate) fn distance(&self, from: f64, to: f64) -> f64 {
        let way = self.wrap(to - from);
        if !self.once && way > self.loop_frames / 2.0 {
            way - self.loop_frames
        } else {
            way
        }
    }

    /// The frame to play for a position when exact: `now` when that will do, else the nearest,
    /// which may be the loop's end.
    pub(crate) fn anchor(&self, position: f64, now: f64) -> f64 {
        let middle = position - self.lean_frames;
        // With what the loop has more or less than the clip it is never more than a frame.
        let spare = SPARE_FRAMES.min(0.5 - self.lean_frames.abs());
        if now.fract() == 0.0 && self.distance(now, middle).abs() <= 0.5 + spare {
            return now;
        }
        middle.round()
    }

    /// Frames from a position until the loop goes round, when exact.
    pub(crate) fn frames_to_wrap(&self, position: f64) -> usize {
        if self.once {
            return usize::MAX;
        }
        (self.loop_frames + self.lean_frames - 0.5 - position)
            .ceil()
            .max(0.0) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clip::ClipId;

    fn info(frames: u64, beats: f64, tempo_bpm: f64) -> ClipInfo {
        ClipInfo {
            id: ClipId(1),
            frames,
            beats,
            tempo_bpm,
            beats_per_bar: 4.0,
        }
    }

    #[test]
    fn exact_at_its_own_tempo_also_when_bars_are_no_whole_frames() {
        // 16 beats at 97.5 BPM and 48 kHz are 472,615.38 frames.
        let grid = Grid::new(&info(472_615, 16.0, 97.5), 97.5, 48_000.0);
        assert!(grid.exact());
        assert_eq!(grid.ratio(), 1.0);
        // A host's 132.99999978 is 133.
        let frames = (16.0 * 60.0 / 133.0 * 48_000.0_f64).round() as u64;
        assert!(Grid::new(&info(frames, 16.0, 133.0), 132.99999978, 48_000.0).exact());
        assert!(!Grid::new(&info(frames, 16.0, 133.0), 133.1, 48_000.0).exact());
    }

    #[test]
    fn negative_and_tiny_beats_stay_in_the_loop() {
        let grid = Grid::new(&info(96_000, 4.0, 120.0), 120.0, 48_000.0);
        assert_eq!(grid.position(-1.0), 72_000.0);
        assert_eq!(grid.position(-4.0), 0.0);
        assert_eq!(grid.position(-1e-300), 0.0);
        assert_eq!(grid.position(-5.0 - 4e6), 72_000.0);
        assert_eq!(grid.distance(95_999.0, 1.0), 2.0);
        assert_eq!(grid.distance(1.0, 95_999.0), -2.0);
    }

    #[test]
    fn varispeed_goes_by_the_ratio_of_tempi() {
        let grid = Grid::new(&info(96_000, 4.0, 120.0), 90.0, 48_000.0);
        assert_eq!(grid.ratio(), 0.75);
        assert_eq!(grid.position(2.0), 48_000.0);
        // A clip made for another rate keeps its tempo.
        let other = Grid::new(&info(88_200, 4.0, 120.0), 120.0, 48_000.0);
        assert!((other.ratio() - 0.91875).abs() < 1e-12);
    }

    /// A day of playing: beats as a host counts them from its frames, at rates and tempi where
    /// nothing is whole, against whole-number arithmetic.
    #[test]
    fn no_drift_in_24_hours() {
        for (rate_hz, tempo_milli, beats) in [
            (48_000_u64, 97_500_u64, 16_u64),
            (44_100, 133_000, 32),
            (96_000, 84_370, 4),
            (192_000, 171_001, 12),
            (22_050, 60_000, 3),
        ] {
            let tempo_bpm = tempo_milli as f64 / 1000.0;
            let frames = (beats * 60_000 * rate_hz + tempo_milli / 2) / tempo_milli;
            let grid = Grid::new(
                &info(frames, beats as f64, tempo_bpm),
                tempo_bpm,
                rate_hz as f64,
            );
            assert!(grid.exact());
            let day_frames = 24 * 3600 * rate_hz;
            let rounds = if cfg!(miri) { 200 } else { 200_000 };
            let mut worst: f64 = 0.0;
            for i in 0..rounds {
                let frame = day_frames / rounds * i + (i * 7919) % 1000;
                let host_beats = frame as f64 * tempo_bpm / (60.0 * rate_hz as f64);
                // The same in whole numbers: frames × tempo_milli modulo a loop's worth of it.
                let whole = u128::from(frame) * u128::from(tempo_milli);
                let round = u128::from(beats * 60_000 * rate_hz);
                let truth = (whole % round) as f64 / tempo_milli as f64;
                worst = worst.max(grid.distance(truth, grid.position(host_beats)).abs());
            }
            assert!(
                worst < 1e-4,
                "{rate_hz} Hz, {tempo_bpm} BPM: {worst} frames"
            );
        }
    }
}
