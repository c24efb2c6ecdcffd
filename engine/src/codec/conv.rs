//! A convolution over time, channels last, with ELU before it if asked.
//!
//! Worker thread. With a row of channels for each moment, the inputs of an output are one run
//! of memory (or one run for each tap, when dilated), so that a convolution is one product
//! of overlapping windows with a matrix and nothing is copied.

use super::layer::Windowed;
use super::matrix::{Before, Matrix};
use super::parameters::Parameters;
use super::product::Taps;
use super::window::Span;
use crate::error::EngineError;

/// The sizes of a convolution.
#[derive(Debug, Clone, Copy)]
pub(super) struct ConvShape {
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    pub(super) kernel: usize,
    pub(super) stride: usize,
    pub(super) dilation: usize,
}

/// A loaded convolution.
#[derive(Debug)]
pub(super) struct Conv {
    shape: ConvShape,
    before: Before,
    matrix: Matrix,
}

impl Conv {
    /// Reads `conv.` of `parameters`.
    pub(super) fn load(
        parameters: &Parameters<'_>,
        shape: ConvShape,
        before: Before,
    ) -> Result<Self, EngineError> {
        Ok(Self {
            shape,
            before,
            matrix: matrix(parameters, shape)?,
        })
    }
}

impl Windowed for Conv {
    fn span(&self) -> Span {
        let ConvShape {
            inputs,
            kernel,
            stride,
            dilation,
            ..
        } = self.shape;
        Span::reflect(inputs, (kernel - 1) * dilation + 1, stride)
    }

    fn outputs(&self) -> usize {
        self.shape.outputs
    }

    fn compute(&self, rows: &[f32], windows: usize, out: &mut [f32]) {
        let step = self.shape.stride * self.shape.inputs;
        self.matrix.apply(rows, step, windows, self.before, out);
    }
}

/// The weights of a convolution (`[output][input][tap]` in the file) for windows of rows.
pub(super) fn matrix(parameters: &Parameters<'_>, shape: ConvShape) -> Result<Matrix, EngineError> {
    let ConvShape {
        inputs,
        outputs,
        kernel,
        dilation,
        ..
    } = shape;
    let parameters = parameters.part("conv");
    let weights = parameters.convolution([outputs, inputs, kernel])?;
    let bias = parameters.tensor("bias", &[outputs])?;
    let taps = Taps::dilated(kernel, inputs, dilation);
    let weight = |at: usize, output: usize| {
        let (tap, input) = (at / inputs, at % inputs);
        weights[(output * inputs + input) * kernel + tap]
    };
    Ok(Matrix::new(taps, outputs, weight, |output| bias[output]))
}
