//! A clip as a WAV file, whole or not at all.
//!
//! Any thread but the audio thread. hound makes the bytes; the file is written beside its
//! place under another name and renamed when it is complete.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// How a sample is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// 16-bit integer.
    Int16,
    /// 24-bit integer.
    Int24,
    /// 32-bit float.
    Float32,
}

/// Why a file could not be written.
#[derive(Debug, thiserror::Error)]
pub enum WavError {
    /// The folder is missing, read-only, or full.
    #[error("cannot write {path}: {source}; choose another folder or make room")]
    Io {
        /// The file that was to be written.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// More than the 4 GiB that a WAV file can hold.
    #[error("{path} would be over 4 GiB, which a WAV file cannot hold: make it shorter")]
    TooLarge {
        /// The file that was to be written.
        path: PathBuf,
    },
}

/// Writes samples by channel (equal lengths, ±1 full scale) to `path`.
///
/// Integer samples are rounded to the nearest and clipped at full scale.
///
/// # Errors
/// [`WavError`]; then there is no file, or the one that was there before.
pub fn write(
    path: &Path,
    rate_hz: u32,
    depth: Depth,
    channels: &[Vec<f32>],
) -> Result<(), WavError> {
    let fail = |source| WavError::Io {
        path: path.to_owned(),
        source,
    };
    let frames = channels.first().map_or(0, Vec::len);
    let bits = match depth {
        Depth::Int16 => 16,
        Depth::Int24 => 24,
        Depth::Float32 => 32,
    };
    if frames as u64 * channels.len() as u64 * (bits / 8) > u64::from(u32::MAX) - 1024 {
        return Err(WavError::TooLarge {
            path: path.to_owned(),
        });
    }
    let mut file = create_beside(path).map_err(fail)?;
    let spec = hound::WavSpec {
        channels: channels.len() as u16,
        sample_rate: rate_hz,
        bits_per_sample: bits as u16,
        sample_format: match depth {
            Depth::Float32 => hound::SampleFormat::Float,
            _ => hound::SampleFormat::Int,
        },
    };
    encode(file.as_file_mut(), spec, channels).map_err(fail)?;
    file.as_file().sync_all().map_err(fail)?;
    file.persist(path).map_err(|error| fail(error.error))?;
    Ok(())
}

/// A file in the folder of `path`, gone again unless it is persisted.
///
/// # Errors
/// The system's, when there is no such folder or it can't be written to.
pub fn create_beside(path: &Path) -> std::io::Result<NamedTempFile> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let mut builder = tempfile::Builder::new();
    builder.prefix(".barline-");
    #[cfg(unix)]
    {
        // Temporary files are private by default; a clip is an ordinary file of the user's
        // (the system's umask still applies).
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder.unwrap_or(Path::new(".")))
}

fn encode(
    file: &mut std::fs::File,
    spec: hound::WavSpec,
    channels: &[Vec<f32>],
) -> std::io::Result<()> {
    let io = |error| match error {
        hound::Error::IoError(error) => error,
        other => std::io::Error::other(other),
    };
    let mut buffer = BufWriter::new(file);
    let mut writer = hound::WavWriter::new(&mut buffer, spec).map_err(io)?;
    for frame in 0..channels.first().map_or(0, Vec::len) {
        for channel in channels {
            let sample = channel[frame];
            match spec.sample_format {
                hound::SampleFormat::Float => writer.write_sample(sample),
                hound::SampleFormat::Int => {
                    let full = f64::from(1u32 << (spec.bits_per_sample - 1));
                    let value = (f64::from(sample) * full).round().clamp(-full, full - 1.0);
                    writer.write_sample(value as i32)
                }
            }
            .map_err(io)?;
        }
    }
    writer.finalize().map_err(io)?;
    buffer.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_come_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let left = vec![0.0, 0.5, -1.0, 1.0, -0.25];
        let right = vec![0.1, 2.0, -3.0, f32::NAN, 0.3];
        for (depth, step) in [
            (Depth::Int16, 1.0 / 32_768.0),
            (Depth::Int24, 1.0 / 8_388_608.0),
        ] {
            let path = folder.path().join(format!("{depth:?}.wav"));
            write(&path, 44_100, depth, &[left.clone(), right.clone()]).expect("written");
            let mut file = hound::WavReader::open(&path).expect("opened");
            let got: Vec<f32> = file
                .samples::<i32>()
                .map(|s| s.expect("a sample") as f32 * step)
                .collect();
            for (frame, pair) in got.chunks(2).enumerate() {
                assert!((pair[0] - left[frame].clamp(-1.0, 1.0 - step)).abs() <= step);
                let want = if right[frame].is_nan() {
                    0.0
                } else {
                    right[frame].clamp(-1.0, 1.0 - step)
                };
                assert!(
                    (pair[1] - want).abs() <= step,
                    "{depth:?} {frame}: {} {want}",
                    pair[1]
                );
            }
        }
        let path = folder.path().join("float.wav");
        write(&path, 32_000, Depth::Float32, std::slice::from_ref(&left)).expect("written");
        let mut file = hound::WavReader::open(&path).expect("opened");
        assert_eq!(file.spec().channels, 1);
        assert_eq!(
            file.samples::<f32>()
                .map(|s| s.expect("a sample"))
                .collect::<Vec<_>>(),
            left
        );
    }

    #[test]
    fn a_failure_leaves_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("no/such/folder.wav");
        let error = write(&path, 44_100, Depth::Int24, &[vec![0.0]]).expect_err("no folder");
        assert!(error.to_string().contains("folder.wav"));
        // A folder stands where the file should go.
        let path = folder.path().join("taken");
        std::fs::create_dir_all(path.join("full")).expect("a folder");
        assert!(write(&path, 44_100, Depth::Int24, &[vec![0.0]]).is_err());
        assert_eq!(std::fs::read_dir(folder.path()).expect("read").count(), 1);
    }
}
