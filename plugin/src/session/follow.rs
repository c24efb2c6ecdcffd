//! The clip at the host's tempo: which version of it plays, and who makes it.
//!
//! Session thread, and for each refit a thread of its own at lowered priority: it measures, stretches
//! and joins the raw take anew (see `barline_engine::fit`), never what was stretched before. One at
//! a time; a newer tempo ends it between two of its steps. The engine's worker is not asked, so that a
//! loop in the making goes on and a refit never waits behind it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use barline_engine::fit::{self, Target};
use barline_engine::{ClipFacts, Fit, worker};
use crossbeam_channel::Receiver;

use super::Screen;
use super::feed::Take;
use super::worker::Worker;
use crate::tempo::{Tempo, Wish};
use crate::view::{Following, How};

/// Versions at other tempi that are kept, and the memory that they may take: going to and fro between
/// the sections of a song needs no second refit.
const KEPT: usize = 4;
const KEPT_BYTES: usize = 32 << 20;

/// The take and its versions.
#[derive(Default)]
pub(super) struct Follow {
    /// At its own tempo: what coming back to that plays, and where every version is made from.
    pub(super) own: Option<Arc<Take>>,
    /// At other tempi; the newest last.
    kept: VecDeque<(Tempo, Arc<Take>)>,
    refit: Option<Refit>,
    /// A tempo that it can't be brought to, however often one tries.
    refused: Option<Tempo>,
}

/// A version in the making.
struct Refit {
    tempo: Tempo,
    cancelled: Arc<AtomicBool>,
    /// Disconnected without a message when it was cancelled or could not be made.
    made: Receiver<Take>,
}

impl Drop for Refit {
    fn drop(&mut self) {
        self.cancelled.store(true, Ordering::Release);
    }
}

impl Follow {
    /// Another take, or none.
    pub(super) fn reset(&mut self, own: Option<Arc<Take>>) {
        *self = Self {
            own,
            // One that runs is left to end by itself; a second does not begin before.
            refit: self.refit.take(),
            ..Self::default()
        };
        self.cancel();
    }

    /// Whether a version is on its way.
    pub(super) fn busy(&self) -> bool {
        self.refit.is_some()
    }

    /// What tells that a refit has ended.
    pub(super) fn ended(&self) -> Option<Receiver<Take>> {
        self.refit.as_ref().map(|refit| refit.made.clone())
    }

    fn cancel(&self) {
        if let Some(refit) = &self.refit {
            refit.cancelled.store(true, Ordering::Release);
        }
    }

    fn keep(&mut self, tempo: Tempo, take: Arc<Take>) {
        self.kept.push_back((tempo, take));
        let bytes = |kept: &VecDeque<(Tempo, Arc<Take>)>| -> usize {
            kept.iter().map(|(_, take)| take.bytes()).sum()
        };
        while self.kept.len() > KEPT || self.kept.len() > 1 && bytes(&self.kept) > KEPT_BYTES {
            self.kept.pop_front();
        }
    }

    fn find(&self, tempo: Tempo) -> Option<Arc<Take>> {
        let mut kept = self.kept.iter();
        kept.find_map(|(at, take)| (*at == tempo).then(|| take.clone()))
    }
}

/// What is to be heard.
enum Version {
    Own,
    At(Tempo),
}

impl<S: Screen> Worker<S> {
    /// A refit has ended, with a version or without.
    pub(super) fn refitted(&mut self, made: Option<Take>) {
        let Some(refit) = self.follow.refit.take() else {
            return;
        };
        let cancelled = refit.cancelled.load(Ordering::Acquire);
        match made {
            _ if cancelled => {}
            Some(take) => self.follow.keep(refit.tempo, Arc::new(take)),
            None => self.follow.refused = Some(refit.tempo),
        }
    }

    /// Sees to it that what plays is what is wished, now or when it is made.
    pub(super) fn follow(&mut self, wish: Wish) {
        let Some(own) = self.follow.own.clone() else {
            self.tell(None);
            return;
        };
        let (Some(made_bpm), Some(tempo)) = (own.tempo_bpm(), wish.rested()) else {
            // It moves: what comes would come too late, and what plays is repitched from where it is.
            self.follow.cancel();
            return;
        };
        let (version, how) = self.choose(made_bpm, tempo, wish);
        let following = (wish.sync() && Tempo::new(made_bpm) != Some(tempo)).then_some(Following {
            made_bpm,
            host_bpm: tempo.bpm(),
            how,
        });
        self.tell(following);
        let wanted = match version {
            Version::Own => Some(own.clone()),
            Version::At(tempo) => self.follow.find(tempo),
        };
        match (wanted, version) {
            (Some(take), _) => {
                self.follow.cancel();
                if self
                    .take
                    .as_ref()
                    .is_none_or(|now| !Arc::ptr_eq(now, &take))
                {
                    self.take = Some(take);
                    self.swap_take();
                    self.changed = true;
                }
            }
            (None, Version::At(tempo)) => match &self.follow.refit {
                Some(refit) if refit.tempo == tempo => {}
                Some(_) => self.follow.cancel(),
                None => self.refit(own, tempo),
            },
            (None, Version::Own) => {}
        }
    }

    fn choose(&self, made_bpm: f64, tempo: Tempo, wish: Wish) -> (Version, How) {
        if !(wish.sync() && wish.keep_pitch()) || Tempo::new(made_bpm) == Some(tempo) {
            (Version::Own, How::Repitched)
        } else if !fit::can_follow(made_bpm, tempo.bpm()) {
            (Version::Own, How::TooFar)
        } else if self.follow.refused == Some(tempo) {
            (Version::Own, How::Refused)
        } else if self.follow.find(tempo).is_some() {
            (Version::At(tempo), How::PitchKept)
        } else {
            (Version::At(tempo), How::Stretching)
        }
    }

    fn tell(&mut self, following: Option<Following>) {
        if self.snapshot.slots[0].following != following {
            self.snapshot.slots[0].following = following;
            self.changed = true;
        }
    }

    fn refit(&mut self, own: Arc<Take>, tempo: Tempo) {
        let (send, made) = crossbeam_channel::bounded(1);
        let cancelled = Arc::new(AtomicBool::new(false));
        let ask = cancelled.clone();
        let spawned = std::thread::Builder::new()
            .name("barline-refit".into())
            .spawn(move || {
                worker::lower_priority();
                let cancelled = || ask.load(Ordering::Acquire);
                if let Some(take) = at_tempo(&own, tempo.bpm(), &cancelled) {
                    // Nobody listens any more when the instance is gone.
                    let _ = send.send(take);
                }
            });
        match spawned {
            Ok(_) => {
                self.follow.refit = Some(Refit {
                    tempo,
                    cancelled,
                    made,
                });
            }
            Err(_) => self.follow.refused = Some(tempo),
        }
    }
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
