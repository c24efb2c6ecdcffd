//! The page's table: a row for each file.
//!
//! Main thread. Pure.

use std::fmt::Write;

use barline_engine::evaluate::KeyRelation;

use super::{escape, found};
use crate::cli::evaluate::figures::FIGURES;
use crate::cli::evaluate::plot;
use crate::cli::evaluate::report::{Found, Set};

/// What has a column, where any file has it: the figure and the column's head.
const COLUMNS: [(&str, &str); 7] = [
    ("loudness_lufs", "LUFS"),
    ("crest_db", "crest"),
    ("harmonic_to_percussive_db", "harm./perc."),
    ("spectral_contrast_db", "contrast"),
    ("pitch_spread_cents", "pitch spread"),
    ("snr_db", "SNR"),
    ("jitter_ms", "jitter"),
];

/// The table with its heading.
pub(super) fn files(set: &Set) -> String {
    let columns: Vec<_> = COLUMNS
        .iter()
        .filter(|(id, _)| set.summary.contains_key(id))
        .filter_map(|(id, head)| Some((FIGURES.iter().find(|figure| figure.id == *id)?, head)))
        .collect();
    let mut out =
        "<h2>Files</h2>\n<div class=\"wide\"><table><thead><tr><th>file</th><th>tempo</th>\
                   <th>key</th>"
            .to_owned();
    for (figure, head) in &columns {
        // Writing into a string cannot fail.
        let _ = write!(
            out,
            "<th class=\"n\" title=\"{}\">{}</th>",
            escape(figure.meaning),
            escape(head)
        );
    }
    out +=
        "<th title=\"How late each beat is: 20 ms to each side\">beats</th></tr></thead><tbody>\n";
    for (name, found) in found(set) {
        let asked = found.asked.as_ref();
        let prompt = asked.map_or_else(String::new, |asked| {
            let prompt = escape(&asked.prompt);
            format!("<small title=\"{prompt}\">{prompt}</small>")
        });
        let _ = write!(
            out,
            "<tr><th>{}{prompt}</th><td>{}</td><td>{}</td>",
            escape(name),
            tempo(found),
            key(found)
        );
        for (figure, _) in &columns {
            let digits = figure.digits;
            let value = (figure.of)(found).map(|value| format!("{value:.digits$}"));
            let _ = write!(out, "<td class=\"n\">{}</td>", value.unwrap_or_default());
        }
        let beats = found.figures.tempo_stability.as_ref().map(|stability| {
            let late: Vec<f64> = stability.beats.iter().map(|beat| beat.late_ms).collect();
            plot::beats(&late)
        });
        let _ = writeln!(out, "<td>{}</td></tr>", beats.unwrap_or_default());
    }
    out + "</tbody></table></div>\n"
}

/// What was found, and a mark where something was asked for.
fn tempo(found: &Found) -> String {
    let Some(pulse) = &found.figures.measured.pulse else {
        return "<span class=\"soft\">no pulse</span>".to_owned();
    };
    let bpm = format!("{:.1}", pulse.tempo_bpm);
    match found.asked.as_ref().and_then(|asked| asked.tempo) {
        Some(tempo) if tempo.kept == Some(true) => format!("{bpm} {YES}"),
        Some(tempo) => format!("{bpm} {NO} {}", tempo.asked_bpm),
        None => bpm,
    }
}

/// As [`tempo`]; a key that is not sure stands back.
fn key(found: &Found) -> String {
    let Some(heard) = &found.figures.measured.key else {
        return "<span class=\"soft\">no key</span>".to_owned();
    };
    let key = if heard.sure() {
        heard.key.to_string()
    } else {
        format!("<span class=\"soft\">{}?</span>", heard.key)
    };
    let asked = found.asked.as_ref().and_then(|asked| asked.key);
    match asked.and_then(|key| Some((key.asked, key.relation?))) {
        Some((_, KeyRelation::Same)) => format!("{key} {YES}"),
        Some((asked, KeyRelation::Parallel)) => {
            format!("{key} <span class=\"soft\">≈ {asked}</span>")
        }
        Some((asked, _)) => format!("{key} {NO} {asked}"),
        None => key,
    }
}

const YES: &str = "<span class=\"yes\" title=\"as asked\">✓</span>";
const NO: &str = "<span class=\"no\" title=\"not as asked\">≠</span>";
