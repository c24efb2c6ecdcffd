//! A model's folder with something wrong: exit code 1, one line that names the file, no clip.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tempfile::{TempDir, tempdir};

use super::{files, read, run, run_bad, second};
use crate::programs::starter_folder;

/// A copy of the starter that may be broken.
fn copy() -> Result<TempDir> {
    let folder = tempdir()?;
    for entry in std::fs::read_dir(starter_folder()).context("the starter model's folder")? {
        let path = entry?.path();
        if path.is_file() {
            std::fs::copy(
                &path,
                folder.path().join(path.file_name().unwrap_or_default()),
            )?;
        }
    }
    Ok(folder)
}

/// Makes a clip with this model, which must fail with these words.
fn refused(model: &Path, words: &[&str]) -> Result<()> {
    let out = tempdir()?;
    run_bad(
        second(&out.path().join("loop.wav"))?
            .arg("--model")
            .arg(model),
        1,
        words,
    )?;
    ensure!(
        files(out.path())?.is_empty(),
        "it leaves {:?}",
        files(out.path())?
    );
    Ok(())
}

#[test]
fn a_folder_with_the_starters_files_is_the_starter() -> Result<()> {
    let model = copy()?;
    let out = tempdir()?;
    let (built_in, folder) = (out.path().join("a.wav"), out.path().join("b.wav"));
    run(second(&built_in)?.args(["--seed", "1"]))?;
    run(second(&folder)?
        .args(["--seed", "1", "--model"])
        .arg(model.path()))?;
    ensure!(read(&built_in)?.1 == read(&folder)?.1, "other samples");
    Ok(())
}

#[test]
fn missing_files_are_named() -> Result<()> {
    refused(Path::new("no/such/folder"), &["no/such/folder", "--model"])?;
    for name in ["config.json", "tokenizer.json", "model.safetensors"] {
        let model = copy()?;
        std::fs::remove_file(model.path().join(name))?;
        refused(model.path(), &[name, "--model"])?;
    }
    Ok(())
}

#[test]
fn truncated_and_foreign_files_are_named() -> Result<()> {
    for name in ["config.json", "tokenizer.json", "model.safetensors"] {
        let whole = std::fs::read(starter_folder().join(name))?;
        for bytes in [
            &whole[..whole.len() / 2],
            &whole[..5],
            b"",
            b"<html>Not found</html>",
        ] {
            let model = copy()?;
            std::fs::write(model.path().join(name), bytes)?;
            refused(model.path(), &[name])?;
        }
    }
    Ok(())
}

/// Sizes in the configuration that the weights do not have.
#[test]
fn wrong_shapes_are_named() -> Result<()> {
    for (part, name, factor) in [
        ("decoder", "hidden_size", 2),
        ("decoder", "num_hidden_layers", 2),
        ("decoder", "ffn_dim", 2),
        ("text_encoder", "d_model", 2),
        ("audio_encoder", "codebook_size", 2),
        ("audio_encoder", "num_filters", 2),
    ] {
        let model = copy()?;
        let path = model.path().join("config.json");
        let mut config: Value = serde_json::from_str(&std::fs::read_to_string(&path)?)?;
        let size = config[part][name]
            .as_u64()
            .with_context(|| format!("no {part}.{name}"))?;
        config[part][name] = (size * factor).into();
        std::fs::write(&path, config.to_string())?;
        refused(model.path(), &[]).with_context(|| format!("{part}.{name} × {factor}"))?;
    }
    // A tensor whose shape is not the configuration's, in a file that is well formed.
    let model = copy()?;
    let path = model.path().join("model.safetensors");
    let bytes = transpose_one(&std::fs::read(&path)?)?;
    std::fs::write(&path, bytes)?;
    refused(model.path(), &["model.safetensors", "expected"])
}

/// The weights with the two sizes of the first oblong matrix of the decoder swapped.
fn transpose_one(bytes: &[u8]) -> Result<Vec<u8>> {
    let length = u64::from_le_bytes(bytes[..8].try_into()?) as usize;
    let mut header: Value = serde_json::from_slice(&bytes[8..8 + length])?;
    let tensors = header.as_object_mut().context("no header")?;
    let shape = tensors
        .iter_mut()
        .filter(|(name, _)| name.starts_with("decoder."))
        .filter_map(|(_, tensor)| tensor["shape"].as_array_mut())
        .find(|shape| shape.len() == 2 && shape[0] != shape[1])
        .context("no oblong matrix")?;
    shape.swap(0, 1);
    let mut json = header.to_string().into_bytes();
    json.resize(json.len().next_multiple_of(8), b' ');
    let mut out = (json.len() as u64).to_le_bytes().to_vec();
    out.extend(json);
    out.extend_from_slice(&bytes[8 + length..]);
    Ok(out)
}
