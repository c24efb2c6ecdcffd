//! A host that does anything that a host can do: plays, stops, loops, jumps, scrubs, ramps its tempo,
//! changes its bars, and says things that it ought not to.

use barline_player::{Hear, Quantise};

use super::{BAD, Style};
use crate::rig::{Random, Rig};

/// What it is busy with.
#[derive(Default)]
pub(super) struct Host {
    /// Blocks left of a scrub, each at another place.
    scrub: u64,
    /// Blocks left of a ramp, and by how much the tempo grows in each.
    ramp: u64,
    ramp_factor: f64,
    /// Its loop, in frames: from, to.
    cycle: Option<(i64, i64)>,
}

impl Host {
    /// Sets the transport and the settings of the coming block.
    pub(super) fn act(&mut self, random: &mut Random, rig: &mut Rig, style: &Style) {
        if random.one_in(style.host_pace) {
            self.turn(random, rig, style);
        }
        if random.one_in(style.host_pace) {
            settings(random, rig, style);
        }
        if self.scrub > 0 {
            self.scrub -= 1;
            rig.host_frame += random.below(4001) as i64 - 2000;
        }
        if self.ramp > 0 {
            self.ramp -= 1;
            let beats = rig.beats();
            let tempo_bpm = rig.transport.tempo_bpm * self.ramp_factor;
            if (40.0..250.0).contains(&tempo_bpm) {
                // The beats go on where they were.
                rig.transport.tempo_bpm = tempo_bpm;
                rig.host_frame = (beats * 60.0 * rig.rate_hz / tempo_bpm).round() as i64;
            }
        }
        if let Some((from, to)) = self.cycle
            && rig.host_frame >= to
        {
            rig.host_frame = from + (rig.host_frame - to);
        }
        let beats = rig.beats();
        rig.transport.beats = match random.below(style.host_pace * 40) {
            0 => None,
            1 => Some(BAD[random.below(8) as usize]),
            2 => Some((random.unit() - 0.5) * 1e9),
            _ if style.ticks => beats
                .is_finite()
                .then_some((beats * 1920.0).round() / 1920.0),
            _ => beats.is_finite().then_some(beats),
        };
        rig.transport.song_frame = match random.below(style.host_pace * 40) {
            0 => None,
            1 => Some(random.next() as i64),
            2 => Some(rig.host_frame + 3),
            _ => Some(rig.host_frame),
        };
    }

    /// Something else begins.
    fn turn(&mut self, random: &mut Random, rig: &mut Rig, style: &Style) {
        match random.below(12) {
            0 | 1 => rig.transport.playing = !rig.transport.playing,
            2 => rig.transport.playing = true,
            // Anywhere, before the start too.
            3 => rig.host_frame = random.below(2_000_000) as i64 - 1_000_000,
            // A few frames, as hosts that count badly.
            4 => rig.host_frame += random.below(9) as i64 - 4,
            // By beats.
            5 => {
                let beat = (60.0 * rig.rate_hz / rig.transport.tempo_bpm.clamp(30.0, 300.0)) as i64;
                rig.host_frame += beat * (random.below(17) as i64 - 8);
            }
            6 => {
                let length = 1 + random.below(200_000) as i64;
                self.cycle = random
                    .one_in(2)
                    .then_some((rig.host_frame, rig.host_frame + length));
            }
            7 => self.scrub = random.below(20),
            8 => {
                self.ramp = random.below(100);
                self.ramp_factor = 1.0 + (random.unit() - 0.5) * 0.02;
            }
            9 => {
                rig.transport.tempo_bpm =
                    [120.0, 120.0, 97.5, 40.0 + random.unit() * 210.0][random.below(4) as usize];
            }
            10 => {
                rig.transport.beats_per_bar =
                    [Some(4.0), Some(3.0), Some(3.5), Some(5.0), None][random.below(5) as usize];
                rig.transport.bar_start_beats =
                    [Some(0.0), Some(-8.0), Some(1.5), Some(1e6), None][random.below(5) as usize];
            }
            _ => odd(random, rig, style),
        }
    }
}

/// What nobody means.
fn odd(random: &mut Random, rig: &mut Rig, style: &Style) {
    match random.below(3) {
        0 if style.wild => {
            rig.transport.tempo_bpm = [1.0, 999.0, 2000.0][random.below(3) as usize];
        }
        0 | 1 => rig.transport.tempo_bpm = BAD[random.below(8) as usize],
        _ => {
            rig.transport.beats_per_bar = Some(BAD[random.below(8) as usize]);
            rig.transport.bar_start_beats = Some(BAD[random.below(8) as usize]);
        }
    }
}

fn settings(random: &mut Random, rig: &mut Rig, style: &Style) {
    let settings = &mut rig.settings;
    match random.below(8) {
        0 => settings.sync = !settings.sync,
        1 => settings.play = random.one_in(2),
        2 => {
            let gains = [0.0, 1.0, random.unit() as f32, f32::NAN, -1.0, 9.0];
            settings.gain = gains[random.below(6) as usize].min(style.main_gain);
        }
        3 | 4 => {
            let slot = random.below(style.slots as u64) as usize;
            settings.slot = [Some(slot), Some(slot), None, Some(77)][random.below(4) as usize];
        }
        5 => {
            settings.quantise = [
                Quantise::Off,
                Quantise::Beat,
                Quantise::Bar,
                Quantise::TwoBars,
                Quantise::FourBars,
            ][random.below(5) as usize];
        }
        6 => {
            settings.hear = [Hear::NextBar, Hear::NextBeat, Hear::AtOnce, Hear::Finished]
                [random.below(4) as usize];
        }
        _ => settings.separate = !settings.separate,
    }
}
