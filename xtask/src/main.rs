//! The project's own commands, as `cargo xtask <verb>`: one file a verb.

mod bundle;

use std::process::ExitCode;

const USAGE: &str = "\
Usage: cargo xtask <verb>
  bundle [--release]   make Barline.clap and Barline.vst3 in target/bundled";

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let result = match args.next().as_deref() {
        Some("bundle") => bundle::run(args.collect()),
        other => {
            if let Some(verb) = other {
                eprintln!("unknown verb: {verb}");
            }
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}
