//! From a slot or a take to a file: saved, dragged, copied, shown.
//!
//! Session thread; writes files, whole or not at all.

use std::path::{Path, PathBuf};

use barline_engine::{ClipFacts, Edited, Length};

use super::Screen;
use super::keeper::Then;
use super::worker::Worker;
use crate::export;
use crate::state::SlotSettings;
use crate::view::{Message, Purpose, Ready, Source};

/// A file that is asked for.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Errand {
    /// Into a folder under a new name, or to this very path.
    Save(PathBuf),
    /// To be dragged or copied by the panel.
    Ready(Purpose),
}

impl<S: Screen> Worker<S> {
    /// Writes a clip as it sounds: a slot's when it has come to the host's tempo.
    pub(super) fn run_errand(&mut self, source: Source, errand: Errand) {
        match (&source, self.find(&source)) {
            (Source::Slot(_), Some(_)) => self.errands.push((source, errand)),
            (_, Some(take)) => {
                let Some(facts) = take.facts.clone() else {
                    return;
                };
                self.write(source, errand, facts, take.rate_hz, &take.channels);
            }
            (Source::Library(id), None) => self.load_from_library(id.clone(), Then::Write(errand)),
            (_, None) => self.say_error(&"there is no clip to save yet: generate one first"),
        }
    }

    /// Writes the slots' files whose clips have come to the host's tempo.
    pub(super) fn run_errands(&mut self) {
        for (source, errand) in std::mem::take(&mut self.errands) {
            let Source::Slot(slot) = source else {
                continue;
            };
            if self.refits(slot) {
                self.errands.push((source, errand));
                continue;
            }
            let playing = self.slots.get(slot).and_then(|slot| slot.playing.clone());
            let Some((take, facts)) = playing.and_then(|take| {
                let facts = take.facts.clone()?;
                Some((take, facts))
            }) else {
                continue;
            };
            let settings = self.params.project.read().1.slots[slot];
            // To the host's rate first, as the player has it: the part is then the same to the sample.
            let rate_hz = self.rate_hz.unwrap_or(take.rate_hz);
            let channels = facts.at_rate(&take.channels, take.rate_hz, rate_hz);
            let (facts, channels) = as_it_sounds(facts, take.beats(), &channels, &settings);
            self.write(source, errand, facts, rate_hz, &channels);
        }
    }

    pub(super) fn write(
        &mut self,
        source: Source,
        errand: Errand,
        facts: ClipFacts,
        made_hz: u32,
        channels: &[Vec<f32>],
    ) {
        let rate_hz = self.rate_hz.unwrap_or(made_hz);
        let channels = facts.at_rate(channels, made_hz, rate_hz);
        let written = match &errand {
            Errand::Save(to) => export::save(to, &facts, rate_hz, &channels),
            Errand::Ready(_) => {
                let folder = self.folders.dragged.clone();
                let folder = folder.unwrap_or_else(export::default_folder);
                export::keep(&folder, &facts, rate_hz, &channels)
            }
        };
        match (written, errand) {
            (Ok(path), Errand::Save(_)) => {
                self.saved = Some((source, path.clone()));
                self.say(Message::Info(format!("Saved {}", path.display())));
            }
            (Ok(path), Errand::Ready(purpose)) => {
                self.saved = Some((source.clone(), path.clone()));
                self.last_file += 1;
                let number = self.last_file;
                self.snapshot.ready = Some(Ready {
                    number,
                    path,
                    source,
                    purpose,
                });
                self.changed = true;
            }
            (Err(error), _) => self.say_error(&error),
        }
    }

    /// Shows the file of a clip in the file manager: the one that was last saved, else the library's.
    pub(super) fn reveal(&mut self, source: &Source) {
        let saved = self.saved.as_ref().filter(|(of, _)| of == source);
        if let Some((_, path)) = saved {
            let path = path.clone();
            self.show_file(&path);
            return;
        }
        let id = match source {
            Source::Library(id) => Some(id.clone()),
            other => self
                .find(other)
                .and_then(|take| take.library.get().cloned()),
        };
        match id {
            Some(id) => self.reveal_in_library(id),
            None => self.say_error(&"this clip has no file yet: save it first"),
        }
    }

    pub(super) fn show_file(&mut self, path: &Path) {
        self.revealing = Some(barline_drag::reveal(path.to_owned(), || {}));
    }
}

/// A clip with its slot's start, end, direction and fades. Level and pan are the mixer's affair
/// and stay out.
fn as_it_sounds(
    facts: ClipFacts,
    beats: f64,
    channels: &[Vec<f32>],
    settings: &SlotSettings,
) -> (ClipFacts, Vec<Vec<f32>>) {
    let frames = channels.first().map_or(0, Vec::len);
    let start_beats = settings.start_beats.clamp(0.0, beats);
    let end_beats = settings.end_beats.unwrap_or(beats).min(beats);
    // As the player has it: a part of no length is the whole clip.
    let (start_beats, end_beats) = if end_beats > start_beats {
        (start_beats, end_beats)
    } else {
        (0.0, beats)
    };
    let frame = |beat: f64| ((beat / beats * frames as f64).round() as usize).min(frames);
    let (start, end) = (frame(start_beats), frame(end_beats));
    let mut told = Vec::new();
    if (start, end) != (0, frames) {
        told.push(format!("beats {start_beats} to {end_beats}"));
    }
    if settings.reverse {
        told.push("reversed".to_owned());
    }
    if settings.semitones != 0 {
        told.push(format!("{:+} semitones", settings.semitones));
    }
    let fade_frames = |fade_beats: f64| frame(fade_beats).min((end - start) / 2);
    let (fade_in, fade_out) = if settings.one_shot {
        let fades = (
            fade_frames(settings.fade_in_beats),
            fade_frames(settings.fade_out_beats),
        );
        if fades != (0, 0) {
            told.push("faded".to_owned());
        }
        fades
    } else {
        (0, 0)
    };
    let channels = channels
        .iter()
        .map(|channel| {
            let mut part = channel[start..end].to_vec();
            if settings.reverse {
                part.reverse();
            }
            for (n, sample) in part.iter_mut().enumerate().take(fade_in) {
                *sample *= n as f32 / fade_in as f32;
            }
            for (n, sample) in part.iter_mut().rev().enumerate().take(fade_out) {
                *sample *= n as f32 / fade_out as f32;
            }
            part
        })
        .collect();
    if told.is_empty() {
        return (facts, channels);
    }
    let how = told.join(", ");
    let edited = match &facts.edited {
        Some(before) => Edited {
            how: format!("{}; {how}", before.how),
            whole: before.whole,
        },
        None => Edited {
            how,
            whole: facts.length,
        },
    };
    let facts = ClipFacts {
        length: part_length(facts.length, end_beats - start_beats),
        edited: Some(edited),
        ..facts
    };
    (facts, channels)
}

/// The length of a part of so many beats.
fn part_length(whole: Length, part_beats: f64) -> Length {
    let Length::Bars {
        beats_per_bar,
        tempo_bpm,
        bars,
    } = whole
    else {
        return whole;
    };
    let bar = f64::from(beats_per_bar);
    if part_beats == f64::from(bars) * bar {
        whole
    } else if part_beats % bar == 0.0 {
        Length::Bars {
            bars: (part_beats / bar) as u32,
            beats_per_bar,
            tempo_bpm,
        }
    } else if part_beats.fract() == 0.0 && part_beats <= 16.0 {
        // A few beats are a bar of their own.
        Length::Bars {
            bars: 1,
            beats_per_bar: part_beats as u32,
            tempo_bpm,
        }
    } else {
        Length::Seconds(part_beats * 60.0 / tempo_bpm)
    }
}
