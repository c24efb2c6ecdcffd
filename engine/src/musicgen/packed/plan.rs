//! What lies where in the packed weights of a decoder.
//!
//! Worker thread. Pure arithmetic: a plan depends on the configuration and the precision alone.
//!
//! Layer after layer, in the order in which a step reads them; before them what a step looks up
//! (embeddings), after them the last norm and the heads. Queries, keys and values of a head lie
//! together, so that a thread reads those of its heads as one stream. A head is filled up to
//! whole vectors with zeros, which come out as zeros.

use std::ops::Range;

use super::lanes::LANES;
use super::matrix::{Format, Matrix};
use super::memory::QUADS;
use crate::error::EngineError;
use crate::musicgen::config::{Activation, DecoderConfig};
use crate::request::Precision;

/// Every part begins at a multiple of this.
const ALIGN_BYTES: usize = 64;

/// Where the parts of a decoder lie.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Plan {
    pub(super) shape: Shape,
    format: Format,
    /// By codebook: `[vocabulary + 1, width]`.
    pub(super) embeddings: Vec<Floats>,
    /// All layers are alike, `layer_bytes` apart.
    pub(super) layer: LayerPlan,
    layers_start: usize,
    pub(super) layer_bytes: usize,
    pub(super) norm: NormPlan,
    /// `[codebooks × vocabulary, width]`
    pub(super) heads: Matrix,
    pub(super) bytes: usize,
}

/// The sizes of a decoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) layers: usize,
    pub(super) width: usize,
    /// `width`, filled up to whole vectors.
    pub(super) width_padded: usize,
    pub(super) heads: usize,
    pub(super) head_width: usize,
    pub(super) head_padded: usize,
    pub(super) inner: usize,
    pub(super) inner_padded: usize,
    pub(super) codebooks: usize,
    pub(super) vocabulary: usize,
    pub(super) activation: Activation,
}

/// Where a run of floats lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Floats {
    start: usize,
    len: usize,
}

/// A layer norm, filled up to whole vectors with zeros.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NormPlan {
    pub(super) weight: Floats,
    pub(super) bias: Floats,
}

/// The parts of a layer, from its first byte on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct LayerPlan {
    pub(super) self_norm: NormPlan,
    /// `[heads × (query, key, value) × head_padded, width]`
    pub(super) qkv: Matrix,
    /// `[width, heads × head_padded]`
    pub(super) self_out: Matrix,
    pub(super) cross_norm: NormPlan,
    /// `[heads × head_padded, width]`
    pub(super) cross_query: Matrix,
    /// `[width, heads × head_padded]`
    pub(super) cross_out: Matrix,
    pub(super) forward_norm: NormPlan,
    /// `[inner, width]`
    pub(super) forward_in: Matrix,
    /// `[width, inner]`
    pub(super) forward_out: Matrix,
    /// `[heads × head_padded, width]`; read once for a text.
    pub(super) cross_key: Matrix,
    /// As `cross_key`.
    pub(super) cross_value: Matrix,
}

/// Puts one part behind another.
struct Place {
    end: usize,
}

impl Place {
    fn take(&mut self, bytes: usize) -> usize {
        let start = self.end;
        self.end = (start + bytes).next_multiple_of(ALIGN_BYTES);
        start
    }

    fn floats(&mut self, len: usize) -> Floats {
        Floats {
            start: self.take(len * size_of::<f32>()),
            len,
        }
    }

    fn norm(&mut self, len: usize) -> NormPlan {
        NormPlan {
            weight: self.floats(len),
            bias: self.floats(len),
        }
    }

    fn matrix(&mut self, format: Format, outputs: usize, inputs: usize) -> Matrix {
        let matrix = Matrix::new(format, outputs, inputs, self.end);
        self.take(matrix.bytes().len());
        matrix
    }
}

impl Shape {
    fn new(config: &DecoderConfig) -> Result<Self, EngineError> {
        let head_width = config.head_width();
        // The widest head of any model is 128 floats.
        if head_width > 4 * QUADS {
            let what = format!("heads of {head_width} floats");
            return Err(EngineError::Unsupported { what });
        }
        Ok(Self {
            layers: config.num_hidden_layers,
            width: config.hidden_size,
            width_padded: config.hidden_size.next_multiple_of(LANES),
            heads: config.num_attention_heads,
            head_width,
            head_padded: head_width.next_multiple_of(LANES),
            inner: config.ffn_dim,
            inner_padded: config.ffn_dim.next_multiple_of(LANES),
            codebooks: config.num_codebooks,
            vocabulary: config.vocab_size,
            activation: config.activation()?,
        })
    }

    /// Floats of all heads together.
    pub(super) fn heads_padded(&self) -> usize {
        self.heads * self.head_padded
    }

    /// Logits of a row.
    pub(super) fn logits(&self) -> usize {
        self.codebooks * self.vocabulary
    }
}

impl Plan {
    /// The plan for a precision.
    ///
    /// # Errors
    /// [`EngineError::Unsupported`].
    pub(super) fn new(config: &DecoderConfig, precision: Precision) -> Result<Self, EngineError> {
        let format = match precision {
            Precision::F32 => Format::F32,
            Precision::Bf16 => Format::Bf16,
            Precision::Q8 => Format::Q8,
            Precision::Q4 => Format::Q4,
            Precision::Exact => {
                let what = "exact weights in packed form".into();
                return Err(EngineError::Internal { what });
            }
        };
        Ok(Self::of(Shape::new(config)?, format))
    }

    /// The same for other sizes.
    pub(super) fn with_shape(&self, shape: Shape) -> Self {
        Self::of(shape, self.format)
    }

    fn of(shape: Shape, format: Format) -> Self {
        // What decides between tokens, and what a whole clip attends to, is worth 8 bits: it is
        // a fortieth of what a step reads, or is read once.
        let fine = match format {
            Format::Q4 => Format::Q8,
            other => other,
        };
        let mut place = Place { end: 0 };
        let table = (shape.vocabulary + 1) * shape.width;
        let embeddings = (0..shape.codebooks).map(|_| place.floats(table)).collect();
        let layers_start = place.end;
        let mut within = Place { end: 0 };
        let (width, heads) = (shape.width, shape.heads_padded());
        let layer = LayerPlan {
            self_norm: within.norm(shape.width_padded),
            qkv: within.matrix(format, 3 * heads, width),
            self_out: within.matrix(format, width, heads),
            cross_norm: within.norm(shape.width_padded),
            cross_query: within.matrix(format, heads, width),
            cross_out: within.matrix(format, width, heads),
            forward_norm: within.norm(shape.width_padded),
            forward_in: within.matrix(format, shape.inner, width),
            forward_out: within.matrix(format, width, shape.inner),
            cross_key: within.matrix(fine, heads, width),
            cross_value: within.matrix(fine, heads, width),
        };
        let layer_bytes = within.end;
        place.take(shape.layers * layer_bytes);
        Self {
            shape,
            format,
            embeddings,
            layer,
            layers_start,
            layer_bytes,
            norm: place.norm(shape.width_padded),
            heads: place.matrix(fine, shape.logits(), width),
            bytes: place.end,
        }
    }

    /// Where all layers lie.
    pub(super) fn layers(&self) -> Range<usize> {
        self.layers_start..self.layers_start + self.shape.layers * self.layer_bytes
    }

    /// Bytes that a step with a prompt reads of the weights.
    pub(super) fn step_bytes(&self) -> usize {
        let layer = &self.layer;
        let matrices = [
            layer.qkv,
            layer.self_out,
            layer.cross_query,
            layer.cross_out,
            layer.forward_in,
            layer.forward_out,
        ];
        let bytes = matrices.iter().map(|matrix| matrix.bytes().len());
        self.shape.layers * bytes.sum::<usize>() + self.heads.bytes().len()
    }
}

impl Floats {
    /// Where they lie.
    pub(super) fn bytes(self) -> Range<usize> {
        self.start..self.start + self.len * size_of::<f32>()
    }

    /// The floats.
    pub(super) fn of(self, packed: &[u8]) -> &[f32] {
        bytemuck::cast_slice(&packed[self.bytes()])
    }
}
