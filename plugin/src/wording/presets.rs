//! Presets: prompts that make good loops, with the picks that go with them.
//!
//! Panel; pure data.

mod rhythm;
mod tunes;

use self::rhythm::{BASS, DRUMS};
use self::tunes::{FULL, KEYS, MELODY, TEXTURES};
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
