//! Whole-system tests.

mod parity;
