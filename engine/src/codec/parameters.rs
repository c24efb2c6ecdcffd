//! The tensors of one part of the codec, by their names in the file.
//!
//! Worker thread, while a model is loaded. Weight norm is folded here: what runs later sees
//! plain weights.

use crate::error::EngineError;
use crate::weights::Weights;

/// A place in the tree of names, such as `audio_encoder.decoder.layers.3.`
#[derive(Debug, Clone)]
pub(super) struct Parameters<'w> {
    weights: &'w Weights,
    prefix: String,
}

/// How a weight norm is spelled: in checkpoints before and since PyTorch 2.1.
const WEIGHT_NORM: [[&str; 2]; 2] = [
    ["weight_g", "weight_v"],
    [
        "parametrizations.weight.original0",
        "parametrizations.weight.original1",
    ],
];

impl<'w> Parameters<'w> {
    pub(super) fn new(weights: &'w Weights, prefix: &str) -> Self {
        Self {
            weights,
            prefix: prefix.to_owned(),
        }
    }

    /// The part called `name` of this one.
    pub(super) fn part(&self, name: impl std::fmt::Display) -> Self {
        Self {
            weights: self.weights,
            prefix: format!("{}{name}.", self.prefix),
        }
    }

    /// A tensor of finite values.
    pub(super) fn tensor(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, EngineError> {
        let name = format!("{}{name}", self.prefix);
        let values = self.weights.f32(&name, shape)?;
        if values.iter().all(|value| value.is_finite()) {
            return Ok(values);
        }
        Err(self
            .weights
            .fault(&name, "holds values that are not numbers"))
    }

    /// The weights of a convolution, whose norm may be stored apart from their direction.
    pub(super) fn convolution(&self, shape: [usize; 3]) -> Result<Vec<f32>, EngineError> {
        for [norm, direction] in WEIGHT_NORM {
            if !self.weights.has(&format!("{}{direction}", self.prefix)) {
                continue;
            }
            let norms = self.tensor(norm, &[shape[0], 1, 1])?;
            let mut weights = self.tensor(direction, &shape)?;
            for (row, norm) in weights.chunks_exact_mut(shape[1] * shape[2]).zip(norms) {
                let length = row
                    .iter()
                    .map(|&x| f64::from(x).powi(2))
                    .sum::<f64>()
                    .sqrt();
                // A row of zeros has no direction; it stays zero.
                let scale = if length > 0.0 {
                    f64::from(norm) / length
                } else {
                    0.0
                };
                row.iter_mut()
                    .for_each(|x| *x = (f64::from(*x) * scale) as f32);
            }
            return Ok(weights);
        }
        self.tensor("weight", &shape)
    }
}
