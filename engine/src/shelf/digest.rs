//! What the hub says that a file's content is, and whether it is that.
//!
//! Any thread but the audio thread. Large files are named by their SHA-256, small ones as git names
//! them: the SHA-1 of a short head and the content.

use std::fmt;
use std::fs::File;
use std::io::Read;

use serde::{Deserialize, Serialize};
use sha1::Sha1;
use sha2::{Digest as _, Sha256};

/// Bytes that are read at once.
pub(super) const BLOCK_BYTES: usize = 1 << 18;

/// A content's name, which is also its file's in the cache.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest(String);

impl Digest {
    /// Reads 40 or 64 hexadecimal digits; a hub's quotes and its mark of a weak name are passed
    /// over. Nothing else is let through, since it becomes the name of a file.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        let text = text.strip_prefix("W/").unwrap_or(text).trim_matches('"');
        let hex = text
            .bytes()
            .all(|c| c.is_ascii_digit() || (b'a'..=b'f').contains(&c));
        (hex && [40, 64].contains(&text.len())).then(|| Self(text.to_owned()))
    }

    /// As it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Digest {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::read(&text).ok_or_else(|| format!("{text:?} is no hash"))
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Computes the digest of a content that comes in parts.
pub(super) enum Hasher {
    Git(Sha1),
    Large(Sha256),
}

impl Hasher {
    /// For a content that should be `wanted` and have so many bytes.
    pub(super) fn new(wanted: &Digest, bytes: u64) -> Self {
        if wanted.0.len() == 40 {
            let mut sha1 = Sha1::new();
            sha1.update(format!("blob {bytes}\0"));
            Self::Git(sha1)
        } else {
            Self::Large(Sha256::new())
        }
    }

    pub(super) fn update(&mut self, part: &[u8]) {
        match self {
            Self::Git(sha1) => sha1.update(part),
            Self::Large(sha256) => sha256.update(part),
        }
    }

    /// Takes in all that a file has from where it stands; `look` is called after every block, with
    /// its bytes and those of all, and may end it.
    pub(super) fn read<E>(
        &mut self,
        file: &mut File,
        fail: impl Fn(std::io::Error) -> E,
        mut look: impl FnMut(u64, u64) -> Result<(), E>,
    ) -> Result<u64, E> {
        let mut block = vec![0; BLOCK_BYTES];
        let mut all = 0;
        loop {
            let count = file.read(&mut block).map_err(&fail)?;
            if count == 0 {
                return Ok(all);
            }
            self.update(&block[..count]);
            all += count as u64;
            look(count as u64, all)?;
        }
    }

    /// Whether all of it was `wanted`.
    pub(super) fn is(self, wanted: &Digest) -> bool {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let found: String = match self {
            Self::Git(sha1) => hex(&sha1.finalize()),
            Self::Large(sha256) => hex(&sha256.finalize()),
        };
        found == wanted.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_git_and_sha256() {
        // `printf hello | git hash-object --stdin` and `printf hello | sha256sum`.
        let git = Digest::read("\"b6fc4c620b67d95f953a5c1c1230aaab5db5a1b0\"").unwrap();
        let large =
            Digest::read("W/\"2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824\"")
                .unwrap();
        for wanted in [git, large] {
            let mut hasher = Hasher::new(&wanted, 5);
            hasher.update(b"hel");
            hasher.update(b"lo");
            assert!(hasher.is(&wanted));
            let mut other = Hasher::new(&wanted, 5);
            other.update(b"hellO");
            assert!(!other.is(&wanted));
        }
        for no in ["", "../../x", "abc", &"g".repeat(40), &"A".repeat(64)] {
            assert!(Digest::read(no).is_none(), "{no}");
        }
    }
}
