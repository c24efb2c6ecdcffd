//! Another tempo at the same pitch, offline.
//!
//! Any thread but the audio thread. `timestretch` does the work: `benches/rivals/stretch` has it and
//! Signalsmith Stretch stretch the same drums and chords by up to 8 %. It kept attacks in place to
//! 0.13 ms (Signalsmith 0.43), with 50 dB less before them than after (30), and chords in tune to
//! 3 cents (12). Its factors come in steps of 0.2 %, which was those 3 cents; going to and fro between
//! the two nearest steps the pitch is exact, and no moment is further than 12 samples from its place.
//! The smallest corrections are done by resampling, which leaves every attack what it is and moves
//! the pitch by less than can be heard.

use audioadapter_buffers::direct::SequentialSliceOfVecs;
use rubato::audioadapter::Adapter;
use rubato::{
    Async, FixedAsync, Resampler, SincInterpolationParameters, SincInterpolationType,
    WindowFunction,
};
use timestretch::{
    Parameters, PreparedSession, ProcessStatus, SessionConfig, SourceAccess, StreamSession,
    TempoRate,
};

/// Up to this the pitch moves instead: 5 cents, what trained listeners just tell apart in
/// succession (Moore, "An Introduction to the Psychology of Hearing").
const MOST_REPITCH: f64 = 0.003;
/// The same for a loop that is to keep its pitch at another tempo: 0.9 cents.
const LEAST_FOLLOW: f64 = 0.0005;
/// Seconds of a loop that is played at another tempo for one of its own. From 0.67 to 1.5 the drums
/// of `benches/rivals/stretch` have 44 dB less before their attacks than after, and chords are as clean
/// as at 8 % (21 dB between the notes and the rest); at 2 it is 43 and 20 dB. Songs change their tempo by
/// less, and one that goes to half time is not to have its loops drawn out.
const PLAYABLE: std::ops::RangeInclusive<f64> = 0.66..=1.51;
/// The library puts a moment that lies so long after the beginning of an attack where it belongs, and
/// leaves what is between them as long as it is. So attacks come late by this in a loop of double
/// length: by 1.23 ms in that bench, by 0.62 at 1.5.
const ATTACK_LAG_SECONDS: f64 = 0.00125;
/// Steps of the library's factors are nearer than this to one another, and further than that.
const STEP_SEARCH: f64 = 0.0004;
const MOST_STEPS: usize = 32;
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
        resampled(channels, ratio)?
    } else {
        keep_pitch(channels, rate_hz, ratio)?
    };
    for channel in &mut out {
        channel.resize(wanted, 0.0);
    }
    Ok(out)
}

/// Samples that last `ratio` times as long, played slower.
///
/// # Errors
/// [`CannotStretch`] for ratios or samples that the library refuses.
pub(super) fn resampled(channels: &[Vec<f32>], ratio: f64) -> Result<Vec<Vec<f32>>, CannotStretch> {
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

/// Whether a loop that was made at one tempo still sounds fair at another with its pitch kept.
#[must_use]
pub fn can_follow(made_bpm: f64, tempo_bpm: f64) -> bool {
    PLAYABLE.contains(&(made_bpm / tempo_bpm))
}

/// As [`stretch`] by `correction`, and then `follow` times as long without another pitch. Both in one
/// stretch where they can be. A rate that the library refuses is repitched, as the player does it.
///
/// # Errors
/// [`CannotStretch`] for rates or samples that both libraries refuse, and for rates that can't be
/// corrected when there is nothing to follow.
pub(super) fn to_tempo(
    channels: &[Vec<f32>],
    rate_hz: u32,
    correction: f64,
    follow: f64,
) -> Result<Vec<Vec<f32>>, CannotStretch> {
    if follow == 1.0 {
        return stretch(channels, rate_hz, correction);
    }
    let frames = channels.first().map_or(0, Vec::len);
    let wanted = (frames as f64 * correction * follow).round() as usize;
    let mut out = if frames == 0 {
        channels.to_vec()
    } else if (correction - 1.0).abs() <= MOST_REPITCH {
        // At the pitch that the loop has at its own tempo.
        let own = stretch(channels, rate_hz, correction)?;
        if (follow - 1.0).abs() <= LEAST_FOLLOW || !RATES_HZ.contains(&rate_hz) {
            resampled(&own, follow)?
        } else {
            keep_pitch(&own, rate_hz, follow)?
        }
    } else {
        keep_pitch(channels, rate_hz, correction * follow)?
    };
    for channel in &mut out {
        channel.resize(wanted, 0.0);
    }
    Ok(out)
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
    let [under, over] = nearest(ratio, rate_hz, count)?;
    let mut session = session(under.0, rate_hz, count, Some(frames as u64))?;
    let mut samples = Vec::with_capacity((frames as f64 * ratio) as usize * count + count);
    let mut block = vec![0.0; 1024 * count];
    // Frames in and out up to the last change of the factor, and the factor since.
    let (mut taken, mut made, mut factor) = (0.0, 0, under.1);
    let mut changes = 0;
    while !session.finished() {
        match session.advance(4).status {
            ProcessStatus::Fault => return Err(CannotStretch),
            ProcessStatus::NeedSource => {
                let request = session.source_request().ok_or(CannotStretch)?;
                let start = (request.start_frame as usize * count).min(interleaved.len());
                let end = (start + request.frames * count).min(interleaved.len());
                let given = if start == end {
                    session.finish_input()
                } else {
                    session
                        .supply(request, &interleaved[start..end])
                        .map(|_| ())
                };
                given.map_err(|_| CannotStretch)?;
            }
            _ => {}
        }
        while let Some(applied) = session.next_applied() {
            taken += (applied.applied_at - made) as f64 / factor;
            (made, factor) = (applied.applied_at, applied.achieved_stretch);
        }
        let now = session.commit_horizon();
        if now > made {
            let behind = now as f64 / ratio > taken + (now - made) as f64 / factor;
            let next = if behind { under.0 } else { over.0 };
            changes += 1;
            session
                .schedule(changes, now, next)
                .map_err(|_| CannotStretch)?;
        }
        let stamp = session.read_output(&mut block).map_err(|_| CannotStretch)?;
        samples.extend_from_slice(&block[..stamp.frames * count]);
        let receipt = stamp.consumed(stamp.frames).map_err(|_| CannotStretch)?;
        session.acknowledge(receipt).map_err(|_| CannotStretch)?;
    }
    let late = (ATTACK_LAG_SECONDS * f64::from(rate_hz) * (ratio - 1.0)).round();
    let (skipped, silent) = (late.max(0.0) as usize, (-late).max(0.0) as usize);
    let channel = |channel| {
        let own = samples.iter().copied().skip(channel).step_by(count);
        std::iter::repeat_n(0.0, silent).chain(own.skip(skipped))
    };
    Ok((0..count).map(|index| channel(index).collect()).collect())
}

/// The library's steps at or under a factor and over it: what to ask for, and the factor that it is.
fn nearest(
    ratio: f64,
    rate_hz: u32,
    count: usize,
) -> Result<[(Parameters, f64); 2], CannotStretch> {
    let step = |ratio: f64| {
        let tempo = TempoRate::new(1.0 / ratio).map_err(|_| CannotStretch)?;
        // The pitch as it is; the duration gives way.
        let asked = Parameters::keylock(tempo);
        let session = session(asked, rate_hz, count, None)?;
        Ok((asked, session.applied_parameters().achieved_stretch))
    };
    let under = step(ratio)?;
    for ahead in 1..=MOST_STEPS {
        let over = step(ratio * (1.0 + STEP_SEARCH * ahead as f64))?;
        if over.1 > under.1 {
            return Ok([under, over]);
        }
    }
    Err(CannotStretch)
}

fn session(
    parameters: Parameters,
    rate_hz: u32,
    channels: usize,
    source_frames: Option<u64>,
) -> Result<StreamSession, CannotStretch> {
    let config = SessionConfig {
        source_sample_rate: rate_hz,
        output_sample_rate: rate_hz,
        channels,
        parameters,
        source_frames,
        source_access: SourceAccess::Seekable,
        // One way of computing on all machines.
        backend: timestretch::Backend::Portable,
        ..SessionConfig::default()
    };
    let prepared = PreparedSession::new(config).map_err(|_| CannotStretch)?;
    Ok(prepared.activate())
}
