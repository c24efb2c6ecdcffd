//! Another tempo at the same pitch, offline.
//!
//! Any thread but the audio thread. `timestretch` does the work: `benches/rivals/stretch` has it and
//! Signalsmith Stretch stretch the same drums and chords by up to 8 %. It kept attacks in place to
//! 0.13 ms (Signalsmith 0.43), with 50 dB less before them than after (30), and chords in tune to
//! 3 cents (12). The smallest corrections are done by resampling, which leaves every attack what it
//! is and moves the pitch by less than can be heard.

use audioadapter_buffers::direct::SequentialSliceOfVecs;
use rubato::audioadapter::Adapter;
use rubato::{
    Async, FixedAsync, Resampler, SincInterpolationParameters, SincInterpolationType,
    WindowFunction,
};
use timestretch::{Parameters, RatioConstraint, SessionConfig, TempoRate};

/// Up to this the pitch moves instead: 5 cents, what trained listeners just tell apart in
/// succession (Moore, "An Introduction to the Psychology of Hearing").
const MOST_REPITCH: f64 = 0.003;
/// The rates that the library takes.
const RATES_HZ: std::ops::RangeInclusive<u32> = 32_000..=192_000;

/// Why a clip can't be stretched; it is then kept as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CannotStretch;

/// Samples by channel (1 or 2, equal lengths) that last `ratio` times as long, at the same pitch
/// but for 5 cents.
///
/// # Errors
/// [`CannotStretch`] for rates, ratios or samples that the library refuses.
pub fn stretch(
    channels: &[Vec<f32>],
    rate_hz: u32,
    ratio: f64,
) -> Result<Vec<Vec<f32>>, CannotStretch> {
    let frames = channels.first().map_or(0, Vec::len);
    let wanted = (frames as f64 * ratio).round() as usize;
    let mut out = if ratio == 1.0 || frames == 0 {
        channels.to_vec()
    } else if (ratio - 1.0).abs() <= MOST_REPITCH {
        repitch(channels, ratio)?
    } else {
        keep_pitch(channels, rate_hz, ratio)?
    };
    for channel in &mut out {
        channel.resize(wanted, 0.0);
    }
    Ok(out)
}

fn repitch(channels: &[Vec<f32>], ratio: f64) -> Result<Vec<Vec<f32>>, CannotStretch> {
    let frames = channels[0].len();
    let quality = SincInterpolationParameters {
        sinc_len: 128,
        f_cutoff: None,
        interpolation: SincInterpolationType::Cubic,
        oversampling_factor: 128,
        window: WindowFunction::BlackmanHarris2,
    };
    let (count, chunk) = (channels.len(), 1024);
    let mut resampler =
        Async::<f32>::new_sinc(ratio, 1.0, &quality, chunk, count, FixedAsync::Input)
            .map_err(|_| CannotStretch)?;
    let input = SequentialSliceOfVecs::new(channels, count, frames).map_err(|_| CannotStretch)?;
    let output = resampler
        .process_all(&input, frames, None)
        .map_err(|_| CannotStretch)?;
    let sample = |channel, frame| output.read_sample(channel, frame).unwrap_or(0.0);
    let channel = |channel| {
        (0..output.frames())
            .map(|frame| sample(channel, frame))
            .collect()
    };
    Ok((0..count).map(channel).collect())
}

fn keep_pitch(
    channels: &[Vec<f32>],
    rate_hz: u32,
    ratio: f64,
) -> Result<Vec<Vec<f32>>, CannotStretch> {
    if !RATES_HZ.contains(&rate_hz) {
        return Err(CannotStretch);
    }
    let (frames, count) = (channels[0].len(), channels.len());
    let interleaved: Vec<f32> = (0..frames)
        .flat_map(|frame| channels.iter().map(move |channel| channel[frame]))
        .collect();
    let tempo = TempoRate::new(1.0 / ratio).map_err(|_| CannotStretch)?;
    let config = SessionConfig {
        source_sample_rate: rate_hz,
        output_sample_rate: rate_hz,
        channels: count,
        parameters: Parameters {
            // The length is what a loop must have; the pitch gives way by a cent or two.
            constraint: RatioConstraint::PreserveDuration,
            ..Parameters::keylock(tempo)
        },
        // One way of computing on all machines.
        backend: timestretch::Backend::Portable,
        ..SessionConfig::default()
    };
    let audio = timestretch::render(&interleaved, config).map_err(|_| CannotStretch)?;
    let channel = |channel| audio.samples.iter().copied().skip(channel).step_by(count);
    Ok((0..count).map(|index| channel(index).collect()).collect())
}
