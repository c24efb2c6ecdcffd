//! A clip in the making: the request, the engine's news of it, and what becomes of them.
//!
//! Session thread.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use barline_engine::{
    Engine, EngineError, EngineEvent, Fit, GenerateRequest, Job, Length, Reroll, Sampling,
};
use barline_player::ClipId;

use super::Screen;
use super::feed::{Feed, Take};
use super::worker::Worker;
use crate::params::BarlineParams;
use crate::recall;
use crate::state::Project;
use crate::view::Phase;
use crate::wording;

/// A clip that is being made.
pub(super) struct Making {
    pub(super) job: Job,
    length: Length,
    prompt: String,
    seed: u64,
    pub(super) take: Option<Take>,
    feed: Option<Feed>,
}

impl<S: Screen> Worker<S> {
    /// Submits a request. From a state: exactly what it says. Else with the host's tempo, when
    /// it is followed, and with a new seed, unless it is locked; the project then says what was
    /// asked for.
    pub(super) fn generate(&mut self, from_state: bool) {
        self.drop_job();
        let (_, mut project) = self.params.project.read();
        if !from_state {
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
        let request = GenerateRequest {
            model: project.model.clone(),
            model_sha256: None,
            prompt: wording::prompt(&project, tempo_bpm),
            negative: None,
            length: Length::Bars {
                bars: self.params.bars.value().unsigned_abs(),
                beats_per_bar: project.beats_per_bar,
                tempo_bpm,
            },
            fit: Some(fit(&self.params)),
            sampling: sampling(&self.params),
            seed: project.seed,
            precision: None,
            threads: None,
            key: project.key,
        };
        let (length, prompt, seed) = (request.length, request.prompt.clone(), request.seed);
        match self.submit(request) {
            Ok(job) => {
                self.making = Some(Making {
                    job,
                    length,
                    prompt,
                    seed,
                    take: None,
                    feed: None,
                });
                self.params.project.keep_generating(true);
                self.snapshot.message = None;
                self.show(Phase::Queued { ahead: 0 });
            }
            Err(error) => self.failed(&error),
        }
    }

    fn submit(&mut self, request: GenerateRequest) -> Result<Job, EngineError> {
        let engine = match self.engine.take() {
            Some(engine) => engine,
            None => Engine::shared()?,
        };
        self.engine.insert(engine).submit(request)
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

    /// Takes news of the job in.
    pub(super) fn hear(&mut self, event: EngineEvent) {
        self.shared.busy.progress.fetch_add(1, Ordering::Relaxed);
        let Some(making) = &mut self.making else {
            return;
        };
        let cancelling = self.snapshot.phase == Phase::Cancelling;
        match event {
            EngineEvent::Queued { ahead } if !cancelling => self.show(Phase::Queued { ahead }),
            EngineEvent::Loading if !cancelling => self.show(Phase::Loading),
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
                if let Some(feed) = making.feed.take() {
                    self.control.discard(feed.id);
                }
                let prompt = making.prompt.clone();
                let take = Take::growing(
                    rate_hz,
                    channels,
                    frames,
                    making.length,
                    prompt,
                    making.seed,
                );
                making.take = Some(take);
                self.feed_making();
                if !cancelling {
                    self.show(Phase::Generating {
                        step: 0,
                        steps,
                        seconds_left: None,
                    });
                }
            }
            EngineEvent::Progress {
                step,
                steps,
                seconds_left,
                ..
            } => {
                if !cancelling {
                    let seconds_left = Some(seconds_left);
                    self.show(Phase::Generating {
                        step,
                        steps,
                        seconds_left,
                    });
                }
            }
            EngineEvent::Audio(chunk) => {
                if let Some(take) = &mut making.take {
                    take.grow(&chunk.channels);
                    if let Some(feed) = &mut making.feed {
                        feed.pump(take, &mut self.control);
                    }
                    self.changed = true;
                }
            }
            EngineEvent::Finished(clip) => {
                let feed = self.making.take().and_then(|making| making.feed);
                let facts = clip.facts.clone();
                let mut take = Take::whole(clip.rate_hz, clip.channels.clone(), facts);
                match recall::pack(&clip) {
                    Ok(saved) => take.saved = Some(Arc::new(saved)),
                    Err(error) => self.say_error(&error),
                }
                take.raw.clone_from(&clip.raw);
                self.params.project.keep_clip(take.saved.clone());
                self.params.project.keep_generating(false);
                // The loop takes over at the same beat from what was heard while it was made.
                self.take_over(Some(take));
                if let Some(feed) = feed {
                    self.control.discard(feed.id);
                }
                self.show(Phase::Idle);
            }
            EngineEvent::Cancelled => {
                self.drop_job();
                self.params.project.keep_generating(false);
                self.show(Phase::Idle);
            }
            EngineEvent::Failed(error) => self.failed(&error),
        }
    }

    pub(super) fn failed(&mut self, error: &EngineError) {
        self.drop_job();
        self.params.project.keep_generating(false);
        self.say_error(error);
        self.show(Phase::Idle);
    }

    /// Ends the job and takes what it made so far out of the player; the clip before goes on.
    pub(super) fn drop_job(&mut self) {
        if let Some(making) = self.making.take() {
            making.job.cancel();
            if let Some(feed) = making.feed {
                self.control.discard(feed.id);
            }
        }
    }

    pub(super) fn feed_making(&mut self) {
        if let (Some(making), Some(rate_hz)) = (&mut self.making, self.rate_hz)
            && let Some(take) = &making.take
        {
            self.last_clip += 1;
            let id = ClipId(self.last_clip);
            making.feed = Feed::begin(take, id, rate_hz, &mut self.control);
            if let Some(feed) = &mut making.feed {
                feed.pump(take, &mut self.control);
            }
        }
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
