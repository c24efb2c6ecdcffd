//! Places that can't be used: one message each, and nothing half-done.

use std::process::Command;

use barline_library::{Library, LibraryError};
use tempfile::tempdir;

use crate::child::{command, said};

/// What a child that asks for the default folder says.
fn default_of(setup: impl FnOnce(&mut Command)) -> Vec<String> {
    let mut child = command("default", std::path::Path::new("."), 0);
    setup(&mut child);
    let output = child.output().expect("a process");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    said(&text).map(str::to_owned).collect()
}

#[test]
fn the_environment_names_the_folder() {
    let folder = tempdir().expect("a folder");
    let place = folder.path().join("deep/in/there");
    let said = default_of(|child| {
        child.env("BARLINE_LIBRARY", &place);
    });
    assert_eq!(said[0], format!("folder {}", place.display()));
    assert_eq!(said[1], format!("open {}", place.display()));
    assert!(place.join("library.sqlite").is_file());
}

#[cfg(target_os = "linux")]
#[test]
fn without_it_the_users_data_folder_has_the_library() {
    let home = tempdir().expect("a folder");
    let said = default_of(|child| {
        child
            .env_remove("BARLINE_LIBRARY")
            .env_remove("XDG_DATA_HOME")
            .env("HOME", home.path());
    });
    let place = home.path().join(".local/share/barline/library");
    assert_eq!(said[1], format!("open {}", place.display()));
}

#[test]
fn a_file_in_the_place_of_the_folder_is_one_message() {
    let folder = tempdir().expect("a folder");
    let file = folder.path().join("library");
    std::fs::write(&file, "text").expect("a file");
    let error = Library::open(&file).expect_err("no folder");
    assert!(matches!(error, LibraryError::Folder { .. }), "{error}");
    assert!(error.to_string().contains("BARLINE_LIBRARY"), "{error}");
    assert_eq!(std::fs::read(&file).expect("a file"), b"text");
}

#[cfg(target_os = "linux")]
mod mounted {
    use tempfile::tempdir;

    use crate::child::{in_namespace, said};
    use crate::rig::{add, check_whole, open};

    #[test]
    fn a_home_that_is_missing_is_one_message() {
        // No home in the environment, and none in the system's list of users.
        let before = "mount --bind /dev/null /etc/passwd || exit 77
            mount --bind /dev/null /etc/nsswitch.conf || exit 77
            unset HOME XDG_DATA_HOME BARLINE_LIBRARY";
        let folder = tempdir().expect("a folder");
        let Some(text) = in_namespace([before, "", ""], "where", folder.path()) else {
            return;
        };
        let lines: Vec<&str> = said(&text).collect();
        assert_eq!(lines.len(), 1, "{text}");
        assert!(lines[0].starts_with("error there is no folder"), "{text}");
    }

    #[test]
    fn a_full_disk_keeps_what_is_whole_and_says_so_once() {
        let before = "mount -t tmpfs -o size=2m tmpfs \"$folder\" || exit 77";
        let folder = tempdir().expect("a folder");
        let after = "cd \"$folder\"; find clips -name '*.wav' | wc -l; find . -name '*.part'";
        let Some(text) = in_namespace([before, "", after], "keep", folder.path()) else {
            return;
        };
        let lines: Vec<&str> = said(&text).collect();
        let kept = lines.iter().filter(|line| **line == "kept").count();
        assert!((1..20).contains(&kept), "{text}");
        assert!(lines[kept].starts_with("add: no space is left"), "{text}");
        assert_eq!(lines[kept + 1], format!("found {kept}"), "{text}");
        assert!(
            text.ends_with(&format!("\n{kept}\n")),
            "files that nobody knows: {text}"
        );
    }

    #[test]
    fn a_disk_without_any_room_is_one_message() {
        let before = "mount -t tmpfs -o size=64k tmpfs \"$folder\" || exit 77
            head -c 64k /dev/zero > \"$folder/ballast\" 2>&1; true";
        let folder = tempdir().expect("a folder");
        let Some(text) = in_namespace([before, "", ""], "keep", folder.path()) else {
            return;
        };
        let lines: Vec<&str> = said(&text).collect();
        assert_eq!(lines.len(), 1, "{text}");
        assert!(lines[0].starts_with("open: no space is left"), "{text}");
    }

    #[test]
    fn a_read_only_folder_without_a_library_is_one_message() {
        let before = "mount -t tmpfs -o size=1m,ro tmpfs \"$folder\" || exit 77";
        let folder = tempdir().expect("a folder");
        let Some(text) = in_namespace([before, "", ""], "keep", folder.path()) else {
            return;
        };
        let lines: Vec<&str> = said(&text).collect();
        assert_eq!(lines.len(), 1, "{text}");
        assert!(lines[0].contains("Read-only"), "{text}");
        assert!(lines[0].contains("BARLINE_LIBRARY"), "{text}");
    }

    #[test]
    fn a_library_that_became_read_only_can_still_be_searched() {
        let folder = tempdir().expect("a folder");
        add(&mut open(folder.path()), 1, "before");
        let before = "mount --bind \"$folder\" \"$folder\" && mount -o remount,ro,bind \"$folder\" || exit 77";
        let Some(text) = in_namespace([before, "", ""], "keep", folder.path()) else {
            return;
        };
        let lines: Vec<&str> = said(&text).collect();
        assert_eq!(lines.len(), 2, "{text}");
        assert!(lines[0].starts_with("add: the library in "), "{text}");
        assert!(lines[0].contains("permit writing"), "{text}");
        assert_eq!(lines[1], "found 1");
        check_whole(folder.path());
    }

    #[test]
    fn a_folder_without_permission_is_one_message() {
        // The user of the namespace without the right to pass over permissions.
        let folder = tempdir().expect("a folder");
        let before = "mount -t tmpfs -o mode=0500 tmpfs \"$folder\" || exit 77
            command -v setpriv > /dev/null || exit 77";
        let prefix = "setpriv --bounding-set=-dac_override,-dac_read_search";
        let Some(text) = in_namespace([before, prefix, ""], "keep", folder.path()) else {
            return;
        };
        let lines: Vec<&str> = said(&text).collect();
        assert_eq!(lines.len(), 1, "{text}");
        assert!(lines[0].contains("Permission denied"), "{text}");
    }
}
