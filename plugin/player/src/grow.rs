//! What of a clip that still grows is played for a beat of the song.
//!
//! Audio thread; pure arithmetic. Whole beats only, and whole bars as soon as there is one: the bar
//! that the song is at where it is ready, else one of those that are, in turn. So playing never runs
//! into what is not there.

use crate::clip::Clip;
use crate::fade::Times;
use crate::part::{Part, Unit};

/// Frames that must be ready beyond a beat for it to be played to its end: a fade, and what
/// interpolation reads.
fn spare_frames(times: &Times) -> usize {
    times.fade_frames * 2 + 64
}

/// Beats of the clip's bars; where bars are no whole beats, of the fewest bars that are.
fn bar_beats(clip: &Clip) -> usize {
    let bar = clip.info().beats_per_bar;
    let whole = |count: &f64| (bar * count - (bar * count).round()).abs() < 1e-6;
    let count = [1.0, 2.0, 4.0].into_iter().find(whole);
    count.map_or(1, |count| ((bar * count).round() as usize).max(1))
}

/// Whether enough is ready to be heard: a bar, or a beat; all of a clip that has less.
pub(crate) fn enough(clip: &Clip, part: &Part, times: &Times, bar: bool) -> bool {
    let needed = if bar { bar_beats(clip) } else { 1 };
    part.ready_beats(clip, spare_frames(times)) >= needed.min(part.beats())
}

/// A bar that was begun is played to its end: the beat that follows the one before in it. `None`: it
/// is at its end, or the song jumped.
pub(crate) fn rest_of_bar(
    clip: &Clip,
    part: &Part,
    times: &Times,
    beat: usize,
    before: Unit,
) -> Option<Unit> {
    let ready = part.ready_beats(clip, spare_frames(times));
    let next = Unit {
        beat,
        source: before.source + 1,
        by_bar: true,
    };
    let inside = !beat.is_multiple_of(bar_beats(clip)) && before.beat + 1 == beat;
    (before.by_bar && inside && next.source < ready).then_some(next)
}

/// What is played for a beat of the song, after what was played for the one before. `None`: nothing
/// is ready.
pub(crate) fn unit(
    clip: &Clip,
    part: &Part,
    times: &Times,
    beat: usize,
    before: Option<Unit>,
) -> Option<Unit> {
    let ready = part.ready_beats(clip, spare_frames(times));
    let bar = bar_beats(clip);
    let (number, inside) = (beat / bar, beat % bar);
    let goes_on = before.and_then(|before| rest_of_bar(clip, part, times, beat, before));
    if goes_on.is_some() {
        return goes_on;
    }
    let bars = ready / bar;
    let own_end = ((number + 1) * bar).min(part.beats());
    let (source, by_bar) = if own_end <= ready {
        (beat, true)
    } else if bars > 0 {
        (number % bars * bar + inside, true)
    } else {
        (beat.checked_rem(ready)?, false)
    };
    Some(Unit {
        beat,
        source,
        by_bar,
    })
}

/// Whether the song's own beats are ready for all frames from one position to another, which may
/// lie beyond the end.
pub(crate) fn covered(clip: &Clip, part: &Part, times: &Times, from: f64, to: f64) -> bool {
    let ready = part.ready_beats(clip, spare_frames(times));
    if clip.whole() || clip.finished() || ready >= part.beats() {
        return true;
    }
    let frames = part.frames() as f64;
    // Round the end, the last beat is needed, and it is not there.
    to < frames && part.beat_at(from.max(to)) < ready
}
