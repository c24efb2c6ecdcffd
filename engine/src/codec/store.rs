//! How weights lie in memory: as they are, or with 16 bits each.
//!
//! Worker thread and the pool that it runs in. Arithmetic is in f32 for both, in the same
//! order, so that every processor with fused multiply-add computes the same samples, however
//! wide its vectors; one without rounds twice where they round once. Arithmetic in bf16 is not
//! faster everywhere: on Sapphire Rapids `vdpbf16ps` (1.4 G/s a core) does half of the work of
//! f32 FMAs (5.6 G/s); and a bf16 weight keeps 8 bits where a short one keeps 15.

use pulp::Simd;

use super::aligned::Aligned;

/// How a codec keeps its large matrices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CodecPrecision {
    /// As they are in the file.
    Single,
    /// Whole numbers of 16 bits with a scale for each output, in matrices that no core's
    /// cache holds: they are read for every frame, so half of the bytes is little more than
    /// half of the time, while their rounding is 100 dB below the sound (published size,
    /// random weights). Small matrices, and so the whole starter, stay as they are.
    #[default]
    Short,
}

/// Weights from which on a matrix is short: with 4 bytes each, they fill the second cache of a
/// core of today.
const LARGE: usize = 1 << 19;

impl CodecPrecision {
    /// Whether a matrix of so many weights is kept short.
    pub(super) fn shortens(self, weights: usize) -> bool {
        self == Self::Short && weights >= LARGE
    }
}

/// The largest whole number of a short weight.
const LIMIT: f32 = 32_767.0;
/// Added to a short weight, so that it is not negative.
const OFFSET: u32 = 1 << 15;

/// The scale of an output whose largest weight is `peak`.
pub(super) fn scale(peak: f32) -> f32 {
    if peak > 0.0 { peak / LIMIT } else { 1.0 }
}

/// Two weights in one word, each over the scale of its output.
pub(super) fn pair(low: f32, high: f32) -> u32 {
    let word = |value: f32| (value.round().clamp(-LIMIT, LIMIT) as i32 + OFFSET as i32) as u32;
    word(low) | word(high) << 16
}

/// Two vectors of short weights of one vector of words; the scales are still to be applied.
///
/// A whole number in the low bits of 2^23 is 2^23 more, exactly: this needs no instruction
/// for conversions, which vectors of words do not have everywhere.
#[inline(always)]
pub(super) fn open_pair<S: Simd>(simd: S, pair: S::u32s) -> [S::f32s; 2] {
    const MANTISSA: f32 = 8_388_608.0;
    let base = simd.splat_u32s(MANTISSA.to_bits());
    let offset = simd.splat_f32s(MANTISSA + OFFSET as f32);
    let low = simd.and_u32s(pair, simd.splat_u32s(0xFFFF));
    let high = simd.wrapping_dyn_shr_u32s(pair, simd.splat_u32s(16));
    [low, high]
        .map(|word| simd.sub_f32s(simd.transmute_f32s_u32s(simd.or_u32s(word, base)), offset))
}

/// Packed weights, panels one after the other.
#[derive(Debug)]
pub(super) enum Packed {
    Single(Aligned<f32>),
    Short {
        pairs: Aligned<u32>,
        /// One for each column.
        scale: Aligned<f32>,
    },
}

impl Packed {
    /// Bytes that they take.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Single(weights) => 4 * weights.len(),
            Self::Short { pairs, .. } => 4 * pairs.len(),
        }
    }
}

/// Some panels of packed weights.
#[derive(Clone, Copy)]
pub(super) enum Weights<'a> {
    Single(&'a [f32]),
    Short { pairs: &'a [u32], scale: &'a [f32] },
}

/// What the inner loop reads for an input, and how it becomes `V` vectors of columns.
pub(super) trait Store<S: Simd, const V: usize> {
    type Item: Copy;
    fn open(simd: S, item: &Self::Item) -> [S::f32s; V];
}

pub(super) struct Single;
pub(super) struct Short;

impl<S: Simd, const V: usize> Store<S, V> for Single {
    type Item = [S::f32s; V];
    #[inline(always)]
    fn open(_: S, item: &Self::Item) -> [S::f32s; V] {
        *item
    }
}

impl<S: Simd> Store<S, 2> for Short {
    type Item = S::u32s;
    #[inline(always)]
    fn open(simd: S, item: &Self::Item) -> [S::f32s; 2] {
        open_pair(simd, *item)
    }
}

#[cfg(test)]
mod tests {
    use pulp::{Arch, WithSimd};

    use super::*;

    #[test]
    fn pairs_open_to_what_they_were_made_of() {
        struct Open(u32);
        impl WithSimd for Open {
            type Output = [f32; 2];
            fn with_simd<S: Simd>(self, simd: S) -> [f32; 2] {
                open_pair(simd, simd.splat_u32s(self.0)).map(|vector| simd.reduce_max_f32s(vector))
            }
        }
        for arch in [Arch::Scalar, Arch::new()] {
            for (low, high) in [(0.0, -32_767.0), (32_767.0, 1.4), (-1.0, -0.6), (99.5, 0.2)] {
                let opened = arch.dispatch(Open(pair(low, high)));
                assert_eq!(opened, [low.round(), high.round()], "{arch:?}");
            }
        }
    }
}
