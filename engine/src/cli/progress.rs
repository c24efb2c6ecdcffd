//! How far a clip is, on standard error: a bar on a terminal, lines elsewhere.
//!
//! Main thread.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressStyle};

/// Progress of one take, or of many files.
pub(crate) struct Progress {
    shown: Shown,
    label: String,
    unit: &'static str,
}

enum Shown {
    Bar(ProgressBar),
    /// The last tenth that was printed.
    Lines(u32),
}

impl Progress {
    /// Progress of what `label` names, in steps of the model.
    pub(crate) fn new(label: String) -> Self {
        Self::counting(label, "steps")
    }

    /// Progress of what `label` names, in so many of `unit`.
    pub(crate) fn counting(label: String, unit: &'static str) -> Self {
        let shown = if std::io::stderr().is_terminal() {
            let style = ProgressStyle::with_template(
                "{msg} [{bar:32}] {percent}% · {per_sec} · {eta} left",
            );
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
        Self { shown, label, unit }
    }

    /// The model is being read.
    pub(crate) fn loading(&self) {
        if let Shown::Lines(_) = self.shown {
            eprintln!("{}: loading the model", self.label);
        }
    }

    /// Step `step` of `steps` is done.
    pub(crate) fn step(&mut self, step: u32, steps: u32, steps_per_second: f32) {
        let unit = self.unit;
        match &mut self.shown {
            Shown::Bar(bar) => {
                bar.set_length(u64::from(steps));
                bar.set_position(u64::from(step));
            }
            Shown::Lines(last) => {
                let tenth = step * 10 / steps.max(1);
                if tenth > *last {
                    *last = tenth;
                    let left = (steps - step) as f32 / steps_per_second;
                    eprintln!(
                        "{}: {}% ({steps_per_second:.0} {unit}/s, {left:.0} s left)",
                        self.label,
                        tenth * 10
                    );
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
