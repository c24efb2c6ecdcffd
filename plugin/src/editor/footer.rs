//! The lowest row: hear it, how loud, how it is launched and drawn, and where to put it.
//!
//! Window thread.

use std::path::PathBuf;

use egui::{Align, Layout, Popup, PopupCloseBehavior, RichText, Ui, vec2};

use super::controls::{self, Weight};
use super::desk::{Desk, Scene};
use super::theme::{self, ACCENT, QUIET, ROW};
use super::tune;
use crate::params::{Hear, Quantise};
use crate::state::Project;
use crate::view::{Source, UiAction};

/// Height of the row.
pub(super) const HEIGHT: f32 = theme::ROW;

/// Draws it and collects what was asked for.
pub(super) fn show(
    ui: &mut Ui,
    scene: Scene,
    project: &Project,
    desk: &mut Desk,
    low: bool,
    asks: &mut Vec<UiAction>,
) {
    let Scene {
        snapshot,
        params,
        setter,
        ..
    } = scene;
    let volume_width = if ui.available_width() < 700.0 {
        76.0
    } else {
        132.0
    };
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 6.0;
        let play = params.play.value();
        let hint = "Whether the slots sound while the host plays";
        if controls::chip(ui, "Play", play)
            .on_hover_text(hint)
            .clicked()
        {
            controls::set(setter, &params.play, !play);
        }
        let hint = "Play by itself while the host stands still";
        if controls::chip(ui, "Audition", snapshot.audition)
            .on_hover_text(hint)
            .clicked()
        {
            asks.push(UiAction::Audition(!snapshot.audition));
        }
        ui.add_space(4.0);
        ui.label(RichText::new("Volume").font(theme::small()).color(QUIET));
        controls::slider(ui, &params.gain, setter, volume_width)
            .on_hover_text("Volume (double-click: 0 dB)");
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            save(ui, scene, project, desk, asks);
            sampling(ui, scene);
            playing(ui, scene);
            if low {
                slot(ui, scene, project, desk, asks);
            }
        });
    });
}

fn popup(ui: &mut Ui, text: &str, on: bool, hint: &str, inside: impl FnOnce(&mut Ui)) {
    let button = controls::chip(ui, text, on).on_hover_text(hint);
    Popup::menu(&button)
        .close_behavior(PopupCloseBehavior::CloseOnClickOutside)
        .show(|ui| {
            // A menu's buttons have no frames; these are fields.
            ui.reset_style();
            inside(ui);
        });
}

/// How the selected slot plays, where the card has no room for it.
fn slot(ui: &mut Ui, scene: Scene, project: &Project, desk: &mut Desk, asks: &mut Vec<UiAction>) {
    let changed = tune::changed(&project.slots[project.selected]);
    let hint = "Gain, pan, pitch, fades and direction of the selected slot";
    popup(ui, "Slot", changed, hint, |ui| {
        tune::column(ui, scene, project, desk, asks);
    });
}

fn playing(ui: &mut Ui, scene: Scene) {
    let Scene { params, setter, .. } = scene;
    let hint = "What launches wait for, when new loops are heard, and outputs";
    popup(ui, "Timing", false, hint, |ui| {
        ui.set_width(330.0);
        let heading = |ui: &mut Ui, text: &str| {
            ui.label(RichText::new(text).font(theme::small()).color(QUIET));
        };
        heading(ui, "A launch waits for");
        ui.horizontal(|ui| {
            let values = [
                (Quantise::Off, "Nothing".to_owned()),
                (Quantise::Beat, "Beat".to_owned()),
                (Quantise::Bar, "Bar".to_owned()),
                (Quantise::TwoBars, "2 bars".to_owned()),
                (Quantise::FourBars, "4 bars".to_owned()),
            ];
            if let Some(value) = controls::segments(ui, &values, params.quantise.value()) {
                controls::set(setter, &params.quantise, value);
            }
        });
        ui.add_space(2.0);
        heading(ui, "A loop that is being made is heard");
        ui.horizontal(|ui| {
            let values = [
                (Hear::AtOnce, "At once".to_owned()),
                (Hear::NextBeat, "Next beat".to_owned()),
                (Hear::NextBar, "Next bar".to_owned()),
                (Hear::Finished, "Finished".to_owned()),
            ];
            if let Some(value) = controls::segments(ui, &values, params.hear.value()) {
                controls::set(setter, &params.hear, value);
            }
        });
        ui.add_space(2.0);
        heading(ui, "Outputs");
        let separate = params.separate.value();
        let values = [
            (false, "All to the main output".to_owned()),
            (true, "Each slot to its own".to_owned()),
        ];
        ui.horizontal(|ui| {
            if let Some(value) = controls::segments(ui, &values, separate) {
                controls::set(setter, &params.separate, value);
            }
        });
    });
}

fn sampling(ui: &mut Ui, scene: Scene) {
    let Scene { params, setter, .. } = scene;
    popup(ui, "Sampling", false, "How the model chooses", |ui| {
        ui.set_width(310.0);
        egui::Grid::new("sampling").num_columns(2).show(ui, |ui| {
            let mut row = |name: &str, hint: &str, slider: &mut dyn FnMut(&mut Ui)| {
                ui.label(RichText::new(name).color(QUIET))
                    .on_hover_text(hint);
                slider(ui);
                ui.end_row();
            };
            row("Temperature", "Higher is more surprising", &mut |ui| {
                controls::slider(ui, &params.temperature, setter, 140.0);
            });
            row("Guidance", "Higher keeps closer to the prompt", &mut |ui| {
                controls::slider(ui, &params.guidance, setter, 140.0);
            });
            row(
                "Top-k",
                "Choose among so many tokens; 0 is all",
                &mut |ui| {
                    controls::slider(ui, &params.top_k, setter, 140.0);
                },
            );
            row(
                "Top-p",
                "Choose among the likeliest so many percent",
                &mut |ui| {
                    controls::slider(ui, &params.top_p, setter, 140.0);
                },
            );
            row(
                "Re-roll below",
                "Loops with a lower score are made again, three times at most, and the best is kept; 0 keeps every loop",
                &mut |ui| {
                    controls::slider(ui, &params.reroll_below, setter, 140.0);
                },
            );
        });
    });
}

/// A path for the selected slot's clip, or for another that a menu chose.
fn save(ui: &mut Ui, scene: Scene, project: &Project, desk: &mut Desk, asks: &mut Vec<UiAction>) {
    let whole = scene.snapshot.slots[project.selected]
        .clip
        .as_ref()
        .is_some_and(|clip| clip.facts.is_some());
    let size = vec2(68.0, ROW);
    let button = controls::button(ui, "Save…", size, Weight::Plain, whole);
    let button = button.on_hover_text(if whole {
        "Write the selected slot's loop as a 24-bit WAV, FLAC or AIFF file"
    } else {
        "No loop in the selected slot yet"
    });
    if whole && button.clicked() {
        desk.saving = Some(Source::Slot(project.selected));
        desk.saving_shown = false;
        return;
    }
    let Some(source) = desk.saving.clone() else {
        desk.saving_shown = false;
        return;
    };
    let popup = Popup::from_response(&button)
        .open(true)
        .close_behavior(PopupCloseBehavior::IgnoreClicks)
        .show(|ui| path(ui, &source, &mut desk.folder, asks));
    // The click that opened it is no click elsewhere.
    let away = desk.saving_shown
        && popup
            .as_ref()
            .is_some_and(|popup| popup.response.clicked_elsewhere());
    desk.saving_shown = true;
    if away || popup.is_none_or(|popup| popup.inner) {
        desk.saving = None;
    }
}

fn path(ui: &mut Ui, source: &Source, folder: &mut String, asks: &mut Vec<UiAction>) -> bool {
    ui.set_width(380.0);
    let what = match source {
        Source::Slot(slot) => format!("Save slot {}", slot + 1),
        Source::Take(_) | Source::Library(_) => "Save this take".to_owned(),
    };
    ui.label(RichText::new(what).font(theme::strong(13.0)).color(ACCENT));
    ui.label(RichText::new("Folder, or a file that ends in .wav, .flac or .aiff").color(QUIET));
    let mut done = false;
    ui.horizontal(|ui| {
        let field = controls::text_field(ui, folder, "Folder", 306.0);
        let usable = !folder.trim().is_empty();
        let enter = field.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Enter));
        let pressed = controls::button(ui, "Save", vec2(64.0, ROW), Weight::Main, usable).clicked();
        if usable && (enter || pressed) {
            asks.push(UiAction::Save(source.clone(), PathBuf::from(folder.trim())));
            done = true;
        }
    });
    done
}
