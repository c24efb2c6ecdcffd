//! One cache for all programs: what another one fetched is found, and what we fetch is laid out as
//! they expect it.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::symlink;

use anyhow::{Result, ensure};

use super::{Home, TINY, bad, ok};
use barline_hub::{LARGE_BYTES, large, small};

/// A model as the hub's Python library puts it into the cache.
fn by_python(home: &Home) -> Result<String> {
    let commit = "c".repeat(40);
    let root = home.root();
    for folder in ["blobs", "refs"] {
        fs::create_dir_all(root.join(folder))?;
    }
    let snapshot = root.join("snapshots").join(&commit);
    fs::create_dir_all(&snapshot)?;
    for (name, bytes) in home.hub.files(TINY) {
        let digest = if bytes.len() < LARGE_BYTES {
            small(&bytes)
        } else {
            large(&bytes)
        };
        fs::write(root.join("blobs").join(&digest), &bytes)?;
        symlink(format!("../../blobs/{digest}"), snapshot.join(&name))?;
    }
    fs::write(root.join("refs/main"), &commit)?;
    Ok(commit)
}

#[test]
fn what_another_program_fetched_is_found() -> Result<()> {
    let home = Home::new()?;
    let commit = by_python(&home)?;
    ensure!(home.state()? == "here", "{}", home.state()?);
    let info = ok(&mut home.barline(&["models", "info", TINY])?)?;
    ensure!(
        info.contains(&commit) && info.contains("by another program"),
        "{info}"
    );
    ok(&mut home.barline(&["models", "verify", TINY])?)?;
    let out = home.folder.path().join("a.wav");
    let mut generate = home.barline(&["generate", "x", "--seconds", "0.5", "--model", TINY])?;
    ok(generate.arg("--out").arg(out))?;
    ensure!(home.hub.asked().is_empty(), "the hub was asked");
    let why = bad(&mut home.barline(&["models", "remove", TINY, "--yes"])?, 2)?;
    ensure!(
        why.contains("another program") && why.contains("--shared"),
        "{why}"
    );
    let before = home.blobs()?.len();
    ok(&mut home.barline(&["models", "remove", TINY, "--yes", "--shared"])?)?;
    // What a model does not need was never ours to look at.
    ensure!(home.blobs()?.len() == before - 5, "{:?}", home.blobs()?);
    Ok(())
}

#[test]
fn what_we_fetch_is_where_others_look() -> Result<()> {
    let home = Home::new()?;
    let facts = home.fetched()?;
    let commit = facts["revision"].as_str().unwrap_or_default();
    let root = home.root();
    ensure!(
        fs::read_to_string(root.join("refs/main"))? == commit,
        "no main"
    );
    let weights = &home.hub.files(TINY)["model.safetensors"];
    let link = fs::read_link(
        root.join("snapshots")
            .join(commit)
            .join("model.safetensors"),
    )?;
    ensure!(
        link == std::path::Path::new("../../blobs").join(large(weights)),
        "{link:?}"
    );
    let config = &home.hub.files(TINY)["config.json"];
    let link = fs::read_link(root.join("snapshots").join(commit).join("config.json"))?;
    ensure!(
        link == std::path::Path::new("../../blobs").join(small(config)),
        "{link:?}"
    );
    // Nothing in the cache that other programs would wonder about.
    let cache = super::super::files(&home.folder.path().join("hf/hub"))?;
    ensure!(cache == [".locks", "models--some--tiny"], "{cache:?}");
    ensure!(
        super::super::files(&root)? == ["blobs", "refs", "snapshots"],
        "odd folders"
    );
    Ok(())
}

#[test]
fn a_part_of_what_is_needed_is_not_fetched_again() -> Result<()> {
    let home = Home::new()?;
    let commit = by_python(&home)?;
    fs::remove_file(
        home.root()
            .join("snapshots")
            .join(commit)
            .join("config.json"),
    )?;
    ensure!(home.state()? == "missing", "{}", home.state()?);
    ok(&mut home.fetch()?)?;
    let asked = home.hub.asked();
    ensure!(
        asked.len() == 1,
        "contents that are here were asked for: {asked:?}"
    );
    home.check_whole()?;
    // The blobs were there before, the links are ours.
    ok(&mut home.barline(&["models", "remove", TINY, "--yes"])?)?;
    Ok(())
}
