//! How strongly something begins, at every moment: multi-band spectral flux.
//!
//! Any thread but the audio thread. After Klapuri (1999) and Böck and Widmer (DAFx 2013): power in
//! bands of equal width on the mel scale, compressed to a logarithm, only what rises counts.

use super::spectrum;

/// Moments a second, about: 4 ms are well under what the ear calls late.
const RATE_HZ: f64 = 250.0;
const WINDOW_SECONDS: f64 = 0.032;
const BANDS: usize = 40;
const LOWEST_HZ: f64 = 30.0;
const HIGHEST_HZ: f64 = 15_500.0;
/// Kick drums and basses lie below.
const LOW_HZ: f64 = 160.0;
/// How far below the loudest band's peak a sound still counts, as a power ratio.
const COMPRESSION: f32 = 1e4;
/// A rise is looked for over this time, so that slow attacks count as one.
const RISE_SECONDS: f64 = 0.012;

/// Onset strength over time.
pub(crate) struct Onsets {
    /// Moments a second.
    pub(crate) rate_hz: f64,
    /// All bands, with the local mean taken off; at least 0.
    pub(crate) all: Vec<f32>,
    /// The bands below [`LOW_HZ`] alone, likewise.
    pub(super) low: Vec<f32>,
    /// How suddenly the strongest onsets come: the rise, in nepers averaged over the bands, that
    /// one moment in fifty exceeds. Drums have 1 and more, pads a tenth.
    pub(super) sharpness: f32,
    /// Moment 0 lies this long before the clip's first sample.
    pub(crate) lead_seconds: f64,
}

/// Onset strength of a signal.
pub(crate) fn of(samples: &[f32], rate_hz: u32) -> Onsets {
    let rate = f64::from(rate_hz);
    let hop = (rate / RATE_HZ).round().max(1.0) as usize;
    let size = ((rate * WINDOW_SECONDS) as usize).next_power_of_two();
    let highest = HIGHEST_HZ.min(rate * 0.48);
    let edges: Vec<usize> = (0..=BANDS)
        .map(|band| {
            let share = band as f64 / BANDS as f64;
            let mel = mel(LOWEST_HZ) + share * (mel(highest) - mel(LOWEST_HZ));
            (hz(mel) * size as f64 / rate).round() as usize
        })
        .collect();
    let low_bands = (0..BANDS)
        .take_while(|&band| (edges[band] as f64) * rate / (size as f64) < LOW_HZ)
        .count();
    let mut frames: Vec<[f32; BANDS]> = Vec::new();
    let mut peak = 1e-12f32;
    spectrum::each(samples, size, hop, |power| {
        let mut bands = [0.0; BANDS];
        for (band, sum) in bands.iter_mut().enumerate() {
            // Narrow bands at the bottom may share a bin.
            let last = edges[band + 1].max(edges[band] + 1).min(power.len());
            *sum = power[edges[band].min(last)..last].iter().sum();
            peak = peak.max(*sum);
        }
        frames.push(bands);
    });
    let gain = COMPRESSION / peak;
    for band in frames.iter_mut().flatten() {
        *band = (*band * gain).ln_1p();
    }
    let back = (RISE_SECONDS * rate / hop as f64).round().max(1.0) as usize;
    let flux = |bands: std::ops::Range<usize>| -> Vec<f32> {
        let count = bands.len().max(1) as f32;
        (0..frames.len())
            .map(|now| {
                let before = now.checked_sub(back).map(|before| &frames[before]);
                let rises = bands.clone().map(|band| {
                    (frames[now][band] - before.map_or(0.0, |before| before[band])).max(0.0)
                });
                rises.sum::<f32>() / count
            })
            .collect()
    };
    let (all, low) = (flux(0..BANDS), flux(0..low_bands.max(1)));
    let mut sorted = all.clone();
    let at = sorted.len() * 49 / 50;
    let (_, &mut sharpness, _) = sorted.select_nth_unstable_by(at, f32::total_cmp);
    Onsets {
        rate_hz: rate / hop as f64,
        all: above_mean(&all, rate / hop as f64),
        low: above_mean(&low, rate / hop as f64),
        sharpness,
        // From silence, the logarithm rises most when the window's last quarter reaches a sound.
        lead_seconds: size as f64 / 4.0 / rate + RISE_SECONDS / 2.0,
    }
}

/// The mel scale (O'Shaughnessy 1987).
pub(crate) fn mel(hz: f64) -> f64 {
    1127.0 * (hz / 700.0).ln_1p()
}

/// Undoes [`mel`].
pub(crate) fn hz(mel: f64) -> f64 {
    700.0 * (mel / 1127.0).exp_m1()
}

/// Smoothed a little, less the mean over half a second around, at least 0, and 1 at its peak.
fn above_mean(raw: &[f32], rate_hz: f64) -> Vec<f32> {
    let smooth = mean_around(raw, 1);
    let mean = mean_around(raw, (rate_hz * 0.25) as usize);
    let mut out: Vec<f32> = smooth
        .iter()
        .zip(&mean)
        .map(|(value, mean)| (value - mean).max(0.0))
        .collect();
    let peak = out.iter().fold(1e-9f32, |peak, x| peak.max(*x));
    for value in &mut out {
        *value /= peak;
    }
    out
}

/// The mean of the `reach` values before, the value and the `reach` after; outside is 0.
fn mean_around(values: &[f32], reach: usize) -> Vec<f32> {
    let mut sums = Vec::with_capacity(values.len() + 1);
    let mut sum = 0.0f64;
    sums.push(0.0);
    for &value in values {
        sum += f64::from(value);
        sums.push(sum);
    }
    let width = (2 * reach + 1) as f64;
    (0..values.len())
        .map(|at| {
            let (from, to) = (at.saturating_sub(reach), (at + reach + 1).min(values.len()));
            ((sums[to] - sums[from]) / width) as f32
        })
        .collect()
}
