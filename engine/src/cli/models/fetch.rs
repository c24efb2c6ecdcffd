//! `barline models fetch`: a model from the hub, after one question.
//!
//! Main thread: fetches, and a thread beside it hears Ctrl+C.

use std::path::{Path, PathBuf};

use barline_engine::shelf::{
    Control, Entry, Fetched, ModelFile, Offer, Rights, Shelf, State, Which, in_words,
};
use crossbeam_channel::Receiver;
use serde::Serialize;

use super::super::Failure;
use super::super::progress::Progress;
use super::super::waiting::interrupts;
use super::args::FetchArgs;
use super::question::{agreed, can_ask};
use super::{count, print_json, short, stoppable};

/// What `--json` says.
#[derive(Serialize)]
struct Facts<'a> {
    id: &'a str,
    path: &'a Path,
    revision: &'a str,
    fetched: String,
    licence: &'a str,
    rights: Rights,
    bytes: u64,
    files: &'a [ModelFile],
}

/// Runs the command.
pub(super) fn run(args: &FetchArgs) -> Result<(), Failure> {
    let mut settings = super::shelf().settings().clone();
    settings.patience.retries = args.retries;
    let shelf = Shelf::with(settings);
    let mut entry = shelf.find(&args.model)?;
    let here = shelf.state(&entry);
    if let (State::Here { path, .. }, false) = (&here, args.update) {
        // From now on it stays this revision, whoever fetched it.
        let model = shelf.fetch(&entry, Which::Pinned, &Control::new(), &mut |_| {})?;
        eprintln!("{}: is here, at {}", entry.title, path.display());
        return tell(args, &entry, path, &model);
    }
    if !args.yes && !can_ask() {
        return Err(Failure::Argument(format!(
            "there is no terminal to ask on: `barline models fetch {} --yes` asks nothing",
            args.model
        )));
    }
    let interrupts = interrupts();
    let which = if args.update {
        Which::Newest
    } else {
        Which::Pinned
    };
    let offer = stoppable(&interrupts, |control| shelf.offer(&entry, which, control))?;
    if let Some(licence) = &offer.model.licence {
        entry.set_licence(licence);
    }
    eprintln!("{}", describe(&entry, &offer));
    if !args.yes && !agreed("Fetch it now?", &interrupts)? {
        eprintln!("nothing was fetched");
        return Ok(());
    }
    let model = accept(&shelf, &offer, &interrupts)?;
    let State::Here { path, .. } = shelf.state(&entry) else {
        return Err(barline_engine::shelf::FetchError::NotHere { id: model.id }.into());
    };
    eprintln!(
        "{}: {} in {}, revision {}, at {}",
        entry.title,
        in_words(model.bytes()),
        count(&model),
        short(&model.commit),
        path.display()
    );
    tell(args, &entry, &path, &model)
}

/// What somebody should know before it comes: how much, and what it may be used for.
pub(super) fn describe(entry: &Entry, offer: &Offer) -> String {
    let licence = match entry.licence.as_str() {
        "" => "no licence is stated",
        licence => licence,
    };
    let size = in_words(offer.bytes_left);
    let rest = match offer.model.bytes() {
        all if all == offer.bytes_left => String::new(),
        all => format!(" of {}", in_words(all)),
    };
    let later = entry.later.as_ref().map_or_else(String::new, |what| {
        format!(" This version cannot run it yet: {what} comes in a later one.")
    });
    let id = &offer.model.id;
    format!(
        "{id}: {size}{rest} to fetch. Licence: {licence}. {}{later}",
        entry.release
    )
}

/// Fetches, with progress on standard error.
pub(super) fn accept(
    shelf: &Shelf,
    offer: &Offer,
    interrupts: &Receiver<()>,
) -> Result<Fetched, Failure> {
    let mut progress = Progress::new(format!("fetching {}", offer.model.id));
    stoppable(interrupts, |control| {
        shelf.accept(offer, control, &mut |news| progress.fetched(news))
    })
}

fn tell(args: &FetchArgs, entry: &Entry, path: &Path, model: &Fetched) -> Result<(), Failure> {
    if !args.json {
        return Ok(());
    }
    print_json(&Facts {
        id: &model.id,
        path,
        revision: &model.commit,
        fetched: model.day(),
        licence: &entry.licence,
        rights: entry.rights,
        bytes: model.bytes(),
        files: &model.files,
    })
}

/// The folder of a model, which is fetched after a question when it is not here.
pub(super) fn bring(
    shelf: &Shelf,
    entry: &Entry,
    interrupts: &Receiver<()>,
) -> Result<PathBuf, Failure> {
    let mut entry = entry.clone();
    let offer = stoppable(interrupts, |control| {
        shelf.offer(&entry, Which::Pinned, control)
    })?;
    if let Some(licence) = &offer.model.licence {
        entry.set_licence(licence);
    }
    eprintln!("{}", describe(&entry, &offer));
    if !agreed("Fetch it now?", interrupts)? {
        return Err(barline_engine::shelf::FetchError::NotHere { id: offer.model.id }.into());
    }
    let model = accept(shelf, &offer, interrupts)?;
    match shelf.state(&entry) {
        State::Here { path, .. } => Ok(path),
        _ => Err(barline_engine::shelf::FetchError::NotHere { id: model.id }.into()),
    }
}
