//! The parts of the command line: arguments, one file for each command, what ends it.
//!
//! Main thread.

pub(crate) mod args;
pub(crate) mod bench;
pub(crate) mod doctor;
pub(crate) mod evaluate;
pub(crate) mod extend;
pub(crate) mod generate;
pub(crate) mod interactive;
pub(crate) mod measure;
pub(crate) mod models;
mod progress;
pub(crate) mod regenerate;
pub(crate) mod render;
mod waiting;

use std::path::PathBuf;

use barline_engine::EngineError;
use barline_engine::file::{FileError, ReadError};
use barline_engine::import::ImportError;
use barline_engine::shelf::FetchError;

/// What ended a command early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The arguments can't be served as they are.
    #[error("{0}")]
    Argument(String),
    /// The engine refused or failed.
    #[error("{0}")]
    Engine(#[from] EngineError),
    /// A model could not be imported.
    #[error("{0}")]
    Import(#[from] ImportError),
    /// A file could not be written.
    #[error("{0}")]
    File(#[from] FileError),
    /// A model could not be fetched, checked or removed.
    #[error("{0}")]
    Fetch(#[from] FetchError),
    /// A file could not be read.
    #[error("{0}")]
    Read(#[from] ReadError),
    /// A file is no loop and cannot be made one.
    #[error("{path}: {why}")]
    NotALoop {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// Standard output is gone.
    #[error("cannot write the facts: {0}")]
    Output(#[from] std::io::Error),
    /// Some loops of a batch could not be made; what was wrong with each was said before.
    #[error("{failed} of {all} loops failed: run the same command again to try them once more")]
    Batch {
        /// How many.
        failed: usize,
        /// Of how many.
        all: usize,
    },
    /// The prompt line could not be read.
    #[error("cannot read the prompt line: {0}")]
    Prompt(String),
    /// Some lines of a script could not be done; what was wrong with each was said before.
    #[error("{failed} of the lines failed")]
    Lines {
        /// How many.
        failed: usize,
    },
    /// Some files of a folder could not be read; what is wrong with each was said before.
    #[error("{failed} of {all} files could not be measured; the figures are of the others")]
    Unmeasured {
        /// How many.
        failed: usize,
        /// Of how many.
        all: usize,
    },
    /// The user pressed Ctrl+C while a model was fetched.
    #[error("interrupted: fetch it again and it goes on from there")]
    FetchInterrupted,
    /// The user pressed Ctrl+C.
    #[error("interrupted, nothing unfinished was kept")]
    Interrupted,
}

impl Failure {
    /// What the shell is told.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Argument(_)
            | Self::Engine(
                EngineError::EmptyPrompt
                | EngineError::PromptTooLong { .. }
                | EngineError::Setting { .. }
                | EngineError::TooLong { .. },
            )
            | Self::File(FileError::Float { .. })
            | Self::Fetch(
                FetchError::Unknown { .. }
                | FetchError::BuiltIn { .. }
                | FetchError::NotOurs { .. },
            ) => 2,
            Self::Engine(_)
            | Self::File(_)
            | Self::Fetch(_)
            | Self::Read(_)
            | Self::Import(_)
            | Self::NotALoop { .. }
            | Self::Output(_)
            | Self::Batch { .. }
            | Self::Prompt(_)
            | Self::Lines { .. }
            | Self::Unmeasured { .. } => 1,
            Self::Interrupted | Self::FetchInterrupted => 130,
        }
    }
}
