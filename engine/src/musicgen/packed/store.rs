//! Packed weights on disk, beside the model that they were made of.
//!
//! Worker thread. Packing a large model takes seconds; reading it packed takes a fraction. A file
//! is used only when it was made by this layout of the same files of the model, and when the hash
//! of its bytes is the one that it was written with: whatever else is wrong with it, it is
//! made again. Where it can't be written nothing is lost but time.

use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::pack::Packed;
use super::plan::Plan;
use crate::error::EngineError;
use crate::load::Load;

/// What the file begins with; the number changes with the layout of packed weights.
const MAGIC: &[u8; 16] = b"Barline pack 001";
/// A head longer than this is none of ours.
const MAX_HEAD_BYTES: u32 = 1 << 16;
/// Bytes that are read and hashed at once.
const PIECE_BYTES: usize = 1 << 20;

/// What is known of a file before its weights are read.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    /// Stands for the files of the model and what was made of them.
    identity: String,
    /// SHA-256 of all weights of the model.
    model_sha256: String,
    /// Of the packed weights.
    bytes: usize,
    sha256: String,
}

/// Reads packed weights, with the SHA-256 of the model's own. `None` when there are none that can
/// be trusted.
///
/// # Errors
/// [`EngineError::Cancelled`] when nobody waits for them any more.
pub(super) fn read(
    path: &Path,
    identity: &str,
    plan: &Plan,
    (load, file_bytes): (&Load, u64),
) -> Result<Option<(Packed, String)>, EngineError> {
    let Some((mut file, head)) = open(path, identity, plan) else {
        return Ok(None);
    };
    let Ok(mut packed) = Packed::zeros(plan.bytes) else {
        return Ok(None);
    };
    let (mut hash, pieces) = (Sha256::new(), plan.bytes.div_ceil(PIECE_BYTES) as u64);
    for piece in packed.as_mut().chunks_mut(PIECE_BYTES) {
        if file.read_exact(piece).is_err() {
            return Ok(None);
        }
        hash.update(piece);
        // They stand for the files that they were made of.
        load.advance(file_bytes / pieces.max(1))?;
    }
    let whole = hex(&hash.finalize()) == head.sha256;
    Ok(whole.then_some((packed, head.model_sha256)))
}

/// A file that is the right one by its head.
fn open(path: &Path, identity: &str, plan: &Plan) -> Option<(BufReader<File>, Head)> {
    let mut file = BufReader::with_capacity(PIECE_BYTES, File::open(path).ok()?);
    let mut magic = [0; MAGIC.len()];
    file.read_exact(&mut magic).ok()?;
    let mut length = [0; 4];
    file.read_exact(&mut length).ok()?;
    let length = u32::from_le_bytes(length);
    if magic != *MAGIC || length > MAX_HEAD_BYTES {
        return None;
    }
    let mut head = vec![0; length as usize];
    file.read_exact(&mut head).ok()?;
    let head: Head = serde_json::from_slice(&head).ok()?;
    (head.identity == identity && head.bytes == plan.bytes).then_some((file, head))
}

/// Packed weights that are to be kept, once the hash of the model is known.
#[derive(Debug)]
pub struct ToKeep {
    pub(super) path: PathBuf,
    pub(super) identity: String,
    pub(super) packed: Arc<Packed>,
}

impl ToKeep {
    /// Writes them, unless it is to stop. Where it can't be done, such as in a folder that can't be
    /// written to or on a full disk, the next start takes longer.
    pub(crate) fn write(&self, model_sha256: &str, stop: &dyn Fn() -> bool) {
        let _ = write(&self.path, &self.identity, model_sha256, &self.packed, stop);
    }
}

/// Writes packed weights, whole or not at all.
///
/// # Errors
/// What the system says; [`io::ErrorKind::Interrupted`] when it was to stop.
fn write(
    path: &Path,
    identity: &str,
    model_sha256: &str,
    packed: &Packed,
    stop: &dyn Fn() -> bool,
) -> io::Result<()> {
    let go_on = || -> io::Result<()> {
        if stop() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        Ok(())
    };
    let mut hash = Sha256::new();
    for piece in packed.chunks(PIECE_BYTES) {
        go_on()?;
        hash.update(piece);
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    let head = Head {
        identity: identity.into(),
        model_sha256: model_sha256.into(),
        bytes: packed.len(),
        sha256: hex(&hash.finalize()),
    };
    let head = serde_json::to_vec(&head)?;
    let mut file = tempfile::Builder::new()
        .prefix(".barline-pack-")
        .tempfile_in(folder)?;
    file.write_all(MAGIC)?;
    file.write_all(&(head.len() as u32).to_le_bytes())?;
    file.write_all(&head)?;
    for piece in packed.chunks(PIECE_BYTES) {
        go_on()?;
        file.write_all(piece)?;
    }
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

/// What tells one state of a model's files from another: their names, sizes and times, and what
/// the weights are packed for.
pub(super) fn identity(files: &str, plan: &Plan) -> String {
    hex(&Sha256::digest(format!("{files}\n{plan:?}")))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::musicgen::config::DecoderConfig;
    use crate::request::Precision;
    use crate::weights::Weights;

    fn plan() -> Plan {
        let config = serde_json::json!({
            "num_hidden_layers": 1, "num_attention_heads": 2, "hidden_size": 32,
            "ffn_dim": 64, "num_codebooks": 2, "vocab_size": 10,
        });
        let config: DecoderConfig = serde_json::from_value(config).unwrap();
        Plan::new(&config, Precision::Q8).unwrap()
    }

    fn packed(seed: u64) -> Packed {
        Packed::new(&plan(), &Weights::random(seed).unwrap()).unwrap()
    }

    #[test]
    fn what_is_kept_is_read_and_what_is_not_right_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("barline-q8.pack");
        let plan = plan();
        let load = Load::default();
        let get = |files: &str| {
            let read = read(&path, &identity(files, &plan), &plan, (&load, 0));
            read.unwrap()
        };
        let keep = |files: &str, seed, stop: bool| {
            let keep = ToKeep {
                path: path.clone(),
                identity: identity(files, &plan),
                packed: Arc::new(packed(seed)),
            };
            keep.write(&format!("hash of {seed}"), &|| stop);
        };
        assert!(get("files").is_none());
        keep("files", 1, true);
        assert_eq!(
            std::fs::read_dir(folder.path()).unwrap().count(),
            0,
            "stopped"
        );
        keep("files", 1, false);
        let (kept, hash) = get("files").unwrap();
        assert!(kept[..] == packed(1)[..] && hash == "hash of 1");

        // Other files of the model, or a damaged pack at any place.
        assert!(get("changed").is_none());
        keep("changed", 2, false);
        let (kept, hash) = get("changed").unwrap();
        assert!(kept[..] == packed(2)[..] && hash == "hash of 2");
        assert!(get("files").is_none());
        let whole = std::fs::read(&path).unwrap();
        for at in [0, 17, 30, whole.len() / 2, whole.len() - 1] {
            let mut damaged = whole.clone();
            damaged[at] ^= 64;
            std::fs::write(&path, &damaged).unwrap();
            assert!(get("changed").is_none(), "byte {at}");
        }
        std::fs::write(&path, &whole[..whole.len() - 1]).unwrap();
        assert!(get("changed").is_none(), "cut off");
        std::fs::write(&path, &whole).unwrap();
        assert!(get("changed").is_some());
        let gone = Load::new(|| true, |_| (), |_| ());
        let read = read(&path, &identity("changed", &plan), &plan, (&gone, 0));
        assert_eq!(read.err(), Some(EngineError::Cancelled));
    }

    #[test]
    fn nothing_is_left_where_it_cannot_be_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gone").join("barline-q8.pack");
        let keep = ToKeep {
            path,
            identity: "any".into(),
            packed: Arc::new(packed(1)),
        };
        keep.write("hash", &|| false);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
