//! What was fetched stays as it is, can be checked, mended and removed.

use std::fs;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::{Home, TINY, bad, ok};
use barline_hub::large;

#[test]
fn it_stays_as_it_was_until_newer_is_asked_for() -> Result<()> {
    let home = Home::new()?;
    let first = home.fetched()?["revision"].clone();
    let mut files = home.hub.files(TINY);
    files.insert(
        "README.md".into(),
        b"---\nlicense: mit\n---\nnewer".to_vec(),
    );
    let newer = home.hub.push(TINY, files);
    home.hub.asked();
    ensure!(home.fetched()?["revision"] == first, "it is another");
    // Even when another program has fetched the newer one's beginning.
    fs::write(home.root().join("refs/main"), &newer)?;
    ensure!(home.fetched()?["revision"] == first, "it is another");
    // And when it is gone from here.
    fs::remove_dir_all(home.root())?;
    ensure!(home.state()? == "missing", "{}", home.state()?);
    ensure!(home.fetched()?["revision"] == first, "it is another");
    home.hub.asked();
    let mut update = home.barline(&["models", "fetch", TINY, "--yes", "--update", "--json"])?;
    let facts: Value = serde_json::from_str(&ok(&mut update)?)?;
    ensure!(facts["revision"] == newer.as_str(), "{facts}");
    let asked = home.hub.asked();
    let names: Vec<_> = asked
        .iter()
        .filter_map(|asked| asked.path.rsplit('/').next())
        .collect();
    ensure!(names == ["main", "README.md"], "asked for {names:?}");
    ensure!(
        home.fetched()?["revision"] == newer.as_str(),
        "it is the older"
    );
    ensure!(
        fs::read_to_string(home.root().join("refs/main"))? == newer,
        "main is the older"
    );
    // What came before goes along.
    ok(&mut home.barline(&["models", "remove", TINY, "--yes"])?)?;
    ensure!(!home.root().exists(), "left: {:?}", home.blobs()?);
    ensure!(home.state()? == "missing", "{}", home.state()?);
    Ok(())
}

#[test]
fn a_revision_that_is_gone_is_named() -> Result<()> {
    let home = Home::new()?;
    home.fetched()?;
    let files = home.hub.files(TINY);
    let other = Home::new()?;
    other.hub.push(TINY, files);
    fs::remove_dir_all(home.root())?;
    home.hub.fail(
        "",
        super::Fault::Status(404, "X-Error-Code: RevisionNotFound\r\n"),
        1,
    );
    let why = bad(&mut home.fetch()?, 1)?;
    ensure!(
        why.contains("no longer there") && why.contains("--update"),
        "{why}"
    );
    ok(home.fetch()?.arg("--update"))?;
    home.check_whole()
}

#[test]
fn damage_is_found_and_mended() -> Result<()> {
    let home = Home::new()?;
    home.fetched()?;
    let weights = home.hub.files(TINY)["model.safetensors"].clone();
    let blob = home.root().join("blobs").join(large(&weights));
    let mut bytes = weights.clone();
    bytes[1000] ^= 1;
    fs::write(&blob, &bytes)?;
    let why = bad(&mut home.barline(&["models", "verify", TINY])?, 1)?;
    ensure!(
        why.contains("model.safetensors has another content"),
        "{why}"
    );
    ensure!(why.contains("--repair"), "{why}");
    fs::write(&blob, &bytes[..9])?;
    let why = bad(&mut home.barline(&["models", "verify", TINY])?, 1)?;
    ensure!(why.contains("another length"), "{why}");
    ensure!(home.state()? != "here", "it is said to be here");
    fs::remove_file(&blob)?;
    let why = bad(&mut home.barline(&["models", "verify", TINY])?, 1)?;
    ensure!(why.contains("is missing"), "{why}");
    fs::write(&blob, &bytes)?;
    home.hub.asked();
    ok(&mut home.barline(&["models", "verify", TINY, "--repair"])?)?;
    let asked = home.hub.asked();
    ensure!(
        asked
            .iter()
            .filter(|asked| asked.path.contains("/resolve/"))
            .count()
            == 2,
        "{asked:?}"
    );
    home.check_whole()
}

#[test]
fn what_others_use_is_not_removed() -> Result<()> {
    let home = Home::new()?;
    let path = home.fetched()?["path"]
        .as_str()
        .context("no path")?
        .to_owned();
    // Another program's revision, which has the same weights.
    let other = home.root().join("snapshots").join("a".repeat(40));
    fs::create_dir_all(&other)?;
    let weights = large(&home.hub.files(TINY)["model.safetensors"]);
    #[cfg(unix)]
    std::os::unix::fs::symlink(
        format!("../../blobs/{weights}"),
        other.join("model.safetensors"),
    )?;
    // And a file that it put beside ours.
    fs::write(format!("{path}/notes.txt"), "theirs")?;
    let why = bad(&mut home.barline(&["models", "remove", TINY])?, 2)?;
    ensure!(
        why.contains("no terminal") && why.contains("--yes"),
        "{why}"
    );
    ok(&mut home.barline(&["models", "remove", TINY, "--yes"])?)?;
    ensure!(
        super::super::files(path.as_ref())? == ["notes.txt"],
        "{path}"
    );
    ensure!(home.blobs()? == [weights], "{:?}", home.blobs()?);
    let why = bad(&mut home.barline(&["models", "remove", TINY, "--yes"])?, 1)?;
    ensure!(why.contains("is not on this machine"), "{why}");
    let why = bad(
        &mut home.barline(&["models", "remove", "starter", "--yes"])?,
        2,
    )?;
    ensure!(why.contains("built in"), "{why}");
    Ok(())
}

#[cfg(unix)]
#[test]
fn half_a_fetch_is_removed_too() -> Result<()> {
    let home = Home::new()?;
    home.hub.fail(super::WEIGHTS, super::Fault::Cut(5000), 1);
    bad(&mut home.fetch()?, 1)?;
    ensure!(home.state()? == "partial", "{}", home.state()?);
    ok(&mut home.barline(&["models", "remove", TINY, "--yes"])?)?;
    ensure!(!home.root().exists(), "left: {:?}", home.blobs()?);
    Ok(())
}
