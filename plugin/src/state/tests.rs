//! States as hosts hand them over.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use barline_engine::{ClipFacts, Length, ModelSource, Precision, Sampling};
use nice_plug::params::Params;
use nice_plug::plugin::ParamValue;

use super::*;
use crate::params::BarlineParams;

mod fuzz;
mod releases;

/// Loads a `project` field as a host does, and tells what the session heard.
fn load(params: &BarlineParams, field: &str) -> (PluginState, Vec<Loaded>) {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let ear = heard.clone();
    params
        .project
        .on_load(move |loaded| ear.lock().unwrap().push(loaded));
    let mut state = PluginState {
        version: "0.1.0".into(),
        params: BTreeMap::from([("bars".to_owned(), ParamValue::I32(2))]),
        fields: BTreeMap::from([(FIELD.to_owned(), field.to_owned())]),
    };
    filter(&mut state);
    params.deserialize_fields(&state.fields);
    let heard = heard.lock().unwrap().clone();
    (state, heard)
}

fn in_slot(slot: usize) -> Clips {
    let mut clips = Clips::default();
    clips[slot] = Some(saved_clip());
    clips
}

fn saved_clip() -> Arc<SavedClip> {
    Arc::new(SavedClip {
        flac: Some("AAAA".into()),
        library: None,
        raw: None,
        facts: ClipFacts {
            made_at_bpm: None,
            negative: None,
            edited: None,
            prompt: "drums".into(),
            model: "starter".into(),
            model_sha256: "00".into(),
            rights: "yours".into(),
            seed: u64::MAX,
            sampling: Sampling::default(),
            precision: Precision::Q8,
            length: Length::Bars {
                bars: 2,
                beats_per_bar: 4,
                tempo_bpm: 97.5,
            },
            key: Some("A minor".into()),
            fitted: None,
            steps: 1,
            generate_seconds: 0.5,
            version: "0.1.0".into(),
        },
    })
}

#[test]
fn a_project_comes_back_whole() {
    let first = BarlineParams::default();
    let project = Project {
        prompt: "dusty \"lo-fi\"\ndrums ♪".into(),
        genre: Some("house".into()),
        mood: Some("dark".into()),
        instruments: vec!["bass".into(), "drums".into()],
        key: Some("F# minor".into()),
        beats_per_bar: 3,
        tempo_bpm: 97.5,
        seed: u64::MAX,
        seed_locked: true,
        model: ModelSource::Folder("/models/small".into()),
        model_id: Some("facebook/musicgen-small".into()),
        energy: Some("calm".into()),
        negative: "vocals".into(),
        takes: 3,
        selected: 7,
        carry_mib: 5,
        slots: std::array::from_fn(|slot| SlotSettings {
            gain_db: -(slot as f32),
            end_beats: Some(3.5),
            ..SlotSettings::default()
        }),
    };
    first.project.update(|p| *p = project.clone());
    first.project.keep_clip(2, Some(saved_clip()));
    first.project.keep_generating(true);
    let field = first.serialize_fields().remove(FIELD).unwrap();

    let second = BarlineParams::default();
    let (state, heard) = load(&second, &field);
    assert_eq!(second.project.read().1, project);
    assert_eq!(second.serialize_fields().remove(FIELD).unwrap(), field);
    assert_eq!(
        heard,
        [Loaded {
            clips: in_slot(2),
            generate: true,
            refused: None
        }]
    );
    assert_eq!(state.params.into_keys().collect::<Vec<_>>(), ["bars"]);
}

#[test]
fn what_is_left_out_is_the_default() {
    let params = BarlineParams::default();
    let (_, heard) = load(
        &params,
        r#"{"version": 1, "prompt": "drums", "generate": true}"#,
    );
    let expected = Project {
        prompt: "drums".into(),
        ..Project::default()
    };
    assert_eq!(params.project.read().1, expected);
    assert_eq!(
        heard,
        [Loaded {
            clips: Clips::default(),
            generate: true,
            refused: None
        }]
    );
}

#[test]
fn corrupt_and_newer_states_keep_the_defaults_and_say_so() {
    let words = [
        ("", "cannot be read"),
        ("{", "cannot be read"),
        ("null", "no version"),
        ("[1, 2]", "no version"),
        (r#"{"prompt": "drums"}"#, "no version"),
        (r#"{"version": 1, "tempo_bpm": "fast"}"#, "invalid type"),
        (r#"{"version": 1, "tempo_bpm": 0.0}"#, "a tempo of 0"),
        (r#"{"version": 1, "beats_per_bar": 0}"#, "0 beats"),
        (r#"{"version": 1, "seed": -1}"#, "cannot be read"),
        (r#"{"version": 1, "key": "H dur"}"#, "is not a key"),
        (r#"{"version": 1, "clip": {"flac": 3}}"#, "cannot be read"),
        (
            r#"{"version": 3, "clips": [null,null,null,null,null,null,null,null,null]}"#,
            "9 clips",
        ),
        (r#"{"version": 3, "takes": 0}"#, "0 takes"),
        (r#"{"version": 3, "selected": 8}"#, "slot 8"),
        (r#"{"version": 3, "slots": [{"pan": 2}]}"#, "cannot be read"),
        (r#"{"version": 4, "prompt": "drums"}"#, "newer Barline"),
        (r#"{"version": 18446744073709551615}"#, "newer Barline"),
    ];
    for (field, words) in words {
        let params = BarlineParams::default();
        let (state, heard) = load(&params, field);
        assert_eq!(params.project.read().1, Project::default(), "{field}");
        assert!(state.params.is_empty(), "{field}");
        let [
            Loaded {
                generate: false,
                refused: Some(why),
                ..
            },
        ] = &heard[..]
        else {
            panic!("{field}: {heard:?}");
        };
        assert!(why.contains(words), "{field}: {why}");
    }
}

#[test]
fn the_panel_does_not_undo_a_load() {
    let params = BarlineParams::default();
    let (revision, mut stale) = params.project.read();
    stale.prompt = "typed".into();
    let _ = load(&params, r#"{"version": 1, "prompt": "loaded"}"#);
    params.project.edit(revision, stale);
    assert_eq!(params.project.read().1.prompt, "loaded");
}

#[test]
fn what_is_over_the_limit_stays_behind_with_its_recipe() {
    let params = BarlineParams::default();
    let long = |letters: usize| {
        Arc::new(SavedClip {
            flac: Some("A".repeat(letters)),
            library: Some("ab".into()),
            ..(*saved_clip()).clone()
        })
    };
    params.project.update(|project| project.carry_mib = 1);
    for (slot, letters) in [(0, 600 << 10), (1, 600 << 10), (4, 300 << 10)] {
        params.project.keep_clip(slot, Some(long(letters)));
    }
    let field = params.serialize_fields().remove(FIELD).unwrap();
    let (_, heard) = load(&BarlineParams::default(), &field);
    let clips = &heard[0].clips;
    let flac = |slot: usize| clips[slot].as_ref().unwrap().flac.as_ref().map(String::len);
    assert_eq!(
        [flac(0), flac(1), flac(4)],
        [Some(600 << 10), None, Some(300 << 10)]
    );
    let behind = clips[1].as_ref().unwrap();
    assert_eq!(
        (&behind.library, behind.facts.seed),
        (&Some("ab".into()), u64::MAX)
    );
}

#[test]
fn the_one_clip_of_older_versions_is_the_first_slots() {
    for version in [1, 2] {
        let clip = serde_json::to_string(&*saved_clip()).unwrap();
        let field = format!(r#"{{"version": {version}, "clip": {clip}}}"#);
        let (_, heard) = load(&BarlineParams::default(), &field);
        assert_eq!(heard[0].clips, in_slot(0));
        let without = format!(r#"{{"version": {version}, "clip": null}}"#);
        let (_, heard) = load(&BarlineParams::default(), &without);
        assert_eq!(heard[0].clips, Clips::default());
    }
}
