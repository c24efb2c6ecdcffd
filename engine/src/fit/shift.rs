//! Another pitch at the same length, for loops.
//!
//! Any thread but the audio thread. The loop is stretched and then played faster or slower by as much,
//! from a little before its start to its end, so that what is cut out begins in the midst of sound as
//! the loop does each time it comes round.

use super::stretch::{CannotStretch, resampled, stretch};

/// What is stretched besides the loop, before it: longer than the stretcher's windows.
const BEFORE_SECONDS: f64 = 0.5;
/// The end goes over into what comes before the start in so long.
const JOIN_SECONDS: f64 = 0.02;

/// A loop (by channel, 1 or 2, equal lengths) so many semitones higher, and exactly as long.
///
/// # Errors
/// [`CannotStretch`] for rates or samples that the stretcher refuses.
pub fn shift(
    channels: &[Vec<f32>],
    rate_hz: u32,
    semitones: i32,
) -> Result<Vec<Vec<f32>>, CannotStretch> {
    let frames = channels.first().map_or(0, Vec::len);
    if semitones == 0 || frames == 0 {
        return Ok(channels.to_vec());
    }
    let ratio = (f64::from(semitones) / 12.0).exp2();
    let of_seconds = |seconds: f64| (seconds * f64::from(rate_hz)) as usize;
    let before = of_seconds(BEFORE_SECONDS);
    let around: Vec<Vec<f32>> = channels
        .iter()
        .map(|channel| {
            // From `before` ahead of the start, round and round, to as much after the end.
            let start = frames - before % frames;
            (0..frames + 2 * before)
                .map(|frame| channel[(start + frame) % frames])
                .collect()
        })
        .collect();
    let long = stretch(&around, rate_hz, ratio)?;
    let mut shifted = resampled(&long, 1.0 / ratio)?;
    let join = of_seconds(JOIN_SECONDS).min(frames / 2).min(before);
    for channel in &mut shifted {
        channel.resize(frames + 2 * before, 0.0);
        for n in 0..join {
            let to = (n as f32 + 0.5) / join as f32;
            let end = before + frames - join + n;
            channel[end] += (channel[before - join + n] - channel[end]) * to;
        }
        channel.drain(..before);
        channel.truncate(frames);
    }
    Ok(shifted)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE_HZ: u32 = 32_000;

    /// Zero crossings upwards a second.
    fn pitch_hz(samples: &[f32]) -> f64 {
        let rises = samples
            .windows(2)
            .filter(|two| two[0] < 0.0 && two[1] >= 0.0);
        rises.count() as f64 * f64::from(RATE_HZ) / samples.len() as f64
    }

    #[test]
    fn the_pitch_moves_and_the_length_does_not() {
        // 220 whole waves a second, so that the loop joins by itself.
        let wave =
            |n: u32| (f64::from(n) * 220.0 / f64::from(RATE_HZ) * std::f64::consts::TAU).sin();
        let channel: Vec<f32> = (0..2 * RATE_HZ).map(|n| (wave(n) * 0.5) as f32).collect();
        for semitones in [-12, -5, 3, 7, 12] {
            let shifted = shift(std::slice::from_ref(&channel), RATE_HZ, semitones).unwrap();
            assert_eq!(shifted[0].len(), channel.len());
            let want = 220.0 * (f64::from(semitones) / 12.0).exp2();
            let cents = 1200.0 * (pitch_hz(&shifted[0]) / want).log2();
            assert!(
                cents.abs() < 6.0,
                "{semitones} semitones: {cents} cents off"
            );
            let step = |two: &[f32]| (two[1] - two[0]).abs();
            let inside = shifted[0].windows(2).map(step).fold(0.0, f32::max);
            let join = step(&[shifted[0][channel.len() - 1], shifted[0][0]]);
            assert!(
                join <= inside * 1.5,
                "{semitones} semitones: a step of {join} at the join"
            );
        }
    }

    #[test]
    fn attacks_stay_where_they_are() {
        let beat = RATE_HZ as usize / 2;
        let mut channel = vec![0.0_f32; 4 * beat];
        for (n, sample) in channel.iter_mut().enumerate() {
            let since = (n % beat) as f32;
            *sample = (since * 0.3).sin() * (-since / 600.0).exp() * 0.8;
        }
        let shifted = shift(&[channel], RATE_HZ, 4).unwrap();
        let block = RATE_HZ as usize / 100;
        for attack in 0..4 {
            let energy = |from: usize| -> f32 {
                (from..from + block)
                    .map(|n| shifted[0][n % (4 * beat)].powi(2))
                    .sum()
            };
            let (at, ahead) = (attack * beat, attack * beat + 4 * beat - 2 * block);
            assert!(energy(at) > 20.0 * energy(ahead), "beat {attack}");
        }
    }

    #[test]
    fn short_and_empty_loops_come_back() {
        assert_eq!(
            shift(&[Vec::new()], RATE_HZ, 5).unwrap(),
            [Vec::<f32>::new()]
        );
        let short = vec![vec![0.1; 100]; 2];
        assert_eq!(shift(&short, RATE_HZ, 0).unwrap(), short);
        assert_eq!(shift(&short, RATE_HZ, 5).unwrap()[1].len(), 100);
    }
}
