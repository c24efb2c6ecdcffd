//! The inner loop: panels of weights times windows of rows, in the vectors that the processor
//! has.
//!
//! Worker thread and the pool that it runs in. Allocates nothing.

use pulp::{Arch, Simd, WithSimd};

/// Vectors in the columns of a panel; the last panel may have fewer. Weights come from the
/// second cache, so few columns and many rows in a tile are better than a square tile.
pub(super) const PANEL_VECTORS: usize = 2;

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

    pub(super) fn inputs(self) -> usize {
        self.count * self.len
    }

    /// Floats from the first input to behind the last.
    pub(super) fn reach(self) -> usize {
        (self.count - 1) * self.step + self.len
    }
}

/// What a product does with the floats that it writes to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Write {
    Replace,
    Add,
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

/// Panels times windows, for one thread.
pub(super) struct Product<'a> {
    pub(super) taps: Taps,
    /// Panels one after the other, each `[input][column]`, columns filled up to whole vectors.
    pub(super) weights: &'a [f32],
    /// One for each column, filled up like them.
    pub(super) bias: &'a [f32],
    pub(super) input: &'a [f32],
    /// Floats from a window to the next.
    pub(super) step: usize,
    pub(super) windows: usize,
    /// Columns without those that only fill a vector.
    pub(super) columns: usize,
    pub(super) write: Write,
    /// `[window][column]`
    pub(super) out: &'a mut [f32],
}

impl WithSimd for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let width = PANEL_VECTORS * S::F32_LANES;
        let bias = S::as_simd_f32s(self.bias).0.chunks(PANEL_VECTORS);
        let weights = S::as_simd_f32s(self.weights).0;
        let panels = weights.chunks(PANEL_VECTORS * self.taps.inputs());
        for (panel, (weights, bias)) in panels.zip(bias).enumerate() {
            if bias.len() == PANEL_VECTORS {
                self.panel::<S, PANEL_VECTORS>(simd, weights, bias, panel * width);
            } else {
                self.panel::<S, 1>(simd, weights, bias, panel * width);
            }
        }
    }
}

impl Product<'_> {
    /// One panel of `V` vectors. The tallest tile is such that its sums fill the registers: 24
    /// of 32, or 12 of 16.
    #[inline(always)]
    fn panel<S: Simd, const V: usize>(
        &mut self,
        simd: S,
        weights: &[S::f32s],
        bias: &[S::f32s],
        column: usize,
    ) {
        let weights = weights.as_chunks::<V>().0;
        let bias = bias.as_chunks::<V>().0[0];
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
        let mut sums = [bias; H];
        for (tap, weights) in weights.chunks_exact(self.taps.len).enumerate() {
            let inputs: [&[f32]; H] = std::array::from_fn(|h| {
                &self.input[(row + h) * self.step + tap * self.taps.step..][..weights.len()]
            });
            for (input, weight) in weights.iter().enumerate() {
                for h in 0..H {
                    let x = simd.splat_f32s(inputs[h][input]);
                    for v in 0..V {
                        sums[h][v] = simd.mul_add_e_f32s(weight[v], x, sums[h][v]);
                    }
                }
            }
        }
        let columns = (self.columns - column).min(V * S::F32_LANES);
        for (h, sums) in sums.iter().enumerate() {
            let out = &mut self.out[(row + h) * self.columns + column..][..columns];
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
