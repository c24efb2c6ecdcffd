//! What to look for in the library, and what was found.
//!
//! Any thread. Plain data.

use std::ops::RangeInclusive;

use crate::Take;

/// How takes are ordered; equals by date, the newest first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Order {
    /// Last made first.
    #[default]
    Newest,
    /// First made first.
    Oldest,
    /// By name, without regard to case.
    Name,
    /// Slow to fast, those without a grid last.
    Tempo,
    /// Best first, those without a score last.
    Score,
}

/// What takes must be like. The default finds the newest 100 of all.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// Words, each of which must begin a word of the name, prompt, tags, model or key; in any
    /// order, without regard to case. Any text is permitted; nothing in it is an operator.
    pub text: String,
    /// Beats a minute, both ends included.
    pub tempo_bpm: Option<RangeInclusive<f64>>,
    /// The key as the facts have it, without regard to case.
    pub key: Option<String>,
    /// Only those that the user marked.
    pub favourites_only: bool,
    /// All of these tags, without regard to case.
    pub tags: Vec<String>,
    /// Which come first.
    pub order: Order,
    /// How many at most.
    pub limit: u32,
    /// How many of the first to pass over.
    pub offset: u32,
}

impl Default for Query {
    fn default() -> Self {
        Self {
            text: String::new(),
            tempo_bpm: None,
            key: None,
            favourites_only: false,
            tags: Vec::new(),
            order: Order::default(),
            limit: 100,
            offset: 0,
        }
    }
}

/// A part of what was found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Page {
    /// The takes from the query's offset on, up to its limit.
    pub takes: Vec<Take>,
    /// How many there are in all.
    pub total: u64,
}
