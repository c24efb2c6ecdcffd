//! The panel: what it is made of, and its window.
//!
//! Window thread. It reads snapshots and parameters, edits the project, and asks the session
//! for everything else; it never touches the engine, the player or files. It is drawn anew when
//! the session says that something changed, when the host changed a parameter, and when the
//! user does something.

mod card;
mod carry;
mod controls;
mod desk;
mod footer;
mod header;
mod icon;
mod keys;
mod library;
mod menu;
mod models;
mod pads;
mod panel;
mod picks;
mod prompt;
mod row;
mod side;
mod status;
mod system;
mod takes;
mod theme;
mod tune;
mod waveform;

// Outside this folder, because the tests read and write pictures and the panel may not.
#[cfg(test)]
#[path = "../tests/panel/panel.rs"]
mod panel_tests;

use std::sync::Arc;

use egui::Ui;
use nice_plug::context::gui::GuiContext;
use nice_plug::editor::dpi::LogicalSize;
use nice_plug::editor::{ResizeHint, SizeConstraints};
use nice_plug_egui::baseview::HandlerError;
use nice_plug_egui::{
    EguiEditor, EguiEditorState, EguiNiceSettings, Frame, KeyCapture, NiceEguiApp, RepaintNotifier,
    create_egui_editor,
};

use self::desk::{Desk, Scene};
use self::keys::Claim;
use self::system::System;
use crate::export;
use crate::params::BarlineParams;
use crate::session::{Handle, Screen};

/// The window at first, and the least it can be made, in points.
const SIZE: (f32, f32) = (1000.0, 640.0);
const LEAST: (f32, f32) = (640.0, 420.0);

/// The panel's window as its session knows it: whether it is open, and how to have it drawn.
#[derive(Clone)]
pub struct PanelScreen {
    state: Arc<EguiEditorState>,
    notifier: RepaintNotifier,
}

impl Default for PanelScreen {
    fn default() -> Self {
        Self {
            state: EguiEditorState::from_size(LogicalSize::new(SIZE.0, SIZE.1), 1.0),
            notifier: RepaintNotifier::new(),
        }
    }
}

impl Screen for PanelScreen {
    fn is_open(&self) -> bool {
        self.state.is_open()
    }

    fn repaint(&self) {
        self.notifier.request_repaint();
    }
}

/// What is drawn, and the window that it is drawn in.
pub struct Panel {
    params: Arc<BarlineParams>,
    session: Handle,
    host: Option<GuiContext>,
    desk: Desk,
    system: System,
}

/// The editor of one instance.
#[must_use]
pub fn create(
    params: Arc<BarlineParams>,
    session: Handle,
    screen: &PanelScreen,
) -> Option<EguiEditor<Panel>> {
    let least = LogicalSize::new(LEAST.0, LEAST.1);
    let resize_hint = ResizeHint {
        size_constraints: SizeConstraints::Logical {
            min_size: Some(least),
            max_size: None,
        },
        ..ResizeHint::RESIZABLE
    };
    let desk = Desk {
        folder: export::default_folder().display().to_string(),
        ..Desk::default()
    };
    create_egui_editor(
        screen.state.clone(),
        screen.notifier.clone(),
        EguiNiceSettings::new()
            .with_tile("Barline")
            .with_resize_hint(resize_hint),
        Panel {
            params,
            session,
            host: None,
            desk,
            system: System::new(screen.notifier.clone()),
        },
    )
}

impl NiceEguiApp for Panel {
    fn build(
        &mut self,
        ctx: egui::Context,
        host: GuiContext,
        frame: &mut Frame,
    ) -> Result<(), HandlerError> {
        theme::install(&ctx);
        frame.set_clear_color(theme::GROUND.into());
        self.host = Some(host);
        self.system.open(frame.baseview_window());
        Ok(())
    }

    fn ui(&mut self, ui: &mut Ui, frame: &mut Frame) {
        let Some(host) = self.host.clone() else {
            return;
        };
        let setter = host.param_setter();
        let snapshot = self.session.snapshot();
        let scene = Scene {
            snapshot: &snapshot,
            live: self.session.live(),
            params: &self.params,
            setter: &setter,
        };
        let (revision, mut project) = self.params.project.read();
        let before = project.clone();
        let mut asks = Vec::new();
        let scale = ui.ctx().pixels_per_point();
        self.system.listen(scale, &mut self.desk, &mut asks);
        panel::show(ui, scene, &mut project, &mut self.desk, &mut asks);
        // Slots belong to the session, which hears of them by actions.
        project.slots = before.slots;
        project.selected = before.selected;
        if project != before {
            self.params.project.edit(revision, project);
        }
        self.system
            .drag(frame.baseview_window(), &mut self.desk, &mut asks);
        self.system
            .copy(frame.baseview_window(), snapshot.ready.as_ref(), &mut asks);
        for action in asks {
            self.session.send(action);
        }
        let claim = keys::claim(ui.ctx(), scene, &self.desk);
        self.system.keep(&claim);
        frame.set_key_capture(match claim {
            Claim::All => KeyCapture::CaptureAll,
            Claim::Some(characters, escape) => {
                KeyCapture::CaptureKeys(system::keys(&characters, escape))
            }
        });
    }

    fn editor_closed(&mut self) {
        self.system.close();
        self.host = None;
        self.desk.carry = None;
    }
}
