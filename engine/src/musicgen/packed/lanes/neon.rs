//! Sixteen lanes in four vectors of NEON, with the dot product.
//!
//! Any thread of the team. Allocates nothing.
//!
//! NEON itself is part of every aarch64 processor; the dot product is only called, and inlined,
//! in what [`run`] inlines, which is reached only where the processor has it.
#![allow(unsafe_code)] // instructions; what each block needs is the same, and said at `run`

use std::arch::aarch64::*;

use super::{DOT_BYTES, LANES, Lanes, Task};

/// NEON with the dot product.
#[derive(Debug, Clone, Copy)]
pub(super) struct NeonDot;

/// Runs a task with these instructions. Only [`super::Isa`] calls it, after detecting them.
pub(super) fn run<T: Task>(task: T) -> T::Output {
    #[target_feature(enable = "neon,dotprod")]
    fn enter<T: Task>(task: T) -> T::Output {
        task.run::<NeonDot>()
    }
    // SAFETY: an `Isa` of this kind exists only where the processor was seen to have all of
    // these instructions.
    unsafe { enter(task) }
}

/// The same with each of the four vectors. Its values run instructions of NEON.
macro_rules! four {
    ($quarter:ident => $value:expr) => {{
        let $quarter = 0;
        // SAFETY: see `run`.
        let first = unsafe { $value };
        let $quarter = 1;
        // SAFETY: see `run`.
        let second = unsafe { $value };
        let $quarter = 2;
        // SAFETY: see `run`.
        let third = unsafe { $value };
        let $quarter = 3;
        // SAFETY: see `run`.
        let fourth = unsafe { $value };
        [first, second, third, fourth]
    }};
}

impl Lanes for NeonDot {
    type F = [float32x4_t; 4];
    type I = [int32x4_t; 4];
    type W = [uint8x16_t; 4];

    #[inline(always)]
    fn splat(x: f32) -> Self::F {
        // SAFETY: see `run`.
        [unsafe { vdupq_n_f32(x) }; 4]
    }
    #[inline(always)]
    fn load(from: &[f32; LANES]) -> Self::F {
        let parts = from.as_chunks::<4>().0;
        four!(quarter => vld1q_f32(parts[quarter].as_ptr()))
    }
    #[inline(always)]
    fn store(x: Self::F, to: &mut [f32; LANES]) {
        for (to, x) in to.as_chunks_mut::<4>().0.iter_mut().zip(x) {
            // SAFETY: see `run`; 16 bytes are there.
            unsafe { vst1q_f32(to.as_mut_ptr(), x) }
        }
    }
    #[inline(always)]
    fn add(a: Self::F, b: Self::F) -> Self::F {
        four!(quarter => vaddq_f32(a[quarter], b[quarter]))
    }
    #[inline(always)]
    fn sub(a: Self::F, b: Self::F) -> Self::F {
        four!(quarter => vsubq_f32(a[quarter], b[quarter]))
    }
    #[inline(always)]
    fn mul(a: Self::F, b: Self::F) -> Self::F {
        four!(quarter => vmulq_f32(a[quarter], b[quarter]))
    }
    #[inline(always)]
    fn div(a: Self::F, b: Self::F) -> Self::F {
        four!(quarter => vdivq_f32(a[quarter], b[quarter]))
    }
    #[inline(always)]
    fn max(a: Self::F, b: Self::F) -> Self::F {
        four!(quarter => vbslq_f32(vcgtq_f32(a[quarter], b[quarter]), a[quarter], b[quarter]))
    }
    #[inline(always)]
    fn abs(x: Self::F) -> Self::F {
        four!(quarter => vabsq_f32(x[quarter]))
    }
    #[inline(always)]
    fn with_sign(size: Self::F, sign: Self::F) -> Self::F {
        four!(quarter => vbslq_f32(vdupq_n_u32(1 << 31), sign[quarter], size[quarter]))
    }

    #[inline(always)]
    fn round(x: Self::F) -> Self::I {
        four!(quarter => vcvtnq_s32_f32(x[quarter]))
    }
    #[inline(always)]
    fn to_floats(x: Self::I) -> Self::F {
        four!(quarter => vcvtq_f32_s32(x[quarter]))
    }
    #[inline(always)]
    fn two_to(x: Self::I) -> Self::F {
        four!(quarter => {
            vreinterpretq_f32_s32(vshlq_n_s32::<23>(vaddq_s32(x[quarter], vdupq_n_s32(127))))
        })
    }
    #[inline(always)]
    fn splat_int(x: i32) -> Self::I {
        // SAFETY: see `run`.
        [unsafe { vdupq_n_s32(x) }; 4]
    }
    #[inline(always)]
    fn add_ints(a: Self::I, b: Self::I) -> Self::I {
        four!(quarter => vaddq_s32(a[quarter], b[quarter]))
    }
    #[inline(always)]
    fn store_bytes(x: Self::I, to: &mut [i8; LANES]) {
        // SAFETY: see `run`; 16 bytes are there.
        unsafe {
            let low = vcombine_s16(vmovn_s32(x[0]), vmovn_s32(x[1]));
            let high = vcombine_s16(vmovn_s32(x[2]), vmovn_s32(x[3]));
            vst1q_s8(
                to.as_mut_ptr(),
                vcombine_s8(vmovn_s16(low), vmovn_s16(high)),
            );
        }
    }

    #[inline(always)]
    fn load_bf16(from: &[u16; LANES]) -> Self::F {
        let parts = from.as_chunks::<4>().0;
        four!(quarter => {
            vreinterpretq_f32_u32(vshll_n_u16::<16>(vld1_u16(parts[quarter].as_ptr())))
        })
    }
    #[inline(always)]
    fn load_f16(from: &[u16; LANES]) -> Self::F {
        // No intrinsic without the unstable type of half floats: the exponent's bias is
        // changed by a product, which is exact for subnormal numbers too. (What is infinite
        // or no number becomes large instead; nothing that is stored in halves is.)
        let parts = from.as_chunks::<4>().0;
        four!(quarter => {
            let bits = vmovl_u16(vld1_u16(parts[quarter].as_ptr()));
            let size = vshlq_n_u32::<13>(vandq_u32(bits, vdupq_n_u32(0x7fff)));
            let bias = vdupq_n_f32(f32::from_bits((127 + 112) << 23)); // 2^112
            let size = vmulq_f32(vreinterpretq_f32_u32(size), bias);
            let sign = vshlq_n_u32::<16>(bits);
            vbslq_f32(vdupq_n_u32(1 << 31), vreinterpretq_f32_u32(sign), size)
        })
    }
    #[inline(always)]
    fn load_i8(from: &[i8; LANES]) -> Self::F {
        // SAFETY: see `run`; 16 bytes are there.
        let words = unsafe {
            let bytes = vld1q_s8(from.as_ptr());
            let (low, high) = (vmovl_s8(vget_low_s8(bytes)), vmovl_s8(vget_high_s8(bytes)));
            [
                vget_low_s16(low),
                vget_high_s16(low),
                vget_low_s16(high),
                vget_high_s16(high),
            ]
        };
        four!(quarter => vcvtq_f32_s32(vmovl_s16(words[quarter])))
    }

    #[inline(always)]
    fn load_bytes(from: &[u8; DOT_BYTES]) -> Self::W {
        let parts = from.as_chunks::<16>().0;
        four!(quarter => vld1q_u8(parts[quarter].as_ptr()))
    }
    #[inline(always)]
    fn low_nibbles(x: Self::W) -> Self::W {
        four!(quarter => vandq_u8(x[quarter], vdupq_n_u8(15)))
    }
    #[inline(always)]
    fn high_nibbles(x: Self::W) -> Self::W {
        four!(quarter => vshrq_n_u8::<4>(x[quarter]))
    }
    #[inline(always)]
    fn dot(sum: Self::I, bytes: Self::W, x: [i8; 4]) -> Self::I {
        // The dot product of signed bytes: 128 is taken from the unsigned ones (a turned top
        // bit) and given back as 128 times the sum of `x`.
        let back = 128 * x.iter().map(|&x| i32::from(x)).sum::<i32>();
        let x = u32::from_ne_bytes(x.map(i8::cast_unsigned));
        four!(quarter => {
            let w = vreinterpretq_s8_u8(veorq_u8(bytes[quarter], vdupq_n_u8(128)));
            let x = vreinterpretq_s8_u32(vdupq_n_u32(x));
            let mut sum = vaddq_s32(sum[quarter], vdupq_n_s32(back));
            // The intrinsic is not stable.
            std::arch::asm!(
                "sdot {sum:v}.4s, {w:v}.16b, {x:v}.16b",
                sum = inout(vreg) sum, w = in(vreg) w, x = in(vreg) x,
                options(pure, nomem, nostack, preserves_flags)
            );
            sum
        })
    }

    #[inline(always)]
    fn prefetch(_: &[u8; DOT_BYTES], _: usize) {}
}
