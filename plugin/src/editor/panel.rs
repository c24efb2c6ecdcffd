//! The whole panel as a function of what is known: the order of its parts, and where each one goes.
//!
//! Window thread. It draws a frame from a [`Scene`], edits a copy of the project, and collects what is
//! asked of the session; it knows no window, no host and no files, so tests draw it without any.

use egui::{Align, CornerRadius, Id, Key, Layout, Order, Rect, Sense, Ui, UiBuilder, pos2, vec2};

use super::desk::{Desk, Scene};
use super::{card, carry, footer, header, keys, pads, prompt, side, theme};
use crate::state::Project;
use crate::view::{LibraryAction, UiAction};

/// Space at the window's edge.
const EDGE: f32 = 12.0;
/// Width of the side panel.
const SIDE: f32 = 312.0;
/// Windows that are wider than this have room for it.
const WIDE: f32 = 980.0;
/// Windows that are lower than this are set closer.
const LOW: f32 = 520.0;
/// Takes of the library that are asked for at a time.
const FOUND: usize = 500;

/// Draws a frame. The project is edited in place; what is asked of the session is added to `asks`.
pub(crate) fn show(
    ui: &mut Ui,
    scene: Scene,
    project: &mut Project,
    desk: &mut Desk,
    asks: &mut Vec<UiAction>,
) {
    let window = ui.max_rect();
    let low = window.height() < LOW;
    let wide = window.width() >= WIDE;
    let before = project.clone();
    keys::listen(ui, scene, desk, asks);
    carry::follow(ui, scene, desk, asks);
    // What the pointer changes is shown at once, before the session has taken it over.
    if let Some((slot, settings)) = desk.tuned {
        project.slots[slot] = settings;
        if !ui.input(|input| input.pointer.any_down()) {
            desk.tuned = None;
        }
    }

    ui.painter()
        .rect_filled(window, CornerRadius::ZERO, theme::GROUND);
    let inside = window.shrink(EDGE);
    let open = desk.side.unwrap_or(wide);
    let main = if open && wide {
        inside.with_max_x(inside.right() - SIDE - EDGE)
    } else {
        inside
    };
    let gap = if low { 6.0 } else { 10.0 };
    let scope = UiBuilder::new()
        .max_rect(main)
        .layout(Layout::top_down(Align::Min));
    ui.scope_builder(scope, |ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        header::show(ui, scene, project, desk, open, asks);
        ui.add_space(gap);
        prompt::show(ui, scene, project, desk, low, asks);
        ui.add_space(gap);
        pads::show(ui, scene, project, desk, low, asks);
        ui.add_space(gap);
        let spare = ui.available_height() - footer::HEIGHT - gap;
        card::show(ui, scene, project, desk, spare, low, asks);
        ui.add_space(gap);
        footer::show(ui, scene, project, desk, low, asks);
    });
    if open {
        let place = Rect::from_min_max(
            pos2(inside.right() - SIDE, inside.top()),
            inside.right_bottom(),
        );
        if wide {
            let scope = UiBuilder::new().max_rect(place);
            ui.scope_builder(scope, |ui| {
                side::show(ui, scene, project, desk, false, asks)
            });
        } else {
            overlay(ui, window, place, scene, project, desk, asks);
        }
    }
    carry::draw(ui, desk);
    tell_edits(ui, &before, project, desk, asks);
}

/// The side panel over everything else, where there is no room beside it.
fn overlay(
    ui: &Ui,
    window: Rect,
    place: Rect,
    scene: Scene,
    project: &mut Project,
    desk: &mut Desk,
    asks: &mut Vec<UiAction>,
) {
    egui::Area::new(Id::unique("side"))
        .order(Order::Middle)
        .fixed_pos(window.min)
        .constrain(false)
        .show(ui.ctx(), |ui| {
            let (_, shade) = ui.allocate_space(window.size());
            let behind = ui.interact(shade, Id::unique("shade"), Sense::click());
            let dark = egui::Color32::from_black_alpha(150);
            ui.painter().rect_filled(shade, CornerRadius::ZERO, dark);
            let place = place.expand2(vec2(EDGE, EDGE)).with_min_x(place.left());
            ui.painter()
                .rect_filled(place, CornerRadius::ZERO, theme::GROUND);
            // Its own clicks do not reach the shade.
            ui.interact(place, Id::unique("side ground"), Sense::click_and_drag());
            let scope = UiBuilder::new().max_rect(place.shrink(EDGE * 0.75));
            ui.scope_builder(scope, |ui| side::show(ui, scene, project, desk, true, asks));
            if behind.clicked() {
                desk.side = Some(false);
            }
        });
}

/// Says once that the project was edited, when the edit is done: the pointer is up and nothing is
/// being typed.
fn tell_edits(
    ui: &Ui,
    before: &Project,
    project: &Project,
    desk: &mut Desk,
    asks: &mut Vec<UiAction>,
) {
    let mut same_slots = before.clone();
    same_slots.slots = project.slots;
    same_slots.selected = project.selected;
    desk.edited |= same_slots != *project;
    let busy = ui.input(|input| input.pointer.any_down()) || ui.ctx().text_edit_focused();
    if desk.edited && !busy {
        desk.edited = false;
        asks.push(UiAction::Edited);
    }
    // The library is asked when its list is first seen.
    let library = desk.tab == super::desk::Tab::Library;
    if library && !desk.found {
        desk.found = true;
        desk.find.limit = FOUND;
        asks.push(UiAction::Library(LibraryAction::Find(desk.find.clone())));
    }
}

/// Whether Enter was pressed alone.
pub(super) fn plain_enter(ui: &Ui) -> bool {
    ui.input(|input| input.key_pressed(Key::Enter) && input.modifiers.is_none())
}
