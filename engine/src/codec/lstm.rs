//! The LSTM in the middle of the codec: forward in time, with its input added to its output.
//!
//! Worker thread and the pool that it runs in. What depends on the inputs is one product for
//! all rows at hand; what depends on the row before reads all recurrent weights for each row,
//! so it runs at the speed of memory. Units are dealt with in groups of a vector register:
//! the four gates of a group are four neighbouring vectors, both in the weights and in the
//! results, and the state of the group is brought forward while they are in registers.

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::activation::{sigmoid, tanh};
use super::aligned::Aligned;
use super::matrix::{Before, Matrix};
use super::parameters::Parameters;
use super::product::{Taps, lanes};
use super::tasks::threads_for;
use crate::error::EngineError;

const GATES: usize = 4;

/// All layers.
#[derive(Debug)]
pub(super) struct Lstm {
    arch: Arch,
    units: usize,
    /// Units of a group.
    lanes: usize,
    layers: Vec<Layer>,
}

#[derive(Debug)]
struct Layer {
    /// Both biases included; columns are `[group][gate][unit of the group]`.
    from_input: Matrix,
    /// `[group][unit before][gate][unit of the group]`
    from_state: Aligned,
}

/// What the LSTM knows of the rows before.
#[derive(Debug)]
pub(super) struct LstmState {
    /// Rows that wait.
    rows: Vec<f32>,
    layers: Vec<LayerState>,
}

/// Hidden and cell state, filled up to whole groups.
#[derive(Debug)]
struct LayerState {
    hidden: Vec<f32>,
    cell: Vec<f32>,
}

impl Lstm {
    /// Reads `lstm.` of `parameters`; gates come in PyTorch's order (input, forget, cell, output).
    pub(super) fn load(
        parameters: &Parameters<'_>,
        units: usize,
        layers: usize,
    ) -> Result<Self, EngineError> {
        let arch = Arch::new();
        let lanes = lanes(arch);
        let parameters = parameters.part("lstm");
        let load = |layer: usize| -> Result<Layer, EngineError> {
            let square = [GATES * units, units];
            let from_input = parameters.tensor(&format!("weight_ih_l{layer}"), &square)?;
            let from_state = parameters.tensor(&format!("weight_hh_l{layer}"), &square)?;
            let mut bias = parameters.tensor(&format!("bias_ih_l{layer}"), &square[..1])?;
            let second = parameters.tensor(&format!("bias_hh_l{layer}"), &square[..1])?;
            bias.iter_mut()
                .zip(second)
                .for_each(|(bias, second)| *bias += second);
            Ok(Layer::pack(units, lanes, &from_input, &from_state, &bias))
        };
        Ok(Self {
            arch,
            units,
            lanes,
            layers: (0..layers).map(load).collect::<Result<_, _>>()?,
        })
    }

    /// The state before the first row.
    pub(super) fn state(&self) -> LstmState {
        let filled = self.units.next_multiple_of(self.lanes);
        let layer = || LayerState {
            hidden: vec![0.0; filled],
            cell: vec![0.0; filled],
        };
        LstmState {
            rows: Vec::new(),
            layers: self.layers.iter().map(|_| layer()).collect(),
        }
    }

    /// Takes all rows that wait and appends as many to `out`.
    pub(super) fn advance(&self, state: &mut LstmState, out: &mut Vec<f32>) {
        let count = state.rows.len() / self.units;
        if count == 0 {
            return;
        }
        let width = GATES * self.units.next_multiple_of(self.lanes);
        let mut gates = vec![0.0; count * width];
        let mut rows = state.rows.clone();
        for (layer, state) in self.layers.iter().zip(&mut state.layers) {
            layer
                .from_input
                .apply(&rows, self.units, count, Before::Nothing, &mut gates);
            for (row, gates) in rows
                .chunks_exact_mut(self.units)
                .zip(gates.chunks_exact(width))
            {
                self.step(layer, state, gates);
                row.copy_from_slice(&state.hidden[..self.units]);
            }
        }
        out.extend(
            state
                .rows
                .iter()
                .zip(&rows)
                .map(|(input, output)| input + output),
        );
        state.rows.clear();
    }

    /// One row of one layer. `gates` holds what comes from the input.
    fn step(&self, layer: &Layer, state: &mut LayerState, gates: &[f32]) {
        let before = state.hidden.clone();
        let before = &before[..self.units];
        let threads = threads_for(GATES * self.units * self.units);
        let groups = state.cell.len() / self.lanes;
        let each = groups.div_ceil(threads);
        let weights_each = each * self.units * GATES * self.lanes;
        let task = |part: usize, hidden: &mut [f32], cell: &mut [f32]| {
            let gates = &gates[part * each * GATES * self.lanes..];
            let weights = &layer.from_state[part * weights_each..];
            self.arch.dispatch(Step {
                before,
                gates,
                weights,
                hidden,
                cell,
            });
        };
        let LayerState { hidden, cell } = state;
        if threads == 1 {
            task(0, hidden, cell);
            return;
        }
        let hidden = hidden.par_chunks_mut(each * self.lanes);
        let parts = hidden
            .zip(cell.par_chunks_mut(each * self.lanes))
            .with_max_len(1)
            .enumerate();
        parts.for_each(|(part, (hidden, cell))| task(part, hidden, cell));
    }
}

impl LstmState {
    /// Where rows are appended.
    pub(super) fn input(&mut self) -> &mut Vec<f32> {
        &mut self.rows
    }
}

impl Layer {
    fn pack(
        units: usize,
        lanes: usize,
        from_input: &[f32],
        from_state: &[f32],
        bias: &[f32],
    ) -> Self {
        let groups = units.div_ceil(lanes);
        // Where a packed column stands in the file; `None` for one that only fills a group.
        let row_of = |column: usize| {
            let (group, gate, lane) = (
                column / (GATES * lanes),
                column / lanes % GATES,
                column % lanes,
            );
            let unit = group * lanes + lane;
            (unit < units).then_some(gate * units + unit)
        };
        let weight = |values: &[f32], input: usize, column: usize| {
            row_of(column).map_or(0.0, |row| values[row * units + input])
        };
        let mut packed = Aligned::zeros(groups * units * GATES * lanes);
        for (index, value) in packed.as_mut().iter_mut().enumerate() {
            let (group, rest) = (
                index / (units * GATES * lanes),
                index % (units * GATES * lanes),
            );
            let (before, column) = (rest / (GATES * lanes), rest % (GATES * lanes));
            *value = weight(from_state, before, group * GATES * lanes + column);
        }
        let from_input = Matrix::new(
            Taps::run(units),
            groups * GATES * lanes,
            |input, column| weight(from_input, input, column),
            |column| row_of(column).map_or(0.0, |row| bias[row]),
        );
        Self {
            from_input,
            from_state: packed,
        }
    }
}

/// One row of one layer for some groups of units, for one thread.
struct Step<'a> {
    before: &'a [f32],
    gates: &'a [f32],
    weights: &'a [f32],
    hidden: &'a mut [f32],
    cell: &'a mut [f32],
}

impl WithSimd for Step<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let gates = S::as_simd_f32s(self.gates).0.as_chunks::<GATES>().0;
        let weights = S::as_simd_f32s(self.weights).0.as_chunks::<GATES>().0;
        let hidden = self.hidden.chunks_exact_mut(S::F32_LANES);
        let cell = self.cell.chunks_exact_mut(S::F32_LANES);
        let groups = gates.iter().zip(weights.chunks_exact(self.before.len()));
        for ((hidden, cell), (&gates, weights)) in hidden.zip(cell).zip(groups) {
            let mut sums = gates;
            for (weight, &before) in weights.iter().zip(self.before) {
                let before = simd.splat_f32s(before);
                for gate in 0..GATES {
                    sums[gate] = simd.mul_add_e_f32s(weight[gate], before, sums[gate]);
                }
            }
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
    }
}

#[cfg(test)]
mod tests {
    use super::super::matrix::tests::noise;
    use super::*;

    /// PyTorch's LSTM in double precision, written as naively as possible.
    fn naive(
        units: usize,
        from_input: &[f32],
        from_state: &[f32],
        bias: &[f32],
        rows: &[f32],
    ) -> Vec<f64> {
        let (mut hidden, mut cell) = (vec![0.0f64; units], vec![0.0f64; units]);
        let mut all = Vec::new();
        for row in rows.chunks(units) {
            let gate = |gate: usize, unit: usize, hidden: &[f64]| {
                let at = gate * units + unit;
                let mut sum = f64::from(bias[at]);
                for other in 0..units {
                    sum += f64::from(from_input[at * units + other]) * f64::from(row[other]);
                    sum += f64::from(from_state[at * units + other]) * hidden[other];
                }
                sum
            };
            let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
            let before = hidden.clone();
            for unit in 0..units {
                cell[unit] = sigmoid(gate(1, unit, &before)) * cell[unit]
                    + sigmoid(gate(0, unit, &before)) * gate(2, unit, &before).tanh();
                hidden[unit] = sigmoid(gate(3, unit, &before)) * cell[unit].tanh();
            }
            all.extend(&hidden);
        }
        all
    }

    #[test]
    fn one_layer_is_the_naive_lstm_whatever_the_pieces_and_threads() {
        let arch = Arch::new();
        let lanes = lanes(arch);
        for units in [1, 5, 16, 37, 400] {
            let scale = |values: Vec<f32>| {
                values
                    .iter()
                    .map(|x| x * 1.5 / (units as f32).sqrt())
                    .collect::<Vec<_>>()
            };
            let from_input = scale(noise(1, 4 * units * units));
            let from_state = scale(noise(2, 4 * units * units));
            let bias = noise(3, 4 * units);
            let rows = noise(4, 9 * units);
            let layers = vec![Layer::pack(units, lanes, &from_input, &from_state, &bias)];
            let lstm = Lstm {
                arch,
                units,
                lanes,
                layers,
            };
            let run = |pieces: &[usize]| {
                let (mut state, mut out, mut rest) = (lstm.state(), Vec::new(), &rows[..]);
                for piece in pieces {
                    let (now, later) = rest.split_at(piece * units);
                    state.input().extend_from_slice(now);
                    lstm.advance(&mut state, &mut out);
                    rest = later;
                }
                out
            };
            let whole = run(&[9]);
            for (index, expected) in naive(units, &from_input, &from_state, &bias, &rows)
                .iter()
                .enumerate()
            {
                let ours = f64::from(whole[index] - rows[index]);
                assert!(
                    (ours - expected).abs() < 2e-6,
                    "{units} units: {ours}, not {expected}"
                );
            }
            assert_eq!(whole, run(&[1, 2, 0, 5, 1]));
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(1)
                .build()
                .unwrap();
            assert_eq!(whole, pool.install(|| run(&[4, 5])));
        }
    }
}
