//! What can be typed after `barline`.
//!
//! Main thread.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use barline_engine::Precision;
use barline_engine::file::Depth;
use barline_engine::model::Size;
use barline_engine::prompt::Key;
use clap::error::ErrorKind;
use clap::{Args as ClapArgs, CommandFactory, Parser, Subcommand, ValueEnum};

use super::Failure;
use super::models::args::ModelsCommand;

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
            let commands = Self::command();
            let named = std::env::args().nth(1);
            let named = named.filter(|name| commands.find_subcommand(name).is_some());
            let help = named.map_or("help".into(), |name| format!("help {name}"));
            Failure::Argument(format!("{line}; see `barline {help}`"))
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
    /// Make minutes or hours of a loop, with something else now and then, as WAV, FLAC or Ogg.
    Loop(LoopArgs),
    /// Ask for one loop after another at a prompt line, and hear them.
    Interactive(InteractiveArgs),
    /// Say what WAV, FLAC or AIFF files really are: tempo, beats, bar lines, swing, key.
    Measure(MeasureArgs),
    /// Measure all files of a folder: how steady, how loud, how much as asked, how near another
    /// folder.
    Evaluate(EvaluateArgs),
    /// Say what this machine has and how fast the model runs on it.
    Doctor(DoctorArgs),
    /// List the models that there are, and fetch, check, remove or import them.
    #[command(subcommand)]
    Models(ModelsCommand),
    /// Measure parts of the engine, with random weights of the published sizes.
    #[command(subcommand)]
    Bench(BenchCommand),
}

#[derive(Debug, ClapArgs)]
#[command(allow_negative_numbers = true)]
pub(crate) struct GenerateArgs {
    /// What the loop should sound like, such as "dusty lo-fi drums", or parts with weights,
    /// such as "dusty drums::1.5, piano::0.5".
    pub(crate) prompt: String,
    #[command(flatten)]
    pub(crate) how: MakeArgs,
    /// Length in seconds instead of bars. Without --bpm and --key the prompt is then read as it is.
    #[arg(long, conflicts_with_all = ["bars", "beats_per_bar", "play_at"])]
    pub(crate) seconds: Option<f64>,
    /// Where to write: a name that ends in .wav, .flac or .aiff. By default a WAV file, named after
    /// the prompt, in this folder.
    #[arg(long, short)]
    pub(crate) out: Option<PathBuf>,
    /// Clips from this prompt, with seeds one after another.
    #[arg(long, default_value_t = 1)]
    pub(crate) takes: u32,
    /// Sample rate of the file; without it the model's own.
    #[arg(long)]
    pub(crate) rate: Option<u32>,
    /// Bits a sample: 16 or 24 integer, 32 float.
    #[arg(long, value_enum, default_value_t = Bits::B24)]
    pub(crate) bits: Bits,
    /// Also write the tokens, as JSON.
    #[arg(long)]
    pub(crate) codes: Option<PathBuf>,
    /// Leave a clip of bars as the model made it: not cut at a downbeat, not brought to its
    /// tempo, not joined, not levelled.
    #[arg(long, conflicts_with_all = ["loudness", "play_at", "reroll_below", "rerolls"])]
    pub(crate) raw: bool,
    /// Print the facts of the clips as JSON on standard output.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
#[command(allow_negative_numbers = true)]
pub(crate) struct InteractiveArgs {
    #[command(flatten)]
    pub(crate) how: MakeArgs,
    /// Where files are written; this folder when not given.
    #[arg(long, short)]
    pub(crate) out: Option<PathBuf>,
    /// Write files and play nothing, as where there is no audio device.
    #[arg(long)]
    pub(crate) no_play: bool,
}

/// How a loop is made.
#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct MakeArgs {
    /// Length in bars.
    #[arg(long, default_value_t = 4)]
    pub(crate) bars: u32,
    /// Tempo in beats a minute; 120 when a length in bars needs one.
    #[arg(long)]
    pub(crate) bpm: Option<f64>,
    /// Quarter-note beats in a bar.
    #[arg(long, default_value_t = 4)]
    pub(crate) beats_per_bar: u32,
    /// Key, such as Am, C#m, Bb or "F# minor".
    #[arg(long)]
    pub(crate) key: Option<Key>,
    /// What the loop should not sound like, such as "vocals, crowd noise".
    #[arg(long, value_name = "TEXT")]
    pub(crate) negative: Option<String>,
    /// Seed: the same seed and settings make the same samples. Random when not given.
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// A model: a name that `barline models list` shows, an id of the hub such as
    /// facebook/musicgen-small, or a folder. Without it the built-in starter model.
    #[arg(long)]
    pub(crate) model: Option<PathBuf>,
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
    /// How the model's weights are held: q4 is fastest, then q8, bf16, f32; exact is the tensor
    /// library's own. By default f32 for the starter and q8 for larger models.
    #[arg(long)]
    pub(crate) precision: Option<Precision>,
    /// Threads; by default the physical cores less one.
    #[arg(long)]
    pub(crate) threads: Option<NonZeroUsize>,
    /// Tempo that the loop is brought to, its pitch kept, after it was made at --bpm: what the plugin
    /// does when the host's tempo changes.
    #[arg(long, value_name = "BPM")]
    pub(crate) play_at: Option<f64>,
    /// Loudness of a loop in LUFS, as far as a true peak of -1 dB allows.
    #[arg(long, default_value_t = -14.0)]
    pub(crate) loudness: f64,
    /// Make a loop again, with the next seed, when its score (0 to 100) is under this.
    #[arg(long, value_name = "SCORE", value_parser = clap::value_parser!(u8).range(..=100))]
    pub(crate) reroll_below: Option<u8>,
    /// How often at most; the best is kept.
    #[arg(long, default_value_t = 3, requires = "reroll_below")]
    pub(crate) rerolls: u32,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct RegenerateArgs {
    /// A file that Barline wrote.
    pub(crate) file: PathBuf,
    /// Where to write; by default beside the file, with "_again" after its name.
    #[arg(long, short)]
    pub(crate) out: Option<PathBuf>,
    /// The model that it was made with (a name, an id or a folder), if not the starter model.
    #[arg(long)]
    pub(crate) model: Option<PathBuf>,
    /// Threads; by default the physical cores less one.
    #[arg(long)]
    pub(crate) threads: Option<NonZeroUsize>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct RenderArgs {
    /// A TOML file: `out`, `format`, `bits`, `rate`, `model`, and tables `[[loops]]` with lists
    /// of `prompts`, `bpm`, `keys`, `bars` and `seeds`; every combination is a loop. `negative` is
    /// what none of them should sound like.
    pub(crate) recipe: PathBuf,
    /// Loops that are made at once; by default one for each core, as far as memory goes.
    #[arg(long)]
    pub(crate) jobs: Option<NonZeroUsize>,
    /// Threads for each of them.
    #[arg(long)]
    pub(crate) threads: Option<NonZeroUsize>,
}

#[derive(Debug, ClapArgs)]
#[command(allow_negative_numbers = true)]
pub(crate) struct LoopArgs {
    /// A loop of Barline's or any WAV, FLAC or AIFF file; several are takes of one loop, of the
    /// same tempo and length, that take turns.
    #[arg(required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// Length in minutes, to the nearest whole loop; 10 when no length is given.
    #[arg(long, conflicts_with_all = ["hours", "bars"])]
    pub(crate) minutes: Option<f64>,
    /// Length in hours, to the nearest whole loop.
    #[arg(long, conflicts_with = "bars")]
    pub(crate) hours: Option<f64>,
    /// Length in bars, exactly.
    #[arg(long)]
    pub(crate) bars: Option<u64>,
    /// Where to write: a name that ends in .wav, .flac or .ogg. By default beside the first file,
    /// with "_long" after its name.
    #[arg(long, short)]
    pub(crate) out: Option<PathBuf>,
    /// Bars after which something varies (another take, a beat repeat, a drop-out, a filter sweep,
    /// a stretch without basses), or "off". By default two loops, but at least 8 bars.
    #[arg(long, value_name = "BARS")]
    pub(crate) vary_every: Option<VaryEvery>,
    /// Decides what varies: the same seed makes the same samples.
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
    /// Takes that take turns: those beyond the files given are made from the recipe in the first,
    /// with the seeds after its own.
    #[arg(long, default_value_t = 1)]
    pub(crate) takes: u32,
    /// Seconds over which it comes up from silence.
    #[arg(long, default_value_t = 0.0)]
    pub(crate) fade_in: f64,
    /// Seconds over which it goes down to silence. Without it the end goes over into the beginning.
    #[arg(long, default_value_t = 0.0)]
    pub(crate) fade_out: f64,
    /// Tempo of files that hold no recipe; measured when not given.
    #[arg(long)]
    pub(crate) bpm: Option<f64>,
    /// Bars that such files are to be cut to; by default as many as they have.
    #[arg(long)]
    pub(crate) clip_bars: Option<u32>,
    /// Quarter-note beats in their bars.
    #[arg(long, default_value_t = 4)]
    pub(crate) beats_per_bar: u32,
    /// Sample rate of the file; without it the first file's.
    #[arg(long)]
    pub(crate) rate: Option<u32>,
    /// Bits a sample of WAV and FLAC; without it the recipe's, or 24.
    #[arg(long, value_enum)]
    pub(crate) bits: Option<Bits>,
    /// Quality of Ogg Vorbis, from 0 to 10; 5 is about 160 kbit/s.
    #[arg(long, default_value_t = 6.0)]
    pub(crate) quality: f32,
    /// Make a WAV file RF64 even when it is under 4 GB.
    #[arg(long)]
    pub(crate) rf64: bool,
    /// The model that the first file was made with (a name, an id or a folder), if not the
    /// starter model; of use with --takes.
    #[arg(long)]
    pub(crate) model: Option<PathBuf>,
    /// Threads for making takes; by default the physical cores less one.
    #[arg(long)]
    pub(crate) threads: Option<NonZeroUsize>,
    /// Print what was made, and what varies where, as JSON on standard output.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Bars between variations.
#[derive(Debug, Clone, Copy)]
pub(crate) enum VaryEvery {
    Bars(u32),
    Off,
}

impl std::str::FromStr for VaryEvery {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse() {
            Ok(bars @ 1..) => Ok(Self::Bars(bars)),
            _ if text.eq_ignore_ascii_case("off") => Ok(Self::Off),
            _ => Err("a number of bars or \"off\""),
        }
    }
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
    /// A model's name, id or folder; without it the built-in starter model.
    #[arg(long)]
    pub(crate) model: Option<PathBuf>,
    /// Threads for the measurement; by default the physical cores less one.
    #[arg(long)]
    pub(crate) threads: Option<NonZeroUsize>,
    /// Also measure a step of every published size, and say how long a bar will take.
    #[arg(long)]
    pub(crate) bench: bool,
    /// Print the findings as JSON on standard output.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum BenchCommand {
    /// One step of the language model, and how close it is to reading the weights and no more.
    Step(BenchStepArgs),
    /// The codec's decoder.
    Codec(BenchCodecArgs),
    /// A whole clip, from the prompt to the last sample.
    Clip(BenchClipArgs),
    /// What rounding the weights costs: logits and choices against the exact decoder's.
    Quality(BenchQualityArgs),
    /// A thread with a deadline, as a host's audio thread has one, while clips are made.
    Deadline(BenchDeadlineArgs),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct BenchStepArgs {
    /// starter, small, medium or large.
    #[arg(long, default_value_t = Size::Small)]
    pub(crate) size: Size,
    /// f32, bf16, q8 or q4.
    #[arg(long)]
    pub(crate) precision: Option<Precision>,
    /// Rows: two for each take with guidance.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub(crate) rows: u8,
    /// Steps before it.
    #[arg(long, default_value_t = 250, value_parser = clap::value_parser!(u16).range(0..=16000))]
    pub(crate) context: u16,
    /// Threads; by default the physical cores.
    #[arg(long)]
    pub(crate) threads: Option<NonZeroUsize>,
    /// Print the figures as JSON on standard output.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct BenchCodecArgs {
    /// starter, or small for the codec of all published models.
    #[arg(long, default_value_t = Size::Small)]
    pub(crate) size: Size,
    /// Length of the audio.
    #[arg(long, default_value_t = 10.0)]
    pub(crate) seconds: f64,
    /// Threads; by default the physical cores.
    #[arg(long)]
    pub(crate) threads: Option<NonZeroUsize>,
    /// Print the figures as JSON on standard output.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct BenchClipArgs {
    /// starter, small, medium or large.
    #[arg(long, default_value_t = Size::Small)]
    pub(crate) size: Size,
    /// exact, f32, bf16, q8 or q4.
    #[arg(long)]
    pub(crate) precision: Option<Precision>,
    /// Length of the clip.
    #[arg(long, default_value_t = 10.0)]
    pub(crate) seconds: f64,
    /// Takes that are made together.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=4))]
    pub(crate) takes: u8,
    /// Threads; by default the physical cores.
    #[arg(long)]
    pub(crate) threads: Option<NonZeroUsize>,
    /// Print the figures as JSON on standard output.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct BenchQualityArgs {
    /// starter, small, medium or large.
    #[arg(long, default_value_t = Size::Starter)]
    pub(crate) size: Size,
    /// Steps of each of five prompts.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u16).range(1..=1500))]
    pub(crate) steps: u16,
    /// Print the figures as JSON on standard output.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct BenchDeadlineArgs {
    /// starter, small, medium or large.
    #[arg(long, default_value_t = Size::Small)]
    pub(crate) size: Size,
    /// exact, f32, bf16, q8 or q4.
    #[arg(long)]
    pub(crate) precision: Option<Precision>,
    /// How long to watch, first without the engine and then with it.
    #[arg(long, default_value_t = 60.0)]
    pub(crate) seconds: f64,
    /// Frames of a block at 48 kHz.
    #[arg(long, default_value_t = 64)]
    pub(crate) frames: u32,
    /// Threads of the engine; by default what a plugin uses.
    #[arg(long)]
    pub(crate) threads: Option<NonZeroUsize>,
    /// Print the figures as JSON on standard output.
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
