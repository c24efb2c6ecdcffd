//! Jobs: from requests and a model to clips, step by step, several alike at once.
//!
//! Worker thread, inside its pool. Asks before every step whether to go on.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use crate::codec::{DecodeStream, STREAM_BATCH_FRAMES};
use crate::error::EngineError;
use crate::event::{AudioChunk, Clip, ClipFacts, EngineEvent};
use crate::fit::{self, Target};
use crate::model::Model;
use crate::musicgen::packed::Team;
use crate::pace::Pace;
use crate::request::{GenerateRequest, Length};

/// A request on its way, as the worker serves it.
pub(crate) trait Order: Sync {
    fn request(&self) -> &GenerateRequest;
    /// Whether nobody wants it any more.
    fn cancelled(&self) -> bool;
    /// Threads that are to work on it now.
    fn threads(&self) -> usize;
    fn send(&self, event: EngineEvent);
    /// There is a clip that is kept when the next try is cancelled.
    fn keeps_a_clip(&self);
    /// Sends its last event. Only the first call counts.
    fn end(&self, event: EngineEvent);
}

/// Whether two requests can be made together: all that differs is how tokens are drawn and what
/// becomes of the clip.
pub(crate) fn alike(a: &GenerateRequest, b: &GenerateRequest) -> bool {
    a.model == b.model
        && a.model_sha256 == b.model_sha256
        && a.precision == b.precision
        && a.threads == b.threads
        && a.prompt == b.prompt
        && a.negative() == b.negative()
        && a.length == b.length
        && a.sampling.is_guided() == b.sampling.is_guided()
        // These say how much more than the bars is made.
        && a.fit.map(|fit| fit.play_at_bpm) == b.fit.map(|fit| fit.play_at_bpm)
}

/// Ramps at the ends of a loop that is heard before it is fitted, so that its join does not click
/// where the model left the wave above zero. The head's is short: it must not soften the downbeat.
const RAMP_IN_SECONDS: f64 = 0.001;
const RAMP_OUT_SECONDS: f64 = 0.005;

/// Makes the clips of requests that are alike, together, and again those that came out worse
/// than was asked for. Every order has ended when it returns.
pub(crate) fn run(model: &Model, orders: &[&dyn Order], team: &Arc<Team>, pace: &Mutex<Pace>) {
    let Some(first) = orders.first() else { return };
    if let Some(wanted) = &first.request().model_sha256
        && wanted != model.sha256()
    {
        for order in orders {
            order.end(EngineEvent::Failed(EngineError::OtherModel {
                wanted: wanted.clone(),
                here: model.sha256().to_owned(),
            }));
        }
        return;
    }
    let mut open: Vec<Attempt<'_>> = orders.iter().map(|&order| Attempt::first(order)).collect();
    while !open.is_empty() {
        let clips = takes(model, &open, team, pace);
        let again = open
            .into_iter()
            .zip(clips)
            .filter_map(|(attempt, clip)| attempt.judge(clip));
        open = again.collect();
    }
}

/// One try at an order.
struct Attempt<'o> {
    order: &'o dyn Order,
    /// Tries before it.
    before: u32,
    best: Option<Clip>,
}

impl<'o> Attempt<'o> {
    fn first(order: &'o dyn Order) -> Self {
        Self {
            order,
            before: 0,
            best: None,
        }
    }

    fn seed(&self) -> u64 {
        let seed = self.order.request().seed;
        seed.wrapping_add(u64::from(self.before))
    }

    /// Takes what came of it: ends the order, or gives the next attempt.
    fn judge(mut self, clip: Result<Option<Clip>, EngineError>) -> Option<Self> {
        let reroll = self.order.request().fit.and_then(|fit| fit.reroll);
        let clip = match (clip, self.best.take()) {
            (Ok(Some(clip)), best) => {
                let again = reroll.is_some_and(|reroll| {
                    let bad = score(&clip).is_some_and(|score| score < reroll.below_score);
                    bad && self.before < reroll.at_most
                });
                let best = best
                    .filter(|best| score(best) >= score(&clip))
                    .unwrap_or(clip);
                if again {
                    self.best = Some(best);
                    self.before += 1;
                    self.order.keeps_a_clip();
                    return Some(self);
                }
                best
            }
            // Whoever stops a re-roll, and whatever goes wrong in it, what there is is kept.
            (_, Some(best)) => best,
            (Ok(None), None) => {
                self.order.end(EngineEvent::Cancelled);
                return None;
            }
            (Err(error), None) => {
                self.order.end(EngineEvent::Failed(error));
                return None;
            }
        };
        self.order.end(EngineEvent::Finished(Arc::new(clip)));
        None
    }
}

fn score(clip: &Clip) -> Option<u8> {
    clip.facts.fitted.as_ref().map(|fitted| fitted.score.total)
}

/// What each attempt made; `None` where it was cancelled.
fn takes(
    model: &Model,
    attempts: &[Attempt<'_>],
    team: &Arc<Team>,
    pace: &Mutex<Pace>,
) -> Vec<Result<Option<Clip>, EngineError>> {
    match steps(model, attempts, team, pace) {
        Ok(takes) => {
            let begin = Instant::now();
            let clip = |(take, attempt): (Option<Take<'_>>, &Attempt<'_>)| {
                Ok(take.and_then(|take| take.clip(model, attempt)))
            };
            let clips: Vec<_> = takes.into_iter().zip(attempts).map(clip).collect();
            if clips.iter().all(|clip| matches!(clip, Ok(Some(_)))) {
                let after_seconds = begin.elapsed().as_secs_f32();
                lock(pace).finished(after_seconds, all_seconds(attempts));
            }
            clips
        }
        Err(error) => attempts.iter().map(|_| Err(error.clone())).collect(),
    }
}

/// Seconds of all clips together.
fn all_seconds(attempts: &[Attempt<'_>]) -> f32 {
    let seconds = |attempt: &Attempt<'_>| attempt.order.request().length.seconds();
    attempts.iter().map(seconds).sum::<f64>() as f32
}

fn lock(pace: &Mutex<Pace>) -> std::sync::MutexGuard<'_, Pace> {
    pace.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs all steps for all attempts.
fn steps<'m>(
    model: &'m Model,
    attempts: &[Attempt<'_>],
    team: &Arc<Team>,
    pace: &Mutex<Pace>,
) -> Result<Vec<Option<Take<'m>>>, EngineError> {
    let request = attempts[0].order.request();
    let codec = model.codec();
    let rate_hz = codec.rate_hz();
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
    let draws: Vec<_> = attempts
        .iter()
        .map(|attempt| (attempt.order.request().sampling, attempt.seed()))
        .collect();
    for attempt in attempts {
        attempt.order.send(EngineEvent::Reading);
    }
    let mut generation = model.generate(
        &request.prompt,
        request.negative(),
        codec_frames,
        &draws,
        team,
    )?;
    let steps = generation.steps();
    let mut takes = Vec::with_capacity(attempts.len());
    for attempt in attempts {
        attempt.order.send(EngineEvent::Started {
            steps,
            frames: total_frames,
            rate_hz,
            channels: model.channels(),
        });
        let sink = Sink::new(request, rate_hz, model.channels(), total_frames, raw_frames);
        takes.push(Some(Take::new(model, sink, codec_frames, steps)));
    }
    // The codec gives its first sound for the first frames that fill a batch.
    let mut course = {
        let first = generation.first_frame_step() + STREAM_BATCH_FRAMES as u32;
        lock(pace).begin(steps, first, all_seconds(attempts))
    };
    for step in 1..=steps {
        let mut threads = 1;
        for (take, attempt) in takes.iter_mut().zip(attempts) {
            threads = threads.max(attempt.order.threads());
            if take.is_some() && attempt.order.cancelled() {
                *take = None;
                if attempt.best.is_none() {
                    attempt.order.end(EngineEvent::Cancelled);
                }
            }
        }
        if takes.iter().all(Option::is_none) {
            return Ok(takes);
        }
        generation.set_threads(threads);
        let done = generation.step()?;
        let steps_per_second = step as f32 / start.elapsed().as_secs_f32();
        for (index, (take, attempt)) in takes.iter_mut().zip(attempts).enumerate() {
            if let (Some(take), Some(frame)) = (take, done) {
                take.push(generation.frame(index, frame), attempt.order);
            }
        }
        course.step(
            step,
            takes.iter().flatten().any(|take| take.sink.sent_frames > 0),
        );
        for (_, attempt) in takes
            .iter()
            .zip(attempts)
            .filter(|(take, _)| take.is_some())
        {
            attempt.order.send(EngineEvent::Progress {
                step,
                steps,
                steps_per_second,
                seconds_left: course.seconds_left(step),
                first_sound_seconds: course.first_sound_seconds(step),
            });
        }
    }
    lock(pace).stepped(&course);
    let made = takes.iter().flatten().count() as f64;
    for (take, attempt) in takes.iter_mut().zip(attempts) {
        if let Some(take) = take {
            take.finish(attempt.order);
            if target.is_some() {
                attempt.order.send(EngineEvent::Fitting);
            }
            take.seconds = start.elapsed().as_secs_f64() / made;
        }
    }
    Ok(takes)
}

/// A take on its way from tokens to a clip.
struct Take<'m> {
    streams: Vec<DecodeStream<'m>>, // by channel
    codes: Vec<Vec<u32>>,           // by codebook
    sink: Sink,
    steps: u32,
    seconds: f64,
}

impl<'m> Take<'m> {
    fn new(model: &'m Model, sink: Sink, codec_frames: usize, steps: u32) -> Self {
        let codec = model.codec();
        let books = codec.codebooks() * model.channels();
        Self {
            streams: (0..model.channels()).map(|_| codec.stream()).collect(),
            codes: vec![Vec::with_capacity(codec_frames); books],
            sink,
            steps,
            seconds: 0.0,
        }
    }

    /// Takes a frame, one token for each codebook.
    fn push(&mut self, frame: impl Iterator<Item = u32>, order: &dyn Order) {
        for (book, token) in self.codes.iter_mut().zip(frame) {
            book.push(token);
        }
        let channels = self.streams.len();
        for (channel, stream) in self.streams.iter_mut().enumerate() {
            // The stereo layout interleaves its codebooks: L0 R0 L1 R1 …
            let books = self.codes.iter().skip(channel).step_by(channels);
            let tokens: Vec<u32> = books.filter_map(|book| book.last().copied()).collect();
            stream.push(&tokens, &mut self.sink.raw[channel]);
        }
        self.sink.flush(&|event| order.send(event));
    }

    fn finish(&mut self, order: &dyn Order) {
        for (channel, stream) in self.streams.drain(..).enumerate() {
            stream.finish(&mut self.sink.raw[channel]);
        }
        self.sink.flush(&|event| order.send(event));
    }

    /// The clip, fitted to its bars where that was asked for; `None` when it was cancelled then.
    fn clip(self, model: &Model, attempt: &Attempt<'_>) -> Option<Clip> {
        let request = attempt.order.request();
        let rate_hz = model.codec().rate_hz();
        let begin = Instant::now();
        let target = Target::of(request.length, request.fit);
        let (channels, raw, fitted) = match &target {
            Some(target) => {
                let mut raw = self.sink.whole();
                fit::raw::round(&mut raw);
                let cancelled = || attempt.order.cancelled();
                let (channels, fitted) = fit::into_bars_unless(&raw, rate_hz, target, &cancelled)?;
                (channels, Some(raw), Some(fitted))
            }
            None => (self.sink.clip(), None, None),
        };
        let seconds = self.seconds + begin.elapsed().as_secs_f64();
        let mut facts = facts(model, request, self.steps, seconds);
        if let Some(target) = &target {
            facts = facts.played_at(target.played_bpm());
        }
        Some(Clip {
            rate_hz,
            channels,
            codes: self.codes,
            frame_rate_hz: f64::from(rate_hz) / model.codec().samples_per_frame() as f64,
            raw,
            facts: ClipFacts {
                seed: attempt.seed(),
                fitted,
                ..facts
            },
        })
    }
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
        negative: request.negative().map(str::to_owned),
        model: model.name().to_owned(),
        model_sha256: model.sha256().to_owned(),
        rights: model.rights().to_owned(),
        seed: request.seed,
        sampling: request.sampling,
        precision: model.precision(),
        length: request.length,
        made_at_bpm: None,
        edited: None,
        key: request.key.clone(),
        fitted: None,
        steps,
        // To the microsecond: a number of so few digits is the same after it was written as
        // JSON and read again, which the 17 digits of a sum of seconds and nanoseconds are not.
        generate_seconds: (seconds * 1e6).round() / 1e6,
        version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}
