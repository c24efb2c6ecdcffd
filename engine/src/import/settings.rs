//! The settings of a training, as a checkpoint holds them: the text of a YAML file.
//!
//! Any thread. Of YAML only what a program writes who dumps plain tables: `name: value` lines, two
//! blanks deeper for what belongs to a name. Anything else says nothing.

/// The value of a name in a section; an empty section is the outermost.
pub(super) fn setting<'t>(text: &'t str, section: &str, name: &str) -> Option<&'t str> {
    let mut within = section.is_empty();
    let indent = if section.is_empty() { 0 } else { 2 };
    for line in text.lines() {
        let depth = line.len() - line.trim_start_matches(' ').len();
        let Some((key, value)) = line.trim().split_once(':') else {
            continue;
        };
        if depth == 0 && !section.is_empty() {
            within = key == section;
        } else if within && depth == indent && key == name {
            let value = value.trim().trim_matches(['"', '\'']);
            return Some(value).filter(|value| !value.is_empty() && *value != "null");
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_in_their_section() {
        let text = "sample_rate: 32000\nencodec:\n  num_heads: 3\n  seanet:\n    ratios: null\ntransformer_lm:\n  n_q: 4\n  inner:\n    num_heads: 5\n  num_heads: 16\n  none: null\n";
        assert_eq!(setting(text, "", "sample_rate"), Some("32000"));
        assert_eq!(setting(text, "transformer_lm", "num_heads"), Some("16"));
        assert_eq!(setting(text, "transformer_lm", "sample_rate"), None);
        assert_eq!(setting(text, "transformer_lm", "none"), None);
        assert_eq!(setting("", "a", "b"), None);
        assert_eq!(setting("\u{feff}: :\n::\n  :", "a", "b"), None);
    }
}
