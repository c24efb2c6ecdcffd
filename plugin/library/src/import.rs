//! Sound from files of other programs.
//!
//! Any thread but the audio thread: it reads and decodes the whole file.
