//! A file of another program becomes a loop, or is refused.
//!
//! Any thread but the audio thread. A file that is whole bars long and whose join gives nothing
//! away is taken as it is; any other is cut and joined by [`crate::fit`].

use crate::fit::{self, Fitted, Grid, Hint, Target};
use crate::prompt::Key;

/// A tempo that repeats less than this is a guess.
const LEAST_TRUST: f32 = 0.3;
/// A length this close to whole bars is meant to be whole bars: what a measured tempo is off by.
const WHOLE_BARS: f64 = 0.003;
/// The join of a loop with less than this is heard by everybody.
const LEAST_JOIN: u8 = 50;
/// A step at the join that is no larger than those just after it is part of an attack.
const ATTACK_SECONDS: f64 = 0.003;
/// Longer files are songs.
const MOST_SECONDS: f64 = 600.0;

/// What is known of a file beforehand.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Asked {
    /// The tempo that it has or is to have; measured without one.
    pub tempo_bpm: Option<f64>,
    /// Bars of the loop; as many as the file has without a number.
    pub bars: Option<u32>,
    /// Quarter-note beats in a bar.
    pub beats_per_bar: u32,
    /// The only length at which a file may be taken as it is.
    pub frames: Option<usize>,
}

/// A loop that a file became.
#[derive(Debug, Clone, PartialEq)]
pub struct Adopted {
    /// Samples by channel.
    pub channels: Vec<Vec<f32>>,
    /// Its tempo.
    pub tempo_bpm: f64,
    /// Its bars.
    pub bars: u32,
    /// Whether nothing in it begins suddenly.
    pub beatless: bool,
    /// Its key, where that is sure.
    pub key: Option<Key>,
    /// How it was fitted; none when it was taken as it is.
    pub fitted: Option<Fitted>,
}

/// Why a file cannot become a loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotALoop {
    /// More than two channels, or none.
    #[error("it has {0} channels: give a mono or stereo file")]
    Channels(usize),
    /// A song or more.
    #[error("it is longer than ten minutes: cut the part that is to be repeated")]
    TooLong,
    /// Nothing to count bars by.
    #[error("no beat is found in it: say its tempo with --bpm")]
    NoTempo,
    /// Not one bar, or not the bars asked for.
    #[error("it is shorter than {0} bars at its tempo: say others with --clip-bars or --bpm")]
    TooShort(u32),
    /// It was joined, and that can be heard.
    #[error(
        "its end cannot be joined to its beginning unheard: cut it at bar lines, a little more at the end"
    )]
    Join,
}

/// Makes a loop of a file's samples (by channel, ±1 full scale, at `rate_hz`).
///
/// # Errors
/// [`NotALoop`].
pub fn adopt(channels: &[Vec<f32>], rate_hz: u32, asked: &Asked) -> Result<Adopted, NotALoop> {
    if !(1..=2).contains(&channels.len()) {
        return Err(NotALoop::Channels(channels.len()));
    }
    let frames = channels[0].len();
    let seconds = frames as f64 / f64::from(rate_hz);
    if seconds > MOST_SECONDS {
        return Err(NotALoop::TooLong);
    }
    let hint = Hint {
        tempo_bpm: asked.tempo_bpm,
        beats_per_bar: asked.beats_per_bar,
    };
    let found = fit::measure(channels, rate_hz, hint);
    let pulse = found.pulse.as_ref();
    let measured = pulse
        .filter(|pulse| pulse.confidence >= LEAST_TRUST)
        .map(|pulse| pulse.tempo_bpm);
    let tempo_bpm = asked.tempo_bpm.or(measured).ok_or(NotALoop::NoTempo)?;
    let bar_seconds = f64::from(asked.beats_per_bar) * 60.0 / tempo_bpm;
    let held = seconds / bar_seconds;
    let whole = held.round().max(1.0);
    let cut = (held / whole - 1.0).abs() <= WHOLE_BARS
        && asked.bars.is_none_or(|bars| f64::from(bars) == whole)
        && asked.frames.is_none_or(|wanted| wanted == frames);
    let beats = |bars: u32| bars.saturating_mul(asked.beats_per_bar);
    let (bars, tempo_bpm) = if cut {
        let bars = whole as u32;
        let tempo_bpm = f64::from(beats(bars)) * 60.0 / seconds;
        let seam = fit::seam(channels, rate_hz, beats(bars));
        if seam.is_some_and(|seam| unheard(&seam, channels, rate_hz)) {
            return Ok(Adopted {
                channels: channels.to_vec(),
                tempo_bpm,
                bars,
                beatless: found.beatless(),
                key: found.key.filter(fit::KeyFound::sure).map(|key| key.key),
                fitted: None,
            });
        }
        (bars, tempo_bpm)
    } else {
        let first = pulse.map_or(0.0, |pulse| pulse.first_beat_seconds.max(0.0));
        let held = ((seconds - first) / bar_seconds + WHOLE_BARS).max(0.0) as u32;
        let bars = asked.bars.unwrap_or(musical(held));
        if bars == 0 || f64::from(bars) > seconds / bar_seconds * (1.0 + WHOLE_BARS) {
            return Err(NotALoop::TooShort(bars.max(1)));
        }
        (bars, tempo_bpm)
    };
    let target = Target {
        bars,
        beats_per_bar: asked.beats_per_bar,
        tempo_bpm,
        play_at_bpm: None,
        // As loud as it is, as far as its peaks allow.
        loudness_lufs: fit::loudness(channels, rate_hz)
            .integrated_lufs
            .unwrap_or(0.0),
    };
    let (channels, fitted) = fit::into_bars(channels, rate_hz, &target);
    if fitted.score.join < LEAST_JOIN {
        return Err(NotALoop::Join);
    }
    Ok(Adopted {
        channels,
        tempo_bpm,
        bars,
        beatless: fitted.grid == Grid::Beatless,
        key: fitted.key_heard(),
        fitted: Some(fitted),
    })
}

/// As [`fit::Seam::unheard`], but for a click that is the attack of the first beat.
fn unheard(seam: &fit::Seam, channels: &[Vec<f32>], rate_hz: u32) -> bool {
    let ends = seam.fall_db > seam.inside_fall_db + fit::Seam::JUST_NOTICEABLE_DB;
    let attacks = || {
        channels.iter().all(|channel| {
            let after = &channel[..(ATTACK_SECONDS * f64::from(rate_hz)) as usize];
            let steps = after.windows(2).map(|two| (two[1] - two[0]).abs());
            let step = channel.last().map_or(0.0, |last| (after[0] - last).abs());
            step <= steps.fold(0.0, f32::max)
        })
    };
    seam.unheard() || (!ends && attacks())
}

/// The most bars in a number that music is counted in.
fn musical(bars: u32) -> u32 {
    match bars {
        0..=2 => bars,
        3 => 2,
        _ => bars - bars % 4,
    }
}
