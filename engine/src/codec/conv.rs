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
    /// [`GROUP`] windows as one, for a convolution whose outputs would leave most of a vector
    /// empty.
    grouped: Option<Matrix>,
}

/// Windows that are computed as one.
const GROUP: usize = 16;
/// Outputs up to which that is worth it: its weights are zeros for the most part.
const FEW_OUTPUTS: usize = 2;

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
            matrix: matrix(parameters, shape, 1)?,
            grouped: (shape.outputs <= FEW_OUTPUTS)
                .then(|| matrix(parameters, shape, GROUP))
                .transpose()?,
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
        let mut done = 0;
        if let Some(grouped) = &self.grouped {
            let groups = windows / GROUP;
            done = groups * GROUP;
            if groups > 0 {
                grouped.apply(rows, GROUP * step, groups, self.before, out);
            }
        }
        if windows > done {
            let (rows, out) = (&rows[done * step..], &mut out[done * self.shape.outputs..]);
            self.matrix
                .apply(rows, step, windows - done, self.before, out);
        }
    }
}

/// The weights of a convolution (`[output][input][tap]` in the file) for windows of rows,
/// `group` of which count as one: it has the outputs of all of them, and its other weights are
/// zeros, which change no sum.
pub(super) fn matrix(
    parameters: &Parameters<'_>,
    shape: ConvShape,
    group: usize,
) -> Result<Matrix, EngineError> {
    let ConvShape {
        inputs,
        outputs,
        kernel,
        stride,
        dilation,
    } = shape;
    let precision = parameters.precision();
    let parameters = parameters.part("conv");
    let weights = parameters.convolution([outputs, inputs, kernel])?;
    let bias = parameters.tensor("bias", &[outputs])?;
    let weight =
        |tap: usize, input: usize, output: usize| weights[(output * inputs + input) * kernel + tap];
    if group == 1 {
        let taps = Taps::dilated(kernel, inputs, dilation);
        let weight = |at: usize, output: usize| weight(at / inputs, at % inputs, output);
        return Ok(Matrix::new(precision, taps, outputs, weight, |output| {
            bias[output]
        }));
    }
    let rows = (group - 1) * stride + (kernel - 1) * dilation + 1;
    let grouped = |at: usize, column: usize| {
        let (window, output) = (column / outputs, column % outputs);
        let (row, input) = (at / inputs, at % inputs);
        let tap = row
            .checked_sub(window * stride)
            .filter(|row| row % dilation == 0);
        tap.map(|row| row / dilation)
            .filter(|&tap| tap < kernel)
            .map_or(0.0, |tap| weight(tap, input, output))
    };
    let columns = group * outputs;
    let bias = |column: usize| bias[column % outputs];
    Ok(Matrix::new(
        precision,
        Taps::run(rows * inputs),
        columns,
        grouped,
        bias,
    ))
}
