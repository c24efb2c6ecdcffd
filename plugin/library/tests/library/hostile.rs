//! Files that mean harm: mutated, cut, grown. Each gives sound or one message, in little memory
//! and little time; the process that reads them is held to 1 GiB by the system.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use barline_library::import;
use tempfile::tempdir;

use crate::child::{command, said};
use crate::import::{aiff, flac, float_wav, ogg, sound, sweep};

/// What a child does: reads all files of a folder.
pub(crate) fn import(folder: &Path) {
    let (mut sounds, mut refusals) = (0, 0);
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        eprintln!("reading {}", path.display());
        let start = Instant::now();
        match import::read(&path) {
            Ok(sound) => {
                let mut samples = sound.channels.iter().flatten();
                assert!(samples.all(|sample| sample.is_finite()));
                assert!((1..=2).contains(&sound.channels.len()));
                sounds += 1;
            }
            Err(error) => {
                assert_eq!(error.to_string().lines().count(), 1, "{error}");
                refusals += 1;
            }
        }
        let took = start.elapsed();
        assert!(
            took < Duration::from_secs(5),
            "{took:?} for {}",
            path.display()
        );
    }
    println!("\n> {sounds} sounds, {refusals} refusals");
}

/// Changes a file: a few bytes, mostly of its head, a length made huge, a piece cut or doubled.
fn mutate(bytes: &mut Vec<u8>, mut random: impl FnMut(usize) -> usize) {
    for _ in 0..=random(4) {
        let within = if random(4) == 0 {
            bytes.len()
        } else {
            bytes.len().min(300)
        };
        let at = random(within.max(1)).min(bytes.len().saturating_sub(4));
        match random(6) {
            0 => bytes.truncate(at.max(1)),
            1 => bytes[at..at + 4].copy_from_slice(&[0xff; 4]),
            2 => bytes[at..at + 4].copy_from_slice(&[0x7f, 0xff, 0xff, 0xf0]),
            3 => bytes[at..at + 4].fill(0),
            4 => {
                let piece = bytes[at..].to_vec();
                bytes.extend(piece);
            }
            _ => bytes[at] = random(256) as u8,
        }
        if bytes.len() < 8 {
            bytes.resize(8, 0);
        }
    }
}

fn check(each: u64, seed: u64) {
    let sweep = sweep();
    let stereo = [sweep.clone(), sweep.clone()];
    let read = |name: &str| fs::read(sound(name)).expect("a sound");
    let whole = [
        ("wav", float_wav(&stereo)),
        ("flac", flac(&sweep)),
        ("aiff", aiff(&sweep)),
        ("ogg", ogg(&sweep)),
        ("mp3", read("sweep.mp3")),
        ("m4a", read("sweep.m4a")),
    ];
    let folder = tempdir().expect("a folder");
    let mut state = seed;
    let mut random = |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 33) as usize % below
    };
    for (ending, bytes) in whole {
        for number in 0..each {
            let mut bytes = bytes.clone();
            mutate(&mut bytes, &mut random);
            fs::write(folder.path().join(format!("{number}.{ending}")), bytes).expect("a file");
        }
    }
    let child = command("import", folder.path(), 0);
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", "ulimit -v 1048576 && exec \"$@\"", "sh"]);
    shell.arg(child.get_program()).args(child.get_args());
    for (name, value) in child.get_envs() {
        shell.env(name, value.unwrap_or_default());
    }
    let output = shell.output().expect("a process");
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    let panics = errors.matches("panicked at").count();
    eprintln!(
        "seed {seed}: {:?}, {panics} decoders stopped",
        said(&text).last()
    );
    if !output.status.success() {
        let kept = folder.keep();
        panic!(
            "seed {seed}, files in {}:\n{text}\n{errors}",
            kept.display()
        );
    }
}

#[cfg(unix)]
#[test]
fn mutated_files_do_no_harm() {
    check(60, 1);
}

#[cfg(unix)]
#[test]
#[ignore = "takes minutes"]
fn many_mutated_files_do_no_harm() {
    for seed in 2..12 {
        check(1500, seed);
    }
}
