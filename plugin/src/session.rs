//! The only place where engine and player meet: one thread for each instance.
//!
//! # Threads
//! - [`Session`] belongs to the plugin, [`Handle`]s to the panel and to whoever loads a state.
//!   They send messages and read what was published; neither waits for the thread.
//! - [`Busy`] is what the audio thread sees: atomics.
//! - The thread, `barline-session`, takes the messages, submits requests to the process's one
//!   engine, and feeds what comes back to the player. It may allocate, lock and write files. It
//!   never waits for the audio thread.
//!
//! An instance that goes away tells its thread to stop and does not wait for it: a host must
//! not hang because a file is being written. The library stays loaded until the thread has
//! ended (see `build.rs`).

mod feed;

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use barline_engine::resample::resample;
use barline_engine::{Engine, EngineError, EngineEvent, GenerateRequest, Job, Length};
use barline_player::{ClipId, Control, Player};
use crossbeam_channel::{Receiver, Sender, select};

use self::feed::{Feed, Take};
use crate::export;
use crate::params::BarlineParams;
use crate::recall;
use crate::state::{Loaded, Project};
use crate::view::{Live, Message, Phase, Snapshot, UiAction};
use crate::wording;

/// Least time between two snapshots while a clip is made.
const PUBLISH_EVERY: Duration = Duration::from_millis(33);
/// How often the thread looks after the player: while it plays in an open panel, while clips
/// wait for room on their way to it, and else.
const PACE_PLAYING: Duration = Duration::from_millis(16);
const PACE_HANDING_OVER: Duration = Duration::from_millis(2);
const PACE_IDLE: Duration = Duration::from_millis(40);
/// A playhead of which nothing was heard for so long does not move any more.
const STALE: Duration = Duration::from_millis(300);

/// The panel, as far as a session is concerned.
pub trait Screen: Send + 'static {
    /// Whether anybody looks.
    fn is_open(&self) -> bool;
    /// Something changed. Any thread, never waits.
    fn repaint(&self);
}

enum Post {
    Ui(UiAction),
    Loaded(Loaded),
    Rate(u32),
    Stop,
}

/// What the threads share.
struct Shared {
    live: Live,
    snapshot: Mutex<Arc<Snapshot>>,
    busy: Busy,
}

/// Whether a session still works on what it was asked for. Realtime-safe throughout.
#[derive(Debug, Default)]
pub struct Busy {
    /// Messages sent.
    asked: AtomicU64,
    /// Messages whose consequences have all arrived at the player.
    done: AtomicU64,
    /// Presses of the parameter `generate` of which the same is true.
    presses_done: AtomicU32,
    /// Moves whenever there is progress.
    progress: AtomicU64,
    ended: AtomicBool,
}

impl Busy {
    /// Whether audio is still on its way to the player.
    #[must_use]
    pub fn now(&self, presses: u32) -> bool {
        !self.ended.load(Ordering::Acquire)
            && (self.asked.load(Ordering::Acquire) != self.done.load(Ordering::Acquire)
                || self.presses_done.load(Ordering::Acquire) != presses)
    }

    /// A number that changes while there is progress.
    #[must_use]
    pub fn progress(&self) -> u64 {
        self.progress.load(Ordering::Relaxed)
    }
}

/// A way to reach a session from any thread but the audio thread.
#[derive(Clone)]
pub struct Handle {
    outbox: Sender<Post>,
    shared: Arc<Shared>,
}

impl Handle {
    /// Asks for something.
    pub fn send(&self, action: UiAction) {
        self.post(Post::Ui(action));
    }

    /// Passes a loaded state on.
    pub fn loaded(&self, loaded: Loaded) {
        self.post(Post::Loaded(loaded));
    }

    /// The host's sample rate.
    pub fn set_rate(&self, rate_hz: f32) {
        self.post(Post::Rate(rate_hz.round() as u32));
    }

    /// What was last published.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.shared
            .snapshot
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// What changes all the time.
    #[must_use]
    pub fn live(&self) -> &Live {
        &self.shared.live
    }

    /// What the audio thread may wait for when it renders offline.
    #[must_use]
    pub fn busy(&self) -> &Busy {
        &self.shared.busy
    }

    fn post(&self, post: Post) {
        // A session that has ended has said why in its last snapshot.
        let _ = self.outbox.send(post);
        // After the message: whoever sees the count finds the message in the channel.
        self.shared.busy.asked.fetch_add(1, Ordering::Release);
    }
}

/// One instance's session; dropping it ends it.
pub struct Session {
    handle: Handle,
}

impl Session {
    /// Starts the thread and makes the audio thread's half.
    #[must_use]
    pub fn start(params: Arc<BarlineParams>, screen: impl Screen) -> (Self, Player) {
        let (outbox, inbox) = crossbeam_channel::unbounded();
        let (control, player) = barline_player::handoff();
        let shared = Arc::new(Shared {
            live: Live::default(),
            snapshot: Mutex::default(),
            busy: Busy::default(),
        });
        let handle = Handle {
            outbox,
            shared: shared.clone(),
        };
        let worker_shared = shared.clone();
        let spawned = std::thread::Builder::new()
            .name("barline-session".into())
            .spawn(move || {
                let worker = Worker::new(params, worker_shared.clone(), inbox, control, screen);
                // A fault of ours must not take the host with it.
                let run = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| worker.run()));
                if run.is_err() {
                    give_up(&worker_shared, "an internal error stopped this instance");
                }
                worker_shared.busy.ended.store(true, Ordering::Release);
            });
        if spawned.is_err() {
            give_up(&shared, "the system has no room for another thread");
        }
        (Self { handle }, player)
    }

    /// A way to reach it.
    #[must_use]
    pub fn handle(&self) -> &Handle {
        &self.handle
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.handle.post(Post::Stop);
    }
}

fn give_up(shared: &Shared, why: &str) {
    let text = format!("Barline cannot go on: {why}. Save the project and load it again.");
    let last = Snapshot {
        message: Some(Message::Error(text)),
        ..Snapshot::default()
    };
    *shared
        .snapshot
        .lock()
        .unwrap_or_else(PoisonError::into_inner) = Arc::new(last);
    shared.busy.ended.store(true, Ordering::Release);
}

/// A clip that is being made.
struct Making {
    job: Job,
    length: Length,
    prompt: String,
    seed: u64,
    take: Option<Take>,
    feed: Option<Feed>,
}

/// The thread's own.
struct Worker<S: Screen> {
    params: Arc<BarlineParams>,
    shared: Arc<Shared>,
    inbox: Receiver<Post>,
    control: Control,
    screen: S,
    /// Kept from the first request on, so that the model stays loaded.
    engine: Option<Arc<Engine>>,
    making: Option<Making>,
    /// The newest finished clip.
    take: Option<Take>,
    rate_hz: Option<u32>,
    last_clip: u64,
    presses: u32,
    snapshot: Snapshot,
    changed: bool,
    published: Instant,
    heard: Instant,
}

impl<S: Screen> Worker<S> {
    fn new(
        params: Arc<BarlineParams>,
        shared: Arc<Shared>,
        inbox: Receiver<Post>,
        control: Control,
        screen: S,
    ) -> Self {
        Self {
            params,
            shared,
            inbox,
            control,
            screen,
            engine: None,
            making: None,
            take: None,
            rate_hz: None,
            last_clip: 0,
            presses: 0,
            snapshot: Snapshot::default(),
            changed: false,
            published: Instant::now(),
            heard: Instant::now(),
        }
    }

    fn run(mut self) {
        let never = crossbeam_channel::never();
        loop {
            let events = self
                .making
                .as_ref()
                .map_or(&never, |making| making.job.events())
                .clone();
            let pace = self.pace();
            let (post, event) = select! {
                recv(self.inbox) -> post => (post.ok(), None),
                recv(events) -> event => (None, Some(event)),
                default(pace) => (None, None),
            };
            match event {
                Some(Ok(event)) => self.hear(event),
                // The last event of a job takes the job away, so this is an engine that broke.
                Some(Err(_)) => self.failed(&EngineError::Stopped),
                None => {}
            }
            if let Some(post) = post
                && !self.obey(post)
            {
                return;
            }
            let asked = self.shared.busy.asked.load(Ordering::Acquire);
            while let Ok(post) = self.inbox.try_recv() {
                if !self.obey(post) {
                    return;
                }
            }
            let presses = self.params.generate_presses.load(Ordering::Acquire);
            if presses != self.presses {
                self.presses = presses;
                self.generate(false);
            }
            self.look_after_player();
            self.publish();
            if self.making.is_none() && self.control.waiting() == 0 {
                self.shared.busy.done.store(asked, Ordering::Release);
                self.shared
                    .busy
                    .presses_done
                    .store(presses, Ordering::Release);
            }
            self.publish();
        }
    }

    fn pace(&self) -> Duration {
        let playing = self.shared.live.playhead_beats().is_some();
        if self.control.waiting() > 0 {
            PACE_HANDING_OVER
        } else if self.screen.is_open() && (playing || self.changed) {
            PACE_PLAYING
        } else {
            PACE_IDLE
        }
    }

    /// Does what was asked; false is the end.
    fn obey(&mut self, post: Post) -> bool {
        match post {
            Post::Stop => return false,
            Post::Rate(rate_hz) => self.set_rate(rate_hz),
            Post::Loaded(loaded) => self.load(loaded),
            Post::Ui(UiAction::Generate) => self.generate(false),
            Post::Ui(UiAction::Cancel) => {
                if let Some(making) = &self.making {
                    making.job.cancel();
                    self.show(Phase::Cancelling);
                }
            }
            Post::Ui(UiAction::Audition(on)) => {
                self.control.audition(on);
                self.snapshot.audition = on;
                self.changed = true;
            }
            Post::Ui(UiAction::SaveWav(to)) => self.save(&to),
            Post::Ui(UiAction::Dismiss) => {
                self.snapshot.message = None;
                self.changed = true;
            }
        }
        true
    }

    /// Submits a request. From a state: exactly what it says. Else with the host's tempo, when
    /// it is followed, and with a new seed, unless it is locked; the project then says what was
    /// asked for.
    fn generate(&mut self, from_state: bool) {
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
            prompt: wording::prompt(&project, tempo_bpm),
            length: Length::Bars {
                bars: self.params.bars.value().unsigned_abs(),
                beats_per_bar: project.beats_per_bar,
                tempo_bpm,
            },
            sampling: self.params.sampling(),
            seed: project.seed,
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
    fn hear(&mut self, event: EngineEvent) {
        self.shared.busy.progress.fetch_add(1, Ordering::Relaxed);
        let Some(making) = &mut self.making else {
            return;
        };
        let cancelling = self.snapshot.phase == Phase::Cancelling;
        match event {
            EngineEvent::Queued { ahead } if !cancelling => self.show(Phase::Queued { ahead }),
            EngineEvent::Loading if !cancelling => self.show(Phase::Loading),
            EngineEvent::Queued { .. } | EngineEvent::Loading => {}
            EngineEvent::Started {
                steps,
                frames,
                rate_hz,
                channels,
            } => {
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
                steps_per_second,
            } => {
                if !cancelling {
                    let left = steps.saturating_sub(step) as f32;
                    let seconds_left = (steps_per_second > 0.0).then_some(left / steps_per_second);
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
                let Some(Making {
                    take: Some(mut take),
                    feed,
                    ..
                }) = self.making.take()
                else {
                    return;
                };
                match recall::pack(&clip) {
                    Ok(saved) => take.saved = Some(Arc::new(saved)),
                    Err(error) => self.say_error(&error),
                }
                self.params.project.keep_clip(take.saved.clone());
                self.params.project.keep_generating(false);
                take.facts = Some(clip.facts.clone());
                if let Some(mut feed) = feed {
                    feed.pump(&take, &mut self.control);
                }
                self.take = Some(take);
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

    fn failed(&mut self, error: &EngineError) {
        self.drop_job();
        self.params.project.keep_generating(false);
        self.say_error(error);
        self.show(Phase::Idle);
    }

    /// Ends the job and takes what it made so far out of the player; the clip before goes on.
    fn drop_job(&mut self) {
        if let Some(making) = self.making.take() {
            making.job.cancel();
            if let Some(feed) = making.feed {
                self.control.discard(feed.id);
            }
        }
    }

    /// A loaded state takes the place of everything; a clip that is there already plays on.
    fn load(&mut self, loaded: Loaded) {
        if let Some(why) = loaded.refused {
            self.say_error(&why);
            return;
        }
        self.drop_job();
        self.snapshot.message = None;
        self.show(Phase::Idle);
        let here = self.take.as_ref().and_then(|take| take.saved.as_ref());
        if here != loaded.clip.as_ref() {
            self.control.clear();
            self.take = None;
            if let Some(saved) = loaded.clip {
                match recall::unpack(&saved) {
                    Ok(clip) => {
                        let facts = saved.facts.clone();
                        let mut take = Take::whole(clip.rate_hz, clip.channels, facts);
                        take.saved = Some(saved);
                        self.take = Some(take);
                        self.feed_take();
                    }
                    Err(error) => self.say_error(&error),
                }
            }
        }
        if loaded.generate {
            self.generate(true);
        }
    }

    /// Everything is handed over anew at another rate.
    fn set_rate(&mut self, rate_hz: u32) {
        if rate_hz == 0 || self.rate_hz == Some(rate_hz) {
            return;
        }
        self.rate_hz = Some(rate_hz);
        self.control.clear();
        self.feed_take();
        self.feed_making();
    }

    fn feed_take(&mut self) {
        if let (Some(take), Some(rate_hz)) = (&self.take, self.rate_hz) {
            self.last_clip += 1;
            let id = ClipId(self.last_clip);
            if let Some(mut feed) = Feed::begin(take, id, rate_hz, &mut self.control) {
                feed.pump(take, &mut self.control);
            }
        }
    }

    fn feed_making(&mut self) {
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

    fn save(&mut self, to: &Path) {
        let Some((take, facts)) = self
            .take
            .as_ref()
            .and_then(|t| Some((t, t.facts.as_ref()?)))
        else {
            self.say_error(&"there is no clip to save yet: generate one first");
            return;
        };
        let rate_hz = self.rate_hz.unwrap_or(take.rate_hz);
        let frames = take.frames_at(rate_hz);
        let channels = resample(&take.channels, take.rate_hz, rate_hz, frames);
        match export::save(to, facts, rate_hz, &channels) {
            Ok(path) => {
                self.snapshot.message = Some(Message::Info(format!("Saved {}", path.display())));
                self.changed = true;
            }
            Err(error) => self.say_error(&error),
        }
    }

    fn look_after_player(&mut self) {
        let status = self.control.poll();
        if status.fresh {
            self.heard = Instant::now();
        }
        let beat = status.playhead.map(|playhead| playhead.beats);
        let beat = beat.filter(|_| self.heard.elapsed() < STALE);
        if self.shared.live.set_playhead(beat) {
            self.screen.repaint();
        }
    }

    fn say_error(&mut self, error: &dyn std::fmt::Display) {
        let text = error.to_string();
        let mut chars = text.chars();
        let first = chars
            .next()
            .map(|c| c.to_uppercase().to_string())
            .unwrap_or_default();
        self.snapshot.message = Some(Message::Error(format!("{first}{}.", chars.as_str())));
        self.changed = true;
    }

    fn show(&mut self, phase: Phase) {
        self.snapshot.phase = phase;
        self.changed = true;
    }

    fn publish(&mut self) {
        let hurried = self.snapshot.phase.busy() && self.published.elapsed() < PUBLISH_EVERY;
        if !self.changed || hurried {
            return;
        }
        let making = self.making.as_ref().and_then(|making| making.take.as_ref());
        self.snapshot.clip = making.or(self.take.as_ref()).map(Take::view);
        let snapshot = Arc::new(self.snapshot.clone());
        *self
            .shared
            .snapshot
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = snapshot;
        self.changed = false;
        self.published = Instant::now();
        self.screen.repaint();
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

#[cfg(test)]
mod tests {
    use barline_engine::{Clip, ClipFacts, Sampling};
    use barline_player::{Settings, Transport};

    use super::*;
    use crate::state::SavedClip;

    struct NoScreen;

    impl Screen for NoScreen {
        fn is_open(&self) -> bool {
            false
        }
        fn repaint(&self) {}
    }

    const RATE_HZ: u32 = 32_000;

    fn facts() -> ClipFacts {
        ClipFacts {
            prompt: "drums, 120 bpm".into(),
            model: "starter".into(),
            model_sha256: "00".into(),
            rights: "yours".into(),
            seed: 7,
            sampling: Sampling::default(),
            length: Length::Bars {
                bars: 1,
                beats_per_bar: 4,
                tempo_bpm: 120.0,
            },
            key: None,
            steps: 100,
            generate_seconds: 1.0,
            version: "0.1.0".into(),
        }
    }

    fn saved() -> Arc<SavedClip> {
        let sine = |n: u32| (n as f32 * 0.07).sin() * 0.5;
        let channels = vec![(0..2 * RATE_HZ).map(sine).collect()];
        let clip = Clip {
            rate_hz: RATE_HZ,
            channels,
            codes: Vec::new(),
            frame_rate_hz: 50.0,
            facts: facts(),
        };
        Arc::new(recall::pack(&clip).unwrap())
    }

    fn start() -> (Arc<BarlineParams>, Session, Player) {
        let params = Arc::new(BarlineParams::default());
        let (session, player) = Session::start(params.clone(), NoScreen);
        (params, session, player)
    }

    /// Until the session has done all that it was asked for, as an offline render waits.
    fn settle(session: &Session, player: &mut Player) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while session.handle().busy().now(0) {
            assert!(
                Instant::now() < deadline,
                "{:?}",
                session.handle().snapshot()
            );
            std::thread::sleep(Duration::from_millis(1));
            player.receive();
        }
        player.receive();
    }

    /// A second of the clip from its start, as a host at 120 BPM hears it.
    fn play(player: &mut Player, rate_hz: u32) -> Vec<f32> {
        player.reset(f64::from(rate_hz));
        let mut heard = Vec::new();
        let (mut left, mut right) = (vec![0.0; 256], vec![0.0; 256]);
        while heard.len() < rate_hz as usize {
            let beats = heard.len() as f64 * 2.0 / f64::from(rate_hz);
            let transport = Transport {
                playing: true,
                tempo_bpm: 120.0,
                beats: Some(beats),
            };
            player.process(&transport, &Settings::default(), &mut left, &mut right);
            assert_eq!(left, right);
            heard.extend_from_slice(&left);
        }
        heard
    }

    fn assert_same(heard: &[f32], clip: &[f32], rate_hz: u32) {
        // The first milliseconds are faded in.
        let start = rate_hz as usize / 100;
        for (n, (a, b)) in heard.iter().zip(clip).enumerate().skip(start) {
            assert!((a - b).abs() < 1e-6, "frame {n}: {a} for {b}");
        }
    }

    #[test]
    fn a_clip_of_the_project_plays_at_every_rate() {
        let (_, session, mut player) = start();
        let saved = saved();
        let recalled = recall::unpack(&saved).unwrap();
        let handle = session.handle();
        handle.loaded(Loaded {
            clip: Some(saved),
            generate: false,
            refused: None,
        });
        for rate_hz in [48_000, 44_100, 32_000] {
            handle.set_rate(rate_hz as f32);
            settle(&session, &mut player);
            let total = u64::from(rate_hz) * 2;
            let clip = resample(&recalled.channels, RATE_HZ, rate_hz, total);
            assert_same(&play(&mut player, rate_hz), &clip[0], rate_hz);
        }
        let view = handle.snapshot().clip.clone().unwrap();
        assert_eq!((view.beats, view.peaks.len()), (4.0, crate::view::COLUMNS));
    }

    #[test]
    fn a_project_without_a_clip_silences_the_one_before() {
        let (_, session, mut player) = start();
        session.handle().set_rate(48_000.0);
        let loaded = |clip| Loaded {
            clip,
            generate: false,
            refused: None,
        };
        session.handle().loaded(loaded(Some(saved())));
        settle(&session, &mut player);
        assert!(player.clip().is_some());
        session.handle().loaded(loaded(None));
        settle(&session, &mut player);
        assert!(player.clip().is_none());
        assert_eq!(session.handle().snapshot().clip, None);
    }

    #[test]
    fn a_refused_state_leaves_the_clip_and_says_why() {
        let (_, session, mut player) = start();
        session.handle().set_rate(48_000.0);
        session.handle().loaded(Loaded {
            clip: Some(saved()),
            generate: false,
            refused: None,
        });
        let why = "the project is from the future".to_owned();
        session.handle().loaded(Loaded {
            clip: None,
            generate: false,
            refused: Some(why),
        });
        settle(&session, &mut player);
        assert!(player.clip().is_some());
        let said = session.handle().snapshot().message.clone();
        assert_eq!(
            said,
            Some(Message::Error("The project is from the future.".into()))
        );
    }

    #[test]
    fn without_words_there_is_a_plain_answer() {
        let (_, session, mut player) = start();
        session.handle().send(UiAction::Generate);
        settle(&session, &mut player);
        let snapshot = session.handle().snapshot();
        let Some(Message::Error(text)) = &snapshot.message else {
            panic!("{snapshot:?}")
        };
        assert!(text.starts_with("The prompt is empty: describe"), "{text}");
        assert_eq!(snapshot.phase, Phase::Idle);
    }

    #[test]
    fn a_clip_is_saved_whole_under_a_new_name_each_time() {
        let (_, session, mut player) = start();
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("deep");
        let save = || session.handle().send(UiAction::SaveWav(to.clone()));
        save();
        settle(&session, &mut player);
        assert!(!to.exists(), "there was nothing to save");

        session.handle().set_rate(48_000.0);
        session.handle().loaded(Loaded {
            clip: Some(saved()),
            generate: false,
            refused: None,
        });
        save();
        save();
        settle(&session, &mut player);
        let mut names: Vec<String> = std::fs::read_dir(&to)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        let stem = "barline_drums_120bpm_1bars_seed7";
        assert_eq!(names, [format!("{stem}.wav"), format!("{stem}_2.wav")]);
        let wav = hound::WavReader::open(to.join(&names[0])).unwrap();
        assert_eq!((wav.spec().sample_rate, wav.duration()), (48_000, 96_000));

        let blocked = folder.path().join("file");
        std::fs::write(&blocked, "").unwrap();
        session
            .handle()
            .send(UiAction::SaveWav(blocked.join("inside")));
        settle(&session, &mut player);
        let said = session.handle().snapshot().message.clone();
        assert!(matches!(said, Some(Message::Error(text)) if text.contains("Cannot write")));
    }

    #[test]
    fn sessions_come_and_go_without_waiting() {
        for _ in 0..50 {
            let (params, session, _player) = start();
            params
                .project
                .update(|project| project.prompt = "drums".into());
            session.handle().set_rate(48_000.0);
            session.handle().loaded(Loaded {
                clip: Some(saved()),
                generate: false,
                refused: None,
            });
            let start = Instant::now();
            drop(session);
            assert!(start.elapsed() < Duration::from_millis(100));
        }
    }
}
