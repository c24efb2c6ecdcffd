//! What is asked of the hub: what a model consists of, and bytes of its files.
//!
//! The thread that fetches. A request is opened on a thread of its own, because looking up a name
//! and connecting can't be interrupted: when the fetch is to stop, that thread is left to end by
//! itself. All else ends when the connections are shut down (see `control`).
//!
//! Not hf-hub's own client: it follows redirects without telling where to, neither checks hashes
//! nor can be stopped, and version 1 brings an async runtime of its own.

use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{RecvTimeoutError, bounded};
use serde::Deserialize;
use ureq::http::{HeaderMap, Method, Request, Response};
use ureq::{Agent, Body};

use super::address::{joined, origin};
use super::control::{Control, LOOK_EVERY};
use super::digest::Digest;
use super::error::FetchError;
use super::settings::{Patience, Settings, Token};

/// The hub's own libraries follow as many.
const MOST_REDIRECTS: usize = 10;
/// An answer about a model is some kilobytes; with thousands of files, a few megabytes.
const MOST_ANSWER_BYTES: u64 = 16 << 20;
/// How long to stay away when a hub does not say.
const DEFAULT_PAUSE_SECONDS: u64 = 60;

/// A connection to the hub for one fetch.
pub(super) struct Hub<'a> {
    endpoint: &'a str,
    token: Option<&'a Token>,
    patience: Patience,
    agent: Agent,
    control: &'a Control,
}

/// What a model consists of, as the hub tells it.
#[derive(Debug, Deserialize)]
pub(super) struct Info {
    /// The commit.
    pub(super) sha: String,
    #[serde(default)]
    pub(super) siblings: Vec<Sibling>,
    #[serde(default)]
    tags: Vec<String>,
    #[serde(default, rename = "cardData")]
    card: Option<serde_json::Value>,
}

/// A file of a model.
#[derive(Debug, Deserialize)]
pub(super) struct Sibling {
    pub(super) rfilename: String,
    size: Option<u64>,
    #[serde(rename = "blobId")]
    blob_id: Option<String>,
    lfs: Option<Large>,
}

#[derive(Debug, Deserialize)]
struct Large {
    sha256: Option<String>,
    oid: Option<String>,
    size: Option<u64>,
}

impl Info {
    /// The licence's short name, where the model's card has one.
    pub(super) fn licence(&self) -> Option<String> {
        let card = self.card.as_ref().and_then(|card| card["license"].as_str());
        let tag = || {
            self.tags
                .iter()
                .find_map(|tag| tag.strip_prefix("license:"))
        };
        card.or_else(tag).map(str::to_owned)
    }
}

impl Sibling {
    /// Length and content, where the hub tells them along.
    pub(super) fn facts(&self) -> Option<(u64, Digest)> {
        let Some(large) = &self.lfs else {
            return Some((self.size?, Digest::read(self.blob_id.as_deref()?)?));
        };
        let name = large.sha256.as_deref().or(large.oid.as_deref())?;
        Some((large.size.or(self.size)?, Digest::read(name)?))
    }
}

/// The beginning of an answer.
pub(super) struct Opened {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    /// Who answered in the end.
    pub(super) host: String,
    pub(super) body: Body,
}

impl<'a> Hub<'a> {
    pub(super) fn new(settings: &'a Settings, control: &'a Control) -> Self {
        let patience = settings.patience;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ureq::tls::TlsConfig::builder()
            .root_certs(ureq::tls::RootCerts::PlatformVerifier)
            .unversioned_rustls_crypto_provider(provider)
            .build();
        let config = Agent::config_builder()
            .user_agent(concat!("barline/", env!("CARGO_PKG_VERSION")))
            .http_status_as_error(false)
            // Followed here: a token is for the hub alone, and a circle is to be told as one.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .tls_config(tls)
            .timeout_resolve(Some(patience.connect))
            .timeout_connect(Some(patience.connect))
            .timeout_per_read(Some(patience.stall))
            .timeout_per_write(Some(patience.stall))
            .input_buffer_size(super::digest::BLOCK_BYTES)
            .build();
        let agent = config.new_agent();
        control.watch(&agent);
        Self {
            endpoint: &settings.endpoint,
            token: settings.token.as_ref(),
            patience,
            agent,
            control,
        }
    }

    /// The name of the hub in messages.
    pub(super) fn host(&self) -> String {
        host(self.endpoint)
    }

    /// What a model consists of at a revision: a commit, or "main".
    pub(super) fn info(&self, id: &str, revision: &str) -> Result<Info, FetchError> {
        let url = format!(
            "{}/api/models/{id}/revision/{revision}?blobs=true",
            self.endpoint
        );
        let opened = self.open(Method::GET, &url, None, "the list of files", false)?;
        if opened.status != 200 {
            return Err(self.refused(&opened, id, revision, None));
        }
        let mut text = Vec::new();
        let mut reader = opened.body.into_reader().take(MOST_ANSWER_BYTES);
        if let Err(error) = reader.read_to_end(&mut text) {
            self.control.check()?;
            return Err(self.trouble(&opened.host, error.into()));
        }
        let info: Info = serde_json::from_slice(&text).map_err(|_| FetchError::BadAnswer {
            host: opened.host.clone(),
            why: "what it says of a model cannot be read".into(),
        })?;
        // It becomes the name of a folder.
        match Digest::read(&info.sha) {
            Some(commit) if commit.as_str().len() == 40 => Ok(info),
            _ => Err(FetchError::BadAnswer {
                host: opened.host,
                why: "it names no commit".into(),
            }),
        }
    }

    /// Length and content of a file, from a mirror that does not tell them with the list.
    pub(super) fn facts(
        &self,
        id: &str,
        commit: &str,
        file: &str,
    ) -> Result<(u64, Digest), FetchError> {
        let url = self.file_url(id, commit, file);
        let opened = self.open(Method::HEAD, &url, None, file, true)?;
        if !matches!(opened.status, 200 | 301..=308) {
            return Err(self.refused(&opened, id, commit, Some(file)));
        }
        let text = |names: [&str; 2]| {
            let found = names.iter().find_map(|name| opened.headers.get(*name));
            found.and_then(|value| value.to_str().ok())
        };
        let bytes = text(["x-linked-size", "content-length"]).and_then(|text| text.parse().ok());
        let digest = text(["x-linked-etag", "etag"]).and_then(Digest::read);
        bytes.zip(digest).ok_or_else(|| FetchError::BadAnswer {
            host: opened.host.clone(),
            why: format!("it tells neither length nor checksum of {file}"),
        })
    }

    /// Opens a file from a byte on. The status is 200 or 206.
    pub(super) fn file(
        &self,
        id: &str,
        commit: &str,
        file: &str,
        from: u64,
    ) -> Result<Opened, FetchError> {
        let url = self.file_url(id, commit, file);
        let from = (from > 0).then_some(from);
        let opened = self.open(Method::GET, &url, from, file, false)?;
        match opened.status {
            200 | 206 | 416 => Ok(opened),
            _ => Err(self.refused(&opened, id, commit, Some(file))),
        }
    }

    fn file_url(&self, id: &str, commit: &str, file: &str) -> String {
        format!("{}/{id}/resolve/{commit}/{file}", self.endpoint)
    }

    /// Sends a request and follows redirects; with `at_hub`, only those within the hub, since what
    /// is asked for stands in the hub's own answer.
    fn open(
        &self,
        method: Method,
        url: &str,
        from: Option<u64>,
        file: &str,
        at_hub: bool,
    ) -> Result<Opened, FetchError> {
        let home = origin(self.endpoint);
        let mut url = url.to_owned();
        let mut seen = Vec::new();
        loop {
            let is_home = origin(&url) == home;
            let mut request = Request::builder().method(method.clone()).uri(&url);
            // Whoever the hub sends us to is not to learn the token.
            if let Some(token) = self.token.filter(|_| is_home) {
                request = request.header("authorization", format!("Bearer {}", token.secret()));
            }
            if let Some(from) = from {
                request = request.header("range", format!("bytes={from}-"));
            }
            // What was compressed on the way would not have the hub's length.
            request = request.header("accept-encoding", "identity");
            let request = request.body(()).map_err(|error| FetchError::BadAnswer {
                host: host(&url),
                why: error.to_string(),
            })?;
            let response = self.send(request, &url)?;
            let status = response.status().as_u16();
            let next = match status {
                301 | 302 | 303 | 307 | 308 => response
                    .headers()
                    .get("location")
                    .and_then(|to| to.to_str().ok())
                    .map(|to| joined(&url, to)),
                _ => None,
            };
            let leaves = next.as_ref().is_some_and(|next| origin(next) != home);
            let (Some(next), false) = (next, at_hub && leaves) else {
                let (parts, body) = response.into_parts();
                return Ok(Opened {
                    status,
                    headers: parts.headers,
                    host: host(&url),
                    body,
                });
            };
            if url.starts_with("https:") && !next.starts_with("https:") {
                return Err(FetchError::BadAnswer {
                    host: host(&url),
                    why: "it sends us to an address that is not encrypted".into(),
                });
            }
            seen.push(std::mem::replace(&mut url, next));
            if seen.contains(&url) || seen.len() > MOST_REDIRECTS {
                return Err(FetchError::RedirectLoop {
                    host: host(&url),
                    file: file.to_owned(),
                });
            }
        }
    }

    fn send(&self, request: Request<()>, url: &str) -> Result<Response<Body>, FetchError> {
        let (sender, answer) = bounded(1);
        let agent = self.agent.clone();
        std::thread::Builder::new()
            .name("barline-fetch".into())
            .spawn(move || {
                // Nobody waits any more when the fetch was stopped.
                let _ = sender.send(agent.run(request));
            })
            .map_err(|error| FetchError::Unreachable {
                host: host(url),
                why: error.to_string(),
            })?;
        loop {
            self.control.check()?;
            match answer.recv_timeout(LOOK_EVERY) {
                Ok(Ok(response)) => return Ok(response),
                Ok(Err(error)) => {
                    self.control.check()?;
                    return Err(self.trouble(&host(url), error));
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(FetchError::Unreachable {
                        host: host(url),
                        why: "the connection's thread ended".into(),
                    });
                }
            }
        }
    }

    /// What a failed request or a failed read means.
    pub(super) fn trouble(&self, host: &str, error: ureq::Error) -> FetchError {
        use std::io::ErrorKind as Kind;
        use ureq::{Error, Timeout};
        let unreachable = |why: String| FetchError::Unreachable {
            host: host.to_owned(),
            why,
        };
        let untrusted = |why: String| FetchError::Untrusted {
            host: host.to_owned(),
            why,
        };
        let stalled = || FetchError::Stalled {
            host: host.to_owned(),
            seconds: self.patience.stall.as_secs(),
        };
        match error {
            Error::HostNotFound => unreachable("its name is not known".into()),
            Error::Timeout(Timeout::Resolve | Timeout::Connect) => unreachable(format!(
                "no answer within {} s",
                self.patience.connect.as_secs()
            )),
            Error::Timeout(_) => stalled(),
            Error::Tls(why) => untrusted(why.to_owned()),
            Error::Rustls(why) => untrusted(why.to_string()),
            // A body's read wraps ours.
            Error::Io(error) if error.kind() == Kind::TimedOut => stalled(),
            Error::Io(error) => match error
                .get_ref()
                .and_then(|e| e.downcast_ref::<rustls::Error>())
            {
                Some(why) => untrusted(why.to_string()),
                None => unreachable(error.to_string()),
            },
            Error::Protocol(why) => unreachable(why.to_string()),
            other => unreachable(other.to_string()),
        }
    }

    /// What an answer that is none means.
    fn refused(&self, opened: &Opened, id: &str, revision: &str, file: Option<&str>) -> FetchError {
        let (status, host) = (opened.status, opened.host.clone());
        let text = |name: &str| {
            opened
                .headers
                .get(name)
                .and_then(|value| value.to_str().ok())
        };
        let code = text("x-error-code").unwrap_or_default();
        let not_found = || FetchError::NotFound {
            host: self.host(),
            id: id.to_owned(),
        };
        let is_home = host == self.host();
        match (status, code) {
            (429, _) => FetchError::TooManyRequests {
                host,
                seconds: text("retry-after")
                    .and_then(|text| text.trim().parse().ok())
                    .unwrap_or(DEFAULT_PAUSE_SECONDS),
            },
            (408 | 500..=599, _) => FetchError::ServerTrouble { host, status },
            // An address that the hub made for a short time; it is asked for another one.
            (400..=499, _) if !is_home => FetchError::ServerTrouble { host, status },
            (401 | 403, "GatedRepo") => FetchError::Gated {
                id: id.to_owned(),
                page: format!("{}/{id}", self.endpoint),
            },
            // The hub does not tell strangers what is private from what is not there.
            (401, "RepoNotFound") => not_found(),
            (401, _) if self.token.is_none() => not_found(),
            (401 | 403, _) => FetchError::Unauthorized { host },
            (404, "RevisionNotFound") => FetchError::NoRevision {
                id: id.to_owned(),
                revision: revision.to_owned(),
            },
            (404, _) => match file {
                Some(file) => FetchError::NotAModel {
                    id: id.to_owned(),
                    lacks: file.to_owned(),
                },
                None => not_found(),
            },
            _ => FetchError::BadAnswer {
                host,
                why: format!("status {status}"),
            },
        }
    }
}

/// How long to wait before another try.
pub(super) fn wait_before(error: &FetchError, tried: u32, patience: &Patience) -> Option<Duration> {
    match error {
        FetchError::TooManyRequests { seconds, .. } => {
            let wait = Duration::from_secs(*seconds);
            (wait <= patience.longest_wait).then_some(wait)
        }
        _ => {
            let wait = patience.first_wait.saturating_mul(1 << tried.min(16));
            Some(wait.min(patience.longest_wait))
        }
    }
}

/// The part of an address that a person knows it by.
fn host(url: &str) -> String {
    let origin = origin(url);
    origin
        .split_once("://")
        .map_or(origin, |(_, host)| host)
        .to_owned()
}
