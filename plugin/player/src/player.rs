//! `process()`: never fails, never allocates, never waits.
//!
//! Audio thread. Takes what the session sent, cuts the block where something is to be done, lets the
//! slots sound from there to there, and adds them up.

use crate::SLOTS;
use crate::clip::{ClipId, ClipInfo};
use crate::clock::{Clock, Moment, Step};
use crate::fade::{Gain, Times, scale};
use crate::handoff::{AudioEnd, Command, Return};
use crate::note::{Note, Notes, slot_of};
use crate::outputs::Outputs;
use crate::render::{PASS_FRAMES, Workbench};
use crate::report::{Meter, Report};
use crate::scene::Scene;
use crate::settings::Settings;
use crate::slot::Slot;
use crate::transport::Transport;
use crate::voice::Pace;

/// Commands taken in one go. More wait for the next block, so that a block's time is bounded.
const COMMANDS_A_BLOCK: usize = 256;

/// The audio thread's half.
pub struct Player {
    end: AudioEnd,
    times: Times,
    slots: [Slot; SLOTS],
    notes: Notes,
    clock: Clock,
    gain: Gain,
    /// How much of the slots goes to their own outputs: none, all, or on the way.
    apart: Gain,
    audition: bool,
    /// Of the block before: whether the host played, and whether the grid could be heard.
    played: bool,
    grid_heard: bool,
    base: Option<usize>,
    /// The longest of the last blocks.
    recent_frames: usize,
    meter: Meter,
    bench: Workbench,
    pass: Box<[[f32; PASS_FRAMES]; 4]>,
}

impl Player {
    pub(crate) fn new(end: AudioEnd) -> Self {
        Self {
            end,
            times: Times::new(0.0),
            slots: std::array::from_fn(|_| Slot::new()),
            notes: Notes::new(),
            clock: Clock::new(),
            gain: Gain::new(1.0),
            apart: Gain::new(0.0),
            audition: false,
            played: false,
            grid_heard: false,
            base: None,
            recent_frames: 0,
            meter: Meter::default(),
            bench: Workbench::new(),
            pass: Box::new([[0.0; PASS_FRAMES]; 4]),
        }
    }

    /// Realtime-safe. Takes the host's rate and forgets what sounds and the notes that are held;
    /// clips, layers and settings stay. A rate that can't be meant is taken as 48 kHz.
    pub fn reset(&mut self, rate_hz: f64) {
        self.times = Times::new(rate_hz);
        self.slots.iter_mut().for_each(Slot::reset);
        self.notes.clear();
        self.clock.stop();
        (self.played, self.grid_heard) = (false, false);
        self.recent_frames = 0;
    }

    /// Realtime-safe. A note of the coming block, at a frame of it; call it before
    /// [`Self::process`]. A frame beyond the block's end is taken as its end. A block has room for
    /// 128 notes; more are counted in `Status::dropped_notes`, and no key hangs for it.
    pub fn note(&mut self, offset_frames: usize, note: Note) {
        self.notes.add(offset_frames, note);
    }

    /// Realtime-safe. Fills the buffers with the next frames. Buffers of any length, 0 too; where
    /// one is longer than the shorter side of the main output, its rest is silent.
    pub fn process(
        &mut self,
        transport: &Transport,
        settings: &Settings,
        mut outputs: Outputs<'_>,
    ) {
        self.receive();
        outputs.silence();
        let frames = outputs.frames();
        if frames > 0 {
            self.block(transport, settings, &mut outputs, frames);
        }
        self.end_notes();
        if frames > 0 {
            self.meter.pass(frames);
            outputs.each(|left, right| self.meter.measure(left, right));
            self.report(settings);
        }
    }

    fn block(
        &mut self,
        transport: &Transport,
        settings: &Settings,
        outputs: &mut Outputs<'_>,
        frames: usize,
    ) {
        let rolls = settings.play && transport.playing;
        if self.played && !transport.playing {
            let slots = self.slots.iter_mut();
            slots.for_each(|slot| slot.launch().let_toggles_go());
        }
        let Step {
            moment,
            shift_beats,
            ticks,
        } = self.step(transport, settings);
        if shift_beats != 0.0 {
            let slots = self.slots.iter_mut();
            slots.for_each(|slot| slot.launch().shift(shift_beats));
        }
        let grid_heard = settings.play && (transport.playing || self.audition);
        let starts = grid_heard && (!self.grid_heard || (rolls && !self.played));
        let base_moves = self.base != settings.base() && !transport.playing;
        let still = !self.slots.iter().any(Slot::sounding);
        self.gain.aim(settings.gain, &self.times, still);
        let apart = if settings.separate { 1.0 } else { 0.0 };
        self.apart.aim(apart, &self.times, still);
        let mend_frames = frames.max(self.recent_frames);
        let mut at = 0;
        while at < frames {
            self.play_notes(at);
            let pace = Pace {
                recent_frames: self.recent_frames,
                mend_frames: mend_frames - at,
            };
            let now = moment.map(|moment| moment.after(at));
            let first = at == 0;
            let at_once = !grid_heard || (base_moves && first);
            let mut len = (frames - at).min(PASS_FRAMES);
            if let Some(note) = self.notes.next_frame() {
                len = len.min(note.saturating_sub(at).max(1));
            }
            let over_another = self.over_another(settings);
            for index in 0..SLOTS {
                let scene = Scene {
                    moment: now,
                    settings,
                    times: &self.times,
                    wanted: self.wants(settings, index),
                    grid_heard,
                    at_once,
                    starts: starts && first,
                    over_another,
                    pace,
                };
                if let Some(slot) = self.slots.get_mut(index) {
                    len = len.min(slot.act(&scene, &mut self.bench, &mut self.end));
                }
            }
            self.sound(settings, outputs, at, len);
            at += len;
        }
        self.clock
            .advance(moment, ticks, frames, self.times.rate_hz);
        (self.played, self.grid_heard) = (rolls, grid_heard);
        self.base = settings.base();
        self.recent_frames = frames.max(self.recent_frames.saturating_sub(frames));
    }

    /// Lets all slots sound for some frames.
    fn sound(&mut self, settings: &Settings, outputs: &mut Outputs<'_>, at: usize, len: usize) {
        let [left, right, curve, shares] = &mut *self.pass;
        let (Some(left), Some(right), Some(curve), Some(shares)) = (
            left.get_mut(..len),
            right.get_mut(..len),
            curve.get_mut(..len),
            shares.get_mut(..len),
        ) else {
            return;
        };
        let scaled = self.gain.run(curve);
        let crosses = self.apart.moving();
        if crosses {
            self.apart.run(shares);
        }
        for (index, slot) in self.slots.iter_mut().enumerate() {
            if !slot.sound(&self.times, &mut self.bench, left, right) {
                continue;
            }
            self.meter.count_holes(slot.take_holes());
            if scaled {
                scale(left, curve);
                scale(right, curve);
            }
            if crosses {
                outputs.share(index, at, left, right, shares);
            } else {
                let own = settings.separate.then_some(index);
                outputs.add(own, at, left, right);
            }
        }
    }

    /// Whether the grid wants a slot: the base slot, or a layer.
    fn wants(&self, settings: &Settings, index: usize) -> bool {
        settings.base() == Some(index) || self.slots.get(index).is_some_and(Slot::layered)
    }

    /// A slot that sounds on the grid is to end there.
    fn over_another(&self, settings: &Settings) -> bool {
        let mut slots = self.slots.iter().enumerate();
        slots.any(|(index, slot)| slot.leaves(self.wants(settings, index)))
    }

    /// What the coming block goes by.
    fn step(&self, transport: &Transport, settings: &Settings) -> Step {
        if !settings.play {
            return Step {
                moment: None,
                shift_beats: 0.0,
                ticks: None,
            };
        }
        let press = self.notes.first_press();
        let grid = transport.playing || self.audition;
        let notes = press.is_some() || self.slots.iter().any(Slot::has_note);
        let own = self.lead(settings).filter(|_| grid || notes);
        let zero = press.filter(|_| !grid).unwrap_or(0);
        self.clock
            .step(transport, settings.sync, own, zero, self.times.rate_hz)
    }

    /// The clip that the own clock goes by: the base slot's, else that of the first slot that is
    /// held, else of the first that has one.
    fn lead(&self, settings: &Settings) -> Option<&ClipInfo> {
        let base = settings.base().and_then(|base| self.slots.get(base));
        let held = self.slots.iter().filter(|slot| slot.held());
        base.into_iter()
            .chain(held)
            .chain(&self.slots)
            .find_map(Slot::info)
    }

    /// Plays the notes whose frame has come.
    fn play_notes(&mut self, at: usize) {
        while let Some(note) = self.notes.take(at) {
            let slot = match note {
                Note::On { key, .. } | Note::Off { key } => slot_of(key),
                Note::AllOff => None,
            };
            let slot = slot.and_then(|slot| self.slots.get_mut(slot));
            match (note, slot) {
                (Note::On { velocity, .. }, Some(slot)) => slot.press(velocity),
                (Note::Off { .. }, Some(slot)) => slot.launch().release(),
                (Note::AllOff, _) => {
                    let slots = self.slots.iter_mut();
                    slots.for_each(|slot| slot.launch().let_notes_go());
                }
                _ => {}
            }
        }
    }

    /// Notes beyond the block's end are played at its end, and nothing that found no room hangs.
    fn end_notes(&mut self) {
        self.play_notes(usize::MAX);
        self.notes.clear();
        let lost = self.notes.take_lost_offs();
        if lost != 0 {
            for (index, slot) in self.slots.iter_mut().enumerate() {
                if lost & (1 << index) != 0 {
                    slot.launch().release();
                }
            }
        }
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

    fn obey(&mut self, command: Command) {
        let slot = match &command {
            Command::Audition(on) => {
                self.audition = *on;
                return;
            }
            Command::Discard(id) => self.slots.iter().position(|slot| slot.has(*id)),
            Command::Clip(slot, _)
            | Command::Block(slot, ..)
            | Command::Swap(slot, _)
            | Command::Finish(slot, _)
            | Command::Clear(slot)
            | Command::Configure(slot, _)
            | Command::Layer(slot, _) => Some(*slot),
        };
        if let Some(slot) = slot.and_then(|slot| self.slots.get_mut(slot)) {
            slot.obey(command, &self.times, &mut self.bench, &mut self.end);
            return;
        }
        // `Control` names slots that are there; if it did not, memory would still go back.
        match command {
            Command::Clip(_, clip) | Command::Swap(_, clip) => {
                self.end.give_back(Return::Clip(clip));
            }
            Command::Block(_, _, block) => self.end.give_back(Return::Block(block)),
            _ => {}
        }
    }

    /// Realtime-safe. Whether the next block has all the audio that it needs of the clips that
    /// play, each beat its own, as far as [`Self::receive`] has seen. True when there is nothing to
    /// wait for: it would be silent, there is no clip, its growing has ended, or the session is gone.
    #[must_use]
    pub fn ready_for(&self, transport: &Transport, settings: &Settings, frames: usize) -> bool {
        if self.end.abandoned() {
            return true;
        }
        let moment: Option<Moment> = self.step(transport, settings).moment;
        (0..SLOTS).all(|index| {
            let scene = Scene {
                moment,
                settings,
                times: &self.times,
                wanted: self.wants(settings, index),
                grid_heard: settings.play && (transport.playing || self.audition),
                at_once: false,
                starts: false,
                over_another: false,
                pace: Pace {
                    recent_frames: frames,
                    mend_frames: frames,
                },
            };
            let slot = self.slots.get(index);
            slot.is_none_or(|slot| slot.ready_for(&scene, frames))
        })
    }

    /// Realtime-safe. The clip that plays or would play in a slot, else the one that grows there.
    #[must_use]
    pub fn clip(&self, slot: usize) -> Option<ClipId> {
        self.slots.get(slot)?.clip()
    }

    /// Sends a report when one is due.
    fn report(&mut self, settings: &Settings) {
        if !self.meter.due(self.times.rate_hz) {
            return;
        }
        let (peaks, holes) = self.meter.reading();
        let report = Report {
            slots: std::array::from_fn(|index| {
                let wanted = self.grid_heard && self.wants(settings, index);
                let slot = self.slots.get(index);
                slot.map(|slot| slot.status(wanted)).unwrap_or_default()
            }),
            peaks,
            holes,
            dropped_notes: self.notes.dropped(),
        };
        if self.end.report(report) {
            self.meter.reported();
            self.slots.iter_mut().for_each(Slot::reported);
        }
    }
}
