//! The LSTM in the middle of the codec: forward in time, with its input added to its output.
//!
//! Worker thread and the pool that it runs in. What depends on the inputs is one product for
//! all rows at hand; what depends on the row before (`recurrent`) reads all recurrent weights
//! for each row, so it runs at the speed of memory. Threads share it by `turns`.

mod recurrent;
mod turns;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

use pulp::Arch;

use super::matrix::{Before, Matrix};
use super::parameters::Parameters;
use super::product::{Taps, lanes};
use super::store::{CodecPrecision, Packed};
use super::tasks::threads_for;
use crate::error::EngineError;
use recurrent::{GATES, Step};
use turns::Turns;

/// Parts of a row for each thread: one that is called away leaves no more than this for the
/// others to wait for.
const PARTS_A_THREAD: usize = 2;

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
    from_state: Packed,
}

/// What the LSTM knows of the rows before.
#[derive(Debug)]
pub(super) struct LstmState {
    /// Rows that wait.
    rows: Vec<f32>,
    layers: Vec<LayerState>,
}

/// Hidden and cell state, the latter filled up to whole groups.
#[derive(Debug)]
struct LayerState {
    hidden: Vec<f32>,
    cell: Vec<f32>,
}

/// Tensors of a layer as they are in the file, biases added.
struct Tensors {
    from_input: Vec<f32>,
    from_state: Vec<f32>,
    bias: Vec<f32>,
}

impl Lstm {
    /// Reads `lstm.` of `parameters`; gates come in PyTorch's order (input, forget, cell, output).
    pub(super) fn load(
        parameters: &Parameters<'_>,
        units: usize,
        layers: usize,
    ) -> Result<Self, EngineError> {
        let parameters = parameters.part("lstm");
        let square = [GATES * units, units];
        let load = |layer: usize| -> Result<Tensors, EngineError> {
            let mut bias = parameters.tensor(&format!("bias_ih_l{layer}"), &square[..1])?;
            let second = parameters.tensor(&format!("bias_hh_l{layer}"), &square[..1])?;
            bias.iter_mut()
                .zip(second)
                .for_each(|(bias, second)| *bias += second);
            Ok(Tensors {
                from_input: parameters.tensor(&format!("weight_ih_l{layer}"), &square)?,
                from_state: parameters.tensor(&format!("weight_hh_l{layer}"), &square)?,
                bias,
            })
        };
        let mut lstm = Self::new(units);
        for layer in 0..layers {
            lstm.add(parameters.precision(), &load(layer)?);
        }
        Ok(lstm)
    }

    fn new(units: usize) -> Self {
        let arch = Arch::new();
        let lanes = lanes(arch);
        Self {
            arch,
            units,
            lanes,
            layers: Vec::new(),
        }
    }

    fn add(&mut self, precision: CodecPrecision, tensors: &Tensors) {
        let (units, lanes) = (self.units, self.lanes);
        // Where a packed column stands in the file; `None` for one that only fills a group.
        let row_of = |column: usize| {
            let (group, rest) = (column / (GATES * lanes), column % (GATES * lanes));
            let (gate, unit) = (rest / lanes, group * lanes + rest % lanes);
            (unit < units).then_some(gate * units + unit)
        };
        let from_input = Matrix::new(
            precision,
            Taps::run(units),
            GATES * units.next_multiple_of(lanes),
            |input, column| {
                row_of(column).map_or(0.0, |row| tensors.from_input[row * units + input])
            },
            |column| row_of(column).map_or(0.0, |row| tensors.bias[row]),
        );
        let from_state = recurrent::pack(precision, units, lanes, |before, gate, unit| {
            tensors.from_state[(gate * units + unit) * units + before]
        });
        self.layers.push(Layer {
            from_input,
            from_state,
        });
    }

    /// The state before the first row.
    pub(super) fn state(&self) -> LstmState {
        let layer = || LayerState {
            hidden: vec![0.0; self.units],
            cell: vec![0.0; self.units.next_multiple_of(self.lanes)],
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
        let mut gates = vec![0.0; count * GATES * self.units.next_multiple_of(self.lanes)];
        let mut rows = state.rows.clone();
        for (layer, state) in self.layers.iter().zip(&mut state.layers) {
            layer
                .from_input
                .apply(&rows, self.units, count, Before::Nothing, &mut gates);
            self.rows(layer, state, &gates, &mut rows);
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

    /// All rows of one layer, one after the other. `gates` holds what comes from the input.
    fn rows(&self, layer: &Layer, state: &mut LayerState, gates: &[f32], rows: &mut [f32]) {
        let (units, lanes) = (self.units, self.lanes);
        let threads = threads_for(GATES * units * units);
        let groups = state.cell.len() / lanes;
        let each = if threads == 1 {
            groups
        } else {
            groups.div_ceil(PARTS_A_THREAD * threads)
        };
        let cells: Vec<Mutex<&mut [f32]>> = state
            .cell
            .chunks_mut(each * lanes)
            .map(Mutex::new)
            .collect();
        let turns = Turns::new(rows.len() / units, cells.len());
        // Rows pass from thread to thread; that `turns` orders them is not for the compiler to
        // see, so they are atomics.
        let passed: Vec<AtomicU32> = rows.iter().map(|_| AtomicU32::new(0)).collect();
        let first = &state.hidden;
        let work = || {
            let (mut before, mut hidden) = (vec![0.0; units], vec![0.0; each * lanes]);
            let mut at = None;
            while let Some(turn) = turns.take() {
                if at.replace(turn.step) != Some(turn.step) {
                    match turn.step.checked_sub(1) {
                        None => before.copy_from_slice(first),
                        Some(step) => {
                            for (value, passed) in before.iter_mut().zip(&passed[step * units..]) {
                                *value = f32::from_bits(passed.load(Ordering::Relaxed));
                            }
                        }
                    }
                }
                let mut cell = cells[turn.part]
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner);
                let group = turn.part * each;
                let hidden = &mut hidden[..cell.len()];
                self.arch.dispatch(Step {
                    before: &before,
                    gates: &gates[(turn.step * groups + group) * GATES * lanes..],
                    weights: recurrent::groups(&layer.from_state, units, group, lanes),
                    cell: &mut cell,
                    hidden,
                });
                let row = &passed[turn.step * units..][group * lanes..];
                for (passed, hidden) in row.iter().take(units - group * lanes).zip(hidden) {
                    passed.store(hidden.to_bits(), Ordering::Relaxed);
                }
            }
        };
        if threads == 1 {
            work();
        } else {
            rayon::scope(|scope| {
                for _ in 1..threads {
                    scope.spawn(|_| work());
                }
                work();
            });
        }
        for (value, passed) in rows.iter_mut().zip(passed) {
            *value = f32::from_bits(passed.into_inner());
        }
        let last = rows.len() - units;
        state.hidden.copy_from_slice(&rows[last..]);
    }
}

impl LstmState {
    /// Where rows are appended.
    pub(super) fn input(&mut self) -> &mut Vec<f32> {
        &mut self.rows
    }
}

#[cfg(test)]
mod tests {
    use super::super::matrix::tests::noise;
    use super::*;

    /// PyTorch's LSTM in double precision, written as naively as possible.
    fn naive(units: usize, tensors: &Tensors, rows: &[f32]) -> Vec<f64> {
        let (mut hidden, mut cell) = (vec![0.0f64; units], vec![0.0f64; units]);
        let mut all = Vec::new();
        for row in rows.chunks(units) {
            let gate = |gate: usize, unit: usize, hidden: &[f64]| {
                let at = gate * units + unit;
                let mut sum = f64::from(tensors.bias[at]);
                for other in 0..units {
                    sum +=
                        f64::from(tensors.from_input[at * units + other]) * f64::from(row[other]);
                    sum += f64::from(tensors.from_state[at * units + other]) * hidden[other];
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
        for (units, precision, tolerance) in [
            (1, CodecPrecision::Single, 2e-6),
            (5, CodecPrecision::Single, 2e-6),
            (16, CodecPrecision::Single, 2e-6),
            (37, CodecPrecision::Single, 2e-6),
            (400, CodecPrecision::Single, 2e-6),
            (403, CodecPrecision::Short, 1e-4),
        ] {
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
            let tensors = Tensors {
                from_input,
                from_state,
                bias,
            };
            let mut lstm = Lstm::new(units);
            lstm.add(precision, &tensors);
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
            let short = matches!(lstm.layers[0].from_state, Packed::Short { .. });
            assert_eq!(short, precision == CodecPrecision::Short);
            for (index, expected) in naive(units, &tensors, &rows).iter().enumerate() {
                let ours = f64::from(whole[index] - rows[index]);
                assert!(
                    (ours - expected).abs() < tolerance,
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
