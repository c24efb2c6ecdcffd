//! The list of this instance's takes, the requests that wait, and the prompts that were used.
//!
//! Window thread.

use egui::{RichText, ScrollArea, Ui, pos2, vec2};

use super::desk::{Desk, Scene};
use super::{controls, picks, row, side, theme};
use crate::state::Project;
use crate::view::{LibraryAction, Source, UiAction, Waiting};

/// Prompts that are listed.
const PROMPTS: usize = 12;

/// Draws it.
pub(super) fn show(
    ui: &mut Ui,
    scene: Scene,
    project: &mut Project,
    desk: &mut Desk,
    asks: &mut Vec<UiAction>,
) {
    let snapshot = scene.snapshot;
    ScrollArea::vertical()
        .id_salt("takes")
        .auto_shrink(false)
        .show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = 4.0;
            if !snapshot.queue.is_empty() {
                side::heading(ui, "Queue");
                let mut place = 0;
                // Takes of one request are one line.
                for alike in snapshot.queue.chunk_by(|one, next| one == next) {
                    queued(ui, place, &alike[0], alike.len());
                    place += alike.len();
                }
            }
            side::heading(ui, "Takes of this session");
            if snapshot.takes.is_empty() {
                side::nothing(ui, "Every loop you make is listed here.\n\nClick its picture to hear it, drag it onto a slot or to your timeline, or ask for more like it.");
            }
            for take in snapshot.takes.iter() {
                let done = row::show(ui, take, scene, project.selected, desk, asks);
                if done.clicked {
                    asks.push(UiAction::Preview(Some(take.source.clone())));
                }
                if done.starred
                    && let Source::Library(id) = &take.source
                {
                    let action = LibraryAction::Favourite(id.clone(), !take.favourite);
                    asks.push(UiAction::Library(action));
                }
            }
            if !snapshot.history.is_empty() {
                side::heading(ui, "Prompts");
            }
            for prompt in snapshot.history.iter().take(PROMPTS) {
                let on = *prompt == project.prompt;
                if picks::entry(ui, prompt, on)
                    .on_hover_text(format!("{prompt}\nClick to put it into the prompt"))
                    .clicked()
                {
                    project.prompt.clone_from(prompt);
                }
            }
        });
}

/// A request: its place, its prompt, how many takes of it, and whose it is.
fn queued(ui: &mut Ui, place: usize, waiting: &Waiting, takes: usize) {
    let (rect, response) =
        ui.allocate_exact_size(vec2(ui.available_width(), 22.0), egui::Sense::hover());
    let painter = ui.painter();
    let y = rect.center().y;
    let number = if waiting.running {
        "now".to_owned()
    } else {
        format!("{place}.")
    };
    let ink = if waiting.own {
        theme::ACCENT
    } else {
        theme::QUIET
    };
    let at = pos2(rect.left() + 6.0, y);
    controls::line(painter, at, &number, theme::small(), ink, 30.0);
    let mut right = if waiting.own {
        let at = pos2(rect.right() - 4.0, y);
        controls::badge(painter, at, "this one", theme::ACCENT) - 6.0
    } else {
        rect.right() - 4.0
    };
    if takes > 1 {
        let at = pos2(right, y);
        right = controls::badge(painter, at, &format!("{takes} takes"), theme::QUIET) - 6.0;
    }
    let at = pos2(rect.left() + 38.0, y);
    let text = if waiting.own {
        theme::TEXT
    } else {
        theme::QUIET
    };
    controls::line(
        painter,
        at,
        &waiting.prompt,
        theme::body(),
        text,
        right - at.x,
    );
    let whose = if waiting.own {
        "Asked for here"
    } else {
        "Asked for by another Barline"
    };
    response.on_hover_ui(|ui| {
        ui.label(&waiting.prompt);
        ui.label(RichText::new(format!("{whose} · {}", waiting.model)).color(theme::QUIET));
    });
}
