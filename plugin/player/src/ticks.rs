//! Places that a host rounds to ticks: the line that they are rounded from.
//!
//! Audio thread; pure arithmetic. Ardour gives the place of each block in whole ticks of a 1920th of a beat,
//! 15 frames at 97.5 BPM and 48 kHz. Followed to the letter, the loop would waver by as much with every block.
//! While the places are whole ticks and lie within one of where the blocks before them lead, the line goes
//! on instead, in the middle of what the places leave possible. A place that is no whole tick is
//! taken as it is, so that nothing is ever added up for a host that is exact.

/// Ticks in a beat. Coarser ones of other hosts (960, 480, …) are whole numbers of these.
const TICKS: f64 = 1920.0;

/// How far a place may be from a whole tick: what is lost in a host's own sums.
const WHOLE: f64 = 1e-5;

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
}

impl Line {
    /// The line after a host has said a place, where that is on ticks; `before`: the line up to there.
    pub(crate) fn through(before: Option<Self>, beats: f64, tempo_bpm: f64) -> Option<Self> {
        let place = beats * TICKS;
        if (place - place.round()).abs() > WHOLE {
            return None;
        }
        let goes_on = before.filter(|line| line.tempo_bpm == tempo_bpm);
        let widened = goes_on.and_then(|line| {
            let more = place - line.beats * TICKS;
            let low = more.min(line.low + FORGOTTEN);
            let high = more.max(line.high - FORGOTTEN);
            (high - low <= SPREAD).then_some(Self { low, high, ..line })
        });
        Some(widened.unwrap_or(Self {
            beats,
            tempo_bpm,
            low: 0.0,
            high: 0.0,
        }))
    }

    /// Where the block is.
    pub(crate) fn place(&self) -> f64 {
        self.beats + (self.low + self.high) / 2.0 / TICKS
    }

    /// Some frames later.
    pub(crate) fn after(self, frames: usize, rate_hz: f64) -> Self {
        Self {
            beats: self.beats + frames as f64 * self.tempo_bpm / (60.0 * rate_hz),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE_HZ: f64 = 48_000.0;

    /// How far the line is from the true place in each block, in frames, where the host rounds so.
    fn off(tempo_bpm: f64, start_frame: i64, block: usize, round: fn(f64) -> f64) -> Vec<f64> {
        let beats_a_frame = tempo_bpm / 60.0 / RATE_HZ;
        let mut line = None;
        let mut frame = start_frame;
        let mut off = Vec::new();
        for _ in 0..4_000 {
            let truth = frame as f64 * beats_a_frame;
            let said = round(truth * TICKS) / TICKS;
            let now = Line::through(line, said, tempo_bpm);
            let place = now.map_or(said, |line| line.place());
            off.push((place - truth) / beats_a_frame);
            line = now.map(|line| line.after(block, RATE_HZ));
            frame += block as i64;
        }
        off
    }

    #[test]
    fn a_line_through_rounded_places_is_steady_and_true() {
        for tempo_bpm in [97.5, 97.49999991, 133.7] {
            for block in [64, 441, 1024] {
                let off = off(tempo_bpm, -1776, block, f64::round);
                let settled = &off[1_000..];
                let tick_frames = 60.0 * RATE_HZ / tempo_bpm / TICKS;
                let worst = settled.iter().fold(0.0_f64, |worst, x| worst.max(x.abs()));
                assert!(worst < 0.05 * tick_frames, "{tempo_bpm}, {block}: {worst}");
                let steps = settled.windows(2).map(|pair| (pair[1] - pair[0]).abs());
                let most = steps.fold(0.0, f64::max);
                // Less than what an exact clip is held through.
                assert!(most < 0.2, "{tempo_bpm}, {block}: {most}");
            }
        }
    }

    #[test]
    fn a_host_that_is_exact_is_taken_at_its_word() {
        for block in [64, 500, 512] {
            let off = off(120.0, 0, block, |place| place);
            let worst = off.iter().fold(0.0_f64, |worst, x| worst.max(x.abs()));
            assert!(worst < 1e-6, "{block}: {worst}");
        }
    }

    #[test]
    fn a_jump_begins_a_line_and_so_does_another_tempo() {
        let line = Line::through(None, 4.0, 120.0).map(|line| line.after(64, RATE_HZ));
        let jumped = Line::through(line, 8.0, 120.0).map(|line| line.place());
        assert_eq!(jumped, Some(8.0));
        let faster = Line::through(line, 4.0 + 4.0 / TICKS, 140.0);
        assert_eq!(faster.map(|line| line.place()), Some(4.0 + 4.0 / TICKS));
        assert_eq!(Line::through(line, 4.000_01, 120.0), None);
    }
}
