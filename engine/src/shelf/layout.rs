//! Which of a model's many files are needed, and no more.
//!
//! Any thread. Pure data: names in, names out.

use std::path::Path;

/// Read by every model, and what lies beside it where there is any. The card's head states the
/// licence, from which a clip's rights are told.
const BESIDE: [&str; 2] = ["generation_config.json", "README.md"];
/// AudioCraft's own form, in which fine-tunes are published.
const AUDIOCRAFT: [&str; 2] = ["state_dict.bin", "compression_state_dict.bin"];

/// The files to fetch among those that a model has, the small ones first.
///
/// # Errors
/// The file that every model in the published layouts has and this one lacks.
pub(super) fn needed(names: &[String]) -> Result<Vec<String>, String> {
    let has = |name: &str| names.iter().any(|there| there == name);
    let mut files: Vec<String> = Vec::new();
    if !has("config.json") && AUDIOCRAFT.iter().all(|name| has(name)) {
        files.extend(
            BESIDE[1..]
                .iter()
                .filter(|name| has(name))
                .map(|&name| name.into()),
        );
        files.extend(AUDIOCRAFT.map(String::from));
        return Ok(files);
    }
    for name in ["config.json", "tokenizer.json"] {
        if !has(name) {
            return Err(name.into());
        }
        files.push(name.into());
    }
    files.extend(
        BESIDE
            .iter()
            .filter(|name| has(name))
            .map(|&name| name.into()),
    );
    // Safetensors before pickles; one file before the same in parts.
    for (stem, ending) in [("model", ".safetensors"), ("pytorch_model", ".bin")] {
        let single = format!("{stem}{ending}");
        if has(&single) {
            files.push(single);
            return Ok(files);
        }
        let index = format!("{stem}{ending}.index.json");
        if has(&index) {
            files.push(index);
            files.extend(shards(names, stem, ending)?);
            return Ok(files);
        }
    }
    Err("model.safetensors".into())
}

/// All parts of weights in parts: `model-00001-of-00003.safetensors` and so on.
fn shards(names: &[String], stem: &str, ending: &str) -> Result<Vec<String>, String> {
    let of = |name: &String| {
        let middle = name.strip_prefix(stem)?.strip_suffix(ending)?;
        let (_, of) = middle.strip_prefix('-')?.split_once("-of-")?;
        let digits = of.len() == 5 && of.bytes().all(|c| c.is_ascii_digit());
        digits.then(|| of.parse::<usize>().ok())?
    };
    let count = names.iter().find_map(of).unwrap_or(1).max(1);
    let all = (1..=count).map(|part| format!("{stem}-{part:05}-of-{count:05}{ending}"));
    all.map(|name| match names.contains(&name) {
        true => Ok(name),
        false => Err(name),
    })
    .collect()
}

/// The needed files of a folder that has all of them.
pub(super) fn complete(folder: &Path) -> Option<Vec<String>> {
    let entries = std::fs::read_dir(folder).ok()?.flatten();
    // Links whose blob is gone are no files.
    let files = entries.filter(|entry| entry.path().is_file());
    let names: Vec<String> = files
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    needed(&names).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(names: &[&str]) -> Result<Vec<String>, String> {
        needed(
            &names
                .iter()
                .map(|&name| name.to_owned())
                .collect::<Vec<_>>(),
        )
    }

    #[test]
    fn one_form_of_the_weights_is_fetched() {
        let all = [
            ".gitattributes",
            "README.md",
            "compression_state_dict.bin",
            "config.json",
            "generation_config.json",
            "model.safetensors",
            "preprocessor_config.json",
            "pytorch_model.bin",
            "state_dict.bin",
            "tokenizer.json",
        ];
        let small = [
            "config.json",
            "tokenizer.json",
            "generation_config.json",
            "README.md",
        ];
        let with = |weights: &'static str| [&small[..], &[weights]].concat();
        assert_eq!(of(&all).unwrap(), with("model.safetensors"));
        let bin: Vec<_> = all
            .into_iter()
            .filter(|name| *name != "model.safetensors")
            .collect();
        assert_eq!(of(&bin).unwrap(), with("pytorch_model.bin"));
        assert_eq!(
            of(&["state_dict.bin", "compression_state_dict.bin"]).unwrap(),
            ["state_dict.bin", "compression_state_dict.bin"]
        );
    }

    #[test]
    fn parts_are_all_there_or_named() {
        let mut names = vec![
            "config.json",
            "tokenizer.json",
            "model.safetensors.index.json",
            "model-00001-of-00002.safetensors",
            "model-00002-of-00002.safetensors",
        ];
        assert_eq!(of(&names).unwrap(), names);
        names.pop();
        assert_eq!(of(&names).unwrap_err(), "model-00002-of-00002.safetensors");
        names.pop();
        assert_eq!(of(&names).unwrap_err(), "model-00001-of-00001.safetensors");
        assert_eq!(of(&names[..2]).unwrap_err(), "model.safetensors");
        assert_eq!(of(&[]).unwrap_err(), "config.json");
    }
}
