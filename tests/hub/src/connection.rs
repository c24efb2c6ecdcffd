//! One request, and its answer or what goes wrong instead.
//!
//! A thread of its own, which ends with the answer. Faults are spent here.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::{Asked, Fault, Files, LARGE_BYTES, State, large, small};

/// What came, and what it is answered from.
pub(super) struct Connection {
    pub(super) stream: TcpStream,
    pub(super) state: Arc<Mutex<State>>,
    pub(super) stop: Arc<AtomicBool>,
    /// The address of the host of the large files.
    pub(super) elsewhere: String,
    /// This is that host.
    pub(super) is_other: bool,
}

impl Connection {
    pub(super) fn serve(mut self) -> Result<()> {
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
                path.ends_with(end.as_str()) && *times > 0 && !(redirects && fault.is_of_bytes())
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
