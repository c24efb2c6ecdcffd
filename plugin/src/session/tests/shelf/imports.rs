//! Checkpoints of another make, named in the panel.

use super::*;

/// A folder of the tests' checkpoints in a place where another can be made beside it.
fn checkpoint(home: &Home, name: &str) -> PathBuf {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/import");
    let folder = home.folder.path().join(name);
    std::fs::create_dir(&folder).unwrap();
    for file in std::fs::read_dir(golden.join(name)).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), folder.join(file.file_name())).unwrap();
    }
    folder
}

fn named(instance: &Instance, folder: &Path) {
    let text = folder.to_str().unwrap().to_owned();
    instance.ask(ModelAction::Named(text));
}

fn model(instance: &Instance) -> ModelSource {
    instance.params.project.read().1.model
}

#[test]
fn a_checkpoint_is_brought_over_and_used() {
    let home = Home::new();
    let mut instance = home.open();
    let tuned = checkpoint(&home, "audiocraft_mono");
    let made = home.folder.path().join("audiocraft_mono-imported");

    // What it lacks is nowhere on this machine.
    named(&instance, &tuned);
    let told = instance.told();
    for words in ["the T5 text encoder", "fetch a MusicGen such as"] {
        assert!(told.contains(words), "{told}");
    }
    assert!(!told.contains("--"), "{told}");
    assert_eq!(model(&instance), ModelSource::Starter);
    instance.until("without a card", |snapshot| {
        !snapshot.shelf.iter().any(is_fetching)
    });
    assert!(!made.exists());

    instance.offered();
    instance.fetched();
    named(&instance, &tuned);
    instance.until("brought over", |snapshot| {
        matches!(&snapshot.message, Some(Message::Info(text)) if text.contains("-imported"))
    });
    assert_eq!(model(&instance), ModelSource::Folder(made.clone()));
    let facts = instance.generate();
    assert!(
        facts.model.contains("audiocraft_mono-imported"),
        "{}",
        facts.model
    );

    // It is there now, and is not made again.
    let written = || std::fs::metadata(&made).unwrap().modified().unwrap();
    let before = written();
    instance.ask(ModelAction::Use("starter".into()));
    named(&instance, &tuned);
    instance.until("used again", |_| {
        model(&instance) == ModelSource::Folder(made.clone())
    });
    assert_eq!(written(), before);
}

#[test]
fn a_checkpoint_that_is_none_is_told() {
    let home = Home::new();
    let instance = home.open();
    instance.offered();
    instance.fetched();
    let broken = checkpoint(&home, "audiocraft_mono");
    std::fs::write(broken.join("state_dict.bin"), b"no checkpoint").unwrap();
    named(&instance, &broken);
    let told = instance.told();
    assert!(told.contains("state_dict.bin"), "{told}");
    // What was used before is.
    assert_ne!(model(&instance), ModelSource::Starter);
    assert!(instance.model(TINY).unwrap().chosen);
    let left = std::fs::read_dir(home.folder.path()).unwrap();
    let left = left.filter(|file| {
        let name = file.as_ref().unwrap().file_name();
        let name = name.to_string_lossy();
        name.contains("import") && name != "audiocraft_mono"
    });
    assert_eq!(left.count(), 0);
}
