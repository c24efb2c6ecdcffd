//! The inner loop: panels of weights times windows of rows, in the vectors that the processor
//! has.
//!
//! Worker thread and the pool that it runs in. Allocates nothing.

use pulp::{Arch, Simd, WithSimd};

use super::store::{Short, Single, Store, Weights};

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
    /// Panels one after the other, each `[input][column]`, columns filled up to whole vectors
    /// (whole panels if they are short).
    pub(super) weights: Weights<'a>,
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
        let inputs = self.taps.inputs();
        let column = (0..).step_by(PANEL_VECTORS * S::F32_LANES);
        match self.weights {
            Weights::Single(weights) => {
                let panels = S::as_simd_f32s(weights).0.chunks(PANEL_VECTORS * inputs);
                let bias = S::as_simd_f32s(self.bias).0.chunks(PANEL_VECTORS);
                for ((weights, bias), column) in panels.zip(bias).zip(column) {
                    if let Ok(start) = bias.try_into() {
                        self.panel(
                            simd,
                            &Panel::<S, Single, PANEL_VECTORS> {
                                weights: weights.as_chunks().0,
                                start,
                                scale: None,
                                column,
                            },
                        );
                    } else {
                        self.panel(
                            simd,
                            &Panel::<S, Single, 1> {
                                weights: weights.as_chunks().0,
                                start: [bias[0]],
                                scale: None,
                                column,
                            },
                        );
                    }
                }
            }
            Weights::Short { pairs, scale } => {
                let panels = S::as_simd_u32s(pairs).0.chunks(inputs);
                let bias = S::as_simd_f32s(self.bias).0.as_chunks().0;
                let scale = S::as_simd_f32s(scale).0.as_chunks().0;
                let scaled = scale.iter().copied().zip(bias.iter().copied());
                for ((weights, scaled), column) in panels.zip(scaled).zip(column) {
                    self.panel(
                        simd,
                        &Panel::<S, Short, PANEL_VECTORS> {
                            weights,
                            start: [simd.splat_f32s(0.0); PANEL_VECTORS],
                            scale: Some(scaled),
                            column,
                        },
                    );
                }
            }
        }
    }
}

/// A panel of `V` vectors.
struct Panel<'a, S: Simd, W: Store<S, V>, const V: usize> {
    weights: &'a [W::Item],
    /// What the sums begin with.
    start: [S::f32s; V],
    /// What they are multiplied by in the end and what is added then.
    scale: Option<Scale<S, V>>,
    /// The first column.
    column: usize,
}

type Scale<S, const V: usize> = ([<S as Simd>::f32s; V], [<S as Simd>::f32s; V]);

impl Product<'_> {
    /// One panel, in tiles. The tallest is such that its sums fill the registers: 24 of 32, or
    /// 12 of 16.
    #[inline(always)]
    fn panel<S: Simd, W: Store<S, V>, const V: usize>(
        &mut self,
        simd: S,
        panel: &Panel<'_, S, W, V>,
    ) {
        let mut row = 0;
        if V == 1 || S::REGISTER_COUNT >= 32 {
            row = self.tiles_of_12(simd, panel, row);
            row = self.tiles_of_8(simd, panel, row);
        } else {
            row = self.tiles_of_6(simd, panel, row);
        }
        row = self.tiles_of_4(simd, panel, row);
        row = self.tiles_of_2(simd, panel, row);
        self.tiles_of_1(simd, panel, row);
    }

    /// Writes one row of a tile.
    #[inline(always)]
    fn store<S: Simd, W: Store<S, V>, const V: usize>(
        &mut self,
        simd: S,
        panel: &Panel<'_, S, W, V>,
        sums: [S::f32s; V],
        row: usize,
    ) {
        let columns = (self.columns - panel.column).min(V * S::F32_LANES);
        let out = &mut self.out[row * self.columns + panel.column..][..columns];
        for (v, out) in out.chunks_mut(S::F32_LANES).enumerate() {
            let mut sum = sums[v];
            if let Some((scale, bias)) = panel.scale {
                sum = simd.mul_add_e_f32s(sum, scale[v], bias[v]);
            }
            if self.write == Write::Add {
                sum = simd.add_f32s(sum, simd.partial_load_f32s(out));
            }
            simd.partial_store_f32s(out, sum);
        }
    }
}

/// Slices of one length side by side. Zipped, they need no check of bounds for each element;
/// indices would, and then the sums of a tile do not stay in registers.
macro_rules! side_by_side {
    ($one:expr) => { $one.iter() };
    ($one:expr, $($more:expr),+) => { $one.iter().zip(side_by_side!($($more),+)) };
}

/// The pattern for an element of it.
macro_rules! each {
    ($one:ident) => { $one };
    ($one:ident, $($more:ident),+) => { ($one, each!($($more),+)) };
}

/// A function for tiles of so many windows times `V` vectors of columns, all sums in registers.
/// Every input is read right before its products: read earlier, it would need a register too.
macro_rules! tiles {
    ($name:ident: $height:literal = $($x:ident $h:literal)+) => {
        impl Product<'_> {
            /// As many tiles as there are from `row` on; says where they end.
            #[inline(always)]
            fn $name<S: Simd, W: Store<S, V>, const V: usize>(
                &mut self,
                simd: S,
                panel: &Panel<'_, S, W, V>,
                mut row: usize,
            ) -> usize {
                while self.windows.saturating_sub(row) >= $height {
                    let mut sums = [panel.start; $height];
                    for (tap, weights) in panel.weights.chunks_exact(self.taps.len).enumerate() {
                        let at = row * self.step + tap * self.taps.step;
                        $(let $x = &self.input[at + $h * self.step..][..weights.len()];)+
                        for (weight, each!($($x),+)) in weights.iter().zip(side_by_side!($($x),+)) {
                            let weight = W::open(simd, weight);
                            $(
                                let x = simd.splat_f32s(*$x);
                                for v in 0..V {
                                    sums[$h][v] = simd.mul_add_e_f32s(weight[v], x, sums[$h][v]);
                                }
                            )+
                        }
                    }
                    for (h, sums) in sums.into_iter().enumerate() {
                        self.store(simd, panel, sums, row + h);
                    }
                    row += $height;
                }
                row
            }
        }
    };
}

tiles!(tiles_of_12: 12 = a 0 b 1 c 2 d 3 e 4 f 5 g 6 h 7 i 8 j 9 k 10 l 11);
tiles!(tiles_of_8: 8 = a 0 b 1 c 2 d 3 e 4 f 5 g 6 h 7);
tiles!(tiles_of_6: 6 = a 0 b 1 c 2 d 3 e 4 f 5);
tiles!(tiles_of_4: 4 = a 0 b 1 c 2 d 3);
tiles!(tiles_of_2: 2 = a 0 b 1);
tiles!(tiles_of_1: 1 = a 0);
