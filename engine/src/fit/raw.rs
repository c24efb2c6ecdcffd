//! A raw take in the form in which it is kept: 24 bits below its own full scale.
//!
//! Any thread but the audio thread. Takes are rounded before they are fitted, so that what a project
//! keeps as FLAC is the very take, and every fit of it, before and after the project was closed and
//! from the seed, is the same samples. The rounding lies 138 dB below the peak.

/// Samples of so many bits lie between minus and plus this.
const FULL: f32 = 8_388_608.0;
/// Halvings that bring the loudest sample of a codec that is out of its mind below full scale.
const MOST_HALVINGS: u32 = 8;

/// How often a take (samples by channel) is halved until all of it lies below ±1.
#[must_use]
pub fn halvings(channels: &[Vec<f32>]) -> u32 {
    let peak = channels.iter().map(|channel| super::peak(channel));
    let peak = peak.fold(0.0, f32::max);
    (0..MOST_HALVINGS)
        .find(|&halvings| peak < scale(halvings))
        .unwrap_or(MOST_HALVINGS)
}

/// Full scale of a take that is halved so often.
#[must_use]
pub fn scale(halvings: u32) -> f32 {
    (1u32 << halvings.min(MOST_HALVINGS)) as f32
}

/// Rounds a take; one that was rounded stays as it is. What is no number becomes silence.
pub fn round(channels: &mut [Vec<f32>]) {
    for sample in channels.iter_mut().flatten() {
        *sample = if sample.is_finite() { *sample } else { 0.0 };
    }
    let scale = scale(halvings(channels));
    for sample in channels.iter_mut().flatten() {
        let whole = (*sample / scale * FULL).round().clamp(-FULL, FULL - 1.0);
        *sample = whole / FULL * scale;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_rounded_stays_and_is_hardly_moved() {
        for level in [1e-4, 0.7, 0.999_999_99, 1.0, 1.7, 3.1] {
            let wave = |n: u32| (n as f32 * 0.37).sin() * level;
            let played: Vec<f32> = (0..5_000).map(wave).chain([level, -level]).collect();
            let mut once = vec![played.clone()];
            round(&mut once);
            let scale = scale(halvings(&once));
            assert!(once[0].iter().all(|x| (x / scale * FULL).fract() == 0.0));
            for (x, was) in once[0].iter().zip(&played) {
                assert!((x - was).abs() <= scale / FULL, "{was} became {x}");
            }
            let mut twice = once.clone();
            round(&mut twice);
            assert_eq!(once, twice, "at a level of {level}");
        }
    }

    #[test]
    fn no_number_is_silence() {
        let mut take = vec![vec![f32::NAN, 0.5, f32::INFINITY, -0.25]];
        round(&mut take);
        assert_eq!(take[0], [0.0, 0.5, 0.0, -0.25]);
    }
}
