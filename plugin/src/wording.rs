//! From picks and words to the prompt that the model reads, and from a loop's facts to words.
//!
//! Panel and session, so that what is shown is what is asked for. Pure.

pub mod presets;

use barline_engine::ClipFacts;
use barline_engine::fit::Grid;
use barline_engine::prompt::{self, Key};

use crate::state::Project;
use crate::view::{Following, How};

/// Genres that can be picked.
pub const GENRES: [&str; 20] = [
    "ambient",
    "boom bap",
    "breakbeat",
    "deep house",
    "disco",
    "drum and bass",
    "dubstep",
    "electro",
    "funk",
    "hip hop",
    "house",
    "lo-fi",
    "pop",
    "r&b",
    "reggaeton",
    "rock",
    "synthwave",
    "techno",
    "trance",
    "trap",
];

/// Moods that can be picked.
pub const MOODS: [&str; 20] = [
    "atmospheric",
    "bright",
    "chill",
    "dark",
    "dreamy",
    "driving",
    "dusty",
    "energetic",
    "gritty",
    "groovy",
    "happy",
    "heavy",
    "melancholic",
    "mellow",
    "minimal",
    "moody",
    "punchy",
    "uplifting",
    "vintage",
    "warm",
];

/// How much is going on.
pub const ENERGIES: [&str; 6] = ["sparse", "calm", "steady", "lively", "busy", "intense"];

/// Instruments that can be picked, several at once.
pub const INSTRUMENTS: [&str; 10] = [
    "drums", "bass", "chords", "pad", "pluck", "lead", "piano", "guitar", "strings", "bell",
];

/// The pick that keeps drums out.
pub const NO_DRUMS: &str = "no drums";

/// Keys that can be picked.
pub const KEYS: [&str; 24] = [
    "C major", "C# major", "D major", "D# major", "E major", "F major", "F# major", "G major",
    "G# major", "A major", "A# major", "B major", "C minor", "C# minor", "D minor", "D# minor",
    "E minor", "F minor", "F# minor", "G minor", "G# minor", "A minor", "A# minor", "B minor",
];

/// The words of a project, without tempo and key; empty when there are none.
#[must_use]
pub fn words(project: &Project) -> String {
    let style: Vec<&str> = [&project.energy, &project.mood, &project.genre]
        .into_iter()
        .filter_map(Option::as_deref)
        .collect();
    let (kept_out, played): (Vec<&str>, Vec<&str>) = project
        .instruments
        .iter()
        .map(String::as_str)
        .partition(|name| *name == NO_DRUMS);
    let played = match played.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        Some((last, _)) => (*last).to_owned(),
        None => String::new(),
    };
    let own = project
        .prompt
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    let parts = [own, style.join(" "), played, kept_out.join("")];
    parts
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(", ")
}

/// The prompt as the model reads it; empty when the project has no words.
#[must_use]
pub fn prompt(project: &Project, tempo_bpm: f64) -> String {
    let words = words(project);
    if words.is_empty() {
        return words;
    }
    let key = project
        .key
        .as_deref()
        .and_then(|key| key.parse::<Key>().ok());
    prompt::compose(&words, Some(tempo_bpm), key)
}

/// How a loop came out: its score, what is wrong with it or what key it has, and what made it.
#[must_use]
pub fn verdict(facts: &ClipFacts) -> String {
    let mut parts = Vec::new();
    if let Some(fitted) = &facts.fitted {
        let mut words = fitted.score.words();
        if fitted.grid == Grid::Free {
            words.insert(0, "free: no tempo to trust");
        }
        parts.push(format!("Score {}", fitted.score.total));
        if !words.is_empty() {
            parts.push(words.join(", "));
        } else if let (None, Some(key)) = (&facts.key, fitted.key_heard()) {
            parts.push(format!("sounds like {key}"));
        }
    }
    let made = format!("{} · made in {:.1} s", facts.model, facts.generate_seconds);
    parts.push(made);
    parts.join(" · ")
}

/// All that is known of a finished loop, a line each, for whoever asks for more than the name.
#[must_use]
pub fn story(facts: &ClipFacts) -> String {
    let mut lines = vec![facts.prompt.clone()];
    lines.extend(
        facts
            .negative
            .iter()
            .map(|words| format!("Without: {words}")),
    );
    lines.extend(
        facts
            .edited
            .iter()
            .map(|edited| format!("Since then: {}", edited.how)),
    );
    lines.push(verdict(facts));
    if facts.steps > 0 {
        lines.push(format!(
            "Seed {} · temperature {:.2} · guidance {:.1}",
            facts.seed, facts.sampling.temperature, facts.sampling.guidance
        ));
    }
    lines.push(facts.rights.clone());
    lines.retain(|line| !line.is_empty());
    lines.join("\n")
}

/// What becomes of a loop at another tempo than its own: `120 → 124 BPM, pitch kept`.
#[must_use]
pub fn following(following: &Following) -> String {
    let Following {
        made_bpm,
        host_bpm,
        how,
    } = following;
    let how = match how {
        How::PitchKept => "pitch kept",
        How::Stretching => "repitched, stretching…",
        How::Repitched => "repitched",
        How::TooFar => "repitched: too far to stretch",
        How::Refused => "repitched: cannot be stretched",
    };
    let (made, host) = (tidy(*made_bpm), tidy(*host_bpm));
    format!("{made} → {host} BPM, {how}")
}

/// A duration in words: `8 s`, `1 min 20 s`.
#[must_use]
pub fn duration(seconds: f32) -> String {
    let seconds = seconds.max(0.0).ceil() as u64;
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
    }
}

/// With a capital at its beginning.
#[must_use]
pub fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().collect::<String>() + letters.as_str())
        .unwrap_or_default()
}

/// A size in words, in powers of ten as file managers say it: `1.2 GB`.
#[must_use]
pub fn size(bytes: u64) -> String {
    let bytes = bytes as f64;
    if bytes >= 1e9 {
        format!("{:.1} GB", bytes / 1e9)
    } else if bytes >= 1e6 {
        format!("{:.0} MB", bytes / 1e6)
    } else {
        format!("{:.0} kB", (bytes / 1e3).ceil())
    }
}

/// A tempo with as many decimals as it needs, two at most.
#[must_use]
pub fn tidy(bpm: f64) -> f64 {
    (bpm * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tempo_change_is_told() {
        let told = following(&Following {
            made_bpm: 120.0,
            host_bpm: 97.504,
            how: How::PitchKept,
        });
        assert_eq!(told, "120 → 97.5 BPM, pitch kept");
    }

    #[test]
    fn durations_and_sizes_are_told() {
        assert_eq!(duration(7.2), "8 s");
        assert_eq!(duration(80.0), "1 min 20 s");
        assert_eq!(duration(7_300.0), "2 h 1 min");
        assert_eq!(size(0), "0 kB");
        assert_eq!(size(12_345_678), "12 MB");
        assert_eq!(size(5_000_000_000), "5.0 GB");
    }

    #[test]
    fn picks_and_words_are_joined() {
        let mut project = Project::default();
        assert_eq!(words(&project), "");
        project.prompt = "  a\nslow   shuffle ".into();
        assert_eq!(words(&project), "a slow shuffle");
        project.genre = Some("techno".into());
        assert_eq!(words(&project), "a slow shuffle, techno");
        project.mood = Some("dark".into());
        project.energy = Some("busy".into());
        assert_eq!(words(&project), "a slow shuffle, busy dark techno");
        project.energy = None;
        project.instruments = vec!["bass".into()];
        assert_eq!(words(&project), "a slow shuffle, dark techno, bass");
        project.prompt.clear();
        project.instruments = vec![NO_DRUMS.into(), "bass".into(), "pad".into(), "bell".into()];
        assert_eq!(words(&project), "dark techno, bass, pad and bell, no drums");
    }
}
