//! `barline measure`: what sound files really are, and what loop would come of them.
//!
//! Main thread.

use std::io::Write;
use std::path::Path;

use barline_engine::file::{self, Recipe};
use barline_engine::fit::{self, Fitted, Grid, Hint, Measured, Seam, Target};
use barline_engine::{Fit, Length};
use serde::Serialize;

use super::Failure;
use super::args::MeasureArgs;

/// More is no loop.
const MOST_BARS: u32 = 64;

/// What `--json` says of a file.
#[derive(Serialize)]
struct Findings<'a> {
    path: &'a Path,
    seconds: f64,
    #[serde(flatten)]
    measured: Measured,
    /// Of a loop whose recipe says how many beats it has.
    join: Option<Join>,
    /// Where bars are asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    as_bars: Option<AsBars>,
}

/// What `--json` says of a file that is made whole bars.
#[derive(Serialize)]
struct AsBars {
    #[serde(flatten)]
    fitted: Fitted,
    /// What is found in the loop.
    after: Measured,
}

/// What `--json` says of a join.
#[derive(Serialize)]
struct Join {
    unheard: bool,
    changes_no_more: bool,
    #[serde(flatten)]
    seam: Seam,
}

/// Runs the command.
pub(crate) fn run(args: &MeasureArgs) -> Result<(), Failure> {
    if args.bpm.is_some_and(|bpm| !(20.0..=400.0).contains(&bpm)) {
        return Err(Failure::Argument(
            "--bpm must be between 20 and 400".to_owned(),
        ));
    }
    if args.beats_per_bar.is_some_and(|beats| beats == 0) {
        return Err(Failure::Argument(
            "--beats-per-bar is 0, but must be at least 1".to_owned(),
        ));
    }
    if args
        .bars
        .is_some_and(|bars| !(1..=MOST_BARS).contains(&bars))
    {
        return Err(Failure::Argument(format!(
            "--bars must be between 1 and {MOST_BARS}"
        )));
    }
    let mut out = std::io::stdout().lock();
    let mut all = Vec::with_capacity(args.files.len());
    for path in &args.files {
        let (rate_hz, channels) = file::read(path)?;
        let length = Recipe::read(path).ok().map(|recipe| recipe.facts.length);
        let measured = fit::measure(&channels, rate_hz, hint(args, length));
        let seam = match length {
            Some(Length::Bars {
                bars,
                beats_per_bar,
                ..
            }) => fit::seam(&channels, rate_hz, bars.saturating_mul(beats_per_bar)),
            _ => None,
        };
        let as_bars = as_bars(args, &channels, rate_hz);
        let seconds = channels.first().map_or(0, Vec::len) as f64 / f64::from(rate_hz);
        if args.json {
            all.push(Findings {
                path,
                seconds,
                measured,
                join: seam.map(|seam| Join {
                    unheard: seam.unheard(),
                    changes_no_more: seam.changes_no_more(),
                    seam,
                }),
                as_bars,
            });
        } else {
            let words = in_words(&measured, seam);
            let bars = as_bars.map_or_else(String::new, |bars| bars_in_words(&bars));
            writeln!(out, "{}: {words}{bars}", path.display())?;
        }
    }
    if args.json {
        let text = serde_json::to_string(&all).map_err(std::io::Error::from)?;
        writeln!(out, "{{\"files\": {text}}}")?;
    }
    out.flush()?;
    Ok(())
}

/// What was asked of the clip: the arguments, else the file's own recipe.
fn hint(args: &MeasureArgs, length: Option<Length>) -> Hint {
    let (tempo_bpm, beats_per_bar) = match length {
        Some(Length::Bars {
            tempo_bpm,
            beats_per_bar,
            ..
        }) => (Some(tempo_bpm), beats_per_bar),
        _ => (None, 4),
    };
    Hint {
        tempo_bpm: args.bpm.or(tempo_bpm),
        beats_per_bar: args.beats_per_bar.unwrap_or(beats_per_bar),
    }
}

/// What becomes of a file that is made the bars asked for.
fn as_bars(args: &MeasureArgs, channels: &[Vec<f32>], rate_hz: u32) -> Option<AsBars> {
    let target = Target {
        bars: args.bars?,
        beats_per_bar: args.beats_per_bar.unwrap_or(4),
        tempo_bpm: args.bpm?,
        play_at_bpm: None,
        loudness_lufs: Fit::default().loudness_lufs,
    };
    // The stretch takes one or two channels, as loops have.
    let (channels, fitted) = fit::into_bars(&channels[..channels.len().min(2)], rate_hz, &target);
    let after = fit::measure(&channels, rate_hz, hint(args, None));
    Some(AsBars { fitted, after })
}

fn bars_in_words(bars: &AsBars) -> String {
    let how = match bars.fitted.grid {
        Grid::Steady { .. } => format!(
            "from {:.3} s on, {:.2} % longer",
            bars.fitted.start_seconds,
            (bars.fitted.stretch - 1.0) * 100.0
        ),
        Grid::Beatless => "cut to length, as there are no beats".to_owned(),
        Grid::Free => "cut to length, as no tempo can be trusted".to_owned(),
    };
    format!("; as bars: {how}, score {}", bars.fitted.score.total)
}

fn in_words(measured: &Measured, seam: Option<Seam>) -> String {
    let sure = |confidence: f32| format!("{:.0} % sure", confidence * 100.0);
    let pulse = match &measured.pulse {
        Some(pulse) => format!(
            "{:.2} BPM ({}), first beat at {:.3} s, first bar at {:.3} s{}",
            pulse.tempo_bpm,
            sure(pulse.confidence),
            pulse.first_beat_seconds,
            pulse.beat_seconds(pulse.downbeat),
            pulse
                .swing
                .filter(|&swing| swing > 0.03)
                .map_or_else(String::new, |swing| format!(", swing {swing:.2}"))
        ),
        None if measured.beatless() => "no beats".to_owned(),
        None => "no steady pulse".to_owned(),
    };
    let key = match &measured.key {
        Some(found) => format!("{} ({})", found.key, sure(found.confidence)),
        None => "no key".to_owned(),
    };
    let join = match seam {
        Some(seam) if seam.unheard() => "; nothing gives the join away",
        Some(_) => "; the join can be heard",
        None => "",
    };
    format!("{pulse}; {key}{join}")
}
