//! One slot: its clips, and what sounds of them.
//!
//! Audio thread. A slot holds at most three clips, the one that plays, the one that will when it
//! is finished, and the one that will on the next beat. It gives memory back while it takes commands,
//! and on such a beat.

use crate::clip::{Clip, ClipId};
use crate::fade::{Tail, Times};
use crate::handoff::{AudioEnd, Command, Return};
use crate::report::{Playhead, SlotState, SlotStatus};
use crate::settings::{Settings, SlotSettings};
use crate::sync::Grid;
use crate::transport::Transport;
use crate::voice::{Voice, covered};

/// What a slot must know of its surroundings for some frames.
pub(crate) struct Scene<'a> {
    pub(crate) transport: &'a Transport,
    pub(crate) settings: &'a Settings,
    pub(crate) audition: bool,
    pub(crate) held: bool,
}

/// A slot of the player.
pub(crate) struct Slot {
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
    pub(crate) settings: SlotSettings,
    pub(crate) layered: bool,
    /// Holes since they were last asked for.
    holes: u32,
    /// Highest magnitude since the last report.
    peak: f32,
}

impl Slot {
    pub(crate) fn new() -> Self {
        Self {
            current: None,
            next: None,
            due: None,
            voice: None,
            resume_beats: None,
            tail: Tail::new(),
            settings: SlotSettings::default(),
            layered: false,
            holes: 0,
            peak: 0.0,
        }
    }

    pub(crate) fn reset(&mut self) {
        self.voice = None;
        self.resume_beats = None;
        self.tail.clear();
    }

    pub(crate) fn sounding(&self) -> bool {
        self.voice.is_some() || self.tail.sounding()
    }

    pub(crate) fn take_holes(&mut self) -> u32 {
        std::mem::take(&mut self.holes)
    }

    pub(crate) fn status(&self) -> SlotStatus {
        SlotStatus {
            clip: self.clip(),
            ready_frames: self
                .current
                .as_ref()
                .map_or(0, |clip| clip.ready_frames() as u64),
            playhead: self.voice.as_ref().map(|voice| Playhead {
                frame: voice.position(),
                beats: voice.grid().beats_at(voice.position()),
            }),
            state: if self.voice.is_some() {
                SlotState::Sounding
            } else {
                SlotState::Stopped
            },
            peak: self.peak,
        }
    }

    pub(crate) fn reported(&mut self) {
        self.peak = 0.0;
    }

    /// Fills the buffers with what sounds of one clip, and the ends of those before.
    pub(crate) fn sound(
        &mut self,
        times: &Times,
        scene: &Scene<'_>,
        left: &mut [f32],
        right: &mut [f32],
    ) {
        let frames = left.len();
        if frames == 0 {
            return;
        }
        self.steer(times, scene, frames);
        match (&self.current, &mut self.voice) {
            (Some(clip), Some(voice)) => {
                voice.render(clip, times, left, right);
                self.holes += voice.take_holes();
            }
            _ => {
                left.fill(0.0);
                right.fill(0.0);
            }
        }
        self.tail.add_to(left, right);
        for x in left.iter().chain(right.iter()) {
            self.peak = self.peak.max(x.abs());
        }
    }

    /// Frames until the clip that is due takes over: such that its fade ends on a beat, whose attack
    /// is then all its own. At once where nothing sounds. `None` when no clip is due, or there is
    /// no room for the one before to go back.
    pub(crate) fn due_in(&self, times: &Times, scene: &Scene<'_>, end: &AudioEnd) -> Option<usize> {
        if self.due.is_none() || !end.has_room() {
            return None;
        }
        let place = self
            .current
            .as_ref()
            .filter(|_| self.voice.is_some())
            .and_then(|clip| self.place(clip, times, scene));
        let Some((grid, position)) = place else {
            return Some(0);
        };
        // The end of a loop of no whole number of beats is one of its beats.
        let (beats, loop_beats) = (grid.beats_at(position), grid.beats());
        let next = (beats.floor() + 1.0).min(loop_beats);
        let frames = |beats: f64| beats * grid.frames_a_beat();
        let ahead = frames(next - beats) - times.fade_frames as f64;
        let ahead = if ahead < 0.0 {
            ahead + frames(loop_beats.min(1.0))
        } else {
            ahead
        };
        Some(ahead.round().max(0.0) as usize)
    }

    /// The clip that is due takes over.
    pub(crate) fn swap(&mut self, times: &Times, end: &mut AudioEnd) {
        self.cut(times, true);
        let old = self.current.take();
        self.current = self.due.take();
        give_back(end, old);
    }

    /// Realtime-safe. The clip that plays or would play.
    pub(crate) fn clip(&self) -> Option<ClipId> {
        self.current.as_ref().map(|clip| clip.info().id)
    }

    /// Does what the session says. Gives back at most `FREED_BY_A_COMMAND` pieces.
    pub(crate) fn obey(&mut self, command: Command, times: &Times, end: &mut AudioEnd) {
        match command {
            Command::Clip(_, clip) if clip.finished() => {
                // A clip that still grows steps back and returns when it is finished.
                let growing = self.next.is_none()
                    && self
                        .current
                        .as_ref()
                        .is_some_and(|current| !current.finished());
                self.cut(times, true);
                let due = self.due.take();
                give_back(end, due);
                let old = self.current.replace(clip);
                if growing {
                    self.next = old
                } else {
                    give_back(end, old)
                }
            }
            Command::Swap(_, clip) => match &self.current {
                Some(current) if current.finished() => {
                    let old = self.due.replace(clip);
                    give_back(end, old);
                }
                // Nothing that could go on until the next beat.
                _ => self.obey(Command::Clip(0, clip), times, end),
            },
            Command::Clip(_, clip) if self.current.is_none() => self.current = Some(clip),
            Command::Clip(_, clip) => {
                let old = self.next.replace(clip);
                give_back(end, old);
            }
            Command::Block(_, id, block) => {
                let refused = match self.named(id) {
                    Some(clip) => clip.append(block),
                    None => Some(block),
                };
                if let Some(block) = refused {
                    end.give_back(Return::Block(block));
                }
            }
            Command::Finish(_, id) => {
                if let Some(clip) = self.named(id) {
                    clip.finish();
                }
                if self.next.as_ref().is_some_and(|next| next.info().id == id) {
                    self.promote(times, end);
                }
            }
            Command::Discard(id) => {
                if self.clip() == Some(id) {
                    self.promote(times, end);
                } else if self.next.as_ref().is_some_and(|next| next.info().id == id) {
                    let old = self.next.take();
                    give_back(end, old);
                } else if self.due.as_ref().is_some_and(|due| due.info().id == id) {
                    let old = self.due.take();
                    give_back(end, old);
                }
            }
            Command::Clear(_) => {
                self.cut(times, false);
                let (current, next) = (self.current.take(), self.next.take());
                let due = self.due.take();
                give_back(end, current);
                give_back(end, next);
                give_back(end, due);
            }
            Command::Configure(_, settings) => self.settings = settings,
            Command::Layer(_, on) => self.layered = on,
            Command::Audition(_) => {}
        }
    }

    /// The next clip, else the one that is due, or none, takes the place of the current one.
    fn promote(&mut self, times: &Times, end: &mut AudioEnd) {
        self.cut(times, self.next.is_some() || self.due.is_some());
        let old = self.current.take();
        let (next, due) = (self.next.take(), self.due.take());
        give_back(end, old);
        self.current = match (next, due) {
            (Some(next), due) => {
                give_back(end, due);
                Some(next)
            }
            (None, due) => due,
        };
    }

    /// One of its clips has that name.
    pub(crate) fn has(&self, id: ClipId) -> bool {
        [&self.current, &self.next, &self.due]
            .into_iter()
            .flatten()
            .any(|clip| clip.info().id == id)
    }

    fn named(&mut self, id: ClipId) -> Option<&mut Box<Clip>> {
        let clips = [self.current.as_mut(), self.next.as_mut()];
        clips
            .into_iter()
            .flatten()
            .find(|clip| clip.info().id == id)
    }

    /// Ends what sounds, faded out. `resume`: another clip goes on at the same beat.
    fn cut(&mut self, times: &Times, resume: bool) {
        let voice = self.voice.take();
        if !resume {
            self.resume_beats = None;
        }
        if let (Some(clip), Some(voice)) = (&self.current, voice) {
            self.tail.take_over(clip, voice, times);
            if resume {
                self.resume_beats = Some(voice.grid().beats_at(voice.position()));
            }
        }
    }

    /// Where the transport and the settings want the clip to be; `None`: silent.
    fn place(&self, clip: &Clip, times: &Times, scene: &Scene<'_>) -> Option<(Grid, f64)> {
        let Scene {
            transport,
            settings,
            ..
        } = scene;
        if !scene.held || !settings.play || !(transport.playing || scene.audition) {
            return None;
        }
        let (info, rate_hz) = (clip.info(), times.rate_hz);
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
    fn steer(&mut self, times: &Times, scene: &Scene<'_>, frames: usize) {
        let place = self
            .current
            .as_ref()
            .and_then(|clip| self.place(clip, times, scene));
        let Some((grid, position)) = place else {
            self.cut(times, false);
            return;
        };
        if let (Some(clip), Some(voice)) = (&self.current, &mut self.voice) {
            if voice.follow(clip, times, grid, position, frames) {
                return;
            }
            self.cut(times, false);
        }
        let rise = if self.tail.sounding() {
            times.fade_rise
        } else {
            times.start_rise
        };
        self.voice = Some(Voice::start(grid, position, rise));
        self.resume_beats = None;
    }

    /// Whether the next frames have all the audio that they need.
    pub(crate) fn ready_for(&self, times: &Times, scene: &Scene<'_>, frames: usize) -> bool {
        let Some(clip) = &self.current else {
            return true;
        };
        let Some((grid, position)) = self.place(clip, times, scene) else {
            return true;
        };
        covered(clip, times, &grid, position, frames)
    }
}

fn give_back(end: &mut AudioEnd, clip: Option<Box<Clip>>) {
    if let Some(clip) = clip {
        end.give_back(Return::Clip(clip));
    }
}
