//! Barline as a plugin: prompts become loops that play locked to the host. Wiring only.
//!
//! `process` and `reset` run on the audio thread: no allocation, lock, wait or panic there, but
//! for the wait of an offline render (see `offline`). Debug builds abort where `process`
//! allocates.
//!
//! # Environment
//! `BARLINE_LIBRARY` names the folder of the library, else it is in the user's data folder. Every
//! take that is made is kept there, so whatever loads the plugin for a test sets it.

pub mod editor;
pub mod export;
pub mod offline;
pub mod params;
pub mod recall;
pub mod session;
pub mod state;
pub mod tempo;
mod timing;
pub mod view;
mod vst3;
pub mod wording;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use barline_player::{Note, Outputs, Player, SLOTS, Settings, Transport};
use nice_plug::prelude::{ActivateContext, Buffer};
use nice_plug::prelude::{
    AsyncExecutor, AudioIOLayout, AuxiliaryBuffers, BufferConfig, ClapFeature, ClapPlugin,
    MidiConfig, NoteEvent, Params, Plugin, PluginState, PortNames, ProcessContext, ProcessMode,
    ProcessStatus, Vst3Plugin, Vst3SubCategory, new_nonzero_u32, nice_export_clap,
};
use nice_plug_egui::EguiEditor;

use crate::editor::{Panel, PanelScreen};
use crate::offline::Patience;
use crate::params::{BarlineParams, TempoFollow};
use crate::session::Session;
use crate::tempo::{Rest, Wish};

/// One instance of the plugin.
pub struct Barline {
    params: Arc<BarlineParams>,
    screen: PanelScreen,
    session: Session,
    /// The audio thread's half of the session.
    player: Player,
    rate_hz: f32,
    offline: bool,
    rest: Rest,
    patience: Patience,
}

impl Default for Barline {
    fn default() -> Self {
        let params = Arc::new(BarlineParams::default());
        let screen = PanelScreen::default();
        let (session, player) = Session::start(params.clone(), screen.clone());
        let handle = session.handle().clone();
        params.project.on_load(move |loaded| handle.loaded(loaded));
        Self {
            params,
            screen,
            session,
            player,
            rate_hz: 48_000.0,
            offline: false,
            rest: Rest::default(),
            patience: Patience::default(),
        }
    }
}

impl Plugin for Barline {
    const NAME: &'static str = "Barline";
    const VENDOR: &'static str = "Barline";
    const URL: &'static str = "";
    const EMAIL: &'static str = "";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");

    const AUDIO_IO_LAYOUTS: &'static [AudioIOLayout] = &[AudioIOLayout {
        main_input_channels: None,
        main_output_channels: NonZeroU32::new(2),
        aux_input_ports: &[new_nonzero_u32(2)],
        aux_output_ports: &[new_nonzero_u32(2); SLOTS],
        names: PortNames {
            aux_inputs: &["Side-chain"],
            aux_outputs: &[
                "Slot 1", "Slot 2", "Slot 3", "Slot 4", "Slot 5", "Slot 6", "Slot 7", "Slot 8",
            ],
            ..PortNames::const_default()
        },
    }];
    const MIDI_INPUT: MidiConfig = MidiConfig::Basic;

    type Editor = EguiEditor<Panel>;
    type SysExMessage = ();
    // nice-plug's own worker can abort the host when an instance goes away; nothing runs there.
    type BackgroundTask = ();

    fn params(&self) -> Arc<dyn Params> {
        self.params.clone()
    }

    fn editor(&mut self, _executor: AsyncExecutor<Self>) -> Option<Self::Editor> {
        editor::create(
            self.params.clone(),
            self.session.handle().clone(),
            &self.screen,
        )
    }

    fn filter_state(state: &mut PluginState) {
        state::filter(state);
    }

    fn activate(
        &mut self,
        _layout: &AudioIOLayout,
        config: &BufferConfig,
        _context: &mut impl ActivateContext<Self>,
    ) -> bool {
        self.rate_hz = config.sample_rate;
        self.offline = config.process_mode == ProcessMode::Offline;
        self.session.handle().set_rate(config.sample_rate);
        true
    }

    fn reset(&mut self) {
        self.player.reset(f64::from(self.rate_hz));
        self.rest.reset();
    }

    fn process(
        &mut self,
        buffer: &mut Buffer,
        aux: &mut AuxiliaryBuffers,
        context: &mut impl ProcessContext<Self>,
    ) -> ProcessStatus {
        while let Some(event) = context.next_event() {
            let offset_frames = event.timing() as usize;
            let note = match event {
                NoteEvent::NoteOn { key, velocity, .. } => {
                    key.number().map(|key| Note::On { key, velocity })
                }
                // A wildcard lets every key go.
                NoteEvent::NoteOff { key, .. } | NoteEvent::Choke { key, .. } => {
                    Some(key.number().map_or(Note::AllOff, |key| Note::Off { key }))
                }
                _ => None,
            };
            let Some(note) = note else {
                continue;
            };
            self.player.note(offset_frames, note);
        }

        let host = context.transport();
        let beats_per_bar = host
            .time_sig_numerator
            .zip(host.time_sig_denominator)
            .map(|(count, unit)| f64::from(count) * 4.0 / f64::from(unit));
        let handle = self.session.handle();
        handle
            .live()
            .set_host(host.playing, host.tempo, beats_per_bar);
        let transport = Transport {
            playing: host.playing,
            tempo_bpm: host.tempo.unwrap_or(0.0),
            beats: host.pos_beats(),
            // What the host counts, not what would be made of its beats.
            song_frame: host.pos_samples,
            beats_per_bar,
            bar_start_beats: host.bar_start_pos_beats(),
        };
        let settings = Settings {
            gain: self.params.gain.value(),
            play: self.params.play.value(),
            sync: self.params.sync.value(),
            slot: usize::try_from(self.params.slot.value() - 1).ok(),
            quantise: self.params.quantise.value().into(),
            hear: self.params.hear.value().into(),
            separate: self.params.separate.value(),
        };
        let frames = buffer.samples();
        let (rate_hz, playing, offline) = (self.rate_hz, host.playing, self.offline);
        let rested = self
            .rest
            .hear(host.tempo, frames, rate_hz, playing, offline);
        let keep_pitch = self.params.tempo_follow.value() == TempoFollow::KeepPitch;
        handle
            .busy()
            .wish(Wish::new(rested, settings.sync, keep_pitch));
        if self.offline && settings.play && transport.playing {
            let presses = || self.params.generate_presses.load(Ordering::Acquire);
            self.patience
                .wait(handle.busy(), presses, || self.player.receive());
        }
        if let [left, right, ..] = buffer.as_slice() {
            let mut outputs = Outputs::stereo(left, right);
            for (place, buffer) in outputs.slots.iter_mut().zip(aux.outputs.iter_mut()) {
                if let [left, right, ..] = buffer.as_slice() {
                    *place = Some((&mut **left, &mut **right));
                }
            }
            self.player.process(&transport, &settings, outputs);
        }
        ProcessStatus::KeepAlive
    }
}

impl ClapPlugin for Barline {
    const CLAP_ID: &'static str = "io.barline.barline";
    const CLAP_DESCRIPTION: Option<&'static str> =
        Some("Loops from a text prompt, locked to the host's transport");
    const CLAP_MANUAL_URL: Option<&'static str> = None;
    const CLAP_SUPPORT_URL: Option<&'static str> = None;
    const CLAP_FEATURES: &'static [ClapFeature] = &[
        ClapFeature::Instrument,
        ClapFeature::Sampler,
        ClapFeature::Drum,
        ClapFeature::Stereo,
    ];
}

impl Vst3Plugin for Barline {
    const VST3_CLASS_ID: [u8; 16] = *b"BarlineLoopMaker";
    const VST3_SUBCATEGORIES: &'static [Vst3SubCategory] = &[
        Vst3SubCategory::Instrument,
        Vst3SubCategory::Sampler,
        Vst3SubCategory::Stereo,
    ];
}

nice_export_clap!(Barline);
