//! The side panel: takes, library, models.
//!
//! Window thread.

use egui::{Align, Layout, Ui, vec2};

use super::desk::{Desk, Scene, Tab};
use super::icon::Icon;
use super::{controls, library, models, takes, theme};
use crate::state::Project;
use crate::view::UiAction;

/// Draws it. `over` is true where it lies over the rest and can be closed by itself.
pub(super) fn show(
    ui: &mut Ui,
    scene: Scene,
    project: &mut Project,
    desk: &mut Desk,
    over: bool,
    asks: &mut Vec<UiAction>,
) {
    ui.spacing_mut().item_spacing = vec2(6.0, 6.0);
    ui.horizontal(|ui| {
        ui.set_height(theme::ROW);
        let tabs = [
            (Tab::Takes, "Takes".to_owned()),
            (Tab::Library, "Library".to_owned()),
            (Tab::Models, "Models".to_owned()),
        ];
        if let Some(tab) = controls::segments(ui, &tabs, desk.tab) {
            desk.tab = tab;
        }
        if over {
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                if controls::sign(ui, Icon::Close, false, true, "Close").clicked() {
                    desk.side = Some(false);
                }
            });
        }
    });
    match desk.tab {
        Tab::Takes => takes::show(ui, scene, project, desk, asks),
        Tab::Library => library::show(ui, scene, project, desk, asks),
        Tab::Models => models::show(ui, scene, desk, asks),
    }
}

/// A heading in a list.
pub(super) fn heading(ui: &mut Ui, text: &str) {
    ui.add_space(2.0);
    ui.label(
        egui::RichText::new(text)
            .font(theme::strong(12.0))
            .color(theme::QUIET),
    );
}

/// A few words where a list is empty.
pub(super) fn nothing(ui: &mut Ui, text: &str) {
    ui.add_space(8.0);
    let text = egui::RichText::new(text).font(theme::body());
    ui.add(egui::Label::new(text.color(theme::QUIET)).wrap());
}
