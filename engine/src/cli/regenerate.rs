//! `barline regenerate`: the recipe inside a file to the same samples again.
//!
//! Main thread: waits for the engine's events. The file is written whole or not at all.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use barline_engine::file::{self, Recipe};
use barline_engine::{Engine, GenerateRequest, ModelSource};

use super::Failure;
use super::args::RegenerateArgs;
use super::models::settle;
use super::waiting::{at_rate, interrupts, try_place, wait_with_progress};

/// Runs the command.
pub(crate) fn run(args: &RegenerateArgs) -> Result<(), Failure> {
    let recipe = Recipe::read(&args.file)?;
    if let Some(edited) = &recipe.facts.edited {
        let how = &edited.how;
        eprintln!("this file was edited ({how}): what is made again is the clip as it was before");
    }
    let out = args.out.clone().unwrap_or_else(|| beside(args));
    file::check(&out, recipe.depth)?;
    try_place(&out)?;
    let interrupts = interrupts();
    let engine = Engine::start()?;
    let mut request = request(&recipe, args.model.as_deref(), args.threads);
    request.check()?;
    settle(&mut request.model, Some(&interrupts))?;
    let clip = wait_with_progress(&engine.submit(request)?, "generating".into(), &interrupts)?;
    let (rate_hz, channels) = at_rate(&clip, Some(recipe.rate_hz));
    file::write(
        &out,
        &Recipe::new(&clip.facts, rate_hz, recipe.depth),
        &channels,
    )?;
    eprintln!("{}: {}", out.display(), clip.facts.prompt);
    Ok(())
}

/// What makes the clip of a recipe again.
pub(super) fn request(
    recipe: &Recipe,
    model: Option<&Path>,
    threads: Option<NonZeroUsize>,
) -> GenerateRequest {
    let facts = &recipe.facts;
    GenerateRequest {
        model: model.map_or(ModelSource::Starter, |folder| {
            ModelSource::Folder(folder.to_owned())
        }),
        model_sha256: Some(facts.model_sha256.clone()),
        prompt: facts.prompt.clone(),
        negative: facts.negative.clone(),
        length: facts.made_length(),
        fit: facts.fit(),
        sampling: facts.sampling,
        seed: facts.seed,
        precision: Some(facts.precision),
        threads,
        key: facts.key.clone(),
    }
}

/// `loop.wav` is made again as `loop_again.wav`, so that the two can be compared.
fn beside(args: &RegenerateArgs) -> PathBuf {
    let stem = args.file.file_stem().unwrap_or_default().to_string_lossy();
    let ending = args.file.extension().unwrap_or("wav".as_ref());
    let ending = ending.to_string_lossy();
    args.file.with_file_name(format!("{stem}_again.{ending}"))
}
