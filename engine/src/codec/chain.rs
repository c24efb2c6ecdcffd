//! The layers of the decoder or of the encoder, one after the other, and a stream through them.
//!
//! Worker thread. Each layer takes the rows that it has enough context for and appends what it
//! makes of them to the rows that wait for the next. There is no other way through the layers:
//! a whole decode is a stream that is handed everything and then finished.

use super::config::CodecConfig;
use super::conv::{Conv, ConvShape};
use super::conv_transpose::ConvTranspose;
use super::layer::{Layer, LayerStream};
use super::lstm::Lstm;
use super::matrix::Before;
use super::parameters::Parameters;
use super::residual::{Residual, ResidualShape};
use crate::error::EngineError;

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
        ChainStream {
            layers: self.layers.iter().map(Layer::stream).collect(),
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
        self.layers.push(Layer::Windowed(Box::new(conv)));
        Ok(())
    }

    fn conv_transpose(
        &mut self,
        inputs: usize,
        outputs: usize,
        ratio: usize,
    ) -> Result<(), EngineError> {
        let layer = ConvTranspose::load(&self.next(), inputs, outputs, ratio)?;
        self.layers.push(Layer::Windowed(Box::new(layer)));
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
            self.layers.push(Layer::Windowed(Box::new(layer)));
        }
        Ok(())
    }

    fn lstm(&mut self, units: usize) -> Result<(), EngineError> {
        let layer = Lstm::load(&self.next(), units, self.config.num_lstm_layers)?;
        self.layers.push(Layer::Lstm(layer));
        Ok(())
    }
}

/// Rows on their way through the layers.
#[derive(Debug)]
pub(super) struct ChainStream<'c> {
    layers: Vec<LayerStream<'c>>,
}

impl<'c> ChainStream<'c> {
    /// Takes rows and appends to `out` those that no later row can change.
    pub(super) fn push(&mut self, rows: &[f32], out: &mut Vec<f32>) {
        self.layers[0].input().extend_from_slice(rows);
        self.run(out, LayerStream::advance);
    }

    /// Appends the rest.
    pub(super) fn finish(mut self, out: &mut Vec<f32>) {
        self.run(out, LayerStream::finish);
    }

    fn run(&mut self, out: &mut Vec<f32>, each: fn(&mut LayerStream<'c>, &mut Vec<f32>)) {
        let mut layers = &mut self.layers[..];
        while let [layer, rest @ ..] = layers {
            each(
                layer,
                rest.first_mut().map_or(&mut *out, LayerStream::input),
            );
            layers = rest;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::matrix::tests::noise;
    use super::super::parameters::tests::file;
    use super::super::store::CodecPrecision;
    use super::*;

    /// What comes out when rows go in in pieces of these numbers, in turn.
    fn stream(chain: &Chain, channels: usize, rows: &[f32], pieces: &[usize]) -> Vec<f32> {
        let (mut stream, mut out, mut rest) = (chain.stream(), Vec::new(), rows);
        for piece in pieces.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (now, later) = rest.split_at(rest.len().min(piece * channels));
            stream.push(now, &mut out);
            rest = later;
        }
        stream.finish(&mut out);
        out
    }

    /// Tensors for all layers of a small codec.
    fn codec(config: &CodecConfig) -> crate::weights::Weights {
        let mut tensors: Vec<(String, Vec<usize>)> = Vec::new();
        let mut conv = |name: String, first: usize, second: usize, kernel: usize, bias: usize| {
            tensors.push((format!("{name}.conv.weight"), vec![first, second, kernel]));
            tensors.push((format!("{name}.conv.bias"), vec![bias]));
        };
        let (filters, inner) = (config.num_filters, config.inner_channels());
        conv("encoder.layers.0".into(), filters, 1, 7, filters);
        conv(
            "decoder.layers.0".into(),
            inner,
            config.hidden_size,
            7,
            inner,
        );
        let ratios = &config.upsampling_ratios;
        for (step, &ratio) in ratios.iter().rev().enumerate() {
            let (channels, layer) = (filters << step, 1 + 3 * step);
            let block = format!("encoder.layers.{layer}.block");
            conv(
                format!("{block}.1"),
                channels / 2,
                channels,
                3,
                channels / 2,
            );
            conv(format!("{block}.3"), channels, channels / 2, 1, channels);
            let down = format!("encoder.layers.{}", layer + 2);
            conv(down, 2 * channels, channels, 2 * ratio, 2 * channels);
        }
        for (step, &ratio) in ratios.iter().enumerate() {
            let (channels, layer) = (inner >> step, 3 + 3 * step);
            let up = format!("decoder.layers.{layer}");
            conv(up, channels, channels / 2, 2 * ratio, channels / 2);
            let block = format!("decoder.layers.{}.block", layer + 1);
            conv(
                format!("{block}.1"),
                channels / 4,
                channels / 2,
                3,
                channels / 4,
            );
            conv(
                format!("{block}.3"),
                channels / 2,
                channels / 4,
                1,
                channels / 2,
            );
        }
        let last = 3 * ratios.len() + 3;
        let width = config.hidden_size;
        conv(format!("encoder.layers.{last}"), width, inner, 7, width);
        conv(format!("decoder.layers.{last}"), 1, filters, 7, 1);
        for lstm in [
            "decoder.layers.1".into(),
            format!("encoder.layers.{}", last - 2),
        ] {
            for way in ["ih", "hh"] {
                tensors.push((
                    format!("{lstm}.lstm.weight_{way}_l0"),
                    vec![4 * inner, inner],
                ));
                tensors.push((format!("{lstm}.lstm.bias_{way}_l0"), vec![4 * inner]));
            }
        }
        let values: Vec<Vec<f32>> = tensors
            .iter()
            .enumerate()
            .map(|(seed, (_, shape))| {
                let scale = 1.5 / (shape[1..].iter().product::<usize>() as f32).sqrt();
                let noise = noise(seed as u64 + 1, shape.iter().product());
                noise.into_iter().map(|x| x * scale).collect()
            })
            .collect();
        let views: Vec<(&str, &[usize], &[f32])> = tensors
            .iter()
            .zip(&values)
            .map(|((name, shape), values)| (&name[..], &shape[..], &values[..]))
            .collect();
        file(&views)
    }

    #[test]
    fn the_pieces_that_rows_come_in_change_nothing() {
        let config = CodecConfig {
            hidden_size: 5,
            num_filters: 4,
            upsampling_ratios: vec![5, 3, 2],
            num_lstm_layers: 1,
            use_causal_conv: false,
            use_conv_shortcut: false,
            ..CodecConfig::default()
        };
        let weights = codec(&config);
        let parameters = Parameters::new(&weights, "", CodecPrecision::Single);
        let decoder = Chain::decoder(&config, &parameters).unwrap();
        let encoder = Chain::encoder(&config, &parameters).unwrap();
        for length in [1, 2, 3, 4, 5, 9, 40] {
            let latents = noise(77, length * config.hidden_size);
            let audio = stream(&decoder, config.hidden_size, &latents, &[length]);
            assert_eq!(audio.len(), length * config.samples_per_frame());
            assert!(
                audio.iter().any(|x| x.abs() > 1e-3),
                "silence tests nothing"
            );
            let audio = &audio[..audio.len() - length % 4];
            let back = stream(&encoder, 1, audio, &[audio.len()]);
            assert_eq!(back.len(), length * config.hidden_size);
            for seed in 0..20 {
                let sizes = noise(1000 + seed, 8);
                let pieces = |most: f32| -> Vec<usize> {
                    sizes
                        .iter()
                        .map(|x| 1 + (x.abs() * most) as usize)
                        .collect()
                };
                let decoded = stream(&decoder, config.hidden_size, &latents, &pieces(7.0));
                assert_eq!(
                    decoded[..audio.len()],
                    *audio,
                    "{length} frames, seed {seed}"
                );
                let encoded = stream(&encoder, 1, audio, &pieces(50.0));
                assert_eq!(encoded, back, "{length} frames, seed {seed}");
            }
        }
    }
}
