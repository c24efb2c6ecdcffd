//! One instance: what goes in comes out, once, with its facts.

use std::fs;

use barline_library::{LibraryError, Origin, Peaks, TakeFacts, TakeId};
use tempfile::tempdir;

use crate::rig::{add, check_whole, facts, files, open, wav};

#[test]
fn a_take_is_kept_once_with_its_facts() {
    let folder = tempdir().expect("a folder");
    let mut library = open(folder.path());
    assert!(library.notices().is_empty());
    let bytes = wav(1, 3200);
    let given = TakeFacts {
        name: "  My\n loop ".into(),
        ..facts("dark techno")
    };
    let added = library.add(&bytes, &given).expect("kept");
    assert!(added.is_new);
    assert_eq!(added.id, TakeId::of(&bytes));
    let again = library.add(&bytes, &facts("something else")).expect("kept");
    assert_eq!((again.id, again.is_new), (added.id, false));

    let take = library.get(added.id).expect("an answer").expect("a take");
    assert_eq!(take.bytes, bytes.len() as u64);
    assert!(!take.facts.peaks.is_empty());
    let expect = TakeFacts {
        name: "My loop".into(),
        frames: 3200,
        rate_hz: 32_000,
        channels: 1,
        seconds: 0.1,
        peaks: take.facts.peaks.clone(),
        ..given
    };
    assert_eq!(take.facts, expect);
    assert_eq!(
        fs::read(library.path(added.id).expect("a path")).expect("a file"),
        bytes
    );
    assert_eq!(library.total_bytes().expect("a sum"), bytes.len() as u64);
    drop(library);
    let take_again = open(folder.path())
        .get(added.id)
        .expect("an answer")
        .expect("a take");
    assert_eq!(take_again, take);
    check_whole(folder.path());
}

#[test]
fn names_come_from_where_the_take_came_from() {
    let folder = tempdir().expect("a folder");
    let mut library = open(folder.path());
    let mut name = |seed, facts: &TakeFacts| {
        let id = library.add(&wav(seed, 10), facts).expect("kept").id;
        let take = library.get(id).expect("an answer").expect("a take");
        assert!(take.facts.date_unix_seconds > 1_600_000_000);
        take.facts.name
    };
    let long = facts("one two three four five six seven eight nine ten");
    assert_eq!(name(1, &long), "one two three four five six seven eight");
    let imported = TakeFacts {
        origin: Origin::Imported {
            file_name: "Amen break.flac".into(),
        },
        ..TakeFacts::default()
    };
    assert_eq!(name(2, &imported), "Amen break");
    assert_eq!(name(3, &TakeFacts::default()), "Take");
}

#[test]
fn peaks_that_are_given_stay() {
    let folder = tempdir().expect("a folder");
    let mut library = open(folder.path());
    let peaks = Peaks::of(&[vec![0.5, -0.5]]);
    let given = TakeFacts {
        peaks: peaks.clone(),
        ..facts("x")
    };
    let id = library.add(&wav(1, 100), &given).expect("kept").id;
    assert_eq!(
        library
            .get(id)
            .expect("an answer")
            .expect("a take")
            .facts
            .peaks,
        peaks
    );
}

#[test]
fn what_is_no_whole_wav_file_is_refused() {
    let folder = tempdir().expect("a folder");
    let mut library = open(folder.path());
    let whole = wav(1, 100);
    for bad in [
        &b""[..],
        b"text",
        &whole[..whole.len() - 1],
        &whole[..44],
        &whole[..20],
    ] {
        let error = library.add(bad, &facts("x")).expect_err("no WAV file");
        assert!(matches!(error, LibraryError::NotWav { .. }), "{error}");
    }
    assert_eq!(library.count().expect("a number"), 0);
    assert!(files(&folder.path().join("clips"), "").is_empty());
}

#[test]
fn the_users_words_stay() {
    let folder = tempdir().expect("a folder");
    let mut library = open(folder.path());
    let id = add(&mut library, 1, "rain");
    library
        .rename(id, "Rain \u{1f327} on\u{0} glass\t")
        .expect("renamed");
    let tags = ["Wet", "slow", " wet ", "", "\u{c4}ther"].map(String::from);
    library.set_tags(id, &tags).expect("tagged");
    library.set_favourite(id, true).expect("marked");
    library.note_used(id).expect("noted");
    assert!(matches!(
        library.rename(id, " \u{7}\n"),
        Err(LibraryError::NoName)
    ));
    let check = |library: &barline_library::Library| {
        let take = library.get(id).expect("an answer").expect("a take");
        assert_eq!(take.facts.name, "Rain \u{1f327} on glass");
        assert_eq!(take.tags, ["\u{c4}ther", "slow", "Wet"]);
        assert!(take.is_favourite);
        assert!(take.used_unix_seconds > Some(1_600_000_000));
    };
    check(&library);
    let tag = |tag: &str| (tag.to_owned(), 1);
    assert_eq!(
        library.tags().expect("tags"),
        [tag("\u{c4}ther"), tag("slow"), tag("Wet")]
    );
    drop(library);
    // The files beside the takes know it too.
    fs::remove_file(folder.path().join("library.sqlite")).expect("an index");
    check(&open(folder.path()));
}

#[test]
fn a_take_that_is_gone_is_one_message() {
    let folder = tempdir().expect("a folder");
    let mut library = open(folder.path());
    let id = TakeId::of(b"never there");
    let errors = [
        library.rename(id, "x").expect_err("gone"),
        library.set_tags(id, &[]).expect_err("gone"),
        library.set_favourite(id, true).expect_err("gone"),
        library.note_used(id).expect_err("gone"),
        library.path(id).expect_err("gone"),
    ];
    for error in errors {
        assert!(matches!(error, LibraryError::NoTake { .. }), "{error}");
    }
    let bytes = library
        .delete(&[id], barline_library::Removal::ForGood)
        .expect("nothing to do");
    assert_eq!(bytes, 0);
}

#[test]
fn takes_that_appear_or_go_in_the_folder_are_seen_at_the_next_opening() {
    let folder = tempdir().expect("a folder");
    let mut library = open(folder.path());
    let stays = add(&mut library, 1, "stays");
    let goes = add(&mut library, 2, "goes");
    let path = library.path(goes).expect("a path");
    drop(library);
    let aside = folder.path().join("aside.wav");
    fs::rename(&path, &aside).expect("moved");
    // One from another machine, without the file beside it; and one that lies about its name.
    let other = wav(3, 50);
    let other_id = TakeId::of(&other);
    let shelf = |id: TakeId| folder.path().join("clips").join(&id.to_string()[..2]);
    fs::create_dir_all(shelf(other_id)).expect("a folder");
    fs::write(shelf(other_id).join(format!("{other_id}.wav")), &other).expect("a file");
    let liar = TakeId::of(b"another");
    fs::create_dir_all(shelf(liar)).expect("a folder");
    let lie = shelf(liar).join(format!("{liar}.wav"));
    fs::write(&lie, &other).expect("a file");

    let library = open(folder.path());
    let notices: Vec<String> = library.notices().iter().map(ToString::to_string).collect();
    assert_eq!(notices.len(), 2, "{notices:?}");
    assert!(notices[0].starts_with("1 take"), "{notices:?}");
    assert!(library.get(stays).expect("an answer").is_some());
    assert!(library.get(goes).expect("an answer").is_none());
    assert!(library.get(liar).expect("an answer").is_none());
    let found = library.get(other_id).expect("an answer").expect("a take");
    assert_eq!((found.facts.frames, found.facts.rate_hz), (50, 32_000));
    drop(library);
    // Put back: all that was known of it is known again.
    fs::rename(&aside, &path).expect("moved");
    fs::remove_file(lie).expect("removed");
    let take = open(folder.path())
        .get(goes)
        .expect("an answer")
        .expect("a take");
    assert_eq!(take.facts.prompt, "goes");
    assert!(open(folder.path()).notices().is_empty());
    check_whole(folder.path());
}
