//! What a layer remembers of the steps so far, or of the text: keys and values by row and head.
//!
//! Any thread of the team; each head is one member's. Nothing is allocated after the start.
//!
//! A long clip reads more of these than of the weights, so they are small. Beside rounded
//! weights they are bytes with a scale for every step of a head; else half precision. Keys lie
//! in tiles of 16 steps, so that a lane is a step and no sum goes across lanes: halves as
//! `[tile][float of the head][step]`, bytes as `[tile][four floats of the head][step][float]`.
//! Values lie as they are, `[step][float of the head]`.
#![allow(unsafe_code)] // members write their heads' parts of shared buffers

use half::f16;
use half::slice::HalfFloatSliceExt;

use super::attention::{Attend, score_bytes, score_halves};
use super::lanes::{DOT_BYTES, Isa, LANES, Lanes, Task};
use super::shared::Shared;

/// The largest number that half precision holds. A key beyond it is no model's; infinity would
/// make the sums no numbers.
const LARGEST_HALF: f32 = 65504.0;
/// The widest head, in fours of floats.
pub(super) const QUADS: usize = 256;

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

    /// Numbers of a head's keys, and again of its values.
    fn len(&self) -> usize {
        self.width * self.capacity_steps
    }
}

/// One head's memory in some form.
pub(super) trait HeadMemory: Copy {
    /// Of a value.
    type Number: 'static;
    /// Scores of all tiles.
    fn score<L: Lanes>(self, shape: HeadShape, query: &[f32], to: &mut [[f32; LANES]]);
    /// Multiplies weights with the scales of the values.
    fn weigh<L: Lanes>(self, weights: &mut [[f32; LANES]]);
    fn values(&self) -> &[[Self::Number; LANES]];
    fn load<L: Lanes>(values: &[Self::Number; LANES]) -> L::F;
}

/// A head's memory in half precision.
#[derive(Debug, Clone, Copy)]
pub(super) struct Halves<'a> {
    pub(super) keys: &'a [u16],
    values: &'a [u16],
}

/// A head's memory in bytes. A key's is the number over its scale plus 128.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bytes<'a> {
    pub(super) keys: &'a [u8],
    values: &'a [i8],
    pub(super) key_scales: &'a [f32],
    value_scales: &'a [f32],
}

impl HeadMemory for Halves<'_> {
    type Number = u16;

    #[inline(always)]
    fn score<L: Lanes>(self, shape: HeadShape, query: &[f32], to: &mut [[f32; LANES]]) {
        score_halves::<L>(shape, self, query, to);
    }
    #[inline(always)]
    fn weigh<L: Lanes>(self, _: &mut [[f32; LANES]]) {}
    #[inline(always)]
    fn values(&self) -> &[[u16; LANES]] {
        self.values.as_chunks().0
    }
    #[inline(always)]
    fn load<L: Lanes>(values: &[u16; LANES]) -> L::F {
        L::load_f16(values)
    }
}

impl HeadMemory for Bytes<'_> {
    type Number = i8;

    #[inline(always)]
    fn score<L: Lanes>(self, shape: HeadShape, query: &[f32], to: &mut [[f32; LANES]]) {
        score_bytes::<L>(shape, self, query, to);
    }
    #[inline(always)]
    fn weigh<L: Lanes>(self, weights: &mut [[f32; LANES]]) {
        for (weights, scales) in weights.iter_mut().zip(self.value_scales.as_chunks().0) {
            L::store(L::mul(L::load(weights), L::load(scales)), weights);
        }
    }
    #[inline(always)]
    fn values(&self) -> &[[i8; LANES]] {
        self.values.as_chunks().0
    }
    #[inline(always)]
    fn load<L: Lanes>(values: &[i8; LANES]) -> L::F {
        L::load_i8(values)
    }
}

/// The memory of a layer, for all rows and heads.
#[derive(Debug)]
pub(super) struct Memory {
    shape: HeadShape,
    form: Form,
}

#[derive(Debug)]
enum Form {
    Halves {
        keys: Shared<u16>,
        values: Shared<u16>,
    },
    Bytes {
        keys: Shared<u8>,
        values: Shared<i8>,
        key_scales: Shared<f32>,   // [head][step]
        value_scales: Shared<f32>, // [head][step]
    },
}

impl Memory {
    /// Room for `heads` heads (of all rows together), in bytes or in halves.
    pub(super) fn new(shape: HeadShape, heads: usize, in_bytes: bool) -> Self {
        let (len, steps) = (heads * shape.len(), heads * shape.capacity_steps);
        let form = if in_bytes {
            Form::Bytes {
                keys: Shared::new(len),
                values: Shared::new(len),
                key_scales: Shared::new(steps),
                value_scales: Shared::new(steps),
            }
        } else {
            Form::Halves {
                keys: Shared::new(len),
                values: Shared::new(len),
            }
        };
        Self { shape, form }
    }

    /// Bytes of `steps` steps of a head.
    pub(super) fn bytes(&self, steps: usize) -> usize {
        match &self.form {
            Form::Halves { .. } => 2 * steps * self.shape.width * size_of::<u16>(),
            Form::Bytes { .. } => 2 * steps * (self.shape.width + size_of::<f32>()),
        }
    }

    /// Stores the key and the value of a step for a head.
    ///
    /// # Safety
    /// The head's memory is the caller's own meanwhile.
    pub(super) unsafe fn store(
        &self,
        isa: Isa,
        head: usize,
        step: usize,
        key: &[f32],
        value: &[f32],
    ) {
        let (shape, part) = (self.shape, self.part(head));
        match &self.form {
            // SAFETY: the caller's.
            Form::Halves { keys, values } => unsafe {
                let tiles = keys.write(part.clone());
                let values = &mut values.write(part)[step * shape.width..][..shape.width];
                store_halves(shape, step, key, tiles, value, values);
            },
            Form::Bytes {
                keys,
                values,
                key_scales,
                value_scales,
            } => {
                let scales = self.steps(head);
                // SAFETY: the caller's.
                unsafe {
                    isa.run(StoreBytes {
                        shape,
                        step,
                        key,
                        value,
                        keys: keys.write(part.clone()),
                        values: &mut values.write(part)[step * shape.width..][..shape.width],
                        key_scale: &mut key_scales.write(scales.clone())[step],
                        value_scale: &mut value_scales.write(scales)[step],
                    });
                }
            }
        }
    }

    /// Attends to the first `steps` steps of a head.
    ///
    /// # Safety
    /// Nobody writes to the head's memory meanwhile.
    pub(super) unsafe fn attend(
        &self,
        isa: Isa,
        head: usize,
        steps: usize,
        query: &[f32],
        scores: &mut [f32],
        out: &mut [f32],
    ) {
        let (shape, part) = (self.shape, self.part(head));
        match &self.form {
            Form::Halves { keys, values } => {
                // SAFETY: the caller's.
                let (keys, values) = unsafe { (keys.read(part.clone()), values.read(part)) };
                isa.run(Attend {
                    shape,
                    steps,
                    query,
                    memory: Halves { keys, values },
                    scores,
                    out,
                });
            }
            Form::Bytes {
                keys,
                values,
                key_scales,
                value_scales,
            } => {
                let scales = self.steps(head);
                // SAFETY: the caller's.
                let memory = unsafe {
                    Bytes {
                        keys: keys.read(part.clone()),
                        values: values.read(part),
                        key_scales: key_scales.read(scales.clone()),
                        value_scales: value_scales.read(scales),
                    }
                };
                isa.run(Attend {
                    shape,
                    steps,
                    query,
                    memory,
                    scores,
                    out,
                });
            }
        }
    }

    fn part(&self, head: usize) -> std::ops::Range<usize> {
        head * self.shape.len()..(head + 1) * self.shape.len()
    }

    fn steps(&self, head: usize) -> std::ops::Range<usize> {
        head * self.shape.capacity_steps..(head + 1) * self.shape.capacity_steps
    }
}

fn store_halves(
    shape: HeadShape,
    step: usize,
    key: &[f32],
    keys: &mut [u16],
    value: &[f32],
    values: &mut [u16],
) {
    let tile = &mut keys[step / LANES * LANES * shape.width..][..LANES * shape.width];
    let tile = tile.as_chunks_mut::<LANES>().0; // [float of the head][step]
    let lane = step % LANES;
    let mut rounded = [f16::ZERO; LANES];
    for (key, tile) in key.chunks_exact(LANES).zip(tile.chunks_exact_mut(LANES)) {
        convert(key, &mut rounded);
        for (steps, key) in tile.iter_mut().zip(rounded) {
            steps[lane] = key.to_bits();
        }
    }
    for (value, values) in value
        .chunks_exact(LANES)
        .zip(values.chunks_exact_mut(LANES))
    {
        convert(value, &mut rounded);
        for (to, value) in values.iter_mut().zip(rounded) {
            *to = value.to_bits();
        }
    }
}

fn convert(from: &[f32], to: &mut [f16; LANES]) {
    let mut within = [0.0; LANES];
    for (within, from) in within.iter_mut().zip(from) {
        *within = from.clamp(-LARGEST_HALF, LARGEST_HALF);
    }
    to.convert_from_f32_slice(&within);
}

struct StoreBytes<'a> {
    shape: HeadShape,
    step: usize,
    key: &'a [f32],
    value: &'a [f32],
    keys: &'a mut [u8],
    values: &'a mut [i8],
    key_scale: &'a mut f32,
    value_scale: &'a mut f32,
}

impl Task for StoreBytes<'_> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let quads = self.shape.width / 4;
        let mut rounded = [[0_i8; 4]; QUADS];
        let rounded = &mut rounded[..quads];
        (*self.key_scale, _) = round::<L>(self.key, rounded);
        let tiles = self.keys.as_chunks_mut::<DOT_BYTES>().0;
        let tile = &mut tiles[self.step / LANES * quads..][..quads];
        let lane = self.step % LANES;
        for (tile, key) in tile.iter_mut().zip(&*rounded) {
            tile.as_chunks_mut::<4>().0[lane] = key.map(|key| key.cast_unsigned() ^ 128);
        }
        (*self.value_scale, _) = round::<L>(self.value, rounded);
        self.values.copy_from_slice(rounded.as_flattened());
    }
}

/// Rounds a head's floats to bytes, the largest of which becomes ±127. Gives what they are to be
/// multiplied with, and their sum.
#[inline(always)]
pub(super) fn round<L: Lanes>(from: &[f32], to: &mut [[i8; 4]]) -> (f32, i32) {
    let from = from.as_chunks::<LANES>().0;
    let mut largest = L::splat(0.0);
    for x in from {
        largest = L::max(largest, L::abs(L::load(x)));
    }
    let largest = L::largest(largest);
    let back = 127.0 / largest;
    let (scale, back) = if largest > 0.0 && back.is_finite() {
        (largest / 127.0, back)
    } else {
        (0.0, 0.0)
    };
    let mut sum = 0;
    let to = to.as_flattened_mut().as_chunks_mut::<LANES>().0;
    for (x, to) in from.iter().zip(to) {
        L::store_bytes(L::round(L::mul(L::load(x), L::splat(back))), to);
        sum += to.iter().map(|&x| i32::from(x)).sum::<i32>();
    }
    (scale, sum)
}
