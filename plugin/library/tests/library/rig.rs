//! What the tests share: small takes that differ, and looks into the folder.

use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use barline_library::{Library, TakeFacts, TakeId};

/// A whole WAV file of 16 bits, mono; another seed makes another sound.
pub(crate) fn wav(seed: u64, frames: u32) -> Vec<u8> {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 32_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut bytes = Cursor::new(Vec::new());
    let mut writer = hound::WavWriter::new(&mut bytes, spec).expect("a writer");
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    for _ in 0..frames {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        writer.write_sample((state >> 48) as i16).expect("memory");
    }
    writer.finalize().expect("memory");
    bytes.into_inner()
}

/// Facts with this prompt.
pub(crate) fn facts(prompt: &str) -> TakeFacts {
    TakeFacts {
        prompt: prompt.into(),
        model: "musicgen-small".into(),
        model_revision: "0123abcd".into(),
        seed: 7,
        settings: r#"{"guidance":3.0}"#.into(),
        tempo_bpm: Some(120.0),
        bars: Some(4),
        beats_per_bar: 4,
        key: Some("A minor".into()),
        score: Some(0.5),
        rights: "yours".into(),
        date_unix_seconds: 1_700_000_000,
        ..TakeFacts::default()
    }
}

/// The library of a folder.
pub(crate) fn open(folder: &Path) -> Library {
    Library::open(folder).expect("a library")
}

/// Adds a small take of that seed and prompt.
pub(crate) fn add(library: &mut Library, seed: u64, prompt: &str) -> TakeId {
    let added = library.add(&wav(seed, 100), &facts(prompt)).expect("kept");
    assert!(added.is_new, "seed {seed} is there already");
    added.id
}

/// All files below a folder with an ending.
pub(crate) fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut folders = vec![folder.to_owned()];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.to_string_lossy().ends_with(ending) {
                files.push(path);
            }
        }
    }
    files
}

/// What must hold of a folder whatever happened before: every WAV file is what its name says, the
/// index is sound, and has those files and no others.
pub(crate) fn check_whole(folder: &Path) {
    let library = open(folder);
    let wavs = files(folder, ".wav");
    for path in &wavs {
        let bytes = fs::read(path).expect("a file");
        let name = path
            .file_stem()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        assert_eq!(TakeId::of(&bytes).to_string(), name);
        let id = name.parse().expect("a hash");
        let take = library
            .get(id)
            .expect("an answer")
            .expect("every file is indexed");
        assert_eq!(take.bytes, bytes.len() as u64);
        assert_eq!(library.path(id).expect("a path"), *path);
    }
    assert_eq!(library.count().expect("a number"), wavs.len() as u64);
    drop(library);
    let db = rusqlite::Connection::open(folder.join("library.sqlite")).expect("an index");
    let check = |sql: &str| -> String { db.query_row(sql, [], |row| row.get(0)).expect("a word") };
    assert_eq!(check("PRAGMA integrity_check"), "ok");
    // FTS5 compares its index with the table when it is asked so.
    db.execute(
        "INSERT INTO found (found, rank) VALUES ('integrity-check', 1)",
        [],
    )
    .expect("the text index agrees");
}
