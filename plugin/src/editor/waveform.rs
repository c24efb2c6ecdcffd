//! The picture of the clip: columns, bars and beats, playhead.
//!
//! Window thread; only draws.

use egui::{Align2, Color32, CornerRadius, Painter, Rect, Stroke, StrokeKind, Ui, pos2, vec2};

use super::theme::{self, ACCENT, GROUND, LINE, QUIET, TEXT};
use crate::view::{COLUMNS, ClipView, Phase, Snapshot};

/// Height of the strip with the bars' numbers.
const RULER: f32 = 18.0;
/// What lies before the playhead, a little quieter than what comes.
const PLAYED: Color32 = Color32::from_rgb(0xB3, 0x7F, 0x3C);

/// Draws the clip of a snapshot into `rect`.
pub(super) fn show(ui: &Ui, rect: Rect, snapshot: &Snapshot, playhead_beats: Option<f64>) {
    let painter = ui.painter_at(rect);
    painter.rect_filled(rect, CornerRadius::same(theme::ROUND), GROUND);
    let Some(clip) = &snapshot.slots[0].clip else {
        empty(&painter, rect, &snapshot.phase);
        return;
    };
    let picture = rect.with_min_y(rect.top() + RULER).shrink2(vec2(0.0, 6.0));
    grid(&painter, rect, picture, clip);
    columns(&painter, picture, clip, playhead_beats);
    if let Some(beat) = playhead_beats {
        let x = at_beat(picture, clip, beat);
        painter.vline(x, rect.top()..=rect.bottom(), Stroke::new(1.5, TEXT));
    }
    painter.rect_stroke(
        rect,
        CornerRadius::same(theme::ROUND),
        Stroke::new(1.0, LINE),
        StrokeKind::Inside,
    );
}

fn empty(painter: &Painter, rect: Rect, phase: &Phase) {
    let stroke = Stroke::new(1.0, LINE);
    painter.rect_stroke(
        rect,
        CornerRadius::same(theme::ROUND),
        stroke,
        StrokeKind::Inside,
    );
    painter.hline(rect.x_range().shrink(16.0), rect.center().y, stroke);
    if !phase.busy() {
        let text = "Your loop appears here";
        let galley =
            painter.layout_no_wrap(text.to_owned(), egui::FontId::proportional(14.0), QUIET);
        let place = Rect::from_center_size(rect.center(), galley.size() + vec2(24.0, 8.0));
        painter.rect_filled(place, CornerRadius::ZERO, GROUND);
        painter.galley(place.center() - galley.size() / 2.0, galley, QUIET);
    }
}

fn at_beat(picture: Rect, clip: &ClipView, beat: f64) -> f32 {
    picture.left() + (beat / clip.beats) as f32 * picture.width()
}

fn grid(painter: &Painter, rect: Rect, picture: Rect, clip: &ClipView) {
    let beats = clip.beats.ceil() as u32;
    for beat in 0..beats {
        let x = at_beat(picture, clip, f64::from(beat));
        let bar = beat % clip.beats_per_bar.max(1) == 0;
        let top = if bar { rect.top() } else { picture.top() };
        let color = if bar {
            LINE
        } else {
            Color32::from_rgb(0x24, 0x28, 0x31)
        };
        if beat > 0 {
            painter.vline(x, top..=rect.bottom(), Stroke::new(1.0, color));
        }
        if bar {
            let number = (beat / clip.beats_per_bar.max(1) + 1).to_string();
            let place = pos2(x + 6.0, rect.top() + RULER / 2.0 + 1.0);
            painter.text(place, Align2::LEFT_CENTER, number, theme::small(), QUIET);
        }
    }
}

/// One line for each pixel column, from the lowest to the highest sample in it.
fn columns(painter: &Painter, picture: Rect, clip: &ClipView, playhead_beats: Option<f64>) {
    let pixels = painter.ctx().pixels_per_point();
    let count = (picture.width() * pixels).max(1.0) as usize;
    let played = playhead_beats.map(|beat| at_beat(picture, clip, beat));
    let middle = picture.center().y;
    let half = picture.height() / 2.0;
    for pixel in 0..count {
        let first = pixel * COLUMNS / count;
        let last = ((pixel + 1) * COLUMNS).div_ceil(count).max(first + 1);
        let Some(peaks) = clip.peaks.get(first..last.min(COLUMNS)) else {
            break;
        };
        let low = peaks
            .iter()
            .map(|peak| peak.0)
            .fold(f32::MAX, f32::min)
            .max(-1.0);
        let high = peaks
            .iter()
            .map(|peak| peak.1)
            .fold(f32::MIN, f32::max)
            .min(1.0);
        let x = picture.left() + (pixel as f32 + 0.5) / pixels;
        let color = if played.is_some_and(|played| x < played) {
            PLAYED
        } else {
            ACCENT
        };
        // Silence is a thin line rather than nothing.
        let (top, bottom) = (
            middle - (high * half).max(0.5),
            middle - (low * half).min(-0.5),
        );
        painter.vline(x, top..=bottom, Stroke::new(1.0 / pixels, color));
    }
}
