//! The top row: the name, and the tempo that the next clip will have.
//!
//! Window thread.

use egui::{Align, CornerRadius, DragValue, Layout, Rect, RichText, Sense, Ui, pos2, vec2};
use nice_plug::prelude::ParamSetter;

use super::controls;
use super::theme::{ACCENT, EDGE, NEAR, TEXT};
use crate::params::{BarlineParams, TempoFollow};
use crate::state::Project;
use crate::view::Live;
use crate::wording::tidy;

/// Draws it. The host's tempo is shown while it is followed and known, else one that can be set.
pub(super) fn show(
    ui: &mut Ui,
    project: &mut Project,
    params: &BarlineParams,
    setter: &ParamSetter,
    live: &Live,
) {
    ui.horizontal(|ui| {
        mark(ui);
        ui.label(RichText::new("Barline").size(20.0).color(TEXT));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let sync = params.sync.value();
            let hint = "Follow the host's tempo and beats";
            if controls::chip(ui, "Sync", sync)
                .on_hover_text(hint)
                .clicked()
            {
                controls::set(setter, &params.sync, !sync);
            }
            if sync {
                keep_pitch(ui, params, setter);
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
            lamp(ui, live.host_playing());
        });
    });
}

/// Whether a loop keeps its pitch at another tempo than its own.
fn keep_pitch(ui: &mut Ui, params: &BarlineParams, setter: &ParamSetter) {
    let keep = params.tempo_follow.value() == TempoFollow::KeepPitch;
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
        controls::set(setter, &params.tempo_follow, other);
    }
}

/// Lit while the host plays.
fn lamp(ui: &mut Ui, playing: bool) {
    let (rect, response) = ui.allocate_exact_size(vec2(10.0 + NEAR, 10.0), Sense::hover());
    let color = if playing { ACCENT } else { EDGE };
    ui.painter().circle_filled(rect.center(), 4.0, color);
    response.on_hover_text(if playing {
        "The host plays"
    } else {
        "The host stands still"
    });
}

/// The mark: a bar line with the repeat's two dots.
fn mark(ui: &mut Ui) {
    let (_, rect) = ui.allocate_space(vec2(22.0, 24.0));
    let painter = ui.painter();
    let bar = |left: f32, width: f32| {
        let place = Rect::from_min_size(
            pos2(rect.left() + left, rect.top() + 2.0),
            vec2(width, rect.height() - 4.0),
        );
        painter.rect_filled(place, CornerRadius::same(1), ACCENT);
    };
    bar(0.0, 5.0);
    bar(8.0, 2.0);
    for y in [-4.0, 4.0] {
        painter.circle_filled(pos2(rect.left() + 16.0, rect.center().y + y), 2.2, ACCENT);
    }
}
