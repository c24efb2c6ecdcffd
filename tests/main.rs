//! Whole-system tests.

mod codec_parity;
