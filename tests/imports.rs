//! Models of another make: the same weights through AudioCraft's and PyTorch's files make the same
//! tokens and samples, and what is broken leaves nothing behind.

use std::fs;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use barline_engine::import::{ImportError, Imported, Kind, import, import_heard};
use barline_engine::model::Model;
use barline_engine::musicgen::packed::Team;
use barline_engine::{EngineError, ModelSource, Precision, Sampling};
use tempfile::TempDir;

fn golden(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("golden")
        .join(path)
}

/// A copy of a folder to break, with some files of another.
fn copy(from: &str, more: &[&str]) -> TempDir {
    let to = tempfile::tempdir().unwrap();
    let files = fs::read_dir(golden(from)).unwrap();
    let more = more.iter().map(|path| golden(path));
    for path in files.map(|entry| entry.unwrap().path()).chain(more) {
        fs::copy(&path, to.path().join(path.file_name().unwrap())).unwrap();
    }
    to
}

/// Codes of a clip and its samples, and the weights' own hash.
fn made(folder: &Path, precision: Precision) -> (Vec<Vec<u32>>, Vec<f32>) {
    let source = ModelSource::Folder(folder.into());
    let model = Model::load(&source, Some(precision)).unwrap();
    let team = Arc::new(Team::new(NonZeroUsize::MIN).unwrap());
    let takes = [(Sampling::default(), 3)];
    let mut generation = model
        .generate("dusty drums", None, 20, &takes, &team)
        .unwrap();
    let books = model.codec().codebooks() * model.channels();
    let mut codes = vec![Vec::new(); books];
    for _ in 0..generation.steps() {
        if let Some(frame) = generation.step().unwrap() {
            for (codes, token) in codes.iter_mut().zip(generation.frame(0, frame)) {
                codes.push(token);
            }
        }
    }
    let samples = (0..model.channels()).flat_map(|channel| {
        let of = codes.iter().skip(channel).step_by(model.channels());
        model.codec().decode(&of.cloned().collect::<Vec<_>>())
    });
    let samples = samples.collect();
    (codes, samples)
}

/// What is in a folder besides what was there before.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn audiocrafts_files_make_what_the_same_weights_make() {
    for (model, channels) in [("mono", 1), ("stereo", 2)] {
        let place = tempfile::tempdir().unwrap();
        let out = place.path().join("tuned");
        let folder = golden(&format!("import/audiocraft_{model}"));
        let same = golden(&format!("models/{model}"));
        let Imported {
            kind,
            layers,
            channels: found,
            notes,
            ..
        } = import(&folder, Some(&out), Some(&same)).unwrap();
        assert_eq!((kind, layers, found), ("audiocraft", 2, channels));
        assert!(notes.iter().any(|note| note.contains("text encoder")));
        for precision in [Precision::Exact, Precision::Q8] {
            assert_eq!(made(&out, precision), made(&same, precision), "{model}");
        }
        assert_eq!(names(place.path()), ["tuned"]);
        // It is in the right layout now.
        let again = import(&out, None, None).unwrap();
        assert_eq!((again.kind, &again.folder), ("safetensors", &out));
        let taken = import(&folder, Some(&out), Some(&same)).unwrap_err();
        assert!(matches!(taken, ImportError::Exists { .. }), "{taken}");
    }
}

#[test]
fn pytorchs_checkpoints_make_what_the_same_weights_make() {
    let more =
        ["config", "generation_config", "tokenizer"].map(|name| format!("models/mono/{name}.json"));
    let more = more.each_ref().map(String::as_str);
    let folder = copy("import/pytorch", &more);
    let place = tempfile::tempdir().unwrap();
    let out = place.path().join("inner/model");
    let made_of = import(folder.path(), Some(&out), None).unwrap();
    assert_eq!((made_of.kind, made_of.channels), ("pytorch", 1));
    assert_eq!(
        made(&out, Precision::Exact),
        made(&golden("models/mono"), Precision::Exact)
    );
    // The tokenizer may come from elsewhere.
    fs::remove_file(folder.path().join("tokenizer.json")).unwrap();
    let error = import(folder.path(), None, None).unwrap_err();
    assert!(error.to_string().contains("--text-encoder"), "{error}");
    let second = place.path().join("second");
    import(folder.path(), Some(&second), Some(&golden("models/mono"))).unwrap();
    // A shard that is not there is named.
    fs::remove_file(folder.path().join("pytorch_model-00002-of-00002.bin")).unwrap();
    let third = place.path().join("third");
    let error = import(folder.path(), Some(&third), Some(&golden("models/mono"))).unwrap_err();
    assert!(error.to_string().contains("00002-of-00002"), "{error}");
    assert_eq!(names(place.path()), ["inner", "second"]);
}

#[test]
fn it_is_heard_how_far_it_is_and_ended_where_nobody_wants_it() {
    let place = tempfile::tempdir().unwrap();
    let out = place.path().join("tuned");
    let (folder, mono) = (golden("import/audiocraft_mono"), golden("models/mono"));
    assert_eq!(Kind::of(&folder), Kind::Checkpoint);
    let mut heard = Vec::new();
    let cancelled = import_heard(&folder, Some(&out), Some(&mono), &mut |done, of| {
        heard.push((done, of));
        ControlFlow::Break(())
    });
    assert!(matches!(cancelled, Err(ImportError::Cancelled)));
    assert_eq!(heard.len(), 1);
    assert!(names(place.path()).is_empty());
    let made = import_heard(&folder, Some(&out), Some(&mono), &mut |done, of| {
        heard.push((done, of));
        ControlFlow::Continue(())
    });
    let bytes = made.unwrap().bytes;
    assert_eq!(heard.last(), Some(&(bytes, bytes)));
    assert_eq!(Kind::of(&out), Kind::Ready);
    assert_eq!(Kind::of(place.path()), Kind::Other);
}

#[test]
fn what_is_missing_is_said_and_nothing_is_left() {
    let place = tempfile::tempdir().unwrap();
    let out = place.path().join("out");
    let complaint = |folder: &Path, text_encoder: Option<&Path>| {
        let error = import(folder, Some(&out), text_encoder).unwrap_err();
        assert!(names(place.path()).is_empty(), "{error}");
        let line = error.to_string();
        assert!(!line.contains('\n'), "{line}");
        line
    };
    let (mono, stereo) = (golden("models/mono"), golden("models/stereo"));
    let audiocraft = golden("import/audiocraft_mono");
    assert!(complaint(place.path(), None).contains("holds no model"));
    assert!(complaint(&audiocraft, None).contains("the T5 text encoder and its tokenizer"));
    assert!(complaint(&audiocraft, Some(place.path())).contains("config.json"));
    // A text encoder of another width does not fit the projection.
    assert!(complaint(&audiocraft, Some(&stereo)).contains("enc_to_dec_proj"));
    let melody = complaint(&golden("import/audiocraft_melody"), Some(&mono));
    assert!(melody.contains("later version"), "{melody}");

    let folder = copy("import/audiocraft_mono", &[]);
    let codec = folder.path().join("compression_state_dict.bin");
    fs::remove_file(&codec).unwrap();
    assert!(complaint(folder.path(), None).contains("and the codec"));
    // A published codec is that of the companion.
    let elsewhere = place.path().join("elsewhere");
    let made_of = import(folder.path(), Some(&elsewhere), Some(&mono)).unwrap();
    assert!(made_of.notes.iter().any(|note| note.contains("the codec")));
    assert_eq!(
        made(&elsewhere, Precision::Exact),
        made(&mono, Precision::Exact)
    );
    fs::remove_dir_all(&elsewhere).unwrap();
    fs::write(folder.path().join("state_dict.bin"), b"\x80\x02}q\x00.").unwrap();
    assert!(complaint(folder.path(), Some(&mono)).contains("torch.save"));
}

/// Every byte of the lists of a checkpoint may be another: it is imported, or refused in a line.
#[test]
fn a_damaged_checkpoint_is_refused_or_read() {
    let folder = copy("import/audiocraft_mono", &[]);
    let mono = golden("models/mono");
    let path = folder.path().join("state_dict.bin");
    let whole = fs::read(&path).unwrap();
    let cases: usize = std::env::var("BARLINE_DAMAGED")
        .ok()
        .and_then(|cases| cases.parse().ok())
        .unwrap_or(60);
    let (mut refused, mut state) = (0, 88_172_645_463_325_252_u64);
    for case in 0..cases {
        let mut random = |below: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 11) as usize % below
        };
        let mut bytes = whole.clone();
        if case % 8 == 0 {
            bytes.truncate(random(whole.len()));
        }
        for _ in 0..1 + random(4) {
            // The list of tensors is at the beginning, that of the members at the end.
            let near = random(9_000.min(bytes.len().max(1)));
            let at = if case % 2 == 0 {
                near
            } else {
                bytes.len().saturating_sub(1 + near)
            };
            if let Some(byte) = bytes.get_mut(at) {
                *byte = random(256) as u8;
            }
        }
        fs::write(&path, &bytes).unwrap();
        let place = tempfile::tempdir().unwrap();
        let out = place.path().join("out");
        match import(folder.path(), Some(&out), Some(&mono)) {
            Ok(_) => assert_eq!(names(place.path()), ["out"]),
            Err(error) => {
                refused += 1;
                assert!(
                    !matches!(error, ImportError::Engine(EngineError::Internal { .. })),
                    "{error}"
                );
                assert!(names(place.path()).is_empty());
            }
        }
    }
    println!("{refused} of {cases} damaged checkpoints refused");
    assert!(refused > cases / 10);
}
