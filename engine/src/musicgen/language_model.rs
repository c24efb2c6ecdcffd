//! The decoder in the form that a request asks for: exact, or packed in a precision.
//!
//! Worker thread.

use std::sync::Arc;

use super::config::DecoderConfig;
use super::decoder::{Decoder, DecoderRun};
use super::packed::{PackedDecoder, PackedRun, Team};
use super::rows::Rows;
use crate::error::EngineError;
use crate::request::Precision;
use crate::weights::Weights;

/// A loaded decoder.
#[derive(Debug)]
pub enum LanguageModel {
    /// On the tensor library: the reference.
    Exact(Box<Decoder>),
    /// On packed weights.
    Packed(Box<PackedDecoder>),
}

/// Some takes of one prompt in the making.
#[derive(Debug)]
pub enum Run<'m> {
    /// Take by take.
    Exact {
        /// By take.
        takes: Vec<DecoderRun<'m>>,
        /// Of the last step: each take's first row, then each take's second, and so on.
        logits: Vec<Vec<f32>>,
    },
    /// All takes in one.
    Packed(Box<PackedRun<'m>>),
}

impl LanguageModel {
    /// Reads the tensors under `decoder.`.
    ///
    /// # Errors
    /// [`EngineError::ModelFile`], [`EngineError::Unsupported`] and [`EngineError::Memory`].
    pub fn load(
        config: &DecoderConfig,
        precision: Precision,
        weights: &Weights,
    ) -> Result<Self, EngineError> {
        Ok(match precision {
            Precision::Exact => Self::Exact(Box::new(Decoder::load(config, weights)?)),
            _ => Self::Packed(Box::new(PackedDecoder::load(config, precision, weights)?)),
        })
    }

    /// Starts `takes` clips of at most `steps` steps.
    ///
    /// # Errors
    /// [`EngineError::Internal`] and [`EngineError::Memory`].
    pub fn begin(
        &self,
        team: &Arc<Team>,
        rows: &Rows,
        takes: usize,
        steps: usize,
    ) -> Result<Run<'_>, EngineError> {
        Ok(match self {
            Self::Exact(decoder) => Run::Exact {
                takes: (0..takes)
                    .map(|_| decoder.begin(rows, steps))
                    .collect::<Result<_, _>>()?,
                logits: Vec::new(),
            },
            Self::Packed(decoder) => {
                let run = decoder.begin(team.clone(), rows, takes, steps)?;
                Run::Packed(Box::new(run))
            }
        })
    }
}

impl Run<'_> {
    /// Runs one step on `[take][codebook]` tokens.
    ///
    /// # Errors
    /// [`EngineError::Internal`].
    pub fn step(&mut self, tokens: &[u32]) -> Result<(), EngineError> {
        match self {
            Self::Exact { takes, logits } => {
                let books = tokens.len() / takes.len();
                let count = takes.len();
                for (index, (take, tokens)) in
                    takes.iter_mut().zip(tokens.chunks_exact(books)).enumerate()
                {
                    let rows = take.step(tokens)?;
                    logits.resize(count * rows.len(), Vec::new());
                    for (row, of_row) in rows.into_iter().enumerate() {
                        logits[row * count + index] = of_row;
                    }
                }
            }
            Self::Packed(run) => run.step(tokens),
        }
        Ok(())
    }

    /// The logits of the last step, `[codebook × vocabulary]`, of a row: the first rows of all takes
    /// come first, then the second ones, and so on.
    #[must_use]
    pub fn logits(&mut self, row: usize) -> &[f32] {
        match self {
            Self::Exact { logits, .. } => &logits[row],
            Self::Packed(run) => run.logits(row),
        }
    }

    /// How many threads work on the next steps, where the form lets that change.
    pub fn set_threads(&self, threads: usize) {
        if let Self::Packed(run) = self {
            run.set_threads(threads);
        }
    }
}
