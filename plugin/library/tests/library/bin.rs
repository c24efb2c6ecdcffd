//! Deleting: to the bin and back, without a bin, and by the size limit.

use barline_library::{DEFAULT_LIMIT_BYTES, Query, Removal};
use tempfile::tempdir;

use crate::rig::{add, check_whole, files, open, wav};

#[cfg(target_os = "linux")]
mod freedesktop {
    use std::fs;
    use std::path::Path;

    use tempfile::tempdir;

    use super::check_whole;
    use crate::child::{command, said};
    use crate::rig::{add, files, open};

    fn thrown(folder: &Path, home: &Path) -> Vec<String> {
        let mut child = command("throw", folder, 0);
        let output = child.env("XDG_DATA_HOME", home).env("HOME", home).output();
        let text = String::from_utf8_lossy(&output.expect("a process").stdout).into_owned();
        said(&text).map(str::to_owned).collect()
    }

    #[test]
    fn a_take_goes_to_the_bin_and_comes_back() {
        let folder = tempdir().expect("a folder");
        let home = tempdir().expect("a folder");
        let mut library = open(folder.path());
        let id = add(&mut library, 1, "gone with the wind");
        library.rename(id, "Wind").expect("renamed");
        let path = library.path(id).expect("a path");
        let bytes = fs::read(&path).expect("a file");
        drop(library);
        assert_eq!(
            thrown(folder.path(), home.path()),
            [format!("gone {}", bytes.len())]
        );
        assert!(files(folder.path(), ".wav").is_empty());
        assert_eq!(open(folder.path()).count().expect("a number"), 0);
        let binned = files(&home.path().join("Trash/files"), ".wav");
        assert_eq!(binned.len(), 1);
        assert_eq!(fs::read(&binned[0]).expect("a file"), bytes);
        // As the file manager restores it.
        fs::rename(&binned[0], &path).expect("moved");
        let take = open(folder.path())
            .get(id)
            .expect("an answer")
            .expect("a take");
        assert_eq!(take.facts.name, "Wind");
        check_whole(folder.path());
    }

    #[test]
    fn without_a_bin_nothing_is_deleted() {
        let folder = tempdir().expect("a folder");
        let mut library = open(folder.path());
        let id = add(&mut library, 1, "stays");
        drop(library);
        let home = folder.path().join("a file is no home");
        fs::write(&home, "").expect("a file");
        let lines = thrown(folder.path(), &home);
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(lines[0].starts_with("error there is no bin"), "{lines:?}");
        let library = open(folder.path());
        assert!(library.path(id).is_ok());
        drop(library);
        check_whole(folder.path());
    }
}

#[test]
fn for_good_leaves_nothing() {
    let folder = tempdir().expect("a folder");
    let mut library = open(folder.path());
    let ids = [add(&mut library, 1, "one"), add(&mut library, 2, "two")];
    let bytes = library.delete(&ids, Removal::ForGood).expect("deleted");
    assert_eq!(bytes, 2 * wav(1, 100).len() as u64);
    assert!(files(&folder.path().join("clips"), "").is_empty());
    // And it can be kept again.
    add(&mut library, 1, "one");
    drop(library);
    check_whole(folder.path());
}

#[test]
fn the_oldest_leave_when_the_user_agrees_and_favourites_never() {
    let folder = tempdir().expect("a folder");
    let mut library = open(folder.path());
    assert_eq!(library.limit_bytes().expect("a limit"), DEFAULT_LIMIT_BYTES);
    assert_eq!(library.over_limit().expect("an answer"), None);
    let one = wav(0, 100).len() as u64;
    let ids: Vec<_> = (0..6).map(|seed| add(&mut library, seed, "x")).collect();
    // The first stays by its star, the second by its use.
    library.set_favourite(ids[0], true).expect("marked");
    library.note_used(ids[1]).expect("noted");
    library.set_limit_bytes(3 * one).expect("a limit");
    let prune = library.over_limit().expect("an answer").expect("too much");
    assert_eq!(prune.takes, [ids[2], ids[3], ids[4]]);
    assert_eq!((prune.bytes, prune.over_bytes), (3 * one, 3 * one));
    assert_eq!(
        library.count().expect("a number"),
        6,
        "nothing leaves before the answer"
    );
    // While the user thinks, one becomes a favourite in another instance.
    open(folder.path())
        .set_favourite(ids[3], true)
        .expect("marked");
    assert_eq!(
        library.prune(&prune, Removal::ForGood).expect("done"),
        2 * one
    );
    let rest = library.search(&Query::default()).expect("a page");
    assert_eq!(rest.total, 4);
    let second = library
        .over_limit()
        .expect("an answer")
        .expect("still too much");
    assert_eq!(second.takes, [ids[5]]);
    library.set_limit_bytes(one).expect("a limit");
    let all = library.over_limit().expect("an answer").expect("too much");
    assert_eq!(all.takes, [ids[5], ids[1]]);
    assert!(all.bytes < all.over_bytes, "favourites alone are too much");
    drop(library);
    assert_eq!(open(folder.path()).limit_bytes().expect("a limit"), one);
}
