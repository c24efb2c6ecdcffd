//! Keys and values of one head in one row, and attending to them.
//!
//! Any thread of the team; each head is one member's. Attending allocates nothing.
//!
//! Both are held in half precision, which halves what a long clip reads at every step. Keys lie
//! in tiles of 16 steps, `[tile][float of the head][step]`, so that a lane is a step and no sum
//! goes across lanes; values lie as they are, `[step][float of the head]`.

use half::f16;
use half::slice::HalfFloatSliceExt;

use super::lanes::{LANES, Lanes, Task};
use super::pointwise::exp;

/// The largest number that half precision holds. A key beyond it is no model's; infinity would
/// make the sums no numbers.
const LARGEST: f32 = 65504.0;

/// The sizes of a head's memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct HeadShape {
    /// Floats of the head, filled up to a multiple of 16.
    pub(super) width: usize,
    /// Room for so many steps, a multiple of 16.
    pub(super) capacity_steps: usize,
}

impl HeadShape {
    pub(super) fn new(width: usize, steps: usize) -> Self {
        Self {
            width,
            capacity_steps: steps.next_multiple_of(LANES),
        }
    }

    /// Halves of the keys, and again of the values.
    pub(super) fn len(&self) -> usize {
        self.width * self.capacity_steps
    }
}

/// Stores the key and the value of a step.
pub(super) fn store(
    shape: HeadShape,
    step: usize,
    (key, value): (&[f32], &[f32]),
    (keys, values): (&mut [u16], &mut [u16]),
) {
    let tile = &mut keys[step / LANES * LANES * shape.width..][..LANES * shape.width];
    let lane = step % LANES;
    let to = &mut values[step * shape.width..][..shape.width];
    let mut rounded = [f16::ZERO; LANES];
    for vector in 0..shape.width / LANES {
        let part = vector * LANES..(vector + 1) * LANES;
        convert(&key[part.clone()], &mut rounded);
        for (tile, key) in tile[part.start * LANES..].chunks_exact_mut(LANES).zip(rounded) {
            tile[lane] = key.to_bits();
        }
        convert(&value[part.clone()], &mut rounded);
        for (to, value) in to[part].iter_mut().zip(rounded) {
            *to = value.to_bits();
        }
    }
}

fn convert(from: &[f32], to: &mut [f16; LANES]) {
    let mut within = [0.0; LANES];
    for (within, from) in within.iter_mut().zip(from) {
        *within = from.clamp(-LARGEST, LARGEST);
    }
    to.convert_from_f32_slice(&within);
}

/// A head attends to the first `steps` steps: softmax(q · k) · v. The scale is in the queries.
pub(super) struct Attend<'a> {
    pub(super) shape: HeadShape,
    pub(super) steps: usize,
    pub(super) query: &'a [f32],
    pub(super) keys: &'a [u16],
    pub(super) values: &'a [u16],
    /// Room for as many floats as there are steps, to the next multiple of 16.
    pub(super) scores: &'a mut [f32],
    pub(super) out: &'a mut [f32],
}

impl Task for Attend<'_> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let width = self.shape.width;
        let tiles = self.steps.div_ceil(LANES);
        let scores = &mut self.scores.as_chunks_mut::<LANES>().0[..tiles];
        let mut largest = L::splat(f32::NEG_INFINITY);
        let query = &self.query.as_chunks::<4>().0[..width / 4];
        for (keys, score) in self.keys.chunks_exact(width * LANES).zip(&mut *scores) {
            let mut sums = [L::splat(0.0); 4];
            let keys = keys.as_chunks::<LANES>().0.as_chunks::<4>().0;
            for (keys, query) in keys.iter().zip(query) {
                for part in 0..4 {
                    let product = L::mul(L::load_f16(&keys[part]), L::splat(query[part]));
                    sums[part] = L::add(sums[part], product);
                }
            }
            let sum = L::add(L::add(sums[0], sums[1]), L::add(sums[2], sums[3]));
            L::store(sum, score);
        }
        // Lanes behind the last step have scores of zero keys: they are never the weightiest of
        // anything, and weigh nothing.
        if !self.steps.is_multiple_of(LANES) {
            scores[tiles - 1][self.steps % LANES..].fill(f32::NEG_INFINITY);
        }
        for score in &*scores {
            largest = L::max(largest, L::load(score));
        }
        let largest = L::splat(L::largest(largest));
        for score in &mut *scores {
            let weight = exp::<L>(L::sub(L::load(score), largest));
            L::store(weight, score);
        }
        if !self.steps.is_multiple_of(LANES) {
            scores[tiles - 1][self.steps % LANES..].fill(0.0);
        }
        let mut sum = L::splat(0.0);
        for score in &*scores {
            sum = L::add(sum, L::load(score));
        }
        let scale = L::splat(1.0 / L::sum(sum));

        let weights = &scores.as_flattened()[..self.steps];
        let mut vector = 0;
        let out = &mut self.out.as_chunks_mut::<LANES>().0[..width / LANES];
        while vector < out.len() {
            // Four vectors of sums at once, for two steps: eight sums in the registers.
            vector += match out.len() - vector {
                4.. => heard::<L, 4>(weights, self.values, width, vector, scale, out),
                2..4 => heard::<L, 2>(weights, self.values, width, vector, scale, out),
                _ => heard::<L, 1>(weights, self.values, width, vector, scale, out),
            };
        }
    }
}

/// The weighted sum of `N` vectors of the values. Says how many those are.
#[inline(always)]
fn heard<L: Lanes, const N: usize>(
    weights: &[f32],
    values: &[u16],
    width: usize,
    vector: usize,
    scale: L::F,
    out: &mut [[f32; LANES]],
) -> usize {
    let mut even = [L::splat(0.0); N];
    let mut odd = [L::splat(0.0); N];
    let step = width / LANES; // vectors of a step
    let values = &values.as_chunks::<LANES>().0[..weights.len() * step];
    let (pairs, last) = weights.as_chunks::<2>();
    for (weights, values) in pairs.iter().zip(values.chunks_exact(2 * step)) {
        let (first, second) = values.split_at(step);
        add::<L, N>(weights[0], &first[vector..vector + N], &mut even);
        add::<L, N>(weights[1], &second[vector..vector + N], &mut odd);
    }
    if let [weight] = last {
        let values = &values[(weights.len() - 1) * step..][vector..vector + N];
        add::<L, N>(*weight, values, &mut even);
    }
    for n in 0..N {
        let sum = L::mul(L::add(even[n], odd[n]), scale);
        L::store(sum, &mut out[vector + n]);
    }
    N
}

#[inline(always)]
fn add<L: Lanes, const N: usize>(weight: f32, values: &[[u16; LANES]], sums: &mut [L::F; N]) {
    let weight = L::splat(weight);
    for n in 0..N {
        sums[n] = L::add(sums[n], L::mul(weight, L::load_f16(&values[n])));
    }
}
