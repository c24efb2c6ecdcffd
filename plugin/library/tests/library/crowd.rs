//! Several instances and processes at once.

use std::process::Stdio;

use barline_library::{Order, Query, TakeId};
use tempfile::tempdir;

use crate::child::{command, said};
use crate::rig::{add, check_whole, open, wav};

/// Processes of the crowd, each with 30 turns.
const PROCESSES: u64 = 5;

#[test]
fn a_crowd_loses_nothing_and_keeps_everything_once() {
    let folder = tempdir().expect("a folder");
    // All of them find no library at all, at the same time.
    let children: Vec<_> = (0..PROCESSES)
        .map(|number| {
            command("crowd", folder.path(), number)
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .expect("a process")
        })
        .collect();
    for child in children {
        let output = child.wait_with_output().expect("its output");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{text}\n{errors}");
        assert_eq!(said(&text).collect::<Vec<_>>(), ["done"]);
    }
    let library = open(folder.path());
    // 30 of all, and of each process the two thirds of its own that it did not delete.
    assert_eq!(library.count().expect("a number"), 30 + PROCESSES * 20);
    for number in 0..PROCESSES {
        for turn in 0..30 {
            let id = TakeId::of(&wav(1000 + number * 100 + turn, 500));
            let take = library.get(id).expect("an answer");
            assert_eq!(take.is_some(), turn % 3 != 0);
            if let Some(take) = take {
                assert_eq!(take.facts.name, format!("by {number} in turn {turn}"));
            }
        }
    }
    drop(library);
    check_whole(folder.path());
}

#[test]
fn one_instance_sees_what_another_does() {
    let folder = tempdir().expect("a folder");
    let mut one = open(folder.path());
    let mut two = open(folder.path());
    assert!(!one.changed().expect("an answer"));
    let id = add(&mut two, 1, "rain on a tin roof");
    assert!(one.changed().expect("an answer"));
    assert!(!one.changed().expect("an answer"), "told once");
    assert!(!two.changed().expect("an answer"), "its own doing");
    assert!(one.get(id).expect("an answer").is_some());
    two.rename(id, "Roof").expect("renamed");
    let query = Query {
        text: "roof".into(),
        order: Order::Name,
        ..Query::default()
    };
    assert_eq!(
        one.search(&query).expect("a page").takes[0].facts.name,
        "Roof"
    );
}

#[test]
fn threads_have_one_library_each() {
    let folder = tempdir().expect("a folder");
    let library = open(folder.path());
    std::thread::scope(|scope| {
        for number in 0..4 {
            let folder = folder.path();
            scope.spawn(move || {
                let mut library = open(folder);
                for turn in 0..10 {
                    add(&mut library, number * 10 + turn, "from a thread");
                }
            });
        }
        // A library moves to another thread.
        scope.spawn(move || assert!(library.count().is_ok()));
    });
    assert_eq!(open(folder.path()).count().expect("a number"), 40);
}
