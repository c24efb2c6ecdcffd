//! Packed weights on disk, beside the model that they were made of.
//!
//! Worker thread. Packing a large model takes seconds; reading it packed takes a fraction. A file
//! is used only when it was made by this layout of the same files of the model, and when the hash
//! of its bytes is the one that it was written with: whatever else is wrong with it, it is
//! made again. Where it can't be written nothing is lost but time.

use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::pack::Packed;
use super::plan::Plan;
use crate::error::EngineError;

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
pub(super) fn read(path: &Path, identity: &str, plan: &Plan) -> Option<(Packed, String)> {
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
    if head.identity != identity || head.bytes != plan.bytes {
        return None;
    }
    let mut packed = Packed::zeros(plan.bytes).ok()?;
    let mut hash = Sha256::new();
    for piece in packed.as_mut().chunks_mut(PIECE_BYTES) {
        file.read_exact(piece).ok()?;
        hash.update(piece);
    }
    (hex(&hash.finalize()) == head.sha256).then_some((packed, head.model_sha256))
}

/// Writes packed weights, whole or not at all.
///
/// # Errors
/// What the system says.
pub(super) fn write(
    path: &Path,
    identity: &str,
    model_sha256: &str,
    packed: &Packed,
) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let head = Head {
        identity: identity.into(),
        model_sha256: model_sha256.into(),
        bytes: packed.len(),
        sha256: hex(&Sha256::digest(&packed[..])),
    };
    let head = serde_json::to_vec(&head)?;
    let mut file = tempfile::Builder::new()
        .prefix(".barline-pack-")
        .tempfile_in(folder)?;
    file.write_all(MAGIC)?;
    file.write_all(&(head.len() as u32).to_le_bytes())?;
    file.write_all(&head)?;
    file.write_all(packed)?;
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

/// Packed weights as they were read, or as they are made now and kept for the next time.
///
/// # Errors
/// Those of `make`.
pub(super) fn read_or_make(
    path: &Path,
    files: &str,
    plan: &Plan,
    make: impl FnOnce() -> Result<(Packed, String), EngineError>,
) -> Result<(Packed, String), EngineError> {
    let identity = identity(files, plan);
    if let Some(kept) = read(path, &identity, plan) {
        return Ok(kept);
    }
    let (packed, model_sha256) = make()?;
    // A folder that can't be written to, or a full disk: the next start takes longer.
    let _ = write(path, &identity, &model_sha256, &packed);
    Ok((packed, model_sha256))
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
    fn what_is_kept_is_read_and_what_is_not_right_is_made_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("barline-q8.pack");
        let plan = plan();
        let make = |seed: u64| move || Ok((packed(seed), format!("hash of {seed}")));
        let never = || panic!("it was made again");
        let get = |files: &str| read(&path, &identity(files, &plan), &plan);

        let (first, hash) = read_or_make(&path, "files", &plan, make(1)).unwrap();
        assert_eq!(hash, "hash of 1");
        let (kept, hash) = read_or_make(&path, "files", &plan, never).unwrap();
        assert!(kept[..] == first[..] && hash == "hash of 1");

        // Other files of the model, or a damaged pack at any place.
        let (other, hash) = read_or_make(&path, "changed", &plan, make(2)).unwrap();
        assert!(other[..] != first[..] && hash == "hash of 2");
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
    }

    #[test]
    fn nothing_is_left_where_it_cannot_be_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gone").join("barline-q8.pack");
        let make = || Ok((packed(1), "hash".into()));
        assert!(read_or_make(&path, "files", &plan(), make).is_ok());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
