//! The tensors of one part of the codec, by their names in the file.
//!
//! Worker thread, while a model is loaded. Weight norm is folded here: what runs later sees
//! plain weights.

use super::store::CodecPrecision;
use crate::error::EngineError;
use crate::weights::Weights;

/// A place in the tree of names, such as `audio_encoder.decoder.layers.3.`
#[derive(Debug, Clone)]
pub(super) struct Parameters<'w> {
    weights: &'w Weights,
    prefix: String,
    precision: CodecPrecision,
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
    pub(super) fn new(weights: &'w Weights, prefix: &str, precision: CodecPrecision) -> Self {
        Self {
            weights,
            prefix: prefix.to_owned(),
            precision,
        }
    }

    /// How large matrices are to be kept.
    pub(super) fn precision(&self) -> CodecPrecision {
        self.precision
    }

    /// The part called `name` of this one.
    pub(super) fn part(&self, name: impl std::fmt::Display) -> Self {
        Self {
            weights: self.weights,
            prefix: format!("{}{name}.", self.prefix),
            precision: self.precision,
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

#[cfg(test)]
pub(super) mod tests {
    use safetensors::tensor::{Dtype, TensorView};

    use super::*;

    /// A file with these tensors.
    pub(in crate::codec) fn file(tensors: &[(&str, &[usize], &[f32])]) -> Weights {
        let bytes: Vec<Vec<u8>> = tensors
            .iter()
            .map(|(_, _, values)| values.iter().flat_map(|x| x.to_le_bytes()).collect())
            .collect();
        let views = tensors.iter().zip(&bytes).map(|((name, shape, _), bytes)| {
            let view = TensorView::new(Dtype::F32, shape.to_vec(), bytes).unwrap();
            (name.to_string(), view)
        });
        let file = safetensors::serialize(views, None).unwrap();
        Weights::from_static("test.safetensors", file.leak()).unwrap()
    }

    #[test]
    fn weight_norm_is_folded_in_all_spellings() {
        let direction = [3.0, 4.0, 0.0, 0.0, -0.6, 0.8];
        let norms = [10.0, 7.0, 2.0];
        let folded = [6.0, 8.0, 0.0, 0.0, -1.2, 1.6];
        let shape = [3, 1, 2];
        for [norm, name] in WEIGHT_NORM {
            let weights = file(&[(norm, &[3, 1, 1], &norms), (name, &shape, &direction)]);
            let ours = Parameters::new(&weights, "", CodecPrecision::Single)
                .convolution(shape)
                .unwrap();
            assert!(
                ours.iter().zip(folded).all(|(a, b)| (a - b).abs() < 1e-6),
                "{ours:?}"
            );
        }
        let weights = file(&[("a.weight", &shape, &folded)]);
        assert_eq!(
            Parameters::new(&weights, "", CodecPrecision::Single)
                .part("a")
                .convolution(shape)
                .unwrap(),
            folded
        );
    }

    #[test]
    fn values_that_are_not_numbers_are_refused_with_the_name_of_the_tensor() {
        for value in [f32::NAN, f32::INFINITY] {
            let weights = file(&[("a.bias", &[2], &[1.0, value])]);
            let error = Parameters::new(&weights, "", CodecPrecision::Single)
                .part("a")
                .tensor("bias", &[2])
                .unwrap_err();
            assert!(matches!(error, EngineError::ModelFile { .. }));
            assert!(error.to_string().contains("a.bias"), "{error}");
        }
    }
}
