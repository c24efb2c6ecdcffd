//! The `audio_encoder` section of `config.json`: read with transformers' names and defaults,
//! and checked before a single tensor is allocated.
//!
//! Worker thread. Pure data.

use crate::error::EngineError;

/// The `audio_encoder` section of a model's `config.json` (transformers' `EncodecConfig`).
#[derive(Debug, Clone, PartialEq, serde::Deserialize)]
#[serde(default)]
pub struct CodecConfig {
    /// Bandwidths in kbit/s; the last one decides how many codebooks there are.
    pub target_bandwidths: Vec<f64>,
    /// Sample rate.
    #[serde(rename = "sampling_rate")]
    pub rate_hz: u32,
    /// Channels of one decode.
    pub audio_channels: usize,
    /// Whether the signal is scaled to unit loudness before encoding.
    pub normalize: bool,
    /// Length of separately coded pieces, `None` when the signal is coded as one.
    pub chunk_length_s: Option<f64>,
    /// Width of the latents.
    pub hidden_size: usize,
    /// Channels next to the samples; each ratio doubles them on the way inwards.
    pub num_filters: usize,
    /// Residual units after each ratio.
    pub num_residual_layers: usize,
    /// Upsampling factors in the decoder's order; their product is the samples of a frame.
    pub upsampling_ratios: Vec<usize>,
    /// How weights are stored.
    pub norm_type: String,
    /// Taps of the first convolution.
    pub kernel_size: usize,
    /// Taps of the last convolution.
    pub last_kernel_size: usize,
    /// Taps of the first convolution of a residual unit.
    pub residual_kernel_size: usize,
    /// Dilation of residual unit `j` is this to the power of `j`.
    pub dilation_growth_rate: usize,
    /// Whether convolutions look only at the past.
    pub use_causal_conv: bool,
    /// What lies beyond the ends of the signal.
    pub pad_mode: String,
    /// Divides the width inside a residual unit.
    pub compress: usize,
    /// LSTM layers.
    pub num_lstm_layers: usize,
    /// Share of a transposed convolution's surplus that is cut on the right (causal only).
    pub trim_right_ratio: f64,
    /// Entries of a codebook.
    pub codebook_size: usize,
    /// Width of a codebook's entries, `None` for that of the latents.
    pub codebook_dim: Option<usize>,
    /// Whether the skip of a residual unit has a convolution.
    pub use_conv_shortcut: bool,
}

impl Default for CodecConfig {
    /// What transformers' `EncodecConfig` takes for a field that is missing.
    fn default() -> Self {
        Self {
            target_bandwidths: vec![1.5, 3.0, 6.0, 12.0, 24.0],
            rate_hz: 24_000,
            audio_channels: 1,
            normalize: false,
            chunk_length_s: None,
            hidden_size: 128,
            num_filters: 32,
            num_residual_layers: 1,
            upsampling_ratios: vec![8, 5, 4, 2],
            norm_type: "weight_norm".into(),
            kernel_size: 7,
            last_kernel_size: 7,
            residual_kernel_size: 3,
            dilation_growth_rate: 2,
            use_causal_conv: true,
            pad_mode: "reflect".into(),
            compress: 2,
            num_lstm_layers: 2,
            trim_right_ratio: 1.0,
            codebook_size: 1024,
            codebook_dim: None,
            use_conv_shortcut: true,
        }
    }
}

impl CodecConfig {
    /// facebook/encodec_32khz: the codec of every published MusicGen.
    #[must_use]
    pub fn published() -> Self {
        Self {
            target_bandwidths: vec![2.2],
            rate_hz: 32_000,
            num_filters: 64,
            upsampling_ratios: vec![8, 5, 4, 4],
            use_causal_conv: false,
            codebook_size: 2048,
            use_conv_shortcut: false,
            ..Self::default()
        }
    }

    /// Refuses layouts that this codec does not run and sizes that no real codec has. The
    /// limits are several times those of the published models and keep every product of
    /// sizes far from overflow.
    pub(super) fn check(&self) -> Result<(), EngineError> {
        let only = |right: bool, what: &str| if right { Ok(()) } else { Err(refuse(what)) };
        only(
            !self.use_causal_conv,
            "convolutions that look only back (use_causal_conv true)",
        )?;
        only(
            self.norm_type == "weight_norm",
            "a normalisation other than weight_norm",
        )?;
        only(self.pad_mode == "reflect", "a pad_mode other than reflect")?;
        only(!self.normalize, "loudness scaling (normalize true)")?;
        only(
            self.chunk_length_s.is_none(),
            "coding in pieces (chunk_length_s)",
        )?;
        only(self.audio_channels == 1, "more than one audio channel")?;
        only(
            self.trim_right_ratio == 1.0,
            "a trim_right_ratio other than 1",
        )?;
        only(
            self.codebook_dim() == self.hidden_size,
            "codebook_dim other than hidden_size",
        )?;

        within("sampling_rate", self.rate_hz as usize, 1, 384_000)?;
        within("hidden_size", self.hidden_size, 1, 4096)?;
        within("num_filters", self.num_filters, 1, 1024)?;
        within("num_residual_layers", self.num_residual_layers, 0, 8)?;
        within(
            "the number of upsampling_ratios",
            self.upsampling_ratios.len(),
            1,
            6,
        )?;
        for &ratio in &self.upsampling_ratios {
            within("an upsampling ratio", ratio, 1, 64)?;
        }
        within(
            "the product of upsampling_ratios",
            self.samples_per_frame(),
            1,
            1 << 16,
        )?;
        within("kernel_size", self.kernel_size, 1, 63)?;
        within("last_kernel_size", self.last_kernel_size, 1, 63)?;
        within("residual_kernel_size", self.residual_kernel_size, 1, 63)?;
        within("dilation_growth_rate", self.dilation_growth_rate, 1, 8)?;
        within(
            "the largest dilation",
            self.dilation(self.num_residual_layers.saturating_sub(1)),
            1,
            1 << 12,
        )?;
        within("compress", self.compress, 1, self.num_filters)?;
        within("num_lstm_layers", self.num_lstm_layers, 1, 8)?;
        within("codebook_size", self.codebook_size, 1, 1 << 16)?;
        within("the number of codebooks", self.codebooks(), 1, 64)
    }

    /// Samples of one frame of tokens.
    pub(super) fn samples_per_frame(&self) -> usize {
        self.upsampling_ratios
            .iter()
            .fold(1, |product, &ratio| product.saturating_mul(ratio))
    }

    /// Width between the LSTM and the first ratio.
    pub(super) fn inner_channels(&self) -> usize {
        self.num_filters << self.upsampling_ratios.len()
    }

    /// Dilation of the residual unit number `unit` after a ratio.
    pub(super) fn dilation(&self, unit: usize) -> usize {
        self.dilation_growth_rate.saturating_pow(unit as u32)
    }

    fn codebook_dim(&self) -> usize {
        self.codebook_dim.unwrap_or(self.hidden_size)
    }

    /// How many codebooks the last bandwidth pays for; 0 for a configuration without sense.
    pub(super) fn codebooks(&self) -> usize {
        let frame_rate_hz = (self.rate_hz as usize).div_ceil(self.samples_per_frame().max(1));
        let bits = self.codebook_size.max(1).next_power_of_two().ilog2() as usize;
        let bits_a_second = (frame_rate_hz * bits) as f64;
        let bandwidth = 1000.0 * self.target_bandwidths.last().copied().unwrap_or(0.0);
        // Floor division as Python has it: exact where the quotient rounds up to a whole number.
        ((bandwidth - bandwidth.rem_euclid(bits_a_second)) / bits_a_second).round() as usize
    }
}

fn refuse(what: &str) -> EngineError {
    EngineError::Unsupported {
        what: format!("its codec has {what}"),
    }
}

fn within(name: &str, value: usize, least: usize, most: usize) -> Result<(), EngineError> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    Err(refuse(&format!(
        "{name} {value}, and only {least} to {most} can be run"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_codec_is_accepted() {
        let config = CodecConfig::published();
        assert_eq!(config.check(), Ok(()));
        assert_eq!(config.codebooks(), 4);
        assert_eq!(config.samples_per_frame(), 640);
        assert_eq!(config.inner_channels(), 1024);
    }

    #[test]
    fn missing_fields_take_the_defaults_of_transformers() {
        let config: CodecConfig =
            serde_json::from_str(r#"{"model_type": "encodec", "codebook_dim": null}"#).unwrap();
        assert_eq!(config, CodecConfig::default());
    }

    #[test]
    fn other_layouts_and_absurd_sizes_are_refused() {
        type Change = fn(&mut CodecConfig);
        let changes: [(Change, &str); 16] = [
            (|c| c.use_causal_conv = true, "use_causal_conv"),
            (|c| c.norm_type = "time_group_norm".into(), "weight_norm"),
            (|c| c.pad_mode = "constant".into(), "pad_mode"),
            (|c| c.normalize = true, "normalize"),
            (|c| c.chunk_length_s = Some(1.0), "chunk_length_s"),
            (|c| c.audio_channels = 2, "channel"),
            (|c| c.trim_right_ratio = 0.5, "trim_right_ratio"),
            (|c| c.codebook_dim = Some(64), "codebook_dim"),
            (|c| c.num_filters = usize::MAX, "num_filters"),
            (|c| c.upsampling_ratios = vec![64; 6], "product"),
            (|c| c.upsampling_ratios = vec![usize::MAX, 3], "ratio"),
            (|c| c.upsampling_ratios.clear(), "upsampling_ratios"),
            (|c| c.kernel_size = 0, "kernel_size"),
            (|c| c.num_residual_layers = 9, "num_residual_layers"),
            (|c| c.target_bandwidths = vec![f64::NAN], "codebooks"),
            (|c| c.target_bandwidths.clear(), "codebooks"),
        ];
        for (change, word) in changes {
            let mut config = CodecConfig::published();
            change(&mut config);
            let error = config.check().unwrap_err();
            assert!(
                error.to_string().contains(word),
                "{error} should name {word}"
            );
        }
    }
}
