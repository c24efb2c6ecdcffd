//! The rooms of the house: who may use what, read from the sources.
//!
//! The player's crate boundary and its `clippy.toml` hold the audio thread; this holds the
//! rest, and the few rules of form that no linter knows.

use std::fs;
use std::path::{Path, PathBuf};

/// A file is questioned at this many lines: does it hold more than one noun?
const MAX_LINES: usize = 500;

/// Names for modules that say nothing of what is in them.
const EMPTY_NAMES: [&str; 5] = ["utils", "util", "common", "manager", "helper"];

/// Files under a path (a prefix) never name these.
const ROOMS: [(&str, &[&str]); 7] = [
    (
        "engine/src",
        &["nice_plug", "egui", "barline_player", "barline_plugin"],
    ),
    (
        "plugin/player",
        &[
            "candle",
            "tokenizers",
            "nice_plug",
            "egui",
            "barline_engine",
            "std::fs",
            "std::io",
            "std::net",
        ],
    ),
    (
        "plugin/drag",
        &["barline_engine", "barline_player", "nice_plug", "egui"],
    ),
    (
        "plugin/library",
        &[
            "nice_plug",
            "egui",
            "barline_engine",
            "barline_player",
            "barline_plugin",
        ],
    ),
    (
        "plugin/src/editor",
        &["barline_engine", "barline_player", "std::fs", "std::net"],
    ),
    (
        "plugin/src/params.rs",
        &["barline_engine", "barline_player", "std::fs"],
    ),
    (
        "xtask/src",
        &["barline_engine", "barline_player", "barline_plugin"],
    ),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests/ lies in the workspace")
}

/// All Rust sources with their paths from the root.
fn sources() -> Vec<(String, String)> {
    let mut folders: Vec<PathBuf> = ["engine", "plugin", "xtask", "tests"]
        .iter()
        .map(|name| root().join(name))
        .collect();
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of the workspace") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                if path.file_name() != Some("target".as_ref()) {
                    folders.push(path);
                }
            } else if path.extension() == Some("rs".as_ref()) {
                let name = path
                    .strip_prefix(root())
                    .expect("below the root")
                    .to_string_lossy()
                    .replace('\\', "/");
                files.push((name, fs::read_to_string(&path).expect("UTF-8")));
            }
        }
    }
    assert!(files.len() > 30, "the sources were not found");
    files
}

fn check(findings: &[String]) {
    assert!(findings.is_empty(), "\n{}\n", findings.join("\n"));
}

#[test]
fn rooms_use_only_what_they_may() {
    let mut findings = Vec::new();
    for (name, text) in sources() {
        for (_, banned) in ROOMS.iter().filter(|(prefix, _)| name.starts_with(prefix)) {
            for (number, line) in text.lines().enumerate() {
                let code = line.trim_start();
                if code.starts_with("//") {
                    continue;
                }
                for word in banned.iter().filter(|word| code.contains(**word)) {
                    findings.push(format!("{name}:{}: {word} has no place here", number + 1));
                }
            }
        }
    }
    check(&findings);
}

#[test]
fn engine_and_player_meet_in_the_session_only() {
    let mut findings = Vec::new();
    for (name, text) in sources() {
        let may = ["plugin/src/session", "plugin/src/lib.rs", "tests/"]
            .iter()
            .any(|p| name.starts_with(p));
        let uses = |krate: &str| {
            text.lines()
                .any(|l| !l.trim_start().starts_with("//") && l.contains(krate))
        };
        if !may && uses("barline_engine") && uses("barline_player") {
            findings.push(format!(
                "{name}: engine and player meet outside the session"
            ));
        }
    }
    check(&findings);
}

#[test]
fn files_say_what_they_are_and_hold_one_noun() {
    let mut findings = Vec::new();
    for (name, text) in sources() {
        if !text.starts_with("//!") {
            findings.push(format!("{name}: opens without saying what it is"));
        }
        let lines = text.lines().count();
        if lines > MAX_LINES {
            findings.push(format!("{name}: {lines} lines"));
        }
        let stem = Path::new(&name)
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if EMPTY_NAMES.contains(&stem.as_str()) {
            findings.push(format!("{name}: a name that says nothing"));
        }
    }
    check(&findings);
}

#[test]
fn nothing_names_a_place_on_somebodys_machine() {
    // Put together here, so that this file does not find itself.
    let places = ["home", "Users", "work", "root"].map(|place| format!("\"/{place}/"));
    let mut findings = Vec::new();
    for (name, text) in sources() {
        for (number, line) in text.lines().enumerate() {
            if places.iter().any(|place| line.contains(place)) {
                findings.push(format!("{name}:{}: a path of one machine", number + 1));
            }
        }
    }
    check(&findings);
}
