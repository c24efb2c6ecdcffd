//! `kill -9` at any moment: the library opens again, whole, with all that it answered for.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;
use std::time::Duration;

use barline_library::{Notice, TakeId};
use tempfile::tempdir;

use crate::child::{command, said};
use crate::rig::{check_whole, open};

/// What a child has been answered for.
#[derive(Default)]
struct Answered {
    there: BTreeSet<TakeId>,
    named: BTreeSet<TakeId>,
    gone: BTreeSet<TakeId>,
}

impl Answered {
    fn note(&mut self, line: &str) {
        let (word, id) = line.split_once(' ').expect("a word and a take");
        let id = id.parse().expect("a take");
        match word {
            "added" => {
                self.there.insert(id);
            }
            "renamed" => {
                self.named.insert(id);
            }
            // From here on it may be gone or not.
            "deleting" => {
                self.there.remove(&id);
                self.named.remove(&id);
            }
            "deleted" => {
                self.gone.insert(id);
            }
            _ => {}
        }
    }

    fn check(&self, library: &barline_library::Library) {
        for &id in &self.there {
            let take = library
                .get(id)
                .expect("an answer")
                .expect("what was answered for");
            if self.named.contains(&id) {
                assert_eq!(take.facts.name, format!("named {id}"));
            }
            let bytes = fs::read(library.path(id).expect("a path")).expect("a file");
            assert_eq!(TakeId::of(&bytes), id);
        }
        for &id in &self.gone {
            assert_eq!(library.get(id).expect("an answer"), None);
        }
    }
}

fn check(rounds: u64, seed: u64) {
    let folder = tempdir().expect("a folder");
    let mut answered = Answered::default();
    let mut state = seed;
    for round in 0..rounds {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let pause_us = (state >> 33) % 120_000;
        eprintln!("seed {seed} round {round}: killed after {pause_us} µs");
        let mut child = command("work", folder.path(), round * 100_000)
            .stdout(Stdio::piped())
            .spawn()
            .expect("a process");
        let mut output = BufReader::new(child.stdout.take().expect("its output"));
        let mut text = String::new();
        // Killed while it opens, or while it works: a slow machine has to get that far.
        let until = if round % 3 == 0 { "> added" } else { "> ready" };
        while !text.contains(until) {
            let read = output.read_line(&mut text).expect("its output");
            assert!(read > 0, "it ended by itself: {text}");
        }
        std::thread::sleep(Duration::from_micros(pause_us));
        child.kill().expect("to kill");
        child.wait().expect("dead");
        output.read_to_string(&mut text).expect("its output");
        for line in said(&text).filter(|line| *line != "ready") {
            answered.note(line);
        }
        let library = open(folder.path());
        assert!(
            !library
                .notices()
                .iter()
                .any(|notice| matches!(notice, Notice::Rebuilt { .. }))
        );
        answered.check(&library);
        drop(library);
        check_whole(folder.path());
    }
    assert!(
        answered.there.len() as u64 >= rounds / 3,
        "the children had no time"
    );
    // And all of it once more from nothing but the files.
    fs::remove_file(folder.path().join("library.sqlite")).expect("an index");
    answered.check(&open(folder.path()));
    check_whole(folder.path());
}

#[test]
fn a_library_that_is_cut_off_opens_whole() {
    check(24, 1);
}

#[test]
#[ignore = "takes minutes"]
fn a_library_that_is_cut_off_opens_whole_500_times() {
    check(500, 2);
}

#[test]
fn what_a_process_left_half_written_is_swept_when_it_is_old() {
    let folder = tempdir().expect("a folder");
    drop(open(folder.path()));
    let incoming = folder.path().join("clips/incoming");
    let part = |name: &str, minutes: u64| {
        let file = fs::File::create(incoming.join(name)).expect("a file");
        let then = std::time::SystemTime::now() - Duration::from_secs(60 * minutes);
        file.set_modified(then).expect("a time");
        file
    };
    drop(part("1-1.part", 5));
    drop(part("1-2.part", 0));
    // Old, but somebody still writes it.
    let busy = part("1-3.part", 5);
    busy.lock().expect("a lock");
    drop(open(folder.path()));
    let mut left: Vec<_> = fs::read_dir(&incoming)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    left.sort();
    assert_eq!(left, ["1-2.part", "1-3.part"]);
}
