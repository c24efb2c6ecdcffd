//! The packed weights of a decoder in memory, and how they are made of a model's tensors.
//!
//! Worker thread and its pool. Never holds more of the tensors than the layers that are being
//! packed: one for each thread.

use memmap2::MmapMut;
use rayon::prelude::*;

use super::matrix::Matrix;
use super::plan::{Floats, LayerPlan, NormPlan, Plan, Shape};
use crate::error::EngineError;
use crate::musicgen::decoder::PREFIX;
use crate::weights::Weights;

/// Bytes that a plan is about, at an address that vectors like.
pub(super) struct Packed {
    /// Anonymous memory: whole pages, so aligned; large pages, where the system has them, since
    /// a step touches every page once.
    map: MmapMut,
}

impl std::ops::Deref for Packed {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.map
    }
}

impl std::fmt::Debug for Packed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes", self.map.len())
    }
}

impl Packed {
    /// So many zeros.
    ///
    /// # Errors
    /// [`EngineError::Memory`] when the system has no room for them.
    pub(super) fn zeros(bytes: usize) -> Result<Self, EngineError> {
        let map = MmapMut::map_anon(bytes).map_err(|_| EngineError::Memory {
            mib: bytes as u64 >> 20,
        })?;
        // A wish: where it isn't granted all goes on, a little slower.
        #[cfg(target_os = "linux")]
        let _ = map.advise(memmap2::Advice::HugePage);
        Ok(Self { map })
    }

    /// Packs the tensors under `decoder.` as planned.
    ///
    /// # Errors
    /// [`EngineError::ModelFile`] and [`EngineError::Memory`].
    pub(super) fn new(plan: &Plan, weights: &Weights) -> Result<Self, EngineError> {
        let shape = &plan.shape;
        // A configuration that asks for more than the files have takes no memory.
        let last = format!("{PREFIX}layers.{}.fc1.weight", shape.layers - 1);
        weights.expect(&last, &[shape.inner, shape.width])?;
        let mut packed = Self::zeros(plan.bytes)?;
        for (codebook, table) in plan.embeddings.iter().enumerate() {
            let name = format!("{PREFIX}embed_tokens.{codebook}.weight");
            let values = weights.f32(&name, &[shape.vocabulary + 1, shape.width])?;
            put(&mut packed.map, *table, &values);
        }
        let layers = packed.map[plan.layers()].par_chunks_exact_mut(plan.layer_bytes);
        layers.enumerate().try_for_each(|(layer, packed)| {
            Layer {
                shape,
                weights,
                prefix: format!("{PREFIX}layers.{layer}."),
            }
            .pack(&plan.layer, packed)
        })?;
        let last = Layer {
            shape,
            weights,
            prefix: PREFIX.into(),
        };
        last.norm(plan.norm, "layer_norm", &mut packed.map)?;
        let mut heads = Vec::with_capacity(shape.logits() * shape.width);
        for codebook in 0..shape.codebooks {
            let name = format!("decoder.lm_heads.{codebook}.weight");
            heads.extend(weights.f32(&name, &[shape.vocabulary, shape.width])?);
        }
        plan.heads.pack(&heads, &mut packed.map[plan.heads.bytes()]);
        Ok(packed)
    }

    /// Weights that nobody trained, for measuring. All layers are alike, but each has its own
    /// memory, as in a model: only one is made, which is quick at any size.
    ///
    /// # Errors
    /// As [`Packed::new`].
    pub(super) fn random(plan: &Plan, seed: u64) -> Result<Self, EngineError> {
        let one = Shape {
            layers: 1,
            ..plan.shape
        };
        let plan_of_one = plan.with_shape(one);
        let first = Self::new(&plan_of_one, &Weights::random(seed)?)?;
        let mut packed = Self::zeros(plan.bytes)?;
        let (layers, layer) = (plan.layers(), plan_of_one.layers());
        packed.map[..layer.start].copy_from_slice(&first[..layer.start]);
        packed.map[layers.end..].copy_from_slice(&first[layer.end..]);
        let copies = packed.map[layers].par_chunks_exact_mut(plan.layer_bytes);
        copies.for_each(|copy| copy.copy_from_slice(&first[layer.clone()]));
        Ok(packed)
    }

    /// All of it, to be filled.
    pub(super) fn as_mut(&mut self) -> &mut [u8] {
        &mut self.map
    }
}

/// A layer's tensors.
struct Layer<'a> {
    shape: &'a Shape,
    weights: &'a Weights,
    prefix: String,
}

impl Layer<'_> {
    fn pack(&self, plan: &LayerPlan, packed: &mut [u8]) -> Result<(), EngineError> {
        let Shape { width, inner, .. } = *self.shape;
        self.norm(plan.self_norm, "self_attn_layer_norm", packed)?;
        self.norm(plan.cross_norm, "encoder_attn_layer_norm", packed)?;
        self.norm(plan.forward_norm, "final_layer_norm", packed)?;
        // 1/√head_width goes into the queries' weights: one operation less in every step.
        let scale = (self.shape.head_width as f64).powf(-0.5) as f32;
        let part = |name: &str, scale| self.projection(&format!("self_attn.{name}"), scale);
        let qkv = [
            part("q_proj", scale)?,
            part("k_proj", 1.0)?,
            part("v_proj", 1.0)?,
        ];
        put_matrix(plan.qkv, &self.by_head(&qkv), packed);
        let cross = |name: &str, scale| {
            let values = self.projection(&format!("encoder_attn.{name}"), scale)?;
            Ok::<_, EngineError>(self.by_head(&[values]))
        };
        put_matrix(plan.cross_query, &cross("q_proj", scale)?, packed);
        put_matrix(plan.cross_key, &cross("k_proj", 1.0)?, packed);
        put_matrix(plan.cross_value, &cross("v_proj", 1.0)?, packed);
        for (matrix, name) in [
            (plan.self_out, "self_attn"),
            (plan.cross_out, "encoder_attn"),
        ] {
            let values = self.projection(&format!("{name}.out_proj"), 1.0)?;
            put_matrix(matrix, &self.columns_by_head(&values), packed);
        }
        for (matrix, name, shape) in [
            (plan.forward_in, "fc1", [inner, width]),
            (plan.forward_out, "fc2", [width, inner]),
        ] {
            let values = self.tensor(&format!("{name}.weight"), &shape)?;
            put_matrix(matrix, &values, packed);
        }
        Ok(())
    }

    fn tensor(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, EngineError> {
        let name = format!("{}{name}", self.prefix);
        let values = self.weights.f32(&name, shape)?;
        if values.iter().all(|value| value.is_finite()) {
            return Ok(values);
        }
        Err(self.weights.fault(&name, "has values that are no numbers"))
    }

    fn norm(&self, plan: NormPlan, name: &str, packed: &mut [u8]) -> Result<(), EngineError> {
        for (floats, part) in [(plan.weight, "weight"), (plan.bias, "bias")] {
            let values = self.tensor(&format!("{name}.{part}"), &[self.shape.width])?;
            put(packed, floats, &values);
        }
        Ok(())
    }

    /// A square matrix, `[width, width]`, times `scale`.
    fn projection(&self, name: &str, scale: f32) -> Result<Vec<f32>, EngineError> {
        let width = self.shape.width;
        let mut values = self.tensor(&format!("{name}.weight"), &[width, width])?;
        if scale != 1.0 {
            values.iter_mut().for_each(|value| *value *= scale);
        }
        Ok(values)
    }

    /// Rows of several matrices head by head, each head's filled up with rows of zeros.
    fn by_head(&self, matrices: &[Vec<f32>]) -> Vec<f32> {
        let Shape {
            width,
            heads,
            head_width,
            head_padded,
            ..
        } = *self.shape;
        let mut rows = Vec::with_capacity(heads * matrices.len() * head_padded * width);
        for head in 0..heads {
            for matrix in matrices {
                rows.extend(&matrix[head * head_width * width..][..head_width * width]);
                rows.resize(rows.len() + (head_padded - head_width) * width, 0.0);
            }
        }
        rows
    }

    /// Columns of a matrix head by head, each head's filled up with columns of zeros.
    fn columns_by_head(&self, matrix: &[f32]) -> Vec<f32> {
        let shape = self.shape;
        let mut columns = Vec::with_capacity(shape.width * shape.heads_padded());
        for head in matrix.chunks_exact(shape.head_width) {
            columns.extend(head);
            columns.resize(columns.len() + shape.head_padded - shape.head_width, 0.0);
        }
        columns
    }
}

fn put_matrix(matrix: Matrix, values: &[f32], packed: &mut [u8]) {
    matrix.pack(values, &mut packed[matrix.bytes()]);
}

/// Copies floats to their place; behind them the zeros stay.
fn put(packed: &mut [u8], place: Floats, values: &[f32]) {
    let bytes: &[u8] = bytemuck::cast_slice(values);
    packed[place.bytes()][..bytes.len()].copy_from_slice(bytes);
}
