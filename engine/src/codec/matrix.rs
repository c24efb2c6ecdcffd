//! A weight matrix times windows of rows: the one operation that all layers are made of.
//!
//! Worker thread and the pool that it runs in. The weights are packed once, when the model is
//! loaded, in panels of as many columns as the processor's vector registers hold best, so
//! that a product reads them as one stream. General matrix libraries pack them again for each
//! product and choose the order of summation by the shapes; here every output is one sum in
//! the order of the inputs with one accumulator, whatever the number of rows, the chunks they
//! come in or the threads. That is why a stream of the codec equals its whole decode exactly.

use std::ops::Range;

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::activation::elu;

/// Floats that the working set of a task may have, so that it stays in the cache of a core.
const CHUNK_FLOATS: usize = 32 * 1024;
/// Products below which a task is not worth handing to another thread (about 20 µs).
const SMALL_PRODUCTS: usize = 1 << 19;
/// Vectors in the columns of a panel; the last panel may have fewer. Weights come from the
/// second cache, so few columns and many rows in a tile are better than a square tile.
const PANEL_VECTORS: usize = 2;
/// Rows of tasks are multiples of this, which every height of a tile divides.
const ROWS_MULTIPLE: usize = 12;

/// Where the inputs of one product lie: `taps` runs of `len` floats, `step` floats apart.
#[derive(Debug, Clone, Copy)]
pub(super) struct Taps {
    pub(super) count: usize,
    pub(super) len: usize,
    pub(super) step: usize,
}

impl Taps {
    /// All inputs in one run.
    pub(super) fn run(len: usize) -> Self {
        Self {
            count: 1,
            len,
            step: len,
        }
    }

    /// `kernel` rows of `channels`, `dilation` rows apart.
    pub(super) fn dilated(kernel: usize, channels: usize, dilation: usize) -> Self {
        if dilation == 1 {
            return Self::run(kernel * channels);
        }
        Self {
            count: kernel,
            len: channels,
            step: dilation * channels,
        }
    }

    fn inputs(self) -> usize {
        self.count * self.len
    }

    /// Floats from the first input to behind the last.
    fn reach(self) -> usize {
        (self.count - 1) * self.step + self.len
    }
}

/// Floats that begin at an address which no vector load straddles a cache line for.
pub(super) struct Aligned {
    floats: Vec<f32>,
    start: usize,
    len: usize,
}

impl Aligned {
    const LINE_FLOATS: usize = 16;

    pub(super) fn zeros(len: usize) -> Self {
        let floats = vec![0.0; len + Self::LINE_FLOATS - 1];
        let start = floats.as_ptr().align_offset(64).min(Self::LINE_FLOATS - 1);
        Self { floats, start, len }
    }

    pub(super) fn as_mut(&mut self) -> &mut [f32] {
        &mut self.floats[self.start..][..self.len]
    }
}

impl std::ops::Deref for Aligned {
    type Target = [f32];
    fn deref(&self) -> &[f32] {
        &self.floats[self.start..][..self.len]
    }
}

impl std::fmt::Debug for Aligned {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} floats", self.len())
    }
}

/// Packed weights and bias.
#[derive(Debug)]
pub(super) struct Matrix {
    arch: Arch,
    taps: Taps,
    outputs: usize,
    /// Floats of a vector register.
    lanes: usize,
    /// Panels one after the other, each `[input][column]`.
    weights: Aligned,
    /// One for each column, zeros in the columns that only fill the last vector.
    bias: Aligned,
}

/// What a product does with the floats that it writes to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Write {
    Replace,
    Add,
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
        taps: Taps,
        outputs: usize,
        weight: impl Fn(usize, usize) -> f32,
        bias: impl Fn(usize) -> f32,
    ) -> Self {
        Self::for_arch(Arch::new(), taps, outputs, weight, bias)
    }

    fn for_arch(
        arch: Arch,
        taps: Taps,
        outputs: usize,
        weight: impl Fn(usize, usize) -> f32,
        bias: impl Fn(usize) -> f32,
    ) -> Self {
        let lanes = lanes(arch);
        let columns = outputs.next_multiple_of(lanes);
        let mut packed = Aligned::zeros(taps.inputs() * columns);
        let width = PANEL_VECTORS * lanes;
        for (panel, weights) in packed
            .as_mut()
            .chunks_mut(width * taps.inputs())
            .enumerate()
        {
            let first = panel * width;
            let columns = width.min(columns - first);
            for (input, row) in weights.chunks_exact_mut(columns).enumerate() {
                for (output, value) in (first..outputs).zip(row) {
                    *value = weight(input, output);
                }
            }
        }
        let mut packed_bias = Aligned::zeros(columns);
        for (output, value) in packed_bias.as_mut()[..outputs].iter_mut().enumerate() {
            *value = bias(output);
        }
        Self {
            arch,
            taps,
            outputs,
            lanes,
            weights: packed,
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
        if self.weights.len() > input.len() {
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
        let first = panels.start * PANEL_VECTORS * self.lanes;
        let behind = (panels.end * PANEL_VECTORS * self.lanes).min(self.outputs);
        let product = Product {
            matrix: self,
            panels,
            input,
            step,
            windows,
            write,
            width: behind - first,
            out,
        };
        self.arch.dispatch(product);
    }
}

/// Threads of the current pool that are worth using for so many products.
pub(super) fn threads_for(products: usize) -> usize {
    if products < SMALL_PRODUCTS {
        1
    } else {
        rayon::current_num_threads()
    }
}

/// How many rows a task has: as many tasks as fit the cache, and as many for each thread.
pub(super) fn chunk_rows(rows: usize, floats_a_row: usize, threads: usize) -> usize {
    let limit = (CHUNK_FLOATS / floats_a_row).max(1);
    let tasks = rows.div_ceil(limit).next_multiple_of(threads);
    let share = rows.div_ceil(tasks);
    if share < ROWS_MULTIPLE {
        share
    } else {
        share.next_multiple_of(ROWS_MULTIPLE)
    }
}

/// Runs `task(index, chunk)` on chunks of `out`, on several threads if there are several.
pub(super) fn for_chunks(
    threads: usize,
    out: &mut [f32],
    chunk: usize,
    task: impl Fn(usize, &mut [f32]) + Sync,
) {
    if threads > 1 {
        let chunks = out.par_chunks_mut(chunk).with_max_len(1).enumerate();
        chunks.for_each(|(index, out)| task(index, out));
    } else {
        out.chunks_mut(chunk)
            .enumerate()
            .for_each(|(index, out)| task(index, out));
    }
}

/// Floats of a vector register.
pub(super) fn lanes(arch: Arch) -> usize {
    struct Lanes;
    impl WithSimd for Lanes {
        type Output = usize;
        #[inline(always)]
        fn with_simd<S: Simd>(self, _: S) -> usize {
            S::F32_LANES
        }
    }
    arch.dispatch(Lanes)
}

/// Some panels times all windows, for one thread.
struct Product<'a> {
    matrix: &'a Matrix,
    panels: Range<usize>,
    input: &'a [f32],
    step: usize,
    windows: usize,
    write: Write,
    width: usize,
    out: &'a mut [f32],
}

impl WithSimd for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let lanes = self.matrix.lanes;
        let first = self.panels.start;
        for panel in self.panels.clone() {
            let column = (panel - first) * PANEL_VECTORS * lanes;
            let columns = (self.width - column).min(PANEL_VECTORS * lanes);
            if columns > lanes {
                self.panel::<S, PANEL_VECTORS>(simd, panel, column);
            } else {
                self.panel::<S, 1>(simd, panel, column);
            }
        }
    }
}

impl Product<'_> {
    /// One panel of `V` vectors. The height of a tile is such that its accumulators fill the
    /// registers: 24 of 32, or 12 of 16.
    #[inline(always)]
    fn panel<S: Simd, const V: usize>(&mut self, simd: S, panel: usize, column: usize) {
        let matrix = self.matrix;
        let at = panel * PANEL_VECTORS * matrix.lanes;
        let bias = S::as_simd_f32s(&matrix.bias[at..][..V * matrix.lanes]).0;
        let at = at * matrix.taps.inputs();
        let weights =
            S::as_simd_f32s(&matrix.weights[at..][..V * matrix.lanes * matrix.taps.inputs()]).0;
        let (weights, bias) = (weights.as_chunks::<V>().0, bias.as_chunks::<V>().0[0]);
        let mut row = 0;
        if V == 1 || S::REGISTER_COUNT >= 32 {
            row = self.tiles::<S, 12, V>(simd, weights, bias, row, column);
        } else {
            row = self.tiles::<S, 6, V>(simd, weights, bias, row, column);
        }
        row = self.tiles::<S, 4, V>(simd, weights, bias, row, column);
        row = self.tiles::<S, 2, V>(simd, weights, bias, row, column);
        self.tiles::<S, 1, V>(simd, weights, bias, row, column);
    }

    /// As many tiles of `H` windows as there are from `row` on; says where they end.
    #[inline(always)]
    fn tiles<S: Simd, const H: usize, const V: usize>(
        &mut self,
        simd: S,
        weights: &[[S::f32s; V]],
        bias: [S::f32s; V],
        mut row: usize,
        column: usize,
    ) -> usize {
        while row + H <= self.windows {
            self.tile::<S, H, V>(simd, weights, bias, row, column);
            row += H;
        }
        row
    }

    /// `H` windows times `V` vectors of columns, all sums in registers.
    #[inline(always)]
    fn tile<S: Simd, const H: usize, const V: usize>(
        &mut self,
        simd: S,
        weights: &[[S::f32s; V]],
        bias: [S::f32s; V],
        row: usize,
        column: usize,
    ) {
        let Taps {
            count,
            len,
            step: tap_step,
        } = self.matrix.taps;
        let mut sums = [bias; H];
        for tap in 0..count {
            let inputs: [&[f32]; H] = std::array::from_fn(|h| {
                &self.input[(row + h) * self.step + tap * tap_step..][..len]
            });
            let weights = &weights[tap * len..][..len];
            for (input, weight) in weights.iter().enumerate() {
                for h in 0..H {
                    let x = simd.splat_f32s(inputs[h][input]);
                    for v in 0..V {
                        sums[h][v] = simd.mul_add_e_f32s(weight[v], x, sums[h][v]);
                    }
                }
            }
        }
        let columns = (self.width - column).min(V * S::F32_LANES);
        for (h, sums) in sums.iter().enumerate() {
            let out = &mut self.out[(row + h) * self.width + column..][..columns];
            for (out, &sum) in out.chunks_mut(S::F32_LANES).zip(sums) {
                let sum = match self.write {
                    Write::Replace => sum,
                    Write::Add => simd.add_f32s(sum, simd.partial_load_f32s(out)),
                };
                simd.partial_store_f32s(out, sum);
            }
        }
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
        for (channels, outputs, windows) in [(64, 96, 700), (256, 1024, 9), (16, 8, 5000)] {
            let weights = noise(3, 3 * channels * outputs);
            let input = noise(4, (windows + 2) * channels);
            let matrix = Matrix::new(
                Taps::run(3 * channels),
                outputs,
                |i, o| weights[i * outputs + o],
                |_| 0.5,
            );
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
