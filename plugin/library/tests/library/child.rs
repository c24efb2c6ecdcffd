//! Other processes: this test program once more, in a role that the environment names.
//!
//! Tests of crowds, kills and full disks need real processes.

use std::collections::VecDeque;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use barline_library::{Library, Query, Removal, TakeId};

use crate::rig::{facts, wav};

const ROLE: &str = "BARLINE_TEST_ROLE";
const FOLDER: &str = "BARLINE_TEST_FOLDER";
const NUMBER: &str = "BARLINE_TEST_NUMBER";

/// This program in a role, with a folder and a number to work on.
pub(crate) fn command(role: &str, folder: &Path, number: u64) -> Command {
    let program = std::env::current_exe().expect("a program");
    let mut command = Command::new(program);
    command
        .args(["--exact", "child::role", "--nocapture", "--test-threads=1"])
        .env(ROLE, role)
        .env(FOLDER, folder)
        .env(NUMBER, number.to_string());
    command
}

/// As [`command`], in a mount namespace of its own that ends with it: nothing to unmount. A shell
/// does `before`, runs the child behind the words of `prefix`, and does `after`; all of them know
/// the folder as `$folder`. Gives what they say, or None where that is not permitted, which
/// `before` tells by exit code 77.
#[cfg(target_os = "linux")]
pub(crate) fn in_namespace(
    [before, prefix, after]: [&str; 3],
    role: &str,
    folder: &Path,
) -> Option<String> {
    let command = command(role, folder, 0);
    let script =
        format!("folder=$1; shift\n{before}\n{prefix} \"$@\"; code=$?\n{after}\nexit $code");
    let mut shell = Command::new("unshare");
    shell.args(["--map-root-user", "--mount", "sh", "-c", &script, "sh"]);
    shell
        .arg(folder)
        .arg(command.get_program())
        .args(command.get_args());
    for (name, value) in command.get_envs() {
        shell.env(name, value.unwrap_or_default());
    }
    let output = shell.output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    if output.status.code() == Some(77) || errors.starts_with("unshare:") {
        eprintln!("not tested, it is not permitted here: {errors}");
        return None;
    }
    assert!(output.status.success(), "{text}\n{errors}");
    Some(text)
}

/// Says a line to the parent, at once.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "\n> {line}")
        .and_then(|()| out.flush())
        .expect("a parent");
}

/// The lines that a child said, whole ones only.
pub(crate) fn said(output: &str) -> impl Iterator<Item = &str> {
    let whole = output.rfind('\n').map_or("", |end| &output[..end]);
    whole.lines().filter_map(|line| line.strip_prefix("> "))
}

/// What a child does. Run as a test among the others it has no role, and nothing to do.
#[test]
fn role() {
    let Ok(role) = std::env::var(ROLE) else {
        return;
    };
    let folder = PathBuf::from(std::env::var_os(FOLDER).expect("a folder"));
    let number = std::env::var(NUMBER)
        .expect("a number")
        .parse()
        .expect("a number");
    match role.as_str() {
        "work" => work(&folder, number),
        "crowd" => crowd(&folder, number),
        "keep" => keep(&folder),
        "throw" => throw(&folder),
        "where" => say_where(),
        "default" => open_default(),
        "import" => crate::hostile::import(&folder),
        _ => panic!("an unknown role: {role}"),
    }
}

/// Adds, renames and deletes until it is killed, and says before and after each what it does.
fn work(folder: &Path, base: u64) {
    say("ready");
    let mut library = Library::open(folder).expect("a library");
    let mut held: VecDeque<TakeId> = VecDeque::new();
    for number in base.. {
        let frames = 20_000 + (number % 7) as u32 * 20_000;
        let added = library.add(&wav(number, frames), &facts(&format!("take {number}")));
        let id = added.expect("kept").id;
        say(&format!("added {id}"));
        held.push_back(id);
        if number % 3 == 0 {
            say(&format!("renaming {id}"));
            library.rename(id, &format!("named {id}")).expect("renamed");
            say(&format!("renamed {id}"));
        }
        if number % 5 == 4
            && let Some(id) = held.pop_front()
        {
            say(&format!("deleting {id}"));
            library.delete(&[id], Removal::ForGood).expect("deleted");
            say(&format!("deleted {id}"));
        }
    }
}

/// One of several at once: some takes are everybody's, some its own; it leaves a known rest.
fn crowd(folder: &Path, number: u64) {
    let mut library = Library::open(folder).expect("a library");
    for turn in 0..30 {
        let shared = library.add(&wav(turn, 500), &facts("of all"));
        let shared = shared.expect("kept").id;
        let own = library.add(&wav(1000 + number * 100 + turn, 500), &facts("own"));
        let own = own.expect("kept").id;
        library
            .rename(own, &format!("by {number} in turn {turn}"))
            .expect("renamed");
        library
            .set_tags(shared, &[format!("from{number}")])
            .expect("tagged");
        let query = Query {
            text: format!("by {number} turn {turn}"),
            ..Query::default()
        };
        let page = library.search(&query).expect("a page");
        assert!(
            page.takes.iter().any(|take| take.id == own),
            "not found again"
        );
        if turn % 3 == 0 {
            let gone = library.delete(&[own], Removal::ForGood).expect("deleted");
            assert!(gone > 0);
        }
        library.changed().expect("an answer");
    }
    say("done");
}

/// Keeps takes until the disk is full, and says what came of each.
fn keep(folder: &Path) {
    let mut library = match Library::open(folder) {
        Ok(library) => library,
        Err(error) => return say(&format!("open: {error}")),
    };
    for number in 0..20 {
        match library.add(&wav(number, 100_000), &facts("big")) {
            Ok(_) => say("kept"),
            Err(error) => {
                say(&format!("add: {error}"));
                break;
            }
        }
    }
    let query = Query::default();
    let found = library.search(&query).expect("still to be searched");
    say(&format!("found {}", found.total));
}

/// Throws all takes away, one after the other.
fn throw(folder: &Path) {
    let mut library = Library::open(folder).expect("a library");
    for take in library.search(&Query::default()).expect("a page").takes {
        match library.delete(&[take.id], Removal::Bin) {
            Ok(bytes) => say(&format!("gone {bytes}")),
            Err(error) => say(&format!("error {error}")),
        }
    }
}

/// Says where the library is.
fn say_where() {
    match Library::default_folder() {
        Ok(folder) => say(&format!("folder {}", folder.display())),
        Err(error) => say(&format!("error {error}")),
    }
}

/// Says where the library is, and opens it.
fn open_default() {
    say_where();
    match Library::open_default() {
        Ok(library) => say(&format!("open {}", library.folder().display())),
        Err(error) => say(&format!("error {error}")),
    }
}
