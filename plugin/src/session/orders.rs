//! What a session asks of its keeper, and what becomes of the answers.
//!
//! Session thread.

use std::path::PathBuf;
use std::sync::Arc;

use super::Screen;
use super::feed::Take;
use super::keeper::{Keeper, News, Order, Then};
use super::worker::Worker;
use crate::state::SavedClip;
use crate::view::{LibraryAction, Message, Source};

impl<S: Screen> Worker<S> {
    fn order(&mut self, order: Order) {
        if self.keeper.is_none() {
            self.keeper = Keeper::start(self.folders.library.clone());
        }
        match &mut self.keeper {
            Some(keeper) => keeper.order(order),
            None => {
                self.say_error(&"the system has no room for another thread: close other programs")
            }
        }
    }

    /// A finished take goes into the library.
    pub(super) fn file(&mut self, take: &Arc<Take>) {
        self.order(Order::Keep(take.clone()));
    }

    /// A clip that did not come along with the project may be in the library.
    pub(super) fn look_up(&mut self, slot: usize, saved: &SavedClip) {
        if let Some(id) = &saved.library {
            self.order(Order::Load(id.clone(), Then::ComeBack(slot)));
        }
    }

    pub(super) fn load_from_library(&mut self, id: String, then: Then) {
        self.order(Order::Load(id, then));
    }

    pub(super) fn reveal_in_library(&mut self, id: String) {
        self.order(Order::Where(id));
    }

    pub(super) fn ask_library(&mut self, action: LibraryAction) {
        self.order(Order::Panel(action));
    }

    /// Reads files: the first into a slot, the others into the slots after it that are empty.
    pub(super) fn import(&mut self, paths: Vec<PathBuf>, slot: Option<usize>) {
        let first = slot.unwrap_or_else(|| self.selected());
        let (_, project) = self.params.project.read();
        let live = &self.shared.live;
        let tempo_bpm = live
            .tempo_bpm()
            .filter(|_| self.params.sync.value())
            .unwrap_or(project.tempo_bpm);
        let beats_per_bar = live.beats_per_bar().unwrap_or(project.beats_per_bar);
        let empty: Vec<usize> = (0..self.slots.len())
            .filter(|slot| *slot != first && self.slots[*slot].own.is_none())
            .collect();
        let room = 1 + empty.len();
        if paths.len() > room {
            let left = paths.len() - room;
            self.say_error(&format!(
                "{left} files found no empty slot: empty one and drop them again"
            ));
        }
        for (path, slot) in paths.into_iter().zip(std::iter::once(first).chain(empty)) {
            self.order(Order::Import {
                path,
                slot,
                tempo_bpm,
                beats_per_bar,
            });
        }
    }

    pub(super) fn put(&mut self, source: Source, slot: usize) {
        match (self.find(&source), source) {
            (Some(take), _) => {
                self.checkpoint(None);
                self.place(slot, Some(take));
            }
            (None, Source::Library(id)) => self.load_from_library(id, Then::Place(slot)),
            (None, _) => {
                self.say_error(&"this clip is not here any more: take it from the library")
            }
        }
    }

    pub(super) fn hear_source(&mut self, source: Source) {
        match (self.find(&source), source) {
            (Some(take), source) => self.preview(Some((source, take))),
            (None, Source::Library(id)) => self.load_from_library(id, Then::Preview),
            (None, _) => {
                self.say_error(&"this clip is not here any more: take it from the library")
            }
        }
    }

    /// Another like a clip (`similar`), or from its prompt with another seed.
    pub(super) fn again(&mut self, source: Source, similar: bool) {
        match (self.facts_of(&source), source) {
            (None, Source::Library(id)) => self.load_from_library(id, Then::Again(similar)),
            (_, source) if similar => self.similar(&source),
            (_, source) => self.reroll(&source),
        }
    }

    /// Takes in what the keeper says.
    pub(super) fn hear_keeper(&mut self) {
        while let Some(news) = self
            .keeper
            .as_ref()
            .and_then(|keeper| keeper.news.try_recv().ok())
        {
            self.changed = true;
            match news {
                News::Kept(take, id) => self.kept(take, id),
                News::Read(take, then) => {
                    self.read_one();
                    self.arrived(*take, then);
                }
                News::Gone => self.read_one(),
                News::At(path) => self.show_file(&path),
                News::View(view) => self.snapshot.library = *view,
                News::Prompts(prompts) => {
                    let mut history = self.snapshot.history.to_vec();
                    for prompt in prompts {
                        if !history.contains(&prompt) {
                            history.push(prompt);
                        }
                    }
                    self.snapshot.history = history.into();
                }
                News::Info(text) => self.say(Message::Info(text)),
                News::Trouble(text) => self.say_error(&text),
            }
        }
    }

    fn read_one(&mut self) {
        if let Some(keeper) = &mut self.keeper {
            keeper.reading = keeper.reading.saturating_sub(1);
        }
    }

    fn kept(&mut self, take: crate::view::TakeId, id: String) {
        let in_slots = self.slots.iter().filter_map(|slot| slot.own.clone());
        let known = self.takes.find(take).into_iter().chain(in_slots);
        for known in known.filter(|known| known.id == take) {
            // It may have been kept twice: once is enough.
            let _ = known.library.set(id.clone());
        }
        for slot in 0..self.slots.len() {
            if self.slots[slot]
                .own
                .as_ref()
                .is_some_and(|own| own.id == take)
            {
                self.keep(slot);
            }
        }
    }

    fn arrived(&mut self, take: Take, then: Then) {
        let file = take.library.get().is_none();
        let take = self.admit(take);
        match then {
            Then::Place(slot) => {
                if file {
                    self.takes.add(take.clone());
                    self.file(&take);
                }
                self.checkpoint(None);
                self.place(slot, Some(take));
                self.settle();
            }
            Then::ComeBack(slot) => {
                let waits = self.slots.get(slot).and_then(|slot| slot.missing.as_ref());
                if waits.is_some_and(|missing| missing.library.as_ref() == take.library.get()) {
                    self.place(slot, Some(take));
                    self.settle();
                }
            }
            Then::Preview => {
                let id = take.library.get().cloned().unwrap_or_default();
                self.preview(Some((Source::Library(id), take)));
            }
            Then::Write(errand) => {
                if let Some(facts) = take.facts.clone() {
                    let id = take.library.get().cloned().unwrap_or_default();
                    let (rate_hz, source) = (take.rate_hz, Source::Library(id));
                    self.write(source, errand, facts, rate_hz, &take.channels);
                }
            }
            Then::Again(similar) => {
                self.takes.add(take.clone());
                self.again(Source::Take(take.id), similar);
            }
        }
    }
}
