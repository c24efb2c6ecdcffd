//! The residual unit: x + conv(ELU(conv(ELU(x)))).
//!
//! Worker thread. Both convolutions and the skip are done for some rows at a time, while
//! these are in the cache; the skip reads the very rows that wait for the first convolution.

use super::conv::{self, ConvShape};
use super::layer::Windowed;
use super::matrix::Matrix;
use super::parameters::Parameters;
use super::product::Write;
use super::tasks::{chunk_rows, for_chunks, threads_for};
use super::window::Span;
use crate::error::EngineError;

/// A loaded residual unit.
#[derive(Debug)]
pub(super) struct Residual {
    span: Span,
    hidden: usize,
    narrow: Matrix,
    widen: Matrix,
    /// The convolution on the skip; `None` adds the rows as they are.
    shortcut: Option<Matrix>,
}

/// The sizes of a residual unit.
#[derive(Debug, Clone, Copy)]
pub(super) struct ResidualShape {
    pub(super) channels: usize,
    pub(super) hidden: usize,
    pub(super) kernel: usize,
    pub(super) dilation: usize,
    pub(super) conv_shortcut: bool,
}

impl Residual {
    /// Reads `block.1.`, `block.3.` and `shortcut.` of `parameters`.
    pub(super) fn load(
        parameters: &Parameters<'_>,
        shape: ResidualShape,
    ) -> Result<Self, EngineError> {
        let ResidualShape {
            channels,
            hidden,
            kernel,
            dilation,
            conv_shortcut,
        } = shape;
        let narrow = ConvShape {
            inputs: channels,
            outputs: hidden,
            kernel,
            stride: 1,
            dilation,
        };
        let pointwise = |inputs| ConvShape {
            inputs,
            outputs: channels,
            kernel: 1,
            stride: 1,
            dilation: 1,
        };
        let block = parameters.part("block");
        let shortcut = conv_shortcut
            .then(|| conv::matrix(&parameters.part("shortcut"), pointwise(channels), 1))
            .transpose()?;
        Ok(Self {
            span: Span::reflect(channels, (kernel - 1) * dilation + 1, 1),
            hidden,
            narrow: conv::matrix(&block.part(1), narrow, 1)?,
            widen: conv::matrix(&block.part(3), pointwise(hidden), 1)?,
            shortcut,
        })
    }
}

impl Windowed for Residual {
    fn span(&self) -> Span {
        self.span
    }

    fn outputs(&self) -> usize {
        self.span.channels
    }

    fn compute(&self, rows: &[f32], windows: usize, out: &mut [f32]) {
        let Span {
            channels,
            reach,
            left,
            ..
        } = self.span;
        let threads = threads_for(windows * (reach + 1) * channels * self.hidden);
        let chunk = chunk_rows(windows, channels + self.hidden, threads);
        for_chunks(threads, out, chunk * channels, |index, out| {
            let windows = out.len() / channels;
            let rows = &rows[index * chunk * channels..][..(windows - 1 + reach) * channels];
            let mut hidden = vec![0.0; windows * self.hidden];
            self.narrow.apply_here(
                &self.narrow.elu(rows),
                channels,
                windows,
                Write::Replace,
                &mut hidden,
            );
            self.narrow.elu_in_place(&mut hidden);
            // The middle of each window, where the padding puts the row itself.
            let skipped = &rows[left * channels..][..windows * channels];
            match &self.shortcut {
                Some(shortcut) => {
                    shortcut.apply_here(skipped, channels, windows, Write::Replace, out)
                }
                None => out.copy_from_slice(skipped),
            }
            self.widen
                .apply_here(&hidden, self.hidden, windows, Write::Add, out);
        });
    }
}
