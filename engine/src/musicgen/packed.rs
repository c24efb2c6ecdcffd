//! States and tokens → logits on the processor's own terms: packed weights, a team of threads,
//! nothing allocated in a step.
//!
//! Begun on the worker thread; a step runs on all members of a [`Team`]. It computes what
//! [`super::decoder`] computes, with the weights rounded to a [`Precision`], for one take or
//! several at once: the weights are read from memory once for all rows, which is nearly all that
//! a step costs. Every row is computed alone and in one fixed order, so that a take comes out the
//! same to the bit whoever it is made with, on however many threads and on whatever processor
//! (see `lanes`).
//!
//! Reading order: `lanes` (what a processor can do), `block` and `matrix` (weights and their
//! products), `pointwise`, `memory` and `attention`, `plan`, `pack` and `store` (where the weights lie and
//! come from),
//! `team` and `shared` (how threads work together), then the step itself, in `run`.

mod attention;
mod block;
mod lanes;
mod matrix;
mod memory;
mod pack;
mod plan;
mod pointwise;
mod run;
mod shared;
mod store;
mod team;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;

use crate::error::EngineError;
use crate::musicgen::config::DecoderConfig;
use crate::musicgen::rows::Rows;
use crate::request::Precision;
use crate::weights::Weights;
pub use lanes::Isa;
use pack::Packed;
use plan::Plan;
pub use run::PackedRun;
pub use store::ToKeep;
pub use team::Team;

/// Decoders under this are packed in less time than it takes to notice.
const KEPT_FROM_BYTES: usize = 64 << 20;

/// The packed weights of a decoder.
#[derive(Debug)]
pub struct PackedDecoder {
    plan: Plan,
    packed: Arc<Packed>,
    isa: Isa,
}

impl PackedDecoder {
    /// Packs the tensors under `decoder.` in a precision other than [`Precision::Exact`].
    ///
    /// # Errors
    /// [`EngineError::ModelFile`], [`EngineError::Unsupported`] and [`EngineError::Memory`].
    pub fn load(
        config: &DecoderConfig,
        precision: Precision,
        weights: &Weights,
    ) -> Result<Self, EngineError> {
        let plan = Plan::new(config, precision)?;
        let packed = Arc::new(Packed::new(&plan, weights)?);
        Ok(Self {
            plan,
            packed,
            isa: Isa::best(),
        })
    }

    /// As [`PackedDecoder::load`], of a model that lies in `folder`. A decoder that is large enough
    /// for it to matter is kept there, packed, and read from there while the files of the model are
    /// what they were. Gives the SHA-256 of all weights with one that was kept, and what is to be
    /// kept of one that was not.
    ///
    /// # Errors
    /// As [`PackedDecoder::load`].
    pub fn load_kept(
        config: &DecoderConfig,
        precision: Precision,
        weights: &Weights,
        folder: &Path,
    ) -> Result<(Self, Option<String>, Option<ToKeep>), EngineError> {
        let plan = Plan::new(config, precision)?;
        let place = weights
            .files()
            .filter(|_| plan.bytes >= KEPT_FROM_BYTES)
            .map(|files| {
                let path = folder.join(format!("barline-{precision}.pack"));
                (path, store::identity(&files, &plan))
            });
        if let Some((path, identity)) = &place {
            let stands_for = weights.data_bytes().0;
            let kept = store::read(path, identity, &plan, (weights.load(), stands_for))?;
            if let Some((packed, sha256)) = kept {
                return Ok((Self::of(plan, Arc::new(packed)), Some(sha256), None));
            }
        }
        let packed = Arc::new(Packed::new(&plan, weights)?);
        let keep = place.map(|(path, identity)| ToKeep {
            path,
            identity,
            packed: packed.clone(),
        });
        Ok((Self::of(plan, packed), None, keep))
    }

    fn of(plan: Plan, packed: Arc<Packed>) -> Self {
        let isa = Isa::best();
        Self { plan, packed, isa }
    }

    /// Bytes that a decoder will take in memory.
    ///
    /// # Errors
    /// [`EngineError::Unsupported`].
    pub fn bytes_of(config: &DecoderConfig, precision: Precision) -> Result<usize, EngineError> {
        Ok(Plan::new(config, precision)?.bytes)
    }

    /// A decoder that nobody trained, for measuring.
    ///
    /// # Errors
    /// [`EngineError::Unsupported`] and [`EngineError::Memory`].
    pub fn random(config: &DecoderConfig, precision: Precision) -> Result<Self, EngineError> {
        let plan = Plan::new(config, precision)?;
        let packed = Arc::new(Packed::random(&plan, 1)?);
        Ok(Self {
            plan,
            packed,
            isa: Isa::best(),
        })
    }

    /// Lets it run with other instructions than the processor's best. The results are the same.
    #[must_use]
    pub fn with_isa(self, isa: Isa) -> Self {
        Self { isa, ..self }
    }

    /// The instructions that it runs on.
    #[must_use]
    pub fn isa(&self) -> Isa {
        self.isa
    }

    /// Bytes that it holds in memory.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.packed.len()
    }

    /// Bytes of weights that a step reads.
    #[must_use]
    pub fn step_bytes(&self) -> usize {
        self.plan.step_bytes()
    }

    /// Starts `takes` clips of at most `steps` steps.
    ///
    /// # Errors
    /// [`EngineError::Internal`] and [`EngineError::Memory`].
    pub fn begin(
        &self,
        team: Arc<Team>,
        rows: &Rows,
        takes: usize,
        steps: usize,
    ) -> Result<PackedRun<'_>, EngineError> {
        PackedRun::new(self, team, rows, takes, steps)
    }
}
