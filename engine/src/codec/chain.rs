//! The layers of the decoder or of the encoder, one after the other, and a stream through them.
//!
//! Worker thread. Each layer takes the rows that it has enough context for and appends what it
//! makes of them to the rows that wait for the next. There is no other way through the layers:
//! a whole decode is a stream that is handed everything and then finished.

use super::config::CodecConfig;
use super::conv::{Conv, ConvShape};
use super::conv_transpose::ConvTranspose;
use super::lstm::{Lstm, LstmState};
use super::matrix::Before;
use super::parameters::Parameters;
use super::residual::{Residual, ResidualShape};
use super::window::{Span, Window};
use crate::error::EngineError;

#[derive(Debug)]
enum Layer {
    Conv(Conv),
    ConvTranspose(ConvTranspose),
    Residual(Residual),
    Lstm(Lstm),
}

/// All layers of one direction.
#[derive(Debug)]
pub(super) struct Chain {
    layers: Vec<Layer>,
}

impl Chain {
    /// Latents → samples: `decoder.` of `parameters`.
    pub(super) fn decoder(
        config: &CodecConfig,
        parameters: &Parameters<'_>,
    ) -> Result<Self, EngineError> {
        let mut chain = Builder::new(parameters.part("decoder"), config);
        let mut channels = config.inner_channels();
        chain.conv(
            config.hidden_size,
            channels,
            config.kernel_size,
            1,
            Before::Nothing,
        )?;
        chain.lstm(channels)?;
        for &ratio in &config.upsampling_ratios {
            chain.activation();
            chain.conv_transpose(channels, channels / 2, ratio)?;
            channels /= 2;
            chain.residuals(channels)?;
        }
        chain.activation();
        chain.conv(
            channels,
            config.audio_channels,
            config.last_kernel_size,
            1,
            Before::Elu,
        )?;
        Ok(Self {
            layers: chain.layers,
        })
    }

    /// Samples → latents: `encoder.` of `parameters`.
    pub(super) fn encoder(
        config: &CodecConfig,
        parameters: &Parameters<'_>,
    ) -> Result<Self, EngineError> {
        let mut chain = Builder::new(parameters.part("encoder"), config);
        let mut channels = config.num_filters;
        chain.conv(
            config.audio_channels,
            channels,
            config.kernel_size,
            1,
            Before::Nothing,
        )?;
        for &ratio in config.upsampling_ratios.iter().rev() {
            chain.residuals(channels)?;
            chain.activation();
            chain.conv(channels, 2 * channels, 2 * ratio, ratio, Before::Elu)?;
            channels *= 2;
        }
        chain.lstm(channels)?;
        chain.activation();
        chain.conv(
            channels,
            config.hidden_size,
            config.last_kernel_size,
            1,
            Before::Elu,
        )?;
        Ok(Self {
            layers: chain.layers,
        })
    }

    pub(super) fn stream(&self) -> ChainStream<'_> {
        let stages = self.layers.iter().map(|layer| match layer.span() {
            Ok(span) => Stage::Window(Window::new(span)),
            Err(lstm) => Stage::Lstm(lstm.state()),
        });
        ChainStream {
            layers: &self.layers,
            stages: stages.collect(),
        }
    }
}

/// Loads layers, whose numbers in the file count activations too.
struct Builder<'a> {
    parameters: Parameters<'a>,
    config: &'a CodecConfig,
    number: usize,
    layers: Vec<Layer>,
}

impl<'a> Builder<'a> {
    fn new(parameters: Parameters<'a>, config: &'a CodecConfig) -> Self {
        Self {
            parameters: parameters.part("layers"),
            config,
            number: 0,
            layers: Vec::new(),
        }
    }

    fn next(&mut self) -> Parameters<'a> {
        self.number += 1;
        self.parameters.part(self.number - 1)
    }

    /// An ELU has a number but no tensors: the layer after it does it.
    fn activation(&mut self) {
        self.number += 1;
    }

    fn conv(
        &mut self,
        inputs: usize,
        outputs: usize,
        kernel: usize,
        stride: usize,
        before: Before,
    ) -> Result<(), EngineError> {
        let shape = ConvShape {
            inputs,
            outputs,
            kernel,
            stride,
            dilation: 1,
        };
        let conv = Conv::load(&self.next(), shape, before)?;
        self.layers.push(Layer::Conv(conv));
        Ok(())
    }

    fn conv_transpose(
        &mut self,
        inputs: usize,
        outputs: usize,
        ratio: usize,
    ) -> Result<(), EngineError> {
        let layer = ConvTranspose::load(&self.next(), inputs, outputs, ratio)?;
        self.layers.push(Layer::ConvTranspose(layer));
        Ok(())
    }

    fn residuals(&mut self, channels: usize) -> Result<(), EngineError> {
        for unit in 0..self.config.num_residual_layers {
            let shape = ResidualShape {
                channels,
                hidden: channels / self.config.compress,
                kernel: self.config.residual_kernel_size,
                dilation: self.config.dilation(unit),
                conv_shortcut: self.config.use_conv_shortcut,
            };
            let layer = Residual::load(&self.next(), shape)?;
            self.layers.push(Layer::Residual(layer));
        }
        Ok(())
    }

    fn lstm(&mut self, units: usize) -> Result<(), EngineError> {
        let layer = Lstm::load(&self.next(), units, self.config.num_lstm_layers)?;
        self.layers.push(Layer::Lstm(layer));
        Ok(())
    }
}

impl Layer {
    /// How it looks at its rows; the LSTM looks at each once.
    fn span(&self) -> Result<Span, &Lstm> {
        match self {
            Self::Conv(layer) => Ok(layer.span()),
            Self::ConvTranspose(layer) => Ok(layer.span()),
            Self::Residual(layer) => Ok(layer.span()),
            Self::Lstm(layer) => Err(layer),
        }
    }

    /// Channels of the rows that it makes, and how many it makes of a window.
    fn makes(&self) -> (usize, usize) {
        match self {
            Self::Conv(layer) => (layer.outputs(), 1),
            Self::ConvTranspose(layer) => (layer.outputs(), layer.ratio()),
            Self::Residual(layer) => (layer.outputs(), 1),
            Self::Lstm(layer) => (layer.outputs(), 1),
        }
    }

    /// Rows too many at the start and at the end.
    fn trim(&self) -> (usize, usize) {
        match self {
            Self::ConvTranspose(layer) => (layer.trim_start(), layer.trim_end()),
            _ => (0, 0),
        }
    }

    /// Appends to `out` what can be made of the rows that wait.
    fn advance(&self, stage: &mut Stage, out: &mut Vec<f32>) {
        let window = match (self, stage) {
            (Self::Lstm(lstm), Stage::Lstm(state)) => return lstm.advance(state, out),
            (_, Stage::Lstm(_)) => unreachable!("only an LSTM has an LSTM's state"),
            (_, Stage::Window(window)) => window,
        };
        let first = window.at_start();
        let (rows, windows) = window.ready();
        if windows == 0 {
            return;
        }
        let (channels, rows_a_window) = self.makes();
        let at = out.len();
        out.resize(at + windows * rows_a_window * channels, 0.0);
        let made = &mut out[at..];
        match self {
            Self::Conv(layer) => layer.compute(rows, windows, made),
            Self::ConvTranspose(layer) => layer.compute(rows, windows, made),
            Self::Residual(layer) => layer.compute(rows, windows, made),
            Self::Lstm(_) => unreachable!("an LSTM has no windows"),
        }
        window.take(windows);
        if first {
            out.drain(at..at + self.trim().0 * channels);
        }
    }

    /// The same, knowing that no more rows will come.
    fn finish(&self, stage: &mut Stage, out: &mut Vec<f32>) {
        let mut rows = false;
        if let Stage::Window(window) = stage {
            window.finish();
            rows = window.ready().1 > 0;
        }
        self.advance(stage, out);
        if rows {
            out.truncate(out.len() - self.trim().1 * self.makes().0);
        }
    }
}

/// What waits for a layer.
#[derive(Debug)]
enum Stage {
    Window(Window),
    Lstm(LstmState),
}

impl Stage {
    fn input(&mut self) -> &mut Vec<f32> {
        match self {
            Self::Window(window) => window.input(),
            Self::Lstm(state) => state.input(),
        }
    }
}

/// Rows on their way through the layers.
#[derive(Debug)]
pub(super) struct ChainStream<'c> {
    layers: &'c [Layer],
    stages: Vec<Stage>,
}

impl ChainStream<'_> {
    /// Takes rows and appends to `out` those that no later row can change.
    pub(super) fn push(&mut self, rows: &[f32], out: &mut Vec<f32>) {
        self.stages[0].input().extend_from_slice(rows);
        self.run(out, Layer::advance);
    }

    /// Appends the rest.
    pub(super) fn finish(mut self, out: &mut Vec<f32>) {
        self.run(out, Layer::finish);
    }

    fn run(&mut self, out: &mut Vec<f32>, each: fn(&Layer, &mut Stage, &mut Vec<f32>)) {
        for (index, layer) in self.layers.iter().enumerate() {
            let (done, waiting) = self.stages.split_at_mut(index + 1);
            let next = waiting.first_mut().map_or(&mut *out, Stage::input);
            each(layer, &mut done[index], next);
        }
    }
}
