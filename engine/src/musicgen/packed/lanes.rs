//! Sixteen numbers at a time, in the vectors that the processor has.
//!
//! Any thread of the team. Allocates nothing.
//!
//! Every operation is exactly the same on every processor: IEEE arithmetic on 16 lanes, added
//! up in one fixed tree, integers without saturation, and no fused multiply-add, which a
//! processor without one could only imitate slowly. What is built of them gives the same bits
//! wherever it runs, so that a seed makes the same tokens on every machine.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;
mod portable;

use std::fmt;

/// Lanes of a vector.
pub(super) const LANES: usize = 16;
/// Bytes that one [`Lanes::dot`] takes: four for each lane.
pub(super) const DOT_BYTES: usize = 4 * LANES;

/// The instructions of a kind of processor.
pub(super) trait Lanes: Copy {
    /// 16 floats.
    type F: Copy;
    /// 16 integers.
    type I: Copy;
    /// 64 bytes.
    type W: Copy;

    /// The same number in every lane.
    fn splat(x: f32) -> Self::F;
    fn load(from: &[f32; LANES]) -> Self::F;
    fn store(x: Self::F, to: &mut [f32; LANES]);
    fn add(a: Self::F, b: Self::F) -> Self::F;
    fn sub(a: Self::F, b: Self::F) -> Self::F;
    fn mul(a: Self::F, b: Self::F) -> Self::F;
    fn div(a: Self::F, b: Self::F) -> Self::F;
    /// The larger; which of the two when one is no number is not said.
    fn max(a: Self::F, b: Self::F) -> Self::F;
    fn abs(x: Self::F) -> Self::F;
    /// The size of the first with the sign of the second.
    fn with_sign(size: Self::F, sign: Self::F) -> Self::F;

    /// To the nearest integer, halves to even. Only for |x| < 2^31.
    fn round(x: Self::F) -> Self::I;
    fn to_floats(x: Self::I) -> Self::F;
    /// 2^x for x in -126 … 127.
    fn two_to(x: Self::I) -> Self::F;
    fn splat_int(x: i32) -> Self::I;
    fn add_ints(a: Self::I, b: Self::I) -> Self::I;
    /// The low bytes of integers in -127 … 127.
    fn store_bytes(x: Self::I, to: &mut [i8; LANES]);

    /// Bits of bfloat16.
    fn load_bf16(from: &[u16; LANES]) -> Self::F;
    /// Bits of half precision.
    fn load_f16(from: &[u16; LANES]) -> Self::F;
    /// Signed bytes.
    fn load_i8(from: &[i8; LANES]) -> Self::F;

    fn load_bytes(from: &[u8; DOT_BYTES]) -> Self::W;
    /// The low halves of bytes.
    fn low_nibbles(x: Self::W) -> Self::W;
    /// The high halves of bytes, moved down.
    fn high_nibbles(x: Self::W) -> Self::W;
    /// To each lane, the products of its four unsigned bytes with the four signed ones of `x`.
    fn dot(sum: Self::I, bytes: Self::W, x: [i8; 4]) -> Self::I;

    /// Says that memory `ahead` bytes on will be read.
    fn prefetch(from: &[u8; DOT_BYTES], ahead: usize);

    /// The sum of the lanes: halves onto each other, four times.
    #[inline(always)]
    fn sum(x: Self::F) -> f32 {
        let mut lanes = [0.0; LANES];
        Self::store(x, &mut lanes);
        fold(lanes, |a, b| a + b)
    }

    /// The largest lane.
    #[inline(always)]
    fn largest(x: Self::F) -> f32 {
        let mut lanes = [0.0; LANES];
        Self::store(x, &mut lanes);
        fold(lanes, |a, b| if a > b { a } else { b })
    }
}

#[inline(always)]
fn fold(mut lanes: [f32; LANES], of: impl Fn(f32, f32) -> f32) -> f32 {
    let mut half = LANES / 2;
    while half > 0 {
        for lane in 0..half {
            lanes[lane] = of(lanes[lane], lanes[lane + half]);
        }
        half /= 2;
    }
    lanes[0]
}

/// Something to be computed with the instructions of some kind of processor. `run` and all that
/// it calls must be `#[inline(always)]`: only what is inlined into [`Isa::run`] may use them.
pub(super) trait Task {
    /// What comes of it.
    type Output;
    fn run<L: Lanes>(self) -> Self::Output;
}

/// A kind of processor that this one is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Isa(Kind);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx2Vnni,
    #[cfg(target_arch = "x86_64")]
    Avx512Vnni,
    #[cfg(target_arch = "aarch64")]
    NeonDot,
}

impl Isa {
    /// All that this processor can run, the best first.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let mut all = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::is_x86_feature_detected as has;
            if has!("avx512f") && has!("avx512bw") && has!("avx512vl") && has!("avx512vnni") {
                all.push(Self(Kind::Avx512Vnni));
            }
            if has!("avx2") && has!("f16c") {
                if has!("avxvnni") {
                    all.push(Self(Kind::Avx2Vnni));
                }
                all.push(Self(Kind::Avx2));
            }
        }
        #[cfg(target_arch = "aarch64")]
        if std::arch::is_aarch64_feature_detected!("dotprod") {
            all.push(Self(Kind::NeonDot));
        }
        all.push(Self(Kind::Portable));
        all
    }

    /// The best that this processor can run.
    #[must_use]
    pub fn best() -> Self {
        Self::all()[0]
    }

    /// Reads memory as products read weights, and does nothing else with it: the fastest that a
    /// product could be. Gives the sum of its integers.
    #[must_use]
    pub fn read(self, bytes: &[u8]) -> i32 {
        struct Read<'a>(&'a [u8]);
        impl Task for Read<'_> {
            type Output = i32;
            #[inline(always)]
            fn run<L: Lanes>(self) -> i32 {
                const AHEAD_BYTES: usize = 2048;
                let mut sums = [L::splat_int(0); 4];
                for lines in self.0.as_chunks::<DOT_BYTES>().0.as_chunks::<4>().0 {
                    for line in 0..4 {
                        L::prefetch(&lines[line], AHEAD_BYTES);
                        let bytes = L::load_bytes(&lines[line]);
                        sums[line] = L::dot(sums[line], bytes, [1; 4]);
                    }
                }
                let sum = L::add_ints(L::add_ints(sums[0], sums[1]), L::add_ints(sums[2], sums[3]));
                L::sum(L::to_floats(sum)) as i32
            }
        }
        self.run(Read(bytes))
    }

    /// Runs a task with its instructions.
    pub(super) fn run<T: Task>(self, task: T) -> T::Output {
        match self.0 {
            Kind::Portable => task.run::<portable::Portable>(),
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => avx2::run(task),
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2Vnni => avx2::run_vnni(task),
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512Vnni => avx512::run(task),
            #[cfg(target_arch = "aarch64")]
            Kind::NeonDot => neon::run(task),
        }
    }
}

impl fmt::Debug for Isa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests;
