//! The report as a page: one file that needs nothing else, dark or light as the reader's system is.
//!
//! Main thread. Pure.

mod table;

use std::fmt::Write;

use barline_engine::evaluate::{CONTRAST_BANDS, contrast_band_edges, mel_band_centres};

use super::figures::FIGURES;
use super::plot::{self, Point};
use super::report::{Found, Report, Set};

const STYLE: &str = include_str!("page/style.css");

/// Text that stands in a page.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            '\'' => out += "&#39;",
            // What a name may have and a page may not.
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// The whole page.
pub(super) fn page(report: &Report) -> String {
    let sets: Vec<&Set> = std::iter::once(&report.set)
        .chain(&report.against)
        .collect();
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\">\
         <title>Evaluation of {folder}</title>\n<style>\n{STYLE}</style></head>\n<body><main>\n\
         <header><h1>{folder}</h1><p>{what}</p></header>\n",
        folder = escape(&report.set.folder),
        what = what(&sets),
    );
    out += &tiles(report);
    out += &unread(&sets);
    out += &asked(&report.set);
    out += "<h2>Figures</h2>\n";
    if sets.len() > 1 {
        let _ = writeln!(
            out,
            "<p class=\"legend\"><span class=\"a\">●</span> {} <span class=\"b\">●</span> {}</p>",
            escape(&sets[0].folder),
            escape(&sets[1].folder)
        );
    }
    for figure in &FIGURES {
        out += &card(&sets, figure.title, figure.meaning, figure.unit, figure.of);
    }
    out += &timbre(&sets);
    out += &table::files(&report.set);
    out + "</main></body></html>\n"
}

/// What the page is about, in a sentence.
fn what(sets: &[&Set]) -> String {
    let files = |set: &Set| {
        let count = found(set).count();
        format!("{count} file{}", if count == 1 { "" } else { "s" })
    };
    let seconds: f64 = found(sets[0]).map(|(_, found)| found.seconds).sum();
    let mut text = format!("{}, {seconds:.0} seconds of sound", files(sets[0]));
    if let Some(other) = sets.get(1) {
        let _ = write!(
            text,
            ", against {} of {}",
            files(other),
            escape(&other.folder)
        );
    }
    text + &format!(". Measured by Barline {}.", env!("CARGO_PKG_VERSION"))
}

/// Files that were measured, by name.
fn found(set: &Set) -> impl Iterator<Item = (&str, &Found)> {
    set.files
        .iter()
        .filter_map(|entry| Some((entry.file.as_str(), entry.found.as_ref()?)))
}

/// What matters most, in large type.
fn tiles(report: &Report) -> String {
    let mut out = "<div class=\"tiles\">".to_owned();
    let mut tile = |value: String, words: &str| {
        // Writing into a string cannot fail.
        let _ = write!(
            out,
            "<div class=\"tile\"><b>{}</b><span>{}</span></div>",
            escape(&value),
            escape(words)
        );
    };
    let kept = &report.set.kept;
    if kept.tempo_told > 0 {
        tile(
            format!("{} of {}", kept.tempo_kept, kept.tempo_told),
            "keep the tempo asked for, of those with a pulse",
        );
    }
    if kept.key_told > 0 {
        tile(
            format!("{} of {}", kept.tonics(), kept.key_told),
            &format!(
                "have the tonic asked for, of those with tones; {} of {} where the key is sure",
                kept.key_sure_tonic, kept.key_sure
            ),
        );
    }
    if let Some(frechet) = &report.frechet_distance {
        let halves = frechet
            .against_halves_db
            .map_or_else(String::new, |halves| {
                format!("; halves of the other folder are {halves:.1} dB apart")
            });
        tile(
            format!("{:.1} dB", frechet.log_mel_frames_db),
            &format!(
                "from the other folder: Fréchet distance of Gaussians fitted to log-mel frames{halves}"
            ),
        );
    }
    for (id, words) in [
        ("loudness_lufs", "median loudness"),
        ("crest_db", "median crest"),
        ("jitter_ms", "median beat jitter"),
        ("snr_db", "median signal to noise"),
    ] {
        let figure = FIGURES.iter().find(|figure| figure.id == id);
        let spread = report.set.summary.get(id);
        if let (Some(figure), Some(spread)) = (figure, spread) {
            let digits = figure.digits;
            tile(format!("{:.digits$} {}", spread.median, figure.unit), words);
        }
    }
    out + "</div>\n"
}

/// Files that could not be measured.
fn unread(sets: &[&Set]) -> String {
    let files = sets.iter().flat_map(|set| &set.files);
    let lines: String = files
        .filter_map(|entry| entry.why.as_ref())
        .map(|why| format!("<li>{}</li>", escape(why)))
        .collect();
    if lines.is_empty() {
        return lines;
    }
    format!("<section class=\"card bad\"><h3>Not measured</h3><ul>{lines}</ul></section>\n")
}

/// Tempo and key against the recipes, where there are any.
fn asked(set: &Set) -> String {
    let tempos: Vec<(&str, f64, f64)> = found(set)
        .filter_map(|(name, found)| {
            let tempo = found.asked.as_ref()?.tempo?;
            Some((name, tempo.asked_bpm, tempo.found_bpm?))
        })
        .collect();
    let kept = &set.kept;
    let mut out = String::new();
    if !tempos.is_empty() || kept.key_told > 0 {
        out += "<h2>Asked and found</h2>\n";
    }
    if !tempos.is_empty() {
        let _ = writeln!(
            out,
            "<section class=\"card\"><h3>Tempo</h3><p>Each dot is a file. On the line, it has the \
             tempo asked for; on a dashed one, its double or half, which counts as kept.</p>{}\
             </section>",
            plot::asked_and_found(&tempos)
        );
    }
    if kept.key_told > 0 {
        let bars: Vec<(&str, usize)> = (kept.keys.iter())
            .map(|(relation, &count)| (relation.words(), count))
            .collect();
        let _ = writeln!(
            out,
            "<section class=\"card\"><h3>Key</h3><p>How the key found stands to the one asked for, \
             in files with tones.</p>{}</section>",
            plot::bars(&bars)
        );
    }
    out
}

/// One figure of all files.
fn card(
    sets: &[&Set],
    title: &str,
    meaning: &str,
    unit: &str,
    of: fn(&Found) -> Option<f64>,
) -> String {
    let mut rows: Vec<Vec<Point<'_>>> = Vec::new();
    for set in sets {
        let points = found(set).filter_map(|(name, found)| {
            let value = of(found)?;
            Some(Point { name, value })
        });
        rows.push(points.collect());
    }
    if rows.last().is_some_and(Vec::is_empty) {
        rows.pop();
    }
    if rows.iter().all(Vec::is_empty) {
        return String::new();
    }
    format!(
        "<section class=\"card\"><h3>{} <small>{}</small></h3><p>{}</p>{}</section>\n",
        escape(title),
        escape(unit),
        escape(meaning),
        plot::strip(&rows, unit)
    )
}

/// The mean spectrum, and contrast by octave.
fn timbre(sets: &[&Set]) -> String {
    let mut out = "<h2>Timbre</h2>\n".to_owned();
    let spectra: Vec<Vec<f64>> = sets
        .iter()
        .filter_map(|set| set.log_mel.mean_db())
        .collect();
    if !spectra.is_empty() {
        let places = mel_band_centres().map(hz);
        let _ = writeln!(
            out,
            "<section class=\"card\"><h3>Mean spectrum <small>dB</small></h3><p>Mean of the log-mel \
             frames of all files, against each file's own power: how bright, how deep.</p>{}\
             </section>",
            plot::curves(&spectra, &places, 7, "dB")
        );
    }
    let contrasts: Vec<Vec<f64>> = sets.iter().filter_map(|set| contrast(set)).collect();
    if !contrasts.is_empty() {
        let mut from = 0.0;
        let places = contrast_band_edges().map(|to| {
            let place = format!("{}–{}", hz(from), hz(to));
            from = to;
            place
        });
        let _ = writeln!(
            out,
            "<section class=\"card\"><h3>Spectral contrast by octave <small>dB</small></h3><p>How \
             far peaks stand above valleys in each band (Hz), mean over all files.</p>{}\
             </section>",
            plot::curves(&contrasts, &places, 1, "dB")
        );
    }
    out
}

/// Mean contrast of every band over the files.
fn contrast(set: &Set) -> Option<Vec<f64>> {
    let bands = || found(set).filter_map(|(_, found)| found.figures.spectral_contrast_db);
    let count = bands().count();
    (count > 0).then(|| {
        (0..CONTRAST_BANDS)
            .map(|band| bands().map(|bands| bands[band]).sum::<f64>() / count as f64)
            .collect()
    })
}

/// A frequency, as short as can be.
fn hz(hz: f64) -> String {
    if hz < 1_000.0 {
        format!("{hz:.0}")
    } else {
        let thousands = format!("{:.1}", hz / 1_000.0);
        format!("{}k", thousands.trim_end_matches(".0"))
    }
}
