//! A session that does anything that a session can do, in any slot and any order.

use std::collections::VecDeque;

use barline_player::{ClipId, ClipInfo, NoteMode, SlotSettings};

use super::material::Material;
use super::{BAD, Style};
use crate::rig::{Random, Rig};

/// The session's side of a round.
pub(super) struct Session {
    next_id: u64,
    growing: Vec<Option<(ClipInfo, Material, u64)>>,
    ids: Vec<ClipId>,
    slots: usize,
    noise: bool,
    wild: bool,
    slot_gain: f32,
    /// The last orders, for a finding's message.
    pub(super) told: VecDeque<String>,
}

impl Session {
    pub(super) fn new(style: &Style) -> Self {
        Self {
            next_id: 1,
            growing: vec![None; style.slots],
            ids: vec![ClipId(0)],
            slots: style.slots,
            noise: style.noise,
            wild: style.wild,
            slot_gain: style.slot_gain,
            told: VecDeque::new(),
        }
    }

    /// Keeps an order for a finding's message.
    pub(super) fn tell(&mut self, order: String) {
        if self.told.len() == 12 {
            self.told.pop_front();
        }
        self.told.push_back(order);
    }

    /// Does something.
    pub(super) fn act(
        &mut self,
        random: &mut Random,
        rig: &mut Rig,
        block: u64,
    ) -> Result<(), String> {
        let slot = random.below(self.slots as u64) as usize;
        let refused = |error: &dyn std::error::Error| error.to_string();
        match random.below(20) {
            0 | 1 => {
                let clip = self.clip(random, rig);
                let material = Material::new(random, clip.frames, self.noise);
                self.tell(format!("{block}: begin {slot} {clip:?}"));
                rig.control.begin(slot, clip).map_err(|e| refused(&e))?;
                self.growing[slot] = Some((clip, material, 0));
            }
            2..8 => {
                if let Some((clip, material, mut pushed)) = self.growing[slot] {
                    let some = [5000, 60_000][random.below(2) as usize];
                    let frames = random.below(some).min(clip.frames - pushed);
                    self.tell(format!("{block}: push {slot} {frames}"));
                    let [left, right] = material.frames(pushed, frames);
                    let pushing = rig.control.push(clip.id, &left, &right);
                    pushing.map_err(|e| refused(&e))?;
                    pushed += frames;
                    self.growing[slot] = Some((clip, material, pushed));
                    if pushed == clip.frames {
                        rig.control.finish(clip.id).map_err(|e| refused(&e))?;
                        self.growing[slot] = None;
                    }
                }
            }
            8 => {
                if let Some((clip, ..)) = self.growing[slot].take() {
                    self.tell(format!("{block}: finish {slot}"));
                    rig.control.finish(clip.id).map_err(|e| refused(&e))?;
                }
            }
            9 | 10 => {
                let clip = self.clip(random, rig);
                let [left, right] = self.all(random, clip);
                self.tell(format!("{block}: load {slot} {clip:?}"));
                let loading = rig.control.load(slot, clip, &left, &right);
                loading.map_err(|e| refused(&e))?;
            }
            11 | 12 => {
                let mut clip = self.clip(random, rig);
                // Now and then it fits the host's tempo, as a clip does that follows it.
                let host_bpm = rig.transport.tempo_bpm;
                if !cfg!(miri) && random.one_in(2) && (30.0..=300.0).contains(&host_bpm) {
                    clip.tempo_bpm = host_bpm;
                    let seconds = clip.beats * 60.0 / clip.tempo_bpm;
                    clip.frames = ((seconds * rig.rate_hz).round() as u64).max(1);
                }
                let [left, right] = self.all(random, clip);
                self.tell(format!("{block}: swap {slot} {clip:?}"));
                let swapping = rig.control.swap(slot, clip, &left, &right);
                swapping.map_err(|e| refused(&e))?;
            }
            13 => {
                let id = self.ids[random.below(self.ids.len() as u64) as usize];
                self.tell(format!("{block}: discard {id:?}"));
                rig.control.discard(id);
                for growing in &mut self.growing {
                    growing.take_if(|(clip, ..)| clip.id == id);
                }
            }
            14 if random.one_in(4) => {
                self.tell(format!("{block}: clear all"));
                rig.control.clear_all();
                self.growing.fill(None);
            }
            14 if random.one_in(2) => {
                self.tell(format!("{block}: clear {slot}"));
                rig.control.clear(slot);
                self.growing[slot] = None;
            }
            15 => {
                let on = random.one_in(2);
                self.tell(format!("{block}: audition {on}"));
                rig.control.audition(on);
            }
            16 => {
                let on = random.one_in(2);
                self.tell(format!("{block}: layer {slot} {on}"));
                rig.control.layer(slot, on);
            }
            _ => {
                let settings = self.settings(random);
                self.tell(format!("{block}: configure {slot} {settings:?}"));
                rig.control.configure(slot, settings);
            }
        }
        Ok(())
    }

    /// Looks at what the player says.
    pub(super) fn poll(&mut self, rig: &mut Rig) -> Result<(), String> {
        let status = rig.control.poll();
        if !status.peaks.iter().all(|peak| peak.is_finite()) {
            return Err(format!("peaks {:?}", status.peaks));
        }
        if status.holes > 0 {
            return Err(format!("{} holes", status.holes));
        }
        for slot in status.slots {
            if let Some(at) = slot.playhead
                && !(at.frame.is_finite() && at.frame >= -1.0 && at.beats >= 0.0)
            {
                return Err(format!("playhead {at:?}"));
            }
        }
        Ok(())
    }

    fn clip(&mut self, random: &mut Random, rig: &Rig) -> ClipInfo {
        let id = ClipId(self.next_id);
        self.next_id += 1;
        self.ids.push(id);
        let tempo_bpm = if random.one_in(2) {
            120.0
        } else {
            60.0 + random.unit() * 140.0
        };
        let beats = [0.25, 1.0, 0.33, 2.0, 4.0, 8.0][random.below(6) as usize];
        let frames = (beats * 60.0 / tempo_bpm * rig.rate_hz).round() as u64;
        let short = cfg!(miri) || random.one_in(8);
        ClipInfo {
            id,
            frames: if short {
                1 + random.below(1000)
            } else {
                frames
            },
            beats,
            tempo_bpm,
            beats_per_bar: [4.0, 4.0, 3.0, 2.5][random.below(4) as usize],
        }
    }

    fn all(&self, random: &mut Random, clip: ClipInfo) -> [Vec<f32>; 2] {
        Material::new(random, clip.frames, self.noise).frames(0, clip.frames)
    }

    fn settings(&self, random: &mut Random) -> SlotSettings {
        let mut choose = |values: [f64; 4]| values[random.below(4) as usize];
        let start_beats = choose([0.0, 0.0, 0.5, 1.3]);
        let length = choose([0.02, 0.25, 1.0, 3.0]);
        let fade_in_seconds = choose([0.0, 0.0, 0.02, 0.5]);
        let fade_out_seconds = choose([0.0, 0.0, 0.02, 0.5]);
        let gain = choose([1.0, 1.0, 0.3, 16.0]) as f32;
        let pan = choose([0.0, 0.0, -0.4, 7.0]) as f32;
        let mut settings = SlotSettings {
            gain: gain.min(self.slot_gain),
            pan,
            start_beats,
            end_beats: random.one_in(2).then_some(start_beats + length),
            reverse: random.one_in(4),
            fade_in_seconds,
            fade_out_seconds,
            one_shot: random.one_in(4),
            note: if random.one_in(2) {
                NoteMode::Gate
            } else {
                NoteMode::Toggle
            },
        };
        if self.wild && random.one_in(3) {
            let bad = BAD[random.below(8) as usize];
            match random.below(5) {
                0 => settings.start_beats = bad,
                1 => settings.end_beats = Some(bad),
                2 => settings.fade_in_seconds = bad,
                3 => settings.fade_out_seconds = bad,
                _ => settings.pan = bad as f32,
            }
        }
        settings
    }
}
