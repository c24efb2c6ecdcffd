//! How long a large library takes to open and to search.

use std::path::Path;
use std::time::{Duration, Instant};

use barline_library::{COLUMNS, Order, Peaks, Query};
use rusqlite::params;
use tempfile::tempdir;

use crate::rig::{facts, open};

const WORDS: [&str; 40] = [
    "dark", "techno", "warm", "house", "drums", "bass", "pads", "lofi", "jazz", "piano", "strings",
    "acid", "deep", "slow", "bright", "guitar", "funk", "soul", "trap", "ambient", "rain", "vinyl",
    "analog", "synth", "lead", "arp", "break", "jungle", "dub", "reggae", "choir", "bells", "kick",
    "clap", "shaker", "organ", "brass", "flute", "minimal", "punchy",
];

/// Fills the index with rows as the library writes them, without their files, which searching
/// does not look at; the takes of one library cost as much as their sound takes to write.
fn fill(folder: &Path, takes: u64) {
    drop(open(folder));
    let mut db = rusqlite::Connection::open(folder.join("library.sqlite")).expect("an index");
    let change = db.transaction().expect("a change");
    let mut state = 1u64;
    let mut random = |below: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        ((state >> 33) % below) as i64
    };
    let peaks = vec![3u8; 2 * COLUMNS];
    for number in 0..takes {
        let words: Vec<_> = (0..12).map(|_| WORDS[random(40) as usize]).collect();
        let mut facts = facts(&words.join(" "));
        facts.name = words[..3].join(" ");
        facts.settings = format!("{{\"long\":\"{}\"}}", "x".repeat(600));
        facts.peaks = Peaks::default();
        let tempo = (random(11) != 0).then(|| 60 + random(120));
        let is_favourite = random(20) == 0;
        let row = number as i64;
        let mut id = [0u8; 32];
        id[..8].copy_from_slice(&(number.wrapping_mul(0x9e37_79b9_7f4a_7c15)).to_be_bytes());
        let sql = "INSERT INTO takes VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 1000000, NULL)";
        let date = 1_600_000_000 + random(100_000_000);
        let key = ["a minor", "f# minor", "c major"][random(3) as usize];
        let score = random(1000) as f64 / 1000.0;
        let values = params![row, id, date, facts.name, tempo, key, score, is_favourite];
        change.execute(sql, values).expect("a row");
        let text = format!("{} {} musicgen small {key}", facts.name, facts.prompt);
        let json = serde_json::to_string(&facts).expect("JSON");
        let sql = "INSERT INTO details VALUES (?1, ?2, '[\"club\"]', ?3, ?4)";
        change
            .execute(sql, params![row, json, peaks, text])
            .expect("a row");
        if number % 10 == 0 {
            let sql = "INSERT INTO tags VALUES ('club', ?1, 'club')";
            change.execute(sql, [row]).expect("a row");
        }
    }
    // Shelves that agree, so that no take without its file is missed.
    change.commit().expect("written");
}

fn queries() -> Vec<(&'static str, Query)> {
    let text = |text: &str| Query {
        text: text.into(),
        ..Query::default()
    };
    vec![
        ("all", Query::default()),
        (
            "all, by name",
            Query {
                order: Order::Name,
                ..Query::default()
            },
        ),
        (
            "all, by tempo",
            Query {
                order: Order::Tempo,
                ..Query::default()
            },
        ),
        (
            "all, by score",
            Query {
                order: Order::Score,
                ..Query::default()
            },
        ),
        (
            "all, far down",
            Query {
                offset: 40_000,
                ..Query::default()
            },
        ),
        ("one word", text("techno")),
        ("one letter", text("d")),
        ("a word of all", text("musicgen")),
        (
            "a word of all, by name",
            Query {
                order: Order::Name,
                ..text("musicgen")
            },
        ),
        ("three words", text("dark techno dru")),
        ("no hit", text("accordion")),
        (
            "tempo",
            Query {
                tempo_bpm: Some(118.0..=122.0),
                ..Query::default()
            },
        ),
        (
            "wide tempo, by name",
            Query {
                tempo_bpm: Some(60.0..=180.0),
                order: Order::Name,
                ..Query::default()
            },
        ),
        (
            "key",
            Query {
                key: Some("F# minor".into()),
                ..Query::default()
            },
        ),
        (
            "favourites",
            Query {
                favourites_only: true,
                ..Query::default()
            },
        ),
        (
            "tag",
            Query {
                tags: vec!["club".into()],
                ..Query::default()
            },
        ),
        (
            "everything",
            Query {
                tempo_bpm: Some(90.0..=130.0),
                key: Some("A minor".into()),
                favourites_only: true,
                tags: vec!["club".into()],
                order: Order::Tempo,
                ..text("dark d")
            },
        ),
    ]
}

/// The best of some runs: what it costs when nobody else uses the machine.
fn best(runs: usize, mut work: impl FnMut()) -> Duration {
    let times = (0..runs).map(|_| {
        let start = Instant::now();
        work();
        start.elapsed()
    });
    times.min().unwrap_or_default()
}

fn check(takes: u64, limit: Duration) {
    let folder = tempdir().expect("a folder");
    fill(folder.path(), takes);
    let mut library = open(folder.path());
    assert_eq!(library.count().expect("a number"), takes);
    let mut slow = Vec::new();
    let mut measure = |name: &str, work: &mut dyn FnMut()| {
        let time = best(7, work);
        eprintln!("{takes} takes, {name}: {:.2} ms", time.as_secs_f64() * 1e3);
        if time > limit {
            slow.push(name.to_owned());
        }
    };
    for (name, query) in queries() {
        measure(name, &mut || {
            library.search(&query).expect("a page");
        });
    }
    measure("size", &mut || {
        library.total_bytes().expect("a sum");
    });
    measure("changed", &mut || {
        library.changed().expect("an answer");
    });
    let over = best(3, || {
        library.over_limit().expect("an answer");
    });
    eprintln!("over the limit: {:.2} ms", over.as_secs_f64() * 1e3);
    eprintln!(
        "opening: {:.2} ms",
        best(3, || drop(open(folder.path()))).as_secs_f64() * 1e3
    );
    assert!(slow.is_empty(), "over {limit:?}: {slow:?}");
}

#[test]
fn a_library_of_3000_is_searched_at_once() {
    check(3000, Duration::from_millis(30));
}

/// Ten milliseconds on a machine with nothing else to do, in a release build or this profile:
/// SQLite is optimised in both.
#[test]
#[ignore = "a measurement, for a quiet machine"]
fn a_library_of_50000_is_searched_within_10_ms() {
    check(50_000, Duration::from_millis(10));
}
