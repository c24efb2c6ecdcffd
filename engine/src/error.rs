//! Why the engine refuses or fails: one variant for each thing a user can do about it.
//!
//! Any thread. The texts are shown to users as they are: what is wrong, then what to do.

use std::path::{Path, PathBuf};

/// What ended a request, or kept it from starting.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum EngineError {
    /// The prompt has no words.
    #[error("the prompt is empty: describe the loop in a few words")]
    EmptyPrompt,
    /// The prompt has more tokens than the text encoder should read.
    #[error("the prompt is too long ({tokens} tokens, at most {limit}): shorten it")]
    PromptTooLong {
        /// Tokens in the prompt, end mark included.
        tokens: usize,
        /// The most that are accepted.
        limit: usize,
    },
    /// A setting is outside its range.
    #[error("{name} is {value}, but must be {allowed}")]
    Setting {
        /// The setting as the user knows it.
        name: &'static str,
        /// What was given.
        value: String,
        /// What is accepted, in words.
        allowed: String,
    },
    /// The clip asked for is longer than the model can make.
    #[error(
        "{seconds:.1} s is too long for this model: it makes at most {limit:.1} s; ask for fewer bars or a faster tempo"
    )]
    TooLong {
        /// Seconds asked for.
        seconds: f64,
        /// The most the model can make, in seconds.
        limit: f64,
    },
    /// A file of the model is not there.
    #[error("the model has no file {path}: point --model at a folder in the Hugging Face layout")]
    ModelMissing {
        /// The file or folder that was looked for.
        path: PathBuf,
    },
    /// A file of the model cannot be read or understood.
    #[error("the model file {path} cannot be used: {why}; fetch it again")]
    ModelFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A model in a layout that this version does not run.
    #[error("this model is not supported: {what}")]
    Unsupported {
        /// What it is that is not supported.
        what: String,
    },
    /// A model other than the one that the clip was made with.
    #[error(
        "the clip was made with the weights {}…, but this model has {}…: point --model at the folder of the model that it was made with",
        short(wanted),
        short(here)
    )]
    OtherModel {
        /// SHA-256 of the weights asked for.
        wanted: String,
        /// SHA-256 of the weights that are here.
        here: String,
    },
    /// The system has no memory left for the model.
    #[error(
        "there is no room for {mib} MiB of weights in memory: close other programs, or choose a smaller model or precision"
    )]
    Memory {
        /// What was asked for.
        mib: u64,
    },
    /// Nobody waits for it any more. What a job is told instead is
    /// [`crate::EngineEvent::Cancelled`].
    #[error("it was cancelled")]
    Cancelled,
    /// The engine has been shut down.
    #[error("the engine has stopped: restart the plugin or the program")]
    Stopped,
    /// A fault of ours.
    #[error("internal error: {what}; please report it")]
    Internal {
        /// The panic message or the failed operation.
        what: String,
    },
}

impl EngineError {
    /// The same with a folder's final name, of a model that is checked before it has it.
    pub(crate) fn seen_as(self, folder: &Path, name: &Path) -> Self {
        let seen = |path: PathBuf| match path.strip_prefix(folder) {
            Ok(rest) => name.join(rest),
            Err(_) => path,
        };
        match self {
            Self::ModelMissing { path } => Self::ModelMissing { path: seen(path) },
            Self::ModelFile { path, why } => Self::ModelFile {
                path: seen(path),
                why,
            },
            other => other,
        }
    }
}

/// Enough of a hash to tell it from another.
fn short(sha256: &str) -> &str {
    sha256.get(..12).unwrap_or(sha256)
}

impl From<candle_core::Error> for EngineError {
    /// Shapes and files are checked when a model is loaded, so an error of the
    /// tensor library after that is a fault of ours.
    fn from(error: candle_core::Error) -> Self {
        Self::Internal {
            what: error.to_string(),
        }
    }
}
