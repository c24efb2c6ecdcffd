//! Places that a host rounds to ticks: the line that they are rounded from.
//!
//! Audio thread; pure arithmetic. Ardour gives the place of each block in whole ticks of a 1920th of a beat,
//! 15 frames at 97.5 BPM and 48 kHz. Followed to the letter, the loop would waver by as much with every block.
//! While the places are whole ticks and lie within one of where the blocks before them lead, the line goes
//! on instead.
//!
//! Where it lies: in a song at one tempo, a host that counts its frames has said so exactly: so many frames
//! from the start, at that tempo. While every place is what that comes to, rounded, it is taken, and the
//! line is the same wherever the playing began: two exports from Ardour, which begins its pre-roll
//! where it likes, are the same. Behind a change of tempo nobody says where the line began, and it is looked
//! for: it goes through the middle of what the places leave possible, which narrows from block to block.
//!
//! A place that is no whole tick is taken as it is, so that nothing is ever added up for a host that is
//! exact.

/// Ticks in a beat. Coarser ones of other hosts (960, 480, …) are whole numbers of these.
const TICKS: f64 = 1920.0;

/// How far a place may be from a whole tick: what is lost in a host's own sums.
const WHOLE: f64 = 1e-5;

/// A host that rounds to the nearest tick is off by no more than this, in ticks: half of one, and what a
/// tempo that is said in other digits than it is kept in comes to after an hour.
const ROUNDED: f64 = 0.525;

/// Two places that were rounded from one line differ from it by no more than this, in ticks.
const SPREAD: f64 = 1.05;

/// Ticks by which an old extreme is forgotten with each block, so that a line whose tempo is not
/// quite the host's is held to the host's places.
const FORGOTTEN: f64 = 1e-5;

/// The line at the first frame of a block.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Line {
    /// Where the blocks before lead.
    beats: f64,
    tempo_bpm: f64,
    /// How much more the host said, at least and at most, in ticks.
    low: f64,
    high: f64,
    /// Frames from the song's start to here, while all places agree that the line began there.
    song_frame: Option<i64>,
}

impl Line {
    /// The line after a host has said a place, where that is on ticks; `before`: the line up to there.
    pub(crate) fn through(
        before: Option<Self>,
        beats: f64,
        tempo_bpm: f64,
        song_frame: Option<i64>,
        rate_hz: f64,
    ) -> Option<Self> {
        let place = beats * TICKS;
        if (place - place.round()).abs() > WHOLE {
            return None;
        }
        let from_start = song_frame.filter(|frame| {
            let there = from_start(*frame, tempo_bpm, rate_hz);
            (place - there * TICKS).abs() <= ROUNDED
        });
        let goes_on = before.filter(|line| line.tempo_bpm == tempo_bpm);
        let widened = goes_on.and_then(|line| {
            let more = place - line.beats * TICKS;
            let low = more.min(line.low + FORGOTTEN);
            let high = more.max(line.high - FORGOTTEN);
            let song_frame = from_start.filter(|frame| line.song_frame == Some(*frame));
            (high - low <= SPREAD).then_some(Self {
                low,
                high,
                song_frame,
                ..line
            })
        });
        Some(widened.unwrap_or(Self {
            beats,
            tempo_bpm,
            low: 0.0,
            high: 0.0,
            song_frame: from_start,
        }))
    }

    /// Where the block is.
    pub(crate) fn place(&self, rate_hz: f64) -> f64 {
        if let Some(frame) = self.song_frame {
            return from_start(frame, self.tempo_bpm, rate_hz);
        }
        self.beats + (self.low + self.high) / 2.0 / TICKS
    }

    /// Some frames later.
    pub(crate) fn after(self, frames: usize, rate_hz: f64) -> Self {
        Self {
            beats: self.beats + frames as f64 * self.tempo_bpm / (60.0 * rate_hz),
            song_frame: self
                .song_frame
                .map(|frame| frame.saturating_add(frames as i64)),
            ..self
        }
    }
}

/// Beats of a song at one tempo up to a frame.
fn from_start(song_frame: i64, tempo_bpm: f64, rate_hz: f64) -> f64 {
    song_frame as f64 * tempo_bpm / (60.0 * rate_hz)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE_HZ: f64 = 48_000.0;

    /// How a host counts its frames: by the frame and by the place that it says.
    type Count = fn(i64, f64) -> Option<i64>;

    const BLOCKS: usize = if cfg!(miri) { 120 } else { 4_000 };

    /// How far the line is from the true place in each block, in frames, where the host rounds so.
    fn off(
        tempo_bpm: f64,
        start_frame: i64,
        block: usize,
        round: fn(f64) -> f64,
        count: Count,
    ) -> Vec<f64> {
        let beats_a_frame = tempo_bpm / 60.0 / RATE_HZ;
        let mut line = None;
        let mut frame = start_frame;
        let mut off = Vec::new();
        for _ in 0..BLOCKS {
            let truth = frame as f64 * beats_a_frame;
            let said = round(truth * TICKS) / TICKS;
            let counted = count(frame, said / beats_a_frame);
            let now = Line::through(line, said, tempo_bpm, counted, RATE_HZ);
            let place = now.map_or(said, |line| line.place(RATE_HZ));
            off.push((place - truth) / beats_a_frame);
            line = now.map(|line| line.after(block, RATE_HZ));
            frame += block as i64;
        }
        off
    }

    fn worst(off: &[f64]) -> f64 {
        off.iter().fold(0.0_f64, |worst, x| worst.max(x.abs()))
    }

    #[test]
    #[cfg_attr(miri, ignore = "too much arithmetic")]
    fn a_line_through_rounded_places_is_steady_and_true() {
        let counts: [Count; 3] = [
            |_, _| None,
            // From elsewhere: the tempo was another once.
            |frame, _| Some(frame + 977),
            // Made of the beats, which are rounded.
            |_, said| Some(said.round() as i64),
        ];
        for tempo_bpm in [97.5, 97.49999991, 133.7] {
            for block in [64, 441, 1024] {
                for count in counts {
                    let off = off(tempo_bpm, -1776, block, f64::round, count);
                    let settled = &off[1_000..];
                    let tick_frames = 60.0 * RATE_HZ / tempo_bpm / TICKS;
                    let worst = worst(settled);
                    assert!(worst < 0.05 * tick_frames, "{tempo_bpm}, {block}: {worst}");
                    let steps = settled.windows(2).map(|pair| (pair[1] - pair[0]).abs());
                    let most = steps.fold(0.0, f64::max);
                    // Less than what an exact clip is held through.
                    assert!(most < 0.125, "{tempo_bpm}, {block}: {most}");
                }
            }
        }
    }

    #[test]
    fn a_host_that_counts_its_frames_has_said_the_line() {
        for tempo_bpm in [97.5, 97.49999991, 133.7] {
            for (start_frame, block) in [(-1776, 64), (12_345, 441), (7, 1024)] {
                let off = off(tempo_bpm, start_frame, block, f64::round, |frame, _| {
                    Some(frame)
                });
                let worst = worst(&off);
                assert!(worst < 1e-6, "{tempo_bpm}, {block}: {worst}");
            }
        }
    }

    #[test]
    fn a_host_that_is_exact_is_taken_at_its_word() {
        let counts: [Count; 2] = [|_, _| None, |frame, _| Some(frame + 48_000)];
        for count in counts {
            for block in [64, 500, 512] {
                let worst = worst(&off(120.0, 0, block, |place| place, count));
                assert!(worst < 1e-6, "{block}: {worst}");
            }
        }
    }

    #[test]
    fn a_jump_begins_a_line_and_so_does_another_tempo() {
        let through =
            |before, beats, tempo_bpm| Line::through(before, beats, tempo_bpm, None, RATE_HZ);
        let place = |line: Option<Line>| line.map(|line| line.place(RATE_HZ));
        let line = through(None, 4.0, 120.0).map(|line| line.after(64, RATE_HZ));
        assert_eq!(place(through(line, 8.0, 120.0)), Some(8.0));
        let faster = through(line, 4.0 + 4.0 / TICKS, 140.0);
        assert_eq!(place(faster), Some(4.0 + 4.0 / TICKS));
        assert_eq!(through(line, 4.000_01, 120.0), None);
    }
}
