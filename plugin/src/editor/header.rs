//! The top row: the name, undo and redo, tempo and meter that the next clip will have, the side panel.
//!
//! Window thread.

use egui::{Align, CornerRadius, DragValue, Layout, Rect, RichText, Sense, Ui, pos2, vec2};

use super::controls;
use super::desk::{Desk, Scene};
use super::icon::Icon;
use super::theme::{self, ACCENT, EDGE, TEXT};
use crate::params::TempoFollow;
use crate::state::Project;
use crate::view::UiAction;
use crate::wording::tidy;

/// Draws it. The host's tempo is shown while it is followed and known, else one that can be set.
pub(super) fn show(
    ui: &mut Ui,
    scene: Scene,
    project: &mut Project,
    desk: &mut Desk,
    side: bool,
    asks: &mut Vec<UiAction>,
) {
    let Scene {
        snapshot,
        live,
        params,
        setter,
    } = scene;
    ui.horizontal(|ui| {
        ui.set_height(theme::ROW);
        ui.spacing_mut().item_spacing.x = 6.0;
        mark(ui);
        ui.label(
            RichText::new("Barline")
                .font(theme::strong(17.0))
                .color(TEXT),
        );
        ui.add_space(6.0);
        let undo = "Undo the newest change of slots or prompt (Ctrl+Z)";
        if controls::sign(ui, Icon::Undo, false, snapshot.can_undo, undo).clicked()
            && snapshot.can_undo
        {
            asks.push(UiAction::Undo);
        }
        let redo = "Do it again (Ctrl+Shift+Z)";
        if controls::sign(ui, Icon::Redo, false, snapshot.can_redo, redo).clicked()
            && snapshot.can_redo
        {
            asks.push(UiAction::Redo);
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let hint = "Takes, library and models";
            if controls::sign(ui, Icon::Side, side, true, hint).clicked() {
                desk.side = Some(!side);
            }
            ui.add_space(2.0);
            let sync = params.sync.value();
            let hint = "Follow the host's tempo and beats";
            if controls::chip(ui, "Sync", sync)
                .on_hover_text(hint)
                .clicked()
            {
                controls::set(setter, &params.sync, !sync);
            }
            if sync {
                keep_pitch(ui, scene);
            }
            match live.tempo_bpm().filter(|_| sync) {
                Some(bpm) => {
                    ui.label(format!("{} BPM", tidy(bpm)))
                        .on_hover_text("The host's tempo");
                }
                None => {
                    let value = DragValue::new(&mut project.tempo_bpm)
                        .range(20.0..=400.0)
                        .speed(0.25)
                        .max_decimals(2)
                        .suffix(" BPM");
                    ui.add(value)
                        .on_hover_text("Tempo of the next loop: drag, or click and type");
                }
            }
            if live.beats_per_bar().is_none() {
                let value = DragValue::new(&mut project.beats_per_bar)
                    .range(1..=16)
                    .speed(0.05)
                    .suffix("/4");
                ui.add(value)
                    .on_hover_text("Beats in a bar of the next loop: drag, or click and type");
            }
            lamp(ui, live.host_playing());
            meter(ui, live.peaks());
        });
    });
}

/// Whether a loop keeps its pitch at another tempo than its own.
fn keep_pitch(ui: &mut Ui, scene: Scene) {
    let param = &scene.params.tempo_follow;
    let keep = param.value() == TempoFollow::KeepPitch;
    let hint = if keep {
        "At another tempo the loop keeps its pitch: it is stretched when the tempo rests"
    } else {
        "At another tempo the loop plays faster and higher, or slower and lower"
    };
    if controls::chip(ui, "Keep pitch", keep)
        .on_hover_text(hint)
        .clicked()
    {
        let other = if keep {
            TempoFollow::Repitch
        } else {
            TempoFollow::KeepPitch
        };
        controls::set(scene.setter, param, other);
    }
}

/// Lit while the host plays.
fn lamp(ui: &mut Ui, playing: bool) {
    let (rect, response) = ui.allocate_exact_size(vec2(12.0, 12.0), Sense::hover());
    let color = if playing { ACCENT } else { EDGE };
    ui.painter().circle_filled(rect.center(), 4.0, color);
    response.on_hover_text(if playing {
        "The host plays"
    } else {
        "The host stands still"
    });
}

/// How loud it is at the output, from -48 dB up, left above right.
fn meter(ui: &mut Ui, peaks: [f32; 2]) {
    let (rect, response) = ui.allocate_exact_size(vec2(64.0, 14.0), Sense::hover());
    let painter = ui.painter();
    for (side, peak) in peaks.into_iter().enumerate() {
        let top = rect.top() + side as f32 * 8.0;
        let track = Rect::from_min_size(pos2(rect.left(), top), vec2(rect.width(), 5.0));
        painter.rect_filled(track, CornerRadius::same(2), theme::FIELD);
        let share = ((20.0 * peak.max(1e-6).log10() + 48.0) / 48.0).clamp(0.0, 1.0);
        let color = if peak > 1.0 { theme::ERROR } else { ACCENT };
        if share > 0.0 {
            let level = track.with_max_x(track.left() + track.width() * share);
            painter.rect_filled(level, CornerRadius::same(2), color);
        }
    }
    response.on_hover_text("Output level, -48 to 0 dB");
}

/// The mark: a bar line with the repeat's two dots.
fn mark(ui: &mut Ui) {
    let (_, rect) = ui.allocate_space(vec2(20.0, 22.0));
    let painter = ui.painter();
    let bar = |left: f32, width: f32| {
        let place = Rect::from_min_size(
            pos2(rect.left() + left, rect.top() + 2.0),
            vec2(width, rect.height() - 4.0),
        );
        painter.rect_filled(place, CornerRadius::same(1), ACCENT);
    };
    bar(0.0, 4.5);
    bar(7.0, 2.0);
    for y in [-4.0, 4.0] {
        painter.circle_filled(pos2(rect.left() + 14.5, rect.center().y + y), 2.2, ACCENT);
    }
}
