//! How far a fetch is, and how fast.
//!
//! The thread that fetches computes it; whoever listens is called on that thread and must not
//! linger.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The rate is that of so long.
const WINDOW: Duration = Duration::from_secs(5);
/// News come at least so far apart, unless the stage changes.
const EVERY: Duration = Duration::from_millis(100);

/// What a fetch is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Waiting for another process that fetches the same file.
    Waiting,
    /// Reading what had come before.
    Checking,
    /// Bytes come.
    Fetching,
    /// After trouble, before another try.
    Retrying,
}

/// News of a fetch.
#[derive(Debug, Clone, PartialEq)]
pub struct FetchProgress {
    /// What is being done.
    pub stage: Stage,
    /// The file.
    pub file: String,
    /// Of all files, what is here.
    pub bytes_done: u64,
    /// Of all files.
    pub bytes_total: u64,
    /// The mean of the last seconds; `None` before anything came.
    pub bytes_per_second: Option<f64>,
    /// At that rate.
    pub seconds_left: Option<f64>,
}

/// Counts, and tells.
pub(super) struct Meter<'a> {
    hear: &'a mut dyn FnMut(&FetchProgress),
    stage: Stage,
    file: String,
    /// Of files that are whole.
    before: u64,
    total: u64,
    /// What had come at which time, while bytes come.
    came: VecDeque<(Instant, u64)>,
    bytes: u64,
    told: Option<Instant>,
}

impl<'a> Meter<'a> {
    pub(super) fn new(total: u64, hear: &'a mut dyn FnMut(&FetchProgress)) -> Self {
        Self {
            hear,
            stage: Stage::Checking,
            file: String::new(),
            before: 0,
            total,
            came: VecDeque::new(),
            bytes: 0,
            told: None,
        }
    }

    /// The next file.
    pub(super) fn begin(&mut self, file: &str) {
        self.file = file.to_owned();
    }

    /// A file is whole.
    pub(super) fn end(&mut self, bytes: u64) {
        self.before += bytes;
    }

    /// Something else is done, with so many bytes of the file here.
    pub(super) fn stage(&mut self, stage: Stage, done: u64) {
        if self.stage != stage || self.told.is_none() {
            self.stage = stage;
            self.came.clear();
            self.tell(done, Instant::now());
        }
    }

    /// Bytes came, so that there are `done` of the file.
    pub(super) fn came(&mut self, bytes: u64, done: u64) {
        self.advance(Stage::Fetching, bytes, done);
    }

    /// Bytes of what is here were read, `done` of the file so far.
    pub(super) fn checked(&mut self, bytes: u64, done: u64) {
        self.advance(Stage::Checking, bytes, done);
    }

    fn advance(&mut self, stage: Stage, bytes: u64, done: u64) {
        let now = Instant::now();
        self.stage(stage, done - bytes);
        if self.came.is_empty() {
            // The stage has just begun: the rate counts from here.
            self.came.push_back((now, self.bytes));
        }
        self.bytes += bytes;
        if self.told.is_none_or(|told| now - told >= EVERY) {
            self.came.push_back((now, self.bytes));
            while self.came.len() > 2 && now - self.came[0].0 > WINDOW {
                self.came.pop_front();
            }
            self.tell(done, now);
        }
    }

    fn tell(&mut self, done: u64, now: Instant) {
        let rate = match (self.came.front(), self.came.back()) {
            (Some((begin, first)), Some((end, last))) if last > first => {
                Some((last - first) as f64 / (*end - *begin).as_secs_f64().max(1e-3))
            }
            _ => None,
        };
        let bytes_done = (self.before + done).min(self.total);
        let left = (self.total - bytes_done) as f64;
        self.told = Some(now);
        (self.hear)(&FetchProgress {
            stage: self.stage,
            file: self.file.clone(),
            bytes_done,
            bytes_total: self.total,
            bytes_per_second: rate,
            seconds_left: rate.map(|rate| left / rate),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn news_have_rate_and_time_left() {
        let mut news = Vec::new();
        let mut hear = |progress: &FetchProgress| news.push(progress.clone());
        let mut meter = Meter::new(3000, &mut hear);
        meter.begin("a");
        meter.end(1000);
        meter.begin("b");
        meter.came(500, 500);
        std::thread::sleep(EVERY);
        meter.came(500, 1000);
        meter.stage(Stage::Retrying, 1000);
        let last = &news[news.len() - 2];
        assert_eq!((last.bytes_done, last.bytes_total), (2000, 3000));
        let (rate, left) = (last.bytes_per_second.unwrap(), last.seconds_left.unwrap());
        assert!(rate > 0.0 && (left - 1000.0 / rate).abs() < 1e-6);
        assert_eq!(news.last().unwrap().stage, Stage::Retrying);
        assert_eq!(news[0].file, "b");
    }
}
