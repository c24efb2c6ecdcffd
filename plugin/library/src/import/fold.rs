//! Any number of channels as one or two.
//!
//! Any thread. Pure.

use std::f32::consts::FRAC_1_SQRT_2;

use symphonia::core::audio::{Channels, Position};

/// How much of every channel goes to the left and to the right.
pub(super) struct Fold {
    /// None: one or two channels go through as they are.
    weights: Option<Vec<[f32; 2]>>,
    inputs: usize,
}

impl Fold {
    /// For channels at these places.
    pub(super) fn of(channels: &Channels) -> Self {
        let inputs = channels.count();
        if inputs <= 2 {
            return Self {
                weights: None,
                inputs,
            };
        }
        let mut weights: Vec<[f32; 2]> = match channels {
            Channels::Positioned(places) => places.iter().map(side).collect(),
            // Of unknown places: pairs of left and right, as most programs write them.
            _ => (0..inputs)
                .map(|n| if n % 2 == 0 { [1.0, 0.0] } else { [0.0, 1.0] })
                .collect(),
        };
        weights.resize(inputs, [0.0; 2]);
        // Full scale in all channels stays within full scale.
        let sum = |side: usize| weights.iter().map(|pair| pair[side]).sum::<f32>();
        let most = sum(0).max(sum(1)).max(1.0);
        for weight in weights.iter_mut().flatten() {
            *weight /= most;
        }
        Self {
            weights: Some(weights),
            inputs,
        }
    }

    pub(super) fn inputs(&self) -> usize {
        self.inputs
    }

    pub(super) fn outputs(&self) -> usize {
        self.inputs.min(2)
    }

    /// Adds samples by channel to the end of the one or two that they become. Channels that are
    /// shorter than the first end in silence.
    pub(super) fn append(&self, from: &[Vec<f32>], to: &mut [Vec<f32>]) {
        let frames = from.first().map_or(0, Vec::len);
        for (side, out) in to.iter_mut().enumerate() {
            let start = out.len();
            out.resize(start + frames, 0.0);
            let new = &mut out[start..];
            match &self.weights {
                None => {
                    for (sample, value) in new.iter_mut().zip(from.get(side).into_iter().flatten())
                    {
                        *sample = *value;
                    }
                }
                Some(weights) => {
                    for (channel, pair) in from.iter().zip(weights) {
                        for (sample, value) in new.iter_mut().zip(channel) {
                            *sample += pair[side] * value;
                        }
                    }
                }
            }
        }
    }
}

/// Where a place is heard in stereo: the sides fully, the middle and what is behind less, the low
/// effects not at all.
fn side(place: Position) -> [f32; 2] {
    const LEFT: Position = Position::FRONT_LEFT.union(Position::FRONT_LEFT_CENTER);
    const RIGHT: Position = Position::FRONT_RIGHT.union(Position::FRONT_RIGHT_CENTER);
    const BEHIND_LEFT: Position = Position::REAR_LEFT
        .union(Position::SIDE_LEFT)
        .union(Position::TOP_FRONT_LEFT)
        .union(Position::TOP_REAR_LEFT);
    const BEHIND_RIGHT: Position = Position::REAR_RIGHT
        .union(Position::SIDE_RIGHT)
        .union(Position::TOP_FRONT_RIGHT)
        .union(Position::TOP_REAR_RIGHT);
    if place == Position::LFE1 || place == Position::LFE2 {
        [0.0, 0.0]
    } else if LEFT.contains(place) {
        [1.0, 0.0]
    } else if RIGHT.contains(place) {
        [0.0, 1.0]
    } else if BEHIND_LEFT.contains(place) {
        [FRAC_1_SQRT_2, 0.0]
    } else if BEHIND_RIGHT.contains(place) {
        [0.0, FRAC_1_SQRT_2]
    } else {
        [FRAC_1_SQRT_2, FRAC_1_SQRT_2]
    }
}

#[cfg(test)]
mod tests {
    use symphonia::core::audio::{Channels, Position};

    use super::Fold;

    #[test]
    fn surround_folds_without_going_over() {
        let places = Position::FRONT_LEFT
            | Position::FRONT_RIGHT
            | Position::FRONT_CENTER
            | Position::LFE1
            | Position::REAR_LEFT
            | Position::REAR_RIGHT;
        let fold = Fold::of(&Channels::Positioned(places));
        let mut out = vec![Vec::new(); fold.outputs()];
        fold.append(&vec![vec![1.0]; 6], &mut out);
        assert!((out[0][0] - 1.0).abs() < 1e-6 && (out[1][0] - 1.0).abs() < 1e-6);
        let mut left = vec![vec![0.0]; 6];
        left[0] = vec![1.0];
        fold.append(&left, &mut out);
        assert!(out[0][1] > 0.3 && out[1][1] == 0.0);
        let mut low = vec![vec![0.0]; 6];
        low[3] = vec![1.0];
        fold.append(&low, &mut out);
        assert_eq!((out[0][2], out[1][2]), (0.0, 0.0));
    }

    #[test]
    fn one_and_two_channels_stay_as_they_are() {
        let fold = Fold::of(&Channels::Discrete(1));
        let mut out = vec![Vec::new(); fold.outputs()];
        fold.append(&[vec![0.25, -3.0]], &mut out);
        assert_eq!(out, [vec![0.25, -3.0]]);
        assert_eq!(Fold::of(&Channels::Discrete(4)).outputs(), 2);
    }
}
