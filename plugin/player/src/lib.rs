//! The audio thread.
