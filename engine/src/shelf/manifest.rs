//! The models that are known by name, as `shelf.toml` lists them.
//!
//! Any thread. Pure data: what is known before anything is fetched. Files, sizes and revisions are
//! not in it; the hub is asked for those.

use std::fmt;
use std::io::Read;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::model::Size;

/// The list that is compiled in.
const BUILT_IN: &str = include_str!("../../../models/shelf.toml");

/// A list that is larger is none: each of its models is looked for on disk, again and again.
const MOST_BYTES: u64 = 256_000;
const MOST_MODELS: usize = 200;
/// Of a text that is shown, in bytes.
const MOST_LETTERS: usize = 300;

/// What may be done with the clips of a model: the badge that they carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rights {
    /// The licence allows commercial use.
    Commercial,
    /// The licence excludes commercial use.
    NonCommercial,
    /// Nothing is known, or nothing clear.
    Unknown,
}

impl Rights {
    /// What a licence's short name, as the hub uses them, says of commercial use.
    #[must_use]
    pub fn of_licence(licence: &str) -> Self {
        let licence = licence.to_ascii_lowercase();
        if licence.split('-').any(|word| word == "nc") {
            return Self::NonCommercial;
        }
        const OPEN: [&str; 11] = [
            "apache-2.0",
            "bsd",
            "bsd-2-clause",
            "bsd-3-clause",
            "cc-by-2.0",
            "cc-by-3.0",
            "cc-by-4.0",
            "cc-by-sa-4.0",
            "cc0-1.0",
            "mit",
            "unlicense",
        ];
        if OPEN.contains(&licence.as_str()) {
            Self::Commercial
        } else {
            Self::Unknown
        }
    }

    /// What it means for a release, in one sentence.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Commercial => "The licence allows commercial releases.",
            Self::NonCommercial => "Not for commercial releases: the licence excludes them.",
            Self::Unknown => "Whether clips may be released is not known: read the licence first.",
        }
    }
}

impl fmt::Display for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Commercial => "commercial",
            Self::NonCommercial => "non-commercial",
            Self::Unknown => "unknown",
        })
    }
}

/// A model on the shelf.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// What is typed: "small". That of a model that is on no shelf is its id.
    pub name: String,
    /// The hub's id: "facebook/musicgen-small". `None`: compiled into the binary.
    pub id: Option<String>,
    /// What it is called.
    pub title: String,
    /// Its licence in plain words; empty where nothing is known of it yet.
    pub licence: String,
    /// What the licence means for a release, in one sentence.
    pub release: String,
    /// The badge of its clips.
    pub rights: Rights,
    /// What it is good at; empty where nobody says.
    pub good_at: String,
    /// Its published size, for predictions.
    #[serde(serialize_with = "size_name")]
    pub size: Option<Size>,
    /// Audio channels.
    pub channels: u8,
    /// What it needs that a later version brings: it is listed, fetched and checked, but not run.
    pub later: Option<String>,
}

fn size_name<S: serde::Serializer>(size: &Option<Size>, to: S) -> Result<S::Ok, S::Error> {
    size.map(|size| size.to_string()).serialize(to)
}

impl Entry {
    /// A model of the hub that no shelf lists.
    pub(super) fn unlisted(id: &str) -> Self {
        Self {
            name: id.to_owned(),
            id: Some(id.to_owned()),
            title: id.to_owned(),
            licence: String::new(),
            release: Rights::Unknown.sentence().to_owned(),
            rights: Rights::Unknown,
            good_at: String::new(),
            size: None,
            channels: 1,
            later: None,
        }
    }

    /// Takes over what the hub says of the licence, where no list says it.
    pub fn set_licence(&mut self, licence: &str) {
        if self.licence.is_empty() {
            self.licence = licence.to_owned();
            self.rights = Rights::of_licence(licence);
            self.release = self.rights.sentence().to_owned();
        }
    }

    /// Whether this version makes clips with it.
    #[must_use]
    pub fn runs(&self) -> bool {
        self.later.is_none()
    }
}

/// An entry as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: String,
    id: Option<String>,
    title: Option<String>,
    #[serde(default)]
    licence: String,
    release: Option<String>,
    rights: Option<Rights>,
    #[serde(default)]
    good_at: String,
    size: Option<String>,
    #[serde(default = "mono")]
    channels: u8,
    #[serde(default = "now")]
    runs: String,
}

fn mono() -> u8 {
    1
}

fn now() -> String {
    "yes".into()
}

impl Written {
    fn entry(self) -> Result<Entry, String> {
        let Self { name, id, .. } = self;
        let wrong = |what: &str| Err(format!("the model {name:?}: {what}"));
        if name.is_empty() || name.contains(['/', '\\', ' ']) || name.starts_with('.') {
            return wrong("a name is one word without slashes");
        }
        match &id {
            Some(id) if !is_id(id) => return wrong("an id is OWNER/MODEL"),
            None if self.size.as_deref() != Some("starter") => return wrong("it has no id"),
            _ => {}
        }
        let texts = [&name, &self.licence, &self.good_at];
        let more = [&self.title, &self.release].into_iter().flatten();
        if texts.into_iter().chain(more).any(|text| is_odd(text)) {
            return wrong("a text is one line of 300 letters at most");
        }
        if !(1..=2).contains(&self.channels) {
            return wrong("channels is 1 or 2");
        }
        let size = match self.size.as_deref().map(str::parse::<Size>).transpose() {
            Ok(size) => size,
            Err(why) => return wrong(&why),
        };
        let later = match self.runs.as_str() {
            "yes" => None,
            text => match text.strip_prefix("later: ") {
                Some(what) => Some(what.to_owned()),
                None => return wrong("runs is \"yes\" or \"later: WHAT\""),
            },
        };
        let rights = self
            .rights
            .unwrap_or_else(|| Rights::of_licence(&self.licence));
        Ok(Entry {
            title: self
                .title
                .or_else(|| id.clone())
                .unwrap_or_else(|| name.clone()),
            release: self.release.unwrap_or_else(|| rights.sentence().to_owned()),
            licence: self.licence,
            good_at: self.good_at,
            channels: self.channels,
            name,
            id,
            rights,
            size,
            later,
        })
    }
}

/// Whether a text is not to be shown.
fn is_odd(text: &str) -> bool {
    text.len() > MOST_LETTERS || text.contains(char::is_control)
}

/// The entries of a list; the message of what is wrong with it is one line.
pub(super) fn read(text: &str) -> Result<Vec<Entry>, String> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct List {
        #[serde(default)]
        models: Vec<Written>,
    }
    let list: List = toml::from_str(text).map_err(|error| {
        let before = error.span().map_or("", |span| &text[..span.start]);
        let line = before.matches('\n').count() + 1;
        format!("line {line}: {}", error.message().replace('\n', " "))
    })?;
    if list.models.len() > MOST_MODELS {
        return Err(format!("a list has {MOST_MODELS} models at most"));
    }
    let mut entries: Vec<Entry> = Vec::with_capacity(list.models.len());
    for written in list.models {
        let entry = written.entry()?;
        if entries.iter().any(|other| other.name == entry.name) {
            return Err(format!("the model {:?} is there twice", entry.name));
        }
        entries.push(entry);
    }
    Ok(entries)
}

/// The entries of a list on disk; none where there is no such file.
pub(super) fn read_file(path: &Path) -> Result<Vec<Entry>, String> {
    let in_words = |error: std::io::Error| error.to_string();
    match std::fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Ok(facts) if !facts.is_file() => return Err("it is no file: move it away".into()),
        facts => facts.map_err(in_words)?,
    };
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(in_words)?;
    let taken = file.take(MOST_BYTES + 1).read_to_end(&mut bytes);
    if taken.map_err(in_words)? as u64 > MOST_BYTES {
        return Err(format!("a list takes {} kB at most", MOST_BYTES / 1000));
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| "it is no text in UTF-8")?;
    read(text)
}

/// What is compiled in, which a test reads.
pub(super) fn built_in() -> Vec<Entry> {
    read(BUILT_IN).unwrap_or_default()
}

/// Whether a text is an id of the hub: an owner and a name, of the characters that it allows. An id
/// becomes a part of paths and addresses, so that nothing else is let through.
#[must_use]
pub fn is_id(text: &str) -> bool {
    let part = |part: &str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        (1..=96).contains(&part.len())
            && part.chars().all(plain)
            && !part.starts_with(['.', '-'])
            && !part.ends_with(['.', '-'])
            && !part.contains("..")
            // What the cache writes for a slash.
            && !part.contains("--")
    };
    matches!(text.split_once('/'), Some((owner, name)) if part(owner) && part(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_published_model_is_on_the_shelf() {
        let entries = read(BUILT_IN).unwrap();
        assert_eq!(entries.len(), 11);
        assert_eq!(entries[0].id, None);
        for entry in &entries[1..] {
            let id = entry.id.as_deref().unwrap();
            assert_eq!(id, format!("facebook/musicgen-{}", entry.name));
            assert_eq!(entry.rights, Rights::NonCommercial, "{id}");
            assert!(entry.release.starts_with("Not for commercial releases"));
            assert_eq!(entry.runs(), !id.contains("melody"), "{id}");
            assert_eq!(entry.channels == 2, id.contains("stereo"), "{id}");
            assert!(entry.size.is_some() && !entry.good_at.is_empty());
        }
    }

    #[test]
    fn what_is_wrong_in_a_list_is_said_in_one_line() {
        let cases = [
            ("[[models]]\nname = 3", "line 2"),
            ("[[models]]\nname = \"a\"\nid = \"x\"", "OWNER/MODEL"),
            ("[[models]]\nname = \"a\"", "no id"),
            ("[[models]]\nname = \"a b\"\nid = \"x/y\"", "one word"),
            (
                "[[models]]\nname = \"a\"\nid = \"x/y\"\nchannels = 3",
                "channels",
            ),
            (
                "[[models]]\nname = \"a\"\nid = \"x/y\"\nsize = \"huge\"",
                "huge",
            ),
            (
                "[[models]]\nname = \"a\"\nid = \"x/y\"\nruns = \"no\"",
                "runs",
            ),
            (
                "[[models]]\nname = \"a\"\nid = \"x/y\"\nfiles = []",
                "files",
            ),
            (
                "[[models]]\nname = \"a\"\nid = \"x/y\"\ntitle = \"a\\nb\"",
                "one line",
            ),
            (
                "[[models]]\nname = \"a\"\nid = \"x/y\"\n[[models]]\nname = \"a\"\nid = \"x/z\"",
                "twice",
            ),
        ];
        for (text, word) in cases {
            let why = read(text).unwrap_err();
            assert!(why.contains(word) && !why.contains('\n'), "{text}: {why}");
        }
        let entries = read("[[models]]\nname = \"a\"\nid = \"x/y\"\nlicence = \"mit\"").unwrap();
        assert_eq!(entries[0].rights, Rights::Commercial);
        assert_eq!(entries[0].title, "x/y");
    }

    #[test]
    fn a_file_that_is_no_list_is_told_and_takes_no_memory() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shelf.toml");
        assert_eq!(read_file(&path), Ok(Vec::new()), "absent");
        assert!(read_file(folder.path()).unwrap_err().contains("no file"));
        let many = "[[models]]\nname = \"a\"\nid = \"x/y\"\n".repeat(MOST_MODELS + 1);
        let long = "#".repeat(MOST_BYTES as usize + 1);
        for (text, word) in [
            (many.as_bytes(), "200 models"),
            (long.as_bytes(), "256 kB"),
            (&[0xff, 0xfe], "UTF-8"),
        ] {
            std::fs::write(&path, text).unwrap();
            let why = read_file(&path).unwrap_err();
            assert!(why.contains(word), "{why}");
        }
    }

    #[test]
    fn ids_are_no_paths() {
        for id in ["facebook/musicgen-small", "a/b", "A_1/b.c-d"] {
            assert!(is_id(id), "{id}");
        }
        for no in [
            "small", "a/b/c", "/a", "a/", "../b", "a/..", "a\\b/c", "a/b c", "a--b/c", "./a",
        ] {
            assert!(!is_id(no), "{no}");
        }
    }

    #[test]
    fn a_licences_name_tells_the_badge() {
        assert_eq!(Rights::of_licence("CC-BY-NC-4.0"), Rights::NonCommercial);
        assert_eq!(Rights::of_licence("mit"), Rights::Commercial);
        assert_eq!(Rights::of_licence("ncsa"), Rights::Unknown);
        assert_eq!(Rights::of_licence("other"), Rights::Unknown);
    }
}
