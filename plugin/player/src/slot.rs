//! One slot: what sounds of its clips, and when that begins, changes and ends.
//!
//! Audio thread. For each pass it is asked first what is to be done now ([`Slot::act`]), which says
//! when there will be more, and then to sound until then. It gives memory back while it takes
//! commands, and where a clip takes over on a line.

use crate::balance::Balance;
use crate::clip::{Clip, ClipId, ClipInfo};
use crate::clock::Moment;
use crate::fade::{Tail, Times};
use crate::grow;
use crate::handoff::{AudioEnd, Command};
use crate::launch::{Cue, Launch, Waiting};
use crate::part::{Part, Unit};
use crate::render::Workbench;
use crate::report::{Playhead, SlotState, SlotStatus};
use crate::scene::{NOW_FRAMES, Next, Scene};
use crate::settings::{Hear, SlotSettings};
use crate::shelf::Shelf;
use crate::sync::Grid;
use crate::voice::Voice;

/// A slot of the player.
pub(crate) struct Slot {
    shelf: Shelf,
    launch: Launch,
    /// What sounds.
    voice: Option<Voice>,
    /// Why it sounds; while it falls, why it did.
    cue: Option<Cue>,
    tail: Tail,
    settings: SlotSettings,
    /// It sounds besides the base slot.
    layered: bool,
    balance: Balance,
    holes: u32,
    peak: f32,
}

impl Slot {
    pub(crate) fn new() -> Self {
        Self {
            shelf: Shelf::default(),
            launch: Launch::default(),
            voice: None,
            cue: None,
            tail: Tail::new(),
            settings: SlotSettings::default(),
            layered: false,
            balance: Balance::new(),
            holes: 0,
            peak: 0.0,
        }
    }

    /// Realtime-safe. Forgets what sounds and the notes that hold it.
    pub(crate) fn reset(&mut self) {
        self.voice = None;
        self.tail.clear();
        self.launch.let_notes_go();
        self.launch.set_grid(false, 0.0);
    }

    /// Something is to be heard.
    pub(crate) fn sounding(&self) -> bool {
        self.voice.is_some() || self.tail.sounding()
    }

    pub(crate) fn layered(&self) -> bool {
        self.layered
    }

    /// It sounds on the grid and will not be wanted there.
    pub(crate) fn leaves(&self, wanted: bool) -> bool {
        self.voice.is_some() && self.launch.on_grid() && !wanted
    }

    /// A note holds it, or will, or what one launched still fades out.
    pub(crate) fn has_note(&self) -> bool {
        self.launch.has_note() || (self.voice.is_some() && self.cue.is_some_and(|cue| cue.note))
    }

    /// It is held, by whatever.
    pub(crate) fn held(&self) -> bool {
        self.launch.has_note() || self.launch.on_grid() || self.layered
    }

    pub(crate) fn launch(&mut self) -> &mut Launch {
        &mut self.launch
    }

    /// A key goes down.
    pub(crate) fn press(&mut self, velocity: f32) {
        self.launch.press(velocity, self.settings.note);
    }

    /// Facts of the clip that is heard or would be.
    pub(crate) fn info(&self) -> Option<&ClipInfo> {
        self.shelf.current().map(Clip::info)
    }

    /// The clip that is heard or would be, else the one that grows.
    pub(crate) fn clip(&self) -> Option<ClipId> {
        self.shelf.shown().map(|clip| clip.info().id)
    }

    /// One of its clips has that name.
    pub(crate) fn has(&self, id: ClipId) -> bool {
        self.shelf.has(id)
    }

    pub(crate) fn take_holes(&mut self) -> u32 {
        std::mem::take(&mut self.holes)
    }

    pub(crate) fn status(&self, wanted: bool) -> SlotStatus {
        // A one-shot whose start is still to come only waits.
        let voice = self.voice.as_ref().filter(|voice| voice.position() >= 0.0);
        let waits = matches!(self.launch.waiting(), Some(Waiting::On { .. }))
            || (wanted && !self.launch.on_grid())
            || (self.voice.is_some() && voice.is_none());
        SlotStatus {
            clip: self.clip(),
            ready_frames: self.shelf.ready_frames() as u64,
            playhead: voice.map(|voice| Playhead {
                // A beat's fade begins before the beat, the first one's before the clip.
                frame: voice.part().source(voice.position(), voice.unit()).max(0.0),
                beats: voice.grid().beats_at(voice.position()),
            }),
            state: match voice {
                Some(voice) if !voice.falling() => SlotState::Sounding,
                _ if waits => SlotState::Waiting,
                _ => SlotState::Stopped,
            },
            peak: self.peak,
        }
    }

    pub(crate) fn reported(&mut self) {
        self.peak = 0.0;
    }

    /// Realtime-safe. Does what the session says. Gives back at most `FREED_BY_A_COMMAND` pieces.
    pub(crate) fn obey(
        &mut self,
        command: Command,
        times: &Times,
        bench: &mut Workbench,
        end: &mut AudioEnd,
    ) {
        match command {
            Command::Clip(_, clip) if clip.finished() => {
                self.cut(times, bench);
                self.shelf.step_back();
                self.shelf.load(clip, end);
            }
            Command::Clip(_, clip) => {
                if self.shelf.hears_growing() {
                    self.cut(times, bench);
                }
                self.shelf.grow(clip, end);
            }
            Command::Swap(_, clip) if self.voice.is_some() => self.shelf.book(clip, end),
            Command::Swap(_, clip) => self.shelf.load(clip, end),
            Command::Block(_, id, block) => self.shelf.append(id, block, end),
            Command::Finish(_, id) => self.shelf.finish(id, end),
            Command::Discard(id) => {
                if self.shelf.hears(id) {
                    self.cut(times, bench);
                }
                self.shelf.discard(id, end);
            }
            Command::Clear(_) => {
                self.cut(times, bench);
                self.shelf.clear(end);
            }
            Command::Configure(_, settings) => {
                if self.shelf.hears_growing() && (settings.reverse || settings.one_shot) {
                    self.cut(times, bench);
                    self.shelf.step_back();
                }
                self.settings = settings;
            }
            Command::Layer(_, on) => self.layered = on,
            Command::Audition(_) => {}
        }
    }

    /// Realtime-safe. Does all that is to be done at the pass's first frame. Says in how many frames
    /// there is more to do: at least 1.
    pub(crate) fn act(
        &mut self,
        scene: &Scene<'_>,
        bench: &mut Workbench,
        end: &mut AudioEnd,
    ) -> usize {
        let Some(moment) = scene.moment else {
            self.launch.set_grid(scene.wanted, 0.0);
            self.cut(scene.times, bench);
            self.settle(scene, bench, end);
            return usize::MAX;
        };
        let mut next = Next::default();
        self.hold(scene, &moment, &mut next);
        self.take_over(scene, &moment, bench, end, &mut next);
        self.steer(scene, &moment, bench, &mut next);
        next.frames()
    }

    /// Clips take over while nothing sounds.
    fn settle(&mut self, scene: &Scene<'_>, bench: &mut Workbench, end: &mut AudioEnd) {
        if self.shelf.due().is_some() && end.has_room() {
            self.cut(scene.times, bench);
            self.shelf.meet(end);
        }
        if self.may_hear(scene, false) {
            self.shelf.hear();
        }
    }

    /// The grid and notes take and leave the slot on their lines.
    fn hold(&mut self, scene: &Scene<'_>, moment: &Moment, next: &mut Next) {
        let fade = scene.times.fade_frames as f64;
        let line = moment.line(scene.settings.quantise);
        // What takes the place of something fades in before the line, what ends fades out before it.
        let early = |begins: bool, over: bool| {
            let fades = if begins {
                over && !self.settings.one_shot
            } else {
                self.settings.fade_out_seconds <= 0.0
            };
            if fades { fade } else { 0.0 }
        };
        let sounds = self.voice.is_some();
        if scene.starts {
            self.launch.set_grid(scene.wanted, moment.beats);
            self.launch.restart_grid(moment.beats);
        } else if scene.wanted != self.launch.on_grid() {
            let early = early(scene.wanted, sounds || scene.over_another);
            let ahead = line.fade_in_frames(early, false);
            if scene.at_once {
                self.launch.set_grid(scene.wanted, moment.beats);
            } else if next.due(ahead) {
                self.launch.set_grid(scene.wanted, line.beats);
            }
        }
        if let Some(waiting) = self.launch.waiting() {
            let early = early(matches!(waiting, Waiting::On { .. }), sounds);
            if next.due(line.fade_in_frames(early, false)) {
                self.launch.meet(line.beats);
            }
        }
    }

    /// Whether enough of the clip that grows is ready for it to be heard.
    fn may_hear(&self, scene: &Scene<'_>, rolling: bool) -> bool {
        let Some(clip) = self.shelf.to_hear() else {
            return false;
        };
        let hear = scene.settings.hear;
        if self.settings.reverse || self.settings.one_shot || hear == Hear::Finished {
            return false;
        }
        let part = Part::new(clip, &self.settings, scene.times);
        let bar = hear == Hear::NextBar && rolling && !self.shelf.hurried();
        grow::enough(clip, &part, scene.times, bar)
    }

    /// Clips take over on their lines.
    fn take_over(
        &mut self,
        scene: &Scene<'_>,
        moment: &Moment,
        bench: &mut Workbench,
        end: &mut AudioEnd,
        next: &mut Next,
    ) {
        let fade = scene.times.fade_frames as f64;
        let sounds = self.voice.is_some();
        let ahead = |bar: bool| {
            let line = if bar { moment.bar() } else { moment.beat() };
            let early = if sounds { fade } else { 0.0 };
            line.fade_in_frames(early, sounds)
        };
        let hear = scene.settings.hear;
        let bar = hear == Hear::NextBar;
        if let Some(grown) = self.shelf.due()
            && end.has_room()
        {
            let wait = if sounds { ahead(bar && grown) } else { 0.0 };
            if next.due(wait) {
                self.cut(scene.times, bench);
                self.shelf.meet(end);
            }
        } else if self.may_hear(scene, true) {
            let idle = self
                .launch
                .cue(scene.grid_heard, self.settings.one_shot)
                .is_none();
            let now = idle || self.shelf.hurried() || hear == Hear::AtOnce;
            let wait = if now { 0.0 } else { ahead(bar) };
            if next.due(wait) {
                self.cut(scene.times, bench);
                self.shelf.hear();
            }
        }
    }

    /// Starts, moves or ends the voice.
    fn steer(
        &mut self,
        scene: &Scene<'_>,
        moment: &Moment,
        bench: &mut Workbench,
        next: &mut Next,
    ) {
        let held = self.launch.cue(scene.grid_heard, self.settings.one_shot);
        match (held, &mut self.voice) {
            (Some(_), Some(voice)) if voice.falling() => voice.take_back(scene.times),
            (None, Some(voice)) => {
                let seconds = self.settings.fade_out_seconds;
                let frames = seconds * moment.rate_hz;
                let slow = frames > scene.times.fade_frames as f64 && frames.is_finite();
                let ends = voice.falling() && voice.silent();
                if ends || !slow || (self.cue.is_some_and(|cue| !cue.note) && !scene.grid_heard) {
                    self.cut(scene.times, bench);
                } else {
                    voice.let_go((1.0 / frames) as f32);
                }
            }
            _ => {}
        }
        // While it falls, it goes on as it was.
        let cue = held.or(self.cue.filter(|_| self.voice.is_some()));
        let place = cue.and_then(|cue| Some((cue, self.place(cue, scene.times, moment)?)));
        let Some((cue, (part, grid, ideal))) = place else {
            self.cut(scene.times, bench);
            return;
        };
        if part.once() && ideal >= part.frames() as f64 {
            // Over: its voice has faded out by itself, unless it jumped here.
            self.cut(scene.times, bench);
            if cue.note && held.is_some() {
                self.launch.end_note();
            }
            return;
        }
        // A beat of another part is none of this one's: there may be nothing yet where it would lie.
        let same = |voice: &&Voice| voice.part().lies_as(&part);
        let before = self.voice.as_ref().filter(same).and_then(Voice::unit);
        let Some(unit) = self.unit(&part, &grid, ideal, before, scene.times, next) else {
            self.cut(scene.times, bench);
            return;
        };
        self.cue = Some(cue);
        if let (Some(clip), Some(voice)) = (self.shelf.current(), &mut self.voice) {
            let goes_on = unit == before || Unit::follows(before, unit);
            let same = voice.part() == &part && voice.amp() == cue.amp && goes_on;
            if same && voice.follow(clip, scene.times, grid, ideal, scene.pace) {
                voice.go_on(unit);
                return;
            }
            self.cut(scene.times, bench);
        }
        let rise = if self.tail.sounding() || scene.over_another {
            scene.times.fade_rise
        } else {
            scene.times.start_rise
        };
        let fade_in_frames = self.settings.fade_in_seconds * moment.rate_hz;
        let slowest = if fade_in_frames > 1.0 && fade_in_frames.is_finite() && !part.once() {
            (1.0 / fade_in_frames) as f32
        } else {
            1.0
        };
        // What fell when it jumped is over: what is left of it is its tail.
        self.voice = held.is_some().then(|| {
            let rise = rise.min(slowest);
            Voice::start(part, unit, grid, ideal, rise, cue.amp)
        });
    }

    /// What to play, and where in it the moment is.
    fn place(&self, cue: Cue, times: &Times, moment: &Moment) -> Option<(Part, Grid, f64)> {
        let clip = self.shelf.current()?;
        let part = Part::new(clip, &self.settings, times);
        let grid = part.grid(clip.info(), moment.tempo_bpm, times.rate_hz);
        let ideal = grid.position(moment.beats - cue.anchor_beats);
        Some((part, grid, ideal))
    }

    /// The beat to play of a clip that grows; `Some(None)` for one that does not; `None`: nothing.
    fn unit(
        &self,
        part: &Part,
        grid: &Grid,
        ideal: f64,
        before: Option<Unit>,
        times: &Times,
        next: &mut Next,
    ) -> Option<Option<Unit>> {
        let clip = self.shelf.current()?;
        let complete = clip.whole() || clip.finished();
        if complete && before.is_none() {
            return Some(None);
        }
        if part.beats() == 1 {
            // It goes round inside of its one beat, or piece of one: as a complete clip does.
            return grow::enough(clip, part, times, false).then_some(None);
        }
        // A fade before the beat, so that it is over when the beat comes.
        let fade = times.fade_frames as f64 * grid.ratio();
        let ahead = grid.wrap(ideal + fade);
        let beat = part.beat_at(grid.wrap(ahead + NOW_FRAMES * grid.ratio()));
        let end = part.beat_start(beat + 1) as f64;
        let left = end - ahead;
        let round = if left < -grid.loop_frames() / 2.0 {
            grid.loop_frames()
        } else {
            0.0
        };
        next.wait((left + round) / grid.ratio());
        if let Some(before) = before.filter(|before| before.beat == beat) {
            return Some(Some(before));
        }
        if complete {
            // Its own beats from the next bar on, or now where it plays them anyway.
            let rest = before.filter(|before| before.beat != before.source);
            let rest = rest.and_then(|before| grow::rest_of_bar(clip, part, times, beat, before));
            return Some(rest);
        }
        grow::unit(clip, part, times, beat, before).map(Some)
    }

    /// Realtime-safe. Fills the buffers with its next frames, at its own gain and balance; false, and
    /// nothing filled, where it is silent.
    pub(crate) fn sound(
        &mut self,
        times: &Times,
        bench: &mut Workbench,
        left: &mut [f32],
        right: &mut [f32],
    ) -> bool {
        let still = !self.sounding();
        self.balance.aim(&self.settings, times, still);
        if still {
            return false;
        }
        match (self.shelf.current(), &mut self.voice) {
            (Some(clip), Some(voice)) => {
                voice.render(clip, times, &mut bench.render, left, right);
                self.holes += voice.take_holes();
            }
            _ => {
                left.fill(0.0);
                right.fill(0.0);
            }
        }
        if self.voice.as_ref().is_some_and(Voice::over) {
            self.voice = None;
        }
        self.tail.add_to(left, right);
        self.peak = self.peak.max(self.balance.apply(left, right));
        true
    }

    /// Realtime-safe. Whether the next frames have all the audio that they need.
    pub(crate) fn ready_for(&self, scene: &Scene<'_>, frames: usize) -> bool {
        let Some(moment) = scene.moment else {
            return true;
        };
        // The grid takes it with the first frame at the earliest.
        let mut launch = self.launch;
        if scene.wanted {
            launch.set_grid(true, moment.beats);
        }
        let Some(cue) = launch.cue(scene.grid_heard, self.settings.one_shot) else {
            return true;
        };
        let clip = match (self.shelf.current(), self.shelf.to_hear()) {
            (Some(clip), _) => clip,
            (None, Some(clip)) if self.may_hear(scene, true) => clip,
            (None, Some(_)) => return false,
            (None, None) => return true,
        };
        let part = Part::new(clip, &self.settings, scene.times);
        let grid = part.grid(clip.info(), moment.tempo_bpm, scene.times.rate_hz);
        let from = grid.position(moment.beats - cue.anchor_beats);
        let more = (frames + scene.times.fade_frames + 1) as f64 * grid.ratio();
        grow::covered(clip, &part, scene.times, from, from + more)
    }

    /// Realtime-safe. Ends what sounds, faded out.
    fn cut(&mut self, times: &Times, bench: &mut Workbench) {
        let voice = self.voice.take();
        if let (Some(clip), Some(voice)) = (self.shelf.current(), voice) {
            self.tail.take_over(clip, voice, times, bench);
        }
    }
}
