//! `barline models` and `--model` against a hub of our own, on the loopback.
//!
//! Each test has a home and a hub of its own; the model is a tiny random one in the published
//! layout. What goes wrong ends in one line that says what to do, and in a success when the same
//! command is run after that.

mod elsewhere;
mod faults;
mod keeping;
mod stops;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tempfile::{TempDir, tempdir};

use crate::programs::barline;
use crate::requests::golden;
use barline_hub::{Fault, Hub};

/// The model that is served.
const TINY: &str = "some/tiny";
/// Its weights.
const WEIGHTS: &str = "/model.safetensors";

/// A user who has nothing yet, and a hub that has one model.
struct Home {
    folder: TempDir,
    hub: Hub,
}

impl Home {
    fn new() -> Result<Self> {
        Self::of("mono")
    }

    fn of(model: &str) -> Result<Self> {
        Ok(Self {
            folder: tempdir()?,
            hub: Hub::with(TINY, &golden(model))?,
        })
    }

    /// The program in this user's environment.
    fn barline(&self, args: &[&str]) -> Result<Command> {
        let mut command = Command::new(barline()?);
        command.args(args).current_dir(self.folder.path());
        self.environment(&mut command);
        Ok(command)
    }

    fn environment(&self, command: &mut Command) {
        for name in [
            "HF_HUB_CACHE",
            "HF_TOKEN",
            "HF_HUB_OFFLINE",
            "HF_HUB_DOWNLOAD_TIMEOUT",
            "BARLINE_SHELF",
            "http_proxy",
            "HTTP_PROXY",
            "all_proxy",
            "ALL_PROXY",
        ] {
            command.env_remove(name);
        }
        command
            .env("HOME", self.folder.path())
            .env("XDG_DATA_HOME", self.folder.path().join("data"))
            .env("XDG_CONFIG_HOME", self.folder.path().join("config"))
            .env("HF_HOME", self.folder.path().join("hf"))
            .env("HF_ENDPOINT", &self.hub.endpoint);
    }

    /// `barline models fetch some/tiny --yes`, without a second try.
    fn fetch(&self) -> Result<Command> {
        self.barline(&["models", "fetch", TINY, "--yes", "--retries", "0"])
    }

    /// Fetches and gives the facts.
    fn fetched(&self) -> Result<Value> {
        let text = ok(self.fetch()?.arg("--json"))?;
        Ok(serde_json::from_str(&text)?)
    }

    /// The model's folder in the cache.
    fn root(&self) -> PathBuf {
        self.folder.path().join("hf/hub/models--some--tiny")
    }

    /// Names of the contents in the cache.
    fn blobs(&self) -> Result<Vec<String>> {
        let folder = self.root().join("blobs");
        if !folder.exists() {
            return Ok(Vec::new());
        }
        super::files(&folder)
    }

    /// What `models info` says is the state.
    fn state(&self) -> Result<String> {
        let text = ok(&mut self.barline(&["models", "info", TINY, "--json"])?)?;
        let facts: Value = serde_json::from_str(&text)?;
        Ok(facts["state"].as_str().context("no state")?.to_owned())
    }

    /// Holds every file of the snapshot against the hub's.
    fn check_whole(&self) -> Result<()> {
        let facts = self.fetched()?;
        let path = Path::new(facts["path"].as_str().context("no path")?);
        let files = self.hub.files(TINY);
        for name in super::files(path)? {
            ensure!(
                files.get(&name) == Some(&std::fs::read(path.join(&name))?),
                "{name} is not the hub's"
            );
        }
        ensure!(
            self.blobs()?.iter().all(|name| !name.contains('.')),
            "halves are left"
        );
        ensure!(self.state()? == "here", "it is not here");
        ok(&mut self.barline(&["models", "verify", TINY])?)?;
        Ok(())
    }
}

/// Runs what must succeed; gives standard output.
fn ok(command: &mut Command) -> Result<String> {
    super::run(command)
}

/// Runs what must fail with this code; gives its last line, which must be one that says why.
fn bad(command: &mut Command, code: i32) -> Result<String> {
    let output = command.output()?;
    last_line(command, &output, code)
}

fn last_line(command: &Command, output: &Output, code: i32) -> Result<String> {
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.code() == Some(code),
        "{command:?}: {}\n{errors}",
        output.status
    );
    let said: Vec<&str> = errors
        .lines()
        .filter(|line| line.starts_with("barline: "))
        .collect();
    ensure!(
        said.len() == 1,
        "{command:?} says why in {} lines:\n{errors}",
        said.len()
    );
    ensure!(!errors.contains("panicked"), "{command:?}: {errors}");
    Ok(said[0].to_owned())
}

#[test]
fn a_model_is_fetched_loaded_and_heard() -> Result<()> {
    let home = Home::new()?;
    let generate = |home: &Home| {
        let out = home.folder.path().join("loop.wav");
        let mut command = home.barline(&["generate", "techno drums", "--seconds", "1"])?;
        command
            .args(["--seed", "1", "--model", TINY, "--json", "--out"])
            .arg(out);
        Ok::<_, anyhow::Error>(command)
    };
    // Nobody can be asked: the command that fetches it is in the message.
    let why = bad(&mut generate(&home)?, 2)?;
    ensure!(
        why.contains("`barline models fetch some/tiny --yes`"),
        "{why}"
    );
    let why = bad(&mut home.barline(&["models", "fetch", TINY])?, 2)?;
    ensure!(
        why.contains("no terminal") && why.contains("--yes"),
        "{why}"
    );
    ensure!(home.hub.asked().is_empty(), "it was asked all the same");

    let output = home.fetch()?.env("HF_TOKEN", "hf_secret").output()?;
    let said = String::from_utf8(output.stderr)?;
    ensure!(output.status.success(), "{said}");
    for words in [
        "cc-by-nc-4.0",
        "Not for commercial releases",
        "901.7 kB to fetch",
        "5 files",
    ] {
        ensure!(said.contains(words), "without {words:?}: {said}");
    }
    let mut names = Vec::new();
    for asked in home.hub.asked() {
        let token = asked.authorization.as_deref() == Some("Bearer hf_secret");
        ensure!(token != asked.elsewhere, "the token went astray: {asked:?}");
        ensure!(asked.method == "GET", "{asked:?}");
        if !asked.elsewhere {
            names.extend(asked.path.rsplit('/').next().map(str::to_owned));
        }
    }
    let needed = [
        "main",
        "config.json",
        "tokenizer.json",
        "generation_config.json",
        "README.md",
        "model.safetensors",
    ];
    ensure!(names == needed, "asked for {names:?}");
    home.check_whole()?;
    ensure!(home.hub.asked().is_empty(), "what is here needs no hub");

    let facts: Value = serde_json::from_str(&ok(&mut generate(&home)?)?)?;
    let take = &facts["takes"][0];
    ensure!(take["model"] == TINY, "it is called {}", take["model"]);
    let rights = take["rights"].as_str().unwrap_or_default();
    ensure!(rights.contains("excludes commercial use"), "{rights}");
    let (_, channels) = super::read(&home.folder.path().join("loop.wav"))?;
    ensure!(channels[0].iter().any(|sample| *sample != 0.0), "silence");
    // The file says which model it was made with, and that is found again.
    let file = home.folder.path().join("loop.wav");
    ok(home.barline(&["regenerate", "--model", TINY])?.arg(file))?;
    let again = super::read(&home.folder.path().join("loop_again.wav"))?;
    ensure!(again.1 == channels, "other samples");
    Ok(())
}

#[test]
fn parts_of_weights_and_terse_mirrors_do_too() -> Result<()> {
    let home = Home::of("mono_sharded_bf16")?;
    home.hub.fail("/main", Fault::Terse, 1);
    let facts = home.fetched()?;
    ensure!(
        facts["files"].as_array().map(Vec::len) == Some(12),
        "{facts}"
    );
    let heads = home.hub.asked();
    let heads = heads.iter().filter(|asked| asked.method == "HEAD").count();
    ensure!(heads == 12, "{heads} questions for lengths");
    home.check_whole()?;
    let out = home.folder.path().join("loop.wav");
    let mut command = home.barline(&["generate", "x", "--seconds", "0.5", "--model", TINY])?;
    ok(command.arg("--out").arg(out))?;
    Ok(())
}

#[test]
fn names_of_models_mean_what_the_shelf_says() -> Result<()> {
    let home = Home::new()?;
    let list: Vec<Value> =
        serde_json::from_str(&ok(&mut home.barline(&["models", "list", "--json"])?)?)?;
    ensure!(list.len() == 11, "{} models", list.len());
    let small = list
        .iter()
        .find(|model| model["name"] == "small")
        .context("no small")?;
    ensure!(
        small["rights"] == "non-commercial" && small["state"] == "missing",
        "{small}"
    );
    ensure!(
        small["memory"].as_array().map(Vec::len) == Some(4),
        "{small}"
    );
    let text = ok(&mut home.barline(&["models", "list"])?)?;
    ensure!(
        text.contains("stereo-melody-large") && text.contains("not yet: melody"),
        "{text}"
    );

    let generate =
        |model: &str| home.barline(&["generate", "x", "--seconds", "1", "--model", model]);
    let why = bad(&mut generate("smal")?, 2)?;
    ensure!(
        why.contains("smal:") && why.contains("small, medium"),
        "{why}"
    );
    let why = bad(&mut generate("melody")?, 1)?;
    ensure!(why.contains("later version"), "{why}");
    let why = bad(&mut generate("medium")?, 2)?;
    ensure!(why.contains("fetch medium --yes"), "{why}");
    ok(generate("starter")?.args(["--out", "a.wav"]))?;

    // A list of the user's own.
    let own = home.folder.path().join("own.toml");
    std::fs::write(
        &own,
        "[[models]]\nname = \"mine\"\nid = \"some/tiny\"\nlicence = \"mit\"\n",
    )?;
    let mut info = home.barline(&["models", "info", "mine", "--json"])?;
    let facts: Value = serde_json::from_str(&ok(info.env("BARLINE_SHELF", &own))?)?;
    ensure!(facts["rights"] == "commercial", "{facts}");
    ok(home
        .barline(&["models", "fetch", "mine", "--yes"])?
        .env("BARLINE_SHELF", &own))?;
    let mut mine = generate("mine")?;
    ok(mine.env("BARLINE_SHELF", &own).args(["--out", "b.wav"]))?;
    // One that is broken is left out, and said to be.
    std::fs::create_dir_all(home.folder.path().join("config/barline"))?;
    std::fs::write(
        home.folder.path().join("config/barline/shelf.toml"),
        "[[models]]\nname = 1",
    )?;
    let output = home.barline(&["models", "list"])?.output()?;
    let said = String::from_utf8(output.stderr)?;
    ensure!(
        output.status.success() && said.contains("shelf.toml: line 2"),
        "{said}"
    );
    Ok(())
}

/// A terminal is one of util-linux's `script`.
#[cfg(target_os = "linux")]
#[test]
fn somebody_is_asked_once() -> Result<()> {
    use std::io::Write;
    use std::process::Stdio;
    let home = Home::new()?;
    let program = barline()?.display().to_string();
    for (answer, made) in [("n\n", false), ("y\n", true)] {
        let line = format!("{program} generate x --seconds 0.5 --model {TINY} --out loop.wav");
        let mut command = Command::new("script");
        command
            .args(["-qec", &line, "/dev/null"])
            .current_dir(home.folder.path());
        home.environment(&mut command);
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let Ok(mut child) = child else {
            eprintln!("not tested, there is no `script` here");
            return Ok(());
        };
        let mut stdin = child.stdin.take().context("no standard input")?;
        home.hub.wait_for("/main")?;
        std::thread::sleep(std::time::Duration::from_millis(300));
        stdin.write_all(answer.as_bytes())?;
        // Its end would be the terminal's.
        let output = child.wait_with_output()?;
        drop(stdin);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        ensure!(said.matches("[y/N]").count() == 1, "{said}");
        ensure!(
            said.contains("kB to fetch. Licence: cc-by-nc-4.0"),
            "{said}"
        );
        ensure!(output.status.success() == made, "{said}");
        ensure!(
            home.folder.path().join("loop.wav").exists() == made,
            "{said}"
        );
        home.hub.asked();
    }
    Ok(())
}
