//! Clips in the making: the requests, the engine's news of them, and what becomes of them.
//!
//! Session thread. The first take of a request is heard while it is made, in the slot that it is for; the
//! others come into the list of takes.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use barline_engine::{
    ClipFacts, Engine, EngineError, EngineEvent, Fit, GenerateRequest, Job, Length, Reroll,
    Sampling,
};
use barline_player::ClipId;

use super::Screen;
use super::feed::{Feed, Take};
use super::worker::Worker;
use crate::params::BarlineParams;
use crate::recall;
use crate::state::Project;
use crate::view::{Phase, Source};
use crate::wording;

/// The takes of one request.
pub(super) struct Making {
    /// In the order of their seeds; those that ended are gone.
    pub(super) parts: Vec<Part>,
    /// Where the first goes.
    slot: usize,
    takes: u32,
}

/// One take.
pub(super) struct Part {
    pub(super) job: Job,
    /// From 0.
    number: u32,
    length: Length,
    prompt: String,
    seed: u64,
    pub(super) take: Option<Take>,
    feed: Option<Feed>,
}

impl Making {
    /// The slot that it is for.
    pub(super) fn slot(&self) -> usize {
        self.slot
    }

    /// The take that can be heard already.
    pub(super) fn heard(&self) -> Option<&Take> {
        self.parts
            .first()
            .filter(|part| part.number == 0)?
            .take
            .as_ref()
    }
}

impl<S: Screen> Worker<S> {
    /// Makes what the project says. From a state: exactly what it says. Else with the host's tempo,
    /// when it is followed, and with a new seed, unless it is locked; the project then says what was
    /// asked for.
    pub(super) fn generate(&mut self, from_state: bool) {
        self.drop_job();
        let (_, mut project) = self.params.project.read();
        if !from_state {
            self.edited();
            self.follow_host(&mut project);
            if !project.seed_locked {
                project.seed = new_seed(project.seed);
            }
            self.params.project.update(|current| {
                current.seed = project.seed;
                current.tempo_bpm = project.tempo_bpm;
                current.beats_per_bar = project.beats_per_bar;
            });
        }
        let tempo_bpm = project.tempo_bpm;
        let first = GenerateRequest {
            model: project.model.clone(),
            model_sha256: None,
            prompt: wording::prompt(&project, tempo_bpm),
            length: Length::Bars {
                bars: self.params.bars.value().unsigned_abs(),
                beats_per_bar: project.beats_per_bar,
                tempo_bpm,
            },
            fit: Some(fit(&self.params)),
            sampling: sampling(&self.params),
            negative: Some(project.negative.trim().to_owned()).filter(|text| !text.is_empty()),
            seed: project.seed,
            precision: None,
            threads: None,
            key: project.key.clone(),
        };
        let requests = (0..u64::from(project.takes.max(1)))
            .map(|take| GenerateRequest {
                seed: first.seed.wrapping_add(take),
                ..first.clone()
            })
            .collect();
        self.remember_prompt(&project.prompt);
        self.make(requests, project.selected, true);
    }

    /// One like a clip that is here: its prompt and seed, settings a little off.
    pub(super) fn similar(&mut self, source: &Source) {
        if let Some(mut request) = self.request_of(source) {
            // Far enough to be another loop, near enough to be its sister.
            let sampling = &mut request.sampling;
            sampling.temperature = if sampling.temperature >= 1.0 {
                sampling.temperature * 0.93
            } else {
                sampling.temperature * 1.07
            };
            request.model_sha256 = None;
            self.remake(request, source);
        }
    }

    /// One of the same prompt and settings with another seed.
    pub(super) fn reroll(&mut self, source: &Source) {
        if let Some(mut request) = self.request_of(source) {
            request.seed = new_seed(request.seed);
            request.model_sha256 = None;
            self.remake(request, source);
        }
    }

    /// The clip that did not come along with the project, as it was.
    pub(super) fn restore(&mut self, slot: usize) {
        if let Some(request) = self.request_of(&Source::Slot(slot)) {
            self.drop_job();
            self.make(vec![request], slot, false);
        }
    }

    fn remake(&mut self, request: GenerateRequest, source: &Source) {
        let slot = match source {
            Source::Slot(slot) => *slot,
            _ => self.selected(),
        };
        self.drop_job();
        self.make(vec![request], slot, false);
    }

    /// What made a clip.
    fn request_of(&mut self, source: &Source) -> Option<GenerateRequest> {
        let Some(facts) = self.facts_of(source) else {
            self.say_error(&"this clip is not here any more: generate one first");
            return None;
        };
        if facts.steps == 0 {
            self.say_error(
                &"this clip is a file and was not made from a prompt: type one and generate",
            );
            return None;
        }
        Some(again(&facts, self.params.project.read().1))
    }

    fn make(&mut self, requests: Vec<GenerateRequest>, slot: usize, of_project: bool) {
        if self.lacks_model() {
            self.params.project.keep_generating(false);
            self.show(Phase::Idle);
            return;
        }
        let asked: Vec<(Length, String, u64)> = requests
            .iter()
            .map(|request| (request.length, request.prompt.clone(), request.seed))
            .collect();
        match self.submit(requests) {
            Ok(jobs) => {
                let takes = jobs.len() as u32;
                let parts = jobs.into_iter().zip(asked).zip(0..);
                let part = |((job, (length, prompt, seed)), number)| Part {
                    job,
                    number,
                    length,
                    prompt,
                    seed,
                    take: None,
                    feed: None,
                };
                self.making = Some(Making {
                    parts: parts.map(part).collect(),
                    slot,
                    takes,
                });
                self.params.project.keep_generating(of_project);
                self.snapshot.message = None;
                self.show(Phase::Queued { ahead: 0 });
            }
            Err(error) => self.failed(&error),
        }
    }

    fn submit(&mut self, requests: Vec<GenerateRequest>) -> Result<Vec<Job>, EngineError> {
        let engine = match self.engine.take() {
            Some(engine) => engine,
            None => Engine::shared()?,
        };
        self.engine.insert(engine).submit_all(requests)
    }

    fn follow_host(&self, project: &mut Project) {
        if !self.params.sync.value() {
            return;
        }
        let live = &self.shared.live;
        if let Some(tempo_bpm) = live.tempo_bpm() {
            // Some hosts say 132.99999978 for 133.
            project.tempo_bpm = (tempo_bpm * 1000.0).round() / 1000.0;
        }
        if let Some(beats_per_bar) = live.beats_per_bar() {
            project.beats_per_bar = beats_per_bar;
        }
    }

    /// Takes in what the engine says, until there is no more for now.
    pub(super) fn hear_all(&mut self) {
        loop {
            let Some(making) = &self.making else {
                return;
            };
            let heard = making.parts.iter().enumerate().find_map(|(part, of)| {
                use crossbeam_channel::TryRecvError::{Disconnected, Empty};
                match of.job.events().try_recv() {
                    Ok(event) => Some((part, Some(event))),
                    // The last event of a job takes its part away, so this is an engine that broke.
                    Err(Disconnected) => Some((part, None)),
                    Err(Empty) => None,
                }
            });
            match heard {
                Some((part, Some(event))) => self.hear(part, event),
                Some((_, None)) => self.failed(&EngineError::Stopped),
                None => return,
            }
        }
    }

    fn hear(&mut self, index: usize, event: EngineEvent) {
        self.shared.busy.progress.fetch_add(1, Ordering::Relaxed);
        let Some(making) = &mut self.making else {
            return;
        };
        let (slot, takes) = (making.slot, making.takes);
        let Some(part) = making.parts.get_mut(index) else {
            return;
        };
        // The panel is told of the one that will be done first.
        let told = index == 0 && self.snapshot.phase != Phase::Cancelling;
        let take = (part.number + 1, takes);
        match event {
            EngineEvent::Queued { ahead } if told => self.show(Phase::Queued { ahead }),
            EngineEvent::Loading if told => self.show(Phase::Loading { done: None }),
            EngineEvent::Loaded { share } if told => {
                self.show(Phase::Loading { done: Some(share) });
            }
            EngineEvent::Fitting if told => self.show(Phase::Finishing),
            EngineEvent::Queued { .. }
            | EngineEvent::Loading
            | EngineEvent::Loaded { .. }
            | EngineEvent::Reading
            | EngineEvent::Fitting => {}
            EngineEvent::Started {
                steps,
                frames,
                rate_hz,
                channels,
            } => {
                // A loop that is made again starts anew.
                if let Some(feed) = part.feed.take() {
                    self.control.discard(feed.id);
                }
                if part.number == 0 {
                    let prompt = part.prompt.clone();
                    let (length, seed) = (part.length, part.seed);
                    part.take = Some(Take::growing(
                        rate_hz, channels, frames, length, prompt, seed,
                    ));
                    self.feed_making();
                }
                if told {
                    self.show(Phase::Generating {
                        step: 0,
                        steps,
                        seconds_left: None,
                        sound_in_seconds: None,
                        take,
                    });
                }
            }
            EngineEvent::Progress {
                step,
                steps,
                seconds_left,
                first_sound_seconds,
                ..
            } => {
                if told {
                    let seconds_left = Some(seconds_left);
                    self.show(Phase::Generating {
                        step,
                        steps,
                        seconds_left,
                        sound_in_seconds: first_sound_seconds,
                        take,
                    });
                }
            }
            EngineEvent::Audio(chunk) => {
                if let Some(take) = &mut part.take {
                    take.grow(&chunk.channels);
                    if let Some(feed) = &mut part.feed {
                        feed.pump(take, &mut self.control);
                    }
                    self.changed = true;
                }
            }
            EngineEvent::Finished(clip) => {
                let part = making.parts.remove(index);
                let facts = clip.facts.clone();
                let mut take = Take::whole(clip.rate_hz, clip.channels.clone(), facts);
                match recall::pack(&clip) {
                    Ok(saved) => take.saved = Some(Arc::new(saved)),
                    Err(error) => self.say_error(&error),
                }
                take.raw.clone_from(&clip.raw);
                let take = self.admit(take);
                self.takes.add(take.clone());
                self.file(&take);
                if part.number == 0 {
                    // The loop takes over at the same beat from what was heard while it was made.
                    self.checkpoint(None);
                    self.place(slot, Some(take));
                }
                if let Some(feed) = part.feed {
                    self.control.discard(feed.id);
                }
                self.part_ended();
            }
            EngineEvent::Cancelled => {
                let part = making.parts.remove(index);
                if let Some(feed) = part.feed {
                    self.control.discard(feed.id);
                }
                self.part_ended();
            }
            EngineEvent::Failed(error) => self.failed(&error),
        }
    }

    fn part_ended(&mut self) {
        self.changed = true;
        if self
            .making
            .as_ref()
            .is_some_and(|making| making.parts.is_empty())
        {
            self.making = None;
            self.params.project.keep_generating(false);
            self.show(Phase::Idle);
        }
    }

    pub(super) fn failed(&mut self, error: &EngineError) {
        self.drop_job();
        self.params.project.keep_generating(false);
        self.say_error(error);
        self.show(Phase::Idle);
    }

    pub(super) fn cancel(&mut self) {
        if let Some(making) = &self.making {
            for part in &making.parts {
                part.job.cancel();
            }
            self.show(Phase::Cancelling);
        }
    }

    /// Ends the jobs and takes what they made so far out of the player; the clip before goes on.
    pub(super) fn drop_job(&mut self) {
        for part in self
            .making
            .take()
            .into_iter()
            .flat_map(|making| making.parts)
        {
            part.job.cancel();
            if let Some(feed) = part.feed {
                self.control.discard(feed.id);
            }
        }
    }

    pub(super) fn feed_making(&mut self) {
        if let (Some(making), Some(rate_hz)) = (&mut self.making, self.rate_hz)
            && let Some(part) = making.parts.first_mut()
            && let Some(take) = &part.take
        {
            self.last_clip += 1;
            let id = ClipId(self.last_clip);
            part.feed = Feed::begin(take, making.slot, id, rate_hz, &mut self.control);
            if let Some(feed) = &mut part.feed {
                feed.pump(take, &mut self.control);
            }
        }
    }
}

/// The request that made a clip. The model is the project's where that has its hash, which the engine
/// sees to.
fn again(facts: &ClipFacts, project: Project) -> GenerateRequest {
    GenerateRequest {
        model: project.model,
        model_sha256: Some(facts.model_sha256.clone()),
        prompt: facts.prompt.clone(),
        length: facts.made_length(),
        fit: facts.fit(),
        sampling: facts.sampling,
        negative: facts.negative.clone(),
        seed: facts.seed,
        precision: Some(facts.precision),
        threads: None,
        key: facts.key.clone(),
    }
}

/// Another seed than `old`: six digits that can be read out and typed again. What is drawn from
/// need not be good, only different every time.
fn new_seed(old: u64) -> u64 {
    use std::hash::{BuildHasher, Hasher, RandomState};
    let mut hasher = RandomState::new().build_hasher();
    hasher.write_u64(old);
    let seed = hasher.finish() % 1_000_000;
    if seed == old {
        (seed + 1) % 1_000_000
    } else {
        seed
    }
}

/// How the next clip is fitted. From a state, too: the same seeds are tried, and the same is best.
fn fit(params: &BarlineParams) -> Fit {
    const AT_MOST: u32 = 3;
    let below_score = u8::try_from(params.reroll_below.value()).unwrap_or(0);
    Fit {
        reroll: (below_score > 0).then_some(Reroll {
            below_score,
            at_most: AT_MOST,
        }),
        ..Fit::default()
    }
}

/// The sampling settings for the next clip.
fn sampling(params: &BarlineParams) -> Sampling {
    Sampling {
        temperature: params.temperature.value(),
        top_k: params.top_k.value().unsigned_abs(),
        top_p: params.top_p.value(),
        guidance: params.guidance.value(),
        greedy: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_sampling_is_the_models_own() {
        assert_eq!(sampling(&BarlineParams::default()), Sampling::default());
    }

    #[test]
    fn a_new_seed_is_another_and_short() {
        for old in [0, 1, 999_999, u64::MAX] {
            let new = new_seed(old);
            assert!(new != old && new < 1_000_000);
        }
    }
}
