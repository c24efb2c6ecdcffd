//! How far a clip is, on standard error: a bar on a terminal, lines elsewhere.
//!
//! Main thread.

use std::io::IsTerminal;
use std::time::Instant;

use barline_engine::shelf::{FetchProgress, Stage, in_words};
use indicatif::{ProgressBar, ProgressStyle};

/// Progress of one take or file, or of many files.
pub(crate) struct Progress {
    shown: Shown,
    label: String,
    unit: &'static str,
    start: Instant,
}

enum Shown {
    Bar(ProgressBar),
    /// The last tenth that was printed.
    Lines(u64),
}

impl Progress {
    /// Progress of what `label` names, in steps of the model.
    pub(crate) fn new(label: String) -> Self {
        Self::counting(label, "steps")
    }

    /// Progress of what `label` names, in so many of `unit`.
    pub(crate) fn counting(label: String, unit: &'static str) -> Self {
        let shown = if std::io::stderr().is_terminal() {
            let style =
                ProgressStyle::with_template("{msg} [{bar:32}] {percent}% · {prefix} · {eta} left");
            let bar = ProgressBar::no_length();
            bar.set_style(
                style
                    .unwrap_or_else(|_| ProgressStyle::default_bar())
                    .progress_chars("█▉ "),
            );
            bar.set_message(label.clone());
            Shown::Bar(bar)
        } else {
            Shown::Lines(0)
        };
        Self {
            shown,
            label,
            unit,
            start: Instant::now(),
        }
    }

    /// The model is being read.
    pub(crate) fn loading(&self) {
        if let Shown::Lines(_) = self.shown {
            eprintln!("{}: loading the model", self.label);
        }
    }

    /// Step `step` of `steps` is done.
    pub(crate) fn step(&mut self, step: u32, steps: u32, steps_per_second: f32) {
        let left = (steps - step) as f32 / steps_per_second;
        let speed = format!("{steps_per_second:.0} {}/s", self.unit);
        self.show(u64::from(step), u64::from(steps), &speed, left);
    }

    /// So many frames of audio, of which a second has `rate_hz`, are written.
    pub(crate) fn written(&mut self, frames: u64, of: u64, rate_hz: u32) {
        let seconds = self.start.elapsed().as_secs_f64().max(1e-3);
        let speed = frames as f64 / seconds;
        let left = (of - frames) as f64 / speed.max(1.0);
        let speed = format!("{:.0} times real time", speed / f64::from(rate_hz));
        self.show(frames, of, &speed, left as f32);
    }

    /// So many bytes of a model are here.
    pub(crate) fn fetched(&mut self, progress: &FetchProgress) {
        let speed = match (progress.stage, progress.bytes_per_second) {
            (Stage::Waiting, _) => "another program fetches it".to_owned(),
            (Stage::Retrying, _) => "trouble, trying again".to_owned(),
            (Stage::Checking, None) => "checking".to_owned(),
            (_, rate) => format!("{}/s", in_words(rate.unwrap_or(0.0) as u64)),
        };
        let left = progress.seconds_left.unwrap_or(f64::INFINITY);
        self.show(
            progress.bytes_done,
            progress.bytes_total,
            &speed,
            left as f32,
        );
    }

    fn show(&mut self, done: u64, all: u64, speed: &str, left_seconds: f32) {
        match &mut self.shown {
            Shown::Bar(bar) => {
                bar.set_length(all);
                bar.set_prefix(speed.to_owned());
                bar.set_position(done);
            }
            Shown::Lines(last) => {
                let tenth = done * 10 / all.max(1);
                if tenth > *last {
                    *last = tenth;
                    let percent = tenth * 10;
                    let label = &self.label;
                    let left = match left_seconds.is_finite() {
                        true => format!(", {left_seconds:.0} s left"),
                        false => String::new(),
                    };
                    eprintln!("{label}: {percent}% ({speed}{left})");
                }
            }
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Shown::Bar(bar) = &self.shown {
            bar.finish_and_clear();
        }
    }
}
