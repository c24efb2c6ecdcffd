//! What holds between the lines: the settings, the last loop, where loops go.
//!
//! Main thread.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use barline_engine::file::{self, Depth, Format, Recipe};
use barline_engine::{Clip, Engine, GenerateRequest, ModelSource};
use crossbeam_channel::Receiver;

use super::super::Failure;
use super::super::args::{InteractiveArgs, MakeArgs};
use super::super::generate::{DEFAULT_TEMPO_BPM, in_words, random_seed, request, unused};
use super::super::models::settle;
use super::super::waiting::{try_place, wait, wait_with_progress};
use super::device::Device;
use super::line::{COMMANDS, Line};

/// What comes after a line.
pub(super) enum Next {
    Line,
    End,
}

/// A session at the prompt line.
pub(super) struct Session {
    engine: Engine,
    interrupts: Receiver<()>,
    how: MakeArgs,
    folder: PathBuf,
    /// Loops are played there; without it they are written as files.
    device: Option<Device>,
    /// Whether somebody watches: progress is shown.
    by_hand: bool,
    last: Option<Made>,
}

/// A loop that was made.
struct Made {
    words: String,
    request: GenerateRequest,
    clip: Arc<Clip>,
}

impl Session {
    /// With the settings of the command line.
    pub(super) fn start(
        args: &InteractiveArgs,
        device: Option<Device>,
        by_hand: bool,
        interrupts: Receiver<()>,
    ) -> Result<Self, Failure> {
        let folder = args.out.clone().unwrap_or_default();
        // Better known before the first loop is made.
        try_place(&folder.join("loop"))?;
        let mut how = args.how.clone();
        if let Some(folder) = how.model.take() {
            let mut model = ModelSource::Folder(folder);
            settle(&mut model, Some(&interrupts))?;
            how.model = match model {
                ModelSource::Folder(folder) => Some(folder),
                _ => None,
            };
        }
        Ok(Self {
            engine: Engine::start()?,
            interrupts,
            how,
            folder,
            device,
            by_hand,
            last: None,
        })
    }

    /// Does what a line says.
    ///
    /// # Errors
    /// What keeps it from being done; the session can go on.
    pub(super) fn handle(&mut self, text: &str) -> Result<Next, Failure> {
        match Line::read(text).map_err(Failure::Argument)? {
            Line::Empty => {}
            Line::Quit => return Ok(Next::End),
            Line::Prompt(words) => {
                let seed = self.how.seed.unwrap_or_else(random_seed);
                self.make(words, seed)?;
            }
            Line::Again => {
                let last = self.last()?;
                let (words, seed) = (last.words.clone(), last.clip.facts.seed);
                self.make(words, seed.wrapping_add(1))?;
            }
            Line::Bpm(tempo_bpm) => {
                self.how.bpm = Some(tempo_bpm);
                self.settings()?;
            }
            Line::Bars(bars) => {
                self.how.bars = bars;
                self.settings()?;
            }
            Line::Beats(beats) => {
                self.how.beats_per_bar = beats;
                self.settings()?;
            }
            Line::Key(key) => {
                self.how.key = key;
                self.settings()?;
            }
            Line::Negative(negative) => {
                self.how.negative = negative;
                self.settings()?;
            }
            Line::Seed(seed) => {
                self.how.seed = seed;
                self.settings()?;
            }
            Line::Settings => self.settings()?,
            Line::Save(name) => {
                let path = self.place(name)?;
                self.save(&path)?;
                say(&format!("saved {}", path.display()))?;
            }
            Line::Play => {
                let clip = self.last()?.clip.clone();
                self.device()?.play(&clip);
            }
            Line::Stop => self.device()?.stop(),
            Line::Volume(volume) => self.device()?.set_volume(volume),
            Line::Help => {
                for (name, after, what) in COMMANDS {
                    say(&format!("{:<20}{what}", format!("{name} {after}")))?;
                }
            }
        }
        Ok(Next::Line)
    }

    fn last(&self) -> Result<&Made, Failure> {
        let none = || Failure::Argument("there is no loop yet: type what you want to hear".into());
        self.last.as_ref().ok_or_else(none)
    }

    fn device(&mut self) -> Result<&mut Device, Failure> {
        let none =
            || Failure::Argument("nothing is played here: loops are written as files".into());
        self.device.as_mut().ok_or_else(none)
    }

    /// Makes a loop and plays or writes it.
    fn make(&mut self, words: String, seed: u64) -> Result<(), Failure> {
        let request = request(&words, &self.how, None, seed);
        let job = self.engine.submit(request.clone())?;
        let clip = if self.by_hand {
            wait_with_progress(&job, "generating".into(), &self.interrupts)?
        } else {
            wait(&job, |_| {}, || self.interrupts.try_recv().is_ok())?
        };
        let how = clip
            .facts
            .fitted
            .as_ref()
            .map_or_else(String::new, in_words);
        let how = format!(
            "{:.2} s in {:.2} s, seed {}{how}",
            clip.frames() as f64 / f64::from(clip.rate_hz),
            clip.facts.generate_seconds,
            clip.facts.seed
        );
        let clip = &self
            .last
            .insert(Made {
                words,
                request,
                clip,
            })
            .clip;
        if self.device.as_ref().is_some_and(Device::lost) {
            eprintln!("the audio device is gone; loops are written as files");
            self.device = None;
        }
        match &mut self.device {
            Some(device) => {
                device.play(clip);
                say(&format!("playing: {how}"))
            }
            None => {
                let path = self.place(None)?;
                self.save(&path)?;
                say(&format!("{}: {how}", path.display()))
            }
        }
    }

    /// Where the last loop is saved: under a name that was typed, WAV unless it ends otherwise, or
    /// one that is not taken yet.
    fn place(&self, name: Option<String>) -> Result<PathBuf, Failure> {
        let made = self.last()?;
        let Some(name) = name else {
            let request = GenerateRequest {
                seed: made.clip.facts.seed,
                ..made.request.clone()
            };
            return Ok(unused(&self.folder, &made.words, &request));
        };
        let path = self.folder.join(&name);
        Ok(match Format::named(&path) {
            Some(_) => path,
            None => self.folder.join(format!("{name}.wav")),
        })
    }

    fn save(&self, path: &Path) -> Result<(), Failure> {
        let clip = &self.last()?.clip;
        let recipe = Recipe::new(&clip.facts, clip.rate_hz, Depth::Int24);
        file::write(path, &recipe, &clip.channels)?;
        Ok(())
    }

    /// What holds for the next loop, in one line.
    fn settings(&self) -> Result<(), Failure> {
        let how = &self.how;
        let key = how.key.map_or("no key".into(), |key| key.to_string());
        let seed = how.seed.map_or("random".into(), |seed| seed.to_string());
        let negative = how.negative.as_ref();
        let negative = negative.map_or(String::new(), |text| format!(", without {text}"));
        say(&format!(
            "{} bars of {}/4, {} BPM, {key}, seed {seed}{negative}",
            how.bars,
            how.beats_per_bar,
            how.bpm.unwrap_or(DEFAULT_TEMPO_BPM)
        ))
    }
}

/// A line on standard output.
fn say(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()?;
    Ok(())
}
