//! The selected slot: its picture, its start and end, how it plays, and what is going on.
//!
//! Window thread.

use egui::{CursorIcon, Rect, Response, Sense, Ui, pos2, vec2};

use super::controls;
use super::desk::{Desk, Grip, Scene, Zoom};
use super::pads::NOTES;
use super::theme::{self, QUIET, TEXT};
use super::waveform::{self, Axis, Picture};
use super::{row, status, tune};
use crate::state::{Project, SlotSettings};
use crate::view::{ClipView, Rights, SlotState, UiAction};
use crate::wording;

/// So near to a marker the pointer takes it.
const REACH: f32 = 8.0;
/// The least that can be left between start and end, in quarter notes.
const LEAST_BEATS: f64 = 0.25;
/// The least part of a clip that can be seen.
const LEAST_WIDTH: f64 = 1.0 / 64.0;

/// Draws it in a card that is `height` high.
pub(super) fn show(
    ui: &mut Ui,
    scene: Scene,
    project: &Project,
    desk: &mut Desk,
    height: f32,
    low: bool,
    asks: &mut Vec<UiAction>,
) {
    let frame = if low {
        theme::card().inner_margin(egui::Margin::symmetric(10, 6))
    } else {
        theme::card()
    };
    let margin = frame.inner_margin.sum().y;
    frame.show(ui, |ui| {
        ui.spacing_mut().item_spacing = vec2(6.0, if low { 3.0 } else { 8.0 });
        let gap = ui.spacing().item_spacing.y;
        let title = if low { 0.0 } else { 20.0 + gap };
        let tuning = if low { 0.0 } else { tune::height(ui) + gap };
        let rest = height - margin - title - tuning - status::HEIGHT - gap;
        if !low {
            heading(ui, scene, project, asks);
        }
        let size = vec2(ui.available_width(), rest.max(40.0));
        let (rect, response) = ui.allocate_exact_size(size, Sense::click_and_drag());
        picture(ui, rect, &response, scene, project, desk, asks);
        if !low {
            tune::row(ui, scene, project, desk, asks);
        }
        status::show(ui, scene, project, desk, asks);
    });
}

/// Its key and prompt, A/B, and its score.
fn heading(ui: &mut Ui, scene: Scene, project: &Project, asks: &mut Vec<UiAction>) {
    let slot = project.selected;
    let view = &scene.snapshot.slots[slot];
    let (_, rect) = ui.allocate_space(vec2(ui.available_width(), 20.0));
    let mut right = rect.right();
    if view.flips {
        let place = Rect::from_min_max(pos2(right - 44.0, rect.top()), rect.right_bottom());
        let button = ui.scope_builder(egui::UiBuilder::new().max_rect(place), |ui| {
            let weight = controls::Weight::Plain;
            controls::button(ui, "A/B", place.size(), weight, true)
                .on_hover_text("Swap with the clip that was here before")
        });
        if button.inner.clicked() {
            asks.push(UiAction::Flip(slot));
        }
        right -= 52.0;
    }
    let rest = rect.with_max_x(right);
    let hover = ui.interact(rest, ui.scope_id().with("slot's story"), Sense::hover());
    let painter = ui.painter();
    let y = rect.center().y;
    let facts = view.clip.as_ref().and_then(|clip| clip.facts.as_ref());
    if let Some(facts) = facts {
        let (text, ink) = row::rights(Rights::said(&facts.rights));
        right = controls::badge(painter, pos2(right, y), text, ink) - 6.0;
        if let Some(fitted) = &facts.fitted {
            let text = format!("score {}", fitted.score.total);
            right = controls::badge(painter, pos2(right, y), &text, theme::GOOD) - 6.0;
        }
        if facts.edited.is_some() {
            right = controls::badge(painter, pos2(right, y), "edited", QUIET) - 6.0;
        }
    }
    let at = pos2(rect.left(), y);
    let key = format!("{} · {}", slot + 1, NOTES[slot]);
    let end = controls::line(painter, at, &key, theme::strong(13.0), QUIET, 70.0);
    let (name, ink) = match &view.clip {
        Some(clip) => (clip.prompt.as_str(), TEXT),
        None if view.making => ("New loop", TEXT),
        None => ("Empty slot", QUIET),
    };
    let at = pos2(end + 10.0, y);
    controls::line(
        painter,
        at,
        name,
        theme::strong(13.0),
        ink,
        right - at.x - 4.0,
    );
    if let Some(facts) = facts {
        hover.on_hover_text(wording::story(facts));
    }
}

fn picture(
    ui: &mut Ui,
    rect: Rect,
    response: &Response,
    scene: Scene,
    project: &Project,
    desk: &mut Desk,
    asks: &mut Vec<UiAction>,
) {
    let slot = project.selected;
    let view = &scene.snapshot.slots[slot];
    let Some(clip) = &view.clip else {
        desk.zoom = Zoom::default();
        let (what, how) = if view.missing.is_some() {
            (
                "This clip did not come along with the project",
                "Click its pad to make it again from its prompt and seed",
            )
        } else if view.making {
            (
                "Your loop appears here as it is made",
                "You hear it on the grid before it is finished",
            )
        } else {
            (
                "Your loop appears here",
                "Describe it and press Enter, pick a preset, or drop an audio file on a slot",
            )
        };
        let bars = u32::try_from(scene.params.bars.value()).unwrap_or(1);
        let a_bar = scene.live.beats_per_bar().unwrap_or(project.beats_per_bar);
        waveform::empty(ui.painter(), rect, bars, a_bar, what, how);
        return;
    };
    let axis = Axis::new(rect, clip.beats, desk.zoom);
    let settings = project.slots[slot];
    move_view(ui, rect, response, axis, clip, desk);
    move_markers(ui, rect, response, axis, clip, slot, settings, desk, asks);
    let settings = desk
        .tuned
        .filter(|tuned| tuned.0 == slot)
        .map_or(settings, |tuned| tuned.1);
    let picture = Picture {
        clip,
        settings,
        playhead_beats: scene.live.playhead_beats(slot),
        heard: scene.live.slot_state(slot) == SlotState::Sounding,
        zoom: desk.zoom,
    };
    waveform::show(ui.painter(), rect, &picture);
    if desk.zoom.width < 1.0 {
        scroll_bar(ui, rect, desk.zoom);
    }
}

/// The wheel and a pinch zoom about the pointer; a wheel to the side, or a drag, moves what is seen.
fn move_view(
    ui: &Ui,
    rect: Rect,
    response: &Response,
    axis: Axis,
    clip: &ClipView,
    desk: &mut Desk,
) {
    let zoom = &mut desk.zoom;
    if let Some(place) = response.hover_pos() {
        let (pinch, wheel) = ui.input(|input| (input.zoom_delta(), input.smooth_scroll_delta()));
        let factor = f64::from(pinch) * f64::from(wheel.y / 200.0).exp();
        if (factor - 1.0).abs() > 1e-6 {
            let fixed = axis.beat(place.x) / clip.beats.max(1e-9);
            let width = (zoom.width / factor).clamp(LEAST_WIDTH, 1.0);
            let share = f64::from((place.x - rect.left()) / rect.width());
            zoom.width = width;
            zoom.from = fixed - share * width;
        }
        zoom.from -= f64::from(wheel.x / rect.width()) * zoom.width;
    }
    if desk.grip == Some(Grip::View) {
        zoom.from -= f64::from(response.drag_delta().x / rect.width()) * zoom.width;
    }
    if response.double_clicked() {
        *zoom = Zoom::default();
    }
    zoom.from = zoom.from.clamp(0.0, 1.0 - zoom.width);
}

#[allow(clippy::too_many_arguments)]
fn move_markers(
    ui: &Ui,
    rect: Rect,
    response: &Response,
    axis: Axis,
    clip: &ClipView,
    slot: usize,
    settings: SlotSettings,
    desk: &mut Desk,
    asks: &mut Vec<UiAction>,
) {
    let end_beats = settings.end_beats.unwrap_or(clip.beats);
    let nearest = |x: f32| {
        let visible = |beat: f64| axis.x(beat).clamp(rect.left(), rect.right());
        let to_start = (x - visible(settings.start_beats)).abs();
        let to_end = (x - visible(end_beats)).abs();
        match (to_start <= REACH, to_end <= REACH) {
            (true, true) if to_end < to_start => Grip::End,
            (true, _) => Grip::Start,
            (_, true) => Grip::End,
            _ => Grip::View,
        }
    };
    let hovers = response.hover_pos().map(|place| nearest(place.x));
    if desk.grip.or(hovers).is_some_and(|grip| grip != Grip::View) {
        ui.ctx().set_cursor_icon(CursorIcon::ResizeHorizontal);
    }
    if response.drag_started()
        && let Some(origin) = ui.input(|input| input.pointer.press_origin())
    {
        desk.grip = Some(nearest(origin.x));
    }
    let place = response.interact_pointer_pos();
    if let (Some(grip), Some(place), true) = (desk.grip, place, response.dragged()) {
        let free = ui.input(|input| input.modifiers.alt);
        let beat = axis.beat(place.x);
        let beat = if free { beat } else { beat.round() };
        let mut new = settings;
        match grip {
            Grip::Start => new.start_beats = beat.clamp(0.0, (end_beats - LEAST_BEATS).max(0.0)),
            Grip::End => {
                let end = beat.clamp(settings.start_beats + LEAST_BEATS, clip.beats);
                new.end_beats = (end < clip.beats).then_some(end);
            }
            Grip::View => {}
        }
        if new != settings {
            desk.tuned = Some((slot, new));
            asks.push(UiAction::Tune(slot, new));
        }
    }
    if response.drag_stopped() {
        desk.grip = None;
    }
    response.clone().on_hover_text(
        "Wheel: zoom · drag: move · double click: all of it\nDrag the flags to set start and end; Alt leaves the beats",
    );
}

fn scroll_bar(ui: &Ui, rect: Rect, zoom: Zoom) {
    let track = Rect::from_min_max(
        pos2(rect.left() + 2.0, rect.bottom() - 5.0),
        pos2(rect.right() - 2.0, rect.bottom() - 2.0),
    );
    let left = track.left() + zoom.from as f32 * track.width();
    let thumb = track
        .with_min_x(left)
        .with_max_x(left + zoom.width as f32 * track.width());
    let radius = egui::CornerRadius::same(2);
    ui.painter().rect_filled(track, radius, theme::FIELD);
    ui.painter().rect_filled(thumb, radius, theme::EDGE);
}
