//! The session's thread: takes messages and news of the engine, and feeds the player.
//!
//! May allocate, lock and write files; never waits for the audio thread, the engine or the library.

use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use barline_engine::Engine;
use barline_player::{Control, SLOTS, SlotState as PlayerState};
use crossbeam_channel::{Receiver, Select};

use super::feed::Arrival;
use super::files::Errand;
use super::keeper::{Keeper, Order};
use super::making::Making;
use super::shelf::ShelfKeeper;
use super::slots::{Preview, Slot};
use super::takes::Takes;
use super::undo::Undo;
use super::versions::Refit;
use super::{Folders, Post, Screen, Shared};
use crate::params::BarlineParams;
use crate::state::Loaded;
use crate::view::{Message, Phase, Purpose, SlotState, Snapshot, Source, UiAction};
use crate::wording;

/// Least time between two snapshots while a clip is made.
const PUBLISH_EVERY: Duration = Duration::from_millis(33);
/// How often the thread looks after the player: while it plays in an open panel, while clips
/// wait for room on their way to it, and else.
const PACE_PLAYING: Duration = Duration::from_millis(33);
const PACE_HANDING_OVER: Duration = Duration::from_millis(2);
const PACE_IDLE: Duration = Duration::from_millis(40);
/// A playhead of which nothing was heard for so long does not move any more.
const STALE: Duration = Duration::from_millis(300);
/// Peaks fall by this in a second, so that an eye can follow.
const PEAK_FALL_DB: f32 = 24.0;
/// How often an open panel looks whether other instances changed the library.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How often to look at the engine while nothing is made here: another instance may be at work.
const LOOK_AT_ENGINE_EVERY: Duration = Duration::from_millis(250);
/// Prompts that can be called back.
const HISTORY: usize = 100;

/// What the thread owns.
pub(super) struct Worker<S: Screen> {
    pub(super) params: Arc<BarlineParams>,
    pub(super) shared: Arc<Shared>,
    inbox: Receiver<Post>,
    pub(super) control: Control,
    pub(super) screen: S,
    /// Kept from the first request on, so that the model stays loaded.
    pub(super) engine: Option<Arc<Engine>>,
    pub(super) making: Option<Making>,
    pub(super) slots: [Slot; SLOTS],
    pub(super) takes: Takes,
    pub(super) preview: Option<Preview>,
    /// A version of a slot's clip that is being made.
    pub(super) refit: Option<Refit>,
    /// Files that wait for a slot's clip to be at the host's tempo.
    pub(super) errands: Vec<(Source, Errand)>,
    /// The newest file, and of what it is.
    pub(super) saved: Option<(Source, PathBuf)>,
    pub(super) revealing: Option<barline_drag::Pending<Result<(), barline_drag::RevealError>>>,
    /// From the first thing on that is to be kept or looked up.
    pub(super) keeper: Option<Keeper>,
    /// From the first look at models on.
    pub(super) shelf: Option<ShelfKeeper>,
    /// The id of a model that is used as soon as it is here.
    pub(super) wanted: Option<String>,
    pub(super) folders: Folders,
    pub(super) undo: Undo,
    pub(super) rate_hz: Option<u32>,
    pub(super) last_clip: u64,
    pub(super) last_take: u64,
    pub(super) last_file: u64,
    presses: u32,
    pub(super) snapshot: Snapshot,
    pub(super) changed: bool,
    published: Instant,
    heard: Instant,
    /// When the library was last asked whether others changed it.
    looked: Instant,
    /// When the engine was last looked at.
    engine_looked: Instant,
    /// Peaks as the panel sees them, and when they were last let fall.
    peaks: ([f32; 2], Instant),
}

impl<S: Screen> Worker<S> {
    pub(super) fn new(
        params: Arc<BarlineParams>,
        shared: Arc<Shared>,
        inbox: Receiver<Post>,
        control: Control,
        screen: S,
        folders: Folders,
    ) -> Self {
        Self {
            params,
            shared,
            inbox,
            control,
            screen,
            engine: None,
            making: None,
            slots: Default::default(),
            takes: Takes::default(),
            preview: None,
            refit: None,
            errands: Vec::new(),
            saved: None,
            revealing: None,
            keeper: None,
            shelf: None,
            wanted: None,
            folders,
            undo: Undo::default(),
            rate_hz: None,
            last_clip: 0,
            last_take: 0,
            last_file: 0,
            presses: 0,
            snapshot: Snapshot::default(),
            changed: false,
            published: Instant::now(),
            heard: Instant::now(),
            looked: Instant::now(),
            engine_looked: Instant::now(),
            peaks: ([0.0; 2], Instant::now()),
        }
    }

    /// Until it is told to stop.
    pub(super) fn run(mut self) {
        for slot in 0..SLOTS {
            self.tune(slot);
        }
        self.settle();
        loop {
            self.wait();
            let asked = self.shared.busy.asked.load(Ordering::Acquire);
            while let Ok(post) = self.inbox.try_recv() {
                if !self.obey(post) {
                    return;
                }
            }
            self.hear_all();
            self.hear_keeper();
            self.hear_shelf();
            self.hear_refit();
            let presses = self.params.generate_presses.load(Ordering::Acquire);
            if presses != self.presses {
                self.presses = presses;
                self.generate(false);
            }
            let wish = self.shared.busy.wished();
            self.follow(wish);
            self.run_errands();
            self.look_after_player();
            self.publish();
            if self.at_rest() {
                let busy = &self.shared.busy;
                busy.done.store(asked, Ordering::Release);
                busy.presses_done.store(presses, Ordering::Release);
                busy.wish_done.store(wish.bits(), Ordering::Release);
            }
            self.publish();
        }
    }

    /// Until there is something to do, or it is time to look after the player.
    fn wait(&self) {
        let mut select = Select::new();
        select.recv(&self.inbox);
        for part in self.making.iter().flat_map(|making| &making.parts) {
            select.recv(part.job.events());
        }
        if let Some(keeper) = &self.keeper {
            select.recv(&keeper.news);
        }
        if let Some(shelf) = &self.shelf {
            select.recv(&shelf.tells);
        }
        if let Some(refit) = &self.refit {
            select.recv(&refit.made);
        }
        // Which of them it was is found by asking all.
        let _ = select.ready_timeout(self.pace());
    }

    fn hear_refit(&mut self) {
        use crossbeam_channel::TryRecvError::Empty;
        let Some(refit) = &self.refit else {
            return;
        };
        match refit.made.try_recv() {
            Ok(take) => self.refitted(Some(take)),
            Err(Empty) => {}
            Err(_) => self.refitted(None),
        }
    }

    /// All that was asked for has arrived at the player.
    fn at_rest(&self) -> bool {
        self.making.is_none()
            && self.refit.is_none()
            && self.errands.is_empty()
            && self
                .keeper
                .as_ref()
                .is_none_or(|keeper| keeper.reading == 0)
            && self.control.waiting() == 0
    }

    fn pace(&self) -> Duration {
        if self.control.waiting() > 0 {
            PACE_HANDING_OVER
        } else if self.screen.is_open() && (self.shared.live.sounding() || self.changed) {
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
            Post::Loaded(loaded, presses) => self.load(*loaded, presses),
            Post::Ui(action) => self.act(action),
        }
        self.settle();
        true
    }

    fn act(&mut self, action: UiAction) {
        match action {
            UiAction::Generate => self.generate(false),
            UiAction::Similar(source) => self.again(source, true),
            UiAction::Reroll(source) => self.again(source, false),
            UiAction::Restore(slot) => self.restore(slot),
            UiAction::Cancel => self.cancel(),
            UiAction::Audition(on) => {
                self.control.audition(on || self.preview.is_some());
                self.snapshot.audition = on;
                self.changed = true;
            }
            UiAction::Select(slot) => {
                let slot = slot.min(SLOTS - 1);
                self.params
                    .project
                    .update(|project| project.selected = slot);
                self.changed = true;
            }
            UiAction::Preview(None) => self.preview(None),
            UiAction::Preview(Some(source)) => self.hear_source(source),
            UiAction::Place(source, slot) => self.put(source, slot),
            UiAction::Flip(slot) => self.flip(slot),
            UiAction::Swap(one, other) => self.exchange(one, other),
            UiAction::Empty(slot) => {
                self.checkpoint(None);
                self.place(slot, None);
            }
            UiAction::Tune(slot, settings) => {
                self.checkpoint(Some(slot));
                self.params.project.update(|project| {
                    if let Some(place) = project.slots.get_mut(slot) {
                        *place = settings;
                    }
                });
                if slot < SLOTS {
                    self.tune(slot);
                }
                self.changed = true;
            }
            UiAction::Edited => self.edited(),
            UiAction::Undo => self.undo(),
            UiAction::Redo => self.redo(),
            UiAction::Save(source, to) => self.run_errand(source, Errand::Save(to)),
            UiAction::Drag(source) => self.run_errand(source, Errand::Ready(Purpose::Drag)),
            UiAction::CopyFile(source) => self.run_errand(source, Errand::Ready(Purpose::Copy)),
            UiAction::Dragged => {
                self.snapshot.ready = None;
                self.changed = true;
            }
            UiAction::Reveal(source) => self.reveal(&source),
            UiAction::Import(paths, slot) => self.import(paths, slot),
            UiAction::Library(action) => self.ask_library(action),
            UiAction::Model(action) => self.ask_shelf(action),
            UiAction::Say(message) => self.say(message),
            UiAction::Dismiss => {
                self.snapshot.message = None;
                self.changed = true;
            }
        }
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
        self.preview(None);
        self.undo = Undo::default();
        self.load_clips(&loaded.clips);
        self.find_model();
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
        for slot in 0..SLOTS {
            self.hand_over(slot, Arrival::AtOnce);
        }
        self.feed_making();
    }

    fn look_after_player(&mut self) {
        let status = self.control.poll();
        if status.fresh {
            self.heard = Instant::now();
        }
        let fresh = self.heard.elapsed() < STALE;
        let mut news = false;
        for (slot, status) in status.slots.iter().enumerate() {
            let state = match status.state {
                PlayerState::Sounding if fresh => SlotState::Sounding,
                PlayerState::Waiting if fresh => SlotState::Waiting,
                _ => SlotState::Stopped,
            };
            let beat = status.playhead.filter(|_| fresh);
            let beat = beat.map(|playhead| playhead.beats);
            news |= self.shared.live.set_slot(slot, state, beat);
        }
        let fall = 10.0_f32.powf(-PEAK_FALL_DB / 20.0 * self.peaks.1.elapsed().as_secs_f32());
        let mut peaks = self.peaks.0.map(|peak| peak * fall);
        for (peak, new) in peaks.iter_mut().zip(status.peaks) {
            *peak = if peak.max(new) < 1e-4 {
                0.0
            } else {
                peak.max(new)
            };
        }
        self.peaks = (peaks, Instant::now());
        news |= self.shared.live.set_peaks(peaks);
        if news {
            self.screen.repaint();
        }
        let due = self.making.is_some() || self.engine_looked.elapsed() > LOOK_AT_ENGINE_EVERY;
        if self.screen.is_open() && due {
            self.engine_looked = Instant::now();
            self.look_at_engine();
        }
        if self.screen.is_open() && self.looked.elapsed() > LOOK_EVERY {
            self.looked = Instant::now();
            if let Some(keeper) = &mut self.keeper {
                keeper.order(Order::Look);
            }
            if let Some(shelf) = &self.shelf {
                shelf.look();
            }
        }
        if let Some(shown) = self
            .revealing
            .as_ref()
            .and_then(|pending| pending.outcome())
        {
            self.revealing = None;
            if let Err(error) = shown {
                self.say_error(&error);
            }
        }
    }

    /// A prompt that can be called back.
    pub(super) fn remember_prompt(&mut self, prompt: &str) {
        let prompt = prompt.trim();
        let mut history: Vec<String> = self.snapshot.history.to_vec();
        if prompt.is_empty() || history.first().is_some_and(|newest| newest == prompt) {
            return;
        }
        history.retain(|other| other != prompt);
        history.insert(0, prompt.to_owned());
        history.truncate(HISTORY);
        self.snapshot.history = history.into();
    }

    pub(super) fn say(&mut self, message: Message) {
        self.snapshot.message = Some(message);
        self.changed = true;
    }

    pub(super) fn say_error(&mut self, error: &dyn std::fmt::Display) {
        let text = error.to_string();
        // Names of files and models are left as they are.
        let word = text.split_whitespace().next().unwrap_or_default();
        let shown = if word.chars().all(char::is_alphabetic) {
            wording::sentence(&text)
        } else {
            text
        };
        self.say(Message::Error(format!("{shown}.")));
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
        let making = self.making.as_ref();
        for (index, slot) in self.slots.iter().enumerate() {
            let making = making.filter(|making| making.slot() == index);
            let view = &mut self.snapshot.slots[index];
            view.making = making.is_some();
            view.flips = slot.before.is_some();
            view.clip = match making.and_then(Making::heard) {
                Some(growing) => Some(growing.view()),
                None => slot.playing.as_ref().map(|take| take.view()),
            };
            view.missing = slot
                .missing
                .as_ref()
                .map(|missing| missing.facts.prompt.clone());
        }
        self.snapshot.takes = self.takes.view();
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
