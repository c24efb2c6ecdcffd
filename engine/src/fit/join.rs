//! The join: what would have sounded after the last bar is folded over the first.
//!
//! Any thread but the audio thread. A loop's end rings on into its beginning, as it would have
//! if the music had gone on, and nothing takes from the first beat's attack. What rings is the
//! clip's own continuation where that is free of new attacks, else a prediction of it.

use super::seam::{Seam, at_join};
use super::{mono, power, ring};

/// How long drums ring on.
const RING_SECONDS: f64 = 0.06;
const LEAST_RING_SECONDS: f64 = 0.005;
/// The first beat rises over this, so that it is no click of its own.
const RISE_SECONDS: f64 = 0.0005;
/// Where nothing attacks, beginning and continuation are crossfaded over this.
const BLEND_SECONDS: f64 = 0.04;
/// What the prediction looks back on.
const PAST_SECONDS: f64 = 0.05;
/// Power after to power before that makes an attack.
const ATTACK_RATIO: f32 = 4.0;
const ATTACK_SECONDS: f64 = 0.02;
/// An attack this close before the end is the next bar's; less than the shortest sixteenth.
const EARLY_SECONDS: f64 = 0.05;
const EARLY_RATIO: f32 = 12.0;
const STEP_SECONDS: f64 = 0.005;

/// A clip with what comes after it, on its way to a loop.
pub(super) struct Material<'a> {
    /// Samples by channel: the loop and then its continuation, as far as there is one.
    pub(super) channels: &'a [Vec<f32>],
    pub(super) rate_hz: u32,
    /// Length of the loop.
    pub(super) frames: usize,
    /// No attacks to mind: crossfaded over up to a beat of this many frames.
    pub(super) beatless: Option<usize>,
}

impl Material<'_> {
    fn in_frames(&self, seconds: f64) -> usize {
        (seconds * f64::from(self.rate_hz)) as usize
    }
}

/// The loop, and the frames over which its end rings on.
pub(super) fn fold(material: &Material<'_>) -> (Vec<Vec<f32>>, usize) {
    let total = material.frames;
    let Some(beat) = material.beatless else {
        let way = Way::of_attacks(material);
        return (way.go(material), way.length);
    };
    // As long as a beat, or shorter where the continuation is about to pause.
    let tail = material.channels.first().map_or(0, Vec::len) - total;
    let longest = if tail >= material.in_frames(LEAST_RING_SECONDS) {
        tail.min(beat).min(total / 2)
    } else {
        material.in_frames(BLEND_SECONDS)
    };
    let ways = [1, 2, 4, 8, 16].map(|part| {
        let length = (longest / part).max(1);
        let way = Way {
            cut: total,
            own: tail >= length,
            head_attacks: false,
            length,
        };
        let joined = mono(&way.go(material));
        let fall = at_join(&joined, material.rate_hz).map_or(0.0, |change| change.fall);
        (fall, way)
    });
    let least = ways.iter().map(|(fall, _)| *fall).fold(f64::MAX, f64::min);
    let holds = |(fall, _): &&(f64, Way)| *fall <= least + Seam::JUST_NOTICEABLE_DB;
    let (_, best) = ways.iter().find(holds).unwrap_or(&ways[0]);
    (best.go(material), best.length)
}

/// How a loop is joined.
struct Way {
    /// The loop's own samples end here; what follows is predicted.
    cut: usize,
    /// Whether the clip's own continuation rings on, or a prediction.
    own: bool,
    /// Whether the loop begins with an attack, which stays as it is.
    head_attacks: bool,
    /// Frames over which the end rings on.
    length: usize,
}

impl Way {
    /// For material with attacks to mind.
    fn of_attacks(material: &Material<'_>) -> Self {
        let in_frames = |seconds| material.in_frames(seconds);
        let total = material.frames;
        let plain = mono(material.channels);
        let edges = edges(&plain);
        let (body, tail) = edges.split_at(total.min(edges.len()));
        let step = in_frames(STEP_SECONDS).max(1);
        let head = in_frames(ATTACK_SECONDS);
        // A kick stands out in the wave, a hat in its edges.
        let cut = [&plain[..body.len()], body]
            .into_iter()
            .filter_map(|wave| {
                early(
                    wave,
                    loudest(wave, head, step),
                    in_frames(EARLY_SECONDS),
                    step,
                )
            })
            .min()
            .unwrap_or(total);
        let end = cut.min(body.len());
        let before = power(&body[end.saturating_sub(in_frames(0.01))..end]);
        let head_attacks = loudest(body, head, step) > ATTACK_RATIO * before;
        // As far as the continuation goes without a new attack.
        let calm = if cut < total {
            0
        } else {
            calm_frames(before, tail, step)
        };
        let own = calm >= in_frames(LEAST_RING_SECONDS);
        let length = match (own, head_attacks) {
            (true, true) => calm.min(in_frames(RING_SECONDS)),
            (true, false) => calm.min(in_frames(BLEND_SECONDS)),
            (false, _) => in_frames(BLEND_SECONDS),
        };
        Self {
            cut,
            own,
            head_attacks,
            length: length.min(total / 2).max(1),
        }
    }

    /// The loop that comes of it.
    fn go(&self, material: &Material<'_>) -> Vec<Vec<f32>> {
        let (total, length) = (material.frames, self.length);
        let rise = material.in_frames(RISE_SECONDS).max(1);
        let ends: Vec<(Vec<f32>, Vec<f32>)> = material
            .channels
            .iter()
            .map(|channel| self.end(channel, total, material.in_frames(PAST_SECONDS)))
            .collect();
        // One for all channels: what is in the middle stays there.
        let alike = correlation(ends.iter().map(|(out, rings)| (&out[..length], &rings[..])));
        let channels = ends.into_iter().map(|(mut out, rings)| {
            for (at, ring) in rings.into_iter().enumerate() {
                let share = at as f32 / length as f32;
                let (head_gain, ring_gain) = if self.head_attacks {
                    let fall = 0.5 + 0.5 * (std::f32::consts::PI * share).cos();
                    ((at as f32 / rise as f32).min(1.0), fall)
                } else {
                    equal_power(share, alike)
                };
                out[at] = out[at] * head_gain + ring * ring_gain;
            }
            out
        });
        channels.collect()
    }

    /// The loop of one channel without its join, and what rings on after it.
    fn end(&self, channel: &[f32], total: usize, past_frames: usize) -> (Vec<f32>, Vec<f32>) {
        let mut out = channel[..total.min(channel.len())].to_vec();
        out.resize(total, 0.0);
        if self.own {
            return (out, channel[total..total + self.length].to_vec());
        }
        let past = self.cut.saturating_sub(past_frames);
        let rings = ring::predict(&out[past..self.cut], total - self.cut + self.length);
        let (body, rings) = rings.split_at(total - self.cut);
        out[self.cut..].copy_from_slice(body);
        (out, rings.to_vec())
    }
}

/// The signal's differences: in them the attack of a hat stands out from a bass that sounds on.
fn edges(samples: &[f32]) -> Vec<f32> {
    let before = std::iter::once(0.0).chain(samples.iter().copied());
    samples
        .iter()
        .zip(before)
        .map(|(now, before)| now - before)
        .collect()
}

/// Power of the loudest step in the first `frames`.
fn loudest(wave: &[f32], frames: usize, step: usize) -> f32 {
    let start = &wave[..wave.len().min(frames)];
    start.chunks(step).map(power).fold(0.0, f32::max)
}

/// Frames until something new begins.
fn calm_frames(before: f32, tail: &[f32], step: usize) -> usize {
    let mut last = before;
    for (index, part) in tail.chunks(step).enumerate() {
        let now = power(part);
        if now > ATTACK_RATIO * last && now > 1e-8 {
            // The window that holds the attack, and a little before it.
            return (index * step).saturating_sub(step / 2);
        }
        last = now.max(last * 0.5);
    }
    tail.len()
}

/// Where, in the last `reach` frames, a beat begins that is as strong as the first: it is the first
/// beat of the bar that would follow, come early, and would sound twice.
fn early(body: &[f32], attack: f32, reach: usize, step: usize) -> Option<usize> {
    let from = body.len().checked_sub(reach + 4 * step)?;
    (from + 4 * step..body.len().saturating_sub(step))
        .step_by(step)
        .find(|&at| {
            let (now, before) = (power(&body[at..at + step]), power(&body[at - 4 * step..at]));
            now > EARLY_RATIO * before && now > attack / EARLY_RATIO
        })
        .map(|at| at - step)
}

/// Gains of what comes and what goes, such that the power stays the same however alike they are.
fn equal_power(share: f32, alike: f32) -> (f32, f32) {
    let angle = share * std::f32::consts::FRAC_PI_2;
    let (comes, goes) = angle.sin_cos();
    // Opposite waves would ask for any gain.
    let level = (1.0 + 2.0 * alike.max(-0.75) * comes * goes).sqrt();
    (comes / level, goes / level)
}

/// How alike the two of all pairs together are, from -1 to 1.
fn correlation<'a>(pairs: impl Iterator<Item = (&'a [f32], &'a [f32])>) -> f32 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    let sums = pairs.fold([0.0; 3], |[both, first, second], (a, b)| {
        [both + dot(a, b), first + dot(a, a), second + dot(b, b)]
    });
    sums[0] / (sums[1] * sums[2]).sqrt().max(1e-12)
}
