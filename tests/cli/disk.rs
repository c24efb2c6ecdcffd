//! Places that can't be written to: exit code 1, one line that names the file, nothing left.

use anyhow::{Result, ensure};
use tempfile::tempdir;

use super::{files, run_bad, second};

#[test]
fn a_place_that_is_no_folder_is_an_error() -> Result<()> {
    let folder = tempdir()?;
    let missing = folder.path().join("missing/loop.wav");
    run_bad(&mut second(&missing)?, 1, &["missing/loop.wav"])?;
    let file = folder.path().join("file");
    std::fs::write(&file, "text")?;
    run_bad(&mut second(&file.join("loop.wav"))?, 1, &["loop.wav"])?;
    let out = folder.path().join("loop.wav");
    let codes = folder.path().join("missing/codes.json");
    run_bad(second(&out)?.arg("--codes").arg(codes), 1, &["codes.json"])?;
    ensure!(
        files(folder.path())? == ["file"],
        "left: {:?}",
        files(folder.path())?
    );
    Ok(())
}

/// A file system of our own, in a mount namespace that ends with its shell: nothing to unmount.
#[cfg(target_os = "linux")]
mod mounted {
    use std::process::Command;

    use anyhow::{Context, Result, ensure};
    use tempfile::tempdir;

    use crate::programs::barline;

    /// Runs the program with `args`, its folder a tmpfs with these options; gives the exit code,
    /// standard error and what is left in the folder. `None` where mounting is not permitted.
    fn in_tmpfs(options: &str, args: &[&str]) -> Result<Option<(i32, String, String)>> {
        /// Tells a refused mount from the program's own codes.
        const NO_MOUNT: i32 = 77;
        let folder = tempdir()?;
        let script = "mount -t tmpfs -o \"$1\" tmpfs \"$2\" || exit 77; cd \"$2\"; shift 2
            \"$@\"; code=$?; ls -A; exit $code";
        let output = Command::new("unshare")
            .args([
                "--map-root-user",
                "--mount",
                "sh",
                "-c",
                script,
                "sh",
                options,
            ])
            .arg(folder.path())
            .arg(barline()?)
            .args(args)
            .output();
        let Ok(output) = output else { return Ok(None) };
        let code = output.status.code().context("the shell was killed")?;
        let errors = String::from_utf8(output.stderr)?;
        if code == NO_MOUNT || errors.starts_with("unshare:") {
            eprintln!("not tested, mounting a tmpfs is not permitted here: {errors}");
            return Ok(None);
        }
        Ok(Some((code, errors, String::from_utf8(output.stdout)?)))
    }

    fn check_refused(options: &str, words: &[&str], more: &[&str]) -> Result<()> {
        let mut args = vec!["generate", "techno drums", "--bars", "1", "--bpm", "240"];
        args.extend(["--out", "loop.wav"]);
        args.extend(more);
        check_args(options, words, &args)
    }

    fn check_args(options: &str, words: &[&str], args: &[&str]) -> Result<()> {
        let Some((code, errors, left)) = in_tmpfs(options, args)? else {
            return Ok(());
        };
        ensure!(code == 1, "{options}: exit code {code}\n{errors}");
        ensure!(left.is_empty(), "{options}: {left:?} is left");
        let lines: Vec<&str> = errors
            .lines()
            .filter(|line| !line.starts_with("generating: ") && !line.starts_with("writing: "))
            .collect();
        ensure!(lines.len() == 1, "{options}: {errors}");
        for word in words {
            ensure!(
                lines[0].contains(word),
                "{options}: {:?} without {word:?}",
                lines[0]
            );
        }
        Ok(())
    }

    #[test]
    fn a_full_disk_leaves_nothing() -> Result<()> {
        // A second takes 96 kB; the codes alone would have room.
        check_refused("size=64k", &["loop.wav", "space", "make room"], &[])?;
        check_refused(
            "size=64k",
            &["loop.wav", "space"],
            &["--codes", "codes.json"],
        )
    }

    #[test]
    fn a_disk_that_fills_up_leaves_no_long_file() -> Result<()> {
        let folder = tempdir()?;
        let input = folder.path().join("loop.wav");
        super::super::run(&mut super::super::second(&input)?)?;
        let input = input.to_str().context("an odd folder")?;
        let args = |name| ["loop", input, "--minutes", "10", "--out", name];
        // Known before: 58 MB of samples. Found when it is full: FLAC's length is not known.
        let known = ["long.wav", "takes 56 MiB", "2 MiB free", "make room"];
        check_args("size=2m", &known, &args("long.wav"))?;
        check_args("size=2m", &["long.flac", "space"], &args("long.flac"))
    }

    #[test]
    fn a_read_only_folder_is_an_error() -> Result<()> {
        check_refused("size=1m,ro", &["loop.wav", "Read-only"], &[])
    }
}
