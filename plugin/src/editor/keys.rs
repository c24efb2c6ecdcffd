//! The keyboard: what the panel does with keys while nothing is typed, and which keys it takes from
//! the host.
//!
//! Window thread. Space belongs to the host unless text is being typed.

use egui::{Context, Key, Modifiers, Popup, Ui};

use super::controls;
use super::desk::{Desk, Scene};
use crate::view::UiAction;

/// Characters that are taken with Ctrl: undo and redo.
pub(super) const WITH_CONTROL: &str = "zy";

const DIGITS: [Key; 9] = [
    Key::Num0,
    Key::Num1,
    Key::Num2,
    Key::Num3,
    Key::Num4,
    Key::Num5,
    Key::Num6,
    Key::Num7,
    Key::Num8,
];

/// Does what the keys of this frame ask for.
pub(super) fn listen(ui: &Ui, scene: Scene, desk: &mut Desk, asks: &mut Vec<UiAction>) {
    let ctx = ui.ctx();
    if ui.input(|input| input.key_pressed(Key::Escape)) {
        escape(ctx, scene, desk, asks);
    }
    if ctx.text_edit_focused() {
        return;
    }
    let pressed =
        |modifiers: Modifiers, key: Key| ui.input_mut(|input| input.consume_key(modifiers, key));
    // The one with more modifiers first: the other would take it.
    if pressed(Modifiers::COMMAND | Modifiers::SHIFT, Key::Z) || pressed(Modifiers::COMMAND, Key::Y)
    {
        if scene.snapshot.can_redo {
            asks.push(UiAction::Redo);
        }
    } else if pressed(Modifiers::COMMAND, Key::Z) && scene.snapshot.can_undo {
        asks.push(UiAction::Undo);
    }
    let plain = ui.input(|input| input.modifiers.is_none());
    for (number, key) in DIGITS.iter().enumerate() {
        if plain && ui.input(|input| input.key_pressed(*key)) {
            controls::set(scene.setter, &scene.params.slot, number as i32);
        }
    }
}

/// Closes what is open; else gives the keyboard back; else stops what is being made.
fn escape(ctx: &Context, scene: Scene, desk: &mut Desk, asks: &mut Vec<UiAction>) {
    if desk.carry.take().is_some() {
        return;
    }
    if Popup::is_any_open(ctx) {
        // egui closes them itself.
        return;
    }
    if desk.saving.take().is_some() {
        return;
    }
    if desk.asking.take().is_some() || desk.editing.take().is_some() {
        return;
    }
    if scene.snapshot.preview.is_some() {
        asks.push(UiAction::Preview(None));
    } else if scene.snapshot.phase.busy() {
        asks.push(UiAction::Cancel);
    }
}

/// What the host does not get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Claim {
    /// Every key: text is being typed.
    All,
    /// These characters and, if it is true, Escape.
    Some(Vec<&'static str>, bool),
}

/// What the panel takes from the host after this frame.
pub(crate) fn claim(ctx: &Context, scene: Scene, desk: &Desk) -> Claim {
    if ctx.text_edit_focused() {
        return Claim::All;
    }
    let mut characters = vec!["0", "1", "2", "3", "4", "5", "6", "7", "8"];
    // A bare Z is the host's.
    if ctx.input(|input| input.modifiers.command) {
        characters.extend(["z", "Z", "y", "Y"]);
    }
    let escape = scene.snapshot.phase.busy()
        || Popup::is_any_open(ctx)
        || desk.saving.is_some()
        || desk.carry.is_some()
        || scene.snapshot.preview.is_some();
    Claim::Some(characters, escape)
}
