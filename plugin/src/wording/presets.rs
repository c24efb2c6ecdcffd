//! Presets: prompts that make good loops, with the picks that go with them.
//!
//! Panel; pure data.

use crate::state::Project;

/// A prompt with its picks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Preset {
    /// The list it stands in.
    pub group: &'static str,
    /// Its name.
    pub name: &'static str,
    /// The words.
    pub prompt: &'static str,
    /// One of [`super::GENRES`], or none.
    pub genre: &'static str,
    /// One of [`super::MOODS`], or none.
    pub mood: &'static str,
    /// One of [`super::ENERGIES`], or none.
    pub energy: &'static str,
    /// Of [`super::INSTRUMENTS`] and [`super::NO_DRUMS`].
    pub instruments: &'static [&'static str],
    /// What is kept out.
    pub negative: &'static str,
    /// Length in bars.
    pub bars: i32,
}

impl Preset {
    /// Puts words and picks in place. Key, tempo, seed and model stay as they are.
    pub fn apply(&self, project: &mut Project) {
        let some = |word: &str| (!word.is_empty()).then(|| word.to_owned());
        self.prompt.clone_into(&mut project.prompt);
        project.genre = some(self.genre);
        project.mood = some(self.mood);
        project.energy = some(self.energy);
        project.instruments = self.instruments.iter().map(|&name| name.into()).collect();
        self.negative.clone_into(&mut project.negative);
    }
}

type Row = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static [&'static str],
    &'static str,
    i32,
);

const fn group<const N: usize>(group: &'static str, rows: [Row; N]) -> [Preset; N] {
    let mut presets = [Preset {
        group,
        name: "",
        prompt: "",
        genre: "",
        mood: "",
        energy: "",
        instruments: &[],
        negative: "",
        bars: 4,
    }; N];
    let mut at = 0;
    while at < N {
        let (name, prompt, genre, mood, energy, instruments, negative, bars) = rows[at];
        presets[at] = Preset {
            group,
            name,
            prompt,
            genre,
            mood,
            energy,
            instruments,
            negative,
            bars,
        };
        at += 1;
    }
    presets
}

const DRUMS: [Preset; 8] = group(
    "Drums",
    [
        (
            "Dusty boom bap",
            "swung kick and snare, vinyl crackle, loose hi-hats",
            "boom bap",
            "dusty",
            "steady",
            &["drums"],
            "melody, vocals",
            4,
        ),
        (
            "Amen chop",
            "chopped amen break, fast ghost notes, crisp snare",
            "drum and bass",
            "driving",
            "intense",
            &["drums"],
            "melody, vocals",
            2,
        ),
        (
            "Four on the floor",
            "deep kick on every beat, open hats off the beat, clap on two and four",
            "house",
            "groovy",
            "steady",
            &["drums"],
            "melody, vocals",
            2,
        ),
        (
            "Warehouse kick",
            "distorted rumbling kick, metallic hats, long reverb",
            "techno",
            "dark",
            "busy",
            &["drums"],
            "melody, vocals",
            2,
        ),
        (
            "Trap hats",
            "808 kick, rolling triplet hi-hats, hard snare",
            "trap",
            "heavy",
            "busy",
            &["drums"],
            "melody, vocals",
            2,
        ),
        (
            "Live funk kit",
            "tight acoustic drum kit, ghosted snare, sixteenth hats",
            "funk",
            "groovy",
            "lively",
            &["drums"],
            "melody, vocals",
            4,
        ),
        (
            "Brushed kit",
            "soft brushes on a snare, ride cymbal, room sound",
            "lo-fi",
            "mellow",
            "calm",
            &["drums"],
            "melody, vocals",
            4,
        ),
        (
            "Dembow",
            "dembow rhythm, dry snare, bright percussion",
            "reggaeton",
            "punchy",
            "lively",
            &["drums"],
            "melody, vocals",
            2,
        ),
    ],
);

const BASS: [Preset; 6] = group(
    "Bass",
    [
        (
            "Sub pressure",
            "deep sine sub bass, long notes, slight saturation",
            "dubstep",
            "dark",
            "calm",
            &["bass", "no drums"],
            "drums, vocals",
            4,
        ),
        (
            "Acid line",
            "squelching resonant acid bass line, sliding notes",
            "techno",
            "driving",
            "busy",
            &["bass", "no drums"],
            "drums, vocals",
            2,
        ),
        (
            "Slap bass",
            "slapped electric bass, syncopated, dry",
            "funk",
            "groovy",
            "lively",
            &["bass", "no drums"],
            "drums, vocals",
            4,
        ),
        (
            "Rolling reese",
            "detuned reese bass, slow filter sweep",
            "drum and bass",
            "gritty",
            "busy",
            &["bass", "no drums"],
            "drums, vocals",
            4,
        ),
        (
            "Disco octaves",
            "electric bass in octaves, tight and round",
            "disco",
            "bright",
            "lively",
            &["bass", "no drums"],
            "drums, vocals",
            2,
        ),
        (
            "808 glide",
            "long 808 bass notes that glide",
            "trap",
            "heavy",
            "sparse",
            &["bass", "no drums"],
            "drums, vocals",
            4,
        ),
    ],
);

const KEYS: [Preset; 7] = group(
    "Chords and keys",
    [
        (
            "Rhodes at night",
            "electric piano chords with slow tremolo, jazz voicings",
            "lo-fi",
            "warm",
            "calm",
            &["chords", "no drums"],
            "drums, vocals",
            4,
        ),
        (
            "House stabs",
            "short minor organ chord stabs off the beat",
            "deep house",
            "groovy",
            "lively",
            &["chords", "no drums"],
            "drums, vocals",
            2,
        ),
        (
            "Felt piano",
            "intimate felt piano, slow broken chords, close microphones",
            "ambient",
            "melancholic",
            "sparse",
            &["piano", "no drums"],
            "drums, vocals",
            8,
        ),
        (
            "Supersaw lift",
            "wide supersaw chords, side-chained, uplifting progression",
            "trance",
            "uplifting",
            "intense",
            &["chords", "no drums"],
            "drums, vocals",
            8,
        ),
        (
            "Gospel organ",
            "drawbar organ, rich gospel chords, rotating speaker",
            "r&b",
            "warm",
            "steady",
            &["chords", "no drums"],
            "drums, vocals",
            4,
        ),
        (
            "Dub chords",
            "minor dub techno chord, tape delay trails",
            "techno",
            "atmospheric",
            "sparse",
            &["chords", "no drums"],
            "drums, vocals",
            4,
        ),
        (
            "Juno pop",
            "analog synth chords, chorus, eighties colours",
            "synthwave",
            "vintage",
            "steady",
            &["chords", "no drums"],
            "drums, vocals",
            4,
        ),
    ],
);

const MELODY: [Preset; 7] = group(
    "Melody",
    [
        (
            "Nylon loop",
            "fingerpicked nylon guitar, short melody, room noise",
            "hip hop",
            "mellow",
            "calm",
            &["guitar", "no drums"],
            "drums, vocals",
            4,
        ),
        (
            "Music box",
            "music box melody, slightly out of tune, tape wobble",
            "lo-fi",
            "dreamy",
            "sparse",
            &["bell", "no drums"],
            "drums, vocals",
            4,
        ),
        (
            "Neon lead",
            "bright analog lead melody with portamento",
            "synthwave",
            "driving",
            "lively",
            &["lead", "no drums"],
            "drums, vocals",
            4,
        ),
        (
            "Plucked arp",
            "plucked sixteenth arpeggio, ping-pong delay",
            "trance",
            "bright",
            "busy",
            &["pluck", "no drums"],
            "drums, vocals",
            4,
        ),
        (
            "Wah guitar",
            "clean wah guitar, muted sixteenth strums",
            "funk",
            "groovy",
            "lively",
            &["guitar", "no drums"],
            "drums, vocals",
            2,
        ),
        (
            "Dark bells",
            "detuned bells, minor melody, long reverb",
            "trap",
            "dark",
            "sparse",
            &["bell", "no drums"],
            "drums, vocals",
            4,
        ),
        (
            "String ostinato",
            "staccato strings, repeating figure, film score",
            "",
            "driving",
            "busy",
            &["strings", "no drums"],
            "drums, vocals",
            4,
        ),
    ],
);

const TEXTURES: [Preset; 5] = group(
    "Textures",
    [
        (
            "Slow pad",
            "evolving analog pad, soft attack, wide",
            "ambient",
            "atmospheric",
            "sparse",
            &["pad", "no drums"],
            "drums, percussion, vocals",
            8,
        ),
        (
            "Glass drone",
            "shimmering bowed glass drone, overtones",
            "ambient",
            "dreamy",
            "sparse",
            &["pad", "no drums"],
            "drums, percussion, vocals",
            8,
        ),
        (
            "Tape strings",
            "old tape strings, warm wow and flutter",
            "ambient",
            "vintage",
            "calm",
            &["strings", "no drums"],
            "drums, vocals",
            8,
        ),
        (
            "Choir haze",
            "wordless choir pad, cathedral reverb",
            "ambient",
            "atmospheric",
            "calm",
            &["pad", "no drums"],
            "drums",
            8,
        ),
        (
            "Granular piano",
            "granular piano clouds, reversed grains",
            "ambient",
            "melancholic",
            "calm",
            &["piano", "no drums"],
            "drums, vocals",
            8,
        ),
    ],
);

const FULL: [Preset; 7] = group(
    "Full loops",
    [
        (
            "Lo-fi study",
            "mellow chords, soft drums, vinyl crackle",
            "lo-fi",
            "chill",
            "calm",
            &["drums", "bass", "piano"],
            "vocals",
            4,
        ),
        (
            "Deep house groove",
            "warm chords, round bass, crisp hats",
            "deep house",
            "groovy",
            "steady",
            &["drums", "bass", "chords"],
            "vocals",
            4,
        ),
        (
            "Peak-time techno",
            "pounding kick, hypnotic synth line, noise risers",
            "techno",
            "driving",
            "intense",
            &["drums", "bass", "lead"],
            "vocals",
            4,
        ),
        (
            "Night drive",
            "gated snare, pulsing bass, wide pads",
            "synthwave",
            "moody",
            "steady",
            &["drums", "bass", "pad"],
            "vocals",
            8,
        ),
        (
            "Liquid roller",
            "rolling break, soft pads, deep bass",
            "drum and bass",
            "dreamy",
            "busy",
            &["drums", "bass", "pad"],
            "vocals",
            8,
        ),
        (
            "Disco strut",
            "live drums, octave bass, string stabs",
            "disco",
            "happy",
            "lively",
            &["drums", "bass", "strings"],
            "vocals",
            4,
        ),
        (
            "Garage rock riff",
            "overdriven guitar riff, loose live drums",
            "rock",
            "gritty",
            "intense",
            &["drums", "bass", "guitar"],
            "vocals",
            4,
        ),
    ],
);

/// All of them, group by group.
pub fn all() -> impl Iterator<Item = &'static Preset> {
    [DRUMS.as_slice(), &BASS, &KEYS, &MELODY, &TEXTURES, &FULL]
        .into_iter()
        .flatten()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::{ENERGIES, GENRES, INSTRUMENTS, MOODS, NO_DRUMS};
    use super::*;

    #[test]
    fn forty_presets_of_known_picks() {
        let names: BTreeSet<&str> = all().map(|preset| preset.name).collect();
        assert_eq!(names.len(), 40);
        for preset in all() {
            let known = |word: &str, list: &[&str]| word.is_empty() || list.contains(&word);
            assert!(known(preset.genre, &GENRES), "{}", preset.name);
            assert!(known(preset.mood, &MOODS), "{}", preset.name);
            assert!(known(preset.energy, &ENERGIES), "{}", preset.name);
            for name in preset.instruments {
                assert!(
                    INSTRUMENTS.contains(name) || *name == NO_DRUMS,
                    "{}: {name}",
                    preset.name
                );
            }
            assert!([1, 2, 4, 8].contains(&preset.bars));
            assert!(!preset.prompt.is_empty());
        }
    }

    #[test]
    fn a_preset_leaves_key_and_seed() {
        let mut project = Project {
            key: Some("A minor".into()),
            seed: 9,
            seed_locked: true,
            ..Project::default()
        };
        DRUMS[0].apply(&mut project);
        assert_eq!(project.genre.as_deref(), Some("boom bap"));
        assert_eq!(project.key.as_deref(), Some("A minor"));
        assert_eq!((project.seed, project.seed_locked), (9, true));
    }
}
