//! A model hub on the loopback, which misbehaves when it is told to.
//!
//! Threads of its own: one that listens at each of two ports (the hub's, and that of the host which
//! large files come from), one for each connection. One request a connection.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use sha1::Sha1;
use sha2::{Digest, Sha256};

/// Files from here on are "large": named by their SHA-256 and served by the other host.
pub(crate) const LARGE_BYTES: usize = 400_000;

/// What is done to a request instead of serving it.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
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
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) range: Option<String>,
    pub(crate) authorization: Option<String>,
    /// Whether it came to the host of the large files.
    pub(crate) elsewhere: bool,
}

#[derive(Default)]
struct State {
    /// Files of a model by id; each `push` is a commit.
    models: BTreeMap<String, Vec<(String, Files)>>,
    /// On requests whose path ends so, so many times.
    faults: Vec<(&'static str, Fault, u32)>,
    asked: Vec<Asked>,
}

type Files = BTreeMap<String, Vec<u8>>;

/// The hub; it ends when it is dropped.
pub(crate) struct Hub {
    pub(crate) endpoint: String,
    state: Arc<Mutex<State>>,
    stop: Arc<AtomicBool>,
}

impl Hub {
    /// A hub with the files of a folder as the model `id`.
    pub(crate) fn with(id: &str, folder: &Path) -> Result<Self> {
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
    pub(crate) fn push(&self, id: &str, files: Files) -> String {
        let mut state = self.lock();
        let commits = state.models.entry(id.to_owned()).or_default();
        let commit = hex(&Sha1::digest(format!("{id} {}", commits.len())));
        commits.push((commit.clone(), files));
        commit
    }

    /// The files of a model's newest commit.
    pub(crate) fn files(&self, id: &str) -> Files {
        let state = self.lock();
        let newest = state.models.get(id).and_then(|commits| commits.last());
        newest.map(|(_, files)| files.clone()).unwrap_or_default()
    }

    /// The next so many requests whose path ends with `end` go wrong.
    pub(crate) fn fail(&self, end: &'static str, fault: Fault, times: u32) {
        self.lock().faults.push((end, fault, times));
    }

    /// All goes well again.
    pub(crate) fn heal(&self) {
        self.lock().faults.clear();
    }

    /// The requests that came since this was asked before.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.lock().asked)
    }

    /// Waits until a request came whose path ends so.
    pub(crate) fn wait_for(&self, end: &str) -> Result<()> {
        self.wait_until(end, |_| true)
    }

    /// The same for a large file, of which the hub itself only says where it lies.
    pub(crate) fn wait_for_large(&self, end: &str) -> Result<()> {
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

struct Connection {
    stream: TcpStream,
    state: Arc<Mutex<State>>,
    stop: Arc<AtomicBool>,
    elsewhere: String,
    is_other: bool,
}

impl Connection {
    fn serve(mut self) -> Result<()> {
        let mut reader = BufReader::new(self.stream.try_clone()?);
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let mut words = line.split_whitespace();
        let method = words.next().context("no method")?.to_owned();
        let path = words.next().context("no path")?.to_owned();
        let (mut range, mut authorization) = (None, None);
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 || line.trim().is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').context("no header")?;
            match name.to_ascii_lowercase().as_str() {
                "range" => range = Some(value.trim().to_owned()),
                "authorization" => authorization = Some(value.trim().to_owned()),
                _ => {}
            }
        }
        let path = path.split('?').next().unwrap_or_default().to_owned();
        let fault = {
            // Only who serves a file can spoil it.
            let redirects = !self.is_other
                && self
                    .find(&path)
                    .is_some_and(|(_, bytes)| bytes.len() >= LARGE_BYTES);
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.asked.push(Asked {
                method: method.clone(),
                path: path.clone(),
                range: range.clone(),
                authorization,
                elsewhere: self.is_other,
            });
            let fault = state.faults.iter_mut().find(|(end, fault, times)| {
                path.ends_with(end) && *times > 0 && !(redirects && fault.is_of_bytes())
            });
            fault.map(|(_, fault, times)| {
                *times -= 1;
                fault.clone()
            })
        };
        match fault {
            Some(Fault::Status(status, headers)) => return self.head(status, headers, b""),
            Some(Fault::Nonsense) => return self.head(200, "", b"<html>welcome</html>"),
            Some(Fault::Stall(None)) => return self.wait(),
            Some(Fault::Circle) => {
                let to = match path.strip_suffix("-again") {
                    Some(path) => path.to_owned(),
                    None => format!("{path}-again"),
                };
                return self.head(302, &format!("Location: {to}\r\n"), b"");
            }
            _ => {}
        }
        if let Some(rest) = path.strip_prefix("/api/models/") {
            return self.info(rest, matches!(fault, Some(Fault::Terse)));
        }
        let Some((commit, bytes)) = self.find(&path) else {
            return self.head(404, "X-Error-Code: EntryNotFound\r\n", b"");
        };
        let is_large = bytes.len() >= LARGE_BYTES;
        let etag = if is_large {
            large(&bytes)
        } else {
            small(&bytes)
        };
        let mut headers = format!("X-Repo-Commit: {commit}\r\nETag: \"{etag}\"\r\n");
        if is_large && !self.is_other {
            let (len, to) = (bytes.len(), &self.elsewhere);
            headers = format!(
                "X-Repo-Commit: {commit}\r\nX-Linked-ETag: \"{etag}\"\r\nX-Linked-Size: {len}\r\n\
                 Location: {to}{path}\r\n"
            );
            // As the hub's own storage it is named, and served by another host.
            return self.head(302, &headers, b"");
        }
        if method == "HEAD" {
            let text = format!(
                "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n",
                bytes.len()
            );
            self.stream.write_all(text.as_bytes())?;
            return Ok(());
        }
        self.file(bytes, range, &headers, fault)
    }

    /// `/OWNER/NAME/resolve/COMMIT/FILE`
    fn find(&self, path: &str) -> Option<(String, Vec<u8>)> {
        let (id, rest) = path.strip_prefix('/')?.split_once("/resolve/")?;
        let (revision, name) = rest.split_once('/')?;
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let commits = state.models.get(id)?;
        let (commit, files) = commits
            .iter()
            .rev()
            .find(|(commit, _)| revision == "main" || commit == revision)?;
        Some((commit.clone(), files.get(name)?.clone()))
    }

    /// `OWNER/NAME/revision/REVISION`
    fn info(mut self, rest: &str, terse: bool) -> Result<()> {
        let (id, revision) = rest.split_once("/revision/").unwrap_or((rest, "main"));
        let found = {
            let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.models.get(id).map(|commits| {
                let is = |(commit, _): &&(String, Files)| revision == "main" || commit == revision;
                commits.iter().rev().find(is).cloned()
            })
        };
        let (commit, files) = match found {
            None => return self.head(401, "X-Error-Code: RepoNotFound\r\n", b""),
            Some(None) => return self.head(404, "X-Error-Code: RevisionNotFound\r\n", b""),
            Some(Some(found)) => found,
        };
        let siblings = files.iter().map(|(name, bytes)| {
            let mut file = json!({"rfilename": name});
            if !terse {
                file["size"] = json!(bytes.len());
                file["blobId"] = json!(small(bytes));
            }
            if !terse && bytes.len() >= LARGE_BYTES {
                file["lfs"] =
                    json!({"sha256": large(bytes), "size": bytes.len(), "pointerSize": 135});
            }
            file
        });
        let body = json!({
            "id": id,
            "modelId": id,
            "sha": commit,
            "private": false,
            "gated": false,
            "downloads": 0,
            "likes": 0,
            "tags": ["musicgen", "license:cc-by-nc-4.0"],
            "cardData": {"license": "cc-by-nc-4.0"},
            "siblings": siblings.collect::<Vec<Value>>(),
        });
        self.head(
            200,
            "Content-Type: application/json\r\n",
            body.to_string().as_bytes(),
        )
    }

    fn file(
        mut self,
        mut bytes: Vec<u8>,
        range: Option<String>,
        headers: &str,
        fault: Option<Fault>,
    ) -> Result<()> {
        match fault {
            Some(Fault::Length(more)) => {
                bytes.resize(usize::try_from(bytes.len() as i64 + more)?, 7);
            }
            Some(Fault::Damage) => {
                let middle = bytes.len() / 2;
                bytes[middle] ^= 1;
            }
            _ => {}
        }
        let all = bytes.len();
        let asked = range.filter(|_| !matches!(fault, Some(Fault::Whole)));
        let from: Option<usize> = asked.and_then(|range| {
            let span = range.strip_prefix("bytes=")?;
            span.split('-').next()?.parse().ok()
        });
        let start = from.unwrap_or(0);
        if start >= all && from.is_some() {
            let range = format!("Content-Range: bytes */{all}\r\n");
            return self.head(416, &range, b"");
        }
        let status = match from {
            None => "200 OK".to_owned(),
            Some(_) => format!(
                "206 Partial Content\r\nContent-Range: bytes {start}-{}/{all}",
                all - 1
            ),
        };
        let length = all - start;
        let head = format!(
            "HTTP/1.1 {status}\r\nConnection: close\r\nAccept-Ranges: bytes\r\nContent-Length: \
             {length}\r\n{headers}\r\n"
        );
        self.stream.write_all(head.as_bytes())?;
        match fault {
            Some(Fault::Cut(at)) => self.stream.write_all(&bytes[start..at.clamp(start, all)])?,
            Some(Fault::Stall(Some(at))) => {
                self.stream.write_all(&bytes[start..at.clamp(start, all)])?;
                self.wait()?;
            }
            Some(Fault::Slow(part, milliseconds)) => {
                for part in bytes[start..].chunks(part) {
                    self.stream.write_all(part)?;
                    std::thread::sleep(Duration::from_millis(milliseconds));
                }
            }
            _ => self.stream.write_all(&bytes[start..])?,
        }
        Ok(())
    }

    fn head(&mut self, status: u16, headers: &str, body: &[u8]) -> Result<()> {
        let head = format!(
            "HTTP/1.1 {status} So\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n",
            body.len()
        );
        self.stream.write_all(head.as_bytes())?;
        self.stream.write_all(body)?;
        Ok(())
    }

    /// Until the other end hangs up, or the hub ends.
    fn wait(&mut self) -> Result<()> {
        self.stream
            .set_read_timeout(Some(Duration::from_millis(50)))?;
        while !self.stop.load(Ordering::Acquire) {
            // An error is no end: mostly nothing came in time.
            if matches!(self.stream.read(&mut [0]), Ok(0)) {
                break;
            }
        }
        Ok(())
    }
}

/// How the hub names a small file.
pub(crate) fn small(bytes: &[u8]) -> String {
    let mut sha1 = Sha1::new();
    sha1.update(format!("blob {}\0", bytes.len()));
    sha1.update(bytes);
    hex(&sha1.finalize())
}

/// How the hub names a large one.
pub(crate) fn large(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
