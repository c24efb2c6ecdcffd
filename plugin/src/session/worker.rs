//! The session's thread: takes messages and news of the engine, and feeds the player.
//!
//! May allocate, lock and write files; never waits for the audio thread or for the engine.

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use barline_engine::{Engine, EngineError};
use barline_player::{ClipId, Control};
use crossbeam_channel::{Receiver, select};

use super::feed::{Arrival, Take};
use super::follow::Follow;
use super::making::Making;
use super::{Post, Screen, Shared};
use crate::export;
use crate::params::BarlineParams;
use crate::recall;
use crate::state::Loaded;
use crate::view::{Message, Phase, Snapshot, UiAction};

/// Least time between two snapshots while a clip is made.
const PUBLISH_EVERY: Duration = Duration::from_millis(33);
/// How often the thread looks after the player: while it plays in an open panel, while clips
/// wait for room on their way to it, and else.
const PACE_PLAYING: Duration = Duration::from_millis(33);
const PACE_HANDING_OVER: Duration = Duration::from_millis(2);
const PACE_IDLE: Duration = Duration::from_millis(40);
/// A playhead of which nothing was heard for so long does not move any more.
const STALE: Duration = Duration::from_millis(300);

/// What the thread owns.
pub(super) struct Worker<S: Screen> {
    pub(super) params: Arc<BarlineParams>,
    pub(super) shared: Arc<Shared>,
    inbox: Receiver<Post>,
    pub(super) control: Control,
    screen: S,
    /// Kept from the first request on, so that the model stays loaded.
    pub(super) engine: Option<Arc<Engine>>,
    pub(super) making: Option<Making>,
    /// The newest finished clip, in the version that plays.
    pub(super) take: Option<Arc<Take>>,
    /// The same clip at its own tempo, and at others.
    pub(super) follow: Follow,
    /// Files that wait for the clip to be at the host's tempo.
    saving: Vec<PathBuf>,
    pub(super) rate_hz: Option<u32>,
    pub(super) last_clip: u64,
    presses: u32,
    pub(super) snapshot: Snapshot,
    pub(super) changed: bool,
    published: Instant,
    heard: Instant,
}

impl<S: Screen> Worker<S> {
    pub(super) fn new(
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
            follow: Follow::default(),
            saving: Vec::new(),
            rate_hz: None,
            last_clip: 0,
            presses: 0,
            snapshot: Snapshot::default(),
            changed: false,
            published: Instant::now(),
            heard: Instant::now(),
        }
    }

    /// Until it is told to stop.
    pub(super) fn run(mut self) {
        let never = crossbeam_channel::never();
        let no_refit = crossbeam_channel::never();
        loop {
            let events = self
                .making
                .as_ref()
                .map_or(&never, |making| making.job.events())
                .clone();
            let refit = self.follow.ended().unwrap_or_else(|| no_refit.clone());
            let pace = self.pace();
            let (mut post, mut event) = (None, None);
            select! {
                recv(self.inbox) -> sent => post = sent.ok(),
                recv(events) -> news => event = Some(news),
                recv(refit) -> made => self.refitted(made.ok()),
                default(pace) => {}
            }
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
            let wish = self.shared.busy.wished();
            self.follow(wish);
            if !self.follow.busy() {
                for to in std::mem::take(&mut self.saving) {
                    self.save(&to);
                }
            }
            self.look_after_player();
            self.publish();
            if self.making.is_none() && !self.follow.busy() && self.control.waiting() == 0 {
                let busy = &self.shared.busy;
                busy.done.store(asked, Ordering::Release);
                busy.presses_done.store(presses, Ordering::Release);
                busy.wish_done.store(wish.bits(), Ordering::Release);
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
            Post::Loaded(loaded, presses) => self.load(loaded, presses),
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
            Post::Ui(UiAction::SaveWav(to)) => self.saving.push(to),
            Post::Ui(UiAction::Dismiss) => {
                self.snapshot.message = None;
                self.changed = true;
            }
        }
        true
    }

    /// A loaded state takes the place of everything; a clip that is there already plays on.
    fn load(&mut self, loaded: Loaded, presses: u32) {
        // Parameters are restored just before; `generate` among them was not pressed by anyone.
        // What was pressed since is: a host may load a project and play its automation at once.
        self.presses = presses;
        if let Some(why) = loaded.refused {
            self.say_error(&why);
            return;
        }
        self.drop_job();
        self.snapshot.message = None;
        self.show(Phase::Idle);
        let own = self.follow.own.as_ref();
        let here = own.and_then(|take| take.saved.as_ref());
        if here != loaded.clip.as_ref() {
            self.control.clear_all();
            self.take_over(None);
            if let Some(saved) = loaded.clip {
                match recall::unpack(&saved) {
                    Ok(clip) => {
                        let facts = saved.facts.clone();
                        let mut take = Take::whole(clip.rate_hz, clip.channels, facts);
                        take.raw = clip.raw;
                        take.saved = Some(saved);
                        self.take_over(Some(take));
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
        self.control.clear_all();
        self.feed_take();
        self.feed_making();
    }

    /// Another clip, or none, takes the place of the one before, at its own tempo.
    pub(super) fn take_over(&mut self, take: Option<Take>) {
        self.take = take.map(Arc::new);
        self.follow.reset(self.take.clone());
        self.feed_take();
    }

    pub(super) fn feed_take(&mut self) {
        self.hand_over_take(Arrival::AtOnce);
    }

    /// The same clip at another tempo.
    pub(super) fn swap_take(&mut self) {
        self.hand_over_take(Arrival::OnTheBeat);
    }

    fn hand_over_take(&mut self, arrival: Arrival) {
        if let (Some(take), Some(rate_hz)) = (&self.take, self.rate_hz) {
            self.last_clip += 1;
            let id = ClipId(self.last_clip);
            take.load(id, rate_hz, arrival, &mut self.control);
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
        let channels = facts.at_rate(&take.channels, take.rate_hz, rate_hz);
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
        let beat = status.slots[0].playhead.map(|playhead| playhead.beats);
        let beat = beat.filter(|_| self.heard.elapsed() < STALE);
        if self.shared.live.set_playhead(beat) {
            self.screen.repaint();
        }
    }

    pub(super) fn say_error(&mut self, error: &dyn std::fmt::Display) {
        let text = error.to_string();
        let mut chars = text.chars();
        let first = chars
            .next()
            .map(|c| c.to_uppercase().to_string())
            .unwrap_or_default();
        self.snapshot.message = Some(Message::Error(format!("{first}{}.", chars.as_str())));
        self.changed = true;
    }

    pub(super) fn show(&mut self, phase: Phase) {
        self.snapshot.phase = phase;
        self.changed = true;
    }

    fn publish(&mut self) {
        let hurried = self.snapshot.phase.busy() && self.published.elapsed() < PUBLISH_EVERY;
        if !self.changed || hurried {
            return;
        }
        let making = self.making.as_ref().and_then(|making| making.take.as_ref());
        self.snapshot.clip = making.or(self.take.as_deref()).map(Take::view);
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
