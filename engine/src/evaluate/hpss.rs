//! What lasts and what strikes: a spectrogram taken apart by medians.
//!
//! Any thread but the audio thread. After Fitzgerald (DAFx 2010): a tone is a line along time, a
//! stroke a line along frequency; the median over the one direction suppresses the other. The parts
//! are weighed by squares of the medians, as in his Wiener filter.

use super::spectrogram::{BINS, Spectrogram};

/// Frames, and bins, on each side of the one whose median is taken: medians over half a second and
/// half a kilohertz, as librosa's 31.
const REACH: usize = 15;

/// Powers of the two parts.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Powers {
    harmonic: f64,
    percussive: f64,
}

impl Powers {
    /// Takes a stretch apart and adds what is in its parts.
    pub(super) fn add(&mut self, spectrogram: &Spectrogram) {
        let count = spectrogram.count();
        // Medians along time, frame by frame.
        let mut lasting = vec![0.0; count * BINS];
        let (mut line, mut medians) = (Vec::with_capacity(count), Vec::with_capacity(count));
        for bin in 0..BINS {
            line.clear();
            line.extend(spectrogram.bin(bin));
            sliding_median(&line, REACH, &mut medians);
            for (frame, &median) in medians.iter().enumerate() {
                lasting[frame * BINS + bin] = median;
            }
        }
        for (frame, lasting) in spectrogram.frames().zip(lasting.chunks_exact(BINS)) {
            sliding_median(frame, REACH, &mut medians);
            for ((&value, &harmonic), &percussive) in frame.iter().zip(lasting).zip(&medians) {
                let [value, harmonic, percussive] = [value, harmonic, percussive].map(f64::from);
                let (harmonic, percussive) = (harmonic * harmonic, percussive * percussive);
                let sum = harmonic + percussive;
                // Where both medians are nothing it is neither, or either as much.
                let share = if sum > 0.0 { harmonic / sum } else { 0.5 };
                self.harmonic += (value * share).powi(2);
                self.percussive += (value * (1.0 - share)).powi(2);
            }
        }
    }

    /// Power of what lasts over the power of what strikes; none for silence.
    pub(super) fn ratio_db(&self) -> Option<f64> {
        // -100 dB of the whole: beyond, it is all one or the other.
        let least = 1e-10 * (self.harmonic + self.percussive);
        (least > 1e-12)
            .then(|| 10.0 * (self.harmonic.max(least) / self.percussive.max(least)).log10())
    }
}

/// The median of each value and the `reach` values on both its sides, into `out`. Beyond its ends
/// the line is mirrored.
fn sliding_median(line: &[f32], reach: usize, out: &mut Vec<f32>) {
    out.clear();
    let count = line.len();
    if count == 0 {
        return;
    }
    let mirrored = |at: isize| {
        let at = at.rem_euclid(2 * count as isize) as usize;
        line[if at < count { at } else { 2 * count - 1 - at }]
    };
    let reach = reach as isize;
    let mut sorted: Vec<f32> = (-reach..=reach).map(mirrored).collect();
    sorted.sort_by(f32::total_cmp);
    for at in 0..count as isize {
        out.push(sorted[reach as usize]);
        let (gone, come) = (mirrored(at - reach), mirrored(at + reach + 1));
        // Both are there: every value that goes came before.
        let from = sorted.partition_point(|value| value.total_cmp(&gone).is_lt());
        let to = sorted.partition_point(|value| value.total_cmp(&come).is_lt());
        if from < to {
            sorted.copy_within(from + 1..to, from);
            sorted[to - 1] = come;
        } else {
            sorted.copy_within(to..from, to + 1);
            sorted[to] = come;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sliding_median_is_the_median_of_what_is_around() {
        let line: Vec<f32> = (0..50).map(|i| ((i * 37) % 23) as f32).collect();
        for reach in [1, 3, 15, 40] {
            let mut found = Vec::new();
            sliding_median(&line, reach, &mut found);
            for (at, &found) in found.iter().enumerate() {
                let mut around: Vec<f32> = (at as i64 - reach as i64..=at as i64 + reach as i64)
                    .map(|i| i.rem_euclid(100) as usize)
                    .map(|i| line[i.min(99 - i)])
                    .collect();
                around.sort_by(f32::total_cmp);
                assert_eq!(found, around[reach], "{at}, reach {reach}");
            }
        }
    }
}
