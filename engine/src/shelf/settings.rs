//! Where models are kept and fetched from: what the environment says, as all programs that use the
//! Hugging Face cache read it.
//!
//! Any thread. Read once; nothing is written here.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// Where the models lie and come from.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The folder that holds `models--OWNER--NAME` folders.
    pub cache: PathBuf,
    /// The hub: <https://huggingface.co>, without a slash at its end.
    pub endpoint: String,
    /// Shown to the hub, and to nobody else.
    pub token: Option<Token>,
    /// The network is not to be used.
    pub offline: bool,
    /// Lists that add to the one that is compiled in; those that are not there are passed over.
    pub lists: Vec<PathBuf>,
    /// Where is noted what was fetched.
    pub records: PathBuf,
    /// Where is noted how fast models are on this machine (see [`super::Speeds`]).
    pub speeds: PathBuf,
    /// How long to wait, and how often to try.
    pub patience: Patience,
}

/// A secret, which is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// `None` for what can't be sent as one.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        let sendable = text.chars().all(|c| c.is_ascii_graphic());
        (sendable && !text.is_empty()).then(|| Self(text.to_owned()))
    }

    pub(super) fn secret(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// How long a fetch waits, and how often it tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// For a connection.
    pub connect: Duration,
    /// For the next byte.
    pub stall: Duration,
    /// Further tries after something that may pass by itself, counted anew when bytes came.
    pub retries: u32,
    /// Before the first of them; each waits twice as long as the one before.
    pub first_wait: Duration,
    /// A hub that wants a longer pause than this ends the fetch.
    pub longest_wait: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(15),
            stall: Duration::from_secs(30),
            retries: 4,
            first_wait: Duration::from_secs(1),
            longest_wait: Duration::from_secs(30),
        }
    }
}

impl Settings {
    /// What the environment says: `HF_HOME`, `HF_HUB_CACHE`, `HF_ENDPOINT`, `HF_TOKEN`,
    /// `HF_TOKEN_PATH`, `HF_HUB_OFFLINE`, `HF_HUB_DOWNLOAD_TIMEOUT` and their older names;
    /// `BARLINE_SHELF` names a list of models.
    #[must_use]
    pub fn from_env() -> Self {
        Self::read(&|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
    }

    fn read(get: &dyn Fn(&str) -> Option<String>) -> Self {
        let user = directories::BaseDirs::new();
        let home = user
            .as_ref()
            .map_or_else(PathBuf::new, |user| user.home_dir().to_owned());
        let expand = |text: String| match text.strip_prefix("~/") {
            Some(rest) => home.join(rest),
            None if text == "~" => home.clone(),
            None => PathBuf::from(text),
        };
        // Everywhere, macOS and Windows too: so do the hub's own libraries.
        let caches = get("XDG_CACHE_HOME").map_or_else(|| home.join(".cache"), &expand);
        let hf_home = get("HF_HOME").map_or_else(|| caches.join("huggingface"), &expand);
        let cache = get("HF_HUB_CACHE")
            .or_else(|| get("HUGGINGFACE_HUB_CACHE"))
            .map_or_else(|| hf_home.join("hub"), &expand);
        let token_file = get("HF_TOKEN_PATH").map_or_else(|| hf_home.join("token"), &expand);
        let is_true = |name| {
            let value = get(name).unwrap_or_default().to_ascii_lowercase();
            ["1", "on", "yes", "true"].contains(&value.as_str())
        };
        let token = if let Some(text) = get("HF_TOKEN").or_else(|| get("HUGGING_FACE_HUB_TOKEN")) {
            Token::new(&text)
        } else if is_true("HF_HUB_DISABLE_IMPLICIT_TOKEN") {
            None
        } else {
            let text = std::fs::read_to_string(token_file).ok();
            text.as_deref().and_then(Token::new)
        };
        let mut patience = Patience::default();
        if let Some(seconds) = get("HF_HUB_DOWNLOAD_TIMEOUT").and_then(|text| text.parse().ok()) {
            patience.stall = Duration::from_secs(u64::max(seconds, 1));
        }
        let ours = directories::ProjectDirs::from("", "", "barline");
        let lists = match get("BARLINE_SHELF") {
            Some(list) => vec![expand(list)],
            None => ours
                .iter()
                .map(|ours| ours.config_dir().join("shelf.toml"))
                .collect(),
        };
        Self {
            endpoint: get("HF_ENDPOINT").map_or_else(
                || "https://huggingface.co".into(),
                |text| text.trim().trim_end_matches('/').to_owned(),
            ),
            offline: is_true("HF_HUB_OFFLINE") || is_true("TRANSFORMERS_OFFLINE"),
            speeds: ours.as_ref().map_or_else(
                || cache.join(".barline/speeds.json"),
                |ours| ours.cache_dir().join("speeds.json"),
            ),
            records: ours.map_or_else(
                || cache.join(".barline"),
                |ours| ours.data_dir().join("shelf"),
            ),
            cache,
            token,
            lists,
            patience,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Settings {
        Settings::read(&|name| {
            let found = pairs.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn the_cache_is_where_other_programs_look() {
        let home = directories::BaseDirs::new().unwrap().home_dir().to_owned();
        assert_eq!(read(&[]).cache, home.join(".cache/huggingface/hub"));
        assert_eq!(
            read(&[("XDG_CACHE_HOME", "c")]).cache,
            PathBuf::from("c/huggingface/hub")
        );
        assert_eq!(read(&[("HF_HOME", "~/m")]).cache, home.join("m/hub"));
        let both = [("HF_HOME", "a"), ("HF_HUB_CACHE", "b")];
        assert_eq!(read(&both).cache, PathBuf::from("b"));
        assert_eq!(read(&[]).endpoint, "https://huggingface.co");
        let mirror = [("HF_ENDPOINT", "http://localhost:1/")];
        assert_eq!(read(&mirror).endpoint, "http://localhost:1");
    }

    #[test]
    fn tokens_come_from_the_environment_or_the_file() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("token"), "hf_file\n").unwrap();
        let home = folder.path().to_str().unwrap();
        let secret = |pairs: &[_]| read(pairs).token.map(|token| token.secret().to_owned());
        assert_eq!(secret(&[("HF_HOME", home)]).as_deref(), Some("hf_file"));
        let both = [("HF_HOME", home), ("HF_TOKEN", "hf_env")];
        assert_eq!(secret(&both).as_deref(), Some("hf_env"));
        let not = [("HF_HOME", home), ("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1")];
        assert_eq!(secret(&not), None);
        assert_eq!(Token::new("a\r\nX: y"), None);
        assert!(!format!("{:?}", read(&both)).contains("hf_env"));
    }

    #[test]
    fn switches_are_read_as_elsewhere() {
        assert!(read(&[("HF_HUB_OFFLINE", "YES")]).offline);
        assert!(!read(&[("HF_HUB_OFFLINE", "0")]).offline);
        let stall = read(&[("HF_HUB_DOWNLOAD_TIMEOUT", "7")]).patience.stall;
        assert_eq!(stall, Duration::from_secs(7));
    }
}
