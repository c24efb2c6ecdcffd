//! A small CLAP host: one instance, a transport, timed parameter changes, state.
//!
//! The test's thread is the host's main thread. `play` runs `process` on it too, which CLAP
//! allows while no other thread does; [`Host::while_running`] has an audio thread of its own.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, anyhow, ensure};
use clack_extensions::log::{HostLog, HostLogImpl, LogSeverity};
use clack_extensions::params::{ParamInfoBuffer, PluginParams};
use clack_extensions::render::{PluginRender, RenderMode};
use clack_extensions::state::PluginState;
use clack_host::prelude::*;
use serde_json::{Value, json};

use super::alone::LIBRARY;
use super::running::Running;
use super::song::{Blocks, Recording, Song};
use crate::programs;

const PLUGIN_ID: &std::ffi::CStr = c"io.barline.barline";
/// The longest block that any test plays.
pub(crate) const MAX_FRAMES: usize = 1024;

/// What the plugin asks of the host.
pub(super) struct Shared {
    callback: AtomicBool,
}

impl SharedHandler<'_> for Shared {
    fn request_restart(&self) {}
    fn request_process(&self) {}
    fn request_callback(&self) {
        self.callback.store(true, Ordering::Release);
    }
}

impl HostLogImpl for Shared {
    fn log(&self, severity: LogSeverity, message: &str) {
        if severity >= LogSeverity::Warning {
            eprintln!("[plugin, {severity}] {message}");
        }
    }
}

pub(super) struct Handlers;

impl HostHandlers for Handlers {
    type Shared<'a> = Shared;
    type MainThread<'a> = ();
    type AudioProcessor<'a> = ();

    fn declare_extensions(builder: &mut HostExtensions<Self>, _shared: &Self::Shared<'_>) {
        builder.register::<HostLog>();
    }
}

/// A loaded bundle.
pub(crate) struct Bundle {
    entry: PluginEntry,
    info: HostInfo,
}

impl Bundle {
    pub(crate) fn load() -> Result<Self> {
        ensure!(
            std::env::var_os(LIBRARY).is_some(),
            "{LIBRARY} is not set: the takes of tests would be kept with the user's own"
        );
        let path: PathBuf = programs::clap_library()?;
        // SAFETY: the library is our own plugin, which this test is about; there is nothing
        // but its own code to vouch for it.
        #[allow(unsafe_code)]
        let entry = unsafe { PluginEntry::load(&path) }
            .map_err(|error| anyhow!("{} does not load: {error}", path.display()))?;
        let info = HostInfo::new("Barline's tests", "Barline", "", "1")?;
        Ok(Self { entry, info })
    }

    pub(crate) fn host(&self) -> Result<Host> {
        Host::new(self)
    }
}

/// One instance of the plugin.
pub(crate) struct Host {
    instance: PluginInstance<Handlers>,
    running: Option<Running>,
    pub(crate) blocks: Blocks,
}

impl Host {
    fn new(bundle: &Bundle) -> Result<Self> {
        let shared = |_: &()| Shared {
            callback: AtomicBool::new(false),
        };
        let instance = PluginInstance::<Handlers>::new(
            shared,
            |_| (),
            &bundle.entry,
            PLUGIN_ID,
            &bundle.info,
        )?;
        Ok(Self {
            instance,
            running: None,
            blocks: Blocks::odd(),
        })
    }

    pub(crate) fn activate(&mut self, rate_hz: f64) -> Result<()> {
        ensure!(self.running.is_none(), "it is active already");
        let configuration = PluginAudioConfiguration {
            sample_rate: rate_hz,
            min_frames_count: 1,
            max_frames_count: MAX_FRAMES as u32,
        };
        let stopped = self.instance.activate(|_, _| (), configuration)?;
        let processor = stopped
            .start_processing()
            .map_err(|_| anyhow!("it does not start processing"))?;
        self.running = Some(Running::new(processor, rate_hz));
        Ok(())
    }

    pub(crate) fn deactivate(&mut self) {
        if let Some(running) = self.running.take() {
            self.instance.deactivate(running.stop_processing());
        }
    }

    /// Sets whether what follows is a bounce. While inactive, as hosts do it.
    pub(crate) fn render_offline(&mut self, offline: bool) -> Result<()> {
        ensure!(self.running.is_none(), "it is active");
        let handle = self.instance.plugin_handle();
        let render: PluginRender = handle.get_extension().context("no render extension")?;
        let mode = if offline {
            RenderMode::Offline
        } else {
            RenderMode::Realtime
        };
        Ok(render.set(&handle, mode)?)
    }

    /// The state as the bytes that a project file has.
    pub(crate) fn save_bytes(&mut self) -> Result<Vec<u8>> {
        let handle = self.instance.plugin_handle();
        let state: PluginState = handle.get_extension().context("no state extension")?;
        let mut bytes = Vec::new();
        state.save(&handle, &mut bytes)?;
        Ok(bytes)
    }

    pub(crate) fn load_bytes(&mut self, bytes: &[u8]) -> Result<()> {
        let handle = self.instance.plugin_handle();
        let state: PluginState = handle.get_extension().context("no state extension")?;
        state.load(&handle, &mut &*bytes)?;
        self.attend();
        Ok(())
    }

    /// Loads the `project` field (see the plugin's `state.rs`) and these parameters.
    pub(crate) fn load(&mut self, project: &Value, params: &Value) -> Result<()> {
        let state = json!({
            "version": "0.1.0",
            "params": params,
            "fields": { "project": project.to_string() },
        });
        let json = state.to_string();
        let mut bytes = (json.len() as u64).to_le_bytes().to_vec();
        bytes.extend_from_slice(json.as_bytes());
        self.load_bytes(&bytes)
    }

    /// The `project` field of the state as it is now.
    pub(crate) fn project(&mut self) -> Result<Value> {
        let bytes = self.save_bytes()?;
        let state: Value = serde_json::from_slice(bytes.get(8..).context("no length")?)?;
        let project = state["fields"]["project"].as_str();
        Ok(serde_json::from_str(project.context("no project")?)?)
    }

    /// Parameters by name, with their defaults.
    pub(crate) fn params(&mut self) -> Result<HashMap<String, (ClapId, f64)>> {
        let handle = self.instance.plugin_handle();
        let params: PluginParams = handle.get_extension().context("no parameters")?;
        let mut found = HashMap::new();
        for index in 0..params.count(&handle) {
            let mut buffer = ParamInfoBuffer::new();
            let info = params
                .get_info(&handle, index, &mut buffer)
                .context("a parameter without facts")?;
            let name = String::from_utf8(info.name.to_vec())?;
            found.insert(name, (info.id, info.default_value));
        }
        Ok(found)
    }

    /// What the host would show of a parameter at this value, and the value it has.
    pub(crate) fn param_text(&mut self, id: ClapId) -> Result<(f64, String)> {
        let handle = self.instance.plugin_handle();
        let params: PluginParams = handle.get_extension().context("no parameters")?;
        let value = params.get_value(&handle, id).context("no value")?;
        let mut buffer = [0; 64];
        let text = params.value_to_text(&handle, id, value, &mut buffer)?;
        Ok((value, String::from_utf8(text.to_vec())?))
    }

    /// For what only one test asks of the plugin.
    pub(crate) fn handle(&mut self) -> PluginMainThreadHandle<'_> {
        self.instance.plugin_handle()
    }

    /// Runs what the plugin asked to have run on the main thread.
    fn attend(&mut self) {
        let asked = |shared: &Shared| shared.callback.swap(false, Ordering::AcqRel);
        if self.instance.access_shared_handler(asked) {
            self.instance.call_on_main_thread_callback();
        }
    }

    pub(crate) fn rate_hz(&self) -> f64 {
        self.running
            .as_ref()
            .map_or(0.0, |running| running.rate_hz())
    }

    /// Plays on for `frames` frames in odd blocks.
    pub(crate) fn play(&mut self, song: &mut Song, frames: usize) -> Result<Recording> {
        let mut recording = Recording::default();
        while recording.left.len() < frames {
            let left = frames - recording.left.len();
            let block = self.blocks.next().min(left);
            self.block(song, block, &EventBuffer::new(), &mut recording)?;
        }
        Ok(recording)
    }

    /// Plays one block with parameter changes and notes in it, in order, and records it.
    pub(crate) fn block(
        &mut self,
        song: &mut Song,
        frames: usize,
        events: &EventBuffer,
        recording: &mut Recording,
    ) -> Result<()> {
        let running = self.running.as_mut().context("it is not active")?;
        for frame in 0..frames {
            let ahead = if song.playing { frame as u64 } else { 0 };
            let then = Song {
                frames: song.frames + ahead,
                ..*song
            };
            recording.beats.push(then.beats(running.rate_hz()));
        }
        running.process(song, frames, events)?;
        running.record(frames, recording);
        if song.playing {
            song.frames += frames as u64;
        }
        self.attend();
        Ok(())
    }

    /// Runs `during` while an audio thread plays without a pause.
    pub(crate) fn while_running<T>(
        &mut self,
        mut song: Song,
        during: impl FnOnce(&mut PluginOnly) -> Result<T>,
    ) -> Result<T> {
        let mut running = self.running.take().context("it is not active")?;
        let stop = AtomicBool::new(false);
        let mut blocks = self.blocks.clone();
        let (result, running) = std::thread::scope(|scope| {
            let audio = scope.spawn(|| {
                while !stop.load(Ordering::Acquire) {
                    let frames = blocks.next();
                    running.process(&song, frames, &EventBuffer::new())?;
                    song.frames += frames as u64;
                    // About as fast as a sound card would ask for it.
                    std::thread::sleep(std::time::Duration::from_micros(frames as u64 * 20));
                }
                anyhow::Ok(running)
            });
            let result = during(&mut PluginOnly(self));
            stop.store(true, Ordering::Release);
            (result, audio.join())
        });
        let running = running.map_err(|_| anyhow!("the audio thread panicked"))??;
        self.running = Some(running);
        result
    }
}

/// Events of one block.
pub(crate) fn events<E: AsRef<clack_host::events::UnknownEvent>>(list: &[E]) -> EventBuffer {
    let mut buffer = EventBuffer::new();
    buffer.push_all(list);
    buffer
}

/// What the main thread may do while another plays.
pub(crate) struct PluginOnly<'a>(&'a mut Host);

impl PluginOnly<'_> {
    pub(crate) fn load(&mut self, project: &Value, params: &Value) -> Result<()> {
        self.0.load(project, params)
    }

    pub(crate) fn save_bytes(&mut self) -> Result<Vec<u8>> {
        self.0.save_bytes()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // An instance that is dropped while active would be leaked by clack.
        self.deactivate();
    }
}
