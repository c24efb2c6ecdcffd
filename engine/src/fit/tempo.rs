//! How fast: a comb over the onsets' autocorrelation.
//!
//! Any thread but the audio thread. A tempo is as good as the onsets repeat after one, two, … beats
//! of it (Scheirer 1998, by autocorrelation as in Ellis 2007). The tempo asked for adds a wide
//! bump on the logarithmic scale, enough to choose among multiples and no more.

use realfft::RealFftPlanner;

use super::onset::Onsets;

const SLOWEST_BPM: f64 = 40.0;
const FASTEST_BPM: f64 = 240.0;
/// Ratio of one candidate to the next.
const STEP: f64 = 1.001;
/// Beats over which the comb reaches.
const TEETH: usize = 16;
/// Where nothing is asked for, people's preferred tempo (Parncutt 1994).
const PREFERRED_BPM: f64 = 115.0;
const PRIOR_WEIGHT: f64 = 0.12;
/// A tempo that was asked for is worth more: many patterns repeat best after two beats.
const ASKED_WEIGHT: f64 = 0.4;
const PRIOR_OCTAVES: f64 = 0.5;

/// The likeliest tempo and how well it repeats, from 0 to 1; no repetition at all is none.
pub(super) fn find(onsets: &Onsets, asked_bpm: Option<f64>) -> Option<(f64, f64)> {
    let repeats = autocorrelation(&onsets.all)?;
    let last = repeats.len() as f64 * 0.8;
    let (centre, weight) = match asked_bpm {
        Some(asked) => (asked, ASKED_WEIGHT),
        None => (PREFERRED_BPM, PRIOR_WEIGHT),
    };
    let count = ((FASTEST_BPM / SLOWEST_BPM).ln() / STEP.ln()) as usize;
    let comb = |bpm: f64| -> Option<f64> {
        let lag = 60.0 / bpm * onsets.rate_hz;
        let teeth: Vec<f64> = (1..=TEETH)
            .map(|tooth| tooth as f64 * lag)
            .take_while(|&at| at < last)
            .map(|at| interpolate(&repeats, at))
            .collect();
        (!teeth.is_empty()).then(|| teeth.iter().sum::<f64>() / teeth.len() as f64)
    };
    let mut best: Option<(f64, f64, f64)> = None;
    for step in 0..=count {
        let bpm = SLOWEST_BPM * STEP.powi(step as i32);
        let Some(score) = comb(bpm) else { continue };
        let octaves = (bpm / centre).log2() / PRIOR_OCTAVES;
        let total = score + weight * (-0.5 * octaves * octaves).exp();
        if best.is_none_or(|(_, _, most)| total > most) {
            best = Some((bpm, score, total));
        }
    }
    best.map(|(bpm, score, _)| (bpm, score.clamp(0.0, 1.0)))
}

/// Autocorrelation of the onsets about their mean, 1 at lag 0, each lag by its own overlap.
fn autocorrelation(values: &[f32]) -> Option<Vec<f64>> {
    let count = values.len();
    let mean = values.iter().map(|&x| f64::from(x)).sum::<f64>() / count.max(1) as f64;
    let size = (2 * count).next_power_of_two();
    let mut planner = RealFftPlanner::<f64>::new();
    let (forward, back) = (
        planner.plan_fft_forward(size),
        planner.plan_fft_inverse(size),
    );
    let (mut time, mut bins) = (forward.make_input_vec(), forward.make_output_vec());
    for (slot, &value) in time.iter_mut().zip(values) {
        *slot = f64::from(value) - mean;
    }
    forward.process(&mut time, &mut bins).ok()?;
    for bin in &mut bins {
        *bin = (bin.norm_sqr()).into();
    }
    back.process(&mut bins, &mut time).ok()?;
    // A little more than the overlap: the last lags rest on few values.
    let bias = count as f64 * 0.02;
    let whole = time[0] / (count as f64 + bias);
    (whole > 0.0).then(|| {
        (0..count)
            .map(|lag| time[lag] / ((count - lag) as f64 + bias) / whole)
            .collect()
    })
}

/// Linear interpolation; 0 outside.
pub(super) fn interpolate<T: Copy + Into<f64>>(values: &[T], at: f64) -> f64 {
    if at < 0.0 {
        return 0.0;
    }
    let low = at as usize;
    let value = |index: usize| values.get(index).map_or(0.0, |&value| value.into());
    value(low) + (at - low as f64) * (value(low + 1) - value(low))
}
