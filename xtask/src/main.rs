//! The project's own commands, as `cargo xtask <verb>`: one file a verb.

mod bundle;
mod check;
mod fuzz;
mod joins;
mod start;
mod validate;

use std::process::ExitCode;

const USAGE: &str = "\
Usage: cargo xtask <verb>
  start                build for release, make the bundles and a first loop
  check                run everything that must hold before a change lands
  bundle [--release]   make Barline.clap and Barline.vst3 in target/bundled
  fuzz [--blocks N] [--seed S]
                       random hosts and sessions against the player
  joins                measure the joins of 200 loops of the starter model
  validate             try the VST3 in dawdreamer and pedalboard, with its editor open";

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let result = match args.next().as_deref() {
        Some("start") => start::run(),
        Some("check") => check::run(),
        Some("bundle") => bundle::run(args.collect()),
        Some("fuzz") => fuzz::run(args),
        Some("joins") => joins::run(),
        Some("validate") => validate::run(),
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
