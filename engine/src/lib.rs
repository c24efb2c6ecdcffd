//! Text in, loops out: MusicGen on the machine it runs on.
//!
//! The engine knows nothing of plugin hosts or windows. A caller submits a
//! [`GenerateRequest`] and reads [`EngineEvent`]s; one worker thread does the
//! rest, at lowered priority, never on the caller's thread.
//!
//! Reading order: `request` and `event` (what goes in and comes out), `worker`
//! (the thread) and `job` (its work), `model` (one loaded model), `musicgen` (text → tokens), `codec`
//! (tokens ↔ audio), `fit` (a raw clip → exactly the bars that were asked for), `extend` (a loop →
//! minutes or hours), `file` (what lies on disk), `evaluate` (how good what came out is), `shelf`
//! (which models there are, and fetching them), `import` (models of another make).

pub mod bandwidth;
pub mod codec;
pub mod error;
pub mod evaluate;
pub mod event;
pub mod extend;
pub mod file;
pub mod fit;
pub mod import;
mod job;
pub mod load;
pub mod model;
pub mod musicgen;
mod pace;
pub mod prompt;
pub mod request;
pub mod resample;
pub mod shelf;
pub mod weights;
pub mod worker;

pub use error::EngineError;
pub use event::{AudioChunk, Clip, ClipFacts, Edited, EngineEvent};
pub use request::{Fit, GenerateRequest, Length, ModelSource, Precision, Reroll, Sampling};
pub use worker::{Engine, HeldModel, Job, JobId, Limits, QueueEntry};
