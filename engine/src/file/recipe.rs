//! The recipe inside a file: enough to make its samples again.
//!
//! Any thread but the audio thread. In a WAV file it lies in the iXML chunk, as JSON in an element
//! of ours, since editors keep iXML when they rewrite a file and drop chunks that they don't know;
//! in FLAC in a comment, in AIFF in an application chunk.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Depth, aiff, facts, flac};
use crate::event::ClipFacts;

/// An iXML chunk over this is none of ours.
const MAX_XML_BYTES: u32 = 16 << 20;

/// What was asked for, and the form that it was saved in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recipe {
    /// How the clip came about.
    pub facts: ClipFacts,
    /// Rate of the file.
    pub rate_hz: u32,
    /// How its samples are stored.
    pub depth: Depth,
}

/// Why a file gives no recipe or no samples.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file can't be read.
    #[error("cannot read {path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file of another kind, or one that is damaged.
    #[error(
        "{path} is no WAV, FLAC or AIFF file that can be read ({why}): convert it to WAV first"
    )]
    NotSound {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A file of another kind or another program, or a long one that was made of a clip.
    #[error("{path} holds no recipe: only clips that Barline made do")]
    NoRecipe {
        /// The file.
        path: PathBuf,
    },
    /// A recipe that this version can't read.
    #[error("the recipe in {path} cannot be read ({why}): a newer Barline may have written it")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
}

impl ReadError {
    /// What the system said; a file that ends early is damaged and no fault of the system's.
    pub(super) fn io(path: &Path, source: std::io::Error) -> Self {
        if source.kind() == std::io::ErrorKind::UnexpectedEof {
            return Self::not_sound(path, &"it ends early");
        }
        Self::Io {
            path: path.to_owned(),
            source,
        }
    }

    /// A file that is none of its kind.
    pub(super) fn not_sound(path: &Path, why: &dyn std::fmt::Display) -> Self {
        Self::NotSound {
            path: path.to_owned(),
            why: why.to_string(),
        }
    }
}

impl Recipe {
    /// The recipe of a clip that is saved at `rate_hz`.
    ///
    /// How long it took to make is left out: it is no ingredient, and one recipe is to make one
    /// and the same file.
    #[must_use]
    pub fn new(facts: &ClipFacts, rate_hz: u32, depth: Depth) -> Self {
        Self {
            facts: ClipFacts {
                generate_seconds: 0.0,
                ..facts.clone()
            },
            rate_hz,
            depth,
        }
    }

    /// Reads the recipe of a file, its samples left alone.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn read(path: &Path) -> Result<Self, ReadError> {
        let text = text(path).map_err(|source| ReadError::Io {
            path: path.to_owned(),
            source,
        })?;
        let text = text.ok_or_else(|| ReadError::NoRecipe {
            path: path.to_owned(),
        })?;
        serde_json::from_str(&text).map_err(|error| ReadError::Unreadable {
            path: path.to_owned(),
            why: error.to_string(),
        })
    }

    /// It as JSON.
    pub(super) fn to_json(&self) -> String {
        // Plain data without maps: there is nothing in it that JSON can't say.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// The recipe as it stands in a file, if it has one.
fn text(path: &Path) -> std::io::Result<Option<String>> {
    let mut head = [0; 4];
    let read = File::open(path)?.read(&mut head)?;
    Ok(match &head[..read] {
        b"fLaC" => flac::recipe(path),
        b"FORM" => aiff::recipe(path),
        _ => xml(path)?.and_then(|xml| element(&xml, "RECIPE")),
    })
}

/// The iXML document of a clip.
pub(super) fn to_xml(recipe: &Recipe) -> String {
    document(
        &facts::Words::of(&recipe.facts),
        "RECIPE",
        &recipe.to_json(),
    )
}

/// An iXML document with JSON in an element of ours.
pub(super) fn document(words: &facts::Words, element: &str, json: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<BWFXML><IXML_VERSION>2.10</IXML_VERSION>\
         <PROJECT>Barline</PROJECT><NOTE>{note}</NOTE><USER>{user}</USER>\
         <BARLINE><{element}>{json}</{element}></BARLINE></BWFXML>\n",
        note = escape(&words.title),
        user = escape(&format!("{}; {}", words.comment, words.rights)),
        json = escape(json),
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// The text of the first element of that name. Undoes [`escape`]; editors may also have
/// escaped the quotes.
fn element(xml: &str, name: &str) -> Option<String> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>"))?;
    Some(
        text.replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&quot;", "\"")
            .replace("&apos;", "'")
            .replace("&amp;", "&"),
    )
}

/// The iXML chunk of a RIFF WAVE file, if it is one and has it.
fn xml(path: &Path) -> std::io::Result<Option<String>> {
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    let mut file = BufReader::new(file);
    let mut head = [0; 12];
    if length < 12 {
        return Ok(None);
    }
    file.read_exact(&mut head)?;
    if &head[..4] != b"RIFF" || &head[8..] != b"WAVE" {
        return Ok(None);
    }
    let mut at = 12;
    while at + 8 <= length {
        file.seek(SeekFrom::Start(at))?;
        let mut head = [0; 8];
        file.read_exact(&mut head)?;
        let size = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
        if &head[..4] == b"iXML" && size <= MAX_XML_BYTES && at + 8 + u64::from(size) <= length {
            let mut bytes = vec![0; size as usize];
            file.read_exact(&mut bytes)?;
            return Ok(String::from_utf8(bytes).ok());
        }
        at += 8 + u64::from(size) + u64::from(size % 2);
    }
    Ok(None)
}
