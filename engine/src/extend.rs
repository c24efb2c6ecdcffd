//! A loop becomes minutes or hours: repeated to the sample, with something else now and then.
//!
//! Any thread but the audio thread. Constant memory, however long the piece: the takes of the
//! loop, and one varied stretch of a few bars (and some bytes for every variation, to tell of it). Nothing depends on the clock or the machine: the
//! same takes and the same [`Shape`] make the same samples.
//!
//! Reading order: `material` (the takes and their grid), `variation` (what can happen before a
//! bar line, on `filter`), `piece` (the stream), `adopt` (how a file of another program becomes
//! such a loop).
//!
//! The grid is the loop's own: every repetition starts where the one before ends, so a bar line is
//! never further than half a frame from its place, counted in loops. The loop is as long as its
//! bars to the nearest frame; against the tempo as a number a repetition is off by that rounding.

mod adopt;
mod filter;
mod material;
mod piece;
mod variation;

pub use adopt::{Adopted, Asked, NotALoop, adopt};
pub use material::{Material, Mismatch};
pub use piece::{BLOCK_FRAMES, Change, Piece, Shape};
pub use variation::Variation;

#[cfg(test)]
mod tests;
