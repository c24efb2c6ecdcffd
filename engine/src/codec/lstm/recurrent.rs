//! One row of an LSTM layer: what comes from the row before, and the new state.
//!
//! Worker thread and the pool that it runs in. Allocates nothing. Units are dealt with in
//! groups of a vector register: the four gates of a group are four neighbouring vectors, in the
//! weights and in the sums, and the state of the group is brought forward while they are in
//! registers.

use pulp::{Simd, WithSimd};

use super::super::activation::{sigmoid, tanh};
use super::super::aligned::Aligned;
use super::super::store::{CodecPrecision, Packed, Weights, open_pair, pair, scale};

/// Input, forget, new and output, in PyTorch's order.
pub(super) const GATES: usize = 4;

/// Packs the weights of a layer, `weight(unit before, gate, unit)`:
/// `[group][unit before][gate][unit of the group]`.
pub(super) fn pack(
    precision: CodecPrecision,
    units: usize,
    lanes: usize,
    weight: impl Fn(usize, usize, usize) -> f32,
) -> Packed {
    let groups = units.div_ceil(lanes);
    let columns = groups * GATES * lanes;
    let weight = |before: usize, gate: usize, unit: usize| {
        if unit < units {
            weight(before, gate, unit)
        } else {
            0.0
        }
    };
    if !precision.shortens(GATES * units * units) {
        let mut packed = Aligned::zeros(units * columns);
        for (index, value) in packed.as_mut().iter_mut().enumerate() {
            let (rest, lane) = (index / lanes, index % lanes);
            let (rest, gate) = (rest / GATES, rest % GATES);
            *value = weight(rest % units, gate, rest / units * lanes + lane);
        }
        return Packed::Single(packed);
    }
    let mut scales = Aligned::zeros(columns);
    for (index, value) in scales.as_mut().iter_mut().enumerate() {
        let (rest, lane) = (index / lanes, index % lanes);
        let (group, gate) = (rest / GATES, rest % GATES);
        let weights = (0..units).map(|before| weight(before, gate, group * lanes + lane));
        *value = scale(weights.fold(0.0f32, |peak, weight| peak.max(weight.abs())));
    }
    let mut pairs = Aligned::zeros(units * columns / 2);
    for (index, value) in pairs.as_mut().iter_mut().enumerate() {
        let (rest, lane) = (index / lanes, index % lanes);
        let (rest, half) = (rest / (GATES / 2), rest % (GATES / 2));
        let (group, before) = (rest / units, rest % units);
        let over = |gate: usize| {
            let scale = scales[(group * GATES + gate) * lanes + lane];
            weight(before, gate, group * lanes + lane) / scale
        };
        *value = pair(over(2 * half), over(2 * half + 1));
    }
    let scale = scales;
    Packed::Short { pairs, scale }
}

/// The weights of some groups.
pub(super) fn groups(packed: &Packed, units: usize, first: usize, lanes: usize) -> Weights<'_> {
    let column = first * GATES * lanes;
    match packed {
        Packed::Single(weights) => Weights::Single(&weights[column * units..]),
        Packed::Short { pairs, scale } => Weights::Short {
            pairs: &pairs[column / 2 * units..],
            scale: &scale[column..],
        },
    }
}

/// One row of one layer for some groups of units, for one thread.
pub(super) struct Step<'a> {
    /// Hidden state of all units in the row before.
    pub(super) before: &'a [f32],
    /// What comes from the input, `[group][gate][unit of the group]`.
    pub(super) gates: &'a [f32],
    pub(super) weights: Weights<'a>,
    /// Old state in, new state out; its length says how many groups there are.
    pub(super) cell: &'a mut [f32],
    /// New hidden state.
    pub(super) hidden: &'a mut [f32],
}

impl WithSimd for Step<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let units = self.before.len();
        let gates = S::as_simd_f32s(self.gates).0.as_chunks::<GATES>().0;
        let hidden = self.hidden.chunks_exact_mut(S::F32_LANES);
        let cell = self.cell.chunks_exact_mut(S::F32_LANES);
        let states = hidden.zip(cell).zip(gates);
        match self.weights {
            Weights::Single(weights) => {
                let weights = S::as_simd_f32s(weights).0.as_chunks::<GATES>().0;
                for (((hidden, cell), &gates), weights) in states.zip(weights.chunks_exact(units)) {
                    let mut sums = gates;
                    for (weight, &before) in weights.iter().zip(self.before) {
                        let before = simd.splat_f32s(before);
                        for gate in 0..GATES {
                            sums[gate] = simd.mul_add_e_f32s(weight[gate], before, sums[gate]);
                        }
                    }
                    forward(simd, sums, hidden, cell);
                }
            }
            Weights::Short { pairs, scale } => {
                let pairs = S::as_simd_u32s(pairs).0.as_chunks::<2>().0;
                let scales = S::as_simd_f32s(scale).0.as_chunks::<GATES>().0;
                let weights = pairs.chunks_exact(units).zip(scales);
                for (((hidden, cell), gates), (pairs, scale)) in states.zip(weights) {
                    let mut sums = [simd.splat_f32s(0.0); GATES];
                    for (pairs, &before) in pairs.iter().zip(self.before) {
                        let before = simd.splat_f32s(before);
                        let [input, forget] = open_pair(simd, pairs[0]);
                        let [new, output] = open_pair(simd, pairs[1]);
                        sums[0] = simd.mul_add_e_f32s(input, before, sums[0]);
                        sums[1] = simd.mul_add_e_f32s(forget, before, sums[1]);
                        sums[2] = simd.mul_add_e_f32s(new, before, sums[2]);
                        sums[3] = simd.mul_add_e_f32s(output, before, sums[3]);
                    }
                    for gate in 0..GATES {
                        sums[gate] = simd.mul_add_e_f32s(sums[gate], scale[gate], gates[gate]);
                    }
                    forward(simd, sums, hidden, cell);
                }
            }
        }
    }
}

/// Brings the state of one group forward by the sums of its gates.
#[inline(always)]
fn forward<S: Simd>(simd: S, sums: [S::f32s; GATES], hidden: &mut [f32], cell: &mut [f32]) {
    // In lanes of a fixed number, so that the compiler keeps them in registers.
    let mut lanes = [[0.0; 64]; GATES];
    for (lanes, sum) in lanes.iter_mut().zip(sums) {
        simd.partial_store_f32s(&mut lanes[..S::F32_LANES], sum);
    }
    let [input, forget, new, output] = lanes;
    for lane in 0..S::F32_LANES {
        let kept = sigmoid(forget[lane]) * cell[lane];
        cell[lane] = kept + sigmoid(input[lane]) * tanh(new[lane]);
        hidden[lane] = sigmoid(output[lane]) * tanh(cell[lane]);
    }
}
