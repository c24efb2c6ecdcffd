//! How fast models are on this machine, as it was measured once and noted on disk.
//!
//! Any thread but the audio thread. One small JSON file, replaced as a whole. What was measured on
//! another processor, with other instructions or by another version counts for nothing.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::model::Size;
use crate::musicgen::packed::Isa;
use crate::worker::default_threads;

/// No model takes so many seconds a bar: what is longer was not measured.
const LONGEST_SECONDS: f64 = 86_400.0;

/// Seconds a bar of two seconds takes, by size and channels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Speeds {
    /// Where and how it was measured.
    machine: String,
    seconds_per_bar: BTreeMap<String, f64>,
}

impl Default for Speeds {
    /// Nothing measured yet on this machine.
    fn default() -> Self {
        Self {
            machine: machine(),
            seconds_per_bar: BTreeMap::new(),
        }
    }
}

impl Speeds {
    /// What is noted of this machine; a file that is missing, damaged or of another machine is
    /// empty.
    #[must_use]
    pub fn read(path: &Path) -> Self {
        let text = fs::read(path).unwrap_or_default();
        let own = Self::default();
        let mut noted = serde_json::from_slice(&text)
            .ok()
            .filter(|noted: &Self| noted.machine == own.machine)
            .unwrap_or(own);
        let measured = |seconds: &f64| *seconds > 0.0 && *seconds < LONGEST_SECONDS;
        noted.seconds_per_bar.retain(|_, seconds| measured(seconds));
        noted
    }

    /// Seconds a bar, where they were measured.
    #[must_use]
    pub fn get(&self, size: Size, channels: u8) -> Option<f64> {
        self.seconds_per_bar.get(&key(size, channels)).copied()
    }

    /// Takes in what was measured.
    pub fn set(&mut self, size: Size, channels: u8, seconds: f64) {
        self.seconds_per_bar.insert(key(size, channels), seconds);
    }

    /// Writes it down, with what others measured meanwhile.
    ///
    /// # Errors
    /// Those of the disk. Nothing is lost then but time.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let mut all = Self::read(path);
        all.seconds_per_bar.extend(self.seconds_per_bar.clone());
        let folder = path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder)?;
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        serde_json::to_writer_pretty(&mut file, &all)?;
        file.persist(path)?;
        Ok(())
    }
}

fn key(size: Size, channels: u8) -> String {
    format!("{size}/{channels}")
}

/// What decides how fast a model is.
fn machine() -> String {
    use sysinfo::{CpuRefreshKind, RefreshKind, System};
    let only = RefreshKind::nothing().with_cpu(CpuRefreshKind::nothing());
    let system = System::new_with_specifics(only);
    let brand = system.cpus().first().map_or("", |cpu| cpu.brand().trim());
    format!(
        "{brand}, {} cores, {} threads, {:?}, version {}",
        system.cpus().len(),
        default_threads(),
        Isa::best(),
        env!("CARGO_PKG_VERSION")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_measured_is_found_again_here_and_nowhere_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/speeds.json");
        assert_eq!(Speeds::read(&path), Speeds::default());
        let mut one = Speeds::default();
        one.set(Size::Small, 1, 1.5);
        one.write(&path).unwrap();
        // Another process measured another one.
        let mut other = Speeds::default();
        other.set(Size::Small, 2, 2.5);
        other.write(&path).unwrap();
        let both = Speeds::read(&path);
        assert_eq!(both.get(Size::Small, 1), Some(1.5));
        assert_eq!(both.get(Size::Small, 2), Some(2.5));
        assert_eq!(both.get(Size::Large, 1), None);

        let text = fs::read_to_string(&path).unwrap();
        let elsewhere = text.replace("\"machine\": \"", "\"machine\": \"another ");
        for damaged in [elsewhere.as_str(), "{", "[]", ""] {
            fs::write(&path, damaged).unwrap();
            assert_eq!(Speeds::read(&path), Speeds::default(), "{damaged}");
        }
        fs::write(&path, text.replace("1.5", "-1.5").replace("2.5", "1e300")).unwrap();
        assert_eq!(Speeds::read(&path), Speeds::default());
    }

    #[test]
    fn a_machine_has_a_name() {
        assert!(machine().contains("threads"), "{}", machine());
        assert_eq!(machine(), machine());
    }
}
