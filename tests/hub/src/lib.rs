//! A model hub on the loopback, which misbehaves when it is told to.
//!
//! Threads of its own: one that listens at each of two ports (the hub's, and that of the host which
//! large files come from), one for each connection. One request a connection.

mod connection;

use std::collections::BTreeMap;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use sha1::Sha1;
use sha2::{Digest, Sha256};

use self::connection::Connection;

/// Files from here on are "large": named by their SHA-256 and served by the other host.
pub const LARGE_BYTES: usize = 400_000;

/// What is done to a request instead of serving it.
#[derive(Debug, Clone)]
pub enum Fault {
    /// The connection ends before this byte of the file.
    Cut(usize),
    /// This status, and these headers.
    Status(u16, &'static str),
    /// The file is said to be so many bytes longer (or shorter), and is.
    Length(i64),
    /// A byte of it is another.
    Damage,
    /// It is elsewhere, and there it is here.
    Circle,
    /// Nothing comes from this byte on. `None`: not even an answer.
    Stall(Option<usize>),
    /// So many bytes, then so many milliseconds.
    Slow(usize, u64),
    /// The whole file, whatever part was asked for.
    Whole,
    /// No checksums and lengths in the list of files.
    Terse,
    /// What is no answer of a hub.
    Nonsense,
}

impl Fault {
    /// Whether it is one of a file's bytes, not of an answer.
    fn is_of_bytes(&self) -> bool {
        !matches!(
            self,
            Self::Status(..) | Self::Circle | Self::Stall(None) | Self::Terse | Self::Nonsense
        )
    }
}

/// A request that came.
#[derive(Debug, Clone)]
pub struct Asked {
    /// GET or HEAD.
    pub method: String,
    /// Without what comes after a question mark.
    pub path: String,
    /// The header of that name.
    pub range: Option<String>,
    /// The header of that name.
    pub authorization: Option<String>,
    /// Whether it came to the host of the large files.
    pub elsewhere: bool,
}

#[derive(Default)]
struct State {
    /// Files of a model by id; each `push` is a commit.
    models: BTreeMap<String, Vec<(String, Files)>>,
    /// On requests whose path ends so, so many times.
    faults: Vec<(String, Fault, u32)>,
    asked: Vec<Asked>,
}

/// Contents by their names.
pub type Files = BTreeMap<String, Vec<u8>>;

/// The hub; it ends when it is dropped.
pub struct Hub {
    /// Its address: what `HF_ENDPOINT` is to be.
    pub endpoint: String,
    state: Arc<Mutex<State>>,
    stop: Arc<AtomicBool>,
}

impl Hub {
    /// A hub with the files of a folder as the model `id`.
    ///
    /// # Errors
    /// When the folder cannot be read, or there is no port.
    pub fn with(id: &str, folder: &Path) -> Result<Self> {
        let hub = Self::start()?;
        let mut files = Files::new();
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            files.insert(name, std::fs::read(entry.path())?);
        }
        // What nobody needs and nobody is to fetch.
        files.insert("pytorch_model.bin".into(), vec![1; LARGE_BYTES]);
        files.insert(".gitattributes".into(), b"*.bin filter=lfs".to_vec());
        files.insert(
            "README.md".into(),
            b"---\nlicense: cc-by-nc-4.0\n---\n".to_vec(),
        );
        hub.push(id, files);
        Ok(hub)
    }

    fn start() -> Result<Self> {
        let (own, other) = (
            TcpListener::bind("127.0.0.1:0")?,
            TcpListener::bind("127.0.0.1:0")?,
        );
        let elsewhere = format!("http://{}", other.local_addr()?);
        let hub = Self {
            endpoint: format!("http://{}", own.local_addr()?),
            state: Arc::default(),
            stop: Arc::default(),
        };
        for (listener, is_other) in [(own, false), (other, true)] {
            let (state, stop) = (Arc::clone(&hub.state), Arc::clone(&hub.stop));
            let elsewhere = elsewhere.clone();
            std::thread::spawn(move || {
                for stream in listener.incoming().flatten() {
                    if stop.load(Ordering::Acquire) {
                        return;
                    }
                    let (state, stop, elsewhere) =
                        (Arc::clone(&state), Arc::clone(&stop), elsewhere.clone());
                    std::thread::spawn(move || {
                        // Who hangs up is not to be told.
                        let _ = Connection {
                            stream,
                            state,
                            stop,
                            elsewhere,
                            is_other,
                        }
                        .serve();
                    });
                }
            });
        }
        Ok(hub)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new commit of a model. Gives its name.
    pub fn push(&self, id: &str, files: Files) -> String {
        let mut state = self.lock();
        let commits = state.models.entry(id.to_owned()).or_default();
        let commit = hex(&Sha1::digest(format!("{id} {}", commits.len())));
        commits.push((commit.clone(), files));
        commit
    }

    /// The files of a model's newest commit.
    pub fn files(&self, id: &str) -> Files {
        let state = self.lock();
        let newest = state.models.get(id).and_then(|commits| commits.last());
        newest.map(|(_, files)| files.clone()).unwrap_or_default()
    }

    /// The next so many requests whose path ends with `end` go wrong.
    pub fn fail(&self, end: &str, fault: Fault, times: u32) {
        self.lock().faults.push((end.to_owned(), fault, times));
    }

    /// All goes well again.
    pub fn heal(&self) {
        self.lock().faults.clear();
    }

    /// The requests that came since this was asked before.
    pub fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.lock().asked)
    }

    /// Waits until a request came whose path ends so.
    ///
    /// # Errors
    /// After ten seconds without one.
    pub fn wait_for(&self, end: &str) -> Result<()> {
        self.wait_until(end, |_| true)
    }

    /// The same for a large file, of which the hub itself only says where it lies.
    ///
    /// # Errors
    /// After ten seconds without one.
    pub fn wait_for_large(&self, end: &str) -> Result<()> {
        self.wait_until(end, |asked| asked.elsewhere)
    }

    fn wait_until(&self, end: &str, is: impl Fn(&Asked) -> bool) -> Result<()> {
        for _ in 0..1000 {
            let named = |asked: &Asked| asked.path.ends_with(end) && is(asked);
            if self.lock().asked.iter().any(named) {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        anyhow::bail!("nobody asks for {end}")
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        // Wakes the one that listens; the other ends with the process.
        let _ = TcpStream::connect(self.endpoint.trim_start_matches("http://"));
    }
}

/// How the hub names a small file.
pub fn small(bytes: &[u8]) -> String {
    let mut sha1 = Sha1::new();
    sha1.update(format!("blob {}\0", bytes.len()));
    sha1.update(bytes);
    hex(&sha1.finalize())
}

/// How the hub names a large one.
pub fn large(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
