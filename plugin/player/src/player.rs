//! `process()`: never fails, never allocates, never waits.
//!
//! Audio thread. The player holds at most three clips, the one that plays, the one that will when it
//! is finished, and the one that will on the next beat. It gives memory back while it takes commands,
//! and on such a beat.

use crate::clip::{Clip, ClipId};
use crate::fade::{Gain, Tail, Times};
use crate::handoff::{AudioEnd, Command, Return};
use crate::report::{Meter, Playhead, Report};
use crate::sync::Grid;
use crate::transport::{Settings, Transport};
use crate::voice::{Voice, covered};

/// Commands taken in one go. More wait for the next block, so that a block's time is bounded.
const COMMANDS_A_BLOCK: usize = 256;

/// The audio thread's half.
pub struct Player {
    end: AudioEnd,
    times: Times,
    /// The clip that plays or would play.
    current: Option<Box<Clip>>,
    /// A clip that still grows and takes the place of `current` when it is finished.
    next: Option<Box<Clip>>,
    /// A complete clip that takes the place of `current` on the next beat.
    due: Option<Box<Clip>>,
    /// What sounds of `current`.
    voice: Option<Voice>,
    /// Where a voice on its own clock was when its clip was swapped, in beats.
    resume_beats: Option<f64>,
    tail: Tail,
    gain: Gain,
    audition: bool,
    meter: Meter,
}

impl Player {
    pub(crate) fn new(end: AudioEnd) -> Self {
        Self {
            end,
            times: Times::new(0.0),
            current: None,
            next: None,
            due: None,
            voice: None,
            resume_beats: None,
            tail: Tail::new(),
            gain: Gain::new(),
            audition: false,
            meter: Meter::default(),
        }
    }

    /// Realtime-safe. Takes the host's rate and forgets what sounds; clips stay. A rate that
    /// can't be meant is taken as 48 kHz.
    pub fn reset(&mut self, rate_hz: f64) {
        self.times = Times::new(rate_hz);
        self.voice = None;
        self.resume_beats = None;
        self.tail.clear();
    }

    /// Realtime-safe. Fills the buffers with the next frames. Buffers of any length, 0 too; where
    /// one is longer, its rest is silent.
    pub fn process(
        &mut self,
        transport: &Transport,
        settings: &Settings,
        left: &mut [f32],
        right: &mut [f32],
    ) {
        self.receive();
        let frames = left.len().min(right.len());
        let (left, rest_left) = left.split_at_mut(frames);
        let (right, rest_right) = right.split_at_mut(frames);
        rest_left.fill(0.0);
        rest_right.fill(0.0);
        if frames == 0 {
            return;
        }
        let at_once = self.voice.is_none() && !self.tail.sounding();
        self.gain.aim(settings.gain, &self.times, at_once);
        match self.due_in(transport, settings).filter(|at| *at < frames) {
            Some(at) => {
                let (head_left, rest_left) = left.split_at_mut(at);
                let (head_right, rest_right) = right.split_at_mut(at);
                self.sound(transport, settings, head_left, head_right);
                self.swap();
                let then = transport.after(at, self.times.rate_hz);
                self.sound(&then, settings, rest_left, rest_right);
            }
            None => self.sound(transport, settings, left, right),
        }
        self.gain.apply(left, right);
        self.meter.measure(left, right);
        self.report();
    }

    /// Fills the buffers with what sounds of one clip, and the ends of those before.
    fn sound(
        &mut self,
        transport: &Transport,
        settings: &Settings,
        left: &mut [f32],
        right: &mut [f32],
    ) {
        let frames = left.len();
        if frames == 0 {
            return;
        }
        self.steer(transport, settings, frames);
        match (&self.current, &mut self.voice) {
            (Some(clip), Some(voice)) => {
                voice.render(clip, &self.times, left, right);
                self.meter.count_holes(voice.take_holes());
            }
            _ => {
                left.fill(0.0);
                right.fill(0.0);
            }
        }
        self.tail.add_to(left, right);
    }

    /// Frames until the clip that is due takes over: such that its fade ends on a beat, whose attack
    /// is then all its own. At once where nothing sounds. `None` when no clip is due, or there is
    /// no room for the one before to go back.
    fn due_in(&self, transport: &Transport, settings: &Settings) -> Option<usize> {
        if self.due.is_none() || !self.end.has_room() {
            return None;
        }
        let place = self
            .current
            .as_ref()
            .filter(|_| self.voice.is_some())
            .and_then(|clip| self.place(clip, transport, settings));
        let Some((grid, position)) = place else {
            return Some(0);
        };
        // The end of a loop of no whole number of beats is one of its beats.
        let (beats, loop_beats) = (grid.beats_at(position), grid.beats());
        let next = (beats.floor() + 1.0).min(loop_beats);
        let frames = |beats: f64| beats * grid.frames_a_beat();
        let ahead = frames(next - beats) - self.times.fade_frames as f64;
        let ahead = if ahead < 0.0 {
            ahead + frames(loop_beats.min(1.0))
        } else {
            ahead
        };
        Some(ahead.round().max(0.0) as usize)
    }

    /// The clip that is due takes over.
    fn swap(&mut self) {
        self.cut(true);
        let old = self.current.take();
        self.current = self.due.take();
        self.give_back(old);
    }

    /// Realtime-safe. Takes what the session sent; [`Self::process`] does so itself. For a host
    /// that renders offline, to wait for audio before it calls `process`.
    pub fn receive(&mut self) {
        for _ in 0..COMMANDS_A_BLOCK {
            let Some(command) = self.end.next() else {
                return;
            };
            self.obey(command);
        }
    }

    /// Realtime-safe. Whether the next block has all the audio that it needs of the clip that
    /// plays, as far as [`Self::receive`] has seen. True when there is nothing to wait for: it
    /// would be silent, there is no clip, its growing has ended, or the session is gone.
    #[must_use]
    pub fn ready_for(&self, transport: &Transport, settings: &Settings, frames: usize) -> bool {
        let Some(clip) = &self.current else {
            return true;
        };
        let Some((grid, position)) = self.place(clip, transport, settings) else {
            return true;
        };
        covered(clip, &self.times, &grid, position, frames) || self.end.abandoned()
    }

    /// Realtime-safe. The clip that plays or would play.
    #[must_use]
    pub fn clip(&self) -> Option<ClipId> {
        self.current.as_ref().map(|clip| clip.info().id)
    }

    /// Does what the session says. Gives back at most `FREED_BY_A_COMMAND` pieces.
    fn obey(&mut self, command: Command) {
        match command {
            Command::Clip(clip) if clip.finished() => {
                // A clip that still grows steps back and returns when it is finished.
                let growing = self.next.is_none()
                    && self
                        .current
                        .as_ref()
                        .is_some_and(|current| !current.finished());
                self.cut(true);
                let due = self.due.take();
                self.give_back(due);
                let old = self.current.replace(clip);
                if growing {
                    self.next = old
                } else {
                    self.give_back(old)
                }
            }
            Command::Swap(clip) => match &self.current {
                Some(current) if current.finished() => {
                    let old = self.due.replace(clip);
                    self.give_back(old);
                }
                // Nothing that could go on until the next beat.
                _ => self.obey(Command::Clip(clip)),
            },
            Command::Clip(clip) if self.current.is_none() => self.current = Some(clip),
            Command::Clip(clip) => {
                let old = self.next.replace(clip);
                self.give_back(old);
            }
            Command::Block(id, block) => {
                let refused = match self.named(id) {
                    Some(clip) => clip.append(block),
                    None => Some(block),
                };
                if let Some(block) = refused {
                    self.end.give_back(Return::Block(block));
                }
            }
            Command::Finish(id) => {
                if let Some(clip) = self.named(id) {
                    clip.finish();
                }
                if self.next.as_ref().is_some_and(|next| next.info().id == id) {
                    self.promote();
                }
            }
            Command::Discard(id) => {
                if self.clip() == Some(id) {
                    self.promote();
                } else if self.next.as_ref().is_some_and(|next| next.info().id == id) {
                    let old = self.next.take();
                    self.give_back(old);
                } else if self.due.as_ref().is_some_and(|due| due.info().id == id) {
                    let old = self.due.take();
                    self.give_back(old);
                }
            }
            Command::Clear => {
                self.cut(false);
                let (current, next) = (self.current.take(), self.next.take());
                let due = self.due.take();
                self.give_back(current);
                self.give_back(next);
                self.give_back(due);
            }
            Command::Audition(on) => self.audition = on,
        }
    }

    /// The next clip, else the one that is due, or none, takes the place of the current one.
    fn promote(&mut self) {
        self.cut(self.next.is_some() || self.due.is_some());
        let old = self.current.take();
        let (next, due) = (self.next.take(), self.due.take());
        self.give_back(old);
        self.current = match (next, due) {
            (Some(next), due) => {
                self.give_back(due);
                Some(next)
            }
            (None, due) => due,
        };
    }

    fn named(&mut self, id: ClipId) -> Option<&mut Box<Clip>> {
        let clips = [self.current.as_mut(), self.next.as_mut()];
        clips
            .into_iter()
            .flatten()
            .find(|clip| clip.info().id == id)
    }

    fn give_back(&mut self, clip: Option<Box<Clip>>) {
        if let Some(clip) = clip {
            self.end.give_back(Return::Clip(clip));
        }
    }

    /// Ends what sounds, faded out. `resume`: another clip goes on at the same beat.
    fn cut(&mut self, resume: bool) {
        let voice = self.voice.take();
        if !resume {
            self.resume_beats = None;
        }
        if let (Some(clip), Some(voice)) = (&self.current, voice) {
            self.tail.take_over(clip, voice, &self.times);
            if resume {
                self.resume_beats = Some(voice.grid().beats_at(voice.position()));
            }
        }
    }

    /// Where the transport and the settings want the clip to be; `None`: silent.
    fn place(
        &self,
        clip: &Clip,
        transport: &Transport,
        settings: &Settings,
    ) -> Option<(Grid, f64)> {
        if !settings.play || !(transport.playing || self.audition) {
            return None;
        }
        let (info, rate_hz) = (clip.info(), self.times.rate_hz);
        let host = transport
            .grid()
            .filter(|_| transport.playing && settings.sync);
        if let Some((beats, tempo_bpm)) = host {
            let grid = Grid::new(info, tempo_bpm, rate_hz);
            return Some((grid, grid.position(beats)));
        }
        let grid = Grid::free(info, rate_hz);
        let position = match (&self.voice, self.resume_beats) {
            (Some(voice), _) => grid.wrap(voice.position()),
            (None, Some(beats)) => grid.position(beats),
            (None, None) => 0.0,
        };
        Some((grid, position))
    }

    /// Starts, moves or stops the voice.
    fn steer(&mut self, transport: &Transport, settings: &Settings, frames: usize) {
        let place = self
            .current
            .as_ref()
            .and_then(|clip| self.place(clip, transport, settings));
        let Some((grid, position)) = place else {
            self.cut(false);
            return;
        };
        if let (Some(clip), Some(voice)) = (&self.current, &mut self.voice) {
            if voice.follow(clip, &self.times, grid, position, frames) {
                return;
            }
            self.cut(false);
        }
        let rise = if self.tail.sounding() {
            self.times.fade_rise
        } else {
            self.times.start_rise
        };
        self.voice = Some(Voice::start(grid, position, rise));
        self.resume_beats = None;
    }

    /// Sends a report when one is due.
    fn report(&mut self) {
        if !self.meter.due(self.times.rate_hz) {
            return;
        }
        let (peaks, holes) = self.meter.reading();
        let playhead = self.voice.as_ref().map(|voice| Playhead {
            frame: voice.position(),
            beats: voice.grid().beats_at(voice.position()),
        });
        let ready_frames = self
            .current
            .as_ref()
            .map_or(0, |clip| clip.ready_frames() as u64);
        let report = Report {
            clip: self.clip(),
            ready_frames,
            playhead,
            peaks,
            holes,
        };
        if self.end.report(report) {
            self.meter.reported();
        }
    }
}
