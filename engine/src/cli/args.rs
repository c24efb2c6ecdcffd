//! What can be typed after `barline`.
//!
//! Main thread.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use barline_engine::file::Depth;
use barline_engine::prompt::Key;
use clap::error::ErrorKind;
use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};

use super::Failure;

/// Loops from text, made on this machine.
#[derive(Debug, Parser)]
#[command(name = "barline", version, about, arg_required_else_help = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

impl Args {
    /// Reads the arguments; asked for help or the version, prints them and ends the program.
    ///
    /// A wrong argument is one line, like every other failure: clap's own text spreads over
    /// several, with the usage and tips.
    pub(crate) fn read() -> Result<Self, Failure> {
        Self::try_parse().map_err(|error| {
            let shown = ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;
            if !error.use_stderr() || error.kind() == shown {
                error.exit();
            }
            let text = error.to_string();
            let lines = text
                .lines()
                .map(str::trim)
                .take_while(|line| !line.is_empty());
            let line = lines.collect::<Vec<_>>().join(" ");
            let line = line.strip_prefix("error: ").unwrap_or(&line);
            Failure::Argument(format!("{line}; see `barline help generate`"))
        })
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make one loop or several and write them as WAV, FLAC or AIFF files.
    Generate(GenerateArgs),
    /// Make the loop in a file of Barline's again, from the recipe that lies in it.
    Regenerate(RegenerateArgs),
    /// Make all the loops that a recipe file asks for, and go on where an earlier run ended.
    Render(RenderArgs),
    /// Say what WAV, FLAC or AIFF files really are: tempo, beats, bar lines, swing, key.
    Measure(MeasureArgs),
    /// Measure all files of a folder: how steady, how loud, how much as asked, how near another
    /// folder.
    Evaluate(EvaluateArgs),
    /// Say what this machine has and how fast the model runs on it.
    Doctor(DoctorArgs),
}

#[derive(Debug, ClapArgs)]
#[command(allow_negative_numbers = true)]
pub(crate) struct GenerateArgs {
    /// What the loop should sound like, such as "dusty lo-fi drums".
    pub(crate) prompt: String,
    /// Length in bars.
    #[arg(long, default_value_t = 4, conflicts_with = "seconds")]
    pub(crate) bars: u32,
    /// Tempo in beats a minute; 120 when a length in bars needs one.
    #[arg(long)]
    pub(crate) bpm: Option<f64>,
    /// Quarter-note beats in a bar.
    #[arg(long, default_value_t = 4, conflicts_with = "seconds")]
    pub(crate) beats_per_bar: u32,
    /// Length in seconds instead of bars. Without --bpm and --key the prompt is then read as it is.
    #[arg(long)]
    pub(crate) seconds: Option<f64>,
    /// Key, such as Am, C#m, Bb or "F# minor".
    #[arg(long)]
    pub(crate) key: Option<Key>,
    /// Seed: the same seed and settings make the same samples. Random when not given.
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// Where to write: a name that ends in .wav, .flac or .aiff. By default a WAV file, named after
    /// the prompt, in this folder.
    #[arg(long, short)]
    pub(crate) out: Option<PathBuf>,
    /// Clips from this prompt, with seeds one after another.
    #[arg(long, default_value_t = 1)]
    pub(crate) takes: u32,
    /// A model's folder in the Hugging Face layout; without it the built-in starter model.
    #[arg(long)]
    pub(crate) model: Option<PathBuf>,
    /// Sample rate of the file; without it the model's own.
    #[arg(long)]
    pub(crate) rate: Option<u32>,
    /// Bits a sample: 16 or 24 integer, 32 float.
    #[arg(long, value_enum, default_value_t = Bits::B24)]
    pub(crate) bits: Bits,
    /// Divides the logits: over 1 is wilder, under 1 is tamer.
    #[arg(long, default_value_t = 1.0)]
    pub(crate) temperature: f32,
    /// Draw from the likeliest tokens only; 0 is all.
    #[arg(long, default_value_t = 250)]
    pub(crate) top_k: u32,
    /// Draw from the likeliest tokens that reach this probability; 1 is all.
    #[arg(long, default_value_t = 1.0)]
    pub(crate) top_p: f32,
    /// Classifier-free guidance scale; 1 is none and takes half the time.
    #[arg(long, default_value_t = 3.0)]
    pub(crate) guidance: f32,
    /// Take the likeliest token every time.
    #[arg(long)]
    pub(crate) greedy: bool,
    /// Threads; by default the physical cores less one.
    #[arg(long)]
    pub(crate) threads: Option<NonZeroUsize>,
    /// Also write the tokens, as JSON.
    #[arg(long)]
    pub(crate) codes: Option<PathBuf>,
    /// Leave a clip of bars as the model made it: not cut at a downbeat, not brought to its
    /// tempo, not joined, not levelled.
    #[arg(long, conflicts_with_all = ["loudness", "reroll_below", "rerolls"])]
    pub(crate) raw: bool,
    /// Loudness of a loop in LUFS, as far as a true peak of -1 dB allows.
    #[arg(long, default_value_t = -14.0)]
    pub(crate) loudness: f64,
    /// Make a loop again, with the next seed, when its score (0 to 100) is under this.
    #[arg(long, value_name = "SCORE", value_parser = clap::value_parser!(u8).range(..=100))]
    pub(crate) reroll_below: Option<u8>,
    /// How often at most; the best is kept.
    #[arg(long, default_value_t = 3, requires = "reroll_below")]
    pub(crate) rerolls: u32,
    /// Print the facts of the clips as JSON on standard output.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct RegenerateArgs {
    /// A file that Barline wrote.
    pub(crate) file: PathBuf,
    /// Where to write; by default beside the file, with "_again" after its name.
    #[arg(long, short)]
    pub(crate) out: Option<PathBuf>,
    /// The folder of the model that it was made with, if that was not the starter model.
    #[arg(long)]
    pub(crate) model: Option<PathBuf>,
    /// Threads; by default the physical cores less one.
    #[arg(long)]
    pub(crate) threads: Option<NonZeroUsize>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct RenderArgs {
    /// A TOML file: `out`, `format`, `bits`, `rate`, `model`, and tables `[[loops]]` with lists
    /// of `prompts`, `bpm`, `keys`, `bars` and `seeds`; every combination is a loop.
    pub(crate) recipe: PathBuf,
    /// Loops that are made at once; by default one for each core, as far as memory goes.
    #[arg(long)]
    pub(crate) jobs: Option<NonZeroUsize>,
    /// Threads for each of them.
    #[arg(long)]
    pub(crate) threads: Option<NonZeroUsize>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct MeasureArgs {
    /// WAV, FLAC or AIFF files.
    #[arg(required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// About which tempo: chooses between a tempo, its half and its double. Without it, what a
    /// recipe in the file says.
    #[arg(long)]
    pub(crate) bpm: Option<f64>,
    /// Quarter-note beats in a bar; without it, what a recipe in the file says, or 4.
    #[arg(long)]
    pub(crate) beats_per_bar: Option<u32>,
    /// Also say what would become of the file as a loop of so many bars at that tempo: where it
    /// would begin, how far it would be stretched, how good it would be.
    #[arg(long, requires = "bpm")]
    pub(crate) bars: Option<u32>,
    /// Print the findings as JSON on standard output.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct EvaluateArgs {
    /// A folder of WAV, FLAC and AIFF files; folders in it count as well.
    pub(crate) folder: PathBuf,
    /// A folder to compare with: all of it is measured too, and a file of the same name is what
    /// the file should be.
    #[arg(long, value_name = "DIR")]
    pub(crate) against: Option<PathBuf>,
    /// Print the figures as JSON on standard output, or with --json=FILE into a file.
    #[arg(
        long,
        value_name = "FILE",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "-"
    )]
    pub(crate) json: Option<PathBuf>,
    /// Write a page with plots: one file, which any browser shows.
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    /// Files that are measured at once; by default one for each core.
    #[arg(long)]
    pub(crate) threads: Option<NonZeroUsize>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct DoctorArgs {
    /// A model's folder; without it the built-in starter model.
    #[arg(long)]
    pub(crate) model: Option<PathBuf>,
    /// Threads for the measurement; by default the physical cores less one.
    #[arg(long)]
    pub(crate) threads: Option<NonZeroUsize>,
    /// Print the findings as JSON on standard output.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Bits {
    #[value(name = "16")]
    B16,
    #[value(name = "24")]
    B24,
    #[value(name = "32")]
    B32,
}

impl From<Bits> for Depth {
    fn from(bits: Bits) -> Self {
        match bits {
            Bits::B16 => Self::Int16,
            Bits::B24 => Self::Int24,
            Bits::B32 => Self::Float32,
        }
    }
}
