//! Clips on the pointer: from pads and lists to other pads, and out of the window.
//!
//! Window thread. A drag asks the session for the file at once; when that is there and the button is
//! still down, the window hands it to the system. What lands on a pad of our own is moved there.

use egui::{CornerRadius, Id, LayerId, Order, Pos2, Rect, Response, Ui, vec2};

use super::desk::{Carry, Desk, Scene};
use super::{controls, theme};
use crate::view::{Purpose, Source, UiAction};

/// Begins a drag where the pointer was pressed and moved.
pub(super) fn begin(
    response: &Response,
    source: &Source,
    name: &str,
    scene: Scene,
    desk: &mut Desk,
    asks: &mut Vec<UiAction>,
) {
    if !response.drag_started_by(egui::PointerButton::Primary) || desk.carry.is_some() {
        return;
    }
    desk.carry = Some(Carry {
        source: source.clone(),
        name: name.to_owned(),
        after: scene
            .snapshot
            .ready
            .as_ref()
            .map_or(0, |ready| ready.number),
        native: false,
    });
    asks.push(UiAction::Drag(source.clone()));
}

/// Goes on with a drag, and does what was dropped.
pub(super) fn follow(ui: &Ui, scene: Scene, desk: &mut Desk, asks: &mut Vec<UiAction>) {
    for (paths, place) in std::mem::take(&mut desk.dropped) {
        asks.push(UiAction::Import(paths, desk.pad_at(place)));
    }
    if let Some(place) = desk.returned.take()
        && let Some(carry) = desk.carry.take()
    {
        land(place, &carry.source, desk, asks);
    }
    let Some(carry) = desk.carry.clone() else {
        return;
    };
    if carry.native {
        return;
    }
    let (down, place) =
        ui.input(|input| (input.pointer.primary_down(), input.pointer.latest_pos()));
    if !down {
        desk.carry = None;
        if let Some(place) = place {
            land(place, &carry.source, desk, asks);
        }
        return;
    }
    let ready = scene.snapshot.ready.as_ref();
    if let Some(ready) = ready.filter(|r| {
        r.number > carry.after && r.source == carry.source && r.purpose == Purpose::Drag
    }) {
        desk.drag_file = Some(ready.path.clone());
    }
}

fn land(place: Pos2, source: &Source, desk: &Desk, asks: &mut Vec<UiAction>) {
    match (desk.pad_at(place), source) {
        (Some(to), Source::Slot(from)) if to != *from => asks.push(UiAction::Swap(*from, to)),
        (Some(_), Source::Slot(_)) | (None, _) => {}
        (Some(to), source) => asks.push(UiAction::Place(source.clone(), to)),
    }
}

/// Where something that can be dropped is now.
pub(super) fn over(ui: &Ui, desk: &Desk) -> Option<Pos2> {
    let carried = desk
        .carry
        .as_ref()
        .and_then(|_| ui.input(|input| input.pointer.latest_pos()));
    desk.hover.or(carried)
}

/// The name of what is dragged, beside the pointer.
pub(super) fn draw(ui: &Ui, desk: &Desk) {
    let Some(carry) = &desk.carry else {
        return;
    };
    let Some(place) = ui.input(|input| input.pointer.latest_pos()) else {
        return;
    };
    let layer = LayerId::new(Order::Tooltip, Id::unique("carried"));
    let painter = ui.ctx().layer_painter(layer);
    let galley = controls::fit(&painter, &carry.name, theme::small(), theme::TEXT, 180.0);
    let rect = Rect::from_min_size(place + vec2(12.0, 8.0), galley.size() + vec2(14.0, 8.0));
    painter.rect(
        rect,
        CornerRadius::same(4),
        theme::PICKED,
        egui::Stroke::new(1.0, theme::ACCENT),
        egui::StrokeKind::Inside,
    );
    painter.galley(rect.min + vec2(7.0, 4.0), galley, theme::TEXT);
}
