//! What the rows of a take attend to.
//!
//! Any thread. Plain data: both decoders read it when a clip is begun.

use candle_core::Tensor;

/// The rows that every take is made with: one for each text, in their order, and perhaps one that
/// attends to nothing.
#[derive(Debug, Clone)]
pub struct Rows {
    texts: Vec<Tensor>, // [tokens, width]
    blank: bool,
}

impl Rows {
    /// The prompt's row alone, on the states of its text, `[tokens, width]`.
    #[must_use]
    pub fn conditional(states: Tensor) -> Self {
        Self::new(vec![states], false)
    }

    /// The prompt's row and one without a prompt.
    #[must_use]
    pub fn guided(states: Tensor) -> Self {
        Self::new(vec![states], true)
    }

    /// A row for each text, and one more without a text where `blank` says so.
    #[must_use]
    pub fn new(texts: Vec<Tensor>, blank: bool) -> Self {
        Self { texts, blank }
    }

    /// States of the texts, `[tokens, width]`.
    #[must_use]
    pub fn texts(&self) -> &[Tensor] {
        &self.texts
    }

    /// Rows of a take.
    #[must_use]
    pub fn count(&self) -> usize {
        self.texts.len() + usize::from(self.blank)
    }
}
