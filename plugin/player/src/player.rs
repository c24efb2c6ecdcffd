//! `process()`: never fails, never allocates, never waits.
//!
//! Audio thread. Takes what the session sent, lets the slots sound, and adds them up.

use crate::SLOTS;
use crate::clip::ClipId;
use crate::fade::{Gain, Times};
use crate::handoff::{AudioEnd, Command, Return};
use crate::note::{Note, Notes};
use crate::outputs::Outputs;
use crate::report::{Meter, Report};
use crate::settings::Settings;
use crate::slot::{Scene, Slot};
use crate::transport::Transport;

/// Commands taken in one go. More wait for the next block, so that a block's time is bounded.
const COMMANDS_A_BLOCK: usize = 256;

/// Frames of one pass through the slots.
const PASS_FRAMES: usize = 512;

/// The audio thread's half.
pub struct Player {
    end: AudioEnd,
    times: Times,
    slots: [Slot; SLOTS],
    notes: Notes,
    gain: Gain,
    audition: bool,
    meter: Meter,
    pass: Box<[[f32; PASS_FRAMES]; 2]>,
}

impl Player {
    pub(crate) fn new(end: AudioEnd) -> Self {
        Self {
            end,
            times: Times::new(0.0),
            slots: std::array::from_fn(|_| Slot::new()),
            notes: Notes::new(),
            gain: Gain::new(),
            audition: false,
            meter: Meter::default(),
            pass: Box::new([[0.0; PASS_FRAMES]; 2]),
        }
    }

    /// Realtime-safe. Takes the host's rate and forgets what sounds; clips stay. A rate that
    /// can't be meant is taken as 48 kHz.
    pub fn reset(&mut self, rate_hz: f64) {
        self.times = Times::new(rate_hz);
        self.slots.iter_mut().for_each(Slot::reset);
        self.notes.clear();
    }

    /// Realtime-safe. A note of the coming block, at a frame of it. Notes beyond the block's end
    /// are played at its end.
    pub fn note(&mut self, offset_frames: usize, note: Note) {
        self.notes.add(offset_frames, note);
    }

    /// Realtime-safe. Fills the buffers with the next frames. Buffers of any length, 0 too; where
    /// one is longer than the shorter side of the main output, its rest is silent.
    pub fn process(&mut self, transport: &Transport, settings: &Settings, outputs: Outputs<'_>) {
        self.receive();
        let (left, right) = outputs.main;
        let frames = left.len().min(right.len());
        left.fill(0.0);
        right.fill(0.0);
        let at_once = !self.slots.iter().any(Slot::sounding);
        self.gain.aim(settings.gain, &self.times, at_once);
        let mut at = 0;
        while at < frames {
            let now = transport.after(at, self.times.rate_hz);
            let len = (frames - at).min(PASS_FRAMES);
            let [pass_left, pass_right] = &mut *self.pass;
            let mut next = len;
            for (index, slot) in self.slots.iter_mut().enumerate() {
                let held = settings.base() == Some(index) || slot.layered;
                let scene = Scene {
                    transport: &now,
                    settings,
                    audition: self.audition,
                    held,
                };
                match slot.due_in(&self.times, &scene, &self.end) {
                    Some(0) => slot.swap(&self.times, &mut self.end),
                    Some(due) => next = next.min(due),
                    None => {}
                }
            }
            let len = next;
            for (index, slot) in self.slots.iter_mut().enumerate() {
                let held = settings.base() == Some(index) || slot.layered;
                let scene = Scene {
                    transport: &now,
                    settings,
                    audition: self.audition,
                    held,
                };
                let (Some(l), Some(r)) = (pass_left.get_mut(..len), pass_right.get_mut(..len))
                else {
                    return;
                };
                slot.sound(&self.times, &scene, l, r);
                self.meter.count_holes(slot.take_holes());
                left.iter_mut()
                    .skip(at)
                    .zip(l.iter())
                    .for_each(|(to, x)| *to += x);
                right
                    .iter_mut()
                    .skip(at)
                    .zip(r.iter())
                    .for_each(|(to, x)| *to += x);
            }
            at += len;
        }
        self.notes.clear();
        let (Some(left), Some(right)) = (left.get_mut(..frames), right.get_mut(..frames)) else {
            return;
        };
        self.gain.apply(left, right);
        self.meter.measure(left, right);
        for (slot_left, slot_right) in outputs.slots.into_iter().flatten() {
            slot_left.fill(0.0);
            slot_right.fill(0.0);
        }
        self.report();
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
            slot.obey(command, &self.times, &mut self.end);
            return;
        }
        // Never: `Control` names slots that are there. If it did, memory still goes back.
        match command {
            Command::Clip(_, clip) | Command::Swap(_, clip) => {
                self.end.give_back(Return::Clip(clip));
            }
            Command::Block(_, _, block) => self.end.give_back(Return::Block(block)),
            _ => {}
        }
    }

    /// Realtime-safe. Whether the next block has all the audio that it needs of the clips that
    /// play, as far as [`Self::receive`] has seen. True when there is nothing to wait for: it
    /// would be silent, there is no clip, its growing has ended, or the session is gone.
    #[must_use]
    pub fn ready_for(&self, transport: &Transport, settings: &Settings, frames: usize) -> bool {
        let mut slots = self.slots.iter().enumerate();
        self.end.abandoned()
            || slots.all(|(index, slot)| {
                let held = settings.base() == Some(index) || slot.layered;
                let scene = Scene {
                    transport,
                    settings,
                    audition: self.audition,
                    held,
                };
                slot.ready_for(&self.times, &scene, frames)
            })
    }

    /// Realtime-safe. The clip that plays or would play in a slot.
    #[must_use]
    pub fn clip(&self, slot: usize) -> Option<ClipId> {
        self.slots.get(slot)?.clip()
    }

    /// Sends a report when one is due.
    fn report(&mut self) {
        if !self.meter.due(self.times.rate_hz) {
            return;
        }
        let (peaks, holes) = self.meter.reading();
        let report = Report {
            slots: std::array::from_fn(|index| {
                self.slots.get(index).map(Slot::status).unwrap_or_default()
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
