//! One job: from a request and a model to a clip, step by step.
//!
//! Worker thread, inside its pool. Asks before every step whether to go on.

use std::time::Instant;

use crate::codec::DecodeStream;
use crate::error::EngineError;
use crate::event::{AudioChunk, Clip, ClipFacts, EngineEvent};
use crate::fit::{self, Target};
use crate::model::Model;
use crate::request::{GenerateRequest, Length};

/// How a job ended that did not fail.
pub(crate) enum Ended {
    Finished(Box<Clip>),
    Cancelled,
}

/// Ramps at the ends of a loop that is heard before it is fitted, so that its join does not click
/// where the model left the wave above zero. The head's is short: it must not soften the downbeat.
const RAMP_IN_SECONDS: f64 = 0.001;
const RAMP_OUT_SECONDS: f64 = 0.005;

/// Makes the clip, and makes it again where that was asked for and is worth it.
pub(crate) fn run(
    model: &Model,
    request: &GenerateRequest,
    cancelled: &dyn Fn() -> bool,
    send: &dyn Fn(EngineEvent),
) -> Result<Ended, EngineError> {
    if let Some(wanted) = &request.model_sha256
        && wanted != model.sha256()
    {
        return Err(EngineError::OtherModel {
            wanted: wanted.clone(),
            here: model.sha256().to_owned(),
        });
    }
    let mut best: Option<Clip> = None;
    let reroll = request.fit.and_then(|fit| fit.reroll);
    for attempt in 0..=reroll.map_or(0, |reroll| reroll.at_most) {
        let seed = request.seed.wrapping_add(u64::from(attempt));
        let clip = match take(model, request, seed, cancelled, send) {
            Ok(Some(clip)) => clip,
            // Whoever stops a re-roll, and whatever goes wrong in it, what there is is kept.
            Ok(None) => break,
            Err(_) if best.is_some() => break,
            Err(error) => return Err(error),
        };
        let good = match (score(&clip), reroll) {
            (Some(score), Some(reroll)) => score >= reroll.below_score,
            _ => true,
        };
        if best.as_ref().is_none_or(|best| score(&clip) > score(best)) {
            best = Some(clip);
        }
        if good {
            break;
        }
    }
    Ok(best.map_or(Ended::Cancelled, |clip| Ended::Finished(Box::new(clip))))
}

fn score(clip: &Clip) -> Option<u8> {
    clip.facts.fitted.as_ref().map(|fitted| fitted.score.total)
}

/// Makes one clip; `None` when it was cancelled.
fn take(
    model: &Model,
    request: &GenerateRequest,
    seed: u64,
    cancelled: &dyn Fn() -> bool,
    send: &dyn Fn(EngineEvent),
) -> Result<Option<Clip>, EngineError> {
    let codec = model.codec();
    let rate_hz = codec.rate_hz();
    let channels = model.channels();
    let total_frames = request.length.frames(rate_hz);
    let limit_frames = (model.limit_frames() * codec.samples_per_frame()) as u64;
    if total_frames > limit_frames {
        return Err(EngineError::TooLong {
            seconds: request.length.seconds(),
            limit: limit_frames as f64 / f64::from(rate_hz),
        });
    }
    let start = Instant::now();
    let target = Target::of(request.length, request.fit);
    // A little more than the bars, to choose from and to join with, as far as the model goes.
    let raw_frames = target.map_or(total_frames, |target| {
        let spare = f64::from(target.spare_beats()) * 60.0 / target.tempo_bpm;
        (total_frames + (spare * f64::from(rate_hz)) as u64).min(limit_frames)
    });
    let codec_frames = (raw_frames as usize).div_ceil(codec.samples_per_frame());
    let mut generation = model.generate(&request.prompt, codec_frames, &request.sampling, seed)?;
    let steps = generation.steps();
    send(EngineEvent::Started {
        steps,
        frames: total_frames,
        rate_hz,
        channels,
    });

    let mut sink = Sink::new(request, rate_hz, channels, total_frames, raw_frames);
    let mut streams: Vec<DecodeStream<'_>> = (0..channels).map(|_| codec.stream()).collect();
    let mut codes = vec![Vec::with_capacity(codec_frames); codec.codebooks() * channels];
    for step in 1..=steps {
        if cancelled() {
            return Ok(None);
        }
        if let Some(frame) = generation.step()? {
            for (book, &token) in codes.iter_mut().zip(&frame) {
                book.push(token);
            }
            for (channel, stream) in streams.iter_mut().enumerate() {
                // The stereo layout interleaves its codebooks: L0 R0 L1 R1 …
                let tokens: Vec<u32> = frame
                    .iter()
                    .skip(channel)
                    .step_by(channels)
                    .copied()
                    .collect();
                stream.push(&tokens, &mut sink.raw[channel]);
            }
            sink.flush(send);
        }
        let steps_per_second = step as f32 / start.elapsed().as_secs_f32();
        send(EngineEvent::Progress {
            step,
            steps,
            steps_per_second,
        });
    }
    for (channel, stream) in streams.into_iter().enumerate() {
        stream.finish(&mut sink.raw[channel]);
    }
    sink.flush(send);
    let (channels, raw, fitted) = match &target {
        Some(target) => {
            let mut raw = sink.whole();
            fit::raw::round(&mut raw);
            let Some((channels, fitted)) = fit::into_bars_unless(&raw, rate_hz, target, cancelled)
            else {
                return Ok(None);
            };
            (channels, Some(raw), Some(fitted))
        }
        None => (sink.clip(), None, None),
    };
    let mut facts = facts(model, request, steps, start.elapsed().as_secs_f64());
    if let Some(target) = &target {
        facts = facts.played_at(target.played_bpm());
    }
    let frame_rate_hz = f64::from(rate_hz) / codec.samples_per_frame() as f64;
    Ok(Some(Clip {
        rate_hz,
        channels,
        codes,
        frame_rate_hz,
        raw,
        facts: ClipFacts {
            seed,
            fitted,
            ..facts
        },
    }))
}

/// Takes the codec's stream and hands it on, cut to the length of the clip, its ends ramped.
struct Sink {
    /// From the codec, by channel.
    raw: Vec<Vec<f32>>,
    /// Of those, handed on.
    sent_frames: usize,
    total_frames: usize,
    raw_frames: usize,
    ramp_in_frames: usize,
    ramp_out_frames: usize,
}

impl Sink {
    fn new(
        request: &GenerateRequest,
        rate_hz: u32,
        channels: usize,
        total_frames: u64,
        raw_frames: u64,
    ) -> Self {
        // A clip without bars is no loop: its samples stay as the codec made them.
        let looped = matches!(request.length, Length::Bars { .. });
        let frames = |seconds: f64| {
            if looped {
                (seconds * f64::from(rate_hz)) as usize
            } else {
                0
            }
        };
        Self {
            raw: vec![Vec::with_capacity(raw_frames as usize); channels],
            sent_frames: 0,
            total_frames: total_frames as usize,
            raw_frames: raw_frames as usize,
            ramp_in_frames: frames(RAMP_IN_SECONDS),
            ramp_out_frames: frames(RAMP_OUT_SECONDS),
        }
    }

    fn flush(&mut self, send: &dyn Fn(EngineEvent)) {
        let start = self.sent_frames;
        let end = self.raw[0].len().min(self.total_frames);
        if start >= end {
            return;
        }
        self.sent_frames = end;
        send(EngineEvent::Audio(AudioChunk {
            start_frame: start as u64,
            channels: self.ramped(start..end),
        }));
    }

    /// A part of the clip with its ramps.
    fn ramped(&self, part: std::ops::Range<usize>) -> Vec<Vec<f32>> {
        let gain = |frame: usize| {
            ramp(frame, self.ramp_in_frames)
                * ramp(self.total_frames - 1 - frame, self.ramp_out_frames)
        };
        let channel = |raw: &Vec<f32>| part.clone().map(|frame| raw[frame] * gain(frame)).collect();
        self.raw.iter().map(channel).collect()
    }

    /// The clip: what was handed on, joined.
    fn clip(&self) -> Vec<Vec<f32>> {
        self.ramped(0..self.sent_frames)
    }

    /// All that was made, as it was made.
    fn whole(mut self) -> Vec<Vec<f32>> {
        for raw in &mut self.raw {
            raw.truncate(self.raw_frames);
        }
        self.raw
    }
}

/// Gain at `distance` frames from an end with a ramp of `frames`.
fn ramp(distance: usize, frames: usize) -> f32 {
    if distance >= frames {
        1.0
    } else {
        distance as f32 / frames as f32
    }
}

fn facts(model: &Model, request: &GenerateRequest, steps: u32, seconds: f64) -> ClipFacts {
    ClipFacts {
        prompt: request.prompt.clone(),
        model: model.name().to_owned(),
        model_sha256: model.sha256().to_owned(),
        rights: model.rights().to_owned(),
        seed: request.seed,
        sampling: request.sampling,
        length: request.length,
        made_at_bpm: None,
        key: request.key.clone(),
        fitted: None,
        steps,
        // To the microsecond: a number of so few digits is the same after it was written as
        // JSON and read again, which the 17 digits of a sum of seconds and nanoseconds are not.
        generate_seconds: (seconds * 1e6).round() / 1e6,
        version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}
