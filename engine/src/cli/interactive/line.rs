//! What a typed line means: a prompt, or a command with a slash before it.
//!
//! Any thread. Pure.

use barline_engine::prompt::Key;

/// Every command: its name, what stands after it, what it does.
pub(super) const COMMANDS: [(&str, &str, &str); 14] = [
    ("/bpm", "N", "tempo in beats a minute"),
    ("/bars", "N", "length in bars"),
    ("/beats", "N", "beats in a bar"),
    ("/key", "KEY|off", "key, such as Am or F#"),
    ("/negative", "TEXT|off", "what it should not sound like"),
    ("/seed", "N|random", "seed of the next loops"),
    ("/again", "", "the same words with another seed"),
    (
        "/save",
        "[NAME]",
        "write the last loop as WAV, FLAC or AIFF",
    ),
    ("/play", "", "play the last loop from its beginning"),
    ("/stop", "", "stop playing"),
    ("/volume", "0-100", "how loud it is played"),
    ("/settings", "", "what holds for the next loop"),
    ("/help", "", "this list"),
    ("/quit", "", "end"),
];

/// A line that was understood.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Line {
    /// Nothing was typed.
    Empty,
    /// Make a loop of these words.
    Prompt(String),
    Bpm(f64),
    Bars(u32),
    Beats(u32),
    Key(Option<Key>),
    Negative(Option<String>),
    Seed(Option<u64>),
    Again,
    Save(Option<String>),
    Play,
    Stop,
    /// From 0 to 1.
    Volume(f32),
    Settings,
    Help,
    Quit,
}

impl Line {
    /// Reads a line.
    ///
    /// # Errors
    /// What is wrong with a command, in words.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(Self::Empty);
        }
        if !text.starts_with('/') {
            return Ok(Self::Prompt(text.to_owned()));
        }
        let (name, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        let rest = rest.trim();
        let number = |range: std::ops::RangeInclusive<f64>| {
            let value = rest.parse().ok().filter(|value| range.contains(value));
            let (low, high) = (range.start(), range.end());
            value.ok_or_else(|| format!("{name} takes a number between {low} and {high}"))
        };
        let whole = |range| {
            let value = number(range)?;
            let is_whole = value.fract() == 0.0;
            is_whole
                .then_some(value as u32)
                .ok_or_else(|| format!("{name} takes a whole number"))
        };
        match name {
            "/bpm" => number(20.0..=400.0).map(Self::Bpm),
            "/bars" => whole(1.0..=1024.0).map(Self::Bars),
            "/beats" => whole(1.0..=16.0).map(Self::Beats),
            "/key" if rest == "off" => Ok(Self::Key(None)),
            "/key" => {
                let key = rest.parse::<Key>().map_err(|error| error.to_string())?;
                Ok(Self::Key(Some(key)))
            }
            "/negative" if rest.is_empty() => Err("/negative takes words or \"off\"".into()),
            "/negative" if rest == "off" => Ok(Self::Negative(None)),
            "/negative" => Ok(Self::Negative(Some(rest.to_owned()))),
            "/seed" if rest == "random" => Ok(Self::Seed(None)),
            "/seed" => {
                let seed = rest.parse().ok();
                let seed = seed.ok_or("/seed takes a whole number or \"random\"")?;
                Ok(Self::Seed(Some(seed)))
            }
            "/again" => Ok(Self::Again),
            "/save" => Ok(Self::Save((!rest.is_empty()).then(|| rest.to_owned()))),
            "/play" => Ok(Self::Play),
            "/stop" => Ok(Self::Stop),
            "/volume" => Ok(Self::Volume(number(0.0..=100.0)? as f32 / 100.0)),
            "/settings" => Ok(Self::Settings),
            "/help" => Ok(Self::Help),
            "/quit" | "/exit" => Ok(Self::Quit),
            _ => Err(format!("{name} is no command: /help lists them")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_mean_what_they_say() {
        let read = Line::read;
        assert_eq!(read("  \t"), Ok(Line::Empty));
        assert_eq!(
            read(" techno drums "),
            Ok(Line::Prompt("techno drums".into()))
        );
        assert_eq!(read("/bpm 97.5"), Ok(Line::Bpm(97.5)));
        assert_eq!(read("/bars  8"), Ok(Line::Bars(8)));
        assert_eq!(read("/key Am"), Ok(Line::Key("Am".parse().ok())));
        assert_eq!(read("/key off"), Ok(Line::Key(None)));
        let negative = Line::Negative(Some("loud vocals".into()));
        assert_eq!(read("/negative loud vocals"), Ok(negative));
        assert_eq!(read("/negative off"), Ok(Line::Negative(None)));
        assert_eq!(
            read("/seed 18446744073709551615"),
            Ok(Line::Seed(Some(u64::MAX)))
        );
        assert_eq!(read("/seed random"), Ok(Line::Seed(None)));
        assert_eq!(
            read("/save my loop.flac"),
            Ok(Line::Save(Some("my loop.flac".into())))
        );
        assert_eq!(read("/save"), Ok(Line::Save(None)));
        assert_eq!(read("/volume 50"), Ok(Line::Volume(0.5)));
        for wrong in [
            "/bpm",
            "/bpm fast",
            "/bpm 10",
            "/bars 1.5",
            "/seed -1",
            "/key H",
            "/",
            "/sav",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn every_command_of_the_list_is_known() {
        for (name, after, _) in COMMANDS {
            let said = Line::read(name);
            let unknown = said.is_err_and(|why| why.contains("no command"));
            assert!(!unknown, "{name}");
            assert!(after.is_empty() || after.starts_with('[') || Line::read(name).is_err());
        }
    }
}
