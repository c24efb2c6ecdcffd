//! Where a hand finds things that has only the screen: `tests/validate/places.json`, by which the scripts
//! in `tests/validate` use the panel in real hosts.
//!
//! Test threads. With `BARLINE_PICTURES=write` in the environment the file is written anew.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use egui::Pos2;

use super::super::SIZE;
use super::rig::Rig;
use super::samples;
use crate::view::SLOT_COUNT;

/// Fonts are set a little differently from one processor to another.
const NEAR: f32 = 2.0;

/// Middles of what can be pressed, in points, in the window as it first opens.
fn drawn() -> BTreeMap<String, [f32; 2]> {
    let mut rig = Rig::new(SIZE);
    // Hosts give tempo and meter.
    rig.live.set_host(false, Some(120.0), Some(4.0));
    rig.settle();
    let mut places = BTreeMap::new();
    let mut put = |name: &str, place: Pos2| {
        places.insert(name.to_owned(), [place.x.round(), place.y.round()]);
    };
    put("size", Pos2::new(SIZE.0, SIZE.1));
    for (name, text) in [
        ("prompt", "Describe a loop"),
        ("generate", "Generate"),
        ("presets", "Presets"),
        ("audition", "Audition"),
        ("tab takes", "Takes"),
        ("tab library", "Library"),
        ("tab models", "Models"),
        ("waveform", "Your loop appears here"),
    ] {
        put(name, rig.find(text));
    }
    // Bars come before takes.
    let eights = rig.exactly("8");
    put("8 bars", eights[0]);
    let fours = rig.exactly("4");
    put("4 bars", fours[0]);
    put("4 takes", fours[1]);
    put("1 take", rig.exactly("1")[1]);
    for slot in 0..SLOT_COUNT {
        put(&format!("pad {}", slot + 1), rig.pad(slot));
        put(&format!("name {}", slot + 1), rig.pad_name(slot));
    }
    let library = rig.find("Library");
    rig.click(library);
    rig.settle();
    put("search", rig.find("Search words"));
    put("library empty", rig.find("Nothing here yet"));
    let models = rig.find("Models");
    rig.click(models);
    rig.snapshot.shelf = samples::shelf();
    rig.settle();
    // A card's height is that of its text: these are found from left to right only.
    put("pause fetch", rig.find("Pause"));
    put("cancel fetch", rig.find("Cancel"));
    put("fetch model", rig.find("Fetch…"));
    places
}

#[test]
fn hands_find_things_where_the_scripts_look_for_them() {
    let drawn = drawn();
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/validate/places.json");
    if std::env::var("BARLINE_PICTURES").is_ok_and(|value| value == "write") {
        let text = serde_json::to_string_pretty(&drawn).expect("JSON");
        fs::write(&file, text + "\n").expect("tests/validate can be written");
        return;
    }
    let text = fs::read_to_string(&file).expect("the file is there");
    let kept: BTreeMap<String, [f32; 2]> = serde_json::from_str(&text).expect("places");
    assert!(
        kept.keys().eq(drawn.keys()),
        "other names: write the file anew with BARLINE_PICTURES=write"
    );
    for (name, place) in &drawn {
        let far = (0..2).any(|axis| (place[axis] - kept[name][axis]).abs() > NEAR);
        assert!(
            !far,
            "{name} is at {place:?}, not at {:?}: write the file anew with BARLINE_PICTURES=write",
            kept[name]
        );
    }
}
