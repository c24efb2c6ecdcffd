//! A model that another program put into the cache.
//!
//! Any thread but the audio thread.

use std::fs;

use super::cache::Place;
use super::layout;
use super::record::{Fetched, ModelFile};
use crate::model::card_license;

/// A whole model in the cache: what "main" was, else any commit.
pub(super) fn found(place: &Place) -> Option<Fetched> {
    let main = place.main();
    let commits = main.into_iter().chain(commits(place));
    commits
        .filter_map(|commit| {
            let files = layout::complete(&place.snapshot(&commit))?;
            Some((commit, files))
        })
        .map(|(commit, names)| Fetched {
            id: place.id(),
            licence: licence(place, &commit),
            files: names
                .into_iter()
                .filter_map(|name| file(place, &commit, name))
                .collect(),
            commit,
            unix_seconds: 0,
        })
        .next()
}

/// What the model's card says.
fn licence(place: &Place, commit: &str) -> Option<String> {
    let card = fs::read(place.snapshot(commit).join("README.md")).ok()?;
    card_license(&String::from_utf8_lossy(&card))
}

/// What the snapshots' folders are called.
fn commits(place: &Place) -> Vec<String> {
    let snapshots = place.root().join("snapshots");
    let entries = fs::read_dir(snapshots).into_iter().flatten().flatten();
    let mut commits: Vec<String> = entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    commits.sort();
    commits
}

/// A file with its checksum, which is its link's. Where there are no links nobody knows it.
fn file(place: &Place, commit: &str, name: String) -> Option<ModelFile> {
    let facts = fs::metadata(place.snapshot(commit).join(&name)).ok()?;
    Some(ModelFile {
        bytes: facts.len(),
        digest: place.linked(commit, &name)?,
        name,
        ours: false,
    })
}
