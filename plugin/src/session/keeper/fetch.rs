//! Clips out of the library and out of other programs' files.
//!
//! The keeper's thread.

use std::path::Path;

use barline_engine::extend::{self, Asked};
use barline_engine::file::{self, Recipe};
use barline_engine::prompt::Key;
use barline_engine::resample::resample;
use barline_engine::{Clip, ClipFacts, Length, Precision, Sampling};
use barline_library::import;

use super::{News, Shop, Then};
use crate::recall;
use crate::session::feed::Take;

use std::sync::Arc;

/// Files of lower rates are brought to this one: the stretcher takes none lower than 32 kHz.
const LEAST_HZ: u32 = 32_000;
const BETTER_HZ: u32 = 44_100;

impl Shop {
    pub(super) fn load(&mut self, id: &str, then: Then) {
        match self.read_kept(id) {
            Ok(Some(take)) => self.say(News::Read(Box::new(take), then)),
            Ok(None) => {
                // A slot whose clip is nowhere says so itself.
                if !matches!(then, Then::ComeBack(_)) {
                    let why = "this take has left the library: make it again";
                    self.say(News::Trouble(why.into()));
                }
                self.say(News::Gone);
            }
            Err(why) => {
                self.say(News::Trouble(why));
                self.say(News::Gone);
            }
        }
    }

    fn read_kept(&mut self, id: &str) -> Result<Option<Take>, String> {
        let library = self.library.as_mut().map_err(|error| error.to_string())?;
        let Ok(name) = id.parse() else {
            return Ok(None);
        };
        let Ok(path) = library.path(name) else {
            return Ok(None);
        };
        let recipe = Recipe::read(&path).map_err(|error| error.to_string())?;
        let (rate_hz, channels) = file::read(&path).map_err(|error| error.to_string())?;
        // That it was used is a help in lists and no more.
        let _ = library.note_used(name);
        let take = packed(rate_hz, channels, recipe.facts)?;
        let _ = take.library.set(id.to_owned());
        Ok(Some(take))
    }

    pub(super) fn tell_where(&mut self, id: &str) {
        let path = match (&mut self.library, id.parse()) {
            (Ok(library), Ok(name)) => library.path(name).map_err(|error| error.to_string()),
            (Err(error), _) => Err(error.to_string()),
            (_, Err(error)) => Err(error.to_string()),
        };
        self.say(match path {
            Ok(path) => News::At(path),
            Err(why) => News::Trouble(why),
        });
    }

    pub(super) fn import(&mut self, path: &Path, slot: usize, tempo_bpm: f64, beats_per_bar: u32) {
        match read_file(path, tempo_bpm, beats_per_bar) {
            Ok((take, told)) => {
                self.say(News::Read(Box::new(take), Then::Place(slot)));
                self.say(News::Info(told));
            }
            Err(why) => {
                self.say(News::Trouble(why));
                self.say(News::Gone);
            }
        }
    }
}

/// A clip whose form for projects is made as well.
fn packed(rate_hz: u32, channels: Vec<Vec<f32>>, facts: ClipFacts) -> Result<Take, String> {
    let clip = Clip {
        rate_hz,
        channels,
        codes: Vec::new(),
        frame_rate_hz: 0.0,
        raw: None,
        facts,
    };
    let saved = recall::pack(&clip).map_err(|error| error.to_string())?;
    let mut take = Take::whole(rate_hz, clip.channels, clip.facts);
    take.saved = Some(Arc::new(saved));
    Ok(take)
}

/// A file of any program: a loop where it is one, else as it is, with silence up to the bar line, at
/// the tempo given.
fn read_file(path: &Path, tempo_bpm: f64, beats_per_bar: u32) -> Result<(Take, String), String> {
    let name = path
        .file_name()
        .map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    // A file of ours knows what it is.
    if let Ok(recipe) = Recipe::read(path)
        && let Ok((rate_hz, channels)) = file::read(path)
    {
        let take = packed(rate_hz, channels, recipe.facts)?;
        return Ok((take, format!("{name}: as Barline made it")));
    }
    let read = import::read(path).map_err(|error| error.to_string())?;
    let (mut rate_hz, mut channels) = (read.rate_hz, read.channels);
    if rate_hz < LEAST_HZ {
        let frames = channels.first().map_or(0, Vec::len) as u64;
        let frames = frames * u64::from(BETTER_HZ) / u64::from(rate_hz);
        channels = resample(&channels, rate_hz, BETTER_HZ, frames);
        rate_hz = BETTER_HZ;
    }
    let asked = Asked {
        tempo_bpm: read.tempo_bpm,
        bars: None,
        beats_per_bar,
        frames: None,
    };
    // What the file says of its key is worth more than what is heard.
    let key_told = read
        .key
        .as_ref()
        .and_then(|key| key.parse::<Key>().ok())
        .map(|key| key.to_string());
    let (length, key, fitted, told) = match extend::adopt(&channels, rate_hz, &asked) {
        Ok(loops) => {
            channels = loops.channels;
            let length = Length::Bars {
                bars: loops.bars,
                beats_per_bar,
                tempo_bpm: loops.tempo_bpm,
            };
            let told = format!("{name}: {} bars at {:.2} BPM", loops.bars, loops.tempo_bpm);
            let key = loops.key.map(|key| key.to_string());
            (length, key, loops.fitted, told)
        }
        Err(why) => {
            let bar_frames = f64::from(beats_per_bar) * 60.0 / tempo_bpm * f64::from(rate_hz);
            let frames = channels.first().map_or(0, Vec::len) as f64;
            let bars = (frames / bar_frames).ceil().max(1.0);
            for channel in &mut channels {
                channel.resize((bars * bar_frames).round() as usize, 0.0);
            }
            let length = Length::Bars {
                bars: bars as u32,
                beats_per_bar,
                tempo_bpm,
            };
            (
                length,
                None,
                None,
                format!("{name}: played as it is, no loop ({why})"),
            )
        }
    };
    let facts = ClipFacts {
        prompt: read.title,
        negative: None,
        model: name.clone(),
        model_sha256: String::new(),
        rights: format!("The rights are those of the file {name}."),
        seed: 0,
        sampling: Sampling::default(),
        precision: Precision::F32,
        length,
        made_at_bpm: None,
        key: key_told.or(key),
        fitted,
        steps: 0,
        generate_seconds: 0.0,
        version: env!("CARGO_PKG_VERSION").into(),
        edited: None,
    };
    Ok((packed(rate_hz, channels, facts)?, told))
}
