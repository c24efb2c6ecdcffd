//! A clip at other tempi and pitches: which version of it plays, and who makes it.
//!
//! Session thread, and for each refit a thread of its own at lowered priority: it measures, stretches
//! and joins the raw take anew (see `barline_engine::fit`), never what was stretched before. One at
//! a time, of all slots, the one that plays first; what is no longer wanted ends between two of its
//! steps. The engine's worker is not asked, so that a loop in the making goes on and a refit never waits
//! behind it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use barline_engine::fit::{self, Target};
use barline_engine::{ClipFacts, Fit, worker};
use barline_player::SLOTS;
use crossbeam_channel::Receiver;

use super::Screen;
use super::feed::{Arrival, Take};
use super::worker::Worker;
use crate::tempo::{Tempo, Wish};
use crate::view::{Following, How};

/// Versions that are kept of a clip, and the memory that they may take: going to and fro between
/// the sections of a song needs no second refit.
const KEPT: usize = 4;
const KEPT_BYTES: usize = 32 << 20;

/// What a version is brought to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Form {
    /// `None` is its own.
    tempo: Option<Tempo>,
    semitones: i32,
}

/// The versions of one slot's clip.
#[derive(Default)]
pub(super) struct Versions {
    /// What plays, and what is to play.
    form: Form,
    wanted: Form,
    /// Those that are not its own; the newest last.
    kept: VecDeque<(Form, Arc<Take>)>,
    /// One that it can't be brought to, however often one tries.
    refused: Option<Form>,
}

/// A version in the making.
pub(super) struct Refit {
    slot: usize,
    own: Arc<Take>,
    form: Form,
    cancelled: Arc<AtomicBool>,
    /// Disconnected without a message when it was cancelled or could not be made.
    pub(super) made: Receiver<Take>,
}

impl Drop for Refit {
    fn drop(&mut self) {
        self.cancelled.store(true, Ordering::Release);
    }
}

impl Versions {
    fn keep(&mut self, form: Form, take: Arc<Take>) {
        self.kept.push_back((form, take));
        let bytes = |kept: &VecDeque<(Form, Arc<Take>)>| -> usize {
            kept.iter().map(|(_, take)| take.bytes()).sum()
        };
        while self.kept.len() > KEPT || self.kept.len() > 1 && bytes(&self.kept) > KEPT_BYTES {
            self.kept.pop_front();
        }
    }

    fn find(&self, form: Form) -> Option<Arc<Take>> {
        let mut kept = self.kept.iter();
        kept.find_map(|(of, take)| (*of == form).then(|| take.clone()))
    }
}

impl<S: Screen> Worker<S> {
    /// A refit has ended, with a version or without.
    pub(super) fn refitted(&mut self, made: Option<Take>) {
        let Some(refit) = self.refit.take() else {
            return;
        };
        let place = &mut self.slots[refit.slot];
        let current = place.own.as_ref();
        if refit.cancelled.load(Ordering::Acquire)
            || current.is_none_or(|own| !Arc::ptr_eq(own, &refit.own))
        {
            return;
        }
        match made {
            Some(mut take) => {
                take.id = refit.own.id;
                place.versions.keep(refit.form, Arc::new(take));
            }
            None => place.versions.refused = Some(refit.form),
        }
    }

    /// Sees to it that what plays is what is wished, now or when it is made.
    pub(super) fn follow(&mut self, wish: Wish) {
        let first = self.base_slot().unwrap_or_else(|| self.selected());
        let order = std::iter::once(first).chain((0..SLOTS).filter(|slot| *slot != first));
        let (mut next, mut wanted) = (None, false);
        for slot in order {
            let Some((form, own)) = self.wish_of(slot, wish) else {
                continue;
            };
            let place = &mut self.slots[slot];
            place.versions.wanted = form;
            let here = if form == Form::default() {
                Some(own.clone())
            } else {
                place.versions.find(form)
            };
            match here {
                Some(take) => {
                    let playing = place.playing.as_ref();
                    if playing.is_none_or(|now| !Arc::ptr_eq(now, &take)) {
                        self.slots[slot].playing = Some(take);
                        self.slots[slot].versions.form = form;
                        self.tune(slot);
                        self.hand_over(slot, Arrival::OnTheBeat);
                        self.changed = true;
                    }
                }
                None => {
                    let refit = self.refit.as_ref();
                    wanted |= refit.is_some_and(|refit| {
                        (refit.slot, refit.form) == (slot, form) && Arc::ptr_eq(&refit.own, &own)
                    });
                    next = next.or(Some((slot, form, own)));
                }
            }
        }
        match (&self.refit, next) {
            (Some(refit), _) if !wanted => refit.cancelled.store(true, Ordering::Release),
            (None, Some((slot, form, own))) => self.begin_refit(slot, form, own),
            _ => {}
        }
    }

    /// Whether a slot's clip waits for another version of it.
    pub(super) fn refits(&self, slot: usize) -> bool {
        self.slots.get(slot).is_some_and(|place| {
            let Versions {
                form,
                wanted,
                refused,
                ..
            } = &place.versions;
            place.own.is_some() && form != wanted && *refused != Some(*wanted)
        })
    }

    /// What a slot's clip is to be brought to; tells the panel on the way.
    fn wish_of(&mut self, slot: usize, wish: Wish) -> Option<(Form, Arc<Take>)> {
        let Some(own) = self.slots[slot].own.clone() else {
            self.tell(slot, None);
            return None;
        };
        let semitones = self.params.project.slot(slot).semitones;
        let versions = &self.slots[slot].versions;
        let (Some(made_bpm), Some(tempo)) = (own.tempo_bpm(), wish.rested()) else {
            // The tempo moves: what comes would come too late, and what plays is repitched from where
            // it is.
            let tempo = versions.form.tempo;
            let form = Form { tempo, semitones };
            return (versions.refused != Some(form)).then_some((form, own));
        };
        let at = Form {
            tempo: Some(tempo),
            semitones,
        };
        let stay = Form {
            tempo: None,
            semitones,
        };
        let same = Tempo::new(made_bpm) == Some(tempo);
        let (form, how) = if !(wish.sync() && wish.keep_pitch()) || same {
            (stay, How::Repitched)
        } else if !fit::can_follow(made_bpm, tempo.bpm()) {
            (stay, How::TooFar)
        } else if versions.refused == Some(at) {
            (stay, How::Refused)
        } else if versions.find(at).is_some() {
            (at, How::PitchKept)
        } else {
            (at, How::Stretching)
        };
        let refused = versions.refused == Some(form);
        let following = (wish.sync() && !same).then_some(Following {
            made_bpm,
            host_bpm: tempo.bpm(),
            how,
        });
        self.tell(slot, following);
        (!refused).then_some((form, own))
    }

    fn tell(&mut self, slot: usize, following: Option<Following>) {
        let told = &mut self.snapshot.slots[slot].following;
        if *told != following {
            *told = following;
            self.changed = true;
        }
    }

    fn begin_refit(&mut self, slot: usize, form: Form, own: Arc<Take>) {
        let (send, made) = crossbeam_channel::bounded(1);
        let cancelled = Arc::new(AtomicBool::new(false));
        let (ask, from) = (cancelled.clone(), own.clone());
        let spawned = std::thread::Builder::new()
            .name("barline-refit".into())
            .spawn(move || {
                worker::lower_priority();
                let cancelled = || ask.load(Ordering::Acquire);
                if let Some(take) = version(&from, form, &cancelled) {
                    // Nobody listens any more when the instance is gone.
                    let _ = send.send(take);
                }
            });
        match spawned {
            Ok(_) => {
                self.refit = Some(Refit {
                    slot,
                    own,
                    form,
                    cancelled,
                    made,
                });
            }
            Err(_) => self.slots[slot].versions.refused = Some(form),
        }
    }
}

/// A take at another tempo, another pitch or both.
fn version(own: &Take, form: Form, cancelled: &dyn Fn() -> bool) -> Option<Take> {
    let stretched = match form.tempo {
        Some(tempo) => Some(at_tempo(own, tempo.bpm(), cancelled)?),
        None => None,
    };
    let take = stretched.as_ref().unwrap_or(own);
    if form.semitones == 0 {
        return stretched;
    }
    let channels = fit::shift(&take.channels, take.rate_hz, form.semitones).ok()?;
    (!cancelled()).then_some(())?;
    let facts = take.facts.clone()?;
    Some(Take::whole(take.rate_hz, channels, facts))
}

/// A take at another tempo: from its raw take, else around its join.
fn at_tempo(own: &Take, tempo_bpm: f64, cancelled: &dyn Fn() -> bool) -> Option<Take> {
    let facts = own.facts.as_ref()?.played_at(tempo_bpm);
    let fit = Fit {
        play_at_bpm: Some(tempo_bpm),
        ..facts.fit().unwrap_or_default()
    };
    let target = Target::of(facts.made_length(), Some(fit))?;
    let (channels, fitted) = match &own.raw {
        Some(raw) => fit::into_bars_unless(raw, own.rate_hz, &target, cancelled)?,
        None => {
            let was = facts.fitted.as_ref();
            fit::around(&own.channels, own.rate_hz, was, &target, cancelled)?
        }
    };
    let facts = ClipFacts {
        fitted: Some(fitted),
        ..facts
    };
    Some(Take::whole(own.rate_hz, channels, facts))
}
