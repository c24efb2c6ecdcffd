//! Arguments that can't be served: exit code 2, one line that says what to do, no file.

use anyhow::{Result, ensure};
use tempfile::tempdir;

use super::{WORDS, files, run_bad};
use crate::programs;

#[test]
fn wrong_arguments_leave_nothing() -> Result<()> {
    let folder = tempdir()?;
    let long = "drums ".repeat(10_000);
    let cases: &[(&str, &[&str], &[&str])] = &[
        ("", &[], &["empty", "words"]),
        (" \n\t", &[], &["empty"]),
        (&long, &["--bars", "1"], &["too long", "tokens", "shorten"]),
        (WORDS, &["--key", "H"], &["\"H\"", "Am"]),
        (WORDS, &["--key", "A dorian"], &["A dorian", "Am"]),
        (WORDS, &["--bars", "0"], &["bars", "0", "between 1"]),
        (WORDS, &["--bars", "-1"], &["-1"]),
        (WORDS, &["--bars", "many"], &["many", "--bars"]),
        (WORDS, &["--bars", "64", "--bpm", "60"], &["too long", "30"]),
        (WORDS, &["--bpm", "0"], &["tempo", "0"]),
        (WORDS, &["--bpm", "nan"], &["tempo", "NaN"]),
        (WORDS, &["--seconds", "-2"], &["-2"]),
        (WORDS, &["--seconds", "600"], &["too long"]),
        (
            WORDS,
            &["--seconds", "2", "--bars", "2"],
            &["--bars", "--seconds"],
        ),
        (WORDS, &["--temperature", "0"], &["temperature"]),
        (WORDS, &["--top-p", "1.5"], &["top-p"]),
        (WORDS, &["--guidance", "0.5"], &["guidance"]),
        (WORDS, &["--takes", "0"], &["takes"]),
        (WORDS, &["--rate", "1"], &["rate"]),
        (WORDS, &["--bits", "20"], &["20", "--bits"]),
        (WORDS, &["--threads", "0"], &["--threads"]),
        (WORDS, &["--seed", "-1"], &["-1"]),
        (
            WORDS,
            &["--takes", "2", "--codes", "codes.json"],
            &["--codes", "take"],
        ),
        (WORDS, &["--unknown"], &["--unknown"]),
    ];
    for (prompt, args, words) in cases {
        run_bad(
            programs::generate(prompt)?
                .args(*args)
                .current_dir(folder.path()),
            2,
            words,
        )?;
        ensure!(
            files(folder.path())?.is_empty(),
            "{args:?} leaves {:?}",
            files(folder.path())?
        );
    }
    Ok(())
}
