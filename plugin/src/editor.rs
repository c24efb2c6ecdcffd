//! The panel: what it is made of, and its window.
//!
//! Window thread. It reads snapshots and parameters, edits the project, and asks the session
//! for everything else; it never touches the engine, the player or files. It is drawn anew when
//! the session says that something changed, when the host changed a parameter, and when the
//! user does something.

mod controls;
mod footer;
mod header;
mod prompt;
mod status;
mod theme;
mod waveform;

use std::sync::Arc;

use egui::{Align, Key, Layout, Ui, UiBuilder, vec2};
use nice_plug::context::gui::GuiContext;
use nice_plug::editor::dpi::LogicalSize;
use nice_plug::editor::{ResizeHint, SizeConstraints};
use nice_plug_egui::baseview::HandlerError;
use nice_plug_egui::{
    EguiEditor, EguiEditorState, EguiNiceSettings, Frame, KeyCapture, NiceEguiApp, RepaintNotifier,
    create_egui_editor,
};

use crate::export;
use crate::params::BarlineParams;
use crate::session::{Handle, Screen};
use crate::view::UiAction;

/// The window at first, and the least it can be made, in points.
const SIZE: (f32, f32) = (760.0, 480.0);
const LEAST: (f32, f32) = (640.0, 420.0);
const EDGE: f32 = 16.0;

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

/// What is drawn.
pub struct Panel {
    params: Arc<BarlineParams>,
    session: Handle,
    host: Option<GuiContext>,
    /// What the path field of "Save WAV…" holds.
    folder: String,
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
    let folder = export::default_folder().display().to_string();
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
            folder,
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
        Ok(())
    }

    fn ui(&mut self, ui: &mut Ui, frame: &mut Frame) {
        let Some(host) = self.host.clone() else {
            return;
        };
        let setter = host.param_setter();
        let snapshot = self.session.snapshot();
        let live = self.session.live();
        let host_tempo_bpm = live.tempo_bpm().filter(|_| self.params.sync.value());
        let (revision, mut project) = self.params.project.read();
        let before = project.clone();
        let mut actions = Vec::new();

        let window = ui.max_rect();
        ui.painter()
            .rect_filled(window, egui::CornerRadius::ZERO, theme::GROUND);
        let inside = UiBuilder::new()
            .max_rect(window.shrink(EDGE))
            .layout(Layout::top_down(Align::Min));
        ui.scope_builder(inside, |ui| {
            ui.spacing_mut().item_spacing.y = theme::NEAR;
            header::show(ui, &mut project, &self.params, &setter, live);
            ui.add_space(theme::GAP - theme::NEAR);
            actions.extend(prompt::show(
                ui,
                &mut project,
                &self.params,
                &setter,
                &snapshot,
                host_tempo_bpm.unwrap_or(before.tempo_bpm),
            ));
            ui.add_space(theme::GAP - theme::NEAR);
            let footer = theme::ROW + theme::GAP;
            let spare = ui.available_height() - footer - status::card_height(0.0);
            theme::card().show(ui, |ui| {
                let size = vec2(ui.available_width(), spare.max(48.0));
                let (_, picture) = ui.allocate_space(size);
                waveform::show(ui, picture, &snapshot, live.playhead_beats(0));
                actions.extend(status::show(ui, &snapshot));
            });
            ui.add_space(theme::GAP - theme::NEAR);
            actions.extend(footer::show(
                ui,
                &self.params,
                &setter,
                &snapshot,
                &mut self.folder,
            ));
        });

        if snapshot.phase.busy() && ui.input(|input| input.key_pressed(Key::Escape)) {
            actions.push(UiAction::Cancel);
        }
        if project != before {
            self.params.project.edit(revision, project);
        }
        for action in actions {
            self.session.send(action);
        }
        // Keys belong to the host, unless something here is being typed.
        let typing = ui.ctx().egui_wants_keyboard_input();
        frame.set_key_capture(if typing {
            KeyCapture::CaptureAll
        } else {
            KeyCapture::IgnoreAll
        });
    }
}
