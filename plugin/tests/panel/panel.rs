//! The panel drawn and used without a window: what it does with keys and the pointer, and how it
//! looks.
//!
//! Test threads. These tests never open a window, start a session or need a graphics card.

mod behaviour;
mod lists;
mod pictures;
mod places;
mod raster;
mod rig;
mod samples;
mod setter;
mod telling;
