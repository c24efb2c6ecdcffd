//! Slots: which clip lies in each, which version of it plays, and how.
//!
//! Session thread. Whatever changes here goes to the player, and into the state that the host saves.

use std::sync::Arc;

use barline_engine::ClipFacts;
use barline_player::{ClipId, NoteMode as PlayerNote, SLOTS, SlotSettings as PlayerSettings};

use super::Screen;
use super::feed::{Arrival, Take};
use super::versions::Versions;
use super::worker::Worker;
use crate::recall;
use crate::state::{Clips, NoteMode, SavedClip, SlotSettings};
use crate::view::{Source, TakeId};

/// A level that is silent.
const SILENT_DB: f32 = SlotSettings::GAIN_DB.0;

/// A slot.
#[derive(Default)]
pub(super) struct Slot {
    /// Its clip at its own tempo.
    pub(super) own: Option<Arc<Take>>,
    /// The version of it that plays.
    pub(super) playing: Option<Arc<Take>>,
    pub(super) versions: Versions,
    /// The clip before, to flip to.
    pub(super) before: Option<Arc<Take>>,
    /// A clip that did not come along with the project.
    pub(super) missing: Option<Arc<SavedClip>>,
}

/// A clip that is heard in a slot's place without lying there.
pub(super) struct Preview {
    slot: usize,
    take: Arc<Take>,
    pub(super) source: Source,
}

impl<S: Screen> Worker<S> {
    /// The slot that plays with the host, if any.
    pub(super) fn base_slot(&self) -> Option<usize> {
        usize::try_from(self.params.slot.value() - 1)
            .ok()
            .filter(|slot| *slot < SLOTS)
    }

    /// The slot that is looked at.
    pub(super) fn selected(&self) -> usize {
        self.params.project.read().1.selected.min(SLOTS - 1)
    }

    /// Another clip, or none, takes the place of the one before, at its own tempo.
    pub(super) fn place(&mut self, slot: usize, take: Option<Arc<Take>>) {
        self.arrive(slot, take, Arrival::AtOnce);
    }

    fn arrive(&mut self, slot: usize, take: Option<Arc<Take>>, arrival: Arrival) {
        let Some(place) = self.slots.get_mut(slot) else {
            return;
        };
        let same = match (&place.own, &take) {
            (Some(own), Some(take)) => Arc::ptr_eq(own, take),
            (own, take) => own.is_none() && take.is_none(),
        };
        if same && place.missing.is_none() {
            return;
        }
        if let Some(old) = place.own.take()
            && !same
        {
            place.before = Some(old);
        }
        place.missing = None;
        place.own.clone_from(&take);
        place.playing.clone_from(&take);
        place.versions = Versions::default();
        self.keep(slot);
        self.tune(slot);
        self.hand_over(slot, arrival);
        self.changed = true;
    }

    /// The clip that the host saves for a slot.
    pub(super) fn keep(&self, slot: usize) {
        let Some(place) = self.slots.get(slot) else {
            return;
        };
        let saved = match (&place.own, &place.missing) {
            (Some(take), _) => take.saved.as_ref().map(|saved| match take.library.get() {
                Some(id) if saved.library.as_ref() != Some(id) => Arc::new(SavedClip {
                    library: Some(id.clone()),
                    ..(**saved).clone()
                }),
                _ => saved.clone(),
            }),
            (None, missing) => missing.clone(),
        };
        self.params.project.keep_clip(slot, saved);
    }

    /// The clip before comes back, and the one that is there is the one before: on the next beat.
    pub(super) fn flip(&mut self, slot: usize) {
        let before = self.slots.get_mut(slot).and_then(|slot| slot.before.take());
        if let Some(before) = before {
            self.checkpoint(None);
            self.arrive(slot, Some(before), Arrival::OnTheBeat);
        }
    }

    /// Two slots change places, with all that is set for them.
    pub(super) fn exchange(&mut self, one: usize, other: usize) {
        if one == other || one >= SLOTS || other >= SLOTS {
            return;
        }
        self.checkpoint(None);
        self.slots.swap(one, other);
        self.params
            .project
            .update(|project| project.slots.swap(one, other));
        for slot in [one, other] {
            self.keep(slot);
            self.tune(slot);
            self.hand_over(slot, Arrival::AtOnce);
        }
        self.changed = true;
    }

    /// A state's clips take the place of all that is there; one that is there already plays on.
    pub(super) fn load_clips(&mut self, clips: &Clips) {
        for (slot, saved) in clips.iter().enumerate() {
            let here = self.slots[slot].own.as_ref();
            let here = here.and_then(|take| take.saved.as_ref());
            if let (Some(here), Some(saved)) = (here, saved)
                && saved.is(here)
            {
                self.keep(slot);
                self.tune(slot);
                continue;
            }
            self.place(slot, None);
            self.slots[slot].before = None;
            let Some(saved) = saved else {
                continue;
            };
            match recall::unpack(saved) {
                Ok(clip) => {
                    let mut take = Take::whole(clip.rate_hz, clip.channels, saved.facts.clone());
                    take.raw = clip.raw;
                    take.saved = Some(saved.clone());
                    if let Some(id) = &saved.library {
                        let _ = take.library.set(id.clone());
                    }
                    let take = self.admit(take);
                    self.place(slot, Some(take));
                }
                Err(error) => {
                    self.slots[slot].missing = Some(saved.clone());
                    self.keep(slot);
                    match error {
                        recall::RecallError::Behind => self.look_up(slot, saved),
                        damaged => self.say_error(&damaged),
                    }
                }
            }
        }
    }

    /// Tells the player how a slot plays.
    pub(super) fn tune(&mut self, slot: usize) {
        let (_, project) = self.params.project.read();
        let Some(settings) = project.slots.get(slot) else {
            return;
        };
        let bpm = self.slots[slot]
            .playing
            .as_ref()
            .and_then(|take| take.tempo_bpm())
            .unwrap_or(120.0);
        self.control.configure(slot, played(settings, bpm));
        let previewed = |preview: &Preview| preview.slot == slot;
        let layered = settings.layered || self.preview.as_ref().is_some_and(previewed);
        self.control.layer(slot, layered);
    }

    pub(super) fn hand_over(&mut self, slot: usize, arrival: Arrival) {
        let Some(rate_hz) = self.rate_hz else {
            return;
        };
        let preview = self.preview.as_ref().filter(|preview| preview.slot == slot);
        let take = preview
            .map(|preview| &preview.take)
            .or(self.slots[slot].playing.as_ref());
        match take {
            Some(take) => {
                self.last_clip += 1;
                let id = ClipId(self.last_clip);
                take.load(slot, id, rate_hz, arrival, &mut self.control);
            }
            None => self.control.clear(slot),
        }
    }

    /// A clip is heard in the place of the slot that plays, or no longer.
    pub(super) fn preview(&mut self, heard: Option<(Source, Arc<Take>)>) {
        let slot = self.base_slot().unwrap_or_else(|| self.selected());
        let old = self.preview.take();
        if let Some((source, take)) = heard {
            self.preview = Some(Preview { slot, take, source });
        }
        for slot in [old.map(|old| old.slot), self.preview.as_ref().map(|_| slot)]
            .into_iter()
            .flatten()
        {
            self.tune(slot);
            self.hand_over(slot, Arrival::AtOnce);
        }
        self.control
            .audition(self.snapshot.audition || self.preview.is_some());
        self.snapshot.preview = self.preview.as_ref().map(|preview| preview.source.clone());
        self.changed = true;
    }

    /// A take gets its name in this instance.
    pub(super) fn admit(&mut self, mut take: Take) -> Arc<Take> {
        self.last_take += 1;
        take.id = TakeId(self.last_take);
        Arc::new(take)
    }

    /// What is known of a clip that is here.
    pub(super) fn facts_of(&self, source: &Source) -> Option<ClipFacts> {
        if let Source::Slot(slot) = source
            && let Some(missing) = self.slots.get(*slot)?.missing.as_ref()
        {
            return Some(missing.facts.clone());
        }
        self.find(source)?.facts.clone()
    }

    /// A clip that is here, at its own tempo.
    pub(super) fn find(&self, source: &Source) -> Option<Arc<Take>> {
        match source {
            Source::Slot(slot) => self.slots.get(*slot)?.own.clone(),
            Source::Take(id) => self.takes.find(*id),
            Source::Library(id) => self.takes.kept_as(id),
        }
    }
}

/// A slot's settings as the player takes them.
fn played(settings: &SlotSettings, tempo_bpm: f64) -> PlayerSettings {
    let seconds = |beats: f64| beats * 60.0 / tempo_bpm;
    PlayerSettings {
        gain: if settings.gain_db <= SILENT_DB {
            0.0
        } else {
            10.0_f32.powf(settings.gain_db / 20.0)
        },
        pan: settings.pan,
        start_beats: settings.start_beats,
        end_beats: settings.end_beats,
        reverse: settings.reverse,
        fade_in_seconds: seconds(settings.fade_in_beats),
        fade_out_seconds: seconds(settings.fade_out_beats),
        one_shot: settings.one_shot,
        note: match settings.note {
            NoteMode::Gate => PlayerNote::Gate,
            NoteMode::Toggle => PlayerNote::Toggle,
        },
    }
}
