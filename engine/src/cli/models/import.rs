//! `barline models import`: a model folder of another make into one that can be used.
//!
//! Main thread. The folder is there whole or not at all.

use std::io::Write;
use std::path::PathBuf;

use barline_engine::import::import;
use clap::Args as ClapArgs;

use crate::cli::Failure;

#[derive(Debug, ClapArgs)]
pub(crate) struct ImportArgs {
    /// A folder in the Hugging Face layout, with PyTorch's or safetensors files, or one with
    /// AudioCraft's state_dict.bin and compression_state_dict.bin.
    pub(crate) folder: PathBuf,
    /// The folder that is made; by default the folder's name with "-imported" behind it.
    #[arg(long, short, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Where the text encoder, its tokenizer and, if need be, the codec come from that
    /// AudioCraft's files lack: any MusicGen in the Hugging Face layout.
    #[arg(long, value_name = "DIR")]
    pub(crate) text_encoder: Option<PathBuf>,
    /// Print what was made as JSON on standard output.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Runs the command.
pub(crate) fn run(args: &ImportArgs) -> Result<(), Failure> {
    eprintln!("importing {}", args.folder.display());
    let made = import(
        &args.folder,
        args.out.as_deref(),
        args.text_encoder.as_deref(),
    )?;
    for note in &made.notes {
        eprintln!("{note}");
    }
    eprintln!(
        "{}: {} layers of width {}, {}, {:.1} million weights, {} MiB; use it with --model {}",
        made.folder.display(),
        made.layers,
        made.width,
        if made.channels == 2 { "stereo" } else { "mono" },
        made.parameters as f64 / 1e6,
        made.bytes >> 20,
        made.folder.display()
    );
    if args.json {
        let json = serde_json::to_string(&made).map_err(|error| Failure::Output(error.into()))?;
        let mut out = std::io::stdout().lock();
        writeln!(out, "{json}")?;
        out.flush()?;
    }
    Ok(())
}
