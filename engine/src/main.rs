//! `barline`: loops from the shell, over the same public API that the plugin uses.
//!
//! Main thread only; the model runs in the engine's. Exit codes: 0, 2 for a wrong
//! argument, 1 for a failure, 130 when interrupted.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    let result = cli::args::Args::read().and_then(|args| match args.command {
        cli::args::Command::Generate(args) => cli::generate::run(&args),
        cli::args::Command::Regenerate(args) => cli::regenerate::run(&args),
        cli::args::Command::Render(args) => cli::render::run(&args),
        cli::args::Command::Interactive(args) => cli::interactive::run(&args),
        cli::args::Command::Loop(args) => cli::extend::run(&args),
        cli::args::Command::Measure(args) => cli::measure::run(&args),
        cli::args::Command::Evaluate(args) => cli::evaluate::run(&args),
        cli::args::Command::Import(args) => cli::import::run(&args),
        cli::args::Command::Doctor(args) => cli::doctor::run(&args),
        cli::args::Command::Bench(command) => cli::bench::run(&command),
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("barline: {failure}");
            ExitCode::from(failure.exit_code())
        }
    }
}
