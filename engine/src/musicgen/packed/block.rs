//! The form that a matrix is packed in, and its product with a few rows.
//!
//! Any thread of the team. Products allocate nothing.
//!
//! A matrix `[outputs, inputs]` is cut into tiles of 16 outputs, and a tile into blocks of 64
//! inputs. The blocks of a tile follow one another, so that a thread reads its tiles as one
//! stream; a lane of a vector is an output, so that sums need no adding up across lanes.
//!
//! Integers: in every group of 32 inputs an output has one scale (bfloat16, so that every
//! processor reads it with a shift; the weights are rounded to the scale as it is stored). The
//! inputs are rounded to 8 bits with a scale for every 32 of a row (see [`InputBlock`]). Within
//! a group the sum is exact, whatever instruction makes it.

use bytemuck::{Pod, Zeroable};
use half::bf16;

use super::lanes::{DOT_BYTES, LANES, Lanes};

/// Inputs of a block. Inputs of a matrix are filled up to a multiple with zeros.
pub(super) const BLOCK: usize = 64;
/// Inputs that share a scale.
pub(super) const GROUP: usize = 32;
const GROUPS: usize = BLOCK / GROUP;

/// 64 inputs of a row.
#[derive(Debug, Clone, Copy)]
pub(super) struct InputBlock {
    pub(super) floats: [f32; BLOCK],
    /// The same, rounded: four that are multiplied at once.
    pub(super) bytes: [[i8; 4]; BLOCK / 4],
    /// What the bytes are to be multiplied with.
    pub(super) scales: [f32; GROUPS],
    /// Sums of the bytes.
    pub(super) sums: [i32; GROUPS],
}

impl Default for InputBlock {
    fn default() -> Self {
        Self {
            floats: [0.0; BLOCK],
            bytes: [[0; 4]; BLOCK / 4],
            scales: [0.0; GROUPS],
            sums: [0; GROUPS],
        }
    }
}

impl InputBlock {
    /// Rounds the floats: the largest of a group becomes ±127.
    #[inline(always)]
    pub(super) fn round<L: Lanes>(&mut self) {
        let vectors = self.floats.as_chunks::<LANES>().0;
        for group in 0..GROUPS {
            let (low, high) = (
                L::load(&vectors[2 * group]),
                L::load(&vectors[2 * group + 1]),
            );
            let largest = L::largest(L::max(L::abs(low), L::abs(high)));
            let (scale, back) = if largest > 0.0 {
                (largest / 127.0, 127.0 / largest)
            } else {
                (0.0, 0.0)
            };
            let back = L::splat(if back.is_finite() { back } else { 0.0 });
            let mut bytes = [[0; LANES]; 2];
            L::store_bytes(L::round(L::mul(low, back)), &mut bytes[0]);
            L::store_bytes(L::round(L::mul(high, back)), &mut bytes[1]);
            let of_group = &mut self.bytes[group * GROUP / 4..][..GROUP / 4];
            let quads = bytes.as_flattened().as_chunks::<4>().0;
            of_group.copy_from_slice(quads);
            self.scales[group] = scale;
            self.sums[group] = bytes.as_flattened().iter().map(|&x| i32::from(x)).sum();
        }
    }
}

/// The block of a format.
pub(super) trait Block: Pod + Send + Sync {
    /// Rows that are multiplied at once: as many as there are registers for.
    const ROWS: usize;
    /// Whether it reads the rounded inputs.
    const ROUNDED: bool;

    /// Packs the block's 64 weights of 16 outputs.
    fn pack<L: Lanes>(weights: &[[f32; BLOCK]; LANES]) -> Self;

    /// What has been packed: weights of 16 outputs.
    #[cfg(test)]
    fn unpack(&self) -> [[f32; BLOCK]; LANES];

    /// Adds the products with a block of `M` rows to their sums. A row has four sums, to be
    /// added up at the end; which of them a product goes to is the block's choice.
    fn multiply<L: Lanes, const M: usize>(
        &self,
        inputs: [&InputBlock; M],
        sums: &mut [[L::F; 4]; M],
    );
}

/// Full precision: 64 × 16.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(super) struct F32([[f32; LANES]; BLOCK]);

/// The upper halves of floats: 64 × 16.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(super) struct Bf16([[u16; LANES]; BLOCK]);

/// 8 bits: a byte is the weight over its scale, plus 128.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(super) struct Q8 {
    scales: [[u16; LANES]; GROUPS],
    bytes: [[[u8; DOT_BYTES]; GROUP / 4]; GROUPS], // four inputs of each output
}

/// 4 bits: half a byte is the weight over its scale, plus 8. The low halves are the first 16
/// inputs of a group, the high ones the last.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(super) struct Q4 {
    scales: [[u16; LANES]; GROUPS],
    bytes: [[[u8; DOT_BYTES]; GROUP / 8]; GROUPS],
}

impl Block for F32 {
    const ROWS: usize = 2;
    const ROUNDED: bool = false;

    #[inline(always)]
    fn pack<L: Lanes>(weights: &[[f32; BLOCK]; LANES]) -> Self {
        Self(transpose(weights))
    }

    #[cfg(test)]
    fn unpack(&self) -> [[f32; BLOCK]; LANES] {
        std::array::from_fn(|output| self.0.map(|outputs| outputs[output]))
    }

    #[inline(always)]
    fn multiply<L: Lanes, const M: usize>(
        &self,
        inputs: [&InputBlock; M],
        sums: &mut [[L::F; 4]; M],
    ) {
        for (quad, weights) in self.0.as_chunks::<4>().0.iter().enumerate() {
            for (part, weights) in weights.iter().enumerate() {
                add_product::<L, M>(L::load(weights), quad, part, inputs, sums);
            }
        }
        prefetch::<L, Self>(self);
    }
}

impl Block for Bf16 {
    const ROWS: usize = 2;
    const ROUNDED: bool = false;

    #[inline(always)]
    fn pack<L: Lanes>(weights: &[[f32; BLOCK]; LANES]) -> Self {
        Self(transpose(weights).map(|outputs| outputs.map(|w| bf16::from_f32(w).to_bits())))
    }

    #[cfg(test)]
    fn unpack(&self) -> [[f32; BLOCK]; LANES] {
        std::array::from_fn(|output| self.0.map(|outputs| widen(outputs[output])))
    }

    #[inline(always)]
    fn multiply<L: Lanes, const M: usize>(
        &self,
        inputs: [&InputBlock; M],
        sums: &mut [[L::F; 4]; M],
    ) {
        for (quad, weights) in self.0.as_chunks::<4>().0.iter().enumerate() {
            for (part, weights) in weights.iter().enumerate() {
                add_product::<L, M>(L::load_bf16(weights), quad, part, inputs, sums);
            }
        }
        prefetch::<L, Self>(self);
    }
}

impl Block for Q8 {
    const ROWS: usize = 4;
    const ROUNDED: bool = true;

    #[inline(always)]
    fn pack<L: Lanes>(weights: &[[f32; BLOCK]; LANES]) -> Self {
        let mut block = Self::zeroed();
        for (output, weights) in weights.iter().enumerate() {
            for (group, weights) in weights.as_chunks::<GROUP>().0.iter().enumerate() {
                let [low, high] = pair::<L>(weights);
                let largest = L::largest(L::max(L::abs(low), L::abs(high)));
                let scale = scale_bits(largest / 127.0);
                block.scales[group][output] = scale;
                let bytes = steps::<L>([low, high], widen(scale));
                for (input, byte) in bytes.into_iter().enumerate() {
                    // From -127 … 127 to 1 … 255.
                    let byte = byte.cast_unsigned() ^ 128;
                    block.bytes[group][input / 4][4 * output + input % 4] = byte;
                }
            }
        }
        block
    }

    #[cfg(test)]
    fn unpack(&self) -> [[f32; BLOCK]; LANES] {
        std::array::from_fn(|output| {
            std::array::from_fn(|input| {
                let (group, within) = (input / GROUP, input % GROUP);
                let byte = self.bytes[group][within / 4][4 * output + within % 4];
                (f32::from(byte) - 128.0) * widen(self.scales[group][output])
            })
        })
    }

    #[inline(always)]
    fn multiply<L: Lanes, const M: usize>(
        &self,
        inputs: [&InputBlock; M],
        sums: &mut [[L::F; 4]; M],
    ) {
        for group in 0..GROUPS {
            // What the 128 of every byte adds is taken away beforehand.
            let (mut even, mut odd) = start::<L, M>(-128, group, inputs);
            for pair in 0..GROUP / 8 {
                let first = L::load_bytes(&self.bytes[group][2 * pair]);
                let second = L::load_bytes(&self.bytes[group][2 * pair + 1]);
                for row in 0..M {
                    let bytes = &inputs[row].bytes[group * GROUP / 4 + 2 * pair..][..2];
                    even[row] = L::dot(even[row], first, bytes[0]);
                    odd[row] = L::dot(odd[row], second, bytes[1]);
                }
            }
            add_group::<L, M>(&self.scales[group], group, even, odd, inputs, sums);
        }
        prefetch::<L, Self>(self);
    }
}

impl Block for Q4 {
    const ROWS: usize = 4;
    const ROUNDED: bool = true;

    #[inline(always)]
    fn pack<L: Lanes>(weights: &[[f32; BLOCK]; LANES]) -> Self {
        let mut block = Self::zeroed();
        for (output, weights) in weights.iter().enumerate() {
            for (group, weights) in weights.as_chunks::<GROUP>().0.iter().enumerate() {
                let weights = pair::<L>(weights);
                let scale = best_scale_of_4_bits::<L>(weights);
                block.scales[group][output] = scale;
                let steps = steps::<L>(weights, widen(scale));
                for (input, steps) in steps.into_iter().enumerate() {
                    let half = (steps.clamp(-8, 7) + 8).cast_unsigned();
                    let (high, within) = (input / 16, input % 16);
                    let byte = &mut block.bytes[group][within / 4][4 * output + within % 4];
                    *byte |= half << (4 * high);
                }
            }
        }
        block
    }

    #[cfg(test)]
    fn unpack(&self) -> [[f32; BLOCK]; LANES] {
        std::array::from_fn(|output| {
            std::array::from_fn(|input| {
                let (group, within) = (input / GROUP, input % GROUP);
                let (high, within) = (within / 16, within % 16);
                let byte = self.bytes[group][within / 4][4 * output + within % 4];
                let half = (byte >> (4 * high)) & 15;
                (f32::from(half) - 8.0) * widen(self.scales[group][output])
            })
        })
    }

    #[inline(always)]
    fn multiply<L: Lanes, const M: usize>(
        &self,
        inputs: [&InputBlock; M],
        sums: &mut [[L::F; 4]; M],
    ) {
        for group in 0..GROUPS {
            // What the 8 of every half byte adds is taken away beforehand.
            let (mut low, mut high) = start::<L, M>(-8, group, inputs);
            for quad in 0..GROUP / 8 {
                let bytes = L::load_bytes(&self.bytes[group][quad]);
                let (first, last) = (L::low_nibbles(bytes), L::high_nibbles(bytes));
                for row in 0..M {
                    let bytes = &inputs[row].bytes[group * GROUP / 4 + quad..];
                    low[row] = L::dot(low[row], first, bytes[0]);
                    high[row] = L::dot(high[row], last, bytes[GROUP / 8]);
                }
            }
            add_group::<L, M>(&self.scales[group], group, low, high, inputs, sums);
        }
        prefetch::<L, Self>(self);
    }
}

#[inline(always)]
fn add_product<L: Lanes, const M: usize>(
    weights: L::F,
    quad: usize,
    part: usize,
    inputs: [&InputBlock; M],
    sums: &mut [[L::F; 4]; M],
) {
    for row in 0..M {
        let x = L::splat(inputs[row].floats[4 * quad + part]);
        let sum = &mut sums[row][part];
        *sum = L::add(*sum, L::mul(weights, x));
    }
}

/// Sums of a group before its products: `offset` times the sum of the inputs, and zero.
#[inline(always)]
fn start<L: Lanes, const M: usize>(
    offset: i32,
    group: usize,
    inputs: [&InputBlock; M],
) -> ([L::I; M], [L::I; M]) {
    let mut first = [L::splat_int(0); M];
    for row in 0..M {
        first[row] = L::splat_int(offset * inputs[row].sums[group]);
    }
    (first, [L::splat_int(0); M])
}

#[inline(always)]
fn add_group<L: Lanes, const M: usize>(
    scales: &[u16; LANES],
    group: usize,
    first: [L::I; M],
    second: [L::I; M],
    inputs: [&InputBlock; M],
    sums: &mut [[L::F; 4]; M],
) {
    let scales = L::load_bf16(scales);
    for row in 0..M {
        let exact = L::to_floats(L::add_ints(first[row], second[row]));
        let scale = L::mul(scales, L::splat(inputs[row].scales[group]));
        sums[row][0] = L::add(sums[row][0], L::mul(exact, scale));
    }
}

/// Asks for what comes so far behind this block: a processor's own guess stops at every page.
#[inline(always)]
fn prefetch<L: Lanes, B: Block>(block: &B) {
    const AHEAD_BYTES: usize = 2048;
    for line in bytemuck::bytes_of(block).as_chunks::<DOT_BYTES>().0 {
        L::prefetch(line, AHEAD_BYTES);
    }
}

fn transpose(weights: &[[f32; BLOCK]; LANES]) -> [[f32; LANES]; BLOCK] {
    std::array::from_fn(|input| std::array::from_fn(|output| weights[output][input]))
}

fn widen(bits: u16) -> f32 {
    f32::from_bits(u32::from(bits) << 16)
}

/// The next bfloat16 that is no smaller: so no weight is more steps away than there are.
fn scale_bits(scale: f32) -> u16 {
    (scale.to_bits().div_ceil(1 << 16)) as u16
}

/// A group in two vectors.
#[inline(always)]
fn pair<L: Lanes>(weights: &[f32; GROUP]) -> [L::F; 2] {
    let halves = weights.as_chunks::<LANES>().0;
    [L::load(&halves[0]), L::load(&halves[1])]
}

/// How many steps of a scale the weights of a group are from zero, to the nearest; no more than
/// 127 in size.
#[inline(always)]
fn steps<L: Lanes>(weights: [L::F; 2], scale: f32) -> [i8; GROUP] {
    let back = 1.0 / scale;
    let back = L::splat(if back.is_finite() { back } else { 0.0 });
    let mut bytes = [[0; LANES]; 2];
    L::store_bytes(L::round(L::mul(weights[0], back)), &mut bytes[0]);
    L::store_bytes(L::round(L::mul(weights[1], back)), &mut bytes[1]);
    let mut out = [0; GROUP];
    out.copy_from_slice(bytes.as_flattened());
    out
}

/// The scale that loses least (in squares) of a group at 4 bits. The largest weight gets the end
/// of the range that has eight steps, not seven, or comes a little short of it: the others are
/// then rounded finer.
#[inline(always)]
fn best_scale_of_4_bits<L: Lanes>(weights: [L::F; 2]) -> u16 {
    let above = L::largest(L::max(weights[0], weights[1]));
    let zero = L::splat(0.0);
    let below = L::largest(L::max(L::sub(zero, weights[0]), L::sub(zero, weights[1])));
    let largest = if above > below { above } else { -below };
    // A scale below zero turns the range around.
    let mut best = (0, f32::INFINITY);
    for part in [-8.0, -7.6, -7.2, -6.8, 7.4, 7.0, 6.6] {
        let scale = bf16::from_f32(largest / part).to_bits();
        let step = widen(scale);
        let back = 1.0 / step;
        if !back.is_finite() {
            continue;
        }
        let mut lost = zero;
        for weights in weights {
            let steps = L::to_floats(L::round(L::mul(weights, L::splat(back))));
            // Within -8 … 7.
            let steps = L::max(steps, L::splat(-8.0));
            let steps = L::sub(zero, L::max(L::sub(zero, steps), L::splat(-7.0)));
            let error = L::sub(weights, L::mul(steps, L::splat(step)));
            lost = L::add(lost, L::mul(error, error));
        }
        let lost = L::sum(lost);
        if lost < best.1 {
            best = (scale, lost);
        }
    }
    best.0
}
