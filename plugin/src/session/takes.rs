//! The takes that an instance made or read, newest first, and how lists show takes.
//!
//! Session thread. Those that lie in slots live on there; what falls out of the list is in the
//! library.

use std::collections::VecDeque;
use std::sync::Arc;

use barline_engine::{ClipFacts, Length};

use super::feed::Take;
use crate::export;
use crate::view::{Peak, Rights, Source, TakeId, TakeView};

/// Takes in the list, and the memory that they may hold.
const MOST: usize = 48;
const MOST_BYTES: usize = 256 << 20;
/// Columns of a take's small picture.
const COLUMNS: usize = 128;

/// The list.
#[derive(Default)]
pub(super) struct Takes {
    list: VecDeque<Arc<Take>>,
}

impl Takes {
    pub(super) fn add(&mut self, take: Arc<Take>) {
        self.list.push_front(take);
        let bytes =
            |list: &VecDeque<Arc<Take>>| list.iter().map(|take| take.bytes()).sum::<usize>();
        while self.list.len() > MOST || self.list.len() > 1 && bytes(&self.list) > MOST_BYTES {
            self.list.pop_back();
        }
    }

    pub(super) fn find(&self, id: TakeId) -> Option<Arc<Take>> {
        self.list.iter().find(|take| take.id == id).cloned()
    }

    /// The take that the library knows by this id.
    pub(super) fn kept_as(&self, id: &str) -> Option<Arc<Take>> {
        let named = |take: &&Arc<Take>| take.library.get().is_some_and(|own| own == id);
        self.list.iter().find(named).cloned()
    }

    pub(super) fn view(&self) -> Arc<[TakeView]> {
        self.list.iter().filter_map(|take| view(take)).collect()
    }
}

fn view(take: &Take) -> Option<TakeView> {
    let facts = take.facts.as_ref()?;
    let (tempo_bpm, bars) = match facts.length {
        Length::Bars {
            bars, tempo_bpm, ..
        } => (Some(tempo_bpm), Some(bars)),
        Length::Seconds(_) => (None, None),
    };
    Some(TakeView {
        source: Source::Take(take.id),
        name: facts.prompt.clone(),
        prompt: facts.prompt.clone(),
        seed: (facts.steps > 0).then_some(facts.seed),
        tempo_bpm,
        bars,
        key: export::key(facts),
        score: score(facts),
        seconds: take.seconds(),
        made_by: facts.model.clone(),
        rights: rights(&facts.rights),
        licence: facts.rights.clone(),
        favourite: false,
        tags: Vec::new(),
        peaks: small(&take.view().peaks),
    })
}

pub(super) fn score(facts: &ClipFacts) -> Option<u32> {
    Some(u32::from(facts.fitted.as_ref()?.score.total))
}

/// What the words of a licence come down to.
pub(super) fn rights(words: &str) -> Rights {
    Rights::said(words)
}

/// A picture of fewer columns.
fn small(peaks: &[Peak]) -> Arc<[Peak]> {
    let wide = peaks.len().div_ceil(COLUMNS).max(1);
    let column = |part: &[Peak]| {
        let low = part.iter().map(|peak| peak.0).fold(f32::MAX, f32::min);
        let high = part.iter().map(|peak| peak.1).fold(f32::MIN, f32::max);
        (low, high)
    };
    peaks.chunks(wide).map(column).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_engine_says_of_rights_becomes_a_badge() {
        let said = [
            (
                "Clips belong to whoever makes them, commercial use included.",
                Rights::Commercial,
            ),
            (
                "The model is under the licence cc-by-nc-4.0, which excludes commercial use; it governs",
                Rights::NonCommercial,
            ),
            (
                "The rights are those of the model's licence, which",
                Rights::Unknown,
            ),
        ];
        for (words, badge) in said {
            assert_eq!(rights(words), badge, "{words}");
        }
    }
}
