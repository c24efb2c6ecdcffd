//! Model folders with something wrong: one clear error each, never a panic.

use std::fs;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use barline_engine::model::Model;
use barline_engine::musicgen::packed::Team;
use barline_engine::{EngineError, ModelSource, Sampling};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A copy of a golden model to break.
fn copy(model: &str) -> TempDir {
    let from = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("golden/models")
        .join(model);
    let to = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, to.path().join(path.file_name().unwrap())).unwrap();
    }
    to
}

fn load(folder: &Path) -> Result<Model, EngineError> {
    Model::load(&ModelSource::Folder(folder.into()), None)
}

/// The one line that a user reads.
fn complaint(folder: &Path) -> String {
    let line = load(folder).unwrap_err().to_string();
    assert!(
        !line.contains('\n') && !line.contains("internal error"),
        "{line}"
    );
    line
}

fn edit_config(folder: &Path, pointer: &str, value: Value) {
    let path = folder.join("config.json");
    let mut config: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    *config.pointer_mut(pointer).unwrap() = value;
    fs::write(path, config.to_string()).unwrap();
}

#[test]
fn a_missing_file_is_named() {
    for file in ["config.json", "tokenizer.json", "model.safetensors"] {
        let folder = copy("mono");
        fs::remove_file(folder.path().join(file)).unwrap();
        let path = folder.path().join(file);
        assert_eq!(
            load(folder.path()).unwrap_err(),
            EngineError::ModelMissing { path }
        );
    }
    let shards = copy("mono_sharded_bf16");
    let shard = shards.path().join("model-00003-of-00007.safetensors");
    fs::remove_file(&shard).unwrap();
    assert_eq!(
        load(shards.path()).unwrap_err(),
        EngineError::ModelMissing { path: shard }
    );
    let nothing = Path::new("no/such/folder");
    let path = nothing.join("config.json");
    assert_eq!(
        load(nothing).unwrap_err(),
        EngineError::ModelMissing { path }
    );
}

#[test]
fn generation_settings_may_be_missing() {
    let folder = copy("mono");
    fs::remove_file(folder.path().join("generation_config.json")).unwrap();
    // The decoder's own 512 positions are then the limit, less the delay of the last codebook.
    assert_eq!(load(folder.path()).unwrap().limit_frames(), 509);
}

#[test]
fn a_truncated_file_is_named() {
    for file in [
        "config.json",
        "generation_config.json",
        "tokenizer.json",
        "model.safetensors",
    ] {
        let folder = copy("mono");
        let path = folder.path().join(file);
        let bytes = fs::read(&path).unwrap();
        for keep in [0, 1, 7, bytes.len() / 2, bytes.len() - 2] {
            fs::write(&path, &bytes[..keep]).unwrap();
            let line = complaint(folder.path());
            assert!(line.contains(file), "{keep} bytes of {file}: {line}");
        }
    }
}

#[test]
fn a_tensor_of_another_shape_is_named() {
    let cases = [
        (
            "/decoder/ffn_dim",
            json!(128),
            "fc1.weight is [64, 32], expected [128, 32]",
        ),
        ("/decoder/vocab_size", json!(32), "embed_tokens.0.weight"),
        (
            "/decoder/num_hidden_layers",
            json!(3),
            "no tensor decoder.model.decoder.layers.2",
        ),
        ("/text_encoder/d_ff", json!(64), "DenseReluDense"),
        ("/text_encoder/d_model", json!(32), "shared.weight"),
        ("/audio_encoder/num_filters", json!(8), "audio_encoder."),
    ];
    for (pointer, value, expect) in cases {
        let folder = copy("mono");
        // The start token would lie outside a smaller vocabulary before any tensor is read.
        edit_config(folder.path(), pointer, value);
        fs::remove_file(folder.path().join("generation_config.json")).unwrap();
        edit_config(folder.path(), "/decoder/bos_token_id", Value::Null);
        let line = complaint(folder.path());
        assert!(
            line.contains(expect) && line.contains("model.safetensors"),
            "{pointer}: {line}"
        );
    }
}

#[test]
fn an_index_names_no_file_outside_its_folder() {
    let folder = copy("mono_sharded_bf16");
    let path = folder.path().join("model.safetensors.index.json");
    fs::write(&path, r#"{"weight_map": {"a": "../model.safetensors"}}"#).unwrap();
    assert!(complaint(folder.path()).contains("outside its folder"));
}

/// Every number, name and list of the configuration, replaced by odd ones in turn: the model
/// is refused in plain words, or it loads and runs.
#[test]
fn no_value_of_the_configuration_makes_it_panic() {
    let folder = copy("mono");
    let path = folder.path().join("config.json");
    let config: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let odd = [
        json!(0),
        json!(1),
        json!(3),
        json!(-1),
        json!(1_u64 << 31),
        json!(u64::MAX),
        json!(1e30),
        json!(0.5),
        json!(null),
        json!("odd"),
        json!(true),
        json!([]),
        json!([0]),
        json!([1e9]),
        json!([7, 3]),
    ];
    let (mut refused, mut ran) = (0, 0);
    for section in ["text_encoder", "decoder", "audio_encoder"] {
        for key in config[section].as_object().unwrap().keys() {
            for value in &odd {
                let mut edited = config.clone();
                edited[section][key] = value.clone();
                fs::write(&path, edited.to_string()).unwrap();
                match load(folder.path()) {
                    Ok(model) => {
                        ran += 1;
                        run(&model);
                    }
                    Err(error) => {
                        refused += 1;
                        let line = error.to_string();
                        assert!(
                            !line.contains("internal error"),
                            "{section}.{key} = {value}: {line}"
                        );
                    }
                }
            }
        }
    }
    println!("{refused} refused, {ran} loaded and ran");
    assert!(refused > 100 && ran > 100);
}

fn team() -> Arc<Team> {
    Arc::new(Team::new(NonZeroUsize::MIN).unwrap())
}

/// A few frames, and their audio.
fn run(model: &Model) {
    let takes = [(Sampling::default(), 1)];
    let mut generation = model.generate("drums", None, 3, &takes, &team()).unwrap();
    let mut codes = vec![Vec::new(); model.codec().codebooks() * model.channels()];
    for _ in 0..generation.steps() {
        if let Some(frame) = generation.step().unwrap() {
            for (codes, token) in codes.iter_mut().zip(generation.frame(0, frame)) {
                codes.push(token);
            }
        }
    }
    let audio = model.codec().decode(&codes);
    assert_eq!(audio.len(), 3 * model.codec().samples_per_frame());
}

#[test]
fn clips_and_prompts_have_their_limits() {
    let folder = copy("mono");
    let model = load(folder.path()).unwrap();
    let (takes, team) = ([(Sampling::default(), 0)], team());
    assert_eq!(model.limit_frames(), 400);
    assert!(model.generate("drums", None, 400, &takes, &team).is_ok());
    let error = model
        .generate("drums", None, 500, &takes, &team)
        .unwrap_err();
    assert_eq!(
        error,
        EngineError::TooLong {
            seconds: 10.0,
            limit: 8.0
        }
    );
    let prompt = "drums ".repeat(10_000);
    let error = model
        .generate(&prompt, None, 10, &takes, &team)
        .unwrap_err();
    assert!(matches!(
        error,
        EngineError::PromptTooLong { limit: 512, .. }
    ));
}

#[test]
fn a_melody_model_is_told_from_others() {
    let folder = copy("mono");
    edit_config(folder.path(), "/model_type", json!("musicgen_melody"));
    assert!(complaint(folder.path()).contains("comes in a later version"));
}

#[test]
fn weights_of_another_make_are_to_be_imported() {
    for name in ["pytorch_model.bin", "state_dict.bin"] {
        let folder = copy("mono");
        fs::rename(
            folder.path().join("model.safetensors"),
            folder.path().join(name),
        )
        .unwrap();
        assert!(complaint(folder.path()).contains("import"));
    }
}

#[test]
fn a_tokenizer_that_is_far_too_large_is_not_read() {
    let folder = copy("mono");
    let path = folder.path().join("tokenizer.json");
    // A file with a hole: it takes no room here.
    fs::File::create(&path).unwrap().set_len(1 << 40).unwrap();
    let line = complaint(folder.path());
    assert!(line.contains("larger than 32 MiB"), "{line}");
}

#[test]
fn rights_come_from_the_card() {
    let folder = copy("mono");
    let rights = |folder: &Path| load(folder).unwrap().rights().to_owned();
    assert!(rights(folder.path()).contains("do not state"));
    fs::write(
        folder.path().join("README.md"),
        "---\nlicense: cc-by-nc-4.0\n---\n",
    )
    .unwrap();
    assert!(rights(folder.path()).contains("excludes commercial use"));
}
