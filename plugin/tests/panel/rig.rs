//! One panel with everything that it is drawn from, and a user for it.
//!
//! Test threads. It answers slot actions as the session does: the next frame shows them.

use egui::epaint::textures::TexturesDelta;
use egui::{Event, FullOutput, Key, Modifiers, PointerButton, Pos2, RawInput, Rect, pos2, vec2};
use nice_plug::prelude::ParamSetter;

use super::super::desk::{Desk, Scene};
use super::super::{keys, panel, theme};
use super::setter::Host;
use crate::params::BarlineParams;
use crate::state::Project;
use crate::view::{Live, Snapshot, UiAction};

/// A panel and its user.
pub(super) struct Rig {
    pub(super) ctx: egui::Context,
    pub(super) params: BarlineParams,
    pub(super) project: Project,
    pub(super) snapshot: Snapshot,
    pub(super) live: Live,
    pub(super) desk: Desk,
    pub(super) size: (f32, f32),
    /// What was asked since this was last taken.
    pub(super) asks: Vec<UiAction>,
    pub(super) output: Option<FullOutput>,
    pub(super) textures: TexturesDelta,
    modifiers: Modifiers,
    seconds: f64,
}

impl Drop for Rig {
    /// egui takes textures that nobody drew for a mistake.
    fn drop(&mut self) {
        self.textures.clear();
    }
}

impl Rig {
    /// A panel of a size, with everything as in a new instance.
    pub(super) fn new(size: (f32, f32)) -> Self {
        let ctx = egui::Context::default();
        theme::install(&ctx);
        Self {
            ctx,
            params: BarlineParams::default(),
            project: Project::default(),
            snapshot: Snapshot::default(),
            live: Live::default(),
            desk: Desk {
                folder: "Music/Barline".into(),
                ..Desk::default()
            },
            size,
            asks: Vec::new(),
            output: None,
            textures: TexturesDelta::default(),
            modifiers: Modifiers::NONE,
            seconds: 0.0,
        }
    }

    /// Draws a frame in which these events happen.
    pub(super) fn frame(&mut self, events: Vec<Event>) {
        self.seconds += 0.1;
        // A frame in which nothing happens has no events: egui draws again after any.
        let changed = self.ctx.input(|input| input.modifiers) != self.modifiers;
        let events = changed
            .then_some(Event::ModifiersChanged(self.modifiers))
            .into_iter()
            .chain(events)
            .collect();
        let input = RawInput {
            screen_rect: Some(Rect::from_min_size(
                Pos2::ZERO,
                vec2(self.size.0, self.size.1),
            )),
            time: Some(self.seconds),
            events,
            focused: true,
            ..RawInput::default()
        };
        let Self {
            ctx,
            params,
            project,
            snapshot,
            live,
            desk,
            ..
        } = self;
        let setter = ParamSetter::new(&Host);
        let scene = Scene {
            snapshot,
            live,
            params,
            setter: &setter,
        };
        let mut asks = Vec::new();
        let (slots, selected) = (project.slots, project.selected);
        let mut output = ctx.run_ui(input, |ui| {
            asks.clear();
            panel::show(ui, scene, project, desk, &mut asks);
        });
        project.slots = slots;
        project.selected = selected;
        for ask in &asks {
            match ask {
                UiAction::Select(slot) => project.selected = *slot,
                UiAction::Tune(slot, settings) => project.slots[*slot] = *settings,
                _ => {}
            }
        }
        self.asks.extend(asks);
        // Textures pile up until somebody draws them.
        let textures = std::mem::take(&mut output.textures_delta);
        self.textures.append(textures);
        self.output = Some(output);
    }

    /// Draws until everything has found its size.
    pub(super) fn settle(&mut self) {
        for _ in 0..3 {
            self.frame(Vec::new());
        }
    }

    /// What was asked since the last time.
    pub(super) fn take(&mut self) -> Vec<UiAction> {
        std::mem::take(&mut self.asks)
    }

    pub(super) fn press(&mut self, place: Pos2, down: bool) {
        self.frame(vec![Event::PointerMoved(place), self.button(place, down)]);
    }

    fn button(&self, pos: Pos2, pressed: bool) -> Event {
        Event::PointerButton {
            pos,
            button: PointerButton::Primary,
            pressed,
            modifiers: self.modifiers,
        }
    }

    /// A click, and the frame after it.
    pub(super) fn click(&mut self, place: Pos2) {
        self.press(place, true);
        self.press(place, false);
        self.frame(Vec::new());
    }

    /// Two clicks within a fifth of a second, and the frame after them.
    pub(super) fn double_click(&mut self, place: Pos2) {
        for _ in 0..2 {
            self.press(place, true);
            self.press(place, false);
        }
        self.frame(Vec::new());
    }

    /// A click with the other button, and the frame after it.
    pub(super) fn click_other(&mut self, place: Pos2) {
        let event = |pressed| Event::PointerButton {
            pos: place,
            button: PointerButton::Secondary,
            pressed,
            modifiers: Modifiers::NONE,
        };
        self.frame(vec![Event::PointerMoved(place), event(true)]);
        self.frame(vec![event(false)]);
        self.settle();
    }

    /// Presses, moves in steps, and lets go if it is told to.
    pub(super) fn drag(&mut self, from: Pos2, to: Pos2, release: bool) {
        self.frame(vec![Event::PointerMoved(from)]);
        self.press(from, true);
        for step in 1..=4 {
            let at = from + (to - from) * (step as f32 / 4.0);
            self.frame(vec![Event::PointerMoved(at)]);
        }
        if release {
            self.press(to, false);
            self.frame(Vec::new());
        }
    }

    pub(super) fn hold(&mut self, modifiers: Modifiers) {
        self.modifiers = modifiers;
    }

    /// The events of a key that is pressed and let go.
    pub(super) fn key(&self, key: Key) -> Vec<Event> {
        [true, false]
            .map(|pressed| Event::Key {
                key,
                physical_key: None,
                pressed,
                repeat: false,
                modifiers: self.modifiers,
            })
            .to_vec()
    }

    /// Presses a key, and draws the frame after it.
    pub(super) fn tap(&mut self, key: Key) {
        self.frame(self.key(key));
        self.frame(Vec::new());
    }

    pub(super) fn write(&mut self, text: &str) {
        self.frame(vec![Event::Text(text.into())]);
    }

    /// What the host does not get after this frame.
    pub(super) fn claim(&self) -> keys::Claim {
        let setter = ParamSetter::new(&Host);
        let scene = Scene {
            snapshot: &self.snapshot,
            live: &self.live,
            params: &self.params,
            setter: &setter,
        };
        keys::claim(&self.ctx, scene, &self.desk)
    }

    /// The middle of a text that was drawn; the first one that begins so.
    pub(super) fn find(&self, text: &str) -> Pos2 {
        self.seek(text)
            .unwrap_or_else(|| panic!("{text:?} is not drawn"))
    }

    pub(super) fn seek(&self, text: &str) -> Option<Pos2> {
        let begins = |(drawn, place): (String, Pos2)| drawn.starts_with(text).then_some(place);
        self.texts().into_iter().find_map(begins)
    }

    /// The same in a part of the panel: pads and lists may name the same clip.
    pub(super) fn find_in(&self, part: Rect, text: &str) -> Pos2 {
        self.texts()
            .into_iter()
            .find(|(drawn, place)| part.contains(*place) && drawn.starts_with(text))
            .unwrap_or_else(|| panic!("{text:?} is not drawn in {part:?}"))
            .1
    }

    /// The side panel, where there is room for it beside the rest.
    pub(super) fn side(&self) -> Rect {
        let window = Rect::from_min_size(Pos2::ZERO, vec2(self.size.0, self.size.1));
        window.with_min_x(window.right() - 330.0)
    }

    /// All that lies below the pads.
    pub(super) fn card(&self) -> Rect {
        let pads = self.desk.pads[0].expect("the pads were drawn");
        let last = self.desk.pads[7].expect("the pads were drawn");
        Rect::from_min_max(
            pos2(pads.left(), pads.bottom()),
            pos2(last.right(), self.size.1 - 40.0),
        )
    }

    /// The middles of all texts that are this and nothing more, in the order in which they were drawn.
    pub(super) fn exactly(&self, text: &str) -> Vec<Pos2> {
        let is = |(drawn, place): (String, Pos2)| (drawn == text).then_some(place);
        self.texts().into_iter().filter_map(is).collect()
    }

    /// All texts that were drawn, with their middles.
    pub(super) fn texts(&self) -> Vec<(String, Pos2)> {
        fn collect(shape: &egui::Shape, into: &mut Vec<(String, Pos2)>) {
            match shape {
                egui::Shape::Vec(shapes) => shapes.iter().for_each(|shape| collect(shape, into)),
                egui::Shape::Text(shape) => {
                    let middle = shape.pos + shape.galley.size() / 2.0;
                    into.push((shape.galley.text().to_owned(), middle));
                }
                _ => {}
            }
        }
        let mut texts = Vec::new();
        for clipped in self.output.iter().flat_map(|output| &output.shapes) {
            collect(&clipped.shape, &mut texts);
        }
        texts
    }

    /// A place on a slot's picture.
    pub(super) fn pad(&self, slot: usize) -> Pos2 {
        let rect = self.desk.pads[slot].expect("the pads were drawn");
        pos2(rect.center().x, rect.top() + 30.0)
    }

    /// A place on a slot's name.
    pub(super) fn pad_name(&self, slot: usize) -> Pos2 {
        let rect = self.desk.pads[slot].expect("the pads were drawn");
        pos2(rect.center().x, rect.bottom() - 8.0)
    }
}
