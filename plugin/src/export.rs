//! From a clip to a file: where it goes and what it is called.
//!
//! Session thread, but for [`default_folder`], which the panel shows.

use std::path::{Path, PathBuf};

use barline_engine::file::{self, Depth, FileError, Format, Recipe};
use barline_engine::{ClipFacts, Length, prompt};
use sha2::{Digest, Sha256};

/// Where clips are saved unless the user says otherwise: `Barline` in the music folder.
#[must_use]
pub fn default_folder() -> PathBuf {
    let user = directories::UserDirs::new();
    let music = user.as_ref().map(|user| match user.audio_dir() {
        Some(music) => music.to_owned(),
        None => user.home_dir().join("Music"),
    });
    music.unwrap_or_else(std::env::temp_dir).join("Barline")
}

/// A name that tells the clips of a folder apart: `barline_dark_techno_128bpm_Amin_4bars_seed7`.
#[must_use]
pub fn file_stem(facts: &ClipFacts) -> String {
    format!("{}_seed{}", name(facts), facts.seed)
}

/// The key that was asked for, else the one that is heard.
pub(crate) fn key(facts: &ClipFacts) -> Option<String> {
    let heard = || {
        let fitted = facts.fitted.as_ref()?;
        Some(fitted.key_heard()?.to_string())
    };
    facts.key.clone().or_else(heard)
}

/// What both names begin with.
fn name(facts: &ClipFacts) -> String {
    // Tempo and key stand at the end of the prompt; the name has them in its own form.
    let mut parts = vec!["barline".to_owned()];
    parts.extend(prompt::name_words(&facts.prompt));
    if let Length::Bars {
        bars, tempo_bpm, ..
    } = facts.length
    {
        let tempo = (tempo_bpm * 100.0).round() / 100.0;
        parts.push(format!("{tempo}bpm"));
        if let Some(key) = key(facts) {
            let key = key
                .replace('#', "s")
                .replace("major", "maj")
                .replace("minor", "min");
            parts.push(key.split_whitespace().collect());
        }
        parts.push(format!("{bars}bars"));
    }
    parts.join("_")
}

/// As [`file_stem`], but with the first letters of the samples' hash instead of the seed: the same name
/// for the same sound, and another for any other.
#[must_use]
pub fn file_stem_of(facts: &ClipFacts, channels: &[Vec<f32>]) -> String {
    let mut hash = Sha256::new();
    for channel in channels {
        for sample in channel {
            hash.update(sample.to_le_bytes());
        }
    }
    let hash = hash.finalize();
    let short: String = hash
        .iter()
        .take(4)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("{}_{short}", name(facts))
}

/// Writes a clip of 24 bits into a folder, to stay there: a host that it is dragged into refers to it
/// where it lies. The same clip is the same file.
///
/// # Errors
/// [`FileError`] when the folder can't be made or the file not be written.
pub fn keep(
    folder: &Path,
    facts: &ClipFacts,
    rate_hz: u32,
    channels: &[Vec<f32>],
) -> Result<PathBuf, FileError> {
    let path = folder.join(format!("{}.wav", file_stem_of(facts, channels)));
    if path.exists() {
        return Ok(path);
    }
    // What is wrong with it, if anything, is what writing the file tells.
    let _ = std::fs::create_dir_all(folder);
    let recipe = Recipe::new(facts, rate_hz, Depth::Int24);
    file::write(&path, &recipe, channels)?;
    Ok(path)
}

/// Writes a clip of 24 bits and says where: `to` when it names a WAV, FLAC or AIFF file, else a WAV
/// file of a new name in the folder `to`, which is made when it is missing. Whole or not at all.
///
/// # Errors
/// [`FileError`] when the folder can't be made or the file not be written.
pub fn save(
    to: &Path,
    facts: &ClipFacts,
    rate_hz: u32,
    channels: &[Vec<f32>],
) -> Result<PathBuf, FileError> {
    let path = if Format::named(to).is_some() {
        to.to_owned()
    } else {
        unused(to, &file_stem(facts))
    };
    if let Some(folder) = path.parent() {
        // What is wrong with it, if anything, is what writing the file tells.
        let _ = std::fs::create_dir_all(folder);
    }
    let recipe = Recipe::new(facts, rate_hz, Depth::Int24);
    file::write(&path, &recipe, channels)?;
    Ok(path)
}

/// The first of `stem.wav`, `stem_2.wav`, … that does not exist.
fn unused(folder: &Path, stem: &str) -> PathBuf {
    let first = folder.join(format!("{stem}.wav"));
    let rest = (2u32..).map(|n| folder.join(format!("{stem}_{n}.wav")));
    std::iter::once(first)
        .chain(rest)
        .find(|path| !path.exists())
        .unwrap_or_default()
}
