//! Addresses of the web, as far as following a redirect takes.
//!
//! Any thread. Text in, text out.

/// Scheme, host and port: what decides whether a token may be shown.
pub(super) fn origin(url: &str) -> &str {
    let start = url.find("://").map_or(0, |at| at + 3);
    let end = url[start..]
        .find(['/', '?', '#'])
        .map_or(url.len(), |at| start + at);
    &url[..end]
}

/// Where a redirect from `url` leads.
pub(super) fn joined(url: &str, to: &str) -> String {
    let scheme = url.split_once("://").map_or("https", |(scheme, _)| scheme);
    if to.contains("://") && !to.starts_with('/') {
        to.to_owned()
    } else if to.starts_with("//") {
        format!("{scheme}:{to}")
    } else if to.starts_with('/') {
        format!("{}{to}", origin(url))
    } else {
        let path = url.split(['?', '#']).next().unwrap_or(url);
        let folder = match path.rfind('/') {
            Some(at) if at >= origin(url).len() => &path[..at],
            _ => origin(url),
        };
        format!("{folder}/{to}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_lead_where_they_say() {
        let at = "https://hub.co:80/a/b?x=/y";
        let cases = [
            ("https://cdn.co/c", "https://cdn.co/c"),
            ("//cdn.co/c", "https://cdn.co/c"),
            ("/c?u=http://x", "https://hub.co:80/c?u=http://x"),
            ("c", "https://hub.co:80/a/c"),
        ];
        for (to, joins) in cases {
            assert_eq!(joined(at, to), joins);
        }
        assert_eq!(joined("http://hub", "c"), "http://hub/c");
    }

    #[test]
    fn another_port_is_another_origin() {
        assert_eq!(origin("http://a:1/b"), "http://a:1");
        assert_ne!(origin("http://a:1/b"), origin("http://a:2/b"));
        assert_ne!(origin("http://a/b"), origin("https://a/b"));
        assert_ne!(origin("http://a.b"), origin("http://a.bc"));
    }
}
