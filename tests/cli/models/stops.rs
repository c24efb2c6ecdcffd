//! Ended on purpose or by force, in one process or two: no harm, and it goes on from where it was.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use barline_engine::shelf::{
    Control, FetchError, FetchProgress, Patience, Settings, Shelf, Stage, State, Which,
};

use super::{Fault, Home, TINY, WEIGHTS, ok};

/// The shelf of a home, in this process.
fn shelf(home: &Home) -> Shelf {
    let folder = home.folder.path();
    Shelf::with(Settings {
        cache: folder.join("hf/hub"),
        endpoint: home.hub.endpoint.clone(),
        token: None,
        offline: false,
        lists: Vec::new(),
        records: folder.join("data/barline/shelf"),
        speeds: folder.join("speeds.json"),
        patience: Patience {
            retries: 0,
            ..Patience::default()
        },
    })
}

/// Fetches, and stops it when `moment` comes. Gives the result and how long it took after that.
fn stopped(
    home: &Home,
    moment: &str,
    stop: fn(&Control),
) -> Result<(Result<(), FetchError>, Duration)> {
    let shelf = shelf(home);
    let entry = shelf.find(TINY)?;
    let control = Control::new();
    let other = control.clone();
    home.hub.asked();
    std::thread::scope(|scope| {
        let fetch = scope.spawn(move || {
            let result = shelf.fetch(&entry, Which::Pinned, &other, &mut |_| {});
            (result.map(|_| ()), Instant::now())
        });
        home.hub.wait_for(moment)?;
        std::thread::sleep(Duration::from_millis(100));
        let begin = Instant::now();
        stop(&control);
        let (result, end) = fetch.join().map_err(|_| anyhow::anyhow!("it panicked"))?;
        Ok((result, end - begin))
    })
}

#[test]
fn a_pause_takes_a_moment_and_keeps_what_came() -> Result<()> {
    // The machine may be busy: one of three must be as quick as all should be.
    let mut quickest = Duration::MAX;
    let home = Home::new()?;
    home.hub
        .fail(WEIGHTS, Fault::Stall(Some(250_000)), u32::MAX);
    for _ in 0..3 {
        let (result, took) = stopped(&home, WEIGHTS, Control::pause)?;
        ensure!(result == Err(FetchError::Paused), "{result:?}");
        quickest = quickest.min(took);
    }
    ensure!(
        quickest < Duration::from_millis(100),
        "it took {quickest:?}"
    );
    let shelf = shelf(&home);
    let state = shelf.state(&shelf.find(TINY)?);
    ensure!(
        matches!(
            state,
            State::Partial {
                bytes: 250_000..,
                of: 901_700
            }
        ),
        "{state:?}"
    );
    ensure!(home.state()? == "partial", "{}", home.state()?);
    // Another process goes on.
    home.hub.heal();
    home.hub.asked();
    ok(&mut home.fetch()?)?;
    let asked = home.hub.asked();
    let parts: Vec<_> = asked.iter().filter(|asked| asked.elsewhere).collect();
    ensure!(
        parts.len() == 1 && parts[0].range.as_deref() == Some("bytes=250000-"),
        "{parts:?}"
    );
    home.check_whole()
}

#[test]
fn a_cancelled_fetch_leaves_nothing() -> Result<()> {
    for (end, fault) in [
        ("/main", Fault::Stall(None)),
        (WEIGHTS, Fault::Stall(Some(9))),
    ] {
        let home = Home::new()?;
        home.hub.fail(end, fault, u32::MAX);
        let (result, took) = stopped(&home, end, Control::cancel)?;
        ensure!(result == Err(FetchError::Cancelled), "{result:?}");
        ensure!(took < Duration::from_secs(2), "it took {took:?}");
        ensure!(!home.root().exists(), "left: {:?}", home.blobs()?);
        ensure!(home.state()? == "missing", "{}", home.state()?);
        home.hub.heal();
        ok(&mut home.fetch()?)?;
        home.check_whole()?;
    }
    Ok(())
}

#[test]
fn news_come_with_rate_and_time_left() -> Result<()> {
    let home = Home::new()?;
    home.hub.fail(WEIGHTS, Fault::Slow(60_000, 40), 1);
    let shelf = shelf(&home);
    let mut news: Vec<FetchProgress> = Vec::new();
    let entry = shelf.find(TINY)?;
    let mut states = Vec::new();
    shelf.fetch(&entry, Which::Pinned, &Control::new(), &mut |progress| {
        states.push(shelf.state(&entry));
        news.push(progress.clone());
    })?;
    ensure!(
        news.is_sorted_by_key(|news| news.bytes_done),
        "it goes back: {news:?}"
    );
    let timed = news
        .iter()
        .filter(|news| news.stage == Stage::Fetching && news.seconds_left.is_some());
    ensure!(timed.count() >= 2, "{news:?}");
    ensure!(
        states
            .iter()
            .any(|state| matches!(state, State::Fetching { .. })),
        "{states:?}"
    );
    Ok(())
}

#[test]
fn two_processes_fetch_it_once() -> Result<()> {
    let home = Home::new()?;
    home.hub.fail(WEIGHTS, Fault::Slow(60_000, 30), u32::MAX);
    let spawn = || Ok::<_, anyhow::Error>(home.fetch()?.stderr(Stdio::piped()).spawn()?);
    let children = [spawn()?, spawn()?];
    for child in children {
        let output = child.wait_with_output()?;
        ensure!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    let asked = home.hub.asked();
    let weights = asked.iter().filter(|asked| asked.elsewhere).count();
    ensure!(weights == 1, "the weights came {weights} times");
    home.check_whole()
}

#[cfg(unix)]
#[test]
fn killed_it_goes_on_from_there() -> Result<()> {
    let home = Home::new()?;
    home.hub.fail(WEIGHTS, Fault::Stall(Some(400_000)), 2);
    for signal in ["-KILL", "-INT"] {
        home.hub.asked();
        let mut child = home.fetch()?.stderr(Stdio::piped()).spawn()?;
        // Else the stop comes before the request that stalls, and that is left for later.
        home.hub.wait_for_large(WEIGHTS)?;
        let large = |name: &String| name.contains(".incomplete");
        let mut left = Vec::new();
        for _ in 0..500 {
            left = home.blobs()?.into_iter().filter(large).collect();
            let path = left
                .first()
                .map(|name| home.root().join("blobs").join(name));
            let bytes = path
                .and_then(|path| path.metadata().ok())
                .map_or(0, |facts| facts.len());
            if bytes == 400_000 {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        ensure!(left.len() == 1, "{left:?}");
        ensure!(!home.root().join("snapshots").exists(), "it looks complete");
        Command::new("kill")
            .args([signal, &child.id().to_string()])
            .status()?;
        let status = child.wait()?;
        if signal == "-INT" {
            ensure!(status.code() == Some(130), "{status}");
            let mut said = String::new();
            std::io::Read::read_to_string(&mut child.stderr.take().context("none")?, &mut said)?;
            ensure!(
                said.contains("fetch it again and it goes on from there"),
                "{said}"
            );
        }
        ensure!(home.state()? == "partial", "{}", home.state()?);
    }
    home.hub.asked();
    ok(&mut home.fetch()?)?;
    let asked = home.hub.asked();
    let parts: Vec<_> = asked.iter().filter(|asked| asked.elsewhere).collect();
    ensure!(
        parts.len() == 1 && parts[0].range.as_deref() == Some("bytes=400000-"),
        "{parts:?}"
    );
    home.check_whole()
}
