//! Requests for short clips, as tests of the engine make them, and their folders of small random models.
//!
//! Test threads. Nothing is generated here.

use std::path::{Path, PathBuf};
use std::time::Duration;

use barline_engine::{GenerateRequest, Length, ModelSource, Sampling};

/// Longer than any clip here takes, even in an unoptimised build on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// The folder of a tiny model with random weights.
pub(crate) fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("golden/models")
        .join(name)
}

/// As the model makes it: not fitted to bars.
pub(crate) fn request(model: ModelSource, seconds: f64, seed: u64) -> GenerateRequest {
    GenerateRequest {
        model,
        model_sha256: None,
        fit: None,
        prompt: "techno drums, 130 bpm".into(),
        negative: None,
        length: Length::Seconds(seconds),
        sampling: Sampling::default(),
        seed,
        precision: None,
        threads: None,
        key: None,
    }
}
