//! A head of a row attends to what it remembers: softmax(q · k) · v.
//!
//! Any thread of the team; each head is one member's. Allocates nothing.

use super::lanes::{LANES, Lanes, Task};
use super::memory::{Bytes, Halves, HeadMemory, HeadShape, QUADS};
use super::pointwise::exp;

/// Attends to the first `steps` steps. The scale, 1/√head_width, is in the queries.
pub(super) struct Attend<'a, M> {
    pub(super) shape: HeadShape,
    pub(super) steps: usize,
    /// As many floats as the shape is wide.
    pub(super) query: &'a [f32],
    pub(super) memory: M,
    /// Room for as many floats as there are steps, to the next multiple of 16.
    pub(super) scores: &'a mut [f32],
    /// As many floats as the shape is wide.
    pub(super) out: &'a mut [f32],
}

impl<M: HeadMemory> Task for Attend<'_, M> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let (shape, steps) = (self.shape, self.steps);
        let tiles = steps.div_ceil(LANES);
        let scores = &mut self.scores.as_chunks_mut::<LANES>().0[..tiles];
        self.memory.score::<L>(shape, self.query, scores);
        softmax::<L>(scores, steps);
        self.memory.weigh::<L>(scores);

        let weights = &scores.as_flattened()[..steps];
        let out = &mut self.out.as_chunks_mut::<LANES>().0[..shape.width / LANES];
        let mut vector = 0;
        while vector < out.len() {
            // Four vectors of sums at once, for two steps: eight sums in the registers.
            vector += match out.len() - vector {
                4.. => heard::<M, L, 4>(shape, weights, self.memory, vector, out),
                2..4 => heard::<M, L, 2>(shape, weights, self.memory, vector, out),
                _ => heard::<M, L, 1>(shape, weights, self.memory, vector, out),
            };
        }
    }
}

/// Scores → weights that sum to 1. Lanes behind the last step weigh nothing.
#[inline(always)]
fn softmax<L: Lanes>(scores: &mut [[f32; LANES]], steps: usize) {
    let rest = steps % LANES;
    if let (Some(last), 1..) = (scores.last_mut(), rest) {
        last[rest..].fill(f32::NEG_INFINITY);
    }
    let mut largest = L::splat(f32::NEG_INFINITY);
    for score in &*scores {
        largest = L::max(largest, L::load(score));
    }
    let largest = L::splat(L::largest(largest));
    for score in &mut *scores {
        let weight = exp::<L>(L::sub(L::load(score), largest));
        L::store(weight, score);
    }
    // The exponential never comes down to zero.
    if let (Some(last), 1..) = (scores.last_mut(), rest) {
        last[rest..].fill(0.0);
    }
    let mut sum = L::splat(0.0);
    for score in &*scores {
        sum = L::add(sum, L::load(score));
    }
    let scale = L::splat(1.0 / L::sum(sum));
    for score in scores {
        L::store(L::mul(L::load(score), scale), score);
    }
}

/// The weighted sum of `N` vectors of the values. Says how many those are.
#[inline(always)]
fn heard<M: HeadMemory, L: Lanes, const N: usize>(
    shape: HeadShape,
    weights: &[f32],
    memory: M,
    vector: usize,
    out: &mut [[f32; LANES]],
) -> usize {
    let mut even = [L::splat(0.0); N];
    let mut odd = [L::splat(0.0); N];
    let vectors = shape.width / LANES; // of a step
    let values = &memory.values()[..weights.len() * vectors];
    let (pairs, last) = weights.as_chunks::<2>();
    for (weights, values) in pairs.iter().zip(values.chunks_exact(2 * vectors)) {
        let (first, second) = values.split_at(vectors);
        add::<M, L, N>(weights[0], &first[vector..vector + N], &mut even);
        add::<M, L, N>(weights[1], &second[vector..vector + N], &mut odd);
    }
    if let [weight] = last {
        let values = &values[(weights.len() - 1) * vectors..][vector..vector + N];
        add::<M, L, N>(*weight, values, &mut even);
    }
    for n in 0..N {
        L::store(L::add(even[n], odd[n]), &mut out[vector + n]);
    }
    N
}

#[inline(always)]
fn add<M: HeadMemory, L: Lanes, const N: usize>(
    weight: f32,
    values: &[[M::Number; LANES]],
    sums: &mut [L::F; N],
) {
    let weight = L::splat(weight);
    for n in 0..N {
        sums[n] = L::add(sums[n], L::mul(weight, M::load::<L>(&values[n])));
    }
}

/// Scores of all tiles against keys in half precision.
#[inline(always)]
pub(super) fn score_halves<L: Lanes>(
    shape: HeadShape,
    memory: Halves<'_>,
    query: &[f32],
    scores: &mut [[f32; LANES]],
) {
    let query = &query.as_chunks::<4>().0[..shape.width / 4];
    for (keys, score) in memory.keys.chunks_exact(shape.width * LANES).zip(scores) {
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
}

/// Scores of all tiles against keys in bytes: the query is rounded too.
#[inline(always)]
pub(super) fn score_bytes<L: Lanes>(
    shape: HeadShape,
    memory: Bytes<'_>,
    query: &[f32],
    scores: &mut [[f32; LANES]],
) {
    let mut rounded = [[0_i8; 4]; QUADS];
    let rounded = &mut rounded[..shape.width / 4];
    let (scale, sum) = super::memory::round::<L>(query, rounded);
    let quads = shape.width / 4;
    let tiles = memory.keys.as_chunks().0.chunks_exact(quads);
    for ((keys, scales), score) in tiles.zip(memory.key_scales.as_chunks().0).zip(scores) {
        // What the 128 of every byte adds is taken away beforehand.
        let mut even = L::splat_int(-128 * sum);
        let mut odd = L::splat_int(0);
        let (pairs, query) = (keys.as_chunks::<2>().0, rounded.as_chunks::<2>().0);
        for (keys, query) in pairs.iter().zip(query) {
            even = L::dot(even, L::load_bytes(&keys[0]), query[0]);
            odd = L::dot(odd, L::load_bytes(&keys[1]), query[1]);
        }
        let exact = L::to_floats(L::add_ints(even, odd));
        let scale = L::mul(L::load(scales), L::splat(scale));
        L::store(L::mul(exact, scale), score);
    }
}
