//! Searching: words, tempos, keys, tags, orders, pages; and no text that is an error.

use barline_library::{Library, Order, Query, TakeFacts};
use proptest::prelude::*;
use tempfile::tempdir;

use crate::rig::{facts, open, wav};

/// A small shop: name, prompt, tempo, key, score, tags, favourite; made in this order.
fn stocked(folder: &std::path::Path) -> Library {
    let mut library = open(folder);
    let takes = [
        (
            "Anvil",
            "dark techno, hard drums",
            Some(128.0),
            Some("A minor"),
            Some(0.9),
            "club",
            true,
        ),
        (
            "bells",
            "Caf\u{e9} jazz with bells",
            Some(97.5),
            Some("F# minor"),
            None,
            "calm",
            false,
        ),
        (
            "Cold",
            "techno bass",
            Some(140.0),
            Some("f# Minor"),
            Some(0.2),
            "club,cold",
            false,
        ),
        (
            "\u{c4}ther",
            "\u{96e8}\u{306e}\u{97f3} rain",
            None,
            None,
            Some(0.5),
            "",
            true,
        ),
        (
            "drums",
            "50% swing \"live\" drums",
            Some(97.5),
            None,
            None,
            "Calm",
            false,
        ),
    ];
    for (number, (name, prompt, tempo_bpm, key, score, tags, is_favourite)) in (0..).zip(takes) {
        let facts = TakeFacts {
            name: name.into(),
            tempo_bpm,
            key: key.map(Into::into),
            score,
            date_unix_seconds: 1_700_000_000 + number,
            ..facts(prompt)
        };
        let id = library
            .add(&wav(number as u64, 20), &facts)
            .expect("kept")
            .id;
        let tags: Vec<String> = tags.split(',').map(Into::into).collect();
        library.set_tags(id, &tags).expect("tagged");
        library.set_favourite(id, is_favourite).expect("marked");
    }
    library
}

fn names(library: &Library, query: &Query) -> Vec<String> {
    let page = library.search(query).expect("a page");
    if query.offset == 0 && page.takes.len() < query.limit as usize {
        assert_eq!(page.total, page.takes.len() as u64);
    }
    page.takes.into_iter().map(|take| take.facts.name).collect()
}

#[test]
fn words_begin_words_in_any_order() {
    let folder = tempdir().expect("a folder");
    let library = stocked(folder.path());
    let check = |text: &str, expect: &[&str]| {
        let query = Query {
            text: text.into(),
            order: Order::Oldest,
            ..Query::default()
        };
        assert_eq!(names(&library, &query), expect, "{text}");
    };
    check("tech", &["Anvil", "Cold"]);
    check("DRUMS dark", &["Anvil"]);
    check("drum", &["Anvil", "drums"]);
    check("rums", &[]);
    check("cafe", &["bells"]);
    check("CAF\u{c9} bel", &["bells"]);
    check("f#", &["bells", "Cold"]);
    check("minor f#", &["bells", "Cold"]);
    check("club", &["Anvil", "Cold"]);
    check("cold techno", &["Cold"]);
    check("musicgen rain", &["\u{c4}ther"]);
    check("ather", &["\u{c4}ther"]);
    check("\u{97f3}", &["\u{c4}ther"]);
    check("\u{96e8}\u{306e}", &["\u{c4}ther"]);
    check("50%", &["drums"]);
    check("\"live\" NOT", &[]);
    check("", &["Anvil", "bells", "Cold", "\u{c4}ther", "drums"]);
    check(" \"'*-", &["Anvil", "bells", "Cold", "\u{c4}ther", "drums"]);
}

#[test]
fn filters_and_orders() {
    let folder = tempdir().expect("a folder");
    let library = stocked(folder.path());
    let check = |query: Query, expect: &[&str]| {
        assert_eq!(names(&library, &query), expect, "{query:?}");
    };
    let all = Query::default;
    let order = |order| Query { order, ..all() };
    check(all(), &["drums", "\u{c4}ther", "Cold", "bells", "Anvil"]);
    check(
        order(Order::Oldest),
        &["Anvil", "bells", "Cold", "\u{c4}ther", "drums"],
    );
    check(
        order(Order::Name),
        &["Anvil", "\u{c4}ther", "bells", "Cold", "drums"],
    );
    check(
        order(Order::Tempo),
        &["drums", "bells", "Anvil", "Cold", "\u{c4}ther"],
    );
    check(
        order(Order::Score),
        &["Anvil", "\u{c4}ther", "Cold", "drums", "bells"],
    );
    let tempo = |low, high| Query {
        tempo_bpm: Some(low..=high),
        ..all()
    };
    check(tempo(97.5, 128.0), &["drums", "bells", "Anvil"]);
    check(
        tempo(0.0, f64::INFINITY),
        &["drums", "Cold", "bells", "Anvil"],
    );
    check(tempo(f64::NAN, f64::NAN), &[]);
    let key = |key: &str| Query {
        key: Some(key.into()),
        ..all()
    };
    check(key("F# MINOR"), &["Cold", "bells"]);
    check(key("F#"), &[]);
    check(
        Query {
            favourites_only: true,
            ..all()
        },
        &["\u{c4}ther", "Anvil"],
    );
    let tags = |tags: &[&str]| Query {
        tags: tags.iter().map(|&tag| tag.into()).collect(),
        ..all()
    };
    check(tags(&["calm"]), &["drums", "bells"]);
    check(tags(&["COLD", "club"]), &["Cold"]);
    check(tags(&["none"]), &[]);
    let both = Query {
        text: "techno".into(),
        favourites_only: true,
        tempo_bpm: Some(100.0..=130.0),
        ..all()
    };
    check(both, &["Anvil"]);
}

#[test]
fn pages_follow_each_other() {
    let folder = tempdir().expect("a folder");
    let library = stocked(folder.path());
    let mut seen = Vec::new();
    for offset in 0..6 {
        let query = Query {
            limit: 1,
            offset,
            ..Query::default()
        };
        let page = library.search(&query).expect("a page");
        assert_eq!(page.total, 5);
        assert_eq!(page.takes.len(), usize::from(offset < 5));
        seen.extend(page.takes.into_iter().map(|take| take.facts.name));
    }
    assert_eq!(seen, names(&library, &Query::default()));
}

#[test]
fn what_is_changed_or_deleted_is_found_so() {
    let folder = tempdir().expect("a folder");
    let mut library = stocked(folder.path());
    let query = |text: &str| Query {
        text: text.into(),
        ..Query::default()
    };
    let id = library.search(&query("anvil")).expect("a page").takes[0].id;
    library.rename(id, "Hammer").expect("renamed");
    library.set_tags(id, &["metal".into()]).expect("tagged");
    assert_eq!(names(&library, &query("anvil")), [""; 0]);
    assert_eq!(names(&library, &query("hammer metal")), ["Hammer"]);
    library
        .delete(&[id], barline_library::Removal::ForGood)
        .expect("deleted");
    assert_eq!(names(&library, &query("hammer")), [""; 0]);
    assert_eq!(library.tags().expect("tags").len(), 3);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_is_an_error(texts in prop::collection::vec("\\PC{0,40}|[\"'*^(){}:+ \\-\0ANDORNOTEaé#]{0,30}", 8)) {
        let folder = tempdir().expect("a folder");
        let mut library = open(folder.path());
        for (number, text) in (0..).zip(&texts) {
            library.add(&wav(number, 5), &facts(text)).expect("kept");
            let query = Query {
                text: text.clone(),
                key: Some(text.clone()),
                tags: vec![text.clone()],
                ..Query::default()
            };
            library.search(&query).expect("a page");
            let query = Query { text: text.clone(), ..Query::default() };
            let page = library.search(&query).expect("a page");
            // A take is found by its own prompt.
            prop_assert!(page.takes.iter().any(|take| &take.facts.prompt == text));
        }
    }
}
