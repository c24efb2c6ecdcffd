//! The audio of a round's clips. Either so slow that any step in the output is the player's, or noise
//! at full scale with what is no number in it.

use std::f64::consts::TAU;

use crate::rig::Random;

/// How fast the slow kind turns at its own speed, in radians a frame, at most.
pub(super) const TURN: f64 = 8e-4;

/// A clip's audio, which can be asked for piece by piece.
#[derive(Clone, Copy)]
pub(super) enum Material {
    /// Between half of full scale and all of it on one side of zero, so that fades that are louder
    /// than the clip stand out. Goes round seamlessly.
    Slow { sign: f64, turn: f64, phase: f64 },
    /// Seeded by the clip.
    Noise { seed: u64 },
}

impl Material {
    pub(super) fn new(random: &mut Random, frames: u64, noise: bool) -> Self {
        if noise {
            return Self::Noise {
                seed: random.next(),
            };
        }
        // A clip that is too short for one turn is constant.
        let turns = (frames as f64 * TURN / TAU).floor();
        Self::Slow {
            sign: if random.one_in(2) { 1.0 } else { -1.0 },
            turn: turns * TAU / frames as f64,
            phase: random.unit() * TAU,
        }
    }

    /// Left and right of the frames from `start` on.
    pub(super) fn frames(self, start: u64, count: u64) -> [Vec<f32>; 2] {
        match self {
            Self::Slow { sign, turn, phase } => {
                let (step_sin, step_cos) = turn.sin_cos();
                let (mut sin, mut cos) = (phase + turn * start as f64).sin_cos();
                let mut sides = [Vec::new(), Vec::new()];
                for side in &mut sides {
                    side.reserve_exact(count as usize);
                }
                for _ in 0..count {
                    for (side, wave) in sides.iter_mut().zip([sin, cos]) {
                        side.push((sign * (0.75 + 0.25 * wave)) as f32);
                    }
                    (sin, cos) = (
                        sin * step_cos + cos * step_sin,
                        cos * step_cos - sin * step_sin,
                    );
                }
                sides
            }
            Self::Noise { seed } => {
                let random = &mut Random(seed ^ start);
                let bad = random.one_in(5);
                let mut side = || (0..count).map(|_| noise(random, bad)).collect();
                [side(), side()]
            }
        }
    }
}

fn noise(random: &mut Random, bad: bool) -> f32 {
    if bad && random.one_in(500) {
        [f32::NAN, f32::INFINITY, f32::NEG_INFINITY][random.below(3) as usize]
    } else {
        (random.unit() * 2.0 - 1.0) as f32
    }
}
