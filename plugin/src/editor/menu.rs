//! What can be done with a clip: the menu of pads, takes and the library.
//!
//! Window thread.

use egui::{Popup, Response, Ui};

use super::desk::{Desk, Scene};
use super::pads::slot_name;
use super::picks::entry;
use crate::view::{SLOT_COUNT, Source, UiAction};

/// Opens at a click of the other mouse button.
pub(super) fn on(
    response: &Response,
    source: &Source,
    scene: Scene,
    desk: &mut Desk,
    asks: &mut Vec<UiAction>,
) {
    if !exists(source, scene) {
        return;
    }
    let mut save = false;
    Popup::context_menu(response).show(|ui| save = entries(ui, source, scene, asks));
    if save {
        desk.saving = Some(source.clone());
    }
}

/// Opens at a click on a button.
pub(super) fn under(
    button: &Response,
    source: &Source,
    scene: Scene,
    desk: &mut Desk,
    asks: &mut Vec<UiAction>,
) {
    let mut save = false;
    Popup::menu(button).show(|ui| save = entries(ui, source, scene, asks));
    if save {
        desk.saving = Some(source.clone());
    }
}

fn exists(source: &Source, scene: Scene) -> bool {
    match source {
        Source::Slot(slot) => scene.snapshot.slots[*slot].clip.is_some(),
        Source::Take(_) | Source::Library(_) => true,
    }
}

/// Its lines; true when the clip is to be saved.
fn entries(ui: &mut Ui, source: &Source, scene: Scene, asks: &mut Vec<UiAction>) -> bool {
    ui.set_width(190.0);
    ui.spacing_mut().item_spacing.y = 1.0;
    let mut ask = |ui: &mut Ui, text: &str, action: UiAction| {
        if entry(ui, text, false).clicked() {
            asks.push(action);
        }
    };
    ask(ui, "More like this", UiAction::Similar(source.clone()));
    ask(
        ui,
        "Again with another seed",
        UiAction::Reroll(source.clone()),
    );
    ui.separator();
    let save = entry(ui, "Save as…", false).clicked();
    ask(ui, "Copy file", UiAction::CopyFile(source.clone()));
    ask(
        ui,
        "Show in the file manager",
        UiAction::Reveal(source.clone()),
    );
    ui.separator();
    if let Source::Slot(slot) = source {
        if scene.snapshot.slots[*slot].flips {
            ask(ui, "Back to the one before (A/B)", UiAction::Flip(*slot));
        }
        ask(ui, "Empty the slot", UiAction::Empty(*slot));
    } else {
        ui.label(
            egui::RichText::new("Put into")
                .font(super::theme::small())
                .color(super::theme::QUIET),
        );
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = 2.0;
            for slot in 0..SLOT_COUNT {
                let size = egui::vec2(21.5, 22.0);
                let weight = super::controls::Weight::Plain;
                let text = (slot + 1).to_string();
                if super::controls::button(ui, &text, size, weight, true)
                    .on_hover_text(slot_name(slot))
                    .clicked()
                {
                    asks.push(UiAction::Place(source.clone(), slot));
                    ui.close();
                }
            }
        });
    }
    save
}
