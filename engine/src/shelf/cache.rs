//! A model's place in the Hugging Face cache: `blobs` (contents under their checksums), `snapshots`
//! (a folder of links for each commit) and `refs` (which commit a branch is).
//!
//! Any thread but the audio thread. Laid out as all programs of the hub do it, so that what one of
//! them fetched serves all.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use hf_hub::{Cache, CacheRepo, Repo};

use super::digest::Digest;

/// Where one model lies.
#[derive(Debug)]
pub(super) struct Place {
    id: String,
    folder_name: String,
    root: PathBuf,
    locks: PathBuf,
    repo: CacheRepo,
}

impl Place {
    /// The place of the model `id` in the cache `cache`.
    pub(super) fn new(cache: &Path, id: &str) -> Self {
        let repo = Repo::model(id.to_owned());
        let folder_name = repo.folder_name();
        Self {
            root: cache.join(&folder_name),
            locks: cache.join(".locks").join(&folder_name),
            repo: Cache::new(cache.to_owned()).repo(repo),
            id: id.to_owned(),
            folder_name,
        }
    }

    /// The model's id.
    pub(super) fn id(&self) -> String {
        self.id.clone()
    }

    /// `models--OWNER--NAME`.
    pub(super) fn folder_name(&self) -> &str {
        &self.folder_name
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// A content; the file is whole or not there.
    pub(super) fn blob(&self, digest: &Digest) -> PathBuf {
        self.root.join("blobs").join(digest.as_str())
    }

    /// What has come of a content, under the name that the hub's Python library gave it before
    /// version 2 (which uses a name of its own in each process, and so never touches this one).
    pub(super) fn partial(&self, digest: &Digest) -> PathBuf {
        self.root.join("blobs").join(format!("{digest}.incomplete"))
    }

    /// Held by whoever fetches a content.
    pub(super) fn lock(&self, digest: &Digest) -> PathBuf {
        self.locks.join(format!("{digest}.lock"))
    }

    pub(super) fn snapshot(&self, commit: &str) -> PathBuf {
        self.repo.pointer_path(commit)
    }

    /// The commit that "main" was when somebody last asked the hub.
    pub(super) fn main(&self) -> Option<String> {
        let text = fs::read_to_string(self.root.join("refs/main")).ok()?;
        let commit = Digest::read(&text).filter(|commit| commit.as_str().len() == 40)?;
        Some(commit.into())
    }

    /// Notes what "main" is. hf-hub's own way leaves the file empty for a moment.
    pub(super) fn set_main(&self, commit: &str) -> io::Result<()> {
        let refs = self.root.join("refs");
        fs::create_dir_all(&refs)?;
        let file = tempfile::NamedTempFile::new_in(&refs)?;
        fs::write(file.path(), commit)?;
        file.persist(refs.join("main"))?;
        Ok(())
    }

    /// Lets a snapshot have a content under a file's name. Gives whether it was not there before.
    /// `to` is a plain name: `layout` lets no other through.
    pub(super) fn link(&self, commit: &str, to: &str, digest: &Digest) -> io::Result<bool> {
        let folder = self.snapshot(commit);
        fs::create_dir_all(&folder)?;
        let path = folder.join(to);
        if links_to(&path).is_some_and(|name| name == digest.as_str()) && path.exists() {
            return Ok(false);
        }
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        match symlink(&Path::new("../../blobs").join(digest.as_str()), &path) {
            Ok(()) => Ok(true),
            // As the Python library does where there are no links: the content itself moves.
            Err(_) => fs::rename(self.blob(digest), &path).map(|()| true),
        }
    }

    /// What file a snapshot has under a name, if it is a link: the name of a blob.
    pub(super) fn linked(&self, commit: &str, name: &str) -> Option<Digest> {
        Digest::read(&links_to(&self.snapshot(commit).join(name))?)
    }

    /// Whether any snapshot has this content.
    pub(super) fn is_used(&self, digest: &Digest) -> bool {
        let Ok(snapshots) = fs::read_dir(self.root.join("snapshots")) else {
            return false;
        };
        let mut folders: Vec<PathBuf> = snapshots.flatten().map(|entry| entry.path()).collect();
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
                let path = entry.path();
                if links_to(&path).is_some_and(|name| name == digest.as_str()) {
                    return true;
                }
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    folders.push(path);
                }
            }
        }
        false
    }

    /// Deletes folders of the model that have become empty.
    pub(super) fn tidy(&self) {
        let snapshots = self.root.join("snapshots");
        let commits = fs::read_dir(&snapshots).into_iter().flatten().flatten();
        for folder in commits.map(|entry| entry.path()) {
            // Fails for one that is not empty, which is right.
            let _ = fs::remove_dir(folder);
        }
        if self
            .main()
            .is_some_and(|commit| !self.snapshot(&commit).exists())
        {
            let _ = fs::remove_file(self.root.join("refs/main"));
        }
        for folder in [
            &snapshots,
            &self.root.join("blobs"),
            &self.root.join("refs"),
            &self.root,
        ] {
            let _ = fs::remove_dir(folder);
        }
    }
}

/// The last part of where a link leads.
fn links_to(path: &Path) -> Option<String> {
    let target = fs::read_link(path).ok()?;
    target.file_name()?.to_str().map(str::to_owned)
}

#[cfg(unix)]
fn symlink(to: &Path, at: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(to, at)
}

#[cfg(windows)]
fn symlink(to: &Path, at: &Path) -> io::Result<()> {
    std::os::windows::fs::symlink_file(to, at)
}

/// What a folder is called in facts and messages: the id of a snapshot's model ("OWNER/NAME"), else
/// the folder's own name.
#[must_use]
pub fn folder_title(folder: &Path) -> String {
    let own = folder.file_name().unwrap_or(folder.as_os_str());
    let id = || {
        let snapshots = folder.parent()?;
        let root = snapshots.parent()?.file_name()?.to_str()?;
        let is_snapshot = snapshots.file_name()? == "snapshots";
        let id = root.strip_prefix("models--").filter(|_| is_snapshot)?;
        Some(id.replace("--", "/"))
    };
    id().unwrap_or_else(|| own.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_is_called_by_its_model() {
        let path = Path::new("h/models--facebook--musicgen-small/snapshots/4c8334b0");
        assert_eq!(folder_title(path), "facebook/musicgen-small");
        assert_eq!(folder_title(Path::new("models/mine")), "mine");
        assert_eq!(folder_title(Path::new("snapshots/mine")), "mine");
    }

    #[test]
    fn contents_know_whether_they_are_used() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::new(folder.path(), "some/tiny");
        let digest = Digest::read(&"a".repeat(40)).unwrap();
        let (one, two) = ("1".repeat(40), "2".repeat(40));
        fs::create_dir_all(place.root().join("blobs")).unwrap();
        fs::write(place.blob(&digest), "x").unwrap();
        assert!(!place.is_used(&digest));
        assert!(place.link(&one, "config.json", &digest).unwrap());
        assert!(!place.link(&one, "config.json", &digest).unwrap());
        place.link(&two, "config.json", &digest).unwrap();
        assert_eq!(
            fs::read(place.snapshot(&one).join("config.json")).unwrap(),
            b"x"
        );
        place.set_main(&one).unwrap();
        assert_eq!(place.main().as_deref(), Some(&*one));
        fs::remove_file(place.snapshot(&one).join("config.json")).unwrap();
        assert!(place.is_used(&digest));
        place.tidy();
        assert!(!place.snapshot(&one).exists() && place.snapshot(&two).exists());
        assert_eq!(place.main(), None);
        assert_eq!(place.folder_name(), "models--some--tiny");
    }
}
