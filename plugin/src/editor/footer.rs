//! The lowest row: hear it, how loud, how it is drawn, and where to put it.
//!
//! Window thread.

use std::path::PathBuf;

use egui::{Align, Layout, Popup, PopupCloseBehavior, RichText, TextEdit, Ui, vec2};
use nice_plug::prelude::ParamSetter;

use super::controls::{self, Weight};
use super::theme::{self, QUIET, ROW};
use crate::params::BarlineParams;
use crate::view::{Snapshot, Source, UiAction};

/// Draws it and says what was asked for. `folder` is what the path field holds.
pub(super) fn show(
    ui: &mut Ui,
    params: &BarlineParams,
    setter: &ParamSetter,
    snapshot: &Snapshot,
    folder: &mut String,
) -> Option<UiAction> {
    let mut action = None;
    let volume_width = if ui.available_width() < 660.0 {
        96.0
    } else {
        132.0
    };
    ui.horizontal(|ui| {
        let play = params.play.value();
        let hint = "Whether the loop sounds while the host plays";
        if switch(ui, "Play", play).on_hover_text(hint).clicked() {
            controls::set(setter, &params.play, !play);
        }
        let hint = "Play the loop by itself while the host stands still";
        if switch(ui, "Audition", snapshot.audition)
            .on_hover_text(hint)
            .clicked()
        {
            action = Some(UiAction::Audition(!snapshot.audition));
        }
        ui.add_space(theme::NEAR);
        ui.label(RichText::new("Volume").color(QUIET));
        controls::slider(ui, &params.gain, setter, volume_width)
            .on_hover_text("Volume (double-click: 0 dB)");
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            save(ui, snapshot, folder, &mut action);
            sampling(ui, params, setter);
        });
    });
    action
}

fn switch(ui: &mut Ui, text: &str, on: bool) -> egui::Response {
    let weight = if on { Weight::On } else { Weight::Plain };
    controls::button(ui, text, vec2(84.0, ROW), weight, true)
}

fn save(ui: &mut Ui, snapshot: &Snapshot, folder: &mut String, action: &mut Option<UiAction>) {
    let ready = snapshot.slots[0]
        .clip
        .as_ref()
        .is_some_and(|clip| clip.facts.is_some());
    let button = controls::button(ui, "Save WAV…", vec2(104.0, ROW), Weight::Plain, ready)
        .on_hover_text(if ready {
            "Write the loop as a 24-bit WAV, FLAC or AIFF file"
        } else {
            "No loop yet"
        });
    if !ready {
        return;
    }
    Popup::menu(&button)
        .close_behavior(PopupCloseBehavior::CloseOnClickOutside)
        .show(|ui| {
            ui.set_width(380.0);
            ui.label(
                RichText::new("Folder, or a file that ends in .wav, .flac or .aiff").color(QUIET),
            );
            ui.horizontal(|ui| {
                ui.add(
                    TextEdit::singleline(folder)
                        .desired_width(300.0)
                        .min_size(vec2(300.0, ROW))
                        .margin(egui::Margin::symmetric(8, 4))
                        .align(egui::Align2::LEFT_CENTER),
                );
                let usable = !folder.trim().is_empty();
                if controls::button(ui, "Save", vec2(64.0, ROW), Weight::Main, usable).clicked() {
                    *action = Some(UiAction::Save(
                        Source::Slot(0),
                        PathBuf::from(folder.trim()),
                    ));
                    ui.close();
                }
            });
        });
}

fn sampling(ui: &mut Ui, params: &BarlineParams, setter: &ParamSetter) {
    let button = controls::button(ui, "Sampling", vec2(92.0, ROW), Weight::Plain, true)
        .on_hover_text("How the model chooses");
    Popup::menu(&button)
        .close_behavior(PopupCloseBehavior::CloseOnClickOutside)
        .show(|ui| {
            egui::Grid::new("sampling").num_columns(2).show(ui, |ui| {
                let mut row = |name: &str, hint: &str, slider: &mut dyn FnMut(&mut Ui)| {
                    ui.label(RichText::new(name).color(QUIET))
                        .on_hover_text(hint);
                    slider(ui);
                    ui.end_row();
                };
                row("Temperature", "Higher is more surprising", &mut |ui| {
                    controls::slider(ui, &params.temperature, setter, 150.0);
                });
                row("Guidance", "Higher keeps closer to the prompt", &mut |ui| {
                    controls::slider(ui, &params.guidance, setter, 150.0);
                });
                row(
                    "Top-k",
                    "Choose among so many tokens; 0 is all",
                    &mut |ui| {
                        controls::slider(ui, &params.top_k, setter, 150.0);
                    },
                );
                row(
                    "Top-p",
                    "Choose among the likeliest so many percent",
                    &mut |ui| {
                        controls::slider(ui, &params.top_p, setter, 150.0);
                    },
                );
                row(
                    "Re-roll below",
                    "Loops with a lower score are made again, three times at most, and the best is kept; 0 keeps every loop",
                    &mut |ui| {
                        controls::slider(ui, &params.reroll_below, setter, 150.0);
                    },
                );
            });
        });
}
