//! Sixteen lanes in two vectors of AVX2, with or without VNNI.
//!
//! Any thread of the team. Allocates nothing.
//!
//! The functions of [`Lanes`] here are only called, and inlined, in what [`run`] and
//! [`run_vnni`] inline, which are compiled for these instructions and reached only where the
//! processor has them.
#![allow(unsafe_code)] // instructions; what each block needs is the same, and said at `run`

use std::arch::x86_64::*;

use super::{DOT_BYTES, LANES, Lanes, Task};

/// AVX2 and F16C; with `VNNI` also AVX-VNNI.
#[derive(Debug, Clone, Copy)]
pub(super) struct Avx2<const VNNI: bool>;

/// Runs a task with AVX2 and F16C. Only [`super::Isa`] calls it, after detecting them.
pub(super) fn run<T: Task>(task: T) -> T::Output {
    #[target_feature(enable = "avx2,f16c")]
    fn enter<T: Task>(task: T) -> T::Output {
        task.run::<Avx2<false>>()
    }
    // SAFETY: an `Isa` of this kind exists only where the processor was seen to have all of
    // these instructions.
    unsafe { enter(task) }
}

/// Runs a task with AVX-VNNI too. Only [`super::Isa`] calls it, after detecting it.
pub(super) fn run_vnni<T: Task>(task: T) -> T::Output {
    #[target_feature(enable = "avx2,f16c,avxvnni")]
    fn enter<T: Task>(task: T) -> T::Output {
        task.run::<Avx2<true>>()
    }
    // SAFETY: as in `run`.
    unsafe { enter(task) }
}

/// The same with the first vectors and with the second. Its values run instructions of AVX2.
macro_rules! both {
    ($half:ident => $value:expr) => {{
        let $half = 0;
        // SAFETY: see `run`.
        let low = unsafe { $value };
        let $half = 1;
        // SAFETY: see `run`.
        let high = unsafe { $value };
        [low, high]
    }};
}

/// Sum of eight lanes, halves onto each other.
#[inline(always)]
pub(super) fn sum_of_8(x: __m256) -> f32 {
    // SAFETY: see `run`, here and in `avx512`.
    unsafe {
        let four = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps::<1>(x));
        let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
        _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps::<1>(two, two)))
    }
}

impl<const VNNI: bool> Lanes for Avx2<VNNI> {
    type F = [__m256; 2];
    type I = [__m256i; 2];
    type W = [__m256i; 2];

    #[inline(always)]
    fn splat(x: f32) -> Self::F {
        // SAFETY: see `run`.
        [unsafe { _mm256_set1_ps(x) }; 2]
    }
    #[inline(always)]
    fn load(from: &[f32; LANES]) -> Self::F {
        let halves = from.as_chunks::<8>().0;
        both!(half => _mm256_loadu_ps(halves[half].as_ptr()))
    }
    #[inline(always)]
    fn store(x: Self::F, to: &mut [f32; LANES]) {
        for (to, x) in to.as_chunks_mut::<8>().0.iter_mut().zip(x) {
            // SAFETY: see `run`; 32 bytes are there, and no alignment is needed.
            unsafe { _mm256_storeu_ps(to.as_mut_ptr(), x) }
        }
    }
    #[inline(always)]
    fn add(a: Self::F, b: Self::F) -> Self::F {
        both!(half => _mm256_add_ps(a[half], b[half]))
    }
    #[inline(always)]
    fn sub(a: Self::F, b: Self::F) -> Self::F {
        both!(half => _mm256_sub_ps(a[half], b[half]))
    }
    #[inline(always)]
    fn mul(a: Self::F, b: Self::F) -> Self::F {
        both!(half => _mm256_mul_ps(a[half], b[half]))
    }
    #[inline(always)]
    fn div(a: Self::F, b: Self::F) -> Self::F {
        both!(half => _mm256_div_ps(a[half], b[half]))
    }
    #[inline(always)]
    fn max(a: Self::F, b: Self::F) -> Self::F {
        both!(half => _mm256_max_ps(a[half], b[half]))
    }
    #[inline(always)]
    fn abs(x: Self::F) -> Self::F {
        both!(half => _mm256_andnot_ps(_mm256_set1_ps(-0.0), x[half]))
    }
    #[inline(always)]
    fn with_sign(size: Self::F, sign: Self::F) -> Self::F {
        both!(half => {
            let mask = _mm256_set1_ps(-0.0);
            let size = _mm256_andnot_ps(mask, size[half]);
            _mm256_or_ps(size, _mm256_and_ps(mask, sign[half]))
        })
    }

    #[inline(always)]
    fn round(x: Self::F) -> Self::I {
        // The conversion rounds to nearest even: Rust leaves the processor in that mode.
        both!(half => _mm256_cvtps_epi32(x[half]))
    }
    #[inline(always)]
    fn to_floats(x: Self::I) -> Self::F {
        both!(half => _mm256_cvtepi32_ps(x[half]))
    }
    #[inline(always)]
    fn two_to(x: Self::I) -> Self::F {
        both!(half => {
            let biased = _mm256_add_epi32(x[half], _mm256_set1_epi32(127));
            _mm256_castsi256_ps(_mm256_slli_epi32::<23>(biased))
        })
    }
    #[inline(always)]
    fn splat_int(x: i32) -> Self::I {
        // SAFETY: see `run`.
        [unsafe { _mm256_set1_epi32(x) }; 2]
    }
    #[inline(always)]
    fn add_ints(a: Self::I, b: Self::I) -> Self::I {
        both!(half => _mm256_add_epi32(a[half], b[half]))
    }
    #[inline(always)]
    fn store_bytes(x: Self::I, to: &mut [i8; LANES]) {
        // SAFETY: see `run`; 16 bytes are there, and no alignment is needed.
        unsafe {
            // Packs within halves of 128 bits: 0…3, 8…11, 4…7, 12…15.
            let words = _mm256_packs_epi32(x[0], x[1]);
            let words = _mm256_permute4x64_epi64::<0b11_01_10_00>(words);
            let bytes = _mm256_packs_epi16(words, words); // 0…7 twice, 8…15 twice
            let bytes = _mm256_permute4x64_epi64::<0b11_01_10_00>(bytes);
            _mm_storeu_si128(to.as_mut_ptr().cast(), _mm256_castsi256_si128(bytes));
        }
    }

    #[inline(always)]
    fn load_bf16(from: &[u16; LANES]) -> Self::F {
        let halves = from.as_chunks::<8>().0;
        both!(half => {
            let bits = _mm_loadu_si128(halves[half].as_ptr().cast());
            _mm256_castsi256_ps(_mm256_slli_epi32::<16>(_mm256_cvtepu16_epi32(bits)))
        })
    }
    #[inline(always)]
    fn load_f16(from: &[u16; LANES]) -> Self::F {
        let halves = from.as_chunks::<8>().0;
        both!(half => _mm256_cvtph_ps(_mm_loadu_si128(halves[half].as_ptr().cast())))
    }
    #[inline(always)]
    fn load_i8(from: &[i8; LANES]) -> Self::F {
        let halves = from.as_chunks::<8>().0;
        both!(half => {
            let bytes = _mm_loadl_epi64(halves[half].as_ptr().cast());
            _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes))
        })
    }

    #[inline(always)]
    fn load_bytes(from: &[u8; DOT_BYTES]) -> Self::W {
        let halves = from.as_chunks::<32>().0;
        both!(half => _mm256_loadu_si256(halves[half].as_ptr().cast()))
    }
    #[inline(always)]
    fn low_nibbles(x: Self::W) -> Self::W {
        both!(half => _mm256_and_si256(x[half], _mm256_set1_epi8(15)))
    }
    #[inline(always)]
    fn high_nibbles(x: Self::W) -> Self::W {
        both!(half => _mm256_and_si256(_mm256_srli_epi16::<4>(x[half]), _mm256_set1_epi8(15)))
    }
    #[inline(always)]
    fn dot(sum: Self::I, bytes: Self::W, x: [i8; 4]) -> Self::I {
        let x = i32::from_ne_bytes(x.map(i8::cast_unsigned));
        if VNNI {
            return both!(half => {
                _mm256_dpbusd_avx_epi32(sum[half], bytes[half], _mm256_set1_epi32(x))
            });
        }
        // `maddubs` would saturate: bytes are widened to words, the even and the odd ones.
        both!(half => {
            let x = _mm256_set1_epi32(x);
            let x_odd = _mm256_srai_epi16::<8>(x);
            let x_even = _mm256_srai_epi16::<8>(_mm256_slli_epi16::<8>(x));
            let even = _mm256_and_si256(bytes[half], _mm256_set1_epi16(255));
            let odd = _mm256_srli_epi16::<8>(bytes[half]);
            let pairs = _mm256_add_epi32(
                _mm256_madd_epi16(even, x_even),
                _mm256_madd_epi16(odd, x_odd),
            );
            _mm256_add_epi32(sum[half], pairs)
        })
    }

    #[inline(always)]
    fn prefetch(from: &[u8; DOT_BYTES], ahead: usize) {
        // SAFETY: a prefetch of any address does no harm.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(from.as_ptr().wrapping_add(ahead).cast()) }
    }

    #[inline(always)]
    fn sum(x: Self::F) -> f32 {
        // SAFETY: see `run`.
        sum_of_8(unsafe { _mm256_add_ps(x[0], x[1]) })
    }
}
