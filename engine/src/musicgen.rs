//! Text → tokens: the language model of MusicGen.
//!
//! Worker thread. Reading order: `config` (what a folder says it holds), `text` (prompt →
//! states), `decoder` with `kv_cache` (states and tokens → logits, exactly), `packed` (the same,
//! fast), with `rows` (what each row attends to), `language_model` (either), `sampling` (logits → tokens), `delay` (which token belongs to which frame), `generate` (all of it, step by step).

pub mod config;
pub mod decoder;
pub mod delay;
pub mod generate;
pub mod kv_cache;
pub mod language_model;
pub mod packed;
pub mod rows;
pub mod sampling;
pub mod text;

pub use config::Config;
pub use decoder::Decoder;
pub use generate::Generation;
pub use language_model::LanguageModel;
pub use rows::Rows;
pub use text::TextEncoder;
