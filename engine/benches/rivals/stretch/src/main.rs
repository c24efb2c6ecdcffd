//! Which library stretches drums and chords better: `timestretch` or Signalsmith Stretch.
//!
//! `cargo run --release` in this folder; one table on standard output. The drums are kicks, snares
//! and hats at known times; every measure is a mean over their attacks:
//! rise (5 to 80 % of the peak power), power in the 25 ms before an attack against the 30 ms after
//! it, and how far the attack is from its place. The chords are seven notes of four partials:
//! how far a low and a high one are off, in cents, and the power that is in no partial.

use std::f64::consts::TAU;
use std::time::Instant;

const RATE_HZ: u32 = 32_000;
const RATIOS: [f64; 10] = [0.5, 0.67, 0.8, 0.93, 0.97, 1.03, 1.08, 1.25, 1.5, 2.0];
const NOTES_HZ: [f64; 7] = [110.0, 220.0, 261.63, 329.63, 440.0, 523.25, 659.26];
const PARTIALS: usize = 4;
/// Power is looked at in parts of so many samples, half a millisecond.
const PART: usize = 16;

fn main() {
    let (drums, hits) = drums(120.0, 8.0);
    let chords = chords(6.0);
    println!(
        "ratio  library                rise ms  before dB  off ms | 220 Hz  659 Hz cents  rest dB | s"
    );
    for ratio in RATIOS {
        let places: Vec<f64> = hits.iter().map(|at| at * ratio).collect();
        for (name, stretch) in LIBRARIES {
            let start = Instant::now();
            let stretched = stretch(&drums, ratio);
            let seconds = start.elapsed().as_secs_f64();
            let (rise, before, off) = attacks(&stretched, &places);
            let stretched = stretch(&chords, ratio);
            let (low, high) = (cents(&stretched, 220.0), cents(&stretched, 659.26));
            println!(
                "{ratio:<6} {name:<22} {rise:>7.2} {before:>10.1} {off:>7.2} | {low:>6.1} {high:>7.1} \
                 {rest:>14.1} | {seconds:.2}",
                rest = rest_db(&stretched),
            );
        }
    }
    let (rise, before, off) = attacks(&drums, &hits);
    println!("1      as played              {rise:>7.2} {before:>10.1} {off:>7.2}");
}

type Stretch = fn(&[f32], f64) -> Vec<f32>;
const LIBRARIES: [(&str, Stretch); 3] = [
    ("timestretch", timestretch),
    ("signalsmith", |samples, ratio| {
        signalsmith(samples, ratio, None)
    }),
    ("signalsmith, 32 ms", |samples, ratio| {
        signalsmith(samples, ratio, Some((1024, 256)))
    }),
];

fn timestretch(samples: &[f32], ratio: f64) -> Vec<f32> {
    use timestretch::{Parameters, RatioConstraint, SessionConfig, TempoRate};
    let tempo = TempoRate::new(1.0 / ratio).expect("a ratio near 1");
    let config = SessionConfig {
        source_sample_rate: RATE_HZ,
        output_sample_rate: RATE_HZ,
        channels: 1,
        parameters: Parameters {
            constraint: RatioConstraint::PreserveDuration,
            ..Parameters::keylock(tempo)
        },
        ..SessionConfig::default()
    };
    timestretch::render(samples, config)
        .expect("ordinary samples")
        .samples
}

fn signalsmith(samples: &[f32], ratio: f64, block: Option<(i32, i32)>) -> Vec<f32> {
    let mut stretch = ssstretch::Stretch::with_seed(1);
    match block {
        Some((block, interval)) => stretch.configure(1, block, interval),
        None => stretch.preset_default(1, RATE_HZ as f32),
    }
    let wanted = (samples.len() as f64 * ratio).round() as usize;
    let lead_in = stretch.input_latency() as usize;
    let lead_out = stretch.output_latency() as usize;
    let total = wanted + lead_out;
    let mut input = samples.to_vec();
    input.resize(lead_in + (total as f64 / ratio).round() as usize, 0.0);
    let body = input.split_off(lead_in);
    stretch.seek_vec(&[input], lead_in as i32, 1.0 / ratio);
    let mut output = vec![vec![0.0; total]];
    stretch.process_vec(
        &[body.clone()],
        body.len() as i32,
        &mut output,
        total as i32,
    );
    output[0].split_off(lead_out)
}

/// Eighths of kick, hat, snare, hat, and when they begin, in seconds.
fn drums(tempo_bpm: f64, seconds: f64) -> (Vec<f32>, Vec<f64>) {
    let mut samples = vec![0.0f32; (seconds * f64::from(RATE_HZ)) as usize];
    let mut state = 7u64;
    let mut noise = move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 40) as f64 / f64::from(1 << 23) - 1.0
    };
    let step = 30.0 / tempo_bpm;
    let count = ((seconds - 0.3) / step) as usize;
    let hits: Vec<f64> = (0..count).map(|hit| 0.1 + hit as f64 * step).collect();
    for (index, hit) in hits.iter().enumerate() {
        let start = (hit * f64::from(RATE_HZ)).round() as usize;
        let length = (0.18 * f64::from(RATE_HZ)) as usize;
        for (n, sample) in samples[start..start + length].iter_mut().enumerate() {
            let t = n as f64 / f64::from(RATE_HZ);
            let sound = match index % 4 {
                0 => {
                    0.8 * (TAU * (50.0 * t + 5.0 * (1.0 - (-30.0 * t).exp()))).sin()
                        * (-18.0 * t).exp()
                }
                2 => {
                    0.5 * noise() * (-25.0 * t).exp()
                        + 0.3 * (TAU * 190.0 * t).sin() * (-20.0 * t).exp()
                }
                _ => 0.35 * noise() * (-70.0 * t).exp(),
            };
            *sample += sound as f32;
        }
    }
    (samples, hits)
}

fn chords(seconds: f64) -> Vec<f32> {
    let sample = |n: usize| {
        let t = n as f64 / f64::from(RATE_HZ);
        let note = |(index, hz): (usize, &f64)| -> f64 {
            let partial =
                |p: usize| (TAU * hz * p as f64 * t + index as f64).sin() / (p * p) as f64;
            (1..=PARTIALS).map(partial).sum()
        };
        (0.06 * NOTES_HZ.iter().enumerate().map(note).sum::<f64>()) as f32
    };
    (0..(seconds * f64::from(RATE_HZ)) as usize)
        .map(sample)
        .collect()
}

/// Means over the hits: rise in ms, power before against after in dB, distance in ms.
fn attacks(samples: &[f32], places: &[f64]) -> (f64, f64, f64) {
    let power: Vec<f64> = samples
        .chunks(PART)
        .map(|part| part.iter().map(|x| f64::from(x * x)).sum())
        .collect();
    let rate = f64::from(RATE_HZ) / PART as f64;
    let (mut rise, mut before, mut off) = (0.0, 0.0, 0.0);
    for place in places {
        let at = (place * rate) as usize;
        let from = at - (0.025 * rate) as usize;
        let to = (at + (0.03 * rate) as usize).min(power.len());
        let peak = power[from..to].iter().copied().fold(0.0, f64::max);
        let reaches = |share: f64| (from..to).find(|&i| power[i] > share * peak).unwrap_or(to);
        let sum = |range: std::ops::Range<usize>| power[range].iter().sum::<f64>();
        rise += (reaches(0.8) - reaches(0.05)) as f64 / rate * 1e3;
        before += 10.0
            * (sum(from..at - (0.002 * rate) as usize) / sum(at..to))
                .max(1e-9)
                .log10();
        off += (reaches(0.05) as f64 / rate - place).abs() * 1e3;
    }
    let count = places.len() as f64;
    (rise / count, before / count, off / count)
}

/// How far the tone near `hz` is off, by the peak of its spectrum over the middle half.
fn cents(samples: &[f32], hz: f64) -> f64 {
    let part = &samples[samples.len() / 4..samples.len() * 3 / 4];
    let power = |hz: f64| {
        let (mut sine, mut cosine) = (0.0, 0.0);
        for (n, x) in part.iter().enumerate() {
            let window = 0.5 - 0.5 * (TAU * n as f64 / part.len() as f64).cos();
            let (s, c) = (TAU * hz * n as f64 / f64::from(RATE_HZ)).sin_cos();
            sine += window * f64::from(*x) * s;
            cosine += window * f64::from(*x) * c;
        }
        sine * sine + cosine * cosine
    };
    (-60..=60)
        .map(|step| f64::from(step) * 0.5)
        .max_by(|a, b| {
            let at = |cents: f64| power(hz * (cents / 1200.0).exp2());
            at(*a).total_cmp(&at(*b))
        })
        .unwrap_or(0.0)
}

/// Power that is left when all partials are taken out, in quarters of a second, in dB of the whole.
fn rest_db(samples: &[f32]) -> f64 {
    let mut partials: Vec<f64> = NOTES_HZ
        .iter()
        .flat_map(|hz| (1..=PARTIALS).map(move |p| hz * p as f64))
        .collect();
    partials.sort_by(f64::total_cmp);
    partials.dedup_by(|a, b| (*a - *b).abs() < 1.5);
    let size = RATE_HZ as usize / 4;
    let (mut rest, mut whole) = (0.0, 0.0);
    for part in samples[size..samples.len() - size].chunks_exact(size) {
        let mut left: Vec<f64> = part.iter().map(|x| f64::from(*x)).collect();
        whole += left.iter().map(|x| x * x).sum::<f64>();
        // Again and again, since partials are not quite orthogonal over a quarter of a second.
        for _ in 0..30 {
            for hz in &partials {
                let wave = |n: usize| (TAU * hz * n as f64 / f64::from(RATE_HZ)).sin_cos();
                let (mut sine, mut cosine) = (0.0, 0.0);
                for (n, x) in left.iter().enumerate() {
                    sine += x * wave(n).0;
                    cosine += x * wave(n).1;
                }
                let scale = 2.0 / size as f64;
                for (n, x) in left.iter_mut().enumerate() {
                    *x -= scale * (sine * wave(n).0 + cosine * wave(n).1);
                }
            }
        }
        rest += left.iter().map(|x| x * x).sum::<f64>();
    }
    10.0 * (rest / whole).log10()
}
