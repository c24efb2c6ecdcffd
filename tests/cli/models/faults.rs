//! Everything that goes wrong between the hub and the cache: one message, and a success after it.

use anyhow::{Result, ensure};

use super::{Fault, Home, TINY, WEIGHTS, bad, ok};

/// The fault makes the fetch fail with these words; healed, the same command succeeds.
fn fails(end: &'static str, fault: Fault, words: &[&str]) -> Result<Home> {
    let home = Home::new()?;
    let label = format!("{fault:?}");
    home.hub.fail(end, fault, u32::MAX);
    let why = bad(home.fetch()?.env("HF_HUB_DOWNLOAD_TIMEOUT", "1"), 1)?;
    for word in words {
        ensure!(why.contains(word), "{label}: {why:?} without {word:?}");
    }
    ensure!(home.state()? != "here", "{label}: it is said to be here");
    home.hub.heal();
    home.hub.asked();
    ok(&mut home.fetch()?)?;
    home.check_whole()?;
    Ok(home)
}

/// Which parts of the weights were asked for.
fn ranges(home: &Home) -> Vec<Option<String>> {
    let asked = home.hub.asked();
    let parts = asked.into_iter().filter(|asked| asked.elsewhere);
    parts.map(|asked| asked.range).collect()
}

#[test]
fn a_cut_goes_on_at_its_byte() -> Result<()> {
    let words = [
        "cut in model.safetensors after 300000 of 570920",
        "goes on from there",
    ];
    let home = fails(WEIGHTS, Fault::Cut(300_000), &words)?;
    let parts = ranges(&home);
    ensure!(parts == [Some("bytes=300000-".to_owned())], "{parts:?}");
    // By itself, where it may try again.
    let home = Home::new()?;
    home.hub.fail(WEIGHTS, Fault::Cut(0), 1);
    home.hub.fail(WEIGHTS, Fault::Cut(100), 1);
    ok(&mut home.barline(&["models", "fetch", TINY, "--yes"])?)?;
    home.check_whole()
}

#[test]
fn a_server_without_parts_begins_anew() -> Result<()> {
    let home = Home::new()?;
    home.hub.fail(WEIGHTS, Fault::Cut(300_000), 1);
    bad(&mut home.fetch()?, 1)?;
    home.hub.heal();
    home.hub.fail(WEIGHTS, Fault::Whole, u32::MAX);
    ok(&mut home.fetch()?)?;
    home.check_whole()
}

#[test]
fn the_hub_says_no() -> Result<()> {
    let no = |status, headers, words: &[&str]| {
        fails("/main", Fault::Status(status, headers), words).map(|_| ())
    };
    no(404, "", &["no model some/tiny", "check the name"])?;
    no(
        401,
        "X-Error-Code: RepoNotFound\r\n",
        &["no model some/tiny", "HF_TOKEN"],
    )?;
    no(403, "", &["does not accept the token", "/settings/tokens"])?;
    no(
        429,
        "Retry-After: 7\r\n",
        &["too many requests", "again in 7 s"],
    )?;
    no(503, "", &["status 503", "a few minutes"])?;
    let gated = ["accepted its terms", "/some/tiny", "HF_TOKEN"];
    fails(
        "/config.json",
        Fault::Status(403, "X-Error-Code: GatedRepo\r\n"),
        &gated,
    )?;
    fails(
        "/main",
        Fault::Nonsense,
        &["not answer as a model hub", "HF_ENDPOINT"],
    )?;
    fails(
        WEIGHTS,
        Fault::Status(500, ""),
        &["status 500", "what has come is kept"],
    )?;
    let gone = ["no tokenizer.json", "choose another"];
    fails(
        "/tokenizer.json",
        Fault::Status(404, "X-Error-Code: EntryNotFound\r\n"),
        &gone,
    )?;
    Ok(())
}

#[test]
fn what_passes_is_tried_again() -> Result<()> {
    let home = Home::new()?;
    home.hub
        .fail("/main", Fault::Status(429, "Retry-After: 0\r\n"), 2);
    home.hub.fail("/config.json", Fault::Status(502, ""), 1);
    // What came damaged is fetched anew, once.
    home.hub.fail("/tokenizer.json", Fault::Damage, 1);
    ok(&mut home.barline(&["models", "fetch", TINY, "--yes"])?)?;
    home.check_whole()
}

#[test]
fn what_is_not_the_hubs_is_not_kept() -> Result<()> {
    let wrong = ["model.safetensors came damaged", "anew"];
    let home = fails(WEIGHTS, Fault::Damage, &wrong)?;
    ensure!(ranges(&home) == [None], "a damaged part was kept");
    let long = ["model.safetensors came with 570930 bytes", "says 570920"];
    fails(WEIGHTS, Fault::Length(10), &long)?;
    fails(WEIGHTS, Fault::Length(-10), &["came with 570910 bytes"])?;
    fails("/config.json", Fault::Damage, &["config.json came damaged"])?;
    Ok(())
}

#[test]
fn circles_and_silence_end() -> Result<()> {
    let home = Home::new()?;
    home.hub.fail("/config.json", Fault::Circle, u32::MAX);
    home.hub.fail("/config.json-again", Fault::Circle, u32::MAX);
    let why = bad(&mut home.fetch()?, 1)?;
    ensure!(why.contains("in circles for config.json"), "{why}");
    home.hub.heal();
    ok(&mut home.fetch()?)?;
    let silent = ["sent nothing for 1 s", "goes on where it was"];
    let home = fails(WEIGHTS, Fault::Stall(Some(200_000)), &silent)?;
    let parts = ranges(&home);
    ensure!(parts == [Some("bytes=200000-".to_owned())], "{parts:?}");
    fails("/main", Fault::Stall(None), &silent)?;
    Ok(())
}

#[test]
fn nobody_there_or_nobody_to_be_asked() -> Result<()> {
    let home = Home::new()?;
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0")?
        .local_addr()?
        .port();
    let nowhere = format!("http://127.0.0.1:{port}");
    let why = bad(home.fetch()?.env("HF_ENDPOINT", nowhere), 1)?;
    ensure!(
        why.contains("no connection to 127.0.0.1") && why.contains("check the network"),
        "{why}"
    );
    let why = bad(home.fetch()?.env("HF_ENDPOINT", "not an address"), 1)?;
    ensure!(why.contains("HF_ENDPOINT"), "{why}");

    let offline = |command: &mut std::process::Command| bad(command.env("HF_HUB_OFFLINE", "1"), 1);
    let why = offline(&mut home.fetch()?)?;
    ensure!(
        why.contains("offline mode is on") && why.contains("HF_HUB_OFFLINE"),
        "{why}"
    );
    let generate = [
        "generate",
        "x",
        "--seconds",
        "0.5",
        "--model",
        TINY,
        "--out",
        "a.wav",
    ];
    let why = offline(&mut home.barline(&generate)?)?;
    ensure!(why.contains("offline mode is on"), "{why}");
    ensure!(home.hub.asked().is_empty(), "the hub was asked");
    ok(&mut home.fetch()?)?;
    home.hub.asked();
    ok(home.barline(&generate)?.env("HF_HUB_OFFLINE", "1"))?;
    ensure!(home.hub.asked().is_empty(), "the hub was asked");
    Ok(())
}

#[cfg(unix)]
#[test]
fn a_cache_of_somebody_else_is_named() -> Result<()> {
    let home = Home::new()?;
    std::fs::write(home.folder.path().join("hf"), "a file")?;
    let why = bad(&mut home.fetch()?, 1)?;
    ensure!(why.contains("hf/hub"), "{why}");
    std::fs::remove_file(home.folder.path().join("hf"))?;
    ok(&mut home.fetch()?)?;
    home.check_whole()
}

/// A cache on a small disk of its own (see `super::super::disk`).
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_known_before_and_noticed_after() -> Result<()> {
    use crate::programs::barline;
    let home = Home::new()?;
    home.hub.fail(WEIGHTS, Fault::Slow(10_000, 20), 1);
    // First too small; then large enough, but filled while the weights come; then emptied again.
    let script = "mkdir -p hf && mount -t tmpfs -o size=500k tmpfs hf || exit 77
        \"$0\" models fetch some/tiny --yes --retries 0; echo \"first $?\" >&2
        ls -A hf/hub >&2
        mount -o remount,size=1200k hf
        \"$0\" models fetch some/tiny --yes --retries 0 & fetch=$!
        until ls hf/hub/models--some--tiny/blobs/*.incomplete >/dev/null 2>&1; do sleep 0.02; done
        sleep 0.05; cat /dev/zero > hf/filler 2>/dev/null
        wait $fetch; echo \"second $?\" >&2
        rm hf/filler
        \"$0\" models fetch some/tiny --yes --retries 0; echo \"third $?\" >&2
        \"$0\" models verify some/tiny; echo \"fourth $?\" >&2";
    let mut command = std::process::Command::new("unshare");
    command.args(["--map-root-user", "--mount", "sh", "-c", script]);
    command.arg(barline()?).current_dir(home.folder.path());
    home.environment(&mut command);
    let Ok(output) = command.output() else {
        return Ok(());
    };
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.code() == Some(77) || said.starts_with("unshare:") {
        eprintln!("not tested, mounting a tmpfs is not permitted here: {said}");
        return Ok(());
    }
    let parts: Vec<&str> = said.split("first 1\n").collect();
    ensure!(parts.len() == 2, "{said}");
    ensure!(
        parts[0].contains("are needed and") && parts[0].contains("make room"),
        "{said}"
    );
    let parts: Vec<&str> = parts[1].split("second 1\n").collect();
    ensure!(parts.len() == 2, "{said}");
    ensure!(
        parts[0].contains("no space for it") && parts[0].contains("make room"),
        "{said}"
    );
    ensure!(
        parts[1].contains("third 0") && parts[1].contains("fourth 0"),
        "{said}"
    );
    Ok(())
}
