//! The picture of a clip: columns, bars and beats, the slot's start and end, the playhead.
//!
//! Window thread. The columns are one mesh without feathering: a thousand lines would cost more than
//! all the rest of the panel.

use egui::{
    Align2, Color32, CornerRadius, Mesh, Painter, Pos2, Rect, Shape, Stroke, StrokeKind, pos2,
};

use super::desk::Zoom;
use super::theme::{self, ACCENT, BEAT, GROUND, LINE, QUIET, TEXT, WAVE};
use crate::state::SlotSettings;
use crate::view::{COLUMNS, ClipView, Peak};

/// Height of the strip with the bars' numbers.
pub(super) const RULER: f32 = 18.0;
/// What is not played: outside start and end.
const SHADE: Color32 = Color32::from_rgba_premultiplied(0x0A, 0x0B, 0x0E, 0xB0);
/// What lies before the playhead, a little quieter than what comes.
const PLAYED: Color32 = Color32::from_rgb(0xB3, 0x7F, 0x3C);

/// Where beats lie on the screen.
#[derive(Clone, Copy)]
pub(super) struct Axis {
    left: f32,
    width: f32,
    beats: f64,
    zoom: Zoom,
}

impl Axis {
    pub(super) fn new(rect: Rect, beats: f64, zoom: Zoom) -> Self {
        Self {
            left: rect.left(),
            width: rect.width().max(1.0),
            beats: beats.max(1e-9),
            zoom,
        }
    }

    /// Where a beat is.
    pub(super) fn x(self, beat: f64) -> f32 {
        let share = (beat / self.beats - self.zoom.from) / self.zoom.width;
        self.left + share as f32 * self.width
    }

    /// Which beat is there.
    pub(super) fn beat(self, x: f32) -> f64 {
        let share = f64::from((x - self.left) / self.width);
        (self.zoom.from + share * self.zoom.width) * self.beats
    }

    fn beat_width(self) -> f32 {
        self.x(1.0) - self.x(0.0)
    }
}

/// What is drawn.
pub(super) struct Picture<'a> {
    pub(super) clip: &'a ClipView,
    pub(super) settings: SlotSettings,
    pub(super) playhead_beats: Option<f64>,
    pub(super) heard: bool,
    pub(super) zoom: Zoom,
}

/// Draws a clip into `rect`.
pub(super) fn show(painter: &Painter, rect: Rect, picture: &Picture) {
    let painter = painter.with_clip_rect(rect.intersect(painter.clip_rect()));
    painter.rect_filled(rect, CornerRadius::same(theme::ROUND), GROUND);
    let inside = rect.with_min_y(rect.top() + RULER);
    let axis = Axis::new(rect, picture.clip.beats, picture.zoom);
    let clip = picture.clip;
    lines(&painter, rect, inside, clip.beats, clip.beats_per_bar, axis);
    let played = picture.playhead_beats.map(|beat| axis.x(beat));
    let (ink, before) = if picture.heard {
        (ACCENT, PLAYED)
    } else {
        (WAVE, WAVE)
    };
    let area = inside.shrink2(egui::vec2(0.0, 4.0));
    let color = |x: f32| {
        if played.is_some_and(|played| x < played) {
            before
        } else {
            ink
        }
    };
    let zoom = picture.zoom;
    painter.add(columns(&painter, area, &picture.clip.peaks, zoom, color));
    region(&painter, rect, inside, picture, axis);
    if let Some(x) = played {
        painter.vline(x, rect.y_range(), Stroke::new(1.5, TEXT));
    }
    frame(&painter, rect);
}

/// A picture of bars to come, with what will be there and how it gets there.
pub(super) fn empty(painter: &Painter, rect: Rect, bars: u32, a_bar: u32, what: &str, how: &str) {
    painter.rect_filled(rect, CornerRadius::same(theme::ROUND), GROUND);
    let inside = rect.with_min_y(rect.top() + RULER);
    let beats = f64::from(bars * a_bar);
    lines(
        painter,
        rect,
        inside,
        beats,
        a_bar,
        Axis::new(rect, beats, Zoom::default()),
    );
    frame(painter, rect);
    let what = painter.layout_no_wrap(what.to_owned(), theme::strong(14.0), TEXT);
    let how = painter.layout_no_wrap(how.to_owned(), theme::small(), QUIET);
    let gap = 6.0;
    let size = egui::vec2(
        what.size().x.max(how.size().x),
        what.size().y + gap + how.size().y,
    );
    let place = Rect::from_center_size(inside.center(), size);
    // The lines end before the words.
    painter.rect_filled(
        place.expand2(egui::vec2(14.0, 8.0)),
        CornerRadius::same(4),
        GROUND,
    );
    let middle = |width: f32| place.center().x - width / 2.0;
    let below = place.bottom() - how.size().y;
    painter.galley(pos2(middle(what.size().x), place.top()), what, TEXT);
    painter.galley(pos2(middle(how.size().x), below), how, QUIET);
}

/// A small picture without a grid.
pub(super) fn small(painter: &Painter, rect: Rect, peaks: &[Peak], ink: Color32) {
    painter.add(columns(painter, rect, peaks, Zoom::default(), |_| ink));
}

fn frame(painter: &Painter, rect: Rect) {
    let radius = CornerRadius::same(theme::ROUND);
    painter.rect_stroke(rect, radius, Stroke::new(1.0, LINE), StrokeKind::Inside);
}

/// Lines of bars and beats, with numbers.
fn lines(painter: &Painter, rect: Rect, inside: Rect, beats: f64, a_bar: u32, axis: Axis) {
    let a_bar = a_bar.max(1);
    let every = if axis.beat_width() * a_bar as f32 > 26.0 {
        1
    } else {
        4
    };
    for beat in 0..beats.ceil() as u32 {
        let x = axis.x(f64::from(beat));
        if x < rect.left() - 30.0 || x > rect.right() {
            continue;
        }
        let bar = beat % a_bar == 0;
        if beat > 0 && (bar || axis.beat_width() > 5.0) {
            let (top, color) = if bar {
                (rect.top(), LINE)
            } else {
                (inside.top(), BEAT)
            };
            painter.vline(x, top..=rect.bottom(), Stroke::new(1.0, color));
        }
        let number = beat / a_bar;
        if bar && number.is_multiple_of(every) {
            // Beside the flags of start and end.
            let place = pos2(x + 13.0, rect.top() + RULER / 2.0 + 0.5);
            let text = (number + 1).to_string();
            painter.text(place, Align2::LEFT_CENTER, text, theme::small(), QUIET);
        } else if axis.beat_width() > 60.0 {
            let place = pos2(x + 6.0, rect.top() + RULER / 2.0 + 0.5);
            let text = format!("{}.{}", number + 1, beat % a_bar + 1);
            let font = egui::FontId::proportional(10.0);
            painter.text(place, Align2::LEFT_CENTER, text, font, QUIET);
        }
    }
}

/// One bar for each pixel column, from the lowest to the highest sample in it. Pictures that are
/// still growing are as wide as what is there.
fn columns(
    painter: &Painter,
    rect: Rect,
    peaks: &[Peak],
    zoom: Zoom,
    color: impl Fn(f32) -> Color32,
) -> Shape {
    let pixels = painter.pixels_per_point();
    let count = (rect.width() * pixels).max(1.0) as usize;
    // Small pictures have fewer columns than the large one; both hold the whole clip when they
    // are complete, and only the large one is shown while it grows.
    let all = if peaks.len() > COLUMNS / 2 || zoom != Zoom::default() {
        COLUMNS
    } else {
        peaks.len().max(1)
    };
    let middle = rect.center().y;
    let half = rect.height() / 2.0;
    let mut mesh = Mesh::default();
    mesh.reserve_triangles(2 * count);
    mesh.reserve_vertices(4 * count);
    let place = |pixel: usize| {
        let share = pixel as f64 / count as f64;
        (zoom.from + share * zoom.width) * all as f64
    };
    for pixel in 0..count {
        let first = place(pixel) as usize;
        let last = (place(pixel + 1).ceil() as usize).clamp(first + 1, all.max(first + 1));
        let Some(peaks) = peaks.get(first..last) else {
            break;
        };
        let (low, high) = peaks
            .iter()
            .fold((f32::MAX, f32::MIN), |(low, high), peak| {
                (low.min(peak.0), high.max(peak.1))
            });
        // Silence is a thin line rather than nothing.
        let top = middle - (high.min(1.0) * half).max(0.5);
        let bottom = middle - (low.max(-1.0) * half).min(-0.5);
        let left = rect.left() + pixel as f32 / pixels;
        let column = Rect::from_min_max(pos2(left, top), pos2(left + 1.0 / pixels, bottom));
        mesh.add_colored_rect(column, color(left));
    }
    Shape::mesh(mesh)
}

/// Start, end and fades of the slot.
fn region(painter: &Painter, rect: Rect, inside: Rect, picture: &Picture, axis: Axis) {
    let settings = picture.settings;
    let end_beats = settings.end_beats.unwrap_or(picture.clip.beats);
    let (start, end) = (axis.x(settings.start_beats), axis.x(end_beats));
    if settings.start_beats > 0.0 {
        painter.rect_filled(inside.with_max_x(start), CornerRadius::ZERO, SHADE);
    }
    if end_beats < picture.clip.beats {
        painter.rect_filled(inside.with_min_x(end), CornerRadius::ZERO, SHADE);
    }
    let fade = Stroke::new(1.2, TEXT);
    if settings.fade_in_beats > 0.0 {
        let to = axis.x(settings.start_beats + settings.fade_in_beats);
        painter.line_segment([pos2(start, inside.bottom()), pos2(to, inside.top())], fade);
    }
    if settings.fade_out_beats > 0.0 {
        let from = axis.x(end_beats - settings.fade_out_beats);
        painter.line_segment([pos2(from, inside.top()), pos2(end, inside.bottom())], fade);
    }
    marker(painter, rect, start, 1.0);
    marker(painter, rect, end, -1.0);
}

/// A flag at the top of a line, pointing into the region.
fn marker(painter: &Painter, rect: Rect, x: f32, side: f32) {
    let x = x.clamp(rect.left() + 1.0, rect.right() - 1.0);
    painter.vline(x, rect.y_range(), Stroke::new(1.5, ACCENT));
    let at = |dx: f32, dy: f32| -> Pos2 { pos2(x + side * dx, rect.top() + dy) };
    let flag = vec![at(0.0, 0.0), at(9.0, 0.0), at(9.0, 6.0), at(0.0, 12.0)];
    painter.add(Shape::convex_polygon(flag, ACCENT, Stroke::NONE));
}
