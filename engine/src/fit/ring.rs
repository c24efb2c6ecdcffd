//! How a sound would have gone on: linear prediction after Burg (1975).
//!
//! Any thread but the audio thread. The reflection coefficients of Burg's method stay within ±1,
//! so what is predicted rings on or dies away and never grows without bound.

/// Long enough for a handful of partials.
const ORDER: usize = 96;

/// The next `frames` samples after `past`.
pub(super) fn predict(past: &[f32], frames: usize) -> Vec<f32> {
    let order = ORDER.min(past.len() / 3);
    let weights = burg(past, order);
    let mut all: Vec<f64> = past.iter().map(|&x| f64::from(x)).collect();
    for _ in 0..frames {
        let next = weights
            .iter()
            .zip(all.iter().rev())
            .map(|(weight, value)| weight * value)
            .sum::<f64>();
        all.push(next);
    }
    all[past.len()..].iter().map(|&x| x as f32).collect()
}

/// Weights of the last `order` samples, the newest first, in the prediction of the next.
fn burg(past: &[f32], order: usize) -> Vec<f64> {
    let mut forward: Vec<f64> = past.iter().map(|&x| f64::from(x)).collect();
    let mut backward = forward.clone();
    let mut weights: Vec<f64> = Vec::with_capacity(order);
    for stage in 0..order {
        let (mut cross, mut power) = (0.0, 0.0);
        for at in stage + 1..forward.len() {
            cross += forward[at] * backward[at - 1];
            power += forward[at] * forward[at] + backward[at - 1] * backward[at - 1];
        }
        // Nothing is left to explain.
        if power < 1e-18 {
            break;
        }
        let reflection = 2.0 * cross / power;
        let before = weights.clone();
        for (weight, mirrored) in weights.iter_mut().zip(before.iter().rev()) {
            *weight -= reflection * mirrored;
        }
        weights.push(reflection);
        for at in (stage + 1..forward.len()).rev() {
            let (ahead, behind) = (forward[at], backward[at - 1]);
            forward[at] = ahead - reflection * behind;
            backward[at] = behind - reflection * ahead;
        }
    }
    weights
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_decaying_tones_ring_on() {
        let tone = |n: usize| {
            let t = n as f32 / 32_000.0;
            let sine = |hz: f32| (std::f32::consts::TAU * hz * t).sin();
            (-8.0 * t).exp() * (0.5 * sine(110.0) + 0.3 * sine(1_330.0))
        };
        let past: Vec<f32> = (0..1_600).map(tone).collect();
        for (n, found) in predict(&past, 960).into_iter().enumerate() {
            let truth = tone(1_600 + n);
            assert!((found - truth).abs() < 0.03, "{n}: {found}, not {truth}");
        }
    }

    #[test]
    fn noise_and_silence_do_not_grow() {
        let mut state = 1u32;
        let noise: Vec<f32> = (0..1_600)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                state as f32 / u32::MAX as f32 - 0.5
            })
            .collect();
        let peak = |x: &[f32]| x.iter().fold(0.0f32, |peak, x| peak.max(x.abs()));
        assert!(peak(&predict(&noise, 1_920)) <= 1.0);
        assert!(peak(&predict(&[0.0; 1_600], 100)) == 0.0);
        assert_eq!(predict(&[], 3), [0.0; 3]);
    }
}
