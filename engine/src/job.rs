//! One job: from a request and a model to a clip, step by step.
//!
//! Worker thread, inside its pool. Asks before every step whether to go on.

use std::time::Instant;

use crate::codec::DecodeStream;
use crate::error::EngineError;
use crate::event::{AudioChunk, Clip, ClipFacts, EngineEvent};
use crate::model::Model;
use crate::request::{GenerateRequest, Length};

/// How a job ended that did not fail.
pub(crate) enum Ended {
    Finished(Box<Clip>),
    Cancelled,
}

/// Ramps at the ends of a loop, so that its join does not click where the model left the
/// wave above zero. The head's is short: it must not soften the downbeat.
const RAMP_IN_SECONDS: f64 = 0.001;
const RAMP_OUT_SECONDS: f64 = 0.005;

/// Makes the clip.
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
    let codec = model.codec();
    let rate_hz = codec.rate_hz();
    let channels = model.channels();
    let total_frames = request.length.frames(rate_hz);
    let limit_seconds =
        (model.limit_frames() * codec.samples_per_frame()) as f64 / f64::from(rate_hz);
    if total_frames as f64 > limit_seconds * f64::from(rate_hz) {
        return Err(EngineError::TooLong {
            seconds: request.length.seconds(),
            limit: limit_seconds,
        });
    }
    let start = Instant::now();
    let codec_frames = (total_frames as usize).div_ceil(codec.samples_per_frame());
    let mut generation = model.generate(
        &request.prompt,
        codec_frames,
        &request.sampling,
        request.seed,
    )?;
    let steps = generation.steps();
    send(EngineEvent::Started {
        steps,
        frames: total_frames,
        rate_hz,
        channels,
    });

    let mut sink = Sink::new(request, rate_hz, channels, total_frames);
    let mut streams: Vec<DecodeStream<'_>> = (0..channels).map(|_| codec.stream()).collect();
    let mut codes = vec![Vec::with_capacity(codec_frames); codec.codebooks() * channels];
    for step in 1..=steps {
        if cancelled() {
            return Ok(Ended::Cancelled);
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
                stream.push(&tokens, &mut sink.settled[channel]);
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
        stream.finish(&mut sink.settled[channel]);
    }
    sink.flush(send);
    let facts = facts(model, request, steps, start.elapsed().as_secs_f64());
    let frame_rate_hz = f64::from(rate_hz) / codec.samples_per_frame() as f64;
    Ok(Ended::Finished(Box::new(Clip {
        rate_hz,
        channels: sink.done,
        codes,
        frame_rate_hz,
        facts,
    })))
}

/// Cuts the codec's stream to the length of the clip, ramps its ends, and hands it on.
struct Sink {
    /// From the codec and not yet handed on, by channel.
    settled: Vec<Vec<f32>>,
    /// Handed on, by channel: the clip.
    done: Vec<Vec<f32>>,
    total_frames: usize,
    ramp_in_frames: usize,
    ramp_out_frames: usize,
}

impl Sink {
    fn new(request: &GenerateRequest, rate_hz: u32, channels: usize, total_frames: u64) -> Self {
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
            settled: vec![Vec::new(); channels],
            done: vec![Vec::with_capacity(total_frames as usize); channels],
            total_frames: total_frames as usize,
            ramp_in_frames: frames(RAMP_IN_SECONDS),
            ramp_out_frames: frames(RAMP_OUT_SECONDS),
        }
    }

    fn flush(&mut self, send: &dyn Fn(EngineEvent)) {
        let start = self.done[0].len();
        let room = self.total_frames - start;
        let channels: Vec<Vec<f32>> = self
            .settled
            .iter_mut()
            .map(|settled| cut(settled, room))
            .collect();
        if channels[0].is_empty() {
            return;
        }
        let mut chunk = AudioChunk {
            start_frame: start as u64,
            channels,
        };
        for (channel, done) in chunk.channels.iter_mut().zip(&mut self.done) {
            for (offset, sample) in channel.iter_mut().enumerate() {
                let frame = start + offset;
                *sample *= ramp(frame, self.ramp_in_frames)
                    * ramp(self.total_frames - 1 - frame, self.ramp_out_frames);
            }
            done.extend_from_slice(channel);
        }
        send(EngineEvent::Audio(chunk));
    }
}

/// Takes all samples out; those beyond the clip's end are dropped.
fn cut(settled: &mut Vec<f32>, room: usize) -> Vec<f32> {
    let mut taken = std::mem::take(settled);
    taken.truncate(room);
    taken
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
        key: request.key.clone(),
        steps,
        // To the microsecond: a number of so few digits is the same after it was written as
        // JSON and read again, which the 17 digits of a sum of seconds and nanoseconds are not.
        generate_seconds: (seconds * 1e6).round() / 1e6,
        version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}
