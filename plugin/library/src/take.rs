//! A take in the library, and the hash that names it.
//!
//! Any thread.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

use crate::TakeFacts;

/// The SHA-256 of a take's file: the same on every machine, and so one take is kept once.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TakeId(pub(crate) [u8; 32]);

impl TakeId {
    /// Of a file's bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    pub(crate) fn from_slice(bytes: &[u8]) -> Option<Self> {
        Some(Self(bytes.try_into().ok()?))
    }
}

impl fmt::Display for TakeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for TakeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is no hash of a take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a take is named by 64 hexadecimal digits")]
pub struct NoTakeId;

impl FromStr for TakeId {
    type Err = NoTakeId;

    /// From 64 lower-case hexadecimal digits, the only form that is written.
    fn from_str(text: &str) -> Result<Self, NoTakeId> {
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Ok(byte - b'0'),
            b'a'..=b'f' => Ok(byte - b'a' + 10),
            _ => Err(NoTakeId),
        };
        let mut hash = [0; 32];
        if text.len() != 2 * hash.len() {
            return Err(NoTakeId);
        }
        for (byte, pair) in hash.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Ok(Self(hash))
    }
}

impl Serialize for TakeId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TakeId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// One take, as lists show it.
#[derive(Debug, Clone, PartialEq)]
pub struct Take {
    /// Its name on the disk and in projects.
    pub id: TakeId,
    /// What is known of it.
    pub facts: TakeFacts,
    /// The user's words for it, in alphabetical order.
    pub tags: Vec<String>,
    /// Whether the user marked it; such takes never leave by themselves.
    pub is_favourite: bool,
    /// Size of its file.
    pub bytes: u64,
    /// When it was last played, dragged or loaded, seconds since 1970.
    pub used_unix_seconds: Option<i64>,
}

#[cfg(test)]
mod tests {
    use super::TakeId;

    #[test]
    fn a_hash_reads_what_it_writes() {
        let id = TakeId::of(b"abc");
        // The example of FIPS 180-4.
        let text = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(id.to_string(), text);
        assert_eq!(text.parse(), Ok(id));
        for bad in [
            "",
            "ba78",
            &text.to_uppercase(),
            &text.replace("ba", "\u{e4}"),
        ] {
            assert!(bad.parse::<TakeId>().is_err(), "{bad}");
        }
    }
}
