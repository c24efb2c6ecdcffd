//! The loader on what no Barline saved: it never panics, takes no memory that the bytes do not ask
//! for, and either loads a state or says why and leaves the defaults.
//!
//! A finding is printed, shrunk, with the seed that makes it again (proptest's own words).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{FileFailurePersistence, RngSeed};

use super::releases::states;
use super::*;
use crate::recall::{self, RecallError};

/// The same cases each day; others with `PROPTEST_RNG_SEED`.
fn cases(count: u32) -> ProptestConfig {
    let config = ProptestConfig::with_cases(count);
    ProptestConfig {
        failure_persistence: Some(Box::new(FileFailurePersistence::Off)),
        rng_seed: match config.rng_seed {
            RngSeed::Random => RngSeed::Fixed(1),
            fixed => fixed,
        },
        ..config
    }
}

/// Loads bytes as nice-plug does; what was loaded, or nothing where they are no state at all.
fn swallow(bytes: &[u8]) -> Option<Loaded> {
    let mut state: PluginState = serde_json::from_slice(bytes).ok()?;
    let params = BarlineParams::default();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let ear = heard.clone();
    params
        .project
        .on_load(move |loaded| ear.lock().unwrap().push(loaded));
    filter(&mut state);
    params.deserialize_fields(&state.fields);
    let heard = heard.lock().unwrap().pop();
    let Some(loaded) = heard else {
        // Without the field nothing is loaded.
        assert_eq!(params.project.read().1, Project::default());
        return None;
    };
    if loaded.refused.is_some() {
        assert_eq!(params.project.read().1, Project::default());
        assert!(state.params.is_empty(), "parameters of a refused state");
        assert_eq!((&loaded.clips, loaded.generate), (&Clips::default(), false));
    } else {
        // What was taken can be saved, and is taken again.
        let field = params.serialize_fields().remove(FIELD).unwrap();
        let again = load(&BarlineParams::default(), &field).1.pop().unwrap();
        assert_eq!(again.refused, None);
    }
    Some(loaded)
}

/// Unpacks what was loaded, as the session does.
fn unpack_all(loaded: &Loaded) {
    for clip in loaded.clips.iter().flatten() {
        let Ok(recalled) = recall::unpack(clip) else {
            continue;
        };
        let sides = recalled.channels.len();
        assert!((1..=2).contains(&sides), "{sides} channels");
        for channel in recalled
            .channels
            .iter()
            .chain(recalled.raw.iter().flatten())
        {
            assert!(
                channel.iter().all(|sample| sample.is_finite()),
                "not a number"
            );
        }
    }
}

/// The values of a JSON text, by the way to each.
fn paths(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                paths(value, &format!("{at}/{key}"), found);
            }
        }
        Value::Array(list) => {
            for (index, value) in list.iter().enumerate() {
                paths(value, &format!("{at}/{index}"), found);
            }
        }
        _ => {}
    }
}

/// What may stand where something else did.
fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop_oneof![Just(1e308), Just(-1e-308), Just(4e9), Just(-0.0)].prop_map(Value::from),
        ".{0,40}".prop_map(Value::from),
        // A text without end.
        (1usize..200_000).prop_map(|letters| Value::from("A".repeat(letters))),
        // Deeper than a parser should follow.
        (1usize..100).prop_map(|depth| (0..depth).fold(json!(0), |inner, _| json!([inner]))),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..12).prop_map(Value::from),
            proptest::collection::btree_map("[a-z_]{1,9}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// A state with one value of its project exchanged.
fn exchanged(which: Index, at: Index, value: Value) -> Vec<u8> {
    let states = states();
    let (_, mut state) = which.get(&states).clone();
    let mut project: Value = serde_json::from_str(&state.fields[FIELD]).unwrap();
    let mut all = Vec::new();
    paths(&project, "", &mut all);
    let path = &all[at.index(all.len())];
    *project.pointer_mut(path).unwrap() = value;
    state.fields.insert(FIELD.to_owned(), project.to_string());
    serde_json::to_vec(&state).unwrap()
}

/// A clip of a real state, with its FLAC as bytes.
fn real_clip() -> (SavedClip, Vec<u8>) {
    let (_, state) = states().remove(0);
    let project: Value = serde_json::from_str(&state.fields[FIELD]).unwrap();
    let clip: SavedClip = serde_json::from_value(project["clip"].clone()).unwrap();
    let flac = STANDARD.decode(clip.flac.as_ref().unwrap()).unwrap();
    (clip, flac)
}

/// Other bytes at some places, from the head of the file more often than from the rest.
fn damage(bytes: &mut [u8], places: &[(Index, u8, bool)]) {
    for (place, byte, head) in places {
        let len = if *head {
            64.min(bytes.len())
        } else {
            bytes.len()
        };
        if len > 0 {
            bytes[place.index(len)] = *byte;
        }
    }
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn bytes_of_no_kind_are_no_state(bytes in vec(any::<u8>(), 0..2_000)) {
        prop_assert_eq!(swallow(&bytes), None);
    }

    #[test]
    fn a_field_of_no_kind_is_refused(field in ".{0,200}") {
        let (state, heard) = load(&BarlineParams::default(), &field);
        prop_assert!(state.params.is_empty());
        prop_assert!(heard[0].refused.is_some());
    }

    #[test]
    fn any_value_in_place_of_another_is_survived(
        (which, at, value) in (any::<Index>(), any::<Index>(), any_value()),
    ) {
        if let Some(loaded) = swallow(&exchanged(which, at, value)) {
            unpack_all(&loaded);
        }
    }
}

proptest! {
    #![proptest_config(cases(64))]

    #[test]
    fn a_damaged_state_is_survived(
        which in any::<Index>(),
        places in vec((any::<Index>(), any::<u8>(), any::<bool>()), 0..6),
        keep in any::<Index>(),
        cut in any::<bool>(),
    ) {
        let states = states();
        let (_, state) = which.get(&states);
        let mut bytes = serde_json::to_vec(state).unwrap();
        damage(&mut bytes, &places);
        if cut {
            bytes.truncate(keep.index(bytes.len()));
        }
        if let Some(loaded) = swallow(&bytes) {
            unpack_all(&loaded);
        }
    }

    #[test]
    fn a_damaged_flac_is_no_clip_or_a_clip(
        places in vec((any::<Index>(), any::<u8>(), any::<bool>()), 1..6),
        keep in any::<Index>(),
        cut in any::<bool>(),
    ) {
        let (clip, mut flac) = real_clip();
        damage(&mut flac, &places);
        if cut {
            flac.truncate(keep.index(flac.len()));
        }
        let damaged = SavedClip { flac: Some(STANDARD.encode(&flac)), ..clip };
        let found = recall::unpack(&damaged);
        prop_assert!(
            matches!(found, Ok(_) | Err(RecallError::Decode(_))),
            "{:?}",
            found.err()
        );
    }
}

/// Little text that says it is a lot: neither its own numbers nor what it unpacks to are believed.
#[test]
fn absurd_sizes_take_no_memory() {
    let (clip, flac) = real_clip();
    // The length in the stream's head: 36 bits, of which the last four bytes are whole.
    let mut endless = flac.clone();
    endless[21] |= 0x0f;
    endless[22..26].fill(0xff);
    // And just below the limit, with nothing behind it.
    let mut long = flac.clone();
    long[22..26].copy_from_slice(&50_000_000u32.to_be_bytes());
    // A block of metadata of 16 MB in a file of 0.1 MB.
    let mut block = flac;
    block[5..8].fill(0xff);
    let before = peak_kib();
    for bytes in [endless, long, block] {
        let absurd = SavedClip {
            flac: Some(STANDARD.encode(&bytes)),
            ..clip.clone()
        };
        let found = recall::unpack(&absurd);
        assert!(matches!(found, Err(RecallError::Decode(_))), "{found:?}");
    }
    let taken = peak_kib() - before;
    assert!(taken < 150 << 10, "{taken} KiB for 0.1 MB");
}

/// The most memory that this process has had; 0 where nobody counts.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok())
        .unwrap_or(0)
}
