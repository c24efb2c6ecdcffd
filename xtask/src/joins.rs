//! `cargo xtask joins`: loops of the starter model, and how many of their joins change more than a
//! beat inside does.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::bundle;

/// What is asked for: drums, basses, chords and pads, from slow to fast.
const PROMPTS: [(&str, &str, &str); 10] = [
    ("dusty lo-fi drums", "84", "Am"),
    ("house drums", "124", "Cm"),
    ("drum and bass drums and reese bass", "174", "Fm"),
    ("dark techno with acid bass", "132", "Gm"),
    ("boom bap drums and piano", "92", "Em"),
    ("ambient pad, no drums", "70", "D"),
    ("solo electric piano chords, no drums", "80", "Bm"),
    ("funk guitar and bass guitar, no drums", "106", "E"),
    ("trap drums and bells", "144", "F#m"),
    ("synthwave arpeggio and pad", "108", "A"),
];
/// Loops from each prompt.
const TAKES: u32 = 20;
/// The share of joins that must not be heard.
const WANTED: f64 = 0.99;

/// What was measured of one loop.
struct Join {
    path: String,
    /// Nothing ends there more than at a beat inside, and there is no click.
    unheard: bool,
    /// It changes no more than a beat inside, the attack of the first beat counted as well.
    changes_no_more: bool,
}

/// Makes the loops with the release build, measures them, and says how many pass.
pub(crate) fn run() -> Result<()> {
    let status = Command::new(env!("CARGO"))
        .args(["build", "--release", "--package", "barline-engine"])
        .status()?;
    ensure!(status.success(), "the build failed");
    let name = format!("barline{}", std::env::consts::EXE_SUFFIX);
    let barline = bundle::target_folder()?.join("release").join(name);
    let folder = bundle::target_folder()?.join("joins");
    std::fs::create_dir_all(&folder)?;
    let mut joins = Vec::new();
    for (index, (prompt, bpm, key)) in PROMPTS.into_iter().enumerate() {
        joins.extend(measure(&barline, &folder, index, [prompt, bpm, key])?);
    }
    for join in joins.iter().filter(|join| !join.unheard) {
        println!("{}: the join can be heard", join.path);
    }
    let share = |of: fn(&Join) -> bool| {
        joins.iter().filter(|join| of(join)).count() as f64 / joins.len() as f64
    };
    let unheard = share(|join| join.unheard);
    println!(
        "of {} joins, nothing gives {:.1} % away; {:.1} % change no more than a beat inside",
        joins.len(),
        unheard * 100.0,
        share(|join| join.changes_no_more) * 100.0
    );
    ensure!(unheard >= WANTED, "asked for are {:.0} %", WANTED * 100.0);
    Ok(())
}

/// Makes the loops of one prompt and measures them.
fn measure(
    barline: &Path,
    folder: &Path,
    index: usize,
    [prompt, bpm, key]: [&str; 3],
) -> Result<Vec<Join>> {
    let out = folder.join(format!("prompt{index}.wav"));
    let status = Command::new(barline)
        .args([
            "generate", prompt, "--bpm", bpm, "--key", key, "--seed", "1",
        ])
        .args(["--takes", &TAKES.to_string(), "--out"])
        .arg(&out)
        .stderr(Stdio::null())
        .status()
        .with_context(|| format!("cannot run {}", barline.display()))?;
    ensure!(status.success(), "{prompt}: {status}");
    let files = (1..=TAKES).map(|take| folder.join(format!("prompt{index}-{take}.wav")));
    let output = Command::new(barline)
        .args(["measure", "--json"])
        .args(files)
        .output()?;
    let found: Value = serde_json::from_slice(&output.stdout)?;
    let files = found["files"].as_array().context("no files measured")?;
    let join = |file: &Value| {
        let says = |name: &str| file["join"][name].as_bool().context("no join measured");
        Ok(Join {
            path: file["path"].as_str().unwrap_or_default().to_owned(),
            unheard: says("unheard")?,
            changes_no_more: says("changes_no_more")?,
        })
    };
    files.iter().map(join).collect()
}
