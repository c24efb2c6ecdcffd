//! A cache on a small disk: a tmpfs in a mount namespace of its own, in which this program runs one test
//! again.

use std::process::Command;

use super::*;

/// Where the small disk is, in the inner run.
const DISK: &str = "BARLINE_TEST_DISK";

#[test]
fn a_full_disk_is_known_before_and_noticed_after() {
    let folder = tempfile::tempdir().unwrap();
    let script = "mount -t tmpfs -o size=500k tmpfs \"$1\" || exit 77
        exec \"$2\" --exact session::tests::shelf::small_disk::inside --ignored --nocapture";
    let output = Command::new("unshare")
        .args(["--map-root-user", "--mount", "sh", "-c", script, "sh"])
        .arg(folder.path())
        .arg(std::env::current_exe().unwrap())
        .env(DISK, folder.path())
        .output();
    let Ok(output) = output else {
        return;
    };
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    if output.status.code() == Some(77) || said.starts_with("unshare:") {
        eprintln!("not tested, mounting a tmpfs is not permitted here: {said}");
        return;
    }
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}"
    );
}

#[test]
#[ignore = "run by the test above, on a disk of its own"]
fn inside() {
    let disk = PathBuf::from(std::env::var_os(DISK).unwrap());
    let mut home = Home::new();
    home.settings.cache = disk.join("hub");
    let instance = home.open();
    instance.offered();
    instance.ask(ModelAction::Fetch(TINY.into()));
    let told = instance.told();
    assert!(
        told.contains("are needed and") && told.contains("make room"),
        "{told}"
    );
    instance.until_model("missing", |model| model.state == ModelState::Missing);

    // Large enough, but filled while it comes.
    let larger = Command::new("mount")
        .args(["-o", "remount,size=1200k"])
        .arg(&disk)
        .status();
    assert!(larger.unwrap().success());
    home.hub.fail(WEIGHTS, Fault::Slow(10_000, 20), 1);
    home.hub.asked();
    instance.offered();
    instance.ask(ModelAction::Fetch(TINY.into()));
    home.hub.wait_for_large(WEIGHTS).unwrap();
    let filler = disk.join("filler");
    // It ends where the disk does.
    let filled = std::io::copy(
        &mut std::io::repeat(1),
        &mut std::fs::File::create(&filler).unwrap(),
    );
    assert!(filled.is_err());
    let told = instance.told();
    assert!(
        told.contains("no space for it") || told.contains("No space for it"),
        "{told}"
    );
    std::fs::remove_file(filler).unwrap();
    instance.offered();
    instance.fetched();
    home.check_whole();
}
