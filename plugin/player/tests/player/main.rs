//! The player through its public face: an index. One program, so that one counting allocator
//! watches every call of the audio thread's half.
#![allow(
    missing_docs,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::disallowed_macros,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests run off the audio thread and stop on what they did not expect"
)]

mod alias;
mod allocations;
mod exact;
mod fades;
mod fuzz;
mod grow;
mod launches;
mod memory;
mod notes;
mod rig;
mod slots;
mod swaps;
mod transports;
