//! Every state that a release saved must load for ever: `tests/states` of the workspace has one of
//! each version, as the host's bytes were (see its README).

use std::fs;
use std::path::{Path, PathBuf};

use super::*;
use crate::recall;

/// What a file must bring back.
struct Release {
    file: &'static str,
    version: u64,
    prompt: &'static str,
    /// Slots with a clip of their own samples.
    own: &'static [usize],
    /// Slots whose clip stayed behind.
    behind: &'static [usize],
}

const RELEASES: [Release; 3] = [
    Release {
        file: "v1.json",
        version: 1,
        prompt: "dusty lo-fi drums",
        own: &[0],
        behind: &[],
    },
    Release {
        file: "v2.json",
        version: 2,
        prompt: "house drums",
        own: &[0],
        behind: &[],
    },
    Release {
        file: "v3.json",
        version: 3,
        prompt: "techno drums",
        own: &[0, 2, 7],
        behind: &[5],
    },
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/states")
}

/// The states, by the names of their files.
pub(super) fn states() -> Vec<(String, PluginState)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if name.ends_with(".json") {
            let state = serde_json::from_slice(&fs::read(&path).unwrap());
            found.push((name, state.unwrap()));
        }
    }
    found.sort_by(|one, other| one.0.cmp(&other.0));
    found
}

#[test]
fn the_state_of_every_release_loads() {
    let states = states();
    let names: Vec<&str> = states.iter().map(|(name, _)| &**name).collect();
    assert_eq!(
        names,
        RELEASES.map(|release| release.file),
        "a state without its line here, or the other way about"
    );
    for ((name, mut state), release) in states.into_iter().zip(RELEASES) {
        let Release {
            version,
            prompt,
            own,
            behind,
            ..
        } = release;
        let saved: Value = serde_json::from_str(&state.fields[FIELD]).unwrap();
        assert_eq!(saved["version"], version, "{name}");
        let params = BarlineParams::default();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let ear = heard.clone();
        let listen = move |loaded| ear.lock().unwrap().push(loaded);
        params.project.on_load(listen);
        filter(&mut state);
        params.deserialize_fields(&state.fields);

        let heard = heard.lock().unwrap();
        let [loaded] = &heard[..] else {
            panic!("{name}: {heard:?}");
        };
        assert_eq!((&loaded.refused, loaded.generate), (&None, false), "{name}");
        assert_eq!(params.project.read().1.prompt, prompt, "{name}");
        // Every release so far has these parameters, in this form.
        assert!(matches!(state.params["bars"], ParamValue::I32(1)), "{name}");
        let known: Vec<String> = params.param_map().into_iter().map(|(id, ..)| id).collect();
        for id in state.params.keys() {
            assert!(known.contains(id), "{name}: {id} is gone");
        }
        for (slot, clip) in loaded.clips.iter().enumerate() {
            let has_own = clip.as_ref().is_some_and(|clip| clip.flac.is_some());
            assert_eq!(own.contains(&slot), has_own, "{name}, slot {slot}");
            let is_behind = clip.as_ref().is_some_and(|clip| clip.flac.is_none());
            assert_eq!(behind.contains(&slot), is_behind, "{name}, slot {slot}");
            if let Some(clip) = clip.as_ref().filter(|_| has_own) {
                check_clip(&format!("{name}, slot {slot}"), version, clip);
            }
        }
    }
}

/// It sounds, is as long as its facts say, and has its take since there are takes.
fn check_clip(what: &str, version: u64, clip: &SavedClip) {
    let recalled = recall::unpack(clip).unwrap();
    let frames = clip.facts.length.frames(recalled.rate_hz);
    for channel in &recalled.channels {
        assert_eq!(channel.len() as u64, frames, "{what}");
        let sum: f32 = channel.iter().map(|sample| sample * sample).sum();
        let rms = (sum / channel.len() as f32).sqrt();
        assert!((0.01..1.0).contains(&rms), "{what}: a level of {rms}");
    }
    assert_eq!(recalled.raw.is_some(), version > 1, "{what}");
    assert!(clip.facts.fitted.is_some(), "{what}");
}
