//! An index that is damaged, lost or from the future; and disks that lie.

use std::fs;
use std::path::Path;

use barline_library::{Library, LibraryError, Notice, Query};
use tempfile::tempdir;

use crate::rig::{add, check_whole, files, open};

/// A library of 40 takes in which one has the user's words, closed.
fn filled(folder: &Path) {
    let mut library = open(folder);
    for seed in 0..40 {
        let id = add(&mut library, seed, "a prompt to find");
        if seed == 7 {
            library.rename(id, "Seven").expect("renamed");
            library.set_favourite(id, true).expect("marked");
            library.set_tags(id, &["lucky".into()]).expect("tagged");
        }
    }
}

/// All 40 takes are there, and what the user said of one of them.
fn check_filled(library: &Library) {
    assert_eq!(library.count().expect("a number"), 40);
    let query = Query {
        text: "seven prompt".into(),
        tags: vec!["lucky".into()],
        favourites_only: true,
        ..Query::default()
    };
    assert_eq!(library.search(&query).expect("a page").total, 1);
}

fn check_rebuilt(folder: &Path) {
    let library = open(folder);
    let [Notice::Rebuilt { aside, takes: 40 }] = library.notices() else {
        panic!("{:?}", library.notices());
    };
    assert!(aside.is_file());
    check_filled(&library);
    drop(library);
    assert!(open(folder).notices().is_empty(), "told once");
    check_whole(folder);
}

#[test]
fn a_damaged_index_is_moved_aside_and_made_again() {
    let damages: [fn(&mut Vec<u8>); 4] = [
        |bytes| bytes.fill(b'x'),
        |bytes| bytes[..16].fill(0),
        |bytes| bytes[4096..].fill(0x55),
        |bytes| bytes.truncate(bytes.len() / 2),
    ];
    for damage in damages {
        let folder = tempdir().expect("a folder");
        filled(folder.path());
        let index = folder.path().join("library.sqlite");
        let mut bytes = fs::read(&index).expect("an index");
        damage(&mut bytes);
        fs::write(&index, &bytes).expect("written");
        check_rebuilt(folder.path());
    }
}

#[test]
fn an_index_that_is_lost_is_made_again() {
    let folder = tempdir().expect("a folder");
    filled(folder.path());
    fs::remove_file(folder.path().join("library.sqlite")).expect("an index");
    let library = open(folder.path());
    assert_eq!(library.notices(), [Notice::Found { takes: 40 }]);
    check_filled(&library);
}

#[test]
fn damage_found_in_use_is_repaired_by_opening_again_alone() {
    let folder = tempdir().expect("a folder");
    filled(folder.path());
    let one = open(folder.path());
    let two = open(folder.path());
    let index = folder.path().join("library.sqlite");
    let bytes = fs::read(&index).expect("an index");
    // In place, as a broken disk would do it.
    let mut file = fs::OpenOptions::new()
        .write(true)
        .open(&index)
        .expect("an index");
    std::io::Write::write_all(&mut file, &vec![0xaa; bytes.len()]).expect("written");
    let error = one.search(&Query::default()).expect_err("damage");
    assert!(matches!(error, LibraryError::Damaged { .. }), "{error}");
    drop(one);
    let error = Library::open(folder.path()).expect_err("in use");
    assert!(matches!(error, LibraryError::InUse { .. }), "{error}");
    drop(two);
    check_rebuilt(folder.path());
}

#[test]
fn an_index_of_the_future_is_left_alone() {
    let folder = tempdir().expect("a folder");
    filled(folder.path());
    let index = folder.path().join("library.sqlite");
    let db = rusqlite::Connection::open(&index).expect("an index");
    db.pragma_update(None, "user_version", 1000)
        .expect("a number");
    drop(db);
    let all = |folder: &Path| -> Vec<_> {
        let mut files = files(folder, "");
        files.sort();
        files
            .into_iter()
            .map(|path| (fs::read(&path).expect("a file"), path))
            .collect()
    };
    let before = all(folder.path());
    let error = Library::open(folder.path()).expect_err("from the future");
    assert!(
        matches!(error, LibraryError::Newer { found: 1000, .. }),
        "{error}"
    );
    assert!(error.to_string().contains("update Barline"), "{error}");
    assert!(before == all(folder.path()), "files were touched");
}

#[test]
fn a_file_that_lost_its_end_is_healed_by_keeping_the_take_again() {
    let folder = tempdir().expect("a folder");
    let mut library = open(folder.path());
    let id = add(&mut library, 1, "x");
    let path = library.path(id).expect("a path");
    let whole = fs::read(&path).expect("a file");
    fs::write(&path, &whole[..50]).expect("cut");
    let added = library.add(&whole, &crate::rig::facts("y")).expect("kept");
    assert!(!added.is_new);
    assert_eq!(fs::read(&path).expect("a file"), whole);
    assert_eq!(
        library
            .get(id)
            .expect("an answer")
            .expect("a take")
            .facts
            .prompt,
        "x"
    );
}

#[test]
fn a_sidecar_that_is_damaged_costs_the_words_and_not_the_take() {
    let folder = tempdir().expect("a folder");
    filled(folder.path());
    for sidecar in files(folder.path(), ".json").iter().take(3) {
        fs::write(sidecar, "{\"form\":").expect("written");
    }
    fs::remove_file(folder.path().join("library.sqlite")).expect("an index");
    assert_eq!(open(folder.path()).count().expect("a number"), 40);
    check_whole(folder.path());
}
