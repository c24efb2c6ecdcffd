//! What the panel asks of the library, and what it sees of it.
//!
//! The keeper's thread.

use std::sync::Arc;

use barline_engine::prompt;
use barline_library::{LibraryError, Origin, Query, Removal, Take};

use super::{News, Shop};
use crate::session::takes;
use crate::view::{Find, LibraryAction, LibraryView, Source, TakeView};

/// Entries that are listed unless more are asked for.
const LISTED: usize = 100;
/// Prompts that are kept at hand.
const PROMPTS: usize = 50;

impl Shop {
    pub(super) fn obey(&mut self, action: LibraryAction) {
        if let LibraryAction::Find(find) = action {
            self.find = find;
            self.look();
            return;
        }
        if let Err(error) = self.change(action) {
            self.say(News::Trouble(error.to_string()));
        }
        self.look();
    }

    fn change(&mut self, action: LibraryAction) -> Result<(), LibraryError> {
        let Ok(library) = &mut self.library else {
            return Ok(());
        };
        // An id that is none names nothing.
        let id = |id: &str| id.parse().ok();
        match action {
            LibraryAction::Find(_) => {}
            LibraryAction::Favourite(take, on) => {
                if let Some(id) = id(&take) {
                    library.set_favourite(id, on)?;
                }
            }
            LibraryAction::Rename(take, name) => {
                if let Some(id) = id(&take) {
                    library.rename(id, &name)?;
                }
            }
            LibraryAction::Tags(take, tags) => {
                if let Some(id) = id(&take) {
                    library.set_tags(id, &tags)?;
                }
            }
            LibraryAction::Bin(take) => {
                if let Some(id) = id(&take) {
                    library.delete(&[id], Removal::Bin)?;
                }
            }
            LibraryAction::Limit(bytes) => library.set_limit_bytes(bytes)?,
            LibraryAction::Prune(go) => {
                // Only what the user was asked about.
                if let Some(prune) = self.prune.take()
                    && go
                {
                    library.prune(&prune, Removal::Bin)?;
                }
            }
        }
        Ok(())
    }

    /// Tells the panel what is there.
    pub(super) fn look(&mut self) {
        let view = match self.view() {
            Ok(view) => view,
            Err(why) => LibraryView {
                find: self.find.clone(),
                trouble: Some(why),
                ..LibraryView::default()
            },
        };
        self.say(News::View(Box::new(view)));
    }

    fn view(&mut self) -> Result<LibraryView, String> {
        let words = |error: LibraryError| error.to_string();
        let library = self.library.as_mut().map_err(|error| error.to_string())?;
        let page = library.search(&query(&self.find)).map_err(words)?;
        self.prune = library.over_limit().map_err(words)?;
        Ok(LibraryView {
            find: self.find.clone(),
            takes: page.takes.iter().map(row).collect(),
            total: page.total,
            bytes: library.total_bytes().map_err(words)?,
            limit_bytes: library.limit_bytes().map_err(words)?,
            prune: self
                .prune
                .as_ref()
                .map(|prune| (prune.takes.len() as u64, prune.bytes)),
            trouble: None,
        })
    }

    /// Prompts that were used before, for the panel's history.
    pub(super) fn prompts(&mut self) {
        let Ok(library) = &mut self.library else {
            return;
        };
        let all = Query {
            limit: 200,
            ..Query::default()
        };
        let Ok(page) = library.search(&all) else {
            return;
        };
        let mut prompts: Vec<String> = Vec::new();
        for take in page.takes {
            let made = take.facts.origin == Origin::Generated;
            let words = prompt::words(&take.facts.prompt).to_owned();
            if made && !words.is_empty() && !prompts.contains(&words) {
                prompts.push(words);
            }
        }
        prompts.truncate(PROMPTS);
        self.say(News::Prompts(prompts));
    }
}

fn query(find: &Find) -> Query {
    let limit = if find.limit == 0 { LISTED } else { find.limit };
    Query {
        text: find.text.clone(),
        tempo_bpm: find.bpm.map(|(low, high)| low..=high),
        key: find.key.clone(),
        favourites_only: find.favourites,
        limit: limit.min(u32::MAX as usize) as u32,
        ..Query::default()
    }
}

fn row(take: &Take) -> TakeView {
    let facts = &take.facts;
    let made = facts.origin == Origin::Generated;
    let peaks = facts.peaks.columns.iter();
    let peaks: Arc<[_]> = peaks
        .map(|[low, high]| (f32::from(*low) / 127.0, f32::from(*high) / 127.0))
        .collect();
    TakeView {
        source: Source::Library(take.id.to_string()),
        name: facts.name.clone(),
        prompt: facts.prompt.clone(),
        seed: made.then_some(facts.seed),
        tempo_bpm: facts.tempo_bpm,
        bars: facts.bars,
        key: facts.key.clone(),
        score: facts.score.map(|score| score.round() as u32),
        seconds: facts.seconds,
        made_by: facts.model.clone(),
        rights: takes::rights(&facts.rights),
        licence: facts.rights.clone(),
        favourite: take.is_favourite,
        tags: take.tags.clone(),
        peaks,
    }
}
