//! Sixteen lanes in plain Rust: for processors of no kind that is known here, and the measure
//! of all others.
//!
//! Any thread of the team. Allocates nothing.

use super::{DOT_BYTES, LANES, Lanes};

/// Arrays, which the compiler puts into whatever vectors every processor of the platform has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Portable;

#[inline(always)]
fn each<A: Copy, B: Copy, C>(a: [A; LANES], b: [B; LANES], of: impl Fn(A, B) -> C) -> [C; LANES] {
    std::array::from_fn(|lane| of(a[lane], b[lane]))
}

impl Lanes for Portable {
    type F = [f32; LANES];
    type I = [i32; LANES];
    type W = [u8; DOT_BYTES];

    #[inline(always)]
    fn splat(x: f32) -> Self::F {
        [x; LANES]
    }
    #[inline(always)]
    fn load(from: &[f32; LANES]) -> Self::F {
        *from
    }
    #[inline(always)]
    fn store(x: Self::F, to: &mut [f32; LANES]) {
        *to = x;
    }
    #[inline(always)]
    fn add(a: Self::F, b: Self::F) -> Self::F {
        each(a, b, |a, b| a + b)
    }
    #[inline(always)]
    fn sub(a: Self::F, b: Self::F) -> Self::F {
        each(a, b, |a, b| a - b)
    }
    #[inline(always)]
    fn mul(a: Self::F, b: Self::F) -> Self::F {
        each(a, b, |a, b| a * b)
    }
    #[inline(always)]
    fn div(a: Self::F, b: Self::F) -> Self::F {
        each(a, b, |a, b| a / b)
    }
    #[inline(always)]
    fn max(a: Self::F, b: Self::F) -> Self::F {
        each(a, b, |a, b| if a > b { a } else { b })
    }
    #[inline(always)]
    fn abs(x: Self::F) -> Self::F {
        x.map(f32::abs)
    }
    #[inline(always)]
    fn with_sign(size: Self::F, sign: Self::F) -> Self::F {
        each(size, sign, f32::copysign)
    }

    #[inline(always)]
    fn round(x: Self::F) -> Self::I {
        // In two steps that every processor has: adding 1.5 × 2^23 leaves no bits behind the
        // point. What is larger than 2^22 is rounded by the conversion, and even then exactly.
        x.map(|x| {
            const SHIFT: f32 = 12_582_912.0;
            if x.abs() < 4_194_304.0 {
                ((x + SHIFT) - SHIFT) as i32
            } else {
                x.round_ties_even() as i32
            }
        })
    }
    #[inline(always)]
    fn to_floats(x: Self::I) -> Self::F {
        x.map(|x| x as f32)
    }
    #[inline(always)]
    fn two_to(x: Self::I) -> Self::F {
        x.map(|x| f32::from_bits(((x + 127) as u32) << 23))
    }
    #[inline(always)]
    fn splat_int(x: i32) -> Self::I {
        [x; LANES]
    }
    #[inline(always)]
    fn add_ints(a: Self::I, b: Self::I) -> Self::I {
        each(a, b, i32::wrapping_add)
    }
    #[inline(always)]
    fn store_bytes(x: Self::I, to: &mut [i8; LANES]) {
        *to = x.map(|x| x as i8);
    }

    #[inline(always)]
    fn load_bf16(from: &[u16; LANES]) -> Self::F {
        from.map(|bits| f32::from_bits(u32::from(bits) << 16))
    }
    #[inline(always)]
    fn load_f16(from: &[u16; LANES]) -> Self::F {
        from.map(widen_f16)
    }
    #[inline(always)]
    fn load_i8(from: &[i8; LANES]) -> Self::F {
        from.map(f32::from)
    }

    #[inline(always)]
    fn load_bytes(from: &[u8; DOT_BYTES]) -> Self::W {
        *from
    }
    #[inline(always)]
    fn low_nibbles(x: Self::W) -> Self::W {
        x.map(|x| x & 15)
    }
    #[inline(always)]
    fn high_nibbles(x: Self::W) -> Self::W {
        x.map(|x| x >> 4)
    }
    #[inline(always)]
    fn dot(sum: Self::I, bytes: Self::W, x: [i8; 4]) -> Self::I {
        let x = x.map(i32::from);
        let quads = bytes.as_chunks::<4>().0;
        std::array::from_fn(|lane| {
            let w = quads[lane].map(i32::from);
            sum[lane] + (w[0] * x[0] + w[1] * x[1]) + (w[2] * x[2] + w[3] * x[3])
        })
    }

    #[inline(always)]
    fn prefetch(_: &[u8; DOT_BYTES], _: usize) {}
}

/// Half precision without an instruction for it: the exponent's bias is changed by a product,
/// which is exact for subnormal numbers too.
#[inline(always)]
fn widen_f16(bits: u16) -> f32 {
    const BIAS: f32 = f32::from_bits((127 + 112) << 23); // 2^112
    let size = f32::from_bits(u32::from(bits & 0x7fff) << 13) * BIAS;
    // Infinity and what is no number have all bits of the exponent set, here as there.
    let size = if bits & 0x7c00 == 0x7c00 {
        f32::from_bits(size.to_bits() | 0x7f80_0000)
    } else {
        size
    };
    f32::from_bits(size.to_bits() | (u32::from(bits & 0x8000) << 16))
}
