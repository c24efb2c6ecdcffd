//! Sixteen lanes in one vector of AVX-512, with VNNI.
//!
//! Any thread of the team. Allocates nothing.
//!
//! The functions of [`Lanes`] here are only called, and inlined, in what [`run`] inlines, which
//! is compiled for these instructions and reached only where the processor has them.
#![allow(unsafe_code)] // instructions; what each block needs is the same, and said at `run`

use std::arch::x86_64::*;

use super::{DOT_BYTES, LANES, Lanes, Task};

/// AVX-512 F, BW, VL and VNNI.
#[derive(Debug, Clone, Copy)]
pub(super) struct Avx512;

/// Runs a task with these instructions. Only [`super::Isa`] calls it, after detecting them.
pub(super) fn run<T: Task>(task: T) -> T::Output {
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni,avx2,f16c")]
    fn enter<T: Task>(task: T) -> T::Output {
        task.run::<Avx512>()
    }
    // SAFETY: an `Isa` of this kind exists only where the processor was seen to have all of
    // these instructions.
    unsafe { enter(task) }
}

impl Lanes for Avx512 {
    type F = __m512;
    type I = __m512i;
    type W = __m512i;

    #[inline(always)]
    fn splat(x: f32) -> __m512 {
        // SAFETY: see `run`.
        unsafe { _mm512_set1_ps(x) }
    }
    #[inline(always)]
    fn load(from: &[f32; LANES]) -> __m512 {
        // SAFETY: see `run`; 64 bytes are there, and no alignment is needed.
        unsafe { _mm512_loadu_ps(from.as_ptr()) }
    }
    #[inline(always)]
    fn store(x: __m512, to: &mut [f32; LANES]) {
        // SAFETY: see `run`; 64 bytes are there, and no alignment is needed.
        unsafe { _mm512_storeu_ps(to.as_mut_ptr(), x) }
    }
    #[inline(always)]
    fn add(a: __m512, b: __m512) -> __m512 {
        // SAFETY: see `run`.
        unsafe { _mm512_add_ps(a, b) }
    }
    #[inline(always)]
    fn sub(a: __m512, b: __m512) -> __m512 {
        // SAFETY: see `run`.
        unsafe { _mm512_sub_ps(a, b) }
    }
    #[inline(always)]
    fn mul(a: __m512, b: __m512) -> __m512 {
        // SAFETY: see `run`.
        unsafe { _mm512_mul_ps(a, b) }
    }
    #[inline(always)]
    fn div(a: __m512, b: __m512) -> __m512 {
        // SAFETY: see `run`.
        unsafe { _mm512_div_ps(a, b) }
    }
    #[inline(always)]
    fn max(a: __m512, b: __m512) -> __m512 {
        // SAFETY: see `run`.
        unsafe { _mm512_max_ps(a, b) }
    }
    #[inline(always)]
    fn abs(x: __m512) -> __m512 {
        // SAFETY: see `run`.
        unsafe { _mm512_abs_ps(x) }
    }
    #[inline(always)]
    fn with_sign(size: __m512, sign: __m512) -> __m512 {
        // SAFETY: see `run`.
        unsafe {
            let mask = _mm512_set1_epi32(i32::MIN);
            // Where the mask has a bit the sign's, else the size's.
            let bits = _mm512_ternarylogic_epi32::<0xca>(
                mask,
                _mm512_castps_si512(sign),
                _mm512_castps_si512(size),
            );
            _mm512_castsi512_ps(bits)
        }
    }

    #[inline(always)]
    fn round(x: __m512) -> __m512i {
        // SAFETY: see `run`.
        unsafe { _mm512_cvt_roundps_epi32::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(x) }
    }
    #[inline(always)]
    fn to_floats(x: __m512i) -> __m512 {
        // SAFETY: see `run`.
        unsafe { _mm512_cvtepi32_ps(x) }
    }
    #[inline(always)]
    fn two_to(x: __m512i) -> __m512 {
        // SAFETY: see `run`.
        unsafe {
            let biased = _mm512_add_epi32(x, _mm512_set1_epi32(127));
            _mm512_castsi512_ps(_mm512_slli_epi32::<23>(biased))
        }
    }
    #[inline(always)]
    fn splat_int(x: i32) -> __m512i {
        // SAFETY: see `run`.
        unsafe { _mm512_set1_epi32(x) }
    }
    #[inline(always)]
    fn add_ints(a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: see `run`.
        unsafe { _mm512_add_epi32(a, b) }
    }
    #[inline(always)]
    fn store_bytes(x: __m512i, to: &mut [i8; LANES]) {
        // SAFETY: see `run`; 16 bytes are there, and no alignment is needed.
        unsafe { _mm_storeu_si128(to.as_mut_ptr().cast(), _mm512_cvtepi32_epi8(x)) }
    }

    #[inline(always)]
    fn load_bf16(from: &[u16; LANES]) -> __m512 {
        // SAFETY: see `run`; 32 bytes are there, and no alignment is needed.
        unsafe {
            let bits = _mm512_cvtepu16_epi32(_mm256_loadu_si256(from.as_ptr().cast()));
            _mm512_castsi512_ps(_mm512_slli_epi32::<16>(bits))
        }
    }
    #[inline(always)]
    fn load_f16(from: &[u16; LANES]) -> __m512 {
        // SAFETY: see `run`; 32 bytes are there, and no alignment is needed.
        unsafe { _mm512_cvtph_ps(_mm256_loadu_si256(from.as_ptr().cast())) }
    }
    #[inline(always)]
    fn load_i8(from: &[i8; LANES]) -> __m512 {
        // SAFETY: see `run`; 16 bytes are there, and no alignment is needed.
        unsafe {
            let bytes = _mm_loadu_si128(from.as_ptr().cast());
            _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes))
        }
    }

    #[inline(always)]
    fn load_bytes(from: &[u8; DOT_BYTES]) -> __m512i {
        // SAFETY: see `run`; 64 bytes are there, and no alignment is needed.
        unsafe { _mm512_loadu_si512(from.as_ptr().cast()) }
    }
    #[inline(always)]
    fn low_nibbles(x: __m512i) -> __m512i {
        // SAFETY: see `run`.
        unsafe { _mm512_and_si512(x, _mm512_set1_epi8(15)) }
    }
    #[inline(always)]
    fn high_nibbles(x: __m512i) -> __m512i {
        // SAFETY: see `run`.
        unsafe { _mm512_and_si512(_mm512_srli_epi16::<4>(x), _mm512_set1_epi8(15)) }
    }
    #[inline(always)]
    fn dot(sum: __m512i, bytes: __m512i, x: [i8; 4]) -> __m512i {
        let x = i32::from_ne_bytes(x.map(i8::cast_unsigned));
        // SAFETY: see `run`.
        unsafe { _mm512_dpbusd_epi32(sum, bytes, _mm512_set1_epi32(x)) }
    }

    #[inline(always)]
    fn prefetch(from: &[u8; DOT_BYTES], ahead: usize) {
        // SAFETY: a prefetch of any address does no harm.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(from.as_ptr().wrapping_add(ahead).cast()) }
    }

    #[inline(always)]
    fn sum(x: __m512) -> f32 {
        // SAFETY: see `run`.
        unsafe {
            let upper = _mm256_castpd_ps(_mm512_extractf64x4_pd::<1>(_mm512_castps_pd(x)));
            super::avx2::sum_of_8(_mm256_add_ps(_mm512_castps512_ps256(x), upper))
        }
    }
}
