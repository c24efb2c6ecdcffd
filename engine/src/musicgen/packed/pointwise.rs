//! What happens to a row between two matrices: layer norm and the feed-forward's function.
//!
//! Any thread of the team. Allocates nothing.

use super::block::BLOCK;
use super::lanes::{LANES, Lanes, Task};
use super::matrix::{Inputs, Matrix};
use crate::musicgen::config::Activation;

/// What PyTorch's layer norm adds to the variance; the files do not say it.
const NORM_EPSILON: f32 = 1e-5;

/// Layer norm of rows, as inputs of a matrix.
pub(super) struct Norm<'a> {
    pub(super) inputs: &'a mut Inputs,
    pub(super) matrix: &'a Matrix,
    pub(super) rows: usize,
    /// `[row][stride]`, with zeros behind the width.
    pub(super) from: &'a [f32],
    pub(super) stride: usize,
    /// Floats of a row that count.
    pub(super) width: usize,
    /// `[stride]` each, with zeros behind the width.
    pub(super) weight: &'a [f32],
    pub(super) bias: &'a [f32],
}

impl Task for Norm<'_> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        self.inputs.shape(self.rows, self.matrix);
        let width = self.width as f32;
        for (row, from) in self
            .from
            .chunks_exact(self.stride)
            .take(self.rows)
            .enumerate()
        {
            let from = from.as_chunks::<LANES>().0;
            let mut sum = L::splat(0.0);
            for x in from {
                sum = L::add(sum, L::load(x));
            }
            let mean = L::splat(L::sum(sum) / width);
            // Behind the width there are zeros, each of which is the mean away from it: they are
            // left out.
            let (whole, rest) = (self.width / LANES, self.width % LANES);
            let mut squares = L::splat(0.0);
            for x in &from[..whole] {
                let distance = L::sub(L::load(x), mean);
                squares = L::add(squares, L::mul(distance, distance));
            }
            if rest > 0 {
                let mut distances = [0.0; LANES];
                L::store(L::sub(L::load(&from[whole]), mean), &mut distances);
                distances[rest..].fill(0.0);
                let distances = L::load(&distances);
                squares = L::add(squares, L::mul(distances, distances));
            }
            let scale = L::splat(1.0 / (L::sum(squares) / width + NORM_EPSILON).sqrt());
            let weights = self.weight.as_chunks::<LANES>().0;
            let biases = self.bias.as_chunks::<LANES>().0;
            let blocks = self.inputs.row_mut(row);
            let vectors = from.iter().zip(weights.iter().zip(biases)).enumerate();
            for (index, (x, (weight, bias))) in vectors {
                let x = L::mul(L::sub(L::load(x), mean), scale);
                let x = L::add(L::mul(x, L::load(weight)), L::load(bias));
                let (block, vector) = (index * LANES / BLOCK, index % (BLOCK / LANES));
                L::store(
                    x,
                    &mut blocks[block].floats.as_chunks_mut::<LANES>().0[vector],
                );
            }
            if !self.stride.is_multiple_of(BLOCK) {
                blocks[self.stride / BLOCK].floats[self.stride % BLOCK..].fill(0.0);
            }
            self.inputs.round::<L>(row);
        }
    }
}

/// The feed-forward's function on numbers in place.
pub(super) struct Activate<'a> {
    pub(super) activation: Activation,
    /// A multiple of 16.
    pub(super) values: &'a mut [f32],
}

impl Task for Activate<'_> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        for vector in self.values.as_chunks_mut::<LANES>().0 {
            let x = L::load(vector);
            let y = match self.activation {
                Activation::Gelu => gelu::<L>(x),
                Activation::GeluTanh => gelu_tanh::<L>(x),
                Activation::Relu => L::max(x, L::splat(0.0)),
                Activation::Silu => L::div(x, L::add(L::splat(1.0), exp::<L>(negative::<L>(x)))),
            };
            L::store(y, vector);
        }
    }
}

#[inline(always)]
fn negative<L: Lanes>(x: L::F) -> L::F {
    L::sub(L::splat(0.0), x)
}

/// e^x for x in -87 … 88; beyond it stays what it is at the end. Off by less than 3e-7 of it.
///
/// x = n ln 2 + f with |f| ≤ ln 2 / 2, and the series of e^f to the seventh power.
#[inline(always)]
pub(super) fn exp<L: Lanes>(x: L::F) -> L::F {
    let x = L::max(x, L::splat(-87.0));
    let x = negative::<L>(L::max(negative::<L>(x), L::splat(-88.0)));
    let n = L::round(L::mul(x, L::splat(std::f32::consts::LOG2_E)));
    let whole = L::to_floats(n);
    // ln 2 in two parts: the first has so few bits that its product with n is exact.
    let f = L::sub(x, L::mul(whole, L::splat(0.693_145_75)));
    let f = L::sub(f, L::mul(whole, L::splat(1.428_606_8e-6)));
    let mut sum = L::splat(1.0 / 5040.0);
    for factor in [
        1.0 / 720.0,
        1.0 / 120.0,
        1.0 / 24.0,
        1.0 / 6.0,
        0.5,
        1.0,
        1.0,
    ] {
        sum = L::add(L::mul(sum, f), L::splat(factor));
    }
    L::mul(sum, L::two_to(n))
}

/// x Φ(x) with the error function of Abramowitz and Stegun, Handbook of Mathematical Functions,
/// 7.1.26: off by less than 1.5e-7.
#[inline(always)]
fn gelu<L: Lanes>(x: L::F) -> L::F {
    let scaled = L::mul(x, L::splat(std::f32::consts::FRAC_1_SQRT_2));
    let size = L::abs(scaled);
    let t = L::add(L::splat(1.0), L::mul(L::splat(0.327_591_1), size));
    let t = L::div(L::splat(1.0), t);
    let mut sum = L::splat(1.061_405_4);
    for factor in [-1.453_152, 1.421_413_7, -0.284_496_74, 0.254_829_6] {
        sum = L::add(L::mul(sum, t), L::splat(factor));
    }
    let decay = exp::<L>(negative::<L>(L::mul(size, size)));
    let erf = L::sub(L::splat(1.0), L::mul(L::mul(sum, t), decay));
    let erf = L::with_sign(erf, x);
    L::mul(L::mul(x, L::splat(0.5)), L::add(L::splat(1.0), erf))
}

/// x (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2.
#[inline(always)]
fn gelu_tanh<L: Lanes>(x: L::F) -> L::F {
    let cube = L::mul(L::mul(x, x), L::mul(x, L::splat(0.044_715)));
    let inner = L::mul(L::add(x, cube), L::splat(2.0 * 0.797_884_6));
    // (1 + tanh(u)) / 2 = 1 / (1 + e^(-2u))
    L::div(x, L::add(L::splat(1.0), exp::<L>(negative::<L>(inner))))
}

#[cfg(test)]
mod tests {
    use super::super::lanes::Isa;
    use super::*;

    fn activate(activation: Activation, x: f32) -> f32 {
        let mut values = [x; LANES];
        Isa::best().run(Activate {
            activation,
            values: &mut values,
        });
        values[3]
    }

    #[test]
    fn functions_are_what_they_are_called() {
        struct Exp(f32);
        impl Task for Exp {
            type Output = f32;
            #[inline(always)]
            fn run<L: Lanes>(self) -> f32 {
                L::largest(exp::<L>(L::splat(self.0)))
            }
        }
        for step in -870..880 {
            let x = step as f32 * 0.1;
            let (got, expect) = (f64::from(Isa::best().run(Exp(x))), f64::from(x).exp());
            assert!((got / expect - 1.0).abs() < 3e-7, "e^{x}: {got} {expect}");
        }
        // Φ from tables of the normal distribution.
        for (x, expect) in [
            (0.0, 0.5),
            (1.0, 0.841_344_8),
            (-1.0, 1.0 - 0.841_344_8),
            (2.5, 0.993_790_3),
        ] {
            let got = activate(Activation::Gelu, x);
            assert!((got - x * expect).abs() < 3e-7, "gelu({x}) = {got}");
        }
        assert_eq!(activate(Activation::Gelu, 9.0), 9.0);
        assert_eq!(activate(Activation::Gelu, -9.0).abs(), 0.0);
        assert!((activate(Activation::GeluTanh, 1.0) - 0.841_192).abs() < 1e-6);
        assert!((activate(Activation::Silu, -2.0) + 0.238_405_84).abs() < 1e-6);
        assert_eq!(activate(Activation::Relu, -2.0), 0.0);
        assert_eq!(activate(Activation::Relu, 2.0), 2.0);
    }
}
