//! The transposed convolution that makes `ratio` rows of one, with ELU before it.
//!
//! Worker thread. Its kernel is twice its stride, so each group of `ratio` output rows has
//! two input rows to look at: it is a plain convolution with a kernel of 2 that makes all
//! rows of a group at once, and the rows of a group lie in memory as they will be used.

use super::layer::Windowed;
use super::matrix::{Before, Matrix};
use super::parameters::Parameters;
use super::product::Taps;
use super::window::{Pad, Span};
use crate::error::EngineError;

/// A loaded transposed convolution.
#[derive(Debug)]
pub(super) struct ConvTranspose {
    ratio: usize,
    inputs: usize,
    outputs: usize,
    matrix: Matrix,
}

impl ConvTranspose {
    /// Reads `conv.` of `parameters`: `[input][output][tap]` in the file.
    pub(super) fn load(
        parameters: &Parameters<'_>,
        inputs: usize,
        outputs: usize,
        ratio: usize,
    ) -> Result<Self, EngineError> {
        let precision = parameters.precision();
        let parameters = parameters.part("conv");
        let kernel = 2 * ratio;
        let weights = parameters.convolution([inputs, outputs, kernel])?;
        let bias = parameters.tensor("bias", &[outputs])?;
        // Row r of a group: tap r of the later input row, tap r + ratio of the earlier one.
        let weight = |at: usize, column: usize| {
            let (later, input) = (at / inputs, at % inputs);
            let (row, output) = (column / outputs, column % outputs);
            let tap = if later == 1 { row } else { row + ratio };
            weights[(input * outputs + output) * kernel + tap]
        };
        let (taps, columns) = (Taps::run(2 * inputs), ratio * outputs);
        let bias = |column: usize| bias[column % outputs];
        let matrix = Matrix::new(precision, taps, columns, weight, bias);
        Ok(Self {
            ratio,
            inputs,
            outputs,
            matrix,
        })
    }
}

impl Windowed for ConvTranspose {
    /// The first and the last group have one input row each: zeros stand for the other.
    fn span(&self) -> Span {
        Span {
            channels: self.inputs,
            reach: 2,
            stride: 1,
            left: 1,
            right: 1,
            pad: Pad::Zero,
        }
    }

    fn outputs(&self) -> usize {
        self.outputs
    }

    fn rows_per_window(&self) -> usize {
        self.ratio
    }

    /// The surplus of kernel over stride, the larger half of it at the start.
    fn trim(&self) -> (usize, usize) {
        (self.ratio - self.ratio / 2, self.ratio / 2)
    }

    fn compute(&self, rows: &[f32], windows: usize, out: &mut [f32]) {
        self.matrix
            .apply(rows, self.inputs, windows, Before::Elu, out);
    }
}
