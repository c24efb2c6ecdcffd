//! Paths as `file:` URIs and back, in the lists that drags and clipboards carry.
//!
//! Pure; any thread. Never looks at the disk.

use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// One URI for an absolute path. Everything but letters, digits and `-._~/` is escaped: some
/// readers split at commas or stop at `#`.
pub(crate) fn encode(path: &Path) -> String {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut uri = String::from("file://");
    for &byte in path.as_os_str().as_bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            uri.push('%');
            uri.push(char::from(HEX[usize::from(byte >> 4)]));
            uri.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
    uri
}

/// `text/uri-list`: a line each, all with CR LF as RFC 2483 wants.
pub(crate) fn list(files: &[PathBuf]) -> String {
    files.iter().map(|path| encode(path) + "\r\n").collect()
}

/// The local files of a `text/uri-list`; comments, other machines' files and other schemes are
/// left out.
pub(crate) fn paths(list: &[u8]) -> Vec<PathBuf> {
    list.split(|byte| b"\r\n\0".contains(byte))
        .filter_map(path)
        .collect()
}

fn path(line: &[u8]) -> Option<PathBuf> {
    let scheme = line.get(..5)?;
    let rest = line.get(5..)?;
    if !scheme.eq_ignore_ascii_case(b"file:") {
        return None;
    }
    // `file:/a`, `file:///a` and `file://localhost/a` are the same; so is this machine's name,
    // which old programs write.
    let path = match rest.strip_prefix(b"//") {
        Some(rest) => {
            let slash = rest.iter().position(|&byte| byte == b'/')?;
            let (machine, path) = rest.split_at(slash);
            let ours = machine.is_empty()
                || machine.eq_ignore_ascii_case(b"localhost")
                || std::fs::read("/proc/sys/kernel/hostname")
                    .is_ok_and(|name| name.trim_ascii().eq_ignore_ascii_case(machine));
            if !ours {
                return None;
            }
            path
        }
        None => rest,
    };
    let bytes = decode(path)?;
    (bytes.first() == Some(&b'/') && !bytes.contains(&0))
        .then(|| PathBuf::from(std::ffi::OsString::from_vec(bytes)))
}

/// Escapes undone; `None` where one is cut short or is no number.
fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.iter();
    while let Some(&byte) = rest.next() {
        bytes.push(if byte == b'%' {
            let mut digit = || char::from(*rest.next()?).to_digit(16);
            let value = digit()? * 16 + digit()?;
            u8::try_from(value).ok()?
        } else {
            byte
        });
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::{encode, list, paths};
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::path::{Path, PathBuf};

    #[test]
    fn everything_a_file_can_be_called_comes_back() {
        let every_byte: Vec<u8> = (1..=255).filter(|&byte| byte != b'/').collect();
        let names: [&[u8]; 4] = [
            b"/a b",
            "/Größe, 100 %#?.wav".as_bytes(),
            b"/\xff\xfe",
            &every_byte,
        ];
        for name in names {
            let path = Path::new("/").join(OsStr::from_bytes(name));
            let uri = encode(&path);
            assert!(
                uri.is_ascii() && !uri.contains([' ', ',', '#', '\n']),
                "{uri}"
            );
            assert_eq!(paths(uri.as_bytes()), [path], "{uri}");
        }
    }

    #[test]
    fn spelled_as_others_spell_it() {
        assert_eq!(
            encode(Path::new("/é ü/1.wav")),
            "file:///%C3%A9%20%C3%BC/1.wav"
        );
        let two = [PathBuf::from("/a"), PathBuf::from("/b")];
        assert_eq!(list(&two), "file:///a\r\nfile:///b\r\n");
    }

    fn check(list: &str, expected: &[&str]) {
        let expected: Vec<PathBuf> = expected.iter().map(PathBuf::from).collect();
        assert_eq!(paths(list.as_bytes()), expected, "{list:?}");
    }

    #[test]
    fn other_programs_lists_are_read() {
        check("file:///a%20b\r\nfile:///c\r\n", &["/a b", "/c"]);
        check("file:///a\nfile:///b", &["/a", "/b"]);
        check("# a comment\r\nFILE://localhost/a", &["/a"]);
        check("file:/a", &["/a"]);
        check("file:///a\0", &["/a"]);
    }

    #[test]
    fn what_is_no_file_here_is_left_out() {
        check("", &[]);
        check("https://example.org/a.wav", &[]);
        check("file://another.machine.invalid/a", &[]);
        check("file://", &[]);
        check("file:relative", &[]);
        check("file:///%4", &[]);
        check("file:///%zz", &[]);
        check("file:///a%00b", &[]);
    }
}
