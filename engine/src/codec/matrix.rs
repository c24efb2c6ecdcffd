//! A weight matrix times windows of rows: the one operation that all layers are made of.
//!
//! Worker thread and the pool that it runs in. The weights are packed once, when the model is
//! loaded, in panels of as many columns as the processor's vector registers hold best, so
//! that a product reads them as one stream. General matrix libraries pack them again for each
//! product and choose the order of summation by the shapes; here every output is one sum in
//! the order of the inputs with one accumulator, whatever the number of rows, the chunks they
//! come in or the threads. That is why a stream of the codec equals its whole decode exactly.

use std::ops::Range;

use pulp::Arch;
use rayon::prelude::*;

use super::activation::elu;
use super::aligned::Aligned;
use super::product::{PANEL_VECTORS, Product, Taps, Write, lanes};
use super::store::{CodecPrecision, Packed, Weights, pair, scale};
use super::tasks::{chunk_rows, for_chunks, threads_for};

/// Packed weights and bias.
#[derive(Debug)]
pub(super) struct Matrix {
    arch: Arch,
    taps: Taps,
    outputs: usize,
    /// Floats of a vector register.
    lanes: usize,
    /// Panels one after the other, each `[input][column]`.
    weights: Packed,
    /// One for each column, zeros in the columns that only fill the last vector.
    bias: Aligned<f32>,
}

/// What is done with the inputs first.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Before {
    Nothing,
    Elu,
}

impl Matrix {
    /// Packs `weight(input, output)` and `bias(output)`.
    pub(super) fn new(
        precision: CodecPrecision,
        taps: Taps,
        outputs: usize,
        weight: impl Fn(usize, usize) -> f32,
        bias: impl Fn(usize) -> f32,
    ) -> Self {
        let short = precision.shortens(taps.inputs() * outputs);
        Self::for_arch(Arch::new(), short, taps, outputs, weight, bias)
    }

    fn for_arch(
        arch: Arch,
        short: bool,
        taps: Taps,
        outputs: usize,
        weight: impl Fn(usize, usize) -> f32,
        bias: impl Fn(usize) -> f32,
    ) -> Self {
        let lanes = lanes(arch);
        let inputs = taps.inputs();
        let width = PANEL_VECTORS * lanes;
        let columns = outputs.next_multiple_of(if short { width } else { lanes });
        let weights = if short {
            let mut scales = Aligned::zeros(columns);
            for (output, value) in scales.as_mut()[..outputs].iter_mut().enumerate() {
                let peak = (0..inputs).fold(0.0f32, |peak, i| peak.max(weight(i, output).abs()));
                *value = scale(peak);
            }
            let mut pairs = Aligned::zeros(inputs * columns / 2);
            for (panel, pairs) in pairs.as_mut().chunks_mut(inputs * lanes).enumerate() {
                for (input, row) in pairs.chunks_exact_mut(lanes).enumerate() {
                    for (low, value) in (panel * width..).zip(row) {
                        let over = |output: usize| {
                            (output < outputs).then(|| weight(input, output) / scales[output])
                        };
                        let [low, high] = [low, low + lanes].map(|o| over(o).unwrap_or(0.0));
                        *value = pair(low, high);
                    }
                }
            }
            let scale = scales;
            Packed::Short { pairs, scale }
        } else {
            let mut packed = Aligned::zeros(inputs * columns);
            for (panel, weights) in packed.as_mut().chunks_mut(width * inputs).enumerate() {
                let first = panel * width;
                let columns = width.min(columns - first);
                for (input, row) in weights.chunks_exact_mut(columns).enumerate() {
                    for (output, value) in (first..outputs).zip(row) {
                        *value = weight(input, output);
                    }
                }
            }
            Packed::Single(packed)
        };
        let mut packed_bias = Aligned::zeros(columns);
        for (output, value) in packed_bias.as_mut()[..outputs].iter_mut().enumerate() {
            *value = bias(output);
        }
        Self {
            arch,
            taps,
            outputs,
            lanes,
            weights,
            bias: packed_bias,
        }
    }

    /// Floats that a product writes for a window.
    pub(super) fn outputs(&self) -> usize {
        self.outputs
    }

    /// The product with each of `windows` windows, `step` floats apart in `input`, on the
    /// threads of the current pool.
    pub(super) fn apply(
        &self,
        input: &[f32],
        step: usize,
        windows: usize,
        before: Before,
        out: &mut [f32],
    ) {
        let out = &mut out[..windows * self.outputs];
        let input = &input[..(windows - 1) * step + self.taps.reach()];
        let threads = threads_for(windows * self.taps.inputs() * self.outputs);
        // The larger of the two factors is read once and divided among the threads, the
        // smaller is read again and again.
        if self.weights.bytes() > size_of_val(input) {
            match before {
                Before::Nothing => self.apply_by_columns(input, step, windows, out, threads),
                Before::Elu => self.apply_by_columns(&self.elu(input), step, windows, out, threads),
            }
            return;
        }
        let rows = chunk_rows(windows, step.max(self.outputs), threads);
        for_chunks(threads, out, rows * self.outputs, |index, out| {
            let windows = out.len() / self.outputs;
            let input = &input[index * rows * step..][..(windows - 1) * step + self.taps.reach()];
            match before {
                Before::Nothing => self.apply_here(input, step, windows, Write::Replace, out),
                Before::Elu => {
                    let active = self.elu(input);
                    self.apply_here(&active, step, windows, Write::Replace, out);
                }
            }
        });
    }

    /// The same on this thread.
    pub(super) fn apply_here(
        &self,
        input: &[f32],
        step: usize,
        windows: usize,
        write: Write,
        out: &mut [f32],
    ) {
        let panels = 0..self.panels();
        self.product(panels, input, step, windows, write, out);
    }

    /// ELU of all floats, on this thread.
    pub(super) fn elu(&self, input: &[f32]) -> Vec<f32> {
        let mut active = vec![0.0; input.len()];
        self.arch.dispatch(|| {
            for (active, &x) in active.iter_mut().zip(input) {
                *active = elu(x);
            }
        });
        active
    }

    /// ELU in place, on this thread.
    pub(super) fn elu_in_place(&self, values: &mut [f32]) {
        self.arch.dispatch(|| {
            for value in values {
                *value = elu(*value);
            }
        });
    }

    /// Each task has some of the panels and all of the windows.
    fn apply_by_columns(
        &self,
        input: &[f32],
        step: usize,
        windows: usize,
        out: &mut [f32],
        threads: usize,
    ) {
        if threads == 1 {
            self.apply_here(input, step, windows, Write::Replace, out);
            return;
        }
        let each = self.panels().div_ceil(2 * threads);
        let width = each * PANEL_VECTORS * self.lanes;
        let parts: Vec<Vec<f32>> = (0..self.panels().div_ceil(each))
            .into_par_iter()
            .with_max_len(1)
            .map(|part| {
                let panels = part * each..self.panels().min((part + 1) * each);
                let columns = width.min(self.outputs - part * width);
                let mut out = vec![0.0; windows * columns];
                self.product(panels, input, step, windows, Write::Replace, &mut out);
                out
            })
            .collect();
        for (part, columns) in parts.iter().enumerate() {
            let width_here = columns.len() / windows;
            for (row, values) in columns.chunks_exact(width_here).enumerate() {
                out[row * self.outputs + part * width..][..width_here].copy_from_slice(values);
            }
        }
    }

    fn panels(&self) -> usize {
        self.outputs.div_ceil(PANEL_VECTORS * self.lanes)
    }

    /// Rows of `out` have the columns of `panels`.
    fn product(
        &self,
        panels: Range<usize>,
        input: &[f32],
        step: usize,
        windows: usize,
        write: Write,
        out: &mut [f32],
    ) {
        let width = PANEL_VECTORS * self.lanes;
        let (first, behind) = (
            panels.start * width,
            self.bias.len().min(panels.end * width),
        );
        let inputs = self.taps.inputs();
        let weights = match &self.weights {
            Packed::Single(weights) => Weights::Single(&weights[first * inputs..behind * inputs]),
            Packed::Short { pairs, scale } => Weights::Short {
                pairs: &pairs[first / 2 * inputs..behind / 2 * inputs],
                scale: &scale[first..behind],
            },
        };
        self.arch.dispatch(Product {
            taps: self.taps,
            weights,
            bias: &self.bias[first..behind],
            input,
            step,
            windows,
            columns: behind.min(self.outputs) - first,
            write,
            out,
        });
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Repeatable noise between −1 and 1.
    pub(in crate::codec) fn noise(seed: u64, len: usize) -> Vec<f32> {
        let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
        };
        (0..len).map(|_| next()).collect()
    }

    /// Every instruction set that this processor has.
    fn archs() -> Vec<Arch> {
        let mut archs = vec![Arch::Scalar, Arch::new()];
        #[cfg(target_arch = "x86_64")]
        archs.extend(pulp::x86::V3::try_new().map(Arch::V3));
        archs
    }

    #[test]
    fn products_are_those_of_double_precision() {
        for arch in archs() {
            for (case, (kernel, channels, dilation, outputs, windows)) in [
                (1, 1, 1, 1, 1),
                (7, 3, 1, 5, 40),
                (3, 4, 2, 65, 13),
                (2, 24, 3, 130, 7),
                (16, 8, 1, 200, 3),
                (3, 64, 1, 48, 300),
            ]
            .into_iter()
            .enumerate()
            {
                let taps = Taps::dilated(kernel, channels, dilation);
                let inputs = kernel * channels;
                let weights = noise(case as u64 + 1, inputs * outputs);
                let bias = noise(99, outputs);
                let input = noise(7, taps.reach() + (windows - 1) * channels);
                let matrix = Matrix::for_arch(
                    arch,
                    false,
                    taps,
                    outputs,
                    |i, o| weights[i * outputs + o],
                    |o| bias[o],
                );
                for before in [Before::Nothing, Before::Elu] {
                    let mut out = vec![f32::NAN; windows * outputs];
                    matrix.apply(&input, channels, windows, before, &mut out);
                    for window in 0..windows {
                        for output in 0..outputs {
                            let mut sum = f64::from(bias[output]);
                            for index in 0..inputs {
                                let (tap, channel) = (index / channels, index % channels);
                                let x = f64::from(
                                    input[(window + tap * dilation) * channels + channel],
                                );
                                let x = if before == Before::Elu && x < 0.0 {
                                    x.exp_m1()
                                } else {
                                    x
                                };
                                sum += x * f64::from(weights[index * outputs + output]);
                            }
                            let ours = f64::from(out[window * outputs + output]);
                            assert!(
                                (ours - sum).abs() < 1e-5,
                                "{arch:?} case {case}: {ours}, not {sum}"
                            );
                        }
                    }
                    // Adding to what is there.
                    if before == Before::Nothing {
                        let mut twice = out.clone();
                        matrix.apply_here(&input, channels, windows, Write::Add, &mut twice);
                        assert!(
                            twice
                                .iter()
                                .zip(&out)
                                .all(|(twice, once)| *twice == 2.0 * once)
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn results_do_not_depend_on_threads_or_on_how_many_rows_come_at_once() {
        for (channels, outputs, windows, precision) in [
            (64, 96, 700, CodecPrecision::Single),
            (256, 1024, 9, CodecPrecision::Single),
            (256, 1030, 9, CodecPrecision::Short),
            (16, 8, 5000, CodecPrecision::Single),
        ] {
            let weights = noise(3, 3 * channels * outputs);
            let input = noise(4, (windows + 2) * channels);
            let matrix = Matrix::new(
                precision,
                Taps::run(3 * channels),
                outputs,
                |i, o| weights[i * outputs + o],
                |_| 0.5,
            );
            let short = matches!(matrix.weights, Packed::Short { .. });
            assert_eq!(short, precision == CodecPrecision::Short);
            let whole = |threads| {
                let pool = rayon::ThreadPoolBuilder::new()
                    .num_threads(threads)
                    .build()
                    .unwrap();
                let mut out = vec![0.0; windows * outputs];
                pool.install(|| matrix.apply(&input, channels, windows, Before::Elu, &mut out));
                out
            };
            let one = whole(1);
            assert_eq!(one, whole(2));
            assert_eq!(one, whole(3));
            for row in 0..windows.min(50) {
                let mut out = vec![0.0; outputs];
                matrix.apply(&input[row * channels..], channels, 1, Before::Elu, &mut out);
                assert_eq!(out, one[row * outputs..][..outputs]);
            }
        }
    }
}
