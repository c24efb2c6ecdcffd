//! The side panel's lists.
//!
//! Test threads.

use egui::{Key, vec2};

use super::super::desk::Tab;
use super::rig::Rig;
use super::samples;
use crate::view::{
    Doing, Find, LibraryAction, Message, ModelAction, ModelState, Offered, Source, TakeId, UiAction,
};

fn rig(tab: Tab) -> Rig {
    let mut rig = Rig::new((1200.0, 800.0));
    samples::playing(&mut rig);
    rig.snapshot.library = samples::library();
    rig.snapshot.shelf = samples::shelf();
    rig.desk.tab = tab;
    rig.settle();
    rig.take();
    rig
}

fn library(action: LibraryAction) -> UiAction {
    UiAction::Library(action)
}

#[test]
fn a_take_is_heard_placed_and_dragged() {
    let mut rig = rig(Tab::Takes);
    let source = Source::Take(TakeId(1));
    // The picture lies to the left of the name.
    let name = rig.find_in(rig.side(), "round sub bass, slow glide");
    let left = rig.find("Takes of this session").x - 40.0;
    rig.click(egui::pos2(left, name.y + 8.0));
    assert_eq!(rig.take(), [UiAction::Preview(Some(source.clone()))]);
    rig.snapshot.preview = Some(source.clone());
    rig.tap(Key::Escape);
    assert_eq!(rig.take(), [UiAction::Preview(None)]);
    let to = rig.pad(6);
    rig.drag(name, to, true);
    assert_eq!(
        rig.take(),
        [UiAction::Drag(source.clone()), UiAction::Place(source, 6)]
    );
}

#[test]
fn a_used_prompt_is_taken_up_again() {
    let mut rig = rig(Tab::Takes);
    rig.snapshot.takes = [].into();
    rig.settle();
    let prompt = rig.find_in(rig.side(), "rhodes at night, jazz voicings");
    rig.click(prompt);
    rig.settle();
    assert_eq!(rig.project.prompt, "rhodes at night, jazz voicings");
    assert_eq!(rig.take(), [UiAction::Edited]);
}

#[test]
fn the_library_is_asked_when_it_is_first_seen() {
    let mut rig = Rig::new((1200.0, 800.0));
    rig.settle();
    assert_eq!(rig.take(), []);
    let tab = rig.find("Library");
    rig.click(tab);
    rig.settle();
    let asked = rig.take();
    let [UiAction::Library(LibraryAction::Find(find))] = asked.as_slice() else {
        panic!("{asked:?}");
    };
    assert!(find.limit > 0 && find.text.is_empty());
    assert!(rig.seek("Nothing here yet").is_some());
}

#[test]
fn the_library_is_searched() {
    let mut rig = rig(Tab::Library);
    let field = rig.find("Search words");
    rig.click(field);
    rig.write("rh");
    let asked = rig.take();
    let [UiAction::Library(LibraryAction::Find(find))] = asked.as_slice() else {
        panic!("{asked:?}");
    };
    assert_eq!(find.text, "rh");
    rig.frame(Vec::new());
    assert_eq!(rig.take(), [], "it is asked once");
    rig.tap(Key::Escape);
    let key = rig.find("BPM");
    assert!(key.x > 0.0);
    let wanted = Find {
        text: "rh".into(),
        limit: find.limit,
        ..Find::default()
    };
    assert_eq!(rig.desk.find, wanted);
}

#[test]
fn a_take_of_the_library_is_named_and_binned() {
    let mut rig = rig(Tab::Library);
    let row = rig.find_in(rig.side(), "round sub bass, slow glide");
    rig.click(row);
    rig.settle();
    let field = row + vec2(0.0, 52.0);
    rig.click(field);
    rig.hold(egui::Modifiers::COMMAND);
    rig.tap(Key::A);
    rig.hold(egui::Modifiers::NONE);
    rig.write("Sub for the bridge");
    rig.tap(Key::Enter);
    rig.settle();
    let named = LibraryAction::Rename("0001".into(), "Sub for the bridge".into());
    assert_eq!(rig.take(), [library(named)]);
    let bin = rig.find("Bin");
    rig.click(bin);
    assert_eq!(rig.take(), [library(LibraryAction::Bin("0001".into()))]);
}

#[test]
fn nothing_leaves_the_library_unasked() {
    let mut rig = rig(Tab::Library);
    let keep = rig.find("Keep them");
    rig.click(keep);
    assert_eq!(rig.take(), [library(LibraryAction::Prune(false))]);
    let go = rig.find("Move to the bin");
    rig.click(go);
    assert_eq!(rig.take(), [library(LibraryAction::Prune(true))]);
}

#[test]
fn a_model_is_fetched_after_its_size_and_licence_were_shown() {
    let mut rig = rig(Tab::Models);
    let id = "facebook/musicgen-medium".to_owned();
    let fetch = rig.find("Fetch…");
    rig.click(fetch);
    rig.settle();
    let offer = UiAction::Model(ModelAction::Offer(id.clone()));
    assert_eq!(rig.take(), [offer], "a question comes first");
    assert!(rig.seek("CC-BY-NC 4.0").is_some());
    assert!(rig.seek("Asking the hub").is_some());
    let agree = rig.find("Agree and fetch");
    rig.click(agree);
    assert_eq!(rig.take(), [], "nobody agrees to a size that is not known");
    let mut shelf = rig.snapshot.shelf.to_vec();
    shelf[2].offer = Some(Offered::Failed);
    rig.snapshot.shelf = shelf.clone().into();
    rig.settle();
    let again = rig.find("Ask again");
    rig.click(again);
    let offer = UiAction::Model(ModelAction::Offer(id.clone()));
    assert_eq!(rig.take(), [offer], "the hub can be asked again");
    shelf[2].offer = Some(Offered::Bytes(3_700_000_000));
    rig.snapshot.shelf = shelf.into();
    rig.settle();
    assert!(rig.seek("3.7 GB are to be fetched").is_some());
    let agree = rig.find("Agree and fetch");
    rig.click(agree);
    assert_eq!(rig.take(), [UiAction::Model(ModelAction::Fetch(id))]);
    assert!(rig.seek("16 MB/s · 1 min 34 s left").is_some());
    let pause = rig.find("Pause");
    rig.click(pause);
    let small = "facebook/musicgen-small".to_owned();
    assert_eq!(
        rig.take(),
        [UiAction::Model(ModelAction::Pause(small.clone()))]
    );
    let cancel = rig.find("Cancel");
    rig.click(cancel);
    let cancelled = UiAction::Model(ModelAction::CancelFetch(small));
    assert_eq!(rig.take(), [cancelled]);
}

#[test]
fn what_others_fetch_is_not_ours_to_stop() {
    let mut rig = rig(Tab::Models);
    let mut shelf = rig.snapshot.shelf.to_vec();
    if let ModelState::Fetching { doing, .. } = &mut shelf[1].state {
        *doing = Doing::Elsewhere;
    }
    let id = shelf[1].id.clone();
    rig.snapshot.shelf = shelf.into();
    rig.settle();
    assert!(rig.seek("Another instance").is_some());
    assert_eq!((rig.seek("Pause"), rig.seek("Cancel")), (None, None));
    let wait = rig.find("Use");
    rig.click(wait);
    assert_eq!(rig.take(), [UiAction::Model(ModelAction::Fetch(id))]);
}

#[test]
fn a_model_that_is_missing_is_offered_from_the_message() {
    let mut rig = rig(Tab::Takes);
    let id = "facebook/musicgen-medium".to_owned();
    rig.snapshot.message = Some(Message::NoModel {
        id: id.clone(),
        text: "The model is not here".to_owned(),
    });
    rig.settle();
    let fetch = rig.find("Fetch…");
    rig.click(fetch);
    rig.settle();
    assert_eq!(
        rig.take(),
        [
            UiAction::Model(ModelAction::Offer(id.clone())),
            UiAction::Model(ModelAction::Look)
        ]
    );
    assert!(
        rig.seek("Asking the hub").is_some(),
        "its question is shown"
    );
    let not_now = rig.find("Not now");
    rig.click(not_now);
    assert_eq!(rig.take(), [UiAction::Model(ModelAction::Decline(id))]);
}

#[test]
fn a_model_that_is_here_is_checked_and_removed() {
    let mut rig = rig(Tab::Models);
    let mut shelf = rig.snapshot.shelf.to_vec();
    shelf[2].state = ModelState::Here;
    shelf.truncate(3);
    let id = shelf[2].id.clone();
    rig.snapshot.shelf = shelf.into();
    rig.settle();
    let more = rig.exactly("…");
    assert_eq!(more.len(), 1, "the built-in one has none");
    rig.click(more[0]);
    rig.settle();
    let check = rig.find("Check its files");
    rig.click(check);
    let mend = ModelAction::Mend(id.clone());
    assert_eq!(rig.take(), [UiAction::Model(mend)]);
    rig.click(more[0]);
    rig.settle();
    let remove = rig.find("Remove it…");
    rig.click(remove);
    rig.settle();
    assert_eq!(rig.take(), [], "a question comes first");
    let yes = rig.exactly("Remove");
    rig.click(yes[0]);
    assert_eq!(rig.take(), [UiAction::Model(ModelAction::Remove(id))]);
}

#[test]
fn a_model_is_named_by_its_folder_or_its_id() {
    let mut rig = rig(Tab::Models);
    let field = rig.find("Folder of a model");
    rig.click(field);
    rig.write("some/tiny");
    rig.tap(Key::Enter);
    rig.settle();
    let named = ModelAction::Named("some/tiny".to_owned());
    assert_eq!(rig.take(), [UiAction::Model(named)]);
}

#[test]
fn what_a_project_carries_is_set_where_the_library_is() {
    let mut rig = rig(Tab::Library);
    let size = rig.find("32 MiB");
    rig.click(size);
    rig.hold(egui::Modifiers::COMMAND);
    rig.tap(Key::A);
    rig.hold(egui::Modifiers::NONE);
    rig.write("0");
    rig.tap(Key::Enter);
    rig.settle();
    assert_eq!(rig.project.carry_mib, 0);
    assert!(rig.seek("no clips").is_some());
    assert_eq!(rig.take(), [UiAction::Edited], "it can be undone");
}

#[test]
fn a_limit_that_is_not_known_is_left_alone() {
    let mut rig = Rig::new((1200.0, 800.0));
    rig.desk.tab = Tab::Library;
    rig.settle();
    let asked = rig.take();
    assert!(
        matches!(
            asked.as_slice(),
            [UiAction::Library(LibraryAction::Find(_))]
        ),
        "{asked:?}"
    );
}

#[test]
fn where_there_is_no_room_the_lists_lie_over_the_rest() {
    let mut rig = Rig::new((640.0, 420.0));
    samples::playing(&mut rig);
    rig.settle();
    assert!(rig.seek("Takes of this session").is_none());
    let side = egui::pos2(640.0 - 25.0, 25.0);
    rig.click(side);
    rig.settle();
    assert!(rig.seek("Takes of this session").is_some());
    rig.click(egui::pos2(100.0, 300.0));
    rig.settle();
    assert!(rig.seek("Takes of this session").is_none());
    assert_eq!(rig.take(), []);
}

#[test]
fn takes_of_one_request_are_one_line_of_the_queue() {
    let mut rig = Rig::new((1200.0, 800.0));
    samples::generating(&mut rig);
    rig.settle();
    let side = rig.side();
    let now = rig.exactly("now").len();
    assert_eq!(now, 1);
    assert!(rig.find_in(side, "2 takes").y < rig.find_in(side, "warehouse kick").y);
    // Places count takes: the next one waits for both.
    rig.find_in(side, "2.");
    rig.find_in(side, "3.");
}
