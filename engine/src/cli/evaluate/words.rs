//! The report as text: a line for each file, then what it comes to.
//!
//! Main thread.

use std::fmt::Write;

use super::figures::FIGURES;
use super::report::{Entry, Report, Set};

/// All of it.
pub(super) fn all(report: &Report) -> String {
    let mut out = String::new();
    for entry in &report.set.files {
        if let Some(line) = line(entry) {
            out += &line;
            out.push('\n');
        }
    }
    out.push('\n');
    summary(&mut out, &report.set);
    if let Some(against) = &report.against {
        out.push('\n');
        summary(&mut out, against);
    }
    if let Some(frechet) = &report.frechet_distance {
        // Writing into a string cannot fail.
        let _ = write!(
            out,
            "\nFréchet distance of the log-mel frames: {:.1} dB",
            frechet.log_mel_frames_db
        );
        if let Some(halves) = frechet.against_halves_db {
            let _ = write!(out, " (halves of the other set: {halves:.1} dB)");
        }
        out.push('\n');
    }
    out
}

/// What was found in a file.
fn line(entry: &Entry) -> Option<String> {
    let found = entry.found.as_ref()?;
    let measured = &found.figures.measured;
    let asked = found.asked.as_ref();
    let mut parts = Vec::new();
    parts.push(match &measured.pulse {
        Some(pulse) => {
            let kept = match asked.and_then(|asked| asked.tempo) {
                Some(tempo) if tempo.kept == Some(true) => " as asked".to_owned(),
                Some(tempo) => format!(" for {}", tempo.asked_bpm),
                None => String::new(),
            };
            format!("{:.1} BPM{kept}", pulse.tempo_bpm)
        }
        None => "no pulse".to_owned(),
    });
    parts.push(match &measured.key {
        Some(heard) => {
            let key = asked.and_then(|asked| asked.key);
            let asked = key.and_then(|key| Some((key.asked, key.relation?.words())));
            let doubt = if heard.sure() { "" } else { "perhaps " };
            match asked {
                Some((asked, relation)) => format!("{doubt}{} for {asked} ({relation})", heard.key),
                None => format!("{doubt}{}", heard.key),
            }
        }
        None => "no key".to_owned(),
    });
    for figure in FIGURES.iter().filter(|figure| TOLD.contains(&figure.id)) {
        if let Some(value) = (figure.of)(found) {
            let (digits, title) = (figure.digits, figure.title.to_lowercase());
            parts.push(format!("{title} {value:.digits$} {}", figure.unit));
        }
    }
    Some(format!("{}: {}", entry.file, parts.join(", ")))
}

/// What a line has room for.
const TOLD: [&str; 5] = [
    "jitter_ms",
    "loudness_lufs",
    "crest_db",
    "harmonic_to_percussive_db",
    "snr_db",
];

fn summary(out: &mut String, set: &Set) {
    let measured = set.files.iter().filter(|entry| entry.found.is_some());
    // Writing into a string cannot fail.
    let _ = writeln!(out, "{}, {} files", set.folder, measured.count());
    let kept = &set.kept;
    if kept.tempo_told > 0 {
        let (kept, told) = (kept.tempo_kept, kept.tempo_told);
        let _ = writeln!(out, "  tempo as asked: {kept} of {told} with a pulse");
    }
    if kept.key_told > 0 {
        let (tonics, told) = (kept.tonics(), kept.key_told);
        let (sure, right) = (kept.key_sure, kept.key_sure_tonic);
        let _ = writeln!(
            out,
            "  tonic as asked: {tonics} of {told} with tones, {right} of {sure} where the key is sure"
        );
    }
    let _ = writeln!(
        out,
        "  {:<30}{:>9}{:>9}{:>9}{:>9}",
        "", "median", "least", "most", "files"
    );
    for figure in &FIGURES {
        let Some(spread) = set.summary.get(figure.id) else {
            continue;
        };
        let digits = figure.digits;
        let _ = writeln!(
            out,
            "  {:<30}{:>9.digits$}{:>9.digits$}{:>9.digits$}{:>9} {}",
            figure.title, spread.median, spread.least, spread.most, spread.files, figure.unit
        );
    }
}
